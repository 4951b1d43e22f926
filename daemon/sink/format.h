#ifndef AIWATCH_SINK_FORMAT_H
#define AIWATCH_SINK_FORMAT_H

#include "daemon/base/buf.h"
#include "daemon/base/clock.h"
#include "daemon/sink/http.h"
#include "daemon/sink/type.h"

/* What one format or another needs from the configuration; owned by the webhook. */
struct format_settings {
	char *routing_key;  /* pagerduty */
	char *body;	    /* template */
	char *content_type; /* the same; NULL for the format's own */
	char *host;	    /* icinga2: {site} is the site's name */
	char *service;	    /* the same */
	char *topic;	    /* ntfy: the last part of the URL */
};

/* One alert to be written. */
struct format_job {
	const struct sink *sink;
	const struct format_settings *settings;
	const struct alert *alert;
	int64_t now; /* wall */
};

/* A format of webhook: what a receiver wants to read. One row and one file each. */
struct format {
	const char *name;
	const char *content_type;
	const char *url;    /* where the configuration names none; NULL: it must */
	const char *path;   /* of a URL that has none; NULL for none */
	const char *accept; /* what is asked for as the answer; NULL for nothing */
	bool url_is_secret; /* who knows the path may post: it is never shown */
	bool is_list;	    /* the body is a list of what `write` writes */
	bool repeats;	    /* the receiver forgets: told each minute what stands */
	bool sites_only;    /* has no place for alerts about aiwatch itself: they are left out */
	/* NULL, or takes from the URL what the body holds: the URL to post to, to be freed; NULL
	 * with a sentence. */
	char *(*aim)(const char *url, struct format_settings *settings, struct err *err);
	/* NULL, or whether the settings are all there and right: false with a sentence. */
	bool (*check)(const struct format_settings *settings, struct err *err);
	/* Appends the body, within the receiver's documented limits whatever the alert holds. */
	void (*write)(const struct format_job *job, struct buf *out);
	/* NULL, or a look at the body of a 2xx answer, where the receiver may report errors: err
	 * holds the sentence where the outcome is another than SINK_DELIVERED. */
	enum sink_outcome (*judge)(const struct http_answer *answer, struct err *err);
};

extern const struct format FORMAT_GENERIC, FORMAT_CLOUDEVENTS, FORMAT_PAGERDUTY, FORMAT_SLACK,
	FORMAT_TEAMS, FORMAT_TEMPLATE, FORMAT_ALERTMANAGER, FORMAT_ICINGA2, FORMAT_NTFY;

/* How long what is repeated each minute holds without being repeated. */
#define FORMAT_HOLDS (5 * MINUTE)

/* How long this alert holds at its receiver: FORMAT_HOLDS, of a heartbeat three beats. */
int64_t
format_holds(const struct format_job *job);

/* NULL where there is none of that name. */
const struct format *
format_find(const char *name);

#endif
