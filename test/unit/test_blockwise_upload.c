/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blockwise_fixture.h"
#include "proves.h"

/*
 * Tests of Block1 (RFC 7959 2.5): which bodies are sent in blocks, of what size, and what the
 * node's answers to the blocks mean.
 */

enum {
    CREATED = REST_CODE(2, 1),
    CHANGED = REST_CODE(2, 4),
    CONTINUE = REST_CODE(2, 31),
    BAD_OPTION = REST_CODE(4, 2),
    INCOMPLETE = REST_CODE(4, 8),
    TOO_LARGE = REST_CODE(4, 13),
};

START_TEST(bodies_above_the_threshold_are_sent_in_blocks)
{
    w.settings.blockwise_threshold = 512;
    start(0, REST_PUT, "t", 512);
    expect(REST_PUT, "", 0, 512);
    reply(CHANGED, "", 0, 0);
    expect_response(0, CHANGED, 0);
    start(1, REST_PUT, "t", 513);
    expect(REST_PUT, "b1=0/0/1024 size1=513", 0, 513);
    reply(CHANGED, "b1=0/0/1024", 0, 0);
    expect_response(1, CHANGED, 0);
    w.settings.block_size = 64;
    start(2, REST_PUT, "t", 513);
    for (unsigned i = 0; i < 9; i++) {
        char options[60];

        (void)snprintf(options, sizeof options, "b1=%u/%d/64%s", i, i < 8,
                       i == 0 ? " size1=513" : "");
        expect(REST_PUT, options, i * 64, i < 8 ? 64 : 1);
        (void)snprintf(options, sizeof options, "b1=%u/%d/64", i, i < 8);
        reply(i < 8 ? CONTINUE : CHANGED, options, 0, 0);
    }
    expect_response(2, CHANGED, 0);
    expect_nothing();
    proves("BLOCK-09");
    proves("OPT-18");
}
END_TEST

/* RFC 7959 figure 9 */
START_TEST(a_smaller_size_is_followed_by_rescaling_the_number)
{
    w.settings.block_size = 128;
    w.settings.blockwise_threshold = 128;
    start(0, REST_PUT, "options", 200);
    expect(REST_PUT, "b1=0/1/128 size1=200", 0, 128);
    reply(CONTINUE, "b1=0/1/32", 0, 0);
    expect(REST_PUT, "b1=4/1/32", 128, 32);
    reply(CONTINUE, "b1=4/1/32", 0, 0);
    expect(REST_PUT, "b1=5/1/32", 160, 32);
    reply(CONTINUE, "b1=5/1/32", 0, 0);
    expect(REST_PUT, "b1=6/0/32", 192, 8);
    reply(CHANGED, "b1=6/0/32", 0, 0);
    expect_response(0, CHANGED, 0);
    proves("BLOCK-12");
}
END_TEST

START_TEST(a_larger_size_is_not_followed)
{
    w.settings.block_size = 64;
    start(0, REST_PUT, "t", 1100);
    expect(REST_PUT, "b1=0/1/64 size1=1100", 0, 64);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/1/64", 64, 64);
}
END_TEST

START_TEST(a_node_that_finds_a_body_too_large_gets_it_in_blocks)
{
    start(0, REST_PUT, "t", 600);
    expect(REST_PUT, "", 0, 600);
    reply(TOO_LARGE, "b1=0/0/64", 0, 0);
    expect(REST_PUT, "b1=0/1/64 size1=600", 0, 64);
    reply(CONTINUE, "b1=0/1/64", 0, 0);
    expect(REST_PUT, "b1=1/1/64", 64, 64);
    expect_pending(0);
    blockwise_cancel(w.layer, w.jobs[0].id);
    reply(CONTINUE, "b1=1/1/64", 0, 0);
    /* Without a hint: of a size that makes more than one block of it. */
    start(1, REST_PUT, "t", 600);
    expect(REST_PUT, "", 0, 600);
    reply(TOO_LARGE, "size1=100", 0, 0);
    expect(REST_PUT, "b1=0/1/512 size1=600", 0, 512);
    reply(CONTINUE, "b1=0/1/512", 0, 0);
    expect(REST_PUT, "b1=1/0/512", 512, 88);
    reply(CHANGED, "b1=1/0/512", 0, 0);
    expect_response(1, CHANGED, 0);
    proves("BLOCK-10");
}
END_TEST

