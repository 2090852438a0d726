/* SPDX-License-Identifier: BSD-2-Clause */
#include "blockwise.h"

#include <check.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "blockwise_fixture.h"
#include "proves.h"

/*
 * Tests of Block2 (RFC 7959 2.4): how a body that comes in blocks is asked for, joined, or not.
 */

enum { CONTENT = REST_CODE(2, 5), CHANGED = REST_CODE(2, 4) };

START_TEST(an_answer_in_one_message_needs_no_block)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "cf=0", 0, 900);
    expect_response(0, CONTENT, 900);
    ck_assert_int_eq(w.jobs[0].format, 0);
    ck_assert(!w.jobs[0].report.is_partial);
    expect_nothing();
    /* The option that says that there is no more is used up. */
    start(1, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/0/16", 0, 300);
    expect_response(1, CONTENT, 300);
    ck_assert_uint_eq(blockwise_count(w.layer), 0);
    ck_assert_uint_eq(timers_next_us(w.timers), 248000000); /* of the endpoint alone */
}
END_TEST

/* Serves `total` bytes in blocks of `size` for the request that was expected last. */
static void serve_blocks(size_t size, size_t total, const char *further)
{
    char options[80], wish[40];

    for (size_t number = 0; number * size < total; number++) {
        size_t offset = number * size;
        bool more = offset + size < total;

        if (number > 0) {
            (void)snprintf(wish, sizeof wish, "b2=%zu/0/%zu", number, size);
            expect(REST_GET, wish, 0, 0);
        }
        (void)snprintf(options, sizeof options, "b2=%zu/%d/%zu %s", number, more, size, further);
        reply(CONTENT, options, offset, more ? size : total - offset);
    }
}

START_TEST(a_body_in_blocks_becomes_one)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    serve_blocks(64, 10000, "");
    expect_response(0, CONTENT, 10000);
    ck_assert_uint_eq(w.channel.count, 157);
    expect_nothing();
    proves("BLOCK-01");
}
END_TEST

START_TEST(follow_ups_repeat_all_options_and_take_the_size_of_the_node)
{
    struct job *job = prepare(0, REST_GET, "t", 0);
    rest_request_add_uint(&job->request, REST_OPTION_ACCEPT, 50);
    rest_request_add(&job->request, REST_OPTION_URI_QUERY, "a=b", 3);
    rest_request_add_uint(&job->request, REST_OPTION_HOP_LIMIT, 16);
    w.settings.block_size = 512;
    begin(0);
    expect(REST_GET, "b2=0/0/512", 0, 0);
    reply(CONTENT, "b2=0/1/128 etag=9", 0, 128);
    expect(REST_GET, "b2=1/0/128", 0, 0);
    ck_assert_uint_eq(w.current.message.option_count, 5);
    ck_assert(has_option(REST_OPTION_URI_PATH, "t"));
    ck_assert(has_option(REST_OPTION_URI_QUERY, "a=b"));
    ck_assert(has_option(REST_OPTION_ACCEPT, "\x32"));
    ck_assert(has_option(REST_OPTION_HOP_LIMIT, "\x10"));
    reply(CONTENT, "b2=1/0/128 etag=9", 128, 10);
    expect_response(0, CONTENT, 138);
    proves("BLOCK-02");
}
END_TEST

START_TEST(the_offset_is_kept_when_the_node_makes_blocks_smaller)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/1024", 0, 1024);
    expect(REST_GET, "b2=1/0/1024", 0, 0);
    reply(CONTENT, "b2=4/1/256", 1024, 256);
    expect(REST_GET, "b2=5/0/256", 0, 0);
    reply(CONTENT, "b2=5/1/256", 1280, 256);
    expect(REST_GET, "b2=6/0/256", 0, 0);
    reply(CONTENT, "b2=6/0/256", 1536, 1);
    expect_response(0, CONTENT, 1537);
    proves("BLOCK-03");
}
END_TEST

START_TEST(a_first_block_larger_than_asked_for_is_taken_and_the_next_is_small)
{
    w.settings.block_size = 64;
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "b2=0/0/64", 0, 0);
    reply(CONTENT, "b2=0/1/256", 0, 256);
    expect(REST_GET, "b2=4/0/64", 0, 0);
    reply(CONTENT, "b2=4/0/64", 256, 64);
    expect_response(0, CONTENT, 320);
}
END_TEST

