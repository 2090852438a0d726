/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_REQUEST_LAYER_PARTS_H
#define COAPGW_REQUEST_LAYER_PARTS_H

/*
 * request_layer_parts: the request layer as its two halves see it: request_layer.c has the requests
 * and request_watch.c the tokens that stay.
 */

#include <stdint.h>
#include <string.h>

#include "id_table.h"
#include "request_layer.h"

/* Without memory for the table a request is refused and the daemon stays. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct request;

/* What a token stands for: the same token at two endpoints means two requests. No padding. */
struct request_key {
    uint64_t endpoint_id;
    uint8_t token[PDU_TOKEN_MAX];
};

struct request_layer {
    struct timers *timers;
    struct random_source token_random;
    struct message_layer *messages;
    size_t maximum_endpoints;
    struct request_peer_events peer_events;
    struct request *requests; /* by key */
    size_t cancelled;         /* of them */
    struct id_table ids;
    struct request_watch *watches; /* by key */
};

/* The token is random already, and ours. */
static inline uint32_t request_key_hash(const struct request_key *key)
{
    uint32_t token;
    memcpy(&token, key->token, sizeof token);
    return token ^ (uint32_t)key->endpoint_id;
}

/* The endpoint of that address, made when there is none and room for one more; NULL: `*refusal`
 * says why. */
struct endpoint *request_endpoint(struct request_layer *layer, const struct endpoint_address *peer,
                                  bool is_peer_of_client, enum request_refusal *refusal);
/* A token that neither an outstanding request to the endpoint has (RFC 7252 5.3.1) nor a watch. */
void request_draw_key(struct request_layer *layer, const struct endpoint *endpoint,
                      struct request_key *key);

/* request_watch.c */
struct request_watch *request_watch_find(const struct request_layer *layer,
                                         const struct request_key *key);
/* A request with the watch's token has ended by a response that came before its acknowledgement:
 * what comes with that one is taken, too. */
void request_watch_expect_ack(struct request_watch *watch, uint16_t mid);
/* A response that answers no outstanding request. */
enum message_verdict request_watch_response(struct request_watch *watch, struct endpoint *endpoint,
                                            struct pdu *pdu);
/* Keeps the Echo value of a response for the next request to the endpoint (RFC 9175 2.3). */
void request_keep_echo(struct endpoint *endpoint, const struct rest_message *response);
/* Forgets all of them. */
void request_watches_clear(struct request_layer *layer);

#endif
