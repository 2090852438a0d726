/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation_private.h"

/*
 * Where observations are: a list for each address, so that news of a node concerns only its own.
 * A name is resolved anew whenever the node has to be looked for, and when it leads elsewhere the
 * old relation is cancelled and each subscription is asked whether it may follow (SEC-07).
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "http_message.h"
#include "node.h"
#include "policy.h"
#include "representation.h"
#include "target.h"

enum { US_PER_S = 1000000, NAME_PATIENCE_US = 60 * US_PER_S };

static struct observation_place *find_place(const struct observations *table,
                                            const struct endpoint_address *address)
{
    struct observation_place *place = NULL;

    if (table->places != NULL)
        HASH_FIND_BYHASHVALUE(hh, table->places, address, sizeof *address,
                              keyed_hash(&table->hash, address, sizeof *address), place);
    return place;
}

static struct observation_place *need_place(struct observations *table,
                                            const struct endpoint_address *address)
{
    struct observation_place *place = find_place(table, address);

    if (place != NULL)
        return place;
    place = calloc(1, sizeof *place);
    if (place == NULL)
        return NULL;
    place->address = *address;
    TAILQ_INIT(&place->observations);
    HASH_ADD_BYHASHVALUE(hh, table->places, address, sizeof place->address,
                         keyed_hash(&table->hash, address, sizeof *address), place);
    if (place->hh.tbl == NULL) {
        free(place);
        return NULL;
    }
    return place;
}

void observation_unsettle(struct observation *observation)
{
    struct observation_place *place = observation->place;

    if (place == NULL)
        return;
    node_release(observation->node);
    observation->node = NULL;
    observation->place = NULL;
    TAILQ_REMOVE(&place->observations, observation, neighbour);
    if (--place->count > 0)
        return;
    HASH_DEL(observation->table->places, place);
    free(place);
}

int observation_settle(struct observation *observation, const struct endpoint_address *address)
{
    struct observation_place *place = need_place(observation->table, address);
    struct inquiry inquiry;

    if (place == NULL)
        return -1;
    observation_unsettle(observation);
    observation->place = place;
    place->count++;
    TAILQ_INSERT_TAIL(&place->observations, observation, neighbour);
    inquiry = observation_inquiry(observation);
    observation->node = inquiry_acquire_node(&inquiry);
    return 0;
}

const struct endpoint_address *observation_peer(const struct observation *observation)
{
    return &observation->place->address;
}

size_t observations_of(const struct core *core, const struct endpoint_address *address)
{
    const struct observation_place *place = find_place(core->observations, address);

    return place == NULL ? 0 : place->count;
}

/* --- who may follow --- */

static struct target target_of(const struct observation *observation,
                               const struct rest_message *request)
{
    const struct core *core = observation->table->core;

    return (struct target){
        .core = core,
        .policy = observation->policy,
        .authority = &observation->authority,
        .request = request,
        .method = HTTP_METHOD_GET,
        .since_us = timers_now_us(core->options.timers),
    };
}

/* What goes to an upstream proxy was judged by its target, which is the proxy's to resolve. */
bool observation_judge(const struct observation *observation, unsigned roles)
{
    struct rest_message request;
    struct target target = target_of(observation, &request);
    struct target_objection objection;

    representation_read(observation->request, &request);
    target.is_chosen_by_client = !observation->policy->has_upstream_proxy;
    /* The rules may have been changed since it began. */
    target.policy = observation->table->core->policy;
    target.roles = roles;
    objection = target_object(&target, &observation->place->address);
    return objection.verdict == ACCESS_ALLOWED && !objection.is_self;
}

static void ask_who_follows(struct observation *observation)
{
    struct subscription *subscription = TAILQ_FIRST(&observation->subscriptions);

    assert(observation->next == NULL);
    while (subscription != NULL) {
        observation->next = TAILQ_NEXT(subscription, link);
        if (subscription->may_follow != NULL && !subscription->may_follow(subscription))
            observation_refuse(observation, subscription);
        subscription = observation->next;
    }
}

static bool move(struct observation *observation, const struct endpoint_address *address)
{
    if (endpoint_address_equal(&observation->place->address, address))
        return true;
    observation_end_relation(observation);
    if (observation_settle(observation, address) != 0) {
        observation_retry(observation);
        return false;
    }
    ask_who_follows(observation);
    return observation_is_wanted(observation);
}

/* --- where to --- */

