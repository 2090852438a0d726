/* SPDX-License-Identifier: BSD-2-Clause */
#include "client_share.h"

#include <stdlib.h>

/* Without memory for the table a request is not counted and the daemon stays. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

/*
 * client_share: one counter for each client in a hash table. It is made with the first request and
 * freed with the last, so that the table has never more entries than requests are outstanding.
 */

struct client_share {
    uint64_t client;
    size_t count; /* never 0 */
    UT_hash_handle hh;
};

void client_shares_init(struct client_shares *shares, const struct keyed_hash *hash)
{
    *shares = (struct client_shares){.hash = hash};
}

void client_shares_clear(struct client_shares *shares)
{
    while (shares->shares != NULL) {
        struct client_share *share = shares->shares;

        HASH_DEL(shares->shares, share);
        free(share);
    }
}

static struct client_share *find(const struct client_shares *shares, uint64_t client, unsigned hash)
{
    struct client_share *share = NULL;

    if (shares->shares != NULL)
        HASH_FIND_BYHASHVALUE(hh, shares->shares, &client, sizeof client, hash, share);
    return share;
}

size_t client_shares_count(const struct client_shares *shares, uint64_t client)
{
    const struct client_share *share =
        find(shares, client, keyed_hash(shares->hash, &client, sizeof client));

    return share == NULL ? 0 : share->count;
}

struct client_share *client_share_take(struct client_shares *shares, uint64_t client)
{
    unsigned hash = keyed_hash(shares->hash, &client, sizeof client);
    struct client_share *share = find(shares, client, hash);

    if (share == NULL) {
        share = calloc(1, sizeof *share);
        if (share == NULL)
            return NULL;
        share->client = client;
        HASH_ADD_BYHASHVALUE(hh, shares->shares, client, sizeof share->client, hash, share);
        if (share->hh.tbl == NULL) {
            free(share);
            return NULL;
        }
    }
    share->count++;
    return share;
}

void client_share_give_back(struct client_shares *shares, struct client_share *share)
{
    if (share == NULL || --share->count > 0)
        return;
    HASH_DEL(shares->shares, share);
    free(share);
}