START_TEST(blocks_of_different_representations_are_never_joined)
{
    static const char *const changes[] = {"etag=2 cf=0", "cf=0", "etag=1 cf=50", ""};

    for (unsigned i = 0; i < sizeof changes / sizeof changes[0]; i++) {
        char options[40];

        start(0, REST_GET, "t", 0);
        expect(REST_GET, "", 0, 0);
        reply(CONTENT, "b2=0/1/64 etag=1 cf=0", 5, 64);
        expect(REST_GET, "b2=1/0/64", 0, 0);
        (void)snprintf(options, sizeof options, "b2=1/1/64 %s", changes[i]);
        reply(CONTENT, options, 69, 64);
        expect(REST_GET, "b2=0/0/64", 0, 0);
        serve_blocks(64, 1000, "etag=3");
        expect_response(0, CONTENT, 1000);
    }
    proves("BLOCK-04");
}
END_TEST

START_TEST(without_etags_a_block_needs_the_content_format_of_the_first)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64 cf=0", 5, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "b2=1/1/64", 69, 64);
    expect(REST_GET, "b2=0/0/64", 0, 0);
    serve_blocks(64, 1000, "etag=3");
    expect_response(0, CONTENT, 1000);
}
END_TEST

START_TEST(a_block_with_the_same_etag_may_leave_out_its_content_format)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64 etag=1 cf=50", 0, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "b2=1/0/64 etag=1", 64, 64);
    expect_response(0, CONTENT, 128);
    ck_assert_int_eq(w.jobs[0].format, 50);
}
END_TEST

START_TEST(a_location_that_is_told_once_holds_for_the_whole)
{
    start(0, REST_POST, "t", 1);
    expect(REST_POST, "", 0, 1);
    reply(REST_CODE(2, 1), "b2=0/1/64 etag=1 cf=50 loc=here maxage=9", 0, 64);
    expect(REST_POST, "b2=1/0/64", 0, 0);
    reply(REST_CODE(2, 1), "b2=1/0/64 etag=1 maxage=8", 64, 6);
    expect_response(0, REST_CODE(2, 1), 70);
    ck_assert_int_eq(w.jobs[0].format, 50);
    ck_assert_str_eq(w.jobs[0].location, "here");
}
END_TEST

START_TEST(a_resource_that_never_stays_the_same_fails_after_three_restarts)
{
    start(0, REST_GET, "t", 0);
    for (unsigned attempt = 0; attempt < 4; attempt++) {
        char options[40];

        expect(REST_GET, attempt == 0 ? "" : "b2=0/0/64", 0, 0);
        (void)snprintf(options, sizeof options, "b2=0/1/64 etag=%u", 10 + attempt);
        reply(CONTENT, options, 0, 64);
        expect(REST_GET, "b2=1/0/64", 0, 0);
        expect_pending(0);
        (void)snprintf(options, sizeof options, "b2=1/1/64 etag=%u", 20 + attempt);
        reply(CONTENT, options, 64, 64);
    }
    expect_failure(0, REQUEST_BAD_TRANSFER, "changed each time");
    expect_nothing();
    proves("BLOCK-05");
}
END_TEST

START_TEST(the_answer_to_a_post_that_changes_is_not_asked_for_again)
{
    start(0, REST_POST, "t", 10);
    expect(REST_POST, "", 0, 10);
    reply(CHANGED, "b2=0/1/64 etag=1", 0, 64);
    expect(REST_POST, "b2=1/0/64", 0, 0);
    reply(CHANGED, "b2=1/0/64 etag=2", 64, 64);
    expect_failure(0, REQUEST_BAD_TRANSFER, "changed while it was read");
    expect_nothing();
}
END_TEST

