/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_kept_ports: the file of ports in a folder of the test's own. What is wrong with it gives one
 * warning and no port, and never stands in the way of the next writing.
 */
#include "../../gateway/kept_ports.h"

#include <check.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

static char folder[] = "kept-ports-XXXXXX";
static char file[64], fresh[64];
static FILE *lines; /* what was logged */
static char *logged;
static size_t logged_length;
static struct log *test_log;

static void setup(void)
{
    memcpy(folder, "kept-ports-XXXXXX", sizeof folder);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(file, sizeof file, "%s/coap-ports", folder);
    snprintf(fresh, sizeof fresh, "%s/coap-ports.new", folder);
    logged = NULL;
    lines = open_memstream(&logged, &logged_length);
    ck_assert_ptr_nonnull(lines);
    test_log = log_new(lines, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, NULL);
    ck_assert_ptr_nonnull(test_log);
}

static void teardown(void)
{
    log_free(test_log);
    fclose(lines);
    free(logged);
    (void)remove(file);
    (void)remove(fresh);
    ck_assert_int_eq(rmdir(folder), 0);
}

static unsigned warnings(void)
{
    unsigned count = 0;

    fflush(lines);
    for (const char *at = logged; at != NULL && (at = strchr(at, '\n')) != NULL; at++)
        count++;
    return count;
}

static void put(const char *text, size_t length)
{
    FILE *stream = fopen(file, "w");

    ck_assert_ptr_nonnull(stream);
    ck_assert_uint_eq(fwrite(text, 1, length, stream), length);
    ck_assert_int_eq(fclose(stream), 0);
}

static void expect_ports(unsigned ipv4, unsigned ipv6)
{
    struct kept_ports ports = kept_ports_read(folder, test_log);

    ck_assert_uint_eq(ports.ipv4, ipv4);
    ck_assert_uint_eq(ports.ipv6, ipv6);
}

START_TEST(ports_that_were_written_are_read_again)
{
    static const struct kept_ports cases[] = {{40000, 40001}, {1, 65535}, {40002, 0}, {0, 40003}};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        kept_ports_write(folder, &cases[i], test_log);
        expect_ports(cases[i].ipv4, cases[i].ipv6);
    }
    ck_assert_uint_eq(warnings(), 0);
    ck_assert_int_ne(access(fresh, F_OK), 0);
}
END_TEST

START_TEST(no_file_is_no_warning_and_no_ports_make_none)
{
    const struct kept_ports none = {0};

    kept_ports_write(folder, &none, test_log);
    ck_assert_int_ne(access(file, F_OK), 0);
    expect_ports(0, 0);
    ck_assert_uint_eq(warnings(), 0);
}
END_TEST

START_TEST(a_file_that_is_none_of_ours_is_one_warning_and_is_replaced)
{
    static const struct {
        const char *text;
        size_t length;
    } cases[] = {
#define TEXT(text) {text, sizeof text - 1}
        TEXT(""),
        TEXT("\n"),
        TEXT("udp4 40000"),
        TEXT("udp4 0\n"),
        TEXT("udp4 65536\n"),
        TEXT("udp4 -1\n"),
        TEXT("udp4 \n"),
        TEXT("udp4  40000\n"),
        TEXT("udp4 40000\nudp4 40000\n"),
        TEXT("udp6 40000\nudp4 40000\n"),
        TEXT("udp4 40000\nudp6 40000\n\n"),
        TEXT("udp4 40000\nudp6 40001\nudp8 40002\n"),
        TEXT("udp4 4\0000\n"),
        TEXT("udp4 40000\n\0"),
        TEXT("\xff\xfe\x00\x00"),
        TEXT("udp4 000000000000000000040000\nudp6 00000000000000000000000000000000000040000\n"),
#undef TEXT
    };
    const struct kept_ports ports = {40000, 40001};

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        put(cases[i].text, cases[i].length);
        expect_ports(0, 0);
        ck_assert_msg(warnings() == i + 1, "case %zu: %s", i, logged);
        kept_ports_write(folder, &ports, test_log);
        expect_ports(40000, 40001);
        ck_assert_uint_eq(warnings(), i + 1);
    }
}
END_TEST

START_TEST(what_cannot_be_read_or_written_is_a_warning_that_names_it)
{
    const struct kept_ports ports = {40000, 40001};

    ck_assert_int_eq(mkdir(file, 0700), 0);
    expect_ports(0, 0);
    ck_assert_uint_eq(warnings(), 1);
    kept_ports_write(folder, &ports, test_log);
    ck_assert_uint_eq(warnings(), 2);
    ck_assert_ptr_nonnull(strstr(logged, file));
    ck_assert_int_ne(access(fresh, F_OK), 0);
}
END_TEST

START_TEST(a_pipe_in_its_place_is_not_waited_for)
{
    ck_assert_int_eq(mkfifo(file, 0600), 0);
    expect_ports(0, 0);
    ck_assert_uint_eq(warnings(), 1);
}
END_TEST

START_TEST(a_write_that_fails_leaves_the_old_file)
{
    const struct kept_ports old = {40000, 40001}, ports = {50000, 50001};

    kept_ports_write(folder, &old, test_log);
    ck_assert_int_eq(mkdir(fresh, 0700), 0);
    kept_ports_write(folder, &ports, test_log);
    ck_assert_uint_eq(warnings(), 1);
    expect_ports(40000, 40001);
}
END_TEST

START_TEST(what_is_kept_already_is_not_written_again)
{
    const struct kept_ports ports = {40000, 40001};
    struct stat before, after;

    kept_ports_write(folder, &ports, test_log);
    ck_assert_int_eq(stat(file, &before), 0);
    kept_ports_write(folder, &ports, test_log);
    ck_assert_int_eq(stat(file, &after), 0);
    ck_assert_uint_eq(after.st_ino, before.st_ino);
    /* Not even tried: the folder of a full or read-only disk is no reason for a warning then. */
    ck_assert_int_eq(mkdir(fresh, 0700), 0);
    kept_ports_write(folder, &ports, test_log);
    ck_assert_uint_eq(warnings(), 0);
}
END_TEST

START_TEST(a_folder_whose_name_is_too_long_is_no_harm)
{
    static char name[PATH_MAX + 10];
    const struct kept_ports ports = {40000, 40001};

    memset(name, 'x', sizeof name - 1);
    ck_assert_uint_eq(kept_ports_read(name, test_log).ipv4, 0);
    kept_ports_write(name, &ports, test_log);
    ck_assert_uint_eq(warnings(), 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("kept_ports");
    TCase *tests = tcase_create("kept_ports");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(tests, setup, teardown);
    tcase_add_test(tests, ports_that_were_written_are_read_again);
    tcase_add_test(tests, no_file_is_no_warning_and_no_ports_make_none);
    tcase_add_test(tests, a_file_that_is_none_of_ours_is_one_warning_and_is_replaced);
    tcase_add_test(tests, what_cannot_be_read_or_written_is_a_warning_that_names_it);
    tcase_add_test(tests, a_pipe_in_its_place_is_not_waited_for);
    tcase_add_test(tests, a_write_that_fails_leaves_the_old_file);
    tcase_add_test(tests, what_is_kept_already_is_not_written_again);
    tcase_add_test(tests, a_folder_whose_name_is_too_long_is_no_harm);
    suite_add_tcase(suite, tests);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
