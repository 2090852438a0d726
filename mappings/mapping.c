/* SPDX-License-Identifier: BSD-2-Clause */
#include "mapping.h"

/*
 * mapping: finds the Target CoAP URI of a request target. Paths are compared by their decoded
 * segments: two hash tables are asked once for each beginning of the path at a segment boundary, so
 * that the cost depends on the length of the target and not on the number of mappings, and the
 * longest literal wins. HC Proxy URIs are few and compared as text. Nothing here allocates.
 */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "mapping_table.h"
#include "text.h"
#include "uri_private.h"

/* The datagram holds a header of 4 bytes and a token of 8 besides the options. */
enum { HEADER_AND_TOKEN = 12 };

/* Compares a literal with the beginning of a raw path, both percent-decoded, where an escaped "/"
 * is no "/". Returns the raw bytes that it takes, or 0. */
static size_t match_literal(const char *literal, const char *path, size_t length)
{
    size_t at = 0;
    while (*literal != '\0') {
        if (at == length) {
            return 0;
        }
        bool is_escaped = path[at] == '%' && length - at >= 3 &&
                          text_hex_digit(path[at + 1]) >= 0 && text_hex_digit(path[at + 2]) >= 0;
        char c = is_escaped
                     ? (char)(text_hex_digit(path[at + 1]) * 16 + text_hex_digit(path[at + 2]))
                     : path[at];
        if (c != *literal || (is_escaped && c == '/')) {
            return 0;
        }
        at += is_escaped ? 3 : 1;
        literal++;
    }
    return at;
}

/* Splits off the target's parts: of a template's values, or of the whole URI. */
static int fill_from_values(const struct mapping_hc *hc,
                            const struct template_span values[TEMPLATE_VARIABLES],
                            struct uri_parts *parts)
{
    if (values[TEMPLATE_TU].text != NULL) {
        return uri_parse(values[TEMPLATE_TU].text, values[TEMPLATE_TU].length, hc->default_scheme,
                         parts);
    }
    struct template_span s = values[TEMPLATE_S];
    struct template_span hp = values[TEMPLATE_HP];
    enum uri_scheme scheme = s.length > 0 ? uri_parse_scheme(s.text, s.length) : hc->default_scheme;
    int error = uri_parse_authority(hp.text, hp.length, scheme, &parts->authority);
    struct template_span query = values[TEMPLATE_Q];
    parts->path = values[TEMPLATE_P].text;
    parts->path_length = values[TEMPLATE_P].length;
    parts->has_query = query.length > 0; /* an empty q means no query (TMPL-05) */
    if (values[TEMPLATE_QQ].length > 0) {
        query =
            (struct template_span){values[TEMPLATE_QQ].text + 1, values[TEMPLATE_QQ].length - 1};
        parts->has_query = true;
    }
    parts->query = query.text;
    parts->query_length = query.length;
    return error;
}

static int add_parts(struct rest_request *request, const struct uri_parts *parts)
{
    int error = uri_add_path(request, parts->path, parts->path_length);
    if (error == URI_OK && parts->has_query) {
        error = uri_add_query(request, parts->query, parts->query_length);
    }
    return error;
}

/* All options together must fit a datagram (URI-20). */
static int check_size(const struct rest_request *request)
{
    return rest_options_size(&request->message) + HEADER_AND_TOKEN > REST_REQUEST_SIZE
               ? URI_ERROR_TOO_LONG
               : URI_OK;
}

/* A target that the client names: coap only, coaps needs DTLS. */
static int take_named_target(struct rest_request *request, const struct uri_parts *parts,
                             struct mapping_match *match)
{
    if (parts->authority.scheme != URI_SCHEME_COAP) {
        return URI_ERROR_SCHEME_UNSERVED;
    }
    match->authority = parts->authority;
    int error = add_parts(request, parts);
    return error != URI_OK ? error : check_size(request);
}

static void match_hc(const struct mapping_table *table, const struct mapping_hc *hc,
                     struct mapping_match *match)
{
    match->kind = MAPPING_HC;
    match->policy = &table->defaults;
    match->node_name = NULL;
    match->node_index = UINT_MAX;
    match->entry = hc;
}

/* `hc` is the first whose URI the target begins with; others of the same URI follow it. */
static int take_hc(const struct mapping_table *table, const struct mapping_hc *hc,
                   const char *target, size_t length, struct rest_request *request,
                   struct mapping_match *match)
{
    for (; hc < table->hc + table->hc_count; hc++) {
        size_t taken = match_literal(hc->uri, target, length);
        struct template_span values[TEMPLATE_VARIABLES];
        if (taken == 0 || !template_match(hc->template, target + taken, length - taken, values)) {
            continue;
        }
        struct uri_parts parts;
        int error = fill_from_values(hc, values, &parts);
        match_hc(table, hc, match);
        return error != URI_OK ? error : take_named_target(request, &parts, match);
    }
    return URI_ERROR_SYNTAX;
}

/* Adds the target of an entry: its own path and query with the variables filled in, then the
 * client's query unless that is in the variables or dropped (URI-24). */
