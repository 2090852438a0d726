/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_cache: what is answered from the cache and what is not, and what is stale. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"
#include "proves.h"

#define LIGHT "/nodes/kitchen/light"
#define OLD   "/nodes/old/light"

static const struct request_report silence = {
    .transmissions = 5, .elapsed_us = 93000000, .is_spent = true};

START_TEST(a_fresh_answer_is_given_again_with_what_is_left_of_its_time)
{
    crowd_warm(LIGHT, "ab", 60, "21.5");
    crowd_assert_field(0, "Cache-Status", "gw.example; fwd=uri-miss; stored; ttl=60");
    crowd_assert_field(0, "Server-Timing", "coap;dur=12.3");
    fixture_advance(20000);
    crowd_assert_hit(1, LIGHT, "21.5");
    crowd_assert_field(1, "Cache-Control", "max-age=40");
    crowd_assert_field(1, "Cache-Status", "gw.example; hit; ttl=40");
    crowd_assert_field(1, "Age", NULL);
    crowd_assert_field(1, "Server-Timing", NULL);
    crowd_assert_field(1, "X-CoAP-Code", "2.05");
    crowd_assert_field(1, "ETag", "\"6162\"");
    crowd_leave(0);
    crowd_leave(1);
    ck_assert_uint_eq(crowd_count("hit"), 1);
    ck_assert_uint_eq(crowd_count("miss"), 1);
}
END_TEST

START_TEST(without_max_age_it_is_a_minute)
{
    crowd_warm(LIGHT, NULL, -1, "x");
    fixture_advance(59999);
    crowd_assert_hit(1, LIGHT, "x");
    fixture_advance(1);
    crowd_assert_miss(1, LIGHT);
}
END_TEST

START_TEST(max_age_zero_is_never_given_again)
{
    crowd_warm(LIGHT, "ab", 0, "x");
    crowd_assert_miss(1, LIGHT);
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "ab"));
}
END_TEST

START_TEST(head_is_answered_from_the_answer_to_a_get)
{
    crowd_warm(LIGHT, NULL, 60, "21.5");
    (void)crowd_prepare(1, HTTP_METHOD_HEAD, LIGHT);
    ck_assert_int_eq(crowd_go(1, NULL), EXCHANGE_ANSWERED);
    ck_assert_uint_eq(crowd_reply(1, 200)->body.length, 4);
}
END_TEST

START_TEST(the_beginning_of_a_body_is_not_stored)
{
    (void)crowd_prepare(0, HTTP_METHOD_HEAD, LIGHT);
    ck_assert_int_eq(crowd_go(0, NULL), EXCHANGE_PARKED);
    crowd_answer(1, &(struct crowd_response){.code = REST_CODE(2, 5),
                                             .max_age = 60,
                                             .payload = "0123456789abcdef",
                                             .is_partial = true});
    crowd_reply(0, 200);
    crowd_assert_miss(1, LIGHT);
}
END_TEST

START_TEST(a_whole_body_that_a_head_brought_is_stored)
{
    (void)crowd_prepare(0, HTTP_METHOD_HEAD, LIGHT);
    ck_assert_int_eq(crowd_go(0, NULL), EXCHANGE_PARKED);
    crowd_content(NULL, 60, "x");
    crowd_assert_hit(1, LIGHT, "x");
}
END_TEST

START_TEST(other_formats_and_queries_are_other_entries)
{
    crowd_warm(LIGHT, NULL, 60, "x");
    ck_assert_int_eq(crowd_get(1, LIGHT, "Accept", "application/json"), EXCHANGE_PARKED);
    crowd_content(NULL, 60, "json");
    crowd_assert_field(1, "Cache-Status", "gw.example; fwd=vary-miss; stored; ttl=60");
    ck_assert_int_eq(crowd_get(2, LIGHT "?x=1", NULL, NULL), EXCHANGE_PARKED);
    crowd_assert_waits(2);
    ck_assert_int_eq(crowd_get(3, LIGHT, "Accept", "application/json"), EXCHANGE_ANSWERED);
    crowd_assert_body(3, "json");
    ck_assert_int_eq(crowd_get(3, LIGHT, "User-Agent", "x"), EXCHANGE_ANSWERED);
    crowd_assert_body(3, "x");
}
END_TEST

