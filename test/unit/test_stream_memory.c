/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream.h"

/* test_stream_memory: streams where any allocation may fail: nothing is left, and who has a stream
 * ends with the newest value. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "policy.h"
#include "stream_fixture.h"
#include "stream_private.h"

static struct client client, other;
static unsigned long fails_at; /* 0: none fails; 1: all do from now on, or the next one */
static bool fails_once;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_emalloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    if (fails_at == 0)
        return true;
    if (fails_at == 1) {
        fails_at = fails_once ? 0 : 1;
        return false;
    }
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

/* What Check notes of each assertion never fails. */
void *__wrap_emalloc(size_t size)
{
    return __real_malloc(size);
}

static void set_up(void)
{
    fails_at = 0;
    fails_once = false;
    streaming_set_up();
    client_init(&client, "");
    client_init(&other, "");
}

static void tear_down(void)
{
    fails_at = 0;
    client_leave(&client);
    client_leave(&other);
    streaming_tear_down();
}

/* Takes the stream if there is one by now. */
static void take_if_open(struct client *reader)
{
    const struct http_reply *reply = exchange_reply(fixture.core, reader->exchange);

    if (reply != NULL && reply->status == 200)
        client_take(reader);
}

static bool ask(struct client *reader, const char *target)
{
    client_init(reader, target);
    if (client_go(reader) == EXCHANGE_NO_MEMORY)
        reader->exchange = 0;
    return reader->exchange != 0;
}

static void tell_all(const char *text)
{
    for (size_t i = 0; i < observe_fake.count; i++)
        if (observe_fake.relations[i].is_open)
            node_tells(&observe_fake.relations[i], text);
}

/* Asks, waits, reads, leaves: with the allocation that is to fail somewhere in it. True when it
 * did. */
static bool live_through(const char *target, unsigned long at, bool once)
{
    bool did_fail;

    fails_at = at;
    fails_once = once;
    if (ask(&client, target)) {
        fixture_advance(0);
        tell_all("21");
        fixture_advance(0);
        fixture_advance(5000);
        take_if_open(&client);
        if (client.stream != NULL) {
            tell_all("22");
            (void)client_read(&client);
        }
    }
    did_fail = once ? fails_at == 0 : fails_at == 1;
    fails_at = 0;
    if (client.stream != NULL && !client.is_over) {
        /* What the node could not be asked for may come now. */
        fixture_advance(6000);
        tell_all("23");
        fixture_advance(1000);
        ck_assert_ptr_nonnull(strstr(client_read(&client), "23"));
    }
    client_leave(&client);
    ck_assert_uint_eq(streams_count(fixture.core), 0);
    ck_assert_uint_eq(fixture.core->streams->audience_count, 0);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    return did_fail;
}

static void live_through_all(const char *target, bool once)
{
    unsigned long at = 1;

    while (live_through(target, at, once)) {
        at++;
        ck_assert_uint_lt(at, 500);
        tear_down();
        set_up();
    }
    ck_assert_uint_gt(at, 10);
}

START_TEST(a_stream_survives_the_failure_of_any_allocation)
{
    live_through_all("/nodes/kitchen/t", true);
    live_through_all("/nodes/kitchen/t", false);
}
END_TEST

START_TEST(a_stream_of_many_survives_it_too)
{
    static const char target[] = "/events?target=/nodes/kitchen/t&match=/kitchen/*&"
                                 "target=/nodes/nobody/t";

    live_through_all(target, true);
    live_through_all(target, false);
}
END_TEST

START_TEST(who_reads_ends_with_the_newest_whatever_fails)
{
    for (unsigned long at = 1; at < 40; at++) {
        (void)ask(&client, "/nodes/kitchen/t");
        fixture_advance(0);
        tell_all("1");
        fixture_advance(0);
        take_if_open(&client);
        (void)client_read(&client);
        fails_at = at;
        fails_once = at % 2 == 0;
        tell_all("2");
        tell_all("3");
        fails_at = 0;
        if (at > 10)
            (void)client_read(&client);
        tell_all("4");
        fixture_advance(1000);
        ck_assert_ptr_nonnull(strstr(client_read(&client), "data: 4\n"));
        client_leave(&client);
        tear_down();
        set_up();
    }
}
END_TEST

/* The state that a value is told in comes first, whatever finds no memory. */
START_TEST(no_value_is_read_before_a_state)
{
    for (unsigned long at = 1; at < 40; at++) {
        const char *text;

        (void)ask(&client, "/nodes/kitchen/t");
        fixture_advance(0);
        fixture_advance(5000);
        fails_at = at;
        fails_once = true;
        take_if_open(&client);
        tell_all("1");
        fails_at = 0;
        text = client_read(&client);
        fixture_advance(1000);
        if (*text == '\0')
            text = client_read(&client);
        ck_assert_int_eq(strncmp(text, "event: state\n", 13), 0);
        tear_down();
        set_up();
    }
}
END_TEST

