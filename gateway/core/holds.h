/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HOLDS_H
#define COAPGW_HOLDS_H

/*
 * holds: requests that a node asked not to be sent for a while, by 4.29 (RFC 8516) or by 5.03 with
 * Max-Age (RFC 7252 5.9.3.4). A request is known by a keyed hash of where it goes, its method and
 * its URI. No hold lasts longer than an hour. The table is of fixed size: among many holds those
 * that end soonest are forgotten first.
 */

#include <stdbool.h>
#include <stdint.h>

struct endpoint_address;
struct holds;
struct random_source;
struct rest_message;
struct timers;

/* NULL when memory is short. `timers` is borrowed for life. */
struct holds *holds_new(struct timers *timers, const struct random_source *random);
/* NULL is fine. */
void holds_free(struct holds *holds);
/* The key of requests to that endpoint with that method (a CoAP code; 0: of the resource, whatever
 * is done to it) and the URI of `request`. */
uint64_t holds_key(const struct holds *holds, const struct endpoint_address *peer, uint8_t method,
                   const struct rest_message *request);
/* Holds requests of that key; `code` is the node's response. A further one replaces it. */
void holds_add(struct holds *holds, uint64_t key, uint8_t code, uint32_t seconds);
/* Whether requests of that key are held: by which code, and for how long from now. */
bool holds_find(const struct holds *holds, uint64_t key, uint8_t *code, uint64_t *left_us);

#endif
