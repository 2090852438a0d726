/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <errno.h>
#include <string.h>

#include "memory.h"
#include "relation_watch.h"
#include "settings.h"
#include "wire_books.h"

/*
 * wire_arrival: sees every datagram that reaches the gateway: what it ends, and how the gateway has
 * to reply to it: each copy of a CON is acknowledged or reset, as the first was.
 */

enum {
    /* Copies of a CON behind so many others may have been forgotten (duplicate_filter.h). */
    REMEMBERED_MAX = 1000,
};

/* The blocks of a transfer may have one token. True when a success may be for an earlier block. */
static bool may_be_earlier(const struct wire_record *record, const struct wire_message *message)
{
    int64_t took_at = wire_block_offset(message, WIRE_BLOCK1);
    int64_t gives_at = wire_block_offset(message, WIRE_BLOCK2);

    if (message->code >> 5 != 2)
        return false;
    return took_at != record->sends_at ||
           (record->asks_at >= 0 && gives_at >= 0 && gives_at != record->asks_at) ||
           (record->asks_at < 0 && gives_at > 0);
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
        place->node->failed_us = place->world->now_us;
        relation_watch_failed(place, record);
        wire_close(place, record);
    } else if (record->is_con) {
        wire_judge_nothing_left_out(place, record);
        record->is_doubtful |= place->world->now_us >= wire_gone_us(place, record, true);
        record->state = WIRE_ACKED;
        record->acked_us = place->world->now_us;
        if (asking != NULL)
            asking->acked_us = place->world->now_us;
    }
}

/* What the reply to a CON response must be; for one that comes when the gateway may or may not have
 * given up, either is right. True for a copy of one that came before: it has no effect. */
static bool expect_reply(struct place *place, const struct wire_message *message, bool is_welcome,
                         bool is_doubtful)
{
    struct wire_watch *watch = &place->world->watch;
    struct wire_seen *seen = *mid_map_at(&place->came, message->mid);
    bool is_copy = seen != NULL && seen->token_length == message->token_length &&
                   memcmp(seen->token, message->token, seen->token_length) == 0 &&
                   place->world->now_us < seen->came_us + EXCHANGE_LIFETIME_S * (uint64_t)S;

    /* What was refused may be welcome now: the block is asked for again, with the same token; or it
     * is taken for the answer to a deregistration. */
    if (is_copy && seen->replied == WIRE_RST &&
        (place->world->scenario.has_blocks || relation_watch_find(place, message) != NULL))
        is_copy = false;
    if (is_copy && place->world->totals->came - seen->order > REMEMBERED_MAX)
        return true;
    if (is_copy || !is_doubtful) {
        watch->must_ack = is_copy ? seen->replied == WIRE_ACK : is_welcome;
        watch->must_reset = !watch->must_ack;
    }
    if (is_copy)
        return true;
    if (seen == NULL)
        *mid_map_at(&place->came, message->mid) = seen = memory_take(sizeof *seen);
    *seen = (struct wire_seen){
        .came_us = place->world->now_us,
        .token_length = message->token_length,
        .order = place->world->totals->came,
    };
    memcpy(seen->token, message->token, sizeof seen->token);
    watch->seen = seen;
    return false;
}

/* A CON that has its MID and token is taken for a copy of it. */
static void remember_non(struct place *place, const struct wire_message *message)
{
    struct wire_seen *seen = *mid_map_at(&place->came, message->mid);

    if (seen == NULL)
        *mid_map_at(&place->came, message->mid) = seen = memory_take(sizeof *seen);
    *seen = (struct wire_seen){
        .came_us = place->world->now_us,
        .token_length = message->token_length,
        .replied = WIRE_ACK,
        .order = place->world->totals->came,
    };
    memcpy(seen->token, message->token, sizeof seen->token);
}

static bool is_copy_of_non(struct place *place, const struct wire_message *message)
{
    const struct wire_seen *seen = *mid_map_at(&place->came, message->mid);

    return seen != NULL && seen->token_length == message->token_length &&
           memcmp(seen->token, message->token, seen->token_length) == 0 &&
           place->world->now_us < seen->came_us + EXCHANGE_LIFETIME_S * (uint64_t)S;
}

/* Nobody waits any more behind the deadline of a transfer: what comes is reset. */
static bool may_be_cut(const struct place *place, const struct wire_record *record)
{
    const struct scenario *scenario = &place->world->scenario;

    return scenario->cuts_transfers &&
           (record->asking == NULL || place->world->now_us - record->asking->began_us >=
                                          scenario->settings.transfer_deadline_ms * (uint64_t)MS);
}

