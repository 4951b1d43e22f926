#ifndef AIWATCH_INPUT_FOLLOW_PARTS_H
#define AIWATCH_INPUT_FOLLOW_PARTS_H

#include "daemon/base/read_ahead.h"
#include "daemon/base/table.h"
#include "daemon/input/content.h"
#include "daemon/input/follow.h"
#include "daemon/input/glob.h"
#include "daemon/input/names.h"
#include "daemon/input/object.h"
#include "daemon/input/watch.h"

#include <dirent.h>
#include <string.h>

/*
 * What the files of the follower share. Owners: generation.c has generations, their states, and
 * keys; descriptor.c what is open; folder.c folders and streams; sibling.c what stands beside a
 * stream; ahead.c and tail.c reading; follow_look.c decides; follow.c drives.
 *
 * A stream is a followed path: its generations, oldest first. At most one of them stands at the
 * path (ACTIVE or HELD), and it is the last.
 *
 *                       ┌──────────── grew again, came back ───────────────┐
 *   new ─► ACTIVE ──rotated, replaced, deleted, rewritten──► DRAINING ──► DONE ─► forgotten
 *            ▲ │ passes the offset                             ▲  at its end, quiet
 *            │ ▼ at the path stands a beginning of it          │
 *           HELD ──────────── differs, or settles ─────────────┘
 *
 * 1. A position moves only by bytes that stood behind proven ones: each read begins with the
 *    anchor, and is dropped where the anchor is not what was consumed.
 * 2. An object belongs to one generation (by_key); a generation has at most one object.
 * 3. A generation without an object has lost it: rewritten in place, or unlinked and closed. Its
 *    rest is looked for in siblings until it is DONE, and taken from there even then.
 * 4. A descriptor of an unlinked object is closed only when all of it has been read.
 * 5. Nothing is decided on an empty file, nor because a path is missing.
 * 6. Nothing is decided by a call that failed: what is known stays, and is looked at again. Only an
 *    old file that cannot be read for DRAIN_QUIET, and in DRAIN_TRIES, is given up, as a gap.
 */
struct generation {
	struct position position;
	struct stream *stream;
	struct object_look seen; /* the last look at its object; zero before the first */
	int fd;			 /* -1 for closed */
	uint32_t partial;	 /* bytes behind the offset that are no line yet */
	int64_t quiet_since;	 /* when it was last seen to change, monotonic */
	const struct generation_seldom *seldom; /* see generation_seldom */
	struct ledger_tail *tail;		/* digests that are not committed yet, or NULL */
	struct generation *prev, *next;		/* open ones, longest unused first */
	bool unlinked : 1;			/* no name is left: only fd */
	bool at_end : 1;			/* all that was there has been read */
	bool shrunk : 1;			/* was seen shorter than its offset */
	bool by_copy : 1;  /* HELD by an older copy that came as another object */
	bool proven : 1;   /* its object was compared since the start */
	bool asked : 1;	   /* the siblings were, since it was last seen to change */
	bool dirty : 1;	   /* to be posted with the next batch */
	bool touched : 1;  /* seen to change in place since the start */
	bool listed : 1;   /* stood among the siblings at the last look */
	bool vanished : 1; /* its object was not found after a restart */
};

/* What few generations have: all zero for the others, which share one. */
struct generation_seldom {
	uint64_t size_at_rotation; /* younger ones wait until these have been read */
	uint64_t nuls_until;	   /* from the offset up to it there is nothing but NULs */
	uint64_t copied_until;	   /* so long a copy of it was seen; 0 for none */
	uint64_t copied_from;	   /* its own size then; COPIED_BEFORE: before the start */
	int64_t doubted_since;	   /* when its object was first seen to differ; 0 for not */
	int64_t unproven_since;	   /* when its proof could first not be read; 0: it could since */
	int64_t failing_since;	   /* when calls on it began to fail; 0 for not */
	uint32_t failures;	   /* calls that failed since then */
};

