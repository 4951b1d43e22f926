#include "daemon/web/server.h"

#include "daemon/base/clock.h"
#include "daemon/base/hash.h"
#include "daemon/base/library.h"
#include "daemon/base/mem.h"
#include "daemon/web/gzip.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <utlist.h>

/* clang-format off */
#define MHD_CALLS(CALL) \
	CALL(add_response_header) CALL(create_response_from_buffer) CALL(destroy_response) \
	CALL(get_connection_info) CALL(get_connection_values) CALL(get_daemon_info) \
	CALL(get_timeout) CALL(lookup_connection_value) CALL(queue_response) CALL(run) \
	CALL(start_daemon) CALL(stop_daemon)
/* clang-format on */

#define POINTER(name) __typeof__(MHD_##name) *(name);
#define SYMBOL(name)  {"MHD_" #name, &mhd.name},

static struct {
	MHD_CALLS(POINTER)
} mhd;
static const struct library_symbol SYMBOLS[] = {MHD_CALLS(SYMBOL)};
static struct library library = {"libmicrohttpd.so.12", SYMBOLS, COUNT(SYMBOLS), false};

enum {
	CLIENTS_MAX = 64,
	HEADERS_MAX = 16 * 1024,
	SILENCE_SECONDS = 10,
	REQUEST_SECONDS = 15,
	GZIP_LEAST = 1024,	/* a shorter body is sent as it is */
	ETAG_TEXT = 3 + 32 + 2, /* W/", digits, " and a NUL */
};

static const char PLAIN[] = "text/plain; charset=utf-8";
static const char ALLOW_NOTHING[] = "default-src 'none'; frame-ancestors 'none'";

/* A connection, in the order in which they came or had their last answer. */
struct client {
	struct client *prev, *next;
	int fd;
	int64_t since; /* monotonic */
};

struct server {
	char *host; /* as configured, without brackets */
	char *port;
	char machine[256]; /* its name */
	struct MHD_Daemon *daemon;
	struct client *clients;
	sd_event_source *on_ready;
	sd_event_source *on_time;
	server_on_request *on_request;
	void *owner;
};

/* What every answer carries: nothing is kept, framed, guessed or told to others. */
static const struct {
	const char *name;
	const char *value;
} HEADER[] = {
	{"Cache-Control", "no-store"},
	{"X-Content-Type-Options", "nosniff"},
	{"X-Frame-Options", "DENY"},
	{"Referrer-Policy", "no-referrer"},
	{"Cross-Origin-Resource-Policy", "same-origin"},
	{"Vary", "Accept-Encoding"},
};

static struct span
host_part(struct span host)
{
	if (host.n > 0 && host.p[0] == '[') {
		const char *end = memchr(host.p, ']', host.n);
		return end ? (struct span){host.p + 1, (size_t)(end - host.p) - 1} : host;
	}
	const char *colon = host.n > 0 ? memrchr(host.p, ':', host.n) : NULL;
	return colon ? (struct span){host.p, (size_t)(colon - host.p)} : host;
}

/* An address in digits cannot be rebound: it is no name. */
static bool
is_digits(struct span host)
{
	char text[INET6_ADDRSTRLEN];
	struct in6_addr address;
	if (host.n == 0 || host.n >= sizeof text)
		return false;
	memcpy(text, host.p, host.n);
	text[host.n] = '\0';
	return inet_pton(AF_INET, text, &address) == 1 || inet_pton(AF_INET6, text, &address) == 1;
}

static bool
is_own_host(const struct server *server, const char *header)
{
	struct span host = host_part(span_of(header));
	return host.n > 0 && (is_digits(host) || span_equal_nocase(host, SPAN("localhost")) ||
				     span_equal_nocase(host, span_of(server->host)) ||
				     span_equal_nocase(host, span_of(server->machine)));
}

static const char *
header_of(struct MHD_Connection *connection, const char *name)
{
	return mhd.lookup_connection_value(connection, MHD_HEADER_KIND, name);
}

