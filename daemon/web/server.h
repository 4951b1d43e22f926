#ifndef AIWATCH_WEB_SERVER_H
#define AIWATCH_WEB_SERVER_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <systemd/sd-event.h>

/*
 * The HTTP server, by libmicrohttpd on the engine's loop: read only, GET and HEAD, no body taken.
 * At most 64 clients, 16 KiB of headers each; one that is silent for 10 s, or has not had its
 * answer after 15 s, is closed. The `Host` of a request must be an address in digits, `localhost`,
 * this machine's name or the name that is configured, so that no page of another origin reaches it
 * by rebinding a name of its own. Answers carry an ETag, and are gzipped for clients that take it.
 */
struct server;

/* One name=value behind the question mark, both decoded; "" where there is no value. */
struct web_argument {
	const char *name;
	const char *value;
};

enum { WEB_ARGUMENTS_MAX = 64 };

/* Borrowed for the call. */
struct web_request {
	const char *path;
	const struct web_argument *argument;
	size_t argument_count;
};

struct web_answer {
	unsigned status;	  /* 200 unless written */
	const char *content_type; /* static */
	const char *policy; /* Content-Security-Policy; NULL for the one that allows nothing */
	struct buf body;
};

/* The value of the first argument of that name, or NULL. */
const char *
web_request_argument(const struct web_request *request, const char *name);

/* Answers a request by filling `answer`, whose body is empty. False where there is no such path. */
typedef bool
server_on_request(void *owner, const struct web_request *request, struct web_answer *answer);

/* Listens on "HOST:PORT" or "[HOST]:PORT"; a HOST that is a name is looked up. NULL with a
 * sentence. */
struct server *
server_open(const char *address, sd_event *loop, server_on_request *on_request, void *owner,
	struct err *err);
void
server_close(struct server *server); /* takes NULL */

#endif
