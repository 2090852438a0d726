/* SPDX-License-Identifier: BSD-2-Clause */
#include "sse.h"

#include <inttypes.h>
#include <string.h>

#include "buffer.h"
#include "http_message.h"
#include "media_type.h"
#include "text.h"

/*
 * sse: the last step from a notification to its subscribers. An event is lines "field: value" and
 * an empty line; CR, LF and CRLF end a line, so a payload gets a "data:" for each line of its own,
 * and comes out of the client's parser with LF between them. An event without "data:" would never
 * fire: an empty payload has an empty one. The JSON is written straight into the buffer, without a
 * tree: one rendering serves every subscriber, but a busy node makes many of them.
 */

enum { EPOCH_DIGITS = SSE_EPOCH_BITS / 4 };

bool sse_is_wanted(const struct http_request *request)
{
    return (request->method & (HTTP_METHOD_GET | HTTP_METHOD_HEAD)) != 0 &&
           media_is_preferred(request, SSE_CONTENT_TYPE ";charset=utf-8");
}

void sse_id_format(const struct sse_id *id, char out[SSE_ID_SIZE])
{
    char digits[20];
    size_t count = 0;
    uint64_t number = id->number;

    for (size_t i = 0; i < EPOCH_DIGITS; i++)
        out[i] = "0123456789abcdef"[id->epoch >> (SSE_EPOCH_BITS - 4 * (i + 1)) & 15];
    out += EPOCH_DIGITS;
    *out++ = '-';
    do {
        digits[count++] = (char)('0' + number % 10);
        number /= 10;
    } while (number > 0);
    while (count > 0)
        *out++ = digits[--count];
    *out = '\0';
}

bool sse_id_read(const char *text, size_t length, struct sse_id *id)
{
    if (length < EPOCH_DIGITS + 2 || length >= SSE_ID_SIZE || text[EPOCH_DIGITS] != '-')
        return false;
    uint64_t epoch = 0;
    for (size_t i = 0; i < EPOCH_DIGITS; i++) {
        if (text_hex_digit(text[i]) < 0 || text[i] != text_lower(text[i]))
            return false;
        epoch = epoch << 4 | (unsigned)text_hex_digit(text[i]);
    }
    text += EPOCH_DIGITS + 1;
    length -= EPOCH_DIGITS + 1;
    if ((text[0] == '0' && length > 1) || !text_to_number(text, length, UINT64_MAX, &id->number))
        return false;
    id->epoch = epoch;
    return true;
}

bool sse_last_event_id(const struct http_request *request, struct sse_id *id)
{
    const char *found = NULL;
    for (size_t i = 0; i < request->field_count; i++) {
        if (!text_equal_ignoring_case(request->fields[i].name, "Last-Event-ID"))
            continue;
        if (found)
            return false;
        found = request->fields[i].value;
    }
    return found && sse_id_read(found, strlen(found), id);
}

/* Half an event would join with the next one: it is taken back. */
static int finish(struct buffer *out, size_t start)
{
    if (!out->failed)
        return 0;
    if (out->length > start) {
        out->length = start;
        out->data[start] = '\0';
    }
    return -1;
}

static void write_id(struct buffer *out, const struct sse_id *id)
{
    char text[SSE_ID_SIZE];
    sse_id_format(id, text);
    buffer_printf(out, "id: %s\n", text);
}

/* The blank keeps one that the line begins with: a parser drops the first. */
static void write_lines(struct buffer *out, const char *text, size_t length)
{
    for (;;) {
        size_t line = 0;
        while (line < length && text[line] != '\r' && text[line] != '\n')
            line++;
        buffer_append_text(out, "data: ");
        text_repair_utf8(out, text, line);
        buffer_append_char(out, '\n');
        if (line == length || out->failed)
            return;
        bool is_pair = text[line] == '\r' && line + 1 < length && text[line + 1] == '\n';
        text += line + 1 + is_pair;
        length -= line + 1 + is_pair;
    }
}

int sse_write_value(struct buffer *out, const struct media_table *table, const struct sse_id *id,
                    const struct sse_value *value)
{
    if (!media_is_text(table, value->format))
        return sse_write_envelope(out, table, id, value);
    size_t start = out->length;
    write_id(out, id);
    write_lines(out, value->length > 0 ? value->payload : "", value->length);
    buffer_append_char(out, '\n');
    return finish(out, start);
}

static void write_member(struct buffer *out, const char *before, const char *text)
{
    buffer_append_text(out, before);
    text_to_json(out, text, strlen(text));
}

int sse_write_envelope(struct buffer *out, const struct media_table *table, const struct sse_id *id,
                       const struct sse_value *value)
{
    size_t start = out->length;
    char at[TEXT_TIME_SIZE];

    write_id(out, id);
    write_member(out, "data: {\"target\":", value->target);
    if (value->format == MEDIA_FORMAT_NONE)
        buffer_append_text(out, ",\"content_format\":null");
    else
        buffer_printf(out, ",\"content_format\":%d", value->format);
    if (media_is_text(table, value->format)) {
        buffer_append_text(out, ",\"value\":");
        text_to_json(out, value->payload, value->length);
    } else {
        buffer_append_text(out, ",\"b64\":\"");
        text_to_base64(out, value->payload, value->length);
        buffer_append_char(out, '"');
    }
    text_to_time(value->at_ms, at);
    buffer_printf(out, ",\"max_age\":%" PRIu32 ",\"at\":\"%s\"}\n\n", value->max_age_s, at);
    return finish(out, start);
}

static const struct {
    const char *name;
    const char *reason;
} states[] = {
#define SSE_STATE(id, name, reason) [SSE_STATE_##id] = {name, reason},
#include "tables/sse_states.h"
#undef SSE_STATE
};

const char *sse_state_name(enum sse_state state)
{
    return states[state].name;
}

int sse_write_state(struct buffer *out, const struct sse_change *change)
{
    size_t start = out->length;
    buffer_printf(out, "event: state\ndata: {\"state\":\"%s\"", states[change->state].name);
    write_member(out,
                 ",\"reason\":", change->reason ? change->reason : states[change->state].reason);
    write_member(out, ",\"target\":", change->target);
    if (change->status != 0)
        buffer_printf(out, ",\"status\":%u", change->status);
    buffer_append_text(out, "}\n\n");
    return finish(out, start);
}

uint32_t sse_spread_retry(uint32_t retry_ms, uint32_t random)
{
    uint64_t fifth = retry_ms / 5;
    uint64_t spread = (2 * fifth + 1) * random >> 32;
    uint64_t delay = retry_ms - fifth + spread;
    return delay > UINT32_MAX ? UINT32_MAX : (uint32_t)delay;
}

int sse_write_retry(struct buffer *out, uint32_t retry_ms)
{
    size_t start = out->length;
    buffer_printf(out, "retry: %" PRIu32 "\n\n", retry_ms);
    return finish(out, start);
}

int sse_write_keep_alive(struct buffer *out)
{
    size_t start = out->length;
    buffer_append_text(out, ": keep-alive\n\n");
    return finish(out, start);
}
