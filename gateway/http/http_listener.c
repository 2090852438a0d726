/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_listener.h"

#include <errno.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_connection.h"
#include "http_daemon.h"
#include "http_server_parts.h"
#include "loop.h"
#include "metrics.h"

/*
 * http_listener: the door. Accepting is ours, not libmicrohttpd's: it can be limited, chooses the
 * daemon that gets the connection, and has a sane answer when descriptors run out: clients then
 * wait in the kernel's queue until a connection ends or some time has passed.
 */

enum {
    BACKLOG = 1024,
    ACCEPT_BATCH = 64, /* per turn, so that what is being served goes on */
    REST_US = 250000,
};

struct http_listener {
    struct http_server *server; /* borrowed for life */
    struct http_listener *next;
    struct loop_watch *watch;
    int fd;
};

static void count_refused(struct http_server *server)
{
    struct metrics *metrics = core_metrics(server->core);
    if (metrics != NULL)
        metrics_add(metrics, METRIC_HTTP_REFUSED_CONNECTIONS, 1);
}

/* Above the limit a client gets the shortest possible answer. What it has sent is read first:
 * closing with unread data would reset the connection and take the answer away. */
static void turn_away(struct http_server *server, int fd)
{
    static const char answer[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                                 "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
    char unread[4096];
    if (recv(fd, unread, sizeof(unread), MSG_DONTWAIT) != 0)
        (void)!send(fd, answer, sizeof(answer) - 1, MSG_DONTWAIT | MSG_NOSIGNAL);
    shutdown(fd, SHUT_WR);
    close(fd);
    count_refused(server);
    log_write_limited(server->log, &server->refused_limit, timers_now_us(server->timers),
                      LOG_LEVEL_WARNING, "http: connection refused: %zu connections are open",
                      server->connection_count);
}

static void welcome(struct http_server *server, int fd, const struct sockaddr *address,
                    socklen_t length)
{
    struct endpoint_address peer;
    if (!endpoint_address_from_sockaddr(&peer, address)) {
        close(fd);
        return;
    }
    if (server->connection_count >= server->limits.connections) {
        turn_away(server, fd);
        return;
    }
    int on = 1;
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    struct http_daemon *daemon = http_server_daemon(server);
    struct http_connection *connection = http_connection_new(server, daemon, fd, &peer);
    if (connection == NULL) {
        close(fd);
        count_refused(server);
        return;
    }
    if (http_daemon_add(daemon, connection, address, length) != 0) {
        http_connection_free(connection);
        count_refused(server);
    }
}

static bool is_out_of_descriptors(int error)
{
    return error == EMFILE || error == ENFILE || error == ENOBUFS || error == ENOMEM;
}

/* Once for a shortage, although connections come and go while it lasts. */
static void tell_of_descriptors(struct http_server *server, int error)
{
    if (!server->has_told_of_descriptors)
        log_write_limited(server->log, &server->refused_limit, timers_now_us(server->timers),
                          LOG_LEVEL_WARNING, "http: accepting rests: %s, %zu connections are open",
                          strerror(error), server->connection_count);
    server->has_told_of_descriptors = true;
}

static void on_ready(void *handle, unsigned events)
{
    (void)events;
    struct http_listener *listener = handle;
    struct http_server *server = listener->server;
    for (int i = 0; i < ACCEPT_BATCH; i++) {
        struct sockaddr_storage address;
        socklen_t length = sizeof(address);
        int fd = accept4(listener->fd, (struct sockaddr *)&address, &length,
                         SOCK_NONBLOCK | SOCK_CLOEXEC);
        if (fd >= 0) {
            welcome(server, fd, (const struct sockaddr *)&address, length);
            continue;
        }
        if (is_out_of_descriptors(errno)) {
            tell_of_descriptors(server, errno);
            http_listener_rest_all(server);
            return;
        }
        /* Nobody waits any more: the shortage is over, the next one is told of anew. */
        if (errno == EAGAIN || errno == EWOULDBLOCK) {
            server->has_told_of_descriptors = false;
            return;
        }
        /* A connection that ended in the queue; other errors of accept are of that kind, too. */
    }
}

/* Splits "host:port" or "[host]:port". False when it is neither. */
static bool split_address(const char *address, char *host, size_t host_size, const char **port)
{
    const char *colon = strrchr(address, ':');
    if (colon == NULL || colon == address || colon[1] == '\0')
        return false;
    const char *start = address;
    size_t length = (size_t)(colon - address);
    if (address[0] == '[') {
        if (colon[-1] != ']' || length < 3)
            return false;
        start++;
        length -= 2;
    } else if (memchr(address, ':', length) != NULL) {
        return false;
    }
    if (length >= host_size)
        return false;
    memcpy(host, start, length);
    host[length] = '\0';
    *port = colon + 1;
    return true;
}

static int open_socket(const struct addrinfo *info)
{
    int on = 1;
    int fd = socket(info->ai_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return -errno;
    int failed = setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof(on));
    if (failed == 0 && info->ai_family == AF_INET6)
        failed = setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof(on));
    if (failed == 0)
        failed = bind(fd, info->ai_addr, info->ai_addrlen);
    if (failed == 0)
        failed = listen(fd, BACKLOG);
    if (failed == 0)
        return fd;
    int error = errno;
    close(fd);
    return -error;
}

