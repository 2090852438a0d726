/* SPDX-License-Identifier: BSD-2-Clause */
#include "mapping_table.h"

/*
 * mapping_table: owns what the mapping documents said, and the hash tables over it: by the decoded
 * segments of the path, and by the origin of the target for the way back. A table is built once and
 * only read afterwards.
 */

#include <limits.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "media_type.h"
#include "uri_private.h"

struct mapping_table *mapping_table_new(const struct settings *global_settings)
{
    struct mapping_table *table = calloc(1, sizeof(*table));
    if (table != NULL) {
        table->defaults.settings = *global_settings;
        table->defaults.content_format = MEDIA_FORMAT_NONE;
        table->defaults.is_cached = true;
    }
    return table;
}

void mapping_entry_free(struct mapping_entry *entry)
{
    if (entry == NULL) {
        return;
    }
    free(entry->name);
    free(entry->hosting);
    free(entry->offer);
    free(entry->description);
    media_loose_free(entry->own_loose);
    template_free(entry->rest);
    template_free(entry->target);
    free(entry->target_path);
    free(entry->target_query);
    free(entry->key);
    free(entry);
}

static void list_clear(struct mapping_list *list)
{
    for (size_t i = 0; i < list->count; i++) {
        mapping_entry_free(list->items[i]);
    }
    free(list->items);
}

static int list_reserve(struct mapping_list *list)
{
    if (list->count < list->capacity) {
        return 0;
    }
    size_t capacity = list->capacity > 0 ? 2 * list->capacity : 16;
    struct mapping_entry **items = realloc(list->items, capacity * sizeof(items[0]));
    if (items == NULL) {
        return -1;
    }
    list->items = items;
    list->capacity = capacity;
    return 0;
}

void mapping_table_free(struct mapping_table *table)
{
    if (table == NULL) {
        return;
    }
    HASH_CLEAR(hh, table->exact);
    HASH_CLEAR(hh, table->prefixes);
    while (table->origins != NULL) {
        struct mapping_origin *origin = table->origins;
        HASH_DEL(table->origins, origin);
        free(origin->text);
        free(origin);
    }
    list_clear(&table->nodes);
    list_clear(&table->paths);
    for (size_t i = 0; i < table->hc_count; i++) {
        free(table->hc[i].uri);
        template_free(table->hc[i].template);
    }
    free(table);
}

void mapping_walk_init(struct mapping_walk *walk, const char *path, size_t length)
{
    walk->path = path;
    walk->path_length = length;
    walk->at = 0;
    walk->depth = 0;
    walk->key_length = 0;
    walk->hash = MAPPING_HASH_START;
}

int mapping_walk_next(struct mapping_walk *walk)
{
    if (walk->at == walk->path_length) {
        return 0;
    }
    const char *segment = walk->path + walk->at + 1;
    size_t rest = walk->path_length - walk->at - 1;
    const char *slash = memchr(segment, '/', rest);
    size_t raw_length = slash != NULL ? (size_t)(slash - segment) : rest;
    if (walk->key_length == sizeof(walk->key)) {
        return URI_ERROR_TOO_LONG;
    }
    size_t start = walk->key_length;
    size_t length;
    walk->key[start] = '\0';
    int error = uri_decode_component(segment, raw_length, uri_is_pchar, walk->key + start + 1,
                                     sizeof(walk->key) - start - 1, &length);
    if (error != URI_OK) {
        return error;
    }
    walk->key_length = start + 1 + length;
    walk->hash = mapping_hash(walk->hash, walk->key + start, walk->key_length - start);
    walk->at += 1 + raw_length;
    walk->depth++;
    return 1;
}

struct mapping_entry *mapping_entry_find(struct mapping_entry *hash,
                                         const struct mapping_walk *walk)
{
    struct mapping_entry *found;
    HASH_FIND_BYHASHVALUE(hh, hash, walk->key, walk->key_length, walk->hash, found);
    return found;
}

/* Puts the entry at the end of its origin's list. 0 or -1. */
static int add_to_origin(struct mapping_table *table, struct mapping_entry *entry)
{
    struct buffer text;
    buffer_init(&text, 4096);
    if (uri_compose_authority(&text, &entry->authority) != 0) {
        buffer_clear(&text);
        return -1;
    }
    struct mapping_origin *origin;
    HASH_FIND(hh, table->origins, buffer_text(&text), (unsigned)text.length, origin);
    if (origin != NULL) {
        buffer_clear(&text);
        origin->last->next_of_origin = entry;
        origin->last = entry;
        return 0;
    }
    size_t length = text.length;
    origin = calloc(1, sizeof(*origin));
    if (origin == NULL) {
        buffer_clear(&text);
        return -1;
    }
    origin->text = buffer_take(&text, NULL);
    origin->first = entry;
    origin->last = entry;
    HASH_ADD_KEYPTR(hh, table->origins, origin->text, (unsigned)length, origin);
    if (origin->hh.tbl == NULL) {
        free(origin->text);
        free(origin);
        return -1;
    }
    return 0;
}

