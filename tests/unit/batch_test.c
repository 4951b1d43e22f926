#include "daemon/input/batch.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>

#include <cmocka.h>

static void
t01_batch_owns_what_it_holds(void **state)
{
	(void)state;
	struct batch *batch = batch_new(NULL, 7);
	char text[] = "text", site[] = "CM01";
	for (int i = 0; i < 9; i++) {
		struct sighting sighting = {
			.site = site, .text = text, .file = "f", .offset = (uint64_t)i};
		batch_add_sighting(batch, &sighting);
		batch_add_gap(batch, GAP_LOST, "f", (uint64_t)i, 3);
		batch_add_forgotten(batch, (uint64_t)i);
		batch_add_backlog_ended(batch, "f");
		batch_add_active_site(batch, site);
	}
	text[0] = site[0] = 'X';
	assert_int_equal(batch->read_at, 7);
	assert_int_equal(batch->sighting_count, 9);
	assert_string_equal(batch->sightings[8].text, "text");
	assert_string_equal(batch->sightings[8].site, "CM01");
	assert_null(batch->sightings[8].cause);
	assert_int_equal(batch->sightings[8].offset, 8);
	assert_int_equal(batch->gap_count, 9);
	assert_int_equal(batch->gaps[8].offset, 8);
	assert_int_equal(batch->forgotten[8], 8);
	assert_int_equal(batch->backlog_ended_count, 9);
	assert_int_equal(batch->active_site_count, 1);
	batch_free(batch);
	batch_free(NULL);
}

static void
t02_a_generation_stands_once(void **state)
{
	(void)state;
	struct batch *batch = batch_new(NULL, 0);
	struct position position = {.generation = 1, .path = (char[]){"p"}, .offset = 1};
	batch_add_position(batch, &position);
	position.generation = 2;
	batch_add_position(batch, &position);
	position.generation = 1;
	position.offset = 5;
	batch_add_position(batch, &position);
	assert_int_equal(batch->position_count, 2);
	assert_int_equal(batch->positions[0].offset, 5);
	assert_string_equal(batch->positions[0].path, "p");
	assert_null(batch->positions[0].seen_at);
	batch_free(batch);
}

static void
t03_every_gap_has_a_name(void **state)
{
	(void)state;
	for (int i = 0; i < GAP_REASONS; i++)
		assert_non_null(gap_reason_name((enum gap_reason)i));
	assert_string_equal(gap_reason_name(GAP_LONG_LINE), "long_line");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_batch_owns_what_it_holds),
		cmocka_unit_test(t02_a_generation_stands_once),
		cmocka_unit_test(t03_every_gap_has_a_name),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
