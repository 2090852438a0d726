/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/*
 * test_exchange_node: what an exchange does with what is known of its node: it fails at once when
 * the node is silent, goes to the next address of a name, and says what it learns.
 */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fixture.h"
#include "fakes.h"
#include "method.h"
#include "problem.h"
#include "proves.h"

enum { SECOND = 1000 };

static const char access[] = "[ { \"networks\": [\"192.0.2.0/24\"], \"ports\": [5683] } ]";
static const char mappings[] =
    "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" },"
    "               \"hall\": { \"address\": \"coap://192.0.2.9\" },"
    "               \"garden\": { \"address\": \"coap://garden.example\" } } }";

static const struct request_report spent = {
    .transmissions = 5, .elapsed_us = 93000000, .is_spent = true};
static const struct request_report given_back = {.transmissions = 1};

static void set_up(void)
{
    fixture_set_up(access, mappings);
}

static void ask(enum http_method method, const char *target)
{
    fixture_request(method, target);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
}

/* A datagram comes from the node that was asked last. */
static void hear_last(void)
{
    fixture.peer_events.heard(fixture.peer_events.handle, &fixture_last()->peer);
}

static void lose_kitchen(void)
{
    ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_fail(REQUEST_TIMED_OUT, &spent);
    fixture_reply(504);
    fixture_assert_body_has("timeout");
}

static void assert_metric(const char *line)
{
    fixture_request(HTTP_METHOD_GET, "/-/metrics");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(200);
    fixture_assert_body_has(line);
}

START_TEST(requests_to_a_silent_node_fail_at_once_whatever_name_they_use)
{
    static const char *const targets[] = {"/nodes/kitchen/y", "/nodes/hall/x",
                                          "/hc/coap://192.0.2.9/z"};
    size_t sent;

    lose_kitchen();
    sent = fixture.request_count;
    for (size_t i = 0; i < 3; i++) {
        ck_assert_int_eq(fixture_get(targets[i]), EXCHANGE_ANSWERED);
        fixture_reply(504);
        fixture_assert_field("Retry-After", "6");
        fixture_assert_body_has(":silent");
    }
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_field("Content-Type", "text/plain");
    fixture_body("1");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(504);
    ck_assert_uint_eq(fixture.request_count, sent);
    assert_metric("\ncoapgw_node_up{node=\"kitchen\"} 0\n");
    assert_metric("\ncoapgw_node_up{node=\"hall\"} 0\n");
    /* Another port is another node. */
    ask(HTTP_METHOD_GET, "/hc/coap://192.0.2.8/z");
    fixture_answer(REST_CODE(2, 5), 0, "x");
    proves("CONG-08");
}
END_TEST

START_TEST(a_silent_node_is_pinged_while_it_is_wanted_and_its_answer_lets_requests_through)
{
    lose_kitchen();
    clock_advance(fixture.timers, 100 * SECOND);
    ck_assert_uint_eq(fixture.pings, 0);
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_ANSWERED);
    fixture_assert_field("Retry-After", "1");
    clock_advance(fixture.timers, 0);
    ck_assert_uint_eq(fixture.pings, 1);
    ck_assert(endpoint_address_equal(&fixture.pinged, &fixture_last()->peer));
    hear_last();
    ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
    hear_last();
    fixture_answer(REST_CODE(2, 5), 0, "back");
    fixture_reply(200);
    assert_metric("\ncoapgw_node_up{node=\"kitchen\"} 1\n");
    proves("CONG-08");
}
END_TEST

