/* SPDX-License-Identifier: BSD-2-Clause */
#include "memory_account.h"

/* test_memory_account: the sum of what requests take, and buffers that are charged to it. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

START_TEST(what_asks_leaves_a_quarter_for_what_cannot)
{
    struct memory_account account = {.maximum = 100};

    ck_assert(memory_account_take(&account, 60));
    ck_assert(!memory_account_take(&account, 16));
    ck_assert(memory_account_has_room(&account, 15));
    ck_assert(memory_account_take(&account, 15));
    ck_assert(!memory_account_has_room(&account, 1));
    memory_account_add(&account, 25);
    ck_assert(!memory_account_take(&account, 0));
    /* Above the maximum, and a maximum that became smaller. */
    memory_account_add(&account, 10);
    account.maximum = 50;
    ck_assert(!memory_account_has_room(&account, 0));
    memory_account_give(&account, 73);
    ck_assert(memory_account_take(&account, 1));
    memory_account_give(&account, 38);
    ck_assert_uint_eq(account.used, 0);
    ck_assert(memory_account_take(NULL, SIZE_MAX));
    memory_account_add(NULL, 1);
    memory_account_give(NULL, 1);
}
END_TEST

START_TEST(a_buffer_is_charged_for_what_it_holds)
{
    struct memory_account account = {.maximum = 12000};
    struct buffer one, other;
    char bytes[3000] = "";

    buffer_init_charged(&one, 100000, &account);
    buffer_init_charged(&other, 100000, &account);
    ck_assert_uint_eq(account.used, 0);
    ck_assert_int_eq(buffer_append(&one, bytes, sizeof bytes), 0);
    ck_assert_uint_ge(account.used, sizeof bytes);
    ck_assert_int_eq(buffer_append(&one, bytes, sizeof bytes), 0);
    ck_assert_int_eq(buffer_append(&other, bytes, sizeof bytes), -1);
    ck_assert_uint_eq(other.length, 0);
    ck_assert(other.failed);
    buffer_clear(&one);
    ck_assert_uint_eq(account.used, 0);
    ck_assert_int_eq(buffer_append(&other, bytes, sizeof bytes), 0);
    /* Whoever takes the bytes charges them, if at all. */
    free(buffer_take(&other, NULL));
    ck_assert_uint_eq(account.used, 0);
    /* A buffer that was cleared is charged as before. */
    ck_assert_int_eq(buffer_append(&one, bytes, sizeof bytes), 0);
    ck_assert_uint_ge(account.used, sizeof bytes);
    buffer_clear(&one);
}
END_TEST

START_TEST(what_fits_into_one_message_is_always_granted)
{
    struct memory_account account = {.maximum = 10, .used = 10};
    struct buffer buffer;
    char bytes[1024] = "";

    buffer_init_charged(&buffer, 100000, &account);
    ck_assert_int_eq(buffer_append(&buffer, bytes, sizeof bytes), 0);
    ck_assert_int_eq(buffer_append(&buffer, bytes, sizeof bytes), -1);
    buffer_clear(&buffer);
    ck_assert_uint_eq(account.used, 10);
}
END_TEST

START_TEST(room_that_is_made_beforehand_is_charged_as_it_is)
{
    struct memory_account account = {.maximum = 10000};
    struct buffer buffer;
    char bytes[5000] = "";

    buffer_init_charged(&buffer, sizeof bytes, &account);
    ck_assert_int_eq(buffer_make_room(&buffer, sizeof bytes), 0);
    ck_assert_uint_eq(account.used, sizeof bytes + 1);
    ck_assert_str_eq(buffer_text(&buffer), "");
    ck_assert_int_eq(buffer_append(&buffer, bytes, sizeof bytes), 0);
    ck_assert_int_eq(buffer_make_room(&buffer, 1), 0);
    ck_assert_uint_eq(account.used, sizeof bytes + 1);
    ck_assert_int_eq(buffer_make_room(&buffer, sizeof bytes + 1), -1);
    buffer_clear(&buffer);
    account.maximum = 3000;
    ck_assert_int_eq(buffer_make_room(&buffer, sizeof bytes), -1);
    ck_assert_uint_eq(account.used, 0);
    ck_assert_int_eq(buffer_make_room(&buffer, 0), 0);
    buffer_clear(&buffer);
}
END_TEST

START_TEST(bytes_that_are_handed_over_take_their_charge_along)
{
    struct memory_account account = {.maximum = 100000};
    struct buffer from, to;
    char bytes[5000] = "x";
    size_t length;

    buffer_init_charged(&from, 20000, &account);
    buffer_init_charged(&to, 10, &account);
    ck_assert_int_eq(buffer_append_text(&to, "old"), 0);
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(buffer_append(&from, bytes, sizeof bytes), 0);
    ck_assert_int_eq(buffer_append(&from, bytes, 1), 0);
    ck_assert_uint_gt(account.used, 2 * sizeof bytes + 2);
    buffer_move(&to, &from);
    ck_assert_uint_eq(to.length, 2 * sizeof bytes + 1);
    ck_assert_int_eq(to.data[sizeof bytes], 'x');
    ck_assert_uint_eq(to.maximum, 10);
    ck_assert_ptr_null(from.data);
    /* What growing took too much is given back. */
    ck_assert_uint_eq(account.used, 2 * sizeof bytes + 2);
    buffer_clear(&from);
    ck_assert_uint_eq(account.used, 2 * sizeof bytes + 2);
    free(buffer_take(&to, &length));
    ck_assert_uint_eq(length, 2 * sizeof bytes + 1);
    ck_assert_uint_eq(account.used, 0);
}
END_TEST

START_TEST(a_buffer_that_was_free_is_charged_from_then_on)
{
    struct memory_account account = {.maximum = 10};
    struct buffer buffer;
    char bytes[5000] = "";

    buffer_init(&buffer, 100000);
    ck_assert_int_eq(buffer_append(&buffer, bytes, sizeof bytes), 0);
    buffer_set_account(&buffer, &account);
    ck_assert_uint_eq(account.used, buffer.capacity);
    buffer_set_account(&buffer, &account);
    ck_assert_uint_eq(account.used, buffer.capacity);
    ck_assert_int_eq(buffer_append(&buffer, bytes, sizeof bytes), -1);
    buffer_clear(&buffer);
    ck_assert_uint_eq(account.used, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("memory_account");
    TCase *tests = tcase_create("memory_account");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, what_asks_leaves_a_quarter_for_what_cannot);
    tcase_add_test(tests, a_buffer_is_charged_for_what_it_holds);
    tcase_add_test(tests, what_fits_into_one_message_is_always_granted);
    tcase_add_test(tests, room_that_is_made_beforehand_is_charged_as_it_is);
    tcase_add_test(tests, bytes_that_are_handed_over_take_their_charge_along);
    tcase_add_test(tests, a_buffer_that_was_free_is_charged_from_then_on);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
