/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <errno.h>
#include <string.h>

#include "memory.h"
#include "settings.h"
#include "wire_message.h"

/*
 * wire_watch: sees every datagram that leaves or reaches the gateway and keeps books of its own
 * about them, from RFC 7252 4 and not from the gateway's state: which interactions are under way,
 * which retransmissions are due, which copy of which message was answered how.
 *
 * What ends inside the gateway, without a datagram (all transmissions spent), is judged by time:
 * where the books cannot know to the microsecond, an interaction counts neither for sure as holding
 * a slot nor for sure as not.
 */

enum {
    MS = 1000,
    S = 1000000,
    EXCHANGE_LIFETIME_S = 247,
    MESSAGE_SIZE_MAX = 1152,
    /* Copies of a CON behind so many others may have been forgotten (duplicate_filter.h). */
    REMEMBERED_MAX = 1000,
};

enum wire_state { WIRE_OPEN, WIRE_ACKED, WIRE_CLOSED };

struct wire_record {
    TAILQ_ENTRY(wire_record) link; /* of the place's live ones: OPEN or ACKED */
    enum wire_state state;
    uint16_t mid;
    uint8_t token[8];
    uint8_t token_length;
    bool is_con;
    bool is_doubtful; /* the ACK came when the gateway may have given up already */
    uint64_t digest;
    uint64_t first_us;
    unsigned transmissions;
    uint64_t timeout_us; /* the first one; 0: not known yet */
    uint64_t acked_us;
    struct asking *asking;
};

struct wire_seen {
    uint64_t came_us;
    uint8_t token[8];
    uint8_t token_length;
    int replied;
    uint64_t order;
};

static uint64_t digest_of(const uint8_t *bytes, size_t length)
{
    uint64_t digest = UINT64_C(0xcbf29ce484222325);

    for (size_t i = 0; i < length; i++)
        digest = (digest ^ bytes[i]) * UINT64_C(0x100000001b3);
    return digest;
}

static const struct settings *settings_of(const struct place *place)
{
    return &place->world->scenario.settings;
}

static uint64_t longest_timeout_us(const struct settings *settings)
{
    return (uint64_t)settings->ack_timeout_ms * settings->ack_random_percent * 10;
}

static uint64_t backoff(unsigned count)
{
    return (UINT64_C(1) << count) - 1;
}

/* --- interactions --- */

static uint64_t deadline_us(const struct place *place)
{
    return (uint64_t)settings_of(place)->deadline_ms * MS;
}

/* The earliest resp. latest time at which the gateway may give the interaction up by itself. */
static uint64_t end_us(const struct place *place, const struct wire_record *record, bool earliest)
{
    const struct settings *settings = settings_of(place);
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
        return record->first_us + timeout_us * backoff(settings->max_retransmit + 1) - slack_us;
    }
    uint64_t timeout_us =
        record->timeout_us != 0 ? record->timeout_us : longest_timeout_us(settings);
    return record->first_us + timeout_us * backoff(settings->max_retransmit + 1) + slack_us;
}

unsigned wire_watch_slots(struct place *place, bool for_sure)
{
    struct wire_record *record;
    unsigned count = 0;

    TAILQ_FOREACH(record, &place->live, link)
    {
        uint64_t until_us = end_us(place, record, for_sure);
        if (record->state == WIRE_OPEN && place->world->now_us + (for_sure ? 1 : 0) <= until_us)
            count++;
    }
    return count;
}

static void judge_nothing_left_out(struct place *place, const struct wire_record *record)
{
    const struct settings *settings = settings_of(place);
    uint64_t elapsed_us = place->world->now_us - record->first_us;
    uint64_t slack_us = world_slack_us(place->world) << (settings->max_retransmit + 1);
    uint64_t due_us;

    if (!record->is_con || record->transmissions > settings->max_retransmit)
        return;
    due_us = record->transmissions == 1 ? longest_timeout_us(settings)
                                        : record->timeout_us * backoff(record->transmissions);
    judge_that(place->world->judge, INVARIANT_RETRANSMIT_MADE, elapsed_us <= due_us + slack_us,
               "node %u MID %u: %u transmissions after %.3f s", place->index, record->mid,
               record->transmissions, (double)elapsed_us / S);
}

static void close_record(struct place *place, struct wire_record *record)
{
    if (record->state == WIRE_OPEN)
        judge_nothing_left_out(place, record);
    TAILQ_REMOVE(&place->live, record, link);
    record->state = WIRE_CLOSED;
}

