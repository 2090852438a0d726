/* SPDX-License-Identifier: BSD-2-Clause */
#include "metrics.h"

/* test_metrics: the text for Prometheus (exposition format 0.0.4), judged by promtool where there
 * is one. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "http_message.h"
#include "node_label.h"
#include "rest.h"

static struct metrics *metrics;
static struct buffer out;

static void set_up(void)
{
    metrics = metrics_new();
    ck_assert_ptr_nonnull(metrics);
    buffer_init(&out, 1 << 20);
}

static void tear_down(void)
{
    metrics_free(metrics);
    buffer_clear(&out);
}

static void assert_line(const char *line)
{
    ck_assert_msg(strstr(buffer_text(&out), line) != NULL, "%s not in:\n%s", line,
                  buffer_text(&out));
}

START_TEST(requests_are_counted_by_method_and_status)
{
    metrics_http_request(metrics, HTTP_METHOD_GET, 200, 900);
    metrics_http_request(metrics, HTTP_METHOD_GET, 200, 2000000);
    metrics_http_request(metrics, HTTP_METHOD_UNKNOWN, 501, 10);
    metrics_http_request(metrics, HTTP_METHOD_PUT, 0, 10);
    ck_assert_int_eq(metrics_write(metrics, &out), 0);
    assert_line("coapgw_http_requests_total{method=\"GET\",code=\"200\"} 2\n");
    assert_line("coapgw_http_requests_total{method=\"other\",code=\"501\"} 1\n");
    assert_line("coapgw_http_requests_total{method=\"PUT\",code=\"none\"} 1\n");
    assert_line("coapgw_http_request_duration_seconds_bucket{le=\"0.001\"} 3\n");
    assert_line("coapgw_http_request_duration_seconds_bucket{le=\"1\"} 3\n");
    assert_line("coapgw_http_request_duration_seconds_bucket{le=\"2.5\"} 4\n");
    assert_line("coapgw_http_request_duration_seconds_bucket{le=\"+Inf\"} 4\n");
    assert_line("coapgw_http_request_duration_seconds_count 4\n");
    assert_line("coapgw_http_request_duration_seconds_sum 2.000920\n");
}
END_TEST

START_TEST(scalars_are_added_to_and_set)
{
    metrics_add(metrics, METRIC_COAP_DUPLICATES, 2);
    metrics_add(metrics, METRIC_COAP_DUPLICATES, 3);
    metrics_set(metrics, METRIC_EXCHANGES, 9);
    metrics_set(metrics, METRIC_EXCHANGES, 4);
    ck_assert_int_eq(metrics_write(metrics, &out), 0);
    assert_line("\ncoapgw_coap_duplicates_total 5\n");
    assert_line("\ncoapgw_exchanges 4\n");
    assert_line("\ncoapgw_build_info{version=\"");
}
END_TEST

START_TEST(requests_are_counted_by_what_the_cache_did)
{
    metrics_cache_request(metrics, METRICS_CACHE_HIT);
    metrics_cache_request(metrics, METRICS_CACHE_HIT);
    metrics_cache_request(metrics, METRICS_CACHE_BYPASS);
    ck_assert_int_eq(metrics_write(metrics, &out), 0);
    assert_line("\ncoapgw_cache_requests_total{result=\"hit\"} 2\n");
    assert_line("\ncoapgw_cache_requests_total{result=\"miss\"} 0\n");
    assert_line("\ncoapgw_cache_requests_total{result=\"revalidated\"} 0\n");
    assert_line("\ncoapgw_cache_requests_total{result=\"stale\"} 0\n");
    assert_line("\ncoapgw_cache_requests_total{result=\"collapsed\"} 0\n");
    assert_line("\ncoapgw_cache_requests_total{result=\"bypass\"} 1\n");
}
END_TEST

START_TEST(the_process_tells_its_own_figures)
{
    FILE *file = fopen("/proc/self/stat", "r");

    if (file == NULL)
        return;
    (void)fclose(file);
    ck_assert_int_eq(metrics_write(metrics, &out), 0);
    assert_line("\nprocess_cpu_seconds_total ");
    assert_line("\nprocess_resident_memory_bytes ");
    assert_line("\nprocess_open_fds ");
    assert_line("\nprocess_start_time_seconds ");
}
END_TEST

START_TEST(promtool_finds_nothing_to_say)
{
    struct node_label_table *table = node_label_table_new();
    static const char *const names[] = {"kitchen"};
    const struct node_label_times times = {.wall_ms = 1700000000123};
    struct node_label *label;
    FILE *tool;

    if (system("promtool --version >/dev/null 2>&1") != 0) {
        node_label_table_free(table);
        return;
    }
    ck_assert_int_eq(node_label_table_configure(table, names, 1), 0);
    label = node_label_acquire(table, "kitchen");
    node_label_answered(label, REST_CODE(2, 5), 1, 20000);
    node_label_failed(label, NODE_FAILURE_RESET, 0);
    metrics_http_request(metrics, HTTP_METHOD_GET, 200, 900);
    metrics_http_request(metrics, HTTP_METHOD_UNKNOWN, 0, 900);
    ck_assert_int_eq(metrics_write(metrics, &out), 0);
    ck_assert_int_eq(node_label_write_metrics(table, &times, &out), 0);
    tool = popen("promtool check metrics", "w");
    ck_assert_ptr_nonnull(tool);
    ck_assert_uint_eq(fwrite(out.data, 1, out.length, tool), out.length);
    ck_assert_int_eq(pclose(tool), 0);
    node_label_release(label);
    node_label_table_free(table);
}
END_TEST

START_TEST(a_full_buffer_is_told)
{
    buffer_clear(&out);
    buffer_init(&out, 100);
    ck_assert_int_eq(metrics_write(metrics, &out), -1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("metrics");
    TCase *tests = tcase_create("metrics");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, requests_are_counted_by_method_and_status);
    tcase_add_test(tests, scalars_are_added_to_and_set);
    tcase_add_test(tests, requests_are_counted_by_what_the_cache_did);
    tcase_add_test(tests, the_process_tells_its_own_figures);
    tcase_add_test(tests, promtool_finds_nothing_to_say);
    tcase_add_test(tests, a_full_buffer_is_told);
    tcase_set_timeout(tests, 30);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
