/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer.h"

/* test_request_echo: Echo values that a node gives and gets back (RFC 9175 2.3). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "proves.h"
#include "request_fixture.h"

/* A piggybacked answer to `request` with that Echo value; NULL: none. */
static void respond_echo(const struct endpoint_address *from, const struct pdu *request,
                         uint8_t code, const char *echo)
{
    struct rest_request response;
    uint8_t bytes[64];

    rest_request_init(&response);
    response.message.code = code;
    if (echo != NULL)
        rest_request_add(&response, REST_OPTION_ECHO, echo, strlen(echo));
    size_t length = pdu_write(bytes, sizeof bytes, PDU_ACK, request->mid, request->token,
                              request->token_length, &response.message);
    fake_channel_deliver(&w.channel, from, bytes, length);
}

static bool has_echo(size_t n, const char *value)
{
    struct pdu request = sent(n);
    const struct rest_option *echo = rest_find_option(&request.message, REST_OPTION_ECHO);

    if (value == NULL)
        return echo == NULL;
    return echo != NULL && echo->length == strlen(value) &&
           memcmp(echo->value, value, echo->length) == 0;
}

START_TEST(an_echo_value_goes_with_the_next_request_to_its_node_alone)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    respond_echo(&w.node, &request, REST_CODE(2, 5), "seven");
    start(1, &w.other);
    ck_assert(has_echo(1, NULL));
    start(2, &w.node);
    ck_assert(has_echo(2, "seven"));
    ck_assert_uint_eq(sent(2).message.code, REST_GET);
    /* Once: what the node says of it replaces it. */
    start(3, &w.node);
    request = sent(2);
    respond_echo(&w.node, &request, REST_CODE(4, 4), NULL);
    ck_assert(has_echo(3, NULL));
    request = sent(3);
    respond_echo(&w.node, &request, REST_CODE(4, 4), "eight");
    start(4, &w.node);
    ck_assert(has_echo(4, "eight"));
    proves("EXT-04");
    proves("OPT-20");
}
END_TEST

START_TEST(an_echo_value_of_a_challenge_is_not_kept)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    respond_echo(&w.node, &request, REST_CODE(4, 1), "seven");
    start(1, &w.node);
    ck_assert(has_echo(1, NULL));
}
END_TEST

START_TEST(an_echo_value_waits_for_a_request_that_may_carry_it)
{
    struct rest_message get = {.code = REST_GET};
    static const struct request_events events;
    struct request_spec spec = {.peer = w.node,
                                .message = &get,
                                .settings = &w.settings,
                                .events = &events,
                                .withholds_echo = true};
    uint64_t id;

    start(0, &w.node);
    struct pdu request = sent(0);
    respond_echo(&w.node, &request, REST_CODE(2, 5), "seven");
    ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_STARTED);
    ck_assert(has_echo(1, NULL));
    struct pdu without = sent(1);
    request_cancel(w.layer, id);
    respond(&w.node, PDU_ACK, without.mid, &without, "x");
    start(1, &w.node);
    ck_assert(has_echo(2, "seven"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_echo");
    TCase *tests = tcase_create("request_echo");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, request_setup, request_teardown);
    tcase_add_test(tests, an_echo_value_goes_with_the_next_request_to_its_node_alone);
    tcase_add_test(tests, an_echo_value_of_a_challenge_is_not_kept);
    tcase_add_test(tests, an_echo_value_waits_for_a_request_that_may_carry_it);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
