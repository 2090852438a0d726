/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_fields: the first byte is the method, the second a Content-Format of Accept, then header
 * fields to an empty line, then the bytes of a node's ETag and codes of location options. An entity
 * tag that we write is read back; every If-Match or ETag option came from a tag that is one of
 * ours.
 */
#include "fields.h"

#include <stdio.h>
#include <string.h>

#include "condition.h"
#include "freshness.h"
#include "fuzz.h"
#include "http_message.h"
#include "method.h"
#include "prefer.h"
#include "rest.h"
#include "text.h"

static const enum http_method methods[] = {HTTP_METHOD_GET,  HTTP_METHOD_HEAD,   HTTP_METHOD_POST,
                                           HTTP_METHOD_PUT,  HTTP_METHOD_DELETE, HTTP_METHOD_PATCH,
                                           HTTP_METHOD_QUERY};
static const int formats[] = {-1, 0, 40, 50, 65535};

/* The tag that stands for these bytes, read as a client would send it. */
static void check_tag(const uint8_t *bytes, size_t length, int accept)
{
    struct rest_request response;
    struct http_reply reply;
    uint8_t etag[8];
    size_t etag_length = 0;
    int format = -2;

    rest_request_init(&response);
    response.message.code = REST_CODE(2, 5);
    FUZZ_CHECK(rest_request_add(&response, REST_OPTION_ETAG, bytes, length) == 0);
    http_reply_init(&reply, 0);
    FUZZ_CHECK(fields_add_etag(&response.message, accept, &reply) == 0);
    const char *tag = http_reply_field(&reply, "ETag");
    FUZZ_CHECK((tag != NULL) == (length >= 1 && length <= sizeof etag));
    if (tag != NULL) {
        FUZZ_CHECK(fuzz_is_field_text(tag));
        FUZZ_CHECK(fields_read_etag(tag, strlen(tag), etag, &etag_length, &format));
        FUZZ_CHECK(format == accept && etag_length == length && memcmp(etag, bytes, length) == 0);
    }
    http_reply_clear(&reply);
}

static void check_outcome(const struct http_request *request, int accept,
                          const struct rest_request *coap, enum fields_outcome outcome)
{
    const struct rest_message *message = &coap->message;
    bool has_condition = http_request_field(request, "If-Match") != NULL ||
                         http_request_field(request, "If-None-Match") != NULL;

    if (!has_condition)
        FUZZ_CHECK(outcome == FIELDS_FINE && message->option_count == 0);
    if (outcome != FIELDS_FINE)
        return;
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];

        FUZZ_CHECK(option->number == REST_OPTION_IF_MATCH ||
                   option->number == REST_OPTION_IF_NONE_MATCH);
        FUZZ_CHECK(!rest_option_is_unrecognised(option->number, option->length));
        if (option->number == REST_OPTION_IF_MATCH && option->length > 0)
            check_tag(option->value, option->length, accept);
    }
    FUZZ_CHECK(!method_is_safe(request->method) ||
               rest_find_option(message, REST_OPTION_IF_NONE_MATCH) == NULL);
}

/* Whatever a node is asked about is a tag of the client's, and matches when it is the answer. */
static void check_condition(const struct http_request *request, int accept)
{
    struct rest_request coap;
    char tag[32];

    rest_request_init(&coap);
    size_t added =
        condition_add_etags(request, request->method, accept, &coap, CONDITION_ETAGS_MAX);
    FUZZ_CHECK(added == coap.message.option_count && added <= CONDITION_ETAGS_MAX);
    FUZZ_CHECK(condition_judge(request, request->method, "\"00\"", 404) == CONDITION_SERVE);
    for (size_t i = 0; i < added; i++) {
        const struct rest_option *option = &coap.message.options[i];
        char hex[17];

        FUZZ_CHECK(option->number == REST_OPTION_ETAG && option->length <= 8);
        text_to_hex(option->value, option->length, hex);
        if (accept >= 0)
            (void)snprintf(tag, sizeof tag, "\"%s-%d\"", hex, accept);
        else
            (void)snprintf(tag, sizeof tag, "\"%s\"", hex);
        FUZZ_CHECK(condition_judge(request, request->method, tag, 200) == CONDITION_NOT_MODIFIED);
    }
}

/* Every field name that the request has is joined as RFC 9110 5.3 says. */
static void check_joining(const struct http_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        struct buffer joined;

        buffer_init(&joined, 1 << 20);
        FUZZ_CHECK(http_request_joined_field(request, request->fields[i].name, &joined));
        FUZZ_CHECK(joined.length >= strlen(request->fields[i].value));
        buffer_clear(&joined);
        (void)method_override(request->method, request->fields[i].value);
    }
}

