#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine/correlate.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static const struct correlate_options OPTIONS = {
	.window = 10 * MINUTE,
	.failing_after = 3,
	.repeat_every = 24 * HOUR,
	.resolve_after = 35 * DAY,
};

#define START (1434682801 * SECOND)

struct bench {
	struct correlate *correlate;
	struct outcome outcome;
	uint64_t offset;
};

static struct bench
bench_new(void)
{
	return (struct bench){.correlate = correlate_new(&OPTIONS)};
}

static void
bench_end(struct bench *bench)
{
	outcome_fini(&bench->outcome);
	correlate_free(bench->correlate);
}

/* An event of the site at START + `after`, read at once. */
static void
see(struct bench *bench, const char *site, enum event_kind event, int64_t after)
{
	struct sighting sighting = {
		.site = site,
		.event = event,
		.time = START + after,
		.read_at = START + after,
		.file = "/log/AIUpdateSvc.log",
		.offset = bench->offset,
		.text = "a line",
		.digest = {(uint8_t)bench->offset, (uint8_t)event},
	};
	bench->offset += 100;
	correlate_sighting(bench->correlate, &sighting, &bench->outcome);
}

static char *
save(const struct correlate *correlate, const char *site)
{
	struct err err = ERR_INIT;
	char *saved = correlate_save(correlate, site, &err);
	assert_non_null(saved);
	return saved;
}

static void
t01_two_lines_of_one_attempt_make_one_alert(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	see(&bench, "CM01", EVENT_ENROLL_REJECTED, 0);
	see(&bench, "CM01", EVENT_SYNC_FORBIDDEN, SECOND);
	assert_int_equal(bench.outcome.transition_count, 2);
	assert_int_equal(bench.outcome.alert_count, 1);
	const struct alert *alert = &bench.outcome.alerts[0];
	assert_int_equal(alert->kind, ALERT_CERTIFICATE_EXPIRED);
	assert_true(alert->firing);
	assert_int_equal(alert->state, SITE_EXPIRED);
	assert_int_equal(alert->previous_state, SITE_ENROLL_REJECTED);
	assert_int_equal(alert->started_at, START);
	assert_int_equal(alert->occurrences, 1);
	assert_int_equal(alert->evidence_count, 2);
	assert_int_equal(alert->evidence[0].event, EVENT_ENROLL_REJECTED);
	assert_int_equal(bench.outcome.incident_count, 1);
	assert_int_equal(bench.outcome.site_count, 1);
	see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, MINUTE);
	assert_int_equal(bench.outcome.alert_count, 2);
	assert_int_equal(bench.outcome.alerts[1].resolution, RESOLUTION_RECOVERED);
	assert_string_not_equal(bench.outcome.alerts[1].id, bench.outcome.alerts[0].id);
	assert_int_equal(bench.outcome.incident_count, 1);
	assert_int_equal(bench.outcome.incidents[0].ended_at, START + MINUTE);
	bench_end(&bench);
}

static void
note_name(void *owner, const struct site_view *view)
{
	char *names = owner;
	strcat(names, view->name);
	strcat(names, " ");
}

static void
t02_sites_are_told_in_the_order_of_names(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	see(&bench, "c", EVENT_SYNC_SUCCEEDED, 0);
	see(&bench, "a", EVENT_SYNC_SUCCEEDED, 0);
	see(&bench, "b", EVENT_SYNC_SUCCEEDED, 0);
	see(&bench, "a", EVENT_SYNC_SUCCEEDED, 0);
	char names[20] = "";
	correlate_each(bench.correlate, note_name, names);
	assert_string_equal(names, "a b c ");
	assert_int_equal(bench.outcome.site_count, 3);
	bench_end(&bench);
}

static void
t03_a_site_at_rest_has_no_timer(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	assert_int_equal(correlate_next_due(bench.correlate), TIME_NONE);
	see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, 0);
	assert_int_equal(correlate_next_due(bench.correlate), TIME_NONE);
	see(&bench, "CM01", EVENT_ENROLL_REJECTED, 0);
	assert_int_equal(correlate_next_due(bench.correlate), START + OPTIONS.window);
	see(&bench, "CM02", EVENT_ENROLL_REJECTED, -SECOND);
	assert_int_equal(correlate_next_due(bench.correlate), START - SECOND + OPTIONS.window);
	see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, SECOND);
	see(&bench, "CM02", EVENT_SYNC_SUCCEEDED, SECOND);
	assert_int_equal(correlate_next_due(bench.correlate), TIME_NONE);
	bench_end(&bench);
}

