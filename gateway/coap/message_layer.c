/* SPDX-License-Identifier: BSD-2-Clause */
#include "message_layer.h"

#include <stdlib.h>
#include <string.h>

#include "message_layer_parts.h"

/*
 * message_layer: RFC 7252 4, between the channel's datagrams and the request layer. This file
 * sends: queue, slots, message IDs, retransmission; message_layer_receive.c receives.
 *
 * An event is always the last thing that is done with a message, as the callee may free it.
 */

enum {
    US_PER_S = 1000000,
    /* RFC 7252 4.8.2 */
    MAX_LATENCY_S = 100,
    DEFAULT_EXCHANGE_LIFETIME_S = 247,
    /* A timer may fire so late and its transmission still counts as in time for
     * MAX_TRANSMIT_SPAN. */
    TIMER_LATENESS_US = 100000,
    BACKOFF_MAX = 20,
};

/* The sum of the first `count` timeouts in units of the first one. */
static uint64_t backoff(unsigned count)
{
    return (UINT64_C(1) << (count < BACKOFF_MAX ? count : BACKOFF_MAX)) - 1;
}

/* ACK_TIMEOUT * ACK_RANDOM_FACTOR */
static uint64_t longest_timeout_us(const struct settings *settings)
{
    return (uint64_t)settings->ack_timeout_ms * settings->ack_random_percent * 10;
}

uint64_t message_transmit_span_us(const struct settings *settings)
{
    return longest_timeout_us(settings) * backoff(settings->max_retransmit);
}

uint64_t message_transmit_wait_us(const struct settings *settings)
{
    return longest_timeout_us(settings) * backoff(settings->max_retransmit + 1);
}

uint64_t message_exchange_lifetime_us(const struct settings *settings)
{
    uint64_t shortest_us = (uint64_t)DEFAULT_EXCHANGE_LIFETIME_S * US_PER_S;
    if (settings == NULL)
        return shortest_us;
    uint64_t lifetime_us = message_transmit_span_us(settings) +
                           UINT64_C(2) * MAX_LATENCY_S * US_PER_S +
                           (uint64_t)settings->ack_timeout_ms * 1000;
    return lifetime_us > shortest_us ? lifetime_us : shortest_us;
}

static void transmit(struct message *message)
{
    struct message_layer *layer = message->layer;
    enum channel_result result = layer->channel.send(
        layer->channel.handle, &message->endpoint->address, message->datagram, message->length);
    if (result == CHANNEL_SENT) {
        message->transmissions++;
        return;
    }
    message->is_refused = true;
    message->is_too_long = result == CHANNEL_TOO_LONG;
    timers_arm(layer->timers, &message->timer, 0);
}

/* When the timeout after the latest transmission ends. */
static uint64_t next_timeout_us(const struct message *message)
{
    return message->first_sent_us + message->timeout_us * backoff(message->transmissions);
}

static uint64_t draw_timeout_us(struct message_layer *layer, const struct settings *settings)
{
    uint64_t shortest_us = (uint64_t)settings->ack_timeout_ms * 1000;
    uint64_t range_us = longest_timeout_us(settings) - shortest_us;
    if (range_us >= UINT32_MAX)
        range_us = UINT32_MAX - 1;
    return shortest_us + random_below(&layer->random, (uint32_t)range_us + 1);
}

/* First transmission of a message that left the queue. */
static void start_message(struct message_layer *layer, struct message *message, uint16_t mid)
{
    struct endpoint *endpoint = message->endpoint;

    congestion_start(&layer->congestion, message);
    message->mid = mid;
    message->first_sent_us = timers_now_us(layer->timers);
    message->state = message->is_confirmable ? MESSAGE_UNACKED : MESSAGE_NON_SENT;
    TAILQ_INSERT_TAIL(&endpoint->in_flight, message, entry);
    endpoint_keep(endpoint, message_exchange_lifetime_us(message->settings));
    pdu_set_type_and_mid(message->datagram, message->is_confirmable ? PDU_CON : PDU_NON, mid);
    if (message->is_confirmable) {
        message->timeout_us = draw_timeout_us(layer, message->settings);
        timers_arm(layer->timers, &message->timer, message->timeout_us);
    }
    transmit(message);
    if (message->ends_when_sent && !message->is_confirmable)
        timers_arm(layer->timers, &message->timer, 0);
}

/* Starts the message, in the queue or not. When PROBING_RATE does not let it go yet, or every MID
 * is in use, the endpoint pauses. */
static bool start(struct message_layer *layer, struct message *message)
{
    struct endpoint *endpoint = message->endpoint;
    uint64_t now_us = timers_now_us(layer->timers);
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];
    uint16_t mid;
    uint64_t delay_us = congestion_probing_delay_us(&layer->congestion, message);

    if (delay_us > 0) {
        timers_arm(layer->timers, &endpoint->pause, delay_us);
        return false;
    }
    if (mid_allocator_take(&endpoint->mids, now_us, message_exchange_lifetime_us(message->settings),
                           &mid)) {
        start_message(layer, message, mid);
        return true;
    }
    log_write_limited(layer->log, &layer->mids_limit, now_us, LOG_LEVEL_WARNING,
                      "endpoint %s: all message IDs are in use, requests wait",
                      endpoint_address_format(&endpoint->address, text));
    timers_arm(layer->timers, &endpoint->pause, mid_allocator_ready_us(&endpoint->mids) - now_us);
    return false;
}

