/* SPDX-License-Identifier: BSD-2-Clause */
#include "coap_message.h"
/*
 * coap_message: the scripted node's own reader and writer of CoAP messages. It shares nothing with
 * the gateway or libcoap, so that a mistake there cannot hide itself here, and it writes what it is
 * told, also what no decent node would send.
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum option_form { FORM_TEXT, FORM_UINT, FORM_HEX, FORM_BLOCK };

static const struct option_name {
    const char *name;
    unsigned number;
    enum option_form form;
} option_names[] = {
    {"ifmatch", 1, FORM_HEX},       {"host", 3, FORM_TEXT},      {"etag", 4, FORM_HEX},
    {"ifnonematch", 5, FORM_HEX},   {"observe", 6, FORM_UINT},   {"port", 7, FORM_UINT},
    {"locpath", 8, FORM_TEXT},      {"path", 11, FORM_TEXT},     {"cf", 12, FORM_UINT},
    {"maxage", 14, FORM_UINT},      {"query", 15, FORM_TEXT},    {"hop", 16, FORM_UINT},
    {"accept", 17, FORM_UINT},      {"locquery", 20, FORM_TEXT}, {"block2", 23, FORM_BLOCK},
    {"block1", 27, FORM_BLOCK},     {"size2", 28, FORM_UINT},    {"proxyuri", 35, FORM_TEXT},
    {"proxyscheme", 39, FORM_TEXT}, {"size1", 60, FORM_UINT},
};
#define OPTION_NAMES (sizeof(option_names) / sizeof(option_names[0]))

static const char *const methods[] = {NULL,     "GET",   "POST",  "PUT",
                                      "DELETE", "FETCH", "PATCH", "IPATCH"};
static const char *const types[] = {"CON", "NON", "ACK", "RST"};

void coap_message_clear(struct coap_message *message)
{
    for (size_t i = 0; i < message->option_count; i++)
        bytes_clear(&message->options[i].value);
    bytes_clear(&message->payload);
    *message = (struct coap_message){.option_count = 0};
}

static struct message_option *add_option(struct coap_message *message, unsigned number,
                                         const void *value, size_t length)
{
    if (message->option_count == MESSAGE_OPTIONS)
        return NULL;
    struct message_option *option = &message->options[message->option_count++];
    *option = (struct message_option){.number = number};
    bytes_append(&option->value, value, length);
    return option;
}

/* Reads the 13/14 extension of a delta or length (RFC 7252 3.1). */
static bool read_extension(const uint8_t **at, const uint8_t *end, unsigned *value)
{
    size_t more = *value == 13 ? 1 : *value == 14 ? 2 : 0;
    if (*value == 15 || (size_t)(end - *at) < more)
        return false;
    if (more == 1)
        *value = 13U + (*at)[0];
    else if (more == 2)
        *value = 269U + (unsigned)(*at)[0] * 256U + (*at)[1];
    *at += more;
    return true;
}

bool coap_message_parse(struct coap_message *message, const uint8_t *data, size_t length)
{
    const uint8_t *end = data + length;
    if (length < 4 || data[0] >> 6 != 1 || (data[0] & 15) > 8)
        return false;
    message->type = (enum message_type)(data[0] >> 4 & 3);
    message->token_length = data[0] & 15;
    message->code = data[1];
    message->mid = (uint16_t)(data[2] * 256 + data[3]);
    if (length < 4 + message->token_length)
        return false;
    memcpy(message->token, data + 4, message->token_length);
    unsigned number = 0;
    for (const uint8_t *at = data + 4 + message->token_length; at < end;) {
        if (*at == 0xff) {
            bytes_append(&message->payload, at + 1, (size_t)(end - at - 1));
            return end - at > 1;
        }
        unsigned delta = *at >> 4;
        unsigned size = *at++ & 15;
        if (!read_extension(&at, end, &delta) || !read_extension(&at, end, &size) ||
            (size_t)(end - at) < size)
            return false;
        number += delta;
        if (add_option(message, number, at, size) == NULL)
            return false;
        at += size;
    }
    return true;
}

static uint8_t nibble(size_t value)
{
    return value < 13 ? (uint8_t)value : value < 269 ? 13 : 14;
}

