/* SPDX-License-Identifier: BSD-2-Clause */
#include "node.h"

/* test_node: what is known of nodes, and that no address or unbounded name becomes a label. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "rest.h"

static const char *const two_names[] = {"hall", "kitchen"};

static struct node_table *make_table(void)
{
    struct node_table *table = node_table_new();

    ck_assert_ptr_nonnull(table);
    ck_assert_int_eq(node_table_configure(table, two_names, 2), 0);
    return table;
}

static void assert_metric(const struct node_table *table, const char *line, bool is_there)
{
    struct buffer out;

    buffer_init(&out, 1 << 20);
    ck_assert_int_eq(node_write_metrics(table, &out), 0);
    ck_assert_msg((strstr(buffer_text(&out), line) != NULL) == is_there, "%s in:\n%s", line,
                  buffer_text(&out));
    buffer_clear(&out);
}

START_TEST(a_target_without_a_configured_name_is_the_node_other)
{
    struct node_table *table = make_table();
    struct node *unnamed = node_acquire(table, NULL);
    struct node *unknown = node_acquire(table, "192.0.2.7");
    struct node *kitchen = node_acquire(table, "kitchen");

    ck_assert_str_eq(node_name(unnamed), "other");
    ck_assert_ptr_eq(unnamed, unknown);
    ck_assert_str_eq(node_name(kitchen), "kitchen");
    node_release(unnamed);
    node_release(unknown);
    node_release(kitchen);
    node_release(NULL);
    node_table_free(table);
}
END_TEST

START_TEST(a_reload_keeps_what_is_known_of_the_nodes_that_stay)
{
    static const char *const names[] = {"cellar", "kitchen"};
    struct node_table *table = make_table();
    struct node *kitchen = node_acquire(table, "kitchen");
    struct node *hall = node_acquire(table, "hall");

    node_answered(kitchen, REST_CODE(2, 5), 0, 1000, 1);
    node_answered(hall, REST_CODE(2, 5), 0, 1000, 1);
    node_release(kitchen);
    ck_assert_int_eq(node_table_configure(table, names, 2), 0);
    kitchen = node_acquire(table, "kitchen");
    ck_assert_int_eq(node_state_of(kitchen), NODE_REACHABLE);
    /* The one that went lives on for those who refer to it, and is listed no more. */
    ck_assert_int_eq(node_state_of(hall), NODE_REACHABLE);
    assert_metric(table, "hall", false);
    node_release(hall);
    node_release(kitchen);
    node_table_free(table);
}
END_TEST

START_TEST(the_state_follows_the_last_message_or_its_absence)
{
    struct node_table *table = make_table();
    struct node *node = node_acquire(table, "kitchen");

    ck_assert_int_eq(node_state_of(node), NODE_UNKNOWN);
    node_timed_out(node, 4);
    ck_assert_int_eq(node_state_of(node), NODE_SUSPECT);
    node_failed(node, NODE_FAILURE_TIMEOUT, 0, 5);
    ck_assert_int_eq(node_state_of(node), NODE_SUSPECT);
    node_failed(node, NODE_FAILURE_RESET, 0, 5);
    ck_assert_int_eq(node_state_of(node), NODE_REACHABLE);
    node_failed(node, NODE_FAILURE_UNREACHABLE, 0, 5);
    ck_assert_int_eq(node_state_of(node), NODE_SUSPECT);
    node_answered(node, REST_CODE(5, 3), 0, 0, 6);
    ck_assert_int_eq(node_state_of(node), NODE_REACHABLE);
    node_release(node);
    node_table_free(table);
}
END_TEST

static struct endpoint_address make_address(uint16_t port)
{
    return (struct endpoint_address){.bytes = {127, 0, 0, 1}, .port = port, .family = 4};
}

