/* SPDX-License-Identifier: BSD-2-Clause */
#include "relation_watch.h"

#include <string.h>

#include "memory.h"
#include "message_layer.h"
#include "request_layer.h"
#include "settings.h"

/*
 * relation_watch: see the header. A relation is known by its token from its first registration on.
 * While somebody is subscribed without a break there may be no second token for one resource, asked
 * for in one way, at one address: a node would have two entries and tell everything twice.
 */

enum {
    REFRESH_MIN_S = 5,
    REFRESH_MAX_S = 15,
    DEFAULT_MAX_AGE_S = 60,
    ORDER_S = 128,
    DEREGISTER_S = 5
};

/* --- audiences --- */

struct audience_book *relation_watch_audience(struct world *world, unsigned node,
                                              const struct wire_wish *wish)
{
    struct audience_book *audience;

    TAILQ_FOREACH(audience, &world->audiences, link)
    {
        if (audience->node == node && audience->wish.resource == wish->resource &&
            wire_is_same_key(&audience->wish, wish))
            return audience;
    }
    audience = memory_take(sizeof *audience);
    *audience = (struct audience_book){.node = node,
                                       .wish = *wish,
                                       .is_auto = world->scenario.auto_observe,
                                       .empty_us = world->now_us};
    TAILQ_INSERT_TAIL(&world->audiences, audience, link);
    return audience;
}

void relation_watch_counted(struct audience_book *audience, uint64_t now_us)
{
    if (audience->waiting + audience->listening > 0)
        return;
    audience->generation++;
    audience->empty_us = now_us;
}

/* The node has ended it: who listens is told so, and is subscribed to nothing. */
static void end_audience(struct world *world, struct audience_book *audience)
{
    subscribers_were_ended(world, audience);
    audience->generation++;
    if (audience->waiting == 0)
        audience->empty_us = world->now_us;
}

/* --- relations --- */

struct wire_relation *relation_watch_find(struct place *place, const struct wire_message *message)
{
    struct wire_relation *relation;

    TAILQ_FOREACH(relation, &place->relations, link)
    {
        if (relation->token_length == message->token_length &&
            memcmp(relation->token, message->token, message->token_length) == 0)
            return relation;
    }
    return NULL;
}

static struct wire_relation *add_relation(struct place *place, const struct wire_record *record,
                                          const struct wire_message *message)
{
    struct wire_relation *relation = memory_take(sizeof *relation);

    *relation = (struct wire_relation){
        .token_length = message->token_length,
        .wish = record->wish,
        .audience = relation_watch_audience(place->world, place->node->index, &record->wish),
    };
    relation->generation = relation->audience->generation;
    memcpy(relation->token, message->token, sizeof relation->token);
    TAILQ_INSERT_HEAD(&place->relations, relation, link);
    return relation;
}

/* Of the same resource, asked for in the same way, while somebody has been there all the time. */
static void judge_single(const struct place *place, const struct wire_relation *relation)
{
    const struct wire_relation *other;

    TAILQ_FOREACH(other, &place->relations, link)
    {
        judge_that(place->world->judge, INVARIANT_ONE_REGISTRATION,
                   other == relation || other->has_ended || other->audience != relation->audience ||
                       other->generation != relation->generation ||
                       relation->audience->doubtful > 0 || relation->audience->is_auto ||
                       place->node->moved_us > other->asked_us ||
                       place->world->scenario.memory_per_million > 0,
                   "node %u /r%d: registered with token %02x%02x.., and %02x%02x.. has not ended",
                   place->index, relation->wish.resource, relation->token[0], relation->token[1],
                   other->token[0], other->token[1]);
    }
}

/* The node has another address by now. */
static void end_elsewhere(struct place *place, const struct wire_relation *relation)
{
    struct world *world = place->world;
    struct wire_relation *other;

    for (unsigned i = 0; i < world->place_count; i++) {
        if (&world->places[i] == place || world->places[i].node != place->node)
            continue;
        TAILQ_FOREACH(other, &world->places[i].relations, link)
        other->has_ended |= other->audience == relation->audience;
    }
}

