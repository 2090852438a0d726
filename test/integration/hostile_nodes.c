/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * hostile_nodes: the real daemon among nodes that forge, cut, repeat and fall silent, in numbers
 * that no scenario could list. Each case starts a daemon of its own, ends it by SIGTERM, and the
 * daemon must end with 0, so that a sanitizer's report fails the case too. What is random comes
 * from a fixed seed.
 *
 *     hostile_nodes [GATEWAY]        exit code 0 or 1
 */

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "node_world.h"

enum {
    STORM_DATAGRAMS = 100000,
    STORM_BURST = 50,
    STORM_NODES = 3,
    CLIENTS = 32,
    ROUNDS = 313, /* times CLIENTS: more than 10,000 requests */
    SILENT_CLIENTS = 100,
    SILENT_ROUNDS = 10,
    STARTS = 3,
};

static uint64_t random_state = UINT64_C(0x2545F4914F6CDD1D);

static uint64_t draw(uint64_t bound)
{
    random_state ^= random_state << 13; /* xorshift64 */
    random_state ^= random_state >> 7;
    random_state ^= random_state << 17;
    return (random_state >> 11) % bound;
}

/* --- a storm of datagrams --- */

static size_t random_bytes(uint8_t *out, size_t length)
{
    for (size_t i = 0; i < length; i++)
        out[i] = (uint8_t)draw(256);
    return length;
}

/* The response that the request waits for, but for its payload. */
static size_t forge_response(uint8_t *out, const struct arrival *request)
{
    static const char payload[] = "\xffwrong";
    enum message_type type = (enum message_type)draw(3);
    uint16_t mid = type == MESSAGE_ACK ? request->mid : (uint16_t)draw(65536);
    out[0] = (uint8_t)(0x48 | type << 4);
    out[1] = 0x45;
    out[2] = (uint8_t)(mid >> 8);
    out[3] = (uint8_t)mid;
    memcpy(out + 4, request->token, TOKEN_SIZE);
    memcpy(out + 12, payload, sizeof payload - 1);
    return 12 + sizeof payload - 1;
}

/* The response with one thing that makes it no CoAP message (RFC 7252 3, 4.2, 4.3). */
static size_t forge_malformed(uint8_t *out, const struct arrival *request)
{
    static const uint8_t bad_classes[] = {1, 6, 7};
    size_t length = forge_response(out, request);
    switch (draw(8)) {
    case 0:
        out[0] = (uint8_t)((out[0] & 0x3f) | (uint8_t[]){0x00, 0x80, 0xc0}[draw(3)]);
        return length;
    case 1:
        out[0] = (uint8_t)((out[0] & 0xf0) | (9 + draw(7)));
        return length;
    case 2:
        return 13; /* a marker without payload */
    case 3:
        out[12] = 0xd1; /* an option without its extended delta */
        return 13;
    case 4:
        out[12] = 0xc4; /* an option without its value */
        return 14;
    case 5:
        out[12] = 0xf0; /* reserved */
        return length;
    case 6:
        out[1] = (uint8_t)(bad_classes[draw(3)] << 5 | draw(32));
        return length;
    default:
        return 4 + draw(TOKEN_SIZE); /* cut */
    }
}

/* A datagram from the node that was asked, which must not answer `request`. */
static size_t forge(uint8_t *out, const struct arrival *request)
{
    size_t length;
    switch (draw(6)) {
    case 0:
        length = random_bytes(out, draw(80));
        break;
    case 1:
        length = random_bytes(out, 4 + draw(60));
        out[0] = (uint8_t)(0x40 | (out[0] & 0x3f));
        break;
    case 2:
        length = forge_response(out, request);
        out[4 + draw(TOKEN_SIZE)] ^= (uint8_t)(1 << draw(8));
        return length;
    case 3:
        return forge_malformed(out, request);
    case 4: /* the right token in the ACK of another message */
        length = forge_response(out, request);
        out[0] = 0x68;
        out[2] = (uint8_t)(request->mid >> 8);
        out[3] = (uint8_t)(request->mid ^ (1 + draw(255)));
        return length;
    default:
        out[0] = (uint8_t)(0x60 | draw(2) << 4); /* a stray ACK or RST */
        out[1] = 0;
        length = 2 + random_bytes(out + 2, 2);
        break;
    }
    if (length >= 4 && out[2] == request->mid >> 8 && out[3] == (request->mid & 0xff))
        out[3] ^= 1;
    return length;
}

