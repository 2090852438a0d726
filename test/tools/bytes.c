/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes.h"
/*
 * bytes: the growing byte string under everything that the scenario tool sends, receives and
 * reports. A test tool that is short of memory cannot say anything about the gateway, so it ends.
 */

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *bytes_allocate(size_t size)
{
    void *memory = calloc(1, size > 0 ? size : 1);
    if (memory == NULL) {
        fputs("scenario: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    return memory;
}

void bytes_clear(struct bytes *bytes)
{
    free(bytes->data);
    *bytes = (struct bytes){NULL, 0, 0};
}

void bytes_empty(struct bytes *bytes)
{
    bytes->length = 0;
    if (bytes->data != NULL)
        bytes->data[0] = '\0';
}

static void make_room(struct bytes *bytes, size_t more)
{
    if (bytes->length + more < bytes->capacity)
        return;
    size_t capacity = (bytes->length + more + 1) * 2;
    uint8_t *data = realloc(bytes->data, capacity);
    if (data == NULL) {
        fputs("scenario: out of memory\n", stderr);
        exit(EXIT_FAILURE);
    }
    bytes->data = data;
    bytes->capacity = capacity;
}

void bytes_append(struct bytes *bytes, const void *data, size_t length)
{
    make_room(bytes, length);
    if (length > 0)
        memcpy(bytes->data + bytes->length, data, length);
    bytes->length += length;
    bytes->data[bytes->length] = '\0';
}

void bytes_set(struct bytes *bytes, const void *data, size_t length)
{
    bytes_empty(bytes);
    bytes_append(bytes, data, length);
}

void bytes_print(struct bytes *bytes, const char *format, ...)
{
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(NULL, 0, format, arguments);
    va_end(arguments);
    if (length < 0)
        return;
    make_room(bytes, (size_t)length + 1);
    va_start(arguments, format);
    vsnprintf((char *)bytes->data + bytes->length, (size_t)length + 1, format, arguments);
    va_end(arguments);
    bytes->length += (size_t)length;
}

void bytes_show(struct bytes *bytes, const void *data, size_t length)
{
    const uint8_t *from = data;
    bytes_append(bytes, "\"", 1);
    for (size_t i = 0; i < length; i++) {
        uint8_t c = from[i];
        if (c == '\r')
            bytes_append(bytes, "\\r", 2);
        else if (c == '\n')
            bytes_append(bytes, "\\n", 2);
        else if (c == '"' || c == '\\')
            bytes_print(bytes, "\\%c", c);
        else if (c < 0x20 || c > 0x7e)
            bytes_print(bytes, "\\x%02x", c);
        else
            bytes_append(bytes, &c, 1);
    }
    bytes_append(bytes, "\"", 1);
}

void bytes_show_hex(struct bytes *bytes, const void *data, size_t length)
{
    const uint8_t *from = data;
    for (size_t i = 0; i < length; i++)
        bytes_print(bytes, "%02x", from[i]);
}

static int digit_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

bool bytes_append_hex(struct bytes *bytes, const char *digits, size_t length)
{
    if (length % 2 != 0)
        return false;
    for (size_t i = 0; i < length; i++) {
        if (digit_value(digits[i]) < 0)
            return false;
    }
    for (size_t i = 0; i < length; i += 2) {
        uint8_t byte = (uint8_t)(digit_value(digits[i]) * 16 + digit_value(digits[i + 1]));
        bytes_append(bytes, &byte, 1);
    }
    return true;
}

const char *bytes_text(const struct bytes *bytes)
{
    return bytes->data == NULL ? "" : (const char *)bytes->data;
}

void bytes_drop(struct bytes *bytes, size_t count)
{
    if (count == 0)
        return;
    memmove(bytes->data, bytes->data + count, bytes->length - count);
    bytes->length -= count;
    bytes->data[bytes->length] = '\0';
}
