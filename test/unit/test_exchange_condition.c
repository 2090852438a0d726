/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_condition: If-None-Match between client and node (RFC 9110 13, RFC 7252 5.10.6). */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fixture.h"
#include "proves.h"

static void set_up(void)
{
    fixture_set_up(NULL, "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" } },"
                         "  \"mappings\": [ { \"path\": \"/post{+p}\", \"method_override\": true,"
                         "    \"target\": \"coap://192.0.2.9{+p}\" } ] }");
}

static void ask(enum http_method method, const char *if_none_match, const char *accept)
{
    fixture_request(method, "/nodes/kitchen/x");
    fixture_field("If-None-Match", if_none_match);
    if (accept != NULL)
        fixture_field("Accept", accept);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
}

/* The node answers with an ETag (NULL: none) and, unless it is 0, a Max-Age. */
static void answer(uint8_t code, const char *etag, uint32_t max_age, const char *payload)
{
    struct rest_request response;

    rest_request_init(&response);
    response.message.code = code;
    if (etag != NULL)
        rest_request_add(&response, REST_OPTION_ETAG, etag, strlen(etag));
    if (max_age > 0)
        rest_request_add_uint(&response, REST_OPTION_MAX_AGE, max_age);
    fixture_answer_with(&response, payload);
}

static size_t count_etags(void)
{
    const struct rest_message *message = &fixture_last()->copy.message;
    size_t count = 0;

    for (size_t i = 0; i < message->option_count; i++)
        count += message->options[i].number == REST_OPTION_ETAG;
    return count;
}

START_TEST(a_node_that_confirms_the_client_s_tag_makes_a_304)
{
    ask(HTTP_METHOD_GET, "W/\"bb\", \"aa\"", NULL);
    ck_assert_uint_eq(count_etags(), 2);
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "\xbb"));
    answer(REST_CODE(2, 3), "\xaa", 30, "never to be seen");
    fixture_reply(304);
    fixture_assert_body("");
    fixture_assert_field("ETag", "\"aa\"");
    fixture_assert_field("Cache-Control", "max-age=30");
    fixture_assert_field("Vary", "Prefer");
    fixture_assert_field("Content-Type", NULL);
    fixture_assert_field("X-CoAP-Code", "2.03");
    proves("STATUS-05");
    proves("STATUS-48");
}
END_TEST

START_TEST(a_confirmation_that_nobody_asked_for_is_502)
{
    ask(HTTP_METHOD_GET, "\"aa\"", NULL);
    answer(REST_CODE(2, 3), "\xbb", 0, NULL);
    fixture_reply(502);
    fixture_done();

    ask(HTTP_METHOD_GET, "\"aa\"", NULL);
    answer(REST_CODE(2, 3), NULL, 0, NULL);
    fixture_reply(502);
    fixture_done();

    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    answer(REST_CODE(2, 3), "\xaa", 0, "x");
    fixture_reply(502);
    fixture_assert_field("Cache-Control", "no-store");
    proves("STATUS-07");
}
END_TEST

START_TEST(the_tag_of_a_new_answer_is_judged_as_well)
{
    /* This node knows nothing of ETag options. */
    ask(HTTP_METHOD_GET, "\"aa\"", NULL);
    answer(REST_CODE(2, 5), "\xaa", 10, "21.5");
    fixture_reply(304);
    fixture_assert_field("ETag", "\"aa\"");
    fixture_assert_field("Cache-Control", "max-age=10");
    fixture_assert_field("Content-Type", NULL);
    fixture_done();

    ask(HTTP_METHOD_GET, "\"aa\"", NULL);
    answer(REST_CODE(2, 5), "\xbb", 10, "21.5");
    fixture_reply(200);
    fixture_assert_body("21.5");
    fixture_assert_field("ETag", "\"bb\"");
    proves("COND-01");
}
END_TEST

START_TEST(a_star_is_a_plain_get_that_ends_in_304_when_there_is_something)
{
    ask(HTTP_METHOD_GET, "*", NULL);
    ck_assert_uint_eq(count_etags(), 0);
    ck_assert(!fixture_has_option(REST_OPTION_IF_NONE_MATCH, NULL));
    answer(REST_CODE(2, 5), NULL, 0, "21.5");
    fixture_reply(304);
    fixture_done();

    ask(HTTP_METHOD_HEAD, "*", NULL);
    fixture_answer(REST_CODE(4, 4), -1, NULL);
    fixture_reply(404);
    proves("COND-03");
    proves("COND-12");
}
END_TEST

