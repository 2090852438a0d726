/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * Errors that the gateway makes itself: one way to turn an exchange into a problem document (RFC
 * 9457), so that each carries the same members. Details are sentences for a person and name nodes
 * as the configuration does, never by address (ERR-10).
 */

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "core_private.h"
#include "method.h"
#include "timers.h"

enum { DETAIL_MAX = 512 };

/* Large requests come and go quickly. */
#define RETRY_AFTER_S "1"

const char *exchange_node_phrase(const struct exchange *exchange, char *text, size_t size)
{
    const char *name = exchange->match.node_name;

    if (exchange->match.kind == MAPPING_NODE && name != NULL)
        (void)snprintf(text, size, "node %s", name);
    else if (exchange->match.kind == MAPPING_PATH && name != NULL)
        (void)snprintf(text, size, "the node of %s", name);
    else
        (void)snprintf(text, size, "the node");
    return text;
}

/* HTTP caches may guess a lifetime for some errors (RFC 9110 15.1); ours may be over in a moment.
 */
static void keep_out_of_caches(struct http_reply *reply)
{
    (void)http_reply_add(reply, "Cache-Control", "no-store");
}

void exchange_add_allow(struct exchange *exchange, unsigned methods)
{
    struct buffer text;

    buffer_init(&text, 256);
    if (method_write_set(methods, &text) == 0)
        (void)http_reply_add(&exchange->reply, "Allow", "%s", buffer_text(&text));
    buffer_clear(&text);
}

void exchange_reset_reply(struct exchange *exchange)
{
    size_t body_maximum = exchange->reply.body.maximum;

    http_reply_clear(&exchange->reply);
    http_reply_init(&exchange->reply, body_maximum);
}

enum step_result exchange_fail(struct exchange *exchange, enum problem_type type, unsigned status,
                               const char *format, ...)
{
    char detail[DETAIL_MAX];
    struct problem problem = {
        .type = type,
        .status = status,
        .detail = detail,
        .coap_code = exchange->response_code,
        .elapsed_ms = -1,
        .max_size = exchange->size_limit,
        .request_id = exchange->request == NULL ? NULL : exchange->request->id,
    };
    va_list arguments;

    va_start(arguments, format);
    (void)vsnprintf(detail, sizeof detail, format, arguments);
    va_end(arguments);
    if (exchange->match.kind == MAPPING_NODE)
        problem.node = exchange->match.node_name;
    if (exchange->has_sent)
        problem.elapsed_ms =
            (int64_t)((timers_now_us(exchange->core->options.timers) - exchange->began_us) / 1000);
    exchange_reset_reply(exchange);
    exchange->problem = type;
    exchange->reply.status = status;
    (void)problem_write(&problem, exchange->request, &exchange->reply);
    keep_out_of_caches(&exchange->reply);
    if (type == PROBLEM_OUT_OF_MEMORY)
        (void)http_reply_add(&exchange->reply, "Retry-After", RETRY_AFTER_S);
    exchange->step = EXCHANGE_STEP_ANSWERED;
    return STEP_ANSWERED;
}

enum step_result exchange_fail_method(struct exchange *exchange, unsigned allowed)
{
    (void)exchange_fail(exchange, PROBLEM_METHOD_NOT_ALLOWED, 405,
                        "the gateway does not let %s through to this resource",
                        method_text((enum http_method)exchange->method));
    exchange_add_allow(exchange, allowed);
    return STEP_ANSWERED;
}

void exchange_refusal(struct core *core, unsigned status, const char *slug, const char *detail,
                      const struct http_request *request, struct http_reply *reply)
{
    struct problem problem = {
        .type = problem_find(slug),
        .status = status,
        .detail = detail,
        .elapsed_ms = -1,
        .request_id = request == NULL ? NULL : request->id,
    };

    (void)core;
    assert(problem.type != PROBLEM_TYPES);
    reply->status = status;
    (void)problem_write(&problem, request, reply);
    keep_out_of_caches(reply);
    if (status == 503 &&
        (problem.type == PROBLEM_OVERLOADED || problem.type == PROBLEM_OUT_OF_MEMORY))
        (void)http_reply_add(reply, "Retry-After", RETRY_AFTER_S);
}
