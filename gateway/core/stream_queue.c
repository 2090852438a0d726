/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream_private.h"

/*
 * What waits for the reader of a stream: one queue in the order of what happened, in which each
 * target has a bounded part. When that is full, something of it is left out that says less than
 * what came later: values first, since Observe promises the newest and no history (RFC 7641 1.3),
 * and never the newest of a kind (SSE-10). A state that is left out hands its place to the next, so
 * that a value is never read before there was a state: the smallest queue is a state, a value and
 * the state behind it. The same happens when there is no memory for one more; if nothing can be
 * left out, the newest is owed, and rendered once the reader has come.
 */

#include <stdlib.h>

#include "audience.h"
#include "core_private.h"
#include "memory_account.h"
#include "metrics.h"

static struct memory_account *account_of(const struct stream *stream)
{
    return stream->streams->core->options.memory;
}

struct stream_target *stream_add_target(struct stream *stream, unsigned roles)
{
    struct stream_target *target = NULL;

    if (memory_account_take(account_of(stream), sizeof *target))
        target = calloc(1, sizeof *target);
    else
        return NULL;
    if (target == NULL) {
        memory_account_give(account_of(stream), sizeof *target);
        return NULL;
    }
    target->stream = stream;
    target->roles = roles;
    TAILQ_INIT(&target->waiting);
    TAILQ_INSERT_TAIL(&stream->targets, target, link);
    return target;
}

/* Takes the entry out of the queue; what it refers to is the caller's to release. */
static void take_out(struct stream_entry *entry)
{
    struct stream_target *target = entry->target;

    TAILQ_REMOVE(&target->stream->queue, entry, stream_link);
    TAILQ_REMOVE(&target->waiting, entry, target_link);
    if (entry->event->kind == STREAM_EVENT_VALUE)
        target->values--;
    else
        target->states--;
}

static void free_entry(struct stream *stream, struct stream_entry *entry)
{
    memory_account_give(account_of(stream), sizeof *entry);
    free(entry);
}

void stream_remove_target(struct stream_target *target)
{
    struct stream *stream = target->stream;
    struct stream_entry *entry;

    TAILQ_REMOVE(&stream->targets, target, link);
    audience_leave(target);
    while ((entry = TAILQ_FIRST(&target->waiting)) != NULL) {
        take_out(entry);
        stream_event_release(entry->event);
        free_entry(stream, entry);
    }
    memory_account_give(account_of(stream), sizeof *target);
    free(target);
}

struct stream_event *stream_take(struct stream *stream)
{
    struct stream_entry *entry = TAILQ_FIRST(&stream->queue);
    struct stream_event *event;

    if (entry == NULL)
        return NULL;
    event = entry->event;
    take_out(entry);
    free_entry(stream, entry);
    return event;
}

static struct stream_entry *oldest(const struct stream_target *target, enum stream_event_kind kind)
{
    struct stream_entry *entry;

    TAILQ_FOREACH(entry, &target->waiting, target_link)
    {
        if (entry->event->kind == kind)
            return entry;
    }
    return NULL;
}

/* The second oldest state stands in the place of the oldest, and the other way round: returned. */
static struct stream_entry *pass_place_on(struct stream_entry *first)
{
    struct stream_event *event = first->event;
    struct stream_entry *second = TAILQ_NEXT(first, target_link);

    while (second->event->kind != STREAM_EVENT_STATE)
        second = TAILQ_NEXT(second, target_link);
    first->event = second->event;
    second->event = event;
    return second;
}

/* What says least beside a newer event of that kind; NULL: everything is needed. */
static struct stream_entry *find_least(const struct stream_target *target,
                                       enum stream_event_kind newer)
{
    if (target->values > (newer == STREAM_EVENT_VALUE ? 0U : 1U))
        return oldest(target, STREAM_EVENT_VALUE);
    if (target->states > 1)
        return pass_place_on(oldest(target, STREAM_EVENT_STATE));
    return NULL;
}

/* The entry is the caller's, without an event. NULL when there is nothing to leave out. */
static struct stream_entry *leave_out(struct stream_target *target, enum stream_event_kind newer)
{
    struct stream_entry *entry = find_least(target, newer);

    if (entry == NULL)
        return NULL;
    take_out(entry);
    stream_event_release(entry->event);
    metrics_add(target->stream->streams->core->metrics, METRIC_SSE_DROPPED_EVENTS, 1);
    return entry;
}

/* Whoever keeps up is not refused a place. */
static struct stream_entry *new_entry(const struct stream_target *target)
{
    struct memory_account *account = account_of(target->stream);
    struct stream_entry *entry;

    if (TAILQ_EMPTY(&target->waiting))
        memory_account_add(account, sizeof *entry);
    else if (!memory_account_take(account, sizeof *entry))
        return NULL;
    entry = malloc(sizeof *entry);
    if (entry == NULL)
        memory_account_give(account, sizeof *entry);
    return entry;
}

static struct stream_entry *find_place(struct stream_target *target, enum stream_event_kind kind)
{
    struct stream_entry *entry = NULL;

    if (target->values + target->states >= target->stream->queue_maximum)
        entry = leave_out(target, kind);
    if (entry == NULL)
        entry = new_entry(target);
    return entry != NULL ? entry : leave_out(target, kind);
}

static void set_owing(struct stream_target *target, bool owes_value, bool owes_state)
{
    target->stream->owed += owes_value || owes_state;
    target->stream->owed -= target->owes_value || target->owes_state;
    target->owes_value = owes_value;
    target->owes_state = owes_state;
}

void stream_owe(struct stream_target *target, enum stream_event_kind kind)
{
    if (target->audience == NULL)
        return;
    set_owing(target, target->owes_value || kind == STREAM_EVENT_VALUE,
              target->owes_state || kind == STREAM_EVENT_STATE);
    stream_wake(target->stream);
}

void stream_forgive(struct stream_target *target)
{
    set_owing(target, false, false);
}

void stream_push(struct stream_target *target, struct stream_event *event)
{
    struct stream *stream = target->stream;
    struct stream_entry *entry = find_place(target, event->kind);

    if (entry == NULL) {
        stream_owe(target, event->kind);
        return;
    }
    *entry = (struct stream_entry){.target = target, .event = stream_event_reference(event)};
    TAILQ_INSERT_TAIL(&stream->queue, entry, stream_link);
    TAILQ_INSERT_TAIL(&target->waiting, entry, target_link);
    if (event->kind == STREAM_EVENT_VALUE)
        target->values++;
    else
        target->states++;
    /* Nothing newer is owed any more. */
    set_owing(target, target->owes_value && event->kind != STREAM_EVENT_VALUE,
              target->owes_state && event->kind != STREAM_EVENT_STATE);
    stream_wake(stream);
}

void stream_drop_values(struct stream_target *target)
{
    struct stream_entry *entry;

    while (target->values > 0 && (entry = leave_out(target, STREAM_EVENT_VALUE)) != NULL)
        free_entry(target->stream, entry);
}
