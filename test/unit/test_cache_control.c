/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_control.h"

/* test_cache_control: directives of requests (RFC 9111 5.2.1) and Cache-Status (RFC 9211). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http_message.h"

static struct cache_control control;

static void read_fields(const struct http_field *fields, size_t count)
{
    const struct http_request request = {.fields = fields, .field_count = count};

    memset(&control, 0xee, sizeof control);
    cache_control_read(&request, &control);
}

static void read_text(const char *text)
{
    const struct http_field field = {"cache-control", text};

    read_fields(&field, 1);
}

START_TEST(directives_are_read_in_any_case_and_order)
{
    read_text("No-Store, ONLY-IF-CACHED,max-age=5 , min-fresh=\"7\",max-stale=9");
    ck_assert(control.no_store && control.only_if_cached && !control.no_cache);
    ck_assert(control.has_max_age && control.max_age_s == 5);
    ck_assert(control.has_min_fresh && control.min_fresh_s == 7);
    ck_assert(control.has_max_stale && control.max_stale_s == 9);
    read_text("no-cache");
    ck_assert(control.no_cache && !control.no_store && !control.has_max_age);
    ck_assert(!control.has_min_fresh && !control.has_max_stale && !control.only_if_cached);
}
END_TEST

START_TEST(a_max_age_in_doubt_is_zero)
{
    static const struct {
        const char *text;
        uint32_t seconds;
    } cases[] = {
        {"max-age=0", 0},
        {"max-age=4294967295", 2147483648},
        {"max-age=2147483647", 2147483647},
        {"max-age=99999999999999999999", 2147483648},
        {"max-age=9999999999999999999999999999999999999999", 0},
        {"max-age", 0},
        {"max-age=", 0},
        {"max-age=-1", 0},
        {"max-age=1.5", 0},
        {"max-age=x", 0},
        {"max-age=5 5", 0},
        {"max-age=5;a", 0},
        {"max-age=\"5", 0},
        {"max-age=\"\\5\"", 5},
        {"max-age = 5", 5},
        {"max-age=10, max-age=5", 5},
        {"max-age=5, max-age=10", 5},
        {"max-age=10, max-age=x", 0},
        {",, ,max-age=5,", 5},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        read_text(cases[i].text);
        ck_assert_msg(control.has_max_age && control.max_age_s == cases[i].seconds, "%s: %u",
                      cases[i].text, control.max_age_s);
        ck_assert_msg(control.no_cache == (cases[i].seconds == 0), "%s", cases[i].text);
    }
}
END_TEST

START_TEST(of_two_the_stricter_counts)
{
    read_text("min-fresh=5, min-fresh=9, min-fresh=7, max-stale, max-stale=8, max-stale=9");
    ck_assert_uint_eq(control.min_fresh_s, 9);
    ck_assert_uint_eq(control.max_stale_s, 8);
    read_text("max-stale");
    ck_assert(control.has_max_stale && control.max_stale_s == UINT32_MAX);
}
END_TEST

START_TEST(what_cannot_be_read_is_ignored)
{
    static const char *const texts[] = {
        "",
        "max-stale=x",
        "max-stale=",
        "min-fresh",
        "min-fresh=",
        "min-fresh=-5",
        "no-storex",
        "x=\"a, no-store, max-age=5\"",
        "x=\"no-store",
        "x=\"\\\", no-store",
        "max-stale foo",
    };

    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        read_text(texts[i]);
        ck_assert_msg(!control.no_store && !control.no_cache && !control.has_max_age &&
                          !control.has_max_stale && !control.has_min_fresh &&
                          !control.only_if_cached,
                      "%s", texts[i]);
    }
    read_text("x y, no-store=\"field\", =5, no-cache foo");
    ck_assert(control.no_store && control.no_cache);
}
END_TEST

START_TEST(all_fields_count)
{
    static const struct http_field fields[] = {
        {"Cache-Control", "max-age=9"}, {"Accept", "no-store"}, {"CACHE-CONTROL", "max-age=5"}};

    read_fields(fields, 3);
    ck_assert_uint_eq(control.max_age_s, 5);
    ck_assert(!control.no_store);
}
END_TEST

START_TEST(pragma_counts_where_there_is_no_cache_control)
{
    static const struct http_field fields[] = {{"Pragma", "x, no-cache"},
                                               {"Cache-Control", "max-stale"}};

    read_fields(fields, 1);
    ck_assert(control.no_cache);
    read_fields(fields, 2);
    ck_assert(!control.no_cache && control.has_max_stale);
    read_fields(fields, 0);
    ck_assert(!control.no_cache);
}
END_TEST

START_TEST(cache_status_tells_what_was_done)
{
    static const struct {
        struct cache_status status;
        const char *name;
        const char *text;
    } cases[] = {
        {{CACHE_FORWARDED_NOT, false, false, true, 40, NULL}, "gw", "gw; hit; ttl=40"},
        {{CACHE_FORWARDED_URI_MISS, true, false, true, 60, NULL},
         "gw.example",
         "gw.example; fwd=uri-miss; stored; ttl=60"},
        {{CACHE_FORWARDED_VARY_MISS, false, true, false, 1, NULL},
         "gw",
         "gw; fwd=vary-miss; collapsed"},
        {{CACHE_FORWARDED_STALE, false, false, true, -30, "timeout"},
         "gw",
         "gw; fwd=stale; ttl=-30; detail=timeout"},
        {{CACHE_FORWARDED_REQUEST, false, false, false, 0, NULL}, "*", "*; fwd=request"},
        {{CACHE_FORWARDED_METHOD, false, false, false, 0, NULL},
         "192.0.2.1:80",
         "\"192.0.2.1:80\"; fwd=method"},
        {{CACHE_FORWARDED_BYPASS, false, false, false, 0, "not kept"},
         "[::1]",
         "\"[::1]\"; fwd=bypass; detail=\"not kept\""},
        {{CACHE_FORWARDED_NOT, false, false, true, INT64_C(4294967295), NULL},
         "a\"b\\c",
         "\"a\\\"b\\\\c\"; hit; ttl=4294967295"},
        {{CACHE_FORWARDED_NOT, false, false, false, 0, NULL}, "", "\"\"; hit"},
    };
    static struct http_reply reply;

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        http_reply_init(&reply, 0);
        ck_assert_int_eq(cache_status_add(&cases[i].status, cases[i].name, &reply), 0);
        ck_assert_str_eq(http_reply_field(&reply, "Cache-Status"), cases[i].text);
        http_reply_clear(&reply);
    }
}
END_TEST

START_TEST(what_cannot_be_a_structured_field_is_refused)
{
    static char text[302];
    static const struct cache_status hit = {CACHE_FORWARDED_NOT, false, false, false, 0, NULL};
    static const struct cache_status wrong = {CACHE_FORWARDED_NOT, false, false, false, 0, "\n"};
    static struct http_reply reply;

    http_reply_init(&reply, 0);
    ck_assert_int_eq(cache_status_add(&hit, "n\xc3\xa4me", &reply), -1);
    ck_assert_int_eq(cache_status_add(&hit, "\x7f", &reply), -1);
    ck_assert_int_eq(cache_status_add(&wrong, "gw", &reply), -1);
    memset(text, '"', sizeof text - 1);
    ck_assert_int_eq(cache_status_add(&hit, text, &reply), -1);
    text[300] = '\0';
    ck_assert_int_eq(cache_status_add(&hit, text, &reply), 0);
    ck_assert_uint_eq(strlen(http_reply_field(&reply, "Cache-Status")), 602 + strlen("; hit"));
    while (http_reply_add(&reply, "X", "y") == 0)
        ;
    ck_assert_int_eq(cache_status_add(&hit, "gw", &reply), -1);
    http_reply_clear(&reply);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_control");
    TCase *tests = tcase_create("cache_control");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, directives_are_read_in_any_case_and_order);
    tcase_add_test(tests, a_max_age_in_doubt_is_zero);
    tcase_add_test(tests, of_two_the_stricter_counts);
    tcase_add_test(tests, what_cannot_be_read_is_ignored);
    tcase_add_test(tests, all_fields_count);
    tcase_add_test(tests, pragma_counts_where_there_is_no_cache_control);
    tcase_add_test(tests, cache_status_tells_what_was_done);
    tcase_add_test(tests, what_cannot_be_a_structured_field_is_refused);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
