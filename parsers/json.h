#ifndef AIWATCH_PARSERS_JSON_H
#define AIWATCH_PARSERS_JSON_H

#include "parsers/envelope.h"

/* A JSON object on one line, as NXLog, Filebeat, Fluent Bit and others write it; false where the
 * line is none. An object without a known key for its text has an empty message. */
bool
json_parse(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope);

/* `[0] TAG: [TIME, {"log"=>"…"}]`: MessagePack as Fluent Bit prints it. */
bool
json_parse_fluentbit(struct span line, const struct envelope_question *question,
	struct envelope_scratch *scratch, struct envelope *envelope);

#endif
