#include "config/config.h"
#include "daemon/base/mem.h"
#include "daemon/ruleset.h"
#include "daemon/setup.h"
#include "daemon/sink/sink.h"
#include "daemon/verb.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* As whom the packaged service runs. */
#define SERVICE_USER "aiwatch"

static void
write_out(struct buf *text)
{
	if (text->n > 0)
		fwrite(text->p, 1, text->n, stdout);
	buf_fini(text);
}

static void
print_summary(const struct config *config, const struct rules *rules)
{
	size_t slow = 0;
	struct buf text = BUF_INIT;
	buf_format(&text, "%s: %zu input%s, %zu rule%s, %zu sink%s",
		config->path ? config->path : "defaults", config->input_count,
		config->input_count == 1 ? "" : "s", config->rule_count,
		config->rule_count == 1 ? "" : "s", config->sink_count,
		config->sink_count == 1 ? "" : "s");
	for (size_t i = 0; i < rules_count(rules); i++) {
		if (rules_literal(rules, i))
			continue;
		buf_format(&text, "%s%s", slow++ == 0 ? "; slow, for want of a literal: " : ", ",
			rules_definition(rules, i)->name);
	}
	buf_add_byte(&text, '\n');
	write_out(&text);
}

static bool
take_arguments(int argc, char **argv, bool *print)
{
	for (int i = 1; i < argc; i++) {
		if (strcmp(argv[i], "--print") != 0)
			return false;
		*print = true;
	}
	return true;
}

/* Asked here alone: a reload makes no system call on a log's path, for it might hang. */
static void
check_folders(const struct config_input *input, struct config_problems *problems)
{
	struct stat status;
	for (size_t i = 0; i < input->paths.count; i++) {
		const char *path = input->paths.item[i];
		if (stat(path, &status) == 0 && S_ISDIR(status.st_mode))
			config_problems_add(problems, input->place, true,
				"input %s: %s is a folder; %s/**/*AIUpdateSvc.log are the logs "
				"below it",
				input->name, path, path);
	}
}

/* The path of a secret that is in a file, as config_secret.from has it; NULL of another. */
static const char *
path_of(const char *from)
{
	return from && strncmp(from, "file ", 5) == 0 ? from + 5 : NULL;
}

static void
check_readable(struct config_place place, const char *path, struct config_problems *problems)
{
	if (path && faccessat(AT_FDCWD, path, R_OK, AT_EACCESS) != 0)
		config_problems_add(problems, place, true,
			"the service runs as user " SERVICE_USER ", who cannot read %s: %s", path,
			strerror(errno));
}

static void
check_named_by(const struct config_sink *sink, struct config_problems *problems)
{
	const char *secret[] = {sink->routing_key.from, sink->secret.from, sink->bearer.from};
	const char *file[] = {sink->ca, sink->cert, sink->key};
	const struct config_pairs *pairs[] = {&sink->basic, &sink->headers};
	for (size_t i = 0; i < COUNT(secret); i++)
		check_readable(sink->place, path_of(secret[i]), problems);
	for (size_t i = 0; i < COUNT(file); i++)
		check_readable(sink->place, file[i], problems);
	for (size_t i = 0; i < COUNT(pairs); i++) {
		for (size_t k = 0; k < pairs[i]->count; k++)
			check_readable(sink->place, path_of(pairs[i]->item[k].from), problems);
	}
}

/* Root may read what the service may not, and would call its configuration good. */
static void
check_as_service(const struct config *config, struct config_problems *problems)
{
	char names[4096];
	struct passwd entry, *user = NULL;
	if (geteuid() != 0 || getpwnam_r(SERVICE_USER, &entry, names, sizeof names, &user) != 0 ||
		!user || !config->path || strcmp(config->path, CONFIG_DEFAULT_PATH) != 0)
		return;
	if (initgroups(user->pw_name, user->pw_gid) != 0 || setegid(user->pw_gid) != 0 ||
		seteuid(user->pw_uid) != 0)
		return;
	for (size_t i = 0; i < config->files.count; i++) {
		struct config_place place = {.file = config->files.item[i]};
		check_readable(place, config->files.item[i], problems);
	}
	for (size_t i = 0; i < config->sink_count; i++)
		check_named_by(&config->sinks[i], problems);
	if (seteuid(0) != 0)
		fprintf(stderr, "aiwatch: cannot be root again: %s\n", strerror(errno));
}

static void
check_parts(const struct config *config, struct config_problems *problems)
{
	ruleset_check(config, problems);
	sinks_check(config, problems);
	for (size_t i = 0; i < config->input_count; i++)
		check_folders(&config->inputs[i], problems);
	check_as_service(config, problems);
}

/* What is printed may be read from elsewhere: paths in it start at the root. To be freed. */
static char *
absolute(const char *path)
{
	char *folder = path && *path != '/' ? get_current_dir_name() : NULL;
	char *whole = folder ? mem_format("%s/%s", folder, path) : mem_text(path);
	free(folder);
	return whole;
}

static int
run_check_config(const char *config_path, int argc, char **argv)
{
	bool print = false;
	if (!take_arguments(argc, argv, &print))
		return verb_usage_error(&VERB_CHECK_CONFIG, "only --print is taken");
	const char *found = config_find(config_path);
	if (!found)
		fprintf(stderr, "aiwatch: no %s: the defaults are used\n", CONFIG_DEFAULT_PATH);
	struct config_problems problems;
	char *path = print ? absolute(found) : mem_text(found);
	struct config *config = config_load_checked(path, check_parts, &problems);
	free(path);
	setup_print_problems(&problems);
	config_problems_fini(&problems);
	if (!config)
		return EXIT_CONFIG;
	if (print) {
		struct buf text = BUF_INIT;
		config_print(config, &text);
		write_out(&text);
	} else {
		struct rules *rules = ruleset_compile(config, &problems);
		print_summary(config, rules);
		rules_free(rules);
	}
	config_free(config);
	return 0;
}

const struct verb VERB_CHECK_CONFIG = {
	.name = "check-config",
	.arguments = "[--print]",
	.summary = "read the configuration, compile the rules, open nothing",
	.help = "Prints everything that is wrong with the configuration, each as\n"
		"`file:line:column: sentence` with the line and a caret, and otherwise one line:\n"
		"what is configured, and which rules are slow for want of a literal. A secret\n"
		"that this user may not read is a warning; run by root on the service's own\n"
		"configuration, so is a file that the service's user may not read.\n"
		"\n"
		"  --print       print the whole configuration as it is understood, defaults and\n"
		"                shipped rules included, as YAML; secrets as where they come from\n"
		"\n"
		"exit: 0 good, 78 not\n",
	.run = run_check_config,
};
