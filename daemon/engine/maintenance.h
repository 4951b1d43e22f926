#ifndef AIWATCH_ENGINE_MAINTENANCE_H
#define AIWATCH_ENGINE_MAINTENANCE_H

#include "config/config.h"

/*
 * Windows of maintenance: which sites are to be silent now, and until when. Pure but for the local
 * time zone: wall time comes in. A window that began before the daemon did counts all the same.
 */
struct maintenance;

/* `config` is borrowed until the next maintenance_configure. */
struct maintenance *
maintenance_new(void);
void
maintenance_free(struct maintenance *maintenance); /* takes NULL */
void
maintenance_configure(struct maintenance *maintenance, const struct config *config, int64_t now);

/* Looks which windows are open now. */
void
maintenance_tick(struct maintenance *maintenance, int64_t now);

/* When maintenance_tick is wanted next; TIME_NONE where there are no windows. */
int64_t
maintenance_next_due(const struct maintenance *maintenance);

/* Whether a window is called so, open or not. */
bool
maintenance_has(const struct maintenance *maintenance, const char *name);

/* Whether any window is open. */
bool
maintenance_is_on(const struct maintenance *maintenance);

/* Until when the site is to be silent, by the window that is open longest; TIME_NONE for not.
 * *name, where not NULL, is that window's, borrowed. */
int64_t
maintenance_until(const struct maintenance *maintenance, const char *site, const char **name);

#endif
