/* SPDX-License-Identifier: BSD-2-Clause */
#include "buffer.h"

/*
 * buffer: bytes that grow by doubling, never beyond the maximum given at birth. It holds what a
 * peer's input makes us collect (bodies, field lists, documents), so the limit sits where the
 * memory is taken and not with each writer.
 */

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "memory_account.h"

enum {
    FIRST_CAPACITY = 64,
    FREE_CAPACITY = 1025, /* RFC 7252 4.6: a payload of 1024 bytes, and the NUL */
};

void buffer_init(struct buffer *buffer, size_t maximum)
{
    /* one byte stays for the NUL, so that length + 1 cannot wrap */
    *buffer = (struct buffer){.maximum = maximum < SIZE_MAX / 2 ? maximum : SIZE_MAX / 2};
}

void buffer_init_charged(struct buffer *buffer, size_t maximum, struct memory_account *account)
{
    buffer_init(buffer, maximum);
    buffer->account = account;
}

/* Empty again, with what it was given at birth. */
static void buffer_reset(struct buffer *buffer)
{
    memory_account_give(buffer->account, buffer->capacity);
    buffer_init_charged(buffer, buffer->maximum, buffer->account);
}

static void buffer_drop(struct buffer *buffer)
{
    if (buffer->release != NULL) {
        buffer->release(buffer->owner);
    } else {
        free(buffer->data);
    }
}

void buffer_clear(struct buffer *buffer)
{
    buffer_drop(buffer);
    buffer_reset(buffer);
}

void buffer_lend(struct buffer *buffer, const void *bytes, size_t length,
                 void (*release)(void *owner), void *owner)
{
    buffer_clear(buffer);
    buffer->data = (char *)(uintptr_t)bytes;
    buffer->length = length;
    buffer->release = release;
    buffer->owner = owner;
}

/* Charges for growing to `capacity`. */
static bool buffer_charge(struct buffer *buffer, size_t capacity)
{
    size_t more = capacity - buffer->capacity;

    if (capacity > FREE_CAPACITY)
        return memory_account_take(buffer->account, more);
    memory_account_add(buffer->account, more);
    return true;
}

/* Grows to `capacity`, the NUL included. */
static int buffer_grow(struct buffer *buffer, size_t capacity)
{
    if (buffer->release != NULL || !buffer_charge(buffer, capacity)) {
        buffer->failed = true;
        return -1;
    }
    char *data = realloc(buffer->data, capacity);
    if (data == NULL) {
        memory_account_give(buffer->account, capacity - buffer->capacity);
        buffer->failed = true;
        return -1;
    }
    buffer->data = data;
    buffer->capacity = capacity;
    return 0;
}

int buffer_make_room(struct buffer *buffer, size_t length)
{
    if (length > buffer->maximum) {
        buffer->failed = true;
        return -1;
    }
    if (length + 1 <= buffer->capacity) {
        return 0;
    }
    if (buffer_grow(buffer, length + 1) != 0) {
        return -1;
    }
    buffer->data[buffer->length] = '\0';
    return 0;
}

/* Makes room for `more` bytes and the NUL. */
static int buffer_reserve(struct buffer *buffer, size_t more)
{
    if (buffer->length > buffer->maximum || more > buffer->maximum - buffer->length) {
        buffer->failed = true;
        return -1;
    }
    size_t needed = buffer->length + more + 1;
    if (needed <= buffer->capacity) {
        return 0;
    }
    size_t capacity = buffer->capacity > 0 ? buffer->capacity : FIRST_CAPACITY;
    while (capacity < needed) {
        capacity *= 2;
    }
    if (capacity > buffer->maximum + 1) {
        capacity = buffer->maximum + 1;
    }
    /* so that what one message brings is never rounded up to more */
    if (needed <= FREE_CAPACITY && capacity > FREE_CAPACITY) {
        capacity = FREE_CAPACITY;
    }
    return buffer_grow(buffer, capacity);
}

int buffer_append(struct buffer *buffer, const void *bytes, size_t length)
{
    if (buffer_reserve(buffer, length) != 0) {
        return -1;
    }
    if (length > 0) {
        memcpy(buffer->data + buffer->length, bytes, length);
    }
    buffer->length += length;
    buffer->data[buffer->length] = '\0';
    return 0;
}

int buffer_append_text(struct buffer *buffer, const char *text)
{
    return buffer_append(buffer, text, strlen(text));
}

int buffer_append_char(struct buffer *buffer, char c)
{
    return buffer_append(buffer, &c, 1);
}

int buffer_printf(struct buffer *buffer, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0) {
        buffer->failed = true;
        return -1;
    }
    if (buffer_reserve(buffer, (size_t)length) != 0) {
        return -1;
    }
    va_start(arguments, format);
    vsnprintf(buffer->data + buffer->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    buffer->length += (size_t)length;
    return 0;
}

const char *buffer_text(const struct buffer *buffer)
{
    return buffer->data != NULL ? buffer->data : "";
}

/* Gives back what growing by doubling took too much. */
static void buffer_fit(struct buffer *buffer)
{
    size_t spare = buffer->capacity == 0 ? 0 : buffer->capacity - buffer->length - 1;
    if (spare < FREE_CAPACITY) {
        return;
    }
    char *data = realloc(buffer->data, buffer->length + 1);
    if (data == NULL) {
        return;
    }
    memory_account_give(buffer->account, spare);
    buffer->data = data;
    buffer->capacity -= spare;
}

void buffer_move(struct buffer *to, struct buffer *from)
{
    assert(to->account == from->account);
    buffer_fit(from);
    buffer_clear(to);
    to->data = from->data;
    to->length = from->length;
    to->capacity = from->capacity;
    to->release = from->release;
    to->owner = from->owner;
    buffer_init_charged(from, from->maximum, from->account);
}

void buffer_set_account(struct buffer *buffer, struct memory_account *account)
{
    memory_account_give(buffer->account, buffer->capacity);
    memory_account_add(account, buffer->capacity);
    buffer->account = account;
}

char *buffer_take(struct buffer *buffer, size_t *length)
{
    assert(buffer->release == NULL);
    buffer_fit(buffer);
    char *data = buffer->data;
    if (length != NULL) {
        *length = buffer->length;
    }
    buffer_reset(buffer);
    return data;
}
