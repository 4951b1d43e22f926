#ifndef AIWATCH_ENGINE_STORE_H
#define AIWATCH_ENGINE_STORE_H

#include "daemon/engine/correlate.h"
#include "daemon/input/position.h"

/*
 * The store: SQLite in WAL mode under DIRECTORY/aiwatch.db, one process at a time (a lock file
 * beside it, aiwatch.lock). All that changes goes in by store_commit, one call, one transaction:
 * whole or not at all. The caller keeps what it has until the call returned true, so a store that
 * fails loses nothing: the next call brings it again, and brings it twice without harm.
 *
 * Everything is called from the engine's thread, but for store_read_ledger.
 */
struct store;

enum store_opened {
	STORE_EXISTING,
	STORE_CREATED,
	STORE_SET_ASIDE, /* the old one was damaged or of a newer version: renamed, a new one begun
			  */
	STORE_MEMORY,	 /* the disk cannot be written: nothing is kept over a restart */
	STORE_REFUSED,	 /* another process holds it, or the directory cannot be made */
};

/*
 * Opens, creating the directory (mode 0750; its parent must be there) and the database. On
 * STORE_REFUSED *store is NULL. On STORE_REFUSED, STORE_SET_ASIDE and STORE_MEMORY err holds the
 * sentence to be said loudly.
 *
 * The pages are checked (quick_check) where the last stop was not clean or the database is under
 * 16 MiB. What is set aside becomes aiwatch.db.set-aside.N with its -wal and -shm, N from 1 to 9;
 * the ninth is replaced. In memory the store holds at most 128 MiB; what could still be read from
 * the disk is in it, and store_maintain moves it to the disk once that can be written again.
 */
enum store_opened
store_open(const char *directory, struct store **store, struct err *err);
void
store_close(struct store *store); /* takes NULL */

/* Whether nothing is kept over a restart. */
bool
store_is_memory(const struct store *store);

/* Whether what was kept before cannot be had: set aside, or on a disk that could not be read. */
bool
store_has_lost(const struct store *store);

/* One delivery of one alert to one sink; texts borrowed. */
enum delivery_state {
	DELIVERY_WAITING,
	DELIVERY_DEAD, /* a dead letter */
};

struct delivery {
	uint64_t serial; /* of the alert in the store: its order */
	const char *id;	 /* the alert's */
	const char *sink;
	const char *site;
	enum delivery_state state;
	uint32_t attempts;
	int64_t created_at;	/* wall; ages are counted from it */
	const char *last_error; /* NULL for none */
	int64_t due; /* monotonic: its next try; TIME_NONE where others go first. Not stored */
};

/* An alert to be kept, and the sinks it is for. It stays while one of its deliveries does. */
struct posting {
	uint64_t serial; /* given by the outbox: greater than every one before */
	const struct alert *alert;
	const char *const *sinks;
	size_t sink_count;
	int64_t created_at;
};

/* All that one transaction changes; everything borrowed. */
struct changes {
	struct input_changes {
		const char *input;
		const struct position *const *positions;
		size_t position_count;
		const uint64_t *forgotten;
		size_t forgotten_count;
		const struct ledger_entry *ledger;
		size_t ledger_count;
	} * inputs;
	size_t input_count;
	struct saved_site {
		const char *name;
		const char *saved; /* correlate_save */
	} * sites;
	size_t site_count;
	const struct incident *const *incidents; /* new, or replaced by id; 1000 a site stay */
	size_t incident_count;
	const struct posting *postings;
	size_t posting_count;
	const struct delivery *changed; /* with a new state, attempts, created_at or error */
	size_t changed_count;
	const struct delivery *done; /* acknowledged by their sink: deleted */
	size_t done_count;
};

/*
 * One transaction. Of a position that lacks its proof the one that stands there stays. `durable`:
 * when the call returns, it is on the disk, and so is every transaction before it, durable or not
 * (SQLite syncs its log as a whole). One that is not durable outlives the process, not a power
 * loss; what a power loss takes is always the newest.
 */
bool
store_commit(struct store *store, const struct changes *changes, bool durable, struct err *err);

/*
 * Work that must not stand between a transition and its alert: the write-ahead log goes back into
 * the database, old incidents go. The engine calls it when it has been idle for a moment, at least
 * once in ten minutes. Cheap where nothing is to be done; false with a sentence where it failed,
 * and nothing is lost then.
 */
bool
store_maintain(struct store *store, struct err *err);

/* Loading at the start: each calls `visit` for each row; texts borrow for the call. A position that
 * is not sound is passed by. */
bool
store_each_position(struct store *store, const char *input,
	void (*visit)(void *owner, const struct position *position), void *owner, struct err *err);
bool
store_each_site(struct store *store, void (*visit)(void *owner, const char *saved), void *owner,
	struct err *err);
/* One site's, to be freed. NULL with a sentence where there is none, with the code ENOENT, or where
 * it cannot be read. */
char *
store_read_site(struct store *store, const char *name, struct err *err);
bool
store_each_delivery(struct store *store,
	void (*visit)(void *owner, const struct delivery *delivery), void *owner, struct err *err);

/* Incidents of a site (NULL: of all), newest first, at most `limit`. */
bool
store_each_incident(struct store *store, const char *site, size_t limit,
	void (*visit)(void *owner, const struct incident *incident), void *owner, struct err *err);

/* Incidents of a kind that have not ended, oldest first. */
bool
store_each_lasting(struct store *store, enum alert_kind kind,
	void (*visit)(void *owner, const struct incident *incident), void *owner, struct err *err);

/*
 * The alert behind a delivery. False with a sentence and a code: ENOENT where there is none,
 * EBADMSG where it is none, EIO where the store cannot be read.
 */
bool
store_read_alert(struct store *store, uint64_t serial, struct alert *alert, struct err *err);

/* Greatest serial ever given, 0 where none was. */
uint64_t
store_last_serial(const struct store *store);

/* Digests of a generation, and, where `proof` is not NULL, PROOF_TAIL bytes of what proves its
 * beginning; a connection of its own a call, so any thread may. An input_read_ledger. */
bool
store_read_ledger(void *store, const char *input, uint64_t generation,
	struct ledger_entry **entries, size_t *count, uint8_t *proof, struct err *err);

#endif
