/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_call.h"

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "auth.h"
#include "exchange.h"
#include "http_connection.h"
#include "http_daemon.h"
#include "http_guard.h"
#include "http_response.h"
#include "http_server_parts.h"
#include "loop.h"
#include "memory_account.h"

/*
 * http_call: a request's way through libmicrohttpd. Its first call gives the head: guard, request,
 * exchange_begin. A response queued in that call closes the connection, which is right for refusals
 * and for a body that nobody wants to read; all else is queued in the last call. Between them the
 * body is collected. A parked call is suspended and resumed with its response.
 *
 * Where libmicrohttpd takes no response (a body that grows too large, a client that stalls), the
 * octets of the reply go to the socket directly; nothing else has been written for that request.
 * The connection is then *doomed*: what still comes is dropped for a moment, so that the client
 * can read the reply before a reset reaches it.
 */

enum {
    LINGER_US = 2000000,
    /* A parked call that is answered sooner costs no watch of its own. */
    WATCH_DELAY_US = 100000,
    DIRECT_REPLY_MAXIMUM = 65536,
    /* Least room for the header section of a reply in the memory of a connection, and what
     * libmicrohttpd needs there for each field (a record of seven words). */
    REPLY_ROOM = 1024,
    FIELD_RECORD = 64,
    /* RFC 9175 2.3: how long a sign that a client is there tells that its request is fresh. */
    FRESH_US = 5000000,
    /* What libmicrohttpd keeps of a connection beside its pool, about. */
    LIBRARY_CHARGE = 1024,
    /* A body of unknown length that has come so far is likely to be a large one. */
    UNKNOWN_MANY = 16384,
    UNKNOWN_ROOM = 1 << 20,
};

static struct core *core_of(const struct http_call *call)
{
    return call->connection->server->core;
}

void http_call_init(struct http_call *call, struct http_connection *connection)
{
    *call = (struct http_call){.connection = connection};
}

static void account(struct http_call *call)
{
    if (call->is_accounted)
        return;
    call->is_accounted = true;
    uint64_t now_us = timers_precise_us(call->connection->server->timers);
    struct exchange_account entry = {
        .method = call->request.method_text != NULL ? call->request.method_text : "-",
        .target = call->target != NULL ? call->target : "-",
        .client = call->connection->client,
        .request_id = call->id,
        .status = call->status,
        .elapsed_us = now_us - call->began_us,
        .body_bytes = call->body_bytes,
    };
    exchange_account(core_of(call), call->exchange, &entry);
    if (call->exchange != 0)
        exchange_detach(core_of(call), call->exchange);
    call->exchange = 0;
}

/* The request itself is not needed any more. */
static void forget_request(struct http_call *call)
{
    buffer_clear(&call->body);
    memory_account_give(core_memory(core_of(call)), call->charge);
    call->charge = 0;
    http_request_head_clear(&call->head);
    call->request = (struct http_request){0};
    free(call->target);
    call->target = NULL;
}

void http_call_end(struct http_call *call)
{
    if (call->state == HTTP_CALL_NONE)
        return;
    account(call);
    loop_unwatch(call->client_watch);
    http_stream_end(call);
    forget_request(call);
    http_call_init(call, call->connection);
}

static void make_id(struct http_call *call)
{
    struct http_server *server = call->connection->server;
    server->id_counter = (server->id_counter + 1) & 0xffffff;
    snprintf(call->id, sizeof(call->id), "%06x%06x", (unsigned)(server->id_prefix & 0xffffff),
             (unsigned)server->id_counter);
}

/* libmicrohttpd would keep a record of each argument of the query, for which nobody asks: some 150
 * fill a connection's memory, and then it closes without an answer. It looks for them in its own
 * copy of the target, behind this callback. */
static void hide_arguments(const char *target)
{
    char *mark = strchr(target, '?');
    if (mark != NULL && mark[1] != '\0')
        mark[1] = '\0';
}

