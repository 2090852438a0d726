/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * A GET that wants a stream of events (SSE-01). It has been through the checks of any GET, and
 * where that would ask the node it joins an observation. Then it waits until something is known of
 * it, so that a definite refusal becomes the status, after which a browser does not come back; but
 * no longer than five seconds, and trouble of the node is told inside the stream (SSE-08). What the
 * client says in Prefer is about answers that are made once: it has no meaning here.
 */

#include <string.h>

#include "audience.h"
#include "core_private.h"
#include "events.h"
#include "fields.h"
#include "policy.h"
#include "representation.h"
#include "sse.h"
#include "stream_private.h"
#include "timers.h"

enum { PATIENCE_US = 5000000, RETRY_AFTER_S = 10 };

static enum step_result fail_full(struct exchange *exchange, const char *detail)
{
    (void)exchange_fail(exchange, PROBLEM_OVERLOADED, 503, "%s", detail);
    (void)http_reply_add(&exchange->reply, "Retry-After", "%d", RETRY_AFTER_S);
    return STEP_ANSWERED;
}

static enum step_result fail_memory(struct exchange *exchange)
{
    return exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, 503, "the gateway is short of memory");
}

/* --- the head of the reply --- */

enum step_result exchange_answer_stream(struct exchange *exchange)
{
    struct http_reply *reply = &exchange->reply;
    int failed;

    reply->status = 200;
    failed = http_reply_add(reply, "Content-Type", SSE_CONTENT_TYPE);
    failed |= http_reply_add(reply, "Cache-Control", "no-store");
    /* Proxies that collect a reply before they pass it on make an exception for this. */
    failed |= http_reply_add(reply, "X-Accel-Buffering", "no");
    failed |= http_reply_add(reply, "X-Content-Type-Options", "nosniff");
    failed |= http_reply_add(reply, "Vary", "Accept%s",
                             exchange->choice.depends_on_coding ? ", Accept-Encoding" : "");
    if (exchange->policy->forward_proxy)
        failed |= http_reply_add(reply, "Via", "CoAP/1 %s", policy_pseudonym(exchange->policy));
    if (failed != 0)
        return fail_memory(exchange);
    if (exchange->method == HTTP_METHOD_HEAD)
        reply->has_unknown_length = true;
    exchange->step = EXCHANGE_STEP_ANSWERED;
    return STEP_ANSWERED;
}

static enum step_result open_stream(struct exchange *exchange)
{
    struct sse_id last;
    bool has_last = !exchange->is_for_events && sse_last_event_id(exchange->request, &last);

    (void)exchange_answer_stream(exchange);
    if (exchange->reply.status == 200)
        stream_open(exchange->stream, has_last ? &last : NULL);
    return STEP_ANSWERED;
}

/* --- the wait --- */

void exchange_leave_stream(struct exchange *exchange)
{
    timers_disarm(exchange->core->options.timers, &exchange->stream_timer);
    stream_close(exchange->stream);
    exchange->stream = NULL;
}

/* None of the targets of /events is there. Always STEP_ANSWERED. */
static enum step_result fail_all(struct exchange *exchange)
{
    const struct stream *stream = exchange->stream;
    enum problem_type type = stream->reason == NULL ? PROBLEM_TYPES : problem_find(stream->reason);
    unsigned status = stream->has_mixed_refusals ? 404 : stream->status;

    if (status == 0)
        status = 502;
    exchange_leave_stream(exchange);
    if (status == 503)
        return fail_full(exchange, "none of the targets can be observed at the moment");
    return exchange_fail(exchange, type == PROBLEM_TYPES ? PROBLEM_NODE_ERROR : type, status,
                         "none of the targets can be observed");
}

/* Always STEP_ANSWERED. */
static enum step_result fail_refused(struct exchange *exchange, unsigned status, const char *reason)
{
    enum problem_type type = reason == NULL ? PROBLEM_TYPES : problem_find(reason);
    char node[128];

    return exchange_fail(exchange, type == PROBLEM_TYPES ? PROBLEM_NODE_ERROR : type,
                         status == 0 ? 502 : status, "the observation of %s has ended",
                         exchange_node_phrase(exchange, node, sizeof node));
}

/* What stands against the target is told as it would be for any GET. */
static void refuse(struct exchange *exchange)
{
    struct stream *stream = exchange->stream;
    struct representation *refusal = stream->refusal;
    unsigned status = stream->status;
    const char *reason = stream->reason;
    struct rest_message message;
    struct exchange_outcome outcome = {.response = &message, .representation = refusal};

    stream->refusal = NULL;
    exchange_leave_stream(exchange);
    if (refusal == NULL) {
        (void)fail_refused(exchange, status, reason);
        exchange_tell(exchange);
        return;
    }
    representation_read(refusal, &message);
    exchange_settle(exchange, &outcome);
    representation_release(refusal);
}

static uint64_t left_us(const struct exchange *exchange)
{
    uint64_t waited_us = timers_now_us(exchange->core->options.timers) - exchange->began_us;

    return waited_us < PATIENCE_US ? PATIENCE_US - waited_us : 0;
}

static bool is_to_wait(const struct exchange *exchange)
{
    return stream_outlook(exchange->stream) == STREAM_WAITS && left_us(exchange) > 0 &&
           !exchange->core->is_draining;
}

static void look_again(void *handle)
{
    struct exchange *exchange = handle;

    if (exchange_is_answered(exchange))
        return;
    if (is_to_wait(exchange)) {
        timers_arm(exchange->core->options.timers, &exchange->stream_timer, left_us(exchange));
        return;
    }
    /* A client whose stream ends comes back by itself, to us or to another gateway; one that got an
     * error does not. */
    if (stream_outlook(exchange->stream) == STREAM_REFUSED && !exchange->core->is_draining) {
        if (!exchange->is_for_events) {
            refuse(exchange);
            return;
        }
        (void)fail_all(exchange);
    } else {
        (void)open_stream(exchange);
    }
    exchange_tell(exchange);
}

