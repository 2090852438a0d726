/* SPDX-License-Identifier: BSD-2-Clause */
#include "audience.h"

/* test_audience: who shares what is rendered, and who may go where a node has gone. */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "stream_fixture.h"
#include "stream_private.h"

static struct client first, second, third;

static void set_up(void)
{
    streaming_set_up();
    client_init(&first, "");
    client_init(&second, "");
    client_init(&third, "");
}

static void tear_down(void)
{
    client_leave(&first);
    client_leave(&second);
    client_leave(&third);
    streaming_tear_down();
}

/* Has the stream of a target, and reads what it begins with. */
static void watch(struct client *client, const char *target, unsigned roles)
{
    client_init(client, target);
    client->request.roles = roles;
    if (client_go(client) == EXCHANGE_PARKED) {
        fixture_advance(0);
        node_tells(relation_last(), "0");
        fixture_advance(0);
    }
    client_take(client);
    (void)client_read(client);
}

static size_t audiences(void)
{
    return fixture.core->streams->audience_count;
}

static struct stream_event *waiting(struct client *client)
{
    return TAILQ_FIRST(&client->stream->queue)->event;
}

START_TEST(streams_under_one_name_have_the_same_event)
{
    watch(&first, "/nodes/kitchen/t", ROLE_READ);
    watch(&second, "/nodes/kitchen/%74", ROLE_READ);
    ck_assert_uint_eq(audiences(), 1);
    node_tells(relation_last(), "1");
    ck_assert_ptr_eq(waiting(&first), waiting(&second));
    ck_assert_uint_eq(waiting(&first)->references, 2);
}
END_TEST

START_TEST(streams_under_other_names_share_the_registration_alone)
{
    watch(&first, "/nodes/kitchen/light", ROLE_READ);
    watch(&second, "/kitchen/light", ROLE_READ);
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(audiences(), 2);
    node_tells(relation_last(), "1");
    client_assert_hears(&first, "2=1");
    client_assert_hears(&second, "2=1");
}
END_TEST

START_TEST(what_is_shown_first_is_shared_while_somebody_has_to_read_it)
{
    watch(&first, "/nodes/kitchen/t", ROLE_READ);
    client_init(&second, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&second), EXCHANGE_ANSWERED);
    client_take(&second);
    client_init(&third, "/nodes/kitchen/t");
    ck_assert_int_eq(client_go(&third), EXCHANGE_ANSWERED);
    client_take(&third);
    ck_assert_ptr_eq(TAILQ_LAST(&second.stream->queue, stream_entries)->event,
                     TAILQ_LAST(&third.stream->queue, stream_entries)->event);
    client_assert_hears(&second, "<live:value> 1=0");
    client_leave(&second);
    client_assert_hears(&third, "<live:value> 1=0");
}
END_TEST

START_TEST(what_is_no_text_is_shown_in_an_envelope)
{
    client_ask(&first, "/nodes/kitchen/t");
    relation_answer(relation_last(),
                    &(struct relation_answer){.payload = "\x01\x02", .max_age = 5, .format = 60});
    fixture_advance(0);
    client_take(&first);
    ck_assert_ptr_nonnull(strstr(client_read(&first),
                                 "data: {\"target\":\"/nodes/kitchen/t\",\"content_format\":60,"
                                 "\"b64\":\"AQI=\",\"max_age\":5,\"at\":\"2023-11-14T"));
}
END_TEST

START_TEST(a_policy_that_was_replaced_is_not_that_of_new_streams)
{
    struct policy *policy;

    watch(&first, "/nodes/kitchen/t", ROLE_READ);
    policy = fixture_policy(
        NULL, "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" } } }");
    policy->stream_limits = fixture.policy->stream_limits;
    policy->observation_limits = fixture.policy->observation_limits;
    ck_assert_int_eq(core_set_policy(fixture.core, policy), 0);
    watch(&second, "/nodes/kitchen/t", ROLE_READ);
    ck_assert_uint_eq(observe_fake.count, 1);
    ck_assert_uint_eq(audiences(), 2);
    node_tells(relation_last(), "1");
    client_assert_hears(&first, "2=1");
    client_assert_hears(&second, "2=1");
}
END_TEST

static void reload(const char *mappings)
{
    struct policy *policy = fixture_policy(NULL, mappings);

    policy->stream_limits = fixture.policy->stream_limits;
    policy->observation_limits = fixture.policy->observation_limits;
    ck_assert_int_eq(core_set_policy(fixture.core, policy), 0);
    fixture.policy = policy;
}

