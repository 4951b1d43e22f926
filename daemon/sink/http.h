#ifndef AIWATCH_SINK_HTTP_H
#define AIWATCH_SINK_HTTP_H

#include "daemon/base/err.h"
#include "daemon/base/span.h"

#include <stdint.h>
#include <systemd/sd-event.h>

/*
 * HTTP on the loop (libcurl's multi interface). http and https only, redirects are not followed,
 * certificates are verified unless `insecure`, proxies are used only where named, connections are
 * kept. At most HTTP_RUNNING requests run at a time, HTTP_WAITING more wait in line.
 */
enum { HTTP_RUNNING = 8, HTTP_WAITING = 4096, HTTP_BODY_KEPT = 4096 };

/* Copied; texts may be NULL where the default serves. */
struct http_options {
	const char *ca;	  /* PEM file of what to trust; NULL: the system's */
	const char *cert; /* PEM of the client's certificate; NULL: none */
	const char *key;  /* its key; NULL: it stands in cert */
	const char *proxy;
	bool insecure;
	int64_t timeout; /* of a whole request, once it runs; half of it for connecting */
};

/* Everything is copied. */
struct http_request {
	const char *url;
	const char *const *headers;  /* "name: value", NULL-terminated */
	struct span body;	     /* POSTed */
	const char *user, *password; /* basic authentication; NULL for none */
};

/* Borrowed for the call. */
struct http_answer {
	long status;	     /* 0 where no whole answer came: `error` says why */
	struct span body;    /* its first HTTP_BODY_KEPT bytes, as they came: not safe to pass on */
	int64_t retry_after; /* of the header in either form; 0 where there is none */
	const char *error;
	bool unsent; /* with an error: not a byte of the request went out */
};

typedef void
http_on_answer(void *owner, const struct http_answer *answer);

struct http;
struct http_transfer;

struct http *
http_new(const struct http_options *options, sd_event *loop, struct err *err);
void
http_free(struct http *http); /* takes NULL; requests under way end without an answer */

/*
 * POSTs. The answer comes once and later, never before http_send returns; the transfer is freed
 * after it. NULL where too many wait already.
 */
struct http_transfer *
http_send(struct http *http, const struct http_request *request, http_on_answer *on_answer,
	void *owner);
void
http_cancel(struct http_transfer *transfer); /* no answer comes */

/* Whether a URL is one that http_send can use. */
bool
http_url_check(const char *url, struct err *err);

/*
 * The URL as people may see it, to be freed: without user, password, query and fragment; with
 * `hide_path` an ellipsis for the path. The URL has passed http_url_check.
 */
char *
http_url_shown(const char *url, bool hide_path);

/* The URL with another path, and the path it has; to be freed. Both have passed http_url_check. */
char *
http_url_join(const char *url, const char *path);
char *
http_url_path(const char *url);

/* Whether the URL has a path beyond "/". */
bool
http_url_has_path(const char *url);

#endif
