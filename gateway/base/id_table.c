/* SPDX-License-Identifier: BSD-2-Clause */
#include "id_table.h"

/*
 * id_table: an array of slots that doubles, with the free ones in a list. An id is the number of a
 * slot and its generation, which changes with each use.
 */

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdlib.h>

enum {
    SLOT_NONE = UINT32_MAX,
    SLOTS_FIRST = 64,
};

struct id_slot {
    void *object; /* NULL: free */
    uint32_t generation;
    uint32_t next_free;
};

void id_table_init(struct id_table *table)
{
    *table = (struct id_table){.first_free = SLOT_NONE};
}

void id_table_clear(struct id_table *table)
{
    free(table->slots);
    id_table_init(table);
}

static bool grow(struct id_table *table)
{
    uint32_t count = table->slot_count > 0 ? 2 * table->slot_count : SLOTS_FIRST;
    struct id_slot *slots = count > table->slot_count && count < SLOT_NONE
                                ? realloc(table->slots, count * sizeof *slots)
                                : NULL;

    if (slots == NULL)
        return false;
    for (uint32_t i = table->slot_count; i < count; i++)
        slots[i] =
            (struct id_slot){.generation = 1, .next_free = i + 1 < count ? i + 1 : SLOT_NONE};
    table->first_free = table->slot_count;
    table->slots = slots;
    table->slot_count = count;
    return true;
}

uint64_t id_table_add(struct id_table *table, void *object)
{
    uint32_t index;

    if (table->first_free == SLOT_NONE && !grow(table))
        return 0;
    index = table->first_free;
    table->first_free = table->slots[index].next_free;
    table->slots[index].object = object;
    return (uint64_t)table->slots[index].generation << 32 | index;
}

static struct id_slot *slot_of(const struct id_table *table, uint64_t id)
{
    uint32_t index = (uint32_t)id;

    if (index >= table->slot_count || table->slots[index].generation != id >> 32)
        return NULL;
    return &table->slots[index];
}

void id_table_remove(struct id_table *table, uint64_t id)
{
    struct id_slot *slot = slot_of(table, id);

    assert(slot != NULL);
    slot->object = NULL;
    /* Never 0, so that no id is. */
    if (++slot->generation == 0)
        slot->generation = 1;
    slot->next_free = table->first_free;
    table->first_free = (uint32_t)id;
}

void *id_table_find(const struct id_table *table, uint64_t id)
{
    const struct id_slot *slot = slot_of(table, id);

    return slot == NULL ? NULL : slot->object;
}

void *id_table_at(const struct id_table *table, uint32_t place)
{
    return table->slots[place].object;
}
