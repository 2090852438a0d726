/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_stream: how a GET becomes a stream of events, or is refused. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "observation.h"
#include "stream_fixture.h"

static struct client client, other;

static void set_up(void)
{
    client_init(&client, "");
    client_init(&other, "");
    streaming_set_up();
}

static void tear_down(void)
{
    client_leave(&client);
    client_leave(&other);
    streaming_tear_down();
}

static void refuse_with(unsigned class, unsigned detail)
{
    relation_answer(relation_last(),
                    &(struct relation_answer){.code = REST_CODE(class, detail), .max_age = -1});
    fixture_advance(0);
}

START_TEST(a_stream_opens_with_the_state_and_the_first_value)
{
    const struct http_reply *reply;

    client_ask(&client, "/nodes/kitchen/t");
    ck_assert_uint_eq(client.answered, 0);
    ck_assert_uint_eq(observe_fake.count, 1);
    node_tells(relation_last(), "21");
    fixture_advance(0);
    ck_assert_uint_eq(client.answered, 1);
    reply = client_reply(&client, 200);
    ck_assert_str_eq(http_reply_field(reply, "Content-Type"), "text/event-stream");
    ck_assert_str_eq(http_reply_field(reply, "Cache-Control"), "no-store");
    ck_assert_str_eq(http_reply_field(reply, "X-Accel-Buffering"), "no");
    ck_assert_str_eq(http_reply_field(reply, "X-Content-Type-Options"), "nosniff");
    ck_assert_str_eq(http_reply_field(reply, "Vary"), "Accept");
    ck_assert_ptr_null(http_reply_field(reply, "Content-Length"));
    client_take(&client);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    const char *text = client_read(&client);
    ck_assert_int_eq(strncmp(client.text, "retry: ", 7), 0);
    ck_assert_ptr_nonnull(strstr(text,
                                 "event: state\ndata: {\"state\":\"live\",\"reason\":\"value\","
                                 "\"target\":\"/nodes/kitchen/t\"}\n\nid: "));
    ck_assert_ptr_nonnull(strstr(text, "-1\ndata: 21\n\n"));
    node_tells(relation_last(), "22");
    ck_assert_uint_eq(client.told, 1);
    client_assert_hears(&client, "2=22");
}
END_TEST

START_TEST(all_who_ask_in_one_way_share_a_registration)
{
    static struct client many[20];

    for (size_t i = 0; i < 20; i++)
        client_ask(&many[i], i % 2 == 0 ? "/nodes/kitchen/t" : "/nodes/kitchen/%74");
    ck_assert_uint_eq(observe_fake.count, 1);
    node_tells(relation_last(), "21");
    fixture_advance(0);
    for (size_t i = 0; i < 20; i++) {
        client_take(&many[i]);
        client_assert_hears(&many[i], "<live:value> 1=21");
    }
    node_tells(relation_last(), "22");
    for (size_t i = 0; i < 20; i++)
        client_assert_hears(&many[i], "2=22");
    ck_assert_uint_eq(relation_last()->asked, 1);
    for (size_t i = 0; i < 20; i++)
        client_leave(&many[i]);
    ck_assert(relation_last()->was_told);
}
END_TEST

