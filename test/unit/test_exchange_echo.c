/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_echo: challenges of a node that wants to know whether a request is fresh (RFC 9175
 * 2.3). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fixture.h"
#include "proves.h"

static void set_up(void)
{
    fixture_set_up(NULL, "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" } } }");
}

static void send(enum http_method method, bool is_fresh)
{
    fixture_request(method, "/nodes/kitchen/x");
    if (method == HTTP_METHOD_PUT)
        fixture_body("on");
    fixture.request.is_fresh = is_fresh;
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
}

static void challenge(const char *echo)
{
    struct rest_request response;

    rest_request_init(&response);
    response.message.code = REST_CODE(4, 1);
    rest_request_add(&response, REST_OPTION_ECHO, echo, strlen(echo));
    fixture_answer_with(&response, NULL);
}

START_TEST(a_fresh_request_is_repeated_with_the_value)
{
    send(HTTP_METHOD_PUT, true);
    challenge("ab");
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert(fixture_has_option(REST_OPTION_ECHO, "ab"));
    ck_assert_mem_eq(fixture_last()->payload, "on", 2);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    const struct http_reply *reply = fixture_reply(204);
    for (size_t i = 0; i < reply->field_count; i++)
        ck_assert_ptr_null(strstr(reply->fields[i].value, "ab"));
    proves("EXT-01");
}
END_TEST

START_TEST(an_unsafe_request_of_unknown_freshness_is_not_repeated)
{
    send(HTTP_METHOD_PUT, false);
    challenge("ab");
    ck_assert_uint_eq(fixture.request_count, 1);
    ck_assert(fixture_reply(503)->must_close);
    fixture_assert_field("Retry-After", "0");
    proves("EXT-02");
}
END_TEST

START_TEST(a_safe_request_is_repeated_whatever_its_age)
{
    send(HTTP_METHOD_GET, false);
    challenge("ab");
    ck_assert(fixture_has_option(REST_OPTION_ECHO, "ab"));
    fixture_answer(REST_CODE(2, 5), 0, "21");
    fixture_reply(200);
}
END_TEST

START_TEST(early_data_is_too_early)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_body("on");
    fixture_field("Early-Data", "1");
    fixture.request.is_fresh = true;
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    challenge("ab");
    ck_assert_uint_eq(fixture.request_count, 1);
    fixture_reply(425);
    proves("EXT-03");
}
END_TEST

START_TEST(a_second_challenge_is_the_last)
{
    send(HTTP_METHOD_PUT, true);
    challenge("ab");
    challenge("cd");
    ck_assert_uint_eq(fixture.request_count, 2);
    fixture_reply(403);
    proves("EXT-05");
}
END_TEST

START_TEST(a_challenge_whose_client_has_gone_is_left_alone)
{
    send(HTTP_METHOD_PUT, true);
    fixture_done();
    challenge("ab");
    ck_assert_uint_eq(fixture.request_count, 1);
}
END_TEST

START_TEST(a_request_that_was_here_before_goes_nowhere)
{
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_field("Via", "1.1 proxy, 1.1 gw.example");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(508);
    ck_assert_uint_eq(fixture.request_count, 0);
    proves("EXT-07");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_echo");
    TCase *tests = tcase_create("exchange_echo");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, a_fresh_request_is_repeated_with_the_value);
    tcase_add_test(tests, an_unsafe_request_of_unknown_freshness_is_not_repeated);
    tcase_add_test(tests, a_safe_request_is_repeated_whatever_its_age);
    tcase_add_test(tests, early_data_is_too_early);
    tcase_add_test(tests, a_second_challenge_is_the_last);
    tcase_add_test(tests, a_challenge_whose_client_has_gone_is_left_alone);
    tcase_add_test(tests, a_request_that_was_here_before_goes_nowhere);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
