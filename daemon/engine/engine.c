#include "daemon/engine/engine.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine/engine_parts.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <unistd.h>

#define STOP_DEADLINE (5 * SECOND) /* for the inputs, then for alerts that no store keeps */

static int
on_signal(sd_event_source *source, const struct signalfd_siginfo *signal, void *owner)
{
	(void)source;
	struct engine *engine = owner;
	struct err err = ERR_INIT;
	if (signal->ssi_signo != SIGHUP) {
		engine->is_stopping = true;
		return 0;
	}
	uint64_t now = 0; /* by systemd's clock, which does not count suspend */
	sd_event_now(engine->loop, CLOCK_MONOTONIC, &now);
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRIu64, now);
	engine_reload(engine, &err);
	sd_notify(0, "READY=1");
	return 0;
}

static void
on_saved_site(void *owner, const char *saved)
{
	struct engine *engine = owner;
	struct err err = ERR_INIT;
	if (!correlate_load(engine->correlate, saved, &err))
		log_error("a site's saved state is not understood and begins anew: %s", err.text);
}

static char *
read_site(void *owner, const char *site, struct err *err)
{
	const struct engine *engine = owner;
	return store_read_site(engine->store, site, err);
}

static bool
open_store(struct engine *engine, struct err *err)
{
	struct err trouble = ERR_INIT;
	enum store_opened opened = store_open(engine->config->state, &engine->store, &trouble);
	engine->store_keeps = opened != STORE_MEMORY;
	if (opened == STORE_REFUSED) {
		*err = trouble;
		return false;
	}
	if (opened == STORE_SET_ASIDE || opened == STORE_MEMORY) {
		log_error("%s", trouble.text);
		memcpy(engine->store_trouble, trouble.text, sizeof engine->store_trouble);
	}
	return true;
}

static bool
open_loop(struct engine *engine, struct err *err)
{
	sd_event_source *answers = NULL;
	int r = sd_event_new(&engine->loop);
	if (r >= 0)
		r = sd_event_add_io(engine->loop, &engine->on_queue, queue_fd(engine->queue),
			EPOLLIN, engine_on_queue, engine);
	if (r >= 0)
		r = sd_event_add_time(
			engine->loop, &engine->on_due, CLOCK_BOOTTIME, 0, 1, engine_on_due, engine);
	if (r >= 0)
		r = sd_event_add_time(engine->loop, &engine->on_wait, CLOCK_BOOTTIME, 0, 1000,
			engine_on_wait, engine);
	if (r >= 0)
		r = sd_event_add_defer(engine->loop, &answers, engine_on_answers, engine);
	if (r >= 0)
		r = sd_event_source_set_enabled(answers, SD_EVENT_OFF);
	static const int SIGNAL[] = {SIGTERM, SIGINT, SIGHUP};
	for (size_t i = 0; r >= 0 && i < COUNT(SIGNAL); i++)
		r = sd_event_add_signal(engine->loop, NULL, SIGNAL[i], on_signal, engine);
	if (r >= 0)
		r = engine_watch(engine);
	if (r >= 0)
		r = engine_rest(engine);
	if (r < 0)
		return err_system(err, -r, "cannot make the event loop");
	outbox_on_change(engine->outbox, engine_on_outbox_change, answers);
	outbox_on_delivery(engine->outbox, engine_on_delivery, engine);
	sd_event_source_set_floating(answers, true);
	sd_event_source_unref(answers);
	return true;
}

static bool
start_up(struct engine *engine, struct err *err)
{
	struct sink **sinks = NULL;
	struct config *config = engine->config;
	struct correlate_options correlation = engine_correlate_options(config);
	struct outbox_options outbox = {config->outbox.max_alerts, config->outbox.max_age};
	if (!open_store(engine, err))
		return false;
	engine->queue = queue_new(QUEUE_LIMIT);
	engine->correlate = correlate_new(&correlation);
	correlate_set_reading(engine->correlate, read_site, engine);
	engine->pending = pending_new();
	engine->outbox = outbox_new(&outbox, engine->store);
	engine->upkeep = upkeep_new(engine->collector);
	engine->maintenance = maintenance_new();
	engine->alarms = alarms_new();
	engine->inputs = inputs_new(engine->store, engine->queue, store_has_lost(engine->store));
	if (!open_loop(engine, err))
		return false;
	if (!store_each_site(engine->store, on_saved_site, engine, err) ||
		!store_each_lasting(
			engine->store, ALERT_AIWATCH, engine_on_saved_alarm, engine, err))
		return false;
	engine->control =
		control_open(config->control, engine->loop, engine_on_request, engine, err);
	if (!engine->control || !engine_prepare(engine, config, engine->rules, &sinks, err))
		return false;
	engine_adopt(engine, config, engine->rules, sinks);
	return outbox_load(engine->outbox, clock_wall(), err);
}

