/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange.h"
#include "memory.h"
#include "settings.h"

/*
 * clients: simulated HTTP clients, on the side of the gateway where libmicrohttpd is in the daemon:
 * they begin exchanges, bring the body later, wait, leave when they lose patience, take the reply,
 * and keep it for a while. Whoever waits is in a list; every request that was ever made stays known
 * until the world ends, as its effects may come late.
 */

enum { MS = 1000, S = 1000000, BODY_MAX = 65536 };

struct asking *clients_find(struct world *world, uint32_t tag)
{
    return tag == 0 || tag > world->asking_count ? NULL : world->askings[tag - 1];
}

struct asking *clients_find_owner(struct world *world, uint32_t value)
{
    return value < world->owner_capacity ? world->owners[value] : NULL;
}

static void own_value(struct asking *asking)
{
    struct world *world = asking->world;
    size_t capacity = world->owner_capacity;

    asking->value = ++world->next_value;
    if (asking->value >= capacity) {
        world->owner_capacity = 2 * (size_t)asking->value + 64;
        world->owners = memory_resize(world->owners, world->owner_capacity * sizeof *world->owners);
        memset(world->owners + capacity, 0,
               (world->owner_capacity - capacity) * sizeof *world->owners);
    }
    world->owners[asking->value] = asking;
}

static struct asking *add_asking(struct world *world)
{
    struct asking *asking = memory_take(sizeof *asking);

    if (world->asking_count == world->asking_capacity) {
        world->asking_capacity = world->asking_capacity == 0 ? 64 : 2 * world->asking_capacity;
        world->askings =
            memory_resize(world->askings, world->asking_capacity * sizeof *world->askings);
    }
    memset(asking, 0, sizeof *asking);
    world->askings[world->asking_count++] = asking;
    asking->client.ops = &clients_north;
    asking->world = world;
    asking->tag = (uint32_t)world->asking_count;
    asking->began_us = asking->looked_us = world->now_us;
    asking->block_at = -1;
    return asking;
}

static void add_field(struct asking *asking, const char *name, const char *value)
{
    asking->fields[asking->http.field_count++] = (struct http_field){name, value};
    asking->http.fields = asking->fields;
}

static void choose_target(struct asking *asking)
{
    struct world *world = asking->world;
    struct dice *dice = &world->client_dice;
    char query[24] = "";
    char host[24];

    asking->node = dice_below(dice, world->scenario.nodes);
    asking->resource = dice_below(dice, world->scenario.traits[asking->node].resources);
    if (asking->is_tagged)
        (void)snprintf(asking->mark, sizeof asking->mark, "%u", asking->tag);
    else if (dice_below(dice, world->scenario.marks + 1) > 0)
        (void)snprintf(asking->mark, sizeof asking->mark, "k%u",
                       dice_below(dice, world->scenario.marks));
    if (asking->mark[0] != '\0')
        (void)snprintf(query, sizeof query, "?q=%s", asking->mark);
    (void)snprintf(host, sizeof host, asking->node % 2 == 1 ? "[fd00::%x]" : "10.0.0.%u",
                   asking->node + 1);
    switch (dice_below(dice, world->scenario.uses_names ? 3 : 2)) {
    case 0:
        (void)snprintf(asking->target, sizeof asking->target, "/hc/coap://%s/r%u%s", host,
                       asking->resource, query);
        return;
    case 1:
        asking->uses_name = world->scenario.move_us > 0;
        (void)snprintf(asking->target, sizeof asking->target, "/nodes/n%u/r%u%s", asking->node,
                       asking->resource, query);
        return;
    default:
        asking->uses_name = true;
        (void)snprintf(asking->target, sizeof asking->target, "/hc/coap://n%u.sim/r%u%s",
                       asking->node, asking->resource, query);
        return;
    }
}

static void choose_format(struct asking *asking)
{
    struct world *world = asking->world;
    struct dice *dice = &world->client_dice;

    if (dice_chance(dice, world->scenario.shares ? 200 : 100)) {
        /* The first candidate is refused by the node: asked again (MEDIA-06). */
        asking->tries++;
        asking->accepts = ACCEPTED_JSON | ACCEPTED_TEXT;
        add_field(asking, "Accept", "application/json, text/plain;q=0.5");
    } else if (world->scenario.shares && dice_chance(dice, 400)) {
        asking->accepts = dice_chance(dice, 500) ? ACCEPTED_JSON : ACCEPTED_TEXT;
        add_field(asking, "Accept",
                  asking->accepts == ACCEPTED_JSON ? "application/json" : "text/plain");
    }
}

