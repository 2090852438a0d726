/* SPDX-License-Identifier: BSD-2-Clause */
#include "uri.h"

/*
 * uri_options: decomposes paths, queries and authorities into CoAP options (RFC 7252 6.4) and
 * composes them again (6.5). A component is split first and decoded once afterwards, so that an
 * escaped delimiter stays data; dot segments are resolved on the raw path, and escaped ones
 * refused, so that the options say what the client saw.
 */

#include <string.h>

#include "buffer.h"
#include "text.h"
#include "uri_private.h"

enum { OPTION_VALUE_MAX = 255 };

int uri_decode_component(const char *text, size_t length, bool (*is_allowed)(char), char *out,
                         size_t maximum, size_t *out_length)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        if (c == '%') {
            int high = i + 2 < length ? text_hex_digit(text[i + 1]) : -1;
            int low = i + 2 < length ? text_hex_digit(text[i + 2]) : -1;
            if (high < 0 || low < 0 || (high == 0 && low == 0)) {
                return URI_ERROR_ENCODING;
            }
            c = (char)(high * 16 + low);
            i += 2;
        } else if (c == '\0' || (is_allowed != NULL && !is_allowed(c))) {
            return URI_ERROR_ENCODING;
        }
        if (used == maximum) {
            return URI_ERROR_TOO_LONG;
        }
        out[used++] = c;
    }
    *out_length = used;
    return text_is_utf8(out, used) ? URI_OK : URI_ERROR_ENCODING;
}

bool uri_decode(const char *text, size_t length, char *out, size_t maximum, size_t *out_length)
{
    return uri_decode_component(text, length, NULL, out, maximum, out_length) == URI_OK;
}

unsigned uri_segment_dots(const char *segment, size_t length, bool *is_encoded)
{
    unsigned dots = 0;
    *is_encoded = false;
    for (size_t i = 0; i < length; dots++) {
        if (segment[i] == '.') {
            i++;
        } else if (length - i >= 3 && segment[i] == '%' && segment[i + 1] == '2' &&
                   text_lower(segment[i + 2]) == 'e') {
            *is_encoded = true;
            i += 3;
        } else {
            return 0;
        }
    }
    return dots <= 2 ? dots : 0;
}

bool uri_has_dot_segment(const char *path, size_t length)
{
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i == length || path[i] == '/') {
            bool is_encoded;
            if (uri_segment_dots(path + start, i - start, &is_encoded) > 0) {
                return true;
            }
            start = i + 1;
        }
    }
    return false;
}

/* The segments of a path once its dot segments are resolved. */
struct segments {
    size_t count;
    struct {
        const char *text;
        size_t length;
    } list[REST_OPTIONS_MAX];
};

static int segments_push(struct segments *segments, const char *text, size_t length)
{
    if (segments->count == REST_OPTIONS_MAX) {
        return URI_ERROR_TOO_LONG;
    }
    segments->list[segments->count].text = text;
    segments->list[segments->count].length = length;
    segments->count++;
    return URI_OK;
}

/* RFC 3986 5.2.4 on whole segments: ".." takes the segment before it away and cannot climb out of
 * the path; a dot segment at the end leaves an empty one. */
static int segments_split(struct segments *segments, const char *path, size_t length)
{
    segments->count = 0;
    size_t start = 1;
    for (size_t i = 1; i <= length; i++) {
        if (i < length && path[i] != '/') {
            continue;
        }
        bool is_encoded;
        unsigned dots = uri_segment_dots(path + start, i - start, &is_encoded);
        if (dots > 0 && is_encoded) {
            return URI_ERROR_DOT_SEGMENT; /* URI-10 */
        }
        if (dots == 2 && segments->count > 0) {
            segments->count--;
        }
        if (dots == 0 || i == length) {
            int error = segments_push(segments, path + start, dots == 0 ? i - start : 0);
            if (error != URI_OK) {
                return error;
            }
        }
        start = i + 1;
    }
    return URI_OK;
}

/* Decodes one component and appends it as an option. */
static int add_decoded(struct rest_request *request, uint16_t number, const char *text,
                       size_t length, bool (*is_allowed)(char))
{
    char value[OPTION_VALUE_MAX];
    size_t value_length;
    int error = uri_decode_component(text, length, is_allowed, value, sizeof(value), &value_length);
    if (error != URI_OK) {
        return error;
    }
    return rest_request_add(request, number, value, value_length) == 0 ? URI_OK
                                                                       : URI_ERROR_TOO_LONG;
}

int uri_add_path(struct rest_request *request, const char *path, size_t length)
{
    if (length == 0) {
        return URI_OK;
    }
    if (path[0] != '/') {
        return URI_ERROR_SYNTAX;
    }
    struct segments segments;
    int error = segments_split(&segments, path, length);
    if (error != URI_OK) {
        return error;
    }
    if (segments.count == 1 && segments.list[0].length == 0) {
        return URI_OK; /* "/" is the same as no path (RFC 7252 6.4, step 8) */
    }
    for (size_t i = 0; i < segments.count; i++) {
        error = add_decoded(request, REST_OPTION_URI_PATH, segments.list[i].text,
                            segments.list[i].length, uri_is_pchar);
        if (error != URI_OK) {
            return error;
        }
    }
    return URI_OK;
}

