/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache.h"

/* test_cache: what is stored, for how long, and what goes when room is needed. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache_fixture.h"
#include "representation.h"
#include "rest.h"
#include "timers.h"

START_TEST(what_was_stored_is_found_with_its_age)
{
    struct cache_found found;

    ck_assert(!has("a"));
    ck_assert(store("a", "21.5"));
    assert_payload(key_of("a"), "21.5");
    advance(20);
    found = find(key_of("a"));
    ck_assert_uint_eq(found.age_us, 20000000);
    ck_assert_int_eq(found.fresh_us, 40000000);
    ck_assert(!found.is_invalidated);
    advance(50);
    ck_assert_int_eq(find(key_of("a")).fresh_us, -10000000);
    ck_assert(!has("b"));
}
END_TEST

START_TEST(max_age_has_no_bounds)
{
    ck_assert(store_response(key_of("zero"), REST_CODE(2, 5), 0, "0"));
    ck_assert(store_response(key_of("most"), REST_CODE(2, 5), UINT32_MAX, "1"));
    ck_assert_int_eq(find(key_of("zero")).fresh_us, 0);
    ck_assert_int_eq(find(key_of("most")).fresh_us, INT64_C(4294967295000000));
    advance(UINT32_MAX);
    advance(5);
    ck_assert_int_eq(find(key_of("most")).fresh_us, -5000000);
}
END_TEST

START_TEST(what_may_be_stored_is_content_and_errors_that_say_so)
{
    static const struct {
        uint8_t code;
        int64_t max_age;
        bool is_stored;
        uint32_t seconds;
    } cases[] = {
        {REST_CODE(2, 5), NO_MAX_AGE, true, 60}, {REST_CODE(2, 5), 7, true, 7},
        {REST_CODE(2, 5), 0, true, 0},           {REST_CODE(2, 1), 7, false, 0},
        {REST_CODE(2, 2), 7, false, 0},          {REST_CODE(2, 3), 7, false, 0},
        {REST_CODE(2, 4), 7, false, 0},          {REST_CODE(2, 31), 7, false, 0},
        {REST_CODE(2, 15), 7, false, 0},         {REST_CODE(3, 0), 7, false, 0},
        {REST_CODE(4, 4), NO_MAX_AGE, false, 0}, {REST_CODE(4, 4), 30, true, 30},
        {REST_CODE(4, 4), 0, false, 0},          {REST_CODE(4, 1), 30, true, 30},
        {REST_CODE(4, 29), 30, false, 0},        {REST_CODE(5, 0), 30, true, 30},
        {REST_CODE(5, 3), 30, false, 0},         {REST_CODE(7, 1), 30, false, 0},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct representation *representation = respond(cases[i].code, cases[i].max_age, "x");
        uint32_t seconds;

        ck_assert_msg(cache_may_store(representation, &seconds) == cases[i].is_stored, "case %zu",
                      i);
        ck_assert(!cases[i].is_stored || seconds == cases[i].seconds);
        ck_assert(cache_store(w.cache, key_of("a"), representation) == cases[i].is_stored);
        ck_assert(has("a") == cases[i].is_stored);
        representation_release(representation);
        cache_forget(w.cache, key_of("a"));
    }
}
END_TEST

START_TEST(a_challenge_is_for_one_request)
{
    static struct rest_request message;
    struct representation *challenge;

    rest_request_init(&message);
    message.message.code = REST_CODE(4, 1);
    rest_request_add_uint(&message, REST_OPTION_MAX_AGE, 30);
    rest_request_add(&message, REST_OPTION_ECHO, "nonce", 5);
    challenge = representation_new(&message.message, timers_now_us(w.timers));
    ck_assert(store("a", "21.5"));
    ck_assert(!cache_store(w.cache, key_of("a"), challenge));
    representation_release(challenge);
    assert_payload(key_of("a"), "21.5");
}
END_TEST

START_TEST(the_node_s_own_trouble_leaves_what_is_stored)
{
    ck_assert(store("a", "21.5"));
    ck_assert(!store_response(key_of("a"), REST_CODE(5, 0), NO_MAX_AGE, ""));
    ck_assert(!store_response(key_of("a"), REST_CODE(5, 3), 30, ""));
    ck_assert(!store_response(key_of("a"), REST_CODE(4, 29), 30, ""));
    assert_payload(key_of("a"), "21.5");
    ck_assert(!store_response(key_of("a"), REST_CODE(4, 4), NO_MAX_AGE, ""));
    ck_assert(!has("a"));
}
END_TEST

START_TEST(a_newer_arrival_replaces_and_an_older_one_never_does)
{
    struct representation *older = respond(REST_CODE(2, 5), 5, "older");
    struct representation *refused = respond(REST_CODE(4, 4), NO_MAX_AGE, "refused");

    advance(1);
    ck_assert(store("a", "newer"));
    ck_assert(!cache_store(w.cache, key_of("a"), older));
    ck_assert(!cache_store(w.cache, key_of("a"), refused));
    assert_payload(key_of("a"), "newer");
    ck_assert(store("a", "of the same moment"));
    assert_payload(key_of("a"), "of the same moment");
    ck_assert_uint_eq(cache_count(w.cache).entries, 1);
    representation_release(older);
    representation_release(refused);
}
END_TEST

START_TEST(storing_what_is_stored_is_fine)
{
    ck_assert(store("a", "x"));
    ck_assert(cache_store(w.cache, key_of("a"), find(key_of("a")).representation));
    assert_payload(key_of("a"), "x");
    limit(1000, 0);
    ck_assert(!has("a"));
}
END_TEST

START_TEST(formats_of_one_target_lie_beside_each_other)
{
    struct cache_found found;
    bool has_others;

    ck_assert(store_response(key_accepting("a", 50), REST_CODE(2, 5), 60, "json"));
    ck_assert(!cache_find(w.cache, key_accepting("a", 60), &found, &has_others) && has_others);
    ck_assert(!cache_find(w.cache, key_of("b"), &found, &has_others) && !has_others);
    ck_assert(store_response(key_accepting("a", 60), REST_CODE(2, 5), 60, "cbor"));
    assert_payload(key_accepting("a", 50), "json");
    assert_payload(key_accepting("a", 60), "cbor");
    cache_forget(w.cache, key_accepting("a", 50));
    cache_forget(w.cache, key_of("unknown"));
    ck_assert(cache_find(w.cache, key_accepting("a", 60), &found, &has_others) && !has_others);
}
END_TEST

START_TEST(a_change_invalidates_all_of_its_target_and_nothing_else)
{
    ck_assert(store_response(key_accepting("a", 50), REST_CODE(2, 5), 60, "json"));
    ck_assert(store_response(key_accepting("a", 60), REST_CODE(2, 5), 60, "cbor"));
    ck_assert(store("b", "x"));
    ck_assert(store("a/b", "x"));
    cache_invalidate(w.cache, key_of("a"));
    cache_invalidate(w.cache, key_of("unknown"));
    ck_assert(find(key_accepting("a", 50)).is_invalidated);
    ck_assert(find(key_accepting("a", 60)).is_invalidated);
    ck_assert(!find(key_of("b")).is_invalidated);
    ck_assert(!find(key_of("a/b")).is_invalidated);
    ck_assert(store_response(key_accepting("a", 50), REST_CODE(2, 5), 60, "json"));
    ck_assert(!find(key_accepting("a", 50)).is_invalidated);
    ck_assert(find(key_accepting("a", 60)).is_invalidated);
}
END_TEST

START_TEST(what_was_used_longest_ago_goes_first)
{
    limit(1 << 20, 3);
    ck_assert(store("a", "x") && store("b", "x") && store("c", "x"));
    ck_assert(has("a"));
    ck_assert(store("d", "x"));
    ck_assert(!has("b"));
    ck_assert(store("c", "y"));
    ck_assert(store("e", "x"));
    ck_assert(!has("a"));
    ck_assert(has("c") && has("d") && has("e"));
    ck_assert_uint_eq(cache_count(w.cache).entries, 3);
    ck_assert_uint_eq(cache_count(w.cache).evictions, 2);
}
END_TEST

START_TEST(bytes_are_bounded_too)
{
    static char text[3001];

    memset(text, 't', sizeof text - 1);
    limit(9000, 1000);
    ck_assert(store("a", text) && store("b", text));
    ck_assert(has("a"));
    ck_assert(store("c", text));
    ck_assert(has("a") && !has("b") && has("c"));
    ck_assert_uint_le(cache_count(w.cache).bytes, 9000);
    ck_assert_uint_gt(cache_count(w.cache).bytes, 6000);
}
END_TEST

START_TEST(what_never_fits_pushes_nothing_out_but_its_own_past)
{
    static char text[10001];

    limit(10000, 1000);
    ck_assert(store("a", "x") && store("b", "x"));
    memset(text, 't', sizeof text - 1);
    ck_assert(!store("b", text));
    ck_assert(has("a") && !has("b"));
    ck_assert_uint_eq(cache_count(w.cache).evictions, 0);
    limit(10, 1000);
    ck_assert(!store("a", "x"));
    limit(10000, 0);
    ck_assert(!store("a", "x"));
    ck_assert_uint_eq(cache_count(w.cache).bytes, 0);
}
END_TEST

START_TEST(narrower_limits_make_room_at_once_and_wider_ones_keep_all)
{
    char path[16];

    for (int i = 0; i < 1000; i++) {
        snprintf(path, sizeof path, "%d", i);
        ck_assert(store(path, "x"));
    }
    limit(1 << 24, 50000);
    ck_assert_uint_eq(cache_count(w.cache).entries, 1000);
    ck_assert(has("0") && has("999"));
    limit(1 << 20, 10);
    ck_assert_uint_eq(cache_count(w.cache).entries, 10);
    ck_assert_uint_eq(cache_count(w.cache).evictions, 990);
    ck_assert(has("999") && has("0") && !has("1"));
    limit(0, 0);
    ck_assert_uint_eq(cache_count(w.cache).bytes, 0);
}
END_TEST

START_TEST(clearing_forgets_all)
{
    ck_assert(store("a", "x") && store("b", "x"));
    cache_clear(w.cache);
    ck_assert(!has("a") && !has("b"));
    ck_assert_uint_eq(cache_count(w.cache).bytes, 0);
    ck_assert_uint_eq(cache_count(w.cache).evictions, 0);
    ck_assert(store("a", "x"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache");
    TCase *tests = tcase_create("cache");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, cache_fixture_set_up, cache_fixture_tear_down);
    tcase_add_test(tests, what_was_stored_is_found_with_its_age);
    tcase_add_test(tests, max_age_has_no_bounds);
    tcase_add_test(tests, what_may_be_stored_is_content_and_errors_that_say_so);
    tcase_add_test(tests, a_challenge_is_for_one_request);
    tcase_add_test(tests, the_node_s_own_trouble_leaves_what_is_stored);
    tcase_add_test(tests, a_newer_arrival_replaces_and_an_older_one_never_does);
    tcase_add_test(tests, storing_what_is_stored_is_fine);
    tcase_add_test(tests, formats_of_one_target_lie_beside_each_other);
    tcase_add_test(tests, a_change_invalidates_all_of_its_target_and_nothing_else);
    tcase_add_test(tests, what_was_used_longest_ago_goes_first);
    tcase_add_test(tests, bytes_are_bounded_too);
    tcase_add_test(tests, what_never_fits_pushes_nothing_out_but_its_own_past);
    tcase_add_test(tests, narrower_limits_make_room_at_once_and_wider_ones_keep_all);
    tcase_add_test(tests, clearing_forgets_all);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
