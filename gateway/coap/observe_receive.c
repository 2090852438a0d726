/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe_private.h"

#include <stdlib.h>
#include <string.h>

#include "block_option.h"
#include "blockwise.h"
#include "capability.h"
#include "memory_account.h"

/*
 * observe_receive: what comes with the token of a relation: answers to its requests, and
 * notifications. Each is judged by order first (RFC 7641 3.4), then it says how the relation
 * stands, then what is behind its first block is fetched, then it is told.
 *
 * An answer in the acknowledgement of a request was sent behind all that came before the request,
 * whatever its number: a node that began anew counts from the beginning. In a message of its own it
 * cannot be told from a notification, and is judged as one; so is an acknowledgement that comes
 * behind it.
 *
 * Whoever is told may cancel the relation: it is not touched behind an event.
 */

/* --- what a response says --- */

/* RFC 7641 3.2: a success with Observe. */
static bool is_notification(const struct rest_message *response)
{
    return REST_CODE_CLASS(response->code) == 2 &&
           rest_find_option(response, REST_OPTION_OBSERVE) != NULL;
}

static struct freshness_mark mark_of(const struct relation *relation,
                                     const struct rest_message *response)
{
    const struct rest_option *option = rest_find_option(response, REST_OPTION_OBSERVE);
    struct freshness_mark mark = {.at_us = timers_now_us(relation->layer->options.timers)};

    (void)rest_option_uint(option, &mark.number);
    return mark;
}

static bool is_newer(const struct relation *relation, const struct freshness_mark *mark)
{
    return !relation->has_mark || freshness_is_newer(&relation->freshest, mark);
}

/* True when the body is not all there. */
static bool is_beginning(const struct rest_message *response)
{
    const struct rest_option *option = rest_find_option(response, REST_OPTION_BLOCK2);
    struct block block;

    return option != NULL && (!block_read(option, &block) || block.number > 0 || block.more);
}

/* --- telling --- */

static void tell_failed(struct relation *relation, enum request_failure failure,
                        const struct request_report *report)
{
    timers_disarm(relation->layer->options.timers, &relation->refresh);
    relation->events->failed(relation->handle, failure, report);
}

static void note_etag(struct relation *relation, const struct rest_message *response)
{
    const struct rest_option *etag = rest_find_option(response, REST_OPTION_ETAG);

    relation->etag_length = etag == NULL ? 0 : (uint8_t)etag->length;
    if (etag != NULL)
        memcpy(relation->etag, etag->value, etag->length);
}

static bool is_of_hop(uint16_t number)
{
    return number == REST_OPTION_OBSERVE || number == REST_OPTION_BLOCK1 ||
           number == REST_OPTION_BLOCK2;
}

/* What is of this hop alone does not go further. Of an error whose body is not all there only words
 * are kept: half a document is none. */
static void strip(const struct rest_message *response, bool is_partial, struct rest_message *out)
{
    bool has_format = rest_find_option(response, REST_OPTION_CONTENT_FORMAT) != NULL;
    bool has_body = !is_partial || !has_format;

    out->code = response->code;
    out->payload = has_body ? response->payload : NULL;
    out->payload_length = has_body ? response->payload_length : 0;
    out->option_count = 0;
    for (size_t i = 0; i < response->option_count; i++) {
        uint16_t number = response->options[i].number;

        if (!is_of_hop(number) && (has_body || number != REST_OPTION_CONTENT_FORMAT))
            out->options[out->option_count++] = response->options[i];
    }
}

static void tell(struct relation *relation, const struct rest_message *response,
                 const struct request_report *request, bool is_asked_for)
{
    struct rest_message out;
    struct observe_report report = {
        .is_registered = relation->standing == RELATION_REGISTERED,
        .is_asked_for = is_asked_for,
        .request = *request,
    };

    if (REST_CODE_CLASS(response->code) == 2 && response->code != REST_CODE(2, 5) &&
        response->code != REST_CODE(2, 3)) {
        report.request.detail = "its answer to a GET is neither a representation nor an error";
        tell_failed(relation, REQUEST_BAD_RESPONSE, &report.request);
        return;
    }
    report.request.is_partial |= is_beginning(response);
    strip(response, report.request.is_partial, &out);
    if (response->code == REST_CODE(2, 5))
        note_etag(relation, response);
    if (report.is_registered)
        relation_refresh_after(relation, freshness_max_age(response, NULL));
    relation->events->answered(relation->handle, &out, &report);
}

/* --- blocks --- */

