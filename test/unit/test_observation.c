/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation.h"

/* test_observation: the life of an observation, its states and values, and who is told of them. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "cache.h"
#include "cache_key.h"
#include "core_private.h"
#include "metrics.h"
#include "node_label.h"
#include "observation_fixture.h"
#include "proves.h"
#include "representation.h"

static struct watcher first, second, third;

static void set_up(void)
{
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    memset(&third, 0, sizeof third);
    observing_set_up();
}

static void tear_down(void)
{
    watcher_leave(&first);
    watcher_leave(&second);
    watcher_leave(&third);
    observing_tear_down();
}

START_TEST(a_value_is_told_behind_the_state_live)
{
    struct sse_id id;

    watcher_open(&first, "/t");
    ck_assert(!observation_is_settled(first.observation));
    watcher_assert_heard(&first, "");
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
    ck_assert(observation_is_settled(first.observation));
    id = observation_value_id(first.observation);
    ck_assert_uint_eq(id.number, 1);
    ck_assert_uint_eq(id.epoch >> SSE_EPOCH_BITS, 0);
    ck_assert_uint_eq(observation_max_age_s(first.observation), 30);
    ck_assert_int_eq(observation_value_at_ms(first.observation), 1700000000000);
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "22");
    ck_assert_uint_eq(observation_value_id(first.observation).number, 2);
    ck_assert_uint_eq(observation_value_id(first.observation).epoch, id.epoch);
}
END_TEST

START_TEST(what_is_opened_is_found_by_its_key_alone)
{
    static struct cache_key key;

    watcher_open(&first, "/t");
    observing_key("192.0.2.9", "/t", &key);
    ck_assert_ptr_eq(observation_find(fixture.core, &key), first.observation);
    observing_key("192.0.2.9", "/u", &key);
    ck_assert_ptr_null(observation_find(fixture.core, &key));
    watcher_open(&second, "/u");
    ck_assert_ptr_eq(observation_find(fixture.core, &key), second.observation);
    ck_assert_uint_eq(observations_count(fixture.core), 2);
    ck_assert_uint_eq(observations_of(fixture.core, observation_peer(first.observation)), 2);
}
END_TEST

START_TEST(all_who_subscribed_share_one_registration)
{
    watcher_open(&first, "/t");
    watcher_join(&second, "/t");
    relation_value(relation_last(), "21", 30);
    watcher_join(&third, "/t");
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 21 22");
    watcher_assert_heard(&second, "live 21 22");
    watcher_assert_heard(&third, "22");
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(relation_last()->asked, 1);
}
END_TEST

START_TEST(the_last_one_to_leave_deregisters_at_once)
{
    watcher_open(&first, "/t");
    watcher_join(&second, "/t");
    relation_value(relation_last(), "21", 30);
    watcher_leave(&first);
    ck_assert_uint_eq(relations_open(), 1);
    watcher_leave(&second);
    ck_assert_uint_eq(relations_open(), 0);
    ck_assert(relation_last()->was_told);
    ck_assert_uint_eq(observations_count(fixture.core), 0);
}
END_TEST

START_TEST(one_who_leaves_before_the_node_was_asked_asks_nothing)
{
    ck_assert_int_eq(watcher_open_at(&first, "192.0.2.9", "/t", "192.0.2.9", NULL),
                     OBSERVATION_OPENED);
    watcher_leave(&first);
    fixture_advance(1000);
    ck_assert_uint_eq(observe_fake.count, 0);
}
END_TEST

START_TEST(a_value_becomes_stale_with_its_max_age_and_live_with_the_next)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    fixture_advance(29000);
    watcher_assert_heard(&first, "live 21");
    ck_assert_uint_eq(observation_max_age_s(first.observation), 1);
    fixture_advance(1000);
    watcher_assert_heard(&first, "stale");
    ck_assert_uint_eq(observation_max_age_s(first.observation), 0);
    fixture_advance(3600 * 1000);
    watcher_assert_heard(&first, "");
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 22");
}
END_TEST

START_TEST(a_value_without_max_age_is_fresh_for_a_minute)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", -1);
    fixture_advance(59000);
    watcher_assert_heard(&first, "live 21");
    fixture_advance(1000);
    watcher_assert_heard(&first, "stale");
}
END_TEST

START_TEST(a_notification_of_the_same_content_is_news)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21 21");
    ck_assert_uint_eq(observation_value_id(first.observation).number, 2);
}
END_TEST

START_TEST(a_refresh_that_brings_the_same_makes_it_live_again)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    fixture_advance(31000);
    watcher_assert_heard(&first, "live 21 stale");
    relation_due(relation_last());
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
    /* Nobody thought that it was old: nothing to tell. */
    relation_due(relation_last());
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "");
    fixture_advance(29000);
    watcher_assert_heard(&first, "");
}
END_TEST

