/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_RESOLVER_H
#define COAPGW_RESOLVER_H

/*
 * resolver: names to addresses, as the core asks for them. The daemon's (net/) runs getaddrinfo in
 * the helper thread; tests give a fake.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"

enum { RESOLVER_ADDRESSES_MAX = 8 };

enum resolver_status {
    RESOLVER_FOUND,
    RESOLVER_UNKNOWN_NAME, /* 502 */
    RESOLVER_FAILED,       /* 502: no answer from the name service */
};

/* `addresses` have port 0 and is_secure 0; borrowed for the call. */
typedef void resolver_answer(void *handle, enum resolver_status status,
                             const struct endpoint_address *addresses, size_t count);

struct resolver_ops {
    /* Asks for a name (lower case). The answer comes later, never from inside this call. Returns an
     * id above 0, or 0 when 64 jobs are waiting or memory is short (503). */
    uint64_t (*ask)(void *resolver, const char *name, resolver_answer *answer, void *handle);
    /* Forgets the question: no answer follows. Unknown ids are fine. */
    void (*cancel)(void *resolver, uint64_t id);
};

struct resolver {
    const struct resolver_ops *ops;
    void *handle;
};

#endif
