/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_SSE_H
#define COAPGW_SSE_H

/*
 * sse: streams of server-sent events (WHATWG HTML 9.2) as text: what of a request asks for one, and
 * the events of an observation. Each write appends one whole event, comment or line, or leaves the
 * buffer as long as it was and returns -1 (maximum reached, or no memory; the buffer is marked as
 * failed, and every later write fails too).
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct buffer;
struct http_request;
struct media_table;

#define SSE_CONTENT_TYPE "text/event-stream" /* always UTF-8: it has no charset to tell */

enum { SSE_RETRY_DEFAULT_MS = 5000 };

/* True when a GET or HEAD asks for a stream: its Accept names text/event-stream itself and gives it
 * more weight than anything else; a range such as "any type" never does (SSE-01, SSE-13). */
bool sse_is_wanted(const struct http_request *request);

/* The name of a value: what it was the n-th of, in the life of one observation (SSE-04). */
struct sse_id {
    uint64_t epoch; /* 48 random bits */
    uint64_t number;
};
enum { SSE_EPOCH_BITS = 48, SSE_ID_SIZE = SSE_EPOCH_BITS / 4 + 1 + 20 + 1 };
/* "<12 hex digits>-<decimal number>" and a NUL; bits of the epoch above the 48th are not told. */
void sse_id_format(const struct sse_id *id, char out[SSE_ID_SIZE]);
/* Reads exactly what sse_id_format writes; false for anything else. */
bool sse_id_read(const char *text, size_t length, struct sse_id *id);
/* The id in Last-Event-ID; false when there is none, more than one, or one that is not ours. */
bool sse_last_event_id(const struct http_request *request, struct sse_id *id);

/* A representation of the node, as an event shows it. All borrowed. */
struct sse_value {
    const char *target; /* as the client may write it */
    int format;         /* Content-Format, or MEDIA_FORMAT_NONE */
    const void *payload;
    size_t length;
    uint32_t max_age_s; /* what is left of it */
    int64_t at_ms;      /* when it came from the node: milliseconds since 1970, UTC */
};
/* An event of a stream of one resource: the text itself when the format is text (media_is_text),
 * otherwise the envelope (SSE-02, SSE-03). What is not UTF-8 becomes U+FFFD. */
int sse_write_value(struct buffer *out, const struct media_table *table, const struct sse_id *id,
                    const struct sse_value *value);
/* An event of a stream of many: {"target", "content_format" (number or null), "value" (a string)
 * for text or "b64" (RFC 4648 4), "max_age" (seconds), "at" (RFC 3339)}, whatever the format. */
int sse_write_envelope(struct buffer *out, const struct media_table *table, const struct sse_id *id,
                       const struct sse_value *value);

/* tables/sse_states.h */
enum sse_state {
#define SSE_STATE(id, name, reason) SSE_STATE_##id,
#include "tables/sse_states.h"
#undef SSE_STATE
    SSE_STATES
};
struct sse_change {
    enum sse_state state;
    const char *reason; /* problem_slug() of what is behind it; NULL: the state's own */
    const char *target; /* as in struct sse_value */
    unsigned status;    /* the HTTP status that a request for it would get; 0: none */
};
const char *sse_state_name(enum sse_state state);
/* An event named "state": {"state", "reason", "target"[, "status"]} (SSE-07). It has no id: a
 * client that comes back names the last value it has. */
int sse_write_state(struct buffer *out, const struct sse_change *change);

/* How long this client shall wait before it connects again: up to a fifth more or less, by 32
 * random bits, so that clients that were cut off together come back one by one (SSE-09). */
uint32_t sse_spread_retry(uint32_t retry_ms, uint32_t random);
int sse_write_retry(struct buffer *out, uint32_t retry_ms);
/* A comment, which no client sees but every proxy (SSE-06). */
int sse_write_keep_alive(struct buffer *out);

#endif