static bool is_query_character(char c)
{
    return uri_is_pchar(c) || c == '/' || c == '?';
}

int uri_add_query(struct rest_request *request, const char *query, size_t length)
{
    size_t start = 0;
    for (size_t i = 0; i <= length; i++) {
        if (i < length && query[i] != '&') {
            continue;
        }
        int error = add_decoded(request, REST_OPTION_URI_QUERY, query + start, i - start,
                                is_query_character);
        if (error != URI_OK) {
            return error;
        }
        start = i + 1;
    }
    return URI_OK;
}

int uri_add_authority(struct rest_request *request, const struct uri_authority *authority,
                      uint16_t destination_port)
{
    if (authority->host_kind == URI_HOST_NAME &&
        rest_request_add(request, REST_OPTION_URI_HOST, authority->host, strlen(authority->host)) !=
            0) {
        return URI_ERROR_TOO_LONG;
    }
    if (authority->port != destination_port &&
        rest_request_add_uint(request, REST_OPTION_URI_PORT, authority->port) != 0) {
        return URI_ERROR_TOO_LONG;
    }
    return URI_OK;
}

/* Appends bytes with everything escaped that may not stand for itself. */
static int append_escaped(struct buffer *out, const void *bytes, size_t length,
                          bool (*is_allowed)(char))
{
    const char *text = bytes;
    for (size_t i = 0; i < length; i++) {
        int failure = is_allowed(text[i])
                          ? buffer_append_char(out, text[i])
                          : buffer_printf(out, "%%%02X", (unsigned)(unsigned char)text[i]);
        if (failure != 0) {
            return -1;
        }
    }
    return 0;
}

int uri_compose_path(struct buffer *out, const struct rest_message *message, uint16_t path_number)
{
    bool has_segment = false;
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];
        if (option->number != path_number) {
            continue;
        }
        bool is_encoded;
        if (uri_segment_dots((const char *)option->value, option->length, &is_encoded) > 0 &&
            !is_encoded) {
            return -1;
        }
        has_segment = true;
        if (buffer_append_char(out, '/') != 0 ||
            append_escaped(out, option->value, option->length, uri_is_pchar) != 0) {
            return -1;
        }
    }
    return has_segment ? 0 : buffer_append_char(out, '/');
}

static bool is_argument_character(char c)
{
    return c != '&' && is_query_character(c);
}

int uri_compose_query(struct buffer *out, const struct rest_message *message, uint16_t query_number)
{
    bool has_argument = false;
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];
        if (option->number != query_number) {
            continue;
        }
        if ((has_argument && buffer_append_char(out, '&') != 0) ||
            append_escaped(out, option->value, option->length, is_argument_character) != 0) {
            return -1;
        }
        has_argument = true;
    }
    return 0;
}

static bool is_name_character(char c)
{
    return uri_is_unreserved(c) || uri_is_sub_delim(c);
}

/* Appends "host[:port]" with the given brackets around an IPv6 address. */
static int compose_host(struct buffer *out, const struct uri_authority *authority, const char *open,
                        const char *close)
{
    int failure;
    if (authority->host_kind == URI_HOST_IPV6) {
        failure = buffer_printf(out, "%s%s%s", open, authority->host,
                                authority->zone[0] != '\0' ? "%25" : "");
        if (failure == 0) {
            failure =
                append_escaped(out, authority->zone, strlen(authority->zone), uri_is_unreserved);
        }
        if (failure == 0) {
            failure = buffer_append_text(out, close);
        }
    } else {
        failure = append_escaped(out, authority->host, strlen(authority->host), is_name_character);
    }
    uint16_t standard = authority->scheme == URI_SCHEME_COAPS ? 5684 : 5683;
    if (failure != 0 || authority->port == standard) {
        return failure;
    }
    return buffer_printf(out, ":%u", (unsigned)authority->port);
}

const char *uri_scheme_text(enum uri_scheme scheme)
{
    return scheme == URI_SCHEME_COAPS ? "coaps" : "coap";
}

int uri_compose_authority(struct buffer *out, const struct uri_authority *authority)
{
    if (buffer_printf(out, "%s://", uri_scheme_text(authority->scheme)) != 0) {
        return -1;
    }
    return compose_host(out, authority, "[", "]");
}

int uri_compose_hosting_host(struct buffer *out, const struct uri_authority *authority)
{
    return compose_host(out, authority, "%5B", "%5D");
}

int uri_normalise(struct buffer *out, const char *target)
{
    static const char hex[] = "0123456789ABCDEF";

    for (const char *c = target; *c != '\0'; c++) {
        int high = *c == '%' ? text_hex_digit(c[1]) : -1;
        int low = high >= 0 ? text_hex_digit(c[2]) : -1;

        if (low < 0) {
            buffer_append_char(out, *c);
            continue;
        }
        char decoded = (char)(high << 4 | low);
        if (uri_is_unreserved(decoded)) {
            buffer_append_char(out, decoded);
        } else {
            buffer_append_char(out, '%');
            buffer_append_char(out, hex[high]);
            buffer_append_char(out, hex[low]);
        }
        c += 2;
    }
    return out->failed ? -1 : 0;
}
