#include "config/cron.h"
#include "daemon/base/clock.h"
#include "daemon/engine/maintenance.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* 2026-11-23 is a Monday; all in UTC. */
static int64_t
at(const char *text)
{
	int64_t time;
	assert_true(time_parse(text, &time));
	return time;
}

static bool
matches(const char *cron_text, const char *time)
{
	struct cron cron;
	struct err err = ERR_INIT;
	time_t seconds = (time_t)(at(time) / SECOND);
	struct tm tm;
	if (!cron_parse(cron_text, &cron, &err))
		fail_msg("%s", err.text);
	gmtime_r(&seconds, &tm);
	return cron_matches(&cron, &tm);
}

static void
t01_a_cron_matches_its_minutes(void **state)
{
	(void)state;
	static const struct {
		const char *cron, *time;
		bool matches;
	} CASE[] = {
		{"* * * * *", "2026-11-23T12:34:00Z", true},
		{"34 12 * * *", "2026-11-23T12:34:59Z", true},
		{"33 12 * * *", "2026-11-23T12:34:00Z", false},
		{"*/15 8-18 * * mon-fri", "2026-11-23T08:45:00Z", true},
		{"*/15 8-18 * * mon-fri", "2026-11-22T08:45:00Z", false},
		{"0 0 * * 7", "2026-11-22T00:00:00Z", true},
		{"0 0 * * 0", "2026-11-22T00:00:00Z", true},
		{"0 22 * nov,DEC *", "2026-11-23T22:00:00Z", true},
		{"0 22 * 10 *", "2026-11-23T22:00:00Z", false},
		{"0 0 1 * mon", "2026-11-23T00:00:00Z", true}, /* either day */
		{"0 0 1 * mon", "2026-12-01T00:00:00Z", true},
		{"0 0 1 * mon", "2026-12-02T00:00:00Z", false},
		{"10-20/5 * * * *", "2026-11-23T00:15:00Z", true},
		{"10-20/5 * * * *", "2026-11-23T00:16:00Z", false},
	};
	for (size_t i = 0; i < sizeof CASE / sizeof *CASE; i++) {
		if (matches(CASE[i].cron, CASE[i].time) != CASE[i].matches)
			fail_msg("%s at %s", CASE[i].cron, CASE[i].time);
	}
}

static void
t02_what_is_no_cron_is_refused(void **state)
{
	(void)state;
	static const char *const WRONG[] = {"", "* * * *", "* * * * * *", "60 * * * *",
		"* 24 * * *", "* * 0 * *", "* * * 13 *", "* * * * 8", "5-1 * * * *", "*/0 * * * *",
		"1/2 * * * *", "a * * * *", "1, * * * *", "* * * * mon-", "-1 * * * *",
		"99999999999999999999 * * * *"};
	for (size_t i = 0; i < sizeof WRONG / sizeof *WRONG; i++) {
		struct cron cron;
		struct err err = ERR_INIT;
		if (cron_parse(WRONG[i], &cron, &err))
			fail_msg("\"%s\" was taken", WRONG[i]);
		assert_string_not_equal(err.text, "");
	}
}

static struct config *
windows(void)
{
	static char *lab[] = {(char *)"LAB*"}, *all[] = {(char *)"*"};
	static struct config_maintenance list[] = {
		{.name = (char *)"patching",
			.sites = {lab, 1},
			.at = (char *)"0 22 * * *",
			.length = 4 * HOUR},
		{.name = (char *)"move",
			.sites = {all, 1},
			.at = (char *)"0 23 * * *",
			.length = HOUR},
	};
	static struct config config = {.maintenance = list, .maintenance_count = 2};
	return &config;
}

static void
assert_silent(struct maintenance *maintenance, const char *site, const char *now, const char *until,
	const char *name)
{
	const char *why = NULL;
	maintenance_tick(maintenance, at(now));
	int64_t end = maintenance_until(maintenance, site, &why);
	assert_true(end == (until ? at(until) : TIME_NONE));
	if (until)
		assert_string_equal(why, name);
}

static void
t03_a_window_silences_its_sites_while_it_lasts(void **state)
{
	(void)state;
	struct maintenance *m = maintenance_new();
	maintenance_configure(m, windows(), at("2026-11-23T21:59:30Z"));
	assert_false(maintenance_is_on(m));
	assert_true(maintenance_next_due(m) == at("2026-11-23T22:00:00Z"));
	assert_silent(m, "lab1", "2026-11-23T22:00:00Z", "2026-11-24T02:00:00Z", "patching");
	assert_silent(m, "CM01", "2026-11-23T22:00:00Z", NULL, NULL);
	assert_silent(m, "CM01", "2026-11-23T23:10:00Z", "2026-11-24T00:00:00Z", "move");
	assert_silent(m, "LAB1", "2026-11-23T23:10:00Z", "2026-11-24T02:00:00Z", "patching");
	assert_silent(m, "CM01", "2026-11-24T00:00:00Z", NULL, NULL);
	assert_silent(m, "LAB1", "2026-11-24T02:00:00Z", NULL, NULL);
	assert_false(maintenance_is_on(m));
	maintenance_free(m);
}

static void
t04_a_window_that_began_before_counts_and_a_clock_may_jump(void **state)
{
	(void)state;
	struct maintenance *m = maintenance_new();
	maintenance_configure(m, windows(), at("2026-11-24T01:30:00Z"));
	assert_silent(m, "LAB1", "2026-11-24T01:30:00Z", "2026-11-24T02:00:00Z", "patching");
	assert_silent(m, "LAB1", "2026-11-23T12:00:00Z", NULL, NULL); /* set back */
	assert_silent(m, "LAB1", "2026-11-25T23:59:00Z", "2026-11-26T02:00:00Z", "patching");
	maintenance_free(m);
}

static void
t05_without_windows_nothing_is_due(void **state)
{
	(void)state;
	static struct config config;
	struct maintenance *m = maintenance_new();
	maintenance_configure(m, &config, at("2026-11-24T01:30:00Z"));
	assert_true(maintenance_next_due(m) == TIME_NONE);
	maintenance_free(m);
}

int
main(void)
{
	setenv("TZ", "UTC", 1);
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_a_cron_matches_its_minutes),
		cmocka_unit_test(t02_what_is_no_cron_is_refused),
		cmocka_unit_test(t03_a_window_silences_its_sites_while_it_lasts),
		cmocka_unit_test(t04_a_window_that_began_before_counts_and_a_clock_may_jump),
		cmocka_unit_test(t05_without_windows_nothing_is_due),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
