/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer.h"
#include "request_layer_parts.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/*
 * request_layer: RFC 7252 5.3, between the core's requests and the message layer. A request is one
 * block of memory: its state, its message and the datagram, which is written once and never copied
 * again. It is found by endpoint and token when a response comes and by its id when the core
 * names it.
 *
 * A request ends by being taken out of all tables first; then its event is told; then it is freed.
 * So an event may start and cancel whatever it likes, and nothing here touches a request behind its
 * final event but to free it.
 *
 * Cancelling changes nothing on the wire: what has been sent runs on to its end without anybody who
 * hears of it. So it keeps its slot and its token as long as any other (RFC 7252 4.7, 5.3.1), a
 * node that answers late owes nothing, and one that does not is found silent.
 */

enum {
    RETRY_AFTER_MAX_S = 60,
};

struct request {
    struct request_layer *layer;
    uint64_t id;
    struct request_key key;
    struct message message;
    const struct request_events *events;
    void *handle;
    uint64_t started_us;
    struct timer deadline;
    struct request_times *times;    /* borrowed, or `own_times` */
    struct request_times own_times; /* of this request alone */
    bool is_overdue;                /* told, or about to be */
    bool is_cancelled;              /* has no id, and its events are not told */
    struct settings settings;       /* a copy: whoever cancels takes the others away */
    UT_hash_handle hh;
    uint8_t datagram[];
};

/* --- tables --- */

static struct request *find_request(const struct request_layer *layer,
                                    const struct request_key *key)
{
    struct request *request;
    HASH_FIND_BYHASHVALUE(hh, layer->requests, key, sizeof *key, request_key_hash(key), request);
    return request;
}

void request_draw_key(struct request_layer *layer, const struct endpoint *endpoint,
                      struct request_key *key)
{
    key->endpoint_id = endpoint_id(endpoint);
    do
        random_bytes(&layer->token_random, key->token, sizeof key->token);
    while (find_request(layer, key) != NULL || request_watch_find(layer, key) != NULL);
}

/* The token that the caller wants to go on with, unless another request has it. */
static void choose_key(struct request_layer *layer, const struct endpoint *endpoint,
                       struct request_token *token, struct request_key *key)
{
    if (token != NULL && token->is_set) {
        key->endpoint_id = endpoint_id(endpoint);
        memcpy(key->token, token->bytes, sizeof key->token);
        if (find_request(layer, key) == NULL)
            return;
    }
    request_draw_key(layer, endpoint, key);
}

static void keep_token(struct request_token *token, const struct request_key *key)
{
    if (token == NULL)
        return;
    token->is_set = true;
    memcpy(token->bytes, key->token, sizeof token->bytes);
}

/* --- the end of a request --- */

/* Takes it out of all tables; nothing happens to it any more. */
static void withdraw(struct request *request)
{
    struct request_layer *layer = request->layer;

    HASH_DEL(layer->requests, request);
    if (request->is_cancelled)
        layer->cancelled--;
    else
        id_table_remove(&layer->ids, request->id);
    timers_disarm(layer->timers, &request->deadline);
    message_end(layer->messages, &request->message);
}

static struct request_report make_report(const struct request *request)
{
    return (struct request_report){
        .transmissions = request->message.transmissions,
        .was_acknowledged = request->own_times.was_acknowledged,
        .was_heard = message_was_heard(&request->message),
        .needs_no_answer = request->message.needs_no_answer,
        .elapsed_us = timers_now_us(request->layer->timers) - request->started_us,
    };
}

static void end_failed(struct request *request, enum request_failure failure,
                       const struct request_report *report)
{
    withdraw(request);
    if (!request->is_cancelled)
        request->events->failed(request->handle, failure, report);
    free(request);
}

/* Its deadline is over, and nothing is outstanding that could still bring an answer. */
static void fail_late(struct request *request)
{
    struct request_report report = make_report(request);

    message_give_up(request->layer->messages, &request->message);
    end_failed(request, REQUEST_TIMED_OUT, &report);
}

static void fail(struct request *request, enum request_failure failure)
{
    struct request_report report = make_report(request);

    end_failed(request, failure, &report);
}

