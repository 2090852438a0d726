/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_BLOCKWISE_PRIVATE_H
#define COAPGW_BLOCKWISE_PRIVATE_H

/*
 * blockwise_private: a transfer and what can happen to it, for the modules blockwise*.c.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "blockwise.h"
#include "buffer.h"
#include "capability.h"
#include "timers.h"

/* Without memory for the table a request is refused and the daemon stays. */
#define HASH_NONFATAL_OOM 1
#include <uthash.h>

enum {
    TRANSFER_BUCKETS = 64,
    TRANSFER_TAG_LENGTH = 2,
    /* What a design of bounded traffic allows (RFC 7959 leaves it open). */
    TRANSFER_RESTARTS_MAX = 3, /* of a download whose representation changed */
    TRANSFER_REPEATS_MAX = 2,  /* of one block whose transmissions were spent */
};

/* What the next message is. */
enum transfer_phase {
    TRANSFER_WAITING,  /* for the end of another upload to the resource: none is under way */
    TRANSFER_WHOLE,    /* the request with all of its body */
    TRANSFER_UPLOAD,   /* the block of the body at `sent` */
    TRANSFER_DOWNLOAD, /* asks for the block behind `body` */
};

/* What has to be the same in all blocks of a body (RFC 7959 2.4). */
struct representation {
    uint8_t code;
    uint8_t etag_length; /* 0: none */
    uint8_t etag[8];
    int format; /* -1: none */
    uint8_t format_length;
    uint8_t format_value[2]; /* of the Content-Format option */
};

TAILQ_HEAD(transfer_list, transfer);

struct transfer {
    struct blockwise *layer;
    uint64_t id;
    struct blockwise_spec spec;
    uint64_t started_us;
    uint64_t message_started_us;
    struct request_times own_times; /* unless the spec has some */
    enum transfer_phase phase;
    uint64_t request_id; /* of the message under way; 0: none */
    struct request_token token;
    bool is_tagged;
    uint8_t tag[TRANSFER_TAG_LENGTH]; /* Request-Tag */

    bool has_begun;        /* whatever follows goes on with something */
    bool is_listed;        /* in blocks, or about to be: stands in its bucket */
    bool is_upload;        /* has or had Block1: one at a time for each resource */
    bool wishes_size;      /* Block2 in the first request, for a smaller size */
    bool shuns_blocks;     /* no Block option unless it must be */
    bool is_second_try;    /* without Block options, behind a 4.02 */
    bool was_answered;     /* a message was, whatever the answer */
    bool has_progress;     /* a block was taken or given */
    bool is_overdue;       /* told */
    bool has_deadline;     /* that of the whole is armed */
    bool was_incomplete;   /* 4.08 */
    bool was_created;      /* 2.01 for a block of the upload */
    const char *bad_first; /* why it does not go on behind the first response; NULL: it does */
    unsigned restarts;
    unsigned repeats;         /* of the message under way */
    unsigned messages;        /* that were sent and have ended */
    unsigned retransmissions; /* of these */

    uint8_t upload_szx;
    uint8_t download_szx;
    size_t sent;                   /* bytes of the upload that the node has */
    struct rest_request *location; /* owned: Location options of that 2.01; NULL when none */
    struct representation representation;
    struct buffer body; /* what was downloaded */

    struct timer deadline; /* of the whole transfer, or of waiting for its turn */
    unsigned ping_delay_s; /* until the next one */
    struct timer wake;     /* its turn has come, or it is time for a ping */
    TAILQ_ENTRY(transfer) entry;
    UT_hash_handle hh;
};

struct blockwise {
    struct blockwise_options options;
    uint64_t last_id;
    struct transfer *transfers; /* by id */
    struct transfer_list buckets[TRANSFER_BUCKETS];
};

/* What follows from a response. */
enum transfer_verdict {
    TRANSFER_GOES_ON,    /* with the next message */
    TRANSFER_NEEDS_TURN, /* the same, once no other upload to the resource is under way */
    TRANSFER_DONE,       /* with this response */
    TRANSFER_COLLECTED,  /* with this response, but the body that was downloaded */
    TRANSFER_FAILED,     /* `detail` says why */
    TRANSFER_NO_MEMORY,
};

struct transfer_judgement {
    enum transfer_verdict verdict;
    const char *detail; /* end of a sentence about the node: static */
    bool is_partial;    /* DONE: more of the body exists */
};

/* blockwise_send.c */
/* Chooses between WHOLE and UPLOAD for a transfer that begins. False when neither is possible:
 * the options leave no room. */
bool transfer_plan(struct transfer *transfer);
/* Makes the transfer an upload from the beginning, in blocks of at most `size` bytes. False when
 * the options leave no room. */
bool transfer_plan_upload(struct transfer *transfer, size_t size);
/* True when the whole body fits into one message. */
bool transfer_fits_whole(const struct transfer *transfer);
/* Sends the message that is next. */
enum request_refusal transfer_send(struct transfer *transfer, const struct request_events *events);

/* blockwise_receive.c */
/* False for the answer to an earlier block. */
bool transfer_awaits(const struct transfer *transfer, const struct rest_message *response);
struct transfer_judgement transfer_judge(struct transfer *transfer,
                                         const struct rest_message *response);
/* Makes the final response: options, and values of them, are borrowed from `response` and the
 * transfer. */
void transfer_make_response(const struct transfer *transfer, const struct rest_message *response,
                            enum transfer_verdict verdict, struct rest_message *final);

/* The same for an error of which only a part could be collected: what was said in words, for half a
 * document is none. */
void transfer_make_part(const struct transfer *transfer, struct rest_message *final);

/* blockwise_turn.c */
void turn_init(struct blockwise *layer);
/* Enters a transfer that is in blocks from now on. True when an upload has to wait. */
bool turn_enter(struct transfer *transfer);
/* Takes it out, and wakes the upload whose turn it is. */
void turn_leave(struct transfer *transfer);
/* True when so many uploads wait for the peer as the settings allow. */
bool turn_is_full(const struct transfer *transfer);
/* True when a node could take its messages for those of another transfer in blocks: same peer,
 * options and Request-Tag (RFC 9175 3.5.2). */
bool turn_is_matchable(const struct transfer *transfer);
/* Gives it a Request-Tag of its own. */
void turn_tag(struct transfer *transfer);

static inline bool transfer_is_in_blocks(const struct transfer *transfer)
{
    return transfer->is_listed || transfer->restarts > 0;
}

/* The download is of what the node says of an error. */
static inline bool transfer_collects_error(const struct transfer *transfer)
{
    return transfer->phase == TRANSFER_DOWNLOAD &&
           REST_CODE_CLASS(transfer->representation.code) != 2;
}

static inline bool transfer_is_safe(const struct transfer *transfer)
{
    return transfer->spec.message->code == REST_GET || transfer->spec.message->code == REST_FETCH;
}

#endif
