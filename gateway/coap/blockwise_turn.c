/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise_private.h"

#include <string.h>

/*
 * blockwise_turn: who may be in blocks at the same time. A node keeps what it has of an upload by
 * peer and resource (RFC 7959 2.5), so a second upload to the resource would mix with the first:
 * uploads to one resource go one after the other, whatever their method and format. One that had to
 * wait also carries a Request-Tag (RFC 9175 3.5.2), since late messages of the one before it may
 * still arrive. Downloads of one resource run side by side and are told apart by the tag alone: a
 * node that does not know the option gives each block by its number, and ETags are compared.
 *
 * Transfers in blocks stand in the buckets of a small table, by peer; in each in the order in
 * which they came, so that whoever waits longest is next.
 */

/* All options but those that are no part of the cache key (RFC 7252 5.4.6). */
static bool is_in_cache_key(uint16_t number)
{
    return (number & 0x1e) != 0x1c;
}

static const struct rest_option *next_option(const struct rest_message *message, size_t *at,
                                             bool (*counts)(uint16_t number))
{
    while (*at < message->option_count) {
        const struct rest_option *option = &message->options[(*at)++];

        if (counts(option->number))
            return option;
    }
    return NULL;
}

static bool have_same_options(const struct rest_message *a, const struct rest_message *b,
                              bool (*counts)(uint16_t number))
{
    size_t at_a = 0, at_b = 0;
    const struct rest_option *one, *other;

    do {
        one = next_option(a, &at_a, counts);
        other = next_option(b, &at_b, counts);
        if ((one == NULL) != (other == NULL))
            return false;
        if (one != NULL &&
            (one->number != other->number || one->length != other->length ||
             (one->length > 0 && memcmp(one->value, other->value, one->length) != 0)))
            return false;
    } while (one != NULL);
    return true;
}

static bool have_same_peer(const struct transfer *a, const struct transfer *b)
{
    return memcmp(&a->spec.peer, &b->spec.peer, sizeof a->spec.peer) == 0;
}

static bool have_same_resource(const struct transfer *a, const struct transfer *b)
{
    return have_same_peer(a, b) &&
           have_same_options(a->spec.message, b->spec.message, rest_option_names_resource);
}

static bool have_same_tag(const struct transfer *a, const struct transfer *b)
{
    return a->is_tagged == b->is_tagged &&
           (!a->is_tagged || memcmp(a->tag, b->tag, sizeof a->tag) == 0);
}

static struct transfer_list *bucket_of(const struct transfer *transfer)
{
    const struct endpoint_address *peer = &transfer->spec.peer;
    unsigned sum = peer->port;

    for (size_t i = 0; i < sizeof peer->bytes; i++)
        sum = 31 * sum + peer->bytes[i];
    return &transfer->layer->buckets[sum % TRANSFER_BUCKETS];
}

void turn_init(struct blockwise *layer)
{
    for (size_t i = 0; i < TRANSFER_BUCKETS; i++)
        TAILQ_INIT(&layer->buckets[i]);
}

bool turn_is_matchable(const struct transfer *transfer)
{
    const struct transfer *other;

    TAILQ_FOREACH(other, bucket_of(transfer), entry)
    {
        if (other != transfer && have_same_peer(other, transfer) &&
            other->spec.message->code == transfer->spec.message->code &&
            have_same_tag(other, transfer) &&
            have_same_options(other->spec.message, transfer->spec.message, is_in_cache_key))
            return true;
    }
    return false;
}

void turn_tag(struct transfer *transfer)
{
    transfer->is_tagged = true;
    do
        random_bytes(&transfer->layer->options.random, transfer->tag, sizeof transfer->tag);
    while (turn_is_matchable(transfer));
}

bool turn_is_full(const struct transfer *transfer)
{
    const struct transfer *other;
    unsigned waiting = 0;

    TAILQ_FOREACH(other, bucket_of(transfer), entry)
    {
        if (other->phase == TRANSFER_WAITING && have_same_peer(other, transfer))
            waiting++;
    }
    return waiting >= transfer->spec.settings->queue_per_node;
}

/* The upload of the resource that stands first. */
static struct transfer *first_upload(const struct transfer *transfer)
{
    struct transfer *other;

    TAILQ_FOREACH(other, bucket_of(transfer), entry)
    {
        if (other->is_upload && have_same_resource(other, transfer))
            return other;
    }
    return NULL;
}

bool turn_enter(struct transfer *transfer)
{
    if (!transfer->is_listed)
        TAILQ_INSERT_TAIL(bucket_of(transfer), transfer, entry);
    transfer->is_listed = true;
    return transfer->is_upload && first_upload(transfer) != transfer;
}

void turn_leave(struct transfer *transfer)
{
    if (!transfer->is_listed)
        return;
    TAILQ_REMOVE(bucket_of(transfer), transfer, entry);
    transfer->is_listed = false;
    struct transfer *next = transfer->is_upload ? first_upload(transfer) : NULL;
    /* By a timer: whoever ends or cancels a transfer hears nothing of others from inside. */
    if (next != NULL && next->phase == TRANSFER_WAITING)
        timers_arm(transfer->layer->options.timers, &next->wake, 0);
}
