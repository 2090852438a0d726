/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache.h"

/* test_cache_memory: the cache when memory is short, and that what it promises is what it takes. */

#include <check.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cache_fixture.h"
#include "representation.h"
#include "rest.h"
#include "timers.h"

/* The n-th allocation inside the cache fails, and all after it; 0: none does. */
static unsigned long fails_at;
static unsigned long allocations; /* that were asked for */

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    allocations++;
    if (fails_at == 0)
        return true;
    if (fails_at == 1)
        return false;
    fails_at--;
    return true;
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

static void forget_failures(void)
{
    fails_at = 0;
}

enum {
    TARGETS = 100000,
    PATH_SIZE = 64,
    PAYLOAD_MAX = 400,
    FREE_LISTS = 256 << 10, /* what malloc counts as taken while it waits to be used again */
};

/* Bytes of the heap that are taken. */
static size_t heap(void)
{
#if defined(__GLIBC__) && __GLIBC_PREREQ(2, 33)
    struct mallinfo2 info = mallinfo2();

    return info.uordblks + info.hblkhd;
#else
    return 0;
#endif
}

/* False where another allocator stands in (sanitizers, valgrind). */
static bool can_measure(void)
{
    size_t before = heap();
    void *volatile block = malloc(100000); /* which the compiler must not leave out */
    bool is_seen = heap() >= before + 100000;

    free(block);
    return is_seen;
}

