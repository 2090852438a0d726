/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_DUPLICATE_FILTER_H
#define COAPGW_DUPLICATE_FILTER_H

/*
 * duplicate_filter: the messages of one endpoint that were accepted within EXCHANGE_LIFETIME, so
 * that a copy is acknowledged again and not processed again (RFC 7252 4.5).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct pdu;

/* More are forgotten, the oldest first: 22 messages per second over the 45 s in which a peer may
 * repeat one. */
enum { DUPLICATE_FILTER_MAX = 1024 };

struct duplicate_entry;

struct duplicate_filter {
    struct duplicate_entry *entries; /* owned; a ring of `capacity`, a power of 2 */
    uint16_t *buckets;               /* in the block of `entries` */
    uint16_t capacity;
    uint16_t count;
    uint16_t oldest;
};

void duplicate_filter_init(struct duplicate_filter *filter);
void duplicate_filter_clear(struct duplicate_filter *filter);
/* True when `pdu` is a copy of a message that is remembered. A message of the same MID with another
 * token is no copy: a node that rebooted counts from the beginning again. */
bool duplicate_filter_find(const struct duplicate_filter *filter, const struct pdu *pdu,
                           uint64_t now_us);
/* Remembers a message. When memory is short the oldest is forgotten, or this one. */
void duplicate_filter_add(struct duplicate_filter *filter, const struct pdu *pdu, uint64_t now_us,
                          uint64_t lifetime_us);

#endif
