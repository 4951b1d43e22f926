#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/engine/correlate.h"
#include "daemon/ruleset.h"
#include "parsers/reader.h"

#include <dirent.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

/* Runs the traces of tests/trace; their format stands in its README.md. */
#define FOLDER "tests/trace"
#define START  (INT64_C(1434682800) * SECOND)

enum { WORDS_MAX = 16, IDS_MAX = 256, SITES_MAX = 16, HISTORY_MAX = 256 };

/* How a trace is run. */
enum way {
	AS_IT_STANDS,
	WITH_LOADS,    /* save and load behind every line */
	WITH_RESTS,    /* what changed is stored behind every call, and all sites go to rest */
	WITH_FAILURES, /* the same behind every third; what is stored can be read only then */
	WAYS,
};

static const char *const WAY_NAME[WAYS] = {
	"as it stands", "with loads", "with rests", "with failures"};

struct run {
	struct correlate_options options;
	struct correlate *correlate;
	struct buf out;
	int64_t now;
	uint64_t offset; /* of the next line that names none */
	char ids[IDS_MAX][ALERT_ID_TEXT];
	size_t id_count;
	char *names[SITES_MAX]; /* of the sites, and what was saved of each */
	char *saved[SITES_MAX];
	char *stored[SITES_MAX]; /* where sites rest: what they are recalled from */
	bool changed[SITES_MAX]; /* since it was stored */
	int calls;		 /* since then */
	bool cannot_read;	 /* what is stored */
	size_t site_count;
	struct incident history[HISTORY_MAX];
	size_t history_count;
	enum way way;
	bool once;
	struct buf documents;  /* all bytes that anybody gets */
	struct buf incidents;  /* all bytes that go into history */
	struct rules *rules;   /* the shipped ones */
	struct reader *reader; /* and what reads service lines by them */
	struct reader_state state;
	const char *where; /* the trace, and the line in it */
	int line;
};

static void
fail_at(const struct run *run, const char *what, const char *word)
{
	fail_msg("%s:%d: %s: %s", run->where, run->line, what, word ? word : "(none)");
}

static void
print_time(struct buf *out, int64_t time)
{
	char text[TIME_TEXT];
	if (time == TIME_NONE) {
		buf_add_text(out, "never");
		return;
	}
	int64_t after = time - START;
	buf_format(out, "%c%s", after < 0 ? '-' : '+', duration_format(llabs(after), text));
}

static int64_t
read_time(const struct run *run, const char *word)
{
	int64_t time;
	if (strcmp(word, "none") == 0)
		return TIME_NONE;
	if ((*word == '+' || *word == '-') && duration_parse(word + 1, &time))
		return START + (*word == '-' ? -time : time);
	if (!time_parse(word, &time))
		fail_at(run, "no time", word);
	return time;
}

static size_t
number_of_id(struct run *run, const char *id)
{
	for (size_t i = 0; i < run->id_count; i++) {
		if (strcmp(run->ids[i], id) == 0)
			return i + 1;
	}
	assert_true(run->id_count < IDS_MAX);
	assert_int_equal(strlen(id), ALERT_ID_TEXT - 1);
	memcpy(run->ids[run->id_count], id, ALERT_ID_TEXT);
	return ++run->id_count;
}

static void
print_alert(struct run *run, const struct alert *alert)
{
	struct buf *out = &run->out;
	const char *state = alert->firing ? "firing" : "resolved";
	buf_format(out, "  ALERT #%zu %s %s %s", number_of_id(run, alert->id), alert->site,
		alert_kind_name(alert->kind), alert->reminder ? "reminder" : state);
	if (!alert->firing)
		buf_format(out, " (%s) at ", resolution_name(alert->resolution));
	if (!alert->firing)
		print_time(out, alert->resolved_at);
	buf_format(out, ", %s after %s, since ", site_state_name(alert->state),
		site_state_name(alert->previous_state));
	print_time(out, alert->started_at);
	buf_format(out, ", %" PRIu64 " times", alert->occurrences);
	if (alert->cause)
		buf_format(out, ", cause %s", alert->cause);
	for (size_t i = 0; i < alert->evidence_count; i++)
		buf_format(out, "%s%s@%" PRIu64, i ? " " : "\n    ",
			event_name(alert->evidence[i].event), alert->evidence[i].offset);
	buf_add_text(out, "\n");
}

