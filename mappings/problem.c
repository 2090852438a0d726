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

static void append_member(struct buffer *out, const char *name, const char *text)
{
    if (!text)
        return;
    buffer_printf(out, ",\"%s\":", name);
    text_to_json(out, text, strlen(text));
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

enum problem_type problem_find(const char *slug)
{
    int type = 0;

    while (type < PROBLEM_TYPES && strcmp(kinds[type].slug, slug) != 0)
        type++;
    return (enum problem_type)type;
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
