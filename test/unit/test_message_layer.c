/* SPDX-License-Identifier: BSD-2-Clause */
#include "message_layer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "message_fixture.h"
#include "proves.h"

/*
 * Tests of RFC 7252 4.2 to 4.5 on the test clock: retransmission, ACK and RST, separate responses,
 * duplicates, and datagrams that make no sense.
 */

/* --- retransmission --- */

START_TEST(a_silent_node_gets_five_equal_transmissions_with_doubled_gaps)
{
    static struct sender a;
    ck_assert_int_eq(send_to(&w.node, &a, 1), 0);
    ck_assert_uint_eq(w.channel.count, 1);
    clock_advance(w.timers, 45000);
    ck_assert_uint_eq(w.channel.count, 5);

    uint64_t gap_us = w.channel.sent[1].sent_us - w.channel.sent[0].sent_us;
    ck_assert_uint_ge(gap_us, 2000000);
    ck_assert_uint_le(gap_us, 3000000);
    for (size_t i = 1; i < 5; i++) {
        const struct fake_datagram *sent = &w.channel.sent[i];
        ck_assert_uint_eq(sent->length, w.channel.sent[0].length);
        ck_assert_mem_eq(sent->bytes, w.channel.sent[0].bytes, sent->length);
        ck_assert_uint_eq(sent->sent_us - w.channel.sent[i - 1].sent_us, gap_us << (i - 1));
    }
    ck_assert_uint_eq(w.ended, 0);
    clock_advance(w.timers, 93000 - 45000);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_SPENT);
    ck_assert_uint_eq(timers_now_us(w.timers), 94000000);
    ck_assert_uint_eq(a.message.transmissions, 5);
    ck_assert_uint_eq(counters()->retransmissions, 4);
    clock_advance(w.timers, 1000000);
    ck_assert_uint_eq(w.channel.count, 5);
    ck_assert_uint_eq(w.ended, 1);
    proves("MSG-05");
}
END_TEST

START_TEST(first_timeouts_are_spread_over_the_random_range)
{
    uint64_t least = UINT64_MAX, most = 0;
    for (unsigned i = 0; i < 200; i++) {
        static struct sender a;
        ck_assert_int_eq(send_to(&w.node, &a, 1), 0);
        if (a.message.timeout_us < least)
            least = a.message.timeout_us;
        if (a.message.timeout_us > most)
            most = a.message.timeout_us;
        message_end(w.layer, &a.message);
    }
    ck_assert_uint_ge(least, 2000000);
    ck_assert_uint_lt(least, 2100000);
    ck_assert_uint_gt(most, 2900000);
    ck_assert_uint_le(most, 3000000);
}
END_TEST

START_TEST(a_late_timer_skips_transmissions_beyond_max_transmit_span)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    /* The process was stopped for a minute: RFC 7252 4.2 wants opportunities missed. */
    timers_set_now_us(w.timers, timers_now_us(w.timers) + 60000000);
    timers_run(w.timers);
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(w.ended, 0);
    clock_advance(w.timers, 34000);
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_SPENT);
}
END_TEST

START_TEST(a_late_timer_keeps_the_minimum_spacing)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    timers_set_now_us(w.timers, timers_now_us(w.timers) + 20000000);
    timers_run(w.timers);
    ck_assert_uint_eq(w.channel.count, 2);
    clock_advance(w.timers, 1999);
    ck_assert_uint_eq(w.channel.count, 2);
    clock_advance(w.timers, 70000);
    for (size_t i = 1; i < w.channel.count; i++)
        ck_assert_uint_ge(w.channel.sent[i].sent_us - w.channel.sent[i - 1].sent_us, 2000000);
    uint64_t span_us = fake_channel_last(&w.channel)->sent_us - w.channel.sent[0].sent_us;
    ck_assert_uint_le(span_us, 45000000);
}
END_TEST

