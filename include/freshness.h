/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_FRESHNESS_H
#define COAPGW_FRESHNESS_H

/*
 * freshness: Max-Age arithmetic (RFC 7252 5.10.5, 10.2.2), and which of two notifications is the
 * newer one (RFC 7641 3.4).
 */

#include <stdbool.h>
#include <stdint.h>

struct http_reply;
struct rest_message;

enum { FRESHNESS_DEFAULT_S = 60 };

/* Max-Age of a response in seconds, 60 when the option is absent; `*is_present` may be NULL. */
uint32_t freshness_max_age(const struct rest_message *response, bool *is_present);

/* To whom a response is given, and when. */
struct freshness_use {
    unsigned status; /* what it became */
    bool is_cacheable_method;
    bool is_private; /* of a coaps target, or for one who has said who he is (CACHE-16) */
    uint64_t
        age_us; /* since it came from the node: what is left of its Max-Age counts (CACHE-03) */
};
/* Adds Cache-Control and Retry-After for a translated response (OPT-13, OPT-14, STATUS-28, 29, 33,
 * 34): max-age in whole seconds for cacheable successes of GET and FETCH, no-store for 429 and 503.
 * 0 or -1. */
int freshness_add_fields(const struct rest_message *response, const struct freshness_use *use,
                         struct http_reply *reply);

/* A notification of an observation. */
struct freshness_mark {
    uint32_t number; /* its Observe option; the low 24 bits count */
    uint64_t at_us;  /* when it came, by the monotonic clock */
};
/* True when the node sent `incoming` behind `freshest`, which came first: by the order of their
 * numbers modulo 2^24, or because more than 128 seconds lie between them. Two of the same number
 * are the same notification. */
bool freshness_is_newer(const struct freshness_mark *freshest,
                        const struct freshness_mark *incoming);

#endif
