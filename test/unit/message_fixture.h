/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_MESSAGE_FIXTURE_H
#define COAPGW_TEST_MESSAGE_FIXTURE_H

/*
 * message_fixture: a message layer on the test clock, below a recorder that answers each response
 * with the verdict the test chose. Shared by the tests of RFC 7252 4.
 */

#include <stdint.h>

#include "fakes.h"
#include "message_layer.h"

enum { NODE = 5683, OTHER_NODE = 5684, LIFETIME_MS = 247000 };

/* A request on its way; static in the tests, as the layer may hold it until its end. */
struct sender {
    struct message message;
    uint8_t datagram[64];
};

struct world {
    struct timers *timers;
    struct random_sequence sequence;
    struct fake_channel channel;
    struct message_layer *layer;
    struct settings settings;
    struct endpoint_address node, other;
    uint64_t client; /* of the next messages */
    bool is_continuation;
    /* What the layer told. */
    unsigned acknowledged, ended, responses, hints;
    enum message_end end;
    struct message *told;
    enum message_verdict verdict;
    struct message *ends_on_response; /* message_end() for it before the verdict */
};

extern struct world w;

void message_setup(void);
void message_setup_with_seed(uint64_t seed);
void message_teardown(void);
const struct message_counters *counters(void);
/* Sends a GET with a token of 8 bytes that begins with `tag`; what message_send returned. */
int send_to(const struct endpoint_address *to, struct sender *sender, uint8_t tag);
/* The latest datagram is of that type and MID and went there. */
void expect_last(const struct endpoint_address *to, enum pdu_type type, uint16_t mid);

#endif
