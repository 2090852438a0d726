/* SPDX-License-Identifier: BSD-2-Clause */
#include "event_stream.h"
/*
 * sse-reader: reads server-sent events as EventSource does and prints what it gets, a line for each
 * thing that comes. It connects again with Last-Event-ID when it is told to, and never after a
 * response that is no event stream. Events are printed as soon as the empty line behind them is
 * there.
 *
 *     sse-reader [-A ACCEPT] [-H FIELD]... [-i ID] [-s STATE|-d TEXT]... [-n EVENTS] [-t SECONDS]
 *                [-r TIMES] [-w MS] [-0] [-T] ADDRESS:PORT TARGET
 */

#include <getopt.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "body_reader.h"

enum {
    EXIT_MET = 0,     /* all that was waited for came; or nothing was, and the stream ended */
    EXIT_MISSED = 1,  /* the time was over, or the stream ended before */
    EXIT_REFUSED = 2, /* no event stream: EventSource would not try again */
    EXIT_BAD_USAGE = 64,
    WANTED_MAX = 32,
    RETRY_MS = 3000, /* until the stream says something else */
};

/* An event that is waited for: of a "state" event `text` is the state, else a part of its data. */
struct wanted {
    bool is_state;
    const char *text;
};

struct reader {
    char *address;
    const char *port;
    const char *target;
    const char *accept;
    struct bytes more_fields;
    struct wanted wanted[WANTED_MAX]; /* in this order */
    size_t wanted_count;
    size_t met;
    unsigned long wanted_events;
    unsigned long events;
    unsigned long again;  /* how often it may connect once more */
    const char *retry_in; /* milliseconds, in place of what the stream says */
    double begin;
    double until;
    bool is_http_1_0;
    bool shows_time;

    struct http_client *client;
    struct gateway_process nobody; /* the gateway is not ours: nothing to watch */
    struct event_stream stream;
    struct bytes shown;
    long shown_retry;
    struct body_reader body;
};

/* --- what is printed --- */

static void begin_line(struct reader *reader, const char *word)
{
    bytes_empty(&reader->shown);
    if (reader->shows_time)
        bytes_print(&reader->shown, "%.3f ", gateway_process_now() - reader->begin);
    bytes_print(&reader->shown, "%s", word);
}

static void end_line(struct reader *reader)
{
    puts(bytes_text(&reader->shown));
    fflush(stdout);
}

static void print_line(struct reader *reader, const char *word, const char *text)
{
    begin_line(reader, word);
    if (text != NULL) {
        bytes_print(&reader->shown, " ");
        bytes_show(&reader->shown, text, strlen(text));
    }
    end_line(reader);
}

static void show_retry(struct reader *reader)
{
    if (reader->stream.retry_ms == reader->shown_retry)
        return;
    reader->shown_retry = reader->stream.retry_ms;
    begin_line(reader, "retry");
    bytes_print(&reader->shown, " %ld", reader->shown_retry);
    end_line(reader);
}

static bool has_all(const struct reader *reader)
{
    return reader->met == reader->wanted_count && reader->events >= reader->wanted_events &&
           (reader->wanted_count > 0 || reader->wanted_events > 0);
}

static bool is_wanted(const struct wanted *wanted, const struct event *event)
{
    const char *data = bytes_text(event->data);
    if (!wanted->is_state)
        return strstr(data, wanted->text) != NULL;
    const char *found = strcmp(event->type, "state") == 0 ? strstr(data, "\"state\":\"") : NULL;
    size_t length = strlen(wanted->text);
    return found != NULL && strncmp(found + 9, wanted->text, length) == 0 &&
           found[9 + length] == '"';
}

