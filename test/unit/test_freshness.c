/* SPDX-License-Identifier: BSD-2-Clause */
#include "freshness.h"

/* test_freshness: Max-Age as Cache-Control and Retry-After (RFC 7252 5.10.5, RFC 8516 4), and
 * the order of notifications (RFC 7641 3.4). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http_message.h"
#include "proves.h"
#include "rest.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

enum { ABSENT = -1 };

struct freshness_case {
    uint8_t code;
    unsigned status;
    bool is_cacheable_method;
    int64_t max_age;
    const char *cache_control;
    const char *retry_after;
    uint64_t age_us;
    bool is_private;
};

static void assert_field(const struct http_reply *reply, const char *name, const char *expected,
                         size_t i)
{
    const char *value = http_reply_field(reply, name);
    if (!expected)
        ck_assert_msg(!value, "case %zu: %s: %s", i, name, value);
    else
        ck_assert_msg(value && strcmp(value, expected) == 0, "case %zu: %s: %s", i, name, value);
}

static void check(const struct freshness_case *cases, size_t count)
{
    static struct rest_request message;
    static struct http_reply reply;
    for (size_t i = 0; i < count; i++) {
        rest_request_init(&message);
        message.message.code = cases[i].code;
        if (cases[i].max_age != ABSENT)
            rest_request_add_uint(&message, REST_OPTION_MAX_AGE, (uint32_t)cases[i].max_age);
        http_reply_init(&reply, 10);
        const struct freshness_use use = {
            .status = cases[i].status,
            .is_cacheable_method = cases[i].is_cacheable_method,
            .is_private = cases[i].is_private,
            .age_us = cases[i].age_us,
        };
        ck_assert_int_eq(freshness_add_fields(&message.message, &use, &reply), 0);
        assert_field(&reply, "Cache-Control", cases[i].cache_control, i);
        assert_field(&reply, "Retry-After", cases[i].retry_after, i);
        http_reply_clear(&reply);
    }
}

START_TEST(content_is_fresh_for_max_age_or_a_minute)
{
    static const struct freshness_case cases[] = {
        {REST_CODE(2, 5), 200, true, 10, "max-age=10", NULL, 0, false},
        {REST_CODE(2, 5), 200, true, ABSENT, "max-age=60", NULL, 0, false},
        {REST_CODE(2, 5), 200, true, 0, "max-age=0", NULL, 0, false},
    };
    check(cases, LENGTH(cases));
    proves("OPT-13");
}
END_TEST

START_TEST(max_age_is_cut_at_two_to_the_31)
{
    static const struct freshness_case cases[] = {
        {REST_CODE(2, 5), 200, true, 4294967295, "max-age=2147483648", NULL, 0, false},
        {REST_CODE(2, 5), 200, true, 2147483648, "max-age=2147483648", NULL, 0, false},
        {REST_CODE(2, 5), 200, true, 2147483647, "max-age=2147483647", NULL, 0, false},
        {REST_CODE(5, 3), 503, true, 4294967295, "no-store", "2147483648", 0, false},
    };
    check(cases, LENGTH(cases));
    proves("OPT-14");
}
END_TEST

START_TEST(too_many_requests_says_when_to_retry_and_is_not_stored)
{
    static const struct freshness_case cases[] = {
        {REST_CODE(4, 29), 429, true, 12, "no-store", "12", 0, false},
        {REST_CODE(4, 29), 429, true, ABSENT, "no-store", "60", 0, false},
        {REST_CODE(4, 29), 429, false, ABSENT, "no-store", "60", 0, false},
    };
    check(cases, LENGTH(cases));
    proves("STATUS-28");
    proves("STATUS-29");
}
END_TEST

START_TEST(service_unavailable_says_when_to_retry_only_if_the_node_did)
{
    static const struct freshness_case cases[] = {
        {REST_CODE(5, 3), 503, true, 20, "no-store", "20", 0, false},
        {REST_CODE(5, 3), 503, true, ABSENT, "no-store", NULL, 0, false},
    };
    check(cases, LENGTH(cases));
    proves("STATUS-33");
    proves("STATUS-34");
}
END_TEST

START_TEST(only_content_of_a_get_is_kept_and_errors_if_the_node_says_so)
{
    static const struct freshness_case cases[] = {
        {REST_CODE(2, 5), 200, false, 10, NULL, NULL, 0, false},
        {REST_CODE(2, 1), 201, false, 10, NULL, NULL, 0, false},
        {REST_CODE(2, 4), 204, true, 10, "no-store", NULL, 0, false},
        {REST_CODE(2, 15), 200, true, 10, "no-store", NULL, 0, false},
        {REST_CODE(4, 4), 404, true, ABSENT, "no-store", NULL, 0, false},
        {REST_CODE(4, 4), 404, true, 30, "max-age=30", NULL, 0, false},
        {REST_CODE(4, 4), 404, false, 30, "no-store", NULL, 0, false},
    };
    check(cases, LENGTH(cases));
}
END_TEST

START_TEST(of_what_was_stored_the_remaining_lifetime_is_told)
{
    static const struct freshness_case cases[] = {
        {REST_CODE(2, 5), 200, true, 60, "max-age=40", NULL, 20000000, false},
        {REST_CODE(2, 5), 200, true, 60, "max-age=39", NULL, 20000001, false},
        {REST_CODE(2, 5), 200, true, ABSENT, "max-age=59", NULL, 1, false},
        {REST_CODE(2, 5), 200, true, 60, "max-age=0", NULL, 59000001, false},
        {REST_CODE(2, 5), 200, true, 60, "max-age=0", NULL, 60000000, false},
        {REST_CODE(2, 5), 200, true, 60, "max-age=0", NULL, UINT64_MAX, false},
        {REST_CODE(2, 5), 200, true, 4294967295, "max-age=2147483648", NULL, 1000000, false},
        {REST_CODE(4, 4), 404, true, 30, "max-age=20", NULL, 10000000, false},
    };
    check(cases, LENGTH(cases));
}
END_TEST

START_TEST(what_is_private_says_so_where_it_may_be_kept)
{
    static const struct freshness_case cases[] = {
        {REST_CODE(2, 5), 200, true, 60, "private, max-age=60", NULL, 0, true},
        {REST_CODE(4, 4), 404, true, 30, "private, max-age=25", NULL, 5000000, true},
        {REST_CODE(4, 4), 404, true, ABSENT, "no-store", NULL, 0, true},
        {REST_CODE(2, 5), 200, false, 10, NULL, NULL, 0, true},
    };
    check(cases, LENGTH(cases));
}
END_TEST

START_TEST(a_full_reply_is_reported)
{
    static struct rest_request message;
    static struct http_reply reply;
    rest_request_init(&message);
    message.message.code = REST_CODE(2, 5);
    http_reply_init(&reply, 10);
    while (http_reply_add(&reply, "X", "y") == 0)
        ;
    const struct freshness_use success = {.status = 200, .is_cacheable_method = true};
    const struct freshness_use failure = {.status = 429, .is_cacheable_method = true};
    ck_assert_int_eq(freshness_add_fields(&message.message, &success, &reply), -1);
    ck_assert_int_eq(freshness_add_fields(&message.message, &failure, &reply), -1);
    http_reply_clear(&reply);
}
END_TEST

/* RFC 7641 3.4, as it stands there. */
static bool is_newer_by_the_rfc(uint64_t v1, uint64_t t1_s, uint64_t v2, uint64_t t2_s)
{
    return (v1 < v2 && v2 - v1 < 1 << 23) || (v1 > v2 && v1 - v2 > 1 << 23) || t2_s > t1_s + 128;
}

