/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_REQUEST_FIXTURE_H
#define COAPGW_TEST_REQUEST_FIXTURE_H

/*
 * request_fixture: a request layer on the test clock with a recorder above it. Shared by the tests
 * of RFC 7252 5.
 */

#include <stdbool.h>
#include <stdint.h>

#include "fakes.h"
#include "request_layer.h"

enum { NODE = 5683, OTHER_NODE = 5684, CALLS = 64 };

/* What one request was told. */
struct call {
    uint64_t id;
    unsigned responses, failures, overdues;
    enum request_failure failure;
    struct request_report report;
    uint64_t told_us; /* of the latest event */
    uint8_t code;
    size_t option_count;
    char payload[32];
    /* What to do in the final event. */
    void (*action)(struct call *call);
};

struct request_world {
    struct timers *timers;
    struct random_sequence mids, tokens;
    struct fake_channel channel;
    struct request_layer *layer;
    struct settings settings;
    struct endpoint_address node, other;
    uint64_t client;             /* of the next requests */
    struct request_times *times; /* the same; NULL: each has its own */
    bool needs_no_answer;        /* the next requests */
    bool is_starting;            /* inside request_start */
    struct call calls[CALLS];
};

extern struct request_world w;

void request_setup(void);
void request_teardown(void);
/* Starts a GET of /t for calls[n]. */
enum request_refusal start(unsigned n, const struct endpoint_address *to);
/* As start(0, to), but the client chose the peer. */
enum request_refusal start_for_client(const struct endpoint_address *to);
/* The request that was sent as the n-th datagram. */
struct pdu sent(size_t n);
/* A response to `request`. For a piggybacked one give PDU_ACK and the request's MID. */
void respond(const struct endpoint_address *from, enum pdu_type type, uint16_t mid,
             const struct pdu *request, const char *payload);
/* The same with one option. */
void respond_option(const struct endpoint_address *from, enum pdu_type type, uint16_t mid,
                    const struct pdu *request, uint16_t option);
void acknowledge(const struct endpoint_address *from, const struct pdu *request);
void expect_pending(unsigned n);
void expect_response(unsigned n, const char *payload);
void expect_failure(unsigned n, enum request_failure failure);

#endif
