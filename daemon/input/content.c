#include "daemon/input/content.h"

#include "daemon/input/object.h"

#include <errno.h>
#include <string.h>

static ssize_t
read_fd(void *owner, void *bytes, size_t n, uint64_t at)
{
	return object_read(*(int *)owner, bytes, n, at);
}

struct content_source
content_of(int *fd)
{
	return (struct content_source){read_fd, fd};
}

static uint64_t
least(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

static bool
hash_equal(struct hash128 a, struct hash128 b)
{
	return memcmp(a.byte, b.byte, sizeof a.byte) == 0;
}

/* Two bytes of the proof for the step that begins at `at`. */
static size_t
step_place(uint64_t at)
{
	return PROOF_RAW + (size_t)(at - PROOF_RAW) / PROOF_STEP * 2;
}

/* The whole steps that end in (after, until]; bytes begin at raw offset `from`. */
static void
set_steps(struct position *position, const uint8_t *bytes, uint64_t from, uint64_t after,
	uint64_t until)
{
	uint64_t at = after < PROOF_RAW ? PROOF_RAW : after / PROOF_STEP * PROOF_STEP;
	for (; at + PROOF_STEP <= least(until, PROOF_STEPS); at += PROOF_STEP)
		memcpy(position->proof + step_place(at),
			hash128(bytes + (at - from), PROOF_STEP).byte, 2);
}

/* Whether the whole steps within the n bytes from raw offset `from` on are those of the proof. */
static bool
has_steps(const struct position *position, const uint8_t *bytes, uint64_t from, uint64_t n)
{
	uint64_t until = least(least(from + n, position->offset), PROOF_STEPS);
	uint64_t at = from < PROOF_RAW ? PROOF_RAW : from;
	if (position_lacks_proof(position))
		return true;
	for (; at + PROOF_STEP <= until; at += PROOF_STEP) {
		struct hash128 digest = hash128(bytes + (at - from), PROOF_STEP);
		if (memcmp(digest.byte, position->proof + step_place(at), 2) != 0)
			return false;
	}
	return true;
}

static void
set_head(struct position *position, const uint8_t *bytes, size_t n)
{
	if (n) {
		memset(position->proof, 0, position->proof_length);
		memcpy(position->proof, bytes, n < PROOF_RAW ? n : PROOF_RAW);
	}
	set_steps(position, bytes, 0, 0, n);
	position->head_length = (uint32_t)n;
	position->head = hash128(bytes, n);
}

/* Whether the first n bytes of a file, n at most head_length, can be those that were consumed. */
static bool
is_head(const struct position *position, const uint8_t *bytes, size_t n)
{
	if (n == position->head_length)
		return hash_equal(hash128(bytes, n), position->head);
	return position_begins_with(position, bytes, n < PROOF_RAW ? n : PROOF_RAW) &&
	       has_steps(position, bytes, 0, n);
}

bool
content_is_anchored(const struct position *position, const void *bytes)
{
	return hash_equal(hash128(bytes, position->anchor_length), position->anchor);
}

/* The last two chunks that were read, so that the anchor lies within them wherever it begins. */
struct chunks {
	uint8_t byte[2 * LEDGER_CHUNK];
	uint64_t at; /* of byte[0] */
	size_t n;
};

static ssize_t
next_chunk(struct chunks *chunks, const struct content_source *source)
{
	if (chunks->n >= LEDGER_CHUNK) {
		size_t whole = chunks->n / LEDGER_CHUNK * LEDGER_CHUNK;
		size_t drop = whole - LEDGER_CHUNK;
		memmove(chunks->byte, chunks->byte + drop, chunks->n - drop);
		chunks->at += drop;
		chunks->n -= drop;
	}
	ssize_t got = source->read(
		source->owner, chunks->byte + chunks->n, LEDGER_CHUNK, chunks->at + chunks->n);
	if (got > 0)
		chunks->n += (size_t)got;
	return got;
}

/* The digest of a chunk, or of the first n bytes of one: two bytes of XXH3 for each whole step. */
static void
chunk_digest(const uint8_t *bytes, size_t n, uint8_t out[16])
{
	memset(out, 0, 16);
	for (size_t at = 0; at + LEDGER_STEP <= n; at += LEDGER_STEP, out += 2) {
		uint64_t digest = hash64(bytes + at, LEDGER_STEP);
		out[0] = (uint8_t)digest;
		out[1] = (uint8_t)(digest >> 8);
	}
}

/* Whether the first n bytes of a chunk have the digest that was kept. Zeros say nothing: a store of
 * version 2 had other digests of what was read until then. */
static bool
has_digest(const uint8_t *bytes, size_t n, const uint8_t *kept)
{
	uint8_t digest[16];
	chunk_digest(bytes, n, digest);
	for (size_t i = 0; i < n / LEDGER_STEP * 2; i += 2) {
		bool is_known = kept[i] || kept[i + 1];
		if (is_known && memcmp(digest + i, kept + i, 2) != 0)
			return false;
	}
	return true;
}

static bool
is_in_ledger(struct content_ledger *ledger, const struct position *position, uint64_t chunk,
	const uint8_t *bytes, size_t n)
{
	const uint8_t *kept = position->proof_tail;
	uint64_t left = position->offset - chunk * LEDGER_CHUNK;
	if (left >= LEDGER_CHUNK) {
		while (ledger->count && ledger->entry->chunk < chunk) {
			ledger->entry++;
			ledger->count--;
		}
		if (!ledger->count || ledger->entry->chunk != chunk)
			return true;
		kept = ledger->entry->digest.byte;
		left = LEDGER_CHUNK;
	}
	return has_digest(bytes, (size_t)least(n, left), kept);
}

static bool
has_anchor(const struct chunks *chunks, const struct position *position)
{
	uint64_t from = position->offset - position->anchor_length;
	return from >= chunks->at && position->offset <= chunks->at + chunks->n &&
	       content_is_anchored(position, chunks->byte + (from - chunks->at));
}

enum content_verdict
content_compare(const struct content_source *source, const struct position *position,
	struct content_ledger ledger)
{
	struct chunks chunks = {.at = 0};
	if (position->offset == 0)
		return CONTENT_WHOLE;
	for (uint64_t end = 0; end < position->offset;) {
		ssize_t got = next_chunk(&chunks, source);
		if (got < 0)
			return CONTENT_UNREADABLE;
		const uint8_t *chunk = chunks.byte + (end - chunks.at);
		if (end == 0 &&
			!is_head(position, chunk, least((uint64_t)got, position->head_length)))
			return CONTENT_DIFFERS;
		if (end == 0 && got == 0)
			return CONTENT_EMPTY;
		if (end == LEDGER_CHUNK && !has_steps(position, chunk, end, (uint64_t)got))
			return CONTENT_DIFFERS;
		if (!is_in_ledger(&ledger, position, end / LEDGER_CHUNK, chunk, (size_t)got))
			return CONTENT_DIFFERS;
		end += (uint64_t)got;
		if (got < LEDGER_CHUNK && end < position->offset)
			return CONTENT_BEGINNING;
	}
	return has_anchor(&chunks, position) ? CONTENT_WHOLE : CONTENT_DIFFERS;
}

enum content_verdict
content_glance(int fd, const struct position *position)
{
	uint8_t bytes[PROOF_HEAD];
	if (position->offset == 0)
		return CONTENT_WHOLE;
	ssize_t got = object_read(fd, bytes, position->head_length, 0);
	if (got < 0)
		return CONTENT_UNREADABLE;
	if (got == 0)
		return CONTENT_EMPTY;
	if (!is_head(position, bytes, (size_t)got))
		return CONTENT_DIFFERS;
	if ((size_t)got < position->head_length)
		return CONTENT_BEGINNING;
	got = object_read(
		fd, bytes, position->anchor_length, position->offset - position->anchor_length);
	if (got < 0)
		return CONTENT_UNREADABLE;
	if ((size_t)got < position->anchor_length)
		return CONTENT_BEGINNING;
	return content_is_anchored(position, bytes) ? CONTENT_WHOLE : CONTENT_DIFFERS;
}

enum content_verdict
content_find_anchor(int fd, const struct position *position)
{
	uint8_t bytes[LEDGER_CHUNK];
	size_t n = position->anchor_length;
	if (position->offset <= n)
		return CONTENT_DIFFERS;
	ssize_t got = object_read(fd, bytes, n, position->offset - n);
	if (got < 0)
		return CONTENT_UNREADABLE;
	return (size_t)got == n && content_is_anchored(position, bytes) ? CONTENT_WHOLE
									: CONTENT_DIFFERS;
}

void
content_consume(struct position *position, const uint8_t *window, size_t n,
	void (*on_chunk)(void *owner, const struct ledger_entry *entry), void *owner)
{
	uint64_t from = position->offset - position->anchor_length;
	uint64_t until = position->offset + n;
	for (uint64_t chunk = position->offset / LEDGER_CHUNK; (chunk + 1) * LEDGER_CHUNK <= until;
		chunk++) {
		/* Bytes that were skipped unread lie before the window. */
		if (chunk * LEDGER_CHUNK < from)
			continue;
		struct ledger_entry entry = {.generation = position->generation, .chunk = chunk};
		chunk_digest(
			window + (chunk * LEDGER_CHUNK - from), LEDGER_CHUNK, entry.digest.byte);
		on_chunk(owner, &entry);
	}
	if (position->offset < PROOF_STEPS)
		position_reserve_proof(position, until);
	if (position->offset < PROOF_HEAD)
		set_head(position, window, (size_t)least(until, PROOF_HEAD));
	set_steps(position, window, from, position->offset, until);
	position->offset = until;
	position->anchor_length = (uint32_t)least(until, LEDGER_CHUNK);
	position->anchor =
		hash128(window + (until - position->anchor_length - from), position->anchor_length);
	size_t tail = (size_t)(until % LEDGER_CHUNK);
	chunk_digest(window + (until - tail - from), tail, position->proof_tail);
}

/* Proves the beginning of what is consumed without having been read. */
static bool
prove_skipped(struct position *position, int fd, uint64_t offset)
{
	uint8_t bytes[PROOF_STEPS];
	size_t n = (size_t)least(offset, PROOF_STEPS);
	ssize_t got = object_read(fd, bytes, n, 0);
	if (got < 0)
		return false;
	errno = ENODATA;
	if ((size_t)got < n)
		return false;
	position_reserve_proof(position, offset);
	set_head(position, bytes, (size_t)least(n, PROOF_HEAD));
	set_steps(position, bytes, 0, PROOF_HEAD, n);
	return true;
}

bool
content_skip(struct position *position, int fd, uint64_t offset)
{
	uint8_t bytes[LEDGER_CHUNK];
	if (position->offset < PROOF_STEPS && !prove_skipped(position, fd, offset))
		return false;
	size_t n = (size_t)least(offset, LEDGER_CHUNK);
	ssize_t got = object_read(fd, bytes, n, offset - n);
	errno = got < 0 ? errno : ENODATA;
	if (got < 0 || (size_t)got < n)
		return false;
	position->offset = offset;
	position->anchor_length = (uint32_t)n;
	position->anchor = hash128(bytes, n);
	size_t tail = (size_t)(offset % LEDGER_CHUNK);
	chunk_digest(bytes + (n - tail), tail, position->proof_tail);
	return true;
}

enum content_verdict
content_match(int a, int b, uint64_t at, uint64_t n)
{
	uint8_t left[LEDGER_CHUNK], right[LEDGER_CHUNK];
	while (n) {
		size_t want = (size_t)least(n, sizeof left);
		ssize_t one = read_fd(&a, left, want, at);
		ssize_t other = one < 0 ? -1 : read_fd(&b, right, want, at);
		if (one < 0 || other < 0)
			return CONTENT_UNREADABLE;
		if (one != (ssize_t)want || other != one || memcmp(left, right, want) != 0)
			return CONTENT_DIFFERS;
		at += want;
		n -= want;
	}
	return CONTENT_WHOLE;
}
