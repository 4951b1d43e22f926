#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/copy.h"
#include "daemon/input/follow_parts.h"
#include "parsers/lines.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* The bytes that only the old descriptor has, a line that is not whole yet, stand in the new one
 * too as far as it goes. */
static bool
has_rest(const struct generation *generation, const struct arrival *arrival)
{
	uint64_t offset = generation->position.offset, n = generation->partial;
	if (generation->fd < 0 || n == 0 || arrival->look.size <= offset)
		return true;
	if (arrival->look.size - offset < n)
		n = arrival->look.size - offset;
	return stream_is_equal(generation->stream, generation->fd, arrival->fd, offset, n);
}

/* The same content in another object: go on there. */
static void
replace(struct follow *follow, struct generation *generation, const struct arrival *arrival,
	bool is_whole)
{
	struct stream *stream = generation->stream;
	stream_move_to_end(stream, generation);
	generation_set_object(follow, generation, &arrival->key, &arrival->look, stream->path);
	generation_set_fd(follow, generation, arrival->fd);
	generation->asked = false; /* of what may stand between the two */
	generation->partial = 0;
	generation->quiet_since = follow->now;
	generation->unlinked = false;
	if (is_whole) {
		follow_go_on(follow, generation);
		return;
	}
	generation->by_copy = true;
	follow_hold(follow, generation);
}

/* Digests leave the last bytes open; the old object, where it can still be read, does not. */
static bool
is_beginning(const struct generation *generation, const struct arrival *arrival)
{
	if (generation->fd < 0 || generation->shrunk ||
		generation->position.state == GENERATION_HELD)
		return true;
	return stream_is_equal(
		generation->stream, generation->fd, arrival->fd, 0, arrival->look.size);
}

/* Edited before the last bytes that were read (sed -i, a scrubber): another life, begun there.
 * Where these cannot be read now, false with errno, and the stream knows. */
bool
arrival_edited(struct follow *follow, struct generation *generation, const struct arrival *arrival)
{
	struct position *old = &generation->position, skipped = {.offset = 0};
	if (!content_skip(&skipped, arrival->fd, old->offset)) {
		generation->stream->unreadable = true;
		position_free_proof(&skipped);
		return false;
	}
	follow_give_up_object(follow, generation, "edited");
	generation_enter(follow, generation, GENERATION_DONE, "read to its end");
	old->size = old->offset;
	struct generation *edited = follow_begin(follow, generation->stream, arrival);
	position_move_consumed(&skipped, &edited->position);
	log_info("%s: was edited, and goes on at %llu", old->path, (unsigned long long)old->offset);
	edited->position.reader = old->reader;
	edited->position.backlog_until = old->backlog_until;
	old->backlog_until = 0;
	return true;
}

/* Whether the arrival is another copy of what the generation read, whose object is gone. */
static bool
takes_over(struct follow *follow, struct generation *generation, const struct arrival *arrival,
	bool is_newest)
{
	int fd = arrival->fd;
	struct content_source source = content_of(&fd);
	const struct position *position = &generation->position;
	if (position->packed || (!is_newest && position->offset < PROOF_RAW))
		return false;
	/* What was empty proves nothing; its writer may go on where it has no name any more. */
	bool has_left = position->state == GENERATION_DONE ||
			(position->state == GENERATION_DRAINING && generation->partial == 0);
	if (has_left && position->offset == 0)
		return false;
	enum content_verdict verdict = generation_compare(follow, generation, &source);
	if (verdict == CONTENT_WHOLE && has_rest(generation, arrival)) {
		replace(follow, generation, arrival, true);
		return true;
	}
	if (verdict == CONTENT_BEGINNING && is_newest && is_beginning(generation, arrival)) {
		replace(follow, generation, arrival, false);
		return true;
	}
	if (verdict == CONTENT_DIFFERS && is_newest && has_rest(generation, arrival) &&
		generation_is_edited(generation, arrival->fd))
		return arrival_edited(follow, generation, arrival);
	return false;
}

