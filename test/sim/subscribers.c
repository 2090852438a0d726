/* SPDX-License-Identifier: BSD-2-Clause */
#include "subscribers.h"

#include <stdio.h>
#include <string.h>

#include "exchange.h"
#include "memory.h"
#include "stream.h"

/*
 * subscribers: HTTP clients that read streams of server-sent events, where http/ is in the daemon:
 * they open a stream, read it at their own pace, stall, leave in the middle or while they wait for
 * its head, and come back with the id that they had last. Some stay until the world has been quiet
 * for long; what they were told then must be so.
 */

enum { READ_MAX = 2048 };

static void fired(void *handle, const struct event *event)
{
    subscriber_judge_event(handle, event);
}

/* --- who is there --- */

void subscriber_count_as(struct subscriber *subscriber, struct subscriber_target *target,
                         enum subscriber_count count)
{
    struct audience_book *audience = target->audience;

    if (target->count == count)
        return;
    audience->doubtful -= target->is_doubtful;
    target->is_doubtful = false;
    audience->waiting -= target->count == COUNT_WAITING;
    audience->listening -= target->count == COUNT_LISTENING;
    audience->waiting += count == COUNT_WAITING;
    audience->listening += count == COUNT_LISTENING;
    target->count = count;
    relation_watch_counted(audience, subscriber->world->now_us);
}

static void count_all_as(struct subscriber *subscriber, enum subscriber_count count)
{
    for (unsigned i = 0; i < subscriber->target_count; i++)
        subscriber_count_as(subscriber, &subscriber->targets[i], count);
}

void subscribers_were_stopped(struct world *world)
{
    struct subscriber *subscriber;

    TAILQ_FOREACH(subscriber, &world->subscribers, link)
    {
        for (unsigned i = 0; i < subscriber->target_count; i++) {
            subscriber->targets[i].was_ended = true;
            if (subscriber->state == SUBSCRIBER_LISTENING)
                subscriber_count_as(subscriber, &subscriber->targets[i], COUNT_NONE);
        }
    }
}

void subscribers_were_ended(struct world *world, const struct audience_book *audience)
{
    struct subscriber *subscriber;

    TAILQ_FOREACH(subscriber, &world->subscribers, link)
    {
        for (unsigned i = 0; i < subscriber->target_count; i++) {
            struct subscriber_target *target = &subscriber->targets[i];
            if (target->audience != audience || subscriber->state != SUBSCRIBER_LISTENING)
                continue;
            if (target->count == COUNT_LISTENING) {
                target->was_ended = true;
                subscriber_count_as(subscriber, target, COUNT_NONE);
            } else if (target->count == COUNT_WAITING && !target->is_doubtful) {
                target->is_doubtful = true;
                target->audience->doubtful++;
            }
        }
    }
}

/* --- the end --- */

static void come_back(void *handle, void *subject);

static void account(struct subscriber *subscriber)
{
    struct world *world = subscriber->world;
    struct exchange_account account = {
        .method = subscriber->http.method_text,
        .target = subscriber->target,
        .client = subscriber->http.client,
        .request_id = subscriber->http.id,
        .status = subscriber->status,
        .elapsed_us = world->now_us - subscriber->began_us,
    };

    if (subscriber->exchange == 0)
        return;
    exchange_account(world->core, subscriber->exchange, &account);
    exchange_detach(world->core, subscriber->exchange);
    subscriber->exchange = 0;
}

static void leave(struct subscriber *subscriber)
{
    struct world *world = subscriber->world;

    if (subscriber->state == SUBSCRIBER_OVER)
        return;
    judge_tell(world->judge, "subscriber %u leaves", subscriber->number);
    count_all_as(subscriber, COUNT_NONE);
    if (subscriber->state == SUBSCRIBER_WAITING)
        account(subscriber);
    else
        stream_close(subscriber->stream);
    subscriber->stream = NULL;
    subscriber->state = SUBSCRIBER_OVER;
    /* Nothing of it may be looked at any more. */
    memset(&subscriber->http, 0, sizeof subscriber->http);
    memset(subscriber->target, 'x', sizeof subscriber->target - 1);
    if (!world->is_peaceful && !subscriber->is_head && dice_chance(&world->stream_dice, 500))
        world_later(world, dice_spread(&world->stream_dice, MS, 30 * (uint64_t)S), come_back, world,
                    subscriber);
}

