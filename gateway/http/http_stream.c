/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_stream.h"

#include <limits.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/types.h>
#include <unistd.h>

#include "auth.h"
#include "http_call.h"
#include "http_connection.h"
#include "http_daemon.h"
#include "http_response.h"
#include "http_server_parts.h"
#include "loop.h"
#include "stream.h"

/*
 * http_stream: libmicrohttpd asks for the body of the reply piece by piece and gets what the stream
 * has. When that is nothing the connection is suspended and costs nothing until news or a heartbeat
 * wakes it. Behind the end the connection closes: whoever had pipelined a request would wait for
 * its answer for days.
 *
 * Streams are idle most of the time, and libmicrohttpd sees nothing of a suspended connection, so
 * three things find out that nobody reads any more: a watch of the descriptor sees a close or a
 * reset at once; a client that vanished without a word no longer acknowledges heartbeats, which the
 * kernel tells; one that is there and does not read, or very slowly, may stay: its queue is
 * bounded, and its kernel answers.
 */

enum {
    /* A piece that takes more than a page of a connection's memory. */
    LARGE_OCTETS = 4096,
    /* Octets that wait in the kernel although they could not be sent yet: a slow reader is to get
     * the newest state, not what was new a megabyte ago. */
    UNSENT_OCTETS = 16384,
};

static struct http_server *server_of(const struct http_call *call)
{
    return call->connection->server;
}

static void close_stream(struct http_call *call, const char *why)
{
    struct http_server *server = server_of(call);
    if (call->stream.stream == NULL)
        return;
    log_write(server->log, LOG_LEVEL_DEBUG, "stream %s: %s, %llu octets in %.1f s", call->id, why,
              (unsigned long long)call->stream.bytes,
              (double)(timers_precise_us(server->timers) - call->began_us) / 1e6);
    stream_close(call->stream.stream);
    call->stream.stream = NULL;
}

static void resume(struct http_call *call)
{
    if (!call->stream.is_waiting)
        return;
    call->stream.is_waiting = false;
    MHD_resume_connection(call->connection->library);
    http_daemon_mark(call->connection->daemon);
}

void http_stream_leave(struct http_call *call, const char *why)
{
    close_stream(call, why);
    /* A connection that waits until it can write ends by this; the reader tells a resumed one. */
    shutdown(call->connection->fd, SHUT_RDWR);
    resume(call);
}

/* Whoever closes but the sending side of a stream has no reason to: it is taken for leaving. */
static void on_client_event(void *handle, unsigned events)
{
    (void)events;
    struct http_call *call = handle;
    struct pollfd look = {.fd = call->connection->fd, .events = POLLRDHUP};
    if (poll(&look, 1, 0) > 0)
        http_stream_leave(call, "the client has left");
}

/* The memory that libmicrohttpd offers holds nothing now. A whole page of it goes back to the
 * system, and is zeros when it is written again: most of a connection's memory, for days. */
static void give_back(const char *memory, size_t size)
{
#ifdef MADV_DONTNEED
    long page = sysconf(_SC_PAGESIZE);
    if (page <= 0)
        return;
    uintptr_t first = ((uintptr_t)memory + (uintptr_t)page - 1) & ~((uintptr_t)page - 1);
    uintptr_t end = ((uintptr_t)memory + size) & ~((uintptr_t)page - 1);
    if (first < end)
        (void)madvise((void *)first, end - first, MADV_DONTNEED);
#else
    (void)memory;
    (void)size;
#endif
}

/* What is done once for a stream, when libmicrohttpd takes its connection for one that sends. */
static void begin(struct http_call *call)
{
    int fd = call->connection->fd;
    int unsent = UNSENT_OCTETS;
    call->stream.has_begun = true;
    call->stream.is_roomy = true; /* from the requests before */
    /* libmicrohttpd would end a connection on which nothing moves for the idle time. */
    MHD_set_connection_option(call->connection->library, MHD_CONNECTION_OPTION_TIMEOUT, 0U);
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof(unsent));
    http_connection_set_deadline(call->connection, server_of(call)->stream_look_us);
}

