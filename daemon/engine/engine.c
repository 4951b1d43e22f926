#include "daemon/engine/engine.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine/control.h"
#include "daemon/engine/inputs.h"
#include "daemon/engine/pending.h"
#include "daemon/engine/report.h"
#include "daemon/ruleset.h"
#include "daemon/web/web.h"

#include <inttypes.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <systemd/sd-daemon.h>
#include <systemd/sd-event.h>
#include <unistd.h>

enum {
	QUEUE_LIMIT = 256, /* batches that wait for the engine; the inputs pause beyond */
	TURN_LIMIT = 256,  /* batches in one transaction */
};

#define STOP_DEADLINE	(5 * SECOND) /* for the inputs, then for alerts that no store keeps */
#define STORE_RETRY	SECOND	     /* after a commit that failed; doubled up to */
#define STORE_RETRY_MAX MINUTE
#define REAP_INTERVAL	(SECOND / 2)

struct engine {
	struct config *config;
	struct rules *rules;
	int64_t config_loaded_at;
	bool last_reload_ok;
	int64_t started_at; /* monotonic */
	char collector[256];

	sd_event *loop;
	sd_event_source *on_queue;
	sd_event_source *on_due;  /* wall clock: what the correlator waits for */
	sd_event_source *on_wait; /* monotonic: retries of sinks and store, inputs to reap */

	struct store *store;
	bool store_keeps;	  /* false where it is in memory only */
	char store_trouble[1024]; /* "" while the store works */
	int64_t store_backoff;
	int64_t store_retry_at; /* monotonic */

	struct queue *queue;
	struct inputs *inputs;
	struct correlate *correlate;
	struct pending *pending;
	struct outcome outcome; /* of this turn */
	struct outbox *outbox;
	struct sink **sinks;
	size_t sink_count;
	struct control *control;
	struct web *web, *next_web; /* NULL for none; the next one is prepared by a reload */
	struct counters counters;
	int64_t read_at; /* of the oldest batch in this turn; TIME_NONE where there was none */
	bool is_stopping;
	bool left_behind; /* an input's thread hangs and still holds the queue */
};

/* ---- one turn ---- */

static struct correlate_options
correlate_options_of(const struct config *config)
{
	return (struct correlate_options){
		.window = config->correlation.window,
		.failing_after = config->correlation.failing_after,
		.repeat_every = config->correlation.repeat_every,
		.resolve_after = config->correlation.resolve_after,
		.silent_after = config->correlation.silent_after,
	};
}

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

static void
on_delivery(void *owner, int64_t created_at)
{
	struct engine *engine = owner;
	counters_add_latency(&engine->counters, clock_wall() - created_at);
}

/* Hands over what the correlator brought about: to the outbox, and to the next transaction. */
static void
post_outcome(struct engine *engine, int64_t now)
{
	struct outcome *outcome = &engine->outcome;
	for (size_t i = 0; i < outcome->transition_count; i++)
		say_transition(&outcome->transitions[i]);
	for (size_t i = 0; i < outcome->alert_count; i++)
		outbox_post(engine->outbox, &outcome->alerts[i], posted_at(engine, now));
	counters_add_outcome(&engine->counters, outcome);
	engine->read_at = TIME_NONE;
	pending_merge_outcome(engine->pending, outcome);
	outcome_fini(outcome);
	*outcome = OUTCOME_INIT;
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
	int64_t wait = outbox_next_due(engine->outbox);
	if (engine->store_retry_at)
		wait = earlier(wait, engine->store_retry_at);
	if (inputs_is_reaping(engine->inputs))
		wait = earlier(wait, monotonic + REAP_INTERVAL);
	arm(engine->on_wait, wait);
	arm(engine->on_due, correlate_next_due(engine->correlate));
	/* The file is the buffer: while the outbox is full nothing is taken, so the inputs pause.
	 */
	bool pause = outbox_is_full(engine->outbox);
	sd_event_source_set_enabled(engine->on_queue, pause ? SD_EVENT_OFF : SD_EVENT_ON);
}

