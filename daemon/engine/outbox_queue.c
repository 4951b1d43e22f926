#include "daemon/engine/outbox_queue.h"

#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <stdlib.h>
#include <utlist.h>

enum { DEAD_KEPT = 10000 }; /* dead letters of one sink */

void
rows_add(struct rows *rows, struct row *row)
{
	if (rows->count == rows->room) {
		rows->room = rows->room ? rows->room * 2 : 16;
		rows->item = mem_grow(rows->item, rows->room, sizeof(struct row *));
	}
	rows->item[rows->count++] = row;
}

static struct shared_text *
shared_take(struct shared_text *like, const char *text)
{
	if (like && strcmp(like->text, text) == 0) {
		like->references++;
		return like;
	}
	size_t n = strlen(text) + 1;
	struct shared_text *shared = mem_new(sizeof *shared + n);
	shared->references = 1;
	memcpy(shared->text, text, n);
	return shared;
}

static void
shared_drop(struct shared_text *shared)
{
	if (shared && --shared->references == 0)
		free(shared);
}

void
row_set_error(struct row *row, const char *text)
{
	struct outlet *outlet = row->lane->outlet;
	struct shared_text *old = row->last_error;
	row->last_error = *text ? shared_take(outlet->last_error, text) : NULL;
	shared_drop(old);
	if (row->last_error && row->last_error != outlet->last_error) {
		shared_drop(outlet->last_error);
		outlet->last_error = shared_take(row->last_error, text);
	}
}

void
outlet_forget_error(struct outlet *outlet)
{
	shared_drop(outlet->last_error);
	outlet->last_error = NULL;
}

static bool
is_pending(enum row_state state)
{
	return state != ROW_DEAD && state != ROW_DONE;
}

void
row_move(struct row *row, enum row_state to)
{
	struct outlet *outlet = row->lane->outlet;
	int more = is_pending(to) - is_pending((enum row_state)row->state);
	outlet->pending += (uint64_t)more;
	outlet->outbox->waiting += (uint64_t)more;
	outlet->dead_count += (uint64_t)((to == ROW_DEAD) - (row->state == ROW_DEAD));
	outlet->under_way += (size_t)((to == ROW_UNDER_WAY) - (row->state == ROW_UNDER_WAY));
	row->state = to;
}

void
row_touch(struct row *row)
{
	if (row->touched)
		return;
	row->touched = true;
	rows_add(&row->lane->outlet->outbox->touched, row);
}

static struct lane *
find_lane(struct outlet *outlet, const char *site)
{
	struct lane *lane;
	size_t n = strlen(site);
	HASH_FIND(hh, outlet->lanes, site, n, lane);
	if (lane)
		return lane;
	lane = mem_new(sizeof *lane + n + 1);
	lane->outlet = outlet;
	memcpy(lane->site, site, n + 1);
	HASH_ADD_KEYPTR(hh, outlet->lanes, lane->site, n, lane);
	return lane;
}

struct row *
outlet_add(struct outlet *outlet, const char *site, uint64_t serial, const char *id)
{
	struct row *row = mem_new(sizeof *row);
	row->lane = find_lane(outlet, site);
	row->lane->rows++;
	row->serial = serial;
	memcpy(row->id, id, strnlen(id, sizeof row->id - 1));
	row->state = ROW_POSTED;
	outlet->pending++;
	outlet->outbox->waiting++;
	return row;
}

void
row_free(struct row *row)
{
	struct lane *lane = row->lane;
	shared_drop(row->last_error);
	free(row);
	if (--lane->rows > 0)
		return;
	HASH_DEL(lane->outlet->lanes, lane);
	free(lane);
}

static bool
is_before(const struct lane *a, const struct lane *b)
{
	return a->due != b->due ? a->due < b->due : a->first->serial < b->first->serial;
}

static void
heap_put(struct outlet *outlet, size_t slot, struct lane *lane)
{
	outlet->heap[slot] = lane;
	lane->slot = slot;
}

static void
heap_rise(struct outlet *outlet, size_t slot)
{
	struct lane *lane = outlet->heap[slot];
	for (; slot > 1 && is_before(lane, outlet->heap[slot / 2]); slot /= 2)
		heap_put(outlet, slot, outlet->heap[slot / 2]);
	heap_put(outlet, slot, lane);
}

