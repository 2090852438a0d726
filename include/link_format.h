/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_LINK_FORMAT_H
#define COAPGW_LINK_FORMAT_H

/*
 * link_format: writing and filtering of the gateway's own links (RFC 6690).
 */

#include <stdbool.h>
#include <stddef.h>

struct buffer;

enum { LINK_ATTRIBUTES_MAX = 6 };
struct link_attribute {
    const char *name;
    const char *value; /* NULL: no value */
};
struct link {
    const char *href;
    size_t attribute_count;
    struct link_attribute attributes[LINK_ATTRIBUTES_MAX];
};

/* A filter of RFC 6690 4.1: one "name=value" argument, "*" at the end is a prefix match. */
struct link_filter {
    bool is_active;
    bool is_prefix;
    char name[32];
    char value[256];
};
/* Reads the raw query of a request ("" or NULL: no filter); percent-decodes once. False when it
 * cannot be read (400). */
bool link_filter_read(struct link_filter *filter, const char *query, size_t length);
bool link_filter_matches(const struct link_filter *filter, const struct link *link);
/* Appends one link, with a comma before it unless `out` is empty. 0 or -1. */
int link_write(struct buffer *out, const struct link *link);

#endif
