#include "tests/unit/sink_world.h"
#include "tests/unit/test_server.h"

#include "daemon/sink/syslog_format.h"
#include "daemon/sink/wire.h"

#include <netinet/in.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/un.h>

static void
t01_a_wrong_row_is_refused(void **unused)
{
	(void)unused;
	assert_refused((struct config_sink){.type = CONFIG_SINK_SYSLOG, .address = (char *)"x"},
		"sink test: address x is none: wanted a path, udp://HOST:PORT, tcp://HOST:PORT or "
		"tls://HOST:PORT");
	assert_refused(
		(struct config_sink){.type = CONFIG_SINK_SYSLOG, .facility = (char *)"local9"},
		"sink test: facility local9 is not known");
}

/* A receiver on a socket of the file system. */
static int
listen_unix(const char *path, int type)
{
	struct sockaddr_un name = {.sun_family = AF_UNIX};
	strncpy(name.sun_path, path, sizeof name.sun_path - 1);
	unlink(path);
	int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	return fd;
}

/* A receiver on a free port of loopback; *address is its URL, to be freed. */
static int
listen_inet(int type, const char *scheme, char **address)
{
	struct sockaddr_in name = {
		.sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
	socklen_t n = sizeof name;
	int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0), on = 1;
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, n), 0);
	if (type == SOCK_STREAM)
		assert_int_equal(listen(fd, 5), 0);
	getsockname(fd, (struct sockaddr *)&name, &n);
	*address = mem_format("%s://127.0.0.1:%d", scheme, ntohs(name.sin_port));
	return fd;
}

static int
listen_again(const char *address)
{
	int on = 1;
	struct sockaddr_in name = {.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK),
		.sin_port = htons((uint16_t)atoi(strrchr(address, ':') + 1))};
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	assert_int_equal(bind(fd, (struct sockaddr *)&name, sizeof name), 0);
	assert_int_equal(listen(fd, 5), 0);
	return fd;
}

struct setting {
	sd_event *loop;
	char *directory;
	char *path;
	struct sink *sink;
	struct alert alert;
};

static struct setting
local_setting(int64_t timeout)
{
	struct setting s = {.loop = world_loop(), .directory = world_directory()};
	s.path = mem_format("%s/log", s.directory);
	s.alert = world_alert();
	s.sink = world_sink(
		s.loop, (struct config_sink){
				.type = CONFIG_SINK_SYSLOG, .address = s.path, .timeout = timeout});
	return s;
}

static void
end_setting(struct setting *s)
{
	const char *const NAMES[] = {"log", NULL};
	sink_free(s->sink);
	if (s->directory)
		world_remove(s->directory, NAMES);
	free(s->path);
	sd_event_unref(s->loop);
}

static const char *
receive(int fd, char *bytes, size_t room)
{
	ssize_t n = recv(fd, bytes, room - 1, MSG_DONTWAIT);
	assert_true(n >= 0);
	bytes[n] = '\0';
	return bytes;
}

static void
t02_a_local_datagram_arrives(void **unused)
{
	(void)unused;
	struct setting s = local_setting(0);
	char got[4096], pid[32];
	int fd = listen_unix(s.path, SOCK_DGRAM);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	receive(fd, got, sizeof got);
	snprintf(pid, sizeof pid, " aiwatch[%d]: CM01: certificate", (int)getpid());
	assert_memory_equal(got, "<26>", 4);
	assert_non_null(strstr(got, pid));
	char *preview = sink_preview(s.sink, &s.alert);
	assert_non_null(strstr(preview, pid));
	free(preview);
	close(fd);
	end_setting(&s);
}

static void
t03_no_receiver_is_a_retry_and_a_new_one_is_found(void **unused)
{
	(void)unused;
	struct setting s = local_setting(0);
	char got[4096];
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_non_null(strstr(answer.text, "cannot connect: No such file or directory"));
	int fd = listen_unix(s.path, SOCK_DGRAM);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	close(fd);
	answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_RETRY);
	assert_non_null(strstr(answer.text, "Connection refused"));
	fd = listen_unix(s.path, SOCK_DGRAM);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	receive(fd, got, sizeof got);
	close(fd);
	fd = listen_unix(s.path, SOCK_DGRAM); /* restarted while nothing was sent */
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	assert_non_null(strstr(receive(fd, got, sizeof got), "CM01"));
	close(fd);
	end_setting(&s);
}

