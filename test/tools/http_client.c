/* SPDX-License-Identifier: BSD-2-Clause */
#include "http_client.h"
/*
 * http_client: reads responses the way a suspicious client would. Bare CR or LF, a field without a
 * colon, a chunk with a wrong length or bytes behind a response that has no body end the reading
 * with a reason, so that every case also checks the framing of what it receives.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>
#include <unistd.h>

bool http_client_connect(struct http_client *client, const char *address, const char *port)
{
    struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_NUMERICHOST};
    struct addrinfo *found = NULL;
    const int on = 1;
    http_client_close(client);
    if (getaddrinfo(address, port, &hints, &found) != 0)
        return false;
    client->fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (client->fd >= 0 && client->receive_buffer > 0)
        setsockopt(client->fd, SOL_SOCKET, SO_RCVBUF, &client->receive_buffer,
                   sizeof(client->receive_buffer));
    bool connected = client->fd >= 0 && connect(client->fd, found->ai_addr, found->ai_addrlen) == 0;
    freeaddrinfo(found);
    if (!connected) {
        http_client_close(client);
        return false;
    }
    setsockopt(client->fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    fcntl(client->fd, F_SETFL, O_NONBLOCK);
    return true;
}

void http_client_close(struct http_client *client)
{
    if (client->fd >= 0)
        close(client->fd);
    client->fd = -1;
    client->ended = false;
    client->requests = client->responses = 0;
    bytes_empty(&client->input);
}

void http_client_free(struct http_client *client)
{
    http_client_close(client);
    bytes_clear(&client->input);
    bytes_clear(&client->response.head);
    bytes_clear(&client->response.body);
    bytes_clear(&client->request_head);
    bytes_clear(&client->request_body);
    free(client);
}

/* Takes what the socket has, without waiting. */
static bool take_input(struct http_client *client)
{
    char piece[65536];
    bool some = false;
    while (!client->ended && client->fd >= 0) {
        ssize_t count = recv(client->fd, piece, sizeof(piece), 0);
        if (count < 0 && (errno == EAGAIN || errno == EINTR))
            break;
        some = true;
        if (count > 0)
            bytes_append(&client->input, piece, (size_t)count);
        else
            client->ended = true;
    }
    return some;
}

bool http_client_send(struct http_client *client, struct gateway_process *gateway, const void *data,
                      size_t length, double until)
{
    const char *at = data;
    while (length > 0 && !client->ended) {
        /* Before: what follows from the request may happen before we run again. */
        client->sent = gateway_process_now();
        ssize_t count = send(client->fd, at, length, MSG_NOSIGNAL);
        if (count >= 0) {
            at += count;
            length -= (size_t)count;
        } else if (errno != EAGAIN && errno != EINTR) {
            break;
        } else if (!gateway_process_wait(gateway, client->fd, POLLOUT | POLLIN, until)) {
            return false;
        }
        take_input(client);
    }
    return true;
}

void http_client_note_request(struct http_client *client, bool is_head)
{
    size_t room = sizeof(client->head_requests) / sizeof(client->head_requests[0]);
    client->head_requests[client->requests++ % room] = is_head;
}

bool http_client_read(struct http_client *client, struct gateway_process *gateway, double until)
{
    if (client->fd < 0 || client->ended)
        return false;
    return take_input(client) ||
           (gateway_process_wait(gateway, client->fd, POLLIN, until) && take_input(client));
}

bool http_client_sip(struct http_client *client, struct gateway_process *gateway, size_t most,
                     double until)
{
    char piece[4096];
    if (client->fd < 0 || client->ended ||
        !gateway_process_wait(gateway, client->fd, POLLIN, until))
        return false;
    ssize_t count = recv(client->fd, piece, most < sizeof(piece) ? most : sizeof(piece), 0);
    client->ended = count == 0;
    if (count > 0)
        bytes_append(&client->input, piece, (size_t)count);
    return count > 0;
}

/* Waits until the input has at least `length` bytes. */
static bool need(struct http_client *client, struct gateway_process *gateway, size_t length,
                 double until)
{
    while (client->input.length < length) {
        if (!http_client_read(client, gateway, until))
            return false;
    }
    return true;
}

static const char *check_head(const struct bytes *head)
{
    const char *text = bytes_text(head);
    if (strlen(text) != head->length)
        return "NUL in the header section";
    for (const char *at = text; *at != '\0'; at++) {
        if ((*at == '\r' && at[1] != '\n') || (*at == '\n' && (at == text || at[-1] != '\r')))
            return "CR or LF alone in the header section";
    }
    if (strncmp(text, "HTTP/1.1 ", 9) != 0 || strspn(text + 9, "0123456789") != 3 ||
        text[12] != ' ')
        return "no HTTP/1.1 status line";
    for (const char *line = strstr(text, "\r\n") + 2; *line != '\0';) {
        const char *end = strstr(line, "\r\n");
        size_t name = strcspn(line, ":\r \t");
        if (name == 0 || line[name] != ':')
            return "a line of the header section is no field";
        line = end + 2;
    }
    return NULL;
}

