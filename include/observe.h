/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_OBSERVE_H
#define COAPGW_OBSERVE_H

/*
 * observe: registrations at peers (RFC 7641), above the request layer and blockwise. A relation is
 * one resource that is asked for again and again with one token and the same options: registered,
 * told of by notifications, refreshed when nothing has come for Max-Age and 5 to 15 s more (RFC
 * 7641 3.3.1), deregistered at the end. What is told of it is always complete (blocks behind the
 * first one are fetched, RFC 7959 2.6) and newer than all that was told before (RFC 7641 3.4).
 *
 * What follows when a peer keeps silent or has no Observe is not known here: the relation is idle
 * then until observe_renew.
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
struct observe;
struct timers;

struct observe_options {
    struct timers *timers; /* borrowed for life, like the next three */
    struct request_layer *requests;
    struct blockwise *blockwise;
    struct capability_table *capabilities;
    struct random_source random;   /* when to refresh */
    struct memory_account *memory; /* of relations; NULL: not bounded */
};

/* What is known of a response when it is told; borrowed for the call. */
struct observe_report {
    bool is_registered; /* the peer tells of changes to come; false: the registration is over */
    bool is_asked_for;  /* the answer to a registration or refresh, or a notification that came
                           while one was outstanding: which of them nobody can tell */
    struct request_report request; /* of the request that it answers, or of the last blocks */
};

/* In an event any relation may be started, renewed or cancelled, its own included. */
struct observe_events {
    /* The state of the resource, without Observe and Block options: a 2.05, a 2.03 for the ETag
     * that was asked about (or one of the peer's choice), or an error, which always ends the
     * registration. Borrowed for the call. */
    void (*answered)(void *handle, const struct rest_message *response,
                     const struct observe_report *report);
    /* A registration or refresh, or the fetching of further blocks, came to nothing. The relation
     * is idle; the peer may still have it registered, and a notification that comes is told. */
    void (*failed)(void *handle, enum request_failure failure, const struct request_report *report);
    /* As in struct request_events: `failed` or `answered` follows. */
    void (*overdue)(void *handle, const struct request_report *report);
    /* A refresh is due: observe_renew, at once or when nothing stands against it any more. NULL: it
     * is made without asking. */
    void (*due)(void *handle);
};

struct observe_spec {
    struct endpoint_address peer;
    const struct rest_message *message;  /* a GET without Observe, ETag and Block: copied */
    const struct settings *settings;     /* copied */
    const struct observe_events *events; /* borrowed until the end */
    void *handle;
    uint64_t client; /* as in struct request_spec, like the next one */
    bool is_peer_of_client;
    size_t maximum_body; /* as in struct blockwise_spec */
    const uint8_t
        *etag; /* of a representation that the caller has: the peer may answer 2.03; NULL */
    size_t etag_length;
};

/* NULL when memory is short. */
struct observe *observe_new(const struct observe_options *options);
/* Relations that are still in it are dropped without an event. NULL is fine. */
void observe_free(struct observe *layer);

/* Registers; events come later, never from inside this call. `*id` is never 0. */
enum request_refusal observe_start(struct observe *layer, const struct observe_spec *spec,
                                   uint64_t *id);
/* Registers anew, with the same token and options, and the ETag of the 2.05 that was told last or
 * started with: a poll, or after a failure. Nothing happens while a registration is under way, or
 * with an unknown id. */
enum request_refusal observe_renew(struct observe *layer, uint64_t id);
/* The representation that was told last is not there any more: no ETag is sent until the next. */
void observe_forget_etag(struct observe *layer, uint64_t id);
/* Ends the relation: no event follows. The peer is told at once if it may have it registered: by a
 * GET with Observe 1 (RFC 7641 3.6), and by an RST for a notification that comes later. Unknown ids
 * are fine. */
void observe_cancel(struct observe *layer, uint64_t id);
/* The same without a message to the peer: it is known to have forgotten. */
void observe_drop(struct observe *layer, uint64_t id);
/* Relations that were started and not ended. */
size_t observe_count(const struct observe *layer);

#endif
