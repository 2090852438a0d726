/* SPDX-License-Identifier: BSD-2-Clause */
#include "problem_cbor.h"

#include <cbor.h>
#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "text.h"

/*
 * problem_cbor: libcbor's streaming decoder takes one head at a time and allocates nothing; the
 * nesting is ours and so has our limits. libcbor's own tree builder would allocate whatever an
 * array head of nine bytes declares.
 */

enum { TAG_LANGUAGE = 38 };

static void on_uint8(void *context, uint8_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_UINT, .number = value};
}

static void on_uint16(void *context, uint16_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_UINT, .number = value};
}

static void on_uint32(void *context, uint32_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_UINT, .number = value};
}

static void on_uint64(void *context, uint64_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_UINT, .number = value};
}

static void on_negative8(void *context, uint8_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_NEGATIVE, .number = value};
}

static void on_negative16(void *context, uint16_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_NEGATIVE, .number = value};
}

static void on_negative32(void *context, uint32_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_NEGATIVE, .number = value};
}

static void on_negative64(void *context, uint64_t value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_NEGATIVE, .number = value};
}

static void on_bytes(void *context, cbor_data bytes, size_t length)
{
    struct problem_cbor_head *head = context;
    *head =
        (struct problem_cbor_head){.kind = PROBLEM_CBOR_BYTES, .bytes = bytes, .length = length};
}

static void on_open_bytes(void *context)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_BYTES, .is_open = true};
}

static void on_text(void *context, cbor_data bytes, size_t length)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_TEXT, .bytes = bytes, .length = length};
}

static void on_open_text(void *context)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_TEXT, .is_open = true};
}

static void on_array(void *context, size_t count)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_ARRAY, .number = count};
}

static void on_open_array(void *context)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_ARRAY, .is_open = true};
}

static void on_map(void *context, size_t count)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_MAP, .number = count};
}

static void on_open_map(void *context)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_MAP, .is_open = true};
}

static void on_tag(void *context, uint64_t tag)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_TAG, .number = tag};
}

static void on_float(void *context, float value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_FLOAT, .real = (double)value};
}

static void on_double(void *context, double value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_FLOAT, .real = value};
}

static void on_null(void *context)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_NULL};
}

static void on_bool(void *context, bool value)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_BOOL, .is_true = value};
}

static void on_break(void *context)
{
    struct problem_cbor_head *head = context;
    *head = (struct problem_cbor_head){.kind = PROBLEM_CBOR_BREAK};
}

static const struct cbor_callbacks callbacks = {
    .uint8 = on_uint8,
    .uint16 = on_uint16,
    .uint32 = on_uint32,
    .uint64 = on_uint64,
    .negint8 = on_negative8,
    .negint16 = on_negative16,
    .negint32 = on_negative32,
    .negint64 = on_negative64,
    .byte_string = on_bytes,
    .byte_string_start = on_open_bytes,
    .string = on_text,
    .string_start = on_open_text,
    .array_start = on_array,
    .indef_array_start = on_open_array,
    .map_start = on_map,
    .indef_map_start = on_open_map,
    .tag = on_tag,
    .float2 = on_float,
    .float4 = on_float,
    .float8 = on_double,
    .undefined = on_null,
    .null = on_null,
    .boolean = on_bool,
    .indef_break = on_break,
};

bool problem_cbor_next(struct problem_cbor_cursor *cursor, struct problem_cbor_head *head)
{
    if (cursor->left == 0)
        return false;
    struct cbor_decoder_result result =
        cbor_stream_decode(cursor->at, cursor->left, &callbacks, head);
    if (result.status != CBOR_DECODER_FINISHED || result.read == 0 || result.read > cursor->left)
        return false;
    cursor->at += result.read;
    cursor->left -= result.read;
    return head->kind != PROBLEM_CBOR_TEXT || head->is_open ||
           text_is_utf8(head->bytes, head->length);
}

bool problem_cbor_has_more(struct problem_cbor_cursor *cursor, const struct problem_cbor_head *head,
                           uint64_t done)
{
    enum { BREAK = 0xff };
    if (!head->is_open)
        return done < head->number;
    if (cursor->left == 0 || *cursor->at != BREAK)
        return true;
    cursor->at++;
    cursor->left--;
    return false;
}

/* The chunks of a string of indefinite length, or its one piece, into `out`. */
static bool read_string(struct problem_cbor_cursor *cursor, const struct problem_cbor_head *head,
                        struct buffer *out)
{
    if (!head->is_open)
        return buffer_append(out, head->bytes, head->length) == 0;
    while (problem_cbor_has_more(cursor, head, 0)) {
        struct problem_cbor_head chunk;
        if (!problem_cbor_next(cursor, &chunk) || chunk.kind != head->kind || chunk.is_open ||
            buffer_append(out, chunk.bytes, chunk.length) != 0)
            return false;
    }
    return true;
}

