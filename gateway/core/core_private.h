/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CORE_PRIVATE_H
#define COAPGW_CORE_PRIVATE_H

/*
 * core_private: what the core owns, for the modules of this folder.
 */

#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "core.h"
#include "exchange_table.h"
#include "log.h"

struct auto_observe;
struct cache;
struct holds;
struct names;
struct node_label_table;
struct node_table;
struct observations;
struct status_monitors;
struct streams;

struct core {
    struct core_options options;
    struct policy *policy;           /* of new exchanges; NULL before the first */
    struct node_label_table *labels; /* owned, like the next ten */
    struct node_table *nodes;
    struct holds *holds;
    struct cache *cache;
    struct metrics *metrics;
    struct names *names;
    struct status_monitors *monitors;
    struct observations *observations;
    struct auto_observe *auto_observe;
    struct streams *streams;
    struct exchange_table exchanges;
    bool is_draining;
    struct log_limit peer_limit; /* of lines that a node can provoke */
};

#endif
