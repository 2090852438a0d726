/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CONFIG_PRIVATE_H
#define COAPGW_CONFIG_PRIVATE_H

/*
 * config_private: what the files of config share.
 */

#include <stdbool.h>
#include <stddef.h>

#include "config.h"

struct buffer;
struct document;
struct document_place;
struct policy;

/* One loading: the file that is being read and what becomes of it. */
struct config_loading {
    struct config *config;
    struct policy *policy; /* that of `config` */
    struct document *document;
    struct buffer *errors;
};

/* Reads every section but the folders. */
void config_read_sections(struct config_loading *loading, const struct document_place *top);
void config_note_no_memory(struct config_loading *loading, const struct document_place *place);
/* Whether the text can stand as received-by in Via (RFC 9110 7.6.3). */
bool config_is_name(const char *text);
/* Forgets the addresses and makes room for `count` others, which the caller then adds. 0 or -1. */
int config_reserve_listen(struct config *config, size_t count);
/* Adds a copy of `address`. 0 or -1. */
int config_add_listen(struct config *config, const char *address);

#endif
