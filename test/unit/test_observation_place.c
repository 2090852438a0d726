/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation.h"

/* test_observation_place: how an observation follows its node to other addresses, and what a reload
 * means for it. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "node_label.h"
#include "observation_fixture.h"

static struct watcher first, second;

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

START_TEST(the_next_address_is_tried_when_one_is_unreachable)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", "192.0.2.2"),
                     OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_UNREACHABLE,
                  &(struct request_report){.transmissions = 1});
    ck_assert_uint_eq(observe_fake.count, 2);
    ck_assert_int_eq(relation_last()->peer.bytes[3], 2);
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "live 21");
    ck_assert_uint_eq(observations_of(fixture.core, observation_peer(first.observation)), 1);
}
END_TEST

START_TEST(it_stays_where_the_node_answers_until_there_is_trouble)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", "192.0.2.2"),
                     OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_UNREACHABLE,
                  &(struct request_report){.transmissions = 1});
    relation_value(relation_last(), "21", 30);
    fixture_advance(40000);
    relation_due(relation_last());
    ck_assert_uint_eq(observe_fake.count, 2);
    relation_answer(relation_last(), &(struct relation_answer){
                                         .payload = "22", .max_age = 1, .is_not_observed = true});
    fixture_advance(10000);
    ck_assert(relation_last()->is_asking);
    ck_assert_uint_eq(observe_fake.count, 2);
    relation_fail(relation_last(), REQUEST_UNREACHABLE,
                  &(struct request_report){.transmissions = 1});
    watcher_assert_heard(&first, "live 21 stale live 22 offline:unreachable/502");
    fixture_advance(5000);
    fixture_resolve("192.0.2.1", "192.0.2.2");
    ck_assert_uint_eq(observe_fake.count, 3);
    ck_assert_int_eq(relation_last()->peer.bytes[3], 1);
}
END_TEST

START_TEST(a_node_that_has_moved_is_found_by_its_name)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    fixture_advance(0);
    relation_value(relation_last(), "21", 30);
    fixture_advance(40000);
    relation_due(relation_last());
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    watcher_assert_heard(&first, "live 21 stale offline:silent/504");
    ck_assert_uint_eq(fixture.question_count, 1);
    fixture_resolve("192.0.2.2", NULL);
    ck_assert_uint_eq(observe_fake.count, 2);
    ck_assert(!observe_fake.relations[0].is_open);
    /* Nobody hears it where the node was. */
    ck_assert(!observe_fake.relations[0].was_told);
    ck_assert_int_eq(relation_last()->peer.bytes[3], 2);
    ck_assert_uint_eq(relation_last()->peer.port, 5683);
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 22");
}
END_TEST

START_TEST(a_node_that_is_lost_is_offline_while_its_name_is_asked_for)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.9", NULL), OBSERVATION_OPENED);
    fixture_advance(0);
    relation_value(relation_last(), "21", 3600);
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    fixture_fail(REQUEST_TIMED_OUT, &observing_spent);
    fixture_advance(0);
    ck_assert_uint_eq(fixture.question_count, 1);
    watcher_assert_heard(&first, "live 21 offline:silent/504");
    fixture_resolve("192.0.2.2", NULL);
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 22");
}
END_TEST

START_TEST(a_sign_of_life_does_not_turn_it_from_an_address_that_is_being_asked)
{
    const struct request_report sent = {.transmissions = 1};
    struct endpoint_address peer = observing_address("192.0.2.2");

    ck_assert_int_eq(watcher_open_at(&first, "192.0.2.1", "/t", "192.0.2.1", "192.0.2.2"),
                     OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_UNREACHABLE, &sent);
    relation_fail(relation_last(), REQUEST_UNREACHABLE, &sent);
    fixture_advance(5000);
    relation_fail(relation_last(), REQUEST_UNREACHABLE, &sent);
    ck_assert_int_eq(relation_last()->peer.bytes[3], 2);
    size_t count = observe_fake.count;
    fixture.peer_events.heard(fixture.peer_events.handle, &peer);
    fixture_advance(0);
    ck_assert_uint_eq(observe_fake.count, count);
    ck_assert(relation_last()->is_open && relation_last()->is_asking);
    relation_value(relation_last(), "21", 30);
    watcher_assert_heard(&first, "offline:unreachable/502 live 21");
}
END_TEST

