/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation_private.h"

/*
 * What answers, notifications and failures mean for an observation. A 2.05 is its value, a 2.03
 * says that the one we have is right; both are a poll's answer when the node has no Observe
 * (OBS-08). A 4.xx ends it (OBS-06), all else is trouble that may pass: subscribers are told
 * OFFLINE, and the node is asked again.
 */

#include <string.h>

#include "core_private.h"
#include "freshness.h"
#include "metrics.h"
#include "node.h"
#include "policy.h"
#include "representation.h"
#include "status.h"

enum {
    US_PER_S = 1000000,
    POLL_PATIENCE_US = 5 * US_PER_S, /* behind the time of a poll: then the value is stale */
    SUSPENDED_MAX_S = 3600,          /* as holds.c: no node shuts a resource for longer */
};

static uint64_t now_us(const struct observation *observation)
{
    return timers_now_us(observation->table->core->options.timers);
}

/* --- trouble --- */

static void go_offline(struct observation *observation, enum problem_type problem, unsigned status)
{
    observation->is_recovering = true;
    observation->waits_for_sign = false;
    observation_set_state(observation, SSE_STATE_OFFLINE, problem, status);
}

static void fail_bad_response(struct observation *observation)
{
    go_offline(observation, PROBLEM_BAD_RESPONSE, 502);
    observation_retry(observation);
}

/* What came cannot be kept: it is asked for as a whole. */
static void skip(struct observation *observation)
{
    observe_forget_etag(observation->table->core->options.observe, observation->relation);
    observation_retry(observation);
}

/* --- values --- */

static bool has_same_content(const struct representation *a, const struct representation *b)
{
    static const uint16_t numbers[] = {REST_OPTION_ETAG, REST_OPTION_CONTENT_FORMAT};
    struct rest_message left, right;

    if (a == NULL)
        return false;
    representation_read(a, &left);
    representation_read(b, &right);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct rest_option *mine = rest_find_option(&left, numbers[i]);
        const struct rest_option *yours = rest_find_option(&right, numbers[i]);

        if ((mine == NULL) != (yours == NULL))
            return false;
        if (mine != NULL &&
            (mine->length != yours->length || memcmp(mine->value, yours->value, mine->length) != 0))
            return false;
    }
    return left.payload_length == right.payload_length &&
           (left.payload_length == 0 ||
            memcmp(left.payload, right.payload, left.payload_length) == 0);
}

/* CACHE-21. Of an answer to a request of our own it is known whether the resource was changed
 * meanwhile; of a notification it is not, but another one follows a change. */
static void store(struct observation *observation, struct representation *representation,
                  const struct observe_report *report)
{
    struct core *core = observation->table->core;

    if (!observation_uses_cache(observation))
        return;
    if (report->is_asked_for && observation->pending.cache != NULL)
        (void)cache_store_pending(core->cache, observation->key, &observation->pending,
                                  representation);
    else
        (void)cache_store(core->cache, observation->key, representation);
}

/* OBS-09. How long the value counts as the current one; when polled, until a poll is overdue. */
static uint64_t schedule(struct observation *observation,
                         const struct representation *representation, bool is_registered)
{
    const struct core *core = observation->table->core;
    uint64_t minimum_us =
        (uint64_t)core->policy->observation_limits.poll_minimum_ms * (US_PER_S / 1000);
    uint32_t max_age_s = FRESHNESS_DEFAULT_S;
    uint64_t interval_us;

    (void)representation_max_age(representation, &max_age_s);
    interval_us = (uint64_t)max_age_s * US_PER_S;
    if (is_registered)
        return interval_us;
    if (interval_us < minimum_us)
        interval_us = minimum_us;
    observation_ask_after(observation, interval_us);
    return interval_us + POLL_PATIENCE_US;
}

/* Whether subscribers are told of a value that has the same content as the one before. A node
 * repeats it for a reason; an answer tells only those something who thought it was old, and no
 * poll does. */
static bool is_news(const struct observation *observation, const struct observe_report *report)
{
    return !report->is_asked_for || (report->is_registered && observation->state != SSE_STATE_LIVE);
}

