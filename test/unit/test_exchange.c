/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange.h"

/* test_exchange: the life of an exchange, the order of its checks, names, and the CoAP request that
 * comes out of it. */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "exchange_fixture.h"
#include "metrics.h"
#include "proves.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static const char access_rules[] =
    "[ { \"targets\": [\"coap://192.0.2.1/get\"], \"methods\": [\"GET\"] },"
    "  { \"targets\": [\"coap://192.0.2.66\"], \"allow\": false },"
    "  { \"targets\": [\"coap://hidden.example\"], \"allow\": false },"
    "  { \"targets\": [\"coap://lamp.example\", \"coap://192.0.2.1:*\","
    "                  \"coap://127.0.0.1:*\", \"coaps://192.0.2.1\"] },"
    "  { \"networks\": [\"198.51.100.0/24\"] } ]";
static const char mapping_document[] =
    "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://192.0.2.9\" },"
    "               \"hall\": { \"address\": \"coap://hall.example\", \"roles\": [\"admin\"] } },"
    "  \"mappings\": ["
    "    { \"path\": \"/light\", \"target\": \"coap://192.0.2.9/l\", \"methods\": [\"GET\", "
    "\"PUT\"], \"require_length\": true },"
    "    { \"path\": \"/group\", \"target\": \"coap://224.0.1.187/g\" },"
    "    { \"path\": \"/named{+p}\", \"target\": \"coap://named.example{+p}\" } ] }";

static void set_up(void)
{
    fixture_set_up(access_rules, mapping_document);
}

