/* SPDX-License-Identifier: BSD-2-Clause */
#include "representation.h"

/* test_representation: what is kept of a response, and what a 2.03 changes (RFC 7252 5.9.1.3). */

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "allocation.h"
#include "memory_account.h"

static struct rest_request response;
static struct rest_message copy;

static void begin(uint8_t code, const char *payload)
{
    rest_request_init(&response);
    response.message.code = code;
    response.message.payload = (const uint8_t *)payload;
    response.message.payload_length = payload != NULL ? strlen(payload) : 0;
}

static void add(uint16_t number, const char *text)
{
    ck_assert_int_eq(rest_request_add(&response, number, text, strlen(text)), 0);
}

static struct representation *keep(uint64_t arrived_us)
{
    struct representation *representation = representation_new(&response.message, arrived_us);

    ck_assert_ptr_nonnull(representation);
    return representation;
}

static void assert_option(uint16_t number, const char *text)
{
    const struct rest_option *option = rest_find_option(&copy, number);

    ck_assert_ptr_nonnull(option);
    ck_assert_uint_eq(option->length, strlen(text));
    ck_assert_int_eq(memcmp(option->value, text, option->length), 0);
}

START_TEST(a_response_is_kept_without_what_concerns_its_transfer)
{
    static const uint16_t numbers[] = {REST_OPTION_OBSERVE, REST_OPTION_BLOCK2, REST_OPTION_BLOCK1,
                                       REST_OPTION_SIZE2, REST_OPTION_ECHO};
    struct representation *representation;

    begin(REST_CODE(2, 5), "21.5");
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++)
        add(numbers[i], "x");
    add(REST_OPTION_CONTENT_FORMAT, "");
    add(REST_OPTION_ETAG, "etag");
    add(REST_OPTION_MAX_AGE, "\5");
    representation = keep(77);
    memset(&response, 0xee, sizeof response);
    representation_read(representation, &copy);
    ck_assert_uint_eq(copy.code, REST_CODE(2, 5));
    ck_assert_uint_eq(representation_code(representation), REST_CODE(2, 5));
    ck_assert_uint_eq(copy.option_count, 3);
    assert_option(REST_OPTION_CONTENT_FORMAT, "");
    assert_option(REST_OPTION_ETAG, "etag");
    assert_option(REST_OPTION_MAX_AGE, "\5");
    ck_assert_uint_eq(copy.payload_length, 4);
    ck_assert_int_eq(memcmp(copy.payload, "21.5", 4), 0);
    ck_assert_uint_eq(representation_arrived_us(representation), 77);
    ck_assert(!representation_is_challenge(representation));
    representation_release(representation);
}
END_TEST

START_TEST(an_empty_response_is_kept_too)
{
    struct representation *representation;
    const uint8_t *etag;
    size_t length;
    uint32_t seconds;

    begin(REST_CODE(4, 4), NULL);
    representation = keep(0);
    representation_read(representation, &copy);
    ck_assert_uint_eq(copy.option_count, 0);
    ck_assert_ptr_null(copy.payload);
    ck_assert_uint_eq(copy.payload_length, 0);
    ck_assert(!representation_etag(representation, &etag, &length));
    ck_assert(!representation_max_age(representation, &seconds));
    representation_release(representation);
    representation_release(NULL);
}
END_TEST

START_TEST(entity_tags_of_every_length_and_byte_are_kept)
{
    uint8_t tag[8];

    for (unsigned byte = 0; byte < 256; byte++) {
        for (size_t length = 1; length <= sizeof tag; length++) {
            struct representation *representation;
            const uint8_t *etag;
            size_t etag_length;

            memset(tag, (int)byte, sizeof tag);
            begin(REST_CODE(2, 5), "x");
            rest_request_add(&response, REST_OPTION_ETAG, tag, length);
            representation = keep(0);
            ck_assert(representation_etag(representation, &etag, &etag_length));
            ck_assert_uint_eq(etag_length, length);
            ck_assert_int_eq(memcmp(etag, tag, length), 0);
            representation_release(representation);
        }
    }
}
END_TEST

