#include "daemon/sink/lookup.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

/* Shared by the thread and the loop; the last one frees. Written by the thread until `ready`. */
struct question {
	_Atomic int holders;
	int ready; /* eventfd */
	char *host;
	char *port;
	struct addrinfo hints;
	struct addrinfo *addresses;
	int result;
};

struct lookup {
	struct question *question;
	sd_event_source *source;
	lookup_on_done *done;
	void *owner;
};

static void
question_drop(struct question *question)
{
	if (atomic_fetch_sub(&question->holders, 1) != 1)
		return;
	if (question->addresses)
		freeaddrinfo(question->addresses);
	if (question->ready >= 0)
		close(question->ready);
	free(question->host);
	free(question->port);
	free(question);
}

static void *
ask(void *arg)
{
	struct question *question = arg;
	question->result =
		getaddrinfo(question->host, question->port, &question->hints, &question->addresses);
	uint64_t one = 1;
	(void)!write(question->ready, &one, sizeof one);
	question_drop(question);
	return NULL;
}

static int
on_ready(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)events;
	struct lookup *lookup = owner;
	uint64_t count;
	if (read(fd, &count, sizeof count) < 0)
		return 0;
	struct question *question = lookup->question;
	struct addrinfo *addresses = question->addresses;
	question->addresses = NULL;
	struct err err = ERR_INIT;
	if (question->result != 0) {
		err_set(&err, "cannot find host %s: %s", question->host,
			gai_strerror(question->result));
	}
	lookup_on_done *done = lookup->done;
	void *asker = lookup->owner;
	lookup_cancel(lookup);
	done(asker, addresses, &err);
	return 0;
}

static struct question *
question_new(const char *host, const char *port, int socktype)
{
	struct question *question = mem_new(sizeof *question);
	question->holders = 1;
	question->host = mem_text(host);
	question->port = mem_text(port);
	question->hints = (struct addrinfo){.ai_socktype = socktype, .ai_flags = AI_NUMERICSERV};
	question->ready = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	return question;
}

static bool
start_thread(struct question *question, struct err *err)
{
	pthread_attr_t attributes;
	pthread_attr_init(&attributes);
	pthread_attr_setdetachstate(&attributes, PTHREAD_CREATE_DETACHED);
	pthread_t thread;
	atomic_fetch_add(&question->holders, 1);
	int r = pthread_create(&thread, &attributes, ask, question);
	pthread_attr_destroy(&attributes);
	if (r == 0)
		return true;
	question_drop(question);
	return err_system(err, r, "cannot start a thread to look up %s", question->host);
}

struct lookup *
lookup_start(sd_event *loop, const char *host, const char *port, int socktype, lookup_on_done *done,
	void *owner, struct err *err)
{
	struct lookup *lookup = mem_new(sizeof *lookup);
	lookup->question = question_new(host, port, socktype);
	lookup->done = done;
	lookup->owner = owner;
	int fd = lookup->question->ready;
	int r = fd < 0 ? -errno
		       : sd_event_add_io(loop, &lookup->source, fd, EPOLLIN, on_ready, lookup);
	if (r < 0)
		err_system(err, -r, "cannot look up %s", host);
	if (r >= 0 && start_thread(lookup->question, err))
		return lookup;
	lookup_cancel(lookup);
	return NULL;
}

void
lookup_cancel(struct lookup *lookup)
{
	if (!lookup)
		return;
	sd_event_source_disable_unref(lookup->source);
	question_drop(lookup->question);
	free(lookup);
}

struct addrinfo *
lookup_numeric(const char *host, const char *port, int socktype)
{
	struct addrinfo hints = {
		.ai_socktype = socktype, .ai_flags = AI_NUMERICHOST | AI_NUMERICSERV};
	struct addrinfo *addresses = NULL;
	return getaddrinfo(host, port, &hints, &addresses) == 0 ? addresses : NULL;
}
