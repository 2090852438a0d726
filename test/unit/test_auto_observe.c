/* SPDX-License-Identifier: BSD-2-Clause */
#include "auto_observe.h"

/*
 * test_auto_observe: clients and a node on the test clock: whether what is asked for is observed is
 * a matter of how often it is asked for and how often it changes (RFC 8075 8.2).
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "cache.h"
#include "core_private.h"
#include "node_label.h"
#include "observation_fixture.h"
#include "policy.h"
#include "proves.h"
#include "representation.h"
#include "uri.h"

enum { SECOND = 1000, HOUR_S = 3600 };

static struct {
    unsigned second;
    unsigned value;   /* what the node has */
    unsigned asked;   /* plain GETs that it got */
    unsigned told;    /* notifications that it sent */
    bool is_ignorant; /* it knows no Observe */
} world;

/* The n-th allocation fails, and all behind it; 0: none does. */
static unsigned long fails_at;
static bool has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    if (fails_at == 0)
        return true;
    if (fails_at > 1) {
        fails_at--;
        return true;
    }
    has_failed = true;
    return false;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

static void set_up(void)
{
    memset(&world, 0, sizeof world);
    observing_set_up();
    fixture.policy->auto_observe = true;
}

static void tear_down(void)
{
    auto_observe_clear(fixture.core->auto_observe);
    observing_tear_down();
}

static size_t observed(void)
{
    return auto_observe_count(fixture.core->auto_observe);
}

static const char *value_text(void)
{
    static char text[16];

    (void)snprintf(text, sizeof text, "%u", world.value);
    return text;
}

/* A client asks, and gets what the node has, from the node or from the cache. */
static void ask(const char *target, unsigned max_age)
{
    static struct rest_request response;

    if (fixture_get(target) == EXCHANGE_PARKED) {
        world.asked++;
        rest_request_init(&response);
        response.message.code = REST_CODE(2, 5);
        rest_request_add_uint(&response, REST_OPTION_MAX_AGE, max_age);
        fixture_answer_with(&response, value_text());
    }
    fixture_reply(200);
    fixture_done();
    fixture.request_count = 0; /* none is under way, and many follow */
    fixture_advance(0);
}

/* The node answers a registration, or tells those who are registered of its value. */
static void tell(bool is_changed)
{
    struct relation *relation = observe_fake.count == 0 ? NULL : relation_last();
    struct relation_answer answer = {
        .payload = value_text(), .max_age = 60, .is_not_observed = world.is_ignorant};

    if (relation == NULL || !relation->is_open || (!relation->is_asking && !is_changed))
        return;
    world.told += !relation->is_asking;
    relation_answer(relation, &answer);
}

/* So many seconds with a request every `request_s` and a change every `change_s` (0: none). */
static void live_for(unsigned seconds, unsigned request_s, unsigned change_s)
{
    for (unsigned i = 0; i < seconds; i++) {
        bool is_changed = change_s > 0 && world.second % change_s == 0;

        world.value += is_changed;
        tell(is_changed);
        if (request_s > 0 && world.second % request_s == 0)
            ask("/nodes/kitchen/t", 1);
        tell(false);
        fixture_advance(1 * SECOND);
        world.second++;
    }
}

START_TEST(what_is_asked_for_more_often_than_half_as_often_as_it_changes_is_observed)
{
    live_for(600, 15, 10);
    ck_assert_uint_eq(observed(), 1);
    ck_assert_uint_eq(observe_fake.count, 1);
    world.asked = 0;
    live_for(HOUR_S, 15, 10);
    ck_assert_uint_eq(observed(), 1);
    ck_assert_uint_eq(observe_fake.count, 1);
    /* All that time clients were answered by what the node had told. */
    ck_assert_uint_eq(world.asked, 0);
    proves("CACHE-22");
}
END_TEST

START_TEST(what_is_asked_for_less_often_than_that_is_not)
{
    live_for(600, 30, 10);
    ck_assert_uint_eq(observed(), 0);
    /* Only a trial tells how often it changes, and trials become rare. */
    world.asked = world.told = 0;
    observe_fake.count = 0;
    live_for(4 * HOUR_S, 30, 10);
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_le(observe_fake.count, 9);
    ck_assert_uint_lt(world.told, 9 * 20);
    ck_assert_uint_gt(world.asked, 400);
    proves("CACHE-22");
}
END_TEST

