/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe.h"
#include "observe_private.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "block_option.h"
#include "blockwise.h"
#include "capability.h"
#include "memory_account.h"

/*
 * observe: the life of a relation (RFC 7641 3): it is one token that the request layer watches, and
 * at most one request that carries it: a registration, the same again as a refresh, in the end the
 * deregistration. What comes is judged in observe_receive.c.
 *
 * A relation that is cancelled has no id and no watch any more, so that notifications are reset; it
 * stays for its last request alone: a registration that was sent before is waited for, because only
 * then it is known whether there is something to deregister.
 */

enum {
    REFRESH_DELAY_MIN_MS = 5000, /* RFC 7641 3.3.1 */
    REFRESH_DELAY_SPREAD_MS = 10000,
    FAREWELL_DEADLINE_MS = 247000, /* EXCHANGE_LIFETIME */
    OPTION_HEAD_SIZE = 2 * sizeof(uint16_t),
};

/* --- options --- */

/* Number, length and value of each: a fraction of what struct rest_message takes. */
static size_t options_size(const struct rest_message *message)
{
    size_t size = 0;

    for (size_t i = 0; i < message->option_count; i++)
        size += OPTION_HEAD_SIZE + message->options[i].length;
    return size;
}

static void write_options(uint8_t *out, const struct rest_message *message)
{
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];

        memcpy(out, &option->number, sizeof option->number);
        memcpy(out + sizeof option->number, &option->length, sizeof option->length);
        if (option->length > 0)
            memcpy(out + OPTION_HEAD_SIZE, option->value, option->length);
        out += OPTION_HEAD_SIZE + option->length;
    }
}

void relation_request(const struct relation *relation, struct rest_message *message)
{
    const uint8_t *in = relation->options, *end = in + relation->options_length;

    message->code = REST_GET;
    message->option_count = 0;
    message->payload = NULL;
    message->payload_length = 0;
    while (in < end) {
        struct rest_option *option = &message->options[message->option_count++];

        memcpy(&option->number, in, sizeof option->number);
        memcpy(&option->length, in + sizeof option->number, sizeof option->length);
        option->value = in + OPTION_HEAD_SIZE;
        in += OPTION_HEAD_SIZE + option->length;
    }
}

/* --- requests --- */

bool relation_has_wish(const struct relation *relation)
{
    return relation->settings.block_size < BLOCK_SIZE_MAX && !relation->shuns_blocks;
}

/* The request with the options that make it a registration or its end. They are the same each time
 * but for ETag (RFC 7641 3.3.1, 3.6) and Echo, which are no part of what is asked for. */
static bool compose(const struct relation *relation, enum relation_errand errand,
                    const struct rest_option *echo, struct rest_message *message)
{
    static const uint8_t deregister = 1, sizes[] = {0, 1, 2, 3, 4, 5, 6};
    uint8_t szx = block_szx_within(relation->settings.block_size);
    struct rest_option observe = {REST_OPTION_OBSERVE, errand == RELATION_DEREGISTRATION,
                                  &deregister};
    struct rest_option etag = {REST_OPTION_ETAG, relation->etag_length, relation->etag};
    struct rest_option wish = {REST_OPTION_BLOCK2, szx > 0, &sizes[szx]};

    relation_request(relation, message);
    if (errand == RELATION_REGISTRATION && etag.length > 0 && !rest_insert_option(message, &etag))
        return false;
    if (relation_has_wish(relation) && !rest_insert_option(message, &wish))
        return false;
    if (echo != NULL && !rest_insert_option(message, echo))
        return false;
    return rest_insert_option(message, &observe);
}

