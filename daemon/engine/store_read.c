#include "daemon/engine/store_sql.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>

static const char SQL_LEDGER[] = "SELECT chunk, digest FROM ledger WHERE generation = ?2 AND"
				 " input = (SELECT id FROM input WHERE name = ?1) ORDER BY chunk";
static const char SQL_PROOF[] = "SELECT proof FROM position WHERE generation = ?2 AND"
				" input = (SELECT id FROM input WHERE name = ?1)";

/* NULL where the column is; without memory SQLite returns it too, which must not pass for that. */
static char *
column_text_or_null(sqlite3_stmt *row, int column)
{
	char *text = (char *)sqlite3_column_text(row, column);
	if (!text && sqlite3_column_type(row, column) != SQLITE_NULL)
		log_fatal("store: out of memory");
	return text;
}

/* A column's text, "" for NULL; borrows until the next step. */
static char *
column_text(sqlite3_stmt *row, int column)
{
	char *text = column_text_or_null(row, column);
	return text ? text : (char *)"";
}

static int64_t
column_time(sqlite3_stmt *row, int column)
{
	return sqlite3_column_type(row, column) == SQLITE_NULL ? TIME_NONE
							       : sqlite3_column_int64(row, column);
}

/* `most` for whatever is out of bounds: a damaged row shows as one. */
static uint16_t
column_small(sqlite3_stmt *row, int column, uint16_t most)
{
	int64_t value = sqlite3_column_int64(row, column);
	return value >= 0 && value < most ? (uint16_t)value : most;
}

/* At most `room` bytes; a shorter column leaves zeros. Returns how many there were. */
static size_t
column_bytes(sqlite3_stmt *row, int column, void *bytes, size_t room)
{
	const void *p = sqlite3_column_blob(row, column);
	size_t n = (size_t)sqlite3_column_bytes(row, column);
	n = n < room ? n : room;
	memset(bytes, 0, room);
	if (n)
		memcpy(bytes, p, n);
	return n;
}

/* Resets a reading statement; `code` is what its last step said. */
static bool
end_read(struct store *store, sqlite3_stmt *read, int code, struct err *err)
{
	if (code != SQLITE_DONE)
		store_sql_fail(store, "cannot be read", err);
	sqlite3_reset(read);
	return code == SQLITE_DONE;
}

bool
store_each_position(struct store *store, const char *input,
	void (*visit)(void *owner, const struct position *position), void *owner, struct err *err)
{
	sqlite3_stmt *row = store->prepared[SQL_EACH_POSITION];
	int code;
	store_bind_text(row, 1, input);
	while ((code = sqlite3_step(row)) == SQLITE_ROW) {
		struct position p = {
			.generation = (uint64_t)sqlite3_column_int64(row, 0),
			.path = column_text(row, 1),
			.seen_at = column_text(row, 2),
			.state = column_small(row, 3, GENERATION_STATES),
			.offset = (uint64_t)sqlite3_column_int64(row, 4),
			.size = (uint64_t)sqlite3_column_int64(row, 5),
			.changed_at = sqlite3_column_int64(row, 6),
			.born_at = sqlite3_column_int64(row, 7),
			.head_length = column_small(row, 9, UINT16_MAX),
			.anchor_length = column_small(row, 11, UINT16_MAX),
			.backlog_until = (uint64_t)sqlite3_column_int64(row, 13),
			.packed = sqlite3_column_int(row, 16),
		};
		p.object_length = (uint8_t)column_bytes(row, 8, p.object, sizeof p.object);
		column_bytes(row, 10, p.head.byte, sizeof p.head.byte);
		column_bytes(row, 12, p.anchor.byte, sizeof p.anchor.byte);
		column_bytes(row, 14, &p.reader, sizeof p.reader);
		if (!position_is_sound(&p))
			continue;
		position_read_proof(
			&p, sqlite3_column_blob(row, 15), (size_t)sqlite3_column_bytes(row, 15));
		visit(owner, &p);
		position_free_proof(&p);
	}
	return end_read(store, row, code, err);
}

bool
store_each_site(struct store *store, void (*visit)(void *owner, const char *saved), void *owner,
	struct err *err)
{
	sqlite3_stmt *row = store->prepared[SQL_EACH_SITE];
	int code;
	while ((code = sqlite3_step(row)) == SQLITE_ROW)
		visit(owner, column_text(row, 0));
	return end_read(store, row, code, err);
}

char *
store_read_site(struct store *store, const char *name, struct err *err)
{
	sqlite3_stmt *row = store->prepared[SQL_READ_SITE];
	store_bind_text(row, 1, name);
	int code = sqlite3_step(row);
	char *saved = code == SQLITE_ROW ? mem_text(column_text(row, 0)) : NULL;
	if (code == SQLITE_NOMEM || code == SQLITE_IOERR_NOMEM) /* no words for an alert */
		log_fatal("store: out of memory");
	if (code == SQLITE_DONE)
		err_set(err, "store %s: holds no site %s", store->path, name);
	else if (code != SQLITE_ROW)
		store_sql_fail(store, "cannot be read", err);
	if (code == SQLITE_DONE)
		err->code = ENOENT;
	sqlite3_reset(row);
	return saved;
}

