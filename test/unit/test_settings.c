/* SPDX-License-Identifier: BSD-2-Clause */
/* test_settings: the object "coap" of the configuration. */

#include "settings.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "proves.h"

/* Reads `text` over the settings; the caller frees the document. */
static struct document *read_settings(const char *text, enum settings_scope scope,
                                      struct settings *settings)
{
    struct document *document = document_read_text("x.json", text, strlen(text));
    ck_assert_ptr_nonnull(document);
    ck_assert_str_eq(document_errors(document), "");
    struct document_place top = document_top(document);
    settings_read(settings, document, &top, scope);
    return document;
}

START_TEST(the_defaults_are_those_of_rfc_7252)
{
    struct settings settings;
    settings_init(&settings);
    ck_assert_uint_eq(settings.ack_timeout_ms, 2000);
    ck_assert_uint_eq(settings.ack_random_percent, 150);
    ck_assert_uint_eq(settings.max_retransmit, 4);
    ck_assert_uint_eq(settings.nstart, 1);
    ck_assert_uint_eq(settings.probing_rate_milli, 1000);
    ck_assert_uint_eq(settings.deadline_ms, 45000);
    ck_assert_uint_eq(settings.acked_deadline_ms, 120000);
    ck_assert_uint_eq(settings.queue_per_node, 64);
    ck_assert_uint_eq(settings.hop_limit, 16);
    ck_assert_uint_eq(settings.transfer_deadline_ms, 600000);
    ck_assert_uint_eq(settings.block_size, 1024);
    ck_assert_uint_eq(settings.blockwise_threshold, 1024);
    ck_assert_int_eq(settings.block_token, BLOCK_TOKEN_BY_SCHEME);
    ck_assert(!settings.is_non_confirmable);
    ck_assert(!settings.has_unsafe_timing);
}
END_TEST

START_TEST(only_the_members_that_stand_there_change)
{
    struct settings settings;
    settings_init(&settings);
    struct document *document = read_settings(
        "{\"ack_timeout\": 3, \"type\": \"non\", \"deadline\": 10}", SETTINGS_OVERRIDE, &settings);
    ck_assert_str_eq(document_errors(document), "");
    document_free(document);
    document =
        read_settings("{\"acked_deadline\": 452, \"hop_limit\": 255, \"max_retransmit\": 0, "
                      "\"queue_per_node\": 8, \"probing_rate\": 2.5, \"ack_random_factor\": 1.25, "
                      "\"//\": \"said on purpose\", \"unsafe_timing\": true, \"nstart\": 4}",
                      SETTINGS_OVERRIDE, &settings);
    ck_assert_str_eq(document_errors(document), "");
    document_free(document);
    ck_assert_uint_eq(settings.ack_timeout_ms, 3000);
    ck_assert(settings.is_non_confirmable);
    ck_assert_uint_eq(settings.deadline_ms, 10000);
    ck_assert_uint_eq(settings.acked_deadline_ms, 452000);
    ck_assert_uint_eq(settings.hop_limit, 255);
    ck_assert_uint_eq(settings.max_retransmit, 0);
    ck_assert_uint_eq(settings.queue_per_node, 8);
    ck_assert_uint_eq(settings.probing_rate_milli, 2500);
    ck_assert_uint_eq(settings.ack_random_percent, 125);
    ck_assert_uint_eq(settings.nstart, 4);
    ck_assert(settings.has_unsafe_timing);
}
END_TEST

/* RFC 7252 4.8.1 */
START_TEST(unsafe_timing_must_be_said_on_purpose)
{
    static const struct {
        const char *text;
        const char *error; /* NULL: none */
    } table[] = {
        {"{\"ack_timeout\": 0.2}", "x.json:1: ack_timeout: below 2 seconds needs "
                                   "\"unsafe_timing\": true beside it (RFC 7252 4.8.1)\n"},
        {"{\"ack_timeout\": 1.999}", "x.json:1: ack_timeout: below 2 seconds needs "
                                     "\"unsafe_timing\": true beside it (RFC 7252 4.8.1)\n"},
        {"{\"ack_timeout\": 0.2,\n\"unsafe_timing\": true}", NULL},
        {"{\"ack_timeout\": 2}", NULL},
        {"{\"nstart\": 2}", "x.json:1: nstart: above 1 needs \"unsafe_timing\": true beside it "
                            "(RFC 7252 4.8.1)\n"},
        {"{\"nstart\": 2, \"unsafe_timing\": true}", NULL},
        {"{\n\"ack_random_factor\": 0.9}",
         "x.json:2: ack_random_factor: must be a number from 1 to 10\n"},
        {"{\"ack_random_factor\": 0.9, \"unsafe_timing\": true}",
         "x.json:1: ack_random_factor: must be a number from 1 to 10\n"},
        {"{\"ack_random_factor\": 1.0}", NULL},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct settings settings;
        settings_init(&settings);
        struct document *document = read_settings(table[i].text, SETTINGS_OVERRIDE, &settings);
        ck_assert_str_eq(document_errors(document), table[i].error != NULL ? table[i].error : "");
        document_free(document);
    }
    proves("CONG-03");
}
END_TEST

