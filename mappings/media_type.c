/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_type.h"

#include <string.h>

#include "http_message.h"
#include "media_syntax.h"
#include "media_table.h"
#include "text.h"

/*
 * media_type: Content-Type and Content-Encoding to a Content-Format and back (RFC 8075 6). Strict
 * by default: a pair without a number is refused, not guessed. Two allowances are made because they
 * change nothing: text/plain without a charset when the body is UTF-8, and parameters on JSON
 * types.
 */

/* What the Content-* fields of a request say. */
struct content {
    struct media_syntax type;
    size_t type_fields;
    bool is_well_formed;
    size_t codings; /* identity not counted */
    struct media_span coding;
};

static void read_codings(const char *value, struct content *content)
{
    while (*value != '\0') {
        value += strspn(value, " \t,");
        struct media_span coding = {value, strcspn(value, " \t,")};
        value += coding.length;
        if (coding.length == 0 || media_span_equals(coding, "identity"))
            continue;
        content->coding = coding;
        content->codings++;
    }
}

static void read_content(const struct http_request *request, struct content *content)
{
    *content = (struct content){.is_well_formed = true};
    for (size_t i = 0; i < request->field_count; i++) {
        const struct http_field *field = &request->fields[i];
        if (text_equal_ignoring_case(field->name, "Content-Encoding")) {
            read_codings(field->value, content);
        } else if (text_equal_ignoring_case(field->name, "Content-Type")) {
            content->type_fields++;
            content->is_well_formed &=
                media_syntax_read(&content->type, field->value, strlen(field->value), false, NULL);
        }
    }
    content->is_well_formed &= content->type_fields <= 1;
}

/* "application/coap-payload;cf=N" (MEDIA-10, MEDIA-12). */
static enum media_outcome read_coap_payload(const struct content *content,
                                            const struct media_options *options, uint16_t *format)
{
    if (!options->takes_coap_payload)
        return MEDIA_UNKNOWN;
    if (content->codings > 0)
        return MEDIA_BAD_CODING;
    int number = media_coap_payload_format(&content->type);
    if (number < 0)
        return MEDIA_BAD_SYNTAX;
    *format = (uint16_t)number;
    return MEDIA_FOUND;
}

/* The body can be called UTF-8 text; what is coded cannot be looked into. */
static bool may_be_text(const struct http_request *request, const struct content *content)
{
    if (content->codings > 0)
        return false;
    return !request->body || text_is_utf8(request->body, request->body_length);
}

/* The uncoded format for the type; -1 when there is none. */
static int find_format(const struct media_table *table, const struct http_request *request,
                       const struct content *content, const struct media_options *options)
{
    bool lacks_charset;
    const struct media_entry *entry = media_table_match(table, &content->type, &lacks_charset);
    bool is_text = may_be_text(request, content);
    if (entry && (!lacks_charset || is_text))
        return entry->number;
    if (!options->is_loose)
        return MEDIA_FORMAT_NONE;

    /* A type with parameters is a specialisation of the same type without. */
    struct media_syntax bare = content->type;
    bare.parameter_count = 0;
    entry = media_table_match(table, &bare, &lacks_charset);
    if (entry && !lacks_charset)
        return entry->number;
    return media_loose_find(options->loose, &content->type, is_text);
}

/* A configured type may have a number in this coding and none without it. */
static const struct media_entry *find_coded_only(const struct media_table *table,
                                                 const struct content *content)
{
    struct media_group group = media_table_group(table, content->type.essence);
    for (size_t i = 0; i < group.count && content->codings == 1; i++) {
        struct media_syntax syntax;
        media_entry_read(group.entries[i], &syntax);
        if (media_span_equals(content->coding, group.entries[i]->coding) &&
            media_syntax_same_parameters(&syntax, &content->type))
            return group.entries[i];
    }
    return NULL;
}

