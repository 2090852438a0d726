/* SPDX-License-Identifier: BSD-2-Clause */
#include "id_table.h"

/* test_id_table: ids of objects that come and go. */

#include <check.h>
#include <stdlib.h>

enum { MANY = 1000 };

static struct id_table table;
static int objects[MANY];

static void set_up(void)
{
    id_table_init(&table);
}

static void tear_down(void)
{
    id_table_clear(&table);
}

START_TEST(an_id_finds_its_object_until_it_is_removed)
{
    uint64_t ids[MANY];

    for (int i = 0; i < MANY; i++) {
        ids[i] = id_table_add(&table, &objects[i]);
        ck_assert(ids[i] != 0);
    }
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(id_table_find(&table, ids[i]), &objects[i]);
    for (int i = 0; i < MANY; i += 2)
        id_table_remove(&table, ids[i]);
    for (int i = 0; i < MANY; i++)
        ck_assert_ptr_eq(id_table_find(&table, ids[i]), i % 2 == 0 ? NULL : &objects[i]);
}
END_TEST

START_TEST(an_id_that_has_gone_does_not_name_the_next_object_in_its_place)
{
    uint64_t first = id_table_add(&table, &objects[0]);
    uint64_t second;

    id_table_remove(&table, first);
    second = id_table_add(&table, &objects[1]);
    ck_assert_uint_eq((uint32_t)first, (uint32_t)second);
    ck_assert(first != second);
    ck_assert_ptr_null(id_table_find(&table, first));
    ck_assert_ptr_eq(id_table_find(&table, second), &objects[1]);
}
END_TEST

START_TEST(all_objects_are_seen_in_their_places)
{
    unsigned seen = 0;

    for (int i = 0; i < MANY; i++) {
        uint64_t id = id_table_add(&table, &objects[i]);
        if (i == 7)
            id_table_remove(&table, id);
    }
    for (uint32_t place = 0; place < table.slot_count; place++)
        seen += id_table_at(&table, place) != NULL;
    ck_assert_uint_eq(seen, MANY - 1);
}
END_TEST

START_TEST(an_id_that_never_was_finds_nothing)
{
    ck_assert_ptr_null(id_table_find(&table, 0));
    ck_assert_ptr_null(id_table_find(&table, UINT64_MAX));
    ck_assert(id_table_add(&table, &objects[0]) != 0);
    ck_assert_ptr_null(id_table_find(&table, 0));
    ck_assert_ptr_null(id_table_find(&table, UINT64_MAX));
}
END_TEST

int main(void)
{
    Suite *suite = suite_create("id_table");
    TCase *tests = tcase_create("id_table");

    tcase_add_checked_fixture(tests, set_up, tear_down);
    tcase_add_test(tests, an_id_finds_its_object_until_it_is_removed);
    tcase_add_test(tests, an_id_that_has_gone_does_not_name_the_next_object_in_its_place);
    tcase_add_test(tests, all_objects_are_seen_in_their_places);
    tcase_add_test(tests, an_id_that_never_was_finds_nothing);
    suite_add_tcase(suite, tests);

    SRunner *runner = srunner_create(suite);
    srunner_run_all(runner, CK_NORMAL);
    int failed = srunner_ntests_failed(runner);
    srunner_free(runner);
    return failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
