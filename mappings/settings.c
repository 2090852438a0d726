/* SPDX-License-Identifier: BSD-2-Clause */
#include "settings.h"

/*
 * settings: reads the object "coap" of coapgw.json, of a node or of a mapping. Members are read
 * over what is there already, so that an override is the same call on a copy; what RFC 7252 4.8.1
 * wants to be said on purpose is checked on the result.
 */

#include <string.h>

#include "document.h"

void settings_init(struct settings *settings)
{
    /* RFC 7252 4.8; deadline is MAX_TRANSMIT_SPAN, when the last transmission has been made */
    *settings = (struct settings){
        .ack_timeout_ms = 2000,
        .ack_random_percent = 150,
        .max_retransmit = 4,
        .nstart = 1,
        .probing_rate_milli = 1000,
        .deadline_ms = 45 * 1000,
        .acked_deadline_ms = 120 * 1000,
        .transfer_deadline_ms = 600 * 1000,
        .block_size = 1024,
        .blockwise_threshold = 1024,
        .block_token = BLOCK_TOKEN_BY_SCHEME,
        .queue_per_node = 64,
        .hop_limit = 16,
    };
}

/* Reads a whole number into a field of 32 bits. */
static bool read_u32(struct document *document, const struct document_place *place, const char *key,
                     uint32_t minimum, uint32_t maximum, uint32_t *value)
{
    uint64_t number;
    if (!document_read_number(document, place, key, minimum, maximum, &number)) {
        return false;
    }
    *value = (uint32_t)number;
    return true;
}

static void read_timing(struct settings *settings, struct document *document,
                        const struct document_place *place)
{
    double factor;
    bool says_unsafe =
        document_read_bool(document, place, "unsafe_timing", &settings->has_unsafe_timing);
    bool says_timeout =
        document_read_seconds(document, place, "ack_timeout", 0.01, 60, &settings->ack_timeout_ms);
    if (document_read_real(document, place, "ack_random_factor", 1.0, 10.0, &factor)) {
        settings->ack_random_percent = (uint32_t)(factor * 100 + 0.5);
    }
    read_u32(document, place, "max_retransmit", 0, 10, &settings->max_retransmit);
    bool says_nstart = read_u32(document, place, "nstart", 1, 1000, &settings->nstart);
    if (settings->has_unsafe_timing) {
        return;
    }
    if ((says_timeout || says_unsafe) && settings->ack_timeout_ms < 2000) {
        struct document_place member = document_member(document, place, "ack_timeout");
        document_error(document, &member,
                       "below 2 seconds needs \"unsafe_timing\": true beside it (RFC 7252 4.8.1)");
    }
    if ((says_nstart || says_unsafe) && settings->nstart > 1) {
        struct document_place member = document_member(document, place, "nstart");
        document_error(document, &member,
                       "above 1 needs \"unsafe_timing\": true beside it (RFC 7252 4.8.1)");
    }
}

static void read_probing_rate(struct settings *settings, struct document *document,
                              const struct document_place *place)
{
    double rate;
    if (document_read_real(document, place, "probing_rate", 0.01, 1000000, &rate)) {
        settings->probing_rate_milli = (uint32_t)(rate * 1000 + 0.5);
    }
}

static void read_type(struct settings *settings, struct document *document,
                      const struct document_place *place)
{
    const char *type;
    if (!document_read_string(document, place, "type", &type)) {
        return;
    }
    settings->is_non_confirmable = strcmp(type, "non") == 0;
    if (!settings->is_non_confirmable && strcmp(type, "con") != 0) {
        struct document_place member = document_member(document, place, "type");
        document_error(document, &member, "must be \"con\" or \"non\"");
    }
}

static void read_no_response(struct settings *settings, struct document *document,
                             const struct document_place *place)
{
    uint32_t classes;
    if (!read_u32(document, place, "no_response", 0, UINT8_MAX, &classes)) {
        return;
    }
    if ((classes & ~(uint32_t)NO_RESPONSE_ALL) != 0) {
        struct document_place member = document_member(document, place, "no_response");
        document_error(document, &member,
                       "must be a sum of 2 (for 2.xx), 8 (4.xx) and 16 (5.xx) (RFC 7967 2.1)");
        return;
    }
    settings->has_no_response = true;
    settings->no_response = (uint8_t)classes;
}

static void read_block_token(struct settings *settings, struct document *document,
                             const struct document_place *place, enum settings_scope scope)
{
    const char *text;
    if (!document_read_string(document, place, "block_token", &text)) {
        return;
    }
    if (strcmp(text, "fresh") == 0) {
        settings->block_token = BLOCK_TOKEN_FRESH;
    } else if (strcmp(text, "reuse") == 0) {
        /* Only one who knows the node can say it of coaps too. */
        settings->block_token =
            scope == SETTINGS_OVERRIDE ? BLOCK_TOKEN_REUSE : BLOCK_TOKEN_BY_SCHEME;
    } else {
        struct document_place member = document_member(document, place, "block_token");
        document_error(document, &member, "must be \"reuse\" or \"fresh\"");
    }
}

/* Transfer in blocks (RFC 7959). */
static void read_blocks(struct settings *settings, struct document *document,
                        const struct document_place *place, enum settings_scope scope)
{
    document_read_seconds(document, place, "transfer_deadline", 0.1, 86400,
                          &settings->transfer_deadline_ms);
    uint32_t size = settings->block_size;
    if (read_u32(document, place, "block_size", 16, 1024, &size) && (size & (size - 1)) != 0) {
        struct document_place member = document_member(document, place, "block_size");
        document_error(document, &member, "must be 16, 32, 64, 128, 256, 512 or 1024");
    } else {
        settings->block_size = size;
    }
    read_u32(document, place, "blockwise_threshold", 0, 1024, &settings->blockwise_threshold);
    read_block_token(settings, document, place, scope);
}

/* What an override has no business with: there is one of each for all nodes. */
static void refuse_global(struct document *document, const struct document_place *place)
{
    static const char *const members[] = {"outstanding", "bind", "listen", "upstream_proxy",
                                          "max_body"};
    for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
        struct document_place member = document_member(document, place, members[i]);
        if (member.value != NULL) {
            document_error(document, &member,
                           "holds for all nodes: it stands in \"coap\" of coapgw.json only");
        }
    }
}

void settings_read(struct settings *settings, struct document *document,
                   const struct document_place *place, enum settings_scope scope)
{
    if (!document_expect_object(document, place)) {
        return;
    }
    read_timing(settings, document, place);
    document_read_seconds(document, place, "deadline", 0.1, 86400, &settings->deadline_ms);
    document_read_seconds(document, place, "acked_deadline", 0.1, 86400,
                          &settings->acked_deadline_ms);
    read_probing_rate(settings, document, place);
    read_type(settings, document, place);
    read_no_response(settings, document, place);
    read_blocks(settings, document, place, scope);
    read_u32(document, place, "queue_per_node", 1, 100000, &settings->queue_per_node);
    uint64_t hop_limit;
    if (document_read_number(document, place, "hop_limit", 1, 255, &hop_limit)) {
        settings->hop_limit = (uint8_t)hop_limit;
    }
    if (scope == SETTINGS_OVERRIDE) {
        refuse_global(document, place);
        document_refuse_unknown(document, place);
    }
}
