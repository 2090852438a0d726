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

/* One way back: what is looked for, and where it is written. */
struct way {
    const struct mapping_table *table;
    const struct mapping_match *match; /* of the request */
    const struct rest_message *response;
    const struct location *location;
    struct buffer *out;
    size_t begin; /* length of `out` before */
};

static const struct rest_option *next_option(const struct rest_message *message, uint16_t number,
                                             size_t *at)
{
    while (*at < message->option_count) {
        const struct rest_option *option = &message->options[(*at)++];
        if (option->number == number) {
            return option;
        }
    }
    return NULL;
}

static bool has_same_values(const struct rest_message *a, uint16_t number_a,
                            const struct rest_message *b, uint16_t number_b)
{
    size_t at_a = 0;
    size_t at_b = 0;
    for (;;) {
        const struct rest_option *x = next_option(a, number_a, &at_a);
        const struct rest_option *y = next_option(b, number_b, &at_b);
        if (x == NULL || y == NULL) {
            return x == y;
        }
        if (x->length != y->length ||
            (x->length > 0 && memcmp(x->value, y->value, x->length) != 0)) {
            return false;
        }
    }
}

/* Whether a client that follows what was written gets to the resource that the node named: another
 * mapping with a longer path may stand before the one that wrote it, or a template may read its own
 * text in another way. What is refused (a NUL, too long) names the resource and leads nowhere. */
static bool leads_there(const struct way *way)
{
    struct rest_request request;
    struct mapping_match match;
    int error;
    rest_request_init(&request);
    enum mapping_outcome outcome =
        mapping_find(way->table, way->out->data + way->begin, &request, &match, &error);
    if (outcome != MAPPING_FOUND) {
        return outcome == MAPPING_BAD_TARGET;
    }
    const struct uri_authority *found = &match.authority;
    const struct uri_authority *wanted = &way->match->authority;
    return found->scheme == wanted->scheme && found->port == wanted->port &&
           strcmp(found->host, wanted->host) == 0 && strcmp(found->zone, wanted->zone) == 0 &&
           has_same_values(way->response, REST_OPTION_LOCATION_PATH, &request.message,
                           REST_OPTION_URI_PATH) &&
           has_same_values(way->response, REST_OPTION_LOCATION_QUERY, &request.message,
                           REST_OPTION_URI_QUERY);
}

static void take_back(const struct way *way)
{
    if (way->out->length > way->begin) {
        way->out->length = way->begin;
        way->out->data[way->begin] = '\0';
    }
}

/* Takes back what an attempt wrote that failed or leads elsewhere. */
static bool is_right(const struct way *way, int failure)
{
    if (failure == 0 && leads_there(way)) {
        return true;
    }
    take_back(way);
    return false;
}

/* The other mappings of the same origin: paths first, the one that says most in its target, for
 * they are the names that people gave; then the node. */
static const struct mapping_entry *find_other(const struct way *way)
{
    struct buffer text;
    buffer_init(&text, 4096);
    struct mapping_origin *origin = NULL;
    if (uri_compose_authority(&text, &way->match->authority) == 0) {
        HASH_FIND(hh, way->table->origins, buffer_text(&text), (unsigned)text.length, origin);
    }
    buffer_clear(&text);
    const struct mapping_entry *best = NULL;
    const struct mapping_entry *entry = origin != NULL ? origin->first : NULL;
    for (; entry != NULL; entry = entry->next_of_origin) {
        bool is_better =
            best == NULL || (best->kind == MAPPING_NODE && entry->kind == MAPPING_PATH) ||
            (best->kind == entry->kind && strlen(entry->target_path) > strlen(best->target_path));
        if (is_better && is_right(way, append_entry(entry, way->location, way->out))) {
            best = entry;
            take_back(way);
        }
    }
    return best;
}

static int reverse(const struct way *way, bool hc_allowed)
{
    const struct mapping_match *match = way->match;
    const struct mapping_table *table = way->table;
    if (match->kind == MAPPING_HC && match->entry == NULL) {
        /* the client named the target itself, so the location is relative to that */
        const struct buffer *path = &way->location->path;
        if (buffer_append(way->out, buffer_text(path), path->length) == 0 &&
            append_query(way->out, way->location) == 0) {
            return 0;
        }
        take_back(way);
        return -1;
    }
    int failure = match->kind == MAPPING_HC
                      ? append_hc(match->entry, &match->authority, way->location, way->out)
                      : append_entry(match->entry, way->location, way->out);
    if (is_right(way, failure)) {
        return 0;
    }
    const struct mapping_entry *other = find_other(way);
    if (other != NULL && is_right(way, append_entry(other, way->location, way->out))) {
        return 0;
    }
    for (size_t i = 0; hc_allowed && i < table->hc_count; i++) {
        failure = append_hc(&table->hc[i], &match->authority, way->location, way->out);
        if (is_right(way, failure)) {
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
        const struct way way = {table, match, response, &location, out, out->length};
        failure = reverse(&way, hc_allowed);
    }
    location_clear(&location);
    return failure;
}
