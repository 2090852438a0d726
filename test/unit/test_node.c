/* SPDX-License-Identifier: BSD-2-Clause */
#include "node.h"

/*
 * test_node: the life of nodes on the test clock: what makes one unreachable, when it is asked for
 * a sign of life, what brings it back, and that the table stays bounded.
 */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "fakes.h"
#include "proves.h"
#include "random_source.h"
#include "request_layer.h"
#include "timers.h"

enum { SECOND = 1000, MAXIMUM = 50, PINGS_MAX = 64 };

static struct {
    struct timers *timers;
    struct random_sequence sequence;
    struct node_table *table;
    unsigned pings;
    uint64_t pinged_us[PINGS_MAX];
    unsigned changes;
    enum node_state before;
} w;

static void take_ping(void *handle, const struct endpoint_address *address)
{
    ck_assert_ptr_eq(handle, &w);
    ck_assert_uint_eq(address->port, 1);
    ck_assert_uint_lt(w.pings, PINGS_MAX);
    w.pinged_us[w.pings++] = timers_now_us(w.timers);
}

static void take_change(void *handle, const struct node *node, enum node_state before)
{
    ck_assert_ptr_eq(handle, &w);
    ck_assert_int_ne(node_state_of(node), before);
    w.before = before;
    w.changes++;
}

static void set_up(void)
{
    static const struct node_events events = {
        .ping = take_ping, .changed = take_change, .handle = &w};
    struct random_source random;

    memset(&w, 0, sizeof w);
    w.timers = timers_new();
    timers_set_now_us(w.timers, 1000000);
    random_sequence_init(&w.sequence, 1);
    random = random_sequence_source(&w.sequence);
    w.table = node_table_new(w.timers, &random, MAXIMUM, &events);
    ck_assert_ptr_nonnull(w.table);
}

static void tear_down(void)
{
    node_table_free(w.table);
    timers_free(w.timers);
}

static struct endpoint_address at(uint16_t port)
{
    return (struct endpoint_address){.bytes = {127, 0, 0, 1}, .port = port, .family = 4};
}

static struct node *acquire(uint16_t port)
{
    struct endpoint_address address = at(port);
    struct node *node = node_acquire(w.table, &address);

    ck_assert_ptr_nonnull(node);
    return node;
}

static void hear(uint16_t port)
{
    struct endpoint_address address = at(port);

    node_table_heard(w.table, &address);
}

/* A client asks for the node once every 100 ms. */
static void want_for(struct node *node, unsigned seconds)
{
    uint64_t retry_us;

    for (unsigned i = 0; i < seconds * 10; i++) {
        ck_assert(node_refuses(node, &retry_us));
        clock_advance(w.timers, 100);
    }
}

START_TEST(a_node_is_an_address_with_port_and_scheme)
{
    struct endpoint_address secure = at(1);
    struct node *node = acquire(1), *again = acquire(1), *other = acquire(2);

    secure.is_secure = 1;
    struct node *behind_dtls = node_acquire(w.table, &secure);
    ck_assert_ptr_eq(node, again);
    ck_assert_ptr_ne(node, other);
    ck_assert_ptr_ne(node, behind_dtls);
    ck_assert_uint_eq(node_address(node)->port, 1);
    ck_assert_uint_eq(node_table_count(w.table), 3);
    node_release(node);
    node_release(again);
    node_release(other);
    node_release(behind_dtls);
    node_release(NULL);
}
END_TEST

START_TEST(hints_and_unanswered_requests_make_a_node_suspect_and_no_worse)
{
    struct endpoint_address address = at(1), nobody = at(9);
    struct node *node = acquire(1);
    uint64_t retry_us;

    ck_assert_int_eq(node_state_of(node), NODE_UNKNOWN);
    node_table_doubt(w.table, &address);
    ck_assert_int_eq(node_state_of(node), NODE_SUSPECT);
    hear(1);
    ck_assert_int_eq(node_state_of(node), NODE_REACHABLE);
    for (unsigned i = 0; i < 100; i++)
        node_doubt(node);
    ck_assert_int_eq(node_state_of(node), NODE_SUSPECT);
    ck_assert(!node_refuses(node, &retry_us));
    ck_assert_uint_eq(w.changes, 3);
    /* What nobody has asked has no state, and without a record nothing is refused. */
    node_table_doubt(w.table, &nobody);
    node_table_heard(w.table, &nobody);
    ck_assert_uint_eq(node_table_count(w.table), 1);
    node_doubt(NULL);
    node_lose(NULL);
    ck_assert(!node_refuses(NULL, &retry_us));
    node_release(node);
}
END_TEST

