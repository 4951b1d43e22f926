#ifndef AIWATCH_INPUT_BATCH_H
#define AIWATCH_INPUT_BATCH_H

#include "daemon/engine/correlate.h"
#include "daemon/input/position.h"

/*
 * A batch says: of this file, these bytes have been read, and these events were in them. Made by an
 * input's thread, owned by the queue, then by the engine, which frees it once it is committed.
 */
enum gap_reason {
	GAP_TRUNCATED,	/* bytes were gone before they were read */
	GAP_LOST,	/* a rotated rest was not found */
	GAP_LONG_LINE,	/* the rest of a line over the limit was skipped */
	GAP_UNREADABLE, /* could not be read */
	GAP_REASONS,
};

const char *
gap_reason_name(enum gap_reason reason);

struct gap {
	enum gap_reason reason;
	char *file;
	uint64_t offset;
	uint64_t bytes; /* 0 where not known */
};

struct batch {
	struct input *input;	    /* who made it; borrowed */
	uint64_t serial;	    /* counts the input's batches, from 1 */
	int64_t read_at;	    /* wall clock */
	struct position *positions; /* new or changed generations, owned */
	size_t position_count;
	uint64_t *forgotten; /* generations whose positions are to be deleted */
	size_t forgotten_count;
	struct ledger_entry *ledger;
	size_t ledger_count;
	struct sighting *sightings; /* in the order of the file; texts owned by the batch */
	size_t sighting_count;
	struct batch_texts *texts; /* where those stand */
	char **active_sites;	   /* that wrote something; only where silent_after asks for it */
	size_t active_site_count;
	char **backlog_ended; /* files whose first look is over with this batch; paths as followed
			       */
	size_t backlog_ended_count;
	struct gap *gaps;
	size_t gap_count;
};

struct batch *
batch_new(struct input *input, int64_t read_at);
void
batch_free(struct batch *batch); /* takes NULL */

/* Copies the sighting and its texts into the batch. Likewise the others. */
void
batch_add_sighting(struct batch *batch, const struct sighting *sighting);
void
batch_add_position(struct batch *batch, const struct position *position);
void
batch_add_forgotten(struct batch *batch, uint64_t generation);
void
batch_add_ledger(struct batch *batch, const struct ledger_entry *entry);
void
batch_add_active_site(struct batch *batch, const char *site);
void
batch_add_backlog_ended(struct batch *batch, const char *file);
void
batch_add_gap(struct batch *batch, enum gap_reason reason, const char *file, uint64_t offset,
	uint64_t bytes);

#endif
