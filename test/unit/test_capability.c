/* SPDX-License-Identifier: BSD-2-Clause */
/* test_capability: what is remembered of peers, and for how long. */

#include "capability.h"

#include <check.h>
#include <stdlib.h>

#include "fakes.h"
#include "timers.h"

static struct timers *timers;
static struct random_sequence sequence;
static struct capability_table *table;

static void set_up(void)
{
    timers = timers_new();
    timers_set_now_us(timers, 1000000);
    random_sequence_init(&sequence, 1);
    struct random_source random = random_sequence_source(&sequence);
    table = capability_table_new(timers, &random);
    ck_assert_ptr_nonnull(table);
}

static void tear_down(void)
{
    capability_table_free(table);
    timers_free(timers);
}

START_TEST(a_peer_is_known_by_address_and_port)
{
    struct endpoint_address peer = fake_address(5683), other = fake_address(5684);

    ck_assert_uint_eq(capability_of(table, &peer), 0);
    capability_learn(table, &peer, CAPABILITY_NO_BLOCKS);
    ck_assert_uint_eq(capability_of(table, &peer), CAPABILITY_NO_BLOCKS);
    ck_assert_uint_eq(capability_of(table, &other), 0);
    capability_learn(table, &peer, 1 << 5);
    ck_assert_uint_eq(capability_of(table, &peer), CAPABILITY_NO_BLOCKS | 1 << 5);
    ck_assert_uint_eq(capability_count(table), 1);
}
END_TEST

START_TEST(a_record_ends_an_hour_after_it_was_confirmed_last)
{
    struct endpoint_address peer = fake_address(1), other = fake_address(2);

    capability_learn(table, &peer, CAPABILITY_NO_BLOCKS);
    capability_learn(table, &other, CAPABILITY_NO_BLOCKS);
    clock_advance(timers, CAPABILITY_LIFE_S * 500);
    capability_learn(table, &peer, CAPABILITY_NO_BLOCKS);
    clock_advance(timers, CAPABILITY_LIFE_S * 500);
    ck_assert_uint_eq(capability_of(table, &other), 0);
    ck_assert_uint_eq(capability_of(table, &peer), CAPABILITY_NO_BLOCKS);
    clock_advance(timers, CAPABILITY_LIFE_S * 500);
    ck_assert_uint_eq(capability_of(table, &peer), 0);
    ck_assert_uint_eq(capability_count(table), 0);
    /* It takes no timer. */
    ck_assert_uint_eq(timers_next_us(timers), TIMERS_NEVER);
}
END_TEST

START_TEST(of_too_many_peers_the_oldest_is_forgotten)
{
    struct endpoint_address first = fake_address(1), second = fake_address(2);

    for (unsigned i = 1; i <= CAPABILITY_PEERS_MAX; i++) {
        struct endpoint_address peer = fake_address((uint16_t)i);
        capability_learn(table, &peer, CAPABILITY_NO_BLOCKS);
    }
    ck_assert_uint_eq(capability_of(table, &first), CAPABILITY_NO_BLOCKS);
    struct endpoint_address peer = fake_address(60000);
    capability_learn(table, &peer, CAPABILITY_NO_BLOCKS);
    ck_assert_uint_eq(capability_count(table), CAPABILITY_PEERS_MAX);
    ck_assert_uint_eq(capability_of(table, &first), 0);
    ck_assert_uint_eq(capability_of(table, &second), CAPABILITY_NO_BLOCKS);
    ck_assert_uint_eq(capability_of(table, &peer), CAPABILITY_NO_BLOCKS);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("capability");
    TCase *tests = tcase_create("capability");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_peer_is_known_by_address_and_port);
    tcase_add_test(tests, a_record_ends_an_hour_after_it_was_confirmed_last);
    tcase_add_test(tests, of_too_many_peers_the_oldest_is_forgotten);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
