/* SPDX-License-Identifier: BSD-2-Clause */
#include "memory_account.h"

/* test_memory_account: the sum of what requests take, and buffers that are charged to it. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"

START_TEST(charges_stay_within_the_maximum)
{
    struct memory_account account = {.maximum = 100};

    ck_assert(memory_account_take(&account, 60));
    ck_assert(!memory_account_take(&account, 41));
    ck_assert(memory_account_has_room(&account, 40));
    ck_assert(memory_account_take(&account, 40));
    ck_assert(!memory_account_has_room(&account, 1));
    memory_account_add(&account, 10);
    ck_assert(!memory_account_take(&account, 0));
    memory_account_give(&account, 110);
    ck_assert_uint_eq(account.used, 0);
    ck_assert(memory_account_take(NULL, SIZE_MAX));
    memory_account_add(NULL, 1);
    memory_account_give(NULL, 1);
}
END_TEST

START_TEST(a_buffer_is_charged_for_what_it_holds)
{
    struct memory_account account = {.maximum = 10000};
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

int main(void)
{
    Suite *suite = suite_create("memory_account");
    TCase *tests = tcase_create("memory_account");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, charges_stay_within_the_maximum);
    tcase_add_test(tests, a_buffer_is_charged_for_what_it_holds);
    tcase_add_test(tests, what_fits_into_one_message_is_always_granted);
    tcase_add_test(tests, room_that_is_made_beforehand_is_charged_as_it_is);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
