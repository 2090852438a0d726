/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_STREAM_FIXTURE_H
#define COAPGW_TEST_STREAM_FIXTURE_H

/*
 * stream_fixture: clients that read streams of events, on top of the exchange fixture and the fake
 * of coap/observe.c. A client is told that there is something to read, and reads when the test
 * wants it to.
 */

#include <stdbool.h>

#include "exchange_fixture.h"
#include "observe_fake.h"
#include "stream.h"

struct client {
    struct http_request request;
    struct http_field fields[4];
    uint64_t exchange; /* its id; 0: detached */
    struct stream *stream;
    unsigned answered; /* so many times: 1 in the end */
    unsigned told;     /* that its stream can be read, since it was read last */
    bool is_over;      /* the end of the stream was read */
    bool closes_when_told;
    char text[1 << 16];
};

/* Nodes kitchen (192.0.2.9) and hall (192.0.2.10), far.example behind the node far, mappings
 * /kitchen/light and /kitchen/fan, access to 192.0.2.0/24 for everybody and to 198.51.100.0/24
 * for the role write. All limits are as in
 * the product, but for a queue of 4. */
void streaming_set_up(void);
void streaming_tear_down(void);

/* Prepares a GET that wants events. */
void client_init(struct client *client, const char *target);
void client_add_field(struct client *client, const char *name, const char *value);
enum exchange_progress client_go(struct client *client);
/* client_init and client_go, which waits; then the node's answer is asked for. */
void client_ask(struct client *client, const char *target);
/* The reply: fails the test when it has another status. */
const struct http_reply *client_reply(struct client *client, unsigned status);
/* Takes the stream of a 200 and lets the exchange go. */
void client_take(struct client *client);
/* The client goes, wherever it stands. Fine when it has gone. */
void client_leave(struct client *client);
/* All that can be read now, at most `chunk` bytes at a time. Without the line "retry". */
const char *client_read_by(struct client *client, size_t chunk);
const char *client_read(struct client *client);
void client_assert_reads(struct client *client, const char *text);
/* As client_assert_reads, where each id is written as the number behind its dash, states as
 * "<state>" or "<state:reason/status>" and values as they are: "<live>1=21 <offline:silent>". */
void client_assert_hears(struct client *client, const char *words);

/* The node at the relation tells text; fresh for a minute. */
void node_tells(struct relation *relation, const char *text);

#endif
