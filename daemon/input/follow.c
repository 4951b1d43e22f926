#include "daemon/input/follow.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/input_reader.h"
#include "daemon/input/siblings.h"
#include "daemon/input/site_name.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <utlist.h>

/* What one batch and one turn may hold. */
enum {
	BATCH_BYTES = 1024 * 1024,
	BATCH_SIGHTINGS = 512,
	BATCH_POSITIONS = 1024,
	TURN_FOLDERS = 256,
	TURN_LOOKS = 2048,
	BLOCK = 256 * 1024,
	OPEN_USUAL = 256,
};

/* In intervals of the sweep. Where inotify serves, what has been quiet for a while is looked at,
 * and siblings that changed unseen are looked for, only now and then. */
enum { QUIET_SWEEPS = 3, WHOLE_SWEEPS = 12 };

/* What a configuration is made into; swapped whole. */
struct made {
	struct reader *reader;
	struct glob **glob;
	size_t globs;
};

static void
free_made(struct made *made)
{
	reader_free(made->reader);
	for (size_t i = 0; i < made->globs; i++)
		glob_free(made->glob[i]);
	free(made->glob);
}

static bool
make(const struct config_input *config, const struct rules *rules, bool report_activity,
	struct made *made, struct err *err)
{
	enum reader_look look = report_activity ? READER_LINES : READER_HITS;
	*made = (struct made){.glob = mem_array(config->paths.count, sizeof *made->glob)};
	bool ok = site_template_check(config->site, err);
	for (size_t i = 0; i < config->paths.count && ok; i++) {
		made->glob[made->globs] = glob_new(config->paths.item[i], err);
		ok = made->glob[made->globs] != NULL;
		made->globs += ok;
		if (!ok)
			err_context(err, "%s", config->paths.item[i]);
	}
	ok = ok && (made->reader = input_reader_new(config, rules, look, err)) != NULL;
	if (!ok)
		free_made(made);
	return ok;
}

static void
set_room(struct follow *follow)
{
	uint64_t line = follow->config->max_line * 4;
	size_t block = line > BLOCK && line < (UINT64_C(1) << 30) ? (size_t)line : BLOCK;
	follow->room = block + LEDGER_CHUNK;
	free(follow->buffer);
	follow->buffer = mem_array(follow->room + LEDGER_CHUNK, 1);
}

static void
take_over(struct follow *follow, const struct config_input *config, struct rules *rules,
	bool report_activity, const struct made *made)
{
	free_made(&(struct made){follow->reader, follow->glob, follow->globs});
	rules_free(follow->rules);
	config_input_free(follow->config);
	follow->config = config_input_copy(config);
	follow->has_host = site_template_has_host(config->site);
	follow->rules = rules ? rules_share(rules) : NULL;
	follow->report_activity = report_activity;
	follow->reader = made->reader;
	follow->glob = made->glob;
	follow->globs = made->globs;
	ahead_stop(follow);
	set_room(follow);
}

static int
by_generation(const void *a, const void *b)
{
	const struct position *const *left = a, *const *right = b;
	return ((*left)->generation > (*right)->generation) -
	       ((*left)->generation < (*right)->generation);
}

static void
restore(struct follow *follow, const struct position *position)
{
	struct stream *stream = stream_get(follow, position->path);
	struct generation *current = stream_current(stream);
	struct generation *generation = generation_new(follow, stream, stream->count);
	generation_set_position(generation, position);
	if (follow->read_ledger)
		position_drop_proof(&generation->position);
	stream_set_due(follow, stream);
	generation->proven = false;
	if (position->size > position->offset)
		generation_set_copied(generation, position->size, COPIED_BEFORE);
	stream->looked = true;
	if (position->generation > follow->last_generation)
		follow->last_generation = position->generation;
	struct object_key key = {.length = position->object_length};
	memcpy(key.byte, position->object, OBJECT_KEY_MAX);
	if (generation_find(follow, &key))
		generation->position.object_length = 0;
	else if (key.length)
		generation_claim(follow, generation);
	/* What stands at the path is the last; of two the older one has left it. */
	if (current && stream_current(stream) == generation)
		generation_enter(follow, current, GENERATION_DRAINING, "a younger one follows");
	else if (current) {
		stream->generation[stream->count - 2] = generation;
		stream->generation[stream->count - 1] = current;
	}
}

static void
restore_all(struct follow *follow, const struct position *positions, size_t count)
{
	const struct position **order = mem_array(count, sizeof *order);
	for (size_t i = 0; i < count; i++)
		order[i] = &positions[i];
	if (count)
		qsort(order, count, sizeof *order, by_generation);
	for (size_t i = 0; i < count; i++)
		restore(follow, order[i]);
	for (size_t i = 0; i < follow->dirty_count; i++)
		follow->dirty[i]->dirty = false;
	follow->dirty_count = 0;
	free(order);
}

