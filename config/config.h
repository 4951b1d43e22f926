#ifndef CONFIG_CONFIG_H
#define CONFIG_CONFIG_H

#include "daemon/base/buf.h"
#include "daemon/base/err.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * The configuration as a struct. config.c reads YAML into it by one table of keys (type, bounds,
 * default, help); a struct config is complete and within its bounds, or there is none. Durations
 * are microseconds, sizes bytes. All texts are owned by the struct config; lists carry their count.
 */
struct config_place {
	const char *file; /* owned by the struct config; NULL for what is compiled in */
	unsigned line;	  /* from 1 */
	unsigned column;  /* from 1 */
};

struct config_list {
	char **item;
	size_t count;
};

/* A secret's text is read when the configuration is loaded; it is never printed. */
struct config_secret {
	char *from; /* "file /etc/…", "credential NAME", "env NAME", for people; NULL where none is
		       set */
	char *value;
};

struct config_pair {
	char *name;
	char *value;
	char *from; /* a header's value may be a secret: as config_secret.from, else NULL */
};

struct config_pairs {
	struct config_pair *item;
	size_t count;
};

enum config_start { CONFIG_START_BEGINNING, CONFIG_START_END };
enum config_watch { CONFIG_WATCH_AUTO, CONFIG_WATCH_INOTIFY, CONFIG_WATCH_POLL };
enum config_lost { CONFIG_LOST_BEGIN, CONFIG_LOST_END, CONFIG_LOST_FAIL };
enum config_against { CONFIG_AGAINST_MESSAGE, CONFIG_AGAINST_RECORD };
enum config_sink_type {
	CONFIG_SINK_SYSLOG,
	CONFIG_SINK_WEBHOOK,
	CONFIG_SINK_STDOUT,
	CONFIG_SINK_ZABBIX,
};

struct config_input {
	struct config_place place;
	struct config_place site_place;
	char *name;
	struct config_list paths;
	char *site;
	enum config_start start;
	enum config_watch watch;
	int64_t poll_interval;
	char *encoding;
	char *format;
	struct config_input_json { /* keys, where the lines are JSON; empty: the known ones */
		struct config_list message, host, time;
	} json;
	char *timezone;
	struct config_list rotated;
	enum config_lost on_lost_state;
	int64_t flush_partial_after;
	uint64_t max_line;
};

struct config_rule {
	struct config_place place;
	struct config_place event_place;
	struct config_place pattern_place;
	struct config_place severity_place;
	struct config_place cause_place;
	struct config_place contains_place;
	char *name;
	char *event;
	char *pattern;
	char *contains;
	struct config_list severity;
	char *cause;
	char *advice;
	enum config_against against;
	bool provisional;
};

struct config_sink {
	struct config_place place;
	char *name;
	enum config_sink_type type;
	/* syslog */
	char *address; /* "/dev/log", "udp://HOST:PORT", "tcp://…", "tls://…" */
	char *facility;
	/* webhook (url NULL: the format's own); ca, cert, key and insecure are syslog's too where
	 * its address is tls://… */
	char *url;
	struct config_list urls; /* alertmanager: instead of url */
	char *format;
	struct config_secret routing_key; /* pagerduty */
	char *body;			  /* template */
	char *content_type;		  /* template; NULL for text/plain */
	struct config_secret secret;
	struct config_secret bearer;
	struct config_pairs basic; /* empty, or user and password */
	struct config_pairs headers;
	struct config_pairs labels;
	int64_t timeout;
	char *ca;
	char *cert;
	char *key;
	bool insecure;
	char *proxy;
	char *host;    /* icinga2, zabbix; NULL for {site} */
	char *service; /* icinga2; NULL for ai-sync-certificate */
	/* zabbix */
	char *server; /* HOST:PORT */
	char *item;
	/* all types */
	struct config_only {
		struct config_list kinds;      /* empty: all */
		struct config_list severities; /* empty: all */
		struct config_list sites;      /* globs; empty: all */
	} only;
	bool collapse;
	int64_t heartbeat; /* 0 for none */
};

