#include "daemon/setup.h"

#include "daemon/base/term.h"
#include "daemon/ruleset.h"

#include <stdio.h>
#include <unistd.h>

void
setup_print_problems(const struct config_problems *problems)
{
	struct buf text = BUF_INIT;
	config_problems_print(problems, term_has_colour(STDERR_FILENO), &text);
	if (text.n)
		fwrite(text.p, 1, text.n, stderr);
	buf_fini(&text);
}

struct config *
setup_config(const char *path, bool quiet)
{
	struct config_problems problems = {0};
	const char *found = config_find(path);
	if (!found && !quiet)
		fprintf(stderr, "aiwatch: no %s: the defaults are used\n", CONFIG_DEFAULT_PATH);
	struct config *config =
		quiet ? config_load_lenient(found, &problems) : config_load(found, &problems);
	if (!quiet || !config)
		setup_print_problems(&problems);
	config_problems_fini(&problems);
	return config;
}

struct rules *
setup_rules(const struct config *config)
{
	struct config_problems problems = {0};
	struct rules *rules = ruleset_compile(config, &problems);
	setup_print_problems(&problems);
	config_problems_fini(&problems);
	return rules;
}
