/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_EXCHANGE_FIXTURE_H
#define COAPGW_TEST_EXCHANGE_FIXTURE_H

/*
 * exchange_fixture: the core between a fake HTTP side, a fake request layer that records what it is
 * given and plays the nodes, and a fake resolver. It stands in for request_layer.c: test programs
 * with it must not link the real one.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "blockwise.h"
#include "core.h"
#include "exchange.h"
#include "memory_account.h"
#include "policy.h"
#include "random_source.h"
#include "request_layer.h"
#include "rest.h"
#include "timers.h"

enum { FIXTURE_REQUESTS_MAX = 32, FIXTURE_QUESTIONS_MAX = 16 };

struct fixture_request {
    struct rest_request copy; /* as the layer would have put it into a datagram */
    uint8_t payload[2048];
    struct endpoint_address peer;
    const struct settings *settings;
    const struct request_events *events;
    void *handle;
    bool is_peer_of_client;
    bool is_under_way;
    bool ends_when_sent;
    bool needs_no_answer; /* goes into the reports of its end */
    bool is_queued;       /* set by a test: it was never sent */
    struct request_times *times;
};

struct fixture_question {
    char name[256];
    resolver_answer *answer; /* NULL: answered or cancelled */
    void *handle;
};

struct fixture {
    struct timers *timers;
    struct random_sequence sequence;
    struct memory_account memory; /* must be back at 0 in the end */
    struct capability_table *capabilities;
    struct blockwise *blockwise; /* the real one */
    struct core *core;
    struct policy *policy; /* borrowed from the core */
    size_t request_count;
    struct fixture_request requests[FIXTURE_REQUESTS_MAX];
    enum request_refusal refusal; /* of the next requests */
    bool is_faking;               /* inside of a fake: allocates */
    struct request_peer_events peer_events;
    unsigned pings;
    struct endpoint_address pinged; /* by the last one */
    size_t question_count;
    struct fixture_question questions[FIXTURE_QUESTIONS_MAX];
    bool takes_no_questions;
    unsigned answered;                   /* calls of north_ops.answered */
    void (*answered_other)(void *north); /* the same for exchanges that a test began by itself */
    void (*readable)(void *north);       /* what north_ops.readable does; NULL: fails the test */
    const char *self;                    /* an address in text form that is ourselves, or NULL */
    /* The HTTP request in preparation; reset by fixture_request. */
    struct http_request request;
    const char *body; /* of the request: its text */
    struct http_field fields[16];
    uint64_t id;
};
extern struct fixture fixture;

/* Starts with a configuration: the value of "access" (further members may follow it) and a mapping
 * document; both may be NULL. */
void fixture_set_up(const char *access, const char *mappings);
/* Detaches what is left, and checks that nothing stays behind. */
void fixture_tear_down(void);
/* Makes a policy from the same texts; the caller owns the reference. */
struct policy *fixture_policy(const char *access, const char *mappings);

/* Prepares a request with the roles read and write. */
void fixture_request(enum http_method method, const char *target);
void fixture_field(const char *name, const char *value);
void fixture_body(const char *text);
/* exchange_begin, and exchange_run unless it was answered at once. */
enum exchange_progress fixture_go(void);
/* fixture_request with GET and fixture_go. */
enum exchange_progress fixture_get(const char *target);

/* The CoAP request that was made last; fails the test when there is none. */
struct fixture_request *fixture_last(void);
/* True when the last CoAP request has the option with that value as its first (text compared as
 * bytes); a NULL value: any. */
bool fixture_has_option(uint16_t number, const char *value);
/* The Uri-Path of the last CoAP request as "/a/b". */
const char *fixture_path(void);
/* The node answers the last request: code, Content-Format (-1: none) and payload (NULL: none). */
void fixture_answer(uint8_t code, int format, const char *payload);
/* The same with options of the test's own. */
void fixture_answer_with(struct rest_request *response, const char *payload);
/* The last request fails. */
void fixture_fail(enum request_failure failure, const struct request_report *report);
void fixture_overdue(const struct request_report *report);
/* The resolver answers every open question with the address, or not found when NULL. */
void fixture_resolve(const char *address, const char *second_address);

/* Time passes, then everything that has become due happens. */
void fixture_advance(uint64_t ms);

/* The reply: fails the test when there is none, or its status is another. */
const struct http_reply *fixture_reply(unsigned status);
void fixture_assert_field(const char *name, const char *value);
void fixture_assert_body(const char *text);
void fixture_assert_body_has(const char *text);
/* Detaches the exchange and lets the reaper run. */
void fixture_done(void);

#endif
