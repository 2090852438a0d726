/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_server.h"

#include <stdlib.h>

#include "http_connection.h"
#include "http_daemon.h"
#include "http_listener.h"
#include "http_server_parts.h"

/*
 * http_server: puts the parts of http/ together: listeners give connections to the first of its
 * daemons, whose calls lead requests into the core. Usually there is one daemon; another one stands
 * beside it while connections that began under other limits come to their end.
 */

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
    timer_init(&server->accept_again, on_accept_again, server);
    server->daemons = http_daemon_new(server);
    if (server->daemons == NULL) {
        free(server);
        return NULL;
    }
    return server;
}

int http_server_listen(struct http_server *server, const char *address)
{
    return http_listener_open(server, address);
}

void http_server_configure(struct http_server *server, const struct http_limits *limits)
{
    /* What libmicrohttpd is told at its start needs a new daemon. */
    bool needs_daemon = limits->header != server->limits.header ||
                        limits->idle_timeout_ms != server->limits.idle_timeout_ms ||
                        limits->connections != server->limits.connections;
    struct http_limits former = server->limits;
    server->limits = *limits;
    if (!needs_daemon)
        return;
    struct http_daemon *daemon = http_daemon_new(server);
    if (daemon == NULL) {
        /* The old limits stay in force where the daemon enforces them. */
        server->limits.header = former.header;
        server->limits.idle_timeout_ms = former.idle_timeout_ms;
        server->limits.connections = former.connections;
        return;
    }
    daemon->next = server->daemons;
    server->daemons = daemon;
}

/* Frees the daemons that get no new connections and have lost their last one. */
static void free_retired(struct http_server *server)
{
    struct http_daemon **link = &server->daemons->next;
    while (*link != NULL) {
        struct http_daemon *daemon = *link;
        if (daemon->connection_count > 0) {
            link = &daemon->next;
            continue;
        }
        *link = daemon->next;
        http_daemon_free(daemon);
    }
}

bool http_server_run(void *handle)
{
    struct http_server *server = handle;
    bool wants_more = false;
    server->run_count++;
    for (struct http_daemon *daemon = server->daemons; daemon != NULL; daemon = daemon->next)
        wants_more |= http_daemon_run(daemon);
    free_retired(server);
    return wants_more;
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
    for (struct http_connection *connection = server->connections; connection != NULL;
         connection = connection->next)
        http_connection_drain(connection);
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
    for (struct http_connection *connection = server->connections; connection != NULL;
         connection = connection->next)
        http_call_abandon(&connection->call);
    while (server->daemons != NULL) {
        struct http_daemon *daemon = server->daemons;
        server->daemons = daemon->next;
        http_daemon_free(daemon);
    }
    free(server);
}