static void transfer_answered(void *handle, const struct rest_message *response,
                              const struct request_report *report)
{
    struct relation *relation = handle;
    struct request_report failed = *report;

    relation->transfer_id = 0;
    relation_drop_transfer(relation);
    if (REST_CODE_CLASS(response->code) == 2) {
        tell(relation, response, report, relation->is_transfer_asked_for);
        return;
    }
    failed.detail = "it answered the request for a block with an error";
    tell_failed(relation, REQUEST_BAD_TRANSFER, &failed);
}

static void transfer_failed(void *handle, enum request_failure failure,
                            const struct request_report *report)
{
    struct relation *relation = handle;

    relation->transfer_id = 0;
    relation_drop_transfer(relation);
    tell_failed(relation, failure, report);
}

static void transfer_overdue(void *handle, const struct request_report *report)
{
    struct relation *relation = handle;

    relation->events->overdue(relation->handle, report);
}

static const struct request_events transfer_events = {
    .response = transfer_answered, .failed = transfer_failed, .overdue = transfer_overdue};

/* RFC 7959 2.6: by GETs without Observe, and with another token. */
static enum request_refusal start_transfer(struct relation *relation,
                                           const struct rest_message *first)
{
    const struct observe_options *options = &relation->layer->options;
    struct blockwise_spec spec = {
        .peer = relation->peer,
        .settings = &relation->settings,
        .events = &transfer_events,
        .handle = relation,
        .client = relation->client,
        .is_peer_of_client = relation->is_peer_of_client,
        .maximum_body = relation->maximum_body,
        .first = first,
    };

    relation->requested = malloc(sizeof *relation->requested);
    if (relation->requested == NULL)
        return REQUEST_NO_MEMORY;
    memory_account_add(options->memory, sizeof *relation->requested);
    relation_request(relation, relation->requested);
    spec.message = relation->requested;
    return blockwise_start(options->blockwise, &spec, &relation->transfer_id);
}

static void fetch_rest(struct relation *relation, const struct rest_message *first,
                       const struct request_report *report, bool is_asked_for)
{
    relation->is_transfer_asked_for = is_asked_for;
    switch (start_transfer(relation, first)) {
    case REQUEST_STARTED:
        return;
    case REQUEST_QUEUE_FULL:
    case REQUEST_CLIENT_FULL:
        relation_drop_transfer(relation);
        tell_failed(relation, REQUEST_DISPLACED, report);
        return;
    case REQUEST_TOO_LONG:
        relation_drop_transfer(relation);
        tell_failed(relation, REQUEST_BAD_TRANSFER, report);
        return;
    case REQUEST_NO_MEMORY:
    case REQUEST_TOO_MANY_PEERS:
        relation_drop_transfer(relation);
        tell_failed(relation, REQUEST_OUT_OF_MEMORY, report);
        return;
    }
}

/* --- what is newer than all before --- */

static void note_standing(struct relation *relation, const struct rest_message *response)
{
    relation->has_mark = is_notification(response);
    relation->standing = relation->has_mark ? RELATION_REGISTERED : RELATION_ENDED;
    if (relation->has_mark)
        relation->freshest = mark_of(relation, response);
}

static void take(struct relation *relation, const struct rest_message *response,
                 const struct request_report *report, bool is_asked_for)
{
    note_standing(relation, response);
    timers_disarm(relation->layer->options.timers, &relation->refresh);
    relation_drop_transfer(relation);
    if (response->code == REST_CODE(2, 5) && is_beginning(response))
        fetch_rest(relation, response, report, is_asked_for);
    else
        tell(relation, response, report, is_asked_for);
}

/* --- requests --- */

static enum request_match request_match(void *handle, const struct rest_message *response,
                                        bool is_in_ack)
{
    const struct relation *relation = handle;

    if (is_in_ack || !is_notification(response))
        return REQUEST_MATCH_ANSWER;
    /* A registration that nobody wants any more was successful: what is sent again would only
     * register once more. */
    if (relation->id == 0)
        return relation->errand == RELATION_REGISTRATION ? REQUEST_MATCH_ANSWER
                                                         : REQUEST_MATCH_UNWANTED;
    /* One with the number of the freshest is the same state, told again: nodes that count changes
     * answer a refresh so. */
    struct freshness_mark mark = mark_of(relation, response);
    if (relation->standing != RELATION_REGISTERED || is_newer(relation, &mark) ||
        mark.number == relation->freshest.number)
        return REQUEST_MATCH_ANSWER;
    return REQUEST_MATCH_EARLIER;
}

static enum relation_errand end_errand(struct relation *relation)
{
    enum relation_errand errand = relation->errand;

    relation->errand = RELATION_NO_ERRAND;
    relation->request_id = 0;
    return errand;
}

/* Who kept silent all the time is not told of others that have ended: it is reset when it sends
 * something. The one that is sent already runs on. */
