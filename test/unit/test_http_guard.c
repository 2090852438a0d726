/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_http_guard: what the guard refuses and what it lets through, without sockets. How the
 * refusals look on the wire is in test_http_server.c.
 */
#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "../../gateway/http/http_guard.h"
#include "proves.h"

enum { FIELDS_MAX = 8 };

#define HOST                                                                                       \
    {                                                                                              \
        "Host", "gw.example"                                                                       \
    }

struct guard_case {
    const char *comment;
    const char *method, *target, *version; /* NULL: POST, "/x", "HTTP/1.1" */
    struct http_field fields[FIELDS_MAX];
    unsigned status; /* 0: let through */
};

static void judge(const struct guard_case *one, struct http_guard_verdict *verdict)
{
    struct http_guard_head head = {
        .method = one->method != NULL ? one->method : "POST",
        .target = one->target != NULL ? one->target : "/x",
        .version = one->version != NULL ? one->version : "HTTP/1.1",
        .fields = one->fields,
        .header_bytes = 100,
        .header_maximum = 9216,
        .is_as_sent = true,
    };
    while (head.field_count < FIELDS_MAX && one->fields[head.field_count].name != NULL)
        head.field_count++;
    http_guard_judge(&head, verdict);
}

static void check_cases(const struct guard_case *cases, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        struct http_guard_verdict verdict;
        judge(&cases[i], &verdict);
        ck_assert_msg(verdict.status == cases[i].status, "%s: %u in place of %u (%s)",
                      cases[i].comment, verdict.status, cases[i].status,
                      verdict.detail != NULL ? verdict.detail : "let through");
        ck_assert_msg((verdict.status == 0) == (verdict.slug == NULL), "%s", cases[i].comment);
    }
}

#define CHECK_CASES(cases) check_cases(cases, sizeof(cases) / sizeof(cases[0]))

START_TEST(ambiguous_content_length_is_refused)
{
    static const struct guard_case cases[] = {
        {"one number", .fields = {HOST, {"Content-Length", "3"}}, .status = 0},
        {"zero", .fields = {HOST, {"Content-Length", "0"}}, .status = 0},
        {"leading zeros", .fields = {HOST, {"Content-Length", "0003"}}, .status = 0},
        {"whitespace behind", .fields = {HOST, {"Content-Length", "3 \t"}}, .status = 0},
        {"twice, differing", .fields = {HOST, {"Content-Length", "3"}, {"Content-Length", "0"}},
         .status = 400},
        {"twice, equal", .fields = {HOST, {"Content-Length", "3"}, {"content-length", "3"}},
         .status = 400},
        {"list", .fields = {HOST, {"Content-Length", "3, 3"}}, .status = 400},
        {"letters", .fields = {HOST, {"Content-Length", "abc"}}, .status = 400},
        {"empty", .fields = {HOST, {"Content-Length", ""}}, .status = 400},
        {"plus", .fields = {HOST, {"Content-Length", "+3"}}, .status = 400},
        {"minus", .fields = {HOST, {"Content-Length", "-3"}}, .status = 400},
        {"hex", .fields = {HOST, {"Content-Length", "0x3"}}, .status = 400},
        {"two numbers", .fields = {HOST, {"Content-Length", "3 4"}}, .status = 400},
        {"above 64 bits", .fields = {HOST, {"Content-Length", "18446744073709551616"}},
         .status = 413},
        {"what means unknown to libmicrohttpd",
         .fields = {HOST, {"Content-Length", "18446744073709551615"}}, .status = 413},
    };
    CHECK_CASES(cases);
}
END_TEST

