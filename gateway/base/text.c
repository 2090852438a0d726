/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

/*
 * text: checked reading of numbers, hex digits and UTF-8 from untrusted bytes. Everything is ASCII
 * by definition and not by locale: a header field means the same wherever the daemon runs.
 */

#include <string.h>

#include "buffer.h"

bool text_to_number(const char *text, size_t length, uint64_t maximum, uint64_t *number)
{
    if (length == 0) {
        return false;
    }
    uint64_t value = 0;
    for (size_t i = 0; i < length; i++) {
        if (text[i] < '0' || text[i] > '9') {
            return false;
        }
        unsigned digit = (unsigned)(text[i] - '0');
        if (value > maximum / 10 || value * 10 > maximum - digit || digit > maximum) {
            return false;
        }
        value = value * 10 + digit;
    }
    *number = value;
    return true;
}

int text_hex_digit(char c)
{
    if (c >= '0' && c <= '9') {
        return c - '0';
    }
    if (c >= 'a' && c <= 'f') {
        return c - 'a' + 10;
    }
    if (c >= 'A' && c <= 'F') {
        return c - 'A' + 10;
    }
    return -1;
}

void text_to_hex(const void *bytes, size_t length, char *out)
{
    static const char digits[] = "0123456789abcdef";
    const uint8_t *in = bytes;
    for (size_t i = 0; i < length; i++) {
        *out++ = digits[in[i] >> 4];
        *out++ = digits[in[i] & 15];
    }
    *out = '\0';
}

bool text_from_hex(const char *text, size_t length, uint8_t *out, size_t maximum,
                   size_t *out_length)
{
    if (length % 2 != 0 || length / 2 > maximum) {
        return false;
    }
    for (size_t i = 0; i < length / 2; i++) {
        int high = text_hex_digit(text[2 * i]);
        int low = text_hex_digit(text[2 * i + 1]);
        if (high < 0 || low < 0) {
            return false;
        }
        out[i] = (uint8_t)(high * 16 + low);
    }
    *out_length = length / 2;
    return true;
}

size_t text_utf8_sequence(const void *bytes, size_t length)
{
    const uint8_t *in = bytes;
    if (length == 0) {
        return 0;
    }
    if (in[0] < 0x80) {
        return 1;
    }
    /* RFC 3629 section 4: the first byte decides the length and the range of the second */
    size_t count;
    uint8_t lowest = 0x80;
    uint8_t highest = 0xbf;
    if (in[0] >= 0xc2 && in[0] <= 0xdf) {
        count = 2;
    } else if (in[0] >= 0xe0 && in[0] <= 0xef) {
        count = 3;
        lowest = in[0] == 0xe0 ? 0xa0 : 0x80;  /* overlong */
        highest = in[0] == 0xed ? 0x9f : 0xbf; /* surrogates */
    } else if (in[0] >= 0xf0 && in[0] <= 0xf4) {
        count = 4;
        lowest = in[0] == 0xf0 ? 0x90 : 0x80;  /* overlong */
        highest = in[0] == 0xf4 ? 0x8f : 0xbf; /* above U+10FFFF */
    } else {
        return 0;
    }
    if (length < count || in[1] < lowest || in[1] > highest) {
        return 0;
    }
    for (size_t i = 2; i < count; i++) {
        if (in[i] < 0x80 || in[i] > 0xbf) {
            return 0;
        }
    }
    return count;
}

bool text_is_utf8(const void *bytes, size_t length)
{
    const uint8_t *in = bytes;
    while (length > 0) {
        size_t count = text_utf8_sequence(in, length);
        if (count == 0) {
            return false;
        }
        in += count;
        length -= count;
    }
    return true;
}

int text_repair_utf8(struct buffer *out, const void *bytes, size_t length)
{
    const uint8_t *in = bytes;
    while (length > 0) {
        size_t valid = 0; /* a run of good sequences is copied at once */
        size_t count;
        while ((count = text_utf8_sequence(in + valid, length - valid)) > 0) {
            valid += count;
        }
        if (valid > 0 && buffer_append(out, in, valid) != 0) {
            return -1;
        }
        in += valid;
        length -= valid;
        if (length > 0) {
            if (buffer_append(out, "\xef\xbf\xbd", 3) != 0) {
                return -1;
            }
            in++;
            length--;
        }
    }
    return 0;
}

char text_lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

bool text_equal_ignoring_case(const char *a, const char *b)
{
    while (*a != '\0' && text_lower(*a) == text_lower(*b)) {
        a++;
        b++;
    }
    return *a == '\0' && *b == '\0';
}

bool text_equal_ignoring_case_n(const char *a, const char *b, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text_lower(a[i]) != text_lower(b[i])) {
            return false;
        }
    }
    return true;
}

bool text_is_token(const char *text, size_t length)
{
    static const char marks[] = "!#$%&'*+-.^_`|~"; /* RFC 9110 section 5.6.2 */
    for (size_t i = 0; i < length; i++) {
        char c = text[i];
        bool is_alphanumeric =
            (c >= '0' && c <= '9') || (text_lower(c) >= 'a' && text_lower(c) <= 'z');
        if (!is_alphanumeric && (c == '\0' || strchr(marks, c) == NULL)) {
            return false;
        }
    }
    return length > 0;
}
