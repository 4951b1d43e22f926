#ifndef AIWATCH_ENGINE_CONTROL_H
#define AIWATCH_ENGINE_CONTROL_H

#include "daemon/base/err.h"

#include <jansson.h>
#include <sys/types.h>
#include <systemd/sd-event.h>

/*
 * The control socket: a Unix stream socket, mode 0660. A client sends one request, a JSON object on
 * one line with the member "verb", and gets one answer, a JSON object on one line, {"error":
 * "sentence"} where the request failed; then the connection ends. At most 16 clients at once, 64
 * KiB a request, 10 s a client.
 */
struct control;

/* Answers the request (borrowed) of a process of that user with a new reference. Never NULL. */
typedef json_t *
control_on_request(void *owner, const json_t *request, uid_t user);

/* Listens; a socket that nobody listens on any more is replaced. NULL with a sentence. */
struct control *
control_open(const char *path, sd_event *loop, control_on_request *on_request, void *owner,
	struct err *err);
void
control_close(struct control *control); /* removes the socket; takes NULL */

/*
 * The client's side, blocking, with a deadline of 10 s: sends the request and returns the answer, a
 * new reference. NULL with a sentence, also where the answer is {"error": …}.
 */
json_t *
control_ask(const char *path, const json_t *request, struct err *err);

#endif
