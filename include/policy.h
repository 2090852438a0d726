/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_POLICY_H
#define COAPGW_POLICY_H

/*
 * policy: one loaded generation of everything that a reload may change and that a request must see
 * unchanged from its beginning to its end: mappings, access rules, media types, limits. Counted:
 * the last exchange that began under it frees it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cache.h"
#include "mapping.h"
#include "observation.h"
#include "stream.h"
#include "uri.h"

struct access_table;
struct mapping_table;
struct media_table;

struct policy {
    unsigned references;
    struct mapping_table *mappings; /* owned */
    struct access_table *access;    /* owned */
    struct media_table *media;      /* owned */
    struct mapping_policy defaults; /* global settings, for HC targets and the forward proxy */
    bool is_open;                   /* "auth": "none" */
    bool forward_proxy;             /* absolute coap:// request targets are served */
    bool takes_query;               /* "http.methods.query": "fetch" */
    bool takes_coap_payload;
    bool writes_access_log;
    bool has_upstream_proxy; /* coap.upstream_proxy */
    struct uri_authority upstream_proxy;
    size_t maximum_body; /* bytes of an HTTP request body: min of http.limits.body, coap.max_body */
    size_t maximum_reply; /* bytes of a body that a node sends in blocks: coap.max_body */
    size_t outstanding;   /* coap.outstanding */
    size_t memory;        /* http.limits.memory: bytes of all bodies, transfers and queues */
    struct cache_limits cache_limits;
    struct observation_limits observation_limits;
    struct stream_limits stream_limits;
    bool auto_observe; /* CACHE-22 */
    char *name;        /* http.name: owned */
    char *pseudonym;   /* owned: what clients are told (policy_set_name) */
};

/* With one reference and all members empty; NULL when memory is short. */
struct policy *policy_new(void);
struct policy *policy_reference(struct policy *policy);
/* Names the gateway. What clients are told is the name itself when somebody chose it for them;
 * otherwise, since the name of a host is not everybody's business (RFC 9110 7.6.3), a word that is
 * made of it and always the same. 0, or -1 when memory is short: nothing changed. */
int policy_set_name(struct policy *policy, const char *name, bool is_public);
/* For Via: never NULL. */
const char *policy_pseudonym(const struct policy *policy);
/* Frees the policy with the last reference. NULL is fine. */
void policy_release(struct policy *policy);

#endif
