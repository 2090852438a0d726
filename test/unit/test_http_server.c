/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_http_server: the life of connections and parked calls on real sockets.
 */
#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "http_fixture.h"
#include "proves.h"

START_TEST(a_request_is_answered_and_the_connection_kept)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /a%2Fb?x=%31+2 HTTP/1.1\r\n" HOST "Foo:  v w \t\r\n\r\n");
    client_await(&client, "\r\n\r\nhello");
    ck_assert_uint_eq(client_status(&client), 200);
    ck_assert(client_has(&client, "Content-Length: 5\r\n"));
    ck_assert(client_has(&client, "Date: "));
    ck_assert(client_has(&client, "X-Request-Id: "));
    ck_assert(!client_has(&client, "Connection: close"));
    ck_assert_str_eq(fake.last_target, "/a%2Fb?x=%31+2");
    ck_assert_str_eq(fake.last_method, "GET");
    ck_assert_str_eq(fake.last_fields, "Host=gw.example;Foo=v w;");
    ck_assert_uint_eq(fake.last_roles, ROLE_READ | ROLE_WRITE | ROLE_ADMIN);
    ck_assert_uint_eq(strlen(fake.last_id), 12);
    ck_assert_uint_gt(fake.last_elapsed_us, 0); /* though it took but one turn of the loop */

    client_forget(&client);
    client_say(&client, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "\r\n\r\nnow");
    ck_assert(!client_has(&client, "Connection: close"));
    ck_assert_uint_eq(fake.accounted, 2);
    ck_assert_uint_eq(fake.detached, 2);
    ck_assert_uint_eq(fake.metrics[METRIC_HTTP_CONNECTIONS], 1);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(parked_calls_are_answered_later_and_the_connection_kept)
{
    struct client clients[8];
    for (size_t i = 0; i < 8; i++) {
        client_open(&clients[i]);
        client_say(&clients[i], "POST /park HTTP/1.1\r\n" HOST "Content-Length: 2\r\n\r\nhi");
        turn_until_ran(i + 1);
    }
    for (size_t i = 8; i-- > 0;)
        answer_parked(i);
    for (size_t i = 0; i < 8; i++) {
        client_await(&clients[i], "\r\n\r\nlater");
        client_say(&clients[i], "GET /now HTTP/1.1\r\n" HOST "\r\n");
        client_await(&clients[i], "\r\n\r\nnow");
        close(clients[i].fd);
    }
    turn_until_quiet();
}
END_TEST

