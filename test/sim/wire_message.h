/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_WIRE_MESSAGE_H
#define COAPGW_TEST_WIRE_MESSAGE_H

/*
 * wire_message: CoAP messages of the model nodes and of the watch on the wire (RFC 7252 3), read
 * and written without any code of the gateway. Nothing is allocated.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define WIRE_CODE(class, detail) ((uint8_t)((class) << 5 | (detail)))

enum wire_type { WIRE_CON, WIRE_NON, WIRE_ACK, WIRE_RST };

enum wire_option_number {
    WIRE_IF_MATCH = 1,
    WIRE_URI_HOST = 3,
    WIRE_ETAG = 4,
    WIRE_IF_NONE_MATCH = 5,
    WIRE_OBSERVE = 6,
    WIRE_URI_PORT = 7,
    WIRE_LOCATION_PATH = 8,
    WIRE_URI_PATH = 11,
    WIRE_CONTENT_FORMAT = 12,
    WIRE_MAX_AGE = 14,
    WIRE_URI_QUERY = 15,
    WIRE_ACCEPT = 17,
    WIRE_BLOCK2 = 23,
    WIRE_BLOCK1 = 27,
    WIRE_SIZE2 = 28,
    WIRE_SIZE1 = 60,
    WIRE_ECHO = 252,
    WIRE_REQUEST_TAG = 292,
};

enum { WIRE_OPTIONS_MAX = 48, WIRE_ARENA_SIZE = 96, WIRE_DATAGRAM_MAX = 1400 };

struct wire_option {
    uint16_t number;
    uint16_t length;
    const uint8_t *value; /* in the datagram or in the arena */
};

struct wire_message {
    enum wire_type type;
    uint8_t code;
    uint16_t mid;
    uint8_t token_length;
    uint8_t token[8];
    size_t option_count;
    struct wire_option options[WIRE_OPTIONS_MAX];
    const uint8_t *payload;
    size_t payload_length;
    size_t arena_used;
    uint8_t arena[WIRE_ARENA_SIZE];
};

enum wire_result {
    WIRE_FINE,
    WIRE_IGNORED,   /* no CoAP at all */
    WIRE_MALFORMED, /* type and MID are right */
};

enum wire_result wire_parse(struct wire_message *message, const uint8_t *bytes, size_t length);
/* The length, 0 when it does not fit. */
size_t wire_write(const struct wire_message *message, uint8_t *out, size_t size);

void wire_init(struct wire_message *message, enum wire_type type, uint8_t code);
/* Options in any order; `value` is borrowed. */
void wire_add(struct wire_message *message, uint16_t number, const void *value, size_t length);
void wire_add_uint(struct wire_message *message, uint16_t number, uint32_t value);
const struct wire_option *wire_find(const struct wire_message *message, uint16_t number);
/* The value of a uint option, `otherwise` when it is absent or too long. */
uint32_t wire_uint(const struct wire_message *message, uint16_t number, uint32_t otherwise);
/* True for a code 0.01 .. 0.31 */
bool wire_is_request(const struct wire_message *message);
bool wire_is_response(const struct wire_message *message);

#endif
