/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * model-node-server: a model node of the simulation on a UDP socket, so that CoAP clients of others
 * can say whether it is a correct server.
 *
 *     model-node-server [--separate] [--slow] [--block-size N] [--plain-max N] [--answer-size N]
 *                       [--change-ms N]
 *
 * With --change-ms its first resource changes as often, and whoever observes it is told.
 * It listens on a port of 127.0.0.1 that the kernel chooses and prints "ready 127.0.0.1:PORT".
 */
#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

#include "dice.h"
#include "model_node.h"

enum { PEERS_MAX = 64 };

struct server {
    int fd;
    struct sockaddr_in peers[PEERS_MAX];
    unsigned peer_count;
    unsigned values;
    unsigned change_ms; /* 0: nothing changes by itself */
};

static uint64_t now_us(void)
{
    struct timespec now;

    clock_gettime(CLOCK_MONOTONIC, &now);
    return (uint64_t)now.tv_sec * 1000000 + (uint64_t)now.tv_nsec / 1000;
}

static void send_to(void *handle, unsigned peer, const uint8_t *bytes, size_t length)
{
    struct server *server = handle;

    (void)sendto(server->fd, bytes, length, 0, (const struct sockaddr *)&server->peers[peer],
                 sizeof server->peers[peer]);
}

static size_t make_value(void *handle, unsigned resource, uint8_t *out, size_t size)
{
    struct server *server = handle;

    return (size_t)snprintf((char *)out, size, "value %u of r%u", ++server->values, resource);
}

static void value_is(void *handle, unsigned resource, const uint8_t *bytes, size_t length)
{
    (void)handle;
    (void)bytes;
    printf("r%u has %zu bytes\n", resource, length);
}

static void executed(void *handle, uint8_t method, unsigned resource, const char *tag,
                     const uint8_t *body, size_t length)
{
    (void)handle;
    (void)body;
    printf("method %u on r%u, q=%s, %zu bytes\n", method, resource, tag, length);
}

/* The number of a peer; the oldest number is given away when there are many. */
static unsigned find_peer(struct server *server, const struct sockaddr_in *from)
{
    for (unsigned i = 0; i < server->peer_count && i < PEERS_MAX; i++)
        if (server->peers[i].sin_port == from->sin_port &&
            server->peers[i].sin_addr.s_addr == from->sin_addr.s_addr)
            return i;
    unsigned place = server->peer_count++ % PEERS_MAX;
    server->peers[place] = *from;
    return place;
}

static bool open_socket(struct server *server)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof address;

    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    server->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (server->fd < 0 || bind(server->fd, (struct sockaddr *)&address, sizeof address) != 0 ||
        getsockname(server->fd, (struct sockaddr *)&address, &length) != 0)
        return false;
    printf("ready 127.0.0.1:%u\n", ntohs(address.sin_port));
    return true;
}

static bool read_options(int count, char **arguments, struct model_traits *traits,
                         struct server *server)
{
    for (int i = 1; i < count; i++) {
        const char *value = i + 1 < count ? arguments[i + 1] : NULL;
        if (strcmp(arguments[i], "--separate") == 0) {
            traits->separate_percent = 100;
            continue;
        }
        if (strcmp(arguments[i], "--slow") == 0) {
            traits->think_min_us = traits->separate_min_us = 300000;
            traits->think_max_us = traits->separate_max_us = 600000;
            continue;
        }
        if (value == NULL)
            return false;
        size_t number = strtoul(value, NULL, 10);
        if (strcmp(arguments[i], "--block-size") == 0)
            traits->block_size = (unsigned)number;
        else if (strcmp(arguments[i], "--plain-max") == 0)
            traits->plain_max = number;
        else if (strcmp(arguments[i], "--answer-size") == 0)
            traits->answer_size = number;
        else if (strcmp(arguments[i], "--change-ms") == 0)
            server->change_ms = (unsigned)number;
        else
            return false;
        i++;
    }
    return true;
}

static void serve(struct server *server, struct model_node *node)
{
    uint64_t change_us = server->change_ms * UINT64_C(1000);
    uint64_t changes_us = change_us == 0 ? UINT64_MAX : now_us() + change_us;

    for (;;) {
        struct pollfd watch = {.fd = server->fd, .events = POLLIN};
        uint64_t next_us = model_node_next_us(node), now = now_us();
        int wait_ms = -1;
        if (changes_us < next_us)
            next_us = changes_us;
        if (next_us != UINT64_MAX)
            wait_ms = next_us > now ? (int)((next_us - now + 999) / 1000) : 0;
        if (poll(&watch, 1, wait_ms) > 0) {
            struct sockaddr_in from;
            socklen_t size = sizeof from;
            uint8_t bytes[2048];
            ssize_t length =
                recvfrom(server->fd, bytes, sizeof bytes, 0, (struct sockaddr *)&from, &size);
            if (length >= 0)
                model_node_receive(node, now_us(), find_peer(server, &from), bytes, (size_t)length);
        }
        if (now_us() >= changes_us) {
            changes_us += change_us;
            model_node_change(node, now_us(), 0);
        }
        model_node_run(node, now_us());
    }
}

int main(int count, char **arguments)
{
    struct model_traits traits = {
        .resources = 4,
        .has_etags = true,
        .creates = true,
        .block_size = 64,
        .body_max = 65536,
        .plain_max = 1024,
        .observes = true,
        .notify_con_percent = 50,
    };
    struct server server = {.fd = -1};
    struct model_host host = {.send = send_to,
                              .make_value = make_value,
                              .value_is = value_is,
                              .executed = executed,
                              .handle = &server};
    struct dice dice;

    (void)setvbuf(stdout, NULL, _IOLBF, 0);
    dice_init(&dice, (uint64_t)now_us(), 1);
    if (!read_options(count, arguments, &traits, &server) || !open_socket(&server)) {
        fputs("usage: model-node-server [--separate] [--slow] [--block-size N] [--plain-max N]\n"
              "                         [--answer-size N] [--change-ms N]\n",
              stderr);
        return 64;
    }
    serve(&server, model_node_new(&traits, &host, &dice, now_us()));
    return 0;
}
