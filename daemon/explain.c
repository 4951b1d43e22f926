#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/term.h"
#include "daemon/input/glob.h"
#include "daemon/input/input_reader.h"
#include "daemon/input/site_name.h"
#include "daemon/setup.h"
#include "daemon/source.h"
#include "daemon/verb.h"
#include "parsers/reader.h"
#include "parsers/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCK = 256 * 1024 };

struct explain {
	const char *path; /* as named, "-" for standard input */
	char *absolute;
	const struct config_input *input;
	struct glob_captures captures;
	const struct rules *rules;
	struct rules_scratch *scratch;
	bool json, colour;
	size_t by_why[READER_WHYS];
	struct buf why; /* of the record at hand */
};

static const char *
style(const struct explain *explain, enum term_style which)
{
	return term_style(which, explain->colour);
}

/* The service's name in a line that is none of its records: a quotation, or a slip of the pen. */
static bool
names_service(struct span text)
{
	for (; text.n >= sizeof FRAME_SERVICE - 1; text = span_from(text, 1)) {
		if (span_has_prefix_nocase(text, SPAN(FRAME_SERVICE)))
			return true;
	}
	return false;
}

static void
explain_why(struct explain *explain, const struct record *record)
{
	size_t rule;
	struct buf near = BUF_INIT;
	buf_clear(&explain->why);
	buf_add_text(&explain->why, reader_why_words(record->why));
	if (record->why == READER_NO_RULE &&
		rules_nearest(explain->rules, explain->scratch, &record->frame,
			record->envelope.message, &rule, &near))
		buf_format(&explain->why, "; nearest is %s: %s",
			rules_definition(explain->rules, rule)->name, near.p);
	bool is_other = record->why != READER_NO_RULE && record->event == EVENT_NONE;
	if (is_other && record->why != READER_RULE_LIMIT && names_service(record->text))
		buf_add_text(&explain->why, "; the service's name stands in it, but no frame of "
					    "the service at its beginning");
	buf_fini(&near);
}

/* NULL where nothing names it: standard input without an envelope. */
static char *
site_of(const struct explain *explain, const struct record *record)
{
	if (!explain->absolute && record->envelope.host.n == 0)
		return NULL;
	return site_name(explain->input->site, record->envelope.host,
		explain->absolute ? explain->absolute : "/-", &explain->captures);
}

static const char *
rule_of(const struct explain *explain, const struct record *record)
{
	bool has_rule = record->why == READER_MATCHED || record->why == READER_RULE_LIMIT;
	return has_rule ? rules_definition(explain->rules, record->rule)->name : NULL;
}

static json_t *
json_of_span(struct span s, size_t limit)
{
	struct buf safe = BUF_INIT;
	text_sanitize(&safe, s, limit);
	json_t *text = json_stringn(safe.p ? safe.p : "", safe.n);
	buf_fini(&safe);
	return text;
}

static json_t *
json_of_frame(const struct record *record)
{
	if (!record->has_frame)
		return json_null();
	return json_pack("{s:o, s:s, s:I}", "source", json_of_span(record->frame.source, 256),
		"severity", severity_name(record->frame.severity), "id",
		(json_int_t)record->frame.id);
}

static void
print_json(const struct explain *explain, const struct record *record, const char *site)
{
	char time[TIME_TEXT], stamp[TIME_TEXT];
	bool has_event = record->event != EVENT_NONE;
	int64_t stamped = record->envelope.time;
	json_t *object = json_pack(
		"{s:i, s:o, s:I, s:s, s:s?, s:s?, s:o, s:s?, s:s, s:s?, s:s?, s:o, s:s, s:o}",
		"version", 1, "file", json_of_span(span_of(explain->path), 4096), "offset",
		(json_int_t)record->offset, "envelope", envelope_name(record->envelope.kind),
		"envelope_time", stamped == TIME_NONE ? NULL : time_format(stamped, stamp), "site",
		site, "frame", json_of_frame(record), "time",
		record->time == TIME_NONE ? NULL : time_format(record->time, time), "time_as",
		record->time_as, "event", has_event ? event_name(record->event) : NULL, "rule",
		rule_of(explain, record), "cause",
		record->cause.n ? json_of_span(record->cause, 512) : json_null(), "why",
		explain->why.p, "text", json_of_span(record->text, record->text.n));
	if (!object)
		abort();
	json_dumpf(object, stdout, JSON_COMPACT);
	putchar('\n');
	json_decref(object);
}

