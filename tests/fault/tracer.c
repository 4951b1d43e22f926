/*
 * tracer FAULT N COUNT COMMAND…: runs the command, and lets FAULT happen where it enters its N-th
 * system call, counted over all threads; with N 0 it is left alone.
 *
 *   kill   all its threads at once, from exec on; the call is not carried out
 *   EIO …  the call is not carried out and returns the error; only calls that may return it count,
 *          and only from the first open of a file *.yml on: before that the loader works
 *   short  a read or write gets half of the length that it asked for; only those count
 *
 * An eventfd returns none of this.
 *
 * The file COUNT receives "PID" at the start, and at the end "PID CALLS NAME": how many calls were
 * counted and the number of the last. Exit: the command's, or 137 where it was killed. Knows the
 * registers of x86-64 only.
 */
#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ptrace.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <sys/user.h>
#include <sys/wait.h>
#include <unistd.h>

#define OPENS	SYS_open, SYS_openat, SYS_openat2
#define READS	SYS_read, SYS_pread64, SYS_readv
#define WRITES	SYS_write, SYS_pwrite64, SYS_writev
#define LOOKS	SYS_stat, SYS_fstat, SYS_lstat, SYS_newfstatat, SYS_statx, SYS_statfs, SYS_fstatfs
#define HANDLES SYS_name_to_handle_at, SYS_open_by_handle_at
#define NAMES	SYS_rename, SYS_unlink, SYS_mkdir, SYS_access, SYS_readlink
#define SYNCS	SYS_fsync, SYS_fdatasync, SYS_ftruncate, SYS_fallocate
#define WAITS	SYS_epoll_wait, SYS_poll, SYS_ppoll
#define TALKS	SYS_accept4, SYS_connect, SYS_sendto, SYS_recvfrom, SYS_sendmsg, SYS_recvmsg

#define CALLS(...)              \
	.call = (const long[])  \
	{                       \
		__VA_ARGS__, -1 \
	}

/* What a call may return, as its manual or a file system on the network has it. */
static const struct fault {
	const char *name;
	int error;	  /* 0 for none */
	const long *call; /* NULL for all; -1 ends it */
} FAULTS[] = {
	{"kill", 0, NULL},
	{"short", 0, CALLS(SYS_read, SYS_pread64, SYS_write, SYS_pwrite64)},
	{"EIO", EIO,
		CALLS(OPENS, READS, WRITES, LOOKS, HANDLES, NAMES, SYNCS, SYS_getdents64, SYS_lseek,
			SYS_close)},
	{"ENOSPC", ENOSPC,
		CALLS(OPENS, WRITES, SYNCS, SYS_rename, SYS_mkdir, SYS_inotify_add_watch,
			SYS_close)},
	{"EMFILE", EMFILE,
		CALLS(OPENS, SYS_open_by_handle_at, SYS_inotify_init1, SYS_socket, SYS_accept4,
			SYS_memfd_create, SYS_eventfd2, SYS_timerfd_create, SYS_epoll_create1,
			SYS_signalfd4)},
	{"EACCES", EACCES, CALLS(OPENS, LOOKS, HANDLES, NAMES, SYS_inotify_add_watch)},
	{"ESTALE", ESTALE, CALLS(OPENS, READS, LOOKS, HANDLES, NAMES, SYS_getdents64, SYS_lseek)},
	{"EINTR", EINTR,
		CALLS(OPENS, READS, WRITES, WAITS, SYNCS, TALKS, SYS_close, SYS_flock, SYS_statfs,
			SYS_fstatfs)},
	{"ENOMEM", ENOMEM,
		CALLS(OPENS, LOOKS, HANDLES, SYS_mmap, SYS_mremap, SYS_clone3, SYS_clone,
			SYS_inotify_init1, SYS_inotify_add_watch, SYS_poll, SYS_ppoll, SYS_socket,
			SYS_getdents64, SYS_epoll_ctl, SYS_memfd_create)},
};

struct tracing {
	const struct fault *fault;
	unsigned long at; /* 0: never */
	unsigned long entered;
	long last;
	pid_t failing; /* the thread whose call is under way and is to fail; 0 for none */
	bool counts;
	pid_t pid;
	const char *count;
};

static void
write_count(const struct tracing *tracing, bool is_end)
{
	FILE *out = fopen(tracing->count, "w");

	if (!out) {
		perror(tracing->count);
		exit(2);
	}
	if (is_end)
		fprintf(out, "%d %lu %ld\n", tracing->pid, tracing->entered, tracing->last);
	else
		fprintf(out, "%d\n", tracing->pid);
	fclose(out);
}

static bool
is_configuration(pid_t id, const struct __ptrace_syscall_info *call)
{
	char path[512] = "";
	struct iovec to = {path, sizeof(path) - 1}, from = {NULL, sizeof(path) - 1};

	if (call->entry.nr != SYS_openat)
		return false;
	memcpy(&from.iov_base, &call->entry.args[1], sizeof(from.iov_base));
	return process_vm_readv(id, &to, 1, &from, 1, 0) > 4 && strstr(path, ".yml");
}

