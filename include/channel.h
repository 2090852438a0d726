/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CHANNEL_H
#define COAPGW_CHANNEL_H

/*
 * channel: what the CoAP core needs of a network: send a datagram, be told of one. UDP in the
 * daemon, DTLS later, a fake in unit tests, a simulated network in the simulation.
 */

#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"

enum channel_result {
    CHANNEL_SENT = 0,         /* taken (it may still be lost) */
    CHANNEL_UNREACHABLE = -1, /* the system refuses this destination: no route, no permission */
    CHANNEL_TOO_LONG = -2,    /* larger than the path takes */
};

struct channel {
    /* Sends, or queues until the end of the loop turn, a copy of the datagram. */
    enum channel_result (*send)(void *handle, const struct endpoint_address *to,
                                const uint8_t *datagram, size_t length);
    void *handle;
};

/* What a channel tells the core; never from inside `send`. */
struct channel_events {
    /* A datagram came. `datagram` is borrowed for the call. */
    void (*received)(void *handle, const struct endpoint_address *from, const uint8_t *datagram,
                     size_t length);
    /* The network gave one of our datagrams back (ICMP error, from the socket's error queue), or a
     * queued one could not be sent. `datagram` may be shorter than what was sent, or empty.
     * `error` is an errno value. `is_local`: our own system refused, nothing was sent. */
    void (*undeliverable)(void *handle, const struct endpoint_address *to, const uint8_t *datagram,
                          size_t length, int error, int is_local);
    void *handle;
};

#endif