static void
note_history(struct run *run, const struct incident *incident)
{
	size_t i = 0;
	while (i < run->history_count && strcmp(run->history[i].id, incident->id) != 0)
		i++;
	assert_true(i < HISTORY_MAX);
	if (i == run->history_count)
		run->history_count++;
	free(run->history[i].site);
	run->history[i] = *incident;
	run->history[i].site = mem_text(incident->site);
	run->history[i].evidence = NULL;
	run->history[i].evidence_count = 0;
}

static void
note_documents(struct run *run, struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->alert_count; i++) {
		char *document = alert_to_json(&outcome->alerts[i], "host", NULL, 0);
		buf_format(&run->documents, "%s\n", document);
		free(document);
	}
	for (size_t i = 0; i < outcome->incident_count; i++) {
		struct err err = ERR_INIT;
		struct incident *incident = &outcome->incidents[i];
		assert_true(correlate_recall(run->correlate, incident, &err));
		buf_format(&run->incidents, "%s", incident->id);
		for (size_t k = 0; k < incident->evidence_count; k++)
			buf_format(&run->incidents, " %s: %s", incident->evidence[k].file,
				incident->evidence[k].text);
		buf_add_text(&run->incidents, "\n");
	}
}

static char *
read_stored(void *owner, const char *site, struct err *err)
{
	const struct run *run = owner;
	for (size_t i = 0; i < run->site_count; i++) {
		if (strcmp(run->names[i], site) == 0 && run->stored[i] && !run->cannot_read)
			return mem_text(run->stored[i]);
	}
	err_set(err, "the disk of %s has gone", site);
	return NULL;
}

/* All sites go to rest, and are saved then as they were before. */
static void
store(struct run *run)
{
	struct err err = ERR_INIT;
	for (size_t i = 0; i < run->site_count; i++) {
		if (!run->changed[i])
			continue;
		char *saved = correlate_save(run->correlate, run->names[i], &err);
		assert_non_null(saved);
		free(run->stored[i]);
		run->stored[i] = saved;
		run->changed[i] = false;
	}
	correlate_rest(run->correlate, 0);
	for (size_t i = 0; i < run->site_count; i++) {
		char *saved = correlate_save(run->correlate, run->names[i], &err);
		if (saved)
			assert_string_equal(saved, run->stored[i]);
		free(saved);
	}
}

static void
note_changes(struct run *run, const struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->site_count; i++) {
		size_t at = 0;
		while (strcmp(run->names[at], outcome->sites[i]) != 0)
			at++;
		run->changed[at] = true;
	}
}

/* Prints what came of one call. */
static void
flush(struct run *run, struct outcome *outcome)
{
	run->cannot_read = false;
	note_documents(run, outcome);
	note_changes(run, outcome);
	if (run->way == WITH_RESTS || (run->way == WITH_FAILURES && ++run->calls % 3 == 0))
		store(run);
	run->cannot_read = run->way == WITH_FAILURES;
	for (size_t i = 0; i < outcome->transition_count; i++) {
		const struct transition *transition = &outcome->transitions[i];
		buf_format(&run->out, "  %s: %s -> %s (%s) at ", transition->site,
			site_state_name(transition->from), site_state_name(transition->to),
			transition->why);
		print_time(&run->out, transition->at);
		buf_add_text(&run->out, "\n");
	}
	for (size_t i = 0; i < outcome->alert_count; i++)
		print_alert(run, &outcome->alerts[i]);
	for (size_t i = 0; i < outcome->incident_count; i++)
		note_history(run, &outcome->incidents[i]);
	outcome_fini(outcome);
}

static void
tick_until(struct run *run, int64_t now)
{
	int64_t due;
	while ((due = correlate_next_due(run->correlate)) != TIME_NONE && due <= now) {
		struct outcome outcome = OUTCOME_INIT;
		correlate_tick(run->correlate, due > run->now ? due : run->now, &outcome);
		if (outcome.alert_count || outcome.transition_count) {
			print_time(&run->out, due);
			buf_add_text(&run->out, " timer\n");
		}
		flush(run, &outcome);
	}
}