START_TEST(a_hint_makes_the_node_suspect_that_was_asked_there_last)
{
    static const char *const names[] = {"cellar"};
    struct node_table *table = make_table();
    struct node *kitchen = node_acquire(table, "kitchen");
    struct node *hall = node_acquire(table, "hall");
    struct node *other = node_acquire(table, NULL);
    struct endpoint_address a = make_address(1), b = make_address(2), c = make_address(3);

    node_asked(kitchen, &a);
    node_asked(kitchen, &a);
    node_asked(hall, &b);
    node_asked(other, &c);
    node_answered(kitchen, REST_CODE(2, 5), 0, 0, 1);
    ck_assert_ptr_eq(node_table_hint(table, &a), kitchen);
    ck_assert_int_eq(node_state_of(kitchen), NODE_SUSPECT);
    ck_assert_ptr_null(node_table_hint(table, &a)); /* no news */
    ck_assert_int_eq(node_state_of(hall), NODE_UNKNOWN);
    ck_assert_ptr_null(node_table_hint(table, &c));
    ck_assert_int_eq(node_state_of(other), NODE_UNKNOWN);
    /* A message from it brings it back. */
    node_answered(kitchen, REST_CODE(2, 5), 0, 0, 2);
    ck_assert_int_eq(node_state_of(kitchen), NODE_REACHABLE);
    /* It moves to an address that another one had. */
    node_asked(kitchen, &b);
    ck_assert_ptr_null(node_table_hint(table, &a));
    ck_assert_ptr_eq(node_table_hint(table, &b), kitchen);
    ck_assert_int_eq(node_state_of(hall), NODE_UNKNOWN);
    node_asked(hall, &b);
    ck_assert_ptr_eq(node_table_hint(table, &b), hall);
    /* A node that has gone is found no more. */
    ck_assert_int_eq(node_table_configure(table, names, 1), 0);
    node_release(hall);
    node_asked(kitchen, &a);
    node_release(kitchen);
    ck_assert_ptr_null(node_table_hint(table, &a));
    ck_assert_ptr_null(node_table_hint(table, &b));
    node_release(other);
    node_table_free(table);
}
END_TEST

START_TEST(metrics_tell_requests_by_node_and_by_how_they_ended)
{
    struct node_table *table = make_table();
    struct node *node = node_acquire(table, "kitchen");
    struct node *other = node_acquire(table, NULL);

    node_answered(node, REST_CODE(2, 5), 1, 0, 1700000000123);
    node_answered(node, REST_CODE(2, 5), 0, 20000, 1700000000123);
    node_answered(node, REST_CODE(4, 4), 0, 0, 1700000000123);
    node_timed_out(node, 4);
    node_failed(node, NODE_FAILURE_TIMEOUT, 0, 0);
    node_answered(other, REST_CODE(2, 4), 0, 0, 7);
    assert_metric(table, "coapgw_coap_requests_total{node=\"kitchen\",code=\"2.05\"} 2\n", true);
    assert_metric(table, "coapgw_coap_requests_total{node=\"kitchen\",code=\"4.04\"} 1\n", true);
    assert_metric(table, "coapgw_coap_requests_total{node=\"kitchen\",code=\"timeout\"} 1\n", true);
    assert_metric(table, "coapgw_coap_requests_total{node=\"other\",code=\"2.04\"} 1\n", true);
    assert_metric(table, "coapgw_coap_retransmissions_total{node=\"kitchen\"} 5\n", true);
    assert_metric(table, "coapgw_coap_timeouts_total{node=\"kitchen\"} 1\n", true);
    assert_metric(table, "coapgw_coap_rtt_seconds_bucket{node=\"kitchen\",le=\"0.01\"} 0\n", true);
    assert_metric(table, "coapgw_coap_rtt_seconds_bucket{node=\"kitchen\",le=\"0.025\"} 1\n", true);
    assert_metric(table, "coapgw_coap_rtt_seconds_count{node=\"kitchen\"} 1\n", true);
    assert_metric(table, "coapgw_node_up{node=\"kitchen\"} 0\n", true);
    assert_metric(
        table, "coapgw_node_last_seen_timestamp_seconds{node=\"kitchen\"} 1700000000.123\n", true);
    /* Nothing is said of a node that was never asked, nor of many devices as one. */
    assert_metric(table, "coapgw_node_up{node=\"hall\"}", false);
    assert_metric(table, "coapgw_node_up{node=\"other\"}", false);
    node_release(other);
    node_release(node);
    node_table_free(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node");
    TCase *tests = tcase_create("node");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, a_target_without_a_configured_name_is_the_node_other);
    tcase_add_test(tests, a_reload_keeps_what_is_known_of_the_nodes_that_stay);
    tcase_add_test(tests, the_state_follows_the_last_message_or_its_absence);
    tcase_add_test(tests, a_hint_makes_the_node_suspect_that_was_asked_there_last);
    tcase_add_test(tests, metrics_tell_requests_by_node_and_by_how_they_ended);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
