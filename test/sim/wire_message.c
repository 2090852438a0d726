/* SPDX-License-Identifier: BSD-2-Clause */
#include "wire_message.h"

#include <string.h>

/*
 * wire_message: a second reading of RFC 7252 3, on purpose: what the gateway writes is read here,
 * and what is written here is read by the gateway.
 */

/* Reads the value that a nibble announces (RFC 7252 3.1); false when it cannot be read. */
static bool read_extended(const uint8_t **at, const uint8_t *end, unsigned nibble, uint32_t *value)
{
    *value = nibble;
    if (nibble < 13)
        return true;
    if (nibble == 13) {
        if (end - *at < 1)
            return false;
        *value = 13u + (*at)[0];
        *at += 1;
        return true;
    }
    if (nibble == 15 || end - *at < 2)
        return false;
    *value = 269u + (uint32_t)((*at)[0] << 8 | (*at)[1]);
    *at += 2;
    return true;
}

static enum wire_result parse_body(struct wire_message *message, const uint8_t *at,
                                   const uint8_t *end)
{
    uint32_t number = 0;

    while (at < end && *at != 0xff) {
        unsigned head = *at++;
        uint32_t delta, length;
        if (!read_extended(&at, end, head >> 4, &delta) ||
            !read_extended(&at, end, head & 15, &length) || length > (size_t)(end - at) ||
            message->option_count == WIRE_OPTIONS_MAX)
            return WIRE_MALFORMED;
        number += delta;
        if (number == 0 || number > 65535)
            return WIRE_MALFORMED;
        message->options[message->option_count++] =
            (struct wire_option){(uint16_t)number, (uint16_t)length, at};
        at += length;
    }
    if (at == end)
        return WIRE_FINE;
    message->payload = at + 1;
    message->payload_length = (size_t)(end - at) - 1;
    return message->payload_length > 0 ? WIRE_FINE : WIRE_MALFORMED;
}

enum wire_result wire_parse(struct wire_message *message, const uint8_t *bytes, size_t length)
{
    wire_init(message, WIRE_CON, 0);
    if (length < 4 || bytes[0] >> 6 != 1)
        return WIRE_IGNORED;
    message->type = (enum wire_type)(bytes[0] >> 4 & 3);
    message->token_length = bytes[0] & 15;
    message->code = bytes[1];
    message->mid = (uint16_t)(bytes[2] << 8 | bytes[3]);
    unsigned class = message->code >> 5;
    if (message->token_length > 8 || length < 4u + message->token_length || class == 1 || class > 5)
        return WIRE_MALFORMED;
    if (message->code == 0)
        return length == 4 && message->type != WIRE_NON ? WIRE_FINE : WIRE_MALFORMED;
    if (message->type == WIRE_RST || (message->type == WIRE_ACK && class == 0))
        return WIRE_MALFORMED;
    memcpy(message->token, bytes + 4, message->token_length);
    return parse_body(message, bytes + 4 + message->token_length, bytes + length);
}

static uint8_t *write_extended(uint8_t *at, uint32_t value)
{
    if (value >= 269) {
        *at++ = (uint8_t)((value - 269) >> 8);
        *at++ = (uint8_t)(value - 269);
    } else if (value >= 13) {
        *at++ = (uint8_t)(value - 13);
    }
    return at;
}

static unsigned nibble_of(uint32_t value)
{
    return value >= 269 ? 14 : value >= 13 ? 13 : value;
}

size_t wire_write(const struct wire_message *message, uint8_t *out, size_t size)
{
    uint8_t *at = out;
    uint16_t number = 0;
    size_t needed = 4u + message->token_length + message->payload_length + 1;

    for (size_t i = 0; i < message->option_count; i++)
        needed += 5u + message->options[i].length;
    if (needed > size)
        return 0;
    *at++ = (uint8_t)(1 << 6 | message->type << 4 | message->token_length);
    *at++ = message->code;
    *at++ = (uint8_t)(message->mid >> 8);
    *at++ = (uint8_t)message->mid;
    memcpy(at, message->token, message->token_length);
    at += message->token_length;
    for (size_t i = 0; i < message->option_count; i++) {
        const struct wire_option *option = &message->options[i];
        uint32_t delta = (uint32_t)(option->number - number);
        *at++ = (uint8_t)(nibble_of(delta) << 4 | nibble_of(option->length));
        at = write_extended(at, delta);
        at = write_extended(at, option->length);
        memcpy(at, option->value, option->length);
        at += option->length;
        number = option->number;
    }
    if (message->payload_length > 0) {
        *at++ = 0xff;
        memcpy(at, message->payload, message->payload_length);
        at += message->payload_length;
    }
    return (size_t)(at - out);
}

void wire_init(struct wire_message *message, enum wire_type type, uint8_t code)
{
    message->type = type;
    message->code = code;
    message->mid = 0;
    message->token_length = 0;
    message->option_count = 0;
    message->payload = NULL;
    message->payload_length = 0;
    message->arena_used = 0;
}

void wire_add(struct wire_message *message, uint16_t number, const void *value, size_t length)
{
    size_t at = message->option_count;

    if (at == WIRE_OPTIONS_MAX)
        return;
    for (; at > 0 && message->options[at - 1].number > number; at--)
        message->options[at] = message->options[at - 1];
    message->options[at] = (struct wire_option){number, (uint16_t)length, value};
    message->option_count++;
}

void wire_add_uint(struct wire_message *message, uint16_t number, uint32_t value)
{
    uint8_t *at = message->arena + message->arena_used;
    size_t length = 0;

    if (message->arena_used + 4 > sizeof message->arena)
        return;
    for (int shift = 24; shift >= 0; shift -= 8)
        if (length > 0 || value >> shift != 0)
            at[length++] = (uint8_t)(value >> shift);
    message->arena_used += length;
    wire_add(message, number, at, length);
}

const struct wire_option *wire_find(const struct wire_message *message, uint16_t number)
{
    for (size_t i = 0; i < message->option_count; i++)
        if (message->options[i].number == number)
            return &message->options[i];
    return NULL;
}

uint32_t wire_uint(const struct wire_message *message, uint16_t number, uint32_t otherwise)
{
    const struct wire_option *option = wire_find(message, number);
    uint32_t value = 0;

    if (option == NULL || option->length > 4)
        return otherwise;
    for (size_t i = 0; i < option->length; i++)
        value = value << 8 | option->value[i];
    return value;
}

bool wire_is_request(const struct wire_message *message)
{
    return message->code > 0 && message->code < 32;
}

bool wire_is_response(const struct wire_message *message)
{
    return message->code >= 64;
}
