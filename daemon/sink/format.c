#include "daemon/sink/format.h"

#include "daemon/base/mem.h"

static const struct format *const FORMAT[] = {
	&FORMAT_GENERIC,
	&FORMAT_CLOUDEVENTS,
	&FORMAT_PAGERDUTY,
	&FORMAT_SLACK,
	&FORMAT_TEAMS,
	&FORMAT_TEMPLATE,
	&FORMAT_ALERTMANAGER,
	&FORMAT_ICINGA2,
	&FORMAT_NTFY,
};

const struct format *
format_find(const char *name)
{
	for (size_t i = 0; i < COUNT(FORMAT); i++) {
		if (strcmp(FORMAT[i]->name, name) == 0)
			return FORMAT[i];
	}
	return NULL;
}

int64_t
format_holds(const struct format_job *job)
{
	int64_t beats = 3 * job->sink->heartbeat;
	return job->alert->kind == ALERT_HEARTBEAT && beats > FORMAT_HOLDS ? beats : FORMAT_HOLDS;
}
