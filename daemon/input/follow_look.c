#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/adopt.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/*
 * The one look at a followed path. It may be repeated at any time and in any order with the events
 * that made it due.
 *
 *   at the path stands         old object        its content                verdict
 *   the same object            -                 begins with what was read  go on
 *   the same object            -                 empty                      wait
 *   the same object            -                 a beginning of it          HELD
 *   the same object            -                 something else             DRAINING, new from 0
 *   another object             linked elsewhere  -                          DRAINING, new from 0
 *   another object             gone, read up     begins with all of the old same, in the new object
 *   another object             gone, read up     a beginning of it          HELD in the new object
 *   another object             gone              something else             DRAINING, new from 0
 *   nothing                    -                 -                          read on, wait
 */
void
follow_gap(struct follow *follow, enum gap_reason reason, const struct generation *generation,
	uint64_t bytes)
{
	const struct position *position = &generation->position;
	follow->status.gaps[reason]++;
	batch_add_gap(follow->batch, reason, position->path, position->offset, bytes);
}

/* Said once; tried again after 1, 2, 4 … 60 seconds. */
void
follow_trouble(struct follow *follow, struct stream *stream, int code, const char *what)
{
	if (descriptor_is_short(code)) {
		stream_seldom(stream)->retry_at = follow->now + BUSY_INTERVAL;
		stream_set_busy(follow, stream);
		return;
	}
	struct stream_seldom *seldom = stream_seldom(stream);
	if (seldom->trouble != code) {
		log_warning("cannot %s %s: %s", what, stream->path, strerrordesc_np(code));
		if (!seldom->trouble)
			seldom->trouble_since = follow->now;
		seldom->trouble = code;
		seldom->trouble_in = what;
	}
	int64_t waited = follow->now - seldom->trouble_since;
	int64_t pause = waited < SECOND ? SECOND : waited > MINUTE ? MINUTE : waited;
	seldom->retry_at = follow->now + pause;
	stream_set_busy(follow, stream);
	if (waited < TROUBLE_IS_GAP || stream->told)
		return;
	stream->told = true;
	follow->status.gaps[GAP_UNREADABLE]++;
	batch_add_gap(follow->batch, GAP_UNREADABLE, stream->path, 0, 0);
}

/* A call on what a generation reads failed: it is tried again, from the comparison on; for want of
 * descriptors without end. */
void
follow_failed(struct follow *follow, struct generation *generation, int code)
{
	struct generation_seldom *seldom = generation_seldom(generation);
	if (!seldom->failing_since || descriptor_is_short(code)) {
		seldom->failing_since = follow->now;
		seldom->failures = 0;
	}
	seldom->failures++;
	generation->proven = false;
	follow_trouble(follow, generation->stream, code, "read");
	/* A stale handle is opened anew; otherwise only the descriptor may have the bytes. */
	if (code == ESTALE && !generation->unlinked)
		adopt_reopen(follow, generation);
}

bool
follow_gives_up(const struct follow *follow, const struct generation *generation)
{
	const struct generation_seldom *seldom = generation->seldom;
	return seldom->failing_since && seldom->failures >= DRAIN_TRIES &&
	       follow->now - seldom->failing_since >= DRAIN_QUIET;
}

static void
forget_trouble(struct stream *stream)
{
	stream_seldom(stream)->trouble = 0;
	stream->told = false;
}

void
follow_end_trouble(struct stream *stream, const char *what)
{
	if (!stream->seldom->trouble || strcmp(stream->seldom->trouble_in, what) != 0)
		return;
	log_notice("%s can be read again", stream->path);
	forget_trouble(stream);
}

