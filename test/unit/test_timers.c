/* SPDX-License-Identifier: BSD-2-Clause */
#include "timers.h"

/* test_timers: order of firing, arming and disarming from callbacks, and the heap against a plain
 * list under a random load. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "random_source.h"

enum { MANY = 500 };

static struct timers *timers;
static char fired[MANY + 1];
static size_t fired_count;

struct letter {
    struct timer timer;
    char letter;
    struct timer *to_disarm;
    struct timer *to_arm;
    bool frees_itself;
};

static void letter_fired(void *handle)
{
    struct letter *letter = handle;
    ck_assert(!letter->timer.is_armed);
    ck_assert_uint_lt(fired_count, MANY);
    fired[fired_count++] = letter->letter;
    fired[fired_count] = '\0';
    if (letter->to_disarm != NULL) {
        timers_disarm(timers, letter->to_disarm);
    }
    if (letter->to_arm != NULL) {
        timers_arm(timers, letter->to_arm, 0);
    }
    if (letter->frees_itself) {
        free(letter);
    }
}

static void letter_init(struct letter *letter, char name)
{
    *letter = (struct letter){.letter = name};
    timer_init(&letter->timer, letter_fired, letter);
}

static void setup(void)
{
    timers = timers_new();
    ck_assert_ptr_nonnull(timers);
    fired_count = 0;
    fired[0] = '\0';
}

static void teardown(void)
{
    timers_free(timers);
}

START_TEST(the_clock_never_goes_back)
{
    ck_assert_uint_eq(timers_now_us(timers), 0);
    timers_set_now_us(timers, 1000);
    timers_set_now_us(timers, 400);
    ck_assert_uint_eq(timers_now_us(timers), 1000);
}
END_TEST

START_TEST(timers_fire_at_their_deadline_and_not_before)
{
    struct letter a;
    letter_init(&a, 'a');
    ck_assert_uint_eq(timers_next_us(timers), TIMERS_NEVER);
    timers_set_now_us(timers, 10);
    timers_arm(timers, &a.timer, 100);
    ck_assert_uint_eq(timers_next_us(timers), 110);
    timers_set_now_us(timers, 109);
    ck_assert_uint_eq(timers_run(timers), 0);
    timers_set_now_us(timers, 110);
    ck_assert_uint_eq(timers_run(timers), 1);
    ck_assert_uint_eq(timers_run(timers), 0);
    ck_assert_str_eq(fired, "a");
    ck_assert_uint_eq(timers_next_us(timers), TIMERS_NEVER);
}
END_TEST

START_TEST(the_earliest_fires_first_and_equals_in_order_of_arming)
{
    struct letter letters[5];
    static const uint64_t delays[5] = {30, 10, 30, 10, 20};
    for (size_t i = 0; i < 5; i++) {
        letter_init(&letters[i], (char)('a' + i));
        timers_arm(timers, &letters[i].timer, delays[i]);
    }
    timers_set_now_us(timers, 1000);
    ck_assert_uint_eq(timers_run(timers), 5);
    ck_assert_str_eq(fired, "bdeac");
}
END_TEST

START_TEST(arming_again_moves_a_timer)
{
    struct letter a;
    struct letter b;
    letter_init(&a, 'a');
    letter_init(&b, 'b');
    timers_arm(timers, &a.timer, 10);
    timers_arm(timers, &b.timer, 20);
    timers_arm(timers, &a.timer, 20); /* now behind b, which was armed before */
    timers_set_now_us(timers, 10);
    ck_assert_uint_eq(timers_run(timers), 0);
    timers_set_now_us(timers, 20);
    ck_assert_uint_eq(timers_run(timers), 2);
    ck_assert_str_eq(fired, "ba");
}
END_TEST

START_TEST(a_delay_beyond_the_clock_saturates)
{
    struct letter a;
    letter_init(&a, 'a');
    timers_set_now_us(timers, 1000);
    timers_arm(timers, &a.timer, UINT64_MAX - 5);
    ck_assert_uint_eq(timers_next_us(timers), TIMERS_NEVER);
    ck_assert(a.timer.is_armed);
    timers_disarm(timers, &a.timer);
    timers_disarm(timers, &a.timer);
    ck_assert(!a.timer.is_armed);
}
END_TEST

START_TEST(a_callback_may_disarm_another_that_is_due)
{
    struct letter a;
    struct letter b;
    letter_init(&a, 'a');
    letter_init(&b, 'b');
    a.to_disarm = &b.timer;
    timers_arm(timers, &a.timer, 10);
    timers_arm(timers, &b.timer, 10);
    timers_set_now_us(timers, 50);
    ck_assert_uint_eq(timers_run(timers), 1);
    ck_assert_str_eq(fired, "a");
}
END_TEST