START_TEST(a_get_becomes_a_coap_get_and_its_answer_comes_back)
{
    ck_assert_int_eq(fixture_get("/hc/coap://192.0.2.1:7000/temp/a%2Fb?x=1&y"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.request_count, 1);
    ck_assert_uint_eq(fixture_last()->copy.message.code, REST_GET);
    ck_assert_str_eq(fixture_path(), "/temp/a%2Fb");
    ck_assert_uint_eq(fixture_last()->peer.port, 7000);
    ck_assert(fixture_has_option(REST_OPTION_HOP_LIMIT, "\x10"));
    ck_assert(!fixture_has_option(REST_OPTION_URI_HOST, NULL));
    ck_assert(!fixture_has_option(REST_OPTION_URI_PORT, NULL));
    ck_assert_ptr_null(exchange_reply(fixture.core, fixture.id));
    fixture_answer(REST_CODE(2, 5), 0, "21.5");
    ck_assert_uint_eq(fixture.answered, 1);
    fixture_reply(200);
    fixture_assert_body("21.5");
    fixture_assert_field("Content-Type", "text/plain;charset=utf-8");
    fixture_done();
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
}
END_TEST

START_TEST(checks_come_in_their_order)
{
    static const struct {
        unsigned method;
        const char *target;
        unsigned status;
        const char *slug;
    } cases[] = {
        {HTTP_METHOD_GET, "/nowhere", 404, "not-found"},
        {HTTP_METHOD_GET, "/-/nowhere", 404, "not-found"},
        {HTTP_METHOD_TRACE, "/nowhere", 404, "not-found"},
        {HTTP_METHOD_TRACE, "/light", 501, "not-implemented"},
        {HTTP_METHOD_OPTIONS, "/light", 501, "not-implemented"},
        {HTTP_METHOD_UNKNOWN, "/light", 501, "not-implemented"},
        {HTTP_METHOD_CONNECT, "192.0.2.1:5683", 501, "not-implemented"},
        {HTTP_METHOD_DELETE, "/light", 405, "method-not-allowed"},
        {HTTP_METHOD_GET, "/hc/http://192.0.2.1/", 400, "bad-target"},
        {HTTP_METHOD_GET, "/hc/coap+tcp://192.0.2.1/", 501, "not-implemented"},
        {HTTP_METHOD_GET, "/hc/coap://127.1/", 400, "bad-target"},
        {HTTP_METHOD_PUT, "/hc/coap://192.0.2.1/get", 405, "method-not-allowed"},
        {HTTP_METHOD_GET, "/hc/coap://192.0.2.66/x", 403, "forbidden"},
        {HTTP_METHOD_GET, "/hc/coap://192.0.2.67:5685/x", 403, "forbidden"},
        {HTTP_METHOD_GET, "/hc/coap://192.0.2.1:53/x", 403, "forbidden"},
        {HTTP_METHOD_GET, "/hc/coap://224.0.1.187/x", 403, "forbidden"},
        {HTTP_METHOD_GET, "/hc/coap://%5B::ffff:224.0.1.187%5D/x", 403, "forbidden"},
        {HTTP_METHOD_GET, "/group", 403, "forbidden"},
        {HTTP_METHOD_GET, "/hc/coap://%5Bfe80::1%25nosuch0%5D/x", 502, "unreachable"},
        {HTTP_METHOD_GET, "/nodes/hall/x", 403, "forbidden"},
        {HTTP_METHOD_PATCH, "/nodes/kitchen/x", 415, "unsupported-media-type"},
        {HTTP_METHOD_QUERY, "/nodes/kitchen/x", 400, "bad-request"},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        enum exchange_progress progress;
        char slug[64];

        fixture_request((enum http_method)cases[i].method, cases[i].target);
        progress = exchange_begin(fixture.core, &fixture.request, &fixture, &fixture.id);
        ck_assert_msg(progress == EXCHANGE_ANSWERED, "%s", cases[i].target);
        fixture_reply(cases[i].status);
        (void)snprintf(slug, sizeof slug, ":%s\"", cases[i].slug);
        fixture_assert_body_has(slug);
        fixture_assert_body_has("\"id-1\"");
        ck_assert_ptr_null(
            strstr(buffer_text(&exchange_reply(fixture.core, fixture.id)->body), "192.0.2"));
    }
    ck_assert_uint_eq(fixture.request_count, 0);
    proves("ERR-10");
}
END_TEST

START_TEST(a_method_that_is_not_allowed_learns_which_are)
{
    fixture_request(HTTP_METHOD_DELETE, "/light");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(405);
    fixture_assert_field("Allow", "GET, HEAD, PUT");
    fixture_request(HTTP_METHOD_PUT, "/hc/coap://192.0.2.1/get");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(405);
    fixture_assert_field("Allow", "GET, HEAD");
}
END_TEST

START_TEST(nobody_reaches_more_than_health)
{
    fixture_request(HTTP_METHOD_GET, "/nowhere");
    fixture.request.roles = 0;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(401);
    fixture_assert_field("WWW-Authenticate", "Bearer realm=\"coapgw\"");
    fixture_request(HTTP_METHOD_GET, "/-/metrics");
    fixture.request.roles = 0;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(401);
    fixture_request(HTTP_METHOD_GET, "/-/health/live");
    fixture.request.roles = 0;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(200);
    fixture_request(HTTP_METHOD_PUT, "/light");
    fixture.request.roles = ROLE_READ;
    fixture_body("1");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(403);
}
END_TEST

START_TEST(content_is_refused_where_coap_has_no_place_for_it)
{
    static const enum http_method methods[] = {HTTP_METHOD_GET, HTTP_METHOD_HEAD,
                                               HTTP_METHOD_DELETE};

    for (size_t i = 0; i < LENGTH(methods); i++) {
        fixture_request(methods[i], "/nodes/kitchen/x");
        fixture_body("abc");
        ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
        ck_assert(fixture_reply(400)->must_close);
    }
    ck_assert_uint_eq(fixture.request_count, 0);
}
END_TEST

START_TEST(bodies_are_limited_before_they_are_read)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_body("x");
    fixture.request.content_length = 1u << 30;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(413);
    fixture_assert_body_has("at most 1048576 bytes");
    /* Chunked: the limit is met while reading. */
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture.request.has_body = true;
    ck_assert_int_eq(exchange_begin(fixture.core, &fixture.request, &fixture, &fixture.id),
                     EXCHANGE_WANTS_BODY);
    ck_assert_uint_eq(exchange_body_maximum(fixture.core, fixture.id), 1048576);
    exchange_refuse_body(fixture.core, fixture.id);
    fixture_reply(413);
    ck_assert_int_eq(exchange_run(fixture.core, fixture.id), EXCHANGE_ANSWERED);
    /* A mapping may want the length beforehand. */
    fixture_request(HTTP_METHOD_PUT, "/light");
    fixture.request.has_body = true;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(411);
    ck_assert_uint_eq(fixture.request_count, 0);
}
END_TEST

