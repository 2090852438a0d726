/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>

#include "proves.h"
#include "request_fixture.h"

/*
 * Tests of PROBING_RATE (RFC 7252 4.7): how much goes to a node that does not answer, and that one
 * which answers notices nothing of it. And of signs of life.
 */

enum { TEN_MINUTES_MS = 600000 };

/* Bytes that were sent from the n-th datagram on. */
static size_t bytes_from(size_t n)
{
    size_t bytes = 0;

    for (; n < w.channel.count; n++)
        bytes += w.channel.sent[n].length;
    return bytes;
}

/* Keeps requests waiting for ten minutes; what is sent is acknowledged, if wanted. */
static void ask_for_ten_minutes(bool is_acknowledged)
{
    size_t seen = 0;

    for (unsigned ms = 0; ms < TEN_MINUTES_MS; ms += 100) {
        for (unsigned i = 0; i < 20; i++)
            if (w.calls[i].failures > 0 || w.calls[i].id == 0) {
                w.calls[i] = (struct call){0};
                ck_assert_int_eq(start(i, &w.node), REQUEST_STARTED);
            }
        for (; is_acknowledged && seen < w.channel.count; seen++) {
            struct pdu request = sent(seen);
            acknowledge(&w.node, &request);
        }
        clock_advance(w.timers, 100);
    }
}

/* Not more than a byte a second behind the first exchange, and not much less. */
static void assert_probing_rate(size_t first)
{
    uint64_t since_us = w.channel.sent[first - 1].sent_us;
    uint64_t elapsed_us = timers_now_us(w.timers) - since_us;

    ck_assert_uint_le(bytes_from(first), elapsed_us / 1000000);
    ck_assert_uint_ge(bytes_from(first), elapsed_us / 1000000 / 2);
}

START_TEST(non_confirmable_requests_to_a_dead_node_keep_probing_rate)
{
    w.settings.is_non_confirmable = true;
    w.settings.deadline_ms = 500;
    w.settings.ack_timeout_ms = 20; /* an early end of each */
    ask_for_ten_minutes(false);
    assert_probing_rate(1);
    proves("CONG-07");
}
END_TEST

START_TEST(requests_to_a_node_that_only_acknowledges_keep_probing_rate)
{
    size_t first;

    w.settings.acked_deadline_ms = 500;
    w.settings.deadline_ms = 600000;
    /* The first ones go before anybody can know. */
    start(0, &w.node);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 500);
    expect_failure(0, REQUEST_TIMED_OUT);
    first = w.channel.count;
    ask_for_ten_minutes(true);
    assert_probing_rate(first);
    proves("CONG-07");
}
END_TEST

START_TEST(confirmable_requests_to_a_dead_node_keep_it_but_for_their_retransmissions)
{
    size_t first_transmissions = 0;

    w.settings.ack_timeout_ms = 50;
    w.settings.max_retransmit = 1;
    ask_for_ten_minutes(false);
    for (size_t n = 2; n < w.channel.count; n += 2) {
        ck_assert_uint_eq(sent(n).mid, sent(n + 1).mid);
        first_transmissions += w.channel.sent[n].length;
    }
    ck_assert_uint_le(first_transmissions, TEN_MINUTES_MS / 1000);
    ck_assert_uint_ge(first_transmissions, TEN_MINUTES_MS / 1000 / 2);
    proves("CONG-07");
}
END_TEST

START_TEST(requests_that_are_cancelled_at_once_keep_probing_rate_too)
{
    w.settings.ack_timeout_ms = 50;
    w.settings.max_retransmit = 0;
    for (unsigned ms = 0; ms < TEN_MINUTES_MS; ms += 100) {
        start(0, &w.node);
        clock_advance(w.timers, 1);
        request_cancel(w.layer, w.calls[0].id);
        clock_advance(w.timers, 99);
    }
    assert_probing_rate(1);
    proves("CONG-07");
}
END_TEST

