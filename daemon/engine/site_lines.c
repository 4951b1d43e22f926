#include "daemon/engine/site_parts.h"

#include "daemon/base/mem.h"
#include "daemon/engine/outcome.h"

#include <stdlib.h>
#include <string.h>

/*
 * Lines and attempts: which lines belong together, what a line means beside those that are kept,
 * and the count of attempts.
 */
/*
 * Do the kept line and the new one belong to one attempt? By their own times, else by those of
 * reading, else, in a backlog, by nothing but that no other sync line lies between.
 */
static bool
is_one_attempt(const struct attempts *attempts, const struct line *kept, const struct line *line,
	int64_t window)
{
	if (!kept)
		return false;
	const struct evidence *a = &kept->evidence, *b = &line->evidence;
	if (a->time != TIME_NONE && b->time != TIME_NONE)
		return llabs(a->time - b->time) <= window;
	if (kept->backlog && line->backlog)
		return kept->syncs == attempts->syncs;
	return llabs(a->read_at - b->read_at) <= window;
}

static char *
bounded_text(const char *text, size_t limit)
{
	static const char ELLIPSIS[] = "\xe2\x80\xa6";
	size_t n = text ? strlen(text) : 0;
	if (n <= limit)
		return mem_text(text);
	n = limit - strlen(ELLIPSIS);
	while (n && ((unsigned char)text[n] & 0xc0) == 0x80)
		n--;
	return mem_format("%.*s%s", (int)n, text, ELLIPSIS);
}

static struct line *
line_new(const struct sighting *sighting)
{
	const char *text = sighting->text ? sighting->text : "";
	char *cut = strlen(text) > EVIDENCE_TEXT_MAX ? bounded_text(text, EVIDENCE_TEXT_MAX) : NULL;
	struct line *line = mem_new(sizeof *line);
	*line = (struct line){
		.references = 1,
		.backlog = sighting->backlog,
		.evidence = {.event = sighting->event,
			.time = sighting->time,
			.read_at = sighting->read_at,
			.offset = sighting->offset},
	};
	memcpy(line->evidence.digest, sighting->digest, sizeof sighting->digest);
	evidence_set_texts(&line->evidence, sighting->file, cut ? cut : text);
	free(cut);
	return line;
}

/* Adds a copy to the evidence; until it is open the trouble begins with its earliest line. */
static void
testify(struct trouble *trouble, const struct evidence *evidence)
{
	struct incident *incident = &trouble->incident;
	struct evidence copy;
	int64_t when = evidence_when(evidence);
	if (!incident->evidence_count || (!trouble_is_open(trouble) && when < incident->started_at))
		incident->started_at = when;
	evidence_copy(evidence, &copy);
	size_t room = incident->evidence_count + (incident->evidence_count < EVIDENCE_MAX);
	evidence_add(incident_evidence(incident, room), &incident->evidence_count, &copy);
}

/* An attempt turns out to be of another kind of trouble. */
static void
uncount(struct site *site, enum alert_kind kind)
{
	struct trouble *trouble = site->attempts->trouble[kind];
	bool open = trouble_is_open(trouble);
	if (!trouble)
		return;
	if (trouble->incident.occurrences > (open ? 1 : 0))
		trouble->incident.occurrences--;
	if (trouble->incident.occurrences == 0)
		site_forget(site, kind);
}

/*
 * What a failing line is taken for. `pair` is the other line of an expired certificate's two,
 * `partner` the line whose attempt this one completes; each NULL for none.
 */
struct reading {
	enum site_input input;
	enum alert_kind kind;
	struct line *pair;
	struct line *partner;
};

/* Counts the attempt, once, and lets its lines testify. */
static void
count(struct site *site, const struct line *line, const struct reading *reading)
{
	struct trouble *trouble = attempts_trouble(site->attempts, reading->kind);
	struct line *partner = reading->partner;
	bool moves = partner && partner->kind != reading->kind;
	if (moves)
		uncount(site, partner->kind);
	if (!partner || moves || !trouble->incident.occurrences)
		trouble->incident.occurrences++;
	if (reading->pair && site->state != SITE_EXPIRED)
		testify(trouble, &reading->pair->evidence);
	else if (moves)
		testify(trouble, &partner->evidence);
	testify(trouble, &line->evidence);
	if (partner)
		partner->kind = reading->kind;
}

static bool
is_forbidden(enum event_kind event)
{
	return event == EVENT_SYNC_FORBIDDEN || event == EVENT_CERTIFICATE_REPORTED;
}

static struct reading
read_enroll(const struct turn *turn, const struct line *line)
{
	struct attempts *attempts = turn->site->attempts;
	int64_t window = turn->options->window;
	struct reading reading = {0};
	if (is_one_attempt(attempts, attempts->sync, line, window) && !attempts->sync->taken)
		reading.partner = attempts->sync;
	bool forbidden = reading.partner && is_forbidden(attempts->sync->evidence.event);
	if (line->evidence.event == EVENT_ENROLL_FAILED) {
		reading.input = INPUT_ENROLL_FAILED;
		reading.kind = forbidden ? ALERT_CERTIFICATE_SUSPECT : ALERT_SYNC_FAILING;
		return reading;
	}
	if (is_one_attempt(attempts, attempts->forbidden, line, window))
		reading.pair = attempts->forbidden;
	reading.kind = reading.pair	 ? ALERT_CERTIFICATE_EXPIRED
		       : reading.partner ? ALERT_SYNC_FAILING
					 : ALERT_CERTIFICATE_SUSPECT;
	reading.input = reading.pair	  ? INPUT_ENROLL_REJECTED_PAIR
			: reading.partner ? INPUT_ENROLL_REJECTED_LATE
					  : INPUT_ENROLL_REJECTED;
	return reading;
}