START_TEST(a_put_carries_body_format_and_preconditions)
{
    fixture_request(HTTP_METHOD_PUT, "/light");
    fixture_field("Content-Type", "application/json");
    fixture_field("If-Match", "\"aa\"");
    fixture_field("Cookie", "x=y");
    fixture_body("{\"on\":true}");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture_last()->copy.message.code, REST_PUT);
    ck_assert_str_eq(fixture_path(), "/l");
    ck_assert(fixture_has_option(REST_OPTION_CONTENT_FORMAT, "\x32"));
    ck_assert(fixture_has_option(REST_OPTION_IF_MATCH, "\xaa"));
    ck_assert_uint_eq(fixture_last()->copy.message.option_count, 4);
    ck_assert_uint_eq(fixture_last()->copy.message.payload_length, 11);
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    fixture_reply(204);
    fixture_assert_body("");
}
END_TEST

START_TEST(media_types_without_a_number_are_refused)
{
    static const struct {
        const char *type;
        const char *coding;
        unsigned status;
        const char *accept_encoding;
    } cases[] = {
        {"image/webp", NULL, 415, NULL},
        {"application/json", "gzip", 415, "deflate, zstd"},
        {"application/coap-payload;cf=4711", NULL, 415, NULL},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
        fixture_field("Content-Type", cases[i].type);
        if (cases[i].coding != NULL)
            fixture_field("Content-Encoding", cases[i].coding);
        fixture_body("x");
        ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
        fixture_reply(cases[i].status);
        fixture_assert_field("Accept-Encoding", cases[i].accept_encoding);
    }
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_field("Accept", "application/coap-payload");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(406);
    ck_assert_uint_eq(fixture.request_count, 0);
}
END_TEST

START_TEST(a_body_without_a_type_has_no_content_format)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert(!fixture_has_option(REST_OPTION_CONTENT_FORMAT, NULL));
    fixture_answer(REST_CODE(2, 4), -1, NULL);
    /* Text that is none is not called text (MEDIA-16). */
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_field("Content-Type", "text/plain");
    fixture_body("\xff\xfe");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(415);
}
END_TEST

START_TEST(a_query_becomes_a_fetch_and_a_patch_a_patch)
{
    fixture_request(HTTP_METHOD_QUERY, "/nodes/kitchen/x");
    fixture_field("Content-Type", "application/json");
    fixture_body("[\"foo\"]");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture_last()->copy.message.code, REST_FETCH);
    ck_assert(fixture_has_option(REST_OPTION_CONTENT_FORMAT, "\x32"));
    fixture_answer(REST_CODE(2, 5), 50, "{}");
    fixture_reply(200);
    fixture_done();
    fixture.policy->takes_query = false;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(501);
    fixture_request(HTTP_METHOD_PATCH, "/nodes/kitchen/x");
    fixture_field("Content-Type", "application/merge-patch+json");
    fixture_body("{}");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture_last()->copy.message.code, REST_PATCH);
    ck_assert(fixture_has_option(REST_OPTION_CONTENT_FORMAT, "\x34"));
    fixture_answer(REST_CODE(2, 4), -1, NULL);
}
END_TEST

START_TEST(accept_candidates_are_tried_in_turn_for_get_alone)
{
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_field("Accept", "application/cbor, application/json;q=0.5");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    ck_assert(fixture_has_option(REST_OPTION_ACCEPT, "\x3c"));
    fixture_answer(REST_CODE(4, 6), -1, NULL);
    ck_assert_uint_eq(fixture.answered, 0);
    ck_assert_uint_eq(fixture.request_count, 2);
    ck_assert(fixture_has_option(REST_OPTION_ACCEPT, "\x32"));
    fixture_answer(REST_CODE(2, 5), 50, "{}");
    fixture_reply(200);
    fixture_assert_field("Vary", "Accept, Prefer");
    fixture_request(HTTP_METHOD_GET, "/nodes/kitchen/x");
    fixture_field("Accept", "application/cbor, application/json, text/plain, application/xml, "
                            "application/link-format, application/octet-stream");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(4, 6), -1, NULL);
    fixture_answer(REST_CODE(4, 6), -1, NULL);
    fixture_answer(REST_CODE(4, 6), -1, NULL);
    ck_assert_uint_eq(fixture.request_count, 5);
    fixture_reply(406);
    fixture_request(HTTP_METHOD_POST, "/nodes/kitchen/x");
    fixture_field("Accept", "application/cbor, application/json;q=0.5");
    fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_answer(REST_CODE(4, 6), -1, NULL);
    ck_assert_uint_eq(fixture.request_count, 6);
    fixture_reply(406);
}
END_TEST

