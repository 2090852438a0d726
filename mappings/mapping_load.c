/* SPDX-License-Identifier: BSD-2-Clause */
#include "mapping.h"

/*
 * mapping_load: reads mapping documents and the array "hc" of coapgw.json into a table. An entry
 * with an error is left out and reading goes on, so that all errors of a file are told at once.
 * Names are not resolved and interfaces not looked up here: nothing at start depends on them
 * (URI-35).
 */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "mapping_table.h"
#include "media_type.h"
#include "method.h"
#include "uri_private.h"

static unsigned method_bit(const char *text)
{
    static const unsigned mappable = HTTP_METHOD_GET | HTTP_METHOD_HEAD | HTTP_METHOD_POST |
                                     HTTP_METHOD_PUT | HTTP_METHOD_DELETE | HTTP_METHOD_PATCH |
                                     HTTP_METHOD_QUERY;
    unsigned bit = method_parse(text);
    return bit & mappable;
}

static unsigned role_bit(const char *text)
{
    if (strcmp(text, "read") == 0) {
        return ROLE_READ;
    }
    if (strcmp(text, "write") == 0) {
        return ROLE_WRITE;
    }
    return strcmp(text, "admin") == 0 ? ROLE_ADMIN : 0;
}

/* Reads a list of words, each of which `bit_of` makes a bit. */
static void read_set(struct document *document, const struct document_place *place, const char *key,
                     unsigned (*bit_of)(const char *), const char *expected, unsigned *set)
{
    struct document_place list = document_member(document, place, key);
    if (!document_expect_array(document, &list)) {
        return;
    }
    if (json_array_size(list.value) == 0) {
        document_error(document, &list,
                       "must not be empty: it allows nothing; leave it out or use "
                       "%s",
                       expected);
    }
    *set = 0;
    for (size_t i = 0; i < json_array_size(list.value); i++) {
        struct document_place element = document_element(&list, i);
        const char *text = json_string_value(element.value);
        unsigned bit = text != NULL ? bit_of(text) : 0;
        if (bit == 0) {
            document_error(document, &element, "must be %s", expected);
        }
        *set |= bit;
    }
}

/* One of two words; `*is_second` changes when the member stands there. */
static void read_choice(struct document *document, const struct document_place *place,
                        const char *key, const char *first, const char *second, bool *is_second)
{
    const char *text;
    if (!document_read_string(document, place, key, &text)) {
        return;
    }
    *is_second = strcmp(text, second) == 0;
    if (!*is_second && strcmp(text, first) != 0) {
        struct document_place member = document_member(document, place, key);
        document_error(document, &member, "must be \"%s\" or \"%s\"", first, second);
    }
}

static void read_loose(struct mapping_entry *entry, struct document *document,
                       const struct document_place *place)
{
    struct document_place loose = document_member(document, place, "loose");
    if (loose.value == NULL) {
        return;
    }
    entry->policy.loose = NULL;
    entry->policy.has_loose = json_is_true(loose.value) || json_is_object(loose.value);
    if (json_is_object(loose.value)) {
        entry->own_loose = media_loose_load(document, &loose);
        entry->policy.loose = entry->own_loose;
    } else if (!json_is_boolean(loose.value)) {
        document_error(document, &loose,
                       "must be true, false or an object from media types to Content-Formats");
    }
}

/* "host:port" with an address: the table is not to depend on a name service or an interface. */
static void read_connect(struct mapping_policy *policy, struct document *document,
                         const struct document_place *place)
{
    const char *text;
    if (!document_read_string(document, place, "connect", &text)) {
        return;
    }
    struct document_place member = document_member(document, place, "connect");
    struct uri_authority authority;
    int error = uri_parse_authority(text, strlen(text), URI_SCHEME_COAP, &authority);
    if (error != URI_OK || authority.host_kind == URI_HOST_NAME || authority.zone[0] != '\0') {
        document_error(document, &member,
                       "must be an address and a port, such as \"192.0.2.1:5683\" or "
                       "\"[2001:db8::1]:5683\", without a zone");
        return;
    }
    policy->has_connect = uri_authority_address(&authority, &policy->connect);
}

