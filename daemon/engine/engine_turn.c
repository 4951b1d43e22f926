#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"

#include <inttypes.h>
#include <string.h>

#define COMMIT_WAIT	(SECOND / 10) /* for others to share a commit with */
#define STORE_RETRY	SECOND	      /* after a commit that failed; doubled up to */
#define STORE_RETRY_MAX MINUTE
#define CLOCK_JUMP	(2 * SECOND) /* less is drift */
#define TEND_INTERVAL	(SECOND / 2)

static void
say_transition(const struct transition *transition)
{
	log_notice("site %s: %s -> %s (%s)", transition->site, site_state_name(transition->from),
		site_state_name(transition->to), transition->why);
}

/* Ages are counted from the reading of the line, as far as that is not too long ago. */
static int64_t
posted_at(const struct engine *engine, int64_t now)
{
	bool is_late = engine->read_at != TIME_NONE && engine->read_at < now;
	return !is_late ? now : now - engine->read_at > MINUTE ? now - MINUTE : engine->read_at;
}

void
engine_on_delivery(void *owner, int64_t created_at)
{
	struct engine *engine = owner;
	counters_add_latency(&engine->counters, clock_wall() - created_at);
}

/* Says what the correlator brought about; what is for the store waits for the next transaction. */
static void
post_outcome(struct engine *engine, int64_t now)
{
	struct outcome *outcome = &engine->outcome;
	for (size_t i = 0; i < outcome->transition_count; i++)
		say_transition(&outcome->transitions[i]);
	counters_add_outcome(&engine->counters, outcome);
	for (size_t i = 0; i < outcome->alert_count; i++) {
		outbox_post(engine->outbox, &outcome->alerts[i], posted_at(engine, now));
		upkeep_note(engine->upkeep, &outcome->alerts[i], clock_monotonic());
		alert_fini(&outcome->alerts[i]); /* thousands may stand here */
	}
	engine->read_at = TIME_NONE;
	outcome_forget_said(outcome);
}