enum request_refusal relation_send(struct relation *relation, enum relation_errand errand,
                                   const struct rest_option *echo)
{
    struct rest_message message;
    struct request_spec spec = {
        .peer = relation->peer,
        .message = &message,
        .settings = &relation->settings,
        .events = &relation_request_events,
        .handle = relation,
        .token = &relation->token,
        .client = relation->client,
        .is_peer_of_client = relation->is_peer_of_client,
        /* What was begun is brought to its end, however much waits. */
        .is_continuation = echo != NULL || errand == RELATION_DEREGISTRATION,
    };
    enum request_refusal refusal;

    assert(relation->request_id == 0);
    if (!compose(relation, errand, echo, &message))
        return REQUEST_TOO_LONG;
    refusal = request_start(relation->layer->options.requests, &spec, &relation->request_id);
    if (refusal == REQUEST_STARTED) {
        relation->errand = errand;
        relation->has_echoed = echo != NULL;
    }
    return refusal;
}

static enum request_refusal start_registration(struct relation *relation)
{
    enum request_refusal refusal = relation_send(relation, RELATION_REGISTRATION, NULL);

    if (refusal != REQUEST_TOO_LONG || relation->etag_length == 0)
        return refusal;
    relation->etag_length = 0;
    return relation_send(relation, RELATION_REGISTRATION, NULL);
}

static void refresh_fired(void *handle)
{
    struct relation *relation = handle;

    if (relation->events->due != NULL) {
        relation->events->due(relation->handle);
        return;
    }
    /* That there is no place in a queue is no news of the peer. */
    if (start_registration(relation) != REQUEST_STARTED)
        relation_refresh_after(relation, 0);
}

void relation_refresh_after(struct relation *relation, uint32_t max_age_s)
{
    const struct observe_options *options = &relation->layer->options;
    uint64_t delay_ms = (uint64_t)max_age_s * 1000 + REFRESH_DELAY_MIN_MS +
                        random_below(&options->random, REFRESH_DELAY_SPREAD_MS + 1);

    timers_arm(options->timers, &relation->refresh, delay_ms * 1000);
}

/* --- the end --- */

void relation_drop_transfer(struct relation *relation)
{
    const struct observe_options *options = &relation->layer->options;

    if (relation->transfer_id != 0)
        blockwise_cancel(options->blockwise, relation->transfer_id);
    relation->transfer_id = 0;
    if (relation->requested != NULL)
        memory_account_give(options->memory, sizeof *relation->requested);
    free(relation->requested);
    relation->requested = NULL;
}

void relation_drop_waiting(struct relation *relation)
{
    struct request_layer *requests = relation->layer->options.requests;

    if (relation->request_id == 0 || !request_is_waiting(requests, relation->request_id))
        return;
    request_cancel(requests, relation->request_id);
    relation->request_id = 0;
    relation->errand = RELATION_NO_ERRAND;
}

void relation_free(struct relation *relation)
{
    struct observe *layer = relation->layer;

    TAILQ_REMOVE(&layer->relations, relation, link);
    memory_account_give(layer->options.memory, sizeof *relation + relation->options_length);
    free(relation);
}

/* Nothing is told of it from now on. */
static void retire(struct relation *relation)
{
    struct observe *layer = relation->layer;

    id_table_remove(&layer->ids, relation->id);
    relation->id = 0;
    layer->count--;
    timers_disarm(layer->options.timers, &relation->refresh);
    relation_drop_transfer(relation);
    relation_drop_waiting(relation);
    request_watch_close(relation->watch);
    relation->watch = NULL;
}

/* Nobody waits for it, and nothing else tells the peer: it may stand in a queue for longer than
 * what a client asks for. A NON would keep its slot for as long. */
void relation_deregister(struct relation *relation)
{
    struct settings *settings = &relation->settings;

    if (!settings->is_non_confirmable && settings->deadline_ms < FAREWELL_DEADLINE_MS)
        settings->deadline_ms = FAREWELL_DEADLINE_MS;
    if (relation_send(relation, RELATION_DEREGISTRATION, NULL) != REQUEST_STARTED)
        relation_free(relation);
}

/* --- the layer --- */

struct observe *observe_new(const struct observe_options *options)
{
    struct observe *layer = calloc(1, sizeof *layer);

    if (layer == NULL)
        return NULL;
    layer->options = *options;
    id_table_init(&layer->ids);
    TAILQ_INIT(&layer->relations);
    return layer;
}

