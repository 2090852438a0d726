/* SPDX-License-Identifier: BSD-2-Clause */
#include "events.h"

/*
 * Many resources on one connection, since browsers open no more than six to one origin. Each target
 * is a GET of its own, with the roles of the client and without its fields: an exchange takes it
 * through all checks up to the observation, which it joins on behalf of the stream. Mostly that
 * needs no waiting, and the exchange is gone before the next one begins; those that wait for a name
 * are few at a time, since an exchange is large. What the nodes then say comes by way of the
 * observations. No Accept goes to the nodes: an envelope takes any format, and all streams share
 * the same registrations.
 */

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "core_private.h"
#include "exchange_private.h"
#include "fields.h"
#include "policy.h"
#include "resource.h"
#include "sse.h"
#include "stream_private.h"

#define EVENTS_PATH "/events"

enum { RUNNING_MAX = 8 };

/* One target on its way. */
struct events_run {
    struct events *events;
    struct http_request request;
    size_t at;         /* of the list */
    uint64_t exchange; /* its id; 0: free */
};

/* Of a target whose end is owed. */
struct refusal {
    unsigned status;
    const char *reason; /* static, or NULL */
};

struct events {
    struct stream *stream;
    struct policy *policy;     /* counted: of the request for /events */
    struct http_request model; /* what the requests for all targets have in common */
    struct events_query list;
    size_t next; /* of the list */
    bool is_going_on;
    unsigned running;
    struct events_run runs[RUNNING_MAX];
    size_t owed; /* of the refusals, those with a status */
    struct refusal refusals[EVENTS_TARGETS_MAX];
};

static bool is_events_path(const char *target)
{
    size_t length = strcspn(target, "?");

    return length == sizeof EVENTS_PATH - 1 && memcmp(target, EVENTS_PATH, length) == 0;
}

bool events_is_meant(const struct http_request *request)
{
    return !request->is_absolute_form && is_events_path(request->target);
}

/* --- targets --- */

/* Without memory its end is owed. */
static void refuse_with(struct events *events, size_t at, const struct sse_change *change)
{
    struct stream *stream = events->stream;
    struct sse_change own = *change;

    own.target = events->list.targets[at];
    stream_note_refusal(stream, &own, NULL);
    if (!stream_show_refusal(stream, &own)) {
        events->refusals[at] = (struct refusal){own.status, own.reason};
        stream->owed++;
        events->owed++;
    }
    stream_wake(stream);
}

static void refuse(struct events *events, size_t at, unsigned status, enum problem_type type)
{
    const struct sse_change change = {
        .state = SSE_STATE_GONE,
        .reason = type == PROBLEM_TYPES ? NULL : problem_slug(type),
        .status = status,
    };

    refuse_with(events, at, &change);
}

/* The reply says whether the target has joined. */
static void conclude(struct exchange *exchange)
{
    const struct events_run *run = exchange->run;

    if (exchange->reply.status != 200)
        refuse(run->events, run->at, exchange->reply.status, exchange->problem);
}

static struct events_run *free_run(struct events *events)
{
    for (size_t i = 0; i < RUNNING_MAX; i++)
        if (events->runs[i].exchange == 0)
            return &events->runs[i];
    return NULL;
}

static void run_target(struct events *events, size_t at)
{
    const char *target = events->list.targets[at];
    struct events_run *run = free_run(events);
    struct core *core = events->stream->streams->core;
    struct exchange *exchange;

    /* Nothing of the gateway's own can be observed, this here least of all. */
    if (target[0] == '/' && (resource_find(target) != NULL || is_events_path(target))) {
        refuse(events, at, 404, PROBLEM_NOT_FOUND);
        return;
    }
    run->events = events;
    run->at = at;
    run->request = events->model;
    run->request.target = target;
    run->request.is_absolute_form = target[0] != '/';
    exchange = exchange_open_run(core, events->policy, run, &run->request);
    if (exchange == NULL) {
        refuse(events, at, 503, PROBLEM_OUT_OF_MEMORY);
        return;
    }
    if (exchange_run_target(exchange)) {
        conclude(exchange);
        exchange_close(exchange);
        return;
    }
    run->exchange = exchange->id;
    events->running++;
}

