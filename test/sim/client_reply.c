/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "message_layer.h"
#include "problem.h"
#include "request_layer.h"
#include "settings.h"

/*
 * client_reply: what a client may be told. A value must be one that the node had for that resource
 * since the request began, and carry the tag of the request; a success needs the node to have
 * carried the request out; an error needs its cause.
 */

enum { MS = 1000, S = 1000000 };

static bool has_text(const struct http_reply *reply, const char *text)
{
    return memmem(reply->body.data, reply->body.length, text, strlen(text)) != NULL;
}

/* By its type or, in plain text, by its title. A reply to HEAD has no body to tell it. */
static bool has_problem(const struct http_reply *reply, enum problem_type type)
{
    static const struct {
        const char *type;
        const char *title;
    } problems[] = {
#define PROBLEM(id, slug, title) [PROBLEM_##id] = {":" slug "\"", title},
#include "tables/problems.h"
#undef PROBLEM
    };

    return reply->body.length == 0 || has_text(reply, problems[type].type) ||
           has_text(reply, problems[type].title);
}

static bool may_be_stored(const struct world *world)
{
    return world->scenario.cache_entries > 0;
}

/* Since when a value may be from that is given now; store_watch knows better where it watches. */
static uint64_t oldest_us(const struct asking *asking)
{
    return may_be_stored(asking->world) ? 0 : asking->began_us;
}

static bool begins_with(const char *at, const char *end, const char *text)
{
    return (size_t)(end - at) >= strlen(text) && memcmp(at, text, strlen(text)) == 0;
}

/* What stands before the value: its mark, and the name of its format. Returns where the value
 * begins, or NULL. */
static const char *judge_key(const struct asking *asking, const struct http_reply *reply)
{
    struct judge *judge = asking->world->judge;
    const char *at = reply->body.data;
    const char *end = at + reply->body.length;
    const char *type = http_reply_field(reply, "Content-Type");
    char head[16] = "";
    bool is_own;

    if (asking->mark[0] != '\0')
        (void)snprintf(head, sizeof head, "%s ", asking->mark);
    is_own = begins_with(at, end, head);
    judge_that(judge, asking->is_tagged ? INVARIANT_OWN_REQUEST : INVARIANT_OWN_KEY, is_own,
               "request %u: the answer is for another one: %.40s", asking->tag, at);
    if (!is_own)
        return NULL;
    at += strlen(head);
    bool is_json = begins_with(at, end, "json:");
    judge_that(judge, INVARIANT_OWN_KEY,
               is_json == (type != NULL && strcmp(type, "application/json") == 0) &&
                   (asking->accepts == 0
                        ? !is_json
                        : (asking->accepts & (is_json ? ACCEPTED_JSON : ACCEPTED_TEXT)) != 0),
               "request %u: the answer is %s, which it does not accept: %.40s", asking->tag,
               type == NULL ? "of no type" : type, at);
    return is_json ? at + strlen("json:") : at;
}

static void note_tag(const struct asking *asking, const struct http_reply *reply, uint32_t value)
{
    struct store_book *book = &asking->world->places[asking->node].books[asking->resource];
    const char *tag = http_reply_field(reply, "ETag");

    if (tag == NULL || strlen(tag) >= sizeof book->tag || asking->method != HTTP_METHOD_GET)
        return;
    memcpy(book->tag, tag, strlen(tag) + 1);
    book->tag_value = value;
}

static void judge_value(struct asking *asking, const struct http_reply *reply)
{
    struct world *world = asking->world;
    const char *at = judge_key(asking, reply);

    if (at == NULL)
        return;
    uint32_t value =
        node_read_value(world, asking->node, asking->resource, (const uint8_t *)at,
                        reply->body.length - (size_t)(at - (const char *)reply->body.data));
    judge_that(world->judge, INVARIANT_OWN_VALUE,
               value != 0 &&
                   node_had_value(world, asking->node, asking->resource, value, oldest_us(asking)),
               "request %u: node %u /r%u never had this value meanwhile: %.60s", asking->tag,
               asking->node, asking->resource, at);
    store_watch_answered(asking, reply, value);
    note_tag(asking, reply, value);
}

