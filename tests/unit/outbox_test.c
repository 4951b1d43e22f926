#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/engine/outbox.h"

#include <limits.h>
#include <malloc.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

/* A sink that keeps what it was given until the test answers. */
struct sink {
	const char *name;
	struct {
		char label[64]; /* SITE/ID */
		sink_on_done *done;
		void *owner;
	} given[64];
	size_t given_count;
	bool answers_at_once;
	bool is_closed; /* wants nothing */
	bool collapses;
	enum sink_outcome outcome;
	struct buf log; /* SITE/ID; of all that it was given */
};

const char *
sink_name(const struct sink *sink)
{
	return sink->name;
}

const char *
sink_type(const struct sink *sink)
{
	(void)sink;
	return "double";
}

bool
sink_wants(const struct sink *sink, const struct alert *alert)
{
	(void)alert;
	return !sink->is_closed;
}

bool
sink_collapses(const struct sink *sink)
{
	return sink->collapses;
}

void
sink_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	buf_format(&sink->log, "%s/%d;", alert->site, atoi(alert->id));
	if (sink->answers_at_once) {
		struct sink_answer answer = {.outcome = sink->outcome, .text = "at once"};
		done(owner, &answer);
		assert_non_null(alert->summary); /* still there */
		return;
	}
	assert_true(sink->given_count < COUNT(sink->given));
	snprintf(sink->given[sink->given_count].label, sizeof sink->given[0].label, "%s/%d",
		alert->site, atoi(alert->id));
	sink->given[sink->given_count].done = done;
	sink->given[sink->given_count++].owner = owner;
}

static void
answer_with(struct sink *sink, size_t which, struct sink_answer answer)
{
	assert_true(which < sink->given_count);
	sink_on_done *done = sink->given[which].done;
	void *owner = sink->given[which].owner;
	sink->given_count--;
	memmove(&sink->given[which], &sink->given[which + 1],
		(sink->given_count - which) * sizeof sink->given[0]);
	done(owner, &answer);
}

static void
answer(struct sink *sink, size_t which, enum sink_outcome outcome)
{
	static const char *const TEXT[] = {[SINK_DELIVERED] = "",
		[SINK_MISSED] = "HTTP 503",
		[SINK_RETRY] = "HTTP 503",
		[SINK_REFUSED] = "HTTP 400"};
	struct sink_answer said = {.outcome = outcome};
	snprintf(said.text, sizeof said.text, "%s", TEXT[outcome]);
	answer_with(sink, which, said);
}

static char directory[PATH_MAX];

struct bench {
	struct store *store;
	struct outbox *outbox;
	struct sink sink[2];
	size_t sink_count;
	int64_t now, monotonic;
	bool store_fails;
	int posted;
	uint32_t chance;
	char *summary;
	int changes_called;
};

static const struct outbox_options OPTIONS = {.max_alerts = 100000, .max_age = 72 * HOUR};

static uint32_t
next_chance(void *owner)
{
	return ((struct bench *)owner)->chance;
}

static void
on_change(void *owner)
{
	((struct bench *)owner)->changes_called++;
}

static void
plug_in(struct bench *bench)
{
	struct sink *sinks[] = {&bench->sink[0], &bench->sink[1]};
	struct err err = ERR_INIT;
	bench->outbox = outbox_new(&OPTIONS, bench->store);
	outbox_set_random(bench->outbox, next_chance, bench);
	outbox_on_change(bench->outbox, on_change, bench);
	outbox_set_sinks(bench->outbox, sinks, bench->sink_count);
	assert_true(outbox_load(bench->outbox, bench->now, &err));
}

static void
open_store(struct bench *bench)
{
	struct err err = ERR_INIT;
	enum store_opened how = store_open(directory, &bench->store, &err);
	assert_in_range(how, STORE_EXISTING, STORE_CREATED);
}

static struct bench *
begin(size_t sink_count, bool with_store)
{
	struct bench *bench = mem_new(sizeof *bench);
	const char *parent = getenv("TMPDIR");
	snprintf(directory, sizeof directory, "%s/aiwatch-outbox-XXXXXX", parent ? parent : "/tmp");
	assert_non_null(mkdtemp(directory));
	bench->sink_count = sink_count;
	bench->sink[0].name = "local";
	bench->sink[1].name = "oncall";
	bench->now = INT64_C(1800000000) * SECOND;
	bench->monotonic = 1000 * SECOND;
	bench->chance = UINT32_MAX;
	if (with_store)
		open_store(bench);
	plug_in(bench);
	return bench;
}

static void
end(struct bench *bench)
{
	char command[PATH_MAX + 16];
	outbox_free(bench->outbox);
	store_close(bench->store);
	buf_fini(&bench->sink[0].log);
	buf_fini(&bench->sink[1].log);
	free(bench);
	snprintf(command, sizeof command, "rm -rf '%s'", directory);
	assert_int_equal(system(command), 0);
}

