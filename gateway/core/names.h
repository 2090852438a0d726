/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_NAMES_H
#define COAPGW_NAMES_H

/*
 * names: a small bounded cache in front of the resolver. Requests for one name share one question,
 * and a request judges and sends with the same answer (SEC-07): what is known at its beginning
 * stays good for it.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "resolver.h"

struct names;
struct names_entry;
struct timers;

enum {
    NAMES_ENTRIES_MAX = 256,
    NAMES_LIFETIME_US = 30 * 1000000,        /* of an answer */
    NAMES_FAILURE_LIFETIME_US = 2 * 1000000, /* of "no such name": short, nodes come and go */
};

struct names_answer {
    enum resolver_status status;
    size_t count; /* 0 unless RESOLVER_FOUND */
    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX];
};

/* Someone who waits for a name, embedded in whoever waits; zeroed before first use. */
struct names_wait {
    void (*answered)(void *handle); /* may wait again, for this name or another */
    void *handle;
    struct names_entry *entry; /* NULL: waits for nothing */
    TAILQ_ENTRY(names_wait) link;
};

/* NULL when memory is short. Both are borrowed for life. */
struct names *names_new(struct timers *timers, const struct resolver *resolver);
/* Nobody may be waiting. NULL is fine. */
void names_free(struct names *names);
/* What was known of the name at `since_us` or is known by now; NULL: ask. Borrowed until the next
 * call. */
const struct names_answer *names_find(struct names *names, const char *name, uint64_t since_us);
/* Asks for the name; wait->answered follows, never from inside this call. 0, or -1 when the
 * resolver takes no question or memory is short (503). */
int names_ask(struct names *names, const char *name, struct names_wait *wait);
/* No `answered` follows. Fine for one who waits for nothing. */
void names_forget(struct names_wait *wait);

#endif