static void
set_all_due(struct follow *follow)
{
	size_t place = 0;
	for (struct stream *stream; (stream = stream_next(follow, &place));)
		stream_set_due(follow, stream);
}

struct follow *
follow_new(const struct follow_setup *setup, struct err *err)
{
	struct made made;
	if (setup->lost_state && setup->config->on_lost_state == CONFIG_LOST_FAIL) {
		err_set(err, "the store was lost, and on_lost_state is fail");
		return NULL;
	}
	if (!make(setup->config, setup->rules, setup->report_activity, &made, err))
		return NULL;
	struct follow *follow = mem_new(sizeof *follow);
	take_over(follow, setup->config, setup->rules, setup->report_activity, &made);
	follow->lost_state = setup->lost_state;
	follow->remembers = setup->position_count > 0;
	follow->read_ledger = setup->read_ledger;
	follow->ledger_owner = setup->ledger_owner;
	follow->open_limit = setup->max_open ? setup->max_open : OPEN_USUAL;
	follow->steps = setup->steps ? setup->steps : &follow->own_steps;
	follow->due_end = &follow->due;
	follow->due_folders_end = &follow->due_folders;
	follow->next_sweep = TIME_NONE;
	follow->next_whole_sweep = TIME_NONE;
	follow->next_busy = TIME_NONE;
	follow->short_at = TIME_NONE;
	follow->spare_fd = -1;
	descriptor_keep_spare(follow);
	follow->watch = watch_new(setup->config->watch);
	restore_all(follow, setup->positions, setup->position_count);
	folder_start(follow);
	return follow;
}

void
follow_free(struct follow *follow)
{
	size_t place = 0;
	if (!follow)
		return;
	for (struct stream *stream; (stream = stream_next(follow, &place));)
		stream_free(follow, stream);
	place = 0;
	for (struct folder *folder; (folder = folder_next(follow, &place));)
		folder_free(follow, folder);
	table_fini(&follow->streams);
	table_fini(&follow->folders);
	table_fini(&follow->by_key);
	free_made(&(struct made){follow->reader, follow->glob, follow->globs});
	rules_free(follow->rules);
	config_input_free(follow->config);
	watch_free(follow->watch);
	siblings_forget_listing(follow);
	if (follow->spare_fd >= 0)
		close(follow->spare_fd);
	free(follow->dirty);
	free(follow->buffer);
	free(follow);
}

bool
follow_configure(struct follow *follow, const struct config_input *config, struct rules *rules,
	bool report_activity, struct err *err)
{
	struct made made;
	size_t place = 0;
	if (!make(config, rules, report_activity, &made, err))
		return false;
	bool other_watch = config->watch != follow->config->watch;
	take_over(follow, config, rules, report_activity, &made);
	if (other_watch) {
		watch_free(follow->watch);
		follow->watch = watch_new(config->watch);
	}
	for (struct folder *folder; (folder = folder_next(follow, &place));) {
		folder_clear_places(follow, folder);
		folder->present = false;
		if (other_watch)
			folder->watch = -1;
	}
	place = 0;
	for (struct stream *stream; (stream = stream_next(follow, &place));) {
		free(stream->site);
		stream->site = NULL;
		stream->followed = stream_matches(follow, stream->path);
	}
	folder_start(follow);
	set_all_due(follow);
	return true;
}

bool
batch_is_empty(const struct batch *batch)
{
	return !batch->position_count && !batch->forgotten_count && !batch->ledger_count &&
	       !batch->sighting_count && !batch->active_site_count && !batch->backlog_ended_count &&
	       !batch->gap_count;
}

static void
on_hint(void *owner, const struct watch_hint *hint)
{
	folder_on_hint(owner, hint->subject, hint);
}

static void
set_all_folders_due(struct follow *follow)
{
	size_t place = 0;
	for (struct folder *folder; (folder = folder_next(follow, &place));)
		folder_set_due(follow, folder);
}

/* All that happens to it is told: it has one name, in a folder that is watched, and no room behind
 * its text into which a mapping may write. */
static bool
is_told(const struct follow *follow, const struct stream *stream)
{
	const struct generation *current = stream_current(stream);
	return stream->folder->watch >= 0 && current && current->seen.links == 1 &&
	       !stream->is_link && !stream->seldom->trouble && !stream->owned &&
	       current->seen.size == current->position.offset + current->partial &&
	       follow->now - current->quiet_since >= QUIET_SWEEPS * follow->config->poll_interval;
}

