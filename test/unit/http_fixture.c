/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_fixture.h"

#include <arpa/inet.h>
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "exchange.h"
#include "log.h"
#include "loop.h"
#include "stream.h"
#include "timers.h"

/*
 * http_fixture: the core's side of exchange.h for tests of the HTTP adapter, and what drives it.
 * Nothing sleeps: the loop turns until what is awaited has happened.
 */

struct core fake;

static struct fake_exchange *exchange_of(uint64_t id)
{
    ck_assert_uint_ge(id, 1);
    ck_assert_uint_le(id, EXCHANGES_MAX);
    ck_assert(fake.exchanges[id - 1].is_live);
    return &fake.exchanges[id - 1];
}

static enum exchange_progress answer(struct fake_exchange *exchange, unsigned status,
                                     const void *body, size_t length)
{
    exchange->reply.status = status;
    http_reply_add(&exchange->reply, "Content-Type", "text/plain;charset=utf-8");
    buffer_append(&exchange->reply.body, body, length);
    exchange->is_answered = true;
    return EXCHANGE_ANSWERED;
}

static void remember(const struct http_request *request)
{
    fake.last_roles = request->roles;
    fake.was_absolute = request->is_absolute_form;
    size_t used = 0;
    for (size_t i = 0; i < request->field_count; i++)
        used += (size_t)snprintf(fake.last_fields + used, sizeof(fake.last_fields) - used,
                                 "%.60s=%.60s;", request->fields[i].name, request->fields[i].value);
}

static void add_stream(struct fake_exchange *exchange, const char *text)
{
    struct stream *stream = calloc(1, sizeof(*stream));
    ck_assert_ptr_nonnull(stream);
    stream->text = strdup(text);
    stream->length = strlen(text);
    fake.streams = realloc(fake.streams, (fake.stream_count + 1) * sizeof(stream));
    ck_assert_ptr_nonnull(fake.streams);
    fake.streams[fake.stream_count++] = stream;
    exchange->stream = stream;
    exchange->reply.status = 200;
    http_reply_add(&exchange->reply, "Content-Type", "text/event-stream");
    http_reply_add(&exchange->reply, "Cache-Control", "no-store");
    exchange->is_answered = true;
}

enum exchange_progress exchange_begin(struct core *core, const struct http_request *request,
                                      void *north, uint64_t *id)
{
    if (core->has_no_memory)
        return EXCHANGE_NO_MEMORY;
    struct fake_exchange *exchange = &core->exchanges[core->begun % EXCHANGES_MAX];
    ck_assert(!exchange->is_live);
    *exchange = (struct fake_exchange){.request = request, .north = north, .is_live = true};
    http_reply_init(&exchange->reply, ANSWER_MAXIMUM);
    *id = core->begun++ % EXCHANGES_MAX + 1;
    remember(request);
    if (strcmp(request->target, "/missing") == 0)
        return answer(exchange, 404, "missing\n", 8);
    if (strcmp(request->target, "/now") == 0)
        return answer(exchange, 200, "now", 3);
    return EXCHANGE_WANTS_BODY;
}

enum exchange_progress exchange_run(struct core *core, uint64_t id)
{
    struct fake_exchange *exchange = exchange_of(id);
    const struct http_request *request = exchange->request;
    core->ran++;
    exchange->body = (uint8_t *)(uintptr_t)request->body;
    core->body_seen = request->body_length;
    if (strncmp(request->target, "/park", 5) == 0)
        return EXCHANGE_PARKED;
    if (strncmp(request->target, "/stream", 7) == 0 && request->method == HTTP_METHOD_GET) {
        add_stream(exchange, request->target[7] == '=' ? request->target + 8 : "");
        return EXCHANGE_ANSWERED;
    }
    if (strcmp(request->target, "/204") == 0)
        return answer(exchange, 204, NULL, 0);
    if (strcmp(request->target, "/304") == 0)
        return answer(exchange, 304, NULL, 0);
    if (strcmp(request->target, "/unknown") == 0)
        exchange->reply.has_unknown_length = true;
    if (strcmp(request->target, "/close") == 0)
        exchange->reply.must_close = true;
    if (request->body_length > 0)
        return answer(exchange, 200, request->body, request->body_length);
    return answer(exchange, 200, "hello", 5);
}

size_t exchange_body_maximum(struct core *core, uint64_t id)
{
    (void)core;
    exchange_of(id);
    return BODY_MAXIMUM;
}

void exchange_refuse_body(struct core *core, uint64_t id)
{
    (void)core;
    answer(exchange_of(id), 413, "too large\n", 10);
}

const struct http_reply *exchange_reply(struct core *core, uint64_t id)
{
    (void)core;
    return exchange_of(id)->is_answered ? &exchange_of(id)->reply : NULL;
}

