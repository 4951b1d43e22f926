#include "daemon/engine/alarms.h"

#include "daemon/base/mem.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#define DATE (INT64_C(1800000000) * SECOND) /* what the wall clock is ahead of the other */

struct bench {
	struct alarms *alarms;
	struct outcome outcome; /* all that came */
	int64_t monotonic;
	size_t heard; /* alerts */
};

static struct bench *
begin(void)
{
	struct bench *bench = mem_new(sizeof *bench);
	bench->alarms = alarms_new();
	bench->monotonic = 1000 * SECOND;
	return bench;
}

static void
end(struct bench *bench)
{
	alarms_free(bench->alarms);
	outcome_fini(&bench->outcome);
	free(bench);
}

static int64_t
now(const struct bench *bench)
{
	return DATE + bench->monotonic;
}

static void
see(struct bench *bench, enum alarm_kind kind, const char *input)
{
	struct alarm_sign sign = {kind, input, "a cause", "what", now(bench)};
	alarms_see(bench->alarms, &sign, now(bench), bench->monotonic, &bench->outcome);
}

static void
look(struct bench *bench)
{
	alarms_tick(bench->alarms, now(bench), bench->monotonic, &bench->outcome);
}

static void
pass(struct bench *bench, int64_t wait)
{
	bench->monotonic += wait;
}

/* The next alert; fails where there is none. */
static const struct alert *
hear(struct bench *bench)
{
	assert_true(bench->heard < bench->outcome.alert_count);
	return &bench->outcome.alerts[bench->heard++];
}

static void
hear_nothing(const struct bench *bench)
{
	assert_int_equal(bench->outcome.alert_count, bench->heard);
}

/* Fails each second for so long. */
static void
fail_for(struct bench *bench, int64_t wait)
{
	for (int64_t end = bench->monotonic + wait; bench->monotonic < end; pass(bench, SECOND)) {
		see(bench, ALARM_STORE_FAILS, "");
		look(bench);
	}
}

static void
t01_an_input_that_hangs_is_said_once_and_over_when_it_is_not_seen(void **state)
{
	(void)state;
	struct bench *bench = begin();
	for (int i = 0; i < 3; i++, pass(bench, 5 * SECOND)) {
		see(bench, ALARM_INPUT, "share");
		look(bench);
	}
	const struct alert *alert = hear(bench);
	assert_true(alert->firing);
	assert_string_equal(alert->site, "input share");
	hear_nothing(bench);
	look(bench);
	alert = hear(bench);
	assert_false(alert->firing);
	assert_int_equal(alert->resolution, RESOLUTION_RECOVERED);
	assert_int_equal(alert->resolved_at, now(bench));
	assert_true(alarms_are_none(bench->alarms));
	end(bench);
}

static void
t02_gaps_are_over_an_hour_after_the_last(void **state)
{
	(void)state;
	struct bench *bench = begin();
	see(bench, ALARM_GAPS, "a");
	see(bench, ALARM_GAPS, "b");
	assert_string_equal(hear(bench)->site, "gaps of input a");
	assert_string_equal(hear(bench)->site, "gaps of input b");
	pass(bench, HOUR);
	see(bench, ALARM_GAPS, "b");
	look(bench);
	hear_nothing(bench);
	pass(bench, 1);
	look(bench);
	const struct alert *alert = hear(bench);
	assert_string_equal(alert->site, "gaps of input a");
	assert_int_equal(alert->resolution, RESOLUTION_QUIET);
	hear_nothing(bench);
	end(bench);
}

static void
t03_a_store_that_fails_for_a_moment_is_no_alarm(void **state)
{
	(void)state;
	struct bench *bench = begin();
	for (int i = 0; i < 10; i++) {
		fail_for(bench, ALARM_STORE_AFTER);
		hear_nothing(bench);
		pass(bench, ALARM_STORE_AFTER + 1);
		look(bench);
		assert_true(alarms_are_none(bench->alarms));
	}
	hear_nothing(bench);
	end(bench);
}

static void
t04_a_store_that_goes_on_failing_is(void **state)
{
	(void)state;
	struct bench *bench = begin();
	int64_t began = now(bench);
	fail_for(bench, ALARM_STORE_AFTER);
	hear_nothing(bench);
	fail_for(bench, HOUR);
	const struct alert *alert = hear(bench);
	assert_true(alert->firing);
	assert_string_equal(alert->site, "store");
	assert_true(alert->started_at == began);
	hear_nothing(bench);
	end(bench);
}

static void
t05_a_disk_that_comes_and_goes_is_one_alarm(void **state)
{
	(void)state;
	struct bench *bench = begin();
	/* each failure is short, and soon followed by another */
	for (int i = 0; i < 100; i++) {
		fail_for(bench, SECOND);
		pass(bench, 10 * SECOND);
		look(bench);
	}
	assert_true(hear(bench)->firing);
	/* and some that come later still belong to it */
	for (int i = 0; i < 10; i++) {
		pass(bench, ALARM_STORE_CALM - MINUTE);
		look(bench);
		fail_for(bench, SECOND);
	}
	hear_nothing(bench);
	pass(bench, ALARM_STORE_CALM);
	look(bench);
	assert_int_equal(hear(bench)->resolution, RESOLUTION_RECOVERED);
	end(bench);
}