enum media_outcome media_from_request(const struct media_table *table,
                                      const struct http_request *request,
                                      const struct media_options *options, uint16_t *format)
{
    struct content content;
    read_content(request, &content);
    if (content.type_fields == 0)
        /* Bytes that are coded and not labelled would be taken for what they are not. */
        return content.codings > 0 ? MEDIA_BAD_CODING : MEDIA_ABSENT;
    if (!content.is_well_formed)
        return MEDIA_BAD_SYNTAX;
    if (media_span_equals(content.type.essence, MEDIA_COAP_PAYLOAD))
        return read_coap_payload(&content, options, format);

    const struct media_entry *coded_only = find_coded_only(table, &content);
    if (coded_only) {
        *format = coded_only->number;
        return MEDIA_FOUND;
    }
    int found = find_format(table, request, &content, options);
    if (found < 0)
        return MEDIA_UNKNOWN;
    if (content.codings == 0) {
        *format = (uint16_t)found;
        return MEDIA_FOUND;
    }
    const struct media_entry *entry = media_table_find(table, (uint16_t)found);
    if (entry && content.codings == 1)
        entry = media_table_coded(table, entry, content.coding);
    if (!entry || content.codings > 1)
        return MEDIA_BAD_CODING;
    *format = entry->number;
    return MEDIA_FOUND;
}

/* The codings of a type as a list; false when they do not fit. */
static bool write_codings(const struct media_table *table, const struct media_entry *entry,
                          char *out, size_t size)
{
    struct media_span essence = {entry->type, strcspn(entry->type, "; \t")};
    struct media_group group = media_table_group(table, essence);
    size_t used = 0;
    for (size_t i = 0; i < group.count; i++) {
        const struct media_entry *other = group.entries[i];
        size_t length = strlen(other->coding);
        if (length == 0 || !media_entry_same_type(other, entry))
            continue;
        size_t comma = used > 0 ? 2 : 0;
        if (used + comma + length + 1 > size)
            return false;
        memcpy(out + used, ", ", comma);
        memcpy(out + used + comma, other->coding, length + 1);
        used += comma + length;
    }
    return true;
}

int media_add_accept_encoding(const struct media_table *table, const struct http_request *request,
                              struct http_reply *reply)
{
    struct content content;
    char codings[256] = "";
    read_content(request, &content);
    if (content.type_fields == 1 && content.is_well_formed) {
        bool lacks_charset;
        const struct media_entry *entry = media_table_match(table, &content.type, &lacks_charset);
        if (entry && !write_codings(table, entry, codings, sizeof(codings)))
            return -1;
    }
    return http_reply_add(reply, "Accept-Encoding", "%s", codings[0] ? codings : "identity");
}

int media_to_reply(const struct media_table *table, uint16_t format, struct http_reply *reply)
{
    const struct media_entry *entry = media_table_find(table, format);
    if (!entry)
        return http_reply_add(reply, "Content-Type", MEDIA_COAP_PAYLOAD ";cf=%u", (unsigned)format);
    if (http_reply_add(reply, "Content-Type", "%s", entry->type) != 0)
        return -1;
    return entry->coding[0] == '\0'
               ? 0
               : http_reply_add(reply, "Content-Encoding", "%s", entry->coding);
}

/* The media types of application/ that are text by their definition (RFC 6690, 7303, 7519, 9239).
 */
static bool is_application_text(const struct media_syntax *syntax)
{
    static const char *const types[] = {"application/xml", "application/link-format",
                                        "application/javascript"};
    static const char *const suffixes[] = {"+json", "+xml", "+jwt", "+jws", "+jer"};
    for (size_t i = 0; i < sizeof types / sizeof types[0]; i++) {
        if (media_span_equals(syntax->essence, types[i]))
            return true;
    }
    for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
        if (media_span_ends_with(syntax->essence, suffixes[i]))
            return true;
    }
    return media_syntax_is_json(syntax);
}

bool media_is_text(const struct media_table *table, int format)
{
    const struct media_entry *entry =
        format >= 0 && format <= UINT16_MAX ? media_table_find(table, (uint16_t)format) : NULL;
    if (!entry || entry->coding[0] != '\0')
        return false;
    struct media_syntax syntax;
    media_entry_read(entry, &syntax);
    const struct media_parameter *charset =
        media_syntax_find(&syntax, (struct media_span){"charset", 7});
    char name[16];
    if (charset &&
        (!media_parameter_copy(charset, name, sizeof name) ||
         (!text_equal_ignoring_case(name, "utf-8") && !text_equal_ignoring_case(name, "us-ascii"))))
        return false;
    bool is_of_text = syntax.type_length == 4 &&
                      text_equal_ignoring_case_n(syntax.essence.text, "text", syntax.type_length);
    return is_of_text || is_application_text(&syntax);
}

const char *media_type_text(const struct media_table *table, uint16_t format)
{
    const struct media_entry *entry = media_table_find(table, format);
    return entry ? entry->type : NULL;
}
