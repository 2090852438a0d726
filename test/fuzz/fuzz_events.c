/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_events: a byte of roles, then the query of a request for /events. The targets in the list
 * are request targets in their one form, no two the same; and the list, written as a query, is read
 * as the same list.
 */
#include "events.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "document.h"
#include "fuzz.h"
#include "mapping.h"
#include "uri.h"

static const char mappings[] =
    "{ \"mappings\": [ { \"path\": \"/kitchen/light\", \"target\": \"coap://192.0.2.9/light\" },"
    "  { \"path\": \"/kitchen/fan\", \"target\": \"coap://192.0.2.9/fan\", \"roles\": [\"write\"] "
    "},"
    "  { \"path\": \"/hall/any{+p}\", \"target\": \"coap://192.0.2.9{+p}\" } ] }";
static struct mapping_table *table;
static struct mapping_policy defaults;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    struct document *document = document_read_text("mappings", mappings, sizeof mappings - 1);

    (void)argc;
    (void)argv;
    settings_init(&defaults.settings);
    table = mapping_table_new(&defaults.settings);
    if (table == NULL || document == NULL)
        abort();
    mapping_load_document(table, document, &defaults);
    if (document_has_errors(document))
        abort();
    document_free(document);
    return 0;
}

static void check_target(const char *target)
{
    struct buffer again;

    FUZZ_CHECK(target[0] == '/' || strncmp(target, "coap://", 7) == 0 ||
               strncmp(target, "coaps://", 8) == 0);
    for (const char *c = target; *c != '\0'; c++)
        FUZZ_CHECK(*c > 0x20 && *c < 0x7f && *c != '#');
    buffer_init(&again, SIZE_MAX);
    FUZZ_CHECK(uri_normalise(&again, target) == 0 && strcmp(buffer_text(&again), target) == 0);
    buffer_clear(&again);
}

static void write_escaped(struct buffer *out, const char *text)
{
    for (; *text != '\0'; text++)
        buffer_printf(out, "%%%02X", (unsigned)(unsigned char)*text);
}

static void check_again(const struct events_query *list, unsigned roles)
{
    static struct events_query same;
    struct buffer query;
    size_t at;

    buffer_init(&query, SIZE_MAX);
    for (size_t i = 0; i < list->count; i++) {
        buffer_append_text(&query, i == 0 ? "target=" : "&target=");
        write_escaped(&query, list->targets[i]);
    }
    FUZZ_CHECK(events_query_read(&same, buffer_text(&query), query.length, table, roles, &at) ==
               EVENTS_FINE);
    FUZZ_CHECK(same.count == list->count);
    for (size_t i = 0; i < same.count && i < list->count; i++)
        FUZZ_CHECK(strcmp(same.targets[i], list->targets[i]) == 0);
    events_query_clear(&same);
    buffer_clear(&query);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static struct events_query list;
    struct fuzz_input input = {data, size};
    unsigned roles = fuzz_take_byte(&input) & (ROLE_READ | ROLE_WRITE | ROLE_ADMIN);
    enum events_error error;
    size_t length, at;
    char *query = fuzz_take_line(&input, &length);

    if (query == NULL)
        return 0;
    error = events_query_read(&list, query, length, table, roles, &at);
    FUZZ_CHECK(list.count <= EVENTS_TARGETS_MAX);
    for (size_t i = 0; i < list.count; i++) {
        check_target(list.targets[i]);
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(strcmp(list.targets[i], list.targets[j]) != 0);
    }
    if (error == EVENTS_FINE && list.count > 0)
        check_again(&list, roles);
    events_query_clear(&list);
    free(query);
    return 0;
}