/* Given a receiver that does not read, when its queue is full, then messages wait; none is lost. */
static void
t04_a_full_socket_waits(void **unused)
{
	(void)unused;
	enum { MESSAGES = 2000 };
	struct setting s = local_setting(0);
	char got[4096];
	int fd = listen_unix(s.path, SOCK_DGRAM);
	struct answers answers = {0};
	for (int i = 0; i < MESSAGES; i++)
		sink_send(s.sink, &s.alert, world_on_done, &answers);
	assert_true(answers.count < MESSAGES);
	size_t read = 0;
	int64_t end = clock_monotonic() + DEADLINE;
	while (answers.count < MESSAGES && clock_monotonic() < end) {
		while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
			read++;
		sd_event_run(s.loop, 1000);
	}
	while (recv(fd, got, sizeof got, MSG_DONTWAIT) > 0)
		read++;
	assert_int_equal(answers.delivered, MESSAGES);
	assert_int_equal(read, MESSAGES);
	close(fd);
	end_setting(&s);
}

static void
t05_a_socket_that_stays_full_is_a_retry(void **unused)
{
	(void)unused;
	struct setting s = local_setting(SECOND / 10);
	int fd = listen_unix(s.path, SOCK_DGRAM);
	struct answers answers = {0};
	size_t sent = 0;
	while (answers.count == sent) {
		sink_send(s.sink, &s.alert, world_on_done, &answers);
		sent++;
	}
	world_wait(s.loop, &answers, sent);
	assert_int_equal(answers.delivered, sent - 1);
	assert_int_equal(answers.last.outcome, SINK_RETRY);
	assert_non_null(strstr(answers.last.text, "the receiver took nothing for"));
	close(fd);
	end_setting(&s);
}

static void
t06_a_local_stream_gets_a_nul_behind_each(void **unused)
{
	(void)unused;
	struct setting s = local_setting(0);
	char got[4096];
	int fd = listen_unix(s.path, SOCK_STREAM);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	int peer = accept(fd, NULL, NULL);
	ssize_t n = recv(peer, got, sizeof got, MSG_DONTWAIT);
	size_t one = strlen(got) + 1;
	assert_int_equal(n, 2 * one);
	close(peer);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	peer = accept(fd, NULL, NULL);
	assert_int_equal(recv(peer, got, sizeof got, MSG_DONTWAIT), one);
	close(peer);
	close(fd);
	end_setting(&s);
}

static struct setting
network_setting(char *address, int64_t timeout)
{
	struct setting s = {.loop = world_loop(), .path = address, .alert = world_alert()};
	s.sink = world_sink(s.loop,
		(struct config_sink){
			.type = CONFIG_SINK_SYSLOG, .address = address, .timeout = timeout});
	return s;
}

static void
t07_udp_sends_one_datagram_each(void **unused)
{
	(void)unused;
	char *address, got[4096];
	int fd = listen_inet(SOCK_DGRAM, "udp", &address);
	struct setting s = network_setting(address, 0);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	receive(fd, got, sizeof got);
	assert_memory_equal(got, "<26>1 20", 8);
	assert_non_null(strstr(got, " loghost aiwatch "));
	close(fd);
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_RETRY);
	assert_non_null(strstr(answer.text, "Connection refused"));
	end_setting(&s);
}

static void
t08_a_name_is_looked_up_and_all_its_addresses_are_tried(void **unused)
{
	(void)unused;
	static const struct {
		int type;
		const char *scheme;
	} CASE[] = {{SOCK_DGRAM, "udp"}, {SOCK_STREAM, "tcp"}};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *address;
		int fd = listen_inet(CASE[i].type, CASE[i].scheme, &address);
		char *named = mem_format("%s://localhost%s", CASE[i].scheme, strrchr(address, ':'));
		struct setting s = network_setting(named, 0);
		assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
		close(fd);
		free(address);
		end_setting(&s);
	}
}

static void
t09_a_name_that_nobody_has_is_a_retry(void **unused)
{
	(void)unused;
	struct setting s = network_setting(mem_text("tcp://aiwatch.invalid:601"), 0);
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_non_null(strstr(answer.text, "cannot find host aiwatch.invalid: "));
	struct answers answers = {0};
	sink_send(s.sink, &s.alert, world_on_done, &answers);
	end_setting(&s); /* while it is looking up */
	assert_int_equal(answers.count, 0);
}

