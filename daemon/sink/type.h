#ifndef AIWATCH_SINK_TYPE_H
#define AIWATCH_SINK_TYPE_H

#include "daemon/sink/sink.h"

/*
 * What a type of sink is to sink.c: one row. A type's own struct begins with a `struct sink`, which
 * sink.c fills in and frees.
 */
struct sink {
	const struct sink_type *type;
	char *name;
	char *collector;
	struct label *labels;
	size_t label_count;
	sd_event *loop;
	int64_t timeout; /* how long one send may take */
	bool sites_only; /* alerts about aiwatch itself do not go there */
	bool collapse;
	int64_t heartbeat;
	uint32_t kinds;	     /* bits of those that are wanted */
	uint32_t severities; /* the same */
	char **sites;	     /* globs; none for all */
	size_t site_count;
};

struct sink_type {
	enum config_sink_type is;
	const char *name;
	size_t size; /* of the type's own struct */
	/* Fills in the type's part. False with a sentence; `stop` is called then too. */
	bool (*start)(struct sink *sink, const struct config_sink *config, struct err *err);
	/* Undoes `start`, whole or half. */
	void (*stop)(struct sink *sink);
	void (*send)(struct sink *sink, const struct alert *alert, sink_on_done *done, void *owner);
	char *(*preview)(struct sink *sink, const struct alert *alert);
	/* NULL, or as sink_repeats and sink_repeat. */
	bool (*repeats)(const struct sink *sink);
	void (*repeat)(struct sink *sink, const struct alert *alert);
};

extern const struct sink_type STDOUT_SINK, SYSLOG_SINK, WEBHOOK_SINK, ZABBIX_SINK;

/* Calls `done` (NULL: nobody asks any more) with an answer; the text is made safe and cut. */
void
sink_answer(sink_on_done *done, void *owner, enum sink_outcome outcome, int64_t retry_after,
	const char *format, ...) __attribute__((format(printf, 5, 6)));

/* The generic document with this sink's collector and labels, to be freed. */
char *
sink_document(const struct sink *sink, const struct alert *alert);

/* Monotonic and wall time of the loop's turn. */
int64_t
sink_now(const struct sink *sink);
int64_t
sink_wall(const struct sink *sink);

#endif