START_TEST(an_observation_ends_when_requests_become_rare)
{
    live_for(600, 5, 20);
    ck_assert_uint_eq(observed(), 1);
    live_for(600, 60, 20);
    ck_assert_uint_eq(observed(), 0);
    ck_assert(relation_last()->was_told);
    proves("CACHE-22");
}
END_TEST

START_TEST(an_observation_ends_when_changes_become_frequent)
{
    live_for(600, 10, 60);
    ck_assert_uint_eq(observed(), 1);
    live_for(120, 10, 1);
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_lt(world.told, 40);
    proves("CACHE-22");
}
END_TEST

START_TEST(an_observation_ends_when_nobody_asks_any_more)
{
    live_for(600, 1, 0);
    ck_assert_uint_eq(observed(), 1);
    live_for(560, 0, 0);
    ck_assert_uint_eq(observed(), 1);
    live_for(80, 0, 0);
    ck_assert_uint_eq(observed(), 0);
    ck_assert(relation_last()->was_told);
}
END_TEST

START_TEST(three_requests_are_no_reason_and_rare_ones_neither)
{
    for (unsigned i = 0; i < 3; i++) {
        ask("/nodes/kitchen/t", 0);
        fixture_advance(SECOND);
    }
    ck_assert_uint_eq(observed(), 0);
    ask("/nodes/kitchen/t", 0);
    ck_assert_uint_eq(observed(), 1);
    live_for(20 * HOUR_S, 700, 0);
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(observe_fake.count, 1);
}
END_TEST

START_TEST(a_node_without_observe_is_not_polled)
{
    world.is_ignorant = true;
    live_for(600, 5, 20);
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(relation_last()->asked, 1);
    live_for(HOUR_S / 2, 5, 20);
    ck_assert_uint_eq(observe_fake.count, 1);
    live_for(HOUR_S, 5, 20);
    ck_assert_uint_eq(observe_fake.count, 2);
}
END_TEST

START_TEST(a_node_that_forgets_observe_is_not_polled_for_long)
{
    live_for(600, 5, 0);
    ck_assert_uint_eq(observed(), 1);
    world.is_ignorant = true;
    tell(true);
    live_for(31, 5, 0);
    ck_assert_uint_eq(observed(), 0);
}
END_TEST

START_TEST(a_node_that_is_away_or_refuses_is_left_alone)
{
    live_for(60, 5, 0);
    ck_assert_uint_eq(observed(), 1);
    relation_answer(relation_last(), &(struct relation_answer){.code = REST_CODE(4, 4)});
    ck_assert_uint_eq(observed(), 0);
    live_for(50, 5, 0);
    ck_assert_uint_eq(observed(), 0);
    live_for(60, 5, 0);
    ck_assert_uint_eq(observed(), 1);
    ck_assert_uint_eq(observe_fake.count, 2);
    relation_answer(relation_last(),
                    &(struct relation_answer){.code = REST_CODE(5, 0), .max_age = -1});
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

START_TEST(nothing_is_observed_where_it_is_not_wanted)
{
    fixture.policy->auto_observe = false;
    live_for(600, 1, 0);
    ck_assert_uint_eq(observe_fake.count, 0);
    fixture.policy->auto_observe = true;
    fixture.policy->cache_limits.entries = 0;
    live_for(600, 1, 0);
    ck_assert_uint_eq(observe_fake.count, 0);
}
END_TEST

START_TEST(nothing_is_observed_where_nothing_is_kept)
{
    for (unsigned i = 0; i < 100; i++) {
        ask("/nodes/bare/t", 1);
        fixture_advance(SECOND);
    }
    ck_assert_uint_eq(observe_fake.count, 0);
}
END_TEST

static void ask_often(const char *target)
{
    for (unsigned i = 0; i < 4; i++) {
        ask(target, 0);
        fixture_advance(100);
    }
}

START_TEST(half_of_the_room_is_left_to_those_who_subscribe)
{
    char target[64];

    fixture.policy->observation_limits.registrations = 9;
    fixture.policy->observation_limits.registrations_per_node = 50;
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(target, sizeof target, "/nodes/kitchen/%u", i);
        ask_often(target);
    }
    ck_assert_uint_eq(observed(), 4);
    auto_observe_clear(fixture.core->auto_observe);
    ck_assert_uint_eq(relations_open(), 0);
    fixture.policy->observation_limits.registrations = 100;
    fixture.policy->observation_limits.registrations_per_node = 6;
    for (unsigned i = 0; i < 20; i++) {
        (void)snprintf(target, sizeof target, "/nodes/kitchen/%u", i);
        ask_often(target);
    }
    ck_assert_uint_eq(observed(), 3);
}
END_TEST

