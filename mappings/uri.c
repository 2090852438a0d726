/* SPDX-License-Identifier: BSD-2-Clause */
#include "uri.h"

/*
 * uri: reads the scheme and the authority of a Target CoAP URI (RFC 7252 6.1, RFC 3986 3.1, 3.2)
 * and tells the client what is wrong with one. The rest of the text is only split off here: paths
 * and queries become options in uri_options.c. Hosts are classified after decoding, and whatever a
 * resolver might take for an address without RFC 3986 doing so is refused: the access rules and the
 * socket must mean the same host.
 */

#include <arpa/inet.h>
#include <net/if.h>
#include <string.h>

#include "text.h"
#include "uri_private.h"

enum { PORT_COAP = 5683, PORT_COAPS = 5684 };

const char *uri_error_text(int error)
{
    switch (error) {
    case URI_OK:
        return "no error";
    case URI_ERROR_SCHEME_MISSING:
        return "the target has no scheme: it must begin with coap://";
    case URI_ERROR_SCHEME_OTHER:
        return "the scheme of the target is not a CoAP scheme";
    case URI_ERROR_SCHEME_UNSERVED:
        return "the scheme of the target is not served here";
    case URI_ERROR_SYNTAX:
        return "the target is not of the form coap://host[:port]/path[?query]";
    case URI_ERROR_PORT:
        return "the port of the target is not a number from 1 to 65535";
    case URI_ERROR_USERINFO:
        return "a CoAP URI has no user information before the host";
    case URI_ERROR_NUMERIC_HOST:
        return "the host is a number but not an IPv4 address of four decimal parts";
    case URI_ERROR_ENCODING:
        return "the target is not percent-encoded UTF-8 without NUL";
    case URI_ERROR_DOT_SEGMENT:
        return "the path has a segment \".\" or \"..\"";
    case URI_ERROR_TOO_LONG:
        return "the target is too long: no path segment, query argument or host may pass 255 "
               "bytes, and all together must fit a CoAP message";
    case URI_ERROR_ZONE:
        return "a link-local address needs a zone, as in [fe80::1%25eth0], and no other address "
               "takes one";
    default:
        return "the target is no usable CoAP URI";
    }
}

unsigned uri_error_status(int error)
{
    switch (error) {
    case URI_ERROR_TOO_LONG:
        return 414;
    case URI_ERROR_SCHEME_UNSERVED:
        return 501;
    default:
        return 400;
    }
}

enum uri_scheme uri_parse_scheme(const char *text, size_t length)
{
    static const struct {
        const char *name;
        enum uri_scheme scheme;
    } schemes[] = {
        {"coap", URI_SCHEME_COAP},           {"coaps", URI_SCHEME_COAPS},
        {"coap+tcp", URI_SCHEME_COAP_OTHER}, {"coaps+tcp", URI_SCHEME_COAP_OTHER},
        {"coap+ws", URI_SCHEME_COAP_OTHER},  {"coaps+ws", URI_SCHEME_COAP_OTHER},
    };
    if (length == 0) {
        return URI_SCHEME_NONE;
    }
    for (size_t i = 0; i < sizeof(schemes) / sizeof(schemes[0]); i++) {
        if (strlen(schemes[i].name) == length &&
            text_equal_ignoring_case_n(schemes[i].name, text, length)) {
            return schemes[i].scheme;
        }
    }
    return URI_SCHEME_OTHER;
}

/* The error of a scheme that no target may have, or URI_OK. */
static int scheme_error(enum uri_scheme scheme)
{
    switch (scheme) {
    case URI_SCHEME_COAP:
    case URI_SCHEME_COAPS:
        return URI_OK;
    case URI_SCHEME_NONE:
        return URI_ERROR_SCHEME_MISSING;
    case URI_SCHEME_COAP_OTHER:
        return URI_ERROR_SCHEME_UNSERVED;
    case URI_SCHEME_OTHER:
        break;
    }
    return URI_ERROR_SCHEME_OTHER;
}

