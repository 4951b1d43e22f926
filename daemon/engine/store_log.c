#include "daemon/engine/store_sql.h"

#include "daemon/base/mem.h"

#include <stdlib.h>
#include <sys/statvfs.h>

/* NULL where there is none yet. */
static sqlite3_file *
log_of(struct store *store)
{
	sqlite3_file *log = NULL;
	sqlite3_file_control(store->db, "main", SQLITE_FCNTL_JOURNAL_POINTER, (void *)&log);
	return log && log->pMethods ? log : NULL;
}

/*
 * A sync that failed may leave pages of the log that the kernel takes for written and that are not:
 * what is appended behind such a hole would not be read back after a power loss, and what is
 * written back into the database could not be mended from the log. So the log is written over with
 * itself, and synced.
 */
bool
store_settle(struct store *store, struct err *err)
{
	enum { CHUNK = 32768 };
	sqlite3_int64 size = 0;
	sqlite3_file *log = store->suspect && !store->memory ? log_of(store) : NULL;
	if (!log)
		return true;
	char *bytes = mem_array(CHUNK, 1);
	int code = log->pMethods->xFileSize(log, &size);
	for (sqlite3_int64 at = 0; at < size && code == SQLITE_OK; at += CHUNK) {
		int n = size - at < CHUNK ? (int)(size - at) : CHUNK;
		code = log->pMethods->xRead(log, bytes, n, at);
		if (code == SQLITE_OK)
			code = log->pMethods->xWrite(log, bytes, n, at);
	}
	free(bytes);
	if (code == SQLITE_OK)
		code = log->pMethods->xSync(log, SQLITE_SYNC_NORMAL);
	store->suspect = code != SQLITE_OK;
	if (store->suspect) {
		store->failure = code;
		err_set(err, "store %s: its log cannot be written: %s", store->path,
			sqlite3_errstr(code));
	}
	return !store->suspect;
}

bool
store_checkpoint(struct store *store, bool all, struct err *err)
{
	int mode = all ? SQLITE_CHECKPOINT_RESTART : SQLITE_CHECKPOINT_PASSIVE;
	int pages = 0, done = 0;
	if (!store_settle(store, err))
		return false;
	int code = sqlite3_wal_checkpoint_v2(store->db, NULL, mode, &pages, &done);
	if (code != SQLITE_OK && (all || code != SQLITE_BUSY)) {
		store_sql_fail(store, "cannot write its log back", err);
		store->suspect |= store->failure == SQLITE_IOERR_FSYNC;
		return false;
	}
	store->wal_pages = pages - done;
	return true;
}

static bool
disk_has_plenty(const struct store *store)
{
	enum { PLENTY = 32 }; /* times the room */
	struct statvfs disk;
	return statvfs(store->directory, &disk) == 0 &&
	       disk.f_bavail >= (uint64_t)STORE_LOG_ROOM * PLENTY / disk.f_frsize;
}

/* Zeros up to STORE_LOG_ROOM, or nothing; the caller has the lock for writing. */
static void
extend(struct store *store, sqlite3_file *log)
{
	enum { CHUNK = 1 << 16 }; /* SQLite writes less than 128 KiB at once */
	sqlite3_int64 size = 0;
	if (log->pMethods->xFileSize(log, &size) != SQLITE_OK || size >= STORE_LOG_ROOM)
		return;
	char *zeros = mem_array(CHUNK, 1);
	int code = SQLITE_OK;
	for (sqlite3_int64 at = size; at < STORE_LOG_ROOM && code == SQLITE_OK; at += CHUNK) {
		int n = STORE_LOG_ROOM - at < CHUNK ? (int)(STORE_LOG_ROOM - at) : CHUNK;
		code = log->pMethods->xWrite(log, zeros, n, at);
	}
	free(zeros);
	if (code != SQLITE_OK)
		log->pMethods->xTruncate(log, size);
	store->suspect |= log->pMethods->xSync(log, SQLITE_SYNC_NORMAL) != SQLITE_OK;
}

/*
 * A sync of a file that grew waits for the file system's own journal too; one of a file that was
 * written over does not. So the log gets its room before it is needed. Zeros are no transaction:
 * what stands behind the last one is not read back. Without it commits are slower, no more.
 */
void
store_make_room(struct store *store)
{
	struct err unimportant = ERR_INIT;
	if (store->has_room || !disk_has_plenty(store) || !store_settle(store, &unimportant) ||
		!store_sql_run(store, SQL_BEGIN, &unimportant))
		return;
	sqlite3_file *log = log_of(store);
	if (log)
		extend(store, log);
	store->has_room = log != NULL;
	store_sql_run(store, SQL_ROLLBACK, &unimportant);
}
