#include "tests/unit/follow_world.h"

#include <poll.h>

/* The thread and its queue, with inotify and without. */
struct run {
	struct world *w;
	struct queue *queue;
	struct input *input;
};

static void
run_start(struct run *run, struct world *w, size_t limit)
{
	struct err err = ERR_INIT;
	run->w = w;
	run->queue = queue_new(limit);
	run->input = input_new(
		&(struct input_setup){
			.config = &w->config,
			.rules = w->rules,
			.queue = run->queue,
			.positions = w->position,
			.position_count = w->positions,
			.read_ledger = world_read_ledger,
			.ledger_owner = w,
		},
		&err);
	assert_non_null(run->input);
	assert_true(input_start(run->input, &err));
}

static void
run_stop(struct run *run)
{
	assert_true(input_stop(run->input, clock_monotonic() + 20 * SECOND));
	input_free(run->input);
	queue_free(run->queue);
}

/* Takes batches until n sightings came, or the time is over. */
static void
run_until(struct run *run, size_t n)
{
	int64_t deadline = clock_monotonic() + 30 * SECOND;
	uint64_t serial = 0;
	while (run->w->sightings < n && clock_monotonic() < deadline) {
		struct pollfd fd = {queue_fd(run->queue), POLLIN, 0};
		poll(&fd, 1, 1000);
		struct batch *batch = queue_take(run->queue);
		if (!batch)
			continue;
		assert_ptr_equal(batch->input, run->input);
		assert_true(batch->serial > serial);
		serial = batch->serial;
		world_store(run->w, batch);
		input_committed(run->input, serial);
		batch_free(batch);
	}
	assert_int_equal(run->w->sightings, n);
}

static void
follow_files(enum config_watch mode, int64_t interval)
{
	struct world *w = world_new("**/*.log");
	struct run run;
	w->config.watch = mode;
	w->config.poll_interval = interval;
	append(w, "a.log", 0, 10);
	run_start(&run, w, 64);
	run_until(&run, 10);
	append(w, "a.log", 10, 20);
	run_until(&run, 20);
	shell(w, "mkdir -p x/y");
	append(w, "x/y/b.log", 20, 30);
	run_until(&run, 30);
	shell(w, "mv a.log a.log.1");
	append(w, "a.log", 30, 40);
	run_until(&run, 40);
	shell(w, ": > a.log");
	append(w, "a.log", 40, 50);
	run_until(&run, 50);
	run_stop(&run);
	append(w, "a.log", 50, 60);
	run_start(&run, w, 64);
	run_until(&run, 60);
	expect_once(w, 60, false);
	run_stop(&run);
	world_free(w);
}

static void
t01_inotify_tells_at_once(void **state)
{
	(void)state;
	follow_files(CONFIG_WATCH_INOTIFY, 3600 * SECOND);
}

static void
t02_the_sweep_needs_no_inotify(void **state)
{
	(void)state;
	follow_files(CONFIG_WATCH_POLL, SECOND / 20);
}

static void
t03_full_queue_does_not_keep_it_from_stopping(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	struct run run;
	for (unsigned i = 0; i < 20; i++)
		append(w, "a.log", i * 100, i * 100 + 100);
	run_start(&run, w, 1);
	struct pollfd fd = {queue_fd(run.queue), POLLIN, 0};
	assert_int_equal(poll(&fd, 1, 20000), 1);
	run_stop(&run);
	run_start(&run, w, 64);
	run_until(&run, 2000);
	expect_once(w, 2000, true);
	run_stop(&run);
	world_free(w);
}

static void
t04_status_tells_what_is_known(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	struct run run;
	struct input_status status;
	append(w, "a.log", 0, 10);
	run_start(&run, w, 64);
	run_until(&run, 10);
	input_get_status(run.input, &status);
	assert_string_equal(status.name, "test");
	assert_string_equal(status.watch, "poll: as configured");
	assert_int_equal(status.files, 1);
	assert_int_equal(status.lines_read, 10);
	assert_true(status.progress_at > 0);
	struct config_input other = w->config;
	char encoding[] = "utf-8";
	other.encoding = encoding;
	input_configure(run.input, &other, w->rules, true);
	append(w, "a.log", 10, 20);
	input_wake(run.input);
	run_until(&run, 20);
	input_get_status(run.input, &status);
	assert_int_equal(status.lines_read, 20);
	expect_once(w, 20, true);
	run_stop(&run);
	world_free(w);
}

/* Who asked whether it rests is told that it works, though it has nothing to say. */
static void
t05_input_that_rests_tells_when_it_works(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	struct run run;
	w->config.poll_interval = 3600 * SECOND;
	run_start(&run, w, 64);
	for (int i = 0; i < 2; i++) {
		int64_t deadline = clock_monotonic() + 60 * SECOND;
		struct pollfd fd = {queue_fd(run.queue), POLLIN, 0};
		assert_null(queue_take(run.queue));
		while (!input_rests(run.input, clock_monotonic()))
			assert_true(clock_monotonic() < deadline);
		input_wake(run.input);
		assert_int_equal(poll(&fd, 1, 60000), 1);
	}
	run_stop(&run);
	world_free(w);
}

/* A thread that has no time to show life: it is not started. */
static void
t06_a_host_that_slept_is_no_input_that_hangs(void **state)
{
	(void)state;
	struct err err = ERR_INIT;
	struct world *w = world_new("a.log");
	struct queue *queue = queue_new(1);
	struct input *input = input_new(
		&(struct input_setup){.config = &w->config, .rules = w->rules, .queue = queue},
		&err);
	int64_t now = clock_monotonic();
	assert_int_equal(input_life(input, now), INPUT_LIVES);
	now += HOUR;
	for (int i = 0; i <= 6; i++, now += 5 * SECOND)
		assert_int_equal(input_life(input, now), INPUT_LIVES);
	assert_int_equal(input_life(input, now), INPUT_STALLS);
	input_free(input);
	queue_free(queue);
	world_free(w);
}

/* It would wake who asked at once. */
static void
t07_input_that_polls_does_not_rest(void **state)
{
	(void)state;
	struct world *w = world_new("*.log");
	struct run run;
	append(w, "a.log", 0, 10);
	run_start(&run, w, 64);
	run_until(&run, 10);
	int64_t deadline = clock_monotonic() + 60 * SECOND;
	while (!input_rests(run.input, clock_monotonic() - MINUTE))
		assert_true(clock_monotonic() < deadline);
	assert_false(input_rests(run.input, clock_monotonic()));
	run_stop(&run);
	world_free(w);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_inotify_tells_at_once),
		cmocka_unit_test(t02_the_sweep_needs_no_inotify),
		cmocka_unit_test(t03_full_queue_does_not_keep_it_from_stopping),
		cmocka_unit_test(t04_status_tells_what_is_known),
		cmocka_unit_test(t05_input_that_rests_tells_when_it_works),
		cmocka_unit_test(t06_a_host_that_slept_is_no_input_that_hangs),
		cmocka_unit_test(t07_input_that_polls_does_not_rest),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
