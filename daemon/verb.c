#include "daemon/verb.h"

#include "daemon/base/mem.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

static const struct verb *const VERB[] = {
	&VERB_RUN,
	&VERB_SCAN,
	&VERB_CHECK_CONFIG,
	&VERB_EXPLAIN,
	&VERB_STATUS,
	&VERB_TEST_RULES,
	&VERB_TEST_ALERT,
	&VERB_RESOLVE,
	&VERB_ACK,
	&VERB_SILENCE,
	&VERB_OUTBOX,
};

const struct verb *
verb_at(size_t i)
{
	return i < COUNT(VERB) ? VERB[i] : NULL;
}

const struct verb *
verb_find(const char *name)
{
	for (size_t i = 0; i < COUNT(VERB); i++) {
		if (strcmp(VERB[i]->name, name) == 0)
			return VERB[i];
	}
	return NULL;
}

int
verb_next_option(const struct verb *verb, int argc, char **argv, const struct option *options)
{
	opterr = 0;
	int letter = getopt_long(argc, argv, ":", options, NULL);
	const char *word = argv[optind - 1];
	bool has_value = strncmp(word, "--", 2) == 0 && strchr(word, '=');
	if (letter == ':')
		verb_usage_error(verb, "%s wants a value behind it", word);
	else if (letter == '?' && (!optopt || has_value))
		verb_usage_error(
			verb, "%s is no option%s", word, has_value ? ", or takes no value" : "");
	else if (letter == '?')
		verb_usage_error(verb, "-%c is no option", optopt);
	return letter == ':' ? '?' : letter;
}

int
verb_usage_error(const struct verb *verb, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "aiwatch %s: ", verb->name);
	vfprintf(stderr, format, args);
	fprintf(stderr, " (see `aiwatch %s --help`)\n", verb->name);
	va_end(args);
	return EXIT_USAGE;
}
