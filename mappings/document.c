/* SPDX-License-Identifier: BSD-2-Clause */
#include "document.h"

/*
 * document: reads a JSON file of the user's. Readers ask for the members they know; what was asked
 * for is remembered per object, so that the rest can be refused with the nearest known name at
 * hand. All errors of a file are collected: a configuration is put right in one go.
 */

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* The keys are addresses of our own: nobody chooses them, and their high bits say little. uthash's
 * own function falls through its cases in a way that clang warns of. */
#define HASH_FUNCTION(key, length, hash)                                                           \
    do {                                                                                           \
        uintptr_t address_;                                                                        \
        memcpy(&address_, (key), (length));                                                        \
        (hash) = (unsigned)((address_ >> 4) * 2654435761u);                                        \
    } while (0)
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

#include "buffer.h"
#include "document_lines.h"
#include "text.h"

enum {
    TEXT_MAX = 64 * 1024 * 1024, /* bytes of a file */
    ERRORS_MAX = 256 * 1024,     /* bytes of all errors */
    NAME_MAX_COMPARED = 64,      /* longer names have no near ones */
};

/* The members of one object that were asked for. */
struct known {
    const json_t *object; /* the key of the hash */
    size_t count;
    size_t capacity;
    char **keys; /* owned, like each of them */
    UT_hash_handle hh;
};

struct document {
    char *name;
    struct buffer text;
    json_t *top;
    struct buffer errors;
    struct known *known;
};

/* Appends text that may come from the file: an error is one line of UTF-8 whatever stands there. */
static void append_shown(struct buffer *out, const char *text)
{
    size_t start = out->length;
    if (text_repair_utf8(out, text, strlen(text)) != 0) {
        return;
    }
    for (size_t i = start; i < out->length; i++) {
        bool is_control = (unsigned char)out->data[i] < ' ' || out->data[i] == 0x7f;
        out->data[i] = is_control ? '?' : out->data[i];
    }
}

/* `line` is 0 when there is none, `path` "" for the top. */
static void note(struct document *document, unsigned line, const char *path, const char *reason)
{
    struct buffer *errors = &document->errors;
    struct buffer text;
    buffer_init(&text, ERRORS_MAX);
    append_shown(&text, document->name);
    if (line > 0) {
        buffer_printf(&text, ":%u", line);
    }
    buffer_append_text(&text, ": ");
    append_shown(&text, path);
    if (path[0] != '\0') {
        buffer_append_text(&text, ": ");
    }
    append_shown(&text, reason);
    buffer_append_char(&text, '\n');
    if (text.failed || buffer_append(errors, text.data, text.length) != 0) {
        errors->failed = true;
    }
    buffer_clear(&text);
}

static void parse(struct document *document)
{
    json_error_t error;
    json_t *top = json_loadb(buffer_text(&document->text), document->text.length,
                             JSON_REJECT_DUPLICATES, &error);
    if (top == NULL) {
        note(document, error.line > 0 ? (unsigned)error.line : 1, "", error.text);
        return;
    }
    if (!json_is_object(top)) {
        note(document, 1, "", "must be a JSON object: { ... }");
        json_decref(top);
        return;
    }
    json_decref(document->top);
    document->top = top;
}

static struct document *document_new(const char *name)
{
    struct document *document = calloc(1, sizeof(*document));
    if (document == NULL) {
        return NULL;
    }
    buffer_init(&document->text, TEXT_MAX);
    buffer_init(&document->errors, ERRORS_MAX);
    document->name = strdup(name);
    document->top = json_object();
    if (document->name == NULL || document->top == NULL) {
        document_free(document);
        return NULL;
    }
    return document;
}

/* 0, or -1 with errno set; the text may be too long (EFBIG). */
static int read_all(FILE *file, struct buffer *text)
{
    char chunk[16384];
    size_t count;
    while ((count = fread(chunk, 1, sizeof(chunk), file)) > 0) {
        if (buffer_append(text, chunk, count) != 0) {
            errno = EFBIG;
            return -1;
        }
    }
    return ferror(file) ? -1 : 0;
}

struct document *document_read_file(const char *path)
{
    struct document *document = document_new(path);
    if (document == NULL) {
        return NULL;
    }
    FILE *file = fopen(path, "re");
    if (file == NULL || read_all(file, &document->text) != 0) {
        char reason[256];
        snprintf(reason, sizeof(reason), "cannot be read: %s", strerror(errno));
        note(document, 0, "", reason);
    } else {
        parse(document);
    }
    if (file != NULL) {
        fclose(file);
    }
    return document;
}

struct document *document_read_text(const char *name, const char *text, size_t length)
{
    struct document *document = document_new(name);
    if (document == NULL) {
        return NULL;
    }
    if (buffer_append(&document->text, text, length) != 0) {
        document_free(document);
        return NULL;
    }
    parse(document);
    return document;
}

