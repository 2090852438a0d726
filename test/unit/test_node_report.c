/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * test_node_report: what /-/nodes tells to whom, that it is JSON, and that a page is bounded.
 */
#include <check.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fixture.h"

static const char mapping_document[] =
    "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" },"
    "               \"attic\": { \"address\": \"coap://[2001:db8::7]:61616\" },"
    "               \"cook\": { \"address\": \"coap://192.0.2.9\" } } }";
static const char access_rules[] = "[ { \"networks\": [\"192.0.2.0/24\"], \"ports\": \"*\" } ]";

static void set_up(void)
{
    fixture_set_up(access_rules, mapping_document);
}

/* The document that a client with those roles gets; the caller owns it. */
static json_t *report(const char *target, unsigned roles)
{
    const struct http_reply *reply;
    json_t *document;
    const char *text;

    fixture_request(HTTP_METHOD_GET, target);
    fixture.request.roles = roles;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    reply = fixture_reply(200);
    fixture_assert_field("Content-Type", "application/json");
    fixture_assert_field("Cache-Control", "no-store");
    text = reply->body.data;
    ck_assert_int_eq(text[reply->body.length - 1], '\n');
    document = json_loadb(text, reply->body.length, JSON_REJECT_DUPLICATES, NULL);
    ck_assert_msg(document != NULL, "no JSON: %.*s", (int)reply->body.length, text);
    fixture_done();
    return document;
}

/* Compares the entry of that index with a JSON text, member by member. */
static void expect_entry(json_t *document, size_t index, const char *text)
{
    json_t *found = json_array_get(json_object_get(document, "nodes"), index);
    json_t *expected = json_loads(text, 0, NULL);
    char *shown = json_dumps(found, JSON_ENCODE_ANY);

    ck_assert_ptr_nonnull(expected);
    ck_assert_msg(json_equal(found, expected), "entry %zu is %s", index, shown);
    free(shown);
    json_decref(expected);
}

static size_t entries(json_t *document)
{
    return json_array_size(json_object_get(document, "nodes"));
}

static void expect_total(json_t *document, json_int_t total, const char *next)
{
    ck_assert_int_eq(json_integer_value(json_object_get(document, "total")), total);
    if (next == NULL)
        ck_assert_ptr_null(json_object_get(document, "next"));
    else
        ck_assert_str_eq(json_string_value(json_object_get(document, "next")), next);
}

/* A request that the node answers. */
static void ask(const char *target)
{
    ck_assert_int_eq(fixture_get(target), EXCHANGE_PARKED);
    fixture.peer_events.heard(fixture.peer_events.handle, &fixture_last()->peer);
    fixture_answer(REST_CODE(2, 5), 0, "21");
    fixture_done();
}

START_TEST(names_are_listed_before_anything_was_asked)
{
    json_t *document = report("/-/nodes", ROLE_READ);

    ck_assert_uint_eq(entries(document), 3);
    expect_total(document, 3, NULL);
    expect_entry(document, 0,
                 "{\"name\": \"attic\", \"state\": \"unknown\", \"last_seen\": null,"
                 " \"rtt_ms\": null, \"loss\": null,"
                 " \"observations\": 0}");
    json_decref(document);
}
END_TEST

START_TEST(an_administrator_sees_addresses_and_nodes_without_a_name)
{
    json_t *document;

    ask("/nodes/kitchen/x");
    ask("/hc/coap://192.0.2.77:5700/x");
    fixture_advance(2500);
    document = report("/-/nodes", ROLE_READ | ROLE_WRITE | ROLE_ADMIN);
    expect_total(document, 4, NULL);
    expect_entry(document, 0,
                 "{\"name\": \"attic\", \"address\": null, \"state\": \"unknown\","
                 " \"last_seen\": null, \"rtt_ms\": null, \"loss\": null,"
                 " \"observations\": 0}");
    expect_entry(document, 2,
                 "{\"name\": \"kitchen\", \"address\": \"coap://192.0.2.9:5683\","
                 " \"state\": \"reachable\", \"last_seen\": \"2023-11-14T22:13:17.500Z\","
                 " \"rtt_ms\": 12.000, \"loss\": 0.000, \"observations\": 0}");
    expect_entry(document, 3,
                 "{\"name\": null, \"address\": \"coap://192.0.2.77:5700\","
                 " \"state\": \"reachable\", \"last_seen\": \"2023-11-14T22:13:17.500Z\","
                 " \"rtt_ms\": 12.000, \"loss\": 0.000, \"observations\": 0}");
    json_decref(document);
}
END_TEST

