/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * The node behind an exchange: which of the allowed addresses is asked, when none of them is worth
 * asking (CONG-08), and what a failure says of the node. A request that was certainly not delivered
 * may go to the next address; of one that has no effect it need not even be certain.
 */

#include "core_private.h"
#include "inquiry.h"
#include "node.h"
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

static struct inquiry inquiry_of(struct exchange *exchange)
{
    return (struct inquiry){
        .core = exchange->core,
        .policy = exchange->policy,
        .peer = &exchange->peer,
        .node = exchange->node,
        .label = exchange->label,
        .request = &exchange->coap.message,
        .told = &exchange->told,
    };
}

static void turn_to(struct exchange *exchange, const struct endpoint_address *peer)
{
    struct inquiry inquiry;

    node_release(exchange->node);
    exchange->node = NULL;
    exchange->peer = *peer;
    inquiry = inquiry_of(exchange);
    exchange->node = inquiry_acquire_node(&inquiry);
}

enum step_result exchange_choose_node(struct exchange *exchange)
{
    uint64_t soonest_us = UINT64_MAX, retry_us;

    for (; exchange->address_index < exchange->address_count; exchange->address_index++) {
        turn_to(exchange, &exchange->addresses[exchange->address_index]);
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

void exchange_note_overdue(struct exchange *exchange, const struct request_report *report)
{
    struct inquiry inquiry = inquiry_of(exchange);

    inquiry_note_overdue(&inquiry, report);
}

void exchange_note_failure(struct exchange *exchange, enum request_failure failure,
                           const struct request_report *report)
{
    struct inquiry inquiry = inquiry_of(exchange);

    inquiry_note_failure(&inquiry, failure, report);
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
    struct inquiry inquiry = inquiry_of(exchange);
    uint64_t left_us;
    uint8_t code;

    if (!inquiry_is_held(&inquiry, &code, &left_us))
        return STEP_NEXT;
    return fail_held(exchange, code == REST_CODE(4, 29) ? 429 : 503, left_us);
}

void exchange_note_response(struct exchange *exchange, const struct rest_message *response,
                            const struct request_report *report)
{
    struct inquiry inquiry = inquiry_of(exchange);

    inquiry_note_response(&inquiry, response, report);
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
