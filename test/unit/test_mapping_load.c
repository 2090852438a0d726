/* SPDX-License-Identifier: BSD-2-Clause */
/* test_mapping_load: mapping documents, what they say and how errors are told. */

#include "mapping.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cases.h"
#include "document.h"
#include "http_message.h"
#include "proves.h"

static struct mapping_policy defaults_of_product(void)
{
    struct mapping_policy defaults = {.content_format = -1, .is_cached = true};
    settings_init(&defaults.settings);
    return defaults;
}

/* Loads a document into the table; the caller frees it. */
static struct document *load(struct mapping_table *table, const char *text,
                             const struct mapping_policy *defaults)
{
    struct document *document = document_read_text("x.json", text, strlen(text));
    ck_assert_ptr_nonnull(document);
    ck_assert_msg(!document_has_errors(document), "%s", document_errors(document));
    mapping_load_document(table, document, defaults);
    return document;
}

static void run_error_case(const struct cases *cases)
{
    struct mapping_policy defaults = defaults_of_product();
    struct mapping_table *table = mapping_table_new(&defaults.settings);
    bool is_hc = strcmp(cases->fields[0], "hc") == 0;
    struct buffer text;
    buffer_init(&text, 10000);
    buffer_printf(&text, is_hc ? "{\"hc\": %s}" : "%s", cases->fields[1]);
    struct document *document = document_read_text("x.json", buffer_text(&text), text.length);
    ck_assert_msg(!document_has_errors(document), "%s", document_errors(document));
    struct document_place top = document_top(document);
    struct document_place absent = {0};
    struct document_place hc = is_hc ? document_member(document, &top, "hc") : absent;
    mapping_load_hc(table, document, &hc);
    if (!is_hc) {
        mapping_load_document(table, document, &defaults);
    }
    const char *errors = document_errors(document);
    const char *prefix = "x.json:1: ";
    size_t length = strcspn(errors, "\n");
    const char *first = length >= strlen(prefix) ? errors + strlen(prefix) : "";
    ck_assert_msg(strlen(cases->fields[2]) + strlen(prefix) == length &&
                      strncmp(first, cases->fields[2], strlen(cases->fields[2])) == 0,
                  "%s:%u: %s\n  says     %s\n  expected %s", cases->name, cases->line,
                  cases->fields[1], errors, cases->fields[2]);
    document_free(document);
    mapping_table_free(table);
    buffer_clear(&text);
}

START_TEST(wrong_documents_are_refused_with_the_member_and_the_reason)
{
    struct cases cases;
    cases_open(&cases, "mapping/errors");
    size_t count = 0;
    while (cases_next(&cases)) {
        run_error_case(&cases);
        count++;
    }
    ck_assert_uint_gt(count, 50);
    proves("TMPL-06");
    proves("TMPL-09");
}
END_TEST

START_TEST(all_errors_of_a_document_are_told_with_their_lines)
{
    struct mapping_policy defaults = defaults_of_product();
    struct mapping_table *table = mapping_table_new(&defaults.settings);
    struct document *document = load(table,
                                     "{\n"
                                     "  \"nodes\": {\n"
                                     "    \"Big\": { \"address\": \"coap://n\" },\n"
                                     "    \"a\": { \"adress\": \"coap://n\" }\n"
                                     "  },\n"
                                     "  \"mappings\": [\n"
                                     "    { \"path\": \"/fine\", \"target\": \"coap://n\" },\n"
                                     "    { \"path\": \"/x\",\n"
                                     "      \"target\": \"http://n\" }\n"
                                     "  ]\n"
                                     "}\n",
                                     &defaults);
    ck_assert_str_eq(
        document_errors(document),
        "x.json:3: nodes.Big.address: the name of a node has 1 to 63 lower case letters, digits, "
        "\"-\", \"_\" and \".\"\n"
        "x.json:4: nodes.a: \"address\" is missing\n"
        "x.json:4: nodes.a.adress: unknown member; did you mean \"address\"?\n"
        "x.json:9: mappings[1].target: the scheme of the target is not a CoAP scheme\n");
    document_free(document);
    mapping_table_free(table);
}
END_TEST

