/* SPDX-License-Identifier: BSD-2-Clause */
#include "fair_queue.h"

#include <stdlib.h>

/* Without memory for the table a message is refused and the daemon stays. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/*
 * fair_queue: a list of messages for each client and the clients in the order of their turns. Who
 * was served goes to the end; who was served last lets the others go first also when its list had
 * become empty meanwhile.
 */

enum { DISPLACE_LOOKS = 8 }; /* clients that are looked at */

struct fair_flow {
    uint64_t client;
    struct message_list messages;      /* blocks of transfers before the others */
    struct message *last_continuation; /* the last of these blocks; NULL: none */
    size_t length;
    TAILQ_ENTRY(fair_flow) turn;
    UT_hash_handle hh;
};

void fair_queue_init(struct fair_queue *queue, const struct keyed_hash *hash)
{
    *queue = (struct fair_queue){.hash = hash};
    TAILQ_INIT(&queue->turns);
}

static struct fair_flow *find_flow(const struct fair_queue *queue, uint64_t client)
{
    struct fair_flow *flow = NULL;

    if (queue->flows != NULL)
        HASH_FIND_BYHASHVALUE(hh, queue->flows, &client, sizeof client,
                              keyed_hash(queue->hash, &client, sizeof client), flow);
    return flow;
}

static struct fair_flow *add_flow(struct fair_queue *queue, uint64_t client)
{
    struct fair_flow *flow = calloc(1, sizeof *flow);

    if (flow == NULL)
        return NULL;
    flow->client = client;
    TAILQ_INIT(&flow->messages);
    HASH_ADD_BYHASHVALUE(hh, queue->flows, client, sizeof flow->client,
                         keyed_hash(queue->hash, &flow->client, sizeof flow->client), flow);
    if (flow->hh.tbl == NULL) {
        free(flow);
        return NULL;
    }
    TAILQ_INSERT_TAIL(&queue->turns, flow, turn);
    return flow;
}

static void drop_flow(struct fair_queue *queue, struct fair_flow *flow)
{
    HASH_DEL(queue->flows, flow);
    TAILQ_REMOVE(&queue->turns, flow, turn);
    free(flow);
}

void fair_queue_clear(struct fair_queue *queue)
{
    while (!TAILQ_EMPTY(&queue->turns))
        drop_flow(queue, TAILQ_FIRST(&queue->turns));
    queue->length = 0;
}

/* Behind the blocks of the client's other transfers, which wait longer, and before all else. */
static void add_continuation(struct fair_flow *flow, struct message *message)
{
    if (flow->last_continuation == NULL)
        TAILQ_INSERT_HEAD(&flow->messages, message, entry);
    else
        TAILQ_INSERT_AFTER(&flow->messages, flow->last_continuation, message, entry);
    flow->last_continuation = message;
}

int fair_queue_add(struct fair_queue *queue, struct message *message)
{
    struct fair_flow *flow = find_flow(queue, message->client);

    if (flow == NULL)
        flow = add_flow(queue, message->client);
    if (flow == NULL)
        return -1;
    if (message->is_continuation)
        add_continuation(flow, message);
    else
        TAILQ_INSERT_TAIL(&flow->messages, message, entry);
    flow->length++;
    queue->length++;
    return 0;
}

void fair_queue_remove(struct fair_queue *queue, struct message *message)
{
    struct fair_flow *flow = find_flow(queue, message->client);

    /* Before a block there are only blocks. */
    if (flow->last_continuation == message)
        flow->last_continuation = TAILQ_PREV(message, message_list, entry);
    TAILQ_REMOVE(&flow->messages, message, entry);
    flow->length--;
    queue->length--;
    if (flow->length == 0)
        drop_flow(queue, flow);
}

struct message *fair_queue_next(const struct fair_queue *queue)
{
    const struct fair_flow *flow = TAILQ_FIRST(&queue->turns);

    if (flow == NULL)
        return NULL;
    if (queue->has_served && flow->client == queue->served && TAILQ_NEXT(flow, turn) != NULL)
        flow = TAILQ_NEXT(flow, turn);
    return TAILQ_FIRST(&flow->messages);
}

void fair_queue_serve(struct fair_queue *queue, struct message *message)
{
    struct fair_flow *flow = find_flow(queue, message->client);
    struct fair_flow *first = TAILQ_FIRST(&queue->turns);

    /* Who was passed over has had its turn. */
    if (first != flow) {
        TAILQ_REMOVE(&queue->turns, first, turn);
        TAILQ_INSERT_TAIL(&queue->turns, first, turn);
    }
    TAILQ_REMOVE(&queue->turns, flow, turn);
    TAILQ_INSERT_TAIL(&queue->turns, flow, turn);
    fair_queue_pass(queue, message->client);
    fair_queue_remove(queue, message);
}

void fair_queue_pass(struct fair_queue *queue, uint64_t client)
{
    queue->has_served = true;
    queue->served = client;
}

/* A few looks are enough: a client that fills the queue is met at once, and among many small ones
 * nobody is treated badly. */
struct message *fair_queue_displaced(const struct fair_queue *queue, const struct message *message)
{
    const struct fair_flow *own = find_flow(queue, message->client);
    const struct fair_flow *longest = own;
    const struct fair_flow *flow = TAILQ_FIRST(&queue->turns);

    for (int i = 0; i < DISPLACE_LOOKS && flow != NULL; i++, flow = TAILQ_NEXT(flow, turn))
        if (flow->length > longest->length)
            longest = flow;
    /* `message` counts in `own` already. */
    if (longest->length < own->length + 1)
        return NULL;
    struct message *newest = TAILQ_LAST(&longest->messages, message_list);
    return newest->is_continuation ? NULL : newest;
}