/* A sibling that was looked at and not taken: not compared again until something changed. */
struct memo {
	struct object_look look;
	uint64_t situation; /* of the stream when it was compared */
	int64_t since;	    /* when it was first seen as it is, monotonic */
};

struct stream {
	struct folder *folder;
	struct stream *next_in_folder;
	struct generation **generation; /* may be &only */
	struct generation *only;
	char *site;	    /* where the template needs no host, or the host is empty; NULL: ask */
	uint64_t situation; /* counts what may make a sibling worth another look */
	const struct arrival *arrival; /* while its siblings are checked for its sake, else NULL */
	int64_t missing_since;	       /* TIME_NONE while something stands at the path */
	const struct stream_seldom *seldom; /* see stream_seldom */
	struct stream *due_next, *busy_next;
	struct stream *ready_prev, *ready_next;
	uint32_t count;
	bool odd_turn : 1;    /* a writer that never stops does not hold up the younger ones */
	bool told : 1;	      /* the trouble counts as a gap */
	bool followed : 1;    /* matches `paths` now */
	bool alias : 1;	      /* what stands at the path is read as another stream's */
	bool undecided : 1;   /* what stands at the path waits for the old one to be read up */
	bool copied : 1;      /* a sibling holds what was truncated, and more */
	bool older_waits : 1; /* a sibling is to be read first that cannot be read yet */
	bool alike : 1;	      /* a longer sibling, not read yet, begins like what stands here */
	bool hidden : 1;      /* the last look at its siblings failed */
	bool unreadable : 1;  /* a comparison could not be made, so it decides nothing */
	bool is_link : 1;     /* its name is a symbolic link: writing is not told */
	bool no_file : 1;     /* what stands at the path is no regular file: said */
	bool empty : 1;	 /* another object stands at the path, and has no content to decide by */
	bool looked : 1; /* the first look is over */
	bool due : 1;	 /* in follow->due */
	bool siblings_due : 1;
	bool busy : 1;	/* something is undecided: look every second; in follow->busy */
	bool owned : 1; /* an old file's writer lives, and is not seen: look with each sweep */
	bool ready : 1; /* in follow->ready */
	char path[];
};

/* What few streams have: all zero for the others, which share one. */
struct stream_seldom {
	struct memo *memo;
	size_t memo_count;
	struct first_end *first_end; /* where the first look at a log that is begun at its end
					failed; else NULL */
	int64_t retry_at;	     /* after trouble, monotonic */
	int64_t trouble_since;
	const char *trouble_in; /* what could not be done, static */
	int64_t hidden_since;	/* when looks at its siblings, or at what it may be a copy of,
				   began to fail; 0 for not */
	int64_t stood_until;	/* where the first look at its siblings failed: by the clock of the
				   file system, what stood there then is no younger; else 0 */
	int trouble;		/* errno that still stands, 0 for none */
};

/* What of the object is not read. */
struct first_end {
	struct object_key key;
	uint64_t size;
};

struct folder {
	uint64_t *places; /* one for each glob; what may stand below it; may be &only */
	uint64_t only;
	struct stream *streams;
	int watch;   /* watch descriptor, -1 for none */
	int trouble; /* errno of the last listing, 0 for none */
	bool due : 1;
	bool present : 1;
	bool blind : 1;	    /* others write here unseen: a shrink is believed at the second look */
	int64_t changed_at; /* modification time at the last listing */
	int64_t listed_at;  /* wall clock, nanoseconds */
	struct folder *due_next;
	char path[];
};

/* The names last read of one folder: see siblings.h. */
struct listing {
	char *folder; /* NULL for none */
	struct names names;
	int64_t changed_at; /* the folder's modification time before it was read */
	int64_t listed_at;  /* wall clock, nanoseconds */
	uint64_t turn;
};

/* What was read last, and what is read ahead of it. */
struct ahead {
	const struct generation *generation; /* NULL for none */
	struct object_look seen;	     /* then */
	struct read_ahead *blocks;	     /* NULL: none */
	uint64_t next;			     /* where the next of them begins */
	int64_t not_before;		     /* it begins again, monotonic */
};