static void choose_method(struct asking *asking)
{
    static const enum http_method unsafe[] = {HTTP_METHOD_POST, HTTP_METHOD_PUT,
                                              HTTP_METHOD_DELETE};
    struct world *world = asking->world;
    struct dice *dice = &world->client_dice;

    asking->tries = world->scenario.has_blocks ? 2 : 1;
    asking->is_tagged = true;
    if (dice_below(dice, 100) < world->scenario.unsafe_percent) {
        asking->method = unsafe[dice_below(dice, 3)];
        /* Two PUTs to one URI, so that nothing but a Request-Tag tells their blocks apart. */
        if (asking->method == HTTP_METHOD_PUT && world->scenario.has_blocks)
            asking->is_tagged = dice_chance(dice, 500);
        /* What others have stored is what it changes. */
        if (asking->method == HTTP_METHOD_PUT && world->scenario.shares)
            asking->is_tagged = false;
        return;
    }
    asking->method =
        !world->scenario.is_plain && dice_chance(dice, 100) ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;
    asking->is_tagged = dice_below(dice, 100) >= world->scenario.untagged_percent;
    if (asking->method == HTTP_METHOD_GET && dice_chance(dice, 100)) {
        asking->method = HTTP_METHOD_QUERY;
        return;
    }
    /* A probe first (METH-04). */
    asking->tries += asking->method == HTTP_METHOD_HEAD;
    choose_format(asking);
}

/* RFC 7240 */
static void choose_preferences(struct asking *asking)
{
    struct dice *dice = &asking->world->client_dice;
    char wait[24] = "";

    if (dice_below(dice, 100) >= asking->world->scenario.prefer_percent)
        return;
    asking->is_async = dice_chance(dice, 500);
    asking->is_minimal = dice_chance(dice, 200);
    asking->wait_s = dice_chance(dice, 700) ? (uint32_t)dice_between(dice, 1, 60) : 0;
    if (asking->wait_s > 0)
        (void)snprintf(wait, sizeof wait, ", wait=%u", asking->wait_s);
    (void)snprintf(asking->prefer, sizeof asking->prefer, "%s%s%s",
                   asking->is_async ? "respond-async" : "unknown",
                   asking->is_minimal ? ", return=minimal" : "", wait);
    add_field(asking, "Prefer", asking->prefer);
}

/* RFC 9111 5.2.1 */
static void choose_wishes(struct asking *asking)
{
    struct dice *dice = &asking->world->client_dice;
    struct cache_control *wishes = &asking->wishes;
    unsigned seconds = (unsigned)dice_spread(dice, 1, 100);
    const char *name = NULL; /* ends in "=" when the seconds follow */

    if (dice_below(dice, 100) >= asking->world->scenario.wish_percent)
        return;
    switch (dice_below(dice, 6)) {
    case 0:
        wishes->no_cache = true;
        name = "no-cache";
        break;
    case 1:
        wishes->no_store = true;
        name = "no-store";
        break;
    case 2:
        wishes->only_if_cached = true;
        wishes->has_max_stale = dice_chance(dice, 300);
        wishes->max_stale_s = seconds;
        name = wishes->has_max_stale ? "only-if-cached, max-stale=" : "only-if-cached";
        break;
    case 3:
        wishes->has_max_age = true;
        wishes->max_age_s = seconds;
        name = "max-age=";
        break;
    case 4:
        wishes->has_max_stale = true;
        wishes->max_stale_s = seconds;
        name = "max-stale=";
        break;
    default:
        wishes->has_min_fresh = true;
        wishes->min_fresh_s = seconds;
        name = "min-fresh=";
    }
    if (name[strlen(name) - 1] == '=')
        (void)snprintf(asking->directives, sizeof asking->directives, "%s%u", name, seconds);
    else
        (void)snprintf(asking->directives, sizeof asking->directives, "%s", name);
    add_field(asking, "Cache-Control", asking->directives);
}

/* The client has what somebody was given before. */
static void choose_condition(struct asking *asking)
{
    struct world *world = asking->world;
    const struct store_book *book = &world->places[asking->node].books[asking->resource];

    if (book->tag[0] == '\0' ||
        dice_below(&world->client_dice, 100) >= world->scenario.known_percent)
        return;
    memcpy(asking->known, book->tag, sizeof asking->known);
    asking->known_value = book->tag_value;
    add_field(asking, "If-None-Match", asking->known);
}

