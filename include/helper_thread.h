/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HELPER_THREAD_H
#define COAPGW_HELPER_THREAD_H

/*
 * helper_thread: the one thread for what can only block (getaddrinfo, crypt). It starts at first
 * use, holds at most 64 jobs, and shares nothing with the loop but two pipes: a job is a block of
 * memory that belongs to one side at a time.
 */

#include <stdbool.h>

struct helper_thread;
struct loop;

struct helper_job {
    void (*work)(struct helper_job *job); /* runs in the thread; touches only the job */
    void (*done)(struct helper_job *job); /* runs in the loop; owns the job again */
};

struct helper_thread *helper_thread_new(struct loop *loop);
/* Waits for the running job; jobs that were not done are given to `done` as they are. */
void helper_thread_free(struct helper_thread *helper);
/* Hands the job over. False (and the job stays the caller's) when 64 are waiting or the thread
 * cannot start. */
bool helper_thread_submit(struct helper_thread *helper, struct helper_job *job);

#endif
