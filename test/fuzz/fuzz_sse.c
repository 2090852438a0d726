/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_sse: a byte of settings, two bytes of a Content-Format, lines with Last-Event-ID, Accept and
 * a target, then a payload. An id is read exactly as it is written. Whatever the payload, a parser
 * made from the standard alone gets one event, and from it the payload.
 */
#include "sse.h"

#include <jansson.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "event_stream.h"
#include "fuzz.h"
#include "http_message.h"
#include "media_type.h"
#include "text.h"

static struct media_table *table;
static const struct sse_id some_id = {UINT64_C(0xfedcba987654), 42};

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    (void)argc;
    (void)argv;
    table = media_table_new();
    if (table == NULL)
        abort();
    return 0;
}

/* What the parser made of a stream. */
struct seen {
    size_t events;
    bool is_state;
    struct bytes id;
    struct bytes data;
};

static void see_event(void *handle, const struct event *event)
{
    struct seen *seen = handle;

    seen->events++;
    seen->is_state = strcmp(event->type, "state") == 0;
    bytes_set(&seen->id, event->last_id->data, event->last_id->length);
    bytes_set(&seen->data, event->data->data, event->data->length);
}

/* Reads what was written, in pieces of that size. The parser's memory is not what is tested. */
static void read_stream(const struct buffer *out, size_t piece, struct seen *seen)
{
    struct event_stream stream = {.fired = see_event, .handle = seen, .retry_ms = -1};

    fuzz_memory.suspended++;
    *seen = (struct seen){0};
    event_stream_restart(&stream);
    for (size_t at = 0; at < out->length; at += piece)
        event_stream_feed(&stream, out->data + at,
                          out->length - at < piece ? out->length - at : piece);
    FUZZ_CHECK(stream.retry_ms == -1 && stream.line.length == 0 && stream.data.length == 0);
    event_stream_clear(&stream);
    fuzz_memory.suspended--;
}

static void forget(struct seen *seen)
{
    fuzz_memory.suspended++;
    bytes_clear(&seen->id);
    bytes_clear(&seen->data);
    fuzz_memory.suspended--;
}

/* The payload with what is no UTF-8 replaced, and LF for each line end where those do not last. */
static void check_text(const char *text, size_t length, const struct sse_value *value, bool is_raw)
{
    const char *end = text + length;
    struct buffer repaired;

    fuzz_memory.suspended++;
    buffer_init(&repaired, 3 * value->length);
    text_repair_utf8(&repaired, value->payload, value->length);
    for (size_t i = 0; i < repaired.length; i++) {
        char c = repaired.data[i];
        if (is_raw && c == '\n' && i > 0 && repaired.data[i - 1] == '\r')
            continue;
        FUZZ_CHECK(text < end && *text == (is_raw && c == '\r' ? '\n' : c));
        text++;
    }
    FUZZ_CHECK(text == end);
    buffer_clear(&repaired);
    fuzz_memory.suspended--;
}

/* Reads base64 by the weights of its digits, apart from how it is written. */
static void check_base64(const char *text, const struct sse_value *value)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *payload = value->payload;
    size_t at = 0;
    unsigned held = 0, bits = 0;

    FUZZ_CHECK(strlen(text) == (value->length + 2) / 3 * 4);
    for (; *text != '\0' && *text != '='; text++) {
        const char *digit = strchr(digits, *text);
        FUZZ_CHECK(digit != NULL);
        held = held << 6 | (unsigned)(digit - digits);
        bits += 6;
        if (bits < 8)
            continue;
        bits -= 8;
        FUZZ_CHECK(at < value->length && payload[at] == (uint8_t)(held >> bits));
        at++;
    }
    FUZZ_CHECK(at == value->length && strspn(text, "=") == strlen(text));
}

static void check_envelope(const struct seen *seen, const struct sse_value *value)
{
    fuzz_memory.suspended++;
    json_t *root = json_loadb(bytes_text(&seen->data), seen->data.length, JSON_ALLOW_NUL, NULL);
    const json_t *text = json_object_get(root, "value"), *b64 = json_object_get(root, "b64");
    const json_t *format = json_object_get(root, "content_format");
    FUZZ_CHECK(json_object_size(root) == 5);
    FUZZ_CHECK(json_is_string(json_object_get(root, "target")));
    FUZZ_CHECK(json_integer_value(json_object_get(root, "max_age")) == value->max_age_s);
    FUZZ_CHECK(json_string_length(json_object_get(root, "at")) == TEXT_TIME_SIZE - 1);
    FUZZ_CHECK(value->format == MEDIA_FORMAT_NONE ? json_is_null(format)
                                                  : json_integer_value(format) == value->format);
    if (media_is_text(table, value->format))
        check_text(json_string_value(text), json_string_length(text), value, false);
    else
        check_base64(json_string_value(b64), value);
    json_decref(root);
    fuzz_memory.suspended--;
}

