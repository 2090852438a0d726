/* SPDX-License-Identifier: BSD-2-Clause */
#include "request_layer.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "proves.h"
#include "request_fixture.h"

/*
 * Tests of the life of a request: cancelled in each state, started and cancelled from inside
 * events, refused at each limit and when memory is short.
 */

/* --- allocation --- */

/* The n-th allocation inside request_start fails, and all after it; 0: none does. */
static unsigned long fails_at;
/* Every calloc fails (Check itself uses malloc). */
static bool fails_calloc;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    if (fails_at == 0 || !w.is_starting)
        return true;
    if (fails_at == 1)
        return false;
    fails_at--;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return may_allocate() ? __real_malloc(size) : NULL;
}

void *__wrap_calloc(size_t count, size_t size)
{
    return !fails_calloc && may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

START_TEST(a_request_without_memory_is_refused_and_leaves_nothing)
{
    unsigned long n = 0;
    enum request_refusal refusal;

    do {
        fake_channel_forget(&w.channel);
        ck_assert_uint_lt(n, 20);
        /* Room for the record of what is sent, so that only the layer's allocations fail. */
        if (w.channel.sent == NULL) {
            start(1, &w.other);
            request_cancel(w.layer, w.calls[1].id);
            fake_channel_forget(&w.channel);
        }
        fails_at = ++n;
        refusal = start(0, &w.node);
        fails_at = 0;
        if (refusal != REQUEST_STARTED) {
            ck_assert_int_eq(refusal, REQUEST_NO_MEMORY);
            ck_assert_uint_eq(w.channel.count, 0);
            ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
        }
    } while (refusal != REQUEST_STARTED);
    ck_assert_uint_ge(n, 3);
    struct pdu request = sent(0);
    respond(&w.node, PDU_ACK, request.mid, &request, "x");
    expect_response(0, "x");
}
END_TEST

START_TEST(a_layer_without_memory_is_not_made)
{
    struct request_layer_options options = {
        .message = {.timers = w.timers,
                    .random = random_sequence_source(&w.mids),
                    .channel = fake_channel_of(&w.channel),
                    .maximum_endpoints = 100},
        .token_random = random_sequence_source(&w.tokens),
        .maximum_requests = 100,
    };
    for (fails_at = 1; fails_at <= 2;) {
        unsigned long n = fails_at;
        w.is_starting = true;
        struct request_layer *layer = request_layer_new(&options);
        w.is_starting = false;
        ck_assert_ptr_null(layer);
        fails_at = n + 1;
    }
    fails_at = 0;
}
END_TEST

START_TEST(a_request_that_finds_no_memory_to_wait_in_is_refused_and_leaves_nothing)
{
    unsigned refused = 0;

    start(0, &w.node);
    for (unsigned long n = 1;; n++) {
        fails_at = n;
        enum request_refusal refusal = start(1, &w.node);
        fails_at = 0;
        if (refusal == REQUEST_STARTED)
            break;
        ck_assert_int_eq(refusal, REQUEST_NO_MEMORY);
        ck_assert_uint_eq(request_layer_outstanding(w.layer), 1);
        ck_assert_uint_eq(message_layer_queued(request_layer_messages(w.layer)), 0);
        refused++;
    }
    ck_assert_uint_ge(refused, 3); /* the request, its client's place, the table of places */
    struct pdu first = sent(0);
    respond(&w.node, PDU_ACK, first.mid, &first, "x");
    ck_assert_uint_eq(w.channel.count, 2);
}
END_TEST

START_TEST(many_requests_survive_a_table_that_cannot_grow)
{
    w.settings.nstart = 2000;
    w.settings.queue_per_node = 2000;
    unsigned started = 0, refused = 0;
    struct endpoint_address any = w.node;
    for (unsigned i = 0; i < 2000; i++) {
        fake_channel_forget(&w.channel);
        fails_at = i % 7 == 0 ? 1 + i % 5 : 0;
        enum request_refusal refusal = start(0, &any);
        fails_at = 0;
        if (refusal == REQUEST_STARTED)
            started++;
        else
            refused++;
    }
    ck_assert_uint_gt(refused, 0);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), started);
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(w.calls[0].failures, started);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
}
END_TEST