/* Opens what was looked at, and nothing else. */
bool
follow_open_arrival(struct follow *follow, struct stream *stream, struct arrival *arrival)
{
	struct object_look look;
	if (stream->seldom->trouble && follow->now < stream->seldom->retry_at)
		return false;
	arrival->fd = descriptor_open(follow, stream->path);
	if (arrival->fd < 0) {
		if (errno != ENOENT)
			follow_trouble(follow, stream, errno, "open");
		stream_set_busy(follow, stream);
		return false;
	}
	follow_end_trouble(stream, "open");
	if (object_look_into(arrival->fd, &look) && object_is_same(&look, &arrival->look)) {
		arrival->look = look;
		stream->is_link = object_is_link(stream->path);
		return true;
	}
	close(arrival->fd);
	arrival->fd = -1;
	stream_set_due(follow, stream);
	return false;
}

static bool
open_current(struct follow *follow, struct generation *generation, const struct object_look *look)
{
	struct arrival arrival = {.look = *look, .fd = -1};
	if (generation->fd >= 0)
		return true;
	if (!follow_open_arrival(follow, generation->stream, &arrival))
		return false;
	generation_set_fd(follow, generation, arrival.fd);
	return true;
}

void
follow_set_readable(struct follow *follow, struct generation *generation)
{
	generation->at_end = false;
	stream_set_ready(follow, generation->stream);
}

/* A new life begins at the path; takes the descriptor over. */
struct generation *
follow_begin(struct follow *follow, struct stream *stream, const struct arrival *arrival)
{
	struct generation *generation = generation_new(follow, stream, stream->count);
	generation_set_object(follow, generation, &arrival->key, &arrival->look, stream->path);
	generation_set_fd(follow, generation, arrival->fd);
	generation->asked = true;
	follow_set_readable(follow, generation);
	return generation;
}

/* Its bytes were overwritten where they stood. What was not read may stand in a copy. */
struct object_key
follow_give_up_object(struct follow *follow, struct generation *generation, const char *why)
{
	struct object_key key = generation_key(generation);
	generation_close(follow, generation);
	generation_lose_object(follow, generation);
	generation->at_end = true;
	generation->shrunk = false;
	generation_doubted(generation, 0);
	generation_works(generation);
	generation->unlinked = false;
	generation->partial = 0;
	generation->quiet_since = follow->now;
	generation_enter(follow, generation, GENERATION_DRAINING, why);
	generation->stream->siblings_due = true;
	stream_set_busy(follow, generation->stream);
	return key;
}

void
follow_rewritten(struct follow *follow, struct generation *generation)
{
	struct stream *stream = generation->stream;
	bool at_path = stream_current(stream) == generation;
	struct arrival arrival = {.look = generation->seen, .fd = -1};
	/* After a restart what is empty is not open yet. */
	if (at_path && generation->fd < 0)
		arrival.fd = adopt_open_own(follow, generation);
	else if (at_path)
		arrival.fd = generation_take_fd(follow, generation);
	arrival.key = follow_give_up_object(follow, generation, "rewritten in place");
	stream->arrival = arrival.fd >= 0 ? &arrival : NULL;
	sibling_check(follow, stream);
	stream->arrival = NULL;
	if (!at_path)
		return;
	if (arrival.fd >= 0 && stream_current(stream) == NULL && !stream->older_waits)
		follow_begin(follow, stream, &arrival);
	else if (arrival.fd >= 0)
		close(arrival.fd);
	stream->undecided |= stream->older_waits;
	if (arrival.fd < 0 || stream->older_waits)
		stream_set_due(follow, stream);
}

void
follow_go_on(struct follow *follow, struct generation *generation)
{
	generation->proven = true;
	generation->shrunk = false;
	generation_doubted(generation, 0);
	generation->by_copy = false;
	generation_enter(follow, generation, GENERATION_ACTIVE, "it begins with what was read");
	follow_set_readable(follow, generation);
}

void
follow_hold(struct follow *follow, struct generation *generation)
{
	generation->proven = true;
	generation->at_end = true;
	generation->partial = 0;
	generation_enter(follow, generation, GENERATION_HELD, "a beginning of what was read");
	stream_set_busy(follow, generation->stream);
	if (!generation->by_copy && generation->touched &&
		follow->now - generation->quiet_since >= HOLD_SETTLE)
		follow_rewritten(follow, generation);
}

