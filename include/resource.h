/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_RESOURCE_H
#define COAPGW_RESOURCE_H

/*
 * resource: the gateway's own resources, as a table from path to function: health, metrics,
 * nodes, /.well-known/core, results that wait to be fetched.
 */

#include <stdbool.h>

struct core;
struct http_reply;
struct http_request;

struct resource {
    const char *path; /* exact; one that ends with a slash stands for all below it */
    unsigned methods; /* bits of enum http_method */
    unsigned roles;   /* bits of enum role that the client needs one of; 0: none at all */
    void (*respond)(struct core *core, const struct http_request *request,
                    struct http_reply *reply);
};

/* The resource that the raw request target names, or NULL. */
const struct resource *resource_find(const char *target);

#endif
