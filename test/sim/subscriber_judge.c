/* SPDX-License-Identifier: BSD-2-Clause */
#include "subscribers.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory.h"
#include "problem.h"

/*
 * subscriber_judge: what the reader of a stream may be told, judged from the bytes that it read: an
 * event is what a browser would fire. Values are ones that the node had, and none is older than the
 * one before; a state comes before the first value; "live" is told of what is fresh; an id names
 * one value; and in the end, when nothing has happened for long, everybody has the final state.
 */

enum {
    ANSWER_S = 5,
    QUEUE_MIN = 8, /* in which what comes in one moment has room */
    LATE_MS = 100, /* an event is told within the turn; timers may be this late */
    HEARTBEAT_LATE_S = 1,
    RETRY_MS = 5000,
};

/* --- refusals and heads --- */

static bool has_cause_of(const struct subscriber *subscriber,
                         const struct subscriber_target *target, unsigned status)
{
    const struct world *world = subscriber->world;
    const struct scenario *scenario = &world->scenario;
    const struct model_traits *traits = &scenario->traits[target->node];

    switch (status) {
    case 404: /* or the refusals of many are of several kinds */
        return subscriber->is_many || node_had_value(world, target->node, target->resource, 0, 0);
    case 406:
        return target->audience->wish.accept == MODEL_JSON && !traits->has_json;
    case 400: /* of a block behind the end */
    case 408:
        return scenario->has_blocks;
    case 502: /* of the name service */
    case 504:
        return target->uses_name || scenario->move_us > 0;
    case 503:
        return scenario->memory_per_million > 0 || world->is_draining || target->uses_name ||
               scenario->move_us > 0 || scenario->streams_max <= 10 ||
               scenario->registrations <= 10 || scenario->registrations_per_node <= 10;
    default:
        return false;
    }
}

static bool has_cause(const struct subscriber *subscriber, unsigned status)
{
    for (unsigned i = 0; i < subscriber->target_count; i++)
        if (has_cause_of(subscriber, &subscriber->targets[i], status))
            return true;
    return false;
}

void subscriber_judge_refusal(struct subscriber *subscriber, const struct http_reply *reply)
{
    judge_that(subscriber->world->judge, INVARIANT_STATUS_HAS_CAUSE,
               has_cause(subscriber, reply->status), "subscriber %u: %u for no reason: %.200s",
               subscriber->number, reply->status,
               reply->body.length > 0 ? (const char *)reply->body.data : "");
}

void subscriber_judge_head(struct subscriber *subscriber, const struct http_reply *reply)
{
    const char *type = http_reply_field(reply, "Content-Type");
    const char *control = http_reply_field(reply, "Cache-Control");

    judge_that(subscriber->world->judge, INVARIANT_STREAM_HEAD,
               type != NULL && strcmp(type, SSE_CONTENT_TYPE) == 0 && control != NULL &&
                   strcmp(control, "no-store") == 0 && reply->body.length == 0 &&
                   http_reply_field(reply, "Content-Length") == NULL,
               "subscriber %u: the head says %s, %s, and %zu bytes follow", subscriber->number,
               type == NULL ? "no type" : type, control == NULL ? "no Cache-Control" : control,
               reply->body.length);
}

/* --- events --- */

/* The text behind "name":" in one flat object of JSON whose texts need no escapes. */
static bool read_member(const struct bytes *json, const char *name, char *out, size_t size)
{
    char wanted[32];
    const char *text = bytes_text(json);
    int used = snprintf(wanted, sizeof wanted, "\"%s\":\"", name);
    const char *at = strstr(text, wanted);
    const char *end = at == NULL ? NULL : strchr(at + used, '"');

    if (end == NULL || (size_t)(end - at - used) >= size)
        return false;
    memcpy(out, at + used, (size_t)(end - at - used));
    out[end - at - used] = '\0';
    return true;
}

static struct subscriber_target *find_target(struct subscriber *subscriber, const char *name)
{
    for (unsigned i = 0; i < subscriber->target_count; i++)
        if (strcmp(subscriber->targets[i].target, name) == 0)
            return &subscriber->targets[i];
    return NULL;
}

