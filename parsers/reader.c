#include "parsers/reader.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/base/utf8.h"
#include "parsers/encoding.h"
#include "parsers/lines.h"
#include "parsers/scan.h"
#include "parsers/text.h"

#include <stdlib.h>

enum { TEXT_LIMIT = 64 * 1024 };

struct reader {
	enum envelope_format format;
	struct envelope_keys json; /* owned */
	size_t max_line;
	enum reader_look look;
	const struct rules *rules; /* may be NULL */
	size_t first_record_rule;  /* index of the first rule against the whole record */
	struct decoder *decoder;
	struct decoder *ahead_decoder; /* for lines that are looked at ahead of their turn */
	struct zone *zone;
	struct rules_scratch *scratch;
	struct envelope_scratch envelope, ahead_envelope;
	struct buf text, as, whole;
};

/* One call of reader_feed. */
struct feed {
	struct reader *reader;
	struct reader_state *state;
	struct lines lines;
	size_t hit, name;	    /* next_hit and next_name, as far as was looked */
	bool is_hit;		    /* else nothing stands before `hit` */
	size_t hit_from, hit_lines; /* line feeds from there to `hit` */
	int64_t received;
	reader_on_record *on_record;
	void *owner;
	uint64_t records;
};

static const char *const WHY[READER_WHYS] = {
	[READER_MATCHED] = "a rule matched",
	[READER_NO_RULE] = "the service's record, but no rule matches it",
	[READER_RULE_LIMIT] = "a pattern ran into its limit before it matched",
	[READER_OTHER_SOURCE] = "another program's record",
	[READER_OTHER_COMPONENT] = "another component's line",
	[READER_CONTINUATION] = "no frame: it continues the record before it",
};

const char *
reader_why_words(enum reader_why why)
{
	return WHY[why];
}

const char *
reader_encoding_name(const struct reader_state *state)
{
	return encoding_name(state->encoding);
}

static size_t
find_record_rule(const struct rules *rules)
{
	size_t i = 0;
	while (rules && i < rules_count(rules) && !rules_definition(rules, i)->against_record)
		i++;
	return i;
}

static struct envelope_names
copy_names(const struct envelope_names *names)
{
	char **item = mem_array(names->count, sizeof *item);
	for (size_t i = 0; i < names->count; i++)
		item[i] = mem_text(names->item[i]);
	return (struct envelope_names){(const char *const *)item, names->count};
}

static void
free_names(struct envelope_names *names)
{
	for (size_t i = 0; i < names->count; i++)
		free((char *)names->item[i]);
	free((void *)names->item);
}

struct reader *
reader_new(const struct reader_options *options, struct err *err)
{
	struct reader *reader = mem_new(sizeof *reader);
	reader->json.message = copy_names(&options->json.message);
	reader->json.host = copy_names(&options->json.host);
	reader->json.time = copy_names(&options->json.time);
	reader->max_line = options->max_line ? options->max_line : 1;
	reader->look = options->look;
	reader->rules = options->rules;
	reader->first_record_rule = find_record_rule(options->rules);
	reader->scratch = rules_scratch_new();
	if (!envelope_format_from_name(options->format, &reader->format)) {
		err_set(err, "no format is named %s (wanted auto, plain, syslog or json)",
			options->format);
		goto fail;
	}
	reader->decoder = decoder_new(options->encoding, err);
	reader->ahead_decoder = reader->decoder ? decoder_new(options->encoding, err) : NULL;
	reader->zone = reader->ahead_decoder ? zone_open(options->timezone, err) : NULL;
	if (reader->zone)
		return reader;
fail:
	reader_free(reader);
	return NULL;
}

void
reader_free(struct reader *reader)
{
	if (!reader)
		return;
	free_names(&reader->json.message);
	free_names(&reader->json.host);
	free_names(&reader->json.time);
	decoder_free(reader->decoder);
	decoder_free(reader->ahead_decoder);
	zone_free(reader->zone);
	rules_scratch_free(reader->scratch);
	envelope_scratch_fini(&reader->envelope);
	envelope_scratch_fini(&reader->ahead_envelope);
	buf_fini(&reader->text);
	buf_fini(&reader->as);
	buf_fini(&reader->whole);
	free(reader);
}

static struct span
first_line(struct span message)
{
	const char *end = message.n ? memchr(message.p, '\n', message.n) : NULL;
	struct span line = end ? span_first(message, (size_t)(end - message.p)) : message;
	while (line.n && line.p[line.n - 1] == '\r')
		line.n--;
	return line;
}

