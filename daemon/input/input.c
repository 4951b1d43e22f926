#include "daemon/input/input.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"
#include "daemon/input/follow.h"

#include <errno.h>
#include <inttypes.h>
#include <poll.h>
#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <time.h>
#include <unistd.h>

/* How long a full queue may keep the thread before it shows a sign of life. */
#define PUT_WAIT (SECOND / 5)

/* With more files than so many, how old the status may get: it costs a look at each. */
enum { STATUS_FILES = 1000 };
#define STATUS_AGE SECOND

/* How long news of no more than that bytes were read may wait for more of it, and how much. */
#define HOLD_TIME (SECOND / 10)
enum { HOLD_POSITIONS = 32, HOLD_CHUNKS = 64 };

/* While there is more to read a batch grows for so long, and by so much (8 MiB of a file). */
#define GROW_TIME (SECOND / 100)
enum { GROW_SIGHTINGS = 256, GROW_CHUNKS = 1792 };

/* A thread that shows no sign of life for so long hangs; if it worked so much meanwhile, not in the
 * kernel. */
#define HANG_AFTER (30 * SECOND)
#define SPIN_WORK  (2 * SECOND)

#define REST_LEAST (10 * SECOND) /* who polls wakes the engine no more often than it looks */

/* As long as the shipped rules for Prometheus wait. */
#define NOTHING_AFTER HOUR

/*
 * 1. Only the thread touches `follow` once it runs; what others ask for stands under the lock, or
 *    is atomic, until the thread's next turn.
 * 2. Serials count the batches that were put, without a gap.
 * 3. A batch that could not be put is dropped with all it moved only when the thread ends: nobody
 *    has seen it, and the next start reads its bytes again.
 */
struct input {
	char *name;
	struct queue *queue;
	struct follow *follow;
	uint64_t serial;
	struct batch *batch; /* being filled, or NULL */
	int64_t begun_at;    /* when it was begun */
	pthread_t thread;
	bool running;
	int wake_fd;
	atomic_bool stop;
	atomic_bool look;
	_Atomic uint64_t committed;
	_Atomic int64_t progress_at, waits_until;
	_Atomic uint64_t steps;
	atomic_bool waits;   /* for hints, or for its time */
	atomic_bool watched; /* somebody wants to know when it does not */
	uint64_t steps_seen; /* by input_life, as is: */
	int64_t progress_seen, work_seen, asked_at;
	enum input_life life;
	pthread_mutex_t lock;
	pthread_cond_t end; /* has_ended */
	bool has_ended;	    /* the thread does nothing more */
	struct input_status status;
	int64_t status_at;
	int64_t followed_at; /* when it last followed a file; TIME_NONE for never */
	bool status_is_old;  /* something happened since */
	struct order *order; /* the last input_configure that the thread has not seen */
};

struct order {
	struct config_input *config;
	struct rules *rules;
	bool report_activity;
};

static void
free_order(struct order *order)
{
	if (!order)
		return;
	config_input_free(order->config);
	rules_free(order->rules);
	free(order);
}

struct input *
input_new(const struct input_setup *setup, struct err *err)
{
	struct input *input = mem_new(sizeof *input);
	input->follow = follow_new(
		&(struct follow_setup){
			.config = setup->config,
			.rules = setup->rules,
			.positions = setup->positions,
			.position_count = setup->position_count,
			.read_ledger = setup->read_ledger,
			.ledger_owner = setup->ledger_owner,
			.lost_state = setup->lost_state,
			.steps = &input->steps,
			.report_activity = setup->report_activity,
			.max_open = setup->max_open,
		},
		err);
	if (!input->follow) {
		free(input);
		return NULL;
	}
	input->name = mem_text(setup->config->name);
	input->queue = setup->queue;
	input->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (input->wake_fd < 0)
		log_fatal("cannot make an eventfd for input %s", input->name);
	input->progress_at = clock_monotonic();
	input->followed_at = TIME_NONE;
	pthread_mutex_init(&input->lock, NULL);
	pthread_cond_init(&input->end, NULL);
	follow_get_status(input->follow, &input->status);
	return input;
}

const char *
input_name(const struct input *input)
{
	return input->name;
}

static void
take_order(struct input *input)
{
	pthread_mutex_lock(&input->lock);
	struct order *order = input->order;
	input->order = NULL;
	pthread_mutex_unlock(&input->lock);
	struct err err = ERR_INIT;
	if (order && !follow_configure(input->follow, order->config, order->rules,
			     order->report_activity, &err))
		log_error("input %s goes on as it was: %s", input->name, err.text);
	free_order(order);
}

/* Between a rotation and the next record there may be no file: a while is no trouble. */
static void
note_followed(struct input *input, struct input_status *status, int64_t now)
{
	if (status->files > 0)
		input->followed_at = now;
	else if (status->errors == 0 && status->walked &&
		 (input->followed_at == TIME_NONE || now - input->followed_at > NOTHING_AFTER))
		snprintf(status->error[status->errors++], sizeof status->error[0],
			"follows no file: none matches its paths");
}

