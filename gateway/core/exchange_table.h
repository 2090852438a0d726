/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_EXCHANGE_TABLE_H
#define COAPGW_EXCHANGE_TABLE_H

/*
 * exchange_table: the exchanges by their ids (id_table.h): one that has gone never finds another
 * exchange.
 */

#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "id_table.h"

struct exchange;

TAILQ_HEAD(exchange_list, exchange);

struct exchange_table {
    struct id_table ids; /* of the exchanges, which the table owns */
    size_t count;
    struct exchange_list ended; /* freed at the end of the loop turn */
    struct exchange_list pool;  /* kept for the next requests */
    size_t pool_count;
};

void exchange_table_init(struct exchange_table *table);
/* Frees what is kept. No exchange may be alive. */
void exchange_table_clear(struct exchange_table *table);
/* An exchange with its id set and all else as its last user left it (zero at first). NULL when
 * memory is short. */
struct exchange *exchange_table_add(struct exchange_table *table);
/* Takes the exchange back; its id is void from now on. */
void exchange_table_remove(struct exchange_table *table, struct exchange *exchange);
struct exchange *exchange_table_find(const struct exchange_table *table, uint64_t id);

#endif
