#include "daemon/engine/pending.h"

#include "daemon/base/mem.h"
#include "daemon/engine/outcome.h"
#include "daemon/input/input.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

enum { LEDGER_MAX = 1 << 16, LEDGER_CROWD = LEDGER_MAX / 2 };

struct place {
	struct position position;
	UT_hash_handle hh;
};

struct source {
	struct input *input;
	uint64_t serial; /* of the newest batch that was merged; 0 once it is saved */
	struct place *places;
	uint64_t *forgotten;
	size_t forgotten_count;
	struct ledger_entry *ledger;
	size_t ledger_count, ledger_room;
	const struct position **collected;
};

struct name {
	char *text;
	char *saved;
	UT_hash_handle hh;
};

struct trouble {
	struct incident incident;
	UT_hash_handle hh;
};

struct pending {
	struct source *sources;
	size_t source_count;
	struct name *sites;
	struct trouble *troubles;
	struct input_changes *inputs;
	struct saved_site *saved;
	const struct incident **incidents;
};

struct pending *
pending_new(void)
{
	return mem_new(sizeof(struct pending));
}

static void
source_clear(struct source *source)
{
	struct place *place, *next;
	HASH_ITER (hh, source->places, place, next) {
		HASH_DEL(source->places, place);
		position_fini(&place->position);
		free(place);
	}
	source->serial = 0;
	source->forgotten_count = 0;
	source->ledger_count = 0;
}

static void
source_fini(struct source *source)
{
	source_clear(source);
	free(source->forgotten);
	free(source->ledger);
	free(source->collected);
}

static void
clear_sites(struct pending *pending)
{
	struct name *name, *next;
	HASH_ITER (hh, pending->sites, name, next) {
		HASH_DEL(pending->sites, name);
		free(name->text);
		free(name->saved);
		free(name);
	}
}

static void
clear_troubles(struct pending *pending)
{
	struct trouble *trouble, *next;
	HASH_ITER (hh, pending->troubles, trouble, next) {
		HASH_DEL(pending->troubles, trouble);
		incident_fini(&trouble->incident);
		free(trouble);
	}
}

void
pending_free(struct pending *pending)
{
	if (!pending)
		return;
	for (size_t i = 0; i < pending->source_count; i++)
		source_fini(&pending->sources[i]);
	free(pending->sources);
	clear_sites(pending);
	clear_troubles(pending);
	free(pending->inputs);
	free(pending->saved);
	free(pending->incidents);
	free(pending);
}

static struct source *
find_source(struct pending *pending, struct input *input)
{
	for (size_t i = 0; i < pending->source_count; i++) {
		if (pending->sources[i].input == input)
			return &pending->sources[i];
	}
	pending->sources =
		mem_grow(pending->sources, pending->source_count + 1, sizeof *pending->sources);
	struct source *source = &pending->sources[pending->source_count++];
	*source = (struct source){.input = input};
	return source;
}

static void
merge_position(struct source *source, struct position *position)
{
	struct place *place;
	HASH_FIND(hh, source->places, &position->generation, sizeof position->generation, place);
	if (place) {
		position_fini(&place->position);
	} else {
		place = mem_new(sizeof *place);
		place->position.generation = position->generation;
		HASH_ADD(hh, source->places, position.generation, sizeof position->generation,
			place);
	}
	place->position = *position;
	*position = (struct position){0};
}

static void
merge_forgotten(struct source *source, uint64_t generation)
{
	struct place *place;
	HASH_FIND(hh, source->places, &generation, sizeof generation, place);
	if (place) {
		HASH_DEL(source->places, place);
		position_fini(&place->position);
		free(place);
	}
	source->forgotten =
		mem_grow(source->forgotten, source->forgotten_count + 1, sizeof *source->forgotten);
	source->forgotten[source->forgotten_count++] = generation;
}

static void
merge_ledger(struct source *source, const struct batch *batch)
{
	if (batch->ledger_count == 0)
		return;
	if (source->ledger_count + batch->ledger_count > LEDGER_MAX)
		source->ledger_count = 0;
	size_t count = source->ledger_count + batch->ledger_count;
	if (count > source->ledger_room) {
		source->ledger_room =
			count > 2 * source->ledger_room ? count : 2 * source->ledger_room;
		source->ledger =
			mem_grow(source->ledger, source->ledger_room, sizeof *source->ledger);
	}
	memcpy(source->ledger + source->ledger_count, batch->ledger,
		batch->ledger_count * sizeof *batch->ledger);
	source->ledger_count += batch->ledger_count;
}

void
pending_merge_batch(struct pending *pending, struct batch *batch)
{
	struct source *source = find_source(pending, batch->input);
	source->serial = batch->serial;
	for (size_t i = 0; i < batch->position_count; i++)
		merge_position(source, &batch->positions[i]);
	for (size_t i = 0; i < batch->forgotten_count; i++)
		merge_forgotten(source, batch->forgotten[i]);
	merge_ledger(source, batch);
	batch_free(batch);
}