static int add_target(const struct mapping_entry *entry,
                      const struct template_span values[TEMPLATE_VARIABLES],
                      const struct uri_request_target *parts, struct rest_request *request)
{
    char text[MAPPING_TARGET_MAX];
    size_t length;
    if (template_expand_into(entry->target, values, text, sizeof(text), &length) != 0) {
        return URI_ERROR_TOO_LONG;
    }
    const char *mark = memchr(text, '?', length);
    size_t path_length = mark != NULL ? (size_t)(mark - text) : length;
    size_t query_length = mark != NULL ? length - path_length - 1 : 0;
    if (values[TEMPLATE_Q].text != NULL && values[TEMPLATE_Q].length == 0) {
        if (query_length == 0) {
            mark = NULL; /* "?{+q}" with an empty q is no query */
        } else if (text[length - 1] == '&') {
            query_length--; /* and "?u=C&{+q}" has one argument */
        }
    }
    int error = uri_add_path(request, text, path_length);
    if (error == URI_OK && mark != NULL) {
        error = uri_add_query(request, mark + 1, query_length);
    }
    if (error == URI_OK && parts->has_query && !entry->takes_query && !entry->policy.query_drop) {
        error = uri_add_query(request, parts->query, parts->query_length);
    }
    return error;
}

/* `rest` is where the target goes on behind the literal part. */
static enum mapping_outcome take_entry(const struct mapping_entry *entry, const char *rest,
                                       const struct uri_request_target *parts,
                                       struct rest_request *request, struct mapping_match *match,
                                       int *error)
{
    struct template_span values[TEMPLATE_VARIABLES] = {{NULL, 0}};
    const char *path_end = parts->path + parts->path_length;
    const char *end =
        entry->takes_query && parts->has_query ? parts->query + parts->query_length : path_end;
    if (entry->rest != NULL && !template_match(entry->rest, rest, (size_t)(end - rest), values)) {
        return MAPPING_NONE;
    }
    match->kind = entry->kind;
    match->policy = &entry->policy;
    match->node_name = entry->name;
    match->node_index = entry->node_index;
    match->authority = entry->authority;
    match->entry = entry;
    *error = add_target(entry, values, parts, request);
    if (*error == URI_OK) {
        *error = check_size(request);
    }
    return *error == URI_OK ? MAPPING_FOUND : MAPPING_BAD_TARGET;
}

/* The entry with the longest literal part; `*taken` is its length in the raw path. */
static const struct mapping_entry *find_entry(const struct mapping_table *table,
                                              const struct uri_request_target *parts, size_t *taken)
{
    const struct mapping_entry *found = NULL;
    struct mapping_walk walk;
    mapping_walk_init(&walk, parts->path, parts->path_length);
    while (walk.depth < table->depth && mapping_walk_next(&walk) == 1) {
        const struct mapping_entry *prefix = mapping_entry_find(table->prefixes, &walk);
        const struct mapping_entry *exact =
            walk.at == walk.path_length ? mapping_entry_find(table->exact, &walk) : NULL;
        if (prefix != NULL || exact != NULL) {
            found = exact != NULL ? exact : prefix;
            *taken = walk.at;
        }
    }
    return found;
}

static enum mapping_outcome bad_target(int reason, int *error)
{
    *error = reason;
    return MAPPING_BAD_TARGET;
}

enum mapping_outcome mapping_find(const struct mapping_table *table, const char *target,
                                  struct rest_request *request, struct mapping_match *match,
                                  int *error)
{
    size_t length = strlen(target);
    *error = URI_OK;
    if (target[0] != '/' || memchr(target, '#', length) != NULL) {
        return bad_target(URI_ERROR_SYNTAX, error);
    }
    struct uri_request_target parts;
    uri_split_request_target(target, &parts);
    size_t entry_length = 0;
    const struct mapping_entry *entry = find_entry(table, &parts, &entry_length);
    for (size_t i = 0; i < table->hc_count; i++) {
        size_t hc_length = match_literal(table->hc[i].uri, target, parts.path_length);
        if (hc_length > entry_length) {
            *error = take_hc(table, &table->hc[i], target, length, request, match);
            return *error == URI_OK ? MAPPING_FOUND : MAPPING_BAD_TARGET;
        }
    }
    if (uri_has_dot_segment(parts.path, parts.path_length)) {
        return bad_target(URI_ERROR_DOT_SEGMENT, error); /* URI-09 */
    }
    if (entry == NULL) {
        return MAPPING_NONE;
    }
    return take_entry(entry, target + entry_length, &parts, request, match, error);
}

enum mapping_outcome mapping_find_absolute(const struct mapping_table *table, const char *target,
                                           struct rest_request *request,
                                           struct mapping_match *match, int *error)
{
    struct uri_parts parts;
    *error = uri_parse(target, strlen(target), URI_SCHEME_NONE, &parts);
    if (*error == URI_OK) {
        match_hc(table, NULL, match);
        *error = take_named_target(request, &parts, match);
    }
    return *error == URI_OK ? MAPPING_FOUND : MAPPING_BAD_TARGET;
}