START_TEST(others_see_neither)
{
    json_t *document;

    ask("/nodes/kitchen/x");
    ask("/hc/coap://192.0.2.77:5700/x");
    document = report("/-/nodes", ROLE_READ | ROLE_WRITE);
    expect_total(document, 3, NULL);
    expect_entry(document, 2,
                 "{\"name\": \"kitchen\", \"state\": \"reachable\","
                 " \"last_seen\": \"2023-11-14T22:13:20.000Z\", \"rtt_ms\": 12.000,"
                 " \"loss\": 0.000, \"observations\": 0}");
    json_decref(document);
}
END_TEST

START_TEST(two_names_of_one_device_tell_the_same_of_it)
{
    json_t *document;

    ask("/nodes/kitchen/x");
    ask("/nodes/cook/x");
    document = report("/-/nodes", ROLE_ADMIN);
    expect_total(document, 3, NULL); /* and it is not listed without a name as well */
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_array_get(json_object_get(document, "nodes"), 1), "address")),
                     "coap://192.0.2.9:5683");
    json_decref(document);
}
END_TEST

START_TEST(what_a_node_leaves_unanswered_is_loss)
{
    const struct request_report silent = {.transmissions = 5, .is_spent = true};
    json_t *document;

    ask("/nodes/kitchen/x");
    ck_assert_int_eq(fixture_get("/nodes/kitchen/y"), EXCHANGE_PARKED);
    fixture_fail(REQUEST_TIMED_OUT, &silent);
    fixture_done();
    document = report("/-/nodes", ROLE_READ);
    expect_entry(document, 2,
                 "{\"name\": \"kitchen\", \"state\": \"unreachable\","
                 " \"last_seen\": \"2023-11-14T22:13:20.000Z\", \"rtt_ms\": 12.000,"
                 " \"loss\": 0.833, \"observations\": 0}");
    json_decref(document);
}
END_TEST

START_TEST(a_page_is_bounded_and_names_the_next_one)
{
    char target[64];
    json_t *document;

    for (unsigned i = 0; i < 7; i++) {
        snprintf(target, sizeof target, "/hc/coap://192.0.2.%u/x", 100 + i);
        ask(target);
    }
    document = report("/-/nodes?limit=4", ROLE_ADMIN);
    ck_assert_uint_eq(entries(document), 4);
    expect_total(document, 10, "/-/nodes?offset=4&limit=4");
    json_decref(document);
    document = report("/-/nodes?offset=4&limit=4", ROLE_ADMIN);
    ck_assert_uint_eq(entries(document), 4);
    ck_assert_str_eq(json_string_value(json_object_get(
                         json_array_get(json_object_get(document, "nodes"), 0), "address")),
                     "coap://192.0.2.101:5683");
    expect_total(document, 10, "/-/nodes?offset=8&limit=4");
    json_decref(document);
    document = report("/-/nodes?limit=4&offset=8", ROLE_ADMIN);
    ck_assert_uint_eq(entries(document), 2);
    expect_total(document, 10, NULL);
    json_decref(document);
    document = report("/-/nodes?offset=4294967295", ROLE_ADMIN);
    ck_assert_uint_eq(entries(document), 0);
    expect_total(document, 10, NULL);
    json_decref(document);
}
END_TEST

START_TEST(a_query_that_means_nothing_is_refused)
{
    static const char *const queries[] = {
        "",
        "offset",
        "offset=",
        "offset=-1",
        "limit=0",
        "limit=1001",
        "limit=1x",
        "offset=4294967296",
        "limit=1&limit=2",
        "limit=1&",
        "&limit=1",
        "Limit=1",
        "page=2",
        "offset=1;limit=1",
        "limit=%31",
    };
    char target[64];

    for (size_t i = 0; i < sizeof queries / sizeof *queries; i++) {
        snprintf(target, sizeof target, "/-/nodes?%s", queries[i]);
        ck_assert_int_eq(fixture_get(target), EXCHANGE_ANSWERED);
        fixture_reply(400);
        fixture_done();
    }
}
END_TEST

START_TEST(nobody_without_a_role_sees_anything)
{
    fixture_request(HTTP_METHOD_GET, "/-/nodes");
    fixture.request.roles = 0;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(401);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node_report");
    TCase *tests = tcase_create("node_report");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, names_are_listed_before_anything_was_asked);
    tcase_add_test(tests, an_administrator_sees_addresses_and_nodes_without_a_name);
    tcase_add_test(tests, others_see_neither);
    tcase_add_test(tests, two_names_of_one_device_tell_the_same_of_it);
    tcase_add_test(tests, what_a_node_leaves_unanswered_is_loss);
    tcase_add_test(tests, a_page_is_bounded_and_names_the_next_one);
    tcase_add_test(tests, a_query_that_means_nothing_is_refused);
    tcase_add_test(tests, nobody_without_a_role_sees_anything);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
