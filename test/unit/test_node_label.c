/* SPDX-License-Identifier: BSD-2-Clause */
#include "node_label.h"

/* test_node_label: counters by name, and that no address or unbounded name becomes a label. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "node.h"
#include "random_source.h"
#include "rest.h"
#include "timers.h"

static const char *const two_names[] = {"hall", "kitchen"};

/* The devices behind the names. */
static struct {
    struct timers *timers;
    struct random_sequence sequence;
    struct node_table *table;
} devices;

static void send_ping(void *handle, const struct endpoint_address *address)
{
    (void)handle;
    (void)address;
}

static void take_change(void *handle, const struct node *device, enum node_state before)
{
    (void)handle;
    (void)device;
    (void)before;
}

static void set_up(void)
{
    static const struct node_events events = {.ping = send_ping, .changed = take_change};
    struct random_source random;

    devices.timers = timers_new();
    timers_set_now_us(devices.timers, 60000000);
    random_sequence_init(&devices.sequence, 1);
    random = random_sequence_source(&devices.sequence);
    devices.table = node_table_new(devices.timers, &random, 100, &events);
    ck_assert_ptr_nonnull(devices.table);
}

static void tear_down(void)
{
    node_table_free(devices.table);
    timers_free(devices.timers);
}

static struct endpoint_address make_address(uint16_t port)
{
    return (struct endpoint_address){.bytes = {127, 0, 0, 1}, .port = port, .family = 4};
}

static struct node_label_table *make_table(void)
{
    struct node_label_table *table = node_label_table_new();

    ck_assert_ptr_nonnull(table);
    ck_assert_int_eq(node_label_table_configure(table, two_names, 2), 0);
    return table;
}

static void assert_metric(const struct node_label_table *table, const char *line, bool is_there)
{
    const struct node_label_times times = {.now_us = timers_now_us(devices.timers),
                                           .wall_ms = 1700000000123};
    struct buffer out;

    buffer_init(&out, 1 << 20);
    ck_assert_int_eq(node_label_write_metrics(table, &times, &out), 0);
    ck_assert_msg((strstr(buffer_text(&out), line) != NULL) == is_there, "%s in:\n%s", line,
                  buffer_text(&out));
    buffer_clear(&out);
}

START_TEST(a_target_without_a_configured_name_is_the_node_other)
{
    struct node_label_table *table = make_table();
    struct node_label *unnamed = node_label_acquire(table, NULL);
    struct node_label *unknown = node_label_acquire(table, "192.0.2.7");
    struct node_label *kitchen = node_label_acquire(table, "kitchen");

    ck_assert_str_eq(node_label_name(unnamed), "other");
    ck_assert_ptr_eq(unnamed, unknown);
    ck_assert_str_eq(node_label_name(kitchen), "kitchen");
    node_label_release(unnamed);
    node_label_release(unknown);
    node_label_release(kitchen);
    node_label_release(NULL);
    node_label_table_free(table);
}
END_TEST

START_TEST(a_reload_keeps_what_is_known_of_the_nodes_that_stay)
{
    static const char *const names[] = {"cellar", "kitchen"};
    struct node_label_table *table = make_table();
    struct node_label *kitchen = node_label_acquire(table, "kitchen");
    struct node_label *hall = node_label_acquire(table, "hall");

    node_label_answered(kitchen, REST_CODE(2, 5), 0, 1000);
    node_label_answered(hall, REST_CODE(2, 5), 0, 1000);
    node_label_release(kitchen);
    ck_assert_int_eq(node_label_table_configure(table, names, 2), 0);
    kitchen = node_label_acquire(table, "kitchen");
    assert_metric(table, "coapgw_coap_requests_total{node=\"kitchen\",code=\"2.05\"} 1\n", true);
    /* The one that went lives on for those who refer to it, and is listed no more. */
    node_label_answered(hall, REST_CODE(2, 5), 0, 1000);
    assert_metric(table, "hall", false);
    node_label_release(hall);
    node_label_release(kitchen);
    node_label_table_free(table);
}
END_TEST

