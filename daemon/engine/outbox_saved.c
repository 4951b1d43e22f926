#include "daemon/engine/outbox_queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <utlist.h>

/* What goes to the store, what comes back from it, and what the operator does to it. */

static int64_t
due_of(const struct row *row)
{
	const struct lane *lane = row->lane;
	if (lane->first != row || !lane->slot)
		return TIME_NONE;
	return lane->due > lane->outlet->hold ? lane->due : lane->outlet->hold;
}

static struct delivery
delivery_of(const struct row *row)
{
	return (struct delivery){
		.serial = row->serial,
		.id = row->id,
		.sink = row->lane->outlet->name,
		.site = row->lane->site,
		.state = row->state == ROW_DEAD ? DELIVERY_DEAD : DELIVERY_WAITING,
		.attempts = row->attempts,
		.created_at = row->created_at,
		.last_error = row->last_error ? row->last_error->text : NULL,
		.due = due_of(row),
	};
}

static size_t
collect_postings(struct outbox *outbox)
{
	struct document *document;
	size_t count = 0;
	DL_FOREACH (outbox->documents, document) {
		size_t sinks = 0;
		for (size_t i = 0; i < document->row_count; i++) {
			if (document->rows[i])
				document->sinks[sinks++] = document->rows[i]->lane->outlet->name;
		}
		if (count == outbox->posting_room) {
			outbox->posting_room = count ? count * 2 : 16;
			outbox->postings = mem_grow(
				outbox->postings, outbox->posting_room, sizeof *outbox->postings);
		}
		outbox->postings[count++] = (struct posting){document->serial, &document->alert,
			document->sinks, sinks, document->created_at};
		document->collected = true;
	}
	return count;
}

/* Rows of the one kind, from `at` on. */
static size_t
collect_rows(struct outbox *outbox, bool done, size_t at)
{
	size_t count = 0;
	for (size_t i = 0; i < outbox->collected.count; i++) {
		struct row *row = outbox->collected.item[i];
		if (row->taken_done == done)
			outbox->changes[at + count++] = delivery_of(row);
	}
	return count;
}

static void
take_touched(struct outbox *outbox)
{
	for (size_t i = 0; i < outbox->touched.count; i++) {
		struct row *row = outbox->touched.item[i];
		row->touched = false;
		row->taken_done = row->state == ROW_DONE;
		if (row->collected)
			continue;
		row->collected = true;
		rows_add(&outbox->collected, row);
	}
	outbox->touched.count = 0;
	if (outbox->change_room < outbox->collected.count) {
		outbox->change_room = outbox->collected.count * 2;
		outbox->changes =
			mem_grow(outbox->changes, outbox->change_room, sizeof *outbox->changes);
	}
}

void
outbox_collect(struct outbox *outbox, struct changes *changes)
{
	take_touched(outbox);
	changes->posting_count = collect_postings(outbox);
	changes->postings = outbox->postings;
	changes->changed_count = collect_rows(outbox, false, 0);
	changes->changed = outbox->changes;
	changes->done_count = collect_rows(outbox, true, changes->changed_count);
	changes->done = outbox->changes ? outbox->changes + changes->changed_count : NULL;
	outbox->collected_news = outbox->news;
	outbox->news = false;
}

bool
outbox_has_changes(const struct outbox *outbox)
{
	return outbox->news;
}

static void
shift_rows(struct row *row, int64_t jump)
{
	for (; row; row = row->next) {
		row->created_at += jump;
		row_touch(row);
	}
}

/* The dead have no age. */
void
outbox_shift(struct outbox *outbox, int64_t jump)
{
	struct document *document;
	DL_FOREACH (outbox->documents, document) {
		document->created_at += jump;
		for (size_t i = 0; i < document->row_count; i++) {
			if (document->rows[i] && document->rows[i]->state == ROW_POSTED)
				document->rows[i]->created_at += jump;
		}
	}
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		const struct lane *lane, *next;
		HASH_ITER (hh, outbox->outlets[i]->lanes, lane, next)
			shift_rows(lane->first, jump);
	}
	outbox->news = outbox->store && (outbox->news || outbox->touched.count);
}

/* What was posted last is mostly sent at once: it need not be read back for that. */
static void
keep_document(struct outbox *outbox, struct document *document)
{
	document->stored = true;
	DL_DELETE(outbox->documents, document);
	DL_APPEND(outbox->kept, document);
	outbox->kept_bytes += document->bytes;
	while (outbox->kept_bytes > OUTBOX_KEPT) {
		struct document *oldest = outbox->kept;
		for (size_t i = 0; i < oldest->row_count; i++) {
			if (oldest->rows[i])
				oldest->rows[i]->document = NULL;
			oldest->rows[i] = NULL;
		}
		outbox_finish_document(outbox, oldest);
	}
}

/* Its rows may be sent now. */
static void
release_document(struct outbox *outbox, struct document *document, bool stored)
{
	document->collected = false;
	for (size_t i = 0; i < document->row_count; i++) {
		struct row *row = document->rows[i];
		if (row && row->state == ROW_POSTED) {
			lane_enter(row);
			lane_collapse(row);
		}
	}
	if (stored && !document->finished)
		keep_document(outbox, document);
}