/* Takes the representation. */
static void deliver(struct observation *observation, struct representation *representation,
                    const struct observe_report *report)
{
    struct memory_account *account = observation->table->core->options.memory;
    bool is_told =
        !has_same_content(observation->value, representation) || is_news(observation, report);

    if (!representation_lend(representation, account)) {
        representation_release(representation);
        skip(observation);
        return;
    }
    store(observation, representation, report);
    representation_release(representation);
    observation->attempts = 0;
    observation->is_recovering = observation->waits_for_sign = false;
    observation->has_forgotten_tag = false;
    observation->is_polled = !report->is_registered;
    observation_set_value(observation, representation,
                          schedule(observation, representation, report->is_registered), is_told);
}

static void take_content(struct observation *observation, const struct rest_message *response,
                         const struct observe_report *report)
{
    struct representation *representation = representation_new(response, now_us(observation));

    if (representation == NULL)
        skip(observation);
    else
        deliver(observation, representation, report);
}

/* OBS-10 */
static void take_valid(struct observation *observation, const struct rest_message *response,
                       const struct observe_report *report)
{
    struct representation *representation;

    if (observation->value != NULL && representation_has_etag(observation->value, response)) {
        representation = representation_refresh(observation->value, response, now_us(observation));
        if (representation == NULL)
            skip(observation);
        else
            deliver(observation, representation, report);
        return;
    }
    observe_forget_etag(observation->table->core->options.observe, observation->relation);
    if (observation->has_forgotten_tag) {
        fail_bad_response(observation);
        return;
    }
    observation->has_forgotten_tag = true;
    observation_ask(observation);
}

/* --- errors --- */

static unsigned status_of(const struct observation *observation,
                          const struct rest_message *response)
{
    const struct status_context context = {
        .has_payload = response->payload_length > 0,
        .methods_known = observation->is_mapped && observation->rules->methods != 0,
    };

    return status_from_code(response->code, &context);
}

/* The node has forgotten the registration: it is not told. */
static void refuse(struct observation *observation, const struct rest_message *response,
                   const struct observe_report *report)
{
    struct representation *refusal = representation_new(response, now_us(observation));

    if (refusal != NULL)
        store(observation, refusal, report);
    observe_drop(observation->table->core->options.observe, observation->relation);
    observation->relation = 0;
    observation_set_gone(observation, PROBLEM_NODE_ERROR, status_of(observation, response),
                         refusal);
}

/* 5.xx, and 4.29: the node says when it wants to be asked again (RFC 7252 5.9.3.4, RFC 8516). */
static void suspend(struct observation *observation, const struct rest_message *response)
{
    bool is_explicit;
    uint32_t seconds = freshness_max_age(response, &is_explicit);
    bool is_flooded = response->code == REST_CODE(4, 29);

    go_offline(observation, is_flooded ? PROBLEM_HELD : PROBLEM_NODE_ERROR,
               status_of(observation, response));
    if (seconds > SUSPENDED_MAX_S)
        seconds = SUSPENDED_MAX_S;
    if ((is_explicit || is_flooded) && seconds > 0)
        observation_ask_after(observation, (uint64_t)seconds * US_PER_S);
    else
        observation_retry(observation);
}

static void take_error(struct observation *observation, const struct rest_message *response,
                       const struct observe_report *report)
{
    unsigned class = REST_CODE_CLASS(response->code);

    if (class == 5 || response->code == REST_CODE(4, 29))
        suspend(observation, response);
    else if (class == 4)
        refuse(observation, response, report);
    else
        fail_bad_response(observation);
}

/* --- events --- */

static void note_answer(struct observation *observation, const struct rest_message *response,
                        const struct observe_report *report)
{
    struct metrics *metrics = observation->table->core->metrics;
    struct inquiry inquiry = observation_inquiry(observation);
    struct rest_message request;

    representation_read(observation->request, &request);
    inquiry.request = &request;
    if (report->is_asked_for) {
        metrics_add(metrics, METRIC_OBSERVE_REGISTRATIONS, 1);
        inquiry_note_response(&inquiry, response, &report->request);
        observation->told = (struct inquiry_told){0};
    } else {
        metrics_add(metrics, METRIC_OBSERVE_NOTIFICATIONS, 1);
        inquiry_note_wish(&inquiry, response);
    }
}

