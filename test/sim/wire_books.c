/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire_books.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"
#include "relation_watch.h"
#include "settings.h"

/*
 * wire_books: keeps books of the interactions with a node, from RFC 7252 4 and not from the
 * gateway's state: which are under way, which retransmissions are due, when an end must have come.
 *
 * What ends inside the gateway, without a datagram (all transmissions spent), is judged by time:
 * where the books cannot know to the microsecond, an interaction counts neither for sure as holding
 * a slot nor for sure as not.
 */

uint64_t wire_digest(const uint8_t *bytes, size_t length)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    return digest;
}

const struct settings *wire_settings(const struct place *place)
{
    return &place->world->scenario.settings;
}

uint64_t wire_longest_timeout_us(const struct settings *settings)
{
    return (uint64_t)settings->ack_timeout_ms * settings->ack_random_percent * 10;
}

uint64_t wire_backoff(unsigned count)
{
    return (UINT64_C(1) << count) - 1;
}

/* --- interactions --- */

static uint64_t deadline_us(const struct place *place)
{
    return (uint64_t)wire_settings(place)->deadline_ms * MS;
}

/* The earliest resp. latest time at which the gateway may give the interaction up by itself. */
static uint64_t end_us(const struct place *place, const struct wire_record *record, bool earliest)
{
    const struct settings *settings = wire_settings(place);
    uint64_t slack_us = world_slack_us(place->world) << (settings->max_retransmit + 1);

    if (!record->is_con) {
        /* The time in the queue counts. */
        uint64_t from_us = record->asking != NULL ? record->asking->began_us : record->first_us;
        if (earliest)
            return record->asking != NULL ? from_us + deadline_us(place) : record->first_us;
        return record->first_us + deadline_us(place) + slack_us;
    }
    if (earliest) {
        uint64_t timeout_us =
            record->timeout_us != 0 ? record->timeout_us : (uint64_t)settings->ack_timeout_ms * MS;
        return record->first_us + timeout_us * wire_backoff(settings->max_retransmit + 1) -
               slack_us;
    }
    uint64_t timeout_us =
        record->timeout_us != 0 ? record->timeout_us : wire_longest_timeout_us(settings);
    return record->first_us + timeout_us * wire_backoff(settings->max_retransmit + 1) + slack_us;
}

unsigned wire_watch_slots(struct place *place, bool for_sure)
{
    struct wire_record *record;
    unsigned count = 0;

    TAILQ_FOREACH(record, &place->live, link)
    {
        uint64_t until_us = end_us(place, record, for_sure);
        if (record->state == WIRE_OPEN && place->world->now_us + (for_sure ? 1 : 0) <= until_us &&
            !(for_sure && record->is_doubtful))
            count++;
    }
    return count;
}

void wire_judge_nothing_left_out(struct place *place, const struct wire_record *record)
{
    const struct settings *settings = wire_settings(place);
    uint64_t elapsed_us = place->world->now_us - record->first_us;
    uint64_t slack_us = world_slack_us(place->world) << (settings->max_retransmit + 1);
    uint64_t due_us;

    if (!record->is_con || record->is_doubtful || record->transmissions > settings->max_retransmit)
        return;
    due_us = record->transmissions == 1 ? wire_longest_timeout_us(settings)
                                        : record->timeout_us * wire_backoff(record->transmissions);
    judge_that(place->world->judge, INVARIANT_RETRANSMIT_MADE, elapsed_us <= due_us + slack_us,
               "node %u MID %u: %u transmissions after %.3f s", place->index, record->mid,
               record->transmissions, (double)elapsed_us / S);
}

void wire_close(struct place *place, struct wire_record *record)
{
    if (record->state == WIRE_OPEN)
        wire_judge_nothing_left_out(place, record);
    TAILQ_REMOVE(&place->live, record, link);
    record->state = WIRE_CLOSED;
}

/* The earliest resp. latest time at which the gateway stops waiting for a response. */
uint64_t wire_gone_us(const struct place *place, const struct wire_record *record, bool earliest)
{
    const struct settings *settings = wire_settings(place);
    uint64_t slack_us = earliest ? 0 : world_slack_us(place->world);

    if (record->state == WIRE_ACKED)
        return record->acked_us + (uint64_t)settings->acked_deadline_ms * MS + slack_us;
    uint64_t gone = end_us(place, record, earliest);
    if (record->is_con)
        return gone;
    /* A NON is answered late as long as a CON is. */
    uint64_t wait_us =
        record->first_us +
        wire_longest_timeout_us(settings) * wire_backoff(settings->max_retransmit + 1) + slack_us;
    return gone > wait_us ? gone : wait_us;
}

void wire_drop_spent(struct place *place)
{
    struct wire_record *record, *next;

    for (record = TAILQ_FIRST(&place->live); record != NULL; record = next) {
        next = TAILQ_NEXT(record, link);
        if (place->world->now_us <= wire_gone_us(place, record, false))
            continue;
        wire_close(place, record);
        place->node->failed_us = place->world->now_us;
        relation_watch_failed(place, record);
        if (place->is_silent || record->first_us < place->answered_us)
            continue;
        place->is_silent = true;
        place->silent_bytes = 0;
    }
}

