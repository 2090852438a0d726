/* SPDX-License-Identifier: BSD-2-Clause */
#ifndef COAPGW_HTTP_RESPONSE_H
#define COAPGW_HTTP_RESPONSE_H

/*
 * http_response: a reply of the gateway as a response of libmicrohttpd, or as plain octets where
 * libmicrohttpd takes no response.
 */

#include <stdbool.h>

#include <microhttpd.h>

#include "buffer.h"
#include "http_message.h"

struct http_response_options {
    enum http_method method;
    bool must_close;        /* beside reply->must_close */
    const char *request_id; /* for X-Request-Id, or NULL */
    /* Gives the body piece by piece until it tells the end: in chunks, or with HTTP/1.0 until the
     * connection closes. NULL: the body is the reply's. */
    MHD_ContentReaderCallback read;
    void *read_handle;
    bool is_http_1_0;
};

/* Queues the reply. Its body is lent: it must live until the request has completed. MHD_NO when
 * memory is short or the connection takes no response now. */
enum MHD_Result http_response_queue(struct MHD_Connection *connection,
                                    const struct http_reply *reply,
                                    const struct http_response_options *options);
/* As above, but the body is taken: the response frees it, also on failure. */
enum MHD_Result http_response_queue_taken(struct MHD_Connection *connection,
                                          struct http_reply *reply,
                                          const struct http_response_options *options);
/* Writes the reply as a complete HTTP/1.1 message that ends its connection. 0 or -1 as
 * buffer_append. */
int http_response_write(const struct http_reply *reply, const struct http_response_options *options,
                        struct buffer *out);

#endif
