#ifndef AIWATCH_BASE_MEM_H
#define AIWATCH_BASE_MEM_H

#include <stddef.h>

/*
 * Allocation that cannot fail: out of memory aborts, the supervisor restarts, and the promises make
 * that safe. Sizes that come from outside are bounded before they reach these. Free with free(3).
 */
void *
mem_new(size_t size) __attribute__((malloc, returns_nonnull, alloc_size(1))); /* zeroed */
void *
mem_array(size_t count, size_t size) __attribute__((returns_nonnull, alloc_size(1, 2)));
void *
mem_grow(void *old, size_t count, size_t size) __attribute__((returns_nonnull));

/* Copies. mem_text(NULL) is NULL; mem_copy adds a NUL behind the n bytes that is not counted. */
char *
mem_text(const char *text);
char *
mem_copy(const void *bytes, size_t n) __attribute__((returns_nonnull));
char *
mem_format(const char *format, ...) __attribute__((format(printf, 1, 2), returns_nonnull));

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* Large blocks go back to the system when they are freed, whatever was freed before. Once, early.
 */
void
mem_return_large(void);

/* Gives back to the system what is free now. */
void
mem_trim(void);

#endif
