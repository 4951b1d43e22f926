#ifndef AIWATCH_PARSERS_FRAME_H
#define AIWATCH_PARSERS_FRAME_H

#include "daemon/base/span.h"
#include "parsers/date.h"

#include <stdint.h>

/* .NET's TraceEventType, in the order of its names; never translated. */
enum severity {
	SEVERITY_CRITICAL,
	SEVERITY_ERROR,
	SEVERITY_WARNING,
	SEVERITY_INFORMATION,
	SEVERITY_VERBOSE,
	SEVERITY_START,
	SEVERITY_STOP,
	SEVERITY_SUSPEND,
	SEVERITY_RESUME,
	SEVERITY_TRANSFER,
	SEVERITIES,
};

/* "Critical" … "Transfer". Never NULL. */
const char *
severity_name(enum severity severity);
bool
severity_from_name(struct span name, enum severity *severity);

/* The name of the service as the source of its records, in the case in which it is published. */
#define FRAME_SERVICE "Asset Intelligence Catalog Sync Service"

/*
 * The frame of .NET's TraceListener: `{source} {EventType}: {id} : {message}`. Blanks after `:` are
 * optional (Microsoft's renderings differ). Source: domain.md's [source] notes, .NET reference
 * source, TraceListener.WriteHeader.
 */
struct frame {
	struct span source; /* "Asset Intelligence Catalog Sync Service", or any other source */
	enum severity severity;
	int64_t id;
	struct span body; /* behind the header: date, then message */
	struct span
		date; /* the date in front of the message, without its colon; empty where none */
	struct span message; /* the message itself; all of body where no date was found */
	bool is_scanned;     /* `when` is what date_scan says of `date` */
	struct date when;
	bool is_service; /* source is the Asset Intelligence Catalog Sync Service's */
};

/*
 * Takes one line (UTF-8, no line end) apart; the spans borrow from it. False where it has no frame:
 * the source must stand at the line's very beginning, so an echo inside another record has none of
 * the service's.
 */
bool
frame_parse(struct span line, struct frame *frame);

/* Whether the line has the service's frame, as frame_parse would say, for less. */
bool
frame_is_service(struct span line);

/* Whose record it is and how grave, no more: date and message stay empty. */
bool
frame_parse_header(struct span line, struct frame *frame);

#endif