START_TEST(a_node_that_answers_late_owes_nothing_for_who_left)
{
    for (unsigned i = 0; i < 10; i++) {
        w.calls[0] = (struct call){0};
        start(0, &w.node);
        struct pdu request = sent(w.channel.count - 1);
        request_cancel(w.layer, w.calls[0].id);
        clock_advance(w.timers, 1900);
        respond(&w.node, PDU_ACK, request.mid, &request, "x");
    }
    ck_assert_uint_eq(w.channel.count, 10);
    /* Even when the first answer is lost, the next one lets everybody go. */
    start(0, &w.node);
    start(1, &w.node);
    struct pdu request = sent(10);
    request_cancel(w.layer, w.calls[0].id);
    clock_advance(w.timers, 3000);
    ck_assert_uint_eq(w.channel.count, 12);
    respond(&w.node, PDU_ACK, request.mid, &request, "x");
    ck_assert_uint_eq(w.channel.count, 13);
}
END_TEST

START_TEST(any_answer_ends_the_silence_and_what_waits_goes_out)
{
    static const struct {
        enum pdu_type type;
        uint8_t code;
    } answers[] = {{PDU_NON, REST_CODE(2, 5)}, {PDU_CON, REST_CODE(2, 5)}, {PDU_RST, 0}};

    for (unsigned i = 0; i < sizeof answers / sizeof answers[0]; i++) {
        request_teardown();
        request_setup();
        w.settings.is_non_confirmable = true;
        w.settings.deadline_ms = 500;
        start(0, &w.node);
        struct pdu first = sent(0);
        clock_advance(w.timers, 500);
        w.settings.deadline_ms = 45000;
        start(1, &w.node);
        start(2, &w.other);
        ck_assert_uint_eq(w.channel.count, 2);
        ck_assert(endpoint_address_equal(&fake_channel_last(&w.channel)->to, &w.other));
        if (answers[i].code == 0)
            fake_channel_deliver_empty(&w.channel, &w.node, answers[i].type, 999);
        else
            respond(&w.node, answers[i].type, 999, &first, "late");
        ck_assert_uint_ge(w.channel.count, 3);
        ck_assert_uint_eq(w.channel.sent[2].length, w.channel.sent[0].length);
        ck_assert(endpoint_address_equal(&w.channel.sent[2].to, &w.node));
    }
}
END_TEST

START_TEST(who_asks_when_to_come_again_is_told_of_the_silence)
{
    w.settings.is_non_confirmable = true;
    w.settings.deadline_ms = 500;
    start(0, &w.node);
    clock_advance(w.timers, 500);
    start(1, &w.node); /* it may go when its bytes are paid for, one each second */
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_ge(request_layer_retry_after(w.layer, &w.node), w.channel.sent[0].length);
}
END_TEST

START_TEST(one_request_that_failed_delays_nobody_at_the_usual_times)
{
    start(0, &w.node);
    start(1, &w.node);
    clock_advance(w.timers, 93000);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert(w.calls[0].report.is_spent && !w.calls[0].report.was_heard);
    expect_failure(1, REQUEST_TIMED_OUT); /* at its deadline, in the queue */
    ck_assert_uint_eq(w.channel.count, 5);
    start(2, &w.node);
    ck_assert_uint_eq(w.channel.count, 6);
    ck_assert_int_eq(sent(5).type, PDU_CON);
}
END_TEST

START_TEST(an_icmp_error_makes_no_silence)
{
    start(0, &w.node);
    w.channel.core.undeliverable(w.channel.core.handle, &w.node, w.channel.sent[0].bytes,
                                 w.channel.sent[0].length, ECONNREFUSED, 0);
    expect_failure(0, REQUEST_UNREACHABLE);
    start(1, &w.node);
    ck_assert_uint_eq(w.channel.count, 2);
}
END_TEST

/* --- signs of life --- */

static unsigned heard;

