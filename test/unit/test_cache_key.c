/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_key.h"

/* test_cache_key: which requests one stored response answers, and which it must not (CACHE-05). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rest.h"
#include "uri.h"

/* A request: the URI, the method, Accept and Content-Format (-1: none), the body. */
struct request {
    const char *uri;
    uint8_t code;
    int accept;
    int content_format;
    const char *body;
};

static struct rest_request message;

/* Makes `message`, as the mappings would. */
static struct uri_authority read_uri(const char *uri)
{
    struct uri_parts parts;

    ck_assert_msg(uri_parse(uri, strlen(uri), URI_SCHEME_NONE, &parts) == URI_OK, "%s", uri);
    rest_request_init(&message);
    message.message.code = REST_GET;
    ck_assert_int_eq(uri_add_path(&message, parts.path, parts.path_length), URI_OK);
    if (parts.has_query)
        ck_assert_int_eq(uri_add_query(&message, parts.query, parts.query_length), URI_OK);
    return parts.authority;
}

/* False when the request has no key. */
static bool make_key(const struct request *request, struct cache_key *key)
{
    struct uri_authority authority = read_uri(request->uri);

    message.message.code = request->code;
    if (request->accept >= 0)
        rest_request_add_uint(&message, REST_OPTION_ACCEPT, (uint32_t)request->accept);
    if (request->content_format >= 0)
        rest_request_add_uint(&message, REST_OPTION_CONTENT_FORMAT,
                              (uint32_t)request->content_format);
    if (request->body != NULL) {
        message.message.payload = (const uint8_t *)request->body;
        message.message.payload_length = strlen(request->body);
    }
    ck_assert(cache_key_set_target(key, &authority, NULL, &message.message));
    return cache_key_set_request(key, &message.message);
}

static bool have_same_key(const struct request *a, const struct request *b)
{
    static struct cache_key first, second;

    ck_assert(make_key(a, &first) && make_key(b, &second));
    return first.length == second.length && memcmp(first.bytes, second.bytes, first.length) == 0;
}

static bool have_same_target(const char *a, const char *b)
{
    static struct cache_key first, second;
    struct uri_authority authority = read_uri(a);

    ck_assert(cache_key_set_target(&first, &authority, NULL, &message.message));
    authority = read_uri(b);
    ck_assert(cache_key_set_target(&second, &authority, NULL, &message.message));
    ck_assert_uint_eq(first.length, first.base_length);
    return first.length == second.length && memcmp(first.bytes, second.bytes, first.length) == 0;
}

