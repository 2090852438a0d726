/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_FAKES_H
#define COAPGW_TEST_FAKES_H

/*
 * fakes: the world of a unit test below the CoAP core: a clock that the test moves, and a channel
 * that records what is sent and plays the peer.
 */

#include <stddef.h>
#include <stdint.h>

#include "channel.h"
#include "pdu.h"
#include "timers.h"

/* Moves the clock by `ms`, stopping at each deadline on the way to fire what is due. */
void clock_advance(struct timers *timers, uint64_t ms);

struct fake_datagram {
    struct endpoint_address to;
    uint64_t sent_us;
    size_t length;
    uint8_t bytes[1280];
};

struct fake_channel {
    struct timers *timers;
    struct channel_events core; /* who is told of datagrams: set by the test */
    enum channel_result result; /* of each send; only CHANNEL_SENT records */
    size_t refused;             /* sends that were answered with another result */
    struct fake_datagram *sent; /* owned */
    size_t count, capacity;
};

void fake_channel_init(struct fake_channel *fake, struct timers *timers);
void fake_channel_clear(struct fake_channel *fake);
/* The channel to give to the core; borrowed from `fake`. */
struct channel fake_channel_of(struct fake_channel *fake);
/* The latest datagram that was sent; fails the test when there is none. */
const struct fake_datagram *fake_channel_last(const struct fake_channel *fake);
/* The n-th datagram, read; fails the test when there is none or it is malformed. */
struct pdu fake_channel_read(const struct fake_channel *fake, size_t n);
/* Forgets what was sent. */
void fake_channel_forget(struct fake_channel *fake);

/* A datagram comes from the peer, in memory of just that size. */
void fake_channel_deliver(struct fake_channel *fake, const struct endpoint_address *from,
                          const uint8_t *bytes, size_t length);
/* An empty ACK or RST, or a ping. */
void fake_channel_deliver_empty(struct fake_channel *fake, const struct endpoint_address *from,
                                enum pdu_type type, uint16_t mid);
/* A message without options; `payload` may be NULL. */
void fake_channel_deliver_message(struct fake_channel *fake, const struct endpoint_address *from,
                                  enum pdu_type type, uint16_t mid, uint8_t code,
                                  const struct pdu *token_of, const char *payload);

/* 127.0.0.1 with that port, plain CoAP. */
struct endpoint_address fake_address(uint16_t port);

#endif
