#ifndef AIWATCH_WEB_GUEST_H
#define AIWATCH_WEB_GUEST_H

#include "config/config.h"

/*
 * Writes the normal form of the configuration as everyone may see it who reaches the HTTP server:
 * as config_print, and URLs end behind their host; values of headers, users, passwords and bodies
 * of templates are "***".
 */
void
guest_config_print(const struct config *config, struct buf *out);

#endif
