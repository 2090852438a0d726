/* SPDX-License-Identifier: BSD-2-Clause */
#include "fields.h"

#include <string.h>
#include <strings.h>

#include "entity_tag.h"
#include "http_message.h"
#include "method.h"
#include "rest.h"
#include "text.h"

/*
 * fields: conditional requests, entity tags and locations between HTTP fields and CoAP options. A
 * CoAP ETag is 1 to 8 arbitrary bytes, an HTTP tag is printable: hex is the reversible form, and
 * the suffix "-<cf>" keeps the tags of two formats of one resource apart (OPT-05). Only the fields
 * read here, in media_type and in the mapping itself can reach a node; all others are never looked
 * at.
 */

enum { ETAG_LENGTH_MAX = 8 };

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

struct if_match {
    struct rest_request *out;
    int accept;
    size_t used;
};

static bool add_if_match(const struct entity_tag *tag, void *visitor)
{
    struct if_match *match = visitor;
    uint8_t etag[ETAG_LENGTH_MAX];
    size_t length;
    int format;
    /* Weak tags never match in the strong comparison that If-Match needs (RFC 9110 13.1.1). */
    if (tag->is_weak || !fields_read_etag(tag->text, tag->length, etag, &length, &format))
        return true;
    /* A request that asks for no format means the resource in whichever form. */
    if (format >= 0 && match->accept >= 0 && format != match->accept)
        return true;
    match->used++;
    return rest_request_add(match->out, REST_OPTION_IF_MATCH, etag, length) == 0;
}

static enum fields_outcome map_if_match(const struct http_request *request, int accept,
                                        struct rest_request *out)
{
    struct if_match match = {.out = out, .accept = accept};
    switch (entity_tag_read_list(request, "If-Match")) {
    case ENTITY_TAG_LIST_ABSENT:
        return FIELDS_FINE;
    case ENTITY_TAG_LIST_BAD:
        return FIELDS_BAD_SYNTAX;
    case ENTITY_TAG_LIST_ANY:
        return rest_request_add(out, REST_OPTION_IF_MATCH, NULL, 0) == 0 ? FIELDS_FINE
                                                                         : FIELDS_TOO_LONG;
    case ENTITY_TAG_LIST_TAGS:
        break;
    }
    if (!entity_tag_walk(request, "If-Match", add_if_match, &match))
        return FIELDS_TOO_LONG;
    return match.used > 0 ? FIELDS_FINE : FIELDS_PRECONDITION_FAILED;
}

static enum fields_outcome map_if_none_match(const struct http_request *request,
                                             enum http_method method, struct rest_request *out)
{
    /* In a GET it is a question about freshness, not a precondition of the node's: CoAP's
     * If-None-Match would answer 4.12 where HTTP wants 304 (condition.h). */
    if (method_is_safe(method))
        return FIELDS_FINE;
    switch (entity_tag_read_list(request, "If-None-Match")) {
    case ENTITY_TAG_LIST_ABSENT:
        return FIELDS_FINE;
    case ENTITY_TAG_LIST_BAD:
        return FIELDS_BAD_SYNTAX;
    case ENTITY_TAG_LIST_TAGS:
        /* CoAP has no "unless it is this tag"; to drop the condition would risk a lost update. */
        return FIELDS_NOT_MAPPABLE;
    case ENTITY_TAG_LIST_ANY:
        break;
    }
    return rest_request_add(out, REST_OPTION_IF_NONE_MATCH, NULL, 0) == 0 ? FIELDS_FINE
                                                                          : FIELDS_TOO_LONG;
}

enum fields_outcome fields_to_options(const struct http_request *request, enum http_method method,
                                      int accept, struct rest_request *out)
{
    enum fields_outcome outcome = map_if_match(request, accept, out);
    return outcome == FIELDS_FINE ? map_if_none_match(request, method, out) : outcome;
}

int fields_add_etag(const struct rest_message *response, int accept, struct http_reply *reply)
{
    const struct rest_option *option = rest_find_option(response, REST_OPTION_ETAG);
    if (!option || option->length == 0 || option->length > ETAG_LENGTH_MAX)
        return 0;
    char hex[2 * ETAG_LENGTH_MAX + 1];
    text_to_hex(option->value, option->length, hex);
    if (accept >= 0)
        return http_reply_add(reply, "ETag", "\"%s-%d\"", hex, accept);
    return http_reply_add(reply, "ETag", "\"%s\"", hex);
}

