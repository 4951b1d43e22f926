#include "daemon/engine/outbox_queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>
#include <utlist.h>

enum {
	SENDS_A_TICK = 256,
	DOWN_SITES = 3, /* that failed with none getting through between */
};

static const int64_t WAIT_MAX = 5 * MINUTE;
static const int64_t DOWN_WAIT_MAX = 30 * SECOND;
static const int64_t WAIT_MIN = SECOND / 20;
static const int64_t AGE_CHECK = MINUTE;

static uint32_t
system_random(void *owner)
{
	uint32_t number = 0;
	(void)owner;
	if (getrandom(&number, sizeof number, 0) != sizeof number)
		log_fatal("outbox: no random numbers");
	return number;
}

struct outbox *
outbox_new(const struct outbox_options *options, struct store *store)
{
	struct outbox *outbox = mem_new(sizeof *outbox);
	outbox->options = *options;
	outbox->store = store;
	outbox->random = system_random;
	if (store)
		outbox->serial = store_last_serial(store);
	return outbox;
}

void
outbox_free_document(struct outbox *outbox, struct document *document)
{
	outbox->document_bytes -= document->bytes;
	alert_fini(&document->alert);
	free(document->sinks);
	free(document);
}

void
outbox_finish_document(struct outbox *outbox, struct document *document)
{
	document->finished = true;
	if (document->stored) {
		outbox->kept_bytes -= document->bytes;
		DL_DELETE(outbox->kept, document);
	} else {
		DL_DELETE(outbox->documents, document);
	}
	DL_APPEND(outbox->finished, document);
}

static void
sweep_documents(struct outbox *outbox)
{
	struct document *document, *after;
	DL_FOREACH_SAFE (outbox->finished, document, after) {
		if (document->collected)
			continue;
		DL_DELETE(outbox->finished, document);
		outbox_free_document(outbox, document);
	}
}

/* Rows that stand in no list of their outlet. */
static void
free_loose_rows(struct outbox *outbox)
{
	struct document *document;
	for (size_t i = 0; i < outbox->collected.count; i++) {
		struct row *row = outbox->collected.item[i];
		if (row->state == ROW_DONE && !row->touched)
			row_free(row);
	}
	for (size_t i = 0; i < outbox->touched.count; i++) {
		if (outbox->touched.item[i]->state == ROW_DONE)
			row_free(outbox->touched.item[i]);
	}
	DL_FOREACH (outbox->documents, document) {
		for (size_t i = 0; i < document->row_count; i++) {
			if (document->rows[i] && document->rows[i]->state == ROW_POSTED)
				row_free(document->rows[i]);
		}
	}
}

void
outbox_free(struct outbox *outbox)
{
	struct document *document, *after;
	if (!outbox)
		return;
	free_loose_rows(outbox);
	for (size_t i = 0; i < outbox->outlet_count; i++)
		outlet_free(outbox->outlets[i]);
	DL_CONCAT(outbox->documents, outbox->kept);
	DL_CONCAT(outbox->documents, outbox->finished);
	DL_FOREACH_SAFE (outbox->documents, document, after) {
		outbox_free_document(outbox, document);
	}
	free(outbox->outlets);
	free(outbox->touched.item);
	free(outbox->collected.item);
	free(outbox->answered.item);
	free(outbox->postings);
	free(outbox->changes);
	free(outbox);
}

void
outbox_set_random(struct outbox *outbox, uint32_t (*random)(void *owner), void *owner)
{
	outbox->random = random;
	outbox->random_owner = owner;
}

void
outbox_configure(struct outbox *outbox, const struct outbox_options *options)
{
	outbox->options = *options;
}

void
outbox_on_change(struct outbox *outbox, void (*changed)(void *owner), void *owner)
{
	outbox->changed = changed;
	outbox->changed_owner = owner;
}

void
outbox_on_delivery(
	struct outbox *outbox, void (*delivered)(void *owner, int64_t created_at), void *owner)
{
	outbox->delivered = delivered;
	outbox->delivered_owner = owner;
}

bool
outbox_is_full(const struct outbox *outbox)
{
	return outbox->waiting >= outbox->options.max_alerts ||
	       outbox->document_bytes >= OUTBOX_DOCUMENTS;
}

static size_t
find_outlet(const struct outbox *outbox, const char *name)
{
	size_t i = 0;
	while (i < outbox->outlet_count && strcmp(outbox->outlets[i]->name, name) != 0)
		i++;
	return i;
}

