/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_GUARD_H
#define COAPGW_HTTP_GUARD_H

/*
 * http_guard: judges the head of an HTTP request before anything else looks at it: framing, Host,
 * syntax of the request line and the fields, sizes. Pure functions: no socket, no library.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_message.h"

/* The head as the HTTP library split it. Values still have the whitespace that followed them. */
struct http_guard_head {
    const char *method;
    const char *target;  /* raw, never decoded */
    const char *version; /* "HTTP/1.1" */
    const struct http_field *fields;
    size_t field_count;
    size_t header_bytes;   /* request line and fields as they came */
    size_t header_maximum; /* bytes */
    bool is_as_sent;       /* the parts above make up all octets that came */
};

/* What a head means once nothing speaks against it. */
struct http_guard_verdict {
    unsigned status;    /* 0: let it through; else what the client is told, closing */
    const char *slug;   /* of tables/problems.h; static */
    const char *detail; /* a sentence; static */
    enum http_method method;
    bool is_http_1_0;
    bool is_last; /* the client sends no further request on this connection */
    bool has_body;
    bool has_length;
    uint64_t content_length;
    bool is_absolute_form; /* target of a coap scheme */
    const char *target;    /* within head->target: behind "http://authority" of absolute-form */
    bool lacks_slash;      /* a "/" has to be put before `target` ("http://host?query") */
};

void http_guard_judge(const struct http_guard_head *head, struct http_guard_verdict *verdict);

/* True for "host" or "host:port" of RFC 9110 7.2, of exactly `length` octets. */
bool http_guard_is_host(const char *text, size_t length);

#endif
