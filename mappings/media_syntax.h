/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MEDIA_SYNTAX_H
#define COAPGW_MEDIA_SYNTAX_H

/*
 * media_syntax: media types and media ranges as text (RFC 9110 8.3.1, 12.5.1), read in place: every
 * span points into the text that was read. Nothing is allocated.
 */

#include <stdbool.h>
#include <stddef.h>

struct media_span {
    const char *text;
    size_t length;
};

struct media_parameter {
    struct media_span name;
    struct media_span value; /* inside of its quotes */
    bool is_quoted;          /* a backslash in `value` quotes the character behind it */
};

enum { MEDIA_PARAMETERS_MAX = 8 };

struct media_syntax {
    struct media_span essence; /* "type/subtype" */
    size_t type_length;        /* of "type" */
    size_t parameter_count;
    struct media_parameter parameters[MEDIA_PARAMETERS_MAX];
};

/* Reads one media type with its parameters, blanks around it included. False when it is none, or
 * has a parameter twice or too many of them. With `in_list` a comma ends it; `*used` is what was
 * read. */
bool media_syntax_read(struct media_syntax *syntax, const char *text, size_t length, bool in_list,
                       size_t *used);
/* The bytes of a list member up to the next comma outside of quotes. */
size_t media_syntax_member(const char *text, size_t length);

/* ASCII case is ignored. */
bool media_span_equals(struct media_span span, const char *text);
bool media_span_ends_with(struct media_span span, const char *suffix);
/* application/json or a type with the suffix +json. */
bool media_syntax_is_json(const struct media_syntax *syntax);
/* The parameter of that name, or NULL. */
const struct media_parameter *media_syntax_find(const struct media_syntax *syntax,
                                                struct media_span name);
/* Compares the values as they are meant, quoted or not; that of "charset" ignoring case. */
bool media_parameter_equals(const struct media_parameter *a, const struct media_parameter *b);
/* Copies the value as it is meant into `out` with a NUL; false when it does not fit. */
bool media_parameter_copy(const struct media_parameter *parameter, char *out, size_t size);
/* True when both have the same parameters, in whichever order. */
bool media_syntax_same_parameters(const struct media_syntax *a, const struct media_syntax *b);

#endif
