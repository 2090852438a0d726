/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation.h"

/* test_observation_recovery: how an observation comes back, by itself and to where the node is. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "node_label.h"
#include "observation_fixture.h"

static struct watcher first, second;
static const struct request_report none;

static void set_up(void)
{
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    observing_set_up();
}

static void tear_down(void)
{
    watcher_leave(&first);
    watcher_leave(&second);
    observing_tear_down();
}

static void hear_from(const char *address)
{
    struct endpoint_address peer = observing_address(address);

    fixture.peer_events.heard(fixture.peer_events.handle, &peer);
    fixture_advance(0);
}

/* Fails the registration under way, and looks when the next one goes out. */
static void assert_asks_after(enum request_failure failure, uint64_t seconds)
{
    struct relation *relation = relation_last();
    unsigned asked = relation->asked;

    relation_fail(relation, failure, &(struct request_report){.transmissions = 1});
    fixture_advance(seconds * 1000 - 1);
    ck_assert(!relation->is_asking);
    fixture_advance(1);
    ck_assert(relation->is_asking);
    ck_assert_uint_eq(relation->asked, asked + 1);
}

/* --- silence --- */

START_TEST(a_silent_node_is_pinged_and_registered_at_when_it_is_back)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    fixture_advance(40000);
    relation_due(relation_last());
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    watcher_assert_heard(&first, "live 21 stale offline:silent/504");
    ck_assert(!relation_last()->is_asking);
    fixture_advance(5000);
    ck_assert_uint_eq(fixture.pings, 1);
    for (unsigned minute = 0; minute < 60; minute++)
        fixture_advance(60000);
    ck_assert_uint_gt(fixture.pings, 25);
    ck_assert_uint_eq(relation_last()->asked, 2);
    watcher_assert_heard(&first, "");
    hear_from("192.0.2.9");
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(relation_last()->asked, 3);
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
}
END_TEST

START_TEST(the_node_is_pinged_for_as_long_as_somebody_subscribes)
{
    watcher_open(&first, "/t");
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    /* Hour after hour, every minute. */
    for (unsigned hour = 0; hour < 3; hour++) {
        unsigned before = fixture.pings;

        for (unsigned minute = 0; minute < 60; minute++)
            fixture_advance(60000);
        ck_assert_uint_ge(fixture.pings, before + 25);
    }
    unsigned pings = fixture.pings;
    watcher_leave(&first);
    for (unsigned minute = 0; minute < 60; minute++)
        fixture_advance(60000);
    ck_assert_uint_le(fixture.pings, pings + 1);
}
END_TEST

START_TEST(a_node_that_is_lost_is_not_told_of_the_end)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    fixture_advance(40000);
    relation_due(relation_last());
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    watcher_leave(&first);
    ck_assert(!relation_last()->is_open);
    ck_assert(!relation_last()->was_told);
}
END_TEST

START_TEST(all_of_a_node_that_is_lost_are_offline_and_come_back_together)
{
    watcher_open(&first, "/a");
    relation_value(relation_last(), "1", 300);
    watcher_open(&second, "/b");
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    fixture_advance(0);
    watcher_assert_heard(&first, "live 1 offline:silent/504");
    watcher_assert_heard(&second, "offline:silent/504");
    hear_from("192.0.2.9");
    ck_assert(observe_fake.relations[0].is_asking);
    ck_assert(observe_fake.relations[1].is_asking);
    relation_value(&observe_fake.relations[0], "1", 300);
    watcher_assert_heard(&first, "live 1");
}
END_TEST

START_TEST(news_of_another_node_concern_nobody)
{
    watcher_open(&first, "/a");
    relation_value(relation_last(), "1", 300);
    ck_assert_int_eq(watcher_open_at(&second, "192.0.2.8", "/b", "192.0.2.8", NULL),
                     OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    fixture_advance(0);
    watcher_assert_heard(&first, "live 1");
    hear_from("192.0.2.8");
    ck_assert_uint_eq(observe_fake.relations[0].asked, 1);
}
END_TEST

START_TEST(a_node_that_is_known_to_be_silent_is_not_asked)
{
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    fixture_fail(REQUEST_TIMED_OUT, &observing_spent);
    watcher_open(&first, "/t");
    watcher_assert_heard(&first, "offline:silent/504");
    ck_assert_uint_eq(observe_fake.count, 0);
    hear_from("192.0.2.9");
    ck_assert_uint_eq(observe_fake.count, 1);
}
END_TEST

START_TEST(a_node_that_says_other_things_is_asked_again_after_a_while)
{
    struct request_report heard = observing_spent;

    heard.was_heard = true;
    watcher_open(&first, "/t");
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &heard);
    watcher_assert_heard(&first, "offline:timeout/504");
    ck_assert(!relation_last()->is_asking);
    fixture_advance(5000);
    ck_assert(relation_last()->is_asking);
    ck_assert_uint_eq(fixture.pings, 0);
}
END_TEST

