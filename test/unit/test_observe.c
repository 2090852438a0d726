/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "observe_fixture.h"
#include "proves.h"

/*
 * Tests of relations: how they begin, what is told of notifications and in which order, and how
 * they end.
 */

enum {
    CONTENT = REST_CODE(2, 5),
    VALID = REST_CODE(2, 3),
    NOT_FOUND = REST_CODE(4, 4),
    UNAVAILABLE = REST_CODE(5, 3),
};

/* --- registration --- */

START_TEST(a_registration_is_a_get_with_an_empty_observe_option)
{
    watch(0, "t", "obs=0");
    ck_assert_uint_eq(rest_find_option(&w.current.message, REST_OPTION_OBSERVE)->length, 0);
    ck_assert(has_option(REST_OPTION_URI_PATH, "t"));
    ck_assert(!has_option(REST_OPTION_ETAG, NULL));
    ck_assert_int_eq(w.current.type, PDU_CON);
    ck_assert_uint_eq(w.current.token_length, 8);
    ck_assert_uint_eq(observe_count(o.layer), 1);
    reply(CONTENT, "obs=7", 0, 5);
    expect_told(0, 1, 0);
    expect_answer(0, CONTENT, 0, 5);
    ck_assert(o.watchers[0].is_registered);
    ck_assert(o.watchers[0].is_asked_for);
}
END_TEST

START_TEST(all_options_of_the_request_go_with_a_registration)
{
    struct watcher *watcher = prepare_watcher(0, "t");

    rest_request_add(&watcher->request, REST_OPTION_URI_HOST, "host", 4);
    rest_request_add(&watcher->request, REST_OPTION_URI_QUERY, "a=1", 3);
    rest_request_add(&watcher->request, REST_OPTION_URI_QUERY, "", 0);
    rest_request_add(&watcher->request, REST_OPTION_ACCEPT, "\x3c", 1);
    watcher->spec.etag = (const uint8_t *)"tag";
    watcher->spec.etag_length = 3;
    ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    /* What was given may change from now on. */
    memset(&watcher->request, 0xff, sizeof watcher->request);
    expect(REST_GET, "obs=0", 0, 0);
    ck_assert_uint_eq(w.current.message.option_count, 7);
    ck_assert(has_option(REST_OPTION_URI_HOST, "host"));
    ck_assert(has_option(REST_OPTION_ETAG, "tag"));
    ck_assert(has_option(REST_OPTION_URI_QUERY, "a=1"));
    ck_assert(has_option(REST_OPTION_ACCEPT, "\x3c"));
}
END_TEST

START_TEST(an_answer_without_observe_is_told_and_registers_nothing)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "maxage=5", 0, 5);
    expect_told(0, 1, 0);
    expect_answer(0, CONTENT, 0, 5);
    ck_assert(!o.watchers[0].is_registered);
    /* It is not asked for again by itself, */
    clock_advance(w.timers, 3600000);
    expect_nothing();
    /* nothing more is to come, */
    notify_expecting(0, PDU_RST, "obs=3", 0, 4);
    expect_told(0, 1, 0);
    /* and there is nothing to deregister. */
    cancel(0);
    expect_nothing();
    ck_assert_uint_eq(observe_count(o.layer), 0);
}
END_TEST

START_TEST(a_poll_goes_with_the_same_token_and_may_find_a_node_that_observes)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "etag=65", 0, 5);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    ck_assert(has_option(REST_OPTION_ETAG, "A"));
    reply(VALID, "etag=65", 0, 0);
    expect_told(0, 2, 0);
    expect_answer(0, VALID, 0, 0);
    ck_assert(!o.watchers[0].is_registered);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    reply(CONTENT, "obs=1", 0, 6);
    ck_assert(o.watchers[0].is_registered);
    notify_expecting(0, PDU_ACK, "obs=2", 0, 7);
    expect_told(0, 4, 0);
}
END_TEST

/* --- notifications --- */

START_TEST(notifications_of_both_types_are_told)
{
    watch_answered(0, 7, 5);
    notify(0, PDU_CON, CONTENT, "obs=8", 10, 6);
    expect_empty(PDU_ACK);
    expect_told(0, 2, 0);
    expect_answer(0, CONTENT, 10, 6);
    ck_assert(o.watchers[0].is_registered);
    ck_assert(!o.watchers[0].is_asked_for);
    notify(0, PDU_NON, CONTENT, "obs=9", 20, 7);
    expect_nothing();
    expect_told(0, 3, 0);
    expect_answer(0, CONTENT, 20, 7);
    proves("OBS-03");
}
END_TEST

