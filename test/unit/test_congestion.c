/* SPDX-License-Identifier: BSD-2-Clause */
#include "message_layer.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "message_fixture.h"
#include "proves.h"

/*
 * Tests of when a message may leave: turns of clients (CONG-06), the limit of what is outstanding
 * in all (CONG-04), who gives way in a full queue, and how long one would have to wait (CONG-05).
 */

enum { MESSAGES = 100 };

static struct sender s[MESSAGES];

/* Sends messages tagged `first` and so on for a client. */
static void send_many(uint64_t client, unsigned first, unsigned count)
{
    w.client = client;
    for (unsigned i = first; i < first + count; i++)
        ck_assert_int_eq(send_to(&w.node, &s[i], (uint8_t)i), MESSAGE_TAKEN);
}

/* The tag of the latest message on the wire, which is answered after `ms`. */
static unsigned serve(uint64_t ms)
{
    struct pdu pdu = fake_channel_read(&w.channel, w.channel.count - 1);
    unsigned tag = pdu.token[0];

    ck_assert_int_eq(s[tag].message.state, MESSAGE_UNACKED);
    clock_advance(w.timers, ms);
    message_end(w.layer, &s[tag].message);
    return tag;
}

/* --- turns --- */

START_TEST(a_client_with_one_request_is_served_second_behind_one_with_fifty)
{
    send_many(1, 0, 50);
    send_many(2, 90, 1);
    ck_assert_uint_eq(serve(10), 0);
    ck_assert_uint_eq(serve(10), 90);
    for (unsigned i = 1; i < 50; i++)
        ck_assert_uint_eq(serve(10), i);
    ck_assert_uint_eq(w.channel.count, 51);
    ck_assert_uint_eq(message_layer_outstanding(w.layer), 0);
    ck_assert_uint_eq(message_layer_queued(w.layer), 0);
    proves("CONG-06");
}
END_TEST

START_TEST(clients_take_turns_whatever_each_has_waiting)
{
    static const unsigned order[] = {0, 20, 30, 1, 21, 31, 2, 22, 3, 4};
    send_many(1, 0, 5);
    send_many(2, 20, 3);
    send_many(3, 30, 2);
    for (unsigned i = 0; i < sizeof order / sizeof order[0]; i++)
        ck_assert_uint_eq(serve(10), order[i]);
}
END_TEST

START_TEST(a_client_that_asks_one_by_one_gets_every_other_turn)
{
    send_many(1, 0, 10);
    for (unsigned i = 0; i < 5; i++) {
        send_many(2, 50 + i, 1);
        ck_assert_uint_eq(serve(10), i);
        ck_assert_uint_eq(serve(10), 50 + i);
    }
}
END_TEST

START_TEST(who_leaves_the_queue_uses_up_no_turn)
{
    send_many(1, 0, 3);
    send_many(2, 20, 2);
    message_end(w.layer, &s[20].message);
    ck_assert_uint_eq(serve(10), 0);
    ck_assert_uint_eq(serve(10), 21);
    ck_assert_uint_eq(serve(10), 1);
}
END_TEST

START_TEST(the_next_block_of_a_transfer_goes_before_what_its_client_has_waiting)
{
    send_many(1, 0, 4);
    send_many(2, 20, 2);
    w.is_continuation = true;
    send_many(1, 9, 1);
    ck_assert_uint_eq(serve(10), 0);
    ck_assert_uint_eq(serve(10), 20); /* but not before others */
    ck_assert_uint_eq(serve(10), 9);
    ck_assert_uint_eq(serve(10), 21);
    ck_assert_uint_eq(serve(10), 1);
}
END_TEST

START_TEST(transfers_of_one_client_take_turns_with_their_blocks)
{
    /* Whose block was answered gives the next one; it stands behind those of the others. */
    w.client = 1;
    ck_assert_int_eq(send_to(&w.node, &s[0], 0), MESSAGE_TAKEN);
    w.is_continuation = true;
    send_many(1, 1, 2);
    w.is_continuation = false;
    send_many(1, 50, 1);
    w.is_continuation = true;
    for (unsigned i = 0; i < 9; i++) {
        ck_assert_uint_eq(serve(10), i);
        send_many(1, i + 3, 1);
    }
    for (unsigned i = 9; i < 12; i++)
        ck_assert_uint_eq(serve(10), i);
    ck_assert_uint_eq(serve(10), 50);
}
END_TEST