static void
heap_sink(struct outlet *outlet, size_t slot)
{
	struct lane *lane = outlet->heap[slot];
	for (size_t child; (child = slot * 2) <= outlet->heap_count; slot = child) {
		if (child < outlet->heap_count &&
			is_before(outlet->heap[child + 1], outlet->heap[child]))
			child++;
		if (!is_before(outlet->heap[child], lane))
			break;
		heap_put(outlet, slot, outlet->heap[child]);
	}
	heap_put(outlet, slot, lane);
}

void
lane_schedule(struct lane *lane, int64_t due)
{
	struct outlet *outlet = lane->outlet;
	lane->due = due;
	if (lane->slot == 0) {
		if (outlet->heap_count + 1 >= outlet->heap_room) {
			outlet->heap_room = outlet->heap_room ? outlet->heap_room * 2 : 16;
			outlet->heap =
				mem_grow(outlet->heap, outlet->heap_room, sizeof(struct lane *));
		}
		heap_put(outlet, ++outlet->heap_count, lane);
	}
	heap_rise(outlet, lane->slot);
	heap_sink(outlet, lane->slot);
}

void
lane_unschedule(struct lane *lane)
{
	struct outlet *outlet = lane->outlet;
	size_t slot = lane->slot;
	if (slot == 0)
		return;
	struct lane *other = outlet->heap[outlet->heap_count--];
	lane->slot = 0;
	if (other == lane)
		return;
	heap_put(outlet, slot, other);
	heap_rise(outlet, other->slot);
	heap_sink(outlet, other->slot);
}

/* Only what waits may be overtaken. */
static struct row **
place_of(struct lane *lane, const struct row *row)
{
	struct row **place = &lane->first;
	if (lane->last && lane->last->serial < row->serial)
		return &lane->last->next;
	while (*place && ((*place)->state != ROW_WAITING || (*place)->serial < row->serial))
		place = &(*place)->next;
	return place;
}

void
lane_enter(struct row *row)
{
	struct lane *lane = row->lane;
	if (!lane->outlet->sink) {
		row_set_error(row, "no sink has this name any more");
		row_bury(row);
		return;
	}
	struct row **place = place_of(lane, row);
	row->next = *place;
	*place = row;
	if (!row->next)
		lane->last = row;
	row_move(row, ROW_WAITING);
	if (lane->first != row)
		return;
	lane->pinned = false;
	lane_schedule(lane, lane->outlet->outbox->monotonic);
}

struct row *
lane_leave(struct lane *lane)
{
	struct row *row = lane->first;
	lane_unschedule(lane);
	lane->first = row->next;
	if (!lane->first)
		lane->last = NULL;
	row->next = NULL;
	lane->pinned = false;
	if (lane->first)
		lane_schedule(lane, lane->outlet->outbox->monotonic);
	return row;
}

/* The document may still be in use by the sink: outbox_tick frees it at its end. */
static void
leave_document(struct row *row)
{
	struct document *document = row->document;
	bool needed = false;
	if (!document)
		return;
	row->document = NULL;
	for (size_t i = 0; i < document->row_count; i++) {
		if (document->rows[i] == row)
			document->rows[i] = NULL;
		needed = needed || document->rows[i];
	}
	if (needed)
		return;
	struct outbox *outbox = row->lane->outlet->outbox;
	outbox_finish_document(outbox, document);
}

void
row_done(struct row *row)
{
	leave_document(row);
	row_move(row, ROW_DONE);
	row_touch(row);
	row->lane->outlet->outbox->news = true;
}

void
outlet_exhume(struct outlet *outlet, struct row *before, struct row *row)
{
	*(before ? &before->next : &outlet->dead) = row->next;
	if (outlet->last_dead == row)
		outlet->last_dead = before;
	row->next = NULL;
}

void
row_keep_dead(struct row *row)
{
	struct outlet *outlet = row->lane->outlet;
	*(outlet->last_dead ? &outlet->last_dead->next : &outlet->dead) = row;
	outlet->last_dead = row;
	row_move(row, ROW_DEAD);
}

static bool
has_too_many_dead(const struct outlet *outlet)
{
	const struct outbox *outbox = outlet->outbox;
	return outlet->dead_count > DEAD_KEPT ||
	       (!outbox->store && outbox->document_bytes > OUTBOX_DOCUMENTS / 2);
}

