/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache.h"

/*
 * cache: entries by key in a hash table, and beside it the targets that they belong to. An entry
 * holds a representation, or stands for requests that are under way, or both; a target counts its
 * changes, and what was asked for before the last one is invalidated: so a change costs the same
 * whatever is stored. Every block is charged with what malloc needs for it.
 *
 * The tables get their size from the limits and not from what is in them: no request ever pays for
 * growing them.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "cache_private.h"
#include "freshness.h"
#include "representation.h"
#include "rest.h"
#include "timers.h"

enum {
    BUCKETS_MIN = 1024,
    ENTRY_TYPICAL = 512, /* bytes: there will not be more buckets than such entries */
};

static size_t bucket_count(const struct cache_limits *limits)
{
    size_t count = BUCKETS_MIN;

    while (count < limits->entries && count < limits->bytes / ENTRY_TYPICAL)
        count *= 2;
    return count;
}

static void clear_tables(struct cache_tables *tables)
{
    free(tables->entries);
    free(tables->targets);
}

static int allocate_tables(struct cache_tables *tables, size_t count)
{
    tables->entries = calloc(count, sizeof(struct cache_entry *));
    tables->targets = calloc(count, sizeof(struct cache_target *));
    tables->mask = count - 1;
    if (tables->entries != NULL && tables->targets != NULL)
        return 0;
    clear_tables(tables);
    return -1;
}

struct cache *cache_new(struct timers *timers, struct random_source random,
                        const struct cache_limits *limits)
{
    struct cache *cache = calloc(1, sizeof *cache);

    if (cache == NULL)
        return NULL;
    cache->timers = timers;
    cache->limits = *limits;
    TAILQ_INIT(&cache->uses);
    random_bytes(&random, &cache->hash, sizeof cache->hash);
    if (allocate_tables(&cache->tables, bucket_count(limits)) == 0)
        return cache;
    free(cache);
    return NULL;
}

static uint32_t hash_of(const struct cache *cache, const uint8_t *bytes, size_t length)
{
    return keyed_hash(&cache->hash, bytes, length);
}

struct cache_entry *cache_find_entry(const struct cache *cache, const struct cache_key *key,
                                     uint32_t *hash)
{
    struct cache_entry *entry;

    *hash = hash_of(cache, key->bytes, key->length);
    for (entry = cache->tables.entries[*hash & cache->tables.mask]; entry != NULL;
         entry = entry->next)
        if (entry->hash == *hash && entry->key_length == key->length &&
            memcmp(entry->key, key->bytes, key->length) == 0)
            break;
    return entry;
}

/* No target is the beginning of another, so the first bytes of any of its keys tell. */
static struct cache_target *find_target(const struct cache *cache, const struct cache_key *key,
                                        uint32_t *hash)
{
    struct cache_target *target;

    *hash = hash_of(cache, key->bytes, key->target_length);
    for (target = cache->tables.targets[*hash & cache->tables.mask]; target != NULL;
         target = target->next) {
        const struct cache_entry *first = LIST_FIRST(&target->entries);

        if (target->hash == *hash && first->key_length >= key->target_length &&
            memcmp(first->key, key->bytes, key->target_length) == 0)
            break;
    }
    return target;
}

static size_t entry_size(size_t key_length)
{
    return allocation_size(sizeof(struct cache_entry) + key_length);
}

static size_t target_size(void)
{
    return allocation_size(sizeof(struct cache_target));
}

/* The target of a key, which the caller gives an entry at once. NULL when memory is short. */
static struct cache_target *need_target(struct cache *cache, const struct cache_key *key)
{
    uint32_t hash;
    struct cache_target *target = find_target(cache, key, &hash);

    if (target != NULL)
        return target;
    target = calloc(1, sizeof *target);
    if (target == NULL)
        return NULL;
    target->hash = hash;
    LIST_INIT(&target->entries);
    target->next = cache->tables.targets[hash & cache->tables.mask];
    cache->tables.targets[hash & cache->tables.mask] = target;
    cache->bytes += target_size();
    return target;
}

struct cache_entry *cache_need_entry(struct cache *cache, const struct cache_key *key)
{
    uint32_t hash;
    struct cache_entry *entry = cache_find_entry(cache, key, &hash);

    if (entry != NULL)
        return entry;
    entry = calloc(1, sizeof *entry + key->length);
    if (entry == NULL)
        return NULL;
    entry->target = need_target(cache, key);
    if (entry->target == NULL) {
        free(entry);
        return NULL;
    }
    entry->hash = hash;
    entry->key_length = key->length;
    memcpy(entry->key, key->bytes, key->length);
    LIST_INSERT_HEAD(&entry->target->entries, entry, sibling);
    entry->next = cache->tables.entries[hash & cache->tables.mask];
    cache->tables.entries[hash & cache->tables.mask] = entry;
    cache->bytes += entry_size(key->length);
    return entry;
}