bool
store_each_delivery(struct store *store,
	void (*visit)(void *owner, const struct delivery *delivery), void *owner, struct err *err)
{
	sqlite3_stmt *row = store->prepared[SQL_EACH_DELIVERY];
	int code;
	while ((code = sqlite3_step(row)) == SQLITE_ROW) {
		struct delivery delivery = {
			.serial = (uint64_t)sqlite3_column_int64(row, 0),
			.id = column_text(row, 1),
			.sink = column_text(row, 2),
			.site = column_text(row, 3),
			.state = sqlite3_column_int(row, 4) == DELIVERY_DEAD ? DELIVERY_DEAD
									     : DELIVERY_WAITING,
			.attempts = (uint32_t)sqlite3_column_int64(row, 5),
			.created_at = sqlite3_column_int64(row, 6),
			.last_error = column_text_or_null(row, 7),
		};
		visit(owner, &delivery);
	}
	return end_read(store, row, code, err);
}

static bool
read_evidence(struct store *store, struct incident *incident, struct err *err)
{
	sqlite3_stmt *row = store->prepared[SQL_EACH_EVIDENCE];
	int code;
	store_bind_text(row, 1, incident->id);
	while ((code = sqlite3_step(row)) == SQLITE_ROW &&
		incident->evidence_count < EVIDENCE_MAX) {
		size_t at = incident->evidence_count;
		struct evidence *line = &incident_evidence(incident, at + 1)[at];
		incident->evidence_count++;
		event_from_name(column_text(row, 0), &line->event);
		line->time = column_time(row, 1);
		line->read_at = sqlite3_column_int64(row, 2);
		line->file = mem_text(column_text_or_null(row, 3));
		line->offset = (uint64_t)sqlite3_column_int64(row, 4);
		line->text = mem_text(column_text_or_null(row, 5));
		column_bytes(row, 6, line->digest, sizeof line->digest);
	}
	return end_read(store, row, code == SQLITE_ROW ? SQLITE_DONE : code, err);
}

static bool
read_incident(struct store *store, sqlite3_stmt *row, struct incident *incident, struct err *err)
{
	*incident = (struct incident){
		.site = column_text(row, 1),
		.started_at = sqlite3_column_int64(row, 3),
		.ended_at = column_time(row, 4),
		.cause = column_text_or_null(row, 6),
		.occurrences = (uint64_t)sqlite3_column_int64(row, 7),
	};
	resolution_from_name(column_text(row, 5), &incident->resolution);
	strncpy(incident->id, column_text(row, 0), sizeof incident->id - 1);
	if (!alert_kind_from_name(column_text(row, 2), &incident->kind))
		return err_set(err, "store %s: incident %s is of an unknown kind", store->path,
			incident->id);
	return read_evidence(store, incident, err);
}

static bool
each_incident(struct store *store, sqlite3_stmt *row,
	void (*visit)(void *owner, const struct incident *incident), void *owner, struct err *err)
{
	int code;
	while ((code = sqlite3_step(row)) == SQLITE_ROW) {
		struct incident incident;
		bool ok = read_incident(store, row, &incident, err);
		if (ok)
			visit(owner, &incident);
		for (size_t i = 0; i < incident.evidence_count; i++)
			evidence_fini(&incident.evidence[i]);
		free(incident.evidence);
		if (!ok) {
			sqlite3_reset(row);
			return false;
		}
	}
	return end_read(store, row, code, err);
}

bool
store_each_incident(struct store *store, const char *site, size_t limit,
	void (*visit)(void *owner, const struct incident *incident), void *owner, struct err *err)
{
	sqlite3_stmt *row = store->prepared[site ? SQL_EACH_INCIDENT_OF_SITE : SQL_EACH_INCIDENT];
	store_bind_number(row, 1, limit < INT32_MAX ? (int64_t)limit : INT32_MAX);
	if (site)
		store_bind_text(row, 2, site);
	return each_incident(store, row, visit, owner, err);
}

bool
store_each_lasting(struct store *store, enum alert_kind kind,
	void (*visit)(void *owner, const struct incident *incident), void *owner, struct err *err)
{
	sqlite3_stmt *row = store->prepared[SQL_EACH_LASTING];
	store_bind_text(row, 1, alert_kind_name(kind));
	return each_incident(store, row, visit, owner, err);
}

