/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_mapping: the first line is the member "hc" ("-": absent), the second a mapping document, the
 * others request targets, each followed by a line with the location that the node answers. Every
 * error names its place; options fit a datagram; a location that is told leads to the resource that
 * the node named.
 */
#include "mapping.h"

#include <stdlib.h>
#include <string.h>

#include "buffer.h"
#include "document.h"
#include "fuzz.h"
#include "http_message.h"
#include "media_type.h"
#include "text.h"

enum { TEXT_MAXIMUM = 1 << 16 };

/* Each error stands on a line of its own and begins with the file's name. */
static void check_errors(const struct document *document)
{
    const char *text = document_errors(document);

    FUZZ_CHECK(document_has_errors(document) == (text[0] != '\0'));
    while (text[0] != '\0') {
        size_t length = strcspn(text, "\n");

        FUZZ_CHECK(strncmp(text, "x.json:", 7) == 0 && text[length] == '\n');
        FUZZ_CHECK(text_is_utf8(text, length));
        for (size_t i = 0; i < length; i++)
            FUZZ_CHECK((unsigned char)text[i] >= ' ' && text[i] != 0x7f);
        text += length + 1;
    }
}

/* Adds path and query of a location as options of those numbers; false when it is none. */
static bool read_location(const char *text, struct rest_request *out)
{
    struct uri_request_target parts;

    uri_split_request_target(text, &parts);
    return uri_add_path(out, parts.path, parts.path_length) == URI_OK &&
           (!parts.has_query || uri_add_query(out, parts.query, parts.query_length) == URI_OK);
}

/* The options of a response that say where the resource is that the request would have named. */
static void make_response(const struct rest_message *location, struct rest_message *response)
{
    *response = *location;
    response->code = REST_CODE(2, 1);
    for (size_t i = 0; i < response->option_count; i++)
        response->options[i].number = response->options[i].number == REST_OPTION_URI_PATH
                                          ? REST_OPTION_LOCATION_PATH
                                          : REST_OPTION_LOCATION_QUERY;
}

static void check_reverse(const struct mapping_table *table, const struct mapping_match *match,
                          const struct rest_message *location, bool hc_allowed)
{
    struct rest_message response;
    struct rest_request again;
    struct mapping_match back;
    struct buffer out;
    int error = URI_OK;

    make_response(location, &response);
    buffer_init(&out, TEXT_MAXIMUM);
    if (mapping_reverse(table, match, &response, hc_allowed, &out) == 0) {
        FUZZ_CHECK(out.length > 0 && fuzz_is_uri_text(out.data, out.length));
        rest_request_init(&again);
        enum mapping_outcome outcome =
            mapping_find(table, buffer_text(&out), &again, &back, &error);
        if (outcome == MAPPING_BAD_TARGET) { /* it names the resource, but does not fit */
            FUZZ_CHECK(error == URI_ERROR_TOO_LONG);
            buffer_clear(&out);
            return;
        }
        FUZZ_CHECK(outcome == MAPPING_FOUND);
        FUZZ_CHECK(strcmp(back.authority.host, match->authority.host) == 0);
        FUZZ_CHECK(back.authority.port == match->authority.port);
        FUZZ_CHECK(fuzz_same_options(&response, REST_OPTION_LOCATION_PATH, &again.message,
                                     REST_OPTION_URI_PATH));
        FUZZ_CHECK(fuzz_same_options(&response, REST_OPTION_LOCATION_QUERY, &again.message,
                                     REST_OPTION_URI_QUERY));
    } else {
        FUZZ_CHECK(out.length == 0);
    }
    buffer_clear(&out);
}

static void check_match(const struct mapping_match *match, const struct rest_request *request)
{
    FUZZ_CHECK(match->policy != NULL && match->authority.port != 0);
    FUZZ_CHECK((match->node_name == NULL) == (match->kind == MAPPING_HC));
    FUZZ_CHECK(rest_options_size(&request->message) + 12 <= REST_REQUEST_SIZE);
    for (size_t i = 0; i < request->message.option_count; i++) {
        const struct rest_option *option = &request->message.options[i];

        FUZZ_CHECK(option->number == REST_OPTION_URI_PATH ||
                   option->number == REST_OPTION_URI_QUERY);
        FUZZ_CHECK(!rest_option_is_unrecognised(option->number, option->length));
        FUZZ_CHECK(text_is_utf8(option->value, option->length));
    }
}

static void check_target(const struct mapping_table *table, const char *target,
                         const char *location)
{
    struct rest_request request, created;
    struct mapping_match match;
    int error = URI_OK;
    bool is_origin = target[0] == '/';

    rest_request_init(&request);
    enum mapping_outcome outcome =
        is_origin ? mapping_find(table, target, &request, &match, &error)
                  : mapping_find_absolute(table, target, &request, &match, &error);
    FUZZ_CHECK((outcome == MAPPING_BAD_TARGET) == (error != URI_OK));
    if (outcome != MAPPING_FOUND)
        return;
    check_match(&match, &request);
    rest_request_init(&created);
    if (!is_origin || location == NULL || !read_location(location, &created))
        return;
    check_reverse(table, &match, &created.message, false);
    check_reverse(table, &match, &created.message, true);
}

static void check_offers(const struct mapping_table *table)
{
    for (size_t i = 0; i < mapping_offer_count(table); i++) {
        struct mapping_offer offer = mapping_offer(table, i);

        FUZZ_CHECK(offer.path[0] == '/');
        FUZZ_CHECK((offer.kind == MAPPING_HC) == (offer.template != NULL));
    }
    for (size_t i = 0; i < mapping_node_count(table); i++) {
        FUZZ_CHECK(mapping_node_authority(table, i)->port != 0);
        FUZZ_CHECK(i == 0 ||
                   strcmp(mapping_node_name(table, i - 1), mapping_node_name(table, i)) < 0);
    }
}

/* Reads a text into the table by one of the two readers; false when memory is short. */
static bool load(struct mapping_table *table, const char *text, size_t length, bool is_hc,
                 const struct mapping_policy *defaults)
{
    struct document *document = document_read_text("x.json", text, length);

    if (document == NULL)
        return false;
    if (is_hc) {
        struct document_place top = document_top(document);
        struct document_place place = document_member(document, &top, "hc");
        mapping_load_hc(table, document, &place);
        document_refuse_unknown(document, &top);
    } else {
        mapping_load_document(table, document, defaults);
    }
    check_errors(document);
    document_free(document);
    return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct mapping_policy defaults = {.content_format = MEDIA_FORMAT_NONE};
    struct mapping_table *table;
    struct buffer hc;
    size_t length = 0;
    char *line = fuzz_take_line(&input, &length);

    settings_init(&defaults.settings);
    table = mapping_table_new(&defaults.settings);
    buffer_init(&hc, size + 16);
    if (line != NULL && strcmp(line, "-") != 0)
        buffer_printf(&hc, "{ \"hc\": %s }", line);
    else
        buffer_append_text(&hc, "{}");
    free(line);
    line = fuzz_take_line(&input, &length);
    if (table != NULL && line != NULL && load(table, buffer_text(&hc), hc.length, true, NULL) &&
        load(table, line, length, false, &defaults)) {
        char *target;

        check_offers(table);
        while ((target = fuzz_take_line(&input, NULL)) != NULL) {
            char *location = fuzz_take_line(&input, NULL);

            check_target(table, target, location);
            free(target);
            free(location);
        }
    }
    free(line);
    buffer_clear(&hc);
    mapping_table_free(table);
    return 0;
}
