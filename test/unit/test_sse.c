/* SPDX-License-Identifier: BSD-2-Clause */
#include "sse.h"

/*
 * test_sse: streams of server-sent events as text. What is written is judged by event_stream, a
 * parser made from the standard's text alone, and that by the standard's own examples.
 */

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "event_stream.h"
#include "http_message.h"
#include "media_type.h"
#include "text.h"

#define LENGTH(array) (sizeof(array) / sizeof((array)[0]))

/* --- memory that fails --- */

static bool is_out_of_memory;

void *__real_realloc(void *block, size_t size);
void *__wrap_realloc(void *block, size_t size);

void *__wrap_realloc(void *block, size_t size)
{
    return is_out_of_memory ? NULL : __real_realloc(block, size);
}

/* --- what a client sees --- */

static struct media_table *table;
static struct buffer out;
static struct bytes seen;
static struct event_stream stream;

static void see_event(void *handle, const struct event *event)
{
    (void)handle;
    bytes_print(&seen, "%s %s ", event->type, bytes_text(event->last_id));
    bytes_show(&seen, event->data->data, event->data->length);
    bytes_print(&seen, ";");
}

static void see_comment(void *handle, const struct bytes *text)
{
    (void)handle;
    bytes_print(&seen, "#%s;", bytes_text(text));
}

static void set_up(void)
{
    table = media_table_new();
    ck_assert_ptr_nonnull(table);
    buffer_init(&out, 1 << 20);
    stream = (struct event_stream){.fired = see_event, .commented = see_comment, .retry_ms = -1};
    is_out_of_memory = false;
}

static void tear_down(void)
{
    media_table_free(table);
    buffer_clear(&out);
    event_stream_clear(&stream);
    bytes_clear(&seen);
}

/* All that a new client makes of a text, given to it in pieces of that size. */
static const char *read_in_pieces(const char *text, size_t length, size_t piece)
{
    event_stream_clear(&stream);
    bytes_empty(&seen);
    event_stream_restart(&stream);
    for (size_t at = 0; at < length; at += piece)
        event_stream_feed(&stream, text + at, length - at < piece ? length - at : piece);
    return bytes_text(&seen);
}

/* The same for what was written, whatever the pieces. */
static const char *as_read(void)
{
    static char whole[65536];
    snprintf(whole, sizeof whole, "%s", read_in_pieces(buffer_text(&out), out.length, out.length));
    ck_assert_str_eq(read_in_pieces(buffer_text(&out), out.length, 1), whole);
    ck_assert(text_is_utf8(out.data, out.length));
    return whole;
}

static const struct sse_id some_id = {UINT64_C(0x0123456789ab), 7};

static struct sse_value value_of(int format, const char *payload, size_t length)
{
    /* 2024-02-29T23:59:59.007Z */
    return (struct sse_value){"/nodes/kitchen/t", format, payload, length, 41, 1709251199007};
}

START_TEST(the_oracle_reads_the_examples_of_the_standard)
{
    static const struct {
        const char *text, *events;
    } cases[] = {
        /* WHATWG HTML 9.2.6 */
        {"data: YHOO\ndata: +2\ndata: 10\n\n", "message  \"YHOO\\n+2\\n10\";"},
        {": test stream\n\ndata: first event\nid: 1\n\ndata:second event\nid\n\ndata:  third event",
         "# test stream;message 1 \"first event\";message  \"second event\";"},
        {"data\n\ndata\ndata\n\ndata:", "message  \"\";message  \"\\n\";"},
        {"data:test\n\ndata: test\n\n", "message  \"test\";message  \"test\";"},
        /* what its text says besides */
        {"\xef\xbb\xbf"
         "data: bom\n\n",
         "message  \"bom\";"},
        {"data: 1\r\rdata: 2\r\n\r\ndata: 3\n\r\ndata: 4\r\n\n",
         "message  \"1\";message  \"2\";message  \"3\";message  \"4\";"},
        {"event: state\n\ndata: 1\n\n", "message  \"1\";"},
        {"event: a\nevent: b\ndata: 1\n\ndata: 2\n\n", "b  \"1\";message  \"2\";"},
        {"id: 1\n\ndata: 2\n\n", "message 1 \"2\";"},
        {"Data: 1\n data: 2\nunknown: 3\nda\n\n", ""},
        {"data: a:b\n\n", "message  \"a:b\";"},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        for (size_t piece = 1; piece < 9; piece++)
            ck_assert_str_eq(read_in_pieces(cases[i].text, strlen(cases[i].text), piece),
                             cases[i].events);
    }
    static const char odd[] = "id: 1\0\ndata: 1\nretry: 5\nretry: 6x\nretry:\n\n";
    read_in_pieces(odd, sizeof odd - 1, 1);
    ck_assert_str_eq(bytes_text(&seen), "message  \"1\";");
    ck_assert_int_eq(stream.retry_ms, 5);
}
END_TEST

