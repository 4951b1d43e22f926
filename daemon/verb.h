#ifndef AIWATCH_VERB_H
#define AIWATCH_VERB_H

#include <getopt.h>
#include <stddef.h>

/*
 * A verb of the command line: one file each, one row of the table in verb.c. `run` gets what stands
 * behind the verb (argv[0] is the verb) and the configuration's path (NULL where none was named);
 * it returns the exit code.
 */
struct verb {
	const char *name;
	const char *arguments; /* "[--json] [SITE…]" */
	const char *summary;   /* one line for `--help` */
	const char *help;      /* the rest of `VERB --help` */
	int (*run)(const char *config_path, int argc, char **argv);
};

enum { EXIT_USAGE = 64, EXIT_OUTPUT = 74, EXIT_CONFIG = 78 };

extern const struct verb VERB_RUN, VERB_SCAN, VERB_CHECK_CONFIG, VERB_STATUS, VERB_EXPLAIN,
	VERB_RESOLVE, VERB_ACK, VERB_SILENCE, VERB_TEST_RULES, VERB_TEST_ALERT, VERB_OUTBOX;

/* The table's rows, as `--help` lists them; NULL behind the last. */
const struct verb *
verb_at(size_t i);
const struct verb *
verb_find(const char *name); /* NULL where there is none of that name */

/* Prints `aiwatch VERB: sentence` and where help is, to standard error. Returns EXIT_USAGE. */
int
verb_usage_error(const struct verb *verb, const char *format, ...)
	__attribute__((format(printf, 2, 3)));

/* As getopt_long with these long options alone; '?' after a sentence, and then the verb returns
 * EXIT_USAGE. */
int
verb_next_option(const struct verb *verb, int argc, char **argv, const struct option *options);

#endif
