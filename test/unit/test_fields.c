/* SPDX-License-Identifier: BSD-2-Clause */
#include "fields.h"

/* test_fields: preconditions, entity tags and locations (areas OPT and COND; RFC 9110 13). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http_message.h"
#include "proves.h"
#include "rest.h"
#include "text.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct rest_request options;

static enum fields_outcome map(enum http_method method, const char *name, const char *value,
                               int accept)
{
    struct http_field field = {name, value};
    struct http_request request = {.method = method, .fields = &field, .field_count = 1};
    rest_request_init(&options);
    return fields_to_options(&request, method, accept, &options);
}

/* The options as "1=aa 1=bbcc 5=". */
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

START_TEST(if_match_becomes_one_option_for_each_strong_tag)
{
    static const struct {
        const char *value;
        int accept;
        enum fields_outcome outcome;
        const char *options;
    } cases[] = {
        {"\"aa\", \"bbcc\"", -1, FIELDS_FINE, "1=aa 1=bbcc"},
        {"*", -1, FIELDS_FINE, "1="},
        {" * ", -1, FIELDS_FINE, "1="},
        {",, \"aa\" ,", -1, FIELDS_FINE, "1=aa"},
        {"W/\"aa\",\"bb\"", -1, FIELDS_FINE, "1=bb"},
        {"W/\"aa\"", -1, FIELDS_PRECONDITION_FAILED, ""},
        {"\"xyzzy\"", -1, FIELDS_PRECONDITION_FAILED, ""},
        {"\"a,b\"", -1, FIELDS_PRECONDITION_FAILED, ""},
        {"\"\"", -1, FIELDS_PRECONDITION_FAILED, ""},
        {"\"AA\"", -1, FIELDS_PRECONDITION_FAILED, ""},
        {"\"001122334455667788\"", -1, FIELDS_PRECONDITION_FAILED, ""},
        {"\"0011223344556677\"", -1, FIELDS_FINE, "1=0011223344556677"},
        {"\"aa-50\"", 50, FIELDS_FINE, "1=aa"},
        {"\"aa-50\"", -1, FIELDS_FINE, "1=aa"},
        {"\"aa-60\"", 50, FIELDS_PRECONDITION_FAILED, ""},
        {"\"aa\"", 50, FIELDS_FINE, "1=aa"},
        {"", -1, FIELDS_BAD_SYNTAX, NULL},
        {"aa", -1, FIELDS_BAD_SYNTAX, NULL},
        {"\"aa", -1, FIELDS_BAD_SYNTAX, NULL},
        {"\"aa\" \"bb\"", -1, FIELDS_BAD_SYNTAX, NULL},
        {"*, \"aa\"", -1, FIELDS_BAD_SYNTAX, NULL},
        {"**", -1, FIELDS_BAD_SYNTAX, NULL},
        {"w/\"aa\"", -1, FIELDS_BAD_SYNTAX, NULL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        enum fields_outcome outcome =
            map(HTTP_METHOD_PUT, "if-match", cases[i].value, cases[i].accept);
        ck_assert_msg(outcome == cases[i].outcome, "%s: %d", cases[i].value, outcome);
        if (cases[i].options)
            ck_assert_str_eq(options_text(), cases[i].options);
    }
    proves("OPT-01");
}
END_TEST

START_TEST(several_if_match_fields_are_one_list)
{
    static const struct http_field fields[] = {{"If-Match", "\"aa\""}, {"If-Match", "\"bb\""}};
    struct http_request request = {.method = HTTP_METHOD_PUT, .fields = fields, .field_count = 2};
    rest_request_init(&options);
    ck_assert_int_eq(fields_to_options(&request, HTTP_METHOD_PUT, -1, &options), FIELDS_FINE);
    ck_assert_str_eq(options_text(), "1=aa 1=bb");
}
END_TEST

START_TEST(more_tags_than_options_fit_are_too_long)
{
    char value[5 * (REST_OPTIONS_MAX + 1) + 1] = "";
    for (size_t i = 0; i <= REST_OPTIONS_MAX; i++)
        memcpy(value + 5 * i, "\"aa\",", 6);
    ck_assert_int_eq(map(HTTP_METHOD_PUT, "If-Match", value, -1), FIELDS_TOO_LONG);
}
END_TEST

START_TEST(if_none_match_is_mapped_only_as_a_star_on_unsafe_methods)
{
    static const struct {
        enum http_method method;
        const char *value;
        enum fields_outcome outcome;
        const char *options;
    } cases[] = {
        {HTTP_METHOD_PUT, "*", FIELDS_FINE, "5="},
        {HTTP_METHOD_POST, "*", FIELDS_FINE, "5="},
        {HTTP_METHOD_PATCH, "*", FIELDS_FINE, "5="},
        {HTTP_METHOD_GET, "*", FIELDS_FINE, ""},
        {HTTP_METHOD_GET, "\"aa\"", FIELDS_FINE, ""},
        {HTTP_METHOD_HEAD, "\"aa\"", FIELDS_FINE, ""},
        {HTTP_METHOD_QUERY, "\"aa\"", FIELDS_FINE, ""},
        {HTTP_METHOD_PUT, "\"aa\"", FIELDS_NOT_MAPPABLE, ""},
        {HTTP_METHOD_DELETE, "W/\"aa\"", FIELDS_NOT_MAPPABLE, ""},
        {HTTP_METHOD_PUT, "aa", FIELDS_BAD_SYNTAX, ""},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        enum fields_outcome outcome = map(cases[i].method, "If-None-Match", cases[i].value, -1);
        ck_assert_msg(outcome == cases[i].outcome, "%s: %d", cases[i].value, outcome);
        ck_assert_str_eq(options_text(), cases[i].options);
    }
    proves("OPT-06");
}
END_TEST

START_TEST(other_fields_give_no_options)
{
    static const char *const names[] = {"Cookie",     "Authorization",
                                        "User-Agent", "X-If-Match",
                                        "TE",         "Upgrade",
                                        "Range",      "If-Modified-Since",
                                        "If-Range",   "If-Unmodified-Since",
                                        "Host",       "Connection",
                                        "Origin",     "Proxy-Authorization",
                                        "ETag",       "Max-Age",
                                        "Expect"};
    for (size_t i = 0; i < LENGTH(names); i++) {
        ck_assert_int_eq(map(HTTP_METHOD_PUT, names[i], "\"aa\"", -1), FIELDS_FINE);
        ck_assert_uint_eq(options.message.option_count, 0);
    }
}
END_TEST

static const char *etag_field(const void *bytes, size_t length, int accept)
{
    static struct http_reply reply;
    static char value[64];
    struct rest_message response = {.code = REST_CODE(2, 5), .option_count = 1};
    response.options[0] = (struct rest_option){REST_OPTION_ETAG, (uint16_t)length, bytes};
    http_reply_init(&reply, 10);
    ck_assert_int_eq(fields_add_etag(&response, accept, &reply), 0);
    const char *field = http_reply_field(&reply, "ETag");
    if (!field)
        return NULL;
    snprintf(value, sizeof(value), "%s", field);
    http_reply_clear(&reply);
    return value;
}

START_TEST(a_coap_etag_is_a_strong_tag_in_hex)
{
    ck_assert_str_eq(etag_field("\x0a\x1b", 2, -1), "\"0a1b\"");
    ck_assert_str_eq(etag_field("\x22\x00\xff", 3, -1), "\"2200ff\"");
    ck_assert_str_eq(etag_field("\x0a", 1, 50), "\"0a-50\"");
    ck_assert_str_eq(etag_field("\xff\xff\xff\xff\xff\xff\xff\xff", 8, 65535),
                     "\"ffffffffffffffff-65535\"");
    ck_assert_ptr_null(etag_field("", 0, -1));
    ck_assert_ptr_null(etag_field("123456789", 9, -1));
    proves("OPT-04");
}
END_TEST

START_TEST(tags_are_read_back_as_they_were_written)
{
    uint8_t bytes[8], read[8];
    for (size_t length = 1; length <= 8; length++) {
        for (size_t i = 0; i < length; i++)
            bytes[i] = (uint8_t)(0x22 + 37 * i * length);
        for (int format = -1; format < 65536; format += 4369) {
            const char *text = etag_field(bytes, length, format);
            size_t read_length = 0;
            int read_format = -2;
            ck_assert(fields_read_etag(text, strlen(text), read, &read_length, &read_format));
            ck_assert_uint_eq(read_length, length);
            ck_assert_mem_eq(read, bytes, length);
            ck_assert_int_eq(read_format, format);
        }
    }
    for (unsigned value = 0; value < 256; value++) {
        for (size_t length = 1; length <= 8; length++) {
            memset(bytes, (int)value, sizeof bytes);
            const char *text = etag_field(bytes, length, -1);
            size_t read_length = 0;
            int read_format;
            ck_assert(fields_read_etag(text, strlen(text), read, &read_length, &read_format));
            ck_assert_uint_eq(read_length, length);
            ck_assert_mem_eq(read, bytes, length);
        }
    }
    static const char *const none[] = {"",           "\"",       "aa",           "\"a\"",
                                       "\"aa-\"",    "\"-50\"",  "\"aa-65536\"", "\"aa-050\"",
                                       "\"aa-5-0\"", "\"aa-x\"", "\"aa"};
    for (size_t i = 0; i < LENGTH(none); i++) {
        size_t length;
        int format;
        ck_assert_msg(!fields_read_etag(none[i], strlen(none[i]), read, &length, &format), "%s",
                      none[i]);
    }
    proves("OPT-05");
}
END_TEST

START_TEST(options_that_come_from_a_client_field_are_known)
{
    const char *name = NULL;
    ck_assert(fields_option_from_client(REST_OPTION_IF_MATCH, &name));
    ck_assert_str_eq(name, "If-Match");
    ck_assert(fields_option_from_client(REST_OPTION_ACCEPT, &name));
    ck_assert_str_eq(name, "Accept");
    ck_assert(fields_option_from_client(REST_OPTION_CONTENT_FORMAT, &name));
    ck_assert_str_eq(name, "Content-Type");
    ck_assert(!fields_option_from_client(REST_OPTION_HOP_LIMIT, &name));
    ck_assert(!fields_option_from_client(REST_OPTION_URI_PATH, &name));
}
END_TEST

START_TEST(a_location_is_used_of_created_alone_and_not_beside_reserved_options)
{
    static const struct {
        uint8_t code;
        uint16_t numbers[2];
        bool has_location;
        bool has_reserved;
    } cases[] = {
        {REST_CODE(2, 1), {8, 20}, true, false},   {REST_CODE(2, 1), {20, 0}, true, false},
        {REST_CODE(2, 4), {8, 20}, false, false},  {REST_CODE(2, 1), {8, 128}, false, true},
        {REST_CODE(2, 1), {8, 132}, false, true},  {REST_CODE(2, 1), {20, 136}, false, true},
        {REST_CODE(2, 1), {8, 140}, false, true},  {REST_CODE(2, 1), {128, 140}, false, false},
        {REST_CODE(2, 4), {8, 128}, false, false}, {REST_CODE(2, 1), {4, 0}, false, false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        rest_request_init(&options);
        options.message.code = cases[i].code;
        for (size_t j = 0; j < 2 && cases[i].numbers[j]; j++)
            rest_request_add(&options, cases[i].numbers[j], "a", 1);
        uint16_t number;
        ck_assert_int_eq(rest_check_response(&options.message, &number), REST_VERDICT_FINE);
        ck_assert_int_eq(fields_has_location(&options.message), cases[i].has_location);
        ck_assert_int_eq(fields_has_reserved_location(&options.message), cases[i].has_reserved);
    }
}
END_TEST

START_TEST(a_proxy_is_found_by_its_name_in_via)
{
    static const struct {
        const char *value;
        bool is_named;
    } cases[] = {
        {"1.1 gw.example", true},
        {"HTTP/1.1 GW.example", true},
        {"1.0 fred, 1.1 gw.example (coapgw)", true},
        {"1.1 other (a, 1.1 gw.example), 1.1 x", false},
        {"1.1 other (a \\) , (b) , 1.1 gw.example), 1.1 gw.example", true},
        {"1.1 other (a (b), 1.1 gw.example", false},
        {"1.1 gw.example(x)", true},
        {"1.1 gw.example:8080", false},
        {"1.1 gw.example.org", false},
        {"1.1 my-gw.example", false},
        {"gw.example 1.1", false},
        {"gw.example", false},
        {",, ,1.1\tgw.example ,", true},
        {"1.1", false},
        {"", false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct http_field fields[] = {{"Via", "1.1 first"}, {"via", cases[i].value}};
        struct http_request request = {.fields = fields, .field_count = 2};
        ck_assert_msg(fields_via_names(&request, "gw.example") == cases[i].is_named, "%s",
                      cases[i].value);
    }
    struct http_field other = {"X-Via", "1.1 gw.example"};
    struct http_request request = {.fields = &other, .field_count = 1};
    ck_assert(!fields_via_names(&request, "gw.example"));
    proves("EXT-07");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("fields");
    TCase *tcase = tcase_create("fields");
    tcase_add_test(tcase, if_match_becomes_one_option_for_each_strong_tag);
    tcase_add_test(tcase, several_if_match_fields_are_one_list);
    tcase_add_test(tcase, more_tags_than_options_fit_are_too_long);
    tcase_add_test(tcase, if_none_match_is_mapped_only_as_a_star_on_unsafe_methods);
    tcase_add_test(tcase, other_fields_give_no_options);
    tcase_add_test(tcase, a_coap_etag_is_a_strong_tag_in_hex);
    tcase_add_test(tcase, tags_are_read_back_as_they_were_written);
    tcase_add_test(tcase, options_that_come_from_a_client_field_are_known);
    tcase_add_test(tcase, a_location_is_used_of_created_alone_and_not_beside_reserved_options);
    tcase_add_test(tcase, a_proxy_is_found_by_its_name_in_via);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
