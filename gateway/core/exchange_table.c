/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_table.h"

/*
 * Slots are an array with a free list through it; exchanges are separate blocks, since others keep
 * pointers to them while the array grows. Ended exchanges are kept in a pool, so that a request in
 * a steady stream allocates nothing.
 */

#include <assert.h>
#include <stdlib.h>

#include "exchange_private.h"

enum { POOL_MAX = 128, SLOTS_FIRST = 64, SLOTS_MAX = 1 << 24 };

void exchange_table_init(struct exchange_table *table)
{
    *table = (struct exchange_table){0};
    TAILQ_INIT(&table->ended);
    TAILQ_INIT(&table->pool);
}

void exchange_table_clear(struct exchange_table *table)
{
    struct exchange *exchange;

    assert(table->count == 0);
    while ((exchange = TAILQ_FIRST(&table->pool)) != NULL) {
        TAILQ_REMOVE(&table->pool, exchange, link);
        free(exchange);
    }
    free(table->slots);
    exchange_table_init(table);
}

static int grow(struct exchange_table *table)
{
    size_t count = table->slot_count == 0 ? SLOTS_FIRST : table->slot_count * 2;
    struct exchange_slot *slots;

    if (count > SLOTS_MAX)
        return -1;
    slots = realloc(table->slots, count * sizeof *slots);
    if (slots == NULL)
        return -1;
    for (size_t i = count; i-- > table->slot_count;) {
        slots[i] = (struct exchange_slot){.next_free = table->first_free};
        table->first_free = (uint32_t)i + 1;
    }
    table->slots = slots;
    table->slot_count = count;
    return 0;
}

struct exchange *exchange_table_add(struct exchange_table *table)
{
    struct exchange *exchange = TAILQ_FIRST(&table->pool);
    struct exchange_slot *slot;
    uint32_t index;

    if (table->first_free == 0 && grow(table) != 0)
        return NULL;
    if (exchange != NULL) {
        TAILQ_REMOVE(&table->pool, exchange, link);
        table->pool_count--;
    } else {
        exchange = calloc(1, sizeof *exchange);
    }
    if (exchange == NULL)
        return NULL;
    index = table->first_free - 1;
    slot = &table->slots[index];
    table->first_free = slot->next_free;
    slot->exchange = exchange;
    table->count++;
    exchange->id = ((uint64_t)slot->generation << 32) | (index + 1);
    return exchange;
}

void exchange_table_remove(struct exchange_table *table, struct exchange *exchange)
{
    uint32_t index = (uint32_t)exchange->id - 1;
    struct exchange_slot *slot = &table->slots[index];

    assert(slot->exchange == exchange);
    slot->exchange = NULL;
    slot->generation++;
    slot->next_free = table->first_free;
    table->first_free = index + 1;
    table->count--;
    if (table->pool_count >= POOL_MAX) {
        free(exchange);
        return;
    }
    TAILQ_INSERT_HEAD(&table->pool, exchange, link);
    table->pool_count++;
}

struct exchange *exchange_table_find(const struct exchange_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id - 1; /* 0 becomes the largest number */

    if (index >= table->slot_count || table->slots[index].generation != (uint32_t)(id >> 32))
        return NULL;
    return table->slots[index].exchange;
}
