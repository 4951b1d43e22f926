#ifndef AIWATCH_PARSERS_ZONE_H
#define AIWATCH_PARSERS_ZONE_H

#include "daemon/base/err.h"
#include "daemon/base/span.h"

#include <stdint.h>

/*
 * A time zone of the tz database, read from its file (RFC 8536, versions 1 to 4) once and then
 * asked without locks, from any thread, whatever the process's TZ says.
 */
struct zone;

/*
 * "UTC", a name of the tz database ("Europe/Berlin"), or "local": what TZ says, else
 * /etc/localtime, else UTC. NULL with a sentence where there is no such zone.
 */
struct zone *
zone_open(const char *name, struct err *err);
void
zone_free(struct zone *zone); /* takes NULL */

/* The zone of a file's content; NULL where it is none. */
struct zone *
zone_parse(struct span content);

enum zone_fit {
	ZONE_ONCE,     /* the local time exists once */
	ZONE_SKIPPED,  /* the clock was put forward over it: read with the offset before */
	ZONE_REPEATED, /* the clock was put back over it: the first of the two */
};

/* Seconds since 1970 UTC of a local time given as seconds since 1970 of the same wall clock. */
int64_t
zone_to_utc(const struct zone *zone, int64_t local, enum zone_fit *fit);

#endif
