/* SPDX-License-Identifier: BSD-2-Clause */
#include "resource.h"

/*
 * The gateway's own resources as one table. They are answered at once, from what the core knows;
 * nothing is asked of a node. Health tells a supervisor and a load balancer whether to restart the
 * daemon (live) or to send requests elsewhere (ready).
 */

#include <string.h>

#include "auto_observe.h"
#include "core_private.h"
#include "exchange.h"
#include "http_message.h"
#include "link_format.h"
#include "mapping.h"
#include "memory_account.h"
#include "message_layer.h"
#include "metrics.h"
#include "node_label.h"
#include "node_report.h"
#include "policy.h"
#include "request_layer.h"
#include "status_monitor.h"
#include "stream.h"
#include "timers.h"
#include "uri.h"

static void answer_text(struct http_reply *reply, const char *text)
{
    reply->status = 200;
    (void)http_reply_add(reply, "Content-Type", "text/plain;charset=utf-8");
    (void)http_reply_add(reply, "Cache-Control", "no-store");
    (void)buffer_append_text(&reply->body, text);
}

static void respond_live(struct core *core, const struct http_request *request,
                         struct http_reply *reply)
{
    (void)core;
    (void)request;
    answer_text(reply, "live\n");
}

static void respond_ready(struct core *core, const struct http_request *request,
                          struct http_reply *reply)
{
    if (core->is_draining)
        exchange_refusal(core, 503, "stopping", "the gateway finishes what is under way", request,
                         reply);
    else
        answer_text(reply, "ready\n");
}

/* Figures that live elsewhere are fetched when somebody looks. */
static void gather(struct core *core)
{
    const struct cache_counts cache = cache_count(core->cache);
    const struct message_layer *messages = request_layer_messages(core->options.requests);
    const struct message_counters *counters = message_layer_counters(messages);

    metrics_set(core->metrics, METRIC_EXCHANGES, core->exchanges.count);
    metrics_set(core->metrics, METRIC_SSE_CLIENTS, streams_count(core));
    metrics_set(core->metrics, METRIC_MEMORY,
                core->options.memory == NULL ? 0 : core->options.memory->used);
    metrics_set(core->metrics, METRIC_CACHE_ENTRIES, cache.entries);
    metrics_set(core->metrics, METRIC_CACHE_BYTES, cache.bytes);
    metrics_set(core->metrics, METRIC_CACHE_EVICTIONS, cache.evictions);
    metrics_set(core->metrics, METRIC_AUTO_OBSERVATIONS, auto_observe_count(core->auto_observe));
    metrics_set(core->metrics, METRIC_COAP_OUTSTANDING, message_layer_outstanding(messages));
    metrics_set(core->metrics, METRIC_COAP_QUEUED, message_layer_queued(messages));
    metrics_set(core->metrics, METRIC_COAP_DUPLICATES, counters->duplicates);
    metrics_set(core->metrics, METRIC_COAP_IGNORED, counters->ignored_datagrams);
    metrics_set(core->metrics, METRIC_COAP_FORMAT_ERRORS, counters->format_errors);
    metrics_set(core->metrics, METRIC_COAP_RESETS_SENT, counters->resets_sent);
    metrics_set(core->metrics, METRIC_COAP_RESETS_RECEIVED, counters->resets_received);
    metrics_set(core->metrics, METRIC_COAP_PINGS, counters->pings);
    metrics_set(core->metrics, METRIC_COAP_UNEXPECTED, counters->unexpected_responses);
}

static void fail_memory(struct core *core, const struct http_request *request,
                        struct http_reply *reply)
{
    size_t maximum = reply->body.maximum;

    http_reply_clear(reply);
    http_reply_init(reply, maximum);
    exchange_refusal(core, 503, "out-of-memory", "the gateway is short of memory", request, reply);
}

static void respond_metrics(struct core *core, const struct http_request *request,
                            struct http_reply *reply)
{
    const struct node_label_times times = {
        .now_us = timers_now_us(core->options.timers),
        .wall_ms = core->options.wall_ms(),
    };

