/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_SERVER_H
#define COAPGW_HTTP_SERVER_H

/*
 * http_server: the libmicrohttpd adapter: listening sockets of our own, libmicrohttpd daemons in
 * external-epoll mode, and the way of a request from its head to exchange_begin and back, and of a
 * stream to its client.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core.h"
#include "random_source.h"

struct http_server;
struct log;
struct loop;
struct timers;

struct http_limits {
    size_t body;   /* bytes; kept by the core, which knows the mapping (exchange_body_maximum) */
    size_t header; /* request line and fields together, bytes */
    unsigned connections;
    uint32_t idle_timeout_ms;    /* keep-alive without a request */
    uint32_t request_timeout_ms; /* from the first byte of a request until its last: 408 */
};

struct http_server_options {
    struct loop *loop; /* borrowed for life, like all of these */
    struct timers *timers;
    struct log *log;
    struct random_source random; /* request ids */
    struct core *core;
    struct http_limits limits;
};

/* NULL, with a line in the log, when libmicrohttpd cannot start. */
struct http_server *http_server_new(const struct http_server_options *options);
/* Listens on "127.0.0.1:8080" or "[::1]:0". Logs `listening on http://127.0.0.1:8080/` with the
 * real port. 0, or a negative errno value (EADDRNOTAVAIL and EAFNOSUPPORT may be ignored for [::1]
 * on hosts without IPv6). */
int http_server_listen(struct http_server *server, const char *address);
/* A reload changed the limits or the ways to authenticate: they count for new connections. When
 * memory is short for another libmicrohttpd daemon, the sizes and idle time stay as they were. */
void http_server_configure(struct http_server *server, const struct http_limits *limits);
/* The table through which the core tells of answers. */
extern const struct north_ops http_server_north_ops;
/* Turn-end hook, added by the owner: lets libmicrohttpd run, which may begin exchanges, so it
 * stands before the hooks that send and that free what has ended. True when it wants to run again
 * at once.
 */
bool http_server_run(void *server);
/* Stops accepting; answers what is under way with "Connection: close"; ends idle connections.
 * Streams go on until the core ends them. */
void http_server_drain(struct http_server *server);
/* Connections that still live. */
size_t http_server_connections(const struct http_server *server);
/* Detaches every exchange, closes every stream, ends every connection, then frees the server (NULL
 * is fine). Before the core and the loop are freed; the hook above must not run any more. */
void http_server_free(struct http_server *server);

#endif