START_TEST(every_line_of_a_text_gets_its_own_data_line)
{
    const struct sse_value value = value_of(MEDIA_FORMAT_TEXT, "a\nb\r\nc\rd", 8);

    ck_assert_int_eq(sse_write_value(&out, table, &some_id, &value), 0);
    ck_assert_str_eq(buffer_text(&out),
                     "id: 0123456789ab-7\ndata: a\ndata: b\ndata: c\ndata: d\n\n");
    ck_assert_str_eq(as_read(), "message 0123456789ab-7 \"a\\nb\\nc\\nd\";");
}
END_TEST

/* What a client must get: repaired, with LF for each line end. */
static void expect_text(const char *payload, size_t length, struct bytes *expected)
{
    struct buffer repaired;

    buffer_init(&repaired, 3 * length + 1);
    ck_assert_int_eq(text_repair_utf8(&repaired, payload, length), 0);
    bytes_print(expected, "message 0123456789ab-7 ");
    struct bytes lines = {NULL, 0, 0};
    for (size_t i = 0; i < repaired.length; i++) {
        if (repaired.data[i] == '\n' && i > 0 && repaired.data[i - 1] == '\r')
            continue;
        bytes_append(&lines, repaired.data[i] == '\r' ? "\n" : &repaired.data[i], 1);
    }
    bytes_show(expected, lines.data, lines.length);
    bytes_print(expected, ";");
    bytes_clear(&lines);
    buffer_clear(&repaired);
}

START_TEST(any_payload_comes_back_from_the_parser_with_normalised_line_ends)
{
    static const char letters[] = {'\r', '\n', ' ', ':', 'a', '\0', '\xc3', '\xa4'};
    char payload[4];

    for (unsigned long number = 0; number < 8ul * 8 * 8 * 8 * 5; number++) {
        size_t length = number % 5;
        unsigned long rest = number / 5;
        for (size_t i = 0; i < length; i++, rest /= 8)
            payload[i] = letters[rest % 8];
        if (rest > 0)
            continue;
        const struct sse_value value = value_of(MEDIA_FORMAT_TEXT, payload, length);
        struct bytes expected = {NULL, 0, 0};
        expect_text(payload, length, &expected);
        out.length = 0;
        ck_assert_int_eq(sse_write_value(&out, table, &some_id, &value), 0);
        ck_assert_str_eq(as_read(), bytes_text(&expected));
        bytes_clear(&expected);
    }
    const struct sse_value nothing = value_of(MEDIA_FORMAT_TEXT, NULL, 0);
    out.length = 0;
    ck_assert_int_eq(sse_write_value(&out, table, &some_id, &nothing), 0);
    ck_assert_str_eq(as_read(), "message 0123456789ab-7 \"\";");
}
END_TEST

START_TEST(what_is_no_text_goes_into_an_envelope)
{
    static const struct {
        int format;
        const char *member;
    } cases[] = {
        {60, "\"content_format\":60,\"b64\":\"oWF4AQ==\""},
        {42, "\"content_format\":42,\"b64\":\"oWF4AQ==\""},
        {11050, "\"content_format\":11050,\"b64\":\"oWF4AQ==\""},
        {65000, "\"content_format\":65000,\"b64\":\"oWF4AQ==\""},
        {MEDIA_FORMAT_NONE, "\"content_format\":null,\"b64\":\"oWF4AQ==\""},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        const struct sse_value value = value_of(cases[i].format, "\xa1\x61\x78\x01", 4);
        char expected[256];
        snprintf(expected, sizeof expected,
                 "id: 0123456789ab-7\ndata: {\"target\":\"/nodes/kitchen/t\",%s,\"max_age\":41,"
                 "\"at\":\"2024-02-29T23:59:59.007Z\"}\n\n",
                 cases[i].member);
        out.length = 0;
        ck_assert_int_eq(sse_write_value(&out, table, &some_id, &value), 0);
        ck_assert_str_eq(buffer_text(&out), expected);
        out.length = 0;
        ck_assert_int_eq(sse_write_envelope(&out, table, &some_id, &value), 0);
        ck_assert_str_eq(buffer_text(&out), expected);
    }
}
END_TEST

