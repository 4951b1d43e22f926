#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/input/siblings.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* It was rewritten in place before it left the path: what it holds now is a life of its own, which
 * perhaps only this descriptor can show. */
static void
split_off(struct follow *follow, struct generation *generation, const struct object_look *look)
{
	struct stream *stream = generation->stream;
	char *seen_at = mem_text(generation->position.seen_at);
	int fd = generation_take_fd(follow, generation);
	bool may_grow = object_writers(fd) != OBJECT_WRITERS_NONE;
	struct object_key key =
		follow_give_up_object(follow, generation, "rewritten before it was rotated");
	if (look->size > 0 || may_grow) {
		struct generation *other = generation_new(follow, stream, stream->count);
		generation_set_object(follow, other, &key, look, seen_at);
		generation_set_fd(follow, other, fd);
		generation_enter(follow, other, GENERATION_DRAINING, "rewritten, then rotated");
		follow_set_readable(follow, other);
	} else {
		close(fd);
	}
	sibling_check(follow, stream); /* the rest of the older life is read first */
	free(seen_at);
}

/* False, with errno, where it cannot be told, for a while, whether it holds what arrived now. */
static bool
leave_object(struct follow *follow, struct generation *generation, const struct object_look *look,
	enum content_verdict verdict)
{
	struct stream *stream = generation->stream;
	bool is_own = generation == stream_current(stream) && verdict != CONTENT_BEGINNING;
	/* Without a name it is read first, and what arrived goes on where it ends. */
	if (is_own && look->links > 0) {
		stream->unreadable = false;
		is_own = !sibling_is_arrival(stream, generation->fd, look);
		if (stream->unreadable && !follow_gives_up(follow, generation))
			return false;
	}
	if (is_own)
		split_off(follow, generation, look);
	else
		follow_give_up_object(follow, generation, "rewritten elsewhere");
	return true;
}

/* Whether an object that changed where it went still begins with what was read: GONE where not,
 * HIDDEN, with errno, where that cannot be told. */
static enum whereabouts
find_own(struct follow *follow, struct generation *generation, const struct object_look *look)
{
	enum content_verdict verdict = generation_verify(follow, generation, generation->fd);
	bool held = generation->position.state == GENERATION_HELD;
	if (verdict == CONTENT_WHOLE && held)
		follow_go_on(follow, generation);
	if (verdict == CONTENT_WHOLE)
		generation_doubted(generation, 0);
	if (verdict == CONTENT_WHOLE || verdict == CONTENT_UNREADABLE)
		return STILL_LINKED;
	if (held && verdict != CONTENT_DIFFERS)
		return STILL_LINKED;
	return leave_object(follow, generation, look, verdict) ? GONE : HIDDEN;
}

static int
find_listed(struct follow *follow, struct generation *generation, const struct object_key *key)
{
	struct siblings siblings = siblings_find(follow, generation->stream);
	int fd = -1, code = siblings.trouble ? siblings.trouble : ENOENT;
	for (size_t i = 0; i < siblings.count && fd < 0; i++) {
		struct object_look look;
		if (!object_key_equal(&siblings.item[i].key, key))
			continue;
		fd = siblings_open(follow, &siblings.item[i], &look);
		if (fd >= 0)
			generation_seen_at(follow, generation, siblings.item[i].path);
		else if (!object_is_absent(errno))
			code = errno;
	}
	siblings_fini(&siblings);
	errno = code;
	return fd;
}

/* It may have been renamed since the folder was listed. */
static int
find_by_name(struct follow *follow, struct generation *generation, const struct object_key *key)
{
	int fd = find_listed(follow, generation, key);
	if (fd < 0 && errno == ENOENT && siblings_forget_listing(follow))
		fd = find_listed(follow, generation, key);
	return fd;
}

static int
find_object(struct follow *follow, struct generation *generation)
{
	struct object_key key = generation_key(generation);
	errno = ENOENT;
	if (key.length == 0 || generation->position.packed)
		return -1;
	int fd = find_by_name(follow, generation, &key);
	if (fd >= 0 || errno != ENOENT)
		return fd;
	int folder = descriptor_open(follow, generation->stream->folder->path);
	if (folder < 0)
		return -1;
	fd = object_open_key(folder, &key);
	int code = errno;
	close(folder);
	/* Where handles cannot be opened the name is all there is. */
	errno = code == EPERM || code == EOPNOTSUPP || code == EINVAL ? ENOENT : code;
	return fd;
}

