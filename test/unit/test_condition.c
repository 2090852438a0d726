/* SPDX-License-Identifier: BSD-2-Clause */
#include "condition.h"

/* test_condition: If-None-Match of safe methods (areas COND and OPT; RFC 9110 13.1.2). */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "http_message.h"
#include "proves.h"
#include "rest.h"
#include "text.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct rest_request options;

static size_t ask(enum http_method method, const char *value, int accept, size_t maximum)
{
    struct http_field field = {"if-none-match", value};
    struct http_request request = {.method = method, .fields = &field, .field_count = 1};
    rest_request_init(&options);
    return condition_add_etags(&request, method, accept, &options, maximum);
}

/* The options as "4=aa 4=bbcc". */
static const char *options_text(void)
{
    static char text[512];
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < options.message.option_count; i++) {
        const struct rest_option *option = &options.message.options[i];
        char hex[32];
        text_to_hex(option->value, option->length, hex);
        used += (size_t)snprintf(text + used, sizeof(text) - used, "%s%u=%s", i ? " " : "",
                                 option->number, hex);
    }
    return text;
}

START_TEST(tags_of_ours_become_etag_options)
{
    static const struct {
        enum http_method method;
        const char *value;
        int accept;
        const char *options;
    } cases[] = {
        {HTTP_METHOD_GET, "\"aa\", W/\"bb\"", -1, "4=aa 4=bb"},
        {HTTP_METHOD_HEAD, "\"aa\"", -1, "4=aa"},
        {HTTP_METHOD_QUERY, "\"aa\"", -1, ""},
        {HTTP_METHOD_PUT, "\"aa\"", -1, ""},
        {HTTP_METHOD_GET, "*", -1, ""},
        {HTTP_METHOD_GET, "\"aa\", *", -1, ""},
        {HTTP_METHOD_GET, "aa", -1, ""},
        {HTTP_METHOD_GET, "\"aa\", bb", -1, ""},
        {HTTP_METHOD_GET, "", -1, ""},
        {HTTP_METHOD_GET, "\"xyzzy\", \"aa\"", -1, "4=aa"},
        {HTTP_METHOD_GET, "\"AA\"", -1, ""},
        {HTTP_METHOD_GET, "\"\"", -1, ""},
        {HTTP_METHOD_GET, "\"00112233445566778\"", -1, ""},
        {HTTP_METHOD_GET, "\"001122334455667788\"", -1, ""},
        {HTTP_METHOD_GET, "\"0011223344556677\"", -1, "4=0011223344556677"},
        {HTTP_METHOD_GET, "\"aa\", W/\"aa\", \"aa\"", -1, "4=aa"},
        /* What was asked for in another format, or in none, cannot match. */
        {HTTP_METHOD_GET, "\"aa-50\", \"bb-60\", \"cc\"", 50, "4=aa"},
        {HTTP_METHOD_GET, "\"aa-50\"", -1, ""},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        size_t added = ask(cases[i].method, cases[i].value, cases[i].accept, CONDITION_ETAGS_MAX);
        ck_assert_str_eq(options_text(), cases[i].options);
        ck_assert_uint_eq(added, options.message.option_count);
    }
    proves("OPT-03");
}
END_TEST

START_TEST(several_fields_are_one_list)
{
    static const struct http_field fields[] = {
        {"If-None-Match", "\"aa\""}, {"If-Match", "\"cc\""}, {"If-None-Match", "\"bb\""}};
    struct http_request request = {.method = HTTP_METHOD_GET, .fields = fields, .field_count = 3};
    rest_request_init(&options);
    ck_assert_uint_eq(condition_add_etags(&request, HTTP_METHOD_GET, -1, &options, 8), 2);
    ck_assert_str_eq(options_text(), "4=aa 4=bb");
    ck_assert_int_eq(condition_judge(&request, HTTP_METHOD_GET, "\"bb\"", 200),
                     CONDITION_NOT_MODIFIED);
    ck_assert_int_eq(condition_judge(&request, HTTP_METHOD_GET, "\"cc\"", 200), CONDITION_SERVE);
}
END_TEST