static void
know_site(struct run *run, const char *site)
{
	for (size_t i = 0; i < run->site_count; i++) {
		if (strcmp(run->names[i], site) == 0)
			return;
	}
	assert_true(run->site_count < SITES_MAX);
	run->names[run->site_count++] = mem_text(site);
}

static void
save(struct run *run)
{
	struct err err = ERR_INIT;
	bool cannot_read = run->cannot_read;
	run->cannot_read = false;
	for (size_t i = 0; i < run->site_count; i++) {
		free(run->saved[i]);
		run->saved[i] = correlate_save(run->correlate, run->names[i], &err);
	}
	run->cannot_read = cannot_read;
}

static void
crash(struct run *run)
{
	struct err err = ERR_INIT;
	correlate_free(run->correlate);
	run->correlate = correlate_new(&run->options);
	if (run->way >= WITH_RESTS)
		correlate_set_reading(run->correlate, read_stored, run);
	memset(run->changed, 0, sizeof run->changed);
	for (size_t i = 0; i < run->site_count; i++) {
		free(run->stored[i]);
		run->stored[i] = mem_text(run->saved[i]);
		if (run->saved[i] && !correlate_load(run->correlate, run->saved[i], &err))
			fail_at(run, "load", err.text);
	}
}

/* The value of `name=` among the words, or NULL. */
static const char *
value_of(char **words, const char *name)
{
	size_t n = strlen(name);
	for (; *words; words++) {
		if (strncmp(*words, name, n) == 0 && (*words)[n] == '=')
			return *words + n + 1;
	}
	return NULL;
}

static bool
has_word(char **words, const char *word)
{
	for (; *words; words++) {
		if (strcmp(*words, word) == 0)
			return true;
	}
	return false;
}

static void
see(struct run *run, char **words, struct outcome *outcome)
{
	const char *time = value_of(words, "time"), *file = value_of(words, "file");
	const char *offset = value_of(words, "offset"), *text = value_of(words, "text");
	struct sighting sighting = {
		.site = words[0],
		.time = time ? read_time(run, time) : run->now,
		.read_at = run->now,
		.file = file ? file : "AIUpdateSvc.log",
		.offset = offset ? strtoull(offset, NULL, 10) : run->offset,
		.text = text ? text : words[1],
		.cause = value_of(words, "cause"),
		.advice = value_of(words, "advice"),
		.backlog = has_word(words, "backlog"),
	};
	if (!event_from_name(words[1] ? words[1] : "", &sighting.event))
		fail_at(run, "no event", words[1]);
	if (!offset)
		run->offset += 100;
	memcpy(sighting.digest, &sighting.offset, sizeof sighting.offset);
	know_site(run, sighting.site);
	correlate_sighting(run->correlate, &sighting, outcome);
}

/* A service line on its way from the reader to the correlator. */
struct passage {
	struct run *run;
	char **words;
	struct outcome *outcome;
};

static void
on_record(void *owner, const struct record *record)
{
	const struct passage *passage = owner;
	struct run *run = passage->run;
	struct hash128 digest = hash128(record->raw.p, record->raw.n);
	const char *file = value_of(passage->words, "file");
	char *text = mem_copy(record->text.p, record->text.n);
	char *cause = record->cause.n ? mem_copy(record->cause.p, record->cause.n) : NULL;
	struct sighting sighting = {
		.site = passage->words[0],
		.event = record->event,
		.time = record->time,
		.read_at = run->now,
		.file = file ? file : "AIUpdateSvc.log",
		.offset = record->offset,
		.text = text,
		.cause = cause,
		.advice = rules_definition(run->rules, record->rule)->advice,
		.backlog = has_word(passage->words, "backlog"),
	};
	memcpy(sighting.digest, digest.byte, sizeof sighting.digest);
	if (record->event != EVENT_NONE)
		correlate_sighting(run->correlate, &sighting, passage->outcome);
	free(cause);
	free(text);
}

