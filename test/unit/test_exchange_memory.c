/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_memory: what the bodies of an exchange are charged with, and for how long. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fixture.h"

enum { BLOCK = 1024 };

static char large[2 * BLOCK + 1];

static void set_up(void)
{
    fixture_set_up("[ { \"targets\": [\"coap://192.0.2.9:*\"] } ]",
                   "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9:5690\" } } }");
    memset(large, 'x', sizeof large - 1);
}

static void put_large(void)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_body(large);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
}

/* One of the two blocks of `large`. */
static void answer_block(uint32_t number)
{
    static struct rest_request response;

    rest_request_init(&response);
    response.message.code = REST_CODE(2, 5);
    rest_request_add_uint(&response, REST_OPTION_BLOCK2, number << 4 | (number == 0) << 3 | 6);
    fixture_answer_with(&response, large + BLOCK);
}

START_TEST(a_body_whose_client_has_left_is_charged_until_it_is_sent)
{
    put_large();
    size_t charged = fixture.memory.used;
    ck_assert_uint_gt(charged, sizeof large);
    fixture_done();
    ck_assert_uint_eq(fixture.memory.used, charged);
    fixture_answer(REST_CODE(2, 31), -1, NULL);
    ck_assert_uint_eq(fixture.memory.used, charged);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(fixture.memory.used, 0);
}
END_TEST

START_TEST(a_body_that_is_collected_is_held_once_and_until_its_client_has_it)
{
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    size_t charged = fixture.memory.used;
    answer_block(0);
    ck_assert_uint_ge(fixture.memory.used, charged + BLOCK);
    answer_block(1);
    fixture_reply(200);
    fixture_assert_body(large);
    ck_assert_uint_gt(fixture.memory.used, 2 * BLOCK);
    ck_assert_uint_lt(fixture.memory.used, charged + 3 * BLOCK);
    fixture_done();
    ck_assert_uint_eq(fixture.memory.used, 0);
}
END_TEST

START_TEST(an_answer_that_finds_no_room_is_503_and_a_small_one_is_served)
{
    fixture.memory.maximum = 0;
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    answer_block(0);
    answer_block(1);
    fixture_reply(503);
    fixture_assert_field("Retry-After", "1");
    fixture_assert_body_has(":out-of-memory\"");
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 5), 0, large + BLOCK);
    fixture_reply(200);
    fixture_assert_body(large + BLOCK);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_memory");
    TCase *tests = tcase_create("exchange_memory");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, a_body_whose_client_has_left_is_charged_until_it_is_sent);
    tcase_add_test(tests, a_body_that_is_collected_is_held_once_and_until_its_client_has_it);
    tcase_add_test(tests, an_answer_that_finds_no_room_is_503_and_a_small_one_is_served);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
