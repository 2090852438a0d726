/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise.h"
#include "blockwise_private.h"

#include <assert.h>
#include <stdlib.h>

#include "memory_account.h"

/*
 * blockwise: the life of a transfer: one message after the other is given to the request layer,
 * each behind the answer to the one before, so that in between other requests have their turn at
 * the node. What the next message is, blockwise_receive.c finds out from the answer and
 * blockwise_send.c makes; who waits for whom is in blockwise_turn.c.
 *
 * A transfer ends as a request does: it is taken out of all tables first, then its event is told,
 * then it is freed.
 */

enum { PING_DELAY_FIRST_S = 5 };

static void transfer_free(struct transfer *transfer)
{
    struct memory_account *memory = transfer->layer->options.memory;

    buffer_clear(&transfer->body);
    if (transfer->location != NULL)
        memory_account_give(memory, sizeof *transfer->location);
    free(transfer->location);
    memory_account_give(memory, sizeof *transfer);
    free(transfer);
}

/* Nothing happens to it any more. */
static void withdraw(struct transfer *transfer)
{
    struct blockwise *layer = transfer->layer;

    if (transfer->request_id != 0)
        request_cancel(layer->options.requests, transfer->request_id);
    transfer->request_id = 0;
    HASH_DEL(layer->transfers, transfer);
    timers_disarm(layer->options.timers, &transfer->deadline);
    timers_disarm(layer->options.timers, &transfer->wake);
    turn_leave(transfer);
}

/* --- events --- */

/* What is told of the message under way becomes what is told of the whole; NULL: there is none. */
static struct request_report report_of(const struct transfer *transfer,
                                       const struct request_report *message)
{
    struct request_report report = {0};

    if (message != NULL) {
        report = *message;
        report.elapsed_us += transfer->message_started_us - transfer->started_us;
    } else {
        report.elapsed_us = timers_now_us(transfer->layer->options.timers) - transfer->started_us;
    }
    report.earlier_messages = transfer->messages;
    report.earlier_retransmissions = transfer->retransmissions;
    report.was_heard |= transfer->was_answered;
    return report;
}

static void tell_response(struct transfer *transfer, const struct rest_message *response,
                          const struct request_report *report)
{
    withdraw(transfer);
    transfer->spec.events->response(transfer->spec.handle, response, report);
    transfer_free(transfer);
}

static void fail(struct transfer *transfer, enum request_failure failure, const char *detail,
                 const struct request_report *message)
{
    struct request_report report = report_of(transfer, message);

    /* The answer is known: it is an error, and the rest would have explained it. */
    if (transfer_collects_error(transfer)) {
        struct rest_message part;

        transfer_make_part(transfer, &part);
        tell_response(transfer, &part, &report);
        return;
    }
    if (detail != NULL)
        report.detail = detail;
    withdraw(transfer);
    transfer->spec.events->failed(transfer->spec.handle, failure, &report);
    transfer_free(transfer);
}

static void succeed(struct transfer *transfer, const struct rest_message *response,
                    const struct transfer_judgement *judgement,
                    const struct request_report *message)
{
    struct request_report report = report_of(transfer, message);
    struct rest_message final;

    report.is_partial = judgement->is_partial;
    report.body = judgement->verdict == TRANSFER_COLLECTED ? &transfer->body : NULL;
    transfer_make_response(transfer, response, judgement->verdict, &final);
    tell_response(transfer, &final, &report);
}

/* --- deadlines --- */

/* Of the whole, from its beginning. */
static uint64_t transfer_left_us(const struct transfer *transfer)
{
    uint64_t end_us = transfer->spec.times->begun_us +
                      (uint64_t)transfer->spec.settings->transfer_deadline_ms * 1000;
    uint64_t now_us = timers_now_us(transfer->layer->options.timers);

    return end_us > now_us ? end_us - now_us : 0;
}

static void deadline_fired(void *handle)
{
    struct transfer *transfer = handle;

    if (transfer->phase == TRANSFER_WAITING)
        fail(transfer, REQUEST_TIMED_OUT, NULL, NULL);
    else
        fail(transfer, REQUEST_TIMED_OUT, "the blocks of its body took too long", NULL);
}

