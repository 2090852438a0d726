/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"
#include "stream_private.h"

/*
 * A stream as its reader sees it: text that comes out of a queue of references to events, a comment
 * when nothing has come for a while, and the end when all targets are gone and the queue is empty.
 * The reader is told once when there is something again behind a read that gave nothing, at the end
 * of what has happened: it may then do with any stream what it likes.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "audience.h"
#include "buffer.h"
#include "core_private.h"
#include "events.h"
#include "memory_account.h"
#include "problem.h"
#include "representation.h"
#include "sse.h"

enum {
    US_PER_MS = 1000,
    PAY_US = 1000000, /* how soon memory is asked for again for what is owed */
    LINE_MAX_BYTES = 256,
};

static uint64_t now_us(const struct streams *streams)
{
    return timers_now_us(streams->core->options.timers);
}

/* --- all streams --- */

static void tell_now(void *handle)
{
    streams_tell(handle);
}

static struct stream_event *make_keep_alive(void)
{
    struct buffer text;

    buffer_init(&text, LINE_MAX_BYTES);
    (void)sse_write_keep_alive(&text);
    return stream_event_new(STREAM_EVENT_OTHER, &text, NULL);
}

struct streams *streams_new(struct core *core)
{
    struct streams *streams = calloc(1, sizeof *streams);

    if (streams == NULL)
        return NULL;
    streams->core = core;
    TAILQ_INIT(&streams->all);
    TAILQ_INIT(&streams->told);
    TAILQ_INIT(&streams->audience_list);
    timer_init(&streams->tell, tell_now, streams);
    random_bytes(&core->options.random, &streams->hash, sizeof streams->hash);
    streams->keep_alive = make_keep_alive();
    if (streams->keep_alive == NULL) {
        free(streams);
        return NULL;
    }
    return streams;
}

void streams_free(struct streams *streams)
{
    if (streams == NULL)
        return;
    assert(TAILQ_EMPTY(&streams->all) && TAILQ_EMPTY(&streams->audience_list));
    timers_disarm(streams->core->options.timers, &streams->tell);
    stream_event_release(streams->keep_alive);
    free(streams);
}

void streams_tell(struct streams *streams)
{
    struct stream *stream;

    while ((stream = TAILQ_FIRST(&streams->told)) != NULL) {
        TAILQ_REMOVE(&streams->told, stream, told_link);
        stream->is_told = stream->is_waiting = false;
        streams->core->options.north->readable(stream->north);
    }
}

void streams_tell_later(struct streams *streams)
{
    timers_arm(streams->core->options.timers, &streams->tell, 0);
}

size_t streams_count(const struct core *core)
{
    return core->streams->count;
}

void streams_end_all(struct core *core)
{
    const struct sse_change change = {
        .state = SSE_STATE_GONE,
        .reason = problem_slug(PROBLEM_STOPPING),
        .status = 503,
    };
    struct stream *stream;

    TAILQ_FOREACH(stream, &core->streams->all, link)
    {
        if (stream->events != NULL)
            events_end(stream->events, &change);
    }
    audience_end_all(core->streams, &change);
    streams_tell(core->streams);
}

/* --- one stream --- */

void stream_wake(struct stream *stream)
{
    if (!stream->is_waiting || stream->is_told)
        return;
    stream->is_told = true;
    TAILQ_INSERT_TAIL(&stream->streams->told, stream, told_link);
}

static void arm_heartbeat(struct stream *stream, uint64_t delay_us)
{
    if (stream->owed > 0 && delay_us > PAY_US)
        delay_us = PAY_US;
    timers_arm(stream->streams->core->options.timers, &stream->heartbeat, delay_us);
}

/* A reader that does not come has something to read already: nothing is added to that. */
static void heartbeat_due(void *handle)
{
    struct stream *stream = handle;
    uint64_t interval_us = (uint64_t)stream->heartbeat_ms * US_PER_MS;
    uint64_t idle_us = now_us(stream->streams) - stream->last_read_us;

    if (stream->is_waiting && (idle_us >= interval_us || stream->owed > 0)) {
        stream->is_heartbeat_due = idle_us >= interval_us;
        stream_wake(stream);
    }
    if (stream->is_heartbeat_due)
        stream->last_read_us = now_us(stream->streams);
    arm_heartbeat(stream, idle_us < interval_us ? interval_us - idle_us : interval_us);
    streams_tell(stream->streams);
}

/* Clients that were cut off together come back one by one (SSE-09). */
static struct stream_event *make_retry(struct streams *streams, uint32_t retry_ms)
{
    struct buffer text;
    uint32_t random;

    random_bytes(&streams->core->options.random, &random, sizeof random);
    buffer_init(&text, LINE_MAX_BYTES);
    (void)sse_write_retry(&text, sse_spread_retry(retry_ms, random));
    return stream_event_new(STREAM_EVENT_OTHER, &text, streams->core->options.memory);
}

enum stream_refusal stream_begin(struct core *core, const struct stream_limits *limits,
                                 const struct stream_opener *opener, struct stream **begun)
{
    struct streams *streams = core->streams;
    struct stream *stream;

    if (streams->count >= limits->streams)
        return STREAM_TOO_MANY;
    stream = calloc(1, sizeof *stream);
    if (stream == NULL)
        return STREAM_NO_MEMORY;
    stream->current = make_retry(streams, limits->retry_ms);
    if (stream->current == NULL) {
        free(stream);
        return STREAM_NO_MEMORY;
    }
    stream->streams = streams;
    stream->opener = *opener;
    stream->queue_maximum = limits->queue;
    stream->heartbeat_ms = limits->heartbeat_ms;
    TAILQ_INIT(&stream->targets);
    TAILQ_INIT(&stream->queue);
    timer_init(&stream->heartbeat, heartbeat_due, stream);
    TAILQ_INSERT_TAIL(&streams->all, stream, link);
    streams->count++;
    *begun = stream;
    return STREAM_BEGUN;
}