void
row_bury(struct row *row)
{
	struct outlet *outlet = row->lane->outlet;
	row_keep_dead(row);
	row_touch(row);
	outlet->outbox->news = outlet->outbox->buried = true;
	if (!has_too_many_dead(outlet))
		return;
	struct row *oldest = outlet->dead;
	if (outlet->outbox->dead_dropped++ % 1000 == 0)
		log_warning("outbox: sink %s has too many dead letters (%llu): the oldest go",
			outlet->name, (unsigned long long)outlet->dead_count);
	outlet_exhume(outlet, NULL, oldest);
	row_done(oldest);
}

void
lane_bury_old(struct lane *lane)
{
	const struct outbox *outbox = lane->outlet->outbox;
	struct row *row;
	while ((row = lane->first) && row->state == ROW_WAITING &&
		outbox->now - row->created_at >= outbox->options.max_age) {
		if (!row->last_error && lane->outlet->last_error)
			row_set_error(row, lane->outlet->last_error->text);
		row_bury(lane_leave(lane));
	}
}

size_t
lane_drop(struct lane *lane, bool (*goes)(const struct row *row, const void *owner),
	const void *owner)
{
	size_t count = 0;
	struct row *before = lane->first && lane->first->state != ROW_WAITING ? lane->first : NULL;
	struct row *next, *row = before ? before->next : lane->first;
	for (; row; row = next) {
		next = row->next;
		if (!goes(row, owner)) {
			before = row;
			continue;
		}
		if (!before) {
			lane_leave(lane);
		} else {
			before->next = next;
			lane->last = next ? lane->last : before;
			row->next = NULL;
		}
		row_done(row);
		count++;
	}
	return count;
}

/* What waits of one trouble. */
struct stretch {
	uint8_t kind;
	uint64_t from, to; /* serials */
};

static bool
is_within(const struct row *row, const void *owner)
{
	const struct stretch *stretch = owner;
	return row->kind == stretch->kind && row->serial >= stretch->from &&
	       row->serial <= stretch->to;
}

void
lane_collapse(struct row *last)
{
	struct lane *lane = last->lane;
	struct outlet *outlet = lane->outlet;
	const struct row *first = NULL;
	if (!last->ends || last->state != ROW_WAITING || !sink_collapses(outlet->sink))
		return;
	for (const struct row *row = lane->first; row && row != last; row = row->next) {
		if (row->kind == last->kind && row->begins)
			first = row;
	}
	if (!first || first->state != ROW_WAITING || first->doubtful)
		return;
	struct stretch stretch = {last->kind, first->serial, last->serial};
	outlet->collapsed += lane_drop(lane, is_within, &stretch);
}

struct outlet *
outlet_new(struct outbox *outbox, const char *name)
{
	struct outlet *outlet = mem_new(sizeof *outlet);
	outlet->outbox = outbox;
	outlet->name = mem_text(name);
	outlet->round = 1;
	outlet->hold = outlet->aged = INT64_MIN;
	return outlet;
}

void
outlet_reset(struct outlet *outlet, struct sink *sink)
{
	struct lane *lane, *after;
	outlet->sink = sink;
	outlet->hold = INT64_MIN;
	outlet->failed_sites = 0;
	outlet->round++;
	/* A lane outlives this even where its rows die: dead rows keep it. */
	HASH_ITER (hh, outlet->lanes, lane, after) {
		if (lane->first && lane->first->state == ROW_UNDER_WAY) {
			row_move(lane->first, ROW_WAITING);
			lane->first->doubtful = true;
			lane_schedule(lane, outlet->outbox->monotonic);
		}
		while (!sink && lane->first && lane->first->state == ROW_WAITING) {
			row_set_error(lane->first, "no sink has this name any more");
			row_bury(lane_leave(lane));
		}
	}
}

void
outlet_free(struct outlet *outlet)
{
	struct lane *lane, *after;
	HASH_ITER (hh, outlet->lanes, lane, after) {
		lane->rows++; /* holds the lane until its rows are gone */
		for (struct row *row; (row = lane->first);) {
			lane->first = row->next;
			row_free(row);
		}
		lane->rows--;
	}
	for (struct row *row; (row = outlet->dead);) {
		outlet->dead = row->next;
		row_free(row);
	}
	HASH_ITER (hh, outlet->lanes, lane, after) {
		HASH_DEL(outlet->lanes, lane);
		free(lane);
	}
	shared_drop(outlet->last_error);
	free(outlet->heap);
	free(outlet->name);
	free(outlet);
}
