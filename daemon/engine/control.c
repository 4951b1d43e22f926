#include "daemon/engine/control.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

enum { CLIENTS_MAX = 16, REQUEST_MAX = 64 * 1024, BACKLOG = 16 };

#define CLIENT_DEADLINE (10 * SECOND)

struct client {
	struct control *control;
	int fd;
	sd_event_source *source;
	sd_event_source *deadline;
	struct buf request;
	struct buf answer;
	size_t sent;
};

struct control {
	char *path;
	int fd;
	sd_event *loop;
	sd_event_source *source;
	struct client *client[CLIENTS_MAX];
	control_on_request *on_request;
	void *owner;
};

static bool
socket_address(const char *path, struct sockaddr_un *address, struct err *err)
{
	*address = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (strlen(path) >= sizeof address->sun_path)
		return err_set(err, "control socket %s: the path is longer than %zu bytes", path,
			sizeof address->sun_path - 1);
	memcpy(address->sun_path, path, strlen(path) + 1);
	return true;
}

static void
client_end(struct client *client)
{
	struct control *control = client->control;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (control->client[i] == client)
			control->client[i] = NULL;
	}
	sd_event_source_disable_unref(client->source);
	sd_event_source_disable_unref(client->deadline);
	close(client->fd);
	buf_fini(&client->request);
	buf_fini(&client->answer);
	free(client);
}

static uid_t
user_of(int fd)
{
	struct ucred peer = {.uid = (uid_t)-1};
	socklen_t length = sizeof peer;
	getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &length);
	return peer.uid;
}

static void
client_answer(struct client *client)
{
	json_error_t trouble;
	json_t *request =
		json_loadb(client->request.p, client->request.n, JSON_REJECT_DUPLICATES, &trouble);
	json_t *answer = json_is_object(request)
				 ? client->control->on_request(
					   client->control->owner, request, user_of(client->fd))
				 : json_pack("{s:s}", "error",
					   "the request is not a JSON object on one line");
	char *text = json_dumps(answer, JSON_COMPACT);
	buf_add_text(&client->answer, text);
	buf_add_byte(&client->answer, '\n');
	free(text);
	json_decref(answer);
	json_decref(request);
	sd_event_source_set_io_events(client->source, EPOLLOUT);
}

/* False where the client is gone or sends what no client would. */
static bool
client_read(struct client *client)
{
	char block[4096];
	ssize_t n = recv(client->fd, block, sizeof block, MSG_DONTWAIT);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	if (n == 0 || client->request.n + (size_t)n > REQUEST_MAX)
		return false;
	buf_add(&client->request, block, (size_t)n);
	if (memchr(block, '\n', (size_t)n))
		client_answer(client);
	return true;
}

/* False once all is written, or the client is gone. */
static bool
client_write(struct client *client)
{
	ssize_t n = send(client->fd, client->answer.p + client->sent,
		client->answer.n - client->sent, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR;
	client->sent += (size_t)n;
	return client->sent < client->answer.n;
}

static int
on_client(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	(void)events;
	struct client *client = owner;
	bool more = client->answer.n ? client_write(client) : client_read(client);
	if (!more)
		client_end(client);
	return 0;
}

static int
on_deadline(sd_event_source *source, uint64_t now, void *owner)
{
	(void)source;
	(void)now;
	client_end(owner);
	return 0;
}

static int
on_connection(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)events;
	struct control *control = owner;
	int client_fd = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	if (client_fd < 0)
		return 0;
	size_t i = 0;
	while (i < CLIENTS_MAX && control->client[i])
		i++;
	if (i == CLIENTS_MAX) {
		close(client_fd);
		return 0;
	}
	struct client *client = mem_new(sizeof *client);
	control->client[i] = client;
	client->control = control;
	client->fd = client_fd;
	if (sd_event_add_io(control->loop, &client->source, client_fd, EPOLLIN, on_client, client) <
			0 ||
		sd_event_add_time_relative(control->loop, &client->deadline, CLOCK_BOOTTIME,
			CLIENT_DEADLINE, SECOND, on_deadline, client) < 0)
		client_end(client);
	return 0;
}

/* Connects, to learn whether anybody listens. -1 with errno. */
static int
connect_to(const struct sockaddr_un *address, int flags)
{
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | flags, 0);
	if (fd >= 0 && connect(fd, (const struct sockaddr *)address, sizeof *address) != 0) {
		int code = errno;
		close(fd);
		errno = code;
		return -1;
	}
	return fd;
}

/* Makes the folder of the socket where it is missing; an error shows when the socket is bound. */
static void
make_folder(const char *path)
{
	const char *slash = strrchr(path, '/');
	if (!slash || slash == path)
		return;
	char *folder = mem_copy(path, (size_t)(slash - path));
	(void)!mkdir(folder, 0755);
	free(folder);
}

