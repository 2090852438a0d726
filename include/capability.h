/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CAPABILITY_H
#define COAPGW_CAPABILITY_H

/*
 * capability: what was learned of the abilities of peers, by address, so that a request that is
 * bound to fail is not tried again and again (RFC 8075 8.3). A record lives for CAPABILITY_LIFE_S:
 * a node may get other software, or its address another node.
 */

#include <stddef.h>

#include "endpoint_address.h"
#include "random_source.h"

struct capability_table;
struct timers;

enum {
    CAPABILITY_LIFE_S = 3600,
    CAPABILITY_PEERS_MAX = 4096, /* of more the oldest records go */
};

/* Bits of a record. */
enum capability {
    CAPABILITY_NO_BLOCKS = 1 << 0, /* refuses Block1 and Block2 (4.02), takes the same without */
};

/* NULL when memory is short. `timers` is borrowed for life. */
struct capability_table *capability_table_new(const struct timers *timers,
                                              const struct random_source *random);
/* NULL is fine. */
void capability_table_free(struct capability_table *table);
/* Bits that are known of the peer; 0 when nothing is. */
unsigned capability_of(struct capability_table *table, const struct endpoint_address *peer);
/* Adds bits to what is known, and begins the life of the record anew. Without memory nothing is
 * learned: the peer is asked again. */
void capability_learn(struct capability_table *table, const struct endpoint_address *peer,
                      unsigned bits);
size_t capability_count(const struct capability_table *table);

#endif