static void
t04_timers_fire_in_order_for_many_sites(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	enum { SITES = 5000 };
	for (int i = 0; i < SITES; i++) {
		char name[16];
		snprintf(name, sizeof name, "S%04d", i);
		see(&bench, name, EVENT_ENROLL_REJECTED, (i * 7919 % SITES) * SECOND);
	}
	int64_t last = 0, due;
	while (bench.outcome.alert_count < SITES) {
		due = correlate_next_due(bench.correlate);
		assert_true(due >= last);
		last = due;
		size_t before = bench.outcome.alert_count;
		correlate_tick(bench.correlate, due - 1, &bench.outcome);
		assert_int_equal(bench.outcome.alert_count, before);
		correlate_tick(bench.correlate, due, &bench.outcome);
		assert_true(bench.outcome.alert_count > before);
	}
	bench_end(&bench);
}

static void
t05_the_operator_is_told_what_he_cannot_do(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	struct err err = ERR_INIT;
	assert_false(correlate_resolve(bench.correlate, "CM09", START, &bench.outcome, &err));
	assert_string_equal(err.text, "site CM09 is not known");
	see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, 0);
	assert_false(correlate_resolve(bench.correlate, "CM01", START, &bench.outcome, &err));
	assert_string_equal(err.text, "site CM01 is healthy: nothing stands");
	assert_false(correlate_ack(bench.correlate, "CM01", START, &bench.outcome, &err));
	assert_string_equal(err.text, "site CM01 is healthy: no alert stands");
	assert_true(correlate_silence(
		bench.correlate, "CM09", START + HOUR, "why", START, &bench.outcome, &err));
	bench_end(&bench);
}

static void
t06_saved_sites_come_back_as_they_were(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	struct err err = ERR_INIT;
	see(&bench, "CM01", EVENT_ENROLL_REJECTED, 0);
	see(&bench, "CM01", EVENT_SYNC_FORBIDDEN, SECOND);
	see(&bench, "CM02", EVENT_ENROLL_FAILED, 0);
	see(&bench, "CM03", EVENT_SYNC_SUCCEEDED, 0);
	correlate_silence(
		bench.correlate, "CM01", START + HOUR, "why", START, &bench.outcome, &err);
	see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, 2 * SECOND);
	static const char *const SITE[] = {"CM01", "CM02", "CM03"};
	struct correlate *other = correlate_new(&OPTIONS);
	for (size_t i = 0; i < COUNT(SITE); i++) {
		char *saved = save(bench.correlate, SITE[i]);
		assert_null(strchr(saved, '\n'));
		assert_true(correlate_load(other, saved, &err));
		assert_true(correlate_load(other, saved, &err));
		char *again = save(other, SITE[i]);
		assert_string_equal(saved, again);
		free(again);
		free(saved);
	}
	assert_null(correlate_save(other, "CM04", &err));
	assert_string_equal(err.text, "site CM04 is not known");
	correlate_free(other);
	bench_end(&bench);
}

static void
t07_other_forms_are_refused_with_a_sentence(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	struct err err = ERR_INIT;
	see(&bench, "CM01", EVENT_SYNC_FORBIDDEN, 0);
	char *saved = save(bench.correlate, "CM01");
	static const struct wrong {
		const char *what, *with, *sentence;
	} WRONG[] = {
		{"\"version\":1", "\"version\":9", "saved site: version 9 is not known"},
		{"\"sync_forbidden\"", "\"expired\"",
			"saved site: CM01: invariant 3 of a site is broken"},
		{"\"sync_forbidden\"", "\"healthy\"",
			"saved site: CM01: invariant 1 of a site is broken"},
		{"\"since\":", "\"since\":\"x\",\"y\":", "saved site: CM01: \"since\" is no time"},
	};
	for (size_t i = 0; i < COUNT(WRONG); i++) {
		char *at = strstr(saved, WRONG[i].what);
		assert_non_null(at);
		char *wrong = mem_format("%.*s%s%s", (int)(at - saved), saved, WRONG[i].with,
			at + strlen(WRONG[i].what));
		assert_false(correlate_load(bench.correlate, wrong, &err));
		assert_string_equal(err.text, WRONG[i].sentence);
		free(wrong);
	}
	free(saved);
	bench_end(&bench);
}

