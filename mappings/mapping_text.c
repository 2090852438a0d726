/* SPDX-License-Identifier: BSD-2-Clause */
#include "mapping_table.h"

/*
 * mapping_text: reads the texts of a mapping document that decide where requests go: "path" and
 * "target" of a mapping, name and "address" of a node. The rules are stricter than those of
 * templates in general, so that no request can choose another host than the one that stands here
 * (TMPL-09) and so that a path means one thing.
 */

#include <stdlib.h>
#include <string.h>

#include "buffer.h"

enum { NODE_NAME_MAX = 63 };

static const char OUT_OF_MEMORY[] = "out of memory";

/* Copies the first `length` bytes of a text into `*place`. NULL, or the reason why not. */
static const char *copy(char **place, const char *text, size_t length)
{
    *place = strndup(text, length);
    return *place != NULL ? NULL : OUT_OF_MEMORY;
}

static bool begins_with(const char *text, const char *beginning)
{
    return strncmp(text, beginning, strlen(beginning)) == 0;
}

static bool ends_with(const char *text, const char *end)
{
    size_t length = strlen(text);
    return length >= strlen(end) && strcmp(text + length - strlen(end), end) == 0;
}

/* Paths that are the gateway's own. */
static bool is_reserved(const char *key, size_t length)
{
    static const struct {
        const char *key;
        size_t length;
        bool is_whole;
    } reserved[] = {
        {"\0-", 2, false},      {"\0nodes", 6, false},
        {"\0events", 7, false}, {"\0.well-known\0core", 17, true},
        {"\0", 1, true},
    };
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        size_t own = reserved[i].length;
        bool is_below = length > own && !reserved[i].is_whole && key[own] == '\0';
        if ((length == own || is_below) && memcmp(key, reserved[i].key, own) == 0) {
            return true;
        }
    }
    return false;
}

static const char *check_literal_path(const char *hosting)
{
    size_t length = strlen(hosting);
    if (uri_has_dot_segment(hosting, length)) {
        return uri_error_text(URI_ERROR_DOT_SEGMENT);
    }
    struct mapping_walk walk;
    mapping_walk_init(&walk, hosting, length);
    int state;
    while ((state = mapping_walk_next(&walk)) == 1) {
    }
    if (state == URI_ERROR_TOO_LONG) {
        return "must not be longer than 1024 bytes";
    }
    if (state != URI_OK) {
        return "must be a path in percent-encoded UTF-8 without NUL";
    }
    if (is_reserved(walk.key, walk.key_length)) {
        return "is a path of the gateway itself";
    }
    return NULL;
}

/* Where {+p}, {+q} and {+qq} may stand behind the literal part of a path or of a target's path. */
static const char *check_variables(const struct template *template, const char *rest)
{
    if (template_has(template, TEMPLATE_TU) || template_has(template, TEMPLATE_S) ||
        template_has(template, TEMPLATE_HP)) {
        return "only p, q and qq are variables of a mapping";
    }
    const char *p = strstr(rest, "{+p}");
    const char *q = strstr(rest, "{+q}");
    const char *mark = strchr(rest, '?');
    if (p != NULL && mark != NULL && mark < p) {
        return "{+p} belongs to the path, before the \"?\"";
    }
    if (p != NULL && p[4] != '\0' && p[4] != '{' && p[4] != '?') {
        return "{+p} takes the rest of the path: only a query may follow";
    }
    if (p != NULL && p > rest && p[-1] == '/') {
        return "{+p} brings its own \"/\": leave out the one before it";
    }
    if (q != NULL && (mark == NULL || q < mark)) {
        return "{+q} belongs to the query, behind the \"?\"; {+qq} is the query with its \"?\"";
    }
    if (template_has(template, TEMPLATE_QQ) && (mark != NULL || !ends_with(rest, "{+qq}"))) {
        return "{+qq} is the whole query: it stands at the end, without a \"?\"";
    }
    return NULL;
}

const char *mapping_read_path(struct mapping_entry *entry, const char *path)
{
    if (path[0] != '/') {
        return "must begin with \"/\"";
    }
    size_t literal = strcspn(path, "{?");
    const char *rest = path + literal;
    const char *reason = copy(&entry->name, path, strlen(path));
    reason = reason != NULL ? reason : copy(&entry->hosting, path, literal);
    reason = reason != NULL ? reason : copy(&entry->offer, path, literal);
    reason = reason != NULL ? reason : check_literal_path(entry->hosting);
    if (reason != NULL || *rest == '\0') {
        return reason;
    }
    entry->rest = template_parse(rest, false, &reason);
    if (entry->rest == NULL) {
        return reason;
    }
    entry->takes_rest = template_has(entry->rest, TEMPLATE_P);
    entry->takes_query =
        template_has(entry->rest, TEMPLATE_Q) || template_has(entry->rest, TEMPLATE_QQ);
    if (entry->takes_rest && ends_with(entry->hosting, "/")) {
        return "{+p} brings its own \"/\": leave out the one before it";
    }
    if (strchr(rest, '?') != NULL && !template_has(entry->rest, TEMPLATE_Q)) {
        return "has a query, which is not compared; {+qq} stands for the query";
    }
    return check_variables(entry->rest, rest);
}

/* The literal path and query of the target, in the text that uri_compose_* would give: a Location
 * is compared with them. */
