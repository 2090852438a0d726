/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange_reply: CoAP responses and failures as HTTP replies (RFC 8075 6 and 7, RFC 9290). */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "core_private.h"
#include "exchange_fixture.h"
#include "metrics.h"
#include "node_label.h"
#include "proves.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char access_rules[] = "[ { \"targets\": [\"coap://192.0.2.1:*\"] },"
                                   "  { \"targets\": [\"coap://192.0.2.9/open\"] } ]";
static const char mapping_document[] =
    "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9:5690\" } },"
    "  \"mappings\": ["
    "    { \"path\": \"/light\", \"target\": \"coap://192.0.2.9/l\", \"methods\": [\"GET\", "
    "\"PUT\", \"POST\"] },"
    "    { \"path\": \"/json\", \"target\": \"coap://192.0.2.9/j\", \"content_format\": 50,"
    "      \"strict_accept\": true } ] }";

static void set_up(void)
{
    fixture_set_up(access_rules, mapping_document);
}

static void send(enum http_method method, const char *target)
{
    fixture_request(method, target);
    if (method == HTTP_METHOD_PUT || method == HTTP_METHOD_POST)
        fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
}

START_TEST(codes_become_the_statuses_of_the_table)
{
    static const struct {
        enum http_method method;
        uint8_t code;
        const char *payload;
        unsigned status;
    } cases[] = {
        {HTTP_METHOD_POST, REST_CODE(2, 1), NULL, 201},
        {HTTP_METHOD_DELETE, REST_CODE(2, 2), NULL, 204},
        {HTTP_METHOD_DELETE, REST_CODE(2, 2), "gone", 200},
        {HTTP_METHOD_PUT, REST_CODE(2, 4), NULL, 204},
        {HTTP_METHOD_PUT, REST_CODE(2, 4), "ok", 200},
        {HTTP_METHOD_GET, REST_CODE(2, 5), NULL, 200},
        {HTTP_METHOD_POST, REST_CODE(2, 5), "ok", 200},
        {HTTP_METHOD_GET, REST_CODE(2, 4), NULL, 204},
        {HTTP_METHOD_GET, REST_CODE(2, 15), "x", 200},
        {HTTP_METHOD_GET, REST_CODE(2, 3), NULL, 502},
        {HTTP_METHOD_PUT, REST_CODE(2, 31), NULL, 502},
        {HTTP_METHOD_GET, REST_CODE(3, 3), NULL, 502},
        {HTTP_METHOD_GET, REST_CODE(4, 1), NULL, 403},
        {HTTP_METHOD_GET, REST_CODE(4, 2), NULL, 500},
        {HTTP_METHOD_GET, REST_CODE(4, 4), "no such sensor", 404},
        {HTTP_METHOD_GET, REST_CODE(4, 28), NULL, 400},
        {HTTP_METHOD_GET, REST_CODE(5, 3), NULL, 503},
        {HTTP_METHOD_GET, REST_CODE(5, 5), NULL, 502},
        {HTTP_METHOD_GET, REST_CODE(5, 8), "p1 p2", 508},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        send(cases[i].method, "/hc/coap://192.0.2.1/x");
        fixture_answer(cases[i].code, -1, cases[i].payload);
        ck_assert_uint_eq(fixture.answered, 1);
        fixture_reply(cases[i].status);
        fixture_assert_field("WWW-Authenticate", NULL);
        fixture_assert_field("Server-Timing", "coap;dur=12.3");
        if (cases[i].status == 204)
            fixture_assert_body("");
        else if (cases[i].payload != NULL)
            fixture_assert_body(cases[i].payload);
    }
    fixture_assert_field("X-CoAP-Code", "5.08");
}
END_TEST

