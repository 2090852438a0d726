/* SPDX-License-Identifier: BSD-2-Clause */
#include "log.h"

/* test_log: the exact lines, in every format, for good and for hostile messages. */

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;
static FILE *stream;

static void setup(void)
{
    stream = open_memstream(&text, &size);
    ck_assert_ptr_nonnull(stream);
}

static void teardown(void)
{
    fclose(stream);
    free(text);
}

static uint64_t fixed_wall(void)
{
    return UINT64_C(1700000000123); /* 2023-11-14T22:13:20.123Z */
}

START_TEST(each_format_has_its_line)
{
    static const struct {
        enum log_format format;
        bool journal;
        uint64_t (*wall)(void);
        const char *line;
    } cases[] = {
        {LOG_FORMAT_TEXT, false, NULL, "warning: node kitchen: 42\n"},
        {LOG_FORMAT_TEXT, false, fixed_wall,
         "2023-11-14T22:13:20.123Z warning: node kitchen: 42\n"},
        {LOG_FORMAT_TEXT, true, fixed_wall, "<4>node kitchen: 42\n"},
        {LOG_FORMAT_JSON, false, NULL,
         "{\"level\":\"warning\",\"message\":\"node kitchen: 42\"}\n"},
        {LOG_FORMAT_JSON, true, fixed_wall,
         "{\"time\":\"2023-11-14T22:13:20.123Z\",\"level\":\"warning\",\"message\":\"node kitchen: "
         "42\"}\n"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        rewind(stream);
        struct log *log =
            log_new(stream, LOG_LEVEL_INFO, cases[i].format, cases[i].journal, cases[i].wall);
        ck_assert_ptr_nonnull(log);
        log_write(log, LOG_LEVEL_WARNING, "node %s: %d", "kitchen", 42);
        ck_assert_uint_eq(size, strlen(cases[i].line));
        ck_assert_mem_eq(text, cases[i].line, size);
        log_free(log);
    }
}
END_TEST

START_TEST(lines_above_the_level_are_not_written)
{
    struct log *log = log_new(stream, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, true, NULL);
    ck_assert(log_enabled(log, LOG_LEVEL_ERROR));
    ck_assert(log_enabled(log, LOG_LEVEL_INFO));
    ck_assert(!log_enabled(log, LOG_LEVEL_DEBUG));
    log_write(log, LOG_LEVEL_DEBUG, "hidden");
    log_configure(log, LOG_LEVEL_DEBUG, LOG_FORMAT_TEXT);
    log_write(log, LOG_LEVEL_DEBUG, "debug");
    log_write(log, LOG_LEVEL_INFO, "info");
    log_write(log, LOG_LEVEL_ERROR, "error");
    ck_assert_str_eq(text, "<7>debug\n<6>info\n<3>error\n");
    log_free(log);
}
END_TEST

START_TEST(without_a_log_nothing_happens)
{
    struct log_limit limit = {0};
    ck_assert(!log_enabled(NULL, LOG_LEVEL_ERROR));
    log_write(NULL, LOG_LEVEL_ERROR, "nowhere");
    log_write_limited(NULL, &limit, 0, LOG_LEVEL_ERROR, "nowhere");
    log_free(NULL);
}
END_TEST

START_TEST(a_message_cannot_forge_a_line_or_steer_a_terminal)
{
    static const struct {
        const char *message;
        const char *as_text;
        const char *as_json; /* what stands between the quotes */
    } cases[] = {
        {"a\nb\r", "a\\x0ab\\x0d", "a\\u000ab\\u000d"},
        {"\x1b[2J\x7f", "\\x1b[2J\\x7f", "\\u001b[2J\\u007f"},
        {"\xc2\x9b"
         "2J",
         "\\xc2\\x9b2J", "\\u009b2J"},
        {"caf\xc3\xa9", "caf\xc3\xa9", "caf\xc3\xa9"},
        {"\xff\xc3", "\\xff\\xc3", "\\\\xff\\\\xc3"},
        {"say \"x\\y\"", "say \"x\\y\"", "say \\\"x\\\\y\\\""},
    };
    struct log *log = log_new(stream, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, true, NULL);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        char line[200];
        rewind(stream);
        log_configure(log, LOG_LEVEL_INFO, LOG_FORMAT_TEXT);
        log_write(log, LOG_LEVEL_INFO, "%s", cases[i].message);
        snprintf(line, sizeof line, "<6>%s\n", cases[i].as_text);
        ck_assert_uint_eq(size, strlen(line));
        ck_assert_mem_eq(text, line, size);
        rewind(stream);
        log_configure(log, LOG_LEVEL_INFO, LOG_FORMAT_JSON);
        log_write(log, LOG_LEVEL_INFO, "%s", cases[i].message);
        snprintf(line, sizeof line, "{\"level\":\"info\",\"message\":\"%s\"}\n", cases[i].as_json);
        ck_assert_uint_eq(size, strlen(line));
        ck_assert_mem_eq(text, line, size);
    }
    log_free(log);
}
END_TEST

START_TEST(a_message_without_end_is_cut_and_its_line_is_whole)
{
    static char endless[100000];
    memset(endless, '\n', sizeof endless - 1);
    struct log *log = log_new(stream, LOG_LEVEL_INFO, LOG_FORMAT_JSON, false, NULL);
    log_write(log, LOG_LEVEL_INFO, "%s", endless);
    ck_assert_uint_lt(size, 20000);
    ck_assert_str_eq(text + size - 9, "\\u000a\"}\n");
    log_free(log);
}
END_TEST

START_TEST(errno_is_kept)
{
    struct log *log = log_new(stream, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, fixed_wall);
    struct log_limit limit = {0};
    errno = ENOENT;
    log_write(log, LOG_LEVEL_INFO, "x");
    log_write_limited(log, &limit, 0, LOG_LEVEL_INFO, "x");
    ck_assert_int_eq(errno, ENOENT);
    log_free(log);
}
END_TEST

START_TEST(what_a_peer_can_provoke_is_written_once_a_second)
{
    struct log *log = log_new(stream, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, true, NULL);
    struct log_limit limit = {0};
    for (uint64_t ms = 0; ms < 1000; ms += 10) {
        log_write_limited(log, &limit, ms * 1000, LOG_LEVEL_WARNING, "bad datagram");
    }
    ck_assert_str_eq(text, "<4>bad datagram\n");
    log_write_limited(log, &limit, 1000000, LOG_LEVEL_WARNING, "bad datagram");
    log_write_limited(log, &limit, 2000000, LOG_LEVEL_WARNING, "bad datagram");
    ck_assert_str_eq(text, "<4>bad datagram\n<4>bad datagram (99 more left out)\n"
                           "<4>bad datagram\n");
    log_free(log);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("log");
    TCase *tcase = tcase_create("log");
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, each_format_has_its_line);
    tcase_add_test(tcase, lines_above_the_level_are_not_written);
    tcase_add_test(tcase, without_a_log_nothing_happens);
    tcase_add_test(tcase, a_message_cannot_forge_a_line_or_steer_a_terminal);
    tcase_add_test(tcase, a_message_without_end_is_cut_and_its_line_is_whole);
    tcase_add_test(tcase, errno_is_kept);
    tcase_add_test(tcase, what_a_peer_can_provoke_is_written_once_a_second);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
