#include "parsers/event.h"

#include <string.h>

static const char *const NAME[EVENT_KINDS] = {
	[EVENT_NONE] = "none",
	[EVENT_ENROLL_REJECTED] = "enroll_rejected",
	[EVENT_SYNC_FORBIDDEN] = "sync_forbidden",
	[EVENT_CERTIFICATE_REPORTED] = "certificate_reported",
	[EVENT_ENROLL_FAILED] = "enroll_failed",
	[EVENT_SYNC_FAILED] = "sync_failed",
	[EVENT_SYNC_SUCCEEDED] = "sync_succeeded",
	[EVENT_ENROLL_SUCCEEDED] = "enroll_succeeded",
};

const char *
event_name(enum event_kind kind)
{
	return NAME[kind];
}

bool
event_from_name(const char *name, enum event_kind *kind)
{
	for (int i = EVENT_NONE + 1; i < EVENT_KINDS; i++) {
		if (strcmp(name, NAME[i]) == 0) {
			*kind = (enum event_kind)i;
			return true;
		}
	}
	return false;
}