/* 304 */
static void judge_unchanged(const struct asking *asking, const struct http_reply *reply)
{
    const char *tag = http_reply_field(reply, "ETag");

    judge_that(asking->world->judge, INVARIANT_OWN_TAGS,
               asking->known[0] != '\0' && tag != NULL && strcmp(tag, asking->known) == 0,
               "request %u: 304 with %s for one with %s", asking->tag, tag == NULL ? "no tag" : tag,
               asking->known[0] == '\0' ? "no tag" : asking->known);
    store_watch_answered(asking, reply, asking->known_value);
}

/* What a node does that knows of caches, and does it wrong. */
static bool may_node_err(const struct asking *asking)
{
    const struct model_traits *traits = &asking->world->scenario.traits[asking->node];

    return traits->misvalid_permille + traits->fails_permille > 0;
}

/* A no-store has nothing to do with what others get. */
static void judge_wishes(const struct asking *asking, const struct http_reply *reply)
{
    const char *status = http_reply_field(reply, "Cache-Status");

    if (asking->wishes.no_store && status != NULL)
        judge_that(asking->world->judge, INVARIANT_WISHES,
                   strstr(status, "hit") == NULL && strstr(status, "stored") == NULL &&
                       strstr(status, "collapsed") == NULL,
                   "request %u: no-store, but %s", asking->tag, status);
}

/* A request that may have had its effect: of one that has, store_watch knows from the node. What
 * was sent to one that challenges may have been no more than a question. */
static void note_change(const struct asking *asking, unsigned status)
{
    if (asking->method != HTTP_METHOD_GET && asking->method != HTTP_METHOD_HEAD &&
        asking->method != HTTP_METHOD_QUERY && !asking->is_fetched && asking->transmissions > 0 &&
        !asking->world->scenario.traits[asking->node].challenges &&
        (status == 504 || status == 502))
        store_watch_changed(asking);
}

/* "TAG done" and what fills it up. */
static bool is_own_answer(const struct asking *asking, const struct http_reply *reply)
{
    size_t total = asking->world->scenario.traits[asking->node].answer_size;
    char text[32];
    size_t used = (size_t)snprintf(text, sizeof text, "%u done", asking->tag);

    if (reply->body.length != (total > used ? total : used) ||
        memcmp(reply->body.data, text, used) != 0)
        return false;
    while (used < total && (uint8_t)reply->body.data[used] == model_filler(used))
        used++;
    return used >= total;
}

static void judge_success(struct asking *asking, const struct http_reply *reply)
{
    struct world *world = asking->world;

    if (asking->method == HTTP_METHOD_HEAD)
        return;
    if (asking->method == HTTP_METHOD_GET || asking->method == HTTP_METHOD_QUERY) {
        judge_value(asking, reply);
        return;
    }
    judge_that(world->judge, INVARIANT_DONE_WHEN_TOLD, asking->was_executed,
               "request %u: %u, but node %u has not done it", asking->tag, reply->status,
               asking->node);
    if (asking->method != HTTP_METHOD_POST || (asking->is_minimal && reply->status == 204))
        return;
    judge_that(world->judge, INVARIANT_OWN_REQUEST, is_own_answer(asking, reply),
               "request %u: the answer of %zu bytes is for another one, or not whole: %.40s",
               asking->tag, reply->body.length, (const char *)reply->body.data);
}

/* A block-wise upload waits for the end of another one, and for nothing else. */
static void judge_waiting(const struct asking *asking)
{
    struct world *world = asking->world;
    const struct scenario *scenario = &world->scenario;
    struct place *place = &world->places[asking->node];
    const struct endpoint *endpoint =
        message_layer_find_endpoint(request_layer_messages(world->requests), &place->address);

    /* First: it finds out who is silent. */
    bool is_idle = wire_watch_is_idle(place);

    if (asking->transmissions > 0 || asking->uses_name || asking->wait_s > 0 ||
        asking->was_unreachable || scenario->memory_per_million > 0 || scenario->stall_us > 0 ||
        endpoint == NULL || endpoint_queue_length(endpoint) > 0 || place->is_silent ||
        message_layer_outstanding(request_layer_messages(world->requests)) + 1 >=
            scenario->outstanding)
        return;
    judge_that(world->judge, INVARIANT_SLOT_FREE, !is_idle,
               "request %u was not sent, and nothing is under way to node %u", asking->tag,
               asking->node);
}