START_TEST(a_response_is_taken_without_memory_for_its_duplicates)
{
    start(0, &w.node);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    start(1, &w.node);
    fails_calloc = true;
    respond(&w.node, PDU_CON, 7, &request, "x");
    fails_calloc = false;
    expect_response(0, "x");
    ck_assert_int_eq(sent(2).type, PDU_ACK);
}
END_TEST

/* --- from inside events --- */

/* Cancels itself (an unknown id by now), its neighbour, which keeps its slot, and one that waits,
 * and starts another. */
static void cancel_and_start(struct call *call)
{
    request_cancel(w.layer, call->id);
    request_cancel(w.layer, w.calls[1].id);
    request_cancel(w.layer, w.calls[2].id);
    ck_assert_int_eq(start(9, &w.node), REQUEST_STARTED);
}

static void prepare_neighbours(void)
{
    w.settings.nstart = 2;
    start(0, &w.node);
    start(1, &w.node);
    start(2, &w.node);
    start(3, &w.node);
    w.calls[0].action = cancel_and_start;
}

static void expect_neighbours(void)
{
    ck_assert_uint_eq(w.calls[0].responses + w.calls[0].failures, 1);
    expect_pending(1);
    expect_pending(2);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 2);
    /* Those that were cancelled are answered too, so that the others have their turn. */
    for (size_t n = 1; n < w.channel.count; n++) {
        struct pdu request = sent(n);
        if (request.type == PDU_CON)
            respond(&w.node, PDU_ACK, request.mid, &request, "y");
    }
    expect_pending(1);
    expect_pending(2);
    expect_response(3, "y");
    expect_response(9, "y");
}

START_TEST(a_response_event_may_cancel_and_start_requests)
{
    prepare_neighbours();
    struct pdu request = sent(0);
    respond(&w.node, PDU_ACK, request.mid, &request, "x");
    expect_neighbours();
}
END_TEST

START_TEST(a_separate_response_event_may_cancel_and_start_requests)
{
    prepare_neighbours();
    struct pdu request = sent(0);
    /* The ACK goes out behind the requests that the event let go. */
    respond(&w.node, PDU_CON, 5, &request, "x");
    ck_assert_int_eq(sent(w.channel.count - 1).type, PDU_ACK);
    expect_neighbours();
}
END_TEST

START_TEST(a_failure_event_may_cancel_and_start_requests)
{
    prepare_neighbours();
    struct pdu request = sent(0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, request.mid);
    expect_neighbours();
}
END_TEST

START_TEST(a_deadline_event_may_cancel_and_start_requests)
{
    /* Three that were acknowledged at the same moment. */
    for (unsigned i = 0; i < 3; i++) {
        start(i, &w.node);
        struct pdu request = sent(i);
        acknowledge(&w.node, &request);
    }
    w.calls[0].action = cancel_and_start;
    clock_advance(w.timers, 120000);
    expect_failure(0, REQUEST_TIMED_OUT);
    expect_pending(1);
    expect_pending(2);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 1);
}
END_TEST

START_TEST(freeing_the_layer_drops_requests_without_events)
{
    w.settings.nstart = 2;
    for (unsigned i = 0; i < 5; i++)
        start(i, &w.node);
    struct pdu request = sent(0);
    acknowledge(&w.node, &request);
    request_layer_free(w.layer);
    w.layer = NULL;
    for (unsigned i = 0; i < 5; i++)
        expect_pending(i);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
}
END_TEST

/* --- limits --- */

