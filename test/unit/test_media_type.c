/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_type.h"

/*
 * test_media_type: Content-Formats both ways and the choice of Accept (area MEDIA). Most cases are
 * lines of test/data/media_type: a new one needs no C.
 */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "cases.h"
#include "http_message.h"
#include "media_table.h"
#include "proves.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct media_table *table;
static struct http_reply reply;

static void set_up(void)
{
    table = media_table_new();
    ck_assert_ptr_nonnull(table);
    http_reply_init(&reply, 100);
}

static void tear_down(void)
{
    http_reply_clear(&reply);
    media_table_free(table);
}

static bool case_has_flag(const struct cases *cases, const char *flag)
{
    return strstr(cases->fields[0], flag) != NULL;
}

static size_t set_fields(struct http_field fields[2], const char *first, const char *first_value,
                         const char *second, const char *second_value)
{
    size_t count = 0;
    if (strcmp(first_value, "-") != 0)
        fields[count++] = (struct http_field){first, first_value};
    if (strcmp(second_value, "-") != 0)
        fields[count++] = (struct http_field){second, second_value};
    return count;
}

static const char *outcome_text(enum media_outcome outcome, uint16_t format)
{
    static char number[8];
    static const char *const names[] = {
        [MEDIA_ABSENT] = "absent",
        [MEDIA_UNKNOWN] = "unknown",
        [MEDIA_BAD_CODING] = "coding",
        [MEDIA_BAD_SYNTAX] = "syntax",
    };
    if (outcome != MEDIA_FOUND)
        return names[outcome];
    snprintf(number, sizeof(number), "%u", format);
    return number;
}

START_TEST(content_of_a_request_selects_its_format)
{
    struct cases cases;
    cases_open(&cases, "media_type/content.txt");
    unsigned count = 0;
    while (cases_next(&cases)) {
        ck_assert_msg(cases.count == 5 || cases.count == 6, "line %u", cases.line);
        struct http_field fields[2];
        struct http_request request = {.method = HTTP_METHOD_PUT, .fields = fields};
        request.field_count = set_fields(fields, "content-type", cases.fields[1],
                                         "Content-Encoding", cases.fields[2]);
        const char *body = cases.fields[3];
        if (!case_has_flag(&cases, "head")) {
            request.body = (const uint8_t *)body;
            request.body_length = strlen(body);
        }
        struct media_options options = {.is_loose = case_has_flag(&cases, "loose"),
                                        .takes_coap_payload = case_has_flag(&cases, "payload")};
        uint16_t format = 0;
        enum media_outcome outcome = media_from_request(table, &request, &options, &format);
        const char *result = outcome_text(outcome, format);
        ck_assert_msg(strcmp(result, cases.fields[4]) == 0, "%s:%u: %s", cases.name, cases.line,
                      result);
        count++;
    }
    ck_assert_uint_gt(count, 60);
    static const char *const rows[] = {"MEDIA-10", "MEDIA-12", "MEDIA-13", "MEDIA-15",
                                       "MEDIA-16", "MEDIA-17", "MEDIA-18"};
    for (size_t i = 0; i < LENGTH(rows); i++)
        proves(rows[i]);
}
END_TEST

static void choice_text(const struct media_choice *choice, char text[64])
{
    size_t used = 0;
    text[0] = '\0';
    for (size_t i = 0; i < choice->count; i++)
        used += (size_t)snprintf(text + used, 64 - used, "%s%u", i ? " " : "", choice->formats[i]);
    if (choice->falls_back_to_any)
        snprintf(text + used, 64 - used, " any");
    else if (choice->refused)
        snprintf(text, 64, "refused");
    else if (choice->count == 0)
        snprintf(text, 64, "none");
}

