/* SPDX-License-Identifier: BSD-2-Clause */
#include "media_type.h"

#include <stdio.h>
#include <string.h>

#include "http_message.h"
#include "media_syntax.h"
#include "media_table.h"
#include "text.h"

/*
 * media_accept: what a client's Accept and Accept-Encoding mean for a CoAP request, which can name
 * one format and no preferences. The mappable types are ranked and the best few become candidates,
 * to be tried one after another when a node answers 4.06 (RFC 8075 6.1). Types and ranges that have
 * no Content-Format are passed over, and loose mapping is not applied: it would ask the node for
 * something that the client has not asked for. Fields are read in place; nothing is allocated.
 */

/* Walks through the well-formed members of all fields of one name. */
struct walk {
    const struct http_request *request;
    const char *name;
    size_t field;   /* the next one to look at */
    const char *at; /* rest of the current field, or NULL */
};

/* The next non-empty member; false at the end. */
static bool next_member(struct walk *walk, struct media_span *member)
{
    for (;;) {
        while (!walk->at || *walk->at == '\0') {
            if (walk->field == walk->request->field_count)
                return false;
            const struct http_field *field = &walk->request->fields[walk->field++];
            if (text_equal_ignoring_case(field->name, walk->name))
                walk->at = field->value;
        }
        *member = (struct media_span){walk->at, media_syntax_member(walk->at, strlen(walk->at))};
        walk->at += member->length;
        if (*walk->at == ',')
            walk->at++;
        size_t blanks = strspn(member->text, " \t");
        if (blanks < member->length)
            return true;
    }
}

/* A weight (RFC 9110 12.4.2) in thousandths. */
static bool read_weight(struct media_span text, unsigned *weight)
{
    static const unsigned places[] = {100, 10, 1};
    if (text.length == 0 || text.length > 5 || (text.text[0] != '0' && text.text[0] != '1') ||
        (text.length > 1 && text.text[1] != '.'))
        return false;
    unsigned thousandths = text.text[0] == '1' ? 1000 : 0;
    for (size_t i = 2; i < text.length; i++) {
        if (text.text[i] < '0' || text.text[i] > '9')
            return false;
        thousandths += places[i - 2] * (unsigned)(text.text[i] - '0');
    }
    *weight = thousandths;
    return thousandths <= 1000;
}

/* A media range and its weight. */
struct range {
    struct media_syntax syntax; /* without the weight and what follows it */
    unsigned quality;
};

/* The next well-formed range; others are passed over as if they were not there. */
static bool next_range(struct walk *walk, struct range *range)
{
    struct media_span member;
    while (next_member(walk, &member)) {
        if (!media_syntax_read(&range->syntax, member.text, member.length, false, NULL))
            continue;
        range->quality = 1000;
        const struct media_parameter *q =
            media_syntax_find(&range->syntax, (struct media_span){"q", 1});
        if (q) {
            if (q->is_quoted || !read_weight(q->value, &range->quality))
                continue;
            range->syntax.parameter_count = (size_t)(q - range->syntax.parameters);
        }
        return true;
    }
    return false;
}

static struct walk walk_accept(const struct http_request *request)
{
    return (struct walk){.request = request, .name = "Accept"};
}

/* Weights of the content codings that Accept-Encoding names itself. */
struct codings {
    const struct http_request *request;
    bool is_present;
    bool has_identity;
    unsigned identity;
};

/* One member of Accept-Encoding: a coding or "*", and its weight. */
static bool next_coding(struct walk *walk, struct media_span *coding, unsigned *quality)
{
    struct media_span member;
    while (next_member(walk, &member)) {
        const char *end = member.text + member.length;
        const char *at = member.text + strspn(member.text, " \t");
        *coding = (struct media_span){at, strcspn(at, " \t;,")};
        *quality = 1000;
        at += coding->length;
        at += strspn(at, " \t");
        if (at >= end)
            return true;
        if (*at != ';')
            continue;
        at += 1 + strspn(at + 1, " \t");
        if (end - at < 3 || text_lower(*at) != 'q' || at[1] != '=')
            continue;
        at += 2;
        struct media_span weight = {at, strcspn(at, " \t,")};
        if (read_weight(weight, quality))
            return true;
    }
    return false;
}