static void patience_ends(void *handle, void *subject)
{
    struct subscriber *subscriber = subject;

    (void)handle;
    leave(subscriber);
}

/* --- reading --- */

static void reads(void *handle, void *subject);

static void read_later(struct subscriber *subscriber, uint64_t delay_us)
{
    if (subscriber->is_reading_due)
        return;
    subscriber->is_reading_due = true;
    world_later(subscriber->world, delay_us, reads, subscriber->world, subscriber);
}

/* The reader's memory is not the gateway's. */
static void feed(struct subscriber *subscriber, const char *bytes, size_t length)
{
    struct world *world = subscriber->world;

    subscriber->heard_us = world->now_us;
    judge_note_number(world->judge, subscriber->number);
    judge_note(world->judge, bytes, length);
    memory_fail(&world->memory_dice, 0);
    event_stream_feed(&subscriber->reader, bytes, length);
    world_resume_failing(world);
}

/* The length of what was read; 0: nothing is there; -1: the end. */
static long read_piece(struct subscriber *subscriber, size_t size)
{
    char bytes[READ_MAX];
    struct world *world = subscriber->world;

    world->is_inside = true;
    long length = stream_read(subscriber->stream, bytes, size);
    world->is_inside = false;
    judge_that(world->judge, INVARIANT_READ_BOUNDED, length >= -1 && length <= (long)size,
               "subscriber %u: %ld bytes where %zu had room", subscriber->number, length, size);
    subscriber->is_fed = length > 0;
    if (length > 0)
        feed(subscriber, bytes, (size_t)length);
    return length;
}

static void ends(struct subscriber *subscriber)
{
    subscriber->has_ended = true;
    subscriber_judge_end(subscriber);
    leave(subscriber);
}

static size_t piece_size(struct subscriber *subscriber)
{
    struct dice *dice = &subscriber->world->stream_dice;

    switch (subscriber->pace) {
    case PACE_BYTES:
        return 1 + dice_below(dice, 16);
    case PACE_SLOW:
        return (size_t)dice_spread(dice, 1, READ_MAX);
    default:
        return dice_chance(dice, 800) ? READ_MAX : (size_t)dice_spread(dice, 1, READ_MAX);
    }
}

static uint64_t pause_us(struct subscriber *subscriber)
{
    struct dice *dice = &subscriber->world->stream_dice;

    return subscriber->pace == PACE_BYTES ? dice_between(dice, MS, 20 * MS)
                                          : dice_spread(dice, MS, 30 * (uint64_t)S);
}

static void read_all(struct subscriber *subscriber)
{
    long length;

    do
        length = read_piece(subscriber, piece_size(subscriber));
    while (length > 0);
    if (length < 0)
        ends(subscriber);
    else
        subscriber_judge_now(subscriber);
}

static void reads(void *handle, void *subject)
{
    struct world *world = handle;
    struct subscriber *subscriber = subject;

    subscriber->is_reading_due = false;
    if (subscriber->state != SUBSCRIBER_LISTENING)
        return;
    if (world_is_stalled(world)) {
        read_later(subscriber, world->stalled_until_us - world->now_us);
        return;
    }
    if (subscriber->pace == PACE_STALLED && world->now_us < subscriber->stalled_until_us) {
        read_later(subscriber, subscriber->stalled_until_us - world->now_us);
        return;
    }
    if (subscriber->pace == PACE_EAGER || subscriber->pace == PACE_STALLED) {
        read_all(subscriber);
        if (subscriber->pace == PACE_STALLED && dice_chance(&world->stream_dice, 200))
            subscriber->stalled_until_us =
                world->now_us + dice_spread(&world->stream_dice, S, 300 * (uint64_t)S);
        return;
    }
    long length = read_piece(subscriber, piece_size(subscriber));
    if (length < 0)
        ends(subscriber);
    else if (length > 0)
        read_later(subscriber, pause_us(subscriber));
}

static void readable(void *north)
{
    struct subscriber *subscriber = north;

    judge_that(subscriber->world->judge, INVARIANT_TOLD_READABLE,
               !subscriber->world->is_inside && subscriber->state == SUBSCRIBER_LISTENING,
               "subscriber %u: told to read in state %d", subscriber->number, subscriber->state);
    if (subscriber->pace == PACE_NEVER)
        return;
    read_later(subscriber, subscriber->pace == PACE_EAGER || subscriber->pace == PACE_STALLED
                               ? 0
                               : pause_us(subscriber));
}

