/* SPDX-License-Identifier: BSD-2-Clause */
#include "resource.h"

/* test_resource: the gateway's own resources (RFC 8075 5.5, RFC 6690 4). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fixture.h"
#include "proves.h"

static const char mapping_document[] =
    "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\","
    "                              \"description\": \"Kitchen \\\"main\\\"\" } },"
    "  \"mappings\": ["
    "    { \"path\": \"/light\", \"target\": \"coap://192.0.2.9/l\", \"description\": \"Lamp\" },"
    "    { \"path\": \"/garden{+p}\", \"target\": \"coap://192.0.2.9{+p}\" } ] }";

static void set_up(void)
{
    fixture_set_up(NULL, mapping_document);
}

static void get(const char *target, unsigned status)
{
    ck_assert_int_eq(fixture_get(target), EXCHANGE_ANSWERED);
    fixture_reply(status);
}

START_TEST(own_resources_are_found_by_their_exact_path)
{
    ck_assert_ptr_nonnull(resource_find("/-/health/live"));
    ck_assert_ptr_nonnull(resource_find("/.well-known/core?rt=core.hc"));
    ck_assert_ptr_null(resource_find("/-/health/live/"));
    ck_assert_ptr_null(resource_find("/-/health"));
    ck_assert_ptr_null(resource_find("/.well-known/cor"));
    ck_assert_ptr_null(resource_find("*"));
    ck_assert_ptr_null(resource_find(""));
}
END_TEST

START_TEST(readiness_ends_while_draining_and_life_does_not)
{
    get("/-/health/live", 200);
    fixture_assert_body("live\n");
    get("/-/health/ready", 200);
    fixture_assert_field("Cache-Control", "no-store");
    core_set_draining(fixture.core);
    get("/-/health/live", 200);
    get("/-/health/ready", 503);
    fixture_assert_body_has(":stopping\"");
}
END_TEST

START_TEST(metrics_gather_what_others_count)
{
    get("/-/metrics", 200);
    fixture_assert_field("Content-Type", "text/plain; version=0.0.4; charset=utf-8");
    fixture_assert_body_has("\ncoapgw_coap_duplicates_total 3\n");
    fixture_assert_body_has("\ncoapgw_coap_resets_sent_total 2\n");
    fixture_assert_body_has("\ncoapgw_exchanges 1\n");
    fixture_assert_body_has("# TYPE coapgw_coap_requests_total counter\n");
}
END_TEST

START_TEST(other_methods_learn_what_is_allowed)
{
    fixture_request(HTTP_METHOD_PUT, "/.well-known/core");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(405);
    fixture_assert_field("Allow", "GET, HEAD");
    fixture_request(HTTP_METHOD_HEAD, "/.well-known/core");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(200);
    fixture_request(HTTP_METHOD_GET, "/-/health/live");
    fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(400);
}
END_TEST

START_TEST(the_catalogue_lists_what_the_gateway_offers)
{
    get("/.well-known/core", 200);
    fixture_assert_field("Content-Type", "application/link-format");
    fixture_assert_body_has("</hc/>;rt=\"core.hc\"");
    fixture_assert_body_has("</nodes/kitchen/>;title=\"Kitchen \\\"main\\\"\"");
    fixture_assert_body_has("</light>;title=\"Lamp\"");
    fixture_assert_body_has("</garden>");
    ck_assert_ptr_null(strstr(buffer_text(&fixture_reply(200)->body), "hct"));
    get("/.well-known/core?rt=core.hc", 200);
    fixture_assert_body("</hc/>;rt=\"core.hc\"");
    proves("DISC-01");
}
END_TEST

START_TEST(the_catalogue_is_filtered)
{
    get("/.well-known/core?rt=core.h*", 200);
    fixture_assert_body("</hc/>;rt=\"core.hc\"");
    get("/.well-known/core?rt=*", 200);
    fixture_assert_body("</hc/>;rt=\"core.hc\"");
    get("/.well-known/core?rt=core.x", 200);
    fixture_assert_body("");
    fixture_assert_field("Content-Type", "application/link-format");
    get("/.well-known/core?href=/li*", 200);
    fixture_assert_body("</light>;title=\"Lamp\"");
    get("/.well-known/core?title=Lamp", 200);
    fixture_assert_body("</light>;title=\"Lamp\"");
    get("/.well-known/core?rt=%zz", 400);
    proves("DISC-04");
    proves("DISC-05");
}
END_TEST

START_TEST(a_template_that_is_not_the_default_is_published)
{
    fixture_tear_down();
    fixture_set_up("[], \"hc\": [ { \"uri\": \"/hc/\", \"template\": \"?uri={+tu}\" } ]", NULL);
    get("/.well-known/core", 200);
    fixture_assert_body("</hc/>;rt=\"core.hc\";hct=\"?uri={+tu}\"");
    proves("DISC-02");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("resource");
    TCase *tests = tcase_create("resource");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, own_resources_are_found_by_their_exact_path);
    tcase_add_test(tests, readiness_ends_while_draining_and_life_does_not);
    tcase_add_test(tests, metrics_gather_what_others_count);
    tcase_add_test(tests, other_methods_learn_what_is_allowed);
    tcase_add_test(tests, the_catalogue_lists_what_the_gateway_offers);
    tcase_add_test(tests, the_catalogue_is_filtered);
    tcase_add_test(tests, a_template_that_is_not_the_default_is_published);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
