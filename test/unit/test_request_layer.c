/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "proves.h"
#include "request_fixture.h"

/*
 * Tests of RFC 7252 5.2 to 5.4 on the test clock: which response belongs to which request, and how
 * each request ends.
 */

/* --- matching --- */

START_TEST(a_piggybacked_response_completes_the_request)
{
    ck_assert_int_eq(start(0, &w.node), REQUEST_STARTED);
    struct pdu request = sent(0);
    ck_assert_int_eq(request.type, PDU_CON);
    ck_assert_uint_eq(request.message.code, REST_GET);
    ck_assert_uint_eq(request.token_length, 8);
    clock_advance(w.timers, 50);
    respond(&w.node, PDU_ACK, request.mid, &request, "21.5");
    expect_response(0, "21.5");
    ck_assert_uint_eq(w.calls[0].code, REST_CODE(2, 5));
    ck_assert_uint_eq(w.calls[0].report.transmissions, 1);
    ck_assert_uint_eq(w.calls[0].report.round_trip_us, 50000);
    ck_assert_uint_eq(w.calls[0].report.elapsed_us, 50000);
    ck_assert(!w.calls[0].report.was_acknowledged);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
    clock_advance(w.timers, 600000);
    ck_assert_uint_eq(w.channel.count, 1);
    expect_response(0, "21.5");
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
}
END_TEST

START_TEST(only_endpoint_mid_and_token_together_match_a_piggybacked_response)
{
    struct endpoint_address elsewhere = fake_address(NODE);
    elsewhere.bytes[3] = 2;
    start(0, &w.node);
    start(1, &w.other);
    struct pdu request = sent(0), wrong = request;

    respond(&w.other, PDU_ACK, request.mid, &request, "x");   /* another node's port */
    respond(&elsewhere, PDU_ACK, request.mid, &request, "x"); /* another address */
    respond(&w.node, PDU_ACK, (uint16_t)(request.mid + 1), &request, "x");
    wrong.token[0] ^= 1;
    respond(&w.node, PDU_ACK, request.mid, &wrong, "x");
    wrong = request;
    wrong.token_length = 4;
    respond(&w.node, PDU_ACK, request.mid, &wrong, "x");
    wrong.token_length = 0;
    respond(&w.node, PDU_ACK, request.mid, &wrong, "x");
    expect_pending(0);
    ck_assert_uint_eq(w.channel.count, 2);
    /* None of these stopped the retransmission. */
    clock_advance(w.timers, 3000);
    ck_assert_uint_eq(w.channel.count, 4);
    respond(&w.node, PDU_ACK, request.mid, &request, "21");
    expect_response(0, "21");
    expect_pending(1);
}
END_TEST

START_TEST(only_endpoint_and_token_together_match_a_separate_response)
{
    start(0, &w.node);
    start(1, &w.other);
    struct pdu request = sent(0), wrong = request;
    acknowledge(&w.node, &request);

    respond(&w.other, PDU_CON, 7, &request, "x");
    ck_assert_int_eq(sent(2).type, PDU_RST);
    wrong.token[7] ^= 1;
    respond(&w.node, PDU_CON, 8, &wrong, "x");
    ck_assert_int_eq(sent(3).type, PDU_RST);
    respond(&w.other, PDU_NON, 9, &request, "x");
    ck_assert_int_eq(sent(4).type, PDU_RST);
    expect_pending(0);
    respond(&w.node, PDU_CON, 10, &request, "21");
    ck_assert_int_eq(sent(5).type, PDU_ACK);
    expect_response(0, "21");
    expect_pending(1);
    proves("MSG-01");
}
END_TEST

/* A source that gives the same bytes every time, as far as that can be. */
static void fill_constant(void *handle, void *bytes, size_t length)
{
    unsigned *draws = handle;
    memset(bytes, (int)(0x40 + *draws / 3), length);
    ++*draws;
}

