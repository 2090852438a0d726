/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation.h"

/* test_observation_node: observations down to the datagrams: on the real coap/observe.c, request
 * and message layers, against a node that the test plays message by message, through hours and
 * reboots. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "blockwise_fixture.h"
#include "cache_key.h"
#include "core.h"
#include "core_private.h"
#include "mapping.h"
#include "media_type.h"
#include "node_label.h"
#include "observe.h"
#include "policy.h"
#include "representation.h"

enum {
    CONTENT = REST_CODE(2, 5),
    SPENT_MS = 93000, /* MAX_TRANSMIT_WAIT */
};

static struct {
    struct observe *observe;
    struct core *core;
    struct random_sequence delays, random;
    struct subscription subscription;
    struct observation *observation;
    char heard[512]; /* states, and the length of each value */
} watch;

static void told(struct subscription *subscription, enum observation_news news)
{
    size_t length = strlen(watch.heard);
    struct rest_message message;
    struct sse_change change = {0};

    (void)subscription;
    if (length > 0)
        watch.heard[length++] = ' ';
    if (news == OBSERVATION_VALUE) {
        representation_read(observation_value(watch.observation), &message);
        (void)snprintf(watch.heard + length, sizeof watch.heard - length, "%zu",
                       message.payload_length);
    } else {
        observation_change(watch.observation, &change);
        (void)snprintf(watch.heard + length, sizeof watch.heard - length, "%s",
                       sse_state_name(change.state));
    }
}

static void assert_heard(const char *text)
{
    ck_assert_str_eq(watch.heard, text);
    watch.heard[0] = '\0';
}

static uint64_t wall_ms(void)
{
    return 1700000000000;
}

static uint64_t ask(void *resolver, const char *name, resolver_answer *answer, void *handle)
{
    (void)resolver;
    (void)name;
    (void)answer;
    (void)handle;
    return 0;
}

static void cancel(void *resolver, uint64_t id)
{
    (void)resolver;
    (void)id;
}

static struct policy *make_policy(void)
{
    struct policy *policy = policy_new();

    ck_assert_ptr_nonnull(policy);
    policy->defaults.settings = w.settings;
    policy->defaults.is_cached = true;
    policy->maximum_reply = 1 << 20;
    policy->outstanding = 100;
    policy->memory = 1 << 20;
    policy->cache_limits = (struct cache_limits){.bytes = 1 << 20, .entries = 100};
    policy->observation_limits = (struct observation_limits){
        .registrations = 10, .registrations_per_node = 10, .poll_minimum_ms = 10000};
    policy->media = media_table_new();
    policy->access = access_table_new();
    policy->mappings = mapping_table_new(&policy->defaults.settings);
    return policy;
}

static void set_up(void)
{
    static const struct resolver_ops resolver = {.ask = ask, .cancel = cancel};
    static const struct north_ops north = {0};

    blockwise_setup();
    memset(&watch, 0, sizeof watch);
    random_sequence_init(&watch.delays, 4);
    random_sequence_init(&watch.random, 5);
    struct observe_options observe = {.timers = w.timers,
                                      .requests = w.requests,
                                      .blockwise = w.layer,
                                      .capabilities = w.capabilities,
                                      .random = random_sequence_source(&watch.delays),
                                      .memory = &w.memory};
    watch.observe = observe_new(&observe);
    struct core_options options = {.timers = w.timers,
                                   .random = random_sequence_source(&watch.random),
                                   .requests = w.requests,
                                   .blockwise = w.layer,
                                   .observe = watch.observe,
                                   .resolver = {.ops = &resolver},
                                   .memory = &w.memory,
                                   .north = &north,
                                   .wall_ms = wall_ms};
    watch.core = core_new(&options);
    ck_assert_ptr_nonnull(watch.core);
    ck_assert_int_eq(core_set_policy(watch.core, make_policy()), 0);
}

