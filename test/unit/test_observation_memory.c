/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation.h"

/* test_observation_memory: what becomes of observations when memory is short, or bounded. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "observation_fixture.h"
#include "timers.h"

static struct watcher first, second;

/* The n-th allocation inside of the core fails, and all after it if `fails_on`; 0: none does. */
static unsigned long fails_at;
static bool is_inside, fails_on, has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    if (fails_at == 0 || !is_inside || observe_fake.is_faking || fixture.is_faking)
        return true;
    if (fails_at > 1) {
        fails_at--;
        return true;
    }
    has_failed = true;
    if (!fails_on)
        fails_at = 0;
    return false;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

static void set_up(void)
{
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    fails_at = 0;
    is_inside = fails_on = has_failed = false;
    observing_set_up();
}

static void tear_down(void)
{
    is_inside = false;
    watcher_leave(&first);
    watcher_leave(&second);
    observing_tear_down();
}

static bool is_asked(void)
{
    return observe_fake.count > 0 && relation_last()->is_open && relation_last()->is_asking;
}

static void answer_if_asked(const struct relation_answer *answer)
{
    fixture_advance(70000);
    fixture_resolve("192.0.2.2", NULL);
    if (is_asked())
        relation_answer(relation_last(), answer);
}

static void fall_silent(void)
{
    fixture_advance(70000);
    if (observe_fake.count == 0 || !relation_last()->is_open)
        return;
    if (!is_asked())
        relation_due(relation_last());
    if (is_asked())
        relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    fixture_resolve("192.0.2.2", NULL);
}

/* A life with a move, polls and an error, as far as it gets. */
static void live(void)
{
    static const struct relation_answer
        value = {.payload = "21", .max_age = 30, .etag = "a"},
        polled = {.payload = "22", .max_age = 30, .etag = "b", .is_not_observed = true},
        valid = {.code = REST_CODE(2, 3), .max_age = 30, .etag = "b", .is_not_observed = true},
        failing = {.code = REST_CODE(5, 3), .max_age = 1},
        refusing = {.code = REST_CODE(4, 4), .max_age = 60};

    is_inside = true;
    if (watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL) == OBSERVATION_OPENED) {
        answer_if_asked(&value);
        fall_silent();
        answer_if_asked(&polled);
        answer_if_asked(&valid);
        answer_if_asked(&failing);
        answer_if_asked(&value);
        if (observe_fake.count > 0 && relation_last()->is_open)
            relation_answer(relation_last(), &refusing);
        watcher_leave(&first);
    }
    is_inside = false;
}

static void hear_from(const char *address)
{
    struct endpoint_address peer = observing_address(address);

    fixture.peer_events.heard(fixture.peer_events.handle, &peer);
}

/* However the n-th allocation fails, what was there is freed, and the next one is sound. */
static void fail_each(bool all_after)
{
    unsigned long n = 0;

    do {
        memset(&first, 0, sizeof first);
        hear_from("192.0.2.1");
        hear_from("192.0.2.2");
        has_failed = false;
        fails_on = all_after;
        fails_at = ++n;
        live();
        ck_assert_uint_eq(observations_count(fixture.core), 0);
        ck_assert_uint_eq(relations_open(), 0);
        fails_at = 0;
        observe_fake_reset();
        fixture.question_count = 0;
        watcher_open(&second, "/u");
        relation_value(relation_last(), "7", 30);
        watcher_assert_heard(&second, "live 7");
        watcher_leave(&second);
        observe_fake_reset();
    } while (has_failed);
    watcher_assert_heard(&first, "live 21 stale offline:silent/504 live 22 stale live stale "
                                 "offline:node-error/503 live 21 gone:node-error/404");
}

START_TEST(any_allocation_may_fail)
{
    fail_each(false);
}
END_TEST

START_TEST(all_allocations_may_fail_from_any_one_on)
{
    fail_each(true);
}
END_TEST

START_TEST(a_value_for_which_there_is_no_room_is_asked_for_again)
{
    static char large[64 * 1024];

    memset(large, 'x', sizeof large - 1);
    fixture.memory.maximum = 1024;
    watcher_open(&first, "/t");
    relation_value(relation_last(), large, 30);
    watcher_assert_heard(&first, "");
    ck_assert(relation_last()->forgets);
    fixture.memory.maximum = 1 << 20;
    fixture_advance(5000);
    ck_assert(relation_last()->is_asking);
    relation_value(relation_last(), large, 30);
    ck_assert_ptr_nonnull(observation_value(first.observation));
    ck_assert_uint_gt(fixture.memory.used, sizeof large);
    watcher_leave(&first);
    ck_assert_uint_eq(fixture.memory.used, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("observation_memory");
    TCase *memory = tcase_create("memory");

    tcase_add_checked_fixture(memory, set_up, tear_down);
    tcase_add_test(memory, any_allocation_may_fail);
    tcase_add_test(memory, all_allocations_may_fail_from_any_one_on);
    tcase_add_test(memory, a_value_for_which_there_is_no_room_is_asked_for_again);
    suite_add_tcase(suite, memory);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