/* RFC 4648 5, without padding. */
static json_t *base64url(const struct buffer *bytes)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
    struct buffer out;
    buffer_init(&out, bytes->length * 4 / 3 + 4);
    unsigned bits = 0, held = 0;
    for (size_t i = 0; i < bytes->length; i++) {
        held = held << 8 | (unsigned char)bytes->data[i];
        for (bits += 8; bits >= 6; bits -= 6)
            buffer_append_char(&out, digits[held >> (bits - 6) & 63]);
    }
    if (bits > 0)
        buffer_append_char(&out, digits[held << (6 - bits) & 63]);
    json_t *value = out.failed ? NULL : json_string(buffer_text(&out));
    buffer_clear(&out);
    return value;
}

static json_t *string_to_json(struct problem_cbor_cursor *cursor,
                              const struct problem_cbor_head *head)
{
    struct buffer bytes;
    json_t *value = NULL;
    buffer_init(&bytes, head->length + cursor->left);
    if (read_string(cursor, head, &bytes))
        value = head->kind == PROBLEM_CBOR_BYTES ? base64url(&bytes)
                                                 : json_stringn(buffer_text(&bytes), bytes.length);
    buffer_clear(&bytes);
    return value;
}

static json_t *number_to_json(const struct problem_cbor_head *head)
{
    if (head->kind == PROBLEM_CBOR_FLOAT)
        return isfinite(head->real) ? json_real(head->real) : json_null();
    if (head->number <= INT64_MAX)
        return json_integer(head->kind == PROBLEM_CBOR_UINT ? (json_int_t)head->number
                                                            : -1 - (json_int_t)head->number);
    double real = (double)head->number;
    return json_real(head->kind == PROBLEM_CBOR_UINT ? real : -1.0 - real);
}

static json_t *array_to_json(struct problem_cbor_cursor *cursor,
                             const struct problem_cbor_head *head, unsigned depth)
{
    json_t *array = json_array();
    for (uint64_t done = 0; array && problem_cbor_has_more(cursor, head, done); done++) {
        json_t *item = problem_cbor_to_json(cursor, depth);
        if (!item || json_array_append_new(array, item) != 0) {
            json_decref(array);
            return NULL;
        }
    }
    return array;
}

/* Numbers and texts without NUL become names; other keys have no JSON form. */
static bool name_of_key(const json_t *key, char number[32], const char **name)
{
    *name = NULL;
    if (json_is_integer(key)) {
        snprintf(number, 32, "%" JSON_INTEGER_FORMAT, json_integer_value(key));
        *name = number;
    } else if (json_is_string(key) && strlen(json_string_value(key)) == json_string_length(key)) {
        *name = json_string_value(key);
    }
    return *name != NULL;
}

static json_t *map_to_json(struct problem_cbor_cursor *cursor, const struct problem_cbor_head *head,
                           unsigned depth)
{
    json_t *object = json_object();
    for (uint64_t done = 0; object && problem_cbor_has_more(cursor, head, done); done++) {
        char number[32];
        const char *name;
        json_t *key = problem_cbor_to_json(cursor, depth);
        json_t *value = key ? problem_cbor_to_json(cursor, depth) : NULL;
        bool is_read = value != NULL;
        /* Takes the value in any case. */
        if (is_read && name_of_key(key, number, &name))
            is_read = json_object_set_new(object, name, value) == 0;
        else
            json_decref(value);
        json_decref(key);
        if (!is_read) {
            json_decref(object);
            return NULL;
        }
    }
    return object;
}

/* Tag 38 is [language, text, ? direction] (RFC 9290 appendix A). */
static json_t *tagged_to_json(struct problem_cbor_cursor *cursor, uint64_t tag, unsigned depth)
{
    json_t *value = problem_cbor_to_json(cursor, depth);
    if (tag != TAG_LANGUAGE || !value)
        return value;
    json_t *text = json_array_get(value, 1);
    size_t size = json_array_size(value);
    bool is_right = (size == 2 || size == 3) && json_is_string(json_array_get(value, 0)) &&
                    json_is_string(text);
    text = is_right ? json_incref(text) : NULL;
    json_decref(value);
    return text;
}

json_t *problem_cbor_to_json(struct problem_cbor_cursor *cursor, unsigned depth)
{
    struct problem_cbor_head head;
    if (!problem_cbor_next(cursor, &head))
        return NULL;
    switch (head.kind) {
    case PROBLEM_CBOR_UINT:
    case PROBLEM_CBOR_NEGATIVE:
    case PROBLEM_CBOR_FLOAT:
        return number_to_json(&head);
    case PROBLEM_CBOR_BYTES:
    case PROBLEM_CBOR_TEXT:
        return string_to_json(cursor, &head);
    case PROBLEM_CBOR_ARRAY:
        return depth > 0 ? array_to_json(cursor, &head, depth - 1) : NULL;
    case PROBLEM_CBOR_MAP:
        return depth > 0 ? map_to_json(cursor, &head, depth - 1) : NULL;
    case PROBLEM_CBOR_TAG:
        return depth > 0 ? tagged_to_json(cursor, head.number, depth - 1) : NULL;
    case PROBLEM_CBOR_BOOL:
        return json_boolean(head.is_true);
    case PROBLEM_CBOR_NULL:
        return json_null();
    case PROBLEM_CBOR_BREAK:
        return NULL;
    }
    return NULL;
}
