/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "request_fixture.h"

/*
 * Tests of cancelled requests: nobody hears of them, and on the wire nothing changes: what was sent
 * is outstanding until it is answered or its time is over (RFC 7252 4.7).
 */

START_TEST(a_cancelled_request_hears_nothing_in_any_state)
{
    /* QUEUED, UNACKED */
    start(0, &w.node);
    start(1, &w.node);
    struct pdu request = sent(0);
    request_cancel(w.layer, w.calls[1].id);
    request_cancel(w.layer, w.calls[0].id);
    ck_assert_uint_eq(w.channel.count, 1);
    respond(&w.node, PDU_ACK, request.mid, &request, "x");
    /* ACKED */
    start(2, &w.node);
    request = sent(1);
    acknowledge(&w.node, &request);
    request_cancel(w.layer, w.calls[2].id);
    respond(&w.node, PDU_CON, 4, &request, "x");
    ck_assert_int_eq(sent(2).type, PDU_RST);
    /* overdue */
    start(3, &w.node);
    clock_advance(w.timers, 50000);
    ck_assert_uint_eq(w.calls[3].overdues, 1);
    request_cancel(w.layer, w.calls[3].id);
    /* not overdue yet */
    start(4, &w.other);
    request_cancel(w.layer, w.calls[4].id);
    clock_advance(w.timers, 2000000);
    /* NON */
    w.settings.is_non_confirmable = true;
    start(5, &w.node);
    request_cancel(w.layer, w.calls[5].id);
    clock_advance(w.timers, 2000000);
    /* refused by our own system, not told yet */
    w.channel.result = CHANNEL_UNREACHABLE;
    start(6, &w.node);
    request_cancel(w.layer, w.calls[6].id);
    clock_advance(w.timers, 2000000);
    ck_assert_uint_eq(w.calls[3].overdues, 1);
    ck_assert_uint_eq(w.calls[4].overdues + w.calls[5].overdues, 0);
    for (unsigned i = 0; i < 7; i++)
        expect_pending(i);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
}
END_TEST

START_TEST(ids_of_the_past_and_the_future_are_fine)
{
    request_cancel(w.layer, 0);
    request_cancel(w.layer, UINT64_MAX);
    request_cancel(w.layer, 1);
    start(0, &w.node);
    uint64_t old = w.calls[0].id;
    request_cancel(w.layer, old);
    request_cancel(w.layer, old);
    start(1, &w.node);
    ck_assert_uint_ne(w.calls[1].id, old);
    request_cancel(w.layer, old);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 1);
    request_cancel(w.layer, w.calls[1].id ^ UINT64_C(1) << 32);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 1);
}
END_TEST

START_TEST(a_cancelled_request_keeps_its_slot_until_the_node_answers)
{
    static const enum pdu_type answers[] = {PDU_ACK, PDU_CON, PDU_NON, PDU_RST};

    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        request_teardown();
        request_setup();
        start(0, &w.node);
        start(1, &w.node);
        struct pdu first = sent(0);
        request_cancel(w.layer, w.calls[0].id);
        ck_assert_uint_eq(request_layer_outstanding(w.layer), 1);
        /* RFC 7252 4.7: an ACK is still expected, and the request is sent again for it. */
        clock_advance(w.timers, 3000);
        ck_assert_uint_eq(w.channel.count, 2);
        ck_assert_uint_eq(sent(1).mid, first.mid);
        if (answers[i] == PDU_RST)
            fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, first.mid);
        else
            respond(&w.node, answers[i], answers[i] == PDU_ACK ? first.mid : 5, &first, "x");
        /* Whoever left hears nothing, and the next one waits for nothing. */
        expect_pending(0);
        struct pdu next = sent(2);
        ck_assert_uint_ne(next.mid, first.mid);
        ck_assert_uint_eq(w.channel.count, answers[i] == PDU_CON || answers[i] == PDU_NON ? 4 : 3);
        respond(&w.node, PDU_ACK, next.mid, &next, "y");
        expect_response(1, "y");
    }
}
END_TEST

