/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_BLOCK_OPTION_H
#define COAPGW_BLOCK_OPTION_H

/*
 * block_option: the value of a Block1 or Block2 option, NUM/M/SZX (RFC 7959 2.2), and the
 * arithmetic that keeps a byte offset when the size of the blocks changes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct rest_option;

enum {
    BLOCK_SZX_MAX = 6, /* 7 is reserved */
    BLOCK_SIZE_MIN = 16,
    BLOCK_SIZE_MAX = 1024,
    BLOCK_NUMBER_MAX = (1 << 20) - 1,
};

struct block {
    uint32_t number;
    bool more;
    uint8_t szx; /* 0 .. BLOCK_SZX_MAX */
};

/* Reads the value of an option. False when it is longer than 3 bytes or has the reserved size. */
bool block_read(const struct rest_option *option, struct block *block);
/* The value to send, as a uint of at most 24 bits. */
uint32_t block_value(const struct block *block);
/* Bytes of a full block. */
size_t block_size(uint8_t szx);
/* Position of the block's first byte in the body. */
size_t block_offset(const struct block *block);
/* The exponent of the largest block of at most `size` bytes; 0 (16 bytes) when even that is more.
 */
uint8_t block_szx_within(size_t size);
/* The block of the size `szx` that begins at `offset`, a multiple of that size, with `more` unset.
 * False when its number does not fit into the option. */
bool block_at(size_t offset, uint8_t szx, struct block *block);

#endif
