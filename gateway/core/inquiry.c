/* SPDX-License-Identifier: BSD-2-Clause */
#include "inquiry.h"

/*
 * What the end of a request says of its node. Only a request that was sent says anything, and
 * silence counts only when no other message of the node came meanwhile. Behind an upstream proxy
 * the node at the address is the proxy: nothing of the named one is known then.
 */

#include "core_private.h"
#include "freshness.h"
#include "holds.h"
#include "node.h"
#include "node_label.h"
#include "policy.h"

struct node *inquiry_acquire_node(const struct inquiry *inquiry)
{
    struct node *node = node_acquire(inquiry->core->nodes, inquiry->peer);

    if (!inquiry->policy->has_upstream_proxy)
        node_label_asked(inquiry->label, node);
    return node;
}

/* Since the node's label was told last. */
static unsigned take_retransmissions(const struct inquiry *inquiry,
                                     const struct request_report *report)
{
    unsigned before = inquiry->told->retransmissions;
    unsigned now = report->earlier_retransmissions +
                   (report->transmissions > 1 ? report->transmissions - 1 : 0);
    unsigned news = now > before ? now - before : 0;

    inquiry->told->retransmissions += news;
    return news;
}

static bool is_unanswered(const struct request_report *report)
{
    return report->transmissions > 0 && !report->was_heard;
}

void inquiry_note_overdue(const struct inquiry *inquiry, const struct request_report *report)
{
    inquiry->told->was_overdue = true;
    node_label_timed_out(inquiry->label, take_retransmissions(inquiry, report));
    if (is_unanswered(report))
        node_doubt(inquiry->node);
}

void inquiry_note_failure(const struct inquiry *inquiry, enum request_failure failure,
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
        if (!inquiry->told->was_overdue)
            inquiry_note_overdue(inquiry, report);
        if (report->is_spent && is_unanswered(report))
            node_lose(inquiry->node);
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
        node_doubt(inquiry->node);
        break;
    }
    node_measure(inquiry->node, report, is_answered);
    node_label_failed(inquiry->label, label_failure, take_retransmissions(inquiry, report));
}

static uint64_t hold_key(const struct inquiry *inquiry, uint8_t method)
{
    return holds_key(inquiry->core->holds, inquiry->peer, method, inquiry->request);
}

bool inquiry_is_held(const struct inquiry *inquiry, uint8_t *code, uint64_t *left_us)
{
    uint64_t key = hold_key(inquiry, inquiry->request->code);

    if (holds_find(inquiry->core->holds, key, code, left_us))
        return true;
    *code = REST_CODE(5, 3);
    *left_us = node_held_us(inquiry->node);
    return *left_us > 0;
}

/* Behind an upstream proxy 5.03 may be about any node. */
void inquiry_note_wish(const struct inquiry *inquiry, const struct rest_message *response)
{
    bool is_explicit;
    uint32_t seconds = freshness_max_age(response, &is_explicit);
    bool is_overload = response->code == REST_CODE(5, 3) && is_explicit;

    if (response->code != REST_CODE(4, 29) && !is_overload)
        return;
    holds_add(inquiry->core->holds, hold_key(inquiry, inquiry->request->code), response->code,
              seconds);
    if (is_overload && !inquiry->policy->has_upstream_proxy)
        node_overloaded(inquiry->node, hold_key(inquiry, 0), seconds);
}

void inquiry_note_response(const struct inquiry *inquiry, const struct rest_message *response,
                           const struct request_report *report)
{
    node_label_answered(inquiry->label, response->code, take_retransmissions(inquiry, report),
                        report->round_trip_us);
    node_measure(inquiry->node, report, true);
    inquiry_note_wish(inquiry, response);
}