START_TEST(a_query_is_stored_under_its_content_and_answers_no_get)
{
    for (unsigned i = 0; i < 3; i++) {
        (void)crowd_prepare(i, HTTP_METHOD_QUERY, LIGHT);
        crowd_field(i, "Content-Type", "text/plain;charset=utf-8");
        ck_assert_int_eq(crowd_go(i, i == 1 ? "b" : "a"),
                         i == 2 ? EXCHANGE_ANSWERED : EXCHANGE_PARKED);
        if (i < 2)
            crowd_content(NULL, 60, i == 0 ? "first" : "second");
    }
    crowd_assert_body(2, "first");
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_assert_miss(3, LIGHT);
}
END_TEST

START_TEST(a_mapping_may_be_left_out)
{
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(crowd_get(i, "/nodes/bare/x", NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 3);
    crowd_content(NULL, 60, "x");
    crowd_reply(2, 200);
    crowd_assert_field(2, "Cache-Status", "gw.example; fwd=bypass");
    ck_assert_int_eq(crowd_get(3, "/nodes/bare/x", NULL, NULL), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 4);
    /* Nor does it take what came by another way to the same target. */
    crowd_warm(LIGHT, NULL, 60, "y");
    crowd_assert_miss(4, "/nodes/bare/light");
    crowd_leave(2);
    ck_assert_uint_eq(crowd_count("bypass"), 1);
}
END_TEST

START_TEST(a_cache_without_room_shares_nothing)
{
    crowd_limit(1 << 20, 0);
    crowd_assert_miss(0, LIGHT);
    crowd_assert_miss(1, LIGHT);
}
END_TEST

START_TEST(no_cache_asks_the_node_about_what_is_stored)
{
    crowd_warm(LIGHT, "ab", 60, "x");
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "no-cache"), EXCHANGE_PARKED);
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "ab"));
    crowd_answer(2, &(struct crowd_response){.code = REST_CODE(2, 3), .etag = "ab", .max_age = 5});
    crowd_reply(1, 200);
    crowd_assert_body(1, "x");
    crowd_assert_field(1, "Cache-Control", "max-age=5");
    crowd_assert_field(1, "Cache-Status", "gw.example; fwd=request; stored; ttl=5");
    fixture_advance(5000);
    crowd_assert_miss(2, LIGHT);
    crowd_leave(1);
    ck_assert_uint_eq(crowd_count("revalidated"), 1);
}
END_TEST

START_TEST(a_client_may_want_what_is_younger_or_lasts_longer)
{
    crowd_warm(LIGHT, NULL, 60, "x");
    fixture_advance(20000);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "max-age=20"), EXCHANGE_ANSWERED);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "min-fresh=40"), EXCHANGE_ANSWERED);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "max-age=19"), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(2, LIGHT, "Cache-Control", "min-fresh=41"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
}
END_TEST

START_TEST(only_if_cached_never_asks_the_node)
{
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "only-if-cached"), EXCHANGE_ANSWERED);
    crowd_reply(1, 504);
    crowd_assert_field(1, "Cache-Control", "no-store");
    crowd_warm(LIGHT, NULL, 60, "x");
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "only-if-cached"), EXCHANGE_ANSWERED);
    crowd_reply(1, 200);
    fixture_advance(70000);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "only-if-cached"), EXCHANGE_ANSWERED);
    crowd_reply(1, 504);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "only-if-cached, max-stale=9"),
                     EXCHANGE_ANSWERED);
    crowd_reply(1, 504);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "only-if-cached, max-stale=10"),
                     EXCHANGE_ANSWERED);
    crowd_reply(1, 200);
    crowd_assert_field(1, "Cache-Control", "max-age=0");
    /* RFC 9211 2.2: `fwd` would say that it went on. */
    crowd_assert_field(1, "Cache-Status", "gw.example; hit; ttl=-10");
    crowd_leave(1);
    ck_assert_uint_eq(crowd_count("stale"), 1);
    /* Nor where nothing is ever stored. */
    ck_assert_int_eq(crowd_get(1, "/nodes/bare/x", "Cache-Control", "only-if-cached"),
                     EXCHANGE_ANSWERED);
    crowd_reply(1, 504);
    ck_assert_int_eq(crowd_get(1, LIGHT, "Cache-Control", "only-if-cached, no-store"),
                     EXCHANGE_ANSWERED);
    crowd_reply(1, 504);
    ck_assert_uint_eq(fixture.request_count, 1);
}
END_TEST