START_TEST(pings_go_out_after_5_10_20_40_and_then_every_60_seconds)
{
    static const uint64_t seconds[] = {5, 15, 35, 75, 135, 195, 255};
    struct node *node = acquire(1);
    uint64_t lost_us = timers_now_us(w.timers);

    node_lose(node);
    ck_assert_int_eq(node_state_of(node), NODE_UNREACHABLE);
    want_for(node, 300);
    ck_assert_uint_eq(w.pings, sizeof seconds / sizeof seconds[0]);
    for (unsigned i = 0; i < w.pings; i++) {
        /* The one who wants it comes within 100 ms. */
        ck_assert_uint_ge(w.pinged_us[i] - lost_us, seconds[i] * 1000000);
        ck_assert_uint_le(w.pinged_us[i] - lost_us, seconds[i] * 1000000 + 500000);
    }
    node_release(node);
    proves("CONG-08");
}
END_TEST

START_TEST(nobody_is_asked_for_a_sign_of_life_unless_somebody_wants_it)
{
    struct node *node = acquire(1);
    uint64_t retry_us = 0;

    node_lose(node);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
    clock_advance(w.timers, 100 * SECOND);
    ck_assert_uint_eq(w.pings, 0);
    /* The first wish finds the time come; one ping serves all wishes until it. */
    ck_assert(node_refuses(node, &retry_us));
    ck_assert_uint_eq(retry_us, 1000000);
    ck_assert(node_refuses(node, &retry_us));
    clock_advance(w.timers, 0);
    ck_assert_uint_eq(w.pings, 1);
    clock_advance(w.timers, 300 * SECOND);
    ck_assert_uint_eq(w.pings, 1);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
    node_release(node);
    proves("CONG-08");
}
END_TEST

START_TEST(a_wish_is_told_when_to_come_again)
{
    struct node *node = acquire(1);
    uint64_t retry_us = 0;

    node_lose(node);
    clock_advance(w.timers, 2 * SECOND);
    ck_assert(node_refuses(node, &retry_us));
    ck_assert_uint_eq(retry_us, 4000000); /* 3 s until the ping, and one for its answer */
    node_release(node);
}
END_TEST

START_TEST(any_datagram_brings_a_node_back)
{
    struct node *node = acquire(1);
    uint64_t retry_us, heard_us;

    ck_assert(!node_last_heard(node, &heard_us));
    node_lose(node);
    ck_assert(node_refuses(node, &retry_us));
    clock_advance(w.timers, 3 * SECOND);
    hear(2);
    ck_assert_int_eq(node_state_of(node), NODE_UNREACHABLE);
    hear(1);
    ck_assert_int_eq(node_state_of(node), NODE_REACHABLE);
    ck_assert_int_eq(w.before, NODE_UNREACHABLE);
    ck_assert(node_last_heard(node, &heard_us));
    ck_assert_uint_eq(heard_us, timers_now_us(w.timers));
    ck_assert(!node_refuses(node, &retry_us));
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
    clock_advance(w.timers, 100 * SECOND);
    ck_assert_uint_eq(w.pings, 0);
    /* Lost once more, it begins anew. */
    node_lose(node);
    ck_assert(node_refuses(node, &retry_us));
    ck_assert_uint_eq(retry_us, 6000000);
    node_release(node);
    proves("CONG-08");
}
END_TEST

START_TEST(an_unreachable_node_is_not_made_better_by_a_hint_nor_worse_by_another_loss)
{
    struct endpoint_address address = at(1);
    struct node *node = acquire(1);
    uint64_t retry_us;

    node_lose(node);
    clock_advance(w.timers, 4 * SECOND);
    node_table_doubt(w.table, &address);
    node_doubt(node);
    node_lose(node);
    ck_assert_int_eq(node_state_of(node), NODE_UNREACHABLE);
    ck_assert(node_refuses(node, &retry_us));
    ck_assert_uint_eq(retry_us, 2000000);
    ck_assert_uint_eq(w.changes, 1);
    node_release(node);
}
END_TEST