START_TEST(one_token_at_two_endpoints_means_two_requests_and_never_crosses)
{
    unsigned draws = 0;
    request_layer_free(w.layer);
    struct request_layer_options options = {
        .message = {.timers = w.timers,
                    .random = random_sequence_source(&w.mids),
                    .channel = fake_channel_of(&w.channel),
                    .maximum_endpoints = 100},
        .token_random = {.fill = fill_constant, .handle = &draws},
        .maximum_requests = 100,
    };
    w.layer = request_layer_new(&options);
    w.channel.core = message_layer_channel_events(request_layer_messages(w.layer));
    w.settings.nstart = 2;
    start(0, &w.node);
    start(1, &w.other);
    struct pdu request = sent(0), twin = sent(1);
    ck_assert_mem_eq(request.token, twin.token, 8);
    /* At one endpoint it is drawn again. */
    start(2, &w.node);
    ck_assert_mem_ne(request.token, sent(2).token, 8);

    respond(&w.other, PDU_ACK, twin.mid, &twin, "other");
    expect_pending(0);
    expect_response(1, "other");
    respond(&w.node, PDU_CON, 5, &request, "node");
    expect_response(0, "node");
    expect_pending(2);
}
END_TEST

static int compare_tokens(const void *a, const void *b)
{
    return memcmp(a, b, 8);
}

START_TEST(tokens_are_eight_random_bytes_without_repetition)
{
    enum { REQUESTS = 10000 };
    static uint8_t tokens[REQUESTS][8];
    unsigned ones[64] = {0};
    /* All to one node, which has a quarter of them at most. */
    request_layer_set_maximum(w.layer, 4 * REQUESTS);
    w.settings.nstart = REQUESTS;
    w.settings.queue_per_node = REQUESTS;
    for (unsigned i = 0; i < REQUESTS; i++) {
        ck_assert_int_eq(start(0, &w.node), REQUEST_STARTED);
        memcpy(tokens[i], sent(0).token, 8);
        fake_channel_forget(&w.channel);
        for (unsigned bit = 0; bit < 64; bit++)
            ones[bit] += tokens[i][bit / 8] >> (bit % 8) & 1;
    }
    ck_assert_uint_eq(request_layer_outstanding(w.layer), REQUESTS);
    /* Each of the 64 bits is set about half the time (10 standard deviations). */
    for (unsigned bit = 0; bit < 64; bit++) {
        ck_assert_uint_gt(ones[bit], REQUESTS / 2 - 500);
        ck_assert_uint_lt(ones[bit], REQUESTS / 2 + 500);
    }
    qsort(tokens, REQUESTS, 8, compare_tokens);
    for (unsigned i = 1; i < REQUESTS; i++)
        ck_assert_mem_ne(tokens[i - 1], tokens[i], 8);
    proves("MSG-02");
}
END_TEST

/* --- separate responses --- */

START_TEST(a_separate_response_completes_in_every_order)
{
    /* Empty ACK, then a CON. */
    start(0, &w.node);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 30000);
    respond(&w.node, PDU_CON, 1, &request, "con");
    expect_response(0, "con");
    ck_assert(w.calls[0].report.was_acknowledged);
    ck_assert_int_eq(sent(1).type, PDU_ACK);
    ck_assert_uint_eq(sent(1).mid, 1);
    /* Empty ACK, then a NON: no ACK for it. */
    fake_channel_forget(&w.channel);
    start(1, &w.node);
    request = sent(0);
    acknowledge(&w.node, &request);
    respond(&w.node, PDU_NON, 2, &request, "non");
    expect_response(1, "non");
    ck_assert_uint_eq(w.channel.count, 1);
    /* The response before the ACK, which comes late or never (RFC 7252 5.2.2). */
    fake_channel_forget(&w.channel);
    start(2, &w.node);
    request = sent(0);
    respond(&w.node, PDU_CON, 3, &request, "early");
    expect_response(2, "early");
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 600000);
    ck_assert_uint_eq(w.channel.count, 2);
    ck_assert_int_eq(sent(1).type, PDU_ACK);
    proves("MSG-06");
}
END_TEST

START_TEST(a_separate_response_whose_ack_was_lost_is_acknowledged_again)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    start(1, &w.other);
    for (unsigned i = 0; i < 3; i++) {
        respond(&w.node, PDU_CON, 77, &request, "x");
        clock_advance(w.timers, 400);
    }
    expect_response(0, "x");
    ck_assert_uint_eq(w.channel.count, 5);
    for (size_t i = 2; i < 5; i++) {
        ck_assert_int_eq(sent(i).type, PDU_ACK);
        ck_assert_uint_eq(sent(i).mid, 77);
    }
    /* The other node's retransmission keeps its time. */
    clock_advance(w.timers, 799);
    ck_assert_uint_eq(w.channel.count, 5);
    clock_advance(w.timers, 1001);
    ck_assert_uint_eq(w.channel.count, 6);
}
END_TEST

