/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "relation_watch.h"
#include "settings.h"
#include "wire_books.h"

/*
 * store_watch: what the gateway may answer from its cache, from what it was given and not from its
 * state. Each answer of a node that reaches the gateway is a grant: a value for a key, for as long
 * as its Max-Age says. Each reply that tells a client of a change is written down as well. An
 * answer then needs a grant that has arrived since its request began, or one that is still good and
 * was asked for behind the last change. Books are kept of worlds without blocks: there each answer
 * is one message.
 */

enum { DEFAULT_MAX_AGE_S = 60, POLL_GRACE_S = 5, TURN_S = 5, WAIT_MAX_S = 200 };

struct store_grant {
    uint32_t value; /* 0: there is none */
    struct wire_wish wish;
    uint64_t sent_us;
    uint64_t arrived_us;
    uint64_t max_age_us;
    uint32_t etag; /* 0: none */
    bool is_kept;  /* a cache may keep it */
    bool is_told;  /* it is registered: the next one comes by itself */
};

struct store_change {
    uint64_t told_us;
    bool has_host;
    char mark[12];
};

static bool is_watched(const struct world *world)
{
    return (world->scenario.cache_entries > 0 || world->scenario.subscribers > 0) &&
           !world->scenario.has_blocks;
}

/* --- changes --- */

static void note_change(struct store_book *book, uint64_t now_us, bool has_host, const char *mark)
{
    if (book->change_count == book->change_capacity) {
        book->change_capacity = book->change_capacity == 0 ? 16 : 2 * book->change_capacity;
        book->changes = memory_resize(book->changes, book->change_capacity * sizeof *book->changes);
    }
    struct store_change *change = &book->changes[book->change_count++];
    *change = (struct store_change){.told_us = now_us, .has_host = has_host};
    memcpy(change->mark, mark, sizeof change->mark);
}

void store_watch_changed(const struct asking *asking)
{
    struct place *place = &asking->world->places[asking->node];

    note_change(&place->books[asking->resource], asking->world->now_us, asking->uses_name,
                asking->mark);
}

static bool has_changed(const struct store_book *book, const char *mark, bool has_host,
                        uint64_t from_us, uint64_t until_us)
{
    for (size_t i = book->change_count; i-- > 0;) {
        const struct store_change *change = &book->changes[i];
        if (change->told_us > from_us && change->told_us < until_us &&
            change->has_host == has_host && strcmp(change->mark, mark) == 0)
            return true;
    }
    return false;
}

/* --- grants --- */

/* The value behind the mark and the name of its format; 0 when it is none. */
static uint32_t read_payload(const struct place *place, const struct wire_wish *wish,
                             const struct wire_message *message)
{
    const uint8_t *at = message->payload;
    size_t left = message->payload_length;
    size_t used = strlen(wish->mark);

    if (used > 0) {
        if (left <= used || memcmp(at, wish->mark, used) != 0)
            return 0;
        at += used + 1;
        left -= used + 1;
    }
    if (left > 5 && memcmp(at, "json:", 5) == 0) {
        at += 5;
        left -= 5;
    }
    return node_read_value(place->world, place->node->index, (unsigned)wish->resource, at, left);
}

static struct store_grant *add_grant(struct store_book *book)
{
    if (book->grant_count == book->grant_capacity) {
        book->grant_capacity = book->grant_capacity == 0 ? 16 : 2 * book->grant_capacity;
        book->grants = memory_resize(book->grants, book->grant_capacity * sizeof *book->grants);
    }
    return &book->grants[book->grant_count++];
}

/* The value that had the tag of a 2.03. */
static uint32_t find_tagged(const struct store_book *book, uint32_t etag)
{
    for (size_t i = book->grant_count; i-- > 0;)
        if (book->grants[i].etag == etag)
            return book->grants[i].value;
    return 0;
}

void store_watch_came(struct place *place, const struct wire_record *record,
                      const struct wire_message *message)
{
    const struct wire_wish *wish = &record->wish;
    bool has_age = wire_find(message, WIRE_MAX_AGE) != NULL;
    uint32_t etag = wire_uint(message, WIRE_ETAG, 0);
    struct store_grant *grant;
    uint32_t value = 0;

    /* The answer to a deregistration is nobody's. */
    if (!is_watched(place->world) || wish->resource < 0 || wish->observe == 1)
        return;
    struct store_book *book = &place->node->books[wish->resource];
    if (wish->code != 1 && wish->code != 5) {
        if (message->code >> 5 == 2)
            note_change(book, place->world->now_us, wish->has_host, wish->mark);
        return;
    }
    switch (message->code) {
    case WIRE_CODE(2, 5):
        value = read_payload(place, wish, message);
        break;
    case WIRE_CODE(2, 3):
        value = find_tagged(book, etag);
        break;
    case WIRE_CODE(4, 4):
        break;
    default:
        return;
    }
    if (value == 0 && message->code >> 5 == 2)
        return;
    grant = add_grant(book);
    *grant = (struct store_grant){
        .value = value,
        .wish = *wish,
        .sent_us = record->first_us,
        .arrived_us = place->world->now_us,
        .max_age_us = (uint64_t)wire_uint(message, WIRE_MAX_AGE, DEFAULT_MAX_AGE_S) * S,
        .etag = etag,
        .is_kept = value != 0 || has_age,
        .is_told = wire_find(message, WIRE_OBSERVE) != NULL,
    };
    if (!grant->is_kept)
        grant->max_age_us = 0;
}

