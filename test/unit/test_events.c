/* SPDX-License-Identifier: BSD-2-Clause */
#include "events.h"

/* test_events: GET /events, many resources on one connection. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "observation.h"
#include "policy.h"
#include "stream_fixture.h"
#include "stream_private.h"

static struct client client, other;
static char query[16384];

static void set_up(void)
{
    streaming_set_up();
    client_init(&client, "");
    client_init(&other, "");
}

static void tear_down(void)
{
    client_leave(&client);
    client_leave(&other);
    streaming_tear_down();
}

static void expect(const char *target, unsigned status)
{
    client_init(&client, target);
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    (void)client_reply(&client, status);
    client_leave(&client);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
}

static void answer(size_t relation, const char *text)
{
    node_tells(&observe_fake.relations[relation], text);
}

static void refuse(size_t relation, unsigned class, unsigned detail)
{
    relation_answer(&observe_fake.relations[relation],
                    &(struct relation_answer){.code = REST_CODE(class, detail), .max_age = -1});
}

/* --- the query --- */

START_TEST(queries_are_read_as_they_are_meant)
{
    static const struct {
        const char *text;
        enum events_error error;
        const char *targets; /* with blanks between */
    } cases[] = {
        {"target=/a", EVENTS_FINE, "/a"},
        {"target=/a&target=/b", EVENTS_FINE, "/a /b"},
        {"other=1&target=/a&", EVENTS_FINE, "/a"},
        /* decoded once */
        {"target=%2Fa%2520b", EVENTS_FINE, "/a%20b"},
        {"target=%2Fa%3Fx%3D1%26y%3D2", EVENTS_FINE, "/a?x=1&y=2"},
        {"target=/a?x=1", EVENTS_FINE, "/a?x=1"},
        {"target=/a+b", EVENTS_FINE, "/a+b"},
        /* one form */
        {"target=/%2561", EVENTS_FINE, "/a"},
        {"target=/%25c3%25a9", EVENTS_FINE, "/%C3%A9"},
        {"target=coap://HOST:5683", EVENTS_FINE, "coap://host/"},
        {"target=coap://host:5700/a?b", EVENTS_FINE, "coap://host:5700/a?b"},
        {"target=coap://host?b", EVENTS_FINE, "coap://host/?b"},
        {"target=coap://[FD00::1]/a", EVENTS_FINE, "coap://[fd00::1]/a"},
        {"target=/a&target=/%2561", EVENTS_DUPLICATE, NULL},
        {"target=coap://host/&target=coap://host:5683", EVENTS_DUPLICATE, NULL},
        {"target=/a&target=/a/", EVENTS_FINE, "/a /a/"},
        {"", EVENTS_NO_TARGET, NULL},
        {"targets=/a", EVENTS_NO_TARGET, NULL},
        {"target", EVENTS_BAD_TARGET, NULL},
        {"target=", EVENTS_BAD_TARGET, NULL},
        {"target=a", EVENTS_BAD_TARGET, NULL},
        {"target=http://host/a", EVENTS_BAD_TARGET, NULL},
        {"target=coap+tcp://host/a", EVENTS_BAD_TARGET, NULL},
        {"target=coap:///a", EVENTS_BAD_TARGET, NULL},
        {"target=/%zz", EVENTS_BAD_TARGET, NULL},
        {"target=/%25zz", EVENTS_BAD_TARGET, NULL},
        {"target=/%00", EVENTS_BAD_TARGET, NULL},
        {"target=/%20", EVENTS_BAD_TARGET, NULL},
        {"target=/%0D%0A", EVENTS_BAD_TARGET, NULL},
        {"target=/%C3%A9", EVENTS_BAD_TARGET, NULL},
        {"target=/%23a", EVENTS_BAD_TARGET, NULL},
        {"match=/kitchen/*", EVENTS_FINE, "/kitchen/light /kitchen/fan"},
        {"match=%2Fkitchen%2F%2A", EVENTS_FINE, "/kitchen/light /kitchen/fan"},
        {"match=/*", EVENTS_FINE, "/kitchen/light /kitchen/fan"},
        {"match=/hall/*", EVENTS_FINE, ""},
        {"match=/kit/*", EVENTS_FINE, ""},
        {"match=/kitchen/*&target=/kitchen/fan", EVENTS_DUPLICATE, NULL},
        {"match=/kitchen", EVENTS_BAD_PATTERN, NULL},
        {"match=kitchen/*", EVENTS_BAD_PATTERN, NULL},
        {"match=*", EVENTS_BAD_PATTERN, NULL},
        {"match", EVENTS_BAD_PATTERN, NULL},
    };

    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        static struct events_query list;
        char text[512] = "";
        size_t at;
        enum events_error error = events_query_read(&list, cases[i].text, strlen(cases[i].text),
                                                    fixture.policy->mappings, ROLE_READ, &at);

        for (size_t j = 0; j < list.count; j++)
            (void)snprintf(text + strlen(text), sizeof text - strlen(text), "%s%s",
                           j > 0 ? " " : "", list.targets[j]);
        events_query_clear(&list);
        ck_assert_msg(error == cases[i].error, "%s: %d", cases[i].text, (int)error);
        if (cases[i].targets != NULL)
            ck_assert_str_eq(text, cases[i].targets);
    }
}
END_TEST