START_TEST(settings_of_the_message_rule_its_retransmission)
{
    static struct sender a;
    w.settings.ack_timeout_ms = 200;
    w.settings.ack_random_percent = 100;
    w.settings.max_retransmit = 2;
    send_to(&w.node, &a, 1);
    clock_advance(w.timers, 1399);
    ck_assert_uint_eq(w.channel.count, 3);
    ck_assert_uint_eq(w.channel.sent[1].sent_us - w.channel.sent[0].sent_us, 200000);
    ck_assert_uint_eq(w.channel.sent[2].sent_us - w.channel.sent[1].sent_us, 400000);
    ck_assert_uint_eq(w.ended, 0);
    clock_advance(w.timers, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_SPENT);
    ck_assert_uint_eq(w.ended, 1);
}
END_TEST

START_TEST(two_endpoints_are_retransmitted_to_each_on_its_own_time)
{
    static struct sender a, b;
    send_to(&w.node, &a, 1);
    clock_advance(w.timers, 500);
    send_to(&w.other, &b, 2);
    clock_advance(w.timers, 95000);
    ck_assert_uint_eq(w.channel.count, 10);
    uint64_t last_us[2] = {0, 0}, first_us[2] = {0, 0};
    for (size_t i = 0; i < w.channel.count; i++) {
        unsigned which = w.channel.sent[i].to.port == NODE ? 0 : 1;
        uint64_t sent_us = w.channel.sent[i].sent_us;
        if (last_us[which] != 0)
            ck_assert_uint_ge(sent_us - last_us[which], 2000000);
        else
            first_us[which] = sent_us;
        last_us[which] = sent_us;
    }
    ck_assert_uint_eq(first_us[1] - first_us[0], 500000);
}
END_TEST

/* --- ACK and RST --- */

START_TEST(an_empty_ack_stops_retransmission)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    clock_advance(w.timers, 100);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    ck_assert_uint_eq(w.acknowledged, 1);
    ck_assert_ptr_eq(w.told, &a.message);
    ck_assert_int_eq(a.message.state, MESSAGE_ACKED);
    clock_advance(w.timers, 300000);
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(w.ended, 0);
    message_end(w.layer, &a.message);
    ck_assert_int_eq(a.message.state, MESSAGE_IDLE);
}
END_TEST

START_TEST(an_ack_or_rst_that_matches_nothing_is_ignored_and_counted)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    uint16_t wrong = (uint16_t)(a.message.mid + 1);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, wrong);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, wrong);
    fake_channel_deliver_empty(&w.channel, &w.other, PDU_ACK, a.message.mid);
    fake_channel_deliver_empty(&w.channel, &w.other, PDU_RST, a.message.mid);
    ck_assert_uint_eq(counters()->ignored_datagrams, 4);
    ck_assert_uint_eq(w.acknowledged + w.ended, 0);
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_int_eq(a.message.state, MESSAGE_UNACKED);
}
END_TEST

START_TEST(an_rst_ends_con_and_non_at_once)
{
    for (unsigned i = 0; i < 2; i++) {
        static struct sender a;
        w.settings.is_non_confirmable = i == 1;
        send_to(&w.node, &a, 1);
        fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, a.message.mid);
        ck_assert_uint_eq(w.ended, i + 1);
        ck_assert_int_eq(w.end, MESSAGE_END_RESET);
        ck_assert_uint_eq(counters()->resets_received, i + 1);
    }
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.channel.count, 2);
}
END_TEST

START_TEST(a_second_ack_for_the_same_message_is_ignored)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    ck_assert_uint_eq(w.acknowledged, 1);
    ck_assert_uint_eq(counters()->ignored_datagrams, 1);
}
END_TEST