static void take_news(void *handle)
{
    struct exchange *exchange = handle;

    timers_arm(exchange->core->options.timers, &exchange->stream_timer, 0);
}

enum step_result exchange_await_stream(struct exchange *exchange)
{
    if (stream_outlook(exchange->stream) == STREAM_REFUSED)
        return fail_all(exchange);
    if (!is_to_wait(exchange))
        return open_stream(exchange);
    timers_arm(exchange->core->options.timers, &exchange->stream_timer, left_us(exchange));
    return STEP_PARKED;
}

void exchange_init_stream(struct exchange *exchange)
{
    timer_init(&exchange->stream_timer, look_again, exchange);
}

enum step_result exchange_begin_stream(struct exchange *exchange)
{
    const struct stream_opener opener = {.news = take_news, .handle = exchange};
    struct core *core = exchange->core;

    if (core->options.observe == NULL)
        return fail_full(exchange, "the gateway observes nothing");
    switch (stream_begin(core, &exchange->policy->stream_limits, &opener, &exchange->stream)) {
    case STREAM_BEGUN:
        return STEP_NEXT;
    case STREAM_TOO_MANY:
        return fail_full(exchange, "there are as many streams of events as there may be");
    case STREAM_NO_MEMORY:
        break;
    }
    return fail_memory(exchange);
}

/* --- the target --- */

/* Nodes that somebody else asks may be where this client may not (SEC-07). */
static enum step_result check_place(struct exchange *exchange)
{
    const struct observation *observation = observation_find(exchange->core, exchange->key);

    if (observation == NULL || exchange_may_see(exchange, observation_peer(observation)))
        return STEP_NEXT;
    return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403,
                         "the access rules do not let this client reach the target where it is");
}

struct observation_spec exchange_observation_spec(const struct exchange *exchange)
{
    return (struct observation_spec){
        .key = exchange->key,
        .policy = exchange->policy,
        .rules = exchange->rules,
        .label = exchange->label,
        .authority = &exchange->match.authority,
        .is_mapped = exchange->match.kind != MAPPING_HC,
        .coap = &exchange->coap,
        .addresses = exchange->addresses,
        .address_count = exchange->address_count,
        .client_key = exchange->client_key,
        .node_name = exchange->match.node_name,
    };
}

static enum observation_refusal join(struct exchange *exchange, struct stream_target *target,
                                     const char *name)
{
    const struct observation_spec spec = exchange_observation_spec(exchange);
    const struct audience_wish wish = {
        .spec = &spec, .target = name, .is_envelope = exchange->run != NULL};

    return audience_join(exchange->core->streams, &wish, target);
}

static enum step_result join_stream(struct exchange *exchange, struct stream *stream)
{
    struct stream_target *target = stream_add_target(stream, exchange->request->roles);
    enum observation_refusal refusal = OBSERVATION_NO_MEMORY;
    struct buffer name;

    buffer_init(&name, SIZE_MAX);
    if (target != NULL && uri_normalise(&name, exchange->request->target) == 0)
        refusal = join(exchange, target, buffer_text(&name));
    buffer_clear(&name);
    if (refusal == OBSERVATION_OPENED) {
        if (stream->is_open)
            audience_show(target, NULL);
        return STEP_NEXT;
    }
    if (target != NULL)
        stream_remove_target(target);
    switch (refusal) {
    case OBSERVATION_TOO_MANY:
        return fail_full(exchange, "the gateway observes as many resources as it may");
    case OBSERVATION_TOO_MANY_OF_NODE:
        return fail_full(exchange, "the gateway observes as many resources of the node as it may");
    case OBSERVATION_OPENED:
    case OBSERVATION_NO_MEMORY:
        break;
    }
    return fail_memory(exchange);
}

static enum step_result check_target(struct exchange *exchange)
{
    if (exchange->core->is_draining)
        return exchange_fail(exchange, PROBLEM_STOPPING, 503,
                             "the gateway is stopping; try another one, or again in a moment");
    if (exchange_check_security(exchange) == STEP_ANSWERED)
        return STEP_ANSWERED;
    return check_place(exchange);
}

/* A target of /events. */
static enum step_result join_events(struct exchange *exchange)
{
    enum step_result result = check_target(exchange);

    if (result == STEP_NEXT)
        result = join_stream(exchange, events_stream_of(exchange));
    return result == STEP_NEXT ? exchange_answer_stream(exchange) : result;
}

enum step_result exchange_stream(struct exchange *exchange)
{
    enum step_result result;

    if (exchange->run != NULL)
        return join_events(exchange);
    if (exchange->method == HTTP_METHOD_HEAD)
        return exchange_answer_stream(exchange);
    result = check_target(exchange);
    if (result == STEP_NEXT)
        result = exchange_begin_stream(exchange);
    if (result == STEP_NEXT)
        result = join_stream(exchange, exchange->stream);
    if (result == STEP_NEXT)
        return exchange_await_stream(exchange);
    exchange_leave_stream(exchange);
    return result;
}

struct stream *exchange_take_stream(struct core *core, uint64_t id)
{
    struct exchange *exchange = exchange_table_find(&core->exchanges, id);
    struct stream *stream;

    if (exchange == NULL || exchange->stream == NULL || !exchange->stream->is_open)
        return NULL;
    stream = exchange->stream;
    exchange->stream = NULL;
    return stream;
}