static bool
is_eventfd(pid_t id, unsigned long long descriptor)
{
	char path[64], target[64] = "";

	snprintf(path, sizeof(path), "/proc/%d/fd/%llu", id, descriptor);
	return readlink(path, target, sizeof(target) - 1) > 0 && strstr(target, "[eventfd]");
}

static bool
is_of_kind(const struct tracing *tracing, pid_t id, const struct __ptrace_syscall_info *entered)
{
	const long *call = tracing->fault->call, number = (long)entered->entry.nr;

	while (call && *call >= 0 && *call != number)
		call++;
	if (!call)
		return true;
	return *call >= 0 && ((number != SYS_write && number != SYS_read) ||
				     !is_eventfd(id, entered->entry.args[0]));
}

static void
set_register(pid_t id, size_t place, unsigned long long value)
{
	if (ptrace(PTRACE_POKEUSER, id, place, value) != 0)
		perror("register");
}

static void
begin_fault(struct tracing *tracing, pid_t id, const struct __ptrace_syscall_info *call)
{
	const unsigned long long length = call->entry.args[2];

	fprintf(stderr, "tracer: %s in system call %lld, descriptor %lld\n", tracing->fault->name,
		(long long)call->entry.nr, (long long)call->entry.args[0]);
	if (tracing->fault->error) {
		tracing->failing = id;
		set_register(id, offsetof(struct user, regs.orig_rax), (unsigned long long)-1);
	} else if (!tracing->fault->call) {
		kill(tracing->pid, SIGKILL);
	} else if (length > 1) {
		set_register(id, offsetof(struct user, regs.rdx), length / 2);
	}
}

static void
on_call(struct tracing *tracing, pid_t id)
{
	struct __ptrace_syscall_info call;

	if (ptrace(PTRACE_GET_SYSCALL_INFO, id, sizeof(call), &call) <= 0)
		return;
	if (call.op == PTRACE_SYSCALL_INFO_EXIT && tracing->failing == id) {
		tracing->failing = 0;
		set_register(id, offsetof(struct user, regs.rax),
			(unsigned long long)-tracing->fault->error);
	}
	if (call.op != PTRACE_SYSCALL_INFO_ENTRY)
		return;
	tracing->counts |= is_configuration(id, &call);
	if (!tracing->counts || !is_of_kind(tracing, id, &call))
		return;
	tracing->entered++;
	tracing->last = (long)call.entry.nr;
	if (tracing->entered == tracing->at)
		begin_fault(tracing, id, &call);
}

/* What is to be passed on of the signal that a stopped thread reports. */
static int
on_stop(struct tracing *tracing, pid_t id, int status)
{
	const int number = WSTOPSIG(status);

	if (number == (SIGTRAP | 0x80)) {
		on_call(tracing, id);
		return 0;
	}
	if (status >> 16 != 0) /* clone, exec and their kind */
		return 0;
	if (number == SIGSTOP) /* how a new thread begins */
		return 0;
	return number;
}

static int
follow(struct tracing *tracing)
{
	int status;
	pid_t id;

	while ((id = waitpid(-1, &status, __WALL)) > 0 || errno == EINTR) {
		if (id < 0)
			continue;
		if (WIFSTOPPED(status)) {
			ptrace(PTRACE_SYSCALL, id, NULL, on_stop(tracing, id, status));
			continue;
		}
		if (id == tracing->pid)
			break;
	}
	write_count(tracing, true);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static const struct fault *
find_fault(const char *name)
{
	for (size_t i = 0; i < sizeof(FAULTS) / sizeof(FAULTS[0]); i++)
		if (strcmp(FAULTS[i].name, name) == 0)
			return &FAULTS[i];
	return NULL;
}

int
main(int argc, char **argv)
{
	struct tracing tracing = {.last = -1};
	int status;

	if (argc < 5 || !(tracing.fault = find_fault(argv[1]))) {
		fprintf(stderr, "usage: tracer FAULT N COUNT COMMAND...\n");
		return 64;
	}
	tracing.at = strtoul(argv[2], NULL, 10);
	tracing.count = argv[3];
	tracing.counts = !tracing.fault->call;
	tracing.pid = fork();
	if (tracing.pid == 0) {
		ptrace(PTRACE_TRACEME, 0, NULL, NULL);
		execv(argv[4], argv + 4);
		perror(argv[4]);
		_exit(127);
	}
	signal(SIGTERM, SIG_IGN);
	if (waitpid(tracing.pid, &status, 0) < 0 || !WIFSTOPPED(status))
		return 127;
	ptrace(PTRACE_SETOPTIONS, tracing.pid, NULL,
		PTRACE_O_TRACESYSGOOD | PTRACE_O_TRACECLONE | PTRACE_O_TRACEFORK |
			PTRACE_O_TRACEVFORK | PTRACE_O_TRACEEXEC | PTRACE_O_EXITKILL);
	write_count(&tracing, false);
	ptrace(PTRACE_SYSCALL, tracing.pid, NULL, NULL);
	return follow(&tracing);
}
