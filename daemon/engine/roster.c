#include "daemon/engine/roster.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

static struct span
name_of(const void *item)
{
	return span_of(((const struct row *)item)->name);
}

void
roster_fini(struct roster *roster)
{
	size_t place = 0;
	for (struct row *row; (row = roster_next(roster, &place));) {
		if (row->rests)
			free(row->resting);
		else
			site_free(row->site);
		free(row);
	}
	table_fini(&roster->rows);
	free(roster->awake);
	*roster = (struct roster){0};
}

struct row *
roster_find(const struct roster *roster, const char *site)
{
	return table_find(&roster->rows, name_of, span_of(site));
}

struct row *
roster_next(const struct roster *roster, size_t *place)
{
	return table_next(&roster->rows, place);
}

static void
note_awake(struct roster *roster, struct row *row)
{
	if (!roster->read)
		return;
	if (roster->awake_count == roster->awake_room) {
		roster->awake_room = roster->awake_room ? 2 * roster->awake_room : 64;
		roster->awake = mem_grow(roster->awake, roster->awake_room, sizeof(struct row *));
	}
	roster->awake[roster->awake_count++] = row;
}

struct row *
roster_add(struct roster *roster, struct site *site)
{
	size_t n = strlen(site_key(site)) + 1;
	struct row *row = mem_new(sizeof *row + n);
	memcpy(row->name, site_key(site), n);
	row->site = site;
	table_add(&roster->rows, name_of, row);
	note_awake(roster, row);
	return row;
}

static int
by_name(const void *a, const void *b)
{
	const struct row *const *left = a, *const *right = b;
	return strcmp((*left)->name, (*right)->name);
}

struct row **
roster_sort(const struct roster *roster)
{
	struct row **rows = mem_array(roster->rows.count, sizeof(struct row *));
	size_t count = 0, place = 0;
	for (struct row *row; (row = roster_next(roster, &place));)
		rows[count++] = row;
	qsort(rows, count, sizeof(struct row *), by_name);
	return rows;
}

struct site *
roster_peek(const struct row *row)
{
	return row->rests ? site_wake(row->resting, row->name) : row->site;
}

void
roster_unpeek(const struct row *row, struct site *site)
{
	if (row->rests)
		site_free(site);
}

struct site *
roster_wake(struct roster *roster, struct row *row)
{
	if (!row->rests)
		return row->site;
	struct site *site = site_wake(row->resting, row->name);
	free(row->resting);
	row->site = site;
	row->rests = false;
	note_awake(roster, row);
	return site;
}

static void
note_recall(struct roster *roster, bool ok, const struct err *err)
{
	if (!ok && !roster->read_fails)
		log_error("the lines behind an alert cannot be read again, it goes on without"
			  " their text: %s",
			err->text);
	else if (ok && roster->read_fails)
		log_notice("the lines behind alerts can be read again");
	roster->read_fails = !ok;
}

/* What is stored of the site, to be freed, NULL where nothing is; false where it cannot be read. */
static bool
read_stored(struct roster *roster, const char *site, char **saved, struct err *err)
{
	*saved = roster->read(roster->read_owner, site, err);
	return *saved || err->code == ENOENT;
}

bool
roster_recall(struct roster *roster, struct site *site, struct err *err)
{
	char *saved;
	if (!site_is_bare(site))
		return true;
	bool is_read = read_stored(roster, site_key(site), &saved, err);
	note_recall(roster, is_read && site_recall(site, saved, err), err);
	free(saved);
	return is_read;
}

bool
roster_recall_incident(struct roster *roster, struct incident *incident, struct err *err)
{
	char *saved;
	if (!incident_is_bare(incident))
		return true;
	bool is_read = read_stored(roster, incident->site, &saved, err);
	note_recall(roster, is_read && incident_recall(incident, saved, err), err);
	free(saved);
	return is_read;
}

/* False where the site holds something back. */
static bool
rest(struct row *row)
{
	struct resting_site *resting = site_rest(row->site);
	if (!resting)
		return false;
	row->resting = resting;
	row->rests = true;
	return true;
}

void
roster_rest_last(struct roster *roster, struct row *row)
{
	if (roster->read && rest(row))
		roster->awake_count--;
}

void
roster_rest(struct roster *roster, size_t most)
{
	size_t left = 0;
	if (roster->awake_count <= roster->restless + most)
		return;
	for (size_t i = 0; i < roster->awake_count; i++) {
		if (!rest(roster->awake[i]))
			roster->awake[left++] = roster->awake[i];
	}
	roster->awake_count = roster->restless = left;
}
