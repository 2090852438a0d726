/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CACHE_H
#define COAPGW_CACHE_H

/*
 * cache: what nodes answered, by cache key, bounded in bytes and entries; what was used longest ago
 * goes first. It also knows which requests are under way (`struct cache_pending`), so that those
 * with one key share one (CACHE-13), and so that what a node answers to a request from before a
 * change is not taken for the state after it (CACHE-09).
 *
 * It knows nothing of HTTP, of nodes or of who may read what: whoever looks something up has passed
 * the access rules for that target and method by himself (CACHE-15).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache_key.h"
#include "random_source.h"

struct cache;
struct cache_entry;
struct representation;
struct timers;

struct cache_limits {
    size_t bytes;   /* of all keys and representations, bookkeeping included */
    size_t entries; /* 0: nothing is stored */
};

/* NULL when memory is short. `timers` is borrowed for life; `random` keys the hashes. */
struct cache *cache_new(struct timers *timers, struct random_source random,
                        const struct cache_limits *limits);
/* No request may be pending. NULL is fine. */
void cache_free(struct cache *cache);
/* Makes room at once when the limits have become narrower. */
void cache_set_limits(struct cache *cache, const struct cache_limits *limits);
/* Forgets all that is stored; pending requests become outdated. */
void cache_clear(struct cache *cache);

/* What is stored under a key. */
struct cache_found {
    struct representation *representation; /* borrowed until the cache is used again */
    uint64_t age_us;                       /* since its arrival */
    int64_t fresh_us;    /* how much longer it is fresh; 0 or negative: stale, since so long */
    bool is_invalidated; /* the target has changed since: never to be used without validation */
};
/* Looks a key up and marks what is found as used just now. False when there is nothing;
 * `*has_others`, unless NULL, tells then whether the target has other entries. */
bool cache_find(struct cache *cache, const struct cache_key *key, struct cache_found *found,
                bool *has_others);

/* How long a response may be reused at all, in seconds: Max-Age of a 2.05 (60 without), of an error
 * only an explicit one, never of 4.29 and 5.03, whose Max-Age is the time to wait, nor of a 4.01
 * with Echo (CACHE-02, CACHE-10, CACHE-11). False: it is not to be stored. */
bool cache_may_store(const struct representation *representation, uint32_t *max_age_s);
/* Stores a representation from whatever source (an answer, a notification) with a reference of its
 * own, in place of one that has arrived no later; one with a later arrival stays. It counts as
 * newer than all that is asked for already (cache_begin): a node may repeat an old answer. False
 * when it was not stored: it may not be, does not fit within the limits, or memory is short. What
 * was stored before under the key goes then too, unless the response tells nothing of the resource:
 * a 5.xx, a 4.29 or a 4.01 with Echo that may not be stored. */
bool cache_store(struct cache *cache, const struct cache_key *key,
                 struct representation *representation);
/* Forgets one entry; unknown keys are fine. */
void cache_forget(struct cache *cache, const struct cache_key *key);
/* The target has changed, or may have: nothing that is stored for it, or that is being asked for
 * at this moment, is fresh (RFC 7252 5.9.1, RFC 9111 4.4). `target` needs no more than its target
 * part. */
void cache_invalidate(struct cache *cache, const struct cache_key *target);

/* A request under way for a key; embedded in its owner, zeroed before the first use, and not to be
 * moved. */
struct cache_pending {
    /* private */
    struct cache *cache; /* NULL: not pending */
    struct cache_entry *entry;
    uint64_t change; /* of the target, when the request began */
    uint64_t turn;   /* counts those that may be joined; 0: this one may not */
};
/* Announces a request that later ones may join: it takes the place of an earlier one with the same
 * key, whose answer does not replace that of the later one. -1 when memory is short: then it goes
 * alone. */
int cache_begin(struct cache *cache, const struct cache_key *key, struct cache_pending *pending);
/* The same for a request that nobody else may join, such as one with a client's own tags: it only
 * learns of changes. An earlier one stays joinable. */
int cache_begin_alone(struct cache *cache, const struct cache_key *key,
                      struct cache_pending *pending);
/* The request that one with this key may join: the one begun last, unless the target has changed
 * since. NULL when there is none. */
struct cache_pending *cache_find_pending(struct cache *cache, const struct cache_key *key);
/* True when the target was invalidated since the request began: its answer may be stored, but
 * counts as invalidated (cache_store_pending does so). */
bool cache_is_outdated(const struct cache_pending *pending);
/* cache_store for the answer to a pending request, which does not end by it. An outdated one never
 * takes the place of what was asked for after the change. */
bool cache_store_pending(struct cache *cache, const struct cache_key *key,
                         struct cache_pending *pending, struct representation *representation);
/* The request has ended, or nobody may join it any longer. Harmless when it is not pending. */
void cache_end(struct cache *cache, struct cache_pending *pending);

struct cache_counts {
    size_t entries;
    size_t bytes;
    uint64_t evictions;
};
struct cache_counts cache_count(const struct cache *cache);

#endif
