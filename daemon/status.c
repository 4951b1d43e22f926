#include "daemon/ask.h"
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/term.h"
#include "daemon/engine/alert.h"
#include "daemon/verb.h"
#include "parsers/text.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { STATUS_OK, STATUS_WARNING, STATUS_CRITICAL, STATUS_UNKNOWN };

/* Bytes of a text, and columns of a site's name, that fit a terminal. */
enum { TEXT_SHOWN = 4096, TROUBLE_SHOWN = 300, NAME_COLUMNS = 40 };

/* Seconds that an alert may wait, as in the shipped rules for Prometheus. */
static const double WAITS_TOO_LONG = 900;

/* What a state is to the one who watches; the gravest first in the table of sites. */
static const struct {
	int exit;
	enum term_style style;
	int gravity;
} STATE[SITE_STATES] = {
	[SITE_EXPIRED] = {STATUS_CRITICAL, TERM_RED, 5},
	[SITE_SYNC_FORBIDDEN] = {STATUS_WARNING, TERM_YELLOW, 4},
	[SITE_ENROLL_REJECTED] = {STATUS_WARNING, TERM_YELLOW, 3},
	[SITE_FAILING] = {STATUS_WARNING, TERM_YELLOW, 2},
	[SITE_UNKNOWN] = {STATUS_OK, TERM_DIM, 1},
	[SITE_HEALTHY] = {STATUS_OK, TERM_GREEN, 0},
};