/* rsync --backup: the old object was renamed, the new one holds all of it. */
static bool
is_backup(struct follow *follow, struct generation *generation, const struct arrival *arrival)
{
	int fd = arrival->fd;
	struct content_source source = content_of(&fd);
	return generation->position.offset >= PROOF_HEAD && generation->at_end &&
	       arrival->look.size >= generation->position.offset &&
	       generation_compare(follow, generation, &source) == CONTENT_WHOLE &&
	       has_rest(generation, arrival);
}

enum outcome_of_arrival {
	ARRIVAL_NEW,
	ARRIVAL_TAKEN,
	ARRIVAL_LATER, /* the old one is read up first */
	ARRIVAL_EMPTY, /* nothing to decide by */
};

/* What could not be compared may be the same. */
static bool
is_to_wait(struct follow *follow, struct generation *generation)
{
	if (!generation->stream->unreadable)
		return false;
	follow_failed(follow, generation, errno);
	return !follow_gives_up(follow, generation);
}

/*
 * Nothing was read of the old object yet, so no proof tells whether it holds what it held: a copy
 * of what stands at the path now, written over it after it was renamed.
 */
static bool
is_copy_of_arrival(const struct generation *generation, const struct arrival *arrival)
{
	return generation->position.offset == 0 && generation->fd >= 0 &&
	       generation->seen.changed_at >= arrival->look.changed_at &&
	       sibling_is_arrival(generation->stream, generation->fd, &generation->seen);
}

/* The generation that stood at the path makes room, or goes on in the new object. */
static enum outcome_of_arrival
displace(struct follow *follow, struct generation *current, const struct arrival *arrival)
{
	enum whereabouts where = drain_find_old(follow, current);
	if (where == HIDDEN)
		return ARRIVAL_LATER;
	if (!drain_prove(follow, current))
		return current->seldom->failing_since ? ARRIVAL_LATER : ARRIVAL_NEW;
	/* What it holds now may be a life of its own, which is to be read first. */
	if (stream_current(current->stream) != current)
		return ARRIVAL_NEW;
	if (current->fd >= 0 && !current->at_end && !follow_gives_up(follow, current)) {
		stream_set_ready(follow, current->stream);
		stream_set_busy(follow, current->stream);
		/* What was copied and truncated before its first byte was read is older. */
		if (where == GONE && current->position.offset == 0)
			sibling_check(follow, current->stream);
		if (where == GONE || current->position.offset >= PROOF_HEAD)
			return ARRIVAL_LATER;
	}
	if (where == STILL_LINKED && is_copy_of_arrival(current, arrival)) {
		follow_give_up_object(follow, current, "overwritten with a copy");
		return ARRIVAL_NEW;
	}
	if (where == STILL_LINKED) {
		if (is_backup(follow, current, arrival)) {
			replace(follow, current, arrival, true);
			return ARRIVAL_TAKEN;
		}
		if (is_to_wait(follow, current))
			return ARRIVAL_LATER;
		generation_enter(follow, current, GENERATION_DRAINING, "rotated");
		return ARRIVAL_NEW;
	}
	if (arrival->look.size == 0 && current->position.offset + current->partial > 0)
		return ARRIVAL_EMPTY;
	if (takes_over(follow, current, arrival, true))
		return ARRIVAL_TAKEN;
	if (is_to_wait(follow, current))
		return ARRIVAL_LATER;
	if (current->fd < 0)
		follow_give_up_object(follow, current, "replaced");
	else
		generation_enter(follow, current, GENERATION_DRAINING, "replaced");
	return ARRIVAL_NEW;
}

/* What has no name any more may go on in what arrived. False: not all could be asked for. */
static bool
find_unsought(struct follow *follow, struct stream *stream)
{
	bool all = true;
	for (size_t i = 0; i < stream->count; i++) {
		struct generation *generation = stream->generation[i];
		if (drain_is_unsought(generation) && !drain_is_named(follow, generation))
			all &= drain_find_old(follow, generation) != HIDDEN;
	}
	return all;
}

