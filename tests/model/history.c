#include "tests/model/history.h"

#include "daemon/base/clock.h"
#include "daemon/base/mem.h"
#include "tests/model/calls.h"
#include "tests/model/follower.h"
#include "tests/model/world.h"

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { SIBLINGS = 6, END_LOOKS = 150, QUIET_LOOKS = 4 };

static const char SWAP[] = "=.AIUpdateSvc.log.Xy12Zw"; /* as rsync names its copy in the making */
static const char ROLLED[] = "=AIUpdateSvc.lo_";

struct run {
	struct world *world;
	struct follower *follower;
	bool verbose;
	bool meets;		 /* the next step comes while the follower looks */
	bool is_inside;		 /* it does now */
	const struct step *step; /* that step, until then */
};

static void
look(struct run *run, int64_t passed)
{
	world_say(run->world, "%.3f s later: look", (double)passed / SECOND);
	run->world->now += passed;
	follower_look(run->follower, passed);
	world_on_look(run->world);
}

static void
commit(struct run *run, size_t count)
{
	const size_t waiting = follower_waiting(run->follower);

	world_say(run->world, "commit %zu of %zu", count < waiting ? count : waiting, waiting);
	follower_commit(run->follower, count);
}

static void
go_down(struct run *run, bool killed)
{
	world_say(run->world, killed ? "kill" : "stop");
	if (killed)
		follower_kill(run->follower);
	else
		follower_stop(run->follower);
	world_on_down(run->world);
}

static void
go_up(struct run *run)
{
	world_say(run->world, "start");
	follower_start(run->follower);
}

/* A step's details, bit by bit. */
static unsigned
take(uint32_t *draw, unsigned below)
{
	const unsigned value = (*draw >> 8) % below;

	*draw = *draw * 1664525 + 1013904223;
	return value;
}

static struct object *
log_of(struct run *run, struct stream *stream)
{
	return world_find(run->world, stream, "");
}

/* The log stands there and is the newest copy. */
static bool
is_plain(struct run *run, struct stream *stream)
{
	return log_of(run, stream) && !stream->source && !stream->is_linked;
}

/* And nobody else keeps its file: it is deleted when another is renamed over it. */
static bool
is_replaceable(struct run *run, struct stream *stream)
{
	const struct object *log = log_of(run, stream);

	return is_plain(run, stream) && log->bytes.n > 0 && log->names == 1 &&
	       log != stream->writer;
}

static unsigned
line_count(uint32_t *draw)
{
	static const unsigned COUNTS[] = {1, 1, 2, 3, 5, 8, 20, 40};

	return COUNTS[take(draw, COUNT(COUNTS))];
}

static unsigned
pad_of(uint32_t *draw)
{
	static const unsigned PADS[] = {0, 0, 30, 30, 200, 200, 1000, 5000};

	return PADS[take(draw, COUNT(PADS))];
}

/* Appends to the log, which is made where it is not there. */
static void
append(struct run *run, struct stream *stream, const char *name, uint32_t *draw, bool may_half)
{
	struct buf bytes = BUF_INIT;
	const unsigned count = line_count(draw), pad = pad_of(draw);
	const unsigned some = take(draw, 4) == 0 ? 1 + take(draw, 120) : 0;
	const unsigned header = stream->header ? stream->header : some;

	if (!world_find(run->world, stream, name))
		world_append(run->world, stream, name, &bytes);
	world_write(run->world, stream, world_find(run->world, stream, name), count, pad,
		may_half && take(draw, 3) == 0, header, *draw, &bytes);
	world_append(run->world, stream, name, &bytes);
	buf_fini(&bytes);
}

static void
look_or_die(struct run *run, uint32_t *draw)
{
	const unsigned choice = take(draw, 6);

	if (!follower_is_up(run->follower) || run->is_inside)
		return;
	if (choice < 3)
		look(run, take(draw, 1500) * (SECOND / 1000));
	if (choice == 3) {
		go_down(run, true);
		go_up(run);
	}
}

