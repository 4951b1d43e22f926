#include "daemon/engine/site_parts.h"

#include "daemon/base/hash.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <string.h>

/*
 * The resting form: all that decides, packed; the texts of evidence and the advice, which are only
 * said, are left out. One function for each part goes both ways, by what its packing has: bytes to
 * write to, or to read from. It is never kept over a restart, so it has no version.
 *
 *  1. What was packed is unpacked as it was, but for those texts: evidence has "" for both, advice
 *     is NULL, until site_recall. Each knows where it stood in what is stored: lines that come
 *     before that take no other's texts.
 *  2. Evidence that shared its texts shares them again, so that saved forms stay the same.
 */
struct resting_site {
	uint8_t state;
	uint8_t packed[];
};

struct packing {
	struct buf *out;
	const uint8_t *in; /* where out is NULL */
	/* The last time of each sort: the next is told by its distance. */
	int64_t clock, record;
};

static void
pack_bytes(struct packing *packing, void *bytes, size_t n)
{
	if (packing->out) {
		buf_add(packing->out, bytes, n);
		return;
	}
	memcpy(bytes, packing->in, n);
	packing->in += n;
}

/* Seven bits a byte, the lowest first; the highest bit says that another follows. */
static uint64_t
pack_number(struct packing *packing, uint64_t number)
{
	uint64_t rest = number, read = 0;
	for (int shift = 0;; shift += 7, rest >>= 7) {
		uint8_t byte = (uint8_t)((rest & 0x7f) | (rest > 0x7f ? 0x80 : 0));
		pack_bytes(packing, &byte, 1);
		read |= (uint64_t)(byte & 0x7f) << shift;
		if (!(byte & 0x80))
			return read;
	}
}

static bool
pack_flag(struct packing *packing, bool flag)
{
	return pack_number(packing, flag) != 0;
}

/* 0 is none; else the distance from the last time, its sign in the lowest bit, and 1. */
static int64_t
pack_time(struct packing *packing, int64_t time, int64_t *last)
{
	uint64_t far = (uint64_t)time - (uint64_t)*last;
	uint64_t coded = time == TIME_NONE ? 0 : (far << 1 ^ (0 - (far >> 63))) + 1;
	coded = pack_number(packing, coded);
	if (coded == 0)
		return TIME_NONE;
	far = (coded - 1) >> 1 ^ (0 - ((coded - 1) & 1));
	return *last = (int64_t)((uint64_t)*last + far);
}

static int64_t
pack_clock(struct packing *packing, int64_t time)
{
	return pack_time(packing, time, &packing->clock);
}

static int64_t
pack_record(struct packing *packing, int64_t time)
{
	return pack_time(packing, time, &packing->record);
}

static void
pack_text(struct packing *packing, char **text)
{
	size_t n = pack_number(packing, *text ? strlen(*text) + 1 : 0);
	if (n == 0)
		return;
	if (!*text)
		*text = mem_new(n);
	pack_bytes(packing, *text, n - 1);
}

/* `place` counts the lines, then the evidence of each trouble. */
static void
pack_evidence(struct packing *packing, struct evidence *evidence, size_t place)
{
	evidence->event = (enum event_kind)pack_number(packing, evidence->event);
	evidence->time = pack_record(packing, evidence->time);
	evidence->read_at = pack_clock(packing, evidence->read_at);
	evidence->offset = pack_number(packing, evidence->offset);
	pack_bytes(packing, evidence->digest, sizeof evidence->digest);
	if (packing->out)
		return;
	evidence_set_texts(evidence, "", "");
	evidence_leave_at(evidence, (unsigned)place + 1);
}

/* 0 is no line, 1 one of its own, from 2 on the one in an earlier place. */
static void
pack_line(struct packing *packing, struct attempts *attempts, size_t place)
{
	struct line **at = attempts_line(attempts, place);
	size_t code = *at ? 1 : 0;
	for (size_t i = 0; i < place && code == 1; i++) {
		if (*attempts_line(attempts, i) == *at)
			code = 2 + i;
	}
	code = pack_number(packing, code);
	if (code == 0 || (code > 1 && packing->out))
		return;
	if (code > 1) {
		line_put(at, *attempts_line(attempts, code - 2));
		return;
	}
	if (!*at) {
		*at = mem_new(sizeof **at);
		(*at)->references = 1;
	}
	struct line *line = *at;
	pack_evidence(packing, &line->evidence, place);
	line->backlog = pack_flag(packing, line->backlog);
	line->taken = pack_flag(packing, line->taken);
	line->kind = (enum alert_kind)pack_number(packing, line->kind);
	line->syncs = pack_number(packing, line->syncs);
}