/* What only a descriptor can show is read before anything is compared with it. */
static bool
has_unread(struct follow *follow, struct stream *stream)
{
	for (size_t i = 0; i < stream->count; i++) {
		const struct generation *generation = stream->generation[i];
		if (!generation->unlinked || generation->fd < 0 || generation->at_end ||
			follow_gives_up(follow, generation))
			continue;
		stream_set_ready(follow, stream);
		return true;
	}
	return false;
}

static bool
revive(struct follow *follow, struct stream *stream, const struct arrival *arrival)
{
	bool newest = !stream_current(stream);
	for (size_t i = stream->count; i-- > 0;) {
		struct generation *generation = stream->generation[i];
		if (generation_has_object(generation) && !generation->unlinked)
			continue;
		if (generation->fd >= 0 && !generation->at_end)
			continue;
		if (takes_over(follow, generation, arrival, newest))
			return true;
		newest = false;
	}
	return false;
}

static bool
begins_at_end(const struct follow *follow)
{
	if (follow->started)
		return false;
	if (follow->lost_state)
		return follow->config->on_lost_state == CONFIG_LOST_END;
	return follow->config->start == CONFIG_START_END;
}

static void
ignore_record(void *owner, const struct record *record)
{
	(void)owner;
	(void)record;
}

/* False with errno, ENODATA where the file has become shorter. */
static bool
read_whole(int fd, void *bytes, size_t n, uint64_t at)
{
	struct content_source source = content_of(&fd);
	ssize_t got = source.read(source.owner, bytes, n, at);
	if (got >= 0 && (size_t)got < n)
		errno = ENODATA;
	return got >= 0 && (size_t)got == n;
}

/* Behind the last line end of its first `size` bytes; where there is none, inside a line whose rest
 * is skipped. False with errno, as read_whole. */
static bool
skip_to_end(struct follow *follow, struct generation *generation, uint64_t size)
{
	struct position *position = &generation->position;
	struct reader_counts counts = {0};
	size_t n = size < LEDGER_CHUNK ? (size_t)size : LEDGER_CHUNK;
	uint8_t bytes[LEDGER_CHUNK];
	if (!read_whole(generation->fd, bytes, n, 0))
		return false;
	struct reader_state state = {0};
	reader_feed(follow->reader, &state, (struct span){(char *)bytes, n}, 0, false, follow->wall,
		ignore_record, NULL, &counts);
	const char *encoding = reader_encoding_name(&state);
	bool wide = strncmp(encoding, "utf-16", 6) == 0;
	bool little = wide && strcmp(encoding, "utf-16le") == 0;
	uint64_t from = size - n;
	uint64_t end = wide ? size & ~UINT64_C(1) : size;
	state.skipping = LINES_SKIP_TAKEN;
	if (!read_whole(generation->fd, bytes, n, from))
		return false;
	for (size_t i = n; i-- > 0;) {
		uint64_t behind = from + i + 1 + (little ? 1 : 0);
		if (bytes[i] != '\n' || behind > size || (wide && behind & 1))
			continue;
		end = behind;
		state.skipping = LINES_READ;
		break;
	}
	if (!content_skip(position, generation->fd, end))
		return false;
	position->reader = state;
	return true;
}

/* Whether it is begun at its end, which is where it was at the first look. */
static bool
is_begun_at(const struct follow *follow, const struct stream *stream, const struct arrival *arrival,
	uint64_t *end)
{
	const struct first_end *first = stream->seldom->first_end;
	*end = first ? first->size : arrival->look.size;
	if (!first)
		return begins_at_end(follow);
	return object_key_equal(&first->key, &arrival->key) && first->size <= arrival->look.size;
}

