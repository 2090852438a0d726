/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CONGESTION_H
#define COAPGW_CONGESTION_H

/*
 * congestion: when a message may leave. At most NSTART unacknowledged to an endpoint (RFC 7252
 * 4.7), at most so many requests outstanding in all (RFC 8075 8.1), of which one endpoint that
 * acknowledges and does not answer can take a quarter and one client, who need not wait for
 * answers, a half, and to an endpoint that does not answer at most PROBING_RATE bytes a second on
 * average (RFC 7252 4.7). Who has to wait stands in the fair queue of its endpoint, and endpoints
 * that have only the others to wait for stand in one line and send one message each when something
 * ends.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "client_share.h"

struct endpoint;
struct keyed_hash;
struct message;
struct timers;

TAILQ_HEAD(endpoint_line, endpoint);

struct congestion {
    struct timers *timers;
    size_t maximum;     /* outstanding requests */
    size_t outstanding; /* UNACKED, ACKED and NON_SENT */
    size_t queued;
    uint64_t response_time_us;    /* moving average of how long a request is outstanding */
    struct endpoint_line line;    /* endpoints with a message that has a slot */
    struct client_shares clients; /* of what is outstanding */
};

/* `hash` is borrowed for life. */
void congestion_init(struct congestion *congestion, struct timers *timers,
                     const struct keyed_hash *hash, size_t maximum);
/* Frees what it owns; messages are told nothing. */
void congestion_clear(struct congestion *congestion);
/* False when the message would begin something and its client has its share of what may be
 * outstanding. */
bool congestion_admits(const struct congestion *congestion, const struct message *message);
/* True when the message may leave at once: it overtakes nobody. */
bool congestion_is_free(const struct congestion *congestion, const struct message *message);
/* Puts the message into its endpoint's queue. 0, or -1 when memory is short. */
int congestion_enqueue(struct congestion *congestion, struct message *message);
/* Takes a message that will not be sent out of the queue. */
void congestion_dequeue(struct congestion *congestion, struct message *message);
/* Puts the endpoint at the end of the line when it has a message that may leave. */
void congestion_line_up(struct congestion *congestion, struct endpoint *endpoint);
/* Takes the endpoint whose turn it is out of the line; NULL when nothing may leave. */
struct endpoint *congestion_turn(struct congestion *congestion);
/* The message of the endpoint whose turn it is, still in the queue; NULL when it has no slot or the
 * endpoint has its share of what may be outstanding. */
struct message *congestion_next(const struct congestion *congestion,
                                const struct endpoint *endpoint);
/* How long the message has to wait until PROBING_RATE lets it go; 0: not at all. */
uint64_t congestion_probing_delay_us(const struct congestion *congestion,
                                     const struct message *message);
/* The message leaves (the queue, if it was in it): it takes a slot and is outstanding. */
void congestion_start(struct congestion *congestion, struct message *message);
/* Gives the slot of a message back, if it holds one. */
void congestion_free_slot(struct congestion *congestion, struct message *message);
/* A message that was started is not expected to be answered any more. */
void congestion_end(struct congestion *congestion, struct message *message);
/* Nothing is expected of the message any more: its endpoint is silent unless it has answered
 * anything since the first transmission. */
void congestion_give_up(const struct message *message);
/* A datagram came from the endpoint, an empty ACK or more. True when it was silent until now. */
bool congestion_heard(struct endpoint *endpoint, bool is_answer);
/* How long a message to the endpoint that came now would wait, judged by the recent ones. */
uint64_t congestion_wait_us(const struct congestion *congestion, const struct endpoint *endpoint);

#endif
