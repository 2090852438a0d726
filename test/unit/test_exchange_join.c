/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_join: those that share one CoAP request, and what becomes of them (CACHE-13). */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "proves.h"

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

static void acknowledge(size_t number)
{
    request_times_acknowledge(fixture.requests[number - 1].times, timers_now_us(fixture.timers));
}

START_TEST(fifty_gets_share_one_request)
{
    gather(50);
    crowd_content("ab", 60, "21.5");
    ck_assert_uint_eq(fixture.request_count, 1);
    for (unsigned i = 0; i < 50; i++) {
        ck_assert_uint_eq(crowd[i].answered, 1);
        crowd_reply(i, 200);
        crowd_assert_body(i, "21.5");
        crowd_assert_field(i, "Cache-Control", "max-age=60");
        crowd_assert_field(i, "ETag", "\"6162\"");
        crowd_assert_field(i, "Cache-Status",
                           i == 0 ? "gw.example; fwd=uri-miss; stored; ttl=60"
                                  : "gw.example; fwd=uri-miss; stored; collapsed; ttl=60");
    }
    for (unsigned i = 0; i < 50; i++)
        crowd_leave(i);
    ck_assert_uint_eq(crowd_count("miss"), 1);
    ck_assert_uint_eq(crowd_count("collapsed"), 49);
}
END_TEST

