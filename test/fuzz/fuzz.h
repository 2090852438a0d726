/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_FUZZ_H
#define COAPGW_FUZZ_H

/*
 * fuzz: what the fuzz targets share. A target reads its input piece by piece, runs a parser, and
 * checks what must hold of any input. It is linked with libFuzzer (scripts/nightly fuzz) or with
 * replay.c, which plays kept inputs under any compiler (make check).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_message.h"

struct rest_message;

/* The target. Always 0. */
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
/* What a target makes once and keeps; not every target has one. */
int LLVMFuzzerInitialize(int *argc, char ***argv);

/* The input, or what is left of it. */
struct fuzz_input {
    const uint8_t *at;
    size_t left;
};
/* The next byte, 0 at the end. */
uint8_t fuzz_take_byte(struct fuzz_input *input);
/* The next `wanted` bytes, or what is left of them: borrowed. */
const uint8_t *fuzz_take_bytes(struct fuzz_input *input, size_t wanted, size_t *length);
/* The next line without its newline, or the rest, as text in memory of just that size; `*length`
 * (may be NULL) counts NULs inside. The caller frees it. NULL at the end and without memory. */
char *fuzz_take_line(struct fuzz_input *input, size_t *length);

/* Lines "Name: value" up to an empty one. */
enum { FUZZ_FIELDS_MAX = 32 };
size_t fuzz_take_fields(struct fuzz_input *input, struct http_field fields[FUZZ_FIELDS_MAX]);
void fuzz_free_fields(struct http_field *fields, size_t count);

/* Memory of an input, as replay.c counts it. An allocation may be made to fail; what depends on
 * memory need not hold then, but nothing may crash or leak. */
struct fuzz_memory {
    size_t live;        /* allocations that were not freed */
    size_t made;        /* allocations so far */
    size_t fails_at;    /* the allocation that fails, counted from 1; 0: none */
    unsigned suspended; /* above 0: allocations neither fail nor count as made */
    bool has_failed;
    size_t failures; /* of all inputs */
};
extern struct fuzz_memory fuzz_memory;

/* Aborts with a message when what must hold does not, unless memory was short. */
#define FUZZ_CHECK(condition)                                                                      \
    do {                                                                                           \
        if (!(condition))                                                                          \
            fuzz_violation(#condition, __FILE__, __LINE__);                                        \
    } while (0)
void fuzz_violation(const char *condition, const char *file, int line);

/* The text is made of characters that may stand in a URI (RFC 3986), escapes complete. */
bool fuzz_is_uri_text(const char *text, size_t length);
/* Text that may stand in a header field: no CR, LF, NUL or other control character. */
bool fuzz_is_field_text(const char *text);
/* One JSON value in UTF-8. */
bool fuzz_is_json(const char *text, size_t length);
/* The options of that number are the same in both, in number, order and value. */
bool fuzz_same_options(const struct rest_message *a, uint16_t number_a,
                       const struct rest_message *b, uint16_t number_b);
/* Both messages have the same options, code and payload. */
bool fuzz_same_message(const struct rest_message *a, const struct rest_message *b);
/* Fields, status and sizes are those of a reply that HTTP can carry. */
void fuzz_check_reply(const struct http_reply *reply);

#endif
