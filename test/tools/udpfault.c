/* SPDX-License-Identifier: BSD-2-Clause */
#include "fault_rules.h"
/*
 * udpfault: a UDP proxy that stands between the gateway and a CoAP node and loses, repeats,
 * reorders, delays or damages datagrams, at random from a seed or exactly as told. It needs no
 * rights. Each address that sends to it gets a socket of its own towards the node. SIGTERM ends it
 * with a summary; what it delayed is lost then.
 *
 *     udpfault [-l PORT] -t HOST:PORT [-s SEED] [RULE...]        rules: fault_rules.h, README.md
 */

#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#include "bytes.h"

#define RULES           32
#define PEERS           64
#define REORDER_SECONDS 0.1 /* a datagram held back leaves by then, also if no other one comes */

struct peer {
    struct sockaddr_storage address; /* of the gateway's socket */
    socklen_t address_length;
    int fd; /* connected to the node */
};

struct waiting {
    struct waiting *next; /* in the order of `due` */
    enum fault_direction direction;
    size_t peer;
    bool until_next; /* or as soon as another one has passed */
    double due;
    struct bytes datagram;
};

struct proxy {
    int listen_fd;
    int signal_fd;
    struct addrinfo *node; /* owned */
    struct peer peers[PEERS];
    size_t peer_count;
    struct fault_rule rules[RULES];
    size_t rule_count;
    struct waiting *waiting; /* owned */
    double first;            /* time of the first datagram; 0: none came */
    unsigned long came[2], left[2];
};

static double now_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

/* A send that fails is a datagram lost: that happens to UDP without our doing, too. */
static void forward(struct proxy *proxy, enum fault_direction direction, size_t peer,
                    const struct bytes *datagram)
{
    const struct peer *to = &proxy->peers[peer];
    ssize_t count = direction == FAULT_TO_NODE
                        ? send(to->fd, datagram->data, datagram->length, 0)
                        : sendto(proxy->listen_fd, datagram->data, datagram->length, 0,
                                 (const struct sockaddr *)&to->address, to->address_length);
    if (count >= 0)
        proxy->left[direction]++;
}

static void wait_until(struct proxy *proxy, const struct waiting *model, double due,
                       const struct bytes *datagram)
{
    struct waiting *waiting = bytes_allocate(sizeof(*waiting));
    struct waiting **place = &proxy->waiting;
    *waiting = *model;
    waiting->due = due;
    bytes_set(&waiting->datagram, datagram->data, datagram->length);
    while (*place != NULL && (*place)->due <= due)
        place = &(*place)->next;
    waiting->next = *place;
    *place = waiting;
}

static void release(struct proxy *proxy, struct waiting **place)
{
    struct waiting *waiting = *place;
    *place = waiting->next;
    forward(proxy, waiting->direction, waiting->peer, &waiting->datagram);
    bytes_clear(&waiting->datagram);
    free(waiting);
}

static void release_overtaken(struct proxy *proxy, enum fault_direction direction, size_t peer)
{
    for (struct waiting **place = &proxy->waiting; *place != NULL;) {
        const struct waiting *waiting = *place;
        if (waiting->until_next && waiting->direction == direction && waiting->peer == peer)
            release(proxy, place);
        else
            place = &(*place)->next;
    }
}

static void release_due(struct proxy *proxy, double now)
{
    while (proxy->waiting != NULL && proxy->waiting->due <= now)
        release(proxy, &proxy->waiting);
}