START_TEST(who_may_not_follow_is_left_behind)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    second = first;
    second.subscription = (struct subscription){.told = first.subscription.told,
                                                .may_follow = first.subscription.may_follow};
    second.stays_behind = true;
    observation_subscribe(first.observation, &second.subscription);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    fixture_resolve("192.0.2.2", NULL);
    watcher_assert_heard(&first, "offline:silent/504");
    watcher_assert_heard(&second, "offline:silent/504 gone:forbidden/403");
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 22");
    watcher_assert_heard(&second, "");
}
END_TEST

START_TEST(when_nobody_may_follow_the_new_node_is_not_asked)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    first.stays_behind = true;
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    fixture_resolve("192.0.2.2", NULL);
    watcher_assert_heard(&first, "offline:silent/504 gone:forbidden/403");
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(observations_count(fixture.core), 0);
}
END_TEST

START_TEST(the_access_rules_judge_the_place_where_the_node_is)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    fixture_advance(0);
    ck_assert(observation_judge(first.observation, ROLE_READ));
    ck_assert(!observation_judge(first.observation, 0));
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    fixture_resolve("198.51.100.1", NULL);
    ck_assert(!observation_judge(first.observation, ROLE_READ));
}
END_TEST

START_TEST(a_name_that_leads_to_the_gateway_or_to_many_is_not_followed)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_RESET, &(struct request_report){.transmissions = 1});
    watcher_assert_heard(&first, "offline:reset/502");
    fixture_advance(5000);
    fixture.self = "192.0.2.77:5683";
    fixture_resolve("192.0.2.77", "224.0.1.187");
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(relation_last()->asked, 1);
    /* The name leads elsewhere again, once its answer is old. */
    for (unsigned i = 0; i < 10 && fixture.question_count < 2; i++)
        fixture_advance(10000);
    fixture_resolve("192.0.2.1", NULL);
    ck_assert_uint_eq(relation_last()->asked, 2);
}
END_TEST

START_TEST(a_name_service_that_fails_says_nothing_of_the_node)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_RESET, &(struct request_report){.transmissions = 1});
    fixture_advance(5000);
    ck_assert_uint_eq(fixture.question_count, 1);
    resolver_answer *answer = fixture.questions[0].answer;
    fixture.questions[0].answer = NULL;
    answer(fixture.questions[0].handle, RESOLVER_FAILED, NULL, 0);
    ck_assert_uint_eq(relation_last()->asked, 2);
}
END_TEST

START_TEST(a_name_that_is_not_known_any_more_is_asked_for_again)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_RESET, &(struct request_report){.transmissions = 1});
    fixture_advance(5000);
    fixture_resolve(NULL, NULL);
    ck_assert_uint_eq(relation_last()->asked, 1);
    fixture_advance(10000);
    ck_assert_uint_eq(fixture.question_count, 2);
    fixture_resolve("192.0.2.1", NULL);
    ck_assert_uint_eq(relation_last()->asked, 2);
}
END_TEST

START_TEST(one_who_leaves_while_a_name_is_asked_for_leaves_nothing)
{
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.1", NULL), OBSERVATION_OPENED);
    fixture_advance(0);
    relation_fail(relation_last(), REQUEST_TIMED_OUT, &observing_spent);
    watcher_leave(&first);
    fixture_resolve("192.0.2.2", NULL);
    ck_assert_uint_eq(observe_fake.count, 1);
}
END_TEST

