/* SPDX-License-Identifier: BSD-2-Clause */
#include "scenario.h"
/*
 * http_verbs: the sending side of the clients of a scenario. A request is built by http, field and
 * body-out and leaves with send; bytes sends whatever it is given.
 */

#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#include "client_stream.h"

typedef bool http_verb(struct scenario *scenario, const struct words *words, const char *line);

static bool select_client(struct scenario *scenario, const char *name)
{
    for (size_t i = 0; i < scenario->client_count; i++) {
        if (strcmp(scenario->clients[i]->name, name) == 0) {
            scenario->client = scenario->clients[i];
            return true;
        }
    }
    if (scenario->client_count == SCENARIO_CLIENTS)
        return scenario_fail(scenario, "at most %d clients", SCENARIO_CLIENTS);
    struct http_client *client = bytes_allocate(sizeof(*client));
    client->fd = -1;
    snprintf(client->name, sizeof(client->name), "%s", name);
    scenario->clients[scenario->client_count++] = client;
    scenario->client = client;
    return true;
}

static bool verb_client(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    return select_client(scenario, words_at(words, 1));
}

/* The response announced that its connection ends, so the next request needs a new one. */
static bool is_spent(const struct http_client *client)
{
    struct bytes value = {NULL, 0, 0};
    bool spent = http_client_field(&client->response, "Connection", 0, &value) &&
                 strcasecmp(bytes_text(&value), "close") == 0;
    bytes_clear(&value);
    return spent;
}

/* A client is connected when it first sends; those whose name begins with ipv6 to [::1]. */
static bool connected(struct scenario *scenario)
{
    struct http_client *client = scenario->client;
    bool is_ipv6 = strncmp(client->name, "ipv6", 4) == 0;
    char port[8];
    if (client->fd >= 0 && !is_spent(client))
        return true;
    bytes_empty(&client->response.head);
    if (!gateway_verbs_port(scenario, is_ipv6 ? "[::1]" : "127.0.0.1", port) ||
        !http_client_connect(client, is_ipv6 ? "::1" : "127.0.0.1", port))
        return scenario_fail(scenario, "cannot connect to the gateway");
    return true;
}

static bool verb_http(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct bytes *head = &scenario->client->request_head;
    const char *version = words->count > 3 ? words_at(words, 3) : "HTTP/1.1";
    if (words->count < 3)
        return scenario_fail(scenario, "http METHOD TARGET [VERSION]");
    bytes_empty(head);
    bytes_empty(&scenario->client->request_body);
    scenario->client->no_host = false;
    bytes_print(head, "%s %s %s\r\n", words_at(words, 1), words_at(words, 2), version);
    return true;
}

static bool has_request_field(const struct http_client *client, const char *name)
{
    const char *line = strstr(bytes_text(&client->request_head), "\r\n");
    size_t length = strlen(name);
    for (; line != NULL; line = strstr(line + 2, "\r\n")) {
        if (strncasecmp(line + 2, name, length) == 0 && line[2 + length] == ':')
            return true;
    }
    return false;
}

static bool verb_field(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words;
    bytes_print(&scenario->client->request_head, "%s\r\n", scenario_rest(line));
    return true;
}

static bool verb_no_host(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    scenario->client->no_host = true;
    return true;
}

static bool verb_body_out(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct bytes *body = &scenario->client->request_body;
    for (size_t i = 1; i < words->count; i++) {
        const struct word *word = &words->list[i];
        if (!word->quoted && strncmp(bytes_text(&word->value), "hex=", 4) == 0) {
            if (!bytes_append_hex(body, words_at(words, i) + 4, word->value.length - 4))
                return scenario_fail(scenario, "no hex digits: %s", words_at(words, i));
        } else {
            bytes_append(body, word->value.data, word->value.length);
        }
    }
    if (!has_request_field(scenario->client, "Content-Length") &&
        !has_request_field(scenario->client, "Transfer-Encoding"))
        bytes_print(&scenario->client->request_head, "Content-Length: %zu\r\n", body->length);
    return true;
}

/* body-chunks "a" "b": one chunk for each word, and the last one. */
static bool verb_body_chunks(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct bytes *body = &scenario->client->request_body;
    for (size_t i = 1; i < words->count; i++) {
        const struct bytes *chunk = &words->list[i].value;
        bytes_print(body, "%zx\r\n", chunk->length);
        bytes_append(body, chunk->data, chunk->length);
        bytes_append(body, "\r\n", 2);
    }
    bytes_append(body, "0\r\n\r\n", 5);
    if (!has_request_field(scenario->client, "Transfer-Encoding"))
        bytes_print(&scenario->client->request_head, "Transfer-Encoding: chunked\r\n");
    return true;
}

