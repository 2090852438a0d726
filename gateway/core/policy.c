/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy.h"

/*
 * The counted generation of everything that a reload may change. An exchange refers to the policy
 * under which it began, so that one request never sees half of an old and half of a new
 * configuration; the last of them frees it.
 */

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "keyed_hash.h"
#include "media_type.h"

struct policy *policy_new(void)
{
    struct policy *policy = calloc(1, sizeof *policy);

    if (policy != NULL)
        policy->references = 1;
    return policy;
}

struct policy *policy_reference(struct policy *policy)
{
    policy->references++;
    return policy;
}

int policy_set_name(struct policy *policy, const char *name, bool is_public)
{
    static const struct keyed_hash hash = {{0, 0}};
    char word[sizeof "coapgw-01234567"];
    char *copy = strdup(name);
    char *pseudonym;

    (void)snprintf(word, sizeof word, "coapgw-%08x",
                   (unsigned)keyed_hash(&hash, name, strlen(name)));
    pseudonym = strdup(is_public ? name : word);
    if (copy == NULL || pseudonym == NULL) {
        free(copy);
        free(pseudonym);
        return -1;
    }
    free(policy->name);
    free(policy->pseudonym);
    policy->name = copy;
    policy->pseudonym = pseudonym;
    return 0;
}

const char *policy_pseudonym(const struct policy *policy)
{
    return policy->pseudonym == NULL ? "coapgw" : policy->pseudonym;
}

void policy_release(struct policy *policy)
{
    if (policy == NULL)
        return;
    assert(policy->references > 0);
    if (--policy->references > 0)
        return;
    mapping_table_free(policy->mappings);
    access_table_free(policy->access);
    media_table_free(policy->media);
    free(policy->name);
    free(policy->pseudonym);
    free(policy);
}
