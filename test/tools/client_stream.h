/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_CLIENT_STREAM_H
#define COAPGW_TEST_CLIENT_STREAM_H

/* client_stream: the server-sent events that a client of a scenario reads. What came and was not
 * asked for yet waits in a list, so that nothing is lost between two verbs, whatever the pieces in
 * which it came. */

#include "body_reader.h"
#include "event_stream.h"

/* An event or a comment. */
struct stream_item {
    struct stream_item *next;
    bool is_comment;
    struct bytes type;
    struct bytes data; /* or the comment */
    struct bytes id;
    long retry_ms; /* as it stood then */
    double time;
};

struct client_stream {
    struct http_client *client; /* borrowed, like the next two */
    struct gateway_process *gateway;
    struct bytes *transcript;
    struct body_reader body;
    struct event_stream events;
    enum body_progress progress;
    struct stream_item *first; /* owned, like all that follow */
    struct stream_item **end;
    struct stream_item *current; /* the event that the latest verb took; owned; NULL: none yet */
    bool fires_handlers;         /* an event had a name that a page's connection handlers hear */
};

/* A new stream of the client, whose response has its head still to come. */
struct client_stream *client_stream_new(struct http_client *client, struct gateway_process *gateway,
                                        struct bytes *transcript);
void client_stream_free(struct client_stream *stream); /* NULL is fine */
/* The head has been read: the body begins. */
void client_stream_begin(struct client_stream *stream);
/* Reads the body on; false when no more of it came until `until`, or it has ended. */
bool client_stream_read(struct client_stream *stream, double until);
/* Forgets the comments in front of the next event, or of nothing. */
void client_stream_skip_comments(struct client_stream *stream);
/* Makes the next event, or with `comments` whatever comes next, the current one. */
bool client_stream_next(struct client_stream *stream, bool comments, double until);
/* Why there is no next one. */
const char *client_stream_trouble(const struct client_stream *stream);

#endif
