#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine/engine.h"
#include "daemon/setup.h"
#include "daemon/verb.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <sys/resource.h>
#include <unistd.h>

enum { NOFILE_MOST = 65536 };

/* Signals reach the engine's loop only; threads that are started later inherit the mask. */
static void
block_signals(void)
{
	sigset_t set;
	sigemptyset(&set);
	sigaddset(&set, SIGTERM);
	sigaddset(&set, SIGINT);
	sigaddset(&set, SIGHUP);
	pthread_sigmask(SIG_BLOCK, &set, NULL);
	signal(SIGPIPE, SIG_IGN); /* a receiver that is gone is an error of its sink */
}

/* As many files as the system lets a process have. */
static void
raise_limit(void)
{
	struct rlimit limit;
	if (getrlimit(RLIMIT_NOFILE, &limit) != 0)
		return;
	limit.rlim_cur = limit.rlim_max < NOFILE_MOST ? limit.rlim_max : NOFILE_MOST;
	setrlimit(RLIMIT_NOFILE, &limit);
}

static int
run(const char *config_path, int argc, char **argv)
{
	static const struct option OPTION[] = {{"debug", no_argument, NULL, 'd'}, {0}};
	struct err err = ERR_INIT;
	int letter;
	while ((letter = verb_next_option(&VERB_RUN, argc, argv, OPTION)) != -1) {
		if (letter != 'd')
			return EXIT_USAGE;
		log_set_level(LOG_LEVEL_DEBUG);
	}
	if (optind < argc)
		return verb_usage_error(&VERB_RUN, "\"%s\" is not wanted", argv[optind]);
	block_signals();
	raise_limit();
	mem_return_large();
	struct config *config = setup_config(config_path, false);
	if (!config)
		return EXIT_CONFIG;
	struct rules *rules = setup_rules(config);
	if (!rules) {
		config_free(config);
		return EXIT_CONFIG;
	}
	struct engine *engine = engine_new(config, rules, &err);
	if (!engine) {
		log_error("%s", err.text);
		return EXIT_CONFIG;
	}
	bool ok = engine_run(engine, &err);
	engine_free(engine);
	if (!ok)
		log_error("%s", err.text);
	return ok ? 0 : 1;
}

const struct verb VERB_RUN = {
	.name = "run",
	.arguments = "[--debug]",
	.summary = "follow the logs and alert; the daemon, in the foreground",
	.help = "Reads the configuration, follows the inputs and alerts through the sinks until\n"
		"SIGTERM. SIGHUP reads the configuration again: whole, or not at all.\n\n"
		"  --debug   log every decision about a file\n\n"
		"exit: 0 stopped, 78 the configuration or what it names cannot be used",
	.run = run,
};