/* RFC 9112 6.1, 6.3 */
START_TEST(transfer_codings_other_than_one_chunked_are_refused)
{
    static const struct guard_case cases[] = {
        {"chunked", .fields = {HOST, {"Transfer-Encoding", "chunked"}}, .status = 0},
        {"case does not matter", .fields = {HOST, {"transfer-encoding", "Chunked"}}, .status = 0},
        {"with Content-Length",
         .fields = {HOST, {"Content-Length", "3"}, {"Transfer-Encoding", "chunked"}},
         .status = 400},
        {"with Content-Length, the other way round",
         .fields = {HOST, {"Transfer-Encoding", "chunked"}, {"Content-Length", "3"}},
         .status = 400},
        {"unknown coding below", .fields = {HOST, {"Transfer-Encoding", "gzip, chunked"}},
         .status = 501},
        {"in two fields",
         .fields = {HOST, {"Transfer-Encoding", "foo"}, {"Transfer-Encoding", "chunked"}},
         .status = 501},
        {"not ending in chunked", .fields = {HOST, {"Transfer-Encoding", "gzip"}}, .status = 400},
        {"chunked not last", .fields = {HOST, {"Transfer-Encoding", "chunked, gzip"}},
         .status = 400},
        {"chunked twice", .fields = {HOST, {"Transfer-Encoding", "chunked, chunked"}},
         .status = 400},
        {"chunked in two fields",
         .fields = {HOST, {"Transfer-Encoding", "chunked"}, {"Transfer-Encoding", "chunked"}},
         .status = 400},
        {"identity", .fields = {HOST, {"Transfer-Encoding", "identity"}}, .status = 400},
        {"nothing", .fields = {HOST, {"Transfer-Encoding", ""}}, .status = 400},
        {"commas", .fields = {HOST, {"Transfer-Encoding", ",chunked,"}}, .status = 400},
        {"not recognized by libmicrohttpd", .fields = {HOST, {"Transfer-Encoding", "chunked\t"}},
         .status = 400},
        {"parameter", .fields = {HOST, {"Transfer-Encoding", "chunked;a=b"}}, .status = 400},
        {"longer word", .fields = {HOST, {"Transfer-Encoding", "xchunked"}}, .status = 400},
        {"HTTP/1.0", .version = "HTTP/1.0", .fields = {HOST, {"Transfer-Encoding", "chunked"}},
         .status = 400},
    };
    CHECK_CASES(cases);
}
END_TEST

/* RFC 9112 3.2 */
START_TEST(host_must_be_there_once_and_be_valid)
{
    static const struct guard_case cases[] = {
        {"name and port", .fields = {{"Host", "gw.example:8080"}}, .status = 0},
        {"empty port", .fields = {{"Host", "gw.example:"}}, .status = 0},
        {"IPv6", .fields = {{"Host", "[fd00::12]:8080"}}, .status = 0},
        {"IPv6 alone", .fields = {{"host", "[::1] "}}, .status = 0},
        {"none", .fields = {{"Accept", "*/*"}}, .status = 400},
        {"two", .fields = {HOST, HOST}, .status = 400},
        {"two in HTTP/1.0", .version = "HTTP/1.0", .fields = {HOST, HOST}, .status = 400},
        {"none in HTTP/1.0", .version = "HTTP/1.0", .status = 0},
        {"empty", .fields = {{"Host", ""}}, .status = 400},
        {"blank within", .fields = {{"Host", "a b"}}, .status = 400},
        {"slash", .fields = {{"Host", "a/b"}}, .status = 400},
        {"userinfo", .fields = {{"Host", "u@a"}}, .status = 400},
        {"list", .fields = {{"Host", "a, b"}}, .status = 400},
        {"port above 65535", .fields = {{"Host", "a:65536"}}, .status = 400},
        {"port of letters", .fields = {{"Host", "a:b"}}, .status = 400},
        {"no bracket", .fields = {{"Host", "[::1"}}, .status = 400},
        {"bare IPv6", .fields = {{"Host", "::1"}}, .status = 400},
        {"behind the bracket", .fields = {{"Host", "[::1]x"}}, .status = 400},
        {"needed with absolute-form, too", .target = "http://gw.example/x", .status = 400},
    };
    CHECK_CASES(cases);
}
END_TEST