START_TEST(only_spent_transmissions_without_a_datagram_make_a_node_silent)
{
    static const struct {
        enum request_failure failure;
        struct request_report report;
    } cases[] = {
        {REQUEST_TIMED_OUT, {.transmissions = 5, .is_spent = true, .was_heard = true}},
        {REQUEST_TIMED_OUT, {.transmissions = 1, .was_acknowledged = true, .was_heard = true}},
        {REQUEST_TIMED_OUT, {.transmissions = 0}},
        {REQUEST_RESET, {.transmissions = 1, .was_heard = true}},
        {REQUEST_UNREACHABLE, {.transmissions = 2}},
        {REQUEST_BAD_RESPONSE, {.transmissions = 1, .was_heard = true, .bad_option = 9}},
        {REQUEST_DISPLACED, {.transmissions = 0}},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
        fixture_fail(cases[i].failure, &cases[i].report);
    }
    /* Nor does the deadline of the HTTP side, however often it passes. */
    for (size_t i = 0; i < 5; i++) {
        const struct request_report report = {.transmissions = 3, .elapsed_us = 45000000};

        ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
        fixture_overdue(&report);
        fixture_reply(504);
        fixture_answer(REST_CODE(2, 5), 0, "late");
    }
    ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_answer(REST_CODE(2, 5), 0, "x");
    fixture_reply(200);
    proves("CONG-08");
}
END_TEST

START_TEST(what_waits_for_a_node_that_falls_silent_fails_with_it)
{
    uint64_t first;

    ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
    first = fixture.id;
    fixture.id = 0; /* a second client */
    struct http_request request = fixture.request;
    ask(HTTP_METHOD_GET, "/nodes/kitchen/y");
    fixture.requests[1].is_queued = true;
    fixture.requests[0].is_under_way = false;
    fixture.requests[0].events->failed(fixture.requests[0].handle, REQUEST_TIMED_OUT, &spent);
    ck_assert_uint_eq(fixture.answered, 2);
    fixture_reply(504);
    fixture_assert_body_has(":silent");
    fixture_assert_field("Retry-After", "6");
    ck_assert_uint_eq(exchange_reply(fixture.core, first)->status, 504);
    ck_assert_str_eq(request.target, "/nodes/kitchen/x");
    exchange_detach(fixture.core, first);
}
END_TEST

START_TEST(a_hint_makes_a_node_suspect_until_it_is_heard)
{
    ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
    hear_last();
    assert_metric("\ncoapgw_node_up{node=\"kitchen\"} 1\n");
    fixture.peer_events.hint(fixture.peer_events.handle, &fixture_last()->peer, 113);
    assert_metric("\ncoapgw_node_up{node=\"kitchen\"} 0\n");
    hear_last();
    assert_metric("\ncoapgw_node_up{node=\"kitchen\"} 1\n");
    assert_metric("\ncoapgw_node_last_seen_timestamp_seconds{node=\"kitchen\"} 1700000000.000\n");
    fixture_done();
    (void)core_reap(fixture.core);
}
END_TEST

/* --- holds --- */

static void answer_later(uint8_t code, int max_age)
{
    struct rest_request response;

    rest_request_init(&response);
    response.message.code = code;
    if (max_age >= 0)
        rest_request_add_uint(&response, REST_OPTION_MAX_AGE, (uint32_t)max_age);
    fixture_answer_with(&response, NULL);
}

static void assert_held(enum http_method method, const char *target, unsigned status,
                        const char *retry)
{
    size_t sent = fixture.request_count;

    fixture_request(method, target);
    if (method == HTTP_METHOD_PUT) {
        fixture_field("Content-Type", "text/plain");
        fixture_body("1");
    }
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(status);
    fixture_assert_field("Retry-After", retry);
    fixture_assert_field("Cache-Control", "no-store");
    fixture_assert_body_has(":held");
    ck_assert_uint_eq(fixture.request_count, sent);
}