static bool is_lower_hex(const char *text, size_t length)
{
    for (size_t i = 0; i < length; i++) {
        if (text_hex_digit(text[i]) < 0 || text[i] != text_lower(text[i]))
            return false;
    }
    return true;
}

bool fields_read_etag(const char *text, size_t length, uint8_t etag[8], size_t *etag_length,
                      int *format)
{
    if (length < 2 || text[0] != '"' || text[length - 1] != '"')
        return false;
    const char *tag = text + 1;
    size_t tag_length = length - 2;

    *format = -1;
    const char *dash = memchr(tag, '-', tag_length);
    if (dash) {
        const char *suffix = dash + 1;
        size_t suffix_length = (size_t)(tag + tag_length - suffix);
        uint64_t number;
        if (!text_to_number(suffix, suffix_length, UINT16_MAX, &number) ||
            (suffix[0] == '0' && suffix_length > 1))
            return false;
        *format = (int)number;
        tag_length = (size_t)(dash - tag);
    }
    /* Tags are compared byte by byte, and this gateway never wrote upper-case ones. */
    return tag_length > 0 && is_lower_hex(tag, tag_length) &&
           text_from_hex(tag, tag_length, etag, ETAG_LENGTH_MAX, etag_length);
}

bool fields_option_from_client(uint16_t number, const char **field_name)
{
    switch (number) {
    case REST_OPTION_IF_MATCH:
        *field_name = "If-Match";
        return true;
    case REST_OPTION_IF_NONE_MATCH:
        *field_name = "If-None-Match";
        return true;
    case REST_OPTION_CONTENT_FORMAT:
        *field_name = "Content-Type";
        return true;
    case REST_OPTION_ACCEPT:
        *field_name = "Accept";
        return true;
    default:
        return false;
    }
}

/* Location-* has a meaning in 2.01 alone (OPT-08). */
static bool names_location(const struct rest_message *response)
{
    return response->code == REST_CODE(2, 1) &&
           (rest_find_option(response, REST_OPTION_LOCATION_PATH) ||
            rest_find_option(response, REST_OPTION_LOCATION_QUERY));
}

bool fields_has_reserved_location(const struct rest_message *response)
{
    static const uint16_t reserved[] = {
        REST_OPTION_LOCATION_RESERVED_128, REST_OPTION_LOCATION_RESERVED_132,
        REST_OPTION_LOCATION_RESERVED_136, REST_OPTION_LOCATION_RESERVED_140};
    if (!names_location(response))
        return false;
    for (size_t i = 0; i < sizeof(reserved) / sizeof(reserved[0]); i++) {
        if (rest_find_option(response, reserved[i]))
            return true;
    }
    return false;
}

bool fields_has_location(const struct rest_message *response)
{
    return names_location(response) && !fields_has_reserved_location(response);
}

/* Behind the comma that ends a member of Via. Comments may nest and hold commas (RFC 9110 5.6.5).
 */
static const char *skip_via_member(const char *text)
{
    unsigned depth = 0;

    for (; *text != '\0' && (depth > 0 || *text != ','); text++) {
        if (*text == '(')
            depth++;
        else if (*text == ')' && depth > 0)
            depth--;
        else if (*text == '\\' && depth > 0 && text[1] != '\0')
            text++;
    }
    return *text == ',' ? text + 1 : text;
}

static bool via_value_names(const char *text, const char *name)
{
    while (*text != '\0') {
        const char *by = skip_blanks(text);
        size_t protocol = strcspn(by, " \t,");
        size_t length;

        by = skip_blanks(by + protocol);
        length = strcspn(by, " \t,(");
        if (length == strlen(name) && strncasecmp(by, name, length) == 0)
            return true;
        text = skip_via_member(text);
    }
    return false;
}

bool fields_via_names(const struct http_request *request, const char *name)
{
    for (size_t i = 0; i < request->field_count; i++)
        if (strcasecmp(request->fields[i].name, "Via") == 0 &&
            via_value_names(request->fields[i].value, name))
            return true;
    return false;
}
