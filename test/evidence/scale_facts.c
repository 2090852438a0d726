/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"
/*
 * scale_facts: what libcoap's client sessions do with many nodes, many requests and many
 * descriptors. A process of its own answers every CON at once; only the client's CPU time counts.
 */

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#define REQUESTS 20000
#define BURST    64 /* requests outstanding while nodes are counted */

static double cpu_seconds(void)
{
    struct timespec now;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static bool allow_descriptors(rlim_t count)
{
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < count)
        return false;
    limit.rlim_cur = count;
    return setrlimit(RLIMIT_NOFILE, &limit) == 0;
}

static void answer(int node, const uint8_t *request, size_t length, const struct sockaddr_in *to)
{
    uint8_t reply[16];
    size_t head = 4 + (size_t)(request[0] & 15);
    if (length < head || head > sizeof(reply))
        return;
    memcpy(reply, request, head);
    reply[0] = (uint8_t)(0x60 | (request[0] & 15)); /* ACK */
    reply[1] = 0x45;
    sendto(node, reply, head, 0, (const struct sockaddr *)to, sizeof(*to));
}

struct held {
    uint8_t head[16];
    struct sockaddr_in from;
};

/* Answers every request, but keeps `hold` of them waiting as long as more come, and answers a
 * random one. */
static void serve(int node, size_t hold)
{
    uint8_t request[2048];
    struct held *held = calloc(hold + 1, sizeof(*held));
    struct pollfd wait = {node, POLLIN, 0};
    size_t count = 0;
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (held != NULL) {
        bool idle = poll(&wait, 1, count > 0 ? 20 : -1) == 0;
        struct held *place = &held[count];
        socklen_t size = sizeof(place->from);
        ssize_t length =
            recvfrom(node, request, sizeof(request), 0, (struct sockaddr *)&place->from, &size);
        if (length >= 4) {
            memcpy(place->head, request, sizeof(place->head));
            count++;
        }
        while (count > hold || (idle && count > 0)) {
            size_t chosen = (size_t)random() % count;
            answer(node, held[chosen].head, sizeof(held[chosen].head), &held[chosen].from);
            held[chosen] = held[--count];
            idle = false;
        }
    }
    _exit(EXIT_FAILURE);
}

static pid_t start_node(const struct stage *stage, size_t hold)
{
    int room = 8 * 1024 * 1024;
    if (setsockopt(stage->node, SOL_SOCKET, SO_RCVBUFFORCE, &room, sizeof(room)) < 0)
        setsockopt(stage->node, SOL_SOCKET, SO_RCVBUF, &room, sizeof(room));
    pid_t pid = fork();
    stage_check(pid >= 0, "fork");
    if (pid == 0)
        serve(stage->node, hold);
    return pid;
}

/* CPU microseconds of the client per request, with so many nodes (sessions) and so many requests
 * outstanding. */
static double cost(size_t nodes, size_t requests, size_t outstanding, size_t hold)
{
    struct stage stage;
    stage_open(&stage, 0);
    coap_session_t **sessions = calloc(nodes, sizeof(*sessions));
    stage_check(sessions != NULL, "calloc");
    for (size_t i = 0; i < nodes; i++) {
        sessions[i] = stage_session(&stage, 60 + (double)(random() % 30));
        coap_session_set_nstart(sessions[i], 64);
    }
    pid_t pid = start_node(&stage, hold);
    double begin = cpu_seconds(), until = stage_now() + 60;
    for (size_t sent = 0; stage.responses < requests && stage_now() < until;) {
        for (size_t i = 0; i < BURST && sent - stage.responses < outstanding; i++)
            stage_request(&stage, sessions[sent++ % nodes], 0);
        coap_io_process(stage.context, 10);
    }
    double used = cpu_seconds() - begin;
    unsigned responses = stage.responses;
    kill(pid, SIGKILL);
    waitpid(pid, NULL, 0);
    stage_close(&stage);
    free(sessions);
    return responses == 0 ? 0 : used * 1e6 / responses;
}

