/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_SUBSCRIBERS_H
#define COAPGW_TEST_SUBSCRIBERS_H

/*
 * subscribers: what is known of each HTTP client that reads a stream, shared by subscribers.c (what
 * it does) and subscriber_judge.c (what it may be told).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "../tools/event_stream.h"
#include "relation_watch.h"
#include "sse.h"
#include "world.h"

struct stream;

enum subscriber_state { SUBSCRIBER_WAITING, SUBSCRIBER_LISTENING, SUBSCRIBER_OVER };

enum subscriber_pace {
    PACE_EAGER,   /* reads all at once */
    PACE_SLOW,    /* a piece, a pause */
    PACE_BYTES,   /* a few bytes at a time */
    PACE_STALLED, /* eager, with long pauses */
    PACE_NEVER,   /* reads nothing until the end */
};

/* Among whom of the audience somebody is counted. */
enum subscriber_count { COUNT_NONE, COUNT_WAITING, COUNT_LISTENING };

/* A resource that it subscribed to; a stream of one resource has one. */
struct subscriber_target {
    char target[96]; /* as it was asked for */
    unsigned node;
    unsigned resource;
    bool uses_name;
    struct audience_book *audience;
    enum subscriber_count count;
    bool is_doubtful; /* may have been ended */
    bool was_ended;   /* by the node: the news of it are on their way */
    /* what it was told last */
    bool has_state;
    enum sse_state told;
    bool owes_value; /* what is stale comes next */
    uint32_t value;  /* 0: none */
    size_t value_at; /* its place in the history */
    struct sse_id id;
};

enum { SUBSCRIBER_TARGETS_MAX = 8 };

struct subscriber {
    struct client client; /* first */
    struct world *world;
    TAILQ_ENTRY(subscriber) link; /* of all that ever were */
    unsigned number;
    enum subscriber_state state;
    enum subscriber_pace pace;
    bool stays;
    bool is_head;
    bool is_many;   /* reads /events */
    bool has_ended; /* the stream was read to its end */
    bool is_reading_due;
    bool is_fed; /* a readable stream was promised to be told of */
    uint64_t exchange;
    struct stream *stream;
    uint64_t began_us;
    uint64_t heard_us; /* when bytes came last */
    uint64_t stalled_until_us;
    unsigned status;
    char known[64]; /* Last-Event-ID; "" for none */
    struct event_stream reader;
    size_t events;
    struct subscriber_target targets[SUBSCRIBER_TARGETS_MAX];
    unsigned target_count;
    struct http_request http;
    struct http_field fields[2];
    char target[1024];
};

/* subscribers.c */
void subscriber_count_as(struct subscriber *subscriber, struct subscriber_target *target,
                         enum subscriber_count count);

/* subscriber_judge.c */
/* The answer that is not the head of a stream. */
void subscriber_judge_refusal(struct subscriber *subscriber, const struct http_reply *reply);
void subscriber_judge_head(struct subscriber *subscriber, const struct http_reply *reply);
void subscriber_judge_event(struct subscriber *subscriber, const struct event *event);
/* The stream was read to its end. */
void subscriber_judge_end(struct subscriber *subscriber);
/* What is told now, from time to time. */
void subscriber_judge_now(struct subscriber *subscriber);
void subscriber_judge_final(struct subscriber *subscriber);

#endif
