#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/follow_parts.h"

#include <errno.h>
#include <stdlib.h>
#include <utlist.h>

static const char *const STATE_NAME[GENERATION_STATES] = {
	[GENERATION_ACTIVE] = "active",
	[GENERATION_DRAINING] = "draining",
	[GENERATION_HELD] = "held",
	[GENERATION_DONE] = "done",
};

/* Digests of chunks that were read and are not in the store yet. */
struct ledger_tail {
	struct ledger_tail_item {
		uint64_t serial; /* of the batch that brings it */
		struct ledger_entry entry;
	} * item;
	size_t first, count, room; /* what is committed goes from the front */
	struct generation *generation;
	struct ledger_tail *prev, *next;
};

static const struct generation_seldom NONE;

struct generation_seldom *
generation_seldom(struct generation *generation)
{
	if (generation->seldom == &NONE)
		generation->seldom = mem_new(sizeof *generation->seldom);
	return (struct generation_seldom *)generation->seldom;
}

static void
free_seldom(struct generation *generation)
{
	if (generation->seldom != &NONE)
		free((struct generation_seldom *)generation->seldom);
	generation->seldom = &NONE;
}

/* Younger ones wait no more for one that is DONE. */
static bool
is_settled(const struct generation_seldom *seldom)
{
	return !seldom->copied_until && !seldom->doubted_since && !seldom->failing_since;
}

void
generation_works(struct generation *generation)
{
	if (generation->seldom->failing_since)
		generation_seldom(generation)->failing_since = 0;
}

void
generation_doubted(struct generation *generation, int64_t since)
{
	if (generation->seldom->doubted_since != since)
		generation_seldom(generation)->doubted_since = since;
}

void
generation_set_copied(struct generation *generation, uint64_t until, uint64_t from)
{
	if (!until && !generation->seldom->copied_until)
		return;
	generation_seldom(generation)->copied_until = until;
	generation_seldom(generation)->copied_from = from;
}

/* Most streams have but one. */
static void
make_room(struct stream *stream)
{
	struct generation **few = stream->generation == &stream->only ? NULL : stream->generation;
	if (stream->count == 0 && !few) {
		stream->generation = &stream->only;
		return;
	}
	stream->generation = mem_grow(few, stream->count + 1, sizeof *stream->generation);
	if (!few)
		stream->generation[0] = stream->only;
}

/* Ids grow with the time of day, so that one is not used again even where the store was lost. */
struct generation *
generation_new(struct follow *follow, struct stream *stream, size_t at)
{
	struct generation *generation = mem_new(sizeof *generation);
	uint64_t id = follow->wall > 0 ? (uint64_t)follow->wall : 0;
	if (id <= follow->last_generation)
		id = follow->last_generation + 1;
	follow->last_generation = id;
	generation->position.generation = id;
	generation->position.path = generation->position.seen_at = stream->path;
	generation->stream = stream;
	generation->fd = -1;
	generation->quiet_since = follow->now;
	generation->proven = true;
	generation->seldom = &NONE;
	make_room(stream);
	memmove(stream->generation + at + 1, stream->generation + at,
		(stream->count - at) * sizeof *stream->generation);
	stream->generation[at] = generation;
	stream->count++;
	stream->situation++;
	generation_mark(follow, generation);
	return generation;
}

static void
unmark(struct follow *follow, struct generation *generation)
{
	for (size_t i = 0; generation->dirty && i < follow->dirty_count; i++) {
		if (follow->dirty[i] != generation)
			continue;
		follow->dirty[i] = follow->dirty[--follow->dirty_count];
		generation->dirty = false;
	}
}

static void
free_tail(struct follow *follow, struct generation *generation)
{
	struct ledger_tail *tail = generation->tail;
	if (!tail)
		return;
	DL_DELETE(follow->tails, tail);
	free(tail->item);
	free(tail);
	generation->tail = NULL;
}

/* The path is the stream's. */
static void
free_position(struct position *position)
{
	if (position->seen_at == position->path)
		position->seen_at = NULL;
	position->path = NULL;
	position_fini(position);
}

void
generation_set_position(struct generation *generation, const struct position *position)
{
	struct position *to = &generation->position;
	free_position(to);
	position_copy(position, to);
	position_set_seen_at(to, position->seen_at);
	if (to->seen_at == to->path)
		to->seen_at = generation->stream->path;
	free(to->path);
	to->path = generation->stream->path;
}

void
generation_free(struct follow *follow, struct generation *generation)
{
	struct stream *stream = generation->stream;
	for (size_t i = 0; i < stream->count; i++) {
		if (stream->generation[i] != generation)
			continue;
		memmove(stream->generation + i, stream->generation + i + 1,
			(stream->count - i - 1) * sizeof *stream->generation);
		stream->count--;
		break;
	}
	generation_close(follow, generation);
	generation_lose_object(follow, generation);
	unmark(follow, generation);
	free_tail(follow, generation);
	free_position(&generation->position);
	free_seldom(generation);
	free(generation);
}

