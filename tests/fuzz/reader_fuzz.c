/* The reader: encodings, lines, envelopes, records. The first byte picks the options, the second
 * where the rest is cut; however it is cut, the same must come out. */
#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "parsers/reader.h"

#include <stdlib.h>

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n);

static const struct rule_definition RULES[] = {
	{.name = "page",
		.event = EVENT_SYNC_FAILED,
		.pattern = "Exception attempting sync(?s:.)*<title>(?<t>[^<]*)",
		.contains = "<title>",
		.cause = "$t",
		.against_record = true},
	{.name = "forbidden",
		.event = EVENT_SYNC_FORBIDDEN,
		.pattern = "Exception attempting sync.*403"},
};

static const char *const ENCODINGS[] = {
	"auto", "utf-8", "utf-16le", "utf-16be", "windows-1252", "shift_jis", "utf-32be", "auto"};

static struct rules *rule_sets[2];

struct reading {
	struct buf seen;
	struct reader_state state;
	struct reader_counts counts;
};

static void
must_be_text(struct span s)
{
	if (!utf8_is_valid(s))
		abort();
}

static void
on_record(void *owner, const struct record *record)
{
	struct reading *reading = owner;
	struct hash128 raw = hash128(record->raw.p, record->raw.n);
	must_be_text(record->text);
	must_be_text(record->cause);
	must_be_text(record->envelope.host);
	must_be_text(record->envelope.path);
	must_be_text(record->envelope.message);
	buf_add(&reading->seen, &raw, sizeof raw);
	buf_format(&reading->seen, "%llu %llu %d %d %d %d %lld %s %.*s|%.*s\n",
		(unsigned long long)record->offset, (unsigned long long)record->length,
		(int)record->event, (int)record->why, record->incomplete, record->truncated,
		(long long)record->time, record->time_as, (int)record->text.n, record->text.p,
		(int)record->cause.n, record->cause.p);
}

static struct reader *
make_reader(uint8_t choice)
{
	struct err err = ERR_INIT;
	size_t failed;
	for (size_t i = 0; i < 2 && !rule_sets[i]; i++) {
		rule_sets[i] = rules_new(RULES + i, 2 - i, &failed, &err);
		if (!rule_sets[i])
			abort();
	}
	struct reader_options options = {
		.encoding = ENCODINGS[choice & 7],
		.format = "auto",
		.timezone = "UTC",
		.max_line = choice & 8 ? 40 : 4096,
		.rules = rule_sets[choice >> 4 & 1],
		.look = choice & 32   ? READER_LINES
			: choice & 64 ? READER_SERVICE
				      : READER_HITS,
	};
	return reader_new(&options, &err);
}

/* The bytes up to `until`, a copy of their own. */
static void
feed(struct reader *reader, struct reading *reading, struct span bytes, size_t *consumed,
	size_t until, bool last)
{
	struct span part = {bytes.p + *consumed, until - *consumed};
	char *copy = malloc(part.n ? part.n : 1);
	if (part.n)
		memcpy(copy, part.p, part.n);
	part.p = copy;
	size_t taken = reader_feed(reader, &reading->state, part, *consumed, last,
		INT64_C(1500000000000000), on_record, reading, &reading->counts);
	if (taken > part.n || (last && taken != part.n))
		abort();
	*consumed += taken;
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *bytes, size_t n)
{
	if (n < 2)
		return 0;
	struct reader *reader = make_reader(bytes[0]);
	struct span rest = {(const char *)bytes + 2, n - 2};
	struct reading whole = {0}, parts = {0};
	size_t consumed = 0;
	feed(reader, &whole, rest, &consumed, rest.n, false);
	feed(reader, &whole, rest, &consumed, rest.n, true);
	consumed = 0;
	for (size_t step = bytes[1] + 1u, until = step; until < rest.n; until += step)
		feed(reader, &parts, rest, &consumed, until, false);
	feed(reader, &parts, rest, &consumed, rest.n, false);
	feed(reader, &parts, rest, &consumed, rest.n, true);
	if (!span_equal(buf_span(&whole.seen), buf_span(&parts.seen)) ||
		memcmp(&whole.counts, &parts.counts, sizeof whole.counts) != 0 ||
		memcmp(&whole.state, &parts.state, sizeof whole.state) != 0)
		abort();
	buf_fini(&whole.seen);
	buf_fini(&parts.seen);
	reader_free(reader);
	return 0;
}
