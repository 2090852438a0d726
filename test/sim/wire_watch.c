/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <string.h>

#include "memory.h"
#include "relation_watch.h"
#include "settings.h"
#include "wire_books.h"

/*
 * wire_watch: sees every datagram that leaves the gateway: whether it may leave now (NSTART,
 * PROBING_RATE), whether its MID and token are free, whether a retransmission comes in time, and
 * whether an ACK or RST was asked for.
 */

enum { MESSAGE_SIZE_MAX = 1152, RESTARTS_MAX = 3 * 7 };

static void sent_ping(struct place *place)
{
    struct world *world = place->world;

    /* A block that waits in the middle of a transfer asks on its own account. */
    if (!world->scenario.has_blocks)
        judge_that(world->judge, INVARIANT_PINGS_RARE,
                   wire_watch_is_unheard(place) &&
                       (place->pinged_us <= place->heard_us ||
                        world->now_us - place->pinged_us >= 5 * (uint64_t)S),
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
                   time_us * wire_settings(place)->probing_rate_milli,
               "node %u: %llu bytes in %.3f s without an answer", place->index,
               (unsigned long long)place->silent_bytes, (double)time_us / S);
}

static void judge_echo(const struct place *place, const struct wire_message *message)
{
    const struct wire_option *echo = wire_find(message, WIRE_ECHO);

    judge_that(place->world->judge, INVARIANT_OWN_ECHO,
               echo == NULL || (echo->length == 8 && echo->value[0] == place->node->index),
               "node %u: MID %u has the Echo of another node", place->index, message->mid);
}

/* A registration that is under way may be ended, by the same token. */
static bool is_end_of(const struct wire_record *record, const struct wire_message *message)
{
    return record->wish.observe == 0 && wire_uint(message, WIRE_OBSERVE, 0) == 1;
}

/* An earlier block of the transfer that had the token has ended, for the gateway at least. */
static void judge_token(struct place *place, const struct wire_message *message)
{
    struct wire_record *record = wire_find_live(place, message);

    judge_that(place->world->judge, INVARIANT_TOKEN_UNIQUE,
               record == NULL || record->is_doubtful || is_end_of(record, message) ||
                   place->world->now_us >= wire_gone_us(place, record, true),
               "node %u: MID %u has the token of another outstanding request", place->index,
               message->mid);
    if (record != NULL)
        wire_close(place, record);
}

/* Three times because the representation changed, once for 4.08, 4.13 and 4.02 each; and any
 * message is sent three times at most when nothing is heard of it. */
static void judge_restarts(const struct place *place, const struct wire_record *record)
{
    struct asking *asking = record->asking;

    if (asking == NULL || record->sends_at > 0 || record->asks_at > 0)
        return;
    asking->beginnings++;
    judge_that(place->world->judge, INVARIANT_FEW_RESTARTS,
               asking->beginnings <= asking->tries * RESTARTS_MAX, "request %u began %u times",
               asking->tag, asking->beginnings);
}

/* One block may still go out with the deadline behind it, for each attempt: the one that makes a
 * transfer of the request. */
static void judge_transfer_time(const struct place *place, const struct wire_record *record)
{
    const struct world *world = place->world;
    struct asking *asking = record->asking;
    uint64_t end_us;

    if (asking == NULL || (record->sends_at <= 0 && record->asks_at <= 0))
        return;
    end_us = asking->began_us + BODY_WAIT_US + (asking->uses_name ? NAME_SERVICE_WAIT_US : 0) +
             wire_settings(place)->transfer_deadline_ms * (uint64_t)MS + world_slack_us(world);
    if (world->now_us > end_us)
        asking->late_blocks++;
    judge_that(world->judge, INVARIANT_TRANSFER_IN_TIME, asking->late_blocks <= asking->tries,
               "request %u: a block is sent %.3f s after its beginning", asking->tag,
               (double)(world->now_us - asking->began_us) / S);
}

/* RFC 7959 2.5: in order, each when the one before is confirmed; or the same once more. */
static void judge_block(const struct place *place, const struct wire_record *record,
                        const struct wire_message *message)
{
    struct asking *asking = record->asking;
    int64_t at = record->sends_at;

    if (asking == NULL || at < 0)
        return;
    judge_that(place->world->judge, INVARIANT_BLOCKS_IN_TURN,
               at == 0 || at == asking->block_at ||
                   (at == asking->block_end && asking->is_block_confirmed),
               "request %u: the block at %lld follows the one from %lld to %lld%s", asking->tag,
               (long long)at, (long long)asking->block_at, (long long)asking->block_end,
               asking->is_block_confirmed ? "" : ", which is not confirmed");
    if (at != asking->block_at)
        asking->is_block_confirmed = false;
    asking->block_at = at;
    asking->block_end = at + (int64_t)message->payload_length;
    asking->block_number = wire_uint(message, WIRE_BLOCK1, 0) >> 4;
}

