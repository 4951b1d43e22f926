#include "daemon/base/clock.h"
#include "daemon/input/follow_parts.h"

/* A line that is not whole at the end of a block, with the anchor before it, is in the next block
 * too, if it is no longer than 12 KiB. */
enum {
	OVERLAP = 4 * LEDGER_CHUNK,
	BLOCKS = 8,
	ROOM_MOST = 512 * 1024, /* for longer lines blocks would take too much memory */
	SPARSE = 16 * 1024,	/* bytes in which one sighting is not many */
};
static const uint64_t WORTH = 4 << 20; /* bytes to read */
#define PAUSE SECOND		       /* when what was read ahead was of no use */

void
ahead_stop(struct follow *follow)
{
	struct ahead *ahead = &follow->ahead;
	read_ahead_stop(ahead->blocks);
	*ahead = (struct ahead){.not_before = ahead->not_before};
}

/* Blocks that are dropped were read for nothing, and the next would be: a log that grows is seen to
 * change with each look. */
static void
drop(struct follow *follow)
{
	if (follow->ahead.blocks)
		follow->ahead.not_before = follow->now + PAUSE;
	ahead_stop(follow);
}

static size_t
block_size(const struct follow *follow)
{
	return follow->room + OVERLAP;
}

/* Where there is much to tell, who is told can use a second processor better than a reader can. */
static bool
is_dense(const struct follow *follow)
{
	size_t sightings = follow->batch->sighting_count - follow->sightings_before;
	return sightings * SPARSE > follow->batch_bytes;
}

/* Not before something was read in this turn, which tells how dense it is. */
static bool
is_worth(const struct follow *follow, const struct generation *generation, uint64_t from)
{
	return follow->batch_bytes > 0 && follow->now >= follow->ahead.not_before &&
	       follow->room <= ROOM_MOST && generation->position.offset > 0 &&
	       generation->seen.size >= from + WORTH;
}

static bool
start(struct follow *follow, const struct generation *generation, uint64_t from)
{
	struct ahead *ahead = &follow->ahead;
	if (!is_worth(follow, generation, from))
		return false;
	ahead->next = from;
	ahead->blocks = read_ahead_start(&(struct read_ahead_setup){
		.fd = generation->fd,
		.at = (off_t)from,
		.block = block_size(follow),
		.blocks = BLOCKS,
		.overlap = OVERLAP,
	});
	if (!ahead->blocks)
		ahead->not_before = follow->now + PAUSE;
	return ahead->blocks != NULL;
}

uint8_t *
ahead_find(struct follow *follow, const struct generation *generation, uint64_t from, size_t *n)
{
	struct ahead *ahead = &follow->ahead;
	size_t block = block_size(follow);
	char *bytes;
	if (ahead->generation != generation ||
		!object_is_unchanged(&ahead->seen, &generation->seen) || is_dense(follow)) {
		drop(follow);
		ahead->generation = generation;
		ahead->seen = generation->seen;
		return NULL;
	}
	if (!ahead->blocks && !start(follow, generation, from))
		return NULL;
	uint64_t at = ahead->next;
	ahead->next += block - OVERLAP;
	uint64_t skip = from - at; /* huge where it begins before the block */
	if (read_ahead_next(ahead->blocks, &bytes) < (ssize_t)block) {
		ahead_stop(follow);
		return NULL;
	}
	if (skip > OVERLAP) {
		drop(follow);
		return NULL;
	}
	*n = block - (size_t)skip;
	return (uint8_t *)bytes + skip;
}