/* What a line is, apart from what its rules and its date say; its frame taken apart by `parse`. */
static void
look_at(const struct feed *feed, const struct line *line, struct decoder *decoder,
	struct envelope_scratch *scratch, bool (*parse)(struct span line, struct frame *frame),
	struct record *record)
{
	const struct reader *reader = feed->reader;
	struct envelope_question question = {
		.format = reader->format,
		.zone = reader->look == READER_LINES ? reader->zone : NULL,
		.received = feed->received,
		.json = reader->json,
	};
	struct span text = decoder_decode(decoder, feed->state->encoding, line->raw);
	*record = (struct record){
		.offset = line->offset,
		.length = line->length,
		.raw = line->raw,
		.time = TIME_NONE,
		.time_as = "no frame",
		.incomplete = line->incomplete,
		.truncated = line->truncated,
		.why = READER_CONTINUATION,
	};
	if (!envelope_parse(text, &question, scratch, &record->envelope))
		return;
	if (record->envelope.kind == ENVELOPE_CMTRACE ||
		record->envelope.kind == ENVELOPE_SITE_SERVER) {
		record->why = READER_OTHER_COMPONENT;
		return;
	}
	record->has_frame = parse(first_line(record->envelope.message), &record->frame);
	if (!record->has_frame)
		return;
	record->why = record->frame.is_service ? READER_NO_RULE : READER_OTHER_SOURCE;
	record->time_as = "another program's date";
}

/* The service's records tell; before the first, any line in an envelope. */
static void
remember_format(struct reader_state *state, const struct record *record, bool is_service)
{
	bool is_envelope =
		record->envelope.kind != ENVELOPE_PLAIN && record->why != READER_OTHER_COMPONENT;
	if (is_service || (is_envelope && !state->seen))
		state->format = (uint8_t)record->envelope.kind;
}

static void
read_date(struct feed *feed, struct record *record)
{
	struct reader *reader = feed->reader;
	struct frame *frame = &record->frame;
	struct span text = frame->date;
	buf_clear(&reader->as);
	if (text.n == 0)
		buf_add_text(&reader->as, "no date");
	else if (!frame->is_scanned &&
		 (!date_scan(text, &frame->when) || frame->when.length != text.n))
		buf_add_text(&reader->as, "a date that is not understood");
	else
		record->time =
			date_resolve(&frame->when, &feed->state->date, reader->zone, &reader->as);
	record->time_as = reader->as.p;
}

static bool
is_same_record(const struct record *first, const struct record *next)
{
	return span_equal(first->envelope.host, next->envelope.host);
}

/*
 * Collects the lines that continue a record, ahead of their turn. False where more of them may come
 * with bytes that are not there yet. The bound is in raw bytes from the record's beginning, so that
 * what is collected does not depend on what was presented.
 */
static bool
collect(const struct feed *feed, const struct record *first, struct buf *whole)
{
	struct reader *reader = feed->reader;
	struct lines ahead = feed->lines;
	uint64_t bound = first->offset + reader->max_line;
	struct line line;
	while (lines_next(&ahead, &line)) {
		struct record next;
		if (line.offset + line.length > bound || line.truncated)
			return true;
		look_at(feed, &line, reader->ahead_decoder, &reader->ahead_envelope,
			frame_parse_header, &next);
		if (!is_same_record(first, &next))
			continue;
		if (next.why != READER_CONTINUATION)
			return true;
		buf_add_byte(whole, '\n');
		buf_add_span(whole, next.envelope.message);
	}
	return ahead.last || ahead.at + ahead.bytes.n > bound;
}

/* Decides the event. False where the record is not whole yet and a rule needs it whole. */
static bool
apply_rules(struct feed *feed, const struct line *line, struct record *record)
{
	struct reader *reader = feed->reader;
	const struct rules *rules = reader->rules;
	struct rules_match match;
	struct span whole = record->envelope.message;
	enum rules_outcome outcome =
		rules_match(rules, reader->scratch, &record->frame, whole, &match);
	bool needs_whole = reader->first_record_rule < rules_count(rules) && !line->truncated &&
			   (outcome != RULES_MATCH || match.rule > reader->first_record_rule);
	if (needs_whole) {
		buf_clear(&reader->whole);
		buf_add_span(&reader->whole, whole);
		if (!collect(feed, record, &reader->whole))
			return false;
		whole = buf_span(&reader->whole);
		outcome = rules_match(rules, reader->scratch, &record->frame, whole, &match);
	}
	if (outcome == RULES_NONE)
		return true;
	record->why = outcome == RULES_MATCH ? READER_MATCHED : READER_RULE_LIMIT;
	record->rule = match.rule;
	record->cause = match.cause;
	if (outcome == RULES_MATCH)
		record->event = rules_definition(rules, match.rule)->event;
	return true;
}