START_TEST(an_envelope_has_text_as_a_string_on_one_line)
{
    struct sse_value value = value_of(50, "{\"a\":\r\n\"\\\"\xff}", 12);

    value.target = "coap://x/\"\n";
    ck_assert_int_eq(sse_write_envelope(&out, table, &some_id, &value), 0);
    ck_assert_str_eq(buffer_text(&out),
                     "id: 0123456789ab-7\ndata: {\"target\":\"coap://x/\\\"\\u000a\","
                     "\"content_format\":50,"
                     "\"value\":\"{\\\"a\\\":\\u000d\\u000a\\\"\\\\\\\"\xef\xbf\xbd}\","
                     "\"max_age\":41,\"at\":\"2024-02-29T23:59:59.007Z\"}\n\n");
    value = value_of(MEDIA_FORMAT_TEXT, NULL, 0);
    out.length = 0;
    ck_assert_int_eq(sse_write_envelope(&out, table, &some_id, &value), 0);
    ck_assert_ptr_nonnull(strstr(buffer_text(&out), "\"content_format\":0,\"value\":\"\","));
}
END_TEST

START_TEST(a_change_of_state_is_an_event_of_that_name_without_an_id)
{
    static const struct {
        struct sse_change change;
        const char *text;
    } cases[] = {
        {{SSE_STATE_CONNECTING, NULL, "/a", 0},
         "{\"state\":\"connecting\",\"reason\":\"waiting\",\"target\":\"/a\"}"},
        {{SSE_STATE_LIVE, NULL, "/a", 0},
         "{\"state\":\"live\",\"reason\":\"value\",\"target\":\"/a\"}"},
        {{SSE_STATE_STALE, NULL, "/a", 0},
         "{\"state\":\"stale\",\"reason\":\"max-age\",\"target\":\"/a\"}"},
        {{SSE_STATE_OFFLINE, NULL, "/a", 0},
         "{\"state\":\"offline\",\"reason\":\"silent\",\"target\":\"/a\"}"},
        {{SSE_STATE_OFFLINE, "reset", "/a", 502},
         "{\"state\":\"offline\",\"reason\":\"reset\",\"target\":\"/a\",\"status\":502}"},
        {{SSE_STATE_GONE, NULL, "/a", 0},
         "{\"state\":\"gone\",\"reason\":\"ended\",\"target\":\"/a\"}"},
        {{SSE_STATE_GONE, "node-error", "/a\"\r", 404},
         "{\"state\":\"gone\",\"reason\":\"node-error\",\"target\":\"/a\\\"\\u000d\","
         "\"status\":404}"},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        char expected[256];
        snprintf(expected, sizeof expected, "event: state\ndata: %s\n\n", cases[i].text);
        out.length = 0;
        ck_assert_int_eq(sse_write_state(&out, &cases[i].change), 0);
        ck_assert_str_eq(buffer_text(&out), expected);
        ck_assert_ptr_eq(strstr(as_read(), "state  \"{"), as_read());
    }
    for (unsigned state = 0; state < SSE_STATES; state++) {
        ck_assert_str_ne(sse_state_name(state), "error");
        ck_assert_str_ne(sse_state_name(state), "open");
    }
}
END_TEST

START_TEST(ids_are_read_exactly_as_they_are_written)
{
    static const struct {
        const char *text;
        bool is_id;
        struct sse_id id;
    } cases[] = {
        {"000000000000-1", true, {0, 1}},
        {"ffffffffffff-0", true, {UINT64_C(0xffffffffffff), 0}},
        {"0123456789ab-18446744073709551615", true, {UINT64_C(0x0123456789ab), UINT64_MAX}},
        {"0123456789ab-18446744073709551616", false, {0, 0}},
        {"0123456789ab-99999999999999999999", false, {0, 0}},
        {"0123456789ab-100000000000000000000", false, {0, 0}},
        {"0123456789ab-01", false, {0, 0}},
        {"0123456789ab-", false, {0, 0}},
        {"0123456789ab", false, {0, 0}},
        {"0123456789ab-+1", false, {0, 0}},
        {"0123456789ab--1", false, {0, 0}},
        {"0123456789ab-1 ", false, {0, 0}},
        {" 0123456789ab-1", false, {0, 0}},
        {"0123456789AB-1", false, {0, 0}},
        {"0x23456789ab-1", false, {0, 0}},
        {"123456789ab-11", false, {0, 0}},
        {"0123456789abc-1", false, {0, 0}},
        {"0123456789ab:1", false, {0, 0}},
        {"\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4-1", false, {0, 0}},
        {"", false, {0, 0}},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        struct sse_id id = {0, 0};
        char text[SSE_ID_SIZE];
        ck_assert_msg(sse_id_read(cases[i].text, strlen(cases[i].text), &id) == cases[i].is_id,
                      "%s", cases[i].text);
        if (!cases[i].is_id)
            continue;
        ck_assert_uint_eq(id.epoch, cases[i].id.epoch);
        ck_assert_uint_eq(id.number, cases[i].id.number);
        sse_id_format(&id, text);
        ck_assert_str_eq(text, cases[i].text);
    }
    const struct sse_id too_wide = {UINT64_MAX, 1};
    char text[SSE_ID_SIZE];
    sse_id_format(&too_wide, text);
    ck_assert_str_eq(text, "ffffffffffff-1");
    /* A NUL is no end. */
    struct sse_id id;
    ck_assert(!sse_id_read("0123456789ab-1\0", 15, &id));
}
END_TEST