START_TEST(one_that_nobody_wanted_for_long_is_asked_again)
{
    struct node *node = acquire(1);
    uint64_t retry_us;

    node_lose(node);
    clock_advance(w.timers, 599 * SECOND);
    ck_assert(node_refuses(node, &retry_us));
    clock_advance(w.timers, 600 * SECOND);
    ck_assert(!node_refuses(node, &retry_us));
    ck_assert_int_eq(node_state_of(node), NODE_SUSPECT);
    node_release(node);
}
END_TEST

START_TEST(two_overloaded_resources_within_ten_seconds_hold_the_node)
{
    struct node *node = acquire(1);

    node_overloaded(node, 7, 5);
    node_overloaded(node, 7, 5); /* the same again */
    ck_assert_uint_eq(node_held_us(node), 0);
    clock_advance(w.timers, 10001);
    node_overloaded(node, 8, 5); /* too late */
    ck_assert_uint_eq(node_held_us(node), 0);
    clock_advance(w.timers, 10000);
    node_overloaded(node, 9, 5);
    ck_assert_uint_eq(node_held_us(node), 5000000);
    clock_advance(w.timers, 5000);
    ck_assert_uint_eq(node_held_us(node), 0);
    node_overloaded(node, 10, 4000000000);
    ck_assert_uint_eq(node_held_us(node), 60000000);
    node_overloaded(NULL, 1, 1);
    ck_assert_uint_eq(node_held_us(NULL), 0);
    node_release(node);
    proves("CONG-13");
}
END_TEST

START_TEST(nodes_are_forgotten_when_nobody_has_asked_for_them)
{
    struct node *kept = acquire(1), *node = acquire(2);

    hear(2);
    node_release(node);
    clock_advance(w.timers, 599 * SECOND);
    node = acquire(2);
    ck_assert_int_eq(node_state_of(node), NODE_REACHABLE);
    node_release(node);
    clock_advance(w.timers, 600 * SECOND);
    node_release(acquire(3));
    ck_assert_uint_eq(node_table_count(w.table), 2); /* 1 and 3 */
    node = acquire(2);
    ck_assert_int_eq(node_state_of(node), NODE_UNKNOWN);
    node_release(node);
    node_release(kept);
}
END_TEST

START_TEST(a_full_table_forgets_the_one_that_was_used_longest_ago_and_no_other)
{
    struct endpoint_address one_more = at(1000);
    struct node *nodes[MAXIMUM];
    uint64_t retry_us;

    for (uint16_t i = 0; i < MAXIMUM; i++)
        nodes[i] = acquire((uint16_t)(i + 1));
    ck_assert_ptr_null(node_acquire(w.table, &one_more));
    /* Also one that is about to be pinged. */
    node_lose(nodes[0]);
    ck_assert(node_refuses(nodes[0], &retry_us));
    node_release(nodes[0]);
    node_release(nodes[1]);
    nodes[0] = acquire(1000);
    ck_assert_uint_eq(node_table_count(w.table), MAXIMUM);
    clock_advance(w.timers, 10 * SECOND);
    ck_assert_uint_eq(w.pings, 0);
    nodes[1] = acquire(2);
    for (unsigned i = 0; i < MAXIMUM; i++)
        node_release(nodes[i]);
    /* Many that a client makes up. */
    for (unsigned i = 0; i < 10 * MAXIMUM; i++)
        node_release(acquire((uint16_t)(2000 + i)));
    ck_assert_uint_eq(node_table_count(w.table), MAXIMUM);
}
END_TEST