    gather(core);
    reply->status = 200;
    (void)http_reply_add(reply, "Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    (void)http_reply_add(reply, "Cache-Control", "no-store");
    if (metrics_write(core->metrics, &reply->body) != 0 ||
        node_label_write_metrics(core->labels, &times, &reply->body) != 0)
        fail_memory(core, request, reply);
}

static void add_attribute(struct link *link, const char *name, const char *value)
{
    if (value == NULL || link->attribute_count == LINK_ATTRIBUTES_MAX)
        return;
    link->attributes[link->attribute_count].name = name;
    link->attributes[link->attribute_count++].value = value;
}

/* RFC 8075 5.5: the HC Proxy URI has rt="core.hc", and hct unless its template is the default. */
static int write_offer(struct buffer *out, const struct mapping_offer *offer,
                       const struct link_filter *filter)
{
    size_t literal = strcspn(offer->path, "{");
    struct link link = {0};
    char href[1024];

    if (literal >= sizeof href)
        return 0;
    /* A path with variables is offered as what stands before them. */
    memcpy(href, offer->path, literal);
    href[literal] = '\0';
    link.href = href;
    if (offer->kind == MAPPING_HC)
        add_attribute(&link, "rt", "core.hc");
    if (offer->template != NULL && strcmp(offer->template, "{+tu}") != 0)
        add_attribute(&link, "hct", offer->template);
    add_attribute(&link, "title", offer->description);
    return link_filter_matches(filter, &link) ? link_write(out, &link) : 0;
}

static void respond_core(struct core *core, const struct http_request *request,
                         struct http_reply *reply)
{
    const struct mapping_table *mappings = core->policy->mappings;
    struct uri_request_target target;
    struct link_filter filter = {0};

    uri_split_request_target(request->target, &target);
    if (!link_filter_read(&filter, target.query, target.query_length)) {
        exchange_refusal(core, 400, "bad-request",
                         "the query is no filter such as \"rt=core.hc\" (RFC 6690 4.1)", request,
                         reply);
        return;
    }
    reply->status = 200;
    (void)http_reply_add(reply, "Content-Type", "application/link-format");
    for (size_t i = 0; i < mapping_offer_count(mappings); i++) {
        struct mapping_offer offer = mapping_offer(mappings, i);

        if (write_offer(&reply->body, &offer, &filter) != 0) {
            fail_memory(core, request, reply);
            return;
        }
    }
}

static void respond_status(struct core *core, const struct http_request *request,
                           struct http_reply *reply)
{
    buffer_set_account(&reply->body, core->options.memory);
    if (!status_monitors_answer(core->monitors, request, reply))
        exchange_refusal(core, 404, "not-found",
                         "no result waits here for you: it was kept for a while, or there was none",
                         request, reply);
}

const struct resource *resource_find(const char *target)
{
    static const struct resource resources[] = {
        {"/-/health/live", HTTP_METHOD_GET | HTTP_METHOD_HEAD, 0, respond_live},
        {"/-/health/ready", HTTP_METHOD_GET | HTTP_METHOD_HEAD, 0, respond_ready},
        {"/-/metrics", HTTP_METHOD_GET | HTTP_METHOD_HEAD, ROLE_READ, respond_metrics},
        {"/-/nodes", HTTP_METHOD_GET | HTTP_METHOD_HEAD, ROLE_READ, node_report_respond},
        {STATUS_MONITOR_PATH, HTTP_METHOD_GET | HTTP_METHOD_HEAD, ROLE_READ, respond_status},
        {"/.well-known/core", HTTP_METHOD_GET | HTTP_METHOD_HEAD, ROLE_READ, respond_core},
    };
    size_t length = strcspn(target, "?");

    for (size_t i = 0; i < sizeof resources / sizeof resources[0]; i++) {
        size_t own = strlen(resources[i].path);
        bool is_folder = resources[i].path[own - 1] == '/';

        if ((is_folder ? own <= length : own == length) &&
            memcmp(resources[i].path, target, own) == 0)
            return &resources[i];
    }
    return NULL;
}