void *http_call_begin(void *handle, const char *target, struct MHD_Connection *connection)
{
    (void)handle;
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
    if (info == NULL || info->socket_context == NULL)
        return NULL;
    struct http_connection *owner = info->socket_context;
    struct http_call *call = &owner->call;
    struct http_server *server = owner->server;
    if (call->state == HTTP_CALL_DOOMED)
        return call;
    call->state = HTTP_CALL_HEAD;
    call->began_us = timers_precise_us(server->timers);
    call->target = strdup(target);
    hide_arguments(target);
    make_id(call);
    call->charge = sizeof(*owner) + owner->daemon->pool_bytes + LIBRARY_CHARGE;
    memory_account_add(core_memory(server->core), call->charge);
    call->request = (struct http_request){.client = owner->client, .id = call->id};
    uint64_t delay_us = (uint64_t)server->limits.request_timeout_ms * 1000;
    http_connection_set_deadline(owner, delay_us > 0 ? delay_us : TIMERS_NEVER);
    return call;
}

static struct http_response_options response_options(const struct http_call *call)
{
    return (struct http_response_options){.method = call->request.method,
                                          .must_close = call->connection->server->is_draining,
                                          .request_id = call->id};
}

/* The last resort when there is no memory even for a response: octets that are there already. */
static void answer_without_memory(struct http_call *call)
{
    static const char octets[] = "HTTP/1.1 503 Service Unavailable\r\nConnection: close\r\n"
                                 "Retry-After: 1\r\nContent-Length: 0\r\n\r\n";
    if (send(call->connection->fd, octets, sizeof(octets) - 1, MSG_DONTWAIT | MSG_NOSIGNAL) > 0)
        call->status = 503;
    shutdown(call->connection->fd, SHUT_WR);
}

static enum MHD_Result replying(struct http_call *call, const struct http_reply *reply,
                                size_t body_bytes, enum MHD_Result result)
{
    if (result != MHD_YES) {
        answer_without_memory(call);
        call->state = HTTP_CALL_DOOMED;
        return MHD_NO;
    }
    call->state = HTTP_CALL_REPLYING;
    call->status = reply->status;
    call->body_bytes = body_bytes;
    http_connection_set_deadline(call->connection, TIMERS_NEVER);
    return MHD_YES;
}

/* Answers with a problem of the gateway's own; the connection ends behind it. */
static enum MHD_Result refuse(struct http_call *call, unsigned status, const char *slug,
                              const char *detail)
{
    struct http_reply reply;
    http_reply_init(&reply, DIRECT_REPLY_MAXIMUM);
    exchange_refusal(core_of(call), status, slug, detail, &call->request, &reply);
    reply.must_close = true;
    struct http_response_options options = response_options(call);
    size_t length = reply.body.length;
    enum MHD_Result result = http_response_queue_taken(call->connection->library, &reply, &options);
    result = replying(call, &reply, length, result);
    http_reply_clear(&reply);
    return result;
}

static enum MHD_Result refuse_for_memory(struct http_call *call)
{
    return refuse(call, 503, "out-of-memory", NULL);
}

/* All bodies together have reached their limit (SEC-19): before a client sends more of it. */
static enum MHD_Result refuse_for_load(struct http_call *call)
{
    return refuse(call, 503, "overloaded", "too many large requests are under way");
}

/* Writes a reply past libmicrohttpd and lets the connection end. */
static void answer_directly(struct http_call *call, const struct http_reply *reply)
{
    struct http_response_options options = response_options(call);
    struct buffer octets;
    buffer_init(&octets, 2 * DIRECT_REPLY_MAXIMUM);
    if (http_response_write(reply, &options, &octets) == 0 &&
        send(call->connection->fd, octets.data, octets.length, MSG_DONTWAIT | MSG_NOSIGNAL) > 0) {
        call->status = reply->status;
        call->body_bytes = reply->body.length;
    }
    buffer_clear(&octets);
    shutdown(call->connection->fd, SHUT_WR);
    call->state = HTTP_CALL_DOOMED;
    http_connection_set_deadline(call->connection, LINGER_US);
}

static void refuse_directly(struct http_call *call, unsigned status, const char *slug,
                            const char *detail)
{
    struct http_reply reply;
    http_reply_init(&reply, DIRECT_REPLY_MAXIMUM);
    exchange_refusal(core_of(call), status, slug, detail, &call->request, &reply);
    answer_directly(call, &reply);
    http_reply_clear(&reply);
}

