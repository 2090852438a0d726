/* SPDX-License-Identifier: BSD-2-Clause */
#include "rest.h"

/* test_rest: options in order and in the fewest bytes, and what of a response is kept (RFC
 * 7252 5.4). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proves.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* A response with options of the given numbers and lengths; the values are zeros unless set. */
static struct rest_message response_of(uint8_t code, const struct rest_option *options,
                                       size_t count)
{
    static const uint8_t zeros[64];
    struct rest_message message = {.code = code, .option_count = count};
    for (size_t i = 0; i < count; i++) {
        message.options[i] = options[i];
        if (!options[i].value)
            message.options[i].value = zeros;
    }
    return message;
}

START_TEST(options_are_sent_ascending_and_uints_in_the_fewest_bytes)
{
    static struct rest_request request;
    rest_request_init(&request);
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_ACCEPT, 60), 0);
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_URI_PATH, "b", 1), 0);
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_CONTENT_FORMAT, 0), 0);
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_URI_PATH, "a", 1), 0);
    ck_assert_int_eq(rest_request_add(&request, REST_OPTION_IF_MATCH, NULL, 0), 0);
    ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_SIZE1, 0x10000), 0);
    static const struct {
        uint16_t number;
        uint16_t length;
        const char *value;
    } expected[] = {
        {1, 0, ""}, {11, 1, "b"}, {11, 1, "a"}, {12, 0, ""}, {17, 1, "<"}, {60, 3, "\1\0\0"},
    };
    ck_assert_uint_eq(request.message.option_count, LENGTH(expected));
    for (size_t i = 0; i < LENGTH(expected); i++) {
        const struct rest_option *option = &request.message.options[i];
        ck_assert_uint_eq(option->number, expected[i].number);
        ck_assert_uint_eq(option->length, expected[i].length);
        if (option->length > 0)
            ck_assert_mem_eq(option->value, expected[i].value, option->length);
    }
    proves("OPT-28");
}
END_TEST

START_TEST(uint_values_are_read_with_leading_zeros_up_to_four_bytes)
{
    uint32_t value = 9;
    struct rest_option option = {14, 4, (const uint8_t *)"\0\0\1\2"};
    ck_assert(rest_option_uint(&option, &value));
    ck_assert_uint_eq(value, 0x102);
    option.length = 0;
    ck_assert(rest_option_uint(&option, &value));
    ck_assert_uint_eq(value, 0);
    option.length = 5;
    ck_assert(!rest_option_uint(&option, &value));
}
END_TEST

START_TEST(a_request_refuses_what_does_not_fit)
{
    static struct rest_request request;
    static const uint8_t bytes[REST_ARENA_SIZE + 1];
    rest_request_init(&request);
    ck_assert_int_eq(rest_request_add(&request, 11, bytes, sizeof(bytes)), -1);
    ck_assert_int_eq(rest_request_add(&request, 11, bytes, REST_ARENA_SIZE), 0);
    ck_assert_int_eq(rest_request_add(&request, 11, bytes, 1), -1);
    ck_assert_uint_eq(request.message.option_count, 1);
    for (size_t i = 1; i < REST_OPTIONS_MAX; i++)
        ck_assert_int_eq(rest_request_add(&request, 11, NULL, 0), 0);
    ck_assert_int_eq(rest_request_add(&request, 11, NULL, 0), -1);
    ck_assert_uint_eq(request.message.option_count, REST_OPTIONS_MAX);
}
END_TEST

START_TEST(candidates_replace_one_another_without_using_the_arena_up)
{
    static struct rest_request request;
    rest_request_init(&request);
    ck_assert_int_eq(rest_request_add(&request, 11, "path", 4), 0);
    for (uint32_t i = 0; i < 10000; i++) {
        ck_assert_int_eq(rest_request_add_uint(&request, REST_OPTION_ACCEPT, 300 + i), 0);
        rest_request_remove(&request, REST_OPTION_ACCEPT);
    }
    ck_assert_uint_eq(request.message.option_count, 1);
    ck_assert_ptr_null(rest_find_option(&request.message, REST_OPTION_ACCEPT));
    ck_assert_mem_eq(rest_find_option(&request.message, 11)->value, "path", 4);
}
END_TEST

START_TEST(the_size_of_options_counts_extended_deltas_and_lengths)
{
    /* RFC 7252 3.1: 13..268 take one more byte, larger ones two. */
    static const struct {
        struct rest_option option;
        size_t size;
    } cases[] = {
        {{1, 0, NULL}, 1},   {{12, 12, NULL}, 13},    {{13, 0, NULL}, 2},      {{12, 13, NULL}, 15},
        {{268, 0, NULL}, 2}, {{269, 268, NULL}, 272}, {{269, 269, NULL}, 274},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct rest_message message = response_of(69, &cases[i].option, 1);
        ck_assert_uint_eq(rest_options_size(&message), cases[i].size);
    }
    struct rest_option two[] = {{11, 1, NULL}, {11, 1, NULL}};
    struct rest_message message = response_of(69, two, 2);
    ck_assert_uint_eq(rest_options_size(&message), 4);
}
END_TEST

