/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_EVENT_STREAM_H
#define COAPGW_TEST_EVENT_STREAM_H

/* event_stream: reads a stream of server-sent events as a browser must (WHATWG HTML 9.2.5, 9.2.6),
 * in pieces of any size. Written from that text alone, so that it can judge who writes streams. */

#include "bytes.h"

struct event {
    const char *type; /* "message" when the stream does not say */
    const struct bytes *data;
    const struct bytes *last_id; /* as it stands at this event */
};

struct event_stream {
    /* Called for each event that fires; what `event` holds is borrowed. */
    void (*fired)(void *handle, const struct event *event);
    /* Called for each comment, without its colon; may be NULL. */
    void (*commented)(void *handle, const struct bytes *text);
    void *handle;
    long retry_ms;        /* the latest; -1: none came */
    struct bytes last_id; /* what a client that connects again would send; "" means nothing */
    size_t lines;         /* all that were read */

    struct bytes line; /* has not ended yet */
    struct bytes data;
    struct bytes type;
    struct bytes next_id;
    bool has_seen_cr; /* an LF that comes next belongs to it */
};

/* Clears what belongs to one connection: half an event is lost with it; last_id and retry_ms stay.
 * A struct that is zeroed but for retry_ms -1 and the functions is ready without it. */
void event_stream_restart(struct event_stream *stream);
void event_stream_feed(struct event_stream *stream, const void *data, size_t length);
void event_stream_clear(struct event_stream *stream);

#endif
