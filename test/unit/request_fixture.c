/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_fixture.h"

#include <check.h>
#include <string.h>

/*
 * request_fixture: see the header. Check forks for each test, so the one world is fresh every time.
 */

struct request_world w;

static void told_response(void *handle, const struct rest_message *response,
                          const struct request_report *report)
{
    struct call *call = handle;

    call->responses++;
    call->report = *report;
    call->told_us = timers_now_us(w.timers);
    call->code = response->code;
    call->option_count = response->option_count;
    ck_assert_uint_lt(response->payload_length, sizeof call->payload);
    if (response->payload_length > 0)
        memcpy(call->payload, response->payload, response->payload_length);
    if (call->action != NULL)
        call->action(call);
}

static void told_failed(void *handle, enum request_failure failure,
                        const struct request_report *report)
{
    struct call *call = handle;

    call->failures++;
    call->failure = failure;
    call->report = *report;
    call->told_us = timers_now_us(w.timers);
    if (call->action != NULL)
        call->action(call);
}

static void told_overdue(void *handle, const struct request_report *report)
{
    struct call *call = handle;

    ck_assert_uint_eq(call->responses + call->failures, 0);
    call->overdues++;
    call->report = *report;
    call->told_us = timers_now_us(w.timers);
}

static const struct request_events recorder = {
    .response = told_response, .failed = told_failed, .overdue = told_overdue};

void request_setup(void)
{
    memset(&w, 0, sizeof w);
    w.timers = timers_new();
    ck_assert_ptr_nonnull(w.timers);
    timers_set_now_us(w.timers, 1000000);
    random_sequence_init(&w.mids, 1);
    random_sequence_init(&w.tokens, 2);
    fake_channel_init(&w.channel, w.timers);
    w.settings = (struct settings){
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
    struct request_layer_options options = {
        .message = {.timers = w.timers,
                    .random = random_sequence_source(&w.mids),
                    .channel = fake_channel_of(&w.channel),
                    .maximum_endpoints = 100},
        .token_random = random_sequence_source(&w.tokens),
        .maximum_requests = 20000,
    };
    w.layer = request_layer_new(&options);
    ck_assert_ptr_nonnull(w.layer);
    w.channel.core = message_layer_channel_events(request_layer_messages(w.layer));
    w.node = fake_address(NODE);
    w.other = fake_address(OTHER_NODE);
}

void request_teardown(void)
{
    request_layer_free(w.layer);
    fake_channel_clear(&w.channel);
    timers_free(w.timers);
}

static enum request_refusal start_with(unsigned n, const struct endpoint_address *to,
                                       bool is_peer_of_client)
{
    struct rest_request get;
    uint64_t events = 0;

    rest_request_init(&get);
    get.message.code = REST_GET;
    rest_request_add(&get, REST_OPTION_URI_PATH, "t", 1);
    struct request_spec spec = {.peer = *to,
                                .message = &get.message,
                                .settings = &w.settings,
                                .needs_no_answer = w.needs_no_answer,
                                .events = &recorder,
                                .handle = &w.calls[n],
                                .client = w.client,
                                .times = w.times,
                                .is_peer_of_client = is_peer_of_client};
    for (unsigned i = 0; i < CALLS; i++)
        events += w.calls[i].responses + w.calls[i].failures + w.calls[i].overdues;
    w.is_starting = true;
    enum request_refusal refusal = request_start(w.layer, &spec, &w.calls[n].id);
    w.is_starting = false;
    ck_assert((refusal == REQUEST_STARTED) == (w.calls[n].id != 0));
    /* Events never come from inside. */
    for (unsigned i = 0; i < CALLS; i++)
        events -= w.calls[i].responses + w.calls[i].failures + w.calls[i].overdues;
    ck_assert_uint_eq(events, 0);
    return refusal;
}

enum request_refusal start(unsigned n, const struct endpoint_address *to)
{
    return start_with(n, to, false);
}

enum request_refusal start_for_client(const struct endpoint_address *to)
{
    return start_with(0, to, true);
}

struct pdu sent(size_t n)
{
    return fake_channel_read(&w.channel, n);
}

void respond(const struct endpoint_address *from, enum pdu_type type, uint16_t mid,
             const struct pdu *request, const char *payload)
{
    fake_channel_deliver_message(&w.channel, from, type, mid, REST_CODE(2, 5), request, payload);
}

void respond_option(const struct endpoint_address *from, enum pdu_type type, uint16_t mid,
                    const struct pdu *request, uint16_t option)
{
    struct rest_request response;
    uint8_t bytes[64];

    rest_request_init(&response);
    response.message.code = REST_CODE(2, 5);
    rest_request_add(&response, option, "?", 1);
    size_t length = pdu_write(bytes, sizeof bytes, type, mid, request->token, request->token_length,
                              &response.message);
    fake_channel_deliver(&w.channel, from, bytes, length);
}

void acknowledge(const struct endpoint_address *from, const struct pdu *request)
{
    fake_channel_deliver_empty(&w.channel, from, PDU_ACK, request->mid);
}

void expect_pending(unsigned n)
{
    ck_assert_uint_eq(w.calls[n].responses + w.calls[n].failures, 0);
}

void expect_response(unsigned n, const char *payload)
{
    ck_assert_uint_eq(w.calls[n].responses, 1);
    ck_assert_uint_eq(w.calls[n].failures, 0);
    ck_assert_str_eq(w.calls[n].payload, payload);
}

void expect_failure(unsigned n, enum request_failure failure)
{
    ck_assert_uint_eq(w.calls[n].failures, 1);
    ck_assert_uint_eq(w.calls[n].responses, 0);
    ck_assert_int_eq(w.calls[n].failure, failure);
}
