/* SPDX-License-Identifier: BSD-2-Clause */
#include "method.h"

#include <string.h>

#include "buffer.h"
#include "rest.h"

/*
 * method: one table of the HTTP methods that the gateway knows, with the CoAP method that each
 * becomes. HEAD is a GET whose body is not sent (RFC 7252 10.2.3); QUERY is the HTTP method with
 * the meaning of FETCH (RFC 8132 2); PATCH promises no idempotence and so becomes iPATCH only when
 * the operator says so (METH-09).
 */

struct method {
    enum http_method method;
    const char *text;
    uint8_t coap; /* 0: none */
    bool is_safe;
};

/* In the order of an Allow field. */
static const struct method methods[] = {
    {HTTP_METHOD_GET, "GET", REST_GET, true},
    {HTTP_METHOD_HEAD, "HEAD", REST_GET, true},
    {HTTP_METHOD_POST, "POST", REST_POST, false},
    {HTTP_METHOD_PUT, "PUT", REST_PUT, false},
    {HTTP_METHOD_DELETE, "DELETE", REST_DELETE, false},
    {HTTP_METHOD_PATCH, "PATCH", REST_PATCH, false},
    {HTTP_METHOD_QUERY, "QUERY", REST_FETCH, true},
    {HTTP_METHOD_OPTIONS, "OPTIONS", 0, true},
    {HTTP_METHOD_TRACE, "TRACE", 0, true},
    {HTTP_METHOD_CONNECT, "CONNECT", 0, false},
};
enum { METHODS = sizeof(methods) / sizeof(methods[0]) };

static const struct method *find_method(enum http_method method)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (methods[i].method == method)
            return &methods[i];
    }
    return NULL;
}

enum http_method method_parse(const char *text)
{
    for (size_t i = 0; i < METHODS; i++) {
        if (strcmp(methods[i].text, text) == 0)
            return methods[i].method;
    }
    return HTTP_METHOD_UNKNOWN;
}

const char *method_text(enum http_method method)
{
    const struct method *found = find_method(method);
    return found ? found->text : "UNKNOWN";
}

uint8_t method_to_coap(enum http_method method, bool patch_is_ipatch)
{
    if (method == HTTP_METHOD_PATCH && patch_is_ipatch)
        return REST_IPATCH;
    const struct method *found = find_method(method);
    return found ? found->coap : 0;
}

bool method_is_safe(enum http_method method)
{
    const struct method *found = find_method(method);
    return found && found->is_safe;
}

int method_write_set(unsigned set, struct buffer *out)
{
    /* Whoever may GET may HEAD: there is no CoAP difference. */
    if (set & HTTP_METHOD_GET)
        set |= HTTP_METHOD_HEAD;
    bool is_first = true;
    for (size_t i = 0; i < METHODS; i++) {
        if (!(set & methods[i].method))
            continue;
        if (!is_first && buffer_append_text(out, ", ") != 0)
            return -1;
        if (buffer_append_text(out, methods[i].text) != 0)
            return -1;
        is_first = false;
    }
    return 0;
}

enum http_method method_override(enum http_method method, const char *field_value)
{
    if (method != HTTP_METHOD_POST || !field_value)
        return method;
    if (strcmp(field_value, "FETCH") == 0)
        return HTTP_METHOD_QUERY;
    enum http_method wanted = method_parse(field_value);
    switch (wanted) {
    case HTTP_METHOD_QUERY:
    case HTTP_METHOD_PATCH:
    case HTTP_METHOD_PUT:
    case HTTP_METHOD_DELETE:
        return wanted;
    default:
        return method;
    }
}
