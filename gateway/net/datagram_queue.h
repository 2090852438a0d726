/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_DATAGRAM_QUEUE_H
#define COAPGW_DATAGRAM_QUEUE_H

/*
 * datagram_queue: copies of datagrams on their way out, in order, in two growing blocks of memory
 * that are used again in every turn. Private to net/.
 */

#include <stddef.h>
#include <stdint.h>

#include "buffer.h"
#include "endpoint_address.h"

enum {
    DATAGRAM_QUEUE_DATAGRAMS_MAX = 8192,
    DATAGRAM_QUEUE_BYTES_MAX = 4 * 1024 * 1024,
};

struct datagram {
    struct endpoint_address to;
    size_t offset; /* into the queue's bytes */
    size_t length;
    int error; /* errno value of a refusal, 0 when there was none */
};

struct datagram_queue {
    struct datagram *datagrams; /* owned */
    size_t count;
    size_t capacity;
    size_t next; /* the first that is not sent yet */
    struct buffer bytes;
};

/* An empty queue; allocates nothing. */
void datagram_queue_init(struct datagram_queue *queue);
/* Frees everything. */
void datagram_queue_clear(struct datagram_queue *queue);
/* Adds a copy. 0, or -1 when the queue is full or memory is short. */
int datagram_queue_add(struct datagram_queue *queue, const struct endpoint_address *to,
                       const uint8_t *bytes, size_t length);
/* Forgets all datagrams and keeps the memory for the next turn, unless a burst made it large. */
void datagram_queue_reset(struct datagram_queue *queue);
/* The bytes of one of its datagrams; borrowed until the next change. */
const uint8_t *datagram_queue_bytes(const struct datagram_queue *queue,
                                    const struct datagram *datagram);

#endif
