/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_NODE_H
#define COAPGW_NODE_H

/*
 * node: what is known of a constrained device, which is what lives at one endpoint address (scheme,
 * address and port), whatever name led there. Only silence makes a node UNREACHABLE: an exchange
 * whose transmissions are spent while no datagram of any kind came from it. Then requests fail at
 * once, and while somebody wants the node it is asked for a sign of life: one ping after 5 s, and
 * further ones 10, 20, 40 and then always 60 s behind the last. Any datagram brings it back
 * (CONG-08).
 *
 * The table is bounded, and what nobody has asked for is forgotten after NODE_LIFETIME_US. Where a
 * node may be NULL, nothing is known of it as memory was short or the table full.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"

struct node;
struct node_table;
struct random_source;
struct request_report;
struct timers;

enum {
    NODES_MAX = 20000,
    NODE_LIFETIME_US = 600 * 1000000,
    /* RFC 7967 3.2: how often a node may be sent what it need not answer, while it says nothing. */
    NODE_SILENCE_INTERVAL_US = 3 * 1000000,
};

enum node_state {
    NODE_UNKNOWN,     /* never asked, or nothing heard yet */
    NODE_REACHABLE,   /* the last news was a message from it */
    NODE_SUSPECT,     /* the last news was a hint (ICMP error) or a request without an answer */
    NODE_UNREACHABLE, /* silent while all transmissions of a message were made */
};

/* What a table needs and tells. */
struct node_events {
    /* Send one empty confirmable message: node_table_heard follows if it is answered. */
    void (*ping)(void *handle, const struct endpoint_address *address);
    /* The state is another one than `before`. May be told from inside every function here that
     * changes it. */
    void (*changed)(void *handle, const struct node *node, enum node_state before);
    void *handle;
};

/* `timers` is borrowed for life. NULL when memory is short. */
struct node_table *node_table_new(struct timers *timers, const struct random_source *random,
                                  size_t maximum, const struct node_events *events);
/* Every node must have been released. NULL is fine. */
void node_table_free(struct node_table *table);
size_t node_table_count(const struct node_table *table);
/* The node at that address. Counted: node_release. NULL when memory is short or all that there may
 * be are referred to. */
struct node *node_acquire(struct node_table *table, const struct endpoint_address *address);
struct node *node_reference(struct node *node);
/* NULL is fine. */
void node_release(struct node *node);
enum node_state node_state_of(const struct node *node);
const struct endpoint_address *node_address(const struct node *node);
/* The time of the last datagram from it, on the clock of the timers; false when none came. */
bool node_last_heard(const struct node *node, uint64_t *heard_us);

/* How the way to it is doing, by what became of the last thousand or two of transmissions. */
struct node_measures {
    uint32_t round_trip_us; /* smoothed as in RFC 6298; 0: none was measured */
    unsigned transmissions;
    unsigned lost; /* of these: sent again, or never answered */
};
struct node_measures node_measures(const struct node *node);
/* A request to it has ended, with an answer of whatever kind or without. NULL is fine. */
void node_measure(struct node *node, const struct request_report *report, bool is_answered);
/* The one that was made behind `node` (NULL: the first); NULL: there is none. */
const struct node *node_table_next(const struct node_table *table, const struct node *node);

/* A datagram came from that address. */
void node_table_heard(struct node_table *table, const struct endpoint_address *address);
/* Somebody says that the address cannot be reached, but maybe it is somebody off the path: the node
 * becomes SUSPECT, unless it is worse. */
void node_table_doubt(struct node_table *table, const struct endpoint_address *address);
/* A request went without an answer; the same. NULL is fine. */
void node_doubt(struct node *node);
/* The transmissions of an exchange with it are spent, and nothing came from it since the exchange
 * began: UNREACHABLE. NULL is fine. */
void node_lose(struct node *node);
/* The node answered 5.03 for the resource of that hash, to be asked again in so many seconds. After
 * another resource did so within the last 10 s it is held as a whole, for at most 60 s (CONG-13).
 * NULL is fine. */
void node_overloaded(struct node *node, uint64_t resource, uint32_t seconds);
/* How long it is held from now; 0: it is not. NULL is fine. */
uint64_t node_held_us(const struct node *node);
/* Whether the node need not answer the request that goes to it now: not when it was asked so less
 * than NODE_SILENCE_INTERVAL_US ago and nothing came from it since. Then the next one has to be
 * answered, or nobody would learn how the node and the network are doing. False for NULL. */
bool node_may_keep_silent(struct node *node);
/* Whether a request to the node has to fail at once. Then the node is wanted: a ping goes out when
 * the next one is due, and `*retry_us` tells when an answer to it may be there. One that nobody has
 * wanted for NODE_LIFETIME_US is asked again as if it were only SUSPECT. NULL is fine. */
bool node_refuses(struct node *node, uint64_t *retry_us);

#endif
