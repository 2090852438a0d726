/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CONFIG_H
#define COAPGW_CONFIG_H

/*
 * config: one loading of coapgw.json and its mapping documents: a policy for the requests, and what
 * the daemon itself needs (sockets, limits, log).
 */

#include <jansson.h>
#include <stdbool.h>
#include <stddef.h>

#include "endpoint_address.h"
#include "http_server.h"
#include "log.h"

struct buffer;
struct policy;

struct config {
    struct policy *policy;     /* owned until config_take_policy */
    struct http_limits limits; /* of the HTTP side */
    char **listen;             /* owned: "127.0.0.1:8080", "[::1]:0" */
    size_t listen_count;
    enum log_level log_level;
    enum log_format log_format;
    bool has_bind; /* coap.bind */
    struct endpoint_address bind;
    size_t coap_max_body;  /* coap.max_body; policy->maximum_body is the smaller one of the two */
    char *mappings_folder; /* owned; NULL when there is none */
    char *state_folder;    /* "state": owned; NULL when absent */
    /* Kept as they were written, for config_print: owned, NULL when absent. */
    json_t *access;
    json_t *hc;
    json_t *formats;
};

/* Loads the file and the mapping documents that belong to it. NULL when there is any error; then
 * `errors` has all of them, each on a line "FILE:LINE: member: reason". */
struct config *config_load(const char *path, struct buffer *errors);
/* NULL is fine. */
void config_free(struct config *config);
/* Hands the policy over: the caller owns the reference. */
struct policy *config_take_policy(struct config *config);

/* Appends the effective configuration as a JSON document that coapgw loads again: defaults filled
 * in, file names absolute. 0, or -1 when memory is short. */
int config_print(const struct config *config, struct buffer *out);

/* Reads "127.0.0.1:8080", "[::1]:8080", "127.0.0.1", "[::1]": an address literal with a port. False
 * when it is none. `*has_port` tells whether a port stood there; it is 0 otherwise. */
bool config_parse_address(const char *text, struct endpoint_address *address, bool *has_port);

#endif
