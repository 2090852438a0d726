/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ID_TABLE_H
#define COAPGW_ID_TABLE_H

/*
 * id_table: numbers for objects that come and go, so that others can name an object without holding
 * a pointer to it. An id that has gone finds nothing, until its place was used four billion times
 * again. An id is never 0. All in O(1).
 */

#include <stdint.h>

struct id_slot;

struct id_table {
    struct id_slot *slots; /* owned */
    uint32_t slot_count;
    uint32_t first_free;
};

void id_table_init(struct id_table *table);
void id_table_clear(struct id_table *table);
/* Gives the object (borrowed, not NULL) an id; 0 when memory is short. */
uint64_t id_table_add(struct id_table *table, void *object);
/* The id must be one that is in the table. */
void id_table_remove(struct id_table *table, uint64_t id);
/* NULL when there is none. */
void *id_table_find(const struct id_table *table, uint64_t id);
/* To see all of them: the object in each place from 0 to `slot_count` - 1; NULL when it is free. */
void *id_table_at(const struct id_table *table, uint32_t place);

#endif
