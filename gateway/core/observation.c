/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation.h"
#include "observation_private.h"

/*
 * The life of observations: one for each cache key, from its first subscription to its last. It is
 * what streams share and the cache is fed from; above it nobody knows of registrations, below it
 * (coap/observe.c) nobody knows of subscribers. observation_ask.c decides when the node is asked,
 * observation_answer.c what an answer means, observation_state.c what subscribers learn of it, and
 * observation_place.c where the node is.
 */

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "core_private.h"
#include "memory_account.h"
#include "node.h"
#include "node_label.h"
#include "policy.h"
#include "representation.h"

struct observations *observations_new(struct core *core)
{
    struct observations *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->core = core;
    random_bytes(&core->options.random, &table->hash, sizeof table->hash);
    TAILQ_INIT(&table->all);
    return table;
}

void observations_free(struct observations *observations)
{
    if (observations == NULL)
        return;
    assert(TAILQ_EMPTY(&observations->all) && observations->places == NULL);
    free(observations);
}

static uint32_t hash_of(const struct observations *table, const struct cache_key *key)
{
    return keyed_hash(&table->hash, key->bytes, key->length);
}

struct observation *observation_find(struct core *core, const struct cache_key *key)
{
    const struct observations *table = core->observations;
    struct observation *observation = NULL;

    if (table->by_key != NULL)
        HASH_FIND_BYHASHVALUE(hh, table->by_key, key->bytes, key->length, hash_of(table, key),
                              observation);
    return observation;
}

size_t observations_count(const struct core *core)
{
    return HASH_COUNT(core->observations->by_key);
}

bool observation_has_target(const struct observation *observation, const struct cache_key *base)
{
    const struct cache_key *key = observation->key;

    return key->base_length == base->base_length &&
           memcmp(key->bytes, base->bytes, base->base_length) == 0;
}

/* --- the end --- */

void observation_unlist(struct observation *observation)
{
    struct observations *table = observation->table;

    if (!observation->is_listed)
        return;
    observation->is_listed = false;
    HASH_DEL(table->by_key, observation);
    TAILQ_REMOVE(&table->all, observation, link);
    node_label_observed(observation->label, -1);
}

/* What it takes whatever is observed: small, and bounded by the limits. */
static size_t charge_of(const struct observation *observation)
{
    size_t key_size = observation->key == NULL ? 0 : observation->key->length;
    size_t request_size =
        observation->request == NULL ? 0 : representation_size(observation->request);

    return sizeof *observation + key_size + request_size;
}

static void free_observation(struct observation *observation)
{
    memory_account_give(observation->table->core->options.memory, observation->charge);
    assert(!observation_is_wanted(observation) && observation->uses == 0);
    observation_stop_asking(observation);
    observation_unlist(observation);
    observation_unsettle(observation);
    observation_clear_state(observation);
    representation_release(observation->request);
    free(observation->key);
    node_label_release(observation->label);
    policy_release(observation->policy);
    free(observation);
}

void observation_leave(struct observation *observation)
{
    assert(observation->uses > 0);
    if (--observation->uses == 0 && !observation_is_wanted(observation))
        free_observation(observation);
}

/* --- the beginning --- */

static struct cache_key *copy_key(const struct cache_key *key)
{
    size_t size = offsetof(struct cache_key, bytes) + key->length;
    struct cache_key *copy = malloc(size);

    if (copy != NULL)
        memcpy(copy, key, size);
    return copy;
}

static bool list(struct observation *observation)
{
    struct observations *table = observation->table;
    const struct cache_key *key = observation->key;

    HASH_ADD_KEYPTR_BYHASHVALUE(hh, table->by_key, key->bytes, key->length, hash_of(table, key),
                                observation);
    if (observation->hh.tbl == NULL)
        return false;
    observation->is_listed = true;
    observation->serial = table->opened++;
    TAILQ_INSERT_TAIL(&table->all, observation, link);
    node_label_observed(observation->label, 1);
    return true;
}

static struct observation *make_observation(struct core *core, const struct observation_spec *spec)
{
    struct observation *observation = calloc(1, sizeof *observation);