START_TEST(a_block_that_leaves_the_queue_keeps_the_order_of_the_others)
{
    w.client = 1;
    ck_assert_int_eq(send_to(&w.node, &s[0], 0), MESSAGE_TAKEN);
    send_many(1, 50, 1);
    w.is_continuation = true;
    send_many(1, 1, 3);
    message_end(w.layer, &s[3].message);
    send_many(1, 4, 1);
    message_end(w.layer, &s[1].message);
    ck_assert_uint_eq(serve(10), 0);
    ck_assert_uint_eq(serve(10), 2);
    ck_assert_uint_eq(serve(10), 4);
    send_many(1, 5, 1);
    ck_assert_uint_eq(serve(10), 50);
    ck_assert_uint_eq(serve(10), 5);
}
END_TEST

/* --- a full queue --- */

START_TEST(in_a_full_queue_the_newest_of_the_client_with_most_gives_way)
{
    w.settings.queue_per_node = 4;
    send_many(1, 0, 5);
    w.client = 1;
    ck_assert_int_eq(send_to(&w.node, &s[5], 5), MESSAGE_QUEUE_FULL);
    send_many(2, 20, 1);
    ck_assert_int_eq(s[4].message.state, MESSAGE_DISPLACED);
    ck_assert_uint_eq(w.ended, 0); /* never from inside */
    clock_advance(w.timers, 0);
    ck_assert_uint_eq(w.ended, 1);
    ck_assert_ptr_eq(w.told, &s[4].message);
    ck_assert_int_eq(w.end, MESSAGE_END_DISPLACED);
    /* Two and two: now nobody has more. */
    send_many(2, 21, 1);
    clock_advance(w.timers, 0);
    ck_assert_uint_eq(w.ended, 2);
    w.client = 2;
    ck_assert_int_eq(send_to(&w.node, &s[22], 22), MESSAGE_QUEUE_FULL);
    ck_assert_uint_eq(endpoint_queue_length(s[0].message.endpoint), 4);
    w.client = 3;
    ck_assert_int_eq(send_to(&w.node, &s[30], 30), MESSAGE_TAKEN);
    ck_assert_uint_eq(endpoint_queue_length(s[0].message.endpoint), 4);
    proves("CONG-04");
}
END_TEST

START_TEST(a_displaced_message_may_be_ended_before_it_is_told)
{
    w.settings.queue_per_node = 2;
    send_many(1, 0, 3);
    send_many(2, 20, 1);
    ck_assert_int_eq(s[2].message.state, MESSAGE_DISPLACED);
    message_end(w.layer, &s[2].message);
    ck_assert_int_eq(s[2].message.state, MESSAGE_IDLE);
    clock_advance(w.timers, 1);
    ck_assert_uint_eq(w.ended, 0);
}
END_TEST

START_TEST(a_transfer_that_began_is_not_refused_for_a_full_queue)
{
    w.settings.queue_per_node = 2;
    send_many(1, 0, 3);
    w.is_continuation = true;
    send_many(2, 20, 1);
    ck_assert_int_eq(s[2].message.state, MESSAGE_QUEUED);
    ck_assert_uint_eq(endpoint_queue_length(s[0].message.endpoint), 3);
}
END_TEST

/* --- outstanding in all --- */