struct follow {
	struct config_input *config;
	struct rules *rules;
	struct reader *reader;
	struct glob **glob;
	size_t globs;
	bool report_activity;
	bool has_host; /* the site's name depends on the envelope's host */
	bool lost_state;
	input_read_ledger *read_ledger;
	void *ledger_owner;
	struct watch *watch;
	struct table streams;	   /* by path; see stream_next */
	struct table folders;	   /* by path; see folder_next */
	struct table by_key;	   /* generations, by object */
	struct ledger_tail *tails; /* of all generations, those that wait longest first */
	struct stream *due, **due_end;
	struct folder *due_folders, **due_folders_end;
	struct stream *busy;
	struct stream *ready;
	struct generation *open;
	size_t open_count, open_limit;
	int spare_fd;	  /* given up while a folder is listed; -1 for none */
	int64_t short_at; /* of the last want of descriptors; TIME_NONE for none that stands */
	struct generation **dirty;
	size_t dirty_count;
	uint8_t *buffer;
	size_t room;
	struct ahead ahead;
	uint64_t last_generation;
	struct listing listing;
	int64_t now, wall;
	uint64_t turns;
	int64_t next_sweep, next_whole_sweep, next_busy;
	bool started;	/* the first walk is over */
	bool remembers; /* positions were restored */
	bool wake;	/* look at everything at the next turn */
	struct batch *batch;
	size_t batch_bytes;	 /* read in this turn */
	size_t sightings_before; /* in the batch when it began */
	_Atomic uint64_t *steps; /* never NULL */
	_Atomic uint64_t own_steps;
	struct input_status status;
};

/* Times that are part of the design; durations. */
#define DRAIN_QUIET    (30 * SECOND) /* then a partial last line is taken as it is */
#define HOLD_SETTLE    (30 * SECOND) /* then a beginning rewritten in place is a new file */
#define PROOF_WAIT     (30 * SECOND) /* then what cannot be proven is decided without */
#define COPY_SETTLE    SECOND	     /* a copy that stayed the same so long is whole */
#define REWRITE_LIMIT  (5 * SECOND)  /* what is written over counts then even if it goes on */
#define BUSY_INTERVAL  SECOND
#define TROUBLE_IS_GAP (5 * MINUTE)

enum { DRAIN_TRIES = 5 }; /* at least, within DRAIN_QUIET, before an old file is given up */

/* generation.c */
struct generation *
generation_new(struct follow *follow, struct stream *stream, size_t at);
void
generation_set_position(
	struct generation *generation, const struct position *position); /* copies */
void
generation_free(struct follow *follow, struct generation *generation);
void
generation_enter(struct follow *follow, struct generation *generation, enum generation_state state,
	const char *why);
void
generation_mark(struct follow *follow, struct generation *generation);
/* Its object, not none, is its own from now on. */
void
generation_claim(struct follow *follow, struct generation *generation);
struct generation *
generation_find(const struct follow *follow, const struct object_key *key);
void
generation_set_object(struct follow *follow, struct generation *generation,
	const struct object_key *key, const struct object_look *look, const char *seen_at)
	__attribute__((nonnull(1, 2, 3, 4)));
void
generation_lose_object(struct follow *follow, struct generation *generation);
static inline bool
generation_has_object(const struct generation *generation)
{
	return generation->position.object_length > 0;
}
static inline struct object_key
generation_key(const struct generation *generation)
{
	struct object_key key = {.length = generation->position.object_length};
	memcpy(key.byte, generation->position.object, sizeof key.byte);
	return key;
}

/* To change it: a struct of its own. */
struct generation_seldom *
generation_seldom(struct generation *generation);
void
generation_works(struct generation *generation); /* no call on it fails any more */
void
generation_doubted(struct generation *generation, int64_t since); /* 0: it is not any more */
void
generation_set_copied(struct generation *generation, uint64_t until, uint64_t from);
/* A copy that was seen held more than its own object does. */
#define COPIED_BEFORE UINT64_MAX