static void write_extension(size_t value, struct bytes *out)
{
    uint8_t wide[2] = {(uint8_t)((value - 269) >> 8), (uint8_t)(value - 269)};
    uint8_t narrow = (uint8_t)(value - 13);
    if (nibble(value) == 13)
        bytes_append(out, &narrow, 1);
    else if (nibble(value) == 14)
        bytes_append(out, wide, 2);
}

/* Insertion sort: stable, and the lists are short. */
static void sort_options(struct coap_message *message)
{
    for (size_t i = 1; i < message->option_count; i++) {
        struct message_option option = message->options[i];
        size_t at = i;
        for (; at > 0 && message->options[at - 1].number > option.number; at--)
            message->options[at] = message->options[at - 1];
        message->options[at] = option;
    }
}

void coap_message_write(struct coap_message *message, struct bytes *out)
{
    uint8_t head[4] = {(uint8_t)(0x40 | message->type << 4 | message->token_length), message->code,
                       (uint8_t)(message->mid >> 8), (uint8_t)message->mid};
    unsigned previous = 0;
    sort_options(message);
    bytes_append(out, head, sizeof(head));
    bytes_append(out, message->token, message->token_length);
    for (size_t i = 0; i < message->option_count; i++) {
        const struct message_option *option = &message->options[i];
        unsigned delta = option->number - previous;
        uint8_t first = (uint8_t)(nibble(delta) << 4 | nibble(option->value.length));
        bytes_append(out, &first, 1);
        write_extension(delta, out);
        write_extension(option->value.length, out);
        bytes_append(out, option->value.data, option->value.length);
        previous = option->number;
    }
    if (message->payload.length > 0) {
        bytes_append(out, "\xff", 1);
        bytes_append(out, message->payload.data, message->payload.length);
    }
}

static const struct option_name *name_of(unsigned number)
{
    for (size_t i = 0; i < OPTION_NAMES; i++) {
        if (option_names[i].number == number)
            return &option_names[i];
    }
    return NULL;
}

static uint64_t read_uint(const struct bytes *value)
{
    uint64_t number = 0;
    for (size_t i = 0; i < value->length; i++)
        number = number << 8 | value->data[i];
    return number;
}

/* NUM/M/SIZE (RFC 7959 2.2) */
static void show_block(uint64_t value, struct bytes *out)
{
    bytes_print(out, "%llu/%d/%u", (unsigned long long)(value >> 4), (value & 8) != 0,
                16U << (value & 7));
}

static void show_option(const struct message_option *option, struct bytes *out)
{
    const struct option_name *name = name_of(option->number);
    if (name == NULL)
        bytes_print(out, " %u=", option->number);
    else
        bytes_print(out, " %s=", name->name);
    if (name != NULL && name->form == FORM_TEXT) {
        bytes_show(out, option->value.data, option->value.length);
    } else if (name != NULL && name->form != FORM_HEX && option->value.length <= 8) {
        uint64_t value = read_uint(&option->value);
        if (name->form == FORM_BLOCK)
            show_block(value, out);
        else
            bytes_print(out, "%llu", (unsigned long long)value);
        if (option->value.length > 0 && option->value.data[0] == 0)
            bytes_print(out, "(in %zu bytes)", option->value.length);
    } else {
        bytes_show_hex(out, option->value.data, option->value.length);
    }
}

/* Of a long payload its ends. */
static void show_payload(const struct bytes *payload, struct bytes *out)
{
    size_t end = 32;
    if (payload->length <= 8 * end) {
        bytes_show(out, payload->data, payload->length);
        return;
    }
    bytes_show(out, payload->data, end);
    bytes_append(out, "...", 3);
    bytes_show(out, payload->data + payload->length - end, end);
    bytes_print(out, " (%zu bytes)", payload->length);
}

void coap_message_show(const struct coap_message *message, struct bytes *out)
{
    bytes_print(out, "%s", types[message->type]);
    if (message->code > 0 && message->code <= 7)
        bytes_print(out, " %s", methods[message->code]);
    else
        bytes_print(out, " %d.%02d", message->code >> 5, message->code & 31);
    if (message->mid != 0 || message->token_length != 0) { /* an expectation has neither */
        bytes_print(out, " mid=%04x token=", message->mid);
        bytes_show_hex(out, message->token, message->token_length);
    }
    for (size_t i = 0; i < message->option_count; i++)
        show_option(&message->options[i], out);
    if (message->payload.length > 0) {
        bytes_append(out, " ", 1);
        show_payload(&message->payload, out);
    }
}

