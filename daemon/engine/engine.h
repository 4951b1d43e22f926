#ifndef AIWATCH_ENGINE_ENGINE_H
#define AIWATCH_ENGINE_ENGINE_H

#include "config/config.h"
#include "daemon/base/err.h"
#include "parsers/rules.h"

#include <jansson.h>

/*
 * The engine is one loop (sd-event): batches, timers, signals, deliveries, the control socket. It
 * makes no system call on a log path. One turn is
 *
 *   batches ─► correlate ─► one transaction ─► inputs are told ─► alerts go out
 *
 *  1. A sink sees an alert only after the transaction that holds it, or, where the store is broken,
 *     after the attempt that failed.
 *  2. An input is told that a batch is committed only after the transaction that holds it.
 *  3. A transaction with a transition or an alert in it is durable before the alert leaves.
 *  4. A reload has read, compiled and made everything before it changes anything.
 *  5. What waits is waited for by the clock that does not jump and goes on while the host sleeps:
 *     where the time of day was set, each turn begins by moving what the correlator waits for by as
 *     much. After a sleep what is due comes at once, each thing once.
 *  6. While the store takes nothing, what it should have taken stays in memory, merged, and is
 *     brought again whole.
 */
struct engine;

/*
 * Opens the store, loads what it remembers, makes sinks, inputs and the control socket. Takes
 * `config` and `rules` over, also on failure. NULL with a sentence.
 */
struct engine *
engine_new(struct config *config, struct rules *rules, struct err *err);
void
engine_free(struct engine *engine); /* takes NULL */

/* Runs until SIGTERM or SIGINT, which the caller has blocked, as it has SIGHUP. False with a
 * sentence. */
bool
engine_run(struct engine *engine, struct err *err);

/* The document of `status --json`; `names` (count may be 0: all) chooses sites. A new reference. */
json_t *
engine_status(struct engine *engine, const char *const *names, size_t count);

/* The operator's word of `resolve`, `ack` and `silence`: one transaction. */
enum engine_word { ENGINE_RESOLVE, ENGINE_ACK, ENGINE_SILENCE };

struct engine_order {
	enum engine_word word;
	const char *site;
	int64_t duration;   /* of a silence; 0 lifts it */
	const char *reason; /* NULL for none */
};

bool
engine_obey(struct engine *engine, const struct engine_order *order, struct err *err);

/* Reads the configuration again, as SIGHUP does. */
bool
engine_reload(struct engine *engine, struct err *err);

#endif
