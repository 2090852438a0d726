/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * The CoAP half: the request is given to blockwise, and its events come back here. Exactly
 * one final event ends each request; before it the deadline may pass, which answers the HTTP side
 * with 504 while the request goes on (CONG-11). The HTTP side may have left at any time: then the
 * node's record, the cache and those who joined learn of the end all the same (exchange_cache.c,
 * exchange_join.c). What one exchange makes of an outcome is exchange_settle().
 */

#include <stdio.h>

#include "blockwise.h"
#include "core_private.h"
#include "policy.h"
#include "representation.h"

enum {
    TOO_MANY_NODES_RETRY_S = 60,
    CLIENT_FULL_RETRY_S = 10, /* many are under way, and each one that ends makes room */
    US_PER_S = 1000000,
};

static bool wants_answer(const struct exchange *exchange)
{
    return exchange->request != NULL && !exchange_is_answered(exchange);
}

static enum step_result fail_timeout(struct exchange *exchange, const struct request_report *report)
{
    char node[128];
    double seconds = (double)report->elapsed_us / 1000000;

    (void)exchange_node_phrase(exchange, node, sizeof node);
    if (report->detail != NULL)
        return exchange_fail(exchange, PROBLEM_TIMEOUT, 504, "%s did not finish within %.3g s: %s",
                             node, seconds, report->detail);
    if (report->was_acknowledged)
        return exchange_fail(exchange, PROBLEM_TIMEOUT, 504,
                             "%s acknowledged the request but did not answer within %.3g s", node,
                             seconds);
    if (report->transmissions == 0)
        return exchange_fail(exchange, PROBLEM_TIMEOUT, 504,
                             "the request waited %.3g s for its turn: %s is busy with others",
                             seconds, node);
    return exchange_fail(exchange, PROBLEM_TIMEOUT, 504,
                         "%s did not answer within %.3g s (%u transmission%s)", node, seconds,
                         report->transmissions, report->transmissions == 1 ? "" : "s");
}

static enum step_result fail_bad_option(struct exchange *exchange, uint16_t number)
{
    const char *name = rest_option_name(number);
    char node[128];

    (void)exchange_node_phrase(exchange, node, sizeof node);
    if (name != NULL)
        return exchange_fail(exchange, PROBLEM_BAD_RESPONSE, 502,
                             "%s answered with the option %s, which cannot be honoured here", node,
                             name);
    return exchange_fail(exchange, PROBLEM_BAD_RESPONSE, 502,
                         "%s answered with option %u, which the gateway does not know but may not "
                         "ignore",
                         node, number);
}

static enum step_result fail_queue_full(struct exchange *exchange)
{
    struct request_layer *requests = exchange->core->options.requests;
    char node[128];

    (void)exchange_fail(exchange, PROBLEM_OVERLOADED, 503, "too many requests wait for %s",
                        exchange_node_phrase(exchange, node, sizeof node));
    (void)http_reply_add(&exchange->reply, "Retry-After", "%u",
                         request_layer_retry_after(requests, &exchange->peer));
    return STEP_ANSWERED;
}

static enum step_result fail_client_full(struct exchange *exchange)
{
    (void)exchange_fail(
        exchange, PROBLEM_OVERLOADED, 503,
        "too many requests of this client were sent to nodes that have not answered "
        "yet, those included for which it does not wait any more");
    (void)http_reply_add(&exchange->reply, "Retry-After", "%d", CLIENT_FULL_RETRY_S);
    return STEP_ANSWERED;
}

/* Blocks are of 16 bytes at the least and options are in each of them: it is the longer part that
 * stands in the way. */
static enum step_result fail_datagram(struct exchange *exchange)
{
    const struct rest_message *message = &exchange->coap.message;
    bool is_body = message->payload_length > rest_options_size(message);
    char node[128];

    return exchange_fail(exchange, PROBLEM_DATAGRAM_TOO_LONG, is_body ? 413 : 414,
                         "the network takes no datagram of this length to %s: %s",
                         exchange_node_phrase(exchange, node, sizeof node),
                         is_body ? "send a smaller body, or set a smaller block_size"
                                 : "path and query are too long");
}

static enum step_result fail_request(struct exchange *exchange, enum request_failure failure,
                                     const struct request_report *report)
{
    char node[128];

    (void)exchange_node_phrase(exchange, node, sizeof node);
    switch (failure) {
    case REQUEST_TIMED_OUT:
        return fail_timeout(exchange, report);
    case REQUEST_GIVEN_UP:
        return exchange_fail_given_up(exchange);
    case REQUEST_RESET:
        return exchange_fail(exchange, PROBLEM_RESET, 502,
                             "%s refused the message with a Reset: it is alive, but took no such "
                             "request",
                             node);
    case REQUEST_BAD_RESPONSE:
        return fail_bad_option(exchange, report->bad_option);
    case REQUEST_DISPLACED:
        return fail_queue_full(exchange);
    case REQUEST_BAD_TRANSFER:
        return exchange_fail(exchange, PROBLEM_BAD_RESPONSE, 502,
                             "the transfer in blocks with %s failed: %s", node, report->detail);
    case REQUEST_OUT_OF_MEMORY:
        return exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, 503,
                             "the gateway is short of memory");
    case REQUEST_DATAGRAM_TOO_LONG:
        return fail_datagram(exchange);
    case REQUEST_UNREACHABLE:
        break;
    }
    return exchange_fail(exchange, PROBLEM_UNREACHABLE, 502,
                         "%s cannot be reached: no route, or nothing listens on its port", node);
}

