/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_EVENT_QUEUE_H
#define COAPGW_TEST_EVENT_QUEUE_H

/*
 * event_queue: what will happen in the simulated world, by time. It is apart from the timers of the
 * gateway, which are under test.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define EVENT_QUEUE_NEVER UINT64_MAX

struct happening {
    uint64_t at_us;
    uint64_t order; /* events of one time happen in the order in which they were added */
    void (*happens)(void *handle, void *subject);
    void *handle;
    void *subject;
    bool owns_subject; /* it is the event's until it happens */
};

struct event_queue {
    struct happening *events; /* a binary heap */
    size_t count;
    size_t capacity;
    uint64_t next_order;
};

void event_queue_init(struct event_queue *queue);
/* Subjects of events that will not happen are freed. */
void event_queue_clear(struct event_queue *queue);
void event_queue_add(struct event_queue *queue, const struct happening *event);
uint64_t event_queue_next_us(const struct event_queue *queue);
/* Takes the next event off; false when there is none. */
bool event_queue_take(struct event_queue *queue, struct happening *event);

#endif
