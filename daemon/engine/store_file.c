#include "daemon/engine/store_sql.h"

#include "daemon/base/buf.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * What is true on the disk, whenever the process dies:
 *
 *  1. A transaction is in the log whole, with its checksums, or it is not read back.
 *  2. The log is synced before anything of it goes into the database, the database before the log
 *     is begun anew (synchronous is NORMAL at least, never OFF).
 *  3. A durable commit syncs the whole log: what a power loss takes is a tail of transactions that
 *     were not promised.
 *  4. Setting aside takes the log away before the database: no log ever stands beside a database
 *     that it does not belong to.
 *  5. After a sync that failed nothing is written before the log has been written again whole.
 *  6. A migration and its version number are one transaction.
 */
enum {
	APPLICATION_ID = 0x41495741, /* "AIWA" */
	BUSY_WAIT = 250,	     /* ms; only a person with the sqlite3 shell holds a lock */
	CHECKED_ALWAYS = 16 << 20,   /* bytes of a database that is checked at every opening */
	MEMORY_PAGES = (128 << 20) / 4096, /* in memory, at most */
	CHECKPOINT_PAGES = 256,		   /* in the log before it is worth a checkpoint */
};
_Static_assert(STORE_LOG_ROOM == 8388608, "the limit that configure names");

/*
 * Few pages for each commit. Without a rowid what is beyond a quarter of a page takes a page of its
 * own, which a site's state would. Evidence stands by numbers that grow, not by the ids, which are
 * digests: what comes together stands together.
 */
#define SITE_COLUMNS "(number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, saved TEXT NOT NULL)"
#define INCIDENT_COLUMNS                                                                       \
	"(number INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, site TEXT NOT NULL,"            \
	" kind TEXT NOT NULL, started_at INTEGER NOT NULL, ended_at INTEGER, resolution TEXT," \
	" cause TEXT, occurrences INTEGER NOT NULL)"
#define EVIDENCE_COLUMNS                                                                         \
	"(incident INTEGER NOT NULL, place INTEGER NOT NULL, event TEXT NOT NULL, time INTEGER," \
	" read_at INTEGER NOT NULL, file TEXT, offset INTEGER NOT NULL, text TEXT,"              \
	" digest BLOB NOT NULL, PRIMARY KEY (incident, place)) WITHOUT ROWID"
#define INCIDENT_INDICES                                                \
	"CREATE INDEX incident_by_site ON incident (site, started_at);" \
	"CREATE INDEX incident_by_time ON incident (started_at);"       \
	"CREATE TRIGGER evidence_goes AFTER DELETE ON incident"         \
	" BEGIN DELETE FROM evidence WHERE incident = old.number; END;"

static const char SCHEMA[] =
	"CREATE TABLE input (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);"
	"CREATE TABLE position ("
	"  input INTEGER NOT NULL, generation INTEGER NOT NULL, path TEXT NOT NULL,"
	"  seen_at TEXT NOT NULL, state INTEGER NOT NULL, offset INTEGER NOT NULL,"
	"  size INTEGER NOT NULL, changed_at INTEGER NOT NULL, born_at INTEGER NOT NULL,"
	"  object BLOB NOT NULL, head_length INTEGER NOT NULL, head BLOB NOT NULL,"
	"  anchor_length INTEGER NOT NULL, anchor BLOB NOT NULL, backlog_until INTEGER NOT NULL,"
	"  reader BLOB NOT NULL, proof BLOB NOT NULL, packed INTEGER NOT NULL,"
	"  PRIMARY KEY (input, generation)) WITHOUT ROWID;"
	"CREATE TABLE ledger ("
	"  input INTEGER NOT NULL, generation INTEGER NOT NULL, chunk INTEGER NOT NULL,"
	"  digest BLOB NOT NULL, PRIMARY KEY (input, generation, chunk)) WITHOUT ROWID;"
	"CREATE TABLE site " SITE_COLUMNS ";"
	"CREATE TABLE incident " INCIDENT_COLUMNS ";"
	"CREATE TABLE evidence " EVIDENCE_COLUMNS ";" INCIDENT_INDICES
	/* AUTOINCREMENT: a serial is never given twice, even when its alert has gone. */
	"CREATE TABLE alert ("
	"  serial INTEGER PRIMARY KEY AUTOINCREMENT, id TEXT NOT NULL, site TEXT NOT NULL,"
	"  document TEXT NOT NULL);"
	"CREATE TABLE delivery ("
	"  serial INTEGER NOT NULL, sink TEXT NOT NULL, state INTEGER NOT NULL,"
	"  attempts INTEGER NOT NULL, created_at INTEGER NOT NULL, last_error TEXT,"
	"  PRIMARY KEY (serial, sink)) WITHOUT ROWID;"
	"CREATE TABLE prime (turn INTEGER NOT NULL);"
	"INSERT INTO prime VALUES (0);";