/* The rest of a notification is wanted by nobody when the next one has come. */
static bool may_be_cancelled(const struct place *place, const struct wire_record *record)
{
    return place->world->scenario.has_blocks && record->asking == NULL && record->wish.code == 1 &&
           record->wish.observe < 0;
}

/* The node says which block of the body it has; 2.31 and the final answer do. */
static void note_confirmed(const struct wire_record *record, const struct wire_message *message)
{
    struct asking *asking = record->asking;

    if (asking != NULL && message->code >> 5 == 2 && wire_find(message, WIRE_BLOCK1) != NULL &&
        (wire_uint(message, WIRE_BLOCK1, 0) >> 4 == asking->block_number ||
         wire_block_offset(message, WIRE_BLOCK1) == asking->block_at))
        asking->is_block_confirmed = true;
}

static void came_response(struct place *place, const struct wire_message *message)
{
    struct wire_record *record = wire_find_live(place, message);
    bool is_welcome = record != NULL && (message->type != WIRE_ACK || record->mid == message->mid);
    bool is_doubtful =
        record != NULL &&
        (record->is_doubtful || may_be_cut(place, record) || may_be_cancelled(place, record) ||
         place->world->now_us >= wire_gone_us(place, record, true));

    const struct wire_record *acked = *mid_map_at(&place->sent, message->mid);
    bool is_forged =
        message->type == WIRE_ACK && (acked == NULL || !wire_has_token(acked, message));
    const struct wire_relation *relation = is_forged ? NULL : relation_watch_find(place, message);
    bool is_told = relation != NULL && relation_watch_is_wanted(relation);
    bool may_be_told = relation != NULL && relation_watch_may_be_wanted(relation);

    if (relation != NULL) {
        is_doubtful |= record != NULL ? !may_be_told || relation->audience->doubtful > 0 ||
                                            relation->audience->is_auto
                                      : is_told != may_be_told;
        is_doubtful &= !is_told;
        is_welcome |= is_told;
    }
    bool is_copy = message->type == WIRE_NON && is_copy_of_non(place, message);
    if (message->type == WIRE_NON && is_welcome)
        remember_non(place, message);
    if (message->type == WIRE_CON)
        is_copy = expect_reply(place, message, is_welcome, is_doubtful);
    bool is_earlier = is_welcome && record != NULL && relation != NULL &&
                      relation_watch_is_earlier(relation, place->world->now_us, record, message);
    /* An acknowledgement behind the answer that ended its request is told as well. */
    if (relation != NULL && !is_copy)
        relation_watch_came(place, is_welcome || message->type != WIRE_ACK ? record : NULL,
                            message);
    is_welcome = record != NULL && (message->type != WIRE_ACK || record->mid == message->mid);
    if (is_welcome) {
        note_confirmed(record, message);
        /* What is no acknowledgement may be a notification as well. */
        if (may_be_told && message->type != WIRE_ACK)
            store_watch_told(place, relation, message);
        else if (record->wish.observe < 0 || may_be_told)
            store_watch_came(place, record, message);
    }
    if (is_earlier || (is_copy && relation != NULL && record != NULL) ||
        (is_welcome && place->world->scenario.has_blocks &&
         (is_copy || may_be_earlier(record, message))))
        record->is_doubtful = true;
    else if (is_welcome)
        wire_close(place, record);
}

void wire_watch_comes(struct place *place, const uint8_t *bytes, size_t length)
{
    struct wire_watch *watch = &place->world->watch;
    struct wire_message message;
    enum wire_result result = wire_parse(&message, bytes, length);

    wire_tell(place, "<-", bytes, length);
    wire_drop_spent(place);
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
    wire_drop_spent(place);
    if (!names_failure || wire_parse(&message, bytes, length) == WIRE_IGNORED || length < 12)
        return;
    memcpy(message.token, bytes + 4, 8);
    message.token_length = bytes[0] & 15;
    struct wire_record *record = *mid_map_at(&place->sent, message.mid);
    if (record == NULL || record->state != WIRE_OPEN || !wire_has_token(record, &message))
        return;
    if (record->asking != NULL)
        record->asking->was_unreachable = true;
    place->node->failed_us = place->world->now_us;
    relation_watch_failed(place, record);
    wire_close(place, record);
}