/* No answer came in all the time in which one could. */
static void fail_spent(struct request *request)
{
    struct request_report report = make_report(request);

    report.is_spent = true;
    message_give_up(request->layer->messages, &request->message);
    end_failed(request, REQUEST_TIMED_OUT, &report);
}

static void fail_bad_option(struct request *request, uint16_t number)
{
    struct request_report report = make_report(request);

    report.bad_option = number;
    end_failed(request, REQUEST_BAD_RESPONSE, &report);
}

static void succeed(struct request *request, const struct rest_message *response)
{
    struct request_report report = make_report(request);

    if (report.transmissions == 1)
        report.round_trip_us =
            timers_now_us(request->layer->timers) - request->message.first_sent_us;
    withdraw(request);
    request->events->response(request->handle, response, &report);
    free(request);
}

static void end_sent(struct request *request)
{
    withdraw(request);
    if (!request->is_cancelled)
        request->events->sent(request->handle);
    free(request);
}

/* --- deadlines --- */

static void tell_overdue(struct request *request)
{
    struct request_report report = make_report(request);

    request->is_overdue = true;
    if (!request->is_cancelled)
        request->events->overdue(request->handle, &report);
}

/* Once the client has given up, the request goes on for as long as if it had a client of its own.
 */
static void arm_deadline(struct request *request)
{
    struct timers *timers = request->layer->timers;
    const struct request_times *times = request->is_overdue ? &request->own_times : request->times;

    timers_arm(timers, &request->deadline,
               request_times_left_us(times, request->message.settings, timers_now_us(timers)));
}

/* The client of an earlier request may have lost patience before this one has had its time. */
static void acked_deadline_passed(struct request *request)
{
    uint64_t left_us = request_times_left_us(&request->own_times, request->message.settings,
                                             timers_now_us(request->layer->timers));

    if (left_us == 0) {
        fail_late(request);
        return;
    }
    timers_arm(request->layer->timers, &request->deadline, left_us);
    tell_overdue(request);
}

/* A NON has no retransmissions that could be spent: a late response is waited for as long as for
 * one to a CON. */
static void non_deadline_passed(struct request *request)
{
    struct request_layer *layer = request->layer;
    struct message *message = &request->message;
    uint64_t end_us = message->first_sent_us + message_transmit_wait_us(message->settings);
    uint64_t now_us = timers_now_us(layer->timers);

    if (now_us >= end_us) {
        fail_spent(request);
        return;
    }
    timers_arm(layer->timers, &request->deadline, end_us - now_us);
    message_release(layer->messages, message);
    tell_overdue(request);
}

static void deadline_fired(void *handle)
{
    struct request *request = handle;

    switch (request->message.state) {
    case MESSAGE_UNACKED:
        /* It ends when its transmissions are spent. */
        tell_overdue(request);
        return;
    case MESSAGE_NON_SENT:
        non_deadline_passed(request);
        return;
    case MESSAGE_IDLE:
    case MESSAGE_QUEUED:
    case MESSAGE_DISPLACED:
        fail_late(request);
        return;
    case MESSAGE_ACKED:
        acked_deadline_passed(request);
        return;
    }
}

/* --- news of the message layer --- */

static struct request *request_of(struct message *message)
{
    return (struct request *)(void *)((char *)message - offsetof(struct request, message));
}

static void message_acknowledged(void *handle, struct message *message)
{
    struct request_layer *layer = handle;
    struct request *request = request_of(message);
    uint64_t now_us = timers_now_us(layer->timers);

    request_times_acknowledge(&request->own_times, now_us);
    request_times_acknowledge(request->times, now_us);
    arm_deadline(request);
}

