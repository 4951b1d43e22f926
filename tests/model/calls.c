#include "tests/model/calls.h"

#include "daemon/input/archive.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

static const struct {
	const char *name;
	int error;
} FAULT[CALLS_FAULTS] = {
	[CALLS_EIO] = {"EIO", EIO},
	[CALLS_ENOSPC] = {"ENOSPC", ENOSPC},
	[CALLS_EMFILE] = {"EMFILE", EMFILE},
	[CALLS_EACCES] = {"EACCES", EACCES},
	[CALLS_ESTALE] = {"ESTALE", ESTALE},
	[CALLS_EINTR] = {"EINTR", EINTR},
	[CALLS_ENOMEM] = {"ENOMEM", ENOMEM},
	[CALLS_SHORT] = {"short", 0},
};

static struct {
	int depth;
	enum calls_fault fault;
	unsigned at, count; /* calls until it fails, then failures that are left; 0 for none */
	bool has_failed;
	void (*happen)(void *owner);
	void *owner;
	unsigned meet_at;
} calls;

const char *
calls_fault_name(enum calls_fault fault)
{
	return FAULT[fault].name;
}

void
calls_enter(void)
{
	calls.depth++;
}

void
calls_leave(void)
{
	calls.depth--;
}

void
calls_fail(enum calls_fault fault, unsigned at, unsigned count)
{
	calls.fault = fault;
	calls.at = at;
	calls.count = count;
	calls.has_failed = false;
}

void
calls_fail_no_more(void)
{
	calls.at = calls.count = 0;
}

bool
calls_have_failed(void)
{
	return calls.has_failed;
}

void
calls_meet(void (*happen)(void *owner), void *owner, unsigned at)
{
	calls.happen = happen;
	calls.owner = owner;
	calls.meet_at = at;
}

static void
meet(void)
{
	void (*happen)(void *owner) = calls.happen;

	if (!happen || calls.meet_at == 0 || --calls.meet_at > 0)
		return;
	calls.happen = NULL;
	calls.depth--;
	happen(calls.owner);
	calls.depth++;
}

#define CAN(fault)   (1u << CALLS_##fault)
#define CAN_READ     (CAN(EIO) | CAN(ESTALE) | CAN(EINTR))
#define CAN_LOOK     (CAN(EIO) | CAN(EACCES) | CAN(ESTALE) | CAN(ENOMEM))
#define CAN_OPEN     (CAN_LOOK | CAN(EMFILE) | CAN(EINTR))
#define CAN_BE_SHORT CAN(SHORT)

/* Counts a call; true, with errno, where it fails. `can` are the faults that it may suffer. */
static bool
fails(unsigned can)
{
	if (calls.depth == 0)
		return false;
	meet();
	if (!(can & (1u << calls.fault)) || calls.at == 0)
		return false;
	if (calls.at > 1) {
		calls.at--;
		return false;
	}
	if (calls.count == 0)
		return false;
	calls.count--;
	calls.has_failed = true;
	errno = FAULT[calls.fault].error;
	return true;
}

/* The same for one that reads or writes n bytes, which may also become fewer. */
static bool
fails_within(unsigned can, size_t *n)
{
	if (!fails(can | CAN_BE_SHORT))
		return false;
	if (calls.fault != CALLS_SHORT)
		return true;
	*n = *n > 1 ? *n / 2 : *n;
	return false;
}

#define REAL(call) __real_##call
#define WRAPPED(result, call, ...)         \
	result REAL(call)(__VA_ARGS__);    \
	result __wrap_##call(__VA_ARGS__); \
	result __wrap_##call(__VA_ARGS__)

WRAPPED(int, open64, const char *path, int flags, ...)
{
	va_list args;

	va_start(args, flags);
	const mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	return fails(CAN_OPEN) ? -1 : REAL(open64)(path, flags, mode);
}

WRAPPED(int, open_by_handle_at, int mount, struct file_handle *handle, int flags)
{
	return fails(CAN_OPEN) ? -1 : REAL(open_by_handle_at)(mount, handle, flags);
}

