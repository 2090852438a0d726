/* SPDX-License-Identifier: BSD-2-Clause */
#include "fakes.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

/*
 * fakes: see the header. Nothing here sleeps or knows the time of day: hours pass by
 * clock_advance().
 */

void clock_advance(struct timers *timers, uint64_t ms)
{
    uint64_t until_us = timers_now_us(timers) + ms * 1000;

    while (timers_next_us(timers) <= until_us) {
        timers_set_now_us(timers, timers_next_us(timers));
        timers_run(timers);
    }
    timers_set_now_us(timers, until_us);
}

void fake_channel_init(struct fake_channel *fake, struct timers *timers)
{
    *fake = (struct fake_channel){.timers = timers};
}

void fake_channel_clear(struct fake_channel *fake)
{
    free(fake->sent);
    *fake = (struct fake_channel){0};
}

static enum channel_result fake_send(void *handle, const struct endpoint_address *to,
                                     const uint8_t *datagram, size_t length)
{
    struct fake_channel *fake = handle;

    if (fake->result != CHANNEL_SENT) {
        fake->refused++;
        return fake->result;
    }
    if (fake->count == fake->capacity) {
        fake->capacity = fake->capacity ? 2 * fake->capacity : 16;
        fake->sent = realloc(fake->sent, fake->capacity * sizeof *fake->sent);
        ck_assert_ptr_nonnull(fake->sent);
    }
    struct fake_datagram *copy = &fake->sent[fake->count++];
    if (length > sizeof copy->bytes)
        ck_abort_msg("a datagram of %zu bytes", length);
    copy->to = *to;
    copy->sent_us = timers_now_us(fake->timers);
    copy->length = length;
    memcpy(copy->bytes, datagram, length);
    return CHANNEL_SENT;
}

struct channel fake_channel_of(struct fake_channel *fake)
{
    return (struct channel){.send = fake_send, .handle = fake};
}

const struct fake_datagram *fake_channel_last(const struct fake_channel *fake)
{
    ck_assert_uint_gt(fake->count, 0);
    return &fake->sent[fake->count - 1];
}

struct pdu fake_channel_read(const struct fake_channel *fake, size_t n)
{
    struct pdu pdu;

    ck_assert_uint_lt(n, fake->count);
    ck_assert_int_eq(pdu_parse(&pdu, fake->sent[n].bytes, fake->sent[n].length), PDU_FINE);
    return pdu;
}

void fake_channel_forget(struct fake_channel *fake)
{
    fake->count = 0;
}

void fake_channel_deliver(struct fake_channel *fake, const struct endpoint_address *from,
                          const uint8_t *bytes, size_t length)
{
    uint8_t *copy = malloc(length ? length : 1);

    ck_assert_ptr_nonnull(copy);
    memcpy(copy, bytes, length);
    fake->core.received(fake->core.handle, from, copy, length);
    free(copy);
}

void fake_channel_deliver_empty(struct fake_channel *fake, const struct endpoint_address *from,
                                enum pdu_type type, uint16_t mid)
{
    uint8_t bytes[PDU_HEADER_SIZE];

    pdu_write_empty(bytes, type, mid);
    fake_channel_deliver(fake, from, bytes, sizeof bytes);
}

void fake_channel_deliver_message(struct fake_channel *fake, const struct endpoint_address *from,
                                  enum pdu_type type, uint16_t mid, uint8_t code,
                                  const struct pdu *token_of, const char *payload)
{
    struct rest_request message;
    uint8_t bytes[1280];

    rest_request_init(&message);
    message.message.code = code;
    message.message.payload = (const uint8_t *)payload;
    message.message.payload_length = payload ? strlen(payload) : 0;
    size_t length = pdu_write(bytes, sizeof bytes, type, mid, token_of->token,
                              token_of->token_length, &message.message);
    ck_assert_uint_gt(length, 0);
    fake_channel_deliver(fake, from, bytes, length);
}

struct endpoint_address fake_address(uint16_t port)
{
    return (struct endpoint_address){.bytes = {127, 0, 0, 1}, .port = port, .family = 4};
}
