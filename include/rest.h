/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_REST_H
#define COAPGW_REST_H

/*
 * rest: a request or a response in CoAP-shaped terms, without message type, MID or token. The
 * mappings fill one for a request and read one of a response; the codec (pdu) writes and reads the
 * bytes. Options are kept in ascending order of number, equal numbers in order of insertion.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define REST_CODE(class, detail) ((uint8_t)(((class) << 5) | (detail)))
#define REST_CODE_CLASS(code)    ((code) >> 5)
#define REST_CODE_DETAIL(code)   ((code)&0x1f)

enum rest_method {
    REST_GET = 1,
    REST_POST = 2,
    REST_PUT = 3,
    REST_DELETE = 4,
    REST_FETCH = 5,
    REST_PATCH = 6,
    REST_IPATCH = 7,
};

/* REST_OPTION_IF_MATCH = 1, ... and what is known of each: tables/options.h */
enum rest_option_number {
#define OPTION(name, number, ...) REST_OPTION_##name = number,
#include "tables/options.h"
#undef OPTION
};

enum {
    REST_OPTIONS_MAX = 96,   /* options of one message */
    REST_ARENA_SIZE = 1280,  /* bytes of option values of one request */
    REST_REQUEST_SIZE = 1152 /* a datagram without its payload never gets longer (RFC 7252 4.6) */
};

struct rest_option {
    uint16_t number;
    uint16_t length;
    const uint8_t *value; /* borrowed: from the request's arena, or from the datagram */
};

struct rest_message {
    uint8_t code;
    size_t option_count;
    struct rest_option options[REST_OPTIONS_MAX];
    const uint8_t *payload; /* borrowed; NULL when payload_length is 0 */
    size_t payload_length;
};

/* A message under construction that owns the bytes of its option values. */
struct rest_request {
    struct rest_message message;
    size_t arena_used;
    uint8_t arena[REST_ARENA_SIZE];
};

/* Empties the request (code 0, no options, no payload). Does not touch the whole memory. */
void rest_request_init(struct rest_request *request);
/* Copies the value into the arena and inserts the option behind those of the same number.
 * -1 when there are too many options or the arena is full (the answer is 414, URI-20). */
int rest_request_add(struct rest_request *request, uint16_t number, const void *value,
                     size_t length);
/* As rest_request_add with a uint value in the fewest bytes (0 is empty; RFC 7252 3.2). */
int rest_request_add_uint(struct rest_request *request, uint16_t number, uint32_t value);
/* Removes every option of that number (a further Accept candidate is tried). */
void rest_request_remove(struct rest_request *request, uint16_t number);
/* Bytes that the options take on the wire, deltas included. */
size_t rest_options_size(const struct rest_message *message);

/* Fills `out` with `message` and one more option, whose value is borrowed as all others are. False
 * when the option stands there already or there are too many. */
bool rest_message_add_option(struct rest_message *out, const struct rest_message *message,
                             uint16_t number, const uint8_t *value, size_t length);
/* Inserts an option, its value borrowed, behind those of its number. False when there are too many.
 */
bool rest_insert_option(struct rest_message *message, const struct rest_option *option);
/* The first option of that number, or NULL. */
const struct rest_option *rest_find_option(const struct rest_message *message, uint16_t number);
/* The value of a uint option of at most 4 bytes (leading zeros allowed); false when it is longer.
 */
bool rest_option_uint(const struct rest_option *option, uint32_t *value);

/* What rest_check_response found. */
enum rest_verdict {
    REST_VERDICT_FINE,
    REST_VERDICT_CRITICAL, /* an unknown or wrongly sized critical option (RFC 7252 5.4.1) */
    REST_VERDICT_UNSAFE,   /* an unknown elective option that is unsafe to forward (5.7.1) */
};

/* Applies RFC 7252 5.4 to a received response: drops unknown elective safe options, wrongly sized
 * elective ones (5.4.3) and supernumerary ones (5.4.5: the first is kept), in place. When the
 * verdict is not FINE, `*number` is the offending option. Options that this gateway knows but does
 * not take in a response (OSCORE) count as unknown. */
enum rest_verdict rest_check_response(struct rest_message *response, uint16_t *number);
/* True when a received option of this number and length must be treated as unrecognised. */
bool rest_option_is_unrecognised(uint16_t number, size_t length);
/* "If-Match" etc., or NULL for an unknown number. */
const char *rest_option_name(uint16_t number);
/* True for the options that say which resource a request is for, a proxy's included. */
bool rest_option_names_resource(uint16_t number);

/* Writes "2.05" and returns `text`. */
const char *rest_code_format(uint8_t code, char text[8]);

#endif
