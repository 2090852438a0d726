/* SPDX-License-Identifier: BSD-2-Clause */
#include "random_source.h"

/* test_random_source: repeatable sequences, fair draws, and the daemon's secure source. */

#include <check.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

#include "secure_random.h"

START_TEST(a_seed_decides_the_whole_sequence)
{
    uint8_t first[100];
    uint8_t second[100];
    uint8_t other[100];
    uint8_t *outs[] = {first, second, other};
    static const uint64_t seeds[] = {1, 1, 2};
    for (int i = 0; i < 3; i++) {
        struct random_sequence sequence;
        random_sequence_init(&sequence, seeds[i]);
        struct random_source source = random_sequence_source(&sequence);
        random_bytes(&source, outs[i], sizeof first);
    }
    ck_assert_mem_eq(first, second, sizeof first);
    ck_assert_mem_ne(first, other, sizeof first);
}
END_TEST

START_TEST(every_seed_gives_a_living_state)
{
    /* the second seed is the one that the spreading turns into zero */
    static const uint64_t seeds[] = {0, UINT64_C(0) - UINT64_C(0x9E3779B97F4A7C15), UINT64_MAX};
    for (size_t i = 0; i < sizeof seeds / sizeof seeds[0]; i++) {
        struct random_sequence sequence;
        random_sequence_init(&sequence, seeds[i]);
        ck_assert_uint_ne(sequence.state, 0);
    }
}
END_TEST

START_TEST(draws_stay_below_the_bound_and_reach_all_of_it)
{
    struct random_sequence sequence;
    random_sequence_init(&sequence, 3);
    struct random_source source = random_sequence_source(&sequence);
    unsigned counts[6] = {0};
    for (int i = 0; i < 6000; i++) {
        uint32_t value = random_below(&source, 6);
        ck_assert_uint_lt(value, 6);
        counts[value]++;
    }
    for (int i = 0; i < 6; i++) {
        ck_assert_uint_gt(counts[i], 850);
        ck_assert_uint_lt(counts[i], 1150);
    }
    ck_assert_uint_eq(random_below(&source, 1), 0);
}
END_TEST

struct scripted {
    uint32_t values[3];
    size_t next;
};

static void scripted_fill(void *handle, void *bytes, size_t length)
{
    struct scripted *scripted = handle;
    ck_assert_uint_eq(length, sizeof(uint32_t));
    ck_assert_uint_lt(scripted->next, 3);
    memcpy(bytes, &scripted->values[scripted->next++], length);
}

START_TEST(draws_that_would_favour_small_numbers_are_thrown_away)
{
    /* 2^32 mod 3 is 1: the lowest value is one too many */
    struct scripted scripted = {.values = {0, 0, 5}};
    struct random_source source = {.fill = scripted_fill, .handle = &scripted};
    ck_assert_uint_eq(random_below(&source, 3), 2);
    ck_assert_uint_eq(scripted.next, 3);
}
END_TEST

START_TEST(the_secure_source_fills_any_length_and_does_not_repeat)
{
    struct secure_random *random = secure_random_new();
    ck_assert_ptr_nonnull(random);
    struct random_source source = secure_random_source(random);
    static uint8_t a[2000];
    static uint8_t b[2000];
    random_bytes(&source, a, 0);
    random_bytes(&source, a, sizeof a);
    random_bytes(&source, b, sizeof b);
    for (size_t i = 0; i + 16 <= sizeof a; i += 16) {
        /* sixteen equal bytes by chance: once in 2^128 */
        ck_assert_mem_ne(a + i, b + i, 16);
    }
    uint64_t tokens[1000];
    for (size_t i = 0; i < 1000; i++) {
        random_bytes(&source, &tokens[i], sizeof tokens[i]);
        /* half a million assertions would take Check longer than its time limit */
        bool is_new = true;
        for (size_t j = 0; j < i; j++) {
            is_new = is_new && tokens[i] != tokens[j];
        }
        ck_assert(is_new);
    }
    secure_random_free(random);
    secure_random_free(NULL);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("random_source");
    TCase *tcase = tcase_create("random_source");
    tcase_add_test(tcase, a_seed_decides_the_whole_sequence);
    tcase_add_test(tcase, every_seed_gives_a_living_state);
    tcase_add_test(tcase, draws_stay_below_the_bound_and_reach_all_of_it);
    tcase_add_test(tcase, draws_that_would_favour_small_numbers_are_thrown_away);
    tcase_add_test(tcase, the_secure_source_fills_any_length_and_does_not_repeat);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