START_TEST(a_name_is_resolved_once_and_its_first_allowed_address_is_used)
{
    ck_assert_int_eq(fixture_get("/hc/coap://Many.example/x"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.question_count, 1);
    ck_assert_str_eq(fixture.questions[0].name, "many.example");
    fixture_resolve("192.0.2.66", "198.51.100.7");
    /* The rules name two hosts, which may be the second address. */
    ck_assert_uint_eq(fixture.question_count, 2);
    ck_assert_str_eq(fixture.questions[1].name, "hidden.example");
    fixture_resolve("203.0.113.1", NULL);
    ck_assert_str_eq(fixture.questions[2].name, "lamp.example");
    fixture_resolve("203.0.113.2", NULL);
    ck_assert_uint_eq(fixture.request_count, 1);
    ck_assert_uint_eq(fixture_last()->peer.bytes[0], 198);
    ck_assert_uint_eq(fixture_last()->peer.port, 5683);
    ck_assert(fixture_has_option(REST_OPTION_URI_HOST, "many.example"));
    fixture_answer(REST_CODE(2, 5), -1, NULL);
    /* All is known for a while. */
    ck_assert_int_eq(fixture_get("/hc/coap://many.example/y"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.question_count, 3);
    fixture_answer(REST_CODE(2, 5), -1, NULL);
    timers_set_now_us(fixture.timers, timers_now_us(fixture.timers) + 31000000);
    ck_assert_int_eq(fixture_get("/hc/coap://many.example/y"), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.question_count, 4);
    proves("SEC-07");
}
END_TEST

START_TEST(a_name_whose_every_address_is_refused_is_forbidden)
{
    ck_assert_int_eq(fixture_get("/hc/coap://bad.example/x"), EXCHANGE_PARKED);
    fixture_resolve("192.0.2.66", "224.0.1.187");
    ck_assert_uint_eq(fixture.answered, 1);
    fixture_reply(403);
    ck_assert_uint_eq(fixture.request_count, 0);
    ck_assert_int_eq(fixture_get("/named/x"), EXCHANGE_PARKED);
    fixture_resolve("224.0.1.187", NULL);
    fixture_reply(403);
    proves("MCAST-02");
}
END_TEST

START_TEST(a_name_that_does_not_resolve_is_a_bad_gateway)
{
    ck_assert_int_eq(fixture_get("/named/x"), EXCHANGE_PARKED);
    fixture_resolve(NULL, NULL);
    ck_assert_uint_eq(fixture.answered, 1);
    fixture_reply(502);
    fixture_assert_body_has(":name-resolution\"");
    timers_set_now_us(fixture.timers, timers_now_us(fixture.timers) + 3000000);
    fixture.takes_no_questions = true;
    ck_assert_int_eq(fixture_get("/named/x"), EXCHANGE_ANSWERED);
    fixture_reply(503);
    fixture_assert_field("Retry-After", "5");
}
END_TEST

START_TEST(a_deny_rule_by_name_covers_its_addresses)
{
    ck_assert_int_eq(fixture_get("/hc/coap://198.51.100.9/x"), EXCHANGE_PARKED);
    ck_assert_str_eq(fixture.questions[0].name, "hidden.example");
    fixture_resolve("198.51.100.9", NULL);
    fixture_reply(403);
    timers_set_now_us(fixture.timers, timers_now_us(fixture.timers) + 31000000);
    ck_assert_int_eq(fixture_get("/hc/coap://198.51.100.9/x"), EXCHANGE_PARKED);
    fixture_resolve(NULL, NULL);
    fixture_reply(403);
    ck_assert_uint_eq(fixture.request_count, 0);
}
END_TEST

START_TEST(requests_for_one_name_share_a_question)
{
    static struct http_request other;
    uint64_t id;

    ck_assert_int_eq(fixture_get("/named/x"), EXCHANGE_PARKED);
    other = fixture.request;
    ck_assert_int_eq(exchange_begin(fixture.core, &other, &fixture, &id), EXCHANGE_WANTS_BODY);
    ck_assert_int_eq(exchange_run(fixture.core, id), EXCHANGE_PARKED);
    ck_assert_uint_eq(fixture.question_count, 1);
    /* The one who asked first leaves: the other is told. */
    fixture_done();
    ck_assert_uint_eq(core_exchange_count(fixture.core), 1);
    fixture_resolve("192.0.2.9", NULL);
    ck_assert_uint_eq(fixture.request_count, 1);
    fixture.id = id;
    fixture_answer(REST_CODE(2, 5), -1, "x");
    fixture_reply(200);
}
END_TEST

START_TEST(the_head_is_checked_while_a_name_is_still_unknown)
{
    fixture_request(HTTP_METHOD_PUT, "/named/x");
    fixture_body("x");
    fixture_field("Content-Type", "image/webp");
    ck_assert_int_eq(exchange_begin(fixture.core, &fixture.request, &fixture, &fixture.id),
                     EXCHANGE_ANSWERED);
    fixture_reply(415);
    ck_assert_uint_eq(fixture.question_count, 0);
}
END_TEST

START_TEST(messages_to_ourselves_are_a_loop)
{
    fixture.self = "127.0.0.1:5683";
    ck_assert_int_eq(fixture_get("/hc/coap://127.0.0.1/x"), EXCHANGE_PARKED);
    fixture_resolve("203.0.113.1", NULL);
    fixture_reply(508);
    fixture_assert_body_has(":loop\"");
    ck_assert_int_eq(fixture_get("/hc/coap://127.0.0.1:5685/x"), EXCHANGE_PARKED);
}
END_TEST

START_TEST(nothing_is_sent_in_the_clear_for_coaps)
{
    ck_assert_int_eq(fixture_get("/hc/coaps://192.0.2.1/x"), EXCHANGE_ANSWERED);
    fixture_reply(501);
    ck_assert_uint_eq(fixture.request_count, 0);
}
END_TEST

START_TEST(an_upstream_proxy_gets_the_whole_uri)
{
    static char path[1100];
    struct uri_authority *proxy = &fixture.policy->upstream_proxy;

    fixture.policy->has_upstream_proxy = true;
    ck_assert_int_eq(uri_parse_authority("192.0.2.200:5700", 16, URI_SCHEME_COAP, proxy), URI_OK);
    ck_assert_int_eq(fixture_get("/hc/coap://192.0.2.1:7000/a%20b?x=1"), EXCHANGE_PARKED);
    ck_assert(fixture_has_option(REST_OPTION_PROXY_URI, "coap://192.0.2.1:7000/a%20b?x=1"));
    ck_assert(!fixture_has_option(REST_OPTION_URI_PATH, NULL));
    ck_assert(!fixture_has_option(REST_OPTION_URI_QUERY, NULL));
    ck_assert(!fixture_has_option(REST_OPTION_URI_HOST, NULL));
    ck_assert(!fixture_has_option(REST_OPTION_URI_PORT, NULL));
    ck_assert_uint_eq(fixture_last()->peer.port, 5700);
    fixture_answer(REST_CODE(2, 5), -1, NULL);
    /* What is too long for Proxy-Uri goes in pieces. */
    (void)snprintf(path, sizeof path, "/hc/coap://192.0.2.1:7000/");
    for (size_t i = 0; i < 4; i++) {
        memset(path + strlen(path), 'a' + (int)i, 200);
        strncat(path, "/", 2);
    }
    ck_assert_int_eq(fixture_get(path), EXCHANGE_PARKED);
    ck_assert(fixture_has_option(REST_OPTION_PROXY_SCHEME, "coap"));
    ck_assert(fixture_has_option(REST_OPTION_URI_HOST, "192.0.2.1"));
    ck_assert(fixture_has_option(REST_OPTION_URI_PORT, "\x1b\x58"));
    ck_assert(!fixture_has_option(REST_OPTION_PROXY_URI, NULL));
}
END_TEST

START_TEST(an_upstream_proxy_is_one_host)
{
    struct uri_authority *proxy = &fixture.policy->upstream_proxy;

    fixture.policy->has_upstream_proxy = true;
    ck_assert_int_eq(uri_parse_authority("224.0.1.187", 11, URI_SCHEME_COAP, proxy), URI_OK);
    ck_assert_int_eq(fixture_get("/hc/coap://192.0.2.1:7000/x"), EXCHANGE_ANSWERED);
    fixture_reply(502);
}
END_TEST

START_TEST(a_full_queue_tells_when_to_come_back)
{
    fixture.refusal = REQUEST_QUEUE_FULL;
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_ANSWERED);
    fixture_reply(503);
    fixture_assert_field("Retry-After", "7");
    fixture_assert_field("Cache-Control", "no-store");
    fixture_assert_body_has("too many requests wait for node kitchen");
    fixture.refusal = REQUEST_NO_MEMORY;
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_ANSWERED);
    fixture_reply(503);
    fixture.refusal = REQUEST_TOO_LONG;
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_ANSWERED);
    fixture_reply(414);
    fixture.refusal = REQUEST_TOO_MANY_PEERS;
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_ANSWERED);
    fixture_reply(503);
    fixture_assert_field("Retry-After", "60");
    fixture.refusal = REQUEST_CLIENT_FULL;
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_ANSWERED);
    fixture_reply(503);
    fixture_assert_field("Retry-After", "10");
    fixture_assert_body_has("too many requests of this client were sent to nodes");
}
END_TEST

