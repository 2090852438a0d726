/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes.h"
/*
 * udpfault-test: proves udpfault before anybody trusts it: each rule does what it says to exactly
 * the datagrams it names, and a seed decides the same again. It plays the gateway and the node on
 * two sockets with the proxy between them. "Nothing else came" is seen at a mark that passes last.
 *
 *     udpfault-test UDPFAULT
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway_process.h"

#define PATIENCE     5.0
#define DATAGRAM     8
#define MAX_RULES    4
#define MARK         0xff /* as the index of a datagram */
#define RANDOM_COUNT 200

struct bench {
    char *program;
    struct gateway_process proxy;
    int gateway; /* sends to the proxy */
    int node;
    struct sockaddr_in proxy_address;
    struct sockaddr_in from_proxy; /* where the node answers to */
    unsigned failures;
};

static void fail(struct bench *bench, const char *title, const char *text)
{
    printf("FAIL %s: %s\n%s", title, text, bytes_text(&bench->proxy.log));
    bench->failures++;
}

static int open_socket(struct sockaddr_in *address)
{
    socklen_t length = sizeof(*address);
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    *address = (struct sockaddr_in){.sin_family = AF_INET};
    address->sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)address, length) < 0 ||
        getsockname(fd, (struct sockaddr *)address, &length) < 0) {
        perror("udpfault-test: socket");
        exit(EXIT_FAILURE);
    }
    return fd;
}

static bool start(struct bench *bench, const char *seed, const char *const *rules)
{
    struct sockaddr_in address;
    char target[32], target_option[] = "-t", seed_option[] = "-s", number[24];
    char *arguments[6 + MAX_RULES] = {bench->program, target_option, target, seed_option, number};
    unsigned port = 0;
    bench->gateway = open_socket(&address);
    bench->node = open_socket(&address);
    snprintf(target, sizeof(target), "127.0.0.1:%u", ntohs(address.sin_port));
    snprintf(number, sizeof(number), "%s", seed);
    for (size_t i = 0; i < MAX_RULES && rules[i] != NULL; i++)
        arguments[5 + i] = strdup(rules[i]);
    bool started = gateway_process_start(&bench->proxy, arguments, NULL, 0);
    for (size_t i = 0; i < MAX_RULES && rules[i] != NULL; i++)
        free(arguments[5 + i]);
    const char *line =
        started ? gateway_process_find(&bench->proxy,
                                       "ready on 127.0.0.1:", gateway_process_now() + PATIENCE)
                : NULL;
    if (line == NULL || sscanf(line, "udpfault: ready on 127.0.0.1:%u", &port) != 1)
        return false;
    bench->proxy_address = address;
    bench->proxy_address.sin_port = htons((uint16_t)port);
    return true;
}

/* True when it ended well and its summary names the seed. */
static bool stop(struct bench *bench)
{
    if (bench->proxy.pid > 0)
        kill(bench->proxy.pid, SIGTERM);
    bool ended = gateway_process_wait_end(&bench->proxy, gateway_process_now() + PATIENCE);
    gateway_process_kill(&bench->proxy);
    close(bench->gateway);
    close(bench->node);
    return ended && bench->proxy.exit_code == 0 &&
           strstr(bytes_text(&bench->proxy.log), "udpfault: seed ") != NULL;
}

/* c: CON GET, n: NON 2.05, a: empty ACK, p: ACK 2.05, r: RST, 0..9: CON PUT with that Block1,
 * |: the mark, which no selector takes. Bytes 2 and 3 tell which datagram it is. */
static void make(char kind, unsigned index, uint8_t datagram[DATAGRAM])
{
    static const char kinds[] = "cnapr";
    static const uint8_t heads[][2] = {{0x40, 1}, {0x50, 0x45}, {0x60, 0}, {0x60, 0x45}, {0x70, 0}};
    const char *found = strchr(kinds, kind);
    memset(datagram, 0, DATAGRAM);
    datagram[3] = (uint8_t)index;
    if (kind == '|') {
        datagram[3] = MARK;
        return;
    }
    if (found != NULL) {
        datagram[0] = heads[found - kinds][0];
        datagram[1] = heads[found - kinds][1];
        datagram[4] = 0xff;
        return;
    }
    datagram[0] = 0x40;
    datagram[1] = 3;
    datagram[4] = 0xd1; /* Block1: option 27 in one byte */
    datagram[5] = 27 - 13;
    datagram[6] = (uint8_t)((kind - '0') << 4);
    datagram[7] = 0xff;
}

