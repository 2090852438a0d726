/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_REQUEST_H
#define COAPGW_HTTP_REQUEST_H

/*
 * http_request: takes the head of a request out of libmicrohttpd and makes a struct http_request of
 * it (declared in http_message.h).
 */

#include <stdbool.h>
#include <stddef.h>

#include <microhttpd.h>

#include "http_message.h"

struct http_guard_verdict;

/* The head as libmicrohttpd holds it, in one allocation beside its own memory; usable until the
 * request has completed. */
struct http_request_head {
    struct http_field *fields; /* owned: the whole allocation; NULL: nothing read */
    size_t field_count;
    const char *method;
    size_t octets;   /* of request line and fields, as they came */
    bool is_as_sent; /* nothing came that is not among method, target and fields */
    char *room;      /* the rest of the allocation, for what needs to be written anew */
};

/* Reads the head. `target` is the raw request target, borrowed as long as the head. 0, or -1 when
 * memory is short. */
int http_request_head_read(struct http_request_head *head, struct MHD_Connection *connection,
                           const char *method, const char *target, const char *version);
void http_request_head_clear(struct http_request_head *head);

/* Fills what the head says into `request`; call once for a head, after the guard let it through.
 * Values lose the whitespace behind them (RFC 9112 5.1). */
void http_request_fill(struct http_request *request, struct http_request_head *head,
                       const struct http_guard_verdict *verdict);

#endif
