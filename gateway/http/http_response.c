/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_response.h"

#include <stdint.h>
#include <stdlib.h>
#include <sys/types.h>
#include <time.h>

/*
 * http_response: the last stop of a reply. What has no content must not look as if it had
 * (RFC 9110 6.4.1, 15.3.5, 15.4.5), and libmicrohttpd has traps there: a length unknown to it
 * becomes a chunked end even where no content may follow, and an empty 304 claims that its 200
 * would be empty. So such responses are made with the length of the 200 or, when nobody knows it,
 * with no length and the end of the connection.
 */

enum { BLOCK_SIZE = 1024, LEAST_BLOCK_SIZE = 128 };

#define NOSNIFF_NAME  "X-Content-Type-Options"
#define NOSNIFF_VALUE "nosniff"

static ssize_t read_nothing(void *handle, uint64_t position, char *out, size_t maximum)
{
    (void)handle;
    (void)position;
    (void)out;
    (void)maximum;
    return MHD_CONTENT_READER_END_WITH_ERROR;
}

/* A response of which only the header section is sent. `size` may be MHD_SIZE_UNKNOWN. */
static struct MHD_Response *make_head_only(uint64_t size)
{
    struct MHD_Response *response =
        MHD_create_response_from_callback(size, BLOCK_SIZE, read_nothing, NULL, NULL);
    if (response != NULL && size == MHD_SIZE_UNKNOWN &&
        MHD_set_response_options(response, MHD_RF_HTTP_1_0_COMPATIBLE_STRICT, MHD_RO_END) !=
            MHD_YES) {
        MHD_destroy_response(response);
        return NULL;
    }
    return response;
}

static bool is_head_only(const struct http_reply *reply, enum http_method method)
{
    return reply->status == 304 || method == HTTP_METHOD_HEAD;
}

/* libmicrohttpd reads chunks into the connection's memory and needs the response's own only where
 * there are none. */
static struct MHD_Response *make_stream(const struct http_response_options *options)
{
    size_t block = options->is_http_1_0 ? BLOCK_SIZE : LEAST_BLOCK_SIZE;
    return MHD_create_response_from_callback(MHD_SIZE_UNKNOWN, block, options->read,
                                             options->read_handle, NULL);
}

static struct MHD_Response *make_response(const struct http_reply *reply,
                                          const struct http_response_options *options)
{
    if (options->read != NULL)
        return make_stream(options);
    if (is_head_only(reply, options->method) && reply->status != 204) {
        bool is_unknown =
            reply->has_unknown_length || (reply->status == 304 && reply->body.length == 0);
        return make_head_only(is_unknown ? MHD_SIZE_UNKNOWN : reply->body.length);
    }
    if (reply->status == 204 || reply->body.length == 0)
        return MHD_create_response_from_buffer(0, NULL, MHD_RESPMEM_PERSISTENT);
    return MHD_create_response_from_buffer(reply->body.length, reply->body.data,
                                           MHD_RESPMEM_PERSISTENT);
}

/* What nodes send is shown under the gateway's own origin: no browser may take it for something
 * else than its Content-Type says, a script above all (MEDIA-20). HEAD has the fields of GET. */
static bool needs_nosniff(const struct http_reply *reply,
                          const struct http_response_options *options)
{
    if (reply->status == 204 || reply->status == 304)
        return false;
    return (reply->body.length > 0 || options->method == HTTP_METHOD_HEAD ||
            options->read != NULL) &&
           http_reply_field(reply, NOSNIFF_NAME) == NULL;
}

