/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * The node behind an exchange: which of the allowed addresses is asked, when none of them is worth
 * asking (CONG-08), and what a failure says of the node. A request that was certainly not delivered
 * may go to the next address; of one that has no effect it need not even be certain.
 */

#include "core_private.h"
#include "freshness.h"
#include "holds.h"
#include "node.h"
#include "node_label.h"
#include "policy.h"

enum { US_PER_S = 1000000, RETRY_AFTER_MAX_S = 60 };

static enum step_result fail_silent(struct exchange *exchange, uint64_t retry_us)
{
    char node[128];
    unsigned seconds = (unsigned)((retry_us + US_PER_S - 1) / US_PER_S);

    (void)exchange_fail(exchange, PROBLEM_SILENT, 504,
                        "%s has been silent; it is asked for a sign of life while it is wanted",
                        exchange_node_phrase(exchange, node, sizeof node));
    if (seconds > RETRY_AFTER_MAX_S)
        seconds = RETRY_AFTER_MAX_S;
    (void)http_reply_add(&exchange->reply, "Retry-After", "%u", seconds);
    return STEP_ANSWERED;
}

/* Under an upstream proxy the node at the address is the proxy: nothing of the named one is known.
 */
static void show_under_label(struct exchange *exchange)
{
    if (!exchange->policy->has_upstream_proxy)
        node_label_asked(exchange->label, exchange->node);
}

enum step_result exchange_choose_node(struct exchange *exchange)
{
    uint64_t soonest_us = UINT64_MAX, retry_us;

    for (; exchange->address_index < exchange->address_count; exchange->address_index++) {
        exchange->peer = exchange->addresses[exchange->address_index];
        node_release(exchange->node);
        exchange->node = node_acquire(exchange->core->nodes, &exchange->peer);
        show_under_label(exchange);
        if (!node_refuses(exchange->node, &retry_us))
            return STEP_NEXT;
        if (retry_us < soonest_us)
            soonest_us = retry_us;
    }
    return fail_silent(exchange, soonest_us);
}

enum step_result exchange_fail_given_up(struct exchange *exchange)
{
    uint64_t retry_us = US_PER_S;

    (void)node_refuses(exchange->node, &retry_us);
    return fail_silent(exchange, retry_us);
}

unsigned exchange_take_retransmissions(struct exchange *exchange,
                                       const struct request_report *report)
{
    unsigned before = exchange->told_retransmissions;
    unsigned now = report->earlier_retransmissions +
                   (report->transmissions > 1 ? report->transmissions - 1 : 0);
    unsigned news = now > before ? now - before : 0;

    exchange->told_retransmissions += news;
    exchange->retransmissions += news;
    return news;
}

/* A request that waited in the queue says nothing, nor does one when other messages of the node
 * came meanwhile. */
static bool is_unanswered(const struct request_report *report)
{
    return report->transmissions > 0 && !report->was_heard;
}

void exchange_note_overdue(struct exchange *exchange, const struct request_report *report)
{
    exchange->was_overdue = true;
    node_label_timed_out(exchange->label, exchange_take_retransmissions(exchange, report));
    if (is_unanswered(report))
        node_doubt(exchange->node);
}

void exchange_note_failure(struct exchange *exchange, enum request_failure failure,
                           const struct request_report *report)
{
    enum node_failure label_failure = NODE_FAILURE_TIMEOUT;
    bool is_answered = failure == REQUEST_RESET || failure == REQUEST_BAD_RESPONSE ||
                       failure == REQUEST_BAD_TRANSFER;

    switch (failure) {
    case REQUEST_GIVEN_UP:
    case REQUEST_DISPLACED:
    case REQUEST_OUT_OF_MEMORY:
    case REQUEST_DATAGRAM_TOO_LONG:
        return;
    case REQUEST_TIMED_OUT:
        if (!exchange->was_overdue)
            exchange_note_overdue(exchange, report);
        if (report->is_spent && is_unanswered(report))
            node_lose(exchange->node);
        break;
    case REQUEST_RESET:
        label_failure = NODE_FAILURE_RESET;
        break;
    case REQUEST_BAD_RESPONSE:
    case REQUEST_BAD_TRANSFER:
        label_failure = NODE_FAILURE_BAD_RESPONSE;
        break;
    case REQUEST_UNREACHABLE:
        label_failure = NODE_FAILURE_UNREACHABLE;
        node_doubt(exchange->node);
        break;
    }
    node_measure(exchange->node, report, is_answered);
    node_label_failed(exchange->label, label_failure,
                      exchange_take_retransmissions(exchange, report));
}

static uint64_t hold_key(const struct exchange *exchange, uint8_t method)
{
    return holds_key(exchange->core->holds, &exchange->peer, method, &exchange->coap.message);
}

static enum step_result fail_held(struct exchange *exchange, unsigned status, uint64_t left_us)
{
    char node[128];
    unsigned long long seconds = (left_us + US_PER_S - 1) / US_PER_S;

    (void)exchange_fail(exchange, PROBLEM_HELD, status,
                        "%s asked to be spared such requests for another %llu s",
                        exchange_node_phrase(exchange, node, sizeof node), seconds);
    (void)http_reply_add(&exchange->reply, "Retry-After", "%llu", seconds);
    return STEP_ANSWERED;
}

enum step_result exchange_check_hold(struct exchange *exchange)
{
    uint64_t key = hold_key(exchange, exchange->coap.message.code);
    uint64_t left_us;
    uint8_t code;

    if (holds_find(exchange->core->holds, key, &code, &left_us))
        return fail_held(exchange, code == REST_CODE(4, 29) ? 429 : 503, left_us);
    left_us = node_held_us(exchange->node);
    return left_us > 0 ? fail_held(exchange, 503, left_us) : STEP_NEXT;
}

/* CONG-12, CONG-13. Behind an upstream proxy 5.03 may be about any node. */
void exchange_note_response(struct exchange *exchange, const struct rest_message *response)
{
    bool is_explicit;
    uint32_t seconds = freshness_max_age(response, &is_explicit);
    bool is_overload = response->code == REST_CODE(5, 3) && is_explicit;

    if (response->code != REST_CODE(4, 29) && !is_overload)
        return;
    holds_add(exchange->core->holds, hold_key(exchange, exchange->coap.message.code),
              response->code, seconds);
    if (is_overload && !exchange->policy->has_upstream_proxy)
        node_overloaded(exchange->node, hold_key(exchange, 0), seconds);
}

bool exchange_may_try_next(struct exchange *exchange, enum request_failure failure,
                           const struct request_report *report)
{
    bool is_safe =
        (exchange->method & (HTTP_METHOD_GET | HTTP_METHOD_HEAD | HTTP_METHOD_QUERY)) != 0;
    bool has_none = report->transmissions == 0;

    /* The only transmission was given back: nobody has it. */
    if (failure == REQUEST_UNREACHABLE && report->transmissions == 1 && !report->was_heard)
        has_none = true;
    if (report->earlier_messages > 0)
        has_none = false;
    if (failure != REQUEST_UNREACHABLE && failure != REQUEST_GIVEN_UP)
        return false;
    if (!is_safe && !has_none)
        return false;
    return ++exchange->address_index < exchange->address_count;
}
