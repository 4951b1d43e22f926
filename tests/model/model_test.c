/*
 * The random model test: random histories of log files, the real input over them, and a reference
 * that knows every line. A history that fails is run again with steps left out until none can go,
 * and printed so that it can be run again.
 *
 *   model_test [--seed N] [--count N] [--seconds N] [--steps N] [--failures N] [--jobs N]
 *              [--without KIND,KIND] [--directory DIR] [--each-call]
 *   model_test --history 'TEXT' [--verbose]
 *
 * Steps that let calls fail ("fault") or come while the input looks ("during") are left out unless
 * --without names others. With --each-call every history is run once for each call of the input
 * that can fail, and each fault that it can suffer.
 */
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "tests/model/history.h"

#include <getopt.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

enum {
	JOBS_MAX = 64,
	HISTORY_SECONDS = 60,
	SHORTEN_SECONDS = 20,
	REPORT_ROOM = 16384,
	NEVER_FAILED = 3
};

struct options {
	uint64_t seed;
	uint64_t count;
	int64_t seconds;
	size_t steps;
	uint64_t failures; /* so many are shortened and reported before it ends */
	unsigned jobs;
	const char *directory;
	const char *history;
	const char *without;
	bool verbose;
	bool each_call;
};

/* A history runs in a process of its own: one that crashes or hangs has failed. */
struct job {
	pid_t pid;
	bool never_failed; /* the call that was to fail lies behind the history's end */
	uint64_t seed;
	struct history history;
	char *report; /* shared with the child */
};

static void
start_job(struct job *job, const struct options *options)
{
	job->report[0] = '\0';
	job->pid = fork();
	if (job->pid < 0) {
		perror("fork");
		exit(2);
	}
	if (job->pid == 0) {
		struct buf report = BUF_INIT;
		bool well;

		log_set_level(options->verbose ? LOG_LEVEL_DEBUG : LOG_LEVEL_ERROR);
		alarm(HISTORY_SECONDS);
		well = history_run(&job->history, options->directory, options->verbose, &report);
		if (!well)
			snprintf(job->report, REPORT_ROOM, "%s", report.p ? report.p : "");
		_exit(!well ? 1 : calls_have_failed() ? 0 : NEVER_FAILED);
	}
}

static bool
end_job(struct job *job, int status)
{
	job->pid = 0;
	job->never_failed = WIFEXITED(status) && WEXITSTATUS(status) == NEVER_FAILED;
	if (job->never_failed || (WIFEXITED(status) && WEXITSTATUS(status) == 0))
		return true;
	if (WIFSIGNALED(status))
		snprintf(job->report, REPORT_ROOM, "ended by signal %d%s\n", WTERMSIG(status),
			WTERMSIG(status) == SIGALRM ? ": hangs" : "");
	return false;
}

static bool
run_once(struct job *job, const struct options *options)
{
	int status;

	start_job(job, options);
	waitpid(job->pid, &status, 0);
	return end_job(job, status);
}

/* Leaves out what can be left out. A history that fails only now and then is tried three times. */
static void
shorten(struct job *job, const struct options *options)
{
	const int64_t limit = clock_monotonic() + SHORTEN_SECONDS * SECOND;

	for (size_t size = job->history.count / 2; size > 0; size /= 2)
		for (size_t at = 0; at + size <= job->history.count && clock_monotonic() < limit;) {
			const struct history kept = job->history;
			bool failed = false;

			memmove(&job->history.steps[at], &job->history.steps[at + size],
				(job->history.count - at - size) * sizeof(struct step));
			job->history.count -= size;
			for (int turn = 0; turn < 3 && !failed; turn++)
				failed = !run_once(job, options);
			if (failed)
				continue;
			job->history = kept;
			at += size;
		}
}

static void
report_failure(struct job *job, const struct options *options)
{
	struct buf text = BUF_INIT;
	char *first = mem_text(job->report);

	history_print(&job->history, &text);
	printf("seed %llu fails:\n%s", (unsigned long long)job->seed, first);
	printf("whole:    --history '%s'\n", text.p);
	fflush(stdout);
	shorten(job, options);
	for (int turn = 0; turn < 5 && run_once(job, options); turn++)
		;
	buf_clear(&text);
	history_print(&job->history, &text);
	printf("shortest: --history '%s'\n%s", text.p, job->report);
	fflush(stdout);
	buf_fini(&text);
	free(first);
}

static struct job *
find_job(struct job *jobs, unsigned count, pid_t pid)
{
	for (unsigned i = 0; i < count; i++)
		if (jobs[i].pid == pid)
			return &jobs[i];
	return NULL;
}

