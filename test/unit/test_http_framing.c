/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_http_framing: where requests and responses begin and end, in octets on real sockets: no
 * second request is ever read out of a body.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "http_fixture.h"
#include "proves.h"

/* RFC 9112 9.3 */
START_TEST(pipelined_requests_are_answered_in_order)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /park HTTP/1.1\r\n" HOST "\r\nGET /now HTTP/1.1\r\n" HOST "\r\n");
    turn_until_ran(1);
    for (int i = 0; i < 40; i++)
        turn(); /* the watch for the leaving client is there now, and sees the second request */
    ck_assert_uint_eq(fake.begun, 1);
    answer_parked(0);
    client_await(&client, "now");
    ck_assert(strstr(client.answer, "later") < strstr(client.answer, "now"));
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(http_1_0_and_connection_close_end_the_connection)
{
    static const char *const requests[] = {
        "GET /x HTTP/1.0\r\n\r\n",
        "GET /x HTTP/1.1\r\n" HOST "Connection: foo, Close\r\n\r\n",
        "GET /close HTTP/1.1\r\n" HOST "\r\n",
    };
    for (size_t i = 0; i < sizeof(requests) / sizeof(requests[0]); i++) {
        struct client client;
        client_open(&client);
        client_say(&client, requests[i]);
        client_await_close(&client);
        ck_assert_uint_eq(client_status(&client), 200);
        ck_assert(client_has(&client, "Connection: close\r\n"));
        close(client.fd);
    }
    struct client client;
    client_open(&client);
    client_say(&client, "GET /x HTTP/1.0\r\nConnection: keep-alive\r\n\r\n");
    client_await(&client, "hello");
    ck_assert(client_has(&client, "Connection: Keep-Alive\r\n"));
    close(client.fd);
    turn_until_quiet();
}
END_TEST

struct raw_case {
    const char *comment;
    const char *octets;
    size_t length;
    unsigned status; /* 0: closed without an answer */
};

#define RAW(text) text, sizeof(text) - 1

/* Sends each and wants its status and the end of the connection, and no exchange. The second
 * request behind each must never be read. */
static void check_refusals(const struct raw_case *cases, size_t count)
{
    static const char second[] = "GET /smuggled HTTP/1.1\r\n" HOST "\r\n";
    for (size_t i = 0; i < count; i++) {
        struct client client;
        client_open(&client);
        client_send(&client, cases[i].octets, cases[i].length);
        client_say(&client, second);
        client_await_close(&client);
        unsigned status = client.length > 0 ? client_status(&client) : 0;
        ck_assert_msg(status == cases[i].status, "%s: %s", cases[i].comment, client.answer);
        ck_assert_msg(fake.begun == 0, "%s: %s", cases[i].comment, fake.last_fields);
        const char *answer = client.length > 0 ? client.answer + 1 : "";
        ck_assert_msg(strstr(answer, "HTTP/1.1 4") == NULL, "%s: %s", cases[i].comment,
                      client.answer);
        close(client.fd);
    }
    turn_until_quiet();
}

#define CHECK_REFUSALS(cases) check_refusals(cases, sizeof(cases) / sizeof(cases[0]))