static const char *method_name(enum http_method method)
{
    switch (method) {
    case HTTP_METHOD_GET:
        return "GET";
    case HTTP_METHOD_HEAD:
        return "HEAD";
    case HTTP_METHOD_POST:
        return "POST";
    case HTTP_METHOD_PUT:
        return "PUT";
    case HTTP_METHOD_QUERY:
        return "QUERY";
    default:
        return "DELETE";
    }
}

static void choose_body(struct asking *asking)
{
    struct world *world = asking->world;
    struct http_request *http = &asking->http;
    static uint8_t bytes[BODY_MAX];

    if (asking->method != HTTP_METHOD_PUT && asking->method != HTTP_METHOD_POST &&
        asking->method != HTTP_METHOD_QUERY)
        return;
    own_value(asking);
    http->body_length =
        node_write_value(world, asking->node, asking->resource, asking->value, bytes, sizeof bytes);
    asking->value_length = http->body_length;
    asking->body = memory_take(http->body_length);
    memcpy(asking->body, bytes, http->body_length);
    http->has_body = true;
    http->has_length = dice_chance(&world->client_dice, 700);
    http->content_length = http->has_length ? http->body_length : 0;
    add_field(asking, "Content-Type", "text/plain;charset=utf-8");
}

/* --- the end --- */

static void burst_comes(void *handle, void *subject);

static void leave(struct asking *asking)
{
    struct world *world = asking->world;
    struct exchange_account account = {
        .method = asking->http.method_text,
        .target = asking->target,
        .client = asking->http.client,
        .request_id = asking->http.id,
        .status = asking->status,
        .elapsed_us = world->now_us - asking->began_us,
    };

    if (asking->state == ASKING_GONE)
        return;
    if (asking->exchange != 0) {
        exchange_account(world->core, asking->exchange, &account);
        exchange_detach(world->core, asking->exchange);
    }
    if (asking->status >= 200 && asking->status < 300 && asking->status != 202)
        world->stale_ids[world->stale_count++ % 8] = asking->exchange;
    TAILQ_REMOVE(&world->waiting, asking, link);
    asking->state = ASKING_GONE;
    /* The exchange must not look at it any more. */
    if (asking->body != NULL)
        memset(asking->body, 0xdb, asking->http.body_length);
    memory_return(asking->body);
    asking->body = NULL;
    memset(&asking->http, 0, sizeof asking->http);
    memset(asking->target, 'x', sizeof asking->target - 1);
    world->under_way--;
    if (world->to_come == 0 && world->under_way == 0)
        world->clients_done_us = world->now_us;
    if (world->scenario.parallel > 0 && world->to_come > 0)
        world_later(world, 0, burst_comes, world, NULL);
}

static uint64_t hash_of(const struct http_reply *reply)
{
    struct judge own = {0};

    judge_begin(&own, false);
    judge_note_number(&own, reply->status);
    judge_note(&own, reply->body.data, reply->body.length);
    for (size_t i = 0; i < reply->field_count; i++) {
        judge_note(&own, reply->fields[i].name, strlen(reply->fields[i].name));
        judge_note(&own, reply->fields[i].value, strlen(reply->fields[i].value));
    }
    return own.hash;
}

/* The reply has been sent to the client. */
static void reply_sent(void *handle, void *subject)
{
    struct world *world = handle;
    struct asking *asking = subject;

    if (asking->state != ASKING_ANSWERED)
        return;
    const struct http_reply *reply = exchange_reply(world->core, asking->exchange);
    judge_that(world->judge, INVARIANT_REPLY_STAYS,
               reply != NULL && hash_of(reply) == asking->reply_hash,
               "request %u: its reply of status %u has changed", asking->tag, asking->status);
    leave(asking);
}

