#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/engine/alert_json.h"

#include <stdlib.h>
#include <string.h>

void
engine_get_report(void *owner, struct report *report)
{
	struct engine *engine = owner;
	/* Whoever learned of a transition may ask for its history, which the store tells. */
	if (engine->commit_at != TIME_NONE)
		engine_end_turn(engine);
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

json_t *
engine_status(struct engine *engine, const char *const *names, size_t count)
{
	struct report report;
	engine_get_report(engine, &report);
	return report_status(&report, names, count);
}

#define SILENCE_LONGEST (3650 * DAY)

bool
engine_obey(struct engine *engine, const struct engine_order *order, struct err *err)
{
	int64_t now = clock_wall();
	struct outcome *outcome = &engine->outcome;
	bool ok = false;
	if (order->duration > SILENCE_LONGEST)
		return err_set(err, "a silence lasts 3650d at most");
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
	engine_end_order(engine);
	return ok;
}

static json_t *
answer_status(struct engine *engine, const json_t *request)
{
	const json_t *sites = json_object_get(request, "sites");
	size_t count = json_array_size(sites);
	const char **names = mem_array(count, sizeof *names);
	json_t *unknown = json_array();
	for (size_t i = 0; i < count; i++) {
		struct err err = ERR_INIT;
		const char *name = json_string_value(json_array_get(sites, i));
		names[i] = correlate_find(engine->correlate, name ? name : "", &err);
		if (names[i])
			continue;
		names[i] = "";
		json_array_append_new(unknown, json_of_text(err.text));
	}
	json_t *answer = engine_status(engine, names, count);
	if (count > 0)
		json_put(answer, "unknown", unknown);
	else
		json_decref(unknown);
	free(names);
	return answer;
}

/* Who it was: a name would be asked of a directory service, and the loop waits for none. */
static void
log_order(const struct engine *engine, const struct engine_order *order, uid_t user)
{
	static const char *const DONE[] = {
		[ENGINE_RESOLVE] = "resolved",
		[ENGINE_ACK] = "acknowledged",
		[ENGINE_SILENCE] = "no longer silenced",
	};
	char until[TIME_TEXT];
	int64_t end = correlate_silenced_until(engine->correlate, order->site);
	bool is_silence = order->word == ENGINE_SILENCE && end != TIME_NONE;
	log_notice("site %s: %s%s by user %u%s%s", order->site,
		is_silence ? "silenced until " : DONE[order->word],
		is_silence ? time_format(end - end % SECOND, until) : "", (unsigned)user,
		order->reason ? ": " : "", order->reason ? order->reason : "");
}

static json_t *
answer_order(struct engine *engine, enum engine_word word, const json_t *request, uid_t user)
{
	struct err err = ERR_INIT;
	const char *name = json_string_value(json_object_get(request, "site"));
	struct engine_order order = {
		.word = word,
		.site = name ? correlate_find(engine->correlate, name, &err) : NULL,
		.duration = json_integer_value(json_object_get(request, "duration")),
		.reason = json_string_value(json_object_get(request, "reason")),
	};
	if (!name)
		return json_pack("{s:s}", "error", "the request names no site");
	if (!order.site || !engine_obey(engine, &order, &err))
		return json_pack("{s:s}", "error", err.text);
	log_order(engine, &order, user);
	return engine_status(engine, &order.site, 1);
}

json_t *
engine_on_request(void *owner, const json_t *request, uid_t user)
{
	static const char *const WORD[] = {
		[ENGINE_RESOLVE] = "resolve",
		[ENGINE_ACK] = "ack",
		[ENGINE_SILENCE] = "silence",
	};
	const char *verb = json_string_value(json_object_get(request, "verb"));
	if (verb && strcmp(verb, "status") == 0)
		return answer_status(owner, request);
	if (verb && strcmp(verb, "outbox") == 0)
		return engine_answer_outbox(owner, request);
	for (size_t i = 0; verb && i < COUNT(WORD); i++) {
		if (strcmp(verb, WORD[i]) == 0)
			return answer_order(owner, (enum engine_word)i, request, user);
	}
	return json_pack("{s:s}", "error", "the request names no verb that the daemon knows");
}
