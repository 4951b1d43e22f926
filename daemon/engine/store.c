#include "daemon/engine/store_sql.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <stdlib.h>

enum {
	LOG_PAGES = 4096,	   /* a log this long is written back after a commit, idle or not */
	LOG_PAGES_DURABLE = 16384, /* the same behind an alert's commit */
	LEDGER_RUN = 60,	   /* digests in one row at most: four rows fill a page */
};

const char *const STORE_SQL[STATEMENTS] = {
	[SQL_BEGIN] = "BEGIN IMMEDIATE",
	[SQL_COMMIT] = "COMMIT",
	[SQL_ROLLBACK] = "ROLLBACK",
	[SQL_ADD_INPUT] = "INSERT INTO input (name) VALUES (?1)",
	[SQL_FIND_INPUT] = "SELECT id FROM input WHERE name = ?1",
	[SQL_PUT_POSITION] = "INSERT OR REPLACE INTO position VALUES"
			     " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
			     " ?16, ?17, ?18)",
	/* The operator joins bytes as they are, but says that they are text. */
	[SQL_MOVE_POSITION] = "INSERT INTO position VALUES"
			      " (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15,"
			      " ?16, x'', ?18) ON CONFLICT (input, generation) DO UPDATE SET"
			      " path = ?3, seen_at = ?4, state = ?5, offset = ?6, size = ?7,"
			      " changed_at = ?8, born_at = ?9, object = ?10, head_length = ?11,"
			      " head = ?12, anchor_length = ?13, anchor = ?14, backlog_until = ?15,"
			      " reader = ?16, packed = ?18, proof ="
			      " CAST(substr(CAST(proof || zeroblob(504) AS BLOB), 1, 504) || ?17"
			      " AS BLOB)",
	[SQL_FORGET_POSITION] = "DELETE FROM position WHERE input = ?1 AND generation = ?2",
	[SQL_PUT_LEDGER] = "INSERT OR REPLACE INTO ledger VALUES (?1, ?2, ?3, ?4)",
	[SQL_FORGET_LEDGER] = "DELETE FROM ledger WHERE input = ?1 AND generation = ?2",
	[SQL_PUT_SITE] = "INSERT INTO site (name, saved) VALUES (?1, ?2)"
			 " ON CONFLICT (name) DO UPDATE SET saved = ?2",
	[SQL_PUT_INCIDENT] = "INSERT INTO incident VALUES (NULL, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
			     " ON CONFLICT (id) DO UPDATE SET site = ?2, kind = ?3,"
			     " started_at = ?4, ended_at = ?5, resolution = ?6, cause = ?7,"
			     " occurrences = ?8",
	[SQL_FIND_INCIDENT] = "SELECT number FROM incident WHERE id = ?1",
	[SQL_PUT_EVIDENCE] = "INSERT INTO evidence VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9)",
	[SQL_FORGET_EVIDENCE] = "DELETE FROM evidence WHERE incident = ?1",
	[SQL_PUT_ALERT] = "INSERT OR REPLACE INTO alert VALUES (?1, ?2, ?3, ?4)",
	[SQL_PUT_DELIVERY] = "INSERT OR IGNORE INTO delivery VALUES (?1, ?2, ?3, 0, ?4, NULL)",
	[SQL_CHANGE_DELIVERY] = "UPDATE delivery SET state = ?3, attempts = ?4, created_at = ?5,"
				" last_error = ?6 WHERE serial = ?1 AND sink = ?2",
	[SQL_FORGET_DELIVERY] = "DELETE FROM delivery WHERE serial = ?1 AND sink = ?2",
	[SQL_FORGET_ALERT] = "DELETE FROM alert WHERE serial = ?1 AND NOT EXISTS"
			     " (SELECT 1 FROM delivery WHERE serial = ?1)",
	[SQL_EACH_POSITION] = "SELECT generation, path, seen_at, state, offset, size, changed_at,"
			      " born_at, object, head_length, head, anchor_length, anchor,"
			      " backlog_until, reader, proof, packed FROM position WHERE input ="
			      " (SELECT id FROM input WHERE name = ?1) ORDER BY generation",
	[SQL_EACH_SITE] = "SELECT saved FROM site ORDER BY name",
	[SQL_READ_SITE] = "SELECT saved FROM site WHERE name = ?1",
	[SQL_EACH_DELIVERY] = "SELECT serial, id, sink, site, state, attempts, created_at,"
			      " last_error FROM delivery JOIN alert USING (serial)"
			      " ORDER BY serial",
	[SQL_EACH_INCIDENT] = "SELECT id, site, kind, started_at, ended_at, resolution, cause,"
			      " occurrences FROM incident ORDER BY started_at DESC, id LIMIT ?1",
	[SQL_EACH_INCIDENT_OF_SITE] = "SELECT id, site, kind, started_at, ended_at, resolution,"
				      " cause, occurrences FROM incident WHERE site = ?2"
				      " ORDER BY started_at DESC, id LIMIT ?1",
	[SQL_EACH_LASTING] = "SELECT id, site, kind, started_at, ended_at, resolution, cause,"
			     " occurrences FROM incident WHERE kind = ?1 AND ended_at IS NULL"
			     " ORDER BY started_at, id",
	[SQL_EACH_EVIDENCE] = "SELECT event, time, read_at, file, offset, text, digest"
			      " FROM evidence WHERE incident ="
			      " (SELECT number FROM incident WHERE id = ?1) ORDER BY place",
	[SQL_READ_ALERT] = "SELECT document FROM alert WHERE serial = ?1",
	[SQL_LAST_SERIAL] = "SELECT seq FROM sqlite_sequence WHERE name = 'alert'",
	[SQL_PRUNE_INCIDENTS] =
		"DELETE FROM incident WHERE id IN (SELECT id FROM (SELECT id, ended_at,"
		" row_number() OVER (PARTITION BY site ORDER BY started_at DESC, id) AS place"
		" FROM incident WHERE site IN (SELECT site FROM incident GROUP BY site HAVING"
		" count(*) > ?1)) WHERE place > ?1 AND ended_at IS NOT NULL)",
	[SQL_PRIME] = "UPDATE prime SET turn = turn + 1",
};