/* STATUS-25: what the node can take is told whether or not the answer could be stored. */
START_TEST(a_limit_that_the_node_tells_is_passed_on)
{
    (void)crowd_prepare(0, HTTP_METHOD_QUERY, LIGHT);
    crowd_field(0, "Content-Type", "text/plain;charset=utf-8");
    ck_assert_int_eq(crowd_go(0, "a"), EXCHANGE_PARKED);
    /* The second time the request goes in blocks. */
    for (unsigned i = 1; i < 3; i++)
        crowd_answer(
            i, &(struct crowd_response){.code = REST_CODE(4, 13), .max_age = -1, .size1 = 4321});
    ck_assert_ptr_nonnull(
        strstr(buffer_text(&crowd_reply(0, 413)->body), "bodies of at most 4321 bytes"));
}
END_TEST

START_TEST(errors_are_kept_only_with_a_time)
{
    const struct crowd_response without = {.code = REST_CODE(4, 4), .max_age = -1};
    const struct crowd_response with = {.code = REST_CODE(4, 4), .max_age = 30};

    crowd_assert_miss(0, LIGHT);
    crowd_answer(1, &without);
    crowd_reply(0, 404);
    crowd_assert_field(0, "Cache-Control", "no-store");
    crowd_assert_miss(0, LIGHT);
    crowd_answer(2, &with);
    fixture_advance(10000);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_reply(1, 404);
    crowd_assert_field(1, "Cache-Control", "max-age=20");
    crowd_assert_field(1, "Cache-Status", "gw.example; hit; ttl=20");
}
END_TEST

START_TEST(a_stored_refusal_of_a_media_type_leads_to_the_next)
{
    const struct crowd_response refusal = {.code = REST_CODE(4, 6), .max_age = 60};
    static const char both[] = "application/json, application/cbor;q=0.5";

    ck_assert_int_eq(crowd_get(0, LIGHT, "Accept", both), EXCHANGE_PARKED);
    crowd_answer(1, &refusal);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_content(NULL, 60, "cbor");
    ck_assert_int_eq(crowd_get(1, LIGHT, "Accept", both), EXCHANGE_ANSWERED);
    crowd_assert_body(1, "cbor");
    ck_assert_int_eq(crowd_get(2, LIGHT, "Accept", "application/json"), EXCHANGE_ANSWERED);
    crowd_reply(2, 406);
}
END_TEST

START_TEST(access_is_judged_for_each_before_anything_is_looked_up)
{
    crowd_prepare(0, HTTP_METHOD_GET, LIGHT)->request.principal = 1;
    ck_assert_int_eq(crowd_go(0, NULL), EXCHANGE_PARKED);
    crowd_content(NULL, 60, "x");
    crowd_assert_field(0, "Cache-Control", "private, max-age=60");
    /* Another principal, whose roles do not include reading. */
    crowd_prepare(1, HTTP_METHOD_GET, LIGHT)->request.principal = 2;
    crowd[1].request.roles = 0;
    ck_assert_int_eq(crowd_go(1, NULL), EXCHANGE_ANSWERED);
    crowd_reply(1, 401);
    /* A target that the rules do not let one reach, though it is stored. */
    (void)crowd_prepare(2, HTTP_METHOD_GET, "/hc/coap://198.51.100.1/light");
    ck_assert_int_eq(crowd_go(2, NULL), EXCHANGE_ANSWERED);
    crowd_reply(2, 403);
    /* One that may: it is private for him too. */
    crowd_prepare(3, HTTP_METHOD_GET, LIGHT)->request.principal = 3;
    ck_assert_int_eq(crowd_go(3, NULL), EXCHANGE_ANSWERED);
    crowd_assert_field(3, "Cache-Control", "private, max-age=60");
    crowd_assert_hit(4, LIGHT, "x");
    crowd_assert_field(4, "Cache-Control", "max-age=60");
    proves("CACHE-16");
}
END_TEST

START_TEST(a_reload_keeps_what_is_stored)
{
    crowd_warm(LIGHT, NULL, 60, "x");
    crowd_limit(1 << 20, 50);
    crowd_assert_hit(1, LIGHT, "x");
    crowd_limit(1 << 20, 0);
    crowd_limit(1 << 20, 50);
    crowd_assert_miss(1, LIGHT);
}
END_TEST

