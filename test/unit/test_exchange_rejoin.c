/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_rejoin: what becomes of those whose leader cannot go on (CACHE-13). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

#define LIGHT "/nodes/kitchen/light"

/* Several GETs of one target, of which the first leads. */
static void gather(unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        ck_assert_int_eq(crowd_get(i, LIGHT, NULL, NULL), EXCHANGE_PARKED);
        crowd_assert_waits(i);
    }
    ck_assert_uint_eq(fixture.request_count, 1);
}

START_TEST(who_was_displaced_takes_nobody_along)
{
    const struct request_report report = {0};

    gather(3);
    crowd_fail(1, REQUEST_DISPLACED, &report);
    crowd_reply(0, 503);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_assert_waits(1);
    crowd_assert_waits(2);
    crowd_content(NULL, 60, "x");
    crowd_reply(1, 200);
    crowd_reply(2, 200);
    ck_assert_uint_eq(fixture.request_count, 2);
}
END_TEST

START_TEST(when_no_request_can_be_made_each_fails_by_himself)
{
    const struct request_report report = {0};

    gather(3);
    fixture.refusal = REQUEST_QUEUE_FULL;
    crowd_fail(1, REQUEST_DISPLACED, &report);
    for (unsigned i = 0; i < 3; i++) {
        crowd_reply(i, 503);
        ck_assert_uint_eq(crowd[i].answered, 1);
    }
    ck_assert_uint_eq(fixture.request_count, 1);
}
END_TEST

START_TEST(a_request_that_had_no_turn_in_the_leaders_time_is_made_again)
{
    const struct request_report report = {.elapsed_us = 45000000};

    gather(1);
    fixture_last()->is_queued = true;
    fixture_advance(1000);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    crowd_fail(1, REQUEST_TIMED_OUT, &report);
    crowd_reply(0, 504);
    crowd_assert_waits(1);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_content(NULL, 60, "x");
    crowd_reply(1, 200);
}
END_TEST

START_TEST(a_challenge_that_cannot_be_met_in_the_queue_leaves_the_others_to_themselves)
{
    const struct crowd_response challenge = {
        .code = REST_CODE(4, 1), .max_age = -1, .echo = "proof"};

    gather(3);
    fixture.refusal = REQUEST_NO_MEMORY;
    crowd_answer(1, &challenge);
    for (unsigned i = 0; i < 3; i++)
        crowd_reply(i, 503);
}
END_TEST

START_TEST(the_next_address_is_tried_for_all)
{
    const struct request_report report = {.transmissions = 1};

    ck_assert_int_eq(crowd_get(0, "/nodes/twin/x", NULL, NULL), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(1, "/nodes/twin/x", NULL, NULL), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.1", "192.0.2.2");
    ck_assert_uint_eq(fixture.request_count, 1);
    crowd_fail(1, REQUEST_UNREACHABLE, &report);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_content(NULL, 60, "x");
    crowd_reply(0, 200);
    crowd_reply(1, 200);
}
END_TEST

START_TEST(the_next_address_is_tried_without_the_leader)
{
    const struct request_report report = {.transmissions = 1};

    ck_assert_int_eq(crowd_get(0, "/nodes/twin/x", NULL, NULL), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(1, "/nodes/twin/x", NULL, NULL), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.1", "192.0.2.2");
    crowd_leave(0);
    crowd_fail(1, REQUEST_UNREACHABLE, &report);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_fail(2, REQUEST_UNREACHABLE, &report);
    ck_assert_uint_eq(fixture.request_count, 3);
    crowd_content(NULL, 60, "x");
    crowd_reply(1, 200);
}
END_TEST

START_TEST(a_challenge_without_the_leader_is_met_by_another)
{
    const struct crowd_response challenge = {
        .code = REST_CODE(4, 1), .max_age = -1, .echo = "proof"};

    gather(3);
    crowd_leave(0);
    crowd_answer(1, &challenge);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_answer(2, &challenge);
    ck_assert_uint_eq(fixture.request_count, 3);
    crowd_answer(3, &challenge);
    for (unsigned i = 1; i < 3; i++)
        ck_assert_ptr_nonnull(
            strstr(buffer_text(&crowd_reply(i, 403)->body), "refused the request a second time"));
    ck_assert_uint_eq(fixture.request_count, 3);
}
END_TEST

/* The end of one request may be the end of others, which are told of it first. */
START_TEST(nobody_joins_a_request_that_ends_at_this_moment)
{
    const struct request_report silence = {
        .transmissions = 5, .elapsed_us = 93000000, .is_spent = true};

    gather(2);
    fixture_last()->is_queued = true;
    ck_assert_int_eq(crowd_get(2, LIGHT, "Cache-Control", "no-cache"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_fail(2, REQUEST_TIMED_OUT, &silence);
    ck_assert_uint_eq(fixture.request_count, 2);
    for (unsigned i = 0; i < 3; i++) {
        crowd_reply(i, 504);
        ck_assert_uint_eq(crowd[i].answered, 1);
    }
}
END_TEST

START_TEST(what_became_of_an_earlier_request_is_not_told_of_the_one_that_is_waited_for)
{
    const struct crowd_response refusal = {.code = REST_CODE(4, 6), .max_age = -1};

    ck_assert_int_eq(crowd_get(0, LIGHT, "Accept", "application/cbor"), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Accept", "application/json, application/cbor;q=0.5"),
                     EXCHANGE_PARKED);
    crowd_answer(2, &refusal);
    ck_assert_uint_eq(fixture.request_count, 2);
    fixture_advance(fixture.policy->defaults.settings.deadline_ms);
    ck_assert_ptr_null(strstr(buffer_text(&crowd_reply(1, 504)->body), "4.06"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_rejoin");
    TCase *tests = tcase_create("joiners");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, crowd_set_up, crowd_tear_down);
    tcase_add_test(tests, who_was_displaced_takes_nobody_along);
    tcase_add_test(tests, when_no_request_can_be_made_each_fails_by_himself);
    tcase_add_test(tests, a_request_that_had_no_turn_in_the_leaders_time_is_made_again);
    tcase_add_test(tests,
                   a_challenge_that_cannot_be_met_in_the_queue_leaves_the_others_to_themselves);
    tcase_add_test(tests, the_next_address_is_tried_for_all);
    tcase_add_test(tests, the_next_address_is_tried_without_the_leader);
    tcase_add_test(tests, a_challenge_without_the_leader_is_met_by_another);
    tcase_add_test(tests, nobody_joins_a_request_that_ends_at_this_moment);
    tcase_add_test(tests,
                   what_became_of_an_earlier_request_is_not_told_of_the_one_that_is_waited_for);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
