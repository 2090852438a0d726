/* SPDX-License-Identifier: BSD-2-Clause */
/* test_uri: Target CoAP URIs to options and back; most cases stand in test/data/uri. */

#include "uri.h"

#include <check.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cases.h"
#include "proves.h"

static const char *error_name(int error)
{
    switch (error) {
#define NAME(name)                                                                                 \
    case URI_ERROR_##name:                                                                         \
        return #name;
        NAME(SCHEME_MISSING)
        NAME(SCHEME_OTHER)
        NAME(SCHEME_UNSERVED)
        NAME(SYNTAX)
        NAME(PORT)
        NAME(USERINFO)
        NAME(NUMERIC_HOST)
        NAME(ENCODING)
        NAME(DOT_SEGMENT)
        NAME(TOO_LONG)
        NAME(ZONE)
#undef NAME
    default:
        return "?";
    }
}

static void describe_options(struct buffer *out, const struct rest_message *message)
{
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];
        ck_assert(option->number == REST_OPTION_URI_PATH ||
                  option->number == REST_OPTION_URI_QUERY);
        buffer_printf(out, " %c:", option->number == REST_OPTION_URI_PATH ? 'p' : 'q');
        buffer_append(out, option->value, option->length);
    }
}

/* Decomposes a URI as a GET through the default mapping would. */
static int decompose(const char *text, enum uri_scheme default_scheme, struct rest_request *request,
                     struct uri_parts *parts)
{
    rest_request_init(request);
    int error = uri_parse(text, strlen(text), default_scheme, parts);
    if (error == URI_OK) {
        error = uri_add_path(request, parts->path, parts->path_length);
    }
    if (error == URI_OK && parts->has_query) {
        error = uri_add_query(request, parts->query, parts->query_length);
    }
    return error;
}

static void describe(const char *text, struct buffer *out)
{
    static struct rest_request request;
    struct uri_parts parts;
    int error = decompose(text, URI_SCHEME_NONE, &request, &parts);
    if (error != URI_OK) {
        buffer_append_text(out, error_name(error));
        return;
    }
    ck_assert_int_eq(uri_compose_authority(out, &parts.authority), 0);
    describe_options(out, &request.message);
}

START_TEST(targets_become_the_options_of_the_table)
{
    struct cases cases;
    cases_open(&cases, "uri/targets");
    size_t count = 0;
    while (cases_next(&cases)) {
        struct buffer out;
        buffer_init(&out, 100000);
        describe(cases.fields[0], &out);
        ck_assert_msg(strcmp(buffer_text(&out), cases.fields[1]) == 0,
                      "%s:%u: %s\n  gives    %s\n  expected %s", cases.name, cases.line,
                      cases.fields[0], buffer_text(&out), cases.fields[1]);
        buffer_clear(&out);
        count++;
    }
    ck_assert_uint_gt(count, 100);
    proves("URI-05");
    proves("URI-06");
    proves("URI-07");
    proves("URI-08");
    proves("URI-10");
    proves("URI-13");
    proves("URI-14");
    proves("URI-15");
    proves("URI-16");
    proves("URI-18");
    proves("URI-19");
    proves("URI-22");
    proves("URI-34");
}
END_TEST

START_TEST(every_error_has_a_text_and_a_status)
{
    for (int error = URI_ERROR_SCHEME_MISSING; error >= URI_ERROR_ZONE; error--) {
        ck_assert_uint_gt(strlen(uri_error_text(error)), 20);
        unsigned expected = error == URI_ERROR_TOO_LONG          ? 414
                            : error == URI_ERROR_SCHEME_UNSERVED ? 501
                                                                 : 400;
        ck_assert_uint_eq(uri_error_status(error), expected);
    }
}
END_TEST

START_TEST(a_default_scheme_serves_targets_without_one)
{
    static const struct {
        const char *text;
        const char *host;
        unsigned port;
    } table[] = {
        {"127.0.0.1/light", "127.0.0.1", 5683},
        {"lamp.local:7000/light", "lamp.local", 7000},
        {"%5B::1%5D:7000/light", "::1", 7000},
        {"coap:7000/light", "coap", 7000},
        {"coap://lamp.local/light", "lamp.local", 5683},
        {"coaps://lamp.local/light", "lamp.local", 5684},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        static struct rest_request request;
        struct uri_parts parts;
        ck_assert_int_eq(decompose(table[i].text, URI_SCHEME_COAP, &request, &parts), URI_OK);
        ck_assert_str_eq(parts.authority.host, table[i].host);
        ck_assert_uint_eq(parts.authority.port, table[i].port);
        ck_assert_uint_eq(request.message.option_count, 1);
    }
    struct uri_parts parts;
    ck_assert_int_eq(uri_parse("/light", 6, URI_SCHEME_COAP, &parts), URI_ERROR_SYNTAX);
    ck_assert_int_eq(uri_parse("", 0, URI_SCHEME_COAP, &parts), URI_ERROR_SYNTAX);
}
END_TEST

