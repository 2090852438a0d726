/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_server.h"

#include <stdlib.h>

#include "http_connection.h"
#include "http_daemon.h"
#include "http_listener.h"
#include "http_server_parts.h"

/*
 * http_server: puts the parts of http/ together: listeners give connections to its daemons, whose
 * calls lead requests into the core. Usually there is one daemon; more stand beside it when there
 * are many connections, or while some that began under other limits come to their end. A turn costs
 * what the daemons do that have something to do in it, however many others there are.
 */

enum {
    STREAM_LOOK_US = 30000000,
    /* When thousands of streams have news at once, datagrams and timers are not to wait until all
     * are told: a full daemon takes some milliseconds. */
    RUNS_PER_TURN = 4,
};

static void on_accept_again(void *handle)
{
    http_listener_resume_all(handle);
}

struct http_server *http_server_new(const struct http_server_options *options)
{
    struct http_server *server = calloc(1, sizeof(*server));
    if (server == NULL)
        return NULL;
    server->loop = options->loop;
    server->timers = options->timers;
    server->log = options->log;
    server->core = options->core;
    server->random = options->random;
    server->limits = options->limits;
    random_bytes(&server->random, &server->id_prefix, sizeof(server->id_prefix));
    server->stream_look_us = STREAM_LOOK_US;
    timer_init(&server->accept_again, on_accept_again, server);
    TAILQ_INIT(&server->daemons);
    TAILQ_INIT(&server->open);
    TAILQ_INIT(&server->dirty);
    if (http_daemon_new(server) == NULL) {
        free(server);
        return NULL;
    }
    return server;
}

int http_server_listen(struct http_server *server, const char *address)
{
    return http_listener_open(server, address);
}

static void judge_streams(struct http_server *server)
{
    struct http_daemon *daemon;
    struct http_connection *connection;
    TAILQ_FOREACH(daemon, &server->daemons, link)
    {
        LIST_FOREACH(connection, &daemon->connections, link)
        if (connection->call.state == HTTP_CALL_STREAMING)
            http_stream_judge(&connection->call);
    }
}

void http_server_configure(struct http_server *server, const struct http_limits *limits)
{
    /* What libmicrohttpd is told at its start needs a new daemon. */
    bool needs_daemon = limits->header != server->limits.header ||
                        limits->idle_timeout_ms != server->limits.idle_timeout_ms ||
                        limits->connections != server->limits.connections;
    struct http_limits former = server->limits;
    server->limits = *limits;
    judge_streams(server);
    if (!needs_daemon)
        return;
    struct http_daemon *young = http_daemon_new(server);
    if (young == NULL) {
        /* The old limits stay in force where the daemon enforces them. */
        server->limits.header = former.header;
        server->limits.idle_timeout_ms = former.idle_timeout_ms;
        server->limits.connections = former.connections;
        return;
    }
    struct http_daemon *daemon = TAILQ_NEXT(young, link);
    while (daemon != NULL) {
        struct http_daemon *next = TAILQ_NEXT(daemon, link);
        http_daemon_retire(daemon);
        if (http_daemon_is_spare(daemon))
            http_daemon_free(daemon);
        daemon = next;
    }
}

struct http_daemon *http_server_daemon(struct http_server *server)
{
    struct http_daemon *daemon = TAILQ_FIRST(&server->open);
    if (daemon == NULL)
        daemon = http_daemon_new(server);
    /* When the system has no room for another one, better a crowd in the newest than nobody. */
    return daemon != NULL ? daemon : TAILQ_FIRST(&server->daemons);
}

bool http_server_run(void *handle)
{
    struct http_server *server = handle;
    /* Those that are marked from now on stand behind it, and wait for the next turn. */
    const struct http_daemon *last = TAILQ_LAST(&server->dirty, http_daemon_list);
    bool is_last = last == NULL;
    server->run_count++;
    for (int i = 0; i < RUNS_PER_TURN && !is_last; i++) {
        struct http_daemon *daemon = TAILQ_FIRST(&server->dirty);
        is_last = daemon == last;
        TAILQ_REMOVE(&server->dirty, daemon, dirty_link);
        daemon->is_dirty = false;
        http_daemon_run(daemon);
        if (http_daemon_is_spare(daemon))
            http_daemon_free(daemon);
    }
    return !TAILQ_EMPTY(&server->dirty);
}

void http_server_connection_ended(struct http_server *server)
{
    if (server->accept_again.is_armed && !server->is_stopping)
        http_listener_resume_all(server);
}

void http_server_drain(struct http_server *server)
{
    server->is_draining = true;
    timers_disarm(server->timers, &server->accept_again);
    http_listener_close_all(server);
    struct http_daemon *daemon;
    struct http_connection *connection;
    TAILQ_FOREACH(daemon, &server->daemons, link)
    {
        LIST_FOREACH(connection, &daemon->connections, link)
        http_connection_drain(connection);
    }
}

size_t http_server_connections(const struct http_server *server)
{
    return server->connection_count;
}

void http_server_free(struct http_server *server)
{
    if (server == NULL)
        return;
    server->is_stopping = true;
    server->is_draining = true;
    timers_disarm(server->timers, &server->accept_again);
    http_listener_close_all(server);
    struct http_daemon *daemon;
    struct http_connection *connection;
    while ((daemon = TAILQ_FIRST(&server->daemons)) != NULL) {
        LIST_FOREACH(connection, &daemon->connections, link)
        http_call_abandon(&connection->call);
        http_daemon_free(daemon);
    }
    free(server);
}
