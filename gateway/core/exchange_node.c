/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * The node behind an exchange: which of the allowed addresses is asked, when none of them is worth
 * asking (CONG-08), and what a failure says of the node. A request that was certainly not delivered
 * may go to the next address; of one that has no effect it need not even be certain.
 */

#include "core_private.h"
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

    switch (failure) {
    case REQUEST_GIVEN_UP:
    case REQUEST_DISPLACED:
    case REQUEST_OUT_OF_MEMORY:
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
    node_label_failed(exchange->label, label_failure,
                      exchange_take_retransmissions(exchange, report));
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
