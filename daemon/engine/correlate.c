#include "daemon/engine/correlate.h"

#include "config/suggest.h"
#include "daemon/base/mem.h"
#include "daemon/engine/outcome.h"
#include "daemon/engine/roster.h"

#include <stdlib.h>
#include <string.h>
#include <uthash.h>

/*
 * The timers: a binary heap of the sites that have something to do, so that a site without costs
 * nothing. `slot` is a site's place in the heap, NO_SLOT where it has no timer.
 */
#define NO_SLOT UINT32_MAX

/* A site that was loaded waits so long after the first tick, that inputs can catch up before. */
#define LOADED_GRACE MINUTE

/* Record times that a date's misreading made are no times. */
#define TIME_FIRST INT64_C(0)
#define TIME_LAST  (INT64_C(253402300799) * SECOND) /* 9999-12-31T23:59:59Z */

/* A file in its first look, and the sites whose alerts it holds back. */
struct backlog {
	char *file;
	struct row **rows;
	size_t count;
	UT_hash_handle hh;
};

struct correlate {
	struct correlate_options options;
	struct roster *roster; /* where it is only looked at, what it reads by may change */
	struct backlog *backlogs;
	struct row **heap;
	size_t heap_count, heap_room;
	int64_t loaded_due; /* not before it do loaded sites' timers run; TIME_NONE: not known yet
			     */
	size_t loaded_count;
};

struct correlate *
correlate_new(const struct correlate_options *options)
{
	struct correlate *correlate = mem_new(sizeof *correlate);
	correlate->roster = mem_new(sizeof *correlate->roster);
	correlate->options = *options;
	correlate->loaded_due = TIME_NONE;
	return correlate;
}

void
correlate_set_reading(struct correlate *correlate,
	char *(*read)(void *owner, const char *site, struct err *err), void *owner)
{
	correlate->roster->read = read;
	correlate->roster->read_owner = owner;
}

void
correlate_rest(struct correlate *correlate, size_t most)
{
	roster_rest(correlate->roster, most);
}

static void
backlog_free(struct correlate *correlate, struct backlog *backlog)
{
	HASH_DEL(correlate->backlogs, backlog);
	free(backlog->file);
	free(backlog->rows);
	free(backlog);
}

void
correlate_free(struct correlate *correlate)
{
	struct backlog *backlog, *next_backlog;
	if (!correlate)
		return;
	roster_fini(correlate->roster);
	free(correlate->roster);
	HASH_ITER (hh, correlate->backlogs, backlog, next_backlog)
		backlog_free(correlate, backlog);
	free(correlate->heap);
	free(correlate);
}

static void
heap_set(struct correlate *correlate, size_t slot, struct row *row)
{
	correlate->heap[slot] = row;
	row->slot = (uint32_t)slot;
}

/* Of two that are due at once the first by name is first: replays keep their order. */
static bool
is_before(const struct row *a, const struct row *b)
{
	return a->due < b->due || (a->due == b->due && strcmp(a->name, b->name) < 0);
}

/* Moves the row from the slot towards the root, then towards the leaves, to where it belongs. */
static void
heap_place(struct correlate *correlate, size_t slot, struct row *row)
{
	struct row **heap = correlate->heap;
	for (; slot && is_before(row, heap[(slot - 1) / 2]); slot = (slot - 1) / 2)
		heap_set(correlate, slot, heap[(slot - 1) / 2]);
	for (;;) {
		size_t child = 2 * slot + 1;
		if (child + 1 < correlate->heap_count && is_before(heap[child + 1], heap[child]))
			child++;
		if (child >= correlate->heap_count || !is_before(heap[child], row))
			break;
		heap_set(correlate, slot, heap[child]);
		slot = child;
	}
	heap_set(correlate, slot, row);
}

static void
heap_remove(struct correlate *correlate, struct row *row)
{
	struct row *last = correlate->heap[--correlate->heap_count];
	if (last != row)
		heap_place(correlate, row->slot, last);
	row->slot = NO_SLOT;
}

static void
heap_add(struct correlate *correlate, struct row *row)
{
	if (correlate->heap_count == correlate->heap_room) {
		correlate->heap_room = correlate->heap_room ? 2 * correlate->heap_room : 64;
		correlate->heap =
			mem_grow(correlate->heap, correlate->heap_room, sizeof *correlate->heap);
	}
	heap_place(correlate, correlate->heap_count++, row);
}

/* Puts the row where its site's next timer belongs. */
static void
schedule(struct correlate *correlate, struct row *row)
{
	struct site *site = roster_peek(row);
	int64_t due = site_due(site, &correlate->options);
	roster_unpeek(row, site);
	if (row->loaded && due != TIME_NONE && due < correlate->loaded_due)
		due = correlate->loaded_due;
	if (due == TIME_NONE) {
		if (row->slot != NO_SLOT)
			heap_remove(correlate, row);
		return;
	}
	if (row->slot != NO_SLOT && row->due == due)
		return;
	row->due = due;
	if (row->slot == NO_SLOT)
		heap_add(correlate, row);
	else
		heap_place(correlate, row->slot, row);
}