static bool transmit(struct scenario *scenario, const struct bytes *data)
{
    bytes_print(&scenario->transcript, "  %.3f http %s -> ", gateway_process_now(),
                scenario->client->name);
    bytes_show(&scenario->transcript, data->data, data->length < 2000 ? data->length : 2000);
    bytes_print(&scenario->transcript, "\n");
    return http_client_send(scenario->client, &scenario->gateway, data->data, data->length,
                            scenario->until) ||
           scenario_fail(scenario, "the gateway does not take the request");
}

/* send: head and body. send head: the head alone, for a body that stalls or waits for 100. */
static bool verb_send(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct http_client *client = scenario->client;
    struct bytes *head = &client->request_head;
    struct bytes wire = {NULL, 0, 0};
    if (!connected(scenario))
        return false;
    const char *begin = bytes_text(head);
    const char *first_end = strstr(begin, "\r\n");
    if (first_end == NULL)
        return scenario_fail(scenario, "send needs http first");
    size_t first = (size_t)(first_end - begin) + 2;
    bytes_append(&wire, begin, first);
    if (!client->no_host && !has_request_field(client, "Host"))
        bytes_print(&wire, "Host: 127.0.0.1:%s\r\n", variables_get(&scenario->variables, "http"));
    bytes_append(&wire, begin + first, head->length - first);
    bytes_append(&wire, "\r\n", 2);
    if (!words_is(words, 1, "head"))
        bytes_append(&wire, client->request_body.data, client->request_body.length);
    http_client_note_request(client, strncmp(begin, "HEAD ", 5) == 0);
    bool sent = transmit(scenario, &wire);
    bytes_clear(&wire);
    return sent;
}

static bool verb_bytes(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)line;
    struct bytes wire = {NULL, 0, 0};
    for (size_t i = 1; i < words->count; i++)
        bytes_append(&wire, words->list[i].value.data, words->list[i].value.length);
    bool sent = connected(scenario) && transmit(scenario, &wire);
    bytes_clear(&wire);
    return sent;
}

static bool verb_half_close(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    return shutdown(scenario->client->fd, SHUT_WR) == 0 ||
           scenario_fail(scenario, "cannot half-close the connection");
}

static bool verb_hang_up(struct scenario *scenario, const struct words *words, const char *line)
{
    (void)words, (void)line;
    http_client_close(scenario->client);
    return true;
}

/* receive-buffer BYTES: of the client's next connection: what it does not read fills soon. */
static bool verb_receive_buffer(struct scenario *scenario, const struct words *words,
                                const char *line)
{
    long size = 0;
    (void)line;
    if (!words_number(words_at(words, 1), &size))
        return scenario_fail(scenario, "receive-buffer BYTES");
    scenario->client->receive_buffer = (int)size;
    return true;
}

/* sip BYTES: takes at most so many from the connection, and waits for the first. */
static bool verb_sip(struct scenario *scenario, const struct words *words, const char *line)
{
    long size = 0;
    (void)line;
    if (!words_number(words_at(words, 1), &size) || size < 1)
        return scenario_fail(scenario, "sip BYTES");
    return http_client_sip(scenario->client, &scenario->gateway, (size_t)size, scenario->until) ||
           scenario_fail(scenario, "expected: a byte\n    got:      none in time");
}

bool http_verbs_run(struct scenario *scenario, const struct words *words, const char *line,
                    bool *known)
{
    static const struct {
        const char *name;
        http_verb *run;
    } verbs[] = {
        {"client", verb_client},
        {"http", verb_http},
        {"field", verb_field},
        {"no-host", verb_no_host},
        {"body-out", verb_body_out},
        {"body-chunks", verb_body_chunks},
        {"send", verb_send},
        {"bytes", verb_bytes},
        {"half-close", verb_half_close},
        {"hang-up", verb_hang_up},
        {"receive-buffer", verb_receive_buffer},
        {"sip", verb_sip},
    };
    *known = true;
    if (scenario->client == NULL && !select_client(scenario, "main"))
        return false;
    for (size_t i = 0; i < sizeof(verbs) / sizeof(verbs[0]); i++) {
        if (words_is(words, 0, verbs[i].name))
            return verbs[i].run(scenario, words, line);
    }
    bool held = stream_verbs_run(scenario, words, line, known);
    return *known ? held : response_verbs_run(scenario, words, line, known);
}

void http_verbs_end_case(struct scenario *scenario)
{
    for (size_t i = 0; i < scenario->client_count; i++) {
        client_stream_free(scenario->streams[i]);
        scenario->streams[i] = NULL;
        http_client_free(scenario->clients[i]);
    }
    scenario->client_count = 0;
    scenario->client = NULL;
}