static void
service_line(struct run *run, char **words, struct outcome *outcome)
{
	struct passage passage = {run, words, outcome};
	struct reader_counts counts = {0};
	char *line = mem_format("%s\r\n", words[1]);
	know_site(run, words[0]);
	run->offset += reader_feed(run->reader, &run->state, span_of(line), run->offset, false,
		run->now, on_record, &passage, &counts);
	free(line);
}

static void
end(struct run *run, char **words, struct outcome *outcome)
{
	correlate_backlog_end(run->correlate, words[0], run->now, outcome);
}

static void
active(struct run *run, char **words, struct outcome *outcome)
{
	know_site(run, words[0]);
	correlate_activity(run->correlate, words[0], run->now, outcome);
}

static void
refused(struct run *run, bool ok, const struct err *err)
{
	if (!ok)
		buf_format(&run->out, "  refused: %s\n", err->text);
}

static void
resolve(struct run *run, char **words, struct outcome *outcome)
{
	struct err err = ERR_INIT;
	refused(run, correlate_resolve(run->correlate, words[0], run->now, outcome, &err), &err);
}

static void
ack(struct run *run, char **words, struct outcome *outcome)
{
	struct err err = ERR_INIT;
	refused(run, correlate_ack(run->correlate, words[0], run->now, outcome, &err), &err);
}

static void
silence(struct run *run, char **words, struct outcome *outcome)
{
	struct err err = ERR_INIT;
	int64_t duration;
	if (!words[1] || !duration_parse(words[1], &duration))
		fail_at(run, "no duration", words[1]);
	know_site(run, words[0]);
	bool ok = correlate_silence(run->correlate, words[0], run->now + duration, "maintenance",
		run->now, outcome, &err);
	refused(run, ok, &err);
}

static void
unsilence(struct run *run, char **words, struct outcome *outcome)
{
	struct err err = ERR_INIT;
	bool ok = correlate_silence(
		run->correlate, words[0], TIME_NONE, NULL, run->now, outcome, &err);
	refused(run, ok, &err);
}

static void
do_save(struct run *run, char **words, struct outcome *outcome)
{
	(void)words;
	(void)outcome;
	save(run);
}

static void
do_crash(struct run *run, char **words, struct outcome *outcome)
{
	(void)words;
	crash(run);
	correlate_tick(run->correlate, run->now, outcome);
}

static void
restart(struct run *run, char **words, struct outcome *outcome)
{
	save(run);
	do_crash(run, words, outcome);
}

static void
nothing(struct run *run, char **words, struct outcome *outcome)
{
	(void)run;
	(void)words;
	(void)outcome;
}

static const struct command {
	const char *name;
	void (*run)(struct run *run, char **words, struct outcome *outcome);
	int words;
} COMMAND[] = {
	{"see", see, 2},
	{"line", service_line, 2},
	{"end", end, 1},
	{"active", active, 1},
	{"resolve", resolve, 1},
	{"ack", ack, 1},
	{"silence", silence, 2},
	{"unsilence", unsilence, 1},
	{"save", do_save, 0},
	{"crash", do_crash, 0},
	{"restart", restart, 0},
	{"wait", nothing, 0},
};

static void
set_option(struct run *run, char **words)
{
	const struct option {
		const char *name;
		int64_t *value;
	} options[] = {
		{"window", &run->options.window},
		{"repeat_every", &run->options.repeat_every},
		{"resolve_after", &run->options.resolve_after},
		{"silent_after", &run->options.silent_after},
	};
	if (!words[1] || !words[2])
		fail_at(run, "option without a value", words[1]);
	if (strcmp(words[1], "failing_after") == 0) {
		run->options.failing_after = strtoull(words[2], NULL, 10);
		return correlate_configure(run->correlate, &run->options);
	}
	for (size_t i = 0; i < COUNT(options); i++) {
		if (strcmp(words[1], options[i].name) != 0)
			continue;
		if (!duration_parse(words[2], options[i].value))
			fail_at(run, "no duration", words[2]);
		return correlate_configure(run->correlate, &run->options);
	}
	fail_at(run, "no such option", words[1]);
}

