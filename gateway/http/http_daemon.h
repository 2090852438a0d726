/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_DAEMON_H
#define COAPGW_HTTP_DAEMON_H

/*
 * http_daemon: one daemon of libmicrohttpd, driven by the loop. Several stand beside each other,
 * each with some hundred connections: whenever a connection is resumed, libmicrohttpd walks over
 * all of the daemon's that are suspended, as nearly all streams are.
 */

#include <stdbool.h>
#include <stddef.h>
#include <sys/queue.h>
#include <sys/socket.h>

#include "timers.h"

struct MHD_Daemon;
struct http_connection;
struct http_server;
struct loop_watch;

enum { HTTP_DAEMON_CONNECTIONS = 256 };

struct http_daemon {
    struct http_server *server; /* borrowed for life */
    TAILQ_ENTRY(http_daemon) link, open_link, dirty_link;
    LIST_HEAD(, http_connection) connections; /* owned; the newest first */
    size_t connection_count;
    struct MHD_Daemon *library;
    struct loop_watch *watch;         /* of libmicrohttpd's epoll descriptor */
    struct timer timer;               /* libmicrohttpd's own next deadline */
    bool is_dirty;                    /* there is something to do in this turn */
    bool is_open;                     /* takes another connection */
    bool is_retired;                  /* takes none any more: the limits have changed */
    size_t pool_bytes;                /* memory of one connection for head and reply header */
    struct http_connection *arriving; /* handed to libmicrohttpd at this moment */
};

/* Puts another daemon into the lists of the server. NULL, with a line in the log, when
 * libmicrohttpd cannot start. Uses server->limits. */
struct http_daemon *http_daemon_new(struct http_server *server);
/* Ends all its connections; those that are suspended must have been abandoned. */
void http_daemon_free(struct http_daemon *daemon);
/* Gives it no new connections from now on. */
void http_daemon_retire(struct http_daemon *daemon);
/* Nobody needs it: it has no connections, and gets none or another one does before it. */
bool http_daemon_is_spare(const struct http_daemon *daemon);
/* A connection is there, and has ended. */
void http_daemon_enter(struct http_daemon *daemon, struct http_connection *connection);
void http_daemon_leave(struct http_daemon *daemon, struct http_connection *connection);
/* Gives an accepted socket to libmicrohttpd, which closes it, now on failure. 0 or -1. */
int http_daemon_add(struct http_daemon *daemon, struct http_connection *connection,
                    const struct sockaddr *address, socklen_t length);
/* Has libmicrohttpd run at the end of this turn of the loop. */
void http_daemon_mark(struct http_daemon *daemon);
/* Lets it do what is to be done; it marks itself when that is not all. */
void http_daemon_run(struct http_daemon *daemon);

#endif
