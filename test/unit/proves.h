/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_PROVES_H
#define COAPGW_TEST_PROVES_H

/*
 * proves: a test's last statement, reached only when every assertion before it held. Its line goes
 * into the test's log, from which doc/conformance is made.
 */

#include <stdio.h>

#define proves(row)                                                                                \
    do {                                                                                           \
        printf("ROW %s unit %s\n", row, __func__);                                                 \
        fflush(stdout);                                                                            \
    } while (0)

#endif
