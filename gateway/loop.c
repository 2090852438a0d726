/* SPDX-License-Identifier: BSD-2-Clause */
#include "loop.h"

/*
 * loop: libevent under the daemon, hidden behind watches, signals and turn-end hooks. libevent runs
 * one pass per turn and the turn goes on from there: due timers, then the hooks, so that whatever
 * was queued by any callback of the turn is sent in one batch.
 *
 * All deadlines are in `timers`; libevent has one timer, armed at the earliest of them. With no
 * deadline and no traffic nothing wakes the process.
 */

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/time.h>
#include <time.h>

#include <event2/event.h>

enum { HOOKS_MAX = 16 };

struct loop_watch {
    struct loop *loop;
    struct event *event;
    unsigned events;
    void (*ready)(void *handle, unsigned events);
    void *handle;
};

struct loop_signal {
    LIST_ENTRY(loop_signal) entry;
    struct loop *loop;
    struct event *event;
    void (*caught)(void *handle, int number);
    void *handle;
};

struct loop_hook {
    bool (*hook)(void *handle);
    void *handle;
};

struct loop {
    struct event_base *base;
    struct event *wake; /* the one timer */
    struct timers *timers;
    uint64_t wake_us;     /* what `wake` is armed for; TIMERS_NEVER when it is not */
    bool is_stamped;      /* `timers` has the time of this turn */
    bool wants_next_turn; /* a hook asked for it */
    bool is_stopped;
    LIST_HEAD(, loop_signal) signals;
    struct loop_hook hooks[HOOKS_MAX];
    unsigned hook_count;
};

static uint64_t monotonic_us(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

/* One time for the whole turn. libevent has no call between its wait and the first callback, so
 * every callback begins with this. */
static void loop_stamp(struct loop *loop)
{
    if (!loop->is_stamped) {
        timers_set_now_us(loop->timers, monotonic_us());
        loop->is_stamped = true;
    }
}

static void loop_woken(evutil_socket_t fd, short what, void *handle)
{
    (void)fd;
    (void)what;
    struct loop *loop = handle;
    loop->wake_us = TIMERS_NEVER;
    loop_stamp(loop);
}

/* epoll only: libmicrohttpd needs it anyway, and the watch for a leaving peer needs its early close
 * and edges. Precise timers: otherwise libevent's clock is the coarse one, which lags behind ours
 * by milliseconds and fires too early, for nothing. */
static struct event_base *base_new(void)
{
    struct event_config *config = event_config_new();
    if (config == NULL) {
        return NULL;
    }
    struct event_base *base = NULL;
    if (event_config_require_features(config, EV_FEATURE_ET | EV_FEATURE_EARLY_CLOSE) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_IGNORE_ENV) == 0 &&
        event_config_set_flag(config, EVENT_BASE_FLAG_PRECISE_TIMER) == 0) {
        base = event_base_new_with_config(config);
    }
    event_config_free(config);
    return base;
}

struct loop *loop_new(struct timers *timers)
{
    struct loop *loop = calloc(1, sizeof *loop);
    if (loop == NULL) {
        return NULL;
    }
    loop->timers = timers;
    loop->wake_us = TIMERS_NEVER;
    LIST_INIT(&loop->signals);
    loop->base = base_new();
    if (loop->base != NULL) {
        loop->wake = evtimer_new(loop->base, loop_woken, loop);
    }
    if (loop->wake == NULL) {
        loop_free(loop);
        return NULL;
    }
    timers_set_clock(timers, monotonic_us);
    timers_set_now_us(timers, monotonic_us());
    return loop;
}

void loop_free(struct loop *loop)
{
    if (loop == NULL) {
        return;
    }
    while (!LIST_EMPTY(&loop->signals)) {
        struct loop_signal *signal = LIST_FIRST(&loop->signals);
        LIST_REMOVE(signal, entry);
        event_free(signal->event);
        free(signal);
    }
    if (loop->wake != NULL) {
        event_free(loop->wake);
    }
    if (loop->base != NULL) {
        event_base_free(loop->base);
    }
    free(loop);
}

static void watch_ready(evutil_socket_t fd, short what, void *handle)
{
    (void)fd;
    struct loop_watch *watch = handle;
    loop_stamp(watch->loop);
    unsigned events = 0;
    if (watch->events & LOOP_CLOSED) {
        /* a reset comes as EV_READ alone: the callback must look in either case */
        events |= LOOP_CLOSED;
    }
    if (what & EV_READ) {
        events |= LOOP_READ;
    }
    if (what & EV_WRITE) {
        events |= LOOP_WRITE;
    }
    watch->ready(watch->handle, events);
    /* the callback may have freed the watch */
}

struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned events,
                              void (*ready)(void *handle, unsigned events), void *handle)
{
    short what = EV_PERSIST;
    if (events & LOOP_READ) {
        what |= EV_READ;
    }
    if (events & LOOP_WRITE) {
        what |= EV_WRITE;
    }
    if (events & LOOP_CLOSED) {
        /* Never EV_CLOSED alone: a peer that closes with unread data sends RST, which epoll reports
         * as an error and libevent only as readable or writable. Nobody would be called, and the
         * error would wake the loop for ever. Edges, as a pipelined request stays unread. */
        what |= EV_CLOSED | EV_READ | EV_ET;
    }
    struct loop_watch *watch = calloc(1, sizeof *watch);
    if (watch == NULL) {
        return NULL;
    }
    *watch = (struct loop_watch){.loop = loop, .events = events, .ready = ready, .handle = handle};
    watch->event = event_new(loop->base, fd, what, watch_ready, watch);
    if (watch->event == NULL || event_add(watch->event, NULL) != 0) {
        loop_unwatch(watch);
        return NULL;
    }
    return watch;
}

void loop_watch_pause(struct loop_watch *watch)
{
    event_del(watch->event);
}

int loop_watch_resume(struct loop_watch *watch)
{
    return event_add(watch->event, NULL);
}

void loop_unwatch(struct loop_watch *watch)
{
    if (watch == NULL) {
        return;
    }
    if (watch->event != NULL) {
        event_free(watch->event);
    }
    free(watch);
}

static void signal_caught(evutil_socket_t number, short what, void *handle)
{
    (void)what;
    struct loop_signal *signal = handle;
    loop_stamp(signal->loop);
    signal->caught(signal->handle, (int)number);
}

int loop_signal(struct loop *loop, int signal_number, void (*caught)(void *handle, int number),
                void *handle)
{
    struct loop_signal *signal = calloc(1, sizeof *signal);
    if (signal == NULL) {
        return -1;
    }
    *signal = (struct loop_signal){.loop = loop, .caught = caught, .handle = handle};
    signal->event = evsignal_new(loop->base, signal_number, signal_caught, signal);
    if (signal->event == NULL || event_add(signal->event, NULL) != 0) {
        if (signal->event != NULL) {
            event_free(signal->event);
        }
        free(signal);
        return -1;
    }
    LIST_INSERT_HEAD(&loop->signals, signal, entry);
    return 0;
}

int loop_add_turn_end(struct loop *loop, bool (*hook)(void *handle), void *handle)
{
    if (loop->hook_count == HOOKS_MAX) {
        return -1;
    }
    loop->hooks[loop->hook_count++] = (struct loop_hook){.hook = hook, .handle = handle};
    return 0;
}

/* Arms the timer for `until_us` unless it is armed for it already. */
static int loop_arm_wake(struct loop *loop, uint64_t until_us, uint64_t now_us)
{
    if (until_us == loop->wake_us) {
        return 0;
    }
    loop->wake_us = TIMERS_NEVER;
    if (until_us == TIMERS_NEVER) {
        return event_del(loop->wake);
    }
    uint64_t left_us = until_us - now_us;
    uint64_t const longest_us = UINT64_C(86400) * 1000000; /* fits 32-bit time_t by far */
    if (left_us > longest_us) {
        left_us = longest_us;
        until_us = now_us + left_us;
    }
    struct timeval delay = {.tv_sec = (time_t)(left_us / 1000000),
                            .tv_usec = (suseconds_t)(left_us % 1000000)};
    if (event_add(loop->wake, &delay) != 0) {
        return -1;
    }
    loop->wake_us = until_us;
    return 0;
}

/* Waits for the first event and calls back for all that are there. */
static int loop_wait(struct loop *loop, uint64_t maximum_wait_us)
{
    uint64_t now_us = monotonic_us();
    uint64_t until_us = timers_next_us(loop->timers);
    if (maximum_wait_us < TIMERS_NEVER - now_us && now_us + maximum_wait_us < until_us) {
        until_us = now_us + maximum_wait_us;
    }
    /* EVLOOP_ONCE beside EVLOOP_NONBLOCK: alone, the latter goes on while descriptors are ready */
    int flags = EVLOOP_ONCE | EVLOOP_NO_EXIT_ON_EMPTY;
    if (loop->wants_next_turn || until_us <= now_us) {
        flags |= EVLOOP_NONBLOCK;
    } else if (loop_arm_wake(loop, until_us, now_us) != 0) {
        /* no memory for the timer: look again rather than sleep past a deadline */
        flags |= EVLOOP_NONBLOCK;
    }
    return event_base_loop(loop->base, flags);
}

int loop_turn(struct loop *loop, uint64_t maximum_wait_us)
{
    loop->is_stamped = false;
    int result = loop_wait(loop, maximum_wait_us);
    loop_stamp(loop);
    timers_run(loop->timers);
    loop->wants_next_turn = false;
    for (unsigned i = 0; i < loop->hook_count; i++) {
        if (loop->hooks[i].hook(loop->hooks[i].handle)) {
            loop->wants_next_turn = true;
        }
    }
    return result < 0 ? -1 : 0;
}

int loop_run(struct loop *loop)
{
    int result = 0;
    while (!loop->is_stopped && result == 0) {
        result = loop_turn(loop, TIMERS_NEVER);
    }
    loop->is_stopped = false;
    return result;
}

void loop_stop(struct loop *loop)
{
    loop->is_stopped = true;
}