START_TEST(what_is_known_already_is_shown_at_once)
{
    client_ask(&client, "/nodes/kitchen/t");
    node_tells(relation_last(), "21");
    client_init(&other, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    client_take(&other);
    client_assert_hears(&other, "<live:value> 1=21");
    ck_assert_uint_eq(observe_fake.count, 1);
}
END_TEST

START_TEST(a_refusal_of_the_node_is_the_status)
{
    client_ask(&client, "/nodes/kitchen/t");
    refuse_with(4, 4);
    ck_assert_uint_eq(client.answered, 1);
    (void)client_reply(&client, 404);
    ck_assert_str_eq(http_reply_field(client_reply(&client, 404), "X-CoAP-Code"), "4.04");
    ck_assert_ptr_null(exchange_take_stream(fixture.core, client.exchange));
    ck_assert_uint_eq(streams_count(fixture.core), 0);
}
END_TEST

START_TEST(after_five_seconds_a_stream_opens_without_a_value)
{
    client_ask(&client, "/nodes/kitchen/t");
    fixture_advance(4999);
    ck_assert_uint_eq(client.answered, 0);
    fixture_advance(1);
    ck_assert_uint_eq(client.answered, 1);
    client_take(&client);
    client_assert_hears(&client, "<connecting:waiting>");
    node_tells(relation_last(), "21");
    client_assert_hears(&client, "<live:value> 1=21");
}
END_TEST

START_TEST(trouble_of_the_node_is_told_inside_the_stream)
{
    const struct request_report report = {.transmissions = 1, .was_heard = true};

    client_ask(&client, "/nodes/kitchen/t");
    relation_fail(relation_last(), REQUEST_RESET, &report);
    fixture_advance(0);
    client_take(&client);
    client_assert_hears(&client, "<offline:reset/502>");
    fixture_advance(6000);
    node_tells(relation_last(), "21");
    client_assert_hears(&client, "<live:value> 1=21");
}
END_TEST

START_TEST(a_refusal_behind_the_beginning_ends_the_stream)
{
    client_ask(&client, "/nodes/kitchen/t");
    node_tells(relation_last(), "21");
    fixture_advance(0);
    client_take(&client);
    (void)client_read(&client);
    refuse_with(4, 4);
    ck_assert_uint_eq(client.told, 1);
    client_assert_hears(&client, "<gone:node-error/404>");
    ck_assert(client.is_over);
    client_leave(&client);
    client_ask(&other, "/nodes/kitchen/t");
    ck_assert_uint_eq(observe_fake.count, 2);
}
END_TEST

START_TEST(a_client_that_leaves_while_it_waits_ends_the_registration)
{
    client_ask(&client, "/nodes/kitchen/t");
    client_leave(&client);
    ck_assert_uint_eq(relations_open(), 0);
    ck_assert(relation_last()->was_told);
    ck_assert_uint_eq(streams_count(fixture.core), 0);
}
END_TEST

START_TEST(a_reply_that_nobody_takes_the_stream_of_is_closed_with_its_exchange)
{
    client_ask(&client, "/nodes/kitchen/t");
    node_tells(relation_last(), "21");
    fixture_advance(0);
    ck_assert_uint_eq(streams_count(fixture.core), 1);
    client_leave(&client);
    ck_assert_uint_eq(streams_count(fixture.core), 0);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

START_TEST(head_asks_no_node)
{
    client_init(&client, "/nodes/kitchen/t");
    client.request.method = HTTP_METHOD_HEAD;
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    ck_assert_str_eq(http_reply_field(client_reply(&client, 200), "Content-Type"),
                     "text/event-stream");
    ck_assert(client_reply(&client, 200)->has_unknown_length);
    ck_assert_ptr_null(exchange_take_stream(fixture.core, client.exchange));
    ck_assert_uint_eq(observe_fake.count, 0);
    ck_assert_uint_eq(fixture.request_count, 0);
}
END_TEST

START_TEST(other_methods_are_requests_as_ever)
{
    client_init(&client, "/nodes/kitchen/t");
    client.request.method = HTTP_METHOD_POST;
    client.request.roles = ROLE_READ | ROLE_WRITE;
    ck_assert_int_eq(client_go(&client), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 1);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    (void)client_reply(&client, 204);
}
END_TEST

START_TEST(what_else_accept_names_is_asked_of_the_node)
{
    const struct rest_option *option;

    client_init(&client, "/nodes/kitchen/t");
    client.fields[0].value = "text/event-stream, application/cbor;q=0.9, application/json;q=0.5";
    ck_assert_int_eq(client_go(&client), EXCHANGE_PARKED);
    fixture_advance(0);
    option = rest_find_option(&relation_last()->copy.message, REST_OPTION_ACCEPT);
    ck_assert_ptr_nonnull(option);
    ck_assert_uint_eq(option->value[0], 60);
    client_ask(&other, "/nodes/kitchen/t");
    ck_assert_uint_eq(observe_fake.count, 2);
    ck_assert_ptr_null(rest_find_option(&relation_last()->copy.message, REST_OPTION_ACCEPT));
}
END_TEST

START_TEST(a_node_without_that_format_is_asked_for_the_next)
{
    client_init(&client, "/nodes/kitchen/t");
    client.fields[0].value = "text/event-stream, application/cbor;q=0.9, application/json;q=0.5";
    ck_assert_int_eq(client_go(&client), EXCHANGE_PARKED);
    fixture_advance(0);
    refuse_with(4, 6);
    fixture_advance(0);
    ck_assert_uint_eq(client.answered, 0);
    ck_assert_uint_eq(observe_fake.count, 2);
    ck_assert_uint_eq(
        rest_find_option(&relation_last()->copy.message, REST_OPTION_ACCEPT)->value[0], 50);
    refuse_with(4, 6);
    (void)client_reply(&client, 406);
}
END_TEST

START_TEST(a_client_that_comes_back_with_the_current_id_gets_the_state_alone)
{
    char id[32];

    client_ask(&client, "/nodes/kitchen/t");
    node_tells(relation_last(), "21");
    fixture_advance(0);
    client_take(&client);
    const char *text = strstr(client_read(&client), "id: ") + 4;
    (void)snprintf(id, sizeof id, "%.*s", (int)strcspn(text, "\n"), text);
    client_init(&other, "/nodes/kitchen/t");
    client_add_field(&other, "Last-Event-ID", id);
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    client_take(&other);
    client_assert_hears(&other, "<live:value>");
    client_leave(&other);
    node_tells(relation_last(), "22");
    client_init(&other, "/nodes/kitchen/t");
    client_add_field(&other, "Last-Event-ID", id);
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    client_take(&other);
    client_assert_hears(&other, "<live:value> 2=22");
}
END_TEST

START_TEST(preferences_have_no_meaning_for_streams)
{
    client_init(&client, "/nodes/kitchen/t");
    client_add_field(&client, "Prefer", "respond-async, wait=1");
    ck_assert_int_eq(client_go(&client), EXCHANGE_PARKED);
    fixture_advance(4999);
    ck_assert_uint_eq(client.answered, 0);
    fixture_advance(1);
    client_take(&client);
}
END_TEST

START_TEST(more_streams_than_there_may_be_are_refused)
{
    fixture.policy->stream_limits.streams = 1;
    client_ask(&client, "/nodes/kitchen/t");
    client_init(&other, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    ck_assert_ptr_nonnull(http_reply_field(client_reply(&other, 503), "Retry-After"));
    client_leave(&other);
    client_leave(&client);
    client_ask(&other, "/nodes/kitchen/t");
}
END_TEST

START_TEST(more_observations_than_there_may_be_are_refused)
{
    fixture.policy->observation_limits.registrations_per_node = 1;
    client_ask(&client, "/nodes/kitchen/t");
    client_init(&other, "/nodes/kitchen/u");
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    ck_assert_ptr_nonnull(http_reply_field(client_reply(&other, 503), "Retry-After"));
    ck_assert_uint_eq(streams_count(fixture.core), 1);
    client_leave(&other);
    fixture.policy->observation_limits.registrations = 1;
    client_init(&other, "/nodes/hall/t");
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    (void)client_reply(&other, 503);
}
END_TEST

START_TEST(a_name_is_resolved_before_anything_is_observed)
{
    client_ask(&client, "/nodes/far/t");
    ck_assert_uint_eq(observe_fake.count, 0);
    fixture_resolve("192.0.2.77", NULL);
    fixture_advance(0);
    ck_assert_uint_eq(observe_fake.count, 1);
    node_tells(relation_last(), "21");
    fixture_advance(0);
    client_take(&client);
    client_assert_hears(&client, "<live:value> 1=21");
}
END_TEST

START_TEST(targets_that_rules_refuse_are_refused)
{
    client_init(&client, "/hc/coap://198.51.100.1/t");
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    (void)client_reply(&client, 403);
    client_leave(&client);
    client_init(&client, "/nodes/nobody/t");
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    (void)client_reply(&client, 404);
}
END_TEST

START_TEST(what_is_stored_answers_no_stream)
{
    ck_assert_int_eq(fixture_get("/nodes/kitchen/t"), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 5), 0, "20");
    fixture_done();
    client_ask(&client, "/nodes/kitchen/t");
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(client.answered, 0);
}
END_TEST

START_TEST(stopping_ends_streams_and_those_that_wait_for_first_news)
{
    client_ask(&client, "/nodes/kitchen/t");
    node_tells(relation_last(), "21");
    fixture_advance(0);
    client_take(&client);
    (void)client_read(&client);
    client_ask(&other, "/nodes/hall/t");
    core_set_draining(fixture.core);
    ck_assert_uint_eq(client.told, 1);
    client_assert_hears(&client, "<gone:stopping/503>");
    ck_assert(client.is_over);
    fixture_advance(0);
    ck_assert_uint_eq(other.answered, 1);
    client_take(&other);
    client_assert_hears(&other, "<gone:stopping/503>");
    ck_assert(other.is_over);
    ck_assert_uint_eq(relations_open(), 0);
}
END_TEST

START_TEST(a_gateway_without_observation_says_so)
{
    fixture.core->options.observe = NULL;
    client_init(&client, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    (void)client_reply(&client, 503);
}
END_TEST

START_TEST(streams_are_counted)
{
    client_ask(&client, "/nodes/kitchen/t");
    ck_assert_uint_eq(streams_count(fixture.core), 1);
    client_leave(&client);
    ck_assert_uint_eq(streams_count(fixture.core), 0);
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("exchange_stream");
    TCase *begin = tcase_create("begin"), *refuse = tcase_create("refuse");

    tcase_add_checked_fixture(begin, set_up, tear_down);
    tcase_add_test(begin, a_stream_opens_with_the_state_and_the_first_value);
    tcase_add_test(begin, all_who_ask_in_one_way_share_a_registration);
    tcase_add_test(begin, what_is_known_already_is_shown_at_once);
    tcase_add_test(begin, after_five_seconds_a_stream_opens_without_a_value);
    tcase_add_test(begin, trouble_of_the_node_is_told_inside_the_stream);
    tcase_add_test(begin, a_refusal_behind_the_beginning_ends_the_stream);
    tcase_add_test(begin, head_asks_no_node);
    tcase_add_test(begin, other_methods_are_requests_as_ever);
    tcase_add_test(begin, what_else_accept_names_is_asked_of_the_node);
    tcase_add_test(begin, a_client_that_comes_back_with_the_current_id_gets_the_state_alone);
    tcase_add_test(begin, preferences_have_no_meaning_for_streams);
    tcase_add_test(begin, a_name_is_resolved_before_anything_is_observed);
    tcase_add_test(begin, what_is_stored_answers_no_stream);
    tcase_add_test(begin, streams_are_counted);
    suite_add_tcase(suite, begin);
    tcase_add_checked_fixture(refuse, set_up, tear_down);
    tcase_add_test(refuse, a_refusal_of_the_node_is_the_status);
    tcase_add_test(refuse, a_client_that_leaves_while_it_waits_ends_the_registration);
    tcase_add_test(refuse, a_reply_that_nobody_takes_the_stream_of_is_closed_with_its_exchange);
    tcase_add_test(refuse, a_node_without_that_format_is_asked_for_the_next);
    tcase_add_test(refuse, more_streams_than_there_may_be_are_refused);
    tcase_add_test(refuse, more_observations_than_there_may_be_are_refused);
    tcase_add_test(refuse, targets_that_rules_refuse_are_refused);
    tcase_add_test(refuse, stopping_ends_streams_and_those_that_wait_for_first_news);
    tcase_add_test(refuse, a_gateway_without_observation_says_so);
    suite_add_tcase(suite, refuse);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
