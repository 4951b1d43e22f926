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

/* All of the arrival stands in the generation's own file, or, where that is gone, was read in it;
 * *unsure where that cannot be told. */
static bool
is_within(struct follow *follow, struct generation *generation, const struct arrival *arrival,
	bool *unsure)
{
	int fd = arrival->fd;
	uint64_t size = arrival->look.size;
	struct content_source source = content_of(&fd);
	struct object_look look;
	int own = generation->fd >= 0 ? generation->fd : adopt_open_own(follow, generation);
	if (own < 0 && descriptor_is_short(errno)) {
		*unsure = true;
		return false;
	}
	if (own < 0 && size > generation->position.offset)
		return false;
	if (own < 0) {
		enum content_verdict verdict = generation_compare(follow, generation, &source);
		*unsure |= verdict == CONTENT_UNREADABLE;
		return verdict != CONTENT_DIFFERS && verdict != CONTENT_UNREADABLE;
	}
	bool is_within = object_look_into(own, &look) && look.size >= size &&
			 stream_is_equal(generation->stream, own, fd, 0, size);
	if (own != generation->fd)
		close(own);
	return is_within;
}

static bool
has_just_changed(const struct follow *follow, const struct arrival *arrival)
{
	int64_t age = follow->wall - arrival->look.changed_at / 1000;
	return age >= 0 && age < COPY_SETTLE;
}

static const struct generation *
find_original(struct follow *follow, const struct stream *stream, const struct arrival *arrival,
	const struct beginning *beginning, bool *unsure)
{
	size_t compared = 0;
	for (struct stream *s = stream->folder->streams; s; s = s->next_in_folder) {
		for (size_t i = s->count; s != stream && i-- > 0 && compared < COMPARED_MAX;) {
			if (!begins_alike(&s->generation[i]->position, beginning))
				continue;
			if (is_within(follow, s->generation[i], arrival, unsure))
				return s->generation[i];
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
copy_of_other(struct follow *follow, const struct stream *stream, const struct arrival *arrival)
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
	if (!original || (!is_written_now && arrival->look.size < COPY_LEAST))
		return COPY_NONE;
	if (is_written_now)
		return COPY_GROWS;
	log_notice("%s is a copy of %s: what is added to it is read", stream->path,
		original->position.seen_at);
	return COPY_WHOLE;
}
