#include "daemon/base/term.h"
#include "daemon/rule_case.h"
#include "daemon/ruleset.h"
#include "daemon/setup.h"
#include "daemon/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

struct tally {
	size_t passed;
	size_t failed;
	bool colour;
};

static const char *
mark(const struct difference *difference)
{
	return difference->side == DIFFERENCE_BOTH	? " "
	       : difference->side == DIFFERENCE_MISSING ? "-"
							: "+";
}

/* One list, expected against found: ` ` both, `-` expected and missing, `+` found and not expected.
 */
static void
print_differences(const struct rule_verdict *verdict, bool colour)
{
	static const enum term_style STYLE[] = {
		[DIFFERENCE_BOTH] = TERM_DIM,
		[DIFFERENCE_MISSING] = TERM_RED,
		[DIFFERENCE_EXTRA] = TERM_YELLOW,
	};
	for (size_t i = 0; i < verdict->count; i++) {
		const struct difference *difference = &verdict->difference[i];
		if (i == 0 || difference->list != verdict->difference[i - 1].list)
			printf("    %s:\n", rule_list_name(difference->list));
		printf("      %s%s %s%s\n", term_style(STYLE[difference->side], colour),
			mark(difference), difference->text, term_style(TERM_PLAIN, colour));
	}
}

static void
run_case(const struct rule_case *item, const struct config *config, struct rules *rules,
	struct tally *tally)
{
	struct rule_verdict verdict = {0};
	struct err err = ERR_INIT;
	if (!rule_case_run(item, config, rules, &verdict, &err)) {
		tally->failed++;
		printf("FAIL %s:%u: %s: %s\n", item->place.file, item->place.line, item->name,
			err.text);
	} else if (verdict.passed) {
		tally->passed++;
		printf("ok   %s\n", item->name);
	} else {
		tally->failed++;
		printf("FAIL %s:%u: %s\n", item->place.file, item->place.line, item->name);
		print_differences(&verdict, tally->colour);
	}
	rule_verdict_fini(&verdict);
}

static void
run_file(const char *path, const struct config *config, struct rules *rules, struct tally *tally)
{
	struct config_problems problems = {0};
	struct rule_cases cases = {0};
	if (rule_cases_load(path, &cases, &problems)) {
		for (size_t i = 0; i < cases.count; i++)
			run_case(&cases.item[i], config, rules, tally);
	} else {
		setup_print_problems(&problems);
		tally->failed++;
	}
	rule_cases_fini(&cases);
	config_problems_fini(&problems);
}

static int
run(const char *config_path, int argc, char **argv)
{
	if (argc < 2 || argv[1][0] == '-')
		return verb_usage_error(&VERB_TEST_RULES, "at least one FILE of cases is wanted");
	struct config *config = setup_config(config_path, true);
	struct rules *rules = config ? setup_rules(config) : NULL;
	if (!rules) {
		config_free(config);
		return EXIT_CONFIG;
	}
	struct tally tally = {.colour = term_has_colour(STDOUT_FILENO)};
	for (int i = 1; i < argc; i++)
		run_file(argv[i], config, rules, &tally);
	printf("%zu passed, %zu failed\n", tally.passed, tally.failed);
	rules_free(rules);
	config_free(config);
	return tally.failed ? 1 : 0;
}

const struct verb VERB_TEST_RULES = {
	.name = "test-rules",
	.arguments = "FILE…",
	.summary = "run cases: lines and times in, events, states and alerts expected out",
	.help = "Each FILE is a YAML list of cases, run with the configuration's rules and "
		"correlation:\n\n"
		"  - case: both lines of one attempt     # a name\n"
		"    site: CM01                          # of lines without a host; default SITE\n"
		"    lines:\n"
		"      - \"Asset Intelligence Catalog Sync Service Warning: 0 : …\"\n"
		"      - {at: 2015-06-19T03:00:05Z, line: \"…\"}   # read at this time\n"
		"      - {wait: 10m}                     # time passes\n"
		"    expect:                             # a list left out is not compared\n"
		"      events: [enroll_rejected, sync_forbidden]\n"
		"      states: [enroll_rejected, expired]\n"
		"      alerts: [certificate_expired firing]\n\n"
		"What another site than the case's gives has its name in front: CM02/expired.\n"
		"A difference shows what was expected and missing (-), and what came (+).\n\n"
		"exit: 0 all cases pass, 1 not, 78 the configuration has errors",
	.run = run,
};
