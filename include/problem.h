/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_PROBLEM_H
#define COAPGW_PROBLEM_H

/*
 * problem: problem documents (RFC 9457) for errors that the gateway makes itself, and for concise
 * problem details (RFC 9290, Content-Format 257) that a node sent.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct http_reply;
struct http_request;

/* The kinds of errors: the last segment of "type". tables/problems.h */
enum problem_type {
#define PROBLEM(name, slug, title) PROBLEM_##name,
#include "tables/problems.h"
#undef PROBLEM
    PROBLEM_TYPES
};

struct problem {
    enum problem_type type;
    unsigned status;
    const char *detail;     /* a sentence for a person, without addresses (ERR-10); or NULL */
    uint8_t coap_code;      /* 0: no node answered */
    const char *node;       /* configured name only; or NULL */
    int64_t elapsed_ms;     /* -1: none */
    uint64_t max_size;      /* bytes of a body that the node would take; 0: unknown */
    const char *request_id; /* or NULL */
};

/* The last segment of the type's URI: "timeout". */
const char *problem_slug(enum problem_type type);
/* The type of that slug; PROBLEM_TYPES: there is none. */
enum problem_type problem_find(const char *slug);
/* Fills the reply's status, Content-Type and body: application/problem+json, or one line of text
 * when the client prefers text/plain. `request` may be NULL. Own JSON ends with a newline. 0 or -1
 * (then the reply has the status alone). */
int problem_write(const struct problem *problem, const struct http_request *request,
                  struct http_reply *reply);

/* Writes the JSON form of a body of Content-Format 257 (ERR-06..08). `status` is the HTTP status
 * and `code` the real CoAP code. Fails with -1, `out` unchanged, on malformed bodies (ERR-09).
 * `*unprocessed` gets the first number of unprocessed-coap-option (-8) or 0. `out` may be NULL to
 * learn just that. */
int problem_from_concise(const void *cbor, size_t length, unsigned status, uint8_t code,
                         struct buffer *out, uint16_t *unprocessed);

#endif
