/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_JUDGE_H
#define COAPGW_TEST_JUDGE_H

/*
 * judge: counts how often each invariant was checked and keeps the first violation of a seed; and
 * the trace: a hash of everything that happened, and its story for a reader when it is wanted.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum invariant {
#define INVARIANT(id, name, text) INVARIANT_##id,
#include "tables/invariants.h"
#undef INVARIANT
    INVARIANTS
};

struct judge {
    uint64_t checks[INVARIANTS];
    bool has_failed; /* in this seed */
    enum invariant failed;
    char story[512];
    uint64_t now_us;
    uint64_t hash;
    bool is_tracing;
};

const char *invariant_name(enum invariant invariant);
const char *invariant_text(enum invariant invariant);

/* A new seed; the counts stay. */
void judge_begin(struct judge *judge, bool is_tracing);
/* Counts a check; when `holds` is false the seed has failed. */
void judge_that(struct judge *judge, enum invariant invariant, bool holds, const char *format, ...)
    __attribute__((format(printf, 4, 5)));
/* Something happened: goes into the hash. */
void judge_note(struct judge *judge, const void *bytes, size_t length);
void judge_note_number(struct judge *judge, uint64_t number);
/* A line of the story; costs nothing when nobody wants it. */
void judge_tell(struct judge *judge, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
