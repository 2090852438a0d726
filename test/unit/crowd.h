/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_CROWD_H
#define COAPGW_TEST_CROWD_H

/*
 * crowd: several clients at once before the core of exchange_fixture, with the cache on.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "exchange_fixture.h"

enum { CROWD_MAX = 60, CROWD_FIELDS_MAX = 4 };

struct crowd_client {
    struct http_request request;
    struct http_field fields[CROWD_FIELDS_MAX];
    uint64_t id; /* 0: not there */
    unsigned answered;
    bool leaves;          /* as soon as it is told of an answer */
    unsigned takes_along; /* number of another client that leaves then; 0: none */
};
extern struct crowd_client crowd[CROWD_MAX];
/* The core is at work: whoever lets allocations fail means those. */
extern bool crowd_is_inside;

/* Rules that let everybody GET anything in 192.0.2.0/24, and nodes: "kitchen" at 192.0.2.9, "twin"
 * at twin.example, "near" that is far.example at 192.0.2.7, "bare" (not cached) and "old"
 * (stale_if_error) at 192.0.2.9 too. */
void crowd_set_up(void);
/* All clients leave, and nothing stays behind. */
void crowd_tear_down(void);
/* The limits of the cache, by a reload. */
void crowd_limit(size_t bytes, size_t entries);
/* An upstream proxy of that name, or none, by a reload. */
void crowd_use_proxy(const char *name);

/* Prepares a request of the client; the one before is over. */
struct crowd_client *crowd_prepare(unsigned who, enum http_method method, const char *target);
void crowd_field(unsigned who, const char *name, const char *value);
/* Begins and runs what was prepared; `body` may be NULL. */
enum exchange_progress crowd_go(unsigned who, const char *body);
/* GET, with one field more unless `name` is NULL. */
enum exchange_progress crowd_get(unsigned who, const char *target, const char *name,
                                 const char *value);
void crowd_leave(unsigned who);
/* The reply of the client: fails the test when there is none or it has another status. */
const struct http_reply *crowd_reply(unsigned who, unsigned status);
void crowd_assert_waits(unsigned who);
void crowd_assert_body(unsigned who, const char *text);
/* `value` NULL: the reply has no such field. */
void crowd_assert_field(unsigned who, const char *name, const char *value);

/* A response of a node. */
struct crowd_response {
    uint8_t code;
    const char *etag;    /* NULL: none */
    int64_t max_age;     /* below 0: none */
    const char *payload; /* NULL: none */
    const char *location;
    const char *echo;
    uint32_t size1; /* 0: none */
    bool is_partial;
};
/* The node answers the request of that number, counted from 1. Its payload goes with the call. */
void crowd_answer(size_t request, const struct crowd_response *response);
/* 2.05 with ETag (NULL: none), Max-Age (below 0: none) and payload, to the last request. */
void crowd_content(const char *etag, int64_t max_age, const char *payload);
void crowd_fail(size_t request, enum request_failure failure, const struct request_report *report);
/* A response of that code and nothing more, to the last request. */
void crowd_answer_code(uint8_t code);

/* Client 0 asks and the node answers as crowd_content does; the client stays. */
void crowd_warm(const char *target, const char *etag, int64_t max_age, const char *payload);
/* The client asks and is answered at once: the node is not asked. */
void crowd_assert_hit(unsigned who, const char *target, const char *payload);
/* The client asks, and so the node is asked. */
void crowd_assert_miss(unsigned who, const char *target);
/* The client makes a request with an effect, which the node has yet to answer. */
void crowd_begin_change(unsigned who, const char *target);
/* A counter of the cache's, as the metrics show it. */
uint64_t crowd_count(const char *result);

#endif