START_TEST(accept_of_a_request_gives_candidates)
{
    struct cases cases;
    cases_open(&cases, "media_type/accept.txt");
    unsigned count = 0;
    while (cases_next(&cases)) {
        ck_assert_msg(cases.count == 4 || cases.count == 5, "line %u", cases.line);
        struct http_field fields[2];
        struct http_request request = {.method = HTTP_METHOD_GET, .fields = fields};
        request.field_count =
            set_fields(fields, "accept", cases.fields[1], "Accept-encoding", cases.fields[2]);
        struct media_options options = {.takes_coap_payload = case_has_flag(&cases, "payload")};
        struct media_choice choice;
        char result[64];
        media_choose(table, &request, &options, &choice);
        choice_text(&choice, result);
        ck_assert_msg(strcmp(result, cases.fields[3]) == 0, "%s:%u: %s", cases.name, cases.line,
                      result);
        count++;
    }
    ck_assert_uint_gt(count, 40);
    static const char *const rows[] = {"MEDIA-03", "MEDIA-04", "MEDIA-05",
                                       "MEDIA-11", "MEDIA-22", "OPT-16"};
    for (size_t i = 0; i < LENGTH(rows); i++)
        proves(rows[i]);
}
END_TEST

START_TEST(several_accept_fields_are_one_list)
{
    static const struct http_field fields[] = {
        {"Accept", "application/cbor;q=0.5"}, {"Host", "x"}, {"Accept", "application/json"}};
    struct http_request request = {.fields = fields, .field_count = 3};
    struct media_options options = {0};
    struct media_choice choice;
    media_choose(table, &request, &options, &choice);
    ck_assert_uint_eq(choice.count, 2);
    ck_assert_uint_eq(choice.formats[0], 50);
    ck_assert_uint_eq(choice.formats[1], 60);
}
END_TEST

START_TEST(two_content_types_are_refused)
{
    static const struct http_field fields[] = {{"Content-Type", "application/json"},
                                               {"Content-Type", "application/json"}};
    struct http_request request = {.fields = fields, .field_count = 2};
    struct media_options options = {0};
    uint16_t format;
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_BAD_SYNTAX);
}
END_TEST

