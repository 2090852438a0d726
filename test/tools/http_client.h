/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_HTTP_CLIENT_H
#define COAPGW_TEST_HTTP_CLIENT_H

/* http_client: one HTTP/1.1 connection on a raw socket. It sends any bytes and reads responses
 * strictly (RFC 9112): what is loose in the gateway's framing shows here. */

#include "gateway_process.h"

struct http_response {
    unsigned status;
    struct bytes head; /* status line and fields, with their CRLF, without the empty line */
    struct bytes body; /* chunked coding removed */
    double time;       /* when its last byte was read */
};

struct http_client {
    char name[32];
    int fd;                  /* -1: not connected */
    bool ended;              /* the gateway closed its side */
    struct bytes input;      /* received, not yet read as a response */
    bool head_requests[256]; /* requests without a response so far: was it HEAD? */
    size_t requests;
    size_t responses;
    struct http_response response; /* the latest */
    double sent;                   /* just before the end of the latest request was sent */
    struct bytes request_head;     /* being built */
    struct bytes request_body;
    bool no_host;       /* send adds no Host field */
    int receive_buffer; /* bytes, of the next connection; 0: as the system likes */
};

bool http_client_connect(struct http_client *client, const char *address, const char *port);
void http_client_close(struct http_client *client);
void http_client_free(struct http_client *client);
/* Sends everything, reading meanwhile; gives up silently when the gateway closes the connection,
 * for then its answer tells more. False when `until` passed first. */
bool http_client_send(struct http_client *client, struct gateway_process *gateway, const void *data,
                      size_t length, double until);
void http_client_note_request(struct http_client *client, bool is_head);
/* Reads what is there; true when something came or the connection ended, waiting until `until`. */
bool http_client_read(struct http_client *client, struct gateway_process *gateway, double until);
/* Reads at most `most` bytes: as slow as one likes. False when none came until `until`. */
bool http_client_sip(struct http_client *client, struct gateway_process *gateway, size_t most,
                     double until);
/* Reads the status line and the fields of the next response; what follows stays in `input`, for
 * those who read a body while it comes. NULL, or why it cannot be. */
const char *http_client_head(struct http_client *client, struct gateway_process *gateway,
                             double until);
/* Reads the next response (interim ones included). NULL, or why it cannot be. */
const char *http_client_response(struct http_client *client, struct gateway_process *gateway,
                                 double until);
/* The value of field `number` (from 0) with that name, appended to value; false: none. */
bool http_client_field(const struct http_response *response, const char *name, size_t number,
                       struct bytes *value);

#endif