static void message_ended(void *handle, struct message *message, enum message_end end)
{
    static const enum request_failure failures[] = {
        [MESSAGE_END_RESET] = REQUEST_RESET,
        [MESSAGE_END_UNREACHABLE] = REQUEST_UNREACHABLE,
        [MESSAGE_END_TOO_LONG] = REQUEST_DATAGRAM_TOO_LONG,
        [MESSAGE_END_GIVEN_UP] = REQUEST_GIVEN_UP,
        [MESSAGE_END_DISPLACED] = REQUEST_DISPLACED,
    };
    struct request *request = request_of(message);

    (void)handle;
    if (end == MESSAGE_END_SENT)
        end_sent(request);
    else if (end == MESSAGE_END_SPENT)
        fail_spent(request);
    else
        fail(request, failures[end]);
}

/* RFC 7252 5.3.2: a response belongs to a request by endpoint and token; one in an ACK by the MID
 * too. */
static bool is_answer(const struct request *request, const struct pdu *pdu)
{
    const struct message *message = &request->message;

    if (message->transmissions == 0)
        return false;
    return pdu->type != PDU_ACK || pdu->mid == message->mid;
}

/* The one in a 4.01 is for that request alone: its sender must see to it. */
void request_keep_echo(struct endpoint *endpoint, const struct rest_message *response)
{
    const struct rest_option *echo = rest_find_option(response, REST_OPTION_ECHO);

    if (echo != NULL && response->code != REST_CODE(4, 1))
        endpoint_keep_echo(endpoint, echo->value, echo->length);
}

static enum message_verdict message_response(void *handle, struct endpoint *endpoint,
                                             struct pdu *pdu)
{
    struct request_layer *layer = handle;
    struct request_key key = {.endpoint_id = endpoint_id(endpoint)};
    uint16_t bad_option;

    if (pdu->token_length != sizeof key.token)
        return MESSAGE_REJECT;
    memcpy(key.token, pdu->token, sizeof key.token);
    struct request *request = find_request(layer, &key);
    struct request_watch *watch = request_watch_find(layer, &key);
    if (request == NULL || !is_answer(request, pdu))
        return watch == NULL ? MESSAGE_REJECT : request_watch_response(watch, endpoint, pdu);
    if (request->is_cancelled) {
        withdraw(request);
        free(request);
        return MESSAGE_REJECT;
    }

    /* RFC 7252 5.4.1: a response with a bad option is rejected; but an ACK has been one. */
    if (rest_check_response(&pdu->message, &bad_option) != REST_VERDICT_FINE) {
        fail_bad_option(request, bad_option);
        return pdu->type == PDU_ACK ? MESSAGE_ACCEPT : MESSAGE_REJECT;
    }
    if (request->events->match != NULL) {
        switch (request->events->match(request->handle, &pdu->message, pdu->type == PDU_ACK)) {
        case REQUEST_MATCH_EARLIER:
            return pdu->type == PDU_ACK ? MESSAGE_IGNORE : MESSAGE_ACCEPT;
        case REQUEST_MATCH_UNWANTED:
            return MESSAGE_REJECT;
        case REQUEST_MATCH_ANSWER:
            break;
        }
    }
    if (watch != NULL && pdu->type != PDU_ACK && request->message.state == MESSAGE_UNACKED)
        request_watch_expect_ack(watch, request->message.mid);
    request_keep_echo(endpoint, &pdu->message);
    succeed(request, &pdu->message);
    return MESSAGE_ACCEPT;
}

static void message_hint(void *handle, struct endpoint *endpoint, int error)
{
    const struct request_layer *layer = handle;
    const struct request_peer_events *events = &layer->peer_events;

    if (events->hint != NULL)
        events->hint(events->handle, endpoint_address_of(endpoint), error);
}

static void message_heard(void *handle, const struct endpoint_address *from)
{
    const struct request_layer *layer = handle;
    const struct request_peer_events *events = &layer->peer_events;

    if (events->heard != NULL)
        events->heard(events->handle, from);
}

/* --- the layer --- */

struct request_layer *request_layer_new(const struct request_layer_options *options)
{
    struct request_layer *layer = calloc(1, sizeof *layer);

