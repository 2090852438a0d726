/* SPDX-License-Identifier: BSD-2-Clause */
/* test_document: JSON files of the user's, their errors and the lines of these. */

#include "document.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "text.h"

static struct document *read_text(const char *text)
{
    struct document *document = document_read_text("etc/x.json", text, strlen(text));
    ck_assert_ptr_nonnull(document);
    return document;
}

START_TEST(an_error_names_file_line_and_member)
{
    struct document *document = read_text("{\n"
                                          "  \"//\": [\"{\", \"}\\\"\"],\n"
                                          "  \"a\": { \"b\\u0063\": 1, \"x\": [true,\n"
                                          "     [], {\"y\": \"]\"},\n"
                                          "     {\n"
                                          "       \"deep\": 1.5e3, \"z\":\n 7 } ] }\n"
                                          "}\n");
    ck_assert(!document_has_errors(document));
    ck_assert_str_eq(document_errors(document), "");
    struct document_place top = document_top(document);
    struct document_place a = document_member(document, &top, "a");
    struct document_place bc = document_member(document, &a, "bc");
    struct document_place x = document_member(document, &a, "x");
    struct document_place second = document_element(&x, 2);
    struct document_place third = document_element(&x, 3);
    struct document_place z = document_member(document, &third, "z");
    struct document_place none = document_member(document, &third, "none");
    ck_assert_int_eq(json_integer_value(bc.value), 1);
    ck_assert_int_eq(json_integer_value(z.value), 7);
    ck_assert_ptr_null(none.value);
    document_error(document, &bc, "%s", "one");
    document_error(document, &second, "two");
    document_error(document, &z, "three");
    document_error(document, &none, "four");
    document_error(document, &top, "five");
    ck_assert_str_eq(document_errors(document), "etc/x.json:3: a.bc: one\n"
                                                "etc/x.json:4: a.x[2]: two\n"
                                                "etc/x.json:6: a.x[3].z: three\n"
                                                "etc/x.json:5: a.x[3].none: four\n"
                                                "etc/x.json:1: five\n");
    document_free(document);
}
END_TEST

START_TEST(text_that_is_no_json_object_is_an_error_with_its_line)
{
    static const struct {
        const char *text;
        const char *beginning;
    } table[] = {
        {"{\n\"a\": 1,\n}", "etc/x.json:3: "},
        {"[1]", "etc/x.json:1: must be a JSON object"},
        {"", "etc/x.json:1: "},
        {"{\"a\": \"\\u0000\"}", "etc/x.json:1: "},
        {"{\"a\": \"\xff\"}", "etc/x.json:1: "},
        {"{\"a\": 1,\n \"a\": 2}", "etc/x.json:2: duplicate object key"},
        {"{} x", "etc/x.json:1: "},
    };
    for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        struct document *document = read_text(table[i].text);
        ck_assert(document_has_errors(document));
        ck_assert_msg(
            strncmp(document_errors(document), table[i].beginning, strlen(table[i].beginning)) == 0,
            "%s", document_errors(document));
        struct document_place top = document_top(document);
        ck_assert(json_is_object(top.value));
        document_free(document);
    }
}
END_TEST

START_TEST(an_error_is_one_line_of_utf_8_whatever_the_file_holds)
{
    static const char *const texts[] = {
        "{\"a\": 1,\v\"b\": 2}",
        "{\"a\nb\": 1}",
        "{\"a\\n\\u001bb\": 1}",
        "{\"a\": \xc3\xbc\xc3\xbc}",
    };
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        struct document *document = read_text(texts[i]);
        struct document_place top = document_top(document);
        document_refuse_unknown(document, &top);
        const char *errors = document_errors(document);
        size_t length = strcspn(errors, "\n");
        ck_assert_msg(length > 0 && strlen(errors) == length + 1, "%s", errors);
        ck_assert(text_is_utf8(errors, length));
        for (size_t j = 0; j < length; j++)
            ck_assert_msg((unsigned char)errors[j] >= ' ', "%s", errors);
        document_free(document);
    }
}
END_TEST

START_TEST(unknown_members_are_refused_with_the_nearest_known_name)
{
    struct document *document = read_text("{\n\"//\": 1, \"$schema\": \"x\", \"known\": 1,\n"
                                          "\"adress\": 1,\n\"zzz\": 2,\n\"later\": 3 }");
    struct document_place top = document_top(document);
    document_member(document, &top, "known");
    document_member(document, &top, "address");
    document_refuse_unbuilt(document, &top, "later");
    document_refuse_unbuilt(document, &top, "much_later");
    document_refuse_unknown(document, &top);
    ck_assert_str_eq(document_errors(document),
                     "etc/x.json:5: later: is not available in this version of coapgw\n"
                     "etc/x.json:3: adress: unknown member; did you mean \"address\"?\n"
                     "etc/x.json:4: zzz: unknown member\n");
    document_free(document);
}
END_TEST

START_TEST(a_name_with_controls_makes_no_line_of_its_own)
{
    struct document *document = read_text("{ \"a\\n/etc/y.json:1: b\\u001b[2J\": 1 }");
    struct document_place top = document_top(document);
    document_refuse_unknown(document, &top);
    ck_assert_str_eq(document_errors(document),
                     "etc/x.json:1: a?/etc/y.json:1: b?[2J: unknown member\n");
    document_free(document);
}
END_TEST