static void tear_down(void)
{
    observation_unsubscribe(&watch.subscription);
    core_free(watch.core);
    observe_free(watch.observe);
    blockwise_teardown();
}

static void open_observation(void)
{
    static struct rest_request request;
    static struct cache_key key;
    struct uri_authority authority = {
        .scheme = URI_SCHEME_COAP, .host_kind = URI_HOST_IPV4, .port = w.node.port};
    struct node_label *label = node_label_acquire(watch.core->labels, NULL);
    struct observation_spec spec = {.key = &key,
                                    .policy = watch.core->policy,
                                    .rules = &watch.core->policy->defaults,
                                    .label = label,
                                    .authority = &authority,
                                    .is_mapped = true,
                                    .coap = &request,
                                    .addresses = &w.node,
                                    .address_count = 1};

    memcpy(authority.address, w.node.bytes, sizeof authority.address);
    rest_request_init(&request);
    request.message.code = REST_GET;
    rest_request_add(&request, REST_OPTION_URI_PATH, "t", 1);
    ck_assert(cache_key_set_target(&key, &authority, NULL, &request.message));
    ck_assert(cache_key_set_request(&key, &request.message));
    watch.subscription.told = told;
    ck_assert_int_eq(observation_open(watch.core, &spec, &watch.subscription), OBSERVATION_OPENED);
    node_label_release(label);
    watch.observation = observation_find(watch.core, &key);
    clock_advance(w.timers, 1);
}

/* Registered, and answered by 5 bytes that are fresh for 30 s. */
static void observe_node(void)
{
    open_observation();
    expect(REST_GET, "obs=0", 0, 0);
    reply(CONTENT, "obs=7 maxage=30 etag=65", 0, 5);
    assert_heard("live 5");
}

/* With the ETag that was told last. */
static void expect_refresh(void)
{
    expect(REST_GET, "obs=0", 0, 0);
    ck_assert(has_option(REST_OPTION_ETAG, "A"));
}

static void wait_ms(uint64_t ms)
{
    for (; ms >= 100; ms -= 100)
        clock_advance(w.timers, 100);
    clock_advance(w.timers, ms);
}

static void wait_for_message(uint64_t at_most_ms)
{
    while (w.channel.count == w.read && at_most_ms >= 100) {
        clock_advance(w.timers, 100);
        at_most_ms -= 100;
    }
    ck_assert_uint_gt(w.channel.count, w.read);
}

/* All that is sent meanwhile is lost. */
static void lose_for(uint64_t ms)
{
    wait_ms(ms);
    w.read = w.channel.count;
}

START_TEST(hours_pass_in_which_the_node_is_asked_only_as_often_as_its_values_get_old)
{
    observe_node();
    for (unsigned i = 0; i < 200; i++) {
        wait_for_message(46000);
        expect_refresh();
        reply(REST_CODE(2, 3), "obs=7 maxage=30 etag=65", 0, 0);
        assert_heard("stale live 5");
    }
    ck_assert_uint_eq(observation_value_id(watch.observation).number, 201);
}
END_TEST

START_TEST(notifications_are_told_and_keep_it_live_for_hours)
{
    observe_node();
    for (unsigned i = 0; i < 400; i++) {
        char options[40];

        wait_ms(20000);
        (void)snprintf(options, sizeof options, "obs=%u maxage=30", 8 + i);
        reply_separately(PDU_NON, CONTENT, options, 0, 3);
        assert_heard("3");
    }
    expect_nothing();
    ck_assert_uint_eq(observation_value_id(watch.observation).number, 401);
}
END_TEST

START_TEST(leaving_deregisters_with_the_same_token)
{
    observe_node();
    struct pdu registration = w.current;
    observation_unsubscribe(&watch.subscription);
    expect(REST_GET, "obs=1", 0, 0);
    ck_assert_uint_eq(w.current.token_length, registration.token_length);
    ck_assert_mem_eq(w.current.token, registration.token, registration.token_length);
    reply(CONTENT, "", 0, 5);
}
END_TEST

