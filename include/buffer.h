/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_BUFFER_H
#define COAPGW_BUFFER_H

/*
 * buffer: bytes that grow up to a maximum given at birth. A failed append (maximum reached or no
 * memory) leaves the contents as they were and marks the buffer as failed, so that a writer of
 * many pieces may look once at the end.
 */

#include <stdbool.h>
#include <stddef.h>

struct memory_account;

struct buffer {
    char *data; /* owned; NUL follows the last byte whenever data is not NULL */
    size_t length;
    size_t capacity;
    size_t maximum; /* bytes, the NUL not counted */
    bool failed;
    struct memory_account *account; /* borrowed; NULL: not charged */
    void (*release)(void *owner);   /* not NULL: `data` is lent by `owner`, and never changes */
    void *owner;
};

/* An empty buffer that never holds more than `maximum` bytes. Allocates nothing. */
void buffer_init(struct buffer *buffer, size_t maximum);
/* The same, charged to an account for all that it holds beyond one CoAP message, which cannot be
 * refused (NULL: to none). An append that the account has no room for fails. */
void buffer_init_charged(struct buffer *buffer, size_t maximum, struct memory_account *account);
/* Frees the bytes and makes the buffer empty again, with the same maximum. */
void buffer_clear(struct buffer *buffer);
/* Makes room for `length` bytes in all, when it is known how many will come. 0, or -1 as below. */
int buffer_make_room(struct buffer *buffer, size_t length);
/* 0, or -1 when the maximum would be passed or memory is short. */
int buffer_append(struct buffer *buffer, const void *bytes, size_t length);
int buffer_append_text(struct buffer *buffer, const char *text);
int buffer_append_char(struct buffer *buffer, char c);
int buffer_printf(struct buffer *buffer, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The contents as text; "" when empty. Borrowed until the next call on the buffer. */
const char *buffer_text(const struct buffer *buffer);
/* Hands the bytes over, and takes the charge for them back: the caller owns and frees them (NULL
 * when empty), length + 1 bytes and little more; the buffer is empty. Not of lent bytes. */
char *buffer_take(struct buffer *buffer, size_t *length);
/* Hands bytes and charge over to another buffer, which loses what it had and keeps its maximum;
 * `from` is empty. Both have the same account. */
void buffer_move(struct buffer *to, struct buffer *from);
/* Puts bytes of somebody else, behind which a NUL stands, in place of what the buffer holds: it
 * gives them back by `release` when it is cleared or freed. Nothing can be appended to them. */
void buffer_lend(struct buffer *buffer, const void *bytes, size_t length,
                 void (*release)(void *owner), void *owner);
/* Charges what the buffer holds, and will hold, to an account; what is there cannot be refused. */
void buffer_set_account(struct buffer *buffer, struct memory_account *account);

#endif
