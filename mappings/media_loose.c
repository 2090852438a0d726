/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_type.h"

#include <stdlib.h>
#include <string.h>

#include "media_syntax.h"
#include "media_table.h"
#include "text.h"

/*
 * media_loose: media types without a Content-Format, taken for a more general type that has one
 * (RFC 8075 6.3). Off unless a mapping asks for it: what a node is told about the body is then less
 * than the client said. Patterns are tried from the most specific kind to the least.
 */

enum pattern_kind { PATTERN_EXACT, PATTERN_SUFFIX, PATTERN_TYPE, PATTERN_ANY, PATTERN_KINDS };

/* RFC 8075 6.3, Table 1. */
static const struct media_loose_entry table_1[] = {
    {"application/*+xml", NULL, 41},
    {"application/*+json", NULL, 50},
    {"application/*+cbor", NULL, 60},
    {"text/xml", NULL, 41},
    {"text/*", NULL, 0},
    {"*/*", NULL, 42},
};

static enum pattern_kind kind_of(const char *pattern)
{
    const char *slash = strchr(pattern, '/');
    if (pattern[0] == '*')
        return PATTERN_ANY;
    if (slash[1] == '\0' || strcmp(slash, "/*") == 0)
        return PATTERN_TYPE;
    return slash[1] == '*' ? PATTERN_SUFFIX : PATTERN_EXACT;
}

static bool pattern_matches(const char *pattern, enum pattern_kind kind,
                            const struct media_syntax *syntax)
{
    if (kind == PATTERN_ANY)
        return true;
    if (kind == PATTERN_EXACT)
        return media_span_equals(syntax->essence, pattern);
    size_t length = syntax->type_length + 1; /* with the slash */
    if (strlen(pattern) < length ||
        !text_equal_ignoring_case_n(pattern, syntax->essence.text, length))
        return false;
    return kind == PATTERN_TYPE || media_span_ends_with(syntax->essence, pattern + length + 1);
}

int media_loose_find(const struct media_loose *loose, const struct media_syntax *syntax,
                     bool takes_text)
{
    const struct media_loose_entry *entries = loose ? loose->entries : table_1;
    size_t count = loose ? loose->count : sizeof(table_1) / sizeof(table_1[0]);
    for (int kind = 0; kind < PATTERN_KINDS; kind++) {
        for (size_t i = 0; i < count; i++) {
            if ((int)kind_of(entries[i].pattern) != kind ||
                (entries[i].format == MEDIA_FORMAT_TEXT && !takes_text))
                continue;
            if (pattern_matches(entries[i].pattern, (enum pattern_kind)kind, syntax))
                return entries[i].format;
        }
    }
    return MEDIA_FORMAT_NONE;
}

void media_loose_free(struct media_loose *loose)
{
    if (!loose)
        return;
    for (size_t i = 0; i < loose->count; i++)
        free(loose->entries[i].owned);
    free(loose->entries);
    free(loose);
}
