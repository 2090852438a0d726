/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MAPPING_H
#define COAPGW_MAPPING_H

/*
 * mapping: from a Hosting HTTP URI to a Target CoAP URI and back (RFC 8075 5): HC Proxy URIs with
 * their templates, named nodes, and null mappings from the mapping documents. The table is
 * immutable once loaded.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rest.h"
#include "settings.h"
#include "uri.h"

struct buffer;
struct document;
struct document_place;
struct mapping_table;

enum mapping_kind {
    MAPPING_HC,   /* the client names the target: `access` judges it */
    MAPPING_NODE, /* /nodes/<name>/... */
    MAPPING_PATH, /* an entry of a mapping document */
};

/* What a mapping or a node says about requests that go through it. */
struct mapping_policy {
    unsigned methods; /* bits of enum http_method, HEAD added to GET; 0: all */
    unsigned roles;   /* bits of enum role; 0: by method (read or write) */
    struct settings settings;
    int content_format;              /* for payloads without one (MEDIA-19); -1: none */
    bool strict_accept;              /* MEDIA-08 */
    bool put_etag;                   /* COND-11 */
    bool require_length;             /* HTTP-13 */
    bool query_drop;                 /* URI-24 */
    bool is_cached;                  /* answers are kept and shared ("cache": true) */
    bool stale_if_error;             /* what is stale serves while the node fails (CACHE-20) */
    bool patch_is_ipatch;            /* METH-09 */
    bool method_override;            /* METH-11 */
    bool has_loose;                  /* loose mapping of media types (MEDIA-13, MEDIA-14) */
    const struct media_loose *loose; /* own table, or NULL for the one of RFC 8075 6.3 */
    bool has_connect; /* messages go to `connect` instead of the address of the target's host */
    struct endpoint_address connect;
    const char *description; /* NULL when none */
};

struct mapping_match {
    enum mapping_kind kind;
    /* borrowed from the table; of an HC target: the global settings and nothing else, the rest is
     * in the defaults of struct policy */
    const struct mapping_policy *policy;
    const char *node_name; /* name for logs, metrics and problems: node name, mapping path, or
                              NULL for HC targets; borrowed from the table */
    unsigned node_index;   /* index of a named node in the table, or UINT_MAX */
    struct uri_authority authority;
    /* private: for mapping_reverse */
    const void *entry;
};

/* An empty table: no HC, no nodes, no mappings. */
struct mapping_table *mapping_table_new(const struct settings *global_settings);
void mapping_table_free(struct mapping_table *table);

/* Adds the HC Proxy URIs of coapgw.json (array at `place`; absent: the default mapping
 * /hc/{+tu}). */
void mapping_load_hc(struct mapping_table *table, struct document *document,
                     const struct document_place *place);
/* Adds the nodes and mappings of one mapping document (mappings/x.json). Errors to `document`.
 * `policy_defaults` are the global settings (strict_accept, loose, patch ...). */
void mapping_load_document(struct mapping_table *table, struct document *document,
                           const struct mapping_policy *policy_defaults);

/* Named nodes, sorted by name. */
size_t mapping_node_count(const struct mapping_table *table);
const char *mapping_node_name(const struct mapping_table *table, size_t index);
const struct uri_authority *mapping_node_authority(const struct mapping_table *table, size_t index);

/* One offered Hosting HTTP URI, for /.well-known/core. */
struct mapping_offer {
    enum mapping_kind kind;
    const char *path;        /* "/hc/", "/nodes/kitchen/", "/kitchen/light" */
    const char *template;    /* HC: the template, else NULL */
    const char *description; /* or NULL */
    bool has_variables;
};
size_t mapping_offer_count(const struct mapping_table *table);
struct mapping_offer mapping_offer(const struct mapping_table *table, size_t index);

enum mapping_outcome {
    MAPPING_FOUND,
    MAPPING_NONE,       /* 404 */
    MAPPING_BAD_TARGET, /* `*error` is an enum uri_error */
};

/* Maps a raw request target in origin-form. On MAPPING_FOUND fills `match` and appends Uri-Path and
 * Uri-Query to `request` (Uri-Host and Uri-Port follow when the destination is known). A dot
 * segment in the hosting part is MAPPING_BAD_TARGET (URI-09). */
enum mapping_outcome mapping_find(const struct mapping_table *table, const char *target,
                                  struct rest_request *request, struct mapping_match *match,
                                  int *error);
/* The same for an absolute coap URI as request target (forward proxy): kind MAPPING_HC. */
enum mapping_outcome mapping_find_absolute(const struct mapping_table *table, const char *target,
                                           struct rest_request *request,
                                           struct mapping_match *match, int *error);

/* Appends the path-absolute Location for Location-Path / Location-Query of `response` (URI-26..29):
 * through the mapping that the request came by when it can express it, else through another mapping
 * or node whose target is the same origin, else through an HC Proxy URI when `hc_allowed`. 0, or -1
 * when nothing can express it (then nothing is appended). */
int mapping_reverse(const struct mapping_table *table, const struct mapping_match *match,
                    const struct rest_message *response, bool hc_allowed, struct buffer *out);

#endif