START_TEST(an_empty_ack_gives_the_slot_of_a_cancelled_request_on)
{
    start(0, &w.node);
    start(1, &w.node);
    struct pdu first = sent(0);
    request_cancel(w.layer, w.calls[0].id);
    acknowledge(&w.node, &first);
    struct pdu next = sent(1);
    respond(&w.node, PDU_ACK, next.mid, &next, "y");
    expect_response(1, "y");
    respond(&w.node, PDU_CON, 5, &first, "x");
    ck_assert_int_eq(sent(2).type, PDU_RST);
    expect_pending(0);
    ck_assert_uint_eq(message_layer_outstanding(request_layer_messages(w.layer)), 0);
}
END_TEST

START_TEST(the_token_of_a_cancelled_request_is_not_given_to_another)
{
    static const struct request_events none;
    struct request_token token = {0};
    struct rest_request get;
    uint64_t id;

    w.settings.nstart = 2;
    rest_request_init(&get);
    get.message.code = REST_GET;
    struct request_spec spec = {.peer = w.node,
                                .message = &get.message,
                                .settings = &w.settings,
                                .events = &none,
                                .token = &token};
    start(0, &w.node);
    struct pdu first = sent(0);
    request_cancel(w.layer, w.calls[0].id);
    token.is_set = true;
    memcpy(token.bytes, first.token, sizeof token.bytes);
    ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_STARTED);
    ck_assert_mem_ne(sent(1).token, first.token, sizeof token.bytes);
}
END_TEST

START_TEST(a_client_that_leaves_and_comes_again_gets_no_more_than_its_share)
{
    request_layer_set_maximum(w.layer, 200);
    w.client = 1;
    for (unsigned i = 0; i < 100; i++) {
        struct endpoint_address *node = i % 2 == 0 ? &w.node : &w.other;
        ck_assert_int_eq(start(0, node), REQUEST_STARTED);
        struct pdu request = sent(i);
        acknowledge(node, &request);
        request_cancel(w.layer, w.calls[0].id);
    }
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
    ck_assert_int_eq(start(0, &w.node), REQUEST_CLIENT_FULL);
    ck_assert_uint_eq(w.channel.count, 100);
    w.client = 2;
    ck_assert_int_eq(start(1, &w.node), REQUEST_STARTED);
    ck_assert_uint_eq(w.channel.count, 101);
    /* An answer makes room, although nobody wants it, and so does the end of the time for one. */
    struct pdu first = sent(0);
    respond(&w.node, PDU_NON, 7, &first, "x");
    w.client = 1;
    ck_assert_int_eq(start(2, &w.other), REQUEST_STARTED);
    ck_assert_int_eq(start(3, &w.other), REQUEST_CLIENT_FULL);
    clock_advance(w.timers, 121000);
    ck_assert_int_eq(start(3, &w.other), REQUEST_STARTED);
}
END_TEST

START_TEST(the_settings_of_a_cancelled_request_may_go)
{
    struct settings *settings = malloc(sizeof *settings);
    struct rest_request get;
    uint64_t id;

    ck_assert_ptr_nonnull(settings);
    *settings = w.settings;
    rest_request_init(&get);
    get.message.code = REST_GET;
    static const struct request_events none;
    struct request_spec spec = {
        .peer = w.node, .message = &get.message, .settings = settings, .events = &none};
    ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_STARTED);
    request_cancel(w.layer, id);
    memset(settings, 0, sizeof *settings);
    free(settings);
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.channel.count, 5);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_cancel");
    TCase *tests = tcase_create("request_cancel");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, request_setup, request_teardown);
    tcase_add_test(tests, a_cancelled_request_hears_nothing_in_any_state);
    tcase_add_test(tests, ids_of_the_past_and_the_future_are_fine);
    tcase_add_test(tests, a_cancelled_request_keeps_its_slot_until_the_node_answers);
    tcase_add_test(tests, an_empty_ack_gives_the_slot_of_a_cancelled_request_on);
    tcase_add_test(tests, the_token_of_a_cancelled_request_is_not_given_to_another);
    tcase_add_test(tests, a_client_that_leaves_and_comes_again_gets_no_more_than_its_share);
    tcase_add_test(tests, the_settings_of_a_cancelled_request_may_go);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
