/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CHANNEL_UDP_H
#define COAPGW_CHANNEL_UDP_H

/*
 * channel_udp: one unconnected UDP socket per address family for all nodes. Datagrams are sent in
 * batches at the end of the loop turn (sendmmsg) and read in batches (recvmmsg); ICMP errors come
 * from the error queue with the datagram that caused them.
 */

#include <stdbool.h>
#include <stdint.h>

#include "channel.h"

struct channel_udp;
struct log;
struct loop;

struct channel_udp_options {
    struct loop *loop; /* borrowed for life */
    struct log *log;
    const struct endpoint_address *bind; /* or NULL: ephemeral ports on all addresses */
    uint16_t ports[2]; /* IPv4, IPv6: tried first where `bind` leaves the port to us; 0: none */
};

/* Opens the sockets (a family that the system lacks is left out). A `bind` of 0.0.0.0 or :: gives
 * its port to both families; with another address the other family gets an ephemeral port. NULL,
 * with a line in the log, when neither can be opened or `bind` cannot be bound. */
struct channel_udp *channel_udp_new(const struct channel_udp_options *options);
void channel_udp_free(struct channel_udp *channel);
/* Where news goes; must be set before the loop runs. */
void channel_udp_set_events(struct channel_udp *channel, const struct channel_events *events);
struct channel channel_udp_channel(struct channel_udp *channel);
/* Sends what is queued; a turn-end hook for the loop. It must be added, behind every hook that may
 * send. Refusals by our own system are told from here, and ICMP errors that come in between; then
 * it returns true, as the turn that takes what follows from them must come at once. */
bool channel_udp_flush(void *channel_udp);
/* True when `address` is one of our own sockets: a target that would loop (SEC-08). */
bool channel_udp_is_self(const struct channel_udp *channel, const struct endpoint_address *address);
/* The port of our socket of a family (4 or 6); 0 when there is none. */
unsigned channel_udp_port(const struct channel_udp *channel, unsigned family);
/* Datagrams that the kernel dropped because our buffer was full (SO_RXQ_OVFL), in all. */
unsigned long channel_udp_dropped(const struct channel_udp *channel);

#endif