static void
step_append(struct run *run, struct stream *stream, uint32_t draw)
{
	if (!stream->source)
		append(run, stream, "", &draw, true);
}

/* NAME.1 becomes NAME.2, and so on; what falls off the end is deleted. */
static void
shift(struct run *run, struct stream *stream)
{
	char from[16], to[16];

	for (int number = SIBLINGS; number > 0; number--)
		for (int packed = 0; packed < 2; packed++) {
			snprintf(from, sizeof(from), ".%d%s", number, packed ? ".gz" : "");
			snprintf(to, sizeof(to), ".%d%s", number + 1, packed ? ".gz" : "");
			if (!world_find(run->world, stream, from))
				continue;
			if (number == SIBLINGS)
				world_unlink(run->world, stream, from);
			else
				world_rename(run->world, stream, from, to);
		}
}

static void
step_rotate(struct run *run, struct stream *stream, uint32_t draw)
{
	struct buf nothing = BUF_INIT;
	char name[32];

	if (!is_plain(run, stream))
		return;
	if (take(&draw, 5) == 0) {
		snprintf(name, sizeof(name), "-202611%02u", ++stream->serial % 100);
		if (world_find(run->world, stream, name))
			return;
		world_rename(run->world, stream, "", name);
	} else {
		shift(run, stream);
		world_rename(run->world, stream, "", ".1");
	}
	switch (take(&draw, 4)) {
	case 0:
		break;
	case 1:
		world_append(run->world, stream, "", &nothing);
		break;
	default:
		append(run, stream, "", &draw, true);
	}
}

static void
step_copytruncate(struct run *run, struct stream *stream, uint32_t draw)
{
	struct object *log = log_of(run, stream);

	if (!is_plain(run, stream))
		return;
	shift(run, stream);
	world_copy(run->world, stream, log, log->bytes.n, ".1");
	look_or_die(run, &draw);
	if (take(&draw, 8) == 0)
		append(run, stream, "", &draw, false);
	world_truncate(run->world, stream, "");
	if (take(&draw, 2))
		append(run, stream, "", &draw, true);
}

static void
step_truncate(struct run *run, struct stream *stream, uint32_t draw)
{
	if (!is_plain(run, stream))
		return;
	world_truncate(run->world, stream, "");
	world_reconsider(run->world);
	if (take(&draw, 2))
		for (unsigned i = take(&draw, 3) + 1; i > 0; i--)
			append(run, stream, "", &draw, true);
}

static void
step_pack(struct run *run, struct stream *stream, uint32_t draw)
{
	char name[16], packed[20];

	snprintf(name, sizeof(name), ".%u", 1 + take(&draw, 3));
	snprintf(packed, sizeof(packed), "%s.gz", name);
	if (world_find(run->world, stream, name))
		world_pack(run->world, stream, name, packed);
}

/* A copy tool brings a longer copy: under another name, then renamed into place. */
static void
replace(struct run *run, struct stream *stream, const struct object *source, uint32_t *draw)
{
	world_copy(run->world, stream, source, source->bytes.n, SWAP);
	if (take(draw, 5))
		append(run, stream, SWAP, draw, true);
	world_rename(run->world, stream, SWAP, "");
}

static void
step_replace(struct run *run, struct stream *stream, uint32_t draw)
{
	if (is_replaceable(run, stream))
		replace(run, stream, log_of(run, stream), &draw);
}

static void
step_older(struct run *run, struct stream *stream, uint32_t draw)
{
	struct object *log = log_of(run, stream);

	if (!is_replaceable(run, stream))
		return;
	world_copy(run->world, stream, log, take(&draw, (unsigned)log->bytes.n), SWAP);
	stream->source = log;
	world_rename(run->world, stream, SWAP, "");
}

static void
step_newer(struct run *run, struct stream *stream, uint32_t draw)
{
	if (!stream->source)
		return;
	replace(run, stream, stream->source, &draw);
	stream->source = NULL;
}

