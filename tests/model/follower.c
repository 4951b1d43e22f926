#include "tests/model/follower.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "tests/model/calls.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { TURNS_MAX = 10000 };

struct follower {
	char *pattern;
	struct follower_options options;
	struct follower_events events;
	struct rules *rules;
	struct follow *follow; /* NULL while down */
	int64_t now;
	struct batch **waiting;
	size_t waiting_count;
	uint64_t last_serial;
	struct position *positions;
	size_t position_count;
	struct ledger_entry *ledger;
	size_t ledger_count;
};

static const struct rule_definition RULE = {
	.name = "sync_failed",
	.event = EVENT_SYNC_FAILED,
	.pattern = "Exception attempting sync",
	.contains = "Exception attempting sync",
};

struct follower *
follower_new(const char *directory, const struct follower_options *options,
	const struct follower_events *events)
{
	struct follower *follower = mem_new(sizeof(*follower));
	struct err err = ERR_INIT;
	size_t failed;

	follower->pattern = mem_format("%s/*/AIUpdateSvc.log", directory);
	follower->options = *options;
	follower->now = 1000 * SECOND;
	follower->events = *events;
	follower->rules = rules_new(&RULE, 1, &failed, &err);
	if (!follower->rules) {
		fprintf(stderr, "rules: %s\n", err.text);
		abort();
	}
	return follower;
}

void
follower_free(struct follower *follower)
{
	if (follower->follow)
		follower_kill(follower);
	for (size_t i = 0; i < follower->position_count; i++)
		position_fini(&follower->positions[i]);
	free(follower->positions);
	free(follower->ledger);
	free(follower->waiting);
	rules_free(follower->rules);
	free(follower->pattern);
	free(follower);
}

bool
follower_is_up(const struct follower *follower)
{
	return follower->follow;
}

static int
by_chunk(const void *a, const void *b)
{
	const struct ledger_entry *first = a, *second = b;

	return (first->chunk > second->chunk) - (first->chunk < second->chunk);
}

static bool
read_ledger(void *owner, const char *input, uint64_t generation, struct ledger_entry **entries,
	size_t *count, uint8_t *proof, struct err *err)
{
	const struct follower *follower = owner;

	(void)input;
	for (size_t i = 0; i < follower->position_count && proof; i++) {
		const struct position *position = &follower->positions[i];

		if (position->generation != generation || position->proof_length < PROOF_TAIL)
			continue;
		memcpy(proof, position->proof, PROOF_TAIL);
		proof = NULL;
	}
	if (proof)
		return err_set(err, "there is no proof");
	*entries = mem_new((follower->ledger_count + 1) * sizeof(**entries));
	*count = 0;
	for (size_t i = 0; i < follower->ledger_count; i++)
		if (follower->ledger[i].generation == generation)
			(*entries)[(*count)++] = follower->ledger[i];
	qsort(*entries, *count, sizeof(**entries), by_chunk);
	return true;
}

/* Texts that a configuration points to. */
struct texts {
	char *paths[1];
	char *rotated[5];
};

static struct config_input
configuration(const struct follower *follower, struct texts *texts)
{
	static char name[] = "model", site[] = "{host}", any[] = "auto", zone[] = "UTC";
	static char numbered[] = "{name}.*", dated[] = "{name}-*", between[] = "{stem}-*{ext}",
		    rolled[] = "{stem}.lo_", kept[] = "{name}~";

	*texts = (struct texts){{follower->pattern}, {numbered, dated, between, rolled, kept}};
	return (struct config_input){
		.name = name,
		.paths = {texts->paths, COUNT(texts->paths)},
		.site = site,
		.start = CONFIG_START_BEGINNING,
		.watch = follower->options.by_inotify ? CONFIG_WATCH_INOTIFY : CONFIG_WATCH_POLL,
		.poll_interval = follower->options.by_inotify ? 5 * SECOND : SECOND,
		.encoding = any,
		.format = any,
		.timezone = zone,
		.rotated = {texts->rotated, COUNT(texts->rotated)},
		.on_lost_state = CONFIG_LOST_BEGIN,
		.max_line = follower->options.max_line,
	};
}

void
follower_reload(struct follower *follower)
{
	struct texts texts;
	const struct config_input config = configuration(follower, &texts);
	struct err err = ERR_INIT;

	calls_enter();
	if (!follow_configure(follower->follow, &config, follower->rules, false, &err)) {
		fprintf(stderr, "reload: %s\n", err.text);
		abort();
	}
	calls_leave();
}

void
follower_start(struct follower *follower)
{
	struct texts texts;
	const struct config_input config = configuration(follower, &texts);
	const struct follow_setup setup = {
		.config = &config,
		.rules = follower->rules,
		.positions = follower->positions,
		.position_count = follower->position_count,
		.read_ledger = read_ledger,
		.ledger_owner = follower,
		.max_open = follower->options.max_open,
	};
	struct err err = ERR_INIT;

	follower->last_serial = 0;
	calls_enter();
	follower->follow = follow_new(&setup, &err);
	calls_leave();
	if (!follower->follow) {
		fprintf(stderr, "follow: %s\n", err.text);
		abort();
	}
}

