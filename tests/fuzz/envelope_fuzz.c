/* Envelopes: syslog, JSON, what is set aside. Its text must stay text. */
#include "daemon/base/utf8.h"
#include "parsers/envelope.h"

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
	if (!utf8_is_valid(line))
		return 0;
	for (int format = 0; format < FORMATS; format++) {
		struct envelope envelope;
		struct envelope_question question = {
			.format = (enum envelope_format)format,
			.zone = zone,
			.received = INT64_C(1500000000000000),
		};
		envelope_parse(line, &question, &scratch, &envelope);
		if (!utf8_is_valid(envelope.message) || !utf8_is_valid(envelope.host) ||
			!utf8_is_valid(envelope.path))
			abort();
	}
	return 0;
}
