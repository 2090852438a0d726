/* SPDX-License-Identifier: BSD-2-Clause */
#include "method.h"

/* test_method: HTTP methods to CoAP methods (RFC 7252 10.2, RFC 8132). */

#include <check.h>
#include <stdlib.h>

#include "buffer.h"
#include "proves.h"
#include "rest.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const struct {
    const char *text;
    enum http_method method;
    uint8_t coap;
    bool is_safe;
} table[] = {
    {"GET", HTTP_METHOD_GET, REST_CODE(0, 1), true},
    {"HEAD", HTTP_METHOD_HEAD, REST_CODE(0, 1), true},
    {"POST", HTTP_METHOD_POST, REST_CODE(0, 2), false},
    {"PUT", HTTP_METHOD_PUT, REST_CODE(0, 3), false},
    {"DELETE", HTTP_METHOD_DELETE, REST_CODE(0, 4), false},
    {"QUERY", HTTP_METHOD_QUERY, REST_CODE(0, 5), true},
    {"PATCH", HTTP_METHOD_PATCH, REST_CODE(0, 6), false},
    {"OPTIONS", HTTP_METHOD_OPTIONS, 0, true},
    {"TRACE", HTTP_METHOD_TRACE, 0, true},
    {"CONNECT", HTTP_METHOD_CONNECT, 0, false},
};

START_TEST(each_method_has_its_coap_method)
{
    for (size_t i = 0; i < LENGTH(table); i++) {
        ck_assert_int_eq(method_parse(table[i].text), table[i].method);
        ck_assert_str_eq(method_text(table[i].method), table[i].text);
        ck_assert_uint_eq(method_to_coap(table[i].method, false), table[i].coap);
        ck_assert_int_eq(method_is_safe(table[i].method), table[i].is_safe);
    }
    ck_assert_uint_eq(method_to_coap(HTTP_METHOD_PATCH, true), REST_CODE(0, 7));
    ck_assert_uint_eq(method_to_coap(HTTP_METHOD_PUT, true), REST_CODE(0, 3));
    ck_assert_uint_eq(method_to_coap(HTTP_METHOD_UNKNOWN, false), 0);
    ck_assert(!method_is_safe(HTTP_METHOD_UNKNOWN));
    proves("METH-09");
}
END_TEST

START_TEST(method_names_are_case_sensitive)
{
    static const char *const unknown[] = {"get", "Get", "GETS", "", "PROPFIND", "FETCH", " GET"};
    for (size_t i = 0; i < LENGTH(unknown); i++)
        ck_assert_int_eq(method_parse(unknown[i]), HTTP_METHOD_UNKNOWN);
    proves("METH-18");
}
END_TEST

START_TEST(an_allow_field_lists_the_set_and_head_beside_get)
{
    static const struct {
        unsigned set;
        const char *text;
    } cases[] = {
        {0, ""},
        {HTTP_METHOD_GET, "GET, HEAD"},
        {HTTP_METHOD_PUT | HTTP_METHOD_GET, "GET, HEAD, PUT"},
        {HTTP_METHOD_QUERY | HTTP_METHOD_POST, "POST, QUERY"},
    };
    struct buffer out;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        buffer_init(&out, 100);
        ck_assert_int_eq(method_write_set(cases[i].set, &out), 0);
        ck_assert_str_eq(buffer_text(&out), cases[i].text);
        buffer_clear(&out);
    }
    buffer_init(&out, 5);
    ck_assert_int_eq(method_write_set(HTTP_METHOD_GET, &out), -1);
    buffer_clear(&out);
}
END_TEST

START_TEST(only_a_post_can_be_overridden)
{
    static const struct {
        enum http_method method;
        const char *value;
        enum http_method result;
    } cases[] = {
        {HTTP_METHOD_POST, "FETCH", HTTP_METHOD_QUERY},
        {HTTP_METHOD_POST, "QUERY", HTTP_METHOD_QUERY},
        {HTTP_METHOD_POST, "PATCH", HTTP_METHOD_PATCH},
        {HTTP_METHOD_POST, "PUT", HTTP_METHOD_PUT},
        {HTTP_METHOD_POST, "DELETE", HTTP_METHOD_DELETE},
        {HTTP_METHOD_POST, "GET", HTTP_METHOD_POST},
        {HTTP_METHOD_POST, "TRACE", HTTP_METHOD_POST},
        {HTTP_METHOD_POST, "put", HTTP_METHOD_POST},
        {HTTP_METHOD_POST, NULL, HTTP_METHOD_POST},
        {HTTP_METHOD_GET, "DELETE", HTTP_METHOD_GET},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        ck_assert_int_eq(method_override(cases[i].method, cases[i].value), cases[i].result);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("method");
    TCase *tcase = tcase_create("method");
    tcase_add_test(tcase, each_method_has_its_coap_method);
    tcase_add_test(tcase, method_names_are_case_sensitive);
    tcase_add_test(tcase, an_allow_field_lists_the_set_and_head_beside_get);
    tcase_add_test(tcase, only_a_post_can_be_overridden);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