START_TEST(a_notification_that_comes_after_all_makes_it_live)
{
    watcher_open(&first, "/t");
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    relation_value(relation_last(), "21", 3600);
    watcher_assert_heard(&first, "offline:silent/504 live 21");
    fixture_advance(600 * 1000);
    ck_assert_uint_eq(relation_last()->asked, 1);
    watcher_assert_heard(&first, "");
}
END_TEST

/* --- other trouble --- */

START_TEST(after_a_reset_it_is_asked_less_and_less_often)
{
    static const uint64_t seconds[] = {5, 10, 20, 40, 60, 60, 60};

    watcher_open(&first, "/t");
    for (size_t i = 0; i < sizeof seconds / sizeof seconds[0]; i++)
        assert_asks_after(REQUEST_RESET, seconds[i]);
    watcher_assert_heard(&first, "offline:reset/502");
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
    relation_due(relation_last());
    assert_asks_after(REQUEST_RESET, 5);
}
END_TEST

START_TEST(a_port_without_a_listener_is_asked_again)
{
    watcher_open(&first, "/t");
    assert_asks_after(REQUEST_UNREACHABLE, 5);
    watcher_assert_heard(&first, "offline:unreachable/502");
    assert_asks_after(REQUEST_UNREACHABLE, 10);
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
}
END_TEST

START_TEST(a_sign_of_life_ends_the_waiting_for_one_that_was_unreachable)
{
    watcher_open(&first, "/t");
    relation_fail(relation_last(), REQUEST_UNREACHABLE,
                  &(struct request_report){.transmissions = 1});
    ck_assert(!relation_last()->is_asking);
    hear_from("192.0.2.9");
    ck_assert(relation_last()->is_asking);
}
END_TEST

START_TEST(what_the_gateway_itself_lacks_is_no_state_of_the_node)
{
    watcher_open(&first, "/t");
    assert_asks_after(REQUEST_DISPLACED, 2);
    assert_asks_after(REQUEST_OUT_OF_MEMORY, 5);
    watcher_assert_heard(&first, "");
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
}
END_TEST

START_TEST(a_queue_that_is_full_is_waited_for)
{
    observe_fake.refusal = REQUEST_QUEUE_FULL;
    watcher_open(&first, "/t");
    ck_assert_uint_eq(observe_fake.count, 0);
    observe_fake.refusal = REQUEST_STARTED;
    fixture_advance(2000);
    ck_assert_uint_eq(observe_fake.count, 1);
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
}
END_TEST

START_TEST(a_request_that_cannot_be_sent_is_gone)
{
    observe_fake.refusal = REQUEST_TOO_LONG;
    watcher_open(&first, "/t");
    watcher_assert_heard(&first, "gone:target-too-long/414");
    observe_fake.refusal = REQUEST_STARTED;
    watcher_open(&first, "/t");
    relation_fail(relation_last(), REQUEST_DATAGRAM_TOO_LONG, &none);
    watcher_assert_heard(&first, "gone:datagram-too-long/414");
}
END_TEST

START_TEST(nothing_goes_in_the_clear_to_a_secure_target)
{
    static struct cache_key key;
    struct endpoint_address address = observing_address("192.0.2.9");
    struct uri_authority authority;
    struct rest_request request;
    struct observation_spec spec = {
        .key = &key,
        .policy = fixture.policy,
        .rules = &fixture.policy->defaults,
        .authority = &authority,
        .coap = &request,
        .addresses = &address,
        .address_count = 1,
    };

    watcher_open(&first, "/other");
    watcher_leave(&first);
    observe_fake_reset();
    rest_request_init(&request);
    request.message.code = REST_GET;
    observing_key("192.0.2.9", "/t", &key);
    ck_assert_int_eq(uri_parse_authority("192.0.2.9", 9, URI_SCHEME_COAPS, &authority), URI_OK);
    spec.label = node_label_acquire(fixture.core->labels, NULL);
    address.is_secure = 1;
    ck_assert_int_eq(observation_open(fixture.core, &spec, &first.subscription),
                     OBSERVATION_OPENED);
    node_label_release(spec.label);
    first.observation = observation_find(fixture.core, &key);
    fixture_advance(0);
    watcher_assert_heard(&first, "gone:forbidden/403");
    ck_assert_uint_eq(observe_fake.count, 0);
}
END_TEST

