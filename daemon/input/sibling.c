#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/adopt.h"
#include "daemon/input/packed.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* They are looked at again. What may stand there is not missed at once, nor waited for without end.
 */
static void
siblings_failed(struct follow *follow, struct stream *stream)
{
	if (!stream->seldom->hidden_since)
		stream_seldom(stream)->hidden_since = follow->now;
	stream->hidden = true;
	stream->siblings_due = true;
	if (follow->now - stream->seldom->hidden_since >= DRAIN_QUIET)
		return;
	stream->older_waits = true;
	stream_set_busy(follow, stream);
}

static struct memo *
find_memo(struct stream *stream, const struct object_look *look)
{
	const struct stream_seldom *seldom = stream->seldom;
	for (size_t i = 0; i < seldom->memo_count; i++) {
		if (object_is_same(&seldom->memo[i].look, look))
			return &seldom->memo[i];
	}
	return NULL;
}

/* Keeps when the sibling was first seen as it is now. */
static struct memo *
remember(struct follow *follow, struct stream *stream, const struct object_look *look)
{
	struct memo *memo = find_memo(stream, look);
	if (memo && object_is_unchanged(&memo->look, look))
		return memo;
	if (!memo) {
		struct stream_seldom *seldom = stream_seldom(stream);
		seldom->memo = mem_grow(seldom->memo, seldom->memo_count + 1, sizeof *memo);
		memo = &seldom->memo[seldom->memo_count++];
	}
	*memo = (struct memo){.look = *look, .since = follow->now, .situation = UINT64_MAX};
	return memo;
}

static void
forget_memos(struct stream *stream, const struct siblings *siblings)
{
	size_t kept = 0;
	if (!stream->seldom->memo_count)
		return;
	struct stream_seldom *seldom = stream_seldom(stream);
	for (size_t i = 0; i < seldom->memo_count; i++) {
		bool found = false;
		for (size_t k = 0; k < siblings->count && !found; k++)
			found = object_is_same(&seldom->memo[i].look, &siblings->item[k].look);
		if (found)
			seldom->memo[kept++] = seldom->memo[i];
	}
	seldom->memo_count = kept;
}

/* What is older than all that is remembered was there before. */
static int64_t
oldest_birth(const struct stream *stream)
{
	int64_t born_at = INT64_MAX;
	for (size_t i = 0; i < stream->count; i++) {
		if (stream->generation[i]->position.born_at < born_at)
			born_at = stream->generation[i]->position.born_at;
	}
	return born_at;
}

static bool
is_younger(const struct generation *generation, const struct object_look *look)
{
	return generation->position.state == GENERATION_DRAINING &&
	       generation->position.offset == 0 && generation->seen.changed_at > look->changed_at;
}

/* Before what stands at the path, and before what was written later and is not begun yet. */
static size_t
place_by_age(const struct stream *stream, const struct object_look *look)
{
	size_t at = stream->count - (stream_current(stream) != NULL);
	while (at > 0 && is_younger(stream->generation[at - 1], look))
		at--;
	return at;
}

static void
take_missed(struct follow *follow, struct stream *stream, const struct sibling *sibling, int fd,
	const struct object_look *look)
{
	struct generation *current = stream_current(stream);
	if (current && (stream->missing_since != TIME_NONE || stream->empty))
		generation_enter(follow, current, GENERATION_DRAINING, "a younger one follows");
	struct generation *generation = generation_new(follow, stream, place_by_age(stream, look));
	log_info("%s: %s was rotated between two looks", stream->path, sibling->path);
	if (packed_is_named(sibling->path)) {
		bool taken = adopt_packed(follow, generation, sibling, fd, look);
		close(fd);
		if (!taken) {
			generation_free(follow, generation);
			return;
		}
	} else {
		/* A copy that was not whole when it was opened may be by now. */
		struct object_look now = *look;
		object_look_into(fd, &now);
		generation_set_object(follow, generation, &sibling->key, &now, sibling->path);
		generation_set_fd(follow, generation, fd);
	}
	generation_enter(follow, generation, GENERATION_DRAINING, "rotated between two looks");
	stream_set_ready(follow, stream);
}