/* Features that come with observation and the directory. */
static void refuse_unbuilt(struct document *document, const struct document_place *place)
{
    static const char *const members[] = {"rewrite_links", "auto_observe"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        document_refuse_unbuilt(document, place, members[i]);
    }
}

/* The members that nodes and mappings have in common. */
static void read_policy(struct mapping_entry *entry, struct document *document,
                        const struct document_place *place)
{
    struct mapping_policy *policy = &entry->policy;
    read_set(document, place, "methods", method_bit, "GET, HEAD, POST, PUT, DELETE, PATCH or QUERY",
             &policy->methods);
    if ((policy->methods & HTTP_METHOD_GET) != 0) {
        policy->methods |= HTTP_METHOD_HEAD;
    }
    read_set(document, place, "roles", role_bit, "read, write or admin", &policy->roles);
    uint64_t format;
    if (document_read_number(document, place, "content_format", 0, UINT16_MAX, &format)) {
        policy->content_format = (int)format;
    }
    document_read_bool(document, place, "strict_accept", &policy->strict_accept);
    document_read_bool(document, place, "put_etag", &policy->put_etag);
    document_read_bool(document, place, "require_length", &policy->require_length);
    document_read_bool(document, place, "method_override", &policy->method_override);
    document_read_bool(document, place, "cache", &policy->is_cached);
    document_read_bool(document, place, "stale_if_error", &policy->stale_if_error);
    read_choice(document, place, "patch", "patch", "ipatch", &policy->patch_is_ipatch);
    read_loose(entry, document, place);
    read_connect(policy, document, place);
    const char *description;
    if (document_read_string(document, place, "description", &description)) {
        entry->description = strdup(description);
        policy->description = entry->description;
        if (entry->description == NULL) {
            document_error(document, place, "out of memory");
        }
    }
    struct document_place settings = document_member(document, place, "coap");
    settings_read(&policy->settings, document, &settings, SETTINGS_OVERRIDE);
    refuse_unbuilt(document, place);
}

/* An entry with nothing but its policy; NULL (with an error noted) when memory is short. */
static struct mapping_entry *new_entry(enum mapping_kind kind, struct document *document,
                                       const struct document_place *place,
                                       const struct mapping_policy *defaults)
{
    struct mapping_entry *entry = calloc(1, sizeof(*entry));
    if (entry == NULL) {
        document_error(document, place, "out of memory");
        return NULL;
    }
    entry->kind = kind;
    entry->policy = *defaults;
    entry->node_index = UINT_MAX;
    return entry;
}

/* Reads a text that must be there; an error otherwise. */
static const char *read_needed(struct document *document, const struct document_place *place,
                               const char *key)
{
    const char *text = NULL;
    if (!document_read_string(document, place, key, &text) &&
        json_object_get(place->value, key) == NULL) {
        document_error(document, place, "\"%s\" is missing", key);
    }
    return text;
}

/* Puts a complete entry into the table, or frees it. */
static void add_entry(struct mapping_table *table, struct mapping_entry *entry,
                      struct document *document, const struct document_place *place)
{
    switch (mapping_table_add(table, entry)) {
    case 0:
        return;
    case -2:
        document_error(document, place,
                       entry->kind == MAPPING_NODE ? "a node of this name is there already"
                                                   : "an equal path is mapped already");
        break;
    default:
        document_error(document, place, "out of memory");
        break;
    }
    mapping_entry_free(entry);
}

