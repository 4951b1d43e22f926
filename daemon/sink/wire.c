#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/sink/dial.h"
#include "daemon/sink/wire_state.h"

#include <assert.h>
#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

static const int64_t PAUSE_FIRST = 1000;
static const int64_t PAUSE_MAX = SECOND / 10;
static const int64_t SETTLE = SECOND / 100;

static void
close_wire(struct wire *wire)
{
	wire_hang_up(wire);
	lookup_cancel(wire->lookup);
	wire->lookup = NULL;
	if (wire->addresses)
		freeaddrinfo(wire->addresses);
	wire->addresses = wire->next_address = NULL;
	wire->written = 0;
	wire->look_again = TIME_NONE;
	wire->pause = PAUSE_FIRST;
}

/* The connection is over. Frames are answered, or kept for the next one (invariant 5). */
static void
break_wire(struct wire *wire, const struct err *err)
{
	bool again = wire->state == WIRE_READY;
	int64_t now = wire_now(wire);
	struct err sentence = *err;
	err_context(&sentence, "%s", wire->address.text);
	close_wire(wire);
	wire_set_state(wire, WIRE_IDLE, err->text);
	struct frames old = {0}, given_up = {0};
	frames_move(&old, &wire->unacked);
	frames_move(&old, &wire->waiting);
	for (struct frame *frame; (frame = frames_pop(&old));) {
		frame->sent = 0;
		frame->acked_at = 0;
		bool keep = again && frame->tries++ == 0 && frame->deadline > now;
		frames_push(keep ? &wire->waiting : &given_up, frame);
	}
	for (struct frame *frame; (frame = frames_pop(&given_up));)
		frame_failed(frame, &sentence);
}

static void
set_timer(struct wire *wire)
{
	int64_t due = wire->step_deadline;
	if (wire->waiting.head && wire->waiting.head->deadline < due)
		due = wire->waiting.head->deadline;
	if (wire->unacked.head && wire->unacked.head->deadline < due)
		due = wire->unacked.head->deadline;
	if (wire->look_again != TIME_NONE && wire->look_again < due)
		due = wire->look_again;
	if (due != INT64_MAX)
		sd_event_source_set_time(wire->timer, (uint64_t)due);
	sd_event_source_set_enabled(wire->timer, due != INT64_MAX ? SD_EVENT_ON : SD_EVENT_OFF);
}

static void
set_interest(struct wire *wire)
{
	if (wire->io)
		sd_event_source_set_io_events(
			wire->io, EPOLLIN | EPOLLRDHUP | (wire->wants_write ? EPOLLOUT : 0));
}

static void
look_later(struct wire *wire)
{
	wire->look_again = wire_now(wire) + wire->pause;
	wire->pause = wire->pause * 2 < PAUSE_MAX ? wire->pause * 2 : PAUSE_MAX;
}

/*
 * Answers what the receiver has: of the bytes, all but what still stands in our send queue, and of
 * the time, SETTLE more. A receiver that dies with bytes unread resets the connection at once, and
 * what was not answered by then is sent again. `at_once`: it closed in order, so it had read all.
 */
static void
take_acks(struct wire *wire, bool at_once)
{
	int64_t now = wire_now(wire);
	int queued = 0;
	if (!wire->unacked.head || ioctl(wire->fd, SIOCOUTQ, &queued) < 0)
		return;
	uint64_t acked = wire->written - (uint64_t)queued;
	for (struct frame *frame = wire->unacked.head; frame && frame->end <= acked;
		frame = frame->next) {
		if (frame->acked_at == 0) {
			wire->pause = PAUSE_FIRST;
			frame->acked_at = now;
		}
	}
	for (struct frame *frame; (frame = wire->unacked.head) && frame->acked_at;) {
		if (!at_once && now < frame->acked_at + SETTLE)
			break;
		frame_delivered(frames_pop(&wire->unacked));
	}
	if (wire->unacked.head)
		look_later(wire);
}

static bool
is_full(int code)
{
	return code == EAGAIN || code == ENOBUFS || code == ENOMEM;
}

static bool
is_stream(const struct wire *wire)
{
	return wire_is_acknowledging(wire) ||
	       (wire->address.kind == WIRE_UNIX && wire->unix_type == SOCK_STREAM);
}

/*
 * Reads and drops what the receiver says; false where it closed or broke. A receiver that closed
 * in order has read all that its kernel acknowledged: with bytes unread it would have reset.
 */
