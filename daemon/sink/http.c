#include "daemon/sink/http.h"

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/base/library.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/sink/tls.h"

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

/* clang-format off */
#define CURL_CALLS(CALL) \
	CALL(easy_cleanup) CALL(easy_getinfo) CALL(easy_init) CALL(easy_setopt) \
	CALL(easy_strerror) CALL(free) CALL(global_init) CALL(multi_add_handle) \
	CALL(multi_assign) CALL(multi_cleanup) CALL(multi_info_read) CALL(multi_init) \
	CALL(multi_remove_handle) CALL(multi_setopt) CALL(multi_socket_action) \
	CALL(slist_append) CALL(slist_free_all) CALL(url) CALL(url_cleanup) CALL(url_get) \
	CALL(url_set)
/* clang-format on */

#define POINTER(name) __typeof__(curl_##name) *(name);
#define SYMBOL(name)  {"curl_" #name, &curl.name},

static struct {
	CURL_CALLS(POINTER)
} curl;
static const struct library_symbol SYMBOLS[] = {CURL_CALLS(SYMBOL)};
static struct library library = {"libcurl.so.4", SYMBOLS, COUNT(SYMBOLS), false};

/* How much of an answer is read before the connection is given up. */
static const size_t BODY_READ_MAX = 256 * 1024;

/* An answer may ask for no longer a pause. */
static const int64_t RETRY_AFTER_MAX = DAY;

struct http_transfer {
	struct http_transfer *prev, *next;
	struct http *http;
	CURL *easy;
	struct curl_slist *headers;
	struct buf body;
	size_t received;
	bool running;
	http_on_answer *on_answer;
	void *owner;
	char error[CURL_ERROR_SIZE];
};

/*
 * A socket of libcurl's that the loop watches, by a descriptor of its own: libcurl may close a
 * connection that it gives up before it asks to watch it no longer, and the number may be another
 * thread's file by then.
 */
struct watched {
	struct http *http;
	curl_socket_t fd;
	sd_event_source *source;
};

struct http {
	CURLM *multi;
	sd_event *loop;
	sd_event_source *timer;
	char *ca;
	char *cert;
	char *key;
	char *proxy;
	bool insecure;
	int64_t timeout;
	struct http_transfer *running, *waiting;
	size_t running_count, waiting_count;
};

static void
start_waiting(struct http *http);

static void
transfer_free(struct http_transfer *transfer)
{
	struct http *http = transfer->http;
	if (transfer->running) {
		curl.multi_remove_handle(http->multi, transfer->easy);
		DL_DELETE(http->running, transfer);
		http->running_count--;
	} else {
		DL_DELETE(http->waiting, transfer);
		http->waiting_count--;
	}
	curl.easy_cleanup(transfer->easy);
	curl.slist_free_all(transfer->headers);
	buf_fini(&transfer->body);
	free(transfer);
}

/* Without memory libcurl leaves a transfer as it stands, for ever. */
static void
must(bool has_memory)
{
	if (!has_memory)
		log_fatal("out of memory");
}

static int64_t
retry_after_of(CURL *easy)
{
	curl_off_t seconds = 0;
	if (curl.easy_getinfo(easy, CURLINFO_RETRY_AFTER, &seconds) != CURLE_OK || seconds <= 0)
		return 0;
	return seconds < RETRY_AFTER_MAX / SECOND ? seconds * SECOND : RETRY_AFTER_MAX;
}

static bool
is_unsent(CURL *easy)
{
	long bytes = 0;
	return curl.easy_getinfo(easy, CURLINFO_REQUEST_SIZE, &bytes) == CURLE_OK && bytes == 0;
}

static void
finish(struct http_transfer *transfer, CURLcode code)
{
	struct http_answer answer = {.body = buf_span(&transfer->body)};
	/* The rest of an endless answer was not worth reading; its head was whole. */
	bool cut = code == CURLE_WRITE_ERROR && transfer->received > BODY_READ_MAX;
	if (code == CURLE_OK || cut) {
		curl.easy_getinfo(transfer->easy, CURLINFO_RESPONSE_CODE, &answer.status);
		answer.retry_after = retry_after_of(transfer->easy);
	} else {
		answer.error = transfer->error[0] ? transfer->error : curl.easy_strerror(code);
		answer.unsent = is_unsent(transfer->easy);
	}
	if (answer.status == 0 && !answer.error)
		answer.error = "the answer was no HTTP";
	transfer->on_answer(transfer->owner, &answer);
}

