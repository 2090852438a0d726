/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CLIENT_SHARE_H
#define COAPGW_CLIENT_SHARE_H

/*
 * client_share: how many requests of each HTTP client are outstanding. A client that hangs up and
 * asks again leaves its requests under way; so it is not its connections that bound them. Only
 * clients with such requests are remembered, and everything takes constant time.
 */

#include <stddef.h>
#include <stdint.h>

#include "keyed_hash.h"

struct client_share;

struct client_shares {
    const struct keyed_hash *hash; /* borrowed for life: clients choose their addresses */
    struct client_share *shares;   /* owned, by client */
};

void client_shares_init(struct client_shares *shares, const struct keyed_hash *hash);
/* Whatever was taken is given back. */
void client_shares_clear(struct client_shares *shares);
/* Requests of the client that are outstanding. */
size_t client_shares_count(const struct client_shares *shares, uint64_t client);
/* One request more. The result is borrowed until it is given back; NULL when memory is short: the
 * request is not counted. */
struct client_share *client_share_take(struct client_shares *shares, uint64_t client);
/* One request less; NULL is fine. */
void client_share_give_back(struct client_shares *shares, struct client_share *share);

#endif
