/* SPDX-License-Identifier: BSD-2-Clause */
#include "prefer.h"

/* test_prefer: preferences of a client (RFC 7240). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "http_message.h"
#include "proves.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(preferences_are_read_as_rfc_7240_says)
{
    static const struct {
        const char *first, *second;
        bool respond_async, return_minimal;
        int wait; /* -1: none */
    } cases[] = {
        {"respond-async", NULL, true, false, -1},
        {"foo, Wait=1, wait=9", NULL, false, false, 1},
        {"wait=1", "wait=9, RESPOND-ASYNC", true, false, 1},
        {"respond-async, wait=10", NULL, true, false, 10},
        {"wait = 2 ; x=\"a,b\" , return = minimal", NULL, false, true, 2},
        {"return=\"minimal\"; foo=\"some parameter\"", NULL, false, true, -1},
        {"return=representation, return=minimal", NULL, false, false, -1},
        {"handling=\"a \\\" , wait=3\", wait=4", NULL, false, false, 4},
        {"respond-async=\"\"", NULL, true, false, -1},
        {"respond-async=yes", NULL, false, false, -1},
        {"wait=\"5\"", NULL, false, false, 5},
        {"wait=0", NULL, false, false, 0},
        {"wait=999999999999999999999", NULL, false, false, PREFER_WAIT_MAX_S},
        {"wait=-1, wait=3", NULL, false, false, -1},
        {"wait=", NULL, false, false, -1},
        {"wait", "wait=3", false, false, -1},
        {"wait=1.5", NULL, false, false, -1},
        {"wait 3", NULL, false, false, -1},
        {"wait=3 s", NULL, false, false, -1},
        {"=3, ,,wait=3,", NULL, false, false, 3},
        {"x=\"unterminated, wait=3", "return=minimal", false, true, -1},
        {"x=\"\\", NULL, false, false, -1},
        {"waiting=3, async, return-minimal", NULL, false, false, -1},
        {"wait=11111111111111111111111111111111111111111111111", NULL, false, false, -1},
        {"", NULL, false, false, -1},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct http_field fields[] = {
            {"prefer", cases[i].first}, {"Accept", "wait=7"}, {"Prefer", cases[i].second}};
        struct http_request request = {.fields = fields,
                                       .field_count = cases[i].second == NULL ? 2 : 3};
        struct preferences preferences;

        prefer_read(&request, &preferences);
        ck_assert_msg(preferences.respond_async == cases[i].respond_async, "%s", cases[i].first);
        ck_assert_msg(preferences.return_minimal == cases[i].return_minimal, "%s", cases[i].first);
        ck_assert_msg(preferences.has_wait == (cases[i].wait >= 0), "%s", cases[i].first);
        if (preferences.has_wait)
            ck_assert_msg(preferences.wait_s == (uint32_t)cases[i].wait, "%s: %u", cases[i].first,
                          preferences.wait_s);
    }
    proves("PREFER-01");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("prefer");
    TCase *tests = tcase_create("prefer");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, preferences_are_read_as_rfc_7240_says);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
