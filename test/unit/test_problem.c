/* SPDX-License-Identifier: BSD-2-Clause */
#include "problem.h"

/* test_problem: the gateway's own errors (RFC 9457) and those of nodes in CBOR (RFC 9290). */

#include <check.h>
#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "http_message.h"
#include "problem_reference.h"
#include "proves.h"
#include "rest.h"
#include "text.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

static struct http_reply reply;

static const char *body_of(const struct problem *problem, const char *accept)
{
    struct http_field field = {"Accept", accept};
    struct http_request request = {.fields = &field, .field_count = accept ? 1 : 0};
    http_reply_clear(&reply);
    http_reply_init(&reply, 4096);
    ck_assert_int_eq(problem_write(problem, &request, &reply), 0);
    ck_assert_uint_eq(reply.status, problem->status);
    return buffer_text(&reply.body);
}

static void tear_down(void)
{
    http_reply_clear(&reply);
}

START_TEST(an_error_of_the_gateway_is_a_problem_document)
{
    static const struct problem timeout = {.type = PROBLEM_TIMEOUT,
                                           .status = 504,
                                           .detail = "No answer for 45 s",
                                           .node = "kitchen",
                                           .elapsed_ms = 45012,
                                           .request_id = "7f"};
    ck_assert_str_eq(body_of(&timeout, NULL),
                     "{\"type\":\"urn:coapgw:problem:timeout\","
                     "\"title\":\"The node did not answer in time\",\"status\":504,"
                     "\"detail\":\"No answer for 45 s\",\"node\":\"kitchen\","
                     "\"elapsed-ms\":45012,\"request-id\":\"7f\"}\n");
    ck_assert_str_eq(http_reply_field(&reply, "Content-Type"), "application/problem+json");

    static const struct problem answered = {
        .type = PROBLEM_NODE_ERROR, .status = 404, .coap_code = REST_CODE(4, 4), .elapsed_ms = -1};
    ck_assert_str_eq(body_of(&answered, "*/*"),
                     "{\"type\":\"urn:coapgw:problem:node-error\","
                     "\"title\":\"CoAP server returned 4.04 Not Found\",\"status\":404,"
                     "\"coap-code\":\"4.04\"}\n");
    proves("ERR-04");
}
END_TEST

START_TEST(the_status_member_equals_the_status_of_the_reply)
{
    for (int type = 0; type < PROBLEM_TYPES; type++) {
        struct problem problem = {
            .type = (enum problem_type)type, .status = 400 + (unsigned)type, .elapsed_ms = -1};
        json_t *document = json_loads(body_of(&problem, NULL), 0, NULL);
        ck_assert_ptr_nonnull(document);
        ck_assert_int_eq(json_integer_value(json_object_get(document, "status")), reply.status);
        ck_assert(json_string_length(json_object_get(document, "title")) > 0);
        json_decref(document);
    }
    proves("ERR-05");
}
END_TEST

START_TEST(a_client_that_prefers_text_gets_one_line)
{
    static const struct {
        const char *accept;
        bool is_text;
    } cases[] = {
        {"text/plain", true},
        {"text/*", true},
        {"text/plain, */*;q=0.5", true},
        {"application/problem+json;q=0.2, text/plain;q=0.3", true},
        {"text/plain, application/problem+json", false},
        {"*/*", false},
        {"application/json", false},
        {"text/html,application/xml;q=0.9,*/*;q=0.8", false},
    };
    static const struct problem problem = {.type = PROBLEM_NODE_ERROR,
                                           .status = 400,
                                           .coap_code = REST_CODE(4, 5),
                                           .detail = "not\r\nhere\xff",
                                           .elapsed_ms = -1};
    for (size_t i = 0; i < LENGTH(cases); i++) {
        const char *body = body_of(&problem, cases[i].accept);
        ck_assert_msg((body[0] != '{') == cases[i].is_text, "%s", cases[i].accept);
        if (!cases[i].is_text)
            continue;
        ck_assert_str_eq(body,
                         "CoAP server returned 4.05 Method Not Allowed: not  here\xef\xbf\xbd\n");
        ck_assert_str_eq(http_reply_field(&reply, "Content-Type"), "text/plain;charset=utf-8");
    }
    http_reply_clear(&reply);
    http_reply_init(&reply, 4096);
    ck_assert_int_eq(problem_write(&problem, NULL, &reply), 0);
    ck_assert_int_eq(reply.body.data[0], '{');
}
END_TEST

