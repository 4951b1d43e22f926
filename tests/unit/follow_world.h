#ifndef AIWATCH_TESTS_FOLLOW_WORLD_H
#define AIWATCH_TESTS_FOLLOW_WORLD_H

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/follow.h"

#include <fcntl.h>
#include <inttypes.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

/*
 * A world of its own for each test: a folder, a follower without a thread, a clock that the test
 * moves, and a store that remembers what was committed. Lines carry numbers; what arrived is
 * counted.
 */
struct world {
	char folder[64];
	char pattern[128];
	char *paths[2];
	char *rotated[8];
	struct config_input config;
	struct rules *rules;
	struct follow *follow;
	int64_t now, wall;
	uint64_t serial;
	size_t max_open;  /* 0: the usual */
	bool uncommitted; /* batches are lost as by a kill */
	struct position *position;
	size_t positions;
	struct ledger_entry *ledger;
	size_t ledgers;
	bool proofs_fail; /* those of a.log */
	int proofs_code;  /* with this code */
	size_t proofs_read;
	unsigned seen[4000];
	unsigned order[4000];
	size_t sightings;
	size_t backlog; /* sightings that were marked */
	size_t backlog_ends;
	size_t gaps;
	uint64_t gap_bytes;
	enum gap_reason gap;
	char last_site[64];
};

static bool __attribute__((unused))
world_read_ledger(void *owner, const char *input, uint64_t generation,
	struct ledger_entry **entries, size_t *count, uint8_t *proof, struct err *err)
{
	struct world *w = owner;
	(void)input;
	*count = 0;
	for (size_t i = 0; i < w->positions && proof; i++) {
		const struct position *position = &w->position[i];
		if (position->generation != generation || position->proof_length < PROOF_TAIL)
			continue;
		if (w->proofs_fail && strstr(position->path, "/a.log"))
			break;
		memcpy(proof, position->proof, PROOF_TAIL);
		w->proofs_read++;
		proof = NULL;
	}
	if (proof) {
		err_set(err, "there is no proof");
		err->code = w->proofs_code;
		return false;
	}
	*entries = mem_array(w->ledgers, sizeof **entries);
	for (size_t i = 0; i < w->ledgers; i++) {
		if (w->ledger[i].generation == generation)
			(*entries)[(*count)++] = w->ledger[i];
	}
	return true;
}

static void
world_start_in(struct world *w, bool lost_state)
{
	struct err err = ERR_INIT;
	w->follow = follow_new(
		&(struct follow_setup){
			.config = &w->config,
			.rules = w->rules,
			.positions = w->position,
			.position_count = w->positions,
			.read_ledger = world_read_ledger,
			.ledger_owner = w,
			.lost_state = lost_state,
			.max_open = w->max_open,
		},
		&err);
	if (!w->follow)
		fail_msg("%s", err.text);
}

static void __attribute__((unused)) world_start(struct world *w)
{
	world_start_in(w, false);
}

static void __attribute__((unused)) world_stop(struct world *w)
{
	follow_free(w->follow);
	w->follow = NULL;
}

