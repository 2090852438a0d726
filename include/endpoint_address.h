/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ENDPOINT_ADDRESS_H
#define COAPGW_ENDPOINT_ADDRESS_H

/*
 * endpoint_address: where a CoAP endpoint is: address, zone, port and security mode (RFC 7252 1.2).
 * A plain value without padding, so that it can be compared and hashed as bytes.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct sockaddr;
struct sockaddr_storage;

struct endpoint_address {
    uint8_t bytes[16]; /* IPv4 in the first four, the rest zero */
    uint32_t scope_id; /* IPv6 zone as an interface index, 0 when none */
    uint16_t port;     /* host byte order */
    uint8_t family;    /* 4 or 6 */
    uint8_t is_secure; /* 1: DTLS */
};

#define ENDPOINT_ADDRESS_TEXT_SIZE 80

/* False when the family is neither AF_INET nor AF_INET6. An IPv4-mapped IPv6 address becomes the
 * IPv4 address it means, so that one endpoint has one value. */
bool endpoint_address_from_sockaddr(struct endpoint_address *address, const struct sockaddr *from);
/* Returns the length of the sockaddr written. */
unsigned endpoint_address_to_sockaddr(const struct endpoint_address *address,
                                      struct sockaddr_storage *to);
bool endpoint_address_equal(const struct endpoint_address *a, const struct endpoint_address *b);
/* "127.0.0.1:5683", "[fe80::1%2]:5683". For logs. Returns `text`. */
const char *endpoint_address_format(const struct endpoint_address *address,
                                    char text[ENDPOINT_ADDRESS_TEXT_SIZE]);
/* Canonical text of the address alone (RFC 5952 for IPv6), without zone and port. */
const char *endpoint_address_format_host(const struct endpoint_address *address,
                                         char text[ENDPOINT_ADDRESS_TEXT_SIZE]);
/* Multicast of both families, and 255.255.255.255. */
bool endpoint_address_is_multicast(const struct endpoint_address *address);
bool endpoint_address_is_loopback(const struct endpoint_address *address);
/* 0.0.0.0 and ::, which the kernel takes for this host. */
bool endpoint_address_is_unspecified(const struct endpoint_address *address);
/* fe80::/10: reachable only with a zone. */
bool endpoint_address_is_link_local6(const struct endpoint_address *address);
/* True when the first `prefix_length` bits agree and the families are the same. */
bool endpoint_address_in_network(const struct endpoint_address *address,
                                 const struct endpoint_address *network, unsigned prefix_length);

#endif
