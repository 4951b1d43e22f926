#include "daemon/base/buf.h"
#include "daemon/base/mem.h"
#include "daemon/engine/control.h"

#include <errno.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <cmocka.h>

struct server {
	char folder[64];
	char path[96];
	sd_event *loop;
	struct control *control;
	pthread_t thread;
	int stop[2];
};

/* Echoes the member "say"; fails where there is none. */
static json_t *
on_request(void *owner, const json_t *request, uid_t user)
{
	(void)owner;
	assert_int_equal(user, getuid());
	const char *text = json_string_value(json_object_get(request, "say"));
	return text ? json_pack("{s:s}", "said", text) : json_pack("{s:s}", "error", "say what");
}

static int
on_stop(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	(void)events;
	return sd_event_exit(owner, 0);
}

static void *
serve(void *owner)
{
	struct server *server = owner;
	sd_event_loop(server->loop);
	return NULL;
}

static int
set_up(void **state)
{
	struct server *server = mem_new(sizeof *server);
	struct err err = ERR_INIT;
	strcpy(server->folder, "/tmp/aiwatch-control-XXXXXX");
	assert_non_null(mkdtemp(server->folder));
	snprintf(server->path, sizeof server->path, "%s/sub/c.sock", server->folder);
	assert_int_equal(sd_event_new(&server->loop), 0);
	server->control = control_open(server->path, server->loop, on_request, NULL, &err);
	assert_non_null(server->control);
	assert_int_equal(pipe(server->stop), 0);
	assert_true(sd_event_add_io(server->loop, NULL, server->stop[0], EPOLLIN, on_stop,
			    server->loop) >= 0);
	assert_int_equal(pthread_create(&server->thread, NULL, serve, server), 0);
	*state = server;
	return 0;
}

static int
tear_down(void **state)
{
	struct server *server = *state;
	assert_int_equal(write(server->stop[1], "x", 1), 1);
	pthread_join(server->thread, NULL);
	control_close(server->control);
	assert_int_equal(access(server->path, F_OK), -1);
	sd_event_unref(server->loop);
	close(server->stop[0]);
	close(server->stop[1]);
	*strrchr(server->path, '/') = '\0';
	rmdir(server->path);
	rmdir(server->folder);
	free(server);
	return 0;
}

static void
t01_a_request_is_answered(void **state)
{
	struct server *server = *state;
	struct err err = ERR_INIT;
	json_t *request = json_pack("{s:s}", "say", "hello");
	json_t *answer = control_ask(server->path, request, &err);
	assert_string_equal(json_string_value(json_object_get(answer, "said")), "hello");
	json_decref(answer);
	json_decref(request);
	struct stat stat_of;
	assert_int_equal(stat(server->path, &stat_of), 0);
	assert_int_equal(stat_of.st_mode & 0777, 0660);
}

static void
t02_an_error_is_a_sentence(void **state)
{
	struct server *server = *state;
	struct err err = ERR_INIT;
	json_t *request = json_object();
	assert_null(control_ask(server->path, request, &err));
	assert_string_equal(err.text, "say what");
	json_decref(request);
}

/* Sends the bytes as they are and returns what comes back until the end. */
static char *
talk(const struct server *server, const char *bytes, size_t n)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	strcpy(address.sun_path, server->path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	struct buf answer = BUF_INIT;
	char block[4096];
	for (size_t sent = 0; sent < n;) {
		ssize_t some = send(fd, bytes + sent, n - sent, MSG_NOSIGNAL);
		if (some <= 0)
			break;
		sent += (size_t)some;
	}
	for (ssize_t some; (some = recv(fd, block, sizeof block, 0)) > 0;)
		buf_add(&answer, block, (size_t)some);
	close(fd);
	return buf_take(&answer);
}

static void
t03_garbage_is_told_so(void **state)
{
	char *answer = talk(*state, "garbage\n", 8);
	assert_string_equal(
		answer, "{\"error\":\"the request is not a JSON object on one line\"}\n");
	free(answer);
}

static void
t04_a_request_without_end_is_dropped(void **state)
{
	size_t n = 1 << 20;
	char *bytes = mem_new(n);
	memset(bytes, 'x', n);
	char *answer = talk(*state, bytes, n);
	assert_string_equal(answer, "");
	free(answer);
	free(bytes);
}

static void
t05_a_second_daemon_is_refused(void **state)
{
	struct server *server = *state;
	struct err err = ERR_INIT;
	sd_event *loop;
	assert_int_equal(sd_event_new(&loop), 0);
	assert_null(control_open(server->path, loop, on_request, NULL, &err));
	assert_non_null(strstr(err.text, "another daemon listens on it"));
	sd_event_unref(loop);
}

static void
t06_a_socket_left_behind_is_replaced(void **state)
{
	struct server *server = *state;
	char path[128];
	struct err err = ERR_INIT;
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	snprintf(path, sizeof path, "%s/left", server->folder);
	strcpy(address.sun_path, path);
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	close(fd);
	sd_event *loop;
	assert_int_equal(sd_event_new(&loop), 0);
	struct control *control = control_open(path, loop, on_request, NULL, &err);
	assert_non_null(control);
	control_close(control);
	sd_event_unref(loop);
}

static void
t07_no_daemon_is_a_sentence(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	json_t *request = json_object();
	assert_null(control_ask("/nonexistent/c.sock", request, &err));
	assert_string_equal(
		err.text, "no daemon answers at /nonexistent/c.sock: No such file or directory");
	char longer[300];
	memset(longer, 'x', sizeof longer);
	longer[299] = '\0';
	assert_null(control_ask(longer, request, &err));
	assert_non_null(strstr(err.text, "the path is longer than 107 bytes"));
	json_decref(request);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_a_request_is_answered),
		cmocka_unit_test(t02_an_error_is_a_sentence),
		cmocka_unit_test(t03_garbage_is_told_so),
		cmocka_unit_test(t04_a_request_without_end_is_dropped),
		cmocka_unit_test(t05_a_second_daemon_is_refused),
		cmocka_unit_test(t06_a_socket_left_behind_is_replaced),
		cmocka_unit_test(t07_no_daemon_is_a_sentence),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