/* Length of what would be a scheme if a colon follows it (RFC 3986 3.1), else 0. */
static size_t scheme_span(const char *text, size_t length)
{
    size_t i = 0;
    while (i < length && text[i] != ':') {
        char c = text_lower(text[i]);
        bool is_letter = c >= 'a' && c <= 'z';
        bool is_further = (c >= '0' && c <= '9') || c == '+' || c == '-' || c == '.';
        if (!is_letter && (i == 0 || !is_further)) {
            return 0;
        }
        i++;
    }
    return i < length ? i : 0;
}

/* True for the names that inet_aton or the WHATWG URL standard read as a number: the last label is
 * decimal digits or 0x and hex digits. getaddrinfo would make an address of them (SEC-07). */
static bool ends_in_number(const char *host)
{
    size_t end = strlen(host);
    if (end > 0 && host[end - 1] == '.') {
        end--;
    }
    size_t start = end;
    while (start > 0 && host[start - 1] != '.') {
        start--;
    }
    const char *label = host + start;
    size_t length = end - start;
    if (length == 0) {
        return false;
    }
    bool is_hex = length >= 2 && label[0] == '0' && label[1] == 'x';
    for (size_t i = is_hex ? 2 : 0; i < length; i++) {
        bool is_digit = label[i] >= '0' && label[i] <= '9';
        if (!is_digit && !(is_hex && text_hex_digit(label[i]) >= 0)) {
            return false;
        }
    }
    return true;
}

/* Four decimal parts without leading zeros (RFC 3986 3.2.2), nothing else. */
static bool parse_ipv4(const char *host, uint8_t address[16])
{
    const char *at = host;
    for (int part = 0; part < 4; part++) {
        size_t length = strspn(at, "0123456789");
        uint64_t value;
        if (!text_to_number(at, length, 255, &value) || (length > 1 && at[0] == '0')) {
            return false;
        }
        address[part] = (uint8_t)value;
        at += length;
        if (*at != (part < 3 ? '.' : '\0')) {
            return false;
        }
        at++;
    }
    return true;
}

static bool is_host_character(char c)
{
    return uri_is_unreserved(c) || uri_is_sub_delim(c);
}

/* Reads a host without brackets: a name, or an IPv4 address. */
static int parse_name(const char *text, size_t length, struct uri_authority *authority)
{
    size_t host_length;
    int error = uri_decode_component(text, length, is_host_character, authority->host, URI_HOST_MAX,
                                     &host_length);
    if (error != URI_OK) {
        return error;
    }
    bool has_label = false;
    for (size_t i = 0; i < host_length; i++) {
        char c = text_lower(authority->host[i]);
        if ((unsigned char)c <= ' ' || c == 0x7f || strchr(":/?#[]@%\\", c) != NULL) {
            return URI_ERROR_SYNTAX; /* escaped to hide from whoever looks at the host */
        }
        has_label |= c != '.';
        authority->host[i] = c;
    }
    authority->host[host_length] = '\0';
    if (!has_label) {
        return URI_ERROR_SYNTAX;
    }
    authority->host_kind = URI_HOST_NAME;
    if (!ends_in_number(authority->host)) {
        return URI_OK;
    }
    memset(authority->address, 0, sizeof(authority->address));
    if (!parse_ipv4(authority->host, authority->address)) {
        return URI_ERROR_NUMERIC_HOST;
    }
    authority->host_kind = URI_HOST_IPV4;
    return URI_OK;
}

static bool is_zone_character(char c)
{
    return c > ' ' && c < 0x7f && strchr("%/[]?#", c) == NULL;
}

/* Reads the zone behind the "%" of an IPv6 literal: "25" and the zone (RFC 6874 2), or the zone as
 * people type it. */
static int parse_zone(const char *text, size_t length, struct uri_authority *authority)
{
    if (length > 2 && memcmp(text, "25", 2) == 0) {
        text += 2;
        length -= 2;
    }
    size_t zone_length;
    if (uri_decode_component(text, length, is_zone_character, authority->zone, URI_ZONE_MAX,
                             &zone_length) != URI_OK ||
        zone_length == 0) {
        return URI_ERROR_ZONE;
    }
    for (size_t i = 0; i < zone_length; i++) {
        if (!is_zone_character(authority->zone[i])) {
            return URI_ERROR_ZONE;
        }
    }
    authority->zone[zone_length] = '\0';
    return URI_OK;
}

