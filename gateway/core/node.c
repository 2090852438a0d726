/* SPDX-License-Identifier: BSD-2-Clause */
#include "node.h"

/*
 * The table of nodes by endpoint address. Those that nobody refers to stand in a list with the one
 * that was used longest ago at its head: whoever adds a node drops those whose time is over, so
 * that no timer is needed for forgetting. The only timer is for the next ping, and it is armed only
 * while the node is wanted.
 */

#include <assert.h>
#include <stdlib.h>
#include <sys/queue.h>

#include "keyed_hash.h"
#include "random_source.h"
#include "request_layer.h"
#include "timers.h"

/* Without memory for the table a node is unknown and its requests go on. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    US_PER_S = 1000000,
    OVERLOAD_WINDOW_US = 10 * US_PER_S,
    HELD_MAX_S = 60,
    MEASURED_MAX = 2048, /* transmissions; then the old ones count for a half */
};

struct node {
    struct node_table *table;
    unsigned references;
    struct endpoint_address address;
    enum node_state state;
    bool was_heard;
    uint64_t heard_us;
    uint64_t idle_us;       /* since when nobody refers to it */
    uint64_t overloaded_us; /* when it answered 5.03 last; 0: never */
    uint64_t overloaded_resource;
    uint64_t held_until_us;
    uint64_t loud_until_us; /* what is asked until then must be answered */
    struct node_measures measures;
    /* While UNREACHABLE: */
    unsigned pings;
    uint64_t ping_us;   /* the next one may go */
    uint64_t wanted_us; /* last time */
    struct timer ping;  /* armed while it is wanted */
    TAILQ_ENTRY(node) idle;
    UT_hash_handle hh;
};

struct node_table {
    struct timers *timers;
    struct node_events events;
    size_t maximum;
    struct keyed_hash hash; /* clients choose addresses */
    struct node *nodes;
    TAILQ_HEAD(node_idle, node) idle;
};

struct node_table *node_table_new(struct timers *timers, const struct random_source *random,
                                  size_t maximum, const struct node_events *events)
{
    struct node_table *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->timers = timers;
    table->events = *events;
    table->maximum = maximum;
    random_bytes(random, &table->hash, sizeof table->hash);
    TAILQ_INIT(&table->idle);
    return table;
}

static void forget(struct node *node)
{
    struct node_table *table = node->table;

    assert(node->references == 0);
    timers_disarm(table->timers, &node->ping);
    TAILQ_REMOVE(&table->idle, node, idle);
    HASH_DEL(table->nodes, node);
    free(node);
}

void node_table_free(struct node_table *table)
{
    if (table == NULL)
        return;
    while (!TAILQ_EMPTY(&table->idle))
        forget(TAILQ_FIRST(&table->idle));
    assert(table->nodes == NULL);
    free(table);
}

size_t node_table_count(const struct node_table *table)
{
    return HASH_COUNT(table->nodes);
}

static struct node *find_node(const struct node_table *table,
                              const struct endpoint_address *address)
{
    struct node *node = NULL;

    if (table->nodes != NULL)
        HASH_FIND_BYHASHVALUE(hh, table->nodes, address, sizeof *address,
                              keyed_hash(&table->hash, address, sizeof *address), node);
    return node;
}

/* --- states --- */

static void set_state(struct node *node, enum node_state state)
{
    enum node_state before = node->state;

    if (state == before)
        return;
    node->state = state;
    if (before == NODE_UNREACHABLE)
        timers_disarm(node->table->timers, &node->ping);
    node->table->events.changed(node->table->events.handle, node, before);
}

/* Until the ping behind the `pings`-th one. */
static uint64_t ping_interval_us(unsigned pings)
{
    static const unsigned seconds[] = {5, 10, 20, 40, 60};
    size_t last = sizeof seconds / sizeof seconds[0] - 1;

    return (uint64_t)seconds[pings < last ? pings : last] * US_PER_S;
}

static void ping_fired(void *handle)
{
    struct node *node = handle;
    struct node_table *table = node->table;

    node->pings++;
    node->ping_us = timers_now_us(table->timers) + ping_interval_us(node->pings);
    table->events.ping(table->events.handle, &node->address);
}

void node_table_heard(struct node_table *table, const struct endpoint_address *address)
{
    struct node *node = find_node(table, address);

    if (node == NULL)
        return;
    node->was_heard = true;
    node->loud_until_us = 0;
    node->heard_us = timers_now_us(table->timers);
    set_state(node, NODE_REACHABLE);
}

void node_doubt(struct node *node)
{
    if (node != NULL && node->state != NODE_UNREACHABLE)
        set_state(node, NODE_SUSPECT);
}

void node_table_doubt(struct node_table *table, const struct endpoint_address *address)
{
    node_doubt(find_node(table, address));
}

void node_lose(struct node *node)
{
    uint64_t now_us;

    if (node == NULL || node->state == NODE_UNREACHABLE)
        return;
    now_us = timers_now_us(node->table->timers);
    node->pings = 0;
    node->ping_us = now_us + ping_interval_us(0);
    node->wanted_us = now_us;
    set_state(node, NODE_UNREACHABLE);
}