/* Cuts the line into words where it stands; returns their count, a NULL behind the last. */
static size_t
cut(char *p, char *words[WORDS_MAX + 1])
{
	size_t count = 0;
	while (count < WORDS_MAX) {
		p += strspn(p, " \t");
		if (!*p)
			break;
		words[count++] = p;
		char *to = p;
		bool quoted = false;
		for (; *p && (quoted || !strchr(" \t", *p)); p++) {
			if (*p == '"')
				quoted = !quoted;
			else
				*to++ = *p;
		}
		if (*p)
			p++;
		*to = '\0';
	}
	words[count] = NULL;
	return count;
}

static void
take_line(struct run *run, char *text)
{
	char *words[WORDS_MAX + 1];
	char *shown = mem_text(text);
	size_t count = cut(text, words);
	if (count == 0 || words[0][0] == '#') {
		free(shown);
		return;
	}
	if (strcmp(words[0], "option") == 0) {
		set_option(run, words);
	} else if (strcmp(words[0], "once") == 0) {
		run->once = true;
	} else {
		int64_t now = read_time(run, words[0]);
		size_t i = 0;
		while (i < COUNT(COMMAND) && (count < 2 || strcmp(COMMAND[i].name, words[1]) != 0))
			i++;
		if (i == COUNT(COMMAND) || count < 2 + (size_t)COMMAND[i].words)
			fail_at(run, "no such command, or too few words", words[1]);
		struct outcome outcome = OUTCOME_INIT;
		tick_until(run, now);
		run->now = now;
		buf_format(&run->out, "%s\n", shown);
		COMMAND[i].run(run, words + 2, &outcome);
		flush(run, &outcome);
		if (run->way == WITH_LOADS && strcmp(words[1], "save") != 0 &&
			strcmp(words[1], "crash") != 0) {
			char *last[SITES_MAX];
			memcpy(last, run->saved, sizeof last);
			memset(run->saved, 0, sizeof run->saved);
			restart(run, NULL, &outcome);
			for (size_t k = 0; k < SITES_MAX; k++)
				free(run->saved[k]);
			memcpy(run->saved, last, sizeof last);
			flush(run, &outcome);
		}
	}
	free(shown);
}

static void
print_view(void *owner, const struct site_view *view)
{
	struct run *run = owner;
	struct buf *out = &run->out;
	buf_format(out, "%s is %s since ", view->name, site_state_name(view->state));
	print_time(out, view->since);
	buf_format(out, ", %" PRIu64 " times", view->occurrences);
	if (view->cause)
		buf_format(out, ", cause %s", view->cause);
	if (view->acknowledged)
		buf_add_text(out, ", acknowledged");
	if (view->silenced_until != TIME_NONE) {
		buf_add_text(out, ", silenced until ");
		print_time(out, view->silenced_until);
	}
	if (view->incident)
		buf_format(out, ", open: %s", alert_kind_name(view->incident->kind));
	buf_add_text(out, "\n");
}

static void
print_end(struct run *run)
{
	buf_add_text(&run->out, "\n");
	correlate_each(run->correlate, print_view, run);
	for (size_t i = 0; i < run->history_count; i++) {
		const struct incident *incident = &run->history[i];
		buf_format(&run->out, "history: %s %s from ", incident->site,
			alert_kind_name(incident->kind));
		print_time(&run->out, incident->started_at);
		if (incident->ended_at != TIME_NONE) {
			buf_add_text(&run->out, " to ");
			print_time(&run->out, incident->ended_at);
			buf_format(&run->out, ", %s", resolution_name(incident->resolution));
		}
		buf_format(&run->out, ", %" PRIu64 " times\n", incident->occurrences);
	}
}

static void
open_reader(struct run *run)
{
	struct config_problems problems = {0};
	struct err err = ERR_INIT;
	struct config *config = config_load(NULL, &problems);
	assert_non_null(config);
	run->rules = ruleset_compile(config, &problems);
	assert_non_null(run->rules);
	struct reader_options options = {
		.encoding = "utf-8",
		.format = "plain",
		.timezone = "UTC",
		.max_line = 64 * 1024,
		.rules = run->rules,
	};
	run->reader = reader_new(&options, &err);
	assert_non_null(run->reader);
	config_problems_fini(&problems);
	config_free(config);
}

