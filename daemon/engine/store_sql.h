#ifndef AIWATCH_ENGINE_STORE_SQL_H
#define AIWATCH_ENGINE_STORE_SQL_H

#include "daemon/base/log.h"
#include "daemon/engine/store.h"

#include <pthread.h>
#include <sqlite3.h>

/*
 * Inside the store: store_directory.c has what concerns the directory (lock, setting aside),
 * store_file.c the database in it (opening, migrations), store_log.c its write-ahead log, store.c
 * writes what stands there, store_read.c reads it. Nobody else includes this.
 */
enum statement {
	SQL_BEGIN,
	SQL_COMMIT,
	SQL_ROLLBACK,
	SQL_ADD_INPUT,
	SQL_FIND_INPUT,
	SQL_PUT_POSITION,
	SQL_MOVE_POSITION,
	SQL_FORGET_POSITION,
	SQL_PUT_LEDGER,
	SQL_FORGET_LEDGER,
	SQL_PUT_SITE,
	SQL_PUT_INCIDENT,
	SQL_FIND_INCIDENT,
	SQL_PUT_EVIDENCE,
	SQL_FORGET_EVIDENCE,
	SQL_PUT_ALERT,
	SQL_PUT_DELIVERY,
	SQL_CHANGE_DELIVERY,
	SQL_FORGET_DELIVERY,
	SQL_FORGET_ALERT,
	SQL_EACH_POSITION,
	SQL_EACH_SITE,
	SQL_READ_SITE,
	SQL_EACH_DELIVERY,
	SQL_EACH_INCIDENT,
	SQL_EACH_INCIDENT_OF_SITE,
	SQL_EACH_LASTING,
	SQL_EACH_EVIDENCE,
	SQL_READ_ALERT,
	SQL_LAST_SERIAL,
	SQL_PRUNE_INCIDENTS,
	SQL_PRIME,
	STATEMENTS,
};

extern const char *const STORE_SQL[STATEMENTS];

enum {
	INCIDENTS_KEPT = 1000,	  /* for each site */
	PRUNE_AFTER = 1000,	  /* incidents written */
	STORE_LOG_ROOM = 8 << 20, /* bytes that the log keeps when it is begun anew */
};

struct store {
	char *directory;
	char *path;
	int lock; /* descriptor of the lock file, -1 where it could not be made */
	sqlite3 *db;
	sqlite3_stmt *prepared[STATEMENTS];
	bool memory;	/* db is in memory: the directory cannot be written */
	bool lost;	/* what was kept before could not be had */
	bool set_first; /* what stands on the disk was not read: set aside before it is replaced */
	bool full_sync; /* PRAGMA synchronous as it stands now: FULL, else NORMAL */
	bool suspect;	/* a sync failed: what stands in the write-ahead log may not be on disk */
	bool has_room;	/* the log was given its room, or the disk refused it */
	int wal_pages;	/* in the log that are not in the database yet */
	int failure;	/* SQLite's code of the last failure */
	size_t incidents_put;  /* since the last pruning */
	pthread_mutex_t mutex; /* the connection's; others than the engine read only where memory */
};

/* Writes "store PATH: WHAT: SQLite's sentence" and returns false. */
bool
store_sql_fail(const struct store *store, const char *what, struct err *err);

/* Steps a statement that gives no row and resets it. */
bool
store_sql_run(struct store *store, enum statement which, struct err *err);

/* Runs one SQL text. */
bool
store_sql_exec(struct store *store, const char *sql, struct err *err);

/* Where it fails, *fatal tells a mistake from what the disk is to blame for. */
bool
store_make_directory(const struct store *store, bool *fatal, struct err *err);

/* Where it fails, *held tells another process from a lock file that cannot be made. */
bool
store_take_lock(struct store *store, bool *held, struct err *err);

/* Renames the database, its log first; err holds why, and gets the name. */
bool
store_set_aside(struct store *store, struct err *err);

/* Keeps the newest incidents of each site, and those that last. */
bool
store_prune(struct store *store, struct err *err);

/* Where a sync failed, or may have: writes the log once more. Nothing else may be written before.
 */
bool
store_settle(struct store *store, struct err *err);

/* Writes the log back. `all`: also waits for readers and lets the next commit begin a new one. */
bool
store_checkpoint(struct store *store, bool all, struct err *err);

/* Gives the log its room, once, where the disk has plenty. No trouble where it cannot. */
void
store_make_room(struct store *store);

/* Binding fails only without memory, or beyond SQLite's limit of a gigabyte. */
static inline void
store_bound(int code)
{
	if (code != SQLITE_OK)
		log_fatal("store: cannot bind a value: %s", sqlite3_errstr(code));
}

static inline void
store_bind_number(sqlite3_stmt *statement, int place, int64_t value)
{
	store_bound(sqlite3_bind_int64(statement, place, value));
}

static inline void
store_bind_text(sqlite3_stmt *statement, int place, const char *text)
{
	store_bound(sqlite3_bind_text(statement, place, text, -1, SQLITE_STATIC));
}

#endif
