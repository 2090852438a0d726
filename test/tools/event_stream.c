/* SPDX-License-Identifier: BSD-2-Clause */
#include "event_stream.h"
/*
 * event_stream: line by line, as WHATWG HTML 9.2.6 puts it: a line is a comment, a field or, when
 * it is empty, the end of an event. Texts stay bytes: whether they are UTF-8 is for others to
 * check.
 */

#include <stdlib.h>
#include <string.h>

static bool is(const char *text, size_t length, const char *name)
{
    return strlen(name) == length && memcmp(text, name, length) == 0;
}

static void take_field(struct event_stream *stream, const char *name, size_t name_length,
                       const char *value, size_t length)
{
    if (is(name, name_length, "event")) {
        bytes_set(&stream->type, value, length);
    } else if (is(name, name_length, "data")) {
        bytes_append(&stream->data, value, length);
        bytes_append(&stream->data, "\n", 1);
    } else if (is(name, name_length, "id")) {
        if (memchr(value, '\0', length) == NULL)
            bytes_set(&stream->next_id, value, length);
    } else if (is(name, name_length, "retry")) {
        if (length > 0 && strspn(value, "0123456789") == length)
            stream->retry_ms = strtol(value, NULL, 10);
    }
}

static void fire(struct event_stream *stream)
{
    bytes_set(&stream->last_id, stream->next_id.data, stream->next_id.length);
    if (stream->data.length > 0) {
        stream->data.data[--stream->data.length] = '\0'; /* its last LF */
        const char *type = bytes_text(&stream->type);
        struct event event = {*type == '\0' ? "message" : type, &stream->data, &stream->last_id};
        stream->fired(stream->handle, &event);
    }
    bytes_empty(&stream->data);
    bytes_empty(&stream->type);
}

static void take_line(struct event_stream *stream)
{
    const char *text = bytes_text(&stream->line);
    size_t length = stream->line.length;
    if (stream->lines++ == 0 && length >= 3 && memcmp(text, "\xef\xbb\xbf", 3) == 0) {
        bytes_drop(&stream->line, 3); /* a byte order mark */
        length -= 3;
    }
    const char *colon = length == 0 ? NULL : memchr(text, ':', length);
    if (length == 0) {
        fire(stream);
    } else if (colon == text) {
        bytes_drop(&stream->line, 1);
        if (stream->commented != NULL)
            stream->commented(stream->handle, &stream->line);
    } else if (colon == NULL) {
        take_field(stream, text, length, "", 0);
    } else {
        const char *value = colon + 1;
        if (*value == ' ')
            value++;
        take_field(stream, text, (size_t)(colon - text), value, (size_t)(text + length - value));
    }
    bytes_empty(&stream->line);
}

void event_stream_feed(struct event_stream *stream, const void *data, size_t length)
{
    const char *at = data, *end = at + length;
    while (at < end) {
        if (stream->has_seen_cr && *at == '\n') {
            stream->has_seen_cr = false;
            at++;
            continue;
        }
        const char *stop = at;
        while (stop < end && *stop != '\r' && *stop != '\n')
            stop++;
        bytes_append(&stream->line, at, (size_t)(stop - at));
        stream->has_seen_cr = false;
        if (stop == end)
            return;
        stream->has_seen_cr = *stop == '\r';
        take_line(stream);
        at = stop + 1;
    }
}

void event_stream_restart(struct event_stream *stream)
{
    bytes_empty(&stream->line);
    bytes_empty(&stream->data);
    bytes_empty(&stream->type);
    bytes_set(&stream->next_id, stream->last_id.data, stream->last_id.length);
    stream->lines = 0;
    stream->has_seen_cr = false;
}

void event_stream_clear(struct event_stream *stream)
{
    bytes_clear(&stream->line);
    bytes_clear(&stream->data);
    bytes_clear(&stream->type);
    bytes_clear(&stream->next_id);
    bytes_clear(&stream->last_id);
}
