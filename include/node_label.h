/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_NODE_LABEL_H
#define COAPGW_NODE_LABEL_H

/*
 * node_label: the names that configuration gives to nodes, with the counters that are shown under
 * them. Targets without a configured name share the label "other", so that the number of labels is
 * bounded by the configuration and metrics never carry an address. What is known of the device
 * itself, whatever name led there, is in node.h.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct node;
struct node_label;
struct node_label_table;

/* How a request ended without a usable response; the label `code` of its metric. */
enum node_failure {
    NODE_FAILURE_TIMEOUT,
    NODE_FAILURE_RESET,
    NODE_FAILURE_UNREACHABLE,
    NODE_FAILURE_BAD_RESPONSE,
    NODE_FAILURES
};

struct node_label_table *node_label_table_new(void);
/* Every label must have been released. NULL is fine. */
void node_label_table_free(struct node_label_table *table);
/* Makes the names (sorted, each once) the configured ones: known ones keep their counters, others
 * go when nothing refers to them. 0, or -1 when memory is short: then nothing changed. */
int node_label_table_configure(struct node_label_table *table, const char *const *names,
                               size_t count);
/* The label of that name, or "other" when `name` is NULL or unknown. Counted: node_label_release.
 */
struct node_label *node_label_acquire(struct node_label_table *table, const char *name);
struct node_label *node_label_reference(struct node_label *label);
/* NULL is fine. */
void node_label_release(struct node_label *label);
/* The configured ones, sorted by name. */
size_t node_label_count(const struct node_label_table *table);
const struct node_label *node_label_at(const struct node_label_table *table, size_t index);
/* The node that was asked last under that name, borrowed; NULL: none yet. */
const struct node *node_label_node(const struct node_label *label);
const char *node_label_name(const struct node_label *label);
/* A request of that label goes to that node, whose state is shown under the name from now on.
 * `node` may be NULL (memory is short). */
void node_label_asked(struct node_label *label, struct node *node);
/* A name under which the node was asked last, borrowed; NULL when there is none. */
const char *node_label_of(const struct node_label_table *table, const struct node *node);

/* News of a request. `retransmissions` are those since the last news of the request;
 * `round_trip_us` is 0 when it was not measured. */
void node_label_answered(struct node_label *label, uint8_t code, unsigned retransmissions,
                         uint64_t round_trip_us);
/* The request has ended without a response. */
void node_label_failed(struct node_label *label, enum node_failure failure,
                       unsigned retransmissions);
/* No answer came within the deadline; the request itself may go on. */
void node_label_timed_out(struct node_label *label, unsigned retransmissions);

/* Of observations of that label there are so many more, or fewer. */
void node_label_observed(struct node_label *label, int change);

/* One moment on both clocks. */
struct node_label_times {
    uint64_t now_us;  /* of struct timers */
    uint64_t wall_ms; /* since 1970 */
};
/* Appends the metrics of all labels in Prometheus text format. 0 or -1. */
int node_label_write_metrics(const struct node_label_table *table,
                             const struct node_label_times *times, struct buffer *out);

#endif