/* Preferences are bounded; a Via that names us does so however its member is wrapped. */
static void check_preferences(const struct http_request *request)
{
    static const struct http_field wrapped = {"Via", "1.0 fred (a, \\) b), 1.1 gw.example (x)"};
    struct http_field fields[FUZZ_FIELDS_MAX + 1];
    struct http_request more = *request;
    struct preferences preferences;

    prefer_read(request, &preferences);
    FUZZ_CHECK(!preferences.has_wait || preferences.wait_s <= PREFER_WAIT_MAX_S);
    FUZZ_CHECK(
        http_request_field(request, "Prefer") != NULL ||
        (!preferences.has_wait && !preferences.respond_async && !preferences.return_minimal));
    FUZZ_CHECK(http_request_field(request, "Via") != NULL ||
               !fields_via_names(request, "gw.example"));
    for (size_t i = 0; i < request->field_count; i++)
        fields[i] = request->fields[i];
    fields[more.field_count++] = wrapped;
    more.fields = fields;
    FUZZ_CHECK(fields_via_names(&more, "gw.example"));
}

/* Two notifications, their numbers and the time between them made of the first bytes: at most one
 * is the newer, and a long silence makes the later one so. */
static void check_order(struct fuzz_input input)
{
    struct freshness_mark marks[2] = {{0, 0}, {0, 0}};

    for (size_t i = 0; i < 8; i++)
        marks[i % 2].number = marks[i % 2].number << 8 | fuzz_take_byte(&input);
    bool is_newer = freshness_is_newer(&marks[0], &marks[1]);
    FUZZ_CHECK(!is_newer || !freshness_is_newer(&marks[1], &marks[0]));
    marks[1].at_us = 1000000 * (uint64_t)fuzz_take_byte(&input);
    bool is_late = marks[1].at_us > 128000000;
    FUZZ_CHECK(freshness_is_newer(&marks[0], &marks[1]) == (is_newer || is_late));
}

/* Locations and freshness of a response whose options are the rest of the input. */
static void check_response(struct fuzz_input *input)
{
    static const uint16_t numbers[] = {REST_OPTION_LOCATION_PATH,
                                       REST_OPTION_LOCATION_QUERY,
                                       REST_OPTION_LOCATION_RESERVED_128,
                                       REST_OPTION_LOCATION_RESERVED_132,
                                       REST_OPTION_LOCATION_RESERVED_136,
                                       REST_OPTION_LOCATION_RESERVED_140,
                                       REST_OPTION_MAX_AGE,
                                       REST_OPTION_ETAG};
    struct rest_request response;
    struct http_reply reply;
    const char *name = NULL;

    rest_request_init(&response);
    response.message.code = fuzz_take_byte(input);
    unsigned status = 200 + fuzz_take_byte(input) * 2u;
    while (input->left > 0) {
        uint8_t control = fuzz_take_byte(input);
        size_t length;
        const uint8_t *value = fuzz_take_bytes(input, control >> 3 & 7, &length);

        if (rest_request_add(&response, numbers[control & 7], value, length) != 0)
            break;
        (void)fields_option_from_client(control, &name);
    }
    FUZZ_CHECK(!(fields_has_location(&response.message) &&
                 fields_has_reserved_location(&response.message)));
    const struct freshness_use use = {
        .status = status,
        .is_cacheable_method = true,
        .is_private = (status & 4) != 0,
        .age_us = (uint64_t)status * status * 1000,
    };
    http_reply_init(&reply, 0);
    FUZZ_CHECK(freshness_add_fields(&response.message, &use, &reply) == 0);
    reply.status = status <= 599 ? status : 599;
    fuzz_check_reply(&reply);
    http_reply_clear(&reply);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct http_field fields[FUZZ_FIELDS_MAX];
    struct rest_request coap;
    int accept;

    check_order(input);
    struct http_request request = {
        .method = methods[fuzz_take_byte(&input) % (sizeof methods / sizeof *methods)],
        .fields = fields,
    };

    accept = formats[fuzz_take_byte(&input) % (sizeof formats / sizeof *formats)];
    request.field_count = fuzz_take_fields(&input, fields);
    rest_request_init(&coap);
    check_outcome(&request, accept, &coap,
                  fields_to_options(&request, request.method, accept, &coap));
    check_condition(&request, accept);
    check_joining(&request);
    check_preferences(&request);
    fuzz_free_fields(fields, request.field_count);

    size_t length;
    const uint8_t *bytes = fuzz_take_bytes(&input, fuzz_take_byte(&input) % 12, &length);
    check_tag(bytes, length, accept);
    check_response(&input);
    return 0;
}
