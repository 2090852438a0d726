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

#include "log.h"
#include "metrics.h"
#include "names.h"
#include "node.h"
#include "policy.h"
#include "request_layer.h"
#include "status_monitor.h"
#include "timers.h"

/* STATUS-47: an ICMP error that names no request ends none. */
static void take_hint(void *handle, const struct endpoint_address *peer, int error)
{
    struct core *core = handle;
    const struct node *node = node_table_hint(core->nodes, peer);

    if (node != NULL)
        log_write_limited(core->options.log, &core->peer_limit, timers_now_us(core->options.timers),
                          LOG_LEVEL_INFO,
                          "node %s: suspect, as an ICMP error that names no request says: %s",
                          node_name(node), strerror(error));
}

struct core *core_new(const struct core_options *options)
{
    struct core *core = calloc(1, sizeof *core);

    if (core == NULL)
        return NULL;
    core->options = *options;
    exchange_table_init(&core->exchanges);
    core->nodes = node_table_new();
    core->metrics = metrics_new();
    core->names = names_new(options->timers, &core->options.resolver);
    core->monitors = status_monitors_new(options->timers, &options->random);
    if (core->nodes == NULL || core->metrics == NULL || core->names == NULL ||
        core->monitors == NULL) {
        core_free(core);
        return NULL;
    }
    const struct request_peer_events events = {.hint = take_hint, .handle = core};
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
    status_monitors_free(core->monitors);
    names_free(core->names);
    metrics_free(core->metrics);
    node_table_free(core->nodes);
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
    result = node_table_configure(core->nodes, names, count);
    free(names);
    return result;
}

int core_set_policy(struct core *core, struct policy *policy)
{
    if (configure_nodes(core, policy->mappings) != 0)
        return -1;
    request_layer_set_maximum(core->options.requests, policy->outstanding);
    policy_release(core->policy);
    core->policy = policy;
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

void core_set_draining(struct core *core)
{
    core->is_draining = true;
}

size_t core_exchange_count(const struct core *core)
{
    return core->exchanges.count;
}