static void send_one(struct bench *bench, bool to_node, char kind, unsigned index)
{
    uint8_t datagram[DATAGRAM];
    const struct sockaddr_in *to = to_node ? &bench->proxy_address : &bench->from_proxy;
    make(kind, index, datagram);
    sendto(to_node ? bench->gateway : bench->node, datagram, DATAGRAM, 0,
           (const struct sockaddr *)to, sizeof(*to));
}

/* The index of the next datagram; -1: none in time. */
static int receive(struct bench *bench, bool at_node, double seconds, uint8_t datagram[DATAGRAM])
{
    struct sockaddr_in from;
    socklen_t length = sizeof(from);
    int fd = at_node ? bench->node : bench->gateway;
    if (!gateway_process_wait(&bench->proxy, fd, POLLIN, gateway_process_now() + seconds) ||
        recvfrom(fd, datagram, DATAGRAM, 0, (struct sockaddr *)&from, &length) != DATAGRAM)
        return -1;
    if (at_node)
        bench->from_proxy = from;
    return datagram[3];
}

/* What came, as text: an index for each datagram, | for the mark. It stops at `wanted` length or
 * when nothing comes. */
static void collect(struct bench *bench, bool at_node, const char *wanted, struct bytes *got)
{
    uint8_t datagram[DATAGRAM];
    for (size_t i = 0; i < strlen(wanted); i++) {
        int index = receive(bench, at_node, PATIENCE, datagram);
        if (index < 0)
            return;
        bytes_print(got, index == MARK ? "|" : "%d", index);
    }
}

static const struct exact_case {
    const char *rules[MAX_RULES];
    const char *sent; /* by the gateway; what the node gets: */
    const char *got;
    bool from_node; /* the other way round */
} exact_cases[] = {
    {{NULL}, "cna|", "012|", false},
    {{"drop ACK 2nd"}, "acaca|", "0134|", false},
    {{"drop CON"}, "cac|", "1|", false},
    {{"to-node drop CON"}, "cac|", "1|", false},
    {{"to-gateway drop CON"}, "cac|", "012|", false},
    {{"to-gateway drop CON"}, "cac|", "1|", true},
    {{"to-node drop CON"}, "cac|", "012|", true},
    {{"drop empty"}, "capr|", "02|", false},
    {{"drop request"}, "ca1n|", "13|", false},
    {{"drop response"}, "capn|", "01|", false},
    {{"drop ACK response"}, "capn|", "013|", false},
    {{"drop block1=3"}, "123453|", "0134|", false},
    {{"drop block1=3 1st"}, "123453|", "01345|", false},
    {{"drop block2=3"}, "12345|", "01234|", false},
    {{"drop NON", "drop RST"}, "cnra|", "03|", false},
    {{"duplicate CON 1st"}, "cc|", "001|", false},
    {{"duplicate 0.1 CON 1st"}, "cc|", "01|0", false},
    {{"reorder CON 1st"}, "cnn|", "102|", false},
    {{"reorder CON"}, "ccn|", "201|", false},
    {{"reorder RST"}, "r", "0", false},
    {{"delay 0.1 CON 1st"}, "cn|", "1|0", false},
    {{"delay 0.1 CON 1st", "delay 0.2 NON 1st"}, "nc|", "|10", false},
    {{"drop CON 0%"}, "cc|", "01|", false},
    {{"drop CON 100%"}, "cc|", "|", false},
};

static void test_exactly(struct bench *bench, const struct exact_case *one)
{
    struct bytes got = {NULL, 0, 0};
    uint8_t datagram[DATAGRAM];
    bool ready = start(bench, "1", one->rules);
    if (ready && one->from_node) { /* the node needs an address to answer to */
        send_one(bench, true, '|', 0);
        ready = receive(bench, true, PATIENCE, datagram) == MARK;
    }
    for (unsigned i = 0; ready && one->sent[i] != '\0'; i++)
        send_one(bench, !one->from_node, one->sent[i], i);
    if (ready)
        collect(bench, !one->from_node, one->got, &got);
    if (strcmp(bytes_text(&got), one->got) != 0) {
        printf("rule \"%s\": sent %s, expected %s, got %s\n", one->rules[0], one->sent, one->got,
               bytes_text(&got));
        fail(bench, "exactly", "not the datagrams that should have come");
    }
    if (!stop(bench))
        fail(bench, "exactly", "no good end");
    bytes_clear(&got);
}

