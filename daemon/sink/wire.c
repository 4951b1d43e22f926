#include "daemon/sink/wire.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/sink/dial.h"
#include "daemon/sink/lookup.h"

#include <errno.h>
#include <linux/sockios.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

/*
 * The wire's states; set_state is the one place that changes them.
 *
 *          a frame                addresses            writable        greeted
 *   IDLE ───────────► LOOKING_UP ───────────► CONNECTING ───────► GREETING ───────► READY
 *    ▲  └───────── unix, udp with digits: at once ──────────────────────────────────►│
 *    │                                                  (GREETING: tls only)         │
 *    └────────────── failed, closed by the receiver, deadline ───────────────────────┘
 *
 * 1. fd is open exactly in CONNECTING, GREETING, READY; tls exists at most then.
 * 2. `lookup` is there exactly in LOOKING_UP; `addresses` until the connection ends.
 * 3. In READY the head of `waiting` alone may be partly sent; in all other states none is.
 * 4. `unacked` holds frames only in READY, in the order of their `end`.
 * 5. A frame lives through one broken connection: sent again over the next one at once, so that a
 *    receiver's restart costs no backoff. The second one answers SINK_RETRY.
 */
enum wire_state { IDLE, LOOKING_UP, CONNECTING, GREETING, READY };

static const char *const STATE_NAME[] = {
	[IDLE] = "idle",
	[LOOKING_UP] = "looking up",
	[CONNECTING] = "connecting",
	[GREETING] = "greeting",
	[READY] = "ready",
};

struct wire {
	struct wire_address address;
	struct tls_options tls_options;
	int64_t timeout;
	sd_event *loop;
	enum wire_state state;
	int fd;
	int unix_type; /* of the socket that last worked */
	sd_event_source *io;
	sd_event_source *timer;
	struct lookup *lookup;
	struct addrinfo *addresses;
	struct addrinfo *next_address;
	struct tls *tls;
	struct frames waiting;
	struct frames unacked;
	uint64_t written;
	int64_t step_deadline; /* of looking up, connecting, greeting */
	int64_t look_again;    /* at acknowledgements, or after ENOBUFS; TIME_NONE for never */
	int64_t pause;	       /* until the look after that one */
	bool wants_write;
	bool pumping;
};

static const int64_t PAUSE_FIRST = 1000;
static const int64_t PAUSE_MAX = SECOND / 10;
static const int64_t SETTLE = SECOND / 100;

static void
pump(struct wire *wire);
static bool
connect_next(struct wire *wire, struct err *err);

static int64_t
now_of(const struct wire *wire)
{
	uint64_t now;
	return sd_event_now(wire->loop, CLOCK_BOOTTIME, &now) >= 0 ? (int64_t)now
								   : clock_monotonic();
}

static void
set_state(struct wire *wire, enum wire_state state, const char *why)
{
	if (state == wire->state)
		return;
	log_debug("wire %s: %s to %s: %s", wire->address.host, STATE_NAME[wire->state],
		STATE_NAME[state], why);
	wire->state = state;
	wire->step_deadline =
		state == IDLE || state == READY ? INT64_MAX : now_of(wire) + wire->timeout;
}

static void
hang_up(struct wire *wire)
{
	tls_free(wire->tls);
	wire->tls = NULL;
	wire->io = sd_event_source_disable_unref(wire->io);
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
	wire->wants_write = false;
}

static void
close_wire(struct wire *wire)
{
	hang_up(wire);
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
	bool again = wire->state == READY;
	int64_t now = now_of(wire);
	struct err sentence = *err;
	err_context(&sentence, "%s", wire->address.text);
	close_wire(wire);
	set_state(wire, IDLE, err->text);
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
	wire->look_again = now_of(wire) + wire->pause;
	wire->pause = wire->pause * 2 < PAUSE_MAX ? wire->pause * 2 : PAUSE_MAX;
}

static bool
is_acknowledging(const struct wire *wire)
{
	return wire->address.kind == WIRE_TCP || wire->address.kind == WIRE_TLS;
}

/*
 * Answers what the receiver has: of the bytes, all but what still stands in our send queue, and of
 * the time, SETTLE more. A receiver that dies with bytes unread resets the connection at once, and
 * what was not answered by then is sent again. `at_once`: it closed in order, so it had read all.
 */
