/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_private.h"

/*
 * From the CoAP response to the HTTP reply (RFC 8075 6 and 7). What a node sends reaches the client
 * in four places only: the status by way of a table, the body, the media type by way of its number,
 * and ETag, Location and times in a form of our own making; no text of a node becomes a header
 * field or a status line (STATUS-50, HTTP-14).
 */

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "cache_control.h"
#include "core_private.h"
#include "fields.h"
#include "freshness.h"
#include "method.h"
#include "policy.h"
#include "representation.h"
#include "status.h"
#include "text.h"
#include "timers.h"
#include "uri.h"

#define PROBLEM_JSON "application/problem+json"
#define PROBLEM_CBOR "application/concise-problem-details+cbor"
#define PLAIN_TEXT   "text/plain;charset=utf-8"

enum { DIAGNOSTIC_MAX = 200 };

/* One response on its way to a reply. */
struct translation {
    struct exchange *exchange;
    const struct exchange_outcome *outcome;
    const struct rest_message *response; /* of the outcome */
    unsigned status;
    int format;               /* Content-Format; -1: none */
    const char *client_field; /* 4.02 for an option that this field of the client's made */
    bool varies_by_accept;
    bool is_minimal; /* the client wants no content, and gets none */
};

static bool is_error(const struct translation *translation)
{
    return REST_CODE_CLASS(translation->response->code) != 2;
}

static bool is_safe(const struct exchange *exchange)
{
    return method_is_safe((enum http_method)exchange->method);
}

/* "4.04 Not Found", or the number alone for a code without a name. */
static const char *code_phrase(uint8_t code, char *text, size_t size)
{
    const char *name = status_code_name(code);
    char number[8];

    (void)snprintf(text, size, "%s%s%s", rest_code_format(code, number), name == NULL ? "" : " ",
                   name == NULL ? "" : name);
    return text;
}

/* Codes that answer a question which the request did not ask: 2.03 an ETag (unless it confirms one
 * of the client's), 2.31 a block; and classes that are none of a response (STATUS-41, 42). */
static bool is_unexpected(uint8_t code)
{
    unsigned class = REST_CODE_CLASS(code);

    return code == REST_CODE(2, 3) || code == REST_CODE(2, 31) ||
           (class != 2 && class != 4 && class != 5);
}

static void fail_unexpected(struct exchange *exchange, uint8_t code)
{
    char node[128], text[64];

    (void)exchange_fail(
        exchange, PROBLEM_BAD_RESPONSE, 502, "%s answered %s, which fits no request that was made",
        exchange_node_phrase(exchange, node, sizeof node), code_phrase(code, text, sizeof text));
}

/* STATUS-15: the option that the node could not take, when a field of the client's made it. */
static const char *find_blamed_field(const struct translation *translation)
{
    const struct rest_message *response = translation->response;
    const char *field = NULL;
    uint16_t number = 0;

    if (response->code != REST_CODE(4, 2) || translation->format != MEDIA_FORMAT_PROBLEM ||
        problem_from_concise(response->payload, response->payload_length, 400, response->code, NULL,
                             &number) != 0 ||
        number == 0)
        return NULL;
    if (rest_find_option(&translation->exchange->coap.message, number) == NULL ||
        !fields_option_from_client(number, &field))
        return NULL;
    return field;
}

static void note_size_limit(struct translation *translation)
{
    const struct rest_option *option = rest_find_option(translation->response, REST_OPTION_SIZE1);
    uint32_t size;

    if (translation->response->code == REST_CODE(4, 13) && option != NULL &&
        rest_option_uint(option, &size))
        translation->exchange->size_limit = size;
}

static void read_response(struct translation *translation)
{
    const struct exchange *exchange = translation->exchange;
    const struct rest_option *option =
        rest_find_option(translation->response, REST_OPTION_CONTENT_FORMAT);
    struct status_context context = {
        .has_payload = translation->response->payload_length > 0,
        .methods_known = exchange->match.kind != MAPPING_HC && exchange->rules->methods != 0,
    };
    uint32_t format;

    translation->format = MEDIA_FORMAT_NONE;
    if (option != NULL && rest_option_uint(option, &format) && format <= UINT16_MAX)
        translation->format = (int)format;
    note_size_limit(translation);
    translation->client_field = find_blamed_field(translation);
    context.blames_client_field = translation->client_field != NULL;
    translation->status = exchange_is_confirmation(exchange, translation->response)
                              ? 304
                              : status_from_code(translation->response->code, &context);
    /* RFC 7240 4.2: what became of it is told by the status alone. */
    translation->is_minimal =
        exchange->preferences.return_minimal && (translation->response->code == REST_CODE(2, 2) ||
                                                 translation->response->code == REST_CODE(2, 4));
    if (translation->is_minimal)
        translation->status = 204;
}

