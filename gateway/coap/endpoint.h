/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ENDPOINT_H
#define COAPGW_ENDPOINT_H

/*
 * endpoint: what the message layer keeps of each peer: its MIDs, the copies it may send, its slots
 * (NSTART) and the messages that wait for one. The table finds an endpoint by its address and drops
 * it once it has been idle for EXCHANGE_LIFETIME.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "duplicate_filter.h"
#include "endpoint_address.h"
#include "fair_queue.h"
#include "keyed_hash.h"
#include "message_layer.h"
#include "mid_allocator.h"

/* Without memory for the table an endpoint is refused and the daemon stays. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct endpoint {
    uint64_t id;
    struct endpoint_address address;
    struct endpoint_table *table;
    struct fair_queue queue;       /* QUEUED */
    struct message_list in_flight; /* UNACKED and NON_SENT: what an RST or an ICMP error may name */
    struct message_list acked;     /* ACKED */
    struct message_list displaced; /* DISPLACED */
    unsigned slots_used;
    size_t outstanding;    /* messages: UNACKED, ACKED and NON_SENT */
    unsigned nstart;       /* of the latest message */
    uint64_t slot_time_us; /* moving average of how long a message holds a slot */
    unsigned heard;        /* datagrams that came from it */
    unsigned answered;     /* those that were more than an empty ACK */
    bool is_silent;        /* a request was given up and no answer of any kind has come since */
    uint64_t started_us;   /* the latest first transmission */
    uint64_t credit_us;    /* PROBING_RATE: since when the right to send has grown while silent */
    bool is_in_line;
    TAILQ_ENTRY(endpoint) line; /* see congestion.h */
    struct mid_allocator mids;
    struct duplicate_filter duplicates;
    size_t holds; /* of others than messages: see endpoint_hold */
    uint64_t expires_us;
    struct timer expiry;
    struct timer pause;  /* armed while a message waits for a MID or for PROBING_RATE */
    uint8_t echo_length; /* 0: none */
    uint8_t echo[ENDPOINT_ECHO_MAX];
    UT_hash_handle hh;
};

struct endpoint_table {
    struct timers *timers;
    struct random_source random;
    size_t maximum;
    /* Told at the end of a pause. */
    void (*resume)(void *endpoint);
    uint64_t last_id;
    struct keyed_hash hash;
    struct endpoint *endpoints;
};

/* Fills the table; it owns nothing yet. */
void endpoint_table_init(struct endpoint_table *table, struct timers *timers,
                         const struct random_source *random, size_t maximum,
                         void (*resume)(void *endpoint));
/* Frees all endpoints; messages in them become idle. */
void endpoint_table_clear(struct endpoint_table *table);
struct endpoint *endpoint_table_find(struct endpoint_table *table,
                                     const struct endpoint_address *address);
/* NULL when there are too many or memory is short. */
struct endpoint *endpoint_table_add(struct endpoint_table *table,
                                    const struct endpoint_address *address);

/* Keeps the endpoint at least for `lifetime_us` from now. */
void endpoint_keep(struct endpoint *endpoint, uint64_t lifetime_us);
/* The message in flight with that MID, or NULL. */
struct message *endpoint_find_in_flight(const struct endpoint *endpoint, uint16_t mid);

#endif
