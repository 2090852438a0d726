/* SPDX-License-Identifier: BSD-2-Clause */
/* test_block_option: RFC 7959 2.2 and the rescaling of 2.3. */

#include "block_option.h"

#include <check.h>
#include <stdlib.h>
#include <string.h>

#include "rest.h"

START_TEST(values_are_read_and_written_as_in_rfc_7959)
{
    static const struct {
        const char *bytes;
        uint16_t length;
        struct block block;
        size_t offset;
    } table[] = {
        {"", 0, {0, false, 0}, 0}, /* the explicit 0 is no byte: 16-byte blocks */
        {"\x06", 1, {0, false, 6}, 0},
        {"\x0e", 1, {0, true, 6}, 0},
        {"\x13", 1, {1, false, 3}, 128},
        {"\xf8", 1, {15, true, 0}, 240},
        {"\x01\x06", 2, {16, false, 6}, 16384},
        {"\xff\xff\xfe", 3, {BLOCK_NUMBER_MAX, true, 6}, (size_t)BLOCK_NUMBER_MAX * 1024},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct rest_option option = {REST_OPTION_BLOCK2, table[i].length,
                                     (const uint8_t *)table[i].bytes};
        struct block block;
        uint32_t value;

        ck_assert(block_read(&option, &block));
        ck_assert_uint_eq(block.number, table[i].block.number);
        ck_assert(block.more == table[i].block.more);
        ck_assert_uint_eq(block.szx, table[i].block.szx);
        ck_assert_uint_eq(block_offset(&block), table[i].offset);
        ck_assert(rest_option_uint(&option, &value));
        ck_assert_uint_eq(block_value(&block), value);
    }
}
END_TEST

START_TEST(the_reserved_size_and_long_values_are_refused)
{
    static const struct rest_option table[] = {
        {REST_OPTION_BLOCK2, 1, (const uint8_t *)"\x07"},
        {REST_OPTION_BLOCK2, 1, (const uint8_t *)"\x0f"},
        {REST_OPTION_BLOCK1, 3, (const uint8_t *)"\xff\xff\xff"},
        {REST_OPTION_BLOCK1, 4, (const uint8_t *)"\0\0\0\x06"},
    };
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++) {
        struct block block;
        ck_assert(!block_read(&table[i], &block));
    }
}
END_TEST

START_TEST(the_largest_block_within_a_size_is_found)
{
    static const struct {
        size_t size;
        uint8_t szx;
    } table[] = {{0, 0},   {16, 0},   {17, 0},   {31, 0},   {32, 1}, {64, 2},
                 {600, 5}, {1023, 5}, {1024, 6}, {2048, 6}, {1e9, 6}};
    for (size_t i = 0; i < sizeof table / sizeof table[0]; i++)
        ck_assert_uint_eq(block_szx_within(table[i].size), table[i].szx);
    for (uint8_t szx = 0; szx <= BLOCK_SZX_MAX; szx++)
        ck_assert_uint_eq(block_szx_within(block_size(szx)), szx);
    ck_assert_uint_eq(block_size(0), BLOCK_SIZE_MIN);
    ck_assert_uint_eq(block_size(BLOCK_SZX_MAX), BLOCK_SIZE_MAX);
}
END_TEST

/* RFC 7959 figure 9: after 1:0/1/128 the next one of 32 bytes is number 4. */
START_TEST(the_byte_offset_is_kept_when_the_size_changes)
{
    struct block block;

    ck_assert(block_at(128, 1, &block));
    ck_assert_uint_eq(block.number, 4);
    for (uint8_t from = 0; from <= BLOCK_SZX_MAX; from++) {
        for (uint8_t to = 0; to <= from; to++) {
            size_t offset = 3 * block_size(from);
            ck_assert(block_at(offset, to, &block));
            ck_assert(!block.more);
            ck_assert_uint_eq(block_offset(&block), offset);
        }
    }
}
END_TEST

START_TEST(a_body_of_too_many_blocks_is_found_out)
{
    struct block block;

    ck_assert(block_at((size_t)BLOCK_NUMBER_MAX * 16, 0, &block));
    ck_assert(!block_at(((size_t)BLOCK_NUMBER_MAX + 1) * 16, 0, &block));
    ck_assert(block_at(((size_t)BLOCK_NUMBER_MAX + 1) * 16, 1, &block));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("block_option");
    TCase *tests = tcase_create("block_option");

    tcase_add_test(tests, values_are_read_and_written_as_in_rfc_7959);
    tcase_add_test(tests, the_reserved_size_and_long_values_are_refused);
    tcase_add_test(tests, the_largest_block_within_a_size_is_found);
    tcase_add_test(tests, the_byte_offset_is_kept_when_the_size_changes);
    tcase_add_test(tests, a_body_of_too_many_blocks_is_found_out);
    suite_add_tcase(suite, tests);
    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
