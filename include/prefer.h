/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_PREFER_H
#define COAPGW_PREFER_H

/*
 * prefer: what a client would like of how its request is dealt with (RFC 7240): the preferences
 * that the gateway can honour.
 */

#include <stdbool.h>
#include <stdint.h>

struct http_request;

struct preferences {
    bool respond_async;
    bool return_minimal;
    bool has_wait;
    uint32_t wait_s; /* at most PREFER_WAIT_MAX_S */
};

enum { PREFER_WAIT_MAX_S = 86400 };

/* Reads all Prefer fields of the request. What is unknown or malformed is ignored; of a preference
 * that stands there more than once the first counts (RFC 7240 2). */
void prefer_read(const struct http_request *request, struct preferences *preferences);

#endif