struct config_maintenance {
	struct config_place place;
	char *name;
	struct config_list sites; /* globs */
	char *at;		  /* as cron_parse takes it; local time */
	int64_t length;
};

struct config {
	char *path;		  /* of the main file; NULL where the defaults are used */
	struct config_list files; /* all that were read, in this order; the main file first */
	char *state;
	struct config_input *inputs;
	size_t input_count;
	struct {
		int64_t window;
		uint64_t failing_after;
		int64_t repeat_every;
		int64_t resolve_after;
		int64_t silent_after;
	} correlation;
	/* In the order in which they are tried: those that were added, the shipped ones or what
	 * replaces them by name, those that were added against the whole record. */
	struct config_rule *rules;
	size_t rule_count;
	struct config_sink *sinks;
	size_t sink_count;
	struct config_maintenance *maintenance;
	size_t maintenance_count;
	char *http; /* NULL for off */
	struct config_place http_place;
	struct {
		uint64_t max_alerts;
		int64_t max_age;
	} outbox;
	char *control;
};

/* One thing that is wrong, or worth a word. It owns its texts, the place's file too. */
struct config_problem {
	struct config_place place;
	bool is_warning;
	bool is_private; /* the line may hold a secret: it is not shown */
	char *sentence;	 /* valid UTF-8, without control characters */
};

/* The first ones are kept, all are counted. All zero is an empty one. */
struct config_problems {
	struct config_problem *item;
	size_t count;	 /* kept */
	size_t errors;	 /* kept or not */
	size_t left_out; /* not kept */
};

void
config_problems_fini(struct config_problems *problems);

/* Adds one, its sentence formatted. The place's file is copied. */
void
config_problems_add(struct config_problems *problems, struct config_place place, bool is_warning,
	const char *format, ...) __attribute__((format(printf, 4, 5)));

/* Does not show the line of the one that was added last: it may hold a secret. */
void
config_problems_hide_last(struct config_problems *problems);

#define CONFIG_DEFAULT_PATH "/etc/aiwatch/aiwatch.yml"

/*
 * What config_load is to be given: `named` where a file was named, else CONFIG_DEFAULT_PATH, or
 * NULL where that does not exist. Borrows.
 */
const char *
config_find(const char *named);

/*
 * Reads a configuration. path NULL: the defaults alone. All errors are reported, not the first:
 * NULL where there is an error, with `problems` filled; otherwise the configuration, and problems
 * may hold warnings. A file that cannot be read is an error with place {path, 0, 0}.
 */
struct config *
config_load(const char *path, struct config_problems *problems);
void
config_free(struct config *config); /* takes NULL */

/*
 * As config_load, for what sends nothing: a secret that cannot be read is a warning, and its value
 * NULL, so that a user who may not read the secrets can use the rest.
 */
struct config *
config_load_lenient(const char *path, struct config_problems *problems);

/*
 * The control socket that a configuration names, whatever else is wrong with it: a daemon that goes
 * on with the old configuration can still be asked. To be freed; NULL with a sentence where the
 * file cannot be read, or what it says of the socket.
 */
char *
config_control(const char *path, struct err *err);

/*
 * As config_load_lenient, and `check` adds what it finds to the other problems before they are put
 * in order. It is called where there are errors already, too: with what could be read.
 */
typedef void
config_check(const struct config *config, struct config_problems *problems);

struct config *
config_load_checked(const char *path, config_check *check, struct config_problems *problems);

/*
 * Writes problems for a person: `file:line:column: sentence`, then the line and a caret where the
 * file can be read; colour as asked.
 */
void
config_problems_print(const struct config_problems *problems, bool colour, struct buf *out);

/*
 * The normal form: the whole configuration as YAML, defaults included, secrets as where they come
 * from. Read again it says the same. A shipped rule stands behind a line `# shipped`.
 */
void
config_print(const struct config *config, struct buf *out);

#endif
