#ifndef MODEL_WORLD_H
#define MODEL_WORLD_H

#include "daemon/base/buf.h"

#include <stdbool.h>
#include <stdint.h>

/*
 * The reference: log files on a real disk, mirrored in memory, and what is to come of every line
 * that was written to them. It knows nothing of how a follower works, only
 *
 *  - a complete line counts exactly once, in the order in which a stream's lines were written;
 *    wherever its file was moved to, where the follower may open files by their handle (root);
 *  - it may be lost (but never count twice) where its bytes were destroyed, in every file beside
 *    the log, before they were read: overwritten, truncated, or deleted while nobody held them;
 *  - what a writer adds to a file without a name may be lost: once it was quiet, it is let go;
 *  - the lines of a file that was never looked at as the log, in this life of it, may come out of
 *    order once its writer went on behind a newer log: nothing tells of what age they are;
 *  - a half line counts at most once, also when it is completed later; it may be lost where it is
 *    completed behind a newer log, after a quiet time in which it is taken as it is.
 *
 * A stream is one log and what stands beside it. Names: "" is the log, others are suffixes.
 */
enum { WORLD_STREAMS = 2, WORLD_NAME = 64, WORLD_LINES = 20000 };

/* What one inode holds. */
struct object {
	struct buf bytes;
	unsigned names;	 /* that lead to it */
	unsigned beside; /* names beside the log, or the log's own: where a follower looks */
	bool held;     /* the follower that runs has read a line that was written to it, and it was
			  not overwritten beside the log: then it may have been closed before */
	bool is_known; /* a line that was written to it was committed */
	bool is_rewritten;    /* in place, since it was seen */
	bool is_written_late; /* by a writer that went on behind a newer log */
	bool is_seen;	    /* it was the log when the follower looked, and was only appended to */
	int64_t written_at; /* the follower's clock then, microseconds */
	unsigned half;	    /* number of the half line at its end, 0 for none */
	struct buf rest;    /* the bytes that complete it */
	struct object *next;
};

struct name {
	char text[WORLD_NAME];
	struct object *object;
	bool is_packed;	 /* the file holds the object's bytes compressed */
	bool is_outside; /* not beside the log */
};

struct line {
	unsigned stream;
	struct object *home; /* to which it was written first */
	uint16_t counted;
	bool exists;
	bool waiting; /* read, not committed */
	bool complete;
	bool excused;
	bool copied; /* stands, or stood, in more than one file */
	bool is_cut; /* a copy ends inside it: that half has its time before it is taken */
	bool late;   /* written behind a newer file's lines */
};

struct stream {
	char folder[256];
	struct name *names;
	size_t name_count;
	struct object *source; /* the whole newest copy, while an older one stands at the log */
	struct object *writer; /* held open by a writer */
	int writer_fd;
	unsigned last_counted;
	unsigned disorder; /* a number that came too late; 0 for none */
	bool is_linked;	   /* the log is a symlink */
	unsigned header;   /* lines with which each of its files begins; 0 for as it comes */
	unsigned serial;   /* for names that never come again */
};

struct world {
	char *directory;
	struct stream streams[WORLD_STREAMS];
	unsigned stream_count;
	struct object *objects;
	struct line *lines;
	unsigned next;	  /* number of the next line, from 1 */
	struct buf trace; /* what happened, for a person */
	int64_t began_at; /* wall clock, nanoseconds */
	unsigned writes;  /* after each the files' clock goes on */
	int64_t now;	  /* what has passed for the follower, microseconds */
	bool keeps_open;  /* the follower has descriptors for every file it reads */
};

struct world *
world_new(const char *directory, unsigned streams, bool linked);
void
world_free(struct world *world);

/* Names of a stream. */
struct object *
world_find(struct world *world, struct stream *stream, const char *name);
void
world_path(const struct stream *stream, const char *name, char *path, size_t room);
void
world_rename(struct world *world, struct stream *stream, const char *from, const char *to);
void
world_unlink(struct world *world, struct stream *stream, const char *name);
void
world_link(struct world *world, struct stream *stream, const char *from, const char *to);
/* The log, a symlink, leads to the file `target` from now on. */
void
world_swap(struct world *world, struct stream *stream, const char *target);
/* Creates or overwrites (in place, where it exists) `name` with the bytes of `object`. */
void
world_copy(struct world *world, struct stream *stream, const struct object *from, size_t n,
	const char *to);
void
world_pack(struct world *world, struct stream *stream, const char *name, const char *packed);
void
world_truncate(struct world *world, struct stream *stream, const char *name);

/* Bytes: `count` lines with up to `pad` bytes more each, drawn from `draw`; a half line at the end
 * where asked for. A new, empty object gets `header` bytes first that are the same in every file.
 */
void
world_write(struct world *world, struct stream *stream, struct object *object, unsigned count,
	unsigned pad, bool half, unsigned header, uint32_t draw, struct buf *out);

/* Appends bytes to the file and its mirror. */
void
world_append(struct world *world, struct stream *stream, const char *name, const struct buf *bytes);
/* The writer's descriptor. */
void
world_hold(struct world *world, struct stream *stream);
void
world_append_held(struct world *world, struct stream *stream, const struct buf *bytes);
void
world_release(struct world *world, struct stream *stream);

/* One line of the trace. */
void
world_say(struct world *world, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* From the follower. */
void
world_on_read(void *world, unsigned number);
void
world_on_counted(void *world, unsigned number);
void
world_on_look(struct world *world); /* at everything */
void
world_on_down(struct world *world); /* killed or stopped: what it held is gone */

/* Excuses the lines that nobody can have any more. To be called after each step. */
void
world_reconsider(struct world *world);

/* Lines still to come, or wrong already; 0 for none. `report` may be NULL. */
unsigned
world_missing(const struct world *world, struct buf *report);
unsigned
world_wrong(const struct world *world, struct buf *report);

#endif
