/* SPDX-License-Identifier: BSD-2-Clause */
#include "mapping.h"

/*
 * mapping_reverse: the way back, from the Location-Path and Location-Query of a node to a path of
 * the gateway (RFC 7252 5.10.7, RFC 8075 5). A mapping is asked whether its target, with some
 * values of its variables, is the location; if so the same values make its path. When no mapping
 * can say it, nothing is written: a wrong Location is worse than none (URI-29).
 */

#include <string.h>

#include "buffer.h"
#include "mapping_table.h"

/* LOCATION_MAX bounds what a node may make us write. */
enum { LOCATION_MAX = 8192 };

/* A location as text: "/c/7" and "x=1", both escaped. */
struct location {
    struct buffer path;
    struct buffer query;
    bool has_query;
};

static int location_read(struct location *location, const struct rest_message *response)
{
    buffer_init(&location->path, LOCATION_MAX);
    buffer_init(&location->query, LOCATION_MAX);
    location->has_query = rest_find_option(response, REST_OPTION_LOCATION_QUERY) != NULL;
    if (!location->has_query && rest_find_option(response, REST_OPTION_LOCATION_PATH) == NULL) {
        return -1;
    }
    int failure = uri_compose_path(&location->path, response, REST_OPTION_LOCATION_PATH);
    if (failure == 0) {
        failure = uri_compose_query(&location->query, response, REST_OPTION_LOCATION_QUERY);
    }
    return failure;
}

static void location_clear(struct location *location)
{
    buffer_clear(&location->path);
    buffer_clear(&location->query);
}

static struct template_span span_of(const struct buffer *buffer)
{
    return (struct template_span){buffer_text(buffer), buffer->length};
}

/* Appends "?query" when the location has one. */
static int append_query(struct buffer *out, const struct location *location)
{
    if (!location->has_query) {
        return 0;
    }
    if (buffer_append_char(out, '?') != 0) {
        return -1;
    }
    return buffer_append(out, buffer_text(&location->query), location->query.length);
}

/* Through an HC Proxy URI every location can be said, unless its template cannot carry an empty
 * query. */
static int append_hc(const struct mapping_hc *hc, const struct uri_authority *authority,
                     const struct location *location, struct buffer *out)
{
    struct buffer hp, qq, tu;
    buffer_init(&hp, LOCATION_MAX);
    buffer_init(&qq, LOCATION_MAX + 1);
    buffer_init(&tu, 4 * LOCATION_MAX);
    const char *scheme = uri_scheme_text(authority->scheme);
    int failure = uri_compose_hosting_host(&hp, authority);
    if (append_query(&qq, location) != 0 ||
        buffer_printf(&tu, "%s://%s%s%s", scheme, buffer_text(&hp), buffer_text(&location->path),
                      buffer_text(&qq)) != 0) {
        failure = -1;
    }
    const struct template_span values[TEMPLATE_VARIABLES] = {
        [TEMPLATE_TU] = span_of(&tu),
        [TEMPLATE_S] = {scheme, strlen(scheme)},
        [TEMPLATE_HP] = span_of(&hp),
        [TEMPLATE_P] = span_of(&location->path),
        [TEMPLATE_Q] = span_of(&location->query),
        [TEMPLATE_QQ] = span_of(&qq),
    };
    bool is_complete = template_has(hc->template, TEMPLATE_TU) ||
                       (template_has(hc->template, TEMPLATE_P) &&
                        (!location->has_query || template_has(hc->template, TEMPLATE_QQ) ||
                         (template_has(hc->template, TEMPLATE_Q) && location->query.length > 0)));
    bool has_scheme = template_has(hc->template, TEMPLATE_TU) ||
                      template_has(hc->template, TEMPLATE_S) ||
                      hc->default_scheme == authority->scheme;
    if (failure == 0 && is_complete && has_scheme) {
        failure = buffer_append_text(out, hc->uri);
        failure = failure != 0 ? failure : template_expand(hc->template, values, out);
    } else {
        failure = -1;
    }
    buffer_clear(&hp);
    buffer_clear(&qq);
    buffer_clear(&tu);
    return failure;
}

/* The value that p must have for the target to be this path; false when there is none. */
static bool find_p(const struct mapping_entry *entry, const struct location *location,
                   struct template_span *p)
{
    const char *path = buffer_text(&location->path);
    size_t length = strlen(entry->target_path);
    if (!template_has(entry->target, TEMPLATE_P)) {
        *p = (struct template_span){"", 0};
        return strcmp(path, length > 0 ? entry->target_path : "/") == 0;
    }
    if (strncmp(path, entry->target_path, length) != 0 ||
        (path[length] != '\0' && path[length] != '/')) {
        return false;
    }
    *p = (struct template_span){path + length, location->path.length - length};
    return true;
}

/* What the client's query must be for the target to have this query: `*query` is it with its "?",
 * or empty. False when there is none. */
