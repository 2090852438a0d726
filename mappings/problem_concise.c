/* SPDX-License-Identifier: BSD-2-Clause */
#include "problem.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "buffer.h"
#include "problem_cbor.h"
#include "problem_reference.h"
#include "rest.h"

/*
 * problem_concise: concise problem details of a node (RFC 9290, a CBOR map) as a problem document
 * (RFC 9457). The node is not trusted: sizes and nesting are bounded, its keys cannot stand in for
 * the members that the gateway sets, and whatever is odd makes the caller forward the body as it
 * came, so that no error is lost because of its wrapping (ERR-09).
 */

enum {
    BODY_MAXIMUM = 16384, /* bytes of a body that is converted */
    DEPTH_MAXIMUM = 8,    /* of arrays, maps and tags below the outer map */
    ENTRIES_MAXIMUM = 64, /* of the outer map */
};

/* Standard keys are negative; a key k is at [-1 - k]. */
enum standard_key {
    KEY_TITLE,
    KEY_DETAIL,
    KEY_INSTANCE,
    KEY_RESPONSE_CODE,
    KEY_BASE_URI,
    KEY_BASE_LANG,
    KEY_BASE_RTL,
    KEY_UNPROCESSED_OPTION,
    STANDARD_KEYS
};

struct concise {
    json_t *standard[STANDARD_KEYS]; /* owned; NULL when absent */
    json_t *custom;                  /* owned: members by the decimal number or the URI */
};

static void clear_concise(struct concise *concise)
{
    for (size_t i = 0; i < STANDARD_KEYS; i++)
        json_decref(concise->standard[i]);
    json_decref(concise->custom);
}

static bool is_uint(const json_t *value)
{
    return json_is_integer(value) && json_integer_value(value) >= 0;
}

/* RFC 9290 3.1.1: a number or at least two of them; one in a list is taken, too. */
static bool is_option_list(const json_t *value)
{
    if (!json_is_array(value))
        return is_uint(value);
    for (size_t i = 0; i < json_array_size(value); i++) {
        if (!is_uint(json_array_get(value, i)))
            return false;
    }
    return json_array_size(value) > 0;
}

static bool has_right_type(enum standard_key key, const json_t *value)
{
    switch (key) {
    case KEY_TITLE:
    case KEY_DETAIL:
    case KEY_INSTANCE:
    case KEY_BASE_URI:
        return json_is_string(value);
    case KEY_RESPONSE_CODE:
        return is_uint(value) && json_integer_value(value) <= UINT8_MAX;
    case KEY_UNPROCESSED_OPTION:
        return is_option_list(value);
    default:
        return true;
    }
}

/* A custom key is an unsigned number or a URI; the colon of a URI also keeps it apart from the
 * names of this gateway's members. */
static bool custom_name(const struct problem_cbor_head *key, char *name, size_t size)
{
    if (key->kind == PROBLEM_CBOR_UINT)
        return (size_t)snprintf(name, size, "%" PRIu64, key->number) < size;
    if (key->kind != PROBLEM_CBOR_TEXT || key->is_open || key->length >= size ||
        !memchr(key->bytes, ':', key->length) || memchr(key->bytes, '\0', key->length))
        return false;
    memcpy(name, key->bytes, key->length);
    name[key->length] = '\0';
    return true;
}

/* Stores one entry and takes the value. False when the whole body is malformed. */
static bool take_entry(struct concise *concise, const struct problem_cbor_head *key, json_t *value)
{
    char name[256];
    if (key->kind == PROBLEM_CBOR_NEGATIVE) {
        if (key->number < STANDARD_KEYS && !concise->standard[key->number] &&
            has_right_type((enum standard_key)key->number, value)) {
            concise->standard[key->number] = value;
            return true;
        }
        json_decref(value);
        return key->number >= STANDARD_KEYS; /* unknown keys are ignored (RFC 9290 3) */
    }
    if (!custom_name(key, name, sizeof(name))) {
        json_decref(value);
        return true;
    }
    if (json_object_get(concise->custom, name)) {
        json_decref(value);
        return false;
    }
    return json_object_set_new(concise->custom, name, value) == 0;
}

