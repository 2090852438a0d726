/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_REPRESENTATION_H
#define COAPGW_REPRESENTATION_H

/*
 * representation: a response of a node with the time of its arrival, in one block of memory,
 * counted and never changed. Whoever has a reference may read it for as long as he likes; a newer
 * one takes its place elsewhere.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "rest.h"

struct memory_account;
struct representation;

/* Copies code, options (all but Block, Size2, Observe and Echo) and payload. `arrived_us` is of the
 * monotonic clock. One reference. NULL when memory is short. */
struct representation *representation_new(const struct rest_message *response, uint64_t arrived_us);
/* The same content after a 2.03 (RFC 7252 5.9.1.3): Max-Age, and every safe option that `valid`
 * carries, in place of those it had; ETag stays. NULL when memory is short or both together have
 * too many options. */
struct representation *representation_refresh(const struct representation *representation,
                                              const struct rest_message *valid,
                                              uint64_t arrived_us);
struct representation *representation_reference(struct representation *representation);
/* NULL is fine. */
void representation_release(struct representation *representation);
/* A reference for one who may keep it for longer than the cache: while there are such it is charged
 * to the account, once for all of them together. False, and no reference, when the account has no
 * room for it. */
bool representation_lend(struct representation *representation, struct memory_account *account);
/* Gives it back. NULL is fine. */
void representation_return(struct representation *representation);

/* Fills a message whose options and payload, behind which a NUL stands, are borrowed from the
 * representation. Does not touch
 * the whole of `out`. */
void representation_read(const struct representation *representation, struct rest_message *out);
uint8_t representation_code(const struct representation *representation);
/* True of a 4.01 that carried an Echo (RFC 9175 2.3): it concerns one request. */
bool representation_is_challenge(const struct representation *representation);
/* Max-Age in seconds; false without. */
bool representation_max_age(const struct representation *representation, uint32_t *seconds);
/* ETag of 1 to 8 bytes; false without. Borrowed. */
bool representation_etag(const struct representation *representation, const uint8_t **etag,
                         size_t *length);
/* Whether a message (a 2.03) names it by its ETag. */
bool representation_has_etag(const struct representation *representation,
                             const struct rest_message *message);
uint64_t representation_arrived_us(const struct representation *representation);
/* Bytes that it takes, bookkeeping and those of malloc included. */
size_t representation_size(const struct representation *representation);

#endif
