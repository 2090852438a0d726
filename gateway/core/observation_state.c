/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation_private.h"

/*
 * What subscribers are told: states (SSE-07), and values with their ids (SSE-04). LIVE is told
 * before the value that it stands for, so that who comes between the two news sees the old value
 * and is told the new one, and nobody sees a value twice.
 */

#include <assert.h>

#include "buffer.h"
#include "core_private.h"
#include "freshness.h"
#include "policy.h"
#include "representation.h"

enum { US_PER_S = 1000000, LOGGED_PATH_MAX = 1024 };

static void became_stale(void *handle)
{
    struct observation *observation = handle;

    observation_enter(observation);
    observation_set_state(observation, SSE_STATE_STALE, PROBLEM_TYPES, 0);
    observation_leave(observation);
}

void observation_init_state(struct observation *observation)
{
    const struct core_options *options = &observation->table->core->options;

    random_bytes(&options->random, &observation->id.epoch, sizeof observation->id.epoch);
    observation->id.epoch &= (UINT64_C(1) << SSE_EPOCH_BITS) - 1;
    observation->state = SSE_STATE_CONNECTING;
    timer_init(&observation->stale, became_stale, observation);
}

void observation_clear_state(struct observation *observation)
{
    timers_disarm(observation->table->core->options.timers, &observation->stale);
    representation_return(observation->value);
    representation_release(observation->refusal);
}

/* --- changes --- */

/* One that goes to an upstream proxy has its path in the proxy's URI: "/" stands for it. */
static void write_log(const struct observation *observation)
{
    struct core *core = observation->table->core;
    const struct core_options *options = &core->options;
    char address[ENDPOINT_ADDRESS_TEXT_SIZE];
    const char *node = observation->node_name;
    struct rest_message request;
    struct buffer path;

    if (!log_enabled(options->log, LOG_LEVEL_DEBUG))
        return;
    if (node == NULL)
        node = endpoint_address_format(&observation->place->address, address);
    representation_read(observation->request, &request);
    buffer_init(&path, LOGGED_PATH_MAX);
    (void)uri_compose_path(&path, &request, REST_OPTION_URI_PATH);
    log_write_limited(options->log, &core->peer_limit, timers_now_us(options->timers),
                      LOG_LEVEL_DEBUG, "observation of %s %s: %s%s%s", node, buffer_text(&path),
                      sse_state_name(observation->state), observation->reason == NULL ? "" : ", ",
                      observation->reason == NULL ? "" : observation->reason);
    buffer_clear(&path);
}

/* Another reason for the same state is no change. */
void observation_set_state(struct observation *observation, enum sse_state state,
                           enum problem_type problem, unsigned status)
{
    bool is_other = state != observation->state;

    observation->state = state;
    observation->reason = problem == PROBLEM_TYPES ? NULL : problem_slug(problem);
    observation->status = status;
    if (state != SSE_STATE_LIVE)
        timers_disarm(observation->table->core->options.timers, &observation->stale);
    if (!is_other)
        return;
    write_log(observation);
    observation_tell(observation, OBSERVATION_STATE);
}

void observation_set_value(struct observation *observation, struct representation *value,
                           uint64_t fresh_us, bool is_news)
{
    const struct core_options *options = &observation->table->core->options;

    timers_arm(options->timers, &observation->stale, fresh_us);
    observation_set_state(observation, SSE_STATE_LIVE, PROBLEM_TYPES, 0);
    representation_return(observation->value);
    observation->value = value;
    observation->value_at_ms = (int64_t)options->wall_ms();
    if (!is_news)
        return;
    observation->id.number++;
    observation_tell(observation, OBSERVATION_VALUE);
}

/* Nobody finds it any more before the first is told, who may want it again at once. */
void observation_set_gone(struct observation *observation, enum problem_type problem,
                          unsigned status, struct representation *refusal)
{
    struct subscription *subscription;

    observation_unlist(observation);
    observation_stop_asking(observation);
    timers_disarm(observation->table->core->options.timers, &observation->stale);
    observation->state = SSE_STATE_GONE;
    observation->reason = problem == PROBLEM_TYPES ? NULL : problem_slug(problem);
    observation->status = status;
    observation->refusal = refusal;
    write_log(observation);
    while ((subscription = TAILQ_FIRST(&observation->subscriptions)) != NULL) {
        observation_detach(subscription);
        subscription->told(subscription, OBSERVATION_STATE);
    }
}

void observation_refuse(struct observation *observation, struct subscription *subscription)
{
    enum sse_state state = observation->state;
    const char *reason = observation->reason;
    unsigned status = observation->status;

    observation_detach(subscription);
    observation->state = SSE_STATE_GONE;
    observation->reason = problem_slug(PROBLEM_FORBIDDEN);
    observation->status = 403;
    subscription->told(subscription, OBSERVATION_STATE);
    observation->state = state;
    observation->reason = reason;
    observation->status = status;
}

/* --- what it is --- */

void observation_change(const struct observation *observation, struct sse_change *change)
{
    change->state = observation->state;
    change->reason = observation->reason;
    change->status = observation->status;
}

bool observation_is_settled(const struct observation *observation)
{
    return observation->state != SSE_STATE_CONNECTING;
}

struct representation *observation_value(const struct observation *observation)
{
    return observation->value;
}

struct sse_id observation_value_id(const struct observation *observation)
{
    return observation->id;
}

int64_t observation_value_at_ms(const struct observation *observation)
{
    return observation->value_at_ms;
}

uint32_t observation_max_age_s(const struct observation *observation)
{
    const struct core_options *options = &observation->table->core->options;
    uint32_t max_age_s = FRESHNESS_DEFAULT_S;
    uint64_t age_s;

    if (observation->value == NULL)
        return 0;
    (void)representation_max_age(observation->value, &max_age_s);
    age_s =
        (timers_now_us(options->timers) - representation_arrived_us(observation->value)) / US_PER_S;
    return age_s < max_age_s ? max_age_s - (uint32_t)age_s : 0;
}

bool observation_is_polled(const struct observation *observation)
{
    return observation->is_polled;
}

struct representation *observation_refusal(const struct observation *observation)
{
    return observation->refusal;
}
