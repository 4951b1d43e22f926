#include "daemon/input/batch.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

static const char *const GAP_NAME[GAP_REASONS] = {
	[GAP_TRUNCATED] = "truncated",
	[GAP_LOST] = "lost",
	[GAP_LONG_LINE] = "long_line",
	[GAP_UNREADABLE] = "unreadable",
};

const char *
gap_reason_name(enum gap_reason reason)
{
	return GAP_NAME[reason];
}

struct batch *
batch_new(struct input *input, int64_t read_at)
{
	struct batch *batch = mem_new(sizeof *batch);
	batch->input = input;
	batch->read_at = read_at;
	return batch;
}

/* Texts one behind the other: a log may be nothing but events, and each has five. */
struct batch_texts {
	struct batch_texts *before;
	size_t n, room;
	char bytes[];
};

enum { TEXTS_ROOM = 4000 };

static const char *
keep_text(struct batch *batch, const char *text)
{
	struct batch_texts *texts = batch->texts;
	size_t n = strlen(text) + 1;
	if (!texts || texts->room - texts->n < n) {
		size_t room = n > TEXTS_ROOM ? n : TEXTS_ROOM;
		texts = mem_new(sizeof *texts + room);
		texts->before = batch->texts;
		texts->room = room;
		batch->texts = texts;
	}
	char *kept = memcpy(texts->bytes + texts->n, text, n);
	texts->n += n;
	return kept;
}

/* Mostly it is that of the sighting before. */
static const char *
keep_text_once(struct batch *batch, const char *text, const char *before)
{
	if (!text || (before && strcmp(text, before) == 0))
		return text ? before : NULL;
	return keep_text(batch, text);
}

static void
free_kept(struct batch_texts *texts)
{
	while (texts) {
		struct batch_texts *before = texts->before;
		free(texts);
		texts = before;
	}
}

static void
free_texts(char **texts, size_t count)
{
	for (size_t i = 0; i < count; i++)
		free(texts[i]);
	free(texts);
}

void
batch_free(struct batch *batch)
{
	if (!batch)
		return;
	for (size_t i = 0; i < batch->position_count; i++)
		position_fini(&batch->positions[i]);
	for (size_t i = 0; i < batch->gap_count; i++)
		free(batch->gaps[i].file);
	free(batch->positions);
	free(batch->forgotten);
	free(batch->ledger);
	free(batch->sightings);
	free_kept(batch->texts);
	free_texts(batch->active_sites, batch->active_site_count);
	free_texts(batch->backlog_ended, batch->backlog_ended_count);
	free(batch->gaps);
	free(batch);
}

/* Makes room for one more: an array of n items has room for the next power of two. */
static void *
room_for_one(void *array, size_t count, size_t size)
{
	return count & (count - 1) ? array : mem_grow(array, count ? count * 2 : 1, size);
}

#define APPEND(array, count) \
	((array) = room_for_one((array), (count), sizeof *(array)), (count)++, &(array)[(count)-1])

void
batch_add_sighting(struct batch *batch, const struct sighting *sighting)
{
	static const struct sighting NONE;
	struct sighting *to = APPEND(batch->sightings, batch->sighting_count);
	const struct sighting *before = batch->sighting_count > 1 ? to - 1 : &NONE;
	*to = *sighting;
	to->site = keep_text_once(batch, sighting->site, before->site);
	to->file = keep_text_once(batch, sighting->file, before->file);
	to->text = keep_text_once(batch, sighting->text, before->text);
	to->cause = keep_text_once(batch, sighting->cause, before->cause);
	to->advice = keep_text_once(batch, sighting->advice, before->advice);
}

/* A generation stands once in a batch: its last position is the one that counts. */
void
batch_add_position(struct batch *batch, const struct position *position)
{
	for (size_t i = batch->position_count; i-- > 0 && i + 8 >= batch->position_count;) {
		if (batch->positions[i].generation != position->generation)
			continue;
		position_fini(&batch->positions[i]);
		position_copy(position, &batch->positions[i]);
		return;
	}
	position_copy(position, APPEND(batch->positions, batch->position_count));
}

void
batch_add_forgotten(struct batch *batch, uint64_t generation)
{
	*APPEND(batch->forgotten, batch->forgotten_count) = generation;
}

void
batch_add_ledger(struct batch *batch, const struct ledger_entry *entry)
{
	*APPEND(batch->ledger, batch->ledger_count) = *entry;
}

void
batch_add_active_site(struct batch *batch, const char *site)
{
	for (size_t i = 0; i < batch->active_site_count; i++) {
		if (strcmp(batch->active_sites[i], site) == 0)
			return;
	}
	*APPEND(batch->active_sites, batch->active_site_count) = mem_text(site);
}

void
batch_add_backlog_ended(struct batch *batch, const char *file)
{
	*APPEND(batch->backlog_ended, batch->backlog_ended_count) = mem_text(file);
}

void
batch_add_gap(struct batch *batch, enum gap_reason reason, const char *file, uint64_t offset,
	uint64_t bytes)
{
	struct gap *gap = APPEND(batch->gaps, batch->gap_count);
	*gap = (struct gap){reason, mem_text(file), offset, bytes};
}
