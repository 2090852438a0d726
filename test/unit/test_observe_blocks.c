/* SPDX-License-Identifier: BSD-2-Clause */
#include "observe.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "observe_fixture.h"
#include "proves.h"

/*
 * Tests of relations whose representations come in blocks (RFC 7959 2.6), and of what a node does
 * not know or asks for before it registers.
 */

enum {
    CONTENT = REST_CODE(2, 5),
    VALID = REST_CODE(2, 3),
    UNAUTHORIZED = REST_CODE(4, 1),
    BAD_OPTION = REST_CODE(4, 2),
    NOT_FOUND = REST_CODE(4, 4),
    SPENT_MS = 93000, /* MAX_TRANSMIT_WAIT */
};

/* The next message asks for a block, by a token that is not that of the relation. */
static void expect_block(unsigned n, const char *options)
{
    expect(REST_GET, options, 0, 0);
    ck_assert(has_option(REST_OPTION_URI_PATH, "t"));
    ck_assert(!has_option(REST_OPTION_OBSERVE, NULL));
    ck_assert_mem_ne(w.current.token, o.watchers[n].registration.token, 8);
}

/* A CON notification with the first block of several, and the request for the next one. */
static void notify_first(unsigned n, const char *options, size_t offset, size_t length,
                         const char *next)
{
    notify(n, PDU_CON, CONTENT, options, offset, length);
    expect_block(n, next);
    expect_empty(PDU_ACK);
}

START_TEST(the_blocks_behind_the_first_of_a_registration_are_fetched)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 b2=0/1/1024 etag=65", 0, 1024);
    expect_told(0, 0, 0);
    expect_block(0, "b2=1/0/1024");
    ck_assert(!has_option(REST_OPTION_ETAG, NULL));
    reply(CONTENT, "b2=1/0/1024 etag=65", 1024, 976);
    expect_told(0, 1, 0);
    expect_answer(0, CONTENT, 0, 2000);
    ck_assert(o.watchers[0].is_registered);
    ck_assert(o.watchers[0].is_asked_for);
    ck_assert_str_eq(o.watchers[0].etag, "A");
    expect_nothing();
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0");
    ck_assert(has_option(REST_OPTION_ETAG, "A"));
}
END_TEST

START_TEST(the_blocks_behind_the_first_of_a_notification_are_fetched)
{
    watch_answered(0, 7, 5);
    notify_first(0, "obs=8 b2=0/1/256 etag=66", 0, 256, "b2=1/0/256");
    expect_told(0, 1, 0);
    reply(CONTENT, "b2=1/1/256 etag=66", 256, 256);
    expect_block(0, "b2=2/0/256");
    reply(CONTENT, "b2=2/0/256 etag=66", 512, 10);
    expect_told(0, 2, 0);
    expect_answer(0, CONTENT, 0, 522);
    ck_assert(!o.watchers[0].is_asked_for);
    /* A NON too. */
    notify(0, PDU_NON, CONTENT, "obs=9 b2=0/1/16 etag=67", 100, 16);
    expect_block(0, "b2=1/0/16");
    reply(CONTENT, "b2=1/0/16 etag=67", 116, 3);
    expect_answer(0, CONTENT, 100, 19);
    proves("BLOCK-17");
}
END_TEST

START_TEST(a_single_block_is_a_whole_representation)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 b2=0/0/64", 0, 40);
    expect_answer(0, CONTENT, 0, 40);
    expect_nothing();
}
END_TEST

START_TEST(a_newer_notification_ends_the_fetching_of_an_older_one)
{
    watch_answered(0, 7, 5);
    notify_first(0, "obs=8 b2=0/1/64 etag=66", 0, 64, "b2=1/0/64");
    struct pdu old = w.current;
    notify_expecting(0, PDU_ACK, "obs=9 b2=0/1/64 etag=67", 1000, 64);
    /* The node has one request at a time. */
    expect_nothing();
    w.current = old;
    reply(CONTENT, "b2=1/0/64 etag=66", 64, 10);
    expect_told(0, 1, 0);
    expect_block(0, "b2=1/0/64");
    reply(CONTENT, "b2=1/0/64 etag=67", 1064, 10);
    expect_told(0, 2, 0);
    expect_answer(0, CONTENT, 1000, 74);
}
END_TEST