START_TEST(after_an_empty_ack_nothing_is_sent_again_and_the_request_times_out)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    clock_advance(w.timers, 1000);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 119999);
    expect_pending(0);
    ck_assert_uint_eq(w.calls[0].overdues, 0);
    clock_advance(w.timers, 1);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(w.calls[0].report.elapsed_us, 121000000);
}
END_TEST

START_TEST(the_acked_deadline_can_be_max_rtt_and_max_server_response_delay)
{
    w.settings.acked_deadline_ms = 452000;
    start(0, &w.node);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 451999);
    expect_pending(0);
    clock_advance(w.timers, 1);
    expect_failure(0, REQUEST_TIMED_OUT);
    proves("CONG-10");
}
END_TEST

START_TEST(a_thousand_acknowledged_requests_without_answers_all_end)
{
    w.settings.queue_per_node = 1000;
    for (unsigned i = 0; i < 1000; i++) {
        fake_channel_forget(&w.channel);
        ck_assert_int_eq(start(0, &w.node), REQUEST_STARTED);
        struct pdu request = sent(0);
        acknowledge(&w.node, &request);
    }
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 1000);
    clock_advance(w.timers, 120000);
    ck_assert_uint_eq(w.calls[0].failures, 1000);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
    /* The silence of the node is remembered for what 1152 bytes take at PROBING_RATE. */
    clock_advance(w.timers, 1152000);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
    proves("CONG-09");
}
END_TEST

/* --- unexpected messages --- */

START_TEST(unexpected_responses_are_reset_or_ignored)
{
    struct pdu token = {.token_length = 8, .token = "nothing"};
    start(0, &w.node);
    respond(&w.node, PDU_CON, 5, &token, "x");
    ck_assert_int_eq(sent(1).type, PDU_RST);
    ck_assert_uint_eq(sent(1).mid, 5);
    respond(&w.other, PDU_CON, 6, &token, "x");
    ck_assert_int_eq(sent(2).type, PDU_RST);
    respond(&w.node, PDU_ACK, 7, &token, "x");
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, 8);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, 9);
    ck_assert_uint_eq(w.channel.count, 3);
    expect_pending(0);
    proves("MSG-08");
}
END_TEST

START_TEST(a_response_to_a_request_that_was_never_sent_is_refused)
{
    start(0, &w.node);
    start(1, &w.node);
    struct pdu guess = {.token_length = 8};
    struct random_sequence same;
    random_sequence_init(&same, 2);
    struct random_source source = random_sequence_source(&same);
    random_bytes(&source, guess.token, 8);
    random_bytes(&source, guess.token, 8); /* the token of the queued one */
    respond(&w.node, PDU_CON, 5, &guess, "x");
    expect_pending(1);
    ck_assert_int_eq(sent(1).type, PDU_RST);
}
END_TEST

/* --- failures --- */

START_TEST(an_rst_fails_the_request_at_once)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, request.mid);
    expect_failure(0, REQUEST_RESET);
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.channel.count, 1);
    expect_failure(0, REQUEST_RESET);
}
END_TEST

START_TEST(a_silent_node_is_overdue_at_the_deadline_and_fails_when_spent)
{
    start(0, &w.node);
    clock_advance(w.timers, 44999);
    ck_assert_uint_eq(w.calls[0].overdues, 0);
    clock_advance(w.timers, 1);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    ck_assert_uint_eq(w.calls[0].report.elapsed_us, 45000000);
    expect_pending(0);
    clock_advance(w.timers, 48000);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(w.calls[0].report.transmissions, 5);
}
END_TEST

START_TEST(a_late_response_after_overdue_is_delivered)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    clock_advance(w.timers, 60000);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    respond(&w.node, PDU_ACK, request.mid, &request, "late");
    expect_response(0, "late");
    ck_assert_uint_gt(w.calls[0].report.transmissions, 1);
    ck_assert_uint_eq(w.calls[0].report.round_trip_us, 0);
}
END_TEST

START_TEST(an_ack_after_overdue_still_waits_for_the_response)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    clock_advance(w.timers, 60000);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 119999);
    expect_pending(0);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    clock_advance(w.timers, 1);
    expect_failure(0, REQUEST_TIMED_OUT);
}
END_TEST

