/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_DAEMON_H
#define COAPGW_HTTP_DAEMON_H

/*
 * http_daemon: one daemon of libmicrohttpd, driven by the loop. Several can stand beside each
 * other; each has its own connections.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/socket.h>

#include "timers.h"

struct MHD_Daemon;
struct http_connection;
struct http_server;
struct loop_watch;

struct http_daemon {
    struct http_server *server; /* borrowed for life */
    struct http_daemon *next;
    struct MHD_Daemon *library;
    struct loop_watch *watch; /* of libmicrohttpd's epoll descriptor */
    struct timer timer;       /* libmicrohttpd's own next deadline */
    bool is_dirty;            /* there is something to do in this turn */
    size_t connection_count;
    size_t pool_bytes;                /* memory of one connection for head and reply header */
    struct http_connection *arriving; /* handed to libmicrohttpd at this moment */
};

/* NULL, with a line in the log, when libmicrohttpd cannot start. Uses server->limits. */
struct http_daemon *http_daemon_new(struct http_server *server);
/* Ends all its connections; those that are parked must have been abandoned. NULL is fine. */
void http_daemon_free(struct http_daemon *daemon);
/* Gives an accepted socket to libmicrohttpd, which closes it, now on failure. 0 or -1. */
int http_daemon_add(struct http_daemon *daemon, struct http_connection *connection,
                    const struct sockaddr *address, socklen_t length);
/* Has libmicrohttpd run at the end of this turn of the loop. */
void http_daemon_mark(struct http_daemon *daemon);
/* Runs it when something is to be done. True when it wants to run again at once. */
bool http_daemon_run(struct http_daemon *daemon);

#endif
