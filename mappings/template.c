/* SPDX-License-Identifier: BSD-2-Clause */
#include "template.h"

/*
 * template: a URI mapping template is a short list of literals and variables. Matching walks the
 * list once over the request target: a variable ends where the grammar of its value ends (a host
 * and port at "/" or "?", a path at "?") or where the literal behind it begins. What this module
 * expands it can also match: text in a host or path that looks like a delimiter is escaped.
 */

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "text.h"
#include "uri_private.h"

/* Six variables at most, and a literal before, between and behind them. */
enum { PARTS_MAX = 2 * TEMPLATE_VARIABLES + 1, LITERAL = TEMPLATE_VARIABLES };

struct template_part {
    unsigned variable;         /* LITERAL, or enum template_variable */
    struct template_span span; /* of the template's text: the literal */
};

struct template
{
    char *text;         /* owned */
    bool has_ampersand; /* in a literal: arguments of a query are told apart by it */
    bool has[TEMPLATE_VARIABLES];
    size_t part_count;
    struct template_part parts[PARTS_MAX];
};

static const char *const variable_names[TEMPLATE_VARIABLES] = {
    [TEMPLATE_TU] = "tu", [TEMPLATE_S] = "s", [TEMPLATE_HP] = "hp",
    [TEMPLATE_P] = "p",   [TEMPLATE_Q] = "q", [TEMPLATE_QQ] = "qq",
};

static unsigned find_variable(const char *name, size_t length)
{
    for (unsigned i = 0; i < TEMPLATE_VARIABLES; i++) {
        if (strlen(variable_names[i]) == length && memcmp(variable_names[i], name, length) == 0) {
            return i;
        }
    }
    return TEMPLATE_VARIABLES;
}

/* Reads one "{+name}" at `at`. NULL or the reason why it is none. */
static const char *read_expression(struct template *template, const char *at, size_t *length)
{
    const char *end = strchr(at, '}');
    if (end == NULL) {
        return "a \"{\" is not closed";
    }
    if (at[1] != '+') {
        return "only expressions of the form {+variable} are allowed (RFC 8075 5.4)";
    }
    unsigned variable = find_variable(at + 2, (size_t)(end - at) - 2);
    if (variable == TEMPLATE_VARIABLES) {
        return "the variables are tu, or s, hp, p, q, qq (RFC 8075 5.4)";
    }
    if (template->has[variable]) {
        return "a variable stands twice";
    }
    template->has[variable] = true;
    *length = (size_t)(end - at) + 1;
    template->parts[template->part_count].variable = variable;
    template->parts[template->part_count].span = (struct template_span){at, *length};
    template->part_count++;
    return NULL;
}

/* Reads the literal at `at`, up to the next expression. */
static const char *read_literal(struct template *template, const char *at, size_t *length)
{
    size_t span = strcspn(at, "{");
    for (size_t i = 0; i < span; i++) {
        if (at[i] == '%' && (text_hex_digit(at[i + 1]) < 0 || text_hex_digit(at[i + 2]) < 0)) {
            return "a \"%\" is not followed by two hex digits";
        }
        if (at[i] != '%' && at[i] != '/' && at[i] != '?' && !uri_is_pchar(at[i])) {
            return "a character may not stand in a URI";
        }
        template->has_ampersand |= at[i] == '&';
    }
    *length = span;
    template->parts[template->part_count].variable = LITERAL;
    template->parts[template->part_count].span = (struct template_span){at, span};
    template->part_count++;
    return NULL;
}

static const char *read_parts(struct template *template)
{
    const char *at = template->text;
    while (*at != '\0') {
        size_t length = 0;
        const char *reason = *at == '{' ? read_expression(template, at, &length)
                                        : read_literal(template, at, &length);
        if (reason != NULL) {
            return reason;
        }
        at += length;
    }
    return NULL;
}