START_TEST(transmissions_spent_before_the_deadline_fail_at_once)
{
    w.settings.ack_timeout_ms = 200;
    w.settings.ack_random_percent = 100;
    start(0, &w.node);
    clock_advance(w.timers, 6199);
    expect_pending(0);
    clock_advance(w.timers, 1);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(w.calls[0].overdues, 0);
}
END_TEST

START_TEST(a_queued_request_fails_at_its_deadline_and_is_never_sent)
{
    start(0, &w.node);
    clock_advance(w.timers, 1000);
    start(1, &w.node);
    clock_advance(w.timers, 44999);
    expect_pending(1);
    clock_advance(w.timers, 1);
    expect_failure(1, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(w.calls[1].overdues, 0);
    ck_assert_uint_eq(w.calls[1].report.transmissions, 0);
    size_t count = w.channel.count;
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.channel.count, count);
    expect_failure(0, REQUEST_TIMED_OUT);
}
END_TEST

START_TEST(an_unreachable_destination_fails_but_an_unvetted_error_does_not)
{
    start(0, &w.node);
    const struct fake_datagram *first = fake_channel_last(&w.channel);
    struct fake_datagram copy = *first;
    copy.bytes[4] ^= 1;
    w.channel.core.undeliverable(w.channel.core.handle, &w.node, copy.bytes, copy.length,
                                 ECONNREFUSED, 0);
    expect_pending(0);
    copy.bytes[4] ^= 1;
    w.channel.core.undeliverable(w.channel.core.handle, &w.node, copy.bytes, copy.length,
                                 ECONNREFUSED, 0);
    expect_failure(0, REQUEST_UNREACHABLE);
    /* Refused by our own system: told later, from a timer. */
    w.channel.result = CHANNEL_UNREACHABLE;
    ck_assert_int_eq(start(1, &w.node), REQUEST_STARTED);
    expect_pending(1);
    clock_advance(w.timers, 0);
    expect_failure(1, REQUEST_UNREACHABLE);
}
END_TEST

static void count_hint(void *handle, const struct endpoint_address *peer, int error)
{
    unsigned *hints = handle;
    ck_assert_uint_eq(peer->port, NODE);
    ck_assert_int_eq(error, EHOSTUNREACH);
    ++*hints;
}

START_TEST(an_unvetted_error_is_told_as_a_hint_and_a_response_still_counts)
{
    unsigned hints = 0;
    const struct request_peer_events events = {.hint = count_hint, .handle = &hints};
    request_layer_set_peer_events(w.layer, &events);
    start(0, &w.node);
    struct pdu request = sent(0);
    w.channel.core.undeliverable(w.channel.core.handle, &w.node, NULL, 0, EHOSTUNREACH, 0);
    ck_assert_uint_eq(hints, 1);
    respond(&w.node, PDU_ACK, request.mid, &request, "x");
    expect_response(0, "x");
}
END_TEST

START_TEST(a_bad_option_fails_the_request_and_resets_a_con)
{
    enum { CRITICAL = 65001, SAFE = 65000, UNSAFE = 65002 };
    start(0, &w.node);
    struct pdu request = sent(0);
    respond_option(&w.node, PDU_ACK, request.mid, &request, CRITICAL);
    expect_failure(0, REQUEST_BAD_RESPONSE);
    ck_assert_uint_eq(w.calls[0].report.bad_option, CRITICAL);
    ck_assert_uint_eq(w.channel.count, 1);

    fake_channel_forget(&w.channel);
    start(1, &w.node);
    request = sent(0);
    respond_option(&w.node, PDU_CON, 9, &request, CRITICAL);
    expect_failure(1, REQUEST_BAD_RESPONSE);
    ck_assert_int_eq(sent(1).type, PDU_RST);
    ck_assert_uint_eq(sent(1).mid, 9);

    fake_channel_forget(&w.channel);
    start(2, &w.node);
    request = sent(0);
    respond_option(&w.node, PDU_ACK, request.mid, &request, UNSAFE);
    expect_failure(2, REQUEST_BAD_RESPONSE);
    ck_assert_uint_eq(w.calls[2].report.bad_option, UNSAFE);

    fake_channel_forget(&w.channel);
    start(3, &w.node);
    request = sent(0);
    respond_option(&w.node, PDU_ACK, request.mid, &request, SAFE);
    expect_response(3, "");
    ck_assert_uint_eq(w.calls[3].option_count, 0);
}
END_TEST

