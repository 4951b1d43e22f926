/*
 * Preloaded into the daemon: calls on files that fail or hang as long as a test wants it. FAULTS
 * names a file of lines "CALL WHAT PATH": WHAT is the number of an errno, or 0 to hang until the
 * line is gone; PATH is a part of the path, or "-" for calls without one.
 */
#include <dirent.h>
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

/* -1: the call goes through. The file is read without a descriptor of the callers' kind of calls.
 */
static int
fault_of(const char *call, const char *path)
{
	char name[32], part[256];
	int code = -1, found = -1;
	FILE *faults = fopen(getenv("FAULTS"), "re");
	if (!faults)
		return -1;
	while (found < 0 && fscanf(faults, "%31s %d %255s", name, &code, part) == 3) {
		if (strcmp(name, call) == 0 && (strcmp(part, "-") == 0 || strstr(path, part)))
			found = code;
	}
	fclose(faults);
	return found;
}

/* True where the call fails, with errno set. */
static int
fails(const char *call, const char *path)
{
	int before = errno, code;
	while ((code = fault_of(call, path)) == 0)
		nanosleep(&(struct timespec){0, 20000000}, NULL);
	errno = code > 0 ? code : before;
	return code > 0;
}

static const char *
path_of(int fd, char path[512])
{
	char link[64];
	snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
	ssize_t n = readlink(link, path, 511);
	path[n > 0 ? n : 0] = '\0';
	return path;
}

int
open(const char *path, int flags, ...)
{
	static int (*call)(const char *, int, ...);
	va_list rest;
	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	if (!call)
		call = real("open64");
	return fails("open", path) ? -1 : call(path, flags, mode);
}

int
open64(const char *path, int flags, ...)
{
	va_list rest;
	va_start(rest, flags);
	mode_t mode = flags & O_CREAT ? va_arg(rest, mode_t) : 0;
	va_end(rest);
	return open(path, flags, mode);
}

ssize_t
pread64(int fd, void *bytes, size_t n, off64_t at)
{
	static ssize_t (*call)(int, void *, size_t, off64_t);
	char path[512];
	if (!call)
		call = real("pread64");
	return fails("pread", path_of(fd, path)) ? -1 : call(fd, bytes, n, at);
}

int
statx(int folder, const char *restrict path, int flags, unsigned mask, struct statx *restrict s)
{
	static int (*call)(int, const char *, int, unsigned, struct statx *);
	char own[512];
	if (!call)
		call = real("statx");
	if (fails("statx", *path ? path : path_of(folder, own)))
		return -1;
	return call(folder, path, flags, mask, s);
}

int
inotify_init1(int flags)
{
	static int (*call)(int);
	if (!call)
		call = real("inotify_init1");
	return fails("inotify_init1", "") ? -1 : call(flags);
}

int
inotify_add_watch(int fd, const char *path, uint32_t mask)
{
	static int (*call)(int, const char *, uint32_t);
	if (!call)
		call = real("inotify_add_watch");
	return fails("inotify_add_watch", path) ? -1 : call(fd, path, mask);
}

int
fdatasync(int fd)
{
	static int (*call)(int);
	char path[512];
	if (!call)
		call = real("fdatasync");
	return fails("fdatasync", path_of(fd, path)) ? -1 : call(fd);
}