void http_call_expire(struct http_call *call)
{
    refuse_directly(call, 408, "request-timeout", NULL);
}

/* Whether libmicrohttpd has the whole head but has not given it to us: true only inside of what it
 * does between the two, and so for one connection at most. */
static bool is_head_being_read(const struct http_call *call)
{
    return call->state == HTTP_CALL_HEAD && call->head.fields == NULL &&
           MHD_get_connection_info(call->connection->library,
                                   MHD_CONNECTION_INFO_REQUEST_HEADER_SIZE) != NULL;
}

void http_call_refuse_length(struct http_daemon *daemon, bool is_too_large)
{
    struct http_connection *connection;
    LIST_FOREACH(connection, &daemon->connections, link)
    {
        struct http_call *call = &connection->call;
        if (!is_head_being_read(call))
            continue;
        if (is_too_large)
            refuse_directly(call, 413, "body-too-large", "The body is too large.");
        else
            refuse_directly(call, 400, "bad-request", "Content-Length is no number.");
        return;
    }
}

/* The request is over when its stream begins, for the log and the metrics too: how long a stream
 * lasts says nothing of how fast the gateway answers. What it takes in memory is bounded by the
 * number of streams, and leaves the room for bodies alone. */
static enum MHD_Result begin_stream(struct http_call *call, const struct http_reply *reply,
                                    struct stream *stream)
{
    struct http_response_options options = response_options(call);
    enum MHD_Result result = http_stream_queue(call, stream, reply, &options);
    result = replying(call, reply, 0, result);
    if (result != MHD_YES)
        return result;
    call->state = HTTP_CALL_STREAMING;
    account(call);
    forget_request(call);
    return MHD_YES;
}

static enum MHD_Result queue_reply(struct http_call *call)
{
    const struct http_reply *reply = exchange_reply(core_of(call), call->exchange);
    if (reply == NULL)
        return refuse_for_memory(call);
    struct stream *stream = exchange_take_stream(core_of(call), call->exchange);
    if (stream != NULL)
        return begin_stream(call, reply, stream);
    struct http_response_options options = response_options(call);
    enum MHD_Result result = http_response_queue(call->connection->library, reply, &options);
    return replying(call, reply, reply->body.length, result);
}

/* libmicrohttpd sends "100 Continue" behind the first call to a client that waits for it. */
static void note_continue(struct http_call *call)
{
    const char *expectation = http_request_field(&call->request, "Expect");
    if (call->request.is_http_1_0 || expectation == NULL ||
        strcasecmp(expectation, "100-continue") != 0)
        return;
    call->continue_us = timers_now_us(call->connection->server->timers);
    call->continue_run = call->connection->server->run_count;
}

/* The head is complete: the first call of libmicrohttpd. */
static enum MHD_Result begin_exchange(struct http_call *call)
{
    struct http_request *request = &call->request;
    uint64_t age_us =
        timers_now_us(call->connection->server->timers) - call->connection->accepted_us;
    request->is_fresh = age_us <= FRESH_US;
    request->roles = auth_roles(core_policy(core_of(call)), &call->connection->peer);
    request->client_key = auth_client_key(&call->connection->peer);
    buffer_init(&call->body, 0);
    switch (exchange_begin(core_of(call), request, call, &call->exchange)) {
    case EXCHANGE_ANSWERED:
        call->state = HTTP_CALL_READY;
        return request->has_body ? queue_reply(call) : MHD_YES;
    case EXCHANGE_WANTS_BODY:
        break;
    case EXCHANGE_PARKED:
    case EXCHANGE_NO_MEMORY:
        call->exchange = 0;
        return refuse_for_memory(call);
    }
    size_t maximum = exchange_body_maximum(core_of(call), call->exchange);
    if (request->has_length && request->content_length > maximum) {
        exchange_refuse_body(core_of(call), call->exchange);
        return queue_reply(call);
    }
    buffer_init_charged(&call->body, maximum, core_memory(core_of(call)));
    /* Room for all of it from the beginning: many uploads at once would only hinder one another. */
    if (request->has_length && buffer_make_room(&call->body, (size_t)request->content_length) != 0)
        return refuse_for_load(call);
    note_continue(call);
    call->state = HTTP_CALL_BODY;
    return MHD_YES;
}