static struct reading
read_sync(const struct turn *turn, const struct line *line)
{
	struct attempts *attempts = turn->site->attempts;
	int64_t window = turn->options->window;
	struct reading reading = {.input = INPUT_SYNC_FAILED, .kind = ALERT_SYNC_FAILING};
	if (is_one_attempt(attempts, attempts->enroll, line, window) && !attempts->enroll->taken)
		reading.partner = attempts->enroll;
	if (!is_forbidden(line->evidence.event))
		return reading;
	if (is_one_attempt(attempts, attempts->rejected, line, window))
		reading.pair = attempts->rejected;
	reading.kind = reading.pair ? ALERT_CERTIFICATE_EXPIRED : ALERT_CERTIFICATE_SUSPECT;
	if (line->evidence.event == EVENT_SYNC_FORBIDDEN)
		reading.input = reading.pair ? INPUT_SYNC_FORBIDDEN_PAIR : INPUT_SYNC_FORBIDDEN;
	else
		reading.input = reading.pair ? INPUT_REPORTED_BAD_PAIR : INPUT_REPORTED_BAD;
	return reading;
}

/* The console's word for an attempt whose lines may stand beside it. */
static struct reading
read_report(const struct turn *turn, const struct line *line)
{
	struct attempts *attempts = turn->site->attempts;
	int64_t window = turn->options->window;
	struct reading reading = {
		.input = INPUT_REPORTED_EXPIRED, .kind = ALERT_CERTIFICATE_EXPIRED};
	if (is_one_attempt(attempts, attempts->sync, line, window))
		reading.partner = attempts->sync;
	else if (is_one_attempt(attempts, attempts->enroll, line, window))
		reading.partner = attempts->enroll;
	return reading;
}

static bool
says_bad_certificate(const struct sighting *sighting)
{
	const char *words = sighting->cause ? sighting->cause : sighting->text;
	return words && strcasestr(words, "bad certificate");
}

static struct reading
read_line(const struct turn *turn, const struct line *line, bool is_report)
{
	switch (line->evidence.event) {
	case EVENT_ENROLL_REJECTED:
	case EVENT_ENROLL_FAILED:
		return read_enroll(turn, line);
	default:
		return is_report ? read_report(turn, line) : read_sync(turn, line);
	}
}

/* Keeps the line for those that may come; a report of expiry is no line of an attempt. */
static void
keep(struct attempts *attempts, struct line *line, const struct reading *reading)
{
	bool is_enroll = line->evidence.event == EVENT_ENROLL_REJECTED ||
			 line->evidence.event == EVENT_ENROLL_FAILED;
	line->kind = reading->kind;
	if (reading->partner)
		reading->partner->taken = line->taken = true;
	if (!is_enroll)
		attempts->syncs++;
	line->syncs = attempts->syncs;
	if (line->evidence.event == EVENT_ENROLL_REJECTED)
		line_put(&attempts->rejected, line);
	if (is_forbidden(line->evidence.event))
		line_put(&attempts->forbidden, line);
	line_put(is_enroll ? &attempts->enroll : &attempts->sync, line);
}

void
site_replace_text(char **text, char *with)
{
	free(*text);
	*text = with;
}

/* Another cause's name and advice are no word for the trouble of a certificate. */
static void
note_cause(struct trouble *trouble, enum alert_kind kind, const struct sighting *sighting)
{
	bool other = sighting->event == EVENT_ENROLL_FAILED || sighting->event == EVENT_SYNC_FAILED;
	if (other != (kind == ALERT_SYNC_FAILING))
		return;
	if (sighting->cause)
		site_replace_text(
			&trouble->incident.cause, bounded_text(sighting->cause, CAUSE_TEXT_MAX));
	if (!sighting->cause && !sighting->advice)
		return;
	site_replace_text(&trouble->advice, mem_text(sighting->advice));
	trouble->lacks_advice = false;
}

static void
wait_for_sync(struct attempts *attempts, const struct line *line)
{
	attempts->waiting_time = line->evidence.time;
	attempts->waiting_read_at = line->evidence.read_at;
	attempts->waiting_backlog = line->backlog;
}

void
site_take_failure(const struct turn *turn, const struct sighting *sighting)
{
	struct site *site = turn->site;
	struct line *line = line_new(sighting);
	if (!site->attempts)
		site->attempts = mem_new(sizeof *site->attempts);
	struct attempts *attempts = site->attempts;
	bool is_report = line->evidence.event == EVENT_CERTIFICATE_REPORTED &&
			 !says_bad_certificate(sighting);
	struct reading reading = read_line(turn, line, is_report);
	if (site->state == SITE_EXPIRED)
		reading.kind = ALERT_CERTIFICATE_EXPIRED;
	count(site, line, &reading);
	note_cause(attempts_trouble(attempts, reading.kind), reading.kind, sighting);
	if (!is_report)
		keep(attempts, line, &reading);
	bool waited = site->state == SITE_ENROLL_REJECTED;
	site_enter(turn, reading.input);
	if (!waited && site->state == SITE_ENROLL_REJECTED)
		wait_for_sync(attempts, line);
	const struct trouble *trouble = attempts->trouble[reading.kind];
	if (trouble_is_open(trouble))
		outcome_add_incident(turn->outcome, &trouble->incident);
	line_put(&line, NULL);
}