/* It tells of the state when it was sent, whatever was asked before. */
void store_watch_told(struct place *place, const struct wire_relation *relation,
                      const struct wire_message *message)
{
    struct wire_record record = {.wish = relation->wish, .first_us = place->world->now_us};

    store_watch_came(place, &record, message);
}

uint64_t store_watch_live_until(const struct world *world, unsigned node,
                                const struct wire_wish *wish, uint32_t value)
{
    const struct store_book *book = &world->places[node].books[wish->resource];
    uint64_t until_us = 0;

    for (size_t i = book->grant_count; i-- > 0;) {
        const struct store_grant *grant = &book->grants[i];
        uint64_t life_us = grant->max_age_us;
        if (grant->value != value || !wire_is_same_key(&grant->wish, wish))
            continue;
        if (!grant->is_told && life_us < world->scenario.poll_minimum_ms * (uint64_t)MS)
            life_us = world->scenario.poll_minimum_ms * (uint64_t)MS;
        if (!grant->is_told)
            life_us += POLL_GRACE_S * (uint64_t)S;
        if (grant->arrived_us + life_us > until_us)
            until_us = grant->arrived_us + life_us;
    }
    return until_us;
}

/* --- what leaves --- */

/* It waited for its turn when somebody else was told, for whom it cannot wait. */
static bool may_have_waited(const struct world *world, const struct store_grant *grant)
{
    return grant->wish.observe >= 0 && world->now_us - grant->arrived_us < TURN_S * (uint64_t)S;
}

/* What was told while it was waited for may be newer, and stays in the cache. */
static bool was_overtaken(const struct store_book *book, size_t index)
{
    const struct store_grant *grant = &book->grants[index];

    for (size_t i = index; grant->wish.observe < 0 && i-- > 0;) {
        const struct store_grant *other = &book->grants[i];
        if (other->arrived_us + WAIT_MAX_S * (uint64_t)S < grant->arrived_us)
            break;
        if (other->is_told && wire_is_same_key(&other->wish, &grant->wish))
            return true;
    }
    return false;
}

/* Only what clients without wishes want, who have to share it. */
void store_watch_sent(struct place *place, const struct wire_record *record)
{
    struct world *world = place->world;
    const struct wire_wish *wish = &record->wish;
    const struct wire_record *other;
    uint64_t earliest_us = world->now_us - 200 * (uint64_t)S;

    if (!is_watched(world) || !world->scenario.is_plain || wish->code != 1 || wish->resource < 0 ||
        wish->observe >= 0)
        return;
    const struct store_book *book = &place->node->books[wish->resource];
    /* Who asks when something has just changed asks for himself. */
    if (has_changed(book, wish->mark, wish->has_host, earliest_us, UINT64_MAX))
        return;
    TAILQ_FOREACH(other, &place->live, link)
    {
        judge_that(world->judge, INVARIANT_SHARED,
                   other == record || other->wish.resource != wish->resource ||
                       other->wish.observe >= 0 || !wire_is_same_key(&other->wish, wish),
                   "node %u /r%d: MID %u asks for what MID %u asks for already", place->index,
                   wish->resource, record->mid, other->mid);
    }
    /* What the gateway observed by itself it may have let go again. */
    if (world->scenario.auto_observe)
        return;
    for (size_t i = book->grant_count; i-- > 0;) {
        const struct store_grant *grant = &book->grants[i];
        if (!wire_is_same_key(&grant->wish, wish) || was_overtaken(book, i))
            continue;
        if (has_changed(book, wish->mark, wish->has_host, grant->sent_us, UINT64_MAX))
            return;
        judge_that(world->judge, INVARIANT_SHARED,
                   !grant->is_kept || grant->arrived_us == world->now_us ||
                       may_have_waited(world, grant) ||
                       world->now_us >= grant->arrived_us + grant->max_age_us,
                   "node %u /r%d: MID %u asks for what came %.3f s ago, for %.0f s", place->index,
                   wish->resource, record->mid, (double)(world->now_us - grant->arrived_us) / S,
                   (double)grant->max_age_us / S);
        return;
    }
}

