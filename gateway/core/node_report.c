/* SPDX-License-Identifier: BSD-2-Clause */
#include "node_report.h"

/*
 * The list has the names of the configuration in their order, asked for or not, and behind them the
 * nodes without a name in the order in which they were first asked. It is made anew for each
 * request from the records of node.c, so that nothing is kept for it; a page bounds what one
 * request can take.
 */

#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "exchange.h"
#include "http_message.h"
#include "node.h"
#include "node_label.h"
#include "observation.h"
#include "text.h"
#include "timers.h"
#include "uri.h"

/* One answer in the making. */
struct page {
    struct core *core;
    struct buffer *out;
    bool shows_all;   /* addresses, and nodes without a name */
    uint64_t offset;  /* of the first entry to be shown */
    uint64_t limit;   /* how many */
    uint64_t entries; /* passed by so far, shown or not */
    uint64_t shown;
};

/* "offset=20&limit=10", in any order and each at most once. False when it is anything else. */
static bool read_query(const char *query, size_t length, struct page *page)
{
    bool has_offset = false, has_limit = false;

    while (length > 0) {
        const char *end = memchr(query, '&', length);
        size_t part = end == NULL ? length : (size_t)(end - query);

        if (!has_offset && part > 7 && memcmp(query, "offset=", 7) == 0)
            has_offset = text_to_number(query + 7, part - 7, UINT32_MAX, &page->offset);
        else if (!has_limit && part > 6 && memcmp(query, "limit=", 6) == 0)
            has_limit = text_to_number(query + 6, part - 6, NODE_REPORT_PAGE, &page->limit) &&
                        page->limit > 0;
        else
            return false;
        if (end == NULL)
            return has_offset || has_limit;
        query += part + 1;
        length -= part + 1;
    }
    return false;
}

static void write_text(struct buffer *out, const char *key, const char *text)
{
    buffer_printf(out, "\"%s\":", key);
    if (text == NULL)
        buffer_append_text(out, "null");
    else
        text_to_json(out, text, strlen(text));
}

static void write_address(const struct node *node, struct buffer *out)
{
    char text[ENDPOINT_ADDRESS_TEXT_SIZE + sizeof "coaps://"];
    const struct endpoint_address *address;
    size_t length;

    if (node == NULL) {
        write_text(out, "address", NULL);
        return;
    }
    address = node_address(node);
    length = address->is_secure ? strlen("coaps://") : strlen("coap://");
    memcpy(text, address->is_secure ? "coaps://" : "coap://", length);
    (void)endpoint_address_format(address, text + length);
    write_text(out, "address", text);
}

static void write_last_seen(const struct core *core, const struct node *node, struct buffer *out)
{
    char text[TEXT_TIME_SIZE];
    uint64_t heard_us;

    if (node == NULL || !node_last_heard(node, &heard_us)) {
        write_text(out, "last_seen", NULL);
        return;
    }
    text_to_time((int64_t)(core->options.wall_ms() -
                           (timers_now_us(core->options.timers) - heard_us) / 1000),
                 text);
    write_text(out, "last_seen", text);
}

static void write_measures(const struct node *node, struct buffer *out)
{
    struct node_measures measures = {0};

    if (node != NULL)
        measures = node_measures(node);
    if (measures.round_trip_us > 0)
        buffer_printf(out, "\"rtt_ms\":%" PRIu32 ".%03" PRIu32, measures.round_trip_us / 1000,
                      measures.round_trip_us % 1000);
    else
        write_text(out, "rtt_ms", NULL);
    if (measures.transmissions > 0)
        buffer_printf(out, ",\"loss\":%.3f", (double)measures.lost / measures.transmissions);
    else
        buffer_append_text(out, ",\"loss\":null");
}

