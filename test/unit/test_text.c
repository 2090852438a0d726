/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

/* test_text: tables of what is and what is not a number, hex, UTF-8 and a token. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"

START_TEST(only_plain_decimal_digits_within_the_maximum_are_a_number)
{
    static const struct {
        const char *text;
        uint64_t maximum;
        bool is_number;
        uint64_t number;
    } cases[] = {
        {"0", 0, true, 0},
        {"1", 0, false, 0},
        {"", 10, false, 0},
        {"007", 10, true, 7},
        {"65535", 65535, true, 65535},
        {"65536", 65535, false, 0},
        {"18446744073709551615", UINT64_MAX, true, UINT64_MAX},
        {"18446744073709551616", UINT64_MAX, false, 0},
        {"99999999999999999999", UINT64_MAX, false, 0},
        {"-1", 10, false, 0},
        {"+1", 10, false, 0},
        {" 1", 10, false, 0},
        {"1 ", 10, false, 0},
        {"0x1", 10, false, 0},
        {"\xd9\xa1", 10, false, 0}, /* an Arabic digit */
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        uint64_t number = 0;
        bool is_number =
            text_to_number(cases[i].text, strlen(cases[i].text), cases[i].maximum, &number);
        ck_assert_msg(is_number == cases[i].is_number, "\"%s\"", cases[i].text);
        ck_assert_uint_eq(number, cases[i].number);
    }
    uint64_t number = 0;
    ck_assert(text_to_number("12345", 2, 100, &number));
    ck_assert_uint_eq(number, 12);
}
END_TEST

START_TEST(hex_goes_both_ways)
{
    char text[2 * 4 + 1];
    text_to_hex("\x00\x7f\x80\xff", 4, text);
    ck_assert_str_eq(text, "007f80ff");
    uint8_t bytes[4] = {9, 9, 9, 9};
    size_t length = 0;
    ck_assert(text_from_hex("007F80fF", 8, bytes, sizeof bytes, &length));
    ck_assert_uint_eq(length, 4);
    ck_assert_mem_eq(bytes, "\x00\x7f\x80\xff", 4);
    ck_assert(text_from_hex("", 0, bytes, sizeof bytes, &length));
    ck_assert_uint_eq(length, 0);
    ck_assert(!text_from_hex("0", 1, bytes, sizeof bytes, &length));
    ck_assert(!text_from_hex("0g", 2, bytes, sizeof bytes, &length));
    ck_assert(!text_from_hex("0011223344", 10, bytes, sizeof bytes, &length));
}
END_TEST

static const struct {
    const char *bytes;
    size_t length;
    const char *repaired; /* NULL: valid as it is */
    const char *comment;
} utf8_cases[] = {
    {"", 0, NULL, "nothing"},
    {"plain", 5, NULL, "ASCII"},
    {"a\0b", 3, NULL, "NUL is a character"},
    {"\xc2\x80\xdf\xbf", 4, NULL, "ends of the two-byte range"},
    {"\xe0\xa0\x80\xed\x9f\xbf\xee\x80\x80\xef\xbf\xbf", 12, NULL, "three bytes"},
    {"\xf0\x90\x80\x80\xf4\x8f\xbf\xbf", 8, NULL, "four bytes"},
    {"\x80", 1, "\xef\xbf\xbd", "a lone continuation"},
    {"\xc3", 1, "\xef\xbf\xbd", "cut in two bytes"},
    {"\xc3(", 2, "\xef\xbf\xbd(", "no continuation"},
    {"\xc0\xaf", 2, "\xef\xbf\xbd\xef\xbf\xbd", "overlong in two bytes"},
    {"\xc1\xbf", 2, "\xef\xbf\xbd\xef\xbf\xbd", "overlong in two bytes"},
    {"\xe0\x9f\xbf", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "overlong in three bytes"},
    {"\xed\xa0\x80", 3, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "a surrogate"},
    {"\xe2\x82", 2, "\xef\xbf\xbd\xef\xbf\xbd", "cut in three bytes"},
    {"\xf0\x8f\xbf\xbf", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "overlong in four"},
    {"\xf4\x90\x80\x80", 4, "\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd\xef\xbf\xbd", "above U+10FFFF"},
    {"\xf5", 1, "\xef\xbf\xbd", "no such first byte"},
    {"\xff", 1, "\xef\xbf\xbd", "no such first byte"},
    {"21\xb0"
     "C",
     4,
     "21\xef\xbf\xbd"
     "C",
     "Latin-1 inside text"},
};

START_TEST(utf8_is_what_rfc_3629_allows_and_the_rest_is_repaired)
{
    for (size_t i = 0; i < sizeof utf8_cases / sizeof utf8_cases[0]; i++) {
        bool is_valid = utf8_cases[i].repaired == NULL;
        ck_assert_msg(text_is_utf8(utf8_cases[i].bytes, utf8_cases[i].length) == is_valid, "%s",
                      utf8_cases[i].comment);
        struct buffer out;
        buffer_init(&out, 100);
        ck_assert_int_eq(text_repair_utf8(&out, utf8_cases[i].bytes, utf8_cases[i].length), 0);
        if (is_valid) {
            ck_assert_uint_eq(out.length, utf8_cases[i].length);
            ck_assert_mem_eq(buffer_text(&out), utf8_cases[i].bytes, out.length);
        } else {
            ck_assert_msg(strcmp(buffer_text(&out), utf8_cases[i].repaired) == 0, "%s",
                          utf8_cases[i].comment);
        }
        ck_assert(text_is_utf8(buffer_text(&out), out.length));
        buffer_clear(&out);
    }
}
END_TEST

