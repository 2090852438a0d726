/* SPDX-License-Identifier: BSD-2-Clause */
#include "stage.h"
/*
 * stage: what the facts share. libcoap runs unmodified; the node is scripted message by message, so
 * that it can do what the network does to real ones. clock_gettime is ours here: the program's
 * definition comes before the C library's, for libcoap too.
 */

#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

static long wall_offset;

int clock_gettime(clockid_t clock, struct timespec *now)
{
    long result = syscall(SYS_clock_gettime, clock, now);
    if (result == 0 && clock == CLOCK_REALTIME)
        now->tv_sec += wall_offset;
    return (int)result;
}

void stage_step_wall_clock(long seconds)
{
    wall_offset += seconds;
}

double stage_now(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

void stage_check(bool condition, const char *what)
{
    if (condition)
        return;
    perror(what);
    exit(EXIT_FAILURE);
}

static coap_response_t on_response(coap_session_t *session, const coap_pdu_t *sent,
                                   const coap_pdu_t *received, const coap_mid_t mid)
{
    struct stage *stage = coap_get_app_data(coap_session_get_context(session));
    const uint8_t *data = NULL;
    size_t length = 0, offset = 0, total = 0;
    (void)sent, (void)mid;
    stage->responses++;
    stage->response_code = (uint8_t)coap_pdu_get_code(received);
    coap_get_data_large(received, &length, &data, &offset, &total);
    stage->body_length = total;
    return COAP_RESPONSE_OK;
}

static void on_nack(coap_session_t *session, const coap_pdu_t *sent,
                    const coap_nack_reason_t reason, const coap_mid_t mid)
{
    struct stage *stage = coap_get_app_data(coap_session_get_context(session));
    (void)sent, (void)reason, (void)mid;
    stage->nacks++;
}

void stage_open(struct stage *stage, uint32_t block_mode)
{
    socklen_t length = sizeof(stage->node_address);
    *stage = (struct stage){.node_address = {.sin_family = AF_INET}};
    stage->node_address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    stage->node = socket(AF_INET, SOCK_DGRAM | SOCK_NONBLOCK, 0);
    stage_check(stage->node >= 0 &&
                    bind(stage->node, (struct sockaddr *)&stage->node_address, length) == 0 &&
                    getsockname(stage->node, (struct sockaddr *)&stage->node_address, &length) == 0,
                "socket of the node");
    stage->context = coap_new_context(NULL);
    stage_check(stage->context != NULL, "coap_new_context");
    coap_set_app_data(stage->context, stage);
    coap_context_set_block_mode(stage->context, (uint8_t)block_mode);
    coap_register_response_handler(stage->context, on_response);
    coap_register_nack_handler(stage->context, on_nack);
}

coap_session_t *stage_session(struct stage *stage, double ack_timeout)
{
    coap_address_t address;
    coap_fixed_point_t timeout = {(uint16_t)ack_timeout,
                                  (uint16_t)((ack_timeout - (uint16_t)ack_timeout) * 1000)};
    coap_fixed_point_t one = {1, 0};
    coap_address_init(&address);
    address.size = sizeof(stage->node_address);
    address.addr.sin = stage->node_address;
    coap_session_t *session =
        coap_new_client_session(stage->context, NULL, &address, COAP_PROTO_UDP);
    stage_check(session != NULL, "coap_new_client_session");
    coap_session_set_ack_timeout(session, timeout);
    coap_session_set_ack_random_factor(session, one);
    return session;
}

static void release_body(coap_session_t *session, void *body)
{
    (void)session;
    free(body);
}

void stage_request(struct stage *stage, coap_session_t *session, size_t length)
{
    uint8_t token[8];
    size_t token_length = 0;
    (void)stage;
    coap_pdu_t *pdu = coap_new_pdu(
        COAP_MESSAGE_CON, length > 0 ? COAP_REQUEST_CODE_PUT : COAP_REQUEST_CODE_GET, session);
    stage_check(pdu != NULL, "coap_new_pdu");
    coap_session_new_token(session, &token_length, token);
    coap_add_token(pdu, token_length, token);
    coap_add_option(pdu, COAP_OPTION_URI_PATH, 1, (const uint8_t *)"x");
    uint8_t *body = length > 0 ? calloc(1, length) : NULL;
    if (body != NULL)
        coap_add_data_large_request(session, pdu, length, body, release_body, body);
    coap_send(session, pdu);
}

/* One turn of libcoap; true when the node's socket has something. */
static bool turn(struct stage *stage)
{
    struct pollfd wait = {stage->node, POLLIN, 0};
    coap_io_process(stage->context, COAP_IO_NO_WAIT);
    return poll(&wait, 1, 1) > 0;
}

bool stage_hear(struct stage *stage, double seconds)
{
    uint8_t buffer[2048];
    socklen_t length = sizeof(stage->client);
    double until = stage_now() + seconds;
    while (!turn(stage)) {
        if (stage_now() >= until)
            return false;
    }
    ssize_t count = recvfrom(stage->node, buffer, sizeof(buffer), 0,
                             (struct sockaddr *)&stage->client, &length);
    coap_message_clear(&stage->got);
    return count > 0 && coap_message_parse(&stage->got, buffer, (size_t)count);
}

void stage_run(struct stage *stage, double seconds)
{
    double until = stage_now() + seconds;
    while (stage_now() < until)
        turn(stage);
}

struct coap_message stage_answer(const struct stage *stage, enum message_type type, uint8_t code)
{
    struct coap_message answer = {.type = type, .code = code, .mid = 0x7777};
    if (type == MESSAGE_ACK || type == MESSAGE_RST)
        answer.mid = stage->got.mid;
    if (code != 0) {
        answer.token_length = stage->got.token_length;
        memcpy(answer.token, stage->got.token, sizeof(answer.token));
    }
    return answer;
}

void stage_say(struct stage *stage, struct coap_message *message)
{
    struct bytes datagram = {NULL, 0, 0};
    coap_message_write(message, &datagram);
    ssize_t count = sendto(stage->node, datagram.data, datagram.length, 0,
                           (struct sockaddr *)&stage->client, sizeof(stage->client));
    stage_check(count == (ssize_t)datagram.length, "sendto of the node");
    bytes_clear(&datagram);
}

void stage_close(struct stage *stage)
{
    coap_message_clear(&stage->got);
    coap_free_context(stage->context);
    close(stage->node);
}