START_TEST(accept_encoding_counts_only_where_a_coded_format_could_have_been_chosen)
{
    static const struct {
        const char *accept;
        const char *encoding;
        bool depends;
    } cases[] = {
        {"application/json", "gzip", true},
        {"application/json", "-", false},
        {"application/senml+json", "deflate", false},
        {"*/*", "deflate, identity;q=0", false},
        {"*/*, application/json;q=0.5", "deflate, identity;q=0", false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct http_field fields[2];
        struct http_request request = {.fields = fields};
        request.field_count =
            set_fields(fields, "Accept", cases[i].accept, "Accept-Encoding", cases[i].encoding);
        struct media_options options = {0};
        struct media_choice choice;
        media_choose(table, &request, &options, &choice);
        ck_assert_msg(choice.depends_on_coding == cases[i].depends, "case %zu", i);
    }
}
END_TEST

START_TEST(a_refused_coding_is_answered_with_those_of_the_type)
{
    static const struct {
        const char *type;
        const char *codings;
    } cases[] = {
        {"application/json", "deflate, zstd"},
        {"application/json;charset=utf-8", "deflate, zstd"},
        {"application/cbor", "deflate"},
        {"text/plain", "zstd"},
        {"application/link-format", "identity"},
        {"image/webp", "identity"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct http_field field = {"Content-Type", cases[i].type};
        struct http_request request = {.fields = &field, .field_count = 1};
        ck_assert_int_eq(media_add_accept_encoding(table, &request, &reply), 0);
        ck_assert_str_eq(http_reply_field(&reply, "Accept-Encoding"), cases[i].codings);
        http_reply_remove(&reply, "Accept-Encoding");
    }
    proves("MEDIA-02");
}
END_TEST

START_TEST(a_format_of_a_response_becomes_content_type_and_coding)
{
    static const struct {
        uint16_t format;
        const char *type;
        const char *coding;
    } cases[] = {
        {0, "text/plain;charset=utf-8", NULL},
        {40, "application/link-format", NULL},
        {50, "application/json", NULL},
        {11060, "application/cbor", "deflate"},
        {12050, "application/json", "zstd"},
        {18, "application/cose; cose-type=\"cose-sign1\"", NULL},
        {10003, "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"", NULL},
        {30000, "image/svg+xml", NULL},
        {4711, "application/coap-payload;cf=4711", NULL},
        {65535, "application/coap-payload;cf=65535", NULL},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        ck_assert_int_eq(media_to_reply(table, cases[i].format, &reply), 0);
        ck_assert_str_eq(http_reply_field(&reply, "Content-Type"), cases[i].type);
        ck_assert_pstr_eq(http_reply_field(&reply, "Content-Encoding"), cases[i].coding);
        http_reply_clear(&reply);
    }
    ck_assert_ptr_null(media_type_text(table, 4711));
    ck_assert_str_eq(media_type_text(table, 257), "application/concise-problem-details+cbor");
    proves("MEDIA-09");
    proves("OPT-12");
}
END_TEST

START_TEST(every_known_format_comes_back_from_its_own_fields)
{
    unsigned known = 0;
    for (unsigned format = 0; format <= UINT16_MAX; format++) {
        if (!media_type_text(table, (uint16_t)format))
            continue;
        ck_assert_int_eq(media_to_reply(table, (uint16_t)format, &reply), 0);
        struct http_request request = {.fields = reply.fields, .field_count = reply.field_count};
        struct media_options options = {0};
        uint16_t read = 0;
        ck_assert_int_eq(media_from_request(table, &request, &options, &read), MEDIA_FOUND);
        ck_assert_uint_eq(read, format);
        ck_assert(media_is_accepted(table, &request, (uint16_t)format));
        http_reply_clear(&reply);
        known++;
    }
    ck_assert_uint_eq(known, 110);
}
END_TEST

START_TEST(strict_acceptance_follows_the_closest_range)
{
    static const struct {
        const char *accept;
        uint16_t format;
        bool is_accepted;
    } cases[] = {
        {"application/xml", 50, false},
        {"application/xml", 41, true},
        {"application/*", 50, true},
        {"application/*, application/json;q=0", 50, false},
        {"*/*;q=0.1, text/*;q=0", 0, false},
        {"text/plain", 0, true},
        {"text/plain;charset=UTF-8", 0, true},
        {"text/plain;charset=latin1", 0, false},
        {"application/json;charset=utf-8", 50, true},
        {"application/json", 11050, true},
        {"application/json", 4711, false},
        {"application/coap-payload", 4711, true},
        {"application/coap-payload;cf=4711", 4711, true},
        {"application/coap-payload;cf=4712", 4711, false},
        {"application/coap-payload;cf=60", 60, true},
        {"text", 50, true},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct http_field field = {"Accept", cases[i].accept};
        struct http_request request = {.fields = &field, .field_count = 1};
        ck_assert_msg(media_is_accepted(table, &request, cases[i].format) == cases[i].is_accepted,
                      "%s: %u", cases[i].accept, cases[i].format);
    }
    struct http_request request = {0};
    ck_assert(media_is_accepted(table, &request, 4711));
}
END_TEST

START_TEST(quality_is_that_of_the_closest_range)
{
    static const char accept[] = "text/*;q=0.3, text/plain;q=0.7, text/plain;format=flowed, "
                                 "text/plain;format=fixed;q=0.4, */*;q=0.5";
    static const struct {
        const char *type;
        unsigned quality;
    } cases[] = {
        /* the example of RFC 9110 12.5.1 */
        {"text/plain;format=flowed", 1000},
        {"text/plain", 700},
        {"text/html", 300},
        {"image/jpeg", 500},
        {"text/plain;format=fixed", 400},
        {"TEXT/HTML;level=3", 300},
        {"nonsense", 0},
    };
    struct http_field field = {"Accept", accept};
    struct http_request request = {.fields = &field, .field_count = 1};
    for (size_t i = 0; i < LENGTH(cases); i++)
        ck_assert_uint_eq(media_quality(&request, cases[i].type), cases[i].quality);
    request.field_count = 0;
    ck_assert_uint_eq(media_quality(&request, "text/html"), 1000);
}
END_TEST

START_TEST(the_higher_of_two_weights_of_a_range_counts)
{
    struct http_field field = {"Accept", "application/cbor;q=0, application/cbor;q=0.2"};
    struct http_request request = {.fields = &field, .field_count = 1};
    struct media_options options = {0};
    struct media_choice choice;
    media_choose(table, &request, &options, &choice);
    ck_assert_uint_eq(choice.count, 1);
    ck_assert(media_is_accepted(table, &request, choice.formats[0]));
    ck_assert_uint_eq(media_quality(&request, "application/cbor"), 200);
}
END_TEST

START_TEST(an_added_format_is_known_both_ways)
{
    ck_assert_int_eq(media_table_add(table, 65001, "application/x-my", ""), 0);
    ck_assert_int_eq(media_table_add(table, 65002, "application/x-my", "deflate"), 0);
    ck_assert_int_eq(media_table_add(table, 432, "application/x-else;v=1", ""), 0);
    struct http_field fields[] = {{"Content-Type", "Application/X-My"},
                                  {"Content-Encoding", "deflate"}};
    struct http_request request = {.fields = fields, .field_count = 1};
    struct media_options options = {0};
    uint16_t format = 0;
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_FOUND);
    ck_assert_uint_eq(format, 65001);
    request.field_count = 2;
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_FOUND);
    ck_assert_uint_eq(format, 65002);
    ck_assert_int_eq(media_to_reply(table, 65002, &reply), 0);
    ck_assert_str_eq(http_reply_field(&reply, "Content-Type"), "application/x-my");
    ck_assert_str_eq(http_reply_field(&reply, "Content-Encoding"), "deflate");

    /* The number that was there means the new type, and the old type nothing any more. */
    ck_assert_str_eq(media_type_text(table, 432), "application/x-else;v=1");
    fields[0].value = "application/td+json";
    request.field_count = 1;
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_UNKNOWN);
}
END_TEST

