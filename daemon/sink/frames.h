#ifndef AIWATCH_SINK_FRAMES_H
#define AIWATCH_SINK_FRAMES_H

#include "daemon/sink/type.h"

/*
 * A bounded queue of byte strings on their way out, each with the one who wants its answer. A frame
 * whose `done` is NULL has been answered; what is left of it only keeps the stream whole.
 */
struct frame {
	struct frame *next;
	char *bytes;
	size_t n;
	size_t sent;	  /* bytes of it that are out */
	uint64_t end;	  /* where it ends in its connection's stream, once it is out whole */
	int64_t deadline; /* monotonic */
	int64_t acked_at; /* when its last byte was seen acknowledged; 0 for not yet */
	unsigned tries;	  /* connections that broke under it */
	sink_on_done *done;
	void *owner;
};

struct frames {
	struct frame *head;
	struct frame *last;
	size_t count;
};

enum { FRAMES_MAX = 4096 };

/* Takes the bytes (heap). */
struct frame *
frame_new(char *bytes, size_t n, int64_t deadline, sink_on_done *done, void *owner);

/* Answers (with what `err` says where it failed) and frees. */
void
frame_delivered(struct frame *frame);
void
frame_failed(struct frame *frame, const struct err *err);

void
frames_push(struct frames *frames, struct frame *frame);
struct frame *
frames_pop(struct frames *frames); /* NULL where there is none */

/* Moves all of `from` behind what is in `to`. */
void
frames_move(struct frames *to, struct frames *from);

/* Frees without answers. */
void
frames_fini(struct frames *frames);

#endif
