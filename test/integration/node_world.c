/* SPDX-License-Identifier: BSD-2-Clause */
#include "node_world.h"

/*
 * node_world: one daemon at a time, started with a configuration of its own on ports that the
 * kernel chooses. Every wait has an end and watches the daemon's log meanwhile; nothing sleeps.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <ftw.h>
#include <poll.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 2048, OPTION_OBSERVE = 6, OPTION_URI_PATH = 11 };

struct node_world world;

double patience(void)
{
    return gateway_process_now() + PATIENCE_S;
}

void expect(bool holds, const char *format, ...)
{
    if (holds)
        return;
    va_list arguments;
    va_start(arguments, format);
    printf("FAILED: ");
    vprintf(format, arguments);
    va_end(arguments);
    gateway_process_wait_end(&world.gateway, gateway_process_now() + 1);
    printf("\nlog of the gateway:\n%s", bytes_text(&world.gateway.log));
    gateway_process_kill(&world.gateway);
    exit(EXIT_FAILURE);
}

/* --- the daemon --- */

void write_file(const char *name, const char *text)
{
    char path[128];
    snprintf(path, sizeof path, "%s/%s", world.folder, name);
    FILE *file = fopen(path, "w");
    expect(file != NULL && fputs(text, file) >= 0 && fclose(file) == 0, "cannot write %s", path);
}

void start_gateway_as(const char *configuration)
{
    char path[128], option[] = "-c";
    write_file("coapgw.json", configuration);
    snprintf(path, sizeof path, "%s/coapgw.json", world.folder);
    char *const arguments[] = {world.program, option, path, NULL};
    expect(gateway_process_start(&world.gateway, arguments, NULL, 0), "cannot start the gateway");
    static const char listening[] = "listening on http://127.0.0.1:";
    const char *line = gateway_process_find(&world.gateway, listening, patience());
    const char *found = line == NULL ? NULL : strstr(line, listening);
    expect(found != NULL && sscanf(found + strlen(listening), "%7[0-9]", world.port) == 1,
           "the gateway does not listen");
}

void start_gateway_with(const char *coap, const char *cache)
{
    char text[1024];
    snprintf(text, sizeof text,
             "{ \"http\": { \"listen\": [\"127.0.0.1:0\"] }, \"auth\": \"none\", \"coap\": %s,\n"
             "  \"cache\": %s,\n"
             "  \"access\": [ { \"targets\": [\"coap://127.0.0.1:*\"] } ] }\n",
             coap, cache);
    start_gateway_as(text);
}

void start_gateway(const char *coap)
{
    start_gateway_with(coap, "{ \"entries\": 0 }");
}

void stop_gateway(void)
{
    kill(world.gateway.pid, SIGTERM);
    expect(gateway_process_wait_end(&world.gateway, patience()), "the gateway does not end");
    expect(world.gateway.exit_code == 0, "the gateway ended with %d", world.gateway.exit_code);
}

/* --- HTTP clients --- */

struct http_client *make_client(void)
{
    struct http_client *client = bytes_allocate(sizeof *client);
    client->fd = -1;
    expect(http_client_connect(client, "127.0.0.1", world.port), "no HTTP connection");
    return client;
}

void send_get(struct http_client *client, const char *target)
{
    struct bytes request = {NULL, 0, 0};
    bytes_print(&request, "GET %s HTTP/1.1\r\nHost: 127.0.0.1:%s\r\n\r\n", target, world.port);
    http_client_note_request(client, false);
    expect(http_client_send(client, &world.gateway, request.data, request.length, patience()),
           "a request cannot be sent");
    bytes_clear(&request);
}

void send_get_to(struct http_client *client, const struct node *node, const char *path)
{
    char target[128];
    snprintf(target, sizeof target, "/hc/coap://127.0.0.1:%u/%s", node->port, path);
    send_get(client, target);
}

void expect_response(struct http_client *client, unsigned status, const char *body)
{
    const char *trouble = http_client_response(client, &world.gateway, patience());
    expect(trouble == NULL, "no response: %s", trouble == NULL ? "" : trouble);
    expect(client->response.status == status, "status %u in place of %u: %s",
           client->response.status, status, bytes_text(&client->response.body));
    expect(body == NULL || strcmp(bytes_text(&client->response.body), body) == 0,
           "body \"%s\" in place of \"%s\"", bytes_text(&client->response.body),
           body == NULL ? "" : body);
}

void expect_metric(const char *line)
{
    double until = patience();
    bool is_there = false;
    while (!is_there) {
        struct http_client *client = make_client();
        send_get(client, "/-/metrics");
        expect_response(client, 200, NULL);
        is_there = strstr(bytes_text(&client->response.body), line) != NULL;
        expect(is_there || gateway_process_now() < until, "no \"%s\" in\n%s", line,
               bytes_text(&client->response.body));
        http_client_free(client);
    }
}

/* --- nodes --- */

void open_node(struct node *node, unsigned port)
{
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    socklen_t length = sizeof address;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    node->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    expect(node->fd >= 0 && bind(node->fd, (struct sockaddr *)&address, length) == 0 &&
               getsockname(node->fd, (struct sockaddr *)&address, &length) == 0,
           "no socket for a node: %s", strerror(errno));
    node->port = ntohs(address.sin_port);
}