START_TEST(a_node_that_reboots_is_registered_at_again_when_its_value_is_old)
{
    observe_node();
    /* It forgot everything, and counts from the beginning. */
    wait_for_message(46000);
    expect_refresh();
    reply(CONTENT, "obs=1 maxage=30", 0, 6);
    assert_heard("stale live 6");
    reply_separately(PDU_NON, CONTENT, "obs=2 maxage=30", 0, 7);
    assert_heard("7");
}
END_TEST

START_TEST(a_node_that_falls_silent_is_pinged_until_it_is_back)
{
    observe_node();
    wait_ms(31000);
    assert_heard("stale");
    lose_for(15000 + SPENT_MS);
    assert_heard("offline");
    lose_for(2 * 3600 * 1000);
    assert_heard("");
    /* It answers a ping. */
    wait_for_message(62000);
    struct pdu ping = fake_channel_read(&w.channel, w.read++);
    ck_assert_uint_eq(ping.message.code, 0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, ping.mid);
    clock_advance(w.timers, 1);
    expect_refresh();
    reply(REST_CODE(2, 3), "obs=3 maxage=30 etag=65", 0, 0);
    assert_heard("live 5");
}
END_TEST

START_TEST(one_that_speaks_first_is_heard_at_once)
{
    observe_node();
    lose_for(31000 + 15000 + SPENT_MS);
    assert_heard("stale offline");
    /* The registration was not lost on its side. */
    reply_separately(PDU_NON, CONTENT, "obs=9 maxage=30", 0, 8);
    assert_heard("live 8");
}
END_TEST

START_TEST(a_node_without_observe_is_polled)
{
    open_observation();
    expect(REST_GET, "obs=0", 0, 0);
    reply(CONTENT, "maxage=1", 0, 5);
    for (unsigned i = 0; i < 100; i++) {
        wait_ms(9900);
        expect_nothing();
        wait_ms(200);
        expect(REST_GET, "obs=0", 0, 0);
        reply(CONTENT, "maxage=1", 0, i < 50 ? 5 : 6);
    }
    assert_heard("live 5 6");
    observation_unsubscribe(&watch.subscription);
    expect_nothing();
}
END_TEST

START_TEST(a_5_03_ends_the_registration_until_its_max_age_has_passed)
{
    observe_node();
    reply_separately(PDU_NON, REST_CODE(5, 3), "maxage=20", 0, 0);
    assert_heard("offline");
    wait_ms(19900);
    expect_nothing();
    wait_ms(200);
    expect_refresh();
    reply(CONTENT, "obs=1 maxage=30", 0, 5);
    assert_heard("live 5");
}
END_TEST

START_TEST(a_4_04_ends_it_without_another_message)
{
    observe_node();
    reply_separately(PDU_NON, REST_CODE(4, 4), "", 0, 0);
    assert_heard("gone");
    wait_ms(100000);
    expect_nothing();
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("observation_node");
    TCase *node = tcase_create("node");

    tcase_add_checked_fixture(node, set_up, tear_down);
    tcase_add_test(node, hours_pass_in_which_the_node_is_asked_only_as_often_as_its_values_get_old);
    tcase_add_test(node, notifications_are_told_and_keep_it_live_for_hours);
    tcase_add_test(node, leaving_deregisters_with_the_same_token);
    tcase_add_test(node, a_node_that_reboots_is_registered_at_again_when_its_value_is_old);
    tcase_add_test(node, a_node_that_falls_silent_is_pinged_until_it_is_back);
    tcase_add_test(node, one_that_speaks_first_is_heard_at_once);
    tcase_add_test(node, a_node_without_observe_is_polled);
    tcase_add_test(node, a_5_03_ends_the_registration_until_its_max_age_has_passed);
    tcase_add_test(node, a_4_04_ends_it_without_another_message);
    suite_add_tcase(suite, node);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
