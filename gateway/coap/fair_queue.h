/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_FAIR_QUEUE_H
#define COAPGW_FAIR_QUEUE_H

/*
 * fair_queue: the messages that wait for one endpoint, served in turns: one message of each HTTP
 * client, then again from the beginning, so that a script with fifty requests delays everybody else
 * by one (CONG-06). Entering, leaving and finding out whose turn it is take constant time.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "keyed_hash.h"
#include "message_layer.h"

TAILQ_HEAD(message_list, message);

struct fair_flow;
TAILQ_HEAD(fair_turns, fair_flow);

struct fair_queue {
    const struct keyed_hash *hash; /* borrowed for life: peers choose their addresses */
    struct fair_flow *flows;       /* owned, by client; each has a message */
    struct fair_turns turns;
    size_t length;
    bool has_served;
    uint64_t served; /* the client whose message left last */
};

void fair_queue_init(struct fair_queue *queue, const struct keyed_hash *hash);
/* Frees what belongs to the queue; the messages in it are told nothing. */
void fair_queue_clear(struct fair_queue *queue);
/* Adds a message behind those of its client; one that goes on with a transfer only behind those
 * that do so too. 0, or -1 when memory is short. */
int fair_queue_add(struct fair_queue *queue, struct message *message);
/* Takes a message out; it is nobody's turn that is used up. */
void fair_queue_remove(struct fair_queue *queue, struct message *message);
/* The message whose turn it is, or NULL. */
struct message *fair_queue_next(const struct fair_queue *queue);
/* Takes the message out of the queue as its client's turn. */
void fair_queue_serve(struct fair_queue *queue, struct message *message);
/* A message of that client goes out without having waited. */
void fair_queue_pass(struct fair_queue *queue, uint64_t client);
/* The message that should give its place to `message`, which is in the queue too: the newest of a
 * client that has more waiting. NULL when there is none among those whose turns come next. */
struct message *fair_queue_displaced(const struct fair_queue *queue, const struct message *message);

#endif