START_TEST(who_would_not_get_a_stream_any_more_loses_it_at_a_reload)
{
    watch(&first, "/nodes/kitchen/t", ROLE_READ);
    watch(&second, "/nodes/kitchen/t", ROLE_READ | ROLE_ADMIN);
    watch(&third, "/kitchen/light", ROLE_READ);
    reload("{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\","
           "  \"roles\": [\"admin\"] } } }");
    client_assert_hears(&first, "<gone:forbidden/403>");
    ck_assert(first.is_over);
    client_assert_hears(&third, "<gone:not-found/404>");
    ck_assert(third.is_over);
    ck_assert_uint_eq(relations_open(), 1);
    node_tells(&observe_fake.relations[0], "1");
    client_assert_hears(&second, "2=1");
    ck_assert_uint_eq(audiences(), 1);
}
END_TEST

START_TEST(a_name_that_leads_elsewhere_after_a_reload_ends_its_streams)
{
    watch(&first, "/nodes/kitchen/t", ROLE_READ);
    reload("{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.99\" } } }");
    client_assert_hears(&first, "<gone:ended/503>");
    ck_assert(first.is_over);
    ck_assert_uint_eq(relations_open(), 0);
    ck_assert_uint_eq(audiences(), 0);
}
END_TEST

START_TEST(the_last_one_to_leave_ends_the_subscription)
{
    watch(&first, "/nodes/kitchen/t", ROLE_READ);
    watch(&second, "/nodes/kitchen/t", ROLE_READ);
    client_leave(&first);
    ck_assert_uint_eq(relations_open(), 1);
    client_leave(&second);
    ck_assert_uint_eq(relations_open(), 0);
    ck_assert_uint_eq(audiences(), 0);
}
END_TEST

/* The node far is at another address, where only the role write may go. */
START_TEST(who_may_not_go_where_the_node_has_gone_is_refused)
{
    const struct request_report spent = {
        .transmissions = 5, .is_spent = true, .elapsed_us = 93000000};
    struct relation *relation;

    client_ask(&first, "/hc/coap://far.example/t");
    fixture_resolve("192.0.2.77", NULL);
    fixture_advance(0);
    node_tells(relation_last(), "0");
    fixture_advance(0);
    client_take(&first);
    watch(&second, "/hc/coap://far.example/t", ROLE_READ | ROLE_WRITE);
    watch(&third, "/nodes/far/t", ROLE_READ);
    ck_assert_uint_eq(audiences(), 2);
    (void)client_read(&first);
    relation = relation_last();
    fixture_advance(100000);
    relation->is_asking = true;
    relation_fail(relation, REQUEST_UNREACHABLE, &spent);
    fixture_advance(60000);
    fixture_resolve("198.51.100.1", NULL);
    fixture_advance(60000);
    ck_assert_ptr_ne(relation_last(), relation);
    client_assert_hears(&first, "<stale:max-age> <offline:unreachable/502> <gone:forbidden/403>");
    ck_assert(first.is_over);
    node_tells(relation_last(), "1");
    client_assert_hears(&second, "<stale:max-age> <offline:unreachable/502> <live:value> 2=1");
    client_assert_hears(&third, "<stale:max-age> <offline:unreachable/502> <live:value> 2=1");
}
END_TEST

START_TEST(nobody_joins_what_goes_where_it_may_not_go)
{
    client_ask(&first, "/hc/coap://far.example/t");
    fixture_resolve("192.0.2.77", NULL);
    fixture_advance(0);
    client_init(&second, "/hc/coap://far.example/t");
    second.request.roles = ROLE_READ;
    fixture_advance(40000);
    ck_assert_int_eq(client_go(&second), EXCHANGE_PARKED);
    fixture_resolve("198.51.100.1", NULL);
    ck_assert_uint_eq(second.answered, 1);
    (void)client_reply(&second, 403);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("audience");
    TCase *sharing = tcase_create("sharing"), *places = tcase_create("places");
    SRunner *runner;
    int failed;

    tcase_add_checked_fixture(sharing, set_up, tear_down);
    tcase_add_test(sharing, streams_under_one_name_have_the_same_event);
    tcase_add_test(sharing, streams_under_other_names_share_the_registration_alone);
    tcase_add_test(sharing, what_is_shown_first_is_shared_while_somebody_has_to_read_it);
    tcase_add_test(sharing, what_is_no_text_is_shown_in_an_envelope);
    tcase_add_test(sharing, a_policy_that_was_replaced_is_not_that_of_new_streams);
    tcase_add_test(sharing, who_would_not_get_a_stream_any_more_loses_it_at_a_reload);
    tcase_add_test(sharing, a_name_that_leads_elsewhere_after_a_reload_ends_its_streams);
    tcase_add_test(sharing, the_last_one_to_leave_ends_the_subscription);
    suite_add_tcase(suite, sharing);
    tcase_add_checked_fixture(places, set_up, tear_down);
    tcase_add_test(places, who_may_not_go_where_the_node_has_gone_is_refused);
    tcase_add_test(places, nobody_joins_what_goes_where_it_may_not_go);
    suite_add_tcase(suite, places);
    runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
