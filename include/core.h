/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_CORE_H
#define COAPGW_CORE_H

/*
 * core: the gateway itself below HTTP and above CoAP: owns nodes, exchanges and metrics, holds the
 * current policy. See exchange.h for how a request goes through it.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "endpoint_address.h"
#include "random_source.h"
#include "resolver.h"

struct blockwise;
struct core;
struct log;
struct memory_account;
struct metrics;
struct observe;
struct policy;
struct request_layer;
struct timers;

/* What the core tells the HTTP adapter. */
struct north_ops {
    /* The reply of a parked exchange is ready: fetch it by exchange_reply(). Never called from
     * inside exchange_begin or exchange_run. */
    void (*answered)(void *north);
    /* A stream that had nothing to read has something now, or its end: stream_read(). Never called
     * from inside stream_bind, stream_read or stream_close. */
    void (*readable)(void *north);
};

struct core_options {
    struct timers *timers; /* borrowed for life, like all of these */
    struct log *log;
    struct random_source random;
    struct request_layer *requests;
    struct blockwise *blockwise;
    struct observe *observe;
    struct resolver resolver;
    struct memory_account *memory; /* of bodies, transfers and queues; NULL: not bounded */
    const struct north_ops *north;
    uint64_t (*wall_ms)(void); /* milliseconds since 1970 */
    /* True when a message to that address would come back to ourselves (SEC-08). */
    bool (*is_self)(void *handle, const struct endpoint_address *address);
    void *is_self_handle;
};

/* NULL when memory is short. */
struct core *core_new(const struct core_options *options);
/* All exchanges must have been detached, and all streams closed. */
void core_free(struct core *core);
/* Makes `policy` (taken: the caller's reference) the one of new exchanges; nodes it names appear,
 * keeping what is known of those that stay. 0, or -1 when memory is short: then nothing changed and
 * the reference stays the caller's. */
int core_set_policy(struct core *core, struct policy *policy);
struct policy *core_policy(struct core *core);   /* borrowed */
struct metrics *core_metrics(struct core *core); /* borrowed */
/* What bodies are charged to: borrowed, may be NULL. */
struct memory_account *core_memory(struct core *core);
/* While draining, readiness is 503 and new requests are refused with 503. Streams end. */
void core_set_draining(struct core *core);
/* The end of draining: every exchange that has no reply yet gets 503. */
void core_refuse_waiting(struct core *core);
/* Exchanges whose HTTP side or CoAP side still lives. */
size_t core_exchange_count(const struct core *core);
/* Turn-end hook: frees the exchanges that ended. Always false. */
bool core_reap(void *core);

#endif