START_TEST(malformed_blocks_fail_the_transfer)
{
    static const struct {
        const char *options;
        size_t length;
        const char *detail;
    } firsts[] =
        {
            {"b2=raw:15", 64, "malformed Block2"}, /* the reserved size */
            {"b2=raw:7", 64, "malformed Block2"},  {"b2=0/1/64", 63, "wrong size"},
            {"b2=0/1/64", 65, "wrong size"},       {"b2=0/1/64", 0, "wrong size"},
            {"b2=1/1/64", 64, "left out"},         {"b2=3/0/16", 5, "left out"},
        },
      seconds[] = {
          {"b2=raw:31", 64, "malformed Block2"}, {"b2=1/1/64", 60, "wrong size"},
          {"b2=1/0/64", 65, "wrong size"},       {"b2=2/1/64", 64, "left out"},
          {"b2=5/1/16", 16, "left out"},
      };
    for (unsigned i = 0; i < sizeof firsts / sizeof firsts[0]; i++) {
        start(0, REST_GET, "t", 0);
        expect(REST_GET, "", 0, 0);
        reply(CONTENT, firsts[i].options, 0, firsts[i].length);
        expect_failure(0, REQUEST_BAD_TRANSFER, firsts[i].detail);
        expect_nothing();
    }
    for (unsigned i = 0; i < sizeof seconds / sizeof seconds[0]; i++) {
        start(0, REST_GET, "t", 0);
        expect(REST_GET, "", 0, 0);
        reply(CONTENT, "b2=0/1/64", 0, 64);
        expect(REST_GET, "b2=1/0/64", 0, 0);
        reply(CONTENT, seconds[i].options, 64, seconds[i].length);
        expect_failure(0, REQUEST_BAD_TRANSFER, seconds[i].detail);
        expect_nothing();
    }
    ck_assert_uint_eq(blockwise_count(w.layer), 0);
    proves("BLOCK-06");
}
END_TEST

START_TEST(a_block_that_was_received_already_is_ignored)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect_pending(0);
    reply_separately(PDU_CON, CONTENT, "b2=0/1/64", 0, 64);
    ck_assert_int_eq(fake_channel_read(&w.channel, w.read).type, PDU_ACK);
    w.read++;
    reply_separately(PDU_NON, CONTENT, "b2=3/1/16", 48, 16);
    expect_nothing();
    expect_pending(0);
    reply(CONTENT, "b2=1/0/64", 64, 30);
    expect_response(0, CONTENT, 94);
}
END_TEST

START_TEST(the_more_bit_ends_a_body_and_no_size_does)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    serve_blocks(64, 300, "size2=100");
    expect_response(0, CONTENT, 300);
    start(1, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    serve_blocks(64, 300, "size2=1000000000");
    expect_response(1, CONTENT, 300);
    proves("BLOCK-07");
}
END_TEST

START_TEST(a_body_without_end_is_given_up_at_the_maximum)
{
    char options[40];

    prepare(0, REST_GET, "t", 0)->spec.maximum_body = 100 * 1024;
    begin(0);
    expect(REST_GET, "", 0, 0);
    for (unsigned i = 0; i < 100; i++) {
        (void)snprintf(options, sizeof options, "b2=%u/1/1024", i);
        reply(CONTENT, options, i * 1024, 1024);
        (void)snprintf(options, sizeof options, "b2=%u/0/1024", i + 1);
        expect(REST_GET, options, 0, 0);
    }
    expect_pending(0);
    reply(CONTENT, "b2=100/1/1024", 0, 1024);
    expect_failure(0, REQUEST_BAD_TRANSFER, "larger than the gateway takes");
    clock_advance(w.timers, 1000000);
    expect_nothing();
    proves("BLOCK-08");
}
END_TEST

START_TEST(a_body_of_just_the_maximum_is_delivered)
{
    prepare(0, REST_GET, "t", 0)->spec.maximum_body = 4096;
    begin(0);
    expect(REST_GET, "", 0, 0);
    serve_blocks(1024, 4096, "");
    expect_response(0, CONTENT, 4096);
}
END_TEST

START_TEST(an_error_in_the_midst_is_the_answer)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(REST_CODE(4, 4), "", 0, 9);
    expect_response(0, REST_CODE(4, 4), 9);
    /* Its Block2 may be what was asked for: there is no more of it. */
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(REST_CODE(4, 4), "b2=1/0/64", 0, 9);
    expect_response(0, REST_CODE(4, 4), 9);
    expect_nothing();
}
END_TEST

/* --- errors in blocks --- */

START_TEST(what_a_node_says_of_an_error_is_collected)
{
    static const uint8_t methods[] = {REST_GET, REST_POST, REST_PUT, REST_DELETE};
    static const uint8_t codes[] = {REST_CODE(4, 4), REST_CODE(4, 2), REST_CODE(4, 13),
                                    REST_CODE(5, 0)};

    for (unsigned i = 0; i < sizeof methods; i++) {
        start(0, methods[i], "t", 0);
        expect(methods[i], "", 0, 0);
        reply(codes[i], "b2=0/1/64 cf=257 etag=1", 0, 64);
        expect(methods[i], "b2=1/0/64", 0, 0);
        reply(codes[i], "b2=1/1/64 etag=1", 64, 64);
        expect(methods[i], "b2=2/0/64", 0, 0);
        reply(codes[i], "b2=2/0/64 etag=1", 128, 10);
        expect_response(0, codes[i], 138);
        ck_assert_int_eq(w.jobs[0].format, 257);
    }
    expect_nothing();
}
END_TEST

