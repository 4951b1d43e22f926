#ifndef AIWATCH_SINK_DIAL_H
#define AIWATCH_SINK_DIAL_H

#include "daemon/base/err.h"

#include <netdb.h>
#include <stdint.h>

/* Sockets that do not block, connected or about to be. -1 with a sentence and errno in err. */

/* `type` is SOCK_DGRAM or SOCK_STREAM. A receiver whose queue is full counts as not there. */
int
dial_unix(const char *path, int type, struct err *err);

/*
 * *pending: the connection is under way; when the socket is writable, dial_result tells. Of a
 * stream, the kernel gives it up where nothing is acknowledged for `timeout`.
 */
int
dial_inet(const struct addrinfo *address, int64_t timeout, bool *pending, struct err *err);
bool
dial_result(int fd, struct err *err);

#endif
