#include "daemon/scan.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"
#include "daemon/base/read_ahead.h"
#include "daemon/engine/outcome.h"
#include "daemon/input/site_name.h"
#include "daemon/source.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <sys/stat.h>

enum { BLOCK = 256 * 1024 };

/* From that size on a thread that reads ahead is worth its start; its blocks are larger, as handing
 * one over costs. */
static const off_t AHEAD_FROM = 8 << 20;
enum { AHEAD_BLOCK = 2 * BLOCK };

/* Of a site's incidents that many are kept, and so many of the last can change. */
enum { INCIDENTS_MAX = 1000, INCIDENTS_SLACK = 200, TROUBLES_OPEN = 4 };

/* What came of the lines is put into the histories when so much of it waits: the next lines often
 * tell of the same incidents, and then replace them where they wait. */
enum { OUTCOME_MOST = 500 };

/* The file that is read now, as the reader's callback sees it. */
struct reading {
	struct scan *scan;
	const struct scan_file *file;
	struct scan_result *result;
	const struct config_input *input;
	struct glob_captures captures;
	char *site;		   /* where the name does not depend on the envelope; else NULL */
	struct scan_site *of_host; /* the last host's; NULL before the first */
	struct buf host, name;
	bool seen;   /* a record of the service */
	bool glance; /* look only for that, and for the names of sites */
	struct outcome outcome;
};

static struct scan_site *
site_called(struct scan *scan, const char *name)
{
	struct scan_site *site;
	HASH_FIND_STR(scan->sites, name, site);
	if (site)
		return site;
	site = mem_new(sizeof *site);
	site->name = mem_text(name);
	site->since = TIME_NONE;
	HASH_ADD_KEYPTR(hh, scan->sites, site->name, strlen(site->name), site);
	return site;
}

/* Makes room where a site's history grows without end: the oldest go, and are counted. */
static void
forget_oldest(struct scan_site *site)
{
	if (site->incident_count < INCIDENTS_MAX + INCIDENTS_SLACK)
		return;
	for (size_t i = 0; i < INCIDENTS_SLACK; i++)
		incident_fini(&site->incident[i]);
	site->incident_count -= INCIDENTS_SLACK;
	site->left_out += INCIDENTS_SLACK;
	memmove(site->incident, site->incident + INCIDENTS_SLACK,
		site->incident_count * sizeof *site->incident);
}

/* Takes it over. One that is there already is replaced: it has changed. Only the last of a site
 * still change. */
static void
note_incident(struct scan_site *site, struct incident *incident)
{
	size_t i = site->incident_count, from = i > TROUBLES_OPEN ? i - TROUBLES_OPEN : 0;
	while (i > from && strcmp(site->incident[i - 1].id, incident->id) != 0)
		i--;
	if (i > from) {
		incident_fini(&site->incident[--i]);
	} else {
		forget_oldest(site);
		i = site->incident_count++;
		site->incident =
			mem_grow(site->incident, site->incident_count, sizeof *site->incident);
	}
	site->incident[i] = *incident;
	*incident = (struct incident){0};
}

static void
take_outcome(struct scan *scan, struct outcome *outcome)
{
	for (size_t i = 0; i < outcome->incident_count; i++) {
		struct incident *incident = &outcome->incidents[i];
		note_incident(site_called(scan, incident->site), incident);
	}
	outcome_fini(outcome);
}

static bool
is_full(const struct outcome *outcome)
{
	return outcome->incident_count + outcome->site_count + outcome->transition_count +
		       outcome->alert_count >
	       OUTCOME_MOST;
}

static void
correlate_record(struct reading *reading, const char *site, const struct record *record)
{
	struct scan *scan = reading->scan;
	const struct rule_definition *rule = rules_definition(scan->rules, record->rule);
	struct hash128 digest = hash128(record->raw.p, record->raw.n);
	struct sighting sighting = {
		.site = site,
		.event = record->event,
		.time = record->time,
		.read_at = scan->now,
		.file = reading->file->path,
		.offset = record->offset,
		.text = record->text.n ? record->text.p : "",
		.cause = record->cause.n ? record->cause.p : NULL,
		.advice = rule->advice,
		.backlog = true,
	};
	memcpy(sighting.digest, digest.byte, sizeof sighting.digest);
	correlate_sighting(scan->correlate, &sighting, &reading->outcome);
}

/* Often the next line is of the same host. */
static struct scan_site *
site_of(struct reading *reading, struct span host)
{
	if (reading->site)
		return site_called(reading->scan, reading->site);
	if (reading->of_host && span_equal(host, buf_span(&reading->host)))
		return reading->of_host;
	site_name_write(reading->input->site, host, reading->file->absolute, &reading->captures,
		&reading->name);
	reading->of_host = site_called(reading->scan, reading->name.p);
	buf_clear(&reading->host);
	buf_add_span(&reading->host, host);
	return reading->of_host;
}