/* The end has a cause, as the status that it is told with would have one. */
static void judge_gone(const struct subscriber *subscriber, const struct subscriber_target *target,
                       const char *text)
{
    const char *at = strstr(text, "\"status\":");
    unsigned status = at == NULL ? 0 : (unsigned)strtoul(at + 9, NULL, 10);

    judge_that(subscriber->world->judge, INVARIANT_STATE_EVENTS,
               has_cause_of(subscriber, target, status),
               "subscriber %u: told for no reason that node %u /r%u has gone: %.100s",
               subscriber->number, target->node, target->resource, text);
}

static void judge_state(struct subscriber *subscriber, const struct event *event)
{
    struct judge *judge = subscriber->world->judge;
    char name[16], text[128], reason[32];
    unsigned state = 0;
    bool is_fine = read_member(event->data, "state", name, sizeof name) &&
                   read_member(event->data, "target", text, sizeof text) &&
                   read_member(event->data, "reason", reason, sizeof reason);
    struct subscriber_target *target = is_fine ? find_target(subscriber, text) : NULL;

    while (is_fine && state < SSE_STATES &&
           strcmp(sse_state_name((enum sse_state)state), name) != 0)
        state++;
    judge_that(judge, INVARIANT_STATE_EVENTS,
               target != NULL && state < SSE_STATES &&
                   !(target->has_state && target->told == SSE_STATE_GONE),
               "subscriber %u: told a state of nothing, or behind the end: %.100s",
               subscriber->number, bytes_text(event->data));
    if (target == NULL || state == SSE_STATES)
        return;
    judge_that(judge, INVARIANT_STATE_EVENTS, state != SSE_STATE_CONNECTING || !target->has_state,
               "subscriber %u: told connecting behind %s", subscriber->number,
               sse_state_name(target->told));
    judge_that(judge, INVARIANT_STATE_EVENTS, !target->owes_value || subscriber->pace != PACE_EAGER,
               "subscriber %u: told stale, and of no value", subscriber->number);
    target->owes_value = state == SSE_STATE_STALE && target->value == 0;
    target->has_state = true;
    target->told = (enum sse_state)state;
    if (target->count == COUNT_WAITING && state != SSE_STATE_GONE)
        subscriber_count_as(subscriber, target, COUNT_LISTENING);
    if (state != SSE_STATE_GONE)
        return;
    judge_gone(subscriber, target, bytes_text(event->data));
    subscriber_count_as(subscriber, target, COUNT_NONE);
}

/* RFC 4648 4 */
static size_t read_base64(const char *text, size_t length, char *out)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    uint32_t bits = 0;
    unsigned count = 0;
    size_t used = 0;

    for (size_t i = 0; i < length && text[i] != '='; i++) {
        const char *digit = strchr(digits, text[i]);
        if (digit == NULL)
            return 0;
        bits = bits << 6 | (uint32_t)(digit - digits);
        count += 6;
        if (count < 8)
            continue;
        count -= 8;
        out[used++] = (char)(bits >> count & 255);
    }
    return used;
}

/* What an envelope holds; false when there is none. */
static bool open_envelope(struct subscriber *subscriber, const struct event *event,
                          struct subscriber_target **target, const char **text, size_t *length)
{
    static char raw[2 * MODEL_VALUE_MAX], decoded[2 * MODEL_VALUE_MAX];
    char name[128];

    if (strncmp(bytes_text(event->data), "{\"target\":", 10) != 0)
        return false;
    *text = "";
    *length = 0;
    *target = read_member(event->data, "target", name, sizeof name) ? find_target(subscriber, name)
                                                                    : NULL;
    judge_that(subscriber->world->judge, INVARIANT_OWN_VALUE, *target != NULL,
               "subscriber %u: a value of nothing it asked for: %.80s", subscriber->number,
               bytes_text(event->data));
    if (read_member(event->data, "value", raw, sizeof raw)) {
        *text = raw;
        *length = strlen(raw);
    } else if (read_member(event->data, "b64", raw, sizeof raw)) {
        *text = decoded;
        *length = read_base64(raw, strlen(raw), decoded);
    }
    return *target != NULL;
}

