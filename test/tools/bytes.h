/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_BYTES_H
#define COAPGW_TEST_BYTES_H

/* bytes: growing byte strings of the test tools. Out of memory ends the tool. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bytes {
    uint8_t *data; /* owned; a NUL follows the last byte, so text can be read as a C string */
    size_t length;
    size_t capacity;
};

void *bytes_allocate(size_t size); /* zeroed, never NULL */
void bytes_clear(struct bytes *bytes);
void bytes_empty(struct bytes *bytes); /* length 0, memory kept */
void bytes_append(struct bytes *bytes, const void *data, size_t length);
void bytes_print(struct bytes *bytes, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* Appends so that a person can read it: "..." with \r \n \xNN for what is not printable. */
void bytes_show(struct bytes *bytes, const void *data, size_t length);
void bytes_show_hex(struct bytes *bytes, const void *data, size_t length);
/* Appends the bytes that hex digits stand for; false (nothing appended) when they are none. */
bool bytes_append_hex(struct bytes *bytes, const char *digits, size_t length);
const char *bytes_text(const struct bytes *bytes); /* never NULL */
/* Removes `count` bytes from the front. */
void bytes_drop(struct bytes *bytes, size_t count);
/* Makes `bytes` a copy of data. */
void bytes_set(struct bytes *bytes, const void *data, size_t length);

#endif