static struct wire_wish read_wish(const struct wire_message *message)
{
    const struct wire_option *path = wire_find(message, WIRE_URI_PATH);
    const struct wire_option *query = wire_find(message, WIRE_URI_QUERY);
    struct wire_wish wish = {
        .code = message->code,
        .resource = -1,
        .accept = -1,
        .observe = wire_find(message, WIRE_OBSERVE) == NULL
                       ? -1
                       : (int)wire_uint(message, WIRE_OBSERVE, 99),
        .has_host = wire_find(message, WIRE_URI_HOST) != NULL,
        .has_etag = wire_find(message, WIRE_ETAG) != NULL,
    };

    if (path != NULL && path->length > 1 && path->value[0] == 'r')
        wish.resource = path->length == 2 ? path->value[1] - '0'
                                          : 10 * (path->value[1] - '0') + path->value[2] - '0';
    if (wish.resource >= MODEL_RESOURCES_MAX)
        wish.resource = -1;
    if (wire_find(message, WIRE_ACCEPT) != NULL)
        wish.accept = (int)wire_uint(message, WIRE_ACCEPT, 0);
    if (query != NULL && query->length > 2 && query->length - 2u < sizeof wish.mark)
        memcpy(wish.mark, query->value + 2, query->length - 2u);
    return wish;
}

static void open_record(struct place *place, const struct wire_message *message, uint64_t digest,
                        size_t length)
{
    struct world *world = place->world;
    void **at = mid_map_at(&place->sent, message->mid);
    struct wire_record *record = *at;
    unsigned nstart = wire_settings(place)->nstart;

    place->opened++;
    wire_drop_spent(place);
    if (place->silent_from_us == 0)
        place->silent_from_us = world->now_us;
    judge_probing_rate(place, length);
    judge_echo(place, message);
    judge_that(world->judge, INVARIANT_NSTART, wire_watch_slots(place, true) < nstart,
               "node %u: MID %u is sent while %u are unacknowledged", place->index, message->mid,
               wire_watch_slots(place, true));
    judge_token(place, message);
    if (record == NULL)
        *at = record = memory_take(sizeof *record);
    else if (record->state != WIRE_CLOSED)
        wire_close(place, record);
    *record = (struct wire_record){
        .mid = message->mid,
        .token_length = message->token_length,
        .is_con = message->type == WIRE_CON,
        .digest = digest,
        .first_us = world->now_us,
        .transmissions = 1,
        .asking = wire_find_asking(world, message),
    };
    record->wish = read_wish(message);
    record->sends_at = wire_block_offset(message, WIRE_BLOCK1);
    record->asks_at = wire_block_offset(message, WIRE_BLOCK2);
    judge_restarts(place, record);
    judge_transfer_time(place, record);
    judge_block(place, record, message);
    store_watch_sent(place, record);
    memcpy(record->token, message->token, sizeof record->token);
    relation_watch_sent(place, record, message);
    TAILQ_INSERT_TAIL(&place->live, record, link);
    if (record->asking != NULL)
        record->asking->transmissions++;
}

static void judge_backoff(struct place *place, struct wire_record *record)
{
    const struct settings *settings = wire_settings(place);
    struct judge *judge = place->world->judge;
    uint64_t elapsed_us = place->world->now_us - record->first_us;
    uint64_t slack_us = world_slack_us(place->world) << record->transmissions;

    if (record->transmissions == 1) {
        record->timeout_us = elapsed_us;
        judge_that(judge, INVARIANT_RETRANSMIT_BACKOFF,
                   elapsed_us >= (uint64_t)settings->ack_timeout_ms * MS &&
                       elapsed_us <= wire_longest_timeout_us(settings) + slack_us,
                   "node %u MID %u: the first timeout is %.3f s", place->index, record->mid,
                   (double)elapsed_us / S);
        return;
    }
    uint64_t due_us = record->timeout_us * wire_backoff(record->transmissions);
    judge_that(judge, INVARIANT_RETRANSMIT_BACKOFF,
               elapsed_us + slack_us >= due_us && elapsed_us <= due_us + slack_us,
               "node %u MID %u: retransmission %u after %.3f s in place of %.3f s", place->index,
               record->mid, record->transmissions, (double)elapsed_us / S, (double)due_us / S);
}

static void sent_again(struct place *place, struct wire_record *record)
{
    struct world *world = place->world;
    const struct settings *settings = wire_settings(place);

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
    uint64_t digest = wire_digest(bytes, length);
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

void wire_watch_sent(struct place *place, const uint8_t *bytes, size_t length)
{
    struct judge *judge = place->world->judge;
    struct wire_message message;
    bool is_fine = wire_parse(&message, bytes, length) == WIRE_FINE;

    wire_tell(place, "->", bytes, length);
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
    struct asking *asking = wire_find_asking(place->world, &message);
    struct wire_record *record = *mid_map_at(&place->sent, message.mid);
    if (asking != NULL)
        asking->was_unreachable = true;
    place->node->failed_us = place->world->now_us;
    if (record != NULL && record->state != WIRE_CLOSED &&
        record->digest == wire_digest(bytes, length))
        wire_close(place, record);
    judge_tell(place->world->judge, "node %u: no route", place->index);
}
