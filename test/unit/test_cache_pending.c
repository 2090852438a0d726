/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache.h"

/* test_cache_pending: the requests under way, and what changes mean for them. */

#include <check.h>
#include <stdlib.h>

#include "cache_fixture.h"
#include "representation.h"
#include "rest.h"

START_TEST(the_request_begun_last_may_be_joined)
{
    struct cache_pending first = {0}, second = {0}, alone = {0};

    ck_assert_ptr_null(cache_find_pending(w.cache, key_of("a")));
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &first), 0);
    ck_assert_ptr_eq(cache_find_pending(w.cache, key_of("a")), &first);
    ck_assert_ptr_null(cache_find_pending(w.cache, key_accepting("a", 0)));
    ck_assert_int_eq(cache_begin_alone(w.cache, key_of("a"), &alone), 0);
    ck_assert_ptr_eq(cache_find_pending(w.cache, key_of("a")), &first);
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &second), 0);
    ck_assert_ptr_eq(cache_find_pending(w.cache, key_of("a")), &second);
    cache_end(w.cache, &second);
    cache_end(w.cache, &second);
    ck_assert_ptr_null(cache_find_pending(w.cache, key_of("a")));
    cache_end(w.cache, &first);
    cache_end(w.cache, &alone);
    ck_assert_uint_eq(cache_count(w.cache).bytes, 0);
}
END_TEST

START_TEST(a_change_outdates_what_is_under_way)
{
    struct cache_pending before = {0}, after = {0};
    struct representation *representation = respond(REST_CODE(2, 5), 60, "before");

    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &before), 0);
    ck_assert(!cache_is_outdated(&before));
    cache_invalidate(w.cache, key_of("a"));
    ck_assert(cache_is_outdated(&before));
    ck_assert_ptr_null(cache_find_pending(w.cache, key_of("a")));
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &after), 0);
    ck_assert_ptr_eq(cache_find_pending(w.cache, key_of("a")), &after);
    ck_assert(cache_store_pending(w.cache, key_of("a"), &before, representation));
    cache_end(w.cache, &before);
    ck_assert(find(key_of("a")).is_invalidated);
    ck_assert(!cache_is_outdated(&after));
    representation_release(representation);

    representation = respond(REST_CODE(2, 5), 60, "after");
    ck_assert(cache_store_pending(w.cache, key_of("a"), &after, representation));
    cache_end(w.cache, &after);
    ck_assert(!find(key_of("a")).is_invalidated);
    assert_payload(key_of("a"), "after");
    representation_release(representation);
}
END_TEST

START_TEST(an_outdated_answer_replaces_nothing_from_after_the_change)
{
    struct cache_pending before = {0};
    struct representation *late;

    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &before), 0);
    cache_invalidate(w.cache, key_of("a"));
    ck_assert(store("a", "after"));
    advance(1);
    late = respond(REST_CODE(2, 5), 60, "before");
    ck_assert(!cache_store_pending(w.cache, key_of("a"), &before, late));
    representation_release(late);
    late = respond(REST_CODE(4, 4), NO_MAX_AGE, "");
    ck_assert(!cache_store_pending(w.cache, key_of("a"), &before, late));
    representation_release(late);
    cache_end(w.cache, &before);
    assert_payload(key_of("a"), "after");
    ck_assert(!find(key_of("a")).is_invalidated);
}
END_TEST

START_TEST(an_answer_replaces_nothing_that_was_asked_for_later)
{
    struct cache_pending first = {0}, second = {0}, alone = {0};
    struct representation *old, *new;

    ck_assert_int_eq(cache_begin_alone(w.cache, key_of("a"), &alone), 0);
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &first), 0);
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &second), 0);
    new = respond(REST_CODE(2, 5), 60, "new");
    ck_assert(cache_store_pending(w.cache, key_of("a"), &second, new));
    cache_end(w.cache, &second);
    advance(1);
    old = respond(REST_CODE(2, 5), 60, "old");
    ck_assert(!cache_store_pending(w.cache, key_of("a"), &first, old));
    cache_end(w.cache, &first);
    assert_payload(key_of("a"), "new");
    /* Nobody has seen in what order the others were asked. */
    ck_assert(cache_store_pending(w.cache, key_of("a"), &alone, old));
    cache_end(w.cache, &alone);
    assert_payload(key_of("a"), "old");
    representation_release(old);
    representation_release(new);
}
END_TEST

/* A node repeats an answer that was lost as it was, whatever has changed since. */
START_TEST(an_answer_replaces_no_notification_that_came_while_it_was_waited_for)
{
    struct cache_pending before = {0}, after = {0};
    struct representation *old, *new;

    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &before), 0);
    ck_assert(store("a", "told"));
    advance(1);
    old = respond(REST_CODE(2, 5), 60, "old");
    ck_assert(!cache_store_pending(w.cache, key_of("a"), &before, old));
    cache_end(w.cache, &before);
    assert_payload(key_of("a"), "told");
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &after), 0);
    new = respond(REST_CODE(2, 5), 60, "new");
    ck_assert(cache_store_pending(w.cache, key_of("a"), &after, new));
    cache_end(w.cache, &after);
    assert_payload(key_of("a"), "new");
    representation_release(old);
    representation_release(new);
}
END_TEST

START_TEST(clearing_outdates_what_is_under_way)
{
    struct cache_pending pending = {0};

    ck_assert(store("a", "x"));
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &pending), 0);
    cache_clear(w.cache);
    ck_assert(!has("a"));
    ck_assert(cache_is_outdated(&pending));
    cache_end(w.cache, &pending);
    ck_assert_uint_eq(cache_count(w.cache).bytes, 0);
}
END_TEST

START_TEST(what_is_under_way_survives_evictions_and_limits)
{
    struct cache_pending pending = {0};
    struct representation *representation = respond(REST_CODE(2, 5), 60, "x");

    limit(1 << 20, 1);
    ck_assert(store("a", "x"));
    ck_assert_int_eq(cache_begin(w.cache, key_of("a"), &pending), 0);
    ck_assert(store("b", "x"));
    ck_assert(!has("a"));
    limit(1 << 24, 100000);
    ck_assert_ptr_eq(cache_find_pending(w.cache, key_of("a")), &pending);
    limit(0, 0);
    ck_assert_ptr_eq(cache_find_pending(w.cache, key_of("a")), &pending);
    ck_assert(!cache_store_pending(w.cache, key_of("a"), &pending, representation));
    limit(1 << 20, 10);
    ck_assert(cache_store_pending(w.cache, key_of("a"), &pending, representation));
    cache_end(w.cache, &pending);
    ck_assert(has("a"));
    representation_release(representation);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_pending");
    TCase *tests = tcase_create("cache_pending");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, cache_fixture_set_up, cache_fixture_tear_down);
    tcase_add_test(tests, the_request_begun_last_may_be_joined);
    tcase_add_test(tests, a_change_outdates_what_is_under_way);
    tcase_add_test(tests, an_outdated_answer_replaces_nothing_from_after_the_change);
    tcase_add_test(tests, an_answer_replaces_nothing_that_was_asked_for_later);
    tcase_add_test(tests, an_answer_replaces_no_notification_that_came_while_it_was_waited_for);
    tcase_add_test(tests, clearing_outdates_what_is_under_way);
    tcase_add_test(tests, what_is_under_way_survives_evictions_and_limits);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