/* What the node's 4.06 means for a client that takes other media types: MEDIA-06, only a GET may be
 * asked again; anything else may have had its effect. */
static bool asks_for_another(struct exchange *exchange, const struct exchange_outcome *outcome)
{
    return outcome->response != NULL && outcome->response->code == REST_CODE(4, 6) &&
           (exchange->method & (HTTP_METHOD_GET | HTTP_METHOD_HEAD)) != 0 &&
           exchange_next_candidate(exchange);
}

static void make_reply(struct exchange *exchange, const struct exchange_outcome *outcome)
{
    if (outcome->response == NULL)
        (void)fail_request(exchange, outcome->failure, outcome->report);
    else if (exchange_is_challenge(outcome->response))
        (void)exchange_refuse_challenge(exchange);
    else
        exchange_translate(exchange, outcome);
    exchange_prefer_stale(exchange);
}

void exchange_settle(struct exchange *exchange, const struct exchange_outcome *outcome)
{
    exchange->response_code = outcome->response == NULL ? 0 : outcome->response->code;
    exchange->cache_status.is_stored = exchange->cache_status.has_ttl = outcome->is_stored;
    exchange->cache_status.ttl_s = outcome->fresh_us / US_PER_S;
    if (asks_for_another(exchange, outcome)) {
        exchange->step = EXCHANGE_STEP_LOOK_UP;
        exchange_resume(exchange);
        return;
    }
    exchange_note_given(exchange, exchange->response_code);
    make_reply(exchange, outcome);
    exchange_tell(exchange);
}

/* The request has come to its end: everybody who waits for it learns of that, the leader last, for
 * he may join the others when they ask again. */
static void end_request(struct exchange *exchange, const struct exchange_outcome *outcome)
{
    struct exchange_outcome shared = *outcome;

    shared.body = NULL;
    exchange_share(exchange, &shared);
    if (wants_answer(exchange))
        exchange_settle(exchange, outcome);
    exchange_end_if_over(exchange);
}

/* The exchange was answered without asking the node again as it had to: others try for themselves.
 */
static void end_unasked(struct exchange *exchange)
{
    exchange_leave_cache(exchange);
    exchange_share(exchange, NULL);
    exchange_tell(exchange);
    exchange_end_if_over(exchange);
}

static void response_came(void *handle, const struct rest_message *response,
                          const struct request_report *report)
{
    struct exchange *exchange = handle;
    struct exchange_outcome outcome = {
        .response = response, .report = report, .body = report->body};
    struct rest_message stored;

    exchange->request_id = 0;
    exchange->response_code = response->code;
    exchange_note_response(exchange, response, report);
    if (wants_answer(exchange) && exchange_is_challenge(response) &&
        exchange_may_meet_challenge(exchange)) {
        if (exchange_meet_challenge(exchange, response) != STEP_PARKED)
            end_unasked(exchange);
        return;
    }
    /* Another could still give the proof that nobody is here to give. */
    outcome.is_inconclusive = exchange_is_challenge(response) && !exchange->has_echoed;
    exchange_take_response(exchange, &outcome, &stored);
    exchange_note_value(exchange, &outcome);
    end_request(exchange, &outcome);
    representation_release(outcome.representation);
}

static void request_sent(void *handle)
{
    struct exchange *exchange = handle;

    exchange->request_id = 0;
    exchange_invalidate(exchange, NULL);
    if (wants_answer(exchange)) {
        (void)exchange_answer_quiet(exchange);
        exchange_tell(exchange);
    }
    exchange_end_if_over(exchange);
}

/* Silence is what the node was asked for. */
static bool is_wanted_silence(enum request_failure failure, const struct request_report *report)
{
    return report->needs_no_answer && failure == REQUEST_TIMED_OUT && report->transmissions > 0;
}

static bool may_have_effect(const struct request_report *report)
{
    return report->transmissions > 0 || report->earlier_messages > 0;
}

