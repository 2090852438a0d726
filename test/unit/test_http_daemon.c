/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_http_daemon: several daemons of libmicrohttpd beside each other.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_daemon.h"
#include "http_fixture.h"
#include "http_server_parts.h"

enum { CLIENTS = 2 * HTTP_DAEMON_CONNECTIONS + 2 };

static struct client clients[CLIENTS];

/* Allocations of the daemon, not of libmicrohttpd: those of that size fail. */
static size_t failing_size;
void *__real_calloc(size_t count, size_t size);
void *__wrap_calloc(size_t count, size_t size);

void *__wrap_calloc(size_t count, size_t size)
{
    return size == failing_size ? NULL : __real_calloc(count, size);
}

static const struct http_limits many = {
    .body = 1000,
    .header = 9216,
    .connections = CLIENTS,
    .idle_timeout_ms = 60000,
    .request_timeout_ms = 10000,
};

static void set_up_daemon(void)
{
    failing_size = 0;
    start(&many);
}

static size_t count_daemons(void)
{
    struct http_daemon *daemon;
    size_t count = 0;
    TAILQ_FOREACH(daemon, &server->daemons, link)
    count++;
    return count;
}

static void connect_client(size_t index, const char *path)
{
    char text[100];
    snprintf(text, sizeof(text), "GET %s HTTP/1.1\r\n" HOST "\r\n", path);
    client_open(&clients[index]);
    client_say(&clients[index], text);
    client_await(&clients[index], strcmp(path, "/now") == 0 ? "now" : "hi\r\n");
}

static void turn_until_connections(size_t count)
{
    for (int i = 0; i < 2000 && http_server_connections(server) > count; i++)
        turn();
    ck_assert_uint_eq(http_server_connections(server), count);
}

static void close_clients(size_t from, size_t to)
{
    for (size_t i = from; i < to; i++)
        close(clients[i].fd);
}

