#include "daemon/base/table.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

enum { ITEMS = 5000 };

struct item {
	char name[16];
	bool is_in;
	bool seen;
};

static struct span
name_of(const void *item)
{
	return span_of(((const struct item *)item)->name);
}

static struct item *
items_new(void)
{
	struct item *item = calloc(ITEMS, sizeof *item);
	assert_non_null(item);
	for (unsigned i = 0; i < ITEMS; i++)
		snprintf(item[i].name, sizeof item[i].name, "%u", i);
	return item;
}

static void
check(const struct table *table, struct item *item)
{
	size_t count = 0, place = 0;
	for (unsigned i = 0; i < ITEMS; i++) {
		struct item *found = table_find(table, name_of, name_of(&item[i]));
		assert_ptr_equal(found, item[i].is_in ? &item[i] : NULL);
		item[i].seen = false;
		count += item[i].is_in;
	}
	assert_int_equal(table->count, count);
	for (struct item *each; (each = table_next(table, &place)); count--) {
		assert_true(each->is_in && !each->seen);
		each->seen = true;
	}
	assert_int_equal(count, 0);
}

static void
t01_what_was_added_is_found_until_it_is_removed(void **state)
{
	(void)state;
	struct table table = {0};
	struct item *item = items_new();
	uint32_t chance = 1;
	check(&table, item);
	for (unsigned i = 0; i < 20 * ITEMS; i++) {
		chance = chance * 1664525 + 1013904223;
		/* Few are in it at first, later nearly all. */
		unsigned among = ITEMS / 20 * (1 + i / ITEMS);
		struct item *one = &item[(chance >> 8) % among];
		if (one->is_in)
			table_remove(&table, name_of, one);
		else
			table_add(&table, name_of, one);
		one->is_in = !one->is_in;
		if (i % ITEMS == 0)
			check(&table, item);
	}
	check(&table, item);
	table_fini(&table);
	assert_null(table_find(&table, name_of, SPAN("1")));
	free(item);
}

static void
t02_room_follows_the_number_of_items(void **state)
{
	(void)state;
	struct table table = {0};
	struct item *item = items_new();
	for (unsigned i = 0; i < ITEMS; i++)
		table_add(&table, name_of, &item[i]);
	assert_true(table.room <= 2 * ITEMS);
	for (unsigned i = 10; i < ITEMS; i++)
		table_remove(&table, name_of, &item[i]);
	for (unsigned i = 0; i < 4 * ITEMS; i++) {
		table_add(&table, name_of, &item[10]);
		table_remove(&table, name_of, &item[10]);
	}
	assert_true(table.room <= 64);
	assert_ptr_equal(table_find(&table, name_of, SPAN("9")), &item[9]);
	table_fini(&table);
	free(item);
}

static void
t03_items_may_go_while_all_are_looked_at(void **state)
{
	(void)state;
	struct table table = {0};
	struct item *item = items_new();
	size_t place = 0, count = 0;
	for (unsigned i = 0; i < ITEMS; i++)
		table_add(&table, name_of, &item[i]);
	for (struct item *each; (each = table_next(&table, &place)); count++) {
		if (count % 3)
			table_remove(&table, name_of, each);
		each->is_in = count % 3 == 0;
	}
	assert_int_equal(count, ITEMS);
	check(&table, item);
	table_fini(&table);
	free(item);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_what_was_added_is_found_until_it_is_removed),
		cmocka_unit_test(t02_room_follows_the_number_of_items),
		cmocka_unit_test(t03_items_may_go_while_all_are_looked_at),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
