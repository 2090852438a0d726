/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

/* test_stream: what a reader gets of a stream, and what it costs to wait for one that is slow. */

#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "metrics.h"
#include "stream_fixture.h"
#include "stream_private.h"

static struct client client, other;
static char large[4096];

/* The client has a stream of /nodes/kitchen/t and has read what it began with. */
static void set_up(void)
{
    streaming_set_up();
    memset(large, 'x', sizeof large - 1);
    client_init(&other, "");
    client_ask(&client, "/nodes/kitchen/t");
    node_tells(relation_last(), "0");
    fixture_advance(0);
    client_take(&client);
    (void)client_read(&client);
}

static void tear_down(void)
{
    client_leave(&client);
    client_leave(&other);
    streaming_tear_down();
}

static void tell_numbers(unsigned first, unsigned last)
{
    char text[16];

    for (; first <= last; first++) {
        (void)snprintf(text, sizeof text, "%u", first);
        node_tells(&observe_fake.relations[0], text);
    }
}

/* A large value has room in the observation, but not once more as an event. */
static void leave_room_for_one(void)
{
    fixture.memory.maximum = (fixture.memory.used + sizeof large + 1500) / 3 * 4;
}

static bool metrics_has(const char *line)
{
    struct buffer text;
    bool is_there;

    buffer_init(&text, 1 << 20);
    ck_assert_int_eq(metrics_write(fixture.core->metrics, &text), 0);
    is_there = strstr(buffer_text(&text), line) != NULL;
    buffer_clear(&text);
    return is_there;
}

/* SSE-10: a client that keeps up gets every event. */
START_TEST(three_notifications_in_one_millisecond_are_three_events)
{
    tell_numbers(1, 3);
    ck_assert_uint_eq(client.told, 1);
    client_assert_hears(&client, "2=1 3=2 4=3");
    ck_assert(metrics_has("coapgw_sse_dropped_events_total 0\n"));
}
END_TEST

START_TEST(a_reader_is_told_once_until_it_has_read_everything)
{
    tell_numbers(1, 1);
    tell_numbers(2, 2);
    ck_assert_uint_eq(client.told, 1);
    client_assert_hears(&client, "2=1 3=2");
    tell_numbers(3, 3);
    ck_assert_uint_eq(client.told, 1);
}
END_TEST

START_TEST(a_slow_reader_gets_the_newest_and_the_rest_is_counted)
{
    tell_numbers(1, 100);
    client_assert_hears(&client, "98=97 99=98 100=99 101=100");
    ck_assert(metrics_has("coapgw_sse_dropped_events_total 96\n"));
    tell_numbers(101, 101);
    client_assert_hears(&client, "102=101");
}
END_TEST