bool events_are_judged(const struct events *events)
{
    return events->next == events->list.count && events->running == 0;
}

/* Frees the events when all is done. */
static void finish(struct events *events)
{
    struct stream *stream = events->stream;

    if (!events_are_judged(events))
        return;
    if (events->owed == 0) {
        stream->events = NULL;
        events_free(events);
    }
    if (stream->is_open)
        stream_wake(stream);
    else
        stream->opener.news(stream->opener.handle);
}

/* Not from inside itself. */
static void go_on(struct events *events)
{
    if (events->is_going_on)
        return;
    events->is_going_on = true;
    while (events->next < events->list.count && events->running < RUNNING_MAX) {
        events->next++;
        run_target(events, events->next - 1);
    }
    events->is_going_on = false;
    finish(events);
}

void events_pay(struct events *events)
{
    for (size_t i = 0; i < events->list.count && events->owed > 0; i++) {
        const struct sse_change change = {
            .state = SSE_STATE_GONE,
            .reason = events->refusals[i].reason,
            .target = events->list.targets[i],
            .status = events->refusals[i].status,
        };

        if (change.status == 0 || !stream_show_refusal(events->stream, &change))
            continue;
        events->refusals[i].status = 0;
        events->stream->owed--;
        events->owed--;
    }
    finish(events);
}

struct stream *events_stream_of(const struct exchange *exchange)
{
    return exchange->run->events->stream;
}

void events_answered(struct exchange *exchange)
{
    struct events_run *run = exchange->run;
    struct events *events = run->events;
    struct streams *streams = events->stream->streams;

    conclude(exchange);
    run->exchange = 0;
    events->running--;
    exchange_detach(streams->core, exchange->id);
    go_on(events);
    streams_tell(streams);
}

void events_end(struct events *events, const struct sse_change *change)
{
    struct core *core = events->stream->streams->core;

    for (size_t i = 0; i < RUNNING_MAX; i++) {
        struct events_run *run = &events->runs[i];

        if (run->exchange == 0)
            continue;
        exchange_detach(core, run->exchange);
        run->exchange = 0;
        refuse_with(events, run->at, change);
    }
    events->running = 0;
    for (; events->next < events->list.count; events->next++)
        refuse_with(events, events->next, change);
    finish(events);
}

void events_free(struct events *events)
{
    if (events == NULL)
        return;
    for (size_t i = 0; i < RUNNING_MAX; i++)
        if (events->runs[i].exchange != 0)
            exchange_detach(events->stream->streams->core, events->runs[i].exchange);
    events->stream->owed -= (unsigned)events->owed;
    policy_release(events->policy);
    events_query_clear(&events->list);
    free(events);
}

/* --- the request for /events --- */

static enum step_result fail_query(struct exchange *exchange, enum events_error error, size_t at)
{
    const char *text = "the query names no target and no match";

    switch (error) {
    case EVENTS_NO_MEMORY:
        return exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, 503,
                             "the gateway is short of memory");
    case EVENTS_TOO_MANY:
        return exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400,
                             "one stream takes at most %d targets", EVENTS_TARGETS_MAX);
    case EVENTS_BAD_TARGET:
        text = "is no path and no coap URI, or is not escaped as a value of a query has to be";
        break;
    case EVENTS_BAD_PATTERN:
        text = "is no path with \"/*\" behind it";
        break;
    case EVENTS_DUPLICATE:
        text = "names a target that the stream has already";
        break;
    case EVENTS_NO_TARGET:
    case EVENTS_FINE:
        return exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400, "%s", text);
    }
    return exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400, "parameter %zu of the query %s", at,
                         text);
}

/* What cannot be read is the client's mistake, not a matter of one target. */
static enum step_result check_targets(struct exchange *exchange, const struct events_query *list)
{
    const struct mapping_table *mappings = exchange->policy->mappings;