START_TEST(a_stale_answer_is_given_only_to_who_takes_one)
{
    crowd_warm(LIGHT, "ab", 10, "x");
    fixture_advance(40000);
    crowd_assert_miss(1, LIGHT);
    ck_assert_int_eq(crowd_get(2, LIGHT, "Cache-Control", "max-stale=30"), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(3, LIGHT, "Cache-Control", "max-stale=29"), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(4, LIGHT, "Cache-Control", "max-stale"), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(5, LIGHT, "Cache-Control", "max-stale, max-age=39"),
                     EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_fail(2, REQUEST_TIMED_OUT, &silence);
    crowd_reply(1, 504);
    crowd_reply(2, 200);
    crowd_assert_body(2, "x");
    crowd_assert_field(2, "Cache-Status", "gw.example; fwd=stale; ttl=-30; detail=timeout");
    crowd_assert_field(2, "Cache-Control", "max-age=0");
    crowd_reply(3, 504);
    crowd_reply(4, 200);
    crowd_reply(5, 504);
}
END_TEST

START_TEST(a_mapping_may_prefer_what_is_stale_to_an_error)
{
    static const uint8_t codes[] = {REST_CODE(5, 0), REST_CODE(5, 3), REST_CODE(5, 4)};

    crowd_warm(OLD, "ab", 10, "x");
    fixture_advance(40000);
    for (size_t i = 0; i < sizeof codes; i++) {
        crowd_assert_miss(1, OLD);
        crowd_answer(fixture.request_count,
                     &(struct crowd_response){.code = codes[i], .max_age = i == 0 ? 60 : -1});
        crowd_reply(1, 200);
        crowd_assert_body(1, "x");
        crowd_assert_field(1, "Cache-Status", "gw.example; fwd=stale; ttl=-30; detail=node-error");
    }
    ck_assert_int_eq(crowd_get(2, OLD, "Cache-Control", "no-cache"), EXCHANGE_PARKED);
    crowd_answer_code(REST_CODE(5, 0));
    crowd_reply(2, 500);
    crowd_leave(1);
    crowd_leave(2);
    ck_assert_uint_eq(crowd_count("stale"), 3);
}
END_TEST

START_TEST(a_change_makes_it_unfit_even_for_failures)
{
    crowd_warm(OLD, "ab", 10, "x");
    crowd_begin_change(1, OLD);
    crowd_answer_code(REST_CODE(2, 4));
    crowd_assert_miss(2, OLD);
    crowd_answer_code(REST_CODE(5, 0));
    crowd_reply(2, 500);
}
END_TEST

START_TEST(what_is_stale_serves_where_the_node_cannot_even_be_asked)
{
    crowd_warm(OLD, "ab", 10, "x");
    fixture_advance(20000);
    fixture.refusal = REQUEST_QUEUE_FULL;
    ck_assert_int_eq(crowd_get(1, OLD, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_reply(1, 200);
    crowd_assert_field(1, "Cache-Status", "gw.example; fwd=stale; ttl=-10; detail=overloaded");
    crowd_assert_field(1, "Retry-After", NULL);
    fixture.refusal = REQUEST_STARTED;
    crowd_assert_miss(1, OLD);
    crowd_fail(2, REQUEST_TIMED_OUT, &silence);
    crowd_reply(1, 200);
    /* The node is unreachable now. */
    ck_assert_int_eq(crowd_get(1, OLD, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_reply(1, 200);
    crowd_assert_field(1, "Cache-Status", "gw.example; fwd=stale; ttl=-10; detail=silent");
    ck_assert_uint_eq(fixture.request_count, 2);
}
END_TEST

START_TEST(while_the_node_wants_to_be_spared_what_is_stale_serves)
{
    crowd_warm(OLD, "ab", 10, "x");
    fixture_advance(20000);
    crowd_assert_miss(1, OLD);
    crowd_answer(2, &(struct crowd_response){.code = REST_CODE(4, 29), .max_age = 30});
    crowd_reply(1, 429);
    ck_assert_int_eq(crowd_get(1, OLD, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_reply(1, 200);
    crowd_assert_field(1, "Cache-Status", "gw.example; fwd=stale; ttl=-10; detail=held");
}
END_TEST

START_TEST(a_deadline_is_a_failure_too)
{
    const struct request_report report = {.transmissions = 4, .elapsed_us = 45000000};

    crowd_warm(OLD, "ab", 10, "x");
    fixture_advance(20000);
    crowd_assert_miss(1, OLD);
    fixture_overdue(&report);
    crowd_reply(1, 200);
    crowd_assert_body(1, "x");
    /* The answer that comes late is kept. */
    crowd_content("cd", 60, "y");
    crowd_assert_body(1, "x");
    crowd_assert_hit(2, OLD, "y");
}
END_TEST

START_TEST(a_crowd_that_waits_for_the_name_of_a_proxy_shares_one_request)
{
    crowd_use_proxy("proxy.example");
    for (unsigned i = 0; i < 3; i++)
        ck_assert_int_eq(crowd_get(i, LIGHT, "Accept", "application/json, text/plain;q=0.5"),
                         EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 0);
    fixture_resolve("192.0.2.100", NULL);
    ck_assert_uint_eq(fixture.request_count, 1);
    ck_assert(fixture_has_option(REST_OPTION_PROXY_URI, "coap://192.0.2.9/light"));
    /* The target is not in the options any more, but in the key. */
    crowd_answer_code(REST_CODE(4, 6));
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert(fixture_has_option(REST_OPTION_PROXY_URI, "coap://192.0.2.9/light"));
    crowd_content(NULL, 60, "x");
    for (unsigned i = 0; i < 3; i++)
        crowd_reply(i, 200);
    crowd_assert_miss(3, "/nodes/kitchen/other");
    ck_assert_int_eq(crowd_get(4, LIGHT, "Accept", "text/plain"), EXCHANGE_ANSWERED);
    crowd_assert_body(4, "x");
    crowd_begin_change(5, LIGHT);
    crowd_answer_code(REST_CODE(2, 4));
    ck_assert_int_eq(crowd_get(4, LIGHT, "Accept", "text/plain"), EXCHANGE_PARKED);
}
END_TEST

START_TEST(what_came_through_another_proxy_is_forgotten)
{
    crowd_warm(LIGHT, NULL, 60, "x");
    crowd_use_proxy("192.0.2.100");
    crowd_warm(LIGHT, NULL, 60, "y");
    crowd_use_proxy("192.0.2.100");
    crowd_assert_hit(1, LIGHT, "y");
    crowd_use_proxy("192.0.2.101");
    crowd_assert_miss(1, LIGHT);
    /* An answer on its way by the old one is its client's alone. */
    crowd_use_proxy(NULL);
    crowd_content(NULL, 60, "z");
    crowd_assert_body(1, "z");
    crowd_assert_miss(2, LIGHT);
}
END_TEST

START_TEST(a_name_of_which_only_one_address_is_allowed_is_not_for_everybody)
{
    for (unsigned i = 0; i < 2; i++)
        ck_assert_int_eq(crowd_get(i, "/hc/coap://far.example/x", NULL, NULL), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.1", "198.51.100.1");
    ck_assert_uint_eq(fixture.request_count, 2);
    crowd_content(NULL, 60, "x");
    crowd_reply(1, 200);
    crowd_assert_field(1, "Cache-Status", "gw.example; fwd=bypass");
}
END_TEST

START_TEST(a_name_is_known_by_itself_and_not_by_its_address)
{
    ck_assert_int_eq(crowd_get(0, "/hc/coap://FAR.example/x", NULL, NULL), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.9", NULL);
    crowd_content(NULL, 60, "x");
    crowd_assert_hit(1, "/hc/coap://far.example:5683/x", "x");
    crowd_assert_miss(2, "/nodes/kitchen/x");
    crowd_assert_miss(3, "/hc/coap://far.example:5684/x");
}
END_TEST

START_TEST(what_is_stale_serves_while_nobody_knows_where_the_proxy_is)
{
    crowd_use_proxy("proxy.example");
    ck_assert_int_eq(crowd_get(0, OLD, NULL, NULL), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.100", NULL);
    crowd_content("ab", 10, "x");
    fixture_advance(600000);
    ck_assert_int_eq(crowd_get(1, OLD, NULL, NULL), EXCHANGE_PARKED);
    fixture_resolve(NULL, NULL);
    crowd_reply(1, 200);
    crowd_assert_body(1, "x");
    fixture_advance(600000);
    ck_assert_int_eq(crowd_get(2, OLD, NULL, NULL), EXCHANGE_PARKED);
    fixture_advance(fixture.policy->defaults.settings.deadline_ms);
    crowd_reply(2, 200);
    crowd_assert_body(2, "x");
    ck_assert_uint_eq(fixture.request_count, 1);
}
END_TEST

START_TEST(a_client_that_waits_no_longer_takes_what_is_stale)
{
    crowd_warm(OLD, "ab", 10, "x");
    fixture_advance(20000);
    ck_assert_int_eq(crowd_get(1, OLD, "Prefer", "wait=1"), EXCHANGE_PARKED);
    (void)crowd_prepare(2, HTTP_METHOD_GET, OLD);
    crowd_field(2, "Prefer", "wait=1");
    crowd_field(2, "Cache-Control", "max-stale=11");
    ck_assert_int_eq(crowd_go(2, NULL), EXCHANGE_PARKED);
    fixture_advance(1000);
    for (unsigned i = 1; i < 3; i++) {
        crowd_reply(i, 200);
        crowd_assert_body(i, "x");
        crowd_assert_field(i, "Preference-Applied", "wait=1");
        crowd_assert_field(i, "Cache-Status", "gw.example; fwd=stale; ttl=-11; detail=timeout");
    }
}
END_TEST

static TCase *make_use(void)
{
    TCase *tests = tcase_create("use");

    tcase_add_checked_fixture(tests, crowd_set_up, crowd_tear_down);
    tcase_add_test(tests, a_fresh_answer_is_given_again_with_what_is_left_of_its_time);
    tcase_add_test(tests, without_max_age_it_is_a_minute);
    tcase_add_test(tests, max_age_zero_is_never_given_again);
    tcase_add_test(tests, head_is_answered_from_the_answer_to_a_get);
    tcase_add_test(tests, the_beginning_of_a_body_is_not_stored);
    tcase_add_test(tests, a_whole_body_that_a_head_brought_is_stored);
    tcase_add_test(tests, other_formats_and_queries_are_other_entries);
    tcase_add_test(tests, a_query_is_stored_under_its_content_and_answers_no_get);
    tcase_add_test(tests, a_mapping_may_be_left_out);
    tcase_add_test(tests, a_cache_without_room_shares_nothing);
    tcase_add_test(tests, no_cache_asks_the_node_about_what_is_stored);
    tcase_add_test(tests, a_client_may_want_what_is_younger_or_lasts_longer);
    tcase_add_test(tests, only_if_cached_never_asks_the_node);
    tcase_add_test(tests, a_limit_that_the_node_tells_is_passed_on);
    tcase_add_test(tests, errors_are_kept_only_with_a_time);
    tcase_add_test(tests, a_stored_refusal_of_a_media_type_leads_to_the_next);
    tcase_add_test(tests, access_is_judged_for_each_before_anything_is_looked_up);
    tcase_add_test(tests, a_reload_keeps_what_is_stored);
    tcase_add_test(tests, a_crowd_that_waits_for_the_name_of_a_proxy_shares_one_request);
    tcase_add_test(tests, what_came_through_another_proxy_is_forgotten);
    tcase_add_test(tests, a_name_of_which_only_one_address_is_allowed_is_not_for_everybody);
    tcase_add_test(tests, a_name_is_known_by_itself_and_not_by_its_address);
    return tests;
}

static TCase *make_stale(void)
{
    TCase *tests = tcase_create("stale");

    tcase_add_checked_fixture(tests, crowd_set_up, crowd_tear_down);
    tcase_add_test(tests, a_stale_answer_is_given_only_to_who_takes_one);
    tcase_add_test(tests, a_mapping_may_prefer_what_is_stale_to_an_error);
    tcase_add_test(tests, a_change_makes_it_unfit_even_for_failures);
    tcase_add_test(tests, what_is_stale_serves_where_the_node_cannot_even_be_asked);
    tcase_add_test(tests, while_the_node_wants_to_be_spared_what_is_stale_serves);
    tcase_add_test(tests, a_deadline_is_a_failure_too);
    tcase_add_test(tests, what_is_stale_serves_while_nobody_knows_where_the_proxy_is);
    tcase_add_test(tests, a_client_that_waits_no_longer_takes_what_is_stale);
    return tests;
}

int main(void)
{
    Suite *suite = suite_create("exchange_cache");
    SRunner *runner = srunner_create(suite);
    int failed;

    suite_add_tcase(suite, make_use());
    suite_add_tcase(suite, make_stale());
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