/* Where one value ends and the next begins must be seen from the text alone. */
static const char *check_neighbours(const struct template *template)
{
    for (size_t i = 0; i + 1 < template->part_count; i++) {
        const struct template_part *part = &template->parts[i];
        const struct template_part *next = &template->parts[i + 1];
        if (part->variable == LITERAL) {
            continue;
        }
        if (next->variable == LITERAL) {
            if (part->variable == TEMPLATE_P && next->span.text[0] == '/') {
                return "{+p} takes the path to its end: no \"/\" may follow it";
            }
            /* An escape in the value holds such digits too. */
            if ((part->variable == TEMPLATE_HP || part->variable == TEMPLATE_P) &&
                text_hex_digit(next->span.text[0]) >= 0) {
                return "what follows {+hp} or {+p} may not begin with a hexadecimal digit";
            }
            continue;
        }
        bool is_apart = (part->variable == TEMPLATE_HP && next->variable == TEMPLATE_P) ||
                        (next->variable == TEMPLATE_QQ &&
                         (part->variable == TEMPLATE_HP || part->variable == TEMPLATE_P));
        if (!is_apart) {
            return "two variables stand together that cannot be told apart";
        }
    }
    return NULL;
}

static const char *check(const struct template *template, bool is_complete)
{
    const bool *has = template->has;
    if (has[TEMPLATE_Q] && has[TEMPLATE_QQ]) {
        return "q and qq exclude each other (RFC 8075 5.4.2)";
    }
    if (has[TEMPLATE_TU] && (has[TEMPLATE_S] || has[TEMPLATE_HP] || has[TEMPLATE_P] ||
                             has[TEMPLATE_Q] || has[TEMPLATE_QQ])) {
        return "tu is the whole target: no other variable may stand beside it";
    }
    if (is_complete && !has[TEMPLATE_TU] && !has[TEMPLATE_HP]) {
        return "{+tu} or {+hp} is missing: the template names no host";
    }
    return check_neighbours(template);
}

struct template *template_parse(const char *text, bool is_complete, const char **reason)
{
    *reason = "out of memory";
    struct template *template = calloc(1, sizeof(*template));
    if (template == NULL) {
        return NULL;
    }
    template->text = strdup(text);
    if (template->text != NULL) {
        *reason = read_parts(template);
        if (*reason == NULL) {
            *reason = check(template, is_complete);
        }
        if (*reason == NULL) {
            return template;
        }
    }
    template_free(template);
    return NULL;
}

void template_free(struct template *template)
{
    if (template != NULL) {
        free(template->text);
        free(template);
    }
}

const char *template_text(const struct template *template)
{
    return template->text;
}

bool template_has(const struct template *template, enum template_variable variable)
{
    return template->has[variable];
}

/* Finds `literal` in `text`, its first or its last occurrence. */
static const char *find_literal(const char *text, size_t length, struct template_span literal,
                                bool is_last)
{
    const char *found = NULL;
    for (size_t i = 0; i + literal.length <= length; i++) {
        if (memcmp(text + i, literal.text, literal.length) == 0) {
            found = text + i;
            if (!is_last) {
                break;
            }
        }
    }
    return found;
}

/* Bytes up to the first of two characters. */
static size_t span_to(const char *text, size_t length, char first, char second)
{
    size_t i = 0;
    while (i < length && text[i] != first && text[i] != second) {
        i++;
    }
    return i;
}

/* The length of the value of part `index` that begins at `text`; false when there is none. tu and q
 * may contain any delimiter (TMPL-03), so they reach to the last one; the others hold none. */
static bool value_length(const struct template *template, size_t index, const char *text,
                         size_t rest, size_t *length)
{
    unsigned variable = template->parts[index].variable;
    size_t limit = rest;
    if (index + 1 < template->part_count && template->parts[index + 1].variable == LITERAL) {
        bool is_last =
            variable == TEMPLATE_TU || variable == TEMPLATE_Q || index + 2 == template->part_count;
        const char *found = find_literal(text, rest, template->parts[index + 1].span, is_last);
        if (found == NULL) {
            return false;
        }
        limit = (size_t)(found - text);
    }
    switch (variable) {
    case TEMPLATE_HP:
        *length = span_to(text, limit, '/', '?');
        return true;
    case TEMPLATE_P:
        *length = limit > 0 && text[0] == '/' ? span_to(text, limit, '?', '?') : 0;
        return true;
    case TEMPLATE_QQ:
        *length = limit > 0 && text[0] == '?' ? limit : 0;
        return true;
    default:
        *length = limit;
        return true;
    }
}

