/* SPDX-License-Identifier: BSD-2-Clause */
#include "node_label.h"

/*
 * The labels: the configured ones sorted by name, and "other" for every target without a name. A
 * label is counted: one that a reload took out of the table lives on, unlisted, until the last
 * exchange that refers to it has ended. Whether a node is up is not known here but by the node's
 * record, which its label keeps.
 */

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "histogram.h"
#include "node.h"
#include "rest.h"

/* Responses of one code; few codes ever occur on one node. */
struct node_code {
    uint8_t code;
    uint64_t count;
};

struct node_label {
    unsigned references;
    bool is_other;
    struct node *node; /* counted; of the latest request; NULL before it, and of "other" */
    uint64_t retransmissions;
    uint64_t timeouts;
    size_t observations;
    uint64_t failures[NODE_FAILURES];
    size_t code_count;
    struct node_code *codes; /* owned */
    struct histogram round_trips;
    char name[];
};

struct node_label_table {
    size_t count;
    struct node_label **labels; /* owned; each counts as a reference */
    struct node_label *other;
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

static struct node_label *node_label_new(const char *name)
{
    size_t length = strlen(name);
    struct node_label *label = calloc(1, sizeof *label + length + 1);

    if (label == NULL)
        return NULL;
    label->references = 1;
    memcpy(label->name, name, length + 1);
    return label;
}

void node_label_release(struct node_label *label)
{
    if (label == NULL)
        return;
    assert(label->references > 0);
    if (--label->references > 0)
        return;
    node_release(label->node);
    free(label->codes);
    free(label);
}

struct node_label_table *node_label_table_new(void)
{
    struct node_label_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->other = node_label_new("other");
    if (table->other == NULL) {
        free(table);
        return NULL;
    }
    table->other->is_other = true;
    return table;
}

void node_label_table_free(struct node_label_table *table)
{
    if (table == NULL)
        return;
    for (size_t i = 0; i < table->count; i++)
        node_label_release(table->labels[i]);
    free(table->labels);
    node_label_release(table->other);
    free(table);
}

static struct node_label *find_label(const struct node_label_table *table, const char *name)
{
    size_t low = 0;
    size_t high = table->count;

    while (low < high) {
        size_t middle = low + (high - low) / 2;
        int order = strcmp(name, table->labels[middle]->name);

        if (order == 0)
            return table->labels[middle];
        if (order < 0)
            high = middle;
        else
            low = middle + 1;
    }
    return NULL;
}

int node_label_table_configure(struct node_label_table *table, const char *const *names,
                               size_t count)
{
    struct node_label **labels = calloc(count + 1, sizeof *labels);
    size_t made = 0;

    if (labels == NULL)
        return -1;
    for (; made < count; made++) {
        assert(made == 0 || strcmp(names[made - 1], names[made]) < 0);
        labels[made] = find_label(table, names[made]);
        if (labels[made] != NULL)
            labels[made]->references++;
        else
            labels[made] = node_label_new(names[made]);
        if (labels[made] == NULL)
            break;
    }
    if (made < count) {
        while (made > 0)
            node_label_release(labels[--made]);
        free(labels);
        return -1;
    }
    for (size_t i = 0; i < table->count; i++)
        node_label_release(table->labels[i]);
    free(table->labels);
    table->labels = labels;
    table->count = count;
    return 0;
}

struct node_label *node_label_acquire(struct node_label_table *table, const char *name)
{
    struct node_label *label = name == NULL ? NULL : find_label(table, name);

    if (label == NULL)
        label = table->other;
    label->references++;
    return label;
}

size_t node_label_count(const struct node_label_table *table)
{
    return table->count;
}

const struct node_label *node_label_at(const struct node_label_table *table, size_t index)
{
    return table->labels[index];
}

const struct node *node_label_node(const struct node_label *label)
{
    return label->node;
}

struct node_label *node_label_reference(struct node_label *label)
{
    label->references++;
    return label;
}

const char *node_label_name(const struct node_label *label)
{
    return label->name;
}

void node_label_asked(struct node_label *label, struct node *node)
{
    if (label->is_other || node == NULL || label->node == node)
        return;
    node_release(label->node);
    label->node = node_reference(node);
}

const char *node_label_of(const struct node_label_table *table, const struct node *node)
{
    for (size_t i = 0; i < table->count; i++)
        if (table->labels[i]->node == node)
            return table->labels[i]->name;
    return NULL;
}

/* Without memory for a code that was never seen before the response goes uncounted. */
static void count_code(struct node_label *label, uint8_t code)
{
    struct node_code *codes;
    size_t i = 0;

    while (i < label->code_count && label->codes[i].code < code)
        i++;
    if (i < label->code_count && label->codes[i].code == code) {
        label->codes[i].count++;
        return;
    }
    codes = realloc(label->codes, (label->code_count + 1) * sizeof *codes);
    if (codes == NULL)
        return;
    memmove(&codes[i + 1], &codes[i], (label->code_count - i) * sizeof *codes);
    codes[i].code = code;
    codes[i].count = 1;
    label->codes = codes;
    label->code_count++;
}

void node_label_answered(struct node_label *label, uint8_t code, unsigned retransmissions,
                         uint64_t round_trip_us)
{
    label->retransmissions += retransmissions;
    count_code(label, code);
    if (round_trip_us > 0)
        histogram_add(&label->round_trips, &round_trip_bounds, round_trip_us);
}

void node_label_failed(struct node_label *label, enum node_failure failure,
                       unsigned retransmissions)
{
    label->retransmissions += retransmissions;
    label->failures[failure]++;
}

void node_label_timed_out(struct node_label *label, unsigned retransmissions)
{
    label->retransmissions += retransmissions;
    label->timeouts++;
}

void node_label_observed(struct node_label *label, int change)
{
    assert(change > 0 || label->observations >= (size_t)-change);
    label->observations += (size_t)change;
}

static void write_requests(const struct node_label *label, const struct node_label_times *times,
                           struct buffer *out)
{
    (void)times;
    char code[8];