/* Before the batch is put: who has seen an event finds its bytes counted. */
static void
publish(struct input *input, int64_t now)
{
	struct input_status status;
	if (!input->status_is_old ||
		(input->status.files > STATUS_FILES && now - input->status_at < STATUS_AGE))
		return;
	input->status_is_old = false;
	follow_get_status(input->follow, &status);
	note_followed(input, &status, now);
	pthread_mutex_lock(&input->lock);
	input->status = status;
	pthread_mutex_unlock(&input->lock);
	input->status_at = now;
}

static bool
put(struct input *input, struct batch *batch)
{
	while (!input->stop) {
		input->progress_at = clock_monotonic();
		if (queue_put_within(input->queue, batch, PUT_WAIT))
			return true;
		if (queue_is_closed(input->queue))
			return false;
	}
	return false;
}

/* No more than offsets and events: what may stand beside those of later turns. */
static bool
is_plain(const struct batch *batch)
{
	return batch->position_count <= HOLD_POSITIONS && !batch->forgotten_count &&
	       !batch->active_site_count && !batch->backlog_ended_count && !batch->gap_count;
}

/* A file that is written to a thousand times a second need not wake the engine as often. */
static bool
may_hold(const struct input *input, int64_t now)
{
	const struct batch *batch = input->batch;
	return now < input->begun_at + HOLD_TIME && is_plain(batch) &&
	       batch->ledger_count <= HOLD_CHUNKS && !batch->sighting_count;
}

/* Each batch wakes the engine. */
static bool
may_grow(const struct input *input, int64_t now)
{
	const struct batch *batch = input->batch;
	return now < input->begun_at + GROW_TIME && is_plain(batch) &&
	       batch->ledger_count <= GROW_CHUNKS && batch->sighting_count <= GROW_SIGHTINGS;
}

static void
begin_batch(struct input *input, int64_t now)
{
	if (!input->batch) {
		input->batch = batch_new(input, TIME_NONE);
		input->batch->serial = input->serial + 1;
		input->begun_at = now;
	}
	input->batch->read_at = clock_wall();
}

static void
drop_batch(struct input *input)
{
	batch_free(input->batch);
	input->batch = NULL;
}

/* True where there is more to do at once. */
static bool
turn(struct input *input)
{
	int64_t now = clock_monotonic();
	begin_batch(input, now);
	struct batch *batch = input->batch;
	input->progress_at = now;
	take_order(input);
	follow_committed(input->follow, input->committed);
	if (atomic_exchange(&input->look, false))
		follow_wake(input->follow);
	bool more = follow_turn(input->follow, now, batch->read_at, batch);
	input->status_is_old = true;
	publish(input, clock_monotonic());
	if (batch_is_empty(batch)) {
		drop_batch(input);
	} else if (more ? may_grow(input, now) : may_hold(input, now)) {
		return more;
	} else if (put(input, batch)) {
		input->batch = NULL;
		input->serial++;
	} else {
		input->stop = true;
	}
	return more && !input->stop;
}

/* Waits for hints until there is something to do, or the status grows old: whether there is. */
static bool
wait_once(struct input *input)
{
	struct pollfd fd[2] = {
		{input->wake_fd, POLLIN, 0},
		{follow_fd(input->follow), POLLIN, 0},
	};
	int64_t now = clock_monotonic();
	int64_t due = follow_next_due(input->follow);
	int64_t stale = input->status_at + STATUS_AGE, held = input->begun_at + HOLD_TIME;
	if (input->batch && held < due)
		due = held;
	int64_t until = input->status_is_old && stale < due ? stale : due;
	int64_t wait = until > now ? until - now : 0;
	struct timespec time = {wait / SECOND, wait % SECOND * 1000};
	int ready = ppoll(fd, 2, &time, NULL);
	if (ready < 0 && errno != EINTR)
		log_error("input %s cannot wait: %s", input->name, strerrordesc_np(errno));
	eventfd_t dropped;
	if (fd[0].revents)
		eventfd_read(input->wake_fd, &dropped);
	publish(input, clock_monotonic());
	return ready != 0 || until == due;
}

/* A status that is only told later is no reason for a turn, which would make it old again. */
static void
wait_for_hint(struct input *input)
{
	input->waits_until = follow_next_due(input->follow);
	input->waits = true;
	while (!wait_once(input))
		;
	input->progress_at = clock_monotonic();
	input->waits = false;
	if (atomic_exchange(&input->watched, false))
		queue_wake(input->queue);
}

static void *
run(void *owner)
{
	struct input *input = owner;
	while (!input->stop) {
		if (!turn(input) && !input->stop)
			wait_for_hint(input);
	}
	if (input->batch && queue_put_within(input->queue, input->batch, 0))
		input->batch = NULL;
	pthread_mutex_lock(&input->lock);
	input->has_ended = true;
	pthread_cond_signal(&input->end);
	pthread_mutex_unlock(&input->lock);
	return NULL;
}

