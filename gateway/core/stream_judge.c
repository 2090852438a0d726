/* SPDX-License-Identifier: BSD-2-Clause */
#include "stream_private.h"

/*
 * What a reload means for a stream that is open. Streams last for days, so they do not stay with
 * the policy that they began under as a request does: each target is judged as a new request for
 * it would be, as far as that needs no waiting. Who loses one connects again and learns why.
 */

#include <string.h>

#include "access.h"
#include "cache_key.h"
#include "core_private.h"
#include "http_message.h"
#include "mapping.h"
#include "observation.h"
#include "policy.h"

/* Whether the name leads to what is observed. */
static bool is_the_same(const struct observation *observation, const struct mapping_match *match,
                        const struct mapping_policy *rules, const struct rest_message *request)
{
    const struct endpoint_address *connect =
        match->kind != MAPPING_HC && rules->has_connect ? &rules->connect : NULL;
    struct cache_key key;

    return cache_key_set_target(&key, &match->authority, connect, request) &&
           observation_has_target(observation, &key);
}

static bool may_read(const struct observation *observation, const struct mapping_match *match,
                     const struct mapping_policy *rules, unsigned roles)
{
    if (match->kind == MAPPING_HC)
        return observation_judge(observation, roles);
    return access_role_suffices(rules->roles, roles, HTTP_METHOD_GET);
}

unsigned stream_judge(const struct core *core, const struct observation *observation,
                      const char *target, unsigned roles)
{
    const struct policy *policy = core->policy;
    const struct mapping_policy *rules;
    enum mapping_outcome outcome;
    struct mapping_match match;
    struct rest_request request;
    int error;

    memset(&match, 0, sizeof match);
    rest_request_init(&request);
    request.message.code = REST_GET;
    outcome = target[0] == '/'
                  ? mapping_find(policy->mappings, target, &request, &match, &error)
                  : mapping_find_absolute(policy->mappings, target, &request, &match, &error);
    if (outcome != MAPPING_FOUND)
        return 404;
    rules = match.kind == MAPPING_HC || match.policy == NULL ? &policy->defaults : match.policy;
    if (rules->methods != 0 && (rules->methods & HTTP_METHOD_GET) == 0)
        return 405;
    if (!is_the_same(observation, &match, rules, &request.message))
        return 503;
    return may_read(observation, &match, rules, roles) ? 0 : 403;
}