START_TEST(a_tag_counts_only_in_its_own_format)
{
    ask(HTTP_METHOD_GET, "\"aa\", \"bb-50\", \"cc-60\"", "application/json");
    ck_assert_uint_eq(count_etags(), 1);
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "\xbb"));
    answer(REST_CODE(2, 5), "\xaa", 0, "{}");
    fixture_reply(200);
    fixture_assert_field("ETag", "\"aa-50\"");
    proves("COND-13");
}
END_TEST

START_TEST(the_next_format_asks_about_its_own_tags)
{
    ask(HTTP_METHOD_GET, "\"bb-50\", \"cc-60\"", "application/json, application/cbor;q=0.5");
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "\xbb"));
    fixture_answer(REST_CODE(4, 6), -1, NULL);
    ck_assert_uint_eq(count_etags(), 1);
    ck_assert(fixture_has_option(REST_OPTION_ETAG, "\xcc"));
    answer(REST_CODE(2, 3), "\xcc", 0, NULL);
    fixture_reply(304);
    fixture_assert_field("ETag", "\"cc-60\"");
    fixture_assert_field("Vary", "Accept, Prefer");
}
END_TEST

START_TEST(tags_that_do_not_fit_are_not_asked_about)
{
    static const char tags[] = "\"0011223344556601\",\"0011223344556602\",\"0011223344556603\"";
    char target[1200] = "/nodes/kitchen/";
    size_t length = strlen(target);

    for (size_t i = 0; i < 960; i++)
        target[length + i] = i % 100 == 99 ? '/' : 'a';
    fixture_request(HTTP_METHOD_GET, target);
    fixture_field("If-None-Match", tags);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert_uint_gt(count_etags(), 0);
    fixture_answer(REST_CODE(4, 4), -1, NULL);
    fixture_done();

    for (size_t i = 960; i < 1070; i++)
        target[length + i] = 'b';
    fixture_request(HTTP_METHOD_GET, target);
    fixture_field("If-None-Match", tags);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert_uint_eq(count_etags(), 0);
    answer(REST_CODE(2, 5), "\xaa", 0, "x");
    fixture_reply(200);
}
END_TEST

START_TEST(at_most_eight_tags_are_asked_about_and_all_are_judged)
{
    ask(HTTP_METHOD_GET, "\"b1\",\"b2\",\"b3\",\"b4\",\"b5\",\"b6\",\"b7\",\"b8\",\"b9\",\"c0\"",
        NULL);
    ck_assert_uint_eq(count_etags(), 8);
    answer(REST_CODE(2, 5), "\xc0", 0, "x");
    fixture_reply(304);
}
END_TEST

START_TEST(a_post_that_means_a_fetch_is_a_safe_request)
{
    fixture_request(HTTP_METHOD_POST, "/post/x");
    fixture_field("X-HTTP-Method-Override", "FETCH");
    fixture_field("If-None-Match", "\"aa\"");
    fixture_field("Content-Type", "application/json");
    fixture_body("{}");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert_uint_eq(count_etags(), 0);
    answer(REST_CODE(2, 5), "\xaa", 0, "x");
    fixture_reply(200);
    fixture_assert_field("ETag", NULL);
}
END_TEST

START_TEST(a_fragment_is_not_stored_as_the_whole)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_field("Content-Range", "bytes 0-3/10");
    fixture_body("abcd");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(400);
    ck_assert_uint_eq(fixture.request_count, 0);
    proves("COND-15");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_condition");
    TCase *tests = tcase_create("condition");
    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, a_node_that_confirms_the_client_s_tag_makes_a_304);
    tcase_add_test(tests, a_confirmation_that_nobody_asked_for_is_502);
    tcase_add_test(tests, the_tag_of_a_new_answer_is_judged_as_well);
    tcase_add_test(tests, a_star_is_a_plain_get_that_ends_in_304_when_there_is_something);
    tcase_add_test(tests, a_tag_counts_only_in_its_own_format);
    tcase_add_test(tests, the_next_format_asks_about_its_own_tags);
    tcase_add_test(tests, tags_that_do_not_fit_are_not_asked_about);
    tcase_add_test(tests, at_most_eight_tags_are_asked_about_and_all_are_judged);
    tcase_add_test(tests, a_post_that_means_a_fetch_is_a_safe_request);
    tcase_add_test(tests, a_fragment_is_not_stored_as_the_whole);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
