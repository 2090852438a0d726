/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_CONNECTION_H
#define COAPGW_HTTP_CONNECTION_H

/*
 * http_connection: one TCP connection of an HTTP client, from accept until libmicrohttpd tells of
 * its end, with the request that is under way on it and its deadline.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "endpoint_address.h"
#include "http_call.h"
#include "timers.h"

struct MHD_Connection;
struct http_daemon;
struct http_server;

struct http_connection {
    struct http_server *server; /* borrowed for life, like the next one */
    struct http_daemon *daemon;
    struct MHD_Connection *library;
    LIST_ENTRY(http_connection) link; /* of the daemon */
    int fd;                           /* libmicrohttpd closes it */
    uint64_t accepted_us;
    struct endpoint_address peer;
    char client[ENDPOINT_ADDRESS_TEXT_SIZE];
    struct timer timer;
    uint64_t deadline_us; /* TIMERS_NEVER: none; the timer may be armed earlier */
    uint64_t look_us;     /* when to look whether the client has closed unnoticed; as above */
    struct http_call call;
};

/* Takes nothing: on failure (NULL, memory is short) the socket stays the caller's. */
struct http_connection *http_connection_new(struct http_server *server, struct http_daemon *daemon,
                                            int fd, const struct endpoint_address *peer);
/* Frees a connection that libmicrohttpd never took. */
void http_connection_free(struct http_connection *connection);
int http_connection_descriptor(const struct http_connection *connection);
/* libmicrohttpd has taken the socket. */
void http_connection_started(struct http_connection *connection, struct MHD_Connection *library);
/* libmicrohttpd has given up the socket: frees the connection. */
void http_connection_closed(struct http_connection *connection);

/* Moves the deadline to now + delay_us (TIMERS_NEVER: none). What happens then depends on the state
 * of the call. */
void http_connection_set_deadline(struct http_connection *connection, uint64_t delay_us);
/* The deadline of a connection on which nothing has been asked. */
void http_connection_rest(struct http_connection *connection);
/* Ends the connection when no request is under way on it (orderly stop). */
void http_connection_drain(struct http_connection *connection);

#endif