START_TEST(targets_are_the_same_when_their_normalised_uris_are)
{
    static const struct {
        const char *a, *b;
        bool is_same;
    } cases[] = {
        {"coap://n/a", "coap://n/a", true},
        {"coap://Node.Example/a", "coap://nODE.example/a", true},
        {"coap://n:5683/a", "coap://n/a", true},
        {"coap://n/%61", "coap://n/a", true},
        {"coap://n/", "coap://n", true},
        {"coap://n/a/./b/../c", "coap://n/a/c", true},
        {"coap://[2001:db8:0::1]/a", "coap://[2001:DB8::0:1]/a", true},
        {"coap://[::ffff:192.0.2.1]/a", "coap://192.0.2.1/a", true},
        {"coap://n/a", "coap://m/a", false},
        {"coap://n/a", "coap://n:5684/a", false},
        {"coap://n/a", "coaps://n/a", false},
        {"coaps://n:5684/a", "coaps://n/a", true},
        {"coap://n/a", "coap://n/A", false},
        {"coap://n/a/b", "coap://n/a%2Fb", false},
        {"coap://n/ab", "coap://n/a/b", false},
        {"coap://n/a", "coap://n/a/", false},
        {"coap://n/a/", "coap://n/a//", false},
        {"coap://n/a", "coap://n/a?", false},
        {"coap://n/a?b", "coap://n/a/b", false},
        {"coap://n/a?b", "coap://n/a?b&", false},
        {"coap://n/a?b&c", "coap://n/a?c&b", false},
        {"coap://n/a?b&c", "coap://n/a?b%26c", false},
        {"coap://192.0.2.1/a", "coap://192.0.2.2/a", false},
        {"coap://[fe80::1%251]/a", "coap://[fe80::1%252]/a", false},
        {"coap://n/%05abcde", "coap://n/abcde", false},
        {"coap://n/%01%01a", "coap://n/a/", false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(have_same_target(cases[i].a, cases[i].b) == cases[i].is_same, "%s and %s",
                      cases[i].a, cases[i].b);
}
END_TEST

START_TEST(no_target_is_the_beginning_of_another)
{
    static const char *const uris[] = {
        "coap://n",       "coap://n/",   "coap://n/a",  "coap://n/a/",  "coap://n/a/b",
        "coap://n/ab",    "coap://n?a",  "coap://n/a?", "coap://n/a?b", "coap://n/a?b&c",
        "coap://n/%01",   "coap://nn/a", "coaps://n/a", "coap://n:1/a", "coap://192.0.2.1/a",
        "coap://[::2]/a", "coap://n/%03"};
    enum { COUNT = sizeof uris / sizeof *uris };
    static struct cache_key keys[COUNT];

    for (size_t i = 0; i < COUNT; i++) {
        struct uri_authority authority = read_uri(uris[i]);

        ck_assert(cache_key_set_target(&keys[i], &authority, NULL, &message.message));
        ck_assert(cache_key_set_request(&keys[i], &message.message));
    }
    for (size_t i = 0; i < COUNT; i++)
        for (size_t j = 0; j < COUNT; j++)
            ck_assert_msg(memcmp(keys[i].bytes, keys[j].bytes, keys[i].target_length) != 0 ||
                              keys[i].target_length == keys[j].target_length,
                          "%s and %s", uris[i], uris[j]);
}
END_TEST

START_TEST(the_request_counts_as_far_as_it_makes_the_answer)
{
    static const struct {
        struct request a, b;
        bool is_same;
    } cases[] = {
        {{"coap://n/a", REST_GET, -1, -1, NULL}, {"coap://n/a", REST_GET, -1, -1, NULL}, true},
        {{"coap://n/a", REST_GET, 50, -1, NULL}, {"coap://n/a", REST_GET, 60, -1, NULL}, false},
        {{"coap://n/a", REST_GET, 0, -1, NULL}, {"coap://n/a", REST_GET, -1, -1, NULL}, false},
        {{"coap://n/a", REST_GET, -1, -1, NULL}, {"coap://n/a", REST_FETCH, -1, -1, NULL}, false},
        {{"coap://n/a", REST_FETCH, -1, 0, "x"}, {"coap://n/a", REST_FETCH, -1, 0, "x"}, true},
        {{"coap://n/a", REST_FETCH, -1, 0, "x"}, {"coap://n/a", REST_FETCH, -1, 0, "y"}, false},
        {{"coap://n/a", REST_FETCH, -1, 0, "x"}, {"coap://n/a", REST_FETCH, -1, 0, "xx"}, false},
        {{"coap://n/a", REST_FETCH, -1, 0, "x"}, {"coap://n/a", REST_FETCH, -1, 50, "x"}, false},
        {{"coap://n/a", REST_FETCH, -1, 0, "x"}, {"coap://n/a", REST_FETCH, 0, -1, "x"}, false},
        {{"coap://n/a", REST_FETCH, 3, -1, NULL}, {"coap://n/a", REST_FETCH, -1, 3, NULL}, false},
        {{"coap://n/a", REST_FETCH, -1, -1, "\3"}, {"coap://n/a", REST_FETCH, -1, 3, NULL}, false},
    };

    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++)
        ck_assert_msg(have_same_key(&cases[i].a, &cases[i].b) == cases[i].is_same, "case %zu", i);
}
END_TEST

START_TEST(where_messages_go_is_part_of_the_key_and_not_of_the_target)
{
    static struct cache_key there, elsewhere, as_named;
    struct endpoint_address connect = {{192, 0, 2, 1}, 0, 5683, 4, 0};
    struct uri_authority authority = read_uri("coap://n/a");

    ck_assert(cache_key_set_target(&as_named, &authority, NULL, &message.message));
    ck_assert(cache_key_set_target(&there, &authority, &connect, &message.message));
    connect.port = 5684;
    ck_assert(cache_key_set_target(&elsewhere, &authority, &connect, &message.message));
    ck_assert_uint_ne(as_named.length, there.length);
    ck_assert_uint_eq(as_named.target_length, there.target_length);
    ck_assert_mem_eq(as_named.bytes, there.bytes, there.target_length);
    ck_assert_int_ne(memcmp(there.bytes, elsewhere.bytes, there.length), 0);
}
END_TEST

START_TEST(an_authority_without_a_port_means_the_default_one)
{
    static struct cache_key with, without;
    static const char *const uris[] = {"coap://n/a", "coaps://n/a"};

    for (size_t i = 0; i < 2; i++) {
        struct uri_authority authority = read_uri(uris[i]);

        ck_assert(cache_key_set_target(&with, &authority, NULL, &message.message));
        authority.port = 0;
        ck_assert(cache_key_set_target(&without, &authority, NULL, &message.message));
        ck_assert_int_eq(memcmp(with.bytes, without.bytes, with.length), 0);
    }
}
END_TEST

START_TEST(options_of_the_transport_do_not_count)
{
    static const uint16_t numbers[] = {
        REST_OPTION_ETAG,     REST_OPTION_OBSERVE,  REST_OPTION_HOP_LIMIT,   REST_OPTION_BLOCK2,
        REST_OPTION_SIZE2,    REST_OPTION_SIZE1,    REST_OPTION_BLOCK1,      REST_OPTION_ECHO,
        REST_OPTION_URI_HOST, REST_OPTION_URI_PORT, REST_OPTION_NO_RESPONSE,
    };
    static struct cache_key plain, key;
    struct uri_authority authority = read_uri("coap://n/a");

    ck_assert(cache_key_set_target(&plain, &authority, NULL, &message.message));
    ck_assert(cache_key_set_request(&plain, &message.message));
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        read_uri("coap://n/a");
        rest_request_add(&message, numbers[i], "x", 1);
        ck_assert(cache_key_set_target(&key, &authority, NULL, &message.message));
        ck_assert(cache_key_set_request(&key, &message.message));
        ck_assert_uint_eq(key.length, plain.length);
        ck_assert_int_eq(memcmp(key.bytes, plain.bytes, key.length), 0);
    }
}
END_TEST