START_TEST(a_2_03_stands_for_the_representation_with_its_etag)
{
    struct relation_answer valid = {.code = REST_CODE(2, 3), .max_age = 90, .etag = "a"};

    watcher_open(&first, "/t");
    relation_answer(relation_last(),
                    &(struct relation_answer){.payload = "21", .max_age = 30, .etag = "a"});
    fixture_advance(31000);
    watcher_assert_heard(&first, "live 21 stale");
    relation_due(relation_last());
    relation_answer(relation_last(), &valid);
    watcher_assert_heard(&first, "live 21");
    ck_assert_uint_eq(observation_max_age_s(first.observation), 90);
    relation_answer(relation_last(), &valid);
    watcher_assert_heard(&first, "21");
    ck_assert_uint_eq(observation_value_id(first.observation).number, 3);
}
END_TEST

START_TEST(a_2_03_for_what_is_not_there_is_asked_for_as_a_whole_and_not_for_ever)
{
    struct relation_answer valid = {.code = REST_CODE(2, 3), .max_age = 90, .etag = "b"};

    watcher_open(&first, "/t");
    relation_answer(relation_last(), &valid);
    ck_assert(relation_last()->forgets);
    ck_assert(relation_last()->is_asking);
    ck_assert_uint_eq(relation_last()->asked, 2);
    watcher_assert_heard(&first, "");
    relation_answer(relation_last(), &valid);
    ck_assert(!relation_last()->is_asking);
    watcher_assert_heard(&first, "offline:bad-response/502");
    fixture_advance(5000);
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
}
END_TEST

START_TEST(a_refusal_ends_it_for_all_and_the_next_registers_anew)
{
    struct relation_answer not_found = {.code = REST_CODE(4, 4), .max_age = -1, .payload = "no"};

    watcher_open(&first, "/t");
    watcher_join(&second, "/t");
    relation_value(relation_last(), "21", 30);
    relation_answer(relation_last(), &not_found);
    watcher_assert_heard(&first, "live 21 gone:node-error/404");
    watcher_assert_heard(&second, "live 21 gone:node-error/404");
    ck_assert_uint_eq(relations_open(), 0);
    ck_assert(!relation_last()->was_told);
    ck_assert_uint_eq(observations_count(fixture.core), 0);
    watcher_open(&first, "/t");
    ck_assert_uint_eq(observe_fake.count, 2);
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 22");
    ck_assert_uint_eq(observation_value_id(first.observation).number, 1);
}
END_TEST

static void look_at_refusal(struct watcher *watcher, enum observation_news news)
{
    struct rest_message message;

    (void)news;
    ck_assert_ptr_nonnull(observation_refusal(watcher->observation));
    representation_read(observation_refusal(watcher->observation), &message);
    ck_assert_uint_eq(message.code, REST_CODE(4, 3));
    ck_assert_str_eq((const char *)message.payload, "no");
    watcher->reaction = NULL;
}

START_TEST(a_refusal_can_be_looked_at_while_it_is_told)
{
    watcher_open(&first, "/t");
    first.reaction = look_at_refusal;
    relation_answer(relation_last(), &(struct relation_answer){
                                         .code = REST_CODE(4, 3), .max_age = -1, .payload = "no"});
    ck_assert_ptr_null(first.reaction);
    watcher_assert_heard(&first, "gone:node-error/403");
}
END_TEST

/* --- whoever is told may do what he likes --- */

static void leave_all(struct watcher *watcher, enum observation_news news)
{
    (void)watcher;
    (void)news;
    watcher_leave(&first);
    watcher_leave(&second);
    watcher_leave(&third);
}

START_TEST(any_of_them_may_make_all_leave)
{
    static struct watcher *const watchers[] = {&first, &second, &third};

    for (size_t i = 0; i < 3; i++) {
        watcher_open(&first, "/t");
        watcher_join(&second, "/t");
        watcher_join(&third, "/t");
        watchers[i]->reaction = leave_all;
        relation_value(relation_last(), "21", 30);
        ck_assert_uint_eq(observations_count(fixture.core), 0);
        ck_assert_uint_eq(relations_open(), 0);
        watchers[i]->reaction = NULL;
    }
}
END_TEST

static void leave_others(struct watcher *watcher, enum observation_news news)
{
    (void)news;
    if (watcher != &first)
        watcher_leave(&first);
    if (watcher != &third)
        watcher_leave(&third);
}