/* From each version before the schema's, the first of which was 1, to the next. */
static const char *const MIGRATION[] = {
	"CREATE TABLE site_2 " SITE_COLUMNS ";"
	"INSERT INTO site_2 (name, saved) SELECT name, saved FROM site ORDER BY name;"
	"CREATE TABLE incident_2 " INCIDENT_COLUMNS ";"
	"INSERT INTO incident_2 SELECT NULL, id, site, kind, started_at, ended_at, resolution,"
	"  cause, occurrences FROM incident ORDER BY rowid;"
	"CREATE TABLE evidence_2 " EVIDENCE_COLUMNS ";"
	"INSERT INTO evidence_2 SELECT number, place, event, time, read_at, file, offset, text,"
	"  digest FROM incident_2 JOIN evidence ON evidence.incident = incident_2.id"
	"  ORDER BY number, place;"
	"DROP TABLE site; DROP TABLE evidence; DROP TABLE incident;"
	"ALTER TABLE site_2 RENAME TO site; ALTER TABLE evidence_2 RENAME TO evidence;"
	"ALTER TABLE incident_2 RENAME TO incident;" INCIDENT_INDICES,
	/* Digests of 512 bytes are others: of what was read before there are none. See position.h.
	 */
	"DELETE FROM ledger; UPDATE position SET proof = CAST(substr(proof, 1, 504) AS BLOB);",
};
enum { VERSION = COUNT(MIGRATION) + 1 };

enum disk { DISK_EXISTING, DISK_NEW, DISK_DAMAGED, DISK_BUSY, DISK_UNUSABLE };

/* Asks for one number. */
static bool
ask(struct store *store, const char *sql, int64_t *answer, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(store->db, sql, -1, &statement, NULL) == SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	if (ok)
		*answer = sqlite3_column_int64(statement, 0);
	else
		store_sql_fail(store, "cannot be read", err);
	sqlite3_finalize(statement);
	return ok;
}

static int
on_wal(void *owner, sqlite3 *db, const char *database, int pages)
{
	(void)db;
	(void)database;
	((struct store *)owner)->wal_pages = pages;
	return SQLITE_OK;
}

static void
close_database(struct store *store)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		sqlite3_finalize(store->prepared[i]);
		store->prepared[i] = NULL;
	}
	sqlite3_close(store->db);
	store->db = NULL;
}

static bool
prepare_all(struct store *store, struct err *err)
{
	for (size_t i = 0; i < STATEMENTS; i++) {
		if (sqlite3_prepare_v3(store->db, STORE_SQL[i], -1, SQLITE_PREPARE_PERSISTENT,
			    &store->prepared[i], NULL) != SQLITE_OK)
			return store_sql_fail(store, "is not as expected", err);
	}
	return true;
}

/* Damage that SQLite does not call so. */
static bool
not_ours(struct store *store, struct err *err, const char *why)
{
	store->failure = SQLITE_NOTADB;
	return err_set(err, "store %s: %s", store->path, why);
}

static bool
change(struct store *store, const char *how, int64_t version, struct err *err)
{
	char *sql = mem_format("BEGIN IMMEDIATE; %s PRAGMA application_id = %d;"
			       "PRAGMA user_version = %" PRId64 "; COMMIT",
		how, APPLICATION_ID, version);
	bool ok = store_sql_exec(store, sql, err);
	free(sql);
	return ok;
}

