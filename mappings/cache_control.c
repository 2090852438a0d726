/* SPDX-License-Identifier: BSD-2-Clause */
#include "cache_control.h"

/*
 * cache_control: reads directives so that doubt leads to a new answer and not to an old one: of two
 * the stricter counts, and a max-age that cannot be read is 0. Writes Cache-Status as a structured
 * field (RFC 8941), whose only free text is the gateway's name.
 */

#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "field_list.h"
#include "http_message.h"

/* RFC 9111 1.2.2: what is larger counts as this, 2^31. */
static const uint32_t seconds_max = (uint32_t)INT32_MAX + 1;

/* delta-seconds; false when the value is none. */
static bool read_seconds(const struct field_element *directive, uint32_t *seconds)
{
    const char *text = directive->value;
    uint64_t value = 0;

    if (!directive->is_readable || directive->has_parameters || *text == '\0' ||
        text[strspn(text, "0123456789")] != '\0')
        return false;
    for (; *text != '\0'; text++) {
        value = value * 10 + (uint64_t)(*text - '0');
        if (value > seconds_max)
            value = seconds_max;
    }
    *seconds = (uint32_t)value;
    return true;
}

static void take_max_age(const struct field_element *directive, struct cache_control *control)
{
    uint32_t seconds;

    if (!read_seconds(directive, &seconds))
        seconds = 0;
    if (!control->has_max_age || seconds < control->max_age_s)
        control->max_age_s = seconds;
    control->has_max_age = true;
    if (seconds == 0)
        control->no_cache = true;
}

static void take_min_fresh(const struct field_element *directive, struct cache_control *control)
{
    uint32_t seconds;

    if (!read_seconds(directive, &seconds))
        return;
    if (!control->has_min_fresh || seconds > control->min_fresh_s)
        control->min_fresh_s = seconds;
    control->has_min_fresh = true;
}

static void take_max_stale(const struct field_element *directive, struct cache_control *control)
{
    uint32_t seconds = UINT32_MAX;

    if (directive->has_value ? !read_seconds(directive, &seconds) : !directive->is_readable)
        return;
    if (!control->has_max_stale || seconds < control->max_stale_s)
        control->max_stale_s = seconds;
    control->has_max_stale = true;
}

static void take(const struct field_element *directive, struct cache_control *control)
{
    /* These have no value; with one, or with something behind them, they still say what is meant.
     */
    if (field_element_is(directive, "no-store"))
        control->no_store = true;
    else if (field_element_is(directive, "no-cache"))
        control->no_cache = true;
    else if (field_element_is(directive, "only-if-cached"))
        control->only_if_cached = true;
    else if (field_element_is(directive, "max-age"))
        take_max_age(directive, control);
    else if (field_element_is(directive, "min-fresh"))
        take_min_fresh(directive, control);
    else if (field_element_is(directive, "max-stale"))
        take_max_stale(directive, control);
}

static bool has_pragma_no_cache(const struct http_request *request)
{
    bool is_found = false;

    for (size_t i = 0; i < request->field_count; i++) {
        const char *text = request->fields[i].value;
        struct field_element element;

        if (strcasecmp(request->fields[i].name, "Pragma") != 0)
            continue;
        while (*text != '\0') {
            text = field_list_next(text, &element);
            is_found = is_found || field_element_is(&element, "no-cache");
        }
    }
    return is_found;
}

void cache_control_read(const struct http_request *request, struct cache_control *control)
{
    bool is_there = false;

    *control = (struct cache_control){0};
    for (size_t i = 0; i < request->field_count; i++) {
        const char *text = request->fields[i].value;
        struct field_element directive;

        if (strcasecmp(request->fields[i].name, "Cache-Control") != 0)
            continue;
        is_there = true;
        while (*text != '\0') {
            text = field_list_next(text, &directive);
            take(&directive, control);
        }
    }
    if (!is_there)
        control->no_cache = has_pragma_no_cache(request);
}

/* --- Cache-Status --- */

enum {
    NAME_MAX_LENGTH = 300,
    ITEM_SIZE = 2 * NAME_MAX_LENGTH + 3, /* every character escaped, in quotes */
};

static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ";

/* RFC 8941 3.3.4: it begins with a letter or "*". */
static bool is_token(const char *text)
{
    static const char others[] = "!#$%&'*+-.^_`|~0123456789:/";
    const char *at = text;

    if (*at == '\0' || (*at != '*' && strchr(letters, *at) == NULL))
        return false;
    while (*at != '\0' && (strchr(letters, *at) != NULL || strchr(others, *at) != NULL))
        at++;
    return *at == '\0';
}

/* Writes a token, or a string when it is none (3.3.3); -1 when it cannot be one either. */
static int write_item(const char *text, char out[ITEM_SIZE])
{
    size_t used = 0;
    bool has_quotes = !is_token(text);

    if (strlen(text) > NAME_MAX_LENGTH)
        return -1;
    if (has_quotes)
        out[used++] = '"';
    for (; *text != '\0'; text++) {
        if (*text < 0x20 || *text > 0x7e)
            return -1;
        if (has_quotes && (*text == '"' || *text == '\\'))
            out[used++] = '\\';
        out[used++] = *text;
    }
    if (has_quotes)
        out[used++] = '"';
    out[used] = '\0';
    return 0;
}

static const char *reason(enum cache_forwarded forwarded)
{
    switch (forwarded) {
    case CACHE_FORWARDED_NOT:
        return "; hit";
    case CACHE_FORWARDED_BYPASS:
        return "; fwd=bypass";
    case CACHE_FORWARDED_METHOD:
        return "; fwd=method";
    case CACHE_FORWARDED_URI_MISS:
        return "; fwd=uri-miss";
    case CACHE_FORWARDED_VARY_MISS:
        return "; fwd=vary-miss";
    case CACHE_FORWARDED_REQUEST:
        return "; fwd=request";
    case CACHE_FORWARDED_STALE:
        return "; fwd=stale";
    }
    return "";
}

int cache_status_add(const struct cache_status *status, const char *name, struct http_reply *reply)
{
    char item[ITEM_SIZE];
    char detail[ITEM_SIZE] = "";
    char ttl[32] = "";

    if (write_item(name, item) != 0 ||
        (status->detail != NULL && write_item(status->detail, detail) != 0))
        return -1;
    if (status->has_ttl)
        (void)snprintf(ttl, sizeof ttl, "; ttl=%" PRId64, status->ttl_s);
    return http_reply_add(reply, "Cache-Status", "%s%s%s%s%s%s%s", item, reason(status->forwarded),
                          status->is_stored ? "; stored" : "",
                          status->is_collapsed ? "; collapsed" : "", ttl,
                          status->detail != NULL ? "; detail=" : "", detail);
}
