/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_prefer: how long a client wants to wait, and what it wants to know (RFC 7240). */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "exchange_fixture.h"
#include "node.h"
#include "proves.h"
#include "status_monitor.h"

static char location[128];

static void set_up(void)
{
    fixture_set_up(NULL, "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" },"
                         "  \"far\": { \"address\": \"coap://far.example\" } } }");
}

static void ask(enum http_method method, const char *prefer)
{
    fixture_request(method, "/nodes/kitchen/x");
    if (method == HTTP_METHOD_PUT)
        fixture_body("on");
    fixture_field("Prefer", prefer);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
}

/* Takes the 202, keeps its location and lets the client go, with all that it had lent. */
static void take_location(void)
{
    ck_assert_uint_eq(fixture.answered, 1);
    (void)snprintf(location, sizeof location, "%s",
                   http_reply_field(fixture_reply(202), "Location"));
    fixture_assert_field("Preference-Applied", "respond-async");
    fixture_assert_body_has("\"state\":\"pending\"");
    fixture_done();
    memset(fixture.fields, 0, sizeof fixture.fields);
}

static void look(unsigned status)
{
    ck_assert_int_eq(fixture_get(location), EXCHANGE_ANSWERED);
    fixture_reply(status);
}

START_TEST(an_asynchronous_request_is_accepted_and_its_result_fetched_later)
{
    ask(HTTP_METHOD_GET, "respond-async, wait=2");
    fixture_advance(1999);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_advance(1);
    take_location();
    ck_assert_uint_eq(strlen(location), strlen(STATUS_MONITOR_PATH) + 32);
    fixture_advance(1000);
    look(202);
    fixture_assert_body_has("\"elapsed\":1.000");
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    look(200);
    fixture_assert_body("21.5");
    fixture_assert_field("Content-Type", "text/plain;charset=utf-8");
    fixture_assert_field("X-CoAP-Code", "2.05");
    fixture_assert_field("Cache-Control", "no-store");
    look(200);
    proves("PREFER-02");
}
END_TEST

START_TEST(without_a_time_it_is_five_seconds)
{
    ask(HTTP_METHOD_GET, "respond-async");
    fixture_advance(4999);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_advance(1);
    take_location();
    fixture_answer(REST_CODE(4, 4), -1, NULL);
    look(404);
    fixture_assert_field("X-CoAP-Code", "4.04");
}
END_TEST

START_TEST(an_answer_in_time_is_given_at_once)
{
    ask(HTTP_METHOD_GET, "respond-async, wait=2");
    fixture_advance(1000);
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    fixture_reply(200);
    fixture_advance(5000);
    ck_assert_uint_eq(fixture.answered, 1);
}
END_TEST

START_TEST(a_result_of_the_gateway_itself_waits_too)
{
    struct request_report report = {.transmissions = 5, .elapsed_us = 45000000};

    ask(HTTP_METHOD_GET, "respond-async, wait=0");
    fixture_advance(0);
    take_location();
    fixture_overdue(&report);
    look(504);
    fixture_assert_body_has("did not answer within 45 s");
    fixture_fail(REQUEST_TIMED_OUT, &report);
    look(504);
}
END_TEST

START_TEST(an_answer_between_202_and_its_sending_changes_nothing_in_it)
{
    ask(HTTP_METHOD_PUT, "respond-async, wait=0");
    fixture_advance(0);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    take_location();
    look(204);
}
END_TEST

START_TEST(the_request_can_be_repeated_after_its_client_has_gone)
{
    struct rest_request challenge;

    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    char body[] = "on";
    fixture_body(body);
    fixture_field("Prefer", "respond-async, wait=0");
    fixture.request.is_fresh = true;
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_advance(0);
    take_location();
    memset(body, 'x', 2);
    rest_request_init(&challenge);
    challenge.message.code = REST_CODE(4, 1);
    rest_request_add(&challenge, REST_OPTION_ECHO, "ab", 2);
    fixture_answer_with(&challenge, NULL);
    ck_assert_mem_eq(fixture_last()->payload, "on", 2);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    look(204);
}
END_TEST

START_TEST(a_name_may_take_longer_than_the_client_waits)
{
    fixture_request(HTTP_METHOD_GET, "/nodes/far/x");
    fixture_field("Prefer", "respond-async, wait=1");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_advance(1000);
    take_location();
    fixture_resolve("192.0.2.9", NULL);
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    look(200);
}
END_TEST

START_TEST(a_result_of_head_has_no_content)
{
    ask(HTTP_METHOD_HEAD, "respond-async, wait=0");
    fixture_advance(0);
    take_location();
    fixture_answer(REST_CODE(2, 5), 0, "sixteen bytes of");
    look(200);
    fixture_assert_field("Content-Type", "text/plain;charset=utf-8");
    fixture_assert_body("");
}
END_TEST

START_TEST(results_belong_to_who_asked_for_them)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_body("on");
    fixture_field("Prefer", "respond-async, wait=0");
    fixture.request.principal = 7;
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_advance(0);
    take_location();
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    look(404);
    fixture_request(HTTP_METHOD_GET, location);
    fixture.request.principal = 7;
    fixture.request.roles = ROLE_READ;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(404);
    fixture_request(HTTP_METHOD_GET, location);
    fixture.request.principal = 7;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(204);
    fixture_request(HTTP_METHOD_GET, "/-/status/0123456789abcdef0123456789abcdef");
    fixture.request.principal = 7;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(404);
    proves("PREFER-03");
}
END_TEST

