#include "daemon/input/adopt.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/input/packed.h"

#include <errno.h>
#include <unistd.h>

/* The bytes behind the offset that only the descriptor has must stand in the copy too. */
static bool
has_rest(const struct generation *generation, int fd, uint64_t size)
{
	if (generation->fd < 0 || generation->partial == 0)
		return true;
	uint64_t offset = generation->position.offset;
	uint64_t n = size - offset < generation->partial ? size - offset : generation->partial;
	return stream_is_equal(generation->stream, generation->fd, fd, offset, n);
}

static void
adopt_plain(struct follow *follow, struct generation *generation, const struct sibling *sibling,
	int fd, const struct object_look *look)
{
	log_info("%s: goes on in its copy %s at %llu", generation->position.path, sibling->path,
		(unsigned long long)generation->position.offset);
	generation_set_object(follow, generation, &sibling->key, look, sibling->path);
	generation->proven = true;
	generation->at_end = look->size <= generation->position.offset;
	generation->quiet_since = follow->now;
	if (generation->at_end && generation->position.state == GENERATION_DONE) {
		close(fd);
		return;
	}
	generation_set_fd(follow, generation, fd);
	generation_enter(follow, generation, GENERATION_DRAINING, "its rest stands in a copy");
	generation_seldom(generation)->size_at_rotation = look->size;
	stream_set_ready(follow, generation->stream);
}

/* A copy that somebody still writes is not whole. */
bool
adopt_is_settled(struct follow *follow, struct stream *stream, int fd, const struct memo *memo)
{
	enum object_writers writers = object_writers(fd);
	if (writers == OBJECT_WRITERS_NONE || follow->now - memo->since >= 60 * SECOND)
		return true;
	if (writers == OBJECT_WRITERS_UNKNOWN && follow->now - memo->since >= COPY_SETTLE)
		return true;
	stream->older_waits = true;
	stream_set_busy(follow, stream);
	return false;
}

int
adopt_open_own(struct follow *follow, const struct generation *generation)
{
	struct object_look look;
	struct object_key key;
	int fd = descriptor_open(follow, generation->position.seen_at);
	if (fd < 0)
		return -1;
	if (object_look_into(fd, &look) && object_key_of(fd, NULL, &look, &key) &&
		memcmp(key.byte, generation->position.object, OBJECT_KEY_MAX) == 0)
		return fd;
	close(fd);
	errno = ENOENT;
	return -1;
}

void
adopt_reopen(struct follow *follow, struct generation *generation)
{
	generation_close(follow, generation);
	int fd = generation->position.packed ? -1 : adopt_open_own(follow, generation);
	if (fd >= 0)
		generation_set_fd(follow, generation, fd);
}

static bool
is_equal_so_far(struct stream *stream, int own, int fd, uint64_t size)
{
	struct object_look look;
	if (!object_look_into(own, &look)) {
		stream->unreadable = true;
		return false;
	}
	uint64_t common = look.size < size ? look.size : size;
	return common > 0 && stream_is_equal(stream, own, fd, 0, common);
}

/*
 * Digests may not reach to where two files part; where both can be read they are compared. An own
 * object that has just changed proves nothing: its path is looked at first.
 */
static bool
is_copy_of_live(struct follow *follow, struct generation *generation, int fd, uint64_t size,
	enum content_verdict verdict)
{
	/* An editor writes beside the log what it renames over it then. */
	if (verdict == CONTENT_DIFFERS)
		return generation == stream_current(generation->stream) &&
		       generation_is_edited(generation, fd);
	if (generation->shrunk || generation->position.state == GENERATION_HELD)
		return generation->position.offset > 0;
	if (generation->position.state == GENERATION_DONE && size > generation->position.offset)
		return false;
	int own = generation->fd >= 0 ? generation->fd : adopt_open_own(follow, generation);
	if (own < 0)
		return generation->position.offset > 0;
	bool is_copy = is_equal_so_far(generation->stream, own, fd, size);
	if (!is_copy && generation_verify(follow, generation, own) != CONTENT_WHOLE) {
		generation->stream->older_waits = generation->stream->siblings_due = true;
		stream_set_busy(follow, generation->stream);
		is_copy = true;
	}
	if (own != generation->fd)
		close(own);
	return is_copy;
}

/* Without an object, or with one that is not where it could be seen any more. */
static bool
is_gone(const struct generation *generation)
{
	return !generation_has_object(generation) || generation->unlinked ||
	       (generation->position.state == GENERATION_DONE && !generation->listed);
}

/* It has no name, but a writer that may add to it. */
static bool
is_still_written(const struct generation *generation)
{
	return generation->fd >= 0 && generation->unlinked && !generation->position.packed &&
	       object_writers(generation->fd) == OBJECT_WRITERS_SOME;
}

/*
 * A sibling holds more of a live generation than was read: `size` bytes. Should it go before the
 * rest was read, that is known to be lost.
 */
static void
note_longer_copy(struct follow *follow, struct generation *generation, uint64_t size)
{
	struct position *position = &generation->position;
	if (size > generation->seen.size && position->offset > 0 &&
		position->state != GENERATION_DONE) {
		generation_set_copied(generation, size, generation->seen.size);
		position->size = size;
		generation_mark(follow, generation);
	}
	bool is_held = generation->position.state == GENERATION_HELD;
	struct stream *stream = generation->stream;
	stream->copied |= generation->shrunk;
	stream->older_waits |= generation->shrunk ||
			       (is_held && follow->now - generation->quiet_since < HOLD_SETTLE);
}