static void check_value(const struct sse_value *value, size_t piece, bool is_envelope)
{
    struct buffer out;
    struct seen seen;

    buffer_init(&out, 10 * value->length + 6 * strlen(value->target) + 256);
    int written = is_envelope ? sse_write_envelope(&out, table, &some_id, value)
                              : sse_write_value(&out, table, &some_id, value);
    FUZZ_CHECK(written == 0);
    if (written != 0) {
        if (out.length != 0)
            abort(); /* half an event, though memory was short */
        buffer_clear(&out);
        return;
    }
    FUZZ_CHECK(text_is_utf8(out.data, out.length));
    read_stream(&out, piece, &seen);
    FUZZ_CHECK(seen.events == 1 && !seen.is_state);
    FUZZ_CHECK(strcmp(bytes_text(&seen.id), "fedcba987654-42") == 0);
    if (!is_envelope && media_is_text(table, value->format))
        check_text(bytes_text(&seen.data), seen.data.length, value, true);
    else
        check_envelope(&seen, value);
    forget(&seen);
    buffer_clear(&out);
}

static void check_state(const struct sse_change *change, size_t maximum)
{
    struct buffer out;
    struct seen seen;

    buffer_init(&out, maximum);
    (void)sse_write_retry(&out, 5000);
    (void)sse_write_keep_alive(&out);
    buffer_clear(&out);
    out.failed = false;
    if (sse_write_state(&out, change) == 0) {
        read_stream(&out, 7, &seen);
        FUZZ_CHECK(seen.events == 1 && seen.is_state && seen.id.length == 0);
        fuzz_memory.suspended++;
        FUZZ_CHECK(fuzz_is_json(bytes_text(&seen.data), seen.data.length));
        fuzz_memory.suspended--;
        FUZZ_CHECK(strstr(bytes_text(&seen.data), sse_state_name(change->state)) != NULL);
        forget(&seen);
    } else if (out.length != 0) {
        abort();
    }
    buffer_clear(&out);
}

static void check_request(const char *last_id, size_t length, const char *accept)
{
    const struct http_field fields[] = {{"Last-Event-ID", last_id}, {"Accept", accept}};
    const struct http_request request = {
        .method = HTTP_METHOD_GET, .fields = fields, .field_count = 2};
    struct sse_id id, again;
    char text[SSE_ID_SIZE];

    if (sse_id_read(last_id, length, &id)) {
        sse_id_format(&id, text);
        FUZZ_CHECK(strlen(text) == length && memcmp(text, last_id, length) == 0);
        FUZZ_CHECK(sse_last_event_id(&request, &again));
        FUZZ_CHECK(again.epoch == id.epoch && again.number == id.number);
    }
    if (sse_is_wanted(&request)) {
        unsigned own = media_quality(&request, SSE_CONTENT_TYPE ";charset=utf-8");
        FUZZ_CHECK(own > media_quality(&request, "text/plain"));
        FUZZ_CHECK(own > media_quality(&request, "application/json"));
        FUZZ_CHECK(own > media_quality(&request, "image/png"));
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    uint8_t flags = fuzz_take_byte(&input);
    int format = fuzz_take_byte(&input) << 8;
    size_t id_length = 0;

    format |= fuzz_take_byte(&input);
    char *last_id = fuzz_take_line(&input, &id_length);
    char *accept = fuzz_take_line(&input, NULL);
    char *target = fuzz_take_line(&input, NULL);
    struct sse_value value = {
        .target = target != NULL ? target : "",
        .format = flags & 1 ? MEDIA_FORMAT_NONE : format,
        .max_age_s = flags * UINT32_C(0x01010101),
        .at_ms = (int64_t)flags << 40,
    };
    const struct sse_change change = {
        .state = (enum sse_state)(flags % SSE_STATES),
        .reason = accept,
        .target = value.target,
        .status = flags,
    };

    value.payload = fuzz_take_bytes(&input, input.left, &value.length);
    check_request(last_id != NULL ? last_id : "", id_length, accept != NULL ? accept : "");
    check_value(&value, 1 + flags % 16, false);
    check_value(&value, 1 + flags % 16, true);
    check_state(&change, flags & 2 ? (size_t)format : 1 << 20);
    FUZZ_CHECK(sse_spread_retry(flags * 1000u, (uint32_t)format << 16) <= flags * 1200u);
    free(last_id);
    free(accept);
    free(target);
    return 0;
}
