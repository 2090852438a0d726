/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_GATEWAY_PROCESS_H
#define COAPGW_TEST_GATEWAY_PROCESS_H

/* gateway_process: the real coapgw as a child process, its log, and waiting without sleeping. */

#include <poll.h>
#include <sys/types.h>

#include "bytes.h"

struct gateway_process {
    pid_t pid;        /* 0: not running */
    int log_fd;       /* stdout and stderr of the child; -1: closed */
    struct bytes log; /* everything it wrote since it was started */
    int exit_code;    /* of the last one that ended; 128 + signal when it was killed */
    /* Called in every wait: does what is due at `now`, returns when it wants to be called again.
     * May be NULL. */
    double (*tick)(void *handle, double now);
    void *tick_handle;
};

double gateway_process_now(void); /* monotonic, seconds */
/* Starts program with arguments (NULL-terminated, the name itself included); `environment` holds
 * NAME=VALUE settings for the child alone. */
bool gateway_process_start(struct gateway_process *gateway, char *const *arguments,
                           char *const *environment, size_t environment_count);
/* Waits until `fd` has one of `events` or `until` is reached, collecting the log meanwhile. fd -1
 * waits for the next piece of log. True when the events (or log) came. */
bool gateway_process_wait(struct gateway_process *gateway, int fd, short events, double until);
/* Waits for a line of the log that contains `text`; returns it inside the log, or NULL. */
const char *gateway_process_find(struct gateway_process *gateway, const char *text, double until);
/* Waits for its end; false when it still runs at `until`. */
bool gateway_process_wait_end(struct gateway_process *gateway, double until);
void gateway_process_kill(struct gateway_process *gateway);

#endif