/* An ETag is weak where the same page may be sent gzipped or not. */
static void
write_etag(const struct buf *body, char out[ETAG_TEXT])
{
	struct hash128 hash = hash128(body->p, body->n);
	memcpy(out, "W/\"", 3);
	hex_encode(hash.byte, sizeof hash.byte, out + 3);
	memcpy(out + ETAG_TEXT - 2, "\"", 2);
}

/* Hands the bytes of the body over; `body` is empty afterwards. */
static struct MHD_Response *
make_response(struct buf *body)
{
	size_t n = body->n;
	char *bytes = buf_take(body);
	struct MHD_Response *response =
		mhd.create_response_from_buffer(n, bytes, MHD_RESPMEM_MUST_FREE);
	if (!response)
		free(bytes);
	return response;
}

static bool
zip(struct MHD_Connection *connection, struct buf *body)
{
	if (body->n < GZIP_LEAST ||
		!gzip_is_accepted(header_of(connection, MHD_HTTP_HEADER_ACCEPT_ENCODING)))
		return false;
	struct buf zipped = BUF_INIT;
	gzip_add(&zipped, buf_span(body));
	buf_fini(body);
	*body = zipped;
	return true;
}

static enum MHD_Result
send_answer(struct MHD_Connection *connection, struct web_answer *answer)
{
	char etag[ETAG_TEXT];
	const char *known = header_of(connection, MHD_HTTP_HEADER_IF_NONE_MATCH);
	write_etag(&answer->body, etag);
	if (answer->status == MHD_HTTP_OK && known && strstr(known, etag)) {
		answer->status = MHD_HTTP_NOT_MODIFIED;
		buf_clear(&answer->body);
	}
	bool zipped = zip(connection, &answer->body);
	struct MHD_Response *response = make_response(&answer->body);
	if (!response)
		return MHD_NO;
	for (size_t i = 0; i < COUNT(HEADER); i++)
		mhd.add_response_header(response, HEADER[i].name, HEADER[i].value);
	mhd.add_response_header(response, MHD_HTTP_HEADER_CONTENT_TYPE, answer->content_type);
	mhd.add_response_header(response, "Content-Security-Policy",
		answer->policy ? answer->policy : ALLOW_NOTHING);
	mhd.add_response_header(response, MHD_HTTP_HEADER_ETAG, etag);
	if (zipped)
		mhd.add_response_header(response, MHD_HTTP_HEADER_CONTENT_ENCODING, "gzip");
	if (answer->status == MHD_HTTP_METHOD_NOT_ALLOWED)
		mhd.add_response_header(response, MHD_HTTP_HEADER_ALLOW, "GET, HEAD");
	enum MHD_Result result = mhd.queue_response(connection, answer->status, response);
	mhd.destroy_response(response);
	return result;
}

static enum MHD_Result
send_sentence(struct MHD_Connection *connection, unsigned status, const char *sentence)
{
	struct web_answer answer = {.status = status, .content_type = PLAIN};
	buf_format(&answer.body, "%s\n", sentence);
	return send_answer(connection, &answer);
}

struct argument_list {
	struct web_argument item[WEB_ARGUMENTS_MAX];
	size_t count;
};

static enum MHD_Result
on_argument(void *owner, enum MHD_ValueKind kind, const char *name, const char *value)
{
	(void)kind;
	struct argument_list *list = owner;
	if (list->count == WEB_ARGUMENTS_MAX)
		return MHD_NO;
	list->item[list->count++] = (struct web_argument){name, value ? value : ""};
	return MHD_YES;
}

static bool
is_method(const char *method, const char *wanted)
{
	return strcmp(method, wanted) == 0;
}

