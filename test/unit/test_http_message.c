/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_message.h"

/* test_http_message: fields of a request, and the gate that all field values of a reply pass. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proves.h"

START_TEST(fields_are_found_without_regard_to_case_and_joined_in_order)
{
    static const struct http_field fields[] = {
        {"Accept", "text/plain"}, {"X", "1"}, {"ACCEPT", "application/json"}};
    struct http_request request = {.fields = fields, .field_count = 3};
    ck_assert_str_eq(http_request_field(&request, "accept"), "text/plain");
    ck_assert_ptr_null(http_request_field(&request, "Accep"));

    struct buffer joined;
    buffer_init(&joined, 64);
    ck_assert(http_request_joined_field(&request, "Accept", &joined));
    ck_assert_str_eq(buffer_text(&joined), "text/plain, application/json");
    buffer_clear(&joined);
    ck_assert(!http_request_joined_field(&request, "Range", &joined));
    buffer_clear(&joined);
    buffer_init(&joined, 12);
    ck_assert(!http_request_joined_field(&request, "Accept", &joined));
    buffer_clear(&joined);
}
END_TEST

START_TEST(a_value_with_a_control_character_is_refused)
{
    static struct http_reply reply;
    http_reply_init(&reply, 100);
    for (int c = 0; c < 0x20; c++)
        ck_assert_int_eq(http_reply_add(&reply, "Location", "/a%cSet-Cookie: b", c), -1);
    ck_assert_int_eq(http_reply_add(&reply, "Location", "/%c", 0x7f), -1);
    ck_assert_int_eq(http_reply_add(&reply, "Location", "%s", "/x\r\nSet-Cookie: a=b"), -1);
    ck_assert_uint_eq(reply.field_count, 0);
    ck_assert_uint_eq(reply.arena_used, 0);
    ck_assert_int_eq(http_reply_add(&reply, "Location", "/%s", "a b"), 0);
    ck_assert_str_eq(http_reply_field(&reply, "location"), "/a b");
    proves("HTTP-14");
    http_reply_clear(&reply);
}
END_TEST

START_TEST(fields_can_be_removed_and_values_stay)
{
    static struct http_reply reply;
    http_reply_init(&reply, 100);
    ck_assert_int_eq(http_reply_add(&reply, "A", "%d", 1), 0);
    ck_assert_int_eq(http_reply_add(&reply, "B", "%d", 2), 0);
    ck_assert_int_eq(http_reply_add(&reply, "a", "%d", 3), 0);
    http_reply_remove(&reply, "A");
    ck_assert_uint_eq(reply.field_count, 1);
    ck_assert_ptr_null(http_reply_field(&reply, "A"));
    ck_assert_str_eq(http_reply_field(&reply, "B"), "2");
    http_reply_clear(&reply);
}
END_TEST

START_TEST(a_full_reply_refuses_more_and_keeps_what_it_has)
{
    static struct http_reply reply;
    http_reply_init(&reply, 100);
    static char large[HTTP_REPLY_ARENA_SIZE + 1];
    memset(large, 'x', sizeof(large) - 1);
    ck_assert_int_eq(http_reply_add(&reply, "X", "%s", large), -1);
    ck_assert_int_eq(http_reply_add(&reply, "X", "%s", large + 1), 0);
    ck_assert_int_eq(http_reply_add(&reply, "Y", "%s", ""), -1);
    ck_assert_uint_eq(strlen(http_reply_field(&reply, "X")), HTTP_REPLY_ARENA_SIZE - 1);
    http_reply_clear(&reply);

    for (int i = 0; i < HTTP_REPLY_FIELDS_MAX; i++)
        ck_assert_int_eq(http_reply_add(&reply, "N", "%d", i), 0);
    ck_assert_int_eq(http_reply_add(&reply, "N", "%d", -1), -1);
    http_reply_clear(&reply);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_message");
    TCase *tcase = tcase_create("http_message");
    tcase_add_test(tcase, fields_are_found_without_regard_to_case_and_joined_in_order);
    tcase_add_test(tcase, a_value_with_a_control_character_is_refused);
    tcase_add_test(tcase, fields_can_be_removed_and_values_stay);
    tcase_add_test(tcase, a_full_reply_refuses_more_and_keeps_what_it_has);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