START_TEST(a_node_that_refuses_every_block_as_too_large_is_believed)
{
    start(0, REST_PUT, "t", 600);
    expect(REST_PUT, "", 0, 600);
    reply(TOO_LARGE, "", 0, 0);
    expect(REST_PUT, "b1=0/1/512 size1=600", 0, 512);
    reply(TOO_LARGE, "b1=0/1/128", 0, 0);
    expect(REST_PUT, "b1=0/1/128 size1=600", 0, 128);
    reply(TOO_LARGE, "b1=0/1/128 size1=100", 0, 0);
    expect_response(0, TOO_LARGE, 0);
    expect_nothing();
    /* Nothing can be made smaller where there is no body. */
    start(1, REST_PUT, "t", 0);
    expect(REST_PUT, "", 0, 0);
    reply(TOO_LARGE, "", 0, 0);
    expect_response(1, TOO_LARGE, 0);
    expect_nothing();
}
END_TEST

START_TEST(a_node_that_knows_no_blocks_gets_the_whole)
{
    w.settings.blockwise_threshold = 512;
    start(0, REST_PUT, "t", 600);
    expect(REST_PUT, "b1=0/0/1024 size1=600", 0, 600);
    reply(BAD_OPTION, "", 0, 0);
    expect(REST_PUT, "", 0, 600);
    reply(CHANGED, "", 0, 0);
    expect_response(0, CHANGED, 0);
    start(1, REST_PUT, "t", 600);
    expect(REST_PUT, "", 0, 600);
    reply(CHANGED, "", 0, 0);
    expect_response(1, CHANGED, 0);
    /* What does not fit into a message has no other way. */
    start(2, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(BAD_OPTION, "", 0, 3);
    expect_response(2, BAD_OPTION, 3);
    expect_nothing();
    proves("BLOCK-11");
}
END_TEST

START_TEST(an_option_that_is_bad_without_blocks_too_teaches_nothing)
{
    w.settings.blockwise_threshold = 512;
    start(0, REST_POST, "t", 600);
    expect(REST_POST, "b1=0/0/1024 size1=600", 0, 600);
    reply(BAD_OPTION, "", 0, 0);
    expect(REST_POST, "", 0, 600);
    reply(BAD_OPTION, "", 0, 0);
    expect_response(0, BAD_OPTION, 0);
    ck_assert_uint_eq(capability_count(w.capabilities), 0);
    /* Nor does a success behind a block that was taken. */
    w.settings.block_size = 512;
    start(1, REST_PUT, "t", 600);
    expect(REST_PUT, "b1=0/1/512 size1=600", 0, 512);
    reply(CONTINUE, "b1=0/1/512", 0, 0);
    expect(REST_PUT, "b1=1/0/512", 512, 88);
    reply(BAD_OPTION, "", 0, 0);
    expect(REST_PUT, "", 0, 600);
    reply(CHANGED, "", 0, 0);
    expect_response(1, CHANGED, 0);
    ck_assert_uint_eq(capability_count(w.capabilities), 0);
    /* Too large without, refused with: there is no third way. */
    start(2, REST_PUT, "t", 600);
    expect(REST_PUT, "b1=0/1/512 size1=600", 0, 512);
    reply(BAD_OPTION, "", 0, 0);
    expect(REST_PUT, "", 0, 600);
    reply(TOO_LARGE, "", 0, 0);
    expect_response(2, TOO_LARGE, 0);
    expect_nothing();
}
END_TEST

START_TEST(created_for_one_block_means_created)
{
    start(0, REST_PUT, "t", 2500);
    expect(REST_PUT, "b1=0/1/1024 size1=2500", 0, 1024);
    reply(CREATED, "b1=0/0/1024 loc=here", 0, 0);
    expect(REST_PUT, "b1=1/1/1024", 1024, 1024);
    reply(CHANGED, "b1=1/0/1024", 0, 0);
    expect(REST_PUT, "b1=2/0/1024", 2048, 452);
    reply(CHANGED, "b1=2/0/1024 etag=7 maxage=3", 0, 0);
    expect_response(0, CREATED, 0);
    ck_assert_str_eq(w.jobs[0].location, "here");
    /* The place that the last one names counts; and an error stays one. */
    start(1, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CREATED, "b1=0/0/1024 loc=here", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    reply(CREATED, "b1=1/0/1024 loc=there", 0, 0);
    expect_response(1, CREATED, 0);
    ck_assert_str_eq(w.jobs[1].location, "there");
    start(2, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CREATED, "b1=0/0/1024", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    reply(REST_CODE(5, 0), "b1=1/0/1024", 0, 5);
    expect_response(2, REST_CODE(5, 0), 5);
    proves("BLOCK-13");
}
END_TEST

/* 2.01 for the current block of 1024, with that many segments of a Location, 240 bytes each. */
static void reply_with_long_location(unsigned segments)
{
    static const uint8_t block = 0x0e; /* 0, more, 1024 */
    uint8_t bytes[2048];
    struct rest_message response = {.code = CREATED};
    struct rest_option *option = response.options;

    for (unsigned i = 0; i < segments; i++)
        *option++ = (struct rest_option){REST_OPTION_LOCATION_PATH, 240, some_bytes()};
    *option++ = (struct rest_option){REST_OPTION_BLOCK1, 1, &block};
    response.option_count = segments + 1;
    size_t written = pdu_write(bytes, sizeof bytes, PDU_ACK, w.current.mid, w.current.token,
                               w.current.token_length, &response);
    ck_assert_uint_gt(written, 0);
    w.channel.core.received(w.channel.core.handle, &w.node, bytes, written);
}

START_TEST(of_a_location_that_is_too_long_no_part_is_kept)
{
    for (unsigned segments = 5; segments <= 6; segments++) {
        start(0, REST_PUT, "t", 1500);
        expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
        reply_with_long_location(segments);
        expect(REST_PUT, "b1=1/0/1024", 1024, 476);
        reply(CHANGED, "b1=1/0/1024", 0, 0);
        expect_response(0, CREATED, 0);
        ck_assert_int_eq(w.jobs[0].location[0] != '\0', segments == 5);
    }
}
END_TEST

START_TEST(a_long_answer_to_a_long_body_is_asked_for_with_the_same_method)
{
    struct job *job = prepare(0, REST_POST, "soap", 3000);
    rest_request_add_uint(&job->request, REST_OPTION_CONTENT_FORMAT, 50);
    begin(0);
    expect(REST_POST, "b1=0/1/1024 size1=3000", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_POST, "b1=1/1/1024", 1024, 1024);
    reply(CONTINUE, "b1=1/1/1024", 0, 0);
    expect(REST_POST, "b1=2/0/1024", 2048, 952);
    reply(CHANGED, "b1=2/0/1024 b2=0/1/1024", 0, 1024);
    expect(REST_POST, "b2=1/0/1024", 0, 0);
    ck_assert(has_option(REST_OPTION_CONTENT_FORMAT, "\x32"));
    ck_assert(has_option(REST_OPTION_URI_PATH, "soap"));
    reply(CHANGED, "b2=1/1/1024", 1024, 1024);
    expect(REST_POST, "b2=2/0/1024", 0, 0);
    reply(CHANGED, "b2=2/0/1024", 2048, 952);
    expect_response(0, CHANGED, 3000);
    expect_nothing();
    proves("BLOCK-14");
}
END_TEST

/* RFC 7959 figure 11 */
START_TEST(small_blocks_of_the_answer_are_asked_for_with_the_last_one)
{
    w.settings.block_size = 512;
    start(0, REST_POST, "t", 1100);
    expect(REST_POST, "b1=0/1/512 size1=1100", 0, 512);
    reply(CONTINUE, "b1=0/1/512", 0, 0);
    expect(REST_POST, "b1=1/1/512", 512, 512);
    reply(CONTINUE, "b1=1/1/512", 0, 0);
    expect(REST_POST, "b1=2/0/512 b2=0/0/512", 1024, 76);
    reply(CHANGED, "b1=2/0/512 b2=0/0/512", 0, 100);
    expect_response(0, CHANGED, 100);
}
END_TEST

START_TEST(a_node_that_lost_the_blocks_gets_them_once_more)
{
    for (unsigned times = 1; times <= 2; times++) {
        start(0, REST_PUT, "t", 2500);
        for (unsigned i = 0; i < times; i++) {
            expect(REST_PUT, "b1=0/1/1024 size1=2500", 0, 1024);
            reply(CONTINUE, "b1=0/1/1024", 0, 0);
            expect(REST_PUT, "b1=1/1/1024", 1024, 1024);
            reply(INCOMPLETE, "", 0, 0);
        }
        if (times == 2)
            break;
        expect(REST_PUT, "b1=0/1/1024 size1=2500", 0, 1024);
        reply(CONTINUE, "b1=0/1/1024", 0, 0);
        expect(REST_PUT, "b1=1/1/1024", 1024, 1024);
        reply(CONTINUE, "b1=1/1/1024", 0, 0);
        expect(REST_PUT, "b1=2/0/1024", 2048, 452);
        reply(CHANGED, "b1=2/0/1024", 0, 0);
        expect_response(0, CHANGED, 0);
    }
    expect_failure(0, REQUEST_BAD_TRANSFER, "4.08");
    expect_nothing();
    /* To a request in one message it is an answer as any other. */
    start(1, REST_PUT, "t", 10);
    expect(REST_PUT, "", 0, 10);
    reply(INCOMPLETE, "", 0, 0);
    expect_response(1, INCOMPLETE, 0);
    expect_nothing();
    proves("BLOCK-15");
}
END_TEST

START_TEST(continue_is_no_outcome)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTINUE, "", 0, 0);
    expect_response(0, CONTINUE, 0);
    start(1, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    reply(CONTINUE, "b1=1/0/1024", 0, 0);
    expect_response(1, CONTINUE, 0);
}
END_TEST

START_TEST(answers_that_do_not_fit_a_block_fail_the_transfer)
{
    static const struct {
        uint8_t code;
        const char *options;
        const char *detail;
    } table[] = {
        /* as a node that ignores the option would: the resource is a torso then */
        {CHANGED, "", "for the whole body"},
        {CONTINUE, "b1=1/1/1024", "not sent yet"},
        {CONTINUE, "b1=raw:15", "malformed Block1"},
        {CHANGED, "b1=raw:7", "malformed Block1"},
    };
    for (unsigned i = 0; i < sizeof table / sizeof table[0]; i++) {
        start(0, REST_PUT, "t", 1500);
        expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
        reply(table[i].code, table[i].options, 0, 0);
        expect_failure(0, REQUEST_BAD_TRANSFER, table[i].detail);
        expect_nothing();
    }
    /* 2.31 says without the option what it answers; others say it with M. */
    start(1, REST_PUT, "t", 2500);
    expect(REST_PUT, "b1=0/1/1024 size1=2500", 0, 1024);
    reply(CONTINUE, "", 0, 0);
    expect(REST_PUT, "b1=1/1/1024", 1024, 1024);
    reply(CHANGED, "b1=1/1/1024", 0, 0);
    expect(REST_PUT, "b1=2/0/1024", 2048, 452);
    reply(CHANGED, "", 0, 0);
    expect_response(1, CHANGED, 0);
}
END_TEST

/* RFC 7959 2.10 */
START_TEST(if_none_match_stands_in_the_first_block_only)
{
    struct job *job = prepare(0, REST_PUT, "t", 1500);
    rest_request_add(&job->request, REST_OPTION_IF_NONE_MATCH, NULL, 0);
    rest_request_add(&job->request, REST_OPTION_IF_MATCH, "a", 1);
    begin(0);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    ck_assert(has_option(REST_OPTION_IF_NONE_MATCH, NULL));
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_PUT, "b1=1/0/1024", 1024, 476);
    ck_assert(!has_option(REST_OPTION_IF_NONE_MATCH, NULL));
    ck_assert(has_option(REST_OPTION_IF_MATCH, "a"));
    reply(CREATED, "b1=1/0/1024 b2=0/1/16", 0, 16);
    expect(REST_PUT, "b2=1/0/16", 0, 0);
    ck_assert(!has_option(REST_OPTION_IF_NONE_MATCH, NULL));
}
END_TEST

START_TEST(long_options_leave_room_for_smaller_blocks)
{
    char text[251];

    memset(text, 'p', sizeof text - 1);
    text[sizeof text - 1] = '\0';
    struct job *job = prepare(0, REST_PUT, text, 1024);
    rest_request_add(&job->request, REST_OPTION_URI_QUERY, text, 250);
    begin(0);
    expect(REST_PUT, "b1=0/1/512 size1=1024", 0, 512);
    ck_assert_uint_le(w.channel.sent[0].length, REST_REQUEST_SIZE);
    reply(CONTINUE, "b1=0/1/512", 0, 0);
    expect(REST_PUT, "b1=1/0/512", 512, 512);
    reply(CHANGED, "b1=1/0/512", 0, 0);
    expect_response(0, CHANGED, 0);
    /* Here is no room for any. */
    job = prepare(1, REST_PUT, text, 1024);
    for (unsigned i = 0; i < 3; i++)
        rest_request_add(&job->request, REST_OPTION_URI_QUERY, text, i < 2 ? 250 : 225);
    rest_request_add(&job->request, REST_OPTION_URI_QUERY, text, 140);
    ck_assert_int_eq(begin(1), REQUEST_TOO_LONG);
    ck_assert_uint_eq(blockwise_count(w.layer), 0);
    expect_nothing();
}
END_TEST

START_TEST(a_fetch_with_a_long_body_begins_all_over_when_the_answer_changes)
{
    start(0, REST_FETCH, "t", 1500);
    expect(REST_FETCH, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_FETCH, "b1=1/0/1024", 1024, 476);
    reply(REST_CODE(2, 5), "b1=1/0/1024 b2=0/1/64 etag=1", 0, 64);
    expect(REST_FETCH, "b2=1/0/64", 0, 0);
    reply(REST_CODE(2, 5), "b2=1/0/64 etag=2", 64, 64);
    expect(REST_FETCH, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(CONTINUE, "b1=0/1/1024", 0, 0);
    expect(REST_FETCH, "b1=1/0/1024 b2=0/0/64", 1024, 476);
    reply(REST_CODE(2, 5), "b1=1/0/1024 b2=0/1/64 etag=2", 0, 64);
    expect(REST_FETCH, "b2=1/0/64", 0, 0);
    reply(REST_CODE(2, 5), "b2=1/0/64 etag=2", 64, 64);
    expect_response(0, REST_CODE(2, 5), 128);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blockwise_upload");
    TCase *tests = tcase_create("blockwise_upload");

    tcase_add_checked_fixture(tests, blockwise_setup, blockwise_teardown);
    tcase_add_test(tests, bodies_above_the_threshold_are_sent_in_blocks);
    tcase_add_test(tests, a_smaller_size_is_followed_by_rescaling_the_number);
    tcase_add_test(tests, a_larger_size_is_not_followed);
    tcase_add_test(tests, a_node_that_finds_a_body_too_large_gets_it_in_blocks);
    tcase_add_test(tests, a_node_that_refuses_every_block_as_too_large_is_believed);
    tcase_add_test(tests, a_node_that_knows_no_blocks_gets_the_whole);
    tcase_add_test(tests, an_option_that_is_bad_without_blocks_too_teaches_nothing);
    tcase_add_test(tests, created_for_one_block_means_created);
    tcase_add_test(tests, of_a_location_that_is_too_long_no_part_is_kept);
    tcase_add_test(tests, a_long_answer_to_a_long_body_is_asked_for_with_the_same_method);
    tcase_add_test(tests, small_blocks_of_the_answer_are_asked_for_with_the_last_one);
    tcase_add_test(tests, a_node_that_lost_the_blocks_gets_them_once_more);
    tcase_add_test(tests, continue_is_no_outcome);
    tcase_add_test(tests, answers_that_do_not_fit_a_block_fail_the_transfer);
    tcase_add_test(tests, if_none_match_stands_in_the_first_block_only);
    tcase_add_test(tests, long_options_leave_room_for_smaller_blocks);
    tcase_add_test(tests, a_fetch_with_a_long_body_begins_all_over_when_the_answer_changes);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
