/* SPDX-License-Identifier: BSD-2-Clause */
#include "message_layer.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "congestion.h"
#include "endpoint.h"
#include "log.h"

/*
 * message_layer: RFC 7252 4, between the channel's datagrams and the request layer. The upper half
 * of this file sends: queue, slots, message IDs, retransmission. The lower half receives: a
 * datagram is read once, judged by type, and either names a message in flight (ACK, RST) or carries
 * a response for the layer above.
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
    /* RSTs to non-confirmable responses: they are optional (RFC 7252 4.3). */
    NON_RESETS_PER_S = 50,
};

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

/* --- sending --- */

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
}

/* Starts the message, in the queue or not, unless every MID is in use: then the endpoint pauses. */
static bool start(struct message_layer *layer, struct message *message)
{
    struct endpoint *endpoint = message->endpoint;
    uint64_t now_us = timers_now_us(layer->timers);
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];
    uint16_t mid;

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
        struct message *message = congestion_next(endpoint);
        if (message != NULL && start(layer, message))
            congestion_line_up(&layer->congestion, endpoint);
    }
}

/* Starts what may leave now that something of the endpoint has changed. */
static void pump(struct message_layer *layer, struct endpoint *endpoint)
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

static void finish(struct message *message, enum message_end end)
{
    struct message_layer *layer = message->layer;

    message_end(layer, message);
    layer->events.ended(layer->events.handle, message, end);
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
        finish(message, MESSAGE_END_DISPLACED);
        return;
    }
    if (message->is_refused) {
        finish(message, MESSAGE_END_UNREACHABLE);
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
        finish(message, MESSAGE_END_SPENT);
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
    timer_init(&message->timer, timeout_fired, message);
    if (congestion_is_free(&layer->congestion, message) && start(layer, message))
        return MESSAGE_TAKEN;
    if (congestion_enqueue(&layer->congestion, message) != 0)
        return MESSAGE_NO_MEMORY;
    pump(layer, endpoint);
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
    pump(layer, message->endpoint);
}

void message_release(struct message_layer *layer, struct message *message)
{
    if (message->state != MESSAGE_NON_SENT)
        return;
    congestion_free_slot(&layer->congestion, message);
    pump(layer, message->endpoint);
}

/* --- receiving --- */

static void send_empty(struct message_layer *layer, const struct endpoint_address *to,
                       enum pdu_type type, uint16_t mid)
{
    uint8_t datagram[PDU_HEADER_SIZE];

    pdu_write_empty(datagram, type, mid);
    if (type == PDU_RST)
        layer->counters.resets_sent++;
    /* When it does not go out, the peer sends its message again. */
    (void)layer->channel.send(layer->channel.handle, to, datagram, sizeof datagram);
}

/* Whether one more NON may be answered by an RST: the average rate is limited, with a second's
 * worth of them at once. */
static bool may_reset_non(struct message_layer *layer)
{
    uint64_t now_us = timers_now_us(layer->timers);

    if (layer->resets_until_us < now_us)
        layer->resets_until_us = now_us;
    if (layer->resets_until_us - now_us >= US_PER_S)
        return false;
    layer->resets_until_us += US_PER_S / NON_RESETS_PER_S;
    return true;
}

static void receive_empty_ack(struct message_layer *layer, struct endpoint *endpoint, uint16_t mid)
{
    struct message *message = endpoint ? endpoint_find_in_flight(endpoint, mid) : NULL;

    if (message == NULL || message->state != MESSAGE_UNACKED || message->is_refused) {
        layer->counters.ignored_datagrams++;
        return;
    }
    timers_disarm(layer->timers, &message->timer);
    TAILQ_REMOVE(&endpoint->in_flight, message, entry);
    TAILQ_INSERT_TAIL(&endpoint->acked, message, entry);
    message->state = MESSAGE_ACKED;
    congestion_free_slot(&layer->congestion, message);
    pump(layer, endpoint);
    layer->events.acknowledged(layer->events.handle, message);
}

static void receive_reset(struct message_layer *layer, struct endpoint *endpoint, uint16_t mid)
{
    struct message *message = endpoint ? endpoint_find_in_flight(endpoint, mid) : NULL;

    if (message == NULL || message->is_refused) {
        layer->counters.ignored_datagrams++;
        return;
    }
    layer->counters.resets_received++;
    finish(message, MESSAGE_END_RESET);
}

static enum message_verdict ask_above(struct message_layer *layer, struct endpoint *endpoint,
                                      struct pdu *pdu)
{
    enum message_verdict verdict = MESSAGE_REJECT;

    if (endpoint != NULL)
        verdict = layer->events.response(layer->events.handle, endpoint, pdu);
    if (verdict != MESSAGE_ACCEPT)
        layer->counters.unexpected_responses++;
    return verdict;
}

/* True when the message is a copy of one that was accepted; then it is answered as that was. */
static bool answer_duplicate(struct message_layer *layer, struct endpoint *endpoint,
                             const struct pdu *pdu)
{
    if (!duplicate_filter_find(&endpoint->duplicates, pdu, timers_now_us(layer->timers)))
        return false;
    layer->counters.duplicates++;
    if (pdu->type == PDU_CON)
        send_empty(layer, &endpoint->address, PDU_ACK, pdu->mid);
    return true;
}

/* Only what was accepted: a copy of anything else is refused again just as it was, and who knows no
 * token of ours takes no memory and keeps no endpoint alive. */
static void remember(struct message_layer *layer, struct endpoint *endpoint, const struct pdu *pdu)
{
    uint64_t lifetime_us = message_exchange_lifetime_us(NULL);

    duplicate_filter_add(&endpoint->duplicates, pdu, timers_now_us(layer->timers), lifetime_us);
    endpoint_keep(endpoint, lifetime_us);
}

