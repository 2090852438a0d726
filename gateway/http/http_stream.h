/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_STREAM_H
#define COAPGW_HTTP_STREAM_H

/*
 * http_stream: a call whose reply is a stream of events (stream.h): its connection is suspended
 * while there is nothing to send, and watched for its client's leaving.
 */

#include <stdbool.h>
#include <stdint.h>

#include <microhttpd.h>

struct http_call;
struct http_reply;
struct http_response_options;
struct loop_watch;
struct stream;

/* Embedded in a call. */
struct http_stream {
    struct stream *stream;    /* owned; NULL: its end was read, or it was left */
    struct loop_watch *watch; /* of the client's leaving, from the first wait on */
    uint64_t bytes;           /* read so far */
    unsigned roles;           /* of its client, when it began */
    unsigned unanswered;      /* retransmissions and probes when its client was looked at last */
    bool has_begun;           /* libmicrohttpd has asked for the first octets */
    bool is_roomy;            /* memory was written that can be given back */
    bool is_waiting;          /* the connection is suspended */
};

/* Queues `reply` as the head of `stream`, which is taken, also on failure. As http_response_queue.
 */
enum MHD_Result http_stream_queue(struct http_call *call, struct stream *stream,
                                  const struct http_reply *reply,
                                  struct http_response_options *options);
/* north_ops.readable; `north` is the call. */
void http_stream_readable(void *north);
/* Looks whether the client is still there: when the call's deadline has come. */
void http_stream_look(struct http_call *call);
/* Another policy is in force: leaves a client that has lost a role. */
void http_stream_judge(struct http_call *call);
/* The client has gone, or the server stops: closes the stream at once and ends the connection.
 * `why` is for the log. */
void http_stream_leave(struct http_call *call, const char *why);
/* The call is over: frees what is left. Harmless when there was no stream. */
void http_stream_end(struct http_call *call);

#endif