START_TEST(an_error_in_blocks_may_follow_a_part_of_a_body)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(REST_CODE(4, 4), "b2=0/1/16", 0, 16);
    expect(REST_GET, "b2=1/0/16", 0, 0);
    /* The one before, once more. */
    reply_separately(PDU_NON, REST_CODE(4, 4), "b2=0/1/16", 0, 16);
    expect_pending(0);
    reply(REST_CODE(4, 4), "b2=1/0/16", 16, 4);
    expect_response(0, REST_CODE(4, 4), 20);
    /* And of an upload. */
    start(0, REST_PUT, "t", 1500);
    expect(REST_PUT, "b1=0/1/1024 size1=1500", 0, 1024);
    reply(REST_CODE(4, 0), "b1=0/1/1024 b2=0/1/16", 0, 16);
    expect(REST_PUT, "b2=1/0/16", 0, 0);
    reply(REST_CODE(4, 0), "b2=1/0/16", 16, 1);
    expect_response(0, REST_CODE(4, 0), 17);
}
END_TEST

START_TEST(an_error_stays_what_it_is_when_its_end_cannot_be_had)
{
    static const struct {
        const char *first; /* its options */
        uint8_t code;      /* of the answer to the next request */
        const char *options;
        size_t length;
        size_t kept;
    } cases[] = {
        {"b2=0/1/64", REST_CODE(4, 2), "", 5, 64},
        {"b2=0/1/64", REST_CODE(4, 0), "", 5, 64},
        {"b2=0/1/64", REST_CODE(4, 0), "b2=2/0/64", 5, 64},
        {"b2=0/1/64", REST_CODE(4, 0), "b2=1/1/64", 5, 64},
        {"b2=0/1/64", REST_CODE(2, 4), "", 0, 64},
        {"b2=0/1/64", REST_CODE(2, 4), "b2=1/0/64", 4, 64},
        {"b2=0/1/64 cf=257", REST_CODE(4, 2), "", 5, 0}, /* half a document */
    };

    for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        start(0, REST_POST, "t", 1);
        expect(REST_POST, "", 0, 1);
        reply(REST_CODE(4, 0), cases[i].first, 0, 64);
        expect(REST_POST, "b2=1/0/64", 0, 0);
        reply(cases[i].code, cases[i].options, 64, cases[i].length);
        expect_response(0, REST_CODE(4, 0), cases[i].kept);
        ck_assert_int_eq(w.jobs[0].format, -1);
    }
    start(0, REST_POST, "t", 1);
    expect(REST_POST, "", 0, 1);
    reply(REST_CODE(4, 0), "b2=0/1/64", 0, 64);
    expect(REST_POST, "b2=1/0/64", 0, 0);
    fake_channel_deliver_empty(&w.channel, &w.node, PDU_RST, w.current.mid);
    expect_response(0, REST_CODE(4, 0), 64);
    expect_nothing();
}
END_TEST

START_TEST(an_error_without_end_is_told_at_the_maximum)
{
    char block[40];

    prepare(0, REST_GET, "t", 0)->spec.maximum_body = 4096;
    begin(0);
    for (unsigned number = 0; w.jobs[0].responses == 0 && number < 10; number++) {
        (void)snprintf(block, sizeof block, "b2=%u/0/1024", number);
        expect(REST_GET, number == 0 ? "" : block, 0, 0);
        (void)snprintf(block, sizeof block, "b2=%u/1/1024", number);
        reply(REST_CODE(4, 4), block, (size_t)number * 1024, 1024);
    }
    expect_response(0, REST_CODE(4, 4), 4096);
    expect_nothing();
}
END_TEST

START_TEST(who_asks_to_be_spared_is_not_asked_for_more)
{
    static const uint8_t codes[] = {REST_CODE(4, 29), REST_CODE(5, 3)};

    for (unsigned i = 0; i < sizeof codes; i++) {
        start(0, REST_GET, "t", 0);
        expect(REST_GET, "", 0, 0);
        reply(codes[i], "b2=0/1/16", 0, 16);
        expect_response(0, codes[i], 16);
    }
    expect_nothing();
}
END_TEST

