/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * The dispatcher of the steps, and the steps that look at the head of a request alone. The order of
 * the checks is part of the outside view (config.md): each step answers with an error or names the
 * next one. Steps that need an address are in exchange_authorize.c, those that make the CoAP
 * request in exchange_compose.c, the request's own life in exchange_forward.c.
 */

#include <assert.h>
#include <string.h>

#include "core_private.h"
#include "events.h"
#include "fields.h"
#include "method.h"
#include "node_label.h"
#include "policy.h"
#include "resource.h"
#include "sse.h"
#include "access.h"

enum step_result exchange_fail_content(struct exchange *exchange)
{
    (void)exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400,
                        "a %s request carries no content: CoAP has no place for it",
                        method_text((enum http_method)exchange->method));
    exchange->reply.must_close = true;
    return STEP_ANSWERED;
}

static enum step_result answer_own(struct exchange *exchange, const struct resource *resource)
{
    const struct http_request *request = exchange->request;

    if ((resource->methods & request->method) == 0)
        return exchange_fail_method(exchange, resource->methods);
    if (resource->roles != 0 &&
        !access_role_suffices(resource->roles, request->roles, request->method))
        return exchange_fail(exchange, PROBLEM_FORBIDDEN, 403,
                             "your roles do not include reading this resource");
    if (request->has_body)
        return exchange_fail_content(exchange);
    resource->respond(exchange->core, request, &exchange->reply);
    /* Nothing is held back for being large: health and metrics are asked for when memory is short.
     */
    buffer_set_account(&exchange->reply.body, exchange->core->options.memory);
    exchange->step = EXCHANGE_STEP_ANSWERED;
    return STEP_ANSWERED;
}

static enum step_result step_authenticate(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    const struct resource *own = request->is_absolute_form ? NULL : resource_find(request->target);

    if (own != NULL && own->roles == 0)
        return answer_own(exchange, own);
    if (request->roles == 0) {
        (void)exchange_fail(exchange, PROBLEM_UNAUTHORIZED, 401,
                            "the gateway answers only clients that it knows");
        (void)http_reply_add(&exchange->reply, "WWW-Authenticate", "Bearer realm=\"coapgw\"");
        return STEP_ANSWERED;
    }
    if (own != NULL)
        return answer_own(exchange, own);
    if (exchange->core->is_draining) {
        (void)exchange_fail(exchange, PROBLEM_STOPPING, 503,
                            "the gateway is stopping; try another one, or again in a moment");
        exchange->reply.must_close = true;
        return STEP_ANSWERED;
    }
    exchange->step = events_is_meant(request) ? EXCHANGE_STEP_EVENTS : EXCHANGE_STEP_MAP;
    return STEP_NEXT;
}

static enum step_result fail_target(struct exchange *exchange, int error)
{
    unsigned status = uri_error_status(error);
    enum problem_type type = PROBLEM_BAD_TARGET;

    if (status == 414)
        type = PROBLEM_TARGET_TOO_LONG;
    else if (status == 501)
        type = PROBLEM_NOT_IMPLEMENTED;
    return exchange_fail(exchange, type, status, "%s", uri_error_text(error));
}

static enum step_result step_map(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    const struct policy *policy = exchange->policy;
    enum mapping_outcome outcome;
    int error = URI_OK;

    /* A circle through HTTP is invisible to Hop-Limit (RFC 8768 5). */
    if (fields_via_names(request, policy_pseudonym(policy)))
        return exchange_fail(exchange, PROBLEM_LOOP, 508,
                             "the field Via tells that the request was here before");
    /* The target of CONNECT is an authority: there is nothing to map (METH-16). */
    if (request->method == HTTP_METHOD_CONNECT)
        return exchange_fail(exchange, PROBLEM_NOT_IMPLEMENTED, 501,
                             "the gateway makes no tunnels");
    if (request->is_absolute_form && !policy->forward_proxy && exchange->run == NULL)
        return exchange_fail(exchange, PROBLEM_NOT_IMPLEMENTED, 501,
                             "the gateway is not configured as a forward proxy for coap URIs");
    memset(&exchange->match, 0, sizeof exchange->match);
    if (request->is_absolute_form)
        outcome = mapping_find_absolute(policy->mappings, request->target, &exchange->coap,
                                        &exchange->match, &error);
    else
        outcome = mapping_find(policy->mappings, request->target, &exchange->coap, &exchange->match,
                               &error);
    if (outcome == MAPPING_NONE)
        return exchange_fail(exchange, PROBLEM_NOT_FOUND, 404,
                             "no mapping of the gateway has this path");
    if (outcome == MAPPING_BAD_TARGET)
        return fail_target(exchange, error);
    exchange->rules = exchange->match.policy;
    if (exchange->match.kind == MAPPING_HC || exchange->rules == NULL)
        exchange->rules = &policy->defaults;
    exchange->label =
        node_label_acquire(exchange->core->labels,
                           exchange->match.kind == MAPPING_NODE ? exchange->match.node_name : NULL);
    exchange->step = EXCHANGE_STEP_METHOD;
    return STEP_NEXT;
}

