/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_NODE_WORLD_H
#define COAPGW_TEST_NODE_WORLD_H

/*
 * node_world: the real daemon, HTTP clients of it and CoAP nodes on raw sockets, for integration
 * tests in C. Whatever does not come as expected ends the program with both sides' story.
 */

#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "gateway_process.h"
#include "http_client.h"

enum { PATIENCE_S = 30, TOKEN_SIZE = 8 };

enum message_type { MESSAGE_CON, MESSAGE_NON, MESSAGE_ACK, MESSAGE_RST };

struct node {
    int fd;
    unsigned port;
    uint16_t next_mid;
};

/* A request as it came to a node. */
struct arrival {
    unsigned type;
    uint16_t mid;
    uint8_t token[TOKEN_SIZE];
    size_t token_length;
    char path[32]; /* the last segment */
    long observe;  /* -1: no such option */
};

struct node_world {
    char program[512];
    char folder[64];
    char port[8]; /* of the HTTP listener */
    struct gateway_process gateway;
    struct sockaddr_in coap; /* the gateway's own CoAP address, once a node heard of it */
};
extern struct node_world world;

/* Makes a private folder; it stays when the program fails. `folder` is a template of mkdtemp. */
void world_begin(const char *program, const char *folder);
void world_end(void);
void expect(bool holds, const char *format, ...) __attribute__((format(printf, 2, 3)));
double patience(void);

/* Writes a file of the configuration: "mappings/x.json". */
void write_file(const char *name, const char *text);
/* With that configuration, which listens on 127.0.0.1:0 alone. */
void start_gateway_as(const char *configuration);
/* `coap` and `cache` are the members of these names in the configuration. */
void start_gateway_with(const char *coap, const char *cache);
/* Without a cache, so that every request goes out. */
void start_gateway(const char *coap);
/* By SIGTERM; it must end with 0. */
void stop_gateway(void);

struct http_client *make_client(void);
void send_get(struct http_client *client, const char *target);
void send_get_to(struct http_client *client, const struct node *node, const char *path);
/* `body` NULL: any. */
void expect_response(struct http_client *client, unsigned status, const char *body);
/* Waits until the page of metrics has that text: what a request leaves behind is put away after its
 * answer. */
void expect_metric(const char *line);

/* On any port with `port` 0. */
void open_node(struct node *node, unsigned port);
void node_send(const struct node *node, const void *datagram, size_t length);
/* A message without options; `mid` of the request in an ACK or RST, else the node's next. */
void node_reply(struct node *node, const struct arrival *to, enum message_type type, uint8_t code,
                const char *payload);
/* The next datagram. */
void node_receive(const struct node *node, struct arrival *arrival);
/* The next datagram is a CON with a token. */
void node_expect_request(const struct node *node, struct arrival *arrival);
/* Throws away what came. */
void node_drain(const struct node *node);
/* All that was sent to the gateway before has been read when its answer to a ping comes. */
void wait_for_gateway(struct node *node);

#endif