void
correlate_configure(struct correlate *correlate, const struct correlate_options *options)
{
	size_t place = 0;
	correlate->options = *options;
	for (struct row *row; (row = roster_next(correlate->roster, &place));)
		schedule(correlate, row);
}

const char *
correlate_find(const struct correlate *correlate, const char *name, struct err *err)
{
	struct row *row = roster_find(correlate->roster, name);
	struct suggest suggest = suggest_start(name);
	const char *alike = NULL;
	size_t count = 0, place = 0;
	if (row)
		return row->name;
	while ((row = roster_next(correlate->roster, &place))) {
		const char *key = row->name;
		suggest_offer(&suggest, key);
		if (span_equal_nocase(span_of(key), span_of(name))) {
			alike = key;
			count++;
		}
	}
	if (count == 1)
		return alike;
	err_set(err, "site %s is not known%s%s%s", name, suggest.best ? "; did you mean \"" : "",
		suggest.best ? suggest.best : "", suggest.best ? "\"?" : "");
	return NULL;
}

static struct row *
add(struct correlate *correlate, struct site *site)
{
	struct row *row = roster_add(correlate->roster, site);
	row->slot = NO_SLOT;
	return row;
}

static struct row *
find_or_add(struct correlate *correlate, const char *site)
{
	struct row *row = roster_find(correlate->roster, site);
	return row ? row : add(correlate, site_new(site));
}

/* The site to change, with all that it said, where that can be read. */
static struct site *
wake(struct correlate *correlate, struct row *row)
{
	struct site *site = roster_wake(correlate->roster, row);
	if (!site_is_bare(site)) /* nearly always; the room for a sentence is large */
		return site;
	struct err unimportant = ERR_INIT;
	roster_recall(correlate->roster, site, &unimportant);
	return site;
}

/* Notes that the file's first look holds the site's alerts back. */
static void
note_backlog(struct correlate *correlate, const char *file, struct row *row)
{
	struct backlog *backlog;
	HASH_FIND_STR(correlate->backlogs, file, backlog);
	if (!backlog) {
		backlog = mem_new(sizeof *backlog);
		backlog->file = mem_text(file);
		HASH_ADD_KEYPTR(
			hh, correlate->backlogs, backlog->file, strlen(backlog->file), backlog);
	}
	backlog->rows = mem_grow(backlog->rows, backlog->count + 1, sizeof *backlog->rows);
	backlog->rows[backlog->count++] = row;
}

void
correlate_sighting(
	struct correlate *correlate, const struct sighting *sighting, struct outcome *outcome)
{
	struct row *row = find_or_add(correlate, sighting->site);
	struct sighting sane = *sighting;
	if (sane.time < TIME_FIRST || sane.time > TIME_LAST)
		sane.time = TIME_NONE;
	struct site *site = wake(correlate, row);
	bool noted = site_is_held_by(site, sane.file);
	site_on_sighting(site, &correlate->options, &sane, outcome);
	if (sane.backlog && !noted && site_is_held_by(site, sane.file))
		note_backlog(correlate, sane.file, row);
	schedule(correlate, row);
}

void
correlate_backlog_end(
	struct correlate *correlate, const char *file, int64_t now, struct outcome *outcome)
{
	struct backlog *backlog;
	HASH_FIND_STR(correlate->backlogs, file, backlog);
	if (!backlog)
		return;
	for (size_t i = 0; i < backlog->count; i++) {
		struct row *row = backlog->rows[i];
		if (row->rests) /* then it holds nothing back any more */
			continue;
		site_on_backlog_end(wake(correlate, row), file, now, outcome);
		schedule(correlate, row);
	}
	backlog_free(correlate, backlog);
}

void
correlate_activity(
	struct correlate *correlate, const char *site, int64_t now, struct outcome *outcome)
{
	if (correlate->options.silent_after <= 0)
		return;
	struct row *row = find_or_add(correlate, site);
	/* A site that writes does so all the time: what it said is of no use here. */
	site_on_activity(roster_wake(correlate->roster, row), now, outcome);
	schedule(correlate, row);
}

/* The first tick after a load: only from here on is it known when the grace ends. */
static void
begin_grace(struct correlate *correlate, int64_t now)
{
	size_t place = 0;
	if (correlate->loaded_count == 0 || correlate->loaded_due != TIME_NONE)
		return;
	correlate->loaded_due = now + LOADED_GRACE;
	for (struct row *row; (row = roster_next(correlate->roster, &place));)
		schedule(correlate, row);
}

void
correlate_tick(struct correlate *correlate, int64_t now, struct outcome *outcome)
{
	begin_grace(correlate, now);
	while (correlate->heap_count && correlate->heap[0]->due <= now) {
		struct row *row = correlate->heap[0];
		row->loaded = false;
		site_tick(wake(correlate, row), &correlate->options, now, outcome);
		schedule(correlate, row);
	}
}

