/* SPDX-License-Identifier: BSD-2-Clause */
#include "entity_tag.h"

/*
 * entity_tag: one reader for all lists of entity tags. Tags may hold commas and blanks, so a list
 * is read member by member and never split; several fields of one name are one list (RFC 9110 5.3).
 * Whoever walks through a list has asked before what kind of list it is.
 */

#include <string.h>

#include "http_message.h"
#include "text.h"

static bool is_etag_character(unsigned char c)
{
    return c == 0x21 || (c >= 0x23 && c != 0x7f);
}

enum member {
    MEMBER_NONE, /* the end of the list */
    MEMBER_TAG,
    MEMBER_ANY,
    MEMBER_BAD,
};

/* Reads the next member, empty ones skipped. `*rest` moves behind what was read. */
static enum member next_member(const char **rest, struct entity_tag *tag)
{
    const char *at = *rest + strspn(*rest, " \t,");
    enum member member = MEMBER_ANY;
    *tag = (struct entity_tag){0};
    if (*at == '\0')
        return MEMBER_NONE;
    if (*at == '*') {
        at++;
    } else {
        member = MEMBER_TAG;
        if (strncmp(at, "W/", 2) == 0) {
            tag->is_weak = true;
            at += 2;
        }
        if (*at != '"')
            return MEMBER_BAD;
        tag->text = at++;
        while (is_etag_character((unsigned char)*at))
            at++;
        if (*at != '"')
            return MEMBER_BAD;
        at++;
        tag->length = (size_t)(at - tag->text);
    }
    at += strspn(at, " \t");
    if (*at != ',' && *at != '\0')
        return MEMBER_BAD;
    *rest = at;
    return member;
}

enum entity_tag_list entity_tag_read_list(const struct http_request *request, const char *name)
{
    bool is_present = false, has_tags = false, has_any = false;
    for (size_t i = 0; i < request->field_count; i++) {
        if (!text_equal_ignoring_case(request->fields[i].name, name))
            continue;
        is_present = true;
        const char *rest = request->fields[i].value;
        struct entity_tag tag;
        enum member member;
        while ((member = next_member(&rest, &tag)) != MEMBER_NONE) {
            if (member == MEMBER_BAD)
                return ENTITY_TAG_LIST_BAD;
            has_tags |= member == MEMBER_TAG;
            has_any |= member == MEMBER_ANY;
        }
    }
    if (!is_present)
        return ENTITY_TAG_LIST_ABSENT;
    if (has_tags == has_any)
        return ENTITY_TAG_LIST_BAD;
    return has_any ? ENTITY_TAG_LIST_ANY : ENTITY_TAG_LIST_TAGS;
}

bool entity_tag_walk(const struct http_request *request, const char *name,
                     entity_tag_visitor *visit, void *visitor)
{
    for (size_t i = 0; i < request->field_count; i++) {
        if (!text_equal_ignoring_case(request->fields[i].name, name))
            continue;
        const char *rest = request->fields[i].value;
        struct entity_tag tag;
        enum member member;
        while ((member = next_member(&rest, &tag)) == MEMBER_TAG || member == MEMBER_ANY) {
            if (member == MEMBER_TAG && !visit(&tag, visitor))
                return false;
        }
    }
    return true;
}