START_TEST(a_payload_has_the_media_type_of_its_format)
{
    static const struct {
        const char *target;
        uint8_t code;
        int format;
        const char *payload;
        const char *type;
        const char *body;
    } cases[] = {
        {"/hc/coap://192.0.2.1/x", REST_CODE(2, 5), 50, "{}", "application/json", "{}"},
        {"/hc/coap://192.0.2.1/x", REST_CODE(2, 5), 4711, "x", "application/coap-payload;cf=4711",
         "x"},
        {"/hc/coap://192.0.2.1/x", REST_CODE(2, 5), -1, "x", "application/octet-stream", "x"},
        {"/json", REST_CODE(2, 5), -1, "{}", "application/json", "{}"},
        {"/hc/coap://192.0.2.1/x", REST_CODE(4, 0), 50, "{\"e\":1}", "application/json",
         "{\"e\":1}"},
        {"/hc/coap://192.0.2.1/x", REST_CODE(4, 4), -1, "no such sensor",
         "text/plain;charset=utf-8", "no such sensor"},
        {"/hc/coap://192.0.2.1/x", REST_CODE(5, 0), -1,
         "\xff\xfe"
         "A",
         "text/plain;charset=utf-8",
         "\xef\xbf\xbd\xef\xbf\xbd"
         "A"},
        {"/hc/coap://192.0.2.1/x", REST_CODE(2, 5), -1, NULL, NULL, ""},
        {"/hc/coap://192.0.2.1/x", REST_CODE(4, 0), 257, "\xa1\x20\x61",
         "application/"
         "concise-problem-details+"
         "cbor",
         "\xa1\x20\x61"},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        send(HTTP_METHOD_GET, cases[i].target);
        fixture_answer(cases[i].code, cases[i].format, cases[i].payload);
        fixture_assert_field("Content-Type", cases[i].type);
        fixture_assert_body(cases[i].body);
    }
}
END_TEST

START_TEST(an_error_without_a_payload_tells_the_code)
{
    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_answer(REST_CODE(4, 4), -1, NULL);
    fixture_reply(404);
    fixture_assert_field("Content-Type", "application/problem+json");
    fixture_assert_body_has(":node-error\"");
    fixture_assert_body_has("\"coap-code\":\"4.04\"");
    fixture_assert_body_has("\"status\":404");
    fixture_assert_body_has("\"node\":\"kitchen\"");
    fixture_assert_body_has("node kitchen answered 4.04 Not Found");
}
END_TEST

START_TEST(concise_problems_become_json_unless_cbor_is_preferred)
{
    static const char concise[] = "\xa2\x20\x61t\x21\x61"
                                  "d";

    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_answer(REST_CODE(4, 0), 257, concise);
    fixture_reply(400);
    fixture_assert_field("Content-Type", "application/problem+json");
    fixture_assert_body_has("\"title\":\"t\"");
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_field("Accept", "application/concise-problem-details+cbor");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(4, 0), 257, concise);
    fixture_reply(400);
    fixture_assert_field("Content-Type", "application/concise-problem-details+cbor");
    fixture_assert_body(concise);
}
END_TEST

START_TEST(a_bad_option_blames_the_field_that_made_it)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_field("If-Match", "\"01\"");
    fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(4, 2), 257, "\xa1\x27\x01");
    fixture_reply(400);
    fixture_assert_body_has("If-Match");
    /* The option was not asked for by this client: the gateway's fault. */
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(4, 2), 257, "\xa1\x27\x10");
    fixture_reply(500);
    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_answer(REST_CODE(4, 2), -1, NULL);
    fixture_reply(500);
    fixture_assert_body_has("could not be translated");
}
END_TEST

START_TEST(a_method_that_the_node_refuses)
{
    send(HTTP_METHOD_PUT, "/hc/coap://192.0.2.1/x");
    fixture_answer(REST_CODE(4, 5), -1, NULL);
    fixture_reply(400);
    fixture_assert_body("CoAP server returned 4.05\n");
    fixture_assert_field("Allow", NULL);
    send(HTTP_METHOD_PUT, "/hc/coap://192.0.2.1/x");
    fixture_answer(REST_CODE(4, 5), -1, "read only");
    fixture_reply(400);
    fixture_assert_body("CoAP server returned 4.05: read only\n");
    send(HTTP_METHOD_PUT, "/light");
    fixture_answer(REST_CODE(4, 5), -1, NULL);
    fixture_reply(405);
    fixture_assert_field("Allow", "GET, HEAD, POST");
}
END_TEST

