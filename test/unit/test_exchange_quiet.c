/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_quiet: requests to which not every answer is wanted (RFC 7967). */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "exchange_fixture.h"
#include "node.h"
#include "proves.h"

static void set_up(void)
{
    fixture_set_up(NULL, "{ \"nodes\": {"
                         "  \"silent\": { \"address\": \"coap://192.0.2.9\","
                         "    \"coap\": { \"no_response\": 26 } },"
                         "  \"modest\": { \"address\": \"coap://192.0.2.8\","
                         "    \"coap\": { \"no_response\": 2, \"deadline\": 2 } },"
                         "  \"chatty\": { \"address\": \"coap://192.0.2.7\","
                         "    \"coap\": { \"no_response\": 0 } },"
                         "  \"usual\": { \"address\": \"coap://192.0.2.6\" } } }");
}

static void ask(enum http_method method, const char *target)
{
    fixture_request(method, target);
    if (method == HTTP_METHOD_POST)
        fixture_body("on");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
}

static bool has_no_response(const char *value, size_t length)
{
    const struct rest_option *option =
        rest_find_option(&fixture_last()->copy.message, REST_OPTION_NO_RESPONSE);

    return option != NULL && option->length == length && memcmp(option->value, value, length) == 0;
}

/* Of the node that was asked last. */
static enum node_state last_state(void)
{
    struct node *node = node_acquire(fixture.core->nodes, &fixture_last()->peer);
    enum node_state state = node_state_of(node);

    node_release(node);
    return state;
}

START_TEST(the_option_is_sent_only_when_the_mapping_asks_for_it)
{
    ask(HTTP_METHOD_POST, "/nodes/silent/x");
    ck_assert(has_no_response("\x1a", 1));
    ck_assert(fixture_last()->settings->is_non_confirmable);
    ask(HTTP_METHOD_POST, "/nodes/modest/x");
    ck_assert(has_no_response("\x02", 1));
    ask(HTTP_METHOD_DELETE, "/nodes/chatty/x");
    ck_assert(has_no_response("", 0));
    ask(HTTP_METHOD_POST, "/nodes/usual/x");
    ck_assert(!fixture_has_option(REST_OPTION_NO_RESPONSE, NULL));
    ck_assert(!fixture_last()->settings->is_non_confirmable);
    proves("OPT-22");
}
END_TEST

START_TEST(a_value_of_0_wants_all_answers)
{
    struct request_report report = {.transmissions = 5, .elapsed_us = 45000000};

    ask(HTTP_METHOD_DELETE, "/nodes/chatty/x");
    ck_assert(!fixture_last()->settings->is_non_confirmable);
    fixture_overdue(&report);
    fixture_reply(504);
    fixture_fail(REQUEST_TIMED_OUT, &report);
}
END_TEST

/* RFC 7967 3.2: 3 s between those that nobody answers, and others that are answered between them.
 */
START_TEST(in_quick_succession_every_other_request_is_answered)
{
    ask(HTTP_METHOD_POST, "/nodes/silent/x");
    ck_assert(fixture_last()->ends_when_sent);
    for (int i = 0; i < 3; i++) {
        ask(HTTP_METHOD_POST, "/nodes/silent/x");
        ck_assert(!fixture_last()->ends_when_sent);
        ck_assert(!fixture_last()->settings->is_non_confirmable);
        ck_assert(!fixture_has_option(REST_OPTION_NO_RESPONSE, NULL));
    }
    fixture.peer_events.heard(fixture.peer_events.handle, &fixture_last()->peer);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    fixture_reply(204);
    ask(HTTP_METHOD_POST, "/nodes/silent/x");
    ck_assert(fixture_last()->ends_when_sent);
    fixture_advance(3000);
    ask(HTTP_METHOD_POST, "/nodes/silent/x");
    ck_assert(fixture_last()->ends_when_sent);
    ck_assert(has_no_response("\x1a", 1));
}
END_TEST

