#ifndef AIWATCH_INPUT_CONTENT_H
#define AIWATCH_INPUT_CONTENT_H

#include "daemon/input/position.h"

#include <stdbool.h>
#include <sys/types.h>

/*
 * What proves that bytes are those that were consumed. Consumed are the raw bytes of a generation
 * before its offset; of them the position keeps a proof of the first 4 KiB and the digest of the
 * last 4 KiB (the anchor), the ledger a digest for each chunk between.
 */
enum content_verdict {
	CONTENT_EMPTY,	   /* nothing to compare */
	CONTENT_BEGINNING, /* shorter than what was consumed, and a beginning of it so far as can
			      be proven */
	CONTENT_WHOLE,	   /* begins with all that was consumed */
	CONTENT_DIFFERS,
	CONTENT_UNREADABLE, /* errno is set */
};

/* Bytes to compare, read strictly forward; as pread(2): 0 at the end, -1 with errno. */
struct content_source {
	ssize_t (*read)(void *owner, void *bytes, size_t n, uint64_t at);
	void *owner;
};

struct content_source
content_of(int *fd); /* borrows the variable */

/* Digests in the order of chunks; holes are allowed: what has no digest is not compared. */
struct content_ledger {
	const struct ledger_entry *entry;
	size_t count;
};

enum content_verdict
content_compare(const struct content_source *source, const struct position *position,
	struct content_ledger ledger);

/* As content_compare, but only by the first and last 4 KiB: for an object that is the same. */
enum content_verdict
content_glance(int fd, const struct position *position);

/* Of what differs: whole where only bytes before the anchor do, for something was edited in what
 * was read; differs, or unreadable. */
enum content_verdict
content_find_anchor(int fd, const struct position *position);

/* Whether `bytes`, the anchor_length bytes before the offset, are those that were consumed. */
bool
content_is_anchored(const struct position *position, const void *bytes);

/*
 * The next `n` bytes are consumed: offset, head, proof and anchor move on, and on_chunk is called
 * for each chunk that became whole. `window` holds the anchor_length bytes before the offset, then
 * the n bytes.
 */
void
content_consume(struct position *position, const uint8_t *window, size_t n,
	void (*on_chunk)(void *owner, const struct ledger_entry *entry), void *owner);

/* Bytes up to `offset` count as consumed without having been read: at an offset behind 0 only head
 * and anchor prove them. False with errno set. */
bool
content_skip(struct position *position, int fd, uint64_t offset);

/* Whether n bytes from `at` on are the same in both files: whole, differs, or unreadable. */
enum content_verdict
content_match(int a, int b, uint64_t at, uint64_t n);

#endif
