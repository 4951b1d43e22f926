#include "daemon/base/buf.h"
#include "daemon/engine/site.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define GOLDEN "tests/golden/machine.txt"

/* UPDATE_GOLDEN=1 writes the table anew: a change of the machine shows as a change of it. */
static void
t01_the_machine_is_the_golden_table(void **unused)
{
	(void)unused;
	struct buf table = BUF_INIT;
	char golden[8192];
	site_print_machine(&table);
	if (getenv("UPDATE_GOLDEN")) {
		FILE *out = fopen(GOLDEN, "w");
		assert_non_null(out);
		fwrite(table.p, 1, table.n, out);
		fclose(out);
	}
	FILE *file = fopen(GOLDEN, "r");
	assert_non_null(file);
	size_t n = fread(golden, 1, sizeof golden - 1, file);
	fclose(file);
	golden[n] = '\0';
	assert_string_equal(golden, table.p);
	buf_fini(&table);
}

static const struct correlate_options OPTIONS = {
	.window = 10 * MINUTE, .failing_after = 3, .resolve_after = 35 * DAY};

/* A site's memory is bounded, however much it is told and however long the lines are. */
static void
t02_a_site_keeps_little_of_much(void **unused)
{
	(void)unused;
	struct site *site = site_new("CM01");
	static char text[65536];
	memset(text, 'x', sizeof text - 1);
	for (int i = 0; i < 2000; i++) {
		struct outcome outcome = OUTCOME_INIT;
		struct sighting sighting = {
			.site = "CM01",
			.event = EVENT_ENROLL_REJECTED + (unsigned)i % 5,
			.time = i * MINUTE,
			.read_at = i * MINUTE,
			.file = "/log/AIUpdateSvc.log",
			.text = text,
			.cause = text,
			.offset = (uint64_t)i,
		};
		site_on_sighting(site, &OPTIONS, &sighting, &outcome);
		outcome_fini(&outcome);
	}
	char *saved = site_save(site);
	assert_in_range(strlen(saved), 1000, 32 * 1024);
	free(saved);
	site_free(site);
}

static void
t03_long_texts_are_cut_between_characters(void **unused)
{
	(void)unused;
	struct site *site = site_new("CM01");
	struct outcome outcome = OUTCOME_INIT;
	char text[3001];
	for (int i = 0; i < 3000; i += 3)
		memcpy(text + i, "\xe2\x80\x93", 3);
	text[3000] = '\0';
	struct sighting sighting = {
		.site = "CM01", .event = EVENT_SYNC_FORBIDDEN, .file = "f", .text = text};
	site_on_sighting(site, &OPTIONS, &sighting, &outcome);
	const char *kept = outcome.alerts[0].evidence[0].text;
	size_t n = strlen(kept);
	assert_in_range(n, 1000, 1024);
	assert_int_equal(n % 3, 0);
	assert_string_equal(kept + n - 3, "\xe2\x80\xa6");
	outcome_fini(&outcome);
	site_free(site);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_the_machine_is_the_golden_table),
		cmocka_unit_test(t02_a_site_keeps_little_of_much),
		cmocka_unit_test(t03_long_texts_are_cut_between_characters),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