/* A zone belongs to a link-local address and to nothing else that has one address per host; RFC
 * 4007 6 knows it for multicast of interface and link scope too. */
static int check_zone(const struct uri_authority *authority)
{
    const uint8_t *address = authority->address;
    bool is_link_local = address[0] == 0xfe && (address[1] & 0xc0) == 0x80;
    bool is_local_multicast = address[0] == 0xff && (address[1] & 0x0f) <= 2;
    bool has_zone = authority->zone[0] != '\0';
    if ((is_link_local && !has_zone) || (has_zone && !is_link_local && !is_local_multicast)) {
        return URI_ERROR_ZONE;
    }
    return URI_OK;
}

/* Reads what stands between the brackets. An IPv4-mapped address becomes the IPv4 address it means:
 * rules for that address must hold for it too. */
static int parse_ipv6(const char *text, size_t length, struct uri_authority *authority)
{
    static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};
    char literal[INET6_ADDRSTRLEN];
    const char *percent = memchr(text, '%', length);
    size_t address_length = percent != NULL ? (size_t)(percent - text) : length;
    if (address_length >= sizeof(literal)) {
        return URI_ERROR_SYNTAX;
    }
    memcpy(literal, text, address_length);
    literal[address_length] = '\0';
    if (memchr(literal, '\0', address_length) != NULL ||
        inet_pton(AF_INET6, literal, authority->address) != 1) {
        return URI_ERROR_SYNTAX;
    }
    if (percent != NULL) {
        int error = parse_zone(percent + 1, length - address_length - 1, authority);
        if (error != URI_OK) {
            return error;
        }
    }
    authority->host_kind = URI_HOST_IPV6;
    int error = check_zone(authority);
    if (error != URI_OK) {
        return error;
    }
    int family = AF_INET6;
    if (memcmp(authority->address, mapped, sizeof(mapped)) == 0) {
        memcpy(authority->address, authority->address + 12, 4);
        memset(authority->address + 4, 0, 12);
        authority->host_kind = URI_HOST_IPV4;
        family = AF_INET;
    }
    return inet_ntop(family, authority->address, authority->host, sizeof(authority->host)) != NULL
               ? URI_OK
               : URI_ERROR_SYNTAX;
}

/* Length of the bracket at `text`, as it is (1) or percent-encoded (3), or 0. */
static size_t bracket_length(const char *text, size_t length, char bracket)
{
    if (length >= 1 && text[0] == bracket) {
        return 1;
    }
    char low = bracket == '[' ? 'b' : 'd';
    return length >= 3 && text[0] == '%' && text[1] == '5' && text_lower(text[2]) == low ? 3 : 0;
}

static int parse_port(const char *text, size_t length, struct uri_authority *authority)
{
    authority->port = authority->scheme == URI_SCHEME_COAPS ? PORT_COAPS : PORT_COAP;
    if (length == 0 || (length == 1 && text[0] == ':')) {
        return URI_OK;
    }
    if (text[0] != ':') {
        return URI_ERROR_SYNTAX;
    }
    uint64_t port;
    if (!text_to_number(text + 1, length - 1, UINT16_MAX, &port) || port == 0) {
        return URI_ERROR_PORT;
    }
    authority->port = (uint16_t)port;
    return URI_OK;
}