/* Somebody writes over what was read: its rest comes first. Or it could not be compared just now,
 * and may be what a sibling is a copy of. */
static bool
is_unsure(const struct follow *follow, const struct generation *generation)
{
	const struct generation_seldom *seldom = generation->seldom;
	if (seldom->doubted_since && !generation->shrunk &&
		follow->now - seldom->doubted_since < REWRITE_LIMIT)
		return true;
	return seldom->failing_since && follow->now - seldom->failing_since < DRAIN_QUIET;
}

/*
 * What was rotated or copied and truncated after the look at the path shows among the siblings
 * already: the path is looked at again first.
 */
static bool
is_path_as_seen(const struct follow *follow, const struct stream *stream)
{
	const struct generation *current = stream_current(stream);
	const struct object_look *seen = stream->arrival ? &stream->arrival->look
					 : current	 ? &current->seen
							 : NULL;
	struct object_look look;
	if (!stream->arrival && current && is_unsure(follow, current))
		return false;
	bool stands = object_look_at(stream->path, &look) && look.is_file;
	if (!stands || stream->missing_since != TIME_NONE)
		return !stands && stream->missing_since != TIME_NONE;
	if (stream->empty)
		return look.size == 0;
	if (!seen || object_is_unchanged(seen, &look))
		return true;
	int fd = stream->arrival ? stream->arrival->fd : current->fd;
	return object_is_same(seen, &look) && look.size > seen->size && fd >= 0 &&
	       (stream->arrival || content_glance(fd, &current->position) == CONTENT_WHOLE);
}

/*
 * What arrived at the path and has no generation yet may be the same, as it is now. It may be no
 * more yet than a header that every file has: an older file that is longer is no copy of it.
 */
bool
sibling_is_arrival(struct stream *stream, int fd, const struct object_look *look)
{
	const struct arrival *arrival = stream->arrival;
	struct object_look now;
	if (!arrival)
		return false;
	if (!object_look_into(arrival->fd, &now)) {
		stream->unreadable = true;
		return false;
	}
	bool is_longer = look->size > now.size;
	if (is_longer && look->changed_at < now.changed_at)
		return false;
	uint64_t common = is_longer ? now.size : look->size;
	return common > 0 && stream_is_equal(stream, arrival->fd, fd, 0, common);
}

/* A log was copied over it, not a shredder's bytes. UTF-16 has a NUL beside every ASCII letter. */
static bool
is_text(int fd)
{
	char bytes[1024];
	ssize_t n = pread(fd, bytes, sizeof bytes, 0);
	size_t nuls = 0;
	for (ssize_t i = 0; i < n; i++)
		nuls += bytes[i] == 0;
	bool wide = n > 1 && (bytes[0] == (char)0xff || bytes[0] == (char)0xfe || bytes[1] == 0);
	return n > 0 && (nuls == 0 || (wide && nuls > (size_t)n / 4));
}

/* What stood at the path is to be read first: it left it before the sibling did. */
static bool
is_behind_unread(const struct follow *follow, const struct stream *stream, const struct memo *memo)
{
	const struct generation *current = stream_current(stream);
	return current && current->unlinked && current->fd >= 0 && !current->at_end &&
	       current->position.offset == 0 && !follow_gives_up(follow, current) &&
	       current->seen.changed_at <= memo->look.changed_at;
}

static bool
may_be_missed(struct follow *follow, struct stream *stream, int fd, const struct memo *memo,
	bool is_known)
{
	if (is_behind_unread(follow, stream, memo))
		return false;
	if (stream->older_waits || (is_known && !adopt_is_settled(follow, stream, fd, memo)))
		return false;
	if (is_path_as_seen(follow, stream))
		return true;
	stream->older_waits = stream->siblings_due = true;
	stream_set_busy(follow, stream);
	return false;
}

