/* SPDX-License-Identifier: BSD-2-Clause */
#include "message_fixture.h"

#include <check.h>
#include <string.h>

/*
 * message_fixture: see the header. Check forks for each test, so the one world is fresh every time.
 */

struct world w;

static void told_acknowledged(void *handle, struct message *message)
{
    ck_assert_ptr_eq(handle, &w);
    w.acknowledged++;
    w.told = message;
}

static void told_ended(void *handle, struct message *message, enum message_end end)
{
    ck_assert_ptr_eq(handle, &w);
    ck_assert_int_eq(message->state, MESSAGE_IDLE);
    w.ended++;
    w.told = message;
    w.end = end;
}

static enum message_verdict told_response(void *handle, struct endpoint *endpoint, struct pdu *pdu)
{
    ck_assert_ptr_eq(handle, &w);
    ck_assert_ptr_nonnull(endpoint);
    ck_assert_uint_ge(REST_CODE_CLASS(pdu->message.code), 2);
    w.responses++;
    if (w.ends_on_response != NULL)
        message_end(w.layer, w.ends_on_response);
    return w.verdict;
}

static void told_hint(void *handle, struct endpoint *endpoint, int error)
{
    ck_assert_ptr_eq(handle, &w);
    ck_assert_ptr_nonnull(endpoint);
    ck_assert_int_ne(error, 0);
    w.hints++;
}

static void set_settings(struct settings *settings)
{
    *settings = (struct settings){
        .ack_timeout_ms = 2000,
        .ack_random_percent = 150,
        .max_retransmit = 4,
        .nstart = 1,
        .probing_rate_milli = 1000,
        .deadline_ms = 45000,
        .acked_deadline_ms = 120000,
        .queue_per_node = 64,
        .hop_limit = 16,
    };
}

void message_setup_with_seed(uint64_t seed)
{
    static const struct message_events events = {.acknowledged = told_acknowledged,
                                                 .ended = told_ended,
                                                 .response = told_response,
                                                 .hint = told_hint,
                                                 .handle = &w};

    w = (struct world){.timers = timers_new(), .verdict = MESSAGE_ACCEPT};
    ck_assert_ptr_nonnull(w.timers);
    timers_set_now_us(w.timers, 1000000);
    random_sequence_init(&w.sequence, seed);
    fake_channel_init(&w.channel, w.timers);
    set_settings(&w.settings);
    struct message_layer_options options = {
        .timers = w.timers,
        .random = random_sequence_source(&w.sequence),
        .channel = fake_channel_of(&w.channel),
        .maximum_endpoints = 16,
        .maximum_outstanding = 1000,
    };
    w.layer = message_layer_new(&options, &events);
    ck_assert_ptr_nonnull(w.layer);
    w.channel.core = message_layer_channel_events(w.layer);
    w.node = fake_address(NODE);
    w.other = fake_address(OTHER_NODE);
}

void message_setup(void)
{
    message_setup_with_seed(1);
}

void message_teardown(void)
{
    message_layer_free(w.layer);
    fake_channel_clear(&w.channel);
    timers_free(w.timers);
}

const struct message_counters *counters(void)
{
    return message_layer_counters(w.layer);
}

int send_to(const struct endpoint_address *to, struct sender *sender, uint8_t tag)
{
    const uint8_t token[8] = {tag, 2, 3, 4, 5, 6, 7, 8};
    struct rest_request get;

    memset(sender, 0, sizeof *sender);
    rest_request_init(&get);
    get.message.code = REST_GET;
    sender->message.endpoint = message_layer_endpoint(w.layer, to);
    ck_assert_ptr_nonnull(sender->message.endpoint);
    sender->message.datagram = sender->datagram;
    sender->message.length =
        pdu_write(sender->datagram, sizeof sender->datagram, PDU_CON, 0, token, 8, &get.message);
    sender->message.is_confirmable = !w.settings.is_non_confirmable;
    sender->message.client = w.client;
    sender->message.is_continuation = w.is_continuation;
    sender->message.settings = &w.settings;
    return message_send(w.layer, &sender->message);
}

void expect_last(const struct endpoint_address *to, enum pdu_type type, uint16_t mid)
{
    const struct fake_datagram *last = fake_channel_last(&w.channel);
    struct pdu pdu = fake_channel_read(&w.channel, w.channel.count - 1);

    ck_assert(endpoint_address_equal(&last->to, to));
    ck_assert_int_eq(pdu.type, type);
    ck_assert_uint_eq(pdu.mid, mid);
}
