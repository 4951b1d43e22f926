/*
 * killer N COUNT COMMAND…: runs the command and kills it, all its threads at once, where it enters
 * its N-th system call, counted over all threads from exec on; the call is not carried out. With N
 * 0 it is left alone. The file COUNT receives "PID" at the start, and at the end "PID CALLS NAME":
 * how many calls were entered and the number of the last. Exit: the command's, or 137 where it was
 * killed.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ptrace.h>
#include <sys/types.h>
#include <sys/wait.h>
#include <unistd.h>

struct killing {
	unsigned long at; /* 0: never */
	unsigned long entered;
	long last;
	pid_t pid;
	const char *count;
};

static void
write_count(const struct killing *killing, bool is_end)
{
	FILE *out = fopen(killing->count, "w");

	if (!out) {
		perror(killing->count);
		exit(2);
	}
	if (is_end)
		fprintf(out, "%d %lu %ld\n", killing->pid, killing->entered, killing->last);
	else
		fprintf(out, "%d\n", killing->pid);
	fclose(out);
}

static void
on_call(struct killing *killing, pid_t id)
{
	struct __ptrace_syscall_info call;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof(call), &call) <= 0 ||
		call.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	killing->entered++;
	killing->last = (long)call.entry.nr;
	if (killing->entered == killing->at)
		kill(killing->pid, SIGKILL);
}

/* What is to be passed on of the signal that a stopped thread reports. */
static int
on_stop(struct killing *killing, pid_t id, int status)
{
	const int number = WSTOPSIG(status);

	if (number == (SIGTRAP | 0x80)) {
		on_call(killing, id);
		return 0;
	}
	if (status >> 16 != 0) /* clone, exec and their kind */
		return 0;
	if (number == SIGSTOP) /* how a new thread begins */
		return 0;
	return number;
}

static int
follow(struct killing *killing)
{
	int status;
	pid_t id;

	while ((id = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (id < 0)
			continue;
		if (WIFSTOPPED(status)) {
			ptrace(PTRACE_SYSCALL, id, NULL, on_stop(killing, id, status));
			continue;
		}
		if (id == killing->pid)
			break;
	}
	write_count(killing, true);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

int
main(int argc, char **argv)
{
	struct killing killing = {.last = -1};
	int status;

	if (argc < 4) {
		fprintf(stderr, "usage: killer N COUNT COMMAND...\n");
		return 64;
	}
	killing.at = strtoul(argv[1], NULL, 10);
	killing.count = argv[2];
	killing.pid = fork();
	if (killing.pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[3], argv + 3);
		perror(argv[3]);
		_exit(127);
	}
	signal(SIGTERM, SIG_IGN);
	if (waitpid(killing.pid, &status, 0) < 0 || !WIFSTOPPED(status))
		return 127;
	ptrace(PTRACE_SETOPTIONS, killing.pid, NULL,
		PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
	write_count(&killing, false);
	ptrace(PTRACE_SYSCALL, killing.pid, NULL, NULL);
	return follow(&killing);
}
