/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_URI_H
#define COAPGW_URI_H

/*
 * uri: CoAP URIs to options and back (RFC 7252 6.4, 6.5), and the splitting of raw HTTP request
 * targets. Percent-decoding happens exactly once, after splitting.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"
#include "rest.h"

struct buffer;

enum uri_scheme {
    URI_SCHEME_NONE, /* no scheme in the text */
    URI_SCHEME_COAP,
    URI_SCHEME_COAPS,
    URI_SCHEME_COAP_OTHER, /* coap+tcp, coaps+tcp, coap+ws, coaps+ws: known, not served */
    URI_SCHEME_OTHER,
};

enum uri_host_kind { URI_HOST_NAME, URI_HOST_IPV4, URI_HOST_IPV6 };

enum { URI_HOST_MAX = 255, URI_ZONE_MAX = 63 };

/* The origin of a target: scheme and authority, normalised. */
struct uri_authority {
    enum uri_scheme scheme;
    enum uri_host_kind host_kind;
    char host[URI_HOST_MAX + 1]; /* name: lower case, decoded; address: canonical text */
    char zone[URI_ZONE_MAX + 1]; /* "" when none */
    uint8_t address[16];         /* when host_kind is an address; IPv4 in the first four */
    uint16_t port;               /* default filled in: 5683, 5684 */
};

/* Why a target was refused; the text of uri_error_text() names it to the client. */
enum uri_error {
    URI_OK = 0,
    URI_ERROR_SCHEME_MISSING = -1,  /* 400 */
    URI_ERROR_SCHEME_OTHER = -2,    /* 400: not a CoAP scheme */
    URI_ERROR_SCHEME_UNSERVED = -3, /* 501: coap+tcp ... */
    URI_ERROR_SYNTAX = -4,          /* 400: no authority, empty host, "#" ... */
    URI_ERROR_PORT = -5,            /* 400 */
    URI_ERROR_USERINFO = -6,        /* 400 */
    URI_ERROR_NUMERIC_HOST = -7,    /* 400: 0x7f.1, 127.1 ...: inet_aton forms (SEC-07) */
    URI_ERROR_ENCODING = -8,        /* 400: %zz, NUL, not UTF-8 */
    URI_ERROR_DOT_SEGMENT = -9,     /* 400: a segment that decodes to "." or ".." */
    URI_ERROR_TOO_LONG = -10,       /* 414: an option above 255 bytes, or all of them too long */
    URI_ERROR_ZONE = -11,           /* 400: fe80::/10 without a zone, or a zone elsewhere */
};
const char *uri_error_text(int error);
/* 400, 414 or 501. */
unsigned uri_error_status(int error);

/* Reads "scheme://authority" and what follows of an absolute CoAP URI of `length` bytes. On URI_OK
 * `*path` / `*query` are spans of the text ("" when absent; *has_query tells "?" apart). Brackets
 * of an IPv6 authority may be percent-encoded (RFC 8075 5.3.2); zones as %25zone or %zone (RFC
 * 6874). `default_scheme` (or URI_SCHEME_NONE) is used when the text has none: "host/path" is then
 * read as authority and path. */
struct uri_parts {
    struct uri_authority authority;
    const char *path;
    size_t path_length; /* 0, or begins with '/' */
    const char *query;
    size_t query_length;
    bool has_query;
};
int uri_parse(const char *text, size_t length, enum uri_scheme default_scheme,
              struct uri_parts *parts);
/* Reads "host[:port]" alone (template variable hp). An IPv4-mapped IPv6 address becomes the IPv4
 * address that it means. */
int uri_parse_authority(const char *text, size_t length, enum uri_scheme scheme,
                        struct uri_authority *authority);
enum uri_scheme uri_parse_scheme(const char *text, size_t length);

/* These three return URI_OK or an enum uri_error; the request may then hold some of the options.
 * Appends Uri-Path options: dot segments resolved first (RFC 3986 5.2.4), then split, then decoded
 * once; "" and "/" give none (URI-05, 06, 09, 10, 19, 22). */
int uri_add_path(struct rest_request *request, const char *path, size_t length);
/* Appends Uri-Query options: split at "&" only, "+" is kept (URI-07, 08, 34). A query of length 0
 * is the one behind a "?" with nothing after it: one empty option. */
int uri_add_query(struct rest_request *request, const char *query, size_t length);
/* Appends Uri-Host when the host is a name (URI-11) and Uri-Port when `destination_port` differs
 * from the URI's (URI-12). */
int uri_add_authority(struct rest_request *request, const struct uri_authority *authority,
                      uint16_t destination_port);

/* Appends the options as "/a/b" (at least "/") resp. "x=1&y" with everything escaped that RFC 7252
 * 6.5 wants escaped, upper-case hex. `path_number` is Uri-Path or Location-Path. 0; -1 when `out`
 * is full or a segment is "." or ".." (RFC 7252 5.10.7 forbids them, a client would resolve them).
 */
int uri_compose_path(struct buffer *out, const struct rest_message *message, uint16_t path_number);
int uri_compose_query(struct buffer *out, const struct rest_message *message,
                      uint16_t query_number);
/* Appends "coap://host[:port]", the port only when it is not the default. */
int uri_compose_authority(struct buffer *out, const struct uri_authority *authority);
/* Appends "host[:port]" as it stands inside a Hosting HTTP URI: the brackets of an IPv6 address
 * percent-encoded (RFC 8075 5.3.2). 0 or -1. */
int uri_compose_hosting_host(struct buffer *out, const struct uri_authority *authority);
/* "coap" or "coaps". */
const char *uri_scheme_text(enum uri_scheme scheme);
/* Percent-decodes `length` bytes once; false when malformed, NUL, not UTF-8 or above `maximum`. */
bool uri_decode(const char *text, size_t length, char *out, size_t maximum, size_t *out_length);

/* Appends a raw request target with its escapes in their one form (RFC 3986 6.2.2): unreserved
 * characters without, the digits of others in upper case. 0 or -1 as buffer_append. */
int uri_normalise(struct buffer *out, const char *target);

/* True when a segment of a raw path is "." or "..", percent-encoded or not. */
bool uri_has_dot_segment(const char *path, size_t length);

/* Splits a raw HTTP request target in origin-form at the first "?" . */
struct uri_request_target {
    const char *path;
    size_t path_length;
    const char *query;
    size_t query_length;
    bool has_query;
};
void uri_split_request_target(const char *target, struct uri_request_target *parts);

/* The address of an authority whose host is an address literal, ready for sending. The zone is
 * resolved to an interface index by if_nametoindex or as a number; false for an unknown zone. */
bool uri_authority_address(const struct uri_authority *authority, struct endpoint_address *address);

#endif
