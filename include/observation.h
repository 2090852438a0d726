/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_OBSERVATION_H
#define COAPGW_OBSERVATION_H

/*
 * observation: one resource that the gateway keeps an eye on for all who subscribed to it: one per
 * cache key, so per target and Accept (OBS-01). It has the latest representation, tells its
 * subscribers of each new one and of changes of its state, feeds the cache (CACHE-21), asks again
 * and again where the node has no Observe (OBS-08), and comes back by itself after silence, resets,
 * reboots and changes of address.
 *
 * It begins with its first subscription and ends with the last, or when the node refuses it by a
 * 4.xx. It knows nothing of HTTP or of streams.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "endpoint_address.h"
#include "resolver.h"
#include "sse.h"
#include "uri.h"

struct cache_key;
struct core;
struct node_label;
struct observation;
struct observations;
struct policy;
struct mapping_policy;
struct representation;
struct rest_request;
struct subscription;

/* What is new. */
enum observation_news {
    OBSERVATION_VALUE, /* another representation: observation_value() */
    /* observation_change(): with LIVE the value that it stands for is told next, and not yet
     * there. With GONE the subscription has ended already, and the observation is there only until
     * the call returns. */
    OBSERVATION_STATE,
};

/* One who wants to know, embedded in its owner; zeroed before first use. */
struct subscription {
    /* May unsubscribe itself and others, and subscribe, but not change what it does not own. Never
     * told from inside observation_subscribe or observation_open. */
    void (*told)(struct subscription *subscription, enum observation_news news);
    /* The node has another address by now: true when the subscription's owner may still see the
     * resource there (observation_judge). NULL: it always may. A refused one gets GONE with 403 and
     * has ended. */
    bool (*may_follow)(struct subscription *subscription);
    /* private */
    struct observation *observation; /* NULL: none */
    TAILQ_ENTRY(subscription) link;
};

struct observation_limits { /* "observe" of the configuration */
    size_t registrations;
    size_t registrations_per_node;
    uint32_t poll_minimum_ms;
};

/* What a new observation needs; everything is copied or counted. */
struct observation_spec {
    const struct cache_key *key;
    struct policy *policy;              /* that it begins under */
    const struct mapping_policy *rules; /* of the mapping; borrowed from the policy */
    struct node_label *label;
    const struct uri_authority *authority; /* of the target */
    bool is_mapped;                        /* the configuration chose the target, not the client */
    const struct rest_request *coap;       /* the GET as it goes out, without ETag and Observe */
    const struct endpoint_address *addresses; /* where it may go, the best first */
    size_t address_count;
    uint64_t client_key;
    const char *node_name; /* as in struct mapping_match; for the log */
};

enum observation_refusal {
    OBSERVATION_OPENED = 0,
    OBSERVATION_TOO_MANY = -1,         /* 503: observe.registrations */
    OBSERVATION_TOO_MANY_OF_NODE = -2, /* 503: observe.registrations_per_node */
    OBSERVATION_NO_MEMORY = -3,        /* 503 */
};

struct observations *observations_new(struct core *core); /* NULL when memory is short */
/* All must have been unsubscribed. NULL is fine. */
void observations_free(struct observations *observations);

/* The one with that key, or NULL. Borrowed until the loop turn ends or it has no subscription. */
struct observation *observation_find(struct core *core, const struct cache_key *key);
/* A new one with its first subscription; there must be none with its key. It is CONNECTING, and
 * asks the node from the next run of the timers on: `told` comes later. */
enum observation_refusal observation_open(struct core *core, const struct observation_spec *spec,
                                          struct subscription *subscription);
void observation_subscribe(struct observation *observation, struct subscription *subscription);
/* `told` is not called any more. The last one's leaving ends the observation and deregisters at
 * once (OBS-07). Fine without one. */
void observation_unsubscribe(struct subscription *subscription);

/* The state now; target is left to the caller. `reason` and `status` say what is behind OFFLINE and
 * GONE. */
void observation_change(const struct observation *observation, struct sse_change *change);
/* True once the node, or nothing but silence until all transmissions were spent, has answered:
 * whoever waits for the first news need not wait longer. */
bool observation_is_settled(const struct observation *observation);
/* The latest representation (a 2.05), borrowed until the next; NULL: none yet. */
struct representation *observation_value(const struct observation *observation);
/* Which one it is in the life of the observation (SSE-04). */
struct sse_id observation_value_id(const struct observation *observation);
/* When it came, by the wall clock, and how much of its Max-Age is left. */
int64_t observation_value_at_ms(const struct observation *observation);
uint32_t observation_max_age_s(const struct observation *observation);
/* Whether the node answered without Observe, so that it is asked again and again (OBS-08). */
bool observation_is_polled(const struct observation *observation);
/* The 4.xx by which the node refused, within `told` with GONE; otherwise NULL. */
struct representation *observation_refusal(const struct observation *observation);
/* Where messages go, and under which policy it began. */
const struct endpoint_address *observation_peer(const struct observation *observation);
/* Whether it is of the target that the key begins with, and goes where that says. */
bool observation_has_target(const struct observation *observation, const struct cache_key *base);
/* Whether one with these roles may see the resource, as a target that he named, at the address
 * where the node is by now (access rules in force now; names in rules that are not known count as
 * refused). Behind an upstream proxy every address of the proxy will do. */
bool observation_judge(const struct observation *observation, unsigned roles);

size_t observations_count(const struct core *core);
/* How many go to that address. */
size_t observations_of(const struct core *core, const struct endpoint_address *address);
/* The state of the node at that address is another one. Called by the core. */
void observations_node_changed(struct core *core, const struct endpoint_address *address);
/* From now on nodes are asked in another way (core.c): all observations are GONE with 503, and who
 * still wants the resource opens another one. Called by the core. */
void observations_way_changed(struct core *core);

#endif
