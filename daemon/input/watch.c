#include "daemon/input/watch.h"

#include "daemon/base/clock.h"
#include "daemon/base/log.h"
#include "daemon/base/mem.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/vfs.h>
#include <unistd.h>

enum {
	FOLDER_EVENTS = IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE | IN_ATTRIB |
			IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR | IN_MASK_ADD,
	EVENT_ROOM = 64 * 1024,
	EVENT_MAX = sizeof(struct inotify_event) + NAME_MAX + 1,
	TURN_READS = 16, /* who writes faster than we read must not hold us */
};

/* In the order of numbers, which the kernel gives ascending: a new one mostly comes last. */
struct entry {
	int number;
	void *subject;
};

static char gone; /* the subject of what is not watched any more */

struct watch {
	int fd;
	enum config_watch mode;
	struct entry *entries;
	size_t count, room;
	size_t unused;	  /* entries of what is gone */
	int failure;	  /* errno of what could not be watched, 0 for none */
	int64_t retry_at; /* TIME_NONE: the first call sets it */
	bool blind;	  /* a folder lies where inotify is blind */
	char words[128];
};

/* Where other hosts, or another layer, write without this kernel's knowing. Numbers: statfs(2) and
 * linux/magic.h; the same that tail(1) polls. */
static const struct {
	uint32_t type;
	const char *name;
} BLIND[] = {
	{0x6969, "NFS"},
	{0xff534d42, "CIFS"},
	{0xfe534d42, "SMB2"},
	{0x517b, "SMB"},
	{0x65735546, "FUSE"},
	{0x794c7630, "overlayfs"},
	{0x61756673, "AUFS"},
	{0x00c36400, "Ceph"},
	{0x47504653, "GPFS"},
	{0x786f4256, "vboxsf"},
	{0x01021997, "9P"},
	{0x0bd00bd0, "Lustre"},
	{0x5346414f, "AFS"},
	{0x6b414653, "kAFS"},
	{0x73757245, "Coda"},
	{0x01161970, "GFS2"},
	{0x7461636f, "OCFS2"},
	{0xbacbacbc, "VMHGFS"},
	{0xaad7aaea, "PanFS"},
	{0x013111a8, "IBRIX"},
	{0x61636673, "ACFS"},
};

const char *
watch_blindness(const char *path)
{
	struct statfs fs;
	if (statfs(path, &fs) != 0)
		return NULL;
	for (size_t i = 0; i < COUNT(BLIND); i++) {
		if ((uint32_t)fs.f_type == BLIND[i].type)
			return BLIND[i].name;
	}
	return NULL;
}

static void
set_words(struct watch *watch, const char *words)
{
	if (strcmp(watch->words, words) == 0)
		return;
	snprintf(watch->words, sizeof watch->words, "%s", words);
	log_info("files are watched by %s", watch->words);
}

static void
fail(struct watch *watch, int code)
{
	char words[128];
	const char *what = code == ENOSPC ? "no inotify watch is left (fs.inotify.max_user_watches)"
			   : code == EMFILE ? "no inotify instance is left "
					      "(fs.inotify.max_user_instances)"
					    : strerrordesc_np(code);
	snprintf(words, sizeof words, "poll: %s", what ? what : "inotify does not serve");
	set_words(watch, words);
	watch->failure = code;
}

static void
open_instance(struct watch *watch)
{
	watch->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (watch->fd < 0)
		fail(watch, errno);
	else
		set_words(watch, "inotify");
}

struct watch *
watch_new(enum config_watch mode)
{
	struct watch *watch = mem_new(sizeof *watch);
	watch->mode = mode;
	watch->fd = -1;
	watch->retry_at = TIME_NONE;
	if (mode == CONFIG_WATCH_POLL)
		snprintf(watch->words, sizeof watch->words, "poll: as configured");
	else
		open_instance(watch);
	return watch;
}

void
watch_free(struct watch *watch)
{
	if (!watch)
		return;
	free(watch->entries);
	if (watch->fd >= 0)
		close(watch->fd);
	free(watch);
}

int
watch_fd(const struct watch *watch)
{
	return watch->fd;
}

static bool
is_blind(struct watch *watch, const char *path)
{
	const char *name = watch->mode == CONFIG_WATCH_AUTO ? watch_blindness(path) : NULL;
	if (!name)
		return false;
	if (!watch->blind) {
		char words[128];
		snprintf(words, sizeof words, "poll: inotify is blind on %s", name);
		set_words(watch, words);
	}
	watch->blind = true;
	return true;
}

