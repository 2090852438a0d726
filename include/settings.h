/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_SETTINGS_H
#define COAPGW_SETTINGS_H

/*
 * settings: how requests are sent to a node (coapgw.json "coap", and the "coap" member of a node or
 * a mapping, which overrides it member by member).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct document;
struct document_place;

/* Whether the blocks of a transfer carry the same token ("block_token"). */
enum block_token {
    BLOCK_TOKEN_BY_SCHEME, /* coap: the same, coaps: each its own (RFC 9175 4.2) */
    BLOCK_TOKEN_REUSE,     /* a node or mapping says that it must be the same */
    BLOCK_TOKEN_FRESH,
};

struct settings {
    uint32_t ack_timeout_ms;     /* RFC 7252 4.8; below 2000 only with unsafe_timing */
    uint32_t ack_random_percent; /* ACK_RANDOM_FACTOR times 100, at least 100 */
    uint32_t max_retransmit;
    uint32_t nstart;               /* above 1 only with unsafe_timing */
    uint32_t probing_rate_milli;   /* PROBING_RATE, bytes in 1000 s, never 0 */
    uint32_t deadline_ms;          /* from the request until an ACK or a response, queue included */
    uint32_t acked_deadline_ms;    /* from an empty ACK until the response */
    uint32_t transfer_deadline_ms; /* of a whole transfer in blocks */
    uint32_t block_size;           /* a power of 2 from 16 to 1024: the largest to use */
    uint32_t blockwise_threshold;  /* larger bodies are sent in blocks; at most 1024 */
    enum block_token block_token;
    uint32_t queue_per_node; /* requests waiting for an NSTART slot */
    uint8_t hop_limit;       /* RFC 8768: 1 .. 255 */
    bool has_no_response;    /* "no_response": requests with an effect carry the option */
    uint8_t no_response;     /* RFC 7967 2.1: classes of responses that nobody wants */
    bool is_non_confirmable; /* "type": "non" */
    bool has_unsafe_timing;
};

/* RFC 7967 2.1: 2 for class 2.xx, 8 for 4.xx, 16 for 5.xx. */
enum { NO_RESPONSE_ALL = 2 + 8 + 16 };

/* The defaults of the product. */
void settings_init(struct settings *settings);

/* Reads the members of one JSON object (the value at `place`, see document.h) over what `settings`
 * holds: only members that stand there change. Errors go to the document's list. `scope` says which
 * members are allowed. */
enum settings_scope {
    SETTINGS_GLOBAL, /* coapgw.json: members that only make sense once are left to the caller */
    SETTINGS_OVERRIDE,
};
void settings_read(struct settings *settings, struct document *document,
                   const struct document_place *place, enum settings_scope scope);

#endif
