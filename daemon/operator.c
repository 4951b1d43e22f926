/* The operator's word: `resolve`, `ack` and `silence` are one request to the daemon each. */
#include "daemon/ask.h"
#include "daemon/base/clock.h"
#include "daemon/base/term.h"
#include "daemon/verb.h"
#include "parsers/text.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>

enum { NAME_SHOWN = 1024 };

static int
tell(const char *config_path, json_t *request, const char *done)
{
	struct err err = ERR_INIT;
	struct buf safe = BUF_INIT;
	int code;
	json_t *answer = ask_daemon(config_path, request, &code, &err);
	if (!answer) {
		text_sanitize(&safe, span_of(err.text), sizeof err.text);
		fprintf(stderr, "aiwatch: %s\n", safe.p);
		buf_fini(&safe);
		return code;
	}
	const json_t *site = json_array_get(json_object_get(answer, "sites"), 0);
	text_sanitize(&safe, span_of(json_string_value(json_object_get(site, "site"))), NAME_SHOWN);
	printf("%s: %s; its state is %s\n", safe.p, done,
		json_string_value(json_object_get(site, "state")));
	json_decref(answer);
	buf_fini(&safe);
	return 0;
}

static int
tell_one(const struct verb *verb, const char *done, const char *config_path, int argc, char **argv)
{
	static const struct option NONE[] = {{0}};
	if (verb_next_option(verb, argc, argv, NONE) != -1)
		return EXIT_USAGE;
	if (argc - optind != 1)
		return verb_usage_error(verb, "one SITE is wanted");
	json_t *request = json_pack("{s:s, s:s}", "verb", verb->name, "site", argv[optind]);
	return tell(config_path, request, done);
}

static int
run_resolve(const char *config_path, int argc, char **argv)
{
	return tell_one(&VERB_RESOLVE, "resolved", config_path, argc, argv);
}

static int
run_ack(const char *config_path, int argc, char **argv)
{
	return tell_one(
		&VERB_ACK, "acknowledged, no reminders until it changes", config_path, argc, argv);
}

struct silence {
	int64_t duration;
	bool has_duration;
	const char *reason;
};

static int
read_silence(int argc, char **argv, struct silence *silence)
{
	static const struct option OPTION[] = {{"for", required_argument, NULL, 'f'},
		{"reason", required_argument, NULL, 'r'}, {0}};
	int letter;
	while ((letter = verb_next_option(&VERB_SILENCE, argc, argv, OPTION)) != -1) {
		switch (letter) {
		case 'f':
			silence->has_duration = duration_parse(optarg, &silence->duration);
			if (!silence->has_duration)
				return verb_usage_error(&VERB_SILENCE,
					"--for wants a duration as 30m, 4h or 2d, or 0 to lift a"
					" silence; it has \"%s\"",
					optarg);
			break;
		case 'r':
			silence->reason = optarg;
			break;
		default:
			return EXIT_USAGE;
		}
	}
	if (!silence->has_duration || argc - optind != 1)
		return verb_usage_error(&VERB_SILENCE, "one SITE and --for DURATION are wanted");
	return 0;
}

static int
run_silence(const char *config_path, int argc, char **argv)
{
	struct silence silence = {0};
	int code = read_silence(argc, argv, &silence);
	if (code)
		return code;
	json_t *request = json_pack("{s:s, s:s, s:I, s:s?}", "verb", "silence", "site",
		argv[optind], "duration", (json_int_t)silence.duration, "reason", silence.reason);
	return tell(config_path, request, silence.duration ? "silenced" : "no longer silenced");
}

const struct verb VERB_RESOLVE = {
	.name = "resolve",
	.arguments = "SITE",
	.summary = "say that a site's trouble is over",
	.help = "Ends what stands for the site, by the operator's word: its alert is resolved,\n"
		"its state is unknown until the next record. Kept through restarts.\n\n"
		"exit: 0 done, 1 the daemon refused (the site is not known, or nothing stands)",
	.run = run_resolve,
};

const struct verb VERB_ACK = {
	.name = "ack",
	.arguments = "SITE",
	.summary = "acknowledge a site's trouble: no reminders until it ends or grows graver",
	.help = "Acknowledges what stands for the site: there are no reminders until it ends or\n"
		"grows graver; attempts are still counted. Kept through restarts.\n\n"
		"exit: 0 done, 1 the daemon refused (the site is not known, or nothing stands)",
	.run = run_ack,
};

const struct verb VERB_SILENCE = {
	.name = "silence",
	.arguments = "SITE --for DURATION [--reason TEXT]",
	.summary = "deliver nothing for a site for a while",
	.help = "Delivers nothing for the site until the duration is over; history and metrics go\n"
		"on, and what still fires then is sent. Kept through restarts.\n\n"
		"  --for DURATION   30m, 4h, 2d; 0 lifts the silence\n"
		"  --reason TEXT    kept with it and shown by status\n\n"
		"exit: 0 done, 1 the daemon refused (the site is not known)",
	.run = run_silence,
};
