/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blockwise_fixture.h"
#include "proves.h"

/*
 * Tests of the life of a transfer: tokens, blocks that are lost, transfers that wait for each
 * other, cancellation, memory that is short.
 */

enum {
    CONTENT = REST_CODE(2, 5),
    CREATED = REST_CODE(2, 1),
    CHANGED = REST_CODE(2, 4),
    CONTINUE = REST_CODE(2, 31),
    TOO_LARGE = REST_CODE(4, 13),
    SPENT_MS = 93000, /* MAX_TRANSMIT_WAIT */
    TRANSMISSIONS = 5,
};

/* --- allocation --- */

/* The n-th allocation of the layers fails, and all after it; 0: none does. */
static unsigned long fails_at;

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);

static bool may_allocate(void)
{
    if (fails_at == 0 || !w.is_inside)
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
    return may_allocate() ? __real_calloc(count, size) : NULL;
}

void *__wrap_realloc(void *block, size_t size)
{
    return may_allocate() ? __real_realloc(block, size) : NULL;
}

/* --- tokens --- */

/* The tokens of the blocks of a PUT of three. */
static void put_three_blocks(unsigned n, uint8_t tokens[3][8])
{
    static const char *const blocks[] = {"b1=0/1/1024 size1=2500", "b1=1/1/1024", "b1=2/0/1024"};

    start(n, REST_PUT, "t", 2500);
    for (unsigned i = 0; i < 3; i++) {
        expect(REST_PUT, blocks[i], i * 1024, i < 2 ? 1024 : 452);
        memcpy(tokens[i], w.current.token, 8);
        reply(i < 2 ? CONTINUE : CHANGED, blocks[i], 0, 0);
    }
    expect_response(n, CHANGED, 0);
}

START_TEST(the_blocks_of_a_transfer_share_a_token_or_have_each_its_own)
{
    uint8_t first[3][8], second[3][8];

    put_three_blocks(0, first);
    ck_assert_mem_eq(first[0], first[1], 8);
    ck_assert_mem_eq(first[0], first[2], 8);
    put_three_blocks(1, second);
    ck_assert_mem_ne(first[0], second[0], 8);
    w.settings.block_token = BLOCK_TOKEN_FRESH;
    put_three_blocks(2, second);
    ck_assert_mem_ne(second[0], second[1], 8);
    ck_assert_mem_ne(second[0], second[2], 8);
    ck_assert_mem_ne(second[1], second[2], 8);
    /* Over DTLS, unless the node says otherwise (RFC 9175 4.2). */
    w.node.is_secure = 1;
    w.settings.block_token = BLOCK_TOKEN_BY_SCHEME;
    put_three_blocks(3, second);
    ck_assert_mem_ne(second[0], second[1], 8);
    w.settings.block_token = BLOCK_TOKEN_REUSE;
    put_three_blocks(4, second);
    ck_assert_mem_eq(second[0], second[2], 8);
}
END_TEST

START_TEST(a_late_answer_to_an_earlier_block_is_told_apart)
{
    start(0, REST_PUT, "t", 2500);
    expect(REST_PUT, "b1=0/1/1024 size1=2500", 0, 1024);
    struct pdu first = w.current;
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/1/1024", 1024, 1024);
    struct pdu second = w.current;
    /* by its MID */
    w.current = first;
    reply(CONTINUE, "b1=1/1/1024", 0, 0);
    /* by its number */
    reply_separately(PDU_CON, CONTINUE, "b1=0/1/1024", 0, 0);
    ck_assert_int_eq(fake_channel_read(&w.channel, w.read++).type, PDU_ACK);
    reply_separately(PDU_NON, CHANGED, "b1=0/0/1024", 0, 0);
    expect_nothing();
    w.current = second;
    reply_separately(PDU_CON, CONTINUE, "b1=1/1/1024", 0, 0);
    ck_assert_int_eq(fake_channel_read(&w.channel, w.channel.count - 1).type, PDU_ACK);
    expect(REST_PUT, "b1=2/0/1024", 2048, 452);
    w.read++;
    reply(CHANGED, "b1=2/0/1024 b2=0/1/16", 0, 16);
    expect(REST_PUT, "b2=1/0/16", 0, 0);
    reply_separately(PDU_NON, CONTINUE, "b1=1/1/1024", 0, 0);
    reply_separately(PDU_NON, CHANGED, "b1=2/0/1024 b2=0/1/16", 0, 16);
    expect_nothing();
    reply(CHANGED, "b2=1/0/16", 16, 4);
    expect_response(0, CHANGED, 20);
    expect_nothing();
    proves("BLOCK-19");
}
END_TEST

