/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_TEST_BODY_READER_H
#define COAPGW_TEST_BODY_READER_H

/* body_reader: the body of a response while it comes, in whatever pieces (RFC 9112 6.3). Its head
 * has been read by http_client_head. */

#include "http_client.h"

struct body_reader {
    enum body_framing {
        BODY_CHUNKED,
        BODY_COUNTED,
        BODY_UNTIL_CLOSE,
    } framing;
    size_t left;          /* of the chunk, or of the counted body */
    bool is_behind_chunk; /* its CRLF comes next */
    void (*take)(void *handle, const void *data, size_t length);
    void *handle;
};

enum body_progress {
    BODY_GOES_ON,
    BODY_ENDED,
    BODY_BROKEN, /* the connection ended too early, or a chunk is none */
};

/* Begins with the response that the client has just read the head of; `take` and `handle` stay. */
void body_reader_begin(struct body_reader *reader, const struct http_client *client);
/* Hands on what the client has received of the body; what follows the body stays where it is. */
enum body_progress body_reader_read(struct body_reader *reader, struct http_client *client);

#endif
