/* SPDX-License-Identifier: BSD-2-Clause */
#include "scripted_node.h"
/*
 * node_babble: a node out of its mind. It sends datagrams that are random from the first byte or
 * begin like a CoAP message and go wrong later, the same ones for the same seed, and pings the
 * gateway now and then so that none is lost in a full buffer. What the gateway answers is thrown
 * away.
 */

#include <string.h>
#include <sys/socket.h>

#define BATCH        64
#define LONGEST      80
#define PING_SECONDS 5.0

static uint32_t draw(uint32_t *state)
{
    *state ^= *state << 13; /* xorshift */
    *state ^= *state >> 17;
    *state ^= *state << 5;
    return *state;
}

/* Three of four have version 1 and a token length that fits; the outstanding MID is left out, for a
 * reset that fits it would be right to end the request. */
static size_t make_datagram(uint8_t *datagram, uint32_t *state, const struct coap_message *request)
{
    size_t length = draw(state) % LONGEST;
    for (size_t i = 0; i < LONGEST; i++)
        datagram[i] = (uint8_t)(draw(state) >> 7);
    if (draw(state) % 4 != 0)
        datagram[0] = (uint8_t)(0x40 | (datagram[0] & 0x30) | request->token_length);
    if (draw(state) % 4 == 0)
        memcpy(datagram + 4, request->token, request->token_length);
    if (datagram[2] == request->mid >> 8)
        datagram[2] ^= 0x80;
    /* The request's token with a code of a response would be a response. */
    if (memcmp(datagram + 4, request->token, request->token_length) == 0)
        datagram[1] &= 0x1f;
    return length;
}

static bool ping(struct scripted_node *node, struct gateway_process *gateway,
                 const union node_address *to, socklen_t to_length)
{
    double until = gateway_process_now() + PING_SECONDS;
    uint16_t mid = node->next_mid++;
    const uint8_t datagram[4] = {0x40, 0, (uint8_t)(mid >> 8), (uint8_t)mid};
    const uint8_t answer[4] = {0x70, 0, datagram[2], datagram[3]};
    uint8_t got[2048];
    if (sendto(node->fd, datagram, sizeof(datagram), 0, &to->any, to_length) < 0)
        return false;
    for (;;) {
        ssize_t count = recv(node->fd, got, sizeof(got), 0);
        if (count == (ssize_t)sizeof(answer) && memcmp(got, answer, sizeof(answer)) == 0)
            return true;
        if (count < 0 && !gateway_process_wait(gateway, node->fd, POLLIN, until))
            return false;
    }
}

bool node_babble(struct scripted_node *node, struct gateway_process *gateway, uint32_t seed,
                 long count)
{
    uint8_t datagram[LONGEST];
    if (node->current == NULL || seed == 0)
        return false;
    const union node_address to = node->current->from;
    socklen_t to_length = to.any.sa_family == AF_INET ? sizeof(to.v4) : sizeof(to.v6);
    for (long i = 0; i < count; i++) {
        size_t length = make_datagram(datagram, &seed, &node->current->message);
        sendto(node->fd, datagram, length, 0, &to.any, to_length);
        if (i % BATCH == BATCH - 1 && !ping(node, gateway, &to, to_length))
            return false;
    }
    return ping(node, gateway, &to, to_length);
}
