/* SPDX-License-Identifier: BSD-2-Clause */
#include "words.h"
/*
 * words: turns a line of a scenario into words. Variables are replaced in the whole line before it
 * is split, so that a port can stand inside a quoted text, a target or a JSON block.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "expression.h"

static char *copy_text(const char *text, size_t length)
{
    char *copy = bytes_allocate(length + 1);
    memcpy(copy, text, length);
    return copy;
}

void variables_set(struct variables *variables, const char *name, const char *value)
{
    struct variable *found = NULL;
    for (size_t i = 0; i < variables->count && found == NULL; i++) {
        if (strcmp(variables->list[i].name, name) == 0)
            found = &variables->list[i];
    }
    if (found == NULL) {
        size_t size = (variables->count + 1) * sizeof(*variables->list);
        struct variable *list = bytes_allocate(size);
        if (variables->count > 0)
            memcpy(list, variables->list, variables->count * sizeof(*list));
        free(variables->list);
        variables->list = list;
        found = &list[variables->count++];
        found->name = copy_text(name, strlen(name));
    }
    free(found->value);
    found->value = copy_text(value, strlen(value));
}

const char *variables_get(const struct variables *variables, const char *name)
{
    for (size_t i = 0; i < variables->count; i++) {
        if (strcmp(variables->list[i].name, name) == 0)
            return variables->list[i].value;
    }
    return NULL;
}

void variables_clear(struct variables *variables)
{
    for (size_t i = 0; i < variables->count; i++) {
        free(variables->list[i].name);
        free(variables->list[i].value);
    }
    free(variables->list);
    *variables = (struct variables){NULL, 0};
}

/* Where the ${ that begins at `begin` ends; NULL when it does not. */
static const char *closing_brace(const char *begin)
{
    unsigned depth = 0;
    for (const char *at = begin; *at != '\0'; at++) {
        if (strncmp(at, "${", 2) == 0)
            depth++;
        else if (*at == '}' && --depth == 0)
            return at;
    }
    return NULL;
}

/* `name` is the inside of ${...}, in which every ${...} has been replaced already. */
static bool expand_name(const struct variables *variables, const struct bytes *name,
                        struct bytes *out)
{
    const char *value = variables_get(variables, bytes_text(name));
    if (value == NULL)
        return expression_write(bytes_text(name), out);
    bytes_append(out, value, strlen(value));
    return true;
}

bool variables_expand(const struct variables *variables, const char *text, struct bytes *out,
                      struct bytes *unknown)
{
    for (;;) {
        const char *begin = strstr(text, "${");
        const char *end = begin == NULL ? NULL : closing_brace(begin);
        if (end == NULL) {
            bytes_append(out, text, strlen(text));
            return true;
        }
        bytes_append(out, text, (size_t)(begin - text));
        struct bytes name = {NULL, 0, 0};
        char *inside = copy_text(begin + 2, (size_t)(end - begin - 2));
        bool known = variables_expand(variables, inside, &name, unknown);
        if (known && !expand_name(variables, &name, out)) {
            bytes_set(unknown, bytes_text(&name), name.length);
            known = false;
        }
        free(inside);
        bytes_clear(&name);
        if (!known)
            return false;
        text = end + 1;
    }
}

/* Reads one escape behind the backslash; returns what follows it, NULL when it is none. */
static const char *read_escape(const char *at, struct bytes *out)
{
    static const char letters[] = "rnt0\"\\";
    static const char values[] = "\r\n\t\0\"\\";
    if (*at == 'x')
        return at[1] != '\0' && bytes_append_hex(out, at + 1, 2) ? at + 3 : NULL;
    const char *letter = *at == '\0' ? NULL : strchr(letters, *at);
    if (letter == NULL)
        return NULL;
    bytes_append(out, &values[letter - letters], 1);
    return at + 1;
}

/* Reads one word; returns what follows it, NULL when a quote or an escape is broken. */
static const char *read_word(const char *at, struct word *word)
{
    bool inside = false;
    word->quoted = *at == '"';
    bytes_append(&word->value, "", 0);
    while (*at != '\0' && (inside || strchr(" \t", *at) == NULL)) {
        if (*at == '"') {
            inside = !inside;
            at++;
        } else if (inside && *at == '\\') {
            at = read_escape(at + 1, &word->value);
            if (at == NULL)
                return NULL;
        } else {
            bytes_append(&word->value, at++, 1);
        }
    }
    return inside ? NULL : at;
}

bool words_split(struct words *words, const char *line)
{
    for (;;) {
        line += strspn(line, " \t");
        if (*line == '\0' || *line == '#')
            return true;
        if (words->count == WORDS_MAXIMUM)
            return false;
        line = read_word(line, &words->list[words->count++]);
        if (line == NULL)
            return false;
    }
}

void words_clear(struct words *words)
{
    for (size_t i = 0; i < words->count; i++)
        bytes_clear(&words->list[i].value);
    words->count = 0;
}

const char *words_at(const struct words *words, size_t index)
{
    return index < words->count ? bytes_text(&words->list[index].value) : "";
}

bool words_is(const struct words *words, size_t index, const char *text)
{
    return index < words->count && !words->list[index].quoted &&
           strcmp(words_at(words, index), text) == 0;
}

bool words_number(const char *text, long *number)
{
    char *end;
    *number = strtol(text, &end, 10);
    return *text != '\0' && *end == '\0';
}

bool words_seconds(const char *text, double *seconds)
{
    char *end;
    *seconds = strtod(text, &end);
    return *text != '\0' && *end == '\0' && *seconds >= 0;
}