START_TEST(an_answer_that_cannot_be_used_is_no_end)
{
    watcher_open(&first, "/t");
    assert_asks_after(REQUEST_BAD_TRANSFER, 5);
    watcher_assert_heard(&first, "offline:bad-response/502");
    assert_asks_after(REQUEST_BAD_RESPONSE, 10);
    watcher_assert_heard(&first, "");
}
END_TEST

/* --- errors of the node --- */

START_TEST(a_5_03_is_asked_again_after_its_max_age)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    relation_answer(relation_last(),
                    &(struct relation_answer){.code = REST_CODE(5, 3), .max_age = 17});
    watcher_assert_heard(&first, "live 21 offline:node-error/503");
    fixture_advance(16999);
    ck_assert(!relation_last()->is_asking);
    fixture_advance(1);
    ck_assert(relation_last()->is_asking);
    ck_assert_uint_eq(observe_fake.count, 1);
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 22");
}
END_TEST

START_TEST(an_error_of_the_node_without_max_age_is_asked_again)
{
    watcher_open(&first, "/t");
    relation_answer(relation_last(),
                    &(struct relation_answer){.code = REST_CODE(5, 0), .max_age = -1});
    watcher_assert_heard(&first, "offline:node-error/500");
    fixture_advance(5000);
    ck_assert(relation_last()->is_asking);
}
END_TEST

START_TEST(a_4_29_is_no_end_and_its_wish_is_respected)
{
    watcher_open(&first, "/t");
    relation_answer(relation_last(),
                    &(struct relation_answer){.code = REST_CODE(4, 29), .max_age = 100});
    watcher_assert_heard(&first, "offline:held/429");
    /* A plain GET is held, too. */
    ck_assert_int_eq(fixture_get("/nodes/kitchen/t"), EXCHANGE_ANSWERED);
    fixture_reply(429);
    fixture_advance(99999);
    ck_assert(!relation_last()->is_asking);
    fixture_advance(1);
    ck_assert(relation_last()->is_asking);
}
END_TEST

START_TEST(what_a_plain_get_was_told_holds_for_a_registration)
{
    static struct rest_request response;

    ck_assert_int_eq(fixture_get("/nodes/kitchen/t"), EXCHANGE_PARKED);
    rest_request_init(&response);
    response.message.code = REST_CODE(5, 3);
    rest_request_add_uint(&response, REST_OPTION_MAX_AGE, 20);
    fixture_answer_with(&response, NULL);
    watcher_open(&first, "/t");
    watcher_assert_heard(&first, "offline:held/503");
    ck_assert_uint_eq(observe_fake.count, 0);
    fixture_advance(20000);
    ck_assert_uint_eq(observe_fake.count, 1);
}
END_TEST

START_TEST(a_refresh_waits_until_a_hold_is_over)
{
    static struct rest_request response;

    fixture.policy->cache_limits.entries = 0;
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    ck_assert_int_eq(fixture_get("/nodes/kitchen/t"), EXCHANGE_PARKED);
    rest_request_init(&response);
    response.message.code = REST_CODE(4, 29);
    rest_request_add_uint(&response, REST_OPTION_MAX_AGE, 100);
    fixture_answer_with(&response, NULL);
    fixture_advance(40000);
    relation_due(relation_last());
    ck_assert(!relation_last()->is_asking);
    watcher_assert_heard(&first, "live 21 stale");
    fixture_advance(60000);
    ck_assert(relation_last()->is_asking);
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 22");
}
END_TEST

START_TEST(a_silent_node_is_not_sent_a_refresh)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    fixture_fail(REQUEST_TIMED_OUT, &observing_spent);
    fixture_advance(0);
    watcher_assert_heard(&first, "live 21 offline:silent/504");
    relation_due(relation_last());
    ck_assert(!relation_last()->is_asking);
    hear_from("192.0.2.9");
    ck_assert(relation_last()->is_asking);
}
END_TEST

/* --- polling --- */

static void answer_poll(const char *payload, int max_age)
{
    relation_answer(
        relation_last(),
        &(struct relation_answer){.payload = payload, .max_age = max_age, .is_not_observed = true});
}

