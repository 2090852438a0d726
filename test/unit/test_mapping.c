/* SPDX-License-Identifier: BSD-2-Clause */
/* test_mapping: request targets to CoAP targets and back; the cases stand in test/data/mapping. */

#include "mapping.h"

#include <check.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "buffer.h"
#include "cases.h"
#include "document.h"
#include "http_message.h"
#include "proves.h"

static struct document *read_text(const char *text)
{
    struct document *document = document_read_text("x.json", text, strlen(text));
    ck_assert_ptr_nonnull(document);
    return document;
}

static struct mapping_table *new_table(const char *hc, const char *text)
{
    struct mapping_policy defaults = {.content_format = -1};
    settings_init(&defaults.settings);
    struct mapping_table *table = mapping_table_new(&defaults.settings);
    ck_assert_ptr_nonnull(table);
    struct buffer global;
    buffer_init(&global, 10000);
    buffer_printf(&global, strcmp(hc, "-") == 0 ? "{}" : "{\"hc\": %s}", hc);
    struct document *document = read_text(buffer_text(&global));
    struct document_place top = document_top(document);
    struct document_place place = document_member(document, &top, "hc");
    mapping_load_hc(table, document, &place);
    ck_assert_msg(!document_has_errors(document), "%s", document_errors(document));
    document_free(document);
    buffer_clear(&global);
    document = read_text(text);
    mapping_load_document(table, document, &defaults);
    ck_assert_msg(!document_has_errors(document), "%s", document_errors(document));
    document_free(document);
    return table;
}

static const char *error_name(int error)
{
    static const char *const names[] = {
        "OK",       "SCHEME_MISSING", "SCHEME_OTHER", "SCHEME_UNSERVED", "SYNTAX",   "PORT",
        "USERINFO", "NUMERIC_HOST",   "ENCODING",     "DOT_SEGMENT",     "TOO_LONG", "ZONE"};
    return names[-error];
}

static enum mapping_outcome find(const struct mapping_table *table, const char *target,
                                 struct rest_request *request, struct mapping_match *match,
                                 int *error)
{
    rest_request_init(request);
    return strncmp(target, "coap:", 5) == 0
               ? mapping_find_absolute(table, target, request, match, error)
               : mapping_find(table, target, request, match, error);
}

static void describe(const struct mapping_table *table, const char *target, struct buffer *out)
{
    static struct rest_request request;
    struct mapping_match match;
    int error;
    switch (find(table, target, &request, &match, &error)) {
    case MAPPING_NONE:
        buffer_append_text(out, "NONE");
        return;
    case MAPPING_BAD_TARGET:
        buffer_append_text(out, error_name(error));
        return;
    case MAPPING_FOUND:
        break;
    }
    static const char *const kinds[] = {"hc", "node", "path"};
    buffer_printf(out, "%s ", kinds[match.kind]);
    if (match.node_name != NULL) {
        buffer_printf(out, "%s ", match.node_name);
    }
    ck_assert_int_eq(match.node_index == UINT_MAX, match.kind != MAPPING_NODE);
    ck_assert_ptr_nonnull(match.policy);
    uri_compose_authority(out, &match.authority);
    for (size_t i = 0; i < request.message.option_count; i++) {
        const struct rest_option *option = &request.message.options[i];
        buffer_append_text(out, option->number == REST_OPTION_URI_PATH ? " p:" : " q:");
        buffer_append(out, option->value, option->length);
    }
}

/* A location as options. */
static void read_location(const char *text, struct rest_request *response)
{
    struct rest_request uri;
    rest_request_init(&uri);
    rest_request_init(response);
    struct uri_request_target parts;
    uri_split_request_target(text, &parts);
    ck_assert_int_eq(uri_add_path(&uri, parts.path, parts.path_length), URI_OK);
    if (parts.has_query) {
        ck_assert_int_eq(uri_add_query(&uri, parts.query, parts.query_length), URI_OK);
    }
    for (size_t i = 0; i < uri.message.option_count; i++) {
        const struct rest_option *option = &uri.message.options[i];
        uint16_t number = option->number == REST_OPTION_URI_PATH ? REST_OPTION_LOCATION_PATH
                                                                 : REST_OPTION_LOCATION_QUERY;
        ck_assert_int_eq(rest_request_add(response, number, option->value, option->length), 0);
    }
}

