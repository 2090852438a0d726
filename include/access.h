/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ACCESS_H
#define COAPGW_ACCESS_H

/*
 * access: which targets may be reached, by whom, with which method (RFC 8075 10.4; config.md
 * "access"). Judged on the resolved address and on the decoded options that go on the wire. The
 * table is immutable once loaded.
 */

#include <stdbool.h>
#include <stddef.h>

#include "endpoint_address.h"
#include "uri.h"

struct access_table;
struct document;
struct document_place;

struct access_table *access_table_new(void);
void access_table_free(struct access_table *table);
/* Reads the array "access". */
void access_load(struct access_table *table, struct document *document,
                 const struct document_place *place);

enum access_verdict {
    ACCESS_ALLOWED,
    ACCESS_DENIED,             /* 403: no rule, "allow": false, or no role */
    ACCESS_METHOD_NOT_ALLOWED, /* 405: `allowed_methods` */
    ACCESS_MULTICAST,          /* 403 */
    ACCESS_SPECIAL_PORT,       /* 403 */
    ACCESS_LINK_LOCAL,         /* 400: fe80::/10 without a zone */
};

struct access_question {
    const struct uri_authority *authority;  /* of the target URI */
    const struct endpoint_address *address; /* resolved; where messages will go */
    const struct rest_message *request;     /* Uri-Path options are judged */
    unsigned method;                        /* one bit of enum http_method */
    unsigned roles;                         /* of the client */
};

/* Judges a target that the client named (HC, forward proxy, /events). */
enum access_verdict access_judge(const struct access_table *table,
                                 const struct access_question *question, unsigned *allowed_methods);
/* The checks that hold for mapped targets too: multicast and special ports, where the mapping names
 * the port itself (`port_is_named`). */
enum access_verdict access_judge_mapped(const struct access_table *table,
                                        const struct access_question *question, bool port_is_named);
/* True when `roles` may use `method` under a rule that demands `required` (0: by method). */
bool access_role_suffices(unsigned required, unsigned roles, unsigned method);
/* Whether a rule names the target by a host name, so that its addresses must be known: for each
 * such name of the table the names are resolved by the caller. */
size_t access_name_count(const struct access_table *table);
const char *access_name(const struct access_table *table, size_t index);

#endif