START_TEST(only_targets_in_the_uri_are_peers_of_clients)
{
    ck_assert_int_eq(fixture_get("/hc/coap://192.0.2.1:7000/x"), EXCHANGE_PARKED);
    ck_assert(fixture_last()->is_peer_of_client);
    fixture_answer(REST_CODE(2, 5), 0, "x");
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    ck_assert(!fixture_last()->is_peer_of_client);
    fixture_answer(REST_CODE(2, 5), 0, "x");
    ck_assert_int_eq(fixture_get("/light"), EXCHANGE_PARKED);
    ck_assert(!fixture_last()->is_peer_of_client);
    fixture_answer(REST_CODE(2, 5), 0, "x");
}
END_TEST

START_TEST(the_coap_half_runs_on_when_the_client_has_gone)
{
    uint64_t id;

    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_PARKED);
    id = fixture.id;
    fixture_done();
    ck_assert_uint_eq(core_exchange_count(fixture.core), 1);
    ck_assert_ptr_null(exchange_reply(fixture.core, id));
    fixture_answer(REST_CODE(2, 5), 0, "late");
    ck_assert_uint_eq(fixture.answered, 0);
    (void)core_reap(fixture.core);
    ck_assert_uint_eq(core_exchange_count(fixture.core), 0);
}
END_TEST