static void known_free(struct document *document, struct known *known)
{
    HASH_DEL(document->known, known);
    for (size_t i = 0; i < known->count; i++) {
        free(known->keys[i]);
    }
    free(known->keys);
    free(known);
}

void document_free(struct document *document)
{
    if (document == NULL) {
        return;
    }
    while (document->known != NULL) {
        known_free(document, document->known);
    }
    json_decref(document->top);
    buffer_clear(&document->text);
    buffer_clear(&document->errors);
    free(document->name);
    free(document);
}

struct document_place document_top(const struct document *document)
{
    return (struct document_place){.value = document->top};
}

bool document_has_errors(const struct document *document)
{
    return document->errors.length > 0 || document->errors.failed;
}

const char *document_errors(const struct document *document)
{
    bool is_empty = document->errors.length == 0;
    return is_empty && document->errors.failed ? "out of memory\n" : buffer_text(&document->errors);
}

/* Appends "mappings[3].target" for a place; nothing for the top. */
static void append_path(struct buffer *out, const struct document_place *place)
{
    if (place->parent == NULL) {
        return;
    }
    append_path(out, place->parent);
    if (place->key == NULL) {
        buffer_printf(out, "[%zu]", place->index);
    } else {
        buffer_printf(out, "%s%s", place->parent->parent != NULL ? "." : "", place->key);
    }
}