START_TEST(after_4_29_no_similar_request_is_sent_before_max_age)
{
    ask(HTTP_METHOD_GET, "/nodes/kitchen/x?a=1");
    answer_later(REST_CODE(4, 29), 10);
    fixture_reply(429);
    fixture_assert_field("Retry-After", "10");
    clock_advance(fixture.timers, 3 * SECOND);
    assert_held(HTTP_METHOD_GET, "/nodes/kitchen/x?a=1", 429, "7");
    assert_held(HTTP_METHOD_HEAD, "/nodes/hall/x?a=1", 429, "7");
    /* Another query, path, method or node is another request. */
    static const char *const others[] = {"/nodes/kitchen/x?a=2", "/nodes/kitchen/x",
                                         "/nodes/kitchen/xa=1", "/nodes/kitchen/x/a=1",
                                         "/hc/coap://192.0.2.8/x?a=1"};
    for (size_t i = 0; i < sizeof others / sizeof others[0]; i++) {
        ask(HTTP_METHOD_GET, others[i]);
        fixture_answer(REST_CODE(2, 5), 0, "x");
    }
    ask(HTTP_METHOD_DELETE, "/nodes/kitchen/x?a=1");
    fixture_answer(REST_CODE(2, 2), -1, NULL);
    clock_advance(fixture.timers, 8 * SECOND);
    ask(HTTP_METHOD_GET, "/nodes/kitchen/x?a=1");
    answer_later(REST_CODE(4, 29), -1); /* 60 s, RFC 7252 5.10.5 */
    assert_held(HTTP_METHOD_GET, "/nodes/kitchen/x?a=1", 429, "60");
    proves("CONG-12");
}
END_TEST