void node_send(const struct node *node, const void *datagram, size_t length)
{
    ssize_t sent = sendto(node->fd, datagram, length, 0, (const struct sockaddr *)&world.coap,
                          sizeof world.coap);
    expect(sent == (ssize_t)length, "a node cannot send: %s", strerror(errno));
}

void node_reply(struct node *node, const struct arrival *to, enum message_type type, uint8_t code,
                const char *payload)
{
    uint8_t datagram[128] = {(uint8_t)(0x40 | type << 4), code};
    size_t length = 4;
    uint16_t mid = type == MESSAGE_ACK || type == MESSAGE_RST ? to->mid : node->next_mid++;
    datagram[2] = (uint8_t)(mid >> 8);
    datagram[3] = (uint8_t)mid;
    if (code != 0) {
        datagram[0] |= (uint8_t)to->token_length;
        memcpy(datagram + length, to->token, to->token_length);
        length += to->token_length;
        datagram[length++] = 0xff;
        memcpy(datagram + length, payload, strlen(payload));
        length += strlen(payload);
    }
    node_send(node, datagram, length);
}

/* The value of an option's delta or length, whose extended bytes are at `at`. */
static unsigned read_extended(unsigned nibble, const uint8_t *datagram, size_t length, size_t *at)
{
    size_t size = nibble < 13 ? 0 : nibble - 12;
    expect(nibble < 15 && *at + size <= length, "the gateway sends a malformed option");
    unsigned value = size == 0 ? nibble : size == 1 ? 13 : 269;
    for (size_t i = 0; i < size; i++)
        value += (unsigned)datagram[*at + i] << 8 * (size - 1 - i);
    *at += size;
    return value;
}

/* Keeps the last segment of the path, and Observe. */
static void read_options(const uint8_t *datagram, size_t length, size_t at, struct arrival *arrival)
{
    unsigned number = 0;
    while (at < length && datagram[at] != 0xff) {
        uint8_t head = datagram[at++];
        number += read_extended(head >> 4, datagram, length, &at);
        unsigned size = read_extended(head & 15, datagram, length, &at);
        expect(at + size <= length, "the gateway sends a cut option");
        if (number == OPTION_URI_PATH)
            snprintf(arrival->path, sizeof arrival->path, "%.*s", (int)size,
                     (const char *)datagram + at);
        if (number == OPTION_OBSERVE)
            arrival->observe = size == 0 ? 0 : datagram[at + size - 1];
        at += size;
    }
}

static void read_arrival(const uint8_t *datagram, size_t length, struct arrival *arrival)
{
    expect(length >= 4 && datagram[0] >> 6 == 1, "the gateway sends no CoAP");
    *arrival = (struct arrival){.type = datagram[0] >> 4 & 3,
                                .mid = (uint16_t)(datagram[2] << 8 | datagram[3]),
                                .observe = -1,
                                .token_length = datagram[0] & 15};
    expect(arrival->token_length <= TOKEN_SIZE && 4 + arrival->token_length <= length,
           "the gateway sends a malformed token");
    memcpy(arrival->token, datagram + 4, arrival->token_length);
    read_options(datagram, length, 4 + arrival->token_length, arrival);
}

void node_receive(const struct node *node, struct arrival *arrival)
{
    uint8_t datagram[DATAGRAM_MAX];
    socklen_t size = sizeof world.coap;
    expect(gateway_process_wait(&world.gateway, node->fd, POLLIN, patience()),
           "nothing comes to a node");
    ssize_t length =
        recvfrom(node->fd, datagram, sizeof datagram, 0, (struct sockaddr *)&world.coap, &size);
    expect(length > 0, "nothing comes to a node: %s", strerror(errno));
    read_arrival(datagram, (size_t)length, arrival);
}

void node_expect_request(const struct node *node, struct arrival *arrival)
{
    node_receive(node, arrival);
    expect(arrival->type == MESSAGE_CON && arrival->token_length == TOKEN_SIZE,
           "no CON with a token of 8 bytes");
}

void node_drain(const struct node *node)
{
    uint8_t datagram[DATAGRAM_MAX];
    while (recv(node->fd, datagram, sizeof datagram, 0) >= 0) {
    }
}

void wait_for_gateway(struct node *node)
{
    struct arrival ping = {.mid = node->next_mid++}, answer;
    uint8_t datagram[4] = {0x40, 0, (uint8_t)(ping.mid >> 8), (uint8_t)ping.mid};
    node_send(node, datagram, sizeof datagram);
    do
        node_receive(node, &answer);
    while (answer.type != MESSAGE_RST || answer.mid != ping.mid);
}

/* --- the folder --- */

void world_begin(const char *program, const char *folder)
{
    char path[128];
    world.gateway.log_fd = -1;
    snprintf(world.program, sizeof world.program, "%s", program);
    snprintf(world.folder, sizeof world.folder, "%s", folder);
    setvbuf(stdout, NULL, _IOLBF, 0);
    expect(mkdtemp(world.folder) != NULL, "no folder: %s", strerror(errno));
    snprintf(path, sizeof path, "%s/mappings", world.folder);
    expect(mkdir(path, 0700) == 0, "no folder %s: %s", path, strerror(errno));
}

static int remove_entry(const char *path, const struct stat *status, int type, struct FTW *place)
{
    (void)status, (void)type, (void)place;
    return remove(path);
}

void world_end(void)
{
    nftw(world.folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
    bytes_clear(&world.gateway.log);
}
