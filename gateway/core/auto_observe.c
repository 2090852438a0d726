/* SPDX-License-Identifier: BSD-2-Clause */
#include "auto_observe.h"

/*
 * Beside the exchanges: they tell what clients were given and what nodes answered, and this module
 * subscribes to what is worth it, like a client who does nothing with the news; the observation
 * feeds the cache by itself.
 *
 * Until something is observed its changes are only seen when the node is asked, so T_C seems longer
 * than it is and the first attempt is a trial. Notifications tell the truth: when they come too
 * often the observation ends, and the next trial waits a minute, then two, four and so on. A node
 * that has no Observe, is away or refuses is left alone in the same manner.
 */

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "cache_key.h"
#include "core_private.h"
#include "keyed_hash.h"
#include "observation.h"
#include "policy.h"
#include "representation.h"
#include "rest.h"
#include "timers.h"

/* Without memory a target is not remembered. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    TARGETS_MAX = 1000, /* that are remembered */
    MEAN_OF = 8,        /* intervals, of about so many */
    REQUESTS_MIN = 3,   /* before the one that begins an observation */
    US_PER_S = 1000000,
};

#define LOOK_US       ((uint64_t)30 * US_PER_S)   /* how often what is observed is looked at */
#define RARE_US       ((uint64_t)600 * US_PER_S)  /* what is asked for no more often is not kept */
#define PAUSE_US      ((uint64_t)60 * US_PER_S)   /* behind the first trial */
#define LONG_PAUSE_US ((uint64_t)3600 * US_PER_S) /* behind a node without Observe; the longest */

/* Events and the mean time between them. */
struct rhythm {
    uint64_t last_us;
    uint64_t mean_us;
    unsigned count;
};

struct target {
    struct auto_observe *table;
    UT_hash_handle hh;
    TAILQ_ENTRY(target) recency;
    TAILQ_ENTRY(target) observed; /* while it is observed */
    struct subscription subscription;
    struct rhythm requests;
    struct rhythm changes;
    uint64_t content; /* hash of the latest representation */
    bool is_observed;
    uint64_t began_us; /* to be observed */
    uint64_t paused_until_us;
    unsigned trials; /* in vain */
    struct cache_key *key;
};

TAILQ_HEAD(target_list, target);

struct auto_observe {
    struct core *core;
    struct keyed_hash hash; /* clients choose targets, nodes contents */
    struct target *targets;
    struct target_list recency; /* the one that was asked for last at its head */
    struct target_list observed;
    size_t observed_count;
    struct timer look; /* armed while something is observed */
};

static uint64_t now_us(const struct auto_observe *table)
{
    return timers_now_us(table->core->options.timers);
}

/* --- rhythms --- */

static void rhythm_beat(struct rhythm *rhythm, uint64_t now)
{
    uint64_t interval = now - rhythm->last_us;
    unsigned weight = rhythm->count < MEAN_OF ? rhythm->count : MEAN_OF;

    if (rhythm->count++ > 0)
        rhythm->mean_us = rhythm->mean_us - rhythm->mean_us / weight + interval / weight;
    rhythm->last_us = now;
}

/* What is overdue counts as if it came now. */
static uint64_t rhythm_mean_us(const struct rhythm *rhythm, uint64_t now)
{
    uint64_t since = now - rhythm->last_us;

    return rhythm->mean_us > since ? rhythm->mean_us : since;
}

/* RFC 8075 8.2 */
static bool is_worth_it(const struct target *target)
{
    uint64_t now = now_us(target->table);
    uint64_t between_requests = rhythm_mean_us(&target->requests, now);

    return between_requests < RARE_US &&
           between_requests < 2 * rhythm_mean_us(&target->changes, now);
}

/* --- the content --- */