static void serve_line(struct message_layer *layer)
{
    struct endpoint *endpoint;

    while ((endpoint = congestion_turn(&layer->congestion)) != NULL) {
        struct message *message = congestion_next(&layer->congestion, endpoint);
        if (message != NULL && start(layer, message))
            congestion_line_up(&layer->congestion, endpoint);
    }
}

/* Starts what may leave now that something of the endpoint has changed. */
void message_layer_pump(struct message_layer *layer, struct endpoint *endpoint)
{
    congestion_line_up(&layer->congestion, endpoint);
    serve_line(layer);
}

/* Takes the message out of whatever it is in; it is idle then. */
static void detach(struct message *message)
{
    struct endpoint *endpoint = message->endpoint;

    switch (message->state) {
    case MESSAGE_IDLE:
        return;
    case MESSAGE_QUEUED:
        congestion_dequeue(&message->layer->congestion, message);
        return;
    case MESSAGE_DISPLACED:
        TAILQ_REMOVE(&endpoint->displaced, message, entry);
        timers_disarm(message->layer->timers, &message->timer);
        message->state = MESSAGE_IDLE;
        return;
    case MESSAGE_UNACKED:
    case MESSAGE_NON_SENT:
        TAILQ_REMOVE(&endpoint->in_flight, message, entry);
        break;
    case MESSAGE_ACKED:
        TAILQ_REMOVE(&endpoint->acked, message, entry);
        break;
    }
    timers_disarm(message->layer->timers, &message->timer);
    congestion_end(&message->layer->congestion, message);
    message->state = MESSAGE_IDLE;
}

void message_layer_finish(struct message *message, enum message_end end)
{
    struct message_layer *layer = message->layer;
    struct endpoint *endpoint = message->endpoint;

    detach(message);
    if (end == MESSAGE_END_SPENT)
        congestion_give_up(message);
    layer->events.ended(layer->events.handle, message, end);
    /* Behind the event: who gives up the endpoint in it wants nothing more to be sent. */
    message_layer_pump(layer, endpoint);
}

/* The end of a timeout, RFC 7252 4.2: "an endpoint may be late for a specific retransmission", but
 * the entire sequence stays within MAX_TRANSMIT_SPAN and the spacing is at least ACK_TIMEOUT. */
static void timeout_fired(void *handle)
{
    struct message *message = handle;
    const struct settings *settings = message->settings;
    struct timers *timers = message->layer->timers;
    uint64_t now_us = timers_now_us(timers);
    uint64_t next_us =
        message->first_sent_us + message->timeout_us * backoff(settings->max_retransmit + 1);

    if (message->state == MESSAGE_DISPLACED) {
        message_layer_finish(message, MESSAGE_END_DISPLACED);
        return;
    }
    if (message->is_refused) {
        message_layer_finish(message,
                             message->is_too_long ? MESSAGE_END_TOO_LONG : MESSAGE_END_UNREACHABLE);
        return;
    }
    if (!message->is_confirmable) {
        message_layer_finish(message, MESSAGE_END_SENT);
        return;
    }
    if (message->transmissions <= settings->max_retransmit &&
        now_us - message->first_sent_us <= message_transmit_span_us(settings) + TIMER_LATENESS_US) {
        transmit(message);
        if (message->is_refused)
            return;
        message->layer->counters.retransmissions++;
        uint64_t nearest_us = now_us + (uint64_t)settings->ack_timeout_ms * 1000;
        next_us = next_timeout_us(message);
        if (next_us < nearest_us)
            next_us = nearest_us;
    }
    if (next_us > now_us)
        timers_arm(timers, &message->timer, next_us - now_us);
    else
        message_layer_finish(message, MESSAGE_END_SPENT);
}

/* Room for a message that stands behind the last place of the queue: a client that has more waiting
 * than its client loses its newest. */
static bool displace(struct message_layer *layer, struct message *message)
{
    struct endpoint *endpoint = message->endpoint;
    struct message *displaced = fair_queue_displaced(&endpoint->queue, message);

    if (displaced == NULL)
        return false;
    congestion_dequeue(&layer->congestion, displaced);
    displaced->state = MESSAGE_DISPLACED;
    TAILQ_INSERT_TAIL(&endpoint->displaced, displaced, entry);
    timers_arm(layer->timers, &displaced->timer, 0);
    return true;
}

enum message_refusal message_send(struct message_layer *layer, struct message *message)
{
    struct endpoint *endpoint = message->endpoint;