START_TEST(a_format_is_a_number_however_it_is_written)
{
    static struct cache_key one, two;
    struct uri_authority authority = read_uri("coap://n/a");

    rest_request_add(&message, REST_OPTION_ACCEPT, "\0\x32", 2);
    ck_assert(cache_key_set_target(&one, &authority, NULL, &message.message));
    ck_assert(cache_key_set_request(&one, &message.message));
    read_uri("coap://n/a");
    rest_request_add(&message, REST_OPTION_ACCEPT, "\x32", 1);
    ck_assert(cache_key_set_target(&two, &authority, NULL, &message.message));
    ck_assert(cache_key_set_request(&two, &message.message));
    ck_assert_uint_eq(one.length, two.length);
    ck_assert_int_eq(memcmp(one.bytes, two.bytes, one.length), 0);
}
END_TEST

START_TEST(what_may_change_the_answer_in_unknown_ways_has_no_key)
{
    static const uint16_t numbers[] = {REST_OPTION_IF_MATCH, REST_OPTION_IF_NONE_MATCH,
                                       REST_OPTION_OSCORE, REST_OPTION_REQUEST_TAG, 65000};
    static const uint8_t methods[] = {0, REST_POST, REST_PUT, REST_DELETE, REST_PATCH, REST_IPATCH};
    static char body[CACHE_KEY_BODY_MAX + 2];
    static struct cache_key key;
    struct request request = {"coap://n/a", REST_FETCH, -1, -1, body};
    struct uri_authority authority;

    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        authority = read_uri("coap://n/a");
        rest_request_add(&message, numbers[i], "", 0);
        ck_assert(cache_key_set_target(&key, &authority, NULL, &message.message));
        ck_assert(!cache_key_set_request(&key, &message.message));
        ck_assert_uint_eq(key.length, key.base_length);
    }
    for (size_t i = 0; i < sizeof methods; i++) {
        request.code = methods[i];
        ck_assert(!make_key(&request, &key));
    }
    authority = read_uri("coap://n/a");
    rest_request_add(&message, REST_OPTION_ACCEPT, "\1\1\1\1\1", 5);
    ck_assert(cache_key_set_target(&key, &authority, NULL, &message.message));
    ck_assert(!cache_key_set_request(&key, &message.message));
    memset(body, 'b', sizeof body - 1);
    request.code = REST_FETCH;
    ck_assert(!make_key(&request, &key));
    ck_assert_uint_eq(key.length, key.base_length);
    body[CACHE_KEY_BODY_MAX] = '\0';
    ck_assert(make_key(&request, &key));
    request.code = REST_GET;
    ck_assert(!make_key(&request, &key));
}
END_TEST

