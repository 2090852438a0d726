/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_NODE_H
#define COAPGW_NODE_H

/*
 * node: what is known of a constrained device: the name that configuration gives it, its state and
 * its counters. Targets without a configured name share the node "other", so that the number of
 * nodes is bounded by the configuration and metrics never carry an address.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"

struct buffer;
struct node;
struct node_table;

enum node_state {
    NODE_UNKNOWN,   /* never asked, or nothing heard yet */
    NODE_REACHABLE, /* the last exchange ended with a message from it */
    NODE_SUSPECT,   /* a hint (unvetted ICMP error), or one exchange without an answer */
};

/* How a request ended without a usable response; the label `code` of its metric. */
enum node_failure {
    NODE_FAILURE_TIMEOUT,
    NODE_FAILURE_RESET,
    NODE_FAILURE_UNREACHABLE,
    NODE_FAILURE_BAD_RESPONSE,
    NODE_FAILURES
};

struct node_table *node_table_new(void);
/* Every node must have been released. NULL is fine. */
void node_table_free(struct node_table *table);
/* Makes the names (sorted, each once) the configured ones: known ones keep their state, others go
 * when nothing refers to them. 0, or -1 when memory is short: then nothing changed. */
int node_table_configure(struct node_table *table, const char *const *names, size_t count);
/* The node of that name, or "other" when `name` is NULL or unknown. Counted: node_release. */
struct node *node_acquire(struct node_table *table, const char *name);
/* NULL is fine. */
void node_release(struct node *node);
const char *node_name(const struct node *node);
enum node_state node_state_of(const struct node *node);

/* News of a request to the node. `retransmissions` are those since the last news of the request.
 * `round_trip_us` is 0 when it was not measured; `wall_ms` is the time of day, for "last seen". */
void node_answered(struct node *node, uint8_t code, unsigned retransmissions,
                   uint64_t round_trip_us, uint64_t wall_ms);
/* The request has ended without a response. */
void node_failed(struct node *node, enum node_failure failure, unsigned retransmissions,
                 uint64_t wall_ms);
/* No answer came within the deadline; the request itself may go on. */
void node_timed_out(struct node *node, unsigned retransmissions);

/* A request goes to the node at that address. */
void node_asked(struct node *node, const struct endpoint_address *peer);
/* Somebody says that the address cannot be reached, but maybe it is somebody off the path: the
 * configured node that was asked there last becomes SUSPECT. That node, borrowed, when it was not
 * so before; otherwise NULL. */
const struct node *node_table_hint(struct node_table *table, const struct endpoint_address *peer);

/* Appends the metrics of all nodes in Prometheus text format. 0 or -1. */
int node_write_metrics(const struct node_table *table, struct buffer *out);

#endif