/* What it holds was seen, and not read for that. An old one does not wait. */
static bool
waits_for_older(const struct generation *generation)
{
	return generation->position.offset == 0 && !generation->asked && generation->seen.size > 0;
}

void
generation_enter(struct follow *follow, struct generation *generation, enum generation_state state,
	const char *why)
{
	struct position *position = &generation->position;
	if (position->state == state)
		return;
	log_debug("%s: generation %llu is %s after %s at %llu: %s", position->path,
		(unsigned long long)position->generation, STATE_NAME[state],
		STATE_NAME[position->state], (unsigned long long)position->offset, why);
	if (state == GENERATION_DRAINING && position->state != GENERATION_DONE)
		follow->status.rotations++;
	if (state == GENERATION_DRAINING)
		generation_seldom(generation)->size_at_rotation = generation->seen.size;
	if (state == GENERATION_DRAINING && waits_for_older(generation))
		generation->at_end = false;
	if (state == GENERATION_DONE && is_settled(generation->seldom))
		free_seldom(generation);
	position->state = state;
	generation->stream->situation++;
	generation_mark(follow, generation);
	if (state == GENERATION_DRAINING || state == GENERATION_HELD)
		stream_set_busy(follow, generation->stream);
}

void
generation_mark(struct follow *follow, struct generation *generation)
{
	if (generation->dirty)
		return;
	generation->dirty = true;
	if (!(follow->dirty_count & (follow->dirty_count - 1)))
		follow->dirty = mem_grow(follow->dirty,
			follow->dirty_count ? follow->dirty_count * 2 : 1, sizeof *follow->dirty);
	follow->dirty[follow->dirty_count++] = generation;
}

static struct span
object_of(const void *item)
{
	const struct generation *generation = item;
	return (struct span){(const char *)generation->position.object, OBJECT_KEY_MAX};
}

void
generation_claim(struct follow *follow, struct generation *generation)
{
	table_add(&follow->by_key, object_of, generation);
}

struct generation *
generation_find(const struct follow *follow, const struct object_key *key)
{
	struct span object = {(const char *)key->byte, OBJECT_KEY_MAX};
	return key->length ? table_find(&follow->by_key, object_of, object) : NULL;
}

void
generation_set_object(struct follow *follow, struct generation *generation,
	const struct object_key *key, const struct object_look *look, const char *seen_at)
{
	struct position *position = &generation->position;
	struct generation *other = generation_find(follow, key);
	if (other != generation) {
		if (other)
			generation_lose_object(follow, other);
		generation_lose_object(follow, generation);
		memcpy(position->object, key->byte, OBJECT_KEY_MAX);
		position->object_length = key->length;
		if (key->length)
			generation_claim(follow, generation);
	}
	generation->seen = *look;
	generation->unlinked = look->links == 0;
	generation->vanished = false;
	generation_works(generation);
	/* Born with its first object: what is younger than that, and unknown, came behind it. */
	if (position->born_at == 0 || look->born_at < position->born_at)
		position->born_at = look->born_at;
	position->changed_at = look->changed_at;
	if (!position->packed && look->size > position->size)
		position->size = look->size;
	generation_seen_at(follow, generation, seen_at);
	generation_mark(follow, generation);
}

void
generation_lose_object(struct follow *follow, struct generation *generation)
{
	struct position *position = &generation->position;
	if (!generation_has_object(generation))
		return;
	table_remove(&follow->by_key, object_of, generation);
	memset(position->object, 0, sizeof position->object);
	position->object_length = 0;
	position->packed = 0;
	generation->seen = (struct object_look){.size = 0};
	generation->stream->situation++;
	generation_mark(follow, generation);
}

void
generation_seen_at(struct follow *follow, struct generation *generation, const char *path)
{
	if (strcmp(generation->position.seen_at, path) == 0)
		return;
	position_set_seen_at(&generation->position, path);
	generation_mark(follow, generation);
}

/* Behind the last item; where half of the room is in front of the first they move there. */
static void
make_tail_room(struct ledger_tail *tail)
{
	if (tail->first && tail->first >= tail->room / 2) {
		memcpy(tail->item, tail->item + tail->first, tail->count * sizeof *tail->item);
		tail->first = 0;
		return;
	}
	tail->room = tail->room ? tail->room * 2 : 1;
	tail->item = mem_grow(tail->item, tail->room, sizeof *tail->item);
}

void
generation_on_chunk(
	struct follow *follow, const struct ledger_entry *entry, struct generation *generation)
{
	batch_add_ledger(follow->batch, entry);
	struct ledger_tail *tail = generation->tail;
	if (!tail) {
		tail = generation->tail = mem_new(sizeof *tail);
		tail->generation = generation;
		DL_APPEND(follow->tails, tail);
	}
	if (tail->first + tail->count == tail->room)
		make_tail_room(tail);
	struct ledger_tail_item *item = &tail->item[tail->first + tail->count++];
	item->serial = follow->batch->serial;
	item->entry = *entry;
}

/* The digests of all that it proves come with the last of it. */
static bool
has_brought_proof(const struct ledger_entry *last)
{
	return (last->chunk + 1) * LEDGER_CHUNK >= PROOF_STEPS;
}

