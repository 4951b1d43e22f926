#ifndef AIWATCH_ENGINE_OUTCOME_H
#define AIWATCH_ENGINE_OUTCOME_H

#include "daemon/engine/correlate.h"

/* How the machines of sites write down what happened. All copy what they are given. */
void
outcome_add_transition(struct outcome *outcome, const char *site, enum site_state from,
	enum site_state to, const char *why, int64_t at); /* why is static */

/* Takes the alert over; *alert is emptied. */
void
outcome_add_alert(struct outcome *outcome, struct alert *alert);

/* An incident of the same id is replaced. */
void
outcome_add_incident(struct outcome *outcome, const struct incident *incident);
void
outcome_add_site(struct outcome *outcome, const char *site); /* once, however often */

void
incident_copy(const struct incident *from, struct incident *to); /* deep; to is overwritten */

#endif