static bool
drain(struct wire *wire, struct err *err)
{
	if (wire->tls) {
		if (tls_drain(wire->tls, err) != TLS_FAILED)
			return true;
		if (err->code == 0)
			take_acks(wire, true);
		return false;
	}
	char dropped[1024];
	for (int turns = 0; turns < 16; turns++) {
		ssize_t n = recv(wire->fd, dropped, sizeof dropped, MSG_DONTWAIT);
		if (n < 0 && errno == EAGAIN)
			return true;
		if (n < 0 && errno != EINTR)
			return err_system(err, errno, "the receiver is gone");
		if (n == 0 && is_stream(wire)) {
			take_acks(wire, true);
			return err_set(err, "the receiver closed the connection");
		}
	}
	return true;
}

/* On a unix stream the NUL behind a frame is its end, as syslog(3) writes it. */
static size_t
size_on_wire(const struct wire *wire, const struct frame *frame)
{
	return frame->n + (wire->address.kind == WIRE_UNIX && is_stream(wire) ? 1 : 0);
}

/* One write of what is left of a frame. 1: some bytes went; 0: full, wait; -1: broken. */
static int
write_some(struct wire *wire, struct frame *frame, struct err *err)
{
	const char *from = frame->bytes + frame->sent;
	size_t left = size_on_wire(wire, frame) - frame->sent;
	if (wire->tls) {
		size_t n = 0;
		enum tls_step step = tls_write(wire->tls, from, left, &n, err);
		frame->sent += n;
		wire->written = tls_raw_written(wire->tls);
		wire->wants_write = step == TLS_WANT_WRITE;
		return step == TLS_DONE ? 1 : step == TLS_FAILED ? -1 : 0;
	}
	ssize_t n = send(wire->fd, from, left, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n >= 0) {
		frame->sent += (size_t)n;
		wire->written += (uint64_t)n;
		return 1;
	}
	if (errno == EINTR)
		return 1;
	if (!is_full(errno)) {
		err_system(err, errno, "cannot send");
		return -1;
	}
	if (errno == EAGAIN)
		wire->wants_write = true;
	else
		look_later(wire);
	return 0;
}

/* On loopback a port that nobody has answers while we are still in send(2). */
static bool
was_refused(struct wire *wire, struct err *err)
{
	return wire->address.kind == WIRE_UDP && !dial_result(wire->fd, err);
}

static void
frame_is_out(struct wire *wire)
{
	struct frame *frame = frames_pop(&wire->waiting);
	if (!wire_is_acknowledging(wire)) {
		frame_delivered(frame);
		return;
	}
	frame->end = wire->written;
	frames_push(&wire->unacked, frame);
}

/* Writes until nothing waits or the socket is full. False where the connection broke. */
static bool
write_frames(struct wire *wire, struct err *err)
{
	wire->wants_write = false;
	if (!drain(wire, err))
		return false;
	while (wire->state == WIRE_READY && wire->waiting.head) {
		struct frame *frame = wire->waiting.head;
		int went = write_some(wire, frame, err);
		if (went < 0)
			return false;
		if (went == 0)
			break;
		if (frame->sent < size_on_wire(wire, frame))
			continue;
		if (was_refused(wire, err))
			return false;
		frame_is_out(wire);
	}
	take_acks(wire, false);
	return true;
}

static bool
advance(struct wire *wire, struct err *err)
{
	if (wire->state == WIRE_READY)
		return write_frames(wire, err);
	if (wire->state != WIRE_IDLE || !wire->waiting.head)
		return true;
	return wire_connect(wire, err);
}

/* A name may have addresses where nobody listens (::1 for localhost): udp tells only now. */
static bool
try_next_datagram_address(struct wire *wire)
{
	struct err err = ERR_INIT;
	if (wire->address.kind != WIRE_UDP || wire->state != WIRE_READY || !wire->waiting.head)
		return false;
	wire->waiting.head->sent = 0;
	return wire_connect_next(wire, &err);
}

/* The numbered list in wire_state.h. */
static void
check_wire(const struct wire *wire)
{
	enum wire_state state = wire->state;
	assert((wire->fd >= 0) == (state >= WIRE_CONNECTING));
	assert(!wire->tls || state >= WIRE_GREETING);
	assert((wire->lookup != NULL) == (state == WIRE_LOOKING_UP));
	assert(state == WIRE_READY || !wire->waiting.head || wire->waiting.head->sent == 0);
	assert(state == WIRE_READY || !wire->unacked.head);
	assert(state != WIRE_IDLE || !wire->waiting.head);
}

