/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer_parts.h"

#include <stdlib.h>

/*
 * request_watch: tokens that stay known between requests (RFC 7641 3.2). A notification is a
 * response to a request that was answered long ago, so it finds no request any more; it finds the
 * watch of its token, whose owner says whether it is welcome. The endpoint is held as long as there
 * is a watch for it: the token means nothing without it.
 */

struct request_watch {
    struct request_layer *layer; /* NULL: it has gone */
    struct endpoint *endpoint;   /* held */
    struct request_key key;
    const struct request_watch_events *events;
    void *handle;
    bool expects_ack; /* an ACK with this MID belongs to the token */
    uint16_t ack_mid;
    UT_hash_handle hh;
};

struct request_watch *request_watch_find(const struct request_layer *layer,
                                         const struct request_key *key)
{
    struct request_watch *watch = NULL;

    if (layer->watches != NULL)
        HASH_FIND_BYHASHVALUE(hh, layer->watches, key, sizeof *key, request_key_hash(key), watch);
    return watch;
}

enum request_refusal request_watch_open(struct request_layer *layer,
                                        const struct request_watch_spec *spec,
                                        struct request_watch **opened)
{
    enum request_refusal refusal;
    struct endpoint *endpoint =
        request_endpoint(layer, &spec->peer, spec->is_peer_of_client, &refusal);
    struct request_watch *watch = endpoint != NULL ? calloc(1, sizeof *watch) : NULL;

    *opened = NULL;
    if (endpoint == NULL)
        return refusal;
    if (watch == NULL)
        return REQUEST_NO_MEMORY;
    watch->layer = layer;
    watch->endpoint = endpoint;
    watch->events = spec->events;
    watch->handle = spec->handle;
    request_draw_key(layer, endpoint, &watch->key);
    HASH_ADD_BYHASHVALUE(hh, layer->watches, key, sizeof watch->key, request_key_hash(&watch->key),
                         watch);
    if (watch->hh.tbl == NULL) {
        free(watch);
        return REQUEST_NO_MEMORY;
    }
    endpoint_hold(endpoint);
    *opened = watch;
    return REQUEST_STARTED;
}

void request_watch_token(const struct request_watch *watch, struct request_token *token)
{
    token->is_set = true;
    memcpy(token->bytes, watch->key.token, sizeof token->bytes);
}

void request_watch_close(struct request_watch *watch)
{
    if (watch == NULL)
        return;
    if (watch->layer != NULL) {
        HASH_DEL(watch->layer->watches, watch);
        endpoint_release(watch->endpoint);
    }
    free(watch);
}

void request_watches_clear(struct request_layer *layer)
{
    struct request_watch *watch, *next;

    HASH_ITER(hh, layer->watches, watch, next)
    {
        HASH_DEL(layer->watches, watch);
        watch->layer = NULL;
    }
}

void request_watch_expect_ack(struct request_watch *watch, uint16_t mid)
{
    watch->expects_ack = true;
    watch->ack_mid = mid;
}

enum message_verdict request_watch_response(struct request_watch *watch, struct endpoint *endpoint,
                                            struct pdu *pdu)
{
    uint16_t bad_option;

    if (pdu->type == PDU_ACK) {
        if (!watch->expects_ack || watch->ack_mid != pdu->mid)
            return MESSAGE_REJECT;
        watch->expects_ack = false;
    }
    if (rest_check_response(&pdu->message, &bad_option) != REST_VERDICT_FINE) {
        watch->events->rejected(watch->handle, bad_option);
        return MESSAGE_REJECT;
    }
    request_keep_echo(endpoint, &pdu->message);
    return watch->events->notified(watch->handle, &pdu->message) ? MESSAGE_ACCEPT : MESSAGE_REJECT;
}