static void count_heard(void *handle, const struct endpoint_address *peer)
{
    ck_assert_ptr_eq(handle, &heard);
    ck_assert_uint_eq(peer->port, NODE);
    heard++;
}

static void listen_to_peers(void)
{
    const struct request_peer_events events = {.heard = count_heard, .handle = &heard};

    heard = 0;
    request_layer_set_peer_events(w.layer, &events);
}

START_TEST(every_datagram_is_heard_and_the_request_knows)
{
    static const uint8_t nonsense[] = {0};

    listen_to_peers();
    fake_channel_deliver(&w.channel, &w.node, nonsense, 1); /* nobody asked it yet */
    ck_assert_uint_eq(heard, 1);
    start(0, &w.node);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, 77);
    ck_assert_uint_eq(heard, 2);
    clock_advance(w.timers, 93000);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert(w.calls[0].report.is_spent && w.calls[0].report.was_heard);
    request_layer_set_peer_events(w.layer, NULL);
    fake_channel_deliver(&w.channel, &w.node, nonsense, 1);
    ck_assert_uint_eq(heard, 2);
}
END_TEST

START_TEST(what_came_before_a_request_was_sent_is_no_sign_for_it)
{
    start(0, &w.node);
    start(1, &w.node);
    struct pdu request = sent(0);
    clock_advance(w.timers, 1000);
    respond(&w.node, PDU_ACK, request.mid, &request, "x"); /* and the next one goes out */
    ck_assert_uint_eq(w.channel.count, 2);
    clock_advance(w.timers, 93000);
    expect_failure(1, REQUEST_TIMED_OUT);
    ck_assert(w.calls[1].report.is_spent && !w.calls[1].report.was_heard);
}
END_TEST

START_TEST(an_acknowledged_request_is_never_spent)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 120000);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert(!w.calls[0].report.is_spent && w.calls[0].report.was_heard);
}
END_TEST

START_TEST(a_non_is_spent_when_no_answer_can_come_any_more)
{
    w.settings.is_non_confirmable = true;
    start(0, &w.node);
    clock_advance(w.timers, 45000);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    clock_advance(w.timers, 48000);
    expect_failure(0, REQUEST_TIMED_OUT);
    ck_assert(w.calls[0].report.is_spent && !w.calls[0].report.was_heard);
}
END_TEST

START_TEST(silence_that_was_asked_for_is_none)
{
    w.settings.is_non_confirmable = true;
    w.settings.deadline_ms = 4000;
    w.needs_no_answer = true;
    for (unsigned i = 0; i < 50; i++) {
        start(i, &w.node);
        ck_assert_uint_eq(w.channel.count, i + 1);
        clock_advance(w.timers, 4000);
        ck_assert_uint_eq(w.calls[i].overdues, 1);
    }
    w.needs_no_answer = false;
    start(50, &w.node);
    clock_advance(w.timers, 4000);
    ck_assert_uint_eq(w.calls[50].overdues, 1);
    start(51, &w.node);
    clock_advance(w.timers, 4000);
    expect_failure(51, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(w.channel.count, 51);
}
END_TEST

START_TEST(a_ping_is_one_empty_con_and_its_reset_is_heard)
{
    listen_to_peers();
    request_layer_ping(w.layer, &w.node);
    ck_assert_uint_eq(w.channel.count, 1);
    struct pdu ping = sent(0);
    ck_assert_int_eq(ping.type, PDU_CON);
    ck_assert_uint_eq(ping.message.code, 0);
    ck_assert_uint_eq(w.channel.sent[0].length, 4);
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.channel.count, 1);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, ping.mid);
    ck_assert_uint_eq(heard, 1);
    request_layer_ping(w.layer, &w.node);
    ck_assert_uint_ne(sent(1).mid, ping.mid);
    ck_assert_uint_eq(message_layer_counters(request_layer_messages(w.layer))->pings, 2);
}
END_TEST