/* RFC 7641 3.3.1: not while what the node told last is fresh. */
static void judge_refresh(const struct place *place, const struct wire_relation *relation)
{
    const struct world *world = place->world;
    uint64_t age_us = world->now_us - relation->news_us;

    if (relation->is_troubled || relation->news_us == 0 || world->scenario.has_blocks ||
        relation->audience->is_auto || place->node->failed_us >= relation->news_us ||
        world->scenario.memory_per_million > 0)
        return;
    uint64_t wait_us = relation->is_registered ? REFRESH_MIN_S * (uint64_t)S : 0;
    uint64_t least_us = relation->max_age_us + wait_us;
    if (!relation->is_registered && least_us < world->scenario.poll_minimum_ms * (uint64_t)MS)
        least_us = world->scenario.poll_minimum_ms * (uint64_t)MS;
    judge_that(world->judge, INVARIANT_REFRESH_RARE, age_us + MS >= least_us,
               "node %u /r%d: asked again %.3f s after news that are good for %.0f s%s",
               place->index, relation->wish.resource, (double)age_us / S,
               (double)relation->max_age_us / S, relation->is_registered ? "" : ", by polling");
}

void relation_watch_sent(struct place *place, const struct wire_record *record,
                         const struct wire_message *message)
{
    struct world *world = place->world;
    struct wire_relation *relation = relation_watch_find(place, message);

    if (record->wish.observe < 0)
        return;
    judge_that(world->judge, INVARIANT_OBSERVE_WANTED,
               (world->scenario.subscribers > 0 || world->scenario.auto_observe) &&
                   record->wish.observe <= 1 && record->wish.mark[0] != 'h' && message->code == 1,
               "node %u /r%d: Observe %d for nobody, code %u, q=%s", place->index,
               record->wish.resource, record->wish.observe, message->code, record->wish.mark);
    if (record->wish.observe == 1) {
        judge_that(world->judge, INVARIANT_OBSERVE_WANTED,
                   relation != NULL && relation->wish.resource == record->wish.resource &&
                       wire_is_same_key(&relation->wish, &record->wish),
                   "node %u /r%d: deregistered what was not registered so", place->index,
                   record->wish.resource);
        if (relation != NULL) {
            relation->was_deregistered = relation->has_ended = true;
            relation->is_registered = false;
        }
        return;
    }
    if (relation == NULL) {
        relation = add_relation(place, record, message);
        end_elsewhere(place, relation);
        judge_single(place, relation);
    } else {
        judge_that(world->judge, INVARIANT_SAME_RELATION,
                   relation->wish.resource == record->wish.resource &&
                       wire_is_same_key(&relation->wish, &record->wish),
                   "node %u: the token of /r%d registers /r%d", place->index,
                   relation->wish.resource, record->wish.resource);
        judge_refresh(place, relation);
    }
    judge_that(world->judge, INVARIANT_OBSERVE_WANTED,
               relation->audience->waiting + relation->audience->listening > 0 ||
                   relation->audience->is_auto ||
                   relation->audience->empty_us + world_slack_us(world) >= world->now_us ||
                   world->scenario.reloads,
               "node %u /r%d: registered, and nobody has listened for %.3f s", place->index,
               relation->wish.resource, (double)(world->now_us - relation->audience->empty_us) / S);
    relation->has_ended = false;
    relation->asked_us = world->now_us;
}

/* RFC 7641 3.4 */
static bool is_newer(const struct wire_relation *relation, uint32_t number, uint64_t now_us)
{
    uint32_t step = (number - relation->number) & 0xffffff;

    return !relation->has_number || (step > 0 && step < 1u << 23) ||
           now_us > relation->number_us + ORDER_S * (uint64_t)S;
}

bool relation_watch_is_earlier(const struct wire_relation *relation, uint64_t now_us,
                               const struct wire_record *record, const struct wire_message *message)
{
    uint32_t number = wire_uint(message, WIRE_OBSERVE, 0) & 0xffffff;

    /* What comes of a cancelled relation is reset, and its last request is waited for. */
    if (message->type != WIRE_ACK && wire_find(message, WIRE_OBSERVE) != NULL &&
        (record->wish.observe == 1 || relation->audience->is_auto ||
         !relation_watch_may_be_wanted(relation)))
        return true;
    return message->type != WIRE_ACK && record->wish.observe == 0 && relation->has_number &&
           wire_find(message, WIRE_OBSERVE) != NULL && number != relation->number &&
           !is_newer(relation, number, now_us);
}

static void note_news(struct place *place, struct wire_relation *relation,
                      const struct wire_message *message)
{
    relation->news_us = place->world->now_us;
    relation->max_age_us = (uint64_t)wire_uint(message, WIRE_MAX_AGE, DEFAULT_MAX_AGE_S) * S;
}

