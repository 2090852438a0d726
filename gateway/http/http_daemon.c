/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_daemon.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <microhttpd.h>

#include "http_call.h"
#include "http_connection.h"
#include "http_server_parts.h"
#include "loop.h"
#include "metrics.h"

/*
 * http_daemon: libmicrohttpd in external-epoll mode. Its epoll descriptor is one watch of the loop;
 * resuming or adding a connection wakes nobody there, so whoever does it marks the daemon, and
 * libmicrohttpd runs once at the end of the turn for all that happened in it. It does not listen:
 * accepting is ours (http_listener).
 *
 * The daemon that has had room for the shortest time is the first to be filled again, so that the
 * others become empty and can go.
 */

enum {
    /* Beyond the head, a connection's memory holds libmicrohttpd's record of each field and the
     * header section of the reply. */
    POOL_BESIDE_HEADER = 2048,
};

static void log_of_library(void *handle, const char *format, va_list arguments)
    __attribute__((format(printf, 2, 0)));

/* libmicrohttpd refuses a Content-Length that is no number before it calls anybody, and 0.9.75
 * sends the header section of that refusal twice. But it tells the log beforehand: the moment to
 * answer in its place. */
static void answer_for_library(struct http_daemon *daemon, const char *format)
{
    if (MHD_VERSION < 0x01000000 && strstr(format, "Content-Length' header. Closing") != NULL)
        http_call_refuse_length(daemon, strncmp(format, "Too large", 9) == 0);
}

static void log_of_library(void *handle, const char *format, va_list arguments)
{
    struct http_daemon *daemon = handle;
    struct http_server *server = daemon->server;
    answer_for_library(daemon, format);
    if (!log_enabled(server->log, LOG_LEVEL_DEBUG))
        return;
    char text[200];
    int length = vsnprintf(text, sizeof(text), format, arguments);
    if (length <= 0)
        return;
    text[strcspn(text, "\r\n")] = '\0';
    log_write_limited(server->log, &server->library_limit, timers_now_us(server->timers),
                      LOG_LEVEL_DEBUG, "http: libmicrohttpd: %s", text);
}

static void on_ready(void *handle, unsigned events)
{
    (void)events;
    http_daemon_mark(handle);
}

static void on_timer(void *handle)
{
    http_daemon_mark(handle);
}

static void on_connection(void *handle, struct MHD_Connection *connection, void **socket_context,
                          enum MHD_ConnectionNotificationCode code)
{
    struct http_daemon *daemon = handle;
    if (code == MHD_CONNECTION_NOTIFY_STARTED) {
        *socket_context = daemon->arriving;
        http_connection_started(daemon->arriving, connection);
        daemon->arriving = NULL;
        return;
    }
    if (*socket_context != NULL)
        http_connection_closed(*socket_context);
    *socket_context = NULL;
}

static struct MHD_Daemon *start_library(struct http_daemon *daemon)
{
    const struct http_limits *limits = &daemon->server->limits;
    unsigned idle_s = (limits->idle_timeout_ms + 999) / 1000;
    /* Not strict: then it refuses no request that the guard refuses better (in 0.9.75 the header
     * section of such a refusal is sent twice). */
    return MHD_start_daemon(
        MHD_USE_NO_LISTEN_SOCKET | MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME | MHD_USE_ERROR_LOG, 0,
        NULL, NULL, http_call_handle, daemon, MHD_OPTION_EXTERNAL_LOGGER, log_of_library, daemon,
        MHD_OPTION_CONNECTION_MEMORY_LIMIT, daemon->pool_bytes, MHD_OPTION_CONNECTION_LIMIT,
        daemon->server->limits.connections, MHD_OPTION_CONNECTION_TIMEOUT, idle_s,
        MHD_OPTION_STRICT_FOR_CLIENT, 0, MHD_OPTION_URI_LOG_CALLBACK, http_call_begin, daemon,
        MHD_OPTION_NOTIFY_COMPLETED, http_call_completed, daemon, MHD_OPTION_NOTIFY_CONNECTION,
        on_connection, daemon, MHD_OPTION_END);
}

static void set_open(struct http_daemon *daemon, bool is_open)
{
    if (daemon->is_open == is_open)
        return;
    daemon->is_open = is_open;
    if (is_open)
        TAILQ_INSERT_HEAD(&daemon->server->open, daemon, open_link);
    else
        TAILQ_REMOVE(&daemon->server->open, daemon, open_link);
}

