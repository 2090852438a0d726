/* SPDX-License-Identifier: BSD-2-Clause */
#include "model_private.h"

#include <stdio.h>
#include <string.h>

#include "memory.h"

/*
 * model_transfer: the bodies that a model node has parts of: those that come in blocks, and the
 * answers that go out in them, by peer and by what tells two requests of a peer apart.
 */

enum { TRANSFERS_MAX = 64 };

void model_transfer_drop(struct model_transfers *transfers, struct model_transfer *transfer)
{
    TAILQ_REMOVE(transfers, transfer, link);
    memory_return(transfer->bytes);
    memory_return(transfer);
}

/* What tells two transfers of a peer apart: all options but those of the transfer itself and those
 * that are no part of a cache key (RFC 7252 5.4.6), Size and Echo among them. */
void model_transfer_key(const struct wire_message *request, char key[MODEL_KEY_MAX])
{
    int used = snprintf(key, MODEL_KEY_MAX, "%u", request->code);

    for (size_t i = 0; i < request->option_count && used < MODEL_KEY_MAX - 1; i++) {
        const struct wire_option *option = &request->options[i];
        if (option->number == WIRE_BLOCK1 || option->number == WIRE_BLOCK2 ||
            option->number == WIRE_CONTENT_FORMAT || (option->number & 0x1e) == 0x1c)
            continue;
        used += snprintf(key + used, MODEL_KEY_MAX - (size_t)used, " %u:", option->number);
        for (size_t j = 0; j < option->length && used < MODEL_KEY_MAX - 2; j++)
            used += snprintf(key + used, MODEL_KEY_MAX - (size_t)used, "%02x", option->value[j]);
    }
}

struct model_transfer *model_transfer_find(struct model_transfers *transfers, unsigned peer,
                                           const char *key)
{
    struct model_transfer *transfer;

    TAILQ_FOREACH(transfer, transfers, link)
    {
        if (transfer->peer == peer && strcmp(transfer->key, key) == 0)
            return transfer;
    }
    return NULL;
}

/* A new transfer in place of an older one of the same key; the oldest goes when there are many. */
struct model_transfer *model_transfer_begin(struct model_node *node,
                                            struct model_transfers *transfers, unsigned peer,
                                            const char *key)
{
    struct model_transfer *transfer = model_transfer_find(transfers, peer, key);
    size_t count = 0;

    if (transfer != NULL)
        model_transfer_drop(transfers, transfer);
    TAILQ_FOREACH(transfer, transfers, link)
    count++;
    if (count >= TRANSFERS_MAX)
        model_transfer_drop(transfers, TAILQ_FIRST(transfers));
    transfer = memory_take(sizeof *transfer);
    *transfer = (struct model_transfer){.peer = peer, .touched_us = node->now_us};
    memcpy(transfer->key, key, sizeof transfer->key);
    TAILQ_INSERT_TAIL(transfers, transfer, link);
    return transfer;
}
