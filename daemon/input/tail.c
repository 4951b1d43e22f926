#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/follow_parts.h"
#include "daemon/input/site_name.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * One read brings the anchor and what follows it, so that what is consumed stood, in the same call,
 * behind what had been consumed before.
 *
 *   buffer: │ anchor_length bytes │ new bytes ……… │ NULs at the end of the file │
 *                                 ▲ offset                ▲ as far as the reader gets
 */
struct reading {
	struct follow *follow;
	struct generation *generation;
	/* While bytes are fed: what the path's wildcards matched, and the last host and its site.
	 */
	struct glob_captures captures;
	bool has_captures;
	struct buf host, site; /* site is empty: no host yet */
};

static void
on_chunk(void *owner, const struct ledger_entry *entry)
{
	struct reading *reading = owner;
	generation_on_chunk(reading->follow, entry, reading->generation);
}

/* What the path's wildcards matched. */
static const struct glob_captures *
captures_of(struct reading *reading)
{
	const struct follow *follow = reading->follow;
	const char *path = reading->generation->stream->path;
	for (size_t i = 0; !reading->has_captures && i < follow->globs; i++) {
		reading->has_captures = glob_match(follow->glob[i], path, &reading->captures);
		if (!reading->has_captures)
			reading->captures.count = 0;
	}
	reading->has_captures = true;
	return &reading->captures;
}

/* The site by the path alone is the same for all of its lines; that by a host often for the next.
 */
static const char *
find_site(struct reading *reading, struct span host)
{
	struct stream *stream = reading->generation->stream;
	const char *template = reading->follow->config->site;
	if (reading->site.n && span_equal(host, buf_span(&reading->host)))
		return reading->site.p;
	if (host.n && reading->follow->has_host) {
		site_name_write(template, host, stream->path, captures_of(reading), &reading->site);
		buf_clear(&reading->host);
		buf_add_span(&reading->host, host);
		return reading->site.p;
	}
	if (!stream->site)
		stream->site = site_name(
			template, (struct span){NULL, 0}, stream->path, captures_of(reading));
	return stream->site;
}

static void
forget_site(struct reading *reading)
{
	reading->has_captures = false;
	buf_fini(&reading->host);
	buf_fini(&reading->site);
}

static void
add_sighting(struct reading *reading, const struct record *record, const char *site)
{
	struct follow *follow = reading->follow;
	const struct position *position = &reading->generation->position;
	struct sighting sighting = {
		.site = site,
		.event = record->event,
		.time = record->time,
		.read_at = follow->wall,
		.file = position->path,
		.offset = record->offset,
		.text = record->text.n ? record->text.p : "",
		.cause = record->cause.n ? record->cause.p : NULL,
		.advice = rules_definition(follow->rules, record->rule)->advice,
		.backlog = record->offset < position->backlog_until,
	};
	memcpy(sighting.digest, hash128(record->raw.p, record->raw.n).byte, sizeof sighting.digest);
	batch_add_sighting(follow->batch, &sighting);
}

static void
on_record(void *owner, const struct record *record)
{
	struct reading *reading = owner;
	struct follow *follow = reading->follow;
	if (record->event == EVENT_NONE && !follow->report_activity)
		return;
	const char *site = find_site(reading, record->envelope.host);
	if (follow->report_activity)
		batch_add_active_site(follow->batch, site);
	if (record->event != EVENT_NONE)
		add_sighting(reading, record, site);
}

static size_t
without_nuls(struct span bytes)
{
	size_t left = bytes.n;
	while (left && bytes.p[left - 1] == 0)
		left--;
	return left;
}

/* In place of an offset. */
#define NO_TEXT		UINT64_MAX
#define TEXT_UNREADABLE (UINT64_MAX - 1)