static void request_failed(void *handle, enum request_failure failure,
                           const struct request_report *report)
{
    struct exchange *exchange = handle;
    struct exchange_outcome outcome = {.failure = failure, .report = report};
    bool is_silence = is_wanted_silence(failure, report);

    exchange->request_id = 0;
    if (!is_silence)
        exchange_note_failure(exchange, failure, report);
    if (may_have_effect(report))
        exchange_invalidate(exchange, NULL);
    if (exchange_may_try_next(exchange, failure, report)) {
        if (wants_answer(exchange)) {
            exchange_forget_challenge(exchange);
            if (exchange_forward(exchange) != STEP_PARKED)
                end_unasked(exchange);
            return;
        }
        outcome.is_inconclusive = true;
    }
    /* It was given up for what its client or its address is. */
    if (failure == REQUEST_DISPLACED || failure == REQUEST_GIVEN_UP)
        outcome.is_inconclusive = true;
    exchange_leave_cache(exchange);
    if (is_silence && wants_answer(exchange)) {
        (void)exchange_answer_quiet(exchange);
        exchange_tell(exchange);
    }
    end_request(exchange, &outcome);
}

static void request_overdue(void *handle, const struct request_report *report)
{
    struct exchange *exchange = handle;

    if (report->needs_no_answer)
        exchange->told.was_overdue = true;
    else
        exchange_note_overdue(exchange, report);
    if (may_have_effect(report))
        exchange_invalidate(exchange, NULL);
    if (wants_answer(exchange)) {
        if (report->needs_no_answer)
            (void)exchange_answer_quiet(exchange);
        else
            (void)fail_timeout(exchange, report);
        exchange_prefer_stale(exchange);
        exchange_tell(exchange);
    }
}

/* Message IDs are not used again within EXCHANGE_LIFETIME, so each node is remembered for as long
 * (RFC 7252 4.4). */
static enum step_result fail_too_many_nodes(struct exchange *exchange)
{
    (void)exchange_fail(exchange, PROBLEM_OVERLOADED, 503,
                        "too many different nodes were asked within the last minutes");
    (void)http_reply_add(&exchange->reply, "Retry-After", "%u", TOO_MANY_NODES_RETRY_S);
    return STEP_ANSWERED;
}

/* SEC-05: nothing is ever sent in the clear to a target that was asked for by coaps. */
static enum step_result fail_insecure(struct exchange *exchange)
{
    return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403,
                         "no credentials for coaps are configured for this target");
}

enum step_result exchange_check_security(struct exchange *exchange)
{
    bool is_secure =
        exchange->peer.is_secure || exchange->match.authority.scheme == URI_SCHEME_COAPS;

    return is_secure ? fail_insecure(exchange) : STEP_NEXT;
}

static enum step_result start_request(struct exchange *exchange)
{
    static const struct request_events events = {
        .response = response_came,
        .failed = request_failed,
        .overdue = request_overdue,
        .sent = request_sent,
    };
    struct blockwise_spec spec = {
        .message = &exchange->coap.message,
        .events = &events,
        .handle = exchange,
        /* The time for answers that are still wanted (RFC 7967) begins with each request. */
        .times = exchange->is_quiet ? NULL : &exchange->times,
        .client = exchange->client_key,
        .is_peer_of_client = exchange->match.kind == MAPPING_HC,
        .withholds_echo = !exchange_may_echo(exchange),
        .maximum_body = exchange->policy->maximum_reply,
        .is_probe = exchange->method == HTTP_METHOD_HEAD,
    };

    if (exchange_check_security(exchange) == STEP_ANSWERED ||
        exchange_choose_node(exchange) == STEP_ANSWERED ||
        exchange_check_hold(exchange) == STEP_ANSWERED)
        return STEP_ANSWERED;
    exchange_limit_silence(exchange);
    spec.peer = exchange->peer;
    spec.settings = exchange->is_quiet ? &exchange->quiet_settings : &exchange->rules->settings;
    spec.ends_when_sent = exchange_wants_no_answer(exchange);
    spec.needs_no_answer = exchange->is_quiet;
    exchange->retransmissions += exchange->told.retransmissions;
    exchange->told = (struct inquiry_told){0};
    exchange->response_code = 0;
    exchange->size_limit = 0;
    switch (blockwise_start(exchange->core->options.blockwise, &spec, &exchange->request_id)) {
    case REQUEST_STARTED:
        exchange->has_sent = true;
        exchange->step = EXCHANGE_STEP_AWAIT;
        exchange_announce(exchange);
        return STEP_PARKED;
    case REQUEST_QUEUE_FULL:
        exchange->request_id = 0;
        return fail_queue_full(exchange);
    case REQUEST_CLIENT_FULL:
        exchange->request_id = 0;
        return fail_client_full(exchange);
    case REQUEST_TOO_LONG:
        exchange->request_id = 0;
        return exchange_fail(exchange, PROBLEM_TARGET_TOO_LONG, 414,
                             "path and query do not fit into a CoAP message");
    case REQUEST_TOO_MANY_PEERS:
        exchange->request_id = 0;
        return fail_too_many_nodes(exchange);
    case REQUEST_NO_MEMORY:
        break;
    }
    exchange->request_id = 0;
    return exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, 503, "the gateway is short of memory");
}

enum step_result exchange_forward(struct exchange *exchange)
{
    enum step_result result = start_request(exchange);

    if (result == STEP_ANSWERED)
        exchange_prefer_stale(exchange);
    return result;
}