static void
collect(struct http *http)
{
	int left;
	for (CURLMsg *message; (message = curl.multi_info_read(http->multi, &left));) {
		if (message->msg != CURLMSG_DONE)
			continue;
		struct http_transfer *transfer;
		CURLcode code = message->data.result;
		curl.easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, (char **)&transfer);
		finish(transfer, code);
		transfer_free(transfer);
	}
	start_waiting(http);
}

static int
on_socket_ready(sd_event_source *source, int own_fd, uint32_t events, void *owner)
{
	(void)source;
	(void)own_fd;
	struct watched *watched = owner;
	struct http *http = watched->http;
	int what = ((events & EPOLLIN) ? CURL_CSELECT_IN : 0) |
		   ((events & EPOLLOUT) ? CURL_CSELECT_OUT : 0) |
		   ((events & (EPOLLERR | EPOLLHUP)) ? CURL_CSELECT_ERR : 0);
	int running;
	must(curl.multi_socket_action(http->multi, watched->fd, what, &running) !=
		CURLM_OUT_OF_MEMORY);
	collect(http);
	return 0;
}

static struct watched *
watch(struct http *http, curl_socket_t fd, uint32_t events)
{
	int own_fd = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (own_fd < 0) {
		log_warning("a connection cannot be watched: %s", strerrordesc_np(errno));
		return NULL;
	}
	struct watched *watched = mem_new(sizeof *watched);
	watched->http = http;
	watched->fd = fd;
	int r = sd_event_add_io(
		http->loop, &watched->source, own_fd, events, on_socket_ready, watched);
	if (r < 0) {
		log_warning("a connection cannot be watched: %s", strerrordesc_np(-r));
		close(own_fd);
		free(watched);
		return NULL;
	}
	sd_event_source_set_io_fd_own(watched->source, true);
	return watched;
}

static void
unwatch(struct watched *watched)
{
	if (!watched)
		return;
	sd_event_source_disable_unref(watched->source);
	free(watched);
}

/*
 * libcurl says which socket it waits for; what watches it travels as the socket's pointer. An error
 * that is returned would end the transfers of this handle for ever: a connection that nobody
 * watches ends by its time-out, and is tried again.
 */
static int
on_socket_wanted(CURL *easy, curl_socket_t fd, int what, void *owner, void *socket)
{
	(void)easy;
	struct http *http = owner;
	struct watched *watched = socket;
	if (what == CURL_POLL_REMOVE) {
		curl.multi_assign(http->multi, fd, NULL);
		unwatch(watched);
		return 0;
	}
	uint32_t events =
		((what & CURL_POLL_IN) ? EPOLLIN : 0u) | ((what & CURL_POLL_OUT) ? EPOLLOUT : 0u);
	if (!watched)
		curl.multi_assign(http->multi, fd, watch(http, fd, events));
	else if (sd_event_source_set_io_events(watched->source, events) < 0)
		log_warning("a connection cannot be watched");
	return 0;
}

static int
on_timer(sd_event_source *source, uint64_t usec, void *owner)
{
	(void)source;
	(void)usec;
	struct http *http = owner;
	int running;
	must(curl.multi_socket_action(http->multi, CURL_SOCKET_TIMEOUT, 0, &running) !=
		CURLM_OUT_OF_MEMORY);
	collect(http);
	return 0;
}

static int
on_timer_wanted(CURLM *multi, long milliseconds, void *owner)
{
	(void)multi;
	struct http *http = owner;
	int r = milliseconds < 0 ? sd_event_source_set_enabled(http->timer, SD_EVENT_OFF)
				 : sd_event_source_set_time_relative(
					   http->timer, (uint64_t)milliseconds * 1000);
	if (r >= 0 && milliseconds >= 0)
		r = sd_event_source_set_enabled(http->timer, SD_EVENT_ONESHOT);
	if (r < 0)
		log_fatal("cannot set a timer: %s", strerrordesc_np(-r));
	return 0;
}

static size_t
on_body(char *bytes, size_t size, size_t count, void *owner)
{
	struct http_transfer *transfer = owner;
	size_t n = size * count;
	transfer->received += n;
	if (transfer->received > BODY_READ_MAX)
		return 0;
	buf_add_span(&transfer->body,
		span_first((struct span){bytes, n}, HTTP_BODY_KEPT - transfer->body.n));
	return n;
}

