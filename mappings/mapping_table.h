/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MAPPING_TABLE_H
#define COAPGW_MAPPING_TABLE_H

/*
 * mapping_table: the inside of a mapping table, shared by finding, loading and reversing.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* FNV-1a: it grows with the key, one segment after the other. Peers only choose what is looked up,
 * never what is in the table, so it needs no secret. */
#define MAPPING_HASH_START 2166136261u
static inline unsigned mapping_hash(unsigned hash, const void *key, size_t length)
{
    const unsigned char *bytes = key;
    for (size_t i = 0; i < length; i++) {
        hash = (hash ^ bytes[i]) * 16777619u;
    }
    return hash;
}

/* uthash's own function falls through its cases in a way that clang warns of. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    ((hash) = mapping_hash(MAPPING_HASH_START, (key), (length)))
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "mapping.h"
#include "template.h"
#include "uri.h"

struct buffer;

enum {
    MAPPING_HC_MAX = 64,    /* HC Proxy URIs: they are tried one by one */
    MAPPING_KEY_MAX = 1024, /* bytes of the decoded literal part of a path */
    MAPPING_TARGET_MAX =
        6144 /* raw bytes of a target's path and query: more cannot fit a message */
};

/* An HC Proxy URI with its template (RFC 8075 5.3, 5.4). */
struct mapping_hc {
    char *uri; /* owned: "/hc/" */
    struct template *template;
    enum uri_scheme default_scheme; /* URI_SCHEME_NONE when there is none */
};

/* A named node, or an entry of "mappings". Its key is the decoded literal part of its path, each
 * segment behind a NUL, which no decoded segment contains: "\0nodes\0kitchen". */
struct mapping_entry {
    enum mapping_kind kind;
    struct mapping_policy policy;
    char *name;        /* node name, or the path as written */
    char *hosting;     /* the literal part of the path: "/nodes/kitchen", "/kitchen/light" */
    char *offer;       /* path to be offered: "/nodes/kitchen/" */
    char *description; /* or NULL; policy.description points here */
    struct media_loose *own_loose; /* or NULL; policy.loose points here */
    struct template *rest;   /* of the path, behind the literal part; NULL when there is nothing */
    struct template *target; /* path and query of the target */
    struct uri_authority authority;
    bool takes_rest;    /* "{+p}" or a node: every path below `hosting` */
    bool takes_query;   /* the path has q or qq */
    char *target_path;  /* composed text of the target's literal path, "" when none */
    char *target_query; /* composed text of the target's literal query, or NULL */
    unsigned node_index;
    char *key;
    size_t key_length;
    UT_hash_handle hh;
    struct mapping_entry *next_of_origin;
};

/* The entries whose targets have one scheme and authority, in order of loading. */
struct mapping_origin {
    char *text; /* "coap://[fd00::12]" */
    struct mapping_entry *first;
    struct mapping_entry *last;
    UT_hash_handle hh;
};

struct mapping_list {
    struct mapping_entry **items;
    size_t count;
    size_t capacity;
};

struct mapping_table {
    struct mapping_policy defaults;       /* of HC targets */
    struct mapping_hc hc[MAPPING_HC_MAX]; /* the longest URI first */
    size_t hc_count;
    struct mapping_list nodes;      /* by name */
    struct mapping_list paths;      /* in order of loading */
    struct mapping_entry *exact;    /* hash by key: paths that end with their literal part */
    struct mapping_entry *prefixes; /* hash by key: paths with a rest */
    struct mapping_origin *origins; /* hash by text */
    size_t depth;                   /* segments of the longest key */
};

/* Walks the segments of a raw path and gathers the key of each beginning of it. */
struct mapping_walk {
    const char *path;
    size_t path_length;
    size_t at;    /* raw bytes taken */
    size_t depth; /* segments taken */
    size_t key_length;
    unsigned hash; /* of the key */
    char key[MAPPING_KEY_MAX];
};
/* `path` begins with "/". */
void mapping_walk_init(struct mapping_walk *walk, const char *path, size_t length);
/* Takes the next segment: 1, 0 at the end of the path, or an enum uri_error (TOO_LONG when the key
 * would be longer than any in a table). */
int mapping_walk_next(struct mapping_walk *walk);

struct mapping_entry *mapping_entry_find(struct mapping_entry *hash,
                                         const struct mapping_walk *walk);
/* Takes the entry into the table under its `hosting`; it then belongs to the table. 0; -1 when
 * memory is short, -2 when an equal one is there. */
int mapping_table_add(struct mapping_table *table, struct mapping_entry *entry);
void mapping_entry_free(struct mapping_entry *entry);
/* Takes an HC Proxy URI, in its place of the order. */
void mapping_table_add_hc(struct mapping_table *table, const struct mapping_hc *hc);
/* Sorts the nodes and gives them their indexes. */
void mapping_table_sort_nodes(struct mapping_table *table);

/* Reads one mapping's "path" and "target", or one node's "address" (mapping_text.c). NULL, or the
 * reason why it cannot be. `entry` is filled as far as it went. */
const char *mapping_read_path(struct mapping_entry *entry, const char *path);
const char *mapping_read_target(struct mapping_entry *entry, const char *target);
const char *mapping_read_node(struct mapping_entry *entry, const char *name, const char *address);

#endif
