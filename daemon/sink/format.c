#include "daemon/sink/format.h"

#include "daemon/base/mem.h"

static const struct format *const FORMAT[] = {
	&FORMAT_GENERIC,
	&FORMAT_CLOUDEVENTS,
	&FORMAT_PAGERDUTY,
	&FORMAT_SLACK,
	&FORMAT_TEAMS,
	&FORMAT_TEMPLATE,
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
