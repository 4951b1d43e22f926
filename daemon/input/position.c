#include "daemon/input/position.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

/* How long the beginnings are of which digests stay. */
static const size_t BEGINNING[PROOF_BEGINNINGS] = {16, 64, 128, PROOF_RAW};

void
position_free_proof(struct position *position)
{
	if (position->proof_length)
		free(position->proof);
	position->proof_length = 0;
}

void
position_fini(struct position *position)
{
	if (position->seen_at != position->path)
		free(position->seen_at);
	free(position->path);
	position_free_proof(position);
	*position = (struct position){0};
}

void
position_copy(const struct position *from, struct position *to)
{
	*to = *from;
	to->path = mem_text(from->path);
	to->seen_at = from->seen_at == from->path ? to->path : mem_text(from->seen_at);
	if (from->proof_length)
		to->proof = (uint8_t *)mem_copy(from->proof, from->proof_length);
}

void
position_set_seen_at(struct position *position, const char *path)
{
	char *before = position->seen_at;
	position->seen_at = strcmp(path, position->path) == 0 ? position->path : mem_text(path);
	if (before != position->path)
		free(before);
}

void
position_reserve_proof(struct position *position, uint64_t offset)
{
	size_t steps = (size_t)(offset < PROOF_STEPS ? offset : PROOF_STEPS);
	size_t length =
		steps <= PROOF_RAW ? steps : PROOF_RAW + (steps - PROOF_RAW) / PROOF_STEP * 2;
	if (length <= position->proof_length)
		return;
	uint8_t *before = position->proof_length ? position->proof : NULL;
	position->proof = mem_grow(before, length, 1);
	memset(position->proof + position->proof_length, 0, length - position->proof_length);
	position->proof_length = (uint16_t)length;
}

void
position_move_consumed(struct position *from, struct position *to)
{
	to->offset = from->offset;
	to->head_length = from->head_length;
	to->head = from->head;
	to->anchor_length = from->anchor_length;
	to->anchor = from->anchor;
	to->proof_length = from->proof_length;
	to->proof = from->proof;
	memcpy(to->proof_tail, from->proof_tail, sizeof to->proof_tail);
	from->proof_length = 0;
}

static uint16_t
beginning(const uint8_t *bytes, size_t i)
{
	struct hash128 digest = hash128(bytes, BEGINNING[i]);
	return (uint16_t)(digest.byte[0] | digest.byte[1] << 8);
}

void
position_drop_proof(struct position *position)
{
	uint16_t digest[PROOF_BEGINNINGS];
	if (position->proof_length < PROOF_TAIL)
		return;
	for (size_t i = 0; i < PROOF_BEGINNINGS; i++)
		digest[i] = beginning(position->proof, i);
	position_free_proof(position);
	memcpy(position->beginning, digest, sizeof digest);
}

bool
position_begins_with(const struct position *position, const uint8_t *bytes, size_t n)
{
	size_t i = PROOF_BEGINNINGS;
	if (!position_lacks_proof(position))
		return memcmp(position->proof, bytes, n) == 0;
	while (i > 0 && BEGINNING[i - 1] > n)
		i--;
	return i == 0 || position->beginning[i - 1] == beginning(bytes, i - 1);
}

size_t
position_write_proof(const struct position *position, uint8_t proof[POSITION_PROOF])
{
	size_t head = position_lacks_proof(position) ? 0 : PROOF_TAIL;
	size_t n = head + PROOF_TAIL_LENGTH;
	memset(proof, 0, head);
	if (position->proof_length)
		memcpy(proof, position->proof, position->proof_length);
	memcpy(proof + head, position->proof_tail, PROOF_TAIL_LENGTH);
	while (n > 0 && proof[n - 1] == 0)
		n--;
	return n;
}

void
position_read_proof(struct position *position, const uint8_t *proof, size_t length)
{
	size_t n = length < PROOF_TAIL ? length : PROOF_TAIL;
	position_reserve_proof(position, position->offset);
	if (n > position->proof_length)
		n = position->proof_length;
	if (n)
		memcpy(position->proof, proof, n);
	if (length > PROOF_TAIL)
		memcpy(position->proof_tail, proof + PROOF_TAIL,
			length < POSITION_PROOF ? length - PROOF_TAIL : PROOF_TAIL_LENGTH);
	position_drop_proof(position);
}

bool
position_is_sound(const struct position *position)
{
	return position->state < GENERATION_STATES && position->offset <= INT64_MAX &&
	       position->head_length <= PROOF_HEAD && position->head_length <= position->offset &&
	       position->anchor_length <= LEDGER_CHUNK &&
	       position->anchor_length <= position->offset;
}