/* Goes on as far as it can without waiting. */
static void
pump(struct wire *wire)
{
	if (wire->pumping)
		return;
	wire->pumping = true;
	enum wire_state before;
	bool stood;
	do {
		struct err err = ERR_INIT;
		before = wire->state;
		stood = advance(wire, &err);
		if (!stood && !try_next_datagram_address(wire))
			break_wire(wire, &err);
	} while (!stood || wire->state != before);
	set_interest(wire);
	set_timer(wire);
	check_wire(wire);
	wire->pumping = false;
}

static bool
is_late(const struct frames *frames, int64_t now)
{
	return frames->head && frames->head->deadline <= now;
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *owner)
{
	(void)source;
	(void)usec;
	struct wire *wire = owner;
	struct err err = ERR_INIT;
	int64_t now = wire_now(wire);
	char limit[TIME_TEXT];
	wire->pumping = true;
	if (wire->look_again != TIME_NONE && wire->look_again <= now)
		wire->look_again = TIME_NONE;
	if (is_late(&wire->waiting, now) || is_late(&wire->unacked, now)) {
		err_set(&err, "%s: the receiver took nothing for %s", wire_state_name(wire->state),
			duration_format(wire->timeout, limit));
		break_wire(wire, &err);
	} else if (wire->step_deadline <= now) {
		err_set(&err, "%s: no answer", wire_state_name(wire->state));
		if (wire->state != WIRE_CONNECTING || !wire_connect_next(wire, &err))
			break_wire(wire, &err);
	}
	wire->pumping = false;
	pump(wire);
	return 0;
}

int
wire_on_io(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	struct wire *wire = owner;
	struct err err = ERR_INIT;
	bool stands = true;
	wire->pumping = true;
	if (wire->state == WIRE_CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		stands = wire_finish_connect(wire, &err);
	else if (wire->state == WIRE_GREETING)
		stands = wire_greet(wire, &err);
	else if (wire->state == WIRE_READY)
		stands = drain(wire, &err);
	if (!stands)
		break_wire(wire, &err);
	wire->pumping = false;
	pump(wire);
	return 0;
}

void
wire_on_addresses(void *owner, struct addrinfo *addresses, const struct err *failure)
{
	struct wire *wire = owner;
	struct err err = *failure;
	wire->lookup = NULL;
	wire->addresses = wire->next_address = addresses;
	wire->pumping = true;
	if (!addresses || !wire_connect_next(wire, &err))
		break_wire(wire, &err);
	wire->pumping = false;
	pump(wire);
}

struct wire *
wire_new(struct wire_address address, struct tls_options tls, int64_t timeout, sd_event *loop)
{
	struct wire *wire = mem_new(sizeof *wire);
	wire->address = address;
	wire->tls_options = tls;
	wire->timeout = timeout;
	wire->loop = sd_event_ref(loop);
	wire->fd = -1;
	wire->unix_type = SOCK_DGRAM;
	wire->step_deadline = INT64_MAX;
	wire->look_again = TIME_NONE;
	wire->pause = PAUSE_FIRST;
	int r = sd_event_add_time(
		loop, &wire->timer, CLOCK_BOOTTIME, UINT64_MAX, 500, on_timer, wire);
	if (r < 0)
		log_fatal("cannot make a timer: %s", strerror(-r));
	sd_event_source_set_enabled(wire->timer, SD_EVENT_OFF);
	return wire;
}

void
wire_free(struct wire *wire)
{
	if (!wire)
		return;
	close_wire(wire);
	frames_fini(&wire->waiting);
	frames_fini(&wire->unacked);
	sd_event_source_disable_unref(wire->timer);
	sd_event_unref(wire->loop);
	wire_address_fini(&wire->address);
	free(wire->tls_options.ca);
	free(wire->tls_options.cert);
	free(wire->tls_options.key);
	free(wire);
}

enum wire_kind
wire_kind(const struct wire *wire)
{
	return wire->address.kind;
}

void
wire_send(struct wire *wire, char *bytes, size_t n, sink_on_done *done, void *owner)
{
	if (wire->waiting.count + wire->unacked.count >= FRAMES_MAX) {
		sink_answer(done, owner, SINK_RETRY, 0, "%d messages already wait for %s",
			FRAMES_MAX, wire->address.host);
		free(bytes);
		return;
	}
	frames_push(
		&wire->waiting, frame_new(bytes, n, wire_now(wire) + wire->timeout, done, owner));
	pump(wire);
}