/* RFC 9110 5.1, 5.5; RFC 9112 5.1, 5.2 */
START_TEST(malformed_fields_are_refused)
{
    static const struct guard_case cases[] = {
        {"whitespace before the colon", .fields = {HOST, {"Foo ", "x"}}, .status = 400},
        {"tab before the colon", .fields = {HOST, {"Foo\t", "x"}}, .status = 400},
        {"no name", .fields = {HOST, {"", "x"}}, .status = 400},
        {"delimiter in the name", .fields = {HOST, {"F(o", "x"}}, .status = 400},
        {"CR in the name", .fields = {HOST, {"Foo\rX", "x"}}, .status = 400},
        {"bare CR", .fields = {HOST, {"Foo", "a\rb"}}, .status = 400},
        {"bare CR at the end", .fields = {HOST, {"Foo", "a\r"}}, .status = 400},
        {"LF", .fields = {HOST, {"Foo", "a\nb"}}, .status = 400},
        {"control character", .fields = {HOST, {"Foo", "a\x01"}}, .status = 400},
        {"DEL", .fields = {HOST, {"Foo", "a\x7f"}}, .status = 400},
        {"tab is whitespace", .fields = {HOST, {"Foo", "a\tb"}}, .status = 0},
        {"obs-text", .fields = {HOST, {"Foo", "\xc3\xa9"}}, .status = 0},
        {"empty value", .fields = {HOST, {"Foo", ""}}, .status = 0},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(methods_are_case_sensitive_tokens)
{
    static const struct guard_case cases[] = {
        {"lower case", .method = "get", .fields = {HOST}, .status = 501},
        {"mixed case", .method = "Post", .fields = {HOST}, .status = 501},
        {"unknown", .method = "PROPFIND", .fields = {HOST}, .status = 501},
        {"no token", .method = "G@T", .fields = {HOST}, .status = 400},
        {"empty", .method = "", .fields = {HOST}, .status = 400},
        {"CONNECT", .method = "CONNECT", .target = "n:5683", .fields = {HOST}, .status = 501},
        {"TRACE goes on to the core", .method = "TRACE", .fields = {HOST}, .status = 0},
        {"OPTIONS goes on to the core", .method = "OPTIONS", .fields = {HOST}, .status = 0},
        {"QUERY", .method = "QUERY", .fields = {HOST}, .status = 0},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(content_of_get_head_and_delete_is_refused)
{
    static const struct guard_case cases[] = {
        {"GET", .method = "GET", .fields = {HOST, {"Content-Length", "3"}}, .status = 400},
        {"HEAD", .method = "HEAD", .fields = {HOST, {"Content-Length", "3"}}, .status = 400},
        {"DELETE", .method = "DELETE", .fields = {HOST, {"Content-Length", "3"}}, .status = 400},
        {"chunked", .method = "GET", .fields = {HOST, {"Transfer-Encoding", "chunked"}},
         .status = 400},
        {"zero is none", .method = "GET", .fields = {HOST, {"Content-Length", "0"}}, .status = 0},
        {"zero is none", .method = "DELETE", .fields = {HOST, {"Content-Length", "0"}},
         .status = 0},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(request_targets_have_one_of_the_forms)
{
    static const struct guard_case cases[] = {
        {"origin-form", .method = "GET", .target = "/a?b", .fields = {HOST}, .status = 0},
        {"embedded URI", .method = "GET", .target = "/hc/coap://n/x", .fields = {HOST}},
        {"fragment", .method = "GET", .target = "/a#b", .fields = {HOST}, .status = 400},
        {"blank", .method = "GET", .target = "/a b", .fields = {HOST}, .status = 400},
        {"control character", .method = "GET", .target = "/a\x01", .fields = {HOST}, .status = 400},
        {"relative", .method = "GET", .target = "a", .fields = {HOST}, .status = 400},
        {"empty", .method = "GET", .target = "", .fields = {HOST}, .status = 400},
        {"authority-form", .method = "GET", .target = "a:80", .fields = {HOST}, .status = 400},
        {"no authority", .method = "GET", .target = "http:///a", .fields = {HOST}, .status = 400},
        {"userinfo", .method = "GET", .target = "http://u@h/a", .fields = {HOST}, .status = 400},
        {"foreign scheme", .method = "GET", .target = "ftp://h/a", .fields = {HOST}, .status = 400},
        {"no scheme", .method = "GET", .target = "a/b://h/a", .fields = {HOST}, .status = 400},
        {"asterisk", .method = "OPTIONS", .target = "*", .fields = {HOST}, .status = 501},
        {"asterisk of GET", .method = "GET", .target = "*", .fields = {HOST}, .status = 400},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(absolute_form_is_read_as_origin_form)
{
    static const struct {
        const char *target, *rest;
        bool lacks_slash, is_coap;
    } cases[] = {
        {"http://gw.example/a?b", "/a?b", false, false},
        {"HTTP://gw.example:80/", "/", false, false},
        {"https://[::1]/x", "/x", false, false},
        {"http://gw.example", "", true, false},
        {"http://gw.example?q", "?q", true, false},
        {"coap://n/x", "coap://n/x", false, true},
        {"COAPS+TCP://n", "COAPS+TCP://n", false, true},
    };
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct guard_case one = {.method = "GET", .target = cases[i].target, .fields = {HOST}};
        struct http_guard_verdict verdict;
        judge(&one, &verdict);
        ck_assert_uint_eq(verdict.status, 0);
        ck_assert_str_eq(verdict.target, cases[i].rest);
        ck_assert(verdict.lacks_slash == cases[i].lacks_slash);
        ck_assert(verdict.is_absolute_form == cases[i].is_coap);
    }
}
END_TEST

/* RFC 9110 2.5, 15.6.6 */
START_TEST(versions_of_another_major_number_are_refused)
{
    static const struct guard_case cases[] = {
        {"1.1", .version = "HTTP/1.1", .fields = {HOST}, .status = 0},
        {"1.7 is read as 1.1", .version = "HTTP/1.7", .fields = {HOST}, .status = 0},
        {"1.7 needs Host", .version = "HTTP/1.7", .status = 400},
        {"2.0", .version = "HTTP/2.0", .fields = {HOST}, .status = 505},
        {"two digits", .version = "HTTP/1.10", .fields = {HOST}, .status = 400},
    };
    CHECK_CASES(cases);
}
END_TEST

START_TEST(heads_above_the_limit_are_414_or_431)
{
    char *target = malloc(9301);
    ck_assert_ptr_nonnull(target);
    memset(target, 'a', 9300);
    target[0] = '/';
    target[9300] = '\0';
    static const struct http_field host = HOST;
    struct http_guard_head head = {.method = "GET",
                                   .target = "/x",
                                   .version = "HTTP/1.1",
                                   .fields = &host,
                                   .field_count = 1,
                                   .header_bytes = 9216,
                                   .header_maximum = 9216,
                                   .is_as_sent = true};
    struct http_guard_verdict verdict;
    http_guard_judge(&head, &verdict);
    ck_assert_uint_eq(verdict.status, 0);
    head.header_bytes = 9217;
    http_guard_judge(&head, &verdict);
    ck_assert_uint_eq(verdict.status, 431);
    head.target = target;
    http_guard_judge(&head, &verdict);
    ck_assert_uint_eq(verdict.status, 414);
    free(target);
}
END_TEST

START_TEST(octets_that_the_library_lost_are_refused)
{
    static const struct http_field host = HOST;
    struct http_guard_head head = {.method = "GET",
                                   .target = "/x",
                                   .version = "HTTP/1.1",
                                   .fields = &host,
                                   .field_count = 1,
                                   .header_bytes = 60,
                                   .header_maximum = 9216,
                                   .is_as_sent = false};
    struct http_guard_verdict verdict;
    http_guard_judge(&head, &verdict);
    ck_assert_uint_eq(verdict.status, 400);
}
END_TEST

START_TEST(a_verdict_tells_of_body_and_connection)
{
    struct http_guard_verdict verdict;
    struct guard_case one = {.fields = {HOST, {"Content-Length", "17"}}};
    judge(&one, &verdict);
    ck_assert(verdict.has_body && verdict.has_length && !verdict.is_last);
    ck_assert_uint_eq(verdict.content_length, 17);
    ck_assert_int_eq(verdict.method, HTTP_METHOD_POST);

    one = (struct guard_case){.fields = {HOST, {"Transfer-Encoding", "chunked"}}};
    judge(&one, &verdict);
    ck_assert(verdict.has_body && !verdict.has_length);

    one = (struct guard_case){.fields = {HOST, {"Connection", "te, Close"}}};
    judge(&one, &verdict);
    ck_assert(!verdict.has_body && verdict.is_last);

    one = (struct guard_case){.version = "HTTP/1.0", .fields = {HOST}};
    judge(&one, &verdict);
    ck_assert(verdict.is_http_1_0 && verdict.is_last);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("http_guard");
    TCase *tests = tcase_create("guard");
    tcase_add_test(tests, ambiguous_content_length_is_refused);
    tcase_add_test(tests, transfer_codings_other_than_one_chunked_are_refused);
    tcase_add_test(tests, host_must_be_there_once_and_be_valid);
    tcase_add_test(tests, malformed_fields_are_refused);
    tcase_add_test(tests, methods_are_case_sensitive_tokens);
    tcase_add_test(tests, content_of_get_head_and_delete_is_refused);
    tcase_add_test(tests, request_targets_have_one_of_the_forms);
    tcase_add_test(tests, absolute_form_is_read_as_origin_form);
    tcase_add_test(tests, versions_of_another_major_number_are_refused);
    tcase_add_test(tests, heads_above_the_limit_are_414_or_431);
    tcase_add_test(tests, octets_that_the_library_lost_are_refused);
    tcase_add_test(tests, a_verdict_tells_of_body_and_connection);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
