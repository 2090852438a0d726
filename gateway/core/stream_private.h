/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_STREAM_PRIVATE_H
#define COAPGW_STREAM_PRIVATE_H

/*
 * stream_private: streams and their targets, for those that make them (exchange_stream.c, events.c)
 * and those that feed them (audience.c).
 *
 * A stream is begun closed: its targets are joined, and whoever began it is told of their news,
 * until it is opened (stream_open) or given up (stream_close). From then on its events are queued.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/queue.h>

#include "keyed_hash.h"
#include "stream.h"
#include "timers.h"

struct audience;
struct buffer;
struct events;
struct memory_account;
struct observation;
struct representation;
struct sse_change;
struct sse_id;

enum stream_event_kind { STREAM_EVENT_STATE, STREAM_EVENT_VALUE, STREAM_EVENT_OTHER };

/* What is sent, rendered once and counted; never changed. */
struct stream_event {
    unsigned references;
    enum stream_event_kind kind;
    struct memory_account *account; /* that has been charged */
    struct audience *latest_of;     /* that would give it to others too; NULL: none any more */
    size_t length;
    char *text; /* owned */
};

/* One event in the queue of a stream. */
struct stream_entry {
    TAILQ_ENTRY(stream_entry) stream_link;
    TAILQ_ENTRY(stream_entry) target_link;
    struct stream_target *target;
    struct stream_event *event; /* counted */
};
TAILQ_HEAD(stream_entries, stream_entry);

/* One resource in a stream. */
struct stream_target {
    struct stream *stream;
    struct audience *audience; /* NULL: none yet, or told that it is gone */
    TAILQ_ENTRY(stream_target) link;
    TAILQ_ENTRY(stream_target) audience_link;
    struct stream_entries waiting; /* its part of the queue */
    unsigned values, states;       /* in it */
    unsigned roles;                /* of the client */
    /* The newest of that kind found no memory: it is rendered anew when the queue is empty. */
    bool owes_value, owes_state;
    /* The end has come; as long as it is owed the target stays in its audience, for the name. */
    bool is_gone;
    unsigned gone_status;
    const char *gone_reason; /* static, or NULL */
};
TAILQ_HEAD(stream_targets, stream_target);
static inline bool stream_target_is_live(const struct stream_target *target)
{
    return target->audience != NULL && !target->is_gone;
}

/* Who has begun a stream. */
struct stream_opener {
    /* A target has news, or is gone. Called from wherever it happened: nothing but a timer may be
     * armed. Not any more once the stream was opened. */
    void (*news)(void *handle);
    void *handle;
};

struct stream {
    struct streams *streams;
    TAILQ_ENTRY(stream) link;
    TAILQ_ENTRY(stream) told_link; /* while `is_told` */
    void *north;
    struct stream_opener opener;
    struct events *events; /* owned: targets that are still judged; NULL: none */
    struct stream_targets targets;
    struct stream_entries queue;
    struct stream_event *current; /* counted: that has been sent in part; NULL: none */
    size_t sent;                  /* bytes of it */
    struct timer heartbeat;
    uint64_t last_read_us; /* when something was read last */
    size_t queue_maximum;  /* of each target */
    uint32_t heartbeat_ms;
    unsigned live; /* targets with an audience that are not gone */
    unsigned owed; /* targets that owe something, those that had no memory to be made included */
    bool is_open;
    bool is_waiting;       /* the reader wants to be told */
    bool is_told;          /* in the list of those to be told */
    bool is_heartbeat_due; /* a comment goes out when there is nothing else */
    /* Why targets were refused before it was opened. */
    bool has_mixed_refusals;
    unsigned status;                /* of the first; 0: none was */
    const char *reason;             /* a problem_slug, or NULL; static */
    struct representation *refusal; /* counted: what the node said; NULL */
};
TAILQ_HEAD(stream_list, stream);
TAILQ_HEAD(audience_list, audience);