void
correlate_shift(struct correlate *correlate, int64_t jump, struct outcome *outcome)
{
	size_t place = 0;
	if (correlate->loaded_due != TIME_NONE)
		correlate->loaded_due += jump;
	for (struct row *row; (row = roster_next(correlate->roster, &place));) {
		bool rested = row->rests;
		site_shift(roster_wake(correlate->roster, row), jump);
		outcome_add_site(outcome, row->name);
		schedule(correlate, row);
		if (rested)
			roster_rest_last(correlate->roster, row);
	}
}

int64_t
correlate_next_due(const struct correlate *correlate)
{
	return correlate->heap_count ? correlate->heap[0]->due : TIME_NONE;
}

bool
correlate_resolve(struct correlate *correlate, const char *site, int64_t now,
	struct outcome *outcome, struct err *err)
{
	struct row *row = roster_find(correlate->roster, site);
	if (!row)
		return err_set(err, "site %s is not known", site);
	bool ok = site_resolve(wake(correlate, row), now, outcome, err);
	schedule(correlate, row);
	return ok;
}

bool
correlate_ack(struct correlate *correlate, const char *site, int64_t now, struct outcome *outcome,
	struct err *err)
{
	(void)now;
	struct row *row = roster_find(correlate->roster, site);
	if (!row)
		return err_set(err, "site %s is not known", site);
	bool ok = site_ack(wake(correlate, row), outcome, err);
	schedule(correlate, row);
	return ok;
}

bool
correlate_silence(struct correlate *correlate, const char *site, int64_t until, const char *reason,
	int64_t now, struct outcome *outcome, struct err *err)
{
	bool lifts = until == TIME_NONE || until <= now;
	struct row *row =
		lifts ? roster_find(correlate->roster, site) : find_or_add(correlate, site);
	if (!row)
		return err_set(err, "site %s is not known", site);
	site_silence(wake(correlate, row), until, reason, now, outcome);
	schedule(correlate, row);
	return true;
}

char *
correlate_save(const struct correlate *correlate, const char *name, struct err *err)
{
	struct row *row = roster_find(correlate->roster, name);
	if (!row) {
		err_set(err, "site %s is not known", name);
		return NULL;
	}
	struct site *site = roster_peek(row);
	char *saved = roster_recall(correlate->roster, site, err) ? site_save(site) : NULL;
	roster_unpeek(row, site);
	return saved;
}

bool
correlate_recall(const struct correlate *correlate, struct incident *incident, struct err *err)
{
	return roster_recall_incident(correlate->roster, incident, err);
}

bool
correlate_load(struct correlate *correlate, const char *saved, struct err *err)
{
	struct site *site = site_load(saved, err);
	if (!site)
		return err_context(err, "saved site");
	struct row *row = roster_find(correlate->roster, site_key(site));
	bool rests = !row || row->rests;
	if (row) {
		site_free(roster_wake(correlate->roster, row));
		row->site = site;
	} else {
		row = add(correlate, site);
	}
	row->loaded = true;
	correlate->loaded_count++;
	for (size_t i = 0; site_held_by(site, i); i++)
		note_backlog(correlate, site_held_by(site, i), row);
	schedule(correlate, row);
	if (rests)
		roster_rest_last(correlate->roster, row);
	return true;
}

static void
each(const struct correlate *correlate, bool (*wants)(const void *owner, const char *site),
	void (*visit)(void *owner, const struct site_view *view), void *owner)
{
	struct row **rows = roster_sort(correlate->roster);
	for (size_t i = 0; i < correlate->roster->rows.count; i++) {
		struct site_view view;
		struct err unimportant = ERR_INIT;
		if (wants && !wants(owner, rows[i]->name))
			continue;
		struct site *site = roster_peek(rows[i]);
		if (wants)
			roster_recall(correlate->roster, site, &unimportant);
		site_get_view(site, &view);
		visit(owner, &view);
		roster_unpeek(rows[i], site);
	}
	free(rows);
}

void
correlate_each(const struct correlate *correlate,
	void (*visit)(void *owner, const struct site_view *view), void *owner)
{
	each(correlate, NULL, visit, owner);
}

void
correlate_each_whole(const struct correlate *correlate,
	bool (*wants)(const void *owner, const char *site),
	void (*visit)(void *owner, const struct site_view *view), void *owner)
{
	each(correlate, wants, visit, owner);
}

void
correlate_each_standing(const struct correlate *correlate, int64_t now,
	void (*visit)(void *owner, const struct alert *alert), void *owner)
{
	size_t place = 0, count = 0;
	for (struct row *row; (row = roster_next(correlate->roster, &place));) {
		struct err unimportant = ERR_INIT;
		struct site *site = roster_peek(row);
		if (site_has_standing(site) && count++ < CORRELATE_STANDING)
			roster_recall(correlate->roster, site, &unimportant);
		site_each_standing(site, now, visit, owner);
		roster_unpeek(row, site);
	}
}

int64_t
correlate_silenced_until(const struct correlate *correlate, const char *site)
{
	struct site_view view;
	const struct row *row = roster_find(correlate->roster, site);
	if (!row)
		return TIME_NONE;
	struct site *looked_at = roster_peek(row);
	site_get_view(looked_at, &view);
	roster_unpeek(row, looked_at);
	return view.silenced_until;
}