static void take_reply(struct asking *asking)
{
    struct world *world = asking->world;
    const struct http_reply *reply = exchange_reply(world->core, asking->exchange);

    asking->answers++;
    judge_that(world->judge, INVARIANT_ANSWERED_ONCE,
               asking->answers == 1 && asking->state < ASKING_ANSWERED && reply != NULL,
               "request %u: answer number %u in state %d%s", asking->tag, asking->answers,
               asking->state, reply == NULL ? ", without a reply" : "");
    if (reply == NULL || asking->answers != 1)
        return;
    asking->state = ASKING_ANSWERED;
    asking->answered_us = world->now_us;
    asking->status = reply->status;
    asking->reply_hash = hash_of(reply);
    judge_note_number(world->judge, asking->tag);
    judge_note_number(world->judge, asking->reply_hash);
    judge_tell(world->judge, "request %u: %u after %.3f s: %.60s", asking->tag, reply->status,
               (double)(world->now_us - asking->began_us) / S,
               reply->body.length > 0 ? (const char *)reply->body.data : "");
    world->totals->answered[reply->status / 100]++;
    client_judge_reply(asking, reply);
    if (reply->status == 202)
        client_fetch_later(asking, reply);
    world_later(world, dice_chance(&world->client_dice, 800) ? 0 : 20 * MS, reply_sent, world,
                asking);
}

static void answered(void *north)
{
    struct asking *asking = north;

    judge_that(asking->world->judge, INVARIANT_ANSWERED_ONCE,
               !asking->world->is_inside && asking->state == ASKING_PARKED,
               "request %u: told of an answer in state %d", asking->tag, asking->state);
    take_reply(asking);
}

const struct north_ops clients_north = {.answered = answered};

/* --- the beginning --- */

/* No exchange was made, or it has gone, for want of memory. */
static void refused(struct asking *asking)
{
    struct world *world = asking->world;

    judge_that(world->judge, INVARIANT_STATUS_HAS_CAUSE, world->scenario.memory_per_million > 0,
               "request %u: no memory", asking->tag);
    asking->answers++;
    asking->status = 503;
    world->totals->answered[5]++;
    asking->state = ASKING_ANSWERED;
    leave(asking);
}

/* The gateway takes and frees it, so it counts as a block of the gateway's. */
static uint8_t *body_to_hand_over(const struct asking *asking)
{
    struct world *world = asking->world;
    uint8_t *body = NULL;

    if (asking->body == NULL)
        return NULL;
    memory_fail(&world->memory_dice, 0);
    body = malloc(asking->http.body_length);
    world_resume_failing(world);
    memcpy(body, asking->body, asking->http.body_length);
    return body;
}

static void body_comes(void *handle, void *subject)
{
    struct world *world = handle;
    struct asking *asking = subject;
    enum exchange_progress progress;

    if (asking->state != ASKING_BODY)
        return;
    if (world_is_stalled(world)) {
        world_later(world, world->stalled_until_us - world->now_us, body_comes, world, asking);
        return;
    }
    asking->http.body = body_to_hand_over(asking);
    asking->looked_us = world->now_us;
    world->is_inside = true;
    progress = exchange_run(world->core, asking->exchange);
    world->is_inside = false;
    if (progress == EXCHANGE_NO_MEMORY)
        free((void *)(uintptr_t)asking->http.body);
    judge_that(world->judge, INVARIANT_WISHES,
               progress != EXCHANGE_PARKED || !asking->wishes.only_if_cached || asking->uses_name ||
                   !asking->world->scenario.shares,
               "request %u: only-if-cached, but it waits", asking->tag);
    if (progress == EXCHANGE_ANSWERED)
        take_reply(asking);
    else if (progress == EXCHANGE_PARKED)
        asking->state = ASKING_PARKED;
    else
        refused(asking);
}

static void patience_ends(void *handle, void *subject)
{
    struct world *world = handle;
    struct asking *asking = subject;

    if (asking->state != ASKING_BODY && asking->state != ASKING_PARKED)
        return;
    judge_tell(world->judge, "request %u: its client leaves", asking->tag);
    asking->has_left = true;
    world->totals->answered[0]++;
    leave(asking);
}

/* Ids of exchanges that have gone are named once more, as a late callback would. */
static void name_stale_id(struct world *world)
{
    uint64_t id = world->stale_count == 0
                      ? 0
                      : world->stale_ids[dice_below(
                            &world->client_dice, world->stale_count < 8 ? world->stale_count : 8)];

    if (id == 0)
        return;
    bool is_gone = exchange_reply(world->core, id) == NULL;
    exchange_refuse_body(world->core, id);
    exchange_detach(world->core, id);
    is_gone = is_gone && exchange_body_maximum(world->core, id) == 0;
    judge_that(world->judge, INVARIANT_STALE_ID, is_gone, "exchange %llu names something",
               (unsigned long long)id);
}