START_TEST(an_id_that_has_gone_is_harmless)
{
    uint64_t old;

    ck_assert_int_eq(fixture_get("/nowhere"), EXCHANGE_ANSWERED);
    old = fixture.id;
    fixture_done();
    ck_assert_int_eq(fixture_get("/nowhere"), EXCHANGE_ANSWERED);
    ck_assert_uint_ne(old, fixture.id);
    ck_assert_ptr_null(exchange_reply(fixture.core, old));
    ck_assert_ptr_null(exchange_reply(fixture.core, 0));
    ck_assert_uint_eq(exchange_body_maximum(fixture.core, old), 0);
    exchange_refuse_body(fixture.core, old);
    exchange_detach(fixture.core, old);
    fixture_reply(404);
}
END_TEST

START_TEST(a_reload_does_not_change_a_request_under_way)
{
    struct policy *next;

    ck_assert_int_eq(fixture_get("/light"), EXCHANGE_PARKED);
    next = fixture_policy(NULL, NULL);
    ck_assert_int_eq(core_set_policy(fixture.core, next), 0);
    fixture_answer(REST_CODE(2, 5), 0, "on");
    fixture_reply(200);
    ck_assert_int_eq(fixture_get("/light"), EXCHANGE_ANSWERED);
    fixture_reply(404);
}
END_TEST

