/* SPDX-License-Identifier: BSD-2-Clause */
#include "endpoint.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

/*
 * endpoint: the peers of the message layer. Peers choose their addresses, so the table's hash is
 * keyed. Each endpoint has one timer that is armed once and moved only when it fires: an endpoint
 * in use costs no heap operation per message, and when all have gone nothing wakes the daemon.
 */

void endpoint_table_init(struct endpoint_table *table, struct timers *timers,
                         const struct random_source *random, size_t maximum,
                         void (*resume)(void *endpoint))
{
    *table = (struct endpoint_table){
        .timers = timers, .random = *random, .maximum = maximum, .resume = resume};
    random_bytes(random, &table->hash, sizeof table->hash);
}

static void forget_messages(struct endpoint *endpoint, struct message_list *list)
{
    struct message *message;
    while ((message = TAILQ_FIRST(list)) != NULL) {
        TAILQ_REMOVE(list, message, entry);
        timers_disarm(endpoint->table->timers, &message->timer);
        message->state = MESSAGE_IDLE;
        message->holds_slot = false;
    }
}

static void forget_queue(struct endpoint *endpoint)
{
    struct message *message;
    while ((message = fair_queue_next(&endpoint->queue)) != NULL) {
        fair_queue_remove(&endpoint->queue, message);
        message->state = MESSAGE_IDLE;
    }
}

static void endpoint_free(struct endpoint *endpoint)
{
    struct endpoint_table *table = endpoint->table;

    HASH_DEL(table->endpoints, endpoint);
    timers_disarm(table->timers, &endpoint->expiry);
    timers_disarm(table->timers, &endpoint->pause);
    duplicate_filter_clear(&endpoint->duplicates);
    fair_queue_clear(&endpoint->queue);
    free(endpoint);
}

void endpoint_table_clear(struct endpoint_table *table)
{
    struct endpoint *endpoint;
    while ((endpoint = table->endpoints) != NULL) {
        forget_queue(endpoint);
        forget_messages(endpoint, &endpoint->displaced);
        forget_messages(endpoint, &endpoint->in_flight);
        forget_messages(endpoint, &endpoint->acked);
        endpoint_free(endpoint);
    }
}

/* Drops the endpoint when nothing refers to it and no MID of it, ours or the peer's, may still be
 * on its way; otherwise looks again later. */
static void expiry_fired(void *handle)
{
    struct endpoint *endpoint = handle;
    struct timers *timers = endpoint->table->timers;
    bool is_used = endpoint->queue.length > 0 || endpoint->is_in_line ||
                   !TAILQ_EMPTY(&endpoint->in_flight) || !TAILQ_EMPTY(&endpoint->acked) ||
                   !TAILQ_EMPTY(&endpoint->displaced);

    /* endpoint_release arms it again: nothing has to wake up in between. */
    if (endpoint->holds > 0)
        return;
    if (is_used)
        endpoint_keep(endpoint, message_exchange_lifetime_us(NULL));
    if (endpoint->expires_us > timers_now_us(timers))
        timers_arm(timers, &endpoint->expiry, endpoint->expires_us - timers_now_us(timers));
    else
        endpoint_free(endpoint);
}

struct endpoint *endpoint_table_find(struct endpoint_table *table,
                                     const struct endpoint_address *address)
{
    struct endpoint *endpoint;
    uint32_t hash = keyed_hash(&table->hash, address, sizeof *address);

    HASH_FIND_BYHASHVALUE(hh, table->endpoints, address, sizeof *address, hash, endpoint);
    return endpoint;
}

struct endpoint *endpoint_table_add(struct endpoint_table *table,
                                    const struct endpoint_address *address)
{
    if (HASH_COUNT(table->endpoints) >= table->maximum)
        return NULL;
    struct endpoint *endpoint = calloc(1, sizeof *endpoint);
    if (endpoint == NULL)
        return NULL;

    endpoint->address = *address;
    endpoint->table = table;
    uint32_t hash = keyed_hash(&table->hash, address, sizeof *address);
    HASH_ADD_BYHASHVALUE(hh, table->endpoints, address, sizeof *address, hash, endpoint);
    if (endpoint->hh.tbl == NULL) {
        free(endpoint);
        return NULL;
    }
    endpoint->id = ++table->last_id;
    endpoint->nstart = 1;
    fair_queue_init(&endpoint->queue, &table->hash);
    TAILQ_INIT(&endpoint->in_flight);
    TAILQ_INIT(&endpoint->acked);
    TAILQ_INIT(&endpoint->displaced);
    mid_allocator_init(&endpoint->mids, (uint16_t)random_below(&table->random, 65536));
    duplicate_filter_init(&endpoint->duplicates);
    timer_init(&endpoint->expiry, expiry_fired, endpoint);
    timer_init(&endpoint->pause, table->resume, endpoint);
    endpoint_keep(endpoint, message_exchange_lifetime_us(NULL));
    timers_arm(table->timers, &endpoint->expiry, message_exchange_lifetime_us(NULL));
    return endpoint;
}

void endpoint_keep(struct endpoint *endpoint, uint64_t lifetime_us)
{
    uint64_t until_us = timers_now_us(endpoint->table->timers) + lifetime_us;
    if (until_us > endpoint->expires_us)
        endpoint->expires_us = until_us;
}

const struct endpoint_address *endpoint_address_of(const struct endpoint *endpoint)
{
    return &endpoint->address;
}

uint64_t endpoint_id(const struct endpoint *endpoint)
{
    return endpoint->id;
}

void endpoint_hold(struct endpoint *endpoint)
{
    endpoint->holds++;
}

void endpoint_release(struct endpoint *endpoint)
{
    struct timers *timers = endpoint->table->timers;
    uint64_t now_us = timers_now_us(timers);

    assert(endpoint->holds > 0);
    if (--endpoint->holds == 0)
        timers_arm(timers, &endpoint->expiry,
                   endpoint->expires_us > now_us ? endpoint->expires_us - now_us : 0);
}

size_t endpoint_queue_length(const struct endpoint *endpoint)
{
    return endpoint->queue.length;
}

void endpoint_keep_echo(struct endpoint *endpoint, const uint8_t *value, size_t length)
{
    if (length > sizeof endpoint->echo)
        length = 0;
    if (length > 0)
        memcpy(endpoint->echo, value, length);
    endpoint->echo_length = (uint8_t)length;
}

const uint8_t *endpoint_echo(const struct endpoint *endpoint, size_t *length)
{
    *length = endpoint->echo_length;
    return endpoint->echo_length > 0 ? endpoint->echo : NULL;
}

/* As many as NSTART, and the answers come mostly in order: a walk finds it sooner than a table. */
struct message *endpoint_find_in_flight(const struct endpoint *endpoint, uint16_t mid)
{
    struct message *message;
    TAILQ_FOREACH(message, &endpoint->in_flight, entry)
    {
        if (message->mid == mid)
            return message;
    }
    return NULL;
}
