#ifndef AIWATCH_INPUT_OBJECT_H
#define AIWATCH_INPUT_OBJECT_H

#include "daemon/input/position.h"
#include <errno.h>

#include <stdbool.h>
#include <sys/types.h>

/*
 * An object is what a name stands for: a file on its file system, whatever it is called. Its key
 * names it across renames, restarts and reuse of its inode's number: the file system's id, then the
 * kernel's file handle (name_to_handle_at(2); inode and generation), or, where there is none, inode
 * and birth time. Unused bytes are zero.
 */
struct object_key {
	uint8_t byte[OBJECT_KEY_MAX];
	uint8_t length; /* 0: none */
};

/* One look at an object. Two looks with the same device, inode and birth are of one object, as far
 * as numbers can tell while the daemon runs. */
struct object_look {
	uint64_t device;
	uint64_t inode;
	uint64_t size;
	int64_t born_at;    /* nanoseconds, 0 where unknown */
	int64_t changed_at; /* modification, nanoseconds */
	int64_t moved_at;   /* change of the inode, nanoseconds */
	uint32_t links;
	bool is_file; /* a regular one */
	bool is_folder;
};

/* Follow symbolic links. False with errno set. */
bool
object_look_at(const char *path, struct object_look *look);
bool
object_look_into(int fd, struct object_look *look);

/* Whether the name itself is a symbolic link; false where it cannot be told. */
bool
object_is_link(const char *path);

/* Whether an error says that nothing is there; every other one leaves that open. */
static inline bool
object_is_absent(int code)
{
	return code == ENOENT || code == ENOTDIR;
}

static inline bool
object_is_same(const struct object_look *a, const struct object_look *b)
{
	return a->inode == b->inode && a->device == b->device && a->born_at == b->born_at &&
	       a->inode != 0;
}

static inline bool
object_is_unchanged(const struct object_look *a, const struct object_look *b)
{
	return object_is_same(a, b) && a->size == b->size && a->changed_at == b->changed_at;
}

/* The key of what stands at the path, or behind fd where path is NULL. False with errno set. */
bool
object_key_of(int fd, const char *path, const struct object_look *look, struct object_key *key);
bool
object_key_equal(const struct object_key *a, const struct object_key *b);

/* Opens for reading: never waits for a FIFO, never takes a terminal. -1 with errno set. */
int
object_open(const char *path);

/* Opens by key, wherever the object stands now; `folder` is any open file of its file system. -1
 * with errno set: EPERM without CAP_DAC_READ_SEARCH, ESTALE where it is gone. */
int
object_open_key(int folder, const struct object_key *key);

/* As pread(2), which no signal ends: one call, so that what it brings stood there at one time. */
ssize_t
object_read_once(int fd, void *bytes, size_t n, uint64_t at);

/* The same, until all `n` bytes are there or the file ends: of several calls. */
ssize_t
object_read(int fd, void *bytes, size_t n, uint64_t at);

/* Whether anybody on this host has it open for writing: asked by a lease, given back at once. */
enum object_writers {
	OBJECT_WRITERS_NONE,
	OBJECT_WRITERS_SOME,
	OBJECT_WRITERS_UNKNOWN, /* not the owner, or the file system knows no leases */
};

enum object_writers
object_writers(int fd);

#endif