START_TEST(the_answer_counts_also_when_its_client_has_gone)
{
    ask(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_done();
    answer_later(REST_CODE(4, 29), 10);
    (void)core_reap(fixture.core);
    assert_held(HTTP_METHOD_GET, "/nodes/kitchen/x", 429, "10");
}
END_TEST

START_TEST(after_5_03_with_max_age_the_request_is_held_and_after_two_the_node)
{
    ask(HTTP_METHOD_GET, "/nodes/kitchen/a");
    answer_later(REST_CODE(5, 3), -1); /* promises nothing */
    fixture_reply(503);
    ask(HTTP_METHOD_GET, "/nodes/kitchen/a");
    answer_later(REST_CODE(5, 3), 5);
    fixture_reply(503);
    fixture_assert_field("Retry-After", "5");
    assert_held(HTTP_METHOD_GET, "/nodes/kitchen/a", 503, "5");
    ask(HTTP_METHOD_DELETE, "/nodes/kitchen/a");
    answer_later(REST_CODE(5, 3), 5); /* the same resource */
    ask(HTTP_METHOD_GET, "/nodes/kitchen/b");
    answer_later(REST_CODE(5, 3), 3);
    assert_held(HTTP_METHOD_GET, "/nodes/kitchen/c", 503, "3");
    assert_held(HTTP_METHOD_PUT, "/nodes/hall/d", 503, "3");
    assert_held(HTTP_METHOD_GET, "/nodes/kitchen/a", 503, "5");
    ask(HTTP_METHOD_GET, "/hc/coap://192.0.2.8/c");
    fixture_answer(REST_CODE(2, 5), 0, "x");
    clock_advance(fixture.timers, 3 * SECOND);
    ask(HTTP_METHOD_GET, "/nodes/kitchen/c");
    fixture_answer(REST_CODE(2, 5), 0, "x");
    fixture_reply(200);
    proves("CONG-13");
}
END_TEST

/* --- names --- */

START_TEST(a_name_service_that_does_not_answer_is_waited_for_as_long_as_a_node)
{
    ck_assert_int_eq(fixture_get("/nodes/garden/x"), EXCHANGE_PARKED);
    fixture_advance(44999);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_advance(1);
    ck_assert_uint_eq(fixture.answered, 1);
    fixture_reply(504);
    fixture_assert_body_has("name-resolution");
    ck_assert_uint_eq(fixture.request_count, 0);
    fixture_done();
    /* A name that is found in time starts the deadline of the node. */
    ck_assert_int_eq(fixture_get("/nodes/garden/x"), EXCHANGE_PARKED);
    fixture_advance(30000);
    fixture_resolve("192.0.2.1", NULL);
    ck_assert_uint_eq(fixture.request_count, 1);
    fixture_advance(30000);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_answer(REST_CODE(2, 5), -1, NULL);
    fixture_reply(200);
}
END_TEST

/* --- several addresses --- */

static void ask_garden(enum http_method method)
{
    fixture_request(method, "/nodes/garden/x");
    if (method == HTTP_METHOD_PUT) {
        fixture_field("Content-Type", "text/plain");
        fixture_body("1");
    }
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    if (fixture.question_count == 1)
        fixture_resolve("192.0.2.1", "192.0.2.2");
}

/* The node asks for a proof of freshness. */
static void challenge(const char *echo)
{
    struct rest_request response;

    rest_request_init(&response);
    response.message.code = REST_CODE(4, 1);
    rest_request_add(&response, REST_OPTION_ECHO, echo, strlen(echo));
    fixture_answer_with(&response, NULL);
}

static unsigned last_host(void)
{
    return fixture_last()->peer.bytes[3];
}

START_TEST(a_request_whose_datagram_is_given_back_goes_to_the_next_address)
{
    ask_garden(HTTP_METHOD_GET);
    ck_assert_uint_eq(last_host(), 1);
    fixture_fail(REQUEST_UNREACHABLE, &given_back);
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert_uint_eq(last_host(), 2);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_answer(REST_CODE(2, 5), 0, "second");
    fixture_reply(200);
    /* The order is that of the resolver each time; behind the last one is 502. */
    ask_garden(HTTP_METHOD_GET);
    ck_assert_uint_eq(last_host(), 1);
    fixture_fail(REQUEST_UNREACHABLE, &given_back);
    ck_assert_uint_eq(last_host(), 2);
    fixture_fail(REQUEST_UNREACHABLE, &given_back);
    fixture_reply(502);
    fixture_assert_body_has("unreachable");
    ck_assert_uint_eq(fixture.request_count, 4);
    proves("STATUS-47");
}
END_TEST

/* RFC 9175 2.3: the value of one endpoint is for that one alone. */
START_TEST(the_next_address_does_not_get_the_echo_value_of_the_last)
{
    ask_garden(HTTP_METHOD_GET);
    challenge("one");
    ck_assert_uint_eq(last_host(), 1);
    ck_assert(fixture_has_option(REST_OPTION_ECHO, "one"));
    fixture_fail(REQUEST_UNREACHABLE, &given_back);
    ck_assert_uint_eq(last_host(), 2);
    ck_assert(!fixture_has_option(REST_OPTION_ECHO, NULL));
    challenge("two");
    ck_assert_uint_eq(last_host(), 2);
    ck_assert(fixture_has_option(REST_OPTION_ECHO, "two"));
    fixture_answer(REST_CODE(2, 5), 0, "x");
    fixture_reply(200);
}
END_TEST

START_TEST(an_address_that_is_silent_is_passed_over)
{
    ask_garden(HTTP_METHOD_GET);
    fixture_fail(REQUEST_TIMED_OUT, &spent);
    fixture_reply(504); /* a request that may have arrived is not sent elsewhere */
    ask_garden(HTTP_METHOD_PUT);
    ck_assert_uint_eq(last_host(), 2);
    fixture_fail(REQUEST_TIMED_OUT, &spent);
    fixture_reply(504);
    ck_assert_int_eq(fixture_get("/nodes/garden/x"), EXCHANGE_ANSWERED);
    fixture_reply(504);
    fixture_assert_body_has(":silent");
    /* Both are wanted now. */
    clock_advance(fixture.timers, 10 * SECOND);
    ck_assert_uint_eq(fixture.pings, 2);
    hear_last();
    ask_garden(HTTP_METHOD_GET);
    ck_assert_uint_eq(last_host(), 2);
    fixture_answer(REST_CODE(2, 5), 0, "x");
}
END_TEST

START_TEST(an_unsafe_request_is_sent_elsewhere_only_when_the_node_cannot_have_it)
{
    static const struct {
        enum http_method method;
        enum request_failure failure;
        struct request_report report;
        bool is_sent_again;
    } cases[] = {
        {HTTP_METHOD_PUT, REQUEST_UNREACHABLE, {.transmissions = 0}, true},
        {HTTP_METHOD_PUT, REQUEST_UNREACHABLE, {.transmissions = 1}, true},
        {HTTP_METHOD_PUT, REQUEST_UNREACHABLE, {.transmissions = 2}, false},
        {HTTP_METHOD_PUT, REQUEST_UNREACHABLE, {.transmissions = 1, .was_heard = true}, false},
        {HTTP_METHOD_PUT, REQUEST_GIVEN_UP, {.transmissions = 0}, true},
        {HTTP_METHOD_PUT, REQUEST_RESET, {.transmissions = 1, .was_heard = true}, false},
        {HTTP_METHOD_PUT, REQUEST_TIMED_OUT, {.transmissions = 0}, false},
        {HTTP_METHOD_GET, REQUEST_UNREACHABLE, {.transmissions = 3}, true},
        {HTTP_METHOD_GET, REQUEST_RESET, {.transmissions = 1, .was_heard = true}, false},
        {HTTP_METHOD_GET, REQUEST_BAD_RESPONSE, {.transmissions = 1, .was_heard = true}, false},
        {HTTP_METHOD_GET, REQUEST_DISPLACED, {.transmissions = 0}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ask_garden(cases[i].method);
        size_t sent = fixture.request_count;
        ck_assert_uint_eq(last_host(), 1);
        fixture_fail(cases[i].failure, &cases[i].report);
        ck_assert_msg((fixture.request_count > sent) == cases[i].is_sent_again, "case %zu", i);
        if (cases[i].is_sent_again) {
            ck_assert_uint_eq(last_host(), 2);
            fixture_answer(REST_CODE(2, 4), -1, NULL);
        }
        ck_assert_uint_eq(fixture.answered, 1);
    }
}
END_TEST

START_TEST(nothing_is_sent_again_for_a_client_that_has_gone)
{
    ask_garden(HTTP_METHOD_GET);
    fixture_done();
    fixture_fail(REQUEST_UNREACHABLE, &given_back);
    ck_assert_uint_eq(fixture.request_count, 1);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
}
END_TEST

START_TEST(addresses_that_the_rules_forbid_are_never_tried)
{
    fixture_request(HTTP_METHOD_GET, "/hc/coap://garden.example/x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.1", "198.51.100.1");
    ck_assert_uint_eq(last_host(), 1);
    fixture_fail(REQUEST_UNREACHABLE, &given_back);
    fixture_reply(502);
    ck_assert_uint_eq(fixture.request_count, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_node");
    TCase *tests = tcase_create("exchange_node");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, requests_to_a_silent_node_fail_at_once_whatever_name_they_use);
    tcase_add_test(tests,
                   a_silent_node_is_pinged_while_it_is_wanted_and_its_answer_lets_requests_through);
    tcase_add_test(tests, only_spent_transmissions_without_a_datagram_make_a_node_silent);
    tcase_add_test(tests, what_waits_for_a_node_that_falls_silent_fails_with_it);
    tcase_add_test(tests, a_hint_makes_a_node_suspect_until_it_is_heard);
    tcase_add_test(tests, after_4_29_no_similar_request_is_sent_before_max_age);
    tcase_add_test(tests, the_answer_counts_also_when_its_client_has_gone);
    tcase_add_test(tests, after_5_03_with_max_age_the_request_is_held_and_after_two_the_node);
    tcase_add_test(tests, a_name_service_that_does_not_answer_is_waited_for_as_long_as_a_node);
    tcase_add_test(tests, a_request_whose_datagram_is_given_back_goes_to_the_next_address);
    tcase_add_test(tests, the_next_address_does_not_get_the_echo_value_of_the_last);
    tcase_add_test(tests, an_address_that_is_silent_is_passed_over);
    tcase_add_test(tests, an_unsafe_request_is_sent_elsewhere_only_when_the_node_cannot_have_it);
    tcase_add_test(tests, nothing_is_sent_again_for_a_client_that_has_gone);
    tcase_add_test(tests, addresses_that_the_rules_forbid_are_never_tried);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