START_TEST(an_ack_with_a_reserved_class_or_a_request_does_not_stop_retransmission)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    const uint8_t codes[] = {REST_CODE(7, 1), REST_CODE(6, 0), REST_CODE(1, 1), REST_GET};
    for (size_t i = 0; i < sizeof codes; i++)
        fake_channel_deliver_message(&w.channel, &w.node, PDU_ACK, a.message.mid, codes[i],
                                     &request, NULL);
    ck_assert_uint_eq(w.responses, 0);
    ck_assert_uint_eq(counters()->format_errors, 4);
    ck_assert_int_eq(a.message.state, MESSAGE_UNACKED);
    clock_advance(w.timers, 3000);
    ck_assert_uint_eq(w.channel.count, 2);
    w.ends_on_response = &a.message;
    fake_channel_deliver_message(&w.channel, &w.node, PDU_ACK, a.message.mid, REST_CODE(2, 5),
                                 &request, "x");
    ck_assert_uint_eq(w.responses, 1);
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.channel.count, 2);
    proves("STATUS-41");
}
END_TEST

START_TEST(a_piggybacked_response_that_is_refused_does_not_stop_retransmission)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    w.verdict = MESSAGE_REJECT;
    fake_channel_deliver_message(&w.channel, &w.node, PDU_ACK, a.message.mid, REST_CODE(2, 5),
                                 &request, "x");
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(counters()->unexpected_responses, 1);
    clock_advance(w.timers, 3000);
    ck_assert_uint_eq(w.channel.count, 2);
}
END_TEST

/* --- separate responses, duplicates --- */

START_TEST(an_accepted_con_response_is_acknowledged_with_its_mid)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 0x4321, REST_CODE(2, 5), &request,
                                 "x");
    ck_assert_uint_eq(w.responses, 1);
    expect_last(&w.node, PDU_ACK, 0x4321);
    ck_assert_uint_eq(fake_channel_last(&w.channel)->length, 4);
}
END_TEST

START_TEST(an_accepted_non_response_is_not_acknowledged)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, 0x4321, REST_CODE(2, 5), &request,
                                 "x");
    ck_assert_uint_eq(w.responses, 1);
    ck_assert_uint_eq(w.channel.count, 1);
}
END_TEST

START_TEST(a_non_with_the_mid_of_our_con_is_no_reply_to_it)
{
    static struct sender a, b;
    send_to(&w.node, &a, 1);
    send_to(&w.node, &b, 2);
    struct pdu request = fake_channel_read(&w.channel, 0);
    w.verdict = MESSAGE_REJECT;
    fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, a.message.mid, REST_CODE(2, 5),
                                 &request, "x");
    ck_assert_int_eq(a.message.state, MESSAGE_UNACKED);
    /* The slot is not lost either. */
    message_end(w.layer, &a.message);
    ck_assert_int_eq(b.message.state, MESSAGE_UNACKED);
}
END_TEST

START_TEST(a_duplicate_is_acknowledged_again_and_processed_once)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    fake_channel_forget(&w.channel);
    for (unsigned n = 0; n < 3; n++)
        fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request,
                                     "x");
    ck_assert_uint_eq(w.responses, 1);
    ck_assert_uint_eq(w.channel.count, 3);
    for (size_t n = 0; n < 3; n++) {
        struct pdu reply = fake_channel_read(&w.channel, n);
        ck_assert_int_eq(reply.type, PDU_ACK);
        ck_assert_uint_eq(reply.mid, 9);
    }
    ck_assert_uint_eq(counters()->duplicates, 2);
    proves("MSG-07");
}
END_TEST

START_TEST(what_is_refused_is_refused_again_and_leaves_nothing_behind)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    fake_channel_forget(&w.channel);
    message_end(w.layer, &a.message);
    w.verdict = MESSAGE_REJECT;
    for (unsigned n = 0; n < 3; n++) {
        clock_advance(w.timers, LIFETIME_MS / 4);
        fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request,
                                     "x");
        expect_last(&w.node, PDU_RST, 9);
    }
    ck_assert_uint_eq(w.channel.count, 3);
    ck_assert_uint_eq(counters()->duplicates, 0);
    /* Strangers do not keep the endpoint alive. */
    clock_advance(w.timers, LIFETIME_MS / 4 + 4);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 0);
}
END_TEST