/* In place: truncated, then written again from its beginning with more behind it, in pieces. */
static void
step_rewrite(struct run *run, struct stream *stream, uint32_t draw)
{
	struct object *log = log_of(run, stream);
	struct buf all = BUF_INIT, piece = BUF_INIT;
	unsigned half;
	struct buf rest;
	size_t at = 0;

	if (!is_plain(run, stream) || log->bytes.n == 0)
		return;
	buf_add(&all, log->bytes.p, log->bytes.n);
	world_write(run->world, stream, log, line_count(&draw), pad_of(&draw), take(&draw, 3) == 0,
		0, draw, &all);
	/* What is half is known again when the last piece stands. */
	half = log->half;
	rest = log->rest;
	log->half = 0;
	log->rest = BUF_INIT;
	world_truncate(run->world, stream, "");
	stream->source = mem_new(sizeof(*stream->source));
	stream->source->bytes = all;
	while (at < all.n) {
		const size_t n = 1 + take(&draw, (unsigned)(all.n / 3 + 1));

		look_or_die(run, &draw);
		buf_clear(&piece);
		buf_add(&piece, all.p + at, n < all.n - at ? n : all.n - at);
		world_append(run->world, stream, "", &piece);
		at += piece.n;
	}
	buf_fini(&piece);
	buf_fini(&all);
	free(stream->source);
	stream->source = NULL;
	log->half = half;
	log->rest = rest;
}

/* On the host itself: copied to .lo_, or renamed, over the older one. */
static void
step_roll(struct run *run, struct stream *stream, uint32_t draw)
{
	struct object *log = log_of(run, stream);

	if (!is_plain(run, stream))
		return;
	if (take(&draw, 3) == 0) {
		world_rename(run->world, stream, "", ROLLED);
	} else {
		world_copy(run->world, stream, log, log->bytes.n, ROLLED);
		world_reconsider(run->world);
		look_or_die(run, &draw);
		world_truncate(run->world, stream, "");
	}
	if (take(&draw, 3))
		append(run, stream, "", &draw, true);
}

/* At the source, and both files synced: the rolled one first, as rsync goes by name. */
static void
step_roll_synced(struct run *run, struct stream *stream, uint32_t draw)
{
	struct object *log = log_of(run, stream);

	if (!is_replaceable(run, stream))
		return;
	world_copy(run->world, stream, log, log->bytes.n, SWAP);
	if (take(&draw, 3))
		append(run, stream, SWAP, &draw, true);
	world_rename(run->world, stream, SWAP, ROLLED);
	look_or_die(run, &draw);
	append(run, stream, SWAP, &draw, true);
	world_rename(run->world, stream, SWAP, "");
}

static void
step_delete(struct run *run, struct stream *stream, uint32_t draw)
{
	if (!is_plain(run, stream))
		return;
	world_unlink(run->world, stream, "");
	world_reconsider(run->world);
	look_or_die(run, &draw);
	append(run, stream, "", &draw, true);
}

/* The log is a symlink: it leads to another file from now on. */
static void
step_swap(struct run *run, struct stream *stream, uint32_t draw)
{
	char target[24];

	if (!stream->is_linked)
		return;
	snprintf(target, sizeof(target), "/t%u", ++stream->serial);
	append(run, stream, target, &draw, true);
	world_swap(run->world, stream, target);
}

static void
step_link(struct run *run, struct stream *stream, uint32_t draw)
{
	char name[24];

	(void)draw;
	snprintf(name, sizeof(name), "/%u", ++stream->serial);
	if (is_plain(run, stream))
		world_link(run->world, stream, "", name);
}

static void
step_hold(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)draw;
	if (is_plain(run, stream))
		world_hold(run->world, stream);
}

static void
step_write_held(struct run *run, struct stream *stream, uint32_t draw)
{
	struct buf bytes = BUF_INIT;
	const unsigned count = line_count(&draw), pad = pad_of(&draw);

	if (!stream->writer || stream->source)
		return;
	world_write(run->world, stream, stream->writer, count, pad, take(&draw, 4) == 0, 0, draw,
		&bytes);
	world_append_held(run->world, stream, &bytes);
	buf_fini(&bytes);
}