START_TEST(a_copy_of_a_notification_is_acknowledged_and_not_told_again)
{
    watch_answered(0, 7, 5);
    notify_expecting(0, PDU_ACK, "obs=8", 0, 6);
    w.separate_mid--;
    notify_expecting(0, PDU_ACK, "obs=8", 0, 6);
    expect_told(0, 2, 0);
}
END_TEST

START_TEST(the_separate_answer_of_a_registration_is_told)
{
    watch(0, "t", "obs=0");
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_ACK, w.current.mid);
    clock_advance(w.timers, 8000);
    notify_expecting(0, PDU_ACK, "obs=7", 0, 5);
    expect_told(0, 1, 0);
    ck_assert(o.watchers[0].is_registered);
    ck_assert(o.watchers[0].is_asked_for);
}
END_TEST

/* Each notification, and whether it is newer than all before it. */
static void check_order(unsigned first, const unsigned *numbers, const bool *is_told, size_t count)
{
    unsigned told = 1;
    char options[40];

    watch_answered(0, first, 5);
    for (size_t i = 0; i < count; i++) {
        (void)snprintf(options, sizeof options, "obs=%u", numbers[i]);
        notify_expecting(0, PDU_ACK, options, i, 6);
        told += is_told[i];
        expect_told(0, told, 0);
    }
    proves("OBS-02");
}

START_TEST(notifications_older_than_the_freshest_are_dropped)
{
    check_order(10, (const unsigned[]){12, 11, 12, 13, 10}, (const bool[]){1, 0, 0, 1, 0}, 5);
}
END_TEST

START_TEST(the_order_goes_on_behind_the_last_number)
{
    check_order(0xfffffe, (const unsigned[]){0xffffff, 0, 0xffffff, 1}, (const bool[]){1, 1, 0, 1},
                4);
}
END_TEST

START_TEST(half_of_all_numbers_are_newer)
{
    check_order(0, (const unsigned[]){0x7fffff, 0xffffff, 0x7ffffe, 0xfffffe},
                (const bool[]){1, 0, 0, 1}, 4);
}
END_TEST

START_TEST(an_empty_observe_option_is_the_number_0)
{
    check_order(0xffffff, (const unsigned[]){0, 0xffffff}, (const bool[]){1, 0}, 2);
}
END_TEST

START_TEST(after_128_seconds_every_number_is_newer)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=200 maxage=1000", 0, 5);
    clock_advance(w.timers, 128000);
    notify_expecting(0, PDU_ACK, "obs=100", 0, 6);
    expect_told(0, 1, 0);
    clock_advance(w.timers, 1000);
    notify_expecting(0, PDU_ACK, "obs=99", 0, 6);
    expect_told(0, 2, 0);
    notify_expecting(0, PDU_ACK, "obs=100 maxage=1000", 0, 6);
    expect_told(0, 3, 0);
    proves("OBS-02");
}
END_TEST

START_TEST(relations_of_one_node_are_told_apart_by_their_tokens)
{
    watch_answered(0, 7, 5);
    watch_answered(1, 3, 6);
    notify_expecting(1, PDU_ACK, "obs=4", 0, 8);
    notify_expecting(0, PDU_ACK, "obs=8", 0, 9);
    expect_answer(0, CONTENT, 0, 9);
    expect_answer(1, CONTENT, 0, 8);
    /* The token of one node means nothing from another. */
    w.node = fake_address(OTHER_NODE);
    notify(0, PDU_CON, CONTENT, "obs=9", 0, 5);
    expect_empty(PDU_RST);
    w.node = fake_address(NODE);
    expect_told(0, 2, 0);
}
END_TEST

START_TEST(an_error_ends_the_registration)
{
    static const uint8_t codes[] = {NOT_FOUND, UNAVAILABLE};

    for (size_t i = 0; i < sizeof codes; i++) {
        watch_answered(0, 7, 5);
        notify(0, PDU_CON, codes[i], "", 0, 3);
        expect_empty(PDU_ACK);
        expect_told(0, 2, 0);
        expect_answer(0, codes[i], 0, 3);
        ck_assert(!o.watchers[0].is_registered);
        /* One from before that is late is not wanted any more. */
        notify_expecting(0, PDU_RST, "obs=8", 0, 4);
        clock_advance(w.timers, 3600000);
        expect_nothing();
        expect_told(0, 2, 0);
        cancel(0);
        expect_nothing();
    }
}
END_TEST