/* The earliest resp. latest time at which the gateway stops waiting for a response. */
static uint64_t gone_us(const struct place *place, const struct wire_record *record, bool earliest)
{
    const struct settings *settings = settings_of(place);
    uint64_t slack_us = earliest ? 0 : world_slack_us(place->world);

    if (record->state == WIRE_ACKED)
        return record->acked_us + (uint64_t)settings->acked_deadline_ms * MS + slack_us;
    uint64_t gone = end_us(place, record, earliest);
    if (record->is_con)
        return gone;
    /* A NON is answered late as long as a CON is. */
    uint64_t wait_us = record->first_us +
                       longest_timeout_us(settings) * backoff(settings->max_retransmit + 1) +
                       slack_us;
    return gone > wait_us ? gone : wait_us;
}

static void drop_spent(struct place *place)
{
    struct wire_record *record, *next;

    for (record = TAILQ_FIRST(&place->live); record != NULL; record = next) {
        next = TAILQ_NEXT(record, link);
        if (place->world->now_us <= gone_us(place, record, false))
            continue;
        close_record(place, record);
        if (place->is_silent || record->first_us < place->answered_us)
            continue;
        place->is_silent = true;
        place->silent_bytes = 0;
    }
}

bool wire_watch_is_lively(const struct place *place)
{
    const struct settings *settings = settings_of(place);
    uint64_t soonest_us =
        (uint64_t)settings->ack_timeout_ms * MS * backoff(settings->max_retransmit + 1);

    /* The time that a NON waited in the queue counts: nobody knows how soon it is given up. */
    if (settings->is_non_confirmable)
        return false;
    if ((uint64_t)settings->acked_deadline_ms * MS < soonest_us)
        soonest_us = (uint64_t)settings->acked_deadline_ms * MS;
    return place->world->now_us - place->answered_us < soonest_us;
}

bool wire_watch_is_unheard(const struct place *place)
{
    const struct settings *settings = settings_of(place);

    return place->world->now_us - place->heard_us >=
           (uint64_t)settings->ack_timeout_ms * MS * backoff(settings->max_retransmit + 1);
}

static void sent_ping(struct place *place)
{
    struct world *world = place->world;

    judge_that(world->judge, INVARIANT_PINGS_RARE,
               wire_watch_is_unheard(place) &&
                   (place->pinged_us == 0 || world->now_us - place->pinged_us >= 5 * (uint64_t)S),
               "node %u: a ping %.3f s after a sign of life", place->index,
               (double)(world->now_us - place->heard_us) / S);
    place->pinged_us = world->now_us;
}

/* RFC 7252 4.7; retransmissions do not count. */
static void judge_probing_rate(struct place *place, size_t length)
{
    struct world *world = place->world;
    uint64_t time_us = world->now_us - place->silent_from_us + world_slack_us(world) + MS;

    if (!place->is_silent)
        return;
    place->silent_bytes += length;
    judge_that(world->judge, INVARIANT_PROBING_RATE,
               place->silent_bytes * UINT64_C(1000000000) <=
                   time_us * settings_of(place)->probing_rate_milli,
               "node %u: %llu bytes in %.3f s without an answer", place->index,
               (unsigned long long)place->silent_bytes, (double)time_us / S);
}

/* The request of a client that the query names. */
static struct asking *find_asking(struct world *world, const struct wire_message *message)
{
    for (size_t i = 0; i < message->option_count; i++) {
        const struct wire_option *option = &message->options[i];
        uint32_t number = 0;
        if (option->number != WIRE_URI_QUERY || option->length < 3 || option->value[0] != 'q')
            continue;
        for (size_t j = 2; j < option->length; j++)
            number = number * 10 + (uint32_t)(option->value[j] - '0');
        return clients_find(world, number);
    }
    return NULL;
}

static bool has_token(const struct wire_record *record, const struct wire_message *message)
{
    return record->token_length == message->token_length &&
           memcmp(record->token, message->token, message->token_length) == 0;
}

static struct wire_record *find_live(struct place *place, const struct wire_message *message)
{
    struct wire_record *record;

    TAILQ_FOREACH(record, &place->live, link)
    {
        if (has_token(record, message))
            return record;
    }
    return NULL;
}