/* As after a kill: what was not committed is forgotten. */
static void
restart(struct bench *bench)
{
	outbox_free(bench->outbox);
	store_close(bench->store);
	bench->sink[0].given_count = bench->sink[1].given_count = 0;
	open_store(bench);
	plug_in(bench);
}

static void
post_as(struct bench *bench, const char *site, bool firing, bool reminder)
{
	char id[ALERT_ID_TEXT];
	snprintf(id, sizeof id, "%032d", ++bench->posted);
	struct alert alert = {
		.kind = ALERT_CERTIFICATE_EXPIRED,
		.firing = firing,
		.reminder = reminder,
		.site = (char *)site,
		.summary = bench->summary ? bench->summary : (char *)"certificate expired",
		.started_at = SECOND,
		.updated_at = SECOND,
		.resolved_at = TIME_NONE,
	};
	memcpy(alert.id, id, sizeof id);
	outbox_post(bench->outbox, &alert, bench->now);
}

static void
post(struct bench *bench, const char *site)
{
	post_as(bench, site, true, false);
}

/* A turn of the engine. */
static void
turn(struct bench *bench)
{
	struct changes changes = {0};
	struct err err = ERR_INIT;
	outbox_collect(bench->outbox, &changes);
	bool stored = bench->store && !bench->store_fails;
	if (stored && !store_commit(bench->store, &changes, false, &err))
		fail_msg("%s", err.text);
	outbox_saved(bench->outbox, stored);
	outbox_tick(bench->outbox, bench->now, bench->monotonic);
}

static void
pass(struct bench *bench, int64_t time)
{
	bench->now += time;
	bench->monotonic += time;
	turn(bench);
}

static void
assert_given(struct sink *sink, const char *wanted)
{
	struct buf out = BUF_INIT;
	for (size_t i = 0; i < sink->given_count; i++)
		buf_format(&out, "%s;", sink->given[i].label);
	char *text = buf_take(&out);
	assert_string_equal(text, wanted);
	free(text);
}

static void
add_delivery(void *owner, const struct delivery *d)
{
	buf_format(owner, "%s %s/%d %s %u %s;", d->sink, d->site, atoi(d->id),
		d->state == DELIVERY_DEAD ? "dead" : "waiting", d->attempts,
		d->last_error ? d->last_error : "-");
}

static void
assert_stored(struct bench *bench, const char *wanted)
{
	struct buf out = BUF_INIT;
	struct err err = ERR_INIT;
	turn(bench);
	assert_true(store_each_delivery(bench->store, add_delivery, &out, &err));
	char *text = buf_take(&out);
	assert_string_equal(text, wanted);
	free(text);
}

static void
assert_listed(struct bench *bench, const char *wanted)
{
	struct buf out = BUF_INIT;
	outbox_each_delivery(bench->outbox, add_delivery, &out);
	char *text = buf_take(&out);
	assert_string_equal(text, wanted);
	free(text);
}

struct figures {
	const char *sink;
	struct outbox_view view;
};

static void
find_view(void *owner, const struct outbox_view *view)
{
	struct figures *figures = owner;
	if (strcmp(view->sink, figures->sink) == 0)
		figures->view = *view;
}

static struct outbox_view
view(struct bench *bench, const char *sink)
{
	struct figures figures = {.sink = sink};
	outbox_each(bench->outbox, find_view, &figures);
	return figures.view;
}

static void
t01_nothing_is_sent_before_it_is_saved(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	post(bench, "CM01");
	assert_true(outbox_has_changes(bench->outbox));
	outbox_tick(bench->outbox, bench->now, bench->monotonic);
	assert_given(&bench->sink[0], "");
	assert_int_equal(outbox_next_due(bench->outbox), TIME_NONE);
	struct changes changes = {0};
	outbox_collect(bench->outbox, &changes);
	assert_int_equal(changes.posting_count, 1);
	post(bench, "CM02"); /* not part of that transaction */
	assert_true(outbox_has_changes(bench->outbox));
	struct err err = ERR_INIT;
	assert_true(store_commit(bench->store, &changes, true, &err));
	outbox_saved(bench->outbox, true);
	outbox_tick(bench->outbox, bench->now, bench->monotonic);
	assert_given(&bench->sink[0], "CM01/1;");
	assert_given(&bench->sink[1], "CM01/1;");
	turn(bench);
	assert_given(&bench->sink[0], "CM01/1;CM02/2;");
	assert_false(outbox_has_changes(bench->outbox));
	end(bench);
}

static void
t02_a_delivered_one_is_deleted(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	post(bench, "CM01");
	assert_stored(bench, "local CM01/1 waiting 0 -;oncall CM01/1 waiting 0 -;");
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	assert_int_equal(bench->changes_called, 1);
	assert_true(outbox_has_changes(bench->outbox));
	assert_stored(bench, "oncall CM01/1 waiting 0 -;");
	answer(&bench->sink[1], 0, SINK_DELIVERED);
	assert_stored(bench, "");
	assert_int_equal(view(bench, "local").delivered, 1);
	assert_int_equal(view(bench, "local").pending, 0);
	assert_int_equal(view(bench, "local").oldest_at, TIME_NONE);
	end(bench);
}