static void
on_record(void *owner, const struct record *record)
{
	struct reading *reading = owner;
	if (!record->has_frame || !record->frame.is_service)
		return;
	reading->seen = true;
	struct scan_site *site = site_of(reading, record->envelope.host);
	if (record->event != EVENT_NONE && !reading->glance)
		correlate_record(reading, site->name, record);
}

/* Which input's file is this? Its captures come with it; the defaults serve any other file. */
static struct scan_input *
input_for(struct scan *scan, const char *absolute, struct glob_captures *captures)
{
	*captures = (struct glob_captures){0};
	for (size_t i = 0; i < scan->input_count; i++) {
		struct scan_input *input = &scan->input[i];
		for (size_t k = 0; k < input->glob_count; k++) {
			if (glob_match(input->glob[k], absolute, captures))
				return input;
		}
		if (scan->input_named)
			break;
	}
	*captures = (struct glob_captures){0};
	return &scan->input[scan->input_named ? 0 : scan->input_count - 1];
}

/* A source block by block; in front of each there are `slack` bytes of room. */
struct blocks {
	struct source *source;
	struct read_ahead *ahead; /* of a large plain file, else NULL */
	char *room;		  /* where ahead is NULL */
	size_t slack;
};

static void
blocks_init(struct blocks *blocks, struct source *source, size_t slack)
{
	struct stat status;
	*blocks = (struct blocks){.source = source, .slack = slack};
	if (!source->archive && fstat(source->fd, &status) == 0 && S_ISREG(status.st_mode) &&
		status.st_size >= AHEAD_FROM)
		blocks->ahead = read_ahead_start(&(struct read_ahead_setup){
			.fd = source->fd,
			.block = AHEAD_BLOCK,
			.blocks = 4,
			.slack = slack,
		});
	if (!blocks->ahead)
		blocks->room = mem_array(slack + BLOCK, 1);
}

static void
blocks_fini(struct blocks *blocks)
{
	read_ahead_stop(blocks->ahead);
	free(blocks->room);
}

/* As source_read; what it gives lasts until the next call. */
static ssize_t
next_block(struct blocks *blocks, char **bytes, struct err *err)
{
	*bytes = blocks->room ? blocks->room + blocks->slack : NULL;
	if (!blocks->ahead)
		return source_read(blocks->source, *bytes, BLOCK, err);
	ssize_t got = read_ahead_next(blocks->ahead, bytes);
	if (got < 0)
		err_system(err, errno, "cannot read on at byte %" PRIu64, blocks->source->done);
	else
		blocks->source->done += (uint64_t)got;
	return got;
}

/* Feeds the reader block by block; what it leaves stands in front of the next. What would not fit
 * there, NULs in truth, is taken for the end. */
static bool
read_source(struct reading *reading, struct reader *reader, struct source *source, uint64_t before,
	struct err *err)
{
	struct scan *scan = reading->scan;
	struct blocks blocks;
	struct reader_state state = {0};
	struct reader_counts counts = {0};
	struct buf rest = BUF_INIT;
	uint64_t at = 0;
	ssize_t got;
	blocks_init(&blocks, source, 4 * reading->input->max_line);
	do {
		char *bytes;
		got = next_block(&blocks, &bytes, err);
		size_t n = rest.n + (got > 0 ? (size_t)got : 0);
		bytes -= rest.n;
		if (rest.n)
			memcpy(bytes, rest.p, rest.n);
		size_t used = reader_feed(reader, &state, (struct span){bytes, n}, at, got <= 0,
			scan->now, on_record, reading, &counts);
		if (n - used > blocks.slack)
			used += reader_feed(reader, &state, (struct span){bytes + used, n - used},
				at + used, true, scan->now, on_record, reading, &counts);
		at += used;
		buf_clear(&rest);
		buf_add(&rest, bytes + used, n - used);
		if (is_full(&reading->outcome))
			take_outcome(scan, &reading->outcome);
		if (scan->progress)
			scan->progress(
				scan->progress_owner, before + source->done, scan->files.bytes);
	} while (got > 0 && !(reading->glance && reading->seen && reading->site));
	buf_fini(&rest);
	blocks_fini(&blocks);
	if (!reading->glance)
		*reading->result = (struct scan_result){at, counts.lines, counts.records,
			reader_encoding_name(&state), envelope_name(state.format)};
	return got >= 0;
}

