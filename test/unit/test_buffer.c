/* SPDX-License-Identifier: BSD-2-Clause */
#include "buffer.h"

/* test_buffer: growth, the maximum, and what a failed append leaves behind. */

#include <check.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

START_TEST(an_empty_buffer_reads_as_empty_text)
{
    struct buffer buffer;
    buffer_init(&buffer, 10);
    ck_assert_str_eq(buffer_text(&buffer), "");
    size_t length = 7;
    ck_assert_ptr_null(buffer_take(&buffer, &length));
    ck_assert_uint_eq(length, 0);
    buffer_clear(&buffer);
}
END_TEST

START_TEST(appended_pieces_stand_one_after_the_other)
{
    struct buffer buffer;
    buffer_init(&buffer, 1000);
    ck_assert_int_eq(buffer_append(&buffer, "a\0b", 3), 0);
    ck_assert_int_eq(buffer_append_text(&buffer, "cd"), 0);
    ck_assert_int_eq(buffer_append_char(&buffer, 'e'), 0);
    ck_assert_int_eq(buffer_printf(&buffer, "%d-%s", 42, "x"), 0);
    ck_assert_uint_eq(buffer.length, 10);
    ck_assert_mem_eq(buffer.data, "a\0bcde42-x", 11);
    ck_assert(!buffer.failed);
    buffer_clear(&buffer);
    ck_assert_uint_eq(buffer.length, 0);
    ck_assert_uint_eq(buffer.maximum, 1000);
}
END_TEST

START_TEST(a_buffer_fills_to_its_maximum_and_no_further)
{
    struct buffer buffer;
    buffer_init(&buffer, 100);
    for (int i = 0; i < 100; i++) {
        ck_assert_int_eq(buffer_append_char(&buffer, 'x'), 0);
    }
    ck_assert_uint_le(buffer.capacity, 101);
    ck_assert_int_eq(buffer_append_char(&buffer, 'y'), -1);
    ck_assert(buffer.failed);
    ck_assert_uint_eq(buffer.length, 100);
    ck_assert_uint_eq(strlen(buffer_text(&buffer)), 100);
    ck_assert_int_eq(buffer_append(&buffer, "", 0), 0);
    buffer_clear(&buffer);
    ck_assert(!buffer.failed);
}
END_TEST

START_TEST(a_failed_append_leaves_the_contents)
{
    struct buffer buffer;
    buffer_init(&buffer, 8);
    ck_assert_int_eq(buffer_append_text(&buffer, "12345"), 0);
    ck_assert_int_eq(buffer_append_text(&buffer, "6789"), -1);
    ck_assert_int_eq(buffer_printf(&buffer, "%s", "6789"), -1);
    ck_assert_int_eq(buffer_append(&buffer, "x", SIZE_MAX), -1);
    ck_assert_str_eq(buffer_text(&buffer), "12345");
    buffer_clear(&buffer);
}
END_TEST

START_TEST(taken_bytes_belong_to_the_caller)
{
    struct buffer buffer;
    buffer_init(&buffer, SIZE_MAX);
    ck_assert_int_eq(buffer_append_text(&buffer, "mine"), 0);
    size_t length = 0;
    char *taken = buffer_take(&buffer, &length);
    ck_assert_uint_eq(length, 4);
    ck_assert_str_eq(taken, "mine");
    ck_assert_str_eq(buffer_text(&buffer), "");
    ck_assert_int_eq(buffer_append_text(&buffer, "again"), 0);
    buffer_clear(&buffer);
    free(taken);
}
END_TEST

static void give_back(void *owner)
{
    ++*(unsigned *)owner;
}

START_TEST(lent_bytes_are_given_back_once_and_never_changed)
{
    struct buffer buffer, other;
    unsigned returns = 0;

    buffer_init(&buffer, 100);
    buffer_init(&other, 100);
    buffer_append_text(&buffer, "old");
    buffer_lend(&buffer, "lent", 4, give_back, &returns);
    ck_assert_str_eq(buffer_text(&buffer), "lent");
    ck_assert_int_eq(buffer_append_text(&buffer, "x"), -1);
    ck_assert_uint_eq(buffer.length, 4);
    buffer_append_text(&other, "old");
    buffer_move(&other, &buffer);
    ck_assert_str_eq(buffer_text(&other), "lent");
    buffer_clear(&buffer);
    ck_assert_uint_eq(returns, 0);
    buffer_clear(&other);
    ck_assert_uint_eq(returns, 1);
    ck_assert_int_eq(buffer_append_text(&other, "own"), 0);
    buffer_clear(&other);
    ck_assert_uint_eq(returns, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("buffer");
    TCase *tcase = tcase_create("buffer");
    tcase_add_test(tcase, an_empty_buffer_reads_as_empty_text);
    tcase_add_test(tcase, appended_pieces_stand_one_after_the_other);
    tcase_add_test(tcase, a_buffer_fills_to_its_maximum_and_no_further);
    tcase_add_test(tcase, a_failed_append_leaves_the_contents);
    tcase_add_test(tcase, taken_bytes_belong_to_the_caller);
    tcase_add_test(tcase, lent_bytes_are_given_back_once_and_never_changed);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