void coap_message_add_uint(struct coap_message *message, unsigned number, uint64_t value)
{
    uint8_t bytes[8];
    size_t length = 0;
    for (int shift = 56; shift >= 0; shift -= 8) {
        uint8_t byte = (uint8_t)(value >> shift);
        if (byte != 0 || length > 0)
            bytes[length++] = byte;
    }
    add_option(message, number, bytes, length);
}

/* NUM/M/SIZE, SIZE being 16, 32, ... 2048 (the reserved SZX 7). */
static bool add_block(struct coap_message *message, unsigned number, const char *text)
{
    unsigned long num = 0;
    unsigned more = 0, size = 0, exponent = 0;
    int used = 0;
    if (sscanf(text, "%lu/%1u/%u%n", &num, &more, &size, &used) != 3 || text[used] != '\0' ||
        more > 1)
        return false;
    while (exponent < 8 && 16U << exponent != size)
        exponent++;
    if (exponent == 8)
        return false;
    coap_message_add_uint(message, number, (uint64_t)num << 4 | more << 3 | exponent);
    return true;
}

/* `value` is the text behind "name=". */
static bool add_named(struct coap_message *message, unsigned number, enum option_form form,
                      const char *value, size_t length)
{
    if (form == FORM_BLOCK && strchr(value, '/') != NULL)
        return add_block(message, number, value);
    if (form == FORM_UINT || form == FORM_BLOCK) {
        char *end;
        unsigned long long integer = strtoull(value, &end, 10);
        if (length == 0 || *end != '\0')
            return false;
        coap_message_add_uint(message, number, integer);
        return true;
    }
    if (form == FORM_TEXT)
        return add_option(message, number, value, length) != NULL;
    struct message_option *option = add_option(message, number, "", 0);
    return option != NULL && bytes_append_hex(&option->value, value, length);
}

bool coap_message_add_word(struct coap_message *message, const struct word *word)
{
    const char *text = bytes_text(&word->value);
    if (word->quoted) {
        bytes_append(&message->payload, word->value.data, word->value.length);
        return true;
    }
    size_t name_length = strcspn(text, "=");
    const char *value = text[name_length] == '=' ? text + name_length + 1 : text + name_length;
    size_t length = word->value.length - (size_t)(value - text);
    if (name_length == 3 && strncmp(text, "hex", 3) == 0)
        return bytes_append_hex(&message->payload, value, length);
    for (size_t i = 0; i < OPTION_NAMES; i++) {
        const struct option_name *name = &option_names[i];
        if (strlen(name->name) == name_length && strncmp(text, name->name, name_length) == 0)
            return add_named(message, name->number, name->form, value, length);
    }
    char *end;
    unsigned long number = strtoul(text, &end, 10);
    if (end == text || *end != '=' || number > 65535)
        return false;
    return add_named(message, (unsigned)number, FORM_HEX, value, length);
}

bool coap_message_code(const char *text, uint8_t *code)
{
    unsigned class = 0, detail = 0;
    int used = 0;
    for (uint8_t i = 1; i < sizeof(methods) / sizeof(methods[0]); i++) {
        if (strcmp(methods[i], text) == 0) {
            *code = i;
            return true;
        }
    }
    if (sscanf(text, "%1u.%2u%n", &class, &detail, &used) != 2 || text[used] != '\0')
        return false;
    *code = (uint8_t)(class << 5 | (detail & 31));
    return class <= 7 && detail <= 31;
}

bool coap_message_type(const char *text, enum message_type *type)
{
    for (unsigned i = 0; i < 4; i++) {
        if (strcmp(types[i], text) == 0) {
            *type = (enum message_type)i;
            return true;
        }
    }
    return false;
}

const struct message_option *coap_message_find(const struct coap_message *message, unsigned number)
{
    for (size_t i = 0; i < message->option_count; i++) {
        if (message->options[i].number == number)
            return &message->options[i];
    }
    return NULL;
}