static void begin(struct world *world)
{
    struct asking *asking = add_asking(world);
    struct http_request *http = &asking->http;
    struct dice *dice = &world->client_dice;
    enum exchange_progress progress;

    world->under_way++;
    world->totals->requests++;
    choose_method(asking);
    choose_target(asking);
    choose_body(asking);
    choose_preferences(asking);
    if (asking->method == HTTP_METHOD_GET || asking->method == HTTP_METHOD_HEAD ||
        asking->method == HTTP_METHOD_QUERY)
        choose_wishes(asking);
    if (asking->method == HTTP_METHOD_GET || asking->method == HTTP_METHOD_HEAD)
        choose_condition(asking);
    asking->is_fresh = http->is_fresh = dice_chance(dice, 800);
    if (asking->value != 0 || asking->method == HTTP_METHOD_DELETE)
        asking->tries += world->scenario.traits[asking->node].challenges;
    http->method = asking->method;
    http->method_text = method_name(asking->method);
    http->target = asking->target;
    http->roles = ROLE_READ | ROLE_WRITE;
    http->client = "192.0.2.1";
    http->client_key = 1 + dice_below(dice, 4);
    http->id = "sim";
    TAILQ_INSERT_TAIL(&world->waiting, asking, link);
    judge_tell(world->judge, "request %u: %s %s v%u", asking->tag, http->method_text,
               asking->target, asking->value);
    world->is_inside = true;
    progress = exchange_begin(world->core, http, asking, &asking->exchange);
    world->is_inside = false;
    if (dice_chance(dice, world->scenario.leave_permille))
        world_later(world, dice_spread(dice, 100, 100 * (uint64_t)S), patience_ends, world, asking);
    if (progress == EXCHANGE_ANSWERED)
        take_reply(asking);
    else if (progress == EXCHANGE_WANTS_BODY)
        world_later(world, dice_chance(dice, 700) ? 0 : dice_spread(dice, 10, 2 * S), body_comes,
                    world, asking);
    else
        refused(asking);
}

static void come(struct world *world)
{
    const struct scenario *scenario = &world->scenario;

    for (unsigned i = 0; i < scenario->burst && world->to_come > 0; i++) {
        if (scenario->parallel > 0 && world->under_way >= scenario->parallel)
            return;
        world->to_come--;
        if (dice_chance(&world->client_dice, 50))
            name_stale_id(world);
        begin(world);
    }
}

static void burst_comes(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    if (world_is_stalled(world)) {
        world_later(world, world->stalled_until_us - world->now_us, burst_comes, world, NULL);
        return;
    }
    come(world);
    if (world->to_come > 0 && world->scenario.parallel == 0)
        world_later(world, dice_between(&world->client_dice, 0, 2 * world->scenario.gap_us),
                    burst_comes, world, NULL);
}

void clients_begin(struct world *world)
{
    TAILQ_INIT(&world->waiting);
    world->to_come = world->scenario.requests;
    world_later(world, world->scenario.gap_us, burst_comes, world, NULL);
}

void clients_audit(struct world *world)
{
    const struct settings *settings = &world->scenario.settings;
    struct asking *asking;

    TAILQ_FOREACH(asking, &world->waiting, link)
    {
        uint64_t bound_us =
            NAME_SERVICE_WAIT_US + 10 * (uint64_t)S +
            asking->tries * ((uint64_t)settings->deadline_ms + settings->acked_deadline_ms) * MS;
        bound_us += settings->transfer_deadline_ms * (uint64_t)MS;
        judge_that(world->judge, INVARIANT_ANSWERED_IN_TIME,
                   world->now_us - asking->began_us <= bound_us,
                   "request %u waits for %.3f s, state %d", asking->tag,
                   (double)(world->now_us - asking->began_us) / S, asking->state);
    }
}

void clients_leave(struct world *world)
{
    world->to_come = 0;
    world->scenario.parallel = 0;
    while (!TAILQ_EMPTY(&world->waiting)) {
        struct asking *asking = TAILQ_FIRST(&world->waiting);
        asking->has_left = true;
        leave(asking);
    }
    world->clients_done_us = world->now_us;
}

void clients_clear(struct world *world)
{
    for (size_t i = 0; i < world->asking_count; i++) {
        memory_return(world->askings[i]->body);
        memory_return(world->askings[i]);
    }
    memory_return(world->askings);
    memory_return(world->owners);
}