static void load_node(struct mapping_table *table, struct document *document,
                      const struct document_place *place, const struct mapping_policy *defaults)
{
    if (!document_expect_object(document, place)) {
        return;
    }
    struct mapping_entry *entry = new_entry(MAPPING_NODE, document, place, defaults);
    if (entry == NULL) {
        return;
    }
    const char *address = read_needed(document, place, "address");
    bool is_complete = address != NULL;
    if (is_complete) {
        const char *reason = mapping_read_node(entry, place->key, address);
        is_complete = reason == NULL;
        if (!is_complete) {
            struct document_place member = document_member(document, place, "address");
            document_error(document, &member, "%s", reason);
        }
    }
    read_policy(entry, document, place);
    document_refuse_unknown(document, place);
    if (is_complete) {
        add_entry(table, entry, document, place);
    } else {
        mapping_entry_free(entry);
    }
}

/* A path below an HC Proxy URI would never be asked for there. */
static const char *check_hc(const struct mapping_table *table, const char *path)
{
    for (size_t i = 0; i < table->hc_count; i++) {
        const char *uri = table->hc[i].uri;
        if (strlen(uri) > 1 && strncmp(path, uri, strlen(uri)) == 0) {
            return "lies below an HC Proxy URI (\"hc\")";
        }
    }
    return NULL;
}

/* Reads "path" and "target"; false with errors noted. */
static bool read_path_and_target(const struct mapping_table *table, struct mapping_entry *entry,
                                 struct document *document, const struct document_place *place)
{
    const char *path = read_needed(document, place, "path");
    const char *target = read_needed(document, place, "target");
    const char *path_reason = path != NULL ? mapping_read_path(entry, path) : NULL;
    if (path != NULL && path_reason == NULL) {
        path_reason = check_hc(table, path);
    }
    if (path_reason != NULL) {
        struct document_place member = document_member(document, place, "path");
        document_error(document, &member, "%s", path_reason);
    }
    const char *reason = target != NULL ? mapping_read_target(entry, target) : NULL;
    if (reason != NULL) {
        struct document_place member = document_member(document, place, "target");
        document_error(document, &member, "%s", reason);
    }
    return path != NULL && target != NULL && path_reason == NULL && reason == NULL;
}

static void load_mapping(struct mapping_table *table, struct document *document,
                         const struct document_place *place, const struct mapping_policy *defaults)
{
    if (!document_expect_object(document, place)) {
        return;
    }
    struct mapping_entry *entry = new_entry(MAPPING_PATH, document, place, defaults);
    if (entry == NULL) {
        return;
    }
    bool is_complete = read_path_and_target(table, entry, document, place);
    read_choice(document, place, "query", "append", "drop", &entry->policy.query_drop);
    if (entry->policy.query_drop && entry->takes_query) {
        struct document_place member = document_member(document, place, "query");
        document_error(document, &member, "\"drop\" contradicts the variable in \"path\"");
    }
    read_policy(entry, document, place);
    document_refuse_unknown(document, place);
    if (is_complete) {
        add_entry(table, entry, document, place);
    } else {
        mapping_entry_free(entry);
    }
}

void mapping_load_document(struct mapping_table *table, struct document *document,
                           const struct mapping_policy *policy_defaults)
{
    struct document_place top = document_top(document);
    struct document_place nodes = document_member(document, &top, "nodes");
    if (document_expect_object(document, &nodes)) {
        const char *name;
        json_t *value;
        json_object_foreach(nodes.value, name, value)
        {
            if (strcmp(name, "//") != 0 && strcmp(name, "$schema") != 0) {
                struct document_place node = {.parent = &nodes, .key = name, .value = value};
                load_node(table, document, &node, policy_defaults);
            }
        }
    }
    struct document_place mappings = document_member(document, &top, "mappings");
    if (document_expect_array(document, &mappings)) {
        for (size_t i = 0; i < json_array_size(mappings.value); i++) {
            struct document_place mapping = document_element(&mappings, i);
            load_mapping(table, document, &mapping, policy_defaults);
        }
    }
    document_refuse_unknown(document, &top);
    mapping_table_sort_nodes(table);
}

/* NULL, or why the text is no HC Proxy URI. It stands at the beginning of Location fields and of
 * links, so it is made of characters that need no escape. */