/* Where libcurl stands on another TLS library than OpenSSL there is nothing to be set. */
static void
init_curl(void)
{
	struct err unimportant = ERR_INIT;
	tls_load(&unimportant);
	if (curl.global_init(CURL_GLOBAL_DEFAULT) != CURLE_OK)
		log_fatal("cannot initialise libcurl");
}

struct http *
http_new(const struct http_options *options, sd_event *loop, struct err *err)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	if (!library_load(&library, err))
		return NULL;
	pthread_once(&once, init_curl);
	struct http *http = mem_new(sizeof *http);
	http->loop = sd_event_ref(loop);
	http->ca = mem_text(options->ca);
	http->cert = mem_text(options->cert);
	http->key = mem_text(options->key);
	http->proxy = mem_text(options->proxy ? options->proxy : "");
	http->insecure = options->insecure;
	http->timeout = options->timeout;
	http->multi = curl.multi_init();
	int r = sd_event_add_time(
		loop, &http->timer, CLOCK_BOOTTIME, UINT64_MAX, 1000, on_timer, http);
	if (r < 0 || !http->multi) {
		err_system(err, r < 0 ? -r : ENOMEM, "cannot set up HTTP");
		http_free(http);
		return NULL;
	}
	sd_event_source_set_enabled(http->timer, SD_EVENT_OFF);
	curl.multi_setopt(http->multi, CURLMOPT_SOCKETFUNCTION, on_socket_wanted);
	curl.multi_setopt(http->multi, CURLMOPT_SOCKETDATA, http);
	curl.multi_setopt(http->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
	curl.multi_setopt(http->multi, CURLMOPT_TIMERDATA, http);
	return http;
}

void
http_free(struct http *http)
{
	if (!http)
		return;
	while (http->running)
		transfer_free(http->running);
	while (http->waiting)
		transfer_free(http->waiting);
	curl.multi_cleanup(http->multi);
	sd_event_source_disable_unref(http->timer);
	sd_event_unref(http->loop);
	free(http->ca);
	free(http->cert);
	free(http->key);
	free(http->proxy);
	free(http);
}

/* A request that lacks an option is another request. */
#define SET(easy, option, value) must(curl.easy_setopt(easy, option, value) != CURLE_OUT_OF_MEMORY)

static void
set_connection(CURL *easy, const struct http *http)
{
	SET(easy, CURLOPT_PROTOCOLS_STR, "http,https");
	SET(easy, CURLOPT_REDIR_PROTOCOLS_STR, "");
	SET(easy, CURLOPT_FOLLOWLOCATION, 0L);
	SET(easy, CURLOPT_NOSIGNAL, 1L);
	SET(easy, CURLOPT_USERAGENT, "aiwatch/" AIWATCH_VERSION);
	SET(easy, CURLOPT_TIMEOUT_MS, (long)(http->timeout / 1000));
	SET(easy, CURLOPT_CONNECTTIMEOUT_MS, (long)(http->timeout / 2000));
	SET(easy, CURLOPT_TCP_KEEPALIVE, 1L);
	SET(easy, CURLOPT_PROXY, http->proxy);
	SET(easy, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
	SET(easy, CURLOPT_SSL_VERIFYPEER, http->insecure ? 0L : 1L);
	SET(easy, CURLOPT_SSL_VERIFYHOST, http->insecure ? 0L : 2L);
	if (http->ca)
		SET(easy, CURLOPT_CAINFO, http->ca);
	if (http->cert)
		SET(easy, CURLOPT_SSLCERT, http->cert);
	if (http->cert)
		SET(easy, CURLOPT_SSLKEY, http->key ? http->key : http->cert);
}

static void
add_header(struct http_transfer *transfer, const char *header)
{
	transfer->headers = curl.slist_append(transfer->headers, header);
	if (!transfer->headers)
		log_fatal("out of memory");
}

static void
set_request(struct http_transfer *transfer, const struct http_request *request)
{
	CURL *easy = transfer->easy;
	SET(easy, CURLOPT_URL, request->url);
	SET(easy, CURLOPT_POST, 1L);
	SET(easy, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)request->body.n);
	SET(easy, CURLOPT_COPYPOSTFIELDS, request->body.n ? request->body.p : "");
	/* A body of this size goes at once: nobody is asked whether it may. */
	add_header(transfer, "Expect:");
	for (const char *const *header = request->headers; *header; header++)
		add_header(transfer, *header);
	SET(easy, CURLOPT_HTTPHEADER, transfer->headers);
	if (request->user) {
		SET(easy, CURLOPT_HTTPAUTH, (long)CURLAUTH_BASIC);
		SET(easy, CURLOPT_USERNAME, request->user);
		SET(easy, CURLOPT_PASSWORD, request->password);
	}
	SET(easy, CURLOPT_WRITEFUNCTION, on_body);
	SET(easy, CURLOPT_WRITEDATA, transfer);
	SET(easy, CURLOPT_ERRORBUFFER, transfer->error);
	SET(easy, CURLOPT_PRIVATE, transfer);
}