static bool
migrate(struct store *store, bool *fresh, struct err *err)
{
	int64_t version, application, tables;
	if (!ask(store, "PRAGMA user_version", &version, err) ||
		!ask(store, "PRAGMA application_id", &application, err) ||
		!ask(store, "SELECT count(*) FROM sqlite_master", &tables, err))
		return false;
	*fresh = tables == 0;
	if (!*fresh && application != APPLICATION_ID)
		return not_ours(store, err, "is another program's database");
	if (version > VERSION)
		return not_ours(store, err, "was written by a newer version of aiwatch");
	if (version == 0)
		return change(store, SCHEMA, VERSION, err);
	for (; version > 0 && version < VERSION; version++) {
		if (!change(store, MIGRATION[version - 1], version + 1, err))
			return false;
	}
	return true;
}

/*
 * What the check found, in SQLite's words: damage, or a disk that could not be read just now? Of a
 * free page, and of a long row's, it says no code where it cannot be read.
 */
static int
failure_in(const char *finding)
{
	static const char CODE[] = "error code=";
	const char *code = strstr(finding, CODE);
	int number = code ? (int)strtol(code + sizeof CODE - 1, NULL, 10) : 0;
	bool is_unread = strstr(finding, "failed to get page") || (number & 0xff) == SQLITE_IOERR;
	return is_unread ? SQLITE_IOERR_READ : SQLITE_CORRUPT;
}

static bool
check_pages(struct store *store, struct err *err)
{
	sqlite3_stmt *statement = NULL;
	bool ok = sqlite3_prepare_v2(store->db, "PRAGMA quick_check(1)", -1, &statement, NULL) ==
			  SQLITE_OK &&
		  sqlite3_step(statement) == SQLITE_ROW;
	const char *finding = ok ? (const char *)sqlite3_column_text(statement, 0) : NULL;
	if (!ok) {
		store_sql_fail(store, "cannot be checked", err);
	} else if (strcmp(finding, "ok") != 0) {
		store->failure = failure_in(finding);
		ok = err_set(err, "store %s: is damaged: %s", store->path, finding);
		for (char *p = err->text; (p = strchr(p, '\n'));)
			*p = ' ';
	}
	sqlite3_finalize(statement);
	return ok;
}

/* WAL, without the checkpoints that SQLite would do between a transition and its alert. */
static bool
configure(struct store *store, struct err *err)
{
	sqlite3_extended_result_codes(store->db, 1);
	sqlite3_busy_timeout(store->db, BUSY_WAIT);
	if (!store_sql_exec(store,
		    "PRAGMA trusted_schema = OFF; PRAGMA cell_size_check = ON;"
		    "PRAGMA temp_store = MEMORY; PRAGMA journal_mode = WAL;"
		    "PRAGMA synchronous = NORMAL; PRAGMA journal_size_limit = 8388608",
		    err))
		return false;
	store->full_sync = false;
	store->wal_pages = 0;
	sqlite3_wal_hook(store->db, on_wal, store);
	return true;
}

/* A clean stop writes the log back and deletes it. */
static bool
is_unclean(const struct store *store)
{
	struct stat log;
	char *path = mem_format("%s-wal", store->path);
	bool unclean = stat(path, &log) == 0 && log.st_size > 0;
	free(path);
	return unclean;
}

static bool
wants_check(const struct store *store)
{
	struct stat database;
	return store->suspect ||
	       (stat(store->path, &database) == 0 && database.st_size < CHECKED_ALWAYS);
}

static bool
open_database(struct store *store, bool *fresh, struct err *err)
{
	/* SQLite would make it readable by all; the log takes the database's mode. */
	int fd = open(store->path, O_RDWR | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0) {
		store->failure = SQLITE_CANTOPEN;
		return err_system(err, errno, "store %s: cannot be opened", store->path);
	}
	close(fd);
	store->suspect = is_unclean(store); /* nobody knows how the last syncs ended */
	bool check = wants_check(store);
	if (sqlite3_open_v2(store->path, &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX,
		    NULL) != SQLITE_OK)
		return store_sql_fail(store, "cannot be opened", err);
	return configure(store, err) && (!check || check_pages(store, err)) &&
	       migrate(store, fresh, err) && prepare_all(store, err);
}