static void judge_echo(const struct place *place, const struct wire_message *message)
{
    const struct wire_option *echo = wire_find(message, WIRE_ECHO);

    judge_that(place->world->judge, INVARIANT_OWN_ECHO,
               echo == NULL || (echo->length == 8 && echo->value[0] == place->index),
               "node %u: MID %u has the Echo of another node", place->index, message->mid);
}

static void open_record(struct place *place, const struct wire_message *message, uint64_t digest,
                        size_t length)
{
    struct world *world = place->world;
    void **at = mid_map_at(&place->sent, message->mid);
    struct wire_record *record = *at;
    unsigned nstart = settings_of(place)->nstart;

    place->opened++;
    drop_spent(place);
    if (place->silent_from_us == 0)
        place->silent_from_us = world->now_us;
    judge_probing_rate(place, length);
    judge_echo(place, message);
    judge_that(world->judge, INVARIANT_NSTART, wire_watch_slots(place, true) < nstart,
               "node %u: MID %u is sent while %u are unacknowledged", place->index, message->mid,
               wire_watch_slots(place, true));
    judge_that(world->judge, INVARIANT_TOKEN_UNIQUE, find_live(place, message) == NULL,
               "node %u: MID %u has the token of another outstanding request", place->index,
               message->mid);
    if (record == NULL)
        *at = record = memory_take(sizeof *record);
    else if (record->state != WIRE_CLOSED)
        close_record(place, record);
    *record = (struct wire_record){
        .mid = message->mid,
        .token_length = message->token_length,
        .is_con = message->type == WIRE_CON,
        .digest = digest,
        .first_us = world->now_us,
        .transmissions = 1,
        .asking = find_asking(world, message),
    };
    memcpy(record->token, message->token, sizeof record->token);
    TAILQ_INSERT_TAIL(&place->live, record, link);
    if (record->asking != NULL)
        record->asking->transmissions++;
}

static void judge_backoff(struct place *place, struct wire_record *record)
{
    const struct settings *settings = settings_of(place);
    struct judge *judge = place->world->judge;
    uint64_t elapsed_us = place->world->now_us - record->first_us;
    uint64_t slack_us = world_slack_us(place->world) << record->transmissions;

    if (record->transmissions == 1) {
        record->timeout_us = elapsed_us;
        judge_that(judge, INVARIANT_RETRANSMIT_BACKOFF,
                   elapsed_us >= (uint64_t)settings->ack_timeout_ms * MS &&
                       elapsed_us <= longest_timeout_us(settings) + slack_us,
                   "node %u MID %u: the first timeout is %.3f s", place->index, record->mid,
                   (double)elapsed_us / S);
        return;
    }
    uint64_t due_us = record->timeout_us * backoff(record->transmissions);
    judge_that(judge, INVARIANT_RETRANSMIT_BACKOFF,
               elapsed_us + slack_us >= due_us && elapsed_us <= due_us + slack_us,
               "node %u MID %u: retransmission %u after %.3f s in place of %.3f s", place->index,
               record->mid, record->transmissions, (double)elapsed_us / S, (double)due_us / S);
}

static void sent_again(struct place *place, struct wire_record *record)
{
    struct world *world = place->world;
    const struct settings *settings = settings_of(place);

    judge_that(world->judge, INVARIANT_SILENT_AFTER_END, record->state == WIRE_OPEN,
               "node %u: MID %u is sent again after its end", place->index, record->mid);
    judge_that(world->judge, INVARIANT_RETRANSMIT_SAME,
               record->is_con && record->transmissions <= settings->max_retransmit,
               "node %u: MID %u is sent the %u. time", place->index, record->mid,
               record->transmissions + 1);
    judge_backoff(place, record);
    record->transmissions++;
    world->totals->retransmissions++;
    if (record->asking != NULL)
        record->asking->transmissions++;
}

static void sent_request(struct place *place, const struct wire_message *message,
                         const uint8_t *bytes, size_t length)
{
    struct world *world = place->world;
    struct wire_record *record = *mid_map_at(&place->sent, message->mid);
    uint64_t digest = digest_of(bytes, length);
    bool is_recent =
        record != NULL && world->now_us < record->first_us + EXCHANGE_LIFETIME_S * (uint64_t)S;

    if (is_recent && record->digest == digest) {
        sent_again(place, record);
        return;
    }
    judge_that(world->judge, INVARIANT_MID_ONCE, !is_recent,
               "node %u: MID %u is used again after %.3f s", place->index, message->mid,
               is_recent ? (double)(world->now_us - record->first_us) / S : 0);
    open_record(place, message, digest, length);
}

