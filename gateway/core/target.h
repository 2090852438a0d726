/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TARGET_H
#define COAPGW_TARGET_H

/*
 * target: where messages for an authority would go, and what stands against each of the addresses
 * (RFC 8075 10.4). Nothing here waits: who needs a name that is not known asks for it (names.h) and
 * comes back.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "access.h"
#include "resolver.h"

struct core;
struct names;
struct policy;
struct rest_message;
struct uri_authority;

enum target_answer {
    TARGET_KNOWN,
    TARGET_NEEDS_NAME, /* the host of the authority has to be asked for */
    TARGET_NO_ZONE,    /* the gateway has no interface of that name */
    TARGET_NAME_UNKNOWN,
    TARGET_NAME_FAILED, /* the name service gave no answer */
};

/* The addresses of an authority, with port and security filled in; `*count` is above 0 with KNOWN.
 * `since_us` is as in names_find. */
enum target_answer target_addresses(struct names *names, const struct uri_authority *authority,
                                    uint64_t since_us,
                                    struct endpoint_address addresses[RESOLVER_ADDRESSES_MAX],
                                    size_t *count);

struct target {
    const struct core *core;
    const struct policy *policy;
    const struct uri_authority *authority;
    bool is_chosen_by_client; /* then the access rules are asked, otherwise the address alone */
    const struct rest_message *request;
    unsigned method; /* as in struct access_question */
    unsigned roles;
    uint64_t since_us; /* of names in rules: as in names_find */
};

/* What stands against an address. */
struct target_objection {
    enum access_verdict verdict; /* ALLOWED: nothing but maybe `is_self` */
    bool is_self;                /* a message to it would come back to us */
    unsigned allowed_methods;
    const char *name; /* NEEDS_NAME */
};
struct target_objection target_object(const struct target *target,
                                      const struct endpoint_address *address);
/* The access rules alone. */
struct access_judgement target_judge(const struct target *target,
                                     const struct endpoint_address *address);

#endif