START_TEST(nodes_wait_in_one_line_for_what_is_outstanding_in_all)
{
    static struct sender a[4], b[4];
    message_layer_set_maximum(w.layer, 2);
    for (uint8_t i = 0; i < 3; i++)
        ck_assert_int_eq(send_to(&w.node, &a[i], i), MESSAGE_TAKEN);
    for (uint8_t i = 0; i < 3; i++)
        ck_assert_int_eq(send_to(&w.other, &b[i], 10 + i), MESSAGE_TAKEN);
    ck_assert_uint_eq(message_layer_outstanding(w.layer), 2);
    /* An acknowledged request is outstanding still: the node's slot is free, and yet nobody goes.
     */
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a[0].message.mid);
    fake_channel_deliver_empty(&w.channel, &w.other, PDU_ACK, b[0].message.mid);
    ck_assert_uint_eq(w.channel.count, 2);
    ck_assert_uint_eq(message_layer_outstanding(w.layer), 2);
    ck_assert_uint_eq(message_layer_queued(w.layer), 4);
    message_end(w.layer, &b[0].message);
    ck_assert_int_eq(a[1].message.state, MESSAGE_UNACKED);
    message_end(w.layer, &a[0].message);
    ck_assert_int_eq(b[1].message.state, MESSAGE_UNACKED);
    message_end(w.layer, &a[1].message);
    message_end(w.layer, &b[1].message);
    ck_assert_int_eq(a[2].message.state, MESSAGE_UNACKED);
    ck_assert_int_eq(b[2].message.state, MESSAGE_UNACKED);
    proves("CONG-04");
}
END_TEST

START_TEST(a_node_that_only_acknowledges_does_not_hold_up_the_others)
{
    enum { SHARE = 100 };
    static struct sender a[SHARE + 2], b;
    message_layer_set_maximum(w.layer, 4 * SHARE);
    w.settings.queue_per_node = 4;
    for (uint8_t i = 0; i < SHARE; i++) {
        ck_assert_int_eq(send_to(&w.node, &a[i], i), MESSAGE_TAKEN);
        fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, a[i].message.mid);
    }
    for (uint8_t i = SHARE; i < SHARE + 2; i++) {
        ck_assert_int_eq(send_to(&w.node, &a[i], i), MESSAGE_TAKEN);
        ck_assert_int_eq(a[i].message.state, MESSAGE_QUEUED);
    }
    ck_assert_int_eq(send_to(&w.other, &b, 1), MESSAGE_TAKEN);
    ck_assert_int_eq(b.message.state, MESSAGE_UNACKED);
    message_end(w.layer, &a[7].message);
    ck_assert_int_eq(a[SHARE].message.state, MESSAGE_UNACKED);
    ck_assert_int_eq(a[SHARE + 1].message.state, MESSAGE_QUEUED);
    for (uint8_t i = 0; i < SHARE + 2; i++)
        message_end(w.layer, &a[i].message);
    message_end(w.layer, &b.message);
    ck_assert_uint_eq(message_layer_outstanding(w.layer), 0);
}
END_TEST

START_TEST(a_client_that_does_not_wait_for_answers_leaves_room_for_the_others)
{
    enum { SHARE = 100 };
    static struct sender a[SHARE + 1], b;
    message_layer_set_maximum(w.layer, 2 * SHARE);
    w.client = 1;
    for (uint8_t i = 0; i < SHARE; i++) {
        const struct endpoint_address *node = i % 2 == 0 ? &w.node : &w.other;
        ck_assert_int_eq(send_to(node, &a[i], i), MESSAGE_TAKEN);
        fake_channel_deliver_empty(&w.channel, node, PDU_ACK, a[i].message.mid);
    }
    ck_assert_int_eq(send_to(&w.node, &a[SHARE], SHARE), MESSAGE_CLIENT_FULL);
    ck_assert_int_eq(a[SHARE].message.state, MESSAGE_IDLE);
    /* What was begun goes on, and the others have their turns. */
    w.is_continuation = true;
    ck_assert_int_eq(send_to(&w.node, &a[SHARE], SHARE), MESSAGE_TAKEN);
    message_end(w.layer, &a[SHARE].message);
    w.is_continuation = false;
    w.client = 2;
    ck_assert_int_eq(send_to(&w.other, &b, 1), MESSAGE_TAKEN);
    ck_assert_int_eq(b.message.state, MESSAGE_UNACKED);
    w.client = 1;
    message_end(w.layer, &a[7].message);
    ck_assert_int_eq(send_to(&w.node, &a[7], 7), MESSAGE_TAKEN);
    ck_assert_int_eq(a[7].message.state, MESSAGE_UNACKED);
    for (uint8_t i = 0; i < SHARE; i++)
        message_end(w.layer, &a[i].message);
    message_end(w.layer, &b.message);
    ck_assert_uint_eq(message_layer_outstanding(w.layer), 0);
}
END_TEST