/* As older versions wrote them: what is none, and flags that are not set. */
static void
t07a_forms_that_say_what_is_none_come_back_too(void **unused)
{
	(void)unused;
	static const struct {
		const char *before, *none;
	} NONE[] = {
		{"\"attempts\":", "\"silenced_until\":null,\"silence_reason\":null,"},
		{"\"kind\":", "\"backlog\":false,\"taken\":false,"},
		{"\"occurrences\":", "\"cause\":null,\"advice\":null,\"said\":false,"
				     "\"acked\":false,"},
		{"\"waiting_time\":", "\"waiting_backlog\":false,"},
	};
	struct bench bench = bench_new();
	struct err err = ERR_INIT;
	see(&bench, "CM01", EVENT_ENROLL_REJECTED, 0);
	char *saved = save(bench.correlate, "CM01"), *older = mem_text(saved);
	for (size_t i = 0; i < COUNT(NONE); i++) {
		char *at = strstr(older, NONE[i].before);
		assert_non_null(at);
		char *longer = mem_format("%.*s%s%s", (int)(at - older), older, NONE[i].none, at);
		free(older);
		older = longer;
	}
	assert_true(correlate_load(bench.correlate, older, &err));
	char *again = save(bench.correlate, "CM01");
	assert_string_equal(again, saved);
	free(again);
	free(older);
	free(saved);
	bench_end(&bench);
}

static void
t08_a_clock_that_jumps_changes_no_waiting(void **unused)
{
	(void)unused;
	static const int64_t JUMP[] = {DAY, -DAY, 400 * DAY};
	for (size_t i = 0; i < COUNT(JUMP); i++) {
		struct bench bench = bench_new();
		see(&bench, "CM01", EVENT_ENROLL_REJECTED, 0);
		correlate_tick(bench.correlate, START, &bench.outcome);
		correlate_shift(bench.correlate, JUMP[i], &bench.outcome);
		int64_t end = START + JUMP[i] + OPTIONS.window;
		assert_int_equal(correlate_next_due(bench.correlate), end);
		correlate_tick(bench.correlate, end - 1, &bench.outcome);
		assert_int_equal(bench.outcome.alert_count, 0);
		correlate_tick(bench.correlate, end, &bench.outcome);
		assert_int_equal(bench.outcome.alert_count, 1);
		correlate_shift(bench.correlate, JUMP[i], &bench.outcome);
		correlate_tick(bench.correlate, end + JUMP[i] + SECOND, &bench.outcome);
		assert_int_equal(bench.outcome.alert_count, 1);
		bench_end(&bench);
	}
}

/* What is stored of every site; NULL where it cannot be read. */
static char *
read_saved(void *owner, const char *site, struct err *err)
{
	const char *saved = *(char **)owner;
	if (!saved)
		err_set(err, "the disk of %s has gone", site);
	return mem_text(saved);
}

static void
see_pair_and_rest(struct bench *bench, char **saved)
{
	correlate_set_reading(bench->correlate, read_saved, saved);
	see(bench, "CM01", EVENT_ENROLL_REJECTED, 0);
	see(bench, "CM01", EVENT_SYNC_FORBIDDEN, SECOND);
	*saved = save(bench->correlate, "CM01");
	correlate_rest(bench->correlate, 1);
	correlate_rest(bench->correlate, 0);
}

static void
t09_a_site_that_rested_says_what_it_would_have_said(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	char *saved = NULL;
	see_pair_and_rest(&bench, &saved);
	struct err err = ERR_INIT;
	const char *name = correlate_find(bench.correlate, "cm01", &err);
	see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, MINUTE);
	assert_string_equal(name, "CM01");
	assert_int_equal(bench.outcome.alert_count, 2);
	const struct alert *begun = &bench.outcome.alerts[0], *over = &bench.outcome.alerts[1];
	assert_int_equal(over->resolution, RESOLUTION_RECOVERED);
	assert_int_equal(over->evidence_count, begun->evidence_count);
	for (size_t i = 0; i < begun->evidence_count; i++) {
		assert_string_equal(over->evidence[i].text, begun->evidence[i].text);
		assert_string_equal(over->evidence[i].file, begun->evidence[i].file);
	}
	free(saved);
	bench_end(&bench);
}