const char *http_client_head(struct http_client *client, struct gateway_process *gateway,
                             double until)
{
    struct bytes *input = &client->input;
    const uint8_t *end;
    while ((end = input->length == 0 ? NULL : memmem(input->data, input->length, "\r\n\r\n", 4)) ==
           NULL) {
        if (!http_client_read(client, gateway, until))
            return client->ended ? "the gateway closed the connection" : "no response in time";
    }
    size_t length = (size_t)(end - input->data) + 2;
    bytes_set(&client->response.head, input->data, length);
    bytes_drop(input, length + 2);
    const char *trouble = check_head(&client->response.head);
    if (trouble == NULL)
        client->response.status =
            (unsigned)strtoul(bytes_text(&client->response.head) + 9, NULL, 10);
    return trouble;
}

static const char *read_counted(struct http_client *client, struct gateway_process *gateway,
                                size_t length, double until)
{
    bool complete = need(client, gateway, length, until);
    size_t count = complete ? length : client->input.length;
    bytes_append(&client->response.body, client->input.data, count);
    bytes_drop(&client->input, count);
    return complete ? NULL : "the body is shorter than Content-Length";
}

static const char *read_chunks(struct http_client *client, struct gateway_process *gateway,
                               double until)
{
    for (;;) {
        const char *text = bytes_text(&client->input);
        const char *line_end = strstr(text, "\r\n");
        if (line_end == NULL) {
            if (!http_client_read(client, gateway, until))
                return "the chunked body has no end";
            continue;
        }
        char *after;
        size_t size = strtoul(text, &after, 16);
        size_t line = (size_t)(line_end - text) + 2;
        if (after == text || (*after != '\r' && *after != ';'))
            return "a chunk has no size";
        if (!need(client, gateway, line + size + 2, until))
            return "a chunk is shorter than its size";
        const uint8_t *chunk = client->input.data + line;
        if (memcmp(chunk + size, "\r\n", 2) != 0)
            return "a chunk does not end with CRLF";
        bytes_append(&client->response.body, chunk, size);
        bytes_drop(&client->input, line + size + 2);
        if (size == 0)
            return NULL;
    }
}

static const char *read_until_close(struct http_client *client, struct gateway_process *gateway,
                                    double until)
{
    while (http_client_read(client, gateway, until))
        continue;
    bytes_append(&client->response.body, client->input.data, client->input.length);
    bytes_empty(&client->input);
    return client->ended ? NULL : "the body has no length and the connection stays open";
}

/* RFC 9112 6.3 */
static const char *read_body(struct http_client *client, struct gateway_process *gateway,
                             bool is_head, double until)
{
    struct bytes value = {NULL, 0, 0};
    const struct http_response *response = &client->response;
    const char *trouble = NULL;
    if (is_head || response->status < 200 || response->status == 204 || response->status == 304)
        return NULL;
    if (http_client_field(response, "Transfer-Encoding", 0, &value)) {
        trouble = strcasecmp(bytes_text(&value), "chunked") == 0
                      ? read_chunks(client, gateway, until)
                      : "a Transfer-Encoding that is not chunked";
    } else if (http_client_field(response, "Content-Length", 0, &value)) {
        trouble = read_counted(client, gateway, strtoul(bytes_text(&value), NULL, 10), until);
    } else {
        trouble = read_until_close(client, gateway, until);
    }
    bytes_clear(&value);
    return trouble;
}

const char *http_client_response(struct http_client *client, struct gateway_process *gateway,
                                 double until)
{
    size_t room = sizeof(client->head_requests) / sizeof(client->head_requests[0]);
    bytes_empty(&client->response.body);
    bytes_empty(&client->response.head);
    client->response.status = 0;
    const char *trouble = http_client_head(client, gateway, until);
    if (trouble != NULL)
        return trouble;
    bool is_head =
        client->responses < client->requests && client->head_requests[client->responses % room];
    if (client->response.status >= 200)
        client->responses++;
    trouble = read_body(client, gateway, is_head, until);
    client->response.time = gateway_process_now();
    return trouble;
}

bool http_client_field(const struct http_response *response, const char *name, size_t number,
                       struct bytes *value)
{
    const char *line = strstr(bytes_text(&response->head), "\r\n");
    size_t length = strlen(name);
    bytes_empty(value);
    for (; line != NULL && line[2] != '\0'; line = strstr(line + 2, "\r\n")) {
        const char *field = line + 2;
        if (strncasecmp(field, name, length) != 0 || field[length] != ':' || number-- > 0)
            continue;
        const char *begin = field + length + 1;
        begin += strspn(begin, " \t");
        bytes_append(value, begin, strcspn(begin, "\r"));
        return true;
    }
    return false;
}