START_TEST(an_older_notification_does_not_end_the_fetching)
{
    watch_answered(0, 7, 5);
    notify_first(0, "obs=9 b2=0/1/64 etag=66", 0, 64, "b2=1/0/64");
    struct pdu block = w.current;
    notify_expecting(0, PDU_ACK, "obs=8", 0, 6);
    w.current = block;
    reply(CONTENT, "b2=1/0/64 etag=66", 64, 10);
    expect_told(0, 2, 0);
    expect_answer(0, CONTENT, 0, 74);
}
END_TEST

START_TEST(a_short_notification_an_error_or_a_valid_ends_the_fetching)
{
    static const uint8_t codes[] = {CONTENT, VALID, NOT_FOUND};

    for (size_t i = 0; i < sizeof codes; i++) {
        watch_answered(0, 7, 5);
        notify_first(0, "obs=8 b2=0/1/64 etag=66", 0, 64, "b2=1/0/64");
        struct pdu block = w.current;
        notify(0, PDU_CON, codes[i], codes[i] == NOT_FOUND ? "" : "obs=9", 0, 0);
        expect_empty(PDU_ACK);
        expect_told(0, 2, 0);
        expect_answer(0, codes[i], 0, 0);
        w.current = block;
        reply(CONTENT, "b2=1/0/64 etag=66", 64, 10);
        expect_nothing();
        expect_told(0, 2, 0);
        observe_drop(o.layer, o.watchers[0].id);
    }
}
END_TEST

START_TEST(a_representation_that_changes_is_read_from_its_beginning)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 b2=0/1/64 etag=65", 0, 64);
    expect_block(0, "b2=1/0/64");
    reply(CONTENT, "b2=1/0/64 etag=66", 64, 10);
    expect_told(0, 0, 0);
    expect_block(0, "b2=0/0/64");
    reply(CONTENT, "b2=0/1/64 etag=66", 500, 64);
    expect_block(0, "b2=1/0/64");
    reply(CONTENT, "b2=1/0/64 etag=66", 564, 20);
    expect_told(0, 1, 0);
    expect_answer(0, CONTENT, 500, 84);
    ck_assert_str_eq(o.watchers[0].etag, "B");
    proves("BLOCK-17");
}
END_TEST

START_TEST(blocks_that_make_no_body_are_a_failure_and_the_registration_stands)
{
    static const struct {
        const char *options;
        size_t length;
        const char *detail;
    } first[] = {
        {"obs=8 b2=0/1/64", 63, "wrong size"},
        {"obs=8 b2=1/1/64", 64, "left out"},
        {"obs=8 b2=raw:15", 64, "malformed"},
    };
    char options[40];

    for (unsigned i = 0; i < 3; i++) {
        watch_answered(0, 7, 5);
        notify_expecting(0, PDU_ACK, first[i].options, 0, first[i].length);
        clock_advance(w.timers, 1);
        expect_told(0, 1, 1);
        ck_assert_int_eq(o.watchers[0].failure, REQUEST_BAD_TRANSFER);
        ck_assert_ptr_nonnull(strstr(o.watchers[0].detail, first[i].detail));
        (void)snprintf(options, sizeof options, "obs=%u", 9 + i);
        notify_expecting(0, PDU_ACK, options, 0, 4);
        expect_told(0, 2, 1);
        ck_assert(o.watchers[0].is_registered);
        cancel(0);
        expect_errand(0, "obs=1");
        reply(CONTENT, "", 0, 4);
    }
}
END_TEST

START_TEST(a_body_above_the_maximum_is_a_failure)
{
    prepare_watcher(0, "t")->spec.maximum_body = 100;
    ck_assert_int_eq(begin_watcher(0), REQUEST_STARTED);
    expect(REST_GET, "obs=0", 0, 0);
    o.watchers[0].registration = w.current;
    reply(CONTENT, "obs=7 b2=0/1/64", 0, 64);
    expect_block(0, "b2=1/0/64");
    reply(CONTENT, "b2=1/1/64", 64, 64);
    expect_told(0, 0, 1);
    ck_assert_int_eq(o.watchers[0].failure, REQUEST_BAD_TRANSFER);
    ck_assert_ptr_nonnull(strstr(o.watchers[0].detail, "larger"));
    clock_advance(w.timers, 3600000);
    expect_nothing();
}
END_TEST

