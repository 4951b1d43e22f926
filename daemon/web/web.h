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
 *   /-/ready                  200 while the store works and no input hangs, else 503 and why
 *   /api/v1/status            the document of `status --json`; view=brief is for the status page
 *   /api/v1/sites             its sites, and of each summary, advice, links and what the state
 *                             rests on; view=brief leaves all that and the evidence out
 *   /api/v1/inputs            its inputs
 *   /api/v1/sinks             its sinks
 *   /api/v1/incidents         the history, newest first, limit=1 to 10000 (1000); view=brief
 *   /api/v1/config            the normal form as YAML, as a guest may see it
 *
 * site=NAME, once or more, chooses sites.
 * Documents of JSON are {"version": 1, "NAME": […]}. An argument that is not known is 400.
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
