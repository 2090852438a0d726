/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_PDU_H
#define COAPGW_PDU_H

/*
 * pdu: CoAP messages over UDP and DTLS as bytes (RFC 7252 3). The one file that includes libcoap,
 * for its option codec.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rest.h"

enum pdu_type { PDU_CON = 0, PDU_NON = 1, PDU_ACK = 2, PDU_RST = 3 };

enum { PDU_TOKEN_MAX = 8, PDU_HEADER_SIZE = 4 };

struct pdu {
    enum pdu_type type;
    uint16_t mid;
    uint8_t token_length;
    uint8_t token[PDU_TOKEN_MAX];
    struct rest_message message; /* code, options and payload; values borrowed from the datagram */
};

enum pdu_outcome {
    PDU_FINE,
    PDU_IGNORE,       /* shorter than a header, or not version 1: silently ignored (RFC 7252 3) */
    PDU_FORMAT_ERROR, /* pdu->type and pdu->mid are set: a CON is reset, others are ignored */
};

/* Reads a datagram; allocates nothing. Refused as format errors: token length 9-15, a marker
 * without payload, truncated options, option numbers above 65535 and the reserved number 0, an
 * empty message with anything behind the header, an RST with a code, an ACK with a request code, an
 * empty NON, reserved code classes (1, 6, 7), more than REST_OPTIONS_MAX options. Options with a
 * bad length are kept: rest_check_response judges them. */
enum pdu_outcome pdu_parse(struct pdu *pdu, const uint8_t *datagram, size_t length);

/* Writes a message whose options stand in ascending order (as rest.h keeps them); returns its
 * length, or 0 when it does not fit into `size`. */
size_t pdu_write(uint8_t *out, size_t size, enum pdu_type type, uint16_t mid, const uint8_t *token,
                 size_t token_length, const struct rest_message *message);
/* Writes an empty message (ACK, RST or ping): always PDU_HEADER_SIZE bytes. */
void pdu_write_empty(uint8_t out[PDU_HEADER_SIZE], enum pdu_type type, uint16_t mid);
/* Sets type and MID of a written message (they are chosen when it is sent first). */
void pdu_set_type_and_mid(uint8_t *datagram, enum pdu_type type, uint16_t mid);
/* Reads MID and token of the beginning of a message of ours that the network gave back. False when
 * it is too short. */
bool pdu_peek(const uint8_t *datagram, size_t length, uint16_t *mid, uint8_t token[PDU_TOKEN_MAX],
              size_t *token_length);

#endif