static enum step_result step_method(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    const struct mapping_policy *rules = exchange->rules;

    if (request->method == HTTP_METHOD_POST && rules->method_override) {
        const char *wish = http_request_field(request, "X-HTTP-Method-Override");

        if (wish == NULL)
            wish = http_request_field(request, "X-HTTP-Method");
        if (wish != NULL)
            exchange->method = method_override(request->method, wish);
    }
    if (method_to_coap((enum http_method)exchange->method, rules->patch_is_ipatch) == 0 ||
        (exchange->method == HTTP_METHOD_QUERY && !exchange->policy->takes_query))
        return exchange_fail(exchange, PROBLEM_NOT_IMPLEMENTED, 501,
                             "the gateway does not translate this method to CoAP");
    if (rules->methods != 0 && (rules->methods & exchange->method) == 0)
        return exchange_fail_method(exchange, rules->methods);
    exchange->wants_stream = sse_is_wanted(request);
    exchange->step = EXCHANGE_STEP_AUTHORIZE;
    return STEP_NEXT;
}

static bool takes_content(unsigned method)
{
    return (method & (HTTP_METHOD_GET | HTTP_METHOD_HEAD | HTTP_METHOD_DELETE)) == 0;
}

size_t exchange_body_limit(const struct exchange *exchange)
{
    return exchange->policy->maximum_body;
}

enum step_result exchange_fail_body_too_large(struct exchange *exchange)
{
    (void)exchange_fail(exchange, PROBLEM_BODY_TOO_LARGE, 413,
                        "the gateway takes bodies of at most %zu bytes",
                        exchange_body_limit(exchange));
    exchange->reply.must_close = true;
    return STEP_ANSWERED;
}

/* What can be said of the body before it is read, so that a client that waits for "100 Continue"
 * need not send it (HTTP-05, HTTP-06). */
static enum step_result step_body(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    bool has_type = http_request_field(request, "Content-Type") != NULL;

    if (request->has_body && !takes_content(exchange->method))
        return exchange_fail_content(exchange);
    /* RFC 9110 14.5: a fragment must not be stored as the whole. */
    if (exchange->method == HTTP_METHOD_PUT && http_request_field(request, "Content-Range") != NULL)
        return exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400,
                             "a PUT replaces the whole resource: Content-Range has no meaning");
    if (request->has_body && !request->has_length && exchange->rules->require_length)
        return exchange_fail(exchange, PROBLEM_LENGTH_REQUIRED, 411,
                             "this resource takes only bodies with a Content-Length");
    if (request->has_length && request->content_length > exchange_body_limit(exchange))
        return exchange_fail_body_too_large(exchange);
    /* RFC 8132 2.3.1: a FETCH has a Content-Format; a patch means nothing without its format. */
    if (exchange->method == HTTP_METHOD_QUERY && !has_type)
        return exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400,
                             "a QUERY needs a Content-Type that says what its content is");
    if (exchange->method == HTTP_METHOD_PATCH && !has_type)
        return exchange_fail(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, 415,
                             "a PATCH needs a Content-Type that says what kind of patch it is");
    if (takes_content(exchange->method) && exchange_check_media(exchange) == STEP_ANSWERED)
        return STEP_ANSWERED;
    exchange->step = exchange->is_deferred ? EXCHANGE_STEP_AUTHORIZE : EXCHANGE_STEP_COMPOSE;
    return STEP_WANTS_BODY;
}

static enum step_result take_step(struct exchange *exchange)
{
    switch (exchange->step) {
    case EXCHANGE_STEP_AUTHENTICATE:
        return step_authenticate(exchange);
    case EXCHANGE_STEP_EVENTS:
        return exchange_events(exchange);
    case EXCHANGE_STEP_MAP:
        return step_map(exchange);
    case EXCHANGE_STEP_METHOD:
        return step_method(exchange);
    case EXCHANGE_STEP_AUTHORIZE:
        return exchange_authorize(exchange);
    case EXCHANGE_STEP_BODY:
        return step_body(exchange);
    case EXCHANGE_STEP_COMPOSE:
        return exchange_compose(exchange);
    case EXCHANGE_STEP_LOOK_UP:
        return exchange_look_up(exchange);
    case EXCHANGE_STEP_ROUTE:
        return exchange_route(exchange);
    case EXCHANGE_STEP_STREAM:
        return exchange_stream(exchange);
    case EXCHANGE_STEP_FORWARD:
        return exchange_forward(exchange);
    case EXCHANGE_STEP_AWAIT:
        return STEP_PARKED;
    case EXCHANGE_STEP_ANSWERED:
        break;
    }
    return STEP_ANSWERED;
}

enum step_result exchange_advance(struct exchange *exchange)
{
    enum step_result result;

    assert(exchange->request != NULL);
    do
        result = take_step(exchange);
    while (result == STEP_NEXT);
    assert((result == STEP_ANSWERED) == exchange_is_answered(exchange));
    return result;
}
