/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_ENTITY_TAG_H
#define COAPGW_ENTITY_TAG_H

/*
 * entity_tag: lists of entity tags as If-Match and If-None-Match carry them (RFC 9110 8.8.3, 13.1).
 */

#include <stdbool.h>
#include <stddef.h>

struct http_request;

/* One member of a list, borrowed from the field's value. */
struct entity_tag {
    bool is_weak;
    const char *text; /* opaque-tag with its quotes */
    size_t length;
};

enum entity_tag_list {
    ENTITY_TAG_LIST_ABSENT,
    ENTITY_TAG_LIST_TAGS,
    ENTITY_TAG_LIST_ANY, /* "*" */
    ENTITY_TAG_LIST_BAD, /* cannot be read, is empty, or has "*" beside tags */
};

/* Called for each tag; false ends the walk. */
typedef bool entity_tag_visitor(const struct entity_tag *tag, void *visitor);

/* What all fields of that name say together. */
enum entity_tag_list entity_tag_read_list(const struct http_request *request, const char *name);
/* Shows each tag of the fields of that name, as far as they can be read. False when the visitor
 * ended the walk. */
bool entity_tag_walk(const struct http_request *request, const char *name,
                     entity_tag_visitor *visit, void *visitor);

#endif
