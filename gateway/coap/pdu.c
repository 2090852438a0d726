/* SPDX-License-Identifier: BSD-2-Clause */
#include "pdu.h"

#include <string.h>

#include <coap3/coap.h>

/*
 * The codec between datagrams and messages: the lowest step of the CoAP side. Header, token and
 * payload marker are read and written here; each option by libcoap's codec. libcoap's own message
 * parser is not used: it refuses a whole message for one option of a bad length, where RFC 7252
 * 5.4.3 wants that option treated as unrecognised, and it lets pass what RFC 7252 3 and 4 refuse.
 * Nothing is copied: the values point into the datagram.
 */

enum {
    PDU_VERSION = 1,
    PDU_PAYLOAD_MARKER = 0xff,
    PDU_CLASS_REQUEST = 0,
    PDU_CLASS_SUCCESS = 2,
    PDU_CLASS_SERVER_ERROR = 5,
    /* The smallest value of an option delta in two extension bytes (RFC 7252 3.1): less is a sum
     * that left its 16 bits. */
    PDU_TWO_BYTE_DELTA = 269,
};

static uint16_t read_mid(const uint8_t *datagram)
{
    return (uint16_t)(datagram[2] << 8 | datagram[3]);
}

/* RFC 7252 4.3, table 1, and the reserved classes of 4.2. */
static bool may_carry(enum pdu_type type, uint8_t code)
{
    unsigned class = REST_CODE_CLASS(code);

    if (code == 0)
        return type != PDU_NON;
    if (type == PDU_RST)
        return false;
    if (class == PDU_CLASS_REQUEST)
        return type != PDU_ACK;
    return class >= PDU_CLASS_SUCCESS && class <= PDU_CLASS_SERVER_ERROR;
}

/* Reads the option at `at`; returns the bytes it takes, 0 when it is malformed. */
static size_t parse_option(const uint8_t *at, size_t left, uint32_t *number,
                           struct rest_option *option)
{
    coap_option_t parsed;
    size_t taken = coap_opt_parse(at, left, &parsed);

    if (taken == 0)
        return 0;
    if (at[0] >> 4 == 14 && parsed.delta < PDU_TWO_BYTE_DELTA)
        return 0;
    *number += parsed.delta;
    if (*number == 0 || *number > UINT16_MAX)
        return 0;
    option->number = (uint16_t)*number;
    option->length = (uint16_t)parsed.length;
    option->value = parsed.value;
    /* A length that does not fit cannot come in a UDP datagram, but the codec does not know that.
     */
    return parsed.length <= UINT16_MAX ? taken : 0;
}

/* Reads options and payload, all that follows the token. */
static enum pdu_outcome parse_body(struct rest_message *message, const uint8_t *at,
                                   const uint8_t *end)
{
    uint32_t number = 0;

    while (at < end && *at != PDU_PAYLOAD_MARKER) {
        if (message->option_count == REST_OPTIONS_MAX)
            return PDU_FORMAT_ERROR;
        size_t taken =
            parse_option(at, (size_t)(end - at), &number, &message->options[message->option_count]);
        if (taken == 0)
            return PDU_FORMAT_ERROR;
        message->option_count++;
        at += taken;
    }
    if (at == end)
        return PDU_FINE;
    at++;
    if (at == end)
        return PDU_FORMAT_ERROR;
    message->payload = at;
    message->payload_length = (size_t)(end - at);
    return PDU_FINE;
}

enum pdu_outcome pdu_parse(struct pdu *pdu, const uint8_t *datagram, size_t length)
{
    struct rest_message *message = &pdu->message;

    if (length < PDU_HEADER_SIZE || datagram[0] >> 6 != PDU_VERSION)
        return PDU_IGNORE;
    pdu->type = (enum pdu_type)(datagram[0] >> 4 & 3);
    pdu->mid = read_mid(datagram);
    pdu->token_length = datagram[0] & 0x0f;
    message->code = datagram[1];
    message->option_count = 0;
    message->payload = NULL;
    message->payload_length = 0;

    if (pdu->token_length > PDU_TOKEN_MAX || !may_carry(pdu->type, message->code) ||
        length < (size_t)PDU_HEADER_SIZE + pdu->token_length ||
        (message->code == 0 && length != PDU_HEADER_SIZE)) {
        pdu->token_length = 0;
        return PDU_FORMAT_ERROR;
    }
    if (message->code == 0)
        return PDU_FINE;
    memcpy(pdu->token, datagram + PDU_HEADER_SIZE, pdu->token_length);
    return parse_body(message, datagram + PDU_HEADER_SIZE + pdu->token_length, datagram + length);
}

static void write_header(uint8_t *out, enum pdu_type type, size_t token_length, uint8_t code,
                         uint16_t mid)
{
    out[0] = (uint8_t)(PDU_VERSION << 6 | (unsigned)type << 4 | token_length);
    out[1] = code;
    out[2] = (uint8_t)(mid >> 8);
    out[3] = (uint8_t)mid;
}

size_t pdu_write(uint8_t *out, size_t size, enum pdu_type type, uint16_t mid, const uint8_t *token,
                 size_t token_length, const struct rest_message *message)
{
    size_t used = PDU_HEADER_SIZE + token_length;
    uint16_t number = 0;

    if (token_length > PDU_TOKEN_MAX || used > size)
        return 0;
    write_header(out, type, token_length, message->code, mid);
    if (token_length > 0)
        memcpy(out + PDU_HEADER_SIZE, token, token_length);

    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];
        uint16_t delta = (uint16_t)(option->number - number);
        size_t wanted = coap_opt_encode_size(delta, option->length);

        if (option->number < number || wanted > size - used)
            return 0;
        used += coap_opt_encode(out + used, size - used, delta, option->value, option->length);
        number = option->number;
    }
    if (message->payload_length == 0)
        return used;
    if (message->payload_length >= size - used)
        return 0;
    out[used++] = PDU_PAYLOAD_MARKER;
    memcpy(out + used, message->payload, message->payload_length);
    return used + message->payload_length;
}

void pdu_write_empty(uint8_t out[PDU_HEADER_SIZE], enum pdu_type type, uint16_t mid)
{
    write_header(out, type, 0, 0, mid);
}

void pdu_set_type_and_mid(uint8_t *datagram, enum pdu_type type, uint16_t mid)
{
    write_header(datagram, type, datagram[0] & 0x0f, datagram[1], mid);
}

bool pdu_peek(const uint8_t *datagram, size_t length, uint16_t *mid, uint8_t token[PDU_TOKEN_MAX],
              size_t *token_length)
{
    if (length < PDU_HEADER_SIZE || datagram[0] >> 6 != PDU_VERSION)
        return false;
    size_t tokens = datagram[0] & 0x0f;
    if (tokens > PDU_TOKEN_MAX || length < PDU_HEADER_SIZE + tokens)
        return false;
    *mid = read_mid(datagram);
    memcpy(token, datagram + PDU_HEADER_SIZE, tokens);
    *token_length = tokens;
    return true;
}