static uint64_t hash_content(const struct auto_observe *table, const struct representation *value)
{
    static const uint16_t numbers[] = {REST_OPTION_ETAG, REST_OPTION_CONTENT_FORMAT};
    struct rest_message message;
    uint64_t hash;

    representation_read(value, &message);
    hash = keyed_hash_64(&table->hash, message.payload, message.payload_length);
    for (size_t i = 0; i < sizeof numbers / sizeof numbers[0]; i++) {
        const struct rest_option *option = rest_find_option(&message, numbers[i]);

        if (option != NULL)
            hash = hash * 31 + keyed_hash_64(&table->hash, option->value, option->length);
    }
    return hash;
}

static void note_content(struct target *target, const struct representation *value)
{
    uint64_t content = hash_content(target->table, value);

    /* The first one is where the time without a change begins. */
    if (target->changes.count > 0 && content == target->content)
        return;
    target->content = content;
    rhythm_beat(&target->changes, now_us(target->table));
}

/* --- the table --- */

static uint32_t hash_key(const struct auto_observe *table, const struct cache_key *key)
{
    return keyed_hash(&table->hash, key->bytes, key->length);
}

static struct target *find_target(const struct auto_observe *table, const struct cache_key *key)
{
    struct target *target = NULL;

    if (table->targets != NULL)
        HASH_FIND_BYHASHVALUE(hh, table->targets, key->bytes, key->length, hash_key(table, key),
                              target);
    return target;
}

/* It is observed no longer, and not again before the pause is over. */
static void leave(struct target *target, uint64_t pause_us)
{
    struct auto_observe *table = target->table;

    observation_unsubscribe(&target->subscription);
    target->paused_until_us = now_us(table) + pause_us;
    target->is_observed = false;
    TAILQ_REMOVE(&table->observed, target, observed);
    if (--table->observed_count == 0)
        timers_disarm(table->core->options.timers, &table->look);
}

static void forget(struct target *target)
{
    struct auto_observe *table = target->table;

    if (target->is_observed)
        leave(target, 0);
    HASH_DEL(table->targets, target);
    TAILQ_REMOVE(&table->recency, target, recency);
    free(target->key);
    free(target);
}

static bool list(struct target *target)
{
    struct auto_observe *table = target->table;
    const struct cache_key *key = target->key;

    HASH_ADD_KEYPTR_BYHASHVALUE(hh, table->targets, key->bytes, key->length, hash_key(table, key),
                                target);
    if (target->hh.tbl == NULL)
        return false;
    TAILQ_INSERT_HEAD(&table->recency, target, recency);
    return true;
}

static void told(struct subscription *subscription, enum observation_news news);
static bool may_follow(struct subscription *subscription);

/* NULL when memory is short. */
static struct target *add_target(struct auto_observe *table, const struct cache_key *key)
{
    size_t size = offsetof(struct cache_key, bytes) + key->length;
    struct target *target = calloc(1, sizeof *target);

    if (target == NULL)
        return NULL;
    if (HASH_COUNT(table->targets) >= TARGETS_MAX)
        forget(TAILQ_LAST(&table->recency, target_list));
    target->table = table;
    target->subscription.told = told;
    target->subscription.may_follow = may_follow;
    target->key = malloc(size);
    if (target->key != NULL)
        memcpy(target->key, key, size);
    if (target->key == NULL || !list(target)) {
        free(target->key);
        free(target);
        return NULL;
    }
    return target;
}

static struct target *need_target(struct auto_observe *table, const struct cache_key *key)
{
    struct target *target = find_target(table, key);

    return target != NULL ? target : add_target(table, key);
}

/* --- news --- */

/* What was right for long was no mistake, though the times have changed. */
static void end_trial(struct target *target)
{
    uint64_t pause_us;

    if (now_us(target->table) - target->began_us >= RARE_US)
        target->trials = 0;
    pause_us = PAUSE_US << target->trials;
    if (pause_us < LONG_PAUSE_US)
        target->trials++;
    else
        pause_us = LONG_PAUSE_US;
    leave(target, pause_us);
}

