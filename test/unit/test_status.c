/* SPDX-License-Identifier: BSD-2-Clause */
#include "status.h"

/* test_status: all 256 code bytes, with and without a payload (RFC 8075 7, RFC 7252 5.2). */

#include <check.h>
#include <stdlib.h>

#include "proves.h"
#include "rest.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* Written down anew from RFC 8075 Table 2 and the later RFCs, not from the gateway's table. */
static const struct {
    int code; /* as 404 for 4.04 */
    unsigned with_payload;
    unsigned without_payload;
    const char *row;
} known[] = {
    {201, 201, 201, "STATUS-01"}, {202, 200, 204, "STATUS-04"}, {203, 502, 502, NULL},
    {204, 200, 204, "STATUS-08"}, {205, 200, 200, "STATUS-09"}, {231, 502, 502, NULL},
    {400, 400, 400, "STATUS-12"}, {401, 403, 403, NULL},        {402, 500, 500, NULL},
    {403, 403, 403, "STATUS-16"}, {404, 404, 404, "STATUS-17"}, {405, 400, 400, NULL},
    {406, 406, 406, NULL},        {408, 502, 502, NULL},        {409, 409, 409, NULL},
    {412, 412, 412, "STATUS-23"}, {413, 413, 413, NULL},        {415, 415, 415, "STATUS-26"},
    {422, 422, 422, "STATUS-27"}, {429, 429, 429, NULL},        {500, 500, 500, "STATUS-30"},
    {501, 501, 501, "STATUS-31"}, {502, 502, 502, "STATUS-32"}, {503, 503, 503, NULL},
    {504, 504, 504, "STATUS-35"}, {505, 502, 502, "STATUS-36"}, {508, 508, 508, NULL},
};

static void expected(int code, unsigned *with, unsigned *without)
{
    int class = code >> 5, decimal = class * 100 + (code & 31);
    for (size_t i = 0; i < LENGTH(known); i++) {
        if (known[i].code == decimal) {
            *with = known[i].with_payload;
            *without = known[i].without_payload;
            return;
        }
    }
    *with = class == 2 ? 200 : class == 4 ? 400 : class == 5 ? 500 : 502;
    *without = class == 2 ? 204 : *with;
}

START_TEST(every_code_byte_has_its_status)
{
    for (int code = 0; code < 256; code++) {
        unsigned with, without;
        expected(code, &with, &without);
        struct status_context context = {.has_payload = true};
        ck_assert_msg(status_from_code((uint8_t)code, &context) == with, "code %d", code);
        context.has_payload = false;
        ck_assert_msg(status_from_code((uint8_t)code, &context) == without, "code %d", code);
    }
    for (size_t i = 0; i < LENGTH(known); i++) {
        uint8_t code = REST_CODE(known[i].code / 100, known[i].code % 100);
        ck_assert_ptr_nonnull(status_code_name(code));
        if (known[i].row)
            proves(known[i].row);
    }
    proves("STATUS-03");
    proves("STATUS-39");
    proves("STATUS-40");
    proves("STATUS-42");
    proves("STATUS-43");
}
END_TEST

START_TEST(bad_option_blames_the_client_only_when_its_field_is_known_to_be_the_cause)
{
    struct status_context context = {.blames_client_field = true};
    ck_assert_uint_eq(status_from_code(REST_CODE(4, 2), &context), 400);
    ck_assert_uint_eq(status_from_code(REST_CODE(5, 0), &context), 500);
    proves("STATUS-15");
}
END_TEST

START_TEST(method_not_allowed_is_405_only_when_the_methods_are_known)
{
    struct status_context context = {.methods_known = true};
    ck_assert_uint_eq(status_from_code(REST_CODE(4, 5), &context), 405);
    ck_assert_uint_eq(status_from_code(REST_CODE(4, 4), &context), 404);
    proves("STATUS-19");
}
END_TEST

START_TEST(every_status_has_a_phrase_and_codes_have_names)
{
    for (int code = 0; code < 256; code++) {
        struct status_context context = {0};
        unsigned status = status_from_code((uint8_t)code, &context);
        ck_assert_str_ne(status_phrase(status), "Unknown");
    }
    ck_assert_str_eq(status_phrase(404), "Not Found");
    ck_assert_str_eq(status_phrase(799), "Unknown");
    ck_assert_str_eq(status_code_name(REST_CODE(4, 15)), "Unsupported Content-Format");
    ck_assert_ptr_null(status_code_name(REST_CODE(4, 17)));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("status");
    TCase *tcase = tcase_create("status");
    tcase_add_test(tcase, every_code_byte_has_its_status);
    tcase_add_test(tcase,
                   bad_option_blames_the_client_only_when_its_field_is_known_to_be_the_cause);
    tcase_add_test(tcase, method_not_allowed_is_405_only_when_the_methods_are_known);
    tcase_add_test(tcase, every_status_has_a_phrase_and_codes_have_names);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
