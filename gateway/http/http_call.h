/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_CALL_H
#define COAPGW_HTTP_CALL_H

/*
 * http_call: one HTTP request on its way through the adapter, from its request line until
 * libmicrohttpd has done with it: the HTTP side of an exchange.
 */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <microhttpd.h>

#include "buffer.h"
#include "http_message.h"
#include "http_request.h"
#include "http_stream.h"

struct http_connection;
struct http_daemon;
struct loop_watch;

enum http_call_state {
    HTTP_CALL_NONE,      /* nothing has been asked */
    HTTP_CALL_HEAD,      /* the request line is there */
    HTTP_CALL_BODY,      /* the exchange has begun and wants the body, which may be empty */
    HTTP_CALL_READY,     /* the exchange is answered; libmicrohttpd takes the reply when it calls */
    HTTP_CALL_PARKED,    /* suspended: the exchange will tell */
    HTTP_CALL_REPLYING,  /* libmicrohttpd has the response */
    HTTP_CALL_STREAMING, /* its response is a stream; the exchange is over */
    HTTP_CALL_DOOMED,    /* the connection is to end, answered or not */
};

enum { HTTP_CALL_ID_SIZE = 13 };

/* Embedded in its connection, used for one request after the other. */
struct http_call {
    struct http_connection *connection; /* borrowed for life */
    enum http_call_state state;
    bool is_last;          /* the client asks for nothing more on this connection */
    bool is_accounted;     /* the core has been told how it ended */
    uint64_t exchange;     /* id; 0: none was begun, or it is detached */
    uint64_t began_us;     /* when the request line was there, by timers_precise_us */
    uint64_t continue_us;  /* when the client was told to go on with the body; 0: it was not */
    uint64_t continue_run; /* of the server, in which that was */
    unsigned status;       /* of the reply; 0: none */
    uint64_t body_bytes;   /* of the reply */
    char *target;          /* raw request target: owned; NULL when memory was short */
    struct http_request_head head;
    struct http_request request;
    struct buffer body;
    size_t charge;                   /* for the connection, while the request lasts */
    struct loop_watch *client_watch; /* while parked */
    struct http_stream stream;
    char id[HTTP_CALL_ID_SIZE];
};

void http_call_init(struct http_call *call, struct http_connection *connection);
/* The request is over, whether or not it was answered. Harmless when there is none. */
void http_call_end(struct http_call *call);
/* It took too long to arrive: 408. */
void http_call_expire(struct http_call *call);
/* Answers the request whose Content-Length libmicrohttpd is refusing at this moment: 413 when it is
 * too large, otherwise 400. */
void http_call_refuse_length(struct http_daemon *daemon, bool is_too_large);
/* Begins to watch whether the client of a parked call leaves. */
void http_call_watch_client(struct http_call *call);
/* Gives up a suspended call: its exchange or stream ends, and the connection. */
void http_call_abandon(struct http_call *call);

/* Callbacks of libmicrohttpd; `handle` is the struct http_daemon. */
void *http_call_begin(void *handle, const char *target, struct MHD_Connection *connection);
enum MHD_Result http_call_handle(void *handle, struct MHD_Connection *connection, const char *url,
                                 const char *method, const char *version, const char *data,
                                 size_t *data_size, void **request_context);
void http_call_completed(void *handle, struct MHD_Connection *connection, void **request_context,
                         enum MHD_RequestTerminationCode code);

#endif