START_TEST(ambiguous_framing_closes_the_connection)
{
    static const struct raw_case cases[] = {
        {"differing lengths", RAW(POST "Content-Length: 0\r\nContent-Length: 3\r\n\r\nabc"), 400},
        {"equal lengths", RAW(POST "Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc"), 400},
        {"list", RAW(POST "Content-Length: 3, 3\r\n\r\nabc"), 400},
        {"letters", RAW(POST "Content-Length: abc\r\n\r\nabc"), 400},
        {"plus", RAW(POST "Content-Length: +3\r\n\r\nabc"), 400},
        {"minus", RAW(POST "Content-Length: -3\r\n\r\nabc"), 400},
        {"hex", RAW(POST "Content-Length: 0x3\r\n\r\nabc"), 400},
        {"empty", RAW(POST "Content-Length:\r\n\r\nabc"), 400},
        {"above 64 bits", RAW(POST "Content-Length: 99999999999999999999\r\n\r\nabc"), 413},
        {"greatest", RAW(POST "Content-Length: 18446744073709551615\r\n\r\nabc"), 413},
        {"both", RAW(POST "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
        {"gzip", RAW(POST "Transfer-Encoding: gzip\r\n\r\nabc"), 400},
        {"chunked twice", RAW(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n"), 400},
        {"chunked not last", RAW(POST "Transfer-Encoding: chunked, gzip\r\n\r\n0\r\n\r\n"), 400},
        {"tab behind chunked", RAW(POST "Transfer-Encoding: chunked\t\r\n\r\n0\r\n\r\n"), 400},
        {"HTTP/1.0", RAW("POST /x HTTP/1.0\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
         400},
        {"length behind NUL", RAW(POST "Foo: a\0\r\nContent-Length: 3\r\n\r\nabc"), 400},
        {"NUL in the length", RAW(POST "Content-Length: 3\0004\r\n\r\nabc"), 400},
        {"folded length", RAW(POST "Content-Length:\r\n 3\r\n\r\nabc"), 400},
        {"folded coding",
         RAW(POST "Content-Length: 3\r\nTransfer-Encoding:\r\n chunked\r\n\r\nabc"), 400},
        {"blank before the colon", RAW(POST "Content-Length : 3\r\n\r\nabc"), 400},
        {"coding, blank before the colon",
         RAW(POST "Content-Length: 3\r\nTransfer-Encoding : chunked\r\n\r\nabc"), 400},
        {"length behind a bare CR", RAW(POST "Foo: a\rContent-Length: 3\r\n\r\nabc"), 400},
        {"GET with content", RAW("GET /x HTTP/1.1\r\n" HOST "Content-Length: 3\r\n\r\nabc"), 400},
        {"DELETE with content",
         RAW("DELETE /x HTTP/1.1\r\n" HOST "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 400},
    };
    CHECK_REFUSALS(cases);
    proves("HTTP-02");
}
END_TEST

START_TEST(unknown_transfer_codings_are_501)
{
    static const struct raw_case cases[] = {
        {"one field", RAW(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 501},
        {"two fields",
         RAW(POST "Transfer-Encoding: gzip\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"), 501},
    };
    CHECK_REFUSALS(cases);
}
END_TEST

START_TEST(requests_without_one_valid_host_are_400)
{
    static const struct raw_case cases[] = {
        {"none", RAW("GET /x HTTP/1.1\r\n\r\n"), 400},
        {"two", RAW("GET /x HTTP/1.1\r\n" HOST HOST "\r\n"), 400},
        {"invalid", RAW("GET /x HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
        {"empty", RAW("GET /x HTTP/1.1\r\nHost:\r\n\r\n"), 400},
        {"blank before the colon", RAW("GET /x HTTP/1.1\r\nHost : a\r\n\r\n"), 400},
        {"absolute-form without", RAW("GET http://a/x HTTP/1.1\r\n\r\n"), 400},
    };
    CHECK_REFUSALS(cases);
    proves("HTTP-01");
}
END_TEST

START_TEST(malformed_header_sections_are_400)
{
    static const struct raw_case cases[] = {
        {"blank before the colon", RAW(GET "Foo : x\r\n\r\n"), 400},
        {"obs-fold", RAW(GET "Foo: a\r\n b\r\n\r\n"), 400},
        {"obs-fold with a tab", RAW(GET "Foo: a\r\n\tb\r\n\r\n"), 400},
        {"obs-fold first", RAW("GET /x HTTP/1.1\r\n " HOST "\r\n"), 400},
        {"no colon", RAW(GET "Foo\r\n\r\n"), 400},
        {"no name", RAW(GET ": x\r\n\r\n"), 400},
        {"bare CR", RAW(GET "Foo: a\rb\r\n\r\n"), 400},
        {"bare CR at the end", RAW(GET "Foo: a\r\r\n\r\n"), 400},
        {"bare LF", RAW("GET /x HTTP/1.1\nHost: gw\n\n"), 400},
        {"NUL in a value", RAW(GET "Foo: a\0b\r\n\r\n"), 400},
        {"NUL at the end of the last value", RAW(GET "Foo: a\0\r\n\r\n"), 400},
        {"NUL in a name", RAW(GET "Fo\0o: a\r\n\r\n"), 400},
        {"NUL in the target", RAW("GET /x\0y HTTP/1.1\r\n" HOST "\r\n"), 400},
        {"NUL in the method", RAW("G\0ET /x HTTP/1.1\r\n" HOST "\r\n"), 400},
        {"control character", RAW(GET "Foo: a\x01\r\n\r\n"), 400},
        {"delimiter in a name", RAW(GET "F(o: a\r\n\r\n"), 400},
        {"blank in the target", RAW("GET /a b HTTP/1.1\r\n" HOST "\r\n"), 400},
        {"two blanks", RAW("GET  /a HTTP/1.1\r\n" HOST "\r\n"), 400},
        {"fragment", RAW("GET /a#b HTTP/1.1\r\n" HOST "\r\n"), 400},
        {"no version", RAW("GET /a\r\n\r\n"), 400},
        {"version of the future", RAW("GET /a HTTP/2.0\r\n" HOST "\r\n"), 505},
        {"lower-case method", RAW("get /a HTTP/1.1\r\n" HOST "\r\n"), 501},
        {"unknown method", RAW("PROPFIND /a HTTP/1.1\r\n" HOST "\r\n"), 501},
        {"CONNECT", RAW("CONNECT n:5683 HTTP/1.1\r\nHost: n:5683\r\n\r\n"), 501},
        {"OPTIONS of the server", RAW("OPTIONS * HTTP/1.1\r\n" HOST "\r\n"), 501},
        {"no HTTP at all", RAW("\x16\x03\x01\x02\r\n\r\n"), 0},
    };
    CHECK_REFUSALS(cases);
    proves("HTTP-03");
    proves("HTTP-11");
    proves("METH-16");
    proves("METH-17");
    proves("METH-18");
}
END_TEST

START_TEST(refusals_are_accounted_with_their_status)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /x HTTP/1.1\r\n\r\n");
    client_await_close(&client);
    ck_assert(client_has(&client, "application/problem+json"));
    ck_assert(client_has(&client, "X-Request-Id: "));
    ck_assert(client_has(&client, "bad-request"));
    ck_assert_uint_eq(fake.accounted, 1);
    ck_assert_uint_eq(fake.last_status, 400);
    ck_assert_str_eq(fake.last_target, "/x");
    close(client.fd);

    client_open(&client);
    client_say(&client, "POST /y HTTP/1.1\r\n" HOST "Content-Length: x\r\n\r\n");
    client_await_close(&client);
    ck_assert_uint_eq(fake.accounted, 2);
    ck_assert_uint_eq(fake.last_status, 400);
    ck_assert_str_eq(fake.last_target, "/y");
    ck_assert(client_has(&client, "Content-Length is no number."));
    ck_assert(client_has(&client, " GMT\r\n"));
    close(client.fd);
    turn_until_quiet();
}
END_TEST

/* Every length around the limits of the guard and of libmicrohttpd gets an answer. */
START_TEST(heads_of_any_size_get_an_answer)
{
    enum { MOST = 70000 };
    static const size_t sizes[] = {9100,  9216,  9217,  9500,  10000, 10100, 10200, 10300, 10400,
                                   10500, 10700, 10900, 11000, 11100, 11200, 11300, 12000, 65536};
    char *head = malloc(MOST);
    ck_assert_ptr_nonnull(head);
    for (size_t i = 0; i < 2 * sizeof(sizes) / sizeof(sizes[0]); i++) {
        bool is_line = i % 2 == 0;
        size_t size = sizes[i / 2];
        size_t used =
            (size_t)snprintf(head, MOST, is_line ? "GET /" : "GET /x HTTP/1.1\r\n" HOST "Filler: ");
        const char *end = is_line ? " HTTP/1.1\r\n" HOST "\r\n" : "\r\n\r\n";
        memset(head + used, 'a', size - used - strlen(end) + 2);
        used = size - strlen(end) + 2;
        memcpy(head + used, end, strlen(end));
        size_t before = fake.begun;
        struct client client;
        client_open(&client);
        client_send(&client, head, size + 2);
        if (size <= 9216) {
            client_await(&client, "hello");
            ck_assert_uint_eq(client_status(&client), 200);
        } else {
            client_await_close(&client);
            unsigned status = client.length > 0 ? client_status(&client) : 0;
            /* a line that is too long is told as such by 414, by libmicrohttpd sometimes by 431 */
            ck_assert_msg(status == 431 || (is_line && status == 414), "%zu: %u", size, status);
            ck_assert_uint_eq(fake.begun, before);
        }
        close(client.fd);
    }
    free(head);
    turn_until_quiet();
    proves("HTTP-07");
}
END_TEST

START_TEST(absolute_forms_are_understood)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET http://other.example?q HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "hello");
    ck_assert(!fake.was_absolute);
    ck_assert_str_eq(fake.last_target, "http://other.example?q");
    client_forget(&client);
    client_say(&client, "GET coap://n/x HTTP/1.7\r\n" HOST "\r\n");
    client_await(&client, "hello");
    ck_assert(fake.was_absolute);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(bodies_of_both_framings_reach_the_exchange)
{
    struct client client;
    client_open(&client);
    client_say(&client, POST "Content-Length: 6\r\n\r\nabc");
    for (int i = 0; i < 3; i++)
        turn();
    ck_assert_uint_eq(fake.ran, 0);
    client_say(&client, "def");
    client_await(&client, "\r\n\r\nabcdef");
    ck_assert_uint_eq(client_status(&client), 200);
    client_forget(&client);
    client_say(&client, POST "Transfer-Encoding: chunked\r\n\r\n"
                             "3;a=b\r\nabc\r\n4\r\ndefg\r\n0\r\nTrailer: x\r\n\r\n");
    client_await(&client, "\r\n\r\nabcdefg");
    ck_assert_uint_eq(fake.body_seen, 7);
    close(client.fd);
    turn_until_quiet();
}
END_TEST

START_TEST(a_body_above_the_limit_is_413_before_100_continue)
{
    struct client client;
    client_open(&client);
    client_say(&client, POST "Expect: 100-continue\r\nContent-Length: 1000000000\r\n\r\n");
    client_await_close(&client);
    ck_assert_uint_eq(client_status(&client), 413);
    ck_assert(client_has(&client, "Connection: close\r\n"));
    close(client.fd);

    char chunk[BODY_MAXIMUM + 1];
    memset(chunk, 'x', sizeof(chunk));
    client_open(&client);
    client_say(&client, POST "Transfer-Encoding: chunked\r\n\r\n3e9\r\n");
    client_send(&client, chunk, sizeof(chunk)); /* the last chunk never comes */
    client_await_close(&client);
    ck_assert_uint_eq(client_status(&client), 413);
    ck_assert(client_has(&client, "Connection: close\r\n"));
    ck_assert_uint_eq(fake.ran, 0);
    close(client.fd);
    turn_until_quiet();
    ck_assert_uint_eq(fake.last_status, 413);
    proves("HTTP-05");
}
END_TEST

START_TEST(expect_100_continue_is_answered_without_the_body)
{
    struct client client;
    client_open(&client);
    client_say(&client, POST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    client_await(&client, "HTTP/1.1 100 Continue\r\n\r\n");
    client_forget(&client);
    client_say(&client, "abc");
    client_await(&client, "\r\n\r\nabc");
    ck_assert_uint_eq(client_status(&client), 200);
    close(client.fd);

    client_open(&client);
    client_say(&client, "PUT /missing HTTP/1.1\r\n" HOST
                        "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    client_await_close(&client);
    ck_assert_uint_eq(client_status(&client), 404);
    close(client.fd);

    client_open(&client);
    client_say(&client,
               "POST /x HTTP/1.0\r\n" HOST "Expect: 100-continue\r\nContent-Length: 3\r\n\r\n");
    for (int i = 0; i < 5; i++)
        turn();
    client_look(&client);
    ck_assert_uint_eq(client.length, 0);
    client_say(&client, "abc");
    client_await_close(&client);
    ck_assert_uint_eq(client_status(&client), 200);
    close(client.fd);
    turn_until_quiet();
    proves("HTTP-06");
}
END_TEST

START_TEST(refusals_without_a_body_keep_the_connection)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /missing HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "missing\n");
    ck_assert(!client_has(&client, "Connection: close"));
    client_say(&client, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "now");
    close(client.fd);
    turn_until_quiet();
}
END_TEST

/* RFC 9110 8.6, 15.3.5, 15.4.5; RFC 9112 6.3 */
START_TEST(responses_without_content_do_not_look_as_if_they_had)
{
    struct client client;
    client_open(&client);
    client_say(&client, "GET /204 HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "\r\n\r\n");
    ck_assert_uint_eq(client_status(&client), 204);
    ck_assert(!client_has(&client, "Content-Length"));
    ck_assert(!client_has(&client, "Transfer-Encoding"));
    client_forget(&client);
    client_say(&client, "HEAD /x HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "\r\n\r\n");
    ck_assert(client_has(&client, "Content-Length: 5\r\n"));
    client_forget(&client);
    client_say(&client, "GET /now HTTP/1.1\r\n" HOST "\r\n");
    client_await(&client, "\r\n\r\nnow");
    ck_assert_ptr_eq(strstr(client.answer, "HTTP/1.1 200"), client.answer);
    client_forget(&client);
    client_say(&client, "GET /304 HTTP/1.1\r\n" HOST "\r\n");
    client_await_close(&client);
    ck_assert_uint_eq(client_status(&client), 304);
    ck_assert(!client_has(&client, "Content-Length"));
    ck_assert(!client_has(&client, "Transfer-Encoding"));
    close(client.fd);

    client_open(&client);
    client_say(&client, "HEAD /unknown HTTP/1.1\r\n" HOST "\r\n");
    client_await_close(&client);
    ck_assert(!client_has(&client, "Content-Length"));
    ck_assert(!client_has(&client, "Transfer-Encoding"));
    ck_assert_str_eq(client.answer + client.length - 4, "\r\n\r\n");
    close(client.fd);
    turn_until_quiet();
    proves("HTTP-12");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_framing");
    TCase *tests = tcase_create("framing");
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, pipelined_requests_are_answered_in_order);
    tcase_add_test(tests, http_1_0_and_connection_close_end_the_connection);
    tcase_add_test(tests, ambiguous_framing_closes_the_connection);
    tcase_add_test(tests, unknown_transfer_codings_are_501);
    tcase_add_test(tests, requests_without_one_valid_host_are_400);
    tcase_add_test(tests, malformed_header_sections_are_400);
    tcase_add_test(tests, refusals_are_accounted_with_their_status);
    tcase_add_test(tests, heads_of_any_size_get_an_answer);
    tcase_add_test(tests, absolute_forms_are_understood);
    tcase_add_test(tests, bodies_of_both_framings_reach_the_exchange);
    tcase_add_test(tests, a_body_above_the_limit_is_413_before_100_continue);
    tcase_add_test(tests, expect_100_continue_is_answered_without_the_body);
    tcase_add_test(tests, refusals_without_a_body_keep_the_connection);
    tcase_add_test(tests, responses_without_content_do_not_look_as_if_they_had);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
