#ifndef AIWATCH_ENGINE_ENGINE_PARTS_H
#define AIWATCH_ENGINE_ENGINE_PARTS_H

#include "daemon/engine/alarms.h"
#include "daemon/engine/control.h"
#include "daemon/engine/engine.h"
#include "daemon/engine/inputs.h"
#include "daemon/engine/maintenance.h"
#include "daemon/engine/pending.h"
#include "daemon/engine/report.h"
#include "daemon/engine/upkeep.h"
#include "daemon/web/web.h"

#include <systemd/sd-event.h>

/*
 * What the files of the engine share: engine.c (boot, loop, teardown), engine_turn.c (one turn),
 * engine_config.c (what a configuration makes, and reload), engine_request.c (status and orders).
 */
enum {
	QUEUE_LIMIT = 6,  /* batches that wait for the engine: what inputs are ahead by is memory */
	TURN_LIMIT = 256, /* batches of one transaction: not fewer than wait */
	TURN_ALERTS = 64, /* and one batch's more: until a commit each holds some 8 KiB */
	SITES_AWAKE = 256, /* that were stored: so many may be changed again soon */
};

struct engine {
	struct config *config;
	struct rules *rules;
	int64_t config_loaded_at;
	bool last_reload_ok;
	int64_t started_at; /* monotonic */
	char collector[256];

	sd_event *loop;
	sd_event_source *on_queue;
	sd_event_source *on_due;  /* what the correlator waits for */
	sd_event_source *on_life; /* monotonic: the watchdog */
	sd_event_source *on_wait; /* monotonic: retries of sinks and store, inputs to tend */

	struct store *store;
	sd_event_source *on_rest; /* monotonic: the store's own work */
	int64_t written_at;	  /* monotonic: of the first commit since that work; 0 for none */
	bool rest_failed;	  /* that work, the last time */
	bool store_keeps;	  /* false where it is in memory only */
	char store_trouble[1024]; /* "" while the store works */
	int64_t commit_at;	  /* monotonic: when what waits is kept; TIME_NONE for nothing */
	bool owes_sync;		  /* what an operator asked for is not on the disk yet */
	int64_t store_backoff;
	int64_t store_retry_at; /* monotonic */

	int64_t clock_offset; /* of the wall clock to the monotonic one, at the last turn */

	struct queue *queue;
	struct inputs *inputs;
	struct correlate *correlate;
	struct pending *pending;
	struct outcome outcome; /* what is said: of this turn; the rest: since the last commit */
	struct outbox *outbox;
	struct upkeep *upkeep;
	struct maintenance *maintenance;
	struct sink **sinks;
	size_t sink_count;
	struct control *control;
	struct web *web, *next_web; /* NULL for none; the next one is prepared by a reload */
	struct counters counters;
	int64_t read_at; /* of the oldest batch in this turn; TIME_NONE where there was none */
	bool is_stopping;
	struct alarms *alarms;
	bool is_stuck;	   /* the watchdog is not fed */
	int64_t looked_at; /* monotonic: by the watchdog */
	int64_t look_at;   /* monotonic: when it looks next; TIME_NONE for not */
	bool rests;	   /* nothing but a sign of life is looked for */
	bool left_behind;  /* an input's thread hangs and still holds the queue */
};

/* engine_turn.c: the handlers of the loop; each ends with engine_end_turn: persist, then speak. */
int
engine_on_queue(sd_event_source *source, int fd, uint32_t events, void *owner);
int
engine_on_due(sd_event_source *source, uint64_t at, void *owner);
int
engine_on_wait(sd_event_source *source, uint64_t at, void *owner);
int
engine_on_answers(sd_event_source *source, void *owner);
void
engine_on_outbox_change(void *owner);
void
engine_on_delivery(void *owner, int64_t created_at);

/* Takes what waits, at most one transaction's worth; false once the queue is empty. */
bool
engine_take_batches(struct engine *engine);
void
engine_end_turn(struct engine *engine);
/* The same where an operator is answered next: what was asked for outlives a power loss. */
void
engine_end_order(struct engine *engine);

/* Starts the inputs that could not be started, frees those that have stopped and are kept whole. */
void
engine_tend(struct engine *engine);

/*
 * engine_config.c: prepare makes all that a configuration names and changes nothing; false with a
 * sentence. Adopt takes config, rules and sinks over and cannot fail.
 */
bool
engine_prepare(struct engine *engine, struct config *config, struct rules *rules,
	struct sink ***sinks, struct err *err);
void
engine_adopt(
	struct engine *engine, struct config *config, struct rules *rules, struct sink **sinks);
struct correlate_options
engine_correlate_options(const struct config *config);
void
engine_free_sinks(struct sink **sinks, size_t count);

/*
 * engine_watchdog.c: looks every few seconds whether there is progress, tells systemd's watchdog
 * so where it is asked for, and reports inputs that hang. Returns as sd_event_add_time. While all
 * rests it looks no more than systemd asks for, until the next turn: an input that wakes up makes
 * one.
 */
int
engine_watch(struct engine *engine);
void
engine_arm_watch(struct engine *engine);

/*
 * engine_rest.c: store_maintain when the loop has had a moment's rest, at the latest a minute after
 * a commit, and every minute while nothing is kept. Returns as sd_event_add_time.
 */
int
engine_rest(struct engine *engine);
void
engine_arm_rest(struct engine *engine); /* a turn is over */

/* engine_request.c: what the control socket and the web server ask. */
json_t *
engine_on_request(void *owner, const json_t *request, uid_t user);
void
engine_get_report(void *owner, struct report *report);

/* engine_silence.c: silences the site, or all that are known, where a window of maintenance says
 * so.
 */
void
engine_silence_site(struct engine *engine, const char *site, int64_t now);
void
engine_silence_sites(struct engine *engine, int64_t now);
/* Takes the configuration's windows instead of those that were; lifts the silences of the latter.
 */
void
engine_change_maintenance(struct engine *engine, const struct config *config, int64_t now);

/*
 * engine_alarm.c: what tells of trouble of the watcher itself (alarms.h), from the start, from
 * batches, from each turn while the store is in trouble, and from a look every few seconds.
 */
void
engine_see_gap(struct engine *engine, const struct input *input, const struct gap *gap);
void
engine_see_lost_store(struct engine *engine); /* at the start: where one was set aside */
void
engine_see_store(struct engine *engine, int64_t monotonic); /* where it is in trouble */
void
engine_look_for_alarms(struct engine *engine);
void
engine_on_saved_alarm(void *owner, const struct incident *incident);

/* engine_outbox.c: posts an alert of kind aiwatch where a sink begins to have dead letters, or has
 * none any more; and the verb `outbox`. */
void
engine_post_alarms(struct engine *engine, int64_t now);
/* All that stands, of sites, of the watcher and of sinks: an upkeep_standing. */
void
engine_each_standing(void *owner, int64_t now,
	void (*visit)(void *visitor, const struct alert *alert), void *visitor);
json_t *
engine_answer_outbox(struct engine *engine, const json_t *request);

#endif
