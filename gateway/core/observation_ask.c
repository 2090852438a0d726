/* SPDX-License-Identifier: BSD-2-Clause */
#include "observation_private.h"

/*
 * When the node is asked: at first, when a refresh or a poll is due, and again after whatever went
 * wrong. What goes out is always a registration. Nothing is sent to a node that is silent or that
 * asked to be spared.
 */

#include "core_private.h"
#include "node.h"
#include "policy.h"
#include "representation.h"

enum { US_PER_S = 1000000, QUEUE_PATIENCE_US = 2 * US_PER_S };

bool observation_uses_cache(const struct observation *observation)
{
    return observation->rules->is_cached &&
           observation->table->core->policy->cache_limits.entries > 0;
}

static void ask_again(void *handle)
{
    struct observation *observation = handle;

    observation_enter(observation);
    if (observation->is_recovering)
        observation->address_index = 0;
    observation_ask(observation);
    observation_leave(observation);
}

static void name_answered(void *handle)
{
    struct observation *observation = handle;

    observation_enter(observation);
    observation_ask(observation);
    observation_leave(observation);
}

void observation_init_asking(struct observation *observation)
{
    timer_init(&observation->again, ask_again, observation);
    observation->wait.answered = name_answered;
    observation->wait.handle = observation;
}

bool observation_is_lost(const struct observation *observation)
{
    return observation->node != NULL && node_state_of(observation->node) == NODE_UNREACHABLE;
}

/* A node that is known to be silent is not told: what it sends later is reset. */
void observation_end_relation(struct observation *observation)
{
    struct observe *observe = observation->table->core->options.observe;

    if (observation_is_lost(observation))
        observe_drop(observe, observation->relation);
    else
        observe_cancel(observe, observation->relation);
    observation->relation = 0;
    observation->is_asking = false;
}

void observation_stop_asking(struct observation *observation)
{
    const struct core *core = observation->table->core;

    timers_disarm(core->options.timers, &observation->again);
    names_forget(&observation->wait);
    cache_end(core->cache, &observation->pending);
    observation_end_relation(observation);
}

struct inquiry observation_inquiry(struct observation *observation)
{
    return (struct inquiry){
        .core = observation->table->core,
        .policy = observation->policy,
        .peer = &observation->place->address,
        .node = observation->node,
        .label = observation->label,
        .told = &observation->told,
    };
}

void observation_ask_after(struct observation *observation, uint64_t delay_us)
{
    timers_arm(observation->table->core->options.timers, &observation->again, delay_us);
}

void observation_retry(struct observation *observation)
{
    static const unsigned seconds[] = {5, 10, 20, 40, 60};
    size_t last = sizeof seconds / sizeof seconds[0] - 1;
    size_t place = observation->attempts < last ? observation->attempts : last;

    observation->attempts++;
    observation_ask_after(observation, (uint64_t)seconds[place] * US_PER_S);
}

void observation_queue_again(struct observation *observation)
{
    observation_ask_after(observation, QUEUE_PATIENCE_US);
}

static bool is_held(struct observation *observation, const struct rest_message *request)
{
    struct inquiry inquiry = observation_inquiry(observation);
    uint64_t left_us;
    uint8_t code;

    inquiry.request = request;
    if (!inquiry_is_held(&inquiry, &code, &left_us))
        return false;
    /* It says nothing of a value that is there. */
    if (!observation_is_settled(observation))
        observation_set_state(observation, SSE_STATE_OFFLINE, PROBLEM_HELD,
                              code == REST_CODE(4, 29) ? 429 : 503);
    observation_ask_after(observation, left_us);
    return true;
}

static enum request_refusal start(struct observation *observation,
                                  const struct rest_message *request)
{
    enum request_refusal refusal;
    struct observe_spec spec = {
        .peer = observation->place->address,
        .message = request,
        .settings = &observation->rules->settings,
        .events = &observation_events,
        .handle = observation,
        .client = observation->client_key,
        .is_peer_of_client = !observation->is_mapped,
        .maximum_body = observation->policy->maximum_reply,
    };

    refusal =
        observe_start(observation->table->core->options.observe, &spec, &observation->relation);
    if (refusal != REQUEST_STARTED)
        observation->relation = 0;
    return refusal;
}

static void send(struct observation *observation, const struct rest_message *request)
{
    struct core *core = observation->table->core;
    enum request_refusal refusal;

    /* It would be the same one. */
    if (observation->is_asking)
        return;
    cache_end(core->cache, &observation->pending);
    if (observation_uses_cache(observation))
        (void)cache_begin_alone(core->cache, observation->key, &observation->pending);
    refusal = observation->relation != 0
                  ? observe_renew(core->options.observe, observation->relation)
                  : start(observation, request);
    observation->is_asking = refusal == REQUEST_STARTED;
    if (observation->is_asking)
        return;
    cache_end(core->cache, &observation->pending);
    if (refusal == REQUEST_TOO_LONG)
        observation_set_gone(observation, PROBLEM_TARGET_TOO_LONG, 414, NULL);
    else if (refusal == REQUEST_QUEUE_FULL)
        observation_queue_again(observation);
    else
        observation_retry(observation);
}

/* SEC-05: nothing is ever sent in the clear to a target that was asked for by coaps. */
static bool is_insecure(const struct observation *observation)
{
    return observation->place->address.is_secure ||
           observation->authority.scheme == URI_SCHEME_COAPS;
}

void observation_ask(struct observation *observation)
{
    struct rest_message request;

    timers_disarm(observation->table->core->options.timers, &observation->again);
    names_forget(&observation->wait);
    if (!observation_find_way(observation))
        return;
    if (is_insecure(observation)) {
        observation_set_gone(observation, PROBLEM_FORBIDDEN, 403, NULL);
        return;
    }
    representation_read(observation->request, &request);
    if (!is_held(observation, &request))
        send(observation, &request);
}
