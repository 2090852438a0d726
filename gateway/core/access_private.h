/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ACCESS_PRIVATE_H
#define COAPGW_ACCESS_PRIVATE_H

/*
 * access_private: the rules as access_load.c makes them and access.c judges by them.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"
#include "uri.h"

struct access_segment {
    size_t length;
    uint8_t *bytes; /* owned */
};

/* An element of "targets". */
struct access_target {
    struct uri_authority authority;
    bool is_any_port;                /* ":*" */
    size_t segment_count;            /* path prefix; 0: every path */
    struct access_segment *segments; /* owned */
};

/* An element of "networks". */
struct access_network {
    struct endpoint_address address;
    unsigned prefix_length;
};

struct access_rule {
    bool is_allow;
    unsigned methods; /* bits of enum http_method; 0: all */
    unsigned roles;   /* bits of enum role; 0: by method */
    size_t target_count;
    struct access_target *targets; /* owned */
    size_t network_count;
    struct access_network *networks; /* owned */
    bool is_any_port;                /* of the networks, like the next three */
    size_t port_count;
    uint16_t *ports; /* owned */
    bool takes_coap;
    bool takes_coaps;
};

struct access_table {
    size_t rule_count;
    struct access_rule *rules; /* owned */
};

void access_rule_clear(struct access_rule *rule);

#endif