/* --- NON --- */

START_TEST(a_non_request_is_answered_like_a_con)
{
    w.settings.is_non_confirmable = true;
    start(0, &w.node);
    struct pdu request = sent(0);
    ck_assert_int_eq(request.type, PDU_NON);
    respond(&w.node, PDU_NON, 3, &request, "21");
    expect_response(0, "21");
    w.settings.is_non_confirmable = false;
    start(1, &w.node);
    request = sent(1);
    ck_assert_int_eq(request.type, PDU_CON);
    respond(&w.node, PDU_ACK, request.mid, &request, "21");
    expect_response(1, "21");
    ck_assert_uint_eq(w.calls[0].code, w.calls[1].code);
}
END_TEST

START_TEST(a_silent_non_is_overdue_frees_its_slot_and_fails_after_max_transmit_wait)
{
    w.settings.is_non_confirmable = true;
    start(0, &w.node);
    clock_advance(w.timers, 1000);
    start(1, &w.node);
    clock_advance(w.timers, 43999);
    ck_assert_uint_eq(w.channel.count, 1);
    clock_advance(w.timers, 1);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    ck_assert_uint_eq(w.channel.count, 2);
    clock_advance(w.timers, 47999);
    expect_pending(0);
    clock_advance(w.timers, 1);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    ck_assert_uint_eq(w.calls[0].told_us, 94000000);
    ck_assert_uint_eq(w.channel.count, 2);
}
END_TEST

START_TEST(a_non_with_a_deadline_beyond_max_transmit_wait_fails_at_it)
{
    w.settings.is_non_confirmable = true;
    w.settings.deadline_ms = 200000;
    start(0, &w.node);
    clock_advance(w.timers, 199999);
    expect_pending(0);
    clock_advance(w.timers, 1);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(w.calls[0].overdues, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_layer");
    TCase *tests = tcase_create("request_layer");

    tcase_set_timeout(tests, 20);
    tcase_add_checked_fixture(tests, request_setup, request_teardown);
    tcase_add_test(tests, a_piggybacked_response_completes_the_request);
    tcase_add_test(tests, only_endpoint_mid_and_token_together_match_a_piggybacked_response);
    tcase_add_test(tests, only_endpoint_and_token_together_match_a_separate_response);
    tcase_add_test(tests, one_token_at_two_endpoints_means_two_requests_and_never_crosses);
    tcase_add_test(tests, tokens_are_eight_random_bytes_without_repetition);
    tcase_add_test(tests, a_separate_response_completes_in_every_order);
    tcase_add_test(tests, a_separate_response_whose_ack_was_lost_is_acknowledged_again);
    tcase_add_test(tests, after_an_empty_ack_nothing_is_sent_again_and_the_request_times_out);
    tcase_add_test(tests, the_acked_deadline_can_be_max_rtt_and_max_server_response_delay);
    tcase_add_test(tests, a_thousand_acknowledged_requests_without_answers_all_end);
    tcase_add_test(tests, unexpected_responses_are_reset_or_ignored);
    tcase_add_test(tests, a_response_to_a_request_that_was_never_sent_is_refused);
    tcase_add_test(tests, an_rst_fails_the_request_at_once);
    tcase_add_test(tests, a_silent_node_is_overdue_at_the_deadline_and_fails_when_spent);
    tcase_add_test(tests, a_late_response_after_overdue_is_delivered);
    tcase_add_test(tests, an_ack_after_overdue_still_waits_for_the_response);
    tcase_add_test(tests, transmissions_spent_before_the_deadline_fail_at_once);
    tcase_add_test(tests, a_queued_request_fails_at_its_deadline_and_is_never_sent);
    tcase_add_test(tests, an_unreachable_destination_fails_but_an_unvetted_error_does_not);
    tcase_add_test(tests, an_unvetted_error_is_told_as_a_hint_and_a_response_still_counts);
    tcase_add_test(tests, a_bad_option_fails_the_request_and_resets_a_con);
    tcase_add_test(tests, a_non_request_is_answered_like_a_con);
    tcase_add_test(tests, a_silent_non_is_overdue_frees_its_slot_and_fails_after_max_transmit_wait);
    tcase_add_test(tests, a_non_with_a_deadline_beyond_max_transmit_wait_fails_at_it);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