/* The same alert with the same id, but for the texts: what is stored went, or is another's. */
static void
t10_what_cannot_be_read_again_stops_no_alert(void **unused)
{
	(void)unused;
	static const char *const STORED[] = {NULL, "{}", "no JSON", "another"};
	char id[ALERT_ID_TEXT] = "";
	for (size_t i = 0; i < COUNT(STORED); i++) {
		struct bench bench = bench_new(), other = bench_new();
		char *saved = NULL;
		see_pair_and_rest(&bench, &saved);
		free(saved);
		saved = mem_text(STORED[i]);
		if (i + 1 == COUNT(STORED)) {
			free(saved);
			other.offset = 700;
			see(&other, "CM01", EVENT_SYNC_FORBIDDEN, SECOND);
			saved = save(other.correlate, "CM01");
		}
		see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, MINUTE);
		assert_int_equal(bench.outcome.alert_count, 2);
		const struct alert *over = &bench.outcome.alerts[1];
		assert_int_equal(over->evidence_count, 2);
		assert_string_equal(over->evidence[0].text, "");
		assert_int_equal(over->evidence[1].offset, 100);
		if (i == 0)
			memcpy(id, over->id, sizeof id);
		assert_string_equal(over->id, id);
		free(saved);
		bench_end(&bench);
		bench_end(&other);
	}
}

/*
 * Its row cannot be read while it is woken: nothing is stored of it then, and once it can be, all
 * is stored as if the site had never rested.
 */
static void
t14_what_cannot_be_read_now_is_read_before_it_is_stored(void **unused)
{
	(void)unused;
	struct err err = ERR_INIT;
	struct bench bench = bench_new(), awake = bench_new();
	char *saved = NULL;
	see_pair_and_rest(&bench, &saved);
	char *row = saved;
	saved = NULL;
	see(&bench, "CM01", EVENT_ENROLL_REJECTED, HOUR);
	see(&bench, "CM01", EVENT_SYNC_SUCCEEDED, 2 * HOUR);
	see(&bench, "CM01", EVENT_SYNC_FORBIDDEN, 3 * HOUR);
	see(&awake, "CM01", EVENT_ENROLL_REJECTED, 0);
	see(&awake, "CM01", EVENT_SYNC_FORBIDDEN, SECOND);
	see(&awake, "CM01", EVENT_ENROLL_REJECTED, HOUR);
	see(&awake, "CM01", EVENT_SYNC_SUCCEEDED, 2 * HOUR);
	see(&awake, "CM01", EVENT_SYNC_FORBIDDEN, 3 * HOUR);
	struct incident *over = &bench.outcome.incidents[0];
	assert_true(over->ended_at != TIME_NONE);
	assert_null(correlate_save(bench.correlate, "CM01", &err));
	assert_string_equal(err.text, "the disk of CM01 has gone");
	assert_false(correlate_recall(bench.correlate, over, &err));
	saved = row;
	assert_true(correlate_recall(bench.correlate, over, &err));
	assert_int_equal(over->evidence_count, 3);
	for (size_t i = 0; i < over->evidence_count; i++) {
		assert_string_equal(over->evidence[i].text, "a line");
		assert_string_equal(over->evidence[i].file, "/log/AIUpdateSvc.log");
	}
	char *stored = save(bench.correlate, "CM01"), *wanted = save(awake.correlate, "CM01");
	assert_string_equal(stored, wanted);
	free(stored);
	free(wanted);
	free(saved);
	bench_end(&bench);
	bench_end(&awake);
}

/* So it is where nothing happened but activity, or a jump of the clock. */
static void
t15_a_row_stays_while_it_cannot_be_read(void **unused)
{
	(void)unused;
	struct err err = ERR_INIT;
	struct bench bench = bench_new();
	struct correlate_options options = OPTIONS;
	char *saved = NULL;
	options.silent_after = DAY;
	correlate_configure(bench.correlate, &options);
	see_pair_and_rest(&bench, &saved);
	char *row = saved;
	saved = NULL;
	correlate_shift(bench.correlate, DAY, &bench.outcome);
	assert_null(correlate_save(bench.correlate, "CM01", &err));
	correlate_activity(bench.correlate, "CM01", START + DAY + HOUR, &bench.outcome);
	assert_null(correlate_save(bench.correlate, "CM01", &err));
	saved = row;
	char *stored = save(bench.correlate, "CM01");
	assert_non_null(strstr(stored, "a line"));
	free(stored);
	free(saved);
	bench_end(&bench);
}