static void return_payload(void *owner)
{
    representation_return(owner);
}

/* What was collected or is stored is not held twice. */
static int take_payload(const struct translation *translation)
{
    const struct exchange_outcome *outcome = translation->outcome;
    const struct rest_message *response = translation->response;
    struct buffer *body = &translation->exchange->reply.body;

    if (outcome->body != NULL) {
        buffer_move(body, outcome->body);
        return 0;
    }
    if (outcome->representation == NULL)
        return buffer_append(body, response->payload, response->payload_length);
    if (!representation_lend(outcome->representation, translation->exchange->core->options.memory))
        return -1;
    buffer_lend(body, response->payload, response->payload_length, return_payload,
                outcome->representation);
    return 0;
}

/* As a last member of an object that ends the text. */
static int add_size_limit(struct buffer *json, uint32_t size_limit)
{
    static const char end[] = "}\n";

    if (size_limit == 0)
        return 0;
    json->length -= sizeof end - 1;
    return buffer_printf(json, ",\"max-size\":%" PRIu32 "%s", size_limit, end);
}

/* RFC 9290 to RFC 9457, unless the client would rather have the CBOR or it cannot be read. */
static int add_concise_problem(struct translation *translation)
{
    const struct http_request *request = translation->exchange->request;
    const struct rest_message *response = translation->response;
    struct http_reply *reply = &translation->exchange->reply;
    uint16_t unprocessed;

    translation->varies_by_accept = true;
    if (media_quality(request, PROBLEM_CBOR) > media_quality(request, PROBLEM_JSON) ||
        problem_from_concise(response->payload, response->payload_length, translation->status,
                             response->code, &reply->body, &unprocessed) != 0)
        return http_reply_add(reply, "Content-Type", PROBLEM_CBOR) | take_payload(translation);
    return http_reply_add(reply, "Content-Type", PROBLEM_JSON) |
           add_size_limit(&reply->body, translation->exchange->size_limit);
}

/* The payload as it came, with the media type that its number stands for. */
static int add_representation(struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    struct http_reply *reply = &exchange->reply;
    int format = translation->format;

    if (is_error(translation) && format == MEDIA_FORMAT_PROBLEM)
        return add_concise_problem(translation);
    if (is_error(translation) && format == MEDIA_FORMAT_NONE) {
        /* A diagnostic payload is text by definition (RFC 7252 5.5.2). */
        return http_reply_add(reply, "Content-Type", PLAIN_TEXT) |
               text_repair_utf8(&reply->body, translation->response->payload,
                                translation->response->payload_length);
    }
    if (format == MEDIA_FORMAT_NONE)
        format = exchange->rules->content_format;
    if (format == MEDIA_FORMAT_NONE)
        format = MEDIA_FORMAT_OCTETS;
    return media_to_reply(exchange->policy->media, (uint16_t)format, reply) |
           take_payload(translation);
}

/* An error without a payload: the client learns the code, as a problem document (ERR-04). */
static void fail_without_payload(struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    uint8_t code = translation->response->code;
    char node[128], text[64];

    (void)exchange_node_phrase(exchange, node, sizeof node);
    if (code == REST_CODE(4, 2))
        (void)exchange_fail(exchange, PROBLEM_TRANSLATION, translation->status,
                            "%s answered %s: the request could not be translated into one that it "
                            "understands",
                            node, code_phrase(code, text, sizeof text));
    else
        (void)exchange_fail(exchange, PROBLEM_NODE_ERROR, translation->status, "%s answered %s",
                            node, code_phrase(code, text, sizeof text));
}

/* STATUS-25: a 4.13 that says how much would do. What it says in words stands in the detail. */
static void fail_too_large(struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    const struct rest_message *response = translation->response;
    char node[128];

    (void)exchange_fail(exchange, PROBLEM_NODE_ERROR, translation->status,
                        "%s takes bodies of at most %" PRIu32 " bytes%s%.*s",
                        exchange_node_phrase(exchange, node, sizeof node), exchange->size_limit,
                        response->payload_length > 0 ? ": " : "",
                        (int)(response->payload_length < DIAGNOSTIC_MAX ? response->payload_length
                                                                        : DIAGNOSTIC_MAX),
                        response->payload_length > 0 ? (const char *)response->payload : "");
}

