/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_COAP_MESSAGE_H
#define COAPGW_TEST_COAP_MESSAGE_H

/* coap_message: CoAP messages of the scripted node, read and written without libcoap and without
 * the gateway's own code (RFC 7252 3). */

#include "bytes.h"
#include "words.h"

enum message_type { MESSAGE_CON, MESSAGE_NON, MESSAGE_ACK, MESSAGE_RST };

#define MESSAGE_OPTIONS 128

struct coap_message {
    enum message_type type;
    uint8_t code;
    uint16_t mid;
    uint8_t token[8];
    size_t token_length;
    struct message_option {
        unsigned number;
        struct bytes value;
    } options[MESSAGE_OPTIONS];
    size_t option_count;
    struct bytes payload; /* length 0: no marker */
};

void coap_message_clear(struct coap_message *message);
bool coap_message_parse(struct coap_message *message, const uint8_t *data, size_t length);
/* Options are put in ascending order, equal numbers as they came. */
void coap_message_write(struct coap_message *message, struct bytes *out);
void coap_message_show(const struct coap_message *message, struct bytes *out);
/* Appends one option or the payload from a word: path=a, cf=50, etag=0a1b, ifnonematch, 65001=ff,
 * "payload", hex=00ff. False when the word is none of these. */
bool coap_message_add_word(struct coap_message *message, const struct word *word);
void coap_message_add_uint(struct coap_message *message, unsigned number, uint64_t value);
/* "GET" or "2.05" */
bool coap_message_code(const char *text, uint8_t *code);
bool coap_message_type(const char *text, enum message_type *type);
/* The option with that number, or NULL. */
const struct message_option *coap_message_find(const struct coap_message *message, unsigned number);

#endif
