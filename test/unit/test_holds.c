/* SPDX-License-Identifier: BSD-2-Clause */
#include "holds.h"

/* test_holds: what is held and for how long, and that the table neither grows nor mixes requests.
 */

#include <check.h>
#include <stdlib.h>

#include "endpoint_address.h"
#include "random_source.h"
#include "rest.h"
#include "timers.h"

static struct {
    struct timers *timers;
    struct random_sequence sequence;
    struct holds *holds;
} w;

static void set_up(void)
{
    struct random_source random;

    w.timers = timers_new();
    timers_set_now_us(w.timers, 1000000);
    random_sequence_init(&w.sequence, 1);
    random = random_sequence_source(&w.sequence);
    w.holds = holds_new(w.timers, &random);
    ck_assert_ptr_nonnull(w.holds);
}

static void tear_down(void)
{
    holds_free(w.holds);
    timers_free(w.timers);
}

static void advance(uint64_t seconds)
{
    timers_set_now_us(w.timers, timers_now_us(w.timers) + seconds * 1000000);
}

static bool is_held(uint64_t key)
{
    uint64_t left_us;
    uint8_t code;

    return holds_find(w.holds, key, &code, &left_us);
}

START_TEST(a_hold_ends_by_itself)
{
    uint64_t left_us;
    uint8_t code;

    ck_assert(!is_held(5));
    ck_assert(!is_held(0));
    holds_add(w.holds, 5, REST_CODE(4, 29), 10);
    advance(3);
    ck_assert(holds_find(w.holds, 5, &code, &left_us));
    ck_assert_uint_eq(code, REST_CODE(4, 29));
    ck_assert_uint_eq(left_us, 7000000);
    holds_add(w.holds, 5, REST_CODE(5, 3), 4); /* replaces it */
    ck_assert(holds_find(w.holds, 5, &code, &left_us));
    ck_assert_uint_eq(code, REST_CODE(5, 3));
    ck_assert_uint_eq(left_us, 4000000);
    advance(4);
    ck_assert(!is_held(5));
    holds_add(w.holds, 5, REST_CODE(4, 29), 0);
    ck_assert(!is_held(5));
}
END_TEST

START_TEST(no_hold_lasts_longer_than_an_hour)
{
    uint64_t left_us;
    uint8_t code;

    holds_add(w.holds, 5, REST_CODE(4, 29), 3600);
    holds_add(w.holds, 6, REST_CODE(4, 29), UINT32_MAX);
    ck_assert(holds_find(w.holds, 6, &code, &left_us));
    ck_assert_uint_eq(left_us, UINT64_C(3600000000));
    advance(3599);
    ck_assert(is_held(5));
    ck_assert(is_held(6));
    advance(1);
    ck_assert(!is_held(5));
    ck_assert(!is_held(6));
}
END_TEST

START_TEST(a_key_stands_for_endpoint_method_and_uri_and_nothing_else)
{
    struct endpoint_address peer = {.bytes = {192, 0, 2, 1}, .port = 5683, .family = 4};
    struct endpoint_address other = peer;
    struct rest_request request, split;
    uint64_t key;

    other.port++;
    rest_request_init(&request);
    rest_request_add(&request, REST_OPTION_URI_PATH, "ab", 2);
    rest_request_add(&request, REST_OPTION_URI_PATH, "c", 1);
    key = holds_key(w.holds, &peer, REST_GET, &request.message);
    ck_assert_uint_ne(key, holds_key(w.holds, &other, REST_GET, &request.message));
    ck_assert_uint_ne(key, holds_key(w.holds, &peer, REST_PUT, &request.message));
    ck_assert_uint_ne(key, holds_key(w.holds, &peer, 0, &request.message));
    rest_request_add_uint(&request, REST_OPTION_ACCEPT, 50);
    rest_request_add(&request, REST_OPTION_ECHO, "x", 1);
    rest_request_add_uint(&request, REST_OPTION_HOP_LIMIT, 16);
    ck_assert_uint_eq(key, holds_key(w.holds, &peer, REST_GET, &request.message));
    rest_request_add(&request, REST_OPTION_URI_QUERY, "", 0);
    ck_assert_uint_ne(key, holds_key(w.holds, &peer, REST_GET, &request.message));
    /* The same letters in other segments. */
    rest_request_init(&split);
    rest_request_add(&split, REST_OPTION_URI_PATH, "a", 1);
    rest_request_add(&split, REST_OPTION_URI_PATH, "bc", 2);
    ck_assert_uint_ne(key, holds_key(w.holds, &peer, REST_GET, &split.message));
}
END_TEST

START_TEST(the_longest_request_has_a_key)
{
    struct endpoint_address peer = {.family = 6};
    struct rest_request request;
    uint64_t key;

    rest_request_init(&request);
    while (rest_request_add(&request, REST_OPTION_URI_PATH, "0123456789abc", 13) == 0)
        ;
    key = holds_key(w.holds, &peer, REST_GET, &request.message);
    request.message.option_count--;
    ck_assert_uint_ne(key, holds_key(w.holds, &peer, REST_GET, &request.message));
}
END_TEST

START_TEST(many_holds_make_the_table_forget_those_that_end_soonest)
{
    holds_add(w.holds, 77, REST_CODE(4, 29), 1000);
    for (uint64_t i = 1; i < 100000; i++)
        holds_add(w.holds, i * 512 + 77, REST_CODE(4, 29), 10); /* all in one set */
    ck_assert(is_held(77));
    ck_assert(is_held(UINT64_C(99999) * 512 + 77));
    ck_assert(!is_held(512 + 77));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("holds");
    TCase *tests = tcase_create("holds");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_hold_ends_by_itself);
    tcase_add_test(tests, no_hold_lasts_longer_than_an_hour);
    tcase_add_test(tests, a_key_stands_for_endpoint_method_and_uri_and_nothing_else);
    tcase_add_test(tests, the_longest_request_has_a_key);
    tcase_add_test(tests, many_holds_make_the_table_forget_those_that_end_soonest);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