static void
run_init(struct run *run, const char *where, enum way way)
{
	*run = (struct run){
		.options = {.window = 10 * MINUTE,
			.failing_after = 3,
			.repeat_every = 24 * HOUR,
			.resolve_after = 35 * DAY},
		.where = where,
		.way = way,
		.now = START,
	};
	run->correlate = correlate_new(&run->options);
	if (way >= WITH_RESTS)
		correlate_set_reading(run->correlate, read_stored, run);
	open_reader(run);
}

static void
run_fini(struct run *run)
{
	reader_free(run->reader);
	rules_free(run->rules);
	correlate_free(run->correlate);
	buf_fini(&run->out);
	buf_fini(&run->documents);
	buf_fini(&run->incidents);
	for (size_t i = 0; i < run->site_count; i++) {
		free(run->names[i]);
		free(run->saved[i]);
		free(run->stored[i]);
	}
	for (size_t i = 0; i < run->history_count; i++)
		free(run->history[i].site);
}

/* The file's bytes, to be freed; NULL where there is none. */
static char *
slurp(const char *path)
{
	FILE *file = fopen(path, "r");
	char block[4096];
	struct buf bytes = BUF_INIT;
	if (!file)
		return NULL;
	for (size_t n; (n = fread(block, 1, sizeof block, file)) > 0;)
		buf_add(&bytes, block, n);
	fclose(file);
	return buf_take(&bytes);
}

static void
run_trace(struct run *run, const char *path)
{
	char *text = slurp(path), *p = text;
	assert_non_null(text);
	for (char *line; (line = strsep(&p, "\n")) != NULL;) {
		run->line++;
		take_line(run, line);
	}
	print_end(run);
	free(text);
}

static void
compare(const char *path, const char *expected, const struct buf *got, const char *how)
{
	const char *p = expected, *q = got->p;
	int line = 1;
	for (; *p && *p == *q; p++, q++)
		line += *p == '\n';
	if (*p == *q)
		return;
	while (p > expected && p[-1] != '\n')
		p--, q--;
	fail_msg("%s:%d (%s)\n  expected: %.*s\n  got:      %.*s", path, line, how,
		(int)strcspn(p, "\n"), p, (int)strcspn(q, "\n"), q);
}

static void
check_trace(const char *path)
{
	struct run run, other;
	char *expect_path = mem_format("%.*s.expect", (int)strlen(path) - 6, path);
	run_init(&run, path, AS_IT_STANDS);
	run_trace(&run, path);
	if (getenv("UPDATE_TRACES")) {
		FILE *file = fopen(expect_path, "w");
		assert_non_null(file);
		fwrite(run.out.p, 1, run.out.n, file);
		fclose(file);
	}
	char *expected = slurp(expect_path);
	if (!expected)
		fail_msg("%s is missing", expect_path);
	compare(expect_path, expected, &run.out, WAY_NAME[AS_IT_STANDS]);
	for (enum way way = AS_IT_STANDS + 1; way < WAYS; way++) {
		if (run.once && way == WITH_LOADS)
			continue;
		run_init(&other, path, way);
		run_trace(&other, path);
		compare(expect_path, expected, &other.out, WAY_NAME[way]);
		if (run.documents.n && way != WITH_FAILURES)
			compare(path, run.documents.p, &other.documents, WAY_NAME[way]);
		if (run.incidents.n)
			compare(path, run.incidents.p, &other.incidents, WAY_NAME[way]);
		run_fini(&other);
	}
	run_fini(&run);
	free(expected);
	free(expect_path);
}

static int
is_trace(const struct dirent *entry)
{
	size_t n = strlen(entry->d_name);
	return n > 6 && strcmp(entry->d_name + n - 6, ".trace") == 0;
}

static void
t01_every_trace_gives_what_is_expected(void **unused)
{
	(void)unused;
	struct dirent **entries;
	int count = scandir(FOLDER, &entries, is_trace, alphasort);
	assert_true(count >= 35);
	for (int i = 0; i < count; i++) {
		char *path = mem_format("%s/%s", FOLDER, entries[i]->d_name);
		check_trace(path);
		free(path);
		free(entries[i]);
	}
	free(entries);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_every_trace_gives_what_is_expected),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
