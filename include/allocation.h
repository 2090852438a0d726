/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ALLOCATION_H
#define COAPGW_ALLOCATION_H

/*
 * allocation: what a block of memory really takes, for those that promise to stay within a number
 * of bytes.
 */

#include <stddef.h>

/* Bytes that malloc needs for a block of `size` bytes: its own head and the alignment included. */
size_t allocation_size(size_t size);

#endif
