/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_METHOD_H
#define COAPGW_METHOD_H

/*
 * method: HTTP methods to CoAP methods (RFC 7252 10.2, RFC 8132).
 */

#include <stdbool.h>
#include <stdint.h>

#include "http_message.h"

struct buffer;

/* Case-sensitive (METH-18); HTTP_METHOD_UNKNOWN for anything else. */
enum http_method method_parse(const char *text);
const char *method_text(enum http_method method);
/* The CoAP code for a method, or 0 when there is none (OPTIONS, TRACE, CONNECT, unknown).
 * `patch_is_ipatch` selects 0.07 for PATCH. */
uint8_t method_to_coap(enum http_method method, bool patch_is_ipatch);
bool method_is_safe(enum http_method method);
/* Writes "GET, HEAD, PUT" for an Allow field. 0 or -1. */
int method_write_set(unsigned methods, struct buffer *out);
/* The method that X-HTTP-Method-Override (or X-HTTP-Method) turns a POST into: FETCH and QUERY mean
 * HTTP_METHOD_QUERY, PATCH, PUT and DELETE themselves; otherwise `method`. */
enum http_method method_override(enum http_method method, const char *field_value);

#endif