static void
t03_a_site_goes_in_order_and_sites_side_by_side(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	post(bench, "CM01");
	post(bench, "CM01");
	post(bench, "CM02");
	turn(bench);
	assert_given(&bench->sink[0], "CM01/1;CM02/3;");
	answer(&bench->sink[0], 0, SINK_RETRY);
	turn(bench);
	assert_given(&bench->sink[0], "CM02/3;"); /* 2 does not overtake 1 */
	pass(bench, SECOND);
	assert_given(&bench->sink[0], "CM02/3;CM01/1;");
	answer(&bench->sink[0], 1, SINK_DELIVERED);
	turn(bench);
	assert_given(&bench->sink[0], "CM02/3;CM01/2;");
	end(bench);
}

static void
t04_sixteen_are_under_way_at_most(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	for (int i = 0; i < 40; i++) {
		char site[16];
		snprintf(site, sizeof site, "CM%02d", i);
		post(bench, site);
	}
	turn(bench);
	assert_int_equal(bench->sink[0].given_count, OUTBOX_UNDER_WAY);
	assert_int_equal(outbox_next_due(bench->outbox), TIME_NONE);
	answer(&bench->sink[0], 3, SINK_DELIVERED);
	assert_true(outbox_next_due(bench->outbox) <= bench->monotonic);
	turn(bench);
	assert_int_equal(bench->sink[0].given_count, OUTBOX_UNDER_WAY);
	assert_string_equal(bench->sink[0].given[15].label, "CM16/17");
	end(bench);
}

static void
t05_tries_double_their_wait_up_to_five_minutes(void **state)
{
	(void)state;
	static const int64_t WAIT[] = {1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300};
	struct bench *bench = begin(1, true);
	post(bench, "CM01");
	turn(bench);
	for (size_t i = 0; i < COUNT(WAIT); i++) {
		bench->now += SECOND; /* the send took its time */
		bench->monotonic += SECOND;
		answer(&bench->sink[0], 0, SINK_RETRY);
		assert_true(outbox_next_due(bench->outbox) <= bench->monotonic);
		turn(bench);
		assert_int_equal(
			outbox_next_due(bench->outbox), bench->monotonic + WAIT[i] * SECOND);
		pass(bench, WAIT[i] * SECOND - 1);
		assert_given(&bench->sink[0], "");
		pass(bench, 1);
		assert_given(&bench->sink[0], "CM01/1;");
	}
	assert_stored(bench, "local CM01/1 waiting 11 HTTP 503;");
	assert_int_equal(view(bench, "local").retried, 11);
	bench->chance = UINT32_MAX / 2; /* half the wait */
	answer(&bench->sink[0], 0, SINK_RETRY);
	turn(bench);
	assert_in_range(
		outbox_next_due(bench->outbox) - bench->monotonic, 149 * SECOND, 150 * SECOND);
	end(bench);
}

static void
t06_the_receivers_word_is_honoured_within_max_age(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	post(bench, "CM01");
	turn(bench);
	answer_with(&bench->sink[0], 0,
		(struct sink_answer){.outcome = SINK_RETRY, .retry_after = 40 * MINUTE});
	turn(bench);
	assert_int_equal(outbox_next_due(bench->outbox), bench->monotonic + 40 * MINUTE);
	pass(bench, 40 * MINUTE);
	assert_given(&bench->sink[0], "CM01/1;");
	answer_with(&bench->sink[0], 0,
		(struct sink_answer){.outcome = SINK_RETRY, .retry_after = INT64_MAX});
	turn(bench);
	assert_int_equal(outbox_next_due(bench->outbox), bench->monotonic + OPTIONS.max_age);
	end(bench);
}

static void
t07_a_refused_one_is_a_dead_letter_and_the_next_goes(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	post(bench, "CM01");
	post(bench, "CM01");
	turn(bench);
	answer(&bench->sink[0], 0, SINK_REFUSED);
	assert_stored(bench, "local CM01/1 dead 1 HTTP 400;local CM01/2 waiting 0 -;");
	assert_given(&bench->sink[0], "CM01/2;");
	assert_int_equal(view(bench, "local").dead, 1);
	assert_int_equal(view(bench, "local").pending, 1);
	assert_string_equal(view(bench, "local").last_error, "HTTP 400");
	restart(bench);
	assert_int_equal(view(bench, "local").dead, 1);
	assert_false(outbox_has_changes(bench->outbox));
	end(bench);
}

