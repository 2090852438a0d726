/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_URI_PRIVATE_H
#define COAPGW_URI_PRIVATE_H

/*
 * uri_private: what the parts of uri share: character classes of RFC 3986 and the decoding of one
 * component.
 */

#include <stdbool.h>
#include <stddef.h>

static inline bool uri_is_unreserved(char c)
{
    return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-' ||
           c == '.' || c == '_' || c == '~';
}

static inline bool uri_is_sub_delim(char c)
{
    switch (c) {
    case '!':
    case '$':
    case '&':
    case '\'':
    case '(':
    case ')':
    case '*':
    case '+':
    case ',':
    case ';':
    case '=':
        return true;
    default:
        return false;
    }
}

/* The characters of a path segment that stand for themselves (RFC 3986 3.3). */
static inline bool uri_is_pchar(char c)
{
    return uri_is_unreserved(c) || uri_is_sub_delim(c) || c == ':' || c == '@';
}

/* Decodes one component of a URI. `is_allowed` tells which characters may stand unescaped (NULL:
 * all). URI_OK; URI_ERROR_ENCODING for another character and for what does not decode to UTF-8
 * without NUL; URI_ERROR_TOO_LONG above `maximum` bytes. */
int uri_decode_component(const char *text, size_t length, bool (*is_allowed)(char), char *out,
                         size_t maximum, size_t *out_length);
/* Whether a raw path segment decodes to "." (1) or ".." (2), else 0. `*is_encoded` tells whether a
 * dot was percent-encoded. */
unsigned uri_segment_dots(const char *segment, size_t length, bool *is_encoded);

#endif
