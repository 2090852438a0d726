/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CONDITION_H
#define COAPGW_CONDITION_H

/*
 * condition: what If-None-Match of a GET, HEAD or QUERY means (RFC 9110 13.1.2): which ETag options
 * ask a node whether the client's copy is still good, and whether a reply tells the client anything
 * that it does not have. Preconditions of other methods are the node's to judge (fields.h). There
 * are no dates: If-Modified-Since says nothing (COND-08).
 */

#include <stdbool.h>
#include <stddef.h>

#include "http_message.h"

struct rest_request;

enum { CONDITION_ETAGS_MAX = 8 };

/* Adds ETag options to a GET or HEAD for those tags that this gateway can have written in reply to
 * a request with that Accept (a Content-Format, or -1), each once, in the client's order. Stops
 * after `maximum`, or when no room is left: the others are judged on the reply all the same.
 * Returns how many it added. `method` is the effective one. */
size_t condition_add_etags(const struct http_request *request, enum http_method method, int accept,
                           struct rest_request *out, size_t maximum);

enum condition_verdict {
    CONDITION_SERVE,
    CONDITION_NOT_MODIFIED, /* 304 */
};
/* Judges a reply that would have `status`, and `etag` as its ETag field (NULL: none), by weak
 * comparison. "*" matches every success; a list that cannot be read, nothing. */
enum condition_verdict condition_judge(const struct http_request *request, enum http_method method,
                                       const char *etag, unsigned status);

#endif
