#ifndef AIWATCH_TESTS_FAULT_DISK_H
#define AIWATCH_TESTS_FAULT_DISK_H

#include <stdbool.h>

/*
 * A disk that fails on demand, under SQLite: a VFS (sqlite.org/vfs.html) before the system's own,
 * which counts the calls on files, lets one of them fail, and knows what of each file has been
 * synced, so that it can show what a power loss would have left.
 */
enum disk_fault {
	DISK_EIO,
	DISK_FULL,	/* writes, and memory for the log's index */
	DISK_SHORT,	/* half of the bytes are written, then there is no room */
	DISK_SYNC_LOST, /* a sync fails, and what it should have written never is */
};

void
disk_install(void); /* as SQLite's default */
void
disk_remove(void);
void
disk_forget(void); /* all that it knows of files */

/* The `at`-th call from now fails, and with `for_ever` all after it; 0 for none. */
void
disk_fail(unsigned long at, enum disk_fault fault, bool for_ever);
bool
disk_has_failed(void); /* since disk_fail */

/* Calls and syncs so far. */
unsigned long
disk_calls(void);
unsigned long
disk_syncs(void);

/* Whether statvfs tells of much room from now on, or of none. */
void
disk_set_plenty(bool has_plenty);

/* Called before every call that changes a file or syncs it; NULL for nothing. */
void
disk_on_change(void (*changed)(void *owner), void *owner);

/*
 * Writes to `directory` (emptied before) what a power loss at this moment leaves: all that was
 * synced, and of the rest what chance says; a write may be torn at 512 bytes.
 */
void
disk_lose_power(const char *directory, unsigned *seed);

#endif
