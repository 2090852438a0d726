/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MEDIA_TABLE_H
#define COAPGW_MEDIA_TABLE_H

/*
 * media_table: the Content-Formats, built in and configured, sorted both ways. Private to the
 * media_* files.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "media_syntax.h"
#include "media_type.h"

#define MEDIA_COAP_PAYLOAD "application/coap-payload" /* RFC 8075 9.2 */

struct media_entry {
    uint16_t number;
    const char *type;   /* "type/subtype" and the parameters that belong to the format */
    const char *coding; /* "": identity */
    char *owned;        /* what `type` and `coding` point into, or NULL for a built-in entry */
};

/* The entries of one "type/subtype", ascending by number. */
struct media_group {
    const struct media_entry *const *entries;
    size_t count;
};

/* Adds a configured format, only while the configuration is read. One with a number that is there
 * already takes its place: numbers are registered for a time only and may change their meaning.
 * Copies the texts. 0 or -1. */
int media_table_add(struct media_table *table, uint16_t number, const char *type,
                    const char *coding);
/* O(log n); NULL when the number is unknown. */
const struct media_entry *media_table_find(const struct media_table *table, uint16_t number);
/* O(log n); count 0 when there is none. */
struct media_group media_table_group(const struct media_table *table, struct media_span essence);
/* The uncoded format that a media type as sent selects (MEDIA-15..18), or NULL. `*lacks_charset` is
 * set when that is right only for a body in UTF-8. */
const struct media_entry *media_table_match(const struct media_table *table,
                                            const struct media_syntax *syntax, bool *lacks_charset);
/* The format of the same type and parameters as `entry` in another content coding, or NULL. */
const struct media_entry *media_table_coded(const struct media_table *table,
                                            const struct media_entry *entry,
                                            struct media_span coding);
/* True when a format has the type and the parameters of `entry`, whatever its coding. */
bool media_entry_same_type(const struct media_entry *a, const struct media_entry *b);
/* Reads the text of an entry, which is known to be right. */
void media_entry_read(const struct media_entry *entry, struct media_syntax *syntax);

/* N of "application/coap-payload;cf=N", or -1 when cf is missing or no number from 0 to 65535. */
int media_coap_payload_format(const struct media_syntax *syntax);

struct media_loose_entry {
    const char *pattern; /* "type/subtype" or one of the patterns of RFC 8075 6.3, Table 1 */
    char *owned;         /* the pattern when it is on the heap */
    uint16_t format;
};

struct media_loose {
    struct media_loose_entry *entries;
    size_t count;
};

/* The format that the loose table gives to a media type (RFC 8075 6.3); NULL stands for Table 1.
 * `takes_text` false leaves the entries out that would call the body UTF-8 text. -1: none. */
int media_loose_find(const struct media_loose *loose, const struct media_syntax *syntax,
                     bool takes_text);

#endif