/* True when the head left too little of the connection's memory for libmicrohttpd to answer. */
static bool lacks_reply_room(const struct http_call *call)
{
    size_t used = call->head.octets + call->head.field_count * FIELD_RECORD;
    return used + REPLY_ROOM > call->connection->daemon->pool_bytes;
}

static enum MHD_Result take_head(struct http_call *call, const char *method, const char *version)
{
    if (call->target == NULL || http_request_head_read(&call->head, call->connection->library,
                                                       method, call->target, version) != 0)
        return refuse_for_memory(call);
    struct http_guard_head head = {
        .method = call->head.method,
        .target = call->target,
        .version = version,
        .fields = call->head.fields,
        .field_count = call->head.field_count,
        .header_bytes = call->head.octets,
        .header_maximum = call->connection->server->limits.header,
        .is_as_sent = call->head.is_as_sent,
    };
    struct http_guard_verdict verdict;
    http_guard_judge(&head, &verdict);
    call->is_last = verdict.is_last;
    call->request.method = verdict.method;
    call->request.method_text = call->head.method;
    call->request.target = call->target;
    call->request.fields = call->head.fields; /* a refusal looks at Accept */
    call->request.field_count = call->head.field_count;
    if (lacks_reply_room(call)) {
        refuse_directly(call, verdict.status == 414 ? 414 : 431,
                        verdict.status == 414 ? "target-too-long" : "header-too-large",
                        "The header section is too large.");
        return MHD_NO;
    }
    if (verdict.status != 0)
        return refuse(call, verdict.status, verdict.slug, verdict.detail);
    http_request_fill(&call->request, &call->head, &verdict);
    return begin_exchange(call);
}

/* Bodies of unknown length that grow side by side would take all room from one another, and none
 * would be complete: the first ones that turn out to be large get room for more at once. */
static void make_more_room(struct http_call *call)
{
    struct buffer *body = &call->body;
    size_t room = body->maximum < UNKNOWN_ROOM ? body->maximum : UNKNOWN_ROOM;
    if (call->request.has_length || body->length < UNKNOWN_MANY || body->capacity > room ||
        !memory_account_has_room(body->account, room + 1 - body->capacity))
        return;
    (void)buffer_make_room(body, room);
}

static enum MHD_Result take_body(struct http_call *call, const char *data, size_t length)
{
    /* A body that came with the head has not waited for our word, and proves nothing. */
    if (call->continue_run == call->connection->server->run_count)
        call->continue_us = 0;
    make_more_room(call);
    if (buffer_append(&call->body, data, length) == 0)
        return MHD_YES;
    if (length <= call->body.maximum - call->body.length) {
        refuse_directly(call, 503, "overloaded", "too many large requests are under way");
        return MHD_YES;
    }
    exchange_refuse_body(core_of(call), call->exchange);
    const struct http_reply *reply = exchange_reply(core_of(call), call->exchange);
    if (reply == NULL)
        return MHD_NO;
    answer_directly(call, reply);
    return MHD_YES;
}

static enum MHD_Result park(struct http_call *call)
{
    /* libmicrohttpd aborts the process when it is stopped with a suspended connection, and its last
     * run may still bring the end of a body. */
    if (call->connection->server->is_stopping) {
        call->state = HTTP_CALL_DOOMED;
        return MHD_NO;
    }
    call->state = HTTP_CALL_PARKED;
    MHD_suspend_connection(call->connection->library);
    http_connection_set_deadline(call->connection, WATCH_DELAY_US);
    return MHD_YES;
}

/* The body is complete. */
static enum MHD_Result run_exchange(struct http_call *call)
{
    call->request.body = (const uint8_t *)buffer_take(&call->body, &call->request.body_length);
    uint64_t now_us = timers_now_us(call->connection->server->timers);
    if (call->continue_us != 0 && now_us - call->continue_us < FRESH_US)
        call->request.is_fresh = true;
    http_connection_set_deadline(call->connection, TIMERS_NEVER);
    switch (exchange_run(core_of(call), call->exchange)) {
    case EXCHANGE_ANSWERED:
        return queue_reply(call);
    case EXCHANGE_PARKED:
        return park(call);
    case EXCHANGE_NO_MEMORY:
        free((void *)(uintptr_t)call->request.body);
        break;
    case EXCHANGE_WANTS_BODY:
        break;
    }
    return refuse_for_memory(call);
}

