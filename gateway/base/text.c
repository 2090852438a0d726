/* SPDX-License-Identifier: BSD-2-Clause */
#include "text.h"

/*
 * text: checked reading of numbers, hex digits and UTF-8 from untrusted bytes, and writing of bytes
 * and times as text. Everything is ASCII by definition and not by locale: a header field means the
 * same wherever the daemon runs. The calendar is reckoned here: gmtime() needs a wide time_t.
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

static bool is_escaped_in_json(uint8_t c)
{
    return c < 0x20 || c == '"' || c == '\\';
}

static void escape_json(struct buffer *out, uint8_t c)
{
    if (c < 0x20) {
        buffer_printf(out, "\\u%04x", c);
    } else {
        buffer_append_char(out, '\\');
        buffer_append_char(out, (char)c);
    }
}

int text_to_json(struct buffer *out, const void *bytes, size_t length)
{
    const uint8_t *in = bytes;
    buffer_append_char(out, '"');
    while (length > 0 && !out->failed) {
        size_t plain = 0; /* a run that needs no escape is copied at once */
        while (plain < length && !is_escaped_in_json(in[plain])) {
            plain++;
        }
        text_repair_utf8(out, in, plain);
        in += plain;
        length -= plain;
        if (length > 0) {
            escape_json(out, *in++);
            length--;
        }
    }
    buffer_append_char(out, '"');
    return out->failed ? -1 : 0;
}

int text_to_base64(struct buffer *out, const void *bytes, size_t length)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const uint8_t *in = bytes;
    for (; length > 0; in += 3, length -= 3) {
        size_t count = length < 3 ? length : 3;
        uint32_t group = (uint32_t)in[0] << 16;
        group |= count > 1 ? (uint32_t)in[1] << 8 : 0;
        group |= count > 2 ? in[2] : 0;
        char four[4] = {digits[group >> 18], digits[group >> 12 & 63],
                        count > 1 ? digits[group >> 6 & 63] : '=',
                        count > 2 ? digits[group & 63] : '='};
        if (buffer_append(out, four, sizeof four) != 0) {
            return -1;
        }
        if (count < 3) {
            break;
        }
    }
    return 0;
}

static void write_digits(char *at, unsigned count, unsigned value)
{
    while (count > 0) {
        at[--count] = (char)('0' + value % 10);
        value /= 10;
    }
}

void text_to_time(int64_t unix_ms, char out[TEXT_TIME_SIZE])
{
    static const int64_t earliest = -62167219200000; /* 0000-01-01 */
    static const int64_t latest = 253402300799999;   /* the end of 9999-12-31 */
    static const int64_t day_ms = 86400000;
    unix_ms = unix_ms < earliest ? earliest : unix_ms > latest ? latest : unix_ms;

    /* From a 1 March on, the leap day is the last of its year; an era of 400 years has 146097 days.
     * Years count from 400 before our era, so that all of them are positive. */
    uint32_t ms = (uint32_t)((unix_ms - earliest) % day_ms);
    uint32_t since = (uint32_t)((unix_ms - earliest) / day_ms) + 146097 - 60;
    uint32_t era = since / 146097;
    uint32_t in_era = since % 146097;
    uint32_t year = (in_era - in_era / 1460 + in_era / 36524 - in_era / 146096) / 365;
    uint32_t in_year = in_era - (365 * year + year / 4 - year / 100);
    uint32_t month = (5 * in_year + 2) / 153; /* 0 is March */
    uint32_t day = in_year - (153 * month + 2) / 5 + 1;
    bool is_next_year = month >= 10;
    month = is_next_year ? month - 9 : month + 3;
    year = era * 400 + year + is_next_year - 400;

    memcpy(out, "0000-00-00T00:00:00.000Z", TEXT_TIME_SIZE);
    write_digits(out, 4, year);
    write_digits(out + 5, 2, month);
    write_digits(out + 8, 2, day);
    write_digits(out + 11, 2, ms / 3600000);
    write_digits(out + 14, 2, ms / 60000 % 60);
    write_digits(out + 17, 2, ms / 1000 % 60);
    write_digits(out + 20, 3, ms % 1000);
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
