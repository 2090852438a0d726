/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "observe_fixture.h"
#include "proves.h"

/*
 * Tests of the life of relations: how they are refreshed, and what failures do to them.
 */

enum {
    CONTENT = REST_CODE(2, 5),
    SPENT_MS = 93000, /* MAX_TRANSMIT_WAIT */
};

/* --- refreshing --- */

/* Moves the clock until a message goes out; how long that took, or 0. */
static uint64_t wait_for_message(uint64_t at_most_ms)
{
    uint64_t before_us = timers_now_us(w.timers);

    while (w.channel.count == w.read && timers_now_us(w.timers) - before_us < at_most_ms * 1000)
        clock_advance(w.timers, 10);
    return w.channel.count == w.read ? 0 : (timers_now_us(w.timers) - before_us) / 1000;
}

START_TEST(a_relation_is_refreshed_5_to_15_seconds_behind_max_age)
{
    uint64_t least = 60000, most = 0;

    watch(0, "t", "obs=0");
    for (unsigned i = 0; i < 40; i++) {
        reply(CONTENT, "obs=7 maxage=2 etag=65", 0, 5);
        uint64_t waited_ms = wait_for_message(60000);
        ck_assert_uint_ge(waited_ms, 7000);
        ck_assert_uint_le(waited_ms, 17010);
        least = waited_ms < least ? waited_ms : least;
        most = waited_ms > most ? waited_ms : most;
        expect_errand(0, "obs=0");
        ck_assert(has_option(REST_OPTION_ETAG, "A"));
        ck_assert_uint_eq(w.current.message.option_count, 3);
    }
    ck_assert_uint_gt(most - least, 5000);
    proves("OBS-05");
}
END_TEST

START_TEST(without_max_age_a_relation_is_refreshed_after_65_to_75_seconds)
{
    watch_answered(0, 7, 5);
    uint64_t waited_ms = wait_for_message(100000);
    ck_assert_uint_ge(waited_ms, 65000);
    ck_assert_uint_le(waited_ms, 75010);
    expect_errand(0, "obs=0");
    ck_assert(!has_option(REST_OPTION_ETAG, NULL));
}
END_TEST

START_TEST(a_max_age_of_a_century_is_waited_for)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 maxage=4294967295", 0, 5);
    clock_advance(w.timers, UINT64_C(4294967295) * 1000 + 5000 - 1);
    expect_nothing();
    clock_advance(w.timers, 10001);
    expect_errand(0, "obs=0");
}
END_TEST

START_TEST(a_notification_puts_the_refresh_off)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=1 maxage=2", 0, 5);
    for (unsigned i = 0; i < 20; i++) {
        char options[40];
        clock_advance(w.timers, 6900);
        (void)snprintf(options, sizeof options, "obs=%u maxage=2", 2 + i);
        notify_expecting(0, PDU_ACK, options, 0, 5);
    }
    /* An old one is no sign that the state is current. */
    clock_advance(w.timers, 5000);
    notify_expecting(0, PDU_ACK, "obs=3", 0, 5);
    ck_assert_uint_le(wait_for_message(60000), 12010);
    expect_errand(0, "obs=0");
    proves("OBS-05");
}
END_TEST

START_TEST(a_forgotten_etag_is_not_sent)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 etag=65", 0, 5);
    observe_forget_etag(o.layer, o.watchers[0].id);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    ck_assert(!has_option(REST_OPTION_ETAG, NULL));
    reply(CONTENT, "obs=8 etag=66", 0, 5);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    ck_assert(has_option(REST_OPTION_ETAG, "B"));
}
END_TEST

START_TEST(the_answer_to_a_refresh_is_newer_than_all_before_it)
{
    watch_answered(0, 700, 5);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    /* The node began anew, and counts from 1. */
    reply(CONTENT, "obs=1", 0, 6);
    expect_told(0, 2, 0);
    expect_answer(0, CONTENT, 0, 6);
    notify_expecting(0, PDU_ACK, "obs=2", 0, 7);
    expect_told(0, 3, 0);
    proves("OBS-02");
}
END_TEST

START_TEST(a_notification_answers_a_refresh_and_what_is_in_its_ack_counts_too)
{
    watch_answered(0, 7, 5);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    struct pdu refresh = w.current;
    /* sent before the refresh came */
    notify_expecting(0, PDU_ACK, "obs=8", 0, 6);
    expect_told(0, 2, 0);
    reply(CONTENT, "obs=9", 0, 7);
    expect_told(0, 3, 0);
    expect_answer(0, CONTENT, 0, 7);
    ck_assert(o.watchers[0].is_registered);
    /* once, and only by its MID */
    w.current = refresh;
    reply(CONTENT, "obs=10", 0, 8);
    w.current.mid++;
    reply(CONTENT, "obs=10", 0, 8);
    expect_told(0, 3, 0);
    expect_nothing();
}
END_TEST

START_TEST(an_old_notification_does_not_answer_a_refresh)
{
    watch_answered(0, 7, 5);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    notify_expecting(0, PDU_ACK, "obs=6", 0, 6);
    expect_told(0, 1, 0);
    /* The same number again is the same state. */
    notify_expecting(0, PDU_ACK, "obs=7", 0, 5);
    expect_told(0, 2, 0);
    ck_assert(o.watchers[0].is_asked_for);
}
END_TEST

START_TEST(renewing_does_nothing_while_a_registration_is_under_way)
{
    watch(0, "t", "obs=0");
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_nothing();
    reply(CONTENT, "obs=1", 0, 5);
    expect_told(0, 1, 0);
    ck_assert_int_eq(observe_renew(o.layer, 12345), REQUEST_STARTED);
    expect_nothing();
}
END_TEST

