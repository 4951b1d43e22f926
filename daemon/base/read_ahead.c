#include "daemon/base/read_ahead.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

/*
 * Blocks have numbers, and number n stands in place n modulo their count.
 *
 * 1. Of blocks first … claimed - 1 each is filled or being filled by who claimed it; no other is
 *    touched. claimed - first is at most their count.
 * 2. The block that was handed out last is `first`, as long as it is lent.
 * 3. After a block that is not full nothing is claimed. Who asks for the next then reads on by
 *    himself from where it ended: to the end, to the error behind it, or what has been added.
 */
struct block {
	char *bytes; /* the slack first */
	ssize_t got;
	int code;
	bool is_filled;
};

struct read_ahead {
	struct read_ahead_setup setup;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t room, filled;
	bool stop;
	bool lent;
	bool ended; /* a block was not full */
	bool alone; /* it has been handed out; `rest` is where it ended */
	off_t rest;
	uint64_t first, claimed;
	struct block block[READ_AHEAD_BLOCKS];
};

static struct block *
block_of(struct read_ahead *ahead, uint64_t number)
{
	return &ahead->block[number % ahead->setup.blocks];
}

static off_t
place_of(const struct read_ahead *ahead, uint64_t number)
{
	return ahead->setup.at + (off_t)(number * (ahead->setup.block - ahead->setup.overlap));
}

static ssize_t
read_at(const struct read_ahead *ahead, const struct block *block, off_t at)
{
	const struct read_ahead_setup *setup = &ahead->setup;
	ssize_t got;
	do
		got = pread(setup->fd, block->bytes + setup->slack, setup->block, at);
	while (got < 0 && errno == EINTR);
	return got;
}

static bool
can_claim(const struct read_ahead *ahead)
{
	return !ahead->ended && !ahead->stop && ahead->claimed - ahead->first < ahead->setup.blocks;
}

/* Claims the next block and fills it; the lock is held, but while it reads. */
static void
fill_next(struct read_ahead *ahead)
{
	uint64_t number = ahead->claimed++;
	struct block *block = block_of(ahead, number);
	block->is_filled = false;
	pthread_mutex_unlock(&ahead->lock);
	ssize_t got = read_at(ahead, block, place_of(ahead, number));
	int code = errno;
	pthread_mutex_lock(&ahead->lock);
	block->got = got;
	block->code = code;
	block->is_filled = true;
	if (got < (ssize_t)ahead->setup.block)
		ahead->ended = true;
}

static void *
run(void *owner)
{
	struct read_ahead *ahead = owner;
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
ahead_free(struct read_ahead *ahead)
{
	for (size_t i = 0; i < ahead->setup.blocks; i++)
		free(ahead->block[i].bytes);
	pthread_cond_destroy(&ahead->filled);
	pthread_cond_destroy(&ahead->room);
	pthread_mutex_destroy(&ahead->lock);
	free(ahead);
}

struct read_ahead *
read_ahead_start(const struct read_ahead_setup *setup)
{
	struct read_ahead *ahead = mem_new(sizeof *ahead);
	ahead->setup = *setup;
	for (size_t i = 0; i < setup->blocks; i++)
		ahead->block[i].bytes = mem_array(setup->slack + setup->block, 1);
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->room, NULL);
	pthread_cond_init(&ahead->filled, NULL);
	if (pthread_create(&ahead->thread, NULL, run, ahead) == 0)
		return ahead;
	ahead_free(ahead);
	return NULL;
}

void
read_ahead_stop(struct read_ahead *ahead)
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
await_first(struct read_ahead *ahead)
{
	const struct block *block = block_of(ahead, ahead->first);
	while (ahead->claimed == ahead->first || !block->is_filled) {
		if (can_claim(ahead))
			fill_next(ahead);
		else
			pthread_cond_wait(&ahead->filled, &ahead->lock);
	}
}

static ssize_t
next_alone(struct read_ahead *ahead, const struct block *block)
{
	ssize_t got = read_at(ahead, block, ahead->rest);
	if (got > 0)
		ahead->rest += got;
	return got;
}

static ssize_t
next_filled(struct read_ahead *ahead, const struct block *block)
{
	ahead->lent = block->got == (ssize_t)ahead->setup.block;
	ahead->alone = !ahead->lent;
	ahead->rest = place_of(ahead, ahead->first) + (block->got > 0 ? block->got : 0);
	errno = block->code;
	return block->got;
}

/* Once it has filled them all the thread sleeps until half are free: waking it costs, too. */
ssize_t
read_ahead_next(struct read_ahead *ahead, char **bytes)
{
	ssize_t got;
	if (ahead->alone) {
		got = next_alone(ahead, block_of(ahead, ahead->first));
	} else {
		pthread_mutex_lock(&ahead->lock);
		ahead->first += ahead->lent;
		if (ahead->claimed - ahead->first <= ahead->setup.blocks / 2)
			pthread_cond_signal(&ahead->room);
		await_first(ahead);
		pthread_mutex_unlock(&ahead->lock);
		got = next_filled(ahead, block_of(ahead, ahead->first));
	}
	*bytes = block_of(ahead, ahead->first)->bytes + ahead->setup.slack;
	return got;
}
