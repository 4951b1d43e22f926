#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/input/follow_parts.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>
#include <utlist.h>

/*
 * Descriptors are bounded however many files are followed: those used last stay open, others are
 * closed and opened again by the name under which they stand. Where the bound, or the system, is
 * reached nothing is decided: what could not be opened is asked again.
 */

#define PLENTY_AFTER (10 * SECOND) /* then it is said that the shortage is over */

enum { CANDIDATES = 64 }; /* looked at for one to be closed */

bool
descriptor_is_short(int code)
{
	return code == EMFILE || code == ENFILE || code == ENOMEM;
}

int
generation_take_fd(struct follow *follow, struct generation *generation)
{
	int fd = generation->fd;
	if (fd < 0)
		return -1;
	if (follow->ahead.generation == generation)
		ahead_stop(follow);
	generation->fd = -1;
	DL_DELETE(follow->open, generation);
	follow->open_count--;
	return fd;
}

void
generation_close(struct follow *follow, struct generation *generation)
{
	int fd = generation_take_fd(follow, generation);
	if (fd >= 0)
		close(fd);
}

bool
generation_is_parked(const struct generation *generation, const struct object_look *look)
{
	return generation->fd < 0 && generation_has_object(generation) && generation->at_end &&
	       generation->proven && object_is_unchanged(&generation->seen, look);
}

static bool
may_be_spare(const struct generation *generation)
{
	const struct position *position = &generation->position;
	if (!generation->at_end || generation->unlinked || position->packed ||
		!generation->seen.links)
		return false;
	if (position->state == GENERATION_DRAINING)
		return generation->proven;
	return generation->stream->missing_since == TIME_NONE;
}

/* Only what has been read up, and still stands under its name as it was, may be closed. */
static bool
is_spare(const struct generation *generation)
{
	struct object_look look;
	return may_be_spare(generation) && object_look_at(generation->position.seen_at, &look) &&
	       object_is_unchanged(&generation->seen, &look);
}

/* What may not be closed goes behind the others, so that it is not looked at each time. */
static bool
close_unused(struct follow *follow, size_t left)
{
	for (int i = 0; i < CANDIDATES && follow->open_count > left; i++) {
		struct generation *first = follow->open;
		if (is_spare(first)) {
			generation_close(follow, first);
			continue;
		}
		DL_DELETE(follow->open, first);
		DL_APPEND(follow->open, first);
	}
	return follow->open_count <= left;
}

bool
descriptor_is_left(const struct follow *follow)
{
	const struct generation *at;
	if (follow->open_count < follow->open_limit)
		return true;
	DL_FOREACH (follow->open, at) {
		if (may_be_spare(at))
			return true;
	}
	return false;
}

void
generation_set_fd(struct follow *follow, struct generation *generation, int fd)
{
	generation_close(follow, generation);
	close_unused(follow, follow->open_limit - 1);
	generation->fd = fd;
	DL_APPEND(follow->open, generation);
	follow->open_count++;
}

void
generation_touch(struct follow *follow, struct generation *generation)
{
	if (generation->fd < 0 || !generation->next)
		return;
	DL_DELETE(follow->open, generation);
	DL_APPEND(follow->open, generation);
}

void
descriptor_say_short(struct follow *follow, int code)
{
	if (follow->short_at == TIME_NONE)
		log_warning("input %s: cannot open more files: %s; it goes on with those it has",
			follow->config->name, strerrordesc_np(code));
	follow->short_at = follow->now;
}

void
descriptor_say_plenty(struct follow *follow)
{
	if (follow->short_at == TIME_NONE || follow->now - follow->short_at < PLENTY_AFTER)
		return;
	follow->short_at = TIME_NONE;
	log_notice("input %s: files can be opened again", follow->config->name);
}

/* True where something was closed, so that it may be tried once more. */
static bool
make_room(struct follow *follow, int code)
{
	if (!descriptor_is_short(code))
		return false;
	size_t before = follow->open_count;
	if (before && close_unused(follow, before - 1))
		return true;
	descriptor_say_short(follow, code);
	errno = code;
	return false;
}

int
descriptor_open(struct follow *follow, const char *path)
{
	int fd = object_open(path);
	if (fd < 0 && make_room(follow, errno))
		fd = object_open(path);
	return fd;
}

/* One descriptor is kept back for this. */
DIR *
descriptor_open_folder(struct follow *follow, const char *path)
{
	DIR *dir = opendir(path);
	if (dir || !descriptor_is_short(errno) || follow->spare_fd < 0)
		return dir;
	close(follow->spare_fd);
	follow->spare_fd = -1;
	return opendir(path);
}

void
descriptor_close_folder(struct follow *follow, DIR *dir)
{
	closedir(dir);
	descriptor_keep_spare(follow);
}

void
descriptor_keep_spare(struct follow *follow)
{
	if (follow->spare_fd < 0)
		follow->spare_fd = open("/", O_PATH | O_CLOEXEC);
}
