/* SPDX-License-Identifier: BSD-2-Clause */
#include "document_lines.h"

/*
 * document_lines: jansson keeps no positions, so an error's line is found by walking the text again
 * along the way that leads to the value: in each object to the member of that name, in each array
 * to the element of that index. The text has been parsed before, so the walk need not check
 * anything; it only must not run over the end.
 */

#include <stdbool.h>
#include <string.h>

#include "document.h"

struct cursor {
    const char *at;
    const char *end;
};

static bool is_blank(char c)
{
    return c == ' ' || c == '\t' || c == '\r' || c == '\n';
}

/* Skips blanks and the characters that stand between values and names. */
static void skip_between(struct cursor *cursor)
{
    while (cursor->at < cursor->end &&
           (is_blank(*cursor->at) || *cursor->at == ',' || *cursor->at == ':')) {
        cursor->at++;
    }
}

static void skip_string(struct cursor *cursor)
{
    cursor->at++;
    while (cursor->at < cursor->end && *cursor->at != '"') {
        cursor->at += *cursor->at == '\\' ? 2 : 1;
    }
    cursor->at++;
}

/* A literal or a number ends here. NUL is no such character, though strchr finds it in any text. */
static bool ends_word(char c)
{
    return is_blank(c) || memchr(",:{}[]\"", c, sizeof ",:{}[]\"" - 1) != NULL;
}

/* Skips one value of any kind. */
static void skip_value(struct cursor *cursor)
{
    unsigned depth = 0;
    do {
        skip_between(cursor);
        if (cursor->at >= cursor->end) {
            return;
        }
        char c = *cursor->at;
        if (c == '"') {
            skip_string(cursor);
        } else if (c == '{' || c == '[') {
            depth++;
            cursor->at++;
        } else if (c == '}' || c == ']') {
            if (depth == 0) {
                return;
            }
            depth--;
            cursor->at++;
        } else {
            while (cursor->at < cursor->end && !ends_word(*cursor->at)) {
                cursor->at++;
            }
        }
    } while (depth > 0);
}

/* Whether the string token of `length` bytes, quotes included, means `key`. */
static bool token_is(const char *token, size_t length, const char *key)
{
    if (memchr(token, '\\', length) == NULL) {
        return length == strlen(key) + 2 && memcmp(token + 1, key, length - 2) == 0;
    }
    json_t *value = json_loadb(token, length, JSON_DECODE_ANY, NULL);
    bool is_equal = value != NULL && strcmp(json_string_value(value), key) == 0;
    json_decref(value);
    return is_equal;
}

/* From the "{" of an object to the member's name; `*value` is set behind the name. */
static bool find_member(struct cursor *cursor, const char *key, struct cursor *value)
{
    cursor->at++;
    for (;;) {
        skip_between(cursor);
        if (cursor->at >= cursor->end || *cursor->at != '"') {
            return false;
        }
        struct cursor name = *cursor;
        skip_string(cursor);
        if (cursor->at > cursor->end) {
            return false;
        }
        if (token_is(name.at, (size_t)(cursor->at - name.at), key)) {
            *value = *cursor;
            *cursor = name;
            return true;
        }
        skip_value(cursor);
    }
}

/* From the "[" of an array to the element. */
static bool find_element(struct cursor *cursor, size_t index)
{
    cursor->at++;
    for (size_t i = 0; i < index; i++) {
        skip_value(cursor);
    }
    skip_between(cursor);
    return cursor->at < cursor->end && *cursor->at != ']';
}

/* Leads to the place: `*shown` is where it is told to stand (for a member its name), `*value` its
 * value. False when it is not there; `*shown` is then that of the nearest parent. */
static bool locate(const struct document_place *place, struct cursor start, struct cursor *shown,
                   struct cursor *value)
{
    if (place == NULL || place->parent == NULL) {
        skip_between(&start);
        *shown = start;
        *value = start;
        return start.at < start.end;
    }
    if (!locate(place->parent, start, shown, value)) {
        return false;
    }
    skip_between(value);
    struct cursor cursor = *value;
    if (cursor.at >= cursor.end || *cursor.at != (place->key != NULL ? '{' : '[')) {
        return false;
    }
    if (place->key == NULL) {
        if (!find_element(&cursor, place->index)) {
            return false;
        }
        *value = cursor;
    } else if (!find_member(&cursor, place->key, value)) {
        return false;
    }
    *shown = cursor;
    return true;
}

unsigned document_line(const char *text, size_t length, const struct document_place *place)
{
    struct cursor start = {text, text + length};
    struct cursor shown = start;
    struct cursor value = start;
    (void)locate(place, start, &shown, &value);
    unsigned line = 1;
    for (const char *at = text; at < shown.at && at < start.end; at++) {
        line += *at == '\n';
    }
    return line;
}