static void
take_acks(struct wire *wire, bool at_once)
{
	int64_t now = now_of(wire);
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
	return is_acknowledging(wire) ||
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
	if (!is_acknowledging(wire)) {
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
	while (wire->state == READY && wire->waiting.head) {
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
greet(struct wire *wire, struct err *err)
{
	enum tls_step step = tls_greet(wire->tls, err);
	wire->wants_write = step == TLS_WANT_WRITE;
	if (step == TLS_DONE)
		set_state(wire, READY, "TLS stands");
	return step != TLS_FAILED;
}

/* The socket is connected. */
static bool
begin_session(struct wire *wire, struct err *err)
{
	if (wire->address.kind != WIRE_TLS) {
		set_state(wire, READY, "connected");
		return true;
	}
	wire->tls = tls_new(&wire->tls_options, wire->address.host, wire->fd, err);
	if (!wire->tls)
		return false;
	set_state(wire, GREETING, "connected");
	return greet(wire, err);
}

static bool
finish_connect(struct wire *wire, struct err *err)
{
	if (dial_result(wire->fd, err))
		return begin_session(wire, err);
	return wire->next_address && connect_next(wire, err);
}

static int
on_io(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	struct wire *wire = owner;
	struct err err = ERR_INIT;
	bool stands = true;
	wire->pumping = true;
	if (wire->state == CONNECTING && (events & (EPOLLOUT | EPOLLERR | EPOLLHUP)))
		stands = finish_connect(wire, &err);
	else if (wire->state == GREETING)
		stands = greet(wire, &err);
	else if (wire->state == READY)
		stands = drain(wire, &err);
	if (!stands)
		break_wire(wire, &err);
	wire->pumping = false;
	pump(wire);
	return 0;
}

static bool
watch_socket(struct wire *wire, struct err *err)
{
	int r = sd_event_add_io(wire->loop, &wire->io, wire->fd,
		EPOLLIN | EPOLLRDHUP | (wire->state == CONNECTING ? EPOLLOUT : 0), on_io, wire);
	return r >= 0 || err_system(err, -r, "cannot wait for a socket");
}

static bool
connect_unix(struct wire *wire, struct err *err)
{
	const int OTHER = wire->unix_type == SOCK_DGRAM ? SOCK_STREAM : SOCK_DGRAM;
	wire->fd = dial_unix(wire->address.host, wire->unix_type, err);
	if (wire->fd < 0 && err->code == EPROTOTYPE) {
		wire->fd = dial_unix(wire->address.host, OTHER, err);
		wire->unix_type = OTHER;
	}
	if (wire->fd < 0)
		return false;
	set_state(wire, READY, "connected");
	return watch_socket(wire, err);
}

static bool
connect_address(struct wire *wire, const struct addrinfo *address, struct err *err)
{
	bool pending;
	hang_up(wire);
	wire->fd = dial_inet(address, wire->timeout, &pending, err);
	if (wire->fd < 0)
		return false;
	if (!pending)
		return watch_socket(wire, err) && begin_session(wire, err);
	set_state(wire, CONNECTING, "asked");
	wire->wants_write = true;
	/* An address that swallows packets must leave time for the others. */
	wire->step_deadline =
		now_of(wire) + (wire->next_address ? wire->timeout / 3 : wire->timeout);
	return watch_socket(wire, err);
}

static bool
connect_next(struct wire *wire, struct err *err)
{
	while (wire->next_address) {
		const struct addrinfo *address = wire->next_address;
		wire->next_address = address->ai_next;
		if (connect_address(wire, address, err))
			return true;
	}
	return false;
}

static void
on_addresses(void *owner, struct addrinfo *addresses, const struct err *failure)
{
	struct wire *wire = owner;
	struct err err = *failure;
	wire->lookup = NULL;
	wire->addresses = wire->next_address = addresses;
	wire->pumping = true;
	if (!addresses || !connect_next(wire, &err))
		break_wire(wire, &err);
	wire->pumping = false;
	pump(wire);
}

static bool
connect_inet(struct wire *wire, struct err *err)
{
	int type = is_acknowledging(wire) ? SOCK_STREAM : SOCK_DGRAM;
	wire->addresses = lookup_numeric(wire->address.host, wire->address.port, type);
	wire->next_address = wire->addresses;
	if (wire->addresses)
		return connect_next(wire, err);
	wire->lookup = lookup_start(
		wire->loop, wire->address.host, wire->address.port, type, on_addresses, wire, err);
	if (wire->lookup)
		set_state(wire, LOOKING_UP, "a frame waits");
	return wire->lookup != NULL;
}

static bool
advance(struct wire *wire, struct err *err)
{
	if (wire->state == READY)
		return write_frames(wire, err);
	if (wire->state != IDLE || !wire->waiting.head)
		return true;
	return wire->address.kind == WIRE_UNIX ? connect_unix(wire, err) : connect_inet(wire, err);
}

/* A name may have addresses where nobody listens (::1 for localhost): udp tells only now. */
static bool
try_next_datagram_address(struct wire *wire)
{
	struct err err = ERR_INIT;
	if (wire->address.kind != WIRE_UDP || wire->state != READY || !wire->waiting.head)
		return false;
	wire->waiting.head->sent = 0;
	return connect_next(wire, &err);
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
	int64_t now = now_of(wire);
	char limit[TIME_TEXT];
	wire->pumping = true;
	if (wire->look_again != TIME_NONE && wire->look_again <= now)
		wire->look_again = TIME_NONE;
	if (is_late(&wire->waiting, now) || is_late(&wire->unacked, now)) {
		err_set(&err, "%s: the receiver took nothing for %s", STATE_NAME[wire->state],
			duration_format(wire->timeout, limit));
		break_wire(wire, &err);
	} else if (wire->step_deadline <= now) {
		err_set(&err, "%s: no answer", STATE_NAME[wire->state]);
		if (wire->state != CONNECTING || !connect_next(wire, &err))
			break_wire(wire, &err);
	}
	wire->pumping = false;
	pump(wire);
	return 0;
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
	frames_push(&wire->waiting, frame_new(bytes, n, now_of(wire) + wire->timeout, done, owner));
	pump(wire);
}