/* 504: RFC 7252 gives no time; coap.deadline and coap.acked_deadline do. */
static void judge_timeout(struct asking *asking)
{
    struct world *world = asking->world;
    const struct settings *settings = &world->scenario.settings;
    uint64_t deadline_us = (uint64_t)settings->deadline_ms * MS;
    uint64_t spent_us =
        (uint64_t)settings->ack_timeout_ms * MS * ((UINT64_C(2) << settings->max_retransmit) - 1);
    uint64_t waited_us = world->now_us - asking->began_us;
    uint64_t slack_us = world_slack_us(world) << (settings->max_retransmit + 1);
    bool was_acked = asking->acked_us != 0;

    if (world->scenario.cuts_transfers && settings->transfer_deadline_ms < settings->deadline_ms)
        deadline_us = (uint64_t)settings->transfer_deadline_ms * MS;
    if (asking->tries > 1) {
        if ((uint64_t)settings->acked_deadline_ms * MS < deadline_us)
            deadline_us = (uint64_t)settings->acked_deadline_ms * MS;
        was_acked = false;
    } else if (was_acked) {
        deadline_us = (uint64_t)settings->acked_deadline_ms * MS;
        waited_us = world->now_us - asking->acked_us;
    }
    if (asking->wait_s > 0 && world->now_us - asking->began_us >= asking->wait_s * (uint64_t)S)
        return;
    bool may_be_spent = !was_acked && asking->transmissions > settings->max_retransmit &&
                        waited_us + slack_us >= spent_us;
    judge_that(world->judge, INVARIANT_TIMEOUT_EARLY, waited_us >= deadline_us || may_be_spent,
               "request %u: 504 after %.3f s", asking->tag, (double)waited_us / S);
    if (asking->tries > 1)
        return;
    if (!was_acked && asking->uses_name)
        waited_us -= waited_us < NAME_SERVICE_WAIT_US ? waited_us : NAME_SERVICE_WAIT_US;
    judge_that(world->judge, INVARIANT_TIMEOUT_LATE,
               waited_us <= deadline_us + slack_us + BODY_WAIT_US,
               "request %u: 504 only after %.3f s", asking->tag, (double)waited_us / S);
}

static bool is_overloaded(const struct asking *asking)
{
    struct world *world = asking->world;
    const struct scenario *scenario = &world->scenario;
    const struct endpoint *endpoint = message_layer_find_endpoint(
        request_layer_messages(world->requests), &world->places[asking->node].address);

    /* One that lost its place to another client learns of it a moment later. */
    return endpoint != NULL && endpoint_queue_length(endpoint) + scenario->settings.nstart + 1 >=
                                   scenario->settings.queue_per_node;
}

static bool is_odd(const struct model_traits *traits)
{
    return traits->forgets_permille + traits->changes_permille + traits->repeats_permille +
               traits->skips_permille + traits->trims_permille >
           0;
}

/* All transmissions of a block may be spent before its answer is here. */
static bool may_be_too_slow(const struct scenario *scenario, const struct model_traits *traits)
{
    const struct settings *settings = &scenario->settings;
    uint64_t spent_us =
        (uint64_t)settings->ack_timeout_ms * MS * ((UINT64_C(2) << settings->max_retransmit) - 1);

    return 2 * scenario->delay_max_us + scenario->stall_us + traits->think_max_us +
               traits->separate_max_us >=
           spent_us;
}

/* A transfer fails when what is transferred changes, or is lost by a reboot, or when a block had to
 * be sent again that the node had, but not its client. */
static bool may_transfer_fail(const struct asking *asking)
{
    const struct world *world = asking->world;
    const struct scenario *scenario = &world->scenario;
    const struct value_history *history = &world->places[asking->node].histories[asking->resource];

    return scenario->has_blocks &&
           (is_odd(&scenario->traits[asking->node]) ||
            may_be_too_slow(scenario, &scenario->traits[asking->node]) ||
            history->spans[history->count - 1].from_us >= asking->began_us ||
            scenario->loss_permille + scenario->corrupt_permille > 0 || scenario->trouble_us > 0);
}