/* --- blocks that are lost --- */

/* All transmissions of the next message are lost. */
static void lose(uint8_t code, const char *options, size_t offset, size_t length)
{
    expect(code, options, offset, length);
    uint16_t mid = w.current.mid;
    clock_advance(w.timers, 46000);
    for (unsigned i = 1; i < TRANSMISSIONS; i++) {
        expect(code, options, offset, length);
        ck_assert_uint_eq(w.current.mid, mid);
    }
    expect_nothing();
    for (unsigned ms = 46000; ms <= SPENT_MS && w.read == w.channel.count; ms += 500)
        clock_advance(w.timers, 500);
}

/* The node shows that it is there, so that PROBING_RATE does not hold. */
static void show_life(void)
{
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, 1);
}

static void expect_ping(void)
{
    ck_assert_uint_lt(w.read, w.channel.count);
    struct pdu ping = fake_channel_read(&w.channel, w.read++);
    ck_assert_int_eq(ping.type, PDU_CON);
    ck_assert_uint_eq(ping.message.code, 0);
}

/* Nothing else of that size goes to a node that is silent (RFC 7252 4.7). */
static void answer_ping(void)
{
    expect_ping();
    expect_nothing();
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST,
                               fake_channel_read(&w.channel, w.read - 1).mid);
}

START_TEST(a_block_that_is_lost_is_sent_again_with_a_new_mid_twice)
{
    static const uint8_t methods[] = {REST_PUT, REST_FETCH, REST_DELETE};

    for (unsigned i = 0; i < sizeof methods; i++) {
        start(0, methods[i], "t", 1500);
        expect(methods[i], "b1=0/1/1024 size1=1500", 0, 1024);
        reply(CONTINUE, "b1=0/1/1024", 0, 0);
        uint16_t before = w.current.mid;
        for (unsigned repeat = 0; repeat < 2; repeat++) {
            lose(methods[i], "b1=1/0/1024", 1024, 476);
            ck_assert_uint_ne(w.current.mid, before);
            before = w.current.mid;
            answer_ping();
        }
        expect(methods[i], "b1=1/0/1024", 1024, 476);
        ck_assert_uint_ne(w.current.mid, before);
        reply(CHANGED, "b1=1/0/1024", 0, 0);
        expect_response(0, CHANGED, 0);
        ck_assert_uint_eq(w.jobs[0].overdues, 0);
        ck_assert_uint_eq(w.jobs[0].report.earlier_retransmissions, 2 * (TRANSMISSIONS - 1));
        ck_assert_uint_ge(w.jobs[0].report.elapsed_us, UINT64_C(2) * 62000000);
    }
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    /* A small message is as good as a ping. */
    lose(REST_GET, "b2=1/0/64", 0, 0);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "b2=1/1/64", 64, 64);
    /* In a row: it counts anew for each block. */
    for (unsigned i = 0; i < 3; i++)
        lose(REST_GET, "b2=2/0/64", 0, 0);
    expect_failure(0, REQUEST_TIMED_OUT, NULL);
    ck_assert_uint_eq(w.jobs[0].overdues, 1);
    expect_nothing();
}
END_TEST

START_TEST(a_lost_block_of_a_post_or_patch_is_never_sent_again)
{
    static const uint8_t methods[] = {REST_POST, REST_PATCH, REST_IPATCH};

    for (unsigned i = 0; i < sizeof methods; i++) {
        start(0, methods[i], "t", 1500);
        expect(methods[i], "b1=0/1/1024 size1=1500", 0, 1024);
        reply(CONTINUE, "b1=0/1/1024", 0, 0);
        lose(methods[i], "b1=1/0/1024", 1024, 476);
        expect_failure(0, REQUEST_TIMED_OUT, NULL);
        ck_assert_uint_eq(w.jobs[0].overdues, 1);
        expect_nothing();
        show_life();
    }
    proves("BLOCK-20");
}
END_TEST