START_TEST(what_others_observe_is_not_observed_once_more)
{
    struct watcher watcher = {0};

    watcher_open(&watcher, "/t");
    tell(false);
    ask_often("/nodes/kitchen/t");
    relation_value(relation_last(), "1", 0);
    ask_often("/nodes/kitchen/t");
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(observe_fake.count, 1);
    watcher_leave(&watcher);
    ask_often("/nodes/kitchen/t");
    ck_assert_uint_eq(observed(), 1);
}
END_TEST

START_TEST(one_who_subscribes_shares_what_is_observed_and_stays)
{
    struct watcher watcher = {0};

    live_for(60, 5, 0);
    ck_assert_uint_eq(observed(), 1);
    watcher_join(&watcher, "/t");
    live_for(20, 0, 1);
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(relations_open(), 1);
    watcher_leave(&watcher);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

START_TEST(a_reload_and_the_end_of_the_gateway_end_observations)
{
    live_for(60, 5, 0);
    ck_assert_uint_eq(observed(), 1);
    ck_assert_int_eq(core_set_policy(fixture.core, policy_reference(fixture.core->policy)), 0);
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(relations_open(), 0);
    live_for(60, 5, 0);
    ck_assert_uint_eq(observed(), 1);
    core_set_draining(fixture.core);
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

START_TEST(many_targets_are_forgotten_again)
{
    char target[64];

    ask_often("/nodes/kitchen/first");
    ck_assert_uint_eq(observed(), 1);
    for (unsigned i = 0; i < 1500; i++) {
        (void)snprintf(target, sizeof target, "/nodes/kitchen/%u", i);
        ask(target, 0);
    }
    /* The one that was asked for longest ago went with the others. */
    ck_assert_uint_eq(observed(), 0);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

/* What may come of relations. */
static void meet(struct relation *relation, unsigned fate)
{
    const struct request_report silence = {.transmissions = 5, .is_spent = true};
    struct relation_answer answer = {.payload = value_text(), .max_age = (int)(fate % 50)};

    if (!relation->is_open)
        return;
    if (relation->is_asking && fate % 5 == 0) {
        relation_fail(relation, fate % 2 == 0 ? REQUEST_TIMED_OUT : REQUEST_RESET, &silence);
        return;
    }
    answer.is_not_observed = relation->is_asking && fate % 7 == 0;
    if (fate % 31 == 0)
        answer.code = fate % 2 == 0 ? REST_CODE(4, 4) : REST_CODE(5, 3);
    relation_answer(relation, &answer);
}

static void live_by_chance(struct random_sequence *sequence, struct watcher *watcher)
{
    const struct random_source random = random_sequence_source(sequence);
    const struct endpoint_address kitchen = observing_address("192.0.2.9");
    uint32_t chance = random_below(&random, 1000);
    size_t recent = observe_fake.count < 10 ? observe_fake.count : 10;
    char target[32];

    if (chance % 4 == 0)
        fixture.peer_events.heard(fixture.peer_events.handle, &kitchen);
    world.value += chance % 20 == 0;
    if (chance < 600) {
        (void)snprintf(target, sizeof target, "/nodes/kitchen/%u", chance % 17);
        if (fixture_get(target) == EXCHANGE_PARKED)
            fixture_answer(chance % 11 == 0 ? REST_CODE(4, 4) : REST_CODE(2, 5), 0, value_text());
        fixture_done();
        fixture.request_count = 0;
    } else if (chance < 950 && observe_fake.count > 0) {
        meet(&observe_fake.relations[observe_fake.count - 1 - chance % recent],
             random_below(&random, 1000));
    } else if (chance < 960) {
        watcher_leave(watcher);
    } else if (chance < 980 && watcher->subscription.observation == NULL) {
        watcher->heard[0] = '\0';
        if (observations_count(fixture.core) == 0)
            watcher_open(watcher, "/1");
    } else if (chance == 999) {
        ck_assert_int_eq(core_set_policy(fixture.core, policy_reference(fixture.core->policy)), 0);
    }
    fixture_advance(random_below(&random, 3000));
}

START_TEST(whatever_happens_nothing_is_left)
{
    struct watcher watcher = {0};
    struct random_sequence sequence;
    size_t begun = 0;

    random_sequence_init(&sequence, 22);
    for (unsigned i = 0; i < 20000; i++) {
        live_by_chance(&sequence, &watcher);
        ck_assert_uint_le(observed(), observations_count(fixture.core));
        /* The fake has room for so many. */
        if (observe_fake.count > 200) {
            watcher_leave(&watcher);
            auto_observe_clear(fixture.core->auto_observe);
            ck_assert_uint_eq(relations_open(), 0);
            begun += observe_fake.count;
            observe_fake_reset();
        }
    }
    watcher_leave(&watcher);
    auto_observe_clear(fixture.core->auto_observe);
    ck_assert_uint_eq(observations_count(fixture.core), 0);
    begun += observe_fake.count;
    ck_assert_uint_gt(begun, 100);
}
END_TEST

/* What the exchanges of clients who ask for /t at kitchen tell, five times, while memory is short
 * from the `failing`-th allocation on. */
static void tell_of_demand(struct node_label *label, const struct representation *value,
                           unsigned long failing)
{
    static struct rest_request request;
    static struct cache_key key;
    const struct endpoint_address address = observing_address("192.0.2.9");
    struct uri_authority authority;

    observing_key("192.0.2.9", "/t", &key);
    rest_request_init(&request);
    request.message.code = REST_GET;
    ck_assert_int_eq(uri_add_path(&request, "/t", 2), URI_OK);
    ck_assert_int_eq(uri_parse_authority("192.0.2.9", 9, URI_SCHEME_COAP, &authority), URI_OK);
    const struct observation_spec spec = {
        .key = &key,
        .policy = fixture.core->policy,
        .rules = &fixture.core->policy->defaults,
        .label = label,
        .authority = &authority,
        .is_mapped = true,
        .coap = &request,
        .addresses = &address,
        .address_count = 1,
    };
    fails_at = failing;
    for (unsigned i = 0; i < 5; i++) {
        auto_observe_answered(fixture.core, &spec, value);
        auto_observe_asked(fixture.core, &key);
        timers_set_now_us(fixture.timers, timers_now_us(fixture.timers) + 1000);
    }
    fails_at = 0;
}

START_TEST(without_memory_nothing_is_observed_and_nothing_is_lost)
{
    static const struct rest_message response = {.code = REST_CODE(2, 5)};
    struct node_label *label = node_label_acquire(fixture.core->labels, "kitchen");
    struct representation *value = representation_new(&response, 0);
    unsigned long tries = 0;

    ck_assert_ptr_nonnull(value);
    do {
        auto_observe_clear(fixture.core->auto_observe);
        ck_assert_uint_eq(observations_count(fixture.core), 0);
        has_failed = false;
        tell_of_demand(label, value, ++tries);
        ck_assert_uint_eq(observed(), observations_count(fixture.core));
    } while (has_failed);
    ck_assert_uint_gt(tries, 5);
    ck_assert_uint_eq(observed(), 1);
    representation_release(value);
    node_label_release(label);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("auto_observe");
    TCase *tests = tcase_create("auto_observe");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_set_timeout(tests, 60);
    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests,
                   what_is_asked_for_more_often_than_half_as_often_as_it_changes_is_observed);
    tcase_add_test(tests, what_is_asked_for_less_often_than_that_is_not);
    tcase_add_test(tests, an_observation_ends_when_requests_become_rare);
    tcase_add_test(tests, an_observation_ends_when_changes_become_frequent);
    tcase_add_test(tests, an_observation_ends_when_nobody_asks_any_more);
    tcase_add_test(tests, three_requests_are_no_reason_and_rare_ones_neither);
    tcase_add_test(tests, a_node_without_observe_is_not_polled);
    tcase_add_test(tests, a_node_that_forgets_observe_is_not_polled_for_long);
    tcase_add_test(tests, a_node_that_is_away_or_refuses_is_left_alone);
    tcase_add_test(tests, nothing_is_observed_where_it_is_not_wanted);
    tcase_add_test(tests, nothing_is_observed_where_nothing_is_kept);
    tcase_add_test(tests, half_of_the_room_is_left_to_those_who_subscribe);
    tcase_add_test(tests, what_others_observe_is_not_observed_once_more);
    tcase_add_test(tests, one_who_subscribes_shares_what_is_observed_and_stays);
    tcase_add_test(tests, a_reload_and_the_end_of_the_gateway_end_observations);
    tcase_add_test(tests, many_targets_are_forgotten_again);
    tcase_add_test(tests, whatever_happens_nothing_is_left);
    tcase_add_test(tests, without_memory_nothing_is_observed_and_nothing_is_lost);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