static void send_storm(struct node *nodes, const struct arrival *requests)
{
    struct node stranger = {.next_mid = 0};
    open_node(&stranger, 0);
    for (unsigned i = 0; i < STORM_DATAGRAMS; i++) {
        uint8_t datagram[256];
        size_t n = draw(STORM_NODES);
        switch (draw(3)) {
        case 0: /* the right answer from the wrong node */
            node_send(draw(2) ? &stranger : &nodes[(n + 1) % STORM_NODES], datagram,
                      forge_response(datagram, &requests[n]));
            break;
        default:
            node_send(&nodes[n], datagram, forge(datagram, &requests[n]));
            break;
        }
        if (i % STORM_BURST == 0) {
            wait_for_gateway(&stranger);
            for (n = 0; n < STORM_NODES; n++)
                node_drain(&nodes[n]);
        }
    }
    wait_for_gateway(&stranger);
    close(stranger.fd);
}

/* RFC 7252 3, 4.2, 4.3 and 5.3.2. */
static void a_storm_of_datagrams_answers_nothing_and_disturbs_nothing(void)
{
    static const char *const bodies[STORM_NODES] = {"piggybacked", "confirmable", "at last"};
    struct node nodes[STORM_NODES];
    struct http_client *clients[STORM_NODES];
    struct arrival requests[STORM_NODES];
    start_gateway("{ \"ack_timeout\": 60, \"deadline\": 300, \"acked_deadline\": 300 }");
    for (size_t n = 0; n < STORM_NODES; n++) {
        nodes[n] = (struct node){.next_mid = 0};
        open_node(&nodes[n], 0);
        clients[n] = make_client();
        send_get_to(clients[n], &nodes[n], "x");
        node_expect_request(&nodes[n], &requests[n]);
    }
    node_reply(&nodes[2], &requests[2], MESSAGE_ACK, 0, NULL);
    send_storm(nodes, requests);
    for (size_t n = 0; n < STORM_NODES; n++)
        expect(!http_client_read(clients[n], &world.gateway, 0), "the storm answered a request");
    node_reply(&nodes[0], &requests[0], MESSAGE_ACK, 0x45, bodies[0]);
    node_reply(&nodes[1], &requests[1], MESSAGE_CON, 0x45, bodies[1]);
    node_reply(&nodes[2], &requests[2], MESSAGE_NON, 0x45, bodies[2]);
    for (size_t n = 0; n < STORM_NODES; n++) {
        expect_response(clients[n], 200, bodies[n]);
        http_client_free(clients[n]);
        close(nodes[n].fd);
    }
    expect_metric("\ncoapgw_exchanges 1\n");
    stop_gateway();
    printf("ROW MSG-09 wire hostile_nodes:%s\n", __func__);
}

/* --- thousands of requests --- */

static int compare_tokens(const void *a, const void *b)
{
    return memcmp(a, b, TOKEN_SIZE);
}

/* Each bit is set in half of the tokens, and changes in half of the steps from one to the next: at
 * most six standard deviations off. */
static void expect_random(const uint8_t (*tokens)[TOKEN_SIZE], size_t count)
{
    for (size_t bit = 0; bit < 8 * TOKEN_SIZE; bit++) {
        long ones = 0, changes = 0, half = (long)count / 2;
        for (size_t i = 0; i < count; i++) {
            unsigned now = tokens[i][bit / 8] >> bit % 8 & 1;
            unsigned before = i == 0 ? 0 : tokens[i - 1][bit / 8] >> bit % 8 & 1;
            ones += now;
            changes += now != before;
        }
        expect(labs(ones - half) < 300 && labs(changes - half) < 300,
               "bit %zu of the tokens: %ld ones, %ld changes in %zu", bit, ones, changes, count);
    }
}

