#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/sink/dial.h"
#include "daemon/sink/wire_state.h"

#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

int64_t
wire_now(const struct wire *wire)
{
	uint64_t now;
	return sd_event_now(wire->loop, CLOCK_BOOTTIME, &now) >= 0 ? (int64_t)now
								   : clock_monotonic();
}

bool
wire_is_acknowledging(const struct wire *wire)
{
	return wire->address.kind == WIRE_TCP || wire->address.kind == WIRE_TLS;
}

const char *
wire_state_name(enum wire_state state)
{
	static const char *const NAME[] = {
		[WIRE_IDLE] = "idle",
		[WIRE_LOOKING_UP] = "looking up",
		[WIRE_CONNECTING] = "connecting",
		[WIRE_GREETING] = "greeting",
		[WIRE_READY] = "ready",
	};
	return NAME[state];
}

void
wire_set_state(struct wire *wire, enum wire_state state, const char *why)
{
	if (state == wire->state)
		return;
	log_debug("wire %s: %s to %s: %s", wire->address.host, wire_state_name(wire->state),
		wire_state_name(state), why);
	wire->state = state;
	wire->step_deadline = state == WIRE_IDLE || state == WIRE_READY
				      ? INT64_MAX
				      : wire_now(wire) + wire->timeout;
}

void
wire_hang_up(struct wire *wire)
{
	tls_free(wire->tls);
	wire->tls = NULL;
	wire->io = sd_event_source_disable_unref(wire->io);
	if (wire->fd >= 0)
		close(wire->fd);
	wire->fd = -1;
	wire->wants_write = false;
}

bool
wire_greet(struct wire *wire, struct err *err)
{
	enum tls_step step = tls_greet(wire->tls, err);
	wire->wants_write = step == TLS_WANT_WRITE;
	if (step == TLS_DONE)
		wire_set_state(wire, WIRE_READY, "TLS stands");
	return step != TLS_FAILED;
}

/* The socket is connected. */
static bool
begin_session(struct wire *wire, struct err *err)
{
	if (wire->address.kind != WIRE_TLS) {
		wire_set_state(wire, WIRE_READY, "connected");
		return true;
	}
	wire->tls = tls_new(&wire->tls_options, wire->address.host, wire->fd, err);
	if (!wire->tls)
		return false;
	wire_set_state(wire, WIRE_GREETING, "connected");
	return wire_greet(wire, err);
}

bool
wire_finish_connect(struct wire *wire, struct err *err)
{
	if (dial_result(wire->fd, err))
		return begin_session(wire, err);
	return wire->next_address && wire_connect_next(wire, err);
}

static bool
watch_socket(struct wire *wire, struct err *err)
{
	int r = sd_event_add_io(wire->loop, &wire->io, wire->fd,
		EPOLLIN | EPOLLRDHUP | (wire->state == WIRE_CONNECTING ? EPOLLOUT : 0), wire_on_io,
		wire);
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
	wire_set_state(wire, WIRE_READY, "connected");
	return watch_socket(wire, err);
}

static bool
connect_address(struct wire *wire, const struct addrinfo *address, struct err *err)
{
	bool pending;
	wire_hang_up(wire);
	wire->fd = dial_inet(address, wire->timeout, &pending, err);
	if (wire->fd < 0)
		return false;
	if (!pending)
		return watch_socket(wire, err) && begin_session(wire, err);
	wire_set_state(wire, WIRE_CONNECTING, "asked");
	wire->wants_write = true;
	/* An address that swallows packets must leave time for the others. */
	wire->step_deadline =
		wire_now(wire) + (wire->next_address ? wire->timeout / 3 : wire->timeout);
	return watch_socket(wire, err);
}

bool
wire_connect_next(struct wire *wire, struct err *err)
{
	while (wire->next_address) {
		const struct addrinfo *address = wire->next_address;
		wire->next_address = address->ai_next;
		if (connect_address(wire, address, err))
			return true;
	}
	return false;
}

static bool
connect_inet(struct wire *wire, struct err *err)
{
	int type = wire_is_acknowledging(wire) ? SOCK_STREAM : SOCK_DGRAM;
	wire->addresses = lookup_numeric(wire->address.host, wire->address.port, type);
	wire->next_address = wire->addresses;
	if (wire->addresses)
		return wire_connect_next(wire, err);
	wire->lookup = lookup_start(wire->loop, wire->address.host, wire->address.port, type,
		wire_on_addresses, wire, err);
	if (wire->lookup)
		wire_set_state(wire, WIRE_LOOKING_UP, "a frame waits");
	return wire->lookup != NULL;
}

bool
wire_connect(struct wire *wire, struct err *err)
{
	return wire->address.kind == WIRE_UNIX ? connect_unix(wire, err) : connect_inet(wire, err);
}
