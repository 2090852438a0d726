/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_table.h"

#include <stdlib.h>
#include <string.h>

#include "text.h"

/*
 * media_table: the registry as one array of entries and two arrays of pointers into it, by number
 * and by media type, so that a look-up either way is a binary search without allocation. It is
 * built while the configuration is read and never changed afterwards. Formats with one media type
 * differ in parameters or coding; they form a group of a handful that is searched one by one.
 */

struct media_table {
    struct media_entry *entries;
    const struct media_entry **by_number;
    const struct media_entry **by_type;
    size_t count;
};

static const struct media_entry builtin[] = {
#define CONTENT_FORMAT(number, type, coding) {number, type, coding, NULL},
#include "tables/content_formats.h"
#undef CONTENT_FORMAT
};
enum { BUILTIN = sizeof(builtin) / sizeof(builtin[0]) };

static size_t essence_length(const char *type)
{
    return strcspn(type, "; \t");
}

static int compare_essences(const char *a, size_t a_length, const char *b, size_t b_length)
{
    for (size_t i = 0; i < a_length && i < b_length; i++) {
        int difference = (unsigned char)text_lower(a[i]) - (unsigned char)text_lower(b[i]);
        if (difference != 0)
            return difference;
    }
    return (a_length > b_length) - (a_length < b_length);
}

static int compare_numbers(const void *a, const void *b)
{
    const struct media_entry *const *left = a, *const *right = b;
    return (int)(*left)->number - (int)(*right)->number;
}

static int compare_types(const void *a, const void *b)
{
    const struct media_entry *const *left = a, *const *right = b;
    const char *x = (*left)->type, *y = (*right)->type;
    int difference = compare_essences(x, essence_length(x), y, essence_length(y));
    return difference != 0 ? difference : compare_numbers(a, b);
}

/* Makes the two sorted views of `count` entries anew; the table is unchanged on -1. */
static int sort_table(struct media_table *table, struct media_entry *entries, size_t count)
{
    const struct media_entry **by_number = calloc(count, sizeof(*by_number));
    const struct media_entry **by_type = calloc(count, sizeof(*by_type));
    if (!by_number || !by_type) {
        free(by_number);
        free(by_type);
        return -1;
    }
    for (size_t i = 0; i < count; i++)
        by_number[i] = by_type[i] = &entries[i];
    qsort(by_number, count, sizeof(*by_number), compare_numbers);
    qsort(by_type, count, sizeof(*by_type), compare_types);

    free(table->by_number);
    free(table->by_type);
    table->entries = entries;
    table->by_number = by_number;
    table->by_type = by_type;
    table->count = count;
    return 0;
}

struct media_table *media_table_new(void)
{
    struct media_table *table = calloc(1, sizeof(*table));
    struct media_entry *entries = malloc(sizeof(builtin));
    if (!table || !entries)
        goto out;
    memcpy(entries, builtin, sizeof(builtin));
    if (sort_table(table, entries, BUILTIN) == 0)
        return table;
out:
    free(entries);
    free(table);
    return NULL;
}

void media_table_free(struct media_table *table)
{
    if (!table)
        return;
    for (size_t i = 0; i < table->count; i++)
        free(table->entries[i].owned);
    free(table->entries);
    free(table->by_number);
    free(table->by_type);
    free(table);
}

const struct media_entry *media_table_find(const struct media_table *table, uint16_t number)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        if (table->by_number[middle]->number < number)
            low = middle + 1;
        else
            high = middle;
    }
    return low < table->count && table->by_number[low]->number == number ? table->by_number[low]
                                                                         : NULL;
}

struct media_group media_table_group(const struct media_table *table, struct media_span essence)
{
    size_t low = 0, high = table->count;
    while (low < high) {
        size_t middle = low + (high - low) / 2;
        const char *type = table->by_type[middle]->type;
        if (compare_essences(type, essence_length(type), essence.text, essence.length) < 0)
            low = middle + 1;
        else
            high = middle;
    }
    size_t end = low;
    while (end < table->count) {
        const char *type = table->by_type[end]->type;
        if (compare_essences(type, essence_length(type), essence.text, essence.length) != 0)
            break;
        end++;
    }
    return (struct media_group){table->by_type + low, end - low};
}

void media_entry_read(const struct media_entry *entry, struct media_syntax *syntax)
{
    if (!media_syntax_read(syntax, entry->type, strlen(entry->type), false, NULL))
        *syntax = (struct media_syntax){{entry->type, 0}, 0, 0, {{{NULL, 0}, {NULL, 0}, false}}};
}

