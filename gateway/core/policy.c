/* SPDX-License-Identifier: BSD-2-Clause */
#include "policy.h"

/*
 * The counted generation of everything that a reload may change. An exchange refers to the policy
 * under which it began, so that one request never sees half of an old and half of a new
 * configuration; the last of them frees it.
 */

#include <assert.h>
#include <stdlib.h>

#include "access.h"
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
    free(policy);
}
