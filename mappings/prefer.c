/* SPDX-License-Identifier: BSD-2-Clause */
#include "prefer.h"

#include <stddef.h>
#include <string.h>
#include <strings.h>

#include "http_message.h"

/*
 * prefer: a walk over the Prefer fields, preference by preference: name, perhaps "=" and a value,
 * perhaps parameters, which none of those that are honoured has. A preference that cannot be read
 * is skipped up to the next comma outside of quotes.
 */

enum { VALUE_MAX = 32 }; /* longer values are none of those that are known */

struct preference {
    const char *name;
    size_t name_length;
    char value[VALUE_MAX]; /* quotes and backslashes taken away; "" when there is none */
    bool is_readable;
};

/* First occurrences count, usable or not. */
struct seen {
    bool respond_async, return_form, wait;
};

static const char *skip_blanks(const char *text)
{
    return text + strspn(text, " \t");
}

static size_t token_length(const char *text)
{
    return strspn(text, "!#$%&'*+-.^_`|~0123456789abcdefghijklmnopqrstuvwxyz"
                        "ABCDEFGHIJKLMNOPQRSTUVWXYZ");
}

/* Behind the comma that ends the preference, or the end of the text. */
static const char *skip_preference(const char *text)
{
    bool is_quoted = false;

    for (; *text != '\0' && (is_quoted || *text != ','); text++) {
        if (*text == '"')
            is_quoted = !is_quoted;
        else if (is_quoted && *text == '\\' && text[1] != '\0')
            text++;
    }
    return *text == ',' ? text + 1 : text;
}

/* Reads a token or a quoted string; NULL when it is neither, or too long. */
static const char *read_value(const char *text, char value[VALUE_MAX])
{
    size_t used = 0;

    if (*text != '"') {
        used = token_length(text);
        if (used == 0 || used >= VALUE_MAX)
            return NULL;
        memcpy(value, text, used);
        value[used] = '\0';
        return text + used;
    }
    for (text++; *text != '"'; text++) {
        if (*text == '\\')
            text++;
        if (*text == '\0' || used + 1 >= VALUE_MAX)
            return NULL;
        value[used++] = *text;
    }
    value[used] = '\0';
    return text + 1;
}

/* Reads one preference; returns what follows it. */
static const char *read_preference(const char *text, struct preference *preference)
{
    const char *end = skip_preference(text);
    const char *at = skip_blanks(text);

    *preference = (struct preference){.name = at, .name_length = token_length(at)};
    at = skip_blanks(at + preference->name_length);
    if (preference->name_length > 0 && *at == '=') {
        at = read_value(skip_blanks(at + 1), preference->value);
        if (at != NULL)
            at = skip_blanks(at);
    }
    preference->is_readable = at != NULL && (*at == '\0' || *at == ',' || *at == ';');
    return end;
}

static bool is_named(const struct preference *preference, const char *name)
{
    return preference->name_length == strlen(name) &&
           strncasecmp(preference->name, name, preference->name_length) == 0;
}

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

static void take(const struct preference *preference, struct seen *seen,
                 struct preferences *preferences)
{
    const char *value = preference->value;

    if (is_named(preference, "respond-async") && !seen->respond_async) {
        seen->respond_async = true;
        preferences->respond_async = preference->is_readable && *value == '\0';
    } else if (is_named(preference, "return") && !seen->return_form) {
        seen->return_form = true;
        preferences->return_minimal = preference->is_readable && strcasecmp(value, "minimal") == 0;
    } else if (is_named(preference, "wait") && !seen->wait) {
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
        struct preference preference;

        if (strcasecmp(request->fields[i].name, "Prefer") != 0)
            continue;
        while (*text != '\0') {
            text = read_preference(text, &preference);
            take(&preference, &seen, preferences);
        }
    }
}
