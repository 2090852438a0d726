/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_loan: stored bodies are lent and not copied, for as long as a client needs them;
 * and what becomes of requests and of the cache when memory is short. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "crowd.h"

#define LIGHT "/nodes/kitchen/light"

/* The n-th allocation of the core fails, and all after it if `fails_on`; 0: none does. */
static unsigned long fails_at;
static bool fails_on, has_failed;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    if (fails_at == 0 || !crowd_is_inside || fixture.is_faking)
        return true;
    if (fails_at > 1) {
        fails_at--;
        return true;
    }
    has_failed = true;
    if (!fails_on)
        fails_at = 0;
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
    fails_at = 0;
    fails_on = has_failed = false;
    crowd_is_inside = false;
    crowd_set_up();
}

static void tear_down(void)
{
    fails_at = 0;
    crowd_tear_down();
}

static const char *body_of(unsigned who)
{
    return crowd_reply(who, 200)->body.data;
}

START_TEST(hits_and_joiners_have_the_same_bytes)
{
    ck_assert_int_eq(crowd_get(0, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    crowd_content(NULL, 60, "21.5");
    ck_assert_int_eq(crowd_get(2, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    ck_assert_ptr_eq(body_of(0), body_of(1));
    ck_assert_ptr_eq(body_of(1), body_of(2));
    ck_assert_str_eq(body_of(2), "21.5");
}
END_TEST

START_TEST(a_body_lives_as_long_as_its_last_reader)
{
    ck_assert_int_eq(crowd_get(0, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    crowd_content(NULL, 60, "21.5");
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    crowd_leave(0);
    (void)core_reap(fixture.core);
    crowd_limit(0, 0);
    crowd_assert_body(1, "21.5");
}
END_TEST

START_TEST(a_body_is_charged_once_while_it_is_lent)
{
    static char large[1025];
    size_t before, first;

    memset(large, 'x', sizeof large - 1);
    ck_assert_int_eq(crowd_get(0, LIGHT, NULL, NULL), EXCHANGE_PARKED);
    crowd_content(NULL, 60, large);
    crowd_leave(0);
    (void)core_reap(fixture.core);
    /* In the cache it counts there. */
    ck_assert_uint_eq(fixture.memory.used, 0);
    ck_assert_int_eq(crowd_get(0, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    first = fixture.memory.used;
    ck_assert_uint_gt(first, sizeof large);
    before = first;
    ck_assert_int_eq(crowd_get(1, LIGHT, NULL, NULL), EXCHANGE_ANSWERED);
    ck_assert_uint_lt(fixture.memory.used - before, first);
    ck_assert_uint_eq(2 * first - fixture.memory.used > sizeof large, true);
    crowd_leave(0);
    crowd_leave(1);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(fixture.memory.used, 0);
}
END_TEST

/* Answers all requests that are under way; `valid` those that ask about a tag. */
static void answer_all(const struct crowd_response *response, const struct crowd_response *valid)
{
    for (size_t i = 1; i <= fixture.request_count; i++) {
        const struct fixture_request *request = &fixture.requests[i - 1];

        if (request->is_under_way)
            crowd_answer(i, rest_find_option(&request->copy.message, REST_OPTION_ETAG) == NULL
                                ? response
                                : valid);
    }
}

/* All have been answered: as they wanted, or that memory is short. How many as they wanted. */
static unsigned count_content(unsigned count, const char *payload)
{
    unsigned found = 0;

    for (unsigned i = 0; i < count; i++) {
        const struct http_reply *reply;

        if (crowd[i].id == 0)
            continue;
        reply = exchange_reply(fixture.core, crowd[i].id);
        ck_assert_ptr_nonnull(reply);
        ck_assert_msg(reply->status == 200 || reply->status == 503, "%u", reply->status);
        if (reply->status != 200)
            continue;
        ck_assert_str_eq(buffer_text(&reply->body), payload);
        found++;
    }
    return found;
}

static void ask(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        (void)crowd_get(i, LIGHT, NULL, NULL);
}

/* What the cache can do, once; every step may come to nothing, but nothing else. */
static void tell_story(void)
{
    const struct crowd_response first = {
        .code = REST_CODE(2, 5), .etag = "ab", .max_age = 10, .payload = "first"};
    const struct crowd_response valid = {.code = REST_CODE(2, 3), .etag = "ab", .max_age = 10};
    const struct crowd_response second = {
        .code = REST_CODE(2, 5), .etag = "cd", .max_age = 60, .payload = "second"};
    const struct crowd_response changed = {.code = REST_CODE(2, 4), .max_age = -1};
    size_t asked;

    ask(3);
    answer_all(&first, &first);
    (void)count_content(3, "first");
    fixture_advance(11000);
    ask(3);
    answer_all(&first, &valid);
    (void)count_content(3, "first");
    (void)crowd_prepare(0, HTTP_METHOD_PUT, LIGHT);
    (void)crowd_go(0, "on");
    answer_all(&changed, &changed);
    if (crowd[0].id == 0 || exchange_reply(fixture.core, crowd[0].id)->status != 204)
        return;
    /* Whatever was short, nobody gets what was there before. */
    asked = fixture.request_count;
    ask(2);
    answer_all(&second, &second);
    if (count_content(2, "second") > 0)
        ck_assert_uint_gt(fixture.request_count, asked);
    ask(1);
    answer_all(&second, &second);
    (void)count_content(1, "second");
}

START_TEST(whatever_is_short_of_memory_only_those_requests_fail)
{
    for (int mode = 0; mode < 2; mode++) {
        for (unsigned long n = 1;; n++) {
            ck_assert_uint_lt(n, 1000);
            fails_at = n;
            fails_on = mode == 1;
            has_failed = false;
            tell_story();
            if (!has_failed)
                break;
            tear_down();
            set_up();
        }
        ck_assert_uint_eq(count_content(1, "second"), 1);
        tear_down();
        set_up();
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_loan");
    TCase *tests = tcase_create("loans");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, hits_and_joiners_have_the_same_bytes);
    tcase_add_test(tests, a_body_lives_as_long_as_its_last_reader);
    tcase_add_test(tests, a_body_is_charged_once_while_it_is_lent);
    tcase_add_test(tests, whatever_is_short_of_memory_only_those_requests_fail);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