START_TEST(wrong_entity_tags_are_none)
{
    static const size_t lengths[] = {0, 9, 40};
    static const uint8_t tag[40];

    for (size_t i = 0; i < sizeof lengths / sizeof *lengths; i++) {
        struct representation *representation;
        const uint8_t *etag;
        size_t length;

        begin(REST_CODE(2, 5), "x");
        rest_request_add(&response, REST_OPTION_ETAG, tag, lengths[i]);
        representation = keep(0);
        ck_assert(!representation_etag(representation, &etag, &length));
        representation_release(representation);
    }
}
END_TEST

START_TEST(a_valid_replaces_max_age_and_what_is_safe)
{
    struct representation *stored, *fresh;
    uint32_t seconds;

    begin(REST_CODE(2, 5), "21.5");
    add(REST_OPTION_ETAG, "tag");
    add(REST_OPTION_CONTENT_FORMAT, "");
    add(REST_OPTION_MAX_AGE, "\x3c");
    add(REST_OPTION_LOCATION_PATH, "a");
    add(REST_OPTION_LOCATION_PATH, "b");
    stored = keep(1);
    begin(REST_CODE(2, 3), "a payload that means nothing");
    add(REST_OPTION_ETAG, "TAG");
    add(REST_OPTION_MAX_AGE, "\5");
    add(REST_OPTION_LOCATION_PATH, "c");
    add(REST_OPTION_OBSERVE, "\1");
    fresh = representation_refresh(stored, &response.message, 9);
    ck_assert_ptr_nonnull(fresh);
    representation_release(stored);
    representation_read(fresh, &copy);
    ck_assert_uint_eq(copy.code, REST_CODE(2, 5));
    ck_assert_uint_eq(copy.option_count, 4);
    assert_option(REST_OPTION_ETAG, "tag");
    assert_option(REST_OPTION_CONTENT_FORMAT, "");
    assert_option(REST_OPTION_LOCATION_PATH, "c");
    ck_assert(representation_max_age(fresh, &seconds));
    ck_assert_uint_eq(seconds, 5);
    ck_assert_uint_eq(copy.payload_length, 4);
    ck_assert_int_eq(memcmp(copy.payload, "21.5", 4), 0);
    ck_assert_uint_eq(representation_arrived_us(fresh), 9);
    representation_release(fresh);
}
END_TEST

START_TEST(a_valid_without_max_age_means_a_minute)
{
    struct representation *stored, *fresh;
    uint32_t seconds;

    begin(REST_CODE(2, 5), "x");
    add(REST_OPTION_MAX_AGE, "\5");
    stored = keep(1);
    begin(REST_CODE(2, 3), NULL);
    fresh = representation_refresh(stored, &response.message, 2);
    ck_assert_ptr_nonnull(fresh);
    ck_assert(!representation_max_age(fresh, &seconds));
    ck_assert(representation_max_age(stored, &seconds));
    representation_release(fresh);
    representation_release(stored);
}
END_TEST

START_TEST(a_valid_with_too_many_options_is_refused)
{
    struct representation *stored;

    begin(REST_CODE(2, 5), "x");
    while (rest_request_add(&response, REST_OPTION_LOCATION_PATH, "", 0) == 0)
        ;
    stored = keep(1);
    begin(REST_CODE(2, 3), NULL);
    add(REST_OPTION_MAX_AGE, "\5");
    ck_assert_ptr_null(representation_refresh(stored, &response.message, 2));
    representation_release(stored);
}
END_TEST

START_TEST(only_an_unauthorized_with_echo_is_a_challenge)
{
    static const uint8_t codes[] = {REST_CODE(4, 1), REST_CODE(2, 5)};

    for (unsigned i = 0; i < 4; i++) {
        struct representation *representation;

        begin(codes[i & 1], NULL);
        if (i < 2)
            add(REST_OPTION_ECHO, "nonce");
        representation = keep(0);
        ck_assert(representation_is_challenge(representation) == (i == 0));
        representation_release(representation);
    }
}
END_TEST

