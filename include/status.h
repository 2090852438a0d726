/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_STATUS_H
#define COAPGW_STATUS_H

/*
 * status: CoAP response codes to HTTP status codes, as a table (RFC 8075 7; tables/codes.h).
 */

#include <stdbool.h>
#include <stdint.h>

/* What the choice depends on beside the code. */
struct status_context {
    bool has_payload;
    bool methods_known;       /* the mapping states the methods of the resource (4.05 -> 405) */
    bool blames_client_field; /* 4.02 for an option that came straight from a client's field */
};

/* Never fails: unknown codes follow their class (RFC 7252 5.2), classes 0, 1, 3, 6, 7 give 502. */
unsigned status_from_code(uint8_t code, const struct status_context *context);
/* "Not Found", for problem titles. */
const char *status_phrase(unsigned status);
/* "Not Found" of 4.04 as CoAP names it, or NULL. */
const char *status_code_name(uint8_t code);

#endif