START_TEST(a_node_is_measured_by_what_became_of_transmissions)
{
    struct node *node = acquire(1);
    struct request_report once = {.transmissions = 1, .round_trip_us = 80000};
    struct request_report again = {.transmissions = 3};
    struct request_report acknowledged = {.transmissions = 2, .was_acknowledged = true};
    struct request_report blocks = {
        .transmissions = 1, .earlier_messages = 10, .earlier_retransmissions = 2};

    ck_assert_uint_eq(node_measures(node).transmissions, 0);
    node_measure(node, &once, true);
    ck_assert_uint_eq(node_measures(node).round_trip_us, 80000);
    once.round_trip_us = 160000;
    node_measure(node, &once, true);
    ck_assert_uint_eq(node_measures(node).round_trip_us, 90000);
    once.round_trip_us = 10000;
    node_measure(node, &once, true);
    ck_assert_uint_eq(node_measures(node).round_trip_us, 80000);
    ck_assert_uint_eq(node_measures(node).lost, 0);
    node_measure(node, &again, true);
    ck_assert_uint_eq(node_measures(node).lost, 2);
    node_measure(node, &again, false);
    ck_assert_uint_eq(node_measures(node).lost, 5);
    node_measure(node, &acknowledged, false);
    ck_assert_uint_eq(node_measures(node).lost, 6);
    node_measure(node, &blocks, true);
    ck_assert_uint_eq(node_measures(node).lost, 8);
    ck_assert_uint_eq(node_measures(node).transmissions, 3 + 3 + 3 + 2 + 13);
    ck_assert_uint_eq(node_measures(node).round_trip_us, 80000);
    node_measure(NULL, &once, true);
    node_release(node);
}
END_TEST

START_TEST(what_was_measured_long_ago_is_forgotten)
{
    struct node *node = acquire(1);
    struct request_report silence = {.transmissions = 5};
    struct request_report once = {.transmissions = 1, .round_trip_us = UINT64_MAX};
    struct request_report huge = {
        .transmissions = 1, .earlier_messages = 4000000000u - 1, .earlier_retransmissions = 0};
    struct node_measures measures;

    for (unsigned i = 0; i < 10000; i++)
        node_measure(node, &silence, false);
    measures = node_measures(node);
    ck_assert_uint_eq(measures.lost, measures.transmissions);
    ck_assert_uint_le(measures.transmissions, 2048);
    for (unsigned i = 0; i < 20000; i++)
        node_measure(node, &once, true);
    measures = node_measures(node);
    ck_assert_uint_lt(measures.lost, 3);
    ck_assert_uint_eq(measures.round_trip_us, UINT32_MAX);
    node_measure(node, &huge, false);
    ck_assert_uint_le(node_measures(node).transmissions, 2048);
    node_release(node);
}
END_TEST

START_TEST(nodes_are_listed_in_the_order_in_which_they_were_made)
{
    const struct node *node = NULL;

    ck_assert_ptr_null(node_table_next(w.table, NULL));
    for (uint16_t i = 1; i <= 5; i++)
        node_release(acquire(i));
    for (uint16_t i = 1; i <= 5; i++) {
        node = node_table_next(w.table, node);
        ck_assert_uint_eq(node_address(node)->port, i);
    }
    ck_assert_ptr_null(node_table_next(w.table, node));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node");
    TCase *tests = tcase_create("node");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_node_is_an_address_with_port_and_scheme);
    tcase_add_test(tests, hints_and_unanswered_requests_make_a_node_suspect_and_no_worse);
    tcase_add_test(tests, pings_go_out_after_5_10_20_40_and_then_every_60_seconds);
    tcase_add_test(tests, nobody_is_asked_for_a_sign_of_life_unless_somebody_wants_it);
    tcase_add_test(tests, a_wish_is_told_when_to_come_again);
    tcase_add_test(tests, any_datagram_brings_a_node_back);
    tcase_add_test(tests,
                   an_unreachable_node_is_not_made_better_by_a_hint_nor_worse_by_another_loss);
    tcase_add_test(tests, one_that_nobody_wanted_for_long_is_asked_again);
    tcase_add_test(tests, two_overloaded_resources_within_ten_seconds_hold_the_node);
    tcase_add_test(tests, nodes_are_forgotten_when_nobody_has_asked_for_them);
    tcase_add_test(tests, a_full_table_forgets_the_one_that_was_used_longest_ago_and_no_other);
    tcase_add_test(tests, a_node_is_measured_by_what_became_of_transmissions);
    tcase_add_test(tests, what_was_measured_long_ago_is_forgotten);
    tcase_add_test(tests, nodes_are_listed_in_the_order_in_which_they_were_made);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
