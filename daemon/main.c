#include "config/suggest.h"
#include "daemon/base/mem.h"
#include "daemon/verb.h"

#include <jansson.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void
print_help(void)
{
	printf("usage: aiwatch [-c FILE] VERB [ARGUMENT…]\n\n"
	       "Follows every AIUpdateSvc.log that reaches this host and alerts when the Asset\n"
	       "Intelligence certificate of a sync point has expired and must be "
	       "re-provisioned.\n\n"
	       "verbs:\n");
	for (size_t i = 0; verb_at(i); i++)
		printf("  %-13s %s\n", verb_at(i)->name, verb_at(i)->summary);
	printf("\noptions:\n"
	       "  -c FILE       the configuration, before or behind the verb (default\n"
	       "                /etc/aiwatch/aiwatch.yml; a missing default file means the "
	       "defaults)\n"
	       "  --help        this text; behind a verb: what the verb does\n"
	       "  --version     the version\n");
}

static void
print_verb_help(const struct verb *verb)
{
	printf("usage: aiwatch [-c FILE] %s %s\n\n%s\n", verb->name, verb->arguments, verb->help);
}

static int
usage_error(const char *format, ...)
{
	va_list args;
	va_start(args, format);
	fprintf(stderr, "aiwatch: ");
	vfprintf(stderr, format, args);
	fprintf(stderr, " (see `aiwatch --help`)\n");
	va_end(args);
	return EXIT_USAGE;
}

/* What could not be printed was not told. */
static int
close_output(int code)
{
	if (fflush(stdout) == 0 && !ferror(stdout))
		return code;
	fprintf(stderr, "aiwatch: standard output cannot be written\n");
	return code ? code : EXIT_OUTPUT;
}

static int
unknown_verb(const char *name)
{
	struct suggest suggest = suggest_start(name);
	for (size_t i = 0; verb_at(i); i++)
		suggest_offer(&suggest, verb_at(i)->name);
	if (!suggest.best)
		return usage_error("there is no verb \"%s\"", name);
	return usage_error("there is no verb \"%s\"; did you mean \"%s\"?", name, suggest.best);
}

/* Takes `-c FILE` and `-cFILE` out of the arguments, wherever they stand before `--`. */
static bool
take_config_path(int *argc, char **argv, const char **path)
{
	int kept = 0;
	for (int i = 0; i < *argc; i++) {
		if (strcmp(argv[i], "--") == 0) {
			while (i < *argc)
				argv[kept++] = argv[i++];
			break;
		}
		if (strncmp(argv[i], "-c", 2) != 0) {
			argv[kept++] = argv[i];
			continue;
		}
		*path = argv[i][2] ? argv[i] + 2 : i + 1 < *argc ? argv[++i] : NULL;
		if (!*path)
			return false;
	}
	*argc = kept;
	argv[kept] = NULL;
	return true;
}

int
main(int argc, char **argv)
{
	const char *config_path = NULL;
	json_set_alloc_funcs(mem_new, free); /* no document is read or written by halves */
	if (!take_config_path(&argc, argv, &config_path))
		return usage_error("-c wants a FILE behind it");
	if (argc < 2)
		return usage_error("a verb is wanted");
	if (strcmp(argv[1], "--version") == 0) {
		printf("aiwatch %s\n", AIWATCH_VERSION);
		return close_output(0);
	}
	if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0) {
		print_help();
		return close_output(0);
	}
	const struct verb *verb = verb_find(argv[1]);
	if (!verb)
		return unknown_verb(argv[1]);
	for (int i = 2; i < argc && strcmp(argv[i], "--") != 0; i++) {
		if (strcmp(argv[i], "--help") != 0 && strcmp(argv[i], "-h") != 0)
			continue;
		print_verb_help(verb);
		return close_output(0);
	}
	return close_output(verb->run(config_path, argc - 1, argv + 1));
}
