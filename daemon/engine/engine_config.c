#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/ruleset.h"

#include <stdlib.h>
#include <string.h>

#define AWAIT_INPUTS SECOND /* that were taken out just now, and are back */

struct correlate_options
engine_correlate_options(const struct config *config)
{
	return (struct correlate_options){
		.window = config->correlation.window,
		.failing_after = config->correlation.failing_after,
		.repeat_every = config->correlation.repeat_every,
		.resolve_after = config->correlation.resolve_after,
		.silent_after = config->correlation.silent_after,
	};
}

void
engine_free_sinks(struct sink **sinks, size_t count)
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
			engine_free_sinks(sinks, i);
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
void
engine_adopt(struct engine *engine, struct config *config, struct rules *rules, struct sink **sinks)
{
	struct sink **old_sinks = engine->sinks;
	size_t old_count = engine->sink_count;
	struct correlate_options options = engine_correlate_options(config);
	correlate_configure(engine->correlate, &options);
	outbox_configure(engine->outbox,
		&(struct outbox_options){config->outbox.max_alerts, config->outbox.max_age});
	outbox_set_sinks(engine->outbox, sinks, config->sink_count);
	engine_change_maintenance(engine, config, clock_wall());
	upkeep_set_sinks(engine->upkeep, sinks, config->sink_count, clock_monotonic());
	inputs_adopt(engine->inputs);
	if (!same_text(config->http, web_address(engine->web))) {
		web_close(engine->web);
		engine->web = engine->next_web;
		engine->next_web = NULL;
	}
	engine->sinks = sinks;
	engine->sink_count = config->sink_count;
	engine_free_sinks(old_sinks, old_count);
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

static bool
prepare_web(struct engine *engine, const struct config *config, struct err *err)
{
	if (!config->http || same_text(config->http, web_address(engine->web)))
		return true;
	engine->next_web = web_open(config->http, engine->loop, engine_get_report, engine, err);
	bool is_own_port = engine->web && same_text(strrchr(config->http, ':'),
						  strrchr(web_address(engine->web), ':'));
	if (!engine->next_web && is_own_port)
		err_context(
			err, "`http` cannot change its host alone by a reload: restart the daemon");
	return engine->next_web;
}

bool
engine_prepare(struct engine *engine, struct config *config, struct rules *rules,
	struct sink ***sinks, struct err *err)
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
	engine_free_sinks(*sinks, config->sink_count);
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
	struct config *config = config_load(config_find(engine->config->path), &problems);
	if (config)
		rules = ruleset_compile(config, &problems);
	log_problems(&problems);
	engine->last_reload_ok = false;
	if (config) {
		inputs_await(engine->inputs, config, clock_monotonic() + AWAIT_INPUTS);
		engine_tend(engine);
	}
	if (!rules)
		err_set(err, "the configuration has errors; the old one goes on");
	else if (engine_prepare(engine, config, rules, &sinks, err)) {
		engine_adopt(engine, config, rules, sinks);
		log_notice("configuration loaded again");
		config_problems_fini(&problems);
		engine_end_turn(engine);
		return true;
	}
	log_error("reload: %s", err->text);
	rules_free(rules);
	config_free(config);
	config_problems_fini(&problems);
	return false;
}
