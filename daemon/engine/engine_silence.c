#include "daemon/engine/engine_parts.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

/* Maintenance is a silence of each site that a window means, until the window is over. */

void
engine_silence_site(struct engine *engine, const char *site, int64_t now)
{
	struct err err = ERR_INIT;
	const char *name = NULL;
	if (!maintenance_is_on(engine->maintenance))
		return;
	int64_t until = maintenance_until(engine->maintenance, site, &name);
	if (until == TIME_NONE || until <= now ||
		correlate_silenced_until(engine->correlate, site) >= until)
		return;
	char *reason = mem_format("maintenance %s", name);
	if (!correlate_silence(engine->correlate, site, until, reason, now, &engine->outcome, &err))
		log_error("site %s: %s", site, err.text);
	free(reason);
}

struct names {
	char **item;
	size_t count, room;
};

static void
add_name(void *owner, const struct site_view *view)
{
	struct names *names = owner;
	if (names->count == names->room) {
		names->room = names->room ? names->room * 2 : 64;
		names->item = mem_grow(names->item, names->room, sizeof *names->item);
	}
	names->item[names->count++] = mem_text(view->name);
}

static struct names
list_names(const struct engine *engine)
{
	struct names names = {0};
	correlate_each(engine->correlate, add_name, &names);
	return names;
}

static void
free_names(struct names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free(names->item[i]);
	free(names->item);
}

void
engine_silence_sites(struct engine *engine, int64_t now)
{
	if (!maintenance_is_on(engine->maintenance))
		return;
	struct names names = list_names(engine);
	for (size_t i = 0; i < names.count; i++)
		engine_silence_site(engine, names.item[i], now);
	free_names(&names);
}

/* A silence that ends with a window is the window's, and is over where the window is no more. */
static void
lift(struct engine *engine, const char *site, const struct maintenance *old, int64_t now)
{
	struct err err = ERR_INIT;
	int64_t until = maintenance_until(old, site, NULL);
	if (until == TIME_NONE || correlate_silenced_until(engine->correlate, site) != until ||
		maintenance_until(engine->maintenance, site, NULL) != TIME_NONE)
		return;
	if (!correlate_silence(
		    engine->correlate, site, TIME_NONE, NULL, now, &engine->outcome, &err))
		log_error("site %s: %s", site, err.text);
}

void
engine_change_maintenance(struct engine *engine, const struct config *config, int64_t now)
{
	struct maintenance *old = engine->maintenance;
	engine->maintenance = maintenance_new();
	maintenance_configure(engine->maintenance, config, now);
	struct names names = list_names(engine);
	for (size_t i = 0; i < names.count; i++)
		lift(engine, names.item[i], old, now);
	free_names(&names);
	maintenance_free(old);
	engine_silence_sites(engine, now);
}
