#ifndef AIWATCH_RULE_CASE_H
#define AIWATCH_RULE_CASE_H

#include "config/config.h"
#include "daemon/base/err.h"
#include "parsers/rules.h"

/* Cases of rules, as `aiwatch test-rules` runs them; its help shows the format. All texts are
 * owned. */
enum rule_list { RULE_EVENTS, RULE_STATES, RULE_ALERTS, RULE_LISTS };

/* The key of a list below `expect`: "events", "states", "alerts". */
const char *
rule_list_name(enum rule_list list);

/* Lists of texts, owned. Add takes the text over; clear frees all. */
void
rule_texts_add(struct config_list *list, char *text);
void
rule_texts_clear(struct config_list *list);

struct rule_step {
	int64_t at;   /* when the line is read; TIME_NONE: at the time of the one before */
	int64_t wait; /* time passes; a step is a line or a wait */
	char *line;   /* may hold several lines; NULL for a wait */
};

struct rule_case {
	struct config_place place;
	char *name;
	char *site;
	struct rule_step *steps;
	size_t step_count;
	struct config_list expected[RULE_LISTS];
	bool has_expected[RULE_LISTS];
};

struct rule_cases {
	struct rule_case *item;
	size_t count;
	char *path;
};

/* Reads a file of cases. False with problems added. Free with rule_cases_fini in both cases. */
bool
rule_cases_load(const char *path, struct rule_cases *cases, struct config_problems *problems);
void
rule_cases_fini(struct rule_cases *cases);

enum difference_side { DIFFERENCE_BOTH, DIFFERENCE_MISSING, DIFFERENCE_EXTRA };

struct difference {
	enum rule_list list;
	enum difference_side side;
	char *text;
};

struct rule_verdict {
	bool passed;
	struct difference *difference; /* of the lists that differ */
	size_t count;
};

void
rule_verdict_fini(struct rule_verdict *verdict);

/* Runs a case through reader and correlator, in UTF-8 and else as the first input reads. False with
 * a sentence where there is none. */
bool
rule_case_run(const struct rule_case *item, const struct config *config, struct rules *rules,
	struct rule_verdict *verdict, struct err *err);

#endif
