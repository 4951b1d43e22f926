#ifndef AIWATCH_INPUT_INPUT_H
#define AIWATCH_INPUT_INPUT_H

#include "config/config.h"
#include "daemon/input/queue.h"

/*
 * An input is a thread with its own inotify descriptor, files and buffers; nothing is shared with
 * others but the queue. A share that hangs stalls the input that reads it and nothing else: no call
 * below waits for the thread, but for input_stop within its deadline.
 */
struct input;

/* Which source tells of changes, and why, as `status` shows it. */
enum { INPUT_ERRORS = 4 };

struct input_status {
	char name[64];
	uint64_t files; /* followed now */
	uint64_t bytes_read;
	uint64_t lines_read;
	uint64_t lag_bytes;	   /* known and not read yet */
	uint64_t unfinished_bytes; /* of lines whose end is not there yet */
	uint64_t rotations;
	uint64_t gaps[GAP_REASONS];
	char watch[128];	       /* "inotify", "poll: …" with the reason */
	char error[INPUT_ERRORS][256]; /* troubles that stand, the first of them */
	uint64_t errors;	       /* as many as stand */
	bool walked;		       /* the first look at all that is there is over */
	int64_t progress_at;	       /* monotonic time of the thread's last sign of life */
	int64_t stalled_since;	       /* wall clock; TIME_NONE while it reads */
};

/*
 * Makes an input; the thread starts with input_start. `positions` are what the store remembers of
 * it, copied; `read_ledger` reads the digests of a generation back from the store, and, where
 * `proof` is not NULL, the first PROOF_TAIL bytes of its position's proof; false where they cannot
 * be had, with EMFILE, ENFILE or ENOMEM where that is for want of them. It may be called from the
 * input's thread, and may be NULL (nothing is remembered).
 * `lost_state` says that the store was lost: on_lost_state decides how to go on. Rules are shared
 * (a reference is taken).
 */
typedef bool
input_read_ledger(void *owner, const char *input, uint64_t generation,
	struct ledger_entry **entries, size_t *count, uint8_t *proof, struct err *err);

struct input_setup {
	const struct config_input *config; /* copied */
	struct rules *rules;
	struct queue *queue; /* borrowed, outlives the input */
	const struct position *positions;
	size_t position_count;
	input_read_ledger *read_ledger;
	void *ledger_owner;
	bool lost_state;
	bool report_activity; /* fill batch.active_sites */
	size_t max_open;      /* descriptors kept open; 0: the usual number */
};

struct input *
input_new(const struct input_setup *setup, struct err *err);
bool
input_start(struct input *input, struct err *err);
const char *
input_name(const struct input *input);

/* All batches up to `serial` are in the store: descriptors they held may go. Thread safe. */
void
input_committed(struct input *input, uint64_t serial);

/* New configuration and rules, taken over at the thread's next turn; offsets and descriptors stay.
 */
void
input_configure(struct input *input, const struct config_input *config, struct rules *rules,
	bool report_activity);

/* Asks the thread to look at everything now. */
void
input_wake(struct input *input);

void
input_get_status(struct input *input, struct input_status *status);

/* What the thread does, as far as can be seen from outside. */
enum input_life {
	INPUT_LIVES,
	INPUT_STALLS, /* waits long in a system call on its files: a share whose server is gone */
	INPUT_SPINS,  /* works long without getting on: only a restart would mend that */
};

/*
 * Whether the thread waits for hints, or for a time that does not come within seconds: nothing can
 * hang then. Once it works again queue_wake is called, once. `now` is monotonic.
 */
bool
input_rests(struct input *input, int64_t now);

/*
 * To be asked every few seconds while it does not rest, by one thread; logs when trouble begins and
 * when it is over, and the status says it. `now` is monotonic. Asked after a long time it asks
 * anew: the host may have been suspended, and the thread had no time to show life.
 */
enum input_life
input_life(struct input *input, int64_t now);

/*
 * Asks the thread to stop and waits for it until `deadline` (monotonic). False where it hangs: it
 * is left behind with all it holds, and input_free must not be called.
 */
bool
input_stop(struct input *input, int64_t deadline);
void
input_free(struct input *input); /* of a stopped or never started one; takes NULL */

#endif