START_TEST(a_node_is_asked_about_no_more_tags_than_there_is_room_for)
{
    ck_assert_uint_eq(ask(HTTP_METHOD_GET, "\"a1\",\"a2\",\"a3\"", -1, 2), 2);
    ck_assert_str_eq(options_text(), "4=a1 4=a2");
    ck_assert_uint_eq(ask(HTTP_METHOD_GET, "\"a1\"", -1, 0), 0);

    struct http_field field = {"If-None-Match", "\"aa\", \"bb\""};
    struct http_request request = {.method = HTTP_METHOD_GET, .fields = &field, .field_count = 1};
    rest_request_init(&options);
    for (size_t i = 0; i < REST_OPTIONS_MAX - 1; i++)
        ck_assert_int_eq(rest_request_add(&options, REST_OPTION_URI_PATH, "a", 1), 0);
    ck_assert_uint_eq(condition_add_etags(&request, HTTP_METHOD_GET, -1, &options, 8), 1);
}
END_TEST

START_TEST(a_reply_is_judged_by_weak_comparison)
{
    static const struct {
        enum http_method method;
        const char *value; /* NULL: no field */
        const char *etag;
        unsigned status;
        enum condition_verdict verdict;
    } cases[] = {
        {HTTP_METHOD_GET, "\"aa\"", "\"aa\"", 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_GET, "W/\"aa\"", "\"aa\"", 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_GET, "\"bb\", W/\"aa\"", "\"aa\"", 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_HEAD, "\"aa\"", "\"aa\"", 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_QUERY, "*", NULL, 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_GET, "\"bb\"", "\"aa\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"a\"", "\"aa\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aaa\"", "\"aa\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aa\"", NULL, 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, NULL, "\"aa\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"xyzzy\"", "\"aa\"", 200, CONDITION_SERVE},
        /* The suffix keeps formats apart. */
        {HTTP_METHOD_GET, "\"aa-50\"", "\"aa-50\"", 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_GET, "\"aa-50\"", "\"aa-60\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aa\"", "\"aa-50\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aa-50\"", "\"aa\"", 200, CONDITION_SERVE},
        /* "*": whatever is there. */
        {HTTP_METHOD_GET, "*", "\"aa\"", 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_GET, "*", NULL, 200, CONDITION_NOT_MODIFIED},
        {HTTP_METHOD_GET, "*", NULL, 404, CONDITION_SERVE},
        /* Only where the answer would have been a success (COND-12). */
        {HTTP_METHOD_GET, "\"aa\"", "\"aa\"", 404, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aa\"", "\"aa\"", 502, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aa\"", "\"aa\"", 504, CONDITION_SERVE},
        /* What is no list says nothing. */
        {HTTP_METHOD_GET, "aa", "\"aa\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aa\", bb", "\"aa\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "\"aa\", *", "\"aa\"", 200, CONDITION_SERVE},
        {HTTP_METHOD_GET, "", "\"aa\"", 200, CONDITION_SERVE},
        /* A precondition of other methods is the node's to judge. */
        {HTTP_METHOD_PUT, "*", "\"aa\"", 204, CONDITION_SERVE},
        {HTTP_METHOD_POST, "\"aa\"", "\"aa\"", 200, CONDITION_SERVE},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct http_field field = {"If-None-Match", cases[i].value};
        struct http_request request = {
            .method = cases[i].method, .fields = &field, .field_count = cases[i].value != NULL};
        ck_assert_msg(condition_judge(&request, cases[i].method, cases[i].etag, cases[i].status) ==
                          cases[i].verdict,
                      "case %zu: %s", i, cases[i].value);
    }
}
END_TEST

START_TEST(dates_say_nothing)
{
    static const struct http_field fields[] = {
        {"If-Modified-Since", "Mon, 23 Nov 2026 10:00:00 GMT"}};
    struct http_request request = {.method = HTTP_METHOD_GET, .fields = fields, .field_count = 1};
    ck_assert_int_eq(condition_judge(&request, HTTP_METHOD_GET, "\"aa\"", 200), CONDITION_SERVE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("condition");
    TCase *tcase = tcase_create("condition");
    tcase_add_test(tcase, tags_of_ours_become_etag_options);
    tcase_add_test(tcase, several_fields_are_one_list);
    tcase_add_test(tcase, a_node_is_asked_about_no_more_tags_than_there_is_room_for);
    tcase_add_test(tcase, a_reply_is_judged_by_weak_comparison);
    tcase_add_test(tcase, dates_say_nothing);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