    if (layer == NULL)
        return NULL;
    const struct message_events events = {
        .acknowledged = message_acknowledged,
        .ended = message_ended,
        .response = message_response,
        .hint = message_hint,
        .heard = message_heard,
        .handle = layer,
    };
    layer->timers = options->message.timers;
    layer->token_random = options->token_random;
    layer->maximum_endpoints = options->message.maximum_endpoints;
    id_table_init(&layer->ids);
    struct message_layer_options message = options->message;
    message.maximum_outstanding = options->maximum_requests;
    layer->messages = message_layer_new(&message, &events);
    if (layer->messages == NULL) {
        free(layer);
        return NULL;
    }
    return layer;
}

void request_layer_free(struct request_layer *layer)
{
    if (layer == NULL)
        return;
    /* First, so that no message leaves a queue while the others go. */
    struct request *request, *next;
    message_layer_free(layer->messages);
    HASH_ITER(hh, layer->requests, request, next)
    {
        HASH_DEL(layer->requests, request);
        timers_disarm(layer->timers, &request->deadline);
        free(request);
    }
    request_watches_clear(layer);
    id_table_clear(&layer->ids);
    free(layer);
}

struct message_layer *request_layer_messages(struct request_layer *layer)
{
    return layer->messages;
}

void request_layer_set_maximum(struct request_layer *layer, size_t maximum_requests)
{
    message_layer_set_maximum(layer->messages, maximum_requests);
}

void request_layer_set_peer_events(struct request_layer *layer,
                                   const struct request_peer_events *events)
{
    static const struct request_peer_events none = {0};

    layer->peer_events = events == NULL ? none : *events;
}

void request_layer_give_up(struct request_layer *layer, const struct endpoint_address *peer)
{
    message_layer_give_up(layer->messages, peer);
}

void request_layer_ping(struct request_layer *layer, const struct endpoint_address *peer)
{
    message_layer_ping(layer->messages, peer);
}

size_t request_layer_outstanding(const struct request_layer *layer)
{
    return HASH_COUNT(layer->requests) - layer->cancelled;
}

/* Writes the datagram with the Echo value that the peer gave last, where it fits; `*has_echo`
 * tells. 0 when the message is too long. */
static size_t write_datagram(uint8_t datagram[REST_REQUEST_SIZE], const struct endpoint *endpoint,
                             const struct request_spec *spec, const struct request_key *key,
                             bool *has_echo)
{
    struct rest_message message;
    size_t echo_length, length = 0;
    const uint8_t *echo = endpoint_echo(endpoint, &echo_length);

    *has_echo = false;
    if (echo != NULL && !spec->withholds_echo &&
        rest_message_add_option(&message, spec->message, REST_OPTION_ECHO, echo, echo_length)) {
        length = pdu_write(datagram, REST_REQUEST_SIZE, PDU_CON, 0, key->token, sizeof key->token,
                           &message);
        *has_echo = length > 0;
    }
    return *has_echo ? length
                     : pdu_write(datagram, REST_REQUEST_SIZE, PDU_CON, 0, key->token,
                                 sizeof key->token, spec->message);
}

/* Makes the request and enters it in the tables; NULL when memory is short. */
static struct request *make_request(struct request_layer *layer, const struct request_spec *spec,
                                    const struct request_key *key, const uint8_t *datagram,
                                    size_t length)
{
    struct request *request = malloc(sizeof *request + length);

    if (request == NULL)
        return NULL;
    *request = (struct request){
        .layer = layer,
        .key = *key,
        .events = spec->events,
        .handle = spec->handle,
        .started_us = timers_now_us(layer->timers),
        .settings = *spec->settings,
    };
    memcpy(request->datagram, datagram, length);
    request->id = id_table_add(&layer->ids, request);
    if (request->id == 0) {
        free(request);
        return NULL;
    }
    HASH_ADD_BYHASHVALUE(hh, layer->requests, key, sizeof request->key,
                         request_key_hash(&request->key), request);
    if (request->hh.tbl == NULL) {
        id_table_remove(&layer->ids, request->id);
        free(request);
        return NULL;
    }
    timer_init(&request->deadline, deadline_fired, request);
    return request;
}

static enum request_refusal refusal_of(enum message_refusal refusal)
{
    switch (refusal) {
    case MESSAGE_QUEUE_FULL:
        return REQUEST_QUEUE_FULL;
    case MESSAGE_CLIENT_FULL:
        return REQUEST_CLIENT_FULL;
    case MESSAGE_NO_MEMORY:
    case MESSAGE_TAKEN:
        break;
    }
    return REQUEST_NO_MEMORY;
}

