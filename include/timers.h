/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TIMERS_H
#define COAPGW_TIMERS_H

/*
 * timers: the injected monotonic clock and the deadlines on it. The loop (or a test, or the
 * simulation) sets the time; everything below the sockets reads it here and nowhere else. The heap
 * is intrusive (a pairing heap): arming never allocates and so never fails. Timers of the same
 * deadline fire in the order in which they were armed.
 */

#include <stdbool.h>
#include <stdint.h>

#define TIMERS_NEVER UINT64_MAX

struct timers;

struct timer {
    void (*fired)(void *handle); /* set by timer_init */
    void *handle;
    uint64_t deadline_us;
    /* private to timers.c */
    uint64_t order;
    struct timer *child, *sibling, *previous;
    bool is_armed;
};

struct timers *timers_new(void);
/* All timers must have been disarmed or are forgotten without firing. */
void timers_free(struct timers *timers);

/* Microseconds of the monotonic clock, as last set. */
uint64_t timers_now_us(const struct timers *timers);
/* The same clock at this very moment: for measuring what begins and ends within one turn of the
 * loop. What was last set where no clock was given. */
uint64_t timers_precise_us(const struct timers *timers);
/* Gives the clock whose time is set from now on; NULL: none. */
void timers_set_clock(struct timers *timers, uint64_t (*clock_us)(void));
/* Moves the clock; it never goes back (an earlier value is ignored). Fires nothing. */
void timers_set_now_us(struct timers *timers, uint64_t now_us);

/* Prepares an unarmed timer; `handle` is given to `fired`. */
void timer_init(struct timer *timer, void (*fired)(void *handle), void *handle);
/* Arms at `now + delay_us` (saturating); an armed timer is moved. O(1), cannot fail. */
void timers_arm(struct timers *timers, struct timer *timer, uint64_t delay_us);
/* Unarmed timers are fine. O(log n). */
void timers_disarm(struct timers *timers, struct timer *timer);

/* Fires every timer whose deadline is at or before now, the earliest first. A fired timer is
 * unarmed before its callback, which may arm, disarm or free any timer, itself included. Timers
 * armed while this runs fire in a later call, even when already due. Returns how many fired. */
unsigned timers_run(struct timers *timers);
/* The earliest deadline, or TIMERS_NEVER. */
uint64_t timers_next_us(const struct timers *timers);

#endif