/* The authority whose name leads to the addresses; NULL when they are what they are. */
static const struct uri_authority *authority_of(const struct observation *observation)
{
    const struct policy *policy = observation->policy;
    const struct uri_authority *authority = &observation->authority;

    if (policy->has_upstream_proxy)
        authority = &policy->upstream_proxy;
    else if (observation->is_mapped && observation->rules->has_connect)
        return NULL;
    return authority->host_kind == URI_HOST_NAME ? authority : NULL;
}

static void fail_name(struct observation *observation)
{
    observation_set_state(observation, SSE_STATE_OFFLINE, PROBLEM_NAME, 502);
    observation_retry(observation);
}

/* Roles are asked about when the address is chosen. */
static bool take_addresses(struct observation *observation,
                           const struct endpoint_address *addresses, size_t count)
{
    struct target target = target_of(observation, NULL);
    size_t kept = 0;

    for (size_t i = 0; i < count; i++) {
        struct target_objection objection = target_object(&target, &addresses[i]);

        if (objection.verdict == ACCESS_ALLOWED && !objection.is_self)
            observation->addresses[kept++] = addresses[i];
    }
    /* Those before are not where the name leads, and not asked any more. */
    if (kept > 0)
        observation->address_count = kept;
    if (observation->address_index >= observation->address_count)
        observation->address_index = 0;
    return kept > 0;
}

static void await_name(struct observation *observation, const char *name)
{
    struct core *core = observation->table->core;

    /* The name service may take its time: nobody waits for it with a value that counts as live. */
    if (observation_is_lost(observation))
        observation_set_state(observation, SSE_STATE_OFFLINE, PROBLEM_SILENT, 504);
    if (names_ask(core->names, name, &observation->wait) == 0)
        observation_ask_after(observation, NAME_PATIENCE_US);
    else
        observation_retry(observation);
}

/* False when there is nowhere to go at the moment. */
static bool find_addresses(struct observation *observation)
{
    const struct core *core = observation->table->core;
    const struct uri_authority *authority = authority_of(observation);
    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX];
    size_t count = 0;

    if (authority == NULL)
        return true;
    switch (target_addresses(core->names, authority, timers_now_us(core->options.timers), addresses,
                             &count)) {
    case TARGET_KNOWN:
        if (take_addresses(observation, addresses, count))
            return true;
        break;
    case TARGET_NEEDS_NAME:
        await_name(observation, authority->host);
        return false;
    case TARGET_NAME_FAILED:
        /* That says nothing of the node: it may still be where it was. */
        return true;
    case TARGET_NO_ZONE:
    case TARGET_NAME_UNKNOWN:
        break;
    }
    fail_name(observation);
    return false;
}

/* CONG-08: the node is looked after while it is wanted. */
static void fail_silent(struct observation *observation, uint64_t retry_us)
{
    observation->is_recovering = observation->waits_for_sign = true;
    observation_set_state(observation, SSE_STATE_OFFLINE, PROBLEM_SILENT, 504);
    observation_ask_after(observation, retry_us);
}

bool observation_find_way(struct observation *observation)
{
    struct node_table *nodes = observation->table->core->nodes;
    uint64_t soonest_us = UINT64_MAX, retry_us = 0;

    if (observation->is_recovering && !find_addresses(observation))
        return false;
    for (; observation->address_index < observation->address_count; observation->address_index++) {
        const struct endpoint_address *address =
            &observation->addresses[observation->address_index];
        struct node *node = node_acquire(nodes, address);
        bool refuses = node_refuses(node, &retry_us);

        node_release(node);
        if (!refuses)
            return move(observation, address);
        if (retry_us < soonest_us)
            soonest_us = retry_us;
    }
    observation->address_index = 0;
    fail_silent(observation, soonest_us);
    return false;
}

/* --- news of the node --- */

/* Nobody is told from in here: each one's timer fires in the same turn of the loop. */
void observations_node_changed(struct core *core, const struct endpoint_address *address)
{
    const struct observation_place *place = find_place(core->observations, address);
    struct observation *observation;

    if (place == NULL)
        return;
    TAILQ_FOREACH(observation, &place->observations, neighbour)
    {
        bool is_lost = observation_is_lost(observation);

        /* What is asked already is not asked elsewhere. */
        if (is_lost && observation->state != SSE_STATE_OFFLINE)
            observation->is_recovering = true;
        else if (is_lost || !observation->waits_for_sign || observation->is_asking)
            continue;
        observation_ask_after(observation, 0);
    }
}
