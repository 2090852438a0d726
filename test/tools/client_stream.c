/* SPDX-License-Identifier: BSD-2-Clause */
#include "client_stream.h"
/*
 * client_stream: a response that goes on and on, behind the verbs of stream_verbs.c: body_reader
 * takes its framing off, event_stream its lines, and here is the list of what that gave.
 */

#include <stdlib.h>
#include <string.h>

static void free_item(struct stream_item *item)
{
    if (item == NULL)
        return;
    bytes_clear(&item->type);
    bytes_clear(&item->data);
    bytes_clear(&item->id);
    free(item);
}

static void append_item(struct client_stream *stream, bool is_comment, const struct bytes *data,
                        const struct event *event)
{
    struct stream_item *item = bytes_allocate(sizeof(*item));
    struct bytes *transcript = stream->transcript;
    item->is_comment = is_comment;
    item->retry_ms = stream->events.retry_ms;
    item->time = gateway_process_now();
    bytes_set(&item->data, data->data, data->length);
    if (event != NULL) {
        bytes_set(&item->type, event->type, strlen(event->type));
        bytes_set(&item->id, event->last_id->data, event->last_id->length);
    }
    *stream->end = item;
    stream->end = &item->next;
    bytes_print(transcript, "  %.3f http %s <- %s %s ", item->time, stream->client->name,
                is_comment ? "comment" : bytes_text(&item->type), bytes_text(&item->id));
    bytes_show(transcript, data->data, data->length < 500 ? data->length : 500);
    bytes_print(transcript, "\n");
}

static void fired(void *handle, const struct event *event)
{
    struct client_stream *stream = handle;
    if (strcmp(event->type, "error") == 0 || strcmp(event->type, "open") == 0)
        stream->fires_handlers = true;
    append_item(stream, false, event->data, event);
}

static void commented(void *handle, const struct bytes *text)
{
    append_item(handle, true, text, NULL);
}

/* The text is kept for `body`, too. */
static void take(void *handle, const void *data, size_t length)
{
    struct client_stream *stream = handle;
    bytes_append(&stream->client->response.body, data, length);
    event_stream_feed(&stream->events, data, length);
}

static void forget_items(struct client_stream *stream)
{
    for (struct stream_item *item; (item = stream->first) != NULL;) {
        stream->first = item->next;
        free_item(item);
    }
    stream->end = &stream->first;
    free_item(stream->current);
    stream->current = NULL;
}

void client_stream_free(struct client_stream *stream)
{
    if (stream == NULL)
        return;
    forget_items(stream);
    event_stream_clear(&stream->events);
    free(stream);
}

bool client_stream_read(struct client_stream *stream, double until)
{
    struct http_client *client = stream->client;
    size_t had = client->response.body.length;
    if (stream->progress != BODY_GOES_ON)
        return false;
    stream->progress = body_reader_read(&stream->body, client);
    while (stream->progress == BODY_GOES_ON && client->response.body.length == had &&
           http_client_read(client, stream->gateway, until))
        stream->progress = body_reader_read(&stream->body, client);
    return client->response.body.length > had;
}

void client_stream_skip_comments(struct client_stream *stream)
{
    while (stream->first != NULL && stream->first->is_comment) {
        struct stream_item *item = stream->first;
        stream->first = item->next;
        if (stream->first == NULL)
            stream->end = &stream->first;
        free_item(item);
    }
}

bool client_stream_next(struct client_stream *stream, bool comments, double until)
{
    for (;;) {
        if (!comments)
            client_stream_skip_comments(stream);
        struct stream_item *item = stream->first;
        if (item != NULL) {
            stream->first = item->next;
            if (stream->first == NULL)
                stream->end = &stream->first;
            item->next = NULL;
            free_item(stream->current);
            stream->current = item;
            stream->client->response.time = item->time;
            return true;
        }
        if (!client_stream_read(stream, until) && stream->first == NULL)
            return false;
    }
}

const char *client_stream_trouble(const struct client_stream *stream)
{
    if (stream->progress == BODY_ENDED)
        return "the end of the stream";
    return stream->progress == BODY_BROKEN ? "a stream that breaks off" : "none in time";
}

struct client_stream *client_stream_new(struct http_client *client, struct gateway_process *gateway,
                                        struct bytes *transcript)
{
    struct client_stream *stream = bytes_allocate(sizeof(*stream));
    *stream = (struct client_stream){
        .client = client,
        .gateway = gateway,
        .transcript = transcript,
        .body = {.take = take, .handle = stream},
        .events = {.fired = fired, .commented = commented, .handle = stream, .retry_ms = -1},
    };
    stream->end = &stream->first;
    return stream;
}

void client_stream_begin(struct client_stream *stream)
{
    bytes_empty(&stream->client->response.body);
    body_reader_begin(&stream->body, stream->client);
}