static const char *check_hc_uri(const char *uri)
{
    size_t length = 0;
    if (uri[0] != '/') {
        return "must begin with \"/\"";
    }
    while (uri[length] == '/' || uri_is_pchar(uri[length])) {
        length++;
    }
    if (uri[length] != '\0' || uri_has_dot_segment(uri, length)) {
        return "must be a path without query, variables, escapes and dot segments";
    }
    if (strncmp(uri, "/nodes/", 7) == 0 || strncmp(uri, "/-/", 3) == 0) {
        return "is a path of the gateway itself";
    }
    return NULL;
}

static enum uri_scheme read_default_scheme(struct document *document,
                                           const struct document_place *place)
{
    const char *text;
    if (!document_read_string(document, place, "default_scheme", &text)) {
        return URI_SCHEME_NONE;
    }
    struct document_place member = document_member(document, place, "default_scheme");
    if (strcmp(text, "coap") == 0) {
        return URI_SCHEME_COAP;
    }
    document_error(document, &member,
                   strcmp(text, "coaps") == 0
                       ? "coaps needs DTLS, which is not available in this version of coapgw"
                       : "must be \"coap\"");
    return URI_SCHEME_NONE;
}

static bool is_same_hc(const struct mapping_table *table, const char *uri, const char *template)
{
    for (size_t i = 0; i < table->hc_count; i++) {
        if (strcmp(table->hc[i].uri, uri) == 0 &&
            strcmp(template_text(table->hc[i].template), template) == 0) {
            return true;
        }
    }
    return false;
}

/* Adds one HC Proxy URI, or notes why not. */
static void add_hc(struct mapping_table *table, struct document *document,
                   const struct document_place *place, const char *uri, const char *template_text_,
                   enum uri_scheme default_scheme)
{
    const char *reason = NULL;
    struct mapping_hc hc = {.default_scheme = default_scheme};
    if (table->hc_count == MAPPING_HC_MAX) {
        document_error(document, place, "too many HC Proxy URIs");
        return;
    }
    if (is_same_hc(table, uri, template_text_)) {
        document_error(document, place, "the same HC Proxy URI is there already");
        return;
    }
    hc.template = template_parse(template_text_, true, &reason);
    if (hc.template != NULL && template_has(hc.template, TEMPLATE_HP) &&
        !template_has(hc.template, TEMPLATE_S) && default_scheme == URI_SCHEME_NONE) {
        reason = "without {+s} needs a \"default_scheme\"";
    }
    hc.uri = strdup(uri);
    if (hc.uri == NULL) {
        reason = "out of memory";
    }
    if (reason == NULL) {
        mapping_table_add_hc(table, &hc);
        return;
    }
    struct document_place member = document_member(document, place, "template");
    document_error(document, &member, "%s", reason);
    template_free(hc.template);
    free(hc.uri);
}

static void load_hc(struct mapping_table *table, struct document *document,
                    const struct document_place *place)
{
    if (!document_expect_object(document, place)) {
        return;
    }
    const char *uri = read_needed(document, place, "uri");
    const char *template = "{+tu}";
    document_read_string(document, place, "template", &template);
    enum uri_scheme default_scheme = read_default_scheme(document, place);
    const char *reason = uri != NULL ? check_hc_uri(uri) : NULL;
    if (reason != NULL) {
        struct document_place member = document_member(document, place, "uri");
        document_error(document, &member, "%s", reason);
    } else if (uri != NULL) {
        add_hc(table, document, place, uri, template, default_scheme);
    }
    document_refuse_unknown(document, place);
}

void mapping_load_hc(struct mapping_table *table, struct document *document,
                     const struct document_place *place)
{
    if (place->value == NULL) {
        add_hc(table, document, place, "/hc/", "{+tu}", URI_SCHEME_NONE);
        return;
    }
    if (!document_expect_array(document, place)) {
        return;
    }
    for (size_t i = 0; i < json_array_size(place->value); i++) {
        struct document_place element = document_element(place, i);
        load_hc(table, document, &element);
    }
}