struct stream *exchange_take_stream(struct core *core, uint64_t id)
{
    (void)core;
    struct stream *stream = exchange_of(id)->stream;
    exchange_of(id)->stream = NULL;
    return stream;
}

void stream_bind(struct stream *stream, void *north)
{
    ck_assert_ptr_null(stream->north);
    stream->north = north;
}

long stream_read(struct stream *stream, char *out, size_t size)
{
    ck_assert_ptr_nonnull(stream->north);
    ck_assert(!stream->is_closed);
    ck_assert_msg(!stream->is_empty, "read again although there is nothing new");
    size_t length = stream->length < size ? stream->length : size;
    memcpy(out, stream->text, length);
    memmove(stream->text, stream->text + length, stream->length - length);
    stream->length -= length;
    if (length > 0)
        return (long)length;
    stream->is_empty = !stream->has_ended;
    return stream->has_ended ? -1 : 0;
}

void stream_close(struct stream *stream)
{
    if (stream == NULL)
        return;
    ck_assert(!stream->is_closed);
    stream->is_closed = true;
    fake.streams_closed++;
}

void exchange_detach(struct core *core, uint64_t id)
{
    stream_close(exchange_of(id)->stream);
    exchange_of(id)->stream = NULL;
    http_reply_clear(&exchange_of(id)->reply);
    free(exchange_of(id)->body);
    exchange_of(id)->body = NULL;
    exchange_of(id)->is_live = false;
    core->detached++;
}

void exchange_account(struct core *core, uint64_t id, const struct exchange_account *account)
{
    if (id != 0)
        exchange_of(id);
    core->accounted++;
    core->last_status = account->status;
    core->last_elapsed_us = account->elapsed_us;
    snprintf(core->last_method, sizeof(core->last_method), "%s", account->method);
    snprintf(core->last_target, sizeof(core->last_target), "%s", account->target);
    snprintf(core->last_id, sizeof(core->last_id), "%s", account->request_id);
    ck_assert_ptr_nonnull(strstr(account->client, "127.0.0.1"));
}

void exchange_refusal(struct core *core, unsigned status, const char *slug, const char *detail,
                      const struct http_request *request, struct http_reply *reply)
{
    (void)core;
    ck_assert_ptr_nonnull(request);
    reply->status = status;
    http_reply_add(reply, "Content-Type", "application/problem+json");
    buffer_printf(&reply->body, "{\"type\":\"%s\",\"detail\":\"%s\"}\n", slug,
                  detail != NULL ? detail : "");
}

struct memory_account *core_memory(struct core *core)
{
    (void)core;
    return NULL;
}

struct policy *core_policy(struct core *core)
{
    return &core->policy;
}

struct metrics *core_metrics(struct core *core)
{
    return (struct metrics *)core->metrics;
}

void metrics_add(struct metrics *metrics, enum metric metric, uint64_t amount)
{
    ((uint64_t *)metrics)[metric] += amount;
}

void metrics_set(struct metrics *metrics, enum metric metric, uint64_t value)
{
    ((uint64_t *)metrics)[metric] = value;
}

static struct timers *timers;
static struct loop *loop;
static struct log *log_of_test;
static FILE *log_stream;
static char *log_text;
static size_t log_length;
static struct random_sequence sequence;
struct http_server *server;
struct sockaddr_in server_address;

void start(const struct http_limits *limits)
{
    memset(&fake, 0, sizeof(fake));
    fake.policy.is_open = true;
    timers = timers_new();
    loop = loop_new(timers);
    log_stream = open_memstream(&log_text, &log_length);
    log_of_test = log_new(log_stream, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, NULL);
    random_sequence_init(&sequence, 1);
    struct http_server_options options = {
        .loop = loop,
        .timers = timers,
        .log = log_of_test,
        .random = random_sequence_source(&sequence),
        .core = &fake,
        .limits = *limits,
    };
    server = http_server_new(&options);
    ck_assert_ptr_nonnull(server);
    ck_assert_int_eq(loop_add_turn_end(loop, http_server_run, server), 0);
    ck_assert_int_eq(http_server_listen(server, "127.0.0.1:0"), 0);
    fflush(log_stream);
    const char *url = strstr(log_text, "listening on http://127.0.0.1:");
    ck_assert_ptr_nonnull(url);
    server_address = (struct sockaddr_in){
        .sin_family = AF_INET,
        .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
        .sin_port =
            htons((uint16_t)strtoul(url + strlen("listening on http://127.0.0.1:"), NULL, 10))};
}

const struct http_limits usual_limits = {
    .body = 1000,
    .header = 9216,
    .connections = 100,
    .idle_timeout_ms = 60000,
    .request_timeout_ms = 10000,
};