START_TEST(mappings_that_a_role_may_not_read_are_not_matched)
{
    static struct events_query list;
    static const char text[] = "match=/kitchen/*";
    size_t at;

    ck_assert_int_eq(events_query_read(&list, text, sizeof text - 1, fixture.policy->mappings,
                                       ROLE_READ | ROLE_WRITE | ROLE_ADMIN, &at),
                     EVENTS_FINE);
    ck_assert_uint_eq(list.count, 3);
    events_query_clear(&list);
}
END_TEST

static void write_targets(unsigned count)
{
    size_t length = (size_t)snprintf(query, sizeof query, "/events?match=/none/*");

    for (unsigned i = 0; i < count; i++)
        length +=
            (size_t)snprintf(query + length, sizeof query - length, "&target=/nodes/kitchen/%u", i);
}

START_TEST(what_cannot_be_read_is_a_bad_request)
{
    expect("/events", 400);
    expect("/events?", 400);
    expect("/events?target=nodes/kitchen", 400);
    expect("/events?target=/nodes/kitchen/%25zz", 400);
    expect("/events?target=/nodes/kitchen/a&target=/nodes/kitchen/%2561", 400);
    expect("/events?match=/hall/*", 404);
    write_targets(257);
    expect(query, 400);
}
END_TEST

START_TEST(requests_that_are_no_get_of_a_stream_are_refused)
{
    client_init(&client, "/events?target=/nodes/kitchen/t");
    client.request.method = HTTP_METHOD_POST;
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    ck_assert_str_eq(http_reply_field(client_reply(&client, 405), "Allow"), "GET, HEAD");
    client_leave(&client);
    client_init(&client, "/events?target=/nodes/kitchen/t");
    client.request.roles = 0;
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    (void)client_reply(&client, 401);
    client_leave(&client);
    client_init(&client, "/events?target=/nodes/kitchen/t");
    client.fields[0].value = "application/json";
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    (void)client_reply(&client, 406);
    client_leave(&client);
    client_init(&client, "/events?target=/nodes/kitchen/t");
    client_add_field(&client, "Via", "1.1 gw.example");
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    (void)client_reply(&client, 508);
    client_leave(&client);
    expect("/eventsx?target=/nodes/kitchen/t", 404);
    ck_assert_uint_eq(observe_fake.count, 0);
}
END_TEST

START_TEST(head_observes_nothing)
{
    client_init(&client, "/events?target=/nodes/kitchen/t");
    client.request.method = HTTP_METHOD_HEAD;
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    ck_assert_str_eq(http_reply_field(client_reply(&client, 200), "Content-Type"),
                     "text/event-stream");
    ck_assert_uint_eq(observe_fake.count, 0);
}
END_TEST

/* --- the stream --- */

START_TEST(many_resources_are_on_one_stream_in_envelopes)
{
    client_ask(&client, "/events?target=/nodes/kitchen/t&target=coap://192.0.2.10/u");
    ck_assert_uint_eq(observe_fake.count, 2);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 1);
    answer(0, "21");
    fixture_advance(0);
    client_take(&client);
    const char *text = client_read(&client);
    ck_assert_ptr_nonnull(strstr(text, "\"state\":\"live\",\"reason\":\"value\",\"target\":"
                                       "\"/nodes/kitchen/t\"}\n\n"));
    ck_assert_ptr_nonnull(strstr(text, "data: {\"target\":\"/nodes/kitchen/t\",\"content_format\":"
                                       "0,\"value\":\"21\",\"max_age\":60,"));
    ck_assert_ptr_nonnull(strstr(text, "\"state\":\"connecting\",\"reason\":\"waiting\","
                                       "\"target\":\"coap://192.0.2.10/u\"}\n\n"));
    answer(1, "22");
    text = client_read(&client);
    ck_assert_ptr_nonnull(strstr(text, "data: {\"target\":\"coap://192.0.2.10/u\","));
}
END_TEST