struct engine *
engine_new(struct config *config, struct rules *rules, struct err *err)
{
	struct engine *engine = mem_new(sizeof *engine);
	engine->config = config;
	engine->rules = rules;
	engine->started_at = clock_monotonic();
	engine->clock_offset = clock_wall() - engine->started_at;
	engine->read_at = TIME_NONE;
	engine->commit_at = TIME_NONE;
	if (gethostname(engine->collector, sizeof engine->collector - 1) != 0)
		memcpy(engine->collector, "localhost", sizeof "localhost");
	if (start_up(engine, err))
		return engine;
	engine_free(engine);
	return NULL;
}

static void
add_pending(void *owner, const struct outbox_view *view)
{
	*(uint64_t *)owner += view->pending;
}

/* Sends under way count as pending until their answer came. */
static bool
outbox_is_idle(const struct engine *engine)
{
	uint64_t pending = 0;
	outbox_each(engine->outbox, add_pending, &pending);
	return pending == 0;
}

/* What no store keeps would be lost: gives the sinks a moment more. */
static void
speak_last(struct engine *engine)
{
	int64_t deadline = clock_monotonic() + STOP_DEADLINE;
	while (engine->store_trouble[0] && !outbox_is_idle(engine) && clock_monotonic() < deadline)
		sd_event_run(engine->loop, SECOND / 10);
}

static void
shut_down(struct engine *engine)
{
	sd_notify(0, "STOPPING=1");
	engine->left_behind = !inputs_stop(engine->inputs, clock_monotonic() + STOP_DEADLINE);
	queue_close(engine->queue);
	while (engine_take_batches(engine))
		;
	engine->store_retry_at = 0;
	engine_end_turn(engine);
	if (engine->store_trouble[0]) {
		/* No start after this one would know that they stand. */
		alarms_end(engine->alarms, clock_wall(), &engine->outcome);
		engine_end_turn(engine);
	}
	speak_last(engine);
}

bool
engine_run(struct engine *engine, struct err *err)
{
	log_notice("started: %zu input(s), %zu rule(s), %zu sink(s)", engine->config->input_count,
		engine->config->rule_count, engine->sink_count);
	engine_see_lost_store(engine);
	engine->written_at = clock_monotonic(); /* the store's log has no room yet */
	engine_end_turn(engine);
	sd_notify(0, "READY=1");
	int r = 0;
	while (r >= 0 && !engine->is_stopping)
		r = sd_event_run(engine->loop, UINT64_MAX);
	shut_down(engine);
	if (r < 0)
		return err_system(err, -r, "the event loop failed");
	log_notice("stopped");
	return true;
}

void
engine_free(struct engine *engine)
{
	if (!engine)
		return;
	control_close(engine->control);
	web_close(engine->web);
	web_close(engine->next_web);
	bool left_behind =
		engine->left_behind ||
		(engine->inputs && !inputs_stop(engine->inputs, clock_monotonic() + STOP_DEADLINE));
	inputs_free(engine->inputs);
	outbox_free(engine->outbox);
	upkeep_free(engine->upkeep);
	maintenance_free(engine->maintenance);
	engine_free_sinks(engine->sinks, engine->sink_count);
	alarms_free(engine->alarms);
	outcome_fini(&engine->outcome);
	pending_free(engine->pending);
	correlate_free(engine->correlate);
	sd_event_source_disable_unref(engine->on_queue);
	/* A thread that was left behind may still put into the queue when its read returns. */
	if (engine->queue && !left_behind)
		queue_free(engine->queue);
	sd_event_source_disable_unref(engine->on_due);
	sd_event_source_disable_unref(engine->on_wait);
	sd_event_source_disable_unref(engine->on_rest);
	sd_event_source_disable_unref(engine->on_life);
	sd_event_unref(engine->loop);
	if (!left_behind)
		store_close(engine->store);
	rules_free(engine->rules);
	config_free(engine->config);
	free(engine);
}
