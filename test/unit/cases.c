/* SPDX-License-Identifier: BSD-2-Clause */
#include "cases.h"

/*
 * cases: reads the tables below test/data line by line. Fields are copied and their escapes
 * replaced; a line that cannot be read aborts, for a case that is not run proves nothing.
 */

#include <stdlib.h>
#include <string.h>

#include "text.h"

static void fail(const struct cases *cases, const char *what)
{
    fprintf(stderr, "%s:%u: %s\n", cases->name, cases->line, what);
    abort();
}

void cases_open(struct cases *cases, const char *name)
{
    memset(cases, 0, sizeof(*cases));
    const char *srcdir = getenv("srcdir");
    snprintf(cases->name, sizeof(cases->name), "%s/test/data/%s", srcdir != NULL ? srcdir : ".",
             name);
    cases->file = fopen(cases->name, "r");
    if (cases->file == NULL) {
        fail(cases, "cannot be opened");
    }
}

static void free_fields(struct cases *cases)
{
    for (size_t i = 0; i < cases->count; i++) {
        free(cases->fields[i]);
    }
    cases->count = 0;
}

/* Replaces escapes: returns the bytes of the field, which the caller frees. */
static char *unescape(const struct cases *cases, const char *text, size_t length)
{
    char *field = calloc(1, CASES_FIELD_SIZE);
    size_t used = 0;
    for (size_t i = 0; i < length && field != NULL; i++) {
        char letter;
        unsigned times;
        int taken = 0;
        if (text[i] == '{' && sscanf(text + i, "{%cx%u}%n", &letter, &times, &taken) == 2 &&
            taken > 0 && used + times < CASES_FIELD_SIZE) {
            memset(field + used, letter, times);
            used += times;
            i += (size_t)taken - 1;
        } else if (text[i] == '\\' && text[i + 1] == 's') {
            field[used++] = ' ';
            i++;
        } else if (text[i] == '\\' && text[i + 1] == 'x') {
            field[used++] = (char)(text_hex_digit(text[i + 2]) * 16 + text_hex_digit(text[i + 3]));
            i += 3;
        } else {
            field[used++] = text[i];
        }
        if (used + 1 >= CASES_FIELD_SIZE) {
            fail(cases, "a field is too long");
        }
    }
    return field;
}

bool cases_next(struct cases *cases)
{
    char line[CASES_FIELD_SIZE];
    free_fields(cases);
    while (fgets(line, sizeof(line), cases->file) != NULL) {
        cases->line++;
        line[strcspn(line, "\n")] = '\0';
        if (line[0] == '#' || line[0] == '\0') {
            continue;
        }
        char *at = line;
        while (at != NULL) {
            char *bar = strstr(at, " | ");
            size_t length = bar != NULL ? (size_t)(bar - at) : strlen(at);
            if (cases->count == CASES_FIELDS_MAX) {
                fail(cases, "too many fields");
            }
            cases->fields[cases->count] = unescape(cases, at, length);
            if (cases->fields[cases->count++] == NULL) {
                fail(cases, "out of memory");
            }
            at = bar != NULL ? bar + 3 : NULL;
        }
        return true;
    }
    fclose(cases->file);
    cases->file = NULL;
    return false;
}
