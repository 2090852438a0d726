/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_PROVES_H
#define COAPGW_TEST_PROVES_H

/*
 * proves: a test's last statement, reached only when every assertion before it held. Its line goes
 * into the test's log, from which doc/conformance is made.
 */

#include <stdio.h>
#include <string.h>

/* Check puts a test into a function of its name and "_fn". */
static inline void proves_by(const char *row, const char *function)
{
    size_t length = strlen(function);
    if (length > 3 && strcmp(function + length - 3, "_fn") == 0)
        length -= 3;
    printf("ROW %s unit %.*s\n", row, (int)length, function);
    fflush(stdout);
}

#define proves(row) proves_by(row, __func__)

#endif