/* An error says nothing of where the object is, for a while. */
static enum whereabouts
hide(struct follow *follow, struct generation *generation, int code)
{
	stream_set_busy(follow, generation->stream);
	if (descriptor_is_short(code))
		return HIDDEN;
	follow_failed(follow, generation, code);
	if (!follow_gives_up(follow, generation))
		return HIDDEN;
	generation_close(follow, generation);
	generation->vanished = true;
	return GONE;
}

/* Where the object went that stood at the path. Opens it where it can still be had. */
enum whereabouts
drain_find_old(struct follow *follow, struct generation *generation)
{
	struct object_look look;
	if (generation->fd < 0) {
		int fd = find_object(follow, generation);
		if (fd < 0 && errno != ESTALE && !object_is_absent(errno))
			return hide(follow, generation, errno);
		if (fd < 0) {
			generation->vanished = !generation->proven;
			generation->stream->situation += !generation->unlinked;
			generation->unlinked = true;
			return GONE;
		}
		generation_set_fd(follow, generation, fd);
		generation->at_end = generation->at_end && generation->proven;
	}
	if (!object_look_into(generation->fd, &look))
		return hide(follow, generation, errno);
	if (generation->seldom->size_at_rotation == 0)
		generation_seldom(generation)->size_at_rotation = look.size;
	if (!object_is_unchanged(&generation->seen, &look) || generation->seldom->doubted_since) {
		enum whereabouts own =
			generation->seen.inode ? find_own(follow, generation, &look) : STILL_LINKED;
		if (own == HIDDEN)
			return hide(follow, generation, errno);
		if (own == GONE)
			return GONE;
		generation->quiet_since = follow->now;
		if (generation->position.state != GENERATION_HELD)
			generation->at_end = false;
	}
	generation->seen = look;
	generation->stream->situation += generation->unlinked != (look.links == 0);
	generation->unlinked = look.links == 0;
	return generation->unlinked ? GONE : STILL_LINKED;
}

bool
drain_is_unsought(const struct generation *generation)
{
	return generation->position.state == GENERATION_DRAINING && !generation->proven &&
	       generation->fd < 0 && !generation->unlinked && generation_has_object(generation) &&
	       !generation->position.packed;
}

bool
drain_is_named(struct follow *follow, struct generation *generation)
{
	struct object_look look;
	int fd = find_object(follow, generation);
	bool is_named = fd >= 0 && object_look_into(fd, &look) && look.links > 0;
	if (fd >= 0)
		close(fd);
	return is_named;
}

/* What was empty when it was seen last proves nothing: a copy may have been written over it. */
enum content_verdict
drain_compare(struct follow *follow, struct generation *generation, int fd,
	const struct object_look *look)
{
	const struct position *position = &generation->position;
	if (position->state == GENERATION_DRAINING && position->size == 0 && look->size > 0 &&
		look->links > 0)
		return CONTENT_DIFFERS;
	return generation_verify(follow, generation, fd);
}

/* A descriptor that was found again must show what was read through the old one. */
bool
drain_prove(struct follow *follow, struct generation *generation)
{
	if (generation->proven || generation->fd < 0)
		return true;
	generation->proven = true;
	enum content_verdict verdict =
		drain_compare(follow, generation, generation->fd, &generation->seen);
	if (verdict == CONTENT_WHOLE && generation->position.state == GENERATION_HELD)
		follow_go_on(follow, generation);
	/* It may have grown when it could not be compared. */
	if (verdict == CONTENT_WHOLE) {
		generation->at_end = false;
		return true;
	}
	if (verdict == CONTENT_UNREADABLE) {
		follow_failed(follow, generation, errno);
		if (!follow_gives_up(follow, generation))
			return false;
	}
	struct object_look look = generation->seen;
	if (!leave_object(follow, generation, &look, verdict))
		follow_failed(follow, generation, errno);
	return false;
}