/*
 * Others may be at work. On a share a smaller size may be old news: it counts after a second look
 * through a new open. And a copy tool that writes over a file without truncating it first leaves
 * the end of the old content behind the new one for a while: what is not smaller counts once it
 * rests.
 */
static bool
is_change_believed(struct follow *follow, struct generation *generation)
{
	bool is_smaller = generation->seen.size < generation->position.offset;
	bool is_share = generation->stream->folder->blind;
	struct object_look look;
	if (!is_share && (is_smaller || (object_writers(generation->fd) == OBJECT_WRITERS_NONE &&
						object_look_into(generation->fd, &look) &&
						object_is_unchanged(&look, &generation->seen))))
		return true;
	if (!generation->seldom->doubted_since) {
		generation_doubted(generation, follow->now);
		if (is_share)
			generation_close(follow, generation);
	}
	stream_set_busy(follow, generation->stream);
	if (follow->now - generation->seldom->doubted_since < SECOND)
		return false;
	return is_share || follow->now - generation->quiet_since >= SECOND ||
	       follow->now - generation->seldom->doubted_since >= REWRITE_LIMIT;
}

static void
differs_in_place(struct follow *follow, struct generation *generation)
{
	struct arrival arrival = {.look = generation->seen, .fd = -1};
	enum content_verdict end = content_find_anchor(generation->fd, &generation->position);
	if (end == CONTENT_UNREADABLE) {
		follow_failed(follow, generation, errno);
		return;
	}
	if (end == CONTENT_DIFFERS) {
		follow_rewritten(follow, generation);
		return;
	}
	arrival.fd = generation_take_fd(follow, generation);
	arrival.key = generation_key(generation);
	if (arrival_edited(follow, generation, &arrival))
		return;
	int code = errno;
	generation_set_fd(follow, generation, arrival.fd);
	follow_failed(follow, generation, code);
}

/* Where a sibling that begins like it parts from it, that one is older: it is read first. */
static void
tell_apart(struct follow *follow, struct stream *stream)
{
	if (!stream->alike)
		return;
	stream->alike = false;
	stream->situation++;
	sibling_check(follow, stream);
}

static void
decide_in_place(struct follow *follow, struct generation *generation)
{
	const struct position *position = &generation->position;
	struct content_source source = content_of(&generation->fd);
	enum content_verdict verdict = CONTENT_DIFFERS;
	if (generation->seen.size >= position->offset && position->state != GENERATION_HELD &&
		!generation->shrunk)
		verdict = generation_verify(follow, generation, generation->fd);
	if (verdict == CONTENT_DIFFERS)
		verdict = generation_compare(follow, generation, &source);
	if (verdict == CONTENT_UNREADABLE) {
		follow_failed(follow, generation, errno);
		return;
	}
	if (verdict != CONTENT_WHOLE && !is_change_believed(follow, generation))
		return;
	switch (verdict) {
	case CONTENT_WHOLE:
		follow_go_on(follow, generation);
		tell_apart(follow, generation->stream);
		break;
	case CONTENT_BEGINNING:
		follow_hold(follow, generation);
		break;
	case CONTENT_DIFFERS:
		differs_in_place(follow, generation);
		break;
	case CONTENT_UNREADABLE:
	case CONTENT_EMPTY:
		break;
	}
}

static void
flush_partial(struct follow *follow, struct generation *generation)
{
	int64_t after = follow->config->flush_partial_after;
	if (!after || !generation->partial || !generation->at_end || generation->fd < 0)
		return;
	if (follow->now - generation->quiet_since >= after && !tail_finish(follow, generation))
		follow_failed(follow, generation, errno);
	else
		stream_set_busy(follow, generation->stream);
}

static void
note_look(struct follow *follow, struct generation *generation, const struct object_look *look)
{
	if (generation->seen.inode || generation->position.changed_at != look->changed_at)
		generation->touched = true;
	generation->quiet_since = follow->now;
	generation->asked = false;
	follow_sweep_soon(follow);
	generation->seen = *look;
	generation->unlinked = look->links == 0;
	generation->position.changed_at = look->changed_at;
	generation_seen_at(follow, generation, generation->stream->path);
}