/* Polling costs more than the requests it would save. */
static void judge(struct target *target)
{
    if (observation_is_polled(target->subscription.observation))
        leave(target, LONG_PAUSE_US);
    else if (!is_worth_it(target))
        end_trial(target);
}

static void take_state(struct target *target)
{
    const struct observation *observation = target->subscription.observation;
    struct sse_change change = {.state = SSE_STATE_GONE};

    if (observation != NULL)
        observation_change(observation, &change);
    /* Whoever stayed subscribed would have the node asked again and again. */
    if (change.state == SSE_STATE_GONE || change.state == SSE_STATE_OFFLINE)
        end_trial(target);
}

static void told(struct subscription *subscription, enum observation_news news)
{
    struct target *target =
        (struct target *)(void *)((char *)subscription - offsetof(struct target, subscription));

    if (news == OBSERVATION_STATE) {
        take_state(target);
        return;
    }
    note_content(target, observation_value(subscription->observation));
    judge(target);
}

/* The rules were asked for the client of a request, and for the address it went to. */
static bool may_follow(struct subscription *subscription)
{
    (void)subscription;
    return false;
}

static void look(void *handle)
{
    struct auto_observe *table = handle;
    struct target *target, *next;

    timers_arm(table->core->options.timers, &table->look, LOOK_US);
    for (target = TAILQ_FIRST(&table->observed); target != NULL; target = next) {
        next = TAILQ_NEXT(target, observed);
        judge(target);
    }
}

/* --- the beginning --- */

static bool has_room(const struct auto_observe *table, const struct observation_spec *spec)
{
    const struct observation_limits *limits = &table->core->policy->observation_limits;

    return table->observed_count < limits->registrations / 2 &&
           observations_of(table->core, &spec->addresses[0]) < limits->registrations_per_node / 2;
}

static void observe(struct target *target, const struct observation_spec *spec)
{
    struct auto_observe *table = target->table;

    if (observation_open(table->core, spec, &target->subscription) != OBSERVATION_OPENED)
        return;
    target->is_observed = true;
    target->began_us = now_us(table);
    TAILQ_INSERT_TAIL(&table->observed, target, observed);
    if (table->observed_count++ == 0)
        timers_arm(table->core->options.timers, &table->look, LOOK_US);
}

void auto_observe_answered(struct core *core, const struct observation_spec *spec,
                           const struct representation *value)
{
    struct auto_observe *table = core->auto_observe;
    struct target *target = need_target(table, spec->key);

    if (target == NULL)
        return;
    note_content(target, value);
    if (!target->is_observed && target->requests.count >= REQUESTS_MIN &&
        now_us(table) >= target->paused_until_us && is_worth_it(target) && has_room(table, spec) &&
        observation_find(core, spec->key) == NULL)
        observe(target, spec);
}

void auto_observe_asked(struct core *core, const struct cache_key *key)
{
    struct auto_observe *table = core->auto_observe;
    struct target *target = need_target(table, key);

    if (target == NULL)
        return;
    rhythm_beat(&target->requests, now_us(table));
    TAILQ_REMOVE(&table->recency, target, recency);
    TAILQ_INSERT_HEAD(&table->recency, target, recency);
}

struct auto_observe *auto_observe_new(struct core *core)
{
    struct auto_observe *table = calloc(1, sizeof *table);

    if (table == NULL)
        return NULL;
    table->core = core;
    random_bytes(&core->options.random, &table->hash, sizeof table->hash);
    TAILQ_INIT(&table->recency);
    TAILQ_INIT(&table->observed);
    timer_init(&table->look, look, table);
    return table;
}

void auto_observe_clear(struct auto_observe *table)
{
    while (!TAILQ_EMPTY(&table->recency))
        forget(TAILQ_FIRST(&table->recency));
}

void auto_observe_free(struct auto_observe *table)
{
    if (table == NULL)
        return;
    auto_observe_clear(table);
    free(table);
}

size_t auto_observe_count(const struct auto_observe *table)
{
    return table->observed_count;
}
