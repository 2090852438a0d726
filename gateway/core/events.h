/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_EVENTS_H
#define COAPGW_EVENTS_H

/*
 * events: GET /events, one stream of many resources. Each target is taken through the steps of a
 * GET by an exchange of its own, which ends once its observation is joined or refused. They belong
 * to the stream: some may still wait for a name when it is open already.
 */

#include <stdbool.h>
#include <stddef.h>

struct events;
struct exchange;
struct http_request;
struct mapping_table;
struct sse_change;
struct stream;

enum { EVENTS_TARGETS_MAX = 256 };

/* Whether the request is for /events. */
bool events_is_meant(const struct http_request *request);
/* Refuses all targets whose exchanges have not ended. */
void events_end(struct events *events, const struct sse_change *change);
/* Whether all targets were judged: what is left is owed to the stream. */
bool events_are_judged(const struct events *events);
/* Queues the ends of refused targets for which there was no memory; frees the events when that was
 * all that was left of them. */
void events_pay(struct events *events);
/* Ends their exchanges. NULL is fine. */
void events_free(struct events *events);
/* The exchange of a target has its reply; it must not be touched any more. */
void events_answered(struct exchange *exchange);
/* The stream that an exchange of a target joins. */
struct stream *events_stream_of(const struct exchange *exchange);

/* events_query.c: what the query of /events asks for. */
struct events_query {
    size_t count;
    char *targets[EVENTS_TARGETS_MAX]; /* owned: request targets, normalised, no two the same */
    bool has_match;                    /* at least one pattern was there */
};
enum events_error {
    EVENTS_FINE,
    EVENTS_NO_MEMORY,
    EVENTS_NO_TARGET, /* neither a target nor a pattern */
    EVENTS_TOO_MANY,
    EVENTS_BAD_TARGET,  /* `*at` is the number of the parameter among all, from 1 */
    EVENTS_BAD_PATTERN, /* the same */
    EVENTS_DUPLICATE,   /* the same */
};
/* Reads a query (RFC 3986 3.4): "target" is a request target in origin-form or a coap URI, "match"
 * a path with "/" and an asterisk behind it, which stands for all mappings without variables below
 * that a client with these roles may GET. Others are ignored. `mappings` may be NULL. The list has
 * to be cleared whatever the result is. */
enum events_error events_query_read(struct events_query *list, const char *query, size_t length,
                                    const struct mapping_table *mappings, unsigned roles,
                                    size_t *at);
void events_query_clear(struct events_query *list);

#endif