/* The place of the number, or where it would stand. */
static size_t
place_of(const struct watch *watch, int number)
{
	size_t from = 0, until = watch->count;
	while (from < until) {
		size_t middle = from + (until - from) / 2;
		if (watch->entries[middle].number < number)
			from = middle + 1;
		else
			until = middle;
	}
	return from;
}

/* NULL where it is not watched. */
static struct entry *
find(const struct watch *watch, int number)
{
	size_t at = place_of(watch, number);
	bool stands = at < watch->count && watch->entries[at].number == number;
	return stands && watch->entries[at].subject != &gone ? &watch->entries[at] : NULL;
}

/* The number is not watched yet. */
static void
keep(struct watch *watch, int number, void *subject)
{
	size_t at = place_of(watch, number);
	if (at < watch->count && watch->entries[at].number == number) {
		watch->unused--;
		watch->entries[at].subject = subject;
		return;
	}
	if (watch->count == watch->room) {
		watch->room += watch->room / 4 + 16;
		watch->entries = mem_grow(watch->entries, watch->room, sizeof *watch->entries);
	}
	memmove(watch->entries + at + 1, watch->entries + at,
		(watch->count - at) * sizeof *watch->entries);
	watch->entries[at] = (struct entry){number, subject};
	watch->count++;
}

/* Where folders go by thousands each must not move all the others. */
static void
drop(struct watch *watch, struct entry *entry)
{
	size_t left = 0;
	entry->subject = &gone;
	if (++watch->unused <= watch->count / 2)
		return;
	for (size_t i = 0; i < watch->count; i++) {
		if (watch->entries[i].subject != &gone)
			watch->entries[left++] = watch->entries[i];
	}
	watch->count = left;
	watch->unused = 0;
}

int
watch_add(struct watch *watch, const char *path, bool with_writes, void *subject)
{
	if (watch->fd < 0 || is_blind(watch, path))
		return -1;
	uint32_t events = with_writes ? FOLDER_EVENTS | IN_MODIFY : FOLDER_EVENTS;
	int number = inotify_add_watch(watch->fd, path, events);
	if (number < 0) {
		if (errno == ENOSPC || errno == ENOMEM)
			fail(watch, errno);
		return -1;
	}
	if (!find(watch, number))
		keep(watch, number, subject);
	return number;
}

void
watch_remove(struct watch *watch, int number)
{
	struct entry *entry = find(watch, number);
	if (!entry)
		return;
	inotify_rm_watch(watch->fd, number);
	drop(watch, entry);
}

bool
watch_retry(struct watch *watch, int64_t now)
{
	if (!watch->failure || watch->mode == CONFIG_WATCH_POLL)
		return false;
	if (watch->retry_at == TIME_NONE)
		watch->retry_at = now + MINUTE;
	if (now < watch->retry_at)
		return false;
	watch->retry_at = TIME_NONE;
	watch->failure = 0;
	if (watch->fd < 0)
		open_instance(watch);
	else
		set_words(watch, "inotify");
	return watch->fd >= 0;
}

static void
take_event(struct watch *watch, const struct inotify_event *event,
	void (*on_hint)(void *owner, const struct watch_hint *hint), void *owner)
{
	struct entry *entry = find(watch, event->wd);
	if (!entry)
		return;
	struct watch_hint hint = {
		.subject = entry->subject,
		.name = event->len ? event->name : NULL,
		.came_or_went = event->mask & (IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE),
		.is_folder = event->mask & IN_ISDIR,
		.gone = event->mask & (IN_IGNORED | IN_UNMOUNT),
	};
	if (event->mask & IN_IGNORED)
		drop(watch, entry);
	on_hint(owner, &hint);
}

bool
watch_read(struct watch *watch, void (*on_hint)(void *owner, const struct watch_hint *hint),
	void *owner)
{
	char room[EVENT_ROOM] __attribute__((aligned(_Alignof(struct inotify_event))));
	bool lost = false;
	if (watch->fd < 0)
		return false;
	for (int i = 0; i < TURN_READS; i++) {
		ssize_t got = read(watch->fd, room, sizeof room);
		if (got <= 0)
			break;
		for (char *p = room; p < room + got;) {
			struct inotify_event *event = (struct inotify_event *)p;
			if (event->mask & IN_Q_OVERFLOW)
				lost = true;
			else
				take_event(watch, event, on_hint, owner);
			p += sizeof *event + event->len;
		}
		if (got <= EVENT_ROOM - EVENT_MAX) /* there were no more */
			break;
	}
	return lost;
}

const char *
watch_words(const struct watch *watch)
{
	return watch->words;
}

bool
watch_is_whole(const struct watch *watch)
{
	return watch->fd >= 0 && !watch->failure && !watch->blind;
}