/* RFC 8075 7, Table 2 note 7: 400 says too little, so the text says what the node had said. */
static int add_method_text(struct translation *translation)
{
    struct http_reply *reply = &translation->exchange->reply;
    int failed = http_reply_add(reply, "Content-Type", PLAIN_TEXT) |
                 buffer_append_text(&reply->body, "CoAP server returned 4.05");

    if (translation->response->payload_length > 0)
        failed |= buffer_append_text(&reply->body, ": ") |
                  text_repair_utf8(&reply->body, translation->response->payload,
                                   translation->response->payload_length);
    return failed | buffer_append_char(&reply->body, '\n');
}

static int add_body(struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    const struct rest_message *response = translation->response;
    char node[128];

    if (translation->status == 204 || translation->status == 304)
        return 0;
    if (translation->client_field != NULL) {
        (void)exchange_fail(exchange, PROBLEM_TRANSLATION, translation->status,
                            "%s does not process the option that the field %s was translated to",
                            exchange_node_phrase(exchange, node, sizeof node),
                            translation->client_field);
        return 0;
    }
    if (response->code == REST_CODE(4, 5) && translation->status == 400 &&
        (response->payload_length == 0 || translation->format == MEDIA_FORMAT_NONE ||
         translation->format == MEDIA_FORMAT_TEXT))
        return add_method_text(translation);
    if (exchange->size_limit > 0 && translation->format == MEDIA_FORMAT_NONE) {
        fail_too_large(translation);
        return 0;
    }
    if (response->payload_length > 0)
        return add_representation(translation);
    if (is_error(translation)) {
        fail_without_payload(translation);
        return 0;
    }
    if (translation->format != MEDIA_FORMAT_NONE)
        return media_to_reply(exchange->policy->media, (uint16_t)translation->format,
                              &exchange->reply);
    return 0;
}

static int add_etag(struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    bool is_get = (exchange->method & (HTTP_METHOD_GET | HTTP_METHOD_HEAD)) != 0;
    bool is_put = exchange->method == HTTP_METHOD_PUT && exchange->rules->put_etag;

    if (is_error(translation) || (!is_get && !is_put) ||
        (is_get && translation->status != 200 && translation->status != 304))
        return 0;
    return fields_add_etag(translation->response, is_get ? exchange->accept : MEDIA_FORMAT_NONE,
                           &exchange->reply);
}

/* Whether an HC Proxy URI may stand in for a location that the mapping cannot express: only when
 * the client could follow it (URI-29). */
static bool may_use_hc(struct exchange *exchange, const struct rest_message *response)
{
    struct rest_message place = {.code = REST_GET};

    if (exchange->match.kind == MAPPING_HC)
        return true;
    /* The upstream proxy knows the address of the target, the gateway does not. */
    if (exchange->policy->has_upstream_proxy)
        return false;
    for (size_t i = 0; i < response->option_count; i++) {
        if (response->options[i].number != REST_OPTION_LOCATION_PATH)
            continue;
        place.options[place.option_count] = response->options[i];
        place.options[place.option_count++].number = REST_OPTION_URI_PATH;
    }
    return exchange_may_get(exchange, &place);
}

static void add_location(struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    const struct rest_message *response = translation->response;
    struct buffer text;

    if (translation->status != 201 || !fields_has_location(response))
        return;
    buffer_init(&text, HTTP_REPLY_ARENA_SIZE / 2);
    if (mapping_reverse(exchange->policy->mappings, &exchange->match, response,
                        may_use_hc(exchange, response), &text) == 0)
        (void)http_reply_add(&exchange->reply, "Location", "%s", buffer_text(&text));
    buffer_clear(&text);
}

static int add_vary(const struct translation *translation)
{
    const struct exchange *exchange = translation->exchange;
    bool by_accept = translation->varies_by_accept || exchange->choice.count > 0 ||
                     exchange->rules->strict_accept;
    bool by_coding = exchange->choice.depends_on_coding;
    /* RFC 7240 2: what may be cached could have been 202 or 204. */
    bool by_preference = is_safe(exchange);

    if (!by_accept && !by_coding && !by_preference)
        return 0;
    return http_reply_add(
        &translation->exchange->reply, "Vary", "%s%s%s%s%s", by_accept ? "Accept" : "",
        by_accept && by_coding ? ", " : "", by_coding ? "Accept-Encoding" : "",
        (by_accept || by_coding) && by_preference ? ", " : "", by_preference ? "Prefer" : "");
}

