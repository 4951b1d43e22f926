#ifndef AIWATCH_BASE_ERR_H
#define AIWATCH_BASE_ERR_H

#include <stdbool.h>

/*
 * An error carries its sentence to the one who decides. A function that can fail returns bool and
 * takes a `struct err *` last. The one who detects writes the sentence (lower case, names the
 * thing, says what was wanted); callers put their context in front; the top logs or prints it once.
 *
 * A struct err is a value: ERR_INIT, no fini. Sentences longer than the room end in "...".
 */
struct err {
	int code; /* errno of the cause, or 0 where there is none */
	char text[1024];
};

#define ERR_INIT ((struct err){0})

/* Sets the sentence and clears the code. Returns false, so that `return err_set(err, …)` fails. */
bool
err_set(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* As err_set, with ": " and the words for `code` (an errno value) behind it; the code is kept. */
bool
err_system(struct err *err, int code, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* Puts the text and ": " in front of the sentence that is there; the code stays. Returns false. */
bool
err_context(struct err *err, const char *format, ...) __attribute__((format(printf, 2, 3)));

#endif