static void
start_waiting(struct http *http)
{
	while (http->waiting && http->running_count < HTTP_RUNNING) {
		struct http_transfer *transfer = http->waiting;
		DL_DELETE(http->waiting, transfer);
		http->waiting_count--;
		DL_APPEND(http->running, transfer);
		http->running_count++;
		transfer->running = true;
		must(curl.multi_add_handle(http->multi, transfer->easy) == CURLM_OK);
	}
}

struct http_transfer *
http_send(struct http *http, const struct http_request *request, http_on_answer *on_answer,
	void *owner)
{
	if (http->waiting_count >= HTTP_WAITING)
		return NULL;
	struct http_transfer *transfer = mem_new(sizeof *transfer);
	transfer->http = http;
	transfer->on_answer = on_answer;
	transfer->owner = owner;
	transfer->easy = curl.easy_init();
	if (!transfer->easy)
		log_fatal("out of memory");
	set_connection(transfer->easy, http);
	set_request(transfer, request);
	DL_APPEND(http->waiting, transfer);
	http->waiting_count++;
	start_waiting(http);
	return transfer;
}

void
http_cancel(struct http_transfer *transfer)
{
	struct http *http = transfer->http;
	transfer_free(transfer);
	start_waiting(http);
}

/* A part of a URL, to be freed; NULL where it has none. */
static char *
url_part(const char *url, CURLUPart part)
{
	struct err err = ERR_INIT;
	if (!library_load(&library, &err))
		return NULL;
	CURLU *parsed = curl.url();
	char *text = NULL, *copy = NULL;
	if (parsed && curl.url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl.url_get(parsed, part, &text, 0) == CURLUE_OK)
		copy = mem_text(text);
	curl.free(text);
	curl.url_cleanup(parsed);
	return copy;
}

bool
http_url_check(const char *url, struct err *err)
{
	for (const char *p = url; *p; p++) {
		if (*p <= ' ' || *p == 0x7f)
			return err_set(err, "url: blanks and control characters must be escaped");
	}
	if (!library_load(&library, err))
		return err_context(err, "url");
	char *scheme = url_part(url, CURLUPART_SCHEME);
	bool right = scheme && strstr(url, "://") &&
		     (strcmp(scheme, "http") == 0 || strcmp(scheme, "https") == 0);
	free(scheme);
	return right || err_set(err, "url: wanted http://HOST… or https://HOST…");
}

char *
http_url_shown(const char *url, bool hide_path)
{
	char *scheme = url_part(url, CURLUPART_SCHEME), *host = url_part(url, CURLUPART_HOST),
	     *port = url_part(url, CURLUPART_PORT), *path = url_part(url, CURLUPART_PATH);
	char *shown = mem_format("%s://%s%s%s%s", scheme, host, port ? ":" : "", port ? port : "",
		hide_path && http_url_has_path(url) ? "/\xe2\x80\xa6" : path);
	free(scheme);
	free(host);
	free(port);
	free(path);
	return shown;
}

bool
http_url_has_path(const char *url)
{
	char *path = url_part(url, CURLUPART_PATH);
	bool has = path && strcmp(path, "") != 0 && strcmp(path, "/") != 0;
	free(path);
	return has;
}

char *
http_url_path(const char *url)
{
	char *path = url_part(url, CURLUPART_PATH);
	return path ? path : mem_text("/");
}

char *
http_url_join(const char *url, const char *path)
{
	CURLU *parsed = curl.url();
	char *text = NULL, *joined = NULL;
	if (parsed && curl.url_set(parsed, CURLUPART_URL, url, 0) == CURLUE_OK &&
		curl.url_set(parsed, CURLUPART_PATH, path, 0) == CURLUE_OK &&
		curl.url_get(parsed, CURLUPART_URL, &text, 0) == CURLUE_OK)
		joined = mem_text(text);
	curl.free(text);
	curl.url_cleanup(parsed);
	return joined ? joined : mem_text(url);
}
