/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_BLOCKWISE_FIXTURE_H
#define COAPGW_TEST_BLOCKWISE_FIXTURE_H

/*
 * blockwise_fixture: transfers in blocks on the real request and message layers, the test clock and
 * a node that the test plays message by message.
 *
 * Options of a message are written as words: "b1=0/1/64" and "b2=0/1/64" (number, more, size),
 * "size1=N", "size2=N", "cf=N", "etag=N", "maxage=N", "obs=N", "loc=TEXT", "tag" (a Request-Tag, in
 * expectations alone); "b1=raw:N" and "b2=raw:N" give the value of the option itself.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "memory_account.h"
#include "blockwise.h"
#include "capability.h"
#include "fakes.h"
#include "pdu.h"

enum { NODE = 5683, OTHER_NODE = 5684, JOBS = 8 };

/* A request, and what was told of it. */
struct job {
    uint64_t id;
    struct rest_request request;
    struct blockwise_spec spec;
    unsigned responses, failures, overdues;
    enum request_failure failure;
    struct request_report report;
    uint64_t told_us;
    uint8_t code;
    int format;
    char location[40];
    uint8_t *body; /* owned */
    size_t length;
};

struct blockwise_world {
    struct timers *timers;
    struct random_sequence mids, tokens, tags;
    struct fake_channel channel;
    struct request_layer *requests;
    struct memory_account memory; /* must be back at 0 in the end */
    struct capability_table *capabilities;
    struct blockwise *layer;
    struct settings settings;
    struct endpoint_address node;
    size_t read;           /* datagrams that were expected so far */
    struct pdu current;    /* the one that was expected last */
    uint16_t separate_mid; /* of the node's own messages */
    bool is_inside;        /* the layer runs, not the test */
    struct job jobs[JOBS];
};

extern struct blockwise_world w;

void blockwise_setup(void);
void blockwise_teardown(void);

/* Bytes of a body of any length up to 2 MiB: no two of its blocks are alike. */
const uint8_t *some_bytes(void);
/* Prepares jobs[n]: a request of /path. More options may be added to `request`. */
struct job *prepare(unsigned n, uint8_t code, const char *path, size_t length);
enum request_refusal begin(unsigned n);
/* prepare and begin, which must succeed. */
void start(unsigned n, uint8_t code, const char *path, size_t length);

/* The next message to the node: a request with just these of the options named above, and `length`
 * bytes of the body from `offset` on. */
void expect(uint8_t code, const char *options, size_t offset, size_t length);
void expect_nothing(void);
/* True when the current request has that option with that value. */
bool has_option(uint16_t number, const char *value);
/* Piggybacked on the acknowledgement of the current request: `length` bytes from `offset` on. */
void reply(uint8_t code, const char *options, size_t offset, size_t length);
/* In a message of its own, with the token of the current request. */
void reply_separately(enum pdu_type type, uint8_t code, const char *options, size_t offset,
                      size_t length);

void expect_pending(unsigned n);
/* It ended with that code, and with the body's first `length` bytes. */
void expect_response(unsigned n, uint8_t code, size_t length);
/* It ended with that failure; for BAD_TRANSFER the detail has that text. */
void expect_failure(unsigned n, enum request_failure failure, const char *detail);

#endif
