/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_LOOP_H
#define COAPGW_LOOP_H

/*
 * loop: the one event loop (libevent): descriptors, signals, and the one timer that drives
 * `timers`. A turn: wait, callbacks of descriptors and signals, due timers, then the turn-end hooks
 * in order of their addition (send what was queued, let libmicrohttpd run, free what has ended).
 */

#include <stdbool.h>
#include <stdint.h>

#include "timers.h"

struct loop;
struct loop_watch;

enum loop_events {
    LOOP_READ = 1,
    LOOP_WRITE = 2,
    /* An edge-triggered watch for the peer's leaving. Any call may also mean a reset or bytes to
     * read: the callback finds out by peeking at one byte (0: gone; an error but EAGAIN: gone). */
    LOOP_CLOSED = 4,
};

/* NULL when the system refuses. `timers` is borrowed for life; the loop sets its time from
 * CLOCK_MONOTONIC at the beginning of each turn, and lets it read that clock in between. */
struct loop *loop_new(struct timers *timers);
void loop_free(struct loop *loop);

/* Calls `ready` whenever the descriptor is ready, until loop_unwatch. NULL when memory is short. */
struct loop_watch *loop_watch(struct loop *loop, int fd, unsigned events,
                              void (*ready)(void *handle, unsigned events), void *handle);
/* Stops and starts a watch without freeing it. Starting gives 0, or -1 when the system refuses. */
void loop_watch_pause(struct loop_watch *watch);
int loop_watch_resume(struct loop_watch *watch);
/* NULL is fine. Must be called before the descriptor is closed. */
void loop_unwatch(struct loop_watch *watch);
/* Calls `caught` in the loop for each signal. 0 or -1. */
int loop_signal(struct loop *loop, int signal_number, void (*caught)(void *handle, int number),
                void *handle);

/* Adds a hook that runs at the end of every turn. It returns true when it wants another turn at
 * once (libmicrohttpd has more to do). 0, or -1
 * when there are 16 already. */
int loop_add_turn_end(struct loop *loop, bool (*hook)(void *handle), void *handle);

/* Runs turns until loop_stop: 0, or -1 when the system refuses to wait for events. */
int loop_run(struct loop *loop);
/* Runs one turn, waiting at most `maximum_wait_us` (TIMERS_NEVER: no limit). As loop_run. */
int loop_turn(struct loop *loop, uint64_t maximum_wait_us);
void loop_stop(struct loop *loop);

#endif