START_TEST(another_daemon_stands_beside_a_full_one_and_goes_when_it_is_empty)
{
    for (size_t i = 0; i < HTTP_DAEMON_CONNECTIONS; i++)
        connect_client(i, "/stream=hi");
    ck_assert_uint_eq(count_daemons(), 1);
    for (size_t i = HTTP_DAEMON_CONNECTIONS; i < CLIENTS; i++)
        connect_client(i, i % 2 == 0 ? "/stream=hi" : "/now");
    ck_assert_uint_eq(count_daemons(), 3);
    struct http_daemon *daemon;
    TAILQ_FOREACH(daemon, &server->daemons, link)
    ck_assert_uint_le(daemon->connection_count, HTTP_DAEMON_CONNECTIONS);

    /* Each connection is served by its own. */
    for (size_t i = 0; i < fake.stream_count; i++)
        stream_say(fake.streams[i], "news");
    for (size_t i = 0; i < CLIENTS; i++) {
        bool is_stream = i < HTTP_DAEMON_CONNECTIONS || i % 2 == 0;
        client_forget(&clients[i]);
        if (!is_stream)
            client_say(&clients[i], "GET /now HTTP/1.1\r\n" HOST "\r\n");
        client_await(&clients[i], is_stream ? "news\r\n" : "now");
    }
    close_clients(0, CLIENTS - 1);
    turn_until_connections(1);
    ck_assert_uint_eq(count_daemons(), 1);
    client_forget(&clients[CLIENTS - 1]);
    client_say(&clients[CLIENTS - 1], "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&clients[CLIENTS - 1], "now");
    close_clients(CLIENTS - 1, CLIENTS);
    turn_until_quiet();
    ck_assert_uint_eq(count_daemons(), 1);
}
END_TEST

START_TEST(what_becomes_free_is_filled_before_another_daemon_is)
{
    for (size_t i = 0; i < HTTP_DAEMON_CONNECTIONS + 1; i++)
        connect_client(i, "/stream=hi");
    ck_assert_uint_eq(count_daemons(), 2);
    close_clients(0, 1);
    turn_until_connections(HTTP_DAEMON_CONNECTIONS);
    connect_client(0, "/stream=hi");
    struct http_daemon *daemon = TAILQ_LAST(&server->daemons, http_daemon_list);
    ck_assert_uint_eq(daemon->connection_count, HTTP_DAEMON_CONNECTIONS);
    /* A client that comes and goes while the other one is full opens no third. */
    for (int i = 0; i < 3; i++) {
        connect_client(HTTP_DAEMON_CONNECTIONS + 1, "/now");
        ck_assert_uint_eq(count_daemons(), 2);
        close_clients(HTTP_DAEMON_CONNECTIONS + 1, HTTP_DAEMON_CONNECTIONS + 2);
        turn_until_connections(HTTP_DAEMON_CONNECTIONS + 1);
    }
    close_clients(0, HTTP_DAEMON_CONNECTIONS + 1);
    turn_until_quiet();
}
END_TEST

START_TEST(only_daemons_with_something_to_do_run)
{
    for (size_t i = 0; i < HTTP_DAEMON_CONNECTIONS + 1; i++)
        connect_client(i, "/stream=hi");
    while (http_server_run(server)) {
    }
    stream_say(fake.streams[0], "news");
    struct http_daemon *daemon = TAILQ_FIRST(&server->dirty);
    ck_assert_ptr_eq(daemon, TAILQ_LAST(&server->daemons, http_daemon_list));
    ck_assert_ptr_null(TAILQ_NEXT(daemon, dirty_link));
    close_clients(0, HTTP_DAEMON_CONNECTIONS + 1);
    turn_until_quiet();
}
END_TEST

START_TEST(no_turn_is_longer_than_a_few_daemons_take)
{
    struct http_daemon *daemon;
    for (int i = 0; i < 6; i++)
        ck_assert_ptr_nonnull(http_daemon_new(server));
    TAILQ_FOREACH(daemon, &server->daemons, link)
    http_daemon_mark(daemon);
    ck_assert(http_server_run(server));
    ck_assert_uint_eq(count_daemons(), 3); /* those that have run and are not needed have gone */
    ck_assert(!http_server_run(server));
    ck_assert_uint_eq(count_daemons(), 1);
    connect_client(0, "/now");
    close_clients(0, 1);
    turn_until_quiet();
}
END_TEST

START_TEST(a_daemon_of_old_limits_stays_as_long_as_its_streams)
{
    connect_client(0, "/stream=hi");
    struct http_limits limits = many;
    limits.header = 16384;
    http_server_configure(server, &limits);
    ck_assert_uint_eq(count_daemons(), 2);
    connect_client(1, "/stream=hi");
    ck_assert_uint_eq(TAILQ_FIRST(&server->daemons)->connection_count, 1);
    close_clients(0, 1);
    turn_until_connections(1);
    ck_assert_uint_eq(count_daemons(), 1);
    /* One that is empty goes at once. */
    close_clients(1, 2);
    turn_until_quiet();
    http_server_configure(server, &many);
    ck_assert_uint_eq(count_daemons(), 1);
}
END_TEST

START_TEST(without_memory_for_another_daemon_the_newest_takes_more)
{
    for (size_t i = 0; i < HTTP_DAEMON_CONNECTIONS; i++)
        connect_client(i, "/stream=hi");
    failing_size = sizeof(struct http_daemon);
    connect_client(HTTP_DAEMON_CONNECTIONS, "/now");
    ck_assert_uint_eq(count_daemons(), 1);
    failing_size = 0;
    connect_client(HTTP_DAEMON_CONNECTIONS + 1, "/now");
    ck_assert_uint_eq(count_daemons(), 2);
    close_clients(0, HTTP_DAEMON_CONNECTIONS + 2);
    turn_until_quiet();
    ck_assert_uint_eq(count_daemons(), 1);
}
END_TEST

START_TEST(freeing_ends_the_streams_of_all_daemons)
{
    for (size_t i = 0; i < HTTP_DAEMON_CONNECTIONS + 1; i++)
        connect_client(i, "/stream=hi");
    /* tear_down frees the server and looks whether all streams are closed */
    close_clients(0, HTTP_DAEMON_CONNECTIONS + 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_daemon");
    TCase *tests = tcase_create("daemon");
    tcase_add_checked_fixture(tests, set_up_daemon, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, another_daemon_stands_beside_a_full_one_and_goes_when_it_is_empty);
    tcase_add_test(tests, what_becomes_free_is_filled_before_another_daemon_is);
    tcase_add_test(tests, only_daemons_with_something_to_do_run);
    tcase_add_test(tests, no_turn_is_longer_than_a_few_daemons_take);
    tcase_add_test(tests, a_daemon_of_old_limits_stays_as_long_as_its_streams);
    tcase_add_test(tests, without_memory_for_another_daemon_the_newest_takes_more);
    tcase_add_test(tests, freeing_ends_the_streams_of_all_daemons);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
