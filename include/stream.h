/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_STREAM_H
#define COAPGW_STREAM_H

/*
 * stream: the server-sent events that one HTTP client reads, of one resource or of many (/events).
 * A stream has its targets, a bounded queue for each of them that always keeps the newest (SSE-10),
 * a heartbeat (SSE-06), and is read as text. What is rendered once for all who see a resource under
 * the same name is shared: a stream holds references.
 *
 * The exchange makes it and gives it to the HTTP side together with the head of the reply
 * (exchange_take_stream); from then on the HTTP side owns it and the exchange may end.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct core;
struct stream;

struct stream_limits { /* "observe" and "http.limits" of the configuration */
    size_t streams;    /* at one time: 503 above */
    size_t queue;      /* events that wait for a slow reader, of each target */
    uint32_t heartbeat_ms;
    uint32_t retry_ms; /* that clients are told, spread by a fifth */
};

/* From now on north_ops.readable is called with `north` when there is something to read behind a
 * stream_read that gave nothing; never from inside this, stream_read or stream_close. */
void stream_bind(struct stream *stream, void *north);
/* Copies at most `size` bytes of what is to be sent. 0: nothing now. -1: the end, for good. */
long stream_read(struct stream *stream, char *out, size_t size);
/* The client has gone, or the end was read: leaves all observations at once and frees the stream.
 * NULL is fine. */
void stream_close(struct stream *stream);

/* Streams that were begun and not closed. */
size_t streams_count(const struct core *core);
/* The gateway stops: every stream is told `gone` and ends behind what it still has to say. Streams
 * that wait for first news open with that: their clients come back. */
void streams_end_all(struct core *core);

#endif