START_TEST(a_node_that_left_the_line_holds_nobody_up)
{
    static struct sender a[2], b[2];
    message_layer_set_maximum(w.layer, 1);
    send_to(&w.node, &a[0], 1);
    send_to(&w.other, &b[0], 2);
    send_to(&w.node, &a[1], 3);
    message_end(w.layer, &b[0].message);
    ck_assert_int_eq(b[0].message.state, MESSAGE_IDLE);
    message_end(w.layer, &a[0].message);
    ck_assert_int_eq(a[1].message.state, MESSAGE_UNACKED);
    ck_assert_uint_eq(w.channel.count, 2);
    message_end(w.layer, &a[1].message);
    ck_assert_uint_eq(message_layer_outstanding(w.layer), 0);
}
END_TEST

/* --- how long --- */

START_TEST(the_wait_is_told_from_the_queue_and_recent_answers)
{
    send_many(1, 0, 1);
    struct endpoint *endpoint = s[0].message.endpoint;
    ck_assert_uint_eq(message_layer_wait_us(w.layer, endpoint), 0);
    /* Nothing answered yet: as long as the first one has taken so far. */
    clock_advance(w.timers, 1000);
    ck_assert_uint_eq(message_layer_wait_us(w.layer, endpoint), 1000000);
    serve(1000);
    send_many(1, 1, 4);
    ck_assert_uint_eq(message_layer_wait_us(w.layer, endpoint), 4 * 2000000);
    clock_advance(w.timers, 5000);
    ck_assert_uint_eq(message_layer_wait_us(w.layer, endpoint), 4 * 5000000);
    proves("CONG-05");
}
END_TEST

START_TEST(the_wait_for_what_is_outstanding_in_all_counts_too)
{
    send_many(1, 0, 1);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, s[0].message.mid);
    clock_advance(w.timers, 30000);
    message_end(w.layer, &s[0].message);
    message_layer_set_maximum(w.layer, 2);
    for (unsigned i = 1; i < 3; i++) {
        send_many(1, i, 1);
        fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, s[i].message.mid);
    }
    send_many(1, 3, 3);
    ck_assert_uint_eq(message_layer_wait_us(w.layer, s[0].message.endpoint), 60000000);
    proves("CONG-05");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("congestion");
    TCase *tests = tcase_create("congestion");
    tcase_add_checked_fixture(tests, message_setup, message_teardown);
    tcase_add_test(tests, a_client_with_one_request_is_served_second_behind_one_with_fifty);
    tcase_add_test(tests, clients_take_turns_whatever_each_has_waiting);
    tcase_add_test(tests, a_client_that_asks_one_by_one_gets_every_other_turn);
    tcase_add_test(tests, who_leaves_the_queue_uses_up_no_turn);
    tcase_add_test(tests, the_next_block_of_a_transfer_goes_before_what_its_client_has_waiting);
    tcase_add_test(tests, transfers_of_one_client_take_turns_with_their_blocks);
    tcase_add_test(tests, a_block_that_leaves_the_queue_keeps_the_order_of_the_others);
    tcase_add_test(tests, in_a_full_queue_the_newest_of_the_client_with_most_gives_way);
    tcase_add_test(tests, a_displaced_message_may_be_ended_before_it_is_told);
    tcase_add_test(tests, a_transfer_that_began_is_not_refused_for_a_full_queue);
    tcase_add_test(tests, nodes_wait_in_one_line_for_what_is_outstanding_in_all);
    tcase_add_test(tests, a_node_that_only_acknowledges_does_not_hold_up_the_others);
    tcase_add_test(tests, a_client_that_does_not_wait_for_answers_leaves_room_for_the_others);
    tcase_add_test(tests, a_node_that_left_the_line_holds_nobody_up);
    tcase_add_test(tests, the_wait_is_told_from_the_queue_and_recent_answers);
    tcase_add_test(tests, the_wait_for_what_is_outstanding_in_all_counts_too);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
