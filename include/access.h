/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ACCESS_H
#define COAPGW_ACCESS_H

/*
 * access: which targets may be reached, by whom, with which method (RFC 8075 10.4; config.md
 * "access"). Judged on the resolved address and on the decoded options that go on the wire. The
 * table is immutable once loaded.
 *
 * A rule may name its target by a host name, which stands for the addresses that it resolves to.
 * Names are resolved by the caller, and only when a judgement cannot do without one: access_judge
 * then returns ACCESS_NEEDS_NAME, and is asked again once the name is known.
 */

#include <stdbool.h>
#include <stddef.h>

#include "endpoint_address.h"
#include "uri.h"

struct access_table;
struct document;
struct document_place;
struct rest_message;

enum { ACCESS_NAMES_MAX = 64 }; /* different host names in the rules of one table */

/* An empty table allows nothing. NULL when memory is short. */
struct access_table *access_table_new(void);
void access_table_free(struct access_table *table);
/* Reads the array "access"; an absent one leaves the table empty. */
void access_load(struct access_table *table, struct document *document,
                 const struct document_place *place);

enum access_verdict {
    ACCESS_ALLOWED,
    ACCESS_NEEDS_NAME,         /* `name` must be resolved first */
    ACCESS_DENIED,             /* 403: no rule, "allow": false, or no role */
    ACCESS_METHOD_NOT_ALLOWED, /* 405: `allowed_methods` */
    ACCESS_MULTICAST,          /* 403 */
    ACCESS_SPECIAL_PORT,       /* 403: only rules whose port is "*" cover it */
    ACCESS_LINK_LOCAL,         /* 400: fe80::/10 without a zone */
};

/* The addresses of a host name of a rule; port and is_secure do not matter. */
struct access_addresses {
    size_t count; /* 0: the name cannot be resolved */
    const struct endpoint_address *addresses;
};

struct access_question {
    const struct uri_authority *authority;  /* of the target URI */
    const struct endpoint_address *address; /* resolved; where messages will go */
    const struct rest_message *request;     /* Uri-Path options are judged */
    unsigned method;                        /* one bit of enum http_method */
    unsigned roles;                         /* of the client */
    /* Tells what is known of a host name of the rules; false: it must be resolved first. */
    bool (*lookup)(void *handle, const char *name, struct access_addresses *addresses);
    void *lookup_handle;
};

struct access_judgement {
    enum access_verdict verdict;
    unsigned allowed_methods; /* METHOD_NOT_ALLOWED: bits of enum http_method */
    const char *name;         /* NEEDS_NAME: borrowed from the table */
};

/* Judges a target that the client named (HC, forward proxy). */
struct access_judgement access_judge(const struct access_table *table,
                                     const struct access_question *question);
/* The checks of an address that hold for mapped targets too: multicast, link-local without a zone.
 * A special port is named by the mapping itself, since its authority has no variables. */
enum access_verdict access_judge_address(const struct endpoint_address *address);
/* True when `roles` may use `method` under a rule that demands `required` (0: by method). */
bool access_role_suffices(unsigned required, unsigned roles, unsigned method);

#endif