START_TEST(who_was_made_to_leave_is_not_told)
{
    watcher_open(&first, "/t");
    watcher_join(&second, "/t");
    watcher_join(&third, "/t");
    second.reaction = leave_others;
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&second, "live 21");
    /* They are told in one order or the other. */
    ck_assert_int_eq((int)strlen(first.heard) + (int)strlen(third.heard), 4);
    first.heard[0] = third.heard[0] = '\0';
}
END_TEST

static void bring_third(struct watcher *watcher, enum observation_news news)
{
    (void)news;
    watcher->reaction = NULL;
    watcher_join(&third, "/t");
}

START_TEST(who_comes_while_others_are_told_is_told_the_value_once)
{
    watcher_open(&first, "/t");
    watcher_join(&second, "/t");
    second.reaction = bring_third;
    relation_value(relation_last(), "21", 30);
    /* The state was there when he came, the value was not. */
    watcher_assert_heard(&third, "21");
    watcher_assert_heard(&first, "live 21");
}
END_TEST

static void leave_and_reopen(struct watcher *watcher, enum observation_news news)
{
    (void)news;
    watcher->reaction = NULL;
    watcher_leave(watcher);
    watcher_join(watcher, "/t");
}

START_TEST(one_who_leaves_and_comes_back_keeps_the_registration)
{
    watcher_open(&first, "/t");
    first.reaction = leave_and_reopen;
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
    ck_assert_uint_eq(relations_open(), 1);
}
END_TEST

static void open_again(struct watcher *watcher, enum observation_news news)
{
    (void)news;
    watcher->reaction = NULL;
    ck_assert_int_eq(watcher_open_at(watcher, "192.0.2.9", "/t", "192.0.2.9", NULL),
                     OBSERVATION_OPENED);
}

START_TEST(one_who_is_told_gone_may_open_the_next)
{
    watcher_open(&first, "/t");
    watcher_join(&second, "/t");
    first.reaction = open_again;
    relation_answer(relation_last(),
                    &(struct relation_answer){.code = REST_CODE(4, 4), .max_age = -1});
    watcher_assert_heard(&second, "gone:node-error/404");
    ck_assert_uint_eq(observations_count(fixture.core), 1);
    fixture_advance(0);
    ck_assert_uint_eq(observe_fake.count, 2);
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "gone:node-error/404 live 22");
}
END_TEST

/* --- limits --- */

START_TEST(there_are_limits_for_all_and_for_each_node)
{
    fixture.policy->observation_limits.registrations = 2;
    fixture.policy->observation_limits.registrations_per_node = 1;
    watcher_open(&first, "/a");
    ck_assert_int_eq(watcher_open_at(&second, "192.0.2.9", "/b", "192.0.2.9", NULL),
                     OBSERVATION_TOO_MANY_OF_NODE);
    ck_assert_int_eq(watcher_open_at(&second, "192.0.2.8", "/b", "192.0.2.8", NULL),
                     OBSERVATION_OPENED);
    ck_assert_int_eq(watcher_open_at(&third, "192.0.2.7", "/b", "192.0.2.7", NULL),
                     OBSERVATION_TOO_MANY);
    watcher_leave(&first);
    ck_assert_int_eq(watcher_open_at(&third, "192.0.2.7", "/b", "192.0.2.7", NULL),
                     OBSERVATION_OPENED);
}
END_TEST

START_TEST(observations_are_counted_under_the_name_of_their_node)
{
    const struct node_label_times times = {0};
    struct buffer text;

    watcher_open(&first, "/a");
    watcher_open(&second, "/b");
    relation_value(relation_last(), "21", 30);
    relation_value(relation_last(), "22", 30);
    buffer_init(&text, 1 << 20);
    ck_assert_int_eq(node_label_write_metrics(fixture.core->labels, &times, &text), 0);
    ck_assert_ptr_nonnull(
        strstr(buffer_text(&text), "\ncoapgw_observations{node=\"kitchen\"} 2\n"));
    watcher_leave(&first);
    buffer_clear(&text);
    buffer_init(&text, 1 << 20);
    ck_assert_int_eq(node_label_write_metrics(fixture.core->labels, &times, &text), 0);
    ck_assert_int_eq(metrics_write(fixture.core->metrics, &text), 0);
    ck_assert_ptr_nonnull(
        strstr(buffer_text(&text), "\ncoapgw_observations{node=\"kitchen\"} 1\n"));
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "\ncoapgw_observe_registrations_total 1\n"));
    ck_assert_ptr_nonnull(strstr(buffer_text(&text), "\ncoapgw_observe_notifications_total 1\n"));
    buffer_clear(&text);
}
END_TEST

/* --- the cache --- */