/* A response in a CON or NON. */
static void receive_separate(struct message_layer *layer, const struct endpoint_address *from,
                             struct endpoint *endpoint, struct pdu *pdu)
{
    if (endpoint != NULL && answer_duplicate(layer, endpoint, pdu))
        return;
    enum message_verdict verdict = ask_above(layer, endpoint, pdu);
    if (pdu->type == PDU_CON && verdict != MESSAGE_IGNORE)
        send_empty(layer, from, verdict == MESSAGE_ACCEPT ? PDU_ACK : PDU_RST, pdu->mid);
    else if (verdict == MESSAGE_REJECT && may_reset_non(layer))
        send_empty(layer, from, PDU_RST, pdu->mid);
    if (verdict == MESSAGE_ACCEPT)
        remember(layer, endpoint, pdu);
}

static void receive_message(struct message_layer *layer, const struct endpoint_address *from,
                            struct pdu *pdu)
{
    struct endpoint *endpoint = endpoint_table_find(&layer->endpoints, from);
    bool is_response = REST_CODE_CLASS(pdu->message.code) != 0;

    if (pdu->type == PDU_RST) {
        receive_reset(layer, endpoint, pdu->mid);
    } else if (pdu->type == PDU_ACK && !is_response) {
        receive_empty_ack(layer, endpoint, pdu->mid);
    } else if (pdu->type == PDU_ACK) {
        (void)ask_above(layer, endpoint, pdu);
    } else if (is_response) {
        receive_separate(layer, from, endpoint, pdu);
    } else {
        /* A request, which we do not serve here, or a ping (RFC 7252 4.2, 4.3). */
        layer->counters.ignored_datagrams++;
        if (pdu->type == PDU_CON)
            send_empty(layer, from, PDU_RST, pdu->mid);
    }
}

static void channel_received(void *handle, const struct endpoint_address *from,
                             const uint8_t *datagram, size_t length)
{
    struct message_layer *layer = handle;
    struct pdu pdu;
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];

    switch (pdu_parse(&pdu, datagram, length)) {
    case PDU_IGNORE:
        layer->counters.ignored_datagrams++;
        return;
    case PDU_FORMAT_ERROR:
        layer->counters.format_errors++;
        if (log_enabled(layer->log, LOG_LEVEL_INFO))
            log_write_limited(layer->log, &layer->format_limit, timers_now_us(layer->timers),
                              LOG_LEVEL_INFO, "endpoint %s: malformed message of %zu bytes",
                              endpoint_address_format(from, text), length);
        if (pdu.type == PDU_CON)
            send_empty(layer, from, PDU_RST, pdu.mid);
        return;
    case PDU_FINE:
        receive_message(layer, from, &pdu);
        return;
    }
}

/* ICMP's unreachable errors and parameter problems; others are no failure of the destination (RFC
 * 7252 4.2). */
static bool is_unreachable(int error)
{
    switch (error) {
    case ECONNREFUSED:
    case EHOSTUNREACH:
    case EHOSTDOWN:
    case ENETUNREACH:
    case ENOPROTOOPT:
    case EPROTO:
    case EACCES:
    case EPERM:
        return true;
    default:
        return false;
    }
}

/* The message in flight that a returned datagram names by MID and token. Our own system gives some
 * errors without the datagram (EMSGSIZE): then the only message in flight is meant. */
static struct message *find_returned(const struct endpoint *endpoint, const uint8_t *datagram,
                                     size_t length, bool is_local)
{
    uint8_t returned[PDU_TOKEN_MAX], sent[PDU_TOKEN_MAX];
    size_t returned_length, sent_length;
    uint16_t mid, sent_mid;

    if (length == 0 && is_local) {
        struct message *only = TAILQ_FIRST(&endpoint->in_flight);
        return only != NULL && TAILQ_NEXT(only, entry) == NULL ? only : NULL;
    }
    if (!pdu_peek(datagram, length, &mid, returned, &returned_length))
        return NULL;
    struct message *message = endpoint_find_in_flight(endpoint, mid);
    if (message == NULL ||
        !pdu_peek(message->datagram, message->length, &sent_mid, sent, &sent_length) ||
        sent_length != returned_length || memcmp(sent, returned, sent_length) != 0)
        return NULL;
    return message;
}

static void channel_undeliverable(void *handle, const struct endpoint_address *to,
                                  const uint8_t *datagram, size_t length, int error, int is_local)
{
    struct message_layer *layer = handle;
    struct endpoint *endpoint = endpoint_table_find(&layer->endpoints, to);

    if (endpoint == NULL || !(is_local || is_unreachable(error))) {
        layer->counters.ignored_datagrams++;
        return;
    }
    struct message *message = find_returned(endpoint, datagram, length, is_local);
    if (message != NULL)
        finish(message, MESSAGE_END_UNREACHABLE);
    else if (layer->events.hint != NULL)
        layer->events.hint(layer->events.handle, endpoint, error);
}

/* --- the layer --- */

/* The end of an endpoint's pause. */
static void resume(void *handle)
{
    struct endpoint *endpoint = handle;
    struct message *waiting = fair_queue_next(&endpoint->queue);

    if (waiting != NULL)
        pump(waiting->layer, endpoint);
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
    congestion_init(&layer->congestion, options->timers, options->maximum_outstanding);
    return layer;
}

void message_layer_free(struct message_layer *layer)
{
    if (layer == NULL)
        return;
    endpoint_table_clear(&layer->endpoints);
    free(layer);
}

struct channel_events message_layer_channel_events(struct message_layer *layer)
{
    return (struct channel_events){
        .received = channel_received, .undeliverable = channel_undeliverable, .handle = layer};
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
