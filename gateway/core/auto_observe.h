/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_AUTO_OBSERVE_H
#define COAPGW_AUTO_OBSERVE_H

/*
 * auto_observe: observations of the gateway's own accord (RFC 8075 8.2; CACHE-22), where the
 * configuration wants them ("cache.auto_observe"). What plain GETs ask for often, compared to how
 * often it changes, is observed, so that they are answered from the cache and the node sends what
 * is new once. With T_R, the mean time between two requests, and T_C, the mean time between two
 * changes, it is kept only while T_R < 2 * T_C.
 *
 * Nothing is done for a request while it is off. The memory of what is asked for is bounded, and so
 * are the observations: at most half of what "observe" allows, in all and of each node.
 */

#include <stddef.h>

struct auto_observe;
struct cache_key;
struct core;
struct observation_spec;
struct representation;

/* NULL when memory is short. */
struct auto_observe *auto_observe_new(struct core *core);
/* NULL is fine. */
void auto_observe_free(struct auto_observe *table);

/* A client was given the representation that a node has for the key of a GET. */
void auto_observe_asked(struct core *core, const struct cache_key *key);
/* A node gave it (a 2.05), asked by the GET that the spec describes; it may be another one than
 * last time, and worth being observed from now on. */
void auto_observe_answered(struct core *core, const struct observation_spec *spec,
                           const struct representation *value);
/* Forgets everything; all observations of our own end. */
void auto_observe_clear(struct auto_observe *table);
/* Observations of our own. */
size_t auto_observe_count(const struct auto_observe *table);

#endif
