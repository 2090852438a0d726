/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_media: a byte of settings, two bytes of a Content-Format, header fields to an empty line,
 * then the body. A format becomes a media type that means the same format again; what is asked of a
 * node is something that the client takes.
 */
#include "media_type.h"

#include <stdlib.h>
#include <string.h>

#include "document.h"
#include "fuzz.h"
#include "http_message.h"

static struct media_table *table;
static struct media_loose *loose;

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
    static const char formats[] =
        "{ \"formats\": { \"65001\": \"application/x-my;v=\\\"1 2\\\"\","
        " \"65002\": { \"type\": \"application/x-my\", \"coding\": \"deflate\" } },"
        " \"loose\": { \"text/html\": 0, \"image/\": 42, \"application/*+json\": 50,"
        " \"*/*\": 60 } }";
    struct document *document = document_read_text("x.json", formats, strlen(formats));
    struct document_place top, place;

    (void)argc;
    (void)argv;
    table = media_table_new();
    if (document == NULL || table == NULL)
        abort();
    top = document_top(document);
    place = document_member(document, &top, "formats");
    media_table_load(table, document, &place);
    place = document_member(document, &top, "loose");
    loose = media_loose_load(document, &place);
    if (document_has_errors(document))
        abort();
    document_free(document);
    return 0;
}

/* What a response in that format is labelled with leads back to the format. */
static void check_format(uint16_t format)
{
    static const uint8_t body[] = {'x'};
    const struct media_options options = {.takes_coap_payload = true};
    struct http_request request = {.has_body = true, .body = body, .body_length = sizeof body};
    struct http_reply reply;
    uint16_t again = 0;

    http_reply_init(&reply, 0);
    FUZZ_CHECK(media_to_reply(table, format, &reply) == 0);
    for (size_t i = 0; i < reply.field_count; i++)
        FUZZ_CHECK(fuzz_is_field_text(reply.fields[i].value));
    request.fields = reply.fields;
    request.field_count = reply.field_count;
    FUZZ_CHECK(media_from_request(table, &request, &options, &again) == MEDIA_FOUND);
    FUZZ_CHECK(again == format);
    http_reply_clear(&reply);
}

static void check_content(const struct http_request *request, const struct media_options *options)
{
    struct http_request head = *request;
    struct http_reply reply;
    uint16_t format = 0, of_head = 0;

    enum media_outcome outcome = media_from_request(table, request, options, &format);
    head.body = NULL;
    enum media_outcome early = media_from_request(table, &head, options, &of_head);
    /* The body can only speak against what the head promised. */
    if (outcome == MEDIA_FOUND)
        FUZZ_CHECK(early == MEDIA_FOUND);
    if (outcome == MEDIA_FOUND && !options->is_loose && !options->takes_coap_payload)
        FUZZ_CHECK(media_type_text(table, format) != NULL && of_head == format);
    http_reply_init(&reply, 0);
    FUZZ_CHECK(media_add_accept_encoding(table, request, &reply) == 0);
    FUZZ_CHECK(fuzz_is_field_text(http_reply_field(&reply, "Accept-Encoding")));
    http_reply_clear(&reply);
}

static void check_accept(const struct http_request *request, const struct media_options *options)
{
    struct media_choice choice;

    media_choose(table, request, options, &choice);
    FUZZ_CHECK(choice.count <= MEDIA_CANDIDATES_MAX);
    FUZZ_CHECK(!choice.refused || choice.count == 0);
    for (size_t i = 0; i < choice.count; i++) {
        FUZZ_CHECK(media_is_accepted(table, request, choice.formats[i]));
        for (size_t j = 0; j < i; j++)
            FUZZ_CHECK(choice.formats[i] != choice.formats[j]);
    }
    FUZZ_CHECK(media_quality(request, "application/problem+json") <= 1000);
    FUZZ_CHECK(media_quality(request, "text/plain;charset=utf-8") <= 1000);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct fuzz_input input = {data, size};
    struct http_field fields[FUZZ_FIELDS_MAX];
    struct http_request request = {.has_body = true, .fields = fields};
    uint8_t flags = fuzz_take_byte(&input);
    uint16_t format = (uint16_t)(fuzz_take_byte(&input) << 8);
    const struct media_options options = {
        .is_loose = flags & 1,
        .loose = flags & 2 ? loose : NULL,
        .takes_coap_payload = flags & 4,
    };

    format |= fuzz_take_byte(&input);
    check_format(format);
    request.field_count = fuzz_take_fields(&input, fields);
    request.body = fuzz_take_bytes(&input, input.left, &request.body_length);
    check_content(&request, &options);
    check_accept(&request, &options);
    fuzz_free_fields(fields, request.field_count);
    return 0;
}