/* Puts the entry into the hash of its kind. 0, -1 or -2. */
static int add_to_hash(struct mapping_table *table, struct mapping_entry *entry)
{
    struct mapping_walk walk;
    mapping_walk_init(&walk, entry->hosting, strlen(entry->hosting));
    while (mapping_walk_next(&walk) == 1) {
    }
    struct mapping_entry **hash = entry->takes_rest ? &table->prefixes : &table->exact;
    if (mapping_entry_find(*hash, &walk) != NULL) {
        return -2;
    }
    entry->key = malloc(walk.key_length);
    if (entry->key == NULL) {
        return -1;
    }
    memcpy(entry->key, walk.key, walk.key_length);
    entry->key_length = walk.key_length;
    HASH_ADD_KEYPTR_BYHASHVALUE(hh, *hash, entry->key, (unsigned)entry->key_length, walk.hash,
                                entry);
    if (entry->hh.tbl == NULL) {
        return -1;
    }
    if (walk.depth > table->depth) {
        table->depth = walk.depth;
    }
    return 0;
}

int mapping_table_add(struct mapping_table *table, struct mapping_entry *entry)
{
    struct mapping_list *list = entry->kind == MAPPING_NODE ? &table->nodes : &table->paths;
    if (list_reserve(list) != 0) {
        return -1;
    }
    int failure = add_to_hash(table, entry);
    if (failure != 0) {
        return failure;
    }
    list->items[list->count++] = entry;
    /* without it the entry is found all the same: only a Location may be left out */
    (void)add_to_origin(table, entry);
    return 0;
}

/* Longer URIs first, then longer templates, so that "?target_uri={+tu}" is tried before "{+tu}",
 * which takes everything; else in the order of the configuration. */
static bool hc_precedes(const struct mapping_hc *a, const struct mapping_hc *b)
{
    size_t a_length = strlen(a->uri);
    size_t b_length = strlen(b->uri);
    if (a_length != b_length) {
        return a_length > b_length;
    }
    return strlen(template_text(a->template)) > strlen(template_text(b->template));
}

void mapping_table_add_hc(struct mapping_table *table, const struct mapping_hc *hc)
{
    size_t place = table->hc_count++;
    while (place > 0 && hc_precedes(hc, &table->hc[place - 1])) {
        table->hc[place] = table->hc[place - 1];
        place--;
    }
    table->hc[place] = *hc;
}

static int compare_names(const void *a, const void *b)
{
    struct mapping_entry *const *x = a;
    struct mapping_entry *const *y = b;
    return strcmp((*x)->name, (*y)->name);
}

void mapping_table_sort_nodes(struct mapping_table *table)
{
    if (table->nodes.count > 0) {
        qsort(table->nodes.items, table->nodes.count, sizeof(table->nodes.items[0]), compare_names);
    }
    for (size_t i = 0; i < table->nodes.count; i++) {
        table->nodes.items[i]->node_index = (unsigned)i;
    }
}

size_t mapping_node_count(const struct mapping_table *table)
{
    return table->nodes.count;
}

const char *mapping_node_name(const struct mapping_table *table, size_t index)
{
    return table->nodes.items[index]->name;
}

const struct uri_authority *mapping_node_authority(const struct mapping_table *table, size_t index)
{
    return &table->nodes.items[index]->authority;
}

size_t mapping_offer_count(const struct mapping_table *table)
{
    return table->hc_count + table->nodes.count + table->paths.count;
}

struct mapping_offer mapping_offer(const struct mapping_table *table, size_t index)
{
    if (index < table->hc_count) {
        return (struct mapping_offer){
            .kind = MAPPING_HC,
            .path = table->hc[index].uri,
            .template = template_text(table->hc[index].template),
            .has_variables = true,
        };
    }
    index -= table->hc_count;
    const struct mapping_entry *entry = index < table->nodes.count
                                            ? table->nodes.items[index]
                                            : table->paths.items[index - table->nodes.count];
    return (struct mapping_offer){
        .kind = entry->kind,
        .path = entry->offer,
        .description = entry->description,
        .has_variables = entry->kind == MAPPING_PATH && entry->rest != NULL,
    };
}