/* Whether the message under way is a block that may be sent again when nothing is heard of it: that
 * of an idempotent method, unless the client was told already that it takes too long. */
static bool is_repeatable(const struct transfer *transfer)
{
    switch (transfer->spec.message->code) {
    case REST_GET:
    case REST_FETCH:
    case REST_PUT:
    case REST_DELETE:
        return transfer_is_in_blocks(transfer) && !transfer->is_overdue &&
               transfer->repeats < TRANSFER_REPEATS_MAX;
    default:
        return false;
    }
}

/* --- going on --- */

static const struct request_events message_events;

/* Sends the next message; 0, or why not. */
static enum request_refusal send_next(struct transfer *transfer)
{
    enum request_refusal refusal = transfer_send(transfer, &message_events);

    transfer->message_started_us = timers_now_us(transfer->layer->options.timers);
    if (refusal == REQUEST_STARTED && transfer_is_in_blocks(transfer) && !transfer->has_deadline) {
        transfer->has_deadline = true;
        timers_arm(transfer->layer->options.timers, &transfer->deadline,
                   transfer_left_us(transfer));
    }
    return refusal;
}

static void go_on(struct transfer *transfer)
{
    switch (send_next(transfer)) {
    case REQUEST_STARTED:
        return;
    case REQUEST_QUEUE_FULL:
    case REQUEST_CLIENT_FULL:
        fail(transfer, REQUEST_DISPLACED, NULL, NULL);
        return;
    case REQUEST_TOO_LONG:
        fail(transfer, REQUEST_BAD_TRANSFER, "its body has more blocks than can be asked for",
             NULL);
        return;
    case REQUEST_NO_MEMORY:
    case REQUEST_TOO_MANY_PEERS:
        fail(transfer, REQUEST_OUT_OF_MEMORY, NULL, NULL);
        return;
    }
}

static void wait_for_turn(struct transfer *transfer)
{
    struct timers *timers = transfer->layer->options.timers;
    const struct settings *settings = transfer->spec.settings;
    uint64_t wait_us =
        transfer->was_answered
            ? (uint64_t)settings->deadline_ms * 1000
            : request_times_left_us(transfer->spec.times, settings, timers_now_us(timers));

    transfer->phase = TRANSFER_WAITING;
    turn_tag(transfer);
    if (transfer->has_deadline && wait_us > transfer_left_us(transfer))
        wait_us = transfer_left_us(transfer);
    /* That of the whole comes back with the next message. */
    transfer->has_deadline = false;
    timers_arm(timers, &transfer->deadline, wait_us);
}

/* To a peer that is silent the message layer sends only as fast as PROBING_RATE allows (RFC 7252
 * 4.7): a block would have to wait for a quarter of an hour. Any answer, to an empty message too,
 * lets it go at once. */
static void ask_for_life(struct transfer *transfer)
{
    struct blockwise *layer = transfer->layer;

    if (!request_is_waiting(layer->options.requests, transfer->request_id))
        return;
    request_layer_ping(layer->options.requests, &transfer->spec.peer);
    timers_arm(layer->options.timers, &transfer->wake, (uint64_t)transfer->ping_delay_s * 1000000);
    transfer->ping_delay_s *= 2;
}

static void wake_fired(void *handle)
{
    struct transfer *transfer = handle;

    if (transfer->request_id != 0) {
        ask_for_life(transfer);
        return;
    }
    if (transfer->bad_first != NULL) {
        fail(transfer, REQUEST_BAD_TRANSFER, transfer->bad_first, NULL);
        return;
    }
    if (transfer->phase == TRANSFER_WAITING)
        transfer->phase = TRANSFER_UPLOAD;
    go_on(transfer);
}

/* Once more, with a new MID. */
static void repeat(struct transfer *transfer, bool is_silent)
{
    transfer->repeats++;
    if (send_next(transfer) != REQUEST_STARTED) {
        fail(transfer, REQUEST_TIMED_OUT, NULL, NULL);
        return;
    }
    transfer->ping_delay_s = PING_DELAY_FIRST_S;
    if (is_silent)
        ask_for_life(transfer);
}