/* An object that nobody knows, or that does not hold any more what it held. */
static void
classify(struct follow *follow, struct stream *stream, const struct sibling *sibling, bool is_known)
{
	struct memo *memo = remember(follow, stream, &sibling->look);
	if (memo->situation == stream->situation)
		return;
	memo->situation = stream->situation;
	struct object_look look;
	if (sibling->look.size == 0)
		return;
	int fd = siblings_open(follow, sibling, &look);
	if (fd < 0) {
		memo->situation = UINT64_MAX;
		siblings_failed(follow, stream);
		return;
	}
	stream->unreadable = false;
	bool is_packed = packed_is_named(sibling->path);
	bool is_old_news = follow->now - memo->since >= COPY_SETTLE;
	enum adoption kind = adopt_compare(follow, stream, sibling, fd, &look, memo);
	if (kind == ADOPT_TAKEN && is_packed)
		close(fd);
	if (kind == ADOPT_TAKEN)
		return;
	if (kind == ADOPT_NONE && !is_packed && sibling_is_arrival(stream, fd, &look)) {
		kind = ADOPT_UNDECIDED;
		stream->alike |= look.size > stream->arrival->look.size;
	}
	/* A packed one may be damaged for good: it is tried twice. */
	if (stream->unreadable && !(is_packed && is_old_news))
		siblings_failed(follow, stream);
	if (stream->unreadable)
		kind = ADOPT_UNDECIDED;
	if (kind == ADOPT_NONE && !may_be_missed(follow, stream, fd, memo, is_known))
		kind = ADOPT_UNDECIDED;
	/* Taking may have moved the array. */
	memo = find_memo(stream, &sibling->look);
	if (memo && ((kind == ADOPT_UNDECIDED && (stream->busy || stream->older_waits)) ||
			    stream->undecided))
		memo->situation = UINT64_MAX;
	if (kind == ADOPT_NONE && (!is_known || is_text(fd)) && !stream->undecided &&
		!stream_matches(follow, sibling->path) &&
		(is_known || look.born_at == 0 || look.born_at >= oldest_birth(stream)))
		take_missed(follow, stream, sibling, fd, &look);
	else
		close(fd);
}

/* A generation that was read to its end stands there, and has changed since. */
static void
check_done(struct follow *follow, struct generation *generation, const struct sibling *sibling)
{
	struct position *position = &generation->position;
	struct object_look look;
	int fd = siblings_open(follow, sibling, &look);
	enum content_verdict verdict =
		fd < 0 ? CONTENT_UNREADABLE : generation_verify(follow, generation, fd);
	if (verdict == CONTENT_UNREADABLE)
		siblings_failed(follow, generation->stream);
	if (fd < 0)
		return;
	/* What was empty proves nothing: this may be a copy of what is read elsewhere. */
	bool is_proven = verdict == CONTENT_WHOLE && position->offset > 0;
	if (!is_proven) {
		close(fd);
		if (verdict == CONTENT_DIFFERS || verdict == CONTENT_WHOLE)
			classify(follow, generation->stream, sibling, true);
		return;
	}
	generation->seen = look;
	position->size = look.size;
	position->changed_at = look.changed_at;
	generation_mark(follow, generation);
	if (look.size <= position->offset) {
		close(fd);
		return;
	}
	generation_set_fd(follow, generation, fd);
	generation->at_end = false;
	generation->quiet_since = follow->now;
	generation_enter(follow, generation, GENERATION_DRAINING, "it grew again");
	stream_set_ready(follow, generation->stream);
}

static void
check_draining(struct follow *follow, struct generation *generation, const struct sibling *sibling)
{
	struct object_look look;
	if (generation->fd >= 0 || generation_is_parked(generation, &sibling->look))
		return;
	int fd = siblings_open(follow, sibling, &look);
	enum content_verdict verdict =
		fd < 0 ? CONTENT_UNREADABLE : drain_compare(follow, generation, fd, &look);
	if (verdict == CONTENT_UNREADABLE)
		siblings_failed(follow, generation->stream);
	if (fd < 0)
		return;
	if (verdict == CONTENT_WHOLE) {
		if (!object_is_unchanged(&generation->seen, &look))
			generation->quiet_since = follow->now;
		generation->seen = look;
		generation_seldom(generation)->size_at_rotation = look.size;
		generation->proven = true;
		generation->at_end = false;
		generation_set_fd(follow, generation, fd);
		stream_set_ready(follow, generation->stream);
		return;
	}
	close(fd);
	if (verdict == CONTENT_DIFFERS) {
		generation_lose_object(follow, generation);
		classify(follow, generation->stream, sibling, true);
	}
}

