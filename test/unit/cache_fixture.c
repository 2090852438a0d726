/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_fixture.h"

/* cache_fixture: a cache on a clock that the test moves, and short words for what tests do. */

#include <check.h>
#include <string.h>

#include "representation.h"
#include "rest.h"
#include "timers.h"
#include "uri.h"

struct cache_fixture w;

void cache_fixture_set_up(void)
{
    const struct cache_limits limits = {.bytes = 1 << 20, .entries = 1000};

    w.timers = timers_new();
    timers_set_now_us(w.timers, 1000000);
    random_sequence_init(&w.sequence, 1);
    w.cache = cache_new(w.timers, random_sequence_source(&w.sequence), &limits);
    ck_assert_ptr_nonnull(w.cache);
}

void cache_fixture_tear_down(void)
{
    cache_free(w.cache);
    timers_free(w.timers);
}

void limit(size_t bytes, size_t entries)
{
    cache_set_limits(w.cache, &(struct cache_limits){.bytes = bytes, .entries = entries});
}

void advance(uint64_t seconds)
{
    timers_set_now_us(w.timers, timers_now_us(w.timers) + seconds * 1000000);
}

const struct cache_key *key_accepting(const char *path, int accept)
{
    static struct cache_key keys[4];
    static unsigned next;
    struct cache_key *key = &keys[next++ % 4];
    static struct rest_request message;
    struct uri_authority authority = {
        .scheme = URI_SCHEME_COAP, .host_kind = URI_HOST_NAME, .host = "n", .port = 5683};

    rest_request_init(&message);
    message.message.code = REST_GET;
    rest_request_add(&message, REST_OPTION_URI_PATH, path, strlen(path));
    if (accept >= 0)
        rest_request_add_uint(&message, REST_OPTION_ACCEPT, (uint32_t)accept);
    ck_assert(cache_key_set_target(key, &authority, NULL, &message.message));
    ck_assert(cache_key_set_request(key, &message.message));
    return key;
}

const struct cache_key *key_of(const char *path)
{
    return key_accepting(path, -1);
}

struct representation *respond(uint8_t code, int64_t max_age, const char *payload)
{
    static struct rest_request message;

    rest_request_init(&message);
    message.message.code = code;
    if (max_age != NO_MAX_AGE)
        rest_request_add_uint(&message, REST_OPTION_MAX_AGE, (uint32_t)max_age);
    message.message.payload = (const uint8_t *)payload;
    message.message.payload_length = strlen(payload);
    return representation_new(&message.message, timers_now_us(w.timers));
}

bool store_response(const struct cache_key *key, uint8_t code, int64_t max_age, const char *payload)
{
    struct representation *representation = respond(code, max_age, payload);
    bool is_stored = cache_store(w.cache, key, representation);

    representation_release(representation);
    return is_stored;
}

bool store(const char *path, const char *payload)
{
    return store_response(key_of(path), REST_CODE(2, 5), NO_MAX_AGE, payload);
}

struct cache_found find(const struct cache_key *key)
{
    struct cache_found found;

    ck_assert(cache_find(w.cache, key, &found, NULL));
    return found;
}

bool has(const char *path)
{
    struct cache_found found;

    return cache_find(w.cache, key_of(path), &found, NULL);
}

void assert_payload(const struct cache_key *key, const char *payload)
{
    struct rest_message message;

    representation_read(find(key).representation, &message);
    ck_assert_uint_eq(message.payload_length, strlen(payload));
    ck_assert_int_eq(memcmp(message.payload, payload, message.payload_length), 0);
}
