/* The HTTP server, and what it decides about a request, by a client on the same loop. */
#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/web/gzip.h"
#include "daemon/web/server.h"

#include <arpa/inet.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <zlib.h>

#include <cmocka.h>

struct bench {
	sd_event *loop;
	struct server *server;
	uint16_t port;
	char seen[256]; /* path and arguments of the last request that was answered */
};

static bool
on_request(void *owner, const struct web_request *request, struct web_answer *answer)
{
	struct bench *bench = owner;
	const char *site = web_request_argument(request, "site");
	snprintf(bench->seen, sizeof bench->seen, "%s %zu %s", request->path,
		request->argument_count, site ? site : "-");
	if (strcmp(request->path, "/none") == 0)
		return false;
	int lines = strcmp(request->path, "/long") == 0 ? 1000 : 1;
	for (int i = 0; i < lines; i++)
		buf_add_text(&answer->body, "a line that says little\n");
	return true;
}

/* A port that was free a moment ago. */
static uint16_t
free_port(void)
{
	struct sockaddr_in address = {.sin_family = AF_INET};
	socklen_t size = sizeof address;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&address, &size), 0);
	close(fd);
	return ntohs(address.sin_port);
}

static int
open_bench(void **state)
{
	struct err err = ERR_INIT;
	struct bench *bench = mem_new(sizeof *bench);
	sd_event_new(&bench->loop);
	bench->port = free_port();
	char *address = mem_format("127.0.0.1:%u", bench->port);
	bench->server = server_open(address, bench->loop, on_request, bench, &err);
	free(address);
	assert_non_null(bench->server);
	*state = bench;
	return 0;
}

static int
close_bench(void **state)
{
	struct bench *bench = *state;
	server_close(bench->server);
	sd_event_unref(bench->loop);
	free(bench);
	return 0;
}

/* Sends a request and takes what comes until the server closes. Returns the answer's status. */
static int
ask(struct bench *bench, const char *request, struct buf *answer)
{
	struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons(bench->port)};
	int64_t deadline = clock_monotonic() + 10 * SECOND;
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	ssize_t n = -1;
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof address), 0);
	assert_int_equal(send(fd, request, strlen(request), MSG_NOSIGNAL), strlen(request));
	while (n != 0) {
		char bytes[4096];
		assert_true(clock_monotonic() < deadline);
		sd_event_run(bench->loop, 10000);
		n = recv(fd, bytes, sizeof bytes, MSG_DONTWAIT);
		if (n > 0)
			buf_add(answer, bytes, (size_t)n);
	}
	close(fd);
	return answer->n > 12 ? atoi(answer->p + 9) : 0;
}

/* The status for a request of one line and some headers. */
static int
status_of(struct bench *bench, const char *line, const char *headers)
{
	struct buf answer = BUF_INIT;
	char *request = mem_format("%s HTTP/1.1\r\n%sConnection: close\r\n\r\n", line, headers);
	int status = ask(bench, request, &answer);
	free(request);
	buf_fini(&answer);
	return status;
}

static void
t01_a_path_and_its_arguments_arrive_decoded(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(
		status_of(bench, "GET /x?a&site=CM%2001%26&b=", "Host: localhost\r\n"), 200);
	assert_string_equal(bench->seen, "/x 3 CM 01&");
}

static void
t02_there_are_paths_that_are_not(void **state)
{
	assert_int_equal(status_of(*state, "GET /none", "Host: localhost\r\n"), 404);
}

static void
t03_only_own_names_and_digits_are_served(void **state)
{
	static const struct {
		const char *host;
		int status;
	} CASE[] = {
		{"localhost", 200},
		{"LOCALHOST:9469", 200},
		{"127.0.0.1:9469", 200},
		{"192.0.2.7", 200},
		{"[::1]:9469", 200},
		{"[2001:db8::7]", 200},
		{"evil.example", 403},
		{"evil.example:9469", 403},
		{"localhost.evil.example", 403},
		{"127.0.0.1.evil.example", 403},
		{"[localhost", 403},
		{"", 403},
	};
	for (size_t i = 0; i < COUNT(CASE); i++) {
		char *header = mem_format("Host: %s\r\n", CASE[i].host);
		int status = status_of(*state, "GET /x", header);
		if (status != CASE[i].status)
			fail_msg("host \"%s\": %d", CASE[i].host, status);
		free(header);
	}
}

static void
t04_nothing_can_be_written(void **state)
{
	struct bench *bench = *state;
	assert_int_equal(
		status_of(bench, "POST /x", "Host: localhost\r\nContent-Length: 0\r\n"), 405);
	assert_int_equal(status_of(bench, "DELETE /x", "Host: localhost\r\n"), 405);
	assert_int_equal(status_of(bench, "OPTIONS /x", "Host: localhost\r\n"), 405);
	assert_string_equal(bench->seen, "");
	assert_int_equal(status_of(bench, "HEAD /x", "Host: localhost\r\n"), 200);
}

