/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_FIELDS_H
#define COAPGW_FIELDS_H

/*
 * fields: HTTP header fields to CoAP options and back (RFC 7252 10.2; area OPT), all but the media
 * types. Fields without a mapping never influence the CoAP message (OPT-27).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_message.h"

struct rest_message;
struct rest_request;

/* Why fields_to_options refused. */
enum fields_outcome {
    FIELDS_FINE,
    FIELDS_PRECONDITION_FAILED, /* 412: If-Match names no tag that could be a CoAP ETag */
    FIELDS_NOT_MAPPABLE,        /* 501: If-None-Match with tags on an unsafe method */
    FIELDS_BAD_SYNTAX,          /* 400 */
    FIELDS_TOO_LONG,            /* 414: no room for the options */
};
/* Adds If-Match and If-None-Match. `method` is the effective one; `accept` is the Content-Format
 * asked for, or -1: a tag whose suffix names another format does not match (OPT-05). */
enum fields_outcome fields_to_options(const struct http_request *request, enum http_method method,
                                      int accept, struct rest_request *out);

/* Adds ETag ("0a1b", with "-<cf>" when `accept` is not -1), in reply to GET and HEAD. 0 or -1. */
int fields_add_etag(const struct rest_message *response, int accept, struct http_reply *reply);
/* Reads one entity tag as this gateway writes them; `*format` is -1 without a suffix. False when it
 * is none. `text` is the opaque-tag with its quotes. */
bool fields_read_etag(const char *text, size_t length, uint8_t etag[8], size_t *etag_length,
                      int *format);

/* True when the option number in a request comes straight from a client's field of this request
 * (STATUS-15); `*field_name` is that field. */
bool fields_option_from_client(uint16_t number, const char **field_name);

/* True when a proxy of that name (host, or host:port) stands in Via (RFC 9110 7.6.3). */
bool fields_via_names(const struct http_request *request, const char *name);

/* OPT-08, OPT-09: the response carries a location that may be used / a reserved Location option. */
bool fields_has_location(const struct rest_message *response);
bool fields_has_reserved_location(const struct rest_message *response);

#endif
