#include "daemon/input/position.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

void
position_fini(struct position *position)
{
	if (position->seen_at != position->path)
		free(position->seen_at);
	free(position->path);
	free(position->proof);
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
	position->proof = mem_grow(position->proof, length, 1);
	memset(position->proof + position->proof_length, 0, length - position->proof_length);
	position->proof_length = (uint16_t)length;
}

size_t
position_write_proof(const struct position *position, uint8_t proof[POSITION_PROOF])
{
	size_t n = POSITION_PROOF;
	memset(proof, 0, PROOF_TAIL);
	if (position->proof_length)
		memcpy(proof, position->proof, position->proof_length);
	memcpy(proof + PROOF_TAIL, position->proof_tail, PROOF_TAIL_LENGTH);
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
}

bool
position_is_sound(const struct position *position)
{
	return position->state < GENERATION_STATES && position->offset <= INT64_MAX &&
	       position->head_length <= PROOF_HEAD && position->head_length <= position->offset &&
	       position->anchor_length <= LEDGER_CHUNK &&
	       position->anchor_length <= position->offset;
}