START_TEST(draining_refuses_new_requests)
{
    core_set_draining(fixture.core);
    ck_assert_int_eq(fixture_get("/nodes/kitchen/x"), EXCHANGE_ANSWERED);
    ck_assert(fixture_reply(503)->must_close);
    fixture_assert_body_has(":stopping\"");
}
END_TEST

START_TEST(absolute_coap_targets_need_forward_proxy_mode)
{
    fixture_request(HTTP_METHOD_GET, "coap://192.0.2.1/x");
    fixture.request.is_absolute_form = true;
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(501);
    fixture_done();
    fixture.policy->forward_proxy = true;
    ck_assert_int_eq(fixture_go(), EXCHANGE_PARKED);
    fixture_resolve("203.0.113.1", NULL);
    ck_assert_str_eq(fixture_path(), "/x");
    fixture_answer(REST_CODE(2, 5), 0, "x");
    fixture_reply(200);
    fixture_assert_field("Via", "CoAP/1 gw.example");
}
END_TEST

START_TEST(preconditions_that_cannot_hold_are_answered_without_the_node)
{
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_field("If-Match", "\"xyzzy\"");
    fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(412);
    fixture_request(HTTP_METHOD_PUT, "/nodes/kitchen/x");
    fixture_field("If-None-Match", "\"aa\"");
    fixture_body("x");
    ck_assert_int_eq(fixture_go(), EXCHANGE_ANSWERED);
    fixture_reply(501);
    ck_assert_uint_eq(fixture.request_count, 0);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("exchange");
    TCase *tests = tcase_create("exchange");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_checked_fixture(tests, set_up, fixture_tear_down);
    tcase_add_test(tests, a_get_becomes_a_coap_get_and_its_answer_comes_back);
    tcase_add_test(tests, checks_come_in_their_order);
    tcase_add_test(tests, a_method_that_is_not_allowed_learns_which_are);
    tcase_add_test(tests, nobody_reaches_more_than_health);
    tcase_add_test(tests, content_is_refused_where_coap_has_no_place_for_it);
    tcase_add_test(tests, bodies_are_limited_before_they_are_read);
    tcase_add_test(tests, a_put_carries_body_format_and_preconditions);
    tcase_add_test(tests, media_types_without_a_number_are_refused);
    tcase_add_test(tests, a_body_without_a_type_has_no_content_format);
    tcase_add_test(tests, a_query_becomes_a_fetch_and_a_patch_a_patch);
    tcase_add_test(tests, accept_candidates_are_tried_in_turn_for_get_alone);
    tcase_add_test(tests, a_name_is_resolved_once_and_its_first_allowed_address_is_used);
    tcase_add_test(tests, a_name_whose_every_address_is_refused_is_forbidden);
    tcase_add_test(tests, a_name_that_does_not_resolve_is_a_bad_gateway);
    tcase_add_test(tests, a_deny_rule_by_name_covers_its_addresses);
    tcase_add_test(tests, requests_for_one_name_share_a_question);
    tcase_add_test(tests, the_head_is_checked_while_a_name_is_still_unknown);
    tcase_add_test(tests, messages_to_ourselves_are_a_loop);
    tcase_add_test(tests, nothing_is_sent_in_the_clear_for_coaps);
    tcase_add_test(tests, an_upstream_proxy_gets_the_whole_uri);
    tcase_add_test(tests, an_upstream_proxy_is_one_host);
    tcase_add_test(tests, a_full_queue_tells_when_to_come_back);
    tcase_add_test(tests, only_targets_in_the_uri_are_peers_of_clients);
    tcase_add_test(tests, the_coap_half_runs_on_when_the_client_has_gone);
    tcase_add_test(tests, an_id_that_has_gone_is_harmless);
    tcase_add_test(tests, a_reload_does_not_change_a_request_under_way);
    tcase_add_test(tests, draining_refuses_new_requests);
    tcase_add_test(tests, absolute_coap_targets_need_forward_proxy_mode);
    tcase_add_test(tests, preconditions_that_cannot_hold_are_answered_without_the_node);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