static void
store_failed(struct engine *engine, const struct err *err)
{
	if (!engine->store_trouble[0])
		log_error("the store does not take what happens; alerts go on, what is not kept "
			  "would "
			  "be read again after a restart: %s",
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

/* One transaction with all that waits. While the store is in trouble only its timer tries again. */
static void
commit(struct engine *engine)
{
	if (pending_is_empty(engine->pending) && !outbox_has_changes(engine->outbox))
		return;
	if (engine->store_retry_at > clock_monotonic()) {
		outbox_saved(engine->outbox, false);
		return;
	}
	struct changes changes = {0};
	struct err err = ERR_INIT;
	pending_collect(engine->pending, engine->correlate, &changes);
	outbox_collect(engine->outbox, &changes);
	bool durable = changes.incident_count > 0 || changes.posting_count > 0;
	bool stored = store_commit(engine->store, &changes, durable, &err);
	if (stored)
		pending_saved(engine->pending);
	outbox_saved(engine->outbox, stored);
	if (stored)
		store_worked(engine);
	else
		store_failed(engine, &err);
}

/* The end of every turn: persist, then speak, then arm the timers. */
static void
end_turn(struct engine *engine)
{
	int64_t now = clock_wall();
	post_outcome(engine, now);
	commit(engine);
	outbox_tick(engine->outbox, now, clock_monotonic());
	arm_timers(engine);
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
	for (size_t i = 0; i < batch->gap_count; i++)
		say_gap(batch->input, &batch->gaps[i]);
	for (size_t i = 0; i < batch->sighting_count; i++) {
		engine->counters.events[batch->sightings[i].event]++;
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

static bool
take_batches(struct engine *engine)
{
	struct batch *batch = NULL;
	for (int i = 0; i < TURN_LIMIT; i++) {
		batch = queue_take(engine->queue);
		if (!batch)
			return false;
		read_batch(engine, batch);
	}
	return true;
}

static int
on_queue(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	(void)events;
	struct engine *engine = owner;
	take_batches(engine);
	end_turn(engine);
	return 0;
}

static int
on_due(sd_event_source *source, uint64_t at, void *owner)
{
	(void)source;
	(void)at;
	struct engine *engine = owner;
	correlate_tick(engine->correlate, clock_wall(), &engine->outcome);
	end_turn(engine);
	return 0;
}

static void
on_input_gone(void *owner, const struct input *input)
{
	struct engine *engine = owner;
	while (take_batches(engine))
		;
	log_info("input %s is no longer followed", input_name(input));
	commit(engine);
	pending_forget_input(engine->pending, input);
}

static int
on_wait(sd_event_source *source, uint64_t at, void *owner)
{
	(void)source;
	(void)at;
	struct engine *engine = owner;
	inputs_reap(engine->inputs, on_input_gone, engine);
	end_turn(engine);
	return 0;
}

/* An answer of a sink came: it is kept with the next transaction, which is now. */
static int
on_answers(sd_event_source *source, void *owner)
{
	sd_event_source_set_enabled(source, SD_EVENT_OFF);
	end_turn(owner);
	return 0;
}

static void
on_outbox_change(void *owner)
{
	sd_event_source_set_enabled(owner, SD_EVENT_ONESHOT);
}

/* ---- configuration ---- */

static void
free_sinks(struct sink **sinks, size_t count)
{
	for (size_t i = 0; i < count; i++)
		sink_free(sinks[i]);
	free(sinks);
}

static struct sink **
make_sinks(struct engine *engine, const struct config *config, struct err *err)
{
	struct sink **sinks = mem_array(config->sink_count, sizeof(struct sink *));
	for (size_t i = 0; i < config->sink_count; i++) {
		sinks[i] = sink_new(&config->sinks[i], engine->collector, engine->loop, err);
		if (!sinks[i]) {
			err_context(err, "sink %s", config->sinks[i].name);
			free_sinks(sinks, i);
			return NULL;
		}
	}
	return sinks;
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* From here on the new configuration is the one that counts: nothing below can fail. */
static void
adopt(struct engine *engine, struct config *config, struct rules *rules, struct sink **sinks)
{
	struct sink **old_sinks = engine->sinks;
	size_t old_count = engine->sink_count;
	struct correlate_options options = correlate_options_of(config);
	correlate_configure(engine->correlate, &options);
	outbox_configure(engine->outbox,
		&(struct outbox_options){config->outbox.max_alerts, config->outbox.max_age});
	outbox_set_sinks(engine->outbox, sinks, config->sink_count);
	inputs_adopt(engine->inputs);
	if (!same_text(config->http, web_address(engine->web))) {
		web_close(engine->web);
		engine->web = engine->next_web;
		engine->next_web = NULL;
	}
	engine->sinks = sinks;
	engine->sink_count = config->sink_count;
	free_sinks(old_sinks, old_count);
	if (engine->config != config)
		config_free(engine->config);
	if (engine->rules != rules)
		rules_free(engine->rules);
	engine->config = config;
	engine->rules = rules;
	engine->config_loaded_at = clock_wall();
	engine->last_reload_ok = true;
}

static bool
keeps_its_places(const struct engine *engine, const struct config *config, struct err *err)
{
	if (!same_text(config->state, engine->config->state))
		return err_set(err, "`state` cannot change by a reload: restart the daemon");
	if (!same_text(config->control, engine->config->control))
		return err_set(err, "`control` cannot change by a reload: restart the daemon");
	return true;
}

static void
get_report(void *owner, struct report *report)
{
	const struct engine *engine = owner;
	*report = (struct report){
		.correlate = engine->correlate,
		.inputs = engine->inputs,
		.outbox = engine->outbox,
		.counters = &engine->counters,
		.store = engine->store,
		.config = engine->config,
		.collector = engine->collector,
		.config_path = engine->config->path,
		.config_loaded_at = engine->config_loaded_at,
		.last_reload_ok = engine->last_reload_ok,
		.store_trouble = engine->store_trouble,
		.jit = rules_is_jit(engine->rules),
		.uptime = clock_monotonic() - engine->started_at,
		.now = clock_wall(),
	};
}

static bool
prepare_web(struct engine *engine, const struct config *config, struct err *err)
{
	if (!config->http || same_text(config->http, web_address(engine->web)))
		return true;
	engine->next_web = web_open(config->http, engine->loop, get_report, engine, err);
	return engine->next_web;
}

static bool
prepare(struct engine *engine, struct config *config, struct rules *rules, struct sink ***sinks,
	struct err *err)
{
	if (!keeps_its_places(engine, config, err))
		return false;
	*sinks = make_sinks(engine, config, err);
	if (!*sinks)
		return false;
	if (prepare_web(engine, config, err) && inputs_prepare(engine->inputs, config, rules, err))
		return true;
	web_close(engine->next_web);
	engine->next_web = NULL;
	free_sinks(*sinks, config->sink_count);
	return false;
}

static void
log_problems(const struct config_problems *problems)
{
	for (size_t i = 0; i < problems->count; i++) {
		const struct config_problem *problem = &problems->item[i];
		void (*say)(const char *, ...) = problem->is_warning ? log_warning : log_error;
		say("%s:%u:%u: %s", problem->place.file ? problem->place.file : "defaults",
			problem->place.line, problem->place.column, problem->sentence);
	}
}

bool
engine_reload(struct engine *engine, struct err *err)
{
	struct config_problems problems = {0};
	struct sink **sinks;
	struct rules *rules = NULL;
	struct config *config = config_load(engine->config->path, &problems);
	if (config)
		rules = ruleset_compile(config, &problems);
	log_problems(&problems);
	engine->last_reload_ok = false;
	if (!rules)
		err_set(err, "the configuration has errors; the old one goes on");
	else if (prepare(engine, config, rules, &sinks, err)) {
		adopt(engine, config, rules, sinks);
		log_notice("configuration loaded again");
		config_problems_fini(&problems);
		end_turn(engine);
		return true;
	}
	log_error("reload: %s", err->text);
	rules_free(rules);
	config_free(config);
	config_problems_fini(&problems);
	return false;
}

/* ---- signals and requests ---- */

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
	sd_notifyf(0, "RELOADING=1\nMONOTONIC_USEC=%" PRId64, clock_monotonic());
	engine_reload(engine, &err);
	sd_notify(0, "READY=1");
	return 0;
}

json_t *
engine_status(struct engine *engine, const char *const *names, size_t count)
{
	struct report report;
	get_report(engine, &report);
	return report_status(&report, names, count);
}

bool
engine_obey(struct engine *engine, const struct engine_order *order, struct err *err)
{
	int64_t now = clock_wall();
	struct outcome *outcome = &engine->outcome;
	bool ok = false;
	switch (order->word) {
	case ENGINE_RESOLVE:
		ok = correlate_resolve(engine->correlate, order->site, now, outcome, err);
		break;
	case ENGINE_ACK:
		ok = correlate_ack(engine->correlate, order->site, now, outcome, err);
		break;
	case ENGINE_SILENCE:
		ok = correlate_silence(engine->correlate, order->site, now + order->duration,
			order->reason, now, outcome, err);
		break;
	}
	end_turn(engine);
	return ok;
}

static json_t *
answer_status(struct engine *engine, const json_t *request)
{
	const json_t *sites = json_object_get(request, "sites");
	size_t count = json_array_size(sites);
	const char **names = mem_array(count, sizeof *names);
	for (size_t i = 0; i < count; i++) {
		const char *name = json_string_value(json_array_get(sites, i));
		names[i] = name ? name : "";
	}
	json_t *answer = engine_status(engine, names, count);
	free(names);
	return answer;
}

static json_t *
answer_order(struct engine *engine, enum engine_word word, const json_t *request)
{
	struct err err = ERR_INIT;
	struct engine_order order = {
		.word = word,
		.site = json_string_value(json_object_get(request, "site")),
		.duration = json_integer_value(json_object_get(request, "duration")),
		.reason = json_string_value(json_object_get(request, "reason")),
	};
	if (!order.site)
		return json_pack("{s:s}", "error", "the request names no site");
	if (!engine_obey(engine, &order, &err))
		return json_pack("{s:s}", "error", err.text);
	return engine_status(engine, &order.site, 1);
}

static json_t *
on_request(void *owner, const json_t *request)
{
	static const char *const WORD[] = {
		[ENGINE_RESOLVE] = "resolve",
		[ENGINE_ACK] = "ack",
		[ENGINE_SILENCE] = "silence",
	};
	const char *verb = json_string_value(json_object_get(request, "verb"));
	if (verb && strcmp(verb, "status") == 0)
		return answer_status(owner, request);
	for (size_t i = 0; verb && i < COUNT(WORD); i++) {
		if (strcmp(verb, WORD[i]) == 0)
			return answer_order(owner, (enum engine_word)i, request);
	}
	return json_pack("{s:s}", "error", "the request names no verb that the daemon knows");
}

/* ---- boot and teardown ---- */

static void
on_saved_site(void *owner, const char *saved)
{
	struct engine *engine = owner;
	struct err err = ERR_INIT;
	if (!correlate_load(engine->correlate, saved, &err))
		log_error("a site's saved state is not understood and begins anew: %s", err.text);
}

static bool
open_store(struct engine *engine, bool *lost_state, struct err *err)
{
	struct err trouble = ERR_INIT;
	enum store_opened opened = store_open(engine->config->state, &engine->store, &trouble);
	*lost_state = opened == STORE_SET_ASIDE;
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
			EPOLLIN, on_queue, engine);
	if (r >= 0)
		r = sd_event_add_time(
			engine->loop, &engine->on_due, CLOCK_REALTIME, 0, 1, on_due, engine);
	if (r >= 0)
		r = sd_event_add_time(
			engine->loop, &engine->on_wait, CLOCK_BOOTTIME, 0, 1000, on_wait, engine);
	if (r >= 0)
		r = sd_event_add_defer(engine->loop, &answers, on_answers, engine);
	if (r >= 0)
		r = sd_event_source_set_enabled(answers, SD_EVENT_OFF);
	static const int SIGNAL[] = {SIGTERM, SIGINT, SIGHUP};
	for (size_t i = 0; r >= 0 && i < COUNT(SIGNAL); i++)
		r = sd_event_add_signal(engine->loop, NULL, SIGNAL[i], on_signal, engine);
	if (r >= 0)
		r = sd_event_set_watchdog(engine->loop, true);
	if (r < 0)
		return err_system(err, -r, "cannot make the event loop");
	outbox_on_change(engine->outbox, on_outbox_change, answers);
	outbox_on_delivery(engine->outbox, on_delivery, engine);
	sd_event_source_set_floating(answers, true);
	sd_event_source_unref(answers);
	return true;
}

static bool
start_up(struct engine *engine, struct err *err)
{
	bool lost_state;
	struct sink **sinks = NULL;
	struct config *config = engine->config;
	struct correlate_options correlation = correlate_options_of(config);
	struct outbox_options outbox = {config->outbox.max_alerts, config->outbox.max_age};
	if (!open_store(engine, &lost_state, err))
		return false;
	engine->queue = queue_new(QUEUE_LIMIT);
	engine->correlate = correlate_new(&correlation);
	engine->pending = pending_new();
	engine->outbox = outbox_new(&outbox, engine->store);
	engine->inputs = inputs_new(engine->store, engine->queue, lost_state);
	if (!open_loop(engine, err))
		return false;
	if (!store_each_site(engine->store, on_saved_site, engine, err))
		return false;
	engine->control = control_open(config->control, engine->loop, on_request, engine, err);
	if (!engine->control || !prepare(engine, config, engine->rules, &sinks, err))
		return false;
	adopt(engine, config, engine->rules, sinks);
	return outbox_load(engine->outbox, clock_wall(), err);
}

struct engine *
engine_new(struct config *config, struct rules *rules, struct err *err)
{
	struct engine *engine = mem_new(sizeof *engine);
	engine->config = config;
	engine->rules = rules;
	engine->started_at = clock_monotonic();
	engine->read_at = TIME_NONE;
	if (gethostname(engine->collector, sizeof engine->collector - 1) != 0)
		memcpy(engine->collector, "localhost", sizeof "localhost");
	if (start_up(engine, err))
		return engine;
	engine_free(engine);
	return NULL;
}

static bool
outbox_is_idle(const struct engine *engine)
{
	return !outbox_has_changes(engine->outbox) && outbox_next_due(engine->outbox) == TIME_NONE;
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
	queue_close(engine->queue);
	engine->left_behind = !inputs_stop(engine->inputs, clock_monotonic() + STOP_DEADLINE);
	while (take_batches(engine))
		;
	engine->store_retry_at = 0;
	end_turn(engine);
	speak_last(engine);
}

bool
engine_run(struct engine *engine, struct err *err)
{
	log_notice("started: %zu input(s), %zu rule(s), %zu sink(s)", engine->config->input_count,
		engine->config->rule_count, engine->sink_count);
	end_turn(engine);
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
		engine->inputs && !inputs_stop(engine->inputs, clock_monotonic() + STOP_DEADLINE);
	inputs_free(engine->inputs);
	outbox_free(engine->outbox);
	free_sinks(engine->sinks, engine->sink_count);
	outcome_fini(&engine->outcome);
	pending_free(engine->pending);
	correlate_free(engine->correlate);
	/* A thread that was left behind may still put into the queue when its read returns. */
	if (engine->queue && !left_behind && !engine->left_behind)
		queue_free(engine->queue);
	sd_event_source_disable_unref(engine->on_queue);
	sd_event_source_disable_unref(engine->on_due);
	sd_event_source_disable_unref(engine->on_wait);
	sd_event_unref(engine->loop);
	if (!left_behind && !engine->left_behind)
		store_close(engine->store);
	rules_free(engine->rules);
	config_free(engine->config);
	free(engine);
}