enum MHD_Result http_call_handle(void *handle, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_size, void **request_context)
{
    (void)handle;
    (void)connection;
    (void)url;
    struct http_call *call = *request_context;
    if (call == NULL)
        return MHD_NO;
    size_t length = *data_size;
    *data_size = 0;
    switch (call->state) {
    case HTTP_CALL_HEAD:
        return take_head(call, method, version);
    case HTTP_CALL_BODY:
        return length > 0 ? take_body(call, data, length) : run_exchange(call);
    case HTTP_CALL_READY:
        return length > 0 ? MHD_YES : queue_reply(call);
    case HTTP_CALL_DOOMED:
        return length > 0 ? MHD_YES : MHD_NO;
    case HTTP_CALL_NONE:
    case HTTP_CALL_PARKED:
    case HTTP_CALL_REPLYING:
    case HTTP_CALL_STREAMING:
        break;
    }
    return MHD_NO;
}

/* libmicrohttpd answers some malformed heads itself; this is what it told the client. */
static unsigned status_of_library(struct MHD_Connection *connection)
{
    const union MHD_ConnectionInfo *info =
        MHD_get_connection_info(connection, MHD_CONNECTION_INFO_HTTP_STATUS);
    return info != NULL ? info->http_status : 0;
}

void http_call_completed(void *handle, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code)
{
    (void)handle;
    struct http_call *call = *request_context;
    *request_context = NULL;
    if (call == NULL || call->state == HTTP_CALL_NONE)
        return;
    bool is_doomed = call->state == HTTP_CALL_DOOMED;
    if (call->status == 0 && !is_doomed && code == MHD_REQUEST_TERMINATED_WITH_ERROR)
        call->status = status_of_library(connection);
    http_call_end(call);
    if (is_doomed)
        return;
    http_connection_rest(call->connection);
    if (call->connection->server->is_draining)
        http_connection_drain(call->connection);
}

static void resume(struct http_call *call)
{
    /* Before libmicrohttpd puts the descriptor back into its own epoll set. */
    loop_unwatch(call->client_watch);
    call->client_watch = NULL;
    MHD_resume_connection(call->connection->library);
    http_daemon_mark(call->connection->daemon);
}

void http_call_abandon(struct http_call *call)
{
    if (call->state == HTTP_CALL_STREAMING)
        http_stream_leave(call, "the gateway stops");
    if (call->state != HTTP_CALL_PARKED)
        return;
    call->state = HTTP_CALL_DOOMED;
    account(call);
    resume(call);
}

/* A client that closes its sending side only looks just like one that leaves. It is believed to
 * want its answer when it had said before that this is its last request; any other has left. */
static void on_client_event(void *handle, unsigned events)
{
    (void)events;
    struct http_call *call = handle;
    struct pollfd look = {.fd = call->connection->fd, .events = POLLRDHUP};
    if (poll(&look, 1, 0) <= 0)
        return; /* a pipelined request */
    if ((look.revents & (POLLERR | POLLHUP | POLLNVAL)) == 0 && call->is_last)
        return;
    http_call_abandon(call);
}

void http_call_watch_client(struct http_call *call)
{
    if (call->state != HTTP_CALL_PARKED || call->client_watch != NULL)
        return;
    /* Without memory for the watch, the call is answered into the void: no harm. */
    call->client_watch = loop_watch(call->connection->server->loop, call->connection->fd,
                                    LOOP_CLOSED, on_client_event, call);
}

static void on_answered(void *north)
{
    struct http_call *call = north;
    if (call->state != HTTP_CALL_PARKED)
        return;
    /* Without a response the resumed call ends its connection. */
    if (queue_reply(call) != MHD_YES)
        call->state = HTTP_CALL_DOOMED;
    resume(call);
}

const struct north_ops http_server_north_ops = {.answered = on_answered,
                                                .readable = http_stream_readable};