static size_t resident(void)
{
    FILE *file = fopen("/proc/self/statm", "r");
    unsigned long size, pages = 0;

    if (file == NULL)
        return 0;
    if (fscanf(file, "%lu %lu", &size, &pages) != 2)
        pages = 0;
    (void)fclose(file);
    return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void store_targets(size_t count)
{
    char path[PATH_SIZE];
    char payload[PAYLOAD_MAX + 1];

    for (size_t i = 0; i < count; i++) {
        size_t length = 2 + i * 7919 % (PAYLOAD_MAX - 2);

        snprintf(path, sizeof path, "sensor-%zu-%.*s", i, (int)(i % 40),
                 "----------------------------------------");
        memset(payload, 'p', length);
        payload[length] = '\0';
        (void)store(path, payload);
    }
}

START_TEST(limits_without_memory_for_wider_tables_hold_nevertheless)
{
    for (unsigned long n = 1; n <= 2; n++) {
        ck_assert(store("a", "x"));
        fails_at = n;
        limit(1 << 24, 5000 * n);
        fails_at = 0;
        ck_assert(has("a"));
        ck_assert(store("b", "x") && has("b"));
    }
}
END_TEST

START_TEST(without_memory_nothing_is_stored_and_nothing_lost)
{
    struct representation *representation = respond(REST_CODE(2, 5), 60, "x");
    struct cache_pending pending = {0};
    static struct cache_key b;
    const struct cache_key *key = &b;
    unsigned long n = 0;
    size_t bytes;
    bool is_stored;

    b = *key_of("b");
    ck_assert(store("a", "x"));
    bytes = cache_count(w.cache).bytes;
    do {
        fails_at = ++n;
        is_stored = cache_store(w.cache, key, representation);
        fails_at = 0;
        ck_assert(has("a"));
        ck_assert(is_stored || cache_count(w.cache).bytes == bytes);
    } while (!is_stored && n < 10);
    ck_assert_uint_eq(n, 3);
    representation_release(representation);
    cache_forget(w.cache, key);
    for (n = 1; n <= 2; n++) {
        int result;

        /* Check allocates, too. */
        fails_at = n;
        result = cache_begin(w.cache, key, &pending);
        fails_at = 0;
        ck_assert_int_eq(result, -1);
        ck_assert_uint_eq(cache_count(w.cache).bytes, bytes);
        cache_end(w.cache, &pending);
    }
    fails_at = 1;
    representation = respond(REST_CODE(2, 5), 60, "x");
    fails_at = 0;
    ck_assert_ptr_null(representation);
}
END_TEST

START_TEST(a_cache_without_memory_is_none)
{
    const struct cache_limits limits = {.bytes = 1 << 20, .entries = 1000};
    struct cache *cache;
    unsigned long n = 0;

    do {
        fails_at = ++n;
        cache = cache_new(w.timers, random_sequence_source(&w.sequence), &limits);
        fails_at = 0;
    } while (cache == NULL && n < 10);
    ck_assert_uint_eq(n, 4);
    cache_free(cache);
    cache_free(NULL);
}
END_TEST

START_TEST(looking_up_allocates_nothing_and_storing_no_more_than_it_keeps)
{
    struct representation *representation = respond(REST_CODE(2, 5), 60, "x");
    const struct cache_key *key = key_of("a");
    unsigned long before = allocations;
    unsigned long stored, again, looked_up;
    struct cache_found found;
    bool is_found;

    (void)cache_store(w.cache, key, representation);
    stored = allocations;
    (void)cache_store(w.cache, key, representation);
    again = allocations;
    is_found = cache_find(w.cache, key, &found, NULL);
    cache_invalidate(w.cache, key);
    (void)cache_find_pending(w.cache, key);
    looked_up = allocations;
    ck_assert(is_found);
    /* The entry with its key, and the target, which is not there yet. */
    ck_assert_uint_eq(stored - before, 2);
    ck_assert_uint_eq(again, stored);
    ck_assert_uint_eq(looked_up, stored);
    representation_release(representation);
}
END_TEST

START_TEST(the_hash_is_keyed)
{
    /* Nothing of a key shows which bucket it falls into: with other random bytes all is found as
     * well, and what was random before is asked for again. */
    const struct cache_limits limits = {.bytes = 1 << 20, .entries = 1000};
    uint64_t state = w.sequence.state;

    cache_free(w.cache);
    w.cache = cache_new(w.timers, random_sequence_source(&w.sequence), &limits);
    ck_assert_uint_ne(w.sequence.state, state);
    ck_assert(store("a", "x") && has("a"));
}
END_TEST

START_TEST(the_bytes_counted_are_the_bytes_taken)
{
    const size_t bytes = 16 << 20;
    struct cache_counts counts;
    size_t heap_before, resident_before;

    limit(bytes, TARGETS);
    store_targets(1);
    cache_clear(w.cache);
    heap_before = heap();
    resident_before = resident();
    store_targets(TARGETS);
    counts = cache_count(w.cache);
    ck_assert_uint_le(counts.bytes, bytes);
    ck_assert_uint_gt(counts.bytes, bytes - 4096);
    ck_assert_uint_gt(counts.evictions, 0);
    ck_assert_uint_eq(counts.entries + counts.evictions, TARGETS);
    if (can_measure()) {
        size_t taken = heap() - heap_before;
        size_t grown = resident() - resident_before;

        printf("%zu targets stored, %zu kept: %zu bytes counted, %zu taken, resident set grew by "
               "%zu\n",
               (size_t)TARGETS, counts.entries, counts.bytes, taken, grown);
        fflush(stdout);
        ck_assert_uint_le(taken, counts.bytes + counts.bytes / 10);
        ck_assert_uint_ge(taken, counts.bytes - counts.bytes / 10);
        ck_assert_uint_le(grown, bytes + bytes / 10);
    }
    cache_clear(w.cache);
    ck_assert_uint_eq(cache_count(w.cache).bytes, 0);
    if (can_measure())
        ck_assert_uint_le(heap(), heap_before + FREE_LISTS);
}
END_TEST

START_TEST(a_thousand_queries_stay_within_the_bound)
{
    limit(64 << 10, 10000);
    store_targets(1000);
    ck_assert_uint_le(cache_count(w.cache).bytes, 64 << 10);
    ck_assert_uint_gt(cache_count(w.cache).entries, 50);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("cache_memory");
    TCase *tests = tcase_create("cache_memory");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, forget_failures, NULL);
    tcase_add_checked_fixture(tests, cache_fixture_set_up, cache_fixture_tear_down);
    tcase_add_test(tests, limits_without_memory_for_wider_tables_hold_nevertheless);
    tcase_add_test(tests, without_memory_nothing_is_stored_and_nothing_lost);
    tcase_add_test(tests, a_cache_without_memory_is_none);
    tcase_add_test(tests, looking_up_allocates_nothing_and_storing_no_more_than_it_keeps);
    tcase_add_test(tests, the_hash_is_keyed);
    tcase_add_test(tests, the_bytes_counted_are_the_bytes_taken);
    tcase_add_test(tests, a_thousand_queries_stay_within_the_bound);
    tcase_set_timeout(tests, 60);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