static void
t06_a_store_that_was_set_aside_is_said_at_once_and_for_an_hour(void **state)
{
	(void)state;
	struct bench *bench = begin();
	see(bench, ALARM_STORE_LOST, "");
	assert_true(hear(bench)->firing);
	pass(bench, SECOND);
	see(bench, ALARM_STORE_FAILS, "");
	pass(bench, HOUR - SECOND);
	look(bench);
	hear_nothing(bench);
	pass(bench, 1);
	look(bench);
	assert_int_equal(hear(bench)->resolution, RESOLUTION_QUIET);
	end(bench);
}

/* What the store kept of the first alarm; then another process. */
static void
restart(struct bench *bench)
{
	assert_int_equal(bench->outcome.incident_count, 1);
	alarms_free(bench->alarms);
	bench->alarms = alarms_new();
	pass(bench, 10 * MINUTE);
	alarms_resume(bench->alarms, &bench->outcome.incidents[0], bench->monotonic);
}

static void
t07_what_does_not_stand_after_a_restart_is_over(void **state)
{
	(void)state;
	static const struct {
		enum alarm_kind kind;
		const char *input;
		int64_t calm;
	} CASE[] = {{ALARM_INPUT, "share", ALARM_RESTART_CALM}, {ALARM_GAPS, "a", ALARM_GAP_CALM},
		{ALARM_STORE_LOST, "", ALARM_STORE_CALM}};
	for (size_t i = 0; i < sizeof CASE / sizeof CASE[0]; i++) {
		struct bench *bench = begin();
		see(bench, CASE[i].kind, CASE[i].input);
		char key[64], id[ALERT_ID_TEXT];
		const struct alert *alert = hear(bench);
		snprintf(key, sizeof key, "%s", alert->site);
		alert_id_of_follower(id, key, ALERT_AIWATCH, "resolved", alert->id);
		restart(bench);
		pass(bench, CASE[i].calm);
		look(bench);
		hear_nothing(bench);
		pass(bench, 1);
		look(bench);
		alert = hear(bench);
		assert_false(alert->firing);
		assert_string_equal(alert->site, key);
		assert_string_equal(alert->id, id);
		assert_int_equal(bench->outcome.incident_count, 1);
		assert_true(bench->outcome.incidents[0].ended_at == now(bench));
		end(bench);
	}
}

static void
t08_what_stands_after_a_restart_is_not_said_again(void **state)
{
	(void)state;
	struct bench *bench = begin();
	see(bench, ALARM_INPUT, "share");
	assert_true(hear(bench)->firing);
	restart(bench);
	for (int i = 0; i < 100; i++, pass(bench, 5 * SECOND)) {
		if (i > 6) /* so long it takes until it is known to hang */
			see(bench, ALARM_INPUT, "share");
		look(bench);
	}
	hear_nothing(bench);
	look(bench);
	assert_false(hear(bench)->firing);
	end(bench);
}

static void
count(void *owner, const struct alert *alert)
{
	assert_true(alert->firing);
	assert_non_null(alert->advice);
	++*(size_t *)owner;
}

static void
t09_what_was_said_stands_until_it_is_over(void **state)
{
	(void)state;
	struct bench *bench = begin();
	size_t standing = 0;
	see(bench, ALARM_STORE_FAILS, "");
	alarms_each_standing(bench->alarms, now(bench), count, &standing);
	assert_int_equal(standing, 0);
	fail_for(bench, MINUTE);
	see(bench, ALARM_GAPS, "a");
	alarms_each_standing(bench->alarms, now(bench), count, &standing);
	assert_int_equal(standing, 2);
	end(bench);
}

static void
t10_what_no_store_keeps_ends_with_the_daemon(void **state)
{
	(void)state;
	struct bench *bench = begin();
	see(bench, ALARM_STORE_MEMORY, "");
	see(bench, ALARM_GAPS, "a");
	pass(bench, SECOND);
	assert_true(hear(bench)->firing && hear(bench)->firing);
	alarms_end(bench->alarms, now(bench), &bench->outcome);
	assert_int_equal(hear(bench)->resolution, RESOLUTION_OPERATOR);
	assert_int_equal(hear(bench)->resolution, RESOLUTION_OPERATOR);
	assert_true(alarms_are_none(bench->alarms));
	end(bench);
}

int
main(void)
{
	const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(t01_an_input_that_hangs_is_said_once_and_over_when_it_is_not_seen),
		cmocka_unit_test(t02_gaps_are_over_an_hour_after_the_last),
		cmocka_unit_test(t03_a_store_that_fails_for_a_moment_is_no_alarm),
		cmocka_unit_test(t04_a_store_that_goes_on_failing_is),
		cmocka_unit_test(t05_a_disk_that_comes_and_goes_is_one_alarm),
		cmocka_unit_test(t06_a_store_that_was_set_aside_is_said_at_once_and_for_an_hour),
		cmocka_unit_test(t07_what_does_not_stand_after_a_restart_is_over),
		cmocka_unit_test(t08_what_stands_after_a_restart_is_not_said_again),
		cmocka_unit_test(t09_what_was_said_stands_until_it_is_over),
		cmocka_unit_test(t10_what_no_store_keeps_ends_with_the_daemon),
	};
	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
