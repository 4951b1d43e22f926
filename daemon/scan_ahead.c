#include "daemon/scan_ahead.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCKS = 4 };

/*
 * Blocks have numbers, and number n stands in place n modulo BLOCKS.
 *
 * 1. Of blocks first … claimed - 1 each is filled or being filled by who claimed it; no other is
 *    touched. claimed - first is at most BLOCKS.
 * 2. The block that was handed out last is `first`, as long as it is lent.
 * 3. After a block that is not full nothing is claimed. Who asks for the next then reads on by
 *    himself from where it ended: to the end, to the error behind it, or what has been added.
 */
struct scan_ahead {
	int fd;
	size_t block, slack;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t room, filled;
	bool stop;
	bool lent;
	bool ended; /* a block was not full */
	bool alone; /* it has been handed out; `rest` is where it ended */
	off_t start, rest;
	uint64_t first, claimed;
	bool is_filled[BLOCKS];
	ssize_t got[BLOCKS];
	int code[BLOCKS];
	char *bytes[BLOCKS];
};

static ssize_t
read_at(const struct scan_ahead *ahead, size_t place, off_t at)
{
	ssize_t got;
	do
		got = pread(ahead->fd, ahead->bytes[place] + ahead->slack, ahead->block, at);
	while (got < 0 && errno == EINTR);
	return got;
}

static bool
can_claim(const struct scan_ahead *ahead)
{
	return !ahead->ended && !ahead->stop && ahead->claimed - ahead->first < BLOCKS;
}

/* Claims the next block and fills it; the lock is held, but while it reads. */
static void
fill_next(struct scan_ahead *ahead)
{
	uint64_t number = ahead->claimed++;
	size_t place = number % BLOCKS;
	ahead->is_filled[place] = false;
	pthread_mutex_unlock(&ahead->lock);
	ssize_t got = read_at(ahead, place, ahead->start + (off_t)(number * ahead->block));
	int code = errno;
	pthread_mutex_lock(&ahead->lock);
	ahead->got[place] = got;
	ahead->code[place] = code;
	ahead->is_filled[place] = true;
	if (got < (ssize_t)ahead->block)
		ahead->ended = true;
}

static void *
run(void *owner)
{
	struct scan_ahead *ahead = owner;
	pthread_mutex_lock(&ahead->lock);
	while (!ahead->ended && !ahead->stop) {
		if (!can_claim(ahead)) {
			pthread_cond_wait(&ahead->room, &ahead->lock);
			continue;
		}
		fill_next(ahead);
		pthread_cond_signal(&ahead->filled);
	}
	pthread_mutex_unlock(&ahead->lock);
	return NULL;
}

static void
ahead_free(struct scan_ahead *ahead)
{
	for (size_t i = 0; i < BLOCKS; i++)
		free(ahead->bytes[i]);
	pthread_cond_destroy(&ahead->filled);
	pthread_cond_destroy(&ahead->room);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}

struct scan_ahead *
scan_ahead_start(int fd, size_t block, size_t slack)
{
	struct scan_ahead *ahead = mem_new(sizeof *ahead);
	ahead->fd = fd;
	ahead->block = block;
	ahead->slack = slack;
	ahead->start = lseek(fd, 0, SEEK_CUR);
	for (size_t i = 0; i < BLOCKS; i++)
		ahead->bytes[i] = mem_array(slack + block, 1);
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->room, NULL);
	pthread_cond_init(&ahead->filled, NULL);
	if (ahead->start >= 0 && pthread_create(&ahead->thread, NULL, run, ahead) == 0)
		return ahead;
	ahead_free(ahead);
	return NULL;
}

void
scan_ahead_stop(struct scan_ahead *ahead)
{
	if (!ahead)
		return;
	pthread_mutex_lock(&ahead->lock);
	ahead->stop = true;
	pthread_cond_signal(&ahead->room);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
	ahead_free(ahead);
}

/* Whoever is free copies: while the thread is at the block that is wanted, the one behind it. */
static void
await_first(struct scan_ahead *ahead)
{
	size_t place = ahead->first % BLOCKS;
	while (ahead->claimed == ahead->first || !ahead->is_filled[place]) {
		if (can_claim(ahead))
			fill_next(ahead);
		else
			pthread_cond_wait(&ahead->filled, &ahead->lock);
	}
}

static ssize_t
next_alone(struct scan_ahead *ahead, size_t place)
{
	ssize_t got = read_at(ahead, place, ahead->rest);
	if (got > 0)
		ahead->rest += got;
	return got;
}

static ssize_t
next_filled(struct scan_ahead *ahead, size_t place)
{
	ssize_t got = ahead->got[place];
	ahead->lent = got == (ssize_t)ahead->block;
	ahead->alone = !ahead->lent;
	ahead->rest = ahead->start + (off_t)(ahead->first * ahead->block) + (got > 0 ? got : 0);
	errno = ahead->code[place];
	return got;
}

ssize_t
scan_ahead_next(struct scan_ahead *ahead, char **bytes)
{
	size_t place = ahead->first % BLOCKS;
	ssize_t got;
	if (ahead->alone) {
		got = next_alone(ahead, place);
	} else {
		pthread_mutex_lock(&ahead->lock);
		if (ahead->lent) {
			place = ++ahead->first % BLOCKS;
			pthread_cond_signal(&ahead->room);
		}
		await_first(ahead);
		pthread_mutex_unlock(&ahead->lock);
		got = next_filled(ahead, place);
	}
	*bytes = ahead->bytes[place] + ahead->slack;
	return got;
}