struct http_daemon *http_daemon_new(struct http_server *server)
{
    struct http_daemon *daemon = calloc(1, sizeof(*daemon));
    if (daemon == NULL)
        return NULL;
    daemon->server = server;
    daemon->pool_bytes = server->limits.header + POOL_BESIDE_HEADER;
    timer_init(&daemon->timer, on_timer, daemon);
    TAILQ_INSERT_HEAD(&server->daemons, daemon, link);
    set_open(daemon, true);
    daemon->library = start_library(daemon);
    const union MHD_DaemonInfo *info = NULL;
    if (daemon->library != NULL)
        info = MHD_get_daemon_info(daemon->library, MHD_DAEMON_INFO_EPOLL_FD);
    if (info != NULL)
        daemon->watch = loop_watch(server->loop, info->epoll_fd, LOOP_READ, on_ready, daemon);
    if (daemon->watch == NULL) {
        log_write_limited(server->log, &server->daemon_limit, timers_now_us(server->timers),
                          LOG_LEVEL_ERROR, "http: libmicrohttpd cannot start");
        http_daemon_free(daemon);
        return NULL;
    }
    return daemon;
}

void http_daemon_free(struct http_daemon *daemon)
{
    struct http_server *server = daemon->server;
    http_daemon_retire(daemon);
    loop_unwatch(daemon->watch);
    if (daemon->library != NULL) {
        /* Lets go of the connections that have just been resumed: stopping with suspended ones is
         * an error of ours to libmicrohttpd. */
        MHD_run(daemon->library);
        MHD_stop_daemon(daemon->library);
    }
    timers_disarm(server->timers, &daemon->timer);
    if (daemon->is_dirty)
        TAILQ_REMOVE(&server->dirty, daemon, dirty_link);
    TAILQ_REMOVE(&server->daemons, daemon, link);
    free(daemon);
}

void http_daemon_retire(struct http_daemon *daemon)
{
    daemon->is_retired = true;
    set_open(daemon, false);
}

bool http_daemon_is_spare(const struct http_daemon *daemon)
{
    return daemon->connection_count == 0 &&
           (daemon->is_retired || TAILQ_FIRST(&daemon->server->open) != daemon ||
            TAILQ_NEXT(daemon, open_link) != NULL);
}

static void count_connections(struct http_server *server)
{
    struct metrics *metrics = core_metrics(server->core);
    if (metrics != NULL)
        metrics_set(metrics, METRIC_HTTP_CONNECTIONS, server->connection_count);
}

void http_daemon_enter(struct http_daemon *daemon, struct http_connection *connection)
{
    LIST_INSERT_HEAD(&daemon->connections, connection, link);
    daemon->connection_count++;
    daemon->server->connection_count++;
    if (daemon->connection_count >= HTTP_DAEMON_CONNECTIONS)
        set_open(daemon, false);
    count_connections(daemon->server);
}

void http_daemon_leave(struct http_daemon *daemon, struct http_connection *connection)
{
    LIST_REMOVE(connection, link);
    daemon->connection_count--;
    daemon->server->connection_count--;
    if (daemon->connection_count < HTTP_DAEMON_CONNECTIONS && !daemon->is_retired)
        set_open(daemon, true);
    count_connections(daemon->server);
}

int http_daemon_add(struct http_daemon *daemon, struct http_connection *connection,
                    const struct sockaddr *address, socklen_t length)
{
    daemon->arriving = connection;
    http_daemon_mark(daemon);
    if (MHD_add_connection(daemon->library, http_connection_descriptor(connection), address,
                           length) == MHD_YES)
        return 0;
    /* Whether or not libmicrohttpd told of the connection, it does so no more. */
    bool is_ours = daemon->arriving != NULL;
    daemon->arriving = NULL;
    return is_ours ? -1 : 0;
}

void http_daemon_mark(struct http_daemon *daemon)
{
    if (!daemon->is_dirty)
        TAILQ_INSERT_TAIL(&daemon->server->dirty, daemon, dirty_link);
    daemon->is_dirty = true;
}

void http_daemon_run(struct http_daemon *daemon)
{
    MHD_run(daemon->library);
    MHD_UNSIGNED_LONG_LONG timeout_ms;
    if (MHD_get_timeout(daemon->library, &timeout_ms) != MHD_YES)
        return;
    if (timeout_ms == 0)
        http_daemon_mark(daemon);
    /* A timer that is armed too early runs libmicrohttpd once for nothing and costs less than
     * moving it with each request. */
    struct timers *timers = daemon->server->timers;
    uint64_t delay_us = (uint64_t)timeout_ms * 1000;
    if (timeout_ms > 0 &&
        (!daemon->timer.is_armed || daemon->timer.deadline_us > timers_now_us(timers) + delay_us))
        timers_arm(timers, &daemon->timer, delay_us);
}
