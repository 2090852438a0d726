/* SPDX-License-Identifier: BSD-2-Clause */
#include "helper_thread.h"

/*
 * helper_thread: runs what can only block beside the loop. A job travels as its address through one
 * pipe to the thread and through another one back; the pipes order memory between the two sides, so
 * a job needs no lock. At most 64 jobs are out, which fit a pipe many times: a write never waits.
 */

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <unistd.h>

#include "loop.h"

enum { JOBS_MAX = 64 };

struct helper_pipe {
    int read_fd;
    int write_fd;
};

struct helper_thread {
    struct helper_pipe jobs;    /* to the thread; its read end belongs to the thread */
    struct helper_pipe results; /* back */
    struct loop_watch *watch;
    pthread_t thread;
    bool is_started;
    atomic_bool is_stopping; /* the thread gives jobs back without working on them */
    unsigned outstanding;    /* the loop's side only */
};

static int pipe_open(struct helper_pipe *helper_pipe)
{
    int fds[2];
    if (pipe2(fds, O_CLOEXEC) != 0) {
        return -1;
    }
    *helper_pipe = (struct helper_pipe){.read_fd = fds[0], .write_fd = fds[1]};
    return 0;
}

static void close_fd(int *fd)
{
    if (*fd >= 0) {
        close(*fd);
        *fd = -1;
    }
}

/* Jobs are written and read whole: a pipe keeps writes of up to PIPE_BUF together. */
static bool pipe_put(int fd, struct helper_job *job)
{
    ssize_t count;
    do {
        count = write(fd, &job, sizeof job);
    } while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof job;
}

/* NULL at the end of the pipe, or, for the loop's side, when there is none just now. */
static struct helper_job *pipe_get(int fd)
{
    struct helper_job *job = NULL;
    ssize_t count;
    do {
        count = read(fd, &job, sizeof job);
    } while (count < 0 && errno == EINTR);
    return count == (ssize_t)sizeof job ? job : NULL;
}

static void *thread_main(void *handle)
{
    struct helper_thread *helper = handle;
    struct helper_job *job;
    while ((job = pipe_get(helper->jobs.read_fd)) != NULL) {
        if (!atomic_load(&helper->is_stopping)) {
            job->work(job);
        }
        pipe_put(helper->results.write_fd, job);
    }
    return NULL;
}

/* Signals are the loop's: the thread begins with all of them blocked. */
static bool thread_start(struct helper_thread *helper)
{
    sigset_t all;
    sigset_t before;
    sigfillset(&all);
    if (pthread_sigmask(SIG_SETMASK, &all, &before) != 0) {
        return false;
    }
    helper->is_started = pthread_create(&helper->thread, NULL, thread_main, helper) == 0;
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    return helper->is_started;
}

static void results_ready(void *handle, unsigned events)
{
    (void)events;
    struct helper_thread *helper = handle;
    struct helper_job *job;
    while ((job = pipe_get(helper->results.read_fd)) != NULL) {
        assert(helper->outstanding > 0);
        helper->outstanding--;
        job->done(job);
    }
}

struct helper_thread *helper_thread_new(struct loop *loop)
{
    struct helper_thread *helper = calloc(1, sizeof *helper);
    if (helper == NULL) {
        return NULL;
    }
    helper->jobs = (struct helper_pipe){.read_fd = -1, .write_fd = -1};
    helper->results = (struct helper_pipe){.read_fd = -1, .write_fd = -1};
    atomic_init(&helper->is_stopping, false);
    if (pipe_open(&helper->jobs) == 0 && pipe_open(&helper->results) == 0 &&
        fcntl(helper->results.read_fd, F_SETFL, O_NONBLOCK) == 0) {
        helper->watch = loop_watch(loop, helper->results.read_fd, LOOP_READ, results_ready, helper);
    }
    if (helper->watch == NULL) {
        helper_thread_free(helper);
        return NULL;
    }
    return helper;
}

void helper_thread_free(struct helper_thread *helper)
{
    if (helper == NULL) {
        return;
    }
    atomic_store(&helper->is_stopping, true);
    close_fd(&helper->jobs.write_fd); /* the thread reads what is left, then the end */
    if (helper->is_started) {
        pthread_join(helper->thread, NULL);
    }
    if (helper->watch != NULL) {
        results_ready(helper, LOOP_READ);
    }
    loop_unwatch(helper->watch);
    close_fd(&helper->jobs.read_fd);
    close_fd(&helper->results.read_fd);
    close_fd(&helper->results.write_fd);
    free(helper);
}

bool helper_thread_submit(struct helper_thread *helper, struct helper_job *job)
{
    if (atomic_load(&helper->is_stopping) || helper->outstanding == JOBS_MAX) {
        return false;
    }
    if (!helper->is_started && !thread_start(helper)) {
        return false;
    }
    if (!pipe_put(helper->jobs.write_fd, job)) {
        return false;
    }
    helper->outstanding++;
    return true;
}
