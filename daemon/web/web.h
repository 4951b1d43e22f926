#ifndef AIWATCH_WEB_WEB_H
#define AIWATCH_WEB_WEB_H

#include "daemon/engine/report.h"

#include <systemd/sd-event.h>

/*
 * What the daemon shows by HTTP (design: sections 5 and 6), one row a path in web.c:
 *
 *   /                         the status page
 *   /metrics                  for Prometheus
 *   /-/healthy                200 while the loop turns
 *   /-/ready                  200 while the store works and all inputs run, else 503 and why
 *   /api/v1/status            the document of `status --json`
 *   /api/v1/sites …           its parts; see the manual, aiwatch(8)
 *   /api/v1/incidents         the history
 *   /api/v1/config            the normal form, as a guest may see it
 */
struct web;

/* Fills the report; what it borrows must hold until the next turn of the loop. */
typedef void
web_get_report(void *owner, struct report *report);

/* Serves on "HOST:PORT". NULL with a sentence. */
struct web *
web_open(const char *address, sd_event *loop, web_get_report *get_report, void *owner,
	struct err *err);
void
web_close(struct web *web); /* takes NULL */

/* The address as it was given; NULL where web is NULL. */
const char *
web_address(const struct web *web);

#endif
