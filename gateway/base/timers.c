/* SPDX-License-Identifier: BSD-2-Clause */
#include "timers.h"

/*
 * timers: deadlines over the injected clock, as an intrusive pairing heap. Each request arms and
 * disarms several timers and few of them ever fire, so arming is one comparison and disarming an
 * unarmed or childless timer is a few pointer moves. The order of arming breaks ties: a simulation
 * run repeats exactly.
 *
 * `previous` is the parent for a first child and the left sibling otherwise; the root has neither.
 */

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

struct timers {
    uint64_t now_us;
    uint64_t (*clock_us)(void); /* NULL: only `now_us` */
    uint64_t next_order;
    struct timer *root;
};

struct timers *timers_new(void)
{
    return calloc(1, sizeof(struct timers));
}

void timers_free(struct timers *timers)
{
    free(timers);
}

uint64_t timers_now_us(const struct timers *timers)
{
    return timers->now_us;
}

uint64_t timers_precise_us(const struct timers *timers)
{
    return timers->clock_us != NULL ? timers->clock_us() : timers->now_us;
}

void timers_set_clock(struct timers *timers, uint64_t (*clock_us)(void))
{
    timers->clock_us = clock_us;
}

void timers_set_now_us(struct timers *timers, uint64_t now_us)
{
    if (now_us > timers->now_us) {
        timers->now_us = now_us;
    }
}

void timer_init(struct timer *timer, void (*fired)(void *handle), void *handle)
{
    *timer = (struct timer){.fired = fired, .handle = handle};
}

static bool timer_is_before(const struct timer *a, const struct timer *b)
{
    if (a->deadline_us != b->deadline_us) {
        return a->deadline_us < b->deadline_us;
    }
    return a->order < b->order;
}

/* Joins two heaps (either may be NULL): the later root becomes the first child of the earlier. */
static struct timer *heap_meld(struct timer *a, struct timer *b)
{
    if (a == NULL) {
        return b;
    }
    if (b == NULL) {
        return a;
    }
    struct timer *top = timer_is_before(a, b) ? a : b;
    struct timer *below = top == a ? b : a;
    below->previous = top;
    below->sibling = top->child;
    if (top->child != NULL) {
        top->child->previous = below;
    }
    top->child = below;
    return top;
}

/* Joins a list of siblings to one heap: in pairs from left to right, then from right to left. Loops
 * and not recursion, as the list may be as long as the heap. */
static struct timer *heap_merge_siblings(struct timer *first)
{
    struct timer *pairs = NULL; /* linked by sibling, last pair first */
    while (first != NULL) {
        struct timer *a = first;
        struct timer *b = a->sibling;
        first = b != NULL ? b->sibling : NULL;
        a->sibling = a->previous = NULL;
        if (b != NULL) {
            b->sibling = b->previous = NULL;
        }
        struct timer *pair = heap_meld(a, b);
        pair->sibling = pairs;
        pairs = pair;
    }
    struct timer *root = NULL;
    while (pairs != NULL) {
        struct timer *next = pairs->sibling;
        pairs->sibling = NULL;
        root = heap_meld(root, pairs);
        pairs = next;
    }
    return root;
}

static void heap_remove(struct timers *timers, struct timer *timer)
{
    struct timer *below = heap_merge_siblings(timer->child);
    timer->child = NULL;
    if (timer == timers->root) {
        timers->root = below;
        return;
    }
    if (timer->previous->child == timer) {
        timer->previous->child = timer->sibling;
    } else {
        timer->previous->sibling = timer->sibling;
    }
    if (timer->sibling != NULL) {
        timer->sibling->previous = timer->previous;
    }
    timer->sibling = timer->previous = NULL;
    timers->root = heap_meld(timers->root, below);
}

void timers_arm(struct timers *timers, struct timer *timer, uint64_t delay_us)
{
    timers_disarm(timers, timer);
    uint64_t left = TIMERS_NEVER - timers->now_us;
    timer->deadline_us = delay_us < left ? timers->now_us + delay_us : TIMERS_NEVER;
    timer->order = timers->next_order++;
    timer->is_armed = true;
    timers->root = heap_meld(timers->root, timer);
}

void timers_disarm(struct timers *timers, struct timer *timer)
{
    if (!timer->is_armed) {
        return;
    }
    heap_remove(timers, timer);
    timer->is_armed = false;
}

unsigned timers_run(struct timers *timers)
{
    /* What is armed from now on has a deadline of at least `now_us` and a higher order, so it sorts
     * behind everything that is due. */
    uint64_t now_us = timers->now_us;
    uint64_t first_new_order = timers->next_order;
    unsigned count = 0;
    while (timers->root != NULL && timers->root->deadline_us <= now_us &&
           timers->root->order < first_new_order) {
        struct timer *timer = timers->root;
        timers_disarm(timers, timer);
        assert(timer->fired != NULL);
        count++;
        timer->fired(timer->handle);
    }
    return count;
}

uint64_t timers_next_us(const struct timers *timers)
{
    return timers->root != NULL ? timers->root->deadline_us : TIMERS_NEVER;
}
