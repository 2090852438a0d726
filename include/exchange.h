/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_EXCHANGE_H
#define COAPGW_EXCHANGE_H

/*
 * exchange: one HTTP request on its way through the gateway. It has two halves: the HTTP side
 * (attached until exchange_detach) and the CoAP side (from forward until the request's final
 * event); it is freed at the end of the loop turn in which both are over. The steps are in
 * core/exchange_steps.c: authorize, map, lookup, queue, forward, await, translate, reply, finish.
 *
 * An exchange is named by an id; 0 is never one, and an id that has gone is harmless.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "http_message.h"

struct core;
struct stream;

enum exchange_progress {
    EXCHANGE_ANSWERED,   /* the reply is ready: exchange_reply() */
    EXCHANGE_WANTS_BODY, /* nothing speaks against the request so far: read the body, then run */
    EXCHANGE_PARKED,     /* north_ops.answered follows */
    EXCHANGE_NO_MEMORY,  /* no exchange was made: answer 503 */
};

/* Begins with the head of a request: authorize, map, method, roles and access as far as they need
 * no waiting, declared body length, media type. `request` is borrowed until exchange_detach;
 * `north` is given to north_ops.answered. Never PARKED. */
enum exchange_progress exchange_begin(struct core *core, const struct http_request *request,
                                      void *north, uint64_t *id);
/* Goes on when request->body is complete (also when there is none). The body is taken: it has to
 * outlive the HTTP side, as its client may leave while it is sent on block by block. Not when the
 * result is NO_MEMORY. */
enum exchange_progress exchange_run(struct core *core, uint64_t id);
/* The largest body that the exchange takes, in bytes. */
size_t exchange_body_maximum(struct core *core, uint64_t id);
/* The body grew above the maximum: the reply becomes 413. */
void exchange_refuse_body(struct core *core, uint64_t id);
/* The reply of an answered exchange, borrowed until exchange_detach; NULL before. */
const struct http_reply *exchange_reply(struct core *core, uint64_t id);
/* When the reply is the head of a stream (its body follows event by event): the stream, taken: the
 * caller closes it (stream.h). NULL for every other reply, and when it was taken before. */
struct stream *exchange_take_stream(struct core *core, uint64_t id);
/* The HTTP side is over: answered, or its client has gone. Every begun exchange needs exactly one.
 */
void exchange_detach(struct core *core, uint64_t id);

/* Everything that ends up in the access log and in the metrics of HTTP, once for each request,
 * refused ones included. `exchange_id` may be 0 (refused by the guard). Call before detaching. */
struct exchange_account {
    const char *method;
    const char *target;
    const char *client;
    const char *request_id;
    unsigned status; /* 0: the client left before the answer */
    uint64_t elapsed_us;
    uint64_t body_bytes;
};
void exchange_account(struct core *core, uint64_t exchange_id,
                      const struct exchange_account *account);
/* Fills an initialised reply with a problem for a request that never became an exchange (guard,
 * 503). `slug` is one of tables/problems.h, `detail` and `request` may be NULL. */
void exchange_refusal(struct core *core, unsigned status, const char *slug, const char *detail,
                      const struct http_request *request, struct http_reply *reply);

#endif