START_TEST(a_node_that_never_answered_is_given_up_at_the_deadline)
{
    start(0, REST_PUT, "t", 1500);
    clock_advance(w.timers, 45000);
    ck_assert_uint_eq(w.jobs[0].overdues, 1);
    ck_assert_uint_eq(w.jobs[0].report.elapsed_us, 45000000);
    lose(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    expect_failure(0, REQUEST_TIMED_OUT, NULL);
    ck_assert_uint_eq(w.jobs[0].overdues, 1);
    expect_nothing();
    show_life();
    /* With a deadline beyond that it is tried again. */
    w.settings.deadline_ms = 100000;
    start(1, REST_PUT, "t", 1500);
    lose(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    answer_ping();
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    ck_assert_uint_eq(w.jobs[1].overdues, 0);
}
END_TEST

START_TEST(a_silent_node_is_asked_for_a_sign_of_life_and_not_for_blocks)
{
    start(0, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    lose(REST_PUT, "b1=1/0/1024", 1024, 476);
    for (unsigned delay_s = 5; delay_s <= 20; delay_s *= 2) {
        expect_ping();
        expect_nothing();
        clock_advance(w.timers, delay_s * 1000);
    }
    expect_ping();
    expect_nothing();
    clock_advance(w.timers, 10000);
    expect_failure(0, REQUEST_TIMED_OUT, NULL);
    clock_advance(w.timers, 100000);
    expect_nothing();
    show_life();
    /* It lost the block, but has been heard of since: no need to ask. */
    start(1, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    clock_advance(w.timers, 46000);
    w.read += TRANSMISSIONS - 1;
    expect_nothing();
    show_life();
    for (unsigned ms = 46000; ms <= SPENT_MS && w.read == w.channel.count; ms += 500)
        clock_advance(w.timers, 500);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    expect_nothing();
}
END_TEST

START_TEST(a_get_in_one_message_is_lost_as_ever)
{
    w.settings.deadline_ms = 100000;
    start(0, REST_GET, "t", 0);
    lose(REST_GET, "", 0, 0);
    expect_failure(0, REQUEST_TIMED_OUT, NULL);
    expect_nothing();
}
END_TEST

START_TEST(a_reset_ends_a_transfer)
{
    start(0, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, w.current.mid);
    expect_failure(0, REQUEST_RESET, NULL);
    expect_nothing();
}
END_TEST

/* --- turns --- */

START_TEST(uploads_to_one_resource_go_one_after_the_other)
{
    start(0, REST_PUT, "t", 1500);
    start(1, REST_POST, "t", 2000);
    start(2, REST_PUT, "t", 1025);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    clock_advance(w.timers, 1);
    expect_nothing();
    reply(CHANGED, "b1=1/0/1024", 0, 0);
    expect_response(0, CHANGED, 0);
    clock_advance(w.timers, 0);
    expect(REST_POST, "b1=0/1/1024 size1=2000 tag", 0, 1024);
    struct rest_option tag = *rest_find_option(&w.current.message, REST_OPTION_REQUEST_TAG);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_POST, "b1=1/0/1024 tag", 1024, 976);
    ck_assert_mem_eq(rest_find_option(&w.current.message, REST_OPTION_REQUEST_TAG)->value,
                     tag.value, tag.length);
    reply(CHANGED, "b1=1/0/1024 b2=0/1/16", 0, 16);
    expect(REST_POST, "b2=1/0/16 tag", 0, 0);
    expect_nothing();
    reply(CHANGED, "b2=1/0/16", 16, 1);
    expect_response(1, CHANGED, 17);
    clock_advance(w.timers, 0);
    expect(REST_PUT, "b1=0/1/1024 size1=1025 tag", 0, 1024);
    reply(REST_CODE(4, 3), "b1=0/1/1024", 0, 0);
    expect_response(2, REST_CODE(4, 3), 0);
    proves("BLOCK-16");
    proves("OPT-21");
}
END_TEST

START_TEST(uploads_to_other_resources_and_peers_do_not_wait)
{
    w.settings.nstart = 4;
    start(0, REST_PUT, "t", 1500);
    start(1, REST_PUT, "u", 1500);
    w.node = fake_address(OTHER_NODE);
    start(2, REST_PUT, "t", 1500);
    start(3, REST_GET, "t", 0);
    start(4, REST_PUT, "t", 100);
    ck_assert_uint_eq(w.channel.count, 5);
    for (unsigned i = 0; i < 3; i++)
        expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
}
END_TEST

START_TEST(whoever_leaves_gives_the_turn_on)
{
    start(0, REST_PUT, "t", 1500);
    start(1, REST_PUT, "t", 1500);
    start(2, REST_PUT, "t", 1600);
    start(3, REST_PUT, "t", 1700);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    blockwise_cancel(w.layer, w.jobs[1].id);
    clock_advance(w.timers, 0);
    expect_nothing();
    blockwise_cancel(w.layer, w.jobs[0].id);
    /* It leaves before it has heard of its turn. */
    blockwise_cancel(w.layer, w.jobs[2].id);
    expect_nothing();
    clock_advance(w.timers, 0);
    /* The node has not confirmed the block that it was sent (RFC 7252 4.7). */
    expect_nothing();
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=0/1/1024 size1=1700 tag", 0, 1024);
    blockwise_cancel(w.layer, w.jobs[3].id);
    ck_assert_uint_eq(blockwise_count(w.layer), 0);
}
END_TEST

START_TEST(a_body_that_turns_out_too_large_takes_its_turn)
{
    start(0, REST_PUT, "t", 600);
    expect(REST_PUT, "", 0, 600);
    start(1, REST_PUT, "t", 1500);
    reply(TOO_LARGE, "b1=0/1/512", 0, 0);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    expect_nothing();
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    reply(CHANGED, "b1=1/0/1024", 0, 0);
    clock_advance(w.timers, 0);
    expect(REST_PUT, "b1=0/1/512 size1=600 tag", 0, 512);
}
END_TEST

START_TEST(as_many_wait_for_a_turn_as_for_a_node)
{
    w.settings.queue_per_node = 2;
    start(0, REST_PUT, "t", 1500);
    start(1, REST_PUT, "t", 1500);
    start(2, REST_PUT, "t", 1500);
    prepare(3, REST_PUT, "t", 1500);
    ck_assert_int_eq(begin(3), REQUEST_QUEUE_FULL);
    ck_assert_uint_eq(blockwise_count(w.layer), 3);
    w.node = fake_address(OTHER_NODE);
    start(4, REST_PUT, "t", 1500);
}
END_TEST

START_TEST(others_have_their_turn_between_two_blocks)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    struct pdu first = w.current;
    start(1, REST_GET, "u", 0);
    start(2, REST_GET, "v", 0);
    expect_nothing();
    w.current = first;
    reply(CONTENT, "b2=0/1/16", 0, 16);
    expect(REST_GET, "", 0, 0);
    ck_assert(has_option(REST_OPTION_URI_PATH, "u"));
    reply(CONTENT, "", 0, 3);
    expect(REST_GET, "", 0, 0);
    ck_assert(has_option(REST_OPTION_URI_PATH, "v"));
    reply(CONTENT, "", 0, 4);
    expect(REST_GET, "b2=1/0/16", 0, 0);
    reply(CONTENT, "b2=1/0/16", 16, 16);
    expect_response(0, CONTENT, 32);
}
END_TEST

/* --- the end --- */

START_TEST(a_cancelled_transfer_hears_nothing)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/16", 0, 16);
    expect(REST_GET, "b2=1/0/16", 0, 0);
    blockwise_cancel(w.layer, w.jobs[0].id);
    blockwise_cancel(w.layer, w.jobs[0].id);
    blockwise_cancel(w.layer, 0);
    blockwise_cancel(w.layer, 12345);
    reply(CONTENT, "b2=1/0/16", 16, 16);
    clock_advance(w.timers, 1000000);
    expect_pending(0);
    expect_nothing();
    ck_assert_uint_eq(request_layer_outstanding(w.requests), 0);
    ck_assert_uint_eq(timers_next_us(w.timers), TIMERS_NEVER);
}
END_TEST

START_TEST(freeing_the_layer_drops_transfers_without_events)
{
    start(0, REST_PUT, "t", 1500);
    start(1, REST_PUT, "t", 1500);
    start(2, REST_GET, "t", 0);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CREATED, "b1=0/0/1024 loc=x", 0, 0);
    /* teardown frees it and looks at what is outstanding */
    expect_pending(0);
}
END_TEST