bool template_match(const struct template *template, const char *text, size_t length,
                    struct template_span values[TEMPLATE_VARIABLES])
{
    memset(values, 0, TEMPLATE_VARIABLES * sizeof(values[0]));
    const char *at = text;
    const char *end = text + length;
    for (size_t i = 0; i < template->part_count; i++) {
        const struct template_part *part = &template->parts[i];
        size_t rest = (size_t)(end - at);
        size_t taken = part->span.length;
        if (part->variable == LITERAL) {
            if (rest < taken || memcmp(at, part->span.text, taken) != 0) {
                return false;
            }
        } else {
            if (!value_length(template, i, at, rest, &taken)) {
                return false;
            }
            values[part->variable] = (struct template_span){at, taken};
        }
        at += taken;
    }
    return at == end;
}

/* Where an expansion goes: a growing buffer, or a fixed array. */
struct sink {
    struct buffer *buffer; /* NULL: `out` */
    char *out;
    size_t size;
    size_t length;
};

static int sink_put(struct sink *sink, const char *text, size_t length)
{
    if (sink->buffer != NULL) {
        return buffer_append(sink->buffer, text, length);
    }
    if (length > sink->size - sink->length) {
        return -1;
    }
    if (length > 0) {
        memcpy(sink->out + sink->length, text, length);
    }
    sink->length += length;
    return 0;
}

/* Puts the value of hp or p, with what would be taken for the end of it escaped. Both are decoded
 * after the match, so that nothing changes. */
static int put_escaped(struct sink *sink, struct template_span value, char delimiter,
                       bool escapes_ampersand)
{
    static const char digits[] = "0123456789ABCDEF";
    for (size_t i = 0; i < value.length; i++) {
        char c = value.text[i];
        bool is_delimiter = c == delimiter && c != '/' && c != ':' && c != '%';
        char escaped[3] = {'%', digits[(unsigned char)c >> 4], digits[c & 0xf]};
        bool is_escaped = is_delimiter || (c == '&' && escapes_ampersand);
        if (sink_put(sink, is_escaped ? escaped : &c, is_escaped ? sizeof(escaped) : 1) != 0) {
            return -1;
        }
    }
    return 0;
}

static int expand(const struct template *template,
                  const struct template_span values[TEMPLATE_VARIABLES], struct sink *sink)
{
    for (size_t i = 0; i < template->part_count; i++) {
        const struct template_part *part = &template->parts[i];
        bool is_literal = part->variable == LITERAL;
        struct template_span span = is_literal ? part->span : values[part->variable];
        int failure;
        if (part->variable == TEMPLATE_HP || part->variable == TEMPLATE_P) {
            bool is_followed =
                i + 1 < template->part_count && template->parts[i + 1].variable == LITERAL;
            char delimiter = is_followed ? template->parts[i + 1].span.text[0] : '\0';
            failure = put_escaped(sink, span, delimiter, template->has_ampersand);
        } else {
            failure = sink_put(sink, span.text, span.length);
        }
        if (failure != 0) {
            return -1;
        }
    }
    return 0;
}

int template_expand(const struct template *template,
                    const struct template_span values[TEMPLATE_VARIABLES], struct buffer *out)
{
    struct sink sink = {.buffer = out};
    return expand(template, values, &sink);
}

int template_expand_into(const struct template *template,
                         const struct template_span values[TEMPLATE_VARIABLES], char *out,
                         size_t size, size_t *length)
{
    struct sink sink = {.out = out, .size = size};
    int failure = expand(template, values, &sink);
    *length = sink.length;
    return failure;
}