static enum disk
open_disk(struct store *store, struct err *err)
{
	bool fresh = false;
	store->failure = SQLITE_OK;
	if (open_database(store, &fresh, err))
		return fresh ? DISK_NEW : DISK_EXISTING;
	/* What is set aside stays as it was found, log and all. */
	if (store->db)
		sqlite3_db_config(store->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, NULL);
	close_database(store);
	switch (store->failure & 0xff) {
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_ERROR: /* a table or a column is missing */
		return DISK_DAMAGED;
	case SQLITE_BUSY:
		return DISK_BUSY;
	default:
		return DISK_UNUSABLE;
	}
}

/* The path as a URI, with what has a meaning there escaped: sqlite.org/uri.html */
static char *
uri(const char *path, const char *query)
{
	struct buf out = BUF_INIT;
	buf_add_text(&out, "file:");
	for (const char *p = path; *p; p++) {
		if (strchr("%?#", *p))
			buf_format(&out, "%%%02X", (unsigned char)*p);
		else
			buf_add_byte(&out, *p);
	}
	buf_format(&out, "?%s", query);
	return buf_take(&out);
}

static bool
backup(sqlite3 *to, sqlite3 *from)
{
	sqlite3_backup *copy = sqlite3_backup_init(to, "main", from, "main");
	if (!copy)
		return false;
	sqlite3_backup_step(copy, -1);
	return sqlite3_backup_finish(copy) == SQLITE_OK;
}

/* What can still be read of the disk. A directory that cannot be written has room for no -shm, so
 * the second try takes the database as it stands: `immutable`. */
static bool
copy_disk(struct store *store)
{
	static const char *const QUERY[] = {"mode=ro", "mode=ro&immutable=1"};
	bool copied = false;
	for (size_t i = 0; i < COUNT(QUERY) && !copied; i++) {
		sqlite3 *disk = NULL;
		char *name = uri(store->path, QUERY[i]);
		copied = sqlite3_open_v2(name, &disk, SQLITE_OPEN_READONLY | SQLITE_OPEN_URI,
				 NULL) == SQLITE_OK &&
			 backup(store->db, disk);
		sqlite3_close(disk);
		free(name);
	}
	return copied;
}

static bool
open_memory(struct store *store, bool with_disk)
{
	struct err err = ERR_INIT;
	bool fresh;
	if (sqlite3_open_v2(":memory:", &store->db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_FULLMUTEX,
		    NULL) != SQLITE_OK)
		log_fatal("store: no memory for a database");
	char *limit = mem_format("PRAGMA max_page_count = %d", (int)MEMORY_PAGES);
	bool ok = (!with_disk || copy_disk(store)) && configure(store, &err) &&
		  store_sql_exec(store, limit, &err) && (!with_disk || check_pages(store, &err)) &&
		  migrate(store, &fresh, &err) && prepare_all(store, &err);
	free(limit);
	if (!ok)
		close_database(store);
	return ok;
}

static bool
has_database(const struct store *store)
{
	struct stat status;
	return stat(store->path, &status) == 0 ? status.st_size > 0 : errno != ENOENT;
}

static enum store_opened
fall_back(struct store *store, struct err *err)
{
	bool exists = has_database(store);
	struct err why = *err;
	bool copied = exists && open_memory(store, true);
	if (!copied && !open_memory(store, false))
		log_fatal("store: no database in memory");
	store->memory = true;
	store->lost = exists && !copied;
	store->set_first = !copied;
	err_set(err, "%s; alerts go on, but nothing is kept over a restart%s", why.text,
		copied ? " (what it held was read)" : "");
	return STORE_MEMORY;
}