/* Which of RANDOM_COUNT datagrams pass, a character for each. */
static void pattern(struct bench *bench, const char *seed, const char *rule,
                    char passed[RANDOM_COUNT + 1])
{
    const char *rules[MAX_RULES] = {rule};
    uint8_t datagram[DATAGRAM];
    memset(passed, '-', RANDOM_COUNT);
    passed[RANDOM_COUNT] = '\0';
    bool ready = start(bench, seed, rules);
    for (unsigned begin = 0; ready && begin < RANDOM_COUNT; begin += 50) {
        for (unsigned i = begin; i < begin + 50; i++)
            send_one(bench, true, 'c', i);
        send_one(bench, true, '|', 0);
        for (int index; (index = receive(bench, true, PATIENCE, datagram)) != MARK && index >= 0;)
            passed[index] = '+';
    }
    if (!stop(bench) || !ready)
        fail(bench, rule, "no good end");
}

static void test_seed(struct bench *bench)
{
    char first[RANDOM_COUNT + 1], again[RANDOM_COUNT + 1], other[RANDOM_COUNT + 1];
    size_t lost = 0;
    pattern(bench, "7", "drop CON 30%", first);
    pattern(bench, "7", "drop CON 30%", again);
    pattern(bench, "8", "drop CON 30%", other);
    for (size_t i = 0; i < RANDOM_COUNT; i++)
        lost += first[i] == '-';
    if (strcmp(first, again) != 0)
        fail(bench, "seed", "the same seed decides something else");
    if (strcmp(first, other) == 0)
        fail(bench, "seed", "another seed decides the same");
    if (lost < RANDOM_COUNT / 5 || lost > RANDOM_COUNT * 2 / 5)
        fail(bench, "seed", "30 % is neither");
}

static void test_corrupt(struct bench *bench)
{
    const char *rules[MAX_RULES] = {"corrupt CON"};
    uint8_t sent[DATAGRAM], got[DATAGRAM];
    unsigned differences = 0;
    bool ready = start(bench, "1", rules);
    if (ready) {
        send_one(bench, true, 'c', 0);
        ready = receive(bench, true, PATIENCE, got) >= 0;
    }
    make('c', 0, sent);
    for (size_t i = 0; ready && i < DATAGRAM; i++)
        differences += sent[i] != got[i];
    if (!stop(bench) || differences != 1)
        fail(bench, "corrupt", "not exactly one byte differs");
}

static void test_silent(struct bench *bench)
{
    const char *rules[MAX_RULES] = {"silent 0 0.3"};
    uint8_t got[DATAGRAM];
    bool ready = start(bench, "1", rules);
    double begin = gateway_process_now(), end = begin;
    int index = -1;
    while (ready && index < 0 && end - begin < PATIENCE) {
        send_one(bench, true, 'c', 1);
        index = receive(bench, true, 0.01, got);
        end = gateway_process_now();
    }
    if (!stop(bench) || index != 1 || end - begin < 0.29)
        fail(bench, "silent", "it was not silent for 0.3 s, or for ever");
}

static void test_refusals(struct bench *bench)
{
    static const char *const texts[] = {"loose 20%",      "drop 120%", "delay CON",     "silent 1",
                                        "to-nobody drop", "drop 0th",  "drop block3=1", ""};
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        const char *rules[MAX_RULES] = {texts[i]};
        if (start(bench, "1", rules))
            fail(bench, texts[i], "was taken as a rule");
        stop(bench);
        if (bench->proxy.exit_code != 64)
            fail(bench, texts[i], "another exit code than 64");
    }
}

int main(int argc, char **argv)
{
    struct bench bench = {.proxy = {.log_fd = -1}};
    size_t count = sizeof(exact_cases) / sizeof(exact_cases[0]);
    if (argc != 2) {
        fprintf(stderr, "usage: udpfault-test udpfault\n");
        return 64;
    }
    bench.program = argv[1];
    for (size_t i = 0; i < count; i++)
        test_exactly(&bench, &exact_cases[i]);
    test_seed(&bench);
    test_corrupt(&bench);
    test_silent(&bench);
    test_refusals(&bench);
    printf("%zu tests of udpfault, %u failures\n", count + 4, bench.failures);
    bytes_clear(&bench.proxy.log);
    return bench.failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