START_TEST(transfers_in_blocks_have_sizes_that_rfc_7959_knows)
{
    static const struct {
        const char *text;
        const char *error; /* NULL: none */
        uint32_t size, threshold;
        enum block_token token;
    } table[] = {
        {"{\"block_size\": 16, \"blockwise_threshold\": 0, \"block_token\": \"fresh\"}", NULL, 16,
         0, BLOCK_TOKEN_FRESH},
        {"{\"block_size\": 512, \"block_token\": \"reuse\"}", NULL, 512, 1024, BLOCK_TOKEN_REUSE},
        {"{\"block_size\": 100}",
         "x.json:1: block_size: must be 16, 32, 64, 128, 256, 512 or 1024\n", 1024, 1024,
         BLOCK_TOKEN_BY_SCHEME},
        {"{\"block_size\": 2048}", "x.json:1: block_size: must be a whole number from 16 to 1024\n",
         1024, 1024, BLOCK_TOKEN_BY_SCHEME},
        {"{\"blockwise_threshold\": 1025}",
         "x.json:1: blockwise_threshold: must be a whole number from 0 to 1024\n", 1024, 1024,
         BLOCK_TOKEN_BY_SCHEME},
        {"{\"block_token\": \"new\"}", "x.json:1: block_token: must be \"reuse\" or \"fresh\"\n",
         1024, 1024, BLOCK_TOKEN_BY_SCHEME},
    };
    struct settings settings;
    struct document *document;
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        settings_init(&settings);
        document = read_settings(table[i].text, SETTINGS_OVERRIDE, &settings);
        ck_assert_str_eq(document_errors(document), table[i].error != NULL ? table[i].error : "");
        document_free(document);
        ck_assert_uint_eq(settings.block_size, table[i].size);
        ck_assert_uint_eq(settings.blockwise_threshold, table[i].threshold);
        ck_assert_int_eq(settings.block_token, table[i].token);
    }
    /* What holds for all nodes says nothing of coaps. */
    settings_init(&settings);
    document = read_settings("{\"block_token\": \"reuse\", \"transfer_deadline\": 1.5}",
                             SETTINGS_GLOBAL, &settings);
    ck_assert_str_eq(document_errors(document), "");
    document_free(document);
    ck_assert_int_eq(settings.block_token, BLOCK_TOKEN_BY_SCHEME);
    ck_assert_uint_eq(settings.transfer_deadline_ms, 1500);
}
END_TEST

START_TEST(unknown_members_and_wrong_places_are_refused)
{
    struct settings settings;
    settings_init(&settings);
    struct document *document =
        read_settings("{\"outstanding\": 3, \"typ\": \"con\", \"type\": "
                      "\"maybe\", \"hop_limit\": 0, \"queue_per_node\": 0, \"probing_rate\": 0}",
                      SETTINGS_OVERRIDE, &settings);
    ck_assert_str_eq(
        document_errors(document),
        "x.json:1: probing_rate: must be a number from 0.01 to 1000000\n"
        "x.json:1: type: must be \"con\" or \"non\"\n"
        "x.json:1: queue_per_node: must be a whole number from 1 to 100000\n"
        "x.json:1: hop_limit: must be a whole number from 1 to 255\n"
        "x.json:1: outstanding: holds for all nodes: it stands in \"coap\" of coapgw.json only\n"
        "x.json:1: typ: unknown member; did you mean \"type\"?\n");
    document_free(document);
    document = read_settings("{\"outstanding\": 3, \"bind\": \"x\", \"no_response\": 1}",
                             SETTINGS_GLOBAL, &settings);
    ck_assert_str_eq(document_errors(document), "x.json:1: no_response: must be a sum of 2 (for "
                                                "2.xx), 8 (4.xx) and 16 (5.xx) (RFC 7967 2.1)\n");
    ck_assert(!settings.has_no_response);
    document_free(document);
    document = read_settings("{\"no_response\": 0}", SETTINGS_OVERRIDE, &settings);
    ck_assert_str_eq(document_errors(document), "");
    ck_assert(settings.has_no_response);
    ck_assert_uint_eq(settings.no_response, 0);
    document_free(document);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("settings");
    TCase *tests = tcase_create("settings");
    tcase_add_test(tests, the_defaults_are_those_of_rfc_7252);
    tcase_add_test(tests, only_the_members_that_stand_there_change);
    tcase_add_test(tests, unsafe_timing_must_be_said_on_purpose);
    tcase_add_test(tests, transfers_in_blocks_have_sizes_that_rfc_7959_knows);
    tcase_add_test(tests, unknown_members_and_wrong_places_are_refused);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