    if (observation == NULL)
        return NULL;
    observation->table = core->observations;
    TAILQ_INIT(&observation->subscriptions);
    observation->policy = policy_reference(spec->policy);
    observation->rules = spec->rules;
    observation->label = node_label_reference(spec->label);
    observation->authority = *spec->authority;
    observation->is_mapped = spec->is_mapped;
    observation->client_key = spec->client_key;
    observation->node_name = spec->node_name;
    observation->address_count = spec->address_count;
    memcpy(observation->addresses, spec->addresses, spec->address_count * sizeof *spec->addresses);
    observation_init_state(observation);
    observation_init_asking(observation);
    observation->key = copy_key(spec->key);
    observation->request = representation_new(&spec->coap->message, 0);
    if (observation->key == NULL || observation->request == NULL ||
        observation_settle(observation, &spec->addresses[0]) != 0 || !list(observation)) {
        free_observation(observation);
        return NULL;
    }
    observation->charge = charge_of(observation);
    memory_account_add(core->options.memory, observation->charge);
    return observation;
}

/* Behind an upstream proxy everything goes to one address, which is not the node's. */
static enum observation_refusal check_limits(const struct core *core,
                                             const struct observation_spec *spec)
{
    const struct observation_limits *limits = &core->policy->observation_limits;

    if (observations_count(core) >= limits->registrations)
        return OBSERVATION_TOO_MANY;
    if (!spec->policy->has_upstream_proxy &&
        observations_of(core, &spec->addresses[0]) >= limits->registrations_per_node)
        return OBSERVATION_TOO_MANY_OF_NODE;
    return OBSERVATION_OPENED;
}

enum observation_refusal observation_open(struct core *core, const struct observation_spec *spec,
                                          struct subscription *subscription)
{
    enum observation_refusal refusal = check_limits(core, spec);
    struct observation *observation;

    assert(spec->address_count > 0 && spec->address_count <= RESOLVER_ADDRESSES_MAX);
    assert(observation_find(core, spec->key) == NULL);
    if (refusal != OBSERVATION_OPENED)
        return refusal;
    observation = make_observation(core, spec);
    if (observation == NULL)
        return OBSERVATION_NO_MEMORY;
    observation_subscribe(observation, subscription);
    /* Not from in here: what follows may have to be told. */
    observation_ask_after(observation, 0);
    return OBSERVATION_OPENED;
}

/* --- subscriptions --- */

/* At the head: whoever subscribes while others are told has seen the news already. */
void observation_subscribe(struct observation *observation, struct subscription *subscription)
{
    assert(subscription->observation == NULL && observation->is_listed);
    subscription->observation = observation;
    TAILQ_INSERT_HEAD(&observation->subscriptions, subscription, link);
}

void observation_detach(struct subscription *subscription)
{
    struct observation *observation = subscription->observation;

    if (observation->next == subscription)
        observation->next = TAILQ_NEXT(subscription, link);
    TAILQ_REMOVE(&observation->subscriptions, subscription, link);
    subscription->observation = NULL;
}

void observation_unsubscribe(struct subscription *subscription)
{
    struct observation *observation = subscription->observation;

    if (observation == NULL)
        return;
    observation_detach(subscription);
    if (!observation_is_wanted(observation) && observation->uses == 0)
        free_observation(observation);
}

void observation_tell(struct observation *observation, enum observation_news news)
{
    struct subscription *subscription = TAILQ_FIRST(&observation->subscriptions);

    assert(observation->uses > 0 && observation->next == NULL);
    while (subscription != NULL) {
        observation->next = TAILQ_NEXT(subscription, link);
        subscription->told(subscription, news);
        subscription = observation->next;
    }
}

/* --- a reload --- */

void observations_way_changed(struct core *core)
{
    struct observations *table = core->observations;
    uint64_t first_new = table->opened;
    struct observation *observation;

    /* Those who are told may open others, and end what they like. */
    while ((observation = TAILQ_FIRST(&table->all)) != NULL && observation->serial < first_new) {
        observation_enter(observation);
        observation_set_gone(observation, PROBLEM_TYPES, 503, NULL);
        observation_leave(observation);
    }
}
