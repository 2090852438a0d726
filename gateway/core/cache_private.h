/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CACHE_PRIVATE_H
#define COAPGW_CACHE_PRIVATE_H

/*
 * cache_private: what the files of cache share.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cache.h"
#include "keyed_hash.h"

/* One block with its key. It lives as long as it has a representation or requests under way. */
struct cache_entry {
    struct cache_entry *next; /* in its bucket */
    struct cache_target *target;
    LIST_ENTRY(cache_entry) sibling;
    TAILQ_ENTRY(cache_entry) use;          /* while there is a representation */
    struct representation *representation; /* counted; NULL when nothing is stored */
    uint64_t change; /* of the target, when the representation was asked for */
    uint64_t turn;   /* of the latest request that has brought it, or one before it */
    uint32_t max_age_s;
    uint32_t hash;
    struct cache_pending *joinable; /* the request begun last; NULL when it has ended */
    unsigned pending_count;
    uint16_t key_length;
    uint8_t key[];
};

/* Lives as long as it has entries. */
struct cache_target {
    struct cache_target *next; /* in its bucket */
    LIST_HEAD(cache_siblings, cache_entry) entries;
    uint64_t change; /* counts the changes */
    size_t stored_count;
    uint32_t hash;
};

/* Hash tables of as many buckets. */
struct cache_tables {
    struct cache_entry **entries;
    struct cache_target **targets;
    size_t mask; /* their number less 1 */
};

struct cache {
    struct timers *timers;
    struct keyed_hash hash;
    struct cache_limits limits;
    struct cache_tables tables;
    TAILQ_HEAD(cache_uses, cache_entry) uses; /* what was used last comes first */
    size_t stored_count;
    size_t bytes; /* of all entries, targets and representations */
    uint64_t evictions;
    uint64_t turn; /* of the request begun last that may be joined */
};

/* The entry of a key, or NULL; `*hash` is that of the key. */
struct cache_entry *cache_find_entry(const struct cache *cache, const struct cache_key *key,
                                     uint32_t *hash);
/* The entry of a key, made if need be; the caller gives it a purpose or releases it. NULL when
 * memory is short. */
struct cache_entry *cache_need_entry(struct cache *cache, const struct cache_key *key);
/* Frees the entry, and its target with the last, unless something still needs it. */
void cache_release_entry(struct cache *cache, struct cache_entry *entry);
/* Evicts until what is stored lies within the limits. */
void cache_shrink(struct cache *cache);
/* cache_store for the answer to that request; NULL: to none. */
bool cache_store_asked(struct cache *cache, const struct cache_key *key,
                       struct representation *representation, const struct cache_pending *pending);

#endif