START_TEST(a_node_without_observe_is_polled_and_only_changes_are_told)
{
    watcher_open(&first, "/t");
    answer_poll("21", 1);
    watcher_assert_heard(&first, "live 21");
    for (unsigned i = 0; i < 5; i++) {
        fixture_advance(9999);
        ck_assert(!relation_last()->is_asking);
        fixture_advance(1);
        ck_assert(relation_last()->is_asking);
        answer_poll("21", 1);
    }
    watcher_assert_heard(&first, "");
    ck_assert_uint_eq(relation_last()->asked, 6);
    fixture_advance(10000);
    answer_poll("22", 1);
    watcher_assert_heard(&first, "22");
    ck_assert_uint_eq(observation_value_id(first.observation).number, 2);
}
END_TEST

START_TEST(a_node_is_polled_no_more_often_than_its_max_age_says)
{
    watcher_open(&first, "/t");
    answer_poll("21", 90);
    fixture_advance(89999);
    ck_assert(!relation_last()->is_asking);
    fixture_advance(1);
    ck_assert(relation_last()->is_asking);
}
END_TEST

START_TEST(a_poll_that_is_overdue_makes_the_value_stale)
{
    watcher_open(&first, "/t");
    answer_poll("21", 1);
    fixture_advance(10000);
    fixture_advance(4999);
    watcher_assert_heard(&first, "live 21");
    fixture_advance(1);
    watcher_assert_heard(&first, "stale");
    answer_poll("21", 1);
    watcher_assert_heard(&first, "live");
}
END_TEST

START_TEST(polling_stops_when_the_node_begins_to_observe)
{
    watcher_open(&first, "/t");
    answer_poll("21", 1);
    fixture_advance(10000);
    relation_value(relation_last(), "21", 600);
    fixture_advance(599 * 1000);
    ck_assert(!relation_last()->is_asking);
    watcher_assert_heard(&first, "live 21");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("observation_recovery");
    TCase *trouble = tcase_create("trouble");
    TCase *polling = tcase_create("polling");

    tcase_add_checked_fixture(trouble, set_up, tear_down);
    tcase_add_test(trouble, a_silent_node_is_pinged_and_registered_at_when_it_is_back);
    tcase_add_test(trouble, the_node_is_pinged_for_as_long_as_somebody_subscribes);
    tcase_add_test(trouble, a_node_that_is_lost_is_not_told_of_the_end);
    tcase_add_test(trouble, all_of_a_node_that_is_lost_are_offline_and_come_back_together);
    tcase_add_test(trouble, news_of_another_node_concern_nobody);
    tcase_add_test(trouble, a_node_that_is_known_to_be_silent_is_not_asked);
    tcase_add_test(trouble, a_node_that_says_other_things_is_asked_again_after_a_while);
    tcase_add_test(trouble, a_notification_that_comes_after_all_makes_it_live);
    tcase_add_test(trouble, after_a_reset_it_is_asked_less_and_less_often);
    tcase_add_test(trouble, a_port_without_a_listener_is_asked_again);
    tcase_add_test(trouble, a_sign_of_life_ends_the_waiting_for_one_that_was_unreachable);
    tcase_add_test(trouble, what_the_gateway_itself_lacks_is_no_state_of_the_node);
    tcase_add_test(trouble, a_queue_that_is_full_is_waited_for);
    tcase_add_test(trouble, a_request_that_cannot_be_sent_is_gone);
    tcase_add_test(trouble, nothing_goes_in_the_clear_to_a_secure_target);
    tcase_add_test(trouble, an_answer_that_cannot_be_used_is_no_end);
    tcase_add_test(trouble, a_5_03_is_asked_again_after_its_max_age);
    tcase_add_test(trouble, an_error_of_the_node_without_max_age_is_asked_again);
    tcase_add_test(trouble, a_4_29_is_no_end_and_its_wish_is_respected);
    tcase_add_test(trouble, what_a_plain_get_was_told_holds_for_a_registration);
    tcase_add_test(trouble, a_refresh_waits_until_a_hold_is_over);
    tcase_add_test(trouble, a_silent_node_is_not_sent_a_refresh);
    suite_add_tcase(suite, trouble);
    tcase_add_checked_fixture(polling, set_up, tear_down);
    tcase_add_test(polling, a_node_without_observe_is_polled_and_only_changes_are_told);
    tcase_add_test(polling, a_node_is_polled_no_more_often_than_its_max_age_says);
    tcase_add_test(polling, a_poll_that_is_overdue_makes_the_value_stale);
    tcase_add_test(polling, polling_stops_when_the_node_begins_to_observe);
    suite_add_tcase(suite, polling);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