static void
report(struct feed *feed, struct record *record)
{
	struct reader *reader = feed->reader;
	bool has_news = record->why == READER_MATCHED || record->why == READER_RULE_LIMIT;
	bool is_asked_for = reader->look == READER_LINES ||
			    (reader->look == READER_SERVICE && record->why == READER_NO_RULE);
	if (!has_news && !is_asked_for)
		return;
	buf_clear(&reader->text);
	text_sanitize(&reader->text, first_line(record->envelope.message), TEXT_LIMIT);
	record->text = buf_span(&reader->text);
	feed->on_record(feed->owner, record);
}

/* One line. False where it has to wait for those behind it. */
static bool
take(struct feed *feed, const struct line *line)
{
	struct reader *reader = feed->reader;
	struct record record;
	look_at(feed, line, reader->decoder, &reader->envelope, frame_parse, &record);
	bool is_service = record.why == READER_NO_RULE;
	if (is_service && reader->rules && !apply_rules(feed, line, &record))
		return false;
	remember_format(feed->state, &record, is_service);
	if (is_service) {
		feed->records++;
		feed->state->seen = 1;
		read_date(feed, &record);
	}
	report(feed, &record);
	return true;
}

/* As long as a date could be read both ways, records tell day and month apart: all of those at the
 * file's beginning, behind it the one across each border of so many bytes, so that a large file
 * that never tells is not taken apart line by line. */
enum { ASK_ALL_BEFORE = 256 * 1024, ASK_EACH = 64 * 1024 };

static bool
is_undecided(const struct reader_state *state)
{
	return state->date.order == DATE_ORDER_UNKNOWN && state->date.first;
}

static bool
is_asked(const struct line *line)
{
	return line->offset < ASK_ALL_BEFORE ||
	       line->offset / ASK_EACH < (line->offset + line->length - 1) / ASK_EACH;
}

/* Whether a record of the service in this line is worth a full look. */
static bool
is_curious(const struct reader_state *state, const struct line *line)
{
	return !state->seen || (is_undecided(state) && is_asked(line));
}

static bool
wants_all_names(const struct feed *feed)
{
	uint64_t offset = feed->lines.at + feed->lines.place;
	return feed->reader->look == READER_SERVICE || !feed->state->seen ||
	       (is_undecided(feed->state) && offset < ASK_ALL_BEFORE);
}

/* Where the next border lies, the bytes' end where it is not among them. */
static size_t
next_border(const struct lines *lines)
{
	uint64_t offset = lines->at + lines->place;
	uint64_t border = (offset / ASK_EACH + 1) * ASK_EACH - lines->at;
	return border < lines->bytes.n ? (size_t)border : lines->bytes.n;
}

/* Where a rule's literal stands next; at or behind `until` where none stands before that. */
static size_t
next_hit(struct feed *feed, size_t from, size_t until)
{
	if (feed->hit > from && (feed->is_hit || feed->hit >= until))
		return feed->hit;
	struct span bytes = span_first(feed->lines.bytes, until);
	feed->hit_from = from;
	feed->hit = rules_next_hit(feed->reader->rules, bytes, from, &feed->hit_lines);
	feed->is_hit = feed->hit < until;
	return feed->hit;
}

/* Where the service's name stands next. */
static size_t
next_name(struct feed *feed, size_t from)
{
	struct span bytes = feed->lines.bytes;
	if (feed->name > from)
		return feed->name;
	const char *name = span_find(span_from(bytes, from), SPAN(FRAME_SERVICE));
	feed->name = name ? (size_t)(name - bytes.p) : bytes.n;
	return feed->name;
}

/* To where a line that is worth a look begins: one that holds a literal of a rule, the service's
 * name, or a border. */
static void
pass_to_hit(struct feed *feed)
{
	struct lines *lines = &feed->lines;
	if (lines_may_be_counted(lines))
		return;
	size_t from = lines->place, until = lines->bytes.n;
	bool by_name = wants_all_names(feed);
	if (!by_name && is_undecided(feed->state))
		until = next_border(lines);
	size_t hit = next_hit(feed, from, until), other = by_name ? next_name(feed, from) : until;
	size_t stop = other < hit ? other : hit;
	bool is_counted = stop == hit && feed->hit_from == from;
	struct span passed = {lines->bytes.p + from, stop > from ? stop - from : 0};
	lines_pass(lines, stop, is_counted ? feed->hit_lines : scan_count_lines(passed));
}

static bool
may_pass(const struct feed *feed)
{
	const struct reader *reader = feed->reader;
	return reader->look != READER_LINES && reader->rules &&
	       !rules_has_record_rules(reader->rules) && feed->lines.unit == 1;
}