static enum MHD_Result
on_http(void *owner, struct MHD_Connection *connection, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_size, void **state)
{
	(void)version;
	(void)upload;
	struct server *server = owner;
	bool is_writing =
		!is_method(method, MHD_HTTP_METHOD_GET) && !is_method(method, MHD_HTTP_METHOD_HEAD);
	/* An answer to the headers alone would close the connection. */
	if (!*state && !is_writing) {
		*state = server;
		return MHD_YES;
	}
	if (*upload_size) {
		*upload_size = 0;
		return MHD_YES;
	}
	if (!is_own_host(server, header_of(connection, MHD_HTTP_HEADER_HOST)))
		return send_sentence(connection, MHD_HTTP_FORBIDDEN,
			"this server is not known by that name: use its address, or the name in "
			"`http:` of its configuration");
	if (is_writing)
		return send_sentence(
			connection, MHD_HTTP_METHOD_NOT_ALLOWED, "GET and HEAD are served");
	struct argument_list list = {.count = 0};
	mhd.get_connection_values(connection, MHD_GET_ARGUMENT_KIND, on_argument, &list);
	struct web_request request = {url, list.item, list.count};
	struct web_answer answer = {.status = MHD_HTTP_OK, .content_type = PLAIN};
	if (server->on_request(server->owner, &request, &answer))
		return send_answer(connection, &answer);
	buf_fini(&answer.body);
	return send_sentence(connection, MHD_HTTP_NOT_FOUND, "there is no such page");
}

const char *
web_request_argument(const struct web_request *request, const char *name)
{
	for (size_t i = 0; i < request->argument_count; i++) {
		if (strcmp(request->argument[i].name, name) == 0)
			return request->argument[i].value;
	}
	return NULL;
}

static void
on_connection(void *owner, struct MHD_Connection *connection, void **slot,
	enum MHD_ConnectionNotificationCode code)
{
	struct server *server = owner;
	struct client *client = *slot;
	if (code == MHD_CONNECTION_NOTIFY_CLOSED) {
		DL_DELETE(server->clients, client);
		free(client);
		*slot = NULL;
		return;
	}
	client = mem_new(sizeof *client);
	client->fd =
		mhd.get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD)->connect_fd;
	client->since = clock_monotonic();
	DL_APPEND(server->clients, client);
	*slot = client;
}

/* The client begins anew. */
static void
renew(struct server *server, struct client *client)
{
	client->since = clock_monotonic();
	DL_DELETE(server->clients, client);
	DL_APPEND(server->clients, client);
}

static void
on_completed(void *owner, struct MHD_Connection *connection, void **state,
	enum MHD_RequestTerminationCode code)
{
	(void)state;
	(void)code;
	renew(owner, mhd.get_connection_info(connection, MHD_CONNECTION_INFO_SOCKET_CONTEXT)
			     ->socket_context);
}

/* Ends those that send, or take, a byte now and then. The server sees their end and closes. */
static void
end_slow_clients(struct server *server)
{
	int64_t now = clock_monotonic();
	while (server->clients && now - server->clients->since >= REQUEST_SECONDS * SECOND) {
		shutdown(server->clients->fd, SHUT_RDWR);
		renew(server, server->clients);
	}
}

static void
arm(struct server *server)
{
	MHD_UNSIGNED_LONG_LONG wait;
	int64_t at = INT64_MAX;
	if (mhd.get_timeout(server->daemon, &wait) == MHD_YES)
		at = clock_monotonic() + (int64_t)wait * 1000;
	if (server->clients && server->clients->since + REQUEST_SECONDS * SECOND < at)
		at = server->clients->since + REQUEST_SECONDS * SECOND;
	if (at == INT64_MAX) {
		sd_event_source_set_enabled(server->on_time, SD_EVENT_OFF);
		return;
	}
	sd_event_source_set_time(server->on_time, (uint64_t)at);
	sd_event_source_set_enabled(server->on_time, SD_EVENT_ONESHOT);
}

static unsigned
client_count(const struct server *server)
{
	return mhd.get_daemon_info(server->daemon, MHD_DAEMON_INFO_CURRENT_CONNECTIONS)
		->num_connections;
}