void relation_watch_came(struct place *place, const struct wire_record *record,
                         const struct wire_message *message)
{
    struct world *world = place->world;
    struct wire_relation *relation = relation_watch_find(place, message);
    const struct wire_option *option = wire_find(message, WIRE_OBSERVE);
    bool has_number = option != NULL && option->length <= 3;
    uint32_t number = wire_uint(message, WIRE_OBSERVE, 0) & 0xffffff;

    if (relation == NULL || (record != NULL && record->wish.observe != 0))
        return;
    /* It is asked again without the option that the node does not know. */
    if (message->code == WIRE_CODE(4, 2) && record != NULL && record->asks_at >= 0)
        return;
    if (message->code >> 5 == 4) {
        relation->has_ended = true;
        relation->is_registered = false;
        relation->has_number = false;
        if (record == NULL)
            store_watch_told(place, relation, message);
        if (relation_watch_may_be_wanted(relation))
            end_audience(world, relation->audience);
        return;
    }
    if (message->code >> 5 == 5) {
        relation->has_ended = true;
        relation->is_registered = false;
        relation->is_troubled = true;
        return;
    }
    /* A copy of what came before. */
    if (record == NULL && message->type == WIRE_ACK && !has_number)
        return;
    if (has_number && !is_newer(relation, number, world->now_us) &&
        (record == NULL ||
         (message->type != WIRE_ACK && number != relation->number && relation->is_registered)))
        return;
    if (has_number) {
        relation->has_number = true;
        relation->number = number;
        relation->number_us = world->now_us;
    }
    /* It ended the registration, and comes behind what did. */
    if (record == NULL && relation->has_ended) {
        store_watch_told(place, relation, message);
        return;
    }
    /* Nobody wants it any more: it is reset, or ended when it came as an acknowledgement. */
    if (message->type != WIRE_ACK && !relation_watch_may_be_wanted(relation)) {
        relation->has_ended = true;
        relation->is_registered = false;
        return;
    }
    relation->is_registered = has_number;
    /* Those who wait may have come behind one who left: the relation is another one then, and what
     * answers this one ends it. */
    relation->is_uncertain =
        record != NULL && message->type != WIRE_ACK && relation->audience->listening == 0;
    /* What confirms nothing that the gateway has is asked for again. */
    relation->is_troubled = message->code == WIRE_CODE(2, 3) &&
                            world->scenario.traits[place->node->index].misvalid_permille > 0;
    note_news(place, relation, message);
    if (record == NULL)
        store_watch_told(place, relation, message);
}

void relation_watch_failed(struct place *place, const struct wire_record *record)
{
    struct wire_relation *relation;

    if (record->wish.observe != 0)
        return;
    TAILQ_FOREACH(relation, &place->relations, link)
    {
        if (relation->token_length == record->token_length &&
            memcmp(relation->token, record->token, record->token_length) == 0) {
            relation->is_troubled = true;
            relation->is_registered = false;
        }
    }
}

bool relation_watch_may_be_wanted(const struct wire_relation *relation)
{
    return relation->audience->is_auto ||
           (relation->audience->waiting + relation->audience->listening > 0 &&
            relation->generation == relation->audience->generation);
}

bool relation_watch_is_wanted(const struct wire_relation *relation)
{
    return !relation->has_ended && relation->is_registered && !relation->is_uncertain &&
           relation->audience->listening > 0 &&
           relation->generation == relation->audience->generation;
}

/* --- from time to time, and in the end --- */

/* A request of the relation is under way: it is waited for. */
static bool has_request(struct place *place, const struct wire_relation *relation)
{
    struct wire_message message = {.token_length = relation->token_length};

    memcpy(message.token, relation->token, sizeof message.token);
    return wire_find_live(place, &message) != NULL;
}