START_TEST(of_notifications_the_newer_one_is_that_of_rfc_7641)
{
    static const uint32_t numbers[] = {0,        1,        2,        100,      200,      0x7fffff,
                                       0x800000, 0x800001, 0x8000c8, 0xfffffe, 0xffffff, 4711};
    static const uint64_t seconds[] = {0, 1, 127, 128, 129, 130, 1000000};

    for (size_t i = 0; i < LENGTH(numbers) * LENGTH(numbers); i++) {
        for (size_t j = 0; j < LENGTH(seconds) * LENGTH(seconds); j++) {
            uint32_t v1 = numbers[i / LENGTH(numbers)], v2 = numbers[i % LENGTH(numbers)];
            uint64_t t1 = seconds[j / LENGTH(seconds)], t2 = seconds[j % LENGTH(seconds)];
            const struct freshness_mark freshest = {v1, t1 * 1000000},
                                        incoming = {v2, t2 * 1000000};
            ck_assert_msg(freshness_is_newer(&freshest, &incoming) ==
                              is_newer_by_the_rfc(v1, t1, v2, t2),
                          "%u at %u, then %u at %u", v1, (unsigned)t1, v2, (unsigned)t2);
        }
    }
    /* more than 128 seconds, by a microsecond; bits above the 24th say nothing */
    const struct freshness_mark first = {9, 5}, later = {9, 128000006}, wide = {0x100000a, 5};
    const struct freshness_mark not_later = {9, 128000005};
    ck_assert(freshness_is_newer(&first, &later));
    ck_assert(!freshness_is_newer(&first, &not_later));
    ck_assert(freshness_is_newer(&first, &wide));
    ck_assert(!freshness_is_newer(&wide, &first));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("freshness");
    TCase *tcase = tcase_create("freshness");
    tcase_add_test(tcase, content_is_fresh_for_max_age_or_a_minute);
    tcase_add_test(tcase, max_age_is_cut_at_two_to_the_31);
    tcase_add_test(tcase, too_many_requests_says_when_to_retry_and_is_not_stored);
    tcase_add_test(tcase, service_unavailable_says_when_to_retry_only_if_the_node_did);
    tcase_add_test(tcase, only_content_of_a_get_is_kept_and_errors_if_the_node_says_so);
    tcase_add_test(tcase, of_what_was_stored_the_remaining_lifetime_is_told);
    tcase_add_test(tcase, what_is_private_says_so_where_it_may_be_kept);
    tcase_add_test(tcase, a_full_reply_is_reported);
    tcase_add_test(tcase, of_notifications_the_newer_one_is_that_of_rfc_7641);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