START_TEST(uri_host_is_sent_for_names_only_and_uri_port_when_it_differs)
{
    static const struct {
        const char *uri;
        unsigned destination;
        const char *host; /* NULL: no Uri-Host */
        int port;         /* -1: no Uri-Port */
    } table[] = {
        {"coap://LOCALHOST:7000", 7000, "localhost", -1},
        {"coap://127.0.0.1:7000", 7000, NULL, -1},
        {"coap://[::1]", 5683, NULL, -1},
        {"coap://l%61mp.example", 9999, "lamp.example", 5683},
        {"coap://127.0.0.1:7000", 7001, NULL, 7000},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        static struct rest_request request;
        struct uri_parts parts;
        ck_assert_int_eq(decompose(table[i].uri, URI_SCHEME_NONE, &request, &parts), URI_OK);
        ck_assert_int_eq(
            uri_add_authority(&request, &parts.authority, (uint16_t)table[i].destination), URI_OK);
        const struct rest_option *host = rest_find_option(&request.message, REST_OPTION_URI_HOST);
        const struct rest_option *port = rest_find_option(&request.message, REST_OPTION_URI_PORT);
        ck_assert_int_eq(host != NULL, table[i].host != NULL);
        if (host != NULL) {
            ck_assert_uint_eq(host->length, strlen(table[i].host));
            ck_assert_mem_eq(host->value, table[i].host, host->length);
        }
        uint32_t value = 0;
        ck_assert_int_eq(port != NULL, table[i].port >= 0);
        if (port != NULL) {
            ck_assert(rest_option_uint(port, &value));
            ck_assert_uint_eq(value, (unsigned)table[i].port);
        }
    }
    proves("URI-11");
    proves("URI-12");
}
END_TEST

/* RFC 7252 6.5 and 5.10.7 */
START_TEST(location_options_are_composed_with_upper_case_escapes)
{
    static struct rest_request response;
    rest_request_init(&response);
    rest_request_add(&response, REST_OPTION_LOCATION_PATH, "a/b\r\nX: y", 9);
    rest_request_add(&response, REST_OPTION_LOCATION_PATH, "\xc3\xa9", 2);
    rest_request_add(&response, REST_OPTION_LOCATION_PATH, "", 0);
    rest_request_add(&response, REST_OPTION_LOCATION_PATH, "~!$&'()*+,;=:@", 14);
    rest_request_add(&response, REST_OPTION_LOCATION_QUERY, "x=a&b/?", 7);
    rest_request_add(&response, REST_OPTION_LOCATION_QUERY, "#[y]", 4);
    struct buffer out;
    buffer_init(&out, 1000);
    ck_assert_int_eq(uri_compose_path(&out, &response.message, REST_OPTION_LOCATION_PATH), 0);
    buffer_append_char(&out, '?');
    ck_assert_int_eq(uri_compose_query(&out, &response.message, REST_OPTION_LOCATION_QUERY), 0);
    ck_assert_str_eq(buffer_text(&out),
                     "/a%2Fb%0D%0AX:%20y/%C3%A9//~!$&'()*+,;=:@?x=a%26b/?&%23%5By%5D");
    buffer_clear(&out);
    proves("URI-27");
}
END_TEST

START_TEST(a_path_without_options_is_a_slash_and_dot_segments_are_refused)
{
    static struct rest_request response;
    rest_request_init(&response);
    rest_request_add(&response, REST_OPTION_LOCATION_QUERY, "id=3", 4);
    struct buffer out;
    buffer_init(&out, 1000);
    ck_assert_int_eq(uri_compose_path(&out, &response.message, REST_OPTION_LOCATION_PATH), 0);
    ck_assert_str_eq(buffer_text(&out), "/");
    rest_request_add(&response, REST_OPTION_LOCATION_PATH, "..", 2);
    ck_assert_int_eq(uri_compose_path(&out, &response.message, REST_OPTION_LOCATION_PATH), -1);
    buffer_clear(&out);
}
END_TEST

