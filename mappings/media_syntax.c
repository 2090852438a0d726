/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_syntax.h"

#include <string.h>

#include "text.h"

/*
 * media_syntax: one reader for Content-Type, for the members of Accept and for the registry's own
 * texts, so that all three are compared by the same rules: type, subtype and parameter names
 * without regard to case, blanks around ";" without meaning, a quoted value equal to the bare one.
 */

static bool is_blank(char c)
{
    return c == ' ' || c == '\t';
}

static bool is_token_character(char c)
{
    return text_is_token(&c, 1);
}

struct cursor {
    const char *at;
    const char *end;
};

static void skip_blanks(struct cursor *cursor)
{
    while (cursor->at < cursor->end && is_blank(*cursor->at))
        cursor->at++;
}

static bool take(struct cursor *cursor, char c)
{
    if (cursor->at >= cursor->end || *cursor->at != c)
        return false;
    cursor->at++;
    return true;
}

static bool read_token(struct cursor *cursor, struct media_span *token)
{
    token->text = cursor->at;
    while (cursor->at < cursor->end && is_token_character(*cursor->at))
        cursor->at++;
    token->length = (size_t)(cursor->at - token->text);
    return token->length > 0;
}

/* RFC 9110 5.6.4, behind the opening quote: qdtext and quoted-pair are tab, space, visible and
 * non-ASCII characters. */
static bool read_quoted(struct cursor *cursor, struct media_span *value)
{
    value->text = cursor->at;
    while (cursor->at < cursor->end && *cursor->at != '"') {
        if (*cursor->at == '\\' && ++cursor->at >= cursor->end)
            return false;
        unsigned char c = (unsigned char)*cursor->at;
        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
        cursor->at++;
    }
    value->length = (size_t)(cursor->at - value->text);
    return take(cursor, '"');
}

static bool read_parameter(struct cursor *cursor, struct media_parameter *parameter)
{
    if (!read_token(cursor, &parameter->name) || !take(cursor, '='))
        return false;
    parameter->is_quoted = take(cursor, '"');
    return parameter->is_quoted ? read_quoted(cursor, &parameter->value)
                                : read_token(cursor, &parameter->value);
}

bool media_syntax_read(struct media_syntax *syntax, const char *text, size_t length, bool in_list,
                       size_t *used)
{
    struct cursor cursor = {text, text + length};
    struct media_span type, subtype;
    syntax->parameter_count = 0;

    skip_blanks(&cursor);
    if (!read_token(&cursor, &type) || !take(&cursor, '/') || !read_token(&cursor, &subtype))
        return false;
    syntax->type_length = type.length;
    syntax->essence = (struct media_span){type.text, type.length + 1 + subtype.length};

    skip_blanks(&cursor);
    while (take(&cursor, ';')) {
        skip_blanks(&cursor);
        if (cursor.at == cursor.end || *cursor.at == ';' || *cursor.at == ',')
            continue; /* an empty parameter is allowed */
        struct media_parameter parameter;
        if (!read_parameter(&cursor, &parameter) || media_syntax_find(syntax, parameter.name) ||
            syntax->parameter_count == MEDIA_PARAMETERS_MAX)
            return false;
        syntax->parameters[syntax->parameter_count++] = parameter;
        skip_blanks(&cursor);
    }
    if (used)
        *used = (size_t)(cursor.at - text);
    return cursor.at == cursor.end || (in_list && *cursor.at == ',');
}

size_t media_syntax_member(const char *text, size_t length)
{
    bool is_quoted = false;
    for (size_t i = 0; i < length; i++) {
        if (is_quoted && text[i] == '\\')
            i++;
        else if (text[i] == '"')
            is_quoted = !is_quoted;
        else if (text[i] == ',' && !is_quoted)
            return i;
    }
    return length;
}

bool media_span_equals(struct media_span span, const char *text)
{
    return strlen(text) == span.length && text_equal_ignoring_case_n(span.text, text, span.length);
}

const struct media_parameter *media_syntax_find(const struct media_syntax *syntax,
                                                struct media_span name)
{
    for (size_t i = 0; i < syntax->parameter_count; i++) {
        const struct media_parameter *parameter = &syntax->parameters[i];
        if (parameter->name.length == name.length &&
            text_equal_ignoring_case_n(parameter->name.text, name.text, name.length))
            return parameter;
    }
    return NULL;
}

/* The next character of a value as it is meant, or -1 at its end. */
static int next_character(const struct media_parameter *parameter, size_t *at)
{
    if (*at < parameter->value.length && parameter->is_quoted && parameter->value.text[*at] == '\\')
        ++*at;
    if (*at >= parameter->value.length)
        return -1;
    return (unsigned char)parameter->value.text[(*at)++];
}

bool media_parameter_equals(const struct media_parameter *a, const struct media_parameter *b)
{
    bool ignores_case = media_span_equals(a->name, "charset");
    size_t at_a = 0, at_b = 0;
    int x, y;
    do {
        x = next_character(a, &at_a);
        y = next_character(b, &at_b);
        if (ignores_case && x >= 0 && y >= 0) {
            x = (unsigned char)text_lower((char)x);
            y = (unsigned char)text_lower((char)y);
        }
        if (x != y)
            return false;
    } while (x != -1);
    return true;
}

bool media_parameter_copy(const struct media_parameter *parameter, char *out, size_t size)
{
    size_t at = 0, length = 0;
    int c;
    while ((c = next_character(parameter, &at)) >= 0) {
        if (length + 1 >= size)
            return false;
        out[length++] = (char)c;
    }
    out[length] = '\0';
    return true;
}

bool media_syntax_same_parameters(const struct media_syntax *a, const struct media_syntax *b)
{
    if (a->parameter_count != b->parameter_count)
        return false;
    for (size_t i = 0; i < a->parameter_count; i++) {
        const struct media_parameter *other = media_syntax_find(b, a->parameters[i].name);
        if (!other || !media_parameter_equals(&a->parameters[i], other))
            return false;
    }
    return true;
}

bool media_span_ends_with(struct media_span span, const char *suffix)
{
    size_t length = strlen(suffix);
    return span.length > length &&
           text_equal_ignoring_case_n(span.text + span.length - length, suffix, length);
}

bool media_syntax_is_json(const struct media_syntax *syntax)
{
    return media_span_equals(syntax->essence, "application/json") ||
           media_span_ends_with(syntax->essence, "+json");
}