/* Evidence that stands among the kept lines is named by its place. */
static void
pack_evidence_list(struct packing *packing, struct attempts *attempts, struct incident *incident)
{
	size_t count = pack_number(packing, incident->evidence_count);
	size_t first = LINE_PLACES + incident->kind * EVIDENCE_MAX;
	struct evidence *list =
		packing->out ? incident->evidence : incident_evidence(incident, count);
	incident->evidence_count = count;
	for (size_t i = 0; i < count; i++) {
		size_t place = LINE_PLACES;
		if (packing->out)
			place = attempts_find_line(attempts, &list[i]);
		place = pack_number(packing, place);
		if (place == LINE_PLACES)
			pack_evidence(packing, &list[i], first + i);
		else if (!packing->out)
			evidence_copy(&(*attempts_line(attempts, place))->evidence, &list[i]);
	}
}

static void
pack_id(struct packing *packing, char id[ALERT_ID_TEXT])
{
	uint8_t digest[(ALERT_ID_TEXT - 1) / 2];
	if (!pack_flag(packing, hex_decode(id, digest, sizeof digest)))
		return;
	pack_bytes(packing, digest, sizeof digest);
	hex_encode(digest, sizeof digest, id);
}

static void
pack_trouble(struct packing *packing, struct site *site, struct trouble **place)
{
	if (!pack_flag(packing, *place != NULL))
		return;
	if (!*place)
		*place = mem_new(sizeof **place);
	struct incident *incident = &(*place)->incident;
	struct saying *saying = &(*place)->saying;
	pack_id(packing, incident->id);
	if (incident->id[0] && !incident->site)
		incident->site = mem_text(site->name);
	incident->kind = (enum alert_kind)pack_number(packing, incident->kind);
	incident->started_at = pack_record(packing, incident->started_at);
	incident->ended_at = pack_record(packing, incident->ended_at);
	pack_text(packing, &incident->cause);
	incident->occurrences = pack_number(packing, incident->occurrences);
	pack_evidence_list(packing, site->attempts, incident);
	saying->said = pack_flag(packing, saying->said);
	saying->acked = pack_flag(packing, saying->acked);
	saying->reminders = pack_number(packing, saying->reminders);
	saying->said_at = pack_clock(packing, saying->said_at);
	(*place)->lacks_advice = !packing->out;
}

static void
pack_attempts(struct packing *packing, struct site *site)
{
	if (!pack_flag(packing, site->attempts != NULL))
		return;
	if (!site->attempts)
		site->attempts = mem_new(sizeof *site->attempts);
	struct attempts *attempts = site->attempts;
	for (size_t i = 0; i < LINE_PLACES; i++)
		pack_line(packing, attempts, i);
	for (size_t i = 0; i < TROUBLES; i++)
		pack_trouble(packing, site, &attempts->trouble[i]);
	attempts->syncs = pack_number(packing, attempts->syncs);
	attempts->waiting_time = pack_record(packing, attempts->waiting_time);
	attempts->waiting_read_at = pack_clock(packing, attempts->waiting_read_at);
	attempts->waiting_backlog = pack_flag(packing, attempts->waiting_backlog);
}

static void
pack_site(struct packing *packing, struct site *site)
{
	site->previous = (enum site_state)pack_number(packing, site->previous);
	site->since = pack_record(packing, site->since);
	site->last_time = pack_record(packing, site->last_time);
	site->last_event_at = pack_clock(packing, site->last_event_at);
	site->active_at = pack_clock(packing, site->active_at);
	site->active_noted_at = pack_clock(packing, site->active_noted_at);
	site->silenced_until = pack_clock(packing, site->silenced_until);
	pack_text(packing, &site->silence_reason);
	pack_bytes(packing, site->last_digest, sizeof site->last_digest);
	pack_bytes(packing, site->last_file, sizeof site->last_file);
	site->silences = pack_number(packing, site->silences);
	pack_attempts(packing, site);
	pack_trouble(packing, site, &site->silent);
}

struct resting_site *
site_rest(struct site *site)
{
	if (site->holds || site->kept_count)
		return NULL;
	struct buf out = BUF_INIT;
	struct packing packing = {.out = &out};
	buf_add_byte(&out, (char)site->state);
	pack_site(&packing, site);
	struct resting_site *resting = mem_array(1, out.n);
	memcpy(resting, out.p, out.n);
	buf_fini(&out);
	site_free(site);
	return resting;
}