static void answer_located(const char *segment, uint16_t reserved)
{
    static struct rest_request response;

    rest_request_init(&response);
    response.message.code = REST_CODE(2, 1);
    rest_request_add(&response, REST_OPTION_LOCATION_PATH, segment, strlen(segment));
    rest_request_add(&response, REST_OPTION_LOCATION_PATH, "7", 1);
    rest_request_add(&response, REST_OPTION_LOCATION_QUERY, "x=1", 3);
    if (reserved != 0)
        rest_request_add(&response, reserved, "z", 1);
    fixture_answer_with(&response, NULL);
}

START_TEST(locations_come_back_through_the_mapping)
{
    send(HTTP_METHOD_POST, "/hc/coap://192.0.2.1/c");
    answer_located("c", 0);
    fixture_reply(201);
    fixture_assert_field("Location", "/hc/coap://192.0.2.1/c/7?x=1");
    send(HTTP_METHOD_POST, "/nodes/kitchen/c");
    answer_located("a/b\r\nX: y", 0);
    fixture_reply(201);
    fixture_assert_field("Location", "/nodes/kitchen/a%2Fb%0D%0AX:%20y/7?x=1");
    /* A null mapping of one resource cannot say it; /hc/ may when the rules let the client there.
     */
    send(HTTP_METHOD_POST, "/light");
    answer_located("closed", 0);
    fixture_reply(201);
    fixture_assert_field("Location", NULL);
    send(HTTP_METHOD_POST, "/light");
    answer_located("open", 0);
    fixture_reply(201);
    fixture_assert_field("Location", "/hc/coap://192.0.2.9/open/7?x=1");
    send(HTTP_METHOD_POST, "/hc/coap://192.0.2.1/c");
    answer_located("c", 128);
    fixture_reply(502);
    fixture_assert_field("Location", NULL);
}
END_TEST

START_TEST(etags_and_times_are_for_get)
{
    static struct rest_request response;

    rest_request_init(&response);
    response.message.code = REST_CODE(2, 5);
    rest_request_add(&response, REST_OPTION_ETAG, "\x0a\x1b", 2);
    rest_request_add_uint(&response, REST_OPTION_MAX_AGE, 10);
    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_answer_with(&response, "x");
    fixture_assert_field("ETag", "\"0a1b\"");
    fixture_assert_field("Cache-Control", "max-age=10");
    send(HTTP_METHOD_HEAD, "/nodes/kitchen/x");
    fixture_answer_with(&response, "x");
    fixture_assert_field("ETag", "\"0a1b\"");
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_field("Accept", "application/json");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer_with(&response, "x");
    fixture_assert_field("ETag", "\"0a1b-50\"");
    fixture_assert_field("Vary", "Accept, Prefer");
    send(HTTP_METHOD_POST, "/nodes/kitchen/x");
    fixture_answer_with(&response, "x");
    fixture_assert_field("ETag", NULL);
    response.message.code = REST_CODE(5, 3);
    send(HTTP_METHOD_GET, "/nodes/kitchen/away");
    fixture_answer_with(&response, NULL);
    fixture_reply(503);
    fixture_assert_field("Retry-After", "10");
    fixture_assert_field("Cache-Control", "no-store");
    fixture_assert_field("ETag", NULL);
    send(HTTP_METHOD_GET, "/nodes/kitchen/busy");
    fixture_answer(REST_CODE(4, 29), -1, NULL);
    fixture_reply(429);
    fixture_assert_field("Retry-After", "60");
    fixture_assert_field("Cache-Control", "no-store");
}
END_TEST

