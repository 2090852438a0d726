/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * From the HTTP request to the CoAP request: method, Content-Format and Accept, preconditions,
 * Hop-Limit, then the options that depend on where it goes: Uri-Host and Uri-Port for the node
 * itself, Proxy-Uri for an upstream proxy. Uri-Path and Uri-Query stand there since the mapping.
 */

#include <stdio.h>
#include <string.h>

#include "access.h"
#include "core_private.h"
#include "fields.h"
#include "method.h"
#include "policy.h"

enum { PROXY_URI_MAX = 1034 };

static enum step_result fail_too_long(struct exchange *exchange)
{
    return exchange_fail(exchange, PROBLEM_TARGET_TOO_LONG, 414,
                         "path and query do not fit into a CoAP message");
}

static struct media_options media_options_of(const struct exchange *exchange)
{
    return (struct media_options){
        .is_loose = exchange->rules->has_loose,
        .loose = exchange->rules->loose,
        .takes_coap_payload = exchange->policy->takes_coap_payload,
    };
}

enum step_result exchange_check_media(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    struct media_options options = media_options_of(exchange);
    uint16_t format = 0;

    exchange->content_format = MEDIA_FORMAT_NONE;
    /* OPT-11: without a body there is nothing to tell the format of, but a FETCH always has one. */
    if (!request->has_body && exchange->method != HTTP_METHOD_QUERY)
        return STEP_NEXT;
    switch (media_from_request(exchange->policy->media, request, &options, &format)) {
    case MEDIA_FOUND:
        exchange->content_format = format;
        return STEP_NEXT;
    case MEDIA_ABSENT:
        return STEP_NEXT;
    case MEDIA_UNKNOWN:
        return exchange_fail(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, 415,
                             "CoAP has no Content-Format for this media type");
    case MEDIA_BAD_CODING:
        (void)exchange_fail(exchange, PROBLEM_UNSUPPORTED_MEDIA_TYPE, 415,
                            "CoAP has no Content-Format for this media type in this coding");
        (void)http_reply_add(&exchange->reply, "Accept-Encoding", "deflate, zstd");
        return STEP_ANSWERED;
    case MEDIA_BAD_SYNTAX:
        break;
    }
    return exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400, "the Content-Type cannot be read");
}

static enum step_result add_fields(struct exchange *exchange)
{
    switch (fields_to_options(exchange->request, (enum http_method)exchange->method,
                              exchange->accept, &exchange->coap)) {
    case FIELDS_FINE:
        return STEP_NEXT;
    case FIELDS_PRECONDITION_FAILED:
        return exchange_fail(exchange, PROBLEM_PRECONDITION_FAILED, 412,
                             "no entity tag in If-Match can be one of this resource");
    case FIELDS_NOT_MAPPABLE:
        return exchange_fail(exchange, PROBLEM_PRECONDITION_NOT_MAPPABLE, 501,
                             "CoAP has no If-None-Match with entity tags for this method");
    case FIELDS_BAD_SYNTAX:
        return exchange_fail(exchange, PROBLEM_BAD_REQUEST, 400,
                             "If-Match or If-None-Match cannot be read");
    case FIELDS_TOO_LONG:
        break;
    }
    return fail_too_long(exchange);
}

static enum step_result choose_accept(struct exchange *exchange)
{
    struct media_options options = media_options_of(exchange);

    media_choose(exchange->policy->media, exchange->request, &options, &exchange->choice);
    if (exchange->choice.refused)
        return exchange_fail(exchange, PROBLEM_NOT_ACCEPTABLE, 406,
                             "application/coap-payload is not enabled on this gateway");
    if (exchange->choice.count > 0)
        exchange->accept = exchange->choice.formats[0];
    return STEP_NEXT;
}

static enum step_result take_body(struct exchange *exchange)
{
    const struct http_request *request = exchange->request;
    struct rest_message *message = &exchange->coap.message;