    message->layer = layer;
    message->transmissions = 0;
    message->is_refused = false;
    message->holds_slot = false;
    message->share = NULL;
    timer_init(&message->timer, timeout_fired, message);
    if (!congestion_admits(&layer->congestion, message))
        return MESSAGE_CLIENT_FULL;
    if (congestion_is_free(&layer->congestion, message) && start(layer, message))
        return MESSAGE_TAKEN;
    if (congestion_enqueue(&layer->congestion, message) != 0)
        return MESSAGE_NO_MEMORY;
    message_layer_pump(layer, endpoint);
    if (message->state != MESSAGE_QUEUED || message->is_continuation ||
        endpoint->queue.length <= message->settings->queue_per_node || displace(layer, message))
        return MESSAGE_TAKEN;
    congestion_dequeue(&layer->congestion, message);
    return MESSAGE_QUEUE_FULL;
}

void message_end(struct message_layer *layer, struct message *message)
{
    if (message->state == MESSAGE_IDLE)
        return;
    detach(message);
    message_layer_pump(layer, message->endpoint);
}

void message_give_up(struct message_layer *layer, struct message *message)
{
    if (message->state == MESSAGE_IDLE)
        return;
    detach(message);
    congestion_give_up(message);
    message_layer_pump(layer, message->endpoint);
}

bool message_was_heard(const struct message *message)
{
    return message->transmissions > 0 && message->endpoint->heard != message->heard_before;
}

void message_release(struct message_layer *layer, struct message *message)
{
    if (message->state != MESSAGE_NON_SENT)
        return;
    congestion_free_slot(&layer->congestion, message);
    congestion_give_up(message);
    message_layer_pump(layer, message->endpoint);
}

void message_layer_give_up(struct message_layer *layer, const struct endpoint_address *address)
{
    struct endpoint *endpoint = endpoint_table_find(&layer->endpoints, address);

    /* Those that the events add are not among them. */
    for (size_t left = endpoint == NULL ? 0 : endpoint->queue.length; left > 0; left--) {
        struct message *message = fair_queue_next(&endpoint->queue);
        if (message == NULL)
            break;
        congestion_dequeue(&layer->congestion, message);
        layer->events.ended(layer->events.handle, message, MESSAGE_END_GIVEN_UP);
    }
}

void message_layer_ping(struct message_layer *layer, const struct endpoint_address *address)
{
    struct endpoint *endpoint = message_layer_endpoint(layer, address);
    uint64_t lifetime_us = message_exchange_lifetime_us(NULL);
    uint16_t mid;

    if (endpoint == NULL ||
        !mid_allocator_take(&endpoint->mids, timers_now_us(layer->timers), lifetime_us, &mid))
        return;
    endpoint_keep(endpoint, lifetime_us);
    layer->counters.pings++;
    message_layer_send_empty(layer, address, PDU_CON, mid);
}

/* --- the layer --- */

/* The end of an endpoint's pause. */
static void resume(void *handle)
{
    struct endpoint *endpoint = handle;
    struct message *waiting = fair_queue_next(&endpoint->queue);

    if (waiting != NULL)
        message_layer_pump(waiting->layer, endpoint);
}

struct message_layer *message_layer_new(const struct message_layer_options *options,
                                        const struct message_events *events)
{
    struct message_layer *layer = calloc(1, sizeof *layer);

    if (layer == NULL)
        return NULL;
    layer->timers = options->timers;
    layer->random = options->random;
    layer->channel = options->channel;
    layer->log = options->log;
    layer->events = *events;
    endpoint_table_init(&layer->endpoints, options->timers, &options->random,
                        options->maximum_endpoints, resume);
    congestion_init(&layer->congestion, options->timers, &layer->endpoints.hash,
                    options->maximum_outstanding);
    return layer;
}

void message_layer_free(struct message_layer *layer)
{
    if (layer == NULL)
        return;
    endpoint_table_clear(&layer->endpoints);
    congestion_clear(&layer->congestion);
    free(layer);
}

const struct message_counters *message_layer_counters(const struct message_layer *layer)
{
    return &layer->counters;
}

struct endpoint *message_layer_find_endpoint(struct message_layer *layer,
                                             const struct endpoint_address *address)
{
    return endpoint_table_find(&layer->endpoints, address);
}

struct endpoint *message_layer_endpoint(struct message_layer *layer,
                                        const struct endpoint_address *address)
{
    struct endpoint *endpoint = endpoint_table_find(&layer->endpoints, address);

    if (endpoint == NULL)
        return endpoint_table_add(&layer->endpoints, address);
    /* The caller may use it until the turn ends. */
    endpoint_keep(endpoint, US_PER_S);
    return endpoint;
}

size_t message_layer_endpoint_count(const struct message_layer *layer)
{
    return HASH_COUNT(layer->endpoints.endpoints);
}

void message_layer_set_maximum(struct message_layer *layer, size_t maximum_outstanding)
{
    layer->congestion.maximum = maximum_outstanding;
    serve_line(layer);
}

size_t message_layer_outstanding(const struct message_layer *layer)
{
    return layer->congestion.outstanding;
}

size_t message_layer_queued(const struct message_layer *layer)
{
    return layer->congestion.queued;
}

uint64_t message_layer_wait_us(const struct message_layer *layer, const struct endpoint *endpoint)
{
    return congestion_wait_us(&layer->congestion, endpoint);
}
