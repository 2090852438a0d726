/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_http_stream: streams of events on real sockets, and what their clients do.
 */
#include <check.h>
#include <linux/filter.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "http_fixture.h"
#include "http_server_parts.h"
#include "proves.h"

#define STREAM "GET /stream HTTP/1.1\r\n" HOST "\r\n"

/* Allocations of the daemon, not of libmicrohttpd: how many succeed before they fail. */
static long callocs_left = -1;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    if (callocs_left == 0)
        return NULL;
    if (callocs_left > 0)
        callocs_left--;
    return __real_calloc(count, size);
}

static void set_up_stream(void)
{
    callocs_left = -1;
    set_up();
}

/* A client with a stream that has said "hello" and waits. */
static struct stream *open_stream(struct client *client)
{
    client_open(client);
    client_say(client, "GET /stream=hello HTTP/1.1\r\n" HOST "\r\n");
    client_await(client, "\r\n5\r\nhello\r\n");
    client_forget(client);
    return fake.streams[fake.stream_count - 1];
}

/* What http_server_run sends is there when it returns. */
static void expect_now(struct client *client, const char *text)
{
    struct pollfd look = {.fd = client->fd, .events = POLLIN};
    (void)http_server_run(server);
    ck_assert_int_eq(poll(&look, 1, 50), 1);
    client_look(client);
    ck_assert_msg(client_has(client, text), "%s", client->answer);
}

static double seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void turn_for(double duration)
{
    for (double until = seconds() + duration; seconds() < until;)
        turn();
}

START_TEST(events_are_chunks_that_are_sent_at_once)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /stream=retry HTTP/1.1\r\n" HOST "Foo: bar\r\n\r\n");
    client_await(&client, "\r\n\r\n5\r\nretry\r\n");
    ck_assert_uint_eq(client_status(&client), 200);
    ck_assert(client_has(&client, "Content-Type: text/event-stream\r\n"));
    ck_assert(client_has(&client, "Cache-Control: no-store\r\n"));
    ck_assert(client_has(&client, "Transfer-Encoding: chunked\r\n"));
    ck_assert(client_has(&client, "Connection: close\r\n"));
    ck_assert(client_has(&client, "X-Request-Id: "));
    ck_assert(!client_has(&client, "Content-Length"));
    for (int i = 0; i < 3; i++) {
        client_forget(&client);
        stream_say(fake.streams[0], "data: 1\n\n");
        expect_now(&client, "9\r\ndata: 1\n\n\r\n");
    }
    client_forget(&client);
    stream_finish(fake.streams[0]);
    expect_now(&client, "0\r\n\r\n");
    ck_assert_uint_eq(fake.streams_closed, 1);
    client_await_close(&client);
    close(client.fd);
    turn_until_quiet();
    proves("SSE-12");
}
END_TEST

