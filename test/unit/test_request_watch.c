/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "request_fixture.h"

/*
 * Tests of tokens that stay known beyond the requests that carry them.
 */

enum { CONTENT = REST_CODE(2, 5) };

static struct request_watch *watched;
static unsigned notified, rejected;
static bool is_welcome, closes;
static char heard[16];

static bool told_notified(void *handle, const struct rest_message *response)
{
    (void)handle;
    notified++;
    (void)snprintf(heard, sizeof heard, "%.*s", (int)response->payload_length,
                   (const char *)response->payload);
    if (closes) {
        request_watch_close(watched);
        watched = NULL;
    }
    return is_welcome;
}

static void told_rejected(void *handle, uint16_t bad_option)
{
    (void)handle;
    ck_assert_uint_eq(bad_option, 9);
    rejected++;
}

static void set_up(void)
{
    request_setup();
    notified = rejected = 0;
    is_welcome = true;
    closes = false;
    watched = NULL;
}

static void tear_down(void)
{
    request_watch_close(watched);
    request_teardown();
}

static struct request_token open_watch(void)
{
    static const struct request_watch_events events = {.notified = told_notified,
                                                       .rejected = told_rejected};
    struct request_watch_spec spec = {.peer = w.node, .events = &events};
    struct request_token token;

    ck_assert_int_eq(request_watch_open(w.layer, &spec, &watched), REQUEST_STARTED);
    request_watch_token(watched, &token);
    ck_assert(token.is_set);
    return token;
}

/* Starts a GET with that token for calls[n]. */
static void start_with(unsigned n, struct request_token *token, const struct request_events *events)
{
    struct rest_message get = {.code = REST_GET};
    struct request_spec spec = {.peer = w.node,
                                .message = &get,
                                .settings = &w.settings,
                                .events = events,
                                .handle = &w.calls[n],
                                .token = token};

    ck_assert_int_eq(request_start(w.layer, &spec, &w.calls[n].id), REQUEST_STARTED);
}

static void count_response(void *handle, const struct rest_message *response,
                           const struct request_report *report)
{
    struct call *call = handle;
    (void)response;
    (void)report;
    call->responses++;
}

static void count_failure(void *handle, enum request_failure failure,
                          const struct request_report *report)
{
    struct call *call = handle;
    (void)failure;
    (void)report;
    call->failures++;
}

static const struct request_events counting = {.response = count_response, .failed = count_failure};

/* What a message of the node with that token is answered by. */
static void expect_verdict(const struct request_token *token, enum pdu_type type, uint16_t mid,
                           enum pdu_type answer)
{
    struct pdu of = {.token_length = PDU_TOKEN_MAX};
    size_t before = w.channel.count;

    memcpy(of.token, token->bytes, sizeof of.token);
    fake_channel_deliver_message(&w.channel, &w.node, type, mid, CONTENT, &of, "new");
    ck_assert_uint_eq(w.channel.count, before + 1);
    ck_assert_int_eq(sent(before).type, answer);
    ck_assert_uint_eq(sent(before).mid, mid);
}

START_TEST(a_watched_token_is_told_and_acknowledged)
{
    struct request_token token = open_watch();

    expect_verdict(&token, PDU_CON, 7, PDU_ACK);
    ck_assert_uint_eq(notified, 1);
    ck_assert_str_eq(heard, "new");
    is_welcome = false;
    expect_verdict(&token, PDU_CON, 8, PDU_RST);
    expect_verdict(&token, PDU_NON, 9, PDU_RST);
    ck_assert_uint_eq(notified, 3);
    request_watch_close(watched);
    watched = NULL;
    expect_verdict(&token, PDU_CON, 10, PDU_RST);
    ck_assert_uint_eq(notified, 3);
}
END_TEST

START_TEST(an_outstanding_request_goes_before_the_watch_of_its_token)
{
    struct request_token token = open_watch(), before = token;

    start_with(0, &token, &counting);
    ck_assert_mem_eq(token.bytes, before.bytes, sizeof token.bytes);
    ck_assert_mem_eq(sent(0).token, before.bytes, sizeof token.bytes);
    expect_verdict(&token, PDU_CON, 7, PDU_ACK);
    ck_assert_uint_eq(w.calls[0].responses, 1);
    ck_assert_uint_eq(notified, 0);
    expect_verdict(&token, PDU_CON, 8, PDU_ACK);
    ck_assert_uint_eq(notified, 1);
}
END_TEST

