/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_BLOCKWISE_H
#define COAPGW_BLOCKWISE_H

/*
 * blockwise: a request and its response with bodies of any size (RFC 7959), above the request
 * layer. A body that is too large for one message is sent in blocks (Block1), and one that comes in
 * blocks is collected (Block2): whoever asks sees one request and one response. Most requests need
 * neither and are one message.
 *
 * What a node does that is no fault of the request is dealt with here: smaller blocks than were
 * offered, no blocks at all (4.02), blocks only (4.13), a forgotten upload (4.08), a representation
 * that changes while it is read, a block that is lost.
 *
 * The events are those of the request layer: exactly one final one, unless cancelled, and `overdue`
 * at most once before it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"
#include "random_source.h"
#include "request_layer.h"
#include "rest.h"
#include "settings.h"

struct blockwise;
struct capability_table;
struct memory_account;
struct timers;

struct blockwise_options {
    struct timers *timers; /* borrowed for life, like the next two */
    struct request_layer *requests;
    struct capability_table *capabilities;
    struct random_source random;   /* Request-Tags */
    struct memory_account *memory; /* of transfers and the bodies they collect; NULL: not bounded */
};

struct blockwise_spec {
    struct endpoint_address peer;
    /* Without Block and Size options. Borrowed until the final event with all that it points to:
     * options and payload are sent again and again. */
    const struct rest_message *message;
    const struct settings *settings;     /* borrowed until the final event */
    const struct request_events *events; /* borrowed until the final event; `match` is not used */
    void *handle;
    /* As in struct request_spec: of the first message, of all until the body goes in blocks, and of
     * settings->transfer_deadline_ms. Each further block has deadlines of its own. */
    struct request_times *times;
    /* As in struct request_spec. */
    uint64_t client;
    bool is_peer_of_client;
    bool withholds_echo;
    bool ends_when_sent; /* this and the next unless it is sent in blocks */
    bool needs_no_answer;
    size_t maximum_body; /* bytes of a body that is collected; above: REQUEST_BAD_TRANSFER */
    /* A response that came already, with the first block of several (a notification): only what is
     * behind it is asked for. Borrowed for blockwise_start; NULL: none. */
    const struct rest_message *first;
    /* Only what is said of the body is of interest (HEAD): the response may have just its
     * beginning, see request_report.is_partial. */
    bool is_probe;
};

/* NULL when memory is short. */
struct blockwise *blockwise_new(const struct blockwise_options *options);
/* Transfers that are still in it are dropped without an event. NULL is fine. */
void blockwise_free(struct blockwise *layer);

/* Starts a request; events come later, never from inside this call. `*id` is never 0. In the
 * response, `payload` is the whole body, and no Block option is left. */
enum request_refusal blockwise_start(struct blockwise *layer, const struct blockwise_spec *spec,
                                     uint64_t *id);
/* Forgets a request: no event follows. Unknown ids are fine. */
void blockwise_cancel(struct blockwise *layer, uint64_t id);
/* Whether a request goes in one message, with Block options or without. */
bool blockwise_fits(const struct rest_message *message);
/* Whether the request goes in blocks by now, so that settings->transfer_deadline_ms is what limits
 * it. */
bool blockwise_is_in_blocks(const struct blockwise *layer, uint64_t id);
/* Requests that have not ended. */
size_t blockwise_count(const struct blockwise *layer);

#endif