START_TEST(one_last_event_id_counts_and_two_say_nothing)
{
    static const struct http_field fields[] = {
        {"Accept", "0123456789ab-3"},
        {"last-event-id", "0123456789ab-7"},
        {"Last-Event-ID", "0123456789ab-7"},
    };
    struct http_request request = {.fields = fields};
    struct sse_id id = {0, 0};

    request.field_count = 1;
    ck_assert(!sse_last_event_id(&request, &id));
    request.field_count = 2;
    ck_assert(sse_last_event_id(&request, &id));
    ck_assert_uint_eq(id.epoch, some_id.epoch);
    ck_assert_uint_eq(id.number, some_id.number);
    request.field_count = 3;
    ck_assert(!sse_last_event_id(&request, &id));
    const struct http_field hostile = {"Last-Event-ID", "0123456789ab-7, 0123456789ab-7"};
    request = (struct http_request){.fields = &hostile, .field_count = 1};
    ck_assert(!sse_last_event_id(&request, &id));
}
END_TEST

START_TEST(only_an_explicit_event_stream_above_all_others_is_a_wish_for_one)
{
    static const struct {
        enum http_method method;
        const char *first, *second; /* Accept fields */
        bool is_wanted;
    } cases[] = {
        {HTTP_METHOD_GET, "text/event-stream", NULL, true},
        {HTTP_METHOD_HEAD, "text/event-stream", NULL, true},
        {HTTP_METHOD_POST, "text/event-stream", NULL, false},
        {HTTP_METHOD_PUT, "text/event-stream", NULL, false},
        {HTTP_METHOD_QUERY, "text/event-stream", NULL, false},
        {HTTP_METHOD_GET, "Text/Event-Stream", NULL, true},
        {HTTP_METHOD_GET, "text/event-stream;charset=UTF-8", NULL, true},
        {HTTP_METHOD_GET, "text/event-stream;charset=latin1", NULL, false},
        {HTTP_METHOD_GET, "text/event-stream;q=0.001", NULL, true},
        {HTTP_METHOD_GET, "text/event-stream;q=0", NULL, false},
        {HTTP_METHOD_GET, "text/event-stream, text/event-stream;charset=utf-8;q=0", NULL, false},
        {HTTP_METHOD_GET, "text/event-stream, application/json;q=0.9, */*;q=0.8", NULL, true},
        {HTTP_METHOD_GET, "application/json;q=0.9", "text/event-stream", true},
        {HTTP_METHOD_GET, "application/json, text/event-stream;q=0.1", NULL, false},
        {HTTP_METHOD_GET, "text/event-stream, application/json", NULL, false},
        {HTTP_METHOD_GET, "text/event-stream, */*", NULL, false},
        {HTTP_METHOD_GET, "text/event-stream", "text/*", false},
        {HTTP_METHOD_GET, "text/*", NULL, false},
        {HTTP_METHOD_GET, "*/*", NULL, false},
        {HTTP_METHOD_GET, "text/event-streams", NULL, false},
        {HTTP_METHOD_GET, "application/json", NULL, false},
        {HTTP_METHOD_GET, "", NULL, false},
        {HTTP_METHOD_GET, NULL, NULL, false},
    };

    for (size_t i = 0; i < LENGTH(cases); i++) {
        const struct http_field fields[] = {{"accept", cases[i].first},
                                            {"Accept", cases[i].second}};
        const struct http_request request = {
            .method = cases[i].method,
            .target = "/x?_sse",
            .fields = fields,
            .field_count = (cases[i].first != NULL) + (size_t)(cases[i].second != NULL),
        };
        ck_assert_msg(sse_is_wanted(&request) == cases[i].is_wanted, "case %zu: %s", i,
                      cases[i].first);
    }
}
END_TEST

