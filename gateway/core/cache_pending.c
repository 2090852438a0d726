/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache.h"

/*
 * cache_pending: the requests under way, each in the entry of its key. Only the one begun last is
 * ever joined: what an earlier one brings may be older than what others have seen already.
 */

#include <assert.h>

#include "cache_private.h"

int cache_begin_alone(struct cache *cache, const struct cache_key *key,
                      struct cache_pending *pending)
{
    struct cache_entry *entry = cache_need_entry(cache, key);

    assert(pending->cache == NULL);
    if (entry == NULL)
        return -1;
    entry->pending_count++;
    pending->cache = cache;
    pending->entry = entry;
    pending->change = entry->target->change;
    pending->turn = 0;
    cache_shrink(cache);
    return 0;
}

int cache_begin(struct cache *cache, const struct cache_key *key, struct cache_pending *pending)
{
    if (cache_begin_alone(cache, key, pending) != 0)
        return -1;
    pending->entry->joinable = pending;
    pending->turn = ++cache->turn;
    return 0;
}

struct cache_pending *cache_find_pending(struct cache *cache, const struct cache_key *key)
{
    uint32_t hash;
    const struct cache_entry *entry = cache_find_entry(cache, key, &hash);

    if (entry == NULL || entry->joinable == NULL || cache_is_outdated(entry->joinable))
        return NULL;
    return entry->joinable;
}

bool cache_is_outdated(const struct cache_pending *pending)
{
    assert(pending->cache != NULL);
    return pending->change != pending->entry->target->change;
}

bool cache_store_pending(struct cache *cache, const struct cache_key *key,
                         struct cache_pending *pending, struct representation *representation)
{
    return cache_store_asked(cache, key, representation, pending);
}

void cache_end(struct cache *cache, struct cache_pending *pending)
{
    struct cache_entry *entry = pending->entry;

    if (pending->cache == NULL)
        return;
    pending->cache = NULL;
    pending->entry = NULL;
    if (entry->joinable == pending)
        entry->joinable = NULL;
    entry->pending_count--;
    cache_release_entry(cache, entry);
}