START_TEST(texts_are_escaped_and_repaired)
{
    static const struct problem problem = {.type = PROBLEM_BAD_TARGET,
                                           .status = 400,
                                           .detail = "\"\\\x01\n\xc3\xa4\xff<",
                                           .elapsed_ms = -1};
    json_t *document = json_loads(body_of(&problem, NULL), 0, NULL);
    ck_assert_ptr_nonnull(document);
    ck_assert_str_eq(json_string_value(json_object_get(document, "detail")),
                     "\"\\\x01\n\xc3\xa4\xef\xbf\xbd<");
    json_decref(document);
}
END_TEST

START_TEST(without_room_the_reply_has_the_status_alone)
{
    static const struct problem problem = {
        .type = PROBLEM_TIMEOUT, .status = 504, .elapsed_ms = -1};
    http_reply_init(&reply, 20);
    ck_assert_int_eq(http_reply_add(&reply, "Content-Type", "application/json"), 0);
    ck_assert_int_eq(problem_write(&problem, NULL, &reply), -1);
    ck_assert_uint_eq(reply.status, 504);
    ck_assert_uint_eq(reply.body.length, 0);
    ck_assert_ptr_null(http_reply_field(&reply, "Content-Type"));
}
END_TEST

static uint8_t cbor[4096];
static uint16_t unprocessed;

/* Converts CBOR given as hex; NULL when it is malformed. */
static const char *convert(const char *hex, unsigned status, uint8_t code)
{
    static char json[8192];
    size_t length;
    ck_assert(text_from_hex(hex, strlen(hex), cbor, sizeof(cbor), &length));
    /* A copy of exactly that size, for the memory checkers. */
    uint8_t *exact = malloc(length > 0 ? length : 1);
    ck_assert_ptr_nonnull(exact);
    memcpy(exact, cbor, length);
    struct buffer out;
    buffer_init(&out, sizeof(json) - 1);
    int result = problem_from_concise(exact, length, status, code, &out, &unprocessed);
    free(exact);
    snprintf(json, sizeof(json), "%s", buffer_text(&out));
    ck_assert(result == 0 || out.length == 0);
    buffer_clear(&out);
    return result == 0 ? json : NULL;
}

START_TEST(concise_details_become_a_problem_document)
{
    /* {-1: "t", -2: "d", -4: 128} */
    ck_assert_str_eq(convert("a32061742161642318"
                             "80",
                             400, REST_CODE(4, 0)),
                     "{\"title\":\"t\",\"detail\":\"d\",\"status\":400,\"coap-code\":\"4.00\"}\n");
    /* {-1: 38(["en", "t"])} */
    ck_assert_str_eq(convert("a120d8268262656e6174", 404, REST_CODE(4, 4)),
                     "{\"title\":\"t\",\"status\":404,\"coap-code\":\"4.04\"}\n");
    /* {-3: "b?x", -5: "coap://n/a/./c"} */
    ck_assert_str_eq(convert("a22263623f78246e636f61703a2f2f6e2f612f2e2f63", 404, REST_CODE(4, 4)),
                     "{\"status\":404,\"coap-code\":\"4.04\",\"instance\":\"coap://n/a/b?x\"}\n");
    /* The same in indefinite lengths: {_ -1: (_ "a", "b")} */
    ck_assert_str_eq(convert("bf207f61616162ffff", 404, REST_CODE(4, 4)),
                     "{\"title\":\"ab\",\"status\":404,\"coap-code\":\"4.04\"}\n");
}
END_TEST

START_TEST(the_status_comes_from_the_real_code_and_unknown_keys_are_ignored)
{
    /* {-4: 160, -99: 1} */
    ck_assert_str_eq(convert("a22318a0386201", 404, REST_CODE(4, 4)),
                     "{\"status\":404,\"coap-code\":\"5.00\"}\n");
    /* {"status": 200, -1: "t"}: no URI, so no custom key */
    ck_assert_str_eq(convert("a26673746174757318c8206174", 404, REST_CODE(4, 4)),
                     "{\"title\":\"t\",\"status\":404,\"coap-code\":\"4.04\"}\n");
    proves("ERR-07");
}
END_TEST