static bool
has_changed(const struct generation *generation, const struct object_look *look)
{
	const struct position *position = &generation->position;
	if (generation->seen.inode)
		return !object_is_unchanged(&generation->seen, look);
	return look->size != position->size || look->changed_at != position->changed_at;
}

static void
check(struct follow *follow, struct stream *stream, const struct sibling *sibling)
{
	struct generation *known = generation_find(follow, &sibling->key);
	if (!known) {
		if (!stream->seldom->stood_until ||
			sibling->look.moved_at > stream->seldom->stood_until)
			classify(follow, stream, sibling, false);
		return;
	}
	const struct position *position = &known->position;
	if (known->stream != stream || known == stream_current(stream))
		return;
	generation_seen_at(follow, known, sibling->path);
	if (position->packed)
		return;
	/* What its own descriptor shows may be another life by now. */
	if (known->fd >= 0 && has_changed(known, &sibling->look))
		drain_find_old(follow, known);
	if (!generation_has_object(known))
		classify(follow, stream, sibling, true);
	else if (position->state == GENERATION_DRAINING)
		check_draining(follow, known, sibling);
	else if (has_changed(known, &sibling->look))
		check_done(follow, known, sibling);
}

void
sibling_check_known(struct follow *follow, struct generation *generation, const char *path,
	const struct object_look *look)
{
	struct sibling sibling = {.path = (char *)path, .look = *look};
	if (generation->position.state == GENERATION_DONE &&
		look->size > generation->position.offset)
		check_done(follow, generation, &sibling);
	else if (generation->position.state != GENERATION_DONE)
		stream_set_due(follow, generation->stream);
}

/* Whether a file that matches `paths` is a copy of what another stream of its folder read. */
bool
sibling_claims(struct follow *follow, struct stream *stream, const char *path,
	const struct object_look *look, const struct object_key *key)
{
	struct sibling sibling = {.path = (char *)path, .look = *look, .key = *key};
	for (struct stream *s = stream->folder->streams; s; s = s->next_in_folder) {
		struct object_look now;
		if (s == stream || !s->count || !sibling_is_named(follow, s, stream_name(stream)))
			continue;
		if (look->size == 0) {
			stream_set_busy(follow, stream);
			return true;
		}
		int fd = siblings_open(follow, &sibling, &now);
		if (fd < 0)
			continue;
		enum adoption kind =
			adopt_compare(follow, s, &sibling, fd, &now, remember(follow, s, look));
		if (kind != ADOPT_TAKEN)
			close(fd);
		if (kind != ADOPT_NONE)
			return true;
	}
	return false;
}

static void
note_listed(struct stream *stream, const struct siblings *siblings)
{
	for (size_t i = 0; i < stream->count; i++) {
		struct generation *generation = stream->generation[i];
		generation->listed = generation->listed && siblings->trouble;
		for (size_t k = 0; k < siblings->count && !generation->listed; k++)
			generation->listed =
				generation_has_object(generation) &&
				memcmp(siblings->item[k].key.byte, generation->position.object,
					OBJECT_KEY_MAX) == 0;
	}
}

/* Generations of a stream that were read to their ends and stand nowhere any more. */
enum { REMEMBERED_LEAST = 8, REMEMBERED_MOST = 256 };
#define REMEMBERED_FOR (7 * DAY)

/* The next one of its stream began when it left the path; ids are times. */
static bool
is_recent(const struct follow *follow, const struct stream *stream, size_t i)
{
	const struct generation *next = stream->generation[i + 1 < stream->count ? i + 1 : i];
	return follow->wall - (int64_t)next->position.generation < REMEMBERED_FOR;
}

