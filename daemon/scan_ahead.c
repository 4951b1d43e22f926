#include "daemon/scan_ahead.h"

#include "daemon/base/mem.h"

#include <errno.h>
#include <pthread.h>
#include <stdbool.h>
#include <stdlib.h>
#include <unistd.h>

enum { BLOCKS = 3 };

/*
 * 1. Blocks first … first + filled - 1 (modulo BLOCKS) are the reader's to hand out, all others the
 *    thread's to fill; the one that was handed out last is still counted in `filled`.
 * 2. After a result of 0 or less the thread fills nothing more.
 */
struct scan_ahead {
	int fd;
	size_t block, slack;
	pthread_t thread;
	pthread_mutex_t lock;
	pthread_cond_t change;
	bool stop;
	bool lent; /* the first block is in use */
	size_t first, filled;
	ssize_t got[BLOCKS];
	int code[BLOCKS];
	char *bytes[BLOCKS];
};

static ssize_t
read_block(const struct scan_ahead *ahead, size_t i)
{
	ssize_t got;
	do
		got = read(ahead->fd, ahead->bytes[i] + ahead->slack, ahead->block);
	while (got < 0 && errno == EINTR);
	return got;
}

static void *
run(void *owner)
{
	struct scan_ahead *ahead = owner;
	ssize_t got = 1;
	for (size_t i = 0; got > 0; i = (i + 1) % BLOCKS) {
		pthread_mutex_lock(&ahead->lock);
		while (ahead->filled == BLOCKS && !ahead->stop)
			pthread_cond_wait(&ahead->change, &ahead->lock);
		bool stop = ahead->stop;
		pthread_mutex_unlock(&ahead->lock);
		if (stop)
			break;
		got = read_block(ahead, i);
		int code = got < 0 ? errno : 0;
		pthread_mutex_lock(&ahead->lock);
		ahead->got[i] = got;
		ahead->code[i] = code;
		ahead->filled++;
		pthread_cond_signal(&ahead->change);
		pthread_mutex_unlock(&ahead->lock);
	}
	return NULL;
}

static void
ahead_free(struct scan_ahead *ahead)
{
	for (size_t i = 0; i < BLOCKS; i++)
		free(ahead->bytes[i]);
	pthread_cond_destroy(&ahead->change);
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
	for (size_t i = 0; i < BLOCKS; i++)
		ahead->bytes[i] = mem_array(slack + block, 1);
	pthread_mutex_init(&ahead->lock, NULL);
	pthread_cond_init(&ahead->change, NULL);
	if (pthread_create(&ahead->thread, NULL, run, ahead) == 0)
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
	pthread_cond_signal(&ahead->change);
	pthread_mutex_unlock(&ahead->lock);
	pthread_join(ahead->thread, NULL);
	ahead_free(ahead);
}

ssize_t
scan_ahead_next(struct scan_ahead *ahead, char **bytes)
{
	pthread_mutex_lock(&ahead->lock);
	if (ahead->lent) {
		ahead->first = (ahead->first + 1) % BLOCKS;
		ahead->filled--;
		ahead->lent = false;
		pthread_cond_signal(&ahead->change);
	}
	while (ahead->filled == 0)
		pthread_cond_wait(&ahead->change, &ahead->lock);
	size_t i = ahead->first;
	ssize_t got = ahead->got[i];
	ahead->lent = got > 0;
	errno = ahead->code[i];
	pthread_mutex_unlock(&ahead->lock);
	*bytes = ahead->bytes[i] + ahead->slack;
	return got;
}