START_TEST(a_target_that_is_refused_is_gone_and_the_others_stay)
{
    client_ask(&client, "/events?target=/nodes/kitchen/t&target=/nodes/nobody/t"
                        "&target=/hc/coap://198.51.100.1/x&target=/nodes/hall/t"
                        "&target=/-/health/live&target=/events?target%3D/a");
    ck_assert_uint_eq(observe_fake.count, 2);
    refuse(1, 4, 4);
    fixture_advance(0);
    ck_assert_uint_eq(client.answered, 0);
    answer(0, "21");
    fixture_advance(0);
    client_take(&client);
    client_assert_hears(&client,
                        "<gone:not-found/404> <gone:forbidden/403> <gone:not-found/404> "
                        "<gone:not-found/404> <gone:node-error/404> <live:value> "
                        "1={\"target\":\"/nodes/kitchen/t\",\"content_format\":0,\"value\":\"21\","
                        "\"max_age\":60,\"at\":\"2023-11-14T22:13:20.000Z\"}");
    ck_assert(!client.is_over);
    refuse(0, 4, 3);
    client_assert_hears(&client, "<gone:node-error/403>");
    ck_assert(client.is_over);
}
END_TEST

START_TEST(a_stream_without_any_target_is_a_refusal)
{
    expect("/events?target=/hc/coap://198.51.100.1/x&target=/hc/coap://198.51.100.2/x", 403);
    expect("/events?target=/hc/coap://198.51.100.1/x&target=/nodes/nobody/t", 404);
    expect("/events?target=/nodes/nobody/t", 404);
    client_ask(&client, "/events?target=/nodes/kitchen/t&target=/nodes/hall/t");
    refuse(0, 4, 3);
    fixture_advance(0);
    ck_assert_uint_eq(client.answered, 0);
    refuse(1, 4, 3);
    fixture_advance(0);
    ck_assert_uint_eq(client.answered, 1);
    (void)client_reply(&client, 403);
    ck_assert_ptr_null(exchange_take_stream(fixture.core, client.exchange));
    client_leave(&client);
    fixture.policy->observation_limits.registrations = 0;
    client_init(&client, "/events?target=/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&client), EXCHANGE_ANSWERED);
    ck_assert_ptr_nonnull(http_reply_field(client_reply(&client, 503), "Retry-After"));
}
END_TEST

START_TEST(after_five_seconds_it_opens_whatever_is_known)
{
    client_ask(&client, "/events?target=/nodes/kitchen/t&target=/nodes/far/t");
    fixture_advance(4999);
    ck_assert_uint_eq(client.answered, 0);
    fixture_advance(1);
    client_take(&client);
    client_assert_hears(&client, "<connecting:waiting>");
    fixture_resolve("192.0.2.77", NULL);
    client_assert_hears(&client, "<connecting:waiting>");
    fixture_advance(0);
    answer(1, "5");
    ck_assert_ptr_nonnull(strstr(client_read(&client), "\"target\":\"/nodes/far/t\""));
}
END_TEST

START_TEST(a_name_that_nobody_knows_ends_its_target_alone)
{
    client_ask(&client, "/events?target=/nodes/far/t&target=/nodes/kitchen/t");
    answer(0, "21");
    fixture_advance(0);
    client_take(&client);
    (void)client_read(&client);
    fixture_resolve(NULL, NULL);
    ck_assert_uint_eq(client.told, 1);
    client_assert_hears(&client, "<gone:name-resolution/502>");
    ck_assert(!client.is_over);
}
END_TEST

START_TEST(only_few_targets_wait_for_names_at_a_time)
{
    size_t length = (size_t)snprintf(query, sizeof query, "/events?match=/none/*");

    for (unsigned i = 0; i < 12; i++)
        length += (size_t)snprintf(query + length, sizeof query - length,
                                   "&target=/hc/coap://h%u.example/t", i);
    client_ask(&client, query);
    ck_assert_uint_eq(fixture.question_count, 8);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 9);
    fixture_resolve("192.0.2.77", NULL);
    ck_assert_uint_eq(fixture.question_count, 12);
    fixture_resolve("192.0.2.77", NULL);
    fixture_advance(0);
    ck_assert_uint_eq(observations_count(fixture.core), 12);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 1);
}
END_TEST