static struct walk walk_codings(const struct http_request *request)
{
    return (struct walk){.request = request, .name = "Accept-Encoding"};
}

static void read_codings(const struct http_request *request, struct codings *codings)
{
    *codings = (struct codings){.request = request};
    codings->is_present = http_request_field(request, "Accept-Encoding") != NULL;
    struct walk walk = walk_codings(request);
    struct media_span coding;
    unsigned quality;
    bool excludes_rest = false;
    while (next_coding(&walk, &coding, &quality)) {
        if (media_span_equals(coding, "identity")) {
            codings->has_identity = true;
            codings->identity = quality;
        } else if (media_span_equals(coding, "*")) {
            excludes_rest = quality == 0;
        }
    }
    /* "*;q=0" excludes identity when nothing else says how good it is (RFC 9110 12.5.3). */
    if (!codings->has_identity && excludes_rest)
        codings->has_identity = true;
}

/* The format to ask for: `entry` itself unless a coding of it is preferred explicitly (MEDIA-22).
 */
static uint16_t choose_coding(const struct media_table *table, const struct media_entry *entry,
                              const struct codings *codings, bool *depends)
{
    struct media_span essence = {entry->type, strcspn(entry->type, "; \t")};
    struct media_group group = media_table_group(table, essence);
    const struct media_entry *best = entry;
    unsigned best_quality = codings->identity;
    for (size_t i = 0; i < group.count; i++) {
        const struct media_entry *coded = group.entries[i];
        if (coded->coding[0] == '\0' || !media_entry_same_type(coded, entry))
            continue;
        *depends |= codings->is_present;
        if (!codings->has_identity)
            continue;
        struct walk walk = walk_codings(codings->request);
        struct media_span coding;
        unsigned quality;
        while (next_coding(&walk, &coding, &quality)) {
            if (media_span_equals(coding, coded->coding) && quality > best_quality) {
                best = coded;
                best_quality = quality;
            }
        }
    }
    return best->number;
}

/* The candidates while they are collected: best first, equal ones in order of the list. */
struct ranking {
    size_t count;
    uint16_t formats[MEDIA_CANDIDATES_MAX];
    unsigned qualities[MEDIA_CANDIDATES_MAX];
    unsigned any_quality; /* of the range that takes everything */
    bool has_mappable;    /* something else than application/coap-payload is acceptable */
    bool has_refused;
};

static void drop_candidate(struct ranking *ranking, size_t at)
{
    for (size_t i = at + 1; i < ranking->count; i++) {
        ranking->formats[i - 1] = ranking->formats[i];
        ranking->qualities[i - 1] = ranking->qualities[i];
    }
    ranking->count--;
}

static void add_candidate(struct ranking *ranking, uint16_t format, unsigned quality)
{
    for (size_t i = 0; i < ranking->count; i++) {
        if (ranking->formats[i] != format)
            continue;
        if (ranking->qualities[i] >= quality)
            return;
        drop_candidate(ranking, i);
    }
    size_t at = ranking->count;
    while (at > 0 && ranking->qualities[at - 1] < quality)
        at--;
    if (at == MEDIA_CANDIDATES_MAX)
        return;
    if (ranking->count < MEDIA_CANDIDATES_MAX)
        ranking->count++;
    for (size_t i = ranking->count - 1; i > at; i--) {
        ranking->formats[i] = ranking->formats[i - 1];
        ranking->qualities[i] = ranking->qualities[i - 1];
    }
    ranking->formats[at] = format;
    ranking->qualities[at] = quality;
}

static void rank_coap_payload(struct ranking *ranking, const struct range *range,
                              const struct media_options *options)
{
    int number = media_coap_payload_format(&range->syntax);
    if (!options->takes_coap_payload || number < 0) {
        ranking->has_refused = true;
        return;
    }
    ranking->has_mappable = true;
    add_candidate(ranking, (uint16_t)number, range->quality);
}

