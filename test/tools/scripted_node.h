/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_SCRIPTED_NODE_H
#define COAPGW_TEST_SCRIPTED_NODE_H

/* scripted_node: a CoAP peer on a raw UDP socket that does exactly what a scenario says. */

#include <netinet/in.h>
#include <sys/socket.h>

#include "coap_message.h"
#include "gateway_process.h"

union node_address {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* A message that came in the present case. */
struct node_message {
    struct node_message *next; /* in the list of unread ones */
    struct coap_message message;
    struct bytes raw;
    union node_address from;
    double time; /* of its last transmission */
    char name[32];
    bool answered;
};

/* A datagram that a node sends later. */
struct node_delayed {
    struct node_delayed *next;
    struct bytes datagram;
    union node_address to;
    int fd;
    double due;
};

struct scripted_node {
    const char *name; /* node, node2, node3, node6 */
    union node_address address;
    int fd;
    int other_port_fd;            /* for from-other-port; -1: not opened yet */
    int other_address_fd;         /* for from-other-address */
    struct node_message *unread;  /* owned; came while the node waited for something else */
    struct node_delayed *delayed; /* owned; in the order of `due` */
    struct node_message **seen;   /* owned; of this case, in the order of arrival */
    size_t seen_count;
    struct node_message *current; /* the one that replies refer to; borrowed from seen */
    struct bytes last_sent;
    double sent_time; /* of it */
    uint16_t next_mid;
    uint16_t case_mid;        /* the first that this case uses */
    struct bytes old_tokens;  /* of earlier cases: 9 octets each, length and token */
    struct bytes *transcript; /* borrowed */
};

bool scripted_node_open(struct scripted_node *node, const char *name, const char *ip,
                        struct bytes *transcript);
void scripted_node_close(struct scripted_node *node);
void scripted_node_begin_case(struct scripted_node *node);
/* What came in the case is forgotten; what its requests still send is reset from now on. */
void scripted_node_end_case(struct scripted_node *node);
/* The next datagram of this case, made the current message; NULL when none came until `until`.
 * Leftovers of earlier cases are reset and skipped. */
struct node_message *scripted_node_receive(struct scripted_node *node,
                                           struct gateway_process *gateway, double until);
enum node_source { NODE_SOURCE_OWN, NODE_SOURCE_OTHER_PORT, NODE_SOURCE_OTHER_ADDRESS };
/* Sends to where the current message came from, at once or after `delay` seconds. False when
 * nothing came yet. */
bool scripted_node_send(struct scripted_node *node, enum node_source source, double delay,
                        const struct bytes *datagram);
/* Sends what is due at `now`; returns when the next one is, HUGE_VAL: there is none. */
double scripted_node_tick(struct scripted_node *node, double now);
/* Pings the gateway (an empty CON, answered by RST): afterwards it has read all that the node sent
 * before. Other datagrams stay for scripted_node_receive. False when no RST came in time. */
bool scripted_node_synchronise(struct scripted_node *node, struct gateway_process *gateway,
                               double until);
uint16_t scripted_node_port(const struct scripted_node *node);
/* An UDP port of 127.0.0.1 on which nobody listens. */
uint16_t scripted_node_closed_port(void);

/* node_babble.c: `count` malformed datagrams to where the current message came from, decided by
 * `seed` (not 0); true when the gateway still answers a ping behind them. */
bool node_babble(struct scripted_node *node, struct gateway_process *gateway, uint32_t seed,
                 long count);

#endif