static void tell_address(struct http_server *server, int fd)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    struct endpoint_address endpoint;
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];
    if (getsockname(fd, (struct sockaddr *)&address, &length) == 0 &&
        endpoint_address_from_sockaddr(&endpoint, (const struct sockaddr *)&address))
        log_write(server->log, LOG_LEVEL_INFO, "listening on http://%s/",
                  endpoint_address_format(&endpoint, text));
}

static int watch_socket(struct http_server *server, int fd)
{
    struct http_listener *listener = calloc(1, sizeof(*listener));
    if (listener == NULL)
        return -ENOMEM;
    listener->server = server;
    listener->fd = fd;
    listener->watch = loop_watch(server->loop, fd, LOOP_READ, on_ready, listener);
    if (listener->watch == NULL) {
        free(listener);
        return -ENOMEM;
    }
    listener->next = server->listeners;
    server->listeners = listener;
    return 0;
}

int http_listener_open(struct http_server *server, const char *address)
{
    char host[ENDPOINT_ADDRESS_TEXT_SIZE];
    const char *port;
    struct addrinfo *info = NULL;
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM,
                             .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV | AI_PASSIVE};
    if (!split_address(address, host, sizeof(host), &port))
        return -EINVAL;
    int problem = getaddrinfo(host, port, &hints, &info);
    if (problem != 0)
        return problem == EAI_MEMORY ? -ENOMEM : -EINVAL;
    int fd = open_socket(info);
    freeaddrinfo(info);
    if (fd < 0)
        return fd;
    int result = watch_socket(server, fd);
    if (result != 0) {
        close(fd);
        return result;
    }
    tell_address(server, fd);
    return 0;
}

void http_listener_close_all(struct http_server *server)
{
    while (server->listeners != NULL) {
        struct http_listener *listener = server->listeners;
        server->listeners = listener->next;
        loop_unwatch(listener->watch);
        close(listener->fd);
        free(listener);
    }
}

void http_listener_rest_all(struct http_server *server)
{
    for (struct http_listener *listener = server->listeners; listener != NULL;
         listener = listener->next)
        loop_watch_pause(listener->watch);
    timers_arm(server->timers, &server->accept_again, REST_US);
}

void http_listener_resume_all(struct http_server *server)
{
    bool has_failed = false;
    timers_disarm(server->timers, &server->accept_again);
    for (struct http_listener *listener = server->listeners; listener != NULL;
         listener = listener->next)
        has_failed |= loop_watch_resume(listener->watch) != 0;
    /* Memory is short as well: nobody else would ever wake this listener. */
    if (has_failed)
        timers_arm(server->timers, &server->accept_again, REST_US);
}
