#ifndef AIWATCH_SINK_LOOKUP_H
#define AIWATCH_SINK_LOOKUP_H

#include "daemon/base/err.h"

#include <netdb.h>
#include <systemd/sd-event.h>

/*
 * Host names to addresses without holding up the loop: getaddrinfo(3) in a thread of its own. The
 * answer comes on the loop, once, unless the lookup was cancelled; a thread that is still asking
 * then goes on and is forgotten.
 */
struct lookup;

/* `addresses` is taken (freeaddrinfo); NULL with a sentence in `err` where there are none. */
typedef void
lookup_on_done(void *owner, struct addrinfo *addresses, const struct err *err);

/* NULL with a sentence where no thread can be had. */
struct lookup *
lookup_start(sd_event *loop, const char *host, const char *port, int socktype, lookup_on_done *done,
	void *owner, struct err *err);

/* Takes NULL. Not after `done`. */
void
lookup_cancel(struct lookup *lookup);

/* The addresses of a host that is written in digits, at once; NULL where it is a name. */
struct addrinfo *
lookup_numeric(const char *host, const char *port, int socktype);

#endif
