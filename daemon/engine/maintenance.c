#include "daemon/engine/maintenance.h"

#include "config/cron.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct window {
	const struct config_maintenance *config;
	struct cron cron;
	int64_t until; /* TIME_NONE while it is shut */
};

struct maintenance {
	struct window *windows;
	size_t count;
	int64_t minute; /* the last that was looked at, in minutes since the epoch */
};

struct maintenance *
maintenance_new(void)
{
	return mem_new(sizeof(struct maintenance));
}

void
maintenance_free(struct maintenance *maintenance)
{
	if (!maintenance)
		return;
	free(maintenance->windows);
	free(maintenance);
}

/* Whether the window begins in that minute. */
static bool
begins(const struct window *window, int64_t minute)
{
	struct tm tm;
	time_t at = (time_t)(minute * 60);
	return localtime_r(&at, &tm) && cron_matches(&window->cron, &tm);
}

static void
look(struct window *window, int64_t from, int64_t minute, int64_t now)
{
	int64_t length = window->config->length;
	int64_t first = minute - length / MINUTE;
	bool was_open = window->until != TIME_NONE;
	for (int64_t m = from > first ? from : first; m <= minute; m++) {
		if (begins(window, m))
			window->until = m * MINUTE + length;
	}
	if (window->until != TIME_NONE && (window->until <= now || window->until - now > length))
		window->until = TIME_NONE;
	if (was_open != (window->until != TIME_NONE))
		log_notice("maintenance %s: %s", window->config->name,
			was_open ? "is over" : "begins");
}

void
maintenance_tick(struct maintenance *maintenance, int64_t now)
{
	int64_t minute = now / MINUTE;
	/* A clock that was set back makes all be looked at again. */
	int64_t from = minute >= maintenance->minute ? maintenance->minute + 1 : 0;
	for (size_t i = 0; i < maintenance->count; i++)
		look(&maintenance->windows[i], from, minute, now);
	maintenance->minute = minute;
}

void
maintenance_configure(struct maintenance *maintenance, const struct config *config, int64_t now)
{
	free(maintenance->windows);
	maintenance->count = config->maintenance_count;
	maintenance->windows = mem_array(maintenance->count + 1, sizeof *maintenance->windows);
	for (size_t i = 0; i < maintenance->count; i++) {
		struct window *window = &maintenance->windows[i];
		struct err err = ERR_INIT;
		window->config = &config->maintenance[i];
		window->until = TIME_NONE;
		if (!cron_parse(window->config->at, &window->cron, &err))
			log_error("maintenance %s: %s", window->config->name, err.text);
	}
	maintenance->minute = 0;
	maintenance_tick(maintenance, now);
}

int64_t
maintenance_next_due(const struct maintenance *maintenance)
{
	return maintenance->count > 0 ? (maintenance->minute + 1) * MINUTE : TIME_NONE;
}

bool
maintenance_has(const struct maintenance *maintenance, const char *name)
{
	for (size_t i = 0; i < maintenance->count; i++) {
		if (strcmp(maintenance->windows[i].config->name, name) == 0)
			return true;
	}
	return false;
}

bool
maintenance_is_on(const struct maintenance *maintenance)
{
	for (size_t i = 0; i < maintenance->count; i++) {
		if (maintenance->windows[i].until != TIME_NONE)
			return true;
	}
	return false;
}

static bool
is_meant(const struct config_maintenance *config, const char *site)
{
	for (size_t i = 0; i < config->sites.count; i++) {
		if (fnmatch(config->sites.item[i], site, FNM_CASEFOLD) == 0)
			return true;
	}
	return false;
}

int64_t
maintenance_until(const struct maintenance *maintenance, const char *site, const char **name)
{
	int64_t until = TIME_NONE;
	for (size_t i = 0; i < maintenance->count; i++) {
		const struct window *window = &maintenance->windows[i];
		if (window->until == TIME_NONE || (until != TIME_NONE && window->until <= until) ||
			!is_meant(window->config, site))
			continue;
		until = window->until;
		if (name)
			*name = window->config->name;
	}
	return until;
}