    if (!request->has_body && exchange->method != HTTP_METHOD_QUERY)
        return STEP_NEXT;
    if (request->body_length > exchange_body_limit(exchange))
        return exchange_fail_body_too_large(exchange);
    /* Once more, now that the body can be looked at (MEDIA-16). */
    if (exchange_check_media(exchange) == STEP_ANSWERED)
        return STEP_ANSWERED;
    if (request->body_length > 0) {
        message->payload = request->body;
        message->payload_length = request->body_length;
    } else if (exchange->method != HTTP_METHOD_QUERY) {
        exchange->content_format = MEDIA_FORMAT_NONE;
    }
    return STEP_NEXT;
}

enum step_result exchange_compose(struct exchange *exchange)
{
    struct rest_request *coap = &exchange->coap;
    int failed = 0;

    coap->message.code =
        method_to_coap((enum http_method)exchange->method, exchange->rules->patch_is_ipatch);
    if (choose_accept(exchange) == STEP_ANSWERED || take_body(exchange) == STEP_ANSWERED ||
        add_fields(exchange) == STEP_ANSWERED)
        return STEP_ANSWERED;
    if (exchange->content_format >= 0)
        failed |= rest_request_add_uint(coap, REST_OPTION_CONTENT_FORMAT,
                                        (uint32_t)exchange->content_format);
    if (exchange->accept >= 0)
        failed |= rest_request_add_uint(coap, REST_OPTION_ACCEPT, (uint32_t)exchange->accept);
    failed |=
        rest_request_add_uint(coap, REST_OPTION_HOP_LIMIT, exchange->rules->settings.hop_limit);
    failed |= exchange_add_no_response(exchange);
    if (failed != 0)
        return fail_too_long(exchange);
    exchange->step = EXCHANGE_STEP_LOOK_UP;
    return STEP_NEXT;
}

bool exchange_next_candidate(struct exchange *exchange)
{
    if (exchange->candidate + 1 >= exchange->choice.count)
        return false;
    rest_request_remove(&exchange->coap, REST_OPTION_ACCEPT);
    exchange->accept = exchange->choice.formats[++exchange->candidate];
    return rest_request_add_uint(&exchange->coap, REST_OPTION_ACCEPT, (uint32_t)exchange->accept) ==
           0;
}

/* RFC 7252 6.4: the host as an option, also when it is an address literal. */
static int add_literal_host(struct exchange *exchange)
{
    const struct uri_authority *authority = &exchange->match.authority;
    char text[URI_HOST_MAX + 3];
    int length;

    if (authority->host_kind == URI_HOST_NAME)
        return 0;
    length = snprintf(text, sizeof text, authority->host_kind == URI_HOST_IPV6 ? "[%s]" : "%s",
                      authority->host);
    return rest_request_add(&exchange->coap, REST_OPTION_URI_HOST, text, (size_t)length);
}

static enum step_result route_to_node(struct exchange *exchange)
{
    const struct uri_authority *authority = &exchange->match.authority;
    struct endpoint_address literal;
    int failed = uri_add_authority(&exchange->coap, authority, exchange->peer.port);

    memset(&literal, 0, sizeof literal);
    /* A literal that is not where the message goes must be told (RFC 7252 5.10.1). */
    if (exchange->rules->has_connect && exchange->match.kind != MAPPING_HC &&
        uri_authority_address(authority, &literal) &&
        memcmp(literal.bytes, exchange->peer.bytes, sizeof literal.bytes) != 0)
        failed |= add_literal_host(exchange);
    if (failed != 0)
        return fail_too_long(exchange);
    return STEP_NEXT;
}

/* Appends the Target CoAP URI. 0 or -1. */
static int compose_target(const struct exchange *exchange, struct buffer *out)
{
    const struct rest_message *message = &exchange->coap.message;

    if (uri_compose_authority(out, &exchange->match.authority) != 0 ||
        uri_compose_path(out, message, REST_OPTION_URI_PATH) != 0)
        return -1;
    if (rest_find_option(message, REST_OPTION_URI_QUERY) == NULL)
        return 0;
    return buffer_append_char(out, '?') != 0 ||
                   uri_compose_query(out, message, REST_OPTION_URI_QUERY) != 0
               ? -1
               : 0;
}

