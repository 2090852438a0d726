/* SPDX-License-Identifier: BSD-2-Clause */
#include "prefer.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "field_list.h"
#include "http_message.h"

/*
 * prefer: a walk over the Prefer fields, preference by preference: name, perhaps "=" and a value,
 * perhaps parameters, which none of those that are honoured has.
 */

/* First occurrences count, usable or not. */
struct seen {
    bool respond_async, return_form, wait;
};

/* delta-seconds: a number too large stands for the longest time. */
static bool read_seconds(const char *text, uint32_t *seconds)
{
    uint32_t value = 0;

    if (*text == '\0' || text[strspn(text, "0123456789")] != '\0')
        return false;
    for (; *text != '\0'; text++) {
        value = value * 10 + (uint32_t)(*text - '0');
        if (value > PREFER_WAIT_MAX_S)
            value = PREFER_WAIT_MAX_S;
    }
    *seconds = value;
    return true;
}

static void take(const struct field_element *preference, struct seen *seen,
                 struct preferences *preferences)
{
    const char *value = preference->value;

    if (field_element_is(preference, "respond-async") && !seen->respond_async) {
        seen->respond_async = true;
        preferences->respond_async = preference->is_readable && *value == '\0';
    } else if (field_element_is(preference, "return") && !seen->return_form) {
        seen->return_form = true;
        preferences->return_minimal = preference->is_readable && strcasecmp(value, "minimal") == 0;
    } else if (field_element_is(preference, "wait") && !seen->wait) {
        seen->wait = true;
        preferences->has_wait =
            preference->is_readable && read_seconds(value, &preferences->wait_s);
    }
}

void prefer_read(const struct http_request *request, struct preferences *preferences)
{
    struct seen seen = {0};

    *preferences = (struct preferences){0};
    for (size_t i = 0; i < request->field_count; i++) {
        const char *text = request->fields[i].value;
        struct field_element preference;

        if (strcasecmp(request->fields[i].name, "Prefer") != 0)
            continue;
        while (*text != '\0') {
            text = field_list_next(text, &preference);
            take(&preference, &seen, preferences);
        }
    }
}