static void
grow(struct follow *follow, struct generation *generation)
{
	if (generation->stream->alike &&
		content_glance(generation->fd, &generation->position) == CONTENT_WHOLE)
		tell_apart(follow, generation->stream);
	follow_set_readable(follow, generation);
}

static void
on_same_object(struct follow *follow, struct generation *generation, const struct object_look *look)
{
	const struct position *position = &generation->position;
	struct stream *stream = generation->stream;
	bool changed = !object_is_unchanged(&generation->seen, look);
	bool doubted =
		generation->shrunk || generation->seldom->doubted_since || !generation->proven;
	if (!changed && !doubted && position->state == GENERATION_ACTIVE) {
		generation->seen = *look;
		bool waits = generation_is_later(generation) && !generation->asked;
		if (generation->fd >= 0 && (!generation->at_end || (waits && look->size > 0)))
			follow_set_readable(follow, generation);
		flush_partial(follow, generation);
		return;
	}
	if (look->size == 0 && position->size > 0) {
		if (changed)
			note_look(follow, generation, look);
		generation->shrunk = true;
		generation->at_end = true;
		generation->partial = 0;
		stream->situation += changed;
		stream->siblings_due |= changed;
		return;
	}
	if (stream->seldom->trouble && follow->now < stream->seldom->retry_at) {
		stream_set_busy(follow, stream);
		return;
	}
	/* What cannot be opened is not seen yet: the next look finds it changed. */
	if (!open_current(follow, generation, look))
		return;
	if (changed)
		note_look(follow, generation, look);
	if (look->size < position->offset || position->state == GENERATION_HELD || doubted ||
		(changed && (stream->siblings_due ||
				    look->size <= position->offset + generation->partial)))
		decide_in_place(follow, generation);
	else
		grow(follow, generation);
}

/* The object is another stream's: renamed, or a second name. It is read there. */
static void
on_alias(struct follow *follow, struct stream *stream, struct generation *known,
	const struct object_look *look)
{
	struct generation *current = stream_current(stream);
	stream->alias = true;
	if (current) {
		drain_find_old(follow, current);
		generation_enter(follow, current, GENERATION_DRAINING, "rotated");
	}
	sibling_check_known(follow, known, stream->path, look);
}

static void
on_file(struct follow *follow, struct stream *stream, const struct object_look *look)
{
	struct generation *current = stream_current(stream);
	struct arrival arrival = {.look = *look, .fd = -1};
	stream->missing_since = TIME_NONE;
	if (current && object_is_same(&current->seen, look)) {
		on_same_object(follow, current, look);
		return;
	}
	if (!object_key_of(-1, stream->path, look, &arrival.key)) {
		stream->undecided = true;
		stream_set_busy(follow, stream);
		return;
	}
	struct generation *known = generation_find(follow, &arrival.key);
	if (!known) {
		arrival_take(follow, stream, &arrival);
		return;
	}
	if (known->stream != stream && known->stream->followed) {
		on_alias(follow, stream, known, look);
		return;
	}
	if (known->stream != stream) {
		generation_lose_object(follow, known);
		arrival_take(follow, stream, &arrival);
		return;
	}
	if (known != current && current) {
		drain_find_old(follow, current);
		generation_enter(follow, current, GENERATION_DRAINING, "rotated");
	}
	if (known != current) {
		stream_move_to_end(stream, known);
		generation_enter(follow, known, GENERATION_ACTIVE, "it came back");
	}
	on_same_object(follow, known, look);
}

static void
on_missing(struct follow *follow, struct stream *stream)
{
	struct generation *current = stream_current(stream);
	if (stream->missing_since == TIME_NONE) {
		stream->missing_since = follow->now;
		stream->siblings_due = stream->count > 0;
	}
	if (!current)
		return;
	drain_find_old(follow, current);
	stream_set_busy(follow, stream);
	if (!drain_prove(follow, current))
		return;
	if (current->fd >= 0 && !current->at_end)
		stream_set_ready(follow, stream);
	else if (stream->folder->present && current->fd >= 0 &&
		 follow->now - stream->missing_since >= DRAIN_QUIET &&
		 follow->now - current->quiet_since >= DRAIN_QUIET)
		generation_enter(follow, current, GENERATION_DRAINING, "nothing is at its path");
}