/* Whatever was to be tried next, the node has answered. */
static void answered(void *handle, const struct rest_message *response,
                     const struct observe_report *report)
{
    struct observation *observation = handle;
    struct core *core = observation->table->core;

    observation_enter(observation);
    observation->is_asking = false;
    note_answer(observation, response, report);
    timers_disarm(core->options.timers, &observation->again);
    names_forget(&observation->wait);
    if (response->code == REST_CODE(2, 5))
        take_content(observation, response, report);
    else if (response->code == REST_CODE(2, 3))
        take_valid(observation, response, report);
    else
        take_error(observation, response, report);
    if (!observation->is_asking)
        cache_end(core->cache, &observation->pending);
    observation_leave(observation);
}

static void overdue(void *handle, const struct request_report *report)
{
    struct observation *observation = handle;
    struct inquiry inquiry = observation_inquiry(observation);

    inquiry_note_overdue(&inquiry, report);
}

static void due(void *handle)
{
    struct observation *observation = handle;

    observation_enter(observation);
    observation_ask(observation);
    observation_leave(observation);
}

/* It was sent and ended without an answer. */
static void fail_unanswered(struct observation *observation, enum request_failure failure,
                            const struct request_report *report)
{
    bool is_lost = observation_is_lost(observation);

    if (failure == REQUEST_UNREACHABLE)
        go_offline(observation, PROBLEM_UNREACHABLE, 502);
    else if (report->was_acknowledged || report->was_heard)
        go_offline(observation, PROBLEM_TIMEOUT, 504);
    else
        go_offline(observation, PROBLEM_SILENT, 504);
    observation->waits_for_sign = true;
    /* It may have another address by now; otherwise it is looked after. */
    if (is_lost && observation_is_wanted(observation))
        observation_ask(observation);
    else
        observation_retry(observation);
}

static void take_failure(struct observation *observation, enum request_failure failure,
                         const struct request_report *report)
{
    bool may_try_next = failure == REQUEST_UNREACHABLE || failure == REQUEST_GIVEN_UP;

    if (may_try_next && ++observation->address_index < observation->address_count) {
        observation_ask(observation);
        return;
    }
    observation->address_index = 0;
    switch (failure) {
    case REQUEST_DISPLACED:
        observation_queue_again(observation);
        return;
    case REQUEST_OUT_OF_MEMORY:
        observation_retry(observation);
        return;
    case REQUEST_DATAGRAM_TOO_LONG:
        observation_set_gone(observation, PROBLEM_DATAGRAM_TOO_LONG, 414, NULL);
        return;
    case REQUEST_RESET:
        go_offline(observation, PROBLEM_RESET, 502);
        observation_retry(observation);
        return;
    case REQUEST_BAD_RESPONSE:
    case REQUEST_BAD_TRANSFER:
        fail_bad_response(observation);
        return;
    case REQUEST_TIMED_OUT:
    case REQUEST_UNREACHABLE:
    case REQUEST_GIVEN_UP:
        break;
    }
    fail_unanswered(observation, failure, report);
}

static void failed(void *handle, enum request_failure failure, const struct request_report *report)
{
    struct observation *observation = handle;
    struct core *core = observation->table->core;
    struct inquiry inquiry = observation_inquiry(observation);

    observation_enter(observation);
    observation->is_asking = false;
    if (report->transmissions > 0)
        metrics_add(core->metrics, METRIC_OBSERVE_REGISTRATIONS, 1);
    cache_end(core->cache, &observation->pending);
    inquiry_note_failure(&inquiry, failure, report);
    observation->told = (struct inquiry_told){0};
    timers_disarm(core->options.timers, &observation->again);
    take_failure(observation, failure, report);
    observation_leave(observation);
}

const struct observe_events observation_events = {
    .answered = answered,
    .failed = failed,
    .overdue = overdue,
    .due = due,
};
