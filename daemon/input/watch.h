#ifndef AIWATCH_INPUT_WATCH_H
#define AIWATCH_INPUT_WATCH_H

#include "config/config.h"

/*
 * Watches folders and tells which names in them to look at: hints, never the truth. Where inotify
 * cannot serve (no instance left, no watch left, a file system on which others write unseen) the
 * sweep is the one source; watch_words says so.
 */
struct watch;

/* Never fails: without inotify it watches nothing. */
struct watch *
watch_new(enum config_watch mode);
void
watch_free(struct watch *watch); /* takes NULL */

/* Readable when there are hints; -1 where inotify does not serve. */
int
watch_fd(const struct watch *watch);

/*
 * Watches a folder: names that come and go and, `with_writes`, what is written to them. `subject`
 * comes back with each hint. Returns the watch's number, which watch_remove takes, or -1. The same
 * object watched twice has one number, keeps the first subject and tells what either asked for.
 */
int
watch_add(struct watch *watch, const char *path, bool with_writes, void *subject);
void
watch_remove(struct watch *watch, int number);

/* Tries again, at most once a minute, what failed for want of watches or instances: true where the
 * caller should add its watches again. */
bool
watch_retry(struct watch *watch, int64_t now);

struct watch_hint {
	void *subject;
	const char *name;  /* in the folder; NULL: the subject itself */
	bool came_or_went; /* a name appeared or disappeared: list the folder */
	bool is_folder;	   /* the name is a folder's */
	bool gone;	   /* the subject is not watched any more */
};

/* Calls on_hint for each that is there, bounded: watch_fd stays readable where more come. Returns
 * true where events were lost: look at everything. */
bool
watch_read(struct watch *watch, void (*on_hint)(void *owner, const struct watch_hint *hint),
	void *owner);

/* "inotify", or "poll: …" with the reason; borrowed. */
const char *
watch_words(const struct watch *watch);

/* Whether every folder that was added is watched: then nothing is found out only by sweeping. */
bool
watch_is_whole(const struct watch *watch);

/* Why inotify is blind on the path's file system, or NULL where it is not. */
const char *
watch_blindness(const char *path);

#endif