START_TEST(a_client_that_has_lost_its_roles_loses_its_stream)
{
    struct client client;
    (void)open_stream(&client);
    http_server_configure(server, &usual_limits);
    turn_for(0.05);
    ck_assert_uint_eq(fake.streams_closed, 0);
    fake.policy.is_open = false;
    http_server_configure(server, &usual_limits);
    ck_assert_uint_eq(fake.streams_closed, 1);
    client_await_close(&client);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(http_1_0_reads_until_the_connection_closes)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /stream=one HTTP/1.0\r\n\r\n");
    client_await(&client, "\r\n\r\none");
    ck_assert(!client_has(&client, "Transfer-Encoding"));
    ck_assert(!client_has(&client, "Content-Length"));
    stream_say(fake.streams[0], "two");
    expect_now(&client, "onetwo");
    stream_say(fake.streams[0], "three");
    stream_finish(fake.streams[0]);
    client_await_close(&client);
    ck_assert_str_eq(strstr(client.answer, "\r\n\r\n"), "\r\n\r\nonetwothree");
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(the_head_is_sent_when_there_is_no_event_yet)
{
    struct client client;
    struct pollfd look = {.events = POLLIN};
    client_open(&client);
    client_say(&client, STREAM);
    turn_until_streaming(1);
    look.fd = client.fd;
    ck_assert_int_eq(poll(&look, 1, 50), 1);
    client_look(&client);
    ck_assert_uint_eq(client_status(&client), 200);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(a_large_event_goes_out_in_pieces)
{
    enum { LENGTH = 40000 };
    static char event[LENGTH + 1];
    struct client client;
    struct stream *stream = open_stream(&client);
    memset(event, 'x', LENGTH);
    stream_say(stream, event);
    stream_finish(stream);
    client_await_close(&client);
    ck_assert(client_has(&client, "xx\r\n0\r\n\r\n"));
    size_t count = 0;
    for (size_t i = 0; i < client.length; i++)
        count += client.answer[i] == 'x';
    ck_assert_uint_eq(count, LENGTH);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

/* The exchange ends, and is told of to the log and the metrics, when the stream begins. */
START_TEST(an_exchange_ends_when_its_stream_begins)
{
    struct client client;
    struct stream *stream = open_stream(&client);
    ck_assert_uint_eq(fake.detached, 1);
    ck_assert_uint_eq(fake.accounted, 1);
    ck_assert_uint_eq(fake.last_status, 200);
    ck_assert_str_eq(fake.last_target, "/stream=hello");
    stream_finish(stream);
    client_await_close(&client);
    close(client.fd);
    turn_until_quiet();
    ck_assert_uint_eq(fake.accounted, 1);
}
END_TEST

START_TEST(an_idle_stream_costs_no_turn)
{
    struct client client;
    (void)open_stream(&client);
    while (http_server_run(server)) {
    }
    ck_assert(TAILQ_EMPTY(&server->dirty));
    turn();
    ck_assert(TAILQ_EMPTY(&server->dirty));
    close(client.fd);
    turn_until_quiet();
}
END_TEST

static void reset(int fd)
{
    struct linger linger = {.l_onoff = 1};
    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger));
    close(fd);
}

static void leave(struct client *client, int way)
{
    switch (way) {
    case 0: /* with all read */
        client_look(client);
        close(client->fd);
        break;
    case 1: /* with something unread: a reset */
        close(client->fd);
        break;
    case 2:
        reset(client->fd);
        break;
    case 3: /* behind a request that is not answered any more */
        client_say(client, GET "\r\n");
        turn();
        turn();
        close(client->fd);
        break;
    default: /* nobody who reads a stream has a reason to close his side */
        shutdown(client->fd, SHUT_WR);
    }
}

enum { WAYS = 5 };

START_TEST(a_client_that_leaves_an_idle_stream_is_noticed_at_once)
{
    for (int way = 0; way < WAYS; way++) {
        struct client client;
        struct stream *stream = open_stream(&client);
        if (way == 1)
            stream_say(stream, "unread");
        turn();
        turn();
        ck_assert(!stream->is_closed);
        leave(&client, way);
        for (int turns = 0; turns < 3 && !stream->is_closed; turns++)
            turn();
        ck_assert_msg(stream->is_closed, "way %d", way);
        turn_until_quiet();
        if (way == 4)
            close(client.fd);
    }
}
END_TEST

START_TEST(a_client_may_leave_in_the_turn_in_which_an_event_comes)
{
    for (int way = 0; way < WAYS; way++) {
        for (int order = 0; order < 3; order++) {
            struct client client;
            struct stream *stream = open_stream(&client);
            if (order == 0)
                stream_say(stream, "late");
            leave(&client, way);
            if (order == 1)
                stream_say(stream, "late");
            if (order == 2) {
                stream_say(stream, "late");
                (void)http_server_run(server);
                stream_say(stream, "later");
            }
            turn_until_quiet();
            ck_assert_uint_eq(fake.streams_closed, fake.stream_count);
            if (way == 4)
                close(client.fd);
        }
    }
}
END_TEST

START_TEST(a_client_may_leave_before_its_stream_begins)
{
    for (int way = 0; way < WAYS; way++) {
        struct client client;
        client_open(&client);
        client_say(&client, "GET /park HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
        turn_until_ran((size_t)way + 1);
        leave(&client, way);
        if (fake.exchanges[way].is_live)
            answer_by_stream((size_t)way, "retry");
        turn_until_quiet();
        if (way == 4)
            close(client.fd);
    }
}
END_TEST

START_TEST(events_may_come_before_the_first_read)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /park HTTP/1.1\r\n" HOST "\r\n");
    turn_until_ran(1);
    answer_by_stream(0, "one");
    stream_say(fake.streams[0], "two");
    client_await(&client, "\r\n6\r\nonetwo\r\n");
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(a_stream_may_end_before_the_first_read)
{
    for (int i = 0; i < 2; i++) {
        struct client client;
        client_open(&client);
        client_say(&client, "GET /park HTTP/1.1\r\n" HOST "\r\n");
        turn_until_ran((size_t)i + 1);
        answer_by_stream((size_t)i, i == 0 ? "" : "gone");
        stream_finish(fake.streams[i]);
        client_await_close(&client);
        ck_assert_uint_eq(client_status(&client), 200);
        ck_assert_str_eq(strstr(client.answer, "\r\n\r\n"),
                         i == 0 ? "\r\n\r\n0\r\n\r\n" : "\r\n\r\n4\r\ngone\r\n0\r\n\r\n");
        close(client.fd);
        turn_until_quiet();
    }
}
END_TEST

START_TEST(a_request_behind_a_stream_is_not_answered)
{
    struct client client;
    client_open(&client);
    client_say(&client, STREAM GET "\r\n");
    turn_until_streaming(1);
    for (int i = 0; i < 20; i++)
        turn();
    stream_say(fake.streams[0], "one");
    client_await(&client, "3\r\none\r\n");
    stream_finish(fake.streams[0]);
    client_await_close(&client);
    ck_assert_uint_eq(fake.begun, 1);
    ck_assert_str_eq(strstr(client.answer, "\r\n\r\n"), "\r\n\r\n3\r\none\r\n0\r\n\r\n");
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(head_has_the_fields_of_a_stream_and_no_body)
{
    struct client client;
    client_open(&client);
    client_say(&client, "HEAD /unknown HTTP/1.1\r\n" HOST "\r\n");
    client_await_close(&client);
    ck_assert_uint_eq(client_status(&client), 200);
    ck_assert(!client_has(&client, "Transfer-Encoding"));
    ck_assert(!client_has(&client, "Content-Length"));
    ck_assert_uint_eq(fake.stream_count, 0);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

/* More than the sockets take, so that libmicrohttpd waits until it can write. */
static size_t fill(struct stream *stream)
{
    char piece[1025];
    size_t said = 0;
    memset(piece, 'x', sizeof(piece) - 1);
    piece[sizeof(piece) - 1] = '\0';
    while (stream->length < 65536) {
        stream_say(stream, piece);
        said += sizeof(piece) - 1;
        (void)http_server_run(server);
    }
    return said;
}

static void open_small(struct client *client, struct stream **stream)
{
    int size = 4096;
    *client = (struct client){.fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
    setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
    ck_assert_int_eq(
        connect(client->fd, (struct sockaddr *)&server_address, sizeof(server_address)), 0);
    client_say(client, STREAM);
    turn_until_streaming(fake.stream_count + 1);
    *stream = fake.streams[fake.stream_count - 1];
}

START_TEST(a_client_that_does_not_read_keeps_its_stream_and_gets_the_rest)
{
    tear_down();
    struct http_limits limits = usual_limits;
    limits.idle_timeout_ms = 1000;
    start(&limits);
    server->stream_look_us = 100000;
    struct client client;
    struct stream *stream;
    open_small(&client, &stream);
    size_t said = fill(stream);
    ck_assert_uint_lt(said, 200000); /* the kernel keeps no more than it can send soon */
    turn_for(2.5);
    ck_assert(!stream->is_closed);
    stream_say(stream, "newest");
    stream_finish(stream);
    bool is_complete = false;
    for (int i = 0; i < 2000 && !is_complete; i++) {
        client_look(&client);
        is_complete = client_has(&client, "newest\r\n0\r\n\r\n");
        if (client.length > 30000) { /* not the end yet, which may be cut in two */
            memmove(client.answer, client.answer + client.length - 30, 31);
            client.length = 30;
        }
        turn();
    }
    ck_assert(is_complete);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(a_client_that_leaves_with_much_unread_is_noticed)
{
    for (int way = 1; way < 3; way++) {
        struct client client;
        struct stream *stream;
        open_small(&client, &stream);
        (void)fill(stream);
        leave(&client, way);
        turn_until_closed((size_t)way);
        turn_until_quiet();
    }
}
END_TEST

/* From now on nothing arrives at the socket, and nothing is acknowledged. */
static void vanish(int fd)
{
    struct sock_filter drop = BPF_STMT(BPF_RET | BPF_K, 0);
    struct sock_fprog program = {.len = 1, .filter = &drop};
    ck_assert_int_eq(setsockopt(fd, SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof(program)), 0);
}

START_TEST(a_client_that_vanishes_is_found_by_what_it_does_not_acknowledge)
{
    server->stream_look_us = 500000;
    struct client client, other;
    struct stream *stream = open_stream(&client), *kept = open_stream(&other);
    vanish(client.fd);
    turn_for(1.2);
    ck_assert(!stream->is_closed); /* nothing was sent yet that it could acknowledge */
    stream_say(stream, ":\n");
    stream_say(kept, ":\n");
    double began = seconds();
    turn_until_closed(1);
    ck_assert(stream->is_closed);
    ck_assert_double_lt(seconds() - began, 5);
    turn_for(0.6);
    ck_assert(!kept->is_closed);
    close(client.fd);
    close(other.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(freeing_ends_streams_in_any_state)
{
    struct client waiting, told, full, reading;
    struct stream *stream;
    (void)open_stream(&waiting);
    stream = open_stream(&told);
    open_small(&full, &stream);
    (void)fill(stream);
    client_open(&reading);
    client_say(&reading, "GET /stream HTTP/1.1\r\nHost: gw");
    turn();
    client_say(&reading, "\r\n\r\n");
    stream_say(fake.streams[1], "news");
    /* tear_down frees the server and looks whether all streams are closed */
    close(waiting.fd);
    close(told.fd);
    close(full.fd);
    close(reading.fd);
}
END_TEST

START_TEST(without_memory_for_a_watch_a_stream_goes_on)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /park HTTP/1.1\r\n" HOST "\r\n");
    turn_until_ran(1);
    answer_by_stream(0, "one");
    callocs_left = 0;
    client_await(&client, "3\r\none\r\n");
    callocs_left = -1;
    stream_say(fake.streams[0], "two");
    client_await(&client, "3\r\ntwo\r\n");
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(a_stop_gives_every_stream_its_end)
{
    enum { STREAMS = 1000 };
    static struct client clients[STREAMS];
    struct rlimit limit;
    size_t count = STREAMS;
    tear_down();
    struct http_limits limits = usual_limits;
    limits.connections = STREAMS;
    start(&limits);
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_cur < 2 * STREAMS + 100)
        count = (limit.rlim_cur - 100) / 2;
    for (size_t i = 0; i < count; i++)
        (void)open_stream(&clients[i]);
    http_server_drain(server);
    for (size_t i = 0; i < count; i++) {
        stream_say(fake.streams[i], "gone");
        stream_finish(fake.streams[i]);
    }
    turn_until_quiet();
    for (size_t i = 0; i < count; i++) {
        client_look(&clients[i]);
        ck_assert(clients[i].is_closed);
        ck_assert_str_eq(clients[i].answer, "4\r\ngone\r\n0\r\n\r\n");
        close(clients[i].fd);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_stream");
    TCase *tests = tcase_create("stream");
    tcase_add_checked_fixture(tests, set_up_stream, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, events_are_chunks_that_are_sent_at_once);
    tcase_add_test(tests, a_client_that_has_lost_its_roles_loses_its_stream);
    tcase_add_test(tests, http_1_0_reads_until_the_connection_closes);
    tcase_add_test(tests, the_head_is_sent_when_there_is_no_event_yet);
    tcase_add_test(tests, a_large_event_goes_out_in_pieces);
    tcase_add_test(tests, an_exchange_ends_when_its_stream_begins);
    tcase_add_test(tests, an_idle_stream_costs_no_turn);
    tcase_add_test(tests, a_client_that_leaves_an_idle_stream_is_noticed_at_once);
    tcase_add_test(tests, a_client_may_leave_in_the_turn_in_which_an_event_comes);
    tcase_add_test(tests, a_client_may_leave_before_its_stream_begins);
    tcase_add_test(tests, events_may_come_before_the_first_read);
    tcase_add_test(tests, a_stream_may_end_before_the_first_read);
    tcase_add_test(tests, a_request_behind_a_stream_is_not_answered);
    tcase_add_test(tests, head_has_the_fields_of_a_stream_and_no_body);
    tcase_add_test(tests, a_client_that_does_not_read_keeps_its_stream_and_gets_the_rest);
    tcase_add_test(tests, a_client_that_leaves_with_much_unread_is_noticed);
    tcase_add_test(tests, a_client_that_vanishes_is_found_by_what_it_does_not_acknowledge);
    tcase_add_test(tests, freeing_ends_streams_in_any_state);
    tcase_add_test(tests, without_memory_for_a_watch_a_stream_goes_on);
    tcase_add_test(tests, a_stop_gives_every_stream_its_end);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
