/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_HTTP_FIXTURE_H
#define COAPGW_TEST_HTTP_FIXTURE_H

/*
 * http_fixture: an HTTP server on a real socket with a core made for tests, and a raw client. The
 * path of a request says how its exchange goes: /now and /missing are answered at once, /park...
 * waits for answer_parked, /stream is answered by a stream that has nothing yet and /stream=TEXT by
 * one that begins with TEXT, anything else is answered when it is run.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <netinet/in.h>

#include "http_message.h"
#include "http_server.h"
#include "metrics.h"
#include "policy.h"

#define HOST "Host: gw.example\r\n"
#define GET  "GET /x HTTP/1.1\r\n" HOST
#define POST "POST /x HTTP/1.1\r\n" HOST

enum { EXCHANGES_MAX = 64, BODY_MAXIMUM = 1000, ANSWER_MAXIMUM = 65536 };

/* A stream that the tests write. */
struct stream {
    void *north; /* NULL: not bound */
    char *text;  /* what was not read */
    size_t length;
    bool has_ended;
    bool is_empty; /* the last stream_read gave nothing, and nobody was told since */
    bool is_closed;
};

struct fake_exchange {
    const struct http_request *request;
    void *north;
    struct http_reply reply;
    uint8_t *body; /* of the request: owned */
    struct stream *stream;
    bool is_live, is_answered;
};

/* What the core of the tests has seen. */
struct core {
    struct fake_exchange exchanges[EXCHANGES_MAX];
    size_t begun, ran, detached, accounted;
    bool has_no_memory;
    unsigned last_status;
    uint64_t last_elapsed_us;
    char last_method[16], last_target[256], last_id[16], last_fields[512];
    unsigned last_roles;
    bool was_absolute;
    size_t body_seen;
    struct stream **streams; /* in order of their beginning */
    size_t stream_count, streams_closed;
    uint64_t metrics[METRICS_COUNT];
    struct policy policy;
};
extern struct core fake;

extern struct http_server *server;
extern struct sockaddr_in server_address;
extern const struct http_limits usual_limits;

/* Checked fixture. */
void set_up(void);
void tear_down(void);
/* Starts a server with other limits; after tear_down. */
void start(const struct http_limits *limits);
/* What the log holds. */
const char *log_so_far(void);

/* One turn of the loop. */
void turn(void);
/* Turns until no connection is left. */
void turn_until_quiet(void);
/* Turns until that many exchanges have been run. */
void turn_until_ran(size_t count);
/* Answers the parked exchange of that index, in order of their beginning. */
void answer_parked(size_t index);

/* Answers the parked exchange by a stream, which begins with `text`. */
void answer_by_stream(size_t index, const char *text);
/* Adds to what a stream has to say, and tells the server as the core does. */
void stream_say(struct stream *stream, const char *text);
void stream_finish(struct stream *stream);
/* Turns until that many streams have begun; until that many are closed. */
void turn_until_streaming(size_t count);
void turn_until_closed(size_t count);

struct client {
    int fd;
    char answer[ANSWER_MAXIMUM];
    size_t length;
    bool is_closed;
};

void client_open(struct client *client);
void client_send(struct client *client, const void *octets, size_t length);
void client_say(struct client *client, const char *text);
/* Reads what is there. */
void client_look(struct client *client);
/* Turns the loop until the answer ends with `end`. */
void client_await(struct client *client, const char *end);
/* Turns the loop until the server has closed the connection. */
void client_await_close(struct client *client);
void client_forget(struct client *client);
unsigned client_status(const struct client *client);
bool client_has(const struct client *client, const char *text);

#endif