/* A record in which no rule can match. */
static void
take_name(struct feed *feed, const struct line *line)
{
	struct reader *reader = feed->reader;
	struct record record;
	look_at(feed, line, reader->decoder, &reader->envelope, frame_parse_header, &record);
	if (record.why != READER_NO_RULE)
		return;
	remember_format(feed->state, &record, true);
	feed->records++;
	record.text = (struct span){line->raw.p, 0};
	feed->on_record(feed->owner, &record);
}

/* Of what is kept of a long line only that counts, and of a line that ended by its count only what
 * is not behind it, in whatever call the rest came. */
static bool
counts_alone(const struct feed *feed, const struct line *line)
{
	return line->truncated || feed->lines.counted;
}

static bool
holds_literal(struct feed *feed, const struct line *line)
{
	size_t from = (size_t)(line->raw.p - feed->lines.bytes.p), end = from + line->raw.n, lines;
	if (counts_alone(feed, line))
		return rules_next_hit(feed->reader->rules, line->raw, 0, &lines) < line->raw.n;
	return next_hit(feed, from, end) < end;
}

static bool
holds_name(struct feed *feed, const struct line *line)
{
	size_t from = (size_t)(line->raw.p - feed->lines.bytes.p);
	if (counts_alone(feed, line))
		return span_find(line->raw, SPAN(FRAME_SERVICE));
	return next_name(feed, from) < from + line->raw.n;
}

/* Most dates of a file's beginning are of one day: of the same day again nothing is learned. A line
 * that names the service twice is looked at. */
static bool
repeats_date(struct feed *feed, const struct line *line)
{
	size_t from = (size_t)(line->raw.p - feed->lines.bytes.p), end = from + line->raw.n;
	struct frame frame;
	if (!feed->state->seen || counts_alone(feed, line))
		return false;
	size_t name = next_name(feed, from);
	return frame_parse_header(span_from(line->raw, name - from), &frame) &&
	       date_is_last(frame.body, &feed->state->date) && next_name(feed, name + 1) >= end;
}

/* The question of pass_to_hit, of one line: one that was not passed need not be worth a look. False
 * where the line has to wait for those behind it. */
static bool
take_hit(struct feed *feed, const struct line *line)
{
	if (holds_literal(feed, line))
		return take(feed, line);
	bool curious = is_curious(feed->state, line);
	if (!(curious || feed->reader->look == READER_SERVICE) || !holds_name(feed, line))
		return true;
	if (curious && !repeats_date(feed, line))
		return take(feed, line);
	if (feed->reader->look == READER_SERVICE)
		take_name(feed, line);
	return true;
}

static void
run(struct feed *feed)
{
	bool is_fast = may_pass(feed);
	for (;;) {
		if (is_fast && !feed->lines.skipping)
			pass_to_hit(feed);
		struct lines before = feed->lines;
		struct line line;
		if (!lines_next(&feed->lines, &line))
			return;
		if (!(is_fast ? take_hit : take)(feed, &line)) {
			feed->lines = before;
			return;
		}
	}
}

/* False where more bytes are needed to tell the encoding. */
static bool
decide_encoding(const struct reader *reader, struct reader_state *state, struct span bytes,
	uint64_t at, bool last)
{
	enum encoding forced = decoder_forced(reader->decoder);
	if (forced)
		state->encoding = (uint8_t)forced;
	else if (state->encoding == ENCODING_UNKNOWN || state->encoding >= ENCODING_CODE_PAGES)
		state->encoding = (uint8_t)encoding_detect(bytes, at, last);
	return state->encoding != ENCODING_UNKNOWN;
}

size_t
reader_feed(struct reader *reader, struct reader_state *state, struct span bytes, uint64_t at,
	bool last, int64_t received, reader_on_record *on_record, void *owner,
	struct reader_counts *counts)
{
	if (bytes.n == 0 || !decide_encoding(reader, state, bytes, at, last))
		return last ? bytes.n : 0;
	struct feed feed = {
		.reader = reader,
		.state = state,
		.lines =
			{
				.bytes = bytes,
				.at = at,
				.limit = reader->max_line,
				.unit = encoding_unit(state->encoding),
				.big_endian = state->encoding == ENCODING_UTF16BE ||
					      state->encoding == ENCODING_UTF32BE,
				.last = last,
				.skipping = (enum lines_skip)state->skipping,
				.counted = state->counted,
			},
		.received = received,
		.on_record = on_record,
		.owner = owner,
	};
	lines_start(&feed.lines);
	run(&feed);
	state->skipping = (uint8_t)feed.lines.skipping;
	state->counted = feed.lines.counted;
	counts->lines += feed.lines.complete;
	counts->records += feed.records;
	counts->long_lines += feed.lines.too_long;
	counts->skipped_bytes += feed.lines.skipped_bytes;
	return last ? bytes.n : feed.lines.place;
}
