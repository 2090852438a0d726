/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>

#include "blockwise_fixture.h"

/*
 * Tests of how long a transfer may take: as a whole, for one block, and waiting for its turn.
 */

enum {
    CONTENT = REST_CODE(2, 5),
    CONTINUE = REST_CODE(2, 31),
    TOO_LARGE = REST_CODE(4, 13),
};

START_TEST(the_deadline_of_the_whole_ends_a_slow_transfer)
{
    char options[40];
    unsigned number = 0;

    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    for (; w.jobs[0].failures == 0 && number < 100; number++) {
        (void)snprintf(options, sizeof options, "b2=%u/1/16", number);
        reply(CONTENT, options, number * 16, 16);
        (void)snprintf(options, sizeof options, "b2=%u/0/16", number + 1);
        expect(REST_GET, options, 0, 0);
        clock_advance(w.timers, 40000);
        while (w.read < w.channel.count)
            expect(REST_GET, options, 0, 0);
    }
    expect_failure(0, REQUEST_TIMED_OUT, "took too long");
    ck_assert_uint_eq(number, 15);
    ck_assert_uint_eq(w.jobs[0].told_us, 601000000);
    ck_assert_uint_eq(w.jobs[0].report.elapsed_us, 600000000);
    reply(CONTENT, "b2=15/0/16", 0, 16);
    clock_advance(w.timers, 600000);
    ck_assert_uint_eq(w.jobs[0].failures, 1);
}
END_TEST

/* The FETCH of a job: its representation changed while it was read, and then its body was too large
 * for the node. Another upload to the resource is under way, so that it waits for its turn. */
static void send_a_fetch_into_the_queue(unsigned n)
{
    start(n, REST_FETCH, "t", 600);
    expect(REST_FETCH, "", 0, 600);
    reply(CONTENT, "b2=0/1/16 etag=1", 0, 16);
    expect(REST_FETCH, "b2=1/0/16", 0, 600);
    reply(CONTENT, "b2=1/1/16 etag=2", 16, 16);
    expect(REST_FETCH, "b2=0/0/16", 0, 600);
    struct pdu fetch = w.current;
    start(n + 1, REST_PUT, "t", 1500);
    w.current = fetch;
    reply(TOO_LARGE, "b1=0/1/512", 0, 0);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    expect_nothing();
}

START_TEST(the_deadline_of_the_whole_holds_behind_a_wait_for_a_turn)
{
    char block[40];

    send_a_fetch_into_the_queue(0);
    reply(REST_CODE(4, 3), "", 0, 0);
    clock_advance(w.timers, 0);
    expect(REST_FETCH, "b1=0/1/512 size1=600 tag", 0, 512);
    reply(CONTINUE, "b1=0/1/512", 0, 0);
    expect(REST_FETCH, "b1=1/0/512 b2=0/0/16 tag", 512, 88);
    reply(CONTENT, "b1=1/0/512 b2=0/1/16 etag=2", 0, 16);
    for (unsigned number = 1; w.jobs[0].failures == 0 && number < 100; number++) {
        (void)snprintf(block, sizeof block, "b2=%u/0/16 tag", number);
        expect(REST_FETCH, block, 0, 0);
        clock_advance(w.timers, 40000);
        while (w.read < w.channel.count)
            expect(REST_FETCH, block, 0, 0);
        (void)snprintf(block, sizeof block, "b2=%u/1/16 etag=2", number);
        reply(CONTENT, block, (size_t)number * 16, 16);
    }
    expect_failure(0, REQUEST_TIMED_OUT, "took too long");
    ck_assert_uint_eq(w.jobs[0].told_us, 601000000);
}
END_TEST

START_TEST(a_wait_for_a_turn_is_no_longer_than_the_whole_may_take)
{
    w.settings.transfer_deadline_ms = 20000;
    send_a_fetch_into_the_queue(0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, w.current.mid);
    clock_advance(w.timers, 19999);
    expect_pending(0);
    clock_advance(w.timers, 1);
    expect_failure(0, REQUEST_TIMED_OUT, NULL);
    ck_assert_uint_eq(w.jobs[0].told_us, 21000000);
}
END_TEST

START_TEST(an_acknowledged_block_has_its_own_deadline)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    clock_advance(w.timers, 1000);
    reply(CONTENT, "b2=0/1/16", 0, 16);
    expect(REST_GET, "b2=1/0/16", 0, 0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, w.current.mid);
    clock_advance(w.timers, 119000);
    expect_pending(0);
    clock_advance(w.timers, 1000);
    /* It is on the node: it is not sent again. */
    expect_failure(0, REQUEST_TIMED_OUT, NULL);
    ck_assert(w.jobs[0].report.was_acknowledged);
    expect_nothing();
}
END_TEST

START_TEST(waiting_for_a_turn_ends_at_the_deadline)
{
    start(0, REST_PUT, "t", 1500);
    start(1, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, w.current.mid);
    clock_advance(w.timers, 44999);
    expect_pending(1);
    clock_advance(w.timers, 1);
    expect_failure(1, REQUEST_TIMED_OUT, NULL);
    ck_assert_uint_eq(w.jobs[1].report.transmissions, 0);
    ck_assert_uint_eq(w.jobs[1].report.elapsed_us, 45000000);
    expect_pending(0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blockwise_deadline");
    TCase *tests = tcase_create("blockwise_deadline");

    tcase_add_checked_fixture(tests, blockwise_setup, blockwise_teardown);
    tcase_add_test(tests, the_deadline_of_the_whole_ends_a_slow_transfer);
    tcase_add_test(tests, the_deadline_of_the_whole_holds_behind_a_wait_for_a_turn);
    tcase_add_test(tests, a_wait_for_a_turn_is_no_longer_than_the_whole_may_take);
    tcase_add_test(tests, an_acknowledged_block_has_its_own_deadline);
    tcase_add_test(tests, waiting_for_a_turn_ends_at_the_deadline);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