static void
t08_what_is_too_old_and_failed_is_a_dead_letter(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	post(bench, "CM01");
	turn(bench);
	answer(&bench->sink[0], 0, SINK_RETRY);
	turn(bench);
	pass(bench, 73 * HOUR); /* it is tried once more all the same */
	assert_given(&bench->sink[0], "CM01/1;");
	answer(&bench->sink[0], 0, SINK_RETRY);
	assert_true(outbox_next_due(bench->outbox) <= bench->monotonic);
	turn(bench);
	assert_stored(bench, "local CM01/1 dead 2 HTTP 503;");
	assert_int_equal(outbox_next_due(bench->outbox), TIME_NONE);
	end(bench);
}

static void
t09_a_sink_that_is_down_is_tried_by_one_and_delays_no_other(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	for (int i = 0; i < 30; i++) {
		char site[16];
		snprintf(site, sizeof site, "CM%02d", i);
		post(bench, site);
	}
	turn(bench);
	while (bench->sink[0].given_count)
		answer(&bench->sink[0], 0, SINK_RETRY);
	turn(bench);
	assert_given(&bench->sink[0], "");
	while (bench->sink[1].given_count) {
		answer(&bench->sink[1], 0, SINK_DELIVERED);
		turn(bench);
	}
	assert_int_equal(view(bench, "oncall").delivered, 30);
	int64_t due = outbox_next_due(bench->outbox);
	assert_in_range(due - bench->monotonic, 1, 30 * SECOND);
	for (int i = 0; i < 100; i++) { /* an hour of it at most one at a time */
		pass(bench, 30 * SECOND);
		assert_in_range(bench->sink[0].given_count, 0, 1);
		if (bench->sink[0].given_count)
			answer(&bench->sink[0], 0, SINK_RETRY);
	}
	assert_in_range(view(bench, "local").retried, 50, 130);
	pass(bench, 5 * MINUTE);
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	turn(bench); /* all that waited goes at once, not each at its own time */
	assert_int_equal(bench->sink[0].given_count, OUTBOX_UNDER_WAY);
	end(bench);
}

static void
t10_what_waited_for_a_sink_goes_as_soon_as_it_is_up(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	static const char *const SITE[] = {"CM01", "CM02", "CM03", "CM04"};
	for (size_t i = 0; i < COUNT(SITE); i++)
		post(bench, SITE[i]);
	turn(bench);
	for (int i = 0; i < 2000; i++) {
		while (bench->sink[0].given_count)
			answer(&bench->sink[0], 0, SINK_RETRY);
		pass(bench, 10 * SECOND);
	}
	while (!bench->sink[0].given_count)
		pass(bench, 10 * SECOND);
	assert_int_equal(bench->sink[0].given_count, 1);
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	turn(bench);
	assert_int_equal(bench->sink[0].given_count, 3); /* not each at its own time */
	end(bench);
}

static void
t11_two_sites_in_trouble_do_not_hold_the_others(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	post(bench, "BAD1");
	post(bench, "BAD2");
	turn(bench);
	for (int i = 0; i < 10; i++) {
		while (bench->sink[0].given_count)
			answer(&bench->sink[0], 0, SINK_RETRY);
		pass(bench, 5 * MINUTE);
	}
	while (bench->sink[0].given_count)
		answer(&bench->sink[0], 0, SINK_RETRY);
	turn(bench);
	post(bench, "CM01");
	turn(bench);
	assert_given(&bench->sink[0], "CM01/3;");
	end(bench);
}

static void
t12_a_store_that_fails_holds_no_alert_back(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	bench->store_fails = true;
	post(bench, "CM01");
	turn(bench);
	assert_true(outbox_has_changes(bench->outbox)); /* still to be stored */
	assert_given(&bench->sink[0], "CM01/1;");
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	answer(&bench->sink[1], 0, SINK_RETRY);
	turn(bench);
	post(bench, "CM02");
	outbox_saved(bench->outbox, false); /* a transaction is not even tried */
	outbox_tick(bench->outbox, bench->now, bench->monotonic);
	assert_given(&bench->sink[0], "CM02/2;");
	bench->store_fails = false;
	assert_stored(bench, "oncall CM01/1 waiting 1 HTTP 503;local CM02/2 waiting 0 -;"
			     "oncall CM02/2 waiting 0 -;");
	pass(bench, MINUTE); /* from the store by now */
	answer(&bench->sink[1], 1, SINK_DELIVERED);
	answer(&bench->sink[1], 0, SINK_DELIVERED);
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	assert_stored(bench, "");
	end(bench);
}

static void
t13_without_a_store_all_goes_on_in_memory(void **state)
{
	(void)state;
	struct bench *bench = begin(2, false);
	post(bench, "CM01");
	turn(bench);
	answer(&bench->sink[0], 0, SINK_RETRY);
	answer(&bench->sink[1], 0, SINK_REFUSED);
	turn(bench);
	pass(bench, SECOND);
	assert_given(&bench->sink[0], "CM01/1;");
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	turn(bench);
	assert_listed(bench, "oncall CM01/1 dead 1 HTTP 400;");
	assert_false(outbox_has_changes(bench->outbox));
	static char summary[4096];
	memset(summary, 'x', sizeof summary - 1);
	bench->summary = summary;
	for (int i = 0; i < 30000 && !outbox_is_full(bench->outbox); i++) {
		post(bench, "CM01");
		if (i % 1000 == 0)
			turn(bench);
	}
	assert_true(outbox_is_full(bench->outbox)); /* 32 MiB of documents */
	end(bench);
}