START_TEST(requests_above_the_maximum_wait_and_those_above_the_queue_are_refused)
{
    w.settings.queue_per_node = 8;
    request_layer_set_maximum(w.layer, 4);
    for (unsigned i = 0; i < 4; i++) {
        ck_assert_int_eq(start(i, &w.node), REQUEST_STARTED);
        struct pdu request = sent(i);
        acknowledge(&w.node, &request);
    }
    for (unsigned i = 4; i < 12; i++)
        ck_assert_int_eq(start(i, &w.node), REQUEST_STARTED);
    ck_assert_uint_eq(w.channel.count, 4);
    ck_assert_int_eq(start(12, &w.node), REQUEST_QUEUE_FULL);
    /* What is answered makes room for one that waits. */
    struct pdu first = sent(0);
    respond(&w.node, PDU_NON, 7, &first, "x");
    ck_assert_uint_eq(w.channel.count, 5);
    ck_assert_int_eq(start(12, &w.node), REQUEST_STARTED);
    /* A reload that allows more needs no other event. */
    struct pdu fifth = sent(4);
    acknowledge(&w.node, &fifth);
    request_layer_set_maximum(w.layer, 5);
    ck_assert_uint_eq(w.channel.count, 6);
    proves("CONG-04");
}
END_TEST

static void put_last_in_the_queue(struct call *call)
{
    (void)call;
    ck_assert_int_eq(start(20, &w.node), REQUEST_STARTED);
}

START_TEST(a_request_that_was_displaced_fails_once_and_was_never_sent)
{
    w.settings.queue_per_node = 2;
    start(0, &w.node);
    start(1, &w.node);
    start(2, &w.node);
    w.client = 1;
    w.calls[2].action = put_last_in_the_queue; /* refused or taken, an event may start another */
    w.settings.queue_per_node = 2;
    ck_assert_int_eq(start(3, &w.node), REQUEST_STARTED);
    expect_pending(2);
    w.settings.queue_per_node = 3;
    clock_advance(w.timers, 1);
    expect_failure(2, REQUEST_DISPLACED);
    ck_assert_uint_eq(w.calls[2].report.transmissions, 0);
    ck_assert_uint_eq(w.channel.count, 1);
    request_cancel(w.layer, w.calls[2].id);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 4);
}
END_TEST

START_TEST(peers_of_clients_leave_room_for_those_of_the_configuration)
{
    struct endpoint_address peer;
    for (uint16_t i = 0; i < 75; i++) {
        peer = fake_address((uint16_t)(1000 + i));
        ck_assert_int_eq(start_for_client(&peer), REQUEST_STARTED);
    }
    ck_assert_int_eq(start_for_client(&peer), REQUEST_STARTED); /* it is known */
    ck_assert_int_eq(start_for_client(&w.node), REQUEST_TOO_MANY_PEERS);
    for (uint16_t i = 0; i < 25; i++) {
        peer = fake_address((uint16_t)(2000 + i));
        ck_assert_int_eq(start(0, &peer), REQUEST_STARTED);
    }
    ck_assert_int_eq(start(0, &w.node), REQUEST_TOO_MANY_PEERS);
    ck_assert_int_eq(start(0, &peer), REQUEST_STARTED);
}
END_TEST

START_TEST(a_full_queue_refuses_and_tells_when_to_come_back)
{
    w.settings.queue_per_node = 4;
    ck_assert_uint_eq(request_layer_retry_after(w.layer, &w.node), 1);
    /* One request that took 1.5 s. */
    start(0, &w.node);
    struct pdu request = sent(0);
    clock_advance(w.timers, 1500);
    respond(&w.node, PDU_ACK, request.mid, &request, "x");
    for (unsigned i = 1; i <= 5; i++)
        ck_assert_int_eq(start(i, &w.node), REQUEST_STARTED);
    ck_assert_int_eq(start(6, &w.node), REQUEST_QUEUE_FULL);
    ck_assert_uint_eq(w.calls[6].id, 0);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 5);
    /* Five before it at 1.5 s each. */
    ck_assert_uint_eq(request_layer_retry_after(w.layer, &w.node), 8);
    ck_assert_uint_eq(request_layer_retry_after(w.layer, &w.other), 1);
}
END_TEST

