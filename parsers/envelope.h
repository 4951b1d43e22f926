#ifndef AIWATCH_PARSERS_ENVELOPE_H
#define AIWATCH_PARSERS_ENVELOPE_H

#include "daemon/base/span.h"

#include <stdint.h>

/* What a collecting host puts round a line. */
enum envelope_kind {
	ENVELOPE_UNKNOWN, /* not decided */
	ENVELOPE_PLAIN,
	ENVELOPE_RFC3164,
	ENVELOPE_RFC3339, /* rsyslog's file format: RFC 3339 time, host, tag */
	ENVELOPE_RFC5424,
	ENVELOPE_JSON,
	ENVELOPE_FLUENTBIT, /* its stdout form: [0] TAG: [TIME, {…}] */
	ENVELOPE_CMTRACE,   /* set aside: another component's */
	ENVELOPE_SITE_SERVER,
	ENVELOPE_KINDS,
};

/* "plain", "rfc3164", "rfc3339", "rfc5424", "json", "fluentbit", "cmtrace", "siteserver". Never
 * NULL. */
const char *
envelope_name(enum envelope_kind kind);

struct envelope {
	enum envelope_kind kind;
	struct span host;    /* empty where it names none */
	struct span path;    /* of the file on the host of origin; empty where it names none */
	int64_t time;	     /* the envelope's own time, or TIME_NONE; not the record's */
	struct span message; /* the service's line */
};

#endif