static struct representation *stored(const char *path, bool *is_fresh)
{
    static struct cache_key key;
    struct cache_found found;

    observing_key("192.0.2.9", path, &key);
    if (!cache_find(fixture.core->cache, &key, &found, NULL))
        return NULL;
    *is_fresh = !found.is_invalidated && found.fresh_us > 0;
    return found.representation;
}

START_TEST(plain_gets_are_answered_from_the_last_notification)
{
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    relation_value(relation_last(), "22", 30);
    ck_assert_int_eq(fixture_get("/nodes/kitchen/t"), EXCHANGE_ANSWERED);
    fixture_reply(200);
    fixture_assert_body("22");
    ck_assert_uint_eq(fixture.request_count, 0);
    fixture_advance(31000);
    ck_assert_int_eq(fixture_get("/nodes/kitchen/t"), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 5), -1, "23");
}
END_TEST

START_TEST(an_observation_is_not_stored_where_nothing_is_to_be_cached)
{
    bool is_fresh;

    fixture.policy->defaults.is_cached = false;
    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    ck_assert_ptr_null(stored("/t", &is_fresh));
}
END_TEST

START_TEST(a_change_ends_nothing_and_the_next_notification_is_fresh)
{
    bool is_fresh = true;

    watcher_open(&first, "/t");
    relation_value(relation_last(), "21", 30);
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/t");
    fixture_body("30");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    ck_assert_ptr_nonnull(stored("/t", &is_fresh));
    ck_assert(!is_fresh);
    relation_value(relation_last(), "30", 30);
    ck_assert_ptr_nonnull(stored("/t", &is_fresh));
    ck_assert(is_fresh);
    watcher_assert_heard(&first, "live 21 30");
}
END_TEST

START_TEST(an_answer_from_before_a_change_is_not_fresh)
{
    bool is_fresh = true;

    watcher_open(&first, "/t");
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/t");
    fixture_body("30");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    relation_answer(relation_last(), &(struct relation_answer){
                                         .payload = "21", .max_age = 30, .is_not_observed = true});
    ck_assert(stored("/t", &is_fresh) == NULL || !is_fresh);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("observation");
    TCase *life = tcase_create("life");
    TCase *reactions = tcase_create("reactions");
    TCase *cache = tcase_create("cache");

    tcase_add_checked_fixture(life, set_up, tear_down);
    tcase_add_test(life, a_value_is_told_behind_the_state_live);
    tcase_add_test(life, what_is_opened_is_found_by_its_key_alone);
    tcase_add_test(life, all_who_subscribed_share_one_registration);
    tcase_add_test(life, the_last_one_to_leave_deregisters_at_once);
    tcase_add_test(life, one_who_leaves_before_the_node_was_asked_asks_nothing);
    tcase_add_test(life, a_value_becomes_stale_with_its_max_age_and_live_with_the_next);
    tcase_add_test(life, a_value_without_max_age_is_fresh_for_a_minute);
    tcase_add_test(life, a_notification_of_the_same_content_is_news);
    tcase_add_test(life, a_refresh_that_brings_the_same_makes_it_live_again);
    tcase_add_test(life, a_2_03_stands_for_the_representation_with_its_etag);
    tcase_add_test(life, a_2_03_for_what_is_not_there_is_asked_for_as_a_whole_and_not_for_ever);
    tcase_add_test(life, a_refusal_ends_it_for_all_and_the_next_registers_anew);
    tcase_add_test(life, a_refusal_can_be_looked_at_while_it_is_told);
    tcase_add_test(life, observations_are_counted_under_the_name_of_their_node);
    tcase_add_test(life, there_are_limits_for_all_and_for_each_node);
    suite_add_tcase(suite, life);
    tcase_add_checked_fixture(reactions, set_up, tear_down);
    tcase_add_test(reactions, any_of_them_may_make_all_leave);
    tcase_add_test(reactions, who_was_made_to_leave_is_not_told);
    tcase_add_test(reactions, who_comes_while_others_are_told_is_told_the_value_once);
    tcase_add_test(reactions, one_who_leaves_and_comes_back_keeps_the_registration);
    tcase_add_test(reactions, one_who_is_told_gone_may_open_the_next);
    suite_add_tcase(suite, reactions);
    tcase_add_checked_fixture(cache, set_up, tear_down);
    tcase_add_test(cache, plain_gets_are_answered_from_the_last_notification);
    tcase_add_test(cache, an_observation_is_not_stored_where_nothing_is_to_be_cached);
    tcase_add_test(cache, a_change_ends_nothing_and_the_next_notification_is_fresh);
    tcase_add_test(cache, an_answer_from_before_a_change_is_not_fresh);
    suite_add_tcase(suite, cache);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