struct site *
site_wake(const struct resting_site *resting, const char *name)
{
	struct site *site = site_new(name);
	struct packing packing = {.in = resting->packed};
	site->state = (enum site_state)resting->state;
	pack_site(&packing, site);
	site->is_bare = site->attempts != NULL;
	return site;
}

bool
site_is_bare(const struct site *site)
{
	return site->is_bare;
}

bool
incident_is_bare(const struct incident *incident)
{
	for (size_t i = 0; i < incident->evidence_count; i++) {
		if (evidence_left_at(&incident->evidence[i]))
			return true;
	}
	return false;
}

/* What stands in a place; NULL for nothing. */
static const struct evidence *
evidence_at(const struct site *site, size_t place)
{
	if (!site || !site->attempts || place >= LINE_PLACES + TROUBLES * EVIDENCE_MAX)
		return NULL;
	if (place < LINE_PLACES) {
		const struct line *line = *attempts_line(site->attempts, place);
		return line ? &line->evidence : NULL;
	}
	size_t kind = (place - LINE_PLACES) / EVIDENCE_MAX;
	size_t i = (place - LINE_PLACES) % EVIDENCE_MAX;
	const struct trouble *trouble = site->attempts->trouble[kind];
	return trouble && i < trouble->incident.evidence_count ? &trouble->incident.evidence[i]
							       : NULL;
}

/* Times of reading may have been shifted since it was stored. False where its texts are lost. */
static bool
recall_evidence(struct evidence *evidence, const struct site *stored)
{
	unsigned place = evidence_left_at(evidence);
	const struct evidence *from = place ? evidence_at(stored, place - 1) : NULL;
	if (!place)
		return true;
	if (!from || evidence->event != from->event || evidence->time != from->time ||
		evidence->offset != from->offset ||
		memcmp(evidence->digest, from->digest, sizeof evidence->digest) != 0) {
		evidence_leave_at(evidence, 0);
		return false;
	}
	struct evidence bare = *evidence;
	evidence_copy(from, evidence);
	evidence->read_at = bare.read_at;
	evidence_fini(&bare);
	return true;
}

static bool
recall_list(struct evidence *list, size_t count, const struct site *stored)
{
	bool ok = true;
	for (size_t i = 0; i < count; i++)
		ok = recall_evidence(&list[i], stored) && ok;
	return ok;
}

static bool
recall_trouble(struct trouble *trouble, enum alert_kind kind, const struct site *stored)
{
	const struct trouble *from =
		stored && stored->attempts ? stored->attempts->trouble[kind] : NULL;
	if (trouble->lacks_advice && from)
		site_replace_text(&trouble->advice, mem_text(from->advice));
	trouble->lacks_advice = false;
	return recall_list(trouble->incident.evidence, trouble->incident.evidence_count, stored);
}

static bool
recall_attempts(struct attempts *attempts, const struct site *stored)
{
	bool ok = true;
	for (size_t i = 0; i < LINE_PLACES; i++) {
		struct line *line = *attempts_line(attempts, i);
		ok = (!line || recall_evidence(&line->evidence, stored)) && ok;
	}
	for (int i = 0; i < TROUBLES; i++) {
		struct trouble *trouble = attempts->trouble[i];
		ok = (!trouble || recall_trouble(trouble, (enum alert_kind)i, stored)) && ok;
	}
	return ok;
}

/* Frees what was stored. */
static bool
end_recall(bool ok, const char *site, struct site *stored, struct err *err)
{
	if (!ok && stored)
		err_set(err, "what is saved of site %s tells of other lines", site);
	site_free(stored);
	return ok;
}

bool
site_recall(struct site *site, const char *saved, struct err *err)
{
	if (!site->is_bare)
		return true;
	struct site *stored = saved ? site_load(saved, err) : NULL;
	bool ok = stored != NULL;
	if (site->attempts)
		ok = recall_attempts(site->attempts, stored) && ok;
	for (size_t i = 0; i < site->kept_count; i++)
		ok = recall_list(site->kept[i].evidence, site->kept[i].evidence_count, stored) &&
		     ok;
	site->is_bare = false;
	return end_recall(ok, site->name, stored, err);
}

bool
incident_recall(struct incident *incident, const char *saved, struct err *err)
{
	if (!incident_is_bare(incident))
		return true;
	struct site *stored = saved ? site_load(saved, err) : NULL;
	bool ok = recall_list(incident->evidence, incident->evidence_count, stored) && stored;
	return end_recall(ok, incident->site, stored, err);
}