static bool has_cause(const struct asking *asking, const struct http_reply *reply)
{
    const struct world *world = asking->world;
    const struct model_traits *traits = &world->scenario.traits[asking->node];

    if (world->scenario.memory_per_million > 0 && reply->status == 503)
        return true;
    /* The wire cannot tell whose request it is. */
    if (!asking->is_tagged && reply->status >= 502 && !world->scenario.is_sound)
        return true;
    switch (reply->status) {
    case 400: /* a block behind the end of what has become shorter */
        return may_transfer_fail(asking);
    case 406:
        return asking->accepts == ACCEPTED_JSON;
    case 413:
        return asking->value_length > world->scenario.traits[asking->node].body_max;
    case 403:
        return world->scenario.traits[asking->node].challenges &&
               has_problem(reply, PROBLEM_FRESHNESS);
    case 500:
        return traits->fails_permille > 0;
    case 502:
        return may_node_err(asking) ||
               (may_transfer_fail(asking) && (has_problem(reply, PROBLEM_BAD_RESPONSE) ||
                                              has_problem(reply, PROBLEM_NODE_ERROR))) ||
               (has_problem(reply, PROBLEM_RESET) && asking->was_reset) ||
               (has_problem(reply, PROBLEM_UNREACHABLE) && asking->was_unreachable) ||
               (has_problem(reply, PROBLEM_NAME) && asking->uses_name);
    case 503:
        if (has_problem(reply, PROBLEM_FRESHNESS) && !asking->is_fresh &&
            world->scenario.traits[asking->node].challenges)
            return true;
        return (world->is_draining && has_problem(reply, PROBLEM_STOPPING)) ||
               (has_problem(reply, PROBLEM_OVERLOADED) &&
                (asking->uses_name || asking->is_fetched || is_overloaded(asking)));
    case 504:
        if (asking->wishes.only_if_cached && has_problem(reply, PROBLEM_NOT_CACHED))
            return true;
        return (has_problem(reply, PROBLEM_TIMEOUT) && !world->scenario.is_sound) ||
               (has_problem(reply, PROBLEM_NAME) && asking->uses_name &&
                asking->transmissions == 0) ||
               (has_problem(reply, PROBLEM_SILENT) &&
                (asking->is_fetched || world->scenario.move_us > 0 ||
                 wire_watch_is_unheard(&world->places[asking->node])));
    default:
        return false;
    }
}

static void judge_retry_after(const struct asking *asking, const struct http_reply *reply)
{
    const char *text = http_reply_field(reply, "Retry-After");
    unsigned long seconds = text == NULL ? 0 : strtoul(text, NULL, 10);

    if (reply->body.length > 0 && has_problem(reply, PROBLEM_OVERLOADED))
        judge_that(asking->world->judge, INVARIANT_STATUS_HAS_CAUSE, seconds >= 1 && seconds <= 60,
                   "request %u: 503 with Retry-After %s", asking->tag, text == NULL ? "-" : text);
}

void client_judge_reply(struct asking *asking, const struct http_reply *reply)
{
    struct world *world = asking->world;

    note_change(asking, reply->status);
    judge_wishes(asking, reply);
    if (reply->status == 202) {
        judge_that(world->judge, INVARIANT_STATUS_HAS_CAUSE, asking->is_async,
                   "request %u: 202 for a client that waits", asking->tag);
    } else if (reply->status >= 200 && reply->status < 300) {
        judge_success(asking, reply);
    } else if (reply->status == 304) {
        judge_unchanged(asking, reply);
    } else if (reply->status == 404) {
        if (asking->method == HTTP_METHOD_GET || asking->method == HTTP_METHOD_QUERY)
            store_watch_answered(asking, reply, 0);
        judge_that(world->judge, INVARIANT_OWN_VALUE,
                   node_had_value(world, asking->node, asking->resource, 0, oldest_us(asking)),
                   "request %u: 404, but node %u /r%u was there all the time", asking->tag,
                   asking->node, asking->resource);
    } else {
        judge_that(world->judge, INVARIANT_STATUS_HAS_CAUSE, has_cause(asking, reply),
                   "request %u: %u for no reason: %.200s", asking->tag, reply->status,
                   reply->body.length > 0 ? (const char *)reply->body.data : "");
        judge_retry_after(asking, reply);
    }
    if (reply->status != 504 || asking->is_fetched || has_problem(reply, PROBLEM_SILENT))
        return;
    if (has_problem(reply, PROBLEM_NOT_CACHED) && asking->wishes.only_if_cached)
        return;
    if (asking->is_tagged)
        judge_timeout(asking);
    if (asking->is_tagged || asking->value != 0)
        judge_waiting(asking);
}
