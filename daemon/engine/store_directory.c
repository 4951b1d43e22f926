#include "daemon/engine/store_sql.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum { ASIDE_MAX = 9 };

/* The first free number, or the last. */
static char *
aside_name(const struct store *store)
{
	for (int n = 1;; n++) {
		char *name = mem_format("%s.set-aside.%d", store->path, n);
		if (n == ASIDE_MAX || access(name, F_OK) != 0)
			return name;
		free(name);
	}
}

bool
store_set_aside(struct store *store, struct err *err)
{
	static const char *const SUFFIX[] = {"-wal", "-shm", ""}; /* the log first */
	struct err why = *err;
	char *name = aside_name(store);
	bool ok = true;
	for (size_t i = 0; i < COUNT(SUFFIX) && ok; i++) {
		char *from = mem_format("%s%s", store->path, SUFFIX[i]);
		char *to = mem_format("%s%s", name, SUFFIX[i]);
		unlink(to);
		ok = rename(from, to) == 0 || errno == ENOENT ||
		     err_system(err, errno, "%s; it cannot be renamed", why.text);
		free(from);
		free(to);
	}
	int directory = open(store->directory, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (directory >= 0) {
		fsync(directory);
		close(directory);
	}
	if (ok)
		err_set(err, "%s; set aside as %s, a new one is begun", why.text, name);
	free(name);
	return ok;
}

bool
store_make_directory(const struct store *store, bool *fatal, struct err *err)
{
	struct stat status;
	*fatal = false;
	if (mkdir(store->directory, 0750) == 0) {
		char *parent = mem_format("%s/..", store->directory);
		int fd = open(parent, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		free(parent);
		if (fd >= 0) {
			fsync(fd);
			close(fd);
		}
		return true;
	}
	int code = errno;
	if (code == EEXIST && stat(store->directory, &status) == 0) {
		*fatal = !S_ISDIR(status.st_mode);
		return !*fatal || err_system(err, ENOTDIR, "state directory %s", store->directory);
	}
	*fatal = code != ENOSPC && code != EROFS && code != EDQUOT;
	return err_system(err, code, "cannot make the state directory %s", store->directory);
}

bool
store_take_lock(struct store *store, bool *held, struct err *err)
{
	char *path = mem_format("%s/aiwatch.lock", store->directory);
	char text[24] = "";
	bool ok = false;
	*held = false;
	bool writable = true;
	store->lock = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (store->lock < 0) {
		err_system(err, errno, "state directory %s: cannot be written", store->directory);
		writable = false;
		store->lock = open(path, O_RDONLY | O_CLOEXEC);
	}
	if (store->lock >= 0 && flock(store->lock, LOCK_EX | LOCK_NB) != 0) {
		*held = errno == EWOULDBLOCK;
		err_system(err, errno, "cannot lock %s", path);
		ssize_t n = pread(store->lock, text, sizeof text - 1, 0);
		text[n > 0 ? n : 0] = '\0';
		text[strcspn(text, "\n")] = '\0';
		if (*held)
			err_set(err, "state directory %s: in use by another aiwatch%s%s",
				store->directory, text[0] ? ", process " : "", text);
		close(store->lock);
		store->lock = -1;
	} else if (writable) {
		/* On a full disk the number is missing, the lock holds all the same. */
		int n = snprintf(text, sizeof text, "%d\n", (int)getpid());
		if (ftruncate(store->lock, 0) != 0 || pwrite(store->lock, text, (size_t)n, 0) != n)
			log_debug("%s: the process number could not be written", path);
		ok = true;
	}
	free(path);
	return ok;
}