START_TEST(a_message_that_does_not_fit_is_refused)
{
    struct rest_request put;
    uint8_t payload[1200] = {0};
    uint64_t id = 1;

    rest_request_init(&put);
    put.message.code = REST_PUT;
    put.message.payload = payload;
    put.message.payload_length = 1024;
    struct request_spec spec = {.peer = w.node, .message = &put.message, .settings = &w.settings};
    static const struct request_events none;
    spec.events = &none;
    ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_STARTED);
    request_cancel(w.layer, id);
    put.message.payload_length = REST_REQUEST_SIZE - 4 - 8 - 1;
    ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_STARTED);
    request_cancel(w.layer, id);
    put.message.payload_length++;
    ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_TOO_LONG);
    ck_assert_uint_eq(id, 0);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
}
END_TEST

START_TEST(requests_by_the_ten_thousand_are_matched_each_to_its_own)
{
    enum { ROUNDS = 200 };
    w.settings.nstart = 32;
    w.settings.queue_per_node = 64;
    for (unsigned round = 0; round < ROUNDS; round++) {
        memset(w.calls, 0, sizeof w.calls);
        fake_channel_forget(&w.channel);
        for (unsigned i = 0; i < CALLS; i++)
            ck_assert_int_eq(start(i, i & 1 ? &w.node : &w.other), REQUEST_STARTED);
        ck_assert_uint_eq(w.channel.count, CALLS);
        /* The newest first. */
        for (unsigned i = CALLS; i-- > 0;) {
            char text[8];
            struct pdu request = sent(i);
            snprintf(text, sizeof text, "%u", i);
            respond(i & 1 ? &w.node : &w.other, PDU_ACK, request.mid, &request, text);
            expect_response(i, text);
        }
        ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
    }
}
END_TEST

/* --- several requests with one token --- */

static unsigned answers;
static unsigned left;

static void setup(void)
{
    request_setup();
    answers = 0;
    left = 0;
}

static void count_answer(void *handle, const struct rest_message *response,
                         const struct request_report *report)
{
    (void)handle;
    (void)response;
    (void)report;
    answers++;
}

static enum request_match match_payload(void *handle, const struct rest_message *response,
                                        bool is_in_ack)
{
    const char *awaited = handle;
    (void)is_in_ack;
    return response->payload_length == 1 && response->payload[0] == (uint8_t)awaited[0]
               ? REQUEST_MATCH_ANSWER
               : REQUEST_MATCH_EARLIER;
}

static uint64_t start_with_token(struct request_token *token, const char *awaited)
{
    static const struct request_events events = {.response = count_answer, .match = match_payload};
    struct rest_message get = {.code = REST_GET};
    struct request_spec spec = {.peer = w.node,
                                .message = &get,
                                .settings = &w.settings,
                                .events = &events,
                                .handle = (void *)(uintptr_t)awaited,
                                .token = token};
    uint64_t id;
    ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_STARTED);
    return id;
}

START_TEST(a_token_is_used_again_unless_an_outstanding_request_has_it)
{
    struct request_token token = {0};
    w.settings.nstart = 2;
    start_with_token(&token, "1");
    struct pdu first = sent(0);
    ck_assert(token.is_set);
    ck_assert_mem_eq(token.bytes, first.token, 8);
    respond(&w.node, PDU_ACK, first.mid, &first, "1");
    ck_assert_uint_eq(answers, 1);
    start_with_token(&token, "2");
    ck_assert_mem_eq(sent(1).token, first.token, 8);
    ck_assert_uint_ne(sent(1).mid, first.mid);
    start_with_token(&token, "3");
    ck_assert_mem_ne(sent(2).token, first.token, 8);
    ck_assert_mem_eq(sent(2).token, token.bytes, 8);
}
END_TEST

