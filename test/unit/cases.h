/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_CASES_H
#define COAPGW_TEST_CASES_H

/*
 * cases: tables of cases in text files below test/data, so that a further case needs no C. A line
 * holds fields separated by " | "; "#" begins a comment line, "\xNN" and "\s" (a space) are
 * escapes.
 * "{AxN}" stands for N times the text A.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum { CASES_FIELDS_MAX = 8, CASES_FIELD_SIZE = 16384 };

struct cases {
    FILE *file;
    char name[512];
    unsigned line;
    size_t count; /* fields of the current line */
    char *fields[CASES_FIELDS_MAX];
};

/* Opens test/data/<name> below $srcdir (or the working directory); aborts the test if it is not
 * there. */
void cases_open(struct cases *cases, const char *name);
/* Reads the next case; false at the end of the file, which is closed then. */
bool cases_next(struct cases *cases);

#endif
