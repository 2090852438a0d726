/* SPDX-License-Identifier: BSD-2-Clause */
#include "bytes.h"
/*
 * sse-reader-test: proves sse-reader before anybody trusts it. It plays the server: each case is
 * what it answers to each connection, and what the reader must have asked, printed and returned.
 *
 *     sse-reader-test SSE-READER
 */

#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "gateway_process.h"

#define PATIENCE  10.0
#define ARGUMENTS 8
#define ANSWERS   3

#define HEAD    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
#define CHUNKED HEAD "Transfer-Encoding: chunked\r\n\r\n"
#define OPEN    "response 200 \"text/event-stream\""

struct answer {
    const char *asks; /* a part of the request; NULL: no such connection */
    const char *bytes;
    bool stays; /* open until the reader has ended */
};

static const struct sse_case {
    const char *title;
    const char *arguments[ARGUMENTS];
    struct answer answers[ANSWERS];
    const char *printed;
    int exit_code;
} cases[] = {
    {"it asks as EventSource does and reads to the end of the response",
     {NULL},
     {{"GET /x HTTP/1.1\r\nHost: 127.0.0.1:", HEAD "\r\nretry: 12\n\nid: a-1\ndata: 1\n\n", false}},
     OPEN "\nretry 12\nevent message id=\"a-1\" data=\"1\"\nend\n",
     0},
    {"the field that asks for a stream",
     {NULL},
     {{"\r\nAccept: text/event-stream\r\n", HEAD "\r\n", false}},
     OPEN "\nend\n",
     0},
    {"other fields, another version, the id that it is given",
     {"-A", "a/b", "-H", "X: y", "-i", "e-7", "-0", NULL},
     {{" HTTP/1.0\r\n", HEAD "\r\n", false}},
     OPEN "\nend\n",
     0},
    {"it tells the id that it is given",
     {"-i", "e-7", NULL},
     {{"\r\nLast-Event-ID: e-7\r\n", HEAD "\r\n", false}},
     OPEN "\nend\n",
     0},
    {"chunks end anywhere",
     {NULL},
     {{"GET", CHUNKED "5\r\ndata:\r\n1;x=y\r\n \r\n00A\r\n1\r\ndata:2\r\r\n2\r\n\n\r\r\n0\r\n\r\n",
       false}},
     OPEN " chunked\nevent message id=\"\" data=\"1\\n2\"\nend\n",
     0},
    {"trailers are part of the end",
     {NULL},
     {{"GET", CHUNKED "8\r\ndata:1\n\n\r\n0\r\nX: y\r\n\r\n", true}},
     OPEN " chunked\nevent message id=\"\" data=\"1\"\nend\n",
     0},
    {"what it waits for ends it, nothing behind it is shown",
     {"-n", "2", NULL},
     {{"GET", CHUNKED "20\r\ndata: 1\n\n: c\n\ndata: 2\n\ndata: 3\n\n\r\n", true}},
     OPEN " chunked\nevent message id=\"\" data=\"1\"\ncomment \" c\"\n"
          "event message id=\"\" data=\"2\"\n",
     0},
    {"states and data are waited for in their order",
     {"-s", "stale", "-d", "lue", "-s", "live", NULL},
     {{"GET",
       HEAD "\r\nevent: state\ndata: {\"state\":\"live\"}\n\ndata: value\n\n"
            "event: state\ndata: {\"state\":\"stale\"}\n\ndata: {\"state\":\"live\"}\n\n"
            "data: value\n\nevent: state\ndata: {\"state\":\"lively\"}\n\n"
            "event: state\ndata: {\"state\":\"live\"}\n\n",
       true}},
     OPEN "\nevent state id=\"\" data=\"{\\\"state\\\":\\\"live\\\"}\"\n"
          "event message id=\"\" data=\"value\"\n"
          "event state id=\"\" data=\"{\\\"state\\\":\\\"stale\\\"}\"\n"
          "event message id=\"\" data=\"{\\\"state\\\":\\\"live\\\"}\"\n"
          "event message id=\"\" data=\"value\"\n"
          "event state id=\"\" data=\"{\\\"state\\\":\\\"lively\\\"}\"\n"
          "event state id=\"\" data=\"{\\\"state\\\":\\\"live\\\"}\"\n",
     0},
    {"a stream that ends before is a failure",
     {"-n", "2", NULL},
     {{"GET", HEAD "\r\ndata: 1\n\ndata: half", false}},
     OPEN "\nevent message id=\"\" data=\"1\"\nend\n",
     1},
    {"the time is limited",
     {"-t", "1.5", NULL},
     {{"GET", CHUNKED "9\r\ndata: 1\n\n\r\n", true}},
     OPEN " chunked\nevent message id=\"\" data=\"1\"\nlate\n",
     1},
    {"chunks that end half-way are told",
     {NULL},
     {{"GET", CHUNKED "9\r\ndata:", false}},
     OPEN " chunked\nbroken \"the body ends too early, or its chunks are wrong\"\n",
     1},
    {"chunks of a wrong length are told",
     {NULL},
     {{"GET", CHUNKED "6\r\ndata: 1\n\n\r\n0\r\n\r\n", true}},
     OPEN " chunked\nbroken \"the body ends too early, or its chunks are wrong\"\n",
     1},
    {"it connects again with the id of the latest event",
     {"-r", "2", "-n", "3", NULL},
     {{"GET", HEAD "\r\nretry: 1\nid: e-1\ndata: 1\n\nid: e-2\ndata: lost\n", false},
      {"\r\nLast-Event-ID: e-1\r\n", HEAD "\r\ndata: 2\n\nid: e-3\n\n", false},
      {"\r\nLast-Event-ID: e-3\r\n", HEAD "\r\ndata: 3\n\n", true}},
     OPEN "\nretry 1\nevent message id=\"e-1\" data=\"1\"\nend\nagain \"e-1\"\n" OPEN
          "\nevent message id=\"e-1\" data=\"2\"\nend\nagain \"e-3\"\n" OPEN
          "\nevent message id=\"e-3\" data=\"3\"\n",
     0},
    {"it does not come again after a refusal",
     {"-r", "9", "-w", "1", NULL},
     {{"GET", HEAD "\r\n", false},
      {"GET", "HTTP/1.1 503 x\r\nContent-Type: text/event-stream\r\nContent-Length: 0\r\n\r\n",
       true}},
     OPEN "\nend\nagain \"\"\nresponse 503 \"text/event-stream\" with a length\n",
     2},
    {"another media type is a refusal",
     {"-r", "9", NULL},
     {{"GET", "HTTP/1.1 200 OK\r\nContent-Type: text/event-streams\r\n\r\ndata: 1\n\n", true}},
     "response 200 \"text/event-streams\"\n",
     2},
    {"a head that is none is told",
     {NULL},
     {{"GET", "HTTP/1.1 200 OK\nContent-Type: text/event-stream\r\n\r\n", true}},
     "broken \"CR or LF alone in the header section\"\n",
     1},
};

