/* SPDX-License-Identifier: BSD-2-Clause */
#include "link_format.h"

/* test_link_format: links as text and the filter of a discovery query (RFC 6690 2, 4.1). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "proves.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

START_TEST(links_are_written_with_quoted_and_escaped_attributes)
{
    static const struct link links[] = {
        {"/hc/", 2, {{"rt", "core.hc"}, {"hct", "?uri={+tu}"}}},
        {"/a>b\n", 3, {{"title", "say \"hi\" \\ \r\n"}, {"obs", NULL}, {"ct", "40"}}},
        {"/x", 3, {{"ct", "40 60"}, {"sz", "1280"}, {"rel", ""}}},
    };
    struct buffer out;
    buffer_init(&out, 300);
    for (size_t i = 0; i < LENGTH(links); i++)
        ck_assert_int_eq(link_write(&out, &links[i]), 0);
    ck_assert_str_eq(buffer_text(&out), "</hc/>;rt=\"core.hc\";hct=\"?uri={+tu}\","
                                        "</a%3Eb%0A>;title=\"say \\\"hi\\\" \\\\   \";obs;ct=40,"
                                        "</x>;ct=\"40 60\";sz=1280;rel=\"\"");
    buffer_clear(&out);
    buffer_init(&out, 10);
    ck_assert_int_eq(link_write(&out, &links[0]), -1);
    buffer_clear(&out);
}
END_TEST

START_TEST(a_filter_selects_links_by_one_attribute_or_href)
{
    static const struct link hc = {"/hc/", 2, {{"rt", "core.hc x.y"}, {"title", "a b*"}}};
    static const struct link sensor = {"/sensors/temp", 2, {{"rt", "temperature"}, {"obs", NULL}}};
    static const struct link plain = {"/plain", 0, {{NULL, NULL}}};
    static const struct {
        const char *query;
        bool hc, sensor, plain;
    } cases[] = {
        {"", true, true, true},
        {"rt=core.hc", true, false, false},
        {"rt=core.h*", true, false, false},
        {"rt=core.x", false, false, false},
        {"rt=x.y", true, false, false},
        {"rt=x*", true, false, false},
        {"rt=core.hc%20x.y", false, false, false},
        {"rt=*", true, true, false},
        {"rt=", false, false, false},
        {"rt=CORE.HC", false, false, false},
        {"title=a%20b%2a", true, false, false},
        {"title=a*", true, false, false},
        {"title=b*", false, false, false},
        {"href=/sensors/*", false, true, false},
        {"href=/sensors/temp", false, true, false},
        {"href=%2Fsensors%2Ftemp", false, true, false},
        {"href=/sensors", false, false, false},
        {"href=*", true, true, true},
        {"obs=*", false, true, false},
        {"foo=*", false, false, false},
    };
    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct link_filter filter;
        const char *query = cases[i].query;
        ck_assert_msg(link_filter_read(&filter, query, strlen(query)), "%s", query);
        ck_assert_msg(link_filter_matches(&filter, &hc) == cases[i].hc, "%s", query);
        ck_assert_msg(link_filter_matches(&filter, &sensor) == cases[i].sensor, "%s", query);
        ck_assert_msg(link_filter_matches(&filter, &plain) == cases[i].plain, "%s", query);
    }
    struct link_filter filter;
    ck_assert(link_filter_read(&filter, NULL, 0));
    ck_assert(link_filter_matches(&filter, &plain));
    proves("DISC-05");
}
END_TEST

START_TEST(a_filter_that_cannot_be_read_is_refused)
{
    static const char *const queries[] = {
        "rt",     "=x",    "rt=%",    "rt=%4", "rt=%zz",
        "rt=%00", "%00=a", "a=b&c=d", "&",     "a-name-of-more-than-thirty-one-letters=x"};
    struct link_filter filter;
    for (size_t i = 0; i < LENGTH(queries); i++)
        ck_assert_msg(!link_filter_read(&filter, queries[i], strlen(queries[i])), "%s", queries[i]);
    char longest[3 + 256] = "rt=";
    memset(longest + 3, 'x', 256);
    ck_assert(!link_filter_read(&filter, longest, 3 + 256));
    ck_assert(link_filter_read(&filter, longest, 3 + 255));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("link_format");
    TCase *tcase = tcase_create("link_format");
    tcase_add_test(tcase, links_are_written_with_quoted_and_escaped_attributes);
    tcase_add_test(tcase, a_filter_selects_links_by_one_attribute_or_href);
    tcase_add_test(tcase, a_filter_that_cannot_be_read_is_refused);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
