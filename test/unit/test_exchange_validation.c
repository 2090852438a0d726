/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_validation: what the node is asked about what is stored, and what changes do. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "proves.h"

#define LIGHT "/nodes/kitchen/light"

START_TEST(what_is_stale_is_validated_and_fresh_again)
{
    crowd_warm(LIGHT, "ab", 10, "x");
    fixture_advance(11000);
    crowd_assert_miss(1, LIGHT);
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "ab"));
    /* The payload of a 2.03 is none. */
    crowd_answer(2, &(struct crowd_response){
                        .code = REST_CODE(2, 3), .etag = "ab", .max_age = 30, .payload = "junk"});
    crowd_reply(1, 200);
    crowd_assert_body(1, "x");
    crowd_assert_field(1, "Cache-Control", "max-age=30");
    crowd_assert_field(1, "Cache-Status", "gw.example; fwd=stale; stored; ttl=30");
    crowd_assert_field(1, "X-CoAP-Code", "2.05");
    fixture_advance(29000);
    crowd_assert_hit(2, LIGHT, "x");
}
END_TEST

START_TEST(what_is_stale_may_have_become_something_else)
{
    crowd_warm(LIGHT, "ab", 10, "x");
    fixture_advance(11000);
    crowd_assert_miss(1, LIGHT);
    crowd_content("cd", 60, "y");
    crowd_assert_body(1, "y");
    crowd_assert_hit(2, LIGHT, "y");
}
END_TEST

START_TEST(a_validation_shares_one_request_too)
{
    crowd_warm(LIGHT, "ab", 10, "x");
    fixture_advance(11000);
    crowd_assert_miss(1, LIGHT);
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(3, LIGHT, "If-None-Match", "\"6364\""), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_leave(1);
    crowd_answer(2, &(struct crowd_response){.code = REST_CODE(2, 3), .etag = "ab", .max_age = 30});
    crowd_assert_body(2, "x");
    crowd_assert_body(3, "x");
    crowd_assert_field(3, "Cache-Status", "gw.example; fwd=stale; stored; collapsed; ttl=30");
}
END_TEST

START_TEST(a_2_03_needs_the_tag_that_was_asked_about)
{
    static const char *const tags[] = {NULL, "cd", "abc", "a"};

    for (size_t i = 0; i < sizeof tags / sizeof tags[0]; i++) {
        crowd_tear_down();
        crowd_set_up();
        crowd_warm(LIGHT, "ab", 10, "x");
        fixture_advance(11000);
        crowd_assert_miss(1, LIGHT);
        ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
        crowd_answer(
            2, &(struct crowd_response){.code = REST_CODE(2, 3), .etag = tags[i], .max_age = 30});
        crowd_reply(1, 502);
        crowd_reply(2, 502);
        crowd_assert_miss(3, LIGHT);
    }
}
END_TEST

START_TEST(a_2_03_to_who_asked_about_nothing_is_an_error)
{
    crowd_assert_miss(0, LIGHT);
    crowd_answer(1, &(struct crowd_response){.code = REST_CODE(2, 3), .etag = "ab", .max_age = 30});
    crowd_reply(0, 502);
}
END_TEST

START_TEST(a_2_03_for_what_was_evicted_is_understood)
{
    crowd_warm(LIGHT, "ab", 10, "x");
    fixture_advance(11000);
    crowd_assert_miss(1, LIGHT);
    crowd_limit(1 << 20, 1);
    crowd_warm("/nodes/kitchen/other", NULL, 60, "y");
    crowd_answer(2, &(struct crowd_response){.code = REST_CODE(2, 3), .etag = "ab", .max_age = 30});
    crowd_reply(1, 200);
    crowd_assert_body(1, "x");
}
END_TEST

START_TEST(a_success_of_a_change_makes_everything_of_the_target_stale)
{
    static const uint8_t codes[] = {REST_CODE(2, 1), REST_CODE(2, 2), REST_CODE(2, 4)};

    for (size_t i = 0; i < sizeof codes; i++) {
        crowd_warm(LIGHT, "ab", 60, "x");
        crowd_begin_change(1, LIGHT);
        crowd_assert_hit(2, LIGHT, "x");
        crowd_answer_code(codes[i]);
        crowd_assert_miss(2, LIGHT);
        ck_assert(fixture_has_option(REST_OPTION_ETAG, "ab"));
        crowd_content(NULL, 0, "y");
    }
}
END_TEST

START_TEST(a_refused_change_changes_nothing)
{
    static const uint8_t codes[] = {REST_CODE(4, 0), REST_CODE(4, 5), REST_CODE(4, 12)};

    crowd_warm(LIGHT, "ab", 60, "x");
    for (size_t i = 0; i < sizeof codes; i++) {
        crowd_begin_change(1, LIGHT);
        crowd_answer_code(codes[i]);
        crowd_assert_hit(2, LIGHT, "x");
    }
}
END_TEST

START_TEST(a_change_of_unknown_outcome_may_have_happened)
{
    static const enum request_failure failures[] = {REQUEST_TIMED_OUT, REQUEST_RESET,
                                                    REQUEST_UNREACHABLE, REQUEST_BAD_RESPONSE};

    for (size_t i = 0; i < sizeof failures / sizeof failures[0]; i++) {
        crowd_tear_down();
        crowd_set_up();
        crowd_warm(LIGHT, "ab", 60, "x");
        crowd_begin_change(1, LIGHT);
        /* Its client does not wait for it. */
        crowd_leave(1);
        crowd_fail(2, failures[i], &(struct request_report){.transmissions = 2});
        crowd_assert_miss(2, LIGHT);
    }
}
END_TEST

