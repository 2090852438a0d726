/* SPDX-License-Identifier: BSD-2-Clause */
#include "scripted_node.h"
/*
 * scripted_node: the socket side of a node that misbehaves on command. It keeps what came in the
 * present case for comparison, and what belongs to earlier cases away from it: a request of an
 * earlier case that is still alive (its client went away, say) is reset as soon as it shows up.
 */

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define OLD_TOKEN 9

static socklen_t address_length(const union node_address *address)
{
    return address->any.sa_family == AF_INET ? sizeof(address->v4) : sizeof(address->v6);
}

static bool set_address(union node_address *address, const char *ip, uint16_t port)
{
    *address = (union node_address){.v6 = {.sin6_family = 0}};
    if (inet_pton(AF_INET, ip, &address->v4.sin_addr) == 1) {
        address->v4.sin_family = AF_INET;
        address->v4.sin_port = htons(port);
        return true;
    }
    address->v6.sin6_family = AF_INET6;
    address->v6.sin6_port = htons(port);
    return inet_pton(AF_INET6, ip, &address->v6.sin6_addr) == 1;
}

static int open_socket(union node_address *address)
{
    int fd = socket(address->any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    socklen_t length = address_length(address);
    if (fd < 0)
        return -1;
    if (bind(fd, &address->any, length) < 0 || getsockname(fd, &address->any, &length) < 0) {
        close(fd);
        return -1;
    }
    return fd;
}

bool scripted_node_open(struct scripted_node *node, const char *name, const char *ip,
                        struct bytes *transcript)
{
    *node = (struct scripted_node){.name = name, .other_port_fd = -1, .other_address_fd = -1};
    node->transcript = transcript;
    node->next_mid = 0x1000;
    node->fd = set_address(&node->address, ip, 0) ? open_socket(&node->address) : -1;
    return node->fd >= 0;
}

uint16_t scripted_node_port(const struct scripted_node *node)
{
    return ntohs(node->address.any.sa_family == AF_INET ? node->address.v4.sin_port
                                                        : node->address.v6.sin6_port);
}

uint16_t scripted_node_closed_port(void)
{
    union node_address address;
    int fd = set_address(&address, "127.0.0.1", 0) ? open_socket(&address) : -1;
    if (fd < 0)
        return 1;
    close(fd);
    return ntohs(address.v4.sin_port);
}

static void remember_token(struct scripted_node *node, const struct coap_message *message)
{
    uint8_t entry[OLD_TOKEN] = {(uint8_t)message->token_length};
    memcpy(entry + 1, message->token, message->token_length);
    bytes_append(&node->old_tokens, entry, sizeof(entry));
}

static void free_message(struct node_message *message)
{
    coap_message_clear(&message->message);
    bytes_clear(&message->raw);
    free(message);
}

static void forget_delayed(struct scripted_node *node)
{
    for (struct node_delayed *delayed; (delayed = node->delayed) != NULL;) {
        node->delayed = delayed->next;
        bytes_clear(&delayed->datagram);
        free(delayed);
    }
}

static void forget_seen(struct scripted_node *node)
{
    for (size_t i = 0; i < node->seen_count; i++)
        free_message(node->seen[i]);
    free(node->seen);
    node->seen = NULL;
    node->seen_count = 0;
    node->current = NULL;
}

void scripted_node_close(struct scripted_node *node)
{
    const int descriptors[] = {node->fd, node->other_port_fd, node->other_address_fd};
    for (size_t i = 0; i < 3; i++) {
        if (descriptors[i] >= 0)
            close(descriptors[i]);
    }
    forget_seen(node);
    forget_delayed(node);
    for (struct node_message *message; (message = node->unread) != NULL;) {
        node->unread = message->next;
        free_message(message);
    }
    bytes_clear(&node->last_sent);
    bytes_clear(&node->old_tokens);
}

static void note(struct scripted_node *node, const char *arrow, const struct bytes *datagram)
{
    struct coap_message message = {.option_count = 0};
    bytes_print(node->transcript, "  %.3f %s %s ", gateway_process_now(), node->name, arrow);
    if (coap_message_parse(&message, datagram->data, datagram->length)) {
        coap_message_show(&message, node->transcript);
    } else {
        bytes_print(node->transcript, "no CoAP: ");
        bytes_show_hex(node->transcript, datagram->data, datagram->length);
    }
    bytes_print(node->transcript, "\n");
    coap_message_clear(&message);
}

static void send_to(struct scripted_node *node, int fd, const union node_address *to,
                    const struct bytes *datagram)
{
    note(node, "->", datagram);
    if (sendto(fd, datagram->data, datagram->length, 0, &to->any, address_length(to)) < 0)
        bytes_print(node->transcript, "  %s: sendto: %s\n", node->name, strerror(errno));
}

/* A leftover is a request with a token of an earlier case, or an ACK or RST for a message that the
 * node sent in an earlier case. */
static bool is_leftover(const struct scripted_node *node, const struct coap_message *message)
{
    if (message->type == MESSAGE_ACK || message->type == MESSAGE_RST)
        return message->mid < node->case_mid && message->mid >= 0x1000;
    for (size_t i = 0; i < node->old_tokens.length; i += OLD_TOKEN) {
        const uint8_t *entry = node->old_tokens.data + i;
        if (entry[0] == message->token_length &&
            memcmp(entry + 1, message->token, message->token_length) == 0)
            return true;
    }
    return false;
}

static struct node_message *read_datagram(struct scripted_node *node)
{
    uint8_t buffer[65536];
    union node_address from;
    socklen_t length = sizeof(from);
    ssize_t count = recvfrom(node->fd, buffer, sizeof(buffer), 0, &from.any, &length);
    if (count < 0)
        return NULL;
    struct node_message *message = bytes_allocate(sizeof(*message));
    bytes_append(&message->raw, buffer, (size_t)count);
    message->from = from;
    message->time = gateway_process_now();
    note(node, "<-", &message->raw);
    if (!coap_message_parse(&message->message, buffer, (size_t)count))
        message->message.code = 0xff; /* equals nothing that a scenario can expect */
    return message;
}

static void reset(struct scripted_node *node, const struct node_message *message)
{
    struct coap_message rst = {.type = MESSAGE_RST, .mid = message->message.mid};
    struct bytes datagram = {NULL, 0, 0};
    if (message->message.type != MESSAGE_CON)
        return;
    coap_message_write(&rst, &datagram);
    send_to(node, node->fd, &message->from, &datagram);
    bytes_clear(&datagram);
}

static void reset_leftover(struct scripted_node *node, struct node_message *message)
{
    bytes_print(node->transcript, "  (left over from an earlier case)\n");
    reset(node, message);
    free_message(message);
}

static void keep(struct scripted_node *node, struct node_message *message)
{
    struct node_message **seen = bytes_allocate((node->seen_count + 1) * sizeof(*seen));
    if (node->seen_count > 0)
        memcpy(seen, node->seen, node->seen_count * sizeof(*seen));
    free(node->seen);
    node->seen = seen;
    seen[node->seen_count++] = message;
    node->current = message;
}

/* The next datagram, be it one that was left aside before. */
static struct node_message *next_message(struct scripted_node *node)
{
    struct node_message *first = node->unread;
    if (first == NULL)
        return read_datagram(node);
    node->unread = first->next;
    first->next = NULL;
    return first;
}

struct node_message *scripted_node_receive(struct scripted_node *node,
                                           struct gateway_process *gateway, double until)
{
    for (;;) {
        struct node_message *message = next_message(node);
        if (message == NULL) {
            if (!gateway_process_wait(gateway, node->fd, POLLIN, until))
                return NULL;
        } else if (is_leftover(node, &message->message)) {
            reset_leftover(node, message);
        } else {
            keep(node, message);
            return message;
        }
    }
}

void scripted_node_begin_case(struct scripted_node *node)
{
    node->case_mid = node->next_mid;
}

void scripted_node_end_case(struct scripted_node *node)
{
    forget_delayed(node);
    for (struct node_message *message; (message = next_message(node)) != NULL;) {
        bool is_request = message->message.code < 0x20 && message->message.code != 0;
        if (is_request)
            remember_token(node, &message->message);
        reset_leftover(node, message);
    }
    for (size_t i = 0; i < node->seen_count; i++) {
        /* A ping has none. */
        if (node->seen[i]->message.code != 0)
            remember_token(node, &node->seen[i]->message);
        if (!node->seen[i]->answered)
            reset(node, node->seen[i]);
    }
    forget_seen(node);
    bytes_empty(&node->last_sent);
}

/* The same port on another address, or another port on the same address. */
static int other_socket(struct scripted_node *node, enum node_source source)
{
    int *fd = source == NODE_SOURCE_OTHER_PORT ? &node->other_port_fd : &node->other_address_fd;
    if (*fd < 0) {
        union node_address address = node->address;
        if (source == NODE_SOURCE_OTHER_PORT && address.any.sa_family == AF_INET)
            address.v4.sin_port = 0;
        else if (source == NODE_SOURCE_OTHER_PORT)
            address.v6.sin6_port = 0;
        else if (address.any.sa_family == AF_INET)
            address.v4.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1);
        *fd = open_socket(&address);
    }
    return *fd;
}