bool
store_read_alert(struct store *store, uint64_t serial, struct alert *alert, struct err *err)
{
	sqlite3_stmt *row = store->prepared[SQL_READ_ALERT];
	store_bind_number(row, 1, (int64_t)serial);
	int code = sqlite3_step(row);
	bool ok = code == SQLITE_ROW && alert_from_json(column_text(row, 0), alert, err);
	if (code == SQLITE_DONE)
		err_set(err, "store %s: holds no alert %llu", store->path,
			(unsigned long long)serial);
	else if (code != SQLITE_ROW)
		store_sql_fail(store, "cannot be read", err);
	else if (!ok)
		err_context(err, "store %s: alert %llu", store->path, (unsigned long long)serial);
	if (!ok)
		err->code = code == SQLITE_DONE ? ENOENT : code == SQLITE_ROW ? EBADMSG : EIO;
	sqlite3_reset(row);
	return ok;
}

uint64_t
store_last_serial(const struct store *store)
{
	sqlite3_stmt *row = store->prepared[SQL_LAST_SERIAL];
	uint64_t last = 0;
	if (sqlite3_step(row) == SQLITE_ROW)
		last = (uint64_t)sqlite3_column_int64(row, 0);
	sqlite3_reset(row);
	return last;
}

/* A row holds the digests of chunks that follow each other. */
static void
add_run(sqlite3_stmt *row, uint64_t generation, struct ledger_entry **entries, size_t *count,
	size_t *room)
{
	enum { SIZE = sizeof(*entries)->digest.byte };
	uint64_t chunk = (uint64_t)sqlite3_column_int64(row, 0);
	const uint8_t *digests = sqlite3_column_blob(row, 1);
	size_t n = (size_t)sqlite3_column_bytes(row, 1) / SIZE;
	if (*count + n > *room) {
		*room = (*count + n) * 2;
		*entries = mem_grow(*entries, *room, sizeof **entries);
	}
	for (size_t i = 0; i < n; i++) {
		struct ledger_entry *entry = &(*entries)[(*count)++];
		*entry = (struct ledger_entry){generation, chunk + i, {{0}}};
		memcpy(entry->digest.byte, digests + i * SIZE, SIZE);
	}
}

static sqlite3_stmt *
prepare_of(sqlite3 *db, const char *sql, const char *input, uint64_t generation)
{
	sqlite3_stmt *row = NULL;
	if (sqlite3_prepare_v2(db, sql, -1, &row, NULL) != SQLITE_OK)
		return NULL;
	store_bind_text(row, 1, input);
	store_bind_number(row, 2, (int64_t)generation);
	return row;
}

/* False where there is none, too. */
static bool
read_proof(sqlite3 *db, const char *input, uint64_t generation, uint8_t *proof)
{
	sqlite3_stmt *row = prepare_of(db, SQL_PROOF, input, generation);
	bool found = row && sqlite3_step(row) == SQLITE_ROW &&
		     column_bytes(row, 0, proof, PROOF_TAIL) > 0;
	sqlite3_finalize(row);
	return found;
}

static bool
read_ledger(sqlite3 *db, const char *input, uint64_t generation, struct ledger_entry **entries,
	size_t *count)
{
	sqlite3_stmt *row = prepare_of(db, SQL_LEDGER, input, generation);
	size_t room = 0;
	int code;
	if (!row)
		return false;
	while ((code = sqlite3_step(row)) == SQLITE_ROW)
		add_run(row, generation, entries, count, &room);
	sqlite3_finalize(row);
	return code == SQLITE_DONE;
}

bool
store_read_ledger(void *owner, const char *input, uint64_t generation,
	struct ledger_entry **entries, size_t *count, uint8_t *proof, struct err *err)
{
	struct store *store = owner;
	sqlite3 *db = NULL;
	*entries = NULL;
	*count = 0;
	pthread_mutex_lock(&store->mutex);
	bool memory = store->memory;
	if (memory)
		db = store->db;
	else
		pthread_mutex_unlock(&store->mutex);
	bool ok = (memory ||
			  sqlite3_open_v2(store->path, &db,
				  SQLITE_OPEN_READONLY | SQLITE_OPEN_NOMUTEX, NULL) == SQLITE_OK) &&
		  sqlite3_busy_timeout(db, 1000) == SQLITE_OK &&
		  read_ledger(db, input, generation, entries, count) &&
		  (!proof || read_proof(db, input, generation, proof));
	if (!ok) {
		err_set(err, "store %s: the ledger cannot be read: %s", store->path,
			sqlite3_errmsg(db));
		err->code = (sqlite3_errcode(db) & 0xff) == SQLITE_NOMEM ? ENOMEM
									 : sqlite3_system_errno(db);
		free(*entries);
		*entries = NULL;
		*count = 0;
	}
	if (memory)
		pthread_mutex_unlock(&store->mutex);
	else
		sqlite3_close(db);
	return ok;
}