START_TEST(each_condition_is_judged_on_the_shared_answer)
{
    gather(2);
    ck_assert_int_eq(crowd_get(2, LIGHT, "If-None-Match", "W/\"6162\""), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(3, LIGHT, "If-None-Match", "\"6163\""), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(4, LIGHT, "If-None-Match", "*"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 1);
    ck_assert(!fixture_has_option(REST_OPTION_ETAG, NULL));
    crowd_content("ab", 60, "21.5");
    crowd_reply(0, 200);
    crowd_reply(1, 200);
    crowd_reply(2, 304);
    crowd_assert_field(2, "ETag", "\"6162\"");
    crowd_assert_field(2, "Cache-Control", "max-age=60");
    crowd_reply(3, 200);
    crowd_reply(4, 304);
}
END_TEST

START_TEST(the_leader_may_leave_and_the_others_are_answered)
{
    gather(3);
    crowd_leave(0);
    (void)core_reap(fixture.core);
    crowd_content(NULL, 60, "21.5");
    crowd_reply(1, 200);
    crowd_reply(2, 200);
    crowd_assert_body(2, "21.5");
    ck_assert_int_eq(crowd_get(0, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_assert_body(0, "21.5");
}
END_TEST

START_TEST(whoever_leaves_ends_only_his_own_wait)
{
    gather(4);
    crowd_leave(1);
    crowd_leave(3);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 2);
    crowd_content(NULL, 60, "x");
    crowd_reply(0, 200);
    crowd_reply(2, 200);
}
END_TEST

START_TEST(all_may_leave_and_the_answer_is_stored)
{
    gather(3);
    for (unsigned i = 0; i < 3; i++)
        crowd_leave(i);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 1);
    crowd_content(NULL, 60, "x");
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    ck_assert_int_eq(crowd_get(0, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
}
END_TEST

START_TEST(news_of_an_answer_may_detach_whom_it_likes)
{
    gather(6);
    for (unsigned i = 0; i < 6; i++)
        crowd[i].leaves = true;
    crowd[1].takes_along = 2;
    crowd[3].takes_along = 5;
    crowd[4].takes_along = 0;
    crowd_content(NULL, 60, "x");
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    ck_assert_uint_eq(crowd[2].answered, 0);
    ck_assert_uint_eq(crowd[5].answered, 0);
    ck_assert_uint_eq(crowd[0].answered, 1);
}
END_TEST

START_TEST(a_joiner_may_take_the_leader_along)
{
    gather(3);
    /* The leader is number 0, and told last. */
    ck_assert_int_eq(crowd_get(10, "/nodes/kitchen/other", NULL, NULL), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(11, "/nodes/kitchen/other", NULL, NULL), EXCHANGE_PARKED);
    crowd[11].takes_along = 10;
    crowd[11].leaves = true;
    crowd_content(NULL, 60, "x");
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(crowd[10].answered, 0);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 3);
}
END_TEST

START_TEST(a_failure_is_the_failure_of_all)
{
    const struct request_report report = {.transmissions = 2, .elapsed_us = 93000000};

    gather(3);
    crowd_prepare(3, HTTP_METHOD_GET, "/hc/coap://192.0.2.9/light");
    ck_assert_int_eq(crowd_go(3, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 1);
    crowd_fail(1, REQUEST_RESET, &report);
    for (unsigned i = 0; i < 4; i++)
        crowd_reply(i, 502);
    ck_assert_ptr_nonnull(strstr(buffer_text(&crowd_reply(2, 502)->body), "node kitchen refused"));
    ck_assert_ptr_nonnull(strstr(buffer_text(&crowd_reply(3, 502)->body), "the node refused"));
    ck_assert_uint_eq(fixture.request_count, 1);
    /* Nothing is left that could be joined. */
    ck_assert_int_eq(crowd_get(4, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
}
END_TEST

START_TEST(a_deadline_is_counted_from_ones_own_arrival)
{
    const struct request_report report = {.transmissions = 4, .elapsed_us = 45000000};
    uint32_t deadline_ms = fixture.policy->defaults.settings.deadline_ms;

    gather(1);
    fixture_advance(1000);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    fixture_advance(deadline_ms - 1000);
    fixture_overdue(&report);
    crowd_reply(0, 504);
    crowd_assert_waits(1);
    /* Who comes when the leader has given up still has his own time. */
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    fixture_advance(999);
    crowd_assert_waits(1);
    fixture_advance(1);
    crowd_reply(1, 504);
    ck_assert_uint_eq(crowd[1].answered, 1);
    crowd_assert_waits(2);
    ck_assert_uint_eq(fixture.request_count, 1);
    crowd_content(NULL, 60, "late");
    crowd_reply(2, 200);
    crowd_reply(0, 504);
    crowd_reply(1, 504);
}
END_TEST

START_TEST(an_acknowledgement_gives_everybody_more_time)
{
    const struct settings *settings = &fixture.policy->defaults.settings;
    const struct request_report report = {.transmissions = 1, .was_acknowledged = true};

    gather(1);
    fixture_advance(500);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    fixture_advance(500);
    acknowledge(1);
    fixture_advance(500);
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    fixture_advance(settings->acked_deadline_ms - 500 - 1);
    crowd_assert_waits(1);
    fixture_advance(1);
    /* The request layer gives up with the leader; who came after the acknowledgement has time. */
    crowd_fail(1, REQUEST_TIMED_OUT, &report);
    crowd_reply(0, 504);
    crowd_reply(1, 504);
    crowd_assert_waits(2);
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert_uint_eq(
        request_times_left_us(fixture_last()->times, settings, timers_now_us(fixture.timers)),
        500000);
}
END_TEST

START_TEST(nobody_joins_what_the_node_may_have_forgotten)
{
    uint32_t deadline_ms = fixture.policy->defaults.settings.deadline_ms;

    gather(1);
    fixture_advance(500);
    acknowledge(1);
    fixture_advance(deadline_ms);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 1);
    /* The node has begun anew: nothing is known there of the first request. */
    fixture_advance(1);
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert_int_eq(crowd_get(3, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    crowd_content(NULL, 60, "anew");
    crowd_reply(2, 200);
    crowd_reply(3, 200);
    crowd_assert_waits(0);
    crowd_assert_waits(1);
    ck_assert_uint_eq(fixture.request_count, 2);
}
END_TEST

START_TEST(silence_to_the_end_is_everybodys)
{
    const struct request_report report = {
        .transmissions = 5, .elapsed_us = 93000000, .is_spent = true};

    gather(1);
    fixture_advance(1000);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    crowd_fail(1, REQUEST_TIMED_OUT, &report);
    crowd_reply(0, 504);
    crowd_reply(1, 504);
    ck_assert_uint_eq(fixture.request_count, 1);
}
END_TEST

START_TEST(a_joiner_may_want_to_wait_less)
{
    gather(2);
    ck_assert_int_eq(crowd_get(2, LIGHT, "Prefer", "wait=1"), EXCHANGE_PARKED);
    fixture_advance(1000);
    crowd_reply(2, 504);
    crowd_assert_field(2, "Preference-Applied", "wait=1");
    crowd_content(NULL, 60, "x");
    crowd_reply(0, 200);
    crowd_reply(1, 200);
    crowd_reply(2, 504);
    ck_assert_uint_eq(crowd[2].answered, 1);
}
END_TEST

START_TEST(an_asynchronous_joiner_gets_its_result_later)
{
    char location[128];

    gather(1);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Prefer", "respond-async, wait=1"), EXCHANGE_PARKED);
    fixture_advance(1000);
    (void)snprintf(location, sizeof location, "%s",
                   http_reply_field(crowd_reply(1, 202), "Location"));
    crowd_leave(1);
    memset(crowd[1].fields, 0, sizeof crowd[1].fields);
    crowd_leave(0);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 2);
    crowd_content(NULL, 60, "21.5");
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    (void)crowd_prepare(1, HTTP_METHOD_GET, location);
    ck_assert_int_eq(crowd_go(1, NULL), EXCHANGE_ANSWERED);
    crowd_reply(1, 200);
    crowd_assert_body(1, "21.5");
}
END_TEST

START_TEST(a_media_type_that_is_not_there_sends_each_on_to_his_next)
{
    const struct crowd_response refusal = {.code = REST_CODE(4, 6), .max_age = -1};

    ck_assert_int_eq(crowd_get(0, LIGHT, "Accept", "application/json, application/cbor;q=0.5"),
                     EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Accept", "application/json"), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(2, LIGHT, "Accept", "application/json, application/cbor;q=0.5"),
                     EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(3, LIGHT, "Accept", "application/json, text/plain;q=0.5"),
                     EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 1);
    crowd_answer(1, &refusal);
    crowd_reply(1, 406);
    /* Two ask for CBOR together, one for text. */
    ck_assert_uint_eq(fixture.request_count, 3);
    crowd_assert_waits(0);
    crowd_assert_waits(2);
    crowd_assert_waits(3);
    crowd_answer(
        2, &(struct crowd_response){.code = REST_CODE(2, 5), .max_age = 60, .payload = "cbor"});
    crowd_reply(0, 200);
    crowd_reply(2, 200);
    crowd_assert_waits(3);
    crowd_answer(
        3, &(struct crowd_response){.code = REST_CODE(2, 5), .max_age = 60, .payload = "text"});
    crowd_assert_body(3, "text");
    crowd_assert_body(0, "cbor");
}
END_TEST

START_TEST(a_media_type_may_be_missing_while_the_leader_has_gone)
{
    const struct crowd_response refusal = {.code = REST_CODE(4, 6), .max_age = -1};

    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(crowd_get(i, LIGHT, "Accept", "application/json, application/cbor;q=0.5"),
                         EXCHANGE_PARKED);
    crowd_leave(0);
    crowd_answer(1, &refusal);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_answer(2, &refusal);
    crowd_reply(1, 406);
    crowd_reply(2, 406);
}
END_TEST

START_TEST(a_challenge_is_met_for_all)
{
    const struct crowd_response challenge = {
        .code = REST_CODE(4, 1), .max_age = -1, .echo = "proof"};

    gather(3);
    crowd_answer(1, &challenge);
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert(fixture_has_option(REST_OPTION_ECHO, "proof"));
    /* One more can still join. */
    ck_assert_int_eq(crowd_get(3, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_content(NULL, 60, "x");
    for (unsigned i = 0; i < 4; i++)
        crowd_reply(i, 200);
}
END_TEST

START_TEST(no_cache_joins_nothing_that_began_before)
{
    gather(1);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "no-cache"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    /* Later ones join the newer. */
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_answer(
        2, &(struct crowd_response){.code = REST_CODE(2, 5), .max_age = 60, .payload = "new"});
    crowd_assert_body(1, "new");
    crowd_assert_body(2, "new");
    crowd_assert_waits(0);
    crowd_answer(
        1, &(struct crowd_response){.code = REST_CODE(2, 5), .max_age = 60, .payload = "old"});
    crowd_assert_body(0, "old");
    /* Who comes now sees nothing from before what others have seen. */
    ck_assert_int_eq(crowd_get(3, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_assert_body(3, "new");
}
END_TEST

START_TEST(no_store_goes_alone_and_is_not_kept)
{
    gather(1);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "no-store"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_content(NULL, 60, "mine");
    crowd_assert_body(1, "mine");
    crowd_assert_waits(0);
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
}
END_TEST

START_TEST(a_request_with_a_clients_tags_is_its_own)
{
    ck_assert_int_eq(crowd_get(0, LIGHT, "If-None-Match", "\"6162\""), EXCHANGE_PARKED);
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "ab"));
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert(!fixture_has_option(REST_OPTION_ETAG, NULL));
    crowd_answer(1, &(struct crowd_response){.code = REST_CODE(2, 3), .etag = "ab", .max_age = 30});
    crowd_reply(0, 304);
    crowd_assert_field(0, "ETag", "\"6162\"");
    crowd_assert_waits(1);
    crowd_answer(2, &(struct crowd_response){
                        .code = REST_CODE(2, 5), .etag = "cd", .max_age = 60, .payload = "x"});
    crowd_reply(1, 200);
}
END_TEST

START_TEST(head_joins_a_get_but_no_get_a_head)
{
    (void)crowd_prepare(0, HTTP_METHOD_HEAD, LIGHT);
    ck_assert_int_eq(crowd_go(0, NULL), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    (void)crowd_prepare(2, HTTP_METHOD_HEAD, LIGHT);
    ck_assert_int_eq(crowd_go(2, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_answer(1, &(struct crowd_response){.code = REST_CODE(2, 5),
                                             .max_age = 60,
                                             .payload = "0123456789abcdef",
                                             .is_partial = true});
    ck_assert(crowd_reply(0, 200)->has_unknown_length);
    crowd_answer(2, &(struct crowd_response){.code = REST_CODE(2, 5),
                                             .max_age = 60,
                                             .payload = "0123456789abcdef and more"});
    crowd_reply(1, 200);
    ck_assert(!crowd_reply(2, 200)->has_unknown_length);
    ck_assert_uint_eq(crowd_reply(2, 200)->body.length, 25);
}
END_TEST

START_TEST(requests_with_an_effect_are_never_shared)
{
    for (unsigned i = 0; i < 3; i++) {
        (void)crowd_prepare(i, HTTP_METHOD_PUT, LIGHT);
        ck_assert_int_eq(crowd_go(i, "on"), EXCHANGE_PARKED);
    }
    ck_assert_uint_eq(fixture.request_count, 3);
}
END_TEST

START_TEST(what_begins_after_a_change_joins_nothing_from_before)
{
    gather(2);
    (void)crowd_prepare(2, HTTP_METHOD_PUT, LIGHT);
    ck_assert_int_eq(crowd_go(2, "on"), EXCHANGE_PARKED);
    crowd_answer(2, &(struct crowd_response){.code = REST_CODE(2, 4), .max_age = -1});
    crowd_reply(2, 204);
    ck_assert_int_eq(crowd_get(3, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 3);
    crowd_answer(
        1, &(struct crowd_response){.code = REST_CODE(2, 5), .max_age = 60, .payload = "off"});
    crowd_assert_body(0, "off");
    crowd_assert_body(1, "off");
    crowd_assert_waits(3);
    crowd_answer(3,
                 &(struct crowd_response){.code = REST_CODE(2, 5), .max_age = 60, .payload = "on"});
    crowd_assert_body(3, "on");
    ck_assert_int_eq(crowd_get(4, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_assert_body(4, "on");
}
END_TEST

START_TEST(the_end_of_the_gateway_leaves_nobody_waiting)
{
    gather(4);
    ck_assert_int_eq(crowd_get(4, LIGHT, "Prefer", "respond-async, wait=0"), EXCHANGE_PARKED);
    fixture_advance(0);
    crowd_reply(4, 202);
    core_set_draining(fixture.core);
    core_refuse_waiting(fixture.core);
    for (unsigned i = 0; i < 4; i++)
        crowd_reply(i, 503);
}
END_TEST

START_TEST(a_reload_ends_no_waiting)
{
    gather(2);
    crowd_limit(0, 0);
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_answer(1,
                 &(struct crowd_response){.code = REST_CODE(2, 5), .max_age = 60, .payload = "x"});
    crowd_reply(0, 200);
    crowd_reply(1, 200);
    crowd_assert_waits(2);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("exchange_join");
    TCase *tests = tcase_create("joiners");

    tcase_add_checked_fixture(tests, crowd_set_up, crowd_tear_down);
    tcase_add_test(tests, fifty_gets_share_one_request);
    tcase_add_test(tests, each_condition_is_judged_on_the_shared_answer);
    tcase_add_test(tests, the_leader_may_leave_and_the_others_are_answered);
    tcase_add_test(tests, whoever_leaves_ends_only_his_own_wait);
    tcase_add_test(tests, all_may_leave_and_the_answer_is_stored);
    tcase_add_test(tests, news_of_an_answer_may_detach_whom_it_likes);
    tcase_add_test(tests, a_joiner_may_take_the_leader_along);
    tcase_add_test(tests, a_failure_is_the_failure_of_all);
    tcase_add_test(tests, a_deadline_is_counted_from_ones_own_arrival);
    tcase_add_test(tests, an_acknowledgement_gives_everybody_more_time);
    tcase_add_test(tests, nobody_joins_what_the_node_may_have_forgotten);
    tcase_add_test(tests, silence_to_the_end_is_everybodys);
    tcase_add_test(tests, a_joiner_may_want_to_wait_less);
    tcase_add_test(tests, an_asynchronous_joiner_gets_its_result_later);
    tcase_add_test(tests, a_media_type_that_is_not_there_sends_each_on_to_his_next);
    tcase_add_test(tests, a_media_type_may_be_missing_while_the_leader_has_gone);
    tcase_add_test(tests, a_challenge_is_met_for_all);
    tcase_add_test(tests, no_cache_joins_nothing_that_began_before);
    tcase_add_test(tests, no_store_goes_alone_and_is_not_kept);
    tcase_add_test(tests, a_request_with_a_clients_tags_is_its_own);
    tcase_add_test(tests, head_joins_a_get_but_no_get_a_head);
    tcase_add_test(tests, requests_with_an_effect_are_never_shared);
    tcase_add_test(tests, what_begins_after_a_change_joins_nothing_from_before);
    tcase_add_test(tests, the_end_of_the_gateway_leaves_nobody_waiting);
    tcase_add_test(tests, a_reload_ends_no_waiting);
    suite_add_tcase(suite, tests);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