START_TEST(members_of_the_wrong_kind_are_errors_and_change_nothing)
{
    struct document *document = read_text(
        "{\"b\": 1, \"n\": 70000, \"m\": -1, \"f\": 1.5, \"s\": true, \"t\": 0.2, \"p\": \"\", "
        "\"o\": [], \"a\": {}, \"r\": \"x\" }");
    struct document_place top = document_top(document);
    bool flag = true;
    uint64_t number = 7;
    uint32_t milliseconds = 9;
    double real = 3;
    const char *text = "kept";
    char *path = NULL;
    ck_assert(!document_read_bool(document, &top, "b", &flag));
    ck_assert(!document_read_number(document, &top, "n", 1, 65535, &number));
    ck_assert(!document_read_number(document, &top, "m", 0, 65535, &number));
    ck_assert(!document_read_number(document, &top, "f", 1, 65535, &number));
    ck_assert(!document_read_number(document, &top, "absent", 1, 65535, &number));
    ck_assert(!document_read_string(document, &top, "s", &text));
    ck_assert(!document_read_seconds(document, &top, "t", 0.5, 10, &milliseconds));
    ck_assert(!document_read_real(document, &top, "r", 0.5, 10, &real));
    ck_assert(!document_read_path(document, &top, "p", &path));
    struct document_place object = document_member(document, &top, "o");
    struct document_place array = document_member(document, &top, "a");
    struct document_place absent = document_member(document, &top, "absent");
    ck_assert(!document_expect_object(document, &object));
    ck_assert(!document_expect_array(document, &array));
    ck_assert(!document_expect_array(document, &absent));
    ck_assert(flag && number == 7 && milliseconds == 9 && real == 3 && path == NULL);
    ck_assert_str_eq(text, "kept");
    ck_assert_str_eq(document_errors(document),
                     "etc/x.json:1: b: must be true or false\n"
                     "etc/x.json:1: n: must be a whole number from 1 to 65535\n"
                     "etc/x.json:1: m: must be a whole number from 0 to 65535\n"
                     "etc/x.json:1: f: must be a whole number from 1 to 65535\n"
                     "etc/x.json:1: s: must be a text: \"...\"\n"
                     "etc/x.json:1: t: must be a number of seconds from 0.5 to 10\n"
                     "etc/x.json:1: r: must be a number from 0.5 to 10\n"
                     "etc/x.json:1: p: must be the name of a file\n"
                     "etc/x.json:1: o: must be an object: { ... }\n"
                     "etc/x.json:1: a: must be a list: [ ... ]\n");
    document_free(document);
}
END_TEST

START_TEST(right_members_are_read)
{
    struct document *document =
        read_text("{\"b\": false, \"n\": 5, \"t\": 0.25, \"u\": 2, \"s\": \"x\", \"p\": \"y/z\", "
                  "\"q\": \"/abs\", \"r\": 1}");
    struct document_place top = document_top(document);
    bool flag = true;
    uint64_t number = 0;
    uint32_t quarter = 0, two = 0;
    double real = 0;
    const char *text = NULL;
    char *relative = NULL;
    char *absolute = NULL;
    ck_assert(document_read_bool(document, &top, "b", &flag) && !flag);
    ck_assert(document_read_number(document, &top, "n", 0, 5, &number) && number == 5);
    ck_assert(document_read_seconds(document, &top, "t", 0.1, 5, &quarter) && quarter == 250);
    ck_assert(document_read_seconds(document, &top, "u", 0.1, 5, &two) && two == 2000);
    ck_assert(document_read_real(document, &top, "r", 1, 5, &real) && real == 1);
    ck_assert(document_read_string(document, &top, "s", &text));
    ck_assert_str_eq(text, "x");
    ck_assert(document_read_path(document, &top, "p", &relative));
    ck_assert_str_eq(relative, "etc/y/z");
    ck_assert(document_read_path(document, &top, "q", &absolute));
    ck_assert_str_eq(absolute, "/abs");
    document_refuse_unknown(document, &top);
    ck_assert(!document_has_errors(document));
    free(relative);
    free(absolute);
    document_free(document);
}
END_TEST

START_TEST(files_are_read_and_their_absence_is_told)
{
    char name[] = "test_document.XXXXXX";
    int descriptor = mkstemp(name);
    ck_assert_int_ge(descriptor, 0);
    ck_assert_int_eq(write(descriptor, "{\"a\": 1}", 8), 8);
    close(descriptor);
    struct document *document = document_read_file(name);
    ck_assert(!document_has_errors(document));
    struct document_place top = document_top(document);
    struct document_place a = document_member(document, &top, "a");
    ck_assert_int_eq(json_integer_value(a.value), 1);
    document_free(document);
    unlink(name);
    document = document_read_file(name);
    ck_assert_ptr_nonnull(strstr(document_errors(document), ": cannot be read: No such file"));
    document_free(document);
    document = document_read_file("/");
    ck_assert_ptr_nonnull(strstr(document_errors(document), "/: cannot be read: "));
    document_free(document);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("document");
    TCase *tests = tcase_create("document");
    tcase_add_test(tests, an_error_names_file_line_and_member);
    tcase_add_test(tests, text_that_is_no_json_object_is_an_error_with_its_line);
    tcase_add_test(tests, an_error_is_one_line_of_utf_8_whatever_the_file_holds);
    tcase_add_test(tests, unknown_members_are_refused_with_the_nearest_known_name);
    tcase_add_test(tests, a_name_with_controls_makes_no_line_of_its_own);
    tcase_add_test(tests, members_of_the_wrong_kind_are_errors_and_change_nothing);
    tcase_add_test(tests, right_members_are_read);
    tcase_add_test(tests, files_are_read_and_their_absence_is_told);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