static void
t14_a_restart_sends_the_rest_with_the_same_ids(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	post(bench, "CM01");
	post(bench, "CM01");
	turn(bench);
	answer(&bench->sink[0], 0, SINK_DELIVERED); /* not committed any more */
	restart(bench);
	turn(bench);
	assert_given(&bench->sink[0], "CM01/1;");
	assert_given(&bench->sink[1], "CM01/1;");
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	turn(bench);
	assert_given(&bench->sink[0], "CM01/2;");
	restart(bench);
	turn(bench);
	assert_given(&bench->sink[0], "CM01/2;");
	post(bench, "CM02"); /* with a serial of its own */
	assert_stored(bench, "oncall CM01/1 waiting 0 -;local CM01/2 waiting 0 -;"
			     "oncall CM01/2 waiting 0 -;local CM02/3 waiting 0 -;"
			     "oncall CM02/3 waiting 0 -;");
	end(bench);
}

static void
t15_replaced_sinks_take_over_and_a_missing_ones_letters_die(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	struct sink other = {.name = "oncall"}, third = {.name = "screen"};
	struct sink *sinks[] = {&other, &third};
	post(bench, "CM01");
	post(bench, "CM01");
	turn(bench);
	answer(&bench->sink[0], 0, SINK_RETRY); /* answered, and its turn not yet over */
	post(bench, "CM02");			/* posted, and not yet saved */
	outbox_set_sinks(bench->outbox, sinks, 2);
	turn(bench);
	assert_given(&other, "CM01/1;CM02/3;");
	assert_given(&third, "");
	assert_string_equal(view(bench, "local").type, "");
	assert_int_equal(view(bench, "local").dead, 3);
	assert_int_equal(view(bench, "local").pending, 0);
	post(bench, "CM03");
	turn(bench);
	assert_given(&third, "CM03/4;");
	sinks[0] = &bench->sink[0];
	sinks[1] = &other;
	bench->sink[0].given_count = other.given_count = 0;
	outbox_set_sinks(bench->outbox, sinks, 2);
	assert_int_equal(
		outbox_retry(bench->outbox, &(struct outbox_choice){.sink = "local"}, bench->now),
		3);
	turn(bench);
	assert_given(&bench->sink[0], "CM01/1;CM02/3;");
	buf_fini(&other.log);
	buf_fini(&third.log);
	end(bench);
}

static void
t16_the_outbox_is_full_at_its_limit(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	outbox_configure(bench->outbox, &(struct outbox_options){4, HOUR});
	post(bench, "CM01");
	assert_false(outbox_is_full(bench->outbox));
	post(bench, "CM02");
	assert_true(outbox_is_full(bench->outbox));
	turn(bench);
	answer(&bench->sink[0], 0, SINK_REFUSED); /* dead letters do not count */
	assert_false(outbox_is_full(bench->outbox));
	end(bench);
}

static void
t17_the_operator_retries_and_drops(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	static const char *const SITE[] = {"CM01", "CM02", "CM03", "CM01", "CM01"};
	for (size_t i = 0; i < COUNT(SITE); i++)
		post(bench, SITE[i]);
	turn(bench);
	answer(&bench->sink[0], 0, SINK_REFUSED); /* 1 */
	answer(&bench->sink[0], 0, SINK_REFUSED); /* 2 */
	answer(&bench->sink[0], 0, SINK_RETRY);	  /* 3 */
	turn(bench);				  /* 4 is under way */
	assert_listed(bench, "local CM01/1 dead 1 HTTP 400;local CM02/2 dead 1 HTTP 400;"
			     "local CM01/4 waiting 0 -;local CM01/5 waiting 0 -;"
			     "local CM03/3 waiting 1 HTTP 503;");
	static const char *const IDS[] = {
		"00000000000000000000000000000003", "00000000000000000000000000000001", "77"};
	struct outbox_choice choice = {.ids = IDS, .id_count = 3};
	assert_int_equal(outbox_retry(bench->outbox, &choice, bench->now), 2);
	turn(bench);
	assert_listed(bench, "local CM02/2 dead 1 HTTP 400;local CM01/4 waiting 0 -;"
			     "local CM01/1 waiting 0 -;local CM01/5 waiting 0 -;"
			     "local CM03/3 waiting 1 HTTP 503;");
	assert_given(&bench->sink[0], "CM01/4;CM03/3;");
	answer(&bench->sink[0], 0, SINK_RETRY);
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	turn(bench);
	pass(bench, SECOND);
	assert_given(&bench->sink[0], "CM01/4;");
	assert_int_equal(outbox_drop(bench->outbox, &(struct outbox_choice){.sink = "x"}), 0);
	choice = (struct outbox_choice){.sink = "local", .ids = &IDS[1], .id_count = 1};
	assert_int_equal(outbox_drop(bench->outbox, &choice), 1);
	assert_int_equal(outbox_drop(bench->outbox, &(struct outbox_choice){0}), 2);
	assert_stored(bench, "local CM01/4 waiting 1 HTTP 503;");
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	assert_stored(bench, "");
	assert_listed(bench, "");
	end(bench);
}

