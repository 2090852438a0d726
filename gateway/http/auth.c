/* SPDX-License-Identifier: BSD-2-Clause */
#include "auth.h"

#include <stddef.h>

#include "endpoint_address.h"
#include "http_message.h"
#include "policy.h"

/*
 * auth: turns a client into roles, before the exchange begins. With "auth": "none" everybody may
 * read and write, and who comes from this host is the administrator. Otherwise credentials are
 * needed, and a client that shows none is nobody: it is told of the gateway's health and gets 401
 * for all else.
 */

unsigned auth_roles(const struct policy *policy, const struct endpoint_address *client)
{
    if (policy == NULL || !policy->is_open)
        return 0;
    unsigned roles = ROLE_READ | ROLE_WRITE;
    if (endpoint_address_is_loopback(client))
        roles |= ROLE_ADMIN;
    return roles;
}

/* Who has an IPv6 address has all the others of its /64 too. The prefix of an IPv4 address lies in
 * 0000::/8, which nobody has. */
uint64_t auth_client_key(const struct endpoint_address *client)
{
    size_t length = client->family == 4 ? 4 : 8;
    uint64_t key = client->family == 4 ? 0xffff : 0;

    for (size_t i = 0; i < length; i++)
        key = key << 8 | client->bytes[i];
    return key;
}