START_TEST(a_relation_can_be_renewed_behind_an_error)
{
    watch_answered(0, 7, 5);
    notify(0, PDU_CON, UNAVAILABLE, "", 0, 0);
    expect_empty(PDU_ACK);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    /* It may have begun to count anew. */
    reply(CONTENT, "obs=1", 0, 6);
    expect_told(0, 3, 0);
    ck_assert(o.watchers[0].is_registered);
}
END_TEST

START_TEST(a_notification_without_a_number_is_the_last)
{
    watch_answered(0, 7, 5);
    notify(0, PDU_CON, CONTENT, "", 0, 6);
    expect_empty(PDU_ACK);
    expect_told(0, 2, 0);
    expect_answer(0, CONTENT, 0, 6);
    ck_assert(!o.watchers[0].is_registered);
    notify_expecting(0, PDU_RST, "obs=8", 0, 4);
    /* One of 4 bytes is none (RFC 7252 5.4.3). */
    watch_answered(1, 7, 5);
    notify(1, PDU_CON, CONTENT, "obs=16777216", 0, 6);
    expect_empty(PDU_ACK);
    ck_assert(!o.watchers[1].is_registered);
}
END_TEST

START_TEST(a_valid_is_told_with_its_etag)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 etag=65 maxage=20", 0, 5);
    notify(0, PDU_CON, VALID, "obs=8 etag=66", 0, 0);
    expect_empty(PDU_ACK);
    expect_told(0, 2, 0);
    expect_answer(0, VALID, 0, 0);
    ck_assert_str_eq(o.watchers[0].etag, "B");
    ck_assert(o.watchers[0].is_registered);
}
END_TEST

START_TEST(a_success_that_is_no_representation_is_a_failure)
{
    watch_answered(0, 7, 5);
    notify(0, PDU_CON, REST_CODE(2, 4), "obs=8", 0, 0);
    expect_empty(PDU_ACK);
    expect_told(0, 1, 1);
    ck_assert_int_eq(o.watchers[0].failure, REQUEST_BAD_RESPONSE);
}
END_TEST

/* An unknown critical option, 9 (OSCORE) being one here. */
static void notify_critical(unsigned n, enum pdu_type type)
{
    struct rest_request message;
    uint8_t bytes[64];

    rest_request_init(&message);
    message.message.code = CONTENT;
    rest_request_add_uint(&message, REST_OPTION_OBSERVE, 9);
    rest_request_add(&message, REST_OPTION_OSCORE, "x", 1);
    size_t length = pdu_write(bytes, sizeof bytes, type, w.separate_mid++,
                              o.watchers[n].registration.token, 8, &message.message);
    fake_channel_deliver(&w.channel, &w.node, bytes, length);
}

START_TEST(a_notification_with_a_bad_critical_option_is_reset_and_told_once)
{
    watch_answered(0, 7, 5);
    notify_critical(0, PDU_CON);
    expect_empty(PDU_RST);
    expect_told(0, 1, 1);
    ck_assert_int_eq(o.watchers[0].failure, REQUEST_BAD_RESPONSE);
    ck_assert_uint_eq(o.watchers[0].bad_option, REST_OPTION_OSCORE);
    notify_critical(0, PDU_CON);
    expect_empty(PDU_RST);
    notify_critical(0, PDU_NON);
    expect_empty(PDU_RST);
    expect_told(0, 1, 1);
    notify_expecting(0, PDU_ACK, "obs=10", 0, 6);
    expect_told(0, 2, 1);
}
END_TEST

/* --- the end --- */

START_TEST(cancelling_deregisters_at_once)
{
    struct watcher *watcher = prepare_watcher(0, "t");

    rest_request_add(&watcher->request, REST_OPTION_ACCEPT, "\x3c", 1);
    ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    expect(REST_GET, "obs=0", 0, 0);
    watcher->registration = w.current;
    reply(CONTENT, "obs=7 etag=65", 0, 5);
    cancel(0);
    ck_assert_uint_eq(observe_count(o.layer), 0);
    expect_errand(0, "obs=1");
    ck_assert(has_option(REST_OPTION_ACCEPT, "\x3c"));
    ck_assert(!has_option(REST_OPTION_ETAG, NULL));
    /* On its way, and behind its end, notifications are not wanted. */
    notify_expecting(0, PDU_RST, "obs=8", 0, 5);
    reply(CONTENT, "", 0, 5);
    notify_expecting(0, PDU_RST, "obs=9", 0, 5);
    clock_advance(w.timers, 3600000);
    expect_nothing();
    expect_told(0, 1, 0);
    proves("OBS-07");
    proves("OBS-03");
}
END_TEST

