#include "daemon/sink/frames.h"

#include "daemon/base/mem.h"

#include <stdlib.h>

struct frame *
frame_new(char *bytes, size_t n, int64_t deadline, sink_on_done *done, void *owner)
{
	struct frame *frame = mem_new(sizeof *frame);
	frame->bytes = bytes;
	frame->n = n;
	frame->deadline = deadline;
	frame->done = done;
	frame->owner = owner;
	return frame;
}

static void
frame_free(struct frame *frame)
{
	free(frame->bytes);
	free(frame);
}

void
frame_delivered(struct frame *frame)
{
	sink_answer(frame->done, frame->owner, SINK_DELIVERED, 0, "handed over");
	frame_free(frame);
}

void
frame_failed(struct frame *frame, const struct err *err)
{
	bool unseen = frame->sent == 0 && frame->tries == 0;
	sink_answer(
		frame->done, frame->owner, unseen ? SINK_MISSED : SINK_RETRY, 0, "%s", err->text);
	frame_free(frame);
}

void
frames_push(struct frames *frames, struct frame *frame)
{
	frame->next = NULL;
	if (frames->last)
		frames->last->next = frame;
	else
		frames->head = frame;
	frames->last = frame;
	frames->count++;
}

struct frame *
frames_pop(struct frames *frames)
{
	struct frame *frame = frames->head;
	if (!frame)
		return NULL;
	frames->head = frame->next;
	if (!frames->head)
		frames->last = NULL;
	frames->count--;
	frame->next = NULL;
	return frame;
}

void
frames_move(struct frames *to, struct frames *from)
{
	for (struct frame *frame; (frame = frames_pop(from));)
		frames_push(to, frame);
}

void
frames_fini(struct frames *frames)
{
	for (struct frame *frame; (frame = frames_pop(frames));)
		frame_free(frame);
}