static void free_target(struct cache *cache, struct cache_target *target)
{
    struct cache_target **link = &cache->tables.targets[target->hash & cache->tables.mask];

    while (*link != target)
        link = &(*link)->next;
    *link = target->next;
    cache->bytes -= target_size();
    free(target);
}

void cache_release_entry(struct cache *cache, struct cache_entry *entry)
{
    struct cache_entry **link = &cache->tables.entries[entry->hash & cache->tables.mask];
    struct cache_target *target = entry->target;

    if (entry->representation != NULL || entry->pending_count > 0)
        return;
    while (*link != entry)
        link = &(*link)->next;
    *link = entry->next;
    LIST_REMOVE(entry, sibling);
    if (LIST_EMPTY(&target->entries))
        free_target(cache, target);
    cache->bytes -= entry_size(entry->key_length);
    free(entry);
}

/* Takes the representation out of an entry, which stays. */
static void empty(struct cache *cache, struct cache_entry *entry)
{
    if (entry->representation == NULL)
        return;
    TAILQ_REMOVE(&cache->uses, entry, use);
    cache->bytes -= representation_size(entry->representation);
    cache->stored_count--;
    entry->target->stored_count--;
    representation_release(entry->representation);
    entry->representation = NULL;
}

/* Makes room for `bytes` in `entries` further entries; false when there cannot be enough. */
static bool make_room(struct cache *cache, size_t bytes, size_t entries)
{
    while (cache->stored_count + entries > cache->limits.entries ||
           cache->bytes > cache->limits.bytes || bytes > cache->limits.bytes - cache->bytes) {
        struct cache_entry *oldest = TAILQ_LAST(&cache->uses, cache_uses);

        if (oldest == NULL)
            return false;
        empty(cache, oldest);
        cache_release_entry(cache, oldest);
        cache->evictions++;
    }
    return true;
}

void cache_shrink(struct cache *cache)
{
    (void)make_room(cache, 0, 0);
}

void cache_free(struct cache *cache)
{
    if (cache == NULL)
        return;
    cache->limits = (struct cache_limits){0};
    cache_shrink(cache);
    assert(cache->bytes == 0);
    clear_tables(&cache->tables);
    free(cache);
}

/* Puts what is in the tables `old` into those of the cache. */
static void move_all(struct cache *cache, const struct cache_tables *old)
{
    struct cache_tables *tables = &cache->tables;

    for (size_t i = 0; i <= old->mask; i++) {
        struct cache_entry *entry;
        struct cache_target *target;

        while ((entry = old->entries[i]) != NULL) {
            old->entries[i] = entry->next;
            entry->next = tables->entries[entry->hash & tables->mask];
            tables->entries[entry->hash & tables->mask] = entry;
        }
        while ((target = old->targets[i]) != NULL) {
            old->targets[i] = target->next;
            target->next = tables->targets[target->hash & tables->mask];
            tables->targets[target->hash & tables->mask] = target;
        }
    }
}

void cache_set_limits(struct cache *cache, const struct cache_limits *limits)
{
    struct cache_tables old = cache->tables;
    struct cache_tables tables;

    cache->limits = *limits;
    cache_shrink(cache);
    /* Without memory for others the old ones serve as well, only with longer chains. */
    if (bucket_count(limits) == old.mask + 1 || allocate_tables(&tables, bucket_count(limits)) != 0)
        return;
    cache->tables = tables;
    move_all(cache, &old);
    clear_tables(&old);
}

void cache_clear(struct cache *cache)
{
    struct cache_entry *entry;

    while ((entry = TAILQ_FIRST(&cache->uses)) != NULL) {
        empty(cache, entry);
        cache_release_entry(cache, entry);
    }
    /* The targets that are left have requests under way. */
    for (size_t i = 0; i <= cache->tables.mask; i++)
        for (struct cache_target *target = cache->tables.targets[i]; target != NULL;
             target = target->next)
            target->change++;
}

bool cache_find(struct cache *cache, const struct cache_key *key, struct cache_found *found,
                bool *has_others)
{
    uint32_t hash;
    struct cache_entry *entry = cache_find_entry(cache, key, &hash);
    uint64_t now_us = timers_now_us(cache->timers);
    uint64_t arrived_us;

    if (entry == NULL || entry->representation == NULL) {
        const struct cache_target *target = entry != NULL        ? entry->target
                                            : has_others != NULL ? find_target(cache, key, &hash)
                                                                 : NULL;
        if (has_others != NULL)
            *has_others = target != NULL && target->stored_count > 0;
        return false;
    }
    if (has_others != NULL)
        *has_others = entry->target->stored_count > 1;
    TAILQ_REMOVE(&cache->uses, entry, use);
    TAILQ_INSERT_HEAD(&cache->uses, entry, use);
    arrived_us = representation_arrived_us(entry->representation);
    found->representation = entry->representation;
    found->age_us = now_us > arrived_us ? now_us - arrived_us : 0;
    found->fresh_us = (int64_t)entry->max_age_s * 1000000 - (int64_t)found->age_us;
    found->is_invalidated = entry->change != entry->target->change;
    return true;
}

