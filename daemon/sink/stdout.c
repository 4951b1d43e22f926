#include "daemon/base/mem.h"
#include "daemon/sink/frames.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * The generic document, one a line, on standard output. The descriptor is shared with whoever
 * started us, so it is never made non-blocking: a poll and at most PIPE_BUF bytes a write instead,
 * which is what a writable pipe has room for. A line once begun is finished before the next one,
 * even where its sender was told to try again meanwhile: the reader sees whole lines, some twice.
 */
struct stdout_sink {
	struct sink sink;
	int fd; /* a duplicate, so that two sinks may both wait for it; -1 until the first line */
	sd_event_source *io; /* NULL where the descriptor cannot be waited for: a file */
	sd_event_source *timer;
	struct frames frames;
	bool pumping;
};

static void
pump(struct stdout_sink *out);

static int
on_writable(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	(void)events;
	pump(owner);
	return 0;
}

/* Those who waited too long are told so; lines that nobody has seen a byte of are dropped. */
static void
give_up(struct stdout_sink *out, int64_t until, const struct err *err)
{
	struct frames old = {0}, late = {0};
	frames_move(&old, &out->frames);
	for (struct frame *frame; (frame = frames_pop(&old));)
		frames_push(
			frame->deadline > until || frame->sent > 0 ? &out->frames : &late, frame);
	struct frame *begun = out->frames.head;
	if (begun && begun->sent > 0 && begun->deadline <= until) {
		sink_answer(begun->done, begun->owner, SINK_RETRY, 0, "%s", err->text);
		begun->done = NULL;
		begun->deadline = INT64_MAX;
	}
	for (struct frame *frame; (frame = frames_pop(&late));)
		frame_failed(frame, err);
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *owner)
{
	(void)source;
	(void)usec;
	struct stdout_sink *out = owner;
	struct err err = ERR_INIT;
	err_set(&err, "standard output takes nothing");
	out->pumping = true;
	give_up(out, sink_now(&out->sink), &err);
	out->pumping = false;
	pump(out);
	return 0;
}

static void
wait_writable(struct stdout_sink *out)
{
	struct frame *first = out->frames.head;
	if (out->io)
		sd_event_source_set_enabled(out->io, first ? SD_EVENT_ON : SD_EVENT_OFF);
	if (!out->timer)
		return;
	int64_t due = INT64_MAX;
	for (struct frame *frame = first; frame && due == INT64_MAX; frame = frame->next)
		due = frame->deadline;
	if (due != INT64_MAX)
		sd_event_source_set_time(out->timer, (uint64_t)due);
	sd_event_source_set_enabled(out->timer, due != INT64_MAX ? SD_EVENT_ON : SD_EVENT_OFF);
}

static bool
open_output(struct stdout_sink *out, struct err *err)
{
	if (out->fd >= 0)
		return true;
	out->fd = fcntl(STDOUT_FILENO, F_DUPFD_CLOEXEC, 3);
	if (out->fd < 0)
		return err_system(err, errno, "cannot write to standard output");
	int r = sd_event_add_io(out->sink.loop, &out->io, out->fd, EPOLLOUT, on_writable, out);
	if (r < 0 && r != -EPERM)
		return err_system(err, -r, "cannot wait for standard output");
	r = sd_event_add_time(
		out->sink.loop, &out->timer, CLOCK_BOOTTIME, UINT64_MAX, 10 * 1000, on_timer, out);
	if (r < 0)
		return err_system(err, -r, "cannot time standard output");
	return true;
}

static void
close_output(struct stdout_sink *out)
{
	out->io = sd_event_source_disable_unref(out->io);
	out->timer = sd_event_source_disable_unref(out->timer);
	if (out->fd >= 0)
		close(out->fd);
	out->fd = -1;
}

enum pushed { PUSHED_ALL, PUSHED_WAIT, PUSHED_FAILED };

static enum pushed
push_frame(struct stdout_sink *out, struct frame *frame, struct err *err)
{
	while (frame->sent < frame->n) {
		struct pollfd ready = {.fd = out->fd, .events = POLLOUT};
		if (out->io && poll(&ready, 1, 0) == 0)
			return PUSHED_WAIT;
		size_t left = frame->n - frame->sent;
		ssize_t n = write(
			out->fd, frame->bytes + frame->sent, left < PIPE_BUF ? left : PIPE_BUF);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return PUSHED_WAIT;
		if (n < 0) {
			err_system(err, errno, "cannot write to standard output");
			return PUSHED_FAILED;
		}
		frame->sent += (size_t)n;
	}
	return PUSHED_ALL;
}

static void
fail_output(struct stdout_sink *out, const struct err *err)
{
	/* After EPIPE nobody will read the rest of a line; a full disk may have room again. */
	if (err->code == EPIPE && out->frames.head)
		out->frames.head->sent = 0;
	give_up(out, INT64_MAX - 1, err);
	close_output(out);
}

static void
pump(struct stdout_sink *out)
{
	if (out->pumping)
		return;
	out->pumping = true;
	struct err err = ERR_INIT;
	enum pushed pushed = PUSHED_ALL;
	while (pushed == PUSHED_ALL && out->frames.head) {
		if (!open_output(out, &err))
			pushed = PUSHED_FAILED;
		else
			pushed = push_frame(out, out->frames.head, &err);
		if (pushed == PUSHED_ALL)
			frame_delivered(frames_pop(&out->frames));
	}
	if (pushed == PUSHED_FAILED)
		fail_output(out, &err);
	else
		wait_writable(out);
	out->pumping = false;
}

static bool
stdout_start(struct sink *sink, const struct config_sink *config, struct err *err)
{
	(void)config;
	(void)err;
	((struct stdout_sink *)sink)->fd = -1;
	return true;
}

static void
stdout_stop(struct sink *sink)
{
	struct stdout_sink *out = (struct stdout_sink *)sink;
	close_output(out);
	frames_fini(&out->frames);
}

static char *
stdout_preview(struct sink *sink, const struct alert *alert)
{
	char *document = sink_document(sink, alert);
	char *line = mem_format("%s\n", document);
	free(document);
	return line;
}

static void
stdout_send(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner)
{
	struct stdout_sink *out = (struct stdout_sink *)sink;
	if (out->frames.count >= FRAMES_MAX) {
		sink_answer(done, owner, SINK_MISSED, 0,
			"%d alerts already wait for standard output", FRAMES_MAX);
		return;
	}
	char *line = stdout_preview(sink, alert);
	frames_push(&out->frames,
		frame_new(line, strlen(line), sink_now(sink) + sink->timeout, done, owner));
	pump(out);
}

const struct sink_type STDOUT_SINK = {
	.is = CONFIG_SINK_STDOUT,
	.name = "stdout",
	.size = sizeof(struct stdout_sink),
	.start = stdout_start,
	.stop = stdout_stop,
	.send = stdout_send,
	.preview = stdout_preview,
};
