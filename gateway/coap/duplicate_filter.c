/* SPDX-License-Identifier: BSD-2-Clause */
#include "duplicate_filter.h"

#include <stdlib.h>
#include <string.h>

#include "pdu.h"

/*
 * duplicate_filter: a ring of entries in order of arrival, which is the order in which they expire,
 * with a hash chain over the MIDs through it. Most nodes answer in the ACK and never need one, so
 * it is made at the first message and doubles up to its maximum.
 */

enum { DUPLICATE_FILTER_FIRST = 8 };

struct duplicate_entry {
    uint64_t expires_us;
    uint32_t token_digest;
    uint16_t mid;
    uint16_t next; /* in the bucket: index + 1, 0 at the end */
};

/* Tokens are our own random bytes: any mix of them is a good digest. */
static uint32_t digest_token(const struct pdu *pdu)
{
    uint32_t digest = pdu->token_length;
    for (size_t i = 0; i < pdu->token_length; i++)
        digest = (digest << 5 | digest >> 27) ^ pdu->token[i];
    return digest;
}

void duplicate_filter_init(struct duplicate_filter *filter)
{
    *filter = (struct duplicate_filter){0};
}

void duplicate_filter_clear(struct duplicate_filter *filter)
{
    free(filter->entries);
    duplicate_filter_init(filter);
}

static uint16_t *find_bucket(const struct duplicate_filter *filter, uint16_t mid)
{
    return &filter->buckets[mid & (filter->capacity - 1)];
}

bool duplicate_filter_find(const struct duplicate_filter *filter, const struct pdu *pdu,
                           uint64_t now_us)
{
    if (filter->count == 0)
        return false;
    uint32_t digest = digest_token(pdu);
    for (uint16_t at = *find_bucket(filter, pdu->mid); at != 0; at = filter->entries[at - 1].next) {
        const struct duplicate_entry *entry = &filter->entries[at - 1];
        if (entry->mid == pdu->mid && entry->token_digest == digest && entry->expires_us > now_us)
            return true;
    }
    return false;
}

static void link_entry(struct duplicate_filter *filter, uint16_t index)
{
    uint16_t *bucket = find_bucket(filter, filter->entries[index].mid);
    filter->entries[index].next = *bucket;
    *bucket = (uint16_t)(index + 1);
}

static void forget_oldest(struct duplicate_filter *filter)
{
    uint16_t index = filter->oldest;
    uint16_t *at = find_bucket(filter, filter->entries[index].mid);

    while (*at != index + 1)
        at = &filter->entries[*at - 1].next;
    *at = filter->entries[index].next;
    filter->oldest = (uint16_t)((index + 1) & (filter->capacity - 1));
    filter->count--;
}

static bool grow(struct duplicate_filter *filter)
{
    if (filter->capacity >= DUPLICATE_FILTER_MAX)
        return false;
    size_t capacity = filter->capacity ? 2 * (size_t)filter->capacity : DUPLICATE_FILTER_FIRST;
    struct duplicate_entry *entries =
        calloc(capacity, sizeof(struct duplicate_entry) + sizeof(uint16_t));
    if (entries == NULL)
        return false;
    for (size_t i = 0; i < filter->count; i++)
        entries[i] = filter->entries[(filter->oldest + i) & (filter->capacity - 1U)];
    free(filter->entries);
    filter->entries = entries;
    filter->buckets = (uint16_t *)(void *)(entries + capacity);
    filter->capacity = (uint16_t)capacity;
    filter->oldest = 0;
    for (uint16_t i = 0; i < filter->count; i++)
        link_entry(filter, i);
    return true;
}

void duplicate_filter_add(struct duplicate_filter *filter, const struct pdu *pdu, uint64_t now_us,
                          uint64_t lifetime_us)
{
    while (filter->count > 0 && filter->entries[filter->oldest].expires_us <= now_us)
        forget_oldest(filter);
    if (filter->count == filter->capacity && !grow(filter)) {
        if (filter->count == 0)
            return;
        forget_oldest(filter);
    }
    uint16_t index = (uint16_t)((filter->oldest + filter->count) & (filter->capacity - 1));
    filter->entries[index] = (struct duplicate_entry){
        .expires_us = now_us + lifetime_us, .token_digest = digest_token(pdu), .mid = pdu->mid};
    link_entry(filter, index);
    filter->count++;
}