static bool find_query(const struct mapping_entry *entry, const struct buffer *qq,
                       struct template_span *query)
{
    const char *own = entry->target_query;
    size_t length = own != NULL ? strlen(own) : 0;
    *query = span_of(qq);
    if (template_has(entry->target, TEMPLATE_QQ)) {
        return true;
    }
    if (template_has(entry->target, TEMPLATE_Q)) {
        /* "?{+q}" alone; an empty q would be no query at all */
        return length == 0 &&
               strcmp(template_text(entry->target) + strlen(template_text(entry->target)) - 5,
                      "?{+q}") == 0 &&
               query->length != 1;
    }
    if (own != NULL) {
        if (query->length < 1 + length || memcmp(query->text + 1, own, length) != 0) {
            return false;
        }
        query->text += 1 + length;
        query->length -= 1 + length;
        if (query->length > 0 && query->text[0] != '&') {
            return false;
        }
    }
    bool is_appended = !entry->takes_query && !entry->policy.query_drop;
    return query->length == 0 || is_appended;
}

/* Appends the path of an entry that names the location. -1 when there is none. */
static int append_entry(const struct mapping_entry *entry, const struct location *location,
                        struct buffer *out)
{
    struct template_span values[TEMPLATE_VARIABLES] = {{NULL, 0}};
    struct template_span query;
    struct buffer qq;
    buffer_init(&qq, LOCATION_MAX + 1);
    int failure = append_query(&qq, location);
    if (failure != 0 || !find_p(entry, location, &values[TEMPLATE_P]) ||
        !find_query(entry, &qq, &query)) {
        buffer_clear(&qq);
        return -1;
    }
    bool has_query = query.length > 0;
    if (has_query) {
        values[TEMPLATE_Q] = (struct template_span){query.text + 1, query.length - 1};
    }
    values[TEMPLATE_QQ] = query;
    failure = buffer_append_text(out, entry->hosting);
    if (failure == 0 && entry->rest != NULL) {
        failure = template_expand(entry->rest, values, out);
    }
    if (failure == 0 && has_query && !entry->takes_query) {
        failure = buffer_append_char(out, '?');
        failure = failure != 0 ? failure : buffer_append(out, query.text + 1, query.length - 1);
    }
    buffer_clear(&qq);
    return failure;
}

/* Takes back what a failed attempt wrote. */
static int attempt(int failure, struct buffer *out, size_t length)
{
    if (failure != 0 && out->length > length) {
        out->length = length;
        out->data[length] = '\0';
    }
    return failure;
}

/* The other mappings of the same origin: paths first, the one that says most in its target, for
 * they are the names that people gave; then the node. */
static const struct mapping_entry *find_other(const struct mapping_table *table,
                                              const struct uri_authority *authority,
                                              const struct location *location, struct buffer *out)
{
    struct buffer text;
    buffer_init(&text, 4096);
    struct mapping_origin *origin = NULL;
    if (uri_compose_authority(&text, authority) == 0) {
        HASH_FIND(hh, table->origins, buffer_text(&text), (unsigned)text.length, origin);
    }
    buffer_clear(&text);
    const struct mapping_entry *best = NULL;
    const struct mapping_entry *entry = origin != NULL ? origin->first : NULL;
    for (; entry != NULL; entry = entry->next_of_origin) {
        bool is_better =
            best == NULL || (best->kind == MAPPING_NODE && entry->kind == MAPPING_PATH) ||
            (best->kind == entry->kind && strlen(entry->target_path) > strlen(best->target_path));
        size_t length = out->length;
        if (is_better && append_entry(entry, location, out) == 0) {
            best = entry;
        }
        attempt(-1, out, length);
    }
    return best;
}

static int reverse(const struct mapping_table *table, const struct mapping_match *match,
                   const struct location *location, bool hc_allowed, struct buffer *out)
{
    size_t length = out->length;
    if (match->kind == MAPPING_HC && match->entry == NULL) {
        /* the client named the target itself, so the location is relative to that */
        int failure = buffer_append(out, buffer_text(&location->path), location->path.length);
        return attempt(failure != 0 ? failure : append_query(out, location), out, length);
    }
    if (match->kind == MAPPING_HC) {
        if (attempt(append_hc(match->entry, &match->authority, location, out), out, length) == 0) {
            return 0;
        }
    } else if (attempt(append_entry(match->entry, location, out), out, length) == 0) {
        return 0;
    }
    const struct mapping_entry *other = find_other(table, &match->authority, location, out);
    if (other != NULL) {
        return attempt(append_entry(other, location, out), out, length);
    }
    for (size_t i = 0; hc_allowed && i < table->hc_count; i++) {
        if (attempt(append_hc(&table->hc[i], &match->authority, location, out), out, length) == 0) {
            return 0;
        }
    }
    return -1;
}

int mapping_reverse(const struct mapping_table *table, const struct mapping_match *match,
                    const struct rest_message *response, bool hc_allowed, struct buffer *out)
{
    struct location location;
    int failure = location_read(&location, response);
    if (failure == 0) {
        failure = reverse(table, match, &location, hc_allowed, out);
    }
    location_clear(&location);
    return failure;
}