struct told {
	const char *text; /* of the last evidence that was shown */
	const char *name;
};

static void
note_text(void *owner, const struct site_view *view)
{
	struct told *told = owner;
	size_t count = view->incident->evidence_count;
	told->text = view->incident->evidence[count - 1].text[0] ? "some" : "none";
}

static bool
is_named(const void *owner, const char *site)
{
	return strcmp(((const struct told *)owner)->name, site) == 0;
}

static void
note_standing(void *owner, const struct alert *alert)
{
	((struct told *)owner)->text = alert->evidence[1].text[0] ? "some" : "none";
}

static void
t11_a_site_at_rest_is_shown_whole_where_that_is_wanted(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	struct told told = {.name = "CM01"};
	char *saved = NULL;
	see_pair_and_rest(&bench, &saved);
	correlate_each(bench.correlate, note_text, &told);
	assert_string_equal(told.text, "none");
	correlate_each_whole(bench.correlate, is_named, note_text, &told);
	assert_string_equal(told.text, "some");
	told = (struct told){.text = "nothing", .name = "CM02"};
	correlate_each_whole(bench.correlate, is_named, note_text, &told);
	assert_string_equal(told.text, "nothing");
	correlate_each_standing(bench.correlate, START, note_standing, &told);
	assert_string_equal(told.text, "some");
	free(saved);
	bench_end(&bench);
}

static void
t12_a_clock_that_jumps_wakes_nobody_for_good(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	char *saved = NULL;
	see_pair_and_rest(&bench, &saved);
	int64_t due = correlate_next_due(bench.correlate);
	correlate_shift(bench.correlate, DAY, &bench.outcome);
	assert_int_equal(correlate_next_due(bench.correlate), due + DAY);
	char *shifted = save(bench.correlate, "CM01");
	assert_string_not_equal(saved, shifted);
	assert_non_null(strstr(shifted, "a line"));
	free(shifted);
	free(saved);
	bench_end(&bench);
}

static void
check_trouble(void *owner, const struct site_view *view)
{
	(void)owner;
	assert_int_equal(view->state, SITE_FAILING);
	assert_null(view->incident);
	assert_int_equal(view->trouble->kind, ALERT_SYNC_FAILING);
	assert_int_equal(view->trouble->ended_at, TIME_NONE);
}

static void
t13_trouble_in_the_making_is_of_its_kind(void **unused)
{
	(void)unused;
	struct bench bench = bench_new();
	see(&bench, "CM01", EVENT_ENROLL_FAILED, 0);
	correlate_each(bench.correlate, check_trouble, NULL);
	bench_end(&bench);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_two_lines_of_one_attempt_make_one_alert),
		cmocka_unit_test(t02_sites_are_told_in_the_order_of_names),
		cmocka_unit_test(t03_a_site_at_rest_has_no_timer),
		cmocka_unit_test(t04_timers_fire_in_order_for_many_sites),
		cmocka_unit_test(t05_the_operator_is_told_what_he_cannot_do),
		cmocka_unit_test(t06_saved_sites_come_back_as_they_were),
		cmocka_unit_test(t07_other_forms_are_refused_with_a_sentence),
		cmocka_unit_test(t07a_forms_that_say_what_is_none_come_back_too),
		cmocka_unit_test(t08_a_clock_that_jumps_changes_no_waiting),
		cmocka_unit_test(t09_a_site_that_rested_says_what_it_would_have_said),
		cmocka_unit_test(t10_what_cannot_be_read_again_stops_no_alert),
		cmocka_unit_test(t11_a_site_at_rest_is_shown_whole_where_that_is_wanted),
		cmocka_unit_test(t12_a_clock_that_jumps_wakes_nobody_for_good),
		cmocka_unit_test(t13_trouble_in_the_making_is_of_its_kind),
		cmocka_unit_test(t14_what_cannot_be_read_now_is_read_before_it_is_stored),
		cmocka_unit_test(t15_a_row_stays_while_it_cannot_be_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
