/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_MEMORY_H
#define COAPGW_TEST_MEMORY_H

/*
 * memory: stands between the gateway and malloc (the linker's --wrap). It counts the blocks that
 * the gateway holds, fails some allocations when told to, and fills freed blocks with a pattern
 * that is looked at when they are given back, so that a write to freed memory shows without a
 * sanitizer too.
 *
 * The simulation itself takes its own memory through the functions below: it never fails and is not
 * counted.
 */

#include <stdbool.h>
#include <stddef.h>

struct dice;

/* Forgets what was counted; no allocation fails. */
void memory_begin(void);
/* From now on allocations fail in `per_million` of 1,000,000 cases, thrown with `dice`. */
void memory_fail(struct dice *dice, unsigned per_million);
/* Blocks that were taken since memory_begin and not freed. */
size_t memory_blocks(void);
unsigned long memory_failures(void);
/* Gives back what is kept back; false when somebody wrote into a freed block. */
bool memory_is_clean(void);

/* Of the simulation: never NULL, it ends the program instead. */
void *memory_take(size_t size);
void *memory_resize(void *block, size_t size);
void memory_return(void *block);

#endif