START_TEST(a_deregistration_that_is_not_answered_is_given_up)
{
    watch_answered(0, 7, 5);
    cancel(0);
    expect_errand(0, "obs=1");
    for (unsigned i = 0; i < 4; i++) {
        clock_advance(w.timers, 50000);
        while (w.read < w.channel.count)
            expect_errand(0, "obs=1");
    }
    clock_advance(w.timers, 3600000);
    expect_nothing();
    notify_expecting(0, PDU_RST, "obs=9", 0, 5);
    expect_told(0, 1, 0);
}
END_TEST

START_TEST(a_peer_that_is_silent_at_one_deregistration_is_sent_no_other)
{
    watch_answered(0, 7, 5);
    watch_answered(1, 7, 5);
    watch_answered(2, 7, 5);
    cancel(0);
    expect_errand(0, "obs=1");
    cancel(1);
    cancel(2);
    clock_advance(w.timers, 94000);
    /* One more has taken its place when the first one ends. */
    for (unsigned i = 1; i < 5; i++)
        expect_errand(0, "obs=1");
    for (unsigned i = 0; i < 60; i++)
        clock_advance(w.timers, 60000);
    for (unsigned i = 0; i < 5; i++)
        expect_errand(2, "obs=1");
    expect_nothing();
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, 1);
    clock_advance(w.timers, 3600000);
    expect_nothing();
    notify_expecting(2, PDU_RST, "obs=8", 0, 5);
    /* One that ends later is told again. */
    watch_answered(3, 7, 5);
    cancel(3);
    expect_errand(3, "obs=1");
}
END_TEST

START_TEST(cancelling_before_the_registration_was_sent_sends_nothing)
{
    start(0, REST_GET, "other", 0);
    expect(REST_GET, "", 0, 0);
    prepare_watcher(0, "t");
    ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    expect_nothing();
    cancel(0);
    reply(CONTENT, "", 0, 5);
    expect_response(0, CONTENT, 5);
    expect_nothing();
    expect_told(0, 0, 0);
}
END_TEST

START_TEST(cancelling_before_the_first_answer_deregisters_behind_it)
{
    watch(0, "t", "obs=0");
    cancel(0);
    ck_assert_uint_eq(observe_count(o.layer), 0);
    expect_nothing();
    reply(CONTENT, "obs=7", 0, 5);
    expect_errand(0, "obs=1");
    reply(CONTENT, "", 0, 5);
    /* There may be nothing to deregister. */
    watch(1, "t", "obs=0");
    cancel(1);
    reply(CONTENT, "", 0, 5);
    watch(2, "t", "obs=0");
    cancel(2);
    reply(NOT_FOUND, "", 0, 5);
    /* A message of its own answers it as well: sent again it would only register once more. */
    watch(3, "t", "obs=0");
    cancel(3);
    notify(3, PDU_CON, CONTENT, "obs=1", 0, 5);
    expect_errand(3, "obs=1");
    expect_empty(PDU_ACK);
    notify_expecting(3, PDU_RST, "obs=2", 0, 5);
    reply(CONTENT, "", 0, 5);
    notify_expecting(3, PDU_RST, "obs=3", 0, 5);
    clock_advance(w.timers, 3600000);
    for (unsigned i = 0; i < WATCHERS; i++)
        expect_told(i, 0, 0);
}
END_TEST

START_TEST(dropping_tells_the_peer_nothing)
{
    watch_answered(0, 7, 5);
    observe_drop(o.layer, o.watchers[0].id);
    observe_drop(o.layer, o.watchers[0].id);
    expect_nothing();
    notify_expecting(0, PDU_RST, "obs=9", 0, 5);
    watch(1, "t", "obs=0");
    observe_drop(o.layer, o.watchers[1].id);
    reply(CONTENT, "obs=7", 0, 5);
    expect_nothing();
    ck_assert_uint_eq(observe_count(o.layer), 0);
    expect_told(0, 1, 0);
    expect_told(1, 0, 0);
}
END_TEST