static struct outlet *
add_outlet(struct outbox *outbox, const char *name)
{
	size_t i = find_outlet(outbox, name);
	if (i < outbox->outlet_count)
		return outbox->outlets[i];
	outbox->outlets =
		mem_grow(outbox->outlets, outbox->outlet_count + 1, sizeof(struct outlet *));
	return outbox->outlets[outbox->outlet_count++] = outlet_new(outbox, name);
}

/* Full jitter: the whole wait is chance, so that many daemons do not come back together. */
static int64_t
backoff(struct outbox *outbox, uint32_t attempts, int64_t most)
{
	uint32_t doublings = attempts > 10 ? 10 : attempts ? attempts - 1 : 0;
	int64_t ceiling = SECOND << doublings;
	ceiling = ceiling < most ? ceiling : most;
	int64_t wait = (int64_t)((double)outbox->random(outbox->random_owner) / UINT32_MAX *
				 (double)ceiling);
	return wait > WAIT_MIN ? wait : WAIT_MIN;
}

static bool
is_down(const struct outlet *outlet)
{
	return outlet->failed_sites >= DOWN_SITES;
}

/* A try of this lane failed: is it the site, or the sink? */
static void
note_failure(struct lane *lane, int64_t retry_after)
{
	struct outlet *outlet = lane->outlet;
	struct outbox *outbox = outlet->outbox;
	if (lane->fell != outlet->round) {
		lane->fell = outlet->round;
		outlet->failed_sites++;
	} else if (is_down(outlet)) {
		outlet->failed_sites++;
	}
	if (!is_down(outlet))
		return;
	int64_t wait = backoff(outbox, outlet->failed_sites - DOWN_SITES + 1, DOWN_WAIT_MAX);
	outlet->hold = outbox->monotonic + (wait > retry_after ? wait : retry_after);
	if (outlet->aged != INT64_MIN && outbox->monotonic - outlet->aged < AGE_CHECK)
		return;
	outlet->aged = outbox->monotonic;
	struct lane *each, *after;
	HASH_ITER (hh, outlet->lanes, each, after) {
		if (each != lane)
			lane_bury_old(each);
	}
}

/* Something got through: what waits for the sink, not for its site's own trouble, goes now. */
static void
note_success(struct outlet *outlet)
{
	struct lane *lane, *after;
	bool was_down = is_down(outlet);
	outlet->round++;
	outlet->failed_sites = 0;
	outlet->hold = INT64_MIN;
	if (!was_down)
		return;
	HASH_ITER (hh, outlet->lanes, lane, after) {
		if (lane->slot && !lane->pinned && lane->due > outlet->outbox->monotonic)
			lane_schedule(lane, outlet->outbox->monotonic);
	}
}

/* The lane's first row, which was answered or could not be sent, waits for its next try. */
static void
wait_again(struct row *row, int64_t retry_after)
{
	struct lane *lane = row->lane;
	struct outbox *outbox = lane->outlet->outbox;
	int64_t longest = outbox->options.max_age;
	row_move(row, ROW_WAITING);
	row_touch(row);
	lane_bury_old(lane);
	if (lane->first != row)
		return;
	retry_after = retry_after < longest ? retry_after : longest;
	int64_t wait = backoff(outbox, row->attempts, WAIT_MAX);
	lane->pinned = retry_after > wait;
	lane_schedule(lane, outbox->monotonic + (lane->pinned ? retry_after : wait));
}

static void
settle_answers(struct outbox *outbox)
{
	for (size_t i = 0; i < outbox->answered.count; i++) {
		struct row *row = outbox->answered.item[i];
		int64_t most = outbox->options.max_age;
		note_failure(row->lane, row->retry_after < most ? row->retry_after : most);
		wait_again(row, row->retry_after);
	}
	outbox->answered.count = 0;
}

/* Said once when it begins, and once when it is over. */
static void
say_failing(struct outlet *outlet, bool fails, const char *why)
{
	if (fails && !outlet->fails)
		log_warning("sink %s does not take alerts now, they wait: %s", outlet->name, why);
	else if (!fails && outlet->fails)
		log_notice("sink %s takes alerts again", outlet->name);
	outlet->fails = fails;
}

