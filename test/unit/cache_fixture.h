/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_CACHE_FIXTURE_H
#define COAPGW_TEST_CACHE_FIXTURE_H

/*
 * cache_fixture: a cache of 1000 entries and 1 MiB on a clock that the test moves, and short words
 * for what tests do with it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache.h"
#include "random_source.h"

struct cache_fixture {
    struct timers *timers;
    struct random_sequence sequence;
    struct cache *cache;
};
extern struct cache_fixture w;

void cache_fixture_set_up(void);
void cache_fixture_tear_down(void);
void limit(size_t bytes, size_t entries);
void advance(uint64_t seconds);

/* A GET of coap://n/<path>, perhaps with Accept (-1: none). The next three keys leave it alone. */
const struct cache_key *key_accepting(const char *path, int accept);
const struct cache_key *key_of(const char *path);

enum { NO_MAX_AGE = -1 };
/* A response that arrives now; one reference. NULL when memory is short. */
struct representation *respond(uint8_t code, int64_t max_age, const char *payload);
bool store_response(const struct cache_key *key, uint8_t code, int64_t max_age,
                    const char *payload);
/* A 2.05 for a GET. */
bool store(const char *path, const char *payload);
/* What is stored; fails the test when there is nothing. */
struct cache_found find(const struct cache_key *key);
bool has(const char *path);
void assert_payload(const struct cache_key *key, const char *payload);

#endif
