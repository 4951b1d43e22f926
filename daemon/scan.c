#include "daemon/scan.h"

#include "daemon/base/mem.h"
#include "daemon/base/term.h"
#include "daemon/setup.h"
#include "daemon/verb.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { EXIT_WELL = 0, EXIT_TROUBLE = 1, EXIT_EXPIRED = 2, EXIT_CANNOT_TELL = 3 };

static const struct verdict {
	const char *name;
	int exit;
} VERDICT[] = {
	[SCAN_WELL] = {"well", EXIT_WELL},
	[SCAN_FAILING] = {"failing", EXIT_TROUBLE},
	[SCAN_SUSPECT] = {"suspect", EXIT_TROUBLE},
	[SCAN_EXPIRED] = {"expired", EXIT_EXPIRED},
	[SCAN_UNKNOWN] = {"unknown", EXIT_CANNOT_TELL},
};

const char *
scan_verdict_name(enum scan_verdict verdict)
{
	return VERDICT[verdict].name;
}

enum scan_verdict
scan_verdict_of(const struct scan_site *site)
{
	static const enum scan_verdict OF[SITE_STATES] = {
		[SITE_UNKNOWN] = SCAN_WELL,
		[SITE_HEALTHY] = SCAN_WELL,
		[SITE_ENROLL_REJECTED] = SCAN_SUSPECT,
		[SITE_SYNC_FORBIDDEN] = SCAN_SUSPECT,
		[SITE_EXPIRED] = SCAN_EXPIRED,
		[SITE_FAILING] = SCAN_FAILING,
	};
	return OF[site->state];
}

/* Expired is certain whatever else could not be read; all else only where all was read. */
enum scan_verdict
scan_verdict(const struct scan *scan)
{
	enum scan_verdict gravest = SCAN_WELL;
	for (const struct scan_site *site = scan->sites; site; site = site->hh.next) {
		if (scan_verdict_of(site) > gravest)
			gravest = scan_verdict_of(site);
	}
	bool blind = !scan->sites;
	for (size_t i = 0; i < scan->files.count; i++)
		blind = blind || scan->files.file[i].error;
	return blind && gravest != SCAN_EXPIRED ? SCAN_UNKNOWN : gravest;
}

size_t
scan_unknown_sites(const struct scan *scan)
{
	size_t count = 0;
	for (const struct scan_site *site = scan->sites; site; site = site->hh.next)
		count += site->state == SITE_UNKNOWN && site->incident_count == 0;
	return count;
}

struct arguments {
	bool json;
	const char *input;
	const char *html;  /* file to write the report to */
	const char **only; /* NULL-terminated */
	size_t only_count;
	const char **path;
	size_t path_count;
};

/* The value of an option that wants one, as `--name VALUE` or `--name=VALUE`; NULL: another word.
 */
static const char *
option_value(const char *name, int argc, char **argv, int *i)
{
	size_t n = strlen(name);
	if (strncmp(argv[*i], name, n) != 0)
		return NULL;
	if (argv[*i][n] == '=')
		return argv[*i] + n + 1;
	return argv[*i][n] || *i + 1 == argc ? NULL : argv[++*i];
}

static int
take_arguments(struct arguments *arguments, int argc, char **argv)
{
	bool options = true;
	for (int i = 1; i < argc; i++) {
		const char *value;
		if (!options || argv[i][0] != '-' || !argv[i][1])
			arguments->path[arguments->path_count++] = argv[i];
		else if (strcmp(argv[i], "--") == 0)
			options = false;
		else if (strcmp(argv[i], "--json") == 0)
			arguments->json = true;
		else if ((value = option_value("--input", argc, argv, &i)))
			arguments->input = value;
		else if ((value = option_value("--html", argc, argv, &i)))
			arguments->html = value;
		else if ((value = option_value("--site", argc, argv, &i)))
			arguments->only[arguments->only_count++] = value;
		else
			return verb_usage_error(
				&VERB_SCAN, "%s is no option, or wants a value behind it", argv[i]);
	}
	return arguments->path_count ? 0 : verb_usage_error(&VERB_SCAN, "a PATH is wanted");
}

