/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_message.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "text.h"

/*
 * http_message: reads the fields of a request and builds a reply. A reply keeps its field values in
 * an arena of fixed size, so that a reply to an error needs no memory but its body. Every value
 * passes one gate here: what a node sent can never end a header line (HTTP-14).
 */

const char *http_request_field(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (text_equal_ignoring_case(request->fields[i].name, name))
            return request->fields[i].value;
    }
    return NULL;
}

bool http_request_joined_field(const struct http_request *request, const char *name,
                               struct buffer *out)
{
    bool is_there = false;
    for (size_t i = 0; i < request->field_count; i++) {
        if (!text_equal_ignoring_case(request->fields[i].name, name))
            continue;
        if (is_there && buffer_append_text(out, ", ") != 0)
            return false;
        if (buffer_append_text(out, request->fields[i].value) != 0)
            return false;
        is_there = true;
    }
    return is_there;
}

void http_reply_init(struct http_reply *reply, size_t body_maximum)
{
    reply->status = 0;
    reply->field_count = 0;
    reply->arena_used = 0;
    buffer_init(&reply->body, body_maximum);
    reply->must_close = false;
    reply->has_unknown_length = false;
}

void http_reply_clear(struct http_reply *reply)
{
    buffer_clear(&reply->body);
    reply->status = 0;
    reply->field_count = 0;
    reply->arena_used = 0;
    reply->must_close = false;
    reply->has_unknown_length = false;
}

static bool has_control(const char *value, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)value[i];
        if (c < 0x20 || c == 0x7f)
            return true;
    }
    return false;
}

int http_reply_add(struct http_reply *reply, const char *name, const char *format, ...)
{
    if (reply->field_count >= HTTP_REPLY_FIELDS_MAX)
        return -1;

    char *value = reply->arena + reply->arena_used;
    size_t room = sizeof(reply->arena) - reply->arena_used;
    va_list arguments;
    va_start(arguments, format);
    int written = vsnprintf(value, room, format, arguments);
    va_end(arguments);
    if (written < 0 || (size_t)written >= room || has_control(value, (size_t)written))
        return -1;

    reply->fields[reply->field_count++] = (struct http_field){name, value};
    reply->arena_used += (size_t)written + 1;
    return 0;
}

const char *http_reply_field(const struct http_reply *reply, const char *name)
{
    for (size_t i = 0; i < reply->field_count; i++) {
        if (text_equal_ignoring_case(reply->fields[i].name, name))
            return reply->fields[i].value;
    }
    return NULL;
}

void http_reply_remove(struct http_reply *reply, const char *name)
{
    size_t kept = 0;
    for (size_t i = 0; i < reply->field_count; i++) {
        if (!text_equal_ignoring_case(reply->fields[i].name, name))
            reply->fields[kept++] = reply->fields[i];
    }
    reply->field_count = kept;
}