static void sent_reply(struct place *place, const struct wire_message *message)
{
    struct wire_watch *watch = &place->world->watch;
    bool is_asked = watch->from == place && watch->may_reply && watch->mid == message->mid &&
                    watch->replied < 0 && (message->type == WIRE_RST || watch->must_reply);

    judge_that(place->world->judge, INVARIANT_REPLY_ASKED, is_asked,
               "node %u: %s of MID %u for no reason", place->index,
               message->type == WIRE_RST ? "RST" : "ACK", message->mid);
    watch->replied = (int)message->type;
}

static void tell(const struct place *place, const char *arrow, const uint8_t *bytes, size_t length)
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
    const struct asking *asking = find_asking(world, &message);
    judge_tell(world->judge, "node %u %s %s %u.%02u MID %u token %02x%02x.. %zu bytes%s%s %.0u",
               place->index, arrow, result == WIRE_IGNORED ? "?" : types[message.type],
               message.code >> 5, message.code & 31u, message.mid,
               message.token_length > 0 ? message.token[0] : 0,
               message.token_length > 1 ? message.token[1] : 0, length,
               result == WIRE_FINE ? "" : ", malformed", asking != NULL ? ", request" : "",
               asking != NULL ? asking->tag : 0);
}

void wire_watch_sent(struct place *place, const uint8_t *bytes, size_t length)
{
    struct judge *judge = place->world->judge;
    struct wire_message message;
    bool is_fine = wire_parse(&message, bytes, length) == WIRE_FINE;

    tell(place, "->", bytes, length);
    judge_that(judge, INVARIANT_WELL_FORMED,
               is_fine && length <= MESSAGE_SIZE_MAX && !wire_is_response(&message),
               "node %u: %zu bytes with code %u are sent", place->index, length, message.code);
    if (!is_fine)
        return;
    if (message.type == WIRE_ACK || message.type == WIRE_RST)
        sent_reply(place, &message);
    else if (message.code != 0)
        sent_request(place, &message, bytes, length);
    else
        sent_ping(place);
}

/* Our own system took the datagram not at all: the interaction ends by itself, soon. */
void wire_watch_refused(struct place *place, const uint8_t *bytes, size_t length)
{
    struct wire_message message;

    if (wire_parse(&message, bytes, length) != WIRE_FINE)
        return;
    if (message.type == WIRE_ACK || message.type == WIRE_RST) {
        sent_reply(place, &message);
        return;
    }
    struct asking *asking = find_asking(place->world, &message);
    struct wire_record *record = *mid_map_at(&place->sent, message.mid);
    if (asking != NULL)
        asking->was_unreachable = true;
    if (record != NULL && record->state != WIRE_CLOSED &&
        record->digest == digest_of(bytes, length))
        close_record(place, record);
    judge_tell(place->world->judge, "node %u: no route", place->index);
}

/* --- what reaches the gateway --- */

static void came_empty(struct place *place, const struct wire_message *message)
{
    struct wire_record *record = *mid_map_at(&place->sent, message->mid);
    struct asking *asking = record != NULL ? record->asking : NULL;

    if (record == NULL || record->state != WIRE_OPEN)
        return;
    if (message->type == WIRE_RST) {
        if (asking != NULL)
            asking->was_reset = true;
        close_record(place, record);
    } else if (record->is_con) {
        judge_nothing_left_out(place, record);
        record->is_doubtful = place->world->now_us >= gone_us(place, record, true);
        record->state = WIRE_ACKED;
        record->acked_us = place->world->now_us;
        if (asking != NULL)
            asking->acked_us = place->world->now_us;
    }
}

/* What the reply to a CON response must be; for one that comes when the gateway may or may not have
 * given up, either is right. */
