/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_connection.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "http_daemon.h"
#include "http_server_parts.h"

/*
 * http_connection: the life of a connection around its requests. libmicrohttpd counts only silence,
 * so a client that sends one octet now and then could stay for ever; the deadline kept here does
 * not move with octets. There is no call to end a connection of libmicrohttpd: it is shut down for
 * reading, libmicrohttpd sees the end of input and gives it up.
 *
 * Each request moves the deadline several times, so a timer that is armed too early is left alone
 * and looks at the deadline when it fires.
 */

enum { LOOK_US = 1000000 };

static bool is_reading(const struct http_connection *connection)
{
    return connection->call.state == HTTP_CALL_NONE || connection->call.state == HTTP_CALL_HEAD ||
           connection->call.state == HTTP_CALL_BODY;
}

/* libmicrohttpd waits for edges, and takes a read that did not fill its buffer for all that came:
 * when the client's close came with its last octets, it never learns of it and keeps the connection
 * for the whole idle time. Shutting down makes another edge; what has arrived is still read. */
static void look_for_close(struct http_connection *connection)
{
    struct pollfd look = {.fd = connection->fd, .events = POLLRDHUP};
    if (poll(&look, 1, 0) > 0)
        shutdown(connection->fd, SHUT_RD);
}

static void arm(struct http_connection *connection)
{
    uint64_t next_us = connection->deadline_us;
    if (connection->look_us < next_us)
        next_us = connection->look_us;
    if (next_us != TIMERS_NEVER &&
        (!connection->timer.is_armed || connection->timer.deadline_us > next_us)) {
        uint64_t now_us = timers_now_us(connection->server->timers);
        timers_arm(connection->server->timers, &connection->timer,
                   next_us > now_us ? next_us - now_us : 0);
    }
}

static void on_deadline(void *handle)
{
    struct http_connection *connection = handle;
    uint64_t now_us = timers_now_us(connection->server->timers);
    if (now_us >= connection->look_us) {
        connection->look_us = TIMERS_NEVER;
        if (is_reading(connection))
            look_for_close(connection);
    }
    if (now_us < connection->deadline_us) {
        arm(connection);
        return;
    }
    connection->deadline_us = TIMERS_NEVER;
    switch (connection->call.state) {
    case HTTP_CALL_NONE:
        shutdown(connection->fd, SHUT_RD);
        break;
    case HTTP_CALL_HEAD:
    case HTTP_CALL_BODY:
        http_call_expire(&connection->call);
        break;
    case HTTP_CALL_PARKED:
        http_call_watch_client(&connection->call);
        break;
    case HTTP_CALL_STREAMING:
        http_stream_look(&connection->call);
        break;
    case HTTP_CALL_DOOMED:
        shutdown(connection->fd, SHUT_RDWR);
        break;
    case HTTP_CALL_READY:
    case HTTP_CALL_REPLYING:
        break;
    }
}

struct http_connection *http_connection_new(struct http_server *server, struct http_daemon *daemon,
                                            int fd, const struct endpoint_address *peer)
{
    struct http_connection *connection = calloc(1, sizeof(*connection));
    if (connection == NULL)
        return NULL;
    connection->server = server;
    connection->daemon = daemon;
    connection->fd = fd;
    connection->accepted_us = timers_now_us(server->timers);
    connection->peer = *peer;
    endpoint_address_format(peer, connection->client);
    timer_init(&connection->timer, on_deadline, connection);
    connection->deadline_us = TIMERS_NEVER;
    connection->look_us = TIMERS_NEVER;
    http_call_init(&connection->call, connection);

    http_daemon_enter(daemon, connection);
    return connection;
}

void http_connection_free(struct http_connection *connection)
{
    struct http_server *server = connection->server;
    timers_disarm(server->timers, &connection->timer);
    http_daemon_leave(connection->daemon, connection);
    free(connection);
    http_server_connection_ended(server);
}

int http_connection_descriptor(const struct http_connection *connection)
{
    return connection->fd;
}

void http_connection_started(struct http_connection *connection, struct MHD_Connection *library)
{
    connection->library = library;
    http_connection_rest(connection);
}

void http_connection_closed(struct http_connection *connection)
{
    http_call_end(&connection->call);
    http_connection_free(connection);
}

void http_connection_set_deadline(struct http_connection *connection, uint64_t delay_us)
{
    struct timers *timers = connection->server->timers;
    uint64_t now_us = timers_now_us(timers);
    connection->look_us = is_reading(connection) ? now_us + LOOK_US : TIMERS_NEVER;
    connection->deadline_us = delay_us < TIMERS_NEVER - now_us ? now_us + delay_us : TIMERS_NEVER;
    arm(connection);
}

void http_connection_rest(struct http_connection *connection)
{
    const struct http_limits *limits = &connection->server->limits;
    if (limits->idle_timeout_ms == 0 || limits->request_timeout_ms == 0) {
        http_connection_set_deadline(connection, TIMERS_NEVER);
        return;
    }
    /* libmicrohttpd ends it after the idle time without an octet; with octets it may last until a
     * request that began at the last moment has had its time. */
    uint64_t delay_ms = (uint64_t)limits->idle_timeout_ms + limits->request_timeout_ms;
    http_connection_set_deadline(connection, delay_ms * 1000);
}

void http_connection_drain(struct http_connection *connection)
{
    if (connection->call.state == HTTP_CALL_NONE)
        shutdown(connection->fd, SHUT_RD);
}