static bool
read_once(struct reading *reading, struct reader *reader, uint64_t before, struct err *err)
{
	struct source source;
	bool ok = source_open(&source, reading->file->path, err) &&
		  read_source(reading, reader, &source, before, err);
	source_close(&source);
	return ok;
}

/*
 * Where no record made itself known by a rule's literal a second look tells a healthy site's file
 * from one that is no log of the service.
 */
static bool
read_twice(
	struct reading *reading, const struct scan_input *input, uint64_t before, struct err *err)
{
	bool every = reading->scan->every;
	if (!read_once(reading, every ? input->every_reader : input->reader, before, err))
		return false;
	reading->glance = true;
	return every || reading->seen || read_once(reading, input->every_reader, before, err);
}

static void
read_file(struct scan *scan, size_t i, uint64_t before)
{
	struct scan_file *file = &scan->files.file[i];
	struct err err = ERR_INIT;
	struct reading reading = {.scan = scan, .file = file, .result = &scan->result[i]};
	struct scan_input *input = input_for(scan, file->absolute, &reading.captures);
	reading.input = input->config;
	if (!site_template_has_host(input->config->site))
		reading.site = site_name(input->config->site, (struct span){NULL, 0},
			file->absolute, &reading.captures);
	if (!read_twice(&reading, input, before, &err))
		file->error = mem_text(err.text);
	correlate_backlog_end(scan->correlate, file->path, scan->now, &reading.outcome);
	take_outcome(scan, &reading.outcome);
	buf_fini(&reading.host);
	buf_fini(&reading.name);
	free(reading.site);
}

static void
note_view(void *owner, const struct site_view *view)
{
	struct scan *scan = owner;
	struct scan_site *site = site_called(scan, view->name);
	site->state = view->state;
	site->since = view->since;
	site->occurrences = view->occurrences;
	site->cause = mem_text(view->cause);
	if (!view->trouble)
		return;
	incident_copy(view->trouble, &site->trouble);
	struct alert alert = {.firing = true,
		.kind = view->trouble->kind,
		.site = (char *)view->name,
		.state = view->state,
		.cause = (char *)view->cause};
	alert_write_texts(&alert, view->advice);
	site->advice = alert.advice;
	free(alert.summary);
}

/* What has no date of its own has the time of this scan, which says nothing of when it was. */
static void
forget_reading_times(struct scan *scan)
{
	for (struct scan_site *site = scan->sites; site; site = site->hh.next) {
		if (site->since == scan->now)
			site->since = TIME_NONE;
		if (site->trouble.started_at == scan->now)
			site->trouble.started_at = TIME_NONE;
		for (size_t i = 0; i < site->incident_count; i++) {
			if (site->incident[i].started_at == scan->now)
				site->incident[i].started_at = TIME_NONE;
		}
	}
}

static bool
is_asked_for(const struct scan *scan, const char *site)
{
	for (const char *const *only = scan->only; *only; only++) {
		if (span_equal_nocase(span_of(*only), span_of(site)))
			return true;
	}
	return false;
}

/* --site names the one site that files without a name of their own are of, or chooses some. */
static void
keep_what_is_asked_for(struct scan *scan)
{
	struct scan_site *site, *next;
	bool found = false;
	for (site = scan->sites; site; site = site->hh.next)
		found = found || is_asked_for(scan, site->name);
	if (!found && !scan->only[1] && HASH_COUNT(scan->sites) == 1) {
		site = scan->sites;
		HASH_DEL(scan->sites, site);
		free(site->name);
		site->name = mem_text(scan->only[0]);
		HASH_ADD_KEYPTR(hh, scan->sites, site->name, strlen(site->name), site);
		return;
	}
	HASH_ITER (hh, scan->sites, site, next) {
		if (is_asked_for(scan, site->name))
			continue;
		HASH_DEL(scan->sites, site);
		scan_site_free(site);
	}
}

/* With the last byte read every window is over: nothing more can come. */
void
scan_read(struct scan *scan)
{
	struct outcome outcome = OUTCOME_INIT;
	uint64_t before = 0;
	scan_files_order(&scan->files);
	scan->result = mem_array(scan->files.count, sizeof *scan->result);
	for (size_t i = 0; i < scan->files.count; i++) {
		scan->result[i] = (struct scan_result){.encoding = "unknown", .format = "unknown"};
		if (!scan->files.file[i].error)
			read_file(scan, i, before);
		before += scan->files.file[i].size;
	}
	correlate_tick(scan->correlate, scan->now + scan->config->correlation.window, &outcome);
	take_outcome(scan, &outcome);
	correlate_each(scan->correlate, note_view, scan);
	forget_reading_times(scan);
	if (scan->only)
		keep_what_is_asked_for(scan);
}
