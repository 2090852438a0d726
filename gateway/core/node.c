/* SPDX-License-Identifier: BSD-2-Clause */
#include "node.h"

/*
 * The table of nodes: the configured ones sorted by name, and "other" for every target without a
 * name. A node is counted: one that a reload took out of the table lives on, unlisted, until the
 * last exchange that refers to it has ended.
 *
 * Configured nodes are also found by the address at which each was asked last. Addresses that two
 * names share belong to the one that was asked there last.
 */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "histogram.h"
#include "rest.h"

/* Without memory for the table a node is not found by its address: only hints are lost. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/* Responses of one code; few codes ever occur on one node. */
struct node_code {
    uint8_t code;
    uint64_t count;
};

struct node {
    struct node_table *table;
    unsigned references;
    bool is_other;
    enum node_state state;
    uint64_t last_seen_ms; /* time of day; 0: never */
    uint64_t retransmissions;
    uint64_t timeouts;
    uint64_t failures[NODE_FAILURES];
    size_t code_count;
    struct node_code *codes; /* owned */
    struct histogram round_trips;
    bool has_peer; /* in the table by `peer` */
    struct endpoint_address peer;
    UT_hash_handle hh;
    char name[];
};

struct node_table {
    size_t count;
    struct node **nodes; /* owned; each counts as a reference */
    struct node *other;
    struct node *by_peer;
};

static const struct histogram_bounds round_trip_bounds = {
    .count = 12,
    .bounds = {{1000, "0.001"},
               {2500, "0.0025"},
               {5000, "0.005"},
               {10000, "0.01"},
               {25000, "0.025"},
               {50000, "0.05"},
               {100000, "0.1"},
               {250000, "0.25"},
               {500000, "0.5"},
               {1000000, "1"},
               {2500000, "2.5"},
               {10000000, "10"}},
};

static const char *const failure_labels[NODE_FAILURES] = {
    [NODE_FAILURE_TIMEOUT] = "timeout",
    [NODE_FAILURE_RESET] = "reset",
    [NODE_FAILURE_UNREACHABLE] = "unreachable",
    [NODE_FAILURE_BAD_RESPONSE] = "bad-response",
};

static struct node *node_new(struct node_table *table, const char *name)
{
    size_t length = strlen(name);
    struct node *node = calloc(1, sizeof *node + length + 1);

    if (node == NULL)
        return NULL;
    node->table = table;
    node->references = 1;
    memcpy(node->name, name, length + 1);
    return node;
}

/* Configuration chooses the addresses, and peers only what is looked up: it needs no secret. */
static unsigned hash_peer(const struct endpoint_address *peer)
{
    const unsigned char *bytes = (const unsigned char *)peer;
    unsigned hash = 2166136261U; /* FNV-1a */

    for (size_t i = 0; i < sizeof *peer; i++)
        hash = (hash ^ bytes[i]) * 16777619U;
    return hash;
}

static struct node *find_by_peer(const struct node_table *table,
                                 const struct endpoint_address *peer)
{
    struct node *node;

    HASH_FIND_BYHASHVALUE(hh, table->by_peer, peer, sizeof *peer, hash_peer(peer), node);
    return node;
}

static void forget_peer(struct node *node)
{
    if (!node->has_peer)
        return;
    HASH_DEL(node->table->by_peer, node);
    node->has_peer = false;
}

void node_asked(struct node *node, const struct endpoint_address *peer)
{
    struct node *former;

    if (node->is_other || (node->has_peer && endpoint_address_equal(&node->peer, peer)))
        return;
    forget_peer(node);
    former = find_by_peer(node->table, peer);
    if (former != NULL)
        forget_peer(former);
    node->peer = *peer;
    HASH_ADD_BYHASHVALUE(hh, node->table->by_peer, peer, sizeof node->peer, hash_peer(peer), node);
    node->has_peer = node->hh.tbl != NULL;
}

const struct node *node_table_hint(struct node_table *table, const struct endpoint_address *peer)
{
    struct node *node = find_by_peer(table, peer);

    if (node == NULL || node->state == NODE_SUSPECT)
        return NULL;
    node->state = NODE_SUSPECT;
    return node;
}

void node_release(struct node *node)
{
    if (node == NULL)
        return;
    assert(node->references > 0);
    if (--node->references > 0)
        return;
    forget_peer(node);
    free(node->codes);
    free(node);
}

struct node_table *node_table_new(void)
{
    struct node_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->other = node_new(table, "other");
    if (table->other == NULL) {
        free(table);
        return NULL;
    }
    table->other->is_other = true;
    return table;
}

void node_table_free(struct node_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        node_release(table->nodes[i]);
    free(table->nodes);
    node_release(table->other);
    free(table);
}