/* Appends one entry if it lies on the page; NULL: no name, or never asked. */
static void write_entry(struct page *page, const char *name, const struct node *node)
{
    static const char *const states[] = {
        [NODE_UNKNOWN] = "unknown",
        [NODE_REACHABLE] = "reachable",
        [NODE_SUSPECT] = "suspect",
        [NODE_UNREACHABLE] = "unreachable",
    };
    struct buffer *out = page->out;

    if (page->entries++ < page->offset || page->shown >= page->limit)
        return;
    buffer_append_text(out, page->shown++ == 0 ? "\n{" : ",\n{");
    write_text(out, "name", name);
    buffer_append_char(out, ',');
    if (page->shows_all) {
        write_address(node, out);
        buffer_append_char(out, ',');
    }
    write_text(out, "state", states[node == NULL ? NODE_UNKNOWN : node_state_of(node)]);
    buffer_append_char(out, ',');
    write_last_seen(page->core, node, out);
    buffer_append_char(out, ',');
    write_measures(node, out);
    buffer_printf(out, ",\"observations\":%zu}",
                  node == NULL ? 0 : observations_of(page->core, node_address(node)));
}

static int by_pointer(const void *a, const void *b)
{
    uintptr_t first = (uintptr_t) * (const struct node *const *)a;
    uintptr_t second = (uintptr_t) * (const struct node *const *)b;

    return first < second ? -1 : first > second;
}

/* The nodes behind the names, sorted to be looked up; the caller frees it. NULL without memory. */
static const struct node **sort_named(const struct node_label_table *labels)
{
    size_t count = node_label_count(labels);
    const struct node **nodes = calloc(count + 1, sizeof *nodes);

    if (nodes == NULL)
        return NULL;
    for (size_t i = 0; i < count; i++)
        nodes[i] = node_label_node(node_label_at(labels, i));
    qsort(nodes, count, sizeof *nodes, by_pointer);
    return nodes;
}

static int write_nameless(struct page *page)
{
    const struct node_label_table *labels = page->core->labels;
    const struct node **named = sort_named(labels);

    if (named == NULL)
        return -1;
    for (const struct node *node = node_table_next(page->core->nodes, NULL); node != NULL;
         node = node_table_next(page->core->nodes, node))
        if (bsearch(&node, named, node_label_count(labels), sizeof *named, by_pointer) == NULL)
            write_entry(page, NULL, node);
    free(named);
    return 0;
}

/* 0 or -1 when memory is short. */
static int write_page(struct page *page)
{
    const struct node_label_table *labels = page->core->labels;

    buffer_append_text(page->out, "{\"nodes\":[");
    for (size_t i = 0; i < node_label_count(labels); i++) {
        const struct node_label *label = node_label_at(labels, i);

        write_entry(page, node_label_name(label), node_label_node(label));
    }
    if (page->shows_all && write_nameless(page) != 0)
        return -1;
    buffer_printf(page->out, "],\n\"total\":%" PRIu64, page->entries);
    if (page->offset + page->shown < page->entries && page->shown > 0)
        buffer_printf(page->out, ",\"next\":\"/-/nodes?offset=%" PRIu64 "&limit=%" PRIu64 "\"",
                      page->offset + page->shown, page->limit);
    buffer_append_text(page->out, "}\n");
    return page->out->failed ? -1 : 0;
}

void node_report_respond(struct core *core, const struct http_request *request,
                         struct http_reply *reply)
{
    struct page page = {
        .core = core,
        .out = &reply->body,
        .shows_all = (request->roles & ROLE_ADMIN) != 0,
        .limit = NODE_REPORT_PAGE,
    };
    size_t maximum = reply->body.maximum;
    struct uri_request_target target;

    uri_split_request_target(request->target, &target);
    if (target.has_query && !read_query(target.query, target.query_length, &page)) {
        exchange_refusal(core, 400, "bad-request",
                         "the query can have offset=N and limit=N, from 1 to 1000 nodes", request,
                         reply);
        return;
    }
    reply->status = 200;
    (void)http_reply_add(reply, "Content-Type", "application/json");
    (void)http_reply_add(reply, "Cache-Control", "no-store");
    if (write_page(&page) == 0)
        return;
    http_reply_clear(reply);
    http_reply_init(reply, maximum);
    exchange_refusal(core, 503, "out-of-memory", "the gateway is short of memory", request, reply);
}
