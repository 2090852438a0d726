/* SPDX-License-Identifier: BSD-2-Clause */
#include "event_queue.h"

#include "memory.h"

/*
 * event_queue: a binary heap in an array that only grows.
 */

void event_queue_init(struct event_queue *queue)
{
    *queue = (struct event_queue){0};
}

void event_queue_clear(struct event_queue *queue)
{
    for (size_t i = 0; i < queue->count; i++)
        if (queue->events[i].owns_subject)
            memory_return(queue->events[i].subject);
    memory_return(queue->events);
    event_queue_init(queue);
}

static bool is_before(const struct happening *a, const struct happening *b)
{
    return a->at_us != b->at_us ? a->at_us < b->at_us : a->order < b->order;
}

static void swap(struct event_queue *queue, size_t a, size_t b)
{
    struct happening event = queue->events[a];

    queue->events[a] = queue->events[b];
    queue->events[b] = event;
}

void event_queue_add(struct event_queue *queue, const struct happening *event)
{
    if (queue->count == queue->capacity) {
        queue->capacity = queue->capacity == 0 ? 256 : 2 * queue->capacity;
        queue->events = memory_resize(queue->events, queue->capacity * sizeof *queue->events);
    }
    size_t at = queue->count++;
    queue->events[at] = *event;
    queue->events[at].order = queue->next_order++;
    for (; at > 0 && is_before(&queue->events[at], &queue->events[(at - 1) / 2]); at = (at - 1) / 2)
        swap(queue, at, (at - 1) / 2);
}

uint64_t event_queue_next_us(const struct event_queue *queue)
{
    return queue->count == 0 ? EVENT_QUEUE_NEVER : queue->events[0].at_us;
}

bool event_queue_take(struct event_queue *queue, struct happening *event)
{
    size_t at = 0;

    if (queue->count == 0)
        return false;
    *event = queue->events[0];
    queue->events[0] = queue->events[--queue->count];
    for (;;) {
        size_t least = at;
        for (size_t below = 2 * at + 1; below <= 2 * at + 2; below++) {
            if (below < queue->count && is_before(&queue->events[below], &queue->events[least]))
                least = below;
        }
        if (least == at)
            return true;
        swap(queue, at, least);
        at = least;
    }
}