static void show_event(void *handle, const struct event *event)
{
    struct reader *reader = handle;
    if (has_all(reader))
        return;
    show_retry(reader);
    begin_line(reader, "event ");
    bytes_print(&reader->shown, "%s id=", event->type);
    bytes_show(&reader->shown, event->last_id->data, event->last_id->length);
    bytes_print(&reader->shown, " data=");
    bytes_show(&reader->shown, event->data->data, event->data->length);
    end_line(reader);
    reader->events++;
    if (reader->met < reader->wanted_count && is_wanted(&reader->wanted[reader->met], event))
        reader->met++;
}

static void show_comment(void *handle, const struct bytes *text)
{
    struct reader *reader = handle;
    if (!has_all(reader))
        print_line(reader, "comment", bytes_text(text));
}

/* --- one connection --- */

static void feed(void *handle, const void *data, size_t length)
{
    struct reader *reader = handle;
    event_stream_feed(&reader->stream, data, length);
    show_retry(reader);
}

static bool send_request(struct reader *reader)
{
    struct bytes request = {NULL, 0, 0};
    bytes_print(&request, "GET %s HTTP/1.%d\r\nHost: %s:%s\r\nAccept: %s\r\n", reader->target,
                reader->is_http_1_0 ? 0 : 1, reader->address, reader->port, reader->accept);
    bytes_print(&request, "Cache-Control: no-cache\r\n%s", bytes_text(&reader->more_fields));
    if (reader->stream.last_id.length > 0)
        bytes_print(&request, "Last-Event-ID: %s\r\n", bytes_text(&reader->stream.last_id));
    bytes_append(&request, "\r\n", 2);
    bool sent = http_client_send(reader->client, &reader->nobody, request.data, request.length,
                                 reader->until);
    bytes_clear(&request);
    return sent;
}

/* Prints what kind of response it is; true for an event stream. */
static bool check_response(struct reader *reader)
{
    struct bytes value = {NULL, 0, 0};
    const struct http_response *response = &reader->client->response;
    body_reader_begin(&reader->body, reader->client);
    bool has_length = http_client_field(response, "Content-Length", 0, &value);
    http_client_field(response, "Content-Type", 0, &value);
    const char *type = bytes_text(&value);
    begin_line(reader, "response ");
    bytes_print(&reader->shown, "%u ", response->status);
    bytes_show(&reader->shown, type, strlen(type));
    bytes_print(&reader->shown, "%s%s", reader->body.framing == BODY_CHUNKED ? " chunked" : "",
                has_length ? " with a length" : "");
    end_line(reader);
    bool is_stream = response->status == 200 && strcspn(type, "; ") == 17 &&
                     strncasecmp(type, "text/event-stream", 17) == 0;
    bytes_clear(&value);
    return is_stream;
}

/* From connecting to the end of the stream or of the waiting: an exit code. */
static int read_once(struct reader *reader)
{
    char *host = reader->address;
    size_t length = strlen(host);
    const char *trouble = NULL;
    char numeric[64];
    if (*host == '[' && host[length - 1] == ']') {
        host++;
        length -= 2;
    }
    snprintf(numeric, sizeof(numeric), "%.*s", (int)length, host);
    event_stream_restart(&reader->stream);
    if (!http_client_connect(reader->client, numeric, reader->port))
        trouble = "cannot connect";
    else if (!send_request(reader))
        trouble = "the request could not be sent in time";
    else
        trouble = http_client_head(reader->client, &reader->nobody, reader->until);
    if (trouble != NULL) {
        print_line(reader, "broken", trouble);
        return EXIT_MISSED;
    }
    if (!check_response(reader))
        return EXIT_REFUSED;

    enum body_progress progress = body_reader_read(&reader->body, reader->client);
    while (!has_all(reader) && progress == BODY_GOES_ON) {
        if (!http_client_read(reader->client, &reader->nobody, reader->until))
            return EXIT_MISSED;
        progress = body_reader_read(&reader->body, reader->client);
    }
    if (has_all(reader))
        return EXIT_MET;
    if (progress == BODY_BROKEN)
        print_line(reader, "broken", "the body ends too early, or its chunks are wrong");
    else
        print_line(reader, "end", NULL);
    bool was_all = reader->wanted_count == 0 && reader->wanted_events == 0;
    return progress == BODY_ENDED && was_all ? EXIT_MET : EXIT_MISSED;
}