bool node_refuses(struct node *node, uint64_t *retry_us)
{
    struct timers *timers;
    uint64_t now_us;

    if (node == NULL || node->state != NODE_UNREACHABLE)
        return false;
    timers = node->table->timers;
    now_us = timers_now_us(timers);
    if (now_us - node->wanted_us >= NODE_LIFETIME_US) {
        set_state(node, NODE_SUSPECT);
        return false;
    }
    node->wanted_us = now_us;
    *retry_us = node->ping_us > now_us ? node->ping_us - now_us : 0;
    if (!node->ping.is_armed)
        timers_arm(timers, &node->ping, *retry_us);
    *retry_us += US_PER_S;
    return true;
}

void node_overloaded(struct node *node, uint64_t resource, uint32_t seconds)
{
    uint64_t now_us;

    if (node == NULL)
        return;
    now_us = timers_now_us(node->table->timers);
    if (seconds > HELD_MAX_S)
        seconds = HELD_MAX_S;
    if (node->overloaded_us != 0 && now_us - node->overloaded_us <= OVERLOAD_WINDOW_US &&
        node->overloaded_resource != resource)
        node->held_until_us = now_us + (uint64_t)seconds * US_PER_S;
    node->overloaded_us = now_us;
    node->overloaded_resource = resource;
}

uint64_t node_held_us(const struct node *node)
{
    uint64_t now_us;

    if (node == NULL)
        return 0;
    now_us = timers_now_us(node->table->timers);
    return node->held_until_us > now_us ? node->held_until_us - now_us : 0;
}

bool node_may_keep_silent(struct node *node)
{
    uint64_t now_us;

    if (node == NULL)
        return false;
    now_us = timers_now_us(node->table->timers);
    if (node->loud_until_us > now_us)
        return false;
    node->loud_until_us = now_us + NODE_SILENCE_INTERVAL_US;
    return true;
}

enum node_state node_state_of(const struct node *node)
{
    return node->state;
}

const struct endpoint_address *node_address(const struct node *node)
{
    return &node->address;
}

bool node_last_heard(const struct node *node, uint64_t *heard_us)
{
    *heard_us = node->heard_us;
    return node->was_heard;
}

struct node_measures node_measures(const struct node *node)
{
    return node->measures;
}

static void measure_loss(struct node_measures *measures, unsigned transmissions, unsigned lost)
{
    if (transmissions > MEASURED_MAX) { /* of a large transfer: in proportion */
        lost = (unsigned)((uint64_t)lost * MEASURED_MAX / transmissions);
        transmissions = MEASURED_MAX;
    }
    measures->transmissions += transmissions;
    measures->lost += lost;
    while (measures->transmissions > MEASURED_MAX) {
        measures->transmissions /= 2;
        measures->lost /= 2;
    }
}

/* RFC 6298 2: an eighth of the news. */
static void measure_round_trip(struct node_measures *measures, uint64_t round_trip_us)
{
    uint32_t news = round_trip_us > UINT32_MAX ? UINT32_MAX : (uint32_t)round_trip_us;
    int64_t difference = (int64_t)news - measures->round_trip_us;

    if (measures->round_trip_us == 0)
        measures->round_trip_us = news;
    else
        measures->round_trip_us = (uint32_t)(measures->round_trip_us + difference / 8);
}

void node_measure(struct node *node, const struct request_report *report, bool is_answered)
{
    unsigned transmissions =
        report->transmissions + report->earlier_messages + report->earlier_retransmissions;
    unsigned lost = report->transmissions + report->earlier_retransmissions;

    if (node == NULL)
        return;
    /* Whatever came stands against the last transmission, silence against all. */
    if ((is_answered || report->was_acknowledged) && report->transmissions > 0)
        lost--;
    measure_loss(&node->measures, transmissions, lost);
    if (report->round_trip_us > 0)
        measure_round_trip(&node->measures, report->round_trip_us);
}

/* --- the table --- */

const struct node *node_table_next(const struct node_table *table, const struct node *node)
{
    return node == NULL ? table->nodes : node->hh.next;
}

/* Drops those whose time is over, and the oldest when there is no room. */
static void make_room(struct node_table *table)
{
    uint64_t now_us = timers_now_us(table->timers);
    struct node *node;

    while (
        (node = TAILQ_FIRST(&table->idle)) != NULL &&
        (now_us - node->idle_us >= NODE_LIFETIME_US || node_table_count(table) >= table->maximum))
        forget(node);
}

static struct node *add_node(struct node_table *table, const struct endpoint_address *address)
{
    struct node *node;

    make_room(table);
    if (node_table_count(table) >= table->maximum || (node = calloc(1, sizeof *node)) == NULL)
        return NULL;
    node->table = table;
    node->address = *address;
    HASH_ADD_BYHASHVALUE(hh, table->nodes, address, sizeof node->address,
                         keyed_hash(&table->hash, address, sizeof *address), node);
    if (node->hh.tbl == NULL) {
        free(node);
        return NULL;
    }
    timer_init(&node->ping, ping_fired, node);
    return node;
}

struct node *node_acquire(struct node_table *table, const struct endpoint_address *address)
{
    struct node *node = find_node(table, address);

    if (node != NULL && node->references == 0)
        TAILQ_REMOVE(&table->idle, node, idle);
    else if (node == NULL)
        node = add_node(table, address);
    return node == NULL ? NULL : node_reference(node);
}

struct node *node_reference(struct node *node)
{
    node->references++;
    return node;
}

void node_release(struct node *node)
{
    if (node == NULL)
        return;
    assert(node->references > 0);
    if (--node->references > 0)
        return;
    node->idle_us = timers_now_us(node->table->timers);
    TAILQ_INSERT_TAIL(&node->table->idle, node, idle);
}
