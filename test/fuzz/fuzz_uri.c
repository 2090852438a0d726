/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_uri: the first line is a target URI as a client writes it, the rest the bytes of location
 * options as a node sends them. Options come back as they were when they are composed and read
 * again, and what is composed holds nothing but URI characters.
 */
#include "uri.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fuzz.h"
#include "text.h"

enum { TEXT_MAXIMUM = 1 << 16, VALUE_MAXIMUM = 255 };

static bool same_authority(const struct uri_authority *a, const struct uri_authority *b)
{
    return a->scheme == b->scheme && a->host_kind == b->host_kind && a->port == b->port &&
           strcmp(a->host, b->host) == 0 && strcmp(a->zone, b->zone) == 0 &&
           memcmp(a->address, b->address, sizeof a->address) == 0;
}

/* "coap://host:port" and the host of a Hosting HTTP URI mean the same authority again. */
static void check_authority(const struct uri_authority *authority)
{
    struct uri_authority hosting;
    struct uri_parts parts;
    struct endpoint_address address;
    struct buffer text;
    bool has_address = uri_authority_address(authority, &address);

    FUZZ_CHECK(authority->port != 0 && authority->host[0] != '\0');
    FUZZ_CHECK(authority->host_kind != URI_HOST_NAME || !has_address);
    FUZZ_CHECK(text_is_utf8(authority->host, strlen(authority->host)));
    buffer_init(&text, TEXT_MAXIMUM);
    FUZZ_CHECK(uri_compose_authority(&text, authority) == 0);
    FUZZ_CHECK(fuzz_is_uri_text(buffer_text(&text), text.length));
    FUZZ_CHECK(uri_parse(buffer_text(&text), text.length, URI_SCHEME_NONE, &parts) == URI_OK &&
               same_authority(&parts.authority, authority) && parts.path_length == 0 &&
               !parts.has_query);
    buffer_clear(&text);
    FUZZ_CHECK(uri_compose_hosting_host(&text, authority) == 0);
    FUZZ_CHECK(uri_parse_authority(buffer_text(&text), text.length, authority->scheme, &hosting) ==
                   URI_OK &&
               same_authority(&hosting, authority));
    buffer_clear(&text);
}

static void check_values(const struct rest_message *message)
{
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];

        FUZZ_CHECK(option->length <= VALUE_MAXIMUM);
        FUZZ_CHECK(text_is_utf8(option->value, option->length));
        FUZZ_CHECK(option->length == 0 || memchr(option->value, '\0', option->length) == NULL);
        if (option->number == REST_OPTION_URI_PATH)
            FUZZ_CHECK(!uri_has_dot_segment((const char *)option->value, option->length) ||
                       memchr(option->value, '/', option->length) != NULL ||
                       memchr(option->value, '%', option->length) != NULL);
    }
}

/* Composes path and query of the options and reads both again. */
static void check_options(const struct rest_message *message, bool has_query)
{
    struct rest_request again;
    struct buffer path, query;

    rest_request_init(&again);
    buffer_init(&path, TEXT_MAXIMUM);
    buffer_init(&query, TEXT_MAXIMUM);
    FUZZ_CHECK(uri_compose_path(&path, message, REST_OPTION_URI_PATH) == 0);
    FUZZ_CHECK(uri_compose_query(&query, message, REST_OPTION_URI_QUERY) == 0);
    FUZZ_CHECK(fuzz_is_uri_text(buffer_text(&path), path.length));
    FUZZ_CHECK(fuzz_is_uri_text(buffer_text(&query), query.length));
    FUZZ_CHECK(uri_add_path(&again, buffer_text(&path), path.length) == URI_OK);
    if (has_query)
        FUZZ_CHECK(uri_add_query(&again, buffer_text(&query), query.length) == URI_OK);
    FUZZ_CHECK(
        fuzz_same_options(message, REST_OPTION_URI_PATH, &again.message, REST_OPTION_URI_PATH));
    FUZZ_CHECK(
        fuzz_same_options(message, REST_OPTION_URI_QUERY, &again.message, REST_OPTION_URI_QUERY));
    buffer_clear(&path);
    buffer_clear(&query);
}