static void
find_files(struct scan *scan, const struct arguments *arguments)
{
	size_t count;
	char **pattern = scan_patterns(scan, &count);
	for (size_t i = 0; i < arguments->path_count; i++) {
		size_t before = scan->files.count;
		scan_files_add(
			&scan->files, arguments->path[i], (const char *const *)pattern, count);
		if (scan->files.count == before)
			fprintf(stderr, "aiwatch scan: %s holds no file of that name: %s\n",
				arguments->path[i], count ? pattern[0] : "none");
	}
	for (size_t i = 0; i < count; i++)
		free(pattern[i]);
	free(pattern);
}

static void
print(struct scan *scan, bool json)
{
	struct buf out = BUF_INIT;
	if (json)
		scan_print_json(scan, &out);
	else
		scan_print_report(scan, term_has_colour(STDOUT_FILENO),
			term_columns(STDOUT_FILENO, 100), &out);
	fwrite(out.p, 1, out.n, stdout);
	buf_fini(&out);
}

static int
scan_with(const struct config *config, struct rules *rules, const struct arguments *arguments)
{
	struct scan scan;
	struct scan_progress progress = {0};
	struct err err = ERR_INIT;
	int code = EXIT_USAGE;
	if (!scan_open(&scan, config, rules, arguments->input, clock_wall(), &err)) {
		fprintf(stderr, "aiwatch scan: %s\n", err.text);
		goto out;
	}
	scan.every = arguments->json;
	scan.only = arguments->only_count ? arguments->only : NULL;
	scan_progress_attach(&progress, &scan);
	find_files(&scan, arguments);
	scan_read(&scan);
	scan_progress_end(&progress);
	if (!arguments->html || strcmp(arguments->html, "-") != 0)
		print(&scan, arguments->json);
	code = VERDICT[scan_verdict(&scan)].exit;
	if (arguments->html && !scan_write_html(&scan, arguments->html, &err)) {
		fprintf(stderr, "aiwatch scan: %s\n", err.text);
		code = EXIT_CANNOT_TELL;
	}
out:
	scan_close(&scan);
	return code;
}

static int
run_scan(const char *config_path, int argc, char **argv)
{
	struct arguments arguments = {
		.only = mem_array((size_t)argc + 1, sizeof(char *)),
		.path = mem_array((size_t)argc + 1, sizeof(char *)),
	};
	struct config *config = NULL;
	struct rules *rules = NULL;
	int code = take_arguments(&arguments, argc, argv);
	if (code)
		goto out;
	code = EXIT_CONFIG;
	config = setup_config(config_path, true);
	rules = config ? setup_rules(config) : NULL;
	if (rules)
		code = scan_with(config, rules, &arguments);
out:
	rules_free(rules);
	config_free(config);
	free(arguments.only);
	free(arguments.path);
	return code;
}

const struct verb VERB_SCAN = {
	.name = "scan",
	.arguments = "[--json] [--html FILE] [--site NAME] [--input NAME] PATH…",
	.summary = "read log files once: each site's history, and the verdict",
	.help = "Reads the files named, plain or compressed (gzip, xz, zstd, bzip2), and of\n"
		"folders all files whose names an input looks for, rotated ones too. Nothing is\n"
		"followed, stored or sent. Rules and correlation are the configuration's; a file\n"
		"that one of its inputs would follow is read as that input does, any other by\n"
		"the defaults.\n\n"
		"  --json         one JSON document instead of the report; every record is looked\n"
		"                 at and counted, which takes longer\n"
		"  --html FILE    writes the report as a page that one can mail, too; - for\n"
		"                 standard output, and then nothing else is printed\n"
		"  --site NAME    only this site; may be given more than once. Where the files\n"
		"                 are of one site of another name, NAME is the name it gets\n"
		"  --input NAME   read every file as this input of the configuration does\n\n"
		"exit: 0 all well, or nothing that a rule knows was found in the service's\n"
		"records, 1 suspect or failing, 2 expired, 3 cannot tell: a file could not be\n"
		"read, or none holds a record of the service\n",
	.run = run_scan,
};