static const char *read_literals(struct mapping_entry *entry, const char *rest)
{
    struct rest_request request;
    rest_request_init(&request);
    size_t path_length = strcspn(rest, "{?");
    const char *query = strchr(rest, '?');
    size_t query_length = query != NULL ? strcspn(query + 1, "{") : 0;
    int error = uri_add_path(&request, rest, path_length);
    if (error == URI_OK && query != NULL) {
        error = uri_add_query(&request, query + 1, query_length);
    }
    if (error != URI_OK) {
        return uri_error_text(error);
    }
    struct buffer text;
    buffer_init(&text, 16384);
    if (path_length > 0 && uri_compose_path(&text, &request.message, REST_OPTION_URI_PATH) == 0) {
        entry->target_path = buffer_take(&text, NULL);
    } else {
        entry->target_path = strdup("");
    }
    if (query != NULL && uri_compose_query(&text, &request.message, REST_OPTION_URI_QUERY) == 0) {
        entry->target_query = text.length > 0 ? buffer_take(&text, NULL) : strdup("");
    }
    buffer_clear(&text);
    bool is_complete = entry->target_path != NULL && (query == NULL || entry->target_query != NULL);
    return is_complete ? NULL : OUT_OF_MEMORY;
}

/* Reads "coap://host[:port]", `length` bytes of the text, into the entry. */
static const char *read_origin(struct mapping_entry *entry, const char *text, size_t length)
{
    struct uri_parts parts;
    int error = uri_parse(text, length, URI_SCHEME_NONE, &parts);
    if (error != URI_OK) {
        return uri_error_text(error);
    }
    if (parts.authority.scheme == URI_SCHEME_COAPS) {
        return "coaps needs DTLS, which is not available in this version of coapgw";
    }
    entry->authority = parts.authority;
    return NULL;
}

static const char *check_target_variables(const struct mapping_entry *entry)
{
    static const enum template_variable variables[] = {TEMPLATE_P, TEMPLATE_Q, TEMPLATE_QQ};
    for (size_t i = 0; i < sizeof(variables) / sizeof(variables[0]); i++) {
        bool is_given = entry->rest != NULL && template_has(entry->rest, variables[i]);
        if (template_has(entry->target, variables[i]) && !is_given) {
            return "has a variable that \"path\" does not have";
        }
    }
    return NULL;
}

const char *mapping_read_target(struct mapping_entry *entry, const char *target)
{
    const char *authority = strstr(target, "://");
    const char *variable = strchr(target, '{');
    if (strchr(target, '#') != NULL) {
        return uri_error_text(URI_ERROR_SYNTAX);
    }
    if (authority == NULL && variable == NULL) {
        return uri_error_text(URI_ERROR_SCHEME_MISSING);
    }
    const char *rest = NULL;
    if (authority != NULL) {
        rest = authority + 3;
        rest += strcspn(rest, "/?{");
    }
    if (rest == NULL || (variable != NULL && variable < rest) ||
        (*rest == '{' && !begins_with(rest, "{+p}"))) {
        return "variables stand only after host and port, {+p} first: coap://host{+p}{+qq}";
    }
    const char *reason = read_origin(entry, target, (size_t)(rest - target));
    if (reason != NULL) {
        return reason;
    }
    entry->target = template_parse(rest, false, &reason);
    if (entry->target == NULL) {
        return reason;
    }
    reason = check_variables(entry->target, rest);
    reason = reason != NULL ? reason : check_target_variables(entry);
    return reason != NULL ? reason : read_literals(entry, rest);
}

static bool is_node_name(const char *name)
{
    size_t length = strlen(name);
    return length >= 1 && length <= NODE_NAME_MAX &&
           strspn(name, "abcdefghijklmnopqrstuvwxyz0123456789-_.") == length &&
           strcmp(name, ".") != 0 && strcmp(name, "..") != 0;
}

const char *mapping_read_node(struct mapping_entry *entry, const char *name, const char *address)
{
    if (!is_node_name(name)) {
        return "the name of a node has 1 to 63 lower case letters, digits, \"-\", \"_\" and \".\"";
    }
    const char *authority = strstr(address, "://");
    size_t origin = authority != NULL ? (size_t)(authority - address) + 3 : 0;
    origin += strcspn(address + origin, "/?");
    const char *reason = read_origin(entry, address, authority != NULL ? origin : strlen(address));
    if (reason != NULL) {
        return reason;
    }
    if (address[origin] != '\0' && strcmp(address + origin, "/") != 0) {
        return "must be scheme, host and port only: coap://host[:port]";
    }
    struct buffer text;
    buffer_init(&text, sizeof("/nodes//") + NODE_NAME_MAX);
    buffer_printf(&text, "/nodes/%s/", name);
    reason = text.failed ? OUT_OF_MEMORY : copy(&entry->offer, buffer_text(&text), text.length);
    buffer_clear(&text);
    reason =
        reason != NULL ? reason : copy(&entry->hosting, entry->offer, strlen(entry->offer) - 1);
    reason = reason != NULL ? reason : copy(&entry->name, name, strlen(name));
    reason = reason != NULL ? reason : copy(&entry->target_path, "", 0);
    if (reason == NULL) {
        entry->takes_rest = true;
        entry->takes_query = true;
        entry->rest = template_parse("{+p}{+qq}", false, &reason);
        entry->target = template_parse("{+p}{+qq}", false, &reason);
    }
    return entry->rest != NULL && entry->target != NULL ? NULL : reason;
}