static void check_target(const char *text, size_t length, enum uri_scheme default_scheme)
{
    struct rest_request request;
    struct uri_parts parts;
    int error = uri_parse(text, length, default_scheme, &parts);

    FUZZ_CHECK(error <= URI_OK && uri_error_text(error) != NULL);
    FUZZ_CHECK(uri_error_status(error) >= 400);
    if (error != URI_OK)
        return;
    check_authority(&parts.authority);
    rest_request_init(&request);
    error = uri_add_path(&request, parts.path, parts.path_length);
    if (error == URI_OK && parts.has_query)
        error = uri_add_query(&request, parts.query, parts.query_length);
    if (error != URI_OK)
        return;
    check_values(&request.message);
    check_options(&request.message, parts.has_query);
    error = uri_add_authority(&request, &parts.authority, parts.authority.port);
    FUZZ_CHECK(error == URI_OK || error == URI_ERROR_TOO_LONG);
    FUZZ_CHECK(rest_find_option(&request.message, REST_OPTION_URI_PORT) == NULL);
}

static void check_request_target(const char *text)
{
    struct uri_request_target parts;

    uri_split_request_target(text, &parts);
    FUZZ_CHECK(parts.path_length + parts.query_length + (parts.has_query ? 1 : 0) == strlen(text));
    (void)uri_has_dot_segment(parts.path, parts.path_length);
}

/* A text that decodes, decodes to no more than itself. */
static void check_decoding(const char *text, size_t length)
{
    char *decoded = malloc(length + 1);
    size_t decoded_length = 0;

    if (decoded != NULL && uri_decode(text, length, decoded, length, &decoded_length)) {
        FUZZ_CHECK(decoded_length <= length && text_is_utf8(decoded, decoded_length));
        FUZZ_CHECK(memchr(decoded, '\0', decoded_length) == NULL);
    }
    free(decoded);
}

/* Location options may hold any bytes: what is made of them is a path, or nothing. */
static void check_location(struct fuzz_input *input)
{
    struct rest_request location, again;
    struct buffer path, query;
    bool has_query = false;

    rest_request_init(&location);
    rest_request_init(&again);
    while (input->left > 0) {
        uint8_t control = fuzz_take_byte(input);
        uint16_t number = control & 0x80 ? REST_OPTION_LOCATION_QUERY : REST_OPTION_LOCATION_PATH;
        size_t length;
        const uint8_t *value = fuzz_take_bytes(input, control & 0x7f, &length);

        if (rest_request_add(&location, number, value, length) != 0)
            break;
        has_query |= number == REST_OPTION_LOCATION_QUERY;
    }
    buffer_init(&path, TEXT_MAXIMUM);
    buffer_init(&query, TEXT_MAXIMUM);
    if (uri_compose_path(&path, &location.message, REST_OPTION_LOCATION_PATH) == 0 &&
        uri_compose_query(&query, &location.message, REST_OPTION_LOCATION_QUERY) == 0) {
        FUZZ_CHECK(fuzz_is_uri_text(buffer_text(&path), path.length));
        FUZZ_CHECK(fuzz_is_uri_text(buffer_text(&query), query.length));
        FUZZ_CHECK(path.data[0] == '/' && !uri_has_dot_segment(path.data, path.length));
        if (uri_add_path(&again, path.data, path.length) == URI_OK && path.length > 1)
            FUZZ_CHECK(fuzz_same_options(&location.message, REST_OPTION_LOCATION_PATH,
                                         &again.message, REST_OPTION_URI_PATH));
        if (has_query && uri_add_query(&again, buffer_text(&query), query.length) == URI_OK)
            FUZZ_CHECK(fuzz_same_options(&location.message, REST_OPTION_LOCATION_QUERY,
                                         &again.message, REST_OPTION_URI_QUERY));
    }
    buffer_clear(&path);
    buffer_clear(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t length;
    char *text = fuzz_take_line(&input, &length);

    if (text == NULL)
        return 0;
    check_target(text, length, URI_SCHEME_NONE);
    check_target(text, length, URI_SCHEME_COAP);
    check_target(text, length, URI_SCHEME_COAPS);
    check_request_target(text);
    check_decoding(text, length);
    free(text);
    check_location(&input);
    return 0;
}