/* Behind the mark and the name of its format; 0: it is none of the resource. */
static uint32_t read_value(const struct subscriber *subscriber,
                           const struct subscriber_target *target, const char *at, size_t length)
{
    const struct wire_wish *wish = &target->audience->wish;
    size_t used = strlen(wish->mark);

    if (used > 0) {
        if (length <= used || memcmp(at, wish->mark, used) != 0)
            return 0;
        at += used + 1;
        length -= used + 1;
    }
    if ((wish->accept == MODEL_JSON) != (length > 5 && memcmp(at, "json:", 5) == 0))
        return 0;
    if (wish->accept == MODEL_JSON) {
        at += 5;
        length -= 5;
    }
    return node_read_value(subscriber->world, target->node, target->resource, (const uint8_t *)at,
                           length);
}

/* One id is the name of one value, whoever reads it. */
static void judge_id(struct subscriber *subscriber, const struct subscriber_target *target,
                     const char *id, uint32_t value)
{
    struct audience_book *audience = target->audience;

    for (size_t i = audience->told_count; i-- > 0;) {
        if (strcmp(audience->told[i].id, id) != 0)
            continue;
        judge_that(subscriber->world->judge, INVARIANT_IDS, audience->told[i].value == value,
                   "subscriber %u: id %s is v%u, and was v%u", subscriber->number, id, value,
                   audience->told[i].value);
        return;
    }
    if (audience->told_count == audience->told_capacity) {
        audience->told_capacity = audience->told_capacity == 0 ? 16 : 2 * audience->told_capacity;
        audience->told =
            memory_resize(audience->told, audience->told_capacity * sizeof *audience->told);
    }
    struct told_value *told = &audience->told[audience->told_count++];
    *told = (struct told_value){.value = value};
    (void)snprintf(told->id, sizeof told->id, "%s", id);
}

static bool find_span(const struct value_history *history, uint32_t value, size_t *at)
{
    for (size_t i = history->count; i-- > 0;) {
        if (history->spans[i].value != value)
            continue;
        *at = i;
        return true;
    }
    return false;
}

/* An answer to a poll that was given up comes with the token of the next, and has no number. */
static bool may_be_late(const struct world *world, unsigned node)
{
    const struct model_traits *traits = &world->scenario.traits[node];

    return traits->separate_percent > 0 && (!traits->observes || traits->observers_max > 0 ||
                                            traits->refuses_observers_permille > 0);
}

static void judge_order(struct subscriber *subscriber, struct subscriber_target *target,
                        uint32_t value)
{
    const struct value_history *history =
        &subscriber->world->places[target->node].histories[target->resource];
    size_t at = 0;

    if (!find_span(history, value, &at)) {
        judge_that(subscriber->world->judge, INVARIANT_OWN_VALUE, false,
                   "subscriber %u: node %u /r%u never had v%u", subscriber->number, target->node,
                   target->resource, value);
        return;
    }
    judge_that(subscriber->world->judge, INVARIANT_NEWER_VALUE,
               target->value == 0 || at >= target->value_at ||
                   may_be_late(subscriber->world, target->node) ||
                   history->spans[at].epoch != history->spans[target->value_at].epoch,
               "subscriber %u: v%u of node %u /r%u comes behind v%u, which is newer",
               subscriber->number, value, target->node, target->resource, target->value);
    target->value_at = at;
}

static void judge_number(struct subscriber *subscriber, struct subscriber_target *target,
                         const struct sse_id *id)
{
    bool is_first = target->id.number == 0 || target->id.epoch != id->epoch;
    bool skips_none = subscriber->pace == PACE_EAGER && !subscriber->is_many &&
                      subscriber->events > 0 && subscriber->world->scenario.stall_us == 0 &&
                      subscriber->world->scenario.stream_queue >= QUEUE_MIN &&
                      subscriber->world->scenario.memory_per_million == 0;

    judge_that(subscriber->world->judge, INVARIANT_IDS,
               is_first || (skips_none ? id->number == target->id.number + 1
                                       : id->number > target->id.number),
               "subscriber %u: number %llu behind %llu", subscriber->number,
               (unsigned long long)id->number, (unsigned long long)target->id.number);
    target->id = *id;
}

