#include "daemon/input/object.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <unistd.h>

#ifndef AT_HANDLE_FID
#define AT_HANDLE_FID 0x200
#endif

enum { HANDLE_ROOM = 128 };

/* A key is: file system id (8), kind of handle (4), then the handle. */
enum { KEY_HEAD = 12 };

#define KIND_BIRTH  0xffff0001u /* inode and birth time instead of a handle */
#define KIND_DIGEST 0xffff0002u /* of a handle that is too long */

static int64_t
nanoseconds(struct statx_timestamp time)
{
	return (int64_t)time.tv_sec * 1000000000 + time.tv_nsec;
}

static bool
look(int fd, const char *path, int flags, struct object_look *out)
{
	struct statx s;
	if (statx(fd, path, flags, STATX_BASIC_STATS | STATX_BTIME, &s) != 0)
		return false;
	*out = (struct object_look){
		.device = (uint64_t)s.stx_dev_major << 32 | s.stx_dev_minor,
		.inode = s.stx_ino,
		.size = s.stx_size,
		.born_at = s.stx_mask & STATX_BTIME ? nanoseconds(s.stx_btime) : 0,
		.changed_at = nanoseconds(s.stx_mtime),
		.moved_at = nanoseconds(s.stx_ctime),
		.links = s.stx_nlink,
		.is_file = S_ISREG(s.stx_mode),
		.is_folder = S_ISDIR(s.stx_mode),
	};
	return true;
}

bool
object_look_at(const char *path, struct object_look *out)
{
	return look(AT_FDCWD, path, AT_NO_AUTOMOUNT, out);
}

bool
object_look_into(int fd, struct object_look *out)
{
	return look(fd, "", AT_EMPTY_PATH, out);
}

bool
object_is_link(const char *path)
{
	struct stat s;
	return lstat(path, &s) == 0 && S_ISLNK(s.st_mode);
}

static bool
read_handle(int fd, const char *path, struct file_handle *handle)
{
	int mount;
	int from = path ? AT_FDCWD : fd;
	int flags = path ? AT_SYMLINK_FOLLOW : AT_EMPTY_PATH;
	handle->handle_bytes = HANDLE_ROOM;
	if (name_to_handle_at(from, path ? path : "", handle, &mount, flags) == 0)
		return true;
	if (errno != EOPNOTSUPP && errno != EINVAL)
		return false;
	handle->handle_bytes = HANDLE_ROOM;
	return name_to_handle_at(from, path ? path : "", handle, &mount, flags | AT_HANDLE_FID) ==
	       0;
}

static void
put(struct object_key *key, const void *bytes, size_t n)
{
	memcpy(key->byte + key->length, bytes, n);
	key->length = (uint8_t)(key->length + n);
}

bool
object_key_of(int fd, const char *path, const struct object_look *seen, struct object_key *key)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + HANDLE_ROOM];
	} u;
	struct statfs fs;
	*key = (struct object_key){.length = 0};
	if ((path ? statfs(path, &fs) : fstatfs(fd, &fs)) != 0)
		return false;
	put(key, &fs.f_fsid, 8);
	if (read_handle(fd, path, &u.handle)) {
		uint32_t kind = (uint32_t)u.handle.handle_type;
		if (u.handle.handle_bytes > OBJECT_KEY_MAX - KEY_HEAD) {
			struct hash128 digest = hash128(u.handle.f_handle, u.handle.handle_bytes);
			put(key, &(uint32_t){KIND_DIGEST}, 4);
			put(key, digest.byte, sizeof digest.byte);
			return true;
		}
		put(key, &kind, 4);
		put(key, u.handle.f_handle, u.handle.handle_bytes);
		return true;
	}
	/* Only where there are no handles: one object must not have two keys. */
	if (errno != EOPNOTSUPP && errno != EINVAL && errno != EPERM && errno != ENOSYS) {
		key->length = 0;
		return false;
	}
	put(key, &(uint32_t){KIND_BIRTH}, 4);
	put(key, &seen->inode, 8);
	put(key, &seen->born_at, 8);
	return true;
}

bool
object_key_equal(const struct object_key *a, const struct object_key *b)
{
	return a->length == b->length && memcmp(a->byte, b->byte, a->length) == 0;
}

enum { OPEN_FLAGS = O_RDONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC };

int
object_open(const char *path)
{
	return open(path, OPEN_FLAGS);
}

int
object_open_key(int folder, const struct object_key *key)
{
	union {
		struct file_handle handle;
		char room[sizeof(struct file_handle) + OBJECT_KEY_MAX];
	} u;
	struct statfs fs;
	uint32_t kind;
	errno = ESTALE;
	if (key->length < KEY_HEAD || fstatfs(folder, &fs) != 0)
		return -1;
	memcpy(&kind, key->byte + 8, 4);
	if (memcmp(&fs.f_fsid, key->byte, 8) != 0 || kind == KIND_BIRTH || kind == KIND_DIGEST) {
		errno = EOPNOTSUPP;
		return -1;
	}
	u.handle.handle_type = (int)kind;
	u.handle.handle_bytes = key->length - KEY_HEAD;
	memcpy(u.handle.f_handle, key->byte + KEY_HEAD, u.handle.handle_bytes);
	return open_by_handle_at(folder, &u.handle, OPEN_FLAGS);
}

ssize_t
object_read_once(int fd, void *bytes, size_t n, uint64_t at)
{
	ssize_t got;
	do
		got = pread(fd, bytes, n, (off_t)at);
	while (got < 0 && errno == EINTR);
	return got;
}

ssize_t
object_read(int fd, void *bytes, size_t n, uint64_t at)
{
	size_t got = 0;
	while (got < n) {
		ssize_t more = object_read_once(fd, (char *)bytes + got, n - got, at + got);
		if (more < 0)
			return -1;
		if (more == 0)
			break;
		got += (size_t)more;
	}
	return (ssize_t)got;
}

/*
 * A writer that opens the file between the two calls breaks the lease, and the kernel says so by a
 * signal: one that is ignored where nobody asked for it.
 */
enum object_writers
object_writers(int fd)
{
	fcntl(fd, F_SETSIG, SIGURG);
	if (fcntl(fd, F_SETLEASE, F_RDLCK) == 0) {
		fcntl(fd, F_SETLEASE, F_UNLCK);
		return OBJECT_WRITERS_NONE;
	}
	return errno == EAGAIN ? OBJECT_WRITERS_SOME : OBJECT_WRITERS_UNKNOWN;
}