void
follower_kill(struct follower *follower)
{
	follow_free(follower->follow);
	follower->follow = NULL;
	for (size_t i = 0; i < follower->waiting_count; i++)
		batch_free(follower->waiting[i]);
	follower->waiting_count = 0;
}

void
follower_stop(struct follower *follower)
{
	follower_commit(follower, SIZE_MAX);
	follower_kill(follower);
}

static void
each_line(const struct batch *batch, void (*call)(void *, unsigned), void *owner)
{
	for (size_t i = 0; i < batch->sighting_count; i++) {
		unsigned number;

		if (sscanf(batch->sightings[i].site, "n%u", &number) == 1)
			call(owner, number);
	}
}

static bool
turn(struct follower *follower)
{
	struct batch *batch = batch_new(NULL, clock_wall());
	bool more;

	batch->serial = follower->last_serial + 1;
	calls_enter();
	more = follow_turn(follower->follow, follower->now, clock_wall(), batch);
	calls_leave();
	if (batch_is_empty(batch)) {
		batch_free(batch);
		return more;
	}
	follower->last_serial = batch->serial;
	follower->waiting = mem_grow(
		follower->waiting, follower->waiting_count + 1, sizeof(*follower->waiting));
	follower->waiting[follower->waiting_count++] = batch;
	each_line(batch, follower->events.read, follower->events.owner);
	return more;
}

void
follower_turn(struct follower *follower, int64_t passed, size_t turns)
{
	follower->now += passed;
	while (turns-- > 0 && turn(follower))
		;
}

void
follower_look(struct follower *follower, int64_t passed)
{
	follow_wake(follower->follow);
	follower_turn(follower, passed, TURNS_MAX);
}

static void
keep_position(struct follower *follower, const struct position *position)
{
	for (size_t i = 0; i < follower->position_count; i++)
		if (follower->positions[i].generation == position->generation) {
			struct position before = follower->positions[i];

			position_copy(position, &follower->positions[i]);
			if (position_lacks_proof(position)) {
				follower->positions[i].proof = before.proof;
				follower->positions[i].proof_length = before.proof_length;
				before.proof_length = 0;
			}
			position_fini(&before);
			return;
		}
	if (position_lacks_proof(position)) {
		fprintf(stderr, "a position that is new lacks its proof\n");
		abort();
	}
	follower->positions = mem_grow(
		follower->positions, follower->position_count + 1, sizeof(*follower->positions));
	position_copy(position, &follower->positions[follower->position_count++]);
}

static void
keep_ledger(struct follower *follower, const struct ledger_entry *entry)
{
	for (size_t i = 0; i < follower->ledger_count; i++)
		if (follower->ledger[i].generation == entry->generation &&
			follower->ledger[i].chunk == entry->chunk) {
			follower->ledger[i] = *entry;
			return;
		}
	follower->ledger =
		mem_grow(follower->ledger, follower->ledger_count + 1, sizeof(*follower->ledger));
	follower->ledger[follower->ledger_count++] = *entry;
}

static void
forget(struct follower *follower, uint64_t generation)
{
	for (size_t i = 0; i < follower->position_count; i++)
		if (follower->positions[i].generation == generation) {
			position_fini(&follower->positions[i]);
			follower->positions[i] = follower->positions[--follower->position_count];
			break;
		}
	for (size_t i = follower->ledger_count; i > 0; i--)
		if (follower->ledger[i - 1].generation == generation)
			follower->ledger[i - 1] = follower->ledger[--follower->ledger_count];
}

void
follower_commit(struct follower *follower, size_t count)
{
	uint64_t serial = 0;

	if (count > follower->waiting_count)
		count = follower->waiting_count;
	for (size_t i = 0; i < count; i++) {
		struct batch *batch = follower->waiting[i];

		for (size_t k = 0; k < batch->position_count; k++)
			keep_position(follower, &batch->positions[k]);
		for (size_t k = 0; k < batch->ledger_count; k++)
			keep_ledger(follower, &batch->ledger[k]);
		for (size_t k = 0; k < batch->forgotten_count; k++)
			forget(follower, batch->forgotten[k]);
		each_line(batch, follower->events.counted, follower->events.owner);
		serial = batch->serial;
		batch_free(batch);
	}
	follower->waiting_count -= count;
	memmove(follower->waiting, follower->waiting + count,
		follower->waiting_count * sizeof(*follower->waiting));
	if (serial && follower->follow)
		follow_committed(follower->follow, serial);
}

size_t
follower_waiting(const struct follower *follower)
{
	return follower->waiting_count;
}

void
follower_print(const struct follower *follower, FILE *out)
{
	static const char *const STATES[GENERATION_STATES] = {"active", "draining", "held", "done"};

	for (size_t i = 0; i < follower->position_count; i++) {
		const struct position *position = &follower->positions[i];

		fprintf(out, "  generation %llu %s offset %llu of %llu %s\n",
			(unsigned long long)position->generation, STATES[position->state],
			(unsigned long long)position->offset, (unsigned long long)position->size,
			position->seen_at);
	}
}