void set_up(void)
{
    start(&usual_limits);
}

void tear_down(void)
{
    http_server_free(server);
    loop_free(loop);
    timers_free(timers);
    log_free(log_of_test);
    fclose(log_stream);
    free(log_text);
    ck_assert_uint_eq(fake.begun, fake.detached);
    ck_assert_uint_eq(fake.stream_count, fake.streams_closed);
    for (size_t i = 0; i < fake.stream_count; i++) {
        free(fake.streams[i]->text);
        free(fake.streams[i]);
    }
    free(fake.streams);
    ck_assert_uint_eq(fake.metrics[METRIC_HTTP_CONNECTIONS], 0);
}

const char *log_so_far(void)
{
    fflush(log_stream);
    return log_text;
}

void turn(void)
{
    loop_turn(loop, 5000);
}

void client_open(struct client *client)
{
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    ck_assert_int_ge(client->fd, 0);
    ck_assert_int_eq(
        connect(client->fd, (struct sockaddr *)&server_address, sizeof(server_address)), 0);
}

void client_send(struct client *client, const void *octets, size_t length)
{
    ck_assert_int_eq(send(client->fd, octets, length, MSG_NOSIGNAL), (ssize_t)length);
}

void client_say(struct client *client, const char *text)
{
    client_send(client, text, strlen(text));
}

void client_look(struct client *client)
{
    while (!client->is_closed) {
        ssize_t got = recv(client->fd, client->answer + client->length,
                           sizeof(client->answer) - 1 - client->length, MSG_DONTWAIT);
        if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
            return;
        client->is_closed = got <= 0;
        if (got > 0)
            client->length += (size_t)got;
    }
}

void client_await(struct client *client, const char *end)
{
    for (int i = 0; i < 2000; i++) {
        client_look(client);
        size_t length = strlen(end);
        if (client->length >= length &&
            memcmp(client->answer + client->length - length, end, length) == 0)
            return;
        ck_assert_msg(!client->is_closed, "closed: %s", client->answer);
        turn();
    }
    ck_abort_msg("no answer that ends with \"%s\": %s", end, client->answer);
}

void client_await_close(struct client *client)
{
    for (int i = 0; i < 2000 && !client->is_closed; i++) {
        turn();
        client_look(client);
    }
    ck_assert(client->is_closed);
}

void client_forget(struct client *client)
{
    client->length = 0;
    memset(client->answer, 0, sizeof(client->answer));
}

unsigned client_status(const struct client *client)
{
    unsigned status = 0;
    ck_assert_msg(sscanf(client->answer, "HTTP/1.1 %3u", &status) == 1, "%s", client->answer);
    return status;
}

bool client_has(const struct client *client, const char *text)
{
    return strstr(client->answer, text) != NULL;
}

void turn_until_quiet(void)
{
    for (int i = 0; i < 2000 && http_server_connections(server) > 0; i++)
        turn();
    ck_assert_uint_eq(http_server_connections(server), 0);
}

void answer_parked(size_t index)
{
    struct fake_exchange *exchange = &fake.exchanges[index];
    ck_assert(exchange->is_live);
    answer(exchange, 200, "later", 5);
    http_server_north_ops.answered(exchange->north);
}

void answer_by_stream(size_t index, const char *text)
{
    struct fake_exchange *exchange = &fake.exchanges[index];
    ck_assert(exchange->is_live);
    add_stream(exchange, text);
    http_server_north_ops.answered(exchange->north);
}

static void tell_readable(struct stream *stream)
{
    if (!stream->is_empty || stream->is_closed)
        return;
    stream->is_empty = false;
    http_server_north_ops.readable(stream->north);
}

void stream_say(struct stream *stream, const char *text)
{
    size_t length = strlen(text);
    stream->text = realloc(stream->text, stream->length + length + 1);
    ck_assert_ptr_nonnull(stream->text);
    memcpy(stream->text + stream->length, text, length);
    stream->length += length;
    tell_readable(stream);
}

void stream_finish(struct stream *stream)
{
    stream->has_ended = true;
    tell_readable(stream);
}

void turn_until_streaming(size_t count)
{
    for (int i = 0; i < 2000 && fake.stream_count < count; i++)
        turn();
    ck_assert_uint_eq(fake.stream_count, count);
}

void turn_until_closed(size_t count)
{
    for (int i = 0; i < 2000 && fake.streams_closed < count; i++)
        turn();
    ck_assert_uint_eq(fake.streams_closed, count);
}

void turn_until_ran(size_t count)
{
    for (int i = 0; i < 2000 && fake.ran < count; i++)
        turn();
    ck_assert_uint_eq(fake.ran, count);
}
