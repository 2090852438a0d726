/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_type.h"

#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "media_syntax.h"
#include "media_table.h"
#include "text.h"

/*
 * media_load: the user's own Content-Formats (MEDIA-24) and loose mappings (MEDIA-14) from JSON.
 * The registry grows monthly, so that numbers must be addable without a new coapgw. Mistakes are
 * noted in the document, each at its place; what is right is taken all the same.
 */

/* "type" or {"type": .., "coding": ..}, already at hand as texts. */
static void load_format(struct media_table *table, struct document *document,
                        const struct document_place *place, uint16_t number, const char *type,
                        const char *coding)
{
    struct media_syntax syntax;
    if (!media_syntax_read(&syntax, type, strlen(type), false, NULL) ||
        syntax.essence.text != type || strpbrk(type, "\t*")) {
        document_error(document, place, "\"%s\" is no media type; write it as \"type/subtype\"",
                       type);
        return;
    }
    if (coding[0] != '\0' && !text_is_token(coding, strlen(coding))) {
        document_error(document, place, "\"%s\" is no content coding; write \"deflate\", say",
                       coding);
        return;
    }
    if (text_equal_ignoring_case(coding, "identity"))
        coding = "";
    if (media_table_add(table, number, type, coding) != 0)
        document_error(document, place, "memory is short");
}

static void load_format_object(struct media_table *table, struct document *document,
                               const struct document_place *place, uint16_t number)
{
    const char *type = NULL, *coding = "";
    document_read_string(document, place, "coding", &coding);
    if (!document_member(document, place, "type").value)
        document_error(document, place, "\"type\" is missing: the media type of the format");
    else if (document_read_string(document, place, "type", &type))
        load_format(table, document, place, number, type, coding);
    document_refuse_unknown(document, place);
}

static void load_object(struct media_table *table, struct document *document,
                        const struct document_place *place)
{
    const char *key;
    json_t *value;
    json_object_foreach(place->value, key, value)
    {
        if (strcmp(key, "//") == 0)
            continue;
        uint64_t number;
        struct document_place member = document_member(document, place, key);
        if (!text_to_number(key, strlen(key), UINT16_MAX, &number))
            document_error(document, &member, "must be a Content-Format from 0 to 65535");
        else if (json_is_string(value))
            load_format(table, document, &member, (uint16_t)number, json_string_value(value), "");
        else if (document_expect_object(document, &member))
            load_format_object(table, document, &member, (uint16_t)number);
    }
}

static void load_array(struct media_table *table, struct document *document,
                       const struct document_place *place)
{
    for (size_t i = 0; i < json_array_size(place->value); i++) {
        struct document_place element = document_element(place, i);
        uint64_t number;
        if (!document_expect_object(document, &element))
            continue;
        if (!document_member(document, &element, "cf").value)
            document_error(document, &element, "\"cf\" is missing: the number of the format");
        else if (document_read_number(document, &element, "cf", 0, UINT16_MAX, &number))
            load_format_object(table, document, &element, (uint16_t)number);
    }
}

void media_table_load(struct media_table *table, struct document *document,
                      const struct document_place *place)
{
    if (!place->value)
        return;
    if (json_is_array(place->value))
        load_array(table, document, place);
    else if (document_expect_object(document, place))
        load_object(table, document, place);
}

/* A media type or a pattern as in RFC 8075 6.3, Table 1. */
static bool is_pattern(const char *text)
{
    const char *slash = strchr(text, '/');
    if (!slash || !text_is_token(text, (size_t)(slash - text)))
        return false;
    if (strcmp(text, "*/*") == 0)
        return true;
    if (memchr(text, '*', (size_t)(slash - text)))
        return false;
    const char *subtype = slash + 1;
    if (subtype[0] == '\0' || strcmp(subtype, "*") == 0)
        return true;
    if (subtype[0] == '*' && (subtype[1] != '+' || subtype[2] == '\0'))
        return false;
    return text_is_token(subtype, strlen(subtype)) && !strchr(subtype + 1, '*');
}

static void load_entry(struct media_loose *loose, struct document *document,
                       const struct document_place *place, const char *key)
{
    uint64_t number;
    struct document_place member = document_member(document, place, key);
    if (!is_pattern(key)) {
        document_error(document, &member,
                       "must be a media type, \"type/*\", \"type/*+suffix\" or \"*/*\"");
        return;
    }
    if (!document_read_number(document, place, key, 0, UINT16_MAX, &number))
        return;
    char *pattern = strdup(key);
    if (!pattern) {
        document_error(document, &member, "memory is short");
        return;
    }
    loose->entries[loose->count++] = (struct media_loose_entry){pattern, pattern, (uint16_t)number};
}

struct media_loose *media_loose_load(struct document *document, const struct document_place *place)
{
    if (!document_expect_object(document, place))
        return NULL;
    struct media_loose *loose = calloc(1, sizeof(*loose));
    if (loose)
        loose->entries = calloc(json_object_size(place->value) + 1, sizeof(*loose->entries));
    if (!loose || !loose->entries) {
        document_error(document, place, "memory is short");
        free(loose);
        return NULL;
    }
    const char *key;
    json_t *value;
    json_object_foreach(place->value, key, value)
    {
        if (strcmp(key, "//") != 0)
            load_entry(loose, document, place, key);
    }
    if (document_has_errors(document)) {
        media_loose_free(loose);
        return NULL;
    }
    return loose;
}
