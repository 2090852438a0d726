/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_OBSERVATION_PRIVATE_H
#define COAPGW_OBSERVATION_PRIVATE_H

/*
 * observation_private: the observation, for the modules observation_*.c.
 *
 * Whoever is told may unsubscribe the last subscription, so every event is handled between
 * observation_enter and observation_leave: the observation ends in the latter at the earliest.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "cache.h"
#include "inquiry.h"
#include "keyed_hash.h"
#include "names.h"
#include "observation.h"
#include "observe.h"
#include "problem.h"
#include "timers.h"

/* Without memory for a table's entry the observation is refused. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

struct mapping_policy;
struct node;

TAILQ_HEAD(observation_list, observation);

/* All observations whose messages go to one address. */
struct observation_place {
    struct endpoint_address address;
    size_t count;
    struct observation_list observations;
    UT_hash_handle hh;
};

struct observations {
    struct core *core;
    struct keyed_hash hash; /* clients choose keys and addresses */
    struct observation *by_key;
    struct observation_place *places; /* by address */
    struct observation_list all;      /* in the order in which they were opened */
    uint64_t opened;                  /* so many times */
};

struct observation {
    struct observations *table;
    UT_hash_handle hh;                  /* of by_key */
    TAILQ_ENTRY(observation) link;      /* of `all` */
    bool is_listed;                     /* in by_key and `all` */
    uint64_t serial;                    /* the how many-th it is */
    struct observation_place *place;    /* where messages go */
    TAILQ_ENTRY(observation) neighbour; /* of the place */
    TAILQ_HEAD(, subscription) subscriptions;
    struct subscription *next; /* the one to be told next, while they are told */
    size_t charge;             /* of core->options.memory */
    unsigned uses;             /* events that are being handled */

    /* As in struct observation_spec. */
    struct cache_key *key; /* owned, only as long as what is written */
    struct policy *policy; /* counted */
    const struct mapping_policy *rules;
    struct node_label *label; /* counted */
    struct uri_authority authority;
    bool is_mapped;
    uint64_t client_key;
    const char *node_name;          /* borrowed from the policy; NULL: has none */
    struct representation *request; /* owned: the GET, packed as a representation is */
    size_t address_count;
    size_t address_index; /* the first of `addresses` to be tried */
    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX];

    /* Of observation_state.c. */
    enum sse_state state;
    const char *reason;
    unsigned status;
    struct sse_id id;               /* of `value` */
    struct representation *value;   /* lent; NULL: none yet */
    struct representation *refusal; /* owned */
    int64_t value_at_ms;
    struct timer stale; /* armed while LIVE */

    /* Of observation_ask.c and observation_answer.c. */
    uint64_t relation;        /* of observe.h, with the place's address; 0: none */
    struct timer again;       /* armed: when to ask next, or to look after the node */
    unsigned attempts;        /* since it was LIVE */
    bool is_asking;           /* a request is under way that observation_ask has made */
    bool is_recovering;       /* the name is to be resolved again */
    bool waits_for_sign;      /* of life: then there is no need to wait for `again` */
    bool is_polled;           /* the latest value came without Observe */
    bool has_forgotten_tag;   /* 2.03 for something that is not there: asked without ETag */
    struct node *node;        /* at the place; counted; NULL: nothing is known */
    struct inquiry_told told; /* of the request under way */
    struct names_wait wait;
    struct cache_pending pending; /* while it is_asking */
};

/* observation.c */
static inline void observation_enter(struct observation *observation)
{
    observation->uses++;
}
/* Ends the observation when nobody is subscribed to it any more. */
void observation_leave(struct observation *observation);
/* Tells all who are subscribed by now; those who come meanwhile know it already. */
void observation_tell(struct observation *observation, enum observation_news news);
static inline bool observation_is_wanted(const struct observation *observation)
{
    return !TAILQ_EMPTY(&observation->subscriptions);
}
/* Takes a subscription away, which is not told any more; the observation goes on. */
void observation_detach(struct subscription *subscription);
/* Nobody finds it any more: the next who wants the resource opens another one. */
void observation_unlist(struct observation *observation);

/* observation_state.c */
void observation_init_state(struct observation *observation);
void observation_clear_state(struct observation *observation);
/* `problem` PROBLEM_TYPES: the reason is the state's own. */
void observation_set_state(struct observation *observation, enum sse_state state,
                           enum problem_type problem, unsigned status);
/* The node has this value (taken: a loan) now, which is to be taken for the current one for
 * `fresh_us`. `is_news`: subscribers are told of it. */
void observation_set_value(struct observation *observation, struct representation *value,
                           uint64_t fresh_us, bool is_news);
/* Ends it for all who are subscribed. `refusal` (taken) may be NULL. */
void observation_set_gone(struct observation *observation, enum problem_type problem,
                          unsigned status, struct representation *refusal);
/* Ends it for one of them. */
void observation_refuse(struct observation *observation, struct subscription *subscription);

/* observation_ask.c */
void observation_init_asking(struct observation *observation);
/* The node has been found silent. */
bool observation_is_lost(const struct observation *observation);
/* Nobody wants to hear from where messages went until now. */
void observation_end_relation(struct observation *observation);
/* Nothing is asked any more. */
void observation_stop_asking(struct observation *observation);
/* Whether what it gets may be stored. */
bool observation_uses_cache(const struct observation *observation);
struct inquiry observation_inquiry(struct observation *observation);
/* Registers, polls, or comes back: whatever is due, when nothing stands against it. */
void observation_ask(struct observation *observation);
void observation_ask_after(struct observation *observation, uint64_t delay_us);
/* Asks again after 5, 10, 20, 40, and then always 60 s. */
void observation_retry(struct observation *observation);
/* Asks again soon: the queue of the node was full, which says nothing of it. */
void observation_queue_again(struct observation *observation);

/* observation_answer.c: what the peer says. */
extern const struct observe_events observation_events;

/* observation_place.c */
/* Makes it one of those at the address. 0, or -1 when memory is short: nothing changed. */
int observation_settle(struct observation *observation, const struct endpoint_address *address);
/* It is nowhere. */
void observation_unsettle(struct observation *observation);
/* Looks for an address where the node may be asked and goes there. False when there is none now:
 * then `again` or an answer of the name service goes on with it; or when nobody may follow. */
bool observation_find_way(struct observation *observation);

#endif