static inline bool
generation_is_copied(const struct generation *generation)
{
	const struct generation_seldom *seldom = generation->seldom;
	return seldom->copied_until > generation->seen.size &&
	       (seldom->copied_from == generation->seen.size ||
		       seldom->copied_from == COPIED_BEFORE);
}
void
generation_seen_at(struct follow *follow, struct generation *generation, const char *path);
void
generation_on_chunk(
	struct follow *follow, const struct ledger_entry *entry, struct generation *generation);
void
generation_committed(struct follow *follow, uint64_t serial);
enum content_verdict
generation_compare(
	struct follow *follow, struct generation *generation, const struct content_source *source);

enum content_verdict
generation_verify(struct follow *follow, struct generation *generation, int fd);
/* Of what differs: only before its last bytes, which can be read. Where they cannot, false, and the
 * stream knows. */
bool
generation_is_edited(struct generation *generation, int fd);
bool
stream_is_equal(struct stream *stream, int a, int b, uint64_t at, uint64_t n);

/* descriptor.c */
void
generation_set_fd(struct follow *follow, struct generation *generation, int fd);
/* The descriptor is the caller's then; -1 where none is open. */
int
generation_take_fd(struct follow *follow, struct generation *generation);
void
generation_close(struct follow *follow, struct generation *generation);
void
generation_touch(struct follow *follow, struct generation *generation); /* used just now */
/* Closed for want of descriptors when it was read up, and its object is still as it was then. */
bool
generation_is_parked(const struct generation *generation, const struct object_look *look);
bool
descriptor_is_left(const struct follow *follow); /* within the bound, or where one is closed */
bool
descriptor_is_short(int code); /* the error says nothing about the file */
int
descriptor_open(struct follow *follow, const char *path); /* as object_open */
DIR *
descriptor_open_folder(struct follow *follow, const char *path); /* as opendir(3) */
void
descriptor_close_folder(struct follow *follow, DIR *dir);
void
descriptor_keep_spare(struct follow *follow);
void
descriptor_say_short(struct follow *follow, int code); /* once, until there was plenty */
void
descriptor_say_plenty(struct follow *follow);

/* folder.c */
struct stream *
stream_get(struct follow *follow, const char *path);
/* To change it: a struct of its own. */
struct stream_seldom *
stream_seldom(struct stream *stream);
/* The last part of its path. */
const char *
stream_name(const struct stream *stream);
struct stream *
stream_next(const struct follow *follow, size_t *place); /* all of them: see table_next */
void
stream_free(struct follow *follow, struct stream *stream);
void
stream_set_due(struct follow *follow, struct stream *stream);
void
stream_set_busy(struct follow *follow, struct stream *stream);
void
stream_set_ready(struct follow *follow, struct stream *stream);
struct generation *
stream_current(const struct stream *stream); /* ACTIVE or HELD, or NULL */
bool
generation_is_later(const struct generation *generation);
void
stream_move_to_end(struct stream *stream, struct generation *generation);
bool
stream_matches(const struct follow *follow, const char *path);
struct folder *
folder_get(struct follow *follow, struct span path);
/* Room for as many places as there are globs now, none taken yet. */
void
folder_clear_places(const struct follow *follow, struct folder *folder);
struct folder *
folder_next(const struct follow *follow, size_t *place); /* all of them: see table_next */
void
folder_set_due(struct follow *follow, struct folder *folder);
void
folder_free(struct follow *follow, struct folder *folder);
void
folder_list(struct follow *follow, struct folder *folder);
void
folder_start(struct follow *follow); /* enters the literal folders of the globs from "/" on */
void
folder_sweep(struct follow *follow, bool whole); /* else only what is not watched */
void
folder_on_hint(struct follow *follow, struct folder *folder, const struct watch_hint *hint);

/* sibling.c */
void
sibling_check(struct follow *follow, struct stream *stream);
/* At the first look: tried again where a call fails. */
void
sibling_take_as_read(struct follow *follow, struct stream *stream);
bool
sibling_is_arrival(struct stream *stream, int fd, const struct object_look *look);
void
sibling_check_known(struct follow *follow, struct generation *generation, const char *path,
	const struct object_look *look);