START_TEST(reconnections_are_spread_by_a_fifth)
{
    ck_assert_uint_eq(sse_spread_retry(5000, 0), 4000);
    ck_assert_uint_eq(sse_spread_retry(5000, UINT32_MAX / 2), 5000);
    ck_assert_uint_eq(sse_spread_retry(5000, UINT32_MAX), 6000);
    ck_assert_uint_eq(sse_spread_retry(0, UINT32_MAX), 0);
    ck_assert_uint_eq(sse_spread_retry(4, UINT32_MAX), 4);
    ck_assert_uint_eq(sse_spread_retry(UINT32_MAX, UINT32_MAX), UINT32_MAX);
}
END_TEST

START_TEST(retry_and_comments_fire_no_event)
{
    ck_assert_int_eq(sse_write_retry(&out, 4321), 0);
    ck_assert_int_eq(sse_write_keep_alive(&out), 0);
    ck_assert_str_eq(as_read(), "# keep-alive;");
    ck_assert_int_eq(stream.retry_ms, 4321);
}
END_TEST

/* Writes one thing of every kind; the number says which. */
enum { KINDS = 5 };
static int write_kind(unsigned kind, struct buffer *to)
{
    const struct sse_value text = value_of(MEDIA_FORMAT_TEXT, "a\nb\xff", 4);
    const struct sse_value binary = value_of(60, "\xff", 1);
    const struct sse_change change = {SSE_STATE_GONE, "node-error", "/a", 404};

    switch (kind) {
    case 0:
        return sse_write_value(to, table, &some_id, &text);
    case 1:
        return sse_write_value(to, table, &some_id, &binary);
    case 2:
        return sse_write_envelope(to, table, &some_id, &text);
    case 3:
        return sse_write_state(to, &change);
    default:
        return sse_write_retry(to, 5000) != 0 ? -1 : sse_write_keep_alive(to);
    }
}

START_TEST(a_full_buffer_never_holds_a_part_of_an_event)
{
    for (unsigned kind = 0; kind < KINDS - 1; kind++) {
        size_t whole;
        ck_assert_int_eq(sse_write_keep_alive(&out), 0);
        size_t before = out.length;
        ck_assert_int_eq(write_kind(kind, &out), 0);
        whole = out.length;
        for (size_t maximum = before; maximum <= whole; maximum++) {
            buffer_clear(&out);
            buffer_init(&out, maximum);
            ck_assert_int_eq(sse_write_keep_alive(&out), 0);
            ck_assert_int_eq(write_kind(kind, &out), maximum < whole ? -1 : 0);
            ck_assert_uint_eq(out.length, maximum < whole ? before : whole);
            ck_assert_uint_eq(strlen(out.data), out.length);
            /* What is too large for it leaves a gap: nothing may follow. */
            if (maximum < whole)
                ck_assert_int_eq(sse_write_keep_alive(&out), -1);
        }
        buffer_clear(&out);
        buffer_init(&out, 1 << 20);
    }
}
END_TEST

START_TEST(without_memory_nothing_is_written)
{
    for (unsigned kind = 0; kind < KINDS; kind++) {
        is_out_of_memory = true;
        ck_assert_int_eq(write_kind(kind, &out), -1);
        is_out_of_memory = false;
        ck_assert_uint_eq(out.length, 0);
        ck_assert_str_eq(buffer_text(&out), "");
        out.failed = false;
        ck_assert_int_eq(write_kind(kind, &out), 0);
        ck_assert_uint_gt(out.length, 0);
        buffer_clear(&out);
    }
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("sse");
    TCase *tests = tcase_create("sse");
    SRunner *runner = srunner_create(suite);

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_set_timeout(tests, 60);
    tcase_add_test(tests, the_oracle_reads_the_examples_of_the_standard);
    tcase_add_test(tests, every_line_of_a_text_gets_its_own_data_line);
    tcase_add_test(tests, any_payload_comes_back_from_the_parser_with_normalised_line_ends);
    tcase_add_test(tests, what_is_no_text_goes_into_an_envelope);
    tcase_add_test(tests, an_envelope_has_text_as_a_string_on_one_line);
    tcase_add_test(tests, a_change_of_state_is_an_event_of_that_name_without_an_id);
    tcase_add_test(tests, ids_are_read_exactly_as_they_are_written);
    tcase_add_test(tests, one_last_event_id_counts_and_two_say_nothing);
    tcase_add_test(tests, only_an_explicit_event_stream_above_all_others_is_a_wish_for_one);
    tcase_add_test(tests, reconnections_are_spread_by_a_fifth);
    tcase_add_test(tests, retry_and_comments_fire_no_event);
    tcase_add_test(tests, a_full_buffer_never_holds_a_part_of_an_event);
    tcase_add_test(tests, without_memory_nothing_is_written);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