/* Signals are the engine's. */
bool
input_start(struct input *input, struct err *err)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int code = pthread_create(&input->thread, NULL, run, input);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (code)
		return err_system(err, code, "cannot start a thread");
	input->running = true;
	return true;
}

void
input_committed(struct input *input, uint64_t serial)
{
	input->committed = serial;
}

void
input_configure(struct input *input, const struct config_input *config, struct rules *rules,
	bool report_activity)
{
	struct order *order = mem_new(sizeof *order);
	order->config = config_input_copy(config);
	order->rules = rules ? rules_share(rules) : NULL;
	order->report_activity = report_activity;
	pthread_mutex_lock(&input->lock);
	struct order *old = input->order;
	input->order = order;
	pthread_mutex_unlock(&input->lock);
	free_order(old);
	eventfd_write(input->wake_fd, 1);
}

void
input_wake(struct input *input)
{
	input->look = true;
	eventfd_write(input->wake_fd, 1);
}

void
input_get_status(struct input *input, struct input_status *status)
{
	pthread_mutex_lock(&input->lock);
	*status = input->status;
	pthread_mutex_unlock(&input->lock);
	snprintf(status->name, sizeof status->name, "%s", input->name);
	status->progress_at = input->progress_at;
	status->stalled_since = TIME_NONE;
	if (input->life == INPUT_LIVES)
		return;
	int64_t silent = clock_monotonic() - status->progress_at;
	status->stalled_since = clock_wall() - silent;
	status->errors += status->errors == 0;
	snprintf(status->error[0], sizeof status->error[0],
		"hangs in a read: no sign of life for %" PRId64 " s", silent / SECOND);
}

/* What the thread has worked, a duration; 0 where that cannot be told. */
static int64_t
work_of(const struct input *input)
{
	clockid_t clock;
	struct timespec time;
	if (!input->running || pthread_getcpuclockid(input->thread, &clock) != 0 ||
		clock_gettime(clock, &time) != 0)
		return 0;
	return (int64_t)time.tv_sec * SECOND + time.tv_nsec / 1000;
}

static void
enter_life(struct input *input, enum input_life life, int64_t silent)
{
	if (life == input->life)
		return;
	if (life == INPUT_STALLS)
		log_error("input %s hangs in a read: no sign of life for %" PRId64 " s",
			input->name, silent / SECOND);
	else if (life == INPUT_SPINS)
		log_error("input %s works without getting on for %" PRId64 " s", input->name,
			silent / SECOND);
	else
		log_notice("input %s goes on", input->name);
	input->life = life;
}

/* The order of the two is what matters: see wait_for_hint. */
bool
input_rests(struct input *input, int64_t now)
{
	if (input->waits_until - now < REST_LEAST)
		return false;
	input->watched = true;
	return input->waits;
}

enum input_life
input_life(struct input *input, int64_t now)
{
	int64_t work = work_of(input);
	uint64_t steps = input->steps;
	bool slept = input->asked_at && now - input->asked_at > HANG_AFTER;
	input->asked_at = now;
	if (steps != input->steps_seen || input->waits || slept)
		input->progress_at = now;
	if (input->progress_at != input->progress_seen)
		input->work_seen = work;
	input->steps_seen = steps;
	input->progress_seen = input->progress_at;
	int64_t silent = now - input->progress_seen;
	enter_life(input,
		silent <= HANG_AFTER		      ? INPUT_LIVES
		: work - input->work_seen > SPIN_WORK ? INPUT_SPINS
						      : INPUT_STALLS,
		silent);
	return input->life;
}

static bool
ends_within(struct input *input, int64_t wait)
{
	struct timespec deadline = clock_deadline_in(wait > 0 ? wait : 0);
	int code = 0;
	pthread_mutex_lock(&input->lock);
	while (!input->has_ended && code == 0)
		code = pthread_cond_clockwait(
			&input->end, &input->lock, CLOCK_MONOTONIC, &deadline);
	bool has_ended = input->has_ended;
	pthread_mutex_unlock(&input->lock);
	return has_ended;
}

bool
input_stop(struct input *input, int64_t deadline)
{
	if (!input->running)
		return true;
	input->stop = true;
	eventfd_write(input->wake_fd, 1);
	queue_nudge(input->queue);
	if (!ends_within(input, deadline - clock_monotonic()))
		return false;
	pthread_join(input->thread, NULL);
	input->running = false;
	return true;
}

void
input_free(struct input *input)
{
	if (!input)
		return;
	free_order(input->order);
	drop_batch(input);
	follow_free(input->follow);
	pthread_cond_destroy(&input->end);
	pthread_mutex_destroy(&input->lock);
	close(input->wake_fd);
	free(input->name);
	free(input);
}
