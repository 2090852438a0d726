/* SPDX-License-Identifier: BSD-2-Clause */
#include "memory_account.h"

#include <assert.h>

/*
 * memory_account: one sum and its limit. What is charged without a question may bring the sum above
 * three quarters of the limit, and above the limit; then there is no room until enough was given
 * back.
 */

bool memory_account_has_room(const struct memory_account *account, size_t bytes)
{
    if (account == NULL)
        return true;
    size_t maximum = account->maximum - account->maximum / 4;
    return account->used <= maximum && bytes <= maximum - account->used;
}

bool memory_account_take(struct memory_account *account, size_t bytes)
{
    if (!memory_account_has_room(account, bytes))
        return false;
    memory_account_add(account, bytes);
    return true;
}

void memory_account_add(struct memory_account *account, size_t bytes)
{
    if (account != NULL)
        account->used += bytes;
}

void memory_account_give(struct memory_account *account, size_t bytes)
{
    if (account == NULL)
        return;
    assert(account->used >= bytes);
    account->used -= bytes;
}