static void
arm(sd_event_source *source, int64_t at)
{
	if (at == TIME_NONE) {
		sd_event_source_set_enabled(source, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(source, at > 0 ? (uint64_t)at : 0);
	sd_event_source_set_enabled(source, SD_EVENT_ONESHOT);
}

/* Waiting is measured by the clock that does not jump; dates are told by the one that may. */
static void
follow_clock(struct engine *engine)
{
	int64_t offset = clock_wall() - clock_monotonic();
	int64_t jump = offset - engine->clock_offset;
	engine->clock_offset = offset;
	if (llabs(jump) < CLOCK_JUMP)
		return;
	char text[TIME_TEXT];
	log_notice("the clock was set %s by %s; waiting goes on as before",
		jump > 0 ? "forward" : "back", duration_words(llabs(jump), text));
	correlate_shift(engine->correlate, jump, &engine->outcome);
	outbox_shift(engine->outbox, jump);
}

static int64_t
earlier(int64_t a, int64_t b)
{
	if (a == TIME_NONE || b == TIME_NONE)
		return a == TIME_NONE ? b : a;
	return a < b ? a : b;
}

static void
arm_timers(struct engine *engine)
{
	int64_t monotonic = clock_monotonic();
	int64_t wait = earlier(outbox_next_due(engine->outbox), upkeep_next_due(engine->upkeep));
	wait = earlier(wait, engine->commit_at);
	if (engine->store_retry_at)
		wait = earlier(wait, engine->store_retry_at);
	if (inputs_want_tending(engine->inputs))
		wait = earlier(wait, monotonic + TEND_INTERVAL);
	arm(engine->on_wait, wait);
	engine_arm_rest(engine);
	engine_arm_watch(engine);
	int64_t due = earlier(
		correlate_next_due(engine->correlate), maintenance_next_due(engine->maintenance));
	arm(engine->on_due, due == TIME_NONE ? due : due - engine->clock_offset);
	/* The file is the buffer: while the outbox is full nothing is taken, so the inputs pause.
	 */
	bool pause = outbox_is_full(engine->outbox);
	sd_event_source_set_enabled(engine->on_queue, pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

static void
store_failed(struct engine *engine, const struct err *err)
{
	if (!engine->store_trouble[0])
		log_error("the store does not take what happens; alerts go on,"
			  " what is not kept would be read again after a restart: %s",
			err->text);
	memcpy(engine->store_trouble, err->text, sizeof engine->store_trouble);
	int64_t next = engine->store_backoff * 2;
	engine->store_backoff = !engine->store_backoff	 ? STORE_RETRY
				: next > STORE_RETRY_MAX ? STORE_RETRY_MAX
							 : next;
	engine->store_retry_at = clock_monotonic() + engine->store_backoff;
}

static void
store_worked(struct engine *engine)
{
	if (engine->store_backoff)
		log_notice("the store works again; all that waited is kept");
	if (engine->store_keeps)
		engine->store_trouble[0] = '\0';
	engine->store_backoff = 0;
	engine->store_retry_at = 0;
}

static bool
store_all(struct engine *engine, struct err *err)
{
	struct changes changes = {0};
	if (!pending_collect(engine->pending, engine->correlate, &changes, err))
		return false;
	outbox_collect(engine->outbox, &changes);
	/* What was written only for its bulk would be read again: none of it has been said. */
	bool has_history = changes.incident_count > 0 && !pending_is_crowded(engine->pending);
	bool durable = engine->owes_sync || has_history || changes.posting_count > 0;
	return store_commit(engine->store, &changes, durable, err);
}

/* One transaction with all that waits. While the store is in trouble only its timer tries again. */
static void
commit(struct engine *engine)
{
	engine->commit_at = TIME_NONE;
	pending_merge_outcome(engine->pending, &engine->outcome);
	outcome_fini(&engine->outcome);
	if (pending_is_empty(engine->pending) && !outbox_has_changes(engine->outbox)) {
		engine->store_retry_at = 0; /* nothing is left to be tried */
		engine->owes_sync = false;
		return;
	}
	if (engine->store_retry_at > clock_monotonic()) {
		outbox_saved(engine->outbox, false);
		return;
	}
	struct err err = ERR_INIT;
	bool stored = store_all(engine, &err);
	if (stored) {
		pending_saved(engine->pending);
		correlate_rest(engine->correlate, SITES_AWAKE);
	}
	engine->owes_sync = engine->owes_sync && !stored;
	outbox_saved(engine->outbox, stored);
	if (stored && !engine->written_at)
		engine->written_at = clock_monotonic();
	if (stored)
		store_worked(engine);
	else
		store_failed(engine, &err);
}

/*
 * What was read and changed no site's state need not be kept at once: many batches share a commit.
 * After a crash in between their lines are read again, by the states that they were read by.
 */
static bool
may_wait(struct engine *engine)
{
	int64_t now = clock_monotonic();
	if (pending_is_empty(engine->pending) || pending_is_crowded(engine->pending) ||
		outbox_has_changes(engine->outbox))
		return false;
	if (engine->commit_at == TIME_NONE)
		engine->commit_at = now + COMMIT_WAIT;
	return now < engine->commit_at;
}

static void
end_turn(struct engine *engine, bool has_only_read)
{
	follow_clock(engine);
	int64_t now = clock_wall();
	if (!engine->is_stopping)
		engine_see_store(engine, clock_monotonic());
	post_outcome(engine, now);
	engine_post_alarms(engine, now);
	if (!has_only_read || !may_wait(engine))
		commit(engine);
	outbox_tick(engine->outbox, now, clock_monotonic());
	upkeep_tick(engine->upkeep, engine_each_standing, engine, now, clock_monotonic());
	arm_timers(engine);
}

/* The end of every turn: persist, then speak, then arm the timers. */
void
engine_end_turn(struct engine *engine)
{
	end_turn(engine, false);
}

void
engine_end_order(struct engine *engine)
{
	engine->owes_sync = true;
	end_turn(engine, false);
}

static void
say_gap(const struct input *input, const struct gap *gap)
{
	log_warning("input %s: gap (%s) in %s at offset %" PRIu64 ", %" PRIu64 " bytes",
		input_name(input), gap_reason_name(gap->reason), gap->file, gap->offset,
		gap->bytes);
}

static void
read_batch(struct engine *engine, struct batch *batch)
{
	for (size_t i = 0; i < batch->gap_count; i++) {
		say_gap(batch->input, &batch->gaps[i]);
		engine_see_gap(engine, batch->input, &batch->gaps[i]);
	}
	for (size_t i = 0; i < batch->sighting_count; i++) {
		engine->counters.events[batch->sightings[i].event]++;
		engine_silence_site(engine, batch->sightings[i].site, batch->read_at);
		correlate_sighting(engine->correlate, &batch->sightings[i], &engine->outcome);
	}
	engine->read_at = earlier(engine->read_at, batch->read_at);
	for (size_t i = 0; i < batch->active_site_count; i++)
		correlate_activity(engine->correlate, batch->active_sites[i], batch->read_at,
			&engine->outcome);
	for (size_t i = 0; i < batch->backlog_ended_count; i++)
		correlate_backlog_end(engine->correlate, batch->backlog_ended[i], batch->read_at,
			&engine->outcome);
	pending_merge_batch(engine->pending, batch);
}

/* Until so many alerts have come of them; false once the queue is empty. */
static bool
take_batches(struct engine *engine, size_t alerts)
{
	struct batch *batch = NULL;
	for (int i = 0; i < TURN_LIMIT && engine->outcome.alert_count < alerts; i++) {
		batch = queue_take(engine->queue);
		if (!batch)
			return false;
		read_batch(engine, batch);
	}
	return true;
}

bool
engine_take_batches(struct engine *engine)
{
	return take_batches(engine, SIZE_MAX);
}

int
engine_on_queue(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	(void)events;
	struct engine *engine = owner;
	follow_clock(engine);
	take_batches(engine, TURN_ALERTS);
	end_turn(engine, true);
	return 0;
}

int
engine_on_due(sd_event_source *source, uint64_t at, void *owner)
{
	(void)source;
	(void)at;
	struct engine *engine = owner;
	follow_clock(engine);
	maintenance_tick(engine->maintenance, clock_wall());
	engine_silence_sites(engine, clock_wall());
	correlate_tick(engine->correlate, clock_wall(), &engine->outcome);
	engine_end_turn(engine);
	return 0;
}

/* It goes when the store has all that it read, and so all that comes of it. */
static bool
on_input_stopped(void *owner, const struct input *input)
{
	struct engine *engine = owner;
	engine_take_batches(engine);
	engine_end_turn(engine);
	if (pending_has_input(engine->pending, input))
		return false;
	log_info("input %s is no longer followed", input_name(input));
	pending_forget_input(engine->pending, input);
	return true;
}

void
engine_tend(struct engine *engine)
{
	inputs_tend(engine->inputs, on_input_stopped, engine);
}

int
engine_on_wait(sd_event_source *source, uint64_t at, void *owner)
{
	(void)source;
	(void)at;
	struct engine *engine = owner;
	engine_tend(engine);
	engine_end_turn(engine);
	return 0;
}

/* An answer of a sink came: it is kept with the next transaction, which is now. */
int
engine_on_answers(sd_event_source *source, void *owner)
{
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	engine_end_turn(owner);
	return 0;
}

void
engine_on_outbox_change(void *owner)
{
	sd_event_source_set_enabled(owner, SD_EVENT_ONESHOT);
}