static void pass(struct proxy *proxy, enum fault_direction direction, size_t peer,
                 struct bytes *datagram)
{
    struct fault_verdict verdict;
    struct waiting model = {.direction = direction, .peer = peer};
    double now = now_seconds();
    if (proxy->first <= 0)
        proxy->first = now;
    proxy->came[direction]++;
    fault_rules_judge(proxy->rules, proxy->rule_count, direction, datagram->data, datagram->length,
                      now - proxy->first, &verdict);
    if (verdict.drop)
        return;
    if (verdict.corrupt)
        datagram->data[verdict.corrupt_at] ^= verdict.corrupt_by;
    if (verdict.duplicate && verdict.duplicate_delay > 0)
        wait_until(proxy, &model, now + verdict.duplicate_delay, datagram);
    else if (verdict.duplicate)
        forward(proxy, direction, peer, datagram);
    model.until_next = verdict.reorder;
    if (verdict.delay > 0 || verdict.reorder) {
        wait_until(proxy, &model, now + verdict.delay + (verdict.reorder ? REORDER_SECONDS : 0),
                   datagram);
        return;
    }
    forward(proxy, direction, peer, datagram);
    release_overtaken(proxy, direction, peer);
}

/* The peer with that address, a new one if need be; PEERS when there are too many. */
static size_t find_peer(struct proxy *proxy, const struct sockaddr_storage *address,
                        socklen_t length)
{
    for (size_t i = 0; i < proxy->peer_count; i++) {
        if (proxy->peers[i].address_length == length &&
            memcmp(&proxy->peers[i].address, address, length) == 0)
            return i;
    }
    if (proxy->peer_count == PEERS)
        return PEERS;
    struct peer *peer = &proxy->peers[proxy->peer_count];
    const struct addrinfo *node = proxy->node;
    peer->fd = socket(node->ai_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    if (peer->fd < 0 || connect(peer->fd, node->ai_addr, node->ai_addrlen) < 0) {
        perror("udpfault: towards the node");
        exit(EXIT_FAILURE);
    }
    peer->address = *address;
    peer->address_length = length;
    return proxy->peer_count++;
}

/* Reads one datagram; false when there is none. An ICMP error of an earlier one counts as none. */
static bool read_one(struct proxy *proxy, int fd, size_t peer)
{
    uint8_t buffer[65536];
    struct sockaddr_storage from;
    struct bytes datagram = {NULL, 0, 0};
    memset(&from, 0, sizeof(from));
    socklen_t length = sizeof(from);
    ssize_t count =
        recvfrom(fd, buffer, sizeof(buffer), MSG_DONTWAIT, (struct sockaddr *)&from, &length);
    if (count < 0)
        return false;
    bool from_node = fd != proxy->listen_fd;
    if (!from_node)
        peer = find_peer(proxy, &from, length);
    if (peer == PEERS)
        return true;
    bytes_set(&datagram, buffer, (size_t)count);
    pass(proxy, from_node ? FAULT_TO_GATEWAY : FAULT_TO_NODE, peer, &datagram);
    bytes_clear(&datagram);
    return true;
}

static void summarise(const struct proxy *proxy, unsigned long long seed)
{
    static const char *const directions[] = {"to-node", "to-gateway"};
    printf("udpfault: seed %llu\n", seed);
    for (size_t i = 0; i < 2; i++)
        printf("udpfault: %s: %lu came, %lu left\n", directions[i], proxy->came[i], proxy->left[i]);
    for (size_t i = 0; i < proxy->rule_count; i++)
        printf("udpfault: %s: %lu of %lu\n", proxy->rules[i].text, proxy->rules[i].applied,
               proxy->rules[i].matched);
}

static void run(struct proxy *proxy)
{
    for (;;) {
        struct pollfd waits[2 + PEERS] = {{proxy->signal_fd, POLLIN, 0},
                                          {proxy->listen_fd, POLLIN, 0}};
        size_t peers = proxy->peer_count;
        for (size_t i = 0; i < peers; i++)
            waits[2 + i] = (struct pollfd){proxy->peers[i].fd, POLLIN, 0};
        double left = proxy->waiting == NULL ? -1 : proxy->waiting->due - now_seconds();
        int timeout = proxy->waiting == NULL ? -1 : left <= 0 ? 0 : (int)(left * 1000) + 1;
        if (poll(waits, 2 + peers, timeout) < 0 && errno != EINTR)
            return;
        release_due(proxy, now_seconds());
        if (waits[0].revents != 0)
            return;
        while (read_one(proxy, proxy->listen_fd, PEERS))
            continue;
        for (size_t i = 0; i < peers; i++) {
            while (read_one(proxy, proxy->peers[i].fd, i))
                continue;
        }
    }
}

static bool open_sockets(struct proxy *proxy, char *target, unsigned short port)
{
    struct sockaddr_storage address;
    socklen_t length = sizeof(address);
    char host[64], service[16];
    struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICSERV};
    char *colon = strrchr(target, ':');
    if (colon == NULL)
        return false;
    *colon = '\0';
    bool brackets = *target == '[' && colon[-1] == ']';
    if (brackets)
        colon[-1] = '\0';
    if (getaddrinfo(target + (brackets ? 1 : 0), colon + 1, &hints, &proxy->node) != 0)
        return false;
    bool is_ipv6 = proxy->node->ai_family == AF_INET6;
    struct addrinfo *local = NULL;
    snprintf(service, sizeof(service), "%u", port);
    if (getaddrinfo(is_ipv6 ? "::1" : "127.0.0.1", service, &hints, &local) != 0)
        return false;
    proxy->listen_fd = socket(local->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    bool bound = proxy->listen_fd >= 0 &&
                 bind(proxy->listen_fd, local->ai_addr, local->ai_addrlen) == 0 &&
                 getsockname(proxy->listen_fd, (struct sockaddr *)&address, &length) == 0;
    freeaddrinfo(local);
    if (!bound || getnameinfo((struct sockaddr *)&address, length, host, sizeof(host), service,
                              sizeof(service), NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        return false;
    printf("udpfault: ready on %s:%s\n", is_ipv6 ? "[::1]" : host, service);
    return true;
}

static void clean_up(struct proxy *proxy)
{
    while (proxy->waiting != NULL) {
        struct waiting *waiting = proxy->waiting;
        proxy->waiting = waiting->next;
        bytes_clear(&waiting->datagram);
        free(waiting);
    }
    if (proxy->node != NULL)
        freeaddrinfo(proxy->node);
}

int main(int argc, char **argv)
{
    static struct proxy proxy;
    sigset_t signals;
    char *target = NULL;
    unsigned long port = 0;
    unsigned long long seed = 1;
    for (int option; (option = getopt(argc, argv, "+l:t:s:")) != -1;) {
        if (option == 'l')
            port = strtoul(optarg, NULL, 10);
        else if (option == 't')
            target = optarg;
        else if (option == 's')
            seed = strtoull(optarg, NULL, 10);
    }
    bool read = target != NULL && port <= 65535 && argc - optind <= RULES;
    for (; read && optind < argc; optind++) {
        read = fault_rule_read(&proxy.rules[proxy.rule_count++], argv[optind], seed);
        if (!read)
            fprintf(stderr, "udpfault: not a rule: %s\n", argv[optind]);
    }
    if (!read) {
        fprintf(stderr, "usage: udpfault [-l port] -t host:port [-s seed] [rule...]\n");
        return 64;
    }
    prctl(PR_SET_PDEATHSIG, SIGTERM); /* it does not outlive its test */
    sigemptyset(&signals);
    sigaddset(&signals, SIGTERM);
    sigaddset(&signals, SIGINT);
    sigprocmask(SIG_BLOCK, &signals, NULL);
    proxy.signal_fd = signalfd(-1, &signals, SFD_CLOEXEC);
    setvbuf(stdout, NULL, _IOLBF, 0);
    if (proxy.signal_fd < 0 || !open_sockets(&proxy, target, (unsigned short)port)) {
        fprintf(stderr, "udpfault: cannot listen, or no such target\n");
        return EXIT_FAILURE;
    }
    run(&proxy);
    summarise(&proxy, seed);
    clean_up(&proxy);
    return EXIT_SUCCESS;
}