static void
step_release(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)draw;
	world_release(run->world, stream);
}

static void
step_look(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)stream;
	if (follower_is_up(run->follower))
		look(run, take(&draw, 3000) * (SECOND / 1000));
}

static void
step_commit(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)stream;
	commit(run, take(&draw, 3) ? SIZE_MAX : 1 + take(&draw, 3));
}

static void
step_kill(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)stream;
	if (!follower_is_up(run->follower))
		return;
	go_down(run, true);
	if (take(&draw, 2))
		go_up(run);
}

static void
step_stop(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)stream;
	if (!follower_is_up(run->follower))
		return;
	go_down(run, false);
	if (take(&draw, 2))
		go_up(run);
}

static void
step_start(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)stream;
	(void)draw;
	if (!follower_is_up(run->follower))
		go_up(run);
}

static void
step_reload(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)stream;
	(void)draw;
	if (follower_is_up(run->follower))
		follower_reload(run->follower);
}

static void
step_turn(struct run *run, struct stream *stream, uint32_t draw)
{
	static const int64_t PASSED[] = {
		0, SECOND / 1000, SECOND / 5, 2 * SECOND, 5 * SECOND, 20 * SECOND, 40 * SECOND};

	(void)stream;
	if (!follower_is_up(run->follower))
		return;
	const int64_t passed = PASSED[take(&draw, COUNT(PASSED))];
	run->world->now += passed;
	follower_turn(run->follower, passed, 1 + take(&draw, 4) * 20);
}

/* For want of descriptors those of what was read up are closed, and one that is stale is given up:
 * what has no name any more goes with it. */
static void
let_fail(struct run *run, enum calls_fault fault, unsigned at, unsigned count)
{
	if (fault == CALLS_EMFILE || fault == CALLS_ENOMEM || fault == CALLS_ESTALE)
		run->world->keeps_open = false;
	calls_fail(fault, at, count);
}

/* A call of the follower's fails soon, or a few of them. */
static void
step_fault(struct run *run, struct stream *stream, uint32_t draw)
{
	static const unsigned COUNTS[] = {1, 1, 1, 2, 5, 40};
	const enum calls_fault fault = take(&draw, CALLS_FAULTS);
	const unsigned at = 1 + take(&draw, 1 + take(&draw, 60));
	const unsigned count = COUNTS[take(&draw, COUNT(COUNTS))];

	(void)stream;
	world_say(run->world, "%s at call %u, %u times", calls_fault_name(fault), at, count);
	let_fail(run, fault, at, count);
}

static void
step_during(struct run *run, struct stream *stream, uint32_t draw)
{
	(void)stream;
	(void)draw;
	run->meets = true;
}

/* Kinds by how often they are drawn. */
static const struct kind {
	const char *name;
	unsigned weight;
	void (*run)(struct run *run, struct stream *stream, uint32_t draw);
	bool is_outside; /* done to files, so it may come while the follower looks */
} KINDS[] = {
	{"append", 14, step_append, true},
	{"rotate", 6, step_rotate, true},
	{"copytruncate", 4, step_copytruncate, true},
	{"truncate", 2, step_truncate, true},
	{"pack", 3, step_pack, true},
	{"replace", 4, step_replace, true},
	{"older", 2, step_older, true},
	{"newer", 2, step_newer, true},
	{"rewrite", 2, step_rewrite, true},
	{"roll", 3, step_roll, true},
	{"rollsynced", 2, step_roll_synced, true},
	{"delete", 2, step_delete, true},
	{"swap", 3, step_swap, true},
	{"link", 1, step_link, true},
	{"hold", 2, step_hold, true},
	{"writeheld", 3, step_write_held, true},
	{"release", 2, step_release, true},
	{"look", 14, step_look, false},
	{"commit", 8, step_commit, false},
	{"kill", 4, step_kill, false},
	{"stop", 2, step_stop, false},
	{"start", 5, step_start, false},
	{"reload", 1, step_reload, false},
	{"turn", 8, step_turn, false},
	{"fault", 4, step_fault, false},
	{"during", 4, step_during, false},
};

