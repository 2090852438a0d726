/* SPDX-License-Identifier: BSD-2-Clause */
#include "endpoint_address.h"

/*
 * endpoint_address: the value that identifies a CoAP endpoint in every table of the gateway. It is
 * compared and hashed as bytes, so each way of making one leaves the unused bytes zero and one
 * endpoint never has two values.
 */

#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

_Static_assert(sizeof(struct endpoint_address) == 24, "compared as bytes: no padding");

static const uint8_t mapped_prefix[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

bool endpoint_address_from_sockaddr(struct endpoint_address *address, const struct sockaddr *from)
{
    *address = (struct endpoint_address){0};
    if (from->sa_family == AF_INET) {
        struct sockaddr_in in;
        memcpy(&in, from, sizeof in);
        memcpy(address->bytes, &in.sin_addr, 4);
        address->port = ntohs(in.sin_port);
        address->family = 4;
        return true;
    }
    if (from->sa_family == AF_INET6) {
        struct sockaddr_in6 in6;
        memcpy(&in6, from, sizeof in6);
        address->port = ntohs(in6.sin6_port);
        if (memcmp(&in6.sin6_addr, mapped_prefix, sizeof mapped_prefix) == 0) {
            memcpy(address->bytes, (const uint8_t *)&in6.sin6_addr + 12, 4);
            address->family = 4;
            return true;
        }
        memcpy(address->bytes, &in6.sin6_addr, 16);
        address->scope_id = in6.sin6_scope_id;
        address->family = 6;
        return true;
    }
    return false;
}

unsigned endpoint_address_to_sockaddr(const struct endpoint_address *address,
                                      struct sockaddr_storage *to)
{
    memset(to, 0, sizeof *to);
    if (address->family == 4) {
        struct sockaddr_in in = {.sin_family = AF_INET, .sin_port = htons(address->port)};
        memcpy(&in.sin_addr, address->bytes, 4);
        memcpy(to, &in, sizeof in);
        return sizeof in;
    }
    struct sockaddr_in6 in6 = {.sin6_family = AF_INET6,
                               .sin6_port = htons(address->port),
                               .sin6_scope_id = address->scope_id};
    memcpy(&in6.sin6_addr, address->bytes, 16);
    memcpy(to, &in6, sizeof in6);
    return sizeof in6;
}

bool endpoint_address_equal(const struct endpoint_address *a, const struct endpoint_address *b)
{
    return memcmp(a, b, sizeof *a) == 0;
}

/* RFC 5952 section 4: lower case, no leading zeros, the first longest run of at least two zero
 * groups becomes "::". Own code, as inet_ntop writes addresses like ::1:2 in the mixed form. */
static void format_ipv6(const uint8_t bytes[16], char *text, size_t size)
{
    unsigned groups[8];
    for (unsigned i = 0; i < 8; i++) {
        groups[i] = (unsigned)bytes[2 * i] << 8 | bytes[2 * i + 1];
    }
    unsigned best = 8;
    unsigned best_length = 1;
    for (unsigned i = 0; i < 8; i++) {
        unsigned length = 0;
        while (i + length < 8 && groups[i + length] == 0) {
            length++;
        }
        if (length > best_length) {
            best = i;
            best_length = length;
        }
    }
    size_t used = 0;
    text[0] = '\0';
    for (unsigned i = 0; i < 8;) {
        if (i == best) {
            used += (size_t)snprintf(text + used, size - used, "::");
            i += best_length;
            continue;
        }
        bool needs_colon = i > 0 && i != best + best_length;
        used +=
            (size_t)snprintf(text + used, size - used, "%s%x", needs_colon ? ":" : "", groups[i]);
        i++;
    }
}

const char *endpoint_address_format_host(const struct endpoint_address *address,
                                         char text[ENDPOINT_ADDRESS_TEXT_SIZE])
{
    if (address->family == 4) {
        snprintf(text, ENDPOINT_ADDRESS_TEXT_SIZE, "%u.%u.%u.%u", address->bytes[0],
                 address->bytes[1], address->bytes[2], address->bytes[3]);
    } else {
        format_ipv6(address->bytes, text, ENDPOINT_ADDRESS_TEXT_SIZE);
    }
    return text;
}

const char *endpoint_address_format(const struct endpoint_address *address,
                                    char text[ENDPOINT_ADDRESS_TEXT_SIZE])
{
    char host[ENDPOINT_ADDRESS_TEXT_SIZE];
    endpoint_address_format_host(address, host);
    if (address->family == 4) {
        snprintf(text, ENDPOINT_ADDRESS_TEXT_SIZE, "%.15s:%u", host, address->port);
    } else if (address->scope_id != 0) {
        snprintf(text, ENDPOINT_ADDRESS_TEXT_SIZE, "[%.39s%%%u]:%u", host,
                 (unsigned)address->scope_id, address->port);
    } else {
        snprintf(text, ENDPOINT_ADDRESS_TEXT_SIZE, "[%.39s]:%u", host, address->port);
    }
    return text;
}

bool endpoint_address_is_multicast(const struct endpoint_address *address)
{
    if (address->family == 6) {
        return address->bytes[0] == 0xff;
    }
    static const uint8_t broadcast[4] = {255, 255, 255, 255};
    return (address->bytes[0] & 0xf0) == 0xe0 || memcmp(address->bytes, broadcast, 4) == 0;
}

bool endpoint_address_is_loopback(const struct endpoint_address *address)
{
    if (address->family == 4) {
        return address->bytes[0] == 127;
    }
    static const uint8_t loopback[16] = {[15] = 1};
    return memcmp(address->bytes, loopback, 16) == 0;
}

bool endpoint_address_is_unspecified(const struct endpoint_address *address)
{
    static const uint8_t zeros[16];
    return memcmp(address->bytes, zeros, 16) == 0;
}

bool endpoint_address_is_link_local6(const struct endpoint_address *address)
{
    return address->family == 6 && address->bytes[0] == 0xfe && (address->bytes[1] & 0xc0) == 0x80;
}

bool endpoint_address_in_network(const struct endpoint_address *address,
                                 const struct endpoint_address *network, unsigned prefix_length)
{
    if (address->family != network->family) {
        return false;
    }
    unsigned bits = address->family == 4 ? 32 : 128;
    if (prefix_length > bits) {
        prefix_length = bits;
    }
    unsigned whole = prefix_length / 8;
    if (memcmp(address->bytes, network->bytes, whole) != 0) {
        return false;
    }
    unsigned rest = prefix_length % 8;
    if (rest == 0) {
        return true;
    }
    uint8_t mask = (uint8_t)(0xff << (8 - rest));
    return ((address->bytes[whole] ^ network->bytes[whole]) & mask) == 0;
}