/* --- news of the request layer --- */

static void note_end(struct transfer *transfer, const struct request_report *report)
{
    transfer->request_id = 0;
    timers_disarm(transfer->layer->options.timers, &transfer->wake);
    if (report->transmissions > 0)
        transfer->messages++;
    if (report->transmissions > 1)
        transfer->retransmissions += report->transmissions - 1;
}

static void message_answered(void *handle, const struct rest_message *response,
                             const struct request_report *report)
{
    struct transfer *transfer = handle;
    struct transfer_judgement judgement;

    transfer->request_id = 0;
    transfer->was_answered = true;
    judgement = transfer_judge(transfer, response);
    switch (judgement.verdict) {
    case TRANSFER_NEEDS_TURN:
        note_end(transfer, report);
        /* As a download it was before nobody. */
        turn_leave(transfer);
        if (turn_enter(transfer))
            wait_for_turn(transfer);
        else
            go_on(transfer);
        return;
    case TRANSFER_GOES_ON:
        note_end(transfer, report);
        transfer->repeats = 0;
        go_on(transfer);
        return;
    case TRANSFER_DONE:
    case TRANSFER_COLLECTED:
        succeed(transfer, response, &judgement, report);
        return;
    case TRANSFER_FAILED:
        fail(transfer, REQUEST_BAD_TRANSFER, judgement.detail, report);
        return;
    case TRANSFER_NO_MEMORY:
        fail(transfer, REQUEST_OUT_OF_MEMORY, NULL, report);
        return;
    }
}

static void message_failed(void *handle, enum request_failure failure,
                           const struct request_report *report)
{
    struct transfer *transfer = handle;
    bool is_spent = report->is_spent && !report->was_acknowledged;

    transfer->request_id = 0;
    if (!is_spent || !is_repeatable(transfer)) {
        fail(transfer, failure, NULL, report);
        return;
    }
    note_end(transfer, report);
    repeat(transfer, !report->was_heard);
}

/* A node that has answered a block is there: what was lost comes again. */
static void message_overdue(void *handle, const struct request_report *report)
{
    struct transfer *transfer = handle;
    struct request_report whole = report_of(transfer, report);

    if (transfer->is_overdue || (transfer->has_progress && is_repeatable(transfer)))
        return;
    transfer->is_overdue = true;
    transfer->spec.events->overdue(transfer->spec.handle, &whole);
}

static void message_sent(void *handle)
{
    struct transfer *transfer = handle;

    transfer->request_id = 0;
    withdraw(transfer);
    transfer->spec.events->sent(transfer->spec.handle);
    transfer_free(transfer);
}

static enum request_match message_match(void *handle, const struct rest_message *response,
                                        bool is_in_ack)
{
    (void)is_in_ack;
    return transfer_awaits(handle, response) ? REQUEST_MATCH_ANSWER : REQUEST_MATCH_EARLIER;
}

static const struct request_events message_events = {
    .response = message_answered,
    .failed = message_failed,
    .overdue = message_overdue,
    .sent = message_sent,
    .match = message_match,
};

/* --- the layer --- */

struct blockwise *blockwise_new(const struct blockwise_options *options)
{
    struct blockwise *layer = calloc(1, sizeof *layer);

    if (layer == NULL)
        return NULL;
    layer->options = *options;
    turn_init(layer);
    return layer;
}

void blockwise_free(struct blockwise *layer)
{
    if (layer == NULL)
        return;
    while (layer->transfers != NULL) {
        struct transfer *transfer = layer->transfers;

        withdraw(transfer);
        transfer_free(transfer);
    }
    free(layer);
}

size_t blockwise_count(const struct blockwise *layer)
{
    return HASH_COUNT(layer->transfers);
}

/* Makes the transfer and enters it in the table; NULL when memory is short. */
static struct transfer *make_transfer(struct blockwise *layer, const struct blockwise_spec *spec)
{
    struct transfer *transfer = calloc(1, sizeof *transfer);

