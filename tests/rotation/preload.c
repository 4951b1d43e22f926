/*
 * Preloaded into the program that is judged: a clock that jumps, and a share that once reports a
 * log as half as long as it is.
 *
 *   JUDGE_CLOCK   file that holds the seconds by which the time of day is off; may change
 *   JUDGE_SHRINK  while this file exists, the next look at the size of a log over 1,000 bytes gets
 *                 half of it; the look removes the file
 */
#include <dlfcn.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

static void *
real(const char *name)
{
	return dlsym(RTLD_NEXT, name);
}

int
clock_gettime(clockid_t clock, struct timespec *time)
{
	static int (*call)(clockid_t, struct timespec *);
	const char *path = getenv("JUDGE_CLOCK");
	char text[32] = "";
	int result, fd;

	if (!call)
		call = real("clock_gettime");
	result = call(clock, time);
	if (clock != CLOCK_REALTIME || !path)
		return result;
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0) {
		if (read(fd, text, sizeof(text) - 1) > 0)
			time->tv_sec += atol(text);
		close(fd);
	}
	return result;
}

static bool
is_to_shrink(int fd, const char *name, unsigned mode, unsigned long long size)
{
	const char *path = getenv("JUDGE_SHRINK");
	char link[64], target[512];
	ssize_t n;

	if (!path || !S_ISREG(mode) || size < 1000 || access(path, F_OK) != 0)
		return false;
	if (name && *name) {
		snprintf(target, sizeof(target), "%s", name);
	} else {
		snprintf(link, sizeof(link), "/proc/self/fd/%d", fd);
		n = readlink(link, target, sizeof(target) - 1);
		if (n < 0)
			return false;
		target[n] = '\0';
	}
	n = (ssize_t)strlen(target);
	return n > 4 && strcmp(target + n - 4, ".log") == 0 && unlink(path) == 0;
}

int
fstat(int fd, struct stat *status)
{
	static int (*call)(int, struct stat *);
	int result;

	if (!call)
		call = real("fstat");
	result = call(fd, status);
	if (result == 0 &&
		is_to_shrink(fd, NULL, status->st_mode, (unsigned long long)status->st_size))
		status->st_size /= 2;
	return result;
}

int
fstatat(int folder, const char *restrict name, struct stat *restrict status, int flags)
{
	static int (*call)(int, const char *, struct stat *, int);
	int result;

	if (!call)
		call = real("fstatat");
	result = call(folder, name, status, flags);
	if (result == 0 &&
		is_to_shrink(folder, name, status->st_mode, (unsigned long long)status->st_size))
		status->st_size /= 2;
	return result;
}

int
stat(const char *restrict name, struct stat *restrict status)
{
	return fstatat(AT_FDCWD, name, status, 0);
}

int
statx(int folder, const char *restrict name, int flags, unsigned mask,
	struct statx *restrict status)
{
	static int (*call)(int, const char *, int, unsigned, struct statx *);
	int result;

	if (!call)
		call = real("statx");
	result = call(folder, name, flags, mask, status);
	if (result == 0 && is_to_shrink(folder, name, status->stx_mode, status->stx_size))
		status->stx_size /= 2;
	return result;
}