/* Whether a response tells how the node fares and not what the resource is: then what is stored may
 * still be right (RFC 9111 4.3.3). */
static bool tells_nothing(const struct representation *representation)
{
    uint8_t code = representation_code(representation);

    return REST_CODE_CLASS(code) == 5 || code == REST_CODE(4, 29) ||
           representation_is_challenge(representation);
}

bool cache_may_store(const struct representation *representation, uint32_t *max_age_s)
{
    uint8_t code = representation_code(representation);
    bool is_explicit = representation_max_age(representation, max_age_s);

    if (code == REST_CODE(2, 5)) {
        if (!is_explicit)
            *max_age_s = FRESHNESS_DEFAULT_S;
        return true;
    }
    if (REST_CODE_CLASS(code) != 4 && REST_CODE_CLASS(code) != 5)
        return false;
    return is_explicit && *max_age_s > 0 && code != REST_CODE(4, 29) && code != REST_CODE(5, 3) &&
           !representation_is_challenge(representation);
}

/* Whether what is stored stays: it came later, or it is from after the last change and the other is
 * not, or was asked for when nobody joined the other's request any more. */
static bool is_newer(const struct cache_entry *entry, const struct representation *other,
                     const struct cache_pending *pending)
{
    if (entry->representation == NULL)
        return false;
    if (representation_arrived_us(entry->representation) > representation_arrived_us(other))
        return true;
    return pending != NULL &&
           (entry->change > pending->change || (pending->turn != 0 && entry->turn > pending->turn));
}

/* Gives the entry a representation, whose reference it takes, in place of none. */
static void fill(struct cache *cache, struct cache_entry *entry,
                 struct representation *representation, uint32_t max_age_s)
{
    entry->representation = representation;
    entry->max_age_s = max_age_s;
    TAILQ_INSERT_HEAD(&cache->uses, entry, use);
    cache->bytes += representation_size(representation);
    cache->stored_count++;
    entry->target->stored_count++;
}

/* False when it is too large for any entry of that key. */
static bool could_fit(const struct cache *cache, const struct cache_key *key,
                      const struct representation *representation)
{
    size_t overhead = entry_size(key->length) + target_size();

    return cache->limits.entries > 0 && cache->limits.bytes > overhead &&
           representation_size(representation) <= cache->limits.bytes - overhead;
}

bool cache_store_asked(struct cache *cache, const struct cache_key *key,
                       struct representation *representation, const struct cache_pending *pending)
{
    uint32_t hash;
    uint32_t max_age_s;
    struct cache_entry *entry = cache_find_entry(cache, key, &hash);

    if (entry != NULL && is_newer(entry, representation, pending))
        return false;
    if (!cache_may_store(representation, &max_age_s)) {
        if (!tells_nothing(representation))
            cache_forget(cache, key);
        return false;
    }
    if (!could_fit(cache, key, representation)) {
        cache_forget(cache, key);
        return false;
    }
    if (entry == NULL)
        entry = cache_need_entry(cache, key);
    if (entry == NULL)
        return false;
    /* The caller may have what is stored from cache_find. */
    representation_reference(representation);
    empty(cache, entry);
    if (!make_room(cache, representation_size(representation), 1)) {
        representation_release(representation);
        cache_release_entry(cache, entry);
        return false;
    }
    entry->change = pending != NULL ? pending->change : entry->target->change;
    /* What came unasked is newer than all that was asked for before it came. */
    if (pending == NULL)
        entry->turn = ++cache->turn;
    else if (pending->turn != 0)
        entry->turn = pending->turn;
    fill(cache, entry, representation, max_age_s);
    return true;
}

bool cache_store(struct cache *cache, const struct cache_key *key,
                 struct representation *representation)
{
    return cache_store_asked(cache, key, representation, NULL);
}

void cache_forget(struct cache *cache, const struct cache_key *key)
{
    uint32_t hash;
    struct cache_entry *entry = cache_find_entry(cache, key, &hash);

    if (entry == NULL)
        return;
    empty(cache, entry);
    cache_release_entry(cache, entry);
}

void cache_invalidate(struct cache *cache, const struct cache_key *target)
{
    uint32_t hash;
    struct cache_target *changed = find_target(cache, target, &hash);

    if (changed != NULL)
        changed->change++;
}

struct cache_counts cache_count(const struct cache *cache)
{
    return (struct cache_counts){
        .entries = cache->stored_count,
        .bytes = cache->bytes,
        .evictions = cache->evictions,
    };
}
