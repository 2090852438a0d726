/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MEMORY_ACCOUNT_H
#define COAPGW_MEMORY_ACCOUNT_H

/*
 * memory_account: how much memory the bodies, transfers and queues of all requests take together,
 * so that none of them can take everything (SEC-19). It counts; whoever charges it owns the bytes.
 * What is large asks first, and is refused before it takes the last quarter: that is kept for what
 * cannot be refused, small requests and their connections, which may come when the large ones are
 * there already. Each function takes NULL for an account, which bounds nothing.
 */

#include <stdbool.h>
#include <stddef.h>

struct memory_account {
    size_t used;
    size_t maximum; /* changed by a reload; `used` may be above it */
};

/* Charges `bytes`, or nothing and false when less than a quarter of the maximum would stay free. */
bool memory_account_take(struct memory_account *account, size_t bytes);
/* Charges `bytes` that cannot be refused any more: what is small, and bounded otherwise. */
void memory_account_add(struct memory_account *account, size_t bytes);
/* Takes a charge back. */
void memory_account_give(struct memory_account *account, size_t bytes);
/* Whether memory_account_take would be fine now. */
bool memory_account_has_room(const struct memory_account *account, size_t bytes);

#endif
