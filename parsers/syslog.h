#ifndef AIWATCH_PARSERS_SYSLOG_H
#define AIWATCH_PARSERS_SYSLOG_H

#include "parsers/envelope.h"

/*
 * Each takes a line apart that is in its form, and says whether it is. RFC 3164 (with or without
 * PRI and year) and RFC 3339-stamped lines: header, host, tag. The service's name holds blanks and
 * may stand in the tag's place: where its frame stands behind the time, the host or a tag, it is
 * the message.
 */
bool
syslog_parse_bsd(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope);
bool
syslog_parse_ietf(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope);

#endif
