/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CACHE_KEY_H
#define COAPGW_CACHE_KEY_H

/*
 * cache_key: what two requests must have in common for one stored response to answer both
 * (RFC 7252 5.6, RFC 8132 2.4; CACHE-05): the normalised Target URI, and beside it the method,
 * Accept and, of a FETCH, Content-Format and body. ETag, Block, Size, Echo, Observe, Hop-Limit,
 * No-Response and the token are no part of it, nor is anything that only HTTP knows.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"

struct rest_message;
struct uri_authority;

enum {
    CACHE_KEY_SIZE = 3072,
    CACHE_KEY_BODY_MAX = 1024 /* bytes of a FETCH body; requests with longer ones have no key */
};

/* Bytes [0, target_length) name the target alone: all that is stored for one target begins with
 * them. */
struct cache_key {
    uint16_t target_length;
    uint16_t base_length; /* with where messages go: the same for all requests of an exchange */
    uint16_t length;
    uint8_t bytes[CACHE_KEY_SIZE]; /* of which `length` are written */
};

/* Begins a key with the target of a request: scheme, host in lower case or the canonical bytes of
 * an address, port (the default one when `authority` has none), and the path and query options of
 * `message`. `connect` is where messages go in place of the host's addresses, or NULL: what came
 * from there must not answer for the host. False when it does not fit. */
bool cache_key_set_target(struct cache_key *key, const struct uri_authority *authority,
                          const struct endpoint_address *connect,
                          const struct rest_message *message);
/* Completes the key of a GET or FETCH. False when the request has none: another method, If-Match,
 * a body that is too long, an option that is not known to have no influence. Then only the base is
 * set. */
bool cache_key_set_request(struct cache_key *key, const struct rest_message *message);

#endif
