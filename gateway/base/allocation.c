/* SPDX-License-Identifier: BSD-2-Clause */
#include "allocation.h"

/*
 * allocation: the figures of glibc, whose blocks have a head of one word, are multiples of two
 * words that hold any type, and have at least four words. Other C libraries differ by a little. It
 * is an estimate on purpose: nothing depends on which of them is linked.
 */

#include <stdalign.h>
#include <stdint.h>

size_t allocation_size(size_t size)
{
    const size_t step =
        2 * sizeof(void *) > alignof(max_align_t) ? 2 * sizeof(void *) : alignof(max_align_t);
    const size_t least = 4 * sizeof(void *);

    if (size > SIZE_MAX - sizeof(void *) - step)
        return SIZE_MAX;
    size = (size + sizeof(void *) + step - 1) / step * step;
    return size < least ? least : size;
}
