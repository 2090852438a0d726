/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_times.h"

/* test_request_times: the deadlines of several requests that one client is the reason for. */

#include <check.h>
#include <stdlib.h>

#include "request_fixture.h"

static struct request_times times;

static void set_up(void)
{
    request_setup();
    times = (struct request_times){.has_begun = false};
    w.times = &times;
}

/* The first request was answered after so long; the second is started. */
static void answer_first_after(uint64_t ms)
{
    clock_advance(w.timers, ms);
    struct pdu request = sent(w.channel.count - 1);
    respond(&w.node, PDU_CON, 0x7001, &request, "no such format");
    expect_response(0, "no such format");
    fake_channel_forget(&w.channel);
    ck_assert_int_eq(start(1, &w.node), REQUEST_STARTED);
}

START_TEST(the_deadline_of_a_second_request_counts_from_the_first)
{
    start(0, &w.node);
    answer_first_after(40000);
    clock_advance(w.timers, 4999);
    ck_assert_uint_eq(w.calls[1].overdues, 0);
    clock_advance(w.timers, 1);
    ck_assert_uint_eq(w.calls[1].overdues, 1);
    /* As ever, the message itself goes on: to its last transmission, and the wait behind it. */
    clock_advance(w.timers, 40000);
    ck_assert_uint_gt(w.channel.count, 1);
    struct pdu request = sent(0);
    respond(&w.node, PDU_ACK, request.mid, &request, "late");
    expect_response(1, "late");
}
END_TEST

START_TEST(requests_without_common_times_have_deadlines_of_their_own)
{
    w.times = NULL;
    start(0, &w.node);
    answer_first_after(40000);
    clock_advance(w.timers, 44999);
    ck_assert_uint_eq(w.calls[1].overdues, 0);
    clock_advance(w.timers, 1);
    ck_assert_uint_eq(w.calls[1].overdues, 1);
}
END_TEST

START_TEST(the_time_behind_an_ack_counts_from_the_first_ack)
{
    start(0, &w.node);
    clock_advance(w.timers, 1000);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    answer_first_after(100000);
    request = sent(0);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 19999);
    ck_assert_uint_eq(w.calls[1].overdues, 0);
    clock_advance(w.timers, 1);
    ck_assert_uint_eq(w.calls[1].overdues, 1);
    ck_assert_uint_eq(w.calls[1].failures, 0);
    /* The client has been told; the node still gets its own time. */
    clock_advance(w.timers, 99999);
    ck_assert_uint_eq(w.calls[1].failures, 0);
    clock_advance(w.timers, 1);
    expect_failure(1, REQUEST_TIMED_OUT);
}
END_TEST

START_TEST(an_ack_behind_the_deadline_leaves_the_node_all_its_time)
{
    start(0, &w.node);
    answer_first_after(44000);
    clock_advance(w.timers, 1500);
    ck_assert_uint_eq(w.calls[1].overdues, 1);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    clock_advance(w.timers, 119999);
    ck_assert_uint_eq(w.calls[1].failures, 0);
    respond(&w.node, PDU_CON, 0x7002, &request, "late");
    expect_response(1, "late");
    ck_assert_uint_eq(w.calls[1].overdues, 1);
}
END_TEST

START_TEST(a_second_request_for_which_no_time_is_left_is_overdue_at_once)
{
    w.settings.deadline_ms = 5000;
    start(0, &w.node);
    clock_advance(w.timers, 5000);
    ck_assert_uint_eq(w.calls[0].overdues, 1);
    answer_first_after(1000);
    ck_assert_uint_eq(w.calls[1].overdues, 0); /* never from inside */
    clock_advance(w.timers, 0);
    ck_assert_uint_eq(w.calls[1].overdues, 1);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_times");
    TCase *tests = tcase_create("request_times");

    tcase_add_checked_fixture(tests, set_up, request_teardown);
    tcase_add_test(tests, the_deadline_of_a_second_request_counts_from_the_first);
    tcase_add_test(tests, requests_without_common_times_have_deadlines_of_their_own);
    tcase_add_test(tests, the_time_behind_an_ack_counts_from_the_first_ack);
    tcase_add_test(tests, an_ack_behind_the_deadline_leaves_the_node_all_its_time);
    tcase_add_test(tests, a_second_request_for_which_no_time_is_left_is_overdue_at_once);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
