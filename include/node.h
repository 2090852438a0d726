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

struct buffer;
struct node;
struct node_table;

enum node_state {
    NODE_UNKNOWN,   /* never asked, or nothing heard yet */
    NODE_REACHABLE, /* the last exchange ended with a message from it */
    NODE_SUSPECT,   /* a hint (unvetted ICMP error), or one exchange without an answer */
};

struct node_table *node_table_new(void);
void node_table_free(struct node_table *table);
/* Makes the names the configured ones: known ones keep their state, others go when nothing refers
 * to them. 0 or -1. */
int node_table_configure(struct node_table *table, const char *const *names, size_t count);
/* The node of that name, or "other" when `name` is NULL or unknown. Counted: node_release. */
struct node *node_acquire(struct node_table *table, const char *name);
void node_release(struct node *node);
const char *node_name(const struct node *node);
enum node_state node_state_of(const struct node *node);

/* News of a request to the node. `wall_ms` is the time of day, for "last seen". */
void node_sent(struct node *node);
void node_answered(struct node *node, uint8_t code, unsigned transmissions, uint64_t round_trip_us,
                   uint64_t wall_ms);
void node_timed_out(struct node *node, unsigned transmissions);
void node_failed(struct node *node, unsigned transmissions);

/* Appends the metrics of all nodes in Prometheus text format. 0 or -1. */
int node_write_metrics(const struct node_table *table, struct buffer *out);

#endif