static struct node *find_node(const struct node_table *table, const char *name)
{
    size_t low = 0;
    size_t high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, table->nodes[middle]->name);

        if (order == 0)
            return table->nodes[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int node_table_configure(struct node_table *table, const char *const *names, size_t count)
{
    struct node **nodes = calloc(count + 1, sizeof *nodes);
    size_t made = 0;

    if (nodes == NULL)
        return -1;
    for (; made < count; made++) {
        assert(made == 0 || strcmp(names[made - 1], names[made]) < 0);
        nodes[made] = find_node(table, names[made]);
        if (nodes[made] != NULL)
            nodes[made]->references++;
        else
            nodes[made] = node_new(table, names[made]);
        if (nodes[made] == NULL)
            break;
    }
    if (made < count) {
        while (made > 0)
            node_release(nodes[--made]);
        free(nodes);
        return -1;
    }
    for (size_t i = 0; i < table->count; i++)
        node_release(table->nodes[i]);
    free(table->nodes);
    table->nodes = nodes;
    table->count = count;
    return 0;
}

struct node *node_acquire(struct node_table *table, const char *name)
{
    struct node *node = name == NULL ? NULL : find_node(table, name);

    if (node == NULL)
        node = table->other;
    node->references++;
    return node;
}

const char *node_name(const struct node *node)
{
    return node->name;
}

enum node_state node_state_of(const struct node *node)
{
    return node->state;
}

/* Without memory for a code that was never seen before the response goes uncounted. */
static void count_code(struct node *node, uint8_t code)
{
    struct node_code *codes;
    size_t i = 0;

    while (i < node->code_count && node->codes[i].code < code)
        i++;
    if (i < node->code_count && node->codes[i].code == code) {
        node->codes[i].count++;
        return;
    }
    codes = realloc(node->codes, (node->code_count + 1) * sizeof *codes);
    if (codes == NULL)
        return;
    memmove(&codes[i + 1], &codes[i], (node->code_count - i) * sizeof *codes);
    codes[i].code = code;
    codes[i].count = 1;
    node->codes = codes;
    node->code_count++;
}

void node_answered(struct node *node, uint8_t code, unsigned retransmissions,
                   uint64_t round_trip_us, uint64_t wall_ms)
{
    node->state = NODE_REACHABLE;
    node->last_seen_ms = wall_ms;
    node->retransmissions += retransmissions;
    count_code(node, code);
    if (round_trip_us > 0)
        histogram_add(&node->round_trips, &round_trip_bounds, round_trip_us);
}

void node_failed(struct node *node, enum node_failure failure, unsigned retransmissions,
                 uint64_t wall_ms)
{
    /* A Reset and a response that cannot be used are messages from the node all the same. */
    bool was_heard = failure == NODE_FAILURE_RESET || failure == NODE_FAILURE_BAD_RESPONSE;

    node->state = was_heard ? NODE_REACHABLE : NODE_SUSPECT;
    if (was_heard)
        node->last_seen_ms = wall_ms;
    node->retransmissions += retransmissions;
    node->failures[failure]++;
}

void node_timed_out(struct node *node, unsigned retransmissions)
{
    node->state = NODE_SUSPECT;
    node->retransmissions += retransmissions;
    node->timeouts++;
}

static void write_requests(const struct node *node, struct buffer *out)
{
    char code[8];

    for (size_t i = 0; i < node->code_count; i++)
        buffer_printf(out, "coapgw_coap_requests_total{node=\"%s\",code=\"%s\"} %" PRIu64 "\n",
                      node->name, rest_code_format(node->codes[i].code, code),
                      node->codes[i].count);
    for (size_t i = 0; i < NODE_FAILURES; i++)
        if (node->failures[i] > 0)
            buffer_printf(out, "coapgw_coap_requests_total{node=\"%s\",code=\"%s\"} %" PRIu64 "\n",
                          node->name, failure_labels[i], node->failures[i]);
}

static void write_round_trips(const struct node *node, struct buffer *out)
{
    char labels[300];

    (void)snprintf(labels, sizeof labels, "node=\"%s\"", node->name);
    histogram_write(&node->round_trips, &round_trip_bounds, "coapgw_coap_rtt_seconds", labels, out);
}

static void write_retransmissions(const struct node *node, struct buffer *out)
{
    buffer_printf(out, "coapgw_coap_retransmissions_total{node=\"%s\"} %" PRIu64 "\n", node->name,
                  node->retransmissions);
}

static void write_timeouts(const struct node *node, struct buffer *out)
{
    buffer_printf(out, "coapgw_coap_timeouts_total{node=\"%s\"} %" PRIu64 "\n", node->name,
                  node->timeouts);
}

/* "other" stands for many devices: being up says nothing of it. */
static void write_up(const struct node *node, struct buffer *out)
{
    if (!node->is_other && node->state != NODE_UNKNOWN)
        buffer_printf(out, "coapgw_node_up{node=\"%s\"} %d\n", node->name,
                      node->state == NODE_REACHABLE ? 1 : 0);
}

static void write_last_seen(const struct node *node, struct buffer *out)
{
    if (!node->is_other && node->last_seen_ms > 0)
        buffer_printf(
            out, "coapgw_node_last_seen_timestamp_seconds{node=\"%s\"} %" PRIu64 ".%03" PRIu64 "\n",
            node->name, node->last_seen_ms / 1000, node->last_seen_ms % 1000);
}

int node_write_metrics(const struct node_table *table, struct buffer *out)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
        void (*write)(const struct node *node, struct buffer *out);
    } families[] = {
        {"coapgw_coap_requests_total", "counter", "CoAP requests by how they ended.",
         write_requests},
        {"coapgw_coap_rtt_seconds", "histogram",
         "Time from a request that was sent once to its response.", write_round_trips},
        {"coapgw_coap_retransmissions_total", "counter", "CoAP messages that were sent again.",
         write_retransmissions},
        {"coapgw_coap_timeouts_total", "counter", "CoAP requests without an answer in time.",
         write_timeouts},
        {"coapgw_node_up", "gauge", "1 when the last news of the node was a message from it.",
         write_up},
        {"coapgw_node_last_seen_timestamp_seconds", "gauge",
         "Time of the last message from the node.", write_last_seen},
    };

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
                      families[i].name, families[i].type);
        for (size_t j = 0; j < table->count; j++)
            families[i].write(table->nodes[j], out);
        families[i].write(table->other, out);
    }
    return out->failed ? -1 : 0;
}
