/* SPDX-License-Identifier: BSD-2-Clause */
#include "message_layer.h"

#include <check.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "message_fixture.h"
#include "proves.h"

/*
 * Tests of what the message layer keeps for each endpoint: slots (NSTART, RFC 7252 4.7), queue,
 * message IDs (4.4), its life, and which errors of the network concern it (4.2).
 */

enum { MESSAGES = 70000 };

/* --- NSTART, queue --- */

START_TEST(one_message_at_a_time_goes_to_a_node_in_order)
{
    static struct sender s[10];
    for (uint8_t i = 0; i < 10; i++)
        ck_assert_int_eq(send_to(&w.node, &s[i], i), 0);
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(endpoint_queue_length(s[0].message.endpoint), 9);
    for (uint8_t i = 0; i < 10; i++) {
        ck_assert_uint_eq(w.channel.count, i + 1U);
        ck_assert_uint_eq(fake_channel_read(&w.channel, i).token[0], i);
        clock_advance(w.timers, 1000);
        message_end(w.layer, &s[i].message);
    }
    ck_assert_uint_eq(w.channel.count, 10);
    proves("CONG-01");
}
END_TEST

START_TEST(another_node_does_not_wait)
{
    static struct sender a, b;
    send_to(&w.node, &a, 1);
    send_to(&w.other, &b, 2);
    ck_assert_uint_eq(w.channel.count, 2);
}
END_TEST

START_TEST(an_empty_ack_frees_the_slot)
{
    static struct sender a, b;
    send_to(&w.node, &a, 1);
    send_to(&w.node, &b, 2);
    ck_assert_int_eq(b.message.state, MESSAGE_QUEUED);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    ck_assert_int_eq(b.message.state, MESSAGE_UNACKED);
    ck_assert_uint_eq(w.channel.count, 2);
    proves("CONG-02");
}
END_TEST

START_TEST(every_way_to_end_frees_the_slot)
{
    static struct sender s[6];
    for (uint8_t i = 0; i < 6; i++)
        send_to(&w.node, &s[i], i);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, s[0].message.mid);
    ck_assert_int_eq(s[1].message.state, MESSAGE_UNACKED);
    message_end(w.layer, &s[2].message); /* in the queue */
    message_end(w.layer, &s[1].message); /* on its way */
    ck_assert_int_eq(s[3].message.state, MESSAGE_UNACKED);
    while (s[3].message.state != MESSAGE_IDLE) /* spent */
        clock_advance(w.timers, 100);
    ck_assert_int_eq(s[4].message.state, MESSAGE_UNACKED);
    w.channel.core.undeliverable(w.channel.core.handle, &w.node, s[4].datagram, s[4].message.length,
                                 ECONNREFUSED, 0);
    ck_assert_int_eq(s[5].message.state, MESSAGE_UNACKED);
    message_end(w.layer, &s[5].message);
    message_end(w.layer, &s[5].message);
    ck_assert_uint_eq(w.channel.count, 5 + 4);
}
END_TEST

START_TEST(nstart_of_the_settings_is_kept)
{
    static struct sender s[8];
    w.settings.nstart = 3;
    for (uint8_t i = 0; i < 8; i++)
        send_to(&w.node, &s[i], i);
    ck_assert_uint_eq(w.channel.count, 3);
    message_end(w.layer, &s[1].message);
    ck_assert_uint_eq(w.channel.count, 4);
    ck_assert_int_eq(s[3].message.state, MESSAGE_UNACKED);
}
END_TEST

START_TEST(a_full_queue_refuses)
{
    static struct sender s[5];
    w.settings.queue_per_node = 3;
    for (uint8_t i = 0; i < 4; i++)
        ck_assert_int_eq(send_to(&w.node, &s[i], i), 0);
    ck_assert_int_eq(send_to(&w.node, &s[4], 4), -1);
    ck_assert_int_eq(s[4].message.state, MESSAGE_IDLE);
    message_end(w.layer, &s[0].message);
    ck_assert_int_eq(send_to(&w.node, &s[4], 4), 0);
}
END_TEST

