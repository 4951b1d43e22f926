#include "daemon/input/copy.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/input/adopt.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

/* Fewer bytes may be the same by chance; more logs that begin alike are not all compared. */
enum { COPY_LEAST = PROOF_RAW, COMPARED_MAX = 64 };

struct beginning {
	uint8_t byte[PROOF_RAW];
	size_t n;
};

static bool
begins_alike(const struct position *position, const struct beginning *beginning)
{
	size_t n = beginning->n;
	if (n > position->offset)
		n = (size_t)position->offset;
	return n > 0 && !position->packed && position_begins_with(position, beginning->byte, n);
}

/* CONTENT_UNREADABLE with errno, ENOENT where the generation's own file is gone. */
static enum content_verdict
compare_own(struct follow *follow, struct generation *generation, const struct arrival *arrival)
{
	struct object_look look;
	uint64_t size = arrival->look.size;
	enum content_verdict verdict = CONTENT_UNREADABLE;
	int own = generation->fd >= 0 ? generation->fd : adopt_open_own(follow, generation);
	if (own < 0)
		return CONTENT_UNREADABLE;
	if (object_look_into(own, &look))
		verdict = look.size < size ? CONTENT_DIFFERS
					   : content_match(own, arrival->fd, 0, size);
	int code = errno;
	if (own != generation->fd)
		close(own);
	errno = code;
	return verdict;
}

/* Whether all of the arrival stands in the generation's own file, or, where that cannot be read,
 * was read in it; CONTENT_UNREADABLE with errno where that cannot be told. */
static enum content_verdict
compare_with(struct follow *follow, struct generation *generation, const struct arrival *arrival)
{
	int fd = arrival->fd;
	struct content_source source = content_of(&fd);
	enum content_verdict verdict = compare_own(follow, generation, arrival);
	if (verdict != CONTENT_UNREADABLE || descriptor_is_short(errno))
		return verdict;
	if (arrival->look.size > generation->position.offset)
		return object_is_absent(errno) ? CONTENT_DIFFERS : CONTENT_UNREADABLE;
	verdict = generation_compare(follow, generation, &source);
	bool is_told = verdict == CONTENT_DIFFERS || verdict == CONTENT_UNREADABLE;
	return is_told ? verdict : CONTENT_WHOLE;
}

/* What cannot be read is waited for, but not without end, unless it is for want of descriptors. */
static bool
is_awaited(const struct follow *follow, struct stream *stream, int code)
{
	if (descriptor_is_short(code))
		return true;
	if (!stream->seldom->hidden_since)
		stream_seldom(stream)->hidden_since = follow->now;
	return follow->now - stream->seldom->hidden_since < DRAIN_QUIET;
}

static bool
has_just_changed(const struct follow *follow, const struct arrival *arrival)
{
	int64_t age = follow->wall - arrival->look.changed_at / 1000;
	return age >= 0 && age < COPY_SETTLE;
}

static const struct generation *
find_original(struct follow *follow, struct stream *stream, const struct arrival *arrival,
	const struct beginning *beginning, bool *unsure)
{
	size_t compared = 0;
	for (struct stream *s = stream->folder->streams; s; s = s->next_in_folder) {
		for (size_t i = s->count; s != stream && i-- > 0 && compared < COMPARED_MAX;) {
			if (!begins_alike(&s->generation[i]->position, beginning))
				continue;
			enum content_verdict verdict =
				compare_with(follow, s->generation[i], arrival);
			if (verdict == CONTENT_WHOLE)
				return s->generation[i];
			*unsure |=
				verdict == CONTENT_UNREADABLE && is_awaited(follow, stream, errno);
			compared++;
		}
	}
	/* A copy that is being made: so few bytes are the beginning of too many. */
	*unsure |= compared == COMPARED_MAX && beginning->n < PROOF_RAW &&
		   has_just_changed(follow, arrival);
	return NULL;
}

static bool
has_logs_beside(const struct stream *stream)
{
	for (const struct stream *s = stream->folder->streams; s; s = s->next_in_folder) {
		if (s != stream && s->count && s->generation[s->count - 1]->position.offset)
			return true;
	}
	return false;
}

/* Where it cannot be asked who writes it: it has been as it is for a while. */
static bool
is_written(const struct follow *follow, const struct arrival *arrival)
{
	enum object_writers writers = object_writers(arrival->fd);
	return writers == OBJECT_WRITERS_SOME ||
	       (writers == OBJECT_WRITERS_UNKNOWN && has_just_changed(follow, arrival));
}

enum copy
copy_of_other(struct follow *follow, struct stream *stream, const struct arrival *arrival)
{
	struct beginning beginning;
	/* At the first start nothing was read before: what stands there is all new. */
	if ((!follow->started && !follow->remembers) || !has_logs_beside(stream))
		return COPY_NONE;
	bool is_written_now = is_written(follow, arrival);
	ssize_t n = pread(arrival->fd, beginning.byte, sizeof beginning.byte, 0);
	if (n < 0)
		return COPY_GROWS; /* asked again */
	if (n == 0)
		return is_written_now ? COPY_GROWS : COPY_NONE;
	beginning.n = (size_t)n;
	bool unsure = false;
	const struct generation *original =
		find_original(follow, stream, arrival, &beginning, &unsure);
	if (!original && unsure)
		return COPY_GROWS; /* asked again */
	if (stream->seldom->hidden_since)
		stream_seldom(stream)->hidden_since = 0;
	if (!original || (!is_written_now && arrival->look.size < COPY_LEAST))
		return COPY_NONE;
	if (is_written_now)
		return COPY_GROWS;
	log_notice("%s is a copy of %s: what is added to it is read", stream->path,
		original->position.seen_at);
	return COPY_WHOLE;
}
