/* SPDX-License-Identifier: BSD-2-Clause */
#include "link_format.h"

#include <string.h>

#include "buffer.h"
#include "text.h"

/*
 * link_format: the list of the gateway's own links (RFC 6690), one link at a time into a buffer,
 * and the filter of a discovery query. A filter is matched against the attribute as it is meant,
 * before any quoting; relation types are lists whose every member counts (RFC 6690 4.1).
 */

/* Decodes the percent-escapes of one half of a filter into `out`; false when an escape is broken,
 * gives a NUL, or the text does not fit. */
static bool decode(const char *text, size_t length, char *out, size_t size)
{
    size_t used = 0;
    for (size_t i = 0; i < length; i++) {
        int c = (unsigned char)text[i];
        if (c == '%') {
            if (length - i < 3)
                return false;
            int high = text_hex_digit(text[i + 1]), low = text_hex_digit(text[i + 2]);
            if (high < 0 || low < 0)
                return false;
            c = high << 4 | low;
            i += 2;
        }
        if (c == '\0' || used + 1 >= size)
            return false;
        out[used++] = (char)c;
    }
    out[used] = '\0';
    return true;
}

bool link_filter_read(struct link_filter *filter, const char *query, size_t length)
{
    *filter = (struct link_filter){0};
    if (!query || length == 0)
        return true;
    const char *equals = memchr(query, '=', length);
    /* One pair: the template of RFC 6690 4.1 has no room for more. */
    if (!equals || equals == query || memchr(query, '&', length))
        return false;
    const char *value = equals + 1;
    if (!decode(query, (size_t)(equals - query), filter->name, sizeof(filter->name)) ||
        !decode(value, (size_t)(query + length - value), filter->value, sizeof(filter->value)))
        return false;

    size_t value_length = strlen(filter->value);
    if (value_length > 0 && filter->value[value_length - 1] == '*') {
        filter->is_prefix = true;
        filter->value[value_length - 1] = '\0';
    }
    filter->is_active = true;
    return true;
}

static bool value_matches(const struct link_filter *filter, const char *value, size_t length)
{
    size_t wanted = strlen(filter->value);
    if (filter->is_prefix ? length < wanted : length != wanted)
        return false;
    return memcmp(filter->value, value, wanted) == 0;
}

/* Attributes whose value is a list of relation types. */
static bool is_list(const char *name)
{
    static const char *const lists[] = {"rt", "if", "rel", "rev"};
    for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++) {
        if (text_equal_ignoring_case(name, lists[i]))
            return true;
    }
    return false;
}

static bool attribute_matches(const struct link_filter *filter,
                              const struct link_attribute *attribute)
{
    if (!text_equal_ignoring_case(filter->name, attribute->name))
        return false;
    const char *value = attribute->value ? attribute->value : "";
    if (!is_list(attribute->name) || strlen(value) == 0)
        return value_matches(filter, value, strlen(value));
    while (*value != '\0') {
        size_t length = strcspn(value, " ");
        if (length > 0 && value_matches(filter, value, length))
            return true;
        value += length;
        value += strspn(value, " ");
    }
    return false;
}

bool link_filter_matches(const struct link_filter *filter, const struct link *link)
{
    if (!filter->is_active)
        return true;
    if (strcmp(filter->name, "href") == 0)
        return value_matches(filter, link->href, strlen(link->href));
    for (size_t i = 0; i < link->attribute_count; i++) {
        if (attribute_matches(filter, &link->attributes[i]))
            return true;
    }
    return false;
}

/* What would end the reference or the line is escaped as a URI escapes it. */
static void write_href(struct buffer *out, const char *href)
{
    buffer_append_char(out, '<');
    for (; *href != '\0'; href++) {
        unsigned char c = (unsigned char)*href;
        if (c <= 0x20 || c == 0x7f || strchr("<>\"", c))
            buffer_printf(out, "%%%02X", c);
        else
            buffer_append_char(out, (char)c);
    }
    buffer_append_char(out, '>');
}

/* RFC 6690 2: sz is a bare number and a single ct may be; the rest is quoted. */
static bool is_bare(const struct link_attribute *attribute)
{
    uint64_t number;
    return (strcmp(attribute->name, "sz") == 0 || strcmp(attribute->name, "ct") == 0) &&
           text_to_number(attribute->value, strlen(attribute->value), UINT32_MAX, &number);
}

static void write_attribute(struct buffer *out, const struct link_attribute *attribute)
{
    buffer_append_char(out, ';');
    buffer_append_text(out, attribute->name);
    if (!attribute->value)
        return;
    buffer_append_char(out, '=');
    if (is_bare(attribute)) {
        buffer_append_text(out, attribute->value);
        return;
    }
    buffer_append_char(out, '"');
    for (const char *at = attribute->value; *at != '\0'; at++) {
        unsigned char c = (unsigned char)*at;
        if (c == '"' || c == '\\')
            buffer_append_char(out, '\\');
        /* A quoted-string holds no control characters (RFC 2616 2.2). */
        buffer_append_char(out, c < 0x20 || c == 0x7f ? ' ' : (char)c);
    }
    buffer_append_char(out, '"');
}

int link_write(struct buffer *out, const struct link *link)
{
    if (out->length > 0)
        buffer_append_char(out, ',');
    write_href(out, link->href);
    for (size_t i = 0; i < link->attribute_count; i++)
        write_attribute(out, &link->attributes[i]);
    return out->failed ? -1 : 0;
}