START_TEST(a_released_non_gives_its_slot_but_takes_an_rst)
{
    static struct sender a, b;
    w.settings.is_non_confirmable = true;
    send_to(&w.node, &a, 1);
    send_to(&w.node, &b, 2);
    ck_assert_int_eq(fake_channel_read(&w.channel, 0).type, PDU_NON);
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.channel.count, 1);
    message_release(w.layer, &a.message);
    message_release(w.layer, &a.message);
    ck_assert_uint_eq(w.channel.count, 2);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, a.message.mid);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_ptr_eq(w.told, &a.message);
    ck_assert_int_eq(b.message.state, MESSAGE_NON_SENT);
}
END_TEST

/* --- message IDs --- */

START_TEST(mids_are_not_reused_within_exchange_lifetime_and_requests_wait)
{
    static uint64_t last_us[65536];
    struct sender *a = malloc(sizeof *a);
    unsigned sent = 0, waited = 0;

    ck_assert_ptr_nonnull(a);
    memset(last_us, 0, sizeof last_us);
    while (sent < MESSAGES) {
        ck_assert_int_eq(send_to(&w.node, a, 1), 0);
        while (a->message.state == MESSAGE_QUEUED) {
            clock_advance(w.timers, 1000);
            waited++;
        }
        uint16_t mid = a->message.mid;
        if (last_us[mid] != 0)
            ck_assert_uint_ge(a->message.first_sent_us - last_us[mid],
                              (uint64_t)LIFETIME_MS * 1000);
        last_us[mid] = a->message.first_sent_us;
        message_end(w.layer, &a->message);
        fake_channel_forget(&w.channel);
        sent++;
        if (sent % 1000 == 0)
            clock_advance(w.timers, 1);
    }
    /* 61,440 to 65,536 go out at once, the rest after the lifetime. */
    ck_assert_uint_ge(waited, 240);
    ck_assert_uint_le(waited, 250);
    free(a);
}
END_TEST

START_TEST(mids_count_up_from_a_random_start)
{
    uint16_t starts[2];
    for (unsigned n = 0; n < 2; n++) {
        static struct sender a;
        message_teardown();
        message_setup_with_seed(100 + n);
        send_to(&w.node, &a, 1);
        starts[n] = a.message.mid;
        for (unsigned i = 1; i < 1000; i++) {
            message_end(w.layer, &a.message);
            send_to(&w.node, &a, 1);
            ck_assert_uint_eq(a.message.mid, (uint16_t)(starts[n] + i));
        }
    }
    ck_assert_uint_ne(starts[0], starts[1]);
    proves("MSG-04");
}
END_TEST

START_TEST(endpoints_count_their_mids_apart)
{
    static struct sender a, b;
    send_to(&w.node, &a, 1);
    uint16_t first = a.message.mid;
    send_to(&w.other, &b, 2);
    message_end(w.layer, &a.message);
    send_to(&w.node, &a, 1);
    ck_assert_uint_eq(a.message.mid, (uint16_t)(first + 1));
}
END_TEST

START_TEST(longer_settings_make_a_longer_lifetime)
{
    ck_assert_uint_eq(message_exchange_lifetime_us(&w.settings), 247000000);
    ck_assert_uint_eq(message_transmit_span_us(&w.settings), 45000000);
    ck_assert_uint_eq(message_transmit_wait_us(&w.settings), 93000000);
    w.settings.ack_timeout_ms = 200;
    ck_assert_uint_eq(message_exchange_lifetime_us(&w.settings), 247000000);
    w.settings.ack_timeout_ms = 10000;
    ck_assert_uint_eq(message_exchange_lifetime_us(&w.settings), 225000000 + 210000000);
}
END_TEST

/* --- endpoints --- */

START_TEST(an_idle_endpoint_is_dropped_after_exchange_lifetime_and_no_timer_is_left)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    clock_advance(w.timers, 100);
    message_end(w.layer, &a.message);
    clock_advance(w.timers, LIFETIME_MS - 101);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 1);
    clock_advance(w.timers, 1);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 0);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
}
END_TEST

