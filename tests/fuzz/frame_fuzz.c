/* Frames, dates and zones: spans stay inside the line, times inside the calendar. */
#include "daemon/base/clock.h"
#include "parsers/date.h"
#include "parsers/frame.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static void
must_be_inside(struct span part, struct span whole)
{
	if (part.n && (part.p < whole.p || part.p + part.n > whole.p + whole.n))
		abort();
}

/* The date that is handed on is the one that would be read from its text alone. */
static void
must_be_what_stands_there(const struct frame *frame, const struct zone *zone)
{
	struct date alone;
	struct date_memory memory = {0}, again = {0};
	struct buf as = BUF_INIT, as_again = BUF_INIT;
	if (!date_scan(frame->date, &alone) || alone.length != frame->date.n)
		abort();
	if (date_resolve(&frame->when, &memory, zone, &as) !=
			date_resolve(&alone, &again, zone, &as_again) ||
		!span_equal(buf_span(&as), buf_span(&as_again)) ||
		memcmp(&memory, &again, sizeof memory) != 0)
		abort();
	buf_fini(&as);
	buf_fini(&as_again);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	struct span line = {(const char *)bytes, n};
	struct frame frame;
	struct date date;
	struct date_memory memory = {0};
	struct buf as = BUF_INIT;
	struct zone *zone = zone_parse(line);
	struct err err = ERR_INIT;
	if (!zone)
		zone = zone_open("UTC", &err);
	if (frame_parse(line, &frame)) {
		if (frame.is_scanned)
			must_be_what_stands_there(&frame, zone);
		must_be_inside(frame.source, line);
		must_be_inside(frame.date, line);
		must_be_inside(frame.message, line);
	}
	for (size_t i = 0; i < n && i < 8; i++) {
		char text[TIME_TEXT];
		if (!date_scan(span_from(line, i), &date))
			continue;
		if (date.length > n - i)
			abort();
		time_format(date_resolve(&date, &memory, zone, &as), text);
		date_resolve_near(&date, zone, 0);
	}
	zone_free(zone);
	buf_fini(&as);
	return 0;
}