START_TEST(a_client_that_leaves_while_parked_is_noticed)
{
    for (int i = 0; i < 3; i++) {
        struct client client;
        size_t accounted = fake.accounted;
        client_open(&client);
        client_say(&client, "GET /park HTTP/1.1\r\n" HOST "\r\n");
        if (i == 1) /* a pipelined request does not hide it */
            client_say(&client, "GET /now HTTP/1.1\r\n" HOST "\r\n");
        turn_until_ran(fake.ran + 1);
        if (i == 2) {
            struct linger reset = {.l_onoff = 1};
            setsockopt(client.fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
        }
        close(client.fd);
        turn_until_quiet();
        ck_assert_uint_eq(fake.accounted, accounted + 1);
        ck_assert_uint_eq(fake.last_status, 0);
        ck_assert_uint_eq(fake.begun, fake.detached);
    }
}
END_TEST

START_TEST(a_half_close_after_the_last_request_is_no_leaving)
{
    static const char *const requests[] = {
        "GET /park HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n",
        "GET /park HTTP/1.0\r\n\r\n",
    };
    for (size_t i = 0; i < 2; i++) {
        struct client client;
        client_open(&client);
        client_say(&client, requests[i]);
        shutdown(client.fd, SHUT_WR);
        turn_until_ran(i + 1);
        for (int turns = 0; turns < 40; turns++)
            turn();
        ck_assert_uint_eq(fake.detached, i);
        answer_parked(i);
        client_await_close(&client);
        ck_assert_uint_eq(client_status(&client), 200);
        close(client.fd);
    }
    turn_until_quiet();
}
END_TEST

START_TEST(a_client_that_stalls_gets_408_and_runs_nothing)
{
    static const char *const stalls[] = {
        POST "Content-Length: 6\r\n\r\nabc",
        POST "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n",
        "GET /x HTTP/1.1\r\nHost: gw",
    };
    tear_down();
    struct http_limits limits = usual_limits;
    limits.request_timeout_ms = 60;
    start(&limits);
    for (size_t i = 0; i < sizeof(stalls) / sizeof(stalls[0]); i++) {
        struct client client;
        client_open(&client);
        client_say(&client, stalls[i]);
        client_await_close(&client);
        ck_assert_uint_eq(client_status(&client), 408);
        ck_assert(client_has(&client, "Connection: close\r\n"));
        close(client.fd);
        turn_until_quiet();
        ck_assert_uint_eq(fake.last_status, 408);
    }
    ck_assert_uint_eq(fake.ran, 0);
    proves("HTTP-15");
}
END_TEST

START_TEST(a_connection_without_requests_ends_after_its_time)
{
    tear_down();
    struct http_limits limits = usual_limits;
    limits.idle_timeout_ms = 100;
    limits.request_timeout_ms = 20;
    start(&limits);
    struct client silent, dripping;
    client_open(&silent);
    client_open(&dripping);
    client_say(&dripping, "GET /x");
    client_await_close(&silent);
    client_await_close(&dripping);
    ck_assert_uint_eq(silent.length, 0);
    close(silent.fd);
    close(dripping.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(a_close_that_comes_with_the_last_octets_is_noticed)
{
    static const char *const octets[] = {
        "",
        "GET /x HT",
        GET,
        POST "Content-Length: 6\r\n\r\nabc",
        "GET /now HTTP/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < sizeof(octets) / sizeof(octets[0]); i++) {
        struct client client;
        client_open(&client);
        client_say(&client, octets[i]);
        shutdown(client.fd, SHUT_WR);
        client_await_close(&client);
        close(client.fd);
        turn_until_quiet();
    }
}
END_TEST

START_TEST(connections_above_the_limit_get_503)
{
    tear_down();
    struct http_limits limits = usual_limits;
    limits.connections = 2;
    start(&limits);
    struct client clients[3];
    for (size_t i = 0; i < 3; i++) {
        client_open(&clients[i]);
        client_say(&clients[i], "GET /now HTTP/1.1\r\n" HOST "\r\n");
        if (i < 2)
            client_await(&clients[i], "now");
    }
    client_await_close(&clients[2]);
    ck_assert_uint_eq(client_status(&clients[2]), 503);
    ck_assert_uint_eq(fake.metrics[METRIC_HTTP_REFUSED_CONNECTIONS], 1);
    ck_assert_uint_eq(fake.metrics[METRIC_HTTP_CONNECTIONS], 2);
    for (size_t i = 0; i < 3; i++)
        close(clients[i].fd);
    turn_until_quiet();
}
END_TEST

START_TEST(connections_wait_while_descriptors_have_run_out)
{
    /* valgrind takes a connection and drops it where the kernel leaves it in the queue */
    const char *preload = getenv("LD_PRELOAD");
    if (preload != NULL && strstr(preload, "vgpreload") != NULL)
        return;
    struct client first, second;
    client_open(&first);
    client_say(&first, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&first, "now");
    client_open(&second);
    client_say(&second, "GET /now HTTP/1.1\r\n" HOST "\r\n");

    struct rlimit before, none;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    none = before;
    none.rlim_cur = 3;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &none), 0);
    for (int i = 0; i < 100; i++)
        turn();
    client_look(&second);
    ck_assert_uint_eq(second.length, 0);
    ck_assert(!second.is_closed);
    client_forget(&first);
    client_say(&first, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&first, "now");
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);
    close(first.fd);
    client_await(&second, "now");

    const char *told = strstr(log_so_far(), "accepting rests");
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_null(strstr(told + 1, "accepting rests"));
    close(second.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(a_shortage_of_descriptors_is_told_once_while_clients_come_and_go)
{
    const char *preload = getenv("LD_PRELOAD");
    if (preload != NULL && strstr(preload, "vgpreload") != NULL)
        return;
    enum { WAITING = 12 };
    struct client first, waiting[WAITING];
    client_open(&first);
    client_say(&first, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&first, "now");
    for (size_t i = 0; i < WAITING; i++) {
        client_open(&waiting[i]);
        client_say(&waiting[i], "GET /now HTTP/1.1\r\n" HOST "Connection: close\r\n\r\n");
    }
    /* The server has one descriptor to spare, so that one client at a time is let in. */
    int spare = dup(first.fd);
    struct rlimit before, few;
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &before), 0);
    few = before;
    few.rlim_cur = (rlim_t)spare + 1;
    close(spare);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &few), 0);
    for (size_t i = 0; i < WAITING; i++)
        client_await_close(&waiting[i]);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &before), 0);

    const char *told = strstr(log_so_far(), "accepting rests");
    ck_assert_ptr_nonnull(told);
    ck_assert_ptr_null(strstr(told + 1, "accepting rests"));
    for (size_t i = 0; i < WAITING; i++)
        close(waiting[i].fd);
    close(first.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(draining_answers_what_is_under_way_and_closes)
{
    struct client idle, parked, late;
    client_open(&idle);
    client_say(&idle, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&idle, "now");
    client_open(&parked);
    client_say(&parked, "GET /park HTTP/1.1\r\n" HOST "\r\n");
    turn_until_ran(1);
    http_server_drain(server);
    client_await_close(&idle);
    late.fd = socket(AF_INET, SOCK_STREAM, 0);
    ck_assert_int_ne(connect(late.fd, (struct sockaddr *)&server_address, sizeof(server_address)),
                     0);
    close(late.fd);
    ck_assert_uint_eq(http_server_connections(server), 1);
    answer_parked(1);
    client_await_close(&parked);
    ck_assert_uint_eq(client_status(&parked), 200);
    ck_assert(client_has(&parked, "Connection: close\r\n"));
    close(idle.fd);
    close(parked.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(freeing_ends_parked_and_half_read_calls)
{
    struct client parked, reading, idle;
    client_open(&parked);
    client_say(&parked, "GET /park HTTP/1.1\r\n" HOST "\r\n");
    turn_until_ran(1);
    client_open(&reading);
    client_say(&reading, POST "Content-Length: 6\r\n\r\nabc");
    client_open(&idle);
    for (int i = 0; i < 40; i++)
        turn();
    ck_assert_uint_eq(http_server_connections(server), 3);
    /* tear_down frees the server and looks whether all exchanges are detached */
    close(parked.fd);
    close(reading.fd);
    close(idle.fd);
}
END_TEST

/* libmicrohttpd reads once more when it is stopped, and aborts when a connection waits then. */
START_TEST(freeing_parks_nothing_more)
{
    struct client client;
    client_open(&client);
    client_say(&client, "POST /park HTTP/1.1\r\n" HOST "Content-Length: 6\r\n\r\nabc");
    while (fake.begun == 0)
        turn();
    client_say(&client, "def");
    close(client.fd);
}
END_TEST

START_TEST(new_limits_count_for_new_connections)
{
    struct client old, young;
    client_open(&old);
    client_say(&old, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&old, "now");
    struct http_limits limits = usual_limits;
    limits.header = 16384;
    http_server_configure(server, &limits);
    char *head = malloc(13000);
    ck_assert_ptr_nonnull(head);
    int used = snprintf(head, 13000, "GET /x HTTP/1.1\r\n" HOST "Filler: ");
    memset(head + used, 'a', 12000);
    memcpy(head + used + 12000, "\r\n\r\n", 4);
    client_open(&young);
    client_send(&young, head, (size_t)used + 12004);
    client_await(&young, "hello");
    client_forget(&old);
    client_say(&old, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&old, "now");
    free(head);
    close(old.fd);
    close(young.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(no_memory_for_an_exchange_is_503)
{
    fake.has_no_memory = true;
    struct client client;
    client_open(&client);
    client_say(&client, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    client_await_close(&client);
    ck_assert_uint_eq(client_status(&client), 503);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(clients_are_nobody_unless_the_policy_is_open)
{
    fake.policy.is_open = false;
    struct client client;
    client_open(&client);
    client_say(&client, "GET /x HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "hello");
    ck_assert_uint_eq(fake.last_roles, 0);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(malformed_listen_addresses_are_refused)
{
    static const char *const addresses[] = {"",           "127.0.0.1", "::1:80", "[::1]",
                                            "127.0.0.1:", "name:80",   "[]:80",  "127.0.0.1:x"};
    for (size_t i = 0; i < sizeof(addresses) / sizeof(addresses[0]); i++)
        ck_assert_msg(http_server_listen(server, addresses[i]) == -EINVAL, "%s", addresses[i]);
    char taken[64];
    snprintf(taken, sizeof(taken), "127.0.0.1:%u", (unsigned)ntohs(server_address.sin_port));
    ck_assert_int_eq(http_server_listen(server, taken), -EADDRINUSE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_server");
    TCase *tests = tcase_create("server");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, a_request_is_answered_and_the_connection_kept);
    tcase_add_test(tests, parked_calls_are_answered_later_and_the_connection_kept);
    tcase_add_test(tests, a_client_that_leaves_while_parked_is_noticed);
    tcase_add_test(tests, a_half_close_after_the_last_request_is_no_leaving);
    tcase_add_test(tests, a_client_that_stalls_gets_408_and_runs_nothing);
    tcase_add_test(tests, a_connection_without_requests_ends_after_its_time);
    tcase_add_test(tests, a_close_that_comes_with_the_last_octets_is_noticed);
    tcase_add_test(tests, connections_above_the_limit_get_503);
    tcase_add_test(tests, connections_wait_while_descriptors_have_run_out);
    tcase_add_test(tests, a_shortage_of_descriptors_is_told_once_while_clients_come_and_go);
    tcase_add_test(tests, draining_answers_what_is_under_way_and_closes);
    tcase_add_test(tests, freeing_ends_parked_and_half_read_calls);
    tcase_add_test(tests, freeing_parks_nothing_more);
    tcase_add_test(tests, new_limits_count_for_new_connections);
    tcase_add_test(tests, no_memory_for_an_exchange_is_503);
    tcase_add_test(tests, clients_are_nobody_unless_the_policy_is_open);
    tcase_add_test(tests, malformed_listen_addresses_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
