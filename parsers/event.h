#ifndef AIWATCH_PARSERS_EVENT_H
#define AIWATCH_PARSERS_EVENT_H

#include <stdbool.h>

/* What a record of the service says, as the rules name it. The order is that of the machine's
 * matrix. */
enum event_kind {
	EVENT_NONE, /* no rule matched */
	EVENT_ENROLL_REJECTED,
	EVENT_SYNC_FORBIDDEN,
	EVENT_CERTIFICATE_REPORTED,
	EVENT_ENROLL_FAILED,
	EVENT_SYNC_FAILED,
	EVENT_SYNC_SUCCEEDED,
	EVENT_ENROLL_SUCCEEDED,
	EVENT_KINDS,
};

/* The name that configuration, metrics and documents use, "none" for EVENT_NONE. Never NULL. */
const char *
event_name(enum event_kind kind);

/* The kind with that name. False where there is none; `none` is no kind that a rule may name. */
bool
event_from_name(const char *name, enum event_kind *kind);

#endif