static void describe_back(const struct mapping_table *table, char *const *fields,
                          struct buffer *out)
{
    static struct rest_request request;
    static struct rest_request response;
    struct mapping_match match;
    int error;
    ck_assert_int_eq(find(table, fields[1], &request, &match, &error), MAPPING_FOUND);
    read_location(fields[2], &response);
    bool hc_allowed = strcmp(fields[3], "hc") == 0;
    buffer_append_text(out, "Location: ");
    int failure = mapping_reverse(table, &match, &response.message, hc_allowed, out);
    ck_assert_int_eq(failure != 0, strcmp(fields[4], "-") == 0);
    if (failure != 0) {
        ck_assert_str_eq(buffer_text(out), "Location: ");
        buffer_append_text(out, "-");
    }
}

/* Runs a file of cases; returns how many there were. */
static size_t run_cases(const char *name)
{
    struct cases cases;
    cases_open(&cases, name);
    size_t count = 0;
    char hc[1000] = "-";
    struct mapping_table *table = NULL;
    while (cases_next(&cases)) {
        const char *kind = cases.fields[0];
        if (strcmp(kind, "hc") == 0) {
            snprintf(hc, sizeof(hc), "%s", cases.fields[1]);
            continue;
        }
        if (strcmp(kind, "document") == 0) {
            mapping_table_free(table);
            table = new_table(hc, cases.fields[1]);
            continue;
        }
        bool is_back = strcmp(kind, "back") == 0;
        struct buffer out;
        buffer_init(&out, 100000);
        if (is_back) {
            describe_back(table, cases.fields, &out);
        } else {
            describe(table, cases.fields[1], &out);
        }
        const char *expected = cases.fields[cases.count - 1];
        const char *found = buffer_text(&out) + (is_back ? strlen("Location: ") : 0);
        ck_assert_msg(strcmp(found, expected) == 0, "%s:%u: %s\n  gives    %s\n  expected %s",
                      cases.name, cases.line, cases.fields[1], found, expected);
        buffer_clear(&out);
        count++;
    }
    mapping_table_free(table);
    return count;
}

START_TEST(request_targets_lead_where_the_table_says)
{
    ck_assert_uint_gt(run_cases("mapping/targets"), 100);
    static const char *const rows[] = {"URI-01",  "URI-02",  "URI-03",  "URI-04",  "URI-09",
                                       "URI-20",  "URI-23",  "URI-24",  "URI-25",  "TMPL-01",
                                       "TMPL-02", "TMPL-03", "TMPL-04", "TMPL-05", "TMPL-07"};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        proves(rows[i]);
    }
}
END_TEST

START_TEST(locations_come_back_through_the_mapping_that_can_say_them)
{
    ck_assert_uint_gt(run_cases("mapping/locations"), 20);
    proves("URI-26");
    proves("URI-28");
    proves("URI-29");
}
END_TEST

START_TEST(a_response_without_location_options_has_no_location)
{
    struct mapping_table *table = new_table("-", "{}");
    static struct rest_request request;
    struct mapping_match match;
    int error;
    ck_assert_int_eq(find(table, "/hc/coap://n/x", &request, &match, &error), MAPPING_FOUND);
    struct buffer out;
    buffer_init(&out, 100);
    rest_request_init(&request);
    ck_assert_int_eq(mapping_reverse(table, &match, &request.message, true, &out), -1);
    rest_request_add(&request, REST_OPTION_LOCATION_PATH, "..", 2);
    ck_assert_int_eq(mapping_reverse(table, &match, &request.message, true, &out), -1);
    ck_assert_uint_eq(out.length, 0);
    buffer_clear(&out);
    mapping_table_free(table);
}
END_TEST

