/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_REQUEST_LAYER_H
#define COAPGW_REQUEST_LAYER_H

/*
 * request_layer: requests and responses (RFC 7252 5): a token table keyed by endpoint and token (8
 * random bytes), piggybacked and separate responses, deadlines. A request is named by an id; asking
 * for one that has gone is normal.
 *
 * Every request ends with exactly one final event, `response`, `failed` or `sent`, unless it is
 * cancelled. `overdue` may come once before the end: the deadline has passed, the waiting side
 * should be answered (504), but the CoAP exchange runs on to MAX_TRANSMIT_WAIT and a late response
 * is still delivered (CONG-11).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "endpoint_address.h"
#include "message_layer.h"
#include "request_times.h"
#include "rest.h"
#include "settings.h"

struct buffer;
struct request_layer;

enum request_failure {
    REQUEST_TIMED_OUT,     /* 504 */
    REQUEST_RESET,         /* 502: RST */
    REQUEST_UNREACHABLE,   /* 502: vetted ICMP error or no route */
    REQUEST_BAD_RESPONSE,  /* 502: unknown critical or unsafe option */
    REQUEST_GIVEN_UP,      /* 504: never sent, request_layer_give_up */
    REQUEST_DISPLACED,     /* 503: never sent, its place in the node's queue went to a client that
                              has fewer waiting */
    REQUEST_BAD_TRANSFER,  /* 502: blocks that make no body (blockwise.h) */
    REQUEST_OUT_OF_MEMORY, /* 503: in the midst of a transfer */
    REQUEST_DATAGRAM_TOO_LONG, /* 413 or 414: the way to the node takes no such datagram */
};

/* What is known of a request when an event is told; borrowed for the call. */
struct request_report {
    unsigned transmissions;
    bool was_acknowledged;  /* an empty ACK came */
    bool was_heard;         /* any datagram came from the node since the first transmission */
    bool is_spent;          /* REQUEST_TIMED_OUT: as long as there could have been a transmission or
                               an answer to the last one (MAX_TRANSMIT_WAIT), none came */
    bool needs_no_answer;   /* as in struct request_spec: that none came may be good news */
    uint64_t elapsed_us;    /* since request_start */
    uint64_t round_trip_us; /* from the first transmission; 0 unless a response came after just one
                               transmission (else nobody knows which it answers) */
    uint16_t bad_option;    /* REQUEST_BAD_RESPONSE: the option's number */
    /* Of blockwise.h alone: all else is of the last message then. */
    unsigned earlier_messages;        /* blocks before it that were sent */
    unsigned earlier_retransmissions; /* of these */
    const char *detail; /* of a failure: end of a sentence about the node; static, or NULL */
    bool is_partial;    /* the payload is only the beginning of the body */
    /* Of a response that was collected: has the payload, and may be taken instead of copying it;
     * NULL: none. */
    struct buffer *body;
};

/* A token that several requests to one endpoint carry, one after the other. */
struct request_token {
    bool is_set;
    uint8_t bytes[PDU_TOKEN_MAX];
};

/* What a response is to a request that it belongs to by endpoint, token and MID. */
enum request_match {
    REQUEST_MATCH_ANSWER,   /* it ends the request */
    REQUEST_MATCH_EARLIER,  /* it answers an earlier request with the same token: it is ignored but
                               for the acknowledgement of a CON */
    REQUEST_MATCH_UNWANTED, /* the same, but its sender is to know that nobody wants it: RST */
};

/* In an event any request may be started or cancelled; the id of the one that ends is unknown
 * already. */
struct request_events {
    /* `response` is borrowed for the call; rest_check_response has passed. */
    void (*response)(void *handle, const struct rest_message *response,
                     const struct request_report *report);
    void (*failed)(void *handle, enum request_failure failure, const struct request_report *report);
    void (*overdue)(void *handle, const struct request_report *report);
    /* The final event of a request with `ends_when_sent` that has left; NULL where there is none.
     */
    void (*sent)(void *handle);
    /* Asked before a response ends the request; `is_in_ack`: piggybacked on its acknowledgement.
     * NULL: each is its answer. */
    enum request_match (*match)(void *handle, const struct rest_message *response, bool is_in_ack);
};

struct request_spec {
    struct endpoint_address peer;
    const struct rest_message *message;  /* copied into the datagram */
    const struct settings *settings;     /* copied */
    const struct request_events *events; /* borrowed until the final event */
    void *handle;
    /* NULL: a token of the request's own. Otherwise the token to carry, or the place for the one
     * that was drawn: when none is set yet, or an outstanding request has it. */
    struct request_token *token;
    /* NULL: deadlines count from this request. Borrowed until the final event. */
    struct request_times *times;
    uint64_t client;        /* of whom: the clients of a node are served in turns */
    bool is_continuation;   /* the next block of a transfer: see struct message */
    bool is_peer_of_client; /* the client chose the peer, not the configuration */
    /* The peer is asked for no response (RFC 7967), with settings that make it a NON: the request
     * ends when it has left. */
    bool ends_when_sent;
    /* The peer is asked for fewer responses: it is not silent when none comes. */
    bool needs_no_answer;
    /* An Echo value that the peer gave with another response does not go with the request: nobody
     * knows whether it is as fresh as that would say (RFC 9175 2.3). */
    bool withholds_echo;
};