START_TEST(a_datagram_that_wakes_a_node_is_not_for_what_it_lets_go)
{
    start(0, &w.node);
    clock_advance(w.timers, 93000);
    expect_failure(0, REQUEST_TIMED_OUT);
    uint16_t next = (uint16_t)(sent(0).mid + 1);
    size_t before = w.channel.count;
    w.settings.probing_rate_milli = 1;
    start(1, &w.node);
    ck_assert_uint_eq(w.channel.count, before);
    /* Nobody can know this MID yet. */
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, next);
    ck_assert_uint_eq(w.channel.count, before + 1);
    ck_assert_uint_eq(sent(before).mid, next);
    expect_pending(1);
}
END_TEST

static void give_up_the_node(struct call *call)
{
    (void)call;
    request_layer_give_up(w.layer, &w.node);
}

START_TEST(who_gives_up_a_node_at_the_end_of_a_request_sends_nothing_more)
{
    w.settings.deadline_ms = 300000;
    for (unsigned i = 0; i < 5; i++)
        start(i, &w.node);
    start(10, &w.other);
    w.calls[0].action = give_up_the_node;
    clock_advance(w.timers, 93000);
    expect_failure(0, REQUEST_TIMED_OUT);
    for (unsigned i = 1; i < 5; i++) {
        expect_failure(i, REQUEST_GIVEN_UP);
        ck_assert_uint_eq(w.calls[i].report.transmissions, 0);
    }
    ck_assert_uint_eq(w.channel.count, 10); /* five for each node */
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
    request_layer_give_up(w.layer, &w.node);
}
END_TEST

static void start_again(struct call *call)
{
    call->action = NULL;
    ck_assert_int_eq(start(20, &w.node), REQUEST_STARTED);
}

START_TEST(a_request_that_is_started_while_others_are_given_up_stays)
{
    start(0, &w.node);
    start(1, &w.node);
    start(2, &w.node);
    w.calls[1].action = start_again;
    request_layer_give_up(w.layer, &w.node);
    expect_failure(1, REQUEST_GIVEN_UP);
    expect_failure(2, REQUEST_GIVEN_UP);
    expect_pending(20);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 2);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("probing");
    TCase *tests = tcase_create("probing");
    tcase_add_checked_fixture(tests, request_setup, request_teardown);
    tcase_add_test(tests, non_confirmable_requests_to_a_dead_node_keep_probing_rate);
    tcase_add_test(tests, requests_to_a_node_that_only_acknowledges_keep_probing_rate);
    tcase_add_test(tests,
                   confirmable_requests_to_a_dead_node_keep_it_but_for_their_retransmissions);
    tcase_add_test(tests, requests_that_are_cancelled_at_once_keep_probing_rate_too);
    tcase_add_test(tests, a_node_that_answers_late_owes_nothing_for_who_left);
    tcase_add_test(tests, any_answer_ends_the_silence_and_what_waits_goes_out);
    tcase_add_test(tests, who_asks_when_to_come_again_is_told_of_the_silence);
    tcase_add_test(tests, one_request_that_failed_delays_nobody_at_the_usual_times);
    tcase_add_test(tests, an_icmp_error_makes_no_silence);
    tcase_add_test(tests, every_datagram_is_heard_and_the_request_knows);
    tcase_add_test(tests, what_came_before_a_request_was_sent_is_no_sign_for_it);
    tcase_add_test(tests, an_acknowledged_request_is_never_spent);
    tcase_add_test(tests, a_non_is_spent_when_no_answer_can_come_any_more);
    tcase_add_test(tests, silence_that_was_asked_for_is_none);
    tcase_add_test(tests, a_ping_is_one_empty_con_and_its_reset_is_heard);
    tcase_add_test(tests, a_datagram_that_wakes_a_node_is_not_for_what_it_lets_go);
    tcase_add_test(tests, who_gives_up_a_node_at_the_end_of_a_request_sends_nothing_more);
    tcase_add_test(tests, a_request_that_is_started_while_others_are_given_up_stays);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