START_TEST(a_request_that_waits_leaves_the_token_to_the_watch)
{
    struct request_token token = open_watch();

    start(1, &w.node);
    start_with(0, &token, &counting);
    ck_assert_uint_eq(w.channel.count, 1);
    expect_verdict(&token, PDU_CON, 7, PDU_ACK);
    ck_assert_uint_eq(w.calls[0].responses, 0);
    ck_assert_uint_eq(notified, 1);
}
END_TEST

START_TEST(what_an_acknowledgement_brings_behind_a_response_is_told_once)
{
    struct request_token token = open_watch();

    start_with(0, &token, &counting);
    struct pdu request = sent(0);
    expect_verdict(&token, PDU_CON, 7, PDU_ACK);
    ck_assert_uint_eq(w.calls[0].responses, 1);
    size_t count = w.channel.count;
    respond(&w.node, PDU_ACK, (uint16_t)(request.mid + 1), &request, "of another");
    ck_assert_uint_eq(notified, 0);
    respond(&w.node, PDU_ACK, request.mid, &request, "late");
    ck_assert_uint_eq(notified, 1);
    ck_assert_str_eq(heard, "late");
    respond(&w.node, PDU_ACK, request.mid, &request, "again");
    ck_assert_uint_eq(notified, 1);
    ck_assert_uint_eq(w.channel.count, count);
}
END_TEST

START_TEST(an_acknowledged_request_expects_no_other_acknowledgement)
{
    struct request_token token = open_watch();

    start_with(0, &token, &counting);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    expect_verdict(&token, PDU_CON, 7, PDU_ACK);
    respond(&w.node, PDU_ACK, request.mid, &request, "late");
    ck_assert_uint_eq(notified, 0);
}
END_TEST

START_TEST(a_watched_response_with_a_bad_critical_option_is_reset)
{
    struct request_token token = open_watch();
    struct pdu of = {.token_length = PDU_TOKEN_MAX};

    memcpy(of.token, token.bytes, sizeof of.token);
    respond_option(&w.node, PDU_CON, 7, &of, 9);
    ck_assert_uint_eq(rejected, 1);
    ck_assert_uint_eq(notified, 0);
    ck_assert_int_eq(sent(0).type, PDU_RST);
}
END_TEST

START_TEST(a_watch_may_be_closed_when_it_is_told)
{
    struct request_token token = open_watch();

    closes = true;
    expect_verdict(&token, PDU_CON, 7, PDU_ACK);
    ck_assert_ptr_null(watched);
    expect_verdict(&token, PDU_CON, 8, PDU_RST);
}
END_TEST

static enum request_match match_unwanted(void *handle, const struct rest_message *response,
                                         bool is_in_ack)
{
    (void)handle;
    (void)response;
    return is_in_ack ? REQUEST_MATCH_ANSWER : REQUEST_MATCH_UNWANTED;
}

START_TEST(an_unwanted_response_is_reset_and_the_request_goes_on)
{
    static const struct request_events events = {
        .response = count_response, .failed = count_failure, .match = match_unwanted};
    struct request_token token = {0};

    start_with(0, &token, &events);
    struct pdu request = sent(0);
    expect_verdict(&token, PDU_CON, 7, PDU_RST);
    ck_assert_uint_eq(w.calls[0].responses, 0);
    respond(&w.node, PDU_ACK, request.mid, &request, "done");
    ck_assert_uint_eq(w.calls[0].responses, 1);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("request_watch");
    TCase *watch = tcase_create("watch");

    tcase_add_checked_fixture(watch, set_up, tear_down);
    suite_add_tcase(suite, watch);
    tcase_add_test(watch, a_watched_token_is_told_and_acknowledged);
    tcase_add_test(watch, an_outstanding_request_goes_before_the_watch_of_its_token);
    tcase_add_test(watch, a_request_that_waits_leaves_the_token_to_the_watch);
    tcase_add_test(watch, what_an_acknowledgement_brings_behind_a_response_is_told_once);
    tcase_add_test(watch, an_acknowledged_request_expects_no_other_acknowledgement);
    tcase_add_test(watch, a_watched_response_with_a_bad_critical_option_is_reset);
    tcase_add_test(watch, a_watch_may_be_closed_when_it_is_told);
    tcase_add_test(watch, an_unwanted_response_is_reset_and_the_request_goes_on);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
