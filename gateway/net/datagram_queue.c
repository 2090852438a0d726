/* SPDX-License-Identifier: BSD-2-Clause */
#include "datagram_queue.h"

/*
 * datagram_queue: what one loop turn wants to send over one socket. Datagrams lie behind one
 * another in a buffer and are found by offset, as the buffer may move while it grows. A full queue
 * refuses, which counts as loss on the way: CoAP transmits again.
 */

#include <stdlib.h>

enum {
    FIRST_CAPACITY = 16,
    KEPT_BYTES = 256 * 1024, /* more is given back after a burst */
};

void datagram_queue_init(struct datagram_queue *queue)
{
    *queue = (struct datagram_queue){0};
    buffer_init(&queue->bytes, DATAGRAM_QUEUE_BYTES_MAX);
}

void datagram_queue_clear(struct datagram_queue *queue)
{
    free(queue->datagrams);
    buffer_clear(&queue->bytes);
    datagram_queue_init(queue);
}

static int datagram_queue_reserve(struct datagram_queue *queue)
{
    if (queue->count < queue->capacity) {
        return 0;
    }
    if (queue->count == DATAGRAM_QUEUE_DATAGRAMS_MAX) {
        return -1;
    }
    size_t capacity = queue->capacity > 0 ? 2 * queue->capacity : FIRST_CAPACITY;
    struct datagram *datagrams = realloc(queue->datagrams, capacity * sizeof *datagrams);
    if (datagrams == NULL) {
        return -1;
    }
    queue->datagrams = datagrams;
    queue->capacity = capacity;
    return 0;
}

int datagram_queue_add(struct datagram_queue *queue, const struct endpoint_address *to,
                       const uint8_t *bytes, size_t length)
{
    size_t offset = queue->bytes.length;
    if (datagram_queue_reserve(queue) != 0 || buffer_append(&queue->bytes, bytes, length) != 0) {
        return -1;
    }
    queue->datagrams[queue->count++] =
        (struct datagram){.to = *to, .offset = offset, .length = length};
    return 0;
}

void datagram_queue_reset(struct datagram_queue *queue)
{
    if (queue->bytes.capacity > KEPT_BYTES) {
        datagram_queue_clear(queue);
        return;
    }
    queue->count = 0;
    queue->next = 0;
    queue->bytes.length = 0;
    queue->bytes.failed = false;
}

const uint8_t *datagram_queue_bytes(const struct datagram_queue *queue,
                                    const struct datagram *datagram)
{
    return (const uint8_t *)queue->bytes.data + datagram->offset;
}
