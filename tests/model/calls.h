#ifndef MODEL_CALLS_H
#define MODEL_CALLS_H

#include <stdbool.h>
#include <stddef.h>

/*
 * The system calls that the follower makes, and its reading of archives: the linker leads them
 * here (--wrap, see model.mk). One of them can be made to fail, or something can be made to happen
 * between two of them. Only calls between calls_enter and calls_leave count.
 */
enum calls_fault {
	CALLS_EIO,
	CALLS_ENOSPC,
	CALLS_EMFILE,
	CALLS_EACCES,
	CALLS_ESTALE,
	CALLS_EINTR,
	CALLS_ENOMEM,
	CALLS_SHORT, /* a part of what was asked for is read or written */
	CALLS_FAULTS,
};

const char *
calls_fault_name(enum calls_fault fault);

void
calls_enter(void);
void
calls_leave(void);

/* Of the calls from now on that may fail so, the `at`-th does, from 1, and `count` - 1 behind it.
 */
void
calls_fail(enum calls_fault fault, unsigned at, unsigned count);
void
calls_fail_no_more(void);
bool
calls_have_failed(void); /* since calls_fail */

/* Called before the `at`-th call from now, outside of the count; NULL for nothing. */
void
calls_meet(void (*happen)(void *owner), void *owner, unsigned at);

#endif