void fact_many_nodes(struct finding *finding)
{
    if (!allow_descriptors(10100)) {
        snprintf(finding->detail, sizeof(finding->detail),
                 "10100 descriptors are not allowed here");
        return;
    }
    double few = cost(1000, REQUESTS, BURST, 0);
    double many = cost(10000, REQUESTS, BURST, 0);
    finding->seen = many > 1.5 * few;
    snprintf(finding->detail, sizeof(finding->detail),
             "CPU per request: %.0f us with 1,000 nodes, %.0f us with 10,000", few, many);
}

void fact_many_outstanding(struct finding *finding)
{
    if (!allow_descriptors(5100)) {
        snprintf(finding->detail, sizeof(finding->detail), "5100 descriptors are not allowed here");
        return;
    }
    double few = cost(5000, REQUESTS, BURST, 0);
    double many = cost(5000, REQUESTS / 4, 5000, 4900);
    finding->seen = many > 3 * few;
    snprintf(finding->detail, sizeof(finding->detail),
             "CPU per request: %.0f us with %d outstanding, %.0f us with 5,000", few, BURST, many);
}

static int serve_dtls(const coap_address_t *address)
{
    coap_context_t *context = coap_new_context(NULL);
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    coap_context_set_psk(context, "hint", (const uint8_t *)"secretPSK", 9);
    if (coap_new_endpoint(context, address, COAP_PROTO_DTLS) == NULL)
        return EXIT_FAILURE;
    for (;;)
        coap_io_process(context, COAP_IO_WAIT);
}

/* A DTLS session whose socket is the 1100th descriptor. The process dies of it, or it does not. */
static void open_high_session(const coap_address_t *address)
{
    coap_context_t *context = coap_new_context(NULL);
    stage_check(freopen("/dev/null", "w", stderr) != NULL, "/dev/null"); /* its last words */
    for (int fd = 0; fd < 1100;) {
        fd = open("/dev/null", O_RDONLY);
        stage_check(fd >= 0, "open");
    }
    coap_session_t *session = coap_new_client_session_psk(context, NULL, address, COAP_PROTO_DTLS,
                                                          "gw", (const uint8_t *)"secretPSK", 9);
    stage_check(session != NULL, "coap_new_client_session_psk");
    double until = stage_now() + 3;
    while (stage_now() < until && coap_session_get_state(session) != COAP_SESSION_STATE_ESTABLISHED)
        coap_io_process(context, 10);
    _exit(coap_session_get_state(session) == COAP_SESSION_STATE_ESTABLISHED ? EXIT_SUCCESS
                                                                            : EXIT_FAILURE);
}

void fact_high_descriptor(struct finding *finding)
{
    struct stage stage;
    coap_address_t address;
    int status = 0;
    if (!allow_descriptors(1200) || !coap_dtls_is_supported()) {
        snprintf(finding->detail, sizeof(finding->detail),
                 "1200 descriptors or DTLS are not to be had here");
        return;
    }
    stage_open(&stage, 0); /* for a free port */
    coap_address_init(&address);
    address.size = sizeof(stage.node_address);
    address.addr.sin = stage.node_address;
    stage_close(&stage);
    pid_t server = fork();
    if (server == 0)
        _exit(serve_dtls(&address));
    pid_t client = fork();
    if (client == 0)
        open_high_session(&address);
    waitpid(client, &status, 0);
    kill(server, SIGKILL);
    waitpid(server, NULL, 0);
    finding->seen = WIFSIGNALED(status);
    if (finding->seen)
        snprintf(finding->detail, sizeof(finding->detail), "the process ends by signal %d (%s)",
                 WTERMSIG(status), strsignal(WTERMSIG(status)));
    else
        snprintf(finding->detail, sizeof(finding->detail), "the session was %s",
                 WEXITSTATUS(status) == 0 ? "established" : "not established");
}