START_TEST(a_duplicate_non_is_ignored)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    for (unsigned n = 0; n < 3; n++)
        fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, 9, REST_CODE(2, 5), &request,
                                     "x");
    ck_assert_uint_eq(w.responses, 1);
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(counters()->duplicates, 2);
}
END_TEST

START_TEST(a_mid_is_new_again_after_exchange_lifetime_or_with_another_token)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request, "x");
    clock_advance(w.timers, LIFETIME_MS - 1);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request, "x");
    ck_assert_uint_eq(w.responses, 1);
    clock_advance(w.timers, 1);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request, "x");
    ck_assert_uint_eq(w.responses, 2);
    /* A node that rebooted begins with the same MIDs. */
    request.token[7] ^= 1;
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request, "x");
    ck_assert_uint_eq(w.responses, 3);
}
END_TEST

START_TEST(the_memory_for_duplicates_is_bounded_and_keeps_the_newest)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    for (unsigned mid = 0; mid < 3000; mid++)
        fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, (uint16_t)mid, REST_CODE(2, 5),
                                     &request, "x");
    ck_assert_uint_eq(w.responses, 3000);
    for (unsigned mid = 3000 - 1024; mid < 3000; mid++)
        fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, (uint16_t)mid, REST_CODE(2, 5),
                                     &request, "x");
    ck_assert_uint_eq(w.responses, 3000);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, 3000 - 1025, REST_CODE(2, 5),
                                 &request, "x");
    ck_assert_uint_eq(w.responses, 3001);
}
END_TEST

START_TEST(unexpected_cons_are_reset_and_make_no_endpoint)
{
    struct pdu token = {.token_length = 8, .token = "nothing"};
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 77, REST_CODE(2, 5), &token, "x");
    expect_last(&w.node, PDU_RST, 77);
    /* A request: nobody is served here. */
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 78, REST_GET, &token, NULL);
    expect_last(&w.node, PDU_RST, 78);
    /* A ping (RFC 7252 4.3). */
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_CON, 79);
    expect_last(&w.node, PDU_RST, 79);
    /* A malformed one. */
    fake_channel_deliver(&w.channel, &w.node, (const uint8_t *)"\x4f\x45\x00\x50", 4);
    expect_last(&w.node, PDU_RST, 80);
    ck_assert_uint_eq(w.channel.count, 4);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 0);
    ck_assert_uint_eq(w.responses, 0);
    ck_assert_uint_eq(counters()->resets_sent, 4);
}
END_TEST

START_TEST(stray_messages_that_ask_for_no_reply_get_none)
{
    struct pdu token = {.token_length = 8, .token = "nothing"};
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, 1);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, 2);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_ACK, 3, REST_CODE(2, 5), &token, "x");
    fake_channel_deliver_message(&w.channel, &w.node, PDU_ACK, 3, REST_CODE(7, 5), &token, "x");
    fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, 4, REST_GET, &token, NULL);
    fake_channel_deliver(&w.channel, &w.node, (const uint8_t *)"\x7f\x45\x00\x50", 4);
    fake_channel_deliver(&w.channel, &w.node, (const uint8_t *)"\x5f\x45\x00\x50", 4);
    fake_channel_deliver(&w.channel, &w.node, (const uint8_t *)"\x80\x45\x00\x50", 4);
    fake_channel_deliver(&w.channel, &w.node, (const uint8_t *)"", 0);
    ck_assert_uint_eq(w.channel.count, 0);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 0);
}
END_TEST

START_TEST(resets_of_non_responses_are_limited_in_rate)
{
    struct pdu token = {.token_length = 8, .token = "nothing"};
    for (unsigned i = 0; i < 1000; i++)
        fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, (uint16_t)i, REST_CODE(2, 5),
                                     &token, "x");
    ck_assert_uint_ge(w.channel.count, 1);
    ck_assert_uint_le(w.channel.count, 51);
    size_t before = w.channel.count;
    clock_advance(w.timers, 2000);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_NON, 1000, REST_CODE(2, 5), &token, "x");
    ck_assert_uint_eq(w.channel.count, before + 1);
    expect_last(&w.node, PDU_RST, 1000);
    ck_assert_uint_eq(counters()->unexpected_responses, 1001);
}
END_TEST