START_TEST(a_location_that_does_not_fit_is_left_out)
{
    struct mapping_table *table = new_table("-", "{}");
    static struct rest_request request;
    struct mapping_match match;
    int error;
    ck_assert_int_eq(find(table, "/hc/coap://n/x", &request, &match, &error), MAPPING_FOUND);
    rest_request_init(&request);
    rest_request_add(&request, REST_OPTION_LOCATION_PATH, "new", 3);
    for (size_t maximum = 0; maximum < strlen("/hc/coap://n/new"); maximum++) {
        struct buffer out;
        buffer_init(&out, maximum);
        ck_assert_int_eq(mapping_reverse(table, &match, &request.message, true, &out), -1);
        ck_assert_uint_eq(out.length, 0);
        buffer_clear(&out);
    }
    mapping_table_free(table);
}
END_TEST

START_TEST(absolute_coap_targets_are_read_as_they_are)
{
    struct mapping_table *table = new_table("-", "{}");
    struct buffer out;
    buffer_init(&out, 1000);
    describe(table, "coap://N.example:7000/a?b", &out);
    ck_assert_str_eq(buffer_text(&out), "hc coap://n.example:7000 p:a q:b");
    buffer_clear(&out);
    static struct rest_request request;
    struct mapping_match match;
    int error;
    rest_request_init(&request);
    ck_assert_int_eq(mapping_find_absolute(table, "coaps://n/x", &request, &match, &error),
                     MAPPING_BAD_TARGET);
    ck_assert_int_eq(error, URI_ERROR_SCHEME_UNSERVED);
    ck_assert_int_eq(mapping_find_absolute(table, "/x", &request, &match, &error),
                     MAPPING_BAD_TARGET);
    mapping_table_free(table);
}
END_TEST

/* 20,000 mappings below one folder must not be slower than a few by more than noise: the bound is
 * far below what a walk over them would take (20,000 x 20,000 comparisons). */
START_TEST(the_number_of_mappings_does_not_make_finding_slow)
{
    enum { COUNT = 20000 };
    struct buffer text;
    buffer_init(&text, 100 * COUNT);
    buffer_append_text(&text, "{\"mappings\": [");
    for (unsigned i = 0; i < COUNT; i++) {
        buffer_printf(&text, "%s{\"path\":\"/s/%u\",\"target\":\"coap://n%u.example/t\"}",
                      i > 0 ? "," : "", i, i);
    }
    buffer_append_text(&text, "]}");
    ck_assert(!text.failed);
    struct mapping_table *table = new_table("-", buffer_text(&text));
    buffer_clear(&text);
    ck_assert_uint_eq(mapping_offer_count(table), COUNT + 1);
    clock_t start = clock();
    for (unsigned i = 0; i < COUNT; i++) {
        static struct rest_request request;
        struct mapping_match match;
        int error;
        char target[32];
        char host[32];
        snprintf(target, sizeof(target), "/s/%u", i);
        snprintf(host, sizeof(host), "n%u.example", i);
        ck_assert_int_eq(find(table, target, &request, &match, &error), MAPPING_FOUND);
        ck_assert_str_eq(match.authority.host, host);
    }
    double seconds = (double)(clock() - start) / CLOCKS_PER_SEC;
    ck_assert_msg(seconds < 2.0, "%.3f s", seconds);
    mapping_table_free(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapping");
    TCase *tests = tcase_create("mapping");
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, request_targets_lead_where_the_table_says);
    tcase_add_test(tests, locations_come_back_through_the_mapping_that_can_say_them);
    tcase_add_test(tests, a_response_without_location_options_has_no_location);
    tcase_add_test(tests, a_location_that_does_not_fit_is_left_out);
    tcase_add_test(tests, absolute_coap_targets_are_read_as_they_are);
    tcase_add_test(tests, the_number_of_mappings_does_not_make_finding_slow);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