/* The next who connects; the loop runs meanwhile. */
static int
accept_peer(struct setting *s, int fd)
{
	struct pollfd ready = {.fd = fd, .events = POLLIN};
	int64_t end = clock_monotonic() + DEADLINE;
	while (poll(&ready, 1, 0) == 0) {
		assert_true(clock_monotonic() < end);
		sd_event_run(s->loop, 1000);
	}
	return accept(fd, NULL, NULL);
}

/* Reads one octet-counted frame; the loop runs meanwhile. */
static char *
read_frame(struct setting *s, int peer)
{
	struct buf got = BUF_INIT;
	int64_t end = clock_monotonic() + DEADLINE;
	size_t wanted = 0;
	while (wanted == 0 || got.n < wanted) {
		char byte;
		assert_true(clock_monotonic() < end);
		if (recv(peer, &byte, 1, MSG_DONTWAIT) != 1) {
			sd_event_run(s->loop, 1000);
			continue;
		}
		buf_add_byte(&got, byte);
		if (wanted == 0 && byte == ' ') {
			wanted = (size_t)atoi(got.p);
			assert_true(wanted > 0 && wanted <= SYSLOG_MAX);
			buf_clear(&got);
		}
	}
	return buf_take(&got);
}

static void
t10_tcp_counts_octets(void **unused)
{
	(void)unused;
	char *address;
	int fd = listen_inet(SOCK_STREAM, "tcp", &address);
	struct setting s = network_setting(address, 0);
	struct answers answers = {0};
	sink_send(s.sink, &s.alert, world_on_done, &answers);
	s.alert.firing = false;
	sink_send(s.sink, &s.alert, world_on_done, &answers);
	world_wait(s.loop, &answers, 2);
	assert_int_equal(answers.delivered, 2);
	int peer = accept(fd, NULL, NULL);
	char *one = read_frame(&s, peer), *two = read_frame(&s, peer);
	assert_memory_equal(one, "<26>1 ", 6);
	assert_memory_equal(two, "<29>1 ", 6);
	free(one);
	free(two);
	close(peer);
	close(fd);
	end_setting(&s);
}

/* Given a receiver that was stopped and started while nothing was sent, then the next message goes
 * to the new one, without a retry. */
static void
t11_tcp_notices_a_restart_before_it_writes(void **unused)
{
	(void)unused;
	char *address;
	int fd = listen_inet(SOCK_STREAM, "tcp", &address);
	struct setting s = network_setting(address, 0);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	int peer = accept(fd, NULL, NULL);
	free(read_frame(&s, peer));
	close(peer);
	close(fd);
	fd = listen_again(address);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	peer = accept(fd, NULL, NULL);
	free(read_frame(&s, peer));
	close(peer);
	close(fd);
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_RETRY);
	assert_non_null(strstr(answer.text, "cannot connect: Connection refused"));
	end_setting(&s);
}

/* Given a receiver whose window is full, then what it has not acknowledged is not delivered. */
static void
t12_tcp_is_delivered_only_when_acknowledged(void **unused)
{
	(void)unused;
	enum { MESSAGES = 4000 };
	char *address;
	int fd = listen_inet(SOCK_STREAM, "tcp", &address), room = 4096;
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
	struct setting s = network_setting(address, SECOND / 2);
	struct answers answers = {0};
	for (int i = 0; i < MESSAGES; i++)
		sink_send(s.sink, &s.alert, world_on_done, &answers);
	world_wait(s.loop, &answers, MESSAGES);
	assert_true(answers.delivered < 100);
	assert_int_equal(answers.last.outcome, SINK_RETRY);
	assert_non_null(strstr(answers.last.text, "the receiver took nothing for"));
	close(fd);
	end_setting(&s);
}

static void
t13_a_queue_has_an_end(void **unused)
{
	(void)unused;
	char *address;
	int fd = listen_inet(SOCK_STREAM, "tcp", &address);
	struct setting s = network_setting(address, 0);
	struct answers answers = {0};
	for (int i = 0; i <= FRAMES_MAX; i++)
		sink_send(s.sink, &s.alert, world_on_done, &answers);
	assert_int_equal(answers.count, 1);
	assert_int_equal(answers.last.outcome, SINK_RETRY);
	assert_non_null(strstr(answers.last.text, "already wait"));
	close(fd);
	end_setting(&s);
}