static void
print_row(const struct explain *explain, const char *name, enum term_style which, struct span value)
{
	struct buf safe = BUF_INIT;
	text_sanitize(&safe, value, 1024);
	printf("  %s%-9s%s %s%s%s\n", style(explain, TERM_DIM), name, style(explain, TERM_PLAIN),
		style(explain, which), safe.p ? safe.p : "", style(explain, TERM_PLAIN));
	buf_fini(&safe);
}

static void
print_head(const struct explain *explain, const struct record *record, bool is_record)
{
	struct buf text = BUF_INIT;
	text_sanitize(&text, record->text, 2048);
	printf("%s%10llu%s  %s%s%s%s%s\n", style(explain, TERM_DIM),
		(unsigned long long)record->offset, style(explain, TERM_PLAIN),
		style(explain, is_record ? TERM_BOLD : TERM_DIM), text.p ? text.p : "",
		record->truncated ? " (longer than max_line)" : "",
		record->incomplete ? " (no line end yet)" : "", style(explain, TERM_PLAIN));
	buf_fini(&text);
}

static void
print_time(const struct explain *explain, const struct record *record)
{
	char time[TIME_TEXT];
	struct buf value = BUF_INIT;
	if (record->time != TIME_NONE)
		buf_format(&value, "%s  ", time_format(record->time, time));
	if (record->frame.date.n)
		buf_format(
			&value, "from \"%.*s\": ", (int)record->frame.date.n, record->frame.date.p);
	buf_add_text(&value, record->time_as);
	print_row(explain, "time", record->time == TIME_NONE ? TERM_YELLOW : TERM_PLAIN,
		buf_span(&value));
	buf_fini(&value);
}

static void
print_event(const struct explain *explain, const struct record *record)
{
	struct buf value = BUF_INIT;
	const char *rule = rule_of(explain, record);
	bool matched = record->event != EVENT_NONE;
	if (matched)
		buf_format(&value, "%s, by rule %s%s%.*s", event_name(record->event), rule,
			record->cause.n ? ", cause: " : "", (int)record->cause.n, record->cause.p);
	else
		buf_format(&value, "none: %s%s%s", explain->why.p, rule ? ", rule " : "",
			rule ? rule : "");
	bool is_good =
		record->event == EVENT_SYNC_SUCCEEDED || record->event == EVENT_ENROLL_SUCCEEDED;
	print_row(explain, "event", matched ? is_good ? TERM_GREEN : TERM_RED : TERM_YELLOW,
		buf_span(&value));
	buf_fini(&value);
}

static void
print_envelope(const struct explain *explain, const struct record *record)
{
	const struct envelope *envelope = &record->envelope;
	struct buf value = BUF_INIT;
	char time[TIME_TEXT];
	buf_add_text(&value, envelope_name(envelope->kind));
	if (envelope->host.n)
		buf_format(&value, ", host %.*s", (int)envelope->host.n, envelope->host.p);
	if (envelope->path.n)
		buf_format(&value, ", file %.*s", (int)envelope->path.n, envelope->path.p);
	if (envelope->time != TIME_NONE)
		buf_format(&value, ", %s", time_format(envelope->time, time));
	print_row(explain, "envelope", TERM_PLAIN, buf_span(&value));
	buf_fini(&value);
}

