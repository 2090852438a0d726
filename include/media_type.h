/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_MEDIA_TYPE_H
#define COAPGW_MEDIA_TYPE_H

/*
 * media_type: Content-Formats and media types (RFC 7252 12.3, RFC 8075 6), and the choice of an
 * Accept option from the HTTP Accept field.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct document;
struct document_place;
struct http_request;
struct http_reply;
struct media_table; /* built-in formats and those of coapgw.json "media.formats"; immutable */
struct media_loose; /* a table of loose mapping (MEDIA-14) */

enum {
    MEDIA_FORMAT_NONE = -1,
    MEDIA_FORMAT_TEXT = 0,
    MEDIA_FORMAT_LINK = 40,
    MEDIA_FORMAT_OCTETS = 42,
    MEDIA_FORMAT_JSON = 50,
    MEDIA_FORMAT_CBOR = 60,
    MEDIA_FORMAT_PROBLEM = 257,
};

struct media_table *media_table_new(void);
void media_table_free(struct media_table *table);
/* Reads "formats": {"65001": "application/x-my", "65002": {"type": .., "coding": ..}}, or a list of
 * {"cf": 65001, "type": .., "coding": ..}. A number that is there already gets the new meaning. */
void media_table_load(struct media_table *table, struct document *document,
                      const struct document_place *place);
/* {"text/html": 0, "image/": 42, "application/X+json": 50, ...} with "*" for X: patterns as in RFC
 * 8075 6.3, the most specific one that matches counts; "image/" is "image/" and anything. NULL with
 * errors noted. The caller owns it. */
struct media_loose *media_loose_load(struct document *document, const struct document_place *place);
void media_loose_free(struct media_loose *loose);

/* How a request's representation metadata is read. */
struct media_options {
    bool is_loose;                   /* MEDIA-13, 14 */
    const struct media_loose *loose; /* own table, or NULL for RFC 8075 6.3 Table 1 */
    bool takes_coap_payload;         /* "media.coap_payload" */
};

enum media_outcome {
    MEDIA_FOUND,
    MEDIA_ABSENT,     /* no Content-Type: no Content-Format (MEDIA-21) */
    MEDIA_UNKNOWN,    /* 415 */
    MEDIA_BAD_CODING, /* 415 with Accept-Encoding (MEDIA-02) */
    MEDIA_BAD_SYNTAX, /* 400 */
};
/* Content-Type and Content-Encoding of a request to a Content-Format. While `request->body` is NULL
 * the head alone is judged: a type that is right only for text in UTF-8 counts as found, and the
 * caller asks again with the body (MEDIA-16). */
enum media_outcome media_from_request(const struct media_table *table,
                                      const struct http_request *request,
                                      const struct media_options *options, uint16_t *format);

/* Adds Accept-Encoding for a 415 after MEDIA_BAD_CODING: the codings that have a Content-Format
 * with the type of this request, "deflate, zstd", or "identity". 0 or -1. */
int media_add_accept_encoding(const struct media_table *table, const struct http_request *request,
                              struct http_reply *reply);

/* Content-Format of a response to fields: adds Content-Type and, where it has one,
 * Content-Encoding; an unknown number gives application/coap-payload;cf=N (MEDIA-09). 0 or -1. */
int media_to_reply(const struct media_table *table, uint16_t format, struct http_reply *reply);
/* The media type alone, or NULL when the number is unknown. */
const char *media_type_text(const struct media_table *table, uint16_t format);

/* True when a representation in `format` is text in UTF-8: text types without another charset,
 * JSON, XML, links and other text formats of application/, none of them in a content coding. False
 * when the number is unknown or MEDIA_FORMAT_NONE. */
bool media_is_text(const struct media_table *table, int format);

/* The Content-Formats that a client's Accept (and Accept-Encoding) allows, best first. */
enum { MEDIA_CANDIDATES_MAX = 3 }; /* MEDIA-07 */
struct media_choice {
    size_t count; /* 0: the request goes out without Accept */
    uint16_t formats[MEDIA_CANDIDATES_MAX];
    bool refused; /* 406 at once: nothing but application/coap-payload, not to be had (MEDIA-11) */
    bool falls_back_to_any; /* the client takes anything else too: after the last 4.06, without */
    bool depends_on_coding; /* Accept-Encoding had a part in it: Vary */
};
void media_choose(const struct media_table *table, const struct http_request *request,
                  const struct media_options *options, struct media_choice *choice);
/* True when a response in `format` is acceptable to the client's Accept (strict mode, MEDIA-08);
 * without an Accept field everything is. */
bool media_is_accepted(const struct media_table *table, const struct http_request *request,
                       uint16_t format);
/* The quality (0..1000) that the client's Accept gives to a media type such as
 * "application/problem+json"; without an Accept field 1000. */
unsigned media_quality(const struct http_request *request, const char *type);
/* True when Accept names the media type itself, in no range, and gives everything else less weight.
 */
bool media_is_preferred(const struct http_request *request, const char *type);

#endif