bool wire_watch_is_lively(const struct place *place)
{
    const struct settings *settings = wire_settings(place);
    uint64_t soonest_us =
        (uint64_t)settings->ack_timeout_ms * MS * wire_backoff(settings->max_retransmit + 1);

    /* The time that a NON waited in the queue counts: nobody knows how soon it is given up. */
    if (settings->is_non_confirmable)
        return false;
    if ((uint64_t)settings->acked_deadline_ms * MS < soonest_us)
        soonest_us = (uint64_t)settings->acked_deadline_ms * MS;
    return place->world->now_us - place->answered_us < soonest_us;
}

bool wire_watch_is_idle(struct place *place)
{
    wire_drop_spent(place);
    return TAILQ_EMPTY(&place->live);
}

bool wire_watch_is_unheard(const struct place *place)
{
    const struct settings *settings = wire_settings(place);

    return place->world->now_us - place->heard_us >=
           (uint64_t)settings->ack_timeout_ms * MS * wire_backoff(settings->max_retransmit + 1);
}

/* The one that brings the value with which the body begins. */
static struct asking *find_by_body(struct world *world, const struct wire_message *message)
{
    unsigned node, resource, value;
    char head[48];

    if (!wire_is_request(message) || wire_block_offset(message, WIRE_BLOCK1) > 0)
        return NULL;
    (void)snprintf(head, sizeof head, "%.*s", (int)message->payload_length,
                   message->payload_length > 0 ? (const char *)message->payload : "");
    if (sscanf(head, "n%u.r%u.v%u|", &node, &resource, &value) != 3)
        return NULL;
    return clients_find_owner(world, value);
}

/* The request of a client that the query names, or the beginning of the body. */
struct asking *wire_find_asking(struct world *world, const struct wire_message *message)
{
    for (size_t i = 0; i < message->option_count; i++) {
        const struct wire_option *option = &message->options[i];
        uint32_t number = 0;
        if (option->number != WIRE_URI_QUERY || option->length < 3 || option->value[0] != 'q' ||
            option->value[2] < '0' || option->value[2] > '9')
            continue;
        for (size_t j = 2; j < option->length; j++)
            number = number * 10 + (uint32_t)(option->value[j] - '0');
        return clients_find(world, number);
    }
    return find_by_body(world, message);
}

bool wire_is_same_key(const struct wire_wish *a, const struct wire_wish *b)
{
    return a->code == b->code && a->accept == b->accept && a->has_host == b->has_host &&
           strcmp(a->mark, b->mark) == 0;
}

bool wire_has_token(const struct wire_record *record, const struct wire_message *message)
{
    return record->token_length == message->token_length &&
           memcmp(record->token, message->token, message->token_length) == 0;
}

int64_t wire_block_offset(const struct wire_message *message, uint16_t number)
{
    uint32_t value = wire_uint(message, number, 0);

    return wire_find(message, number) == NULL ? -1 : (int64_t)(value >> 4) * (16 << (value & 7));
}

struct wire_record *wire_find_live(struct place *place, const struct wire_message *message)
{
    struct wire_record *record;

    TAILQ_FOREACH(record, &place->live, link)
    {
        if (wire_has_token(record, message))
            return record;
    }
    return NULL;
}

void wire_tell(const struct place *place, const char *arrow, const uint8_t *bytes, size_t length)
{
    static const char *const types[] = {"CON", "NON", "ACK", "RST"};
    struct world *world = place->world;
    struct wire_message message;

    judge_note_number(world->judge, world->now_us);
    judge_note_number(world->judge, place->index);
    judge_note(world->judge, bytes, length);
    if (!world->judge->is_tracing)
        return;
    enum wire_result result = wire_parse(&message, bytes, length);
    const struct asking *asking = wire_find_asking(world, &message);
    char options[64] = "";
    size_t used = 0;
    if (wire_find(&message, WIRE_OBSERVE) != NULL)
        used += (size_t)snprintf(options, sizeof options, ", observe %u",
                                 wire_uint(&message, WIRE_OBSERVE, 0));
    if (wire_find(&message, WIRE_BLOCK2) != NULL)
        used += (size_t)snprintf(options + used, sizeof options - used, ", block2 %u",
                                 wire_uint(&message, WIRE_BLOCK2, 0) >> 4);
    if (wire_find(&message, WIRE_MAX_AGE) != NULL)
        (void)snprintf(options + used, sizeof options - used, ", max-age %u",
                       wire_uint(&message, WIRE_MAX_AGE, 0));
    judge_tell(world->judge, "node %u %s %s %u.%02u MID %u token %02x%02x.. %zu bytes%s%s%s %.0u",
               place->index, arrow, result == WIRE_IGNORED ? "?" : types[message.type],
               message.code >> 5, message.code & 31u, message.mid,
               message.token_length > 0 ? message.token[0] : 0,
               message.token_length > 1 ? message.token[1] : 0, length,
               result == WIRE_FINE ? "" : ", malformed", options, asking != NULL ? ", request" : "",
               asking != NULL ? asking->tag : 0);
}

/* --- */

void wire_watch_audit(struct place *place)
{
    struct wire_record *record;

    wire_drop_spent(place);
    TAILQ_FOREACH(record, &place->live, link)
    {
        if (record->state == WIRE_OPEN)
            wire_judge_nothing_left_out(place, record);
    }
}

void wire_watch_clear(struct place *place)
{
    mid_map_clear(&place->sent, memory_return);
    mid_map_clear(&place->came, memory_return);
}