/* Who has gone is deregistered at once (OBS-07): as soon as the node has a slot. */
static void judge_deregistered(struct place *place, const struct wire_relation *relation)
{
    struct world *world = place->world;
    const struct endpoint *endpoint =
        message_layer_find_endpoint(request_layer_messages(world->requests), &place->address);
    const struct audience_book *audience = relation->audience;

    if (relation->is_troubled || audience->waiting + audience->listening > 0 || audience->is_auto ||
        world->scenario.settings.is_non_confirmable ||
        audience->empty_us + DEREGISTER_S * (uint64_t)S > world->now_us ||
        place->node->failed_us >= relation->news_us || world->scenario.memory_per_million > 0 ||
        world->is_draining || has_request(place, relation) ||
        wire_watch_slots(place, false) >= world->scenario.settings.nstart ||
        (endpoint != NULL && endpoint_queue_length(endpoint) > 0))
        return;
    judge_that(
        world->judge, INVARIANT_DEREGISTERED, !relation->is_registered || relation->has_ended,
        "node %u /r%d: nobody has listened for %.3f s, and %02x%02x.. is still registered",
        place->index, relation->wish.resource, (double)(world->now_us - audience->empty_us) / S,
        relation->token[0], relation->token[1]);
}

/* What was told is asked for again when nothing comes (RFC 7641 3.3.1). */
static void judge_refreshed(struct place *place, const struct wire_relation *relation)
{
    struct world *world = place->world;
    const struct endpoint *endpoint =
        message_layer_find_endpoint(request_layer_messages(world->requests), &place->address);
    uint64_t wait_us = relation->max_age_us;

    if (relation->has_ended || relation->audience->listening == 0 ||
        relation->generation != relation->audience->generation || relation->is_troubled ||
        relation->news_us == 0 || world->scenario.settings.is_non_confirmable ||
        world->scenario.settings.queue_per_node < world->subscriber_count ||
        relation->asked_us > relation->news_us || place->node->failed_us >= relation->news_us ||
        world->scenario.memory_per_million > 0 || world->scenario.has_blocks ||
        wire_watch_slots(place, false) >= world->scenario.settings.nstart ||
        (endpoint != NULL && endpoint_queue_length(endpoint) > 0))
        return;
    if (relation->is_registered)
        wait_us += REFRESH_MAX_S * (uint64_t)S;
    else if (wait_us < world->scenario.poll_minimum_ms * (uint64_t)MS)
        wait_us = world->scenario.poll_minimum_ms * (uint64_t)MS;
    judge_that(world->judge, INVARIANT_REFRESH_MADE,
               relation->audience->is_auto ||
                   world->now_us <= relation->news_us + wait_us + S + world_slack_us(world),
               "node %u /r%d, %02x%02x..: no news for %.3f s, and not asked again after %.0f s",
               place->index, relation->wish.resource, relation->token[0], relation->token[1],
               (double)(world->now_us - relation->news_us) / S, (double)wait_us / S);
}

void relation_watch_audit(struct place *place)
{
    const struct wire_relation *relation;

    TAILQ_FOREACH(relation, &place->relations, link)
    {
        judge_deregistered(place, relation);
        judge_refreshed(place, relation);
    }
}

/* A node may have an entry whose end it was not told: because the message was lost. */
void relation_watch_judge_rest(struct world *world)
{
    const uint8_t *token;
    size_t length;

    for (unsigned i = 0; i < world->scenario.nodes; i++) {
        struct place *place = &world->places[i];
        for (unsigned j = 0; model_node_observer(place->model, j, &token, &length); j++) {
            struct wire_message message = {.token_length = (uint8_t)length};
            memcpy(message.token, token, length);
            const struct wire_relation *relation = relation_watch_find(place, &message);
            for (unsigned k = world->scenario.nodes + 1; k < world->place_count; k++)
                if (relation == NULL && world->places[k].node == place)
                    relation = relation_watch_find(&world->places[k], &message);
            judge_that(world->judge, INVARIANT_NO_REST,
                       relation != NULL &&
                           (relation->has_ended || world->scenario.memory_per_million > 0 ||
                            place->failed_us > 0),
                       "node %u has an observer %02x%02x.. that was not deregistered", i, token[0],
                       token[1]);
        }
    }
}

void relation_watch_clear(struct world *world)
{
    struct audience_book *audience;
    struct wire_relation *relation;

    while ((audience = TAILQ_FIRST(&world->audiences)) != NULL) {
        TAILQ_REMOVE(&world->audiences, audience, link);
        memory_return(audience->told);
        memory_return(audience);
    }
    for (unsigned i = 0; i < world->place_count; i++)
        while ((relation = TAILQ_FIRST(&world->places[i].relations)) != NULL) {
            TAILQ_REMOVE(&world->places[i].relations, relation, link);
            memory_return(relation);
        }
}