static void
on_answer(void *owner, const struct sink_answer *answer)
{
	struct row *row = owner;
	struct outlet *outlet = row->lane->outlet;
	struct outbox *outbox = outlet->outbox;
	row->attempts++;
	row_set_error(row, answer->outcome == SINK_DELIVERED ? "" : answer->text);
	say_failing(outlet, answer->outcome == SINK_RETRY || answer->outcome == SINK_MISSED,
		answer->text);
	switch (answer->outcome) {
	case SINK_DELIVERED:
		outlet->delivered++;
		if (outbox->delivered)
			outbox->delivered(outbox->delivered_owner, row->created_at);
		outlet_forget_error(outlet);
		note_success(outlet);
		row_done(lane_leave(row->lane));
		break;
	case SINK_REFUSED:
		outlet->refused++;
		note_success(outlet);
		row_bury(lane_leave(row->lane));
		break;
	case SINK_MISSED:
	case SINK_RETRY:
		/* The time is not known here: outbox_tick goes on with it. */
		outlet->retried++;
		row->doubtful = row->doubtful || answer->outcome == SINK_RETRY;
		row->retry_after = answer->retry_after > 0 ? answer->retry_after : 0;
		row_move(row, ROW_ANSWERED);
		rows_add(&outbox->answered, row);
		break;
	}
	if (outbox->changed)
		outbox->changed(outbox->changed_owner);
}

/* Sends the first row of the lane that is due first. */
static void
send_first(struct outlet *outlet)
{
	struct outbox *outbox = outlet->outbox;
	struct lane *lane = outlet->heap[1];
	struct row *row = lane->first;
	struct err err = ERR_INIT;
	struct alert alert;
	lane_unschedule(lane);
	if (row->document) {
		row_move(row, ROW_UNDER_WAY);
		sink_send(outlet->sink, &row->document->alert, on_answer, row);
	} else if (store_read_alert(outbox->store, row->serial, &alert, &err)) {
		row_move(row, ROW_UNDER_WAY);
		sink_send(outlet->sink, &alert, on_answer, row);
		alert_fini(&alert);
	} else {
		row->attempts++;
		row_set_error(row, err.text);
		if (err.code == EIO) {
			wait_again(row, 0);
		} else {
			log_error("outbox: sink %s: %s", outlet->name, err.text);
			row_bury(lane_leave(lane));
		}
	}
}

static bool
may_send(const struct outlet *outlet)
{
	return outlet->sink && outlet->heap_count > 0 &&
	       outlet->under_way < (is_down(outlet) ? 1 : OUTBOX_UNDER_WAY);
}

static int64_t
due_of(const struct outlet *outlet)
{
	int64_t due = outlet->heap[1]->due;
	return due > outlet->hold ? due : outlet->hold;
}

void
outbox_tick(struct outbox *outbox, int64_t now, int64_t monotonic)
{
	outbox->now = now;
	outbox->monotonic = monotonic;
	settle_answers(outbox);
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		struct outlet *outlet = outbox->outlets[i];
		for (int n = 0; n < SENDS_A_TICK && may_send(outlet) && due_of(outlet) <= monotonic;
			n++) {
			send_first(outlet);
			settle_answers(outbox);
		}
	}
	sweep_documents(outbox);
	if (outbox->buried && outbox->changed)
		outbox->changed(outbox->changed_owner);
	outbox->buried = false;
}

int64_t
outbox_next_due(const struct outbox *outbox)
{
	int64_t next = outbox->answered.count ? outbox->monotonic : TIME_NONE;
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		const struct outlet *outlet = outbox->outlets[i];
		if (may_send(outlet) && (next == TIME_NONE || due_of(outlet) < next))
			next = due_of(outlet);
	}
	return next;
}

void
outbox_set_sinks(struct outbox *outbox, struct sink **sinks, size_t count)
{
	settle_answers(outbox);
	for (size_t i = 0; i < count; i++) {
		outlet_reset(add_outlet(outbox, sink_name(sinks[i])), sinks[i]);
		size_t from = find_outlet(outbox, sink_name(sinks[i]));
		struct outlet *outlet = outbox->outlets[from];
		memmove(&outbox->outlets[i + 1], &outbox->outlets[i],
			(from - i) * sizeof(struct outlet *));
		outbox->outlets[i] = outlet;
	}
	size_t left = count;
	for (size_t i = count; i < outbox->outlet_count; i++) {
		struct outlet *gone = outbox->outlets[i];
		outlet_reset(gone, NULL);
		if (gone->lanes)
			outbox->outlets[left++] = gone;
		else
			outlet_free(gone);
	}
	outbox->outlet_count = left;
	sweep_documents(outbox);
}

struct loading {
	struct outbox *outbox;
	int64_t now;
};

static void
load_row(void *owner, const struct delivery *delivery)
{
	struct loading *loading = owner;
	struct outlet *outlet = add_outlet(loading->outbox, delivery->sink);
	struct row *row = outlet_add(outlet, delivery->site, delivery->serial, delivery->id);
	row->attempts = delivery->attempts;
	row->kind = ALERT_KINDS;
	/* A time to come, left by a clock that was wrong, would never grow old. */
	row->created_at = delivery->created_at < loading->now ? delivery->created_at : loading->now;
	row_set_error(row, delivery->last_error ? delivery->last_error : "");
	if (delivery->state == DELIVERY_DEAD)
		row_keep_dead(row);
	else
		lane_enter(row);
}

