/* SPDX-License-Identifier: BSD-2-Clause */
#include "problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "http_message.h"
#include "media_type.h"
#include "rest.h"
#include "status.h"
#include "text.h"

/*
 * problem: errors that the gateway makes itself, as problem documents (RFC 9457), so that scripts
 * can tell them from errors of a node. The JSON is written straight into the reply's body: when the
 * gateway is short of memory, the answer that says so must not need more than that.
 */

struct kind {
    const char *slug;
    const char *title;
};

static const struct kind kinds[] = {
#define PROBLEM(name, slug, title) [PROBLEM_##name] = {slug, title},
#include "tables/problems.h"
#undef PROBLEM
};

/* The title of the kind, or for an error of a node what RFC 8075 7 note 7 wants a person to see:
 * "CoAP server returned 4.05 Method Not Allowed". */
static void append_title(struct buffer *out, const struct problem *problem)
{
    if (problem->type != PROBLEM_NODE_ERROR || problem->coap_code == 0) {
        buffer_append_text(out, kinds[problem->type].title);
        return;
    }
    char code[8];
    const char *name = status_code_name(problem->coap_code);
    buffer_printf(out, "CoAP server returned %s%s%s", rest_code_format(problem->coap_code, code),
                  name ? " " : "", name ? name : "");
}

/* RFC 8259 7: what must be escaped, and nothing else. The text is valid UTF-8. */
static void append_escaped(struct buffer *out, const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        if (c == '"' || c == '\\')
            buffer_printf(out, "\\%c", c);
        else if (c < 0x20)
            buffer_printf(out, "\\u%04x", c);
        else
            buffer_append_char(out, (char)c);
    }
}

static void append_string(struct buffer *out, const char *text)
{
    size_t length = strlen(text);
    buffer_append_char(out, '"');
    if (text_is_utf8(text, length)) {
        append_escaped(out, text, length);
    } else {
        /* U+FFFD takes three bytes. */
        struct buffer repaired;
        buffer_init(&repaired, 3 * length);
        if (text_repair_utf8(&repaired, text, length) == 0)
            append_escaped(out, repaired.data, repaired.length);
        buffer_clear(&repaired);
    }
    buffer_append_char(out, '"');
}

static void append_member(struct buffer *out, const char *name, const char *text)
{
    if (!text)
        return;
    buffer_printf(out, ",\"%s\":", name);
    append_string(out, text);
}

static void write_json(const struct problem *problem, struct buffer *out)
{
    buffer_printf(out, "{\"type\":\"urn:coapgw:problem:%s\",\"title\":\"",
                  kinds[problem->type].slug);
    append_title(out, problem);
    buffer_printf(out, "\",\"status\":%u", problem->status);
    append_member(out, "detail", problem->detail);
    if (problem->coap_code != 0) {
        char code[8];
        append_member(out, "coap-code", rest_code_format(problem->coap_code, code));
    }
    append_member(out, "node", problem->node);
    if (problem->elapsed_ms >= 0)
        buffer_printf(out, ",\"elapsed-ms\":%" PRId64, problem->elapsed_ms);
    if (problem->max_size > 0)
        buffer_printf(out, ",\"max-size\":%" PRIu64, problem->max_size);
    append_member(out, "request-id", problem->request_id);
    buffer_append_text(out, "}\n");
}

static void write_line(const struct problem *problem, struct buffer *out)
{
    append_title(out, problem);
    if (problem->detail) {
        buffer_append_text(out, ": ");
        size_t start = out->length;
        text_repair_utf8(out, problem->detail, strlen(problem->detail));
        for (size_t i = start; i < out->length; i++) {
            if ((unsigned char)out->data[i] < 0x20)
                out->data[i] = ' ';
        }
    }
    buffer_append_char(out, '\n');
}

static bool prefers_text(const struct http_request *request)
{
    return request && media_quality(request, "text/plain;charset=utf-8") >
                          media_quality(request, "application/problem+json");
}

const char *problem_slug(enum problem_type type)
{
    return kinds[type].slug;
}

int problem_write(const struct problem *problem, const struct http_request *request,
                  struct http_reply *reply)
{
    bool is_text = prefers_text(request);
    reply->status = problem->status;
    http_reply_remove(reply, "Content-Type");
    http_reply_remove(reply, "Content-Encoding");
    buffer_clear(&reply->body);
    reply->body.failed = false;
    if (is_text)
        write_line(problem, &reply->body);
    else
        write_json(problem, &reply->body);

    const char *type = is_text ? "text/plain;charset=utf-8" : "application/problem+json";
    if (!reply->body.failed && http_reply_add(reply, "Content-Type", "%s", type) == 0)
        return 0;
    buffer_clear(&reply->body);
    return -1;
}
