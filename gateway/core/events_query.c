/* SPDX-License-Identifier: BSD-2-Clause */
#include "events.h"

/*
 * The query of /events as a list of targets. A value is decoded once, as the values of CoAP queries
 * are ("+" stays what it is), and is then a request target, with escapes of its own. The targets
 * are brought into one form, so that two spellings of one are found out.
 */

#include <stdlib.h>
#include <string.h>

#include "access.h"
#include "buffer.h"
#include "http_message.h"
#include "mapping.h"
#include "rest.h"
#include "text.h"
#include "uri.h"

/* One reading of a query. */
struct reading {
    struct events_query *list;
    const struct mapping_table *mappings;
    unsigned roles;
};

/* Whether it could stand in a request line. */
static bool is_readable(const char *text)
{
    for (; *text != '\0'; text++) {
        if (*text <= 0x20 || *text > 0x7e || *text == '#')
            return false;
        if (*text == '%' && (text_hex_digit(text[1]) < 0 || text_hex_digit(text[2]) < 0))
            return false;
    }
    return true;
}

/* coap://HOST:5683 and coap://host/ are the same (RFC 7252 6.3). */
static enum events_error write_absolute(struct buffer *out, const char *text)
{
    struct uri_parts parts;
    const char *rest;

    if (uri_parse(text, strlen(text), URI_SCHEME_NONE, &parts) != URI_OK)
        return EVENTS_BAD_TARGET;
    (void)uri_compose_authority(out, &parts.authority);
    rest = parts.path;
    if (parts.path_length == 0) {
        buffer_append_text(out, parts.has_query ? "/?" : "/");
        rest = parts.has_query ? parts.query : "";
    }
    (void)uri_normalise(out, rest);
    return EVENTS_FINE;
}

static enum events_error write_target(struct buffer *out, const char *text)
{
    if (!is_readable(text))
        return EVENTS_BAD_TARGET;
    if (text[0] != '/')
        return write_absolute(out, text);
    (void)uri_normalise(out, text);
    return EVENTS_FINE;
}

static bool is_listed(const struct events_query *list, const char *target)
{
    for (size_t i = 0; i < list->count; i++)
        if (strcmp(list->targets[i], target) == 0)
            return true;
    return false;
}

static enum events_error add_target(struct events_query *list, const char *text)
{
    enum events_error error;
    struct buffer target;
    size_t length;

    buffer_init(&target, SIZE_MAX);
    error = write_target(&target, text);
    if (error == EVENTS_FINE && target.failed)
        error = EVENTS_NO_MEMORY;
    else if (error == EVENTS_FINE && is_listed(list, buffer_text(&target)))
        error = EVENTS_DUPLICATE;
    else if (error == EVENTS_FINE && list->count == EVENTS_TARGETS_MAX)
        error = EVENTS_TOO_MANY;
    if (error == EVENTS_FINE)
        list->targets[list->count++] = buffer_take(&target, &length);
    buffer_clear(&target);
    return error;
}

static bool may_get(const struct reading *reading, const char *path)
{
    struct mapping_match match = {0};
    struct rest_request request;
    int error;

    rest_request_init(&request);
    return mapping_find(reading->mappings, path, &request, &match, &error) == MAPPING_FOUND &&
           match.kind == MAPPING_PATH &&
           (match.policy->methods == 0 || (match.policy->methods & HTTP_METHOD_GET) != 0) &&
           access_role_suffices(match.policy->roles, reading->roles, HTTP_METHOD_GET);
}

static enum events_error add_matches(const struct reading *reading, const char *pattern)
{
    size_t length = strlen(pattern), count;
    enum events_error error = EVENTS_FINE;

    if (length < 2 || pattern[0] != '/' || strcmp(pattern + length - 2, "/*") != 0 ||
        !is_readable(pattern))
        return EVENTS_BAD_PATTERN;
    count = reading->mappings == NULL ? 0 : mapping_offer_count(reading->mappings);
    reading->list->has_match = true;
    for (size_t i = 0; i < count && error == EVENTS_FINE; i++) {
        struct mapping_offer offer = mapping_offer(reading->mappings, i);

        if (offer.kind == MAPPING_PATH && !offer.has_variables &&
            strncmp(offer.path, pattern, length - 1) == 0 && may_get(reading, offer.path))
            error = add_target(reading->list, offer.path);
    }
    return error;
}

static bool is_named(const char *parameter, size_t length, const char *name)
{
    return length == strlen(name) && memcmp(parameter, name, length) == 0;
}

static enum events_error read_parameter(const struct reading *reading, const char *text,
                                        size_t length)
{
    const char *sign = memchr(text, '=', length);
    size_t name = sign == NULL ? length : (size_t)(sign - text);
    bool is_target = is_named(text, name, "target"), is_match = is_named(text, name, "match");
    enum events_error error = is_target ? EVENTS_BAD_TARGET : EVENTS_BAD_PATTERN;
    size_t used;
    char *value;

    if (!is_target && !is_match)
        return EVENTS_FINE;
    name += sign != NULL;
    value = malloc(length - name + 1);
    if (value == NULL)
        return EVENTS_NO_MEMORY;
    if (uri_decode(text + name, length - name, value, length - name, &used)) {
        value[used] = '\0';
        error = is_target ? add_target(reading->list, value) : add_matches(reading, value);
    }
    free(value);
    return error;
}

enum events_error events_query_read(struct events_query *list, const char *query, size_t length,
                                    const struct mapping_table *mappings, unsigned roles,
                                    size_t *at)
{
    const struct reading reading = {.list = list, .mappings = mappings, .roles = roles};
    enum events_error error = EVENTS_FINE;

    list->count = 0;
    list->has_match = false;
    for (*at = 1; error == EVENTS_FINE; ++*at) {
        const char *end = length == 0 ? NULL : memchr(query, '&', length);
        size_t part = end == NULL ? length : (size_t)(end - query);

        error = read_parameter(&reading, query, part);
        if (error != EVENTS_FINE || end == NULL)
            break;
        query += part + 1;
        length -= part + 1;
    }
    if (error == EVENTS_FINE && list->count == 0 && !list->has_match)
        return EVENTS_NO_TARGET;
    return error;
}

void events_query_clear(struct events_query *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->targets[i]);
    list->count = 0;
}
