/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_MESSAGE_H
#define COAPGW_HTTP_MESSAGE_H

/*
 * http_message: an HTTP request and a reply as the gateway sees them, independent of the HTTP
 * library. The adapter (http/) makes the request and consumes the reply.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "buffer.h"

/* HTTP methods that the gateway knows, as bits for sets of methods. */
enum http_method {
    HTTP_METHOD_GET = 1 << 0,
    HTTP_METHOD_HEAD = 1 << 1,
    HTTP_METHOD_POST = 1 << 2,
    HTTP_METHOD_PUT = 1 << 3,
    HTTP_METHOD_DELETE = 1 << 4,
    HTTP_METHOD_PATCH = 1 << 5,
    HTTP_METHOD_QUERY = 1 << 6,
    HTTP_METHOD_OPTIONS = 1 << 7,
    HTTP_METHOD_TRACE = 1 << 8,
    HTTP_METHOD_CONNECT = 1 << 9,
    HTTP_METHOD_UNKNOWN = 1 << 10,
};

struct http_field {
    const char *name;
    const char *value;
};

/* Roles of a client, as bits: `write` includes `read`, `admin` includes both. */
enum role {
    ROLE_READ = 1 << 0,
    ROLE_WRITE = 1 << 1,
    ROLE_ADMIN = 1 << 2,
};

/* Borrowed from the adapter until the exchange has ended on the HTTP side. */
struct http_request {
    enum http_method method;
    const char *method_text; /* as sent */
    const char *target;      /* raw request target, never decoded: "/hc/coap://..." */
    bool is_absolute_form;   /* target is "coap://..." (forward proxy mode) */
    bool is_http_1_0;
    const struct http_field *fields; /* in the order in which they came */
    size_t field_count;
    unsigned roles;     /* bits of enum role; 0: nobody (only health is answered) */
    const char *client; /* address for the access log */
    /* Who asks, as far as authentication knows: the same for all requests of one. 0 where everybody
     * is nobody in particular ("auth": "none"). */
    uint64_t principal;
    uint64_t client_key; /* the same for all requests of one client: whoever waits for a node waits
                            in turns with other clients. By address; of IPv6 the /64 */
    bool has_body;       /* Content-Length above 0 or chunked */
    bool has_length;     /* Content-Length stands there */
    uint64_t content_length;
    const uint8_t
        *body; /* complete once the exchange is run, which takes it (free()); may be NULL */
    size_t body_length;
    /* The client has just sent it, which nobody could have kept back and replayed: its head came
     * soon after its connection, or its body soon after our "100 Continue" (RFC 9175 2.3). Known
     * once the body is complete. */
    bool is_fresh;
    const char *id; /* request id: for the log, problem documents and X-Request-Id */
};

/* The value of the first field of that name (case-insensitive), or NULL. */
const char *http_request_field(const struct http_request *request, const char *name);
/* All fields of that name joined by ", " (RFC 9110 5.3) into `out`; false when there is none or
 * `out` is full. */
bool http_request_joined_field(const struct http_request *request, const char *name,
                               struct buffer *out);

enum { HTTP_REPLY_FIELDS_MAX = 24, HTTP_REPLY_ARENA_SIZE = 4096 };

/* A reply under construction; owns everything in it. */
struct http_reply {
    unsigned status;
    size_t field_count;
    struct http_field fields[HTTP_REPLY_FIELDS_MAX]; /* values in the arena, names static */
    size_t arena_used;
    char arena[HTTP_REPLY_ARENA_SIZE];
    struct buffer body;
    bool must_close;         /* the connection ends behind this reply */
    bool has_unknown_length; /* HEAD only: no Content-Length may be sent */
};

/* Empties a reply; `body_maximum` bounds the body. Does not touch the whole memory. */
void http_reply_init(struct http_reply *reply, size_t body_maximum);
void http_reply_clear(struct http_reply *reply);
/* Copies the value; `name` is borrowed for the reply's life (a literal). A value with CR, LF, NUL
 * or another control character is refused (HTTP-14). 0, or -1 when refused or full. */
int http_reply_add(struct http_reply *reply, const char *name, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* Value of the field of that name, or NULL. */
const char *http_reply_field(const struct http_reply *reply, const char *name);
/* Removes the field of that name, if there. */
void http_reply_remove(struct http_reply *reply, const char *name);

#endif