START_TEST(results_are_kept_for_ten_minutes)
{
    ask(HTTP_METHOD_GET, "respond-async, wait=0");
    fixture_advance(0);
    take_location();
    fixture_advance(1000000);
    look(202);
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    fixture_advance(599999);
    look(200);
    fixture_advance(1);
    look(404);
    proves("PREFER-03");
}
END_TEST

START_TEST(there_are_so_many_results_and_no_more)
{
    struct http_request request = {.roles = ROLE_READ};
    char id[STATUS_MONITOR_ID_SIZE];

    for (int i = 0; i < STATUS_MONITORS_MAX; i++)
        ck_assert_int_eq(status_monitors_add(fixture.core->monitors, &request, HTTP_METHOD_GET, id),
                         0);
    ck_assert_int_eq(status_monitors_add(fixture.core->monitors, &request, HTTP_METHOD_GET, id),
                     -1);
    /* Without room the preference is ignored, but for how long to wait. */
    ask(HTTP_METHOD_GET, "respond-async");
    fixture_advance(5000);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    fixture_reply(200);
    ask(HTTP_METHOD_GET, "respond-async, wait=3");
    fixture_advance(3000);
    fixture_reply(504);
}
END_TEST

START_TEST(a_client_may_have_less_patience_than_the_gateway)
{
    struct request_report report = {.transmissions = 5, .elapsed_us = 45000000};
    struct node *node;

    ask(HTTP_METHOD_GET, "wait=2");
    fixture_advance(2000);
    fixture_reply(504);
    fixture_assert_field("Preference-Applied", "wait=2");
    fixture_assert_body_has("did not answer within 2 s");
    ck_assert(fixture_last()->is_under_way);
    node = node_acquire(fixture.core->nodes, &fixture_last()->peer);
    ck_assert_int_eq(node_state_of(node), NODE_UNKNOWN);
    node_release(node);
    fixture_done();
    fixture_fail(REQUEST_TIMED_OUT, &report);
    /* More than the gateway has does not count. */
    ask(HTTP_METHOD_GET, "wait=100");
    fixture_advance(45000);
    fixture_overdue(&report);
    fixture_reply(504);
    proves("PREFER-04");
}
END_TEST

START_TEST(a_client_that_wants_little_gets_no_content)
{
    ask(HTTP_METHOD_PUT, "return=minimal");
    fixture_answer(REST_CODE(2, 4), 0, "ok");
    fixture_reply(204);
    fixture_assert_body("");
    fixture_assert_field("Preference-Applied", "return=minimal");
    fixture_assert_field("Content-Type", NULL);
    ask(HTTP_METHOD_GET, "return=minimal");
    fixture_answer(REST_CODE(2, 5), 0, "ok");
    fixture_reply(200);
    fixture_assert_field("Preference-Applied", NULL);
    ask(HTTP_METHOD_PUT, "return=minimal");
    fixture_answer(REST_CODE(4, 0), -1, "bad");
    fixture_reply(400);
    fixture_assert_field("Preference-Applied", NULL);
    proves("PREFER-05");
}
END_TEST

START_TEST(what_may_be_cached_varies_by_preference)
{
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    fixture_assert_field("Vary", "Prefer");
    ask(HTTP_METHOD_PUT, "x");
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    fixture_assert_field("Vary", NULL);
    proves("PREFER-06");
}
END_TEST

START_TEST(a_result_that_nobody_waits_for_does_not_hinder_the_end)
{
    ask(HTTP_METHOD_GET, "respond-async, wait=0");
    fixture_advance(0);
    take_location();
    core_set_draining(fixture.core);
    core_refuse_waiting(fixture.core);
    ck_assert_uint_eq(fixture.answered, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_prefer");
    TCase *tests = tcase_create("exchange_prefer");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, an_asynchronous_request_is_accepted_and_its_result_fetched_later);
    tcase_add_test(tests, without_a_time_it_is_five_seconds);
    tcase_add_test(tests, an_answer_in_time_is_given_at_once);
    tcase_add_test(tests, a_result_of_the_gateway_itself_waits_too);
    tcase_add_test(tests, an_answer_between_202_and_its_sending_changes_nothing_in_it);
    tcase_add_test(tests, the_request_can_be_repeated_after_its_client_has_gone);
    tcase_add_test(tests, a_name_may_take_longer_than_the_client_waits);
    tcase_add_test(tests, a_result_of_head_has_no_content);
    tcase_add_test(tests, results_belong_to_who_asked_for_them);
    tcase_add_test(tests, results_are_kept_for_ten_minutes);
    tcase_add_test(tests, there_are_so_many_results_and_no_more);
    tcase_add_test(tests, a_client_may_have_less_patience_than_the_gateway);
    tcase_add_test(tests, a_client_that_wants_little_gets_no_content);
    tcase_add_test(tests, what_may_be_cached_varies_by_preference);
    tcase_add_test(tests, a_result_that_nobody_waits_for_does_not_hinder_the_end);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
