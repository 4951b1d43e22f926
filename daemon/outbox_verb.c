/* `outbox`: what waits for a sink, what no sink took, and what the operator does to it. */
#include "daemon/ask.h"
#include "daemon/base/term.h"
#include "daemon/verb.h"

#include <inttypes.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

struct wish {
	const char *action;
	const char *sink; /* NULL for any */
	bool all;
	bool as_json;
	char **ids;
	int id_count;
};

static const char *
text_of(const json_t *object, const char *key)
{
	const char *text = json_string_value(json_object_get(object, key));
	return text ? text : "";
}

static void
print_delivery(const json_t *row, bool colour)
{
	bool is_dead = strcmp(text_of(row, "state"), "dead") == 0;
	json_int_t attempts = json_integer_value(json_object_get(row, "attempts"));
	printf("%s %s%-7s%s %s: %s", text_of(row, "id"),
		term_style(is_dead ? TERM_RED : TERM_YELLOW, colour), text_of(row, "state"),
		term_style(TERM_PLAIN, colour), text_of(row, "sink"), text_of(row, "site"));
	if (text_of(row, "kind")[0])
		printf(", %s %s", text_of(row, "kind"), text_of(row, "status"));
	printf(", since %s, %" JSON_INTEGER_FORMAT " attempt%s", text_of(row, "created_at"),
		attempts, attempts == 1 ? "" : "s");
	if (text_of(row, "next_try_at")[0])
		printf(", next try %s", text_of(row, "next_try_at"));
	printf("\n");
	if (text_of(row, "last_error")[0])
		printf("  %s\n", text_of(row, "last_error"));
}

static void
print_list(const json_t *answer)
{
	const json_t *rows = json_object_get(answer, "deliveries"), *row;
	size_t i;
	bool colour = term_has_colour(STDOUT_FILENO);
	json_array_foreach(rows, i, row) print_delivery(row, colour);
	json_int_t left = json_integer_value(json_object_get(answer, "count")) - (json_int_t)i;
	if (i == 0)
		printf("nothing waits, and nothing is dead\n");
	else if (left > 0)
		printf("and %" JSON_INTEGER_FORMAT " more\n", left);
}

static int
print_answer(const struct wish *wish, const json_t *answer)
{
	json_int_t count = json_integer_value(json_object_get(answer, "count"));
	bool is_list = strcmp(wish->action, "list") == 0;
	if (wish->as_json) {
		json_dumpf(answer, stdout, JSON_INDENT(2));
		printf("\n");
	} else if (is_list) {
		print_list(answer);
	} else {
		printf("%" JSON_INTEGER_FORMAT " alert%s %s\n", count, count == 1 ? "" : "s",
			strcmp(wish->action, "retry") == 0 ? "tried again" : "dropped");
	}
	/* Who names ids wants those: to find none of them is a failure. */
	return !is_list && wish->id_count > 0 && count == 0;
}

/* 0, or the exit code. */
static int
read_wish(int argc, char **argv, struct wish *wish)
{
	static const char *const ACTION[] = {"list", "retry", "drop"};
	static const struct option OPTION[] = {{"json", no_argument, NULL, 'j'},
		{"sink", required_argument, NULL, 's'}, {"all", no_argument, NULL, 'a'}, {0}};
	for (int letter; (letter = verb_next_option(&VERB_OUTBOX, argc, argv, OPTION)) != -1;) {
		if (letter == 's')
			wish->sink = optarg;
		else if (letter == 'j')
			wish->as_json = true;
		else if (letter == 'a')
			wish->all = true;
		else
			return EXIT_USAGE;
	}
	for (size_t i = 0; optind < argc && i < sizeof ACTION / sizeof *ACTION; i++) {
		if (strcmp(argv[optind], ACTION[i]) == 0)
			wish->action = ACTION[i];
	}
	if (!wish->action)
		return verb_usage_error(&VERB_OUTBOX, "list, retry or drop is wanted");
	wish->ids = argv + optind + 1;
	wish->id_count = argc - optind - 1;
	if (strcmp(wish->action, "list") == 0)
		return 0;
	if (!wish->all && !wish->sink && wish->id_count == 0)
		return verb_usage_error(&VERB_OUTBOX, "ids are wanted, or --sink NAME, or --all");
	if (wish->all && (wish->sink || wish->id_count > 0))
		return verb_usage_error(&VERB_OUTBOX, "--all goes with no ids and no --sink");
	return 0;
}

static int
run_outbox(const char *config_path, int argc, char **argv)
{
	struct wish wish = {0};
	struct err err = ERR_INIT;
	int code = read_wish(argc, argv, &wish);
	if (code)
		return code;
	json_t *request = json_pack("{s:s, s:s, s:s?, s:o}", "verb", "outbox", "action",
		wish.action, "sink", wish.sink, "ids", ask_words(wish.ids, wish.id_count));
	json_t *answer = ask_daemon(config_path, request, &code, &err);
	if (!answer) {
		fprintf(stderr, "aiwatch: %s\n", err.text);
		return code;
	}
	code = print_answer(&wish, answer);
	json_decref(answer);
	return code;
}

const struct verb VERB_OUTBOX = {
	.name = "outbox",
	.arguments = "list|retry|drop [--sink NAME] [--all] [--json] [ID…]",
	.summary = "alerts that wait for a sink, and dead letters: list, try again, drop",
	.help = "Asks the running daemon for the alerts that a sink has not acknowledged: those\n"
		"that wait, and the dead letters, which a sink refused for good or which waited\n"
		"longer than outbox.max_age. A dead letter is kept until it is sent or dropped,\n"
		"10,000 of each sink.\n\n"
		"  list          what waits and what is dead, the dead first; 1000 at most\n"
		"  retry         tries the chosen ones now; a dead letter begins anew\n"
		"  drop          forgets the chosen ones; one that is under way is not dropped\n\n"
		"  ID…           of alerts, as list shows them; the first 8 characters are enough\n"
		"  --sink NAME   those of this sink only\n"
		"  --all         all of them\n"
		"  --json        one JSON document\n\n"
		"exit: 0 done, 1 the daemon does not answer, or has no alert of such an id\n",
	.run = run_outbox,
};