START_TEST(strict_mappings_refuse_what_accept_does_not_allow)
{
    fixture_request(HTTP_METHOD_GET, "/json");
    fixture_field("Accept", "application/xml");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 5), -1, "{}");
    fixture_reply(406);
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_field("Accept", "application/xml");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(2, 5), 50, "{}");
    fixture_reply(200);
}
END_TEST

START_TEST(a_node_that_wants_less_says_how_much)
{
    static struct rest_request response;

    rest_request_init(&response);
    response.message.code = REST_CODE(4, 13);
    rest_request_add_uint(&response, REST_OPTION_SIZE1, 512);
    /* Tried in blocks first: one byte makes one of them. */
    send(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_answer_with(&response, NULL);
    ck_assert(fixture_has_option(REST_OPTION_BLOCK1, NULL));
    fixture_answer_with(&response, "full");
    fixture_reply(413);
    fixture_assert_field("Content-Type", "application/problem+json");
    fixture_assert_body_has("\"max-size\":512");
    fixture_assert_body_has("node kitchen takes bodies of at most 512 bytes: full");
    /* In a concise problem too; and not in one of another code. */
    rest_request_add_uint(&response, REST_OPTION_CONTENT_FORMAT, 257);
    send(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_answer_with(&response, "\xa1\x20\x61x");
    fixture_answer_with(&response, "\xa1\x20\x61x");
    fixture_reply(413);
    fixture_assert_body(
        "{\"title\":\"x\",\"status\":413,\"coap-code\":\"4.13\",\"max-size\":512}\n");
    response.message.code = REST_CODE(4, 4);
    send(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_answer_with(&response, "\xa1\x20\x61x");
    fixture_reply(404);
    fixture_assert_body("{\"title\":\"x\",\"status\":404,\"coap-code\":\"4.04\"}\n");
}
END_TEST

START_TEST(head_tells_a_length_only_when_it_knows_it)
{
    static struct rest_request response;

    rest_request_init(&response);
    response.message.code = REST_CODE(2, 5);
    rest_request_add_uint(&response, REST_OPTION_BLOCK2, 0x08);
    rest_request_add_uint(&response, REST_OPTION_SIZE2, 3000);
    send(HTTP_METHOD_HEAD, "/nodes/kitchen/x");
    ck_assert(fixture_has_option(REST_OPTION_BLOCK2, ""));
    ck_assert(fixture_has_option(REST_OPTION_SIZE2, ""));
    fixture_answer_with(&response, "sixteen bytes...");
    ck_assert(fixture_reply(200)->has_unknown_length);
    send(HTTP_METHOD_HEAD, "/nodes/kitchen/x");
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    ck_assert(!fixture_reply(200)->has_unknown_length);
    fixture_assert_body("21.5");
}
END_TEST

START_TEST(a_body_outlives_its_client)
{
    static char large[2049];
    struct fixture_request *request;

    memset(large, 'x', sizeof large - 1);
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_body(large);
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    exchange_detach(fixture.core, fixture.id);
    fixture.id = 0;
    memset(&fixture.request, 0xa5, sizeof fixture.request);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 1);
    fixture_answer(REST_CODE(2, 31), -1, NULL);
    request = fixture_last();
    ck_assert_uint_eq(request->copy.message.payload_length, 1024);
    ck_assert_mem_eq(request->payload, large, 1024);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    ck_assert_uint_eq(fixture.answered, 0);
}
END_TEST

START_TEST(failures_say_what_a_person_can_act_on)
{
    static const struct {
        enum request_failure failure;
        struct request_report report;
        unsigned status;
        const char *slug;
        const char *detail;
    } cases[] = {
        {REQUEST_TIMED_OUT,
         {.transmissions = 5, .elapsed_us = 45000300},
         504,
         ":timeout\"",
         "node kitchen did not answer within 45 s (5 transmissions)"},
        {REQUEST_TIMED_OUT,
         {.transmissions = 1, .was_acknowledged = true, .elapsed_us = 120000000},
         504,
         ":timeout\"",
         "node kitchen acknowledged the request but did not answer within 120 s"},
        {REQUEST_TIMED_OUT, {.elapsed_us = 45000000}, 504, ":timeout\"", "waited 45 s"},
        {REQUEST_TIMED_OUT,
         {.elapsed_us = 600000000, .detail = "its blocks took too long"},
         504,
         ":timeout\"",
         "did not finish within 600 s: its blocks took too long"},
        {REQUEST_BAD_TRANSFER,
         {.transmissions = 1, .detail = "it lost them"},
         502,
         ":bad-response\"",
         "blocks with node kitchen failed: it lost them"},
        {REQUEST_OUT_OF_MEMORY, {.transmissions = 1}, 503, ":out-of-memory\"", "memory"},
        {REQUEST_RESET, {.transmissions = 1}, 502, ":reset\"", "Reset"},
        {REQUEST_UNREACHABLE, {.transmissions = 1}, 502, ":unreachable\"", "cannot be reached"},
        {REQUEST_DATAGRAM_TOO_LONG,
         {.transmissions = 1},
         414,
         ":datagram-too-long\"",
         "no datagram of this length to node kitchen: path and query"},
        {REQUEST_BAD_RESPONSE,
         {.transmissions = 1, .bad_option = 65001},
         502,
         ":bad-response\"",
         "option 65001"},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        send(HTTP_METHOD_GET, "/nodes/kitchen/x");
        fixture_fail(cases[i].failure, &cases[i].report);
        ck_assert_uint_eq(fixture.answered, 1);
        fixture_reply(cases[i].status);
        fixture_assert_body_has(cases[i].slug);
        fixture_assert_body_has(cases[i].detail);
        fixture_assert_body_has("\"elapsed-ms\":");
    }
    send(HTTP_METHOD_GET, "/hc/coap://192.0.2.1/x");
    fixture_fail(REQUEST_TIMED_OUT, &cases[0].report);
    fixture_assert_body_has("the node did not answer");
    ck_assert_ptr_null(
        strstr(buffer_text(&exchange_reply(fixture.core, fixture.id)->body), "192.0.2"));
    send(HTTP_METHOD_GET, "/light");
    fixture_fail(REQUEST_TIMED_OUT, &cases[0].report);
    fixture_assert_body_has("the node of /light did not answer");
}
END_TEST

START_TEST(a_body_that_no_datagram_takes_is_413_and_no_failure_of_the_node)
{
    static const struct request_report report = {.transmissions = 1};

    fixture_request(HTTP_METHOD_PUT, "/light");
    fixture_body("a body that is longer than the path before it");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_fail(REQUEST_DATAGRAM_TOO_LONG, &report);
    fixture_reply(413);
    fixture_assert_body_has(":datagram-too-long\"");
    fixture_assert_body_has("send a smaller body");
    fixture_done();
    fixture_get("/-/metrics");
    ck_assert_ptr_null(
        strstr(buffer_text(&fixture_reply(200)->body), "coapgw_coap_requests_total{"));
}
END_TEST

START_TEST(an_overdue_request_is_answered_once_and_runs_on)
{
    struct request_report report = {.transmissions = 5, .elapsed_us = 45000000};
    const struct node_label_times times = {.wall_ms = 1700000000000};
    struct buffer metrics;

    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_overdue(&report);
    ck_assert_uint_eq(fixture.answered, 1);
    fixture_reply(504);
    fixture_answer(REST_CODE(2, 5), 0, "late");
    ck_assert_uint_eq(fixture.answered, 1);
    fixture_reply(504);
    fixture_done();
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    /* The same with the client gone before, and no answer at all. */
    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_overdue(&report);
    fixture_done();
    ck_assert_uint_eq(core_exchange_count(fixture.core), 1);
    fixture_fail(REQUEST_TIMED_OUT, &report);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
    buffer_init(&metrics, 1 << 20);
    ck_assert_int_eq(node_label_write_metrics(fixture.core->labels, &times, &metrics), 0);
    ck_assert_ptr_nonnull(
        strstr(buffer_text(&metrics), "coapgw_coap_timeouts_total{node=\"kitchen\"} 2\n"));
    ck_assert_ptr_nonnull(
        strstr(buffer_text(&metrics), "coapgw_coap_retransmissions_total{node=\"kitchen\"} 8\n"));
    buffer_clear(&metrics);
}
END_TEST

START_TEST(the_access_log_has_one_line_for_each_request)
{
    struct exchange_account account = {.method = "GET",
                                       .target = "/nodes/kitchen/x?\"\n",
                                       .client = "127.0.0.1",
                                       .request_id = "id-1",
                                       .status = 200,
                                       .elapsed_us = 12345,
                                       .body_bytes = 4};
    char *text = NULL;
    size_t length = 0;
    FILE *stream = open_memstream(&text, &length);
    struct log *log = log_new(stream, LOG_LEVEL_INFO, LOG_FORMAT_TEXT, false, NULL);

    fixture.core->options.log = log;
    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    exchange_account(fixture.core, fixture.id, &account);
    (void)fflush(stream);
    ck_assert_uint_eq(length, 0);
    fixture.policy->writes_access_log = true;
    exchange_account(fixture.core, fixture.id, &account);
    (void)fflush(stream);
    ck_assert_ptr_nonnull(
        strstr(text, "access method=\"GET\" target=\"/nodes/kitchen/x?\\\"\\x0a\" node=kitchen "
                     "code=2.05 status=200 ms=12.3 retransmissions=0 bytes=4 "
                     "client=\"127.0.0.1\" id=\"id-1\"\n"));
    account.status = 400;
    exchange_account(fixture.core, 0, &account);
    (void)fflush(stream);
    ck_assert_ptr_nonnull(strstr(text, "node=- code=- status=400"));
    fixture.core->options.log = NULL;
    log_free(log);
    (void)fclose(stream);
    free(text);
}
END_TEST

/* An exchange is used again for the next request. */
START_TEST(a_refusal_names_no_node_of_an_earlier_request)
{
    send(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_answer(REST_CODE(4, 4), -1, NULL);
    fixture_reply(404);
    fixture_assert_body_has("\"node\":\"kitchen\"");
    fixture_done();
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture.request.roles = 0;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    ck_assert_ptr_null(strstr(buffer_text(&fixture_reply(401)->body), "kitchen"));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange_reply");
    TCase *tests = tcase_create("exchange_reply");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, codes_become_the_statuses_of_the_table);
    tcase_add_test(tests, a_payload_has_the_media_type_of_its_format);
    tcase_add_test(tests, an_error_without_a_payload_tells_the_code);
    tcase_add_test(tests, concise_problems_become_json_unless_cbor_is_preferred);
    tcase_add_test(tests, a_bad_option_blames_the_field_that_made_it);
    tcase_add_test(tests, a_method_that_the_node_refuses);
    tcase_add_test(tests, locations_come_back_through_the_mapping);
    tcase_add_test(tests, etags_and_times_are_for_get);
    tcase_add_test(tests, strict_mappings_refuse_what_accept_does_not_allow);
    tcase_add_test(tests, a_node_that_wants_less_says_how_much);
    tcase_add_test(tests, head_tells_a_length_only_when_it_knows_it);
    tcase_add_test(tests, a_body_outlives_its_client);
    tcase_add_test(tests, failures_say_what_a_person_can_act_on);
    tcase_add_test(tests, a_body_that_no_datagram_takes_is_413_and_no_failure_of_the_node);
    tcase_add_test(tests, an_overdue_request_is_answered_once_and_runs_on);
    tcase_add_test(tests, the_access_log_has_one_line_for_each_request);
    tcase_add_test(tests, a_refusal_names_no_node_of_an_earlier_request);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
