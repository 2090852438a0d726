/* SPDX-License-Identifier: BSD-2-Clause */
#include "memory.h"

#include <malloc.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "dice.h"

/*
 * memory: the live blocks are a set of addresses with open addressing; what libraries allocate by
 * themselves and the gateway frees is not in it and passes through. Freed blocks wait in a ring,
 * full of a pattern, before the system has them again. A build with AddressSanitizer has better
 * means and keeps nothing back.
 */

#if defined(__SANITIZE_ADDRESS__)
#define HAS_SANITIZER 1
#elif defined(__has_feature)
#if __has_feature(address_sanitizer)
#define HAS_SANITIZER 1
#endif
#endif
#ifndef HAS_SANITIZER
#define HAS_SANITIZER 0
#endif

enum { RING_SIZE = 256, PATTERN = 0xdb, PATTERN_MAX = 4096, SET_FIRST = 1024 };

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void __real_free(void *block);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void __wrap_free(void *block);
char *__wrap_strdup(const char *text);
char *__wrap_strndup(const char *text, size_t length);

static struct {
    void **slots; /* NULL: free; open addressing without tombstones */
    size_t capacity;
    size_t count;
} live;

static struct {
    void *blocks[RING_SIZE];
    size_t next;
    bool is_dirty;
} ring;

static struct {
    struct dice *dice;
    unsigned per_million;
    unsigned long count;
} failing;

static size_t home_of(const void *block)
{
    return (size_t)(((uintptr_t)block >> 4) * UINT64_C(0x9E3779B97F4A7C15) >> 20) &
           (live.capacity - 1);
}

static void put(void *block)
{
    size_t at = home_of(block);

    while (live.slots[at] != NULL)
        at = (at + 1) & (live.capacity - 1);
    live.slots[at] = block;
}

static void grow(void)
{
    void **old = live.slots;
    size_t capacity = live.capacity;

    live.capacity = capacity == 0 ? SET_FIRST : 2 * capacity;
    live.slots = __real_calloc(live.capacity, sizeof *live.slots);
    if (live.slots == NULL)
        abort();
    for (size_t i = 0; i < capacity; i++)
        if (old[i] != NULL)
            put(old[i]);
    __real_free(old);
}

static void *enter(void *block)
{
    if (block == NULL)
        return NULL;
    if (2 * (live.count + 1) > live.capacity)
        grow();
    put(block);
    live.count++;
    return block;
}

/* False when the block is not in the set. The gap is closed by moving up what was pushed on. */
static bool leave(void *block)
{
    if (live.capacity == 0)
        return false;
    size_t at = home_of(block);
    while (live.slots[at] != block) {
        if (live.slots[at] == NULL)
            return false;
        at = (at + 1) & (live.capacity - 1);
    }
    live.count--;
    for (size_t next = at;;) {
        live.slots[at] = NULL;
        do {
            next = (next + 1) & (live.capacity - 1);
            if (live.slots[next] == NULL)
                return true;
        } while (((next - home_of(live.slots[next])) & (live.capacity - 1)) <
                 ((next - at) & (live.capacity - 1)));
        live.slots[at] = live.slots[next];
        at = next;
    }
}

static bool fails(void)
{
    if (failing.per_million == 0 || dice_below(failing.dice, 1000000) >= failing.per_million)
        return false;
    failing.count++;
    return true;
}

static size_t pattern_size(void *block)
{
    size_t size = malloc_usable_size(block);

    return size < PATTERN_MAX ? size : PATTERN_MAX;
}

static void give_back(void *block)
{
    const unsigned char *bytes = block;

    if (block == NULL)
        return;
    for (size_t i = 0; i < pattern_size(block); i++)
        if (bytes[i] != PATTERN)
            ring.is_dirty = true;
    __real_free(block);
}

static void keep_back(void *block)
{
    if (HAS_SANITIZER) {
        __real_free(block);
        return;
    }
    memset(block, PATTERN, pattern_size(block));
    give_back(ring.blocks[ring.next]);
    ring.blocks[ring.next] = block;
    ring.next = (ring.next + 1) % RING_SIZE;
}

void *__wrap_malloc(size_t size)
{
    return fails() ? NULL : enter(__real_malloc(size));
}

void *__wrap_calloc(size_t count, size_t size)
{
    return fails() ? NULL : enter(__real_calloc(count, size));
}

void *__wrap_realloc(void *block, size_t size)
{
    if (fails())
        return NULL;
    if (block == NULL)
        return enter(__real_malloc(size));
    bool was_ours = leave(block);
    void *moved = __real_realloc(block, size);
    if (was_ours)
        (void)enter(moved != NULL ? moved : block);
    return moved;
}

void __wrap_free(void *block)
{
    if (block == NULL)
        return;
    if (leave(block))
        keep_back(block);
    else
        __real_free(block);
}

char *__wrap_strndup(const char *text, size_t length)
{
    size_t used = strnlen(text, length);
    char *copy = __wrap_malloc(used + 1);

    if (copy == NULL)
        return NULL;
    memcpy(copy, text, used);
    copy[used] = '\0';
    return copy;
}

char *__wrap_strdup(const char *text)
{
    return __wrap_strndup(text, strlen(text));
}

void memory_begin(void)
{
    live.count = 0;
    if (live.capacity > 0)
        memset(live.slots, 0, live.capacity * sizeof *live.slots);
    failing.per_million = 0;
    failing.count = 0;
}

void memory_fail(struct dice *dice, unsigned per_million)
{
    failing.dice = dice;
    failing.per_million = per_million;
}

size_t memory_blocks(void)
{
    return live.count;
}

unsigned long memory_failures(void)
{
    return failing.count;
}

bool memory_is_clean(void)
{
    for (size_t i = 0; i < RING_SIZE; i++) {
        give_back(ring.blocks[i]);
        ring.blocks[i] = NULL;
    }
    return !ring.is_dirty;
}

void *memory_resize(void *block, size_t size)
{
    void *moved = __real_realloc(block, size);

    if (moved == NULL) {
        fputs("the simulation is short of memory\n", stderr);
        exit(3);
    }
    return moved;
}

void *memory_take(size_t size)
{
    return memory_resize(NULL, size);
}

void memory_return(void *block)
{
    __real_free(block);
}