/* The list is in the order of the first digests, nearly: what is passed by goes the next time. */
void
generation_committed(struct follow *follow, uint64_t serial)
{
	struct ledger_tail *tail, *next;
	DL_FOREACH_SAFE (follow->tails, tail, next) {
		const struct ledger_tail_item *item = tail->item + tail->first;
		size_t gone = 0;
		while (gone < tail->count && item[gone].serial <= serial)
			gone++;
		if (gone == 0)
			return;
		if (follow->read_ledger && has_brought_proof(&item[gone - 1].entry))
			position_drop_proof(&tail->generation->position);
		if (gone == tail->count) {
			free_tail(follow, tail->generation);
			continue;
		}
		tail->first += gone;
		tail->count -= gone;
		DL_DELETE(follow->tails, tail);
		DL_APPEND(follow->tails, tail);
	}
}

/* What the store has, then what is on its way there; chunks grow. False with a code where it cannot
 * be read: what is on its way is there all the same. `proof` as input_read_ledger takes it. */
static bool
read_ledger(struct follow *follow, const struct generation *generation, uint8_t *proof,
	struct ledger_entry **read, size_t *count, int *code)
{
	struct ledger_entry *entries = NULL;
	struct err err = ERR_INIT;
	*count = 0;
	bool ok = follow->read_ledger
			  ? follow->read_ledger(follow->ledger_owner, follow->config->name,
				    generation->position.generation, &entries, count, proof, &err)
			  : !proof;
	*code = descriptor_is_short(err.code) ? err.code : EIO;
	if (!ok) {
		if (descriptor_is_short(err.code))
			descriptor_say_short(follow, err.code);
		else
			log_warning("%s: %s", generation->position.path, err.text);
		entries = NULL;
		*count = 0;
	}
	const struct ledger_tail *tail = generation->tail;
	size_t more = tail ? tail->count : 0, stored = *count;
	if (more)
		entries = mem_grow(entries, stored + more, sizeof *entries);
	for (size_t i = 0; i < more; i++) {
		const struct ledger_entry *entry = &tail->item[tail->first + i].entry;
		if (stored == 0 || entry->chunk > entries[stored - 1].chunk)
			entries[(*count)++] = *entry;
	}
	*read = entries;
	return ok;
}

/* What differs does so without the store; all else waits for a store that cannot be read, but,
 * where it is not for want of descriptors, not without end: then it counts so far as can be proven.
 */
static bool
is_proof_awaited(const struct follow *follow, struct generation *generation, int code)
{
	if (descriptor_is_short(code))
		return true;
	struct generation_seldom *seldom = generation_seldom(generation);
	if (!seldom->unproven_since)
		seldom->unproven_since = follow->now;
	return follow->now - seldom->unproven_since < PROOF_WAIT;
}

enum content_verdict
generation_compare(
	struct follow *follow, struct generation *generation, const struct content_source *source)
{
	struct position position = generation->position;
	uint8_t proof[PROOF_TAIL];
	struct ledger_entry *entries = NULL;
	size_t count = 0;
	int why = 0;
	bool lacks = position_lacks_proof(&position);
	bool ok = position.offset <= LEDGER_CHUNK ||
		  read_ledger(follow, generation, lacks ? proof : NULL, &entries, &count, &why);
	if (lacks && ok) {
		position.proof = proof;
		position.proof_length = PROOF_TAIL;
		if (generation->seldom->unproven_since)
			generation_seldom(generation)->unproven_since = 0;
	}
	enum content_verdict verdict =
		content_compare(source, &position, (struct content_ledger){entries, count});
	int code = errno;
	if (lacks && !ok && (verdict == CONTENT_BEGINNING || verdict == CONTENT_WHOLE) &&
		is_proof_awaited(follow, generation, why)) {
		verdict = CONTENT_UNREADABLE;
		code = why;
	}
	free(entries);
	errno = code;
	generation->stream->unreadable |= verdict == CONTENT_UNREADABLE;
	return verdict;
}

/* A glance leaves open whether a shorter file is a beginning; the ledger knows. */
enum content_verdict
generation_verify(struct follow *follow, struct generation *generation, int fd)
{
	enum content_verdict verdict = content_glance(fd, &generation->position);
	generation->stream->unreadable |= verdict == CONTENT_UNREADABLE;
	if (verdict != CONTENT_BEGINNING)
		return verdict;
	struct content_source source = content_of(&fd);
	return generation_compare(follow, generation, &source);
}

bool
generation_is_edited(struct generation *generation, int fd)
{
	enum content_verdict verdict = content_find_anchor(fd, &generation->position);
	generation->stream->unreadable |= verdict == CONTENT_UNREADABLE;
	return verdict == CONTENT_WHOLE;
}

/* Where they cannot be read, false, and the stream knows. */
bool
stream_is_equal(struct stream *stream, int a, int b, uint64_t at, uint64_t n)
{
	enum content_verdict verdict = content_match(a, b, at, n);
	stream->unreadable |= verdict == CONTENT_UNREADABLE;
	return verdict == CONTENT_WHOLE;
}
