#include "daemon/engine/store_sql.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

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
