/* SPDX-License-Identifier: BSD-2-Clause */
#include "judge.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/*
 * judge: see the header. The hash takes eight bytes at a time (a multiplication and a rotation), as
 * every datagram goes through it.
 */

static const struct {
    const char *name;
    const char *text;
} invariants[] = {
#define INVARIANT(id, name, text) [INVARIANT_##id] = {name, text},
#include "tables/invariants.h"
#undef INVARIANT
};

const char *invariant_name(enum invariant invariant)
{
    return invariants[invariant].name;
}

const char *invariant_text(enum invariant invariant)
{
    return invariants[invariant].text;
}

void judge_begin(struct judge *judge, bool is_tracing)
{
    judge->has_failed = false;
    judge->story[0] = '\0';
    judge->now_us = 0;
    judge->hash = UINT64_C(0xcbf29ce484222325);
    judge->is_tracing = is_tracing;
}

static void print_time(const struct judge *judge)
{
    printf("%12.6f ", (double)judge->now_us / 1000000);
}

void judge_that(struct judge *judge, enum invariant invariant, bool holds, const char *format, ...)
{
    va_list arguments;

    judge->checks[invariant]++;
    if (holds || judge->has_failed)
        return;
    judge->has_failed = true;
    judge->failed = invariant;
    va_start(arguments, format);
    (void)vsnprintf(judge->story, sizeof judge->story, format, arguments);
    va_end(arguments);
    if (judge->is_tracing) {
        print_time(judge);
        printf("VIOLATED %s: %s\n", invariants[invariant].name, judge->story);
    }
}

void judge_note_number(struct judge *judge, uint64_t number)
{
    uint64_t hash = (judge->hash ^ number) * UINT64_C(0x9E3779B97F4A7C15);

    judge->hash = hash << 29 | hash >> 35;
}

void judge_note(struct judge *judge, const void *bytes, size_t length)
{
    const uint8_t *at = bytes;

    judge_note_number(judge, length);
    for (; length > 0;) {
        uint64_t word = 0;
        size_t part = length < 8 ? length : 8;
        for (size_t i = 0; i < part; i++)
            word |= (uint64_t)at[i] << (8 * i);
        judge_note_number(judge, word);
        at += part;
        length -= part;
    }
}

void judge_tell(struct judge *judge, const char *format, ...)
{
    va_list arguments;

    if (!judge->is_tracing)
        return;
    print_time(judge);
    va_start(arguments, format);
    (void)vprintf(format, arguments);
    va_end(arguments);
    putchar('\n');
}
