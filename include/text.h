/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEXT_H
#define COAPGW_TEXT_H

/*
 * text: checked numbers, hex, base64, UTF-8, JSON strings, times. No locale; nothing is allocated
 * but by the buffers that are written to.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;

/* Reads exactly `length` bytes as decimal digits (at least one, no sign, no blanks); false when
 * they are not, or the number is above `maximum`. */
bool text_to_number(const char *text, size_t length, uint64_t maximum, uint64_t *number);
/* The value of a hex digit of either case, or -1. */
int text_hex_digit(char c);
/* Writes 2 * length lower-case hex digits and a NUL to `out`. */
void text_to_hex(const void *bytes, size_t length, char *out);
/* Reads pairs of hex digits of either case: false when `length` is odd, a digit is none, or the
 * result would pass `maximum` bytes. */
bool text_from_hex(const char *text, size_t length, uint8_t *out, size_t maximum,
                   size_t *out_length);
/* The length in bytes of the UTF-8 sequence at the start (RFC 3629), or 0 when there is none. */
size_t text_utf8_sequence(const void *bytes, size_t length);
/* RFC 3629: no overlong forms, surrogates or values above U+10FFFF. NUL is valid here. */
bool text_is_utf8(const void *bytes, size_t length);
/* Appends the bytes with each offending byte replaced by U+FFFD. 0 or -1 as buffer_append. */
int text_repair_utf8(struct buffer *out, const void *bytes, size_t length);
/* Appends a JSON string with its quotes (RFC 8259 7), repaired as above. 0 or -1. */
int text_to_json(struct buffer *out, const void *bytes, size_t length);
/* Appends the bytes in base64 with padding (RFC 4648 4). 0 or -1. */
int text_to_base64(struct buffer *out, const void *bytes, size_t length);
enum { TEXT_TIME_SIZE = sizeof "2000-01-01T00:00:00.000Z" };
/* Milliseconds since 1970 as a time of RFC 3339, UTC; outside of the years 0 to 9999, which it
 * cannot tell, the nearest that it can. */
void text_to_time(int64_t unix_ms, char out[TEXT_TIME_SIZE]);
/* ASCII only. */
char text_lower(char c);
bool text_equal_ignoring_case(const char *a, const char *b);
bool text_equal_ignoring_case_n(const char *a, const char *b, size_t length);
/* True for a non-empty RFC 9110 token of exactly `length` bytes. */
bool text_is_token(const char *text, size_t length);

#endif