enum request_refusal {
    REQUEST_STARTED = 0,
    REQUEST_QUEUE_FULL = -1, /* 503: settings->queue_per_node */
    REQUEST_TOO_LONG = -2,   /* the message does not fit into a datagram: 413 or 414 */
    REQUEST_NO_MEMORY = -3,  /* 503 */
    /* 503: every endpoint is remembered for EXCHANGE_LIFETIME, and there are `maximum_endpoints`; a
     * quarter of them is kept for peers that the configuration chooses. */
    REQUEST_TOO_MANY_PEERS = -4,
    /* 503: so many requests of the client were sent and have not ended, whether or not it still
     * waits for them. Never of a continuation. */
    REQUEST_CLIENT_FULL = -5,
};

struct request_layer_options {
    struct message_layer_options message;
    struct random_source token_random;
    size_t maximum_requests; /* coap.outstanding: that were sent and have not ended */
};

/* Makes the layer and its message layer. NULL when memory is short. */
struct request_layer *request_layer_new(const struct request_layer_options *options);
/* Requests that are still in it are dropped without an event. NULL is fine. */
void request_layer_free(struct request_layer *layer);
struct message_layer *request_layer_messages(struct request_layer *layer);
/* Changed by a reload. */
void request_layer_set_maximum(struct request_layer *layer, size_t maximum_requests);
/* News of peers that belongs to no request; any of it may be NULL. */
struct request_peer_events {
    /* An ICMP error that names no outstanding request (see message_events.hint): the peer may be in
     * trouble, or somebody off the path says so. */
    void (*hint)(void *handle, const struct endpoint_address *peer, int error);
    /* A datagram came, whatever is in it; told before anything else that follows from it. */
    void (*heard)(void *handle, const struct endpoint_address *peer);
    void *handle;
};
/* NULL: nobody is told, as at birth. */
void request_layer_set_peer_events(struct request_layer *layer,
                                   const struct request_peer_events *events);
/* Requests that wait in the queue of that peer fail with GIVEN_UP, from inside this call. */
void request_layer_give_up(struct request_layer *layer, const struct endpoint_address *peer);
/* Asks the peer for a sign of life, with one datagram: `heard` follows if there is one. */
void request_layer_ping(struct request_layer *layer, const struct endpoint_address *peer);

/* Starts a request; events come later, never from inside this call. `*id` is never 0. */
enum request_refusal request_start(struct request_layer *layer, const struct request_spec *spec,
                                   uint64_t *id);
/* Forgets a request: no event follows. A response that still comes is unexpected (reset). On the
 * wire nothing changes: what has been sent is outstanding until the peer answers or its time is
 * over (RFC 7252 4.7). Unknown ids are fine. */
void request_cancel(struct request_layer *layer, uint64_t id);
/* True when the request has not been sent yet: it waits for its turn, a slot, a MID or
 * PROBING_RATE. Unknown ids do not. */
bool request_is_waiting(const struct request_layer *layer, uint64_t id);
/* Requests that have not ended, those that wait included, but not those that were cancelled. */
size_t request_layer_outstanding(const struct request_layer *layer);
/* Seconds after which a client may try again when the queue was full (1..60). */
unsigned request_layer_retry_after(struct request_layer *layer,
                                   const struct endpoint_address *peer);

/* A token that stays known beyond the requests that carry it: what comes with it while none of them
 * is outstanding, or before it was sent, is told to its owner. */
struct request_watch;

/* In an event the watch may be closed, and any request started or cancelled. */
struct request_watch_events {
    /* True when it is acknowledged, false when it is rejected: an RST tells the peer to send no
     * more of it. `response` is borrowed for the call; rest_check_response has passed. */
    bool (*notified)(void *handle, const struct rest_message *response);
    /* One that rest_check_response refuses, so that it is rejected. */
    void (*rejected)(void *handle, uint16_t bad_option);
};

struct request_watch_spec {
    struct endpoint_address peer;
    bool is_peer_of_client;                    /* as in struct request_spec */
    const struct request_watch_events *events; /* borrowed until it is closed */
    void *handle;
};

/* Draws a token that neither a request nor a watch has; the peer stays remembered as long as it is
 * watched. REQUEST_STARTED, NO_MEMORY or TOO_MANY_PEERS. */
enum request_refusal request_watch_open(struct request_layer *layer,
                                        const struct request_watch_spec *spec,
                                        struct request_watch **opened);
/* For the requests that carry it. */
void request_watch_token(const struct request_watch *watch, struct request_token *token);
/* The token is unknown from now on, unless a request with it is outstanding. NULL is fine. */
void request_watch_close(struct request_watch *watch);

#endif
