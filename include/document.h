/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_DOCUMENT_H
#define COAPGW_DOCUMENT_H

/*
 * document: a JSON file of the user's that is read with errors a person can act on: every error
 * names file, line, member path and what would be right, and all errors of a file are collected.
 * Members that nobody asked for are errors ("//" and "$schema" are ignored); so are members that
 * stand twice. Jansson keeps no line numbers for values: they are found by a scan of the text.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct document;

/* A value inside the document and the way that led there; lives as long as its parents. */
struct document_place {
    const struct document_place *parent; /* borrowed; NULL for the top */
    const char *key;                     /* member name, or NULL for an element of an array */
    size_t index;                        /* element of an array */
    json_t *value;                       /* borrowed from the document; NULL when absent */
};

/* Reads a file. Always returns a document (NULL only when memory is short); a file that cannot be
 * read or is no JSON object has errors and an empty object as its top. */
struct document *document_read_file(const char *path);
/* The same from memory; `name` stands for the file in errors. Relative file names in it are
 * relative to the folder of `name`. */
struct document *document_read_text(const char *name, const char *text, size_t length);
void document_free(struct document *document);
struct document_place document_top(const struct document *document);

/* Errors, one a line: "FILE:LINE: member.path: reason". */
bool document_has_errors(const struct document *document);
const char *document_errors(const struct document *document); /* borrowed; "" when none */
void document_error(struct document *document, const struct document_place *place,
                    const char *format, ...) __attribute__((format(printf, 3, 4)));

/* The member `key` of the object at `place`; its value is NULL when absent. The member counts as
 * known from now on. `place` must be an object (see document_expect_object). */
struct document_place document_member(struct document *document, const struct document_place *place,
                                      const char *key);
/* An element of the array at `place`. */
struct document_place document_element(const struct document_place *place, size_t index);
/* True for an object; else an error is noted. An absent value is false without an error. */
bool document_expect_object(struct document *document, const struct document_place *place);
bool document_expect_array(struct document *document, const struct document_place *place);
/* Notes an error for each member of the object at `place` that was not asked for. */
void document_refuse_unknown(struct document *document, const struct document_place *place);
/* Notes an error that the member `key` is not available in this version, if it stands there. */
void document_refuse_unbuilt(struct document *document, const struct document_place *place,
                             const char *key);

/* Each reads the member `key` of `place` when it stands there and is right: true and `*value` is
 * set. Otherwise false, `*value` is untouched, and an error was noted unless it is absent. */
bool document_read_bool(struct document *document, const struct document_place *place,
                        const char *key, bool *value);
bool document_read_number(struct document *document, const struct document_place *place,
                          const char *key, uint64_t minimum, uint64_t maximum, uint64_t *value);
/* A number that may have a fraction. */
bool document_read_real(struct document *document, const struct document_place *place,
                        const char *key, double minimum, double maximum, double *value);
/* Seconds (fractions allowed) to milliseconds. */
bool document_read_seconds(struct document *document, const struct document_place *place,
                           const char *key, double minimum, double maximum, uint32_t *value_ms);
/* `*value` is borrowed from the document. */
bool document_read_string(struct document *document, const struct document_place *place,
                          const char *key, const char **value);
/* As document_read_string, made absolute or relative to the working directory: the caller owns and
 * frees `*path`. */
bool document_read_path(struct document *document, const struct document_place *place,
                        const char *key, char **path);

#endif
