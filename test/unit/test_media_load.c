/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_type.h"

/* test_media_load: the user's own Content-Formats and loose mappings, and what is wrong with them.
 */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "http_message.h"
#include "proves.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct document *read_document(const char *text)
{
    struct document *document = document_read_text("test.json", text, strlen(text));
    ck_assert_ptr_nonnull(document);
    return document;
}

static struct document *load(struct media_table *table, const char *text)
{
    struct document *document = read_document(text);
    struct document_place top = document_top(document);
    struct document_place formats = document_member(document, &top, "formats");
    media_table_load(table, document, &formats);
    return document;
}

static void assert_format(const struct media_table *table, const char *type, const char *coding,
                          uint16_t number)
{
    struct http_field fields[] = {{"Content-Type", type}, {"Content-Encoding", coding}};
    struct http_request request = {.fields = fields, .field_count = 2};
    struct media_options options = {0};
    uint16_t format = 0;
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_FOUND);
    ck_assert_uint_eq(format, number);
    ck_assert_str_eq(media_type_text(table, number), type);
}

START_TEST(formats_are_added_as_an_object_or_as_a_list)
{
    static const char *const texts[] = {
        "{\"formats\": {\"65001\": \"application/x-my\", \"//\": \"ours\","
        " \"65002\": {\"type\": \"application/x-my\", \"coding\": \"deflate\"}}}",
        "{\"formats\": [{\"cf\": 65001, \"type\": \"application/x-my\"},"
        " {\"cf\": 65002, \"type\": \"application/x-my\", \"coding\": \"deflate\"}]}",
    };
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct media_table *table = media_table_new();
        struct document *document = load(table, texts[i]);
        ck_assert_msg(!document_has_errors(document), "%s", document_errors(document));
        document_free(document);
        assert_format(table, "application/x-my", "identity", 65001);
        assert_format(table, "application/x-my", "deflate", 65002);
        media_table_free(table);
    }
    proves("MEDIA-24");
}
END_TEST

START_TEST(a_format_may_have_a_number_in_a_coding_only)
{
    static const char text[] = "{\"formats\": {\"65002\": {\"type\": \"application/x-my;v=1\","
                               " \"coding\": \"deflate\"}}}";
    struct media_table *table = media_table_new();
    struct document *document = load(table, text);
    struct http_field field = {"Content-Type", "application/x-my;v=1"};
    struct http_request request = {.fields = &field, .field_count = 1};
    struct media_options options = {0};
    uint16_t format = 0;
    document_free(document);
    assert_format(table, "application/x-my;v=1", "deflate", 65002);
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_UNKNOWN);
    media_table_free(table);
}
END_TEST

START_TEST(absent_formats_are_no_error)
{
    struct media_table *table = media_table_new();
    struct document *document = load(table, "{}");
    ck_assert(!document_has_errors(document));
    document_free(document);
    media_table_free(table);
}
END_TEST

START_TEST(wrong_formats_are_errors)
{
    static const char *const texts[] = {
        "{\"formats\": 1}",
        "{\"formats\": {\"65536\": \"a/b\"}}",
        "{\"formats\": {\"x\": \"a/b\"}}",
        "{\"formats\": {\"-1\": \"a/b\"}}",
        "{\"formats\": {\"65001\": 1}}",
        "{\"formats\": {\"65001\": \"ab\"}}",
        "{\"formats\": {\"65001\": \"a/*\"}}",
        "{\"formats\": {\"65001\": \" a/b\"}}",
        "{\"formats\": {\"65001\": {\"coding\": \"deflate\"}}}",
        "{\"formats\": {\"65001\": {\"type\": \"a/b\", \"coding\": \"x y\"}}}",
        "{\"formats\": {\"65001\": {\"type\": \"a/b\", \"codings\": \"x\"}}}",
        "{\"formats\": [1]}",
        "{\"formats\": [{\"type\": \"a/b\"}]}",
        "{\"formats\": [{\"cf\": 65536, \"type\": \"a/b\"}]}",
        "{\"formats\": [{\"cf\": 65001}]}",
    };
    for (size_t i = 0; i < LENGTH(texts); i++) {
        struct media_table *table = media_table_new();
        struct document *document = load(table, texts[i]);
        ck_assert_msg(document_has_errors(document), "%s", texts[i]);
        document_free(document);
        media_table_free(table);
    }
}
END_TEST

static struct media_loose *load_loose(const char *text, bool *has_errors)
{
    struct document *document = read_document(text);
    struct document_place top = document_top(document);
    struct document_place place = document_member(document, &top, "loose");
    struct media_loose *loose = media_loose_load(document, &place);
    *has_errors = document_has_errors(document);
    document_free(document);
    return loose;
}

START_TEST(a_loose_table_outlives_its_document)
{
    bool has_errors;
    struct media_loose *loose = load_loose("{\"loose\": {\"text/html\": 0, \"image/\": 42,"
                                           " \"application/*+x\": 60, \"*/*\": 47, \"//\": 1}}",
                                           &has_errors);
    ck_assert(!has_errors);
    ck_assert_ptr_nonnull(loose);
    struct media_table *table = media_table_new();
    struct http_field field = {"Content-Type", "image/webp"};
    struct http_request request = {.fields = &field, .field_count = 1};
    struct media_options options = {.is_loose = true, .loose = loose};
    uint16_t format = 0;
    ck_assert_int_eq(media_from_request(table, &request, &options, &format), MEDIA_FOUND);
    ck_assert_uint_eq(format, 42);
    media_table_free(table);
    media_loose_free(loose);
}
END_TEST

START_TEST(wrong_loose_tables_are_errors)
{
    static const char *const texts[] = {
        "{\"loose\": 1}",
        "{\"loose\": {\"text\": 0}}",
        "{\"loose\": {\"/x\": 0}}",
        "{\"loose\": {\"*/x\": 0}}",
        "{\"loose\": {\"text/x*\": 0}}",
        "{\"loose\": {\"text/*x\": 0}}",
        "{\"loose\": {\"text/*+\": 0}}",
        "{\"loose\": {\"text/a;b=c\": 0}}",
        "{\"loose\": {\"text/html\": 65536}}",
        "{\"loose\": {\"text/html\": \"0\"}}",
    };
    for (size_t i = 0; i < LENGTH(texts); i++) {
        bool has_errors;
        ck_assert_ptr_null(load_loose(texts[i], &has_errors));
        ck_assert_msg(has_errors, "%s", texts[i]);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("media_load");
    TCase *tcase = tcase_create("media_load");
    tcase_add_test(tcase, formats_are_added_as_an_object_or_as_a_list);
    tcase_add_test(tcase, a_format_may_have_a_number_in_a_coding_only);
    tcase_add_test(tcase, absent_formats_are_no_error);
    tcase_add_test(tcase, wrong_formats_are_errors);
    tcase_add_test(tcase, a_loose_table_outlives_its_document);
    tcase_add_test(tcase, wrong_loose_tables_are_errors);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