/* OPT-19: Proxy-Uri alone where it fits, else Proxy-Scheme with the options that name the target.
 */
static int add_proxy_options(struct exchange *exchange)
{
    const struct uri_authority *authority = &exchange->match.authority;
    const char *scheme = authority->scheme == URI_SCHEME_COAPS ? "coaps" : "coap";
    struct rest_request *coap = &exchange->coap;
    struct buffer uri;
    int failed = 0;

    buffer_init(&uri, PROXY_URI_MAX);
    if (compose_target(exchange, &uri) == 0 &&
        sizeof coap->arena - coap->arena_used >= uri.length) {
        rest_request_remove(coap, REST_OPTION_URI_PATH);
        rest_request_remove(coap, REST_OPTION_URI_QUERY);
        failed = rest_request_add(coap, REST_OPTION_PROXY_URI, uri.data, uri.length);
    } else {
        failed |= rest_request_add(coap, REST_OPTION_PROXY_SCHEME, scheme, strlen(scheme));
        failed |= uri_add_authority(coap, authority, 0);
        failed |= add_literal_host(exchange);
    }
    buffer_clear(&uri);
    return failed;
}

static enum step_result route_upstream(struct exchange *exchange)
{
    const struct core_options *options = &exchange->core->options;
    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX];
    bool is_self = false;
    size_t count = 0;
    enum step_result result =
        exchange_addresses(exchange, &exchange->policy->upstream_proxy, addresses, &count);

    if (result != STEP_NEXT)
        return result;
    exchange->address_count = 0;
    for (size_t i = 0; i < count; i++) {
        if (options->is_self != NULL && options->is_self(options->is_self_handle, &addresses[i]))
            is_self = true;
        else if (access_judge_address(&addresses[i]) == ACCESS_ALLOWED)
            exchange->addresses[exchange->address_count++] = addresses[i];
    }
    if (exchange->address_count == 0 && is_self)
        return exchange_fail(exchange, PROBLEM_LOOP, 508,
                             "the upstream proxy is the gateway itself");
    if (exchange->address_count == 0)
        return exchange_fail(exchange, PROBLEM_UNREACHABLE, 502,
                             "the upstream proxy has no address of one host");
    exchange->peer = exchange->addresses[0];
    if (add_proxy_options(exchange) != 0)
        return fail_too_long(exchange);
    return STEP_NEXT;
}

static enum step_result route(struct exchange *exchange)
{
    enum step_result result =
        exchange->policy->has_upstream_proxy ? route_upstream(exchange) : route_to_node(exchange);

    if (result == STEP_PARKED)
        exchange->has_waited_for_route = true;
    if (result != STEP_NEXT)
        return result;
    if (rest_options_size(&exchange->coap.message) + PDU_HEADER_SIZE + PDU_TOKEN_MAX >
        REST_REQUEST_SIZE)
        return fail_too_long(exchange);
    exchange->is_routed = true;
    return STEP_NEXT;
}

enum step_result exchange_route(struct exchange *exchange)
{
    enum step_result result = exchange->is_routed ? STEP_NEXT : route(exchange);

    if (result == STEP_ANSWERED)
        exchange_prefer_stale(exchange);
    if (result != STEP_NEXT)
        return result;
    /* The cache may know more by now. */
    if (exchange->has_waited_for_route) {
        exchange->has_waited_for_route = false;
        exchange->step = EXCHANGE_STEP_LOOK_UP;
        return STEP_NEXT;
    }
    if (exchange->wants_stream) {
        exchange->step = EXCHANGE_STEP_STREAM;
        return STEP_NEXT;
    }
    exchange_add_tags(exchange);
    exchange->step = EXCHANGE_STEP_FORWARD;
    return STEP_NEXT;
}