void stream_open(struct stream *stream, const struct sse_id *last)
{
    struct stream_target *target;

    assert(!stream->is_open);
    stream->is_open = true;
    stream->opener = (struct stream_opener){0};
    TAILQ_FOREACH(target, &stream->targets, link)
    {
        if (stream_target_is_live(target))
            audience_show(target, last);
    }
    stream->last_read_us = now_us(stream->streams);
    arm_heartbeat(stream, (uint64_t)stream->heartbeat_ms * US_PER_MS);
}

enum stream_outlook stream_outlook(const struct stream *stream)
{
    const struct stream_target *target;

    if (stream->live == 0 && (stream->events == NULL || events_are_judged(stream->events)))
        return STREAM_REFUSED;
    TAILQ_FOREACH(target, &stream->targets, link)
    {
        if (stream_target_is_live(target) && audience_is_settled(target))
            return STREAM_READY;
    }
    return STREAM_WAITS;
}

void stream_note_refusal(struct stream *stream, const struct sse_change *change,
                         struct representation *refusal)
{
    if (stream->is_open)
        return;
    if (stream->status == 0) {
        stream->status = change->status;
        stream->reason = change->reason;
        stream->refusal = refusal == NULL ? NULL : representation_reference(refusal);
    } else if (stream->status != change->status) {
        stream->has_mixed_refusals = true;
    }
    stream->opener.news(stream->opener.handle);
}

void stream_end_target(struct stream_target *target, struct stream_event *event,
                       const struct sse_change *change, struct representation *refusal)
{
    struct stream *stream = target->stream;

    stream_forgive(target);
    target->is_gone = true;
    target->gone_status = change->status;
    target->gone_reason = change->reason;
    stream->live--;
    if (event != NULL)
        stream_push(target, event);
    else
        stream_owe(target, STREAM_EVENT_STATE);
    stream_note_refusal(stream, change, refusal);
    stream_wake(stream);
}

bool stream_show_refusal(struct stream *stream, const struct sse_change *change)
{
    struct stream_target *target = stream_add_target(stream, 0);
    struct stream_event *event = NULL;
    struct buffer text;
    bool is_shown;

    buffer_init(&text, SIZE_MAX);
    if (target != NULL && sse_write_state(&text, change) == 0)
        event = stream_event_new(STREAM_EVENT_STATE, &text, stream->streams->core->options.memory);
    if (event != NULL)
        stream_push(target, event);
    stream_event_release(event);
    buffer_clear(&text);
    is_shown = target != NULL && !TAILQ_EMPTY(&target->waiting);
    if (target != NULL && !is_shown)
        stream_remove_target(target);
    return is_shown;
}

/* --- reading --- */

void stream_bind(struct stream *stream, void *north)
{
    stream->north = north;
}

static void pay(struct stream *stream)
{
    struct stream_target *target;

    TAILQ_FOREACH(target, &stream->targets, link)
    {
        if (target->owes_value || target->owes_state)
            audience_pay(target);
    }
    if (stream->events != NULL)
        events_pay(stream->events);
    if (stream->owed > 0)
        arm_heartbeat(stream, PAY_US);
}

static bool take_next(struct stream *stream)
{
    if (TAILQ_EMPTY(&stream->queue) && stream->owed > 0)
        pay(stream);
    stream->current = stream_take(stream);
    if (stream->current == NULL && stream->is_heartbeat_due)
        stream->current = stream_event_reference(stream->streams->keep_alive);
    stream->is_heartbeat_due = false;
    return stream->current != NULL;
}

long stream_read(struct stream *stream, char *out, size_t size)
{
    size_t used = 0;

    assert(stream->is_open && size > 0);
    while (used < size && (stream->current != NULL || take_next(stream))) {
        size_t part = stream->current->length - stream->sent;

        if (part > size - used)
            part = size - used;
        memcpy(out + used, stream->current->text + stream->sent, part);
        used += part;
        stream->sent += part;
        if (stream->sent < stream->current->length)
            break;
        stream_event_release(stream->current);
        stream->current = NULL;
        stream->sent = 0;
    }
    if (used > 0) {
        stream->last_read_us = now_us(stream->streams);
        return (long)used;
    }
    if (stream->live == 0 && stream->owed == 0 && stream->events == NULL)
        return -1;
    stream->is_waiting = true;
    return 0;
}

void stream_close(struct stream *stream)
{
    struct stream_target *target;

    if (stream == NULL)
        return;
    timers_disarm(stream->streams->core->options.timers, &stream->heartbeat);
    if (stream->is_told)
        TAILQ_REMOVE(&stream->streams->told, stream, told_link);
    TAILQ_REMOVE(&stream->streams->all, stream, link);
    stream->streams->count--;
    events_free(stream->events);
    while ((target = TAILQ_FIRST(&stream->targets)) != NULL)
        stream_remove_target(target);
    stream_event_release(stream->current);
    representation_release(stream->refusal);
    free(stream);
}