static int listen_somewhere(unsigned *port)
{
    struct sockaddr_in address = {.sin_family = AF_INET};
    socklen_t length = sizeof(address);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (fd < 0 || bind(fd, (struct sockaddr *)&address, length) < 0 || listen(fd, 4) < 0 ||
        getsockname(fd, (struct sockaddr *)&address, &length) < 0) {
        perror("sse-reader-test: socket");
        exit(EXIT_FAILURE);
    }
    *port = ntohs(address.sin_port);
    return fd;
}

static bool start(struct gateway_process *reader, char *program, const struct sse_case *one,
                  unsigned port)
{
    char address[32], target[] = "/x";
    char *arguments[ARGUMENTS + 4] = {program};
    size_t count = 0;
    for (; one->arguments[count] != NULL; count++)
        arguments[count + 1] = strdup(one->arguments[count]);
    snprintf(address, sizeof(address), "127.0.0.1:%u", port);
    arguments[count + 1] = address;
    arguments[count + 2] = target;
    bool started = gateway_process_start(reader, arguments, NULL, 0);
    for (size_t i = 0; i < count; i++)
        free(arguments[i + 1]);
    return started;
}

/* Reads the request and answers it; the connection, or -1 with a reason printed. */
static int serve(struct gateway_process *reader, int listener, const struct answer *answer,
                 bool by_bytes)
{
    const double until = gateway_process_now() + PATIENCE;
    const int on = 1;
    char request[2048] = "";
    size_t length = 0;
    if (!gateway_process_wait(reader, listener, POLLIN, until)) {
        printf("it did not connect\n");
        return -1;
    }
    int fd = accept4(listener, NULL, NULL, SOCK_CLOEXEC);
    setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    while (strstr(request, "\r\n\r\n") == NULL) {
        ssize_t count = !gateway_process_wait(reader, fd, POLLIN, until)
                            ? 0
                            : recv(fd, request + length, sizeof(request) - 1 - length, 0);
        if (count <= 0)
            break;
        length += (size_t)count;
        request[length] = '\0';
    }
    if (strstr(request, answer->asks) == NULL) {
        printf("it did not ask \"%s\" but:\n%s", answer->asks, request);
        close(fd);
        return -1;
    }
    size_t left = strlen(answer->bytes);
    for (size_t piece = by_bytes ? 1 : left; left > 0; left -= piece)
        send(fd, answer->bytes + strlen(answer->bytes) - left, piece, MSG_NOSIGNAL);
    return fd;
}

static bool play(char *program, const struct sse_case *one, bool by_bytes)
{
    struct gateway_process reader = {.log_fd = -1};
    unsigned port;
    int listener = listen_somewhere(&port), kept = -1;
    bool good = start(&reader, program, one, port);
    for (size_t i = 0; good && i < ANSWERS && one->answers[i].asks != NULL; i++) {
        int fd = serve(&reader, listener, &one->answers[i], by_bytes);
        good = fd >= 0;
        if (good && one->answers[i].stays)
            kept = fd;
        else if (good)
            close(fd);
    }
    good = gateway_process_wait_end(&reader, gateway_process_now() + PATIENCE) && good;
    if (reader.exit_code != one->exit_code || strcmp(bytes_text(&reader.log), one->printed) != 0) {
        printf("exit code %d, it printed:\n%s-- expected %d and:\n%s", reader.exit_code,
               bytes_text(&reader.log), one->exit_code, one->printed);
        good = false;
    }
    if (!good)
        printf("FAIL %s%s\n", one->title, by_bytes ? " (byte by byte)" : "");
    gateway_process_kill(&reader);
    bytes_clear(&reader.log);
    if (kept >= 0)
        close(kept);
    close(listener);
    return good;
}

int main(int argc, char **argv)
{
    size_t count = sizeof(cases) / sizeof(cases[0]), failures = 0;
    if (argc != 2) {
        fprintf(stderr, "usage: sse-reader-test sse-reader\n");
        return 64;
    }
    for (size_t i = 0; i < count; i++) {
        failures += !play(argv[1], &cases[i], false);
        failures += !play(argv[1], &cases[i], true);
    }
    printf("%zu cases of sse-reader, %zu failures\n", count, failures);
    return failures == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