/* --- the answer --- */

static void begin_to_listen(struct subscriber *subscriber)
{
    struct world *world = subscriber->world;

    subscriber->heard_us = world->now_us;
    subscriber->reader =
        (struct event_stream){.fired = fired, .handle = subscriber, .retry_ms = -1};
    account(subscriber);
    /* Which of many are subscribed to is known when their first state is told. */
    if (world->is_draining)
        count_all_as(subscriber, COUNT_NONE);
    else if (!subscriber->is_many)
        count_all_as(subscriber, COUNT_LISTENING);
    subscriber->state = SUBSCRIBER_LISTENING;
    world->totals->streams++;
    world->is_inside = true;
    stream_bind(subscriber->stream, subscriber);
    world->is_inside = false;
    if (subscriber->pace != PACE_NEVER)
        read_later(subscriber, 0);
}

static void take_reply(struct subscriber *subscriber)
{
    struct world *world = subscriber->world;
    const struct http_reply *reply = exchange_reply(world->core, subscriber->exchange);

    judge_that(world->judge, INVARIANT_ANSWERED_ONCE,
               reply != NULL && subscriber->status == 0 && subscriber->state == SUBSCRIBER_WAITING,
               "subscriber %u: answered again, or by nothing", subscriber->number);
    if (reply == NULL || subscriber->status != 0)
        return;
    subscriber->status = reply->status;
    judge_note_number(world->judge, reply->status);
    judge_tell(world->judge, "subscriber %u: %u after %.3f s", subscriber->number, reply->status,
               (double)(world->now_us - subscriber->began_us) / S);
    subscriber->stream = exchange_take_stream(world->core, subscriber->exchange);
    judge_that(world->judge, INVARIANT_STREAM_HEAD,
               (subscriber->stream != NULL) == (reply->status == 200 && !subscriber->is_head),
               "subscriber %u: %u %s a stream", subscriber->number, reply->status,
               subscriber->stream != NULL ? "with" : "without");
    if (subscriber->stream == NULL && reply->status != 200)
        subscriber_judge_refusal(subscriber, reply);
    else
        subscriber_judge_head(subscriber, reply);
    if (subscriber->stream != NULL)
        begin_to_listen(subscriber);
    else
        leave(subscriber);
}

static void answered(void *north)
{
    struct subscriber *subscriber = north;

    judge_that(subscriber->world->judge, INVARIANT_ANSWERED_ONCE, !subscriber->world->is_inside,
               "subscriber %u: answered from inside", subscriber->number);
    take_reply(subscriber);
}

const struct north_ops subscribers_north = {.answered = answered, .readable = readable};

/* --- the beginning --- */

static struct subscriber *add_subscriber(struct world *world)
{
    static const enum subscriber_pace slow[] = {PACE_SLOW, PACE_BYTES, PACE_STALLED, PACE_NEVER};
    struct subscriber *subscriber = memory_take(sizeof *subscriber);
    struct dice *dice = &world->stream_dice;

    memset(subscriber, 0, sizeof *subscriber);
    subscriber->client.ops = &subscribers_north;
    subscriber->world = world;
    subscriber->number = ++world->subscriber_count;
    subscriber->began_us = world->now_us;
    subscriber->stays = dice_below(dice, 100) < world->scenario.stay_percent;
    if (dice_below(dice, 100) < world->scenario.slow_percent)
        subscriber->pace = slow[dice_below(dice, 4)];
    TAILQ_INSERT_TAIL(&world->subscribers, subscriber, link);
    return subscriber;
}

static void write_target(struct subscriber_target *target, unsigned spelling, const char *mark)
{
    char query[24] = "";
    char host[24];

    target->uses_name = spelling == 2;
    if (mark[0] != '\0')
        (void)snprintf(query, sizeof query, "?q=%s", mark);
    (void)snprintf(host, sizeof host, target->node % 2 == 1 ? "[fd00::%x]" : "10.0.0.%u",
                   target->node + 1);
    if (spelling == 0)
        (void)snprintf(target->target, sizeof target->target, "/hc/coap://%s/r%u%s", host,
                       target->resource, query);
    else if (spelling == 1)
        (void)snprintf(target->target, sizeof target->target, "/nodes/n%u/r%u%s", target->node,
                       target->resource, query);
    else
        (void)snprintf(target->target, sizeof target->target, "/hc/coap://n%u.sim/r%u%s",
                       target->node, target->resource, query);
}