bool
outbox_load(struct outbox *outbox, int64_t now, struct err *err)
{
	struct loading loading = {outbox, now};
	struct outbox_alarm told;
	if (!outbox->store)
		return true;
	bool ok = store_each_delivery(outbox->store, load_row, &loading, err);
	while (outbox_next_alarm(outbox, &told))
		;
	return ok;
}

bool
outbox_next_alarm(struct outbox *outbox, struct outbox_alarm *alarm)
{
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		struct outlet *outlet = outbox->outlets[i];
		const struct row *first = outlet->dead;
		if (!first == !outlet->alarm_id[0])
			continue;
		if (first) {
			memcpy(outlet->alarm_id, first->id, sizeof outlet->alarm_id);
			outlet->alarm_at = first->created_at;
		}
		memcpy(outbox->alarm_id, outlet->alarm_id, sizeof outbox->alarm_id);
		outlet->alarm_id[0] = first ? outlet->alarm_id[0] : '\0';
		*alarm = (struct outbox_alarm){
			.sink = outlet->name,
			.over = !first,
			.first_id = outbox->alarm_id,
			.first_at = outlet->alarm_at,
			.error = first && first->last_error ? first->last_error->text : NULL,
		};
		return true;
	}
	return false;
}

void
outbox_each_alarm(const struct outbox *outbox,
	void (*visit)(void *owner, const struct outbox_alarm *alarm), void *owner)
{
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		const struct outlet *outlet = outbox->outlets[i];
		const struct row *first = outlet->dead;
		struct outbox_alarm alarm = {
			.sink = outlet->name,
			.first_id = outlet->alarm_id,
			.first_at = outlet->alarm_at,
			.error = first && first->last_error ? first->last_error->text : NULL,
		};
		if (first && outlet->alarm_id[0])
			visit(owner, &alarm);
	}
}

static size_t
bytes_of(const struct alert *alert)
{
	const char *const TEXT[] = {alert->site, alert->summary, alert->advice, alert->cause};
	size_t bytes = sizeof(struct document);
	for (size_t i = 0; i < COUNT(TEXT); i++)
		bytes += TEXT[i] ? strlen(TEXT[i]) + 1 : 0;
	for (size_t i = 0; i < alert->evidence_count; i++) {
		const struct evidence *line = &alert->evidence[i];
		bytes += (line->file ? strlen(line->file) : 0) +
			 (line->text ? strlen(line->text) : 0);
	}
	return bytes;
}

/* The sinks that want it, as many as `outlets` has room for. */
static size_t
takers(struct outbox *outbox, const struct alert *alert, const char *but, struct outlet **outlets)
{
	size_t count = 0;
	for (size_t i = 0; i < outbox->outlet_count && outbox->outlets[i]->sink; i++) {
		struct outlet *outlet = outbox->outlets[i];
		if ((!but || strcmp(outlet->name, but) != 0) && sink_wants(outlet->sink, alert))
			outlets[count++] = outlet;
	}
	return count;
}

static struct row *
post_row(struct outlet *outlet, struct document *document)
{
	const struct alert *alert = &document->alert;
	struct row *row =
		outlet_add(outlet, alert->site ? alert->site : "", document->serial, alert->id);
	row->created_at = document->created_at;
	row->document = document;
	row->kind = (uint8_t)alert->kind;
	row->begins = alert->firing && !alert->reminder;
	row->ends = !alert->firing;
	return row;
}

void
outbox_post_others(struct outbox *outbox, const struct alert *alert, int64_t now, const char *sink)
{
	struct outlet **outlets = mem_array(outbox->outlet_count + 1, sizeof(struct outlet *));
	size_t sinks = takers(outbox, alert, sink, outlets);
	if (sinks > 0) {
		struct document *document =
			mem_new(sizeof *document + sinks * sizeof(struct row *));
		alert_copy(alert, &document->alert);
		document->serial = ++outbox->serial;
		document->created_at = now;
		document->bytes = bytes_of(alert);
		document->row_count = sinks;
		document->sinks = mem_array(sinks, sizeof *document->sinks);
		for (size_t i = 0; i < sinks; i++)
			document->rows[i] = post_row(outlets[i], document);
		outbox->document_bytes += document->bytes;
		DL_APPEND(outbox->documents, document);
		outbox->news = true;
	}
	free(outlets);
}

void
outbox_post(struct outbox *outbox, const struct alert *alert, int64_t now)
{
	outbox_post_others(outbox, alert, now, NULL);
}