static void
sweep(struct follow *follow)
{
	size_t place = 0;
	int64_t interval = follow->config->poll_interval;
	bool whole = !watch_is_whole(follow->watch) || follow->wake ||
		     follow->next_whole_sweep == TIME_NONE ||
		     follow->now >= follow->next_whole_sweep;
	if (whole)
		follow->next_whole_sweep = follow->now + WHOLE_SWEEPS * interval;
	follow->next_sweep =
		watch_is_whole(follow->watch) ? follow->next_whole_sweep : follow->now + interval;
	follow->wake = false;
	descriptor_say_plenty(follow);
	if (watch_retry(follow->watch, follow->now))
		set_all_folders_due(follow);
	else
		folder_sweep(follow, whole);
	for (struct stream *stream; (stream = stream_next(follow, &place));) {
		bool told = is_told(follow, stream);
		if (!told)
			follow_sweep_soon(follow);
		if (told && !whole)
			continue;
		if (whole && (stream->count > 1 || stream->seldom->memo_count))
			stream->siblings_due = true;
		stream_set_due(follow, stream);
	}
}

void
follow_sweep_soon(struct follow *follow)
{
	int64_t at = follow->now + follow->config->poll_interval;
	if (follow->next_sweep > at)
		follow->next_sweep = at;
}

static void
look_at_busy(struct follow *follow)
{
	struct stream *stream = follow->busy, *next;
	follow->busy = NULL;
	follow->next_busy = TIME_NONE;
	for (; stream; stream = next) {
		next = stream->busy_next;
		stream->busy = false;
		stream->siblings_due = true;
		stream_set_due(follow, stream);
	}
}

void
stream_set_ready(struct follow *follow, struct stream *stream)
{
	if (stream->ready)
		return;
	stream->ready = true;
	DL_APPEND2(follow->ready, stream, ready_prev, ready_next);
}

static void
unset_ready(struct follow *follow, struct stream *stream)
{
	stream->ready = false;
	DL_DELETE2(follow->ready, stream, ready_prev, ready_next);
}

static bool
is_to_be_read(const struct generation *generation)
{
	return !generation->at_end && generation->position.state != GENERATION_HELD &&
	       generation->position.state != GENERATION_DONE;
}

/* A call on it failed, and it is not to be tried again yet. */
static bool
is_paused(const struct follow *follow, const struct generation *generation)
{
	return generation->seldom->failing_since &&
	       (generation->fd < 0 || follow->now < generation->stream->seldom->retry_at);
}

/* The oldest first; but one that only goes on growing after its rotation shares with the next. */
static struct generation *
next_readable(const struct follow *follow, struct stream *stream)
{
	struct generation *first = NULL;
	for (size_t i = 0; i < stream->count; i++) {
		struct generation *generation = stream->generation[i];
		bool is_last = i + 1 == stream->count;
		if (!is_to_be_read(generation) || (!is_last && follow_gives_up(follow, generation)))
			continue;
		if (is_paused(follow, generation))
			break; /* the younger ones wait */
		if (generation->fd < 0)
			continue;
		if (first)
			return generation;
		first = generation;
		if (is_last || generation->position.offset < generation->seldom->size_at_rotation)
			break;
		stream->odd_turn = !stream->odd_turn;
		if (!stream->odd_turn)
			break;
	}
	return first;
}

static void
read_one(struct follow *follow, struct stream *stream)
{
	struct generation *generation = next_readable(follow, stream);
	++*follow->steps;
	if (!generation) {
		unset_ready(follow, stream);
		return;
	}
	enum tail_result result = tail_read(follow, generation);
	if (result == TAIL_FAILED) {
		follow_failed(follow, generation, errno);
		return;
	}
	generation_works(generation);
	follow_end_trouble(stream, "read");
	switch (result) {
	case TAIL_MORE:
		DL_DELETE2(follow->ready, stream, ready_prev, ready_next);
		DL_APPEND2(follow->ready, stream, ready_prev, ready_next);
		break;
	case TAIL_END:
		if (stream->busy)
			stream_set_due(follow, stream);
		break;
	case TAIL_DIFFERS:
		follow_disproved(follow, generation);
		break;
	case TAIL_FAILED:
		break;
	}
}

static bool
is_full(const struct follow *follow)
{
	return follow->batch_bytes >= BATCH_BYTES ||
	       follow->batch->sighting_count >= BATCH_SIGHTINGS ||
	       follow->dirty_count >= BATCH_POSITIONS;
}