bool media_entry_same_type(const struct media_entry *a, const struct media_entry *b)
{
    struct media_syntax left, right;
    media_entry_read(a, &left);
    media_entry_read(b, &right);
    return compare_essences(left.essence.text, left.essence.length, right.essence.text,
                            right.essence.length) == 0 &&
           media_syntax_same_parameters(&left, &right);
}

static bool group_has_parameter(struct media_group group, struct media_span name)
{
    for (size_t i = 0; i < group.count; i++) {
        struct media_syntax syntax;
        media_entry_read(group.entries[i], &syntax);
        if (media_syntax_find(&syntax, name))
            return true;
    }
    return false;
}

/* JSON types have no parameters but those registered; what else is there ("charset=utf-8") means
 * nothing and is left out (MEDIA-17). */
static void drop_meaningless(struct media_group group, struct media_syntax *syntax)
{
    size_t kept = 0;
    for (size_t i = 0; i < syntax->parameter_count; i++) {
        if (group_has_parameter(group, syntax->parameters[i].name))
            syntax->parameters[kept++] = syntax->parameters[i];
    }
    syntax->parameter_count = kept;
}

static const struct media_entry *find_exact(struct media_group group,
                                            const struct media_syntax *wanted)
{
    for (size_t i = 0; i < group.count; i++) {
        struct media_syntax syntax;
        if (group.entries[i]->coding[0] != '\0')
            continue;
        media_entry_read(group.entries[i], &syntax);
        if (media_syntax_same_parameters(&syntax, wanted))
            return group.entries[i];
    }
    return NULL;
}

const struct media_entry *media_table_match(const struct media_table *table,
                                            const struct media_syntax *syntax, bool *lacks_charset)
{
    *lacks_charset = false;
    struct media_group group = media_table_group(table, syntax->essence);
    if (group.count == 0)
        return NULL;
    if (!media_syntax_is_json(syntax)) {
        if (media_span_equals(syntax->essence, "text/plain") && syntax->parameter_count == 0) {
            *lacks_charset = true;
            return media_table_find(table, MEDIA_FORMAT_TEXT);
        }
        return find_exact(group, syntax);
    }
    struct media_syntax meant = *syntax;
    drop_meaningless(group, &meant);
    return find_exact(group, &meant);
}

const struct media_entry *media_table_coded(const struct media_table *table,
                                            const struct media_entry *entry,
                                            struct media_span coding)
{
    struct media_span essence = {entry->type, essence_length(entry->type)};
    struct media_group group = media_table_group(table, essence);
    for (size_t i = 0; i < group.count; i++) {
        if (media_span_equals(coding, group.entries[i]->coding) &&
            media_entry_same_type(group.entries[i], entry))
            return group.entries[i];
    }
    return NULL;
}

int media_coap_payload_format(const struct media_syntax *syntax)
{
    char digits[8];
    uint64_t number;
    const struct media_parameter *cf = media_syntax_find(syntax, (struct media_span){"cf", 2});
    if (!cf || !media_parameter_copy(cf, digits, sizeof(digits)) ||
        !text_to_number(digits, strlen(digits), UINT16_MAX, &number))
        return MEDIA_FORMAT_NONE;
    return (int)number;
}

int media_table_add(struct media_table *table, uint16_t number, const char *type,
                    const char *coding)
{
    size_t type_size = strlen(type) + 1, coding_size = strlen(coding) + 1;
    char *owned = malloc(type_size + coding_size);
    struct media_entry *entries = malloc((table->count + 1) * sizeof(*entries));
    if (!owned || !entries)
        goto out;
    memcpy(owned, type, type_size);
    memcpy(owned + type_size, coding, coding_size);

    struct media_entry *old = table->entries;
    memcpy(entries, old, table->count * sizeof(*entries));
    size_t at = 0;
    while (at < table->count && entries[at].number != number)
        at++;
    size_t count = at < table->count ? table->count : table->count + 1;
    char *replaced = at < table->count ? entries[at].owned : NULL;
    entries[at] = (struct media_entry){number, owned, owned + type_size, owned};
    if (sort_table(table, entries, count) != 0)
        goto out;
    free(replaced);
    free(old);
    return 0;
out:
    free(owned);
    free(entries);
    return -1;
}