/* The next look will be the first. */
static void
first_look_failed(struct follow *follow, struct stream *stream, const struct arrival *arrival)
{
	int code = errno;
	if (!stream->seldom->first_end && begins_at_end(follow)) {
		struct first_end *first = mem_new(sizeof *first);
		*first = (struct first_end){arrival->key, arrival->look.size};
		stream_seldom(stream)->first_end = first;
	}
	stream->undecided = true;
	if (code != ENODATA)
		follow_trouble(follow, stream, code, "read");
	stream_set_busy(follow, stream);
}

static void
first_look(
	struct follow *follow, struct stream *stream, const struct arrival *arrival, bool is_copy)
{
	uint64_t end;
	bool skips = is_begun_at(follow, stream, arrival, &end) || is_copy;
	struct generation *generation = follow_begin(follow, stream, arrival);
	if (skips && !skip_to_end(follow, generation, is_copy ? arrival->look.size : end)) {
		int code = errno;
		generation_free(follow, generation);
		errno = code;
		first_look_failed(follow, stream, arrival);
		return;
	}
	/* Another file stood there: what was appended to it meanwhile is not looked for. */
	struct first_end *first = stream->seldom->first_end;
	if (first && !skips) {
		follow->status.gaps[GAP_LOST]++;
		batch_add_gap(follow->batch, GAP_LOST, stream->path, first->size, 0);
	}
	if (first)
		stream_seldom(stream)->first_end = NULL;
	free(first);
	stream->looked = true;
	if (!skips)
		generation->position.backlog_until = arrival->look.size;
	sibling_take_as_read(follow, stream);
}

void
arrival_take(struct follow *follow, struct stream *stream, struct arrival *arrival)
{
	struct generation *current = stream_current(stream);
	enum outcome_of_arrival outcome = ARRIVAL_NEW;
	if (!follow_open_arrival(follow, stream, arrival)) {
		stream->undecided = true;
		if (current)
			drain_find_old(follow, current);
		return;
	}
	bool first = stream->count == 0;
	if (first && follow->started &&
		sibling_claims(follow, stream, stream->path, &arrival->look, &arrival->key))
		outcome = ARRIVAL_LATER;
	enum copy copy = first && outcome == ARRIVAL_NEW ? copy_of_other(follow, stream, arrival)
							 : COPY_NONE;
	if (copy == COPY_GROWS)
		outcome = ARRIVAL_LATER;
	stream->arrival = arrival;
	stream->unreadable = false;
	if (current)
		outcome = displace(follow, current, arrival);
	else if (!first && arrival->look.size == 0)
		outcome = ARRIVAL_EMPTY;
	stream->arrival = NULL;
	if (outcome == ARRIVAL_NEW &&
		(!find_unsought(follow, stream) || has_unread(follow, stream)))
		outcome = ARRIVAL_LATER;
	stream->unreadable = false;
	if (outcome == ARRIVAL_NEW && !first && revive(follow, stream, arrival))
		outcome = ARRIVAL_TAKEN;
	if (outcome == ARRIVAL_NEW && stream->unreadable)
		outcome = ARRIVAL_LATER;
	stream->undecided = outcome == ARRIVAL_LATER;
	stream->empty = outcome == ARRIVAL_EMPTY;
	stream->siblings_due |= stream->empty;
	if (outcome == ARRIVAL_LATER || outcome == ARRIVAL_EMPTY)
		close(arrival->fd);
	if (outcome == ARRIVAL_LATER || outcome == ARRIVAL_EMPTY)
		stream_set_busy(follow, stream);
	if (outcome != ARRIVAL_NEW)
		return;
	if (first) {
		first_look(follow, stream, arrival, copy == COPY_WHOLE);
		return;
	}
	stream->arrival = arrival;
	sibling_check(follow, stream);
	stream->arrival = NULL;
	/* A sibling's rest may have been found in the very object. */
	if (generation_find(follow, &arrival->key) || stream->older_waits)
		close(arrival->fd);
	else
		follow_begin(follow, stream, arrival);
	stream->siblings_due |= stream->older_waits;
	stream->undecided = stream->older_waits;
}