START_TEST(unknown_options_are_dropped_or_fatal_by_their_number)
{
    static const struct {
        uint16_t number;
        enum rest_verdict verdict;
        const char *comment;
    } cases[] = {
        {65000, REST_VERDICT_FINE, "elective, safe to forward"},
        {65001, REST_VERDICT_CRITICAL, "critical"},
        {65002, REST_VERDICT_UNSAFE, "elective, unsafe to forward"},
        {65003, REST_VERDICT_CRITICAL, "critical and unsafe"},
        {REST_OPTION_OSCORE, REST_VERDICT_CRITICAL, "nobody here holds the keys (OPT-10)"},
        {REST_OPTION_URI_PATH, REST_VERDICT_CRITICAL, "has no meaning in a response"},
        {REST_OPTION_HOP_LIMIT, REST_VERDICT_FINE, "elective, without meaning in a response"},
        {19, REST_VERDICT_CRITICAL, "Q-Block1"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct rest_option option = {cases[i].number, 1, NULL};
        struct rest_message response = response_of(REST_CODE(2, 5), &option, 1);
        uint16_t number = 0;
        enum rest_verdict verdict = rest_check_response(&response, &number);
        ck_assert_msg(verdict == cases[i].verdict, "%s", cases[i].comment);
        if (verdict == REST_VERDICT_FINE)
            ck_assert_uint_eq(response.option_count, 0);
        else
            ck_assert_uint_eq(number, cases[i].number);
    }
    proves("OPT-24");
}
END_TEST

START_TEST(of_supernumerary_options_the_first_counts_and_wrong_sizes_are_ignored)
{
    struct rest_option options[] = {
        {REST_OPTION_ETAG, 1, (const uint8_t *)"a"},
        {REST_OPTION_ETAG, 1, (const uint8_t *)"b"},
        {REST_OPTION_LOCATION_PATH, 1, (const uint8_t *)"x"},
        {REST_OPTION_LOCATION_PATH, 1, (const uint8_t *)"y"},
        {REST_OPTION_CONTENT_FORMAT, 3, NULL},
        {REST_OPTION_MAX_AGE, 1, (const uint8_t *)"\7"},
        {REST_OPTION_MAX_AGE, 1, (const uint8_t *)"\10"},
    };
    struct rest_message response = response_of(REST_CODE(2, 5), options, LENGTH(options));
    uint16_t number;
    ck_assert_int_eq(rest_check_response(&response, &number), REST_VERDICT_FINE);
    ck_assert_uint_eq(response.option_count, 4);
    ck_assert_mem_eq(rest_find_option(&response, REST_OPTION_ETAG)->value, "a", 1);
    ck_assert_mem_eq(rest_find_option(&response, REST_OPTION_MAX_AGE)->value, "\7", 1);
    ck_assert_ptr_null(rest_find_option(&response, REST_OPTION_CONTENT_FORMAT));
    proves("OPT-26");
}
END_TEST

START_TEST(block_options_are_taken_once_and_up_to_three_bytes)
{
    static const struct {
        uint16_t option;
        uint16_t length;
        const char *value;
        size_t count;
        enum rest_verdict verdict;
    } cases[] = {
        {REST_OPTION_BLOCK2, 0, "", 1, REST_VERDICT_FINE},
        {REST_OPTION_BLOCK2, 3, "\xff\xff\xfe", 1, REST_VERDICT_FINE},
        {REST_OPTION_BLOCK2, 1, "\x0e", 2, REST_VERDICT_CRITICAL},
        {REST_OPTION_BLOCK2, 4, "\0\0\0\6", 1, REST_VERDICT_CRITICAL},
        {REST_OPTION_BLOCK1, 1, "\x0e", 1, REST_VERDICT_FINE},
        {REST_OPTION_BLOCK1, 1, "\x0e", 2, REST_VERDICT_CRITICAL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct rest_option option = {cases[i].option, cases[i].length,
                                     (const uint8_t *)cases[i].value};
        struct rest_option options[] = {option, option};
        struct rest_message response = response_of(REST_CODE(2, 5), options, cases[i].count);
        uint16_t number = 0;
        ck_assert_msg(rest_check_response(&response, &number) == cases[i].verdict, "case %zu", i);
        if (cases[i].verdict == REST_VERDICT_FINE)
            ck_assert_uint_eq(response.option_count, 1);
    }
    /* RFC 9175 3.4: none of a response */
    struct rest_option tag = {REST_OPTION_REQUEST_TAG, 1, (const uint8_t *)"x"};
    struct rest_message response = response_of(REST_CODE(2, 5), &tag, 1);
    uint16_t number;
    ck_assert_int_eq(rest_check_response(&response, &number), REST_VERDICT_FINE);
    ck_assert_uint_eq(response.option_count, 0);
}
END_TEST

START_TEST(options_and_codes_have_names)
{
    ck_assert_str_eq(rest_option_name(REST_OPTION_IF_MATCH), "If-Match");
    ck_assert_ptr_null(rest_option_name(65001));
    ck_assert(rest_option_is_unrecognised(65001, 0));
    ck_assert(rest_option_is_unrecognised(REST_OPTION_ETAG, 9));
    ck_assert(!rest_option_is_unrecognised(REST_OPTION_ETAG, 8));
    char text[8];
    ck_assert_str_eq(rest_code_format(REST_CODE(2, 5), text), "2.05");
    ck_assert_str_eq(rest_code_format(255, text), "7.31");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("rest");
    TCase *tcase = tcase_create("rest");
    tcase_add_test(tcase, options_are_sent_ascending_and_uints_in_the_fewest_bytes);
    tcase_add_test(tcase, uint_values_are_read_with_leading_zeros_up_to_four_bytes);
    tcase_add_test(tcase, a_request_refuses_what_does_not_fit);
    tcase_add_test(tcase, candidates_replace_one_another_without_using_the_arena_up);
    tcase_add_test(tcase, the_size_of_options_counts_extended_deltas_and_lengths);
    tcase_add_test(tcase, unknown_options_are_dropped_or_fatal_by_their_number);
    tcase_add_test(tcase, of_supernumerary_options_the_first_counts_and_wrong_sizes_are_ignored);
    tcase_add_test(tcase, block_options_are_taken_once_and_up_to_three_bytes);
    tcase_add_test(tcase, options_and_codes_have_names);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