static void judge_value(struct subscriber *subscriber, const struct event *event)
{
    struct world *world = subscriber->world;
    struct subscriber_target *target = &subscriber->targets[0];
    const char *id = bytes_text(event->last_id);
    struct sse_id number;

    const char *text = bytes_text(event->data);
    size_t length = event->data->length;
    bool is_envelope = open_envelope(subscriber, event, &target, &text, &length);

    judge_that(world->judge, INVARIANT_STREAM_HEAD, is_envelope || !subscriber->is_many,
               "subscriber %u: no envelope in a stream of many: %.60s", subscriber->number, text);
    if (target == NULL)
        return;
    uint32_t value = read_value(subscriber, target, text, length);
    judge_that(world->judge, INVARIANT_OWN_VALUE, value != 0,
               "subscriber %u: not a value of node %u /r%u: %.60s", subscriber->number,
               target->node, target->resource, text);
    judge_that(world->judge, INVARIANT_STATE_EVENTS,
               target->has_state && target->told != SSE_STATE_GONE &&
                   (target->told != SSE_STATE_CONNECTING || subscriber->pace != PACE_EAGER),
               "subscriber %u: v%u before a state, or behind the end", subscriber->number, value);
    bool is_id = sse_id_read(id, strlen(id), &number);
    judge_that(world->judge, INVARIANT_IDS, is_id, "subscriber %u: v%u has the id %s",
               subscriber->number, value, id);
    if (value == 0 || !is_id)
        return;
    judge_that(
        world->judge, INVARIANT_POLLED_CHANGES,
        subscriber->pace != PACE_EAGER || world->scenario.traits[target->node].observes ||
            target->value != value || target->id.epoch != number.epoch || subscriber->events == 0,
        "subscriber %u: v%u comes again, and nothing was changed", subscriber->number, value);
    judge_number(subscriber, target, &number);
    judge_id(subscriber, target, id, value);
    judge_order(subscriber, target, value);
    target->value = value;
    target->owes_value = false;
    subscriber->events++;
}

void subscriber_judge_event(struct subscriber *subscriber, const struct event *event)
{
    struct world *world = subscriber->world;

    world->totals->events++;
    judge_tell(world->judge, "subscriber %u: %s %.70s", subscriber->number, event->type,
               bytes_text(event->data));
    judge_that(world->judge, INVARIANT_STREAM_HEAD,
               subscriber->reader.retry_ms >= RETRY_MS * 4 / 5 &&
                   subscriber->reader.retry_ms <= RETRY_MS * 6 / 5,
               "subscriber %u: retry is %ld ms", subscriber->number, subscriber->reader.retry_ms);
    if (strcmp(event->type, "state") == 0)
        judge_state(subscriber, event);
    else if (strcmp(event->type, "message") == 0)
        judge_value(subscriber, event);
    else
        judge_that(world->judge, INVARIANT_STATE_EVENTS, false, "subscriber %u: an event %s",
                   subscriber->number, event->type);
}

void subscriber_judge_end(struct subscriber *subscriber)
{
    for (unsigned i = 0; i < subscriber->target_count; i++)
        judge_that(
            subscriber->world->judge, INVARIANT_STATE_EVENTS,
            (subscriber->targets[i].has_state && subscriber->targets[i].told == SSE_STATE_GONE) ||
                subscriber->world->scenario.memory_per_million > 0,
            "subscriber %u: the stream ends, and nobody said that node %u /r%u has gone",
            subscriber->number, subscriber->targets[i].node, subscriber->targets[i].resource);
}

/* --- at any time --- */

static void judge_live(const struct subscriber *subscriber, const struct subscriber_target *target)
{
    const struct world *world = subscriber->world;
    const struct model_traits *traits = &world->scenario.traits[target->node];

    if (world->scenario.has_blocks || traits->has_same_etags || traits->misvalid_permille > 0 ||
        target->value == 0 || !target->has_state || target->told != SSE_STATE_LIVE ||
        target->was_ended)
        return;
    uint64_t until_us =
        store_watch_live_until(world, target->node, &target->audience->wish, target->value);
    judge_that(world->judge, INVARIANT_LIVE,
               world->now_us <= until_us + LATE_MS * (uint64_t)MS + world_slack_us(world),
               "subscriber %u: v%u of node %u /r%u is live, and was fresh until %.3f s ago",
               subscriber->number, target->value, target->node, target->resource,
               (double)(world->now_us - until_us) / S);
}