START_TEST(a_resource_that_became_small_is_taken_whole)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64 etag=1", 3, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "etag=2", 0, 20);
    expect_response(0, CONTENT, 20);
    /* For a POST this would be the answer to another one. */
    start(1, REST_POST, "t", 1);
    expect(REST_POST, "", 0, 1);
    reply(CHANGED, "b2=0/1/64", 0, 64);
    expect(REST_POST, "b2=1/0/64", 0, 0);
    reply(CHANGED, "", 0, 20);
    expect_failure(1, REQUEST_BAD_TRANSFER, "something else");
}
END_TEST

/* RFC 8132 2.1: what is asked for stands in the body of a FETCH. */
START_TEST(a_fetch_repeats_its_body_with_every_block)
{
    start(0, REST_FETCH, "t", 40);
    expect(REST_FETCH, "", 0, 40);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect(REST_FETCH, "b2=1/0/64", 0, 40);
    reply(CONTENT, "b2=1/0/64", 64, 64);
    expect_response(0, CONTENT, 128);
}
END_TEST

START_TEST(a_probe_asks_for_sixteen_bytes_and_for_no_more)
{
    prepare(0, REST_GET, "t", 0)->spec.is_probe = true;
    begin(0);
    expect(REST_GET, "b2=0/0/16 size2=0", 0, 0);
    reply(CONTENT, "b2=0/1/16 size2=3000 cf=0", 0, 16);
    expect_response(0, CONTENT, 16);
    ck_assert(w.jobs[0].report.is_partial);
    expect_nothing();
    /* That is all of it. */
    prepare(1, REST_GET, "t", 0)->spec.is_probe = true;
    begin(1);
    expect(REST_GET, "b2=0/0/16 size2=0", 0, 0);
    reply(CONTENT, "b2=0/0/16", 0, 12);
    expect_response(1, CONTENT, 12);
    ck_assert(!w.jobs[1].report.is_partial);
}
END_TEST

START_TEST(a_probe_that_is_not_understood_becomes_a_plain_get)
{
    prepare(0, REST_GET, "t", 0)->spec.is_probe = true;
    begin(0);
    expect(REST_GET, "b2=0/0/16 size2=0", 0, 0);
    reply(REST_CODE(4, 2), "", 0, 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/1024", 0, 1024);
    expect_response(0, CONTENT, 1024);
    ck_assert(w.jobs[0].report.is_partial);
    expect_nothing();
    /* It sent a block: so it knows them. */
    ck_assert_uint_eq(capability_of(w.capabilities, &w.node), 0);
    /* Once is enough. */
    prepare(1, REST_GET, "t", 0)->spec.is_probe = true;
    begin(1);
    expect(REST_GET, "b2=0/0/16 size2=0", 0, 0);
    reply(REST_CODE(4, 2), "", 0, 0);
    expect(REST_GET, "", 0, 0);
    reply(REST_CODE(4, 2), "", 0, 0);
    expect_response(1, REST_CODE(4, 2), 0);
    expect_nothing();
}
END_TEST

START_TEST(a_node_that_knows_no_blocks_is_remembered)
{
    w.settings.block_size = 256;
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "b2=0/0/256", 0, 0);
    reply(REST_CODE(4, 2), "", 0, 0);
    expect(REST_GET, "", 0, 0);
    ck_assert_uint_eq(capability_of(w.capabilities, &w.node), 0);
    reply(CONTENT, "", 0, 500);
    expect_response(0, CONTENT, 500);
    ck_assert_uint_eq(capability_of(w.capabilities, &w.node), CAPABILITY_NO_BLOCKS);
    prepare(0, REST_GET, "t", 0)->spec.is_probe = true;
    begin(0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "", 0, 500);
    expect_response(0, CONTENT, 500);
    clock_advance(w.timers, CAPABILITY_LIFE_S * 1000);
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "b2=0/0/256", 0, 0);
}
END_TEST