static const struct mapping_policy *policy_of(const struct mapping_table *table, const char *target)
{
    static struct rest_request request;
    struct mapping_match match;
    int error;
    rest_request_init(&request);
    ck_assert_int_eq(mapping_find(table, target, &request, &match, &error), MAPPING_FOUND);
    return match.policy;
}

START_TEST(members_make_the_policy_and_absent_ones_leave_the_defaults)
{
    struct mapping_policy defaults = defaults_of_product();
    defaults.strict_accept = true;
    defaults.patch_is_ipatch = true;
    defaults.settings.deadline_ms = 9000;
    struct mapping_table *table = mapping_table_new(&defaults.settings);
    struct document *document = load(
        table,
        "{ \"//\": \"remark\", \"$schema\": \"x\", \"nodes\": { \"//\": 1, \"a\": { \"address\": "
        "\"coap://n\", \"methods\": [\"GET\", \"PUT\"], \"coap\": { \"ack_timeout\": 3 } } },\n"
        "\"mappings\": [ { \"path\": \"/x\", \"target\": \"coap://n/x\", \"roles\": [\"write\", "
        "\"admin\"], \"strict_accept\": false, \"content_format\": 0, \"put_etag\": true, "
        "\"cache\": false, \"stale_if_error\": true, "
        "\"require_length\": true, \"description\": \"Ceiling light\", \"query\": \"drop\", "
        "\"patch\": \"patch\", \"method_override\": true, \"loose\": { \"text/html\": 0 }, "
        "\"connect\": \"127.0.0.1:7000\", \"coap\": { \"deadline\": 10, \"type\": \"non\" } },\n"
        "{ \"path\": \"/y\", \"target\": \"coap://n/y\", \"loose\": true } ] }",
        &defaults);
    ck_assert_str_eq(document_errors(document), "");
    document_free(document);

    const struct mapping_policy *policy = policy_of(table, "/nodes/a/z");
    ck_assert_uint_eq(policy->methods, HTTP_METHOD_GET | HTTP_METHOD_HEAD | HTTP_METHOD_PUT);
    ck_assert_uint_eq(policy->roles, 0);
    ck_assert_uint_eq(policy->settings.ack_timeout_ms, 3000);
    ck_assert_uint_eq(policy->settings.deadline_ms, 9000);
    ck_assert(policy->strict_accept && policy->patch_is_ipatch && !policy->has_connect);
    ck_assert_int_eq(policy->content_format, -1);
    ck_assert_ptr_null(policy->description);
    ck_assert(policy->is_cached && !policy->stale_if_error);

    policy = policy_of(table, "/x");
    ck_assert_uint_eq(policy->methods, 0);
    ck_assert_uint_eq(policy->roles, ROLE_WRITE | ROLE_ADMIN);
    ck_assert(!policy->strict_accept && !policy->patch_is_ipatch);
    ck_assert(policy->put_etag && policy->require_length && policy->query_drop);
    ck_assert(policy->method_override && policy->has_loose && policy->loose != NULL);
    ck_assert_int_eq(policy->content_format, 0);
    ck_assert_str_eq(policy->description, "Ceiling light");
    ck_assert(!policy->is_cached && policy->stale_if_error);
    ck_assert(policy->has_connect);
    ck_assert_int_eq(policy->connect.port, 7000);
    ck_assert_int_eq(policy->connect.family, 4);
    ck_assert_uint_eq(policy->settings.deadline_ms, 10000);
    ck_assert_uint_eq(policy->settings.ack_timeout_ms, 2000);
    ck_assert(policy->settings.is_non_confirmable);

    policy = policy_of(table, "/y");
    ck_assert(policy->has_loose && policy->loose == NULL && policy->strict_accept);
    mapping_table_free(table);
}
END_TEST