static void
t18_a_sink_may_answer_at_once(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	bench->sink[0].answers_at_once = bench->sink[1].answers_at_once = true;
	bench->sink[0].outcome = SINK_DELIVERED;
	bench->sink[1].outcome = SINK_RETRY;
	for (int i = 0; i < 300; i++)
		post(bench, "CM01");
	bench->store_fails = true; /* documents in memory: freed while in use, if at all */
	turn(bench);
	assert_true(outbox_next_due(bench->outbox) <= bench->monotonic); /* 256 a tick */
	turn(bench);
	assert_int_equal(view(bench, "local").delivered, 300);
	assert_int_equal(view(bench, "oncall").retried, 1);
	bench->sink[1].outcome = SINK_DELIVERED;
	for (int i = 0; i < 3; i++)
		pass(bench, MINUTE);
	assert_int_equal(view(bench, "oncall").delivered, 300);
	end(bench);
}

static void
t19_dead_letters_are_bounded(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	bench->sink[0].answers_at_once = true;
	bench->sink[0].outcome = SINK_REFUSED;
	for (int i = 0; i < 10050; i++)
		post(bench, "CM01");
	while (view(bench, "local").pending)
		turn(bench);
	assert_int_equal(view(bench, "local").dead, 10000);
	turn(bench);
	restart(bench);
	assert_int_equal(view(bench, "local").dead, 10000);
	end(bench);
}

static size_t
heap_in_use(void)
{
	return mallinfo2().uordblks + mallinfo2().hblkhd;
}

/* A tenth of it where the build or the runner watches memory: there its size is not told anyway. */
static void
t20_a_hundred_thousand_stay_within_64_MiB(void **state)
{
	(void)state;
	unsigned count = getenv("SLOWNESS") ? 10000 : 100000;
	struct bench *bench = begin(1, true);
	size_t before = heap_in_use();
	for (unsigned i = 0; i < count; i++) {
		char site[40];
		snprintf(site, sizeof site, "site-with-a-name-%05u", i % (count / 2));
		post(bench, site);
		if (i % 1000 == 999)
			turn(bench);
	}
	assert_int_equal(outbox_is_full(bench->outbox), count == OPTIONS.max_alerts);
	size_t used = heap_in_use() - before;
	print_message("%u waiting: %zu KiB\n", count, used / 1024);
	if (count == OPTIONS.max_alerts)
		assert_in_range(used, 1 << 20, 64 << 20);
	restart(bench);
	assert_int_equal(view(bench, "local").pending, count);
	end(bench);
}

static void
t21_a_document_that_is_gone_or_damaged_is_a_dead_letter(void **state)
{
	(void)state;
	char command[PATH_MAX + 100];
	struct bench *bench = begin(1, true);
	post(bench, "CM01");
	post(bench, "CM02");
	post(bench, "CM02");
	turn(bench);
	snprintf(command, sizeof command,
		"sqlite3 '%s/aiwatch.db' \"UPDATE alert SET document = '{}'\"", directory);
	assert_int_equal(system(command), 0);
	restart(bench);
	turn(bench);
	assert_given(&bench->sink[0], "");
	assert_int_equal(view(bench, "local").dead, 3);
	end(bench);
}

/* What was delivered to a sink: per site, ids may only repeat or grow. */
static void
check_order(const struct buf *log, int sites, int posted, bool *seen)
{
	int last[16] = {0};
	for (const char *p = log->p; p && *p; p = strchr(p, ';') + 1) {
		int site, id;
		assert_int_equal(sscanf(p, "CM%d/%d", &site, &id), 2);
		assert_in_range(id, 1, posted);
		assert_true(site < sites);
		assert_true(id >= last[site]);
		last[site] = id;
		seen[id] = true;
	}
}

static void
random_step(struct bench *bench, struct buf delivered[2])
{
	char site[16];
	struct sink *sink = &bench->sink[rand() % 2];
	switch (rand() % 8) {
	case 0:
		snprintf(site, sizeof site, "CM%d", rand() % 5);
		post(bench, site);
		break;
	case 1:
		bench->store_fails = rand() % 4 == 0;
		break;
	case 2:
	case 3:
	case 4:
		if (sink->given_count == 0)
			break;
		size_t which = (size_t)rand() % sink->given_count;
		if (rand() % 3) {
			buf_format(&delivered[sink - bench->sink], "%s;", sink->given[which].label);
			answer(sink, which, SINK_DELIVERED);
		} else {
			answer(sink, which, SINK_RETRY);
		}
		break;
	case 5:
		if (rand() % 10 == 0) {
			/* Nothing was promised of what the store refused: bring it in first. */
			bench->store_fails = false;
			turn(bench);
			restart(bench);
		}
		break;
	default:
		pass(bench, rand() % 4 * 20 * SECOND);
	}
}