static void drop(struct relation *relation)
{
    if (relation->id != 0)
        retire(relation);
    if (relation->request_id != 0)
        request_cancel(relation->layer->options.requests, relation->request_id);
    relation_free(relation);
}

void observe_free(struct observe *layer)
{
    if (layer == NULL)
        return;
    while (!TAILQ_EMPTY(&layer->relations))
        drop(TAILQ_FIRST(&layer->relations));
    id_table_clear(&layer->ids);
    free(layer);
}

size_t observe_count(const struct observe *layer)
{
    return layer->count;
}

static void set_etag(struct relation *relation, const uint8_t *etag, size_t length)
{
    if (etag == NULL || length > sizeof relation->etag)
        length = 0;
    relation->etag_length = (uint8_t)length;
    if (length > 0)
        memcpy(relation->etag, etag, length);
}

/* NULL when memory is short. */
static struct relation *make_relation(struct observe *layer, const struct observe_spec *spec)
{
    size_t length = options_size(spec->message);
    struct relation *relation = calloc(1, sizeof *relation + length);

    if (relation == NULL)
        return NULL;
    relation->layer = layer;
    relation->peer = spec->peer;
    relation->settings = *spec->settings;
    relation->events = spec->events;
    relation->handle = spec->handle;
    relation->client = spec->client;
    relation->is_peer_of_client = spec->is_peer_of_client;
    relation->maximum_body = spec->maximum_body;
    relation->shuns_blocks =
        (capability_of(layer->options.capabilities, &spec->peer) & CAPABILITY_NO_BLOCKS) != 0;
    relation->options_length = length;
    write_options(relation->options, spec->message);
    set_etag(relation, spec->etag, spec->etag_length);
    timer_init(&relation->refresh, refresh_fired, relation);
    relation->id = id_table_add(&layer->ids, relation);
    if (relation->id == 0) {
        free(relation);
        return NULL;
    }
    layer->count++;
    TAILQ_INSERT_TAIL(&layer->relations, relation, link);
    memory_account_add(layer->options.memory, sizeof *relation + length);
    return relation;
}

enum request_refusal observe_start(struct observe *layer, const struct observe_spec *spec,
                                   uint64_t *id)
{
    struct relation *relation = make_relation(layer, spec);
    struct request_watch_spec watch = {
        .peer = spec->peer,
        .is_peer_of_client = spec->is_peer_of_client,
        .events = &relation_watch_events,
        .handle = relation,
    };
    enum request_refusal refusal;

    *id = 0;
    if (relation == NULL)
        return REQUEST_NO_MEMORY;
    refusal = request_watch_open(layer->options.requests, &watch, &relation->watch);
    if (refusal == REQUEST_STARTED) {
        request_watch_token(relation->watch, &relation->token);
        refusal = start_registration(relation);
    }
    if (refusal != REQUEST_STARTED) {
        drop(relation);
        return refusal;
    }
    *id = relation->id;
    return REQUEST_STARTED;
}

enum request_refusal observe_renew(struct observe *layer, uint64_t id)
{
    struct relation *relation = id_table_find(&layer->ids, id);

    if (relation == NULL || relation->request_id != 0 || relation->transfer_id != 0)
        return REQUEST_STARTED;
    timers_disarm(layer->options.timers, &relation->refresh);
    return start_registration(relation);
}

void observe_forget_etag(struct observe *layer, uint64_t id)
{
    struct relation *relation = id_table_find(&layer->ids, id);

    if (relation != NULL)
        relation->etag_length = 0;
}

void observe_cancel(struct observe *layer, uint64_t id)
{
    struct relation *relation = id_table_find(&layer->ids, id);

    if (relation == NULL)
        return;
    retire(relation);
    if (relation->request_id != 0)
        return;
    if (relation->standing == RELATION_REGISTERED || relation->standing == RELATION_UNCERTAIN)
        relation_deregister(relation);
    else
        relation_free(relation);
}

void observe_drop(struct observe *layer, uint64_t id)
{
    struct relation *relation = id_table_find(&layer->ids, id);

    if (relation != NULL)
        drop(relation);
}