START_TEST(the_longest_request_has_a_key_and_a_longer_one_none)
{
    static struct cache_key key;
    static char part[255];
    static uint8_t body[CACHE_KEY_BODY_MAX];
    struct uri_authority authority = read_uri("coap://n");

    memset(authority.host, 'h', URI_HOST_MAX);
    authority.host[URI_HOST_MAX] = '\0';
    while (rest_request_add(&message, REST_OPTION_URI_PATH, part, 255) == 0)
        ;
    while (rest_request_add(&message, REST_OPTION_URI_QUERY, part, 1) == 0)
        ;
    message.message.code = REST_FETCH;
    message.message.payload = body;
    message.message.payload_length = sizeof body;
    ck_assert(cache_key_set_target(&key, &authority, NULL, &message.message));
    ck_assert(cache_key_set_request(&key, &message.message));
    ck_assert_uint_le(key.length, CACHE_KEY_SIZE);
    /* More than any arena holds. */
    for (size_t i = 0; i < message.message.option_count; i++)
        message.message.options[i] =
            (struct rest_option){REST_OPTION_URI_PATH, sizeof part, (const uint8_t *)part};
    ck_assert(!cache_key_set_target(&key, &authority, NULL, &message.message));
    ck_assert_uint_eq(key.target_length, 0);
    message.message.options[0].length = 256;
    message.message.option_count = 1;
    ck_assert(!cache_key_set_target(&key, &authority, NULL, &message.message));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_key");
    TCase *tests = tcase_create("cache_key");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, targets_are_the_same_when_their_normalised_uris_are);
    tcase_add_test(tests, no_target_is_the_beginning_of_another);
    tcase_add_test(tests, the_request_counts_as_far_as_it_makes_the_answer);
    tcase_add_test(tests, where_messages_go_is_part_of_the_key_and_not_of_the_target);
    tcase_add_test(tests, an_authority_without_a_port_means_the_default_one);
    tcase_add_test(tests, options_of_the_transport_do_not_count);
    tcase_add_test(tests, a_format_is_a_number_however_it_is_written);
    tcase_add_test(tests, what_may_change_the_answer_in_unknown_ways_has_no_key);
    tcase_add_test(tests, the_longest_request_has_a_key_and_a_longer_one_none);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