START_TEST(an_own_loose_table_is_tried_from_the_most_specific_pattern)
{
    static struct media_loose_entry entries[] = {
        {"*/*", NULL, 60},    {"image/", NULL, 22},    {"application/*+yaml", NULL, 42},
        {"text/*", NULL, 0},  {"text/html", NULL, 41}, {"application/*", NULL, 47},
        {"a/b", NULL, 65001},
    };
    static const struct media_loose loose = {entries, LENGTH(entries)};
    static const struct {
        const char *type;
        uint16_t format;
    } cases[] = {
        {"text/html", 41},  {"TEXT/HTML;charset=x", 41}, {"text/csv", 0},
        {"image/webp", 22}, {"application/x+yaml", 42},  {"application/yaml", 47},

        {"audio/ogg", 60},  {"imagex/webp", 60},         {"a/b", 65001},
    };
    struct media_options options = {.is_loose = true, .loose = &loose};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct http_field field = {"Content-Type", cases[i].type};
        struct http_request request = {.fields = &field, .field_count = 1};
        uint16_t format = 0;
        ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_FOUND);
        ck_assert_msg(format == cases[i].format, "%s: %u", cases[i].type, format);
    }
    static const struct media_loose none = {entries, 0};
    options.loose = &none;
    struct http_field field = {"Content-Type", "text/html"};
    struct http_request request = {.fields = &field, .field_count = 1};
    uint16_t format;
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_UNKNOWN);
    proves("MEDIA-14");
}
END_TEST