/* What was known to stand there, and cannot be had any more. */
static void
count_lost(struct follow *follow, struct generation *generation)
{
	struct position *position = &generation->position;
	uint64_t known = generation->fd < 0 ? position->size : position->offset;
	bool vanished = generation->vanished && generation->fd < 0;
	if (generation_is_copied(generation) && generation->seldom->copied_until > known)
		known = generation->seldom->copied_until;
	uint64_t lost = known > position->offset ? known - position->offset : 0;
	if (lost || vanished)
		follow_gap(follow, vanished ? GAP_LOST : GAP_TRUNCATED, generation, lost);
	generation->vanished = false;
	generation_set_copied(generation, 0, 0);
	position->size = position->offset;
}

static void
finish(struct follow *follow, struct generation *generation)
{
	if (generation->fd >= 0 && !generation->at_end) {
		follow_gap(follow, GAP_UNREADABLE, generation,
			generation->seen.size - generation->position.offset);
	} else if (generation->fd >= 0 && generation->partial && !tail_finish(follow, generation)) {
		follow_failed(follow, generation, errno);
		if (!follow_gives_up(follow, generation))
			return;
	} else {
		count_lost(follow, generation);
	}
	generation_works(generation);
	tail_end_backlog(follow, generation);
	generation_close(follow, generation);
	if (generation->unlinked)
		generation_lose_object(follow, generation);
	generation->unlinked = false;
	generation_enter(follow, generation, GENERATION_DONE, "read to its end");
}

static bool
is_quiet(const struct follow *follow, const struct generation *generation)
{
	return follow->now - generation->quiet_since >= DRAIN_QUIET;
}

/* A copy that holds more of it may be taken yet. */
static bool
awaits_copy(const struct generation *generation)
{
	const struct stream *stream = generation->stream;
	return generation_is_copied(generation) && (stream->older_waits || stream->siblings_due);
}

/* At its end, nobody can add, and a line that is not whole has had its time. */
static bool
is_drained(struct follow *follow, const struct generation *generation)
{
	bool quiet = is_quiet(follow, generation);
	if (generation->fd < 0)
		return quiet;
	if (!generation->at_end)
		return follow_gives_up(follow, generation);
	if (generation->position.packed)
		return true;
	enum object_writers writers = object_writers(generation->fd);
	/* Where it stands under no name that is looked at, growth would not be seen. */
	if (writers == OBJECT_WRITERS_SOME && (generation->unlinked || !generation->listed))
		return false;
	return quiet || (writers == OBJECT_WRITERS_NONE && generation->partial == 0);
}

/* Of an old file that is not drained: read to its end, and nothing but its writer goes on. */
static bool
is_only_owned(const struct follow *follow, const struct generation *generation)
{
	return generation->fd >= 0 && generation->at_end && is_quiet(follow, generation) &&
	       !awaits_copy(generation);
}

/* False where its object turned out not to be its own any more. */
static bool
find_draining(struct follow *follow, struct generation *generation)
{
	if ((generation->fd >= 0 || generation_has_object(generation)) &&
		drain_find_old(follow, generation) == HIDDEN)
		return false;
	if (!drain_prove(follow, generation))
		return false;
	if (generation->fd < 0)
		generation_lose_object(follow, generation);
	else if (generation->seen.size < generation->position.offset) {
		follow_rewritten(follow, generation);
		return false;
	}
	return true;
}

/* It need not be opened again but for a last line without newline. */
static bool
rests(const struct follow *follow, const struct generation *generation)
{
	struct object_look look;
	return generation->fd < 0 && object_look_at(generation->position.seen_at, &look) &&
	       generation_is_parked(generation, &look) &&
	       (generation->partial == 0 || !is_quiet(follow, generation));
}

void
drain_look(struct follow *follow, struct generation *generation)
{
	const struct position *position = &generation->position;
	if (rests(follow, generation)) {
		if (is_quiet(follow, generation))
			finish(follow, generation);
		else
			stream_set_busy(follow, generation->stream);
		return;
	}
	if (!position->packed && !find_draining(follow, generation))
		return;
	if (position->packed && generation->fd < 0) {
		/* It is found again by its content. */
		generation_lose_object(follow, generation);
		generation->stream->siblings_due = true;
	}
	if (generation->fd >= 0 && !generation->at_end)
		stream_set_ready(follow, generation->stream);
	if (is_drained(follow, generation) && !awaits_copy(generation)) {
		finish(follow, generation);
	} else if (is_only_owned(follow, generation)) {
		generation->stream->owned = true;
		follow_sweep_soon(follow);
	} else {
		stream_set_busy(follow, generation->stream);
	}
}