static void send_now(struct scripted_node *node, int fd, const union node_address *to,
                     const struct bytes *datagram)
{
    bytes_set(&node->last_sent, datagram->data, datagram->length);
    node->sent_time = gateway_process_now();
    send_to(node, fd, to, datagram);
}

static void send_later(struct scripted_node *node, int fd, double due, const struct bytes *datagram)
{
    struct node_delayed *delayed = bytes_allocate(sizeof(*delayed));
    struct node_delayed **place = &node->delayed;
    bytes_set(&delayed->datagram, datagram->data, datagram->length);
    delayed->to = node->current->from;
    delayed->fd = fd;
    delayed->due = due;
    while (*place != NULL && (*place)->due <= due)
        place = &(*place)->next;
    delayed->next = *place;
    *place = delayed;
}

bool scripted_node_send(struct scripted_node *node, enum node_source source, double delay,
                        const struct bytes *datagram)
{
    int fd = source == NODE_SOURCE_OWN ? node->fd : other_socket(node, source);
    if (node->current == NULL || fd < 0)
        return false;
    node->current->answered = true;
    if (delay > 0)
        send_later(node, fd, gateway_process_now() + delay, datagram);
    else
        send_now(node, fd, &node->current->from, datagram);
    return true;
}

double scripted_node_tick(struct scripted_node *node, double now)
{
    while (node->delayed != NULL && node->delayed->due <= now) {
        struct node_delayed *due = node->delayed;
        node->delayed = due->next;
        send_now(node, due->fd, &due->to, &due->datagram);
        bytes_clear(&due->datagram);
        free(due);
    }
    return node->delayed == NULL ? HUGE_VAL : node->delayed->due;
}

static void put_aside(struct scripted_node *node, struct node_message *message)
{
    struct node_message **end = &node->unread;
    while (*end != NULL)
        end = &(*end)->next;
    *end = message;
}

bool scripted_node_synchronise(struct scripted_node *node, struct gateway_process *gateway,
                               double until)
{
    struct coap_message ping = {.type = MESSAGE_CON, .mid = node->next_mid++};
    struct bytes datagram = {NULL, 0, 0};
    bool answered = false;
    if (node->current == NULL)
        return false;
    coap_message_write(&ping, &datagram);
    send_to(node, node->fd, &node->current->from, &datagram);
    bytes_clear(&datagram);
    while (!answered) {
        struct node_message *message = read_datagram(node);
        if (message == NULL) {
            if (!gateway_process_wait(gateway, node->fd, POLLIN, until))
                return false;
            continue;
        }
        answered = message->message.type == MESSAGE_RST && message->message.mid == ping.mid;
        if (answered)
            free_message(message);
        else
            put_aside(node, message);
    }
    return true;
}