START_TEST(nodes_of_several_documents_are_sorted_and_a_name_is_taken_once)
{
    struct mapping_policy defaults = defaults_of_product();
    struct mapping_table *table = mapping_table_new(&defaults.settings);
    struct document *first = load(table,
                                  "{\"nodes\": {\"m\": {\"address\": \"coap://m\"}, "
                                  "\"z\": {\"address\": \"coap://z\"}}}",
                                  &defaults);
    struct document *second = load(table,
                                   "{\"nodes\": {\"z\": {\"address\": \"coap://other\"}, "
                                   "\"a\": {\"address\": \"coap://[fe80::1%25nosuch0]:7000\"}}}",
                                   &defaults);
    ck_assert_str_eq(document_errors(first), "");
    ck_assert_str_eq(document_errors(second),
                     "x.json:1: nodes.z: a node of this name is there already\n");
    document_free(first);
    document_free(second);
    static const char *const names[] = {"a", "m", "z"};
    ck_assert_uint_eq(mapping_node_count(table), 3);
    for (unsigned i = 0; i < 3; i++) {
        static struct rest_request request;
        struct mapping_match match;
        int error;
        char target[16];
        ck_assert_str_eq(mapping_node_name(table, i), names[i]);
        snprintf(target, sizeof(target), "/nodes/%s/x", names[i]);
        rest_request_init(&request);
        ck_assert_int_eq(mapping_find(table, target, &request, &match, &error), MAPPING_FOUND);
        ck_assert_uint_eq(match.node_index, i);
    }
    ck_assert_str_eq(mapping_node_authority(table, 0)->zone, "nosuch0");
    ck_assert_str_eq(mapping_node_authority(table, 2)->host, "z");
    mapping_table_free(table);
}
END_TEST

START_TEST(offers_name_what_is_there)
{
    struct mapping_policy defaults = defaults_of_product();
    struct mapping_table *table = mapping_table_new(&defaults.settings);
    struct document *document =
        load(table,
             "{\"nodes\": {\"k\": {\"address\": \"coap://k\", \"description\": \"Kitchen\"}}, "
             "\"mappings\": [{\"path\": \"/x\", \"target\": \"coap://n\"}, "
             "{\"path\": \"/g{+p}\", \"target\": \"coap://n{+p}\"}]}",
             &defaults);
    ck_assert_str_eq(document_errors(document), "");
    struct document_place absent = {0};
    mapping_load_hc(table, document, &absent);
    document_free(document);
    static const struct {
        enum mapping_kind kind;
        const char *path, *template, *description;
        bool has_variables;
    } expected[] = {
        {MAPPING_HC, "/hc/", "{+tu}", "", true},
        {MAPPING_NODE, "/nodes/k/", "", "Kitchen", false},
        {MAPPING_PATH, "/x", "", "", false},
        {MAPPING_PATH, "/g", "", "", true},
    };
    ck_assert_uint_eq(mapping_offer_count(table), 4);
    for (size_t i = 0; i < 4; i++) {
        struct mapping_offer offer = mapping_offer(table, i);
        ck_assert_int_eq(offer.kind, expected[i].kind);
        ck_assert_str_eq(offer.path, expected[i].path);
        ck_assert_str_eq(offer.template != NULL ? offer.template : "", expected[i].template);
        ck_assert_str_eq(offer.description != NULL ? offer.description : "",
                         expected[i].description);
        ck_assert_int_eq(offer.has_variables, expected[i].has_variables);
    }
    mapping_table_free(table);
}
END_TEST

START_TEST(the_shipped_example_is_right)
{
    const char *srcdir = getenv("srcdir");
    char path[512];
    snprintf(path, sizeof(path), "%s/mappings/example.json", srcdir != NULL ? srcdir : ".");
    struct document *document = document_read_file(path);
    struct mapping_policy defaults = defaults_of_product();
    struct mapping_table *table = mapping_table_new(&defaults.settings);
    mapping_load_document(table, document, &defaults);
    ck_assert_str_eq(document_errors(document), "");
    ck_assert_uint_gt(mapping_offer_count(table), 3);
    document_free(document);
    mapping_table_free(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("mapping_load");
    TCase *tests = tcase_create("mapping_load");
    tcase_add_test(tests, wrong_documents_are_refused_with_the_member_and_the_reason);
    tcase_add_test(tests, all_errors_of_a_document_are_told_with_their_lines);
    tcase_add_test(tests, members_make_the_policy_and_absent_ones_leave_the_defaults);
    tcase_add_test(tests, nodes_of_several_documents_are_sorted_and_a_name_is_taken_once);
    tcase_add_test(tests, offers_name_what_is_there);
    tcase_add_test(tests, the_shipped_example_is_right);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
