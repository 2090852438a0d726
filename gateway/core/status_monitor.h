/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_STATUS_MONITOR_H
#define COAPGW_STATUS_MONITOR_H

/*
 * status_monitor: results that clients fetch later, since they did not want to wait ("Prefer:
 * respond-async", RFC 7240 4.1). Each has an unguessable name below /-/status/, belongs to whoever
 * made the request, and is kept for STATUS_MONITOR_LIFE_S once its result is there.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "random_source.h"

struct http_reply;
struct http_request;
struct status_monitors;
struct timers;

#define STATUS_MONITOR_PATH "/-/status/"

enum {
    STATUS_MONITOR_ID_SIZE = 33, /* 128 random bits in hex, with the NUL */
    STATUS_MONITOR_LIFE_S = 600,
    STATUS_MONITORS_MAX = 1000,
    STATUS_MONITORS_BYTES_MAX = 16 << 20, /* of all results together */
};

/* NULL when memory is short. */
struct status_monitors *status_monitors_new(struct timers *timers,
                                            const struct random_source *random);
/* NULL is fine. */
void status_monitors_free(struct status_monitors *monitors);

/* Makes a pending one for a request and writes its name. 0, or -1 when there are too many or memory
 * is short. `method` is one bit of enum http_method: who may use it for the target may see the
 * result. */
int status_monitors_add(struct status_monitors *monitors, const struct http_request *request,
                        unsigned method, char id[STATUS_MONITOR_ID_SIZE]);
/* The result has come: takes fields and body out of `reply`. Without room for it the result is 503;
 * a monitor that has gone is fine. */
void status_monitors_complete(struct status_monitors *monitors, const char *id,
                              struct http_reply *reply);
/* Fills an initialised reply with the result of the monitor that the request asks for, 202 while it
 * is pending. False when there is none, or the client may not see it. */
bool status_monitors_answer(const struct status_monitors *monitors,
                            const struct http_request *request, struct http_reply *reply);
/* Fills an initialised reply with 202 and what a client needs to find the monitor. */
void status_monitors_write_accepted(const char *id, struct http_reply *reply);

#endif