START_TEST(an_error_in_the_midst_of_blocks_is_a_failure)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 b2=0/1/64", 0, 64);
    expect_block(0, "b2=1/0/64");
    reply(NOT_FOUND, "", 0, 0);
    expect_told(0, 0, 1);
    ck_assert_int_eq(o.watchers[0].failure, REQUEST_BAD_TRANSFER);
}
END_TEST

START_TEST(silence_in_the_midst_of_blocks_is_a_failure)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 b2=0/1/64", 0, 64);
    expect_block(0, "b2=1/0/64");
    clock_advance(w.timers, 4 * SPENT_MS);
    expect_told(0, 0, 1);
    ck_assert_int_eq(o.watchers[0].failure, REQUEST_TIMED_OUT);
}
END_TEST

START_TEST(cancelling_in_the_midst_of_blocks_ends_them)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 b2=0/1/64", 0, 64);
    expect_block(0, "b2=1/0/64");
    struct pdu block = w.current;
    ck_assert_uint_eq(blockwise_count(w.layer), 1);
    cancel(0);
    ck_assert_uint_eq(blockwise_count(w.layer), 0);
    w.current = block;
    reply(CONTENT, "b2=1/1/64", 64, 64);
    expect_errand(0, "obs=1");
    /* What comes of the resource does not matter. */
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect_nothing();
    expect_told(0, 0, 0);
}
END_TEST

START_TEST(renewing_does_nothing_while_blocks_are_fetched)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "obs=7 maxage=1 b2=0/1/64", 0, 64);
    expect_block(0, "b2=1/0/64");
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    reply(CONTENT, "maxage=1 b2=1/0/64", 64, 2);
    expect_told(0, 1, 0);
    expect_nothing();
    clock_advance(w.timers, 16000);
    expect_errand(0, "obs=0");
}
END_TEST

START_TEST(polls_are_completed_too)
{
    watch(0, "t", "obs=0");
    reply(CONTENT, "b2=0/1/64", 0, 64);
    expect_block(0, "b2=1/0/64");
    reply(CONTENT, "b2=1/0/64", 64, 2);
    expect_told(0, 1, 0);
    expect_answer(0, CONTENT, 0, 66);
    ck_assert(!o.watchers[0].is_registered);
}
END_TEST

START_TEST(words_about_an_error_are_told_as_far_as_they_came)
{
    watch(0, "t", "obs=0");
    reply(NOT_FOUND, "b2=0/1/64", 0, 64);
    expect_told(0, 1, 0);
    expect_answer(0, NOT_FOUND, 0, 64);
    ck_assert(o.watchers[0].is_partial);
    /* Half a document is none. */
    watch(1, "t", "obs=0");
    reply(NOT_FOUND, "b2=0/1/64 cf=50", 0, 64);
    expect_answer(1, NOT_FOUND, 0, 0);
    ck_assert(o.watchers[1].is_partial);
    expect_nothing();
}
END_TEST

/* --- what a node does not know, or asks for --- */

START_TEST(a_wish_for_smaller_blocks_goes_with_each_request)
{
    w.settings.block_size = 64;
    watch(0, "t", "obs=0 b2=0/0/64");
    reply(CONTENT, "obs=7", 0, 5);
    ck_assert_int_eq(renew(0), REQUEST_STARTED);
    expect_errand(0, "obs=0 b2=0/0/64");
    reply(CONTENT, "obs=8 b2=0/1/32", 0, 32);
    expect_block(0, "b2=1/0/32");
    reply(CONTENT, "b2=1/0/32", 32, 1);
    expect_told(0, 2, 0);
    cancel(0);
    expect_errand(0, "obs=1 b2=0/0/64");
}
END_TEST

START_TEST(the_smallest_wish_is_an_empty_option)
{
    w.settings.block_size = 16;
    watch(0, "t", "obs=0 b2=0/0/16");
    ck_assert_uint_eq(rest_find_option(&w.current.message, REST_OPTION_BLOCK2)->length, 0);
}
END_TEST

