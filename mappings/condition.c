/* SPDX-License-Identifier: BSD-2-Clause */
#include "condition.h"

/*
 * condition: a client's tags are judged twice. Before the request those that can be CoAP ETags of
 * this gateway become options, so that a node may save itself the answer's body (2.03). Behind the
 * response the reply's own tag is compared, suffix and all: that also holds for what the node was
 * not asked, for stored responses and for those that others have asked for. A tag that is not of
 * our making matches nothing (COND-07).
 */

#include <stdint.h>
#include <string.h>

#include "entity_tag.h"
#include "fields.h"
#include "method.h"
#include "rest.h"

static const char FIELD[] = "If-None-Match";

struct asking {
    struct rest_request *out;
    int accept;
    size_t added;
    size_t maximum;
};

static bool is_asked_already(const struct rest_message *message, const uint8_t *etag, size_t length)
{
    for (size_t i = 0; i < message->option_count; i++) {
        const struct rest_option *option = &message->options[i];
        if (option->number == REST_OPTION_ETAG && option->length == length &&
            memcmp(option->value, etag, length) == 0)
            return true;
    }
    return false;
}

/* Weak tags count as well: If-None-Match is compared weakly. */
static bool ask(const struct entity_tag *tag, void *visitor)
{
    struct asking *asking = visitor;
    uint8_t etag[8];
    size_t length;
    int format;
    if (asking->added == asking->maximum)
        return false;
    if (!fields_read_etag(tag->text, tag->length, etag, &length, &format) ||
        format != asking->accept || is_asked_already(&asking->out->message, etag, length))
        return true;
    if (rest_request_add(asking->out, REST_OPTION_ETAG, etag, length) != 0)
        return false;
    asking->added++;
    return true;
}

size_t condition_add_etags(const struct http_request *request, enum http_method method, int accept,
                           struct rest_request *out, size_t maximum)
{
    struct asking asking = {.out = out, .accept = accept, .maximum = maximum};
    /* What answers a QUERY has no tag of ours: that of a GET says nothing of it (COND-13). */
    bool has_tags = method == HTTP_METHOD_GET || method == HTTP_METHOD_HEAD;
    if (has_tags && entity_tag_read_list(request, FIELD) == ENTITY_TAG_LIST_TAGS)
        (void)entity_tag_walk(request, FIELD, ask, &asking);
    return asking.added;
}

static bool differs(const struct entity_tag *tag, void *visitor)
{
    const char *etag = visitor;
    return strlen(etag) != tag->length || memcmp(etag, tag->text, tag->length) != 0;
}

enum condition_verdict condition_judge(const struct http_request *request, enum http_method method,
                                       const char *etag, unsigned status)
{
    if (!method_is_safe(method) || status / 100 != 2)
        return CONDITION_SERVE;
    switch (entity_tag_read_list(request, FIELD)) {
    case ENTITY_TAG_LIST_ABSENT:
    case ENTITY_TAG_LIST_BAD:
        return CONDITION_SERVE;
    case ENTITY_TAG_LIST_ANY:
        return CONDITION_NOT_MODIFIED;
    case ENTITY_TAG_LIST_TAGS:
        break;
    }
    if (etag == NULL || entity_tag_walk(request, FIELD, differs, (void *)(uintptr_t)etag))
        return CONDITION_SERVE;
    return CONDITION_NOT_MODIFIED;
}