START_TEST(a_change_that_was_never_sent_changes_nothing)
{
    const struct request_report report = {0};

    crowd_warm(LIGHT, "ab", 60, "x");
    crowd_begin_change(1, LIGHT);
    fixture_overdue(&report);
    crowd_reply(1, 504);
    crowd_fail(2, REQUEST_TIMED_OUT, &report);
    crowd_assert_hit(2, LIGHT, "x");
}
END_TEST

START_TEST(a_change_that_takes_too_long_may_have_happened)
{
    const struct request_report report = {.transmissions = 4, .elapsed_us = 45000000};

    crowd_warm(LIGHT, "ab", 600, "x");
    crowd_begin_change(1, LIGHT);
    fixture_overdue(&report);
    crowd_reply(1, 504);
    crowd_assert_miss(2, LIGHT);
    crowd_content("ab", 600, "y");
    crowd_assert_hit(3, LIGHT, "y");
    /* And then it happens. */
    crowd_answer(2, &(struct crowd_response){.code = REST_CODE(2, 4), .max_age = -1});
    crowd_assert_miss(3, LIGHT);
}
END_TEST

START_TEST(what_was_created_is_looked_up_anew)
{
    crowd_warm("/nodes/kitchen/made", NULL, 60, "x");
    crowd_warm("/nodes/kitchen/other", NULL, 60, "y");
    (void)crowd_prepare(1, HTTP_METHOD_POST, LIGHT);
    ck_assert_int_eq(crowd_go(1, "on"), EXCHANGE_PARKED);
    crowd_answer(
        3, &(struct crowd_response){.code = REST_CODE(2, 1), .max_age = -1, .location = "made"});
    crowd_reply(1, 201);
    crowd_assert_miss(2, "/nodes/kitchen/made");
    crowd_assert_hit(3, "/nodes/kitchen/other", "y");
}
END_TEST

/* RFC 9111 4.4: it is the URI that has changed. */
START_TEST(a_change_counts_whatever_way_the_target_is_asked)
{
    crowd_warm("/nodes/near/x", "ab", 60, "near");
    ck_assert_int_eq(crowd_get(1, "/hc/coap://far.example/x", NULL, NULL), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.9", NULL);
    crowd_content("cd", 60, "far");
    /* They are not taken for each other. */
    crowd_assert_hit(2, "/nodes/near/x", "near");
    crowd_begin_change(4, "/nodes/near/x");
    crowd_answer_code(REST_CODE(2, 4));
    crowd_assert_miss(2, "/nodes/near/x");
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "ab"));
    crowd_assert_miss(3, "/hc/coap://far.example/x");
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "cd"));
}
END_TEST

START_TEST(an_answer_from_before_a_change_is_not_kept_as_fresh)
{
    crowd_assert_miss(0, LIGHT);
    crowd_begin_change(1, LIGHT);
    crowd_answer_code(REST_CODE(2, 4));
    crowd_answer(1, &(struct crowd_response){
                        .code = REST_CODE(2, 5), .etag = "ab", .max_age = 60, .payload = "off"});
    crowd_assert_body(0, "off");
    crowd_assert_miss(2, LIGHT);
}
END_TEST

START_TEST(a_tagged_request_learns_of_a_change_too)
{
    ck_assert_int_eq(crowd_get(0, LIGHT, "If-None-Match", "\"6162\""), EXCHANGE_PARKED);
    crowd_begin_change(1, LIGHT);
    crowd_answer_code(REST_CODE(2, 4));
    crowd_answer(1, &(struct crowd_response){
                        .code = REST_CODE(2, 5), .etag = "cd", .max_age = 60, .payload = "off"});
    crowd_reply(0, 200);
    crowd_assert_miss(2, LIGHT);
}
END_TEST

static TCase *make_validation(void)
{
    TCase *tests = tcase_create("validation");

    tcase_add_checked_fixture(tests, crowd_set_up, crowd_tear_down);
    tcase_add_test(tests, what_is_stale_is_validated_and_fresh_again);
    tcase_add_test(tests, what_is_stale_may_have_become_something_else);
    tcase_add_test(tests, a_validation_shares_one_request_too);
    tcase_add_test(tests, a_2_03_needs_the_tag_that_was_asked_about);
    tcase_add_test(tests, a_2_03_to_who_asked_about_nothing_is_an_error);
    tcase_add_test(tests, a_2_03_for_what_was_evicted_is_understood);
    tcase_add_test(tests, a_success_of_a_change_makes_everything_of_the_target_stale);
    tcase_add_test(tests, a_refused_change_changes_nothing);
    tcase_add_test(tests, a_change_of_unknown_outcome_may_have_happened);
    tcase_add_test(tests, a_change_that_was_never_sent_changes_nothing);
    tcase_add_test(tests, a_change_that_takes_too_long_may_have_happened);
    tcase_add_test(tests, what_was_created_is_looked_up_anew);
    tcase_add_test(tests, a_change_counts_whatever_way_the_target_is_asked);
    tcase_add_test(tests, an_answer_from_before_a_change_is_not_kept_as_fresh);
    tcase_add_test(tests, a_tagged_request_learns_of_a_change_too);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("exchange_validation");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, make_validation());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