START_TEST(a_hundred_thousand_random_datagrams_leave_the_pending_message_alone)
{
    struct random_sequence sequence;
    static struct sender a;
    random_sequence_init(&sequence, 9);
    struct random_source random = random_sequence_source(&sequence);
    send_to(&w.node, &a, 1);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    struct pdu request = fake_channel_read(&w.channel, 0);
    w.verdict = MESSAGE_REJECT;
    for (unsigned i = 0; i < 100000; i++) {
        uint8_t bytes[64];
        size_t length = random_below(&random, sizeof bytes);
        random_bytes(&random, bytes, length);
        if (length > 0 && (i & 3) != 0)
            bytes[0] = (uint8_t)(0x40 | (bytes[0] & 0x3f));
        fake_channel_deliver(&w.channel, i & 1 ? &w.node : &w.other, bytes, length);
        fake_channel_forget(&w.channel);
    }
    ck_assert_int_eq(a.message.state, MESSAGE_ACKED);
    ck_assert_uint_eq(w.ended, 0);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 1);
    w.verdict = MESSAGE_ACCEPT;
    unsigned before = w.responses;
    request.token[0] = 1;
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 1, REST_CODE(2, 5), &request, "x");
    ck_assert_uint_eq(w.responses, before + 1);
    proves("MSG-09");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("message_layer");
    TCase *tests = tcase_create("message_layer");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, message_setup, message_teardown);
    tcase_add_test(tests, a_silent_node_gets_five_equal_transmissions_with_doubled_gaps);
    tcase_add_test(tests, first_timeouts_are_spread_over_the_random_range);
    tcase_add_test(tests, a_late_timer_skips_transmissions_beyond_max_transmit_span);
    tcase_add_test(tests, a_late_timer_keeps_the_minimum_spacing);
    tcase_add_test(tests, settings_of_the_message_rule_its_retransmission);
    tcase_add_test(tests, two_endpoints_are_retransmitted_to_each_on_its_own_time);
    tcase_add_test(tests, an_empty_ack_stops_retransmission);
    tcase_add_test(tests, an_ack_or_rst_that_matches_nothing_is_ignored_and_counted);
    tcase_add_test(tests, an_rst_ends_con_and_non_at_once);
    tcase_add_test(tests, a_second_ack_for_the_same_message_is_ignored);
    tcase_add_test(tests, an_ack_with_a_reserved_class_or_a_request_does_not_stop_retransmission);
    tcase_add_test(tests, a_piggybacked_response_that_is_refused_does_not_stop_retransmission);
    tcase_add_test(tests, an_accepted_con_response_is_acknowledged_with_its_mid);
    tcase_add_test(tests, an_accepted_non_response_is_not_acknowledged);
    tcase_add_test(tests, a_non_with_the_mid_of_our_con_is_no_reply_to_it);
    tcase_add_test(tests, a_duplicate_is_acknowledged_again_and_processed_once);
    tcase_add_test(tests, what_is_refused_is_refused_again_and_leaves_nothing_behind);
    tcase_add_test(tests, a_duplicate_non_is_ignored);
    tcase_add_test(tests, a_mid_is_new_again_after_exchange_lifetime_or_with_another_token);
    tcase_add_test(tests, the_memory_for_duplicates_is_bounded_and_keeps_the_newest);
    tcase_add_test(tests, unexpected_cons_are_reset_and_make_no_endpoint);
    tcase_add_test(tests, stray_messages_that_ask_for_no_reply_get_none);
    tcase_add_test(tests, resets_of_non_responses_are_limited_in_rate);
    tcase_add_test(tests, a_hundred_thousand_random_datagrams_leave_the_pending_message_alone);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