START_TEST(it_lives_until_the_last_reference_goes)
{
    struct representation *representation;

    begin(REST_CODE(2, 5), "21.5");
    representation = keep(5);
    ck_assert_ptr_eq(representation_reference(representation), representation);
    representation_release(representation);
    ck_assert_uint_eq(representation_arrived_us(representation), 5);
    representation_release(representation);
}
END_TEST

START_TEST(its_size_is_that_of_its_block)
{
    struct representation *small, *large;
    static char text[10001];

    begin(REST_CODE(2, 5), NULL);
    small = keep(0);
    memset(text, 't', sizeof text - 1);
    begin(REST_CODE(2, 5), text);
    large = keep(0);
    ck_assert_uint_ge(representation_size(large) - representation_size(small), 10000 - 16);
    ck_assert_uint_le(representation_size(large) - representation_size(small), 10000 + 16);
    representation_release(small);
    representation_release(large);
    ck_assert_uint_ge(allocation_size(0), 2 * sizeof(void *));
    ck_assert_uint_gt(allocation_size(1000), 1000);
    ck_assert_uint_eq(allocation_size(SIZE_MAX - 1), SIZE_MAX);
}
END_TEST

/* Without memory for its body it is not held: the node is asked for all of it (SEC-19). */
START_TEST(a_large_one_is_lent_only_where_there_is_room)
{
    struct memory_account account = {.maximum = 30000};
    struct representation *large;
    static char text[10001];
    size_t size;

    memset(text, 't', sizeof text - 1);
    begin(REST_CODE(2, 5), text);
    large = keep(0);
    size = representation_size(large);
    memory_account_add(&account, 20000);
    ck_assert(!representation_lend(large, &account));
    ck_assert_uint_eq(account.used, 20000);
    memory_account_give(&account, 20000);
    ck_assert(representation_lend(large, &account));
    ck_assert_uint_eq(account.used, size);
    /* Its bytes are there only once, however many hold it. */
    memory_account_add(&account, 20000);
    ck_assert(representation_lend(large, &account));
    ck_assert_uint_eq(account.used, 20000 + size);
    representation_return(large);
    ck_assert_uint_eq(account.used, 20000 + size);
    representation_return(large);
    ck_assert_uint_eq(account.used, 20000);
    representation_release(large);
}
END_TEST

START_TEST(a_small_one_is_lent_without_room_too)
{
    struct memory_account account = {.used = 40000, .maximum = 30000};
    struct representation *small;

    begin(REST_CODE(2, 5), "21.5");
    small = keep(0);
    ck_assert(representation_lend(small, &account));
    ck_assert_uint_eq(account.used, 40000 + representation_size(small));
    representation_return(small);
    ck_assert_uint_eq(account.used, 40000);
    representation_release(small);
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("representation");
    TCase *tests = tcase_create("representation");
    SRunner *runner = srunner_create(suite);
    int failed;

    tcase_add_test(tests, a_response_is_kept_without_what_concerns_its_transfer);
    tcase_add_test(tests, an_empty_response_is_kept_too);
    tcase_add_test(tests, entity_tags_of_every_length_and_byte_are_kept);
    tcase_add_test(tests, wrong_entity_tags_are_none);
    tcase_add_test(tests, a_valid_replaces_max_age_and_what_is_safe);
    tcase_add_test(tests, a_valid_without_max_age_means_a_minute);
    tcase_add_test(tests, a_valid_with_too_many_options_is_refused);
    tcase_add_test(tests, only_an_unauthorized_with_echo_is_a_challenge);
    tcase_add_test(tests, it_lives_until_the_last_reference_goes);
    tcase_add_test(tests, its_size_is_that_of_its_block);
    tcase_add_test(tests, a_large_one_is_lent_only_where_there_is_room);
    tcase_add_test(tests, a_small_one_is_lent_without_room_too);
    suite_add_tcase(suite, tests);
    srunner_run_all(runner, CK_NORMAL);
    failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
