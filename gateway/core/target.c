/* SPDX-License-Identifier: BSD-2-Clause */
#include "target.h"

/*
 * What exchanges ask before their first message and observations again whenever their node has
 * moved. A target that the configuration chose is judged by its address alone; one that a client
 * named by the access rules too.
 */

#include <string.h>

#include "core_private.h"
#include "names.h"
#include "policy.h"

enum target_answer target_addresses(struct names *names, const struct uri_authority *authority,
                                    uint64_t since_us,
                                    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX],
                                    size_t *count)
{
    const struct names_answer *answer;

    memset(addresses, 0, RESOLVER_ADDRESSES_MAX * sizeof *addresses);
    *count = 1;
    if (authority->host_kind != URI_HOST_NAME) {
        if (!uri_authority_address(authority, &addresses[0]))
            return TARGET_NO_ZONE;
    } else {
        answer = names_find(names, authority->host, since_us);
        if (answer == NULL)
            return TARGET_NEEDS_NAME;
        if (answer->status != RESOLVER_FOUND)
            return answer->status == RESOLVER_FAILED ? TARGET_NAME_FAILED : TARGET_NAME_UNKNOWN;
        *count = answer->count;
        memcpy(addresses, answer->addresses, answer->count * sizeof *addresses);
    }
    for (size_t i = 0; i < *count; i++) {
        addresses[i].port = authority->port;
        addresses[i].is_secure = authority->scheme == URI_SCHEME_COAPS;
    }
    return TARGET_KNOWN;
}

static bool lookup_name(void *handle, const char *name, struct access_addresses *addresses)
{
    const struct target *target = handle;
    const struct names_answer *answer = names_find(target->core->names, name, target->since_us);

    if (answer == NULL)
        return false;
    addresses->count = answer->count;
    addresses->addresses = answer->addresses;
    return true;
}

struct access_judgement target_judge(const struct target *target,
                                     const struct endpoint_address *address)
{
    struct target copy = *target;
    struct access_question question = {
        .authority = target->authority,
        .address = address,
        .request = target->request,
        .method = target->method,
        .roles = target->roles,
        .lookup = lookup_name,
        .lookup_handle = &copy,
    };

    return access_judge(target->policy->access, &question);
}

struct target_objection target_object(const struct target *target,
                                      const struct endpoint_address *address)
{
    const struct core_options *options = &target->core->options;
    struct target_objection objection = {.verdict = ACCESS_ALLOWED};

    if (target->is_chosen_by_client) {
        struct access_judgement judgement = target_judge(target, address);

        objection.verdict = judgement.verdict;
        objection.allowed_methods = judgement.allowed_methods;
        objection.name = judgement.name;
    } else {
        objection.verdict = access_judge_address(address);
    }
    if (objection.verdict == ACCESS_ALLOWED && options->is_self != NULL)
        objection.is_self = options->is_self(options->is_self_handle, address);
    return objection;
}
