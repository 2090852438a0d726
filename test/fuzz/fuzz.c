/* SPDX-License-Identifier: BSD-2-Clause */
#include "fuzz.h"

/*
 * fuzz: reading of inputs and the properties that several targets check. Texts are copied to
 * memory of their own size, so that the address sanitizer sees every byte that is read too far.
 */

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "rest.h"
#include "text.h"

struct fuzz_memory fuzz_memory;

uint8_t fuzz_take_byte(struct fuzz_input *input)
{
    if (input->left == 0)
        return 0;
    input->left--;
    return *input->at++;
}

const uint8_t *fuzz_take_bytes(struct fuzz_input *input, size_t wanted, size_t *length)
{
    const uint8_t *bytes = input->at;

    *length = wanted < input->left ? wanted : input->left;
    input->at += *length;
    input->left -= *length;
    return bytes;
}

char *fuzz_take_line(struct fuzz_input *input, size_t *length)
{
    if (input->left == 0)
        return NULL;
    const uint8_t *end = memchr(input->at, '\n', input->left);
    size_t taken = end != NULL ? (size_t)(end - input->at) : input->left;
    char *line = malloc(taken + 1);

    if (line == NULL)
        return NULL;
    memcpy(line, input->at, taken);
    line[taken] = '\0';
    if (length != NULL)
        *length = taken;
    taken += end != NULL;
    input->at += taken;
    input->left -= taken;
    return line;
}

size_t fuzz_take_fields(struct fuzz_input *input, struct http_field fields[FUZZ_FIELDS_MAX])
{
    size_t count = 0;
    char *line;

    while (count < FUZZ_FIELDS_MAX && (line = fuzz_take_line(input, NULL)) != NULL) {
        if (line[0] == '\0') {
            free(line);
            break;
        }
        char *colon = strchr(line, ':');
        char *value = colon != NULL ? colon + 1 + strspn(colon + 1, " \t") : strchr(line, '\0');
        if (colon != NULL)
            *colon = '\0';
        fields[count++] = (struct http_field){.name = line, .value = value};
    }
    return count;
}

void fuzz_free_fields(struct http_field *fields, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        /* The name is the beginning of the line that was allocated. */
        union {
            const char *borrowed;
            char *owned;
        } line = {.borrowed = fields[i].name};

        free(line.owned);
    }
}

void fuzz_violation(const char *condition, const char *file, int line)
{
    if (fuzz_memory.has_failed)
        return;
    fprintf(stderr, "%s:%d: does not hold: %s\n", file, line, condition);
    abort();
}

bool fuzz_is_uri_text(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        unsigned char c = (unsigned char)text[i];
        bool is_escape = c == '%' && length - i > 2 && text_hex_digit(text[i + 1]) >= 0 &&
                         text_hex_digit(text[i + 2]) >= 0;

        if (c <= ' ' || c >= 0x7f || strchr("\"<>\\^`{|}", c) != NULL || (c == '%' && !is_escape))
            return false;
    }
    return true;
}

bool fuzz_is_field_text(const char *text)
{
    for (; *text != '\0'; text++) {
        unsigned char c = (unsigned char)*text;

        if ((c < 0x20 && c != '\t') || c == 0x7f)
            return false;
    }
    return true;
}

bool fuzz_is_json(const char *text, size_t length)
{
    json_t *value = json_loadb(text, length, JSON_DECODE_ANY | JSON_ALLOW_NUL, NULL);
    bool is_json = value != NULL && text_is_utf8(text, length);

    json_decref(value);
    return is_json;
}

static size_t next_option(const struct rest_message *message, uint16_t number, size_t from)
{
    while (from < message->option_count && message->options[from].number != number)
        from++;
    return from;
}

static bool is_same_value(const struct rest_option *a, const struct rest_option *b)
{
    return a->length == b->length && (a->length == 0 || memcmp(a->value, b->value, a->length) == 0);
}

bool fuzz_same_options(const struct rest_message *a, uint16_t number_a,
                       const struct rest_message *b, uint16_t number_b)
{
    size_t in_a = next_option(a, number_a, 0), in_b = next_option(b, number_b, 0);

    while (in_a < a->option_count && in_b < b->option_count) {
        if (!is_same_value(&a->options[in_a], &b->options[in_b]))
            return false;
        in_a = next_option(a, number_a, in_a + 1);
        in_b = next_option(b, number_b, in_b + 1);
    }
    return in_a == a->option_count && in_b == b->option_count;
}

bool fuzz_same_message(const struct rest_message *a, const struct rest_message *b)
{
    if (a->code != b->code || a->option_count != b->option_count ||
        a->payload_length != b->payload_length ||
        (a->payload_length > 0 && memcmp(a->payload, b->payload, a->payload_length) != 0))
        return false;
    for (size_t i = 0; i < a->option_count; i++)
        if (a->options[i].number != b->options[i].number ||
            !is_same_value(&a->options[i], &b->options[i]))
            return false;
    return true;
}

static bool has_type(const struct http_reply *reply, const char *type)
{
    const char *found = http_reply_field(reply, "Content-Type");

    return found != NULL && strcmp(found, type) == 0;
}

void fuzz_check_reply(const struct http_reply *reply)
{
    const struct buffer *body = &reply->body;
    const char *location = http_reply_field(reply, "Location");

    FUZZ_CHECK(reply->status >= 200 && reply->status <= 599);
    FUZZ_CHECK(reply->field_count <= HTTP_REPLY_FIELDS_MAX);
    FUZZ_CHECK(body->length <= body->maximum);
    for (size_t i = 0; i < reply->field_count; i++) {
        FUZZ_CHECK(text_is_token(reply->fields[i].name, strlen(reply->fields[i].name)));
        FUZZ_CHECK(fuzz_is_field_text(reply->fields[i].value));
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(!text_equal_ignoring_case(reply->fields[i].name, reply->fields[j].name));
    }
    if (location != NULL)
        FUZZ_CHECK(location[0] == '/' && fuzz_is_uri_text(location, strlen(location)));
    if (has_type(reply, "application/problem+json"))
        FUZZ_CHECK(fuzz_is_json(buffer_text(body), body->length));
    if (reply->status == 204)
        FUZZ_CHECK(body->length == 0);
}