static uint64_t
next_random(uint64_t *state) /* splitmix64 */
{
	uint64_t z = (*state += 0x9e3779b97f4a7c15);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9;
	z = (z ^ (z >> 27)) * 0x94d049bb133111eb;
	return z ^ (z >> 31);
}

static bool
is_listed(const char *list, const char *name)
{
	const size_t n = strlen(name);

	while (*list) {
		const size_t item = strcspn(list, ",");

		if (item == n && strncmp(list, name, n) == 0)
			return true;
		list += item + (list[item] == ',');
	}
	return false;
}

void
history_draw(struct history *history, uint64_t seed, size_t longest, const char *without)
{
	unsigned weights[COUNT(KINDS)], sum = 0;

	*history = (struct history){.seed = (uint32_t)next_random(&seed)};
	for (size_t i = 0; i < COUNT(KINDS); i++)
		sum += weights[i] = is_listed(without, KINDS[i].name) ? 0 : KINDS[i].weight;
	if (longest > HISTORY_STEPS)
		longest = HISTORY_STEPS;
	history->count = 2 + next_random(&seed) % (longest - 1);
	for (size_t i = 0; i < history->count; i++) {
		struct step *step = &history->steps[i];
		unsigned at = (unsigned)(next_random(&seed) % sum);

		while (at >= weights[step->kind])
			at -= weights[step->kind++];
		step->stream = (uint8_t)(next_random(&seed) % WORLD_STREAMS);
		step->draw = (uint32_t)next_random(&seed);
	}
}

void
history_print(const struct history *history, struct buf *out)
{
	buf_format(out, "%u", history->seed);
	if (history->fault_at)
		buf_format(out, "@%s/%u", calls_fault_name(history->fault), history->fault_at);
	buf_add_text(out, ":");
	for (size_t i = 0; i < history->count; i++)
		buf_format(out, " %s/%u/%u", KINDS[history->steps[i].kind].name,
			history->steps[i].stream, history->steps[i].draw);
}

bool
history_parse(struct history *history, const char *text)
{
	char name[32];
	int used;

	*history = (struct history){0};
	if (sscanf(text, "%u%n", &history->seed, &used) != 1)
		return false;
	text += used;
	if (sscanf(text, "@%31[a-zA-Z]/%u%n", name, &history->fault_at, &used) == 2) {
		text += used;
		while (history->fault < CALLS_FAULTS &&
			strcmp(calls_fault_name(history->fault), name) != 0)
			history->fault++;
	}
	if (*text++ != ':' || history->fault == CALLS_FAULTS)
		return false;
	while (history->count < HISTORY_STEPS) {
		struct step *step = &history->steps[history->count];
		unsigned stream;

		if (sscanf(text, " %31[a-z]/%u/%u%n", name, &stream, &step->draw, &used) != 3)
			break;
		while (step->kind < COUNT(KINDS) && strcmp(KINDS[step->kind].name, name) != 0)
			step->kind++;
		if (step->kind == COUNT(KINDS) || stream >= WORLD_STREAMS)
			return false;
		step->stream = (uint8_t)stream;
		history->count++;
		text += used;
	}
	return text[strspn(text, " \n")] == '\0';
}

static void
run_step(struct run *run, const struct step *step)
{
	KINDS[step->kind].run(run, &run->world->streams[step->stream], step->draw);
	world_reconsider(run->world);
}

static void
on_meeting(void *owner)
{
	struct run *run = owner;
	const struct step *step = run->step;

	run->step = NULL;
	world_say(run->world, "meanwhile");
	run->is_inside = true;
	run_step(run, step);
	run->is_inside = false;
}