static void
t22_random_faults_lose_nothing_and_keep_the_order(void **state)
{
	(void)state;
	srand(11);
	for (int round = 0; round < 12; round++) {
		struct bench *bench = begin(2, true);
		struct buf delivered[2] = {BUF_INIT, BUF_INIT};
		for (int i = 0; i < 400; i++)
			random_step(bench, delivered);
		bench->store_fails = false;
		for (int i = 0;
			i < 3000 && view(bench, "local").pending + view(bench, "oncall").pending;
			i++) {
			for (int n = 0; n < 2; n++) {
				while (bench->sink[n].given_count) {
					buf_format(&delivered[n], "%s;",
						bench->sink[n].given[0].label);
					answer(&bench->sink[n], 0, SINK_DELIVERED);
				}
			}
			pass(bench, MINUTE);
		}
		bool *seen = mem_array((size_t)bench->posted + 1, 1);
		for (int n = 0; n < 2; n++) {
			memset(seen, 0, (size_t)bench->posted + 1);
			check_order(&delivered[n], 5, bench->posted, seen);
			for (int id = 1; id <= bench->posted; id++)
				assert_true(seen[id]);
			buf_fini(&delivered[n]);
		}
		assert_stored(bench, "");
		free(seen);
		end(bench);
	}
}

static void
t23_a_sink_gets_what_it_wants(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	bench->sink[0].is_closed = true;
	post(bench, "CM01");
	assert_stored(bench, "oncall CM01/1 waiting 0 -;");
	assert_given(&bench->sink[0], "");
	assert_given(&bench->sink[1], "CM01/1;");
	bench->sink[1].is_closed = true;
	post(bench, "CM02");
	assert_false(outbox_has_changes(bench->outbox));
	end(bench);
}

static void
t24_what_was_over_before_it_could_be_told_is_left_out(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	bench->sink[0].collapses = true;
	post(bench, "CM01");
	post(bench, "CM02");
	turn(bench);
	answer(&bench->sink[0], 0, SINK_MISSED);
	answer(&bench->sink[0], 0, SINK_RETRY);
	turn(bench);
	post_as(bench, "CM01", true, true);
	post_as(bench, "CM01", false, false);
	post_as(bench, "CM02", false, false);
	turn(bench);
	/* Whether CM02's firing got through, nobody knows. */
	assert_listed(bench, "local CM02/2 waiting 1 HTTP 503;local CM02/5 waiting 0 -;");
	assert_stored(bench, "local CM02/2 waiting 1 HTTP 503;local CM02/5 waiting 0 -;");
	assert_int_equal(view(bench, "local").collapsed, 3);
	end(bench);
}

static void
t25_nothing_is_left_out_once_it_may_have_been_told(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	bench->sink[0].collapses = true;
	post(bench, "CM01");
	turn(bench);
	post_as(bench, "CM01", false, false); /* the firing is under way */
	turn(bench);
	assert_listed(bench, "local CM01/1 waiting 0 -;local CM01/2 waiting 0 -;");
	answer(&bench->sink[0], 0, SINK_DELIVERED);
	turn(bench);
	assert_given(&bench->sink[0], "CM01/2;");
	answer(&bench->sink[0], 0, SINK_MISSED);
	turn(bench);
	post(bench, "CM01"); /* fires again behind a resolution that waits */
	post_as(bench, "CM01", false, false);
	turn(bench);
	assert_listed(bench, "local CM01/2 waiting 1 HTTP 503;");
	assert_int_equal(view(bench, "local").collapsed, 2);
	end(bench);
}

static void
t26_a_sink_with_dead_letters_is_told_once_and_when_it_has_none(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	struct outbox_alarm alarm;
	const char *id = "00000000000000000000000000000001";
	post(bench, "CM01");
	post(bench, "CM02");
	turn(bench);
	assert_false(outbox_next_alarm(bench->outbox, &alarm));
	answer(&bench->sink[1], 0, SINK_REFUSED);
	answer(&bench->sink[1], 0, SINK_REFUSED);
	assert_true(outbox_next_alarm(bench->outbox, &alarm));
	assert_string_equal(alarm.sink, "oncall");
	assert_string_equal(alarm.first_id, id);
	assert_string_equal(alarm.error, "HTTP 400");
	assert_false(alarm.over);
	assert_false(outbox_next_alarm(bench->outbox, &alarm));
	turn(bench);
	restart(bench);
	assert_false(outbox_next_alarm(bench->outbox, &alarm));
	struct outbox_choice all = {0};
	assert_int_equal(outbox_drop(bench->outbox, &all), 4);
	assert_true(outbox_next_alarm(bench->outbox, &alarm));
	assert_string_equal(alarm.first_id, id);
	assert_true(alarm.over);
	assert_false(outbox_next_alarm(bench->outbox, &alarm));
	end(bench);
}

