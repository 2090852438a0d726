/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_STAGE_H
#define COAPGW_TEST_STAGE_H

/* stage: a libcoap client on one side, a raw UDP socket that plays its node on the other. */

#include <coap3/coap.h>
#include <netinet/in.h>

#include "coap_message.h"

struct stage {
    coap_context_t *context; /* owned */
    int node;                /* the node's socket */
    struct sockaddr_in node_address;
    struct sockaddr_in client; /* where the latest datagram came from */
    struct coap_message got;   /* the latest datagram */
    unsigned responses;        /* that reached the response handler */
    uint8_t response_code;     /* of the latest one */
    size_t body_length;        /* of the latest one, as libcoap tells it */
    unsigned nacks;
};

/* How a fact came out; `detail` is one line for people. */
struct finding {
    bool seen;
    char detail[160];
};

/* Anything that goes wrong while setting up ends the program with exit code 1. */
void stage_open(struct stage *stage, uint32_t block_mode);
/* A session with the node; ack_timeout in seconds, without randomness. */
coap_session_t *stage_session(struct stage *stage, double ack_timeout);
/* Sends CON GET /x; with `length` > 0 a PUT with a body of that size by libcoap's block mode. */
void stage_request(struct stage *stage, coap_session_t *session, size_t length);
/* Runs libcoap until the node hears something; false when it does not within so many seconds. */
bool stage_hear(struct stage *stage, double seconds);
/* Runs libcoap for so long, whatever comes. */
void stage_run(struct stage *stage, double seconds);
/* The node sends to the client. */
void stage_say(struct stage *stage, struct coap_message *message);
/* A message that answers what the node heard last: its token, and its MID for ACK and RST. */
struct coap_message stage_answer(const struct stage *stage, enum message_type type, uint8_t code);
void stage_close(struct stage *stage);
void stage_check(bool condition, const char *what);

/* Monotonic, seconds. */
double stage_now(void);
/* Steps what every library of this process takes for the wall clock. */
void stage_step_wall_clock(long seconds);

/* The facts, each run in a process of its own. */
void fact_mid_collision(struct finding *finding);
void fact_early_retransmission(struct finding *finding);
void fact_token_ignored(struct finding *finding);
void fact_unknown_token(struct finding *finding);
void fact_duplicate_unacknowledged(struct finding *finding);
void fact_wall_clock(struct finding *finding);
void fact_separate_block2(struct finding *finding);
void fact_413_not_retried(struct finding *finding);
void fact_early_204(struct finding *finding);
void fact_size2(struct finding *finding);
void fact_high_descriptor(struct finding *finding);
void fact_many_nodes(struct finding *finding);
void fact_many_outstanding(struct finding *finding);

#endif