/* Those of a core. */
struct streams {
    struct core *core;
    size_t count;
    struct stream_list all;
    struct stream_list told; /* something can be read: their readers are to be told */
    struct timer tell;
    struct stream_event *keep_alive; /* one for all */
    struct keyed_hash hash;
    struct audience *audiences; /* by what they share (audience.c) */
    struct audience_list audience_list;
    size_t audience_count;
};

/* NULL when memory is short. */
struct streams *streams_new(struct core *core);
/* All streams must have been closed. NULL is fine. */
void streams_free(struct streams *streams);
/* Tells the readers of the streams that have something to be read. Any stream may be closed
 * meanwhile. */
void streams_tell(struct streams *streams);
/* The same in the next turn, from where nothing may change. */
void streams_tell_later(struct streams *streams);

/* Takes over what the buffer holds and charges for it; the buffer is empty. One reference. NULL
 * when memory is short, or the account has no room. */
struct stream_event *stream_event_new(enum stream_event_kind kind, struct buffer *text,
                                      struct memory_account *account);
struct stream_event *stream_event_reference(struct stream_event *event);
/* NULL is fine. */
void stream_event_release(struct stream_event *event);

enum stream_refusal {
    STREAM_BEGUN,
    STREAM_TOO_MANY, /* limits->streams */
    STREAM_NO_MEMORY,
};
/* A closed stream without targets. */
enum stream_refusal stream_begin(struct core *core, const struct stream_limits *limits,
                                 const struct stream_opener *opener, struct stream **stream);
/* A target for a client with these roles, to be joined to an audience (audience_join). NULL when
 * memory is short. */
struct stream_target *stream_add_target(struct stream *stream, unsigned roles);

enum stream_outlook {
    STREAM_WAITS,   /* nothing is known of any target yet */
    STREAM_READY,   /* at least one target is there */
    STREAM_REFUSED, /* all are gone: status, reason and refusal say why */
};
enum stream_outlook stream_outlook(const struct stream *stream);
/* A target was refused before it had an audience. */
void stream_note_refusal(struct stream *stream, const struct sse_change *change,
                         struct representation *refusal);
/* Queues `gone` of a target that never had an audience. False when memory is short. */
bool stream_show_refusal(struct stream *stream, const struct sse_change *change);
/* The state of each target and its value, which is left out when `last` names it (SSE-05; NULL:
 * nothing does). */
void stream_open(struct stream *stream, const struct sse_id *last);

/* Something can be read: the reader is told by streams_tell. */
void stream_wake(struct stream *stream);

/* stream_queue.c */
/* The next event: the reference is the caller's. NULL when nothing waits. */
struct stream_event *stream_take(struct stream *stream);
/* The target leaves its audience, and is forgotten with all that waits of it. */
void stream_remove_target(struct stream_target *target);
/* Nothing is owed any more. */
void stream_forgive(struct stream_target *target);

/* stream_judge.c: by what status a stream of the target would be refused under the policy in force
 * to one with these roles; 503 when its name leads elsewhere. 0: by none. */
unsigned stream_judge(const struct core *core, const struct observation *observation,
                      const char *target, unsigned roles);

/* For audience.c. Queues an event of the target, of which the stream takes a reference; or counts
 * what there is no room for. Its reader is told by streams_tell. */
void stream_push(struct stream_target *target, struct stream_event *event);
/* The event could not be rendered: the newest of that kind is owed. */
void stream_owe(struct stream_target *target, enum stream_event_kind kind);
/* Drops all values that wait, to make room for a newer one. */
void stream_drop_values(struct stream_target *target);
/* The target is gone: `event` is the last, or owed when there is no memory for it (NULL). `refusal`
 * is what the node has said, or NULL. */
void stream_end_target(struct stream_target *target, struct stream_event *event,
                       const struct sse_change *change, struct representation *refusal);

#endif