START_TEST(repair_stops_when_the_buffer_is_full)
{
    struct buffer out;
    buffer_init(&out, 4);
    ck_assert_int_eq(text_repair_utf8(&out, "ab\xff", 3), -1);
    ck_assert(out.failed);
    buffer_clear(&out);
    buffer_init(&out, 4);
    ck_assert_int_eq(text_repair_utf8(&out, "abcde", 5), -1);
    buffer_clear(&out);
}
END_TEST

START_TEST(case_is_folded_in_ascii_only)
{
    ck_assert(text_equal_ignoring_case("Content-Type", "cONTENT-tYPE"));
    ck_assert(!text_equal_ignoring_case("abc", "abcd"));
    ck_assert(!text_equal_ignoring_case("abcd", "abc"));
    ck_assert(text_equal_ignoring_case("", ""));
    ck_assert(!text_equal_ignoring_case("[", "{")); /* 0x5b and 0x7b differ by the case bit only */
    ck_assert(text_equal_ignoring_case_n("ABCx", "abcy", 3));
    ck_assert(!text_equal_ignoring_case_n("ABCx", "abcy", 4));
}
END_TEST

START_TEST(a_token_has_only_the_characters_of_rfc_9110)
{
    ck_assert(text_is_token("!#$%&'*+-.^_`|~azAZ09", 21));
    ck_assert(!text_is_token("", 0));
    ck_assert(!text_is_token("a b", 3));
    ck_assert(!text_is_token("a\0b", 3));
    ck_assert(!text_is_token("\xc3\xa4", 2));
    static const char separators[] = "\"(),/:;<=>?@[\\]{}\t\r\n\x7f";
    for (size_t i = 0; i < sizeof separators - 1; i++) {
        ck_assert(!text_is_token(&separators[i], 1));
    }
}
END_TEST

START_TEST(json_strings_escape_what_they_must_and_are_utf8)
{
    struct buffer out;
    buffer_init(&out, 100);
    ck_assert_int_eq(text_to_json(&out, "a\"\\/\x1f\0\x7f\xc3\xa4\xff\"", 11), 0);
    ck_assert_str_eq(buffer_text(&out), "\"a\\\"\\\\/\\u001f\\u0000\x7f\xc3\xa4\xef\xbf\xbd\\\"\"");
    buffer_clear(&out);
    ck_assert_int_eq(text_to_json(&out, NULL, 0), 0);
    ck_assert_str_eq(buffer_text(&out), "\"\"");
    buffer_clear(&out);
    buffer_init(&out, 3);
    ck_assert_int_eq(text_to_json(&out, "ab", 2), -1);
    buffer_clear(&out);
}
END_TEST

START_TEST(base64_has_the_test_vectors_of_rfc_4648)
{
    static const struct {
        const char *bytes, *text;
    } cases[] = {
        {"", ""},
        {"f", "Zg=="},
        {"fo", "Zm8="},
        {"foo", "Zm9v"},
        {"foob", "Zm9vYg=="},
        {"fooba", "Zm9vYmE="},
        {"foobar", "Zm9vYmFy"},
        {"\xfb\xff\xbf", "+/+/"},
    };
    struct buffer out;
    buffer_init(&out, 8);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_int_eq(text_to_base64(&out, cases[i].bytes, strlen(cases[i].bytes)), 0);
        ck_assert_str_eq(buffer_text(&out), cases[i].text);
        buffer_clear(&out);
    }
    ck_assert_int_eq(text_to_base64(&out, "fooooo1", 7), -1);
    buffer_clear(&out);
}
END_TEST

START_TEST(times_are_those_of_the_c_library_within_the_years_that_have_four_digits)
{
    char text[TEXT_TIME_SIZE], expected[64];
    /* a step that is no multiple of a day and meets every day of the year */
    for (int64_t s = -62167219200; s < 253402300800; s += 86399 * 31) {
        time_t seconds = (time_t)s;
        struct tm tm;
        ck_assert_ptr_nonnull(gmtime_r(&seconds, &tm));
        unsigned ms = (unsigned)((s + 62167219200) % 1000);
        ck_assert_uint_lt(snprintf(expected, sizeof expected, "%04d-%02d-%02dT%02d:%02d:%02d.%03uZ",
                                   tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
                                   tm.tm_min, tm.tm_sec, ms),
                          sizeof expected);
        text_to_time(s * 1000 + ms, text);
        ck_assert_str_eq(text, expected);
    }
    static const struct {
        int64_t ms;
        const char *text;
    } cases[] = {
        {0, "1970-01-01T00:00:00.000Z"},
        {-1, "1969-12-31T23:59:59.999Z"},
        {951782400000, "2000-02-29T00:00:00.000Z"},
        {4107542400000, "2100-03-01T00:00:00.000Z"},
        {INT64_MIN, "0000-01-01T00:00:00.000Z"},
        {INT64_MAX, "9999-12-31T23:59:59.999Z"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        text_to_time(cases[i].ms, text);
        ck_assert_str_eq(text, cases[i].text);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("text");
    TCase *tcase = tcase_create("text");
    tcase_add_test(tcase, only_plain_decimal_digits_within_the_maximum_are_a_number);
    tcase_add_test(tcase, hex_goes_both_ways);
    tcase_add_test(tcase, utf8_is_what_rfc_3629_allows_and_the_rest_is_repaired);
    tcase_add_test(tcase, repair_stops_when_the_buffer_is_full);
    tcase_add_test(tcase, case_is_folded_in_ascii_only);
    tcase_add_test(tcase, a_token_has_only_the_characters_of_rfc_9110);
    tcase_add_test(tcase, json_strings_escape_what_they_must_and_are_utf8);
    tcase_add_test(tcase, base64_has_the_test_vectors_of_rfc_4648);
    tcase_add_test(tcase, times_are_those_of_the_c_library_within_the_years_that_have_four_digits);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