static void
merge_incident(struct pending *pending, struct incident *incident)
{
	struct trouble *trouble;
	HASH_FIND_STR(pending->troubles, incident->id, trouble);
	if (trouble) {
		HASH_DEL(pending->troubles, trouble);
		incident_fini(&trouble->incident);
	} else {
		trouble = mem_new(sizeof *trouble);
	}
	trouble->incident = *incident;
	*incident = (struct incident){0};
	HASH_ADD_STR(pending->troubles, incident.id, trouble);
}

void
pending_merge_outcome(struct pending *pending, struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->incident_count; i++)
		merge_incident(pending, &outcome->incidents[i]);
	for (size_t i = 0; i < outcome->site_count; i++) {
		struct name *name;
		HASH_FIND_STR(pending->sites, outcome->sites[i], name);
		if (name)
			continue;
		name = mem_new(sizeof *name);
		name->text = mem_text(outcome->sites[i]);
		HASH_ADD_KEYPTR(hh, pending->sites, name->text, strlen(name->text), name);
	}
}

bool
pending_is_empty(const struct pending *pending)
{
	for (size_t i = 0; i < pending->source_count; i++) {
		if (pending->sources[i].serial)
			return false;
	}
	return !pending->sites && !pending->troubles;
}

bool
pending_is_crowded(const struct pending *pending)
{
	for (size_t i = 0; i < pending->source_count; i++) {
		if (pending->sources[i].ledger_count >= LEDGER_CROWD)
			return true;
	}
	return false;
}

static void
collect_source(struct source *source, struct input_changes *changes)
{
	size_t count = 0;
	source->collected =
		mem_grow(source->collected, HASH_COUNT(source->places), sizeof *source->collected);
	struct place *place, *next;
	HASH_ITER (hh, source->places, place, next)
		source->collected[count++] = &place->position;
	*changes = (struct input_changes){
		.input = input_name(source->input),
		.positions = source->collected,
		.position_count = count,
		.forgotten = source->forgotten,
		.forgotten_count = source->forgotten_count,
		.ledger = source->ledger,
		.ledger_count = source->ledger_count,
	};
}

static bool
collect_sites(struct pending *pending, const struct correlate *correlate, struct changes *changes,
	struct err *err)
{
	size_t count = 0;
	pending->saved =
		mem_grow(pending->saved, HASH_COUNT(pending->sites), sizeof *pending->saved);
	struct name *name, *next;
	HASH_ITER (hh, pending->sites, name, next) {
		free(name->saved);
		name->saved = correlate_save(correlate, name->text, err);
		if (!name->saved)
			return false;
		pending->saved[count++] = (struct saved_site){name->text, name->saved};
	}
	changes->sites = pending->saved;
	changes->site_count = count;
	return true;
}

static bool
collect_incidents(struct pending *pending, const struct correlate *correlate,
	struct changes *changes, struct err *err)
{
	size_t count = 0;
	pending->incidents = mem_grow(
		pending->incidents, HASH_COUNT(pending->troubles), sizeof *pending->incidents);
	struct trouble *trouble, *next;
	HASH_ITER (hh, pending->troubles, trouble, next) {
		if (!correlate_recall(correlate, &trouble->incident, err))
			return false;
		pending->incidents[count++] = &trouble->incident;
	}
	changes->incidents = pending->incidents;
	changes->incident_count = count;
	return true;
}

bool
pending_collect(struct pending *pending, const struct correlate *correlate, struct changes *changes,
	struct err *err)
{
	pending->inputs = mem_grow(pending->inputs, pending->source_count, sizeof *pending->inputs);
	for (size_t i = 0; i < pending->source_count; i++)
		collect_source(&pending->sources[i], &pending->inputs[i]);
	changes->inputs = pending->inputs;
	changes->input_count = pending->source_count;
	return collect_sites(pending, correlate, changes, err) &&
	       collect_incidents(pending, correlate, changes, err);
}

void
pending_saved(struct pending *pending)
{
	for (size_t i = 0; i < pending->source_count; i++) {
		struct source *source = &pending->sources[i];
		if (source->serial)
			input_committed(source->input, source->serial);
		source_clear(source);
	}
	clear_sites(pending);
	clear_troubles(pending);
}

bool
pending_has_input(const struct pending *pending, const struct input *input)
{
	for (size_t i = 0; i < pending->source_count; i++) {
		if (pending->sources[i].input == input)
			return pending->sources[i].serial > 0;
	}
	return false;
}

void
pending_forget_input(struct pending *pending, const struct input *input)
{
	for (size_t i = 0; i < pending->source_count; i++) {
		if (pending->sources[i].input != input)
			continue;
		source_fini(&pending->sources[i]);
		pending->sources[i] = pending->sources[--pending->source_count];
		return;
	}
}