static void choose_target(struct subscriber *subscriber)
{
    struct world *world = subscriber->world;
    struct dice *dice = &world->stream_dice;
    struct subscriber_target *target = &subscriber->targets[subscriber->target_count];
    struct wire_wish wish = {.code = 1, .accept = -1, .observe = 0};

    target->node = dice_below(dice, world->scenario.nodes);
    target->resource = dice_below(dice, world->scenario.traits[target->node].resources);
    if (subscriber->is_head)
        (void)snprintf(wish.mark, sizeof wish.mark, "h%u", subscriber->number);
    else if (dice_below(dice, world->scenario.marks + 1) > 0)
        (void)snprintf(wish.mark, sizeof wish.mark, "k%u", dice_below(dice, world->scenario.marks));
    write_target(target, dice_below(dice, world->scenario.uses_names ? 3 : 2), wish.mark);
    wish.resource = (int)target->resource;
    wish.has_host = target->uses_name || (world->scenario.move_us > 0 && target->target[1] == 'n');
    if (!subscriber->is_many && dice_chance(dice, 150))
        wish.accept = dice_chance(dice, 500) ? MODEL_JSON : 0;
    for (unsigned i = 0; i < subscriber->target_count; i++)
        if (strcmp(subscriber->targets[i].target, target->target) == 0)
            return;
    subscriber->target_count++;
    target->audience = relation_watch_audience(world, target->node, &wish);
}

/* A query's value: all is encoded that could end it. */
static size_t encode(const char *text, char *out, size_t size)
{
    size_t used = 0;

    for (; *text != '\0' && used + 4 < size; text++) {
        if (strchr("?&=#+%[]", *text) != NULL)
            used += (size_t)snprintf(out + used, size - used, "%%%02X", (unsigned char)*text);
        else
            out[used++] = *text;
    }
    out[used] = '\0';
    return used;
}

static void write_request(struct subscriber *subscriber)
{
    char *out = subscriber->target;
    size_t size = sizeof subscriber->target;

    if (!subscriber->is_many) {
        memcpy(out, subscriber->targets[0].target, sizeof subscriber->targets[0].target);
        return;
    }
    size_t used = (size_t)snprintf(out, size, "/events");
    for (unsigned i = 0; i < subscriber->target_count; i++) {
        used += (size_t)snprintf(out + used, size - used, "%ctarget=", i == 0 ? '?' : '&');
        used += encode(subscriber->targets[i].target, out + used, size - used);
    }
}

static void add_field(struct subscriber *subscriber, const char *name, const char *value)
{
    subscriber->fields[subscriber->http.field_count++] = (struct http_field){name, value};
    subscriber->http.fields = subscriber->fields;
}

static void ask(struct subscriber *subscriber)
{
    struct world *world = subscriber->world;
    struct dice *dice = &world->stream_dice;
    struct http_request *http = &subscriber->http;

    write_request(subscriber);
    int accept = subscriber->targets[0].audience->wish.accept;
    enum exchange_progress progress;

    add_field(subscriber, "Accept",
              accept < 0    ? "text/event-stream"
              : accept == 0 ? "text/event-stream, text/plain;q=0.5"
                            : "text/event-stream, application/json;q=0.5");
    if (subscriber->known[0] != '\0')
        add_field(subscriber, "Last-Event-ID", subscriber->known);
    http->method = subscriber->is_head ? HTTP_METHOD_HEAD : HTTP_METHOD_GET;
    http->method_text = subscriber->is_head ? "HEAD" : "GET";
    http->target = subscriber->target;
    http->roles = ROLE_READ;
    http->client = "192.0.2.2";
    http->client_key = 10 + dice_below(dice, 4);
    http->id = "sim";
    judge_tell(world->judge, "subscriber %u: %s %s, %s, pace %d%s, knows %s", subscriber->number,
               http->method_text, subscriber->target, subscriber->fields[0].value, subscriber->pace,
               subscriber->stays ? ", stays" : "", subscriber->known);
    if (!subscriber->is_head)
        count_all_as(subscriber, COUNT_WAITING);
    world->is_inside = true;
    progress = exchange_begin(world->core, http, subscriber, &subscriber->exchange);
    if (progress == EXCHANGE_WANTS_BODY)
        progress = exchange_run(world->core, subscriber->exchange);
    world->is_inside = false;
    if (!subscriber->stays)
        world_later(world, dice_spread(dice, 100, 2 * world->scenario.stay_us), patience_ends,
                    world, subscriber);
    if (progress == EXCHANGE_ANSWERED) {
        take_reply(subscriber);
    } else if (progress == EXCHANGE_NO_MEMORY) {
        judge_that(world->judge, INVARIANT_STATUS_HAS_CAUSE, world->scenario.memory_per_million > 0,
                   "subscriber %u: no memory", subscriber->number);
        subscriber->exchange = 0;
        leave(subscriber);
    }
}