int uri_parse_authority(const char *text, size_t length, enum uri_scheme scheme,
                        struct uri_authority *authority)
{
    int error = scheme_error(scheme);
    if (error != URI_OK) {
        return error;
    }
    authority->scheme = scheme;
    authority->zone[0] = '\0';
    memset(authority->address, 0, sizeof(authority->address));
    if (memchr(text, '@', length) != NULL) {
        return URI_ERROR_USERINFO;
    }
    size_t open = bracket_length(text, length, '[');
    size_t end = open; /* of the host */
    size_t close = 0;
    if (open > 0) {
        while (end < length && (close = bracket_length(text + end, length - end, ']')) == 0) {
            end++;
        }
        if (close == 0) {
            return URI_ERROR_SYNTAX;
        }
        error = parse_ipv6(text + open, end - open, authority);
    } else {
        const char *colon = memchr(text, ':', length);
        end = colon != NULL ? (size_t)(colon - text) : length;
        error = parse_name(text, end, authority);
    }
    if (error != URI_OK) {
        return error;
    }
    return parse_port(text + end + close, length - end - close, authority);
}

/* Finds scheme and "://" at the beginning of the text. `*skip` is their length, 0 when the default
 * holds. */
static int find_scheme(const char *text, size_t length, enum uri_scheme *scheme, size_t *skip)
{
    *skip = 0;
    size_t span = scheme_span(text, length);
    if (span == 0) {
        return scheme_error(*scheme);
    }
    enum uri_scheme found = uri_parse_scheme(text, span);
    if (length - span >= 3 && memcmp(text + span, "://", 3) == 0) {
        *scheme = found;
        *skip = span + 3;
        return scheme_error(found);
    }
    /* "coap:/host/x" and "coap:host" are not meant as a host called "coap"; "coap:5683/x" may be,
     * and so may "lamp.local:5683/x" */
    bool is_port = span + 1 < length && text[span + 1] >= '0' && text[span + 1] <= '9';
    if (found != URI_SCHEME_OTHER && !is_port) {
        return URI_ERROR_SYNTAX;
    }
    return scheme_error(*scheme);
}

int uri_parse(const char *text, size_t length, enum uri_scheme default_scheme,
              struct uri_parts *parts)
{
    if (memchr(text, '#', length) != NULL) {
        return URI_ERROR_SYNTAX; /* no fragment at CoAP level (URI-15) */
    }
    enum uri_scheme scheme = default_scheme;
    size_t start;
    int error = find_scheme(text, length, &scheme, &start);
    if (error != URI_OK) {
        return error;
    }
    size_t path = start;
    while (path < length && text[path] != '/' && text[path] != '?') {
        path++;
    }
    if (path == start) {
        return URI_ERROR_SYNTAX;
    }
    error = uri_parse_authority(text + start, path - start, scheme, &parts->authority);
    if (error != URI_OK) {
        return error;
    }
    const char *mark = memchr(text + path, '?', length - path);
    size_t query = mark != NULL ? (size_t)(mark - text) : length;
    parts->path = path < query ? text + path : "";
    parts->path_length = query - path;
    parts->has_query = mark != NULL;
    parts->query = mark != NULL ? mark + 1 : "";
    parts->query_length = mark != NULL ? length - query - 1 : 0;
    return URI_OK;
}

void uri_split_request_target(const char *target, struct uri_request_target *parts)
{
    size_t path_length = strcspn(target, "?");
    parts->path = target;
    parts->path_length = path_length;
    parts->has_query = target[path_length] == '?';
    parts->query = target + path_length + (parts->has_query ? 1 : 0);
    parts->query_length = strlen(parts->query);
}

bool uri_authority_address(const struct uri_authority *authority, struct endpoint_address *address)
{
    if (authority->host_kind == URI_HOST_NAME) {
        return false;
    }
    memset(address, 0, sizeof(*address));
    memcpy(address->bytes, authority->address, sizeof(address->bytes));
    address->port = authority->port;
    address->family = authority->host_kind == URI_HOST_IPV4 ? 4 : 6;
    address->is_secure = authority->scheme == URI_SCHEME_COAPS;
    if (authority->zone[0] == '\0') {
        return true;
    }
    uint64_t index = if_nametoindex(authority->zone);
    if (index == 0 &&
        !text_to_number(authority->zone, strlen(authority->zone), UINT32_MAX, &index)) {
        return false;
    }
    address->scope_id = (uint32_t)index;
    return index != 0;
}
