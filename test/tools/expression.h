/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_EXPRESSION_H
#define COAPGW_TEST_EXPRESSION_H

/* expression: what ${...} can compute in a scenario besides naming a variable. */

#include "bytes.h"

/* Appends what the inside of ${...} stands for. False, with nothing appended, when it is none of
 *
 *     3*ab                                 ab three times
 *     calc A OP B                          whole numbers; OP is + - * / %
 *     body N [letter X] [slice FROM COUNT] [block NUM SIZE]
 *     more N NUM SIZE                      1 when block NUM is not the last of a body of N, else 0
 */
bool expression_write(const char *expression, struct bytes *out);

#endif
