/* SPDX-License-Identifier: BSD-2-Clause */
#include "message_layer_parts.h"

#include <errno.h>
#include <string.h>

/*
 * message_layer_receive: what comes from the channel. A datagram is read once, judged by type, and
 * either names a message in flight (ACK, RST) or carries a response for the layer above. An ICMP
 * error is believed when it gives back a datagram of ours that is in flight.
 */

enum {
    US_PER_S = 1000000,
    /* RSTs to non-confirmable responses: they are optional (RFC 7252 4.3). */
    NON_RESETS_PER_S = 50,
};

void message_layer_send_empty(struct message_layer *layer, const struct endpoint_address *to,
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

static bool is_empty_ack(const struct pdu *pdu)
{
    return pdu->type == PDU_ACK && REST_CODE_CLASS(pdu->message.code) == 0;
}

/* Something came from the endpoint. What waited because it was silent waits no more; an empty ACK
 * is not the answer for which that was. True when it was silent: it leaves behind the datagram's
 * own work, for which it must not be taken. */
static bool take_note(struct message_layer *layer, struct endpoint *endpoint, bool is_empty)
{
    if (endpoint == NULL || !congestion_heard(endpoint, !is_empty))
        return false;
    timers_disarm(layer->timers, &endpoint->pause);
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
    message_layer_pump(layer, endpoint);
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
    message_layer_finish(message, MESSAGE_END_RESET);
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
        message_layer_send_empty(layer, &endpoint->address, PDU_ACK, pdu->mid);
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
        message_layer_send_empty(layer, from, verdict == MESSAGE_ACCEPT ? PDU_ACK : PDU_RST,
                                 pdu->mid);
    else if (verdict == MESSAGE_REJECT && may_reset_non(layer))
        message_layer_send_empty(layer, from, PDU_RST, pdu->mid);
    if (verdict == MESSAGE_ACCEPT)
        remember(layer, endpoint, pdu);
}

static void receive_message(struct message_layer *layer, const struct endpoint_address *from,
                            struct endpoint *endpoint, struct pdu *pdu)
{
    bool is_response = REST_CODE_CLASS(pdu->message.code) != 0;

    if (pdu->type == PDU_RST) {
        receive_reset(layer, endpoint, pdu->mid);
    } else if (is_empty_ack(pdu)) {
        receive_empty_ack(layer, endpoint, pdu->mid);
    } else if (pdu->type == PDU_ACK) {
        (void)ask_above(layer, endpoint, pdu);
    } else if (is_response) {
        receive_separate(layer, from, endpoint, pdu);
    } else {
        /* A request, which we do not serve here, or a ping (RFC 7252 4.2, 4.3). */
        layer->counters.ignored_datagrams++;
        if (pdu->type == PDU_CON)
            message_layer_send_empty(layer, from, PDU_RST, pdu->mid);
    }
}

static void receive_malformed(struct message_layer *layer, const struct endpoint_address *from,
                              const struct pdu *pdu, size_t length)
{
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];

    layer->counters.format_errors++;
    if (log_enabled(layer->log, LOG_LEVEL_INFO))
        log_write_limited(layer->log, &layer->format_limit, timers_now_us(layer->timers),
                          LOG_LEVEL_INFO, "endpoint %s: malformed message of %zu bytes",
                          endpoint_address_format(from, text), length);
    if (pdu->type == PDU_CON)
        message_layer_send_empty(layer, from, PDU_RST, pdu->mid);
}

static void channel_received(void *handle, const struct endpoint_address *from,
                             const uint8_t *datagram, size_t length)
{
    struct message_layer *layer = handle;
    struct endpoint *endpoint = endpoint_table_find(&layer->endpoints, from);
    struct pdu pdu;
    enum pdu_outcome outcome = pdu_parse(&pdu, datagram, length);

    if (layer->events.heard != NULL)
        layer->events.heard(layer->events.handle, from);
    bool was_silent = take_note(layer, endpoint, outcome == PDU_FINE && is_empty_ack(&pdu));
    switch (outcome) {
    case PDU_IGNORE:
        layer->counters.ignored_datagrams++;
        break;
    case PDU_FORMAT_ERROR:
        receive_malformed(layer, from, &pdu, length);
        break;
    case PDU_FINE:
        receive_message(layer, from, endpoint, &pdu);
        break;
    }
    if (was_silent)
        message_layer_pump(layer, endpoint);
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
        message_layer_finish(message, is_local && error == EMSGSIZE ? MESSAGE_END_TOO_LONG
                                                                    : MESSAGE_END_UNREACHABLE);
    else if (layer->events.hint != NULL)
        layer->events.hint(layer->events.handle, endpoint, error);
}

struct channel_events message_layer_channel_events(struct message_layer *layer)
{
    return (struct channel_events){
        .received = channel_received, .undeliverable = channel_undeliverable, .handle = layer};
}