static void
t05_headers_have_a_bound(void **state)
{
	struct buf long_header = BUF_INIT;
	buf_add_text(&long_header, "Host: localhost\r\nX: ");
	for (int i = 0; i < 20000; i++)
		buf_add_byte(&long_header, 'x');
	buf_add_text(&long_header, "\r\n");
	assert_int_equal(status_of(*state, "GET /x", long_header.p), 431);
	buf_fini(&long_header);
}

static void
t06_what_is_known_is_not_sent_again(void **state)
{
	struct buf answer = BUF_INIT;
	char etag[64] = "";
	assert_int_equal(
		ask(*state, "GET /x HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n",
			&answer),
		200);
	const char *at = strcasestr(answer.p, "\r\netag: ");
	assert_non_null(at);
	assert_int_equal(sscanf(at + 8, "%60[^\r]", etag), 1);
	char *header = mem_format("Host: localhost\r\nIf-None-Match: %s\r\n", etag);
	assert_int_equal(status_of(*state, "GET /x", header), 304);
	assert_int_equal(status_of(*state, "GET /long", header), 200);
	free(header);
	buf_fini(&answer);
}

static void
t07_a_long_answer_is_gzipped_for_who_takes_it(void **state)
{
	struct buf answer = BUF_INIT;
	ask(*state,
		"GET /long HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: br, gzip\r\n"
		"Connection: close\r\n\r\n",
		&answer);
	assert_non_null(strcasestr(answer.p, "content-encoding: gzip"));
	assert_in_range(answer.n, 100, 2000);
	const char *body = memmem(answer.p, answer.n, "\r\n\r\n", 4);
	Bytef text[32768];
	z_stream stream = {.next_in = (Bytef *)body + 4,
		.avail_in = (uInt)(answer.n - (size_t)(body + 4 - answer.p)),
		.next_out = text,
		.avail_out = sizeof text};
	assert_int_equal(inflateInit2(&stream, 15 + 16), Z_OK);
	assert_int_equal(inflate(&stream, Z_FINISH), Z_STREAM_END);
	assert_int_equal(stream.total_out, 24 * 1000);
	assert_memory_equal(text, "a line that says little\n", 24);
	inflateEnd(&stream);
	buf_fini(&answer);
}

static void
t08_every_answer_forbids_what_it_does_not_need(void **state)
{
	static const char *const HEADER[] = {"x-content-type-options: nosniff",
		"content-security-policy: default-src 'none'", "x-frame-options: deny",
		"cache-control: no-store", "referrer-policy: no-referrer"};
	static const char *const PATH[] = {"/x", "/none"};
	for (size_t i = 0; i < COUNT(PATH); i++) {
		struct buf answer = BUF_INIT;
		char *request = mem_format(
			"GET %s HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n", PATH[i]);
		ask(*state, request, &answer);
		for (size_t h = 0; h < COUNT(HEADER); h++)
			assert_non_null(strcasestr(answer.p, HEADER[h]));
		free(request);
		buf_fini(&answer);
	}
}

static void
t09_an_address_in_use_is_named(void **state)
{
	struct bench *bench = *state;
	struct err err = ERR_INIT;
	char *address = mem_format("127.0.0.1:%u", bench->port);
	assert_null(server_open(address, bench->loop, on_request, bench, &err));
	assert_non_null(strstr(err.text, "cannot listen on 127.0.0.1 port"));
	free(address);
}

static void
t10_gzip_is_taken_where_the_header_says_so(void **state)
{
	(void)state;
	assert_true(gzip_is_accepted("gzip"));
	assert_true(gzip_is_accepted("deflate, GZIP;q=0.5"));
	assert_true(gzip_is_accepted("br;q=1.0,gzip ; q=0.1"));
	assert_false(gzip_is_accepted(NULL));
	assert_false(gzip_is_accepted(""));
	assert_false(gzip_is_accepted(","));
	assert_false(gzip_is_accepted("gzip;q=0"));
	assert_false(gzip_is_accepted("gzip; q=0.000, br"));
	assert_false(gzip_is_accepted("xgzip, identity"));
}

#define BENCH_TEST(test) cmocka_unit_test_setup_teardown(test, open_bench, close_bench)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		BENCH_TEST(t01_a_path_and_its_arguments_arrive_decoded),
		BENCH_TEST(t02_there_are_paths_that_are_not),
		BENCH_TEST(t03_only_own_names_and_digits_are_served),
		BENCH_TEST(t04_nothing_can_be_written),
		BENCH_TEST(t05_headers_have_a_bound),
		BENCH_TEST(t06_what_is_known_is_not_sent_again),
		BENCH_TEST(t07_a_long_answer_is_gzipped_for_who_takes_it),
		BENCH_TEST(t08_every_answer_forbids_what_it_does_not_need),
		BENCH_TEST(t09_an_address_in_use_is_named),
		cmocka_unit_test(t10_gzip_is_taken_where_the_header_says_so),
	};
	return cmocka_run_group_tests_name("web_server", tests, NULL, NULL);
}
