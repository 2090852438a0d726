/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MESSAGE_LAYER_PARTS_H
#define COAPGW_MESSAGE_LAYER_PARTS_H

/*
 * message_layer_parts: the message layer as its two halves see it: message_layer.c sends,
 * message_layer_receive.c receives.
 */

#include "congestion.h"
#include "endpoint.h"
#include "log.h"
#include "message_layer.h"

struct message_layer {
    struct timers *timers;
    struct random_source random;
    struct channel channel;
    struct log *log;
    struct message_events events;
    struct message_counters counters;
    struct endpoint_table endpoints;
    struct congestion congestion;
    uint64_t resets_until_us; /* see may_reset_non */
    struct log_limit mids_limit;
    struct log_limit format_limit;
};

/* Starts what may leave now that something of the endpoint has changed. */
void message_layer_pump(struct message_layer *layer, struct endpoint *endpoint);
/* Sends an ACK, an RST or a ping. */
void message_layer_send_empty(struct message_layer *layer, const struct endpoint_address *to,
                              enum pdu_type type, uint16_t mid);
/* Ends the message and tells the layer above, which may free it. */
void message_layer_finish(struct message *message, enum message_end end);

#endif