static int
on_ready(sd_event_source *source, int fd, uint32_t events, void *owner)
{
	(void)source;
	(void)fd;
	(void)events;
	struct server *server = owner;
	unsigned before;
	end_slow_clients(server);
	/* Only the next run after a client has gone listens again where there were too many. */
	do {
		before = client_count(server);
		mhd.run(server->daemon);
	} while (client_count(server) < before);
	arm(server);
	return 0;
}

static int
on_time(sd_event_source *source, uint64_t at, void *owner)
{
	(void)at;
	return on_ready(source, -1, 0, owner);
}

/* Splits "HOST:PORT"; false where it is not that. */
static bool
read_address(struct server *server, const char *address, struct err *err)
{
	const char *colon = strrchr(address, ':');
	struct span host = host_part(span_of(address));
	if (!colon || host.n == 0 || colon[1] == '\0')
		return err_set(err, "http: \"%s\" is not HOST:PORT", address);
	server->host = mem_copy(host.p, host.n);
	server->port = mem_text(colon + 1);
	return true;
}

/* A listening socket on the first address that the name has. -1 with a sentence. */
static int
listen_on(const struct server *server, struct err *err)
{
	struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE}, *found;
	int r = getaddrinfo(server->host, server->port, &hints, &found);
	if (r != 0) {
		err_set(err, "http: cannot find the address %s port %s: %s", server->host,
			server->port, gai_strerror(r));
		return -1;
	}
	int on = 1;
	int fd = socket(found->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	bool ok = fd >= 0 && setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on) == 0 &&
		  bind(fd, found->ai_addr, found->ai_addrlen) == 0 && listen(fd, CLIENTS_MAX) == 0;
	int code = errno;
	freeaddrinfo(found);
	if (ok)
		return fd;
	err_system(err, code, "http: cannot listen on %s port %s", server->host, server->port);
	if (fd >= 0)
		close(fd);
	return -1;
}

static bool
start(struct server *server, sd_event *loop, struct err *err)
{
	if (!library_load(&library, err))
		return err_context(err, "http");
	int fd = listen_on(server, err);
	if (fd < 0)
		return false;
	server->daemon = mhd.start_daemon(MHD_USE_EPOLL, 0, NULL, NULL, on_http, server,
		MHD_OPTION_LISTEN_SOCKET, fd, MHD_OPTION_CONNECTION_LIMIT, (unsigned)CLIENTS_MAX,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)HEADERS_MAX,
		MHD_OPTION_CONNECTION_TIMEOUT, (unsigned)SILENCE_SECONDS,
		MHD_OPTION_NOTIFY_CONNECTION, on_connection, server, MHD_OPTION_NOTIFY_COMPLETED,
		on_completed, server, MHD_OPTION_END);
	if (!server->daemon) {
		close(fd);
		return err_set(err, "http: the server does not start");
	}
	const union MHD_DaemonInfo *info =
		mhd.get_daemon_info(server->daemon, MHD_DAEMON_INFO_EPOLL_FD);
	int r = sd_event_add_io(loop, &server->on_ready, info->epoll_fd, EPOLLIN, on_ready, server);
	if (r >= 0)
		r = sd_event_add_time(
			loop, &server->on_time, CLOCK_BOOTTIME, 0, 1000, on_time, server);
	if (r < 0)
		return err_system(err, -r, "http: cannot watch the server");
	arm(server);
	return true;
}

struct server *
server_open(const char *address, sd_event *loop, server_on_request *on_request, void *owner,
	struct err *err)
{
	struct server *server = mem_new(sizeof *server);
	server->on_request = on_request;
	server->owner = owner;
	if (gethostname(server->machine, sizeof server->machine - 1) != 0)
		server->machine[0] = '\0';
	if (read_address(server, address, err) && start(server, loop, err))
		return server;
	server_close(server);
	return NULL;
}

void
server_close(struct server *server)
{
	if (!server)
		return;
	sd_event_source_disable_unref(server->on_ready);
	sd_event_source_disable_unref(server->on_time);
	if (server->daemon)
		mhd.stop_daemon(server->daemon);
	free(server->host);
	free(server->port);
	free(server);
}
