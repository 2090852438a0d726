/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_link: the first line is the raw query of a discovery request, the second a reference, the
 * others attributes "name=value". A link that is written is read back as what it was, by a small
 * reader of RFC 6690 of its own, and the filter that names one of its attributes finds it.
 */
#include "link_format.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "fuzz.h"
#include "text.h"

enum { TEXT_MAXIMUM = 1 << 20 };

/* Control characters become blanks in a quoted value. */
static bool is_same_character(char written, char meant)
{
    bool is_control = (unsigned char)meant < 0x20 || meant == 0x7f;

    return written == meant || (is_control && written == ' ');
}

/* Reads ";name=value" at `*at` and compares it with the attribute. */
static bool reads_as(const char **at, const struct link_attribute *attribute)
{
    size_t name_length = strlen(attribute->name);
    const char *meant = attribute->value;

    if (**at != ';' || strncmp(*at + 1, attribute->name, name_length) != 0)
        return false;
    *at += 1 + name_length;
    if (meant == NULL)
        return true;
    if (*(*at)++ != '=')
        return false;
    bool is_quoted = **at == '"';
    *at += is_quoted;
    while (is_quoted ? **at != '"' : **at != ';' && **at != '\0') {
        *at += **at == '\\';
        if (**at == '\0' || *meant == '\0' || !is_same_character(**at, *meant))
            return false;
        meant++;
        (*at)++;
    }
    *at += is_quoted;
    return *meant == '\0';
}

static void check_written(const char *text, const struct link *link)
{
    const char *at = strchr(text, '>');

    FUZZ_CHECK(text[0] == '<' && at != NULL && fuzz_is_field_text(text));
    if (at == NULL)
        return;
    for (const char *c = text + 1; c < at; c++)
        FUZZ_CHECK((unsigned char)*c > ' ' && *c != '"' && *c != '<');
    at++;
    for (size_t i = 0; i < link->attribute_count; i++)
        FUZZ_CHECK(reads_as(&at, &link->attributes[i]));
    FUZZ_CHECK(*at == '\0');
}

static void check_link(const struct link *link)
{
    struct buffer out;

    buffer_init(&out, TEXT_MAXIMUM);
    FUZZ_CHECK(link_write(&out, link) == 0);
    if (!fuzz_memory.has_failed) {
        size_t length = out.length;

        check_written(buffer_text(&out), link);
        FUZZ_CHECK(link_write(&out, link) == 0);
        FUZZ_CHECK(out.length == 2 * length + 1 && out.data[length] == ',');
    }
    buffer_clear(&out);
}

/* A filter made from an attribute of the link, every byte escaped, matches the link. */
static void check_own_filter(const struct link *link, const struct link_attribute *attribute)
{
    struct link_filter filter;
    struct buffer query;
    const char *value = attribute->value;

    if (value == NULL || value[0] == '\0' || value[strlen(value) - 1] == '*' ||
        strchr(value, ' ') != NULL || strcmp(attribute->name, "href") == 0)
        return;
    buffer_init(&query, TEXT_MAXIMUM);
    for (const char *c = attribute->name; *c != '\0'; c++)
        buffer_printf(&query, "%%%02x", (unsigned char)*c);
    buffer_append_char(&query, '=');
    for (const char *c = value; *c != '\0'; c++)
        buffer_printf(&query, "%%%02X", (unsigned char)*c);
    if (!query.failed && link_filter_read(&filter, query.data, query.length)) {
        FUZZ_CHECK(filter.is_active && !filter.is_prefix);
        FUZZ_CHECK(link_filter_matches(&filter, link));
    } else {
        FUZZ_CHECK(strlen(attribute->name) >= sizeof filter.name ||
                   strlen(value) >= sizeof filter.value);
    }
    buffer_clear(&query);
}

static void check_query(const char *query, size_t length, const struct link *link)
{
    struct link_filter filter;

    if (!link_filter_read(&filter, query, length))
        return;
    FUZZ_CHECK(filter.is_active == (length > 0));
    FUZZ_CHECK(memchr(filter.name, '\0', sizeof filter.name) != NULL);
    FUZZ_CHECK(memchr(filter.value, '\0', sizeof filter.value) != NULL);
    bool matches = link_filter_matches(&filter, link);
    FUZZ_CHECK(filter.is_active || matches);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    size_t length = 0;
    char *query = fuzz_take_line(&input, &length);
    char *href = fuzz_take_line(&input, NULL);
    char *lines[LINK_ATTRIBUTES_MAX] = {NULL};
    struct link link = {.href = href};

    while (link.attribute_count < LINK_ATTRIBUTES_MAX) {
        size_t i = link.attribute_count;

        lines[i] = fuzz_take_line(&input, NULL);
        if (lines[i] == NULL)
            break;
        char *equals = strchr(lines[i], '=');
        if (equals != NULL)
            *equals = '\0';
        /* Names are our own; only values come from a configuration. */
        bool is_name = text_is_token(lines[i], strlen(lines[i]));
        link.attributes[i].name = is_name ? lines[i] : "title";
        link.attributes[i].value = equals != NULL ? equals + 1 : NULL;
        link.attribute_count++;
    }
    if (href != NULL) {
        check_link(&link);
        check_query(query, length, &link);
        for (size_t i = 0; i < link.attribute_count; i++)
            check_own_filter(&link, &link.attributes[i]);
    }
    free(query);
    free(href);
    for (size_t i = 0; i < LINK_ATTRIBUTES_MAX; i++)
        free(lines[i]);
    return 0;
}