START_TEST(a_node_that_knows_no_blocks_is_asked_without_from_then_on)
{
    w.settings.block_size = 64;
    watch(0, "t", "obs=0 b2=0/0/64");
    reply(BAD_OPTION, "", 0, 0);
    expect_told(0, 0, 0);
    expect_errand(0, "obs=0");
    reply(CONTENT, "obs=1", 0, 5);
    expect_told(0, 1, 0);
    watch(1, "t", "obs=0");
    reply(BAD_OPTION, "", 0, 0);
    expect_told(1, 1, 0);
    expect_answer(1, BAD_OPTION, 0, 0);
}
END_TEST

static void challenge(const char *echo)
{
    struct rest_request response;
    uint8_t bytes[64];

    rest_request_init(&response);
    response.message.code = UNAUTHORIZED;
    rest_request_add(&response, REST_OPTION_ECHO, echo, strlen(echo));
    size_t length = pdu_write(bytes, sizeof bytes, PDU_ACK, w.current.mid, w.current.token, 8,
                              &response.message);
    fake_channel_deliver(&w.channel, &w.node, bytes, length);
}

START_TEST(a_proof_of_freshness_is_given_once)
{
    watch(0, "t", "obs=0");
    challenge("now");
    expect_told(0, 0, 0);
    expect_errand(0, "obs=0");
    ck_assert(has_option(REST_OPTION_ECHO, "now"));
    reply(CONTENT, "obs=1", 0, 5);
    expect_told(0, 1, 0);
    cancel(0);
    expect_errand(0, "obs=1");
    ck_assert(!has_option(REST_OPTION_ECHO, NULL));
    challenge("again");
    expect_errand(0, "obs=1");
    ck_assert(has_option(REST_OPTION_ECHO, "again"));
    challenge("more");
    expect_nothing();
    watch(1, "t", "obs=0");
    challenge("now");
    expect_errand(1, "obs=0");
    challenge("later");
    expect_told(1, 1, 0);
    expect_answer(1, UNAUTHORIZED, 0, 0);
    /* Nobody is there any more who would want to register. */
    watch(2, "t", "obs=0");
    cancel(2);
    challenge("now");
    expect_nothing();
}
END_TEST

static Suite *make_suite(void)
{
    Suite *suite = suite_create("observe_blocks");
    TCase *blocks = tcase_create("blocks");
    TCase *nodes = tcase_create("nodes");

    tcase_add_checked_fixture(blocks, observe_setup, observe_teardown);
    suite_add_tcase(suite, blocks);
    tcase_add_test(blocks, the_blocks_behind_the_first_of_a_registration_are_fetched);
    tcase_add_test(blocks, the_blocks_behind_the_first_of_a_notification_are_fetched);
    tcase_add_test(blocks, a_single_block_is_a_whole_representation);
    tcase_add_test(blocks, a_newer_notification_ends_the_fetching_of_an_older_one);
    tcase_add_test(blocks, an_older_notification_does_not_end_the_fetching);
    tcase_add_test(blocks, a_short_notification_an_error_or_a_valid_ends_the_fetching);
    tcase_add_test(blocks, a_representation_that_changes_is_read_from_its_beginning);
    tcase_add_test(blocks, blocks_that_make_no_body_are_a_failure_and_the_registration_stands);
    tcase_add_test(blocks, a_body_above_the_maximum_is_a_failure);
    tcase_add_test(blocks, an_error_in_the_midst_of_blocks_is_a_failure);
    tcase_add_test(blocks, silence_in_the_midst_of_blocks_is_a_failure);
    tcase_add_test(blocks, cancelling_in_the_midst_of_blocks_ends_them);
    tcase_add_test(blocks, renewing_does_nothing_while_blocks_are_fetched);
    tcase_add_test(blocks, polls_are_completed_too);
    tcase_add_test(blocks, words_about_an_error_are_told_as_far_as_they_came);

    tcase_add_checked_fixture(nodes, observe_setup, observe_teardown);
    suite_add_tcase(suite, nodes);
    tcase_add_test(nodes, a_wish_for_smaller_blocks_goes_with_each_request);
    tcase_add_test(nodes, the_smallest_wish_is_an_empty_option);
    tcase_add_test(nodes, a_node_that_knows_no_blocks_is_asked_without_from_then_on);
    tcase_add_test(nodes, a_proof_of_freshness_is_given_once);
    return suite;
}

int main(void)
{
    SRunner *runner = srunner_create(make_suite());
    int failed;

    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