/* RFC 9175 3.5.2 */
START_TEST(downloads_that_a_node_could_mix_up_are_told_apart_by_a_tag)
{
    start(0, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    struct pdu first = w.current;
    /* One that begins while the other is under way. */
    start(1, REST_GET, "t", 0);
    start(2, REST_GET, "other", 0);
    w.current = first;
    reply(CONTENT, "b2=1/1/64", 64, 64);
    expect(REST_GET, "tag", 0, 0);
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect(REST_GET, "", 0, 0);
    ck_assert(has_option(REST_OPTION_URI_PATH, "other"));
    reply(CONTENT, "", 0, 64);
    expect(REST_GET, "b2=2/0/64", 0, 0);
    reply(CONTENT, "b2=2/0/64", 128, 64);
    expect_response(0, CONTENT, 192);
    expect(REST_GET, "b2=1/0/64 tag", 0, 0);
    reply(CONTENT, "b2=1/0/64", 64, 64);
    expect_response(1, CONTENT, 128);
    /* Nobody else is there any more. */
    start(3, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
}
END_TEST

START_TEST(of_two_gets_that_both_turn_out_long_the_second_begins_again)
{
    start(0, REST_GET, "t", 0);
    start(1, REST_GET, "t", 0);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64 etag=1", 0, 64);
    expect(REST_GET, "", 0, 0);
    reply(CONTENT, "b2=0/1/64 etag=1", 0, 64);
    expect(REST_GET, "b2=1/0/64", 0, 0);
    reply(CONTENT, "b2=1/0/64 etag=1", 64, 64);
    expect_response(0, CONTENT, 128);
    expect(REST_GET, "tag", 0, 0);
    reply(CONTENT, "b2=0/1/64 etag=1", 0, 64);
    expect(REST_GET, "b2=1/0/64 tag", 0, 0);
    reply(CONTENT, "b2=1/0/64 etag=1", 64, 64);
    expect_response(1, CONTENT, 128);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("blockwise_download");
    TCase *tests = tcase_create("blockwise_download");

    tcase_add_checked_fixture(tests, blockwise_setup, blockwise_teardown);
    tcase_add_test(tests, an_answer_in_one_message_needs_no_block);
    tcase_add_test(tests, a_body_in_blocks_becomes_one);
    tcase_add_test(tests, follow_ups_repeat_all_options_and_take_the_size_of_the_node);
    tcase_add_test(tests, the_offset_is_kept_when_the_node_makes_blocks_smaller);
    tcase_add_test(tests, a_first_block_larger_than_asked_for_is_taken_and_the_next_is_small);
    tcase_add_test(tests, blocks_of_different_representations_are_never_joined);
    tcase_add_test(tests, without_etags_a_block_needs_the_content_format_of_the_first);
    tcase_add_test(tests, a_block_with_the_same_etag_may_leave_out_its_content_format);
    tcase_add_test(tests, a_location_that_is_told_once_holds_for_the_whole);
    tcase_add_test(tests, a_resource_that_never_stays_the_same_fails_after_three_restarts);
    tcase_add_test(tests, the_answer_to_a_post_that_changes_is_not_asked_for_again);
    tcase_add_test(tests, malformed_blocks_fail_the_transfer);
    tcase_add_test(tests, a_block_that_was_received_already_is_ignored);
    tcase_add_test(tests, the_more_bit_ends_a_body_and_no_size_does);
    tcase_add_test(tests, a_body_without_end_is_given_up_at_the_maximum);
    tcase_add_test(tests, a_body_of_just_the_maximum_is_delivered);
    tcase_add_test(tests, an_error_in_the_midst_is_the_answer);
    tcase_add_test(tests, what_a_node_says_of_an_error_is_collected);
    tcase_add_test(tests, an_error_in_blocks_may_follow_a_part_of_a_body);
    tcase_add_test(tests, an_error_stays_what_it_is_when_its_end_cannot_be_had);
    tcase_add_test(tests, an_error_without_end_is_told_at_the_maximum);
    tcase_add_test(tests, who_asks_to_be_spared_is_not_asked_for_more);
    tcase_add_test(tests, a_resource_that_became_small_is_taken_whole);
    tcase_add_test(tests, a_fetch_repeats_its_body_with_every_block);
    tcase_add_test(tests, a_probe_asks_for_sixteen_bytes_and_for_no_more);
    tcase_add_test(tests, a_probe_that_is_not_understood_becomes_a_plain_get);
    tcase_add_test(tests, a_node_that_knows_no_blocks_is_remembered);
    tcase_add_test(tests, downloads_that_a_node_could_mix_up_are_told_apart_by_a_tag);
    tcase_add_test(tests, of_two_gets_that_both_turn_out_long_the_second_begins_again);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