/* What comes next: another seed, or another call of the same one to fail. */
struct course {
	uint64_t seeds;
	enum calls_fault fault;
	unsigned fault_at;
};

static void
next_history(struct course *course, const struct options *options, struct job *job)
{
	job->seed = options->seed + course->seeds;
	history_draw(&job->history, job->seed, options->steps, options->without);
	if (options->each_call) {
		job->history.fault = course->fault;
		job->history.fault_at = ++course->fault_at;
	} else {
		course->seeds++;
	}
}

/* Behind the last call comes the next fault, behind the last fault the next seed. */
static void
end_of_history(struct course *course, const struct options *options, const struct job *job)
{
	if (!job->never_failed || !options->each_call ||
		job->seed != options->seed + course->seeds || job->history.fault != course->fault)
		return;
	course->fault_at = 0;
	if (++course->fault < CALLS_FAULTS)
		return;
	course->fault = 0;
	course->seeds++;
}

static int
run_many(const struct options *options, struct job *jobs)
{
	const int64_t begin = clock_monotonic();
	struct course course = {0};
	uint64_t done = 0, failed = 0;

	for (;;) {
		const bool more = course.seeds < options->count && failed < options->failures &&
				  (options->seconds == 0 ||
					  clock_monotonic() < begin + options->seconds * SECOND);
		struct job *job = more ? find_job(jobs, options->jobs, 0) : NULL;
		int status;
		pid_t pid;

		if (job) {
			next_history(&course, options, job);
			start_job(job, options);
			continue;
		}
		pid = wait(&status);
		if (pid < 0)
			break;
		job = find_job(jobs, options->jobs, pid);
		if (!job)
			continue;
		done++;
		if (!end_job(job, status) && failed++ < options->failures)
			report_failure(job, options);
		end_of_history(&course, options, job);
	}
	printf("%llu histories from seed %llu in %lld s, %llu failed\n", (unsigned long long)done,
		(unsigned long long)options->seed,
		(long long)((clock_monotonic() - begin) / SECOND), (unsigned long long)failed);
	return failed ? 1 : 0;
}

static int
run_one(const struct options *options, struct job *job)
{
	if (!history_parse(&job->history, options->history)) {
		fprintf(stderr, "not a history: %s\n", options->history);
		return 64;
	}
	if (run_once(job, options)) {
		printf("every line came as it should\n");
		return 0;
	}
	printf("%s", job->report);
	return 1;
}

static void
read_options(int argc, char **argv, struct options *options)
{
	static const struct option LONG[] = {{"seed", required_argument, NULL, 's'},
		{"count", required_argument, NULL, 'n'}, {"seconds", required_argument, NULL, 't'},
		{"steps", required_argument, NULL, 'l'}, {"without", required_argument, NULL, 'w'},
		{"failures", required_argument, NULL, 'f'}, {"jobs", required_argument, NULL, 'j'},
		{"directory", required_argument, NULL, 'd'}, {"each-call", no_argument, NULL, 'e'},
		{"history", required_argument, NULL, 'h'}, {"verbose", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0}};
	int option;

	while ((option = getopt_long(argc, argv, "", LONG, NULL)) != -1)
		switch (option) {
		case 's':
			options->seed = strtoull(optarg, NULL, 10);
			break;
		case 'n':
			options->count = strtoull(optarg, NULL, 10);
			break;
		case 't':
			options->seconds = strtoll(optarg, NULL, 10);
			break;
		case 'l':
			options->steps = strtoull(optarg, NULL, 10);
			break;
		case 'w':
			options->without = optarg;
			break;
		case 'f':
			options->failures = strtoull(optarg, NULL, 10);
			break;
		case 'j':
			options->jobs = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 'd':
			options->directory = optarg;
			break;
		case 'h':
			options->history = optarg;
			break;
		case 'e':
			options->each_call = true;
			break;
		case 'v':
			options->verbose = true;
			break;
		default:
			exit(64);
		}
	if (options->jobs == 0 || options->jobs > JOBS_MAX || options->steps < 2)
		exit(64);
}

int
main(int argc, char **argv)
{
	struct options options = {.seed = 1,
		.count = 1000,
		.steps = 24,
		.failures = 1,
		.without = "fault,during",
		.jobs = 4,
		.directory = access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp"};
	struct job jobs[JOBS_MAX] = {0};

	read_options(argc, argv, &options);
	for (unsigned i = 0; i < options.jobs; i++) {
		jobs[i].report = mmap(NULL, REPORT_ROOM, PROT_READ | PROT_WRITE,
			MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (jobs[i].report == MAP_FAILED) {
			perror("mmap");
			return 2;
		}
	}
	return options.history ? run_one(&options, &jobs[0]) : run_many(&options, jobs);
}