START_TEST(a_client_that_leaves_ends_all_that_still_waits)
{
    client_ask(&client, "/events?target=/nodes/far/t&target=/nodes/kitchen/t");
    client_leave(&client);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    client_ask(&client, "/events?target=/nodes/far/t&target=/nodes/kitchen/t");
    fixture_advance(5000);
    client_take(&client);
    client_leave(&client);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    ck_assert_uint_eq(observations_count(fixture.core), 0);
}
END_TEST

START_TEST(stopping_ends_targets_that_wait_for_names_too)
{
    client_ask(&client, "/events?target=/nodes/far/t&target=/nodes/kitchen/t");
    core_set_draining(fixture.core);
    fixture_advance(0);
    client_take(&client);
    client_assert_hears(&client, "<gone:stopping/503> <gone:stopping/503>");
    ck_assert(client.is_over);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
}
END_TEST

START_TEST(a_reconnection_gets_all_whatever_it_has)
{
    char id[64];

    client_ask(&client, "/nodes/kitchen/t");
    answer(0, "21");
    fixture_advance(0);
    client_take(&client);
    const char *text = strstr(client_read(&client), "id: ") + 4;
    (void)snprintf(id, sizeof id, "%.*s", (int)strcspn(text, "\n"), text);
    client_init(&other, "/events?target=/nodes/kitchen/t");
    client_add_field(&other, "Last-Event-ID", id);
    ck_assert_int_eq(client_go(&other), EXCHANGE_ANSWERED);
    client_take(&other);
    ck_assert_ptr_nonnull(strstr(client_read(&other), "\"value\":\"21\""));
    ck_assert_uint_eq(observe_fake.count, 1);
}
END_TEST

START_TEST(each_target_has_a_queue_of_its_own)
{
    client_ask(&client, "/events?target=/nodes/kitchen/t&target=/nodes/hall/t");
    answer(0, "a");
    answer(1, "b");
    fixture_advance(0);
    client_take(&client);
    (void)client_read(&client);
    answer(1, "only");
    for (int i = 0; i < 100; i++)
        answer(0, "many");
    const char *text = client_read(&client);
    ck_assert_ptr_nonnull(strstr(text, "\"value\":\"only\""));
    ck_assert_ptr_nonnull(strstr(text, "-101\ndata: "));
}
END_TEST

START_TEST(as_many_targets_as_there_may_be_are_charged)
{
    size_t before = fixture.memory.used;

    fixture.policy->observation_limits.registrations = 1000;
    fixture.policy->observation_limits.registrations_per_node = 1000;
    write_targets(255);
    client_ask(&client, query);
    ck_assert_uint_eq(observations_count(fixture.core), 255);
    ck_assert_uint_ge(fixture.memory.used, before + 255 * sizeof(struct stream_target));
    answer(0, "1");
    fixture_advance(0);
    client_take(&client);
    (void)client_read(&client);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("events");
    TCase *asking = tcase_create("asking"), *streams = tcase_create("streams");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(asking, set_up, tear_down);
    tcase_add_test(asking, queries_are_read_as_they_are_meant);
    tcase_add_test(asking, mappings_that_a_role_may_not_read_are_not_matched);
    tcase_add_test(asking, what_cannot_be_read_is_a_bad_request);
    tcase_add_test(asking, requests_that_are_no_get_of_a_stream_are_refused);
    tcase_add_test(asking, head_observes_nothing);
    suite_add_tcase(suite, asking);
    tcase_add_checked_fixture(streams, set_up, tear_down);
    tcase_add_test(streams, many_resources_are_on_one_stream_in_envelopes);
    tcase_add_test(streams, a_target_that_is_refused_is_gone_and_the_others_stay);
    tcase_add_test(streams, a_stream_without_any_target_is_a_refusal);
    tcase_add_test(streams, after_five_seconds_it_opens_whatever_is_known);
    tcase_add_test(streams, a_name_that_nobody_knows_ends_its_target_alone);
    tcase_add_test(streams, only_few_targets_wait_for_names_at_a_time);
    tcase_add_test(streams, a_client_that_leaves_ends_all_that_still_waits);
    tcase_add_test(streams, stopping_ends_targets_that_wait_for_names_too);
    tcase_add_test(streams, a_reconnection_gets_all_whatever_it_has);
    tcase_add_test(streams, each_target_has_a_queue_of_its_own);
    tcase_add_test(streams, as_many_targets_as_there_may_be_are_charged);
    suite_add_tcase(suite, streams);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
