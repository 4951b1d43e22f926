/* JSON and Fluent Bit's stdout form. */
#include "daemon/base/utf8.h"
#include "parsers/json.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	static struct envelope_scratch scratch;
	static struct zone *zone;
	struct err err = ERR_INIT;
	if (!zone)
		zone = zone_open("UTC", &err);
	struct span line = {(const char *)bytes, n};
	static const char *const KEYS[] = {"a.b", "_raw"};
	const struct envelope_names asked = {KEYS, 2};
	struct envelope_question question = {.zone = zone, .json = {asked, asked, asked}};
	struct envelope envelope = {0};
	if (!utf8_is_valid(line))
		return 0;
	if (json_parse(line, &question, &scratch, &envelope) && !utf8_is_valid(envelope.message))
		abort();
	if (json_parse_fluentbit(line, &question, &scratch, &envelope) &&
		!utf8_is_valid(envelope.message))
		abort();
	return 0;
}