/* The first byte at or behind `from` that is no NUL. */
static uint64_t
find_text(struct follow *follow, int fd, uint64_t from)
{
	for (;;) {
		off_t at = lseek(fd, (off_t)from, SEEK_DATA);
		if (at > (off_t)from)
			from = (uint64_t)at;
		else if (at < 0 && errno == ENXIO)
			return NO_TEXT;
		ssize_t got = object_read(fd, follow->buffer, follow->room, from);
		if (got < 0)
			return TEXT_UNREADABLE;
		if (got == 0)
			return NO_TEXT;
		for (ssize_t i = 0; i < got; i++) {
			if (follow->buffer[i])
				return from + (uint64_t)i;
		}
		from += (uint64_t)got;
	}
}

/* As find_text, without what is known to be NULs already. Overwrites the buffer. */
static uint64_t
find_text_behind(struct follow *follow, struct generation *generation, uint64_t from)
{
	uint64_t known = generation->seldom->nuls_until;
	uint64_t text = find_text(follow, generation->fd, known > from ? known : from);
	if (text == NO_TEXT)
		generation_seldom(generation)->nuls_until = generation->seen.size;
	return text;
}

/* Whether what was consumed stands there still, and NULs behind it: else what was found since they
 * were read is of another life. */
static enum tail_result
is_hole_still(const struct position *position, int fd)
{
	static const uint8_t NULS[4];
	uint8_t bytes[LEDGER_CHUNK + sizeof NULS];
	size_t before = position->anchor_length, n = before + sizeof NULS;
	ssize_t got = object_read(fd, bytes, n, position->offset - before);
	if (got < 0)
		return TAIL_FAILED;
	if ((size_t)got < n || memcmp(bytes + before, NULS, sizeof NULS) != 0)
		return TAIL_DIFFERS;
	return before == 0 || content_is_anchored(position, bytes) ? TAIL_MORE : TAIL_DIFFERS;
}

/* Passes over NULs up to `text`. */
static enum tail_result
skip_hole(struct position *position, int fd, uint64_t text)
{
	struct position skipped;
	enum tail_result result = TAIL_FAILED;
	position_copy(position, &skipped);
	if (content_skip(&skipped, fd, text))
		result = is_hole_still(position, fd);
	else if (errno == ENODATA)
		result = TAIL_DIFFERS;
	if (result == TAIL_MORE) {
		position_free_proof(position);
		position_move_consumed(&skipped, position);
	}
	position_fini(&skipped);
	return result;
}

/*
 * More NULs than a buffer holds: the end of the file as long as only NULs follow (space that was
 * reserved), else a hole, which is passed over.
 */
static enum tail_result
skip_nuls(struct follow *follow, struct generation *generation)
{
	struct position *position = &generation->position;
	uint64_t text = find_text_behind(follow, generation, position->offset);
	if (text == NO_TEXT)
		return TAIL_END;
	if (text == TEXT_UNREADABLE)
		return TAIL_FAILED;
	/* A code unit begins at a multiple of its size; the NULs before the text are the reader's.
	 */
	text &= ~UINT64_C(3);
	if (text <= position->offset)
		return TAIL_MORE; /* written since the read */
	enum tail_result result = skip_hole(position, generation->fd, text);
	if (result == TAIL_MORE)
		generation_mark(follow, generation);
	return result;
}

static void
count(struct reading *reading, const struct reader_counts *counts, uint64_t at, size_t consumed)
{
	struct follow *follow = reading->follow;
	follow->status.lines_read += counts->lines;
	follow->status.bytes_read += consumed;
	follow->batch_bytes += consumed;
	if (counts->skipped_bytes) {
		follow->status.gaps[GAP_LONG_LINE]++;
		batch_add_gap(follow->batch, GAP_LONG_LINE, reading->generation->position.path, at,
			counts->skipped_bytes);
	}
}