bool
sibling_claims(struct follow *follow, struct stream *stream, const char *path,
	const struct object_look *look, const struct object_key *key);
bool
sibling_is_named(const struct follow *follow, const struct stream *stream, const char *name);

/* What stands at a path and is not read there yet. */
struct arrival {
	struct object_look look;
	struct object_key key;
	int fd; /* -1 until opened */
};

/* arrival.c */
void
arrival_take(struct follow *follow, struct stream *stream, struct arrival *arrival);
bool
arrival_edited(struct follow *follow, struct generation *generation, const struct arrival *arrival);

/* drain.c */
enum whereabouts {
	STILL_LINKED,
	GONE,
	HIDDEN, /* cannot be told for want of descriptors: asked again */
};

/* Looks where the object went that stood at the path; opens it where it can still be had. */
enum whereabouts
drain_find_old(struct follow *follow, struct generation *generation);
/* After a start nobody has looked yet where its object went. */
bool
drain_is_unsought(const struct generation *generation);
/* Whether it stands somewhere still, which is left for later; false where it cannot be told. */
bool
drain_is_named(struct follow *follow, struct generation *generation);
/* Compares what a rotated file holds now, of which `look` is a look, with what was read of it. */
enum content_verdict
drain_compare(struct follow *follow, struct generation *generation, int fd,
	const struct object_look *look);
bool
drain_prove(struct follow *follow, struct generation *generation);
void
drain_look(struct follow *follow, struct generation *generation);

/* follow.c */
void
follow_sweep_soon(struct follow *follow); /* something is not quiet any more */

/* follow_look.c */
void
follow_failed(struct follow *follow, struct generation *generation, int code);
bool
follow_gives_up(const struct follow *follow, const struct generation *generation);
bool
follow_has_older(
	struct follow *follow, struct generation *generation, const struct object_look *look);
bool
follow_open_arrival(struct follow *follow, struct stream *stream, struct arrival *arrival);
struct generation *
follow_begin(struct follow *follow, struct stream *stream, const struct arrival *arrival);
struct object_key
follow_give_up_object(struct follow *follow, struct generation *generation, const char *why);
void
follow_go_on(struct follow *follow, struct generation *generation);
void
follow_hold(struct follow *follow, struct generation *generation);
void
follow_set_readable(struct follow *follow, struct generation *generation);
void
follow_look(struct follow *follow, struct stream *stream);
void
follow_disproved(struct follow *follow, struct generation *generation);
void
follow_rewritten(struct follow *follow, struct generation *generation);

/*
 * ahead.c: a long file that is read on and on is read ahead by a thread. What that has read counts
 * as if it had been read by who asks for it, but earlier: as long as nothing was seen to change
 * since, no decision lies between that would have led to another read. What is asked of the file as
 * it is now, where text goes on behind NULs, may know more than a block does: then it is read
 * again.
 */

/*
 * The bytes from `from` on, where the anchor begins: *n of them, at least as many as the buffer has
 * room for. They last until the next call. NULL where none were read ahead: then they are to be
 * read.
 */
uint8_t *
ahead_find(struct follow *follow, const struct generation *generation, uint64_t from, size_t *n);
void
ahead_stop(struct follow *follow);

/* tail.c */
enum tail_result {
	TAIL_MORE,
	TAIL_END,
	TAIL_DIFFERS, /* the anchor is not what was consumed */
	TAIL_FAILED,  /* errno is set */
};

enum tail_result
tail_read(struct follow *follow, struct generation *generation);
/* Takes the partial line; false, with errno, where it cannot be read. */
bool
tail_finish(struct follow *follow, struct generation *generation);
void
tail_end_backlog(struct follow *follow, struct generation *generation);

void
follow_trouble(struct follow *follow, struct stream *stream, int code, const char *what);
void
follow_end_trouble(struct stream *stream, const char *what);
void
follow_gap(struct follow *follow, enum gap_reason reason, const struct generation *generation,
	uint64_t bytes);

#endif
