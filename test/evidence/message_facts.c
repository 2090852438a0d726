/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"
/*
 * message_facts: what libcoap's client session layer does with messages, matching and time
 * (RFC 7252 4 and 5.3). Each function plays one exchange and says what it saw.
 */

#include <stdio.h>
#include <string.h>

#define CONTENT 0x45 /* 2.05 */

/* The node sends a NON of its own, a notification say, that happens to have the MID of the CON that
 * the client has outstanding. MIDs of the two directions have nothing to do with each other. */
void fact_mid_collision(struct finding *finding)
{
    struct stage stage;
    stage_open(&stage, 0);
    coap_session_t *session = stage_session(&stage, 0.2);
    stage_request(&stage, session, 0);
    stage_check(stage_hear(&stage, 2), "the first request");
    struct coap_message notification = stage_answer(&stage, MESSAGE_NON, CONTENT);
    notification.mid = stage.got.mid;
    notification.token[0] ^= 0xff;
    stage_say(&stage, &notification);
    bool retransmitted = stage_hear(&stage, 2);
    stage_request(&stage, session, 0);
    bool second = stage_hear(&stage, 8);
    finding->seen = !retransmitted && !second && stage.nacks == 0;
    snprintf(finding->detail, sizeof(finding->detail),
             "retransmission %s, next request %s, %u errors told", retransmitted ? "sent" : "none",
             second ? "sent" : "never sent", stage.nacks);
    stage_close(&stage);
}

/* Two sessions, ACK_TIMEOUT 2 s. The first one's request is answered by a separate response (its
 * ACK was lost). When does the second one retransmit? */
void fact_early_retransmission(struct finding *finding)
{
    struct stage stage;
    stage_open(&stage, 0);
    coap_session_t *first = stage_session(&stage, 2);
    coap_session_t *second = stage_session(&stage, 2);
    stage_request(&stage, first, 0);
    stage_check(stage_hear(&stage, 1), "the first request");
    struct coap_message response = stage_answer(&stage, MESSAGE_NON, CONTENT);
    struct sockaddr_in client = stage.client;
    stage_request(&stage, second, 0);
    stage_check(stage_hear(&stage, 1), "the second request");
    double sent = stage_now();
    uint16_t mid = stage.got.mid;
    stage.client = client;
    stage_say(&stage, &response);
    bool heard = stage_hear(&stage, 4) && stage.got.mid == mid;
    double gap = stage_now() - sent;
    finding->seen = heard && gap < 1.8;
    snprintf(finding->detail, sizeof(finding->detail),
             heard ? "the other session retransmits after %.2f s" : "no retransmission in %.2f s",
             gap);
    stage_close(&stage);
}

/* An ACK with the right MID and a foreign token. */
void fact_token_ignored(struct finding *finding)
{
    struct stage stage;
    stage_open(&stage, 0);
    stage_request(&stage, stage_session(&stage, 0.2), 0);
    stage_check(stage_hear(&stage, 2), "the request");
    struct coap_message response = stage_answer(&stage, MESSAGE_ACK, CONTENT);
    response.token[0] ^= 0xff;
    stage_say(&stage, &response);
    bool retransmitted = stage_hear(&stage, 1);
    finding->seen = !retransmitted;
    snprintf(finding->detail, sizeof(finding->detail),
             "%u responses reach the handler, the request is %s", stage.responses,
             retransmitted ? "retransmitted" : "taken as answered");
    stage_close(&stage);
}

/* A NON response that nobody asked for. */
void fact_unknown_token(struct finding *finding)
{
    struct stage stage;
    stage_open(&stage, 0);
    stage_request(&stage, stage_session(&stage, 2), 0);
    stage_check(stage_hear(&stage, 2), "the request");
    struct coap_message response = stage_answer(&stage, MESSAGE_NON, CONTENT);
    response.token[0] ^= 0xff;
    stage_say(&stage, &response);
    stage_run(&stage, 0.5);
    finding->seen = stage.responses > 0;
    snprintf(finding->detail, sizeof(finding->detail), "%u responses reach the handler",
             stage.responses);
    stage_close(&stage);
}

/* A CON response comes twice because its ACK was lost. */
void fact_duplicate_unacknowledged(struct finding *finding)
{
    struct stage stage;
    stage_open(&stage, 0);
    stage_request(&stage, stage_session(&stage, 2), 0);
    stage_check(stage_hear(&stage, 2), "the request");
    struct coap_message ack = stage_answer(&stage, MESSAGE_ACK, 0);
    struct coap_message response = stage_answer(&stage, MESSAGE_CON, CONTENT);
    stage_say(&stage, &ack);
    stage_say(&stage, &response);
    bool first = stage_hear(&stage, 1) && stage.got.type == MESSAGE_ACK;
    stage_say(&stage, &response);
    bool second = stage_hear(&stage, 1) && stage.got.type == MESSAGE_ACK;
    finding->seen = first && !second;
    snprintf(finding->detail, sizeof(finding->detail), "first: %s, second: %s",
             first ? "acknowledged" : "not acknowledged",
             second ? "acknowledged" : "not acknowledged");
    stage_close(&stage);
}

/* Seconds until a CON with ACK_TIMEOUT 0.2 s is retransmitted when the wall clock goes back an hour
 * meanwhile; -1: not within 5 s. */
static double retransmission_over_step(void)
{
    struct stage stage;
    stage_open(&stage, 0);
    stage_request(&stage, stage_session(&stage, 0.2), 0);
    stage_check(stage_hear(&stage, 2), "the request");
    double sent = stage_now();
    stage_step_wall_clock(-3600);
    double gap = stage_hear(&stage, 5) ? stage_now() - sent : -1;
    stage_close(&stage);
    return gap;
}

/* libcoap counts wall time from its start, so it matters whether that was longer ago than the step.
 */
void fact_wall_clock(struct finding *finding)
{
    double young = retransmission_over_step();
    stage_step_wall_clock(3 * 3600); /* as if it had been running for two hours */
    double old = retransmission_over_step();
    finding->seen = young < 0.15 || young > 0.4 || old < 0.15 || old > 0.4;
    snprintf(finding->detail, sizeof(finding->detail),
             "0.2 s is due: just started: after %.2f s; up for two hours: %s %.2f s", young,
             old < 0 ? "not within" : "after", old < 0 ? 5 : old);
}