static bool are_all_gone(const struct subscriber *subscriber)
{
    for (unsigned i = 0; i < subscriber->target_count; i++)
        if (!subscriber->targets[i].has_state || subscriber->targets[i].told != SSE_STATE_GONE)
            return false;
    return true;
}

void subscriber_judge_now(struct subscriber *subscriber)
{
    const struct world *world = subscriber->world;
    uint64_t wait_us = world->now_us - subscriber->began_us;
    uint64_t silent_us = world->now_us - subscriber->heard_us;

    if (subscriber->state == SUBSCRIBER_WAITING) {
        judge_that(world->judge, INVARIANT_ANSWERED_IN_TIME,
                   wait_us <= ANSWER_S * (uint64_t)S + NAME_SERVICE_WAIT_US +
                                  LATE_MS * (uint64_t)MS + world_slack_us(world),
                   "subscriber %u waits for %.3f s", subscriber->number, (double)wait_us / S);
        return;
    }
    if (subscriber->state != SUBSCRIBER_LISTENING || subscriber->pace != PACE_EAGER)
        return;
    judge_that(world->judge, INVARIANT_HEARTBEAT,
               silent_us <= world->scenario.heartbeat_ms * (uint64_t)MS +
                                HEARTBEAT_LATE_S * (uint64_t)S + world_slack_us(world),
               "subscriber %u has heard nothing for %.3f s", subscriber->number,
               (double)silent_us / S);
    if (!subscriber->is_reading_due)
        judge_that(world->judge, INVARIANT_STATE_EVENTS, !are_all_gone(subscriber),
                   "subscriber %u: all has gone, and the stream does not end", subscriber->number);
    for (unsigned i = 0; i < subscriber->target_count; i++)
        if (!subscriber->is_reading_due)
            judge_live(subscriber, &subscriber->targets[i]);
}

/* --- in the end --- */

static bool is_reachable(const struct world *world, const struct subscriber_target *target)
{
    const struct place *node = &world->places[target->node];
    bool follows = target->uses_name || (world->scenario.move_us > 0 && target->target[1] == 'n');

    return node->trouble == TROUBLE_NONE && (follows || node->home == node);
}

/* Between the end of its Max-Age and the next refresh, which comes later (RFC 7641 3.3.1). */
static bool is_old(const struct world *world, const struct subscriber_target *target)
{
    return world->scenario.has_blocks ||
           world->now_us >=
               store_watch_live_until(world, target->node, &target->audience->wish, target->value);
}

void subscriber_judge_final(struct subscriber *subscriber)
{
    struct world *world = subscriber->world;

    if (subscriber->state == SUBSCRIBER_OVER)
        return;
    for (unsigned i = 0; i < subscriber->target_count; i++) {
        const struct subscriber_target *target = &subscriber->targets[i];
        const struct value_history *history =
            &world->places[target->node].histories[target->resource];
        uint32_t value = history->spans[history->count - 1].value;
        /* For want of memory the end of one of many may not have been told. */
        if ((target->has_state && target->told == SSE_STATE_GONE) ||
            (!target->has_state && world->scenario.memory_per_million > 0))
            continue;
        const char *told = target->has_state ? sse_state_name(target->told) : "nothing";
        if (!is_reachable(world, target))
            judge_that(world->judge, INVARIANT_FINAL_STATE,
                       target->has_state && target->told == SSE_STATE_OFFLINE,
                       "subscriber %u: node %u is not there, and it was told %s",
                       subscriber->number, target->node, told);
        else
            judge_that(world->judge, INVARIANT_FINAL_STATE,
                       target->has_state && target->value == value &&
                           (target->told == SSE_STATE_LIVE ||
                            (target->told == SSE_STATE_STALE && is_old(world, target))),
                       "subscriber %u: node %u /r%u is v%u, and it was told %s and v%u",
                       subscriber->number, target->node, target->resource, value, told,
                       target->value);
    }
}
