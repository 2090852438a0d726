/* SPDX-License-Identifier: BSD-2-Clause */
#include "capability.h"

#include <stdint.h>
#include <stdlib.h>

#include "keyed_hash.h"
#include "timers.h"

/* Without memory for the table nothing is learned and the daemon stays. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/*
 * capability: a hash table by address that is in the order of its records' ages, as uthash keeps
 * the order of insertion: the first one is always the oldest. So expiry needs no timer, and an
 * idle daemon none either: whoever comes drops the old ones. Records are few, as only an inability
 * makes one. Addresses are chosen by peers, so the hash is keyed.
 */

struct record {
    struct endpoint_address peer;
    unsigned bits;
    uint64_t expires_us;
    UT_hash_handle hh;
};

struct capability_table {
    const struct timers *timers;
    struct keyed_hash hash;
    struct record *records; /* the oldest first */
};

struct capability_table *capability_table_new(const struct timers *timers,
                                              const struct random_source *random)
{
    struct capability_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->timers = timers;
    random_bytes(random, &table->hash, sizeof table->hash);
    return table;
}

static void forget(struct capability_table *table, struct record *record)
{
    HASH_DEL(table->records, record);
    free(record);
}

void capability_table_free(struct capability_table *table)
{
    if (table == NULL)
        return;
    while (table->records != NULL)
        forget(table, table->records);
    free(table);
}

static void forget_expired(struct capability_table *table)
{
    uint64_t now_us = timers_now_us(table->timers);

    while (table->records != NULL && table->records->expires_us <= now_us)
        forget(table, table->records);
}

static struct record *find(struct capability_table *table, const struct endpoint_address *peer,
                           uint32_t hash)
{
    struct record *record;

    HASH_FIND_BYHASHVALUE(hh, table->records, peer, sizeof *peer, hash, record);
    return record;
}

unsigned capability_of(struct capability_table *table, const struct endpoint_address *peer)
{
    forget_expired(table);
    if (table->records == NULL)
        return 0;
    const struct record *record = find(table, peer, keyed_hash(&table->hash, peer, sizeof *peer));
    return record == NULL ? 0 : record->bits;
}

void capability_learn(struct capability_table *table, const struct endpoint_address *peer,
                      unsigned bits)
{
    uint32_t hash = keyed_hash(&table->hash, peer, sizeof *peer);
    struct record *record = find(table, peer, hash);

    if (record != NULL) {
        HASH_DEL(table->records, record);
    } else {
        if (HASH_COUNT(table->records) >= CAPABILITY_PEERS_MAX)
            forget(table, table->records);
        record = calloc(1, sizeof *record);
        if (record == NULL)
            return;
        record->peer = *peer;
    }
    record->bits |= bits;
    record->expires_us = timers_now_us(table->timers) + (uint64_t)CAPABILITY_LIFE_S * 1000000;
    HASH_ADD_BYHASHVALUE(hh, table->records, peer, sizeof record->peer, hash, record);
    if (record->hh.tbl == NULL)
        free(record);
}

size_t capability_count(const struct capability_table *table)
{
    return HASH_COUNT(table->records);
}