struct tls_case {
	const char *certificate_for;
	const char *named;
	bool trusted, insecure, shows;
};

static struct sink_answer
send_over_tls(struct tls_case with, size_t times)
{
	struct server *server = server_start(SERVER_SYSLOG, NULL, with.certificate_for);
	struct setting s = {.loop = world_loop(), .alert = world_alert()};
	s.path = mem_format("tls://%s:%d", with.named, server->port);
	s.sink = world_sink(s.loop, (struct config_sink){.type = CONFIG_SINK_SYSLOG,
					    .address = s.path,
					    .ca = with.trusted ? server->certificate : NULL,
					    .cert = with.shows ? server->certificate : NULL,
					    .key = with.shows ? server->key : NULL,
					    .insecure = with.insecure});
	struct sink_answer answer;
	for (size_t i = 0; i < times; i++)
		answer = world_send(s.loop, s.sink, &s.alert);
	/* Not closed before: a server that is still greeting would give it all up. */
	int64_t end = clock_monotonic() + DEADLINE;
	while (answer.outcome == SINK_DELIVERED && !server_request(server, times - 1))
		assert_true(clock_monotonic() < end);
	end_setting(&s);
	if (answer.outcome == SINK_DELIVERED) {
		const char *got = server_request(server, times - 1);
		assert_int_equal(atoi(got), strlen(strchr(got, ' ') + 1));
		assert_non_null(strstr(got, " <26>1 "));
		assert_int_equal(server_connections(server), 1);
	}
	server_stop(server);
	return answer;
}

static void
t14_tls_carries_frames_to_one_who_proved_his_name(void **unused)
{
	(void)unused;
	static const struct tls_case GOOD[] = {
		{"127.0.0.1", "127.0.0.1", .trusted = true},
		{"localhost", "localhost", .trusted = true},
		{"127.0.0.1", "127.0.0.1", .trusted = true, .shows = true},
		{"other.example", "127.0.0.1", .insecure = true},
	};
	static const struct tls_case BAD[] = {
		{"127.0.0.1", "127.0.0.1", .trusted = false},
		{"other.example", "127.0.0.1", .trusted = true},
		{"other.example", "localhost", .trusted = true},
	};
	for (size_t i = 0; i < COUNT(GOOD); i++)
		assert_int_equal(send_over_tls(GOOD[i], 3).outcome, SINK_DELIVERED);
	for (size_t i = 0; i < COUNT(BAD); i++) {
		struct sink_answer answer = send_over_tls(BAD[i], 1);
		assert_int_equal(answer.outcome, SINK_MISSED);
		assert_non_null(strstr(answer.text, "the receiver's certificate is not accepted"));
	}
}

static void
t15_one_who_does_not_speak_tls_is_a_retry(void **unused)
{
	(void)unused;
	char *address;
	int fd = listen_inet(SOCK_STREAM, "tls", &address);
	struct setting s = network_setting(address, SECOND / 5);
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_non_null(strstr(answer.text, "greeting: the receiver took nothing for"));
	struct answers answers = {0};
	sink_send(s.sink, &s.alert, world_on_done, &answers);
	int peer = accept_peer(&s, fd);
	close(peer);
	peer = accept_peer(&s, fd);
	assert_int_equal(write(peer, "no TLS here\n", 12), 12);
	world_wait(s.loop, &answers, 1);
	assert_int_equal(answers.last.outcome, SINK_MISSED);
	assert_non_null(strstr(answers.last.text, "TLS: "));
	close(peer);
	close(fd);
	end_setting(&s);
}

static void
t16_files_that_are_no_certificates_are_a_retry(void **unused)
{
	(void)unused;
	struct setting s = {.loop = world_loop(), .alert = world_alert()};
	int fd = listen_inet(SOCK_STREAM, "tls", &s.path);
	s.sink = world_sink(s.loop, (struct config_sink){.type = CONFIG_SINK_SYSLOG,
					    .address = s.path,
					    .ca = (char *)"/nonexistent/ca.pem"});
	struct sink_answer answer = world_send(s.loop, s.sink, &s.alert);
	assert_int_equal(answer.outcome, SINK_MISSED);
	assert_non_null(
		strstr(answer.text, "/nonexistent/ca.pem: cannot read the trusted certificates: "));
	close(fd);
	end_setting(&s);
}

