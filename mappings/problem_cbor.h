/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_PROBLEM_CBOR_H
#define COAPGW_PROBLEM_CBOR_H

/*
 * problem_cbor: reads CBOR (RFC 8949) of an untrusted node item by item, and turns items into JSON
 * values. What is allocated is bounded by the bytes that are there, never by the sizes they
 * declare.
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum problem_cbor_kind {
    PROBLEM_CBOR_UINT,
    PROBLEM_CBOR_NEGATIVE, /* the value is -1 - number */
    PROBLEM_CBOR_BYTES,
    PROBLEM_CBOR_TEXT, /* valid UTF-8 when it is not is_open */
    PROBLEM_CBOR_ARRAY,
    PROBLEM_CBOR_MAP,
    PROBLEM_CBOR_TAG,
    PROBLEM_CBOR_FLOAT,
    PROBLEM_CBOR_BOOL,
    PROBLEM_CBOR_NULL, /* also undefined */
    PROBLEM_CBOR_BREAK,
};

/* The head of an item; the content of strings, too. */
struct problem_cbor_head {
    enum problem_cbor_kind kind;
    uint64_t number;      /* the value, the tag, or how many items or pairs follow */
    double real;          /* of a float */
    bool is_true;         /* of a bool */
    bool is_open;         /* of indefinite length: ends with a break */
    const uint8_t *bytes; /* of a string; borrowed from the input */
    size_t length;
};

struct problem_cbor_cursor {
    const uint8_t *at;
    size_t left;
};

/* Reads the next head; false at the end of the input or when it is not well-formed. */
bool problem_cbor_next(struct problem_cbor_cursor *cursor, struct problem_cbor_head *head);
/* True while `head`, an array or map, has another item or pair behind `done` ones; consumes the
 * break of an open one. */
bool problem_cbor_has_more(struct problem_cbor_cursor *cursor, const struct problem_cbor_head *head,
                           uint64_t done);
/* The item as JSON (RFC 8949 6.1): byte strings as base64url, language-tagged texts (tag 38) as
 * their text, other tags left out. `depth` is how deep arrays, maps and tags may still nest. NULL
 * when it is not well-formed, too deep or memory is short; the caller owns the value. */
json_t *problem_cbor_to_json(struct problem_cbor_cursor *cursor, unsigned depth);

#endif