/* With the id that it had last, which is the browser's habit. */
static void come_back(void *handle, void *subject)
{
    struct world *world = handle;
    const struct subscriber *before = subject;

    if (world->is_peaceful || world->is_draining || world->clients_done_us != 0)
        return;
    struct subscriber *subscriber = add_subscriber(world);
    subscriber->target_count = before->target_count;
    for (unsigned i = 0; i < before->target_count; i++) {
        const struct subscriber_target *from = &before->targets[i];
        struct subscriber_target *to = &subscriber->targets[i];
        memcpy(to->target, from->target, sizeof to->target);
        to->node = from->node;
        to->resource = from->resource;
        to->uses_name = from->uses_name;
        to->audience = from->audience;
        to->value = from->value;
        to->value_at = from->value_at;
        /* Whoever comes back to many gets all anew. */
        if (!before->is_many)
            to->id = from->id;
    }
    subscriber->is_many = before->is_many;
    if (before->reader.last_id.length > 0 &&
        before->reader.last_id.length < sizeof subscriber->known)
        memcpy(subscriber->known, before->reader.last_id.data, before->reader.last_id.length);
    else
        memcpy(subscriber->known, before->known, sizeof subscriber->known);
    ask(subscriber);
}

static void one_comes(void *handle, void *subject)
{
    struct world *world = handle;

    (void)subject;
    if (world->is_draining || world->clients_done_us != 0)
        return;
    if (world_is_stalled(world)) {
        world_later(world, world->stalled_until_us - world->now_us, one_comes, world, NULL);
        return;
    }
    struct subscriber *subscriber = add_subscriber(world);
    subscriber->is_head = dice_chance(&world->stream_dice, 30);
    subscriber->is_many = !subscriber->is_head && world->scenario.many_permille > 0 &&
                          dice_chance(&world->stream_dice, world->scenario.many_permille);
    do
        choose_target(subscriber);
    while (subscriber->is_many && subscriber->target_count < SUBSCRIBER_TARGETS_MAX &&
           dice_chance(&world->stream_dice, 700));
    ask(subscriber);
    if (--world->subscribers_to_come > 0)
        world_later(world,
                    dice_between(&world->stream_dice, 0, 2 * world->scenario.subscribe_gap_us),
                    one_comes, world, NULL);
}

/* --- the whole --- */

void subscribers_begin(struct world *world)
{
    TAILQ_INIT(&world->subscribers);
    TAILQ_INIT(&world->audiences);
    if (world->scenario.subscribers == 0)
        return;
    world->under_way++;
    world->subscribers_to_come = world->scenario.subscribers;
    world_later(world, world->scenario.subscribe_gap_us, one_comes, world, NULL);
    storm_begin(world);
}

void subscribers_audit(struct world *world)
{
    struct subscriber *subscriber;

    TAILQ_FOREACH(subscriber, &world->subscribers, link)
    subscriber_judge_now(subscriber);
}

void subscribers_judge_final(struct world *world)
{
    struct subscriber *subscriber;

    TAILQ_FOREACH(subscriber, &world->subscribers, link)
    {
        if (subscriber->state != SUBSCRIBER_LISTENING)
            continue;
        read_all(subscriber);
        subscriber_judge_final(subscriber);
    }
}

void subscribers_leave(struct world *world)
{
    struct subscriber *subscriber;

    world->subscribers_to_come = 0;
    TAILQ_FOREACH(subscriber, &world->subscribers, link)
    leave(subscriber);
}

void subscribers_clear(struct world *world)
{
    struct subscriber *subscriber;

    TAILQ_FOREACH(subscriber, &world->subscribers, link)
    event_stream_clear(&subscriber->reader);
}

void subscribers_free(struct world *world)
{
    struct subscriber *subscriber;

    while ((subscriber = TAILQ_FIRST(&world->subscribers)) != NULL) {
        TAILQ_REMOVE(&world->subscribers, subscriber, link);
        memory_return(subscriber);
    }
}
