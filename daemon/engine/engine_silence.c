#include "daemon/engine/engine_parts.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

/* Maintenance is a silence of each site that a window means, until the window is over. */
#define REASON "maintenance "

void
engine_silence_site(struct engine *engine, const char *site, int64_t now)
{
	const char *name = NULL;
	if (!maintenance_is_on(engine->maintenance))
		return;
	struct err err = ERR_INIT;
	int64_t until = maintenance_until(engine->maintenance, site, &name);
	if (until == TIME_NONE || until <= now ||
		correlate_silenced_until(engine->correlate, site) >= until)
		return;
	char *reason = mem_format(REASON "%s", name);
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
	struct names names = {0};
	correlate_each(engine->correlate, add_name, &names);
	for (size_t i = 0; i < names.count; i++)
		engine_silence_site(engine, names.item[i], now);
	free_names(&names);
}

/* Sites that a window silenced, and the windows that may have. */
struct silenced {
	struct names names;
	const struct maintenance *old, *now;
};

static void
add_silenced(void *owner, const struct site_view *view)
{
	struct silenced *silenced = owner;
	struct span reason = span_of(view->silence_reason ? view->silence_reason : "");
	if (!span_has_prefix(reason, SPAN(REASON)))
		return;
	const char *window = span_from(reason, SPAN(REASON).n).p;
	if (maintenance_has(silenced->old, window) || maintenance_has(silenced->now, window))
		add_name(&silenced->names, view);
}

/* As long as the windows say now, which may be no longer. */
static void
silence_anew(struct engine *engine, const char *site, int64_t now)
{
	struct err err = ERR_INIT;
	const char *name = NULL;
	int64_t until = maintenance_until(engine->maintenance, site, &name);
	if (until == correlate_silenced_until(engine->correlate, site))
		return;
	char *reason = name ? mem_format(REASON "%s", name) : NULL;
	if (!correlate_silence(engine->correlate, site, until, reason, now, &engine->outcome, &err))
		log_error("site %s: %s", site, err.text);
	free(reason);
}

void
engine_change_maintenance(struct engine *engine, const struct config *config, int64_t now)
{
	struct maintenance *old = engine->maintenance;
	engine->maintenance = maintenance_new();
	maintenance_configure(engine->maintenance, config, now);
	struct silenced silenced = {.old = old, .now = engine->maintenance};
	correlate_each(engine->correlate, add_silenced, &silenced);
	for (size_t i = 0; i < silenced.names.count; i++)
		silence_anew(engine, silenced.names.item[i], now);
	free_names(&silenced.names);
	maintenance_free(old);
	engine_silence_sites(engine, now);
}