static bool read_concise(struct problem_cbor_cursor *cursor, struct concise *concise)
{
    struct problem_cbor_head map, key;
    if (!problem_cbor_next(cursor, &map) || map.kind != PROBLEM_CBOR_MAP)
        return false;
    uint64_t done = 0;
    for (; problem_cbor_has_more(cursor, &map, done); done++) {
        if (done == ENTRIES_MAXIMUM || !problem_cbor_next(cursor, &key) ||
            (key.kind != PROBLEM_CBOR_UINT && key.kind != PROBLEM_CBOR_NEGATIVE &&
             (key.kind != PROBLEM_CBOR_TEXT || key.is_open)))
            return false;
        json_t *value = problem_cbor_to_json(cursor, DEPTH_MAXIMUM);
        if (!value || !take_entry(concise, &key, value))
            return false;
    }
    return done > 0 && cursor->left == 0;
}

static int set_reference(json_t *document, const struct concise *concise)
{
    const json_t *instance = concise->standard[KEY_INSTANCE];
    const json_t *base = concise->standard[KEY_BASE_URI];
    if (!instance)
        return 0;
    struct buffer resolved;
    buffer_init(&resolved, BODY_MAXIMUM);
    int result = problem_reference_resolve(base ? json_string_value(base) : NULL,
                                           json_string_value(instance), &resolved);
    if (result == 0)
        result = json_object_set_new(document, "instance", json_string(buffer_text(&resolved)));
    buffer_clear(&resolved);
    return result;
}

static json_t *make_document(const struct concise *concise, unsigned status, uint8_t code)
{
    const json_t *told = concise->standard[KEY_RESPONSE_CODE];
    char code_text[8];
    rest_code_format(told ? (uint8_t)json_integer_value(told) : code, code_text);

    json_t *document = json_object();
    int failed = 0;
    if (concise->standard[KEY_TITLE])
        failed |= json_object_set(document, "title", concise->standard[KEY_TITLE]);
    if (concise->standard[KEY_DETAIL])
        failed |= json_object_set(document, "detail", concise->standard[KEY_DETAIL]);
    failed |= json_object_set_new(document, "status", json_integer((json_int_t)status));
    failed |= json_object_set_new(document, "coap-code", json_string(code_text));
    failed |= set_reference(document, concise);
    if (concise->standard[KEY_UNPROCESSED_OPTION])
        failed |= json_object_set(document, "unprocessed-coap-option",
                                  concise->standard[KEY_UNPROCESSED_OPTION]);
    failed |= json_object_update(document, concise->custom);
    if (failed) {
        json_decref(document);
        return NULL;
    }
    return document;
}

static uint16_t first_option(const struct concise *concise)
{
    const json_t *options = concise->standard[KEY_UNPROCESSED_OPTION];
    if (json_is_array(options))
        options = json_array_get(options, 0);
    json_int_t number = json_integer_value(options);
    return number > 0 && number <= UINT16_MAX ? (uint16_t)number : 0;
}

static int append_json(const char *text, size_t length, void *buffer)
{
    return buffer_append(buffer, text, length);
}

/* Appends all of the document and a newline, or nothing. */
static int write_document(const json_t *document, struct buffer *out)
{
    size_t before = out->length;
    bool had_failed = out->failed;
    if (json_dump_callback(document, append_json, out, JSON_COMPACT) == 0 &&
        buffer_append_char(out, '\n') == 0)
        return 0;
    out->length = before;
    out->failed = had_failed;
    if (out->data)
        out->data[before] = '\0';
    return -1;
}

int problem_from_concise(const void *cbor, size_t length, unsigned status, uint8_t code,
                         struct buffer *out, uint16_t *unprocessed)
{
    struct problem_cbor_cursor cursor = {cbor, length};
    struct concise concise = {.custom = json_object()};
    json_t *document = NULL;
    int result = -1;
    *unprocessed = 0;
    if (length > BODY_MAXIMUM || !concise.custom || !read_concise(&cursor, &concise))
        goto out;
    *unprocessed = first_option(&concise);
    result = 0;
    if (out) {
        document = make_document(&concise, status, code);
        result = document ? write_document(document, out) : -1;
    }
out:
    json_decref(document);
    clear_concise(&concise);
    return result;
}