START_TEST(an_end_that_finds_no_memory_is_told_later)
{
    static const struct relation_answer refusal = {.code = REST_CODE(4, 4), .max_age = -1};

    for (unsigned long at = 1; at < 20; at++) {
        (void)ask(&client, "/events?target=/nodes/kitchen/t&target=/nodes/hall/u");
        fixture_advance(0);
        tell_all("1");
        fixture_advance(0);
        take_if_open(&client);
        (void)client_read(&client);
        fails_at = at;
        fails_once = at % 2 == 0;
        relation_answer(&observe_fake.relations[0], &refusal);
        ck_assert_ptr_null(strstr(client_read(&client), "hall"));
        fails_at = 0;
        if (strstr(client.text, "gone") == NULL) {
            fixture_advance(1000);
            ck_assert_ptr_nonnull(strstr(client_read(&client), "\"state\":\"gone\""));
        }
        ck_assert(!client.is_over);
        ck_assert_uint_eq(fixture.core->streams->audience_count, 1);
        tear_down();
        set_up();
    }
}
END_TEST

START_TEST(a_refusal_that_finds_no_memory_is_told_later)
{
    for (unsigned long at = 1; at < 60; at++) {
        (void)ask(&client, "/events?target=/nodes/far/t&target=/nodes/kitchen/u");
        fixture_advance(5000);
        take_if_open(&client);
        (void)client_read(&client);
        fails_at = at;
        fixture_resolve(NULL, NULL);
        (void)client_read(&client);
        fails_at = 0;
        if (strstr(client.text, "gone") == NULL) {
            fixture_advance(1000);
            ck_assert_ptr_nonnull(strstr(client_read(&client), "\"state\":\"gone\""));
        }
        ck_assert(!client.is_over);
        tear_down();
        set_up();
    }
}
END_TEST

START_TEST(an_audience_that_is_not_found_serves_its_own_all_the_same)
{
    for (unsigned long at = 1; at < 30; at++) {
        (void)ask(&client, "/nodes/kitchen/t");
        fixture_advance(0);
        tell_all("1");
        fixture_advance(0);
        take_if_open(&client);
        fails_at = at;
        fails_once = true;
        if (ask(&other, "/nodes/kitchen/t"))
            take_if_open(&other);
        fails_at = 0;
        tell_all("2");
        ck_assert_ptr_nonnull(strstr(client_read(&client), "data: 2\n"));
        if (other.stream != NULL) {
            fixture_advance(1000);
            ck_assert_ptr_nonnull(strstr(client_read(&other), "data: 2\n"));
        }
        tear_down();
        set_up();
    }
}
END_TEST

/* 1 MiB in base64, for readers that do not read: one copy, and none at all without room. */
START_TEST(large_events_that_nobody_reads_are_held_once)
{
    static char large[1 << 18];
    static struct client many[50];
    size_t before;

    memset(large, 'x', sizeof large - 1);
    fixture.memory.maximum = 4 << 20;
    for (size_t i = 0; i < 50; i++) {
        ck_assert(ask(&many[i], "/nodes/kitchen/t"));
        fixture_advance(0);
        tell_all("1");
        fixture_advance(0);
        take_if_open(&many[i]);
        ck_assert_ptr_nonnull(many[i].stream);
        (void)client_read(&many[i]);
    }
    before = fixture.memory.used;
    for (int i = 0; i < 100; i++)
        tell_all(large);
    ck_assert_uint_lt(fixture.memory.used, before + 5 * sizeof large + (50 << 10));
    ck_assert_uint_le(fixture.memory.used, fixture.memory.maximum);
    tell_all("9");
    for (size_t i = 0; i < 50; i++)
        client_leave(&many[i]);
    ck_assert_uint_lt(fixture.memory.used, 1 << 19);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("stream_memory");
    TCase *all = tcase_create("all");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(all, set_up, tear_down);
    tcase_set_timeout(all, 60);
    tcase_add_test(all, a_stream_survives_the_failure_of_any_allocation);
    tcase_add_test(all, a_stream_of_many_survives_it_too);
    tcase_add_test(all, who_reads_ends_with_the_newest_whatever_fails);
    tcase_add_test(all, no_value_is_read_before_a_state);
    tcase_add_test(all, an_end_that_finds_no_memory_is_told_later);
    tcase_add_test(all, a_refusal_that_finds_no_memory_is_told_later);
    tcase_add_test(all, an_audience_that_is_not_found_serves_its_own_all_the_same);
    tcase_add_test(all, large_events_that_nobody_reads_are_held_once);
    suite_add_tcase(suite, all);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