/* --- a reload --- */

START_TEST(an_observation_outlives_a_reload)
{
    struct policy *policy =
        fixture_policy("[ { \"networks\": [\"192.0.2.0/24\"], \"ports\": \"*\" } ]", NULL);

    policy->observation_limits = fixture.policy->observation_limits;
    watcher_open(&first, "/t");
    ck_assert_int_eq(core_set_policy(fixture.core, policy), 0);
    fixture.policy = policy;
    relation_value(relation_last(), "21", 30);
    watcher_join(&second, "/t");
    relation_value(relation_last(), "22", 30);
    watcher_assert_heard(&first, "live 21 22");
    watcher_assert_heard(&second, "22");
}
END_TEST

START_TEST(where_a_node_moves_is_judged_by_the_rules_in_force)
{
    struct policy *policy =
        fixture_policy("[ { \"networks\": [\"192.0.2.1/32\"], \"ports\": \"*\" } ]", NULL);

    policy->observation_limits = fixture.policy->observation_limits;
    ck_assert_int_eq(watcher_open_at(&first, "hall", "/t", "192.0.2.2", NULL), OBSERVATION_OPENED);
    ck_assert(observation_judge(first.observation, ROLE_READ));
    ck_assert_int_eq(core_set_policy(fixture.core, policy), 0);
    fixture.policy = policy;
    ck_assert(!observation_judge(first.observation, ROLE_READ));
}
END_TEST

START_TEST(another_upstream_proxy_ends_it_so_that_it_begins_anew)
{
    struct policy *policy =
        fixture_policy("[ { \"networks\": [\"192.0.2.0/24\"], \"ports\": \"*\" } ]", NULL);

    policy->has_upstream_proxy = true;
    ck_assert_int_eq(
        uri_parse_authority("192.0.2.200", 11, URI_SCHEME_COAP, &policy->upstream_proxy), URI_OK);
    watcher_open(&first, "/t");
    watcher_open(&second, "/u");
    relation_value(relation_last(), "21", 30);
    ck_assert_int_eq(core_set_policy(fixture.core, policy), 0);
    fixture.policy = policy;
    watcher_assert_heard(&first, "gone/503");
    watcher_assert_heard(&second, "live 21 gone/503");
    ck_assert_uint_eq(relations_open(), 0);
    ck_assert(relation_last()->was_told);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("observation_place");
    TCase *places = tcase_create("places");

    tcase_add_checked_fixture(places, set_up, tear_down);
    tcase_add_test(places, the_next_address_is_tried_when_one_is_unreachable);
    tcase_add_test(places, it_stays_where_the_node_answers_until_there_is_trouble);
    tcase_add_test(places, a_node_that_has_moved_is_found_by_its_name);
    tcase_add_test(places, a_node_that_is_lost_is_offline_while_its_name_is_asked_for);
    tcase_add_test(places, a_sign_of_life_does_not_turn_it_from_an_address_that_is_being_asked);
    tcase_add_test(places, who_may_not_follow_is_left_behind);
    tcase_add_test(places, when_nobody_may_follow_the_new_node_is_not_asked);
    tcase_add_test(places, the_access_rules_judge_the_place_where_the_node_is);
    tcase_add_test(places, a_name_that_leads_to_the_gateway_or_to_many_is_not_followed);
    tcase_add_test(places, a_name_service_that_fails_says_nothing_of_the_node);
    tcase_add_test(places, a_name_that_is_not_known_any_more_is_asked_for_again);
    tcase_add_test(places, one_who_leaves_while_a_name_is_asked_for_leaves_nothing);
    tcase_add_test(places, an_observation_outlives_a_reload);
    tcase_add_test(places, where_a_node_moves_is_judged_by_the_rules_in_force);
    tcase_add_test(places, another_upstream_proxy_ends_it_so_that_it_begins_anew);
    suite_add_tcase(suite, places);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
