/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation.h"

/* test_observation_chaos: subscribers, nodes and the name service do anything in any order. However
 * it went, an observation that somebody is subscribed to ends with the node's value once the node
 * answers, and without subscribers nothing is left. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "observation_fixture.h"
#include "random_source.h"
#include "representation.h"

enum { WATCHERS = 8, SEEDS = 300, STEPS = 120 };

static struct watcher watchers[WATCHERS];
static struct random_sequence dice;

static uint32_t roll(uint32_t sides)
{
    struct random_source source = random_sequence_source(&dice);

    return random_below(&source, sides);
}

/* --- what may happen --- */

static struct watcher *any_watcher(void)
{
    return &watchers[roll(WATCHERS)];
}

static void leave_somebody(struct watcher *watcher, enum observation_news news)
{
    (void)news;
    watcher->heard[0] = '\0';
    if (roll(4) == 0)
        watcher_leave(any_watcher());
}

/* Node kitchen at one address, or node hall, whose name has two. */
static void come(void)
{
    static const char *const paths[] = {"/a", "/b"};
    struct watcher *watcher = any_watcher();
    const char *path = paths[roll(2)];
    bool is_hall = roll(2) == 0;
    const char *authority = is_hall ? "hall" : "192.0.2.9";

    if (watcher->subscription.observation != NULL)
        return;
    memset(watcher, 0, sizeof *watcher);
    watcher->stays_behind = roll(8) == 0;
    watcher->reaction = leave_somebody;
    if (!watcher_join_at(watcher, authority, path))
        (void)watcher_open_at(watcher, authority, path, is_hall ? "192.0.2.1" : "192.0.2.9",
                              is_hall ? "192.0.2.2" : NULL);
}

static struct relation *any_relation(void)
{
    struct relation *relation = observe_fake.count == 0
                                    ? NULL
                                    : &observe_fake.relations[roll((uint32_t)observe_fake.count)];

    return relation != NULL && relation->is_open ? relation : NULL;
}

static void answer(void)
{
    static const uint8_t codes[] = {REST_CODE(2, 5),  REST_CODE(2, 5), REST_CODE(2, 5),
                                    REST_CODE(2, 3),  REST_CODE(5, 3), REST_CODE(5, 0),
                                    REST_CODE(4, 29), REST_CODE(4, 4), REST_CODE(2, 4)};
    static const char *const payloads[] = {"1", "2", "3"};
    struct relation *relation = any_relation();
    struct relation_answer news = {
        .code = codes[roll(sizeof codes)],
        .payload = payloads[roll(3)],
        .max_age = (int)roll(40) - 1,
        .etag = roll(2) == 0 ? "a" : NULL,
        .is_not_observed = roll(3) == 0,
    };

    if (relation != NULL)
        relation_answer(relation, &news);
}

static void fail_request(void)
{
    static const enum request_failure failures[] = {
        REQUEST_TIMED_OUT,    REQUEST_TIMED_OUT, REQUEST_RESET,       REQUEST_UNREACHABLE,
        REQUEST_BAD_RESPONSE, REQUEST_GIVEN_UP,  REQUEST_DISPLACED,   REQUEST_OUT_OF_MEMORY,
        REQUEST_BAD_TRANSFER, REQUEST_TIMED_OUT, REQUEST_UNREACHABLE,
    };
    struct relation *relation = any_relation();
    struct request_report report = observing_spent;

    report.was_heard = roll(3) == 0;
    if (relation != NULL && relation->is_asking)
        relation_fail(relation, failures[roll(sizeof failures / sizeof failures[0])], &report);
}

static void become_due(void)
{
    struct relation *relation = any_relation();

    if (relation != NULL && relation->is_refreshed)
        relation_due(relation);
}

static void hear_from(const char *address)
{
    struct endpoint_address peer = observing_address(address);

    fixture.peer_events.heard(fixture.peer_events.handle, &peer);
}

static void resolve(void)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "224.0.1.187"};

    if (roll(4) == 0)
        fixture_resolve(NULL, NULL);
    else
        fixture_resolve(addresses[roll(4)], roll(2) == 0 ? addresses[roll(4)] : NULL);
}

