#include "daemon/input/queue.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

/*
 * 1. The eventfd is readable exactly while count > 0: it is written when the first batch comes and
 *    read when the last one goes, both under the lock.
 * 2. count <= limit; batches stand in ring[first], ring[first + 1] … in the order of their coming.
 * 3. Once closed, nothing comes in any more; what is there can still be taken.
 */
struct queue {
	pthread_mutex_t lock;
	pthread_cond_t room;
	int fd;
	bool closed;
	bool woken; /* the descriptor is readable though no batch waits */
	unsigned nudges;
	size_t limit, first, count;
	struct batch *ring[];
};

struct queue *
queue_new(size_t limit)
{
	if (limit == 0)
		limit = 1;
	struct queue *queue = mem_new(sizeof *queue + limit * sizeof queue->ring[0]);
	queue->limit = limit;
	queue->fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
	if (queue->fd < 0)
		log_fatal("cannot make an eventfd for the queue");
	pthread_mutex_init(&queue->lock, NULL);
	pthread_cond_init(&queue->room, NULL);
	return queue;
}

void
queue_free(struct queue *queue)
{
	if (!queue)
		return;
	for (size_t i = 0; i < queue->count; i++)
		batch_free(queue->ring[(queue->first + i) % queue->limit]);
	pthread_cond_destroy(&queue->room);
	pthread_mutex_destroy(&queue->lock);
	close(queue->fd);
	free(queue);
}

int
queue_fd(const struct queue *queue)
{
	return queue->fd;
}

static void
append(struct queue *queue, struct batch *batch)
{
	queue->ring[(queue->first + queue->count++) % queue->limit] = batch;
	if (queue->count == 1 && !queue->woken)
		eventfd_write(queue->fd, 1);
	queue->woken = false;
}

void
queue_wake(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	if (queue->count == 0 && !queue->woken) {
		queue->woken = true;
		eventfd_write(queue->fd, 1);
	}
	pthread_mutex_unlock(&queue->lock);
}

static void
set_unreadable(struct queue *queue)
{
	eventfd_t dropped;
	eventfd_read(queue->fd, &dropped);
	queue->woken = false;
}

bool
queue_put(struct queue *queue, struct batch *batch)
{
	pthread_mutex_lock(&queue->lock);
	while (queue->count == queue->limit && !queue->closed)
		pthread_cond_wait(&queue->room, &queue->lock);
	bool open = !queue->closed;
	if (open)
		append(queue, batch);
	pthread_mutex_unlock(&queue->lock);
	return open;
}

bool
queue_put_within(struct queue *queue, struct batch *batch, int64_t wait)
{
	struct timespec deadline = clock_deadline_in(wait);
	pthread_mutex_lock(&queue->lock);
	unsigned nudges = queue->nudges;
	while (queue->count == queue->limit && !queue->closed && queue->nudges == nudges) {
		if (pthread_cond_clockwait(
			    &queue->room, &queue->lock, CLOCK_MONOTONIC, &deadline) != 0)
			break;
	}
	bool put = !queue->closed && queue->count < queue->limit;
	if (put)
		append(queue, batch);
	pthread_mutex_unlock(&queue->lock);
	return put;
}

struct batch *
queue_take(struct queue *queue)
{
	struct batch *batch = NULL;
	pthread_mutex_lock(&queue->lock);
	if (queue->count) {
		batch = queue->ring[queue->first];
		queue->first = (queue->first + 1) % queue->limit;
		if (--queue->count == 0)
			set_unreadable(queue);
		pthread_cond_signal(&queue->room);
	} else if (queue->woken) {
		set_unreadable(queue);
	}
	pthread_mutex_unlock(&queue->lock);
	return batch;
}

bool
queue_is_closed(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	bool closed = queue->closed;
	pthread_mutex_unlock(&queue->lock);
	return closed;
}

void
queue_nudge(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->nudges++;
	pthread_cond_broadcast(&queue->room);
	pthread_mutex_unlock(&queue->lock);
}

void
queue_close(struct queue *queue)
{
	pthread_mutex_lock(&queue->lock);
	queue->closed = true;
	pthread_cond_broadcast(&queue->room);
	pthread_mutex_unlock(&queue->lock);
}