static enum adoption
compare_plain(struct follow *follow, struct stream *stream, const struct sibling *sibling, int fd,
	const struct object_look *look, struct memo *memo)
{
	enum adoption kind = ADOPT_NONE;
	struct content_source source = content_of(&fd);
	for (size_t i = stream->count; i-- > 0;) {
		struct generation *generation = stream->generation[i];
		if (generation->position.packed)
			continue;
		enum content_verdict verdict = generation_compare(follow, generation, &source);
		if (verdict == CONTENT_UNREADABLE || verdict == CONTENT_EMPTY)
			return ADOPT_UNDECIDED;
		if (!is_gone(generation)) {
			if (!is_copy_of_live(follow, generation, fd, look->size, verdict))
				continue;
			kind = ADOPT_UNDECIDED;
			stream->alike |= generation == stream_current(stream) &&
					 !generation->shrunk && look->size > generation->seen.size;
			if (verdict == CONTENT_WHOLE && look->size > generation->position.offset)
				note_longer_copy(follow, generation, look->size);
			continue;
		}
		if (verdict == CONTENT_BEGINNING)
			kind = ADOPT_UNDECIDED;
		/* Its own descriptor is read first. */
		if (generation->fd >= 0 && !generation->at_end) {
			if (!is_equal_so_far(stream, generation->fd, fd, look->size))
				continue;
			kind = ADOPT_UNDECIDED;
			stream->older_waits = true;
			continue;
		}
		if (verdict != CONTENT_WHOLE ||
			generation->position.offset + generation->partial == 0 ||
			!has_rest(generation, fd, look->size))
			continue;
		if (is_still_written(generation)) {
			kind = ADOPT_UNDECIDED;
			continue;
		}
		/* As long as nothing else stands at its path, it may come back there. */
		if (generation == stream_current(stream) &&
			look->size <= generation->position.offset) {
			kind = ADOPT_UNDECIDED;
			continue;
		}
		if (!adopt_is_settled(follow, stream, fd, memo))
			return ADOPT_UNDECIDED;
		adopt_plain(follow, generation, sibling, fd, look);
		return ADOPT_TAKEN;
	}
	return kind;
}

bool
adopt_packed(struct follow *follow, struct generation *generation, const struct sibling *sibling,
	int fd, const struct object_look *look)
{
	struct position *position = &generation->position;
	uint64_t size = position->size, whole;
	int rest = packed_open_rest(generation, fd, &whole);
	if (rest < 0)
		return false;
	log_info("%s: goes on in %s at %llu", position->path, sibling->path,
		(unsigned long long)position->offset);
	generation_set_object(follow, generation, &sibling->key, look, sibling->path);
	position->packed = 1;
	position->size = whole > size ? whole : size;
	generation->proven = true;
	if (whole <= position->offset && position->state == GENERATION_DONE) {
		close(rest);
		return true;
	}
	generation_set_fd(follow, generation, rest);
	generation->at_end = false;
	generation_enter(
		follow, generation, GENERATION_DRAINING, "its rest stands in a packed copy");
	generation_seldom(generation)->size_at_rotation = whole;
	stream_set_ready(follow, generation->stream);
	return true;
}

/* What the packed sibling, `size` bytes, goes on with: its own object is gone, and was read up. */
static enum adoption
adopt_match(struct follow *follow, struct generation *generation, const struct sibling *sibling,
	int fd, const struct object_look *look, uint64_t size)
{
	if (!is_gone(generation) && !generation->position.packed &&
		size > generation->position.offset)
		note_longer_copy(follow, generation, size);
	if (!is_gone(generation) || (generation->fd >= 0 && !generation->at_end) ||
		is_still_written(generation))
		return ADOPT_UNDECIDED;
	if (adopt_packed(follow, generation, sibling, fd, look))
		return ADOPT_TAKEN;
	generation->stream->unreadable = true;
	return ADOPT_UNDECIDED;
}

/* A younger generation of which a header was read, that every log has, matches too: the longest
 * match tells. */
static enum adoption
compare_packed(struct follow *follow, struct stream *stream, const struct sibling *sibling, int fd,
	const struct object_look *look, struct memo *memo)
{
	if (!adopt_is_settled(follow, stream, fd, memo))
		return ADOPT_UNDECIDED;
	bool unread = false;
	struct generation *match = NULL;
	uint64_t size = 0;
	for (size_t i = stream->count; i-- > 0 && !(match && match->position.offset == size);) {
		uint64_t whole;
		struct generation *generation = stream->generation[i];
		uint64_t offset = generation->position.offset;
		if (offset == 0)
			unread |= generation->fd >= 0 && !generation->at_end &&
				  packed_begins_as(fd, generation->fd);
		if (offset == 0 || (match && offset <= match->position.offset))
			continue;
		enum content_verdict verdict = packed_compare(follow, generation, fd, &whole);
		if (verdict == CONTENT_UNREADABLE || verdict == CONTENT_BEGINNING)
			return ADOPT_UNDECIDED;
		if (verdict != CONTENT_WHOLE)
			continue;
		match = generation;
		size = whole;
	}
	if (match)
		return adopt_match(follow, match, sibling, fd, look, size);
	if (unread)
		stream_set_busy(follow, stream);
	stream->older_waits |= unread;
	return unread ? ADOPT_UNDECIDED : ADOPT_NONE;
}

enum adoption
adopt_compare(struct follow *follow, struct stream *stream, const struct sibling *sibling, int fd,
	const struct object_look *look, struct memo *memo)
{
	return packed_is_named(sibling->path)
		       ? compare_packed(follow, stream, sibling, fd, look, memo)
		       : compare_plain(follow, stream, sibling, fd, look, memo);
}
