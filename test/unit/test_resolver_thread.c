/* SPDX-License-Identifier: BSD-2-Clause */
#include "resolver_thread.h"

/* test_resolver_thread: names that need no network: address literals, localhost, and names under
 * .invalid that cannot be (RFC 6761 section 6.4). */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "helper_thread.h"
#include "loop.h"
#include "timers.h"

enum { SECOND_US = 1000000 };

static struct timers *timers;
static struct loop *loop;
static struct helper_thread *helper;
static struct resolver_thread *thread;
static struct resolver resolver;

struct asker {
    unsigned answers;
    enum resolver_status status;
    size_t count;
    struct endpoint_address first;
    uint64_t to_cancel;    /* cancelled from inside the answer */
    const char *ask_again; /* asked from inside the answer */
    uint64_t again_id;
};

static void answered(void *handle, enum resolver_status status,
                     const struct endpoint_address *addresses, size_t count)
{
    struct asker *asker = handle;
    asker->answers++;
    asker->status = status;
    asker->count = count;
    if (count > 0) {
        asker->first = addresses[0];
    }
    for (size_t i = 0; i < count; i++) {
        ck_assert_uint_eq(addresses[i].port, 0);
        ck_assert_uint_eq(addresses[i].is_secure, 0);
        for (size_t j = 0; j < i; j++) {
            ck_assert(!endpoint_address_equal(&addresses[i], &addresses[j]));
        }
    }
    if (asker->to_cancel != 0) {
        resolver.ops->cancel(resolver.handle, asker->to_cancel);
    }
    if (asker->ask_again != NULL) {
        const char *name = asker->ask_again;
        asker->ask_again = NULL;
        asker->again_id = resolver.ops->ask(resolver.handle, name, answered, asker);
    }
}

static uint64_t ask(const char *name, struct asker *asker)
{
    return resolver.ops->ask(resolver.handle, name, answered, asker);
}

static void turn_until(const struct asker *asker, unsigned answers)
{
    for (int i = 0; asker->answers < answers && i < 100; i++) {
        loop_turn(loop, SECOND_US);
    }
    ck_assert_uint_eq(asker->answers, answers);
}

static void setup(void)
{
    timers = timers_new();
    loop = loop_new(timers);
    helper = helper_thread_new(loop);
    thread = resolver_thread_new(helper);
    ck_assert_ptr_nonnull(thread);
    resolver = resolver_thread_resolver(thread);
}

static void teardown(void)
{
    resolver_thread_free(thread);
    helper_thread_free(helper);
    loop_free(loop);
    timers_free(timers);
}

START_TEST(a_literal_has_exactly_its_one_address)
{
    struct asker asker = {0};
    ck_assert_uint_ne(ask("192.0.2.7", &asker), 0);
    ck_assert_uint_eq(asker.answers, 0); /* never from inside the call */
    turn_until(&asker, 1);
    ck_assert_int_eq(asker.status, RESOLVER_FOUND);
    ck_assert_uint_eq(asker.count, 1);
    char text[ENDPOINT_ADDRESS_TEXT_SIZE];
    ck_assert_str_eq(endpoint_address_format_host(&asker.first, text), "192.0.2.7");
}
END_TEST

START_TEST(localhost_is_loopback)
{
    struct asker asker = {0};
    ck_assert_uint_ne(ask("localhost", &asker), 0);
    turn_until(&asker, 1);
    ck_assert_int_eq(asker.status, RESOLVER_FOUND);
    ck_assert_uint_ge(asker.count, 1);
    ck_assert_uint_le(asker.count, RESOLVER_ADDRESSES_MAX);
    ck_assert(endpoint_address_is_loopback(&asker.first));
}
END_TEST

START_TEST(a_name_that_cannot_be_is_answered_without_addresses)
{
    struct asker asker = {0};
    ck_assert_uint_ne(ask("no.such.name.invalid", &asker), 0);
    turn_until(&asker, 1);
    ck_assert_int_ne(asker.status, RESOLVER_FOUND);
    ck_assert_uint_eq(asker.count, 0);
}
END_TEST

