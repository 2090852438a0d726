/* SPDX-License-Identifier: BSD-2-Clause */
#include "core.h"
#include "core_private.h"
#include "exchange_private.h"

/*
 * Owner of nodes, exchanges, names and metrics, and keeper of the policy that new exchanges begin
 * under. A reload replaces the policy as a whole; exchanges keep theirs.
 */

#include <stdlib.h>
#include <string.h>

#include "audience.h"
#include "auto_observe.h"
#include "cache.h"
#include "holds.h"
#include "log.h"
#include "memory_account.h"
#include "metrics.h"
#include "names.h"
#include "node.h"
#include "node_label.h"
#include "observation.h"
#include "policy.h"
#include "request_layer.h"
#include "status_monitor.h"
#include "stream_private.h"
#include "timers.h"

/* STATUS-47: an ICMP error that names no request ends none. */
static void take_hint(void *handle, const struct endpoint_address *peer, int error)
{
    struct core *core = handle;

    (void)error;
    node_table_doubt(core->nodes, peer);
}

static void take_heard(void *handle, const struct endpoint_address *peer)
{
    struct core *core = handle;

    node_table_heard(core->nodes, peer);
}

static void send_ping(void *handle, const struct endpoint_address *address)
{
    struct core *core = handle;

    request_layer_ping(core->options.requests, address);
}

/* What waits for a node that was lost fails now, and not one by one at each one's deadline. */
static void take_change(void *handle, const struct node *node, enum node_state before)
{
    static const char *const texts[] = {
        [NODE_UNKNOWN] = "unknown",
        [NODE_REACHABLE] = "reachable",
        [NODE_SUSPECT] = "suspect",
        [NODE_UNREACHABLE] = "unreachable: no datagram while all transmissions were made",
    };
    struct core *core = handle;
    enum node_state state = node_state_of(node);
    enum log_level level =
        state == NODE_UNREACHABLE || before == NODE_UNREACHABLE ? LOG_LEVEL_INFO : LOG_LEVEL_DEBUG;
    char address[ENDPOINT_ADDRESS_TEXT_SIZE];
    /* It is looked for among all names: only where it is told. */
    const char *name =
        log_enabled(core->options.log, level) ? node_label_of(core->labels, node) : NULL;

    /* Others are as many as clients like. */
    if (name != NULL)
        log_write(core->options.log, level, "node %s: %s", name, texts[state]);
    else
        log_write_limited(core->options.log, &core->peer_limit, timers_now_us(core->options.timers),
                          level, "node %s: %s",
                          endpoint_address_format(node_address(node), address), texts[state]);
    if (state == NODE_UNREACHABLE)
        request_layer_give_up(core->options.requests, node_address(node));
    observations_node_changed(core, node_address(node));
}

static struct node_table *make_nodes(struct core *core)
{
    const struct node_events events = {.ping = send_ping, .changed = take_change, .handle = core};

    return node_table_new(core->options.timers, &core->options.random, NODES_MAX, &events);
}

static struct cache *make_cache(const struct core_options *options)
{
    const struct cache_limits none = {0};

    return cache_new(options->timers, options->random, &none);
}

struct core *core_new(const struct core_options *options)
{
    struct core *core = calloc(1, sizeof *core);

    if (core == NULL)
        return NULL;
    core->options = *options;
    exchange_table_init(&core->exchanges);
    core->labels = node_label_table_new();
    core->nodes = make_nodes(core);
    core->holds = holds_new(options->timers, &core->options.random);
    core->cache = make_cache(options);
    core->metrics = metrics_new();
    core->names = names_new(options->timers, &core->options.resolver);
    core->monitors = status_monitors_new(options->timers, &options->random);
    core->observations = observations_new(core);
    core->auto_observe = auto_observe_new(core);
    core->streams = streams_new(core);
    if (core->labels == NULL || core->nodes == NULL || core->holds == NULL || core->cache == NULL ||
        core->metrics == NULL || core->names == NULL || core->monitors == NULL ||
        core->observations == NULL || core->auto_observe == NULL || core->streams == NULL) {
        core_free(core);
        return NULL;
    }
    const struct request_peer_events events = {
        .hint = take_hint, .heard = take_heard, .handle = core};
    request_layer_set_peer_events(options->requests, &events);
    return core;
}

void core_free(struct core *core)
{
    if (core == NULL)
        return;
    request_layer_set_peer_events(core->options.requests, NULL);
    /* The CoAP halves that still live end here, unanswered. */
    exchange_abandon_all(core);
    (void)core_reap(core);
    exchange_table_clear(&core->exchanges);
    auto_observe_free(core->auto_observe);
    streams_free(core->streams);
    observations_free(core->observations);
    status_monitors_free(core->monitors);
    names_free(core->names);
    metrics_free(core->metrics);
    node_label_table_free(core->labels);
    node_table_free(core->nodes);
    holds_free(core->holds);
    cache_free(core->cache);
    policy_release(core->policy);
    free(core);
}

static int configure_nodes(struct core *core, const struct mapping_table *mappings)
{
    size_t count = mapping_node_count(mappings);
    const char **names = calloc(count + 1, sizeof *names);
    int result;

    if (names == NULL)
        return -1;
    for (size_t i = 0; i < count; i++)
        names[i] = mapping_node_name(mappings, i);
    result = node_label_table_configure(core->labels, names, count);
    free(names);
    return result;
}

/* Whether all nodes are asked in the same way: through the same proxy, or directly. */
static bool has_same_way(const struct policy *policy, const struct policy *other)
{
    const struct uri_authority *a = &policy->upstream_proxy, *b = &other->upstream_proxy;

    if (policy->has_upstream_proxy != other->has_upstream_proxy)
        return false;
    return !policy->has_upstream_proxy ||
           (a->scheme == b->scheme && a->port == b->port && strcmp(a->host, b->host) == 0 &&
            strcmp(a->zone, b->zone) == 0);
}

/* What is stored outlives a reload, and so do observations, but not what came through another
 * proxy. */
int core_set_policy(struct core *core, struct policy *policy)
{
    bool is_other_way = core->policy != NULL && !has_same_way(core->policy, policy);

    if (configure_nodes(core, policy->mappings) != 0)
        return -1;
    request_layer_set_maximum(core->options.requests, policy->outstanding);
    if (core->options.memory != NULL)
        core->options.memory->maximum = policy->memory;
    if (is_other_way)
        cache_clear(core->cache);
    cache_set_limits(core->cache, &policy->cache_limits);
    /* They began under rules that may not hold any more. */
    auto_observe_clear(core->auto_observe);
    policy_release(core->policy);
    core->policy = policy;
    if (is_other_way)
        observations_way_changed(core);
    audience_judge_all(core->streams);
    return 0;
}

struct policy *core_policy(struct core *core)
{
    return core->policy;
}

struct metrics *core_metrics(struct core *core)
{
    return core->metrics;
}

struct memory_account *core_memory(struct core *core)
{
    return core->options.memory;
}

void core_set_draining(struct core *core)
{
    core->is_draining = true;
    auto_observe_clear(core->auto_observe);
    streams_end_all(core);
}

size_t core_exchange_count(const struct core *core)
{
    return core->exchanges.count;
}