static bool add_fields(struct MHD_Response *response, const struct http_reply *reply,
                       const struct http_response_options *options)
{
    for (size_t i = 0; i < reply->field_count; i++) {
        const struct http_field *field = &reply->fields[i];
        if (MHD_add_response_header(response, field->name, field->value) != MHD_YES)
            return false;
    }
    if (options->request_id != NULL && http_reply_field(reply, "X-Request-Id") == NULL &&
        MHD_add_response_header(response, "X-Request-Id", options->request_id) != MHD_YES)
        return false;
    if (needs_nosniff(reply, options) &&
        MHD_add_response_header(response, NOSNIFF_NAME, NOSNIFF_VALUE) != MHD_YES)
        return false;
    return (!reply->must_close && !options->must_close) ||
           MHD_add_response_header(response, "Connection", "close") == MHD_YES;
}

/* Takes `response`, which may be NULL. */
static enum MHD_Result queue(struct MHD_Connection *connection, struct MHD_Response *response,
                             const struct http_reply *reply,
                             const struct http_response_options *options)
{
    if (response == NULL)
        return MHD_NO;
    enum MHD_Result result = MHD_NO;
    if (add_fields(response, reply, options))
        result = MHD_queue_response(connection, reply->status, response);
    MHD_destroy_response(response);
    return result;
}

enum MHD_Result http_response_queue(struct MHD_Connection *connection,
                                    const struct http_reply *reply,
                                    const struct http_response_options *options)
{
    return queue(connection, make_response(reply, options), reply, options);
}

enum MHD_Result http_response_queue_taken(struct MHD_Connection *connection,
                                          struct http_reply *reply,
                                          const struct http_response_options *options)
{
    struct MHD_Response *response;
    /* Before its body is gone. */
    if (needs_nosniff(reply, options) && http_reply_add(reply, NOSNIFF_NAME, NOSNIFF_VALUE) != 0)
        return MHD_NO;
    if (reply->body.length == 0 || is_head_only(reply, options->method)) {
        response = make_response(reply, options);
        buffer_clear(&reply->body);
    } else {
        size_t length;
        char *body = buffer_take(&reply->body, &length);
        response = MHD_create_response_from_buffer(length, body, MHD_RESPMEM_MUST_FREE);
        if (response == NULL)
            free(body);
    }
    return queue(connection, response, reply, options);
}

static const char *reason(unsigned status)
{
    const char *text = MHD_get_reason_phrase_for(status);
    return text != NULL ? text : "";
}

/* libmicrohttpd adds it to all responses of its own (RFC 9110 6.6.1). */
static void write_date(struct buffer *out)
{
    static const char *const days[] = {"Sun", "Mon", "Tue", "Wed", "Thu", "Fri", "Sat"};
    static const char *const months[] = {"Jan", "Feb", "Mar", "Apr", "May", "Jun",
                                         "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"};
    time_t now = time(NULL);
    struct tm tm;
    if (gmtime_r(&now, &tm) != NULL)
        buffer_printf(out, "Date: %s, %02d %s %04d %02d:%02d:%02d GMT\r\n", days[tm.tm_wday],
                      tm.tm_mday, months[tm.tm_mon], tm.tm_year + 1900, tm.tm_hour, tm.tm_min,
                      tm.tm_sec);
}

int http_response_write(const struct http_reply *reply, const struct http_response_options *options,
                        struct buffer *out)
{
    buffer_printf(out, "HTTP/1.1 %u %s\r\nConnection: close\r\nContent-Length: %zu\r\n",
                  reply->status, reason(reply->status), reply->body.length);
    write_date(out);
    for (size_t i = 0; i < reply->field_count; i++)
        buffer_printf(out, "%s: %s\r\n", reply->fields[i].name, reply->fields[i].value);
    if (options->request_id != NULL && http_reply_field(reply, "X-Request-Id") == NULL)
        buffer_printf(out, "X-Request-Id: %s\r\n", options->request_id);
    if (needs_nosniff(reply, options))
        buffer_append_text(out, NOSNIFF_NAME ": " NOSNIFF_VALUE "\r\n");
    buffer_append_text(out, "\r\n");
    if (options->method != HTTP_METHOD_HEAD && reply->body.length > 0)
        buffer_append(out, reply->body.data, reply->body.length);
    return out->failed ? -1 : 0;
}