static struct world *
world_new(const char *glob)
{
	static const struct rule_definition RULE = {
		.name = "line",
		.event = EVENT_SYNC_FAILED,
		.pattern = "line (?<number>[0-9]+)",
		.cause = "$number",
	};
	struct world *w = mem_new(sizeof *w);
	struct err err = ERR_INIT;
	size_t failed;
	if (!getenv("AIWATCH_TEST_LOG"))
		log_set_level(LOG_LEVEL_ERROR);
	else
		log_set_level(LOG_LEVEL_DEBUG);
	snprintf(w->folder, sizeof w->folder, "/tmp/aiwatch-follow-XXXXXX");
	assert_non_null(mkdtemp(w->folder));
	snprintf(w->pattern, sizeof w->pattern, "%s/%s", w->folder, glob);
	w->paths[0] = w->pattern;
	static char ROTATED[][16] = {
		"{name}.*", "{name}-*", "{stem}-*{ext}", "{stem}.lo_", "{name}~"};
	static char name[] = "test", site[] = "{host|1|dir}", automatic[] = "auto", zone[] = "UTC";
	for (size_t i = 0; i < COUNT(ROTATED); i++)
		w->rotated[i] = ROTATED[i];
	w->config = (struct config_input){
		.name = name,
		.paths = {w->paths, 1},
		.site = site,
		.poll_interval = 5 * SECOND,
		.watch = getenv("AIWATCH_TEST_INOTIFY") ? CONFIG_WATCH_INOTIFY : CONFIG_WATCH_POLL,
		.encoding = automatic,
		.format = automatic,
		.timezone = zone,
		.rotated = {w->rotated, COUNT(ROTATED)},
		.max_line = 65536,
	};
	w->rules = rules_new(&RULE, 1, &failed, &err);
	if (!w->rules)
		fail_msg("%s", err.text);
	w->now = 1000 * SECOND;
	w->wall = INT64_C(1800000000) * SECOND;
	return w;
}

static void
world_free(struct world *w)
{
	char command[128];
	follow_free(w->follow);
	rules_free(w->rules);
	for (size_t i = 0; i < w->positions; i++)
		position_fini(&w->position[i]);
	free(w->position);
	free(w->ledger);
	snprintf(command, sizeof command, "rm -rf %s", w->folder);
	if (system(command) != 0)
		fail_msg("%s", command);
	free(w);
}

static void
world_keep(struct world *w, const struct position *position)
{
	size_t i = 0;
	struct position kept;
	position_copy(position, &kept);
	while (i < w->positions && w->position[i].generation != position->generation)
		i++;
	if (i == w->positions) {
		w->position = mem_grow(w->position, ++w->positions, sizeof *w->position);
		assert_false(position_lacks_proof(position));
	} else {
		/* As the store does. */
		if (position_lacks_proof(position)) {
			kept.proof = w->position[i].proof;
			kept.proof_length = w->position[i].proof_length;
			w->position[i].proof_length = 0;
		}
		position_fini(&w->position[i]);
	}
	w->position[i] = kept;
}

static void
world_forget(struct world *w, uint64_t generation)
{
	for (size_t i = 0; i < w->positions; i++) {
		if (w->position[i].generation != generation)
			continue;
		position_fini(&w->position[i]);
		w->position[i] = w->position[--w->positions];
		return;
	}
}

/* What a batch brings is kept and counted. */
static void
world_store(struct world *w, const struct batch *batch)
{
	for (size_t i = 0; i < batch->position_count; i++)
		world_keep(w, &batch->positions[i]);
	for (size_t i = 0; i < batch->forgotten_count; i++)
		world_forget(w, batch->forgotten[i]);
	w->ledger = mem_grow(w->ledger, w->ledgers + batch->ledger_count, sizeof *w->ledger);
	for (size_t i = 0; i < batch->ledger_count; i++)
		w->ledger[w->ledgers++] = batch->ledger[i];
	for (size_t i = 0; i < batch->sighting_count; i++) {
		const struct sighting *s = &batch->sightings[i];
		unsigned number = (unsigned)atoi(s->cause);
		assert_true(number < COUNT(w->seen));
		w->seen[number]++;
		if (w->sightings < COUNT(w->order))
			w->order[w->sightings] = number;
		w->sightings++;
		w->backlog += s->backlog;
		snprintf(w->last_site, sizeof w->last_site, "%s", s->site);
	}
	for (size_t i = 0; i < batch->gap_count; i++) {
		w->gaps++;
		w->gap = batch->gaps[i].reason;
		w->gap_bytes += batch->gaps[i].bytes;
	}
	w->backlog_ends += batch->backlog_ended_count;
}

/* Whether something is left to do at once. */
static bool
world_turn_once(struct world *w)
{
	struct batch *batch = batch_new(NULL, w->wall);
	batch->serial = ++w->serial;
	bool more = follow_turn(w->follow, w->now, w->wall, batch);
	if (!w->uncommitted) {
		world_store(w, batch);
		follow_committed(w->follow, batch->serial);
	}
	batch_free(batch);
	return more;
}