bool
store_sql_fail(const struct store *store, const char *what, struct err *err)
{
	((struct store *)store)->failure = sqlite3_extended_errcode(store->db);
	return err_set(err, "store %s: %s: %s", store->memory ? "in memory" : store->path, what,
		sqlite3_errmsg(store->db));
}

bool
store_sql_exec(struct store *store, const char *sql, struct err *err)
{
	if (sqlite3_exec(store->db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return true;
	store_sql_fail(store, "cannot be written", err);
	if (!sqlite3_get_autocommit(store->db))
		sqlite3_exec(store->db, "ROLLBACK", NULL, NULL, NULL);
	return false;
}

bool
store_sql_run(struct store *store, enum statement which, struct err *err)
{
	bool ok = sqlite3_step(store->prepared[which]) == SQLITE_DONE;
	if (!ok)
		store_sql_fail(store, "cannot be written", err);
	sqlite3_reset(store->prepared[which]);
	return ok;
}

static void
store_bind_time(sqlite3_stmt *statement, int place, int64_t time)
{
	store_bound(time == TIME_NONE ? sqlite3_bind_null(statement, place)
				      : sqlite3_bind_int64(statement, place, time));
}

static void
store_bind_bytes(sqlite3_stmt *statement, int place, const void *bytes, size_t n)
{
	store_bound(sqlite3_bind_blob(statement, place, n ? bytes : "", (int)n, SQLITE_STATIC));
}

/* The row's number that stands by this name, 0 where none does. */
static bool
find_number(struct store *store, enum statement which, const char *name, int64_t *number,
	struct err *err)
{
	sqlite3_stmt *find = store->prepared[which];
	store_bind_text(find, 1, name);
	int code = sqlite3_step(find);
	*number = code == SQLITE_ROW ? sqlite3_column_int64(find, 0) : 0;
	if (code != SQLITE_ROW && code != SQLITE_DONE)
		store_sql_fail(store, "cannot be read", err);
	sqlite3_reset(find);
	return code == SQLITE_ROW || code == SQLITE_DONE;
}

static bool
find_input(struct store *store, const char *name, int64_t *id, struct err *err)
{
	if (!find_number(store, SQL_FIND_INPUT, name, id, err))
		return false;
	if (*id != 0)
		return true;
	store_bind_text(store->prepared[SQL_ADD_INPUT], 1, name);
	if (!store_sql_run(store, SQL_ADD_INPUT, err))
		return false;
	*id = sqlite3_last_insert_rowid(store->db);
	return true;
}

_Static_assert(PROOF_TAIL == 504, "the length that SQL_MOVE_POSITION names");

static bool
put_position(struct store *store, int64_t input, const struct position *p, struct err *err)
{
	enum statement how = position_lacks_proof(p) ? SQL_MOVE_POSITION : SQL_PUT_POSITION;
	sqlite3_stmt *put = store->prepared[how];
	uint8_t proof[POSITION_PROOF];
	store_bind_number(put, 1, input);
	store_bind_number(put, 2, (int64_t)p->generation);
	store_bind_text(put, 3, p->path);
	store_bind_text(put, 4, p->seen_at);
	store_bind_number(put, 5, p->state);
	store_bind_number(put, 6, (int64_t)p->offset);
	store_bind_number(put, 7, (int64_t)p->size);
	store_bind_number(put, 8, p->changed_at);
	store_bind_number(put, 9, p->born_at);
	store_bind_bytes(put, 10, p->object, p->object_length);
	store_bind_number(put, 11, p->head_length);
	store_bind_bytes(put, 12, p->head.byte, sizeof p->head.byte);
	store_bind_number(put, 13, p->anchor_length);
	store_bind_bytes(put, 14, p->anchor.byte, sizeof p->anchor.byte);
	store_bind_number(put, 15, (int64_t)p->backlog_until);
	store_bind_bytes(put, 16, &p->reader, sizeof p->reader);
	store_bind_bytes(put, 17, proof, position_write_proof(p, proof));
	store_bind_number(put, 18, p->packed);
	return store_sql_run(store, how, err);
}

/* How many of the entries are of chunks that follow each other: they share a row. */
static size_t
run_length(const struct ledger_entry *entry, size_t count)
{
	size_t n = 1;
	while (n < count && n < LEDGER_RUN && entry[n].generation == entry->generation &&
		entry[n].chunk == entry->chunk + n)
		n++;
	return n;
}

static bool
put_ledger(struct store *store, int64_t input, const struct ledger_entry *entry, size_t n,
	struct err *err)
{
	uint8_t digests[LEDGER_RUN][sizeof entry->digest.byte];
	sqlite3_stmt *put = store->prepared[SQL_PUT_LEDGER];
	for (size_t i = 0; i < n; i++)
		memcpy(digests[i], entry[i].digest.byte, sizeof digests[i]);
	store_bind_number(put, 1, input);
	store_bind_number(put, 2, (int64_t)entry->generation);
	store_bind_number(put, 3, (int64_t)entry->chunk);
	store_bind_bytes(put, 4, digests, n * sizeof digests[0]);
	return store_sql_run(store, SQL_PUT_LEDGER, err);
}

static bool
forget_generation(struct store *store, int64_t input, uint64_t generation, struct err *err)
{
	static const enum statement FORGET[] = {SQL_FORGET_POSITION, SQL_FORGET_LEDGER};
	bool ok = true;
	for (size_t i = 0; i < COUNT(FORGET) && ok; i++) {
		store_bind_number(store->prepared[FORGET[i]], 1, input);
		store_bind_number(store->prepared[FORGET[i]], 2, (int64_t)generation);
		ok = store_sql_run(store, FORGET[i], err);
	}
	return ok;
}

static bool
put_inputs(struct store *store, const struct changes *changes, struct err *err)
{
	bool ok = true;
	for (size_t i = 0; i < changes->input_count && ok; i++) {
		const struct input_changes *of = &changes->inputs[i];
		int64_t id = 0;
		ok = find_input(store, of->input, &id, err);
		for (size_t n = 0; n < of->position_count && ok; n++)
			ok = put_position(store, id, of->positions[n], err);
		for (size_t n = 0, run; n < of->ledger_count && ok; n += run) {
			run = run_length(&of->ledger[n], of->ledger_count - n);
			ok = put_ledger(store, id, &of->ledger[n], run, err);
		}
		for (size_t n = 0; n < of->forgotten_count && ok; n++)
			ok = forget_generation(store, id, of->forgotten[n], err);
	}
	return ok;
}

static bool
put_sites(struct store *store, const struct changes *changes, struct err *err)
{
	sqlite3_stmt *put = store->prepared[SQL_PUT_SITE];
	bool ok = true;
	for (size_t i = 0; i < changes->site_count && ok; i++) {
		store_bind_text(put, 1, changes->sites[i].name);
		store_bind_text(put, 2, changes->sites[i].saved);
		ok = store_sql_run(store, SQL_PUT_SITE, err);
	}
	return ok;
}

static bool
forget_evidence(struct store *store, int64_t number, struct err *err)
{
	store_bind_number(store->prepared[SQL_FORGET_EVIDENCE], 1, number);
	return store_sql_run(store, SQL_FORGET_EVIDENCE, err);
}

static bool
put_evidence(struct store *store, int64_t number, const struct incident *incident, struct err *err)
{
	sqlite3_stmt *put = store->prepared[SQL_PUT_EVIDENCE];
	bool ok = true;
	for (size_t i = 0; i < incident->evidence_count && ok; i++) {
		const struct evidence *line = &incident->evidence[i];
		store_bind_number(put, 1, number);
		store_bind_number(put, 2, (int64_t)i);
		store_bind_text(put, 3, event_name(line->event));
		store_bind_time(put, 4, line->time);
		store_bind_number(put, 5, line->read_at);
		store_bind_text(put, 6, line->file);
		store_bind_number(put, 7, (int64_t)line->offset);
		store_bind_text(put, 8, line->text);
		store_bind_bytes(put, 9, line->digest, sizeof line->digest);
		ok = store_sql_run(store, SQL_PUT_EVIDENCE, err);
	}
	return ok;
}

static bool
put_incident(struct store *store, const struct incident *incident, struct err *err)
{
	sqlite3_stmt *put = store->prepared[SQL_PUT_INCIDENT];
	store_bind_text(put, 1, incident->id);
	store_bind_text(put, 2, incident->site);
	store_bind_text(put, 3, alert_kind_name(incident->kind));
	store_bind_number(put, 4, incident->started_at);
	store_bind_time(put, 5, incident->ended_at);
	store_bind_text(put, 6, resolution_name(incident->resolution));
	store_bind_text(put, 7, incident->cause);
	store_bind_number(put, 8, (int64_t)incident->occurrences);
	sqlite3_set_last_insert_rowid(store->db, 0);
	if (!store_sql_run(store, SQL_PUT_INCIDENT, err))
		return false;
	int64_t number = sqlite3_last_insert_rowid(store->db);
	if (number != 0)
		return put_evidence(store, number, incident, err);
	return find_number(store, SQL_FIND_INCIDENT, incident->id, &number, err) &&
	       forget_evidence(store, number, err) && put_evidence(store, number, incident, err);
}

static bool
put_posting(struct store *store, const struct posting *posting, struct err *err)
{
	sqlite3_stmt *put = store->prepared[SQL_PUT_ALERT];
	char *document = alert_save(posting->alert);
	store_bind_number(put, 1, (int64_t)posting->serial);
	store_bind_text(put, 2, posting->alert->id);
	store_bind_text(put, 3, posting->alert->site);
	store_bind_text(put, 4, document);
	bool ok = store_sql_run(store, SQL_PUT_ALERT, err);
	sqlite3_clear_bindings(put);
	free(document);
	put = store->prepared[SQL_PUT_DELIVERY];
	for (size_t i = 0; i < posting->sink_count && ok; i++) {
		store_bind_number(put, 1, (int64_t)posting->serial);
		store_bind_text(put, 2, posting->sinks[i]);
		store_bind_number(put, 3, DELIVERY_WAITING);
		store_bind_number(put, 4, posting->created_at);
		ok = store_sql_run(store, SQL_PUT_DELIVERY, err);
	}
	return ok;
}

static bool
change_delivery(struct store *store, const struct delivery *delivery, struct err *err)
{
	sqlite3_stmt *change = store->prepared[SQL_CHANGE_DELIVERY];
	store_bind_number(change, 1, (int64_t)delivery->serial);
	store_bind_text(change, 2, delivery->sink);
	store_bind_number(change, 3, delivery->state);
	store_bind_number(change, 4, delivery->attempts);
	store_bind_number(change, 5, delivery->created_at);
	store_bind_text(change, 6, delivery->last_error);
	return store_sql_run(store, SQL_CHANGE_DELIVERY, err);
}

static bool
forget_delivery(struct store *store, const struct delivery *delivery, struct err *err)
{
	sqlite3_stmt *forget = store->prepared[SQL_FORGET_DELIVERY];
	store_bind_number(forget, 1, (int64_t)delivery->serial);
	store_bind_text(forget, 2, delivery->sink);
	store_bind_number(store->prepared[SQL_FORGET_ALERT], 1, (int64_t)delivery->serial);
	return store_sql_run(store, SQL_FORGET_DELIVERY, err) &&
	       store_sql_run(store, SQL_FORGET_ALERT, err);
}

static bool
put_changes(struct store *store, const struct changes *changes, struct err *err)
{
	bool ok = put_inputs(store, changes, err) && put_sites(store, changes, err);
	for (size_t i = 0; i < changes->incident_count && ok; i++)
		ok = put_incident(store, changes->incidents[i], err);
	for (size_t i = 0; i < changes->posting_count && ok; i++)
		ok = put_posting(store, &changes->postings[i], err);
	for (size_t i = 0; i < changes->changed_count && ok; i++)
		ok = change_delivery(store, &changes->changed[i], err);
	for (size_t i = 0; i < changes->done_count && ok; i++)
		ok = forget_delivery(store, &changes->done[i], err);
	return ok;
}

/*
 * synchronous cannot be changed inside a transaction, and takes effect when it is compiled:
 * sqlite.org/pragma.html#pragma_synchronous. Under FULL a commit syncs the log, under NORMAL only
 * checkpoints do.
 */
static bool
set_durable(struct store *store, bool durable, struct err *err)
{
	if (store->full_sync == durable)
		return true;
	if (!store_sql_exec(store,
		    durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL", err))
		return false;
	store->full_sync = durable;
	return true;
}

static bool
commit(struct store *store, const struct changes *changes, bool durable, struct err *err)
{
	if (!store_settle(store, err) || !set_durable(store, durable, err) ||
		!store_sql_run(store, SQL_BEGIN, err))
		return false;
	int64_t before = sqlite3_total_changes64(store->db);
	bool ok = put_changes(store, changes, err);
	/* A transaction that wrote nothing would not sync the ones before it. */
	if (ok && durable && sqlite3_total_changes64(store->db) == before)
		ok = store_sql_run(store, SQL_PRIME, err);
	ok = ok && store_sql_run(store, SQL_COMMIT, err);
	bool sync_failed = !ok && store->failure == SQLITE_IOERR_FSYNC;
	if (!ok && !sqlite3_get_autocommit(store->db)) {
		sqlite3_step(store->prepared[SQL_ROLLBACK]);
		sqlite3_reset(store->prepared[SQL_ROLLBACK]);
	}
	if (sync_failed) {
		/* At once, while the kernel still has the pages; else before the next commit. */
		struct err unimportant = ERR_INIT;
		store->suspect = true;
		store_settle(store, &unimportant);
	}
	return ok;
}

bool
store_commit(struct store *store, const struct changes *changes, bool durable, struct err *err)
{
	struct err unimportant = ERR_INIT;
	pthread_mutex_lock(&store->mutex);
	bool ok = commit(store, changes, durable, err);
	if (ok)
		store->incidents_put += changes->incident_count;
	if (ok && store->wal_pages > (durable ? LOG_PAGES_DURABLE : LOG_PAGES) &&
		!store_checkpoint(store, false, &unimportant))
		log_warning("%s", unimportant.text);
	pthread_mutex_unlock(&store->mutex);
	return ok;
}

bool
store_prune(struct store *store, struct err *err)
{
	if (store->incidents_put < PRUNE_AFTER)
		return true;
	sqlite3_stmt *prune = store->prepared[SQL_PRUNE_INCIDENTS];
	store_bind_number(prune, 1, INCIDENTS_KEPT);
	if (!store_settle(store, err) || !set_durable(store, false, err) ||
		!store_sql_run(store, SQL_PRUNE_INCIDENTS, err))
		return false;
	store->incidents_put = 0;
	return true;
}