/* CLIENTS requests are outstanding at once, acknowledged, and answered in the opposite order. */
static void play_round(struct node *node, struct http_client **clients, struct arrival *arrivals)
{
    char name[16];
    for (size_t i = 0; i < CLIENTS; i++) {
        snprintf(name, sizeof name, "%zu", i);
        send_get_to(clients[i], node, name);
    }
    for (size_t i = 0; i < CLIENTS; i++) {
        node_expect_request(node, &arrivals[i]);
        node_reply(node, &arrivals[i], MESSAGE_ACK, 0, NULL);
    }
    for (size_t i = CLIENTS; i-- > 0;)
        node_reply(node, &arrivals[i], MESSAGE_NON, 0x45, arrivals[i].path);
    for (size_t i = 0; i < CLIENTS; i++) {
        snprintf(name, sizeof name, "%zu", i);
        expect_response(clients[i], 200, name);
    }
}

/* RFC 7252 4.4, 5.3.1 and 5.3.2. */
static void ten_thousand_requests_have_mids_and_tokens_of_their_own(void)
{
    static uint8_t tokens[CLIENTS * ROUNDS][TOKEN_SIZE];
    static bool has_mid[65536];
    struct http_client *clients[CLIENTS];
    struct arrival arrivals[CLIENTS];
    struct node node = {.next_mid = 0};
    size_t count = 0;
    start_gateway("{}");
    open_node(&node, 0);
    for (size_t i = 0; i < CLIENTS; i++)
        clients[i] = make_client();
    for (unsigned round = 0; round < ROUNDS; round++) {
        play_round(&node, clients, arrivals);
        for (size_t i = 0; i < CLIENTS; i++) {
            expect(!has_mid[arrivals[i].mid], "MID %u came twice", arrivals[i].mid);
            has_mid[arrivals[i].mid] = true;
            memcpy(tokens[count++], arrivals[i].token, TOKEN_SIZE);
        }
    }
    expect_random(tokens, count);
    qsort(tokens, count, TOKEN_SIZE, compare_tokens);
    for (size_t i = 1; i < count; i++)
        expect(memcmp(tokens[i - 1], tokens[i], TOKEN_SIZE) != 0, "a token came twice");
    for (size_t i = 0; i < CLIENTS; i++)
        http_client_free(clients[i]);
    close(node.fd);
    stop_gateway();
    printf("ROW MSG-02 wire hostile_nodes:%s\n", __func__);
}

static void each_start_begins_with_another_mid(void)
{
    uint16_t mids[STARTS];
    bool differ = false;
    for (size_t i = 0; i < STARTS; i++) {
        struct node node = {.next_mid = 0};
        struct arrival arrival;
        start_gateway("{}");
        open_node(&node, 0);
        struct http_client *client = make_client();
        send_get_to(client, &node, "x");
        node_expect_request(&node, &arrival);
        node_reply(&node, &arrival, MESSAGE_ACK, 0x45, "x");
        expect_response(client, 200, "x");
        mids[i] = arrival.mid;
        differ |= mids[i] != mids[0];
        http_client_free(client);
        close(node.fd);
        stop_gateway();
    }
    expect(differ, "each of %d starts begins with MID %u", STARTS, mids[0]);
    printf("ROW MSG-04 wire hostile_nodes:%s\n", __func__);
}