    if (transfer == NULL)
        return NULL;
    transfer->layer = layer;
    transfer->id = ++layer->last_id;
    transfer->spec = *spec;
    transfer->started_us = timers_now_us(layer->options.timers);
    if (transfer->spec.times == NULL)
        transfer->spec.times = &transfer->own_times;
    request_times_begin(transfer->spec.times, transfer->started_us);
    transfer->shuns_blocks =
        (capability_of(layer->options.capabilities, &spec->peer) & CAPABILITY_NO_BLOCKS) != 0;
    buffer_init_charged(&transfer->body, spec->maximum_body, layer->options.memory);
    timer_init(&transfer->deadline, deadline_fired, transfer);
    timer_init(&transfer->wake, wake_fired, transfer);
    /* Ids count up: they spread by themselves. */
    HASH_ADD_BYHASHVALUE(hh, layer->transfers, id, sizeof transfer->id, (unsigned)transfer->id,
                         transfer);
    if (transfer->hh.tbl == NULL) {
        free(transfer);
        return NULL;
    }
    memory_account_add(layer->options.memory, sizeof *transfer);
    return transfer;
}

/* The first response is there. When it makes no sense, that is told later. */
static enum request_refusal begin_behind(struct transfer *transfer,
                                         const struct rest_message *first)
{
    struct transfer_judgement judgement = transfer_judge(transfer, first);

    transfer->has_begun = true;
    transfer->was_answered = true;
    switch (judgement.verdict) {
    case TRANSFER_GOES_ON:
    case TRANSFER_NEEDS_TURN:
        return send_next(transfer);
    case TRANSFER_NO_MEMORY:
        return REQUEST_NO_MEMORY;
    case TRANSFER_DONE:
    case TRANSFER_COLLECTED:
        judgement.detail = "its answer has no further blocks";
        break;
    case TRANSFER_FAILED:
        break;
    }
    transfer->bad_first = judgement.detail;
    timers_arm(transfer->layer->options.timers, &transfer->wake, 0);
    return REQUEST_STARTED;
}

/* Sends the first message, or waits for its turn. */
static enum request_refusal begin(struct transfer *transfer)
{
    if (!transfer_plan(transfer))
        return REQUEST_TOO_LONG;
    if (transfer->spec.first != NULL)
        return begin_behind(transfer, transfer->spec.first);
    if (transfer->phase == TRANSFER_UPLOAD) {
        if (turn_enter(transfer)) {
            if (turn_is_full(transfer))
                return REQUEST_QUEUE_FULL;
            wait_for_turn(transfer);
            return REQUEST_STARTED;
        }
    } else if (transfer_is_safe(transfer) && turn_is_matchable(transfer)) {
        turn_tag(transfer);
    }
    return send_next(transfer);
}

enum request_refusal blockwise_start(struct blockwise *layer, const struct blockwise_spec *spec,
                                     uint64_t *id)
{
    struct transfer *transfer = make_transfer(layer, spec);
    enum request_refusal refusal;

    *id = 0;
    if (transfer == NULL)
        return REQUEST_NO_MEMORY;
    refusal = begin(transfer);
    if (refusal != REQUEST_STARTED) {
        withdraw(transfer);
        transfer_free(transfer);
        return refusal;
    }
    transfer->has_begun = true;
    transfer->spec.first = NULL;
    *id = transfer->id;
    return REQUEST_STARTED;
}

static struct transfer *find_transfer(const struct blockwise *layer, uint64_t id)
{
    struct transfer *transfer;

    HASH_FIND_BYHASHVALUE(hh, layer->transfers, &id, sizeof id, (unsigned)id, transfer);
    return transfer;
}

bool blockwise_is_in_blocks(const struct blockwise *layer, uint64_t id)
{
    const struct transfer *transfer = find_transfer(layer, id);

    return transfer != NULL && transfer->has_deadline;
}

void blockwise_cancel(struct blockwise *layer, uint64_t id)
{
    struct transfer *transfer = find_transfer(layer, id);

    if (transfer == NULL)
        return;
    withdraw(transfer);
    transfer_free(transfer);
}