static void
t27_the_sink_that_an_alert_is_about_does_not_get_it(void **state)
{
	(void)state;
	struct bench *bench = begin(2, true);
	struct alert alert = {.id = "00000000000000000000000000000007",
		.kind = ALERT_AIWATCH,
		.firing = true,
		.site = (char *)"sink oncall",
		.summary = (char *)"x",
		.resolved_at = TIME_NONE};
	outbox_post_others(bench->outbox, &alert, bench->now, "oncall");
	turn(bench);
	assert_given(&bench->sink[0], "sink oncall/7;");
	assert_given(&bench->sink[1], "");
	end(bench);
}

static void
t28_a_death_by_age_is_told(void **state)
{
	(void)state;
	struct bench *bench = begin(1, true);
	post(bench, "CM01");
	turn(bench);
	answer(&bench->sink[0], 0, SINK_RETRY);
	int before = bench->changes_called;
	pass(bench, 73 * HOUR);
	assert_int_equal(view(bench, "local").dead, 1);
	assert_int_equal(bench->changes_called, before + 1);
	end(bench);
}

/* Days are not waited for because the clock says so, before a restart or after it. */
static void
t29_a_clock_that_jumps_makes_nothing_older(void **state)
{
	(void)state;
	for (int restarts = 0; restarts < 2; restarts++) {
		struct bench *bench = begin(1, true);
		post(bench, "CM01");
		turn(bench);
		post(bench, "CM01");
		answer(&bench->sink[0], 0, SINK_RETRY);
		bench->now += 100 * HOUR;
		outbox_shift(bench->outbox, 100 * HOUR);
		turn(bench);
		if (restarts)
			restart(bench);
		pass(bench, 5 * MINUTE);
		assert_given(&bench->sink[0], "CM01/1;");
		answer(&bench->sink[0], 0, SINK_RETRY);
		turn(bench);
		assert_int_equal(view(bench, "local").dead, 0);
		assert_int_equal(view(bench, "local").oldest_at, bench->now - 5 * MINUTE);
		pass(bench, 73 * HOUR);
		answer(&bench->sink[0], 0, SINK_RETRY);
		turn(bench);
		assert_int_equal(view(bench, "local").dead, 2);
		end(bench);
	}
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_nothing_is_sent_before_it_is_saved),
		cmocka_unit_test(t02_a_delivered_one_is_deleted),
		cmocka_unit_test(t03_a_site_goes_in_order_and_sites_side_by_side),
		cmocka_unit_test(t04_sixteen_are_under_way_at_most),
		cmocka_unit_test(t05_tries_double_their_wait_up_to_five_minutes),
		cmocka_unit_test(t06_the_receivers_word_is_honoured_within_max_age),
		cmocka_unit_test(t07_a_refused_one_is_a_dead_letter_and_the_next_goes),
		cmocka_unit_test(t08_what_is_too_old_and_failed_is_a_dead_letter),
		cmocka_unit_test(t09_a_sink_that_is_down_is_tried_by_one_and_delays_no_other),
		cmocka_unit_test(t10_what_waited_for_a_sink_goes_as_soon_as_it_is_up),
		cmocka_unit_test(t11_two_sites_in_trouble_do_not_hold_the_others),
		cmocka_unit_test(t12_a_store_that_fails_holds_no_alert_back),
		cmocka_unit_test(t13_without_a_store_all_goes_on_in_memory),
		cmocka_unit_test(t14_a_restart_sends_the_rest_with_the_same_ids),
		cmocka_unit_test(t15_replaced_sinks_take_over_and_a_missing_ones_letters_die),
		cmocka_unit_test(t16_the_outbox_is_full_at_its_limit),
		cmocka_unit_test(t17_the_operator_retries_and_drops),
		cmocka_unit_test(t18_a_sink_may_answer_at_once),
		cmocka_unit_test(t19_dead_letters_are_bounded),
		cmocka_unit_test(t20_a_hundred_thousand_stay_within_64_MiB),
		cmocka_unit_test(t21_a_document_that_is_gone_or_damaged_is_a_dead_letter),
		cmocka_unit_test(t22_random_faults_lose_nothing_and_keep_the_order),
		cmocka_unit_test(t23_a_sink_gets_what_it_wants),
		cmocka_unit_test(t24_what_was_over_before_it_could_be_told_is_left_out),
		cmocka_unit_test(t25_nothing_is_left_out_once_it_may_have_been_told),
		cmocka_unit_test(t26_a_sink_with_dead_letters_is_told_once_and_when_it_has_none),
		cmocka_unit_test(t27_the_sink_that_an_alert_is_about_does_not_get_it),
		cmocka_unit_test(t28_a_death_by_age_is_told),
		cmocka_unit_test(t29_a_clock_that_jumps_makes_nothing_older),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
