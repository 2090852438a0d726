/* SPDX-License-Identifier: BSD-2-Clause */
#include "world.h"

#include <stdio.h>
#include <string.h>

#include "access.h"
#include "document.h"
#include "media_type.h"
#include "memory.h"
#include "policy.h"
#include "sse.h"

/*
 * policy_maker: the configuration of a scenario, made by the same loaders that read a user's files:
 * nodes by name, HC Proxy URIs, access to the two networks. The settings of coap are set directly.
 */

static const char access_text[] =
    "{ \"access\": [ { \"networks\": [\"10.0.0.0/8\", \"fd00::/8\"], \"ports\": [5683] } ] }";

static void complain(const struct document *document)
{
    if (document_has_errors(document))
        (void)fprintf(stderr, "the simulation's configuration is wrong:\n%s",
                      document_errors(document));
}

static void load_access(struct policy *policy)
{
    struct document *document =
        document_read_text("coapgw.json", access_text, sizeof access_text - 1);
    struct document_place top = document_top(document);
    struct document_place place = document_member(document, &top, "access");

    access_load(policy->access, document, &place);
    place = document_member(document, &top, "hc");
    mapping_load_hc(policy->mappings, document, &place);
    complain(document);
    document_free(document);
}

/* The address of a node that moves is a name. */
static void load_nodes(struct policy *policy, unsigned nodes, bool by_name)
{
    char text[128 * (SCENARIO_NODES_MAX + 1)];
    size_t used = (size_t)snprintf(text, sizeof text, "{ \"nodes\": {");

    for (unsigned i = 0; i < nodes; i++)
        used += (size_t)snprintf(text + used, sizeof text - used,
                                 by_name      ? "%s \"n%u\": { \"address\": \"coap://n%x.sim\" }"
                                 : i % 2 == 1 ? "%s \"n%u\": { \"address\": \"coap://[fd00::%x]\" }"
                                              : "%s \"n%u\": { \"address\": \"coap://10.0.0.%u\" }",
                                 i > 0 ? "," : "", i, by_name ? i : i + 1);
    used += (size_t)snprintf(text + used, sizeof text - used, " } }");
    struct document *document = document_read_text("nodes.json", text, used);
    mapping_load_document(policy->mappings, document, &policy->defaults);
    complain(document);
    document_free(document);
}

struct policy *world_make_policy(const struct world *world)
{
    const struct scenario *scenario = &world->scenario;
    struct policy *policy = policy_new();

    policy->defaults.content_format = MEDIA_FORMAT_NONE;
    policy->defaults.settings = scenario->settings;
    policy->defaults.is_cached = true;
    policy->defaults.stale_if_error = scenario->serves_stale;
    policy->cache_limits =
        (struct cache_limits){.bytes = scenario->cache_bytes, .entries = scenario->cache_entries};
    policy->observation_limits = (struct observation_limits){
        .registrations = scenario->registrations,
        .registrations_per_node = scenario->registrations_per_node,
        .poll_minimum_ms = scenario->poll_minimum_ms,
    };
    policy->auto_observe = scenario->auto_observe;
    policy->stream_limits = (struct stream_limits){
        .streams = scenario->streams_max,
        .queue = scenario->stream_queue,
        .heartbeat_ms = scenario->heartbeat_ms,
        .retry_ms = SSE_RETRY_DEFAULT_MS,
    };
    policy->takes_query = true;
    policy->maximum_body = 1 << 20;
    policy->maximum_reply = 1 << 20;
    policy->outstanding = scenario->outstanding;
    policy->memory = 64 << 20;
    policy->media = media_table_new();
    policy->access = access_table_new();
    policy->mappings = mapping_table_new(&policy->defaults.settings);
    load_access(policy);
    load_nodes(policy, scenario->nodes, scenario->move_us > 0);
    return policy;
}