WRAPPED(int, name_to_handle_at, int folder, const char *name, struct file_handle *handle,
	int *mount, int flags)
{
	return fails(CAN_LOOK) ? -1 : REAL(name_to_handle_at)(folder, name, handle, mount, flags);
}

WRAPPED(int, statx, int folder, const char *path, int flags, unsigned mask, struct statx *out)
{
	return fails(CAN_LOOK) ? -1 : REAL(statx)(folder, path, flags, mask, out);
}

WRAPPED(int, statfs64, const char *path, struct statfs64 *out)
{
	return fails(CAN_LOOK) ? -1 : REAL(statfs64)(path, out);
}

WRAPPED(int, fstatfs64, int fd, struct statfs64 *out)
{
	return fails(CAN_LOOK) ? -1 : REAL(fstatfs64)(fd, out);
}

WRAPPED(ssize_t, read, int fd, void *bytes, size_t n)
{
	return fails(CAN_READ) ? -1 : REAL(read)(fd, bytes, n);
}

WRAPPED(ssize_t, pread64, int fd, void *bytes, size_t n, off64_t at)
{
	return fails_within(CAN_READ, &n) ? -1 : REAL(pread64)(fd, bytes, n, at);
}

WRAPPED(ssize_t, pwrite64, int fd, const void *bytes, size_t n, off64_t at)
{
	return fails_within(CAN(ENOSPC) | CAN(EINTR), &n) ? -1 : REAL(pwrite64)(fd, bytes, n, at);
}

WRAPPED(off64_t, lseek64, int fd, off64_t at, int from)
{
	return fails(CAN(EIO) | CAN(ESTALE)) ? -1 : REAL(lseek64)(fd, at, from);
}

/* The descriptor is gone whatever close says. */
WRAPPED(int, close, int fd)
{
	const bool fail = fails(CAN(EIO) | CAN(EINTR) | CAN(ENOSPC));
	const int error = errno, result = REAL(close)(fd);

	errno = fail ? error : errno;
	return fail ? -1 : result;
}

WRAPPED(int, fcntl64, int fd, int command, ...)
{
	va_list args;

	va_start(args, command);
	const intptr_t value = va_arg(args, intptr_t);
	va_end(args);
	const unsigned can = command == F_DUPFD_CLOEXEC ? CAN(EMFILE) : CAN(EACCES) | CAN(ENOMEM);
	return fails(can) ? -1 : REAL(fcntl64)(fd, command, value);
}

WRAPPED(DIR *, opendir, const char *path)
{
	return fails(CAN_OPEN) ? NULL : REAL(opendir)(path);
}

WRAPPED(struct dirent64 *, readdir64, DIR *folder)
{
	return fails(CAN(EIO) | CAN(ESTALE)) ? NULL : REAL(readdir64)(folder);
}

WRAPPED(int, inotify_init1, int flags)
{
	return fails(CAN(EMFILE) | CAN(ENOMEM)) ? -1 : REAL(inotify_init1)(flags);
}

WRAPPED(int, inotify_add_watch, int fd, const char *path, uint32_t mask)
{
	return fails(CAN(ENOSPC) | CAN(EACCES) | CAN(ENOMEM))
		       ? -1
		       : REAL(inotify_add_watch)(fd, path, mask);
}

WRAPPED(int, memfd_create, const char *name, unsigned flags)
{
	return fails(CAN(EMFILE) | CAN(ENOMEM)) ? -1 : REAL(memfd_create)(name, flags);
}

WRAPPED(struct archive_file *, archive_file_open, int fd, struct err *err)
{
	if (!fails(CAN_READ | CAN(ENOMEM)))
		return REAL(archive_file_open)(fd, err);
	err_system(err, errno, "made to fail");
	return NULL;
}

WRAPPED(ssize_t, archive_file_read, struct archive_file *file, void *bytes, size_t n,
	struct err *err)
{
	if (!fails_within(CAN_READ | CAN(ENOMEM), &n))
		return REAL(archive_file_read)(file, bytes, n, err);
	err_system(err, errno, "made to fail");
	return -1;
}
