#ifndef AIWATCH_ENGINE_OUTBOX_QUEUE_H
#define AIWATCH_ENGINE_OUTBOX_QUEUE_H

#include "daemon/engine/outbox.h"

#include <uthash.h>

/*
 * Inside the outbox: its rows and where they stand. An outlet is one sink's queue; it has a lane
 * for each site that something waits for; a lane's rows go one after another, lanes side by side.
 * Nobody else includes this.
 *
 *  1. A row that is posted stands in its document's list, one that waits, is under way or was
 *     answered in its lane, a dead one in its outlet's list of the dead, a done one nowhere but in
 *     the list of what the next transaction deletes.
 *  2. Only a lane's first row is under way or answered.
 *  3. A lane stands in its outlet's heap exactly when its first row waits.
 *  4. Rows of an outlet without a sink are dead, done or posted.
 */
enum row_state {
	ROW_POSTED,    /* its transaction is not over yet */
	ROW_WAITING,   /* for its turn, or for its next try */
	ROW_UNDER_WAY, /* given to the sink */
	ROW_ANSWERED,  /* to be tried again; outbox_tick says when */
	ROW_DEAD,
	ROW_DONE, /* delivered or dropped; to be deleted from the store */
	ROW_STATES,
};

/* A text that many rows have in common. */
struct shared_text {
	unsigned references;
	char text[];
};

struct row {
	struct row *next; /* in its lane, or among the dead */
	struct lane *lane;
	struct document *document; /* NULL where only the store has it */
	struct shared_text *last_error;
	uint64_t serial;
	int64_t created_at;
	int64_t retry_after; /* of the answer, where answered */
	uint32_t attempts;
	uint8_t state;	 /* enum row_state */
	uint8_t kind;	 /* enum alert_kind; ALERT_KINDS where it was loaded: not known */
	bool begins;	 /* the firing: neither reminder nor resolution */
	bool ends;	 /* the resolution */
	bool doubtful;	 /* the sink may have taken it without saying so */
	bool touched;	 /* among the rows for the next transaction */
	bool collected;	 /* part of the transaction that is under way */
	bool taken_done; /* was done when it was collected */
	char id[ALERT_ID_TEXT];
};

struct lane {
	struct outlet *outlet;
	struct row *first, *last;
	int64_t due;   /* monotonic */
	size_t slot;   /* in the heap, from 1; 0 where it is not in it */
	size_t rows;   /* in whatever state */
	uint64_t fell; /* the outlet's round in which it failed last */
	bool pinned;   /* due is the receiver's word: Retry-After */
	UT_hash_handle hh;
	char site[];
};

struct outlet {
	struct outbox *outbox;
	char *name;
	struct sink *sink;  /* borrowed; NULL where no sink has that name any more */
	struct lane *lanes; /* by site */
	struct lane **heap; /* [1] is due first */
	size_t heap_count, heap_room;
	struct row *dead, *last_dead;
	size_t under_way;
	uint64_t round;	       /* counts the sends that reached the receiver, from 1 */
	unsigned failed_sites; /* different ones that failed in this round */
	int64_t hold;	       /* monotonic: no send before it */
	bool fails;	       /* the last answer was to try again: said */
	int64_t aged;	       /* monotonic: when the old ones were looked for */
	uint64_t pending, dead_count, delivered, retried, refused, collapsed;
	char alarm_id[ALERT_ID_TEXT]; /* of the dead letter that the alarm is about; "" for none */
	int64_t alarm_at;
	struct shared_text *last_error;
};

/* An alert that the store does not have yet, or never will; or has, and that is likely to be sent
 * before it leaves memory. */
struct document {
	struct document *prev, *next;
	struct alert alert;
	uint64_t serial;
	int64_t created_at;
	size_t bytes;
	bool collected;
	bool stored;   /* among the kept: the store has it */
	bool finished; /* no row needs it; freed at the end of the turn */
	size_t row_count;
	const char **sinks; /* scratch of the posting, row_count long */
	struct row *rows[]; /* NULL where done */
};

struct rows {
	struct row **item;
	size_t count, room;
};

struct outbox {
	struct outbox_options options;
	struct store *store;
	struct outlet **outlets;
	size_t outlet_count;
	struct document *documents; /* in the order of serials */
	struct document *kept;	    /* stored, the oldest first */
	struct document *finished;
	size_t document_bytes, kept_bytes;
	struct rows touched, collected, answered;
	struct posting *postings; /* what outbox_collect handed out, and its room */
	struct delivery *changes;
	size_t posting_room, change_room;
	uint64_t serial;	/* the last one given */
	uint64_t waiting;	/* neither dead nor done */
	int64_t now, monotonic; /* of the last tick */
	bool news;
	bool buried;	     /* something died in this tick: nobody else will tell */
	bool collected_news; /* what of it the transaction that is under way has */
	uint64_t dead_dropped;
	char alarm_id[ALERT_ID_TEXT]; /* of the alarm that was told last */
	void (*changed)(void *owner);
	void *changed_owner;
	void (*delivered)(void *owner, int64_t created_at);
	void *delivered_owner;
	uint32_t (*random)(void *owner);
	void *random_owner;
};

void
outbox_free_document(struct outbox *outbox, struct document *document);
/* No row needs it any more; it is freed at the end of the turn. */
void
outbox_finish_document(struct outbox *outbox, struct document *document);

void
rows_add(struct rows *rows, struct row *row);

/* The one place where a row's state is written. It keeps the counts, no list. */
void
row_move(struct row *row, enum row_state to);
void
row_touch(struct row *row); /* the next transaction has it */
void
row_set_error(struct row *row, const char *text); /* "" for none; also the outlet's last */
void
row_free(struct row *row); /* and its lane with the last row */

/* A new row in state `posted`, of the lane of that site. */
struct row *
outlet_add(struct outlet *outlet, const char *site, uint64_t serial, const char *id);
struct outlet *
outlet_new(struct outbox *outbox, const char *name);
void
outlet_free(struct outlet *outlet); /* with all its rows */
void
outlet_reset(struct outlet *outlet, struct sink *sink); /* what was under way waits again */

void
outlet_forget_error(struct outlet *outlet);

/* A posted or dead row takes its place in the lane, by its serial; without a sink it is dead. */
void
lane_enter(struct row *row);
/* The lane's first row leaves it; the state is the caller's to write. */
struct row *
lane_leave(struct lane *lane);
/* Puts the lane into the heap, or where it belongs in it, due at that time. */
void
lane_schedule(struct lane *lane, int64_t due);
void
lane_unschedule(struct lane *lane);

/* The row, in no list, becomes a dead letter. The oldest go where there are too many. */
void
row_bury(struct row *row);
/* The same of one that the store has as such: nothing is to be written. */
void
row_keep_dead(struct row *row);
/* All rows of the lane that wait and are older than max_age. */
void
lane_bury_old(struct lane *lane);
/* Takes the dead row, which follows `before` (NULL: the first), out of the list of the dead. */
void
outlet_exhume(struct outlet *outlet, struct row *before, struct row *row);
/* Takes the rows for which `goes` is true, of those that wait, out of the lane and the store. */
size_t
lane_drop(struct lane *lane, bool (*goes)(const struct row *row, const void *owner),
	const void *owner);
/* The row, the resolution of some trouble, takes what waits of that trouble with it, or nothing. */
void
lane_collapse(struct row *last);
/* Deletes a row, which is in no list, from the store. */
void
row_done(struct row *row);

#endif
