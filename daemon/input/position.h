#ifndef AIWATCH_INPUT_POSITION_H
#define AIWATCH_INPUT_POSITION_H

#include "daemon/base/hash.h"
#include "parsers/reader.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * A generation is one life of a followed file: from its first byte until it is truncated, replaced
 * or rotated away and read to its end. A position says how far one generation has been read and how
 * it is known again: what the store keeps. A value but for its two paths and its proof.
 */
enum generation_state {
	GENERATION_ACTIVE,   /* stands at its path */
	GENERATION_DRAINING, /* rotated, replaced or deleted; read to its end */
	GENERATION_HELD,     /* at its path stands a beginning of what was read: wait */
	GENERATION_DONE,     /* read to its end; remembered so that its copies are known */
	GENERATION_STATES,
};

enum { OBJECT_KEY_MAX = 48 };

/*
 * The proof shows that a shorter file is a beginning of what was consumed: the first PROOF_RAW raw
 * bytes as they are, then 16 bits of digest for each PROOF_STEP bytes up to PROOF_STEPS, then 16
 * bits for each whole LEDGER_STEP of the chunk in which the offset lies, which the ledger does not
 * have yet. What lies behind the offset is zero. Kept on disk as one blob of POSITION_PROOF bytes.
 *
 * Behind PROOF_STEPS nothing is added to it but to its tail: a position that the store has may lack
 * it. It keeps 16 bits of digest for four beginnings of the content, by which most others are known
 * to be others, and leaves what the store has as it is.
 */
enum {
	LEDGER_CHUNK = 4096,
	LEDGER_STEP = 512,
	PROOF_HEAD = 4096,
	PROOF_RAW = 256,
	PROOF_STEP = 64,
	PROOF_STEPS = 8192,
	PROOF_TAIL = PROOF_RAW + (PROOF_STEPS - PROOF_RAW) / PROOF_STEP * 2,
	PROOF_TAIL_LENGTH = LEDGER_CHUNK / LEDGER_STEP * 2,
	POSITION_PROOF = PROOF_TAIL + PROOF_TAIL_LENGTH,
	PROOF_BEGINNINGS = 4,
};

struct position {
	uint64_t generation;  /* unique within the input, never 0, never used again */
	char *path;	      /* as it is followed: names the site */
	char *seen_at;	      /* where it stood last; may be `path` itself where it is the same */
	uint64_t offset;      /* consumed: always behind a newline, or inside a skipped long line */
	uint64_t size;	      /* at the last look */
	int64_t changed_at;   /* modification time of the file at the last look, nanoseconds */
	int64_t born_at;      /* birth time of its first object, nanoseconds; 0 where unknown */
	uint16_t head_length; /* of the head that is proven: min(offset, 4096) */
	uint16_t anchor_length; /* min(offset, 4096) */
	uint16_t proof_length;	/* 0: there is none */
	uint8_t object_length;
	enum generation_state state : 4;
	bool packed : 1; /* the object is a compressed copy; offset counts unpacked bytes */
	uint8_t object[OBJECT_KEY_MAX]; /* file system id and file handle */
	struct hash128 head;		/* of the first head_length raw bytes */
	struct hash128 anchor;		/* of the anchor_length raw bytes before offset */
	union {
		uint8_t *proof; /* without its tail: what belongs to the bytes before offset */
		uint16_t beginning[PROOF_BEGINNINGS]; /* where it is lacking */
	};
	uint8_t proof_tail[PROOF_TAIL_LENGTH];
	uint64_t backlog_until; /* bytes before it were there on the first look */
	struct reader_state reader;
};

void
position_fini(struct position *position);
void
position_copy(const struct position *from, struct position *to); /* deep; to is overwritten */
void
position_set_seen_at(struct position *position, const char *path);

/* For one whose paths are borrowed. */
void
position_free_proof(struct position *position);

/* Makes the proof as long as `offset` consumed bytes need, with zeros; never shorter. */
void
position_reserve_proof(struct position *position, uint64_t offset);

/* The store has it; it is not to be added to any more. */
static inline bool
position_lacks_proof(const struct position *position)
{
	return position->proof_length == 0 && position->offset >= PROOF_STEPS;
}

/* Lets it go once the store has it, where the offset is behind PROOF_STEPS. */
void
position_drop_proof(struct position *position);

/* What was consumed, and what proves it, becomes that of another which consumed nothing. */
void
position_move_consumed(struct position *from, struct position *to);

/* Whether the first n bytes, n at most PROOF_RAW and the offset, can be those that were consumed.
 */
bool
position_begins_with(const struct position *position, const uint8_t *bytes, size_t n);

/* The proof as the store keeps it, and back: `length` bytes, behind which zeros are left out. Of
 * one that is lacking only the tail; what is read back behind PROOF_STEPS is dropped at once. */
size_t
position_write_proof(const struct position *position, uint8_t proof[POSITION_PROOF]);
void
position_read_proof(struct position *position, const uint8_t *proof, size_t length);

/* Whether its lengths are such as a position can have: a damaged row of the store has others. */
bool
position_is_sound(const struct position *position) __attribute__((nonnull));

/*
 * The ledger proves that bytes are the beginning of what was consumed: one digest for each whole
 * chunk of LEDGER_CHUNK raw bytes, in the order of the file; it is made of 16 bits for each
 * LEDGER_STEP of them, so that a part of a chunk can be proven too.
 */
struct ledger_entry {
	uint64_t generation;
	uint64_t chunk; /* covers raw bytes from chunk * LEDGER_CHUNK on */
	struct hash128 digest;
};

#endif
