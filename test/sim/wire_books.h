/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_WIRE_BOOKS_H
#define COAPGW_TEST_WIRE_BOOKS_H

/*
 * wire_books: what the watch on the wire writes down of each message: shared by wire_watch.c (what
 * leaves the gateway) and wire_arrival.c (what reaches it).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "wire_message.h"
#include "world.h"

enum { MS = 1000, S = 1000000, EXCHANGE_LIFETIME_S = 247 };

enum wire_state { WIRE_OPEN, WIRE_ACKED, WIRE_CLOSED };

/* What a request asks for, as far as answers depend on it. */
struct wire_wish {
    uint8_t code;
    int resource; /* -1: none of ours */
    int accept;   /* -1: none */
    int observe;  /* -1: none */
    bool has_host;
    bool has_etag;
    char mark[12];
};

struct wire_record {
    TAILQ_ENTRY(wire_record) link; /* of the place's live ones: OPEN or ACKED */
    enum wire_state state;
    uint16_t mid;
    uint8_t token[8];
    uint8_t token_length;
    bool is_con;
    bool is_doubtful; /* the ACK came when the gateway may have given up already */
    uint64_t digest;
    uint64_t first_us;
    unsigned transmissions;
    uint64_t timeout_us; /* the first one; 0: not known yet */
    uint64_t acked_us;
    int64_t sends_at; /* offset of the block of the body that it brings; -1: none */
    int64_t asks_at;  /* offset of the block of the answer that it asks for; -1: none */
    struct asking *asking;
    struct wire_wish wish;
};

struct wire_seen {
    uint64_t came_us;
    uint8_t token[8];
    uint8_t token_length;
    int replied;
    uint64_t order;
};

uint64_t wire_digest(const uint8_t *bytes, size_t length);
const struct settings *wire_settings(const struct place *place);
/* ACK_TIMEOUT * ACK_RANDOM_FACTOR */
uint64_t wire_longest_timeout_us(const struct settings *settings);
/* The sum of the first `count` timeouts in units of the first one. */
uint64_t wire_backoff(unsigned count);
/* A line of the story, and a part of the hash. */
void wire_tell(const struct place *place, const char *arrow, const uint8_t *bytes, size_t length);
/* The request of a client that the query names, or the first bytes of the body; or NULL. */
struct asking *wire_find_asking(struct world *world, const struct wire_message *message);
/* Whether two wishes for one resource may share an answer. */
bool wire_is_same_key(const struct wire_wish *a, const struct wire_wish *b);
bool wire_has_token(const struct wire_record *record, const struct wire_message *message);
/* -1: there is no such option. */
int64_t wire_block_offset(const struct wire_message *message, uint16_t number);
/* The live record with that token, or NULL. */
struct wire_record *wire_find_live(struct place *place, const struct wire_message *message);
/* The earliest resp. latest time at which the gateway stops waiting for a response. */
uint64_t wire_gone_us(const struct place *place, const struct wire_record *record, bool earliest);
void wire_judge_nothing_left_out(struct place *place, const struct wire_record *record);
void wire_close(struct place *place, struct wire_record *record);
/* Closes what the gateway gave up for sure. */
void wire_drop_spent(struct place *place);

#endif