START_TEST(an_answer_to_an_earlier_request_with_the_token_is_acknowledged_and_ignored)
{
    struct request_token token = {0};
    start_with_token(&token, "1");
    struct pdu first = sent(0);
    respond(&w.node, PDU_ACK, first.mid, &first, "1");
    start_with_token(&token, "2");
    struct pdu second = sent(1);
    /* told apart by its MID, which a CON of the node's has not */
    respond(&w.node, PDU_ACK, first.mid, &second, "2");
    respond(&w.node, PDU_ACK, second.mid, &second, "1");
    ck_assert_uint_eq(w.channel.count, 2);
    respond(&w.node, PDU_CON, 70, &second, "1");
    ck_assert_int_eq(sent(2).type, PDU_ACK);
    ck_assert_uint_eq(sent(2).mid, 70);
    respond(&w.node, PDU_NON, 71, &second, "1");
    ck_assert_uint_eq(w.channel.count, 3);
    ck_assert_uint_eq(answers, 1);
    /* None of these stopped the retransmission. */
    clock_advance(w.timers, 3000);
    ck_assert_uint_eq(w.channel.count, 4);
    respond(&w.node, PDU_CON, 72, &second, "2");
    ck_assert_uint_eq(answers, 2);
}
END_TEST

static void count_left(void *handle)
{
    (void)handle;
    left++;
}

START_TEST(a_request_that_nobody_answers_ends_when_it_has_left)
{
    static const struct request_events events = {.sent = count_left};
    struct rest_message get = {.code = REST_POST};
    struct request_spec spec = {.peer = w.node,
                                .message = &get,
                                .settings = &w.settings,
                                .events = &events,
                                .ends_when_sent = true};
    uint64_t id;

    w.settings.is_non_confirmable = true;
    for (int i = 0; i < 2; i++)
        ck_assert_int_eq(request_start(w.layer, &spec, &id), REQUEST_STARTED);
    /* The second waits for its turn; neither is told from inside the call. */
    ck_assert_uint_eq(w.channel.count, 1);
    ck_assert_uint_eq(left, 0);
    clock_advance(w.timers, 100000);
    ck_assert_uint_eq(left, 2);
    ck_assert_uint_eq(w.channel.count, 2);
    ck_assert_uint_eq(request_layer_outstanding(w.layer), 0);
    proves("EXT-08");
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("request_life");
    TCase *tests = tcase_create("request_life");

    tcase_set_timeout(tests, 20);
    tcase_add_checked_fixture(tests, setup, request_teardown);
    tcase_add_test(tests, a_request_without_memory_is_refused_and_leaves_nothing);
    tcase_add_test(tests, a_layer_without_memory_is_not_made);
    tcase_add_test(tests, a_request_that_finds_no_memory_to_wait_in_is_refused_and_leaves_nothing);
    tcase_add_test(tests, many_requests_survive_a_table_that_cannot_grow);
    tcase_add_test(tests, a_response_is_taken_without_memory_for_its_duplicates);
    tcase_add_test(tests, a_response_event_may_cancel_and_start_requests);
    tcase_add_test(tests, a_separate_response_event_may_cancel_and_start_requests);
    tcase_add_test(tests, a_failure_event_may_cancel_and_start_requests);
    tcase_add_test(tests, a_deadline_event_may_cancel_and_start_requests);
    tcase_add_test(tests, freeing_the_layer_drops_requests_without_events);
    tcase_add_test(tests, requests_above_the_maximum_wait_and_those_above_the_queue_are_refused);
    tcase_add_test(tests, a_request_that_was_displaced_fails_once_and_was_never_sent);
    tcase_add_test(tests, peers_of_clients_leave_room_for_those_of_the_configuration);
    tcase_add_test(tests, a_full_queue_refuses_and_tells_when_to_come_back);
    tcase_add_test(tests, a_message_that_does_not_fit_is_refused);
    tcase_add_test(tests, requests_by_the_ten_thousand_are_matched_each_to_its_own);
    tcase_add_test(tests, a_token_is_used_again_unless_an_outstanding_request_has_it);
    tcase_add_test(tests,
                   an_answer_to_an_earlier_request_with_the_token_is_acknowledged_and_ignored);
    tcase_add_test(tests, a_request_that_nobody_answers_ends_when_it_has_left);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