void document_error(struct document *document, const struct document_place *place,
                    const char *format, ...)
{
    struct buffer path;
    buffer_init(&path, 1024);
    append_path(&path, place);
    char reason[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(reason, sizeof(reason), format, arguments);
    va_end(arguments);
    note(document, document_line(buffer_text(&document->text), document->text.length, place),
         buffer_text(&path), reason);
    buffer_clear(&path);
}

/* Remembers that `key` of the object was asked for. When memory is short it is forgotten, and then
 * the document has an error anyway, as a buffer that failed. */
static void know(struct document *document, const json_t *object, const char *key)
{
    struct known *known;
    HASH_FIND_PTR(document->known, &object, known);
    if (known == NULL) {
        known = calloc(1, sizeof(*known));
        if (known == NULL) {
            document->errors.failed = true;
            return;
        }
        known->object = object;
        HASH_ADD_PTR(document->known, object, known);
        if (known->hh.tbl == NULL) {
            document->errors.failed = true;
            free(known);
            return;
        }
    }
    if (known->count == known->capacity) {
        size_t capacity = known->capacity > 0 ? 2 * known->capacity : 16;
        char **keys = realloc(known->keys, capacity * sizeof(keys[0]));
        if (keys == NULL) {
            document->errors.failed = true;
            return;
        }
        known->keys = keys;
        known->capacity = capacity;
    }
    known->keys[known->count] = strdup(key);
    if (known->keys[known->count] == NULL) {
        document->errors.failed = true;
        return;
    }
    known->count++;
}

struct document_place document_member(struct document *document, const struct document_place *place,
                                      const char *key)
{
    know(document, place->value, key);
    return (struct document_place){
        .parent = place, .key = key, .value = json_object_get(place->value, key)};
}

struct document_place document_element(const struct document_place *place, size_t index)
{
    return (struct document_place){
        .parent = place, .index = index, .value = json_array_get(place->value, index)};
}

bool document_expect_object(struct document *document, const struct document_place *place)
{
    if (place->value != NULL && !json_is_object(place->value)) {
        document_error(document, place, "must be an object: { ... }");
    }
    return json_is_object(place->value);
}

bool document_expect_array(struct document *document, const struct document_place *place)
{
    if (place->value != NULL && !json_is_array(place->value)) {
        document_error(document, place, "must be a list: [ ... ]");
    }
    return json_is_array(place->value);
}

/* Levenshtein's distance of two names, at most 63 characters each. */
static size_t distance(const char *a, const char *b)
{
    size_t row[NAME_MAX_COMPARED];
    size_t width = strlen(b);
    for (size_t j = 0; j <= width; j++) {
        row[j] = j;
    }
    for (size_t i = 1; a[i - 1] != '\0'; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= width; j++) {
            size_t best = diagonal + (a[i - 1] != b[j - 1]);
            best = row[j] + 1 < best ? row[j] + 1 : best;
            best = row[j - 1] + 1 < best ? row[j - 1] + 1 : best;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[width];
}

/* The known member that `key` was probably meant to be, or NULL. */
static const char *nearest(const struct known *known, const char *key)
{
    size_t length = strlen(key);
    size_t limit = length / 3 + 1;
    const char *found = NULL;
    for (size_t i = 0; known != NULL && length < NAME_MAX_COMPARED && i < known->count; i++) {
        if (strlen(known->keys[i]) >= NAME_MAX_COMPARED) {
            continue;
        }
        size_t away = distance(key, known->keys[i]);
        if (away <= limit) {
            limit = away > 0 ? away - 1 : 0;
            found = known->keys[i];
        }
    }
    return found;
}

static bool is_known(const struct known *known, const char *key)
{
    if (strcmp(key, "//") == 0 || strcmp(key, "$schema") == 0) {
        return true;
    }
    for (size_t i = 0; known != NULL && i < known->count; i++) {
        if (strcmp(known->keys[i], key) == 0) {
            return true;
        }
    }
    return false;
}

void document_refuse_unknown(struct document *document, const struct document_place *place)
{
    const json_t *object = place->value;
    struct known *known;
    HASH_FIND_PTR(document->known, &object, known);
    const char *key;
    json_t *value;
    json_object_foreach(place->value, key, value)
    {
        if (is_known(known, key)) {
            continue;
        }
        struct document_place member = {.parent = place, .key = key, .value = value};
        const char *meant = nearest(known, key);
        if (meant != NULL) {
            document_error(document, &member, "unknown member; did you mean \"%s\"?", meant);
        } else {
            document_error(document, &member, "unknown member");
        }
    }
    if (known != NULL) {
        known_free(document, known);
    }
}

void document_refuse_unbuilt(struct document *document, const struct document_place *place,
                             const char *key)
{
    struct document_place member = document_member(document, place, key);
    if (member.value != NULL) {
        document_error(document, &member, "is not available in this version of coapgw");
    }
}

bool document_read_bool(struct document *document, const struct document_place *place,
                        const char *key, bool *value)
{
    struct document_place member = document_member(document, place, key);
    if (member.value == NULL) {
        return false;
    }
    if (!json_is_boolean(member.value)) {
        document_error(document, &member, "must be true or false");
        return false;
    }
    *value = json_is_true(member.value);
    return true;
}

bool document_read_number(struct document *document, const struct document_place *place,
                          const char *key, uint64_t minimum, uint64_t maximum, uint64_t *value)
{
    struct document_place member = document_member(document, place, key);
    if (member.value == NULL) {
        return false;
    }
    json_int_t number = json_integer_value(member.value);
    if (!json_is_integer(member.value) || number < 0 || (uint64_t)number < minimum ||
        (uint64_t)number > maximum) {
        document_error(document, &member, "must be a whole number from %llu to %llu",
                       (unsigned long long)minimum, (unsigned long long)maximum);
        return false;
    }
    *value = (uint64_t)number;
    return true;
}

/* `what` stands behind "a number" in the error. */
static bool read_number(struct document *document, const struct document_place *place,
                        const char *key, const char *what, double minimum, double maximum,
                        double *value)
{
    struct document_place member = document_member(document, place, key);
    if (member.value == NULL) {
        return false;
    }
    double number = json_number_value(member.value);
    if (!json_is_number(member.value) || !(number >= minimum && number <= maximum)) {
        document_error(document, &member, "must be a number%s from %.10g to %.10g", what, minimum,
                       maximum);
        return false;
    }
    *value = number;
    return true;
}

bool document_read_real(struct document *document, const struct document_place *place,
                        const char *key, double minimum, double maximum, double *value)
{
    return read_number(document, place, key, "", minimum, maximum, value);
}

bool document_read_seconds(struct document *document, const struct document_place *place,
                           const char *key, double minimum, double maximum, uint32_t *value_ms)
{
    double seconds;
    if (!read_number(document, place, key, " of seconds", minimum, maximum, &seconds)) {
        return false;
    }
    *value_ms = (uint32_t)(seconds * 1000 + 0.5);
    return true;
}

bool document_read_string(struct document *document, const struct document_place *place,
                          const char *key, const char **value)
{
    struct document_place member = document_member(document, place, key);
    if (member.value == NULL) {
        return false;
    }
    if (!json_is_string(member.value)) {
        document_error(document, &member, "must be a text: \"...\"");
        return false;
    }
    *value = json_string_value(member.value);
    return true;
}

bool document_read_path(struct document *document, const struct document_place *place,
                        const char *key, char **path)
{
    const char *value;
    if (!document_read_string(document, place, key, &value)) {
        return false;
    }
    if (value[0] == '\0') {
        struct document_place member = document_member(document, place, key);
        document_error(document, &member, "must be the name of a file");
        return false;
    }
    const char *slash = strrchr(document->name, '/');
    struct buffer full;
    buffer_init(&full, 65536);
    if (value[0] != '/' && slash != NULL) {
        buffer_append(&full, document->name, (size_t)(slash - document->name) + 1);
    }
    if (full.failed || buffer_append_text(&full, value) != 0) {
        document->errors.failed = true;
        buffer_clear(&full);
        return false;
    }
    *path = buffer_take(&full, NULL);
    return true;
}