static size_t
count_unread(const struct stream *stream)
{
	size_t count = 0;
	for (size_t i = 0; i < stream->count; i++)
		count += stream->generation[i]->fd >= 0 && !stream->generation[i]->at_end;
	return count;
}

/* Asks the siblings of what is to be read for the first time, and looks as `look` says. */
bool
follow_has_older(
	struct follow *follow, struct generation *generation, const struct object_look *look)
{
	struct stream *stream = generation->stream;
	size_t unread = count_unread(stream);
	note_look(follow, generation, look);
	sibling_check(follow, stream);
	generation->asked = !stream->older_waits;
	return stream->older_waits || count_unread(stream) > unread;
}

/* A read showed that what stands before the offset is not what was consumed, or that something
 * older is to be read first. */
void
follow_disproved(struct follow *follow, struct generation *generation)
{
	if (generation_is_later(generation)) {
		generation->at_end = !generation->asked;
		stream_set_busy(follow, generation->stream);
		return;
	}
	generation->at_end = true;
	if (generation != stream_current(generation->stream)) {
		follow_rewritten(follow, generation);
		return;
	}
	struct object_look look;
	if (!object_look_into(generation->fd, &look)) {
		generation->at_end = false;
		follow_failed(follow, generation, errno);
		return;
	}
	note_look(follow, generation, &look);
	if (look.size > 0)
		decide_in_place(follow, generation);
	else
		generation->shrunk = true;
}

static void
look_at_path(struct follow *follow, struct stream *stream)
{
	struct object_look look = {.is_file = false};
	bool stands = object_look_at(stream->path, &look);
	bool is_gone = !stands && errno == ENOENT;
	stream->alias = false;
	stream->undecided = stream->empty = false;
	if (!stands && !object_is_absent(errno)) {
		stream->undecided = true;
		follow_trouble(follow, stream, errno, "look at");
		return;
	}
	if (stands)
		follow_end_trouble(stream, "look at");
	if (is_gone && stream->seldom->trouble)
		forget_trouble(stream);
	if (stands && look.is_file)
		on_file(follow, stream, &look);
	else if (stands && !stream->no_file)
		log_warning("%s is no regular file", stream->path);
	stream->no_file = stands && !look.is_file;
	if (!look.is_file)
		on_missing(follow, stream);
}

static void
retry_failing(struct follow *follow, struct stream *stream)
{
	for (size_t i = 0; i < stream->count; i++) {
		struct generation *generation = stream->generation[i];
		if (generation->seldom->failing_since && generation->at_end && generation->proven) {
			generation_works(generation);
			follow_end_trouble(stream, "read");
		}
		if (!generation->seldom->failing_since)
			continue;
		stream_set_busy(follow, stream);
		if (generation->fd >= 0 && !generation->at_end)
			stream_set_ready(follow, stream);
	}
}

void
follow_look(struct follow *follow, struct stream *stream)
{
	++*follow->steps;
	if (!stream->followed)
		return;
	look_at_path(follow, stream);
	retry_failing(follow, stream);
	/* While the path is undecided it comes first: it may hold what a copy holds too. */
	if (stream->siblings_due && !stream->undecided)
		sibling_check(follow, stream);
	struct generation *current = stream_current(stream);
	if (current && current->shrunk && stream->copied)
		follow_rewritten(follow, current);
	stream->owned = false;
	for (size_t i = stream->count; i-- > 0;) {
		if (i < stream->count &&
			stream->generation[i]->position.state == GENERATION_DRAINING)
			drain_look(follow, stream->generation[i]);
	}
	if (stream_current(stream) && stream_current(stream)->position.state == GENERATION_HELD)
		stream_set_busy(follow, stream);
}