static void
list_due(struct follow *follow)
{
	for (int i = 0; i < TURN_FOLDERS && follow->due_folders; i++) {
		struct folder *folder = follow->due_folders;
		follow->due_folders = folder->due_next;
		if (!follow->due_folders)
			follow->due_folders_end = &follow->due_folders;
		folder->due = false;
		folder_list(follow, folder);
	}
}

/* What was opened is read at once, as far as the batch has room. */
static void
look_at_due(struct follow *follow)
{
	for (int i = 0; i < TURN_LOOKS && follow->due && !is_full(follow); i++) {
		struct stream *stream = follow->due;
		if (follow->ready && !descriptor_is_left(follow))
			break;
		follow->due = stream->due_next;
		if (!follow->due)
			follow->due_end = &follow->due;
		stream->due = false;
		follow_look(follow, stream);
		if (stream->ready && !is_full(follow))
			read_one(follow, stream);
	}
	if (!follow->due && !follow->due_folders)
		follow->started = true;
}

static void
post_positions(struct follow *follow)
{
	for (size_t i = 0; i < follow->dirty_count; i++) {
		follow->dirty[i]->dirty = false;
		batch_add_position(follow->batch, &follow->dirty[i]->position);
	}
	follow->dirty_count = 0;
}

bool
follow_turn(struct follow *follow, int64_t now, int64_t wall, struct batch *batch)
{
	follow->now = now;
	follow->wall = wall;
	follow->batch = batch;
	follow->batch_bytes = 0;
	follow->sightings_before = batch->sighting_count;
	follow->turns++;
	if (watch_read(follow->watch, on_hint, follow)) {
		log_notice("inotify lost events: everything is looked at");
		follow->wake = true;
	}
	if (follow->wake || follow->next_sweep == TIME_NONE || now >= follow->next_sweep)
		sweep(follow);
	if (follow->next_busy != TIME_NONE && now >= follow->next_busy)
		look_at_busy(follow);
	list_due(follow);
	look_at_due(follow);
	while (follow->ready && !is_full(follow))
		read_one(follow, follow->ready);
	if (!follow->ready)
		ahead_stop(follow);
	post_positions(follow);
	if (!follow->due)
		siblings_forget_listing(follow);
	follow->batch = NULL;
	return follow->ready || follow->due || follow->due_folders;
}

int64_t
follow_next_due(const struct follow *follow)
{
	if (follow->next_busy != TIME_NONE && follow->next_busy < follow->next_sweep)
		return follow->next_busy;
	return follow->next_sweep;
}

int
follow_fd(const struct follow *follow)
{
	return watch_fd(follow->watch);
}

void
follow_wake(struct follow *follow)
{
	follow->wake = true;
}

void
follow_committed(struct follow *follow, uint64_t serial)
{
	generation_committed(follow, serial);
}

static void
add_error(struct input_status *status, const char *format, ...)
{
	va_list args;
	va_start(args, format);
	if (status->errors < INPUT_ERRORS)
		vsnprintf(status->error[status->errors], sizeof status->error[0], format, args);
	va_end(args);
	status->errors++;
}

static void
add_errors(const struct follow *follow, struct input_status *status)
{
	size_t place = 0;
	for (struct folder *folder; (folder = folder_next(follow, &place));) {
		if (folder->trouble)
			add_error(status, "cannot list %s: %s", folder->path,
				strerrordesc_np(folder->trouble));
	}
	place = 0;
	for (struct stream *stream; (stream = stream_next(follow, &place));) {
		if (stream->followed && stream->seldom->trouble)
			add_error(status, "cannot %s %s: %s", stream->seldom->trouble_in,
				stream->path, strerrordesc_np(stream->seldom->trouble));
		else if (stream->followed && stream->no_file)
			add_error(status, "%s is no regular file", stream->path);
	}
}

void
follow_get_status(const struct follow *follow, struct input_status *status)
{
	size_t place = 0;
	*status = follow->status;
	status->files = 0;
	status->lag_bytes = status->unfinished_bytes = 0;
	status->walked = follow->started;
	add_errors(follow, status);
	snprintf(status->watch, sizeof status->watch, "%s", watch_words(follow->watch));
	for (struct stream *stream; (stream = stream_next(follow, &place));) {
		status->files += stream->followed && stream_current(stream);
		for (size_t i = 0; i < stream->count; i++) {
			const struct generation *generation = stream->generation[i];
			const struct position *position = &generation->position;
			if (position->state != GENERATION_DONE && !generation->at_end &&
				generation->seen.size > position->offset)
				status->lag_bytes += generation->seen.size - position->offset;
			else if (position->state != GENERATION_DONE && generation->at_end)
				status->unfinished_bytes += generation->partial;
		}
	}
}