static void
release_row(struct row *row, bool stored)
{
	row->collected = false;
	if (stored && row->taken_done)
		row_free(row);
	else if (!stored)
		row_touch(row);
}

void
outbox_saved(struct outbox *outbox, bool stored)
{
	struct document *document, *after;
	DL_FOREACH (outbox->finished, document) {
		document->collected = false;
	}
	DL_FOREACH_SAFE (outbox->documents, document, after) {
		if (document->collected || !stored)
			release_document(outbox, document, stored && outbox->store);
	}
	/* Without a store there is nothing to delete from. */
	for (size_t i = 0; i < outbox->collected.count; i++)
		release_row(outbox->collected.item[i], stored || !outbox->store);
	outbox->collected.count = 0;
	outbox->news = outbox->store && (outbox->news || (!stored && outbox->collected_news));
	outbox->collected_news = false;
	DL_FOREACH_SAFE (outbox->finished, document, after) {
		DL_DELETE(outbox->finished, document);
		outbox_free_document(outbox, document);
	}
}

static int64_t
oldest_in(const struct outlet *outlet)
{
	int64_t oldest = TIME_NONE;
	for (const struct lane *lane = outlet->lanes; lane; lane = lane->hh.next) {
		if (lane->first && (oldest == TIME_NONE || lane->first->created_at < oldest))
			oldest = lane->first->created_at;
	}
	return oldest;
}

void
outbox_each(const struct outbox *outbox, void (*visit)(void *owner, const struct outbox_view *view),
	void *owner)
{
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		const struct outlet *outlet = outbox->outlets[i];
		struct outbox_view view = {
			.sink = outlet->name,
			.type = outlet->sink ? sink_type(outlet->sink) : "",
			.pending = outlet->pending,
			.oldest_at = oldest_in(outlet),
			.delivered = outlet->delivered,
			.retried = outlet->retried,
			.refused = outlet->refused,
			.collapsed = outlet->collapsed,
			.dead = outlet->dead_count,
			.last_error = outlet->last_error ? outlet->last_error->text : NULL,
		};
		if (outlet->sink || outlet->dead_count > 0)
			visit(owner, &view);
	}
}

static void
visit_rows(const struct row *row, void (*visit)(void *owner, const struct delivery *delivery),
	void *owner)
{
	for (; row; row = row->next) {
		struct delivery delivery = delivery_of(row);
		visit(owner, &delivery);
	}
}

void
outbox_each_delivery(const struct outbox *outbox,
	void (*visit)(void *owner, const struct delivery *delivery), void *owner)
{
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		const struct outlet *outlet = outbox->outlets[i];
		visit_rows(outlet->dead, visit, owner);
		for (const struct lane *lane = outlet->lanes; lane; lane = lane->hh.next)
			visit_rows(lane->first, visit, owner);
	}
}

static bool
is_chosen(const struct row *row, const struct outbox_choice *choice)
{
	if (choice->sink && strcmp(choice->sink, row->lane->outlet->name) != 0)
		return false;
	for (size_t i = 0; i < choice->id_count; i++) {
		if (strcmp(choice->ids[i], row->id) == 0)
			return true;
	}
	return choice->id_count == 0;
}

/* Takes the chosen dead letters out of their list and hands each on. */
static size_t
exhume_chosen(struct outlet *outlet, const struct outbox_choice *choice,
	void (*then)(struct row *row, int64_t now), int64_t now)
{
	size_t count = 0;
	struct row *before = NULL, *next;
	for (struct row *row = outlet->dead; row; row = next) {
		next = row->next;
		if (!is_chosen(row, choice)) {
			before = row;
			continue;
		}
		outlet_exhume(outlet, before, row);
		then(row, now);
		count++;
	}
	return count;
}

static void
begin_anew(struct row *row, int64_t now)
{
	row->attempts = 0;
	row->created_at = now;
	row_set_error(row, "");
	row_touch(row);
	row->lane->outlet->outbox->news = true;
	lane_enter(row);
}

static void
drop_row(struct row *row, int64_t now)
{
	(void)now;
	row_done(row);
}

size_t
outbox_retry(struct outbox *outbox, const struct outbox_choice *choice, int64_t now)
{
	size_t count = 0;
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		struct outlet *outlet = outbox->outlets[i];
		struct lane *lane, *after;
		if (!outlet->sink)
			continue;
		count += exhume_chosen(outlet, choice, begin_anew, now);
		HASH_ITER (hh, outlet->lanes, lane, after) {
			if (!lane->slot || !is_chosen(lane->first, choice))
				continue;
			count += lane->due > outbox->monotonic;
			outlet->hold = INT64_MIN;
			lane_schedule(lane, outbox->monotonic);
		}
	}
	return count;
}

static bool
goes_by_choice(const struct row *row, const void *choice)
{
	return is_chosen(row, choice);
}

size_t
outbox_drop(struct outbox *outbox, const struct outbox_choice *choice)
{
	size_t count = 0;
	for (size_t i = 0; i < outbox->outlet_count; i++) {
		struct outlet *outlet = outbox->outlets[i];
		struct lane *lane, *after;
		count += exhume_chosen(outlet, choice, drop_row, 0);
		HASH_ITER (hh, outlet->lanes, lane, after) {
			count += lane_drop(lane, goes_by_choice, choice);
		}
	}
	return count;
}