/* An upload, and a download behind it; true when there was memory enough. */
static bool run_without_memory(unsigned long n)
{
    enum request_refusal refusal;

    w.node = fake_address((uint16_t)(1000 + n)); /* an endpoint that is not there yet */
    prepare(0, REST_PUT, "t", 1500);
    fails_at = n;
    refusal = begin(0);
    if (refusal != REQUEST_STARTED) {
        ck_assert_int_eq(refusal, REQUEST_NO_MEMORY);
        return false;
    }
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CREATED, "b1=0/0/1024 loc=x", 0, 0);
    if (w.jobs[0].failures == 0) {
        expect(REST_PUT, "b1=1/0/1024", 1024, 476);
        reply(CHANGED, "b1=1/0/1024 b2=0/1/64", 0, 64);
    }
    if (w.jobs[0].failures == 0) {
        expect(REST_PUT, "b2=1/0/64", 0, 0);
        reply(CHANGED, "b2=1/0/64", 64, 64);
    }
    if (w.jobs[0].failures == 0)
        return true;
    expect_failure(0, REQUEST_OUT_OF_MEMORY, NULL);
    return false;
}

START_TEST(short_memory_refuses_or_ends_a_transfer_and_leaves_nothing)
{
    unsigned long n = 1;

    /* The fake channel has room for what will be sent. */
    while (w.channel.capacity < 256) {
        start(0, REST_GET, "t", 0);
        expect(REST_GET, "", 0, 0);
        reply(CONTENT, "", 0, 0);
    }
    fake_channel_forget(&w.channel);
    w.read = 0;
    while (!run_without_memory(n)) {
        ck_assert_uint_eq(blockwise_count(w.layer), 0);
        ck_assert_uint_eq(request_layer_outstanding(w.requests), 0);
        n++;
    }
    expect_response(0, CREATED, 128);
    ck_assert_uint_gt(n, 5);
    fails_at = 0;
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blockwise_life");
    TCase *tests = tcase_create("blockwise_life");

    tcase_add_checked_fixture(tests, blockwise_setup, blockwise_teardown);
    tcase_add_test(tests, the_blocks_of_a_transfer_share_a_token_or_have_each_its_own);
    tcase_add_test(tests, a_late_answer_to_an_earlier_block_is_told_apart);
    tcase_add_test(tests, a_block_that_is_lost_is_sent_again_with_a_new_mid_twice);
    tcase_add_test(tests, a_lost_block_of_a_post_or_patch_is_never_sent_again);
    tcase_add_test(tests, a_node_that_never_answered_is_given_up_at_the_deadline);
    tcase_add_test(tests, a_silent_node_is_asked_for_a_sign_of_life_and_not_for_blocks);
    tcase_add_test(tests, a_get_in_one_message_is_lost_as_ever);
    tcase_add_test(tests, a_reset_ends_a_transfer);
    tcase_add_test(tests, uploads_to_one_resource_go_one_after_the_other);
    tcase_add_test(tests, uploads_to_other_resources_and_peers_do_not_wait);
    tcase_add_test(tests, whoever_leaves_gives_the_turn_on);
    tcase_add_test(tests, a_body_that_turns_out_too_large_takes_its_turn);
    tcase_add_test(tests, as_many_wait_for_a_turn_as_for_a_node);
    tcase_add_test(tests, others_have_their_turn_between_two_blocks);
    tcase_add_test(tests, a_cancelled_transfer_hears_nothing);
    tcase_add_test(tests, freeing_the_layer_drops_transfers_without_events);
    tcase_add_test(tests, short_memory_refuses_or_ends_a_transfer_and_leaves_nothing);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