START_TEST(a_timer_armed_while_firing_waits_for_the_next_run)
{
    struct letter a;
    letter_init(&a, 'a');
    a.to_arm = &a.timer;
    timers_arm(timers, &a.timer, 0);
    ck_assert_uint_eq(timers_run(timers), 1);
    ck_assert_uint_eq(timers_next_us(timers), 0);
    ck_assert_uint_eq(timers_run(timers), 1);
    ck_assert_str_eq(fired, "aa");
    timers_disarm(timers, &a.timer);
}
END_TEST

START_TEST(a_fired_timer_may_free_itself)
{
    struct letter *letter = malloc(sizeof *letter);
    ck_assert_ptr_nonnull(letter);
    letter_init(letter, 'f');
    letter->frees_itself = true;
    timers_arm(timers, &letter->timer, 1);
    timers_set_now_us(timers, 1);
    ck_assert_uint_eq(timers_run(timers), 1);
    ck_assert_str_eq(fired, "f");
}
END_TEST

static uint64_t model_deadline[MANY];
static uint64_t model_order[MANY];
static bool model_armed[MANY];
static size_t model_fired;

struct numbered {
    struct timer timer;
    size_t number;
};

/* The timer that fires must be the one a search through the plain list finds. */
static void numbered_fired(void *handle)
{
    struct numbered *numbered = handle;
    size_t best = MANY;
    for (size_t i = 0; i < MANY; i++) {
        if (model_armed[i] &&
            (best == MANY || model_deadline[i] < model_deadline[best] ||
             (model_deadline[i] == model_deadline[best] && model_order[i] < model_order[best]))) {
            best = i;
        }
    }
    ck_assert_uint_eq(numbered->number, best);
    model_armed[best] = false;
    model_fired++;
}

START_TEST(the_heap_agrees_with_a_plain_list_under_random_load)
{
    static struct numbered all[MANY];
    struct random_sequence sequence;
    random_sequence_init(&sequence, 7);
    struct random_source source = random_sequence_source(&sequence);
    for (size_t i = 0; i < MANY; i++) {
        all[i].number = i;
        timer_init(&all[i].timer, numbered_fired, &all[i]);
    }
    for (uint64_t step = 0; step < 20000; step++) {
        size_t i = random_below(&source, MANY);
        uint32_t action = random_below(&source, 10);
        if (action < 6) {
            uint64_t delay_us = random_below(&source, 300);
            timers_arm(timers, &all[i].timer, delay_us);
            model_deadline[i] = timers_now_us(timers) + delay_us;
            model_order[i] = step;
            model_armed[i] = true;
        } else if (action < 9) {
            timers_disarm(timers, &all[i].timer);
            model_armed[i] = false;
        } else {
            timers_set_now_us(timers, timers_now_us(timers) + random_below(&source, 20));
            timers_run(timers);
            ck_assert_uint_gt(timers_next_us(timers), timers_now_us(timers));
        }
    }
    ck_assert_uint_gt(model_fired, 100);
}
END_TEST

static uint64_t clock_of_test(void)
{
    return 1234567;
}

START_TEST(the_clock_can_be_read_within_a_turn)
{
    timers_set_now_us(timers, 1000000);
    ck_assert_uint_eq(timers_precise_us(timers), 1000000);
    timers_set_clock(timers, clock_of_test);
    ck_assert_uint_eq(timers_precise_us(timers), 1234567);
    ck_assert_uint_eq(timers_now_us(timers), 1000000);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("timers");
    TCase *tcase = tcase_create("timers");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, the_clock_never_goes_back);
    tcase_add_test(tcase, timers_fire_at_their_deadline_and_not_before);
    tcase_add_test(tcase, the_earliest_fires_first_and_equals_in_order_of_arming);
    tcase_add_test(tcase, arming_again_moves_a_timer);
    tcase_add_test(tcase, a_delay_beyond_the_clock_saturates);
    tcase_add_test(tcase, a_callback_may_disarm_another_that_is_due);
    tcase_add_test(tcase, a_timer_armed_while_firing_waits_for_the_next_run);
    tcase_add_test(tcase, a_fired_timer_may_free_itself);
    tcase_add_test(tcase, the_heap_agrees_with_a_plain_list_under_random_load);
    tcase_add_test(tcase, the_clock_can_be_read_within_a_turn);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
