/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation_fixture.h"

#include <check.h>
#include <stdio.h>
#include <string.h>

#include "cache_key.h"
#include "core_private.h"
#include "node_label.h"
#include "problem.h"
#include "representation.h"
#include "uri.h"

const struct request_report observing_spent = {
    .transmissions = 5, .is_spent = true, .elapsed_us = 93000000};

void observing_set_up(void)
{
    observe_fake_reset();
    fixture_set_up(
        "[ { \"networks\": [\"192.0.2.0/24\"], \"ports\": \"*\" } ]",
        "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" },"
        "             \"bare\": { \"address\": \"coap://192.0.2.9\", \"cache\": false } } }");
    fixture.policy->cache_limits = (struct cache_limits){.bytes = 1 << 20, .entries = 100};
    cache_set_limits(fixture.core->cache, &fixture.policy->cache_limits);
    fixture.policy->observation_limits = (struct observation_limits){
        .registrations = 100, .registrations_per_node = 50, .poll_minimum_ms = 10000};
}

void observing_tear_down(void)
{
    ck_assert_uint_eq(observations_count(fixture.core), 0);
    ck_assert_uint_eq(relations_open(), 0);
    fixture_tear_down();
}

struct endpoint_address observing_address(const char *text)
{
    struct uri_authority authority;
    struct endpoint_address address;

    memset(&address, 0, sizeof address);
    ck_assert_int_eq(uri_parse_authority(text, strlen(text), URI_SCHEME_COAP, &authority), URI_OK);
    ck_assert(uri_authority_address(&authority, &address));
    address.port = authority.port;
    return address;
}

static void add_word(struct watcher *watcher, const char *word)
{
    size_t length = strlen(watcher->heard);

    (void)snprintf(watcher->heard + length, sizeof watcher->heard - length, "%s%s",
                   length > 0 ? " " : "", word);
}

static void told(struct subscription *subscription, enum observation_news news)
{
    struct watcher *watcher = (struct watcher *)(void *)subscription;
    struct observation *observation = watcher->observation;
    struct rest_message message;
    struct sse_change change = {0};
    char word[128];

    observe_fake.is_faking = true;
    if (news == OBSERVATION_VALUE) {
        representation_read(observation_value(observation), &message);
        (void)snprintf(word, sizeof word, "%.*s", (int)message.payload_length,
                       (const char *)message.payload);
    } else {
        observation_change(observation, &change);
        ck_assert_int_eq(change.state == SSE_STATE_GONE, subscription->observation == NULL);
        (void)snprintf(word, sizeof word, "%s%s%s", sse_state_name(change.state),
                       change.reason == NULL ? "" : ":",
                       change.reason == NULL ? "" : change.reason);
        if (change.status != 0)
            (void)snprintf(word + strlen(word), sizeof word - strlen(word), "/%u", change.status);
    }
    add_word(watcher, word);
    observe_fake.is_faking = false;
    if (watcher->reaction != NULL)
        watcher->reaction(watcher, news);
}

static bool may_follow(struct subscription *subscription)
{
    return !((struct watcher *)(void *)subscription)->stays_behind;
}

static void init_watcher(struct watcher *watcher)
{
    watcher->subscription.told = told;
    watcher->subscription.may_follow = may_follow;
}

static void make_request(const char *path, struct rest_request *request)
{
    rest_request_init(request);
    request->message.code = REST_GET;
    ck_assert_int_eq(uri_add_path(request, path, strlen(path)), URI_OK);
}

static void read_authority(const char *text, struct uri_authority *authority)
{
    ck_assert_int_eq(uri_parse_authority(text, strlen(text), URI_SCHEME_COAP, authority), URI_OK);
}

void observing_key(const char *text, const char *path, struct cache_key *key)
{
    static struct rest_request request;
    struct uri_authority authority;

    make_request(path, &request);
    read_authority(text, &authority);
    ck_assert(cache_key_set_target(key, &authority, NULL, &request.message));
    ck_assert(cache_key_set_request(key, &request.message));
}

enum observation_refusal watcher_open_at(struct watcher *watcher, const char *text,
                                         const char *path, const char *address, const char *second)
{
    static struct rest_request request;
    static struct cache_key key;
    struct uri_authority authority;
    struct endpoint_address addresses[2];
    enum observation_refusal refusal;
    struct node_label *label = node_label_acquire(fixture.core->labels, "kitchen");

    observe_fake.is_faking = true;
    addresses[0] = observing_address(address);
    init_watcher(watcher);
    make_request(path, &request);
    read_authority(text, &authority);
    observing_key(text, path, &key);
    if (second != NULL)
        addresses[1] = observing_address(second);
    struct observation_spec spec = {
        .key = &key,
        .policy = fixture.core->policy,
        .rules = &fixture.core->policy->defaults,
        .label = label,
        .authority = &authority,
        .is_mapped = true,
        .coap = &request,
        .addresses = addresses,
        .address_count = second == NULL ? 1 : 2,
        .client_key = 7,
        .node_name = "kitchen",
    };
    observe_fake.is_faking = false;
    refusal = observation_open(fixture.core, &spec, &watcher->subscription);
    node_label_release(label);
    observe_fake.is_faking = true;
    watcher->observation = observation_find(fixture.core, &key);
    ck_assert_int_eq(watcher->observation != NULL, refusal == OBSERVATION_OPENED);
    observe_fake.is_faking = false;
    return refusal;
}

void watcher_open(struct watcher *watcher, const char *path)
{
    ck_assert_int_eq(watcher_open_at(watcher, "192.0.2.9", path, "192.0.2.9", NULL),
                     OBSERVATION_OPENED);
    fixture_advance(0);
}

bool watcher_join_at(struct watcher *watcher, const char *authority, const char *path)
{
    static struct cache_key key;
    struct observation *found;

    observing_key(authority, path, &key);
    found = observation_find(fixture.core, &key);
    if (found == NULL)
        return false;
    init_watcher(watcher);
    watcher->observation = found;
    observation_subscribe(found, &watcher->subscription);
    return true;
}

void watcher_join(struct watcher *watcher, const char *path)
{
    ck_assert(watcher_join_at(watcher, "192.0.2.9", path));
}

void watcher_leave(struct watcher *watcher)
{
    observation_unsubscribe(&watcher->subscription);
}

void watcher_assert_heard(struct watcher *watcher, const char *text)
{
    ck_assert_str_eq(watcher->heard, text);
    watcher->heard[0] = '\0';
}
