#ifndef TESTS_UNIT_SINK_WORLD_H
#define TESTS_UNIT_SINK_WORLD_H

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "daemon/sink/sink.h"

#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

/* What tests of sinks share: a loop with deadlines, an alert, a sink and its answers. */

#define HOSTILE "a\nb\x1b[31m\"q\" ] \\ <!channel> \xff\xe2\x80\xae end"

static const int64_t DEADLINE = 10 * SECOND;

/* Static texts, not to be ended with alert_fini. */
static inline struct alert
world_alert(void)
{
	return (struct alert){
		.id = "0123456789abcdef0123456789abcdef",
		.kind = ALERT_CERTIFICATE_EXPIRED,
		.firing = true,
		.severity = ALERT_CRITICAL,
		.site = (char *)"CM01",
		.state = SITE_EXPIRED,
		.previous_state = SITE_ENROLL_REJECTED,
		.summary = (char *)"CM01: certificate expired, re-provision needed",
		.advice = (char *)"Install the updated certificate.",
		.started_at = 1434682801 * SECOND,
		.updated_at = 1434682801 * SECOND,
		.resolved_at = TIME_NONE,
		.occurrences = 1,
	};
}

struct answers {
	struct sink_answer last;
	size_t count;
	size_t delivered;
};

static inline void
world_on_done(void *owner, const struct sink_answer *answer)
{
	struct answers *answers = owner;
	answers->last = *answer;
	answers->count++;
	answers->delivered += answer->outcome == SINK_DELIVERED;
}

static inline sd_event *
world_loop(void)
{
	sd_event *loop = NULL;
	signal(SIGPIPE, SIG_IGN);
	assert_true(sd_event_new(&loop) >= 0);
	return loop;
}

/* Runs the loop until there are `count` answers. */
static inline void
world_wait(sd_event *loop, const struct answers *answers, size_t count)
{
	int64_t end = clock_monotonic() + DEADLINE;
	while (answers->count < count) {
		assert_true(clock_monotonic() < end);
		sd_event_run(loop, (uint64_t)SECOND / 10);
	}
}

/* Runs the loop for what is there to do within `duration`. */
static inline void
world_run(sd_event *loop, int64_t duration)
{
	int64_t end = clock_monotonic() + duration;
	for (int64_t left; (left = end - clock_monotonic()) > 0;)
		sd_event_run(loop, (uint64_t)left);
}

/* A sink whose making must succeed. */
static inline struct sink *
world_sink(sd_event *loop, struct config_sink config)
{
	struct err err = ERR_INIT;
	if (!config.name)
		config.name = (char *)"test";
	struct sink *sink = sink_new(&config, "loghost", loop, &err);
	if (!sink)
		fail_msg("%s", err.text);
	return sink;
}

static inline void
assert_refused(struct config_sink config, const char *sentence)
{
	sd_event *loop = world_loop();
	struct err err = ERR_INIT;
	config.name = (char *)"test";
	assert_null(sink_new(&config, "loghost", loop, &err));
	assert_string_equal(err.text, sentence);
	sd_event_unref(loop);
}

/* Sends one and waits for its answer. */
static inline struct sink_answer
world_send(sd_event *loop, struct sink *sink, const struct alert *alert)
{
	struct answers answers = {0};
	sink_send(sink, alert, world_on_done, &answers);
	world_wait(loop, &answers, 1);
	return answers.last;
}

/* A private directory, to be removed with world_remove. */
static inline char *
world_directory(void)
{
	char *path = mem_text("/tmp/aiwatch-test-XXXXXX");
	assert_non_null(mkdtemp(path));
	return path;
}

static inline void
world_remove(char *directory, const char *const *names)
{
	for (; names && *names; names++) {
		char *path = mem_format("%s/%s", directory, *names);
		unlink(path);
		free(path);
	}
	rmdir(directory);
	free(directory);
}

#endif