static void drop_farewells(struct observe *layer, const struct endpoint_address *peer)
{
    struct relation *relation, *next;

    for (relation = TAILQ_FIRST(&layer->relations); relation != NULL; relation = next) {
        next = TAILQ_NEXT(relation, link);
        if (relation->id != 0 || !endpoint_address_equal(&relation->peer, peer))
            continue;
        relation_drop_waiting(relation);
        if (relation->request_id == 0)
            relation_free(relation);
    }
}

static void end_cancelled(struct relation *relation, const struct request_report *report)
{
    struct observe *layer = relation->layer;
    struct endpoint_address peer = relation->peer;

    relation_free(relation);
    if (report->is_spent && !report->was_heard)
        drop_farewells(layer, &peer);
}

static void errand_failed(struct relation *relation, enum request_failure failure,
                          const struct request_report *report)
{
    if (relation->id == 0) {
        end_cancelled(relation, report);
        return;
    }
    if (failure == REQUEST_RESET)
        relation->standing = RELATION_ABSENT;
    else if (report->transmissions > 0)
        relation->standing = RELATION_UNCERTAIN;
    tell_failed(relation, failure, report);
}

/* Once with the proof of freshness that the peer asks for (RFC 9175 2.3), once without the Block2
 * option that it may not know (RFC 8075 8.3). False when the answer stands. */
static bool is_repeated(struct relation *relation, enum relation_errand errand,
                        const struct rest_message *response, const struct request_report *report)
{
    const struct rest_option *echo = rest_find_option(response, REST_OPTION_ECHO);
    bool was_challenged =
        response->code == REST_CODE(4, 1) && echo != NULL && !relation->has_echoed;
    bool was_refused = response->code == REST_CODE(4, 2) && relation_has_wish(relation);
    bool is_wanted = relation->id != 0 || errand == RELATION_DEREGISTRATION;

    if (!is_wanted || (!was_challenged && !was_refused))
        return false;
    if (was_refused)
        relation->shuns_blocks = relation->is_second_try = true;
    if (relation_send(relation, errand, was_challenged ? echo : NULL) != REQUEST_STARTED)
        errand_failed(relation, REQUEST_OUT_OF_MEMORY, report);
    return true;
}

static void learn_of_second_try(struct relation *relation, const struct rest_message *response)
{
    if (relation->is_second_try && REST_CODE_CLASS(response->code) == 2)
        capability_learn(relation->layer->options.capabilities, &relation->peer,
                         CAPABILITY_NO_BLOCKS);
    relation->is_second_try = false;
}

static void request_answered(void *handle, const struct rest_message *response,
                             const struct request_report *report)
{
    struct relation *relation = handle;
    enum relation_errand errand = end_errand(relation);

    if (is_repeated(relation, errand, response, report))
        return;
    learn_of_second_try(relation, response);
    if (relation->id != 0)
        take(relation, response, report, true);
    else if (errand == RELATION_REGISTRATION && is_notification(response))
        relation_deregister(relation);
    else
        relation_free(relation);
}

static void request_failed(void *handle, enum request_failure failure,
                           const struct request_report *report)
{
    struct relation *relation = handle;

    (void)end_errand(relation);
    errand_failed(relation, failure, report);
}

static void request_overdue(void *handle, const struct request_report *report)
{
    struct relation *relation = handle;

    if (relation->id != 0)
        relation->events->overdue(relation->handle, report);
}

const struct request_events relation_request_events = {
    .response = request_answered,
    .failed = request_failed,
    .overdue = request_overdue,
    .match = request_match,
};

/* --- notifications --- */

static bool notified(void *handle, const struct rest_message *response)
{
    static const struct request_report none = {.was_heard = true};
    struct relation *relation = handle;

    /* The peer said that there is nothing more to come. */
    if (relation->standing == RELATION_ENDED)
        return false;
    if (is_notification(response)) {
        struct freshness_mark mark = mark_of(relation, response);
        if (!is_newer(relation, &mark))
            return true;
    }
    relation_drop_waiting(relation);
    take(relation, response, &none, false);
    return true;
}

/* The RST takes the relation from the peer's list (RFC 7641 4.5); it is told once, for the peer may
 * not have seen it. */
static void rejected(void *handle, uint16_t bad_option)
{
    struct request_report report = {.was_heard = true, .bad_option = bad_option};
    struct relation *relation = handle;

    if (relation->standing != RELATION_REGISTERED)
        return;
    relation->standing = RELATION_UNCERTAIN;
    relation_drop_waiting(relation);
    relation_drop_transfer(relation);
    tell_failed(relation, REQUEST_BAD_RESPONSE, &report);
}

const struct request_watch_events relation_watch_events = {
    .notified = notified,
    .rejected = rejected,
};