static void cancel_watcher(struct watcher *watcher)
{
    observe_cancel(o.layer, watcher->id);
}

START_TEST(a_relation_may_be_cancelled_in_its_own_event)
{
    watch(0, "t", "obs=0");
    o.watchers[0].action = cancel_watcher;
    reply(CONTENT, "obs=7", 0, 5);
    expect_errand(0, "obs=1");
    reply(CONTENT, "", 0, 5);
    watch_answered(1, 7, 5);
    o.watchers[1].action = cancel_watcher;
    notify(1, PDU_CON, CONTENT, "obs=8", 0, 5);
    expect_errand(1, "obs=1");
    expect_empty(PDU_ACK);
    reply(CONTENT, "", 0, 5);
    watch(2, "t", "obs=0");
    o.watchers[2].action = cancel_watcher;
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, w.current.mid);
    expect_nothing();
    expect_told(2, 0, 1);
}
END_TEST

static void renew_watcher(struct watcher *watcher)
{
    (void)observe_renew(o.layer, watcher->id);
}

START_TEST(a_relation_may_be_renewed_in_its_own_event)
{
    watch_answered(0, 7, 5);
    o.watchers[0].action = renew_watcher;
    notify(0, PDU_CON, CONTENT, "obs=8", 0, 5);
    expect_errand(0, "obs=0");
    expect_empty(PDU_ACK);
}
END_TEST

START_TEST(relations_that_are_left_go_with_the_layer)
{
    watch_answered(0, 7, 5);
    watch_answered(1, 7, 5);
    cancel(1);
    expect_errand(1, "obs=1");
    prepare_watcher(2, "t");
    ck_assert_int_eq(begin_watcher(2), REQUEST_STARTED);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("observe");
    TCase *registration = tcase_create("registration");
    TCase *notification = tcase_create("notification");
    TCase *end = tcase_create("end");
    TCase *cases[] = {registration, notification, end};

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        tcase_add_checked_fixture(cases[i], observe_setup, observe_teardown);
        suite_add_tcase(suite, cases[i]);
    }
    tcase_add_test(registration, a_registration_is_a_get_with_an_empty_observe_option);
    tcase_add_test(registration, all_options_of_the_request_go_with_a_registration);
    tcase_add_test(registration, an_answer_without_observe_is_told_and_registers_nothing);
    tcase_add_test(registration, a_poll_goes_with_the_same_token_and_may_find_a_node_that_observes);
    tcase_add_test(notification, notifications_of_both_types_are_told);
    tcase_add_test(notification, a_copy_of_a_notification_is_acknowledged_and_not_told_again);
    tcase_add_test(notification, the_separate_answer_of_a_registration_is_told);
    tcase_add_test(notification, notifications_older_than_the_freshest_are_dropped);
    tcase_add_test(notification, the_order_goes_on_behind_the_last_number);
    tcase_add_test(notification, half_of_all_numbers_are_newer);
    tcase_add_test(notification, an_empty_observe_option_is_the_number_0);
    tcase_add_test(notification, after_128_seconds_every_number_is_newer);
    tcase_add_test(notification, relations_of_one_node_are_told_apart_by_their_tokens);
    tcase_add_test(notification, an_error_ends_the_registration);
    tcase_add_test(notification, a_relation_can_be_renewed_behind_an_error);
    tcase_add_test(notification, a_notification_without_a_number_is_the_last);
    tcase_add_test(notification, a_valid_is_told_with_its_etag);
    tcase_add_test(notification, a_success_that_is_no_representation_is_a_failure);
    tcase_add_test(notification, a_notification_with_a_bad_critical_option_is_reset_and_told_once);
    tcase_add_test(end, cancelling_deregisters_at_once);
    tcase_add_test(end, a_deregistration_that_is_not_answered_is_given_up);
    tcase_add_test(end, a_peer_that_is_silent_at_one_deregistration_is_sent_no_other);
    tcase_add_test(end, cancelling_before_the_registration_was_sent_sends_nothing);
    tcase_add_test(end, cancelling_before_the_first_answer_deregisters_behind_it);
    tcase_add_test(end, dropping_tells_the_peer_nothing);
    tcase_add_test(end, a_relation_may_be_cancelled_in_its_own_event);
    tcase_add_test(end, a_relation_may_be_renewed_in_its_own_event);
    tcase_add_test(end, relations_that_are_left_go_with_the_layer);
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