/* What a person with curl -i wants to know of the CoAP side. */
static int add_traces(const struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    const struct request_report *report = translation->outcome->report;
    struct http_reply *reply = &exchange->reply;
    const char *name = policy_pseudonym(exchange->policy);
    char code[8];
    int failed;

    failed = http_reply_add(reply, "X-CoAP-Code", "%s",
                            rest_code_format(translation->response->code, code));
    if (report != NULL)
        failed |= http_reply_add(reply, "Server-Timing", "coap;dur=%.1f",
                                 (double)report->elapsed_us / 1000);
    failed |= cache_status_add(&exchange->cache_status, name, reply);
    if (exchange->policy->forward_proxy)
        failed |= http_reply_add(reply, "Via", "CoAP/1 %s", name);
    return failed;
}

static bool is_refused_by_client(const struct translation *translation)
{
    const struct exchange *exchange = translation->exchange;
    int format = translation->format;

    if (!exchange->rules->strict_accept || !is_safe(exchange) || translation->status != 200 ||
        translation->response->payload_length == 0)
        return false;
    if (format == MEDIA_FORMAT_NONE)
        format = exchange->rules->content_format;
    if (format == MEDIA_FORMAT_NONE)
        format = MEDIA_FORMAT_OCTETS;
    return !media_is_accepted(exchange->policy->media, exchange->request, (uint16_t)format);
}

static int add_freshness(const struct translation *translation)
{
    const struct exchange *exchange = translation->exchange;
    const struct freshness_use use = {
        .status = translation->status,
        .is_cacheable_method = is_safe(exchange),
        .is_private = exchange->request->principal != 0 ||
                      exchange->match.authority.scheme == URI_SCHEME_COAPS,
        .age_us = translation->outcome->age_us,
    };

    return freshness_add_fields(translation->response, &use, &translation->exchange->reply);
}

static void make_reply(struct translation *translation)
{
    struct exchange *exchange = translation->exchange;
    const struct request_report *report = translation->outcome->report;
    int failed;

    if (report != NULL && report->is_partial)
        exchange->reply.has_unknown_length = true;
    exchange->reply.status = translation->status;
    failed = add_body(translation);
    failed |= add_etag(translation);
    add_location(translation);
    if (translation->status == 405)
        exchange_add_allow(exchange, exchange->rules->methods & ~exchange->method);
    /* What freshness says of the node's own 503 counts, not what errors of ours carry. */
    http_reply_remove(&exchange->reply, "Cache-Control");
    failed |= add_freshness(translation);
    failed |= add_vary(translation);
    exchange_judge_condition(exchange);
    if (translation->is_minimal)
        failed |= http_reply_add(&exchange->reply, "Preference-Applied", "return=minimal");
    failed |= add_traces(translation);
    exchange->step = EXCHANGE_STEP_ANSWERED;
    if (failed != 0)
        (void)exchange_fail(exchange, PROBLEM_OUT_OF_MEMORY, 503,
                            "the gateway is short of memory for the answer");
}

void exchange_translate(struct exchange *exchange, const struct exchange_outcome *outcome)
{
    const struct rest_message *response = outcome->response;
    struct translation translation = {
        .exchange = exchange, .outcome = outcome, .response = response};
    struct core *core = exchange->core;
    struct buffer *body = &exchange->reply.body;
    char node[128];

    buffer_init_charged(body, body->maximum, core->options.memory);
    (void)exchange_node_phrase(exchange, node, sizeof node);
    if (is_unexpected(response->code) && !exchange_is_confirmation(exchange, response)) {
        fail_unexpected(exchange, response->code);
    } else if (response->code == REST_CODE(2, 1) && fields_has_reserved_location(response)) {
        log_write_limited(core->options.log, &core->peer_limit, timers_now_us(core->options.timers),
                          LOG_LEVEL_WARNING,
                          "%s: 2.01 with a reserved Location option: its location is unknown",
                          node);
        (void)exchange_fail(exchange, PROBLEM_BAD_RESPONSE, 502,
                            "%s told the location of what it created in a way that is not defined",
                            node);
    } else {
        read_response(&translation);
        if (!is_refused_by_client(&translation)) {
            make_reply(&translation);
            return;
        }
        (void)exchange_fail(exchange, PROBLEM_NOT_ACCEPTABLE, 406,
                            "%s has the resource, but not in a media type that Accept allows",
                            node);
        (void)http_reply_add(&exchange->reply, "Vary", "Accept");
    }
    (void)add_traces(&translation);
}