/* Nothing is to be sent. `memory` is where it would have gone. */
static void wait_for_news(struct http_call *call, char *memory, size_t size)
{
    struct http_stream *stream = &call->stream;
    if (stream->watch == NULL) {
        /* Sends the header section if libmicrohttpd holds it back for a body to go with it. */
        int on = 1;
        (void)setsockopt(call->connection->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
        /* Without memory for the watch, heartbeats find out. */
        stream->watch = loop_watch(server_of(call)->loop, call->connection->fd, LOOP_CLOSED,
                                   on_client_event, call);
    }
    if (stream->is_roomy)
        give_back(memory, size);
    stream->is_roomy = false;
    MHD_suspend_connection(call->connection->library);
    stream->is_waiting = true;
}

static ssize_t read_some(void *handle, uint64_t position, char *out, size_t maximum)
{
    (void)position;
    struct http_call *call = handle;
    struct http_stream *stream = &call->stream;
    if (stream->stream == NULL)
        return MHD_CONTENT_READER_END_WITH_ERROR;
    if (!stream->has_begun)
        begin(call);
    long got = stream_read(stream->stream, out, maximum);
    if (got > 0) {
        stream->bytes += (uint64_t)got;
        stream->is_roomy |= got > LARGE_OCTETS;
        return got;
    }
    if (got < 0) {
        close_stream(call, "ended");
        return MHD_CONTENT_READER_END_OF_STREAM;
    }
    wait_for_news(call, out, maximum);
    return 0;
}

enum MHD_Result http_stream_queue(struct http_call *call, struct stream *stream,
                                  const struct http_reply *reply,
                                  struct http_response_options *options)
{
    options->must_close = true;
    options->read = read_some;
    options->read_handle = call;
    options->is_http_1_0 = call->request.is_http_1_0;
    enum MHD_Result result = MHD_NO;
    /* libmicrohttpd aborts the process when it is stopped with a suspended connection. */
    if (!server_of(call)->is_stopping)
        result = http_response_queue(call->connection->library, reply, options);
    if (result != MHD_YES) {
        stream_close(stream);
        return result;
    }
    call->stream = (struct http_stream){.stream = stream, .roles = call->request.roles};
    stream_bind(stream, call);
    return result;
}

void http_stream_readable(void *north)
{
    resume(north);
}

/* A client that is there acknowledges what it gets, or the probes of our kernel when it takes no
 * more. Where more of both were sent in vain than at the last look, nothing has been heard of it
 * since: it has vanished. A reader of one octet a second may go on, which no limit on the time
 * without progress would let it (TCP_USER_TIMEOUT neither). */
void http_stream_look(struct http_call *call)
{
    struct http_stream *stream = &call->stream;
    uint64_t look_us = server_of(call)->stream_look_us;
    struct tcp_info info = {0};
    socklen_t length = sizeof(info);
    if (getsockopt(call->connection->fd, IPPROTO_TCP, TCP_INFO, &info, &length) != 0)
        info.tcpi_retransmits = info.tcpi_probes = 0;
    unsigned unanswered = (unsigned)info.tcpi_retransmits + info.tcpi_probes;
    bool is_silent = (uint64_t)info.tcpi_last_ack_recv * 1000 >= look_us / 2;
    if (is_silent && stream->unanswered > 0 && unanswered > stream->unanswered) {
        http_stream_leave(call, "the client has vanished");
        return;
    }
    stream->unanswered = unanswered;
    http_connection_set_deadline(call->connection, look_us);
}

/* It may connect again, and is then told what it may. */
void http_stream_judge(struct http_call *call)
{
    unsigned roles = auth_roles(core_policy(server_of(call)->core), &call->connection->peer);
    if ((call->stream.roles & ~roles) != 0)
        http_stream_leave(call, "the client has lost a role");
}

void http_stream_end(struct http_call *call)
{
    loop_unwatch(call->stream.watch);
    close_stream(call, "the connection has ended");
    call->stream = (struct http_stream){0};
}