/* The follower looks, and while it does the step comes. */
static void
meet(struct run *run, const struct step *step)
{
	uint32_t draw = step->draw;

	run->meets = false;
	run->step = step;
	calls_meet(on_meeting, run, 1 + take(&draw, 1 + take(&draw, 80)));
	look(run, take(&draw, 1500) * (SECOND / 1000));
	calls_meet(NULL, NULL, 0);
	run->step = NULL;
}

/* Every stream has a log that was looked at: what stood beside it before is none of ours. */
static void
begin(struct run *run, uint32_t seed)
{
	go_up(run);
	for (unsigned i = 0; i < run->world->stream_count; i++) {
		seed = seed * 1664525 + 1013904223;
		append(run, &run->world->streams[i], "", &seed, false);
	}
	for (int turn = 0; turn < 100 && world_missing(run->world, NULL) > 0; turn++) {
		look(run, SECOND / 10);
		commit(run, SIZE_MAX);
	}
}

static bool
end(struct run *run, struct buf *report)
{
	int looks = 0;

	calls_fail_no_more();
	if (!follower_is_up(run->follower))
		go_up(run);
	for (unsigned i = 0; i < run->world->stream_count; i++) {
		step_newer(run, &run->world->streams[i], 0);
		world_release(run->world, &run->world->streams[i]);
	}
	world_reconsider(run->world);
	do {
		follower_look(run->follower, SECOND);
		follower_commit(run->follower, SIZE_MAX);
	} while (world_missing(run->world, NULL) > 0 && ++looks < END_LOOKS);
	for (looks = 0; looks < QUIET_LOOKS; looks++) {
		follower_look(run->follower, 20 * SECOND);
		follower_commit(run->follower, SIZE_MAX);
	}
	return world_missing(run->world, report) + world_wrong(run->world, report) == 0;
}

static int
remove_one(const char *path, const struct stat *status, int kind, struct FTW *where)
{
	(void)status;
	(void)kind;
	(void)where;
	return remove(path);
}

bool
history_run(const struct history *history, const char *directory, bool verbose, struct buf *report)
{
	char *own = mem_format("%s/model.XXXXXX", directory);
	struct run run = {.verbose = verbose};
	bool well;

	if (!mkdtemp(own)) {
		perror(own);
		abort();
	}
	run.world = world_new(own, 1 + history->seed % WORLD_STREAMS, history->seed % 16 == 5);
	for (unsigned i = 0; i < run.world->stream_count; i++)
		run.world->streams[i].header = (history->seed >> (7 + 2 * i) & 3) ? 0 : 110;
	run.world->keeps_open = history->seed >> 5 & 3;
	run.follower = follower_new(own,
		&(struct follower_options){history->seed >> 3 & 1, run.world->keeps_open ? 0 : 4,
			history->seed >> 4 & 1 ? 65536 : 1024},
		&(struct follower_events){run.world, world_on_read, world_on_counted});
	begin(&run, history->seed);
	if (history->fault_at)
		let_fail(&run, history->fault, history->fault_at, 1);
	for (size_t i = 0; i < history->count; i++) {
		const struct step *step = &history->steps[i];

		if (step->stream >= run.world->stream_count)
			continue;
		if (run.meets && KINDS[step->kind].is_outside && follower_is_up(run.follower))
			meet(&run, step);
		else
			run_step(&run, step);
		if (verbose) {
			fprintf(stderr, "%s/%u\n", KINDS[step->kind].name, step->stream);
			world_missing(run.world, NULL);
			follower_print(run.follower, stderr);
		}
	}
	world_say(run.world, "the end");
	well = end(&run, report);
	if (!well)
		buf_format(report, "  what happened:\n%.6000s", run.world->trace.p);
	if (verbose)
		follower_print(run.follower, stderr);
	follower_free(run.follower);
	world_free(run.world);
	nftw(own, remove_one, 16, FTW_DEPTH | FTW_PHYS);
	free(own);
	return well;
}
