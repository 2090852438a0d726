/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_AUTH_H
#define COAPGW_AUTH_H

/*
 * auth: who an HTTP client is and which roles that gives it.
 */

#include <stdint.h>

struct endpoint_address;
struct policy;

/* Bits of enum role for a client at that address; 0: nobody. `policy` may be NULL: nobody. */
unsigned auth_roles(const struct policy *policy, const struct endpoint_address *client);
/* Whose turn a request of a client at that address is (see struct http_request). */
uint64_t auth_client_key(const struct endpoint_address *client);

#endif
