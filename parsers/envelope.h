#ifndef AIWATCH_PARSERS_ENVELOPE_H
#define AIWATCH_PARSERS_ENVELOPE_H

#include "daemon/base/buf.h"
#include "parsers/zone.h"

#include <stdint.h>

/* What a collecting host puts round a line. The numbers are kept on disk. */
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

/* "plain", "rfc3164", "rfc3339", "rfc5424", "json", "fluentbit", "cmtrace", "siteserver"; "unknown"
 * for any other number. Never NULL. */
const char *
envelope_name(unsigned kind);

struct envelope {
	enum envelope_kind kind;
	struct span host;    /* empty where it names none */
	struct span path;    /* of the file on the host of origin; empty where it names none */
	int64_t time;	     /* the envelope's own, or TIME_NONE; not the record's */
	struct span message; /* the service's line; further lines of its record behind LFs */
};

/* What a file's lines are taken to be: the configuration's `format`. */
enum envelope_format {
	FORMAT_AUTO,
	FORMAT_PLAIN,
	FORMAT_SYSLOG,
	FORMAT_JSON,
	FORMATS,
};

bool
envelope_format_from_name(const char *name, enum envelope_format *format);

/* Keys of a JSON line, in order of preference; a dot goes into an object, unless the key holds it
 * itself. */
struct envelope_names {
	const char *const *item;
	size_t count;
};

/* What the configuration names; the keys of known shippers are looked for behind them. */
struct envelope_keys {
	struct envelope_names message, host, time;
};

/* Memory for what an envelope has to unescape. All zero at the start. */
struct envelope_scratch {
	struct buf host, path, message;
};

void
envelope_scratch_fini(struct envelope_scratch *scratch);

struct envelope_question {
	enum envelope_format format;
	const struct zone *zone; /* of its time; NULL where nobody asks for that: TIME_NONE */
	int64_t received;	 /* completes times without a year; TIME_NONE: they stay unknown */
	struct envelope_keys json; /* borrowed; all zero for none */
};

/*
 * Takes the envelope off a line (valid UTF-8, without line end). With FORMAT_AUTO each line decides
 * by itself. The spans borrow from line or, until the next call, from scratch. A line in no
 * envelope is plain; false, and message empty, where the format that is asked for is another.
 *
 * Sources: RFC 3164, RFC 5424 and 6587 (octet counts), rsyslog's file formats and its escapes of
 * control characters, the JSON of NXLog, Filebeat and Fluent Bit, Fluent Bit's stdout, CMTrace.
 */
bool
envelope_parse(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope);

#endif