void media_choose(const struct media_table *table, const struct http_request *request,
                  const struct media_options *options, struct media_choice *choice)
{
    struct ranking ranking = {0};
    struct codings codings;
    *choice = (struct media_choice){0};
    read_codings(request, &codings);

    struct walk walk = walk_accept(request);
    struct range range;
    while (next_range(&walk, &range)) {
        if (range.quality == 0)
            continue;
        if (media_span_equals(range.syntax.essence, MEDIA_COAP_PAYLOAD)) {
            rank_coap_payload(&ranking, &range, options);
            continue;
        }
        ranking.has_mappable = true;
        if (media_span_equals(range.syntax.essence, "*/*")) {
            if (range.quality > ranking.any_quality)
                ranking.any_quality = range.quality;
            continue;
        }
        bool lacks_charset;
        const struct media_entry *entry = media_table_match(table, &range.syntax, &lacks_charset);
        if (entry)
            add_candidate(&ranking,
                          choose_coding(table, entry, &codings, &choice->depends_on_coding),
                          range.quality);
    }

    /* What the client likes less than anything at all is not worth asking for (MEDIA-04). */
    while (choice->count < ranking.count &&
           ranking.qualities[choice->count] >= ranking.any_quality) {
        choice->formats[choice->count] = ranking.formats[choice->count];
        choice->count++;
    }
    choice->depends_on_coding &= choice->count > 0;
    choice->falls_back_to_any = choice->count > 0 && ranking.any_quality > 0;
    choice->refused = ranking.has_refused && !ranking.has_mappable;
}

/* How closely a range fits a type: -1 not at all, then "any", "type/any", the type, and the type
 * with parameters (RFC 9110 12.5.1). */
static int fit(const struct media_syntax *range, const struct media_syntax *type)
{
    if (media_span_equals(range->essence, "*/*"))
        return 0;
    size_t length = range->type_length + 1; /* with the slash */
    if (range->essence.length == length + 1 && range->essence.text[length] == '*')
        return type->type_length == range->type_length &&
                       text_equal_ignoring_case_n(range->essence.text, type->essence.text, length)
                   ? 1
                   : -1;
    if (range->essence.length != type->essence.length ||
        !text_equal_ignoring_case_n(range->essence.text, type->essence.text, type->essence.length))
        return -1;
    int closeness = 2;
    for (size_t i = 0; i < range->parameter_count; i++) {
        const struct media_parameter *wanted = &range->parameters[i];
        const struct media_parameter *has = media_syntax_find(type, wanted->name);
        if (has && media_parameter_equals(has, wanted))
            closeness++;
        else if (has || !media_syntax_is_json(type))
            return -1;
    }
    return closeness;
}

unsigned media_quality(const struct http_request *request, const char *type)
{
    struct media_syntax syntax;
    if (!media_syntax_read(&syntax, type, strlen(type), false, NULL))
        return 0;

    struct walk walk = walk_accept(request);
    struct range range;
    bool has_ranges = false;
    int closest = -1;
    unsigned quality = 0;
    while (next_range(&walk, &range)) {
        has_ranges = true;
        int closeness = fit(&range.syntax, &syntax);
        /* A client that gives two weights to one range means the higher one, as in media_choose. */
        if (closeness < 0 || closeness < closest)
            continue;
        if (closeness > closest || range.quality > quality)
            quality = range.quality;
        closest = closeness;
    }
    return has_ranges ? quality : 1000;
}

bool media_is_preferred(const struct http_request *request, const char *type)
{
    struct media_syntax syntax;
    if (!media_syntax_read(&syntax, type, strlen(type), false, NULL))
        return false;

    struct walk walk = walk_accept(request);
    struct range range;
    bool is_named = false;
    unsigned others = 0;
    while (next_range(&walk, &range)) {
        if (fit(&range.syntax, &syntax) >= 2)
            is_named = true;
        else if (range.quality > others)
            others = range.quality;
    }
    return is_named && media_quality(request, type) > others;
}

/* The client named the number itself and takes it. */
static bool accepts_number(const struct http_request *request, uint16_t format)
{
    struct walk walk = walk_accept(request);
    struct range range;
    while (next_range(&walk, &range)) {
        if (range.quality > 0 && media_span_equals(range.syntax.essence, MEDIA_COAP_PAYLOAD) &&
            media_coap_payload_format(&range.syntax) == format)
            return true;
    }
    return false;
}

bool media_is_accepted(const struct media_table *table, const struct http_request *request,
                       uint16_t format)
{
    const char *type = media_type_text(table, format);
    return media_quality(request, type ? type : MEDIA_COAP_PAYLOAD) > 0 ||
           accepts_number(request, format);
}
