/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_WORDS_H
#define COAPGW_TEST_WORDS_H

/* words: how a line of a scenario is read: ${variables} first, then words with "quoted" parts. */

#include "bytes.h"

struct variables {
    struct variable {
        char *name;
        char *value;
    } * list; /* owned */
    size_t count;
};

void variables_set(struct variables *variables, const char *name, const char *value);
const char *variables_get(const struct variables *variables, const char *name); /* NULL: none */
void variables_clear(struct variables *variables);
/* Appends `text` with every ${...} replaced, from the inside out, by a variable's value or by what
 * expression.h computes. False, with the name in `unknown`, when it is neither. */
bool variables_expand(const struct variables *variables, const char *text, struct bytes *out,
                      struct bytes *unknown);

#define WORDS_MAXIMUM 128

struct words {
    struct word {
        struct bytes value; /* escapes resolved */
        bool quoted;        /* the word began with a quote */
    } list[WORDS_MAXIMUM];
    size_t count;
};

/* Splits at blanks; "..." keeps blanks and knows \r \n \t \0 \" \\ \xNN; an unquoted word that
 * begins with # ends the line. False when a quote stays open or words are too many. */
bool words_split(struct words *words, const char *line);
void words_clear(struct words *words);
const char *words_at(const struct words *words, size_t index); /* "" past the end */
bool words_is(const struct words *words, size_t index, const char *text);
/* Checked decimal number. */
bool words_number(const char *text, long *number);
bool words_seconds(const char *text, double *seconds);

#endif