/* Turns until nothing is left to do at once, at what is due or hinted at. */
static void
world_turn(struct world *w)
{
	for (int i = 0; world_turn_once(w); i++) {
		if (i > 100000)
			fail_msg("the follower never comes to rest");
	}
}

/* The same, looking at everything first. */
static void __attribute__((unused)) world_look(struct world *w)
{
	follow_wake(w->follow);
	world_turn(w);
}

/* Lets time pass second by second, as the busy ones are looked at. */
static void __attribute__((unused)) world_pass(struct world *w, int seconds)
{
	for (int i = 0; i < seconds; i++) {
		w->now += SECOND;
		w->wall += SECOND;
		world_look(w);
	}
}

/* Lets time pass as a thread does: nothing is looked at before it is due. How often it was. */
static int __attribute__((unused)) world_wait(struct world *w, int64_t wait)
{
	int64_t until = w->now + wait, due;
	int turns = 0;
	for (; (due = follow_next_due(w->follow)) <= until; turns++) {
		w->wall += due - w->now;
		w->now = due;
		world_turn(w);
	}
	w->wall += until - w->now;
	w->now = until;
	return turns;
}

static void __attribute__((unused)) world_restart(struct world *w)
{
	world_stop(w);
	world_start(w);
	world_look(w);
}

/* Text of the numbered lines, to be freed. */
static char *
lines(unsigned from, unsigned until)
{
	struct buf out = BUF_INIT;
	for (unsigned i = from; i < until; i++)
		buf_format(&out,
			"Asset Intelligence Catalog Sync Service Error: 0 : "
			"2015-06-19 03:00:01: Exception line %u \r\n",
			i);
	return buf_take(&out);
}

static char *
path_in(const struct world *w, const char *name)
{
	static char path[4][256];
	static unsigned turn;
	char *p = path[turn++ % 4];
	snprintf(p, sizeof path[0], "%s/%s", w->folder, name);
	return p;
}

static void
put_bytes(const struct world *w, const char *name, int flags, const char *bytes, size_t n)
{
	int fd = open(path_in(w, name), O_WRONLY | O_CREAT | flags, 0644);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, bytes, n), n);
	close(fd);
}

static void __attribute__((unused))
append_text(const struct world *w, const char *name, const char *text)
{
	put_bytes(w, name, O_APPEND, text, strlen(text));
}

static void __attribute__((unused))
append(const struct world *w, const char *name, unsigned from, unsigned until)
{
	char *text = lines(from, until);
	put_bytes(w, name, O_APPEND, text, strlen(text));
	free(text);
}

static void __attribute__((unused))
rewrite(const struct world *w, const char *name, unsigned from, unsigned until)
{
	char *text = lines(from, until);
	put_bytes(w, name, O_TRUNC, text, strlen(text));
	free(text);
}

static void __attribute__((unused)) shell(const struct world *w, const char *command)
{
	struct buf line = BUF_INIT;
	buf_format(&line, "cd %s && (%s)", w->folder, command);
	assert_int_equal(system(line.p), 0);
	buf_fini(&line);
}

/* Numbers 0 to n - 1 arrived once each, in order where asked. */
static void __attribute__((unused)) expect_once(const struct world *w, unsigned n, bool in_order)
{
	unsigned missing = 0, repeated = 0;
	for (unsigned i = 0; i < n; i++) {
		missing += w->seen[i] == 0;
		repeated += w->seen[i] > 1 ? w->seen[i] - 1 : 0;
	}
	for (unsigned i = n; i < COUNT(w->seen); i++)
		repeated += w->seen[i];
	if (missing || repeated)
		fail_msg("%u of %u missing, %u repeated", missing, n, repeated);
	for (unsigned i = 0; in_order && i < n; i++)
		assert_int_equal(w->order[i], i);
}

#endif
