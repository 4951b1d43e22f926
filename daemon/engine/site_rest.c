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
 *     is NULL, until site_recall.
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

static void
pack_evidence(struct packing *packing, struct evidence *evidence)
{
	evidence->event = (enum event_kind)pack_number(packing, evidence->event);
	evidence->time = pack_record(packing, evidence->time);
	evidence->read_at = pack_clock(packing, evidence->read_at);
	evidence->offset = pack_number(packing, evidence->offset);
	pack_bytes(packing, evidence->digest, sizeof evidence->digest);
	if (!packing->out)
		evidence_set_texts(evidence, "", "");
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
	pack_evidence(packing, &line->evidence);
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
	struct evidence *list =
		packing->out ? incident->evidence : incident_evidence(incident, count);
	incident->evidence_count = count;
	for (size_t i = 0; i < count; i++) {
		size_t place = LINE_PLACES;
		if (packing->out)
			place = attempts_find_line(attempts, &list[i]);
		place = pack_number(packing, place);
		if (place == LINE_PLACES)
			pack_evidence(packing, &list[i]);
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

/* Times of reading may have been shifted since it was stored. */
static bool
recall_evidence(struct evidence *evidence, const struct evidence *stored)
{
	if (evidence->event != stored->event || evidence->time != stored->time ||
		evidence->offset != stored->offset ||
		memcmp(evidence->digest, stored->digest, sizeof evidence->digest) != 0)
		return false;
	struct evidence bare = *evidence;
	evidence_copy(stored, evidence);
	evidence->read_at = bare.read_at;
	evidence_fini(&bare);
	return true;
}

static bool
recall_line(struct line *line, const struct line *stored)
{
	return line ? stored && recall_evidence(&line->evidence, &stored->evidence) : !stored;
}

static bool
recall_trouble(struct trouble *trouble, const struct trouble *stored)
{
	size_t count = trouble ? trouble->incident.evidence_count : 0;
	if (count != (stored ? stored->incident.evidence_count : 0))
		return false;
	for (size_t i = 0; i < count; i++) {
		if (!recall_evidence(&trouble->incident.evidence[i], &stored->incident.evidence[i]))
			return false;
	}
	if (trouble && stored)
		site_replace_text(&trouble->advice, mem_text(stored->advice));
	return true;
}

static bool
recall_attempts(struct attempts *attempts, struct attempts *stored)
{
	bool ok = stored != NULL;
	for (size_t i = 0; i < LINE_PLACES && ok; i++)
		ok = recall_line(*attempts_line(attempts, i), *attempts_line(stored, i));
	for (size_t i = 0; i < TROUBLES && ok; i++)
		ok = recall_trouble(attempts->trouble[i], stored->trouble[i]);
	return ok;
}

bool
site_recall(struct site *site, const char *saved, struct err *err)
{
	struct site *stored = saved && site->is_bare ? site_load(saved, err) : NULL;
	bool ok = !site->is_bare || (stored && recall_attempts(site->attempts, stored->attempts));
	site->is_bare = false;
	if (!ok && stored)
		err_set(err, "what is saved of site %s tells of other lines", site->name);
	site_free(stored);
	return ok;
}
