/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_INQUIRY_H
#define COAPGW_INQUIRY_H

/*
 * inquiry: a request to a node, as far as it concerns what is known of nodes: their records
 * (node.h), the counters under their names (node_label.h) and what they asked not to be sent for a
 * while (holds.h). Exchanges and observations learn and teach the same here.
 */

#include <stdbool.h>
#include <stdint.h>

#include "request_layer.h"

struct core;
struct endpoint_address;
struct node;
struct node_label;
struct policy;
struct rest_message;

/* What of one request was told already; zeroed before each. */
struct inquiry_told {
    unsigned retransmissions;
    bool was_overdue;
};

/* Everything is borrowed from whoever asks. */
struct inquiry {
    struct core *core;
    const struct policy *policy;
    const struct endpoint_address *peer;
    struct node *node; /* at `peer`; NULL: nothing is known of it */
    struct node_label *label;
    const struct rest_message *request;
    struct inquiry_told *told;
};

/* The record of the node at the inquiry's peer, which is shown under the label from now on.
 * Counted: node_release. NULL when nothing can be known of it. */
struct node *inquiry_acquire_node(const struct inquiry *inquiry);
/* The deadline has passed while the request goes on. */
void inquiry_note_overdue(const struct inquiry *inquiry, const struct request_report *report);
/* The request ended without a response. */
void inquiry_note_failure(const struct inquiry *inquiry, enum request_failure failure,
                          const struct request_report *report);
/* The node answered the request. */
void inquiry_note_response(const struct inquiry *inquiry, const struct rest_message *response,
                           const struct request_report *report);
/* What a response says of requests to come, whatever it answers (CONG-12, CONG-13). Part of
 * inquiry_note_response. */
void inquiry_note_wish(const struct inquiry *inquiry, const struct rest_message *response);
/* Whether the node asked not to be sent such a request for a while: by which code, and for how long
 * from now. */
bool inquiry_is_held(const struct inquiry *inquiry, uint8_t *code, uint64_t *left_us);

#endif