/* Waits as long as the stream said; false when that is too long. */
static bool wait_to_retry(struct reader *reader)
{
    long ms = reader->stream.retry_ms < 0 ? RETRY_MS : reader->stream.retry_ms;
    if (reader->retry_in != NULL)
        ms = strtol(reader->retry_in, NULL, 10);
    double left = reader->until - gateway_process_now();
    if (left * 1000 <= (double)ms)
        return false;
    http_client_close(reader->client);
    poll(NULL, 0, (int)ms);
    print_line(reader, "again", bytes_text(&reader->stream.last_id));
    return true;
}

static int read_events(struct reader *reader)
{
    int result = read_once(reader);
    while (result != EXIT_REFUSED && !has_all(reader) && reader->again > 0 &&
           wait_to_retry(reader)) {
        reader->again--;
        result = read_once(reader);
    }
    if (result == EXIT_MISSED && gateway_process_now() >= reader->until)
        print_line(reader, "late", NULL);
    return result;
}

/* --- the command line --- */

static int usage(void)
{
    fputs("usage: sse-reader [-A ACCEPT] [-H FIELD]... [-i ID] [-s STATE|-d TEXT]... [-n EVENTS]\n"
          "           [-t SECONDS] [-r TIMES] [-w MS] [-0] [-T] ADDRESS:PORT TARGET\n",
          stderr);
    return EXIT_BAD_USAGE;
}

static bool take_option(struct reader *reader, int option)
{
    if (option == 's' || option == 'd') {
        if (reader->wanted_count == WANTED_MAX)
            return false;
        reader->wanted[reader->wanted_count++] = (struct wanted){option == 's', optarg};
    } else if (option == 'A') {
        reader->accept = optarg;
    } else if (option == 'H') {
        bytes_print(&reader->more_fields, "%s\r\n", optarg);
    } else if (option == 'i') {
        bytes_set(&reader->stream.last_id, optarg, strlen(optarg));
    } else if (option == 'n') {
        reader->wanted_events = strtoul(optarg, NULL, 10);
    } else if (option == 't') {
        reader->until = reader->begin + strtod(optarg, NULL);
    } else if (option == 'r') {
        reader->again = strtoul(optarg, NULL, 10);
    } else if (option == 'w') {
        reader->retry_in = optarg;
    } else if (option == '0') {
        reader->is_http_1_0 = true;
    } else if (option == 'T') {
        reader->shows_time = true;
    } else {
        return false;
    }
    return true;
}

int main(int argc, char **argv)
{
    struct reader reader = {
        .accept = "text/event-stream",
        .nobody = {.log_fd = -1},
        .stream = {.fired = show_event, .commented = show_comment, .retry_ms = -1},
        .shown_retry = -1,
    };
    reader.stream.handle = &reader;
    reader.body = (struct body_reader){.take = feed, .handle = &reader};
    reader.begin = gateway_process_now();
    reader.until = reader.begin + 10;
    for (int option; (option = getopt(argc, argv, "A:H:i:s:d:n:t:r:w:0T")) >= 0;) {
        if (!take_option(&reader, option))
            return usage();
    }
    char *colon = argc - optind == 2 ? strrchr(argv[optind], ':') : NULL;
    if (colon == NULL)
        return usage();
    *colon = '\0';
    reader.address = argv[optind];
    reader.port = colon + 1;
    reader.target = argv[optind + 1];
    reader.client = bytes_allocate(sizeof(*reader.client));
    reader.client->fd = -1;
    int result = read_events(&reader);
    http_client_free(reader.client);
    event_stream_clear(&reader.stream);
    bytes_clear(&reader.more_fields);
    bytes_clear(&reader.shown);
    return result;
}