static bool
listen_on(struct control *control, const struct sockaddr_un *address, struct err *err)
{
	make_folder(control->path);
	int other = connect_to(address, SOCK_NONBLOCK);
	if (other >= 0) {
		close(other);
		return err_set(
			err, "control socket %s: another daemon listens on it", control->path);
	}
	if (errno == ECONNREFUSED)
		unlink(control->path);
	control->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	mode_t old = umask(0117);
	bool ok = control->fd >= 0 &&
		  bind(control->fd, (const struct sockaddr *)address, sizeof *address) == 0 &&
		  listen(control->fd, BACKLOG) == 0;
	int code = errno;
	umask(old);
	return ok || err_system(err, code, "cannot listen on the control socket %s", control->path);
}

struct control *
control_open(const char *path, sd_event *loop, control_on_request *on_request, void *owner,
	struct err *err)
{
	struct sockaddr_un address;
	if (!socket_address(path, &address, err))
		return NULL;
	struct control *control = mem_new(sizeof *control);
	control->path = mem_text(path);
	control->fd = -1;
	control->loop = loop;
	control->on_request = on_request;
	control->owner = owner;
	if (!listen_on(control, &address, err))
		goto fail;
	int r = sd_event_add_io(
		loop, &control->source, control->fd, EPOLLIN, on_connection, control);
	if (r < 0) {
		err_system(err, -r, "cannot watch the control socket %s", path);
		goto fail;
	}
	return control;
fail:
	if (control->fd >= 0)
		close(control->fd);
	free(control->path);
	free(control);
	return NULL;
}

void
control_close(struct control *control)
{
	if (!control)
		return;
	for (size_t i = 0; i < CLIENTS_MAX; i++) {
		if (control->client[i])
			client_end(control->client[i]);
	}
	sd_event_source_disable_unref(control->source);
	close(control->fd);
	unlink(control->path);
	free(control->path);
	free(control);
}

static bool
wait_for(int fd, short events, int64_t deadline, struct err *err)
{
	int64_t left = deadline - clock_monotonic();
	struct pollfd poller = {.fd = fd, .events = events};
	int n = left > 0 ? poll(&poller, 1, (int)(left / 1000) + 1) : 0;
	if (n > 0 || (n < 0 && errno == EINTR))
		return true;
	return n == 0 ? err_set(err, "the daemon did not answer within 10 s")
		      : err_system(err, errno, "cannot wait for the daemon");
}

static bool
send_all(int fd, struct span bytes, int64_t deadline, struct err *err)
{
	while (bytes.n > 0) {
		ssize_t n = send(fd, bytes.p, bytes.n, MSG_DONTWAIT | MSG_NOSIGNAL);
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_system(err, errno, "cannot write to the daemon");
		if (n < 0 && !wait_for(fd, POLLOUT, deadline, err))
			return false;
		if (n > 0)
			bytes = span_from(bytes, (size_t)n);
	}
	return true;
}

static bool
receive_all(int fd, struct buf *answer, int64_t deadline, struct err *err)
{
	for (;;) {
		char block[16384];
		if (!wait_for(fd, POLLIN, deadline, err))
			return false;
		ssize_t n = recv(fd, block, sizeof block, MSG_DONTWAIT);
		if (n == 0)
			return true;
		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return err_system(err, errno, "cannot read from the daemon");
		if (n > 0)
			buf_add(answer, block, (size_t)n);
	}
}

static json_t *
read_answer(const struct buf *bytes, struct err *err)
{
	json_error_t trouble;
	json_t *answer = json_loadb(bytes->p ? bytes->p : "", bytes->n, 0, &trouble);
	if (!answer) {
		err_set(err, "the daemon's answer is not JSON: %s", trouble.text);
		return NULL;
	}
	const char *sentence = json_string_value(json_object_get(answer, "error"));
	if (!sentence)
		return answer;
	err_set(err, "%s", sentence);
	json_decref(answer);
	return NULL;
}

json_t *
control_ask(const char *path, const json_t *request, struct err *err)
{
	struct sockaddr_un address;
	if (!socket_address(path, &address, err))
		return NULL;
	int fd = connect_to(&address, 0);
	if (fd < 0) {
		err_system(err, errno, "no daemon answers at %s", path);
		return NULL;
	}
	char *text = json_dumps(request, JSON_COMPACT);
	struct buf line = BUF_INIT, answer = BUF_INIT;
	buf_format(&line, "%s\n", text);
	free(text);
	int64_t deadline = clock_monotonic() + CLIENT_DEADLINE;
	json_t *reply = NULL;
	if (send_all(fd, buf_span(&line), deadline, err) && receive_all(fd, &answer, deadline, err))
		reply = read_answer(&answer, err);
	buf_fini(&line);
	buf_fini(&answer);
	close(fd);
	return reply;
}
