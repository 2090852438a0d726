/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * cache_memory: more distinct targets than the cache has room for, ten times over. What the daemon
 * keeps in memory behind that is what the configuration allows the cache, and a tenth more at the
 * most (CACHE-23).
 *
 *     cache_memory [GATEWAY [TARGETS]]        exit code 0 or 1
 */

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "node_world.h"

enum {
    TARGETS = 100000,
    BOUND = 8 << 20, /* bytes of the cache */
    PAYLOAD = 700,
    CLIENTS = 32,
    NODES = 4, /* a node has 65536 Message IDs within EXCHANGE_LIFETIME */
};

struct run {
    struct node nodes[NODES];
    struct http_client *clients[CLIENTS];
    char payload[PAYLOAD + 1];
};

static size_t resident_bytes(void)
{
    char path[64], text[256];
    unsigned long kilobytes = 0;
    snprintf(path, sizeof path, "/proc/%ld/status", (long)world.gateway.pid);
    FILE *file = fopen(path, "r");
    while (file != NULL && fgets(text, sizeof text, file) != NULL)
        sscanf(text, "VmRSS: %lu kB", &kilobytes);
    if (file != NULL)
        fclose(file);
    expect(kilobytes > 0, "%s does not tell it", path);
    return (size_t)kilobytes * 1024;
}

/* The value of a metric without labels. */
static double read_metric(const char *name)
{
    struct http_client *client = make_client();
    char line[80];
    send_get(client, "/-/metrics");
    expect_response(client, 200, NULL);
    snprintf(line, sizeof line, "\n%s ", name);
    const char *found = strstr(bytes_text(&client->response.body), line);
    expect(found != NULL, "no metric %s", name);
    double value = strtod(found + strlen(line), NULL);
    http_client_free(client);
    return value;
}

static void answer(const struct node *node, const struct arrival *request, const char *payload)
{
    uint8_t datagram[32 + PAYLOAD] = {0x60 | TOKEN_SIZE, 0x45, (uint8_t)(request->mid >> 8),
                                      (uint8_t)request->mid};
    size_t length = 4;
    memcpy(datagram + length, request->token, TOKEN_SIZE);
    length += TOKEN_SIZE;
    datagram[length++] = 0xd2; /* Max-Age: an hour */
    datagram[length++] = 14 - 13;
    datagram[length++] = 3600 >> 8;
    datagram[length++] = 3600 & 0xff;
    datagram[length++] = 0xff;
    memcpy(datagram + length, payload, PAYLOAD);
    node_send(node, datagram, length + PAYLOAD);
}

/* CLIENTS requests at once, each for a target that nobody asked for before. */
static void play_round(struct run *run, unsigned round)
{
    struct node *node = &run->nodes[round % NODES];
    struct arrival request;
    char path[32];
    for (unsigned i = 0; i < CLIENTS; i++) {
        snprintf(path, sizeof path, "%u", round * CLIENTS + i);
        send_get_to(run->clients[i], node, path);
    }
    for (unsigned i = 0; i < CLIENTS; i++) {
        node_expect_request(node, &request);
        answer(node, &request, run->payload);
    }
    for (unsigned i = 0; i < CLIENTS; i++)
        expect_response(run->clients[i], 200, run->payload);
}

static void targets_without_end_take_no_more_than_the_bound(unsigned targets)
{
    struct run run = {.payload = ""};
    char cache[64];
    unsigned rounds = (targets + CLIENTS - 1) / CLIENTS;
    memset(run.payload, 'x', PAYLOAD);
    snprintf(cache, sizeof cache, "{ \"bytes\": %d, \"entries\": 1000000 }", BOUND);
    start_gateway_with("{}", cache);
    for (unsigned i = 0; i < NODES; i++)
        open_node(&run.nodes[i], 0);
    for (unsigned i = 0; i < CLIENTS; i++)
        run.clients[i] = make_client();
    for (unsigned i = 0; i < NODES; i++)
        play_round(&run, i);
    size_t before = resident_bytes();
    for (unsigned i = NODES; i < rounds; i++)
        play_round(&run, i);
    size_t after = resident_bytes();
    double used = read_metric("coapgw_cache_bytes");
    printf("%u targets: %.1f MiB resident, %.1f MiB before; the cache has %.0f entries in %.2f of "
           "%.2f MiB\n",
           rounds * CLIENTS, (double)after / (1 << 20), (double)before / (1 << 20),
           read_metric("coapgw_cache_entries"), used / (1 << 20), (double)BOUND / (1 << 20));
    expect(used <= BOUND && used > 0.9 * BOUND, "the bound is %d bytes", BOUND);
    expect(after <= before + BOUND + BOUND / 10, "that is more than the bound allows");
    for (unsigned i = 0; i < CLIENTS; i++)
        http_client_free(run.clients[i]);
    for (unsigned i = 0; i < NODES; i++)
        close(run.nodes[i].fd);
    stop_gateway();
    printf("ROW CACHE-23 wire cache_memory:targets_without_end_take_no_more_than_the_bound\n");
}

int main(int argc, char **argv)
{
    world_begin(argc > 1 ? argv[1] : "./coapgw", "cache-memory-XXXXXX");
    targets_without_end_take_no_more_than_the_bound(argc > 2 ? (unsigned)strtoul(argv[2], NULL, 10)
                                                             : TARGETS);
    world_end();
    return 0;
}
