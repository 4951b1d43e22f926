/* `test-alert`: what a sink would be told, said to it, and what it answered. */
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/term.h"
#include "daemon/setup.h"
#include "daemon/sink/sink.h"
#include "daemon/verb.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* A sink that does not even answer within its own time-out is given up after this. */
static const int64_t PATIENCE = 6 * MINUTE;

struct trial {
	const char *only; /* name of the one sink, or NULL for all */
	bool dry;
	bool colour;
	char collector[256];
	sd_event *loop;
	struct alert firing, resolved;
};

static void
make_alerts(struct trial *trial, int64_t now)
{
	char stamp[TIME_TEXT];
	trial->firing = (struct alert){
		.kind = ALERT_TEST,
		.firing = true,
		.test = true,
		.severity = ALERT_INFO,
		.site = mem_text("TEST"),
		.started_at = now - now % SECOND,
		.updated_at = now - now % SECOND,
		.resolved_at = TIME_NONE,
		.occurrences = 1,
	};
	/* Each run is a new alert: a receiver that drops repeats must not drop this one. */
	alert_id_of_firing(
		trial->firing.id, trial->firing.site, ALERT_TEST, NULL, 0, time_format(now, stamp));
	alert_copy(&trial->firing, &trial->resolved);
	trial->resolved.firing = false;
	trial->resolved.resolved_at = trial->firing.started_at;
	trial->resolved.resolution = RESOLUTION_OPERATOR;
	alert_id_of_follower(
		trial->resolved.id, trial->resolved.site, ALERT_TEST, "resolved", trial->firing.id);
	alert_write_texts(&trial->firing, NULL);
	alert_write_texts(&trial->resolved, NULL);
}

/* Each line with a mark in front; the text itself is safe to show. */
static void
print_marked(const char *text, const char *mark)
{
	while (*text) {
		size_t n = strcspn(text, "\n");
		printf("  %s %.*s\n", mark, (int)n, text);
		text += n + (text[n] == '\n');
	}
}

struct reply {
	struct sink_answer answer;
	bool is_there;
};

static void
on_answer(void *owner, const struct sink_answer *answer)
{
	struct reply *reply = owner;
	reply->answer = *answer;
	reply->is_there = true;
}

static void
print_answer(const struct trial *trial, const struct sink_answer *answer)
{
	static const struct {
		const char *words;
		enum term_style style;
	} OUTCOME[] = {
		[SINK_DELIVERED] = {"delivered", TERM_GREEN},
		[SINK_MISSED] = {"not now", TERM_YELLOW},
		[SINK_RETRY] = {"not now", TERM_YELLOW},
		[SINK_REFUSED] = {"refused", TERM_RED},
	};
	printf("  < %s%s%s: %s\n", term_style(OUTCOME[answer->outcome].style, trial->colour),
		OUTCOME[answer->outcome].words, term_style(TERM_PLAIN, trial->colour),
		answer->text);
}

/* True where the sink took it. */
static bool
try_alert(const struct trial *trial, struct sink *sink, const struct alert *alert)
{
	char *preview = sink_preview(sink, alert);
	printf("  %s\n", alert->firing ? "firing" : "resolved");
	print_marked(preview, ">");
	free(preview);
	fflush(stdout);
	if (trial->dry)
		return true;
	struct reply reply = {.answer = {.outcome = SINK_RETRY, .text = "no answer"}};
	int64_t end = clock_monotonic() + PATIENCE;
	sink_send(sink, alert, on_answer, &reply);
	while (!reply.is_there && clock_monotonic() < end)
		sd_event_run(trial->loop, (uint64_t)SECOND);
	print_answer(trial, &reply.answer);
	return reply.answer.outcome == SINK_DELIVERED;
}

static bool
try_sink(const struct trial *trial, const struct config_sink *row, struct err *err)
{
	struct sink *sink = sink_new(row, trial->collector, trial->loop, err);
	if (!sink)
		return false;
	printf("%s%s%s (%s)\n", term_style(TERM_BOLD, trial->colour), row->name,
		term_style(TERM_PLAIN, trial->colour), sink_type(sink));
	bool took = try_alert(trial, sink, &trial->firing);
	took = try_alert(trial, sink, &trial->resolved) && took;
	sink_free(sink);
	return took || err_set(err, "sink %s did not take the alert", row->name);
}

/* The exit code. All sinks are tried, whatever the first ones say. */
static int
try_sinks(const struct trial *trial, const struct config *config)
{
	int code = 0;
	bool found = false;
	for (size_t i = 0; i < config->sink_count; i++) {
		struct err err = ERR_INIT;
		if (trial->only && strcmp(config->sinks[i].name, trial->only) != 0)
			continue;
		found = true;
		if (try_sink(trial, &config->sinks[i], &err))
			continue;
		fflush(stdout);
		fprintf(stderr, "aiwatch: %s\n", err.text);
		code = 1;
	}
	if (found)
		return code;
	if (!trial->only)
		fprintf(stderr, "aiwatch: no sinks are configured\n");
	return trial->only
		       ? verb_usage_error(&VERB_TEST_ALERT, "no sink is called \"%s\"", trial->only)
		       : 1;
}

static int
run_trial(struct trial *trial, const struct config *config)
{
	if (gethostname(trial->collector, sizeof trial->collector - 1) != 0)
		memcpy(trial->collector, "localhost", sizeof "localhost");
	int r = sd_event_new(&trial->loop);
	if (r < 0) {
		fprintf(stderr, "aiwatch: cannot make a loop: %s\n", strerror(-r));
		return 1;
	}
	make_alerts(trial, clock_wall());
	int code = try_sinks(trial, config);
	alert_fini(&trial->firing);
	alert_fini(&trial->resolved);
	sd_event_unref(trial->loop);
	return code;
}

static int
run_test_alert(const char *config_path, int argc, char **argv)
{
	static const struct option OPTION[] = {
		{"sink", required_argument, NULL, 's'},
		{"dry-run", no_argument, NULL, 'n'},
		{0},
	};
	struct trial trial = {.colour = term_has_colour(STDOUT_FILENO)};
	for (int c; (c = verb_next_option(&VERB_TEST_ALERT, argc, argv, OPTION)) != -1;) {
		if (c == 's')
			trial.only = optarg;
		else if (c == 'n')
			trial.dry = true;
		else
			return EXIT_USAGE;
	}
	if (optind < argc)
		return verb_usage_error(&VERB_TEST_ALERT, "\"%s\" is not taken", argv[optind]);
	struct config *config = setup_config(config_path, false);
	if (!config)
		return EXIT_CONFIG;
	signal(SIGPIPE, SIG_IGN);
	int code = run_trial(&trial, config);
	config_free(config);
	return code;
}

const struct verb VERB_TEST_ALERT = {
	.name = "test-alert",
	.arguments = "[--sink NAME] [--dry-run]",
	.summary = "send a test alert, firing then resolved, and show each sink's answer",
	.help = "Sends an alert that is marked as a test (kind \"test\", \"test\": true, site "
		"TEST)\n"
		"to the configured sinks, with the code that `run` sends with, first firing, then\n"
		"resolved. Shows what is sent (>) and what each sink answered (<). Secrets are\n"
		"shown as ***. The daemon need not run, and is not told.\n"
		"\n"
		"  --sink NAME   this sink only\n"
		"  --dry-run     show what would be sent, send nothing\n"
		"\n"
		"exit: 0 all delivered, 1 a sink did not take it, 78 configuration\n",
	.run = run_test_alert,
};