START_TEST(a_cancelled_question_has_no_answer)
{
    struct asker first = {0};
    struct asker second = {0};
    uint64_t id = ask("192.0.2.1", &first);
    resolver.ops->cancel(resolver.handle, id);
    resolver.ops->cancel(resolver.handle, id);
    resolver.ops->cancel(resolver.handle, 0);
    resolver.ops->cancel(resolver.handle, 12345);
    ck_assert_uint_ne(ask("192.0.2.2", &second), 0); /* done after the first */
    turn_until(&second, 1);
    ck_assert_uint_eq(first.answers, 0);
}
END_TEST

START_TEST(askers_of_one_name_share_a_job)
{
    static struct asker askers[500]; /* far more than the thread holds jobs */
    memset(askers, 0, sizeof askers);
    for (size_t i = 0; i < 500; i++) {
        ck_assert_uint_ne(ask("192.0.2.1", &askers[i]), 0);
    }
    turn_until(&askers[499], 1);
    for (size_t i = 0; i < 500; i++) {
        ck_assert_uint_eq(askers[i].answers, 1);
        ck_assert_int_eq(askers[i].status, RESOLVER_FOUND);
    }
}
END_TEST

START_TEST(a_question_beyond_the_limit_of_jobs_is_refused)
{
    static struct asker askers[65];
    memset(askers, 0, sizeof askers);
    for (unsigned i = 0; i < 65; i++) {
        char name[32];
        snprintf(name, sizeof name, "192.0.2.%u", i);
        ck_assert((ask(name, &askers[i]) != 0) == (i < 64));
    }
    for (unsigned i = 0; i < 64; i++) {
        turn_until(&askers[i], 1);
    }
    ck_assert_uint_eq(askers[64].answers, 0);
    ck_assert_uint_ne(ask("192.0.2.64", &askers[64]), 0);
    turn_until(&askers[64], 1);
}
END_TEST

START_TEST(an_answer_may_cancel_another_and_ask_again)
{
    struct asker first = {.ask_again = "192.0.2.1"};
    struct asker second = {0};
    struct asker third = {0};
    ck_assert_uint_ne(ask("192.0.2.1", &first), 0);
    first.to_cancel = ask("192.0.2.1", &second);
    ck_assert_uint_ne(ask("192.0.2.1", &third), 0);
    turn_until(&first, 2);
    ck_assert_uint_ne(first.again_id, 0);
    ck_assert_uint_eq(second.answers, 0);
    ck_assert_uint_eq(third.answers, 1);
}
END_TEST

START_TEST(freeing_the_resolver_first_leaves_no_answer_behind)
{
    struct asker asker = {0};
    ck_assert_uint_ne(ask("192.0.2.1", &asker), 0);
    ck_assert_uint_ne(ask("192.0.2.2", &asker), 0);
    resolver_thread_free(thread);
    thread = NULL;
    helper_thread_free(helper);
    helper = NULL;
    ck_assert_uint_eq(asker.answers, 0);
}
END_TEST

START_TEST(freeing_the_thread_first_answers_every_question)
{
    static struct asker askers[20];
    memset(askers, 0, sizeof askers);
    for (unsigned i = 0; i < 20; i++) {
        char name[32];
        snprintf(name, sizeof name, "192.0.2.%u", i);
        ck_assert_uint_ne(ask(name, &askers[i]), 0);
    }
    helper_thread_free(helper);
    helper = NULL;
    for (unsigned i = 0; i < 20; i++) {
        ck_assert_uint_eq(askers[i].answers, 1);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resolver_thread");
    TCase *tcase = tcase_create("resolver_thread");
    tcase_set_timeout(tcase, 60);
    tcase_add_checked_fixture(tcase, setup, teardown);
    tcase_add_test(tcase, a_literal_has_exactly_its_one_address);
    tcase_add_test(tcase, localhost_is_loopback);
    tcase_add_test(tcase, a_name_that_cannot_be_is_answered_without_addresses);
    tcase_add_test(tcase, a_cancelled_question_has_no_answer);
    tcase_add_test(tcase, askers_of_one_name_share_a_job);
    tcase_add_test(tcase, a_question_beyond_the_limit_of_jobs_is_refused);
    tcase_add_test(tcase, an_answer_may_cancel_another_and_ask_again);
    tcase_add_test(tcase, freeing_the_resolver_first_leaves_no_answer_behind);
    tcase_add_test(tcase, freeing_the_thread_first_answers_every_question);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