static void
print_frame(const struct explain *explain, const struct record *record)
{
	struct buf value = BUF_INIT;
	buf_format(&value, "%.*s, %s, %lld", (int)record->frame.source.n, record->frame.source.p,
		severity_name(record->frame.severity), (long long)record->frame.id);
	print_row(explain, "frame", TERM_PLAIN, buf_span(&value));
	buf_fini(&value);
}

/* A line that is no record of the service takes one row more, and only where there is more to say
 * than that it continues the record before. */
static void
print_record(const struct explain *explain, const struct record *record, const char *site)
{
	bool is_record = record->has_frame && record->frame.is_service;
	print_head(explain, record, is_record);
	if (!is_record) {
		if (record->text.n)
			print_row(explain, "none", TERM_DIM, buf_span(&explain->why));
		return;
	}
	print_envelope(explain, record);
	print_row(explain, "site", TERM_PLAIN, site ? span_of(site) : SPAN("nothing names it"));
	print_frame(explain, record);
	print_time(explain, record);
	print_event(explain, record);
}

static void
on_record(void *owner, const struct record *record)
{
	struct explain *explain = owner;
	char *site = site_of(explain, record);
	explain_why(explain, record);
	explain->by_why[record->why]++;
	if (explain->json)
		print_json(explain, record, site);
	else
		print_record(explain, record, site);
	free(site);
}

static void
print_summary(const struct explain *explain, const struct reader_state *state,
	const struct reader_counts *counts)
{
	if (explain->json)
		return;
	printf("\n%s%s: %llu line%s, %llu record%s of the service: %zu matched, %zu in which no "
	       "rule matched",
		style(explain, TERM_BOLD), explain->path, (unsigned long long)counts->lines,
		counts->lines == 1 ? "" : "s", (unsigned long long)counts->records,
		counts->records == 1 ? "" : "s", explain->by_why[READER_MATCHED],
		explain->by_why[READER_NO_RULE] + explain->by_why[READER_RULE_LIMIT]);
	printf("%s\nencoding %s, format %s, order of day and month: %s\n",
		style(explain, TERM_PLAIN), reader_encoding_name(state),
		envelope_name(state->format), date_order_words(state->date.order));
	if (counts->long_lines)
		printf("%llu line%s over max_line, %llu bytes skipped\n",
			(unsigned long long)counts->long_lines, counts->long_lines == 1 ? "" : "s",
			(unsigned long long)counts->skipped_bytes);
}

/* Reads to the end; what a call does not consume is presented again with more behind it. */
static bool
read_all(struct explain *explain, struct reader *reader, struct source *source, struct err *err)
{
	struct reader_state state = {0};
	struct reader_counts counts = {0};
	struct buf bytes = BUF_INIT;
	uint64_t at = 0;
	ssize_t got;
	do {
		buf_reserve(&bytes, BLOCK);
		got = source_read(source, bytes.p + bytes.n, BLOCK, err);
		bytes.n += got > 0 ? (size_t)got : 0;
		size_t n = reader_feed(reader, &state, buf_span(&bytes), at, got <= 0, clock_wall(),
			on_record, explain, &counts);
		memmove(bytes.p, bytes.p + n, bytes.n - n);
		bytes.n -= n;
		at += n;
	} while (got > 0);
	buf_fini(&bytes);
	print_summary(explain, &state, &counts);
	return got == 0;
}

/* The input that is named, or the one whose paths match the file, or the first. */
static const struct config_input *
choose_input(const struct config *config, const char *name, const char *absolute,
	struct glob_captures *captures)
{
	*captures = (struct glob_captures){0};
	const struct config_input *named = NULL;
	for (size_t i = 0; i < config->input_count; i++) {
		const struct config_input *input = &config->inputs[i];
		if (name && strcmp(name, input->name) != 0)
			continue;
		named = named ? named : input;
		for (size_t k = 0; absolute && k < input->paths.count; k++) {
			struct err ignored = ERR_INIT;
			struct glob *glob = glob_new(input->paths.item[k], &ignored);
			bool matches = glob && glob_match(glob, absolute, captures);
			glob_free(glob);
			if (matches)
				return input;
		}
	}
	*captures = (struct glob_captures){0};
	return named;
}