START_TEST(texts_of_any_length_are_read_within_their_bounds)
{
    /* Every prefix of awkward values, in a block of exactly its size, for the memory checkers. */
    static const char *const values[] = {
        "text/plain ; charset=\"u\\\"tf-8\" ; x=\"a,b;c\" ;q=0.123 , */* ; q=0,application/json",
        "application/coap-payload;cf=\"\\6\\5536\"",
        "application/eat+cwt; eat_profile=\"tag:psacertified.org,2023:psa#tfm\"",
        "deflate ; q=0.5 , identity;q=0,*;q=0.1;x",
    };
    for (size_t i = 0; i < LENGTH(values); i++) {
        for (size_t length = 0; length <= strlen(values[i]); length++) {
            char *value = malloc(length + 1);
            ck_assert_ptr_nonnull(value);
            memcpy(value, values[i], length);
            value[length] = '\0';
            struct http_field fields[] = {{"Accept", value},
                                          {"Accept-Encoding", value},
                                          {"Content-Type", value},
                                          {"Content-Encoding", value}};
            struct http_request request = {.fields = fields, .field_count = 4};
            struct media_options options = {.is_loose = true, .takes_coap_payload = true};
            struct media_choice choice;
            uint16_t format;
            media_choose(table, &request, &options, &choice);
            ck_assert_uint_le(choice.count, MEDIA_CANDIDATES_MAX);
            media_from_request(table, &request, &options, &format);
            ck_assert_uint_le(media_quality(&request, "text/plain"), 1000);
            free(value);
        }
    }
}
END_TEST

START_TEST(text_is_what_is_declared_as_text_in_utf8)
{
    static const struct {
        int format;
        bool is_text;
    } cases[] = {
        {MEDIA_FORMAT_TEXT, true}, /* text/plain;charset=utf-8 */
        {40, true},                /* link-format */
        {41, true},                /* xml */
        {50, true},
        {110, true},   /* senml+json */
        {310, true},   /* senml+xml */
        {264, true},   /* eat+jwt */
        {276, true},   /* cmw+jws */
        {432, true},   /* td+json */
        {10002, true}, /* javascript */
        {20000, true}, /* text/css */
        {20001, true}, /* +jer */
        {30000, true}, /* image/svg+xml */
        {42, false},
        {47, false}, /* exi */
        {60, false},
        {112, false},
        {22, false},
        {11050, false}, /* JSON, deflated */
        {12000, false}, /* text, zstd */
        {11542, false}, /* TLV */
        {65000, false}, /* unknown */
        {65001, false},
        {65002, true},
        {65003, true},
        {65004, false},
        {MEDIA_FORMAT_NONE, false},
        {65536, false},
    };

    ck_assert_int_eq(media_table_add(table, 65001, "text/csv;charset=iso-8859-1", ""), 0);
    ck_assert_int_eq(media_table_add(table, 65002, "Text/CSV;charset=\"US-ASCII\"", ""), 0);
    ck_assert_int_eq(media_table_add(table, 65003, "text/csv", ""), 0);
    ck_assert_int_eq(media_table_add(table, 65004, "texts/csv;charset=utf-8", ""), 0);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(media_is_text(table, cases[i].format) == cases[i].is_text, "format %d",
                      cases[i].format);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_type");
    TCase *tcase = tcase_create("media_type");
    tcase_add_checked_fixture(tcase, set_up, tear_down);
    tcase_add_test(tcase, content_of_a_request_selects_its_format);
    tcase_add_test(tcase, accept_of_a_request_gives_candidates);
    tcase_add_test(tcase, several_accept_fields_are_one_list);
    tcase_add_test(tcase, two_content_types_are_refused);
    tcase_add_test(tcase, accept_encoding_counts_only_where_a_coded_format_could_have_been_chosen);
    tcase_add_test(tcase, a_refused_coding_is_answered_with_those_of_the_type);
    tcase_add_test(tcase, a_format_of_a_response_becomes_content_type_and_coding);
    tcase_add_test(tcase, every_known_format_comes_back_from_its_own_fields);
    tcase_add_test(tcase, strict_acceptance_follows_the_closest_range);
    tcase_add_test(tcase, quality_is_that_of_the_closest_range);
    tcase_add_test(tcase, the_higher_of_two_weights_of_a_range_counts);
    tcase_add_test(tcase, text_is_what_is_declared_as_text_in_utf8);
    tcase_add_test(tcase, an_added_format_is_known_both_ways);
    tcase_add_test(tcase, an_own_loose_table_is_tried_from_the_most_specific_pattern);
    tcase_add_test(tcase, texts_of_any_length_are_read_within_their_bounds);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