/* RFC 8075 8.5; RFC 7252 4.7: none of them keeps its place. */
static void a_thousand_requests_that_are_only_acknowledged_all_end(void)
{
    struct http_client *clients[SILENT_CLIENTS];
    struct node node = {.next_mid = 0};
    struct arrival arrival;
    start_gateway(
        "{ \"acked_deadline\": 0.3, \"queue_per_node\": 200, \"probing_rate\": 1000000 }");
    open_node(&node, 0);
    for (size_t i = 0; i < SILENT_CLIENTS; i++)
        clients[i] = make_client();
    for (unsigned round = 0; round < SILENT_ROUNDS; round++) {
        for (size_t i = 0; i < SILENT_CLIENTS; i++)
            send_get_to(clients[i], &node, "x");
        for (size_t i = 0; i < SILENT_CLIENTS; i++) {
            node_expect_request(&node, &arrival);
            node_reply(&node, &arrival, MESSAGE_ACK, 0, NULL);
        }
        for (size_t i = 0; i < SILENT_CLIENTS; i++)
            expect_response(clients[i], 504, NULL);
    }
    send_get_to(clients[0], &node, "x");
    node_expect_request(&node, &arrival);
    node_reply(&node, &arrival, MESSAGE_ACK, 0x45, "alive");
    expect_response(clients[0], 200, "alive");
    expect_metric("\ncoapgw_exchanges 1\n");
    for (size_t i = 0; i < SILENT_CLIENTS; i++)
        http_client_free(clients[i]);
    close(node.fd);
    stop_gateway();
    printf("ROW CONG-09 wire hostile_nodes:%s\n", __func__);
}

/* --- an ICMP error that names no request --- */

static void map_kitchen(const struct node *node)
{
    char text[128];
    snprintf(text, sizeof text,
             "{ \"nodes\": { \"kitchen\": { \"address\": \"coap://127.0.0.1:%u\" } } }\n",
             node->port);
    write_file("mappings/kitchen.json", text);
}

/* While the gateway stands still the node sends what it will reset, and goes: the reset comes back
 * as an ICMP error. */
static void provoke_icmp_error(struct node *node)
{
    static const struct arrival unknown = {.token_length = TOKEN_SIZE};
    int status;
    expect(kill(world.gateway.pid, SIGSTOP) == 0 &&
               waitpid(world.gateway.pid, &status, WUNTRACED) == world.gateway.pid &&
               WIFSTOPPED(status),
           "the gateway cannot be stopped");
    node_reply(node, &unknown, MESSAGE_CON, 0x45, "stray");
    close(node->fd);
    kill(world.gateway.pid, SIGCONT);
}

/* RFC 7252 4.2. */
static void an_icmp_error_that_names_no_request_only_makes_the_node_suspect(void)
{
    struct node node = {.next_mid = 0};
    struct arrival arrival;
    open_node(&node, 0);
    map_kitchen(&node);
    start_gateway("{}");
    struct http_client *client = make_client();
    send_get(client, "/nodes/kitchen/x");
    node_expect_request(&node, &arrival);
    node_reply(&node, &arrival, MESSAGE_ACK, 0x45, "up");
    expect_response(client, 200, "up");
    expect_metric("\ncoapgw_node_up{node=\"kitchen\"} 1\n");
    send_get(client, "/nodes/kitchen/slow");
    node_expect_request(&node, &arrival);
    node_reply(&node, &arrival, MESSAGE_ACK, 0, NULL);
    wait_for_gateway(&node);
    provoke_icmp_error(&node);
    expect_metric("\ncoapgw_node_up{node=\"kitchen\"} 0\n");
    expect(!http_client_read(client, &world.gateway, 0), "the ICMP error ended the request");
    open_node(&node, node.port);
    node_reply(&node, &arrival, MESSAGE_NON, 0x45, "still here");
    expect_response(client, 200, "still here");
    expect_metric("\ncoapgw_node_up{node=\"kitchen\"} 1\n");
    http_client_free(client);
    close(node.fd);
    stop_gateway();
    printf("ROW STATUS-47 wire hostile_nodes:%s\n", __func__);
}

int main(int argc, char **argv)
{
    world_begin(argc > 1 ? argv[1] : "./coapgw", "hostile-nodes-XXXXXX");
    a_storm_of_datagrams_answers_nothing_and_disturbs_nothing();
    ten_thousand_requests_have_mids_and_tokens_of_their_own();
    each_start_begins_with_another_mid();
    a_thousand_requests_that_are_only_acknowledged_all_end();
    an_icmp_error_that_names_no_request_only_makes_the_node_suspect();
    world_end();
    return EXIT_SUCCESS;
}