START_TEST(an_endpoint_lives_as_long_as_a_message_or_a_copy_may_come)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    struct pdu request = fake_channel_read(&w.channel, 0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    uint64_t id = endpoint_id(a.message.endpoint);
    clock_advance(w.timers, 1000000);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 1);
    w.ends_on_response = &a.message;
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request, "x");
    clock_advance(w.timers, LIFETIME_MS - 1);
    fake_channel_deliver_message(&w.channel, &w.node, PDU_CON, 9, REST_CODE(2, 5), &request, "x");
    ck_assert_uint_eq(w.responses, 1);
    expect_last(&w.node, PDU_ACK, 9);
    clock_advance(w.timers, LIFETIME_MS);
    ck_assert_uint_eq(message_layer_endpoint_count(w.layer), 0);
    send_to(&w.node, &a, 1);
    ck_assert_uint_ne(endpoint_id(a.message.endpoint), id);
}
END_TEST

START_TEST(the_number_of_endpoints_is_limited)
{
    for (uint16_t i = 0; i < 16; i++) {
        struct endpoint_address address = fake_address((uint16_t)(1000 + i));
        ck_assert_ptr_nonnull(message_layer_endpoint(w.layer, &address));
    }
    ck_assert_ptr_null(message_layer_endpoint(w.layer, &w.node));
    clock_advance(w.timers, LIFETIME_MS);
    ck_assert_ptr_nonnull(message_layer_endpoint(w.layer, &w.node));
}
END_TEST

START_TEST(freeing_the_layer_leaves_messages_idle)
{
    static struct sender s[4];
    w.settings.nstart = 2;
    for (uint8_t i = 0; i < 4; i++)
        send_to(&w.node, &s[i], i);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, s[0].message.mid);
    message_layer_free(w.layer);
    w.layer = NULL;
    for (unsigned i = 0; i < 4; i++)
        ck_assert_int_eq(s[i].message.state, MESSAGE_IDLE);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
    ck_assert_uint_eq(w.ended, 0);
}
END_TEST

/* --- errors of the network --- */

static void give_back(const struct endpoint_address *to, const uint8_t *bytes, size_t length,
                      int error, int is_local)
{
    w.channel.core.undeliverable(w.channel.core.handle, to, bytes, length, error, is_local);
}

START_TEST(an_icmp_error_counts_only_with_mid_and_token_of_a_message_to_that_endpoint)
{
    static struct sender a, b;
    uint8_t copy[64];
    send_to(&w.node, &a, 1);
    send_to(&w.other, &b, 2);
    size_t length = a.message.length;
    memcpy(copy, a.datagram, length);

    give_back(&w.other, copy, length, ECONNREFUSED, 0); /* another endpoint */
    copy[11] ^= 1;
    give_back(&w.node, copy, length, ECONNREFUSED, 0); /* wrong token */
    copy[11] ^= 1;
    copy[3] ^= 1;
    give_back(&w.node, copy, length, ECONNREFUSED, 0); /* wrong MID */
    copy[3] ^= 1;
    give_back(&w.node, copy, 11, ECONNREFUSED, 0); /* token cut */
    give_back(&w.node, copy, 0, ECONNREFUSED, 0);  /* nothing */
    ck_assert_uint_eq(w.ended, 0);
    ck_assert_uint_eq(w.hints, 5);
    give_back(&w.node, copy, length, EMSGSIZE, 0); /* RFC 7252 4.2: ignored */
    ck_assert_uint_eq(w.hints, 5);

    give_back(&w.node, copy, length, ECONNREFUSED, 0);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_UNREACHABLE);
    ck_assert_ptr_eq(w.told, &a.message);
    /* Again: the message is forgotten, only a hint is left. */
    give_back(&w.node, copy, length, ECONNREFUSED, 0);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_uint_eq(w.hints, 6);
    /* An address nobody asked. */
    struct endpoint_address stranger = fake_address(9);
    give_back(&stranger, copy, length, ECONNREFUSED, 0);
    ck_assert_uint_eq(w.hints, 6);
}
END_TEST

START_TEST(an_icmp_error_for_an_acknowledged_request_is_a_hint)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a.message.mid);
    give_back(&w.node, a.datagram, a.message.length, ECONNREFUSED, 0);
    ck_assert_uint_eq(w.ended, 0);
    ck_assert_uint_eq(w.hints, 1);
}
END_TEST

