/* SPDX-License-Identifier: BSD-2-Clause */
#include "exchange_table.h"

/*
 * exchange_table: the exchanges that live, by id. Each is a block of its own, since others keep
 * pointers to it while the table of ids grows. Ended ones are kept in a pool, so that a request in
 * a steady stream allocates nothing.
 */

#include <assert.h>
#include <stdlib.h>

#include "exchange_private.h"

enum { POOL_MAX = 128 };

void exchange_table_init(struct exchange_table *table)
{
    *table = (struct exchange_table){0};
    id_table_init(&table->ids);
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
    id_table_clear(&table->ids);
    exchange_table_init(table);
}

struct exchange *exchange_table_add(struct exchange_table *table)
{
    struct exchange *kept = TAILQ_FIRST(&table->pool);
    struct exchange *exchange = kept != NULL ? kept : calloc(1, sizeof *exchange);
    uint64_t id = exchange != NULL ? id_table_add(&table->ids, exchange) : 0;

    if (id == 0) {
        if (kept == NULL)
            free(exchange);
        return NULL;
    }
    if (kept != NULL) {
        TAILQ_REMOVE(&table->pool, kept, link);
        table->pool_count--;
    }
    table->count++;
    exchange->id = id;
    return exchange;
}

void exchange_table_remove(struct exchange_table *table, struct exchange *exchange)
{
    id_table_remove(&table->ids, exchange->id);
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
    return id_table_find(&table->ids, id);
}