/* How often the loop wakes within a tenth of a second. */
static size_t
count_turns(sd_event *loop)
{
	size_t turns = 0;
	int64_t end = clock_monotonic() + SECOND / 10;
	for (int64_t left; (left = end - clock_monotonic()) > 0; turns++)
		sd_event_run(loop, (uint64_t)left);
	return turns;
}

/* Given a receiver that went away, when nothing is sent, then nothing wakes us again and again. */
static void
t17_an_idle_wire_sleeps(void **unused)
{
	(void)unused;
	static const int TYPE[] = {SOCK_DGRAM, SOCK_STREAM};
	for (size_t i = 0; i < COUNT(TYPE); i++) {
		struct setting s = local_setting(0);
		int fd = listen_unix(s.path, TYPE[i]);
		assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
		close(fd);
		assert_true(count_turns(s.loop) < 10);
		end_setting(&s);
	}
	char *address;
	int fd = listen_inet(SOCK_STREAM, "tcp", &address);
	struct setting s = network_setting(address, 0);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	int peer = accept(fd, NULL, NULL);
	assert_true(count_turns(s.loop) < 10);
	shutdown(peer, SHUT_WR);
	assert_true(count_turns(s.loop) < 10);
	close(peer);
	assert_true(count_turns(s.loop) < 10);
	close(fd);
	end_setting(&s);
	fd = listen_inet(SOCK_DGRAM, "udp", &address);
	s = network_setting(address, 0);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_DELIVERED);
	close(fd);
	assert_int_equal(world_send(s.loop, s.sink, &s.alert).outcome, SINK_RETRY);
	assert_true(count_turns(s.loop) < 10);
	end_setting(&s);
}

/* Given a receiver that dies with a frame unread in its kernel, then the next one gets it. */
static void
t18_tcp_sends_again_what_a_dead_receiver_had_not_read(void **unused)
{
	(void)unused;
	char *address;
	int fd = listen_inet(SOCK_STREAM, "tcp", &address);
	struct setting s = network_setting(address, 0);
	struct answers answers = {0};
	sink_send(s.sink, &s.alert, world_on_done, &answers);
	int peer = accept_peer(&s, fd);
	struct pollfd ready = {.fd = peer, .events = POLLIN};
	int64_t end = clock_monotonic() + DEADLINE;
	while (poll(&ready, 1, 0) == 0 && clock_monotonic() < end)
		sd_event_run(s.loop, 100);
	close(peer);
	assert_int_equal(answers.count, 0);
	peer = accept_peer(&s, fd);
	free(read_frame(&s, peer));
	world_wait(s.loop, &answers, 1);
	assert_int_equal(answers.delivered, 1);
	close(peer);
	close(fd);
	end_setting(&s);
}

int
main(void)
{
	const struct CMUnitTest TESTS[] = {
		cmocka_unit_test(t01_a_wrong_row_is_refused),
		cmocka_unit_test(t02_a_local_datagram_arrives),
		cmocka_unit_test(t03_no_receiver_is_a_retry_and_a_new_one_is_found),
		cmocka_unit_test(t04_a_full_socket_waits),
		cmocka_unit_test(t05_a_socket_that_stays_full_is_a_retry),
		cmocka_unit_test(t06_a_local_stream_gets_a_nul_behind_each),
		cmocka_unit_test(t07_udp_sends_one_datagram_each),
		cmocka_unit_test(t08_a_name_is_looked_up_and_all_its_addresses_are_tried),
		cmocka_unit_test(t09_a_name_that_nobody_has_is_a_retry),
		cmocka_unit_test(t10_tcp_counts_octets),
		cmocka_unit_test(t11_tcp_notices_a_restart_before_it_writes),
		cmocka_unit_test(t12_tcp_is_delivered_only_when_acknowledged),
		cmocka_unit_test(t13_a_queue_has_an_end),
		cmocka_unit_test(t14_tls_carries_frames_to_one_who_proved_his_name),
		cmocka_unit_test(t15_one_who_does_not_speak_tls_is_a_retry),
		cmocka_unit_test(t16_files_that_are_no_certificates_are_a_retry),
		cmocka_unit_test(t17_an_idle_wire_sleeps),
		cmocka_unit_test(t18_tcp_sends_again_what_a_dead_receiver_had_not_read),
	};
	return cmocka_run_group_tests(TESTS, NULL, NULL);
}