/* Places for questions and relations that are over are used again. */
static void forget_what_is_over(void)
{
    bool is_open = false;

    for (size_t i = 0; i < fixture.question_count; i++)
        is_open = is_open || fixture.questions[i].answer != NULL;
    if (!is_open)
        fixture.question_count = 0;
    else if (fixture.question_count == FIXTURE_QUESTIONS_MAX)
        fixture_resolve("192.0.2.1", NULL);
}

static void step(void)
{
    static const char *const addresses[] = {"192.0.2.1", "192.0.2.2", "192.0.2.3", "192.0.2.9"};

    forget_what_is_over();
    switch (roll(10)) {
    case 0:
    case 1:
        come();
        break;
    case 2:
        watcher_leave(any_watcher());
        break;
    case 3:
    case 4:
        answer();
        break;
    case 5:
        fail_request();
        break;
    case 6:
        become_due();
        break;
    case 7:
        hear_from(addresses[roll(4)]);
        break;
    case 8:
        resolve();
        break;
    default:
        observe_fake.refusal = roll(5) == 0 ? REQUEST_QUEUE_FULL : REQUEST_STARTED;
        fixture_advance(roll(30000));
    }
    if (roll(2) == 0)
        fixture_advance(0);
}

/* --- in the end --- */

/* Nodes answer whatever comes, and nothing else happens. */
static void be_well(unsigned minutes)
{
    char address[ENDPOINT_ADDRESS_TEXT_SIZE];
    unsigned pings = fixture.pings;

    observe_fake.refusal = REQUEST_STARTED;
    for (unsigned i = 0; i < minutes * 12; i++) {
        forget_what_is_over();
        fixture_advance(5000);
        fixture_resolve("192.0.2.1", NULL);
        if (fixture.pings != pings) {
            pings = fixture.pings;
            hear_from(endpoint_address_format_host(&fixture.pinged, address));
        }
        for (size_t n = 0; n < observe_fake.count; n++) {
            struct relation *relation = &observe_fake.relations[n];

            if (!relation->is_open || !relation->is_asking)
                continue;
            hear_from(endpoint_address_format_host(&relation->peer, address));
            relation_value(relation, "well", 3600);
        }
    }
}

/* The refreshes that the real layer would have made become due. */
static void refresh_all(void)
{
    for (size_t n = 0; n < observe_fake.count; n++)
        if (observe_fake.relations[n].is_open && observe_fake.relations[n].is_refreshed)
            relation_due(&observe_fake.relations[n]);
}

static void assert_all_live(uint64_t seed)
{
    for (size_t i = 0; i < WATCHERS; i++) {
        const struct observation *observation = watchers[i].subscription.observation;
        struct sse_change change = {0};
        struct rest_message message;

        if (observation == NULL)
            continue;
        observation_change(observation, &change);
        ck_assert_msg(change.state == SSE_STATE_LIVE, "seed %llu: watcher %zu is %s, %s",
                      (unsigned long long)seed, i, sse_state_name(change.state), change.reason);
        representation_read(observation_value(observation), &message);
        ck_assert_msg(message.payload_length == 4, "seed %llu: watcher %zu has an old value",
                      (unsigned long long)seed, i);
    }
}

static void live(uint64_t seed)
{
    memset(watchers, 0, sizeof watchers);
    random_sequence_init(&dice, seed);
    observing_set_up();
    for (unsigned i = 0; i < STEPS; i++)
        step();
    for (size_t i = 0; i < WATCHERS; i++)
        watchers[i].reaction = NULL;
    refresh_all();
    be_well(10);
    assert_all_live(seed);
    for (size_t i = 0; i < WATCHERS; i++)
        watcher_leave(&watchers[i]);
    observing_tear_down();
}

START_TEST(whatever_happens_it_comes_back)
{
    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        live(seed);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("observation_chaos");
    TCase *chaos = tcase_create("chaos");

    tcase_set_timeout(chaos, 60);
    tcase_add_test(chaos, whatever_happens_it_comes_back);
    suite_add_tcase(suite, chaos);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