/* --- what clients are given --- */

/* What has no number is "accepts anything" for a QUERY, whose Accept is not asked for. */
static bool has_key(const struct asking *asking, const struct wire_wish *wish)
{
    bool is_query = asking->method == HTTP_METHOD_QUERY;

    if (wish->has_host != asking->uses_name || (wish->code == 5) != is_query ||
        strcmp(wish->mark, asking->mark) != 0)
        return false;
    switch (wish->accept) {
    case -1:
        return asking->accepts == 0;
    case 0:
        return (asking->accepts & ACCEPTED_TEXT) != 0;
    default:
        return (asking->accepts & ACCEPTED_JSON) != 0;
    }
}

/* How much longer a grant lets that client be given the value; negative: it does not. */
static int64_t left_us(const struct asking *asking, const struct store_book *book,
                       const struct store_grant *grant, uint64_t stale_us)
{
    const struct cache_control *wishes = &asking->wishes;
    uint64_t age_us = asking->world->now_us - grant->arrived_us;

    if (!has_key(asking, &grant->wish) ||
        has_changed(book, asking->mark, asking->uses_name, grant->sent_us, asking->looked_us))
        return -1;
    /* The answer to a no-cache was asked for behind it (CACHE-13). */
    if (grant->arrived_us >= asking->looked_us &&
        (!wishes->no_cache || grant->sent_us >= asking->began_us))
        return age_us > grant->max_age_us ? 0 : (int64_t)(grant->max_age_us - age_us);
    if (wishes->no_cache || (wishes->has_max_age && age_us > (uint64_t)wishes->max_age_s * S))
        return -1;
    if (age_us < grant->max_age_us)
        return (int64_t)(grant->max_age_us - age_us);
    return grant->is_kept && age_us - grant->max_age_us <= stale_us ? 0 : -1;
}

/* How long an answer may be stale that is told to be: when its node fails, or the client wants
 * nobody to ask it. */
static uint64_t stale_us_of(const struct asking *asking, const struct http_reply *reply)
{
    const char *status = http_reply_field(reply, "Cache-Status");
    const struct cache_control *wishes = &asking->wishes;

    if (status == NULL || (strstr(status, "ttl=-") == NULL && strstr(status, "ttl=0") == NULL))
        return 0;
    if (asking->world->scenario.serves_stale && strstr(status, "detail=") != NULL)
        return UINT64_MAX / 2;
    return wishes->has_max_stale ? (uint64_t)wishes->max_stale_s * S : 0;
}

static void judge_told_age(const struct asking *asking, const struct http_reply *reply,
                           uint64_t longest_us)
{
    const char *control = http_reply_field(reply, "Cache-Control");
    const char *age = control == NULL ? NULL : strstr(control, "max-age=");
    uint64_t told_us = age == NULL ? 0 : strtoull(age + 8, NULL, 10) * S;

    judge_that(asking->world->judge, INVARIANT_TOLD_AGE, told_us <= longest_us,
               "request %u: told %s, but %.3f s are left", asking->tag, control,
               (double)longest_us / S);
}

/* Where messages get lost or come late, the gateway may have taken an answer for which nobody was
 * thought to wait. Then it is enough that the node had the value meanwhile. */
static bool is_unseen(const struct asking *asking, uint32_t value)
{
    return !asking->world->scenario.is_sound &&
           node_had_value(asking->world, asking->node, asking->resource, value, asking->looked_us);
}

void store_watch_answered(const struct asking *asking, const struct http_reply *reply,
                          uint32_t value)
{
    struct world *world = asking->world;
    const struct place *place = &world->places[asking->node];
    const struct store_book *book = &place->books[asking->resource];
    uint64_t stale_us = stale_us_of(asking, reply);
    int64_t longest_us = -1;

    if (!is_watched(world) || world->scenario.cache_entries == 0 ||
        asking->method == HTTP_METHOD_HEAD || asking->is_fetched ||
        world->scenario.traits[asking->node].has_same_etags)
        return;
    for (size_t i = book->grant_count; i-- > 0;) {
        int64_t left =
            book->grants[i].value == value ? left_us(asking, book, &book->grants[i], stale_us) : -1;
        if (left > longest_us)
            longest_us = left;
    }
    judge_that(world->judge, INVARIANT_FRESH_VALUE, longest_us >= 0 || is_unseen(asking, value),
               "request %u: nothing lets it be answered by v%u of node %u /r%u", asking->tag, value,
               asking->node, asking->resource);
    if (longest_us >= 0)
        judge_told_age(asking, reply, (uint64_t)longest_us);
}

void store_watch_clear(struct place *place)
{
    for (unsigned i = 0; i < MODEL_RESOURCES_MAX; i++) {
        memory_return(place->books[i].grants);
        memory_return(place->books[i].changes);
    }
}