START_TEST(metrics_tell_requests_by_node_and_by_how_they_ended)
{
    struct node_label_table *table = make_table();
    struct node_label *node = node_label_acquire(table, "kitchen");
    struct node_label *other = node_label_acquire(table, NULL);

    node_label_answered(node, REST_CODE(2, 5), 1, 0);
    node_label_answered(node, REST_CODE(2, 5), 0, 20000);
    node_label_answered(node, REST_CODE(4, 4), 0, 0);
    node_label_timed_out(node, 4);
    node_label_failed(node, NODE_FAILURE_TIMEOUT, 0);
    node_label_answered(other, REST_CODE(2, 4), 0, 0);
    assert_metric(table, "coapgw_coap_requests_total{node=\"kitchen\",code=\"2.05\"} 2\n", true);
    assert_metric(table, "coapgw_coap_requests_total{node=\"kitchen\",code=\"4.04\"} 1\n", true);
    assert_metric(table, "coapgw_coap_requests_total{node=\"kitchen\",code=\"timeout\"} 1\n", true);
    assert_metric(table, "coapgw_coap_requests_total{node=\"other\",code=\"2.04\"} 1\n", true);
    assert_metric(table, "coapgw_coap_retransmissions_total{node=\"kitchen\"} 5\n", true);
    assert_metric(table, "coapgw_coap_timeouts_total{node=\"kitchen\"} 1\n", true);
    assert_metric(table, "coapgw_coap_rtt_seconds_bucket{node=\"kitchen\",le=\"0.01\"} 0\n", true);
    assert_metric(table, "coapgw_coap_rtt_seconds_bucket{node=\"kitchen\",le=\"0.025\"} 1\n", true);
    assert_metric(table, "coapgw_coap_rtt_seconds_count{node=\"kitchen\"} 1\n", true);
    node_label_release(other);
    node_label_release(node);
    node_label_table_free(table);
}
END_TEST

START_TEST(a_name_shows_the_state_of_the_node_that_was_asked_under_it_last)
{
    static const char *const names[] = {"cellar"};
    struct endpoint_address a = make_address(1), b = make_address(2);
    struct node_label_table *table = make_table();
    struct node_label *kitchen = node_label_acquire(table, "kitchen");
    struct node_label *hall = node_label_acquire(table, "hall");
    struct node_label *other = node_label_acquire(table, NULL);
    struct node *device = node_acquire(devices.table, &a);
    struct node *second = node_acquire(devices.table, &b);

    node_label_asked(other, device);
    node_label_asked(kitchen, NULL);
    node_label_asked(kitchen, device);
    node_label_asked(hall, device);
    /* Nothing is said of a node of which nothing is known. */
    assert_metric(table, "coapgw_node_up{", false);
    assert_metric(table, "coapgw_node_last_seen_timestamp_seconds{", false);
    node_table_heard(devices.table, &a);
    timers_set_now_us(devices.timers, timers_now_us(devices.timers) + 2123000);
    assert_metric(table, "coapgw_node_up{node=\"kitchen\"} 1\n", true);
    assert_metric(table, "coapgw_node_up{node=\"hall\"} 1\n", true);
    assert_metric(table, "coapgw_node_last_seen_timestamp_seconds{node=\"hall\"} 1699999998.000\n",
                  true);
    assert_metric(table, "{node=\"other\"} 1\n", false);
    ck_assert_ptr_nonnull(node_label_of(table, device));
    ck_assert_ptr_null(node_label_of(table, second));
    node_lose(device);
    assert_metric(table, "coapgw_node_up{node=\"kitchen\"} 0\n", true);
    node_label_asked(kitchen, second);
    node_doubt(second);
    ck_assert_str_eq(node_label_of(table, second), "kitchen");
    node_table_heard(devices.table, &a);
    assert_metric(table, "coapgw_node_up{node=\"kitchen\"} 0\n", true);
    assert_metric(table, "coapgw_node_up{node=\"hall\"} 1\n", true);
    /* A label that has gone keeps no device. */
    node_label_release(hall);
    node_label_release(kitchen);
    ck_assert_int_eq(node_label_table_configure(table, names, 1), 0);
    ck_assert_ptr_null(node_label_of(table, device));
    node_release(device);
    node_release(second);
    node_label_release(other);
    node_label_table_free(table);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("node_label");
    TCase *tests = tcase_create("node_label");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, a_target_without_a_configured_name_is_the_node_other);
    tcase_add_test(tests, a_reload_keeps_what_is_known_of_the_nodes_that_stay);
    tcase_add_test(tests, a_name_shows_the_state_of_the_node_that_was_asked_under_it_last);
    tcase_add_test(tests, metrics_tell_requests_by_node_and_by_how_they_ended);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