static size_t
feed(struct reading *reading, struct span bytes, bool last)
{
	struct follow *follow = reading->follow;
	struct generation *generation = reading->generation;
	struct position *position = &generation->position;
	struct reader_counts counts = {0};
	uint64_t at = position->offset;
	size_t consumed = reader_feed(follow->reader, &position->reader, bytes, at, last,
		follow->wall, on_record, reading, &counts);
	forget_site(reading);
	if (consumed == 0 && !last)
		return 0;
	if (at < PROOF_HEAD)
		generation->stream->situation++;
	content_consume(position, (uint8_t *)bytes.p - position->anchor_length, consumed, on_chunk,
		reading);
	generation_mark(follow, generation);
	count(reading, &counts, at, consumed);
	return consumed;
}

void
tail_end_backlog(struct follow *follow, struct generation *generation)
{
	struct position *position = &generation->position;
	if (!position->backlog_until)
		return;
	position->backlog_until = 0;
	batch_add_backlog_ended(follow->batch, position->path);
	generation_mark(follow, generation);
}

/* Another life begins otherwise: with another anchor or, where there is none yet, other lines. */
static enum tail_result
begins_so_still(int fd, const uint8_t *bytes, size_t n, uint64_t from)
{
	uint8_t again[LEDGER_CHUNK];
	if (n > sizeof again)
		n = sizeof again;
	ssize_t got = object_read(fd, again, n, from);
	if (got < 0)
		return TAIL_FAILED;
	return (size_t)got == n && memcmp(again, bytes, n) == 0 ? TAIL_MORE : TAIL_DIFFERS;
}

/*
 * One call brings all that the last look saw; what is added behind it the next look sees. Where it
 * brings less, a later one may find there what a younger life has written: then nothing counts.
 */
static enum tail_result
read_one_life(const struct generation *generation, uint8_t *bytes, size_t *n, uint64_t from)
{
	size_t room = *n;
	uint64_t seen = generation->position.packed ? UINT64_MAX : generation->seen.size;
	ssize_t got = object_read_once(generation->fd, bytes, room, from);
	if (got < 0)
		return TAIL_FAILED;
	*n = (size_t)got;
	if (*n == room || from + *n >= seen)
		return TAIL_MORE;
	got = object_read(generation->fd, bytes + *n, room - *n, from + *n);
	if (got < 0)
		return TAIL_FAILED;
	*n += (size_t)got;
	return got ? begins_so_still(generation->fd, bytes, *n, from) : TAIL_MORE;
}

/* Reads what follows the anchor. A result other than TAIL_MORE says why *bytes is empty. */
static enum tail_result
read_behind_anchor(
	struct follow *follow, struct generation *generation, struct span *bytes, bool *is_end)
{
	const struct position *position = &generation->position;
	size_t before = position->anchor_length;
	size_t room = before + follow->room - LEDGER_CHUNK;
	uint64_t from = position->offset - before;
	uint8_t *at = ahead_find(follow, generation, from, &room);
	size_t got = room;
	enum tail_result result = TAIL_MORE;
	if (!at) {
		at = follow->buffer;
		result = read_one_life(generation, at, &got, from);
	}
	if (result != TAIL_MORE)
		return result;
	if (got < before || (before && !content_is_anchored(position, at)))
		return TAIL_DIFFERS;
	*is_end = got < room;
	*bytes = (struct span){(char *)at + before, got - before};
	return TAIL_MORE;
}

/* No line ends in the buffer: half of one before reserved space waits, another is too long. */
static size_t
feed_unended(struct reading *reading, struct span bytes, size_t left, bool *is_end)
{
	struct follow *follow = reading->follow;
	struct generation *generation = reading->generation;
	if (left < bytes.n) {
		uint64_t from = generation->position.offset + left;
		uint64_t text = find_text_behind(follow, generation, from);
		*is_end = text == NO_TEXT;
		if (*is_end)
			return 0;
		/* The search used the buffer. */
		if (text == TEXT_UNREADABLE ||
			read_behind_anchor(follow, generation, &bytes, is_end) != TAIL_MORE)
			return 0;
	}
	return feed(reading, bytes, true);
}

