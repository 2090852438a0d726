/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_SERVER_PARTS_H
#define COAPGW_HTTP_SERVER_PARTS_H

/*
 * http_server_parts: what the files of http/ share about the server.
 */

#include <sys/queue.h>

#include "http_server.h"

#include "log.h"
#include "timers.h"

struct http_daemon;
struct http_listener;

TAILQ_HEAD(http_daemon_list, http_daemon);

struct http_server {
    struct loop *loop;
    struct timers *timers;
    struct log *log;
    struct core *core;
    struct random_source random;
    struct http_limits limits;
    struct http_listener *listeners; /* owned */
    struct http_daemon_list daemons; /* owned; the newest first */
    struct http_daemon_list open;    /* those that take another connection */
    struct http_daemon_list dirty;   /* those that have something to do in this turn */
    size_t connection_count;
    uint64_t stream_look_us;      /* how often to look whether a stream's client is still there */
    uint64_t run_count;           /* of http_server_run */
    struct timer accept_again;    /* accepting rests until then: descriptors have run out */
    bool has_told_of_descriptors; /* the log has been told, once until nobody waits any more */
    bool is_draining;
    bool is_stopping;
    uint32_t id_prefix; /* of request ids: random, 24 bits */
    uint32_t id_counter;
    struct log_limit refused_limit;
    struct log_limit library_limit;
    struct log_limit daemon_limit;
};

/* The daemon that gets the next connection. */
struct http_daemon *http_server_daemon(struct http_server *server);
/* A connection has ended: lets accepting go on when it rested. */
void http_server_connection_ended(struct http_server *server);

#endif
