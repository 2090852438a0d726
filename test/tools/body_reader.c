/* SPDX-License-Identifier: BSD-2-Clause */
#include "body_reader.h"
/*
 * body_reader: takes the framing off a body that has not ended yet, and may never end. http_client
 * waits for the end of a body; here each piece is handed on as soon as it is there.
 */

#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { SIZE_LINE_MAX = 256 };

void body_reader_begin(struct body_reader *reader, const struct http_client *client)
{
    struct bytes value = {NULL, 0, 0};
    const struct http_response *response = &client->response;
    reader->left = 0;
    reader->is_behind_chunk = false;
    reader->framing = BODY_UNTIL_CLOSE;
    if (http_client_field(response, "Transfer-Encoding", 0, &value) &&
        strcasecmp(bytes_text(&value), "chunked") == 0) {
        reader->framing = BODY_CHUNKED;
    } else if (http_client_field(response, "Content-Length", 0, &value)) {
        reader->framing = BODY_COUNTED;
        reader->left = strtoul(bytes_text(&value), NULL, 10);
    }
    bytes_clear(&value);
}

static enum body_progress wait_for_more(const struct http_client *client)
{
    return client->ended ? BODY_BROKEN : BODY_GOES_ON;
}

/* At most what is left. */
static void hand_on(struct body_reader *reader, struct bytes *input)
{
    size_t length = input->length < reader->left ? input->length : reader->left;
    reader->take(reader->handle, input->data, length);
    bytes_drop(input, length);
    reader->left -= length;
}

/* The line before a chunk (RFC 9112 7.1). */
static enum body_progress take_size(struct body_reader *reader, struct http_client *client)
{
    struct bytes *input = &client->input;
    const char *text = bytes_text(input), *end = strstr(text, "\r\n");
    char *after;
    if (end == NULL)
        return input->length > SIZE_LINE_MAX ? BODY_BROKEN : wait_for_more(client);
    if (strspn(text, "0123456789abcdefABCDEF") == 0)
        return BODY_BROKEN;
    size_t size = strtoul(text, &after, 16);
    if (*after != '\r' && *after != ';')
        return BODY_BROKEN;
    if (size == 0) { /* with the trailer section, which may be empty */
        const char *last = strstr(text, "\r\n\r\n");
        if (last == NULL)
            return wait_for_more(client);
        bytes_drop(input, (size_t)(last - text) + 4);
        return BODY_ENDED;
    }
    bytes_drop(input, (size_t)(end - text) + 2);
    reader->left = size;
    return BODY_GOES_ON;
}

static enum body_progress read_chunks(struct body_reader *reader, struct http_client *client)
{
    struct bytes *input = &client->input;
    for (;;) {
        if (reader->is_behind_chunk) {
            if (input->length < 2)
                return wait_for_more(client);
            if (memcmp(input->data, "\r\n", 2) != 0)
                return BODY_BROKEN;
            bytes_drop(input, 2);
            reader->is_behind_chunk = false;
        }
        if (reader->left == 0) {
            enum body_progress progress = take_size(reader, client);
            if (reader->left == 0)
                return progress;
        }
        hand_on(reader, input);
        if (reader->left > 0)
            return wait_for_more(client);
        reader->is_behind_chunk = true;
    }
}

enum body_progress body_reader_read(struct body_reader *reader, struct http_client *client)
{
    if (reader->framing == BODY_CHUNKED)
        return read_chunks(reader, client);
    if (reader->framing == BODY_COUNTED) {
        hand_on(reader, &client->input);
        return reader->left == 0 ? BODY_ENDED : wait_for_more(client);
    }
    reader->left = client->input.length;
    hand_on(reader, &client->input);
    return client->ended ? BODY_ENDED : BODY_GOES_ON;
}