    for (size_t i = 0; i < label->code_count; i++)
        buffer_printf(out, "coapgw_coap_requests_total{node=\"%s\",code=\"%s\"} %" PRIu64 "\n",
                      label->name, rest_code_format(label->codes[i].code, code),
                      label->codes[i].count);
    for (size_t i = 0; i < NODE_FAILURES; i++)
        if (label->failures[i] > 0)
            buffer_printf(out, "coapgw_coap_requests_total{node=\"%s\",code=\"%s\"} %" PRIu64 "\n",
                          label->name, failure_labels[i], label->failures[i]);
}

static void write_round_trips(const struct node_label *label, const struct node_label_times *times,
                              struct buffer *out)
{
    (void)times;
    char labels[300];

    (void)snprintf(labels, sizeof labels, "node=\"%s\"", label->name);
    histogram_write(&label->round_trips, &round_trip_bounds, "coapgw_coap_rtt_seconds", labels,
                    out);
}

static void write_retransmissions(const struct node_label *label,
                                  const struct node_label_times *times, struct buffer *out)
{
    (void)times;
    buffer_printf(out, "coapgw_coap_retransmissions_total{node=\"%s\"} %" PRIu64 "\n", label->name,
                  label->retransmissions);
}

static void write_timeouts(const struct node_label *label, const struct node_label_times *times,
                           struct buffer *out)
{
    (void)times;
    buffer_printf(out, "coapgw_coap_timeouts_total{node=\"%s\"} %" PRIu64 "\n", label->name,
                  label->timeouts);
}

static void write_observations(const struct node_label *label, const struct node_label_times *times,
                               struct buffer *out)
{
    (void)times;
    buffer_printf(out, "coapgw_observations{node=\"%s\"} %zu\n", label->name, label->observations);
}

/* "other" stands for many devices: being up says nothing of it. */
static void write_up(const struct node_label *label, const struct node_label_times *times,
                     struct buffer *out)
{
    enum node_state state = label->node == NULL ? NODE_UNKNOWN : node_state_of(label->node);

    (void)times;
    if (state != NODE_UNKNOWN)
        buffer_printf(out, "coapgw_node_up{node=\"%s\"} %d\n", label->name,
                      state == NODE_REACHABLE ? 1 : 0);
}

static void write_last_seen(const struct node_label *label, const struct node_label_times *times,
                            struct buffer *out)
{
    uint64_t heard_us, seen_ms;

    if (label->node == NULL || !node_last_heard(label->node, &heard_us))
        return;
    seen_ms = times->wall_ms - (times->now_us - heard_us) / 1000;
    buffer_printf(
        out, "coapgw_node_last_seen_timestamp_seconds{node=\"%s\"} %" PRIu64 ".%03" PRIu64 "\n",
        label->name, seen_ms / 1000, seen_ms % 1000);
}

int node_label_write_metrics(const struct node_label_table *table,
                             const struct node_label_times *times, struct buffer *out)
{
    static const struct {
        const char *name;
        const char *type;
        const char *help;
        void (*write)(const struct node_label *label, const struct node_label_times *times,
                      struct buffer *out);
    } families[] = {
        {"coapgw_coap_requests_total", "counter", "CoAP requests by how they ended.",
         write_requests},
        {"coapgw_coap_rtt_seconds", "histogram",
         "Time from a request that was sent once to its response.", write_round_trips},
        {"coapgw_coap_retransmissions_total", "counter", "CoAP messages that were sent again.",
         write_retransmissions},
        {"coapgw_coap_timeouts_total", "counter", "CoAP requests without an answer in time.",
         write_timeouts},
        {"coapgw_observations", "gauge", "Resources that are observed or polled.",
         write_observations},
        {"coapgw_node_up", "gauge", "1 when the last news of the node was a message from it.",
         write_up},
        {"coapgw_node_last_seen_timestamp_seconds", "gauge",
         "Time of the last message from the node.", write_last_seen},
    };

    for (size_t i = 0; i < sizeof families / sizeof families[0]; i++) {
        buffer_printf(out, "# HELP %s %s\n# TYPE %s %s\n", families[i].name, families[i].help,
                      families[i].name, families[i].type);
        for (size_t j = 0; j < table->count; j++)
            families[i].write(table->labels[j], times, out);
        families[i].write(table->other, times, out);
    }
    return out->failed ? -1 : 0;
}