static bool
explain_file(struct explain *explain, struct err *err)
{
	struct source source = {.fd = -1};
	struct reader *reader = input_reader_new(explain->input, explain->rules, READER_LINES, err);
	bool ok = reader && source_open(&source, explain->path, err) &&
		  read_all(explain, reader, &source, err);
	reader_free(reader);
	source_close(&source);
	return ok;
}

struct arguments {
	const char *path, *input;
	bool json;
};

static bool
take_arguments(int argc, char **argv, struct arguments *arguments)
{
	*arguments = (struct arguments){0};
	bool options_end = false;
	for (int i = 1; i < argc; i++) {
		bool is_option = !options_end && argv[i][0] == '-' && argv[i][1] != '\0';
		if (is_option && strcmp(argv[i], "--") == 0)
			options_end = true;
		else if (is_option && strcmp(argv[i], "--json") == 0)
			arguments->json = true;
		else if (is_option && strcmp(argv[i], "--input") == 0 && i + 1 < argc)
			arguments->input = argv[++i];
		else if (is_option || arguments->path)
			return false;
		else
			arguments->path = argv[i];
	}
	if (!arguments->path)
		arguments->path = "-";
	return true;
}

static int
explain_with(const struct config *config, const struct arguments *arguments, struct rules *rules)
{
	struct err err = ERR_INIT;
	bool is_stdin = strcmp(arguments->path, "-") == 0;
	struct explain explain = {
		.path = arguments->path,
		.absolute = is_stdin ? NULL : realpath(arguments->path, NULL),
		.rules = rules,
		.json = arguments->json,
		.colour = !arguments->json && term_has_colour(STDOUT_FILENO),
	};
	int code = 0;
	explain.input = choose_input(config, arguments->input, explain.absolute, &explain.captures);
	if (!explain.input) {
		code = verb_usage_error(&VERB_EXPLAIN, "no input is named %s",
			arguments->input ? arguments->input : "at all");
		goto out;
	}
	explain.scratch = rules_scratch_new();
	if (!explain_file(&explain, &err)) {
		fflush(stdout);
		fprintf(stderr, "aiwatch explain: %s: %s\n", arguments->path, err.text);
		code = 1;
	}
	rules_scratch_free(explain.scratch);
	buf_fini(&explain.why);
out:
	free(explain.absolute);
	return code;
}

static int
run_explain(const char *config_path, int argc, char **argv)
{
	struct arguments arguments;
	if (!take_arguments(argc, argv, &arguments))
		return verb_usage_error(
			&VERB_EXPLAIN, "wanted --json, --input NAME and one file, or -");
	struct config *config = setup_config(config_path, true);
	struct rules *rules = config ? setup_rules(config) : NULL;
	int code = rules ? explain_with(config, &arguments, rules) : EXIT_CONFIG;
	rules_free(rules);
	config_free(config);
	return code;
}

const struct verb VERB_EXPLAIN = {
	.name = "explain",
	.arguments = "[--json] [--input NAME] [FILE|-]",
	.summary = "show how each record of a file is understood",
	.help = "For each record: the envelope, the site, the frame, the time and how its date\n"
		"was understood, and the rule that matched, or why none did and which one is\n"
		"nearest. A file may be compressed; - is standard input, as is no file at all.\n"
		"Nothing is stored, nobody is alerted.\n\n"
		"  --json        one object a line of the file, for programs\n"
		"  --input NAME  read it as this input of the configuration would; otherwise as\n"
		"                the one whose paths match the file, or the first\n\n"
		"exit: 0 good, 1 the file cannot be read, 64 usage, 78 configuration\n",
	.run = run_explain,
};