START_TEST(a_local_error_without_the_datagram_ends_the_only_message)
{
    static struct sender a, b;
    w.settings.nstart = 2;
    send_to(&w.node, &a, 1);
    send_to(&w.node, &b, 2);
    give_back(&w.node, NULL, 0, EMSGSIZE, 1);
    ck_assert_uint_eq(w.ended, 0);
    ck_assert_uint_eq(w.hints, 1);
    message_end(w.layer, &b.message);
    give_back(&w.node, NULL, 0, EMSGSIZE, 1);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_TOO_LONG);
}
END_TEST

START_TEST(a_refused_destination_is_told_in_a_later_turn)
{
    static struct sender a, b;
    w.channel.result = CHANNEL_UNREACHABLE;
    ck_assert_int_eq(send_to(&w.node, &a, 1), 0);
    ck_assert_int_eq(a.message.state, MESSAGE_UNACKED);
    ck_assert_uint_eq(w.ended, 0);
    send_to(&w.node, &b, 2);
    w.channel.result = CHANNEL_SENT;
    clock_advance(w.timers, 0);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_UNREACHABLE);
    ck_assert_ptr_eq(w.told, &a.message);
    ck_assert_int_eq(b.message.state, MESSAGE_UNACKED);
    ck_assert_uint_eq(w.channel.count, 1);
}
END_TEST

START_TEST(a_refused_length_is_told_in_a_later_turn)
{
    static struct sender a;
    w.channel.result = CHANNEL_TOO_LONG;
    ck_assert_int_eq(send_to(&w.node, &a, 1), 0);
    ck_assert_uint_eq(w.ended, 0);
    clock_advance(w.timers, 0);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_TOO_LONG);
}
END_TEST

START_TEST(a_refused_retransmission_ends_the_message)
{
    static struct sender a;
    send_to(&w.node, &a, 1);
    w.channel.result = CHANNEL_UNREACHABLE;
    clock_advance(w.timers, 3000);
    ck_assert_uint_eq(w.channel.refused, 1);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_int_eq(w.end, MESSAGE_END_UNREACHABLE);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("endpoint");
    TCase *tests = tcase_create("endpoint");

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, message_setup, message_teardown);
    tcase_add_test(tests, one_message_at_a_time_goes_to_a_node_in_order);
    tcase_add_test(tests, another_node_does_not_wait);
    tcase_add_test(tests, an_empty_ack_frees_the_slot);
    tcase_add_test(tests, every_way_to_end_frees_the_slot);
    tcase_add_test(tests, nstart_of_the_settings_is_kept);
    tcase_add_test(tests, a_full_queue_refuses);
    tcase_add_test(tests, a_released_non_gives_its_slot_but_takes_an_rst);
    tcase_add_test(tests, mids_are_not_reused_within_exchange_lifetime_and_requests_wait);
    tcase_add_test(tests, mids_count_up_from_a_random_start);
    tcase_add_test(tests, endpoints_count_their_mids_apart);
    tcase_add_test(tests, longer_settings_make_a_longer_lifetime);
    tcase_add_test(tests, an_idle_endpoint_is_dropped_after_exchange_lifetime_and_no_timer_is_left);
    tcase_add_test(tests, an_endpoint_lives_as_long_as_a_message_or_a_copy_may_come);
    tcase_add_test(tests, the_number_of_endpoints_is_limited);
    tcase_add_test(tests, freeing_the_layer_leaves_messages_idle);
    tcase_add_test(tests,
                   an_icmp_error_counts_only_with_mid_and_token_of_a_message_to_that_endpoint);
    tcase_add_test(tests, an_icmp_error_for_an_acknowledged_request_is_a_hint);
    tcase_add_test(tests, a_local_error_without_the_datagram_ends_the_only_message);
    tcase_add_test(tests, a_refused_destination_is_told_in_a_later_turn);
    tcase_add_test(tests, a_refused_length_is_told_in_a_later_turn);
    tcase_add_test(tests, a_refused_retransmission_ends_the_message);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