START_TEST(a_slow_reader_costs_others_nothing)
{
    size_t used;

    client_init(&other, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    client_take(&other);
    (void)client_read(&other);
    tell_numbers(1, 10);
    (void)client_read(&other);
    used = fixture.memory.used;
    for (unsigned i = 11; i < 10011; i++) {
        tell_numbers(i, i);
        ck_assert_ptr_nonnull(strstr(client_read(&other), "data: "));
    }
    ck_assert_uint_le(fixture.memory.used, used + 64);
    client_assert_hears(&client, "10008=10007 10009=10008 10010=10009 10011=10010");
}
END_TEST

/* Values go first: what state the newest one is in is known until the end. A state that goes hands
 * its place on, so that no value stands before a state. */
START_TEST(states_outlive_values_in_a_full_queue)
{
    tell_numbers(1, 2);
    fixture_advance(61000);
    tell_numbers(3, 3);
    fixture_advance(61000);
    tell_numbers(4, 4);
    fixture_advance(61000);
    client_assert_hears(&client, "<stale:max-age> <live:value> 5=4 <stale:max-age>");
}
END_TEST

START_TEST(the_newest_value_and_the_newest_state_are_kept_in_the_smallest_queue)
{
    client_leave(&client);
    fixture.policy->stream_limits.queue = 1;
    client_ask(&client, "/nodes/kitchen/u");
    node_tells(relation_last(), "0");
    fixture_advance(0);
    client_take(&client);
    node_tells(relation_last(), "1");
    fixture_advance(61000);
    node_tells(relation_last(), "2");
    fixture_advance(61000);
    client_assert_hears(&client, "<live:value> 3=2 <stale:max-age>");
}
END_TEST

START_TEST(the_first_that_is_read_is_a_state_however_late_the_reader_comes)
{
    client_leave(&client);
    fixture.policy->stream_limits.queue = 1;
    client_ask(&client, "/nodes/kitchen/u");
    node_tells(relation_last(), "0");
    fixture_advance(0);
    client_take(&client);
    fixture_advance(61000);
    client_assert_hears(&client, "<live:value> 1=0 <stale:max-age>");
    node_tells(relation_last(), "1");
    fixture_advance(61000);
    client_assert_hears(&client, "<live:value> 2=1 <stale:max-age>");
}
END_TEST

START_TEST(an_event_that_was_read_in_part_is_read_to_its_end)
{
    char text[64];
    long length;

    tell_numbers(1, 1);
    length = stream_read(client.stream, text, 5);
    ck_assert_int_eq(length, 5);
    tell_numbers(2, 50);
    length = stream_read(client.stream, text + 5, sizeof text - 6);
    ck_assert_int_gt(length, 0);
    text[5 + length] = '\0';
    ck_assert_ptr_nonnull(strstr(text, "-2\ndata: 1\n\nid: "));
}
END_TEST

START_TEST(a_stream_can_be_read_byte_by_byte)
{
    tell_numbers(1, 2);
    ck_assert_ptr_nonnull(strstr(client_read_by(&client, 1), "-2\ndata: 1\n\nid: "));
}
END_TEST

/* SSE-06 */
START_TEST(a_comment_is_sent_when_nothing_else_was_for_a_while)
{
    fixture_advance(14999);
    ck_assert_uint_eq(client.told, 0);
    fixture_advance(1);
    ck_assert_uint_eq(client.told, 1);
    client_assert_reads(&client, ": keep-alive\n\n");
    fixture_advance(10000);
    tell_numbers(1, 1);
    (void)client_read(&client);
    fixture_advance(14999);
    ck_assert_uint_eq(client.told, 0);
    fixture_advance(1);
    client_assert_reads(&client, ": keep-alive\n\n");
}
END_TEST

START_TEST(no_comment_is_added_for_a_reader_that_does_not_come)
{
    tell_numbers(1, 1);
    for (int i = 0; i < 3; i++)
        fixture_advance(15000);
    client_assert_hears(&client, "2=1");
}
END_TEST

/* SSE-09 */
START_TEST(times_to_come_back_are_spread)
{
    static struct client many[100];
    unsigned least = UINT32_MAX, most = 0;

    for (size_t i = 0; i < 100; i++) {
        unsigned retry;

        client_init(&many[i], "/nodes/kitchen/t");
        ck_assert_int_eq(client_go(&many[i]), EXCHANGE_ANSWERED);
        client_take(&many[i]);
        (void)client_read(&many[i]);
        ck_assert_int_eq(sscanf(many[i].text, "retry: %u\n\n", &retry), 1);
        least = retry < least ? retry : least;
        most = retry > most ? retry : most;
        client_leave(&many[i]);
    }
    ck_assert_uint_ge(least, 4000);
    ck_assert_uint_le(most, 6000);
    ck_assert_uint_gt(most - least, 1500);
}
END_TEST

START_TEST(a_reader_may_close_its_stream_when_it_is_told)
{
    client_init(&other, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    client_take(&other);
    (void)client_read(&other);
    client.closes_when_told = other.closes_when_told = true;
    tell_numbers(1, 1);
    ck_assert_uint_eq(streams_count(fixture.core), 0);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

START_TEST(an_event_is_charged_once_for_all_who_have_not_read_it)
{
    size_t before = fixture.memory.used, one, two;

    client_init(&other, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    client_take(&other);
    (void)client_read(&other);
    one = fixture.memory.used - before;
    node_tells(relation_last(), large);
    two = fixture.memory.used - before;
    ck_assert_uint_gt(two, one + 4096);
    (void)client_read(&client);
    ck_assert_uint_gt(fixture.memory.used, before + 4096);
    (void)client_read(&other);
    ck_assert_uint_lt(fixture.memory.used, before + 4096 + one + 2048);
}
END_TEST

/* What is small reaches whoever reads, however much memory others take. */
START_TEST(without_room_a_reader_that_keeps_up_gets_everything_small)
{
    fixture.memory.maximum = 1;
    for (unsigned i = 1; i < 10; i++) {
        tell_numbers(i, i);
        ck_assert_ptr_nonnull(strstr(client_read(&client), "data: "));
    }
    tell_numbers(10, 12);
    client_assert_hears(&client, "13=12");
}
END_TEST

/* What waits makes room for the newest, or the newest is rendered when its reader has come. */
START_TEST(without_room_a_large_value_is_owed_and_paid_later)
{
    size_t maximum = fixture.memory.maximum;

    tell_numbers(1, 3);
    leave_room_for_one();
    node_tells(relation_last(), large);
    ck_assert_str_eq(client_read(&client), "");
    fixture.memory.maximum = maximum;
    fixture_advance(999);
    ck_assert_uint_eq(client.told, 0);
    fixture_advance(1);
    ck_assert_uint_eq(client.told, 1);
    ck_assert_ptr_nonnull(strstr(client_read(&client), "-5\ndata: xxx"));
    ck_assert(metrics_has("coapgw_sse_dropped_events_total 3\n"));
}
END_TEST

START_TEST(what_was_owed_when_it_came_anew_is_owed_no_more)
{
    size_t maximum = fixture.memory.maximum;

    leave_room_for_one();
    node_tells(relation_last(), large);
    fixture.memory.maximum = maximum;
    tell_numbers(2, 2);
    client_assert_hears(&client, "3=2");
    fixture_advance(5000);
    ck_assert_uint_eq(client.told, 0);
}
END_TEST

START_TEST(the_end_is_read_behind_what_waits)
{
    tell_numbers(1, 2);
    streams_end_all(fixture.core);
    client_assert_hears(&client, "2=1 3=2 <gone:stopping/503>");
    ck_assert(client.is_over);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

/* RSS for each subscriber is at most 12 kB, the connection included. */
START_TEST(an_idle_stream_is_small)
{
    struct stream *stream = client.stream;
    size_t size = malloc_usable_size(stream);

    size += malloc_usable_size(TAILQ_FIRST(&stream->targets));
    ck_assert_ptr_null(stream->current);
    ck_assert(TAILQ_EMPTY(&stream->queue));
    ck_assert_uint_lt(size, 768);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream");
    TCase *reading = tcase_create("reading"), *waiting = tcase_create("waiting");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(reading, set_up, tear_down);
    tcase_add_test(reading, three_notifications_in_one_millisecond_are_three_events);
    tcase_add_test(reading, a_reader_is_told_once_until_it_has_read_everything);
    tcase_add_test(reading, an_event_that_was_read_in_part_is_read_to_its_end);
    tcase_add_test(reading, a_stream_can_be_read_byte_by_byte);
    tcase_add_test(reading, a_comment_is_sent_when_nothing_else_was_for_a_while);
    tcase_add_test(reading, no_comment_is_added_for_a_reader_that_does_not_come);
    tcase_add_test(reading, times_to_come_back_are_spread);
    tcase_add_test(reading, a_reader_may_close_its_stream_when_it_is_told);
    tcase_add_test(reading, the_end_is_read_behind_what_waits);
    suite_add_tcase(suite, reading);
    tcase_add_checked_fixture(waiting, set_up, tear_down);
    tcase_add_test(waiting, a_slow_reader_gets_the_newest_and_the_rest_is_counted);
    tcase_add_test(waiting, a_slow_reader_costs_others_nothing);
    tcase_add_test(waiting, states_outlive_values_in_a_full_queue);
    tcase_add_test(waiting, the_newest_value_and_the_newest_state_are_kept_in_the_smallest_queue);
    tcase_add_test(waiting, an_event_is_charged_once_for_all_who_have_not_read_it);
    tcase_add_test(waiting, the_first_that_is_read_is_a_state_however_late_the_reader_comes);
    tcase_add_test(waiting, without_room_a_reader_that_keeps_up_gets_everything_small);
    tcase_add_test(waiting, without_room_a_large_value_is_owed_and_paid_later);
    tcase_add_test(waiting, what_was_owed_when_it_came_anew_is_owed_no_more);
    tcase_add_test(waiting, an_idle_stream_is_small);
    suite_add_tcase(suite, waiting);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