/*
 * What was read to its end is remembered as long as it stands among the siblings, then for days, by
 * which late copies of it are known. Nothing is forgotten while nothing stands at the path: its
 * file system may be absent.
 */
static void
forget_old(struct follow *follow, struct stream *stream)
{
	size_t kept = 0;
	if (stream->missing_since != TIME_NONE)
		return;
	for (size_t i = stream->count; i-- > 0;) {
		struct generation *generation = stream->generation[i];
		if (generation->position.state != GENERATION_DONE || generation->listed ||
			generation->fd >= 0 || ++kept <= REMEMBERED_LEAST)
			continue;
		if (kept <= REMEMBERED_MOST && is_recent(follow, stream, i))
			continue;
		batch_add_forgotten(follow->batch, generation->position.generation);
		generation_free(follow, generation);
	}
}

/* After a start: what is gone may go on in a sibling. */
static void
find_unlisted(struct follow *follow, struct stream *stream)
{
	for (size_t i = 0; i < stream->count; i++) {
		struct generation *generation = stream->generation[i];
		if (drain_is_unsought(generation) && !generation->listed)
			drain_find_old(follow, generation);
	}
}

static bool
take_as_read(struct follow *follow, struct stream *stream, const struct sibling *sibling)
{
	struct object_look look;
	int fd = siblings_open(follow, sibling, &look);
	if (fd < 0)
		return object_is_absent(errno);
	struct generation *generation = generation_new(follow, stream, 0);
	struct position *position = &generation->position;
	position->state = GENERATION_DONE;
	position->packed = packed_is_named(sibling->path);
	generation_set_object(follow, generation, &sibling->key, &look, sibling->path);
	bool ok = content_skip(position, fd, look.size);
	if (!ok)
		generation_free(follow, generation);
	close(fd);
	return ok;
}

/* What has been there until then; false where not all of it could be. */
static bool
take_all_as_read(struct follow *follow, struct stream *stream, int64_t until)
{
	struct siblings siblings = siblings_find(follow, stream);
	bool all = !siblings.trouble;
	for (size_t i = siblings.count; i-- > 0;) {
		const struct sibling *sibling = &siblings.item[i];
		if (sibling->look.moved_at <= until && !generation_find(follow, &sibling->key) &&
			!stream_matches(follow, sibling->path))
			all &= take_as_read(follow, stream, sibling);
	}
	siblings_fini(&siblings);
	if (!all)
		siblings_failed(follow, stream);
	return all;
}

void
sibling_take_as_read(struct follow *follow, struct stream *stream)
{
	struct object_look folder;
	bool known = object_look_at(stream->folder->path, &folder);
	if (!take_all_as_read(follow, stream, INT64_MAX))
		stream_seldom(stream)->stood_until = known ? folder.moved_at : 0;
}

void
sibling_check(struct follow *follow, struct stream *stream)
{
	stream->siblings_due = false;
	stream->copied = stream->older_waits = stream->hidden = false;
	if (stream->count == 0)
		return;
	if (stream->seldom->stood_until &&
		take_all_as_read(follow, stream, stream->seldom->stood_until))
		stream_seldom(stream)->stood_until = 0;
	struct siblings siblings = siblings_find(follow, stream);
	if (siblings.trouble)
		siblings_failed(follow, stream);
	/* A folder that cannot be read does not keep from the others for ever. */
	if (!stream->older_waits) {
		note_listed(stream, &siblings);
		find_unlisted(follow, stream);
		for (size_t i = 0; i < siblings.count; i++)
			check(follow, stream, &siblings.item[i]);
		note_listed(stream, &siblings);
	}
	if (!siblings.trouble) {
		forget_old(follow, stream);
		forget_memos(stream, &siblings);
	}
	if (!stream->hidden && stream->seldom->hidden_since)
		stream_seldom(stream)->hidden_since = 0;
	siblings_fini(&siblings);
}