static enum store_opened
open_or_set_aside(struct store *store, struct err *err)
{
	enum disk disk = open_disk(store, err);
	if (disk == DISK_DAMAGED && store_set_aside(store, err)) {
		struct err why = *err;
		disk = open_disk(store, err);
		if (disk == DISK_NEW) {
			*err = why;
			return STORE_SET_ASIDE;
		}
		err_context(err, "%s", why.text);
	}
	switch (disk) {
	case DISK_EXISTING:
		return STORE_EXISTING;
	case DISK_NEW:
		return STORE_CREATED;
	case DISK_BUSY:
		return STORE_REFUSED;
	default:
		return STORE_MEMORY;
	}
}

enum store_opened
store_open(const char *directory, struct store **opened, struct err *err)
{
	struct store *store = mem_new(sizeof *store);
	bool fatal, held;
	enum store_opened how = STORE_MEMORY;
	store->directory = mem_text(directory);
	store->path = mem_format("%s/aiwatch.db", directory);
	store->lock = -1;
	store->incidents_put = PRUNE_AFTER;
	pthread_mutex_init(&store->mutex, NULL);
	if (!store_make_directory(store, &fatal, err))
		how = fatal ? STORE_REFUSED : STORE_MEMORY;
	else if (store_take_lock(store, &held, err))
		how = open_or_set_aside(store, err);
	else if (held)
		how = STORE_REFUSED;
	if (how == STORE_MEMORY)
		how = fall_back(store, err);
	store->lost = store->lost || how == STORE_SET_ASIDE;
	if (how == STORE_REFUSED) {
		store_close(store);
		store = NULL;
	}
	*opened = store;
	return how;
}

void
store_close(struct store *store)
{
	if (!store)
		return;
	/* Closing writes the log back. */
	struct err err = ERR_INIT;
	if (store->db && !store_settle(store, &err))
		log_warning("%s", err.text);
	close_database(store);
	if (store->lock >= 0)
		close(store->lock);
	free(store->directory);
	free(store->path);
	pthread_mutex_destroy(&store->mutex);
	free(store);
}

bool
store_is_memory(const struct store *store)
{
	return store->memory;
}

bool
store_has_lost(const struct store *store)
{
	return store->lost;
}

/* Nothing was kept so far: tries the disk again, and moves over what there is. */
static void
move_to_disk(struct store *store)
{
	struct err err = ERR_INIT;
	bool fatal, held;
	struct store disk = {
		.directory = store->directory, .path = store->path, .lock = store->lock};
	if (!store_make_directory(&disk, &fatal, &err))
		return;
	if (disk.lock < 0 && !store_take_lock(&disk, &held, &err)) {
		if (disk.lock >= 0)
			close(disk.lock);
		return;
	}
	store->lock = disk.lock;
	if (store->set_first && has_database(store)) {
		err_set(&err, "store %s: was not read at the start", store->path);
		if (!store_set_aside(&disk, &err))
			return;
		log_error("%s", err.text);
	}
	store->set_first = false;
	enum store_opened how = open_or_set_aside(&disk, &err);
	if (how == STORE_MEMORY || how == STORE_REFUSED)
		return;
	if (!backup(disk.db, store->db) || !store_checkpoint(&disk, true, &err)) {
		close_database(&disk);
		return;
	}
	close_database(store);
	store->db = disk.db;
	memcpy(store->prepared, disk.prepared, sizeof store->prepared);
	sqlite3_wal_hook(store->db, on_wal, store);
	store->full_sync = store->suspect = store->memory = false;
	store->wal_pages = 0;
	log_notice("store %s: can be written again, everything is kept from now on", store->path);
}

static bool
maintain(struct store *store, struct err *err)
{
	if (store->memory)
		move_to_disk(store);
	if (!store_prune(store, err))
		return false;
	if (!store->memory)
		store_make_room(store);
	if (store->memory || store->wal_pages < CHECKPOINT_PAGES)
		return true;
	/* The first commit to a new log syncs its header too: better here than under an alert. */
	return store_checkpoint(store, false, err) && store_sql_run(store, SQL_PRIME, err);
}

bool
store_maintain(struct store *store, struct err *err)
{
	pthread_mutex_lock(&store->mutex);
	bool ok = maintain(store, err);
	pthread_mutex_unlock(&store->mutex);
	return ok;
}