static enum tail_result
set_at_end(struct follow *follow, struct generation *generation)
{
	generation->at_end = true;
	struct position *position = &generation->position;
	position->size = position->offset + generation->partial;
	if (generation_is_copied(generation)) {
		position->size = generation->seldom->copied_until;
	} else if (generation->seldom->copied_until) {
		/* It has grown: the copy is to be compared again. */
		generation_set_copied(generation, 0, 0);
		generation->stream->situation++;
		generation->stream->siblings_due = true;
	}
	tail_end_backlog(follow, generation);
	return TAIL_END;
}

/*
 * Of a life that nothing was read of no anchor tells: it may have been copied and truncated since
 * the siblings were asked, and what was just read be that of a younger one. What is older than that
 * stands beside it by now. TAIL_MORE where what was read counts.
 */
static enum tail_result
ask_before_first(struct follow *follow, struct generation *generation)
{
	struct object_look look;
	if (!generation_is_later(generation))
		return TAIL_MORE;
	if (!object_look_into(generation->fd, &look))
		return TAIL_FAILED;
	bool is_asked = generation->asked && object_is_unchanged(&look, &generation->seen);
	return !is_asked && follow_has_older(follow, generation, &look) ? TAIL_DIFFERS : TAIL_MORE;
}

static enum tail_result
read_some(struct follow *follow, struct generation *generation)
{
	struct reading reading = {.follow = follow, .generation = generation};
	struct position *position = &generation->position;
	struct span bytes;
	bool is_end;
	enum tail_result result = read_behind_anchor(follow, generation, &bytes, &is_end);
	struct object_look before = generation->seen;
	if (result == TAIL_MORE && bytes.n)
		result = ask_before_first(follow, generation);
	if (result != TAIL_MORE)
		return result;
	/* Between the read and the look with which it was asked: no later look would tell. */
	bool has_changed = generation->seen.size != before.size ||
			   generation->seen.changed_at != before.changed_at;
	generation_touch(follow, generation);
	if (!position->packed && generation->seen.size > position->size)
		position->size = generation->seen.size;
	size_t left = without_nuls(bytes);
	result = left == 0 && !is_end ? skip_nuls(follow, generation) : TAIL_END;
	if (result != TAIL_END)
		return result;
	if (left == 0) {
		generation->partial = 0;
		return has_changed ? TAIL_MORE : set_at_end(follow, generation);
	}
	size_t consumed = feed(&reading, bytes, false);
	if (consumed == 0 && !is_end)
		consumed = feed_unended(&reading, bytes, left, &is_end);
	if (consumed == 0 && !is_end)
		return TAIL_FAILED;
	generation->partial = left > consumed ? (uint32_t)(left - consumed) : 0;
	if (position->backlog_until && position->offset >= position->backlog_until)
		tail_end_backlog(follow, generation);
	return is_end && !has_changed ? set_at_end(follow, generation) : TAIL_MORE;
}

/* How much is known to stand there is kept, a half line too: if it is lost, that is a gap. */
enum tail_result
tail_read(struct follow *follow, struct generation *generation)
{
	uint64_t known = generation->position.size;
	enum tail_result result = read_some(follow, generation);
	if (generation->position.size != known)
		generation_mark(follow, generation);
	return result;
}

bool
tail_finish(struct follow *follow, struct generation *generation)
{
	struct reading reading = {.follow = follow, .generation = generation};
	struct span bytes;
	bool is_end;
	enum tail_result result = read_behind_anchor(follow, generation, &bytes, &is_end);
	if (result != TAIL_MORE)
		return result != TAIL_FAILED;
	size_t n = without_nuls(bytes);
	if (n)
		feed(&reading, span_first(bytes, n), true);
	generation->partial = 0;
	return true;
}
