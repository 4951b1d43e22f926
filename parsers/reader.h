#ifndef AIWATCH_PARSERS_READER_H
#define AIWATCH_PARSERS_READER_H

#include "daemon/base/err.h"
#include "daemon/base/span.h"
#include "parsers/date.h"
#include "parsers/envelope.h"
#include "parsers/frame.h"
#include "parsers/rules.h"

#include <stdint.h>

/*
 * The reader turns raw bytes of a file into records: encoding, lines, envelope, frame, date, rule.
 * Pure: no clock, no I/O, no globals. One `struct reader` (options, scratch memory) serves many
 * files, one thread; what it knows of one file is a `struct reader_state`, a small value that its
 * owner keeps with the file's offset and gives back with the next bytes.
 */
enum reader_look {
	READER_HITS,	/* reports records in which a rule matched or failed (READER_RULE_LIMIT) */
	READER_SERVICE, /* and all others of the service: without date and text where they hold no
			   literal of a rule */
	READER_LINES,	/* and every other line, all looked at in full, and envelopes' own times */
};

struct reader_options {
	const char *encoding;	   /* "auto", "utf-8", "utf-16le", … any that iconv knows */
	const char *format;	   /* "auto", "plain", "syslog", "json" */
	const char *timezone;	   /* "local", "UTC" or a name of the tz database */
	struct envelope_keys json; /* keys of JSON lines; all zero: those of known shippers */
	size_t max_line;	   /* bytes kept of a line; the rest is skipped and counted */
	const struct rules *rules; /* borrowed; may be NULL: no events */
	enum reader_look look;
};

/* A value: all zero is a file of which nothing is known yet. Bytes in it are safe to keep on disk.
 */
struct reader_state {
	uint8_t encoding;	 /* enum encoding; 0: not decided */
	uint8_t format;		 /* enum envelope_kind last seen; 0: none yet */
	uint8_t skipping;	 /* inside a line whose rest is skipped: enum lines_skip */
	uint8_t seen;		 /* a record of the service has been seen */
	struct date_memory date; /* which of day and month comes first, and what may tell it */
	uint8_t counted;	 /* the line before ended by an octet count */
	uint8_t reserved[6];	 /* zero */
};

/* Why a record gave no event, or that it did. */
enum reader_why {
	READER_MATCHED,
	READER_NO_RULE,		/* framed by the service, no rule matched */
	READER_RULE_LIMIT,	/* a pattern ran into its limit */
	READER_OTHER_SOURCE,	/* framed, but another program's */
	READER_OTHER_COMPONENT, /* a CMTrace or site-server line */
	READER_CONTINUATION,	/* no frame: continues the record before it */
	READER_WHYS,
};

const char *
reader_why_words(enum reader_why why);

/* One record, or one line of it. All spans are valid UTF-8 and borrow until the callback returns.
 */
struct record {
	uint64_t offset; /* of its first byte in the file, raw */
	uint64_t length; /* raw bytes, line end included; of a truncated line those of raw */
	struct envelope envelope;
	bool has_frame;
	struct frame frame;  /* where has_frame */
	int64_t time;	     /* the record's own, or TIME_NONE */
	const char *time_as; /* how the date was understood, or why not; borrowed, never NULL */
	enum event_kind event;
	size_t rule; /* index in the rules; where event is not EVENT_NONE or why is RULE_LIMIT */
	struct span cause; /* safe to pass on, a NUL behind it; empty for none */
	enum reader_why why;
	struct span text; /* the first line without its envelope, safe to pass on (text_sanitize);
			     a NUL behind it, or empty */
	struct span raw;  /* the line's raw bytes without the line end: what ids are made of */
	bool incomplete;  /* ended by the end of the file, not by a newline */
	bool truncated;	  /* longer than max_line: text is its beginning */
};

struct reader_counts {
	uint64_t lines;	  /* complete lines */
	uint64_t records; /* framed by the service; with READER_HITS those that were looked at, at
			     least one where the file holds one */
	uint64_t long_lines;
	uint64_t skipped_bytes; /* of long lines */
};

struct reader;

/* NULL with a sentence where the encoding or the time zone is unknown. Options' texts are copied.
 */
struct reader *
reader_new(const struct reader_options *options, struct err *err);
void
reader_free(struct reader *reader);

typedef void
reader_on_record(void *owner, const struct record *record);

/*
 * Reads `bytes`, which stand at raw offset `at` of the file and follow what was consumed before (at
 * 0: the beginning, where a BOM is looked for). Calls on_record in the order of the file. Returns
 * how many bytes were consumed; the caller presents the rest again with more behind it:
 *
 * - up to behind a newline, or inside a line over the limit. A call with more than max_line + 4
 *   bytes consumes some, but for the next two cases;
 * - NULs at the end are not consumed: room that was reserved and not yet written. A caller who
 *   finds other bytes behind a hole that is larger than its buffer goes on at the first of them;
 * - where a rule is matched against the whole record, a record to which lines may still come is
 *   not consumed, up to max_line bytes;
 * - of a file whose encoding is not known, nothing before the third byte that is not NUL.
 *
 * With `last` the rest is a line too, marked incomplete, and all is consumed; should the file go on
 * after all, the rest of that line is skipped. `received` is the time of reading, used to complete
 * dates without a year. counts (not NULL) are added to. What is reported and counted does not
 * depend on how the bytes were cut into calls.
 *
 * A record is its framed line and the lines without a frame behind it (of the same host, where
 * envelopes name one). Rules see its first line, those `against_record` all of it, joined by LF.
 */
size_t
reader_feed(struct reader *reader, struct reader_state *state, struct span bytes, uint64_t at,
	bool last, int64_t received, reader_on_record *on_record, void *owner,
	struct reader_counts *counts);

/* The name of the state's encoding ("utf-8", "utf-16le", …), "unknown" before the first byte. */
const char *
reader_encoding_name(const struct reader_state *state);

#endif