static const char *const EXIT_NAME[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static json_int_t
number_of(const json_t *object, const char *key)
{
	return json_integer_value(json_object_get(object, key));
}

static enum site_state
state_of(const json_t *site)
{
	enum site_state state = SITE_UNKNOWN;
	site_state_from_name(text_of(site, "state"), &state);
	return state;
}

struct summary {
	size_t by_state[SITE_STATES];
	size_t sites;
	int exit;
	json_int_t pending;
	json_int_t dead;
	json_int_t lag;
	struct buf trouble; /* "; " before each */
};

/* What an input does not read may say anything: as with scan, only expired is certain then. */
static void
raise_exit(struct summary *summary, int code)
{
	static const int GRAVITY[] = {
		[STATUS_OK] = 0, [STATUS_WARNING] = 1, [STATUS_UNKNOWN] = 2, [STATUS_CRITICAL] = 3};
	if (GRAVITY[code] > GRAVITY[summary->exit])
		summary->exit = code;
}

/* What keeps the daemon from seeing or telling, and the plugin from being green. */
static void __attribute__((format(printf, 3, 4)))
add_trouble(struct summary *summary, int code, const char *format, ...)
{
	struct buf *trouble = &summary->trouble;
	char text[1024];
	va_list args;
	va_start(args, format);
	vsnprintf(text, sizeof text, format, args);
	va_end(args);
	buf_add_text(trouble, "; ");
	text_sanitize(trouble, span_of(text), TROUBLE_SHOWN);
	/* A bar begins the numbers. */
	for (char *bar = trouble->p; (bar = strchr(bar, '|'));)
		*bar = '/';
	raise_exit(summary, code);
}

static void
judge_input(struct summary *summary, const json_t *input)
{
	const json_t *errors = json_object_get(input, "errors");
	const char *first = json_string_value(json_array_get(errors, 0));
	summary->lag += number_of(input, "lag_bytes");
	if (first)
		add_trouble(summary, STATUS_UNKNOWN, "input %s: %s", text_of(input, "name"), first);
}

static void
judge_sink(struct summary *summary, const json_t *sink)
{
	char waited[TIME_TEXT];
	double oldest = json_number_value(json_object_get(sink, "oldest_seconds"));
	json_int_t dead = number_of(sink, "dead");
	summary->pending += number_of(sink, "pending");
	summary->dead += dead;
	if (dead > 0)
		add_trouble(summary, STATUS_WARNING,
			"sink %s: %" JSON_INTEGER_FORMAT " dead letter%s", text_of(sink, "name"),
			dead, dead == 1 ? "" : "s");
	if (oldest > WAITS_TOO_LONG)
		add_trouble(summary, STATUS_WARNING, "sink %s: no alert taken for %s",
			text_of(sink, "name"), duration_words((int64_t)(oldest * 1e6), waited));
}

static void
judge_daemon(struct summary *summary, const json_t *status)
{
	const json_t *config = json_object_get(status, "config"), *unknown;
	size_t i;
	if (text_of(status, "store")[0])
		add_trouble(summary, STATUS_WARNING, "store: %s", text_of(status, "store"));
	if (!json_is_true(json_object_get(config, "last_reload_ok")))
		add_trouble(summary, STATUS_WARNING, "the last reload failed");
	json_array_foreach(json_object_get(status, "unknown"), i, unknown)
	{
		add_trouble(summary, STATUS_UNKNOWN, "%s", json_string_value(unknown));
		summary->exit = STATUS_UNKNOWN;
	}
}

static struct summary
summarize(const json_t *status)
{
	struct summary summary = {0};
	size_t i;
	json_t *row;
	json_array_foreach(json_object_get(status, "sites"), i, row)
	{
		enum site_state state = state_of(row);
		summary.by_state[state]++;
		summary.sites++;
		raise_exit(&summary, STATE[state].exit);
	}
	json_array_foreach(json_object_get(status, "inputs"), i, row) judge_input(&summary, row);
	json_array_foreach(json_object_get(status, "sinks"), i, row) judge_sink(&summary, row);
	judge_daemon(&summary, status);
	return summary;
}

/* The first line is that of a Nagios plugin: verdict, words, `| perfdata`. */
static void
print_headline(const struct summary *summary, bool colour)
{
	static const enum term_style STYLE[] = {TERM_GREEN, TERM_YELLOW, TERM_RED, TERM_DIM};
	printf("%sAIWATCH %s%s - %zu site%s", term_style(STYLE[summary->exit], colour),
		EXIT_NAME[summary->exit], term_style(TERM_PLAIN, colour), summary->sites,
		summary->sites == 1 ? "" : "s");
	for (int gravity = SITE_STATES - 1; gravity >= 0; gravity--) {
		for (int state = 0; state < SITE_STATES; state++) {
			if (STATE[state].gravity == gravity && summary->by_state[state])
				printf(", %zu %s", summary->by_state[state],
					site_state_name((enum site_state)state));
		}
	}
	printf("%s |", summary->trouble.n > 0 ? summary->trouble.p : "");
	for (int state = 0; state < SITE_STATES; state++)
		printf(" %s=%zu", site_state_name((enum site_state)state),
			summary->by_state[state]);
	printf(" pending=%" JSON_INTEGER_FORMAT " dead=%" JSON_INTEGER_FORMAT
	       " lag=%" JSON_INTEGER_FORMAT "B\n",
		summary->pending, summary->dead, summary->lag);
}

static int
by_gravity(const void *a, const void *b)
{
	const json_t *left = *(json_t *const *)a, *right = *(json_t *const *)b;
	int order = STATE[state_of(right)].gravity - STATE[state_of(left)].gravity;
	return order ? order : strcmp(text_of(left, "site"), text_of(right, "site"));
}

/* Text from outside, made safe for a terminal, behind `before`; nothing for "". */
static void
print_text(const char *before, const char *text)
{
	struct buf safe = BUF_INIT;
	text_sanitize(&safe, span_of(text), TEXT_SHOWN);
	if (safe.n > 0)
		printf("%s%s", before, safe.p);
	buf_fini(&safe);
}

/* A time to the second, behind `before`; nothing where there is none. */
static void
print_time(const char *before, const json_t *object, const char *key)
{
	int64_t time;
	char text[TIME_TEXT];
	if (time_parse(text_of(object, key), &time))
		printf("%s%s", before, time_format(time - time % SECOND, text));
}

static void
print_evidence(const json_t *incident, bool colour)
{
	size_t i;
	json_t *line;
	json_array_foreach(json_object_get(incident, "evidence"), i, line)
	{
		print_text("      ", text_of(line, "text"));
		printf("%s", term_style(TERM_DIM, colour));
		print_text("\n        ", text_of(line, "file"));
		printf(", offset %" JSON_INTEGER_FORMAT "%s\n", number_of(line, "offset"),
			term_style(TERM_PLAIN, colour));
	}
}

/* What there is to do, and why: of a site that was asked for. */
static void
print_detail(const json_t *site, bool colour)
{
	size_t i;
	json_t *link;
	struct buf advice = BUF_INIT, safe = BUF_INIT;
	text_sanitize(&safe, span_of(text_of(site, "advice")), TEXT_SHOWN);
	if (safe.n > 0)
		term_wrap(&advice, safe.p, 6, term_columns(STDOUT_FILENO, 100));
	printf("%s", advice.n > 0 ? advice.p : "");
	json_array_foreach(json_object_get(site, "links"), i, link)
		printf("      %s\n", json_string_value(link));
	print_evidence(json_object_get(site, "incident"), colour);
	buf_fini(&advice);
	buf_fini(&safe);
}

static bool
is_silent(const json_t *site)
{
	return strcmp(text_of(json_object_get(site, "incident"), "kind"), "site_silent") == 0;
}

static void
print_site(const json_t *site, size_t name_width, bool colour)
{
	enum site_state state = state_of(site);
	json_int_t occurrences = number_of(site, "occurrences");
	size_t width = term_width(text_of(site, "site"));
	printf("  %s%-16s%s", term_style(STATE[state].style, colour), site_state_name(state),
		term_style(TERM_PLAIN, colour));
	print_text(" ", text_of(site, "site"));
	printf("%*s", width < name_width ? (int)(name_width - width) : 0, "");
	print_time("  since ", site, "since");
	if (occurrences > 0)
		printf(", %" JSON_INTEGER_FORMAT " attempt%s", occurrences,
			occurrences == 1 ? "" : "s");
	print_text(", cause: ", text_of(site, "cause"));
	if (is_silent(site))
		printf(", writes nothing any more");
	if (json_is_true(json_object_get(site, "acknowledged")))
		printf(", acknowledged");
	print_time(", silenced until ", site, "silenced_until");
	print_text(": ", text_of(site, "silence_reason"));
	printf("\n");
}

static size_t
name_width(const json_t *sites)
{
	size_t i, widest = 0;
	json_t *site;
	json_array_foreach(sites, i, site)
	{
		size_t width = term_width(text_of(site, "site"));
		if (width > widest && width <= NAME_COLUMNS)
			widest = width;
	}
	return widest;
}

/* A line each, the gravest first; in detail where they were asked for by name. */
static void
print_sites(const json_t *sites, bool in_detail, bool colour)
{
	size_t count = json_array_size(sites), width = name_width(sites);
	bool is_trouble = false;
	json_t **row = mem_array(count, sizeof *row);
	for (size_t i = 0; i < count; i++)
		row[i] = json_array_get(sites, i);
	qsort(row, count, sizeof *row, by_gravity);
	printf("sites:%s\n", count ? "" : " nothing of the service has been seen yet");
	for (size_t i = 0; i < count; i++) {
		print_site(row[i], width, colour);
		if (in_detail)
			print_detail(row[i], colour);
		is_trouble = is_trouble || json_is_object(json_object_get(row[i], "incident"));
	}
	if (is_trouble && !in_detail)
		printf("  `aiwatch status SITE` says what to do, and shows the evidence\n");
	free(row);
}

/* ", 3 WORD(s)" where there are any. */
static void
print_count(const json_t *object, const char *key, const char *one, const char *many)
{
	json_int_t count = number_of(object, key);
	if (count != 0)
		printf(", %" JSON_INTEGER_FORMAT " %s", count, count == 1 ? one : many);
}

static void
print_trouble(const char *text, bool colour)
{
	printf("%s", term_style(TERM_YELLOW, colour));
	print_text("    ", text);
	printf("%s%s", term_style(TERM_PLAIN, colour), text[0] ? "\n" : "");
}

static void
print_inputs(const json_t *inputs, bool colour)
{
	size_t i, j;
	json_t *input, *error;
	printf("inputs:\n");
	json_array_foreach(inputs, i, input)
	{
		json_int_t files = number_of(input, "files"), lag = number_of(input, "lag_bytes");
		printf("  %s: %" JSON_INTEGER_FORMAT " file%s by %s, %" JSON_INTEGER_FORMAT
		       " bytes read, ",
			text_of(input, "name"), files, files == 1 ? "" : "s",
			text_of(input, "watch"), number_of(input, "bytes_read"));
		if (lag > 0)
			printf("%" JSON_INTEGER_FORMAT " behind", lag);
		else
			printf("up to date");
		print_count(input, "unfinished_bytes", "byte of an unfinished line",
			"bytes of an unfinished line");
		print_count(input, "gaps", "gap", "gaps");
		printf("\n");
		json_array_foreach(json_object_get(input, "errors"), j, error)
			print_trouble(json_string_value(error), colour);
	}
}

static void
print_sinks(const json_t *sinks, bool colour)
{
	size_t i;
	json_t *sink;
	printf("sinks:\n");
	json_array_foreach(sinks, i, sink)
	{
		printf("  %s (%s): %" JSON_INTEGER_FORMAT " delivered", text_of(sink, "name"),
			text_of(sink, "type"), number_of(sink, "delivered"));
		print_count(sink, "pending", "waits", "wait");
		print_count(sink, "dead", "dead letter", "dead letters");
		printf("\n");
		print_trouble(text_of(sink, "last_error"), colour);
	}
}

static void
print_daemon(const json_t *status)
{
	char uptime[TIME_TEXT];
	double seconds = json_number_value(json_object_get(status, "uptime_seconds"));
	const json_t *config = json_object_get(status, "config");
	const char *path = text_of(config, "path");
	printf("daemon: aiwatch %s, up %s, %s%s%s\n", text_of(status, "aiwatch"),
		duration_words((int64_t)(seconds * 1e6), uptime), path[0] ? path : "defaults",
		json_is_true(json_object_get(config, "last_reload_ok"))
			? ""
			: ", the last reload failed: the old configuration goes on",
		json_is_true(json_object_get(status, "jit")) ? "" : ", PCRE2 without JIT");
	if (text_of(status, "store")[0])
		printf("store: %s\n", text_of(status, "store"));
}

static int
print_status(const json_t *status, bool in_detail, bool as_json)
{
	bool colour = term_has_colour(STDOUT_FILENO);
	struct summary summary = summarize(status);
	if (as_json) {
		json_dumpf(status, stdout, JSON_INDENT(2) | JSON_REAL_PRECISION(6));
		printf("\n");
		goto out;
	}
	print_headline(&summary, colour);
	print_sites(json_object_get(status, "sites"), in_detail, colour);
	print_inputs(json_object_get(status, "inputs"), colour);
	print_sinks(json_object_get(status, "sinks"), colour);
	print_daemon(status);
out:
	buf_fini(&summary.trouble);
	return summary.exit;
}

static int
run(const char *config_path, int argc, char **argv)
{
	static const struct option OPTION[] = {{"json", no_argument, NULL, 'j'}, {0}};
	bool as_json = false;
	int letter;
	struct err err = ERR_INIT;
	while ((letter = verb_next_option(&VERB_STATUS, argc, argv, OPTION)) != -1) {
		if (letter != 'j')
			return EXIT_USAGE;
		as_json = true;
	}
	int code, wanted = argc - optind;
	json_t *request = json_pack(
		"{s:s, s:o}", "verb", "status", "sites", ask_words(argv + optind, wanted));
	json_t *status = ask_daemon(config_path, request, &code, &err);
	if (!status) {
		printf("AIWATCH UNKNOWN - %s\n", err.text);
		return STATUS_UNKNOWN;
	}
	code = print_status(status, wanted > 0, as_json);
	json_decref(status);
	return code;
}

const struct verb VERB_STATUS = {
	.name = "status",
	.arguments = "[--json] [SITE…]",
	.summary = "sites, inputs and sinks of the running daemon; a Nagios plugin too",
	.help = "Asks the running daemon and prints what it knows, the gravest site first; of a\n"
		"SITE that is named also what to do, and the evidence. The first line is that of\n"
		"a Nagios plugin, with performance data behind the bar.\n\n"
		"  --json   one JSON document\n\n"
		"exit: 0 all well, 1 a site is suspect or failing, or alerts do not get out (a\n"
		"dead letter, one that waits for 15 minutes), or the store or the last reload\n"
		"failed, 2 a site is expired, 3 cannot tell: no daemon answers, an input follows\n"
		"no file or cannot read one, or a SITE is not known",
	.run = run,
};
