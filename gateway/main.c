/* SPDX-License-Identifier: BSD-2-Clause */
/* main: the command line of the daemon. */
#include "autoconfig.h"

#include <stdio.h>

int main(void)
{
    puts("coapgw " PACKAGE_VERSION);
    return 0;
}
