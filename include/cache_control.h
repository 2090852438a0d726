/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CACHE_CONTROL_H
#define COAPGW_CACHE_CONTROL_H

/*
 * cache_control: what a client asks of caches (Cache-Control in a request, RFC 9111 5.2.1; Pragma,
 * 5.4), and how the gateway says what it did (Cache-Status, RFC 9211).
 */

#include <stdbool.h>
#include <stdint.h>

struct http_reply;
struct http_request;

struct cache_control {
    bool no_store;
    bool no_cache; /* also max-age=0, and "Pragma: no-cache" without Cache-Control */
    bool only_if_cached;
    bool has_max_age;
    bool has_min_fresh;
    bool has_max_stale; /* without a value: `max_stale_s` is UINT32_MAX */
    uint32_t max_age_s; /* the smallest, if there are several */
    uint32_t min_fresh_s;
    uint32_t max_stale_s;
};

/* Reads every Cache-Control field. What cannot be read is ignored but for a max-age, which counts
 * as 0 then: a request is rather answered anew than wrongly. */
void cache_control_read(const struct http_request *request, struct cache_control *control);

/* Why a request went to the node (RFC 9211 2.2). */
enum cache_forwarded {
    CACHE_FORWARDED_NOT, /* a hit */
    CACHE_FORWARDED_BYPASS,
    CACHE_FORWARDED_METHOD,
    CACHE_FORWARDED_URI_MISS,
    CACHE_FORWARDED_VARY_MISS, /* stored for this target, but for another Accept or body */
    CACHE_FORWARDED_REQUEST,   /* the client's directives do not allow what is stored */
    CACHE_FORWARDED_STALE,
};

struct cache_status {
    enum cache_forwarded forwarded;
    bool is_stored;    /* the response was stored */
    bool is_collapsed; /* together with requests of others */
    bool has_ttl;
    int64_t ttl_s;      /* remaining freshness; negative when stale */
    const char *detail; /* a token of ours ("timeout"), or NULL */
};

/* Adds Cache-Status; `name` is the gateway's. 0 or -1. */
int cache_status_add(const struct cache_status *status, const char *name, struct http_reply *reply);

#endif
