#ifndef AIWATCH_SINK_WIRE_STATE_H
#define AIWATCH_SINK_WIRE_STATE_H

#include "daemon/sink/lookup.h"
#include "daemon/sink/wire.h"

/* Shared by wire.c, which carries frames, and wire_connect.c, which makes connections. */

/*
 * The wire's states; wire_set_state is the one place that changes them.
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
enum wire_state { WIRE_IDLE, WIRE_LOOKING_UP, WIRE_CONNECTING, WIRE_GREETING, WIRE_READY };

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

/* Monotonic time of the loop's turn. */
int64_t
wire_now(const struct wire *wire);

/* Whether the receiver's kernel acknowledges what it has: tcp and tls. */
bool
wire_is_acknowledging(const struct wire *wire);

const char *
wire_state_name(enum wire_state state);
void
wire_set_state(struct wire *wire, enum wire_state state, const char *why);

/* Begins to connect, from IDLE. False with a sentence where that failed at once. */
bool
wire_connect(struct wire *wire, struct err *err);

/* Tries the addresses that are left. False where none is, or none can be had. */
bool
wire_connect_next(struct wire *wire, struct err *err);

/* Go on when the socket is ready: from CONNECTING, from GREETING. False: it failed. */
bool
wire_finish_connect(struct wire *wire, struct err *err);
bool
wire_greet(struct wire *wire, struct err *err);

/* Closes the socket, no more. */
void
wire_hang_up(struct wire *wire);

/* What the loop calls, in wire.c. */
int
wire_on_io(sd_event_source *source, int fd, uint32_t events, void *owner);
void
wire_on_addresses(void *owner, struct addrinfo *addresses, const struct err *failure);

#endif