/* Whether there is room for one endpoint more. Clients that ask ever new peers cannot shut out
 * those of the configuration. */
static bool has_room(const struct request_layer *layer, bool is_peer_of_client)
{
    size_t reserve = is_peer_of_client ? layer->maximum_endpoints / 4 : 0;

    return message_layer_endpoint_count(layer->messages) < layer->maximum_endpoints - reserve;
}

struct endpoint *request_endpoint(struct request_layer *layer, const struct endpoint_address *peer,
                                  bool is_peer_of_client, enum request_refusal *refusal)
{
    *refusal = REQUEST_NO_MEMORY;
    if (has_room(layer, is_peer_of_client) ||
        message_layer_find_endpoint(layer->messages, peer) != NULL)
        return message_layer_endpoint(layer->messages, peer);
    *refusal = REQUEST_TOO_MANY_PEERS;
    return NULL;
}

enum request_refusal request_start(struct request_layer *layer, const struct request_spec *spec,
                                   uint64_t *id)
{
    uint8_t datagram[REST_REQUEST_SIZE];
    struct request_key key;
    enum request_refusal no_endpoint;

    *id = 0;
    struct endpoint *endpoint =
        request_endpoint(layer, &spec->peer, spec->is_peer_of_client, &no_endpoint);
    if (endpoint == NULL)
        return no_endpoint;
    choose_key(layer, endpoint, spec->token, &key);
    bool has_echo;
    size_t length = write_datagram(datagram, endpoint, spec, &key, &has_echo);
    if (length == 0)
        return REQUEST_TOO_LONG;
    struct request *request = make_request(layer, spec, &key, datagram, length);
    if (request == NULL)
        return REQUEST_NO_MEMORY;

    request->message.endpoint = endpoint;
    request->message.datagram = request->datagram;
    request->message.length = length;
    request->message.is_confirmable = !spec->settings->is_non_confirmable;
    request->message.ends_when_sent = spec->ends_when_sent;
    request->message.needs_no_answer = spec->needs_no_answer;
    request->message.settings = &request->settings;
    request->message.client = spec->client;
    request->message.is_continuation = spec->is_continuation;
    enum message_refusal refusal = message_send(layer->messages, &request->message);
    if (refusal != MESSAGE_TAKEN) {
        withdraw(request);
        free(request);
        return refusal_of(refusal);
    }
    request->times = spec->times != NULL ? spec->times : &request->own_times;
    request_times_begin(request->times, request->started_us);
    request_times_begin(&request->own_times, request->started_us);
    arm_deadline(request);
    keep_token(spec->token, &key);
    if (has_echo)
        endpoint_keep_echo(endpoint, NULL, 0);
    *id = request->id;
    return REQUEST_STARTED;
}

void request_cancel(struct request_layer *layer, uint64_t id)
{
    struct request *request = id_table_find(&layer->ids, id);

    if (request == NULL)
        return;
    if (request->message.transmissions > 0) {
        id_table_remove(&layer->ids, request->id);
        request->is_cancelled = true;
        request->times = &request->own_times;
        layer->cancelled++;
        return;
    }
    withdraw(request);
    free(request);
}

bool request_is_waiting(const struct request_layer *layer, uint64_t id)
{
    const struct request *request = id_table_find(&layer->ids, id);

    return request != NULL && request->message.transmissions == 0;
}

unsigned request_layer_retry_after(struct request_layer *layer, const struct endpoint_address *peer)
{
    const struct endpoint *endpoint = message_layer_find_endpoint(layer->messages, peer);
    uint64_t delay_s = 1;

    if (endpoint != NULL)
        delay_s = (message_layer_wait_us(layer->messages, endpoint) + 999999) / 1000000;
    return delay_s < 1 ? 1 : delay_s > RETRY_AFTER_MAX_S ? RETRY_AFTER_MAX_S : (unsigned)delay_s;
}
