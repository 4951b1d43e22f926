#include "daemon/base/clock.h"
#include "daemon/input/queue.h"

#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdlib.h>

#include <cmocka.h>

static struct batch *
numbered(uint64_t serial)
{
	struct batch *batch = batch_new(NULL, 0);
	batch->serial = serial;
	return batch;
}

static bool
is_readable(struct queue *queue, int wait)
{
	struct pollfd fd = {queue_fd(queue), POLLIN, 0};
	return poll(&fd, 1, wait) == 1;
}

static uint64_t
take(struct queue *queue)
{
	struct batch *batch = queue_take(queue);
	uint64_t serial = batch ? batch->serial : 0;
	batch_free(batch);
	return serial;
}

static void
t01_batches_come_out_in_order_and_wake(void **state)
{
	(void)state;
	struct queue *queue = queue_new(3);
	assert_false(is_readable(queue, 0));
	for (uint64_t i = 1; i <= 10; i++) {
		assert_true(queue_put(queue, numbered(i)));
		assert_true(queue_put(queue, numbered(i + 100)));
		assert_true(is_readable(queue, 0));
		assert_int_equal(take(queue), i);
		assert_true(is_readable(queue, 0));
		assert_int_equal(take(queue), i + 100);
		assert_false(is_readable(queue, 0));
		assert_int_equal(take(queue), 0);
	}
	queue_put(queue, numbered(1));
	queue_free(queue);
}

static void
t01a_woken_queue_is_readable_once(void **state)
{
	(void)state;
	struct queue *queue = queue_new(2);
	queue_wake(queue);
	queue_wake(queue);
	assert_true(is_readable(queue, 0));
	assert_int_equal(take(queue), 0);
	assert_false(is_readable(queue, 0));
	queue_wake(queue);
	queue_put(queue, numbered(1));
	queue_wake(queue);
	assert_true(is_readable(queue, 0));
	assert_int_equal(take(queue), 1);
	assert_false(is_readable(queue, 0));
	queue_free(queue);
}

static void
t02_full_queue_gives_up_in_time_and_when_nudged(void **state)
{
	(void)state;
	struct queue *queue = queue_new(1);
	struct batch *second = numbered(2);
	assert_true(queue_put(queue, numbered(1)));
	int64_t before = clock_monotonic();
	assert_false(queue_put_within(queue, second, 20000));
	assert_in_range(clock_monotonic() - before, 15000, 10 * SECOND);
	assert_false(queue_is_closed(queue));
	assert_int_equal(take(queue), 1);
	assert_true(queue_put_within(queue, second, 0));
	assert_int_equal(take(queue), 2);
	queue_free(queue);
}

struct putter {
	struct queue *queue;
	struct batch *batch;
	atomic_int result;
};

static void *
put_forever(void *argument)
{
	struct putter *putter = argument;
	putter->result = queue_put(putter->queue, putter->batch);
	return NULL;
}

static void *
put_long(void *argument)
{
	struct putter *putter = argument;
	putter->result = queue_put_within(putter->queue, putter->batch, 60 * SECOND);
	return NULL;
}

static void
t03_closing_lets_a_waiting_putter_go(void **state)
{
	(void)state;
	struct queue *queue = queue_new(1);
	assert_true(queue_put(queue, numbered(1)));
	struct putter putter = {queue, numbered(2), -1};
	pthread_t thread;
	pthread_create(&thread, NULL, put_forever, &putter);
	queue_close(queue);
	pthread_join(thread, NULL);
	assert_int_equal(putter.result, 0);
	assert_true(queue_is_closed(queue));
	assert_int_equal(take(queue), 1);
	assert_false(queue_put(queue, putter.batch));
	batch_free(putter.batch);
	queue_free(queue);
}

static void
t04_nudging_lets_a_waiting_putter_go(void **state)
{
	(void)state;
	struct queue *queue = queue_new(1);
	assert_true(queue_put(queue, numbered(1)));
	struct putter putter = {queue, numbered(2), -1};
	pthread_t thread;
	pthread_create(&thread, NULL, put_long, &putter);
	int64_t deadline = clock_monotonic() + 30 * SECOND;
	while (putter.result < 0 && clock_monotonic() < deadline)
		queue_nudge(queue);
	pthread_join(thread, NULL);
	assert_int_equal(putter.result, 0);
	batch_free(putter.batch);
	queue_free(queue);
}

static void
t05_taking_makes_room_for_a_waiting_putter(void **state)
{
	(void)state;
	struct queue *queue = queue_new(1);
	assert_true(queue_put(queue, numbered(1)));
	struct putter putter = {queue, numbered(2), -1};
	pthread_t thread;
	pthread_create(&thread, NULL, put_forever, &putter);
	assert_int_equal(take(queue), 1);
	assert_true(is_readable(queue, 30000));
	pthread_join(thread, NULL);
	assert_int_equal(putter.result, 1);
	assert_int_equal(take(queue), 2);
	queue_free(queue);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(t01_batches_come_out_in_order_and_wake),
		cmocka_unit_test(t01a_woken_queue_is_readable_once),
		cmocka_unit_test(t02_full_queue_gives_up_in_time_and_when_nudged),
		cmocka_unit_test(t03_closing_lets_a_waiting_putter_go),
		cmocka_unit_test(t04_nudging_lets_a_waiting_putter_go),
		cmocka_unit_test(t05_taking_makes_room_for_a_waiting_putter),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