static void expect_reply(struct place *place, const struct wire_message *message, bool is_welcome,
                         bool is_doubtful)
{
    struct wire_watch *watch = &place->world->watch;
    struct wire_seen *seen = *mid_map_at(&place->came, message->mid);
    bool is_copy = seen != NULL && seen->token_length == message->token_length &&
                   memcmp(seen->token, message->token, seen->token_length) == 0 &&
                   place->world->now_us < seen->came_us + EXCHANGE_LIFETIME_S * (uint64_t)S;

    if (is_copy && place->world->totals->came - seen->order > REMEMBERED_MAX)
        return;
    if (is_copy || !is_doubtful) {
        watch->must_ack = is_copy ? seen->replied == WIRE_ACK : is_welcome;
        watch->must_reset = !watch->must_ack;
    }
    if (is_copy)
        return;
    if (seen == NULL)
        *mid_map_at(&place->came, message->mid) = seen = memory_take(sizeof *seen);
    *seen = (struct wire_seen){
        .came_us = place->world->now_us,
        .token_length = message->token_length,
        .order = place->world->totals->came,
    };
    memcpy(seen->token, message->token, sizeof seen->token);
    watch->seen = seen;
}

static void came_response(struct place *place, const struct wire_message *message)
{
    struct wire_record *record = find_live(place, message);
    bool is_welcome = record != NULL && (message->type != WIRE_ACK || record->mid == message->mid);
    bool is_doubtful = record != NULL && (record->is_doubtful ||
                                          place->world->now_us >= gone_us(place, record, true));

    if (message->type == WIRE_CON)
        expect_reply(place, message, is_welcome, is_doubtful);
    if (is_welcome)
        close_record(place, record);
}

void wire_watch_comes(struct place *place, const uint8_t *bytes, size_t length)
{
    struct wire_watch *watch = &place->world->watch;
    struct wire_message message;
    enum wire_result result = wire_parse(&message, bytes, length);

    tell(place, "<-", bytes, length);
    drop_spent(place);
    place->heard_us = place->world->now_us;
    *watch = (struct wire_watch){
        .from = place,
        .mid = message.mid,
        .may_reply =
            result != WIRE_IGNORED && (message.type == WIRE_CON || message.type == WIRE_NON),
        .must_reply = result != WIRE_IGNORED && message.type == WIRE_CON,
        .replied = -1,
    };
    /* An empty ACK promises an answer and is none; anything else shows that somebody is there. */
    if (result != WIRE_FINE || message.code != 0 || message.type != WIRE_ACK) {
        place->answered_us = place->world->now_us;
        place->is_silent = false;
        place->silent_from_us = 0;
    }
    if (result != WIRE_FINE)
        watch->must_reset = watch->must_reply;
    else if (message.code == 0 && message.type != WIRE_CON)
        came_empty(place, &message);
    else if (wire_is_response(&message))
        came_response(place, &message);
    else
        watch->must_reset = watch->must_reply;
}

void wire_watch_came(struct place *place)
{
    struct world *world = place->world;
    struct wire_watch *watch = &world->watch;
    bool is_right = watch->replied == WIRE_ACK   ? !watch->must_reset
                    : watch->replied == WIRE_RST ? !watch->must_ack
                                                 : !watch->must_reply;

    if (watch->must_reply && world->scenario.memory_per_million == 0)
        judge_that(world->judge, INVARIANT_CON_REPLIED, is_right,
                   "node %u: CON MID %u got reply %d, expected %s", place->index, watch->mid,
                   watch->replied, watch->must_ack ? "ACK" : "RST");
    if (watch->seen != NULL)
        watch->seen->replied = watch->replied;
    watch->from = NULL;
}

void wire_watch_returns(struct place *place, const uint8_t *bytes, size_t length, int error)
{
    struct wire_message message;
    bool names_failure = error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;

    judge_note_number(place->world->judge, (uint64_t)error);
    judge_note(place->world->judge, bytes, length);
    drop_spent(place);
    if (!names_failure || wire_parse(&message, bytes, length) == WIRE_IGNORED || length < 12)
        return;
    memcpy(message.token, bytes + 4, 8);
    message.token_length = bytes[0] & 15;
    struct wire_record *record = *mid_map_at(&place->sent, message.mid);
    if (record == NULL || record->state != WIRE_OPEN || !has_token(record, &message))
        return;
    if (record->asking != NULL)
        record->asking->was_unreachable = true;
    close_record(place, record);
}

/* --- */

void wire_watch_audit(struct place *place)
{
    struct wire_record *record;

    drop_spent(place);
    TAILQ_FOREACH(record, &place->live, link)
    {
        if (record->state == WIRE_OPEN)
            judge_nothing_left_out(place, record);
    }
}

void wire_watch_clear(struct place *place)
{
    mid_map_clear(&place->sent, memory_return);
    mid_map_clear(&place->came, memory_return);
}