    for (size_t i = 0; i < list->count; i++) {
        const char *target = list->targets[i];
        enum mapping_outcome outcome;
        struct mapping_match match;
        int error = URI_OK;

        memset(&match, 0, sizeof match);
        rest_request_init(&exchange->coap);
        outcome = target[0] == '/'
                      ? mapping_find(mappings, target, &exchange->coap, &match, &error)
                      : mapping_find_absolute(mappings, target, &exchange->coap, &match, &error);
        if (outcome == MAPPING_BAD_TARGET)
            return exchange_fail(exchange, PROBLEM_BAD_TARGET, 400, "target %zu: %s", i + 1,
                                 uri_error_text(error));
    }
    return STEP_NEXT;
}

static enum step_result read_query(struct exchange *exchange, struct events_query *list)
{
    struct uri_request_target target;
    enum events_error error;
    size_t at = 0;

    uri_split_request_target(exchange->request->target, &target);
    error = events_query_read(list, target.query, target.query_length, exchange->policy->mappings,
                              exchange->request->roles, &at);
    if (error != EVENTS_FINE)
        return fail_query(exchange, error, at);
    if (list->count == 0)
        return exchange_fail(exchange, PROBLEM_NOT_FOUND, 404,
                             "nothing that this client may read is mapped there");
    return check_targets(exchange, list);
}

static enum step_result check_request(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;

    if ((request->method & (HTTP_METHOD_GET | HTTP_METHOD_HEAD)) == 0)
        return exchange_fail_method(exchange, HTTP_METHOD_GET | HTTP_METHOD_HEAD);
    if (fields_via_names(request, policy_pseudonym(exchange->policy)))
        return exchange_fail(exchange, PROBLEM_LOOP, 508,
                             "the field Via tells that the request was here before");
    if (!access_role_suffices(0, request->roles, HTTP_METHOD_GET))
        return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403,
                             "your roles do not include reading this resource");
    if (request->has_body)
        return exchange_fail_content(exchange);
    if (media_quality(request, SSE_CONTENT_TYPE) == 0)
        return exchange_fail(exchange, PROBLEM_NOT_ACCEPTABLE, 406,
                             "this resource is a stream of events: text/event-stream");
    return STEP_NEXT;
}

static struct events *make(struct exchange *exchange, struct events_query *list)
{
    static const struct http_field fields[] = {{"Accept", SSE_CONTENT_TYPE}};
    const struct http_request *request = exchange->request;
    struct events *events = calloc(1, sizeof *events);

    if (events == NULL)
        return NULL;
    events->stream = exchange->stream;
    events->policy = policy_reference(exchange->policy);
    events->list = *list;
    list->count = 0;
    events->model = (struct http_request){
        .method = HTTP_METHOD_GET,
        .method_text = "GET",
        .fields = fields,
        .field_count = 1,
        .roles = request->roles,
        .principal = request->principal,
        .client_key = request->client_key,
    };
    return events;
}

static enum step_result start(struct exchange *exchange, struct events_query *list)
{
    struct events *events;

    if (exchange->method == HTTP_METHOD_HEAD)
        return exchange_answer_stream(exchange);
    if (exchange_begin_stream(exchange) == STEP_ANSWERED)
        return STEP_ANSWERED;
    events = make(exchange, list);
    if (events == NULL) {
        exchange_leave_stream(exchange);
        return exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, 503,
                             "the gateway is short of memory");
    }
    exchange->stream->events = events;
    go_on(events);
    return exchange_await_stream(exchange);
}

enum step_result exchange_events(struct exchange *exchange)
{
    struct events_query list = {0};
    enum step_result result;

    exchange->wants_stream = exchange->is_for_events = true;
    result = check_request(exchange);
    if (result == STEP_NEXT)
        result = read_query(exchange, &list);
    if (result == STEP_NEXT)
        result = exchange->is_beginning ? STEP_WANTS_BODY : start(exchange, &list);
    events_query_clear(&list);
    return result;
}