START_TEST(unprocessed_options_and_custom_entries_are_kept)
{
    /* {-8: [1, 17]} */
    ck_assert_str_eq(
        convert("a127820111", 500, REST_CODE(4, 2)),
        "{\"status\":500,\"coap-code\":\"4.02\",\"unprocessed-coap-option\":[1,17]}\n");
    ck_assert_uint_eq(unprocessed, 1);
    ck_assert_ptr_nonnull(convert("a12711", 500, REST_CODE(4, 2)));
    ck_assert_uint_eq(unprocessed, 17);
    /* {-8: 65536} */
    ck_assert_ptr_nonnull(convert("a1271a00010000", 500, REST_CODE(4, 2)));
    ck_assert_uint_eq(unprocessed, 0);
    /* {4711: {0: h'fb', "a": [true, null, -1, 1.5]}, "tag:x": {1: 2}} */
    ck_assert_str_eq(
        convert("a2191267a20041fb616184f5f620f93e00657461673a78a10102", 400, REST_CODE(4, 0)),
        "{\"status\":400,\"coap-code\":\"4.00\","
        "\"4711\":{\"0\":\"-w\",\"a\":[true,null,-1,1.5]},\"tag:x\":{\"1\":2}}\n");
    uint16_t option = 0;
    ck_assert_int_eq(problem_from_concise("\xa1\x27\x05", 3, 0, 0, NULL, &option), 0);
    ck_assert_uint_eq(option, 5);
    proves("ERR-08");
}
END_TEST

START_TEST(malformed_details_are_left_as_they_are)
{
    static const struct {
        const char *hex;
        const char *comment;
    } cases[] = {
        {"", "nothing"},
        {"a0", "an empty map"},
        {"a1", "a map cut short"},
        {"a120", "a key without a value"},
        {"a1206274", "a text cut short"},
        {"a1206174ff", "bytes behind the map"},
        {"bf206174", "an open map without its end"},
        {"bf20ff", "an end behind a key"},
        {"01", "no map"},
        {"820102", "an array"},
        {"a12001", "a title that is a number"},
        {"a1241b7fffffffffffffff", "a base that is a number"},
        {"a1231901ff", "a response code of two bytes"},
        {"a12780", "no options in the list"},
        {"a1278161"
         "61",
         "an option that is a text"},
        {"a12061ff", "a text that is not UTF-8"},
        {"a2206174206175", "a key twice"},
        {"a20101010"
         "2",
         "a custom key twice"},
        {"a120d826816174", "a language tag without a text"},
        {"a1207f6161206162ff", "a number within an open text"},
        {"a1f501", "a key that is a bool"},
        {"a101bb7fffffffffffffff", "a map of 2^63 pairs"},
        {"a1019b7fffffffffffffff00", "an array of 2^63 items"},
        {"a1205b7fffffffffffffff00", "a byte string of 2^63 bytes"},
        {"a1207b7fffffffffffffff00", "a text of 2^63 bytes"},
        {"bb7fffffffffffffff", "an outer map of 2^63 pairs"},
        {"a1018181818181818181818100", "nested too deeply"},
        {"a101c1c1c1c1c1c1c1c1c1c1c100", "too many tags"},
        {"a101fc", "a reserved head"},
        {"a101f0", "an unassigned simple value"},
    };
    for (size_t i = 0; i < LENGTH(cases); i++)
        ck_assert_msg(!convert(cases[i].hex, 400, REST_CODE(4, 0)), "%s", cases[i].comment);
}
END_TEST

START_TEST(whatever_bytes_come_the_output_is_one_json_object)
{
    /* All changes of one byte of a body with everything in it. */
    static const char whole[] = "a82061742162c3a42261622318802466633a2f2f612f25626465278201"
                                "1103a16161f97e00";
    size_t length;
    ck_assert(text_from_hex(whole, strlen(whole), cbor, sizeof(cbor), &length));
    unsigned converted = 0;
    for (size_t at = 0; at < length; at++) {
        uint8_t before = cbor[at];
        for (int value = 0; value < 256; value++) {
            cbor[at] = (uint8_t)value;
            struct buffer out;
            buffer_init(&out, 4096);
            if (problem_from_concise(cbor, length, 400, REST_CODE(4, 0), &out, &unprocessed) == 0) {
                json_t *document =
                    json_loadb(out.data, out.length, JSON_REJECT_DUPLICATES | JSON_ALLOW_NUL, NULL);
                ck_assert_ptr_nonnull(document);
                ck_assert_int_eq(json_integer_value(json_object_get(document, "status")), 400);
                json_decref(document);
                converted++;
            }
            buffer_clear(&out);
        }
        cbor[at] = before;
    }
    ck_assert_uint_gt(converted, 100);
}
END_TEST

