#include "daemon/engine/engine_parts.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#define REST	    SECOND /* without a turn */
#define REST_WITHIN MINUTE /* of the first commit */

void
engine_arm_rest(struct engine *engine)
{
	int64_t now = clock_monotonic();
	int64_t at = now + REST;
	if (!engine->written_at && engine->store_keeps) {
		sd_event_source_set_enabled(engine->on_rest, SD_EVENT_OFF);
		return;
	}
	if (!engine->written_at)
		at = now + REST_WITHIN;
	else if (at > engine->written_at + REST_WITHIN)
		at = engine->written_at + REST_WITHIN;
	sd_event_source_set_time(engine->on_rest, (uint64_t)at);
	sd_event_source_set_enabled(engine->on_rest, SD_EVENT_ONESHOT);
}

static int
on_rest(sd_event_source *source, uint64_t at, void *owner)
{
	(void)source;
	(void)at;
	struct engine *engine = owner;
	struct err err = ERR_INIT;
	bool ok = store_maintain(engine->store, &err);
	if (!ok && !engine->rest_failed)
		log_warning("%s", err.text);
	engine->rest_failed = !ok;
	engine->written_at = 0;
	mem_trim();
	bool keeps = !store_is_memory(engine->store);
	if (keeps && !engine->store_keeps)
		engine->store_trouble[0] = '\0';
	engine->store_keeps = keeps;
	engine_arm_rest(engine);
	return 0;
}

int
engine_rest(struct engine *engine)
{
	return sd_event_add_time(
		engine->loop, &engine->on_rest, CLOCK_BOOTTIME, 0, 100000, on_rest, engine);
}
