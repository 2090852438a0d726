/* SPDX-License-Identifier: BSD-2-Clause */
#include "block_option.h"

#include <assert.h>

#include "rest.h"

/*
 * block_option: numbers only, no state. Both sides may make blocks smaller in the midst of a
 * transfer; sizes are powers of two, so that what has been transferred is always a whole number of
 * the smaller blocks (RFC 7959 2.3), and all that a transfer has to remember is a byte offset.
 */

enum {
    SMALLEST_SHIFT = 4, /* 2 ** 4 is the size of SZX 0 */
    NUMBER_SHIFT = 4,
    MORE = 1 << 3,
    SZX = 7,
    LENGTH_MAX = 3,
};

bool block_read(const struct rest_option *option, struct block *block)
{
    uint32_t value;

    if (option->length > LENGTH_MAX || !rest_option_uint(option, &value) || (value & SZX) == SZX)
        return false;
    block->number = value >> NUMBER_SHIFT;
    block->more = (value & MORE) != 0;
    block->szx = (uint8_t)(value & SZX);
    return true;
}

uint32_t block_value(const struct block *block)
{
    assert(block->number <= BLOCK_NUMBER_MAX && block->szx <= BLOCK_SZX_MAX);
    return block->number << NUMBER_SHIFT | (block->more ? MORE : 0) | block->szx;
}

size_t block_size(uint8_t szx)
{
    return (size_t)1 << (szx + SMALLEST_SHIFT);
}

size_t block_offset(const struct block *block)
{
    return (size_t)block->number << (block->szx + SMALLEST_SHIFT);
}

uint8_t block_szx_within(size_t size)
{
    uint8_t szx = BLOCK_SZX_MAX;

    while (szx > 0 && block_size(szx) > size)
        szx--;
    return szx;
}

bool block_at(size_t offset, uint8_t szx, struct block *block)
{
    size_t number = offset >> (szx + SMALLEST_SHIFT);

    assert(offset % block_size(szx) == 0);
    if (number > BLOCK_NUMBER_MAX)
        return false;
    *block = (struct block){.number = (uint32_t)number, .szx = szx};
    return true;
}
