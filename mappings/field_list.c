/* SPDX-License-Identifier: BSD-2-Clause */
#include "field_list.h"

/*
 * field_list: one element at a time, without memory and without a copy of the field. Where an
 * element ends is decided first and apart from whether it can be read, so that one bad element
 * never hides or makes another.
 */

#include <string.h>
#include <strings.h>

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static size_t token_length(const char *text)
{
    return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* Behind the comma that ends the element, or the end of the text. */
static const char *skip_element(const char *text)
{
    bool is_quoted = false;

    for (; *text != '\0' && (is_quoted || *text != ','); text++) {
        if (*text == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && *text == '\\' && text[1] != '\0')
            text++;
    }
    return *text == ',' ? text + 1 : text;
}

/* Reads a token or a quoted string; NULL when it is neither, or too long. */
static const char *read_value(const char *text, char value[FIELD_VALUE_SIZE])
{
    size_t used = 0;

    if (*text != '"') {
        used = token_length(text);
        if (used == 0 || used >= FIELD_VALUE_SIZE)
            return NULL;
        memcpy(value, text, used);
        value[used] = '\0';
        return text + used;
    }
    for (text++; *text != '"'; text++) {
        if (*text == '\\')
            text++;
        if (*text == '\0' || used + 1 >= FIELD_VALUE_SIZE)
            return NULL;
        value[used++] = *text;
    }
    value[used] = '\0';
    return text + 1;
}

const char *field_list_next(const char *text, struct field_element *element)
{
    const char *end = skip_element(text);
    const char *at = skip_blanks(text);

    *element = (struct field_element){.name = at, .name_length = token_length(at)};
    at = skip_blanks(at + element->name_length);
    if (element->name_length > 0 && *at == '=') {
        element->has_value = true;
        at = read_value(skip_blanks(at + 1), element->value);
        if (at != NULL)
            at = skip_blanks(at);
    }
    element->has_parameters = at != NULL && *at == ';';
    element->is_readable = at != NULL && (*at == '\0' || *at == ',' || element->has_parameters);
    return end;
}

bool field_element_is(const struct field_element *element, const char *name)
{
    return element->name_length == strlen(name) &&
           strncasecmp(element->name, name, element->name_length) == 0;
}