START_TEST(a_refresh_that_waits_is_not_needed_behind_a_notification)
{
    watch_answered(0, 7, 5);
    /* somebody else's request has the only slot */
    start(0, REST_GET, "other", 0);
    expect(REST_GET, "", 0, 0);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_nothing();
    notify_expecting(0, PDU_ACK, "obs=8", 0, 6);
    expect_told(0, 2, 0);
    reply(CONTENT, "", 0, 5);
    expect_response(0, CONTENT, 5);
    expect_nothing();
}
END_TEST

START_TEST(a_relation_may_be_asked_for_by_non_confirmable_messages)
{
    w.settings.is_non_confirmable = true;
    watch(0, "t", "obs=0");
    ck_assert_int_eq(w.current.type, PDU_NON);
    notify(0, PDU_NON, CONTENT, "obs=7 maxage=1", 0, 5);
    expect_told(0, 1, 0);
    clock_advance(w.timers, 16000);
    expect_errand(0, "obs=0");
    ck_assert_int_eq(w.current.type, PDU_NON);
    notify(0, PDU_NON, CONTENT, "obs=7 maxage=1", 0, 5);
    expect_told(0, 2, 0);
    ck_assert(o.watchers[0].is_asked_for);
    /* An answer cannot be told from a notification here: a node that began anew is believed the
     * second time. */
    clock_advance(w.timers, 16000);
    expect_errand(0, "obs=0");
    notify(0, PDU_NON, CONTENT, "obs=1 maxage=1", 0, 5);
    clock_advance(w.timers, SPENT_MS + 1000);
    expect_told(0, 2, 1);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    notify(0, PDU_NON, CONTENT, "obs=2 maxage=1", 0, 5);
    expect_told(0, 3, 1);
}
END_TEST

/* --- failures --- */

START_TEST(silence_is_told_once_and_the_relation_rests)
{
    watch(0, "t", "obs=0");
    clock_advance(w.timers, SPENT_MS + 1000);
    w.read = w.channel.count;
    expect_told(0, 0, 1);
    ck_assert_int_eq(o.watchers[0].failure, REQUEST_TIMED_OUT);
    ck_assert_uint_eq(o.watchers[0].overdues, 1);
    clock_advance(w.timers, 3600000);
    expect_nothing();
    expect_told(0, 0, 1);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    /* PROBING_RATE: any sign of life lets it go */
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, 1);
    expect_errand(0, "obs=0");
    reply(CONTENT, "obs=1", 0, 5);
    expect_told(0, 1, 1);
}
END_TEST

START_TEST(a_refresh_that_finds_silence_fails_and_a_notification_brings_it_back)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=50 maxage=1", 0, 5);
    clock_advance(w.timers, 16000);
    expect_errand(0, "obs=0");
    clock_advance(w.timers, SPENT_MS + 1000);
    w.read = w.channel.count;
    expect_told(0, 1, 1);
    notify_expecting(0, PDU_ACK, "obs=51 maxage=1", 0, 6);
    expect_told(0, 2, 1);
    ck_assert(o.watchers[0].is_registered);
    /* It is refreshed as before. */
    ck_assert_uint_le(wait_for_message(60000), 16010);
    expect_errand(0, "obs=0");
}
END_TEST

START_TEST(a_reset_registration_fails_at_once)
{
    watch(0, "t", "obs=0");
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, w.current.mid);
    expect_told(0, 0, 1);
    ck_assert_int_eq(o.watchers[0].failure, REQUEST_RESET);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, w.current.mid);
    expect_told(0, 0, 2);
    /* It has nothing to forget. */
    cancel(0);
    expect_nothing();
}
END_TEST

START_TEST(a_separate_answer_behind_a_failure_begins_a_new_order)
{
    watch_answered(0, 700, 5);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, w.current.mid);
    expect_told(0, 1, 1);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    notify_expecting(0, PDU_ACK, "obs=3", 0, 6);
    expect_told(0, 2, 1);
    notify_expecting(0, PDU_ACK, "obs=4", 0, 7);
    expect_told(0, 3, 1);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("observe_life");
    TCase *refresh = tcase_create("refresh");
    TCase *failure = tcase_create("failure");
    TCase *cases[] = {refresh, failure};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], observe_setup, observe_teardown);
        suite_add_tcase(suite, cases[i]);
    }
    tcase_add_test(refresh, a_relation_is_refreshed_5_to_15_seconds_behind_max_age);
    tcase_add_test(refresh, without_max_age_a_relation_is_refreshed_after_65_to_75_seconds);
    tcase_add_test(refresh, a_max_age_of_a_century_is_waited_for);
    tcase_add_test(refresh, a_notification_puts_the_refresh_off);
    tcase_add_test(refresh, a_forgotten_etag_is_not_sent);
    tcase_add_test(refresh, the_answer_to_a_refresh_is_newer_than_all_before_it);
    tcase_add_test(refresh, a_notification_answers_a_refresh_and_what_is_in_its_ack_counts_too);
    tcase_add_test(refresh, an_old_notification_does_not_answer_a_refresh);
    tcase_add_test(refresh, renewing_does_nothing_while_a_registration_is_under_way);
    tcase_add_test(refresh, a_refresh_that_waits_is_not_needed_behind_a_notification);
    tcase_add_test(refresh, a_relation_may_be_asked_for_by_non_confirmable_messages);
    tcase_add_test(failure, silence_is_told_once_and_the_relation_rests);
    tcase_add_test(failure, a_refresh_that_finds_silence_fails_and_a_notification_brings_it_back);
    tcase_add_test(failure, a_reset_registration_fails_at_once);
    tcase_add_test(failure, a_separate_answer_behind_a_failure_begins_a_new_order);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
