/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_SCENARIO_H
#define COAPGW_TEST_SCENARIO_H

/*
 * scenario: all that a seed decides at its beginning: the gateway's settings, the nodes, how bad
 * the network is, what the clients do. Times in microseconds unless said otherwise.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "model_node.h"
#include "settings.h"

enum { SCENARIO_NODES_MAX = 8 };

struct scenario {
    const char *name;
    struct settings settings;
    size_t outstanding;

    unsigned nodes;
    struct model_traits traits[SCENARIO_NODES_MAX];
    size_t value_size;
    bool cuts_transfers; /* transfers end in the middle, by their deadline */
    bool has_blocks;     /* values do not fit into one message */
    uint64_t change_us;  /* mean time between changes of a node's values by themselves; 0: none */
    uint64_t trouble_us; /* mean time between crashes, sleeps and route failures; 0: none */

    unsigned loss_permille;
    unsigned duplicate_permille;
    unsigned corrupt_permille;
    uint64_t delay_min_us, delay_max_us;
    unsigned forge_permille; /* of the gateway's requests: somebody answers in the node's place */
    uint64_t stall_us; /* the longest time for which the gateway does not get to run; 0: none */
    bool steps_wall_clock;

    unsigned requests;
    unsigned parallel; /* more are not under way at once; 0: as they come */
    unsigned burst;    /* so many come at once */
    uint64_t gap_us;   /* mean time between bursts */
    unsigned leave_permille;
    unsigned unsafe_percent;
    unsigned untagged_percent; /* of the GETs */
    unsigned prefer_percent;   /* say how long they want to wait, or that they do not want to */
    bool uses_names;
    bool reloads;
    bool drains;
    unsigned memory_per_million; /* of the allocations fail */

    size_t cache_entries; /* 0: no cache */
    size_t cache_bytes;
    bool serves_stale;      /* "stale_if_error" */
    bool shares;            /* clients ask for a few things again and again */
    bool is_plain;          /* and want nothing special: a request of CoAP more than needed shows */
    bool is_sound;          /* everything is answered soon: no 502 and no 504 has a cause */
    unsigned marks;         /* queries, beside none */
    unsigned wish_percent;  /* of the GETs have a Cache-Control */
    unsigned known_percent; /* have an If-None-Match */

    /* of streams */
    unsigned subscribers;      /* that come, in all; 0: no streams */
    uint64_t subscribe_gap_us; /* mean time between two of them */
    uint64_t storm_us;         /* how long things go wrong, at least */
    uint64_t stay_us;          /* mean time for which one reads who does not stay */
    unsigned stay_percent;     /* read until the world has become quiet */
    unsigned many_permille;    /* read /events */
    unsigned slow_percent;     /* read slowly, rarely, or never */
    uint64_t burst_us;         /* mean time between bursts of changes; 0: none */
    uint64_t move_us;          /* mean time between changes of address; 0: none */
    unsigned dead_percent;     /* of worlds: a node never comes back */
    bool auto_observe;         /* "cache.auto_observe" */
    uint32_t poll_minimum_ms;
    uint32_t heartbeat_ms;
    size_t stream_queue;
    size_t streams_max;
    size_t registrations;
    size_t registrations_per_node;
};

/* Draws the scenario of a seed. */
void scenario_draw(struct scenario *scenario, uint64_t seed);

/* scenario_streams.c: what a world has without subscribers, and with them. */
struct dice;
void scenario_streams_none(struct scenario *scenario);
void scenario_streams(struct scenario *scenario, struct dice *dice);
/* The gateway observes by itself what is asked for often. */
void scenario_auto(struct scenario *scenario, struct dice *dice);

#endif