START_TEST(a_document_that_does_not_fit_leaves_the_buffer_unchanged)
{
    struct buffer out;
    buffer_init(&out, 20);
    ck_assert_int_eq(buffer_append_text(&out, "before"), 0);
    ck_assert_int_eq(problem_from_concise("\xa1\x20\x61t", 4, 400, 128, &out, &unprocessed), -1);
    ck_assert_str_eq(buffer_text(&out), "before");
    ck_assert(!out.failed);
    buffer_clear(&out);

    static uint8_t large[20000] = {0xa1, 0x20, 0x79, 0x4e, 0x1b}; /* {-1: a text of 19995 bytes} */
    memset(large + 5, 'x', sizeof(large) - 5);
    buffer_init(&out, 100000);
    ck_assert_int_eq(problem_from_concise(large, sizeof(large), 400, 128, &out, &unprocessed), -1);
    buffer_clear(&out);
}
END_TEST

START_TEST(references_are_resolved_as_rfc_3986_section_5_4_shows)
{
    static const struct {
        const char *reference;
        const char *result;
    } cases[] = {
        {"g:h", "g:h"},
        {"g", "http://a/b/c/g"},
        {"./g", "http://a/b/c/g"},
        {"g/", "http://a/b/c/g/"},
        {"/g", "http://a/g"},
        {"//g", "http://g"},
        {"?y", "http://a/b/c/d;p?y"},
        {"g?y", "http://a/b/c/g?y"},
        {"#s", "http://a/b/c/d;p?q#s"},
        {"g#s", "http://a/b/c/g#s"},
        {"g?y#s", "http://a/b/c/g?y#s"},
        {";x", "http://a/b/c/;x"},
        {"", "http://a/b/c/d;p?q"},
        {".", "http://a/b/c/"},
        {"./", "http://a/b/c/"},
        {"..", "http://a/b/"},
        {"../", "http://a/b/"},
        {"../g", "http://a/b/g"},
        {"../..", "http://a/"},
        {"../../g", "http://a/g"},
        {"../../../g", "http://a/g"},
        {"/./g", "http://a/g"},
        {"/../g", "http://a/g"},
        {"g.", "http://a/b/c/g."},
        {"..g", "http://a/b/c/..g"},
        {"./../g", "http://a/b/g"},
        {"g/./h", "http://a/b/c/g/h"},
        {"g/../h", "http://a/b/c/h"},
        {"g?y/../x", "http://a/b/c/g?y/../x"},
        {"http:g", "http:g"},
    };
    struct buffer out;
    for (size_t i = 0; i < LENGTH(cases); i++) {
        buffer_init(&out, 100);
        ck_assert_int_eq(problem_reference_resolve("http://a/b/c/d;p?q", cases[i].reference, &out),
                         0);
        ck_assert_str_eq(buffer_text(&out), cases[i].result);
        buffer_clear(&out);
    }
    static const char *const useless[] = {NULL, "", "/a", "a/b", "urn:x", "://a"};
    for (size_t i = 0; i < LENGTH(useless); i++) {
        buffer_init(&out, 100);
        ck_assert_int_eq(problem_reference_resolve(useless[i], "g/../h", &out), 0);
        ck_assert_str_eq(buffer_text(&out), "g/../h");
        buffer_clear(&out);
    }
    buffer_init(&out, 100);
    ck_assert_int_eq(problem_reference_resolve("coap://n", "g", &out), 0);
    ck_assert_str_eq(buffer_text(&out), "coap://n/g");
    buffer_clear(&out);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("problem");
    TCase *tcase = tcase_create("problem");
    tcase_add_checked_fixture(tcase, NULL, tear_down);
    tcase_add_test(tcase, an_error_of_the_gateway_is_a_problem_document);
    tcase_add_test(tcase, the_status_member_equals_the_status_of_the_reply);
    tcase_add_test(tcase, a_client_that_prefers_text_gets_one_line);
    tcase_add_test(tcase, texts_are_escaped_and_repaired);
    tcase_add_test(tcase, without_room_the_reply_has_the_status_alone);
    tcase_add_test(tcase, concise_details_become_a_problem_document);
    tcase_add_test(tcase, the_status_comes_from_the_real_code_and_unknown_keys_are_ignored);
    tcase_add_test(tcase, unprocessed_options_and_custom_entries_are_kept);
    tcase_add_test(tcase, malformed_details_are_left_as_they_are);
    tcase_add_test(tcase, whatever_bytes_come_the_output_is_one_json_object);
    tcase_add_test(tcase, a_document_that_does_not_fit_leaves_the_buffer_unchanged);
    tcase_add_test(tcase, references_are_resolved_as_rfc_3986_section_5_4_shows);
    suite_add_tcase(suite, tcase);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