START_TEST(a_question_is_always_answered)
{
    ask(HTTP_METHOD_GET, "/nodes/silent/x");
    ck_assert(!fixture_has_option(REST_OPTION_NO_RESPONSE, NULL));
    ck_assert(!fixture_last()->settings->is_non_confirmable);
    fixture_answer(REST_CODE(2, 5), 0, "21");
    fixture_reply(200);
}
END_TEST

START_TEST(with_no_answer_wanted_it_is_done_when_it_has_left)
{
    ask(HTTP_METHOD_POST, "/nodes/silent/x");
    ck_assert(fixture_last()->ends_when_sent);
    ck_assert_uint_eq(fixture.answered, 0);
    fixture_last()->is_under_way = false;
    fixture_last()->events->sent(fixture_last()->handle);
    ck_assert_uint_eq(fixture.answered, 1);
    fixture_reply(204);
    proves("EXT-08");
}
END_TEST

START_TEST(silence_means_that_all_is_well)
{
    struct request_report report = {.transmissions = 1, .elapsed_us = 2000000};

    ask(HTTP_METHOD_POST, "/nodes/modest/x");
    ck_assert(!fixture_last()->ends_when_sent);
    fixture_overdue(&report);
    fixture_reply(204);
    fixture_fail(REQUEST_TIMED_OUT, &report);
    ck_assert_int_eq(last_state(), NODE_UNKNOWN);
    fixture_advance(3000);
    ask(HTTP_METHOD_POST, "/nodes/modest/x");
    fixture_fail(REQUEST_TIMED_OUT, &report);
    fixture_reply(204);
    fixture_advance(3000);
    ask(HTTP_METHOD_POST, "/nodes/modest/x");
    fixture_answer(REST_CODE(4, 4), -1, NULL);
    fixture_reply(404);
    proves("EXT-09");
}
END_TEST

START_TEST(blocks_have_to_be_answered)
{
    struct request_report report = {.transmissions = 1, .elapsed_us = 2000000};
    char path[600], body[901];

    (void)snprintf(path, sizeof path, "/nodes/modest/%0200d/%0200d", 1, 2);
    memset(body, 'x', sizeof body - 1);
    body[sizeof body - 1] = '\0';
    fixture_request(HTTP_METHOD_POST, path);
    fixture_body(body);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert(fixture_has_option(REST_OPTION_BLOCK1, NULL));
    ck_assert(!fixture_last()->settings->is_non_confirmable);
    fixture_overdue(&report);
    fixture_reply(504);
    fixture_fail(REQUEST_TIMED_OUT, &report);
    fixture_done();
    /* A node that would rather have blocks. */
    body[200] = '\0';
    fixture_request(HTTP_METHOD_POST, "/nodes/modest/x");
    fixture_body(body);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert(has_no_response("\x02", 1));
    fixture_answer(REST_CODE(4, 13), -1, NULL);
    ck_assert(fixture_has_option(REST_OPTION_BLOCK1, NULL));
    fixture_overdue(&report);
    fixture_reply(504);
}
END_TEST

START_TEST(what_was_never_sent_has_not_been_done)
{
    struct request_report report = {.transmissions = 0, .elapsed_us = 2000000};

    ask(HTTP_METHOD_POST, "/nodes/modest/x");
    fixture_fail(REQUEST_TIMED_OUT, &report);
    fixture_reply(504);
    ask(HTTP_METHOD_POST, "/nodes/silent/x");
    fixture_fail(REQUEST_UNREACHABLE, &report);
    fixture_reply(502);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_quiet");
    TCase *tests = tcase_create("exchange_quiet");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, the_option_is_sent_only_when_the_mapping_asks_for_it);
    tcase_add_test(tests, a_value_of_0_wants_all_answers);
    tcase_add_test(tests, in_quick_succession_every_other_request_is_answered);
    tcase_add_test(tests, a_question_is_always_answered);
    tcase_add_test(tests, with_no_answer_wanted_it_is_done_when_it_has_left);
    tcase_add_test(tests, silence_means_that_all_is_well);
    tcase_add_test(tests, blocks_have_to_be_answered);
    tcase_add_test(tests, what_was_never_sent_has_not_been_done);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