START_TEST(an_address_is_ready_for_sending_once_its_zone_is_known)
{
    struct uri_parts parts;
    struct endpoint_address address;
    const char *loopback = "coap://127.0.0.1:7000";
    ck_assert_int_eq(uri_parse(loopback, strlen(loopback), URI_SCHEME_NONE, &parts), URI_OK);
    ck_assert(uri_authority_address(&parts.authority, &address));
    ck_assert_int_eq(address.family, 4);
    ck_assert_int_eq(address.port, 7000);
    ck_assert_mem_eq(address.bytes, "\x7f\0\0\1\0\0\0\0\0\0\0\0\0\0\0\0", 16);

    struct {
        const char *uri;
        bool is_known;
        unsigned scope_id;
    } table[] = {
        {"coaps://[fe80::1%25lo]", if_nametoindex("lo") != 0, if_nametoindex("lo")},
        {"coaps://[fe80::1%lo]", if_nametoindex("lo") != 0, if_nametoindex("lo")},
        {"coaps://[fe80::1%257]", true, 7},
        {"coaps://[fe80::1%25nosuch0]", false, 0},
        {"coaps://lamp.example", false, 0},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        ck_assert_int_eq(uri_parse(table[i].uri, strlen(table[i].uri), URI_SCHEME_NONE, &parts),
                         URI_OK);
        ck_assert_int_eq(uri_authority_address(&parts.authority, &address), table[i].is_known);
        if (table[i].is_known) {
            ck_assert_uint_eq(address.scope_id, table[i].scope_id);
            ck_assert_int_eq(address.is_secure, 1);
            ck_assert_int_eq(address.port, 5684);
        }
    }
}
END_TEST

START_TEST(hosts_inside_a_hosting_uri_have_escaped_brackets)
{
    struct uri_parts parts;
    const char *uri = "coap://[fe80::1%wpan0]:7000/x";
    ck_assert_int_eq(uri_parse(uri, strlen(uri), URI_SCHEME_NONE, &parts), URI_OK);
    struct buffer out;
    buffer_init(&out, 1000);
    ck_assert_int_eq(uri_compose_hosting_host(&out, &parts.authority), 0);
    ck_assert_str_eq(buffer_text(&out), "%5Bfe80::1%25wpan0%5D:7000");
    buffer_clear(&out);
}
END_TEST

START_TEST(a_request_target_is_split_at_its_first_question_mark)
{
    struct uri_request_target parts;
    uri_split_request_target("/a/b?c?d", &parts);
    ck_assert_uint_eq(parts.path_length, 4);
    ck_assert(parts.has_query);
    ck_assert_str_eq(parts.query, "c?d");
    uri_split_request_target("/a", &parts);
    ck_assert_uint_eq(parts.path_length, 2);
    ck_assert(!parts.has_query);
    ck_assert_uint_eq(parts.query_length, 0);
}
END_TEST

START_TEST(dot_segments_are_seen_in_every_spelling)
{
    static const char *const with[] = {"/a/..", "/./a", "..", "/%2e/", "/a/.%2E/b", "/%2E%2e"};
    static const char *const without[] = {"/a/...", "/.a", "/", "", "/%2ea", "/%252e"};
    for (size_t i = 0; i < sizeof(with) / sizeof(with[0]); i++) {
        ck_assert_msg(uri_has_dot_segment(with[i], strlen(with[i])), "%s", with[i]);
        ck_assert_msg(!uri_has_dot_segment(without[i], strlen(without[i])), "%s", without[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("uri");
    TCase *tests = tcase_create("uri");
    tcase_add_test(tests, targets_become_the_options_of_the_table);
    tcase_add_test(tests, every_error_has_a_text_and_a_status);
    tcase_add_test(tests, a_default_scheme_serves_targets_without_one);
    tcase_add_test(tests, uri_host_is_sent_for_names_only_and_uri_port_when_it_differs);
    tcase_add_test(tests, location_options_are_composed_with_upper_case_escapes);
    tcase_add_test(tests, a_path_without_options_is_a_slash_and_dot_segments_are_refused);
    tcase_add_test(tests, an_address_is_ready_for_sending_once_its_zone_is_known);
    tcase_add_test(tests, hosts_inside_a_hosting_uri_have_escaped_brackets);
    tcase_add_test(tests, a_request_target_is_split_at_its_first_question_mark);
    tcase_add_test(tests, dot_segments_are_seen_in_every_spelling);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
